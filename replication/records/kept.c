/* Bans kept aside: rows, and a walk by subject. */
#include <p2p/kept.h>

#include "ledger/views.h"

#include <string.h>

enum {
    FORMAT = 1,
    ROW_BYTES = 1 + P2P_HASH_BYTES,
    ON_BYTES_MAX = 1 + 4 + P2P_SUBJECT_KEY_BYTES_MAX + P2P_HASH_BYTES,
    PACKED_OVER = 64, /* a `rescued` payload above leaf and payload */
};

static struct p2p_slice row_key(uint8_t out[ROW_BYTES], const struct p2p_hash *hash)
{
    out[0] = P2P_INDEX_KEPT;
    memcpy(out + 1, hash->bytes, P2P_HASH_BYTES);
    return p2p_slice_of(out, ROW_BYTES);
}

/* The key of a row by subject, the hash last; *prefix: its length without that. */
static struct p2p_slice on_key(uint8_t out[ON_BYTES_MAX], uint32_t circle,
                               const struct p2p_subject_key *subject,
                               const struct p2p_hash *hash, size_t *prefix)
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, ON_BYTES_MAX);
    p2p_writer_u8(&writer, P2P_INDEX_KEPT_ON);
    p2p_writer_u32(&writer, circle);
    p2p_writer_bytes(&writer, subject->bytes, subject->len);
    *prefix = p2p_writer_slice(&writer).len;
    p2p_writer_bytes(&writer, hash->bytes, P2P_HASH_BYTES);
    return p2p_writer_slice(&writer);
}

/* Deletes a row that may not be there. */
static enum p2p_err drop(const struct p2p_kv *kv, struct p2p_slice key)
{
    enum p2p_err err = p2p_kv_del(kv, P2P_TABLE_INDEX, key);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The rows by subject, put or deleted. */
static enum p2p_err subject_rows(const struct p2p_kv *kv, const struct p2p_rescued *rescued,
                                 bool there)
{
    struct p2p_unpack in;
    enum p2p_err err = P2P_OK;
    if (!p2p_rescued_is_ban(rescued->record.kind) ||
        !p2p_unpack_find(rescued->payload, "subjects", &in)) {
        return P2P_OK;
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK; i++) {
        uint8_t bytes[ON_BYTES_MAX];
        struct p2p_subject_key subject;
        size_t prefix;
        if (!p2p_subject_unpack(&in, &subject)) {
            return P2P_OK;
        }
        struct p2p_slice key =
            on_key(bytes, rescued->record.circle, &subject, &rescued->hash, &prefix);
        err = there ? p2p_kv_put(kv, P2P_TABLE_INDEX, key, p2p_slice_of("", 0)) : drop(kv, key);
    }
    return err;
}

static enum p2p_err read_row(const struct p2p_ledger *ledger, struct p2p_slice key,
                             struct p2p_slice value, struct p2p_rescued *out)
{
    struct p2p_hash hash;
    memcpy(hash.bytes, key.data + 1, P2P_HASH_BYTES);
    bool sound = value.len > 0 && value.data[0] == FORMAT &&
                 p2p_rescued_read(out, ledger->charter,
                                  p2p_slice_of(value.data + 1, value.len - 1)) == P2P_OK &&
                 p2p_hash_equal(&out->hash, &hash);
    out->hash = hash; /* so that a walk goes on */
    return sound ? P2P_OK : P2P_CORRUPT;
}

enum p2p_err p2p_kept_put(struct p2p_ledger *ledger, const struct p2p_rescued *rescued,
                          bool *fresh)
{
    uint8_t key[ROW_BYTES];
    struct p2p_scratch scratch;
    struct p2p_slice value;
    struct p2p_pack pack;
    *fresh = false;
    enum p2p_err err =
        p2p_kv_get(ledger->kv, P2P_TABLE_INDEX, row_key(key, &rescued->hash), &value);
    if (err != P2P_NOTFOUND) {
        return err;
    }
    p2p_scratch_begin(&scratch, ledger);
    size_t cap = PACKED_OVER + rescued->leaf.len + rescued->salted.len + rescued->proof.len;
    uint8_t *bytes = p2p_arena_take(ledger->arena, 1 + cap);
    err = bytes == NULL ? P2P_NOMEM : P2P_OK;
    if (err == P2P_OK) {
        bytes[0] = FORMAT;
        p2p_pack_init(&pack, bytes + 1, cap);
        err = p2p_rescued_pack(&pack, rescued);
    }
    if (err == P2P_OK) {
        err = p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, row_key(key, &rescued->hash),
                         p2p_slice_of(bytes, 1 + p2p_pack_slice(&pack).len));
    }
    p2p_scratch_end(&scratch, ledger);
    *fresh = err == P2P_OK;
    return err == P2P_OK ? subject_rows(ledger->kv, rescued, true) : err;
}

enum p2p_err p2p_kept_count(const struct p2p_kv *kv, size_t *count)
{
    uint8_t key[ROW_BYTES] = {P2P_INDEX_KEPT};
    struct p2p_slice found;
    struct p2p_slice value;
    size_t n = 0;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(key, 1), &found, &value);
    for (; err == P2P_OK && found.len == ROW_BYTES && found.data[0] == P2P_INDEX_KEPT; n++) {
        err = p2p_kv_next(kv, P2P_TABLE_INDEX, &found, &value);
    }
    *count = n;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_kept_none(const struct p2p_kv *kv, bool *none)
{
    static const uint8_t first[] = {P2P_INDEX_KEPT_ON};
    struct p2p_slice found;
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(first, sizeof(first)), &found, &value);
    *none = err == P2P_NOTFOUND || (err == P2P_OK && found.data[0] != P2P_INDEX_KEPT_ON);
    return err == P2P_NOTFOUND || err == P2P_CORRUPT ? P2P_OK : err;
}

enum p2p_err p2p_kept_mend(const struct p2p_ledger *ledger, const struct p2p_rescued *rescued)
{
    return subject_rows(ledger->kv, rescued, true);
}

enum p2p_err p2p_kept_drop(struct p2p_ledger *ledger, const struct p2p_rescued *rescued)
{
    uint8_t key[ROW_BYTES];
    const struct p2p_hash hash = rescued->hash;
    enum p2p_err err = subject_rows(ledger->kv, rescued, false);
    return err == P2P_OK ? drop(ledger->kv, row_key(key, &hash)) : err;
}

enum p2p_err p2p_kept_next(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                           const struct p2p_hash *after, struct p2p_rescued *out)
{
    uint8_t key[ROW_BYTES + 1] = {P2P_INDEX_KEPT};
    struct p2p_slice found;
    struct p2p_slice value;
    size_t len = 1;
    if (after != NULL) {
        row_key(key, after);
        len = ROW_BYTES + 1; /* just behind it */
    }
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(key, len), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != ROW_BYTES || found.data[0] != P2P_INDEX_KEPT) {
        return P2P_NOTFOUND;
    }
    return read_row(ledger, found, value, out);
}

enum p2p_err p2p_kept_next_on(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                              uint32_t circle, const struct p2p_subject_key *subject,
                              struct p2p_hash *at, bool begin, struct p2p_ban *out)
{
    uint8_t bytes[ON_BYTES_MAX + 1];
    uint8_t key[ROW_BYTES];
    size_t prefix;
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_rescued rescued;
    struct p2p_slice from = on_key(bytes, circle, subject, at, &prefix);
    if (begin) {
        from.len = prefix;
    } else {
        bytes[from.len++] = 0; /* just behind it */
    }
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX, from, &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != prefix + P2P_HASH_BYTES || memcmp(found.data, bytes, prefix) != 0) {
        return P2P_NOTFOUND;
    }
    memcpy(at->bytes, found.data + prefix, P2P_HASH_BYTES);
    err = p2p_kv_get(kv, P2P_TABLE_INDEX, row_key(key, at), &value);
    if (err == P2P_OK) {
        err = read_row(ledger, p2p_slice_of(key, sizeof(key)), value, &rescued);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    *out = (struct p2p_ban){
        .id = {rescued.feed, rescued.index}, .circle = circle, .issuer = rescued.record.issuer};
    return p2p_ban_read_content(out, rescued.payload) == P2P_OK ? P2P_OK : P2P_CORRUPT;
}
