/* Walks over what an archive holds of one feed: records, notes, payloads. */
#include "archive_parts.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <string.h>

/* Loads a listed file; one that is not there is a gap. */
static enum p2p_err load_listed(const struct p2p_archive *archive, const char *path,
                                struct p2p_archive_map *map, struct p2p_slice *bytes)
{
    enum p2p_err err = p2p_archive_load(archive, path, map, bytes);
    return err == P2P_NOTFOUND ? P2P_GAP : err;
}

/* How many records the bundle that holds an index has. */
static uint32_t bundle_width(uint64_t size, uint64_t number)
{
    uint64_t left = size - number * P2P_TILE_HASHES;
    return left < P2P_TILE_HASHES ? (uint32_t)left : P2P_TILE_HASHES;
}

/* ---- records ---- */

void p2p_archive_walk_begin(struct p2p_archive_walk *walk, const struct p2p_archive *archive,
                            size_t feed, uint64_t index)
{
    p2p_assert(feed < archive->feed_count);
    *walk = (struct p2p_archive_walk){.archive = archive, .feed = feed, .index = index};
}

void p2p_archive_walk_end(struct p2p_archive_walk *walk)
{
    p2p_archive_unload(&walk->map);
    *walk = (struct p2p_archive_walk){0};
}

static enum p2p_err take_record(struct p2p_reader *bundle, struct p2p_slice *leaf)
{
    *leaf = p2p_reader_bytes(bundle, p2p_reader_u16(bundle));
    return bundle->failed || leaf->len == 0 ? P2P_MALFORMED : P2P_OK;
}

/* Counts before the first record is given out: a bundle with one too few or too many would
 * shift the others. */
static enum p2p_err check_bundle(struct p2p_slice bytes, uint32_t width)
{
    struct p2p_reader bundle;
    enum p2p_err err = P2P_OK;
    p2p_reader_init(&bundle, bytes);
    for (uint32_t i = 0; i < width && err == P2P_OK; i++) {
        struct p2p_slice leaf;
        err = take_record(&bundle, &leaf);
    }
    return err == P2P_OK && !p2p_reader_done(&bundle) ? P2P_MALFORMED : err;
}

static enum p2p_err open_bundle(struct p2p_archive_walk *walk)
{
    const struct p2p_archive_feed *feed = &walk->archive->feeds[walk->feed];
    const uint64_t number = walk->index / P2P_TILE_HASHES;
    const struct p2p_archive_place place = {.type = P2P_PLACE_ENTRIES,
                                            .feed = p2p_slice_text(feed->name),
                                            .number = number,
                                            .width = bundle_width(feed->size, number)};
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    struct p2p_slice bytes;
    p2p_archive_path(path, &place);
    walk->bundle_end = 0;
    enum p2p_err err = load_listed(walk->archive, path, &walk->map, &bytes);
    if (err == P2P_OK) {
        err = check_bundle(bytes, place.width);
    }
    if (err != P2P_OK) {
        return err;
    }
    p2p_reader_init(&walk->rest, bytes);
    for (uint64_t i = number * P2P_TILE_HASHES; i < walk->index && err == P2P_OK; i++) {
        struct p2p_slice leaf;
        err = take_record(&walk->rest, &leaf);
    }
    walk->bundle_end = number * P2P_TILE_HASHES + place.width;
    return err;
}

enum p2p_err p2p_archive_walk_next(struct p2p_archive_walk *walk, struct p2p_slice *leaf)
{
    enum p2p_err err = P2P_OK;
    struct p2p_slice found;
    if (walk->index >= walk->archive->feeds[walk->feed].size) {
        return P2P_NOTFOUND;
    }
    if (walk->index >= walk->bundle_end) {
        err = open_bundle(walk);
    }
    if (err == P2P_OK) {
        err = take_record(&walk->rest, &found);
    }
    if (err == P2P_OK) {
        walk->index++;
        *leaf = found;
    }
    return err;
}

/* ---- notes ---- */

size_t p2p_archive_note_count(const struct p2p_archive *archive, size_t feed)
{
    p2p_assert(feed < archive->feed_count);
    return archive->feeds[feed].note_count;
}

enum p2p_err p2p_archive_note(const struct p2p_archive *archive, size_t feed, size_t i,
                              struct p2p_archive_map *map, struct p2p_archive_place *place,
                              struct p2p_slice *note)
{
    p2p_assert(feed < archive->feed_count);
    if (i >= archive->feeds[feed].note_count) {
        return P2P_NOTFOUND;
    }
    const char *path = archive->manifest.files[archive->feeds[feed].notes[i]].path;
    if (place != NULL) {
        enum p2p_err parsed = p2p_archive_path_parse(p2p_slice_text(path), place);
        p2p_assert(parsed == P2P_OK); /* it was when the archive was opened */
    }
    return load_listed(archive, path, map, note);
}

uint64_t p2p_archive_note_size(struct p2p_slice bytes)
{
    struct p2p_note note;
    struct p2p_checkpoint checkpoint;
    return p2p_note_parse(&note, bytes) == P2P_OK &&
                   p2p_checkpoint_parse(&checkpoint, note.text, true) == P2P_OK
               ? checkpoint.size
               : 0;
}

/* ---- payloads ---- */

enum p2p_payload_state p2p_archive_announced(const struct p2p_archive *archive, size_t feed,
                                             uint64_t index, uint32_t circle)
{
    const struct p2p_manifest *manifest = &archive->manifest;
    const char *name = archive->feeds[feed].name;
    const struct p2p_payload_range sought = {.feed = name, .circle = circle, .first = index};
    size_t low = 0;
    size_t high = manifest->range_count;
    while (low < high) { /* behind the last range that begins at or below the index */
        size_t middle = low + (high - low) / 2;
        if (p2p_manifest_compare_ranges(&manifest->ranges[middle], &sought) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const struct p2p_payload_range *range = low > 0 ? &manifest->ranges[low - 1] : NULL;
    if (range != NULL && range->last >= index && range->circle == circle &&
        strcmp(range->feed, name) == 0) {
        return range->state;
    }
    return P2P_PAYLOAD_UNANNOUNCED;
}

void p2p_payload_walk_begin(struct p2p_payload_walk *walk, const struct p2p_archive *archive,
                            size_t feed)
{
    p2p_assert(feed < archive->feed_count);
    *walk = (struct p2p_payload_walk){.archive = archive, .feed = feed};
}

void p2p_payload_walk_end(struct p2p_payload_walk *walk)
{
    p2p_archive_unload(&walk->map);
    *walk = (struct p2p_payload_walk){0};
}

/* One payload of a bundle: its place in it u8, length u16, bytes. */
static enum p2p_err take_payload(struct p2p_reader *bundle, unsigned *place,
                                 struct p2p_slice *salted)
{
    *place = p2p_reader_u8(bundle);
    *salted = p2p_reader_bytes(bundle, p2p_reader_u16(bundle));
    return bundle->failed ? P2P_MALFORMED : P2P_OK;
}

static enum p2p_err check_payloads(struct p2p_slice bytes, uint32_t width, uint32_t *count)
{
    struct p2p_reader bundle;
    unsigned least = 0;
    p2p_reader_init(&bundle, bytes);
    do {
        unsigned place;
        struct p2p_slice salted;
        if (take_payload(&bundle, &place, &salted) != P2P_OK || place < least ||
            place >= width) {
            return P2P_MALFORMED;
        }
        least = place + 1;
        ++*count;
    } while (p2p_reader_left(&bundle) > 0);
    return P2P_OK;
}

/* The index of the payload that rest begins with. */
static uint64_t payload_index(const struct p2p_payload_walk *walk)
{
    struct p2p_reader peek = walk->rest;
    if (p2p_reader_left(&peek) == 0) {
        return UINT64_MAX;
    }
    return walk->bundle * P2P_TILE_HASHES + p2p_reader_u8(&peek);
}

static void open_payloads(struct p2p_payload_walk *walk, uint64_t number)
{
    const struct p2p_archive_feed *feed = &walk->archive->feeds[walk->feed];
    const struct p2p_archive_place place = {.type = P2P_PLACE_PAYLOADS,
                                            .feed = p2p_slice_text(feed->name),
                                            .number = number,
                                            .width = bundle_width(feed->size, number)};
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    struct p2p_slice bytes = {0};
    p2p_archive_path(path, &place);
    walk->open = true;
    walk->bundle = number;
    walk->count = 0;
    walk->broken = P2P_OK;
    if (p2p_archive_file_at(walk->archive, path) != NULL) {
        walk->broken = load_listed(walk->archive, path, &walk->map, &bytes);
        if (walk->broken == P2P_OK) {
            walk->broken = check_payloads(bytes, place.width, &walk->count);
        }
    }
    p2p_reader_init(&walk->rest, walk->broken == P2P_OK ? bytes : (struct p2p_slice){0});
    walk->next = payload_index(walk);
}

enum p2p_err p2p_payload_walk_get(struct p2p_payload_walk *walk, uint64_t index,
                                  uint32_t circle, enum p2p_payload_state *state,
                                  struct p2p_slice *salted)
{
    const struct p2p_archive_feed *feed = &walk->archive->feeds[walk->feed];
    const uint64_t number = index / P2P_TILE_HASHES;
    if (index >= feed->size) {
        return P2P_NOTFOUND;
    }
    if (!walk->open || walk->bundle != number || index < walk->last) {
        open_payloads(walk, number);
    }
    walk->last = index;
    if (walk->broken != P2P_OK) {
        return walk->broken;
    }
    while (walk->next < index) {
        unsigned place;
        struct p2p_slice skipped;
        enum p2p_err err = take_payload(&walk->rest, &place, &skipped);
        p2p_assert(err == P2P_OK); /* it was checked when it was opened */
        walk->next = payload_index(walk);
    }
    if (walk->next == index) {
        unsigned place;
        struct p2p_reader peek = walk->rest;
        enum p2p_err err = take_payload(&peek, &place, salted);
        p2p_assert(err == P2P_OK);
        *state = P2P_PAYLOAD_HELD;
        return P2P_OK;
    }
    *salted = (struct p2p_slice){0};
    *state = p2p_archive_announced(walk->archive, walk->feed, index, circle);
    return P2P_OK;
}

enum p2p_err p2p_payload_walk_count(struct p2p_payload_walk *walk, uint64_t index,
                                    uint32_t *count)
{
    if (!walk->open || walk->bundle != index / P2P_TILE_HASHES) {
        open_payloads(walk, index / P2P_TILE_HASHES);
    }
    if (walk->broken == P2P_OK) {
        *count = walk->count;
    }
    return walk->broken;
}
