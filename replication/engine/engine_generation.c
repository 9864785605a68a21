/* Generations: taking up the one that the charter grants this member, and sealing those of
 * others that it closed.
 *
 *     appends ----------(granted g+1)---------> closed --(its keys are held, nobody has any of
 *     restored, forked --(granted g+1)--> the same ------------- it)--> appends, in g+1
 *
 *     any --(the keys of the newest generation are not held)--> closed --(they come)--> as
 * above
 *
 * Promises:
 *   1. A node appends only in the newest generation, and only with its keys.
 *   2. It begins one, as nobody but the node that holds its keys may, once when the feed is
 * empty here, when the start-up rule is met, and when n-k+1+f of that feed's witnesses are
 *      connected, named the charter entry that grants it, and nothing of the feed: a backup put
 *      back from before it began it then learns that it did, and what it shows first is not
 *      shown to lines that are dead. That it began it is kept in the store.
 *   3. It never goes back to an earlier one, also not when two charter heads hide the newest.
 *   4. What was restored stays so through the generation it may have written in, as the copy
 *      told or, without one, the charter held at the start, or its keys, which were used. */
#include "engine_parts.h"

#include <string.h>

/* ---- the own feed ---- */

uint32_t p2p_engine_wants_keys(const struct p2p_engine *engine)
{
    const struct p2p_feed_info *own = p2p_charter_feed(engine->ledger.charter, engine->feed);
    if (engine->feed == 0 || own == NULL ||
        memcmp(own->key.bytes, engine->keys.feed.public_key.bytes, P2P_PUBLIC_BYTES) == 0) {
        return 0;
    }
    return own->generation;
}

/* Whether enough of the feed's witnesses are here, by what they said since it is granted, and
 * none of them named any of it. */
static bool nobody_has_any(const struct p2p_engine *engine, const struct p2p_feed_info *own)
{
    uint32_t n = own->witness_count;
    uint32_t needed = p2p_witness_answers(n);
    uint32_t heard = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer->closing || peer->hello_unknown) {
            continue;
        }
        if (own->number < peer->feed_cap &&
            (peer->feeds[own->number].hello_size > 0 || peer->feeds[own->number].size > 0)) {
            return false;
        }
        heard += p2p_witness_place(own, peer->member) >= 0 &&
                 peer->feed_cap > P2P_CHARTER_FEED &&
                 peer->feeds[P2P_CHARTER_FEED].size > own->entry;
    }
    return heard >= needed;
}

/* What keeps the own feed from being appended to; a generation other than the first, of which
 * nothing is here, is begun when it may be. */
static enum p2p_read_only state_of(struct p2p_engine *engine, bool *begins)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    const struct p2p_feed *own = p2p_engine_own(engine);
    if (p2p_engine_wants_keys(engine) != 0) {
        return P2P_READ_ONLY_CLOSED;
    }
    if (own->state == P2P_FEED_FORKED) {
        return P2P_READ_ONLY_FORKED;
    }
    if (engine->begun > info->generation || /* two charter heads hide the newer one */
        p2p_charter_hides_generation(engine->ledger.charter, engine->feed)) {
        return P2P_READ_ONLY_CLOSED;
    }
    if (info->generation > 1 && own->edge.size > 0 && engine->begun != info->generation) {
        engine->restored = info->generation; /* it was written, and not by what is known here */
    }
    if (engine->restored >= info->generation) {
        return P2P_READ_ONLY_RESTORED;
    }
    if (info->generation == 1 || own->edge.size > 0) {
        return P2P_READ_ONLY_NONE;
    }
    *begins = engine->complete && nobody_has_any(engine, info);
    if (*begins) {
        return P2P_READ_ONLY_NONE;
    }
    return engine->read_only == P2P_READ_ONLY_NONE ? P2P_READ_ONLY_CLOSED : engine->read_only;
}

/* What was named, mirrored and told of in the feed before it says nothing of this one. */
static enum p2p_err begin(struct p2p_engine *engine)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    engine->restored = 0;
    engine->mirrored_size = 0;
    engine->address_told = false;
    engine->last_heartbeat_ms = 0;
    engine->last_seen_ms = 0;
    if (engine->commit_number < engine->options.copy_commit) {
        engine->commit_number = engine->options.copy_commit;
    }
    for (size_t i = 0; i < engine->extra_count; i++) {
        engine->extras[i].noteworthy = true;
    }
    enum p2p_err err = p2p_engine_store_begun(engine, info->generation);
    return err == P2P_OK ? p2p_engine_load_seen(engine) : err;
}

enum p2p_err p2p_generation_follow(struct p2p_engine *engine)
{
    enum p2p_read_only before = engine->read_only;
    bool begins = false;
    if (p2p_engine_own(engine) == NULL ||
        (before != P2P_READ_ONLY_NONE && before != P2P_READ_ONLY_RESTORED &&
         before != P2P_READ_ONLY_FORKED && before != P2P_READ_ONLY_CLOSED)) {
        return P2P_OK;
    }
    engine->read_only = state_of(engine, &begins);
    if (engine->read_only != before && engine->arena != NULL) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_READ_ONLY,
                                                    .value = engine->read_only});
    }
    return begins ? begin(engine) : P2P_OK;
}

enum p2p_err p2p_generation_take(struct p2p_engine *engine,
                                 const struct p2p_generation_keys *keys)
{
    const struct p2p_feed_info *own = p2p_charter_feed(engine->ledger.charter, engine->feed);
    const struct p2p_member *member =
        p2p_charter_member(engine->ledger.charter, engine->member);
    if (p2p_engine_wants_keys(engine) != 0 && member != NULL &&
        memcmp(own->key.bytes, keys->feed.public_key.bytes, P2P_PUBLIC_BYTES) == 0 &&
        memcmp(member->witness_key.bytes, keys->witness.public_key.bytes, P2P_PUBLIC_BYTES) ==
            0) {
        engine->keys = *keys;
        if (keys->used && engine->begun < own->generation) {
            engine->restored = own->generation;
        }
        return p2p_generation_follow(engine);
    }
    return P2P_OK;
}

/* ---- sealing ---- */

/* Whether this member is among those whose `seen` of the closing entry seals the feed. */
static bool seals(const struct p2p_engine *engine, const struct p2p_feed_info *info)
{
    if (p2p_witness_place(info, engine->member) >= 0) {
        return true;
    }
    for (uint32_t i = 0; i < info->former_count; i++) {
        if (p2p_witness_member(info->former_witnesses[i]) == engine->member) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_generation_seal(struct p2p_engine *engine)
{
    uint64_t seen = engine->extras[P2P_CHARTER_FEED].seen_size;
    if (engine->read_only != P2P_READ_ONLY_NONE || engine->feed == 0 ||
        p2p_charter_good_size(engine->ledger.charter) <= seen) {
        return P2P_OK;
    }
    for (uint32_t i = 1; p2p_feed_set_next(&engine->due.closed, &i); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, i);
        if (info != NULL && info->closed != 0 && info->closed >= seen && seals(engine, info)) {
            return p2p_append_seen(engine);
        }
    }
    return P2P_OK;
}
