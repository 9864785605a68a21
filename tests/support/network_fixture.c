#include "check.h"

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

struct network_moment network_fork_begin(void)
{
    network_advance(&net, 3000 - net.wall_ms % 1000);
    CHECK(p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size ==
          network_size(&net, 4, 4));
    struct network_moment before = network_moment(&net, 4);
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    network_cut(&net, 2, 3);
    network_cut(&net, 3, 4);
    return before;
}

void network_fork_show(struct network_moment *before)
{
    network_start_over(&net, 4, before);
    network_connect(&net, 3, 4);
    net.mono_ms += 7; /* the histories differ in their times */
    net.wall_ms += 7;
    CHECK_OK(network_notes(&net, 4, 1));
    network_run(&net);
    network_kill(&net, 4);
    network_connect(&net, 1, 3);
}

int network_stop(void **state)
{
    (void)state;
    network_deinit(&net);
    return 0;
}
