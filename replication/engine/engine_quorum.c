/* What many witnesses say together: quorums, stored and passed on with the newest heartbeats,
 * and quorum time. */
#include "engine_parts.h"

#include <stdlib.h>

/* ---- quorums ---- */

static enum p2p_err settle(struct p2p_engine *engine, const struct p2p_feed *held)
{
    struct p2p_witnessing *witnessing = &engine->extras[held->number].witnessing;
    bool found = false;
    enum p2p_err err =
        p2p_witnessing_settle(witnessing, engine->ledger.charter, held, engine->kv, &found);
    if (found) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_WITNESSED,
                                                    .feed = held->number,
                                                    .at = witnessing->quorum_size});
    }
    engine->spread_news = engine->spread_news || witnessing->holdings_grew;
    witnessing->holdings_grew = false;
    p2p_feed_set_put(&engine->due.unsettled, held->number, err != P2P_OK);
    p2p_feed_set_add(&engine->due.unstored, held->number);
    return err;
}

/* Looks for new quorums after each batch; they are written with the next commit that is due
 * anyway, or within a second, since others hold the cosignatures too. */
enum p2p_err p2p_witness_store_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    bool store = engine->now.mono_ms >= engine->next_store_quorum_ms;
    bool waiting = false;
    bool due = engine->signature_made; /* a commit is */
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.unsettled, &i); i++) {
        err = settle(engine, p2p_ledger_feed(&engine->ledger, i));
    }
    for (uint32_t i = 1; store && p2p_feed_set_next(&engine->due.unkept, &i); i++) {
        p2p_feed_set_remove(&engine->due.unkept, i);
        p2p_feed_set_add(&engine->due.unstored, i);
    }
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.unstored, &i); i++) {
        const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, i);
        struct p2p_witnessing *witnessing = &engine->extras[i].witnessing;
        if (witnessing->quorum_dirty && p2p_engine_stores(engine) &&
            (store || engine->signature_made)) {
            err = p2p_witnessing_store(witnessing, engine->kv, held);
            due = true;
        }
        if (err == P2P_OK && due && p2p_engine_stores(engine)) {
            err = p2p_history_store(witnessing, engine->kv, held, engine->now.mono_ms);
            p2p_feed_set_put(&engine->due.unstored, i, witnessing->quorum_dirty);
            p2p_feed_set_put(&engine->due.unkept, i,
                             witnessing->quorum_size > witnessing->history.kept_size);
        }
        waiting = waiting || witnessing->quorum_dirty;
        if (!p2p_feed_set_has(&engine->due.cosign, i) && !witnessing->quorum_dirty &&
            witnessing->quorum_size == held->head.size) {
            p2p_witnessing_rest(witnessing);
        }
    }
    if (store) {
        engine->next_store_quorum_ms = engine->now.mono_ms + P2P_STORE_QUORUM_EVERY_MS;
    }
    if (waiting) {
        p2p_wake_at(wake_ms, engine->next_store_quorum_ms);
    }
    return err;
}

enum p2p_err p2p_witness_send_quorum(struct p2p_engine *engine, struct p2p_peer *peer,
                                     uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    uint8_t bytes[256];
    enum p2p_err err = P2P_OK;
    for (unsigned c = 0; info != NULL && c < witnessing->candidate_count; c++) {
        const struct p2p_candidate *candidate = &witnessing->candidates[c];
        if (candidate->size < witnessing->quorum_size) {
            break; /* nobody asks for it any more */
        }
        for (uint32_t i = 0; i < candidate->count && err == P2P_OK; i++) {
            struct p2p_writer out;
            const struct p2p_cosigner *cosigner = &candidate->cosigners[i];
            const struct p2p_cosign_body body = {.feed = feed,
                                                 .size = candidate->size,
                                                 .root = candidate->root,
                                                 .witness = cosigner->witness,
                                                 .cosignature = cosigner->cosignature};
            if (!p2p_feed_cosigner(info, cosigner->witness)) {
                continue;
            }
            p2p_writer_init(&out, bytes, sizeof(bytes));
            p2p_cosign_write(&out, &body);
            err = p2p_engine_send(engine, peer, p2p_writer_slice(&out));
        }
    }
    return err;
}

enum p2p_err p2p_witness_send_heartbeat(struct p2p_engine *engine, struct p2p_peer *peer,
                                        uint32_t feed)
{
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    uint8_t bytes[256];
    struct p2p_writer out;
    if (info == NULL || witnessing->heartbeat_time_s == 0) {
        return P2P_OK;
    }
    const struct p2p_cosign_body body = {.feed = feed,
                                         .size = witnessing->heartbeat_size,
                                         .root = witnessing->heartbeat_root,
                                         .witness = witnessing->heartbeat_witness,
                                         .cosignature = witnessing->heartbeat};
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_cosign_write(&out, &body);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_witness_send_heartbeats(struct p2p_engine *engine, struct p2p_peer *peer)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        err = p2p_witness_send_heartbeat(engine, peer, i);
    }
    return err;
}

/* ---- cosignatures that do not come ---- */

/* They take the trees of their signers' feeds: one that was lost there shows here only by what
 * it does not make. The feed's own branch may be whole, so none is grown for them. */
static bool lacks_quorum(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    return info != NULL && info->witness_count > 0 &&
           p2p_ledger_feed(&engine->ledger, feed)->head.size >
               engine->extras[feed].witnessing.quorum_size;
}

void p2p_witness_expect(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    extra->unwitnessed_tries = 0;
    extra->unwitnessed_at_ms = engine->now.mono_ms + P2P_UNWITNESSED_AFTER_MS;
    p2p_wake_at(&engine->unwitnessed_next_ms, extra->unwitnessed_at_ms);
    p2p_feed_set_add(&engine->due.unwitnessed, feed);
}

static struct p2p_peer *whose_turn(struct p2p_engine *engine)
{
    struct p2p_peer *greeted[P2P_PEERS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && peer->greeted && !peer->closing) {
            greeted[count++] = peer;
        }
    }
    return count == 0 ? NULL : greeted[engine->unwitnessed_turn++ % count];
}

/* A feed of those is asked for now, later, or no more. next_ms [in, out]: the earliest later.
 */
static bool asks_for(struct p2p_engine *engine, uint32_t feed, uint64_t *next_ms)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    bool due = engine->now.mono_ms >= extra->unwitnessed_at_ms;
    if (!lacks_quorum(engine, feed)) {
        p2p_feed_set_remove(&engine->due.unwitnessed, feed);
        return false;
    }
    if (due) {
        extra->unwitnessed_tries += extra->unwitnessed_tries < P2P_UNWITNESSED_TRIES_MAX;
        extra->unwitnessed_at_ms = engine->now.mono_ms + ((uint64_t)P2P_UNWITNESSED_AFTER_MS
                                                          << extra->unwitnessed_tries);
    }
    p2p_wake_at(next_ms, extra->unwitnessed_at_ms);
    return due;
}

/* A frontier of those feeds says what is known of their cosignatures here: who knows of more
 * sends it. */
enum p2p_err p2p_witness_ask_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_frontier_entry entries[P2P_UNWITNESSED_ASKED_MAX];
    uint64_t soonest_ms = engine->now.mono_ms + P2P_UNWITNESSED_AFTER_MS;
    uint64_t next_ms = UINT64_MAX;
    struct p2p_writer out;
    size_t count = 0;
    if (engine->now.mono_ms < engine->unwitnessed_next_ms) {
        p2p_wake_at(wake_ms, engine->unwitnessed_next_ms);
        return P2P_OK;
    }
    for (uint32_t i = 0; p2p_feed_set_next(&engine->due.unwitnessed, &i); i++) {
        if (count == P2P_UNWITNESSED_ASKED_MAX) {
            next_ms = soonest_ms; /* the rest then */
            break;
        }
        if (asks_for(engine, i, &next_ms)) {
            entries[count++] = p2p_session_entry(engine, i);
        }
    }
    engine->unwitnessed_next_ms = next_ms > soonest_ms ? next_ms : soonest_ms;
    p2p_wake_at(wake_ms, engine->unwitnessed_next_ms);
    struct p2p_peer *peer = count == 0 ? NULL : whose_turn(engine);
    if (peer == NULL) {
        return P2P_OK;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_frontier_write(&out, false, entries, count);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* ---- quorum time ---- */

static int compare_descending(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a > b ? -1 : a < b;
}

uint64_t p2p_engine_quorum_ms(const struct p2p_engine *engine, const struct p2p_now *now)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    uint64_t times[P2P_WITNESSES_MAX];
    size_t fresh = 0;
    if (engine->feed == 0 || info == NULL || info->witness_count == 0) {
        return 0;
    }
    uint64_t fresh_ms =
        p2p_charter_policy(engine->ledger.charter)->fresh_cosignature_s * 1000ull;
    for (uint32_t i = 0; i < info->witness_count; i++) {
        uint32_t member = p2p_witness_member(info->witnesses[i]);
        const struct p2p_member_clock *clock =
            member < engine->clock_count ? &engine->clocks[member] : NULL;
        if (clock != NULL && clock->heard_mono_ms != 0 &&
            now->mono_ms - clock->heard_mono_ms <= fresh_ms) {
            times[fresh++] = clock->time_s * 1000 + (now->mono_ms - clock->heard_mono_ms);
        }
    }
    size_t k = p2p_witness_quorum(info->witness_count);
    if (fresh < k) {
        return 0;
    }
    qsort(times, fresh, sizeof(times[0]), compare_descending);
    return times[k - 1];
}
