/* Frames out: what is ours is pushed, what is wanted or to be relayed is sent. */
#include "engine_parts.h"

#include <p2p/assert.h>

#include <string.h>

enum {
    RUN_HEADER_BYTES =
        P2P_FRAME_HEADER_BYTES + 4 + 8 + 8 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES + 4
};

enum p2p_err p2p_send_to_all(struct p2p_engine *engine, struct p2p_slice frames,
                             uint64_t except_link)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && peer->greeted && peer->link != except_link) {
            err = p2p_engine_send(engine, peer, frames);
        }
    }
    return err;
}

enum p2p_err p2p_send_gap(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                          uint64_t at, enum p2p_err why)
{
    uint8_t bytes[64];
    struct p2p_writer out;
    const struct p2p_gap gap = {.feed = feed, .at = at, .err = (uint8_t) - (int)why};
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_gap_write(&out, &gap);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* What goes with a leaf to this peer: its payload, if the peer's member is in the circle.
 * P2P_COMMITMENT: the peer may have it and we have it not, so the run must end before it. What
 * only the peer itself ever held goes back to it without, and so does (leaves) what it asked
 * for without. */
static enum p2p_err payload_for(struct p2p_engine *engine, const struct p2p_peer *peer,
                                const struct p2p_record_id *id, struct p2p_slice leaf,
                                bool leaves, struct p2p_slice *salted)
{
    struct p2p_record record;
    *salted = (struct p2p_slice){0};
    enum p2p_err err = p2p_record_peek(&record, leaf);
    if (err != P2P_OK) {
        return P2P_CORRUPT;
    }
    if (record.body_type != P2P_BODY_COMMITMENT) {
        return P2P_OK;
    }
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, record.circle);
    if (record.circle != 0 && (circle == NULL || !p2p_circle_has(circle, peer->member))) {
        return P2P_OK;
    }
    err = p2p_ledger_salted(&engine->ledger, id, salted);
    if (err == P2P_NOTFOUND) {
        const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
        *salted = (struct p2p_slice){0};
        bool alone = info != NULL && /* else two charter heads hide whose feed it is */
                     info->member == peer->member &&
                     p2p_engine_alone(engine, record.circle, peer->member);
        return leaves || alone ? P2P_OK : P2P_COMMITMENT;
    }
    return err;
}

/* Sends one run from row->sent to the next signed head. */
static enum p2p_err send_run(struct p2p_engine *engine, struct p2p_peer *peer,
                             struct p2p_peer_feed *row, const struct p2p_feed *feed)
{
    struct p2p_tree_head head;
    struct p2p_feed_walk walk;
    struct p2p_writer out;
    enum p2p_err err = p2p_feed_head_from(feed, engine->kv, row->sent + 1, &head);
    if (err != P2P_OK) {
        return err;
    }
    uint64_t count = head.size - row->sent;
    if (count > P2P_RUN_RECORDS_MAX) {
        return P2P_CORRUPT; /* heads are kept closer than that */
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    size_t begin = p2p_run_begin_write(&out, feed->number, row->sent, (uint32_t)count, &head);
    p2p_feed_walk_begin(&walk, feed, engine->kv, row->sent);
    for (uint64_t i = 0; i < count && err == P2P_OK; i++) {
        const struct p2p_record_id id = {feed->number, row->sent + i};
        struct p2p_slice leaf;
        struct p2p_slice salted;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            err = payload_for(engine, peer, &id, leaf, row->leaves, &salted);
        }
        if (err == P2P_OK) {
            p2p_run_record_write(&out, leaf, salted);
            /* Payloads that came later than their leaves were not counted when the heads to be
             * kept were chosen: others kept nearer ones, the feed's owner for one. */
            err = out.failed ? P2P_TOOLARGE : P2P_OK;
        }
        if (err == P2P_COMMITMENT || err == P2P_TOOLARGE) {
            bool expected = row->way == P2P_WAY_EAGER || feed->number == engine->feed;
            row->sending = false;
            row->told = false; /* nothing more until it speaks of this feed again */
            row->way = P2P_WAY_LAZY;
            return expected ? p2p_send_gap(engine, peer, feed->number, id.index, err)
                            : P2P_OK; /* it is told of the record, and may ask */
        }
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_frame_end(&out, begin);
    row->sent = head.size;
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* As it stands in memory, verified: the disk may have spoiled what is stored. */
static enum p2p_err send_entry(struct p2p_engine *engine, struct p2p_peer *peer,
                               struct p2p_peer_feed *row)
{
    struct p2p_writer out;
    struct p2p_entry_body entry = {.index = row->sent};
    enum p2p_err err =
        p2p_charter_entry(engine->ledger.charter, entry.index, &entry.leaf, &entry.note);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_entry_write(&out, &entry);
    row->sent++;
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* The charter goes to everybody who has less of it, our own feed to all; others to who wants
 * them, or gets what comes at once. */
static bool due(const struct p2p_engine *engine, const struct p2p_peer_feed *row,
                const struct p2p_feed *feed)
{
    bool pushed = feed->number == engine->feed || feed->number == P2P_CHARTER_FEED;
    return row->told && (row->sending || pushed) && row->sent < feed->head.size &&
           (feed->state != P2P_FEED_FORKED || engine->extras[feed->number].fork_taken);
}

void p2p_send_to(struct p2p_engine *engine, struct p2p_peer_feed *row, uint32_t feed)
{
    row->sending = true;
    p2p_feed_set_add(&engine->due.sends, feed);
}

/* Feeds that no peer is being sent any more are not looked at. */
static void look_who_is_sent(struct p2p_engine *engine)
{
    for (uint32_t i = 0; p2p_feed_set_next(&engine->due.sends, &i); i++) {
        bool any = false;
        for (size_t p = 0; p < P2P_PEERS_MAX && !any; p++) {
            const struct p2p_peer *peer = &engine->peers[p];
            any = peer->link != 0 && i < peer->feed_cap && peer->feeds[i].sending;
        }
        p2p_feed_set_put(&engine->due.sends, i, any);
    }
}

static enum p2p_err send_to_peer(struct p2p_engine *engine, struct p2p_peer *peer)
{
    for (uint32_t i = 0; p2p_feed_set_next(&engine->due.sends, &i); i++) {
        struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, i);
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, i);
        if (row == NULL) {
            return P2P_NOMEM;
        }
        while (due(engine, row, feed)) {
            if (peer->ahead_bytes >= P2P_SEND_AHEAD_BYTES) {
                return P2P_OK; /* goes on when the link says it is writable */
            }
            enum p2p_err err = i == P2P_CHARTER_FEED ? send_entry(engine, peer, row)
                                                     : send_run(engine, peer, row, feed);
            if (err != P2P_OK) {
                return err;
            }
        }
        if (i == engine->feed && p2p_feed_set_has(&engine->due.grew, i) && row->told &&
            row->sent > feed->head.size && feed->state != P2P_FEED_FORKED) {
            /* Nobody has more of our feed than we do, unless our store was put back together
             * with the copy: whoever holds the first history is to prove it now. */
            enum p2p_err err = p2p_send_head(engine, peer, i);
            if (err != P2P_OK) {
                return err;
            }
        }
        if (i != engine->feed && row->sent >= feed->head.size) {
            row->sending = false;
        }
    }
    return P2P_OK;
}

enum p2p_err p2p_send_head(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    struct p2p_writer out;
    if (feed == P2P_CHARTER_FEED || held->head.size == 0) {
        return P2P_OK;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    size_t begin = p2p_run_begin_write(&out, feed, held->head.size, 0, &held->head);
    p2p_frame_end(&out, begin);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_send_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_peer *peers[P2P_PEERS_MAX];
    size_t count = 0;
    enum p2p_err err = P2P_OK;
    p2p_feed_set_add(&engine->due.sends, P2P_CHARTER_FEED); /* these two are pushed always */
    p2p_feed_set_add(&engine->due.sends, engine->feed);
    for (size_t i = 0; i < P2P_PEERS_MAX && !p2p_engine_damaged(engine); i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link != 0 && peer->greeted && !peer->closing) {
            peers[count++] = peer;
        }
    }
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = send_to_peer(engine, peers[i]);
    }
    for (size_t i = 0; i < count && i < P2P_ANNOUNCE_PEERS_MAX && err == P2P_OK; i++) {
        err = p2p_relay_announce(engine, peers[(engine->announce_turn + i) % count]);
    }
    look_who_is_sent(engine);
    p2p_relay_announced(engine, wake_ms);
    return err;
}
