/* How a record travels: over every hop at once, to each node about once, whatever the lines.
 * P2P_RELAY_PRINT=1 prints what was measured. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/frame.h>

#include <stdlib.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

/* Runs that carried records since the count began anew, per record and node. */
static double carried(const char *what, size_t records)
{
    struct network_carried c = network_carried(&net);
    double share = (double)records * net.node_count;
    if (getenv("P2P_RELAY_PRINT") != NULL) {
        print_message(
            "%s: %.2f runs, %.2f records, %.0f bytes in runs; %.2f frames, %.0f bytes "
            "in all, per record and node\n",
            what, (double)c.runs / share, (double)c.records / share, (double)c.bytes / share,
            (double)network_frames(&net) / share, (double)network_bytes(&net) / share);
    }
    return (double)c.runs / share;
}

/* A ban reaches a port that is three hops away without a pause at any of them, the first one
 * of a session too, and crosses each line once. */
static void test_line_goes_at_once(void **state)
{
    (void)state;
    network_chain(4, 4, 1);
    network_count_anew(&net);
    for (unsigned i = 0; i < 40; i++) {
        network_ban(&net, 1 + i % 4, "all", i % 3 ? SHIP : OTHER);
        network_run(&net); /* no time passes */
        CHECK(network_even());
        network_advance(&net, 1000);
    }
    CHECK(carried("line of 4", 40) <= 0.75);
    network_agree(&net);
}

/* Seven connected nodes write in turn, each after the first of its feed went round. */
static void from_each_in_turn(const char *what)
{
    network_count_anew(&net);
    for (unsigned i = 0; i < 70; i++) {
        CHECK_OK(network_notes(&net, 1 + i % 7, 1));
        network_advance(&net, 300);
        CHECK(network_even());
    }
    CHECK(carried(what, 70) < 1.0);
}

/* With everybody connected a record comes from its owner, and nobody sends it again once the
 * first one of each feed has shown who has it anyway. */
static void test_mesh_carries_once(void **state)
{
    (void)state;
    network_start(7, 7, 2);
    network_count_anew(&net);
    for (uint32_t i = 1; i <= 7; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_run(&net);
    }
    carried("mesh of 7, the first of each feed", 7);
    network_advance(&net, 2000);
    from_each_in_turn("mesh of 7");
}

/* The same for members that only acknowledge, so that no relay hears what others have. */
static void test_mesh_without_witnesses(void **state)
{
    (void)state;
    network_start(7, 0, 3);
    for (uint32_t i = 1; i <= 7; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_advance(&net, 300);
    }
    from_each_in_turn("mesh of 7, no witnesses");
}

/* Under load as well: all import at once, and runs cross in every order. */
static void test_mesh_under_load(void **state)
{
    (void)state;
    network_start(7, 7, 4);
    network_count_anew(&net);
    for (unsigned i = 0; i < 30; i++) {
        for (uint32_t n = 1; n <= 7; n++) {
            CHECK_OK(network_notes(&net, n, 20));
        }
        for (unsigned k = 0; k < 200; k++) {
            network_deliver(&net, 1 + k % 7, 1 + (k / 7 + k) % 7, 1 + k * 13);
        }
        if (i % 5 == 4) {
            network_advance(&net, 40);
        }
    }
    network_advance(&net, 3000);
    network_agree(&net);
    struct network_carried c = network_carried(&net);
    carried("mesh of 7 under load", (size_t)30 * 7);
    CHECK(c.records < 1.6 * 30 * 7 * 20 * 7);
}

/* Neither star nor tree: links that bring a record twice are found and only told of it. */
static void test_ring_carries_once(void **state)
{
    (void)state;
    network_chain(6, 6, 5);
    network_connect(&net, 6, 1);
    network_connect(&net, 2, 5);
    for (uint32_t i = 1; i <= 6; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_advance(&net, 1000);
    }
    network_count_anew(&net);
    for (unsigned i = 0; i < 60; i++) {
        CHECK_OK(network_notes(&net, 1 + i % 6, 1));
        network_run(&net);
        CHECK(network_even());
        network_advance(&net, 500);
    }
    CHECK(carried("ring of 6 with a bridge", 60) < 1.1);
}

/* A link that comes up between two that have every feed already carries only what begins at one
 * of its ends: else each feed's next record would cross it twice, and be pruned twice. */
static void test_new_link_is_not_tried(void **state)
{
    (void)state;
    network_chain(6, 6, 17);
    for (uint32_t i = 1; i <= 6; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_advance(&net, 1000);
    }
    network_connect(&net, 2, 5);
    network_run(&net);
    network_count_anew(&net);
    for (uint32_t i = 1; i <= 6; i++) {
        CHECK_OK(network_notes(&net, i, 1));
        network_advance(&net, 1000);
        CHECK(network_even());
    }
    CHECK(carried("line of 6 with a new bridge", 6) < 1.0);
}

/* An owner's line that is up and carries nothing costs a second, once: then the others' way is
 * taken. When it carries again it is the only one again. */
static void test_owner_stalls(void **state)
{
    (void)state;
    network_start(4, 4, 6);
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(network_notes(&net, 1, 1));
        network_advance(&net, 500);
    }
    net.pipes[1][2].held = true;
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 1500);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_ban(&net, 1, "all", OTHER);
    network_run(&net);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    net.pipes[1][2].held = false;
    network_advance(&net, 2000);
    CHECK_OK(network_notes(&net, 1, 1));
    network_advance(&net, 2000);
    network_count_anew(&net);
    for (unsigned i = 0; i < 10; i++) {
        CHECK_OK(network_notes(&net, 1, 1));
        network_advance(&net, 500);
    }
    CHECK(carried("mesh of 4 after a stall", 10) <= 0.75);
    network_agree(&net);
}

/* The line to who brought the records goes down: the next one comes another way, by asking. */
static void test_parent_goes(void **state)
{
    (void)state;
    network_chain(4, 4, 7);
    network_connect(&net, 1, 3);
    for (unsigned i = 0; i < 4; i++) { /* 3 has its branch from 1; 4 has it from 3 */
        CHECK_OK(network_notes(&net, 1, 1));
        network_advance(&net, 500);
    }
    network_cut(&net, 1, 3);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 200);
    CHECK(network_check(&net, 4, SHIP) == P2P_ANSWER_REFUSE);
    network_ban(&net, 1, "all", OTHER);
    network_run(&net);
    CHECK(network_check(&net, 4, OTHER) == P2P_ANSWER_REFUSE);
}

/* A large run is not thrown at a peer that may have it: it is told, and asks. */
static void test_large_run_is_announced(void **state)
{
    (void)state;
    network_start(3, 3, 8);
    network_count_anew(&net);
    CHECK_OK(network_notes(&net, 1, 512));
    CHECK_OK(network_notes(&net, 1, 512));
    network_advance(&net, 1000);
    CHECK(network_carried(&net).records < 2 * 1100);
    network_deinit(&net);
    network_chain(3, 3, 9);
    network_count_anew(&net);
    for (unsigned i = 0; i < 6; i++) {
        CHECK_OK(network_notes(&net, 1, 512));
        CHECK_OK(network_notes(&net, 1, 512));
        network_advance(&net, i == 0 ? 200 : 0); /* from then on it has asked */
        CHECK(network_even());
    }
    CHECK(network_carried(&net).records < 2 * 6 * 1030);
}

/* A peer that prunes everything gets what an owner and a charter push all the same; a prune of
 * what nobody writes is refused. */
static void test_prune_is_a_hint(void **state)
{
    (void)state;
    network_start(3, 3, 10);
    uint8_t bytes[64];
    for (uint32_t feed = 0; feed <= 4; feed++) {
        struct p2p_writer out;
        p2p_writer_init(&out, bytes, sizeof(bytes));
        p2p_prune_write(&out, &(uint32_t){feed == 4 ? 99 : feed}, 1);
        network_inject(&net, 2, 1, p2p_writer_slice(&out));
        network_inject(&net, 2, 3, p2p_writer_slice(&out));
    }
    network_run(&net);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_UNKNOWN) == 1);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_cut(&net, 1, 2);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 200); /* pruned: told, asked for */
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    network_advance(&net, 2000);
    network_agree(&net);
}

/* Lines that come and go while everybody writes: nothing is lost, nothing stays behind. */
static void test_lines_come_and_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct rng rng = {seed};
        network_start(6, seed % 2 ? 6 : 0, 100 + seed);
        for (unsigned i = 0; i < 60; i++) {
            uint32_t a = 1 + (uint32_t)rng_below(&rng, 6);
            uint32_t b = 1 + (uint32_t)rng_below(&rng, 6);
            if (a != b && network_connected(&net, a, b)) {
                network_cut(&net, a, b);
            } else if (a != b) {
                network_connect(&net, a, b);
            }
            CHECK_OK(network_notes(&net, a, 1 + rng_below(&rng, 40)));
            network_deliver(&net, a, b, 1 + rng_below(&rng, 2000));
            if (rng_below(&rng, 3) == 0) {
                network_advance(&net, rng_below(&rng, 300));
            }
        }
        network_connect_all(&net);
        network_advance(&net, 12000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* ---- heartbeats and cosignatures ---- */

#define MINUTES 10u

/* Nobody's last sign of life is older than a heartbeat interval anywhere. */
static bool all_heard(void)
{
    for (uint32_t at = 1; at <= net.node_count; at++) {
        const struct p2p_now now = network_now(&net, at);
        for (uint32_t of = 1; of <= net.node_count; of++) {
            if (p2p_engine_age_ms(net.nodes[at].engine, network_feed(&net, of), &now) > 62000) {
                return false;
            }
        }
    }
    return true;
}

/* Frames by which witnesses are asked for a lease, and answer: who has no link to a quorum of
 * them asks those there are again, ever later; three times in these minutes. */
static uint64_t lease_frames(void)
{
    uint64_t links = 0;
    for (uint32_t a = 1; a <= net.node_count; a++) {
        for (uint32_t b = 1; b <= net.node_count; b++) {
            links += a != b && network_connected(&net, a, b);
        }
    }
    return links * 2 * 3;
}

/* Quiet minutes: each heartbeat of each feed crosses to each other node about once. */
static void beats(const char *what)
{
    uint32_t n = net.node_count;
    bool whole = lease_frames() == (uint64_t)n * (n - 1) * 6; /* all have leases for long */
    uint64_t leases = whole ? 0 : lease_frames();
    uint64_t due = (uint64_t)n * (n - 1) * MINUTES;
    uint64_t digests = (uint64_t)n * 2 * 2 * MINUTES; /* and their echoes */
    network_advance(&net, 130000);
    network_count_anew(&net);
    network_advance(&net, MINUTES * 60000);
    uint64_t frames = network_frames(&net);
    if (getenv("P2P_RELAY_PRINT") != NULL) {
        print_message("%s: %.2f frames for each heartbeat and node\n", what,
                      (double)(frames - digests - leases) / (double)due);
    }
    CHECK(frames <= digests + leases + due * 11 / 10);
    CHECK(all_heard());
}

static void test_heartbeats_in_a_line(void **state)
{
    (void)state;
    network_chain(5, 5, 11);
    beats("line of 5");
}

static void test_heartbeats_in_a_ring(void **state)
{
    (void)state;
    network_chain(6, 6, 12);
    network_connect(&net, 6, 1);
    network_connect(&net, 2, 5);
    beats("ring of 6 with a bridge");
}

static void test_heartbeats_in_a_mesh(void **state)
{
    (void)state;
    network_start(7, 7, 13);
    beats("mesh of 7");
}

/* Four in a circle: 4 hears of 1 by 2 or by 3. */
static void circle(uint64_t seed)
{
    network_init(&net, &(struct network_options){.nodes = 4, .witnesses = 4, .seed = seed});
    network_connect(&net, 1, 2);
    network_connect(&net, 1, 3);
    network_connect(&net, 2, 4);
    network_connect(&net, 3, 4);
    network_advance(&net, 130000);
    CHECK(all_heard());
}

/* Whoever brought an idle feed goes: its heartbeats come over another link at once, though
 * nothing is announced that would show the loss. */
static void test_parent_of_heartbeats_goes(void **state)
{
    (void)state;
    circle(14);
    for (uint32_t by = 2; by <= 3; by++) {
        network_cut(&net, by, 4);
        network_advance(&net, 130000);
        CHECK(all_heard());
        network_connect(&net, by, 4);
        network_advance(&net, 130000);
        CHECK(all_heard());
    }
}

static void advance_withheld(uint32_t by, uint32_t seconds)
{
    for (uint32_t s = 0; s < seconds; s++) {
        net.pipes[by][4].held = true;
        network_advance(&net, 1000);
        network_drop(&net, by, 4, P2P_FRAME_COSIGN);
        net.pipes[by][4].held = false;
        network_run(&net);
    }
}

/* A neighbour that keeps heartbeats and cosignatures to itself is not the only way they come:
 * after one and a half intervals of silence another is asked, and records become witnessed. */
static void test_parent_withholds(void **state)
{
    (void)state;
    circle(15);
    for (uint32_t by = 2; by <= 3; by++) {
        advance_withheld(by, 200);
        const struct p2p_now now = network_now(&net, 4);
        CHECK(p2p_engine_age_ms(net.nodes[4].engine, network_feed(&net, 1), &now) <= 62000);
        CHECK_OK(network_notes(&net, 1, 1));
        advance_withheld(by, 10);
        CHECK(p2p_engine_witnessing(net.nodes[4].engine, network_feed(&net, 1))->quorum_size ==
              network_size(&net, 1, network_feed(&net, 1)));
        network_advance(&net, 130000);
    }
}

/* Cosignatures reach who has no link to the witness: everybody knows what is witnessed. */
static void test_line_is_witnessed(void **state)
{
    (void)state;
    network_chain(5, 5, 16);
    for (uint32_t of = 1; of <= 5; of++) {
        CHECK_OK(network_notes(&net, of, 1));
        network_advance(&net, 200);
        for (uint32_t at = 1; at <= 5; at++) {
            CHECK(p2p_engine_witnessing(net.nodes[at].engine, network_feed(&net, of))
                      ->quorum_size == network_size(&net, of, network_feed(&net, of)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_line_goes_at_once, network_stop),
        cmocka_unit_test_teardown(test_mesh_carries_once, network_stop),
        cmocka_unit_test_teardown(test_mesh_without_witnesses, network_stop),
        cmocka_unit_test_teardown(test_mesh_under_load, network_stop),
        cmocka_unit_test_teardown(test_ring_carries_once, network_stop),
        cmocka_unit_test_teardown(test_owner_stalls, network_stop),
        cmocka_unit_test_teardown(test_parent_goes, network_stop),
        cmocka_unit_test_teardown(test_large_run_is_announced, network_stop),
        cmocka_unit_test_teardown(test_new_link_is_not_tried, network_stop),
        cmocka_unit_test_teardown(test_prune_is_a_hint, network_stop),
        cmocka_unit_test_teardown(test_lines_come_and_go, network_stop),
        cmocka_unit_test_teardown(test_heartbeats_in_a_line, network_stop),
        cmocka_unit_test_teardown(test_heartbeats_in_a_ring, network_stop),
        cmocka_unit_test_teardown(test_heartbeats_in_a_mesh, network_stop),
        cmocka_unit_test_teardown(test_parent_of_heartbeats_goes, network_stop),
        cmocka_unit_test_teardown(test_parent_withholds, network_stop),
        cmocka_unit_test_teardown(test_line_is_witnessed, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
