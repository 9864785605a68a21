#include "pair.h"

void pair_init(struct pair *pair, const struct p2p_alloc *alloc)
{
    world_init(&pair->world);
    pair->world.alloc = alloc;
    node_init(&pair->a, &pair->world, 1);
    node_init(&pair->b, &pair->world, 2);
    node_pin(&pair->a, &pair->b);
    node_pin(&pair->b, &pair->a);
    node_listen_peers(&pair->b);
}

void pair_connect(struct pair *pair)
{
    struct p2p_link *link = node_dial(&pair->a, p2p_links_address(pair->b.links), 1);
    WORLD_UNTIL(&pair->world, pair->a.link && pair->b.link);
    CHECK(pair->a.link == link);
}

void pair_deinit(struct pair *pair)
{
    node_deinit(&pair->a);
    node_deinit(&pair->b);
    world_deinit(&pair->world);
}
