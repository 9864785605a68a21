#include "feed_mend.h"

#include "feed_rows.h"
#include "lately.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- packs ---- */

/* Leaves that will stand in rows of their own again, in order. */
struct repack {
    struct p2p_slice *leaves;
    size_t count, cap;
    uint64_t first; /* index of the first */
};

static enum p2p_err add_leaf(struct repack *repack, struct p2p_arena *arena,
                             struct p2p_slice leaf)
{
    if (repack->count == repack->cap) {
        size_t cap = repack->cap == 0 ? 256 : 2 * repack->cap;
        struct p2p_slice *grown = p2p_arena_take(arena, cap * sizeof(*grown));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        if (repack->count > 0) {
            memcpy(grown, repack->leaves, repack->count * sizeof(*grown));
        }
        repack->leaves = grown;
        repack->cap = cap;
    }
    repack->leaves[repack->count++] = leaf;
    return P2P_OK;
}

/* Copies of the leaves [from, to) of a row that begins at `at`. */
static enum p2p_err keep_leaves(struct repack *repack, struct p2p_arena *arena,
                                struct p2p_reader row, uint64_t at, uint64_t from, uint64_t to)
{
    enum p2p_err err = P2P_OK;
    for (; at < to && err == P2P_OK; at++) {
        struct p2p_slice leaf;
        err = p2p_feed_pack_next(&row, &leaf);
        if (err == P2P_OK && at >= from) {
            struct p2p_slice copy = p2p_arena_copy(arena, leaf);
            err = copy.data == NULL ? P2P_NOMEM : add_leaf(repack, arena, copy);
        }
    }
    return err;
}

/* Takes the rows that hold any of [first, end) out of the store, keeping what they hold
 * besides. behind [out]: the leaves after end that could be kept. */
static enum p2p_err take_rows(struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_arena *arena, uint64_t first, uint64_t end,
                              struct repack *before, struct repack *behind)
{
    uint64_t at = first; /* where the next row begins */
    while (at < end) {
        uint8_t key[FEED_RECORD_KEY_BYTES];
        uint8_t copy[FEED_RECORD_KEY_BYTES];
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_reader row;
        struct p2p_reader in;
        uint64_t row_first = 0;
        uint64_t row_end = 0;
        enum p2p_err err = p2p_kv_seek(
            kv, P2P_TABLE_RECORD, p2p_feed_record_key(key, feed->number, at), &found, &value);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        p2p_reader_init(&in, found);
        uint32_t number = p2p_reader_u32(&in);
        uint64_t last = p2p_reader_u64(&in);
        if (!p2p_reader_done(&in) || number != feed->number) {
            return P2P_OK; /* gone: nothing of this feed stands behind */
        }
        memcpy(copy, found.data, sizeof(copy));
        err = p2p_feed_pack_open(found, value, feed->number, 0, &row, &row_first, &row_end);
        if (err == P2P_OK && row_first >= end) {
            return P2P_OK; /* the rows between are gone */
        }
        if (err == P2P_OK && row_first < first) {
            before->first = row_first;
            err = keep_leaves(before, arena, row, row_first, row_first, first);
        }
        if (err == P2P_OK && row_end > end) {
            err = keep_leaves(behind, arena, row, row_first, end, row_end);
        }
        if (err == P2P_OK || err == P2P_CORRUPT) {
            err = p2p_kv_del(kv, P2P_TABLE_RECORD, p2p_slice_of(copy, sizeof(copy)));
        }
        if (err != P2P_OK) {
            return err;
        }
        at = last + 1;
    }
    return P2P_OK;
}

static enum p2p_err put_rows(struct p2p_feed *feed, const struct p2p_kv *kv,
                             struct p2p_arena *arena, const struct repack *repack)
{
    size_t cap = FEED_PACK_HEADER_BYTES + 2 + P2P_RECORD_BYTES_MAX;
    uint8_t *row = p2p_arena_take(arena, cap);
    size_t done = 0;
    if (row == NULL) {
        return P2P_NOMEM;
    }
    while (done < repack->count) {
        uint8_t key[FEED_RECORD_KEY_BYTES];
        struct p2p_writer out;
        uint16_t count = 0;
        p2p_writer_init(&out, row, cap);
        p2p_writer_u8(&out, FEED_FORMAT);
        p2p_writer_u16(&out, 0);
        while (done + count < repack->count && count < UINT16_MAX) {
            struct p2p_slice leaf = repack->leaves[done + count];
            if (count > 0 && out.len + 2 + leaf.len > P2P_PACK_BYTES_MAX) {
                break;
            }
            p2p_writer_u16(&out, (uint16_t)leaf.len);
            p2p_writer_bytes(&out, leaf.data, leaf.len);
            count++;
        }
        done += count;
        p2p_assert(!out.failed);
        row[1] = (uint8_t)(count >> 8);
        row[2] = (uint8_t)count;
        enum p2p_err err =
            p2p_kv_put(kv, P2P_TABLE_RECORD,
                       p2p_feed_record_key(key, feed->number, repack->first + done - 1),
                       p2p_writer_slice(&out));
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

static enum p2p_err mend_packs(struct p2p_feed *feed, const struct p2p_kv *kv,
                               struct p2p_arena *arena, uint64_t first,
                               const struct p2p_slice *leaves, size_t count)
{
    struct repack repack = {.first = first};
    struct repack behind = {.count = 0};
    enum p2p_err err = take_rows(feed, kv, arena, first, first + count, &repack, &behind);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = add_leaf(&repack, arena, leaves[i]);
    }
    for (size_t i = 0; i < behind.count && err == P2P_OK; i++) {
        err = add_leaf(&repack, arena, behind.leaves[i]);
    }
    return err == P2P_OK ? put_rows(feed, kv, arena, &repack) : err;
}

/* ---- the state row ---- */

static enum p2p_err leaf_hash_at(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                 uint64_t index, struct p2p_hash *out)
{
    struct p2p_slice leaf;
    enum p2p_err err = p2p_feed_leaf(feed, kv, index, &leaf);
    if (err == P2P_OK) {
        *out = p2p_leaf_hash(leaf);
    }
    return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
}

/* The leaves of the tail: those given, and for the rest what the row has. */
static enum p2p_err fill_leaves(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                struct p2p_feed_tail *tail, uint64_t first,
                                const struct p2p_slice *leaves, size_t count)
{
    struct p2p_feed_state_row row = {.count = 0};
    struct p2p_reader held;
    enum p2p_err err = p2p_feed_state_get(&row, feed->number, kv);
    bool readable = err == P2P_OK && row.edge.size == feed->edge.size &&
                    row.edge.size - row.count == feed->packed_size &&
                    p2p_feed_pack_check(row.leaves, row.count) == P2P_OK;
    struct p2p_writer out;
    p2p_writer_init(&out, tail->pack, sizeof(tail->pack));
    p2p_writer_u8(&out, FEED_FORMAT);
    p2p_writer_u16(&out, 0);
    p2p_reader_init(&held, readable ? row.leaves : (struct p2p_slice){0});
    tail->count = 0;
    for (uint64_t i = feed->packed_size; i < feed->edge.size; i++) {
        struct p2p_slice leaf = {0};
        bool has = readable && p2p_feed_pack_next(&held, &leaf) == P2P_OK;
        if (i >= first && i - first < count) {
            leaf = leaves[i - first];
        } else if (!has) {
            return P2P_CORRUPT;
        }
        p2p_writer_u16(&out, (uint16_t)leaf.len);
        p2p_writer_bytes(&out, leaf.data, leaf.len);
        tail->count++;
    }
    tail->pack_len = out.len;
    return out.failed ? P2P_CORRUPT : P2P_OK;
}

/* Writes the state row anew from memory, with its tail from these leaves and what is held. */
static enum p2p_err mend_tail(struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_arena *arena, uint64_t first,
                              const struct p2p_slice *leaves, size_t count)
{
    struct p2p_feed_tail *tail = p2p_arena_take(arena, sizeof(*tail));
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    if (tail == NULL) {
        return P2P_NOMEM;
    }
    feed->tail = NULL; /* the row says the same, or is to be mended */
    enum p2p_err err = fill_leaves(feed, kv, tail, first, leaves, count);
    if (err != P2P_OK) {
        return err;
    }
    tail->group[0] = FEED_FORMAT;
    tail->group_count = 0;
    tail->dirty = false;
    p2p_feed_take_tail(feed, tail); /* its leaves are read from here */
    for (uint64_t i = feed->edge.size - feed->edge.size % P2P_GROUP_HASHES;
         i < feed->edge.size && err == P2P_OK; i++) {
        struct p2p_hash hash;
        err = leaf_hash_at(feed, kv, i, &hash);
        if (err == P2P_OK) {
            memcpy(tail->group + 1 + tail->group_count++ * P2P_HASH_BYTES, hash.bytes,
                   P2P_HASH_BYTES);
        }
    }
    if (err == P2P_OK) {
        err = p2p_feed_state_put(feed, kv);
    }
    if (err != P2P_OK) {
        feed->tail = NULL;
    }
    return err;
}

enum p2p_err p2p_feed_mend_leaves(struct p2p_feed *feed, const struct p2p_kv *kv,
                                  struct p2p_arena *arena, uint64_t first,
                                  const struct p2p_slice *leaves, size_t count)
{
    p2p_assert(first + count <= feed->edge.size);
    enum p2p_err err = P2P_OK;
    uint64_t end = first + count;
    if (first < feed->packed_size) {
        uint64_t packed_end = end < feed->packed_size ? end : feed->packed_size;
        err = mend_packs(feed, kv, arena, first, leaves, (size_t)(packed_end - first));
    }
    if (err == P2P_OK && end > feed->packed_size) {
        err = mend_tail(feed, kv, arena, first, leaves, count);
    }
    p2p_lately_forget(feed->lately);
    return err;
}

/* ---- hashes ---- */

/* What stored hashes should be, one after the other: of leaves, or of the stored level below.
 */
struct right_hashes {
    struct p2p_feed_hashes source;
    struct p2p_feed_walk walk;
    unsigned level;
    uint64_t index;
};

static void right_begin(struct right_hashes *right, const struct p2p_feed *feed,
                        const struct p2p_kv *kv, unsigned level, uint64_t index)
{
    *right = (struct right_hashes){
        .source = {.feed = feed->number, .kv = kv}, .level = level, .index = index};
    p2p_feed_walk_begin(&right->walk, feed, kv, index);
}

static enum p2p_err right_next(struct right_hashes *right, struct p2p_hash *out)
{
    struct p2p_slice leaf;
    enum p2p_err err = right->level == 0 ? p2p_feed_walk_next(&right->walk, &leaf)
                                         : p2p_feed_hash_below(&right->source, right->level,
                                                               right->index, out);
    if (err == P2P_OK && right->level == 0) {
        *out = p2p_leaf_hash(leaf);
    }
    right->index++;
    return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
}

/* Writes a row of hashes anew as a whole: it cannot be read. */
static enum p2p_err rebuild_group(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                  unsigned level, uint64_t group, size_t count)
{
    uint8_t key[FEED_HASH_KEY_BYTES];
    uint8_t value[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES] = {FEED_FORMAT};
    struct right_hashes right;
    right_begin(&right, feed, kv, level, group * P2P_GROUP_HASHES);
    for (size_t i = 0; i < count; i++) {
        struct p2p_hash hash;
        enum p2p_err err = right_next(&right, &hash);
        if (err != P2P_OK) {
            return err;
        }
        memcpy(value + 1 + i * P2P_HASH_BYTES, hash.bytes, P2P_HASH_BYTES);
    }
    return p2p_kv_put(kv, P2P_TABLE_HASH, p2p_feed_hash_key(key, feed->number, level, group),
                      p2p_slice_of(value, 1 + count * P2P_HASH_BYTES));
}

/* The hashes [from, to) of one level that stand in one row. */
static enum p2p_err mend_group(const struct p2p_feed *feed, const struct p2p_kv *kv,
                               unsigned level, uint64_t group, uint64_t from, uint64_t to,
                               size_t count, size_t *mended)
{
    uint8_t key[FEED_HASH_KEY_BYTES];
    uint8_t value[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES];
    struct p2p_slice name = p2p_feed_hash_key(key, feed->number, level, group);
    struct p2p_slice held;
    struct right_hashes right;
    size_t differ = 0;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_HASH, name, &held);
    if (err == P2P_NOTFOUND || (err == P2P_OK && (held.len != 1 + count * P2P_HASH_BYTES ||
                                                  held.data[0] != FEED_FORMAT))) {
        (*mended)++;
        return rebuild_group(feed, kv, level, group, count);
    }
    if (err != P2P_OK) {
        return err;
    }
    memcpy(value, held.data, held.len);
    right_begin(&right, feed, kv, level, from);
    for (uint64_t i = from; i < to && err == P2P_OK; i++) {
        struct p2p_hash hash;
        uint8_t *at = value + 1 + (size_t)(i % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
        err = right_next(&right, &hash);
        if (err == P2P_OK && memcmp(at, hash.bytes, P2P_HASH_BYTES) != 0) {
            memcpy(at, hash.bytes, P2P_HASH_BYTES);
            differ++;
        }
    }
    *mended += differ;
    return err != P2P_OK || differ == 0
               ? err
               : p2p_kv_put(kv, P2P_TABLE_HASH, name,
                            p2p_slice_of(value, 1 + count * P2P_HASH_BYTES));
}

/* Those that fill no row yet stand in the state row. */
static enum p2p_err mend_newest(struct p2p_feed *feed, const struct p2p_kv *kv,
                                struct p2p_arena *arena, uint64_t from, uint64_t to,
                                size_t *mended)
{
    const struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
    struct right_hashes right;
    size_t differ = 0;
    enum p2p_err err = P2P_OK;
    right_begin(&right, feed, kv, 0, from);
    for (uint64_t i = from; i < to && err == P2P_OK; i++) {
        struct p2p_hash hash;
        struct p2p_hash held;
        err = right_next(&right, &hash);
        if (err == P2P_OK) {
            err = p2p_feed_hash_get(&source, 0, i, &held);
            differ += err == P2P_CORRUPT || (err == P2P_OK && !p2p_hash_equal(&hash, &held));
            err = err == P2P_CORRUPT ? P2P_OK : err;
        }
    }
    *mended += differ;
    return err == P2P_OK && differ > 0 ? mend_tail(feed, kv, arena, 0, NULL, 0) : err;
}

enum p2p_err p2p_feed_mend_hashes(struct p2p_feed *feed, const struct p2p_kv *kv,
                                  struct p2p_arena *arena, uint64_t from, uint64_t to,
                                  size_t *mended)
{
    enum p2p_err err = P2P_OK;
    *mended = 0;
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX && err == P2P_OK;
         level += FEED_LEVELS_APART) {
        uint64_t stored = feed->edge.size >> level;
        uint64_t in_rows = level == 0 ? stored - stored % P2P_GROUP_HASHES : stored;
        uint64_t begin = from >> level;
        uint64_t end = to >> level;
        if (stored == 0) {
            break;
        }
        while (begin < end && begin < in_rows && err == P2P_OK) {
            uint64_t group = begin / P2P_GROUP_HASHES;
            uint64_t group_end = (group + 1) * P2P_GROUP_HASHES;
            uint64_t stop = end < group_end ? end : group_end;
            uint64_t count =
                in_rows < group_end ? in_rows % P2P_GROUP_HASHES : P2P_GROUP_HASHES;
            err = mend_group(feed, kv, level, group, begin, stop, (size_t)count, mended);
            begin = stop;
        }
        if (level == 0 && err == P2P_OK && end > in_rows) {
            err = mend_newest(feed, kv, arena, begin > in_rows ? begin : in_rows, end, mended);
        }
    }
    if (*mended > 0 || err != P2P_OK) {
        p2p_lately_forget(feed->lately);
    }
    return err;
}

/* ---- heads ---- */

enum p2p_err p2p_feed_mend_head(struct p2p_feed *feed, const struct p2p_kv *kv, uint64_t size,
                                const struct p2p_tree_head *head)
{
    uint8_t key[FEED_RECORD_KEY_BYTES];
    struct p2p_slice name = p2p_feed_record_key(key, feed->number, size);
    if (head == NULL) {
        enum p2p_err err = p2p_kv_del(kv, P2P_TABLE_CHECKPOINT, name);
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    uint8_t value[1 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_writer out;
    p2p_assert(head->size == size && size < feed->edge.size);
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FEED_FORMAT);
    p2p_writer_bytes(&out, head->root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(&out, head->signature.bytes, P2P_SIGNATURE_BYTES);
    return p2p_kv_put(kv, P2P_TABLE_CHECKPOINT, name, p2p_writer_slice(&out));
}
