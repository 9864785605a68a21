/* The spool: decisions that wait in a file while the node may not append.
 *
 * An entry is durable once p2p_spool_append returned P2P_OK; entries come back in order, with
 * the id they were given, `<boot>:<n>`, n from 0 in each boot. A tail that a crash tore is cut
 * off at open and kept in PATH.damaged; everything before it is whole (length, checksum). The
 * caller appends the entries to its feed, then clears the spool; a crash in between shows them
 * again, so it notes the ids it took in that commit. At P2P_SPOOL_BYTES_MAX further entries are
 * refused with P2P_FULL. Writer thread only; the caller owns the object. */
#ifndef P2P_SPOOL_H
#define P2P_SPOOL_H

#include <p2p/base.h>

#define P2P_SPOOL_BYTES_MAX       (64u << 20)
#define P2P_SPOOL_ENTRY_BYTES_MAX (1u << 20)
#define P2P_SPOOL_ID_BYTES_MAX    42u

struct p2p_spool;

struct p2p_spool_id {
    uint64_t boot;
    uint64_t n;
};

/* "<boot>:<n>" in decimal, terminated; returns the length. */
size_t p2p_spool_id_format(struct p2p_spool_id id, char out[P2P_SPOOL_ID_BYTES_MAX]);

/* Makes the file (0600) when it is missing. boot must differ from start to start. lost_bytes
 * [out] may be NULL: length of the tail moved to PATH.damaged. P2P_LOCKED, P2P_FULL, P2P_IO,
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_spool_open(struct p2p_spool **out, const char *path,
                                           uint64_t boot, uint64_t *lost_bytes, char *message,
                                           size_t message_cap);
void p2p_spool_close(struct p2p_spool *spool); /* accepts NULL */

/* Copies the payload (1 to P2P_SPOOL_ENTRY_BYTES_MAX bytes) and syncs. After P2P_IO the spool
 * takes nothing more until it is opened anew. Errors: P2P_FULL (spool unchanged), P2P_TOOLARGE,
 * P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_append(struct p2p_spool *spool, struct p2p_slice payload,
                                             struct p2p_spool_id *id);

size_t p2p_spool_count(const struct p2p_spool *spool);
uint64_t p2p_spool_bytes(const struct p2p_spool *spool);

/* Reads on from *at, which starts at 0 and is advanced. payload is borrowed until the next call
 * on this spool. P2P_NOTFOUND at the end, P2P_CORRUPT, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_next(struct p2p_spool *spool, uint64_t *at,
                                           struct p2p_spool_id *id, struct p2p_slice *payload);
/* Empties it, synced; numbering goes on. P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_clear(struct p2p_spool *spool);

#endif
