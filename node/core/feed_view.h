/* How a feed stands at this node: for status, metrics, doctor and watchers. Private to
 * node/core and node/api; the writer's thread. */
#ifndef P2P_FEED_VIEW_H
#define P2P_FEED_VIEW_H

#include "node_state.h"

struct p2p_feed_view {
    struct p2p_slice name; /* beanr/1; the charter's */
    uint64_t size;
    uint64_t witnessed; /* the charter: what its roots have cosigned */
    uint64_t lag;
    uint64_t age_ms; /* UINT64_MAX: never heard of */
    /* ok | behind | quarantined: two histories of it are proven, and it is not held here just
     * up to where the one that counts ends; nothing is taken of it but what leads there, if it
     * is known where that is | forked: it is. Static. */
    const char *state;
};

/* feed: below the ledger's count. */
void p2p_feed_view(const struct p2p_node *node, uint32_t feed, struct p2p_feed_view *out);
/* Whether two histories of it are proven, or two heads of the charter. */
bool p2p_feed_view_is_forked(const struct p2p_feed_view *view);

#endif
