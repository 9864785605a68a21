/* A member that shows two histories: found, proven, quarantined everywhere; nobody is framed.
 */
#include "check.h"

#include "network_fixture.h"

#include <stdio.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

/* Node 4 goes on from `common` records in two ways: `one` more told to node 1, `two` more told
 * to node 2, none of them to the others yet. */
static void equivocate(uint64_t common, uint64_t one, uint64_t two)
{
    struct network_node *n = &net.nodes[4];
    while (network_size(&net, 4, 4) < common) {
        CHECK_OK(network_notes(&net, 4, 1));
    }
    network_run(&net);
    CHECK(network_size(&net, 4, 4) == common);
    struct network_moment before = network_moment(&net, 4);
    network_cut_all(&net);
    CHECK(network_size(&net, 4, 4) == common);
    for (unsigned side = 1; side <= 2; side++) {
        uint64_t more = side == 1 ? one : two;
        if (side == 1) {
            network_restart(&net, 4);
        } else {
            n->options = before.options;
            memset(n->watch.size, 0, sizeof(n->watch.size)); /* it has no shame */
            network_put_back(&net, 4, &before);
        }
        network_connect(&net, side, 4);
        network_run(&net);
        for (uint64_t i = 0; i < more; i++) {
            net.mono_ms += 7; /* the histories differ in their times */
            net.wall_ms += 7;
            CHECK_OK(network_notes(&net, 4, 1));
        }
        network_run(&net);
        CHECK(network_size(&net, side, 4) == common + more);
        network_cut(&net, side, 4);
        if (side == 2) {
            CHECK(p2p_engine_read_only(n->engine) == P2P_READ_ONLY_NONE);
        }
    }
    network_kill(&net, 4);
}

/* The proof in some honest node's feed, verified with nothing but the feed's key. */
static void check_portable(uint32_t node)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    const struct p2p_feed *own = p2p_ledger_feed(ledger, node);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, 4);
    bool found = false;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    for (uint64_t i = 0; i < own->edge.size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        struct p2p_unpack in;
        CHECK_OK(p2p_feed_leaf(own, kv, i, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        if (record.kind != P2P_KIND_FORK) {
            continue;
        }
        CHECK(!found); /* told once */
        found = true;
        static uint8_t bytes[P2P_FORK_BYTES_MAX];
        struct p2p_fork_proof proof;
        CHECK(p2p_unpack_find(record.content, "proof", &in));
        struct p2p_slice encoded = p2p_unpack_bin(&in);
        CHECK(encoded.len < 1500);
        memcpy(bytes, encoded.data, encoded.len);
        CHECK_OK(p2p_fork_decode(&proof, p2p_slice_of(bytes, encoded.len)));
        CHECK_OK(p2p_fork_verify(&proof, p2p_sigs_ed25519(), &info->key));
        /* No other feed is accused by it, and no bit of it can be changed. */
        CHECK(p2p_fork_verify(&proof, p2p_sigs_ed25519(),
                              &p2p_charter_feed(ledger->charter, 1)->key) != P2P_OK);
        for (size_t at = 0; at < encoded.len; at++) {
            bytes[at] ^= 0x10;
            if (p2p_fork_decode(&proof, p2p_slice_of(bytes, encoded.len)) == P2P_OK) {
                CHECK(p2p_fork_verify(&proof, p2p_sigs_ed25519(), &info->key) != P2P_OK);
            }
            bytes[at] ^= 0x10;
        }
    }
    CHECK(found);
    memory_kv_abort(net.nodes[node].kv);
}

/* All honest nodes quarantine the feed, whatever the sizes of the two histories. */
static void test_two_histories(void **state)
{
    (void)state;
    static const uint64_t cases[][3] = {{4, 1, 1}, {4, 4, 4}, {4, 1, 4},  {4, 4, 1},
                                        {8, 8, 3}, {8, 1, 8}, {5, 2, 11}, {7, 1, 9}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        network_start(4, 4, 20 + i);
        network_ban(&net, 4, "all", SHIP); /* before the split: keeps its effect */
        equivocate(cases[i][0], cases[i][1], cases[i][2]);
        network_connect(&net, 1, 2);
        network_connect(&net, 2, 3);
        network_connect(&net, 1, 3);
        network_advance(&net, 4000);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_feed_state(&net, node, 4) == P2P_FEED_FORKED);
            CHECK(p2p_engine_traced(net.nodes[node].engine, P2P_TRACE_FORK) == 1);
            CHECK(net.nodes[node].closed == 0);
            check_portable(node);
            CHECK(network_check(&net, node, SHIP) == P2P_ANSWER_REFUSE);
        }
        /* The honest go on with each other. */
        network_ban(&net, 1, "all", OTHER);
        network_advance(&net, 3000);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_check(&net, node, OTHER) == P2P_ANSWER_REFUSE);
            for (uint32_t feed = 1; feed <= 3; feed++) {
                CHECK(network_feed_state(&net, node, feed) == P2P_FEED_OK);
            }
        }
        /* All hold the branch of W, and nothing else of it. */
        struct p2p_forked forked = network_forked(&net, 1, 4);
        CHECK(forked.size > 0 && forked.size <= cases[i][0]);
        for (uint32_t node = 1; node <= 3; node++) {
            CHECK(network_size(&net, node, 4) == forked.size);
        }
        network_run(&net);
        network_agree(&net);
        /* It survives a restart, nobody cosigns the feed any more, and the net is quiet. */
        network_restart(&net, 2);
        CHECK(network_feed_state(&net, 2, 4) == P2P_FEED_FORKED);
        network_connect_all(&net);
        network_advance(&net, 5000);
        uint64_t frames = network_frames(&net);
        network_advance(&net, 60000);
        CHECK(network_frames(&net) - frames < 200);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* The member itself learns of it, stops appending, and stays so. */
static void test_own_feed_forked(void **state)
{
    (void)state;
    network_start(4, 4, 40);
    equivocate(4, 2, 2);
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK_OK(network_open(&net, 4));
    network_connect(&net, 1, 4);
    network_advance(&net, 2000);
    CHECK(p2p_engine_read_only(net.nodes[4].engine) == P2P_READ_ONLY_FORKED);
    CHECK_ERR(network_notes(&net, 4, 1), P2P_RDONLY);
    network_restart(&net, 4);
    CHECK(p2p_engine_read_only(net.nodes[4].engine) == P2P_READ_ONLY_FORKED);
    CHECK(network_check(&net, 4, SHIP) == P2P_ANSWER_ALLOW ||
          network_check(&net, 4, SHIP) == P2P_ANSWER_REFER);
}

/* A node that was away hears of it when it comes back, from a feed or from a peer. */
static void test_fork_told_to_who_was_away(void **state)
{
    (void)state;
    network_start(4, 4, 41);
    equivocate(4, 1, 3);
    network_kill(&net, 3);
    network_connect(&net, 1, 2);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 1, 4) == P2P_FEED_FORKED);
    network_restart(&net, 3);
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 3, 4) == P2P_FEED_FORKED);
}

/* Nodes 1 and 2, which may not append, find that 4 has two histories. */
static void find_read_only(void)
{
    network_start(4, 4, 44);
    equivocate(4, 1, 1);
    for (uint32_t node = 1; node <= 2; node++) {
        network_kill(&net, node);
        net.nodes[node].options.copy_lost = true;
        CHECK_OK(network_open(&net, node));
    }
    network_connect(&net, 1, 2);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 1, 4) == P2P_FEED_FORKED &&
          network_feed_state(&net, 2, 4) == P2P_FEED_FORKED);
}

/* Found by nodes that may not append: they keep the proof, tell it to who comes later, and in a
 * record when they may. */
static void test_found_by_who_may_not_append(void **state)
{
    (void)state;
    find_read_only();
    CHECK(network_forks_by(&net, 1) == 0 && network_forks_by(&net, 2) == 0);
    network_cut(&net, 1, 2);
    network_kill(&net, 1);
    net.nodes[1].options.copy_lost = true;
    CHECK_OK(network_open(&net, 1));
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 3, 4) == P2P_FEED_FORKED && network_forks_by(&net, 3) == 1);
    network_kill(&net, 2);
    net.nodes[2].options.copy_lost = false;
    CHECK_OK(network_open(&net, 2));
    network_advance(&net, 1000);
    CHECK(network_forks_by(&net, 2) == 1);
}

/* Without this, who kept a proof on a disk that hurt it would pass on one that proves nothing.
 */
static void test_a_damaged_proof_is_told_to_nobody(void **state)
{
    uint8_t proof[P2P_FORK_BYTES_MAX];
    struct p2p_slice value;
    (void)state;
    find_read_only();
    network_kill(&net, 1);
    const struct p2p_slice name = p2p_slice_text("fork/4");
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_META, name, &value));
    memcpy(proof, value.data, value.len);
    proof[value.len / 2] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, name, p2p_slice_of(proof, value.len)));
    memory_kv_commit(net.nodes[1].kv);
    net.nodes[1].options.copy_lost = true;
    CHECK_OK(network_open(&net, 1));
    network_cut_off(&net, 3);
    network_connect(&net, 1, 3);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 3, 4) == P2P_FEED_OK);
    CHECK(p2p_engine_refused(net.nodes[3].engine, P2P_BADPROOF) == 0);
    net.nodes[1].options.copy_lost = false;
    network_restart(&net, 1); /* it may append again: nor is it told in a record */
    network_advance(&net, 1000);
    CHECK(network_forks_by(&net, 1) == 0);
}

/* The newest record of feed 4, under the head that its owner signed. */
static void show_newest(uint32_t from, uint32_t to)
{
    static uint8_t bytes[1 << 16];
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[4].engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, 4);
    struct p2p_slice leaf;
    struct p2p_writer out;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    ledger->kv = memory_kv_begin(net.nodes[4].kv);
    size_t begin = p2p_run_begin_write(&out, 4, feed->head.size - 1, 1, &feed->head);
    CHECK_OK(p2p_feed_leaf(feed, ledger->kv, feed->head.size - 1, &leaf));
    p2p_run_record_write(&out, leaf, p2p_slice_of(NULL, 0));
    p2p_frame_end(&out, begin);
    CHECK(!out.failed);
    memory_kv_abort(net.nodes[4].kv);
    network_inject(&net, from, to, p2p_writer_slice(&out));
}

/* Without this, who read a feed's state from a disk that hurt it, and has not looked at it yet,
 * took every true head of it for a second history, its own feed's for good, and told a proof
 * that proves nothing. */
static void test_a_damaged_head_contradicts_nobody(void **state)
{
    (void)state;
    network_start(4, 4, 71);
    CHECK_OK(network_notes(&net, 4, 2));
    network_run(&net);
    struct p2p_feed *held = p2p_ledger_feed(p2p_engine_ledger_mut(net.nodes[1].engine), 4);
    CHECK(held->edge.size == 4); /* one subtree, whose hash is the root */
    held->edge.peaks[2].bytes[0] ^= 1;
    held->head.root.bytes[0] ^= 1;
    uint64_t before = p2p_engine_refused(net.nodes[1].engine, P2P_CORRUPT);
    show_newest(2, 1);
    network_run(&net);
    CHECK(p2p_engine_refused(net.nodes[1].engine, P2P_CORRUPT) == before + 1);
    network_advance(&net, 2000);
    for (uint32_t node = 1; node <= 4; node++) {
        CHECK(network_feed_state(&net, node, 4) == P2P_FEED_OK);
        CHECK(p2p_engine_refused(net.nodes[node].engine, P2P_BADPROOF) == 0);
        CHECK(p2p_engine_traced(net.nodes[node].engine, P2P_TRACE_FORK) == 0);
    }
    CHECK(net.nodes[1].closed == 0);
}

/* The records carry the largest quorum-cosigned checkpoint that anybody held, so W is the same
 * everywhere; who comes to hold a larger one tells it too, and then all are silent. */
static void test_the_largest_quorum_is_told(void **state)
{
    (void)state;
    network_start(4, 4, 43); /* two of 1, 2 and 3 witness feed 4 */
    while (network_size(&net, 4, 4) < 5) {
        CHECK_OK(network_notes(&net, 4, 1));
    }
    /* 1 and 2 cosign one history and do not hear each other, not even by 4. */
    struct network_moment before = network_fork_begin();
    const uint64_t common = network_size(&net, 4, 4);
    CHECK_OK(network_notes(&net, 4, 2));
    network_deliver(&net, 4, 1, SIZE_MAX);
    network_deliver(&net, 4, 2, SIZE_MAX);
    CHECK(network_size(&net, 1, 4) == common + 2 && network_size(&net, 2, 4) == common + 2);
    CHECK(p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size == common);
    network_fork_show(&before);
    network_advance(&net, 2000);
    CHECK(network_feed_state(&net, 1, 4) == P2P_FEED_FORKED &&
          network_feed_state(&net, 3, 4) == P2P_FEED_FORKED);
    CHECK(network_forked(&net, 1, 4).size == common &&
          network_forked(&net, 3, 4).size == common);
    CHECK(network_forks_by(&net, 1) == 1 && network_forks_by(&net, 3) == 1);
    network_connect(&net, 1, 2);
    network_advance(&net, 8000);
    for (uint32_t node = 1; node <= 3; node++) {
        CHECK(network_forked(&net, node, 4).size == common + 2);
        CHECK(network_forks_by(&net, node) <= 2);
        CHECK(network_size(&net, node, 4) == common + 2); /* 3 was shown another */
    }
    network_agree(&net);
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(network_forked(&net, 1, 4).size == common + 2 && network_forks_by(&net, 1) <= 2);
    uint64_t frames = network_frames(&net);
    network_advance(&net, 60000);
    CHECK(network_frames(&net) - frames < 200);
}

/* Proofs that do not prove are counted and dropped: an honest feed is never framed. */
static void test_nobody_is_framed(void **state)
{
    (void)state;
    static uint8_t bytes[P2P_FORK_BYTES_MAX];
    static uint8_t frame[P2P_FORK_BYTES_MAX + 16];
    struct p2p_tree_head heads[2];
    network_start(3, 3, 42);
    CHECK_OK(network_notes(&net, 1, 2));
    heads[0] = p2p_ledger_feed(p2p_engine_ledger(net.nodes[1].engine), 1)->head;
    CHECK_OK(network_notes(&net, 1, 5));
    heads[1] = p2p_ledger_feed(p2p_engine_ledger(net.nodes[1].engine), 1)->head;
    network_advance(&net, 1000);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[1].engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, 1);
    struct p2p_slice origin = p2p_slice_text(p2p_charter_feed(ledger->charter, 1)->origin);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    struct p2p_fork_proof proof = {
        .origin = origin, .heads = {heads[0], heads[1]}, .other_root = heads[0].root};
    struct p2p_feed_hashes source = {.feed = 1, .kv = kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    CHECK_OK(p2p_tree_consistency(&reader, heads[0].size, heads[1].size, &proof.proof));
    struct p2p_fork_proof none;
    CHECK_ERR(p2p_fork_from_held(&none, feed, kv, origin, &heads[0]), P2P_USAGE);
    memory_kv_abort(net.nodes[1].kv);
    for (unsigned i = 0; i < 6; i++) {
        struct p2p_fork_proof tampered = proof;
        switch (i) {
        case 0: /* one history, shown as it is */
            break;
        case 1: /* another root is claimed for the smaller size */
            tampered.other_root.bytes[0] ^= 1;
            break;
        case 2: /* the same head twice */
            tampered.heads[1] = tampered.heads[0];
            break;
        case 3:
            tampered.heads[0].root.bytes[3] ^= 1;
            break;
        case 4: /* sizes the wrong way round */
            tampered.heads[0] = proof.heads[1];
            tampered.heads[1] = proof.heads[0];
            break;
        default:
            tampered.proof.hashes[0].bytes[1] ^= 1;
            tampered.other_root.bytes[0] ^= 1;
            break;
        }
        struct p2p_writer out;
        size_t len = p2p_fork_encode(&tampered, bytes);
        p2p_writer_init(&out, frame, sizeof(frame));
        p2p_fork_write(&out, p2p_slice_of(bytes, len));
        uint64_t before = p2p_engine_refused(net.nodes[2].engine, P2P_BADPROOF);
        network_inject(&net, 3, 2, p2p_writer_slice(&out));
        network_run(&net);
        CHECK(p2p_engine_refused(net.nodes[2].engine, P2P_BADPROOF) == before + 1);
        CHECK(network_feed_state(&net, 2, 1) == P2P_FEED_OK);
    }
    CHECK(net.nodes[2].closed == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_two_histories, network_stop),
        cmocka_unit_test_teardown(test_own_feed_forked, network_stop),
        cmocka_unit_test_teardown(test_fork_told_to_who_was_away, network_stop),
        cmocka_unit_test_teardown(test_found_by_who_may_not_append, network_stop),
        cmocka_unit_test_teardown(test_a_damaged_proof_is_told_to_nobody, network_stop),
        cmocka_unit_test_teardown(test_a_damaged_head_contradicts_nobody, network_stop),
        cmocka_unit_test_teardown(test_the_largest_quorum_is_told, network_stop),
        cmocka_unit_test_teardown(test_nobody_is_framed, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
