/* Asking peers for what feeds lack: of each feed one peer at a time, and another when it does
 * not answer in time. Who pushes the feed anyway is given time before anybody is asked. */
#include "engine_parts.h"

/* Until when who pushes a feed anyway is given time; owner: its link or 0, named_by: who has
 * more. A parent's time began when a cosignature of what is missing came. */
static uint64_t pushed_until(const struct p2p_engine *engine,
                             const struct p2p_feed_extra *extra, uint64_t owner,
                             uint64_t named_by)
{
    if (owner != 0) {
        return engine->now.mono_ms +
               (owner == named_by ? P2P_WANT_TIMEOUT_MS : P2P_PUSH_GRACE_MS);
    }
    return (extra->missed_ms != 0 ? extra->missed_ms : engine->now.mono_ms) +
           (extra->parent_hoped ? P2P_HOPED_GRACE_MS : P2P_PARENT_GRACE_MS);
}

/* Who has named more of a feed than is held: after `except`, so that each gets its turn, and
 * `except` itself only when there is nobody else. */
static struct p2p_peer *who_has_more(struct p2p_engine *engine, uint32_t feed, uint64_t except)
{
    uint64_t held = p2p_ledger_feed(&engine->ledger, feed)->edge.size;
    struct p2p_peer *last = NULL;
    struct p2p_peer *owner = NULL;
    if (feed == P2P_CHARTER_FEED && p2p_charter_rival_size(engine->ledger.charter) > held) {
        held = p2p_charter_rival_size(engine->ledger.charter); /* kept beside our branch */
    }
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[(i + (size_t)except) % P2P_PEERS_MAX];
        if (peer->link == 0 || !peer->greeted || peer->closing || feed >= peer->feed_cap ||
            peer->feeds[feed].size <= held) {
            continue;
        }
        if (p2p_ledger_feed(&engine->ledger, feed)->state == P2P_FEED_FORKED &&
            p2p_session_owns(engine, peer, feed)) {
            owner = peer;
            continue;
        }
        if (peer->link != except) {
            return peer;
        }
        last = peer;
    }
    return last != NULL ? last : owner;
}

/* A peer has more of a feed than we do. Everybody pushes the charter, an owner its feed, and
 * who brought the newest run the next one, so that asking as well would bring the same records
 * twice: whoever pushes is given time, then p2p_session_retry_wants asks. */
enum p2p_err p2p_session_lack(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    uint64_t owner =
        feed == P2P_CHARTER_FEED ? peer->link : p2p_session_owner_link(engine, feed);
    uint64_t pusher = owner != 0 ? owner : extra->parent_link;
    if (!p2p_feed_takes(engine, feed)) {
        return P2P_OK;
    }
    if (p2p_ledger_feed(&engine->ledger, feed)->state == P2P_FEED_FORKED) {
        /* Nobody pushes it, and its owner is asked where nobody else has more. */
        return !p2p_session_owns(engine, peer, feed) || who_has_more(engine, feed, 0) == peer
                   ? p2p_session_want(engine, peer, feed)
                   : P2P_OK;
    }
    if (pusher == 0 || feed == engine->feed) {
        return p2p_session_want(engine, peer, feed);
    }
    if (extra->want_link == 0 || engine->now.mono_ms >= extra->want_until_ms) {
        uint64_t until_ms = pushed_until(engine, extra, owner, peer->link);
        if (until_ms <= engine->now.mono_ms) {
            return p2p_session_want(engine, peer, feed);
        }
        extra->want_link = pusher;
        p2p_feed_set_add(&engine->due.lacks, feed);
        extra->asked = false;
        extra->want_until_ms = until_ms;
    }
    return P2P_OK;
}

/* Asks one peer at a time for what a feed lacks. */
enum p2p_err p2p_session_want(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    uint8_t bytes[64];
    struct p2p_writer out;
    if (!p2p_feed_takes(engine, feed) || p2p_engine_damaged(engine) ||
        (feed == engine->feed && held->state == P2P_FEED_OK &&
         !p2p_engine_fetches_back(engine)) ||
        (extra->want_link != 0 && extra->asked && engine->now.mono_ms < extra->want_until_ms)) {
        return P2P_OK;
    }
    extra->want_link = peer->link;
    p2p_feed_set_add(&engine->due.lacks, feed);
    extra->asked = true;
    extra->want_until_ms = engine->now.mono_ms + P2P_WANT_TIMEOUT_MS;
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    if (row == NULL) {
        return P2P_NOMEM;
    }
    row->pruned = false;
    const struct p2p_want want = {
        .feed = feed, .from = held->edge.size, .leaves = p2p_ungiven_takes(engine, feed)};
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_want_write(&out, &want);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

void p2p_session_answered(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    const struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    if (extra->asked && extra->want_link == peer->link && row != NULL &&
        row->size <= p2p_ledger_feed(&engine->ledger, feed)->edge.size) {
        extra->want_link = 0;
    }
}

/* Wants that were not answered in time are asked again, of another peer that named more if
 * there is one. */
enum p2p_err p2p_session_retry_wants(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t feed = 0; err == P2P_OK && p2p_feed_set_next(&engine->due.lacks, &feed);
         feed++) {
        struct p2p_feed_extra *extra = &engine->extras[feed];
        if (extra->want_link == 0 || engine->now.mono_ms >= extra->want_until_ms) {
            bool late = extra->want_link != 0;
            struct p2p_peer *peer = who_has_more(engine, feed, extra->want_link);
            extra->want_link = 0;
            p2p_feed_set_put(&engine->due.lacks, feed, peer != NULL);
            if (peer != NULL) {
                err = late ? p2p_session_want(engine, peer, feed)
                           : p2p_session_lack(engine, peer, feed);
            }
        }
        if (extra->want_link != 0) {
            p2p_wake_at(wake_ms, extra->want_until_ms);
        }
    }
    return err;
}
