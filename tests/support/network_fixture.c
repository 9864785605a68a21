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

int network_stop(void **state)
{
    (void)state;
    network_deinit(&net);
    return 0;
}
