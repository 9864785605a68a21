/* What the reader's sources share. Private to node/audit.
 *
 *   archive.c       opening, files, feeds
 *   archive_path.c  paths
 *   archive_load.c  the bytes of one file; what is there and not listed
 *   archive_read.c  walks over records, notes and payloads
 *   manifest.c      the manifest */
#ifndef P2P_ARCHIVE_PARTS_H
#define P2P_ARCHIVE_PARTS_H

#include "manifest.h"

struct p2p_archive_feed {
    char name[P2P_ARCHIVE_FEED_BYTES_MAX];
    uint64_t size;
    const size_t *notes; /* in the archive's note_files, in the order of p2p_archive_note */
    size_t note_count;
};

struct p2p_archive {
    const struct p2p_alloc *alloc;
    int dir_fd;
    char *text; /* the manifest's */
    struct p2p_hash hash;
    struct p2p_manifest manifest;
    struct p2p_archive_feed *feeds;
    size_t feed_count;
    size_t *note_files; /* indexes into the manifest's files */
};

/* Reads a regular file below the directory into *buffer of *cap bytes, which grows; at most
 * bytes_max. Errors are those of p2p_archive_load. */
P2P_MUST_CHECK enum p2p_err p2p_archive_read_file(int dir_fd, const char *path,
                                                  size_t bytes_max, uint8_t **buffer,
                                                  size_t *cap, size_t *len);

#endif
