/* Which peers get what was received at once, and which are only told of it: eager and lazy
 * push (Leitao, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007), one tree per feed.
 *
 *               want, graft                prune
 *     unproven -----------------> eager <-----------> lazy
 *        |                              want, graft     ^
 *        +----------------------- prune ----------------+
 *
 * A run goes on at once to eager peers, and to unproven ones while it is small; what was not
 * sent is announced a little later to whoever has not shown meanwhile that it has it, and a
 * peer that lacks it asks, which makes it eager. A run that had come already over another link
 * is answered with `prune`. The link to a feed's owner is never pruned and outdoes all others,
 * so that in a full mesh each record comes from its owner alone and nobody relays. A link that
 * is new among others begins with a `prune` of all feeds that have a parent already.
 *
 * Heartbeats and cosignatures go down the tree of the feed whose owner signed them. A feed that
 * is idle is not announced: when its branch here is silent, or its parent goes, another peer is
 * asked to bring it (engine_graft.c).
 *
 * All of this is a hint, kept per session: a wrong one costs a run sent twice or an
 * announcement's delay, and never a record. */
#include "engine_parts.h"

#include <string.h>

/* Announcements go out in rounds: the first a little after what it is about, the next no sooner
 * than an interval after it, with all that came meanwhile. */
static void announce_later(struct p2p_engine *engine, uint32_t feed, uint64_t size)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    uint64_t ready_ms = engine->now.mono_ms + P2P_ANNOUNCE_AFTER_MS;
    if (p2p_feed_set_has(&engine->due.announce, feed)) {
        return;
    }
    if (ready_ms > engine->announce_round_ms) {
        uint64_t next_ms = engine->announce_round_ms + P2P_ANNOUNCE_EVERY_MS;
        engine->announce_round_ms = ready_ms > next_ms ? ready_ms : next_ms;
    }
    extra->announce_at_ms = engine->announce_round_ms;
    extra->announce_size = size;
    extra->announce_rounds = P2P_ANNOUNCE_ROUNDS;
    p2p_feed_set_add(&engine->due.announce, feed);
}

enum p2p_err p2p_relay_run(struct p2p_engine *engine, struct p2p_peer *from,
                           const struct p2p_run *run, uint64_t held, bool asked)
{
    enum p2p_err err = p2p_graft_go_on(engine, from, run->feed);
    if (err != P2P_OK) {
        return err;
    }
    p2p_relay_news(engine, from, run->feed, asked);
    announce_later(engine, run->feed, run->head.size);
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer == from ||
            p2p_session_owns(engine, peer, run->feed)) {
            continue;
        }
        struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, run->feed);
        if (row == NULL) {
            return P2P_NOMEM;
        }
        /* An unproven peer that is further behind than we were is being served elsewhere. */
        bool probe = row->way == P2P_WAY_UNPROVEN && row->told && row->sent >= held &&
                     run->records.len <= P2P_PROBE_BYTES_MAX;
        if (row->way == P2P_WAY_EAGER || probe) {
            p2p_send_to(engine, row, run->feed);
        }
    }
    return P2P_OK;
}

/* Whoever brings what is new is the parent: following parents leads to the feed's owner, since
 * each had it before. A heartbeat that was under way on a link that was told to stop makes no
 * parent of it while another brings the feed. */
void p2p_relay_news(struct p2p_engine *engine, const struct p2p_peer *from, uint32_t feed,
                    bool asked)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    bool stops = feed < from->feed_cap && from->feeds[feed].pruned;
    if (asked || extra->parent_link == 0 || !stops || p2p_session_owns(engine, from, feed)) {
        extra->parent_link = from->link;
        extra->parent_hoped = false;
    }
}

/* What is held already came over this link as well: it is told to stop, unless it is the
 * owner's, which outdoes the parent's. */
static enum p2p_err came_twice(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    struct p2p_peer *needless = peer;
    uint8_t bytes[64];
    struct p2p_writer out;
    if (peer->link == extra->parent_link) {
        return P2P_OK;
    }
    bool brought = extra->parent_link != 0 && !extra->parent_hoped;
    if (p2p_session_owns(engine, peer, feed) || !brought) {
        needless = brought ? p2p_engine_peer(engine, extra->parent_link) : NULL;
        extra->parent_link = peer->link;
        extra->parent_hoped = false;
    }
    if (needless == NULL || feed == engine->feed) {
        return P2P_OK;
    }
    /* It may have the feed from here all the same: that is for it to prune. */
    if (extra->want_link == needless->link) {
        extra->want_link = 0;
    }
    struct p2p_peer_feed *row = p2p_peer_feed(engine, needless, feed);
    if (row == NULL) {
        return P2P_NOMEM;
    }
    if (row->pruned) {
        return P2P_OK; /* it was told: this was under way */
    }
    row->pruned = true;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_prune_write(&out, &feed, 1);
    return p2p_engine_send(engine, needless, p2p_writer_slice(&out));
}

/* Only records that came are worth a prune; a head alone was asked for. */
enum p2p_err p2p_relay_twice(struct p2p_engine *engine, struct p2p_peer *peer,
                             const struct p2p_run *run)
{
    return run->count == 0 ? P2P_OK : came_twice(engine, peer, run->feed);
}

enum p2p_err p2p_relay_heartbeat_twice(struct p2p_engine *engine, struct p2p_peer *peer,
                                       const struct p2p_cosign_body *body)
{
    const struct p2p_witnessing *witnessing = &engine->extras[body->feed].witnessing;
    bool same = body->size == witnessing->heartbeat_size &&
                body->cosignature.time_s == witnessing->heartbeat.time_s &&
                memcmp(body->cosignature.signature.bytes, witnessing->heartbeat.signature.bytes,
                       P2P_SIGNATURE_BYTES) == 0;
    bool at_once = engine->now.mono_ms - witnessing->heard_mono_ms <= P2P_TWICE_WITHIN_MS;
    return same && at_once ? came_twice(engine, peer, body->feed) : P2P_OK;
}

/* Not at once: it must not overtake records that this batch passes on, or whoever gets it
 * believes that nobody sends it those. */
enum p2p_err p2p_relay_cosign(struct p2p_engine *engine, const struct p2p_peer *from,
                              uint32_t along, const struct p2p_cosign_body *body)
{
    struct p2p_batch_lists *lists = &engine->lists;
    struct p2p_passing *room = p2p_batch_room(engine, lists->passing, lists->passing_count,
                                              &lists->passing_cap, sizeof(*room));
    if (room == NULL) {
        return P2P_NOMEM;
    }
    lists->passing = room;
    lists->passing[lists->passing_count++] =
        (struct p2p_passing){.from_link = from->link, .along = along, .body = *body};
    return P2P_OK;
}

static enum p2p_err pass_on(struct p2p_engine *engine, const struct p2p_passing *passing)
{
    uint8_t bytes[256];
    struct p2p_writer out;
    enum p2p_err err = P2P_OK;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_cosign_write(&out, &passing->body);
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer->link == passing->from_link ||
            p2p_session_owns(engine, peer, passing->along)) {
            continue;
        }
        const struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, passing->along);
        if (row == NULL) {
            return P2P_NOMEM;
        }
        if (row->way != P2P_WAY_LAZY) {
            err = p2p_engine_send(engine, peer, p2p_writer_slice(&out));
        }
    }
    return err;
}

enum p2p_err p2p_relay_pass_on(struct p2p_engine *engine)
{
    const struct p2p_batch_lists *lists = &engine->lists;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < lists->passing_count && err == P2P_OK; i++) {
        err = pass_on(engine, &lists->passing[i]);
    }
    return err;
}

/* Whether another peer brings a feed, or is asked to that has it from elsewhere. */
static bool brings(struct p2p_engine *engine, const struct p2p_peer *met, uint32_t feed)
{
    const struct p2p_feed_extra *extra = &engine->extras[feed];
    const struct p2p_peer *parent =
        extra->parent_link == 0 ? NULL : p2p_engine_peer(engine, extra->parent_link);
    return parent != NULL && parent != met &&
           (!extra->parent_hoped || parent->feeds[feed].way == P2P_WAY_LAZY);
}

/* A new link need not bring what has its parent; what has none is tried over it. */
enum p2p_err p2p_relay_meet(struct p2p_engine *engine, struct p2p_peer *peer)
{
    struct p2p_writer out;
    size_t count = 0;
    uint32_t *feeds = p2p_arena_take(engine->arena, engine->extra_count * sizeof(*feeds));
    if (feeds == NULL) {
        return P2P_NOMEM;
    }
    for (uint32_t i = P2P_CHARTER_FEED + 1; i < engine->extra_count; i++) {
        if (i != engine->feed && brings(engine, peer, i) &&
            !p2p_session_owns(engine, peer, i)) {
            struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, i);
            if (row == NULL) {
                return P2P_NOMEM;
            }
            row->pruned = true;
            feeds[count++] = i;
        }
    }
    if (count == 0) {
        return P2P_OK;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_prune_write(&out, feeds, count);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_relay_receive_prune(struct p2p_engine *engine, struct p2p_peer *peer,
                                     struct p2p_slice body)
{
    struct p2p_slice feeds;
    enum p2p_err err = p2p_prune_read(&feeds, body);
    for (size_t i = 0; err == P2P_OK && i < p2p_prune_count(feeds); i++) {
        uint32_t feed = p2p_prune_at(feeds, i);
        struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
        if (row == NULL) {
            p2p_engine_refuse(engine, peer->member, feed, 0, P2P_UNKNOWN);
            return P2P_OK;
        }
        row->way = P2P_WAY_LAZY;
        row->sending = false;
        uint64_t size = p2p_ledger_feed(&engine->ledger, feed)->head.size;
        if (row->sent < size) { /* cut off in the middle */
            announce_later(engine, feed, size);
        }
    }
    return err;
}

static enum p2p_err send_entries(struct p2p_engine *engine, struct p2p_peer *peer,
                                 const struct p2p_frontier_entry *entries, size_t count)
{
    struct p2p_writer out;
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_frontier_write(&out, false, entries, count);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_relay_announce(struct p2p_engine *engine, struct p2p_peer *peer)
{
    struct p2p_frontier_entry entries[P2P_ANNOUNCED_MAX];
    size_t count = 0;
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; err == P2P_OK && p2p_feed_set_next(&engine->due.announce, &i); i++) {
        const struct p2p_feed_extra *extra = &engine->extras[i];
        if (engine->now.mono_ms < extra->announce_at_ms) {
            continue;
        }
        const struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, i);
        if (row != NULL && !row->sending && row->size < extra->announce_size &&
            row->sent < extra->announce_size) {
            entries[count++] = p2p_session_entry(engine, i);
        }
        if (count == P2P_ANNOUNCED_MAX) {
            err = send_entries(engine, peer, entries, count);
            count = 0;
        }
    }
    return err == P2P_OK && count > 0 ? send_entries(engine, peer, entries, count) : err;
}

/* The next round is a whole interval after this one. */
static void announce_next(struct p2p_engine *engine, struct p2p_feed_extra *extra)
{
    uint64_t next_ms = extra->announce_at_ms + P2P_ANNOUNCE_EVERY_MS;
    engine->announce_round_ms =
        engine->announce_round_ms > next_ms ? engine->announce_round_ms : next_ms;
    extra->announce_at_ms = engine->announce_round_ms;
}

void p2p_relay_announced(struct p2p_engine *engine, uint64_t *wake_ms)
{
    bool round = false;
    for (uint32_t i = 0; p2p_feed_set_next(&engine->due.announce, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (engine->now.mono_ms >= extra->announce_at_ms) {
            uint64_t size = p2p_ledger_feed(&engine->ledger, i)->head.size;
            round = true;
            extra->announce_rounds--;
            if (size > extra->announce_size) {
                p2p_feed_set_remove(&engine->due.announce, i);
                announce_later(engine, i, size);
            } else if (extra->announce_rounds > 0) {
                announce_next(engine, extra);
            } else {
                p2p_feed_set_remove(&engine->due.announce, i);
            }
        }
        if (p2p_feed_set_has(&engine->due.announce, i)) {
            p2p_wake_at(wake_ms, extra->announce_at_ms);
        }
    }
    engine->announce_turn += round ? P2P_ANNOUNCE_PEERS_MAX : 0;
}
