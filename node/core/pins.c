/* Who may connect to this node, and where each member is reached. */
#include "node_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a member says it listens: the first record of its feed. */
static void read_address(struct p2p_node *node, uint32_t feed, char out[256])
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *held = p2p_ledger_feed(ledger, feed);
    struct p2p_slice leaf;
    struct p2p_record record;
    struct p2p_unpack in;
    if (held == NULL || p2p_feed_leaf(held, node->kv, 0, &leaf) != P2P_OK ||
        p2p_record_peek(&record, leaf) != P2P_OK || record.kind != P2P_KIND_ADDRESS ||
        record.body_type != P2P_BODY_PUBLIC || !p2p_unpack_find(record.content, "peers", &in)) {
        return;
    }
    struct p2p_slice text = p2p_unpack_str(&in);
    if (text.len < 256) {
        snprintf(out, 256, "%.*s", (int)text.len, (const char *)text.data);
    }
}

enum p2p_err p2p_writer_pins(struct p2p_node *node, struct p2p_pin **pins, size_t *count)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t members = p2p_charter_member_count(charter);
    struct p2p_pin *list = calloc(members + 1, sizeof(*list));
    size_t used = 0;
    if (list == NULL) {
        return P2P_NOMEM;
    }
    for (uint32_t i = 1; i <= members; i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member == NULL || i == p2p_engine_member(node->engine)) {
            continue;
        }
        struct p2p_pin *pin = &list[used++];
        pin->member = i;
        snprintf(pin->name, sizeof(pin->name), "%s", member->name);
        pin->key = member->transport_key;
        read_address(node, member->feed, pin->address);
        for (size_t p = 0; p < node->config.peers_count; p++) {
            if (strcmp(node->config.peers[p].member, member->name) == 0) {
                snprintf(pin->address, sizeof(pin->address), "%s",
                         node->config.peers[p].address);
            }
        }
    }
    *pins = list;
    *count = used;
    return P2P_OK;
}
