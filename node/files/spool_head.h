/* The head of a spool's file: which epoch its entries are of, and how far they reach.
 *
 * Two slots, at 0 and 4,096: magic of 8 bytes, serial u64, epoch u64, used u64, the first 16
 * bytes of SHA-256 over these; integers big-endian. The valid slot with the higher serial
 * counts, and the other one is written next, so that a torn write leaves a head that was true.
 * Syncing is the caller's. Private to node/files. */
#ifndef P2P_SPOOL_HEAD_H
#define P2P_SPOOL_HEAD_H

#include <p2p/spool.h>

struct spool_head {
    uint64_t serial;
    uint64_t epoch; /* in the checksum of every entry */
    uint64_t used;  /* bytes of entries behind the head */
};

/* NEW: nothing was ever written there; DAMAGED: neither slot is whole. */
enum spool_head_state { SPOOL_HEAD_GOOD, SPOOL_HEAD_NEW, SPOOL_HEAD_DAMAGED };

/* *head is set when GOOD. errno. */
P2P_MUST_CHECK int spool_head_read(int fd, struct spool_head *head,
                                   enum spool_head_state *state);
/* *head is the new one afterwards, or on error as it was. errno. */
P2P_MUST_CHECK int spool_head_write(int fd, struct spool_head *head, uint64_t epoch,
                                    uint64_t used);

#endif
