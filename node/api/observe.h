/* What an observer looks for, at any node: how far bans and lifts have got, and what is kept
 * from it. Private to node/api. */
#ifndef P2P_API_OBSERVE_H
#define P2P_API_OBSERVE_H

#include "call.h"

#define P2P_SPREAD_SHOWN 10u /* rows in status */

/* {"id","what","time","had","of","ms","slowest","lacking"}: ms is null until everybody has it;
 * lacking names at most 16 members. */
json_t *p2p_spread_row_json(const struct p2p_node *node, const struct p2p_spread_row *row);
/* The rows of a ban and of what lifted it, oldest first; empty when none is followed. */
json_t *p2p_ban_spread_json(const struct p2p_node *node, const struct p2p_ban *ban);
/* {"done","open","dropped","missed","newest":[row]} */
json_t *p2p_spread_json(const struct p2p_node *node);
/* Overrides of gates since this start: how many were approved, and the newest rows. */
json_t *p2p_overrides_json(const struct p2p_node *node);
/* {"counted": all of it, "circles":[{"circle","payloads"}]}; null when it cannot be read. */
json_t *p2p_withheld_json(struct p2p_node *node);

#endif
