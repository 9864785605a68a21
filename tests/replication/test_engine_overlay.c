/* A federation too large for a full mesh, played by eight nodes: links are those that engines
 * want, records and cosignatures reach everybody all the same. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/overlay.h>

/* The hosts dial whom their engines want, for as many half seconds. */
static void obey(unsigned rounds)
{
    for (unsigned r = 0; r < rounds; r++) {
        for (uint32_t i = 1; i <= net.node_count; i++) {
            for (uint32_t j = 1; j <= net.node_count; j++) {
                if (i != j && net.nodes[i].engine != NULL && net.nodes[j].engine != NULL &&
                    p2p_wanted_has(p2p_engine_wanted(net.nodes[i].engine), j) &&
                    !network_connected(&net, i, j)) {
                    network_connect(&net, i, j);
                }
            }
        }
        network_advance(&net, 500);
    }
}

static uint32_t links_of(uint32_t node)
{
    uint32_t count = 0;
    for (uint32_t j = 1; j <= net.node_count; j++) {
        count += j != node && network_connected(&net, node, j);
    }
    return count;
}

static void begin(uint64_t seed)
{
    network_init(&net, &(struct network_options){.nodes = 8, .witnesses = 4, .seed = seed});
    for (uint32_t i = 1; i <= net.node_count; i++) {
        network_kill(&net, i);
        net.nodes[i].options.full_mesh_max = 2;
        CHECK_OK(network_open(&net, i));
    }
    obey(60);
}

/* Nobody has more links than its view holds, nor fewer than it looks for; that needs everybody
 * to have heard its witnesses, to whom links stand only until then. */
static void check_views(void)
{
    for (uint32_t i = 1; i <= net.node_count; i++) {
        const struct p2p_wanted *wanted = p2p_engine_wanted(net.nodes[i].engine);
        CHECK(p2p_engine_complete(net.nodes[i].engine));
        CHECK(!wanted->all && wanted->count >= P2P_OVERLAY_ACTIVE_MIN);
        CHECK(links_of(i) >= P2P_OVERLAY_ACTIVE_MIN && links_of(i) <= P2P_OVERLAY_ACTIVE_MAX);
        for (size_t w = 0; w < wanted->count; w++) {
            CHECK(p2p_wanted_has(p2p_engine_wanted(net.nodes[wanted->members[w]].engine), i));
        }
    }
}

static void write_and_check(void)
{
    for (uint32_t of = 1; of <= net.node_count; of++) {
        uint32_t feed = network_feed(&net, of);
        CHECK_OK(network_notes(&net, of, 1));
        network_advance(&net, 7000);
        for (uint32_t at = 1; at <= net.node_count; at++) {
            CHECK(network_size(&net, at, feed) == network_size(&net, of, feed));
            CHECK(p2p_engine_witnessing(net.nodes[at].engine, feed)->quorum_size ==
                  network_size(&net, of, feed));
        }
    }
}

static void test_few_links_carry_everything(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        begin(seed);
        check_views();
        write_and_check();
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* Who comes back is let in again, and what a line's end took is replaced. */
static void test_views_mend(void **state)
{
    (void)state;
    begin(9);
    network_restart(&net, 3);
    for (uint32_t j = 2; j <= 8; j++) {
        if (network_connected(&net, 1, j) && links_of(1) > 1) {
            network_cut(&net, 1, j);
        }
    }
    obey(60);
    check_views();
    write_and_check();
}

/* A small federation wants everybody, and says yes to who knows more members. */
static void test_small_is_a_mesh(void **state)
{
    (void)state;
    network_start(3, 3, 5);
    CHECK(p2p_engine_wanted(net.nodes[1].engine)->all);
    CHECK(p2p_wanted_has(p2p_engine_wanted(net.nodes[1].engine), 99));
    uint8_t bytes[16];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_neighbour_write(&out, P2P_NEIGHBOUR_ASK);
    uint64_t before = net.pipes[1][2].frames;
    network_inject(&net, 2, 1, p2p_writer_slice(&out));
    network_run(&net);
    CHECK(net.pipes[1][2].frames == before + 1);
    CHECK(network_connected(&net, 1, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_few_links_carry_everything, network_stop),
        cmocka_unit_test_teardown(test_views_mend, network_stop),
        cmocka_unit_test_teardown(test_small_is_a_mesh, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
