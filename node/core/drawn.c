/* Circle keys that were drawn at this member: looked for when the charter names them, and
 * handed to the engine. Which they are the engine says: epochs whose key it misses, with its
 * hash. */
#include "writer_parts.h"

#include <stdio.h>

enum { LOOK_EVERY_MS = 10000 };

enum p2p_err p2p_drawn_give(struct p2p_node *node)
{
    struct p2p_missing_key missing[P2P_GATE_KEYS_MAX];
    uint64_t charter_size = p2p_charter_size(p2p_engine_ledger(node->engine)->charter);
    size_t count = p2p_engine_missing_keys(node->engine, missing, P2P_GATE_KEYS_MAX);
    enum p2p_err err = P2P_OK;
    if (count == 0 || node->drawn_key == NULL) {
        node->drawn_alarm[0] = '\0';
        return P2P_OK;
    }
    if (node->drawn_looked_ms != 0 && node->drawn_charter_size == charter_size &&
        node->now.mono_ms - node->drawn_looked_ms < LOOK_EVERY_MS) {
        return P2P_OK;
    }
    node->drawn_looked_ms = node->now.mono_ms;
    node->drawn_charter_size = charter_size;
    node->drawn_alarm[0] = '\0';
    count = count < P2P_GATE_KEYS_MAX ? count : P2P_GATE_KEYS_MAX;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        char message[P2P_MESSAGE_BYTES];
        struct p2p_circle_key key;
        enum p2p_err loaded = node->drawn_key(node, &missing[i].hash, &key, message);
        if (loaded == P2P_OK) {
            const struct p2p_event event = {.type = P2P_EVENT_CIRCLE_KEY, .circle_key = &key};
            err = p2p_engine_step(node->engine, &event);
            p2p_wipe(&key, sizeof(key));
        } else if (loaded != P2P_NOTFOUND) {
            snprintf(node->drawn_alarm, sizeof(node->drawn_alarm), "%s", message);
        }
    }
    return err;
}
