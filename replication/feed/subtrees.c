#include "subtrees.h"

/* Neighbours in one feed, and the same places in neighbouring feeds, lie apart. */
static size_t place_of(uint32_t feed, unsigned level, uint64_t index)
{
    uint64_t mixed = (feed * UINT64_C(0x9e3779b97f4a7c15)) ^ (index * 64 + level);
    return (size_t)((mixed * UINT64_C(0xd6e8feb86659fd93)) >> 32) % P2P_SUBTREES_HELD;
}

const struct p2p_hash *p2p_subtrees_find(const struct p2p_subtrees *subtrees, uint32_t feed,
                                         unsigned level, uint64_t index)
{
    if (subtrees == NULL) {
        return NULL;
    }
    const struct p2p_subtree *at = &subtrees->held[place_of(feed, level, index)];
    bool is_it = at->held && at->feed == feed && at->level == level && at->index == index;
    return is_it ? &at->hash : NULL;
}

void p2p_subtrees_keep(struct p2p_subtrees *subtrees, uint32_t feed, unsigned level,
                       uint64_t index, const struct p2p_hash *hash)
{
    if (subtrees != NULL) {
        subtrees->held[place_of(feed, level, index)] = (struct p2p_subtree){
            .held = true, .feed = feed, .level = (uint8_t)level, .index = index, .hash = *hash};
    }
}

void p2p_subtrees_forget(struct p2p_subtrees *subtrees)
{
    if (subtrees != NULL) {
        *subtrees = (struct p2p_subtrees){0};
    }
}
