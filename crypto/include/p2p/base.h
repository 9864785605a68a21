/* The few types that everything shares: errors, byte slices, attributes. This header never
 * grows helpers.
 *
 * Every fallible function returns enum p2p_err and leaves its out parameters untouched on
 * error. Three kinds of error exist: a peer's fault (drop, count, perhaps disconnect), the
 * environment's (report, retry or degrade) and fatal ones (the object may only be freed or
 * reopened). Mistakes of our own are assertions (assert.h), never codes. */
#ifndef P2P_BASE_H
#define P2P_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(name, value, sentence). Values are stable: they appear in metrics and logs. */
#define P2P_ERR_MAP(X)                                                                         \
    X(OK, 0, "success")                                                                        \
    X(NOMEM, -1, "out of memory, or a named memory cap was reached")                           \
    X(BADSIG, -2, "a signature does not verify")                                               \
    X(MALFORMED, -3, "the bytes are not in the one canonical form")                            \
    X(TRUNCATED, -4, "the bytes end too early")                                                \
    X(TOOLARGE, -5, "larger than the named bound")                                             \
    X(BADKEY, -6, "not an admissible public key, or a key of another kind")                    \
    X(BADPROOF, -7, "the Merkle proof does not lead from the one root to the other")           \
    X(NOTFOUND, -8, "not there")                                                               \
    X(GAP, -9, "does not follow the last record held")                                         \
    X(MISMATCH, -10, "a hash or root differs from the one that was signed")                    \
    X(FORKED, -11, "two signed histories of one feed contradict each other")                   \
    X(COMMITMENT, -12, "the payload is missing or does not open its leaf's commitment")        \
    X(UNKNOWN, -13, "names a member, feed, circle or key the charter does not hold")           \
    X(REFUSED, -14, "a rule says no")                                                          \
    X(QUORUM, -15, "too few distinct cosignatures")                                            \
    X(IO, -16, "storage failed; read-only until reopened")                                     \
    X(FULL, -17, "the disk or the map is full")                                                \
    X(CORRUPT, -18, "what the disk gave back is not what was written")                         \
    X(LOCKED, -19, "another process holds it, or the key is locked")                           \
    X(PASSPHRASE, -20, "wrong passphrase, or the key file is damaged")                         \
    X(RDONLY, -21, "the node does not append at present")                                      \
    X(USAGE, -22, "the request itself is wrong")                                               \
    X(BUSY, -23, "a bounded queue is full")

enum p2p_err {
#define P2P_ERR_ENUM(name, value, text) P2P_##name = (value),
    P2P_ERR_MAP(P2P_ERR_ENUM)
#undef P2P_ERR_ENUM
};

enum { P2P_ERR_COUNT = 24 }; /* codes run from 0 to -(P2P_ERR_COUNT - 1) */

/* The sentence of P2P_ERR_MAP; static storage. */
const char *p2p_err_text(enum p2p_err err);
/* The name in lower case, e.g. "badsig": the reason label in metrics and logs; static storage.
 */
const char *p2p_err_name(enum p2p_err err);

/* Borrowed bytes: never owned, never zero-terminated, dead when their owner says so. */
struct p2p_slice {
    const uint8_t *data;
    size_t len;
};

#define P2P_MUST_CHECK __attribute__((warn_unused_result))
#define P2P_HASH_BYTES 32u

struct p2p_hash {
    uint8_t bytes[P2P_HASH_BYTES];
};

#endif
