/* Cosignatures, heartbeats and acknowledgements, made and taken. */
#include "engine_parts.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

static struct p2p_checkpoint checkpoint_of(const struct p2p_feed_info *info, uint64_t size,
                                           const struct p2p_hash *root)
{
    return (struct p2p_checkpoint){
        .origin = p2p_slice_text(info->origin), .size = size, .root = *root};
}

/* ---- made by this node ---- */

/* Cosigns a head of a feed, or our own newest as a heartbeat. The size that is stored never
 * decreases; neither does the time, whatever the clock does. */
static enum p2p_err make(struct p2p_engine *engine, uint32_t feed, struct p2p_tree_head head,
                         struct p2p_cosign_body *made)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    struct p2p_witnessing *witnessing = &extra->witnessing;
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    const struct p2p_checkpoint checkpoint = checkpoint_of(info, head.size, &head.root);
    struct p2p_cosign_body body = {
        .feed = feed,
        .size = head.size,
        .root = head.root,
        .witness = p2p_charter_witness_of(engine->ledger.charter, engine->member)};
    uint64_t time_s = engine->now.wall_ms / 1000;
    p2p_assert(head.size >= witnessing->cosigned_size);
    if (time_s < engine->clocks[engine->member].time_s) {
        time_s = engine->clocks[engine->member].time_s;
    }
    engine->clocks[engine->member].time_s = time_s;
    witnessing->cosigned_size = head.size;
    witnessing->cosigned_time_s = time_s;
    witnessing->cosigned_mono_ms = engine->now.mono_ms;
    p2p_feed_set_put(&engine->due.cosign, feed,
                     head.size < held->head.size); /* the rest later */
    enum p2p_err err = P2P_OK;
    if (!P2P_PLANT(COSIGN_FORGOTTEN) || feed == engine->feed) {
        err = p2p_witnessing_store_own(witnessing, engine->kv, feed, &head.root);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_cosign_witness(&checkpoint, engine->options.sigs, &engine->keys.witness, time_s,
                       &body.cosignature);
    engine->signature_made = true;
    *made = body;
    if (feed == engine->feed) {
        witnessing->heartbeat_time_s = time_s;
        witnessing->heartbeat_size = body.size;
        witnessing->heartbeat_root = body.root;
        witnessing->heartbeat = body.cosignature;
        witnessing->heartbeat_witness = body.witness;
        p2p_feed_set_add(&engine->due.unstored, feed);
        return p2p_history_beat(witnessing, held, engine->kv, &body, engine->now.mono_ms);
    }
    if (p2p_witnessing_wants(witnessing, info, body.witness, body.size, &body.root, held)) {
        err = p2p_witnessing_add(witnessing, info, body.witness, body.size, &body.root,
                                 &body.cosignature, held);
        p2p_feed_set_add(&engine->due.unsettled, feed);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_COSIGNED,
                                                .feed = feed,
                                                .member = engine->member,
                                                .at = body.size});
    return P2P_OK;
}

static enum p2p_err tell(struct p2p_engine *engine, const struct p2p_cosign_body *body)
{
    uint8_t bytes[256];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_cosign_write(&out, body);
    return p2p_send_to_all(engine, p2p_writer_slice(&out), 0);
}

/* Makes one and sends it to everybody. made [out]: may be NULL. */
static enum p2p_err cosign(struct p2p_engine *engine, uint32_t feed, struct p2p_tree_head head,
                           struct p2p_cosignature *made)
{
    struct p2p_cosign_body body;
    enum p2p_err err = make(engine, feed, head, &body);
    if (err == P2P_OK && made != NULL) {
        *made = body.cosignature;
    }
    return err == P2P_OK ? tell(engine, &body) : err;
}

#ifdef P2P_PLANTED
enum p2p_err p2p_witness_cosign_unchecked(struct p2p_engine *engine, uint32_t feed,
                                          const struct p2p_tree_head *head)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    uint32_t witness = p2p_charter_witness_of(engine->ledger.charter, engine->member);
    if (feed == engine->feed || !p2p_feed_cosigner(info, witness)) {
        return P2P_OK;
    }
    engine->extras[feed].witnessing.cosigned_size = 0;
    return cosign(engine, feed, *head, NULL);
}
#endif

/* Who is no witness of a feed acknowledges to its owner what it holds durably. */
static enum p2p_err acknowledge(struct p2p_engine *engine, uint32_t feed,
                                const struct p2p_feed_info *info)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    struct p2p_ack ack = {.feed = feed, .size = held->head.size};
    uint8_t message[P2P_ACK_MESSAGE_BYTES_MAX];
    uint8_t bytes[128];
    struct p2p_writer out;
    const struct p2p_sigs *sigs = engine->options.sigs;
    p2p_feed_set_remove(&engine->due.cosign, feed);
    for (size_t i = 0; i < P2P_PEERS_MAX; i++) {
        struct p2p_peer *peer = &engine->peers[i];
        if (peer->link == 0 || !peer->greeted || peer->member != info->member) {
            continue;
        }
        size_t len = p2p_ack_message(message, info->origin, ack.size, &held->head.root);
        sigs->sign(sigs->context, engine->keys.feed.seed, engine->keys.feed.public_key.bytes,
                   p2p_slice_of(message, len), &ack.signature);
        engine->signature_made = true;
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_ack_write(&out, &ack);
        return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
    }
    return P2P_OK;
}

size_t p2p_ack_message(uint8_t out[P2P_ACK_MESSAGE_BYTES_MAX], const char *origin,
                       uint64_t size, const struct p2p_hash *root)
{
    struct p2p_writer writer;
    size_t prefix = p2p_use_prefix(out, "ack", p2p_slice_text(origin));
    p2p_writer_init(&writer, out + prefix, P2P_ACK_MESSAGE_BYTES_MAX - prefix);
    p2p_writer_u64(&writer, size);
    p2p_writer_bytes(&writer, root->bytes, P2P_HASH_BYTES);
    return prefix + p2p_writer_slice(&writer).len;
}

/* Whether this node said that it holds an entry by which the feed ended, and which two heads of
 * the charter hide by now. */
static bool ended_for_us(const struct p2p_engine *engine, uint32_t feed)
{
    return p2p_charter_hides_end(engine->ledger.charter, feed,
                                 engine->extras[P2P_CHARTER_FEED].seen_size);
}

/* Whether this node may cosign heads of another member's feed at present. */
static bool may_cosign(const struct p2p_engine *engine, uint32_t feed)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    return engine->read_only == P2P_READ_ONLY_NONE && engine->member != 0 &&
           feed != P2P_CHARTER_FEED && feed != engine->feed && held != NULL && info != NULL &&
           held->state == P2P_FEED_OK && info->closed == 0 && p2p_engine_stores(engine) &&
           p2p_feed_cosigner(info,
                             p2p_charter_witness_of(engine->ledger.charter, engine->member)) &&
           !p2p_engine_witness_lost(engine) && !ended_for_us(engine, feed);
}

enum p2p_err p2p_engine_cosign(struct p2p_engine *engine, uint32_t feed,
                               const struct p2p_tree_head *head, struct p2p_cosignature *out)
{
    struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    struct p2p_hash root;
    if (!may_cosign(engine, feed) ||
        head->size < engine->extras[feed].witnessing.cosigned_size) {
        return P2P_REFUSED;
    }
    if (head->size > held->head.size) {
        return P2P_GAP;
    }
    enum p2p_err err = p2p_feed_flush(held, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(held, engine->kv, head->size, &root);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (!p2p_hash_equal(&root, &head->root)) {
        err = p2p_fork_contradicted(engine, engine->member, feed, head);
        return err == P2P_OK ? P2P_MISMATCH : err;
    }
    bool forbidden = false;
    err = p2p_seal_forbids(engine, feed, head->size, &forbidden);
    if (err != P2P_OK || forbidden) {
        return err != P2P_OK ? err : P2P_REFUSED;
    }
    return cosign(engine, feed, *head, out);
}

enum p2p_err p2p_witness_again(struct p2p_engine *engine, uint32_t feed,
                               struct p2p_cosign_body *out)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    uint64_t before = engine->extras[feed].witnessing.cosigned_size;
    bool ungiven = false;
    bool forbidden = false;
    if (!may_cosign(engine, feed) || held->head.size == 0 || held->head.size < before) {
        return P2P_REFUSED;
    }
    enum p2p_err err = p2p_lack_ungiven(engine, feed, &ungiven);
    if (err == P2P_OK) {
        err = p2p_seal_forbids(engine, feed, held->head.size, &forbidden);
    }
    if (err == P2P_OK && (ungiven || forbidden)) { /* what it may hold is not all held */
        err = P2P_REFUSED;
    }
    if (err == P2P_OK) {
        err = make(engine, feed, held->head, out);
    }
    return err == P2P_OK && held->head.size > before ? tell(engine, out) : err;
}

enum p2p_err p2p_witness_cosign_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    if (engine->read_only != P2P_READ_ONLY_NONE || engine->member == 0) {
        return P2P_OK;
    }
    uint32_t witness = p2p_charter_witness_of(engine->ledger.charter, engine->member);
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.cosign, &i); i++) {
        struct p2p_feed_extra *extra = &engine->extras[i];
        if (i == engine->feed) {
            continue;
        }
        const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, i);
        const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, i);
        if (held->state != P2P_FEED_OK || info == NULL || info->closed != 0 ||
            held->head.size == 0 || ended_for_us(engine, i)) {
            continue;
        }
        bool ungiven = false;
        bool forbidden = false;
        err = p2p_lack_ungiven(engine, i, &ungiven);
        if (err == P2P_OK) {
            err = p2p_seal_forbids(engine, i, held->head.size, &forbidden);
        }
        if (err != P2P_OK || ungiven || forbidden) { /* what it may hold is not all held */
            p2p_feed_set_remove(&engine->due.cosign, i);
            continue;
        }
        uint64_t due_ms = extra->witnessing.cosigned_mono_ms + P2P_COSIGN_EVERY_MS;
        if (extra->witnessing.cosigned_mono_ms != 0 && engine->now.mono_ms < due_ms) {
            p2p_wake_at(wake_ms, due_ms);
        } else if (p2p_feed_cosigner(info, witness) && !p2p_engine_witness_lost(engine)) {
            err = cosign(engine, i, *p2p_witnessing_choose(&extra->witnessing, held), NULL);
            if (p2p_feed_set_has(&engine->due.cosign, i)) {
                p2p_wake_at(wake_ms, engine->now.mono_ms + P2P_COSIGN_EVERY_MS);
            }
        } else {
            extra->witnessing.cosigned_mono_ms = engine->now.mono_ms;
            err = acknowledge(engine, i, info);
        }
    }
    return err;
}

/* Own clock and quorum time further apart than the charter's policy allows: told once a minute.
 */
static void check_clock(struct p2p_engine *engine)
{
    uint64_t quorum_ms = p2p_engine_quorum_ms(engine, &engine->now);
    uint64_t own_ms = engine->now.wall_ms;
    uint64_t apart_ms = own_ms > quorum_ms ? own_ms - quorum_ms : quorum_ms - own_ms;
    uint64_t skew_ms = p2p_charter_policy(engine->ledger.charter)->clock_skew_s * 1000ull;
    if (quorum_ms == 0 || apart_ms <= skew_ms || engine->now.mono_ms < engine->next_clock_ms) {
        return;
    }
    engine->next_clock_ms = engine->now.mono_ms + P2P_CLOCK_EVERY_MS;
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_CLOCK,
                                                .member = engine->member,
                                                .value = apart_ms / 1000});
}

enum p2p_err p2p_witness_heartbeat(struct p2p_engine *engine, uint64_t *wake_ms)
{
    check_clock(engine);

    const struct p2p_feed *own = p2p_engine_own(engine);
    if (own == NULL || own->head.size == 0 || engine->read_only != P2P_READ_ONLY_NONE) {
        return P2P_OK;
    }
    uint64_t every_ms = p2p_charter_policy(engine->ledger.charter)->heartbeat_s * 1000ull;
    uint64_t since_ms = engine->now.mono_ms - engine->last_heartbeat_ms;
    bool first = engine->last_heartbeat_ms == 0;
    if (first || since_ms >= every_ms ||
        (engine->heartbeat_due && since_ms >= P2P_HEARTBEAT_GAP_MS)) {
        engine->last_heartbeat_ms = engine->now.mono_ms;
        p2p_wake_at(wake_ms, engine->now.mono_ms + every_ms);
        return cosign(engine, engine->feed, own->head, NULL);
    }
    p2p_wake_at(wake_ms, engine->last_heartbeat_ms + every_ms);
    return P2P_OK;
}

/* ---- taken from peers ---- */

void p2p_witness_heard(struct p2p_engine *engine, uint32_t feed)
{
    engine->extras[feed].witnessing.heard_mono_ms = engine->now.mono_ms;
    p2p_graft_heard(engine, feed);
    p2p_witness_expect(engine, feed);
}

static void note_clock(struct p2p_engine *engine, uint32_t member, uint64_t time_s)
{
    if (member < engine->clock_count && time_s >= engine->clocks[member].time_s) {
        engine->clocks[member] =
            (struct p2p_member_clock){.time_s = time_s, .heard_mono_ms = engine->now.mono_ms};
    }
}

/* The own feed is mirrored once a peer has shown that it holds it durably. */
static void note_mirrored(struct p2p_engine *engine, uint32_t member, uint64_t size)
{
    const struct p2p_feed *own = p2p_engine_own(engine);
    if (size > engine->mirrored_size && size <= own->head.size) {
        engine->mirrored_size = size;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_MIRRORED,
                                                    .feed = engine->feed,
                                                    .member = member,
                                                    .at = size});
    }
}

static enum p2p_err take_heartbeat(struct p2p_engine *engine, struct p2p_peer *peer,
                                   const struct p2p_cosign_body *body)
{
    struct p2p_feed_extra *extra = &engine->extras[body->feed];
    struct p2p_witnessing *witnessing = &extra->witnessing;
    witnessing->heartbeat_time_s = body->cosignature.time_s;
    witnessing->heartbeat_size = body->size;
    witnessing->heartbeat = body->cosignature;
    witnessing->heartbeat_root = body->root;
    witnessing->heartbeat_witness = body->witness;
    p2p_feed_set_add(&engine->due.unstored, body->feed);
    enum p2p_err err =
        p2p_history_beat(witnessing, p2p_ledger_feed(&engine->ledger, body->feed), engine->kv,
                         body, engine->now.mono_ms);
    if (err != P2P_OK) {
        return err;
    }
    p2p_witness_heard(engine, body->feed);
    p2p_relay_news(engine, peer, body->feed, false);
    return p2p_relay_cosign(engine, peer, body->feed, body);
}

/* What a cosignature says about sizes and histories: a witness holds what it cosigned.
 * fits [out]: it is not about another history than ours. */
static enum p2p_err follow_size(struct p2p_engine *engine, struct p2p_peer *peer,
                                const struct p2p_cosign_body *body, bool heartbeat, bool *fits)
{
    struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, body->feed);
    struct p2p_hash root;
    uint32_t signer = p2p_witness_member(body->witness);
    if (peer->member == signer) {
        p2p_session_note_size(engine, peer, body->feed, body->size);
    }
    *fits = true;
    if (body->size > held->edge.size && (heartbeat || peer->member == signer)) {
        return p2p_session_lack(engine, peer, body->feed);
    }
    if (body->size >
        held->edge.size) { /* it came by another tree: who brought it may lack it */
        struct p2p_feed_extra *extra = &engine->extras[body->feed];
        extra->missed_ms = extra->missed_ms != 0 ? extra->missed_ms : engine->now.mono_ms;
        p2p_feed_set_add(&engine->due.lacks, body->feed);
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_flush(held, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(held, engine->kv, body->size, &root);
    }
    if (err == P2P_OK && !p2p_hash_equal(&root, &body->root)) {
        *fits = false;
        p2p_engine_refuse(engine, peer->member, body->feed, body->size, P2P_MISMATCH);
        if (held->state == P2P_FEED_OK) {
            err = p2p_fork_ask_head(engine, peer, body->feed, body->size);
        }
    }
    return err;
}

/* A heartbeat is news by its time. After its owner's clock went back it signs the last time
 * again, for long perhaps: then a larger size is news, and from the owner itself also the same
 * again, as long as it is not the one that came just now. */
static bool is_newer(const struct p2p_engine *engine, const struct p2p_peer *peer,
                     const struct p2p_witnessing *witnessing,
                     const struct p2p_cosign_body *body)
{
    uint64_t time_s = body->cosignature.time_s;
    uint64_t quiet_ms = engine->now.mono_ms - witnessing->heard_mono_ms;
    if (time_s != witnessing->heartbeat_time_s) {
        return time_s > witnessing->heartbeat_time_s;
    }
    return body->size > witnessing->heartbeat_size ||
           (body->size == witnessing->heartbeat_size && quiet_ms > P2P_TWICE_WITHIN_MS &&
            p2p_session_owns(engine, peer, body->feed));
}

/* A backup that was put back knows of no later time that its witness key signed; peers show the
 * newest heartbeat of every feed, this node's own among them. */
static void note_own_time(struct p2p_engine *engine, const struct p2p_feed_info *info,
                          const struct p2p_witness_public *key,
                          const struct p2p_cosign_body *body)
{
    const struct p2p_checkpoint checkpoint = checkpoint_of(info, body->size, &body->root);
    if (engine->member < engine->clock_count &&
        body->cosignature.time_s > engine->clocks[engine->member].time_s &&
        p2p_cosignature_verify_witness(&checkpoint, engine->options.sigs, key,
                                       &body->cosignature) == P2P_OK) {
        engine->clocks[engine->member].time_s = body->cosignature.time_s;
    }
}

enum p2p_err p2p_witness_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                                 struct p2p_slice bytes)
{
    struct p2p_cosign_body body;
    enum p2p_err err = p2p_cosign_read(&body, bytes);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, body.feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, body.feed);
    const struct p2p_charter *charter = engine->ledger.charter;
    const struct p2p_witness_public *key = p2p_charter_witness_key(charter, body.witness);
    uint32_t member = p2p_witness_member(body.witness);
    if (held == NULL || info == NULL || key == NULL || body.feed == P2P_CHARTER_FEED) {
        p2p_engine_refuse(engine, peer->member, body.feed, body.size, P2P_UNKNOWN);
        return P2P_OK;
    }
    struct p2p_witnessing *witnessing = &engine->extras[body.feed].witnessing;
    bool heartbeat = member == info->member;
    bool news = heartbeat ? body.feed != engine->feed && body.size > 0 &&
                                is_newer(engine, peer, witnessing, &body)
                          : p2p_witnessing_wants(witnessing, info, body.witness, body.size,
                                                 &body.root, held);
    if (heartbeat && body.feed == engine->feed) {
        note_own_time(engine, info, key, &body);
    }
    if (!news && heartbeat) {
        return p2p_relay_heartbeat_twice(engine, peer, &body);
    }
    if (!news) {
        if (!p2p_feed_cosigner(info, body.witness)) {
            p2p_engine_refuse(engine, peer->member, body.feed, body.size, P2P_UNKNOWN);
        }
        return P2P_OK;
    }
    const struct p2p_checkpoint checkpoint = checkpoint_of(info, body.size, &body.root);
    err = p2p_cosignature_verify_witness(&checkpoint, engine->options.sigs, key,
                                         &body.cosignature);
    if (err != P2P_OK) {
        p2p_engine_refuse(engine, peer->member, body.feed, body.size, err);
        p2p_engine_close_link(engine, peer, err, "sent a cosignature that does not verify");
        return P2P_OK;
    }
    note_clock(engine, member, body.cosignature.time_s);
    bool fits;
    err = follow_size(engine, peer, &body, heartbeat, &fits);
    if (err != P2P_OK || !fits) {
        return err;
    }
    if (heartbeat) {
        return take_heartbeat(engine, peer, &body);
    }
    err = p2p_witnessing_add(witnessing, info, body.witness, body.size, &body.root,
                             &body.cosignature, held);
    if (err != P2P_OK) {
        return err;
    }
    p2p_feed_set_add(&engine->due.unsettled, body.feed);
    if (body.feed == engine->feed) {
        note_mirrored(engine, member, body.size);
    }
    return p2p_relay_cosign(engine, peer, p2p_charter_member(charter, member)->feed, &body);
}

enum p2p_err p2p_witness_receive_ack(struct p2p_engine *engine, struct p2p_peer *peer,
                                     struct p2p_slice bytes)
{
    struct p2p_ack ack;
    struct p2p_hash root;
    uint8_t message[P2P_ACK_MESSAGE_BYTES_MAX];
    enum p2p_err err = p2p_ack_read(&ack, bytes);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_feed *own = p2p_engine_own(engine);
    const struct p2p_member *member = p2p_charter_member(engine->ledger.charter, peer->member);
    const struct p2p_feed_info *theirs =
        member == NULL ? NULL : p2p_charter_feed(engine->ledger.charter, member->feed);
    if (own == NULL || ack.feed != engine->feed || theirs == NULL ||
        ack.size > own->head.size) {
        p2p_engine_refuse(engine, peer->member, ack.feed, ack.size, P2P_UNKNOWN);
        return P2P_OK;
    }
    err = p2p_feed_flush(own, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(own, engine->kv, ack.size, &root);
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    size_t len = p2p_ack_message(message, info->origin, ack.size, &root);
    const struct p2p_sigs *sigs = engine->options.sigs;
    if (!sigs->verify(sigs->context, theirs->key.bytes, ack.signature.bytes,
                      p2p_slice_of(message, len))) {
        p2p_engine_refuse(engine, peer->member, ack.feed, ack.size, P2P_BADSIG);
        return P2P_OK;
    }
    p2p_session_note_size(engine, peer, ack.feed, ack.size);
    note_mirrored(engine, peer->member, ack.size);
    p2p_spread_acknowledged(engine, ack.feed, peer->member, ack.size);
    return P2P_OK;
}
