/* Hashes of perfect subtrees that are computed, not stored: kept in memory once they were.
 *
 * Between two stored levels a subtree's hash is that of up to 128 stored ones (feed.h). What is
 * asked for is mostly what was asked for before, or its neighbour: roots at the sizes that
 * `seen` records and cosignatures name. One table serves all feeds of a ledger. A place in it
 * holds one hash, and whatever comes later takes it over, so the table never grows.
 *
 * A subtree never changes while its feed only grows. Whoever cuts a feed back or mends its
 * stored hashes forgets all. What was read in a batch that failed goes with the ledger, which
 * is then opened anew. Private to replication/. */
#ifndef P2P_SUBTREES_H
#define P2P_SUBTREES_H

#include <p2p/hash.h>

#define P2P_SUBTREES_HELD 512u

struct p2p_subtree {
    bool held;
    uint8_t level;
    uint32_t feed;
    uint64_t index;
    struct p2p_hash hash;
};

struct p2p_subtrees {
    struct p2p_subtree held[P2P_SUBTREES_HELD];
};

/* NULL: it is not held. Borrowed until the next call. subtrees: NULL holds nothing. */
const struct p2p_hash *p2p_subtrees_find(const struct p2p_subtrees *subtrees, uint32_t feed,
                                         unsigned level, uint64_t index);
void p2p_subtrees_keep(struct p2p_subtrees *subtrees, uint32_t feed, unsigned level,
                       uint64_t index, const struct p2p_hash *hash);
void p2p_subtrees_forget(struct p2p_subtrees *subtrees);

#endif
