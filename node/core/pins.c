/* Who may connect to this node, and where each member is reached. */
#include "node_state.h"

#include <p2p/address.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fill_pin(const struct p2p_node *node, const struct p2p_member *member,
                     struct p2p_pin *pin)
{
    struct p2p_slice told =
        p2p_address_peers(p2p_engine_ledger(node->engine), node->kv, member->feed);
    pin->member = member->number;
    pin->key = member->transport_key;
    snprintf(pin->name, sizeof(pin->name), "%s", member->name);
    snprintf(pin->address, sizeof(pin->address), "%.*s", (int)told.len,
             (const char *)told.data);
    for (size_t p = 0; p < node->config.peers_count; p++) {
        if (strcmp(node->config.peers[p].member, member->name) == 0) {
            snprintf(pin->address, sizeof(pin->address), "%s", node->config.peers[p].address);
        }
    }
}

/* The next member from *at on that is meant, or NULL. */
static const struct p2p_member *next_member(const struct p2p_node *node,
                                            const struct p2p_feed_set *feeds, uint32_t *at)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    for (; *at <= p2p_charter_member_count(charter); (*at)++) {
        const struct p2p_member *member = p2p_charter_member(charter, *at);
        if (member != NULL && *at != p2p_engine_member(node->engine) &&
            (feeds == NULL || p2p_feed_set_has(feeds, member->feed))) {
            (*at)++;
            return member;
        }
    }
    return NULL;
}

enum p2p_err p2p_writer_pins(struct p2p_node *node, const struct p2p_feed_set *feeds,
                             struct p2p_pin **pins, size_t *count)
{
    size_t used = 0;
    uint32_t at = 1;
    while (next_member(node, feeds, &at) != NULL) {
        used++;
    }
    struct p2p_pin *list = calloc(used + 1, sizeof(*list));
    if (list == NULL) {
        return P2P_NOMEM;
    }
    at = 1;
    for (size_t i = 0; i < used; i++) {
        fill_pin(node, next_member(node, feeds, &at), &list[i]);
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
    err = p2p_writer_pins(node, NULL, pins, count);
    node->kv = NULL;
    p2p_txn_abort(txn);
    return err;
}
