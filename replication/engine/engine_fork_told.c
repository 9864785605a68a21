/* What this node tells of a fork, beside the proof that it sends at once: a `fork` record, with
 * the largest quorum-cosigned checkpoint that it holds.
 *
 *     found --(may append)----------------------------------> in a record
 *       |                                                         ^
 *       +--(may not)--> kept, told to who comes --(may again)-----+
 *
 * A record that carries a larger checkpoint than any before is the only other one, so W rises,
 * and telling ends; but for one that carries two which contradict each other:
 * engine_fork_common.c. */
#include "engine_parts.h"

#include <p2p/forked.h>

#include <stdio.h>

/* ---- records ---- */

/* To be appended with this batch. */
static enum p2p_err keep_proof(struct p2p_engine *engine, uint32_t feed, struct p2p_slice bytes)
{
    struct p2p_kept_proof *kept = p2p_arena_take(engine->arena, sizeof(*kept));
    struct p2p_slice copy = p2p_arena_copy(engine->arena, bytes);
    if (kept == NULL || copy.data == NULL) {
        return P2P_NOMEM;
    }
    *kept = (struct p2p_kept_proof){.feed = feed, .bytes = copy};
    *engine->proofs_end = kept;
    engine->proofs_end = &kept->next;
    return P2P_OK;
}

enum p2p_err p2p_fork_held_note(struct p2p_engine *engine, uint32_t feed,
                                struct p2p_slice *note, uint64_t *size)
{
    const struct p2p_witnessing *witnessing = &engine->extras[feed].witnessing;
    char *bytes = p2p_arena_take(engine->arena, P2P_FORK_WITNESSED_BYTES_MAX);
    size_t len = 0;
    struct p2p_note parsed;
    struct p2p_checkpoint checkpoint;
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    *size = 0;
    *note = (struct p2p_slice){0};
    enum p2p_err err = p2p_witnessing_note(witnessing, engine->ledger.charter,
                                           p2p_ledger_feed(&engine->ledger, feed), engine->kv,
                                           bytes, P2P_FORK_WITNESSED_BYTES_MAX, &len);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    *note = p2p_slice_of(bytes, len);
    err = p2p_note_parse(&parsed, *note);
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&checkpoint, parsed.text, false);
    }
    if (err == P2P_OK) {
        *size = checkpoint.size;
    }
    return err;
}

static enum p2p_err append_fork(struct p2p_engine *engine, struct p2p_slice proof,
                                struct p2p_slice note)
{
    struct p2p_pack pack;
    struct p2p_record_id id;
    enum p2p_err err = p2p_engine_pack(engine, proof.len + note.len + 64, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, note.len > 0 ? 2 : 1);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, proof.data, proof.len);
    if (note.len > 0) {
        p2p_pack_text(&pack, "witnessed");
        p2p_pack_bin(&pack, note.data, note.len);
    }
    const struct p2p_append record = {.kind = P2P_KIND_FORK, .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &record, &id);
}

enum p2p_err p2p_fork_proof_in(struct p2p_engine *engine, const struct p2p_record_id *id,
                               struct p2p_slice *proof)
{
    struct p2p_entry entry;
    struct p2p_unpack in;
    enum p2p_err err = p2p_ledger_entry(&engine->ledger, id, &entry);
    if (err == P2P_OK && (entry.record.body_type != P2P_BODY_PUBLIC ||
                          !p2p_unpack_find(entry.record.content, "proof", &in))) {
        return P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        *proof = p2p_unpack_bin(&in);
    }
    return err;
}

/* Our quorum-cosigned checkpoint of a forked feed is larger than any that a record carries:
 * another record carries it. No end is reached by telling each other, since W only rises, and
 * rises no further than what was cosigned before its witnesses knew. */
static enum p2p_err append_larger(struct p2p_engine *engine, uint32_t feed)
{
    struct p2p_feed_extra *extra = &engine->extras[feed];
    struct p2p_forked forked;
    struct p2p_slice proof;
    struct p2p_slice note;
    uint64_t size = 0;
    uint32_t told = 0;
    if (extra->witnessing.quorum_size <= extra->fork_told_size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_forked_get(&engine->ledger, engine->kv, feed, &forked);
    if (err == P2P_OK) {
        err = p2p_forks_told(&engine->ledger, engine->feed, feed, &told);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    extra->fork_told_size = extra->witnessing.quorum_size;
    if (extra->witnessing.quorum_size <= forked.size || forked.split ||
        told == P2P_FORKS_TOLD_MAX) {
        return P2P_OK;
    }
    err = p2p_fork_held_note(engine, feed, &note, &size);
    if (err == P2P_OK && size > forked.size) {
        err = p2p_fork_proof_in(engine, &forked.proof, &proof);
        return err == P2P_OK ? append_fork(engine, proof, note) : err;
    }
    return err;
}

/* Cosignatures that came in this batch count before it is decided what is told of a fork. */
static enum p2p_err settle_forked(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.forked, &i); i++) {
        struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, i);
        bool found = false;
        err = p2p_feed_flush(feed, engine->kv);
        if (err == P2P_OK) {
            err = p2p_witnessing_settle(&engine->extras[i].witnessing, engine->ledger.charter,
                                        feed, engine->kv, &found);
        }
    }
    return err;
}

/* ---- proofs that no record of ours carries, since we may not append ---- */

#define KEPT_NAME_BYTES 24u

static struct p2p_slice kept_name(char out[KEPT_NAME_BYTES], uint32_t feed)
{
    int len = snprintf(out, KEPT_NAME_BYTES, "fork/%u", (unsigned)feed);
    return p2p_slice_of(out, (size_t)len);
}

/* Whether a proof that was read from the disk is one still: what is damaged there is told to
 * nobody. Of a feed that two heads of the charter hide nobody can say. */
static enum p2p_err is_sound(const struct p2p_engine *engine, uint32_t feed,
                             struct p2p_slice bytes, bool *sound)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, feed);
    struct p2p_fork_proof *proof = p2p_arena_take(engine->arena, sizeof(*proof));
    if (proof == NULL) {
        return P2P_NOMEM;
    }
    *sound =
        info == NULL || (p2p_fork_decode(proof, bytes) == P2P_OK &&
                         p2p_slice_equal(proof->origin, p2p_slice_text(info->origin)) &&
                         p2p_fork_verify(proof, engine->options.sigs, &info->key) == P2P_OK);
    return P2P_OK;
}

/* The proof that is kept about a feed, copied into the batch's arena. P2P_NOTFOUND: none is, or
 * it is damaged. */
static enum p2p_err kept_proof(struct p2p_engine *engine, uint32_t feed,
                               struct p2p_slice *proof)
{
    char name[KEPT_NAME_BYTES];
    struct p2p_slice value;
    bool sound = false;
    if (p2p_ledger_feed(&engine->ledger, feed)->state != P2P_FEED_FORKED) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_kv_get(engine->kv, P2P_TABLE_META, kept_name(name, feed), &value);
    if (err == P2P_OK) {
        *proof = p2p_arena_copy(engine->arena, value);
        err = proof->data == NULL ? P2P_NOMEM : is_sound(engine, feed, *proof, &sound);
    }
    return err == P2P_OK && !sound ? P2P_NOTFOUND : err;
}

/* May append again: what was found meanwhile is told in records too. */
static enum p2p_err append_kept(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        char name[KEPT_NAME_BYTES];
        struct p2p_slice proof;
        struct p2p_slice note;
        struct p2p_forked forked;
        err = kept_proof(engine, i, &proof);
        if (err != P2P_OK) {
            err = err == P2P_NOTFOUND ? P2P_OK : err;
            continue;
        }
        err = i == engine->feed ? P2P_OK
                                : p2p_forked_get(&engine->ledger, engine->kv, i, &forked);
        if (err == P2P_NOTFOUND) {
            err = p2p_fork_held_note(engine, i, &note, &engine->extras[i].fork_told_size);
            err = err == P2P_OK ? append_fork(engine, proof, note) : err;
        }
        if (err == P2P_OK) {
            err = p2p_kv_del(engine->kv, P2P_TABLE_META, kept_name(name, i));
        }
    }
    engine->proofs_kept = err != P2P_OK;
    return err;
}

enum p2p_err p2p_fork_keep(struct p2p_engine *engine, uint32_t feed, struct p2p_slice proof)
{
    char name[KEPT_NAME_BYTES];
    enum p2p_err err = feed == engine->feed ? P2P_OK : keep_proof(engine, feed, proof);
    if (err != P2P_OK || (feed != engine->feed && engine->read_only == P2P_READ_ONLY_NONE)) {
        return err;
    }
    engine->proofs_kept = true;
    return p2p_kv_put(engine->kv, P2P_TABLE_META, kept_name(name, feed), proof);
}

enum p2p_err p2p_fork_keep_told(struct p2p_engine *engine, uint32_t cut, uint64_t size)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.forked, &i); i++) {
        char name[KEPT_NAME_BYTES];
        struct p2p_forked forked;
        struct p2p_slice proof;
        bool sound = false;
        err = p2p_forked_get(&engine->ledger, engine->kv, i, &forked);
        if (err == P2P_NOTFOUND ||
            (err == P2P_OK && (forked.proof.feed != cut || forked.proof.index < size))) {
            err = P2P_OK;
            continue;
        }
        if (err == P2P_OK) {
            err = p2p_fork_proof_in(engine, &forked.proof, &proof);
        }
        if (err == P2P_OK) {
            err = is_sound(engine, i, proof, &sound);
        }
        if (err == P2P_OK && sound) {
            engine->proofs_kept = true;
            err = p2p_kv_put(engine->kv, P2P_TABLE_META, kept_name(name, i), proof);
        }
        if (err == P2P_OK && sound) { /* who is here perhaps never held that record */
            struct p2p_writer out;
            p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
            p2p_fork_write(&out, proof);
            err = p2p_send_to_all(engine, p2p_writer_slice(&out), 0);
        }
    }
    return err;
}

enum p2p_err p2p_fork_send_kept(struct p2p_engine *engine, struct p2p_peer *peer)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < engine->extra_count && err == P2P_OK; i++) {
        struct p2p_slice proof;
        struct p2p_writer out;
        err = kept_proof(engine, i, &proof);
        if (err == P2P_OK) {
            p2p_writer_init(&out, engine->scratch, P2P_FRAME_BYTES_MAX);
            p2p_fork_write(&out, proof);
            err = p2p_engine_send(engine, peer, p2p_writer_slice(&out));
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return err;
}

enum p2p_err p2p_fork_append(struct p2p_engine *engine)
{
    enum p2p_err err = settle_forked(engine);
    if (err != P2P_OK || engine->read_only != P2P_READ_ONLY_NONE || engine->feed == 0) {
        return err;
    }
    if (engine->proofs_kept) {
        err = append_kept(engine);
    }
    for (const struct p2p_kept_proof *kept = engine->proofs; kept != NULL && err == P2P_OK;
         kept = kept->next) {
        struct p2p_slice note;
        err = p2p_fork_held_note(engine, kept->feed, &note,
                                 &engine->extras[kept->feed].fork_told_size);
        if (err == P2P_OK) {
            err = append_fork(engine, kept->bytes, note);
        }
    }
    for (uint32_t i = 1; err == P2P_OK && p2p_feed_set_next(&engine->due.forked, &i); i++) {
        if (i != engine->feed) {
            err = append_larger(engine, i);
            if (err == P2P_OK) {
                err = p2p_fork_common_tell(engine, i);
            }
        }
    }
    return err;
}
