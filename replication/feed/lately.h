/* What was read of a ledger's feeds lately, and is kept for the next reads: one for all feeds
 * of a ledger, which hold a pointer to it. Private to replication/. */
#ifndef P2P_LATELY_H
#define P2P_LATELY_H

#include "packs.h"
#include "subtrees.h"

struct p2p_lately {
    struct p2p_subtrees subtrees;
    struct p2p_packs packs;
};

/* NULL keeps nothing. */
static inline struct p2p_subtrees *p2p_lately_subtrees(struct p2p_lately *lately)
{
    return lately == NULL ? NULL : &lately->subtrees;
}

static inline struct p2p_packs *p2p_lately_packs(struct p2p_lately *lately)
{
    return lately == NULL ? NULL : &lately->packs;
}

/* Where a feed is cut back, or what is stored of it is mended. */
static inline void p2p_lately_forget(struct p2p_lately *lately)
{
    p2p_subtrees_forget(p2p_lately_subtrees(lately));
    p2p_packs_forget(p2p_lately_packs(lately));
}

#endif
