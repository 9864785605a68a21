#include "network_fixture.h"

struct network net;

void network_start(uint32_t nodes, uint32_t witnesses, uint64_t seed)
{
    network_start_as(
        &(struct network_options){.nodes = nodes, .witnesses = witnesses, .seed = seed});
}

void network_start_as(const struct network_options *options)
{
    network_init(&net, options);
    network_connect_all(&net);
    network_run(&net);
    network_advance(&net, 2000);
}

void network_chain(uint32_t nodes, uint32_t witnesses, uint64_t seed)
{
    network_init(
        &net, &(struct network_options){.nodes = nodes, .witnesses = witnesses, .seed = seed});
    for (uint32_t i = 1; i < nodes; i++) {
        network_connect(&net, i, i + 1);
    }
    network_advance(&net, 3000);
    network_agree(&net);
}

bool network_even(void)
{
    for (uint32_t i = 2; i <= net.node_count; i++) {
        if (!network_same_frontier(&net, 1, i)) {
            return false;
        }
    }
    return true;
}

int network_stop(void **state)
{
    (void)state;
    network_deinit(&net);
    return 0;
}
