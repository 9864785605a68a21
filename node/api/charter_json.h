/* The charter in words. Private to node/api. */
#ifndef P2P_CHARTER_JSON_H
#define P2P_CHARTER_JSON_H

#include "call.h"

/* The whole of GET /v1/charter/show. */
json_t *p2p_charter_json(const struct p2p_charter *charter);
/* One line of GET /v1/charter/log: {"version","index","time","text","ops","cosigners"}. */
P2P_MUST_CHECK enum p2p_err p2p_version_json(const struct p2p_charter *charter, uint64_t index,
                                             json_t **out);

#endif
