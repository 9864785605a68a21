/* Who may connect to this node, and where each member is reached. */
#include "node_state.h"

#include <p2p/address.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        struct p2p_slice told =
            p2p_address_peers(p2p_engine_ledger(node->engine), node->kv, member->feed);
        snprintf(pin->address, sizeof(pin->address), "%.*s", (int)told.len,
                 (const char *)told.data);
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

enum p2p_err p2p_writer_first_pins(struct p2p_node *node, struct p2p_pin **pins, size_t *count)
{
    struct p2p_txn *txn;
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    if (err != P2P_OK) {
        return err;
    }
    node->kv = p2p_txn_kv(txn);
    err = p2p_writer_pins(node, pins, count);
    node->kv = NULL;
    p2p_txn_abort(txn);
    return err;
}
