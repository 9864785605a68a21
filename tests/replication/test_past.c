/* The past against an oracle: a fresh ledger that took exactly the records below the horizon.
 */
#include "check.h"
#include "custody_history.h"
#include "ledger_history.h"
#include "past_oracle.h"
#include "right_history.h"

#include <stdio.h>

static struct past_met met;

/* ---- random histories ---- */

/* Any horizon, then forward in steps from it as an audit goes, then back. */
static void walk_horizons(struct p2p_past *past, const struct ledger_world *world,
                          struct rng *rng)
{
    uint64_t whole[PAST_FEEDS], sizes[PAST_FEEDS] = {1};
    past_oracle_sizes(world, whole);
    for (unsigned round = 0; round < 12; round++) {
        if (round % 6 == 0) {
            for (uint32_t f = 0; f < PAST_FEEDS; f++) {
                sizes[f] = rng_below(rng, whole[f] + 1);
            }
            sizes[0] += sizes[0] == 0;
        }
        uint32_t f = (uint32_t)rng_below(rng, PAST_FEEDS);
        sizes[f] += rng_below(rng, whole[f] - sizes[f] + 1);
        past_oracle_check(past, world, sizes, &met);
    }
    past_oracle_check(past, world, whole, &met);
}

enum sort { BANS, FORKS, CUSTODY, RIGHTS, RIGHTS_AND_FORKS };

static void check_history(uint64_t seed, enum sort sort)
{
    struct rng rng = {seed};
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_past *past;
    print_message("seed %llu\n", (unsigned long long)seed);
    unsigned steps = 40 + (unsigned)rng_below(&rng, 60);
    struct custody_met custody = {.passed = 0};
    struct right_met rights = {.blocks = 0};
    if (sort == CUSTODY) {
        custody_history_write(&world, &rng, steps, seed % 2 == 0, &custody);
    } else if (sort == RIGHTS || sort == RIGHTS_AND_FORKS) {
        right_history_write(&world, &rng, steps, sort == RIGHTS_AND_FORKS, &rights);
    } else {
        ledger_history_write(&world, &rng, steps, sort == FORKS);
    }
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
    walk_horizons(past, &world, &rng);
    CHECK(!memory_kv_has_written(node.store));
    p2p_past_free(past);
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* Without this, an auditor would hold a gate to what it could not know, or to less than it
 * knew. */
static void test_random_histories(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t seed = 1; seed <= 25; seed++) {
        check_history(seed, BANS);
    }
    CHECK(met.values > 1000 && met.reasons > 100 && met.lifted > 50 && met.suspended > 20 &&
          met.without_effect > 100 && met.forked == 0);
}

/* The same with feeds that end where some already know it, and bans carried on from there. */
static void test_forks(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t seed = 101; seed <= 140; seed++) {
        check_history(seed, FORKS);
    }
    CHECK(met.values > 1000 && met.reasons > 100 && met.forked > 50 && met.rescued > 50 &&
          met.closed > 10);
}

/* A gate's release would be held against custody that was not so then. */
static void test_custody(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t seed = 201; seed <= 213; seed++) {
        check_history(seed, CUSTODY);
    }
    print_message("released by rescue %u\n", met.carried);
    CHECK(met.custody > 500 && met.frozen > 25 && met.passed > 25 && met.closed > 5);
    CHECK(met.carried > 10);
}

/* And against rights, which are folded from what custody was. */
static void test_rights(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t seed = 301; seed <= 308; seed++) {
        check_history(seed, RIGHTS);
    }
    CHECK(met.rights > 250 && met.custody > 50 && met.walked > 200);
    for (uint64_t seed = 316; seed <= 321; seed++) {
        check_history(seed, RIGHTS_AND_FORKS);
    }
    CHECK(met.forked > 10);
}

/* ---- two heads of the charter ---- */

/* Without this, decisions taken before anybody knew of the second head would be judged by a
 * charter that nobody had then. An issuer named above the split is unknown to the whole ledger,
 * which forgot his numbers; who knew of one head knew him. */
static void test_two_heads(void **state)
{
    static struct world_draft draft;
    static struct world_entry rival;
    struct ledger_world world;
    struct charter_world before;
    struct ledger_node node;
    struct p2p_past *past;
    uint64_t split;
    (void)state;
    ledger_world_init(&world);
    ledger_world_seen(&world, 2);
    before = world.charter_world;
    ledger_world_grant(&world, LATE_2, 2, "ban-court", "*");
    ledger_world_seen(&world, 2);
    for (unsigned i = 0; i < 3; i++) {
        struct p2p_record_id id = ledger_world_ban(
            &world, 2, LATE_2, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
        ledger_world_seen(&world, 1);
        ledger_world_act(&world, 1, COURT_1, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &id, i == 1);
    }
    world.next_seq[LATE_2]--; /* a number used twice, and a signature that is none */
    ledger_world_ban(&world, 2, LATE_2, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_write(&world, 2,
                       (struct p2p_draft){.kind = P2P_KIND_BAN_LIFT,
                                          .circle = CIRCLE_ALL,
                                          .issuer = LATE_2,
                                          .issuer_seq = 99,
                                          .payload = p2p_slice_text("\x81\xa6reason\xa1x")},
                       WRITE_BAD_SIGNATURE);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    world_draft(&draft);
    world_grant(&draft, "rival-3", 31, "m3", "ban-court", "*");
    world_seal(&before, &draft, LEDGER_WORLD_ROOTS, &rival);
    ledger_node_begin(&node);
    CHECK_ERR(p2p_ledger_apply_charter(&node.ledger, 1,
                                       p2p_slice_of(rival.leaf, rival.leaf_len),
                                       p2p_slice_of(rival.note, rival.note_len), NULL),
              P2P_FORKED);
    ledger_node_end(&node);
    CHECK(p2p_charter_good_size(node.ledger.charter) == 1);
    CHECK(p2p_charter_parted(node.ledger.charter, 2, &split) && split == 1);
    CHECK(!p2p_charter_parted(node.ledger.charter, 1, &split));
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
    for (uint64_t size = 0; size <= ledger_world_size(&world, 2); size++) {
        const uint64_t sizes[PAST_FEEDS] = {1 + size % 2, ledger_world_size(&world, 1), size, 0,
                                            0};
        past_oracle_check(past, &world, sizes, &met);
    }
    /* Who knew of both stood at the split, as the whole ledger does. */
    uint64_t whole[PAST_FEEDS];
    past_oracle_sizes(&world, whole);
    CHECK_OK(p2p_past_set(
        past, &(struct p2p_horizon){.sizes = whole, .count = PAST_FEEDS, .good_size = 1}));
    struct memory_kv *copy = memory_kv_clone(node.store);
    for (uint32_t circle = 0; circle <= CIRCLE_PAIR; circle++) {
        past_oracle_view(&world, p2p_past_kv(past), memory_kv_begin(copy), P2P_VIEW_BANS,
                         circle, &met);
        memory_kv_abort(copy);
    }
    memory_kv_free(copy);
    p2p_past_free(past);
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* ---- kinds ---- */

/* Without this, a decision of a node that lacks a kind would be computed once more with it. */
static void test_kinds_unknown(void **state)
{
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_past *past;
    struct p2p_ban ban;
    uint64_t whole[PAST_FEEDS];
    (void)state;
    ledger_world_init(&world);
    ledger_world_seen(&world, 1);
    struct p2p_record_id id =
        ledger_world_ban(&world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    past_oracle_sizes(&world, whole);
    for (unsigned unknown = 0; unknown < 2; unknown++) {
        const struct p2p_kv *kv = memory_kv_begin(node.store);
        node.ledger.kinds_unknown = (uint64_t)unknown << P2P_KIND_BAN_IMPOSE;
        CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
        CHECK_OK(
            p2p_past_set(past, &(struct p2p_horizon){.sizes = whole, .count = PAST_FEEDS}));
        CHECK_ERR(p2p_ban_get(p2p_past_kv(past), CIRCLE_ALL, &id, &ban),
                  unknown ? P2P_NOTFOUND : P2P_OK);
        p2p_past_free(past);
        memory_kv_abort(node.store);
    }
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* ---- bounds ---- */

/* Without this, a horizon that names more than an archive holds would look complete, and
 * somebody could write to the past. */
static void test_more_than_is_held(void **state)
{
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_past *past;
    struct p2p_slice value = {0};
    uint64_t sizes[] = {1, 2, 1, 0, 0, 0};
    (void)state;
    ledger_world_init(&world);
    ledger_world_seen(&world, 1);
    ledger_world_ban(&world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_world_seen(&world, 2);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
    CHECK_OK(p2p_past_set(past, &(struct p2p_horizon){.sizes = sizes, .count = 6}));
    CHECK(!p2p_past_lacks(past));
    static const struct {
        size_t feed;
        uint64_t size;
    } more[] = {{0, 2}, {1, 3}, {4, 1}, {5, 1}};
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        uint64_t was = sizes[more[i].feed];
        sizes[more[i].feed] = more[i].size;
        CHECK_OK(p2p_past_set(past, &(struct p2p_horizon){.sizes = sizes, .count = 6}));
        CHECK(p2p_past_lacks(past));
        sizes[more[i].feed] = was;
    }
    CHECK_OK(p2p_past_set(
        past, &(struct p2p_horizon){.sizes = sizes, .count = 2})); /* feed 2: nothing */
    CHECK(p2p_past_ledger(past)->feeds[2]->edge.size == 0);
    for (int table = 0; table < P2P_TABLE_COUNT; table++) {
        CHECK_ERR(
            p2p_kv_put(p2p_past_kv(past), (enum p2p_table)table, p2p_slice_text("key"), value),
            P2P_RDONLY);
        CHECK_ERR(p2p_kv_del(p2p_past_kv(past), (enum p2p_table)table, p2p_slice_text("key")),
                  P2P_RDONLY);
    }
    p2p_past_free(past);
    p2p_past_free(NULL);
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* Without this, a past without memory would leak, or answer from half a horizon. */
static void test_every_allocation_fails(void **state)
{
    struct rng rng = {111};
    struct ledger_world world;
    struct ledger_node node;
    uint64_t whole[PAST_FEEDS];
    bool through = false;
    (void)state;
    ledger_history_write(&world, &rng, 70, true);
    past_oracle_sizes(&world, whole);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    for (long at = 0; !through; at++) {
        struct faulty_alloc heap;
        struct p2p_past *past = NULL;
        struct p2p_hash digest;
        struct p2p_horizon horizon = {.sizes = whole, .count = PAST_FEEDS};
        faulty_alloc_init(&heap, at);
        enum p2p_err err = p2p_past_new(&past, &heap.alloc, &node.ledger, kv);
        if (err == P2P_OK) {
            err = p2p_past_set(past, &horizon);
        }
        if (err == P2P_OK) {
            err = p2p_past_digest(past, P2P_VIEW_BANS, CIRCLE_ALL, &digest);
        }
        through = err == P2P_OK && !heap.tripped;
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        if (past != NULL) {
            heap.countdown = -1;
            past_oracle_check(past, &world, whole, &met);
        }
        p2p_past_free(past);
        CHECK(heap.live_bytes == 0);
    }
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_histories),  cmocka_unit_test(test_forks),
        cmocka_unit_test(test_custody),           cmocka_unit_test(test_rights),
        cmocka_unit_test(test_two_heads),         cmocka_unit_test(test_kinds_unknown),
        cmocka_unit_test(test_more_than_is_held), cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
