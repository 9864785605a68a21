/* Rows that were added lately to a table of blocks (packed.h): where one was, the next may come
 * behind it. A guess by hashes of their keys, which costs nothing but room when it is wrong.
 * Private to node/store. */
#ifndef P2P_STORE_PACKED_RUNS_H
#define P2P_STORE_PACKED_RUNS_H

#include "block.h"

#define PACKED_RUNS_MAX 32u

struct packed_runs {
    uint32_t keys[PACKED_RUNS_MAX]; /* their hashes; the oldest makes room */
    unsigned next;
};

void packed_runs_add(struct packed_runs *runs, struct p2p_slice key);
/* Where the last of them ends in a block, of those that begin before `before`, in bytes of its
 * rows; 0: there is none. count [out]: of the rows up to there, whoever added them. */
size_t packed_runs_end(const struct packed_runs *runs, struct p2p_slice block, size_t before,
                       size_t *count);

#endif
