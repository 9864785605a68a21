/* Bans of a forked feed: whoever holds one when the fork is taken, its gate goes on refusing by
 * it. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#include <p2p/kept.h>

#include <string.h>

#define SHIP "imo:9074729"

/* Node 4 bans a ship and tells one node alone; then it starts over from before and tells the
 * other another history. Returns where the ban stood. Nobody is connected afterwards. */
static struct p2p_record_id known_to(uint32_t one, uint32_t other, uint64_t seed)
{
    network_start(4, 4, seed);
    network_advance(&net, 3000 - net.wall_ms % 1000);
    struct network_moment before = network_moment(&net, 4);
    network_cut_all(&net);
    network_connect(&net, one, 4);
    network_run(&net);
    struct p2p_record_id id = network_ban(&net, 4, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, one, SHIP) == P2P_ANSWER_REFUSE);
    network_start_over(&net, 4, &before);
    network_connect(&net, other, 4);
    network_run(&net);
    net.mono_ms += 7;
    net.wall_ms += 7;
    CHECK_OK(network_notes(&net, 4, 1));
    network_run(&net);
    network_kill(&net, 4);
    return id;
}

static void join_honest(void)
{
    for (uint32_t a = 1; a <= 2; a++) {
        for (uint32_t b = a + 1; b <= 3; b++) {
            if (!network_connected(&net, a, b)) {
                network_connect(&net, a, b);
            }
        }
    }
    network_advance(&net, 6000);
}

static void start_without_copy(uint32_t node, bool lost)
{
    network_kill(&net, node);
    net.nodes[node].options.copy_lost = lost;
    CHECK_OK(network_open(&net, node));
}

static uint64_t end_of(uint32_t node)
{
    return p2p_ledger_feed(p2p_engine_ledger(net.nodes[node].engine), 4)->ends_at;
}

/* A gate that may not append takes the fork as all others do, keeps the ban that it alone knew,
 * and carries it as soon as it may. */
static void test_kept_aside(void **state)
{
    (void)state;
    known_to(1, 3, 80);
    start_without_copy(1, true);
    CHECK(p2p_engine_read_only(net.nodes[1].engine) == P2P_READ_ONLY_RESTORED);
    network_connect(&net, 1, 3); /* 2 shall not have it from 1 before it knows */
    network_advance(&net, 6000);
    join_honest();
    network_agree(&net);
    CHECK(network_size(&net, 1, 4) == end_of(1));
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 1);
    CHECK(p2p_engine_traced(net.nodes[1].engine, P2P_TRACE_KEPT) == 1);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_ALLOW);
    CHECK(network_check(&net, 1, "imo:9241061") != P2P_ANSWER_REFUSE);
    /* It outlives a start, and stays while the node may not append. */
    start_without_copy(1, true);
    join_honest();
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 1);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    start_without_copy(1, false);
    CHECK(p2p_engine_read_only(net.nodes[1].engine) == P2P_READ_ONLY_NONE);
    join_honest();
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 0);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
    }
    network_advance(&net, 2000);
    network_agree(&net);
}

/* A row of what is kept goes with its block, and nobody else has it: a gate that forgot that it
 * held one would let in whom it forbids. */
static void test_kept_rows_that_are_lost(void **state)
{
    (void)state;
    known_to(1, 3, 85);
    start_without_copy(1, true);
    network_connect(&net, 1, 3);
    network_advance(&net, 6000);
    join_honest();
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 1);
    network_kill(&net, 1);
    const uint8_t first = P2P_INDEX_KEPT;
    struct p2p_slice key, value;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(&first, 1), &key, &value));
    CHECK(key.len > 1 && key.data[0] == P2P_INDEX_KEPT);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_INDEX, key));
    CHECK_OK(memory_kv_commit(net.nodes[1].kv));
    for (unsigned starts = 0; starts < 2; starts++) { /* the store says so from then on */
        start_without_copy(1, false);
        CHECK(p2p_engine_read_only(net.nodes[1].engine) == P2P_READ_ONLY_NONE);
        join_honest();
        CHECK(p2p_engine_kept(net.nodes[1].engine) == 0);
        CHECK(p2p_engine_damage(net.nodes[1].engine)->lost_bans == 1);
        CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFER);
        CHECK(network_check(&net, 1, "imo:9241061") == P2P_ANSWER_REFER);
        CHECK(network_check(&net, 2, "imo:9241061") == P2P_ANSWER_ALLOW);
    }
}

/* What another record carries by now is kept no longer. */
static void test_carried_by_another(void **state)
{
    (void)state;
    known_to(1, 3, 81);
    network_connect(&net, 1, 2); /* who now holds it too */
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_cut(&net, 1, 2);
    start_without_copy(1, true);
    network_connect(&net, 1, 3);
    network_advance(&net, 6000);
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 1);
    join_honest();
    CHECK(p2p_engine_kept(net.nodes[1].engine) == 0);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
    }
    network_advance(&net, 2000);
    network_agree(&net);
}

/* The owner's own node ends where all others do, and its gate forgets nothing. */
static void test_the_owner(void **state)
{
    (void)state;
    struct network_node *n = &net.nodes[4];
    known_to(1, 3, 82);
    join_honest();
    CHECK_OK(network_open(&net, 4));
    CHECK_OK(network_notes(&net, 4, 3));
    network_ban(&net, 4, "all", "imo:9241061");
    network_connect_all(&net);
    network_advance(&net, 8000);
    CHECK(p2p_engine_read_only(n->engine) == P2P_READ_ONLY_FORKED);
    CHECK(network_size(&net, 4, 4) == end_of(1));
    network_agree(&net);
    CHECK(network_check(&net, 4, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 4, "imo:9241061") == P2P_ANSWER_REFUSE);
    network_restart(&net, 4);
    CHECK(p2p_engine_read_only(n->engine) == P2P_READ_ONLY_FORKED);
    network_connect_all(&net);
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 4, "imo:9241061") == P2P_ANSWER_REFUSE);
}

/* A member that carries the ban so that it has no effect, in another circle or citing
 * something, stands in nobody's way. */
static void test_a_bad_carrier(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2; round++) {
        uint8_t bytes[4096];
        uint8_t copy[2048];
        struct p2p_slice leaf;
        struct p2p_slice salted;
        struct p2p_pack pack;
        struct p2p_record_id id = known_to(3, 1, 83 + round);
        struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[3].engine);
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[3].kv);
        ledger->kv = kv;
        CHECK_OK(p2p_feed_leaf(p2p_ledger_feed(ledger, 4), kv, id.index, &leaf));
        memcpy(copy, leaf.data, leaf.len);
        CHECK_OK(p2p_ledger_salted(ledger, &id, &salted));
        const struct p2p_rescued rescued = {.feed = 4,
                                            .index = id.index,
                                            .leaf = p2p_slice_of(copy, leaf.len),
                                            .salted = salted};
        p2p_pack_init(&pack, bytes, sizeof(bytes));
        CHECK_OK(p2p_rescued_pack(&pack, &rescued));
        memory_kv_abort(net.nodes[3].kv);
        const struct p2p_record_id cite = {2, 0};
        const struct p2p_append record = {
            .kind = P2P_KIND_RESCUED,
            .circle = round == 0 ? 0 : network_circle_number(&net, 2, "all"),
            .cites = round == 0 ? NULL : &cite,
            .cite_count = round == 0 ? 0 : 1,
            .payload = p2p_pack_slice(&pack)};
        struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
        /* Its feed has the smaller number: of two carriers it stands first. */
        CHECK_OK(network_jobs(&net, 2, &job, 1));
        CHECK_OK(job.result.err);
        network_connect(&net, 2, 3);
        network_run(&net);
        network_cut(&net, 2, 3);
        join_honest();
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        }
        network_advance(&net, 2000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_kept_aside, network_stop),
        cmocka_unit_test_teardown(test_kept_rows_that_are_lost, network_stop),
        cmocka_unit_test_teardown(test_carried_by_another, network_stop),
        cmocka_unit_test_teardown(test_the_owner, network_stop),
        cmocka_unit_test_teardown(test_a_bad_carrier, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
