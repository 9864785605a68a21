/* An archive: the signed history as files that no node is needed to read.
 *
 *     DIR/manifest                            what there is: see manifest below and ARCHIVE.md
 *     DIR/<feed>/checkpoint                   the newest head as a signed note
 *     DIR/<feed>/checkpoints/<size>           notes of heads that ended a run or were cosigned
 *     DIR/<feed>/checkpoints/<size>.h/<time>  a heartbeat that begins a stretch without
 * silence: that head, cosigned by its owner DIR/<feed>/checkpoints/<size>.e/<time>  the last
 * one of the stretch, if it is another DIR/<feed>/tile/<L>/<N>[.p/<W>]         C2SP tlog-tiles:
 * hashes, 256 a tile DIR/<feed>/tile/entries/<N>[.p/<W>]     C2SP entry bundles: the records
 *     DIR/payloads/<feed>/<N>[.p/<W>]         salt and payload of private records, as held
 *     DIR/proofs/<name>                       forks and reused numbers, as `audit fork` writes
 *
 * <feed> is the feed's id with / as -: `beanr-1`, `charter-1`. <size> and <N> are numbers in
 * groups of three digits, as tiles have them. Byte for byte: node/audit/ARCHIVE.md.
 *
 * A reader shares formats and hashes with the node and nothing of its store. It trusts nothing:
 * opening checks the form of the manifest, what bytes mean is for the checks of the audit.
 * Files are read one at a time, so that memory grows with the number of files only. Nothing
 * here writes below DIR. An open archive may be read by several threads, each with maps and
 * walks of its own. */
#ifndef P2P_ARCHIVE_H
#define P2P_ARCHIVE_H

#include <p2p/alloc.h>
#include <p2p/base.h>
#include <p2p/bytes.h>
#include <p2p/charter.h>
#include <p2p/record.h>

#define P2P_ARCHIVE_PATH_BYTES_MAX 256u /* below DIR, with its terminator */
#define P2P_ARCHIVE_FEEDS_MAX      P2P_FEEDS_MAX
#define P2P_ARCHIVE_FEED_BYTES_MAX 64u /* of a directory's name, with its terminator */
#define P2P_TILE_HASHES            256u
#define P2P_TILE_BYTES_MAX         (P2P_TILE_HASHES * P2P_HASH_BYTES)
#define P2P_TILE_LEVELS_MAX        8u
#define P2P_TILE_PATH_BYTES_MAX    64u
#define P2P_TILE_ENTRIES           (-1) /* the level of entry bundles */
/* Any file but the manifest: a bundle of 256 records of 65,535 bytes is not quite half. */
#define P2P_ARCHIVE_FILE_BYTES_MAX ((size_t)40 << 20)
#define P2P_MANIFEST_BYTES_MAX     ((size_t)256 << 20)
#define P2P_MANIFEST_RANGES_MAX    (1u << 20)

/* ---- paths ---- */

/* `tile/<L>/<N>[.p/<W>]`; level P2P_TILE_ENTRIES: entries. width 1 to 256. Terminated; returns
 * the length. */
size_t p2p_tile_path(char out[P2P_TILE_PATH_BYTES_MAX], int level, uint64_t number,
                     uint32_t width);
/* The reverse, strict: P2P_MALFORMED for any other spelling. */
P2P_MUST_CHECK enum p2p_err p2p_tile_path_parse(struct p2p_slice path, int *level,
                                                uint64_t *number, uint32_t *width);

enum p2p_place_type {
    P2P_PLACE_CHECKPOINT, /* feed */
    P2P_PLACE_NOTE,       /* feed, size */
    P2P_PLACE_HEARTBEAT,  /* feed, size, time_s, ends */
    P2P_PLACE_TILE,       /* feed, level, number, width */
    P2P_PLACE_ENTRIES,    /* feed, number, width */
    P2P_PLACE_PAYLOADS,   /* feed, number, width */
    P2P_PLACE_PROOF,      /* name */
};

/* What stands at a path of the archive. */
struct p2p_archive_place {
    enum p2p_place_type type;
    struct p2p_slice feed; /* the directory's name */
    int level;
    uint64_t number;
    uint32_t width;
    uint64_t size;
    uint64_t time_s;
    bool ends; /* a stretch that an earlier heartbeat began */
    struct p2p_slice name;
};

/* Terminated; returns the length. */
size_t p2p_archive_path(char out[P2P_ARCHIVE_PATH_BYTES_MAX],
                        const struct p2p_archive_place *place);
/* The reverse, strict; borrows path. P2P_MALFORMED: nothing of an archive stands there. */
P2P_MUST_CHECK enum p2p_err p2p_archive_path_parse(struct p2p_slice path,
                                                   struct p2p_archive_place *place);
/* `beanr-1` from `beanr/1`, or from the origin `<federation>/beanr/1`. Returns the length, 0
 * when it is neither. */
size_t p2p_archive_feed_dir(char out[P2P_ARCHIVE_FEED_BYTES_MAX], struct p2p_slice feed);

/* ---- the manifest ---- */

/* What it says of one file. */
struct p2p_archive_file {
    const char *path;
    uint64_t size;
    struct p2p_hash hash;
};

/* Why the payload of a private record is not in the archive. */
enum p2p_payload_state {
    P2P_PAYLOAD_HELD,
    P2P_PAYLOAD_WITHHELD,   /* announced: of a circle the exporter is not in */
    P2P_PAYLOAD_ERASED,     /* announced */
    P2P_PAYLOAD_MISSING,    /* announced: the exporter should hold it and does not */
    P2P_PAYLOAD_UNANNOUNCED /* neither held nor announced: a finding */
};
/* "withheld", "erased", "missing": what may be announced; NULL for the others. */
const char *p2p_payload_state_word(enum p2p_payload_state state);

/* Of the records `first` to `last` of a feed, no private one of this circle has its payload
 * here. */
struct p2p_payload_range {
    enum p2p_payload_state state;
    const char *feed; /* the directory's name */
    uint64_t first;
    uint64_t last;
    uint32_t circle;
};

/* ---- reading ---- */

struct p2p_archive;

/* Opens DIR and reads its manifest. message [out]: one sentence on error. P2P_NOTFOUND,
 * P2P_MALFORMED (of the manifest), P2P_TOOLARGE, P2P_IO, P2P_NOMEM. Files that the manifest
 * lists and that are not there, that are there and not listed, or differ are no error here: the
 * audit finds them. */
P2P_MUST_CHECK enum p2p_err p2p_archive_open(struct p2p_archive **out, const char *dir,
                                             const struct p2p_alloc *alloc, char *message,
                                             size_t cap);
void p2p_archive_close(struct p2p_archive *archive); /* accepts NULL */

/* Who exported it, as the manifest says: a member's name. */
const char *p2p_archive_exporter(const struct p2p_archive *archive);
/* Of which federation it is, as the manifest says. */
struct p2p_hash p2p_archive_federation_id(const struct p2p_archive *archive);
/* SHA-256 of the manifest: names the whole archive. */
struct p2p_hash p2p_archive_hash(const struct p2p_archive *archive);
/* Of size and times of each listed file, as they are now: another one when any of them was
 * written meanwhile, whatever times somebody gave it. For this machine alone. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_archive_stamp(const struct p2p_archive *archive,
                                              struct p2p_hash *out);
size_t p2p_archive_file_count(const struct p2p_archive *archive);
/* Sorted by path. */
const struct p2p_archive_file *p2p_archive_file(const struct p2p_archive *archive, size_t i);
const struct p2p_archive_file *p2p_archive_file_at(const struct p2p_archive *archive,
                                                   const char *path); /* NULL: not listed */
size_t p2p_archive_range_count(const struct p2p_archive *archive);
/* Sorted by feed, circle, first; of one feed and circle no two share a record. */
const struct p2p_payload_range *p2p_archive_range(const struct p2p_archive *archive, size_t i);

/* What the ranges say of the private record `index` of a feed (the archive's number for it) and
 * circle: P2P_PAYLOAD_UNANNOUNCED when none is of it. */
enum p2p_payload_state p2p_archive_announced(const struct p2p_archive *archive, size_t feed,
                                             uint64_t index, uint32_t circle);

/* Calls `found` with the path of each file below DIR that the manifest does not list, itself
 * excepted, in no order; links and the like are files too. A path too long to be one of an
 * archive is told cut. P2P_IO: a directory cannot be read. */
P2P_MUST_CHECK enum p2p_err p2p_archive_strays(const struct p2p_archive *archive,
                                               void (*found)(void *context, const char *path),
                                               void *context);

/* Directory names of feeds, sorted; `charter-1` among them. */
size_t p2p_archive_feed_count(const struct p2p_archive *archive);
const char *p2p_archive_feed_name(const struct p2p_archive *archive, size_t feed);
/* P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_archive_feed_find(const struct p2p_archive *archive,
                                                  const char *name, size_t *feed);
/* Records in listed entry bundles, from index 0 without a gap. */
uint64_t p2p_archive_feed_size(const struct p2p_archive *archive, size_t feed);

/* The bytes of one file: a buffer that the next load with this object uses again. */
struct p2p_archive_map {
    uint8_t *base;
    size_t cap;
};
/* Reads a whole file, listed or not. P2P_NOTFOUND, P2P_TOOLARGE, P2P_IO (also what is no
 * regular file), P2P_NOMEM. */
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
    struct p2p_reader rest; /* of the open bundle */
    uint64_t bundle_end;    /* index after its last record; 0: none open */
};
void p2p_archive_walk_begin(struct p2p_archive_walk *walk, const struct p2p_archive *archive,
                            size_t feed, uint64_t index);
/* P2P_NOTFOUND at the end of the feed; P2P_GAP: the bundle is listed and is not there;
 * P2P_MALFORMED: it is not what its name says; else those of p2p_archive_load. After an error
 * the walk may be begun again behind that bundle. */
P2P_MUST_CHECK enum p2p_err p2p_archive_walk_next(struct p2p_archive_walk *walk,
                                                  struct p2p_slice *leaf);
void p2p_archive_walk_end(struct p2p_archive_walk *walk); /* accepts a zeroed object */

/* The archived notes of one feed: by rising size, of one size first the note, then heartbeats
 * by rising time; `checkpoint` last. */
size_t p2p_archive_note_count(const struct p2p_archive *archive, size_t feed);
/* place [out]: may be NULL. P2P_NOTFOUND past the last; P2P_GAP: listed and not there; else
 * those of p2p_archive_load. */
P2P_MUST_CHECK enum p2p_err p2p_archive_note(const struct p2p_archive *archive, size_t feed,
                                             size_t i, struct p2p_archive_map *map,
                                             struct p2p_archive_place *place,
                                             struct p2p_slice *note);
/* The size of the tree that a note is over; 0 when it is no checkpoint, or of nothing. Its
 * signatures are not looked at. */
uint64_t p2p_archive_note_size(struct p2p_slice note);

/* Walks the payloads of one feed by index, like records. A bundle that is not listed holds
 * none. */
struct p2p_payload_walk {
    const struct p2p_archive *archive;
    size_t feed;
    struct p2p_archive_map map;
    struct p2p_reader rest;
    uint64_t bundle;     /* number of the open one */
    bool open;           /* it was looked for */
    uint64_t next;       /* index of the payload that `rest` begins with; UINT64_MAX: none */
    uint64_t last;       /* index asked for last */
    uint32_t count;      /* in the open bundle */
    enum p2p_err broken; /* why the open bundle cannot be used */
};
void p2p_payload_walk_begin(struct p2p_payload_walk *walk, const struct p2p_archive *archive,
                            size_t feed);
/* Salt and payload of the private record `index` of this circle, borrowed until the next call;
 * empty unless it is held. Indexes of calls rise, or the walk reads a bundle again.
 * P2P_MALFORMED: the bundle is not what its name says; P2P_GAP: listed and not there; else
 * those of p2p_archive_load. */
P2P_MUST_CHECK enum p2p_err p2p_payload_walk_get(struct p2p_payload_walk *walk, uint64_t index,
                                                 uint32_t circle, enum p2p_payload_state *state,
                                                 struct p2p_slice *salted);
/* How many payloads the bundle holds that index is of, whosever they are; errors as above. */
P2P_MUST_CHECK enum p2p_err p2p_payload_walk_count(struct p2p_payload_walk *walk,
                                                   uint64_t index, uint32_t *count);
void p2p_payload_walk_end(struct p2p_payload_walk *walk); /* accepts a zeroed object */

#endif
