#include "withheld.h"

#include <stdlib.h>

struct p2p_withheld_feed {
    uint64_t walked; /* leaves looked at */
    enum p2p_feed_state state;
    uint64_t ends_at;
};

void p2p_withheld_free(struct p2p_withheld *withheld)
{
    if (withheld != NULL) {
        free(withheld->counts);
        free(withheld->feeds);
        free(withheld);
    }
}

static struct p2p_withheld *begin(const struct p2p_ledger *ledger)
{
    struct p2p_withheld *withheld = calloc(1, sizeof(*withheld));
    if (withheld == NULL) {
        return NULL;
    }
    withheld->circle_count = (size_t)p2p_charter_circle_count(ledger->charter) + 1;
    withheld->feed_count = ledger->feed_count;
    withheld->charter_size = p2p_charter_good_size(ledger->charter);
    withheld->counts = calloc(withheld->circle_count, sizeof(*withheld->counts));
    withheld->feeds = calloc(withheld->feed_count + 1, sizeof(*withheld->feeds));
    if (withheld->counts == NULL || withheld->feeds == NULL) {
        p2p_withheld_free(withheld);
        return NULL;
    }
    for (size_t i = 0; i < withheld->feed_count; i++) {
        withheld->feeds[i].state = ledger->feeds[i]->state;
        withheld->feeds[i].ends_at = ledger->feeds[i]->ends_at;
    }
    return withheld;
}

/* Whether what was counted may have been taken back, or circles and their members changed. */
static bool is_stale(const struct p2p_withheld *withheld, const struct p2p_ledger *ledger)
{
    if (withheld->feed_count != ledger->feed_count ||
        withheld->charter_size != p2p_charter_good_size(ledger->charter)) {
        return true;
    }
    for (size_t i = 0; i < withheld->feed_count; i++) {
        const struct p2p_withheld_feed *was = &withheld->feeds[i];
        const struct p2p_feed *is = ledger->feeds[i];
        if (was->state != is->state || was->ends_at != is->ends_at ||
            was->walked > is->edge.size) {
            return true;
        }
    }
    return false;
}

/* Whether the payloads of a circle are kept from this member. */
static bool is_withheld(const struct p2p_node *node, const struct p2p_record *record)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_circle *circle = p2p_charter_circle(charter, record->circle);
    return record->body_type == P2P_BODY_COMMITMENT && record->circle != 0 &&
           (circle == NULL || !p2p_circle_has(circle, p2p_engine_member(node->engine)));
}

static enum p2p_err walk_feed(struct p2p_node *node, struct p2p_withheld *withheld,
                              uint32_t number, uint32_t *budget)
{
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(node->engine), number);
    struct p2p_feed_walk walk;
    struct p2p_withheld_feed *at = &withheld->feeds[number];
    enum p2p_err err = P2P_OK;
    p2p_feed_walk_begin(&walk, feed, node->kv, at->walked);
    while (err == P2P_OK && *budget > 0 && at->walked < feed->edge.size) {
        struct p2p_slice leaf;
        struct p2p_record record;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            err = p2p_record_peek(&record, leaf);
        }
        if (err == P2P_OK) {
            at->walked++;
            (*budget)--;
            if (is_withheld(node, &record) && record.circle < withheld->circle_count) {
                withheld->counts[record.circle]++;
            }
        }
    }
    withheld->whole = withheld->whole && at->walked == feed->edge.size;
    return err;
}

const struct p2p_withheld *p2p_node_withheld(struct p2p_node *node, uint32_t budget)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    if (node->withheld != NULL && is_stale(node->withheld, ledger)) {
        p2p_withheld_free(node->withheld);
        node->withheld = NULL;
    }
    if (node->withheld == NULL) {
        node->withheld = begin(ledger);
    }
    if (node->withheld == NULL) {
        return NULL;
    }
    node->withheld->whole = true;
    for (uint32_t i = 1; i < node->withheld->feed_count; i++) {
        if (walk_feed(node, node->withheld, i, &budget) != P2P_OK) {
            return NULL;
        }
    }
    return node->withheld;
}
