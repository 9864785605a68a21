/* The spool: decisions that wait in a file while the node may not append.
 *
 * All the room it will ever use is reserved when it is opened, so that a disk that is full
 * afterwards takes entries all the same; p2p_spool_reserved tells whether there was enough.
 * An entry is durable once p2p_spool_append returned P2P_OK; entries come back in order, with
 * the id they were given, `<boot>:<n>`, n from 0 in each boot. What a crash tore or the disk
 * damaged is cut off at open and kept in PATH.damaged where there is room for it; everything
 * before it is whole (length, checksum). The caller appends the entries to its feed, then
 * clears the spool; a crash in between shows them again, so it notes the ids it took in that
 * commit. At its capacity further entries are refused with P2P_FULL. Writer thread only; the
 * caller owns the object. */
#ifndef P2P_SPOOL_H
#define P2P_SPOOL_H

#include <p2p/base.h>

#define P2P_SPOOL_BYTES_DEFAULT   (16u << 20) /* some 40,000 decisions */
#define P2P_SPOOL_BYTES_MIN       (64u << 10)
#define P2P_SPOOL_BYTES_MAX       (1u << 30)
#define P2P_SPOOL_HEAD_BYTES      8192u /* before the entries */
#define P2P_SPOOL_ENTRY_BYTES_MAX (1u << 20)

struct p2p_spool;

struct p2p_spool_id {
    uint64_t boot;
    uint64_t n;
};

/* Makes the file (0600) when it is missing. boot must differ from start to start. capacity: of
 * all entries in bytes, headers included, P2P_SPOOL_BYTES_MIN to _MAX; a smaller one than
 * before frees nothing. lost_bytes [out] may be NULL: length of what was cut off. P2P_LOCKED,
 * P2P_FULL (both heads are damaged and there is no room to keep the file), P2P_IO, P2P_NOMEM.
 */
P2P_MUST_CHECK enum p2p_err p2p_spool_open(struct p2p_spool **out, const char *path,
                                           uint64_t boot, uint64_t capacity,
                                           uint64_t *lost_bytes, char *message,
                                           size_t message_cap);
void p2p_spool_close(struct p2p_spool *spool); /* accepts NULL */

/* Copies the payload (1 to P2P_SPOOL_ENTRY_BYTES_MAX bytes) and syncs. After P2P_IO the spool
 * takes nothing more until it is opened anew. Errors: P2P_FULL (spool unchanged), P2P_TOOLARGE,
 * P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_append(struct p2p_spool *spool, struct p2p_slice payload,
                                             struct p2p_spool_id *id);

size_t p2p_spool_count(const struct p2p_spool *spool);
uint64_t p2p_spool_bytes(const struct p2p_spool *spool); /* used by entries */
/* Whether the disk had room for the whole capacity at open. */
bool p2p_spool_reserved(const struct p2p_spool *spool);

/* Reads on from *at, which starts at 0 and is advanced. payload is borrowed until the next call
 * on this spool. P2P_NOTFOUND at the end, P2P_CORRUPT, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_next(struct p2p_spool *spool, uint64_t *at,
                                           struct p2p_spool_id *id, struct p2p_slice *payload);
/* Empties it, synced, and overwrites what stood there; numbering goes on. P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_spool_clear(struct p2p_spool *spool);

#endif
