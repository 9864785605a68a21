#include "check.h"
#include "ledger_history.h"
#include "rng.h"

#include <stdlib.h>

/* ---- taken in some order ---- */

/* Without this, two ports with the same records would enforce different bans, or could not tell
 * that they agree: 1,000 orders and batchings of random records, by honest and other members,
 * with charter entries early, late and in between. */
static void test_thousand_orders(void **state)
{
    enum { WORLDS = 40, ORDERS = 25 };
    unsigned in_force = 0, lifted = 0, suspended = 0, void_bans = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        struct rng rng = {seed};
        struct ledger_world world;
        struct ledger_node replay;
        print_message("seed %llu\n", (unsigned long long)seed);
        ledger_history_write(&world, &rng, 40 + (unsigned)rng_below(&rng, 40), false);
        ledger_node_init(&replay, &world, 0);
        ledger_node_take_all(&replay);
        ledger_node_check_digests(&replay);
        for (unsigned order = 0; order < ORDERS; order++) {
            struct ledger_node node;
            ledger_node_init(&node, &world, 0);
            ledger_history_take(&node, &rng);
            ledger_node_check_same(&node, &replay);
            ledger_node_check_digests(&node);
            ledger_node_deinit(&node);
        }
        const struct p2p_kv *kv = memory_kv_begin(replay.store);
        for (uint32_t circle = CIRCLE_ALL; circle <= CIRCLE_PAIR; circle++) {
            struct p2p_ban ban;
            enum p2p_err err = p2p_ban_next(kv, circle, NULL, true, &ban);
            for (; err == P2P_OK; err = p2p_ban_next(kv, circle, &ban.id, false, &ban)) {
                enum p2p_ban_state is = p2p_ban_state_at(&ban, LEDGER_WORLD_TIME_MS);
                in_force += is == P2P_BAN_IN_FORCE;
                lifted += is == P2P_BAN_LIFTED;
                suspended += is == P2P_BAN_SUSPENDED;
                void_bans += is == P2P_BAN_NO_EFFECT;
            }
            CHECK_ERR(err, P2P_NOTFOUND);
        }
        memory_kv_abort(replay.store);
        ledger_node_deinit(&replay);
        ledger_world_deinit(&world);
    }
    print_message("%u in force, %u lifted, %u suspended, %u without effect\n", in_force, lifted,
                  suspended, void_bans);
    CHECK(in_force > 100 && lifted > 20 && suspended > 10 && void_bans > 100);
}

static void cut(struct ledger_node *node, uint32_t feed, uint64_t size)
{
    const struct p2p_tree_head head = {.size = size,
                                       .root = ledger_world_root(node->world, feed, size)};
    CHECK_OK(p2p_ledger_cut(&node->ledger, feed, &head));
}

/* Without this, what a forked feed held beyond its end would go on acting where it was held and
 * nowhere else: a ledger cut back is, byte for byte, one that never took more, and it can take
 * the same records again. */
static void test_cut_back(void **state)
{
    (void)state;
    for (uint64_t seed = 501; seed <= 530; seed++) {
        struct rng rng = {seed};
        struct ledger_world world;
        struct ledger_node whole;
        print_message("seed %llu\n", (unsigned long long)seed);
        ledger_history_write(&world, &rng, 60 + (unsigned)rng_below(&rng, 60), false);
        ledger_node_init(&whole, &world, 0);
        ledger_node_take_all(&whole);
        for (unsigned round = 0; round < 6; round++) {
            struct ledger_node node, less;
            uint64_t sizes[LEDGER_WORLD_MEMBERS + 1];
            ledger_node_init(&node, &world, 0);
            ledger_node_init(&less, &world, 0);
            ledger_history_take(&node, &rng);
            ledger_node_begin(&less);
            ledger_node_charter(&less, world.entry_count);
            ledger_node_begin(&node);
            for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
                sizes[f] = ledger_world_size(&world, f);
                for (unsigned times = (unsigned)rng_below(&rng, 3); times > 0; times--) {
                    sizes[f] = rng_below(&rng, sizes[f] + 1);
                    cut(&node, f, sizes[f]);
                    if (rng_below(&rng, 2) == 0) {
                        ledger_node_end(&node);
                        ledger_node_begin(&node);
                    }
                }
                ledger_node_take(&less, f, sizes[f]);
            }
            ledger_node_end(&node);
            ledger_node_end(&less);
            ledger_node_check_same(&node, &less);
            ledger_node_check_digests(&node);
            if (rng_below(&rng, 2) == 0) {
                ledger_node_reopen(&node);
            }
            ledger_node_begin(&node);
            for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
                ledger_node_take(&node, f, ledger_world_size(&world, f));
            }
            ledger_node_end(&node);
            ledger_node_check_same(&node, &whole);
            ledger_node_deinit(&less);
            ledger_node_deinit(&node);
        }
        ledger_node_deinit(&whole);
        ledger_world_deinit(&world);
    }
}

/* Without this, a node that is not in a circle would disagree with others of its kind, or take
 * part in what it cannot read. */
static void test_orders_without_payloads(void **state)
{
    (void)state;
    for (uint64_t seed = 101; seed <= 106; seed++) {
        struct rng rng = {seed};
        struct ledger_world world;
        struct ledger_node replay, everything;
        struct p2p_hash digest, other;
        ledger_history_write(&world, &rng, 60, false);
        ledger_node_init(&replay, &world, 4);
        ledger_node_take_all(&replay);
        ledger_node_init(&everything, &world, 0);
        ledger_node_take_all(&everything);
        for (unsigned order = 0; order < 8; order++) {
            struct ledger_node node;
            ledger_node_init(&node, &world, 3); /* in the same circles as 4 */
            ledger_history_take(&node, &rng);
            ledger_node_check_same(&node, &replay);
            ledger_node_check_digests(&node);
            ledger_node_deinit(&node);
        }
        /* What everybody can compare is the same for all; so is a circle both are in. */
        CHECK_OK(p2p_leaves_digest(&replay.ledger, &digest));
        CHECK_OK(p2p_leaves_digest(&everything.ledger, &other));
        CHECK(p2p_hash_equal(&digest, &other));
        const struct p2p_kv *kv = memory_kv_begin(replay.store);
        struct p2p_ban ban;
        CHECK_ERR(p2p_ban_next(kv, CIRCLE_PAIR, NULL, true, &ban), P2P_NOTFOUND);
        CHECK_OK(p2p_view_digest(&replay.ledger, kv, P2P_VIEW_BANS, CIRCLE_ALL, &digest));
        memory_kv_abort(replay.store);
        kv = memory_kv_begin(everything.store);
        CHECK_OK(p2p_view_digest(&everything.ledger, kv, P2P_VIEW_BANS, CIRCLE_ALL, &other));
        CHECK(p2p_hash_equal(&digest, &other));
        memory_kv_abort(everything.store);
        ledger_node_deinit(&everything);
        ledger_node_deinit(&replay);
        ledger_world_deinit(&world);
    }
}

/* Without this, a batch that fails halfway would leave marks, rows or digests of records that
 * were never committed: every store call and every allocation fails once. */
static void test_every_step_fails(void **state)
{
    struct rng rng = {9};
    struct ledger_world world;
    struct ledger_node expected;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    ledger_history_write(&world, &rng, 24, false);
    ledger_node_init(&expected, &world, 0);
    ledger_node_take_all(&expected);
    for (int memory = 0; memory < 2; memory++) {
        long steps = 0, stride = 1;
        for (long at = -1; at < steps; at += at < 0 ? 1 : stride) {
            struct ledger_node node;
            enum p2p_err err = P2P_OK;
            ledger_node_init(&node, &world, 0);
            ledger_node_begin(&node);
            ledger_node_charter(&node, 1);
            ledger_node_take(&node, 1, ledger_world_size(&world, 1) / 2);
            ledger_node_take(&node, 2, ledger_world_size(&world, 2) / 2);
            ledger_node_end(&node);
            struct memory_kv *before = memory_kv_clone(node.store);

            ledger_node_begin(&node);
            node.faulty.steps = 0;
            node.heap.calls = 0;
            node.faulty.countdown = memory ? -1 : at;
            node.heap.countdown = memory ? at : -1;
            err = ledger_node_try_charter(&node, world.entry_count);
            for (uint32_t f = LEDGER_WORLD_MEMBERS; f >= 1 && err == P2P_OK; f--) {
                err = ledger_node_try_take(&node, f, ledger_world_size(&world, f));
            }
            if (err == P2P_OK) {
                err = p2p_ledger_finish(&node.ledger);
            }
            if (at < 0) { /* the run that counts */
                CHECK_OK(err);
                steps = memory ? node.heap.calls : node.faulty.steps;
                stride = 1 + steps / 400;
                CHECK(steps > (memory ? 10 : 100));
            } else {
                CHECK_ERR(err, memory ? P2P_NOMEM : P2P_IO);
            }
            node.faulty.countdown = -1;
            node.heap.countdown = -1;
            node.faulty.tripped = false;
            ledger_node_abort(&node);
            CHECK(memory_kv_equal(node.store, before));
            memory_kv_free(before);
            if (at < 0 || at % (5 * stride) == 0) {
                ledger_node_take_all(&node);
                ledger_node_check_same(&node, &expected);
            }
            ledger_node_deinit(&node);
        }
    }
    ledger_node_deinit(&expected);
    ledger_world_deinit(&world);
}

/* ---- values, marks and touches by themselves ---- */

/* Without this, the digest of a view would depend on the way to it, not on what stands there.
 */
static void test_put_and_digest(void **state)
{
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_hash empty, one, two, now;
    struct p2p_slice value;
    const struct p2p_slice key_a = p2p_slice_text("a"), key_b = p2p_slice_text("ab");
    (void)state;
    ledger_world_init(&world);
    ledger_node_init(&node, &world, 0);
    struct p2p_ledger *ledger = &node.ledger;
    ledger_node_begin(&node);
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &empty));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_a, p2p_slice_text("x")));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &one));
    CHECK(!p2p_hash_equal(&empty, &one));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_b, p2p_slice_text("y")));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &two));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_a, p2p_slice_text("z")));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_a, p2p_slice_text("x")));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_a, p2p_slice_text("x")));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &now));
    CHECK(p2p_hash_equal(&now, &two));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 2, &now)); /* its own circle's */
    CHECK(p2p_hash_equal(&now, &empty));
    CHECK_ERR(p2p_view_get(node.kv, P2P_VIEW_BANS, 2, key_a, &value), P2P_NOTFOUND);
    CHECK_OK(p2p_view_get(node.kv, P2P_VIEW_BANS, 1, key_a, &value));
    CHECK(p2p_slice_equal(value, p2p_slice_text("x")));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_b, p2p_slice_text("")));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_b, p2p_slice_text("")));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &now));
    CHECK(p2p_hash_equal(&now, &one));
    ledger_node_end(&node);
    ledger_node_reopen(&node);
    ledger_node_begin(&node);
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &now));
    CHECK(p2p_hash_equal(&now, &one));
    CHECK_OK(p2p_view_put(ledger, P2P_VIEW_BANS, 1, key_a, p2p_slice_text("")));
    CHECK_OK(p2p_view_digest(ledger, node.kv, P2P_VIEW_BANS, 1, &now));
    CHECK(p2p_hash_equal(&now, &empty));
    ledger_node_end(&node);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* Without this, a fold would miss a record that acts on its key, or read its neighbour's. */
static void test_touches(void **state)
{
    static const struct p2p_record_id ids[] = {
        {1, 0}, {1, 1}, {1, UINT64_MAX - 1}, {2, 0}, {UINT32_MAX, 5}};
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    (void)state;
    ledger_world_init(&world);
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    for (size_t i = 5; i-- > 0;) {
        CHECK_OK(p2p_touch_add(&node.ledger, P2P_VIEW_BANS, p2p_slice_text("key"), &ids[i]));
        CHECK_OK(p2p_touch_add(&node.ledger, P2P_VIEW_BANS, p2p_slice_text("kez"), &ids[i]));
        CHECK_OK(p2p_touch_add(&node.ledger, P2P_VIEW_BANS, p2p_slice_text("ke"), &ids[0]));
    }
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_slice_text("key"));
    for (size_t i = 0; i < 5; i++) {
        CHECK_OK(p2p_touch_next(&walk, node.kv, &by));
        CHECK(p2p_record_id_compare(&by, &ids[i]) == 0);
    }
    CHECK_ERR(p2p_touch_next(&walk, node.kv, &by), P2P_NOTFOUND);
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_slice_text("kex"));
    CHECK_ERR(p2p_touch_next(&walk, node.kv, &by), P2P_NOTFOUND);
    ledger_node_end(&node);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* Without this, one record that names very many bans would stop its feed for want of memory:
 * more marks than are held at one time are folded on the way. */
static void test_more_marks_than_held(void **state)
{
    struct ledger_world world;
    struct ledger_node node;
    static struct p2p_record_id many[P2P_CITES_MAX];
    struct p2p_record_id suspends[20];
    (void)state;
    ledger_world_init(&world);
    ledger_world_seen(&world, 1);
    struct p2p_record_id ban =
        ledger_world_ban(&world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    for (size_t s = 0; s < 20; s++) { /* 20 suspends of 1,024 each: most of them do not exist */
        for (size_t i = 0; i < P2P_CITES_MAX; i++) {
            many[i] = (struct p2p_record_id){2, 1000 * s + i};
        }
        suspends[s] = ledger_world_act(&world, 1, COURT_1, P2P_KIND_BAN_SUSPEND, CIRCLE_ALL,
                                       many, P2P_CITES_MAX);
    }
    ledger_world_act(&world, 1, COURT_1, P2P_KIND_BAN_RESUME, CIRCLE_ALL, suspends, 20);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(ledger_node_state(&node, CIRCLE_ALL, &ban) == P2P_BAN_IN_FORCE);
    CHECK(node.heap.peak_bytes < 16u << 20);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_and_digest),
        cmocka_unit_test(test_touches),
        cmocka_unit_test(test_more_marks_than_held),
        cmocka_unit_test(test_orders_without_payloads),
        cmocka_unit_test(test_every_step_fails),
        cmocka_unit_test(test_thousand_orders),
        cmocka_unit_test(test_cut_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
