#include "feed_rows.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- leaves ---- */

enum p2p_err p2p_feed_pack_open(struct p2p_slice key, struct p2p_slice value, uint32_t feed,
                                struct p2p_reader *leaves, uint64_t *first, uint64_t *end)
{
    struct p2p_reader in;
    p2p_reader_init(&in, key);
    uint32_t key_feed = p2p_reader_u32(&in);
    uint64_t last = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in)) {
        return P2P_CORRUPT;
    }
    if (key_feed != feed) {
        return P2P_NOTFOUND;
    }
    p2p_reader_init(leaves, value);
    uint8_t format = p2p_reader_u8(leaves);
    uint16_t count = p2p_reader_u16(leaves);
    if (leaves->failed || format != FEED_FORMAT || count == 0 || count > last + 1) {
        return P2P_CORRUPT;
    }
    *first = last + 1 - count;
    *end = last + 1;
    return p2p_feed_pack_check(
        p2p_slice_of(value.data + FEED_PACK_HEADER_BYTES, value.len - FEED_PACK_HEADER_BYTES),
        count);
}

enum p2p_err p2p_feed_leaf(const struct p2p_feed *feed, const struct p2p_kv *kv, uint64_t index,
                           struct p2p_slice *leaf)
{
    struct p2p_feed_walk walk;
    p2p_feed_walk_begin(&walk, feed, kv, index);
    return p2p_feed_walk_next(&walk, leaf);
}

void p2p_feed_walk_begin(struct p2p_feed_walk *walk, const struct p2p_feed *feed,
                         const struct p2p_kv *kv, uint64_t index)
{
    *walk = (struct p2p_feed_walk){.feed = feed, .kv = kv, .index = index};
}

static enum p2p_err skip_to(struct p2p_reader *leaves, uint64_t first, uint64_t index)
{
    for (uint64_t at = first; at < index; at++) {
        struct p2p_slice skipped;
        enum p2p_err err = p2p_feed_pack_next(leaves, &skipped);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

/* Leaves that are in no pack yet: the batch's, or those of the state row. */
static enum p2p_err open_tail(struct p2p_feed_walk *walk)
{
    const struct p2p_feed *feed = walk->feed;
    const struct p2p_feed_tail *tail = feed->tail;
    struct p2p_feed_state_row row;
    if (tail != NULL) {
        row.leaves = p2p_slice_of(tail->pack + FEED_PACK_HEADER_BYTES,
                                  tail->pack_len - FEED_PACK_HEADER_BYTES);
    } else {
        enum p2p_err err = p2p_feed_state_get(&row, feed->number, walk->kv);
        if (err == P2P_OK) {
            err = p2p_feed_pack_check(row.leaves, row.count);
        }
        if (err != P2P_OK) {
            return err;
        }
        if (row.edge.size != feed->edge.size + feed->hidden ||
            row.edge.size - row.count != feed->packed_size) {
            return P2P_CORRUPT;
        }
    }
    p2p_reader_init(&walk->pack, row.leaves);
    walk->pack_end = feed->edge.size;
    return skip_to(&walk->pack, feed->packed_size, walk->index);
}

static enum p2p_err open_packed(struct p2p_feed_walk *walk)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    uint64_t first = 0;
    enum p2p_err err =
        p2p_kv_seek(walk->kv, P2P_TABLE_RECORD,
                    p2p_feed_record_key(key, walk->feed->number, walk->index), &found, &value);
    if (err == P2P_OK) {
        err = p2p_feed_pack_open(found, value, walk->feed->number, &walk->pack, &first,
                                 &walk->pack_end);
    }
    if (err == P2P_OK && (first > walk->index || walk->pack_end > walk->feed->packed_size)) {
        err = P2P_CORRUPT;
    }
    return err == P2P_OK ? skip_to(&walk->pack, first, walk->index) : err;
}

/* Opens what holds walk->index. */
static enum p2p_err walk_open(struct p2p_feed_walk *walk)
{
    enum p2p_err err =
        walk->index >= walk->feed->packed_size ? open_tail(walk) : open_packed(walk);
    if (err != P2P_OK) {
        walk->pack_end = 0;
    }
    return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
}

enum p2p_err p2p_feed_walk_next(struct p2p_feed_walk *walk, struct p2p_slice *leaf)
{
    if (walk->index >= walk->feed->edge.size) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = P2P_OK;
    if (walk->index >= walk->pack_end) {
        err = walk_open(walk);
    }
    if (err == P2P_OK) {
        err = p2p_feed_pack_next(&walk->pack, leaf);
    }
    if (err == P2P_OK) {
        walk->index++;
    }
    return err;
}

/* ---- hashes ---- */

/* A leaf's hash that is in no full group yet. */
static enum p2p_err tail_hash(const struct p2p_feed_hashes *source, uint64_t index,
                              struct p2p_hash *out)
{
    struct p2p_feed_state_row row;
    enum p2p_err err = p2p_feed_state_get(&row, source->feed, source->kv);
    if (err != P2P_OK) {
        return err;
    }
    size_t at = (size_t)(index % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
    if (index / P2P_GROUP_HASHES != row.edge.size / P2P_GROUP_HASHES ||
        row.hashes.len < at + P2P_HASH_BYTES) {
        return P2P_CORRUPT;
    }
    memcpy(out->bytes, row.hashes.data + at, P2P_HASH_BYTES);
    return P2P_OK;
}

enum p2p_err p2p_feed_hash_get(const struct p2p_feed_hashes *source, unsigned level,
                               uint64_t index, struct p2p_hash *out)
{
    uint8_t key[FEED_HASH_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(
        source->kv, P2P_TABLE_HASH,
        p2p_feed_hash_key(key, source->feed, level, index / P2P_GROUP_HASHES), &value);
    if (err == P2P_NOTFOUND && level == 0) {
        err = tail_hash(source, index, out);
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    size_t at = 1 + (size_t)(index % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
    if (value.len < at + P2P_HASH_BYTES || value.data[0] != FEED_FORMAT ||
        value.len % P2P_HASH_BYTES != 1) {
        return P2P_CORRUPT;
    }
    memcpy(out->bytes, value.data + at, P2P_HASH_BYTES);
    return P2P_OK;
}

/* A subtree between two stored levels is the root of the stored ones below it. */
static enum p2p_err subtree_hash(void *context, unsigned level, uint64_t index,
                                 struct p2p_hash *out)
{
    const struct p2p_feed_hashes *source = context;
    unsigned above = level % 8;
    return above == 0 ? p2p_feed_hash_get(source, level, index, out)
                      : p2p_feed_hash_above(source, level, above, index, out);
}

enum p2p_err p2p_feed_hash_above(const struct p2p_feed_hashes *source, unsigned level,
                                 unsigned above, uint64_t index, struct p2p_hash *out)
{
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    uint64_t count = 1ull << above;
    for (uint64_t i = 0; i < count; i++) {
        struct p2p_hash hash;
        enum p2p_err err =
            p2p_feed_hash_get(source, level - above, (index << above) + i, &hash);
        if (err != P2P_OK) {
            return err;
        }
        p2p_edge_append(&edge, &hash, NULL);
    }
    *out = edge.peaks[above];
    return P2P_OK;
}

struct p2p_tree_reader p2p_feed_tree(struct p2p_feed_hashes *source)
{
    return (struct p2p_tree_reader){.hash = subtree_hash, .context = source};
}

/* What the caller recomputed; NULL: not of this size. */
static const struct p2p_hash *root_given(const struct p2p_feed *feed, uint64_t size)
{
    size_t low = 0;
    size_t high = feed->root_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (feed->roots[middle].size < size) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < feed->root_count && feed->roots[low].size == size ? &feed->roots[low].root
                                                                   : NULL;
}

enum p2p_err p2p_feed_root_at(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              uint64_t size, struct p2p_hash *root)
{
    if (size > feed->edge.size) {
        return P2P_GAP;
    }
    if (size == feed->edge.size) {
        *root = p2p_edge_root(&feed->edge);
        return P2P_OK;
    }
    const struct p2p_hash *given = root_given(feed, size);
    if (given != NULL) {
        *root = *given;
        return P2P_OK;
    }
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    return p2p_tree_root_at(&reader, size, root);
}
