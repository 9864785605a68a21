/* Late decisions: from the spool into the feed. Private to node/core; the writer's thread. */
#ifndef P2P_LATE_H
#define P2P_LATE_H

#include "node_state.h"

/* In a batch: gives the engine a record of what waits, when the node may append. */
P2P_MUST_CHECK enum p2p_err p2p_late_start(struct p2p_node *node, struct p2p_arena *arena);
/* After the commit: clears the spool once all of it stands in the feed. */
P2P_MUST_CHECK enum p2p_err p2p_late_finish(struct p2p_node *node);

#endif
