/* Rows that went from the disk with the block that held them: derived from records, fetched
 * from peers, or missed. */
#include "scrub_case.h"

/* What a node does that cannot read its store: it starts, and looks. */
static struct p2p_kv_mended start_over_spoiled(uint32_t node)
{
    struct p2p_kv_mended mended;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        struct p2p_kv_place at = {.key_len = 0};
        while (!at.ended) {
            CHECK_OK(p2p_kv_sweep(kv, (enum p2p_table)t, 4096, &at));
        }
    }
    CHECK_OK(p2p_damage_mend(kv, &mended));
    CHECK_OK(memory_kv_commit(net.nodes[node].kv));
    CHECK_OK(network_open(&net, node));
    return mended;
}

/* Each row of before stands there as it was, but for ISSUER rows 3, which are skipped past. */
static size_t missing_rows(struct memory_kv *before, struct memory_kv *now,
                           enum p2p_table table)
{
    const struct p2p_kv *was = memory_kv_begin(before);
    const struct p2p_kv *is = memory_kv_begin(now);
    struct p2p_slice key, value, other;
    size_t count = 0;
    enum p2p_err err = p2p_kv_seek(was, table, p2p_slice_of("", 0), &key, &value);
    while (err == P2P_OK) {
        bool skipped = table == P2P_TABLE_ISSUER && key.data[0] == 3;
        if (!skipped &&
            (p2p_kv_get(is, table, key, &other) != P2P_OK || !p2p_slice_equal(value, other))) {
            count++;
        }
        err = p2p_kv_next(was, table, &key, &value);
    }
    memory_kv_abort(before);
    memory_kv_abort(now);
    return count;
}

static const enum p2p_table in_blocks[] = {P2P_TABLE_PAYLOAD, P2P_TABLE_ISSUER, P2P_TABLE_TOUCH,
                                           P2P_TABLE_VIEW, P2P_TABLE_INDEX};
enum { IN_BLOCKS = sizeof(in_blocks) / sizeof(in_blocks[0]) };

/* Broken: rows that went with a block are not derived or fetched again, or the node goes on
 * before they are. */
static void test_rows_that_are_gone(void **state)
{
    (void)state;
    populate();
    struct memory_kv *before = memory_kv_clone(net.nodes[HURT].kv);
    for (unsigned t = 0; t <= IN_BLOCKS; t++) {
        network_kill(&net, HURT);
        for (unsigned i = 0; i < IN_BLOCKS; i++) {
            if (i == t || t == IN_BLOCKS) { /* one of them, then all: every row */
                size_t rows = memory_kv_count(net.nodes[HURT].kv, in_blocks[i]);
                CHECK(rows > 0);
                memory_kv_spoil_rows(net.nodes[HURT].kv, in_blocks[i], 0, rows, true);
            }
        }
        CHECK(start_over_spoiled(HURT).emptied == (t == IN_BLOCKS ? IN_BLOCKS : 1));
        CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
        CHECK(network_check(&net, HURT, OTHER) == P2P_ANSWER_REFER);
        network_advance(&net, 3000); /* alone; what is not derived from records is not here */
        bool waits = t == IN_BLOCKS || in_blocks[t] == P2P_TABLE_PAYLOAD ||
                     in_blocks[t] == P2P_TABLE_INDEX; /* which says what is lost for good */
        CHECK((read_only(HURT) == P2P_READ_ONLY_DAMAGED) == waits);
        CHECK(network_check(&net, HURT, SHIP) != P2P_ANSWER_ALLOW);
        network_restart(&net, HURT);
        network_connect_all(&net);
        network_advance(&net, 40000);
        check_sound(HURT);
        for (unsigned i = 0; i < IN_BLOCKS; i++) {
            /* Its own decision in its own circle nobody else ever had. */
            bool own = in_blocks[i] == P2P_TABLE_PAYLOAD;
            CHECK(missing_rows(before, net.nodes[HURT].kv, in_blocks[i]) == own);
        }
        CHECK(network_check(&net, HURT, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, HURT, OTHER) == P2P_ANSWER_ALLOW);
    }
    memory_kv_free(before);
}

/* Broken: the store mends a block by itself, and the node takes it for damage all the same. */
static void test_rows_that_are_mended(void **state)
{
    (void)state;
    populate();
    for (unsigned i = 0; i < IN_BLOCKS; i++) {
        memory_kv_spoil_rows(net.nodes[HURT].kv, in_blocks[i], 0, 20, false);
    }
    network_kill(&net, HURT);
    CHECK(start_over_spoiled(HURT).mended == IN_BLOCKS);
    check_sound(HURT);
    CHECK(network_check(&net, HURT, SHIP) == P2P_ANSWER_REFUSE);
}

/* Broken: nothing but the walk of the whole store meets a block that nobody asks for. */
static void test_rows_that_nobody_reads(void **state)
{
    (void)state;
    populate();
    struct memory_kv *before = memory_kv_clone(net.nodes[HURT].kv);
    memory_kv_spoil_rows(net.nodes[HURT].kv, P2P_TABLE_PAYLOAD, 3, 9, true);
    network_advance(&net, PASS_MS);
    check_sound(HURT);
    CHECK(damage(HURT)->count_repaired >= 9);
    CHECK(missing_rows(before, net.nodes[HURT].kv, P2P_TABLE_PAYLOAD) == 0);
    memory_kv_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_rows_that_are_gone, network_stop),
        cmocka_unit_test_teardown(test_rows_that_are_mended, network_stop),
        cmocka_unit_test_teardown(test_rows_that_nobody_reads, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
