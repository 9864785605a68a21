/* The files of an archive, put one by one, and the manifest in the end. Private to node/audit.
 *
 * States of a directory:
 *
 *     empty --open--> being written --finish--> whole --open--> being written
 *                        |      ^
 *                        killed |  open: what the journal lists is not written again
 *                        v      |
 *                     unfinished
 *
 * being written, unfinished: `manifest.part` is there, the journal: the same head as a
 * manifest, then lines of files that are written and synced. whole: `manifest` lists every
 * file, and there is no journal.
 *
 * Promises: a file stands under its name only whole; a line stands in the journal only after
 * its file is synced; the manifest takes its name only after every file is synced. A file that
 * is put with the bytes it has is not written. */
#ifndef P2P_ARCHIVE_WRITER_H
#define P2P_ARCHIVE_WRITER_H

#include "manifest.h"

#define P2P_JOURNAL_NAME        "manifest.part"
#define P2P_JOURNAL_EVERY_BYTES ((uint64_t)64 << 20) /* written between two syncs */

struct p2p_archive_writer;

struct p2p_archive_written {
    uint64_t files; /* by this writer */
    uint64_t bytes;
    uint64_t removed;
};

/* Errors and message as p2p_export_run's. */
P2P_MUST_CHECK enum p2p_err
p2p_archive_writer_open(struct p2p_archive_writer **out, const char *dir,
                        const struct p2p_alloc *alloc, const struct p2p_hash *federation_id,
                        const char *exporter, char *message, size_t cap);
/* Leaves the directory unfinished unless it was finished; accepts NULL. */
void p2p_archive_writer_close(struct p2p_archive_writer *writer);

/* What went wrong, when something did: one sentence. */
const char *p2p_archive_writer_message(const struct p2p_archive_writer *writer);

/* Puts a file; it must not have been put before. P2P_FULL, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_archive_writer_put(struct p2p_archive_writer *writer,
                                                   const struct p2p_archive_place *place,
                                                   struct p2p_slice bytes);
/* Takes a file over as it is there; false when an earlier export did not write it to the end.
 */
bool p2p_archive_writer_keep(struct p2p_archive_writer *writer,
                             const struct p2p_archive_place *place);
/* Whether keep would. */
bool p2p_archive_writer_has(const struct p2p_archive_writer *writer,
                            const struct p2p_archive_place *place);
/* Whether it would, and the file is these bytes. */
bool p2p_archive_writer_is(const struct p2p_archive_writer *writer,
                           const struct p2p_archive_place *place, struct p2p_slice bytes);
/* Takes everything over that the manifest found at open says of feeds that are not named. */
P2P_MUST_CHECK enum p2p_err p2p_archive_writer_keep_others(struct p2p_archive_writer *writer,
                                                           const char *const *feeds,
                                                           size_t feed_count);
/* feed: borrowed until the writer is closed. P2P_TOOLARGE, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_archive_writer_range(struct p2p_archive_writer *writer,
                                                     const struct p2p_payload_range *range);
/* Writes the manifest and removes what is of an archive and not in it. */
P2P_MUST_CHECK enum p2p_err p2p_archive_writer_finish(struct p2p_archive_writer *writer,
                                                      struct p2p_hash *manifest,
                                                      uint64_t *files);
struct p2p_archive_written p2p_archive_writer_written(const struct p2p_archive_writer *writer);

#endif
