/* How many payloads of circles that this member is not in stand here as leaves only: the count
 * by circle, never which or what.
 *
 * Nothing is stored for this. The leaves are walked once in each start, at most
 * budget of them each time somebody asks, and from then on only what came since;
 * until the walk has caught up the counts are what it has found so far. When a forked feed
 * ends elsewhere than it did, or the charter changes, it begins anew. The writer's thread. */
#ifndef P2P_NODE_WITHHELD_H
#define P2P_NODE_WITHHELD_H

#include "node_state.h"

#define P2P_WITHHELD_LEAVES 65536u /* for who waits for the answer */

struct p2p_withheld {
    uint64_t *counts; /* by circle; [0] stays 0 */
    size_t circle_count;
    struct p2p_withheld_feed *feeds; /* by number: how far each was walked */
    size_t feed_count;
    uint64_t charter_size;
    bool whole; /* every leaf held was looked at */
};

/* Walks on and gives the counts; NULL without memory, or when the store cannot be read. Lives
 * until the next call. */
const struct p2p_withheld *p2p_node_withheld(struct p2p_node *node, uint32_t budget);
void p2p_withheld_free(struct p2p_withheld *withheld); /* accepts NULL */

#endif
