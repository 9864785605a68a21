/* Overrides as documents: what two officers overruled, or one of them asked for. Private to
 * node/api. */
#ifndef P2P_OVERRIDE_JSON_H
#define P2P_OVERRIDE_JSON_H

#include "call.h"

#include <p2p/right.h>

/* Records on a right that are looked at for an override that awaits approval; behind so many
 * none is told. */
#define P2P_OVERRIDE_LOOKS_MAX 1024u

/* The override that stands on a right, else the newest that its present holder's officers asked
 * for and nobody approved: {"asked", "by", "reason", "approved", "approved_by", "overrules"},
 * with nulls and none overruled where it is not approved; null when there is none. custody: of
 * the right's token. In a batch. */
json_t *p2p_override_of_right(struct p2p_node *node, const struct p2p_right *right,
                              const struct p2p_custody *custody);
/* The override that a release of this node rests on: {"asked", "approved"}, or null. kv: rows
 * that hold the `use`. */
json_t *p2p_override_of_use(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                            const struct p2p_record_id *use);

#endif
