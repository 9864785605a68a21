/* Damage on the disk below a node: found by the scrubber, mended or fetched again from peers,
 * and never signed over meanwhile. */
#include "scrub_case.h"

/* ---- spoiling ---- */

static void flip(void *context, uint8_t *value, size_t len)
{
    size_t at = *(const size_t *)context % (8 * len);
    value[at / 8] ^= (uint8_t)(1u << at % 8);
}

static void tear(void *context, uint8_t *value, size_t len)
{
    (void)context;
    for (size_t i = len / 2; i < len; i++) {
        value[i] = (uint8_t)~value[i];
    }
}

static void spoil(uint32_t node, enum p2p_table table, size_t n, size_t bit)
{
    memory_kv_spoil(net.nodes[node].kv, table, n, bit == SIZE_MAX ? tear : flip, &bit);
}

/* Which row of a table has this key, counted from 0. */
static size_t place_of(uint32_t node, enum p2p_table table, struct p2p_slice wanted)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_slice key, value;
    size_t place = 0;
    enum p2p_err err = p2p_kv_seek(kv, table, p2p_slice_of("", 0), &key, &value);
    while (err == P2P_OK && !p2p_slice_equal(key, wanted)) {
        place += value.len > 0;
        err = p2p_kv_next(kv, table, &key, &value);
    }
    memory_kv_abort(net.nodes[node].kv);
    CHECK(err == P2P_OK);
    return place;
}

/* How many rows of a table are not the same in both. */
static size_t differing(struct memory_kv *a, struct memory_kv *b, enum p2p_table table)
{
    const struct p2p_kv *left = memory_kv_begin(a);
    const struct p2p_kv *right = memory_kv_begin(b);
    struct p2p_slice key, value, other;
    size_t count = memory_kv_count(a, table) != memory_kv_count(b, table);
    enum p2p_err err = p2p_kv_seek(left, table, p2p_slice_of("", 0), &key, &value);
    while (err == P2P_OK) {
        if (p2p_kv_get(right, table, key, &other) != P2P_OK || !p2p_slice_equal(value, other)) {
            count++;
        }
        err = p2p_kv_next(left, table, &key, &value);
    }
    memory_kv_abort(a);
    memory_kv_abort(b);
    return count;
}

/* ---- tests ---- */

/* A scrubber that cries wolf would stop its node. */
static void test_sound_store(void **state)
{
    (void)state;
    populate();
    network_advance(&net, PASS_MS);
    for (uint32_t i = 1; i <= 4; i++) {
        check_sound(i);
        CHECK(damage(i)->count_found == 0);
        CHECK(damage(i)->passes > 0);
        CHECK(damage(i)->scrubbed_bytes > 20000);
    }
}

/* Without this a flipped bit would stay until somebody needs the row: each row of each table
 * that follows from what was signed is as it was an hour later. */
static void check_table(enum p2p_table table, bool torn)
{
    populate();
    network_advance(&net, PASS_MS);
    size_t values = memory_kv_value_count(net.nodes[HURT].kv, table);
    CHECK(values > 0);
    size_t step = values / 2 + 1;
    for (size_t n = 0; n < values; n += step) {
        struct memory_kv *before = memory_kv_clone(net.nodes[HURT].kv);
        uint64_t repaired = damage(HURT)->count_repaired;
        spoil(HURT, table, n, torn ? SIZE_MAX : 77 * n + 13);
        CHECK(differing(before, net.nodes[HURT].kv, table) == 1);
        network_advance(&net, PASS_MS);
        if (differing(before, net.nodes[HURT].kv, table) != 0) {
            print_error("row %zu of %s is not as before\n", n, p2p_table_word(table));
        }
        CHECK(differing(before, net.nodes[HURT].kv, table) == 0);
        CHECK(damage(HURT)->count_repaired > repaired);
        check_sound(HURT);
        memory_kv_free(before);
    }
    network_agree(&net);
    network_ban(&net, HURT, "all", OTHER);
    network_advance(&net, 2000);
    network_agree(&net);
}

static void test_records(void **state)
{
    (void)state;
    check_table(P2P_TABLE_RECORD, false);
}

static void test_torn_records(void **state)
{
    (void)state;
    check_table(P2P_TABLE_RECORD, true);
}

static void test_hashes(void **state)
{
    (void)state;
    check_table(P2P_TABLE_HASH, false);
}

static void test_torn_hashes(void **state)
{
    (void)state;
    check_table(P2P_TABLE_HASH, true);
}

static void test_payloads(void **state)
{
    (void)state;
    check_table(P2P_TABLE_PAYLOAD, false);
}

static void test_views(void **state)
{
    (void)state;
    check_table(P2P_TABLE_VIEW, false);
}

static void test_seen(void **state)
{
    (void)state;
    check_table(P2P_TABLE_SEEN, false);
}

static void test_issuers(void **state)
{
    (void)state;
    check_table(P2P_TABLE_ISSUER, false);
}

static void test_heads(void **state)
{
    (void)state;
    populate();
    network_advance(&net, PASS_MS);
    size_t values = memory_kv_value_count(net.nodes[HURT].kv, P2P_TABLE_CHECKPOINT);
    for (size_t n = 1; n < values; n++) { /* the first is the charter's */
        spoil(HURT, P2P_TABLE_CHECKPOINT, n, 100 + n);
        network_advance(&net, PASS_MS);
        check_sound(HURT);
    }
    /* And what it sends to who was away all the time can be taken. */
    CHECK_OK(network_open(&net, AWAY));
    network_connect(&net, AWAY, HURT);
    network_advance(&net, 40000);
    CHECK(network_same_frontier(&net, AWAY, HURT));
}

/* Damage that is known and cannot be repaired: nothing is appended, cosigned or allowed, what
 * is forbidden stays forbidden; once a peer is there everything goes on. */
static void test_nothing_rests_on_damage(void **state)
{
    (void)state;
    struct p2p_record_id id;
    static struct p2p_job job;
    populate();
    for (uint32_t i = 1; i <= 4; i++) {
        if (i != HURT) {
            network_cut(&net, HURT, i);
        }
    }
    spoil(HURT, P2P_TABLE_RECORD, 1, 4711);
    network_advance(&net, PASS_MS);
    CHECK(damage(HURT)->is_known);
    CHECK(damage(HURT)->holes == 1);
    CHECK(damage(HURT)->table == P2P_TABLE_RECORD);
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
    uint64_t cosigned = net.nodes[HURT].watch.count;
    uint64_t time_s = net.nodes[HURT].watch.time_s;
    uint64_t size = network_size(&net, HURT, HURT);
    CHECK_ERR(network_try_ban(&net, HURT, "all", OTHER, &id), P2P_RDONLY);
    CHECK_ERR(network_notes(&net, HURT, 1), P2P_RDONLY);
    network_check_job(&job, OTHER);
    CHECK_OK(network_jobs(&net, HURT, &job, 1));
    CHECK(job.result.spooled);
    CHECK(job.result.answer.answer == P2P_ANSWER_REFER);
    network_check_job(&job, SHIP);
    CHECK_OK(network_jobs(&net, HURT, &job, 1));
    CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 70000);
    CHECK(net.nodes[HURT].watch.count == cosigned);
    CHECK(net.nodes[HURT].watch.time_s == time_s);
    CHECK(network_size(&net, HURT, HURT) == size);
    network_connect_all(&net);
    network_advance(&net, 10000);
    check_sound(HURT);
    network_agree(&net);
    CHECK(network_check(&net, HURT, OTHER) == P2P_ANSWER_REFUSE);
    network_ban(&net, HURT, "all", "imo:9176187");
    network_advance(&net, 2000);
    network_agree(&net);
}

/* What is read before the scrubber comes by is found by whoever reads it: the batch is undone
 * and the engine, opened again, looks for it everywhere. */
static void test_suspected(void **state)
{
    (void)state;
    populate();
    struct memory_kv *before = memory_kv_clone(net.nodes[HURT].kv);
    spoil(HURT, P2P_TABLE_ISSUER, 3, 2);
    spoil(HURT, P2P_TABLE_SEEN, 1, 1);
    spoil(HURT, P2P_TABLE_RECORD, 2, 99);
    network_kill(&net, HURT);
    net.nodes[HURT].options.damage_suspected = true;
    CHECK_OK(network_open(&net, HURT));
    net.nodes[HURT].options.damage_suspected = false;
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
    network_connect_all(&net);
    network_advance(&net, 20000);
    check_sound(HURT);
    CHECK(differing(before, net.nodes[HURT].kv, P2P_TABLE_RECORD) == 0);
    memory_kv_free(before);
    network_agree(&net);
}

/* A start goes on in the middle of a pass. When something below was met and is not what was
 * written, the rest of that pass says nothing of what lies before it. */
static void test_suspected_below_the_place(void **state)
{
    (void)state;
    populate();
    struct memory_kv *before = memory_kv_clone(net.nodes[HURT].kv);
    size_t at = 0;
    network_advance(&net, 8000); /* a place in the middle is stored */
    spoil(HURT, P2P_TABLE_RECORD, at, 99);
    network_kill(&net, HURT);
    net.nodes[HURT].options.damage_suspected = true;
    CHECK_OK(network_open(&net, HURT));
    net.nodes[HURT].options.damage_suspected = false;
    network_advance(&net, 20000); /* alone: nothing can be mended */
    CHECK(damage(HURT)->is_known && damage(HURT)->holes == 1);
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
    network_connect_all(&net);
    network_advance(&net, 20000);
    check_sound(HURT);
    CHECK(differing(before, net.nodes[HURT].kv, P2P_TABLE_RECORD) == 0);
    memory_kv_free(before);
}

/* A crash does not make a node forget that its disk is damaged. */
static void test_known_across_restarts(void **state)
{
    (void)state;
    struct p2p_record_id id;
    populate();
    for (uint32_t i = 1; i <= 4; i++) {
        if (i != HURT) {
            network_cut(&net, HURT, i);
        }
    }
    spoil(HURT, P2P_TABLE_RECORD, 1, 4711);
    network_advance(&net, PASS_MS);
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
    network_restart(&net, HURT);
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED);
    CHECK_ERR(network_try_ban(&net, HURT, "all", OTHER, &id), P2P_RDONLY);
    network_connect_all(&net);
    network_advance(&net, 20000);
    check_sound(HURT);
    network_restart(&net, HURT);
    CHECK(read_only(HURT) == P2P_READ_ONLY_NONE);
}

/* A payload of the own feed that nobody else ever had does not keep the rest from others for
 * ever: it is missing, and everything else goes on. */
static void test_a_payload_that_nobody_has(void **state)
{
    (void)state;
    uint8_t key[P2P_ID_KEY_BYTES];
    populate();
    for (uint32_t i = 1; i <= 4; i++) {
        if (i != HURT) {
            network_cut(&net, HURT, i);
        }
    }
    struct p2p_record_id id = network_ban(&net, HURT, "all", OTHER);
    network_notes(&net, HURT, 3);
    spoil(HURT, P2P_TABLE_PAYLOAD, place_of(HURT, P2P_TABLE_PAYLOAD, p2p_id_key(key, &id)),
          300);
    network_advance(&net, PASS_MS);
    CHECK(read_only(HURT) == P2P_READ_ONLY_DAMAGED && damage(HURT)->holes == 1);
    network_connect_all(&net);
    network_advance(&net, 20000);
    CHECK(damage(HURT)->holes == 1); /* somebody might come who has it */
    network_advance(&net, 60000);
    check_sound(HURT);
    CHECK(network_size(&net, HURT, 1) == network_size(&net, 1, 1));
    CHECK(network_size(&net, 1, HURT) <= id.index); /* its gate asks for it, too */
    CHECK(network_check(&net, HURT, "imo:9176187") == P2P_ANSWER_REFER);
    CHECK(network_check(&net, HURT, OTHER) == P2P_ANSWER_REFUSE); /* what is known stays */
}

/* A pass goes on where it was, across restarts. */
static void test_goes_on(void **state)
{
    (void)state;
    populate();
    network_advance(&net, 3000);
    network_restart(&net, HURT);
    network_connect_all(&net);
    network_advance(&net, 60000);
    check_sound(HURT);
    CHECK(damage(HURT)->passes >= 1);
}

/* Where the own address stands is no record: it is written again, not asked for ever anew. */
static void test_where_the_address_stands(void **state)
{
    static const char row[] = "address/\0\0\0\2";
    static const uint8_t spoilt[] = {0, 0, 0, 0, 0, 0, 1};
    (void)state;
    populate();
    net.nodes[HURT].options.listen_peers = "192.0.2.7:7400";
    network_restart(&net, HURT);
    network_connect_all(&net);
    network_advance(&net, 3000);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[HURT].kv);
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_of(row, sizeof(row) - 1),
                        p2p_slice_of(spoilt, sizeof(spoilt))));
    CHECK_OK(memory_kv_commit(net.nodes[HURT].kv));
    uint64_t size = network_size(&net, HURT, HURT);
    network_restart(&net, HURT);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(network_size(&net, HURT, HURT) == size + 1);
    check_sound(HURT);
    network_agree(&net);
}

/* Node 4 shows one history to nodes 1 and 2, and `more` records of another, above the same
 * first ones, to node 3. */
static void fork_off(uint32_t more)
{
    struct network_node *n = &net.nodes[4];
    network_start(4, 4, 70);
    network_advance(&net, 3000);
    struct memory_kv *before = memory_kv_clone(n->kv);
    struct p2p_engine_options options = n->options;
    network_cut(&net, 1, 3);
    network_cut(&net, 2, 3);
    network_cut(&net, 3, 4);
    CHECK_OK(network_notes(&net, 4, 200));
    network_advance(&net, 1000);
    CHECK(p2p_engine_witnessing(net.nodes[1].engine, 4)->quorum_size ==
          network_size(&net, 4, 4));
    network_kill(&net, 4);
    memory_kv_free(n->kv);
    n->kv = before;
    n->options = options;
    n->watch = (struct network_watch){.count = 0};
    CHECK_OK(network_open(&net, 4));
    network_connect(&net, 3, 4);
    network_run(&net);
    CHECK_OK(network_notes(&net, 4, more));
    network_run(&net);
    network_kill(&net, 4);
    network_kill(&net, 3);
}

/* What is read in the background may be taken back under it, and other records come in its
 * place: they are no damage, wherever it was. */
static void test_a_feed_cut_meanwhile(void **state)
{
    (void)state;
    for (unsigned steps = 0; steps < 6; steps++) {
        fork_off(60);
        CHECK_OK(network_open(&net, 3));
        network_advance(&net, steps * P2P_SCRUB_EVERY_MS);
        network_connect(&net, 2, 3);
        network_connect(&net, 1, 3);
        network_advance(&net, 30000);
        CHECK(network_size(&net, 3, 4) > 200);
        CHECK(network_size(&net, 3, 4) == network_size(&net, 1, 4));
        CHECK(damage(3)->count_found == 0);
        check_sound(3);
        network_run(&net);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_sound_store, network_stop),
        cmocka_unit_test_teardown(test_records, network_stop),
        cmocka_unit_test_teardown(test_torn_records, network_stop),
        cmocka_unit_test_teardown(test_hashes, network_stop),
        cmocka_unit_test_teardown(test_torn_hashes, network_stop),
        cmocka_unit_test_teardown(test_payloads, network_stop),
        cmocka_unit_test_teardown(test_views, network_stop),
        cmocka_unit_test_teardown(test_seen, network_stop),
        cmocka_unit_test_teardown(test_issuers, network_stop),
        cmocka_unit_test_teardown(test_heads, network_stop),
        cmocka_unit_test_teardown(test_nothing_rests_on_damage, network_stop),
        cmocka_unit_test_teardown(test_suspected, network_stop),
        cmocka_unit_test_teardown(test_suspected_below_the_place, network_stop),
        cmocka_unit_test_teardown(test_known_across_restarts, network_stop),
        cmocka_unit_test_teardown(test_a_payload_that_nobody_has, network_stop),
        cmocka_unit_test_teardown(test_goes_on, network_stop),
        cmocka_unit_test_teardown(test_where_the_address_stands, network_stop),
        cmocka_unit_test_teardown(test_a_feed_cut_meanwhile, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
