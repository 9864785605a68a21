/* The inside of a writer of archives. Private to archive_writer*.c.
 *
 *   archive_writer.c       files are written, listed, and at the end a manifest
 *   archive_writer_left.c  what an earlier export left: a manifest, or a journal when it was
 * killed */
#ifndef P2P_ARCHIVE_WRITER_PARTS_H
#define P2P_ARCHIVE_WRITER_PARTS_H

#include "archive_parts.h"
#include "archive_writer.h"

#define P2P_ARCHIVE_DIR_MODE  0755
#define P2P_ARCHIVE_FILE_MODE 0644
#define MESSAGE_BYTES         512u
#define HEAD_BYTES_MAX        256u

struct p2p_archive_writer {
    const struct p2p_alloc *alloc;
    int dir_fd;
    char dir[256]; /* for messages */
    char message[MESSAGE_BYTES];
    char head[HEAD_BYTES_MAX]; /* of manifest and journal */
    size_t head_len;
    struct p2p_hash federation_id;
    char exporter[P2P_NAME_BYTES_MAX + 1];
    struct p2p_arena paths;
    /* what was there at open: of the manifest, and of a journal */
    char *manifest_text;
    struct p2p_manifest manifest;
    char *journal_text;
    struct p2p_archive_file *journaled; /* sorted; of one path the last line alone */
    size_t journaled_count;
    /* what will be there */
    struct p2p_archive_file *files;
    size_t file_count, file_cap;
    struct p2p_payload_range *ranges;
    size_t range_count, range_cap;
    /* the journal of this run */
    FILE *journal;
    size_t journal_len; /* of what was found and is good */
    size_t *unsynced;   /* files written since the last sync: indexes */
    size_t unsynced_count, unsynced_cap;
    uint64_t unsynced_bytes;
    struct p2p_archive_written written;
};

/* ---- archive_writer.c ---- */

/* Puts the sentence where the caller finds it, and returns err. */
__attribute__((format(printf, 3, 4))) enum p2p_err
p2p_archive_writer_fail(struct p2p_archive_writer *writer, enum p2p_err err, const char *format,
                        ...);
enum p2p_err p2p_archive_writer_fail_errno(struct p2p_archive_writer *writer, const char *path);
enum p2p_err p2p_archive_writer_fail_memory(struct p2p_archive_writer *writer);
/* One more item in a growing array; NULL when there is no memory. */
void *p2p_archive_writer_grow(const struct p2p_alloc *alloc, void **items, size_t *count,
                              size_t *cap, size_t bytes);

/* ---- archive_writer_left.c ---- */

/* Opens the directory, reads what an earlier export left there, and opens the journal alone.
 * P2P_USAGE (something else lies there), P2P_LOCKED, P2P_IO, P2P_FULL, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_archive_writer_left(struct p2p_archive_writer *writer,
                                                    const char *dir);
/* What an earlier export wrote there to the end; NULL when it did not. The bytes are not read
 * again: who changes files of an archive is found by the audit, not by the next export. */
const struct p2p_archive_file *p2p_archive_writer_known(const struct p2p_archive_writer *writer,
                                                        const char *path);

#endif
