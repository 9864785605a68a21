/* The copy: own checkpoint and commit number, in a small file outside the node's directory.
 *
 * It tells a restart from a restored backup (replication/WIRE.md section 15). The file is text
 * in two slots, each with its own checksum; the slot that was synced last is never written to,
 * so a write torn anywhere leaves that one readable. p2p_copy_write does not sync: call it at
 * each commit before anything leaves; p2p_copy_sync as well where own records leave, or a
 * number to be signed elsewhere, else within a second. After an error the caller raises the
 * alarm, and custody stops; the next write opens the file again, so a disk that comes back is
 * used. This file compares nothing: what a state means is the writer's judgement. Writer thread
 * only; the caller owns the object. */
#ifndef P2P_COPY_H
#define P2P_COPY_H

#include <p2p/hash.h>
#include <p2p/key.h>

struct p2p_copy;

struct p2p_copy_point {
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* origin without its generation, as text */
    uint64_t generation;
    uint64_t size;
    struct p2p_hash root;
    struct p2p_signature signature; /* the log's, over that checkpoint */
    uint64_t commit; /* rises with every synced transaction a signature rests on */
    uint64_t
        time_s; /* POSIX; the newest that the witness key has signed, never earlier again */
};

enum p2p_copy_state {
    P2P_COPY_OK,
    P2P_COPY_MISSING,    /* no such file: restored */
    P2P_COPY_UNREADABLE, /* there, but no slot has a valid checksum, or it cannot be read:
                            restored */
};

/* Reads only. point [out] is set when P2P_COPY_OK, else untouched; message says why when it is
 * not. */
enum p2p_copy_state p2p_copy_read(const char *path, struct p2p_copy_point *point, char *message,
                                  size_t message_cap);

/* Makes or replaces the file, synced: `init`, `federation sandbox`, a new generation. P2P_IO,
 * P2P_FULL. */
P2P_MUST_CHECK enum p2p_err p2p_copy_create(const char *path,
                                            const struct p2p_copy_point *point, char *message,
                                            size_t message_cap);

/* Opens a file that p2p_copy_read found P2P_COPY_OK. P2P_NOTFOUND, P2P_CORRUPT, P2P_IO,
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_copy_open(struct p2p_copy **out, const char *path,
                                          char *message, size_t message_cap);
void p2p_copy_close(struct p2p_copy *copy); /* syncs; accepts NULL */

/* P2P_IO: not written, or not certain. */
P2P_MUST_CHECK enum p2p_err p2p_copy_write(struct p2p_copy *copy,
                                           const struct p2p_copy_point *point);
/* Nothing to do when nothing was written since. */
P2P_MUST_CHECK enum p2p_err p2p_copy_sync(struct p2p_copy *copy);

#endif
