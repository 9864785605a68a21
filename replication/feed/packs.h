/* Where leaves stand in packs (feed.h) that were counted lately, so that one of them is read
 * without going through all before it, nor through all behind it to see that none is missing.
 *
 * A pack that is as long as it was and has as many leaves is the one that was counted, as long
 * as its feed only grows. Whoever cuts a feed back or puts packs anew forgets all. The tail is
 * remembered as the pack that it would be. One table serves all feeds of a ledger; a place in
 * it holds one pack, and whatever comes later takes it over, so the table never grows. What was
 * read in a batch that failed goes with the ledger, which is then opened anew. A byte that a
 * disk changes in between is found as one inside a leaf is. Private to replication/. */
#ifndef P2P_PACKS_H
#define P2P_PACKS_H

#include <p2p/bytes.h>

#define P2P_PACKS_HELD      256u
#define P2P_PACK_MARKS_HELD 16u

struct p2p_pack_marks {
    uint32_t feed;
    uint16_t count; /* of leaves; 0: nothing is held */
    uint16_t bytes;
    uint64_t last;                    /* index of its last leaf */
    uint16_t at[P2P_PACK_MARKS_HELD]; /* where leaf 0, s, 2 s, ... begins */
};

struct p2p_packs {
    struct p2p_pack_marks held[P2P_PACKS_HELD];
};

/* Reads on to the leaf after the first `skip`, of count.
 *
 * leaves  of a whole pack or tail, from its first leaf on; read up to that leaf
 * last    index of the last leaf
 *
 * P2P_CORRUPT: these are not count leaves and nothing behind the last. packs: NULL holds
 * nothing. */
P2P_MUST_CHECK enum p2p_err p2p_packs_skip(struct p2p_packs *packs, uint32_t feed,
                                           uint64_t last, struct p2p_reader *leaves,
                                           uint16_t count, uint64_t skip);
void p2p_packs_forget(struct p2p_packs *packs);

#endif
