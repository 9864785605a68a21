#include "network_twin.h"

#include "check.h"

#include <p2p/kind.h>

struct network_moment network_moment(const struct network *net, uint32_t node)
{
    const struct network_node *n = &net->nodes[node];
    return (struct network_moment){.kv = memory_kv_clone(n->kv), .options = n->options};
}

void network_moment_deinit(struct network_moment *moment)
{
    memory_kv_free(moment->kv);
    moment->kv = NULL;
}

void network_put_back(struct network *net, uint32_t node, struct network_moment *moment)
{
    struct network_node *n = &net->nodes[node];
    network_kill(net, node);
    memory_kv_free(n->kv);
    n->kv = moment->kv;
    moment->kv = NULL;
    CHECK_OK(network_open(net, node));
}

void network_start_over(struct network *net, uint32_t node, struct network_moment *moment)
{
    struct network_node *n = &net->nodes[node];
    network_kill(net, node);
    n->options = moment->options;
    n->watch = (struct network_watch){.count = 0};
    network_put_back(net, node, moment);
}

struct p2p_forked network_forked(const struct network *net, uint32_t node, uint32_t feed)
{
    struct p2p_forked forked;
    const struct network_node *n = &net->nodes[node];
    const struct p2p_kv *kv = memory_kv_begin(n->kv);
    CHECK_OK(p2p_forked_get(p2p_engine_ledger(n->engine), kv, feed, &forked));
    memory_kv_abort(n->kv);
    return forked;
}

enum p2p_feed_state network_feed_state(const struct network *net, uint32_t node, uint32_t feed)
{
    return p2p_ledger_feed(p2p_engine_ledger(net->nodes[node].engine), feed)->state;
}

unsigned network_forks_by(const struct network *net, uint32_t node)
{
    const struct network_node *n = &net->nodes[node];
    const struct p2p_feed *own = p2p_ledger_feed(p2p_engine_ledger(n->engine), node);
    const struct p2p_kv *kv = memory_kv_begin(n->kv);
    unsigned count = 0;
    for (uint64_t i = 0; i < own->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        CHECK_OK(p2p_feed_leaf(own, kv, i, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        count += record.kind == P2P_KIND_FORK;
    }
    memory_kv_abort(n->kv);
    return count;
}
