#include "archive_parts.h"
#include "archive_writer.h"

#include <p2p/assert.h>
#include <p2p/hash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- files ---- */

size_t p2p_archive_file_count(const struct p2p_archive *archive)
{
    return archive->manifest.file_count;
}

const struct p2p_archive_file *p2p_archive_file(const struct p2p_archive *archive, size_t i)
{
    p2p_assert(i < archive->manifest.file_count);
    return &archive->manifest.files[i];
}

const struct p2p_archive_file *p2p_archive_file_at(const struct p2p_archive *archive,
                                                   const char *path)
{
    const struct p2p_archive_file sought = {.path = path};
    return bsearch(&sought, archive->manifest.files, archive->manifest.file_count,
                   sizeof(sought), p2p_manifest_compare_files);
}

size_t p2p_archive_range_count(const struct p2p_archive *archive)
{
    return archive->manifest.range_count;
}

const struct p2p_payload_range *p2p_archive_range(const struct p2p_archive *archive, size_t i)
{
    p2p_assert(i < archive->manifest.range_count);
    return &archive->manifest.ranges[i];
}

struct p2p_hash p2p_archive_hash(const struct p2p_archive *archive)
{
    return archive->hash;
}

const char *p2p_archive_exporter(const struct p2p_archive *archive)
{
    return archive->manifest.exporter;
}

struct p2p_hash p2p_archive_federation_id(const struct p2p_archive *archive)
{
    return archive->manifest.federation_id;
}

/* ---- feeds ---- */

size_t p2p_archive_feed_count(const struct p2p_archive *archive)
{
    return archive->feed_count;
}

const char *p2p_archive_feed_name(const struct p2p_archive *archive, size_t feed)
{
    p2p_assert(feed < archive->feed_count);
    return archive->feeds[feed].name;
}

uint64_t p2p_archive_feed_size(const struct p2p_archive *archive, size_t feed)
{
    p2p_assert(feed < archive->feed_count);
    return archive->feeds[feed].size;
}

static int compare_feeds(const void *left, const void *right)
{
    const struct p2p_archive_feed *a = left;
    const struct p2p_archive_feed *b = right;
    return strcmp(a->name, b->name);
}

enum p2p_err p2p_archive_feed_find(const struct p2p_archive *archive, const char *name,
                                   size_t *feed)
{
    for (size_t low = 0, high = archive->feed_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int by = strcmp(archive->feeds[middle].name, name);
        if (by == 0) {
            *feed = middle;
            return P2P_OK;
        }
        if (by < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return P2P_NOTFOUND;
}

/* The place a file has, when it is one of a feed. */
static bool place_of(const struct p2p_archive *archive, size_t file,
                     struct p2p_archive_place *place)
{
    return p2p_archive_path_parse(p2p_slice_text(archive->manifest.files[file].path), place) ==
               P2P_OK &&
           place->type != P2P_PLACE_PROOF;
}

/* Paths are sorted, so that the files of one feed that lie in one directory follow one another;
 * the directories themselves are sorted by their names and a slash, which is another order. */
static enum p2p_err gather_feeds(struct p2p_archive *archive)
{
    struct p2p_archive_place place;
    size_t cap = 0;
    for (size_t i = 0; i < archive->manifest.file_count; i++) {
        if (!place_of(archive, i, &place) || place.type == P2P_PLACE_PAYLOADS) {
            continue;
        }
        const struct p2p_archive_feed *last =
            archive->feed_count > 0 ? &archive->feeds[archive->feed_count - 1] : NULL;
        if (last != NULL && p2p_slice_equal(place.feed, p2p_slice_text(last->name))) {
            continue;
        }
        if (archive->feed_count == P2P_ARCHIVE_FEEDS_MAX) {
            return P2P_TOOLARGE;
        }
        if (archive->feed_count == cap) {
            cap = cap == 0 ? 16 : 2 * cap;
            struct p2p_archive_feed *grown =
                p2p_alloc_resize(archive->alloc, archive->feeds, cap, sizeof(*grown));
            if (grown == NULL) {
                return P2P_NOMEM;
            }
            archive->feeds = grown;
        }
        struct p2p_archive_feed *feed = &archive->feeds[archive->feed_count++];
        *feed = (struct p2p_archive_feed){.size = 0};
        memcpy(feed->name, place.feed.data, place.feed.len);
    }
    if (archive->feed_count > 0) {
        qsort(archive->feeds, archive->feed_count, sizeof(*archive->feeds), compare_feeds);
    }
    return P2P_OK;
}

static bool listed(const struct p2p_archive *archive, const char *feed, uint64_t number,
                   uint32_t width)
{
    char path[P2P_ARCHIVE_PATH_BYTES_MAX];
    const struct p2p_archive_place place = {.type = P2P_PLACE_ENTRIES,
                                            .feed = p2p_slice_text(feed),
                                            .number = number,
                                            .width = width};
    p2p_archive_path(path, &place);
    return p2p_archive_file_at(archive, path) != NULL;
}

static uint64_t size_of(const struct p2p_archive *archive, const char *feed)
{
    uint64_t full = 0;
    while (listed(archive, feed, full, P2P_TILE_HASHES)) {
        full++;
    }
    for (uint32_t width = P2P_TILE_HASHES - 1; width > 0; width--) {
        if (listed(archive, feed, full, width)) {
            return full * P2P_TILE_HASHES + width;
        }
    }
    return full * P2P_TILE_HASHES;
}

/* ---- notes ---- */

/* A note's place in the order, while it is sorted. */
struct note_order {
    size_t feed;
    uint64_t size; /* UINT64_MAX: `checkpoint` */
    uint64_t time_s;
    bool ends;
    size_t file;
};

static int compare_notes(const void *left, const void *right)
{
    const struct note_order *a = left;
    const struct note_order *b = right;
    if (a->feed != b->feed) {
        return a->feed < b->feed ? -1 : 1;
    }
    if (a->size != b->size) {
        return a->size < b->size ? -1 : 1;
    }
    if (a->time_s != b->time_s) {
        return a->time_s < b->time_s ? -1 : 1;
    }
    return (int)a->ends - (int)b->ends;
}

static bool note_order_of(const struct p2p_archive *archive, size_t file,
                          struct note_order *out)
{
    struct p2p_archive_place place;
    char name[P2P_ARCHIVE_FEED_BYTES_MAX] = "";
    if (!place_of(archive, file, &place) ||
        (place.type != P2P_PLACE_CHECKPOINT && place.type != P2P_PLACE_NOTE &&
         place.type != P2P_PLACE_HEARTBEAT)) {
        return false;
    }
    memcpy(name, place.feed.data, place.feed.len);
    *out = (struct note_order){.file = file, .size = place.size};
    if (place.type == P2P_PLACE_CHECKPOINT) {
        out->size = UINT64_MAX;
    } else if (place.type == P2P_PLACE_HEARTBEAT) {
        out->time_s = place.time_s + 1; /* behind the note of that size */
        out->ends = place.ends;
    }
    return p2p_archive_feed_find(archive, name, &out->feed) == P2P_OK;
}

static enum p2p_err gather_notes(struct p2p_archive *archive)
{
    size_t count = 0;
    struct note_order one;
    for (size_t i = 0; i < archive->manifest.file_count; i++) {
        count += note_order_of(archive, i, &one);
    }
    struct note_order *orders = p2p_alloc_zeroed(archive->alloc, count + 1, sizeof(*orders));
    size_t *files = p2p_alloc_zeroed(archive->alloc, count + 1, sizeof(*files));
    if (orders == NULL || files == NULL) {
        p2p_alloc_free(archive->alloc, orders);
        p2p_alloc_free(archive->alloc, files);
        return P2P_NOMEM;
    }
    archive->note_files = files;
    count = 0;
    for (size_t i = 0; i < archive->manifest.file_count; i++) {
        count += note_order_of(archive, i, &orders[count]);
    }
    qsort(orders, count, sizeof(*orders), compare_notes);
    for (size_t i = 0; i < count; i++) {
        struct p2p_archive_feed *feed = &archive->feeds[orders[i].feed];
        feed->notes = feed->note_count == 0 ? &files[i] : feed->notes;
        feed->note_count++;
        files[i] = orders[i].file;
    }
    p2p_alloc_free(archive->alloc, orders);
    return P2P_OK;
}

/* ---- opening ---- */

static enum p2p_err open_manifest(struct p2p_archive *archive, const char *dir, char *message,
                                  size_t cap)
{
    uint8_t *bytes = NULL;
    size_t room = 0;
    size_t len = 0;
    size_t line = 0;
    enum p2p_err err = p2p_archive_read_file(archive->dir_fd, P2P_MANIFEST_NAME,
                                             P2P_MANIFEST_BYTES_MAX, &bytes, &room, &len);
    archive->text = (char *)bytes;
    if (err != P2P_OK) {
        snprintf(message, cap, "%s/%s: %s", dir, P2P_MANIFEST_NAME,
                 err != P2P_NOTFOUND ? p2p_err_text(err)
                 : faccessat(archive->dir_fd, P2P_JOURNAL_NAME, F_OK, 0) == 0
                     ? "not there, its export did not end; audit export into it goes on"
                     : "not there; is this an archive?");
        return err;
    }
    archive->hash = p2p_sha256(p2p_slice_of(bytes, len));
    err = p2p_manifest_parse(&archive->manifest, archive->alloc, archive->text, len, &line);
    if (err != P2P_OK) {
        snprintf(message, cap, "%s/%s, line %zu: %s", dir, P2P_MANIFEST_NAME, line,
                 p2p_err_text(err));
    }
    return err;
}

enum p2p_err p2p_archive_open(struct p2p_archive **out, const char *dir,
                              const struct p2p_alloc *alloc, char *message, size_t cap)
{
    struct p2p_archive *archive = p2p_alloc_zeroed(alloc, 1, sizeof(*archive));
    if (archive == NULL) {
        snprintf(message, cap, "%s", p2p_err_text(P2P_NOMEM));
        return P2P_NOMEM;
    }
    archive->alloc = alloc;
    archive->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (archive->dir_fd < 0) {
        enum p2p_err err = errno == ENOENT || errno == ENOTDIR ? P2P_NOTFOUND : P2P_IO;
        snprintf(message, cap, "%s: %s", dir, strerror(errno));
        p2p_archive_close(archive);
        return err;
    }
    enum p2p_err err = open_manifest(archive, dir, message, cap);
    if (err == P2P_OK) {
        err = gather_feeds(archive);
        for (size_t i = 0; i < archive->feed_count && err == P2P_OK; i++) {
            archive->feeds[i].size = size_of(archive, archive->feeds[i].name);
        }
        if (err == P2P_OK) {
            err = gather_notes(archive);
        }
        if (err != P2P_OK) {
            snprintf(message, cap, "%s: %s", dir, p2p_err_text(err));
        }
    }
    if (err != P2P_OK) {
        p2p_archive_close(archive);
        return err;
    }
    *out = archive;
    return P2P_OK;
}

void p2p_archive_close(struct p2p_archive *archive)
{
    if (archive == NULL) {
        return;
    }
    const struct p2p_alloc *alloc = archive->alloc;
    if (archive->dir_fd >= 0) {
        close(archive->dir_fd);
    }
    p2p_manifest_deinit(&archive->manifest);
    p2p_alloc_free(alloc, archive->note_files);
    p2p_alloc_free(alloc, archive->feeds);
    free(archive->text);
    p2p_alloc_free(alloc, archive);
}
