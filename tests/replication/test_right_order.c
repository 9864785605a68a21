/* Rights as a function of a set of records: any order, the same bytes; taken back, nothing. */
#include "check.h"

#include "ledger_history.h"
#include "right_history.h"

static void tell(const struct right_met *met)
{
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        print_message("%s %u ", p2p_right_state_word((enum p2p_right_state)i), met->states[i]);
    }
    print_message(
        "blocks %u (%u carried) unruled %u unsure %u green %u away %u overrides %u unfit %u "
        "assigned %u\n",
        met->blocks, met->rescued, met->unruled, met->unsure, met->lights_green,
        met->lights_away, met->overrides, met->unfit, met->assigned);
}

static void check_orders(uint64_t seed, unsigned orders, bool forks, struct right_met *met)
{
    struct rng rng = {seed};
    struct ledger_world world;
    struct ledger_node replay;
    print_message("seed %llu\n", (unsigned long long)seed);
    right_history_write(&world, &rng, 80 + (unsigned)rng_below(&rng, 80), forks, met);
    ledger_node_init(&replay, &world, 0);
    ledger_node_take_all(&replay);
    ledger_node_check_digests(&replay);
    for (unsigned order = 0; order < orders; order++) {
        struct ledger_node node;
        ledger_node_init(&node, &world, 0);
        ledger_history_take(&node, &rng);
        ledger_node_check_same(&node, &replay);
        ledger_node_check_digests(&node);
        ledger_node_deinit(&node);
    }
    ledger_node_deinit(&replay);
    ledger_world_deinit(&world);
}

/* Without this, two ports with the same records would let different drivers in. */
static void test_orders(void **state)
{
    static struct right_met met;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        check_orders(seed, 4, false, &met);
    }
    tell(&met);
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        CHECK(i == P2P_RIGHT_EXPIRED || met.states[i] > 0);
    }
    CHECK(met.unruled > 20 && met.unsure > 10 && met.lights_green > 20);
    CHECK(met.lights_away > 20 && met.overrides > 0 && met.unfit > 0 && met.assigned > 5);
}

/* The same with feeds that end where some already know it. */
static void test_orders_with_forks(void **state)
{
    static struct right_met met;
    (void)state;
    for (uint64_t seed = 101; seed <= 108; seed++) {
        check_orders(seed, 4, true, &met);
    }
    tell(&met);
    CHECK(met.rescued > 5);
}

/* Without this, what came late would be looked at only when more came after it: at any time on
 * the way a node holds what one that took the same at once holds. */
static void test_on_the_way(void **state)
{
    static struct right_met met;
    (void)state;
    for (uint64_t seed = 201; seed <= 208; seed++) {
        struct rng rng = {seed};
        struct ledger_world world;
        struct ledger_node node;
        print_message("seed %llu\n", (unsigned long long)seed);
        right_history_write(&world, &rng, 60, false, &met);
        ledger_node_init(&node, &world, 0);
        ledger_node_begin(&node);
        ledger_node_charter(&node, world.entry_count);
        for (unsigned round = 0; round < 12; round++) {
            struct ledger_node fresh;
            uint32_t f = 1 + (uint32_t)rng_below(&rng, LEDGER_WORLD_MEMBERS);
            uint64_t held = p2p_ledger_feed(&node.ledger, f)->edge.size;
            ledger_node_take(&node, f,
                             held + rng_below(&rng, ledger_world_size(&world, f) - held + 1));
            ledger_node_end(&node);
            ledger_node_init(&fresh, &world, 0);
            ledger_node_begin(&fresh);
            ledger_node_charter(&fresh, world.entry_count);
            for (f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
                ledger_node_take(&fresh, f, p2p_ledger_feed(&node.ledger, f)->edge.size);
            }
            ledger_node_end(&fresh);
            ledger_node_check_same(&node, &fresh);
            ledger_node_deinit(&fresh);
            ledger_node_begin(&node);
        }
        ledger_node_end(&node);
        ledger_node_deinit(&node);
        ledger_world_deinit(&world);
    }
}

/* Without this, what a forked feed held beyond its end would go on acting where it was held. */
static void test_cut_back(void **state)
{
    static struct right_met met;
    (void)state;
    for (uint64_t seed = 501; seed <= 506; seed++) {
        struct rng rng = {seed};
        struct ledger_world world;
        print_message("seed %llu\n", (unsigned long long)seed);
        right_history_write(&world, &rng, 80, false, &met);
        for (unsigned round = 0; round < 3; round++) {
            struct ledger_node node, less;
            ledger_node_init(&node, &world, 0);
            ledger_node_init(&less, &world, 0);
            ledger_history_take(&node, &rng);
            ledger_node_begin(&less);
            ledger_node_charter(&less, world.entry_count);
            ledger_node_begin(&node);
            for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS; f++) {
                uint64_t size = ledger_world_size(&world, f);
                if (rng_below(&rng, 2) == 0) {
                    struct p2p_tree_head head = {.size = rng_below(&rng, size + 1)};
                    head.root = ledger_world_root(&world, f, head.size);
                    CHECK_OK(p2p_ledger_cut(&node.ledger, f, &head));
                    size = head.size;
                }
                ledger_node_take(&less, f, size);
            }
            ledger_node_end(&node);
            ledger_node_end(&less);
            ledger_node_check_same(&node, &less);
            ledger_node_check_digests(&node);
            ledger_node_deinit(&less);
            ledger_node_deinit(&node);
        }
        ledger_world_deinit(&world);
    }
}

/* Without this, a batch that fails halfway would leave a right that no record says. */
static void test_every_step_fails(void **state)
{
    static struct right_met met;
    struct rng rng = {9};
    struct ledger_world world;
    struct ledger_node expected;
    (void)state;
    right_history_write(&world, &rng, 50, false, &met);
    ledger_node_init(&expected, &world, 0);
    ledger_node_take_all(&expected);
    for (int memory = 0; memory < 2; memory++) {
        long steps = 0, stride = 1;
        for (long at = -1; at < steps; at += at < 0 ? 1 : stride) {
            struct ledger_node node;
            enum p2p_err err = P2P_OK;
            ledger_node_init(&node, &world, 0);
            ledger_node_begin(&node);
            node.faulty.steps = 0;
            node.heap.calls = 0;
            node.faulty.countdown = memory ? -1 : at;
            node.heap.countdown = memory ? at : -1;
            err = ledger_node_try_charter(&node, world.entry_count);
            for (uint32_t f = 1; f <= LEDGER_WORLD_MEMBERS && err == P2P_OK; f++) {
                err = ledger_node_try_take(&node, f, ledger_world_size(&world, f));
            }
            if (err == P2P_OK) {
                err = p2p_ledger_finish(&node.ledger);
            }
            if (at < 0) { /* the run that counts */
                CHECK_OK(err);
                steps = memory ? node.heap.calls : node.faulty.steps;
                stride = 1 + steps / 60;
            } else {
                CHECK_ERR(err, memory ? P2P_NOMEM : P2P_IO);
            }
            node.faulty.countdown = -1;
            node.heap.countdown = -1;
            node.faulty.tripped = false;
            ledger_node_abort(&node);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),           cmocka_unit_test(test_orders_with_forks),
        cmocka_unit_test(test_on_the_way),       cmocka_unit_test(test_cut_back),
        cmocka_unit_test(test_every_step_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
