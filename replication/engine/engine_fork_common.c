/* Two histories of a feed that have a quorum each: more of its witnesses lie than may, and no
 * branch is the feed. What both have in common is, as far as somebody proves it.
 *
 * Whoever holds the one history and goes over to the other holds the proof only in between:
 *
 *     A, with its quorum --(W is on B)--> kept: A's note, heads of A and proofs from each to A
 *                                                   |
 *                     B up to W, with the note of the record that carries W
 *                                                   |
 *     the largest of these heads that B has too ----+--> `fork` record with both notes
 *
 * From then on that head is W, for everybody: forked.h. A feed whose histories part before the
 * first head that was kept ends on the branch of the larger quorum. */
#include "engine_parts.h"

#include <p2p/forked.h>

#include "feed/proof_text.h"

#include <stdio.h>

#define NAME_BYTES 24u

enum { FORMAT = 1 };

/* What is kept in META: format, length of the note u16, note, count u8, and count times: size
 * u64, root, signature, count of hashes u8, hashes. Larger heads first. */
struct kept_heads {
    struct p2p_slice note;
    struct p2p_tree_head head; /* of the note */
    uint32_t count;
    struct {
        struct p2p_tree_head head;
        struct p2p_proof to_head;
    } all[P2P_FORK_HEADS_MAX];
};

static struct p2p_slice row_name(char out[NAME_BYTES], uint32_t feed)
{
    int len = snprintf(out, NAME_BYTES, "fork-heads/%u", (unsigned)feed);
    return p2p_slice_of(out, (size_t)len);
}

/* ---- keeping ---- */

static void write_head(struct p2p_writer *to, const struct p2p_tree_head *head,
                       const struct p2p_proof *proof)
{
    p2p_writer_u64(to, head->size);
    p2p_writer_bytes(to, head->root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(to, head->signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_u8(to, (uint8_t)proof->count);
    for (size_t i = 0; i < proof->count; i++) {
        p2p_writer_bytes(to, proof->hashes[i].bytes, P2P_HASH_BYTES);
    }
}

/* Kept heads below a size, further apart the further back: twice as far each time. */
static enum p2p_err write_heads(struct p2p_engine *engine, const struct p2p_feed *feed,
                                uint64_t size, struct p2p_writer *to, uint8_t *count)
{
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    uint64_t below = size;
    *count = 0;
    while (*count < P2P_FORK_HEADS_MAX) {
        struct p2p_tree_head head;
        struct p2p_proof proof;
        enum p2p_err err = p2p_feed_head_before(feed, engine->kv, below, &head);
        if (err == P2P_OK && head.size > 0) {
            err = p2p_tree_consistency(&reader, head.size, size, &proof);
        }
        if (err == P2P_NOTFOUND || (err == P2P_OK && head.size == 0)) {
            return P2P_OK;
        }
        if (err != P2P_OK) {
            return err;
        }
        write_head(to, &head, &proof);
        (*count)++;
        uint64_t back = size - head.size;
        below = back < head.size ? head.size - back + 1 : 1;
    }
    return P2P_OK;
}

enum p2p_err p2p_fork_common_keep(struct p2p_engine *engine, uint32_t number)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    const struct p2p_witnessing *witnessing = &engine->extras[number].witnessing;
    char name[NAME_BYTES];
    struct p2p_slice value;
    struct p2p_slice note;
    struct p2p_writer out;
    struct p2p_hash root;
    uint64_t size = 0;
    uint8_t count = 0;
    if (witnessing->quorum_size == 0 || witnessing->quorum_size > feed->edge.size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_kv_get(engine->kv, P2P_TABLE_META, row_name(name, number), &value);
    if (err != P2P_NOTFOUND) {
        return err; /* it was kept when the first of it went */
    }
    err = p2p_feed_root_at(feed, engine->kv, witnessing->quorum_size, &root);
    if (err == P2P_OK && p2p_hash_equal(&root, &witnessing->quorum_root)) {
        err = p2p_fork_held_note(engine, number, &note, &size);
    }
    if (err != P2P_OK || size == 0 || size > feed->edge.size) {
        return err;
    }
    const size_t cap =
        4 + note.len + P2P_FORK_HEADS_MAX * (8u + 32u + 64u + 1u + 64u * P2P_HASH_BYTES);
    uint8_t *bytes = p2p_arena_take(engine->arena, cap);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    p2p_writer_init(&out, bytes, cap);
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u16(&out, (uint16_t)note.len);
    p2p_writer_bytes(&out, note.data, note.len);
    size_t at = out.len;
    p2p_writer_u8(&out, 0);
    err = write_heads(engine, feed, size, &out, &count);
    bytes[at] = count;
    return err == P2P_OK && count > 0
               ? p2p_kv_put(engine->kv, P2P_TABLE_META, row_name(name, number),
                            p2p_writer_slice(&out))
               : err;
}

/* ---- telling ---- */

/* P2P_CORRUPT; what is read lives in the batch's arena. */
static enum p2p_err read_heads(struct p2p_engine *engine, struct p2p_slice value,
                               struct kept_heads **out)
{
    struct p2p_slice copy = p2p_arena_copy(engine->arena, value);
    struct kept_heads *kept = p2p_arena_take(engine->arena, sizeof(*kept));
    struct p2p_slice origin;
    struct p2p_reader in;
    if (copy.data == NULL || kept == NULL) {
        return P2P_NOMEM;
    }
    p2p_reader_init(&in, copy);
    uint8_t format = p2p_reader_u8(&in);
    kept->note = p2p_reader_bytes(&in, p2p_reader_u16(&in));
    kept->count = p2p_reader_u8(&in);
    for (uint32_t i = 0; i < kept->count && i < P2P_FORK_HEADS_MAX; i++) {
        struct p2p_tree_head *head = &kept->all[i].head;
        struct p2p_proof *proof = &kept->all[i].to_head;
        head->size = p2p_reader_u64(&in);
        p2p_reader_copy(&in, head->root.bytes, P2P_HASH_BYTES);
        p2p_reader_copy(&in, head->signature.bytes, P2P_SIGNATURE_BYTES);
        proof->count = p2p_reader_u8(&in);
        if (proof->count > P2P_PROOF_HASHES_MAX) {
            return P2P_CORRUPT;
        }
        for (size_t n = 0; n < proof->count; n++) {
            p2p_reader_copy(&in, proof->hashes[n].bytes, P2P_HASH_BYTES);
        }
    }
    if (!p2p_reader_done(&in) || format != FORMAT || kept->count > P2P_FORK_HEADS_MAX ||
        p2p_proof_head(kept->note, &origin, &kept->head) != P2P_OK) {
        return P2P_CORRUPT;
    }
    *out = kept;
    return P2P_OK;
}

/* The largest head kept that the feed as it is held has, too; size 0: none. */
static enum p2p_err find_common(struct p2p_engine *engine, const struct p2p_feed *feed,
                                const struct kept_heads *kept, struct p2p_fork_common *common)
{
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = engine->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    common->head.size = 0;
    for (uint32_t i = 0; i < kept->count; i++) {
        const struct p2p_tree_head *head = &kept->all[i].head;
        struct p2p_hash root;
        if (head->size == 0 || head->size >= kept->head.size) {
            continue; /* the disk spoiled it */
        }
        enum p2p_err err = p2p_feed_root_at(feed, engine->kv, head->size, &root);
        if (err != P2P_OK) {
            return err;
        }
        if (p2p_hash_equal(&root, &head->root)) {
            common->head = *head;
            common->to[0] = kept->all[i].to_head;
            return p2p_tree_consistency(&reader, head->size, feed->head.size, &common->to[1]);
        }
    }
    return P2P_OK;
}

static enum p2p_err append_both(struct p2p_engine *engine, const struct p2p_fork_proof *proof,
                                struct p2p_slice note, struct p2p_slice other,
                                const struct p2p_fork_common *common)
{
    uint8_t *bytes =
        p2p_arena_take(engine->arena, P2P_FORK_BYTES_MAX + P2P_FORK_COMMON_BYTES_MAX);
    struct p2p_pack pack;
    struct p2p_record_id id;
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    size_t proof_len = p2p_fork_encode(proof, bytes);
    size_t common_len = p2p_fork_common_encode(common, bytes + P2P_FORK_BYTES_MAX);
    enum p2p_err err =
        p2p_engine_pack(engine, proof_len + common_len + note.len + other.len + 128, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 4);
    p2p_pack_text(&pack, "common");
    p2p_pack_bin(&pack, bytes + P2P_FORK_BYTES_MAX, common_len);
    p2p_pack_text(&pack, "other");
    p2p_pack_bin(&pack, other.data, other.len);
    p2p_pack_text(&pack, "proof");
    p2p_pack_bin(&pack, bytes, proof_len);
    p2p_pack_text(&pack, "witnessed");
    p2p_pack_bin(&pack, note.data, note.len);
    const struct p2p_append record = {.kind = P2P_KIND_FORK, .content = p2p_pack_slice(&pack)};
    return p2p_append_own(engine, &record, &id);
}

/* The note that carries W, in the batch's arena. */
static enum p2p_err note_of_w(struct p2p_engine *engine, uint32_t feed,
                              const struct p2p_forked *forked, struct p2p_slice *note)
{
    enum p2p_err err = p2p_forked_note(&engine->ledger, feed, forked, note);
    if (err == P2P_OK) {
        *note = p2p_arena_copy(engine->arena, *note);
        err = note->data == NULL ? P2P_NOMEM : P2P_OK;
    }
    return err;
}

/* done [out]: nothing is left to be told of it. */
static enum p2p_err tell(struct p2p_engine *engine, uint32_t number, struct p2p_slice value,
                         bool *done)
{
    struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, number);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, number);
    struct p2p_fork_common *common = p2p_arena_take(engine->arena, sizeof(*common));
    struct p2p_fork_proof *proof = p2p_arena_take(engine->arena, sizeof(*proof));
    struct kept_heads *kept;
    struct p2p_forked forked;
    struct p2p_slice other;
    uint32_t told = 0;
    if (common == NULL || proof == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_forked_get(&engine->ledger, engine->kv, number, &forked);
    if (err == P2P_OK) {
        err = p2p_forks_told(&engine->ledger, engine->feed, number, &told);
    }
    if (err != P2P_OK) {
        return err;
    }
    *done = forked.split || told == P2P_FORKS_TOLD_MAX;
    if (*done || forked.size == 0 || !engine->extras[number].fork_taken) {
        return P2P_OK;
    }
    err = read_heads(engine, value, &kept);
    *done = err == P2P_CORRUPT;
    if (err != P2P_OK || kept->head.size > feed->edge.size) {
        return *done ? P2P_OK : err;
    }
    err = p2p_feed_flush(feed, engine->kv);
    if (err == P2P_OK) {
        err = p2p_fork_from_held(proof, feed, engine->kv, p2p_slice_text(info->origin),
                                 &kept->head);
    }
    *done = err == P2P_OK || err == P2P_USAGE; /* one history after all */
    if (err != P2P_OK) {
        return *done ? P2P_OK : err;
    }
    err = find_common(engine, feed, kept, common);
    if (err != P2P_OK || common->head.size == 0) {
        return err;
    }
    err = note_of_w(engine, number, &forked, &other);
    if (err == P2P_NOTFOUND) { /* it is hidden at present */
        *done = false;
        return P2P_OK;
    }
    return err == P2P_OK ? append_both(engine, proof, kept->note, other, common) : err;
}

enum p2p_err p2p_fork_common_tell(struct p2p_engine *engine, uint32_t number)
{
    char name[NAME_BYTES];
    struct p2p_slice value;
    bool done = false;
    enum p2p_err err = p2p_kv_get(engine->kv, P2P_TABLE_META, row_name(name, number), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err = tell(engine, number, value, &done);
    return err == P2P_OK && done
               ? p2p_kv_del(engine->kv, P2P_TABLE_META, row_name(name, number))
               : err;
}
