#include "feed_rows.h"

#include <p2p/assert.h>
#include <p2p/feed_set.h>

#include <string.h>

/* ---- the tail ---- */

static void start_pack(struct p2p_feed_tail *tail)
{
    tail->pack[0] = FEED_FORMAT;
    tail->pack_len = FEED_PACK_HEADER_BYTES;
    tail->count = 0;
}

/* Goes on with what stands in the state row. */
static enum p2p_err load_tail(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_feed_tail *tail)
{
    struct p2p_feed_state_row row;
    tail->dirty = false;
    start_pack(tail);
    tail->group[0] = FEED_FORMAT;
    tail->group_count = 0;
    if (feed->edge.size == 0) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_feed_state_get(&row, feed->number, kv);
    if (err == P2P_OK) {
        err = p2p_feed_pack_check(row.leaves, row.count);
    }
    if (err == P2P_NOTFOUND ||
        (err == P2P_OK && (row.edge.size != feed->edge.size ||
                           feed->packed_size != feed->edge.size - row.count))) {
        return P2P_CORRUPT;
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_writer leaves;
    struct p2p_writer hashes;
    p2p_writer_init(&leaves, tail->pack + tail->pack_len, sizeof(tail->pack) - tail->pack_len);
    p2p_writer_bytes(&leaves, row.leaves.data, row.leaves.len);
    tail->pack_len += row.leaves.len;
    tail->count = row.count;
    p2p_writer_init(&hashes, tail->group + 1, sizeof(tail->group) - 1);
    p2p_writer_bytes(&hashes, row.hashes.data, row.hashes.len);
    tail->group_count = row.hashes.len / P2P_HASH_BYTES;
    return P2P_OK;
}

/* ---- leaves ---- */

/* The tail's leaves become a row. */
static enum p2p_err write_pack(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    struct p2p_feed_tail *tail = feed->tail;
    uint8_t key[FEED_RECORD_KEY_BYTES];
    if (tail->count == 0) {
        return P2P_OK;
    }
    p2p_assert(feed->packed_size + tail->count == feed->edge.size);
    tail->pack[1] = (uint8_t)(tail->count >> 8);
    tail->pack[2] = (uint8_t)tail->count;
    enum p2p_err err = p2p_kv_put(kv, P2P_TABLE_RECORD,
                                  p2p_feed_record_key(key, feed->number, feed->edge.size - 1),
                                  p2p_slice_of(tail->pack, tail->pack_len));
    if (err == P2P_OK) {
        feed->packed_size = feed->edge.size;
        start_pack(tail);
    }
    return err;
}

/* A leaf too large for any pack stands alone in its row. */
static enum p2p_err write_alone(struct p2p_feed *feed, const struct p2p_kv *kv,
                                struct p2p_arena *arena, struct p2p_slice leaf)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    uint8_t *value = p2p_arena_take(arena, FEED_PACK_HEADER_BYTES + 2 + leaf.len);
    if (value == NULL) {
        return P2P_NOMEM;
    }
    struct p2p_writer out;
    p2p_writer_init(&out, value, FEED_PACK_HEADER_BYTES + 2 + leaf.len);
    p2p_writer_u8(&out, FEED_FORMAT);
    p2p_writer_u16(&out, 1);
    p2p_writer_u16(&out, (uint16_t)leaf.len);
    p2p_writer_bytes(&out, leaf.data, leaf.len);
    enum p2p_err err = p2p_kv_put(kv, P2P_TABLE_RECORD,
                                  p2p_feed_record_key(key, feed->number, feed->edge.size),
                                  p2p_writer_slice(&out));
    if (err == P2P_OK) {
        feed->packed_size = feed->edge.size + 1;
    }
    return err;
}

static enum p2p_err append_leaf(struct p2p_feed *feed, const struct p2p_kv *kv,
                                struct p2p_arena *arena, struct p2p_slice leaf)
{
    struct p2p_feed_tail *tail = feed->tail;
    if (tail->pack_len + 2 + leaf.len > sizeof(tail->pack)) {
        enum p2p_err err = write_pack(feed, kv);
        if (err != P2P_OK) {
            return err;
        }
        if (FEED_PACK_HEADER_BYTES + 2 + leaf.len > sizeof(tail->pack)) {
            return write_alone(feed, kv, arena, leaf);
        }
    }
    tail->pack[tail->pack_len] = (uint8_t)(leaf.len >> 8);
    tail->pack[tail->pack_len + 1] = (uint8_t)leaf.len;
    memcpy(tail->pack + tail->pack_len + 2, leaf.data, leaf.len);
    tail->pack_len += 2 + leaf.len;
    tail->count++;
    return P2P_OK;
}

/* ---- hashes ---- */

/* Whether a row of hashes is one, and holds count of them. */
static bool is_group(struct p2p_slice value, size_t count)
{
    return value.len == 1 + count * P2P_HASH_BYTES && value.data[0] == FEED_FORMAT;
}

/* Appends to a group of a level above 0, which fills 256 times more slowly. */
static enum p2p_err append_high(struct p2p_feed *feed, const struct p2p_kv *kv, unsigned level,
                                uint64_t index, const struct p2p_hash *hash)
{
    uint8_t key[FEED_HASH_KEY_BYTES];
    uint8_t value[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES] = {FEED_FORMAT};
    size_t at = (size_t)(index % P2P_GROUP_HASHES);
    struct p2p_slice name =
        p2p_feed_hash_key(key, feed->number, level, index / P2P_GROUP_HASHES);
    if (at > 0) {
        struct p2p_slice held;
        enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_HASH, name, &held);
        if (err == P2P_NOTFOUND || (err == P2P_OK && !is_group(held, at))) {
            return P2P_CORRUPT;
        }
        if (err != P2P_OK) {
            return err;
        }
        memcpy(value, held.data, held.len);
    }
    memcpy(value + 1 + at * P2P_HASH_BYTES, hash->bytes, P2P_HASH_BYTES);
    return p2p_kv_put(kv, P2P_TABLE_HASH, name,
                      p2p_slice_of(value, 1 + (at + 1) * P2P_HASH_BYTES));
}

static enum p2p_err append_hash(struct p2p_feed *feed, const struct p2p_kv *kv,
                                const struct p2p_hash *leaf_hash)
{
    struct p2p_feed_tail *tail = feed->tail;
    struct p2p_hash completed[P2P_TREE_LEVELS_MAX];
    memcpy(tail->group + 1 + tail->group_count * P2P_HASH_BYTES, leaf_hash->bytes,
           P2P_HASH_BYTES);
    tail->group_count++;
    if (tail->group_count == P2P_GROUP_HASHES) {
        uint8_t key[FEED_HASH_KEY_BYTES];
        enum p2p_err err = p2p_kv_put(
            kv, P2P_TABLE_HASH,
            p2p_feed_hash_key(key, feed->number, 0, feed->edge.size / P2P_GROUP_HASHES),
            p2p_slice_of(tail->group, sizeof(tail->group)));
        if (err != P2P_OK) {
            return err;
        }
        tail->group_count = 0;
    }
    const struct p2p_hash *interior = completed;
    unsigned count;
    if (feed->known != NULL) {
        interior = feed->known;
        count = p2p_edge_extend(&feed->edge, leaf_hash, interior);
        feed->known += count;
    } else {
        count = p2p_edge_append(&feed->edge, leaf_hash, completed);
    }
    for (unsigned level = FEED_LEVELS_APART; level <= count; level += FEED_LEVELS_APART) {
        enum p2p_err err =
            append_high(feed, kv, level, (feed->edge.size >> level) - 1, &interior[level - 1]);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

void p2p_feed_take_tail(struct p2p_feed *feed, struct p2p_feed_tail *tail)
{
    feed->tail = tail;
    if (feed->touched != NULL) {
        p2p_feed_set_add(feed->touched, feed->number);
    }
}

enum p2p_err p2p_feed_append(struct p2p_feed *feed, const struct p2p_kv *kv,
                             struct p2p_arena *arena, struct p2p_slice leaf,
                             const struct p2p_hash *leaf_hash, size_t extra_bytes)
{
    p2p_assert(leaf.len > 0 && leaf.len <= P2P_RECORD_BYTES_MAX);
    enum p2p_err err;
    if (feed->tail == NULL) {
        struct p2p_feed_tail *tail = p2p_arena_take(arena, sizeof(*tail));
        if (tail == NULL) {
            return P2P_NOMEM;
        }
        err = load_tail(feed, kv, tail);
        if (err != P2P_OK) {
            return err;
        }
        p2p_feed_take_tail(feed, tail);
    }
    feed->tail->dirty = true;
    err = append_leaf(feed, kv, arena, leaf);
    if (err == P2P_OK) {
        err = append_hash(feed, kv, leaf_hash);
    }
    feed->since_kept_bytes += leaf.len + extra_bytes;
    return err;
}

enum p2p_err p2p_feed_flush(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    return feed->tail == NULL || !feed->tail->dirty ? P2P_OK : p2p_feed_state_put(feed, kv);
}

void p2p_feed_end_batch(struct p2p_feed *feed)
{
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    p2p_assert(feed->known == NULL);
    feed->tail = NULL;
}
