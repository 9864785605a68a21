#include "feed_rows.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- keys ---- */

struct p2p_slice p2p_feed_record_key(uint8_t out[FEED_RECORD_KEY_BYTES], uint32_t feed,
                                     uint64_t last)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, FEED_RECORD_KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u64(&key, last);
    return p2p_writer_slice(&key);
}

struct p2p_slice p2p_feed_hash_key(uint8_t out[FEED_HASH_KEY_BYTES], uint32_t feed,
                                   unsigned level, uint64_t group)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, FEED_HASH_KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, (uint8_t)level);
    p2p_writer_u64(&key, group);
    return p2p_writer_slice(&key);
}

static struct p2p_slice state_key(uint8_t out[4], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, 4);
    p2p_writer_u32(&key, feed);
    return p2p_writer_slice(&key);
}

/* ---- leaves as bytes ---- */

enum p2p_err p2p_feed_pack_next(struct p2p_reader *leaves, struct p2p_slice *leaf)
{
    uint16_t len = p2p_reader_u16(leaves);
    struct p2p_slice bytes = p2p_reader_bytes(leaves, len);
    if (leaves->failed || len == 0) {
        return P2P_CORRUPT;
    }
    *leaf = bytes;
    return P2P_OK;
}

bool p2p_feed_pack_pass(struct p2p_reader *leaves, uint64_t count)
{
    struct p2p_reader ahead = *leaves;
    for (; count > 0 && !ahead.failed; count--) {
        uint16_t len = p2p_reader_u16(&ahead);
        p2p_reader_bytes(&ahead, len);
        ahead.failed = ahead.failed || len == 0;
    }
    *leaves = ahead;
    return !ahead.failed;
}

enum p2p_err p2p_feed_pack_skip(struct p2p_reader *leaves, uint16_t count, uint64_t skip)
{
    struct p2p_reader ahead = *leaves;
    skip = skip < count ? skip : count;
    bool there = p2p_feed_pack_pass(&ahead, skip);
    *leaves = ahead;
    there = there && p2p_feed_pack_pass(&ahead, count - skip);
    return there && p2p_reader_done(&ahead) ? P2P_OK : P2P_CORRUPT;
}

enum p2p_err p2p_feed_pack_check(struct p2p_slice leaves, uint16_t count)
{
    struct p2p_reader all;
    p2p_reader_init(&all, leaves);
    return p2p_feed_pack_skip(&all, count, 0);
}

/* ---- state row ---- */

void p2p_feed_init(struct p2p_feed *feed, uint32_t number)
{
    *feed = (struct p2p_feed){
        .number = number, .ends_at = P2P_FEED_GOES_ON, .closed_at = P2P_FEED_GOES_ON};
    p2p_edge_init(&feed->edge);
}

enum p2p_err p2p_feed_state_get(struct p2p_feed_state_row *row, uint32_t feed,
                                const struct p2p_kv *kv)
{
    uint8_t key[4];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_FEED, state_key(key, feed), &value);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_reader in;
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    uint8_t state = p2p_reader_u8(&in);
    row->state = (enum p2p_feed_state)state;
    row->kept_size = p2p_reader_u64(&in);
    row->since_kept_bytes = p2p_reader_u64(&in);
    p2p_edge_init(&row->edge);
    row->edge.size = p2p_reader_u64(&in);
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        if (row->edge.size >> level & 1) {
            p2p_reader_copy(&in, row->edge.peaks[level].bytes, P2P_HASH_BYTES);
        }
    }
    p2p_reader_copy(&in, row->signature.bytes, P2P_SIGNATURE_BYTES);
    row->hashes =
        p2p_reader_bytes(&in, (size_t)(row->edge.size % P2P_GROUP_HASHES) * P2P_HASH_BYTES);
    row->count = p2p_reader_u16(&in);
    row->leaves = p2p_reader_bytes(&in, p2p_reader_left(&in));
    if (!p2p_reader_done(&in) || format != FEED_STATE_FORMAT || state > P2P_FEED_FORKED ||
        row->kept_size > row->edge.size || row->count > row->edge.size ||
        row->leaves.len > P2P_PACK_BYTES_MAX - FEED_PACK_HEADER_BYTES) {
        return P2P_CORRUPT;
    }
    return P2P_OK;
}

enum p2p_err p2p_feed_load(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    struct p2p_feed_state_row row;
    struct p2p_feed loaded;
    p2p_feed_init(&loaded, feed->number);
    enum p2p_err err = p2p_feed_state_get(&row, feed->number, kv);
    if (err == P2P_NOTFOUND) {
        *feed = loaded;
        return P2P_OK;
    }
    if (err == P2P_OK) {
        err = p2p_feed_pack_check(row.leaves, row.count);
    }
    if (err != P2P_OK) {
        return err;
    }
    loaded.state = row.state;
    loaded.kept_size = row.kept_size;
    loaded.since_kept_bytes = row.since_kept_bytes;
    loaded.edge = row.edge;
    loaded.head = (struct p2p_tree_head){
        .size = row.edge.size, .root = p2p_edge_root(&row.edge), .signature = row.signature};
    loaded.packed_size = row.edge.size - row.count;
    loaded.settled_size = row.edge.size;
    *feed = loaded;
    return P2P_OK;
}

/* What the tail is: the batch's, or the one that stands in the row already. */
static enum p2p_err tail_of(const struct p2p_feed *feed, const struct p2p_kv *kv,
                            struct p2p_feed_state_row *row)
{
    const struct p2p_feed_tail *tail = feed->tail;
    if (tail == NULL) {
        enum p2p_err err = p2p_feed_state_get(row, feed->number, kv);
        if (err == P2P_NOTFOUND) {
            *row = (struct p2p_feed_state_row){0};
            err = P2P_OK;
        }
        return err == P2P_OK && row->edge.size != feed->edge.size ? P2P_CORRUPT : err;
    }
    row->hashes = p2p_slice_of(tail->group + 1, tail->group_count * P2P_HASH_BYTES);
    row->count = tail->count;
    row->leaves = p2p_slice_of(tail->pack + FEED_PACK_HEADER_BYTES,
                               tail->pack_len - FEED_PACK_HEADER_BYTES);
    return P2P_OK;
}

enum p2p_err p2p_feed_state_put(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    uint8_t key[4];
    uint8_t value[2 + 3 * 8 + P2P_TREE_LEVELS_MAX * P2P_HASH_BYTES + P2P_SIGNATURE_BYTES +
                  P2P_GROUP_HASHES * P2P_HASH_BYTES + 2 + P2P_PACK_BYTES_MAX];
    struct p2p_feed_state_row row;
    struct p2p_writer out;
    enum p2p_err err = tail_of(feed, kv, &row);
    if (err != P2P_OK) {
        return err;
    }
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FEED_STATE_FORMAT);
    p2p_writer_u8(&out, (uint8_t)feed->state);
    p2p_writer_u64(&out, feed->kept_size);
    p2p_writer_u64(&out, feed->since_kept_bytes);
    p2p_writer_u64(&out, feed->edge.size);
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        if (feed->edge.size >> level & 1) {
            p2p_writer_bytes(&out, feed->edge.peaks[level].bytes, P2P_HASH_BYTES);
        }
    }
    p2p_writer_bytes(&out, feed->head.signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_writer_bytes(&out, row.hashes.data, row.hashes.len);
    p2p_writer_u16(&out, row.count);
    p2p_writer_bytes(&out, row.leaves.data, row.leaves.len);
    err = p2p_kv_put(kv, P2P_TABLE_FEED, state_key(key, feed->number), p2p_writer_slice(&out));
    if (err == P2P_OK && feed->tail != NULL) {
        feed->tail->dirty = false;
    }
    return err;
}

/* ---- heads ---- */

static enum p2p_err keep_head(struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_slice value)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    feed->kept_size = feed->head.size;
    feed->since_kept_bytes = 0;
    return p2p_kv_put(kv, P2P_TABLE_CHECKPOINT,
                      p2p_feed_record_key(key, feed->number, feed->head.size), value);
}

static enum p2p_err keep_tree_head(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    uint8_t value[1 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FEED_FORMAT);
    p2p_writer_bytes(&out, feed->head.root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(&out, feed->head.signature.bytes, P2P_SIGNATURE_BYTES);
    return keep_head(feed, kv, p2p_writer_slice(&out));
}

enum p2p_err p2p_feed_keep_for(struct p2p_feed *feed, const struct p2p_kv *kv, uint64_t count,
                               size_t bytes)
{
    p2p_assert(feed->edge.size == feed->head.size);
    if (feed->head.size == feed->kept_size ||
        (feed->head.size - feed->kept_size + count <= P2P_RUN_RECORDS_MAX &&
         feed->since_kept_bytes + bytes <= P2P_RUN_BYTES_MAX)) {
        return P2P_OK;
    }
    return keep_tree_head(feed, kv);
}

enum p2p_err p2p_feed_set_head(struct p2p_feed *feed, const struct p2p_kv *kv,
                               const struct p2p_tree_head *head, struct p2p_slice note)
{
    p2p_assert(head->size == feed->edge.size);
    enum p2p_err err = P2P_OK;
    feed->head = *head;
    if (note.len > 0) {
        err = keep_head(feed, kv, note);
    } else if (head->size - feed->kept_size >= P2P_KEEP_RECORDS ||
               feed->since_kept_bytes >= P2P_KEEP_BYTES) {
        err = keep_tree_head(feed, kv);
    }
    return err == P2P_OK ? p2p_feed_state_put(feed, kv) : err;
}

enum p2p_err p2p_feed_set_state(struct p2p_feed *feed, const struct p2p_kv *kv,
                                enum p2p_feed_state state)
{
    feed->state = state;
    return p2p_feed_state_put(feed, kv);
}

enum p2p_err p2p_feed_kept_from(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                uint64_t size, uint64_t *out)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_kv_seek(
        kv, P2P_TABLE_CHECKPOINT, p2p_feed_record_key(key, feed->number, size), &found, &value);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    p2p_reader_init(&in, err == P2P_OK ? found : (struct p2p_slice){0});
    uint32_t number = p2p_reader_u32(&in);
    uint64_t kept = p2p_reader_u64(&in);
    bool is_kept = p2p_reader_done(&in) && number == feed->number && kept < feed->head.size;
    *out = is_kept ? kept : feed->head.size;
    return P2P_OK;
}

enum p2p_err p2p_feed_head_from(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                uint64_t size, struct p2p_tree_head *head)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    if (size > feed->head.size) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_kv_seek(
        kv, P2P_TABLE_CHECKPOINT, p2p_feed_record_key(key, feed->number, size), &found, &value);
    if (err != P2P_OK && err != P2P_NOTFOUND) {
        return err;
    }
    struct p2p_reader in;
    p2p_reader_init(&in, err == P2P_OK ? found : (struct p2p_slice){0});
    uint32_t number = p2p_reader_u32(&in);
    struct p2p_tree_head kept = {.size = p2p_reader_u64(&in)};
    if (!p2p_reader_done(&in) || number != feed->number || kept.size >= feed->head.size) {
        *head = feed->head;
        return P2P_OK;
    }
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    p2p_reader_copy(&in, kept.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(&in, kept.signature.bytes, P2P_SIGNATURE_BYTES);
    if (!p2p_reader_done(&in) || format != FEED_FORMAT) {
        return P2P_CORRUPT;
    }
    *head = kept;
    return P2P_OK;
}

enum p2p_err p2p_feed_note(const struct p2p_kv *kv, uint32_t feed, uint64_t size,
                           struct p2p_slice *note)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    return p2p_kv_get(kv, P2P_TABLE_CHECKPOINT, p2p_feed_record_key(key, feed, size), note);
}
