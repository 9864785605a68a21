/* Damaged records and payloads are fetched again: `want` from the signed head below them, and
 * what comes takes its place only if it leads to the head that is held. See engine_scrub.h. */
#include "engine_parts.h"
#include "ledger/once.h"
#include "ledger/views.h"

#include "feed/feed_mend.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- asking ---- */

/* The next peer that has named more of the feed than lies below the hole. */
static struct p2p_peer *next_peer(struct p2p_engine *engine, uint32_t feed,
                                  const struct p2p_hole *hole)
{
    for (unsigned i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[(hole->peer + i) % P2P_PEERS_MAX];
        if (peer->link != 0 && peer->greeted && !peer->closing && feed < peer->feed_cap &&
            peer->feeds[feed].size > hole->from) {
            return peer;
        }
    }
    return NULL;
}

/* The damaged payload of one record, if it is damaged: it is missing from here on, and asked
 * for like any other. */
static enum p2p_err forget_payload(struct p2p_engine *engine, const struct p2p_feed *feed,
                                   uint64_t index)
{
    const struct p2p_record_id id = {feed->number, index};
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice leaf;
    size_t bytes = 0;
    enum p2p_err err = p2p_feed_leaf(feed, engine->kv, index, &leaf);
    if (err == P2P_OK) {
        err = p2p_scrub_payload(engine, &id, leaf, &bytes);
    }
    if (err != P2P_CORRUPT) {
        return err;
    }
    p2p_once_forget(&engine->ledger);
    err = p2p_lack_again(engine, &id);
    return err == P2P_NOTFOUND /* of a circle that this member has left */
               ? p2p_kv_del(engine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &id))
               : err;
}

/* Nobody who is here has the records whose payloads are damaged: of our own feed, perhaps
 * nobody ever will. The records themselves are whole, and what they say is not held up. */
static enum p2p_err forget(struct p2p_engine *engine, uint32_t number, struct p2p_hole *hole)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    enum p2p_err err = P2P_OK;
    for (uint64_t i = hole->at; i < hole->to && i < feed->edge.size && err == P2P_OK; i++) {
        err = forget_payload(engine, feed, i);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_alloc_free(engine->options.alloc, hole);
    engine->extras[number].hole = NULL;
    p2p_feed_set_remove(&engine->due.holes, number);
    engine->scrub.next_ms = engine->now.mono_ms; /* what lies behind it was not looked at */
    return p2p_scrub_settle(engine);
}

static bool has_peer(const struct p2p_engine *engine)
{
    for (unsigned i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && peer->greeted && !peer->closing) {
            return true;
        }
    }
    return false;
}

static enum p2p_err ask(struct p2p_engine *engine, uint32_t feed, struct p2p_hole *hole)
{
    struct p2p_peer *peer = next_peer(engine, feed, hole);
    const struct p2p_want want = {.feed = feed, .from = hole->from};
    uint8_t bytes[64];
    struct p2p_writer out;
    hole->until_ms = engine->now.mono_ms + P2P_WANT_TIMEOUT_MS;
    if (peer == NULL && hole->table == P2P_TABLE_PAYLOAD && has_peer(engine)) {
        hole->looked++;
        if (hole->looked > P2P_REPAIR_LOOKS) {
            return forget(engine, feed, hole);
        }
    }
    if (peer == NULL) {
        hole->until_ms = engine->now.mono_ms + P2P_REPAIR_LOOK_MS;
        return P2P_OK;
    }
    hole->peer = (unsigned)(peer - engine->peers) + 1;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_want_write(&out, &want);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_repair_ask(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; err == P2P_OK && p2p_feed_set_next(&engine->due.holes, &i); i++) {
        struct p2p_hole *hole = engine->extras[i].hole;
        if (engine->now.mono_ms >= hole->until_ms) {
            err = ask(engine, i, hole);
        }
        if (engine->extras[i].hole != NULL) {
            p2p_wake_at(wake_ms, hole->until_ms);
        }
    }
    return err;
}

void p2p_repair_refused(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_hole *hole = engine->extras[feed].hole;
    if (hole != NULL) {
        hole->until_ms = 0; /* the next peer, at once */
    }
}

/* ---- taking ---- */

/* A hole is filled record by record, by runs of whatever length peers send. */
struct filling {
    struct p2p_feed *feed;
    struct p2p_hole *hole;
    const struct p2p_feed_info *info;
    const struct p2p_arrival *arrivals; /* from index hole->from on */
    uint64_t to;                        /* of them, below what is held */
};

/* Whether what came leads to the head that is held at the end of the hole; what ends before is
 * believed by its own head, since the rest of the hole is looked at again. */
static enum p2p_err leads_to_held(struct p2p_engine *engine, const struct filling *filling,
                                  bool *leads)
{
    const struct p2p_feed *feed = filling->feed;
    struct p2p_edge edge = filling->hole->edge;
    struct p2p_tree_head head;
    struct p2p_hash root;
    uint64_t end = filling->hole->to;
    *leads = true;
    if (filling->to < end) {
        return P2P_OK;
    }
    for (uint64_t i = filling->hole->from; i < end; i++) {
        p2p_edge_append(&edge, &filling->arrivals[i - filling->hole->from].leaf_hash, NULL);
    }
    root = p2p_edge_root(&edge);
    enum p2p_err err = p2p_feed_head_from(feed, engine->kv, end, &head);
    *leads = err == P2P_OK && (head.size != end || p2p_hash_equal(&root, &head.root));
    return err == P2P_CORRUPT ? P2P_OK : err;
}

/* Whether it is known why this node has no payload of a record. */
static enum p2p_err may_be_missing(struct p2p_engine *engine, const struct p2p_record_id *id,
                                   const struct p2p_arrival *arrival, bool *may)
{
    enum p2p_err err = arrival->record.body_type == P2P_BODY_COMMITMENT
                           ? p2p_lack_told(engine, id, arrival->record.circle)
                           : P2P_OK;
    *may = err == P2P_OK;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The record as it is stored: whether it, and its payload, are what came. */
static enum p2p_err compare(struct p2p_engine *engine, const struct filling *filling,
                            uint64_t index, const struct p2p_arrival *arrival, bool *same)
{
    const struct p2p_record_id id = {filling->feed->number, index};
    struct p2p_slice leaf;
    struct p2p_slice salted;
    enum p2p_err err = p2p_feed_leaf(filling->feed, engine->kv, index, &leaf);
    *same = err == P2P_OK && p2p_slice_equal(leaf, arrival->record.leaf);
    if (*same) {
        err = p2p_ledger_salted(&engine->ledger, &id, &salted);
        *same = err == P2P_OK && arrival->salted.len > 0 &&
                p2p_slice_equal(salted, arrival->salted);
        if (err == P2P_NOTFOUND) {
            err = may_be_missing(engine, &id, arrival, same);
        }
    }
    return err == P2P_NOTFOUND || err == P2P_CORRUPT ? P2P_OK : err;
}

/* The payload takes its place. What this member alone ever held and cannot read any more is
 * lost, as after the loss of the whole store. */
static enum p2p_err fill_payload(struct p2p_engine *engine, const struct p2p_record_id *id,
                                 const struct p2p_arrival *arrival)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice salted;
    struct p2p_slice payload;
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    enum p2p_err err = p2p_ledger_salted(&engine->ledger, id, &salted);
    bool gone = err == P2P_NOTFOUND;
    if (gone) {
        bool may;
        err = may_be_missing(engine, id, arrival, &may);
        if (err != P2P_OK || may) {
            return err;
        }
        err = P2P_CORRUPT;
    }
    if (err != P2P_OK && err != P2P_CORRUPT) {
        return err;
    }
    if (arrival->salted.len > 0) {
        return p2p_kv_put(engine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id), arrival->salted);
    }
    if (err == P2P_OK && p2p_record_open(&arrival->record, p2p_slice_text(info->origin), salted,
                                         &payload) == P2P_OK) {
        return P2P_OK;
    }
    err = gone ? P2P_OK : p2p_kv_del(engine->kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, id));
    return err == P2P_OK ? p2p_lack_arrived(engine, id, arrival) : err;
}

static enum p2p_err fill(struct p2p_engine *engine, const struct filling *filling)
{
    uint64_t from = filling->hole->from;
    size_t count = (size_t)(filling->to - from);
    struct p2p_slice *leaves = p2p_arena_take(engine->arena, (count + 1) * sizeof(*leaves));
    bool *same = p2p_arena_take(engine->arena, count + 1);
    if (leaves == NULL || same == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        leaves[i] = filling->arrivals[i].record.leaf;
        err = compare(engine, filling, from + i, &filling->arrivals[i], &same[i]);
    }
    if (err == P2P_OK) {
        err =
            p2p_feed_mend_leaves(filling->feed, engine->kv, engine->arena, from, leaves, count);
        p2p_judge_forget(&engine->ledger);
        p2p_once_forget(&engine->ledger);
    }
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        const struct p2p_record_id id = {filling->feed->number, from + i};
        if (!same[i] && filling->arrivals[i].record.body_type == P2P_BODY_COMMITMENT) {
            err = fill_payload(engine, &id, &filling->arrivals[i]);
        }
        if (!same[i] && err == P2P_OK) {
            p2p_scrub_mended(engine, filling->hole->table, id.feed, id.index);
            err = p2p_ledger_touch_again(&engine->ledger, &id);
            err = err == P2P_CORRUPT ? P2P_OK : err; /* what it rests on is mended later */
        }
    }
    return err;
}

/* The hole ends, or goes on behind what came. */
static void advance(struct p2p_engine *engine, uint32_t feed, const struct filling *filling)
{
    struct p2p_hole *hole = filling->hole;
    struct p2p_scrub *scrub = &engine->scrub;
    if (filling->to >= hole->to) {
        p2p_alloc_free(engine->options.alloc, hole);
        engine->extras[feed].hole = NULL;
        p2p_feed_set_remove(&engine->due.holes, feed);
        scrub->next_ms = engine->now.mono_ms; /* what lies behind it was not looked at */
        return;
    }
    for (uint64_t i = hole->from; i < filling->to; i++) {
        p2p_edge_append(&hole->edge, &filling->arrivals[i - hole->from].leaf_hash, NULL);
    }
    hole->from = filling->to;
    hole->until_ms = 0;
}

enum p2p_err p2p_repair_run(struct p2p_engine *engine, struct p2p_peer *peer,
                            const struct p2p_run *run)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, run->feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, run->feed);
    struct p2p_hole *hole = engine->extras[run->feed].hole;
    uint64_t at = run->first;
    if (run->first > hole->from || run->head.size <= hole->from) {
        return P2P_OK; /* not what was asked for */
    }
    struct p2p_edge *edge = p2p_arena_take(engine->arena, sizeof(*edge));
    struct p2p_arrival *arrivals =
        p2p_arena_take(engine->arena, (run->count + 1) * sizeof(*arrivals));
    struct p2p_hash *interior =
        p2p_arena_take(engine->arena, (run->count + P2P_TREE_LEVELS_MAX) * sizeof(*interior));
    if (edge == NULL || arrivals == NULL || interior == NULL) {
        return P2P_NOMEM;
    }
    *edge = hole->edge;
    enum p2p_err err = p2p_receive_check(engine, info, run, edge, arrivals, interior, &at);
    if (err == P2P_NOMEM) {
        return err;
    }
    struct p2p_hash root = p2p_edge_root(edge);
    struct filling filling = {.feed = feed,
                              .hole = hole,
                              .info = info,
                              .arrivals = arrivals,
                              .to = run->head.size < feed->edge.size ? run->head.size
                                                                     : feed->edge.size};
    bool leads = err == P2P_OK && p2p_hash_equal(&root, &run->head.root);
    enum p2p_err refused = err != P2P_OK ? err : P2P_MISMATCH;
    if (leads) {
        err = leads_to_held(engine, &filling, &leads);
        if (err != P2P_OK) {
            return err;
        }
    }
    if (!leads) {
        p2p_engine_refuse(engine, peer->member, run->feed, at, refused);
        /* At once another, but not for ever: perhaps all others hold another history. */
        bool again = ++hole->astray < P2P_PEERS_MAX;
        hole->until_ms = again ? 0 : engine->now.mono_ms + P2P_REPAIR_LOOK_MS;
        return P2P_OK;
    }
    err = fill(engine, &filling);
    if (err == P2P_CORRUPT) { /* more is damaged than what came can mend */
        hole->until_ms = 0;
        return P2P_OK;
    }
    if (err == P2P_OK && run->head.size < feed->edge.size) {
        err = p2p_feed_mend_head(feed, engine->kv, run->head.size, &run->head);
        if (hole->table == P2P_TABLE_CHECKPOINT) {
            p2p_scrub_mended(engine, hole->table, run->feed, run->head.size - 1);
        }
    }
    if (err != P2P_OK) {
        return err;
    }
    advance(engine, run->feed, &filling);
    return p2p_scrub_settle(engine);
}
