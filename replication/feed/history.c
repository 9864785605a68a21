#include <p2p/history.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/witness.h>

#include <string.h>

enum {
    FORMAT = 1,
    KEY_BYTES = 4 + 1 + 8,
    SUM_BYTES = 8,
    BEAT_BYTES = 8 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES + 4 + 8 + P2P_SIGNATURE_BYTES,
    STRETCH_BYTES = SUM_BYTES + 1 + 2 * BEAT_BYTES,
};

/* ---- rows ---- */

static struct p2p_slice row_key(uint8_t out[KEY_BYTES], uint32_t feed, char what,
                                uint64_t number)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, (uint8_t)what);
    p2p_writer_u64(&key, number);
    return p2p_writer_slice(&key);
}

/* The first bytes of SHA-256 over key and content. */
static struct p2p_hash sum_of(struct p2p_slice key, struct p2p_slice content)
{
    const struct p2p_slice parts[] = {key, content};
    return p2p_sha256_many(parts, 2);
}

/* value begins with SUM_BYTES of room. */
static enum p2p_err put_row(const struct p2p_kv *kv, struct p2p_slice key, uint8_t *value,
                            size_t len)
{
    struct p2p_hash sum = sum_of(key, p2p_slice_of(value + SUM_BYTES, len - SUM_BYTES));
    memcpy(value, sum.bytes, SUM_BYTES);
    return p2p_kv_put(kv, P2P_TABLE_HISTORY, key, p2p_slice_of(value, len));
}

/* False when a disk changed it. */
static bool take_content(struct p2p_slice key, struct p2p_slice value,
                         struct p2p_slice *content)
{
    if (value.len < SUM_BYTES) {
        return false;
    }
    *content = p2p_slice_of(value.data + SUM_BYTES, value.len - SUM_BYTES);
    struct p2p_hash sum = sum_of(key, *content);
    return memcmp(value.data, sum.bytes, SUM_BYTES) == 0;
}

/* The first row at or behind this number, of this feed and sort. P2P_NOTFOUND. */
static enum p2p_err seek_row(const struct p2p_kv *kv, uint32_t feed, char what,
                             uint64_t *number, struct p2p_slice *key, struct p2p_slice *value)
{
    uint8_t from[KEY_BYTES];
    struct p2p_reader in;
    enum p2p_err err =
        p2p_kv_seek(kv, P2P_TABLE_HISTORY, row_key(from, feed, what, *number), key, value);
    if (err != P2P_OK) {
        return err;
    }
    p2p_reader_init(&in, *key);
    uint32_t found_feed = p2p_reader_u32(&in);
    uint8_t found_what = p2p_reader_u8(&in);
    uint64_t found = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in) || found_feed != feed || found_what != (uint8_t)what) {
        return P2P_NOTFOUND;
    }
    *number = found;
    return P2P_OK;
}

static void put_beat(struct p2p_writer *out, const struct p2p_beat *beat)
{
    p2p_writer_u64(out, beat->head.size);
    p2p_writer_bytes(out, beat->head.root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(out, beat->head.signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_u32(out, beat->witness);
    p2p_writer_u64(out, beat->cosignature.time_s);
    p2p_writer_bytes(out, beat->cosignature.signature.bytes, P2P_SIGNATURE_BYTES);
}

static void take_beat(struct p2p_reader *in, struct p2p_beat *beat)
{
    beat->head.size = p2p_reader_u64(in);
    p2p_reader_copy(in, beat->head.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(in, beat->head.signature.bytes, P2P_SIGNATURE_BYTES);
    beat->witness = p2p_reader_u32(in);
    beat->cosignature.time_s = p2p_reader_u64(in);
    p2p_reader_copy(in, beat->cosignature.signature.bytes, P2P_SIGNATURE_BYTES);
}

/* ---- reading ---- */

enum p2p_err p2p_history_quorum_from(const struct p2p_kv *kv, uint32_t feed, uint64_t size,
                                     struct p2p_cosigned *out)
{
    struct p2p_slice key;
    struct p2p_slice value;
    struct p2p_slice content;
    enum p2p_err err;
    while ((err = seek_row(kv, feed, 'q', &size, &key, &value)) == P2P_OK) {
        struct p2p_cosigned found;
        if (take_content(key, value, &content) &&
            p2p_cosigned_decode(&found, content) == P2P_OK && found.size == size) {
            *out = found;
            return P2P_OK;
        }
        size++;
    }
    return err;
}

static bool read_stretch(struct p2p_slice key, struct p2p_slice value, uint64_t time_s,
                         struct p2p_stretch *out)
{
    struct p2p_slice content;
    struct p2p_reader in;
    struct p2p_stretch found;
    if (!take_content(key, value, &content)) {
        return false;
    }
    p2p_reader_init(&in, content);
    uint8_t format = p2p_reader_u8(&in);
    take_beat(&in, &found.first);
    take_beat(&in, &found.latest);
    if (!p2p_reader_done(&in) || format != FORMAT || found.first.cosignature.time_s != time_s) {
        return false;
    }
    *out = found;
    return true;
}

enum p2p_err p2p_history_stretch_to(const struct p2p_kv *kv, uint32_t feed, uint64_t time_s,
                                    struct p2p_stretch *out)
{
    uint64_t complement = ~time_s;
    struct p2p_slice key;
    struct p2p_slice value;
    enum p2p_err err;
    while ((err = seek_row(kv, feed, 'h', &complement, &key, &value)) == P2P_OK) {
        if (read_stretch(key, value, ~complement, out)) {
            return P2P_OK;
        }
        if (complement == UINT64_MAX) {
            return P2P_NOTFOUND;
        }
        complement++;
    }
    return err;
}

enum p2p_err p2p_history_load(struct p2p_history *history, const struct p2p_kv *kv,
                              uint32_t feed, uint64_t quorum_size)
{
    struct p2p_history loaded = {.kept_size = 0};
    struct p2p_cosigned kept;
    enum p2p_err err = p2p_history_stretch_to(kv, feed, UINT64_MAX, &loaded.stretch);
    if (err == P2P_OK || err == P2P_NOTFOUND) {
        err = quorum_size == 0 ? P2P_NOTFOUND
                               : p2p_history_quorum_from(kv, feed, quorum_size, &kept);
    }
    if (err == P2P_OK && kept.size == quorum_size) {
        loaded.kept_size = kept.size;
        loaded.kept_count = kept.count;
    }
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    *history = loaded;
    return P2P_OK;
}

/* ---- writing ---- */

enum p2p_err p2p_history_beat(struct p2p_witnessing *witnessing, const struct p2p_feed *feed,
                              const struct p2p_kv *kv, const struct p2p_cosign_body *body,
                              uint64_t mono_ms)
{
    struct p2p_history *history = &witnessing->history;
    struct p2p_stretch *stretch = &history->stretch;
    struct p2p_beat beat = {.head = {.size = body->size, .root = body->root},
                            .witness = body->witness,
                            .cosignature = body->cosignature};
    const uint64_t time_s = body->cosignature.time_s;
    const uint64_t latest_s = stretch->latest.cosignature.time_s;
    if (body->size == 0 || body->size > feed->edge.size || time_s <= latest_s) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_witnessing_log(witnessing, feed, kv, body->size, &body->root, &beat.head.signature);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (latest_s == 0 || time_s - latest_s > P2P_STRETCH_GAP_S) {
        if (history->stretch_mono_ms != 0 &&
            mono_ms - history->stretch_mono_ms < P2P_HISTORY_EVERY_MS) {
            return P2P_OK; /* times that jump make no more rows than a clock does */
        }
        /* The end of the stretch before is written before it is forgotten. */
        err = history->stretch_dirty ? p2p_history_store_stretch(history, kv, feed->number)
                                     : P2P_OK;
        history->stretch_mono_ms = mono_ms;
        stretch->first = beat;
    }
    stretch->latest = beat;
    history->stretch_dirty = true;
    return err;
}

enum p2p_err p2p_history_store_stretch(struct p2p_history *history, const struct p2p_kv *kv,
                                       uint32_t feed)
{
    uint8_t key[KEY_BYTES];
    uint8_t value[STRETCH_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value + SUM_BYTES, sizeof(value) - SUM_BYTES);
    p2p_writer_u8(&out, FORMAT);
    put_beat(&out, &history->stretch.first);
    put_beat(&out, &history->stretch.latest);
    p2p_assert(!out.failed);
    history->stretch_dirty = false;
    return put_row(kv, row_key(key, feed, 'h', ~history->stretch.first.cosignature.time_s),
                   value, SUM_BYTES + out.len);
}

static enum p2p_err store_quorum(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                                 const struct p2p_feed *feed, uint64_t mono_ms)
{
    struct p2p_history *history = &witnessing->history;
    uint8_t key[KEY_BYTES];
    uint8_t value[SUM_BYTES + P2P_COSIGNED_BYTES_MAX];
    struct p2p_cosigned quorum;
    bool newer =
        witnessing->quorum_size > history->kept_size &&
        (history->kept_mono_ms == 0 || mono_ms - history->kept_mono_ms >= P2P_HISTORY_EVERY_MS);
    bool same = witnessing->quorum_size != 0 && witnessing->quorum_size == history->kept_size;
    if (!newer && !same) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_witnessing_quorum(witnessing, feed, kv, &quorum);
    if (err != P2P_OK || (same && quorum.count <= history->kept_count)) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    size_t len = p2p_cosigned_encode(&quorum, value + SUM_BYTES);
    history->kept_size = quorum.size;
    history->kept_count = quorum.count;
    history->kept_mono_ms = newer ? mono_ms : history->kept_mono_ms;
    return put_row(kv, row_key(key, feed->number, 'q', quorum.size), value, SUM_BYTES + len);
}

enum p2p_err p2p_history_store(struct p2p_witnessing *witnessing, const struct p2p_kv *kv,
                               const struct p2p_feed *feed, uint64_t mono_ms)
{
    enum p2p_err err = store_quorum(witnessing, kv, feed, mono_ms);
    return err == P2P_OK && witnessing->history.stretch_dirty
               ? p2p_history_store_stretch(&witnessing->history, kv, feed->number)
               : err;
}
