/* What forbids does not go with a branch: each ban, block or release that a forked feed is
 * about to lose stands in a `rescued` record of this node, in the same commit; a node that may
 * not append keeps it aside (kept.h) and its gate goes on refusing by it. So nobody waits for
 * others.
 *
 *     in the feed --taken back, may append--> carried by a record of ours
 *          |                                      ^
 *          +--taken back, may not--> kept aside --+--held again, or carried by another--> gone
 *
 * A carrier that is itself about to go, since its feed forked in its turn, is such a ban too.
 */
#include "engine_parts.h"

#include <p2p/kept.h>

#include <string.h>

/* Of those kept aside, so many are carried in one batch. */
#define RESCUED_IN_BATCH 64u

static bool may_append(const struct p2p_engine *engine)
{
    return engine->read_only == P2P_READ_ONLY_NONE && engine->feed != 0;
}

static enum p2p_err carry(struct p2p_engine *engine, const struct p2p_rescued *rescued)
{
    struct p2p_pack pack;
    struct p2p_record_id id;
    enum p2p_err err = p2p_engine_pack(
        engine, 64 + rescued->leaf.len + rescued->salted.len + rescued->proof.len, &pack);
    if (err == P2P_OK) {
        err = p2p_rescued_pack(&pack, rescued);
    }
    if (err == P2P_TOOLARGE) {
        p2p_engine_refuse(engine, engine->member, rescued->feed, rescued->index, err);
        return P2P_OK;
    }
    const struct p2p_append record = {.kind = P2P_KIND_RESCUED,
                                      .circle = rescued->record.circle,
                                      .payload = p2p_pack_slice(&pack)};
    return err == P2P_OK ? p2p_append_own(engine, &record, &id) : err;
}

/* No record says what is kept aside, and nothing else does when its rows are gone: so how many
 * there are stands elsewhere. META: `kept` -> number u64. */
static const char kept_name[] = "kept";

static enum p2p_err store_kept(struct p2p_engine *engine)
{
    uint8_t value[8];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u64(&out, engine->kept + engine->kept_lost);
    return p2p_kv_put(engine->kv, P2P_TABLE_META, p2p_slice_text(kept_name),
                      p2p_writer_slice(&out));
}

static enum p2p_err keep(struct p2p_engine *engine, const struct p2p_rescued *rescued,
                         bool *full)
{
    bool fresh = false;
    if (engine->kept >= P2P_KEPT_MAX) {
        *full = true;
        return P2P_OK;
    }
    enum p2p_err err = p2p_kept_put(&engine->ledger, rescued, &fresh);
    if (err == P2P_TOOLARGE) {
        p2p_engine_refuse(engine, engine->member, rescued->feed, rescued->index, err);
        return P2P_OK;
    }
    if (fresh) {
        engine->kept++;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_KEPT,
                                                    .feed = rescued->feed,
                                                    .at = rescued->index});
        return store_kept(engine);
    }
    return err;
}

/* That the feed signed a head above a record, and that this is what stands there. The proof
 * lives in the batch's arena. */
static enum p2p_err prove(struct p2p_engine *engine, const struct p2p_record_id *id,
                          struct p2p_slice *proof)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    struct p2p_feed_hashes source = {.feed = id->feed, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_rescued_proof stands = {.head = feed->head};
    uint8_t *bytes = p2p_arena_take(engine->arena, P2P_RESCUED_PROOF_BYTES_MAX);
    enum p2p_err err = bytes == NULL ? P2P_NOMEM : p2p_feed_flush(feed, engine->kv);
    if (err == P2P_OK) {
        err = p2p_tree_inclusion(&reader, id->index, feed->head.size, &stands.path);
    }
    if (err == P2P_OK) {
        *proof = p2p_rescued_prove(&stands, bytes);
    }
    return err;
}

/* The ban, block or release that goes with a record, if one does: its own, or the one it
 * carries. out: leaf, salted and proof live in the batch's arena. P2P_NOTFOUND: none. */
static enum p2p_err carried_by(struct p2p_engine *engine, const struct p2p_entry *entry,
                               struct p2p_rescued *out)
{
    struct p2p_ledger *ledger = &engine->ledger;
    struct p2p_rescued rescued;
    struct p2p_slice salted;
    enum p2p_why why = P2P_WHY_NONE;
    if (p2p_rescued_carries(ledger, entry, &rescued)) {
        *out = rescued; /* as the entry does */
        return P2P_OK;
    }
    bool release = entry->record.kind == P2P_KIND_USE;
    if ((entry->payload.len == 0 && !release) || !p2p_rescued_kind(entry->record.kind)) {
        return P2P_NOTFOUND;
    }
    bool was_cut = false;
    enum p2p_err err = release ? p2p_judge_step(ledger, entry, &why, &was_cut)
                               : p2p_judge(ledger, entry, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    rescued = (struct p2p_rescued){.feed = entry->id.feed,
                                   .index = entry->id.index,
                                   .leaf = entry->record.leaf,
                                   .record = entry->record,
                                   .hash = p2p_leaf_hash(entry->record.leaf)};
    if (release) {
        err = prove(engine, &entry->id, &rescued.proof);
        *out = rescued;
        return err;
    }
    err = p2p_ledger_salted(ledger, &entry->id, &salted);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    salted = p2p_arena_copy(engine->arena, salted);
    rescued.salted = salted;
    rescued.payload = entry->payload;
    *out = rescued;
    return salted.data == NULL ? P2P_NOMEM : P2P_OK;
}

enum p2p_err p2p_rescue(struct p2p_engine *engine, uint32_t feed, uint64_t from, bool *full)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_record_id going = {feed, from};
    const struct p2p_charter *charter = engine->ledger.charter;
    enum p2p_err err = P2P_OK;
    *full = false;
    for (uint64_t i = from; i < held->edge.size && err == P2P_OK && !*full; i++) {
        const struct p2p_record_id id = {feed, i};
        struct p2p_entry entry;
        struct p2p_rescued rescued;
        bool carried = false;
        err = p2p_ledger_entry(&engine->ledger, &id, &entry);
        if (err != P2P_OK) {
            break;
        }
        err = carried_by(engine, &entry, &rescued);
        if (err != P2P_OK) {
            err = err == P2P_NOTFOUND ? P2P_OK : err;
            continue;
        }
        const struct p2p_circle *circle = p2p_charter_circle(charter, rescued.record.circle);
        if (rescued.record.circle != 0 &&
            (circle == NULL || !p2p_circle_has(circle, engine->member))) {
            continue; /* not ours to carry */
        }
        err = p2p_rescued_held(&engine->ledger, &rescued, &going, &carried);
        if (err == P2P_OK && !carried) {
            err = may_append(engine) && feed != engine->feed ? carry(engine, &rescued)
                                                             : keep(engine, &rescued, full);
        }
    }
    return err;
}

/* ---- what is kept aside ---- */

enum p2p_err p2p_rescue_open(struct p2p_engine *engine)
{
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_kept_count(engine->kv, &engine->kept);
    engine->kept_due = engine->kept > 0;
    if (err == P2P_OK) {
        err = p2p_kv_get(engine->kv, P2P_TABLE_META, p2p_slice_text(kept_name), &value);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_reader_init(&in, value);
    uint64_t stored = p2p_reader_u64(&in);
    engine->kept_lost = stored > engine->kept ? (size_t)(stored - engine->kept) : 0;
    engine->scrub.told.lost_bans = engine->kept_lost;
    return p2p_reader_done(&in) ? P2P_OK : P2P_CORRUPT;
}

/* So that it outlives writes: what is read of it again is in leaf and salted. */
static enum p2p_err copy(struct p2p_engine *engine, struct p2p_rescued *rescued)
{
    bool release = rescued->proof.len > 0;
    struct p2p_slice *with = release ? &rescued->proof : &rescued->salted;
    rescued->leaf = p2p_arena_copy(engine->arena, rescued->leaf);
    *with = p2p_arena_copy(engine->arena, *with);
    if (rescued->leaf.data == NULL || with->data == NULL) {
        return P2P_NOMEM;
    }
    if (release) {
        return P2P_OK; /* its payload is empty */
    }
    rescued->payload = p2p_slice_of(rescued->salted.data + P2P_SALT_BYTES,
                                    rescued->salted.len - P2P_SALT_BYTES);
    return P2P_OK;
}

static bool news(const struct p2p_engine *engine)
{
    uint32_t feed = 0;
    return p2p_feed_set_next(&engine->due.grew, &feed);
}

/* One that is kept: dropped, carried, or left. */
static enum p2p_err settle(struct p2p_engine *engine, struct p2p_rescued *rescued,
                           bool *carried)
{
    bool needless = false;
    enum p2p_err err = p2p_rescued_is_there(&engine->ledger, rescued, &needless);
    *carried = false;
    if (err == P2P_OK && !needless) {
        err = p2p_rescued_held(&engine->ledger, rescued, NULL, &needless);
    }
    bool leave = !needless && !may_append(engine);
    if (err != P2P_OK || (leave && !engine->kept_due)) {
        return err;
    }
    err = copy(engine, rescued);
    if (err == P2P_OK && leave) {
        return p2p_kept_mend(&engine->ledger, rescued);
    }
    if (err == P2P_OK && !needless) {
        err = carry(engine, rescued);
        *carried = true;
    }
    engine->kept--;
    if (err == P2P_OK) {
        err = p2p_kept_drop(&engine->ledger, rescued);
    }
    return err == P2P_OK ? store_kept(engine) : err;
}

enum p2p_err p2p_rescue_settle(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_rescued rescued;
    struct p2p_hash last;
    unsigned count = 0;
    if (engine->kept == 0 || !p2p_engine_stores(engine) ||
        !(engine->kept_due || may_append(engine) || news(engine))) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_kept_next(&engine->ledger, engine->kv, NULL, &rescued);
    while (err == P2P_OK || err == P2P_CORRUPT) {
        bool carried = false;
        last = rescued.hash;
        if (err == P2P_CORRUPT) { /* the gate refers for it; nothing here can mend it */
            p2p_engine_refuse(engine, engine->member, 0, 0, P2P_CORRUPT);
        } else {
            err = settle(engine, &rescued, &carried);
            if (err != P2P_OK) {
                return err;
            }
        }
        count += carried;
        if (count == RESCUED_IN_BATCH) {
            p2p_wake_at(wake_ms, engine->now.mono_ms + 1);
            return P2P_OK;
        }
        err = p2p_kept_next(&engine->ledger, engine->kv, &last, &rescued);
    }
    engine->kept_due = false;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}
