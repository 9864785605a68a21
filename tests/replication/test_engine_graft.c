/* How trees of feeds mend: a branch that is cut asks elsewhere, and turns round where it must;
 * what is missing of cosignatures is asked for without a branch for it. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/frame.h>

/* Everybody writes once, so that each feed has its tree. */
static void grow(void)
{
    for (uint32_t i = 1; i <= net.node_count; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_advance(&net, 1100);
    }
}

/* A record goes to everybody at once, with no time for announcements. */
static void goes_at_once(uint32_t from)
{
    CHECK_OK(network_notes(&net, from, 1));
    network_run(&net);
    CHECK(network_even());
}

static size_t place_of(uint32_t from, uint32_t to, enum p2p_frame_type type)
{
    const struct network_pipe *pipe = &net.pipes[from][to];
    size_t place = 0;
    for (size_t at = pipe->at; at + 4 < pipe->len; place++) {
        size_t len = (size_t)pipe->data[at + 2] << 8 | pipe->data[at + 3];
        if (pipe->data[at + 4] == (uint8_t)type) {
            return place;
        }
        at += 4 + len;
    }
    return SIZE_MAX;
}

/* Who takes a record and its owner's heartbeat in one batch passes them on in that order: who
 * got the heartbeat first would ask for what is on its way. */
static void test_heartbeat_does_not_overtake(void **state)
{
    (void)state;
    network_chain(3, 3, 1);
    grow();
    CHECK_OK(network_notes(&net, 1, 1));
    CHECK(place_of(1, 2, P2P_FRAME_RUN) < place_of(1, 2, P2P_FRAME_COSIGN));
    CHECK(place_of(1, 2, P2P_FRAME_COSIGN) != SIZE_MAX);
    CHECK(network_deliver(&net, 1, 2, SIZE_MAX));
    CHECK(place_of(2, 3, P2P_FRAME_RUN) < place_of(2, 3, P2P_FRAME_COSIGN));
    CHECK(place_of(2, 3, P2P_FRAME_COSIGN) != SIZE_MAX);
}

/* 2 is cut off from the owner and has only peers below it: the branch turns round, from where
 * it touches another, before anything is written. */
static void test_branch_turns_round(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        network_chain(6, 6, 20 + seed);
        network_connect(&net, 6, 1);
        grow();
        grow();
        network_cut(&net, 1, 2);
        network_run(&net);
        for (uint32_t of = 1; of <= 6; of++) {
            goes_at_once(of);
        }
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* Two lose their parent at the same moment and ask each other: one of them asks on. */
static void test_two_ask_each_other(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        network_init(&net,
                     &(struct network_options){.nodes = 6, .witnesses = 6, .seed = 30 + seed});
        network_connect(&net, 1, 2);
        network_connect(&net, 1, 3);
        network_connect(&net, 2, 3);
        network_connect(&net, 1, 6);
        network_connect(&net, 6, 4);
        network_connect(&net, 6, 5);
        network_connect(&net, 4, 2);
        network_connect(&net, 5, 3);
        network_advance(&net, 3000);
        grow();
        grow();
        network_cut(&net, 1, 2);
        network_cut(&net, 1, 3);
        network_run(&net);
        goes_at_once(1);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

static uint64_t written(void)
{
    uint64_t records = 0;
    for (uint32_t i = 2; i <= 7; i++) {
        records += network_size(&net, i, network_feed(&net, i));
    }
    return records;
}

/* The only witness of all others is gone for good: nobody grows branches for cosignatures that
 * do not come, so records still travel once. */
static void test_lost_witness_grows_nothing(void **state)
{
    (void)state;
    network_chain(7, 1, 3);
    network_connect(&net, 7, 2);
    network_connect(&net, 3, 6);
    for (unsigned i = 0; i < 3; i++) { /* until each was told by each of its peers */
        grow();
    }
    network_kill(&net, 1);
    network_advance(&net, 20000);
    network_count_anew(&net);
    uint64_t before = written();
    for (unsigned i = 0; i < 24; i++) {
        CHECK_OK(network_notes(&net, 2 + i % 6, 1));
        network_advance(&net, 7000);
    }
    /* and `seen` now and then */
    CHECK(network_carried(&net).runs <= (written() - before) * 5);
}

/* What is on the lines to a node from two peers is held for ms; of these types all is lost. */
static void lose_for(unsigned ms, const uint32_t from[2], uint32_t to,
                     const enum p2p_frame_type *types, size_t count)
{
    for (unsigned at = 0; at < ms; at += 10) {
        net.pipes[from[0]][to].held = true;
        net.pipes[from[1]][to].held = true;
        network_advance(&net, 10);
        for (size_t i = 0; i < count; i++) {
            network_drop(&net, from[0], to, types[i]);
            network_drop(&net, from[1], to, types[i]);
        }
        net.pipes[from[0]][to].held = false;
        net.pipes[from[1]][to].held = false;
        network_run(&net);
    }
}

/* A record that the parent's line lost, and of which a cosignature told long ago: whoever
 * announces it is asked for it at once, since the parent had its time. */
static void test_missed_is_asked_for_at_once(void **state)
{
    (void)state;
    static const enum p2p_frame_type lost[] = {P2P_FRAME_RUN, P2P_FRAME_FRONTIER};
    network_init(&net, &(struct network_options){.nodes = 5, .witnesses = 1, .seed = 5});
    network_connect(&net, 1, 2);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 5);
    network_connect(&net, 3, 4);
    network_connect(&net, 5, 4);
    network_advance(&net, 3000);
    grow();
    grow();
    uint32_t feed = network_feed(&net, 2);
    CHECK_OK(network_notes(&net, 2, 1));
    lose_for(400, (const uint32_t[]){3, 5}, 4, lost, 2);
    CHECK(network_size(&net, 4, feed) < network_size(&net, 2, feed));
    network_advance(&net, 350); /* the next announcement comes within 300 */
    CHECK(network_size(&net, 4, feed) == network_size(&net, 2, feed));
}

/* Cosignatures that both lines lost are asked for soon, of one peer and then of another. */
static void test_lost_cosignatures_are_asked_for(void **state)
{
    (void)state;
    const enum p2p_frame_type lost = P2P_FRAME_COSIGN;
    network_chain(4, 4, 4);
    network_connect(&net, 4, 1);
    grow();
    uint32_t feed = network_feed(&net, 2);
    CHECK_OK(network_notes(&net, 2, 1));
    lose_for(1000, (const uint32_t[]){3, 1}, 4, &lost, 1);
    CHECK(network_size(&net, 4, feed) == network_size(&net, 2, feed));
    CHECK(p2p_engine_witnessing(net.nodes[4].engine, feed)->quorum_size <
          network_size(&net, 2, feed));
    network_advance(&net, 10000);
    CHECK(p2p_engine_witnessing(net.nodes[4].engine, feed)->quorum_size ==
          network_size(&net, 2, feed));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_heartbeat_does_not_overtake, network_stop),
        cmocka_unit_test_teardown(test_branch_turns_round, network_stop),
        cmocka_unit_test_teardown(test_two_ask_each_other, network_stop),
        cmocka_unit_test_teardown(test_lost_witness_grows_nothing, network_stop),
        cmocka_unit_test_teardown(test_missed_is_asked_for_at_once, network_stop),
        cmocka_unit_test_teardown(test_lost_cosignatures_are_asked_for, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
