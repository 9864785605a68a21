/* A forger at an archive: what stands in it, changed and written again, with whatever keys a
 * sandbox holds. For archives of small feeds: a few bundles each.
 *
 * A forger has a directory of his own with a copy of the archive. Files are changed as files;
 * a feed is loaded, its records changed as bytes or made anew, and stored with its tile. Heads
 * are signed by whom he says. `seal` writes a manifest that fits. Everything CHECKs. */
#ifndef FORGER_H
#define FORGER_H

#include <p2p/archive.h>
#include <p2p/charter.h>
#include <p2p/keydir.h>

#define FORGER_RECORDS_MAX 600u
#define FORGER_PATH_BYTES  512u

struct forger {
    char dir[FORGER_PATH_BYTES];     /* the archive */
    char sandbox[FORGER_PATH_BYTES]; /* whose keys */
    struct p2p_charter *charter;
};

/* Copies the archive `from` to `dir`, which must not be there. */
void forger_init(struct forger *forger, const char *from, const char *dir, const char *sandbox);
void forger_deinit(struct forger *forger); /* removes the copy */
/* Writes a manifest that lists what is there; its ranges stay, and `range` ("withheld beanr-1 2
 * 3 3", or NULL) is added. */
void forger_seal(struct forger *forger, const char *range);

/* ---- files ---- */

/* The whole file, owned by the caller; path below the archive. */
uint8_t *forger_read(const struct forger *forger, const char *path, size_t *len);
void forger_write(const struct forger *forger, const char *path, const void *bytes, size_t len);
void forger_remove(const struct forger *forger, const char *path); /* files, directories */
/* Changes the byte at an offset; negative: from the end. */
void forger_flip(const struct forger *forger, const char *path, long at);
/* Replaces the first `old` by `new` in a text; both not empty. */
void forger_replace(const struct forger *forger, const char *path, const char *old,
                    const char *new);

/* ---- feeds ---- */

struct forged_feed {
    char dir[64]; /* beanr-1 */
    char member[64];
    const struct p2p_feed_info *info;
    struct p2p_slice leaves[FORGER_RECORDS_MAX]; /* owned */
    struct p2p_slice salted[FORGER_RECORDS_MAX]; /* owned; empty: none here */
    size_t count;
};

void forged_feed_load(struct forger *forger, struct forged_feed *feed, const char *dir);
/* Writes bundles, tiles and payloads; notes stay as they are. */
void forged_feed_store(struct forger *forger, const struct forged_feed *feed);
void forged_feed_free(struct forged_feed *feed);
/* Copies; index: where it will stand. */
void forged_feed_put(struct forged_feed *feed, size_t index, struct p2p_slice leaf,
                     struct p2p_slice salted);
void forged_feed_insert(struct forged_feed *feed, size_t index, struct p2p_slice leaf,
                        struct p2p_slice salted);
void forged_feed_remove(struct forged_feed *feed, size_t index);
/* The first record of a kind; CHECKs that there is one. */
size_t forged_feed_find(const struct forged_feed *feed, uint32_t kind);

/* Writes `checkpoint` over the first `size` records, signed by the feed's key, cosigned at
 * time_s by everybody in `cosigners` (names, NULL ends; NULL: nobody). path NULL: `checkpoint`.
 */
void forged_feed_sign(struct forger *forger, const struct forged_feed *feed, size_t size,
                      const char *path, const char *const *cosigners, uint64_t time_s);
/* The same by every witness of the feed. */
void forged_feed_sign_all(struct forger *forger, const struct forged_feed *feed,
                          uint64_t time_s);
/* Adds one cosignature line to a note. */
void forger_cosign(struct forger *forger, const char *path, const char *member,
                   uint64_t time_s);

/* ---- records ---- */

/* Encodes a draft, signs it by the key of `issuer` (NULL: not at all), and puts it at index,
 * replacing what stands there or at the end. */
void forged_feed_write(struct forger *forger, struct forged_feed *feed, size_t index,
                       struct p2p_draft *draft, const char *issuer);
/* The draft that a record of the feed was made from. */
void forged_feed_draft(const struct forged_feed *feed, size_t index, struct p2p_draft *out,
                       struct p2p_record_id *cites, size_t cite_cap);

#endif
