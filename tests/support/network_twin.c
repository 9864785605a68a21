#include "network_twin.h"

#include "check.h"

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
