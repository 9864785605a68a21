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
 * asked, with one `graft` for all feeds that it is asked for (p2p_relay_graft).
 *
 * All of this is a hint, kept per session: a wrong one costs a run sent twice or an
 * announcement's delay, and never a record. */
#include "engine_parts.h"

#include <string.h>

#define GRAFT_NOW 1u /* the parent is gone: with this batch */

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

static struct p2p_graft_entry graft_entry(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    return (struct p2p_graft_entry){.feed = feed,
                                    .size = p2p_ledger_feed(&engine->ledger, feed)->edge.size,
                                    .witnessed = witnessing->quorum_size,
                                    .heard_s = witnessing->heartbeat_time_s};
}

/* A link that was told to stop brought a record first all the same: a heartbeat took another
 * way than the record, or one record than the next. It shall go on. */
static enum p2p_err go_on(struct p2p_engine *engine, struct p2p_peer *from, uint32_t feed)
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

enum p2p_err p2p_relay_run(struct p2p_engine *engine, struct p2p_peer *from,
                           const struct p2p_run *run, uint64_t held, bool asked)
{
    enum p2p_err err = go_on(engine, from, run->feed);
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
    if (p2p_session_owns(engine, peer, feed) || extra->parent_link == 0) {
        needless = extra->parent_link == 0 ? NULL : p2p_engine_peer(engine, extra->parent_link);
        extra->parent_link = peer->link;
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

enum p2p_err p2p_relay_cosign(struct p2p_engine *engine, const struct p2p_peer *from,
                              uint32_t along, const struct p2p_cosign_body *body)
{
    uint8_t bytes[256];
    struct p2p_writer out;
    enum p2p_err err = P2P_OK;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_cosign_write(&out, body);
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer == from ||
            p2p_session_owns(engine, peer, along)) {
            continue;
        }
        const struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, along);
        if (row == NULL) {
            return P2P_NOMEM;
        }
        if (row->way != P2P_WAY_LAZY) {
            err = p2p_engine_send(engine, peer, p2p_writer_slice(&out));
        }
    }
    return err;
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
        uint64_t parent = engine->extras[i].parent_link;
        if (i != engine->feed && parent != 0 && parent != peer->link &&
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

/* ---- a branch that carries nothing ---- */

static uint64_t silence_ms(const struct p2p_engine *engine)
{
    return p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1500ull;
}

/* Cosignatures take trees of their own: more is held than this node knows witnessed. */
static bool lacks_quorum(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    return info != NULL && info->witness_count > 0 &&
           p2p_ledger_feed(&engine->ledger, feed)->head.size >
               engine->extras[feed].witnessing.quorum_size;
}

static void graft_at(struct p2p_engine *engine, struct p2p_feed_extra *extra, uint64_t at_ms)
{
    extra->graft_at_ms = at_ms;
    p2p_wake_at(&engine->graft_next_ms, at_ms);
}

void p2p_relay_heard(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    extra->graft_tries = 0;
    graft_at(engine, extra,
             engine->now.mono_ms +
                 (lacks_quorum(engine, feed) ? P2P_UNWITNESSED_AFTER_MS : silence_ms(engine)));
}

void p2p_relay_parent_gone(struct p2p_engine *engine, struct p2p_feed_extra *extra)
{
    extra->parent_link = 0;
    graft_at(engine, extra, GRAFT_NOW);
}

/* Whom to ask: in turn, first those that said they have the feed from elsewhere, since who has
 * it from here only knows what we know. NULL: nobody is greeted. */
static struct p2p_peer *graft_onto(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_peer *found[P2P_PEERS_MAX];
    size_t lazy = 0;
    size_t others = 0;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer->closing || feed >= peer->feed_cap) {
            continue;
        }
        if (peer->feeds[feed].way == P2P_WAY_LAZY) {
            found[lazy++] = peer;
        } else {
            found[P2P_PEERS_MAX - ++others] = peer;
        }
    }
    uint32_t turn = engine->extras[feed].graft_tries;
    if (lazy + others == 0) {
        return NULL;
    }
    turn = turn == 0 && lazy > 0 ? feed % (uint32_t)lazy : turn % (uint32_t)(lazy + others);
    return turn < lazy ? found[turn] : found[P2P_PEERS_MAX - 1 - (turn - lazy)];
}

/* Whether the feed is to be asked for now, and of whom. When it is next, in any case. */
static struct p2p_peer *graft(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    uint64_t every_ms = p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1000ull;
    bool silent = extra->graft_at_ms == GRAFT_NOW ||
                  engine->now.mono_ms - extra->witnessing.heard_mono_ms >= silence_ms(engine);
    if (!silent && !lacks_quorum(engine, feed)) {
        extra->graft_at_ms = extra->witnessing.heard_mono_ms + silence_ms(engine);
        return NULL;
    }
    struct p2p_peer *peer = graft_onto(engine, feed);
    if (peer == NULL || held->state != P2P_FEED_OK ||
        p2p_session_owner_link(engine, feed) != 0) {
        extra->graft_at_ms = engine->now.mono_ms + every_ms;
        return NULL;
    }
    extra->graft_tries += extra->graft_tries < P2P_GRAFT_TRIES_MAX;
    extra->graft_at_ms = engine->now.mono_ms + every_ms * extra->graft_tries;
    return peer;
}

/* One frame to each peer for all that is asked of it: a link that goes was the parent of many
 * feeds. asked: by feed, the peer's place and 1, or 0. */
static enum p2p_err send_grafts(struct p2p_engine *engine, const uint8_t *asked)
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
            if (asked[i] == p + 1) {
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

enum p2p_err p2p_relay_graft(struct p2p_engine *engine, uint64_t *wake_ms)
{
    uint64_t next_ms = UINT64_MAX;
    bool any = false;
    if (engine->now.mono_ms < engine->graft_next_ms) {
        p2p_wake_at(wake_ms, engine->graft_next_ms);
        return P2P_OK;
    }
    uint8_t *asked = p2p_arena_take(engine->arena, engine->extra_count);
    if (asked == NULL) {
        return P2P_NOMEM;
    }
    memset(asked, 0, engine->extra_count);
    for (uint32_t i = P2P_CHARTER_FEED + 1; i < engine->extra_count; i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (i == engine->feed || p2p_feed_set_has(&engine->due.closed, i)) {
            continue; /* nobody writes heartbeats of a closed generation */
        }
        if (extra->graft_at_ms == 0) {
            extra->graft_at_ms = engine->now.mono_ms + silence_ms(engine);
        } else if (engine->now.mono_ms >= extra->graft_at_ms) {
            struct p2p_peer *peer = graft(engine, i);
            if (peer != NULL) {
                peer->feeds[i].pruned = false;
                asked[i] = (uint8_t)(peer - engine->peers + 1);
                any = true;
            }
        }
        p2p_wake_at(&next_ms, extra->graft_at_ms);
    }
    engine->graft_next_ms = next_ms;
    p2p_wake_at(wake_ms, next_ms);
    return any ? send_grafts(engine, asked) : P2P_OK;
}

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

enum p2p_err p2p_relay_receive_graft(struct p2p_engine *engine, struct p2p_peer *peer,
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
