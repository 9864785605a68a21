#include <p2p/feed.h>

#include <p2p/assert.h>

#include <string.h>

/* States of a feed's tail within a batch:
 *
 *     none --append--> buffered --flush--> clean --append--> buffered
 *      ^                                     |
 *      +------------- end_batch -------------+
 *
 * buffered: the last pack (and level-0 hash group) in memory is newer than its rows in the
 * store; clean: both are equal; none: only the store knows them. */

enum { FORMAT = 1, PACK_HEADER_BYTES = 3, RECORD_KEY_BYTES = 12, HASH_KEY_BYTES = 13 };

struct p2p_feed_tail {
    uint8_t pack[P2P_PACK_BYTES_MAX];
    size_t pack_len;
    uint16_t count; /* leaves in the pack */
    uint64_t
        stored_last; /* last index of this pack's row in the store; UINT64_MAX: no row yet */
    uint8_t group[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES];
    size_t group_count;
    bool dirty;
};

static struct p2p_slice record_key(uint8_t out[RECORD_KEY_BYTES], uint32_t feed, uint64_t last)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, RECORD_KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u64(&key, last);
    return p2p_writer_slice(&key);
}

static struct p2p_slice hash_key(uint8_t out[HASH_KEY_BYTES], uint32_t feed, unsigned level,
                                 uint64_t group)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, HASH_KEY_BYTES);
    p2p_writer_u32(&key, feed);
    p2p_writer_u8(&key, (uint8_t)level);
    p2p_writer_u64(&key, group);
    return p2p_writer_slice(&key);
}

static struct p2p_slice feed_key(uint8_t out[4], uint32_t feed)
{
    struct p2p_writer key;
    p2p_writer_init(&key, out, 4);
    p2p_writer_u32(&key, feed);
    return p2p_writer_slice(&key);
}

/* ---- the pack as bytes ---- */

static enum p2p_err pack_next(struct p2p_reader *leaves, struct p2p_slice *leaf)
{
    uint16_t len = p2p_reader_u16(leaves);
    struct p2p_slice bytes = p2p_reader_bytes(leaves, len);
    if (leaves->failed || len == 0) {
        return P2P_CORRUPT;
    }
    *leaf = bytes;
    return P2P_OK;
}

/* Whether a row is a pack: as many leaves as it says, and nothing after the last. A wrong count
 * would otherwise shift every leaf to its neighbour's index. */
static enum p2p_err read_pack(struct p2p_slice value, struct p2p_reader *leaves,
                              uint16_t *count)
{
    struct p2p_slice leaf;
    p2p_reader_init(leaves, value);
    uint8_t format = p2p_reader_u8(leaves);
    *count = p2p_reader_u16(leaves);
    if (leaves->failed || format != FORMAT || *count == 0) {
        return P2P_CORRUPT;
    }
    struct p2p_reader ahead = *leaves;
    for (uint16_t i = 0; i < *count; i++) {
        enum p2p_err err = pack_next(&ahead, &leaf);
        if (err != P2P_OK) {
            return err;
        }
    }
    return p2p_reader_done(&ahead) ? P2P_OK : P2P_CORRUPT;
}

/* A pack's row: its leaves and where they stand. */
static enum p2p_err open_pack(struct p2p_slice key, struct p2p_slice value, uint32_t feed,
                              struct p2p_reader *leaves, uint64_t *first, uint64_t *end)
{
    struct p2p_reader in;
    uint16_t count;
    p2p_reader_init(&in, key);
    uint32_t key_feed = p2p_reader_u32(&in);
    uint64_t last = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in)) {
        return P2P_CORRUPT;
    }
    if (key_feed != feed) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = read_pack(value, leaves, &count);
    if (err != P2P_OK || count > last + 1) {
        return P2P_CORRUPT;
    }
    *first = last + 1 - count;
    *end = last + 1;
    return P2P_OK;
}

/* ---- state row ---- */

void p2p_feed_init(struct p2p_feed *feed, uint32_t number)
{
    *feed = (struct p2p_feed){.number = number};
    p2p_edge_init(&feed->edge);
}

enum p2p_err p2p_feed_load(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    uint8_t key[4];
    struct p2p_slice value;
    struct p2p_feed loaded;
    p2p_feed_init(&loaded, feed->number);
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_FEED, feed_key(key, feed->number), &value);
    if (err == P2P_NOTFOUND) {
        *feed = loaded;
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_reader in;
    p2p_reader_init(&in, value);
    uint8_t format = p2p_reader_u8(&in);
    uint8_t state = p2p_reader_u8(&in);
    loaded.kept_size = p2p_reader_u64(&in);
    loaded.since_kept_bytes = p2p_reader_u64(&in);
    loaded.edge.size = p2p_reader_u64(&in);
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        if (loaded.edge.size >> level & 1) {
            p2p_reader_copy(&in, loaded.edge.peaks[level].bytes, P2P_HASH_BYTES);
        }
    }
    p2p_reader_copy(&in, loaded.head.signature.bytes, P2P_SIGNATURE_BYTES);
    if (!p2p_reader_done(&in) || format != FORMAT || state > P2P_FEED_FORKED ||
        loaded.kept_size > loaded.edge.size) {
        return P2P_CORRUPT;
    }
    loaded.state = (enum p2p_feed_state)state;
    loaded.head.size = loaded.edge.size;
    loaded.head.root = p2p_edge_root(&loaded.edge);
    loaded.settled_size = loaded.edge.size;
    *feed = loaded;
    return P2P_OK;
}

static enum p2p_err store_state(const struct p2p_feed *feed, const struct p2p_kv *kv)
{
    uint8_t key[4];
    uint8_t value[2 + 3 * 8 + P2P_TREE_LEVELS_MAX * P2P_HASH_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
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
    return p2p_kv_put(kv, P2P_TABLE_FEED, feed_key(key, feed->number), p2p_writer_slice(&out));
}

/* ---- appending ---- */

static void start_pack(struct p2p_feed_tail *tail)
{
    tail->pack[0] = FORMAT;
    tail->pack_len = PACK_HEADER_BYTES;
    tail->count = 0;
    tail->stored_last = UINT64_MAX;
}

/* Continues the last pack of the store, if there is room in it. */
static enum p2p_err load_pack(struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_feed_tail *tail)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct p2p_slice value;
    start_pack(tail);
    if (feed->edge.size == 0) {
        return P2P_OK;
    }
    uint64_t last = feed->edge.size - 1;
    enum p2p_err err =
        p2p_kv_get(kv, P2P_TABLE_RECORD, record_key(key, feed->number, last), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    struct p2p_reader leaves;
    uint16_t count;
    err = read_pack(value, &leaves, &count);
    if (err != P2P_OK || count > feed->edge.size) {
        return P2P_CORRUPT;
    }
    if (value.len >= sizeof(tail->pack)) {
        return P2P_OK; /* full, or one large leaf of its own: begin the next */
    }
    memcpy(tail->pack, value.data, value.len);
    tail->pack_len = value.len;
    tail->count = count;
    tail->stored_last = last;
    return P2P_OK;
}

/* Whether a row of hashes is one, and holds count of them. */
static bool is_group(struct p2p_slice value, size_t count)
{
    return value.len == 1 + count * P2P_HASH_BYTES && value.data[0] == FORMAT;
}

static enum p2p_err load_group(struct p2p_feed *feed, const struct p2p_kv *kv,
                               struct p2p_feed_tail *tail)
{
    uint8_t key[HASH_KEY_BYTES];
    struct p2p_slice value;
    tail->group[0] = FORMAT;
    tail->group_count = feed->edge.size % P2P_GROUP_HASHES;
    if (tail->group_count == 0) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_kv_get(kv, P2P_TABLE_HASH,
                   hash_key(key, feed->number, 0, feed->edge.size / P2P_GROUP_HASHES), &value);
    if (err == P2P_NOTFOUND || (err == P2P_OK && !is_group(value, tail->group_count))) {
        return P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        memcpy(tail->group, value.data, value.len);
    }
    return err;
}

static enum p2p_err write_pack(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    struct p2p_feed_tail *tail = feed->tail;
    uint8_t key[RECORD_KEY_BYTES];
    if (tail->count == 0) {
        return P2P_OK;
    }
    uint64_t last = feed->edge.size - 1;
    if (tail->stored_last != UINT64_MAX && tail->stored_last != last) {
        enum p2p_err err =
            p2p_kv_del(kv, P2P_TABLE_RECORD, record_key(key, feed->number, tail->stored_last));
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
        }
    }
    tail->pack[1] = (uint8_t)(tail->count >> 8);
    tail->pack[2] = (uint8_t)tail->count;
    tail->stored_last = last;
    return p2p_kv_put(kv, P2P_TABLE_RECORD, record_key(key, feed->number, last),
                      p2p_slice_of(tail->pack, tail->pack_len));
}

static enum p2p_err write_group(struct p2p_feed *feed, const struct p2p_kv *kv, uint64_t group)
{
    uint8_t key[HASH_KEY_BYTES];
    struct p2p_feed_tail *tail = feed->tail;
    return p2p_kv_put(kv, P2P_TABLE_HASH, hash_key(key, feed->number, 0, group),
                      p2p_slice_of(tail->group, 1 + tail->group_count * P2P_HASH_BYTES));
}

/* A leaf too large for any pack stands alone in its row. */
static enum p2p_err write_alone(struct p2p_feed *feed, const struct p2p_kv *kv,
                                struct p2p_arena *arena, struct p2p_slice leaf)
{
    uint8_t key[RECORD_KEY_BYTES];
    uint8_t *value = p2p_arena_take(arena, PACK_HEADER_BYTES + 2 + leaf.len);
    if (value == NULL) {
        return P2P_NOMEM;
    }
    struct p2p_writer out;
    p2p_writer_init(&out, value, PACK_HEADER_BYTES + 2 + leaf.len);
    p2p_writer_u8(&out, FORMAT);
    p2p_writer_u16(&out, 1);
    p2p_writer_u16(&out, (uint16_t)leaf.len);
    p2p_writer_bytes(&out, leaf.data, leaf.len);
    return p2p_kv_put(kv, P2P_TABLE_RECORD, record_key(key, feed->number, feed->edge.size),
                      p2p_writer_slice(&out));
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
        start_pack(tail);
        if (PACK_HEADER_BYTES + 2 + leaf.len > sizeof(tail->pack)) {
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

/* Appends to a group of a level above 0, which fills 256 times more slowly. */
static enum p2p_err append_high(struct p2p_feed *feed, const struct p2p_kv *kv, unsigned level,
                                uint64_t index, const struct p2p_hash *hash)
{
    uint8_t key[HASH_KEY_BYTES];
    uint8_t value[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES] = {FORMAT};
    size_t at = (size_t)(index % P2P_GROUP_HASHES);
    struct p2p_slice name = hash_key(key, feed->number, level, index / P2P_GROUP_HASHES);
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
        enum p2p_err err = write_group(feed, kv, feed->edge.size / P2P_GROUP_HASHES);
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
    for (unsigned level = 8; level <= count; level += 8) {
        enum p2p_err err =
            append_high(feed, kv, level, (feed->edge.size >> level) - 1, &interior[level - 1]);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
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
        tail->dirty = false;
        err = load_pack(feed, kv, tail);
        if (err == P2P_OK) {
            err = load_group(feed, kv, tail);
        }
        if (err != P2P_OK) {
            return err;
        }
        feed->tail = tail;
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
    if (feed->tail == NULL || !feed->tail->dirty) {
        return P2P_OK;
    }
    enum p2p_err err = write_pack(feed, kv);
    if (err == P2P_OK && feed->tail->group_count > 0) {
        err = write_group(feed, kv, feed->edge.size / P2P_GROUP_HASHES);
    }
    if (err == P2P_OK) {
        feed->tail->dirty = false;
    }
    return err;
}

void p2p_feed_end_batch(struct p2p_feed *feed)
{
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    p2p_assert(feed->known == NULL);
    feed->tail = NULL;
}

/* ---- heads ---- */

static enum p2p_err keep_head(struct p2p_feed *feed, const struct p2p_kv *kv,
                              struct p2p_slice value)
{
    uint8_t key[RECORD_KEY_BYTES];
    feed->kept_size = feed->head.size;
    feed->since_kept_bytes = 0;
    return p2p_kv_put(kv, P2P_TABLE_CHECKPOINT, record_key(key, feed->number, feed->head.size),
                      value);
}

static enum p2p_err keep_tree_head(struct p2p_feed *feed, const struct p2p_kv *kv)
{
    uint8_t value[1 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, value, sizeof(value));
    p2p_writer_u8(&out, FORMAT);
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
    enum p2p_err err = p2p_feed_flush(feed, kv);
    if (err != P2P_OK) {
        return err;
    }
    feed->head = *head;
    if (note.len > 0) {
        err = keep_head(feed, kv, note);
    } else if (head->size - feed->kept_size >= P2P_KEEP_RECORDS ||
               feed->since_kept_bytes >= P2P_KEEP_BYTES) {
        err = keep_tree_head(feed, kv);
    }
    return err == P2P_OK ? store_state(feed, kv) : err;
}

enum p2p_err p2p_feed_set_state(struct p2p_feed *feed, const struct p2p_kv *kv,
                                enum p2p_feed_state state)
{
    feed->state = state;
    return store_state(feed, kv);
}

enum p2p_err p2p_feed_head_from(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                uint64_t size, struct p2p_tree_head *head)
{
    uint8_t key[RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    if (size > feed->head.size) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_CHECKPOINT,
                                   record_key(key, feed->number, size), &found, &value);
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
    if (!p2p_reader_done(&in) || format != FORMAT) {
        return P2P_CORRUPT;
    }
    *head = kept;
    return P2P_OK;
}

enum p2p_err p2p_feed_note(const struct p2p_kv *kv, uint32_t feed, uint64_t size,
                           struct p2p_slice *note)
{
    uint8_t key[RECORD_KEY_BYTES];
    return p2p_kv_get(kv, P2P_TABLE_CHECKPOINT, record_key(key, feed, size), note);
}

/* ---- reading ---- */

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
        enum p2p_err err = pack_next(leaves, &skipped);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

/* Opens the pack that holds walk->index: the batch's buffer or a row of the store. */
static enum p2p_err walk_open(struct p2p_feed_walk *walk)
{
    const struct p2p_feed *feed = walk->feed;
    const struct p2p_feed_tail *tail = feed->tail;
    uint8_t key[RECORD_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    uint64_t first = 0;
    if (tail != NULL && tail->count > 0 && walk->index >= feed->edge.size - tail->count) {
        p2p_reader_init(&walk->pack, p2p_slice_of(tail->pack + PACK_HEADER_BYTES,
                                                  tail->pack_len - PACK_HEADER_BYTES));
        walk->pack_end = feed->edge.size;
        return skip_to(&walk->pack, feed->edge.size - tail->count, walk->index);
    }
    enum p2p_err err = p2p_kv_seek(walk->kv, P2P_TABLE_RECORD,
                                   record_key(key, feed->number, walk->index), &found, &value);
    if (err == P2P_OK) {
        err = open_pack(found, value, feed->number, &walk->pack, &first, &walk->pack_end);
    }
    if (err == P2P_OK && first > walk->index) {
        err = P2P_CORRUPT;
    }
    if (err != P2P_OK) {
        walk->pack_end = 0;
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    return skip_to(&walk->pack, first, walk->index);
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
        err = pack_next(&walk->pack, leaf);
    }
    if (err == P2P_OK) {
        walk->index++;
    }
    return err;
}

static enum p2p_err stored_hash(const struct p2p_feed_hashes *source, unsigned level,
                                uint64_t index, struct p2p_hash *out)
{
    uint8_t key[HASH_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err =
        p2p_kv_get(source->kv, P2P_TABLE_HASH,
                   hash_key(key, source->feed, level, index / P2P_GROUP_HASHES), &value);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    size_t at = 1 + (size_t)(index % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
    if (value.len < at + P2P_HASH_BYTES || value.data[0] != FORMAT ||
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
    if (above == 0) {
        return stored_hash(source, level, index, out);
    }
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    uint64_t count = 1ull << above;
    for (uint64_t i = 0; i < count; i++) {
        struct p2p_hash hash;
        enum p2p_err err = stored_hash(source, level - above, (index << above) + i, &hash);
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
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    struct p2p_feed_hashes source = {.feed = feed->number, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    return p2p_tree_root_at(&reader, size, root);
}
