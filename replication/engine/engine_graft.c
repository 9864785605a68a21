/* A feed's branch that carries nothing: which other peer is asked to bring it, with `graft`.
 *
 *            graft sent           news
 *     none ------------> hoped ---------> parent
 *       ^                  |                |
 *       +------------------+----------------+---- its link goes, or it asks us for the feed
 *
 * An idle feed has no announcements that would heal its tree (engine_relay.c). So another peer
 * is asked when the parent goes, at once, and when nothing was heard for too long. First come
 * those that pruned the feed here: they had it from elsewhere. Who has only peers that have the
 * feed from here asks one of those all the same, which turns that branch round: whoever is
 * asked by its own parent has lost the way too, and asks another one. Nobody knows how its
 * peers hang together, so a branch may ask itself; who has more below it therefore asks two.
 *
 * All feeds that a peer is asked for at one time stand in one frame. */
#include "engine_parts.h"

#include <string.h>

#define GRAFT_NOW 1u /* with this batch */

static struct p2p_graft_entry graft_entry(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    return (struct p2p_graft_entry){.feed = feed,
                                    .size = p2p_ledger_feed(&engine->ledger, feed)->edge.size,
                                    .witnessed = witnessing->quorum_size,
                                    .heard_s = witnessing->heartbeat_time_s};
}

enum p2p_err p2p_graft_go_on(struct p2p_engine *engine, struct p2p_peer *from, uint32_t feed)
{
    struct p2p_peer_feed *row = p2p_peer_feed(engine, from, feed);
    const struct p2p_graft_entry entry = graft_entry(engine, feed);
    uint8_t bytes[64];
    struct p2p_writer out;
    if (row == NULL) {
        return P2P_NOMEM;
    }
    if (!row->pruned || p2p_session_owns(engine, from, feed)) {
        return P2P_OK;
    }
    row->pruned = false;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_graft_write(&out, &entry, 1);
    return p2p_engine_send(engine, from, p2p_writer_slice(&out));
}

/* ---- when ---- */

static uint64_t silence_ms(const struct p2p_engine *engine)
{
    return p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1500ull;
}

static void graft_at(struct p2p_engine *engine, struct p2p_feed_extra *extra, uint64_t at_ms)
{
    extra->graft_at_ms = at_ms;
    p2p_wake_at(&engine->graft_next_ms, at_ms);
}

void p2p_graft_heard(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    extra->graft_tries = 0;
    extra->graft_not = 0;
    graft_at(engine, extra, engine->now.mono_ms + silence_ms(engine));
}

void p2p_graft_parent_gone(struct p2p_engine *engine, struct p2p_feed_extra *extra)
{
    extra->parent_link = 0;
    extra->parent_hoped = false;
    graft_at(engine, extra, GRAFT_NOW);
}

/* The parent asks for the feed: it has lost the way. When both asked each other and nothing
 * came yet, one of them goes on hoping. Where nobody has a way each does this a few times. */
static void parent_asks(struct p2p_engine *engine, const struct p2p_peer *peer, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    bool stays = extra->parent_hoped && engine->member > peer->member;
    if (extra->parent_link == peer->link && !stays && feed != engine->feed &&
        extra->graft_tries < P2P_GRAFTS_AT_ONCE) {
        p2p_graft_parent_gone(engine, extra);
        extra->graft_not = peer->link;
    }
}

/* ---- whom ---- */

/* Two that are asked for one feed, by their places in peers; GRAFT_NOBODY: none. */
#define GRAFT_NOBODY P2P_PEERS_MAX
_Static_assert(P2P_PEERS_MAX < UINT8_MAX, "a place fits");
struct graft_pair {
    uint8_t first, second;
};

/* In turn, first those that said they have the feed from elsewhere, since who has it from here
 * only knows what we know. Who passes the feed on asks two of those at once, while it may: one
 * may have the feed from here all the same, by others, and then the whole branch is cut. */
static struct graft_pair graft_onto(struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed_extra *extra = &engine->extras[feed];
    uint8_t found[P2P_PEERS_MAX];
    uint32_t lazy = 0;
    uint32_t others = 0;
    for (uint8_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer->closing || feed >= peer->feed_cap ||
            peer->link == extra->graft_not) {
            continue;
        }
        if (peer->feeds[feed].way == P2P_WAY_LAZY) {
            found[lazy++] = i;
        } else {
            found[P2P_PEERS_MAX - ++others] = i;
        }
    }
    uint32_t turn = extra->graft_tries;
    struct graft_pair pair = {GRAFT_NOBODY, GRAFT_NOBODY};
    if (lazy + others == 0) {
        return pair;
    }
    turn = turn == 0 && lazy > 0 ? feed % lazy : turn % (lazy + others);
    pair.first = turn < lazy ? found[turn] : found[P2P_PEERS_MAX - 1 - (turn - lazy)];
    if (turn < lazy && lazy > 1 && others > 0 && extra->graft_at_ms == GRAFT_NOW) {
        pair.second = found[(turn + 1) % lazy];
    }
    return pair;
}

/* Whether the feed is to be asked for now, and of whom. When it is next, in any case. */
static struct graft_pair graft(struct p2p_engine *engine, uint32_t feed)
{
    const struct graft_pair nobody = {GRAFT_NOBODY, GRAFT_NOBODY};
    struct p2p_feed_extra *extra = &engine->extras[feed];
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    uint64_t every_ms = p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1000ull;
    uint64_t silent_ms = extra->witnessing.heard_mono_ms + silence_ms(engine);
    if (extra->graft_at_ms != GRAFT_NOW && engine->now.mono_ms < silent_ms) {
        extra->graft_at_ms = silent_ms;
        return nobody;
    }
    const struct graft_pair pair = graft_onto(engine, feed);
    if (pair.first == GRAFT_NOBODY || held->state != P2P_FEED_OK ||
        p2p_session_owner_link(engine, feed) != 0) {
        extra->graft_at_ms = engine->now.mono_ms + every_ms;
        return nobody;
    }
    extra->graft_tries += extra->graft_tries < P2P_GRAFT_TRIES_MAX;
    extra->graft_at_ms = engine->now.mono_ms + every_ms * extra->graft_tries;
    extra->parent_link = engine->peers[pair.first].link;
    extra->parent_hoped = true;
    engine->peers[pair.first].feeds[feed].pruned = false;
    if (pair.second != GRAFT_NOBODY) {
        engine->peers[pair.second].feeds[feed].pruned = false;
    }
    return pair;
}

/* ---- asking ---- */

/* One frame to each peer for all that is asked of it: a link that goes was the parent of many
 * feeds. asked: by feed. */
static enum p2p_err send_grafts(struct p2p_engine *engine, const struct graft_pair *asked)
{
    enum p2p_err err = P2P_OK;
    struct p2p_graft_entry *entries =
        p2p_arena_take(engine->arena, engine->extra_count * sizeof(*entries));
    if (entries == NULL) {
        return P2P_NOMEM;
    }
    for (size_t p = 0; p < P2P_PEERS_MAX && err == P2P_OK; p++) {
        size_t count = 0;
        for (uint32_t i = 0; i < engine->extra_count; i++) {
            if (asked[i].first == p || asked[i].second == p) {
                entries[count++] = graft_entry(engine, i);
            }
        }
        if (count > 0) {
            struct p2p_writer out;
            p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
            p2p_graft_write(&out, entries, count);
            err = p2p_engine_send(engine, &engine->peers[p], p2p_writer_slice(&out));
        }
    }
    return err;
}

enum p2p_err p2p_graft_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    uint64_t next_ms = UINT64_MAX;
    bool any = false;
    if (engine->now.mono_ms < engine->graft_next_ms) {
        p2p_wake_at(wake_ms, engine->graft_next_ms);
        return P2P_OK;
    }
    struct graft_pair *asked =
        p2p_arena_take(engine->arena, engine->extra_count * sizeof(*asked));
    if (asked == NULL) {
        return P2P_NOMEM;
    }
    memset(asked, GRAFT_NOBODY, engine->extra_count * sizeof(*asked));
    for (uint32_t i = P2P_CHARTER_FEED + 1; i < engine->extra_count; i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (i == engine->feed || p2p_feed_set_has(&engine->due.closed, i)) {
            continue; /* nobody writes heartbeats of a closed generation */
        }
        if (extra->graft_at_ms == 0) {
            extra->graft_at_ms = engine->now.mono_ms + silence_ms(engine);
        } else if (engine->now.mono_ms >= extra->graft_at_ms) {
            asked[i] = graft(engine, i);
            any = any || asked[i].first != GRAFT_NOBODY;
        }
        p2p_wake_at(&next_ms, extra->graft_at_ms);
    }
    engine->graft_next_ms = next_ms;
    p2p_wake_at(wake_ms, next_ms);
    return any ? send_grafts(engine, asked) : P2P_OK;
}

/* ---- being asked ---- */

/* What the asker lacks of one feed, and all that comes of it from now on. */
static enum p2p_err grow_branch(struct p2p_engine *engine, struct p2p_peer *peer,
                                const struct p2p_graft_entry *entry)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, entry->feed);
    struct p2p_witnessing *witnessing = &engine->extras[entry->feed].witnessing;
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, entry->feed);
    enum p2p_err err = P2P_OK;
    if (row == NULL) {
        return P2P_NOMEM;
    }
    p2p_session_note_size(engine, peer, entry->feed, entry->size);
    row->way = P2P_WAY_EAGER;
    row->sent = entry->size; /* what was under way before may have been lost */
    row->leaves = false;
    parent_asks(engine, peer, entry->feed);
    if (held->state == P2P_FEED_FORKED && !engine->extras[entry->feed].fork_taken) {
        return p2p_send_gap(engine, peer, entry->feed, entry->size, P2P_FORKED);
    }
    p2p_send_to(engine, row, entry->feed);
    if (entry->size > held->edge.size) {
        err = p2p_session_lack(engine, peer, entry->feed);
    }
    if (err == P2P_OK && entry->witnessed < p2p_witnessing_newest(witnessing)) {
        err = p2p_witness_send_quorum(engine, peer, entry->feed);
    }
    return err == P2P_OK && entry->heard_s < witnessing->heartbeat_time_s
               ? p2p_witness_send_heartbeat(engine, peer, entry->feed)
               : err;
}

enum p2p_err p2p_graft_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                               struct p2p_slice body)
{
    struct p2p_slice entries;
    enum p2p_err err = p2p_graft_read(&entries, body);
    for (size_t i = 0; err == P2P_OK && i < p2p_graft_count(entries); i++) {
        struct p2p_graft_entry entry;
        p2p_graft_at(entries, i, &entry);
        if (entry.feed == P2P_CHARTER_FEED || entry.feed >= engine->extra_count) {
            p2p_engine_refuse(engine, peer->member, entry.feed, entry.size, P2P_UNKNOWN);
            continue;
        }
        err = grow_branch(engine, peer, &entry);
    }
    return err;
}
