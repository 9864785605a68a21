/* An archive: the signed history as files that no node is needed to read.
 *
 *     DIR/manifest                           SHA-256, size and path of every file, sorted by
 * path; then the payload ranges withheld by circle, or erased DIR/<feed>/checkpoint the newest
 * signed note with its cosignatures DIR/<feed>/checkpoints/<size>          notes of older
 * checkpoints that ended a run or were cosigned; <size> in groups of three digits, as tiles
 *     DIR/<feed>/tile/<L>/<N>[.p/<W>]        C2SP tlog-tiles: hashes, 256 a tile
 *     DIR/<feed>/tile/entries/<N>[.p/<W>]    C2SP entry bundles: the records
 *     DIR/payloads/<feed>/...                salt and payload of private records, as held
 *     DIR/proofs/...                         forks and reused numbers, as `audit fork` writes
 * them
 *
 * <feed> is the feed's id with / as -: `beanr-1`, `charter-1`. A reader shares formats and
 * hashes with the node and nothing of its store. It trusts nothing: opening checks form (paths,
 * manifest, lengths), what the bytes mean is for the checks of verify.h. Files are mapped one
 * at a time, so that memory does not grow with the archive. Nothing here writes below DIR. */
#ifndef P2P_ARCHIVE_H
#define P2P_ARCHIVE_H

#include <p2p/alloc.h>
#include <p2p/base.h>
#include <p2p/charter.h>
#include <p2p/record.h>

#define P2P_ARCHIVE_PATH_BYTES_MAX 512u
#define P2P_ARCHIVE_FEEDS_MAX      P2P_FEEDS_MAX
#define P2P_TILE_HASHES            256u
#define P2P_TILE_PATH_BYTES_MAX    64u

/* ---- paths (C2SP tlog-tiles) ---- */

/* `tile/<L>/<N>[.p/<W>]`; level -1: entries. width 1 to 256. Returns the length. */
size_t p2p_tile_path(char out[P2P_TILE_PATH_BYTES_MAX], int level, uint64_t number,
                     uint32_t width);
/* The reverse, strict: P2P_MALFORMED for any other spelling. */
P2P_MUST_CHECK enum p2p_err p2p_tile_path_parse(struct p2p_slice path, int *level,
                                                uint64_t *number, uint32_t *width);

/* ---- reading ---- */

struct p2p_archive;

/* What the manifest says of one file. */
struct p2p_archive_file {
    const char *path;
    uint64_t size;
    struct p2p_hash hash;
};

/* Why the payload of a private record is not in the archive. */
enum p2p_payload_state {
    P2P_PAYLOAD_HELD,
    P2P_PAYLOAD_WITHHELD, /* of a circle the exporter is not in; the manifest announces it */
    P2P_PAYLOAD_ERASED,   /* the manifest announces it */
    P2P_PAYLOAD_MISSING   /* neither held nor announced: a finding */
};

/* Opens DIR and reads its manifest. message [out]: one sentence on error. P2P_NOTFOUND,
 * P2P_MALFORMED (of the manifest), P2P_IO, P2P_NOMEM. Files that the manifest lists and that
 * are not there, that are there and not listed, or differ are no error here: verify.h finds
 * them. */
P2P_MUST_CHECK enum p2p_err p2p_archive_open(struct p2p_archive **out, const char *dir,
                                             const struct p2p_alloc *alloc, char *message,
                                             size_t cap);
void p2p_archive_close(struct p2p_archive *archive); /* accepts NULL */

size_t p2p_archive_file_count(const struct p2p_archive *archive);
const struct p2p_archive_file *p2p_archive_file(const struct p2p_archive *archive, size_t i);
/* SHA-256 of the manifest: names the whole archive. */
struct p2p_hash p2p_archive_hash(const struct p2p_archive *archive);

/* Directory names of feeds, sorted; `charter-1` among them. */
size_t p2p_archive_feed_count(const struct p2p_archive *archive);
const char *p2p_archive_feed_name(const struct p2p_archive *archive, size_t feed);
/* Records that the entry bundles hold, from index 0 without a gap. */
uint64_t p2p_archive_feed_size(const struct p2p_archive *archive, size_t feed);

/* One file, mapped: bytes stay until the next load with this object or unload. */
struct p2p_archive_map {
    void *base;
    size_t len;
};
P2P_MUST_CHECK enum p2p_err p2p_archive_load(const struct p2p_archive *archive,
                                             const char *path, struct p2p_archive_map *map,
                                             struct p2p_slice *bytes);
void p2p_archive_unload(struct p2p_archive_map *map); /* accepts a zeroed object */

/* Walks the records of one feed from an index on. leaf: borrowed until the next step. */
struct p2p_archive_walk {
    const struct p2p_archive *archive;
    size_t feed;
    uint64_t index; /* of the record next returns */
    struct p2p_archive_map map;
    struct p2p_slice rest;
};
void p2p_archive_walk_begin(struct p2p_archive_walk *walk, const struct p2p_archive *archive,
                            size_t feed, uint64_t index);
/* P2P_NOTFOUND at the end; P2P_MALFORMED: the bundle is not what its name says. */
P2P_MUST_CHECK enum p2p_err p2p_archive_walk_next(struct p2p_archive_walk *walk,
                                                  struct p2p_slice *leaf);
void p2p_archive_walk_end(struct p2p_archive_walk *walk);

/* The archived notes of one feed by rising size, `checkpoint` last. P2P_NOTFOUND at the end. */
P2P_MUST_CHECK enum p2p_err p2p_archive_note(const struct p2p_archive *archive, size_t feed,
                                             size_t i, struct p2p_archive_map *map,
                                             struct p2p_slice *note);

/* Salt and payload of a private record, borrowed until the next call with this map. */
P2P_MUST_CHECK enum p2p_err p2p_archive_payload(const struct p2p_archive *archive, size_t feed,
                                                uint64_t index, struct p2p_archive_map *map,
                                                enum p2p_payload_state *state,
                                                struct p2p_slice *salted);

#endif
