/* Two histories of one feed: found by comparing signed heads, proven with hashes, then
 * quarantined.
 *
 *     ok --(a head that does not fit, proof asked)--> ok --(proof holds)--> forked
 *
 * A head that does not fit is either records that are not its own (the peer's fault) or a fork
 * (the owner's). The consistency proof of whoever sent it decides: if it leads from another
 * root at our size to that signed head, the two signed heads contradict each other. A forked
 * feed is read-only here: no run of it is taken, nobody cosigns it. What its two branches mean
 * is for the charter to settle. */
#include "engine_parts.h"

#include <p2p/assert.h>
#include <p2p/forked.h>

/* ---- finding ---- */

enum p2p_err p2p_fork_ask_head(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                               uint64_t from)
{
    uint8_t bytes[64];
    struct p2p_writer out;
    const struct p2p_want want = {.feed = feed, .from = from};
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_want_write(&out, &want);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_fork_ask_branch(struct p2p_engine *engine, struct p2p_peer *peer)
{
    uint64_t split;
    struct p2p_slice leaf;
    struct p2p_slice note;
    if (p2p_charter_rival(engine->ledger.charter, &split, &leaf, &note) != P2P_OK) {
        split = 1; /* entry 0 is the federation's id */
    }
    return p2p_fork_ask_head(engine, peer, P2P_CHARTER_FEED, split);
}

static bool head_verifies(const struct p2p_engine *engine, const struct p2p_feed_info *info,
                          const struct p2p_tree_head *head)
{
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(info->origin), .size = head->size, .root = head->root};
    return p2p_checkpoint_verify_feed(&checkpoint, engine->options.sigs, &info->key,
                                      &head->signature) == P2P_OK;
}

/* A verified proof: quarantine, tell everybody, keep it in our own feed. */
static enum p2p_err quarantine(struct p2p_engine *engine, uint32_t number,
                               const struct p2p_fork_proof *proof)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    uint8_t bytes[P2P_FORK_BYTES_MAX];
    struct p2p_writer out;
    if (feed->state == P2P_FEED_FORKED) {
        return P2P_OK;
    }
    struct p2p_slice encoded = p2p_slice_of(bytes, p2p_fork_encode(proof, bytes));
    enum p2p_err err = p2p_feed_flush(feed, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_set_state(feed, engine->kv, P2P_FEED_FORKED);
    }
    if (err == P2P_OK) {
        err = p2p_fork_keep(engine, number, encoded);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (number == engine->feed) {
        engine->read_only = P2P_READ_ONLY_FORKED;
        p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_READ_ONLY,
                                                    .value = P2P_READ_ONLY_FORKED});
    }
    p2p_feed_set_add(&engine->due.forked, number);
    p2p_feed_set_remove(&engine->due.cosign, number);
    p2p_engine_trace(engine, (struct p2p_trace){.type = P2P_TRACE_FORK,
                                                .err = P2P_FORKED,
                                                .feed = number,
                                                .at = proof->heads[0].size});
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_fork_write(&out, encoded);
    return p2p_send_to_all(engine, p2p_writer_slice(&out), 0);
}

enum p2p_err p2p_fork_contradicted(struct p2p_engine *engine, uint32_t member, uint32_t number,
                                   const struct p2p_tree_head *head)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, number);
    struct p2p_fork_proof proof;
    p2p_assert(feed->edge.size == feed->head.size);
    enum p2p_err err =
        p2p_fork_from_held(&proof, feed, engine->kv, p2p_slice_text(info->origin), head);
    bool damaged =
        err == P2P_CORRUPT ||
        (err == P2P_OK && p2p_fork_verify(&proof, engine->options.sigs, &info->key) != P2P_OK);
    if (damaged) {
        /* Ours is what differs: the hashes, or the head that was read from the disk. That is
         * for the scrubber, and no reason to undo a batch. */
        p2p_engine_refuse(engine, member, number, head->size, P2P_CORRUPT);
        p2p_scrub_suspect(engine);
        return P2P_OK;
    }
    return err == P2P_OK ? quarantine(engine, number, &proof) : err;
}

/* A signed head no larger than what is held: the same history, or a proof. */
enum p2p_err p2p_fork_check_head(struct p2p_engine *engine, struct p2p_peer *peer,
                                 uint32_t number, const struct p2p_tree_head *head)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, number);
    struct p2p_hash root;
    enum p2p_err err = p2p_feed_flush(feed, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(feed, engine->kv, head->size, &root);
    }
    if (err != P2P_OK || head->size == 0) {
        return err;
    }
    if (p2p_hash_equal(&root, &head->root)) {
        p2p_session_note_size(engine, peer, number, head->size);
        return P2P_OK; /* a run that came twice */
    }
    if (!head_verifies(engine, info, head)) {
        p2p_engine_refuse(engine, peer->member, number, head->size, P2P_BADSIG);
        p2p_engine_close_link(engine, peer, P2P_BADSIG,
                              "sent a head that its feed did not sign");
        return P2P_OK;
    }
    return p2p_fork_contradicted(engine, peer->member, number, head);
}

/* ---- asking and answering ---- */

enum p2p_err p2p_fork_ask(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                          const struct p2p_tree_head *head)
{
    uint8_t bytes[64];
    struct p2p_writer out;
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_prove prove = {
        .feed = feed, .old_size = held->head.size, .new_size = head->size};
    engine->extras[feed].want_link = 0;
    p2p_engine_refuse(engine, peer->member, feed, head->size, P2P_MISMATCH);
    if (held->head.size == 0) {
        p2p_engine_close_link(engine, peer, P2P_MISMATCH,
                              "sent records that do not lead to the signed root");
        return P2P_OK;
    }
    struct p2p_peer_feed *row = p2p_peer_feed(engine, peer, feed);
    if (row != NULL) {
        row->size = 0; /* nothing more is asked of it before it has answered */
    }
    peer->suspect = *head;
    peer->suspect_feed = feed;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_prove_write(&out, &prove);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_fork_receive_prove(struct p2p_engine *engine, struct p2p_peer *peer,
                                    struct p2p_slice body)
{
    struct p2p_prove prove;
    struct p2p_writer out;
    enum p2p_err err = p2p_prove_read(&prove, body);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, prove.feed);
    if (feed == NULL || prove.old_size == 0 || prove.new_size > feed->edge.size) {
        p2p_engine_refuse(engine, peer->member, prove.feed, prove.new_size, P2P_UNKNOWN);
        return P2P_OK;
    }
    struct p2p_proof_body answer = {
        .feed = prove.feed, .old_size = prove.old_size, .new_size = prove.new_size};
    struct p2p_feed_hashes source = {.feed = prove.feed, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    err = p2p_feed_flush(feed, engine->kv);
    if (err == P2P_OK) {
        err = p2p_feed_root_at(feed, engine->kv, prove.old_size, &answer.old_root);
    }
    if (err == P2P_OK) {
        err = p2p_tree_consistency(&reader, prove.old_size, prove.new_size, &answer.proof);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_proof_write(&out, &answer);
    return p2p_engine_send(engine, peer, p2p_writer_slice(&out));
}

enum p2p_err p2p_fork_receive_proof(struct p2p_engine *engine, struct p2p_peer *peer,
                                    struct p2p_slice body)
{
    struct p2p_proof_body *answer = p2p_arena_take(engine->arena, sizeof(*answer));
    if (answer == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_proof_read(answer, body);
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, answer->feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, answer->feed);
    if (feed == NULL || info == NULL || answer->feed != peer->suspect_feed ||
        answer->new_size != peer->suspect.size || answer->old_size != feed->head.size) {
        return P2P_OK; /* we have moved on since we asked */
    }
    struct p2p_fork_proof proof = {.origin = p2p_slice_text(info->origin),
                                   .heads = {feed->head, peer->suspect},
                                   .other_root = answer->old_root,
                                   .proof = answer->proof};
    peer->suspect_feed = 0;
    if (p2p_fork_verify(&proof, engine->options.sigs, &info->key) == P2P_OK) {
        return quarantine(engine, answer->feed, &proof);
    }
    p2p_engine_refuse(engine, peer->member, answer->feed, answer->new_size, P2P_BADPROOF);
    p2p_engine_close_link(engine, peer, P2P_BADPROOF,
                          "sent records that do not lead to the signed root");
    return P2P_OK;
}

enum p2p_err p2p_fork_receive(struct p2p_engine *engine, uint32_t member,
                              struct p2p_slice bytes)
{
    struct p2p_fork_told *told = p2p_arena_take(engine->arena, sizeof(*told));
    if (told == NULL) {
        return P2P_NOMEM;
    }
    *told = (struct p2p_fork_told){.witnessed = {0}};
    enum p2p_err err = p2p_fork_decode(&told->proof, bytes);
    if (err == P2P_OK) {
        err = p2p_fork_told_verify(engine->ledger.charter, engine->options.sigs, told);
    }
    if (err == P2P_OK) {
        return quarantine(engine, p2p_fork_told_feed(engine->ledger.charter, told)->number,
                          &told->proof);
    }
    /* An honest feed is never framed: what does not verify is counted and dropped. */
    p2p_engine_refuse(engine, member, 0, 0, err == P2P_UNKNOWN ? err : P2P_BADPROOF);
    return P2P_OK;
}

enum p2p_err p2p_fork_follow(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    if (!engine->ledger.forks_changed) {
        return P2P_OK;
    }
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        struct p2p_forked forked;
        struct p2p_slice bytes;
        err = p2p_ledger_feed(&engine->ledger, i)->state == P2P_FEED_FORKED
                  ? P2P_NOTFOUND
                  : p2p_forked_get(&engine->ledger, engine->kv, i, &forked);
        if (err == P2P_NOTFOUND) {
            err = P2P_OK;
            continue;
        }
        struct p2p_fork_proof *proof = p2p_arena_take(engine->arena, sizeof(*proof));
        if (err == P2P_OK && proof == NULL) {
            err = P2P_NOMEM;
        }
        if (err == P2P_OK) {
            err = p2p_fork_proof_in(engine, &forked.proof, &bytes);
        }
        if (err == P2P_OK) {
            err = p2p_fork_decode(proof, bytes);
        }
        if (err == P2P_OK) {
            err = quarantine(engine, i, proof);
        }
    }
    return err;
}

enum p2p_err p2p_fork_send_rival(struct p2p_engine *engine, struct p2p_peer *peer)
{
    const struct p2p_charter *charter = engine->ledger.charter;
    struct p2p_entry_body entry = {0};
    enum p2p_err err =
        p2p_charter_rival(charter, &entry.index, &entry.leaf, &entry.note) == P2P_OK
            ? P2P_OK
            : P2P_NOTFOUND;
    while (err == P2P_OK) {
        struct p2p_writer out;
        p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
        p2p_entry_write(&out, &entry);
        err = p2p_engine_send(engine, peer, p2p_writer_slice(&out));
        entry.index++;
        if (err == P2P_OK) {
            err = p2p_charter_rival_entry(charter, entry.index, &entry.leaf, &entry.note);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_fork_spread_rival(struct p2p_engine *engine,
                                   const struct p2p_entry_body *entry)
{
    struct p2p_writer out;
    p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
    p2p_entry_write(&out, entry);
    return p2p_send_to_all(engine, p2p_writer_slice(&out), 0);
}
