/* Asking peers for payloads that are missing here, and answering who asks.
 *
 * One peer at a time has its turn for a feed: it is asked for what is missing of it, in order,
 * P2P_ASK_PAYLOADS_MAX at a time, until it was asked for all; then the next peer has its turn
 * for what is still missing. When all have had theirs, the feed rests, until a peer comes that
 * had none.
 *
 *              ask                    answer
 *     turn ------------> waiting ---------------------> turn, from the next index on
 *      ^                    |   time-out, or it tells nothing
 *      |  another peer      v
 *      +---------------- turn over --(everybody had a turn)--> rest --(30 s)--> turn
 *
 * Asked is who is in the record's circle by the charter, and has that charter, and who owns the
 * feed: it wrote the payload. A peer is asked for one feed at a time, so that no answer fills
 * its link. A payload counts when it opens the commitment of its leaf, whoever sent it; then
 * the record is folded as if it had come now. */
#include "engine_parts.h"

#include <p2p/assert.h>

#include <string.h>

_Static_assert(P2P_PEERS_MAX <= 64, "a turn is a bit of p2p_fetch.tried");

/* ---- answering ---- */

/* What this peer gets of one record; empty when it has no right to it, or it is not here. */
static enum p2p_err payload_to(struct p2p_engine *engine, const struct p2p_peer *peer,
                               const struct p2p_record_id *id, struct p2p_slice *salted,
                               bool *refused)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    struct p2p_slice leaf;
    struct p2p_record record;
    *salted = (struct p2p_slice){0};
    enum p2p_err err = p2p_feed_leaf(feed, engine->kv, id->index, &leaf);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (p2p_record_peek(&record, leaf) != P2P_OK) {
        return P2P_CORRUPT;
    }
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, record.circle);
    if (record.body_type != P2P_BODY_COMMITMENT ||
        (record.circle != 0 && (circle == NULL || !p2p_circle_has(circle, peer->member)))) {
        *refused = true;
        return P2P_OK;
    }
    err = p2p_ledger_salted(&engine->ledger, id, salted);
    if (err == P2P_NOTFOUND) {
        *salted = (struct p2p_slice){0};
        return P2P_OK;
    }
    return err;
}

enum p2p_err p2p_fetch_receive_ask(struct p2p_engine *engine, struct p2p_peer *peer,
                                   struct p2p_slice body)
{
    struct p2p_ask_payloads ask;
    struct p2p_writer out;
    bool told = false;
    enum p2p_err err = p2p_ask_payloads_read(&ask, body);
    if (err != P2P_OK) {
        return err;
    }
    if (ask.feed == P2P_CHARTER_FEED || p2p_ledger_feed(&engine->ledger, ask.feed) == NULL) {
        p2p_engine_refuse(engine, peer->member, ask.feed, 0, P2P_UNKNOWN);
        return P2P_OK;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    size_t begin = p2p_payloads_begin_write(&out, ask.feed);
    for (size_t i = 0;
         i < p2p_ask_payloads_count(&ask) && out.len < P2P_PAYLOADS_BYTES_MAX && err == P2P_OK;
         i++) {
        const struct p2p_record_id id = {ask.feed, p2p_ask_payloads_at(&ask, i)};
        struct p2p_slice salted;
        bool refused = false;
        err = payload_to(engine, peer, &id, &salted, &refused);
        if (err == P2P_OK) {
            p2p_payload_write(&out, id.index, salted);
        }
        if (refused && !told) { /* once for each frame */
            told = true;
            p2p_engine_refuse(engine, peer->member, id.feed, id.index, P2P_REFUSED);
        }
    }
    p2p_frame_end(&out, begin);
    return err == P2P_OK ? p2p_engine_send(engine, peer, p2p_writer_slice(&out)) : err;
}

/* ---- taking what comes ---- */

static uint64_t turn_of(const struct p2p_engine *engine, const struct p2p_peer *peer)
{
    return UINT64_C(1) << (peer - engine->peers);
}

static void end_turn(struct p2p_engine *engine, struct p2p_fetch *fetch,
                     const struct p2p_peer *peer)
{
    fetch->tried |= turn_of(engine, peer);
    fetch->link = 0;
    fetch->waiting = false;
}

/* One payload of an answer. P2P_NOTFOUND: not missing here, or no longer. P2P_COMMITMENT: it is
 * not that record's. */
static enum p2p_err take_payload(struct p2p_engine *engine, const struct p2p_record_id *id,
                                 struct p2p_slice salted)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    struct p2p_lack lack;
    struct p2p_slice leaf;
    struct p2p_slice payload;
    struct p2p_record record;
    enum p2p_err err = p2p_lack_get(engine, id, &lack);
    if (err != P2P_OK || info == NULL || lack.circle >= engine->lacks.circle_count ||
        !engine->lacks.circles[lack.circle].member) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    err = p2p_feed_leaf(feed, engine->kv, id->index, &leaf);
    if (err != P2P_OK || p2p_record_decode(&record, leaf) != P2P_OK) {
        return err == P2P_OK || err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    err = p2p_record_open(&record, p2p_slice_text(info->origin), salted, &payload);
    if (err != P2P_OK) {
        return P2P_COMMITMENT;
    }
    p2p_ruling_arrived(engine, id, &record); /* borrows from the store: before it is written */
    err = p2p_lack_end(engine, &lack);
    p2p_feed_set_add(&engine->due.cosign, id->feed); /* it waited for this, perhaps */
    if (err == P2P_OK) {
        err = p2p_ledger_take_payload(&engine->ledger, id, salted);
    }
    return err;
}

struct taken {
    uint64_t count;
    uint64_t first; /* of those that came */
    uint64_t withheld;
    uint64_t first_withheld;
    uint64_t last; /* told of */
};

static enum p2p_err take_all(struct p2p_engine *engine, const struct p2p_peer *peer,
                             const struct p2p_payloads_body *body, struct taken *taken)
{
    struct p2p_payloads_walk walk;
    struct p2p_record_id id = {body->feed, 0};
    struct p2p_slice salted;
    enum p2p_err err = P2P_OK;
    p2p_payloads_begin(&walk, body);
    while (err == P2P_OK && p2p_payloads_next(&walk, &id.index, &salted)) {
        taken->last = id.index;
        if (salted.len == 0) {
            taken->first_withheld = taken->withheld == 0 ? id.index : taken->first_withheld;
            taken->withheld++;
            continue;
        }
        err = take_payload(engine, &id, salted);
        if (err == P2P_OK) {
            taken->first = taken->count == 0 ? id.index : taken->first;
            taken->count++;
        } else if (err == P2P_COMMITMENT) { /* another peer is asked for it */
            p2p_engine_refuse(engine, peer->member, id.feed, id.index, err);
            err = P2P_OK;
        } else if (err == P2P_NOTFOUND) {
            err = P2P_OK;
        }
    }
    return err;
}

enum p2p_err p2p_fetch_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                               struct p2p_slice body)
{
    struct p2p_payloads_body payloads;
    struct taken taken = {0};
    enum p2p_err err = p2p_payloads_read(&payloads, body);
    if (err != P2P_OK) {
        return err;
    }
    if (payloads.feed == P2P_CHARTER_FEED ||
        p2p_ledger_feed(&engine->ledger, payloads.feed) == NULL) {
        p2p_engine_refuse(engine, peer->member, payloads.feed, 0, P2P_UNKNOWN);
        return P2P_OK;
    }
    struct p2p_fetch *fetch = &engine->extras[payloads.feed].fetch;
    err = take_all(engine, peer, &payloads, &taken);
    if (err != P2P_OK) {
        return err;
    }
    if (taken.count > 0) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_PAYLOADS,
                                                    .feed = payloads.feed,
                                                    .member = peer->member,
                                                    .at = taken.first,
                                                    .value = taken.count});
    }
    if (fetch->link != peer->link || !fetch->waiting) {
        return P2P_OK; /* too late, or never asked: what it brought was welcome */
    }
    if (taken.withheld > 0) {
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_WITHHELD,
                                                    .feed = payloads.feed,
                                                    .member = peer->member,
                                                    .at = taken.first_withheld,
                                                    .value = taken.withheld});
    }
    peer->withheld += taken.withheld;
    peer->asked = false;
    fetch->waiting = false;
    if (taken.last < fetch->next || taken.last == UINT64_MAX) {
        end_turn(engine, fetch, peer); /* it told of nothing that it was asked for */
    } else {
        fetch->next = taken.last + 1;
    }
    return P2P_OK;
}

/* ---- asking ---- */

static bool may_have(const struct p2p_engine *engine, const struct p2p_peer *peer,
                     const struct p2p_lack *lack)
{
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, lack->circle);
    return lack->circle == 0 || (circle != NULL && p2p_circle_has(circle, peer->member)) ||
           p2p_session_owns(engine, peer, lack->id.feed);
}

/* Whose turn is next. later [out]: somebody cannot be asked yet. */
static struct p2p_peer *next_peer(struct p2p_engine *engine, const struct p2p_fetch *fetch,
                                  bool *later)
{
    *later = false;
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || peer->closing || (fetch->tried & turn_of(engine, peer)) != 0) {
            continue;
        }
        /* Who has not our charter yet does not know that we may ask. */
        bool ready =
            peer->greeted && !peer->asked && peer->feed_cap > P2P_CHARTER_FEED &&
            peer->feeds[P2P_CHARTER_FEED].size >= p2p_charter_size(engine->ledger.charter);
        if (ready) {
            return peer;
        }
        *later = true;
    }
    return NULL;
}

/* What the peer whose turn it is can be asked for, from fetch->next on. end [out]: nothing is
 * missing after those; any [out]: something is missing, of a circle this member is in. */
static enum p2p_err collect(struct p2p_engine *engine, uint32_t feed,
                            const struct p2p_peer *peer, uint64_t *indexes, size_t *count,
                            bool *end, bool *any)
{
    struct p2p_fetch *fetch = &engine->extras[feed].fetch;
    const struct p2p_record_id from = {feed, fetch->next};
    struct p2p_lack lack;
    *count = 0;
    *end = false;
    for (uint32_t i = 0; i < P2P_LACK_WALK_LEAVES && *count < P2P_ASK_PAYLOADS_MAX; i++) {
        enum p2p_err err = p2p_lack_walk(engine, &from, i == 0, &lack);
        if (err == P2P_NOTFOUND) {
            *end = true;
            return P2P_OK;
        }
        if (err != P2P_OK) {
            return err;
        }
        if (lack.state != P2P_LACK_LOST && lack.circle < engine->lacks.circle_count &&
            engine->lacks.circles[lack.circle].member) {
            *any = true;
            if (may_have(engine, peer, &lack)) {
                indexes[(*count)++] = lack.id.index;
            }
        }
        fetch->next = lack.id.index + 1;
    }
    return P2P_OK;
}

static enum p2p_err ask(struct p2p_engine *engine, uint32_t feed, struct p2p_peer *peer,
                        const uint64_t *indexes, size_t count, uint64_t *wake_ms)
{
    struct p2p_fetch *fetch = &engine->extras[feed].fetch;
    struct p2p_writer out;
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_ask_payloads_write(&out, feed, indexes, count);
    fetch->next = indexes[0]; /* to go on behind what the answer tells of */
    fetch->waiting = true;
    fetch->until_ms = engine->now.mono_ms + P2P_WANT_TIMEOUT_MS;
    peer->asked = true;
    p2p_wake_at(wake_ms, fetch->until_ms);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* The answer has not come: the next peer has its turn. */
static void time_out(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_fetch *fetch = &engine->extras[feed].fetch;
    struct p2p_peer *peer = p2p_engine_peer(engine, fetch->link);
    p2p_assert(peer != NULL); /* p2p_fetch_drop takes the turn from who is gone */
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_WITHHELD,
                                                .feed = feed,
                                                .member = peer->member,
                                                .at = fetch->next});
    peer->asked = false;
    end_turn(engine, fetch, peer);
}

static void rest(struct p2p_engine *engine, struct p2p_fetch *fetch, uint64_t *wake_ms)
{
    fetch->rest_until_ms = engine->now.mono_ms + P2P_ANTI_ENTROPY_EVERY_MS;
    p2p_wake_at(wake_ms, fetch->rest_until_ms);
}

/* One feed: goes on with the turn, or gives it to the next, until somebody is asked. */
static enum p2p_err fetch_feed(struct p2p_engine *engine, uint32_t feed, uint64_t *wake_ms)
{
    struct p2p_fetch *fetch = &engine->extras[feed].fetch;
    uint64_t indexes[P2P_ASK_PAYLOADS_MAX];
    bool any = false;
    if (fetch->waiting && engine->now.mono_ms >= fetch->until_ms) {
        time_out(engine, feed);
    }
    if (fetch->waiting || engine->now.mono_ms < fetch->rest_until_ms) {
        p2p_wake_at(wake_ms, fetch->waiting ? fetch->until_ms : fetch->rest_until_ms);
        return P2P_OK;
    }
    if (fetch->rest_until_ms != 0) {
        p2p_fetch_anew(fetch);
    }
    for (;;) {
        bool later = false;
        size_t count = 0;
        bool end = false;
        struct p2p_peer *peer = fetch->link != 0 ? p2p_engine_peer(engine, fetch->link)
                                                 : next_peer(engine, fetch, &later);
        if (peer == NULL) {
            if (!later) {
                rest(engine, fetch, wake_ms);
            }
            return P2P_OK;
        }
        if (fetch->link == 0) {
            fetch->link = peer->link;
            fetch->next = 0;
        } else if (peer->asked) {
            return P2P_OK; /* for another feed: its answer wakes us */
        }
        bool first = fetch->next == 0;
        enum p2p_err err = collect(engine, feed, peer, indexes, &count, &end, &any);
        if (err != P2P_OK || count > 0) {
            return err == P2P_OK ? ask(engine, feed, peer, indexes, count, wake_ms) : err;
        }
        if (!end) {
            p2p_wake_at(wake_ms, engine->now.mono_ms + 1); /* the next batch goes on */
            return P2P_OK;
        }
        end_turn(engine, fetch, peer);
        if (first && !any) {
            rest(engine, fetch, wake_ms); /* nothing is missing of this feed */
            return P2P_OK;
        }
    }
}

enum p2p_err p2p_fetch_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    if (!p2p_engine_stores(engine) || p2p_engine_damaged(engine) || !p2p_lack_any(engine)) {
        return P2P_OK;
    }
    for (uint32_t feed = 1; feed < engine->extra_count && err == P2P_OK; feed++) {
        err = fetch_feed(engine, feed, wake_ms);
    }
    return err;
}

/* ---- peers come and go ---- */

void p2p_fetch_anew(struct p2p_fetch *fetch)
{
    fetch->tried = 0;
    fetch->rest_until_ms = 0;
}

void p2p_fetch_meet(struct p2p_engine *engine)
{
    for (size_t i = 0; i < engine->extra_count; i++) {
        engine->extras[i].fetch.rest_until_ms = 0;
    }
}

void p2p_fetch_drop(struct p2p_engine *engine, const struct p2p_peer *peer)
{
    for (size_t i = 0; i < engine->extra_count; i++) {
        struct p2p_fetch *fetch = &engine->extras[i].fetch;
        fetch->tried &= ~turn_of(engine, peer);
        if (fetch->link == peer->link) {
            fetch->link = 0;
            fetch->waiting = false;
        }
    }
}
