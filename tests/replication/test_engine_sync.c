/* Who has what: pushes, wants, relays, cuts, joins, and a network that comes to rest. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/frame.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"
#define THIRD "imo:9176187"

/* Nodes that drift apart would judge differently. */
static void test_all_nodes_hold_the_same(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        network_start(5, 5, seed);
        for (uint32_t i = 1; i <= 5; i++) {
            network_ban(&net, i, "all", i % 2 ? SHIP : OTHER);
            if (i == 3) {
                network_run(&net);
            }
        }
        network_ban(&net, 1, "police", "card:alfapass:1234567");
        network_advance(&net, 3000);
        network_agree(&net);
        for (uint32_t i = 1; i <= 5; i++) {
            CHECK(network_check(&net, i, SHIP) == P2P_ANSWER_REFUSE);
        }
        network_deinit(&net);
    }
    network_start(2, 2, 1);
}

/* A node that comes late gets everything, in bounded runs. */
static void test_fresh_node_catches_up(void **state)
{
    (void)state;
    const struct network_options options = {.nodes = 3, .witnesses = 3, .seed = 2};
    network_init(&net, &options);
    network_kill(&net, 3);
    network_connect(&net, 1, 2);
    CHECK_OK(network_notes(&net, 1, 2000));
    network_ban(&net, 2, "all", SHIP);
    network_advance(&net, 2000);
    network_restart(&net, 3);
    uint64_t before = net.pipes[1][3].sent + net.pipes[2][3].sent;
    network_connect_all(&net);
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    /* Each record crosses once: some 120 bytes a note, not twice that. */
    CHECK(net.pipes[1][3].sent + net.pipes[2][3].sent - before < 2000 * 120);
}

/* Two imports at once must not hold each other up. */
static void test_two_imports_at_once(void **state)
{
    (void)state;
    network_start(3, 3, 3);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_OK(network_notes(&net, 1, 300));
        CHECK_OK(network_notes(&net, 2, 200));
        network_deliver(&net, 1, 3, 5000);
        network_deliver(&net, 2, 3, 7000);
        network_deliver(&net, 1, 2, SIZE_MAX);
    }
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(p2p_engine_refused(net.nodes[3].engine, P2P_GAP) == 0);
}

/* A line that is down does not stop a ban when another way exists. */
static void test_relay(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    network_cut(&net, 1, 2);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    network_advance(&net, 1000);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* A ban made during a cut holds after it, and the other side's does too. */
static void test_reconnect_after_cut(void **state)
{
    (void)state;
    network_start(2, 2, 5);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    network_cut(&net, 1, 2);
    network_ban(&net, 1, "all", OTHER);
    network_ban(&net, 2, "all", THIRD);
    network_advance(&net, 60000);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, OTHER) != P2P_ANSWER_REFUSE);
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 1, THIRD) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* A frame cut in the middle of the line leaves nothing behind. */
static void test_cut_in_the_middle_of_a_frame(void **state)
{
    (void)state;
    network_start(2, 2, 6);
    for (size_t at = 1; at < 400; at += 7) {
        CHECK_OK(network_notes(&net, 1, 1));
        network_deliver(&net, 1, 2, at);
        network_cut(&net, 1, 2);
        network_connect(&net, 1, 2);
    }
    network_advance(&net, 3000);
    network_agree(&net);
}

/* A lift spreads as surely as a ban. */
static void test_lift_spreads(void **state)
{
    (void)state;
    network_start(3, 3, 7);
    struct p2p_record_id ban = network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_lift(&net, 3, "all", &ban);
    network_run(&net);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(network_check(&net, i, SHIP) == P2P_ANSWER_ALLOW);
    }
    network_advance(&net, 3000);
    network_agree(&net);
}

/* Peers with nothing to say keep quiet: `seen` and heartbeats do not answer each other. */
static void test_idle_network_comes_to_rest(void **state)
{
    (void)state;
    network_start(4, 4, 8);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 180000);
    uint64_t size = 0;
    for (uint32_t i = 1; i <= 4; i++) {
        size += network_size(&net, i, network_feed(&net, i));
    }
    uint64_t frames = network_frames(&net);
    uint64_t batches = net.nodes[1].batches;
    network_advance(&net, 60000);
    for (uint32_t i = 1; i <= 4; i++) {
        size -= network_size(&net, i, network_feed(&net, i));
    }
    CHECK(size == 0);
    /* A minute: 4 heartbeats, each relayed once by everybody (4 * 9), and 4 * 2 digests and
     * their echoes. */
    CHECK(network_frames(&net) - frames <= 4 * 9 + 4 * 2 * 2);
    CHECK(net.nodes[1].batches - batches < 200);
    network_agree(&net);
}

/* An exchange with nothing new is cheap. */
static void test_exchange_with_nothing_new(void **state)
{
    (void)state;
    network_start(2, 2, 9);
    network_advance(&net, 120000);
    uint64_t bytes = network_bytes(&net);
    network_advance(&net, 30000);
    CHECK(network_bytes(&net) - bytes < 300);
}

/* Who watches would not see that records are missing, or go on seeing it. */
static void test_lag_is_what_is_named_and_not_here(void **state)
{
    (void)state;
    network_start(2, 2, 12);
    network_cut(&net, 1, 2);
    CHECK_OK(network_notes(&net, 1, 30));
    CHECK(p2p_engine_lag(net.nodes[2].engine, 1) == 0); /* nobody has told it */
    network_connect(&net, 1, 2);
    for (unsigned i = 0; i < 100 && p2p_engine_lag(net.nodes[2].engine, 1) == 0; i++) {
        network_deliver(&net, 2, 1, 128);
        network_deliver(&net, 1, 2, 128);
    }
    uint64_t lacking = network_size(&net, 1, 1) - network_size(&net, 2, 1);
    CHECK(lacking >= 30 && p2p_engine_lag(net.nodes[2].engine, 1) == lacking);
    network_run(&net);
    CHECK(network_size(&net, 2, 1) == network_size(&net, 1, 1));
    CHECK(p2p_engine_lag(net.nodes[2].engine, 1) == 0);
}

/* What a peer is believed to have is a hint: a wrong one is put right by comparing. */
static void test_wrong_idea_of_a_peer(void **state)
{
    (void)state;
    network_start(2, 2, 10);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    uint8_t bytes[256];
    struct p2p_writer out;
    /* Node 2 claims to hold far more of everything than there is. */
    for (uint32_t feed = 1; feed <= 2; feed++) {
        const struct p2p_frontier_entry lie = {.feed = feed, .size = 1000};
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_frontier_write(&out, false, &lie, 1);
        network_inject(&net, 2, 1, p2p_writer_slice(&out));
    }
    network_run(&net);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 65000);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    network_advance(&net, 5000);
    network_agree(&net);
}

/* A peer that is stopped is not sent more than it can be expected to take. */
static void test_stopped_peer(void **state)
{
    (void)state;
    network_start(3, 3, 11);
    net.pipes[1][2].held = true;
    net.pipes[3][2].held = true;
    for (unsigned i = 0; i < 40; i++) {
        CHECK_OK(network_notes(&net, 1, 500));
        network_run(&net);
    }
    CHECK(net.pipes[1][2].len - net.pipes[1][2].at <
          P2P_SEND_AHEAD_BYTES + 2 * P2P_FRAME_BYTES_MAX);
    net.pipes[1][2].held = false;
    net.pipes[3][2].held = false;
    network_advance(&net, 3000);
    network_agree(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_all_nodes_hold_the_same, network_stop),
        cmocka_unit_test_teardown(test_fresh_node_catches_up, network_stop),
        cmocka_unit_test_teardown(test_two_imports_at_once, network_stop),
        cmocka_unit_test_teardown(test_relay, network_stop),
        cmocka_unit_test_teardown(test_reconnect_after_cut, network_stop),
        cmocka_unit_test_teardown(test_cut_in_the_middle_of_a_frame, network_stop),
        cmocka_unit_test_teardown(test_lift_spreads, network_stop),
        cmocka_unit_test_teardown(test_idle_network_comes_to_rest, network_stop),
        cmocka_unit_test_teardown(test_exchange_with_nothing_new, network_stop),
        cmocka_unit_test_teardown(test_lag_is_what_is_named_and_not_here, network_stop),
        cmocka_unit_test_teardown(test_wrong_idea_of_a_peer, network_stop),
        cmocka_unit_test_teardown(test_stopped_peer, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
