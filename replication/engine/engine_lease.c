/* Until when this node may release: asking its witnesses, and answering as one. What the
 * answers come to is lease.h's.
 *
 *     owner    --lease-ask (newest checkpoint, nonce)-->  witness
 *     owner    <--lease-answer (nonce, cosignature, sizes held)--  witness
 *
 * A round is begun when it is due and a witness is there; who comes later is asked in the same
 * round, which counts from when it began. A witness answers who asks about its own feed, for
 * what it holds of that; who has written more than that asks again with the next round. */
#include "engine_parts.h"

enum p2p_custody_ready p2p_engine_custody(const struct p2p_engine *engine,
                                          const struct p2p_now *now, uint64_t *left_ms)
{
    if (p2p_engine_read_only(engine) != P2P_READ_ONLY_NONE || engine->custody_held ||
        engine->lease.feed != engine->feed) {
        if (left_ms != NULL) {
            *left_ms = 0;
        }
        return P2P_CUSTODY_WAITING;
    }
    return p2p_lease_ready(&engine->lease, engine->ledger.charter, now->mono_ms, left_ms);
}

void p2p_engine_hold_custody(struct p2p_engine *engine, bool held)
{
    engine->custody_held = held;
}

/* ---- asking ---- */

static bool is_asked(const struct p2p_engine *engine, const struct p2p_feed_info *info,
                     const struct p2p_peer *peer)
{
    return peer->link != 0 && peer->greeted && !peer->closing &&
           p2p_feed_cosigner(info,
                             p2p_charter_witness_of(engine->ledger.charter, peer->member));
}

static bool any_is_asked(const struct p2p_engine *engine, const struct p2p_feed_info *info)
{
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        if (is_asked(engine, info, &engine->peers[i])) {
            return true;
        }
    }
    return false;
}

static enum p2p_err ask(struct p2p_engine *engine, struct p2p_peer *peer,
                        const struct p2p_feed *own)
{
    uint8_t bytes[128];
    struct p2p_writer out;
    const struct p2p_lease_ask body = {.feed = engine->feed,
                                       .size = own->head.size,
                                       .root = own->head.root,
                                       .nonce = engine->lease.nonce};
    peer->lease_round = engine->lease.round;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_lease_ask_write(&out, &body);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_lease_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_lease *lease = &engine->lease;
    const struct p2p_feed *own = p2p_engine_own(engine);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    if (lease->feed != engine->feed) {
        p2p_lease_void(lease, engine->feed);
    }
    p2p_lease_follow(lease, engine->ledger.charter); /* which may have grown */
    if (own == NULL || info == NULL || own->head.size == 0 ||
        engine->read_only != P2P_READ_ONLY_NONE || p2p_engine_damaged(engine)) {
        return P2P_OK;
    }
    uint64_t next_ms = p2p_lease_next_ms(lease, engine->ledger.charter);
    if (next_ms == UINT64_MAX) {
        return P2P_OK;
    }
    if (engine->now.mono_ms >= next_ms && any_is_asked(engine, info)) {
        struct p2p_hash nonce;
        p2p_engine_random(engine, nonce.bytes);
        p2p_lease_ask(lease, &nonce, engine->now.mono_ms);
        next_ms = p2p_lease_next_ms(lease, engine->ledger.charter);
    }
    if (engine->now.mono_ms < next_ms) {
        p2p_wake_at(wake_ms, next_ms); /* else whoever comes wakes it */
    }
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < P2P_PEERS_MAX && err == P2P_OK && lease->round > 0; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (is_asked(engine, info, peer) && peer->lease_round != lease->round &&
            !(lease->answered && lease->complete)) {
            err = ask(engine, peer, own);
        }
    }
    return err;
}

/* Anything but an answer that counts. */
static enum p2p_err refuse(struct p2p_engine *engine, const struct p2p_peer *peer,
                           uint64_t size, enum p2p_err why)
{
    p2p_engine_refuse(engine, peer->member, engine->feed, size, why);
    return P2P_OK;
}

enum p2p_err p2p_lease_receive_answer(struct p2p_engine *engine, struct p2p_peer *peer,
                                      struct p2p_slice body)
{
    struct p2p_lease_answer answer;
    struct p2p_hash root;
    enum p2p_err err = p2p_lease_answer_read(&answer, body);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_charter *charter = engine->ledger.charter;
    const struct p2p_cosign_body *sign = &answer.sign;
    const struct p2p_feed_info *info = p2p_charter_feed(charter, engine->feed);
    const struct p2p_witness_public *key = p2p_charter_witness_key(charter, sign->witness);
    struct p2p_feed *own = p2p_engine_own(engine);
    if (own == NULL || info == NULL || key == NULL || sign->feed != engine->feed ||
        sign->size == 0 || p2p_witness_member(sign->witness) != peer->member) {
        return refuse(engine, peer, sign->size, P2P_UNKNOWN);
    }
    if (sign->size > own->head.size) { /* it will be asked for, if it is there */
        p2p_session_note_size(engine, peer, engine->feed, sign->size);
        err = p2p_session_lack(engine, peer, engine->feed);
        return err == P2P_OK ? refuse(engine, peer, sign->size, P2P_GAP) : err;
    }
    err = p2p_feed_flush(own, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(own, engine->kv, sign->size, &root);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (!p2p_hash_equal(&root, &sign->root)) {
        return refuse(engine, peer, sign->size, P2P_MISMATCH);
    }
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = sign->size, .root = sign->root};
    err = p2p_cosignature_verify_witness(&checkpoint, engine->options.sigs, key,
                                         &sign->cosignature);
    if (err != P2P_OK) {
        p2p_engine_refuse(engine, peer->member, engine->feed, sign->size, err);
        p2p_engine_close_link(engine, peer, err, "sent a cosignature that does not verify");
        return P2P_OK;
    }
    bool no_more = answer.held <= own->head.size;
    if (!no_more) {
        p2p_session_note_size(engine, peer, engine->feed, answer.held);
        err = p2p_session_lack(engine, peer, engine->feed);
        if (err != P2P_OK) {
            return err;
        }
    }
    return p2p_lease_take(&engine->lease, charter, sign->witness, &answer.nonce, answer.charter,
                          no_more)
               ? P2P_OK
               : refuse(engine, peer, sign->size, P2P_REFUSED); /* of an earlier round */
}

/* ---- answering ---- */

/* Whether what the asker has written is held here, on the same history. */
static enum p2p_err holds(struct p2p_engine *engine, struct p2p_peer *peer,
                          const struct p2p_lease_ask *asked, bool *same)
{
    struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, asked->feed);
    struct p2p_hash root;
    *same = false;
    if (asked->size == 0 || asked->size > held->head.size || held->state != P2P_FEED_OK) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_flush(held, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(held, engine->kv, asked->size, &root);
    }
    if (err != P2P_OK) {
        return err;
    }
    *same = p2p_hash_equal(&root, &asked->root);
    return *same ? P2P_OK : p2p_fork_ask_head(engine, peer, asked->feed, asked->size);
}

enum p2p_err p2p_lease_receive_ask(struct p2p_engine *engine, struct p2p_peer *peer,
                                   struct p2p_slice body)
{
    struct p2p_lease_ask asked;
    struct p2p_lease_answer answer;
    uint8_t bytes[256];
    struct p2p_writer out;
    bool same;
    enum p2p_err err = p2p_lease_ask_read(&asked, body);
    if (err != P2P_OK) {
        return err;
    }
    if (asked.feed == P2P_CHARTER_FEED || !p2p_session_owns(engine, peer, asked.feed) ||
        p2p_ledger_feed(&engine->ledger, asked.feed) == NULL) {
        p2p_engine_refuse(engine, peer->member, asked.feed, asked.size, P2P_UNKNOWN);
        return P2P_OK;
    }
    if (peer->lease_answered_ms != 0 &&
        engine->now.mono_ms - peer->lease_answered_ms < P2P_LEASE_ANSWER_EVERY_MS) {
        p2p_engine_refuse(engine, peer->member, asked.feed, asked.size, P2P_BUSY);
        return P2P_OK;
    }
    err = holds(engine, peer, &asked, &same);
    if (err != P2P_OK || !same) {
        return err;
    }
    err = p2p_witness_again(engine, asked.feed, &answer.sign);
    if (err != P2P_OK) {
        return err == P2P_REFUSED ? P2P_OK : err;
    }
    peer->lease_answered_ms = engine->now.mono_ms;
    answer.nonce = asked.nonce;
    answer.charter = p2p_charter_size(engine->ledger.charter);
    answer.held = p2p_ledger_feed(&engine->ledger, asked.feed)->head.size;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_lease_answer_write(&out, &answer);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

/* ---- taking over ---- */

static uint64_t wait_ms(const struct p2p_engine *engine)
{
    return p2p_charter_policy(engine->ledger.charter)->lease_s * 1100ull;
}

static struct p2p_takeover *find_takeover(struct p2p_engine *engine,
                                          const struct p2p_record_id *seal)
{
    for (size_t i = 0; i < P2P_TAKEOVERS_MAX; i++) {
        struct p2p_takeover *row = &engine->takeovers[i];
        if (row->begun && p2p_record_id_compare(&row->seal, seal) == 0) {
            return row;
        }
    }
    return NULL;
}

uint64_t p2p_engine_wait_left(struct p2p_engine *engine, const struct p2p_now *now,
                              const struct p2p_record_id *seal)
{
    const struct p2p_takeover *row = find_takeover(engine, seal);
    if (row == NULL) {
        return UINT64_MAX;
    }
    uint64_t gone_ms = now->mono_ms - row->since_ms;
    return gone_ms < wait_ms(engine) ? wait_ms(engine) - gone_ms : 0;
}

bool p2p_engine_waited(struct p2p_engine *engine, const struct p2p_now *now,
                       const struct p2p_record_id *seal)
{
    return p2p_engine_wait_left(engine, now, seal) == 0;
}

/* What is left of the wait for one seal, which begins now if it did not before: for whatever it
 * is named next, it was held since then. */
static uint64_t wait_for(struct p2p_engine *engine, const struct p2p_record_id *seal)
{
    uint64_t left_ms = p2p_engine_wait_left(engine, &engine->now, seal);
    if (left_ms != UINT64_MAX) {
        return left_ms;
    }
    engine->takeovers[engine->takeover_at] =
        (struct p2p_takeover){.begun = true, .seal = *seal, .since_ms = engine->now.mono_ms};
    engine->takeover_at = (engine->takeover_at + 1) % P2P_TAKEOVERS_MAX;
    return wait_ms(engine);
}

/* The lease of a holder whom the charter replaced has ended by then, whatever its clock: it
 * asked its witnesses for the last time before they knew the entry, and so before the seals. */
bool p2p_takeover_waited(struct p2p_engine *engine, struct p2p_slice content, uint64_t *left_ms)
{
    struct p2p_unpack in;
    *left_ms = 0;
    if (!p2p_unpack_find(content, "seals", &in)) {
        return true;
    }
    uint32_t count = p2p_unpack_array(&in);
    bool known = count > 0 && count <= P2P_CUSTODY_SEALS_MAX;
    for (uint32_t i = 0; i < count && known; i++) {
        struct p2p_record_id seal;
        bool pair = p2p_unpack_array(&in) == 2;
        seal.feed = p2p_unpack_u32(&in);
        seal.index = p2p_unpack_uint(&in);
        const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, seal.feed);
        known = pair && !p2p_unpack_failed(&in) && feed != NULL && seal.index < feed->edge.size;
        uint64_t one_ms = known ? wait_for(engine, &seal) : wait_ms(engine);
        *left_ms = one_ms > *left_ms ? one_ms : *left_ms;
    }
    return known && *left_ms == 0;
}
