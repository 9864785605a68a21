/* State commitments: written when due, compared at equal frontier, and what happens when two
 * nodes fold something else from the same records. */
#include "check.h"

#include "network_fixture.h"

#include <stdio.h>

#define SHIP "imo:9179842"

enum { WRONG = 2, WRONG_TOO = 3 };

static const struct p2p_divergence *divergence(uint32_t node)
{
    return p2p_engine_divergence(net.nodes[node].engine);
}

/* How many `state` records a node holds of one feed. */
static size_t states_of(uint32_t node, uint32_t feed)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    const struct p2p_feed *held =
        p2p_ledger_feed(p2p_engine_ledger(net.nodes[node].engine), feed);
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    size_t count = 0;
    p2p_feed_walk_begin(&walk, held, kv, 0);
    while (p2p_feed_walk_next(&walk, &leaf) == P2P_OK) {
        struct p2p_record record;
        CHECK_OK(p2p_record_decode(&record, leaf));
        count += record.kind == P2P_KIND_STATE;
    }
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

/* Nodes that agree say so, once, and not for what they say. */
static void test_equal(void **state)
{
    (void)state;
    network_start(4, 4, 21);
    network_advance(&net, P2P_STATE_EVERY_MS + 60000);
    size_t first = states_of(1, 1);
    CHECK(first <= 1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 4 * P2P_STATE_EVERY_MS);
    size_t before[5];
    for (uint32_t i = 1; i <= 4; i++) {
        before[i] = states_of(1, i);
        CHECK(before[i] >= 1);
        CHECK(divergence(i)->compared > 0);
        CHECK(divergence(i)->equal == divergence(i)->compared);
        CHECK(!divergence(i)->is_known && !divergence(i)->is_checking);
        CHECK(p2p_engine_traced(net.nodes[i].engine, P2P_TRACE_DIVERGED) == 0);
    }
    network_advance(&net, 4 * P2P_STATE_EVERY_MS); /* nothing happens */
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(states_of(1, i) == before[i]);
    }
    network_agree(&net);
}

/* Under load one more record in 4,096, whatever the time. */
static void test_by_records(void **state)
{
    (void)state;
    network_start(2, 2, 22);
    for (unsigned i = 0; i < 18; i++) {
        CHECK_OK(network_notes(&net, 1, 500));
        network_run(&net);
    }
    CHECK(states_of(1, 1) == 2);
    network_agree(&net);
}

/* Changes the set hash of the bans of a circle behind a node's back. */
static void spoil_digest(uint32_t node, uint32_t circle)
{
    char name[32];
    struct p2p_slice value;
    static uint8_t bytes[2 * P2P_LTHASH_LANES];
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    int len = snprintf(name, sizeof(name), "view/%u/%u", (unsigned)P2P_VIEW_BANS, circle);
    struct p2p_slice key = p2p_slice_of(name, (size_t)len);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_META, key, &value));
    CHECK(value.len == sizeof(bytes));
    memcpy(bytes, value.data, value.len);
    bytes[100] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, key, p2p_slice_of(bytes, sizeof(bytes))));
    CHECK_OK(memory_kv_commit(net.nodes[node].kv));
}

/* Damage that makes a node tell a wrong digest is its own to find: nobody else is named. */
static void test_wrong_here(void **state)
{
    (void)state;
    network_start(4, 4, 23);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 120000);
    uint32_t all = network_circle_number(&net, WRONG, "all");
    network_kill(&net, WRONG);
    spoil_digest(WRONG, all);
    CHECK_OK(network_open(&net, WRONG));
    network_connect_all(&net);
    network_ban(&net, 1, "all", "imo:9074729");
    network_advance(&net, 4 * P2P_STATE_EVERY_MS);
    CHECK(p2p_engine_damage(net.nodes[WRONG].engine)->count_repaired > 0);
    CHECK(p2p_engine_damage(net.nodes[1].engine)->count_found == 0);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(!divergence(i)->is_known);
        CHECK(divergence(i)->compared > 0);
    }
    network_agree(&net);
}

/* A `state` by the node itself at its present frontier, with these leaves. */
static void tell(uint32_t node, bool lie)
{
    uint8_t content[256];
    struct p2p_pack pack;
    struct p2p_hash frontier, leaves;
    static struct p2p_append append;
    static struct p2p_job job;
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
    CHECK_OK(p2p_frontier_digest(ledger, &frontier));
    CHECK_OK(p2p_leaves_digest(ledger, &leaves));
    leaves.bytes[0] ^= lie;
    p2p_pack_init(&pack, content, sizeof(content));
    p2p_pack_map(&pack, 3);
    p2p_pack_text(&pack, "frontier");
    p2p_pack_bin(&pack, frontier.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "leaves");
    p2p_pack_bin(&pack, leaves.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "views");
    p2p_pack_array(&pack, 0);
    append = (struct p2p_append){.kind = P2P_KIND_STATE, .content = p2p_pack_slice(&pack)};
    job = (struct p2p_job){.type = P2P_JOB_APPEND};
    job.append.records = &append;
    job.append.count = 1;
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
    network_run(&net);
}

/* Who tells something else than what follows from the records is named, after everything here
 * was computed anew and stood; and no more once it agrees. */
static void test_wrong_there(void **state)
{
    (void)state;
    network_start(4, 4, 24);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 120000);
    tell(WRONG, true);
    CHECK(divergence(1)->is_checking);
    network_advance(&net, 60000);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(divergence(i)->is_known == (i != WRONG));
        CHECK(i == WRONG || divergence(i)->member == WRONG);
        CHECK((int)divergence(i)->view == 0);
        CHECK(p2p_engine_damage(net.nodes[i].engine)->count_found == 0);
        CHECK(p2p_engine_read_only(net.nodes[i].engine) == P2P_READ_ONLY_NONE);
    }
    network_advance(&net, 120000);
    tell(WRONG, false);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(!divergence(i)->is_known);
    }
    network_agree(&net);
}

/* Members that differ for good, as two versions do, would have everybody compute everything
 * anew all day, one after the other. */
static void test_two_wrong_there(void **state)
{
    (void)state;
    network_start(4, 4, 25);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 120000);
    for (uint32_t who = WRONG; who <= WRONG_TOO; who++) {
        tell(who, true);
        CHECK(divergence(1)->is_checking);
        network_advance(&net, 60000);
        CHECK(divergence(1)->is_known && divergence(1)->member == who);
    }
    for (uint32_t who = WRONG; who <= WRONG_TOO; who++) {
        tell(who, true);
        CHECK(!divergence(1)->is_checking);
        CHECK(divergence(1)->is_known);
    }
    /* One agrees: the other is named as soon as it speaks, and looked at no more. */
    CHECK(divergence(1)->member == WRONG_TOO);
    tell(WRONG_TOO, false);
    CHECK(!divergence(1)->is_known);
    tell(WRONG, true);
    CHECK(!divergence(1)->is_checking);
    CHECK(divergence(1)->is_known && divergence(1)->member == WRONG);
    /* Who agreed and differs again is looked at again. */
    tell(WRONG_TOO, true);
    CHECK(divergence(1)->is_checking);
    network_advance(&net, 60000);
    CHECK(divergence(1)->is_known && divergence(1)->member == WRONG_TOO);
    CHECK(p2p_engine_damage(net.nodes[1].engine)->count_found == 0);
    network_agree(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_equal, network_stop),
        cmocka_unit_test_teardown(test_by_records, network_stop),
        cmocka_unit_test_teardown(test_wrong_here, network_stop),
        cmocka_unit_test_teardown(test_wrong_there, network_stop),
        cmocka_unit_test_teardown(test_two_wrong_there, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
