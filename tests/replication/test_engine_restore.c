/* Lives of a node: killed, restored from a backup, its disk or memory failing at any step. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#include <string.h>

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"
#define THIRD "imo:9176187"

static enum p2p_read_only read_only(uint32_t node)
{
    return p2p_engine_read_only(net.nodes[node].engine);
}

/* SIGKILL at any time: what was told to anybody is there again. */
static void test_killed_again_and_again(void **state)
{
    (void)state;
    network_start(3, 3, 1);
    for (unsigned i = 0; i < 30; i++) {
        uint32_t node = 1 + i % 3;
        network_ban(&net, node, "all", i % 2 ? SHIP : OTHER);
        network_deliver(&net, node, 1 + (i + 1) % 3, 1 + i * 37);
        network_restart(&net, 1 + i * 7 % 3);
        CHECK(read_only(1 + i * 7 % 3) == P2P_READ_ONLY_NONE);
        network_connect_all(&net);
    }
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
}

struct backup {
    struct network_moment moment;
    uint64_t size; /* of its feed */
};

static struct backup take_backup(uint32_t node)
{
    return (struct backup){network_moment(&net, node), network_size(&net, node, node)};
}

/* The store of the backup comes back; the copy stays unless it is taken along. */
static void restore(uint32_t node, struct backup *backup, bool copy_too)
{
    network_kill(&net, node);
    if (copy_too) {
        net.nodes[node].options = backup->moment.options;
    }
    network_put_back(&net, node, &backup->moment);
}

/* What `prepare` gives an officer to sign: its number. */
static uint64_t prepared_number(uint32_t node)
{
    struct p2p_record record;
    static struct p2p_job job;
    uint8_t payload[64];
    struct p2p_pack pack;
    const struct p2p_issuer *issuer = p2p_charter_issuer_named(
        p2p_engine_ledger(net.nodes[node].engine)->charter, p2p_slice_text("im1"));
    CHECK(issuer != NULL);
    p2p_pack_init(&pack, payload, sizeof(payload));
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_text(&pack, "served");
    static const struct p2p_record_id cite = {1, 0};
    job = (struct p2p_job){.type = P2P_JOB_PREPARE,
                           .prepare = {.kind = P2P_KIND_BAN_LIFT,
                                       .circle = network_circle_number(&net, node, "all"),
                                       .issuer = issuer->number,
                                       .cites = &cite,
                                       .cite_count = 1,
                                       .payload = p2p_pack_slice(&pack)}};
    CHECK_OK(network_jobs(&net, node, &job, 1));
    CHECK_OK(job.result.err);
    static const struct p2p_signature blank = {{0}};
    static uint8_t leaf[1024];
    p2p_pack_init(&pack, leaf, sizeof(leaf));
    CHECK_OK(p2p_record_attach(p2p_slice_of(job.result.leaf.data, job.result.leaf.len - 1),
                               &blank, &pack));
    CHECK_OK(p2p_record_decode(&record, p2p_pack_slice(&pack)));
    return record.issuer_seq;
}

/* Two records under one number are a proof against the issuer: no restored node may give a
 * number again that an officer has signed something under, used or not. */
static void test_prepared_number_is_not_given_again(void **state)
{
    (void)state;
    network_start(3, 3, 3);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    struct backup backup = take_backup(1);
    uint64_t number = prepared_number(1);
    for (unsigned i = 0; i < 5; i++) {
        uint64_t next = prepared_number(1);
        CHECK(next > number);
        number = next;
    }
    restore(1, &backup, false);
    CHECK(read_only(1) == P2P_READ_ONLY_RESTORED); /* although nothing was appended since */
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(p2p_engine_witness_lost(net.nodes[1].engine));
    CHECK(prepared_number(1) > number);
}

/* The same with records of its own since: fetched back, it passes over what it may have given.
 */
static void test_numbers_are_passed_over(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    struct backup backup = take_backup(1);
    network_ban(&net, 1, "all", SHIP);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 2000);
    uint64_t number = prepared_number(1);
    restore(1, &backup, false);
    network_connect_all(&net);
    network_run(&net);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(prepared_number(1) > number + 1000);
    struct p2p_record_id id;
    CHECK_OK(network_try_ban(&net, 1, "all", THIRD, &id));
    network_advance(&net, 3000);
    network_agree(&net);
}

/* Restored with the copy ahead: nothing is appended before the feed is fetched back; then the
 * node goes on where it was, and nobody sees two histories. */
static void test_copy_ahead(void **state)
{
    (void)state;
    static struct p2p_job job;
    network_start(3, 3, 2);
    struct backup backup = take_backup(1);
    network_ban(&net, 1, "all", SHIP);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 2000);
    uint64_t size = network_size(&net, 1, 1);
    restore(1, &backup, false);
    CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
    struct p2p_record_id id;
    CHECK_ERR(network_try_ban(&net, 1, "all", THIRD, &id), P2P_RDONLY);
    network_check_job(&job, SHIP);
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK(job.result.spooled);
    CHECK(job.result.answer.answer != P2P_ANSWER_REFUSE); /* it does not know it yet */
    network_connect_all(&net);
    network_run(&net);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(network_size(&net, 1, 1) == size);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    network_ban(&net, 1, "all", THIRD);
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 2, THIRD) == P2P_ANSWER_REFUSE);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_FORK) == 0);
    network_restart(&net, 1);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
}

/* Nobody has the lost part: the node stays as it is and says so. */
static void test_copy_ahead_and_nobody_has_it(void **state)
{
    (void)state;
    network_start(2, 2, 3);
    network_cut(&net, 1, 2);
    struct backup backup = take_backup(1);
    network_ban(&net, 1, "all", SHIP);
    restore(1, &backup, false);
    network_connect_all(&net);
    network_advance(&net, 40000);
    CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
    CHECK(network_size(&net, 1, 1) == backup.size);
    CHECK_ERR(network_notes(&net, 1, 1), P2P_RDONLY);
    /* It learns and answers all the same. */
    network_ban(&net, 2, "all", OTHER);
    network_run(&net);
    CHECK(network_check(&net, 1, OTHER) == P2P_ANSWER_REFUSE);
}

/* Store and copy restored together: only what peers hold tells. */
static void test_copy_restored_too(void **state)
{
    (void)state;
    network_start(3, 3, 4);
    struct backup backup = take_backup(1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    uint64_t size = network_size(&net, 1, 1);
    memset(net.nodes[1].watch.size, 0, sizeof(net.nodes[1].watch.size));
    restore(1, &backup, true);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_connect_all(&net);
    network_run(&net);
    CHECK(network_size(&net, 1, 1) == size);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_FORK) == 0);
}

/* Copy missing, or another history: restored, until the charter grants a new generation. */
static void test_copy_missing_or_contradicting(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        static struct p2p_job job;
        network_start(3, 3, 5);
        network_ban(&net, 2, "all", SHIP);
        network_advance(&net, 1000);
        network_kill(&net, 1);
        if (i == 0) {
            net.nodes[1].options.copy_lost = true;
        } else {
            net.nodes[1].options.copy_root.bytes[0] ^= 1;
        }
        CHECK_OK(network_open(&net, 1));
        CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
        uint64_t cosigned = net.nodes[1].watch.count;
        network_connect_all(&net);
        network_ban(&net, 2, "all", OTHER);
        network_advance(&net, 70000);
        CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
        CHECK(net.nodes[1].watch.count == cosigned);
        network_check_job(&job, OTHER);
        CHECK_OK(network_jobs(&net, 1, &job, 1));
        CHECK(job.result.spooled);
        CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
        CHECK_ERR(network_notes(&net, 1, 1), P2P_RDONLY);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* ---- faults ---- */

/* What one try does: node 2 takes a ban and a lift from node 1, decides, and bans by itself. */
static enum p2p_err scenario(void)
{
    struct p2p_record_id id;
    net.pipes[2][1].held = false;
    network_run(&net);
    if (net.nodes[2].engine == NULL) {
        return P2P_IO;
    }
    enum p2p_err err = network_try_ban(&net, 2, "all", OTHER, &id);
    if (err == P2P_OK) {
        static struct p2p_job job;
        network_check_job(&job, SHIP);
        err = network_jobs(&net, 2, &job, 1);
        if (err == P2P_OK) {
            CHECK(job.result.answer.answer == P2P_ANSWER_REFUSE);
        }
    }
    if (err == P2P_OK) {
        network_advance(&net, 1500);
        err = net.nodes[2].engine == NULL ? P2P_IO : P2P_OK;
    }
    return err;
}

static struct memory_kv *base[3];
static struct p2p_engine_options base_options[3];
static struct network_watch base_watch[3];
static uint64_t base_mono_ms, base_wall_ms;

static void make_base(void)
{
    network_start(2, 2, 6);
    network_cut(&net, 1, 2);
    network_ban(&net, 1, "all", SHIP);
    for (uint32_t i = 1; i <= 2; i++) {
        base[i] = memory_kv_clone(net.nodes[i].kv);
        base_options[i] = net.nodes[i].options;
        base_watch[i] = net.nodes[i].watch;
    }
    base_mono_ms = net.mono_ms;
    base_wall_ms = net.wall_ms;
    net.allow_failure = true;
}

static void back_to_base(void)
{
    for (uint32_t i = 1; i <= 2; i++) {
        struct network_node *n = &net.nodes[i];
        if (n->engine != NULL) {
            network_kill(&net, i);
        }
        memory_kv_free(n->kv);
        n->kv = memory_kv_clone(base[i]);
        n->options = base_options[i];
        n->use_faulty = false;
        n->memory.countdown = -1;
        n->watch = base_watch[i];
    }
    net.mono_ms = base_mono_ms;
    net.wall_ms = base_wall_ms;
    net.rng.state = 6;
    CHECK_OK(network_open(&net, 1));
}

/* After a failure: the engine opens from the store, nothing that was told is lost, and the same
 * work then succeeds. */
static void check_sound(void)
{
    struct network_node *n = &net.nodes[2];
    n->use_faulty = false;
    n->memory.countdown = -1;
    if (n->engine != NULL) {
        network_kill(&net, 2);
    }
    CHECK_OK(network_open(&net, 2));
    CHECK(read_only(2) == P2P_READ_ONLY_NONE); /* the copy is never ahead */
    CHECK(network_size(&net, 2, 2) >= n->options.copy_size);
    network_connect_all(&net);
    CHECK_OK(scenario());
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 1, OTHER) == P2P_ANSWER_REFUSE);
}

static void drop_base(void)
{
    for (uint32_t i = 1; i <= 2; i++) {
        memory_kv_free(base[i]);
    }
}

static void fail_store(bool writes_only)
{
    for (long at = 0;; at++) {
        back_to_base();
        struct network_node *n = &net.nodes[2];
        n->use_faulty = true;
        faulty_kv_init(&n->faulty, at, writes_only && at % 2 ? P2P_FULL : P2P_IO);
        n->faulty.writes_only = writes_only;
        enum p2p_err err = network_open(&net, 2);
        if (err == P2P_OK) {
            network_connect_all(&net);
            err = n->engine == NULL ? P2P_IO : scenario();
        }
        bool failed = n->faulty.countdown < 0;
        CHECK(failed ? err == P2P_IO || err == P2P_FULL : err == P2P_OK);
        check_sound();
        if (!failed) {
            CHECK(at > 20);
            return;
        }
    }
}

static void test_any_write_fails(void **state)
{
    (void)state;
    make_base();
    fail_store(true);
    drop_base();
}

static void test_any_step_fails(void **state)
{
    (void)state;
    make_base();
    fail_store(false);
    drop_base();
}

static void test_any_allocation_fails(void **state)
{
    (void)state;
    make_base();
    for (long at = 0;; at++) {
        back_to_base();
        struct network_node *n = &net.nodes[2];
        n->memory.countdown = at;
        enum p2p_err err = network_open(&net, 2);
        if (err == P2P_OK) {
            network_connect_all(&net);
            err = n->engine == NULL ? P2P_NOMEM : scenario();
        }
        bool failed = n->memory.countdown < 0;
        CHECK(failed || err == P2P_OK);
        check_sound();
        if (!failed) {
            CHECK(at > 20);
            break;
        }
    }
    drop_base();
}

/* ---- determinism ---- */

static struct p2p_hash play(void)
{
    network_start(4, 4, 7);
    for (uint32_t i = 0; i < 12; i++) {
        network_ban(&net, 1 + i % 4, i % 4 < 2 ? "police" : "all", i % 2 ? SHIP : OTHER);
        if (i % 4 == 1) {
            network_cut(&net, 1, 2);
        }
        network_advance(&net, 400);
        network_check(&net, 1 + (i + 1) % 4, SHIP);
        if (i % 4 == 3) {
            network_restart(&net, 3);
        }
        network_connect_all(&net);
    }
    network_advance(&net, 61000);
    network_agree(&net);
    return net.transcript;
}

/* A bit that flipped in what it cosigned would end a witness, or have it cosign less. */
static void test_what_was_cosigned_is_spoiled(void **state)
{
    (void)state;
    static const uint8_t key[] = {0, 0, 0, 1, 'w'};
    uint8_t bytes[64];
    struct p2p_slice value;
    network_start(4, 4, 12);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    network_kill(&net, 2);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_FEED, p2p_slice_of(key, sizeof(key)), &value));
    const size_t len = value.len;
    CHECK(len <= sizeof(bytes));
    memcpy(bytes, value.data, len);
    bytes[1 + 8 + 6] ^= 1; /* 256 records more */
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, p2p_slice_of(key, sizeof(key)),
                        p2p_slice_of(bytes, len)));
    CHECK_OK(memory_kv_commit(net.nodes[2].kv));
    CHECK_OK(network_open(&net, 2));
    const struct p2p_witnessing *own = p2p_engine_witnessing(net.nodes[2].engine, 1);
    CHECK(own->own_damaged && own->cosigned_size == network_size(&net, 2, 1));
    network_connect_all(&net);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 2000);
    own = p2p_engine_witnessing(net.nodes[2].engine, 1);
    CHECK(own->cosigned_size == network_size(&net, 1, 1));
    network_restart(&net, 2);
    own = p2p_engine_witnessing(net.nodes[2].engine, 1);
    CHECK(!own->own_damaged && own->cosigned_size == network_size(&net, 1, 1));
}

/* Same events, same actions: every byte sent, trace and wake time. */
static void test_same_events_same_actions(void **state)
{
    (void)state;
    struct p2p_hash first = play();
    network_deinit(&net);
    struct p2p_hash second = play();
    CHECK(p2p_hash_equal(&first, &second));
}

/* What its witness key signed while nobody listened only the copy tells: the times of one key
 * never decrease, also when the clock went back and an old backup was put back. */
static void test_signed_times_do_not_go_back(void **state)
{
    (void)state;
    network_start(3, 3, 13);
    struct backup backup = take_backup(1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 3000);
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    uint64_t size = network_size(&net, 1, 1);
    net.nodes[1].wall_skew_ms = 3600000;
    network_advance(&net, 70000);
    uint64_t signed_s = p2p_engine_signed_time(net.nodes[1].engine);
    CHECK(signed_s > net.wall_ms / 1000 + 3000);
    CHECK(network_size(&net, 1, 1) == size);
    net.nodes[1].wall_skew_ms = 0;
    restore(1, &backup, false);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 130000);
    CHECK(p2p_engine_signed_time(net.nodes[1].engine) >= signed_s);
    CHECK(p2p_engine_witnessing(net.nodes[2].engine, 1)->heartbeat_time_s >= signed_s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_killed_again_and_again, network_stop),
        cmocka_unit_test_teardown(test_copy_ahead, network_stop),
        cmocka_unit_test_teardown(test_prepared_number_is_not_given_again, network_stop),
        cmocka_unit_test_teardown(test_numbers_are_passed_over, network_stop),
        cmocka_unit_test_teardown(test_copy_ahead_and_nobody_has_it, network_stop),
        cmocka_unit_test_teardown(test_copy_restored_too, network_stop),
        cmocka_unit_test_teardown(test_copy_missing_or_contradicting, network_stop),
        cmocka_unit_test_teardown(test_any_write_fails, network_stop),
        cmocka_unit_test_teardown(test_any_step_fails, network_stop),
        cmocka_unit_test_teardown(test_any_allocation_fails, network_stop),
        cmocka_unit_test_teardown(test_what_was_cosigned_is_spoiled, network_stop),
        cmocka_unit_test_teardown(test_signed_times_do_not_go_back, network_stop),
        cmocka_unit_test_teardown(test_same_events_same_actions, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
