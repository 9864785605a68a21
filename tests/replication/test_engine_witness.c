/* Cosignatures, quorums, acknowledgements, heartbeats and the two clocks. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/frame.h>

#include <stdio.h>

#define SHIP "imo:9179842"

static const struct p2p_witnessing *witnessing(uint32_t node, uint32_t feed)
{
    return p2p_engine_witnessing(net.nodes[node].engine, feed);
}

/* Every node learns the quorum of the newest size, and can show it as a note that verifies. */
static void test_a_quorum_is_reached_everywhere(void **state)
{
    (void)state;
    network_start(4, 4, 1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    uint32_t feed = network_feed(&net, 1);
    for (uint32_t i = 1; i <= 4; i++) {
        static char note[P2P_NOTE_BYTES_MAX];
        size_t len = 0;
        struct p2p_checkpoint checkpoint;
        const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[i].engine)->charter;
        CHECK(witnessing(i, feed)->quorum_size == network_size(&net, 1, feed));
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[i].kv);
        CHECK_OK(p2p_quorum_note(charter, kv, feed, note, sizeof(note), &len));
        memory_kv_abort(net.nodes[i].kv);
        CHECK_OK(p2p_charter_quorum_note(charter, p2p_sigs_ed25519(), feed,
                                         p2p_slice_of((const uint8_t *)note, len),
                                         &checkpoint));
        CHECK(checkpoint.size == network_size(&net, 1, feed));
    }
}

/* Whoever calls a record witnessed has the note that says so, though it is not stored yet: a
 * cut at that note would otherwise take from an issuer what was witnessed. */
static void test_a_new_quorum_is_shown_before_it_is_stored(void **state)
{
    (void)state;
    uint32_t early = 0;
    network_start(4, 4, 1);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    uint32_t feed = network_feed(&net, 1);
    for (uint32_t i = 1; i <= 4; i++) {
        static char note[P2P_NOTE_BYTES_MAX];
        size_t len = 0;
        struct p2p_checkpoint checkpoint;
        const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[i].engine);
        CHECK(witnessing(i, feed)->quorum_size == network_size(&net, 1, feed));
        early += witnessing(i, feed)->quorum_dirty;
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[i].kv);
        CHECK_OK(p2p_witnessing_note(witnessing(i, feed), ledger->charter,
                                     p2p_ledger_feed(ledger, feed), kv, note, sizeof(note),
                                     &len));
        memory_kv_abort(net.nodes[i].kv);
        CHECK_OK(p2p_charter_quorum_note(ledger->charter, p2p_sigs_ed25519(), feed,
                                         p2p_slice_of((const uint8_t *)note, len),
                                         &checkpoint));
        CHECK(checkpoint.size == witnessing(i, feed)->quorum_size);
    }
    CHECK(early > 0);
}

/* A node that was away learns the quorums it missed, also of feeds that have come to rest. */
static void test_a_quorum_is_told_to_who_comes_late(void **state)
{
    (void)state;
    network_start(4, 4, 2);
    network_kill(&net, 4);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    uint32_t feed = network_feed(&net, 1);
    CHECK(witnessing(2, feed)->quorum_size == network_size(&net, 1, feed));
    network_restart(&net, 4);
    network_connect_all(&net);
    network_advance(&net, 2500);
    CHECK(witnessing(4, feed)->quorum_size == network_size(&net, 1, feed));
    network_restart(&net, 2); /* and is not forgotten */
    CHECK(witnessing(2, feed)->quorum_size > 0);
}

/* The fixture checks that sizes and times never decrease; here the clock goes back and nodes
 * start again. */
static void test_times_never_decrease(void **state)
{
    (void)state;
    network_start(3, 3, 3);
    for (uint32_t round = 0; round < 6; round++) {
        net.nodes[2].wall_skew_ms = round % 2 ? -7200000 : 7200000;
        network_ban(&net, 1, "all", SHIP);
        network_advance(&net, 1500);
        if (round >= 3) {
            network_restart(&net, 2);
            network_connect_all(&net);
        }
    }
    network_advance(&net, 3000);
    CHECK(net.nodes[2].watch.count > 6);
    network_agree(&net);
}

/* Under load a witness cosigns at most every 100 ms, always the newest. */
static void test_cosigning_under_load(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    uint64_t before = net.nodes[2].watch.count;
    for (unsigned i = 0; i < 100; i++) {
        CHECK_OK(network_notes(&net, 1, 2));
        network_advance(&net, 10);
    }
    CHECK(net.nodes[2].watch.count - before <= 11);
    network_advance(&net, 500);
    uint32_t feed = network_feed(&net, 1);
    CHECK(witnessing(3, feed)->quorum_size == network_size(&net, 1, feed));
}

/* Witnesses whose turns come at different times agree on sizes all the same, or nothing would
 * be witnessed while a port is busy. */
static void test_quorums_under_load(void **state)
{
    (void)state;
    network_start(7, 7, 4);
    uint64_t last = 0;
    unsigned quorums = 0;
    for (unsigned i = 0; i < 400; i++) {
        for (uint32_t node = 3; node <= 7; node++) {
            net.pipes[1][node].held = i < 7 * node; /* their turns come apart */
        }
        CHECK_OK(network_notes(&net, 1, 1));
        network_advance(&net, 5);
        uint64_t size = witnessing(1, 1)->quorum_size;
        quorums += size != last;
        last = size;
    }
    CHECK(quorums > 10);
    CHECK(network_size(&net, 1, 1) - last < 60);
    network_advance(&net, 1500);
    CHECK(witnessing(1, 1)->quorum_size == network_size(&net, 1, 1));
    network_restart(&net, 1); /* stored with the feed's own signature */
    CHECK(witnessing(1, 1)->quorum_size == network_size(&net, 1, 1));
}

/* Mirrored: a witness's cosignature or another member's acknowledgement shows it. */
static void test_mirrored(void **state)
{
    (void)state;
    network_start(3, 3, 5);
    network_ban(&net, 1, "all", SHIP);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) < network_size(&net, 1, 1));
    network_advance(&net, 300);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == network_size(&net, 1, 1));
    network_deinit(&net);

    network_start(2, 0, 5); /* nobody witnesses: acknowledgements */
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 300);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == network_size(&net, 1, 1));
    /* After a restart the owner is told again. */
    network_restart(&net, 1);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == 0);
    network_connect_all(&net);
    network_advance(&net, 300);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == network_size(&net, 1, 1));
}

/* Forged acknowledgements and cosignatures show nothing. */
static void test_forged_acknowledgements(void **state)
{
    (void)state;
    network_start(2, 0, 6);
    net.pipes[1][2].held = true;
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    uint64_t mirrored = p2p_engine_mirrored(net.nodes[1].engine);
    uint8_t bytes[256];
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    for (uint64_t size = 1; size <= network_size(&net, 1, 1) + 1; size++) {
        const struct p2p_ack ack = {.feed = 1, .size = size};
        out.len = 0;
        p2p_ack_write(&out, &ack);
        network_inject(&net, 2, 1, p2p_writer_slice(&out));
    }
    network_run(&net);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == mirrored);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_BADSIG) >= 1);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_UNKNOWN) >= 1);
    CHECK(net.nodes[1].closed == 0);
    net.pipes[1][2].held = false;
}

static void lie(uint32_t from, uint32_t to, uint32_t feed, uint64_t size)
{
    const struct world_member *keys = &net.nodes[from].keys;
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    uint8_t bytes[256];
    struct p2p_writer out;
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/m%u/1", feed);
    struct p2p_cosign_body body = {
        .feed = feed, .size = size, .root = p2p_sha256(p2p_slice_text("lie")), .witness = from};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(origin), .size = size, .root = body.root};
    p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &keys->witness, net.wall_ms / 1000,
                       &body.cosignature);
    p2p_writer_init(&out, bytes, sizeof(bytes));
    p2p_cosign_write(&out, &body);
    network_inject(&net, from, to, p2p_writer_slice(&out));
}

/* One witness that signs sizes nobody has must not keep the others' quorum away. */
static void test_a_lying_witness(void **state)
{
    (void)state;
    network_start(5, 5, 7); /* four witnesses, one of them may lie */
    for (uint64_t i = 0; i < 40; i++) {
        lie(5, 2, 1, (UINT64_C(1) << 40) + i * 977);
        lie(5, 1, 1, (UINT64_C(1) << 41) - i);
    }
    network_run(&net);
    network_kill(&net, 5); /* it does nothing else */
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(witnessing(i, 1)->quorum_size == network_size(&net, 1, 1));
    }
    /* A lie about a size that is held is refused and shows nothing as mirrored. */
    network_cut(&net, 1, 2);
    network_connect(&net, 1, 2);
    uint64_t refused = p2p_engine_refused(net.nodes[1].engine, P2P_MISMATCH);
    net.pipes[1][2].held = true;
    CHECK_OK(network_notes(&net, 1, 1));
    uint64_t mirrored = p2p_engine_mirrored(net.nodes[1].engine);
    lie(2, 1, 1, network_size(&net, 1, 1));
    network_deliver(&net, 2, 1, SIZE_MAX);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_MISMATCH) == refused + 1);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == mirrored);
    net.pipes[1][2].held = false;
    network_advance(&net, 2000);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) == network_size(&net, 1, 1));
}

static void change_witnesses(uint32_t node, const char *feed, const char *add,
                             const char *remove)
{
    static struct world_draft draft;
    const struct p2p_op_witness op = {.feed = feed, .add = add, .remove = remove};
    world_draft(&draft);
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, node, network_entry(&net, &draft));
}

/* The newest size is quorum-cosigned at a node, and its note says so to a stranger. */
static void check_witnessed(uint32_t node, uint32_t feed, uint64_t size)
{
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = 0;
    struct p2p_checkpoint checkpoint;
    const struct p2p_charter *charter = p2p_engine_ledger(net.nodes[node].engine)->charter;
    CHECK(witnessing(node, feed)->quorum_size == size);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    CHECK_OK(p2p_quorum_note(charter, kv, feed, note, sizeof(note), &len));
    memory_kv_abort(net.nodes[node].kv);
    CHECK_OK(p2p_charter_quorum_note(charter, p2p_sigs_ed25519(), feed,
                                     p2p_slice_of((const uint8_t *)note, len), &checkpoint));
    CHECK(checkpoint.size == size);
}

/* One witness for another: across the change both sets hold a quorum, after the next change the
 * one that left is asked no more. */
static void test_changed_witnesses(void **state)
{
    (void)state;
    network_start(6, 5, 8); /* feed 1: members 2 to 5, three of four */
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    change_witnesses(1, "m1/1", "m6", "m2");
    network_advance(&net, 2500);
    /* 2 and 3 are away: a quorum of the new set, none of the old. */
    network_kill(&net, 2);
    network_kill(&net, 3);
    uint64_t before = witnessing(1, 1)->quorum_size;
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    CHECK(witnessing(1, 1)->quorum_size == before);
    /* The one that left still cosigns: with it there is a quorum of either. */
    network_restart(&net, 2);
    network_connect_all(&net);
    network_advance(&net, 2500);
    for (uint32_t i = 1; i <= 6; i++) {
        if (i != 3) {
            check_witnessed(i, 1, network_size(&net, 1, 1));
        }
    }
    network_restart(&net, 3);
    network_connect_all(&net);
    change_witnesses(1, "m1/1", NULL, "m3");
    network_advance(&net, 2500);
    network_kill(&net, 2);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    for (uint32_t i = 1; i <= 6; i++) {
        if (i != 2) {
            check_witnessed(i, 1, network_size(&net, 1, 1));
        }
    }
}

/* While a port is busy its witnesses change, and what it writes goes on being witnessed. */
static void test_change_under_load(void **state)
{
    (void)state;
    uint64_t last = 0;
    unsigned quorums = 0;
    network_start(6, 5, 11);
    for (unsigned i = 0; i < 300; i++) {
        if (i == 60 || i == 200) {
            change_witnesses(1 + i % 5, "m1/1", i == 60 ? "m6" : "m2", i == 60 ? "m2" : "m4");
        }
        CHECK_OK(network_notes(&net, 1, 1));
        network_advance(&net, 10);
        quorums += witnessing(1, 1)->quorum_size != last;
        CHECK(witnessing(1, 1)->quorum_size >= last);
        last = witnessing(1, 1)->quorum_size;
    }
    CHECK(quorums > 10);
    network_advance(&net, 2500);
    for (uint32_t i = 1; i <= 6; i++) {
        check_witnessed(i, 1, network_size(&net, 1, 1));
    }
    network_agree(&net);
}

/* A feed that nobody witnessed is witnessed from the first version on that names somebody. */
static void test_first_witness(void **state)
{
    (void)state;
    network_start(3, 0, 12);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    CHECK(witnessing(2, 1)->quorum_size == 0);
    change_witnesses(1, "m1/1", "m2", NULL);
    network_advance(&net, 2500);
    for (uint32_t i = 1; i <= 3; i++) {
        check_witnessed(i, 1, network_size(&net, 1, 1));
    }
    change_witnesses(1, "m1/1", "m3", NULL);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2500);
    for (uint32_t i = 1; i <= 3; i++) {
        check_witnessed(i, 1, network_size(&net, 1, 1));
    }
}

/* The age of a feed is shown from the heartbeats of its owner, and rises when it is cut off. */
static void test_ages(void **state)
{
    (void)state;
    network_start(3, 3, 9);
    network_advance(&net, 130000);
    struct p2p_now now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) <= 61000);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 2, &now) == 0);
    network_kill(&net, 1);
    network_advance(&net, 600000);
    now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) >= 600000);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 3, &now) <= 61000);
    /* After a restart nothing was heard yet. */
    network_restart(&net, 2);
    now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) == UINT64_MAX);
    /* Node 3 passes the last heartbeat of node 1 on: its time tells the age. */
    network_connect(&net, 2, 3);
    network_run(&net);
    now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) >= 600000);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) != UINT64_MAX);
}

/* Without this, a member whose clock was ahead for a minute would seem dead until the others'
 * clocks get there: its key signs the last time again, and its heartbeats must be heard. */
static void test_age_after_a_clock_went_back(void **state)
{
    (void)state;
    network_start(3, 3, 9);
    network_advance(&net, 5000);
    net.nodes[1].wall_skew_ms = 30 * INT64_C(86400000);
    network_advance(&net, 70000);
    net.nodes[1].wall_skew_ms = 0;
    network_advance(&net, 900000);
    struct p2p_now now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) <= 61000);
    network_kill(&net, 1);
    network_advance(&net, 600000);
    now = network_now(&net, 2);
    CHECK(p2p_engine_age_ms(net.nodes[2].engine, 1, &now) >= 600000);
}

/* Quorum time follows the witnesses, not the own clock; without fresh ones there is none. */
static void test_quorum_time(void **state)
{
    (void)state;
    network_start(4, 4, 10);
    net.nodes[1].wall_skew_ms = 3600000;
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 1000);
    struct p2p_now now = network_now(&net, 1);
    uint64_t quorum_ms = p2p_engine_quorum_ms(net.nodes[1].engine, &now);
    CHECK(quorum_ms != 0);
    CHECK(quorum_ms <= net.wall_ms);
    CHECK(net.wall_ms - quorum_ms < 5000);
    for (uint32_t i = 2; i <= 4; i++) {
        network_cut(&net, 1, i);
    }
    network_advance(&net, 901000);
    now = network_now(&net, 1);
    CHECK(p2p_engine_quorum_ms(net.nodes[1].engine, &now) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_quorum_is_reached_everywhere, network_stop),
        cmocka_unit_test_teardown(test_a_new_quorum_is_shown_before_it_is_stored, network_stop),
        cmocka_unit_test_teardown(test_a_quorum_is_told_to_who_comes_late, network_stop),
        cmocka_unit_test_teardown(test_times_never_decrease, network_stop),
        cmocka_unit_test_teardown(test_cosigning_under_load, network_stop),
        cmocka_unit_test_teardown(test_quorums_under_load, network_stop),
        cmocka_unit_test_teardown(test_mirrored, network_stop),
        cmocka_unit_test_teardown(test_forged_acknowledgements, network_stop),
        cmocka_unit_test_teardown(test_a_lying_witness, network_stop),
        cmocka_unit_test_teardown(test_changed_witnesses, network_stop),
        cmocka_unit_test_teardown(test_change_under_load, network_stop),
        cmocka_unit_test_teardown(test_first_witness, network_stop),
        cmocka_unit_test_teardown(test_ages, network_stop),
        cmocka_unit_test_teardown(test_age_after_a_clock_went_back, network_stop),
        cmocka_unit_test_teardown(test_quorum_time, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
