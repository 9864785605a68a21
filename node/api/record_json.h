/* Records as JSON. Private to node/api. */
#ifndef P2P_RECORD_JSON_H
#define P2P_RECORD_JSON_H

#include "call.h"

/* One canonical MessagePack value, whatever it is; byte strings as base64. */
json_t *p2p_wire_json(struct p2p_slice value);
/* The content or opened payload of a record, field by field as its kind says. circle: for
 * tokens. */
json_t *p2p_content_json(const struct p2p_kind *kind, struct p2p_slice content,
                         const char *circle);
/* The whole of GET /v1/records/ID. */
P2P_MUST_CHECK enum p2p_err p2p_record_json(struct p2p_node *node,
                                            const struct p2p_record_id *id, json_t **out);

#endif
