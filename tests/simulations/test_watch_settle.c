/* watch_disk.c, watch_view.c, watch_replay.c: what is asked when everything is at rest. */
#include "check.h"

#include "watch_world.h"

static struct watch_world w;
static struct watched m1, m2, m3;
static struct p2p_record_id ban;

enum { STRANGER = 99 }; /* no member */

/* Bans, a lift, an amend, a record of an unknown kind, in two circles, by two members. */
static int setup(void **state)
{
    (void)state;
    watch_world_init(&w);
    ledger_world_seen(&w.world, 1);
    ban = ledger_world_ban(&w.world, 1, COURT_1,
                           &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_ban(&w.world, 1, COURT_1,
                     &(struct ledger_ban){.ground = P2P_GROUND_COURT, .circle = CIRCLE_PAIR});
    ledger_world_write(&w.world, 1, (struct p2p_draft){.kind = 9999}, 0);
    ledger_world_note(&w.world, 1);
    ledger_world_seen(&w.world, 3);
    ledger_world_act(&w.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    watched_init(&m1, &w.world, 1);
    watched_init(&m2, &w.world, 2);
    watched_init(&m3, &w.world, 3);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m1);
    watched_deinit(&m2);
    watched_deinit(&m3);
    watch_world_deinit(&w);
    return 0;
}

static void settle(void)
{
    struct watched *all[] = {&m1, &m2, &m3};
    watched_settle(&w, all, 3);
}

static void take_all(void)
{
    watched_take_all(&m1);
    watched_take_all(&m2);
    watched_take_all(&m3);
}

static void machines_that_hold_the_same_are_as_they_should_be(void **state)
{
    (void)state;
    take_all();
    for (int i = 0; i < 4; i++) { /* each is replayed and walked once */
        settle();
    }
    watch_world_nothing(&w);
    CHECK(w.watcher->replayed > 0);
}

static void one_that_is_behind_is_found(void **state)
{
    (void)state;
    take_all();
    ledger_world_note(&w.world, 1);
    watched_take_all(&m1);
    watched_take_all(&m2);
    settle();
    watch_world_found(&w, SIM_INVARIANT_CONVERGED);
}

static void one_that_stopped_at_an_unknown_kind_is_found(void **state)
{
    (void)state;
    watched_take_all(&m1);
    watched_take_all(&m2);
    watched_take(&m3, 1, 3);
    watched_take(&m3, 3, ledger_world_size(&w.world, 3));
    settle();
    watch_world_found(&w, SIM_INVARIANT_NOT_BLOCKED);
}

/* Another value in one row, with the digest that is due to it. */
static void change_view(struct watched *watched)
{
    static uint8_t row[4096];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    struct p2p_pack pack;
    struct p2p_unpack in;
    struct ledger_node *node = &watched->node;
    ledger_node_begin(node);
    CHECK_OK(p2p_view_get(node->kv, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &ban), &value));
    CHECK(p2p_unpack_find(value, "content", &in));
    p2p_pack_init(&pack, row, sizeof(row));
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "content");
    p2p_pack_raw(&pack, p2p_unpack_raw(&in));
    p2p_pack_text(&pack, "issuer");
    p2p_pack_uint(&pack, COURT_1);
    CHECK_OK(p2p_view_put(&node->ledger, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &ban),
                          p2p_pack_slice(&pack)));
    ledger_node_end(node);
}

static void other_views_are_found(void **state)
{
    (void)state;
    take_all();
    change_view(&m2); /* the lift is gone */
    settle();
    watch_world_found(&w, SIM_INVARIANT_SAME_VIEWS);
}

static void other_views_where_a_clock_was_wrong_are_found(void **state)
{
    (void)state;
    take_all();
    change_view(&m2);
    m2.machine.clock_wrong = true;
    settle();
    watch_world_found(&w, SIM_INVARIANT_TIMELESS);
}

static void replay_finds_what_was_not_kept_up_to_date(void **state)
{
    struct watched *alone[] = {&m2};
    (void)state;
    take_all();
    change_view(&m2);
    watched_settle(&w, alone, 1);
    watch_world_found(&w, SIM_INVARIANT_REPLAY);
}

static void other_verdicts_are_found(void **state)
{
    static const uint8_t row[] = {2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4};
    static const uint8_t value[] = {1, P2P_WHY_REPEATED_SEQ};
    struct watched *alone[] = {&m2};
    (void)state;
    take_all();
    const struct p2p_kv *kv = memory_kv_begin(m2.node.store);
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_ISSUER, p2p_slice_of(row, sizeof(row)),
                        p2p_slice_of(value, sizeof(value))));
    CHECK_OK(memory_kv_commit(m2.node.store));
    watched_settle(&w, alone, 1);
    watch_world_found(&w, SIM_INVARIANT_REPLAY);
}

static void digest_that_is_not_of_the_rows_is_found(void **state)
{
    struct watched *alone[] = {&m2};
    uint8_t key[P2P_ID_KEY_BYTES], row[5 + P2P_VIEW_KEY_BYTES_MAX];
    (void)state;
    take_all();
    w.watcher->settles = m2.machine.number; /* its turn */
    size_t len = p2p_view_row_key(row, P2P_VIEW_BANS, CIRCLE_ALL, p2p_id_key(key, &ban));
    const struct p2p_kv *kv = memory_kv_begin(m2.node.store);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_VIEW, p2p_slice_of(row, len)));
    CHECK_OK(memory_kv_commit(m2.node.store));
    watched_settle(&w, alone, 1);
    watch_world_found(&w, SIM_INVARIANT_REPLAY);
}

/* ---- disks ---- */

static void drop_payload(struct watched *watched)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_kv *kv = memory_kv_begin(watched->node.store);
    CHECK_OK(p2p_kv_del(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &ban)));
    CHECK_OK(memory_kv_commit(watched->node.store));
}

static void leaf_taken_without_its_payload_is_found(void **state)
{
    (void)state;
    take_all();
    drop_payload(&m3);
    settle();
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

static void put_payload(struct watched *watched, const void *bytes, size_t len)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_kv *kv = memory_kv_begin(watched->node.store);
    CHECK_OK(
        p2p_kv_put(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &ban), p2p_slice_of(bytes, len)));
    CHECK_OK(memory_kv_commit(watched->node.store));
}

/* Its disk says that it lacks one payload in a circle. */
static void tell_lack(struct watched *watched, const char *name)
{
    static const uint8_t row[18] = {[0] = 1, [1] = 1, [9] = 1};
    const struct p2p_kv *kv = memory_kv_begin(watched->node.store);
    CHECK_OK(
        p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text(name), p2p_slice_of(row, sizeof(row))));
    CHECK_OK(memory_kv_commit(watched->node.store));
}

/* The roots sealed an entry that put a member in a circle, and its machine never had it. */
static void payloads_of_a_circle_are_asked_for_by_the_charter_that_is_held(void **state)
{
    static const char *const m3_name[] = {"m3"};
    struct world_draft draft;
    (void)state;
    take_all();
    world_draft(&draft);
    world_circle(&draft, "pair", 2, 1, m3_name, 1, NULL, 0);
    ledger_world_entry(&w.world, &draft);
    w.sim.federation.charter = w.world.charter;
    settle();
    watch_world_nothing(&w);
    take_all();
    settle();
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

/* Feed 1 has a ban at 1, whose payload its author and the second machine lost; the third holds
 * `size` of it. */
static void lose_payload(uint64_t size)
{
    teardown(NULL);
    watch_world_init(&w);
    ledger_world_note(&w.world, 1);
    ban = ledger_world_ban(&w.world, 1, COURT_1,
                           &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_note(&w.world, 1);
    watched_init(&m1, &w.world, 1);
    watched_init(&m2, &w.world, 2);
    watched_init(&m3, &w.world, 3);
    m1.node.member = STRANGER; /* nobody gives them payloads */
    m2.node.member = STRANGER;
    watched_take(&m1, 1, 3);
    watched_take(&m2, 1, 3);
    watched_take(&m3, 1, size);
    tell_lack(&m1, "lack/1");
    tell_lack(&m2, "lack/1");
}

static void one_that_stands_before_a_payload_that_nobody_gives_may(void **state)
{
    (void)state;
    lose_payload(1);
    settle();
    watch_world_nothing(&w);
    const struct p2p_cosign_body body = watch_world_cosign(&w.world, 2, 1, 3, 100);
    watched_cosign(&w, &m2, &body); /* an honest witness went further */
    settle();
    watch_world_found(&w, SIM_INVARIANT_CONVERGED);
}

static void one_that_stands_before_a_payload_that_somebody_has_is_found(void **state)
{
    (void)state;
    lose_payload(1);
    const struct written *written = ledger_world_record(&w.world, &ban);
    put_payload(&m2, written->salted.data, written->salted.len);
    m1.machine.may_be_hurt = true; /* it would be asked why it lacks it */
    settle();
    watch_world_found(&w, SIM_INVARIANT_CONVERGED);
}

static void one_that_could_come_to_where_nobody_has_it_is_found(void **state)
{
    struct watched m4;
    struct watched *all[] = {&m1, &m2, &m3, &m4};
    (void)state;
    lose_payload(1);
    ledger_world_note(&w.world, 2); /* it holds something, so it was heard of */
    watched_take(&m1, 2, 1);
    watched_take(&m2, 2, 1);
    watched_take(&m3, 2, 1);
    watched_init(&m4, &w.world, 4);
    watched_take(&m4, 2, 1);
    watched_settle(&w, all, 4); /* m3 has a head at 1 */
    watched_deinit(&m4);
    watch_world_found(&w, SIM_INVARIANT_CONVERGED);
}

static void payload_that_does_not_open_its_leaf_is_found(void **state)
{
    static const char salted[33] = {[32] = '\x80'};
    (void)state;
    take_all();
    put_payload(&m2, salted, sizeof(salted));
    settle();
    watch_world_found(&w, SIM_INVARIANT_ROOT_RECOMPUTED);
}

static void damage_has_to_be_repaired_in_time(void **state)
{
    static const char salted[33] = {[32] = '\x80'};
    (void)state;
    take_all();
    settle();
    m2.machine.may_be_hurt = true;
    m2.machine.left[1].walked = 0;
    put_payload(&m2, salted, sizeof(salted));
    settle();
    watch_world_nothing(&w);
    w.sim.schedule.now_us = 24 * SIM_HOUR;
    settle();
    watch_world_found(&w, SIM_INVARIANT_DAMAGE_FOUND);
}

static void head_that_the_owner_did_not_sign_is_found(void **state)
{
    struct p2p_tree_head head = watch_world_head(&w.world, 1, 5);
    struct ledger_node *node = &m2.node;
    (void)state;
    take_all();
    head.signature.bytes[0] ^= 1;
    ledger_node_begin(node);
    CHECK_OK(p2p_feed_set_head(p2p_ledger_feed(&node->ledger, 1), node->kv, &head,
                               p2p_slice_of(NULL, 0)));
    ledger_node_end(node);
    settle();
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(machines_that_hold_the_same_are_as_they_should_be),
        T(one_that_is_behind_is_found),
        T(one_that_stopped_at_an_unknown_kind_is_found),
        T(other_views_are_found),
        T(other_views_where_a_clock_was_wrong_are_found),
        T(replay_finds_what_was_not_kept_up_to_date),
        T(other_verdicts_are_found),
        T(digest_that_is_not_of_the_rows_is_found),
        T(leaf_taken_without_its_payload_is_found),
        T(payloads_of_a_circle_are_asked_for_by_the_charter_that_is_held),
        T(one_that_stands_before_a_payload_that_nobody_gives_may),
        T(one_that_stands_before_a_payload_that_somebody_has_is_found),
        T(one_that_could_come_to_where_nobody_has_it_is_found),
        T(payload_that_does_not_open_its_leaf_is_found),
        T(damage_has_to_be_repaired_in_time),
        T(head_that_the_owner_did_not_sign_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
