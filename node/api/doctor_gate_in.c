/* Containers that this port held until a gate-in at another one ended its custody. That is how
 * it goes when a box left here without a collect, or when somebody there mistyped a number; the
 * first has to be looked into, the second undone. Told for a week, of the newest records of
 * each feed, and until it is held here again. */
#include "doctor.h"
#include "verb.h"

#include <p2p/custody.h>
#include <p2p/kind.h>

#include <stdio.h>

#define LEAVES_MAX 65536u /* of all feeds together */
#define TOLD_MS    (UINT64_C(7) * 24 * 3600 * 1000)

struct looking {
    struct p2p_visit *visit;
    struct p2p_ledger *ledger;
    uint32_t own; /* member */
    size_t found;
    char first[P2P_MESSAGE_BYTES];
};

static bool is_of(const struct looking *looking, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(looking->ledger->charter, feed);
    return info != NULL && info->member == looking->own;
}

static bool held_again(const struct p2p_node *node, const struct p2p_custody *custody)
{
    return !p2p_custody_is_over(custody->state) &&
           custody->holder == p2p_engine_own_feed(node->engine);
}

/* What one gate-in closed, if that was held here. */
static void look_at(struct looking *looking, const struct p2p_record_id *id,
                    const struct p2p_record *record)
{
    struct p2p_node *node = looking->visit->node;
    char container[P2P_CONTAINER_BYTES_MAX + 1];
    char by[P2P_ID_TEXT_BYTES];
    struct p2p_cites walk;
    struct p2p_record_id token;
    struct p2p_custody custody;
    size_t count;
    p2p_cites_begin(&walk, record);
    if (!p2p_cites_next(&walk, &token) ||
        p2p_custody_get(node->kv, record->circle, &token, &custody) != P2P_OK ||
        custody.state != P2P_CUSTODY_CLOSED || !is_of(looking, custody.holder) ||
        p2p_record_id_compare(&custody.step, id) != 0) {
        return;
    }
    snprintf(container, sizeof(container), "%.*s", (int)custody.container.len,
             (const char *)custody.container.data);
    if (p2p_custody_find(node, container, held_again, &custody, &count) == P2P_OK ||
        looking->found++ > 0) {
        return;
    }
    p2p_id_text(looking->ledger, id, by);
    snprintf(looking->first, sizeof(looking->first), "%s, by %s of %s", container, by,
             p2p_owner_name(looking->ledger, id->feed));
}

static void look_in(struct looking *looking, uint32_t number, size_t most)
{
    const struct p2p_node *node = looking->visit->node;
    const struct p2p_feed *feed = p2p_ledger_feed(looking->ledger, number);
    uint64_t index = feed != NULL ? feed->edge.size : 0;
    for (size_t looked = 0; index > 0 && looked < most; looked++) {
        const struct p2p_record_id id = {number, --index};
        struct p2p_slice leaf;
        struct p2p_record record;
        uint32_t kind = 0;
        uint32_t circle;
        if (p2p_feed_leaf(feed, node->kv, index, &leaf) == P2P_OK &&
            p2p_record_peek_kind(leaf, &kind, &circle) == P2P_OK &&
            kind == P2P_KIND_CUSTODY_GATE_IN && p2p_record_peek(&record, leaf) == P2P_OK &&
            record.time_ms + TOLD_MS > node->now.wall_ms) {
            look_at(looking, &id, &record);
        }
    }
}

void p2p_doctor_gate_ins(struct p2p_visit *visit)
{
    struct looking looking = {.visit = visit,
                              .ledger = p2p_engine_ledger_mut(visit->node->engine),
                              .own = p2p_engine_member(visit->node->engine)};
    uint32_t feeds = looking.ledger->feed_count;
    for (uint32_t i = 1; i < feeds; i++) {
        if (!is_of(&looking, i)) {
            look_in(&looking, i, LEAVES_MAX / feeds + 1);
        }
    }
    if (looking.found > 0) {
        p2p_doctor_note(visit, "gate-ins", false,
                        "look for it: if it stands here, tell them, and open custody anew; if "
                        "not, find out how it left",
                        "%zu container%s held here came in at another port in the last week, "
                        "which ended that: %s",
                        looking.found, looking.found == 1 ? "" : "s", looking.first);
    }
}
