/* Cutting a feed back to what it was at a smaller size: for one that has two histories, never
 * for another. */
#include "feed_rows.h"
#include "lately.h"

#include <p2p/assert.h>

#include <string.h>

/* Where the pack begins that holds the leaf at index; index itself when a row begins there. */
static enum p2p_err pack_begin(const struct p2p_feed *feed, const struct p2p_kv *kv,
                               uint64_t index, uint64_t *first)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_reader in;
    enum p2p_err err = p2p_kv_seek(
        kv, P2P_TABLE_RECORD, p2p_feed_record_key(key, feed->number, index), &found, &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    p2p_reader_init(&in, found);
    uint32_t number = p2p_reader_u32(&in);
    uint64_t last = p2p_reader_u64(&in);
    bool is_key = p2p_reader_done(&in);
    p2p_reader_init(&in, value);
    p2p_reader_u8(&in);
    uint16_t count = p2p_reader_u16(&in);
    if (!is_key || in.failed || number != feed->number || count == 0 || count > last + 1 ||
        last + 1 - count > index) {
        return P2P_CORRUPT;
    }
    *first = last + 1 - count;
    return P2P_OK;
}

/* The leaves from first up to size, which were part of one pack, and the hashes after the last
 * full group. */
static enum p2p_err make_tail(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              uint64_t first, uint64_t size, struct p2p_feed_tail *tail)
{
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_feed_walk walk;
    struct p2p_writer pack;
    enum p2p_err err = P2P_OK;
    p2p_writer_init(&pack, tail->pack, sizeof(tail->pack));
    p2p_writer_u8(&pack, FEED_FORMAT);
    p2p_writer_u16(&pack, 0);
    p2p_feed_walk_begin(&walk, feed, kv, first);
    while (err == P2P_OK && walk.index < size) {
        struct p2p_slice leaf;
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK) {
            p2p_writer_u16(&pack, (uint16_t)leaf.len);
            p2p_writer_bytes(&pack, leaf.data, leaf.len);
        }
    }
    tail->pack_len = pack.len;
    tail->count = (uint16_t)(size - first);
    tail->group[0] = FEED_FORMAT;
    tail->group_count = 0;
    uint64_t grouped = size / P2P_GROUP_HASHES * P2P_GROUP_HASHES;
    for (uint64_t i = grouped; i < size && err == P2P_OK; i++) {
        struct p2p_hash hash;
        err = reader.hash(reader.context, 0, i, &hash);
        memcpy(tail->group + 1 + tail->group_count++ * P2P_HASH_BYTES, hash.bytes,
               P2P_HASH_BYTES);
    }
    tail->dirty = false;
    return err == P2P_OK && pack.failed ? P2P_CORRUPT : err;
}

/* Deletes the rows of a table whose keys are this feed's and at or above a number. */
static enum p2p_err drop_rows(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              enum p2p_table table, uint64_t from)
{
    for (;;) {
        uint8_t key[FEED_RECORD_KEY_BYTES];
        struct p2p_slice found;
        struct p2p_slice value;
        enum p2p_err err = p2p_kv_seek(kv, table, p2p_feed_record_key(key, feed->number, from),
                                       &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (found.len != sizeof(key) || memcmp(found.data, key, 4) != 0) {
            return P2P_OK;
        }
        memcpy(key, found.data, sizeof(key));
        err = p2p_kv_del(kv, table, p2p_slice_of(key, sizeof(key)));
        if (err != P2P_OK) {
            return err;
        }
    }
}

/* One stored level: the group in which it ends is shortened (at level 0 it is the tail's),
 * those behind it go. */
static enum p2p_err cut_level(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              unsigned level, uint64_t count)
{
    uint64_t group = count / P2P_GROUP_HASHES;
    size_t bytes = level == 0 ? 1 : 1 + (size_t)(count % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
    for (;; group++, bytes = 1) {
        uint8_t key[FEED_HASH_KEY_BYTES];
        uint8_t copy[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES];
        struct p2p_slice value;
        struct p2p_slice name = p2p_feed_hash_key(key, feed->number, level, group);
        enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_HASH, name, &value);
        if (err == P2P_NOTFOUND) {
            return P2P_OK; /* groups have no gaps */
        }
        if (err == P2P_OK && bytes == 1) {
            err = p2p_kv_del(kv, P2P_TABLE_HASH, name);
        } else if (err == P2P_OK && value.len < bytes) {
            err = P2P_CORRUPT;
        } else if (err == P2P_OK && value.len > bytes) {
            memcpy(copy, value.data, bytes);
            err = p2p_kv_put(kv, P2P_TABLE_HASH, name, p2p_slice_of(copy, bytes));
        }
        if (err != P2P_OK) {
            return err;
        }
    }
}

enum p2p_err p2p_feed_cut(struct p2p_feed *feed, const struct p2p_kv *kv,
                          struct p2p_arena *arena, const struct p2p_tree_head *head)
{
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_edge edge;
    uint64_t first = feed->packed_size;
    p2p_assert(head->size <= feed->edge.size && feed->known == NULL);
    struct p2p_feed_tail *tail = p2p_arena_take(arena, sizeof(*tail));
    enum p2p_err err = tail == NULL ? P2P_NOMEM : p2p_feed_flush(feed, kv);
    if (err == P2P_OK) {
        err = p2p_tree_edge_at(&reader, head->size, &edge);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_hash root = p2p_edge_root(&edge);
    if (head->size > 0 && !p2p_hash_equal(&root, &head->root)) {
        return P2P_USAGE;
    }
    if (head->size < feed->packed_size) {
        err = pack_begin(feed, kv, head->size, &first);
    }
    if (err == P2P_OK) {
        err = make_tail(feed, kv, first, head->size, tail);
    }
    if (err == P2P_OK) {
        err = drop_rows(feed, kv, P2P_TABLE_RECORD, head->size);
    }
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX && err == P2P_OK;
         level += FEED_LEVELS_APART) {
        err = cut_level(feed, kv, level, head->size >> level);
    }
    if (err == P2P_OK) {
        err = drop_rows(feed, kv, P2P_TABLE_CHECKPOINT, head->size + 1);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_lately_forget(feed->lately);
    p2p_feed_take_tail(feed, tail);
    feed->edge = edge;
    feed->packed_size = first;
    feed->settled_size = feed->settled_size < head->size ? feed->settled_size : head->size;
    feed->kept_size = 0;
    feed->since_kept_bytes = head->size > 0 ? P2P_KEEP_BYTES : 0; /* so that the head is kept */
    return p2p_feed_set_head(feed, kv, head, p2p_slice_of(NULL, 0));
}

/* Kept heads are at most a run apart; the one before a size is looked for in steps back. */
enum p2p_err p2p_feed_head_before(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                  uint64_t size, struct p2p_tree_head *head)
{
    for (uint64_t back = P2P_KEEP_RECORDS; size > 0; back *= 2) {
        uint64_t from = back < size ? size - back : 0;
        struct p2p_tree_head found = {.size = 0};
        struct p2p_tree_head best = {.size = 0};
        enum p2p_err err = P2P_OK;
        for (uint64_t at = from; err == P2P_OK && at < size; at = found.size + 1) {
            err = p2p_feed_head_from(feed, kv, at == 0 ? 1 : at, &found);
            if (err == P2P_OK && found.size < size) {
                best = found;
            }
            if (err == P2P_OK && found.size >= size) {
                break;
            }
        }
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        if (best.size > 0) {
            *head = best;
            return P2P_OK;
        }
        if (from == 0) {
            return P2P_NOTFOUND;
        }
    }
    return P2P_NOTFOUND;
}
