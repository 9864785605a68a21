/* The keys of a later generation: looked for once the charter grants it, handed to the engine,
 * and marked once they signed. Which generation that is the engine says. */
#include "writer_parts.h"

#include <stdio.h>

enum { LOOK_EVERY_MS = 10000 };

enum p2p_err p2p_renewed_give(struct p2p_node *node)
{
    uint64_t charter_size = p2p_charter_size(p2p_engine_ledger(node->engine)->charter);
    uint32_t generation = p2p_engine_wants_keys(node->engine);
    struct p2p_generation_keys keys;
    char message[P2P_MESSAGE_BYTES];
    enum p2p_err err = P2P_OK;
    if (generation == 0 || node->generation_keys == NULL) {
        node->renewed_alarm[0] = '\0';
        return P2P_OK;
    }
    if (node->renewed_looked_ms != 0 && node->renewed_charter_size == charter_size &&
        node->now.mono_ms - node->renewed_looked_ms < LOOK_EVERY_MS) {
        return P2P_OK;
    }
    node->renewed_looked_ms = node->now.mono_ms;
    node->renewed_charter_size = charter_size;
    node->renewed_alarm[0] = '\0';
    enum p2p_err loaded = node->generation_keys(node, generation, &keys, message);
    if (loaded == P2P_OK) {
        const struct p2p_event event = {.type = P2P_EVENT_GENERATION_KEYS,
                                        .generation_keys = &keys};
        err = p2p_engine_step(node->engine, &event);
    } else if (loaded != P2P_NOTFOUND) {
        snprintf(node->renewed_alarm, sizeof(node->renewed_alarm), "%s", message);
    }
    p2p_wipe(&keys, sizeof(keys));
    return err;
}

void p2p_renewed_mark(struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t number = p2p_engine_own_feed(node->engine);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, number);
    char message[P2P_MESSAGE_BYTES] = "";
    if (info == NULL || info->generation < 2 || info->generation == node->used_generation ||
        node->mark_used == NULL || p2p_engine_wants_keys(node->engine) != 0 ||
        p2p_ledger_feed(ledger, number)->edge.size == 0 ||
        (node->used_tried_ms != 0 && node->now.mono_ms - node->used_tried_ms < LOOK_EVERY_MS)) {
        return;
    }
    if (node->mark_used(node, info->generation, message) == P2P_OK) {
        node->used_generation = info->generation;
        if (node->used_tried_ms != 0) {
            node->alarm[0] = '\0';
        }
        node->used_tried_ms = 0;
    } else {
        node->used_tried_ms = node->now.mono_ms;
        snprintf(node->alarm, sizeof(node->alarm), "%s", message);
    }
}
