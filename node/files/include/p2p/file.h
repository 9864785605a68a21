/* Whole small files: read under a bound, written so that a crash leaves the old or the new one.
 *
 * For key files, configuration, join and trust files; not for what is appended to or larger
 * than memory allows. Writing goes to a temporary file beside the target (`.NAME.PID.tmp`), is
 * synced, renamed, and the directory synced. Messages are one sentence that names the file and
 * what to do; the caller owns the buffer, which may be NULL with cap 0. Any thread; nothing is
 * kept. */
#ifndef P2P_FILE_H
#define P2P_FILE_H

#include <p2p/base.h>

#define P2P_PATH_BYTES_MAX    1024u /* with its terminator */
#define P2P_MESSAGE_BYTES_MAX 512u  /* large enough for every message of node/ */

enum p2p_file_presence {
    P2P_FILE_REPLACE, /* there or not */
    P2P_FILE_NEW,     /* P2P_USAGE when it exists */
};

/* Reads the whole file into memory of its own, with a terminator after len bytes; the caller
 * frees. Errors: P2P_NOTFOUND, P2P_TOOLARGE (more than bytes_max), P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_file_read(const char *path, size_t bytes_max, char **out,
                                          size_t *len, char *message, size_t message_cap);
/* Durable once P2P_OK is returned. Errors: P2P_USAGE, P2P_FULL, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_file_write(const char *path, struct p2p_slice bytes,
                                           unsigned mode, enum p2p_file_presence presence,
                                           char *message, size_t message_cap);
/* Makes one directory when it is missing and syncs its parent. P2P_IO, P2P_FULL. */
P2P_MUST_CHECK enum p2p_err p2p_dir_make(const char *path, unsigned mode, char *message,
                                         size_t message_cap);
/* Syncs the directory that path lies in, so that its name survives; returns errno, 0 when good.
 */
P2P_MUST_CHECK int p2p_parent_sync(const char *path);
/* Joins dir and path (path alone when it is absolute). P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_path_join(char out[P2P_PATH_BYTES_MAX], const char *dir,
                                          const char *path);

#endif
