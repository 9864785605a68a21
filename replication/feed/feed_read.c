#include "feed_rows.h"
#include "lately.h"

#include <p2p/assert.h>

#include <string.h>

/* ---- leaves ---- */

static enum p2p_err pack_open(struct p2p_packs *packs, struct p2p_slice key,
                              struct p2p_slice value, uint32_t feed, uint64_t from,
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
    return p2p_packs_skip(packs, feed, last, leaves, count, from > *first ? from - *first : 0);
}

enum p2p_err p2p_feed_pack_open(struct p2p_slice key, struct p2p_slice value, uint32_t feed,
                                uint64_t from, struct p2p_reader *leaves, uint64_t *first,
                                uint64_t *end)
{
    return pack_open(NULL, key, value, feed, from, leaves, first, end);
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

/* Leaves that are in no pack yet: the batch's, or those of the state row. */
static enum p2p_err open_tail(struct p2p_feed_walk *walk)
{
    const struct p2p_feed *feed = walk->feed;
    const struct p2p_feed_tail *tail = feed->tail;
    struct p2p_feed_state_row row;
    if (tail != NULL) {
        row.count = tail->count;
        row.leaves = p2p_slice_of(tail->pack + FEED_PACK_HEADER_BYTES,
                                  tail->pack_len - FEED_PACK_HEADER_BYTES);
    } else {
        enum p2p_err err = p2p_feed_state_get(&row, feed->number, walk->kv);
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
    return p2p_packs_skip(p2p_lately_packs(feed->lately), feed->number,
                          feed->packed_size + row.count - 1, &walk->pack, row.count,
                          walk->index - feed->packed_size);
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
        err = pack_open(p2p_lately_packs(walk->feed->lately), found, value, walk->feed->number,
                        walk->index, &walk->pack, &first, &walk->pack_end);
    }
    bool misplaced = first > walk->index || walk->pack_end > walk->feed->packed_size;
    return err == P2P_OK && misplaced ? P2P_CORRUPT : err;
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

enum p2p_err p2p_feed_walk_to(struct p2p_feed_walk *walk, uint64_t index,
                              struct p2p_slice *leaf)
{
    if (index < walk->index || index >= walk->pack_end) {
        p2p_feed_walk_begin(walk, walk->feed, walk->kv, index);
    } else if (!p2p_feed_pack_pass(&walk->pack, index - walk->index)) {
        return P2P_CORRUPT;
    }
    walk->index = index;
    return p2p_feed_walk_next(walk, leaf);
}

/* ---- hashes ---- */

/* Leaves' hashes that are in no full group yet. */
static enum p2p_err tail_hashes(const struct p2p_feed_hashes *source, uint64_t index,
                                struct p2p_slice *out)
{
    struct p2p_feed_state_row row;
    enum p2p_err err = p2p_feed_state_get(&row, source->feed, source->kv);
    if (err != P2P_OK) {
        return err;
    }
    if (index / P2P_GROUP_HASHES != row.edge.size / P2P_GROUP_HASHES) {
        return P2P_CORRUPT;
    }
    *out = row.hashes;
    return P2P_OK;
}

/* The hashes stored from `index` of a level on, in one row: at least one, at most `most`.
 * Borrowed from the store. */
static enum p2p_err stored_hashes(const struct p2p_feed_hashes *source, unsigned level,
                                  uint64_t index, uint64_t most, struct p2p_slice *out)
{
    uint8_t key[FEED_HASH_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_get(
        source->kv, P2P_TABLE_HASH,
        p2p_feed_hash_key(key, source->feed, level, index / P2P_GROUP_HASHES), &value);
    if (err == P2P_NOTFOUND && level == 0) {
        err = tail_hashes(source, index, &value);
    } else if (err == P2P_OK && (value.len == 0 || value.data[0] != FEED_FORMAT)) {
        err = P2P_CORRUPT;
    } else if (err == P2P_OK) {
        value = p2p_slice_of(value.data + 1, value.len - 1);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    size_t at = (size_t)(index % P2P_GROUP_HASHES) * P2P_HASH_BYTES;
    if (value.len < at + P2P_HASH_BYTES || value.len % P2P_HASH_BYTES != 0) {
        return P2P_CORRUPT;
    }
    size_t left = value.len - at;
    *out = p2p_slice_of(value.data + at,
                        left / P2P_HASH_BYTES > most ? (size_t)most * P2P_HASH_BYTES : left);
    return P2P_OK;
}

enum p2p_err p2p_feed_hash_get(const struct p2p_feed_hashes *source, unsigned level,
                               uint64_t index, struct p2p_hash *out)
{
    struct p2p_slice hashes;
    enum p2p_err err = stored_hashes(source, level, index, 1, &hashes);
    if (err == P2P_OK) {
        memcpy(out->bytes, hashes.data, P2P_HASH_BYTES);
    }
    return err;
}

/* A subtree over stored hashes, `above` levels below it. */
static enum p2p_err fold_stored(const struct p2p_feed_hashes *source, unsigned level,
                                unsigned above, uint64_t index, struct p2p_hash *out)
{
    struct p2p_hash hashes[1u << FEED_LEVELS_APART];
    p2p_assert(above <= FEED_LEVELS_APART);
    uint64_t count = 1ull << above;
    for (uint64_t read = 0; read < count;) {
        struct p2p_slice stored;
        enum p2p_err err = stored_hashes(source, level - above, (index << above) + read,
                                         count - read, &stored);
        if (err != P2P_OK) {
            return err;
        }
        memcpy(hashes + read, stored.data, stored.len);
        read += stored.len / P2P_HASH_BYTES;
    }
    for (; count > 1; count /= 2) {
        for (uint64_t i = 0; i < count / 2; i++) {
            hashes[i] = p2p_node_hash(&hashes[2 * i], &hashes[2 * i + 1]);
        }
    }
    *out = hashes[0];
    return P2P_OK;
}

static enum p2p_err subtree_hash(void *context, unsigned level, uint64_t index,
                                 struct p2p_hash *out)
{
    const struct p2p_feed_hashes *source = context;
    unsigned above = level % FEED_LEVELS_APART;
    return above == 0 ? p2p_feed_hash_get(source, level, index, out)
                      : fold_stored(source, level, above, index, out);
}

enum p2p_err p2p_feed_hash_below(const struct p2p_feed_hashes *source, unsigned level,
                                 uint64_t index, struct p2p_hash *out)
{
    p2p_assert(level > 0 && level % FEED_LEVELS_APART == 0);
    return fold_stored(source, level, FEED_LEVELS_APART, index, out);
}

struct p2p_tree_reader p2p_feed_tree(struct p2p_feed_hashes *source)
{
    return (struct p2p_tree_reader){.hash = subtree_hash, .context = source};
}

/* The same of a feed whose edge is known: what is a peak of that is not computed again, nor
 * what was computed before. */
struct known_tree {
    struct p2p_feed_hashes source;
    const struct p2p_feed *feed;
};

enum { LEVELS_NOT_KEPT = 1 }; /* above a stored one: as soon computed as found */

static enum p2p_err known_hash(void *context, unsigned level, uint64_t index,
                               struct p2p_hash *out)
{
    struct known_tree *tree = context;
    const struct p2p_feed *feed = tree->feed;
    uint64_t subtrees = feed->edge.size >> level;
    struct p2p_hash left;
    struct p2p_hash right;
    if ((subtrees & 1) != 0 && index == subtrees - 1) {
        *out = feed->edge.peaks[level];
        return P2P_OK;
    }
    if (level % FEED_LEVELS_APART <= LEVELS_NOT_KEPT) {
        return subtree_hash(&tree->source, level, index, out);
    }
    const struct p2p_hash *kept =
        p2p_subtrees_find(p2p_lately_subtrees(feed->lately), feed->number, level, index);
    if (kept != NULL) {
        *out = *kept;
        return P2P_OK;
    }
    enum p2p_err err = known_hash(context, level - 1, 2 * index, &left); /* of few levels */
    if (err == P2P_OK) {
        err = known_hash(context, level - 1, 2 * index + 1, &right);
    }
    if (err == P2P_OK) {
        *out = p2p_node_hash(&left, &right);
        p2p_subtrees_keep(p2p_lately_subtrees(feed->lately), feed->number, level, index, out);
    }
    return err;
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

struct p2p_hash p2p_feed_root_held(const struct p2p_feed *feed)
{
    bool is_signed = feed->head.size == feed->edge.size && feed->edge.size > 0;
    return is_signed ? feed->head.root : p2p_edge_root(&feed->edge);
}

enum p2p_err p2p_feed_root_at(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              uint64_t size, struct p2p_hash *root)
{
    if (size > feed->edge.size) {
        return P2P_GAP;
    }
    if (size == feed->edge.size) {
        *root = p2p_feed_root_held(feed);
        return P2P_OK;
    }
    const struct p2p_hash *given = root_given(feed, size);
    if (given != NULL) {
        *root = *given;
        return P2P_OK;
    }
    p2p_assert(feed->tail == NULL || !feed->tail->dirty);
    struct known_tree tree = {.source = {.feed = feed->number, .kv = kv}, .feed = feed};
    const struct p2p_tree_reader reader = {.hash = known_hash, .context = &tree};
    return p2p_tree_root_at(&reader, size, root);
}
