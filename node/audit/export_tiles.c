/* Records as entry bundles, hashes as tiles, as C2SP tlog-tiles has them.
 *
 * Leaves are hashed here and not taken from the store, and the tree they make is compared with
 * the signed head: an archive never blames an owner for what a disk did. What an earlier export
 * wrote is taken over in whole bundles; the hashes above it come from the store then, and are
 * compared with the edge that goes on to the signed head. */
#include "export_parts.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define BUNDLE_BYTES_MAX ((size_t)P2P_TILE_HASHES * (2 + P2P_RECORD_BYTES_MAX))

/* The tile of one level that is being filled. */
struct level {
    uint64_t number;
    uint32_t count;
    struct p2p_hash hashes[P2P_TILE_HASHES];
};

struct tiles {
    struct p2p_export *export;
    const struct p2p_export_feed *feed;
    struct p2p_edge edge;
    struct level levels[P2P_TILE_LEVELS_MAX];
    uint8_t *bundle; /* grows to the largest one */
    size_t bundle_len;
    size_t bundle_cap;
};

/* ---- what is there already ---- */

static struct p2p_archive_place place_of(const struct tiles *tiles, int level, uint64_t number,
                                         uint32_t width)
{
    struct p2p_archive_place place = p2p_export_place(
        tiles->feed, level == P2P_TILE_ENTRIES ? P2P_PLACE_ENTRIES : P2P_PLACE_TILE);
    place.level = level;
    place.number = number;
    place.width = width;
    return place;
}

/* How many hashes a level has above so many leaves. */
static uint64_t hashes_at(uint64_t size, unsigned level)
{
    return level == 0 ? size : size >> (8 * level);
}

static bool has(const struct tiles *tiles, int level, uint64_t number)
{
    struct p2p_archive_place place = place_of(tiles, level, number, P2P_TILE_HASHES);
    return p2p_archive_writer_has(tiles->export->writer, &place);
}

/* Whether the last bundle's hashes are those of the feed as it is held: a forked feed may have
 * been cut back, and grown again, since it was written. */
static enum p2p_err same_history(const struct tiles *tiles, uint64_t bundles, bool *same)
{
    struct p2p_feed_hashes source = {.feed = tiles->feed->feed->number,
                                     .kv = tiles->export->options->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_hash hashes[P2P_TILE_HASHES];
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < P2P_TILE_HASHES && err == P2P_OK; i++) {
        err = reader.hash(reader.context, 0, (bundles - 1) * P2P_TILE_HASHES + i, &hashes[i]);
    }
    struct p2p_archive_place place = place_of(tiles, 0, bundles - 1, P2P_TILE_HASHES);
    *same =
        err == P2P_OK && p2p_archive_writer_is(tiles->export->writer, &place,
                                               p2p_slice_of(hashes[0].bytes, sizeof(hashes)));
    return err;
}

/* The records whose bundles and tiles an earlier export wrote, a multiple of 256. */
static enum p2p_err find_begin(const struct tiles *tiles, uint64_t *begin)
{
    uint64_t full = tiles->feed->feed->edge.size / P2P_TILE_HASHES;
    uint64_t bundles = 0;
    bool whole = true;
    while (bundles < full && has(tiles, P2P_TILE_ENTRIES, bundles) && has(tiles, 0, bundles)) {
        bundles++;
    }
    for (unsigned level = 1; level < P2P_TILE_LEVELS_MAX && whole; level++) {
        uint64_t count = hashes_at(bundles * P2P_TILE_HASHES, level) / P2P_TILE_HASHES;
        for (uint64_t i = 0; i < count && whole; i++) {
            whole = has(tiles, (int)level, i);
        }
    }
    *begin = 0;
    if (bundles > 0 && whole) {
        enum p2p_err err = same_history(tiles, bundles, &whole);
        *begin = whole ? bundles * P2P_TILE_HASHES : 0;
        return err;
    }
    return P2P_OK;
}

/* How many records an earlier export wrote, whole bundles and a partial one. */
static uint64_t count_there(const struct tiles *tiles, uint64_t begin)
{
    uint64_t size = tiles->feed->feed->edge.size;
    for (uint32_t width = P2P_TILE_HASHES - 1; width > 0; width--) {
        struct p2p_archive_place place =
            place_of(tiles, P2P_TILE_ENTRIES, begin / P2P_TILE_HASHES, width);
        if (begin + width <= size && p2p_archive_writer_has(tiles->export->writer, &place)) {
            return begin + width;
        }
    }
    return begin;
}

static bool keep(const struct tiles *tiles, int level, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct p2p_archive_place place = place_of(tiles, level, i, P2P_TILE_HASHES);
        if (!p2p_archive_writer_keep(tiles->export->writer, &place)) {
            return false;
        }
    }
    return true;
}

/* The hashes of a level that are in no full tile yet, as the store has them. They are good when
 * the subtrees they make are those of the edge, and the edge when it leads to the signed head.
 */
static enum p2p_err load_level(struct tiles *tiles, const struct p2p_tree_reader *reader,
                               unsigned level, uint64_t begin)
{
    struct level *into = &tiles->levels[level];
    uint64_t count = hashes_at(begin, level);
    struct p2p_edge above;
    enum p2p_err err = P2P_OK;
    p2p_edge_init(&above);
    into->number = count / P2P_TILE_HASHES;
    into->count = (uint32_t)(count % P2P_TILE_HASHES);
    for (uint32_t i = 0; i < into->count && err == P2P_OK; i++) {
        err = reader->hash(reader->context, 8 * level, into->number * P2P_TILE_HASHES + i,
                           &into->hashes[i]);
        if (err == P2P_OK) {
            p2p_edge_append(&above, &into->hashes[i], NULL);
        }
    }
    for (unsigned bit = 0; bit < 8 && err == P2P_OK; bit++) {
        if ((into->count >> bit & 1) != 0 &&
            !p2p_hash_equal(&above.peaks[bit], &tiles->edge.peaks[8 * level + bit])) {
            err = P2P_CORRUPT;
        }
    }
    return err;
}

static enum p2p_err begin_at(struct tiles *tiles, uint64_t begin)
{
    struct p2p_feed_hashes source = {.feed = tiles->feed->feed->number,
                                     .kv = tiles->export->options->kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    enum p2p_err err = p2p_tree_edge_at(&reader, begin, &tiles->edge);
    bool kept = keep(tiles, P2P_TILE_ENTRIES, begin / P2P_TILE_HASHES);
    for (unsigned level = 0; level < P2P_TILE_LEVELS_MAX && err == P2P_OK && kept; level++) {
        kept = keep(tiles, (int)level, hashes_at(begin, level) / P2P_TILE_HASHES);
        err = kept ? load_level(tiles, &reader, level, begin) : P2P_OK;
    }
    return err == P2P_OK && !kept ? P2P_NOMEM : err;
}

/* ---- what is new ---- */

static enum p2p_err put_tile(struct tiles *tiles, unsigned level)
{
    struct level *full = &tiles->levels[level];
    struct p2p_archive_place place = place_of(tiles, (int)level, full->number, full->count);
    enum p2p_err err = p2p_archive_writer_put(
        tiles->export->writer, &place,
        p2p_slice_of(full->hashes[0].bytes, full->count * (size_t)P2P_HASH_BYTES));
    full->number++;
    full->count = 0;
    return err;
}

static enum p2p_err put_bundle(struct tiles *tiles)
{
    uint64_t last = tiles->edge.size - 1;
    struct p2p_archive_place place = place_of(tiles, P2P_TILE_ENTRIES, last / P2P_TILE_HASHES,
                                              (uint32_t)(last % P2P_TILE_HASHES) + 1);
    enum p2p_err err = p2p_archive_writer_put(tiles->export->writer, &place,
                                              p2p_slice_of(tiles->bundle, tiles->bundle_len));
    tiles->bundle_len = 0;
    return err;
}

static enum p2p_err add_to_bundle(struct tiles *tiles, struct p2p_slice leaf)
{
    struct p2p_writer out;
    size_t need = tiles->bundle_len + 2 + leaf.len;
    if (leaf.len > UINT16_MAX) {
        return P2P_CORRUPT;
    }
    if (need > tiles->bundle_cap) {
        size_t cap = 2 * need < BUNDLE_BYTES_MAX ? 2 * need : BUNDLE_BYTES_MAX;
        cap = cap < need ? need : cap;
        uint8_t *grown = realloc(tiles->bundle, cap);
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        tiles->bundle = grown;
        tiles->bundle_cap = cap;
    }
    p2p_writer_init(&out, tiles->bundle + tiles->bundle_len, need - tiles->bundle_len);
    p2p_writer_u16(&out, (uint16_t)leaf.len);
    p2p_writer_bytes(&out, leaf.data, leaf.len);
    p2p_assert(!out.failed);
    tiles->bundle_len = need;
    return P2P_OK;
}

static enum p2p_err add_hash(struct tiles *tiles, unsigned level, const struct p2p_hash *hash)
{
    struct level *into = &tiles->levels[level];
    into->hashes[into->count++] = *hash;
    return into->count == P2P_TILE_HASHES ? put_tile(tiles, level) : P2P_OK;
}

static enum p2p_err add_leaf(struct tiles *tiles, struct p2p_slice leaf)
{
    struct p2p_hash completed[P2P_TREE_LEVELS_MAX];
    struct p2p_hash hash = p2p_leaf_hash(leaf);
    unsigned count = p2p_edge_append(&tiles->edge, &hash, completed);
    enum p2p_err err = add_to_bundle(tiles, leaf);
    if (err == P2P_OK) {
        err = add_hash(tiles, 0, &hash);
    }
    for (unsigned level = 1; 8 * level <= count && err == P2P_OK; level++) {
        err = add_hash(tiles, level, &completed[8 * level - 1]);
    }
    if (err == P2P_OK && tiles->edge.size % P2P_TILE_HASHES == 0) {
        err = put_bundle(tiles);
    }
    return err;
}

static enum p2p_err put_rest(struct tiles *tiles)
{
    enum p2p_err err = tiles->bundle_len > 0 ? put_bundle(tiles) : P2P_OK;
    for (unsigned level = 0; level < P2P_TILE_LEVELS_MAX && err == P2P_OK; level++) {
        if (tiles->levels[level].count > 0) {
            err = put_tile(tiles, level);
        }
    }
    return err;
}

/* The charter's head is what it folds to; any other feed's is signed. */
static struct p2p_hash root_due(const struct tiles *tiles)
{
    const struct p2p_feed *feed = tiles->feed->feed;
    return feed->number == P2P_CHARTER_FEED
               ? p2p_charter_root(tiles->export->options->ledger->charter)
               : feed->head.root;
}

static enum p2p_err add_leaves(struct tiles *tiles)
{
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    enum p2p_err err;
    p2p_feed_walk_begin(&walk, tiles->feed->feed, tiles->export->options->kv, tiles->edge.size);
    while ((err = p2p_feed_walk_next(&walk, &leaf)) == P2P_OK) {
        err = add_leaf(tiles, leaf);
        if (err != P2P_OK) {
            return err;
        }
        p2p_export_progress(tiles->export, 1);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err write_feed(struct tiles *tiles)
{
    uint64_t begin = 0;
    enum p2p_err err = find_begin(tiles, &begin);
    if (err == P2P_OK) {
        err = begin_at(tiles, begin);
    }
    if (err == P2P_OK) {
        tiles->export->result->added +=
            tiles->feed->feed->edge.size - count_there(tiles, begin);
        p2p_export_progress(tiles->export, begin);
        err = add_leaves(tiles);
    }
    if (err == P2P_OK) {
        struct p2p_hash root = p2p_edge_root(&tiles->edge);
        struct p2p_hash due = root_due(tiles);
        err = p2p_hash_equal(&root, &due) ? put_rest(tiles) : P2P_CORRUPT;
    }
    return err;
}

enum p2p_err p2p_export_tiles(struct p2p_export *self, const struct p2p_export_feed *feed)
{
    struct tiles *tiles = calloc(1, sizeof(*tiles));
    if (tiles == NULL) {
        return P2P_NOMEM;
    }
    tiles->export = self;
    tiles->feed = feed;
    enum p2p_err err = write_feed(tiles);
    free(tiles->bundle);
    free(tiles);
    return err == P2P_CORRUPT
               ? p2p_export_fail(self, err,
                                 "the records of %s that are stored do not lead to its signed "
                                 "head; see port2port doctor",
                                 feed->name)
               : err;
}
