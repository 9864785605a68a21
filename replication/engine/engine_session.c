/* Who has what: hello, frontiers, digests, answers to wants. A cached idea of a peer is a hint,
 * never a fact.
 *
 *     link up --> greeting (hello sent) --> greeted (its hello taken) --> link down
 *
 * In `greeting` only a hello is taken; in `greeted` everything but a second hello. A frame that
 * breaks this, or does not parse, closes the session. */
#include "engine_parts.h"

#include <p2p/planted.h>

struct p2p_frontier_entry p2p_session_entry(struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    return (struct p2p_frontier_entry){
        .feed = feed,
        .size = held->head.size,
        .root = held->head.root,
        .witnessed = engine->extras[feed].witnessing.quorum_size,
    };
}

/* All feeds of this node that hold anything. */
static enum p2p_err whole_frontier(struct p2p_engine *engine,
                                   struct p2p_frontier_entry **entries, size_t *count)
{
    *entries = p2p_arena_take(engine->arena, engine->extra_count * sizeof(**entries) + 1);
    *count = 0;
    if (*entries == NULL) {
        return P2P_NOMEM;
    }
    for (uint32_t i = 0; i < engine->extra_count; i++) {
        if (p2p_ledger_feed(&engine->ledger, i)->head.size > 0) {
            (*entries)[(*count)++] = p2p_session_entry(engine, i);
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_session_greet(struct p2p_engine *engine, struct p2p_peer *peer)
{
    struct p2p_frontier_entry *entries;
    size_t count;
    struct p2p_writer out;
    enum p2p_err err = whole_frontier(engine, &entries, &count);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_hash id = p2p_charter_federation_id(engine->ledger.charter);
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_hello_write(&out, &id, engine->member, entries, count);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

static enum p2p_err send_frontier(struct p2p_engine *engine, struct p2p_peer *peer)
{
    struct p2p_frontier_entry *entries;
    size_t count;
    struct p2p_writer out;
    enum p2p_err err = whole_frontier(engine, &entries, &count);
    if (err != P2P_OK) {
        return err;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_frontier_write(&out, true, entries, count);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_session_resync(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && !peer->closing) { /* its hello may be under way: it has ours */
            peer->frontiers_sent++;
            err = send_frontier(engine, peer);
        }
    }
    return err;
}

void p2p_session_note_size(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                           uint64_t size)
{
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    if (row != NULL) {
        row->told = true;
        if (size > row->size) {
            row->size = size;
            p2p_feed_set_add(&engine->due.lacks, feed);
        }
        if (size > row->sent) {
            row->sent = size;
        }
    }
}

bool p2p_session_owns(const struct p2p_engine *engine, const struct p2p_peer *peer,
                      uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    return info != NULL && peer->member == info->member;
}

uint64_t p2p_session_owner_link(const struct p2p_engine *engine, uint32_t feed)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        const struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && !peer->closing && p2p_session_owns(engine, peer, feed)) {
            return peer->link;
        }
    }
    return 0;
}

/* ---- frames ---- */

/* A root that is not ours at that size: another history, to be shown by its signed head. The
 * charter's entries prove themselves; those from the split on are asked for. */
static enum p2p_err compare_root(struct p2p_engine *engine, struct p2p_peer *peer,
                                 const struct p2p_frontier_entry *entry)
{
    struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, entry->feed);
    struct p2p_hash root;
    if (entry->size == 0 || held->state == P2P_FEED_FORKED || p2p_engine_damaged(engine)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_flush(held, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(held, engine->kv, entry->size, &root);
    }
    if (err != P2P_OK || p2p_hash_equal(&root, &entry->root)) {
        return err;
    }
    return entry->feed == P2P_CHARTER_FEED
               ? p2p_fork_ask_branch(engine, peer)
               : p2p_fork_ask_head(engine, peer, entry->feed, entry->size);
}

/* A peer's frontier names more than is held. Who announces a run does not send it unasked, so
 * that the parent's announcement is answered at once. */
static enum p2p_err hear_of_more(struct p2p_engine *engine, struct p2p_peer *peer,
                                 uint32_t feed, bool announced)
{
    bool parent =
        peer->link == engine->extras[feed].parent_link && !p2p_session_owns(engine, peer, feed);
    return announced && parent ? p2p_session_want(engine, peer, feed)
                               : p2p_session_lack(engine, peer, feed);
}

/* Whether an announced entry asks for cosignatures: what is told a moment after a record came
 * says nothing of those that are on their way. */
static bool asks_for_quorum(const struct p2p_engine *engine, uint32_t feed)
{
    return engine->now.mono_ms - engine->extras[feed].witnessing.heard_mono_ms >=
           P2P_UNWITNESSED_AFTER_MS / 2;
}

enum frontier_kind { FRONTIER_HELLO, FRONTIER_WHOLE, FRONTIER_ANNOUNCED };

/* One entry of a peer's frontier: it has more, less, the same, or something else. */
static enum p2p_err take_entry(struct p2p_engine *engine, struct p2p_peer *peer,
                               const struct p2p_frontier_entry *entry, enum frontier_kind kind)
{
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, entry->feed);
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, entry->feed);
    if (held == NULL) {
        return P2P_OK; /* a feed of a charter version that is still to come */
    }
    if (row == NULL) {
        return P2P_NOMEM;
    }
    row->told = true;
    if (P2P_PLANT(CACHED_FRONTIER) && row->size > entry->size) {
        return P2P_OK;
    }
    row->size = entry->size;
    p2p_feed_set_add(&engine->due.lacks, entry->feed);
    row->hello_size = kind == FRONTIER_HELLO ? entry->size : row->hello_size;
    if (!row->sending || entry->size < row->sent) {
        row->sent = entry->size; /* what we believed to have sent did not arrive */
    }
    if (entry->feed == engine->feed) {
        p2p_send_to(engine, row, entry->feed);
    }
    enum p2p_err err = entry->size > held->edge.size
                           ? hear_of_more(engine, peer, entry->feed, kind == FRONTIER_ANNOUNCED)
                           : compare_root(engine, peer, entry);
    /* Cosignatures made while there was no session are heard of only here. */
    uint64_t cosigned = p2p_witnessing_newest(&engine->extras[entry->feed].witnessing);
    if (err == P2P_OK && entry->feed != P2P_CHARTER_FEED && entry->witnessed < cosigned &&
        (kind == FRONTIER_ANNOUNCED ? asks_for_quorum(engine, entry->feed)
                                    : row->quorum_told < cosigned) &&
        peer->feeds[P2P_CHARTER_FEED].size >= p2p_charter_size(engine->ledger.charter)) {
        row->quorum_told = cosigned;
        err = p2p_witness_send_quorum(engine, peer, entry->feed);
    }
    return err;
}

/* Entries ascend by feed. In a whole frontier a feed without an entry is one of which the peer
 * has nothing, whatever we believed. */
static enum p2p_err take_entries(struct p2p_engine *engine, struct p2p_peer *peer,
                                 struct p2p_slice entries, enum frontier_kind kind)
{
    bool whole = kind != FRONTIER_ANNOUNCED;
    size_t count = p2p_frontier_entry_count(entries);
    uint32_t next = 0;
    enum p2p_err err = P2P_OK;
    /* Compared again after a new charter version it says what the hello could not. */
    kind = whole && peer->hello_unknown ? FRONTIER_HELLO : kind;
    peer->hello_unknown = false;
    for (size_t i = 0; i <= count && err == P2P_OK; i++) {
        struct p2p_frontier_entry entry = {.feed = (uint32_t)engine->extra_count};
        if (i < count) {
            p2p_frontier_entry_at(entries, i, &entry);
            peer->hello_unknown = peer->hello_unknown || entry.feed >= engine->extra_count;
        }
        for (; whole && next < entry.feed && next < engine->extra_count && err == P2P_OK;
             next++) {
            const struct p2p_frontier_entry none = {.feed = next};
            err = take_entry(engine, peer, &none, kind);
        }
        if (i < count && err == P2P_OK) {
            err = take_entry(engine, peer, &entry, kind);
            next = entry.feed + 1;
        }
    }
    return err;
}

static enum p2p_err receive_hello(struct p2p_engine *engine, struct p2p_peer *peer,
                                  struct p2p_slice body)
{
    struct p2p_hello hello;
    struct p2p_hash id = p2p_charter_federation_id(engine->ledger.charter);
    enum p2p_err err = p2p_hello_read(&hello, body);
    if (err == P2P_OK && hello.version != P2P_WIRE_VERSION) {
        p2p_engine_refuse(engine, peer->member, 0, hello.version, P2P_UNKNOWN);
        p2p_engine_close_link(engine, peer, P2P_UNKNOWN, "speaks another protocol version");
        return P2P_OK;
    }
    if (err == P2P_OK && (peer->greeted || hello.member != peer->member ||
                          !p2p_hash_equal(&hello.federation_id, &id))) {
        err = P2P_MALFORMED;
    }
    if (err != P2P_OK) {
        p2p_engine_refuse(engine, peer->member, 0, 0, err);
        p2p_engine_close_link(engine, peer, err, "hello is not of this federation and member");
        return P2P_OK;
    }
    peer->greeted = true;
    peer->hello_unknown = true;
    p2p_fetch_meet(engine);
    p2p_engine_trace(engine,
                     (struct p2p_trace){.type = P2P_TRACE_SESSION, .member = peer->member});
    const struct p2p_member *member = p2p_charter_member(engine->ledger.charter, peer->member);
    if (member != NULL) { /* it may have forgotten that we hold what it wrote */
        p2p_feed_set_add(&engine->due.cosign, member->feed);
    }
    err = take_entries(engine, peer, hello.entries, FRONTIER_HELLO);
    if (err == P2P_OK) {
        err = p2p_relay_meet(engine, peer);
    }
    if (err == P2P_OK) {
        err = p2p_fork_send_rival(engine, peer);
    }
    if (err == P2P_OK) {
        err = p2p_fork_send_kept(engine, peer);
    }
    if (err == P2P_OK) {
        err = p2p_witness_send_heartbeats(engine, peer);
    }
    return err;
}

static enum p2p_err receive_want(struct p2p_engine *engine, struct p2p_peer *peer,
                                 struct p2p_slice body, bool leaves)
{
    struct p2p_want want;
    enum p2p_err err = p2p_want_read(&want, body);
    struct p2p_peer_feed *row = err == P2P_OK ? p2p_peer_feed(engine, peer, want.feed) : NULL;
    if (err != P2P_OK) {
        return err;
    }
    if (row == NULL) {
        p2p_engine_refuse(engine, peer->member, want.feed, want.from, P2P_UNKNOWN);
        return P2P_OK;
    }
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, want.feed);
    row->told = true;
    row->way = P2P_WAY_EAGER;
    p2p_send_to(engine, row, want.feed);
    row->leaves = leaves;
    if (P2P_PLANT(CACHED_FRONTIER) && row->sent > want.from) {
        return P2P_OK;
    }
    row->sent = want.from;
    if (held->state == P2P_FEED_FORKED && !engine->extras[want.feed].fork_taken) {
        return p2p_send_gap(engine, peer, want.feed, want.from, P2P_FORKED); /* ask another */
    }
    if (want.from < held->head.size) {
        return P2P_OK; /* p2p_send_due sends from there */
    }
    err = p2p_send_head(engine, peer, want.feed);
    if (err != P2P_OK || want.feed == P2P_CHARTER_FEED) {
        return err;
    }
    /* It may have asked because its branch of the tree carries nothing. */
    err = p2p_witness_send_quorum(engine, peer, want.feed);
    return err == P2P_OK ? p2p_witness_send_heartbeat(engine, peer, want.feed) : err;
}

static enum p2p_err receive_digest(struct p2p_engine *engine, struct p2p_peer *peer,
                                   struct p2p_slice body)
{
    struct p2p_hash theirs;
    struct p2p_hash ours;
    uint8_t bytes[64];
    struct p2p_writer out;
    enum p2p_err err = p2p_digest_read(&theirs, body);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_frontier_digest(&engine->ledger, &ours);
    if (err != P2P_OK) {
        return err;
    }
    bool is_echo = peer->digests_sent > 0;
    peer->digests_sent -= is_echo;
    if (!p2p_hash_equal(&theirs, &ours)) {
        peer->frontiers_sent++;
        return send_frontier(engine, peer);
    }
    if (is_echo) {
        return P2P_OK;
    }
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_digest_write(&out, &ours);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

static enum p2p_err receive_frontier(struct p2p_engine *engine, struct p2p_peer *peer,
                                     struct p2p_slice body)
{
    struct p2p_frontier_body frontier;
    enum p2p_err err = p2p_frontier_read(&frontier, body);
    if (err != P2P_OK) {
        return err;
    }
    if (frontier.whole && peer->frontiers_sent > 0) {
        peer->frontiers_sent--;
    } else if (frontier.whole) {
        err = send_frontier(engine, peer); /* it found a difference: it shall know ours too */
    }
    return err == P2P_OK ? take_entries(engine, peer, frontier.entries,
                                        frontier.whole ? FRONTIER_WHOLE : FRONTIER_ANNOUNCED)
                         : err;
}

static enum p2p_err receive_gap(struct p2p_engine *engine, struct p2p_peer *peer,
                                struct p2p_slice body)
{
    struct p2p_gap gap;
    enum p2p_err err = p2p_gap_read(&gap, body);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, gap.feed);
    if (row != NULL) {
        p2p_repair_refused(engine, gap.feed);
        if (gap.err == -(int)P2P_COMMITMENT) {
            p2p_ungiven_stopped(engine, peer, gap.feed);
        }
        row->size = 0; /* ask another, until it names a size again */
        if (engine->extras[gap.feed].want_link == peer->link) {
            engine->extras[gap.feed].want_link = 0;
        }
    }
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_GAP,
                                                .feed = gap.feed,
                                                .member = peer->member,
                                                .at = gap.at,
                                                .value = gap.err});
    return P2P_OK;
}

static enum p2p_err dispatch(struct p2p_engine *engine, struct p2p_peer *peer,
                             const struct p2p_frame *frame)
{
    switch (frame->type) {
    case P2P_FRAME_HELLO:
        return receive_hello(engine, peer, frame->body);
    case P2P_FRAME_FRONTIER:
        return receive_frontier(engine, peer, frame->body);
    case P2P_FRAME_WANT:
        return receive_want(engine, peer, frame->body, false);
    case P2P_FRAME_WANT_LEAVES:
        return receive_want(engine, peer, frame->body, true);
    case P2P_FRAME_RUN:
        return p2p_receive_run(engine, peer, frame->body);
    case P2P_FRAME_ENTRY:
        return p2p_receive_entry(engine, peer, frame->body);
    case P2P_FRAME_COSIGN:
        return p2p_witness_receive(engine, peer, frame->body);
    case P2P_FRAME_LEASE_ASK:
        return p2p_lease_receive_ask(engine, peer, frame->body);
    case P2P_FRAME_LEASE_ANSWER:
        return p2p_lease_receive_answer(engine, peer, frame->body);
    case P2P_FRAME_ACK:
        return p2p_witness_receive_ack(engine, peer, frame->body);
    case P2P_FRAME_DIGEST:
        return receive_digest(engine, peer, frame->body);
    case P2P_FRAME_PROVE:
        return p2p_fork_receive_prove(engine, peer, frame->body);
    case P2P_FRAME_PROOF:
        return p2p_fork_receive_proof(engine, peer, frame->body);
    case P2P_FRAME_FORK:
        return p2p_fork_receive(engine, peer->member, frame->body);
    case P2P_FRAME_GAP:
        return receive_gap(engine, peer, frame->body);
    case P2P_FRAME_NEIGHBOUR:
        return p2p_overlay_receive(engine, peer, frame->body);
    case P2P_FRAME_PRUNE:
        return p2p_relay_receive_prune(engine, peer, frame->body);
    case P2P_FRAME_GRAFT:
        return p2p_graft_receive(engine, peer, frame->body);
    case P2P_FRAME_ASK_PAYLOADS:
        return p2p_fetch_receive_ask(engine, peer, frame->body);
    case P2P_FRAME_PAYLOADS:
        return p2p_fetch_receive(engine, peer, frame->body);
    default: /* a later version's frame: skipped, counted */
        p2p_engine_refuse(engine, peer->member, 0, frame->type, P2P_UNKNOWN);
        return P2P_OK;
    }
}

/* While damage is known only what tells what peers have, and what repairs, is listened to: the
 * rest would be judged by what is damaged. */
static bool heard_while_damaged(const struct p2p_engine *engine, const struct p2p_frame *frame)
{
    return !p2p_engine_damaged(engine) || frame->type == P2P_FRAME_HELLO ||
           frame->type == P2P_FRAME_FRONTIER || frame->type == P2P_FRAME_RUN ||
           frame->type == P2P_FRAME_GAP;
}

enum p2p_err p2p_session_frame(struct p2p_engine *engine, struct p2p_peer *peer,
                               const struct p2p_frame *frame)
{
    if (!peer->greeted && frame->type != P2P_FRAME_HELLO) {
        p2p_engine_refuse(engine, peer->member, 0, frame->type, P2P_MALFORMED);
        p2p_engine_close_link(engine, peer, P2P_MALFORMED, "sent a frame before its hello");
        return P2P_OK;
    }
    if (!heard_while_damaged(engine, frame)) {
        return P2P_OK;
    }
    enum p2p_err err = dispatch(engine, peer, frame);
    if (err == P2P_MALFORMED || err == P2P_TRUNCATED || err == P2P_TOOLARGE) {
        p2p_engine_refuse(engine, peer->member, 0, frame->type, err);
        p2p_engine_close_link(engine, peer, err, "sent a frame that is not well-formed");
        return P2P_OK;
    }
    return err;
}

/* ---- time ---- */

/* Every 30 s one random peer gets the digest of our frontier. */
static enum p2p_err anti_entropy(struct p2p_engine *engine, uint64_t *wake_ms)
{
    uint8_t random[32];
    uint8_t bytes[64];
    struct p2p_writer out;
    struct p2p_hash digest;
    if (engine->now.mono_ms < engine->next_anti_entropy_ms) {
        p2p_wake_at(wake_ms, engine->next_anti_entropy_ms);
        return P2P_OK;
    }
    engine->next_anti_entropy_ms = engine->now.mono_ms + P2P_ANTI_ENTROPY_EVERY_MS;
    p2p_wake_at(wake_ms, engine->next_anti_entropy_ms);
    p2p_engine_random(engine, random);
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[(random[0] + i) % P2P_PEERS_MAX];
        if (peer->link == 0 || !peer->greeted || peer->closing) {
            continue;
        }
        enum p2p_err err = p2p_frontier_digest(&engine->ledger, &digest);
        if (err != P2P_OK) {
            return err;
        }
        peer->digests_sent++;
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_digest_write(&out, &digest);
        return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
    }
    return P2P_OK;
}

enum p2p_err p2p_session_tick(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = p2p_ungiven_due(engine, wake_ms);
    if (err == P2P_OK) {
        err = p2p_session_retry_wants(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_graft_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_witness_ask_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = anti_entropy(engine, wake_ms);
    }
    for (size_t i = 0; i < P2P_PEERS_MAX && !engine->complete; i++) {
        if (engine->peers[i].link != 0) {
            p2p_session_follow_witness(engine, &engine->peers[i]);
        }
    }
    return err;
}
