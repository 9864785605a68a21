/* Bans as documents of this node. */
#include "call.h"

json_t *p2p_ban_json(struct p2p_node *node, const struct p2p_ban *ban)
{
    return p2p_ban_words(p2p_engine_ledger(node->engine), ban, node->now.wall_ms,
                         p2p_record_level(node, &ban->id));
}
