/* The past against an oracle: a fresh ledger that took exactly the records below the horizon.
 */
#include "check.h"
#include "custody_history.h"
#include "ledger_history.h"
#include "right_history.h"

#include <p2p/forked.h>
#include <p2p/past.h>

#include <stdio.h>

static const char *const subjects[] = {"imo:9179842", "imo:9074729", "card:alfapass:1",
                                       "card:alfapass:2"};

enum { FEEDS = LEDGER_WORLD_FEEDS + 1 };

/* How often what should come up came up. */
static struct {
    unsigned values, reasons, forked, closed, rescued, lifted, suspended, without_effect, stood;
    unsigned custody, frozen, passed, carried, rights, walked, leaves;
} met;

/* ---- one horizon, both ways ---- */

static void set(struct p2p_past *past, const uint64_t sizes[FEEDS])
{
    uint64_t copy[FEEDS];
    memcpy(copy, sizes, sizeof(copy));
    CHECK_OK(p2p_past_set(past, &(struct p2p_horizon){.sizes = copy, .count = FEEDS}));
}

static void take(struct ledger_node *node, const uint64_t sizes[FEEDS])
{
    ledger_node_begin(node);
    ledger_node_charter(node, sizes[0]);
    for (uint32_t f = 1; f < FEEDS; f++) {
        if (p2p_ledger_feed(&node->ledger, f) != NULL) {
            ledger_node_take(node, f, sizes[f]);
        }
    }
    ledger_node_end(node);
}

static bool is_rescued(const struct ledger_world *world, const struct p2p_record_id *id)
{
    struct p2p_record record;
    CHECK_OK(p2p_record_decode(&record, ledger_world_record(world, id)->leaf));
    return record.kind == P2P_KIND_RESCUED;
}

static void meet(const struct ledger_world *world, const struct p2p_record_id *id,
                 enum p2p_view_number view, uint32_t circle, struct p2p_slice value)
{
    struct p2p_ban ban;
    struct p2p_custody custody;
    met.values++;
    if (view == P2P_VIEW_CUSTODY) {
        CHECK_OK(p2p_custody_decode(&custody, id, circle, value));
        met.custody++;
        met.frozen += custody.frozen != 0;
        met.passed += custody.tenure_count > 1;
        met.carried +=
            custody.state == P2P_CUSTODY_RELEASED && is_rescued(world, &custody.step);
        return;
    }
    if (view == P2P_VIEW_RIGHTS) {
        met.rights++;
        return;
    }
    CHECK_OK(p2p_ban_decode(&ban, id, circle, value));
    met.lifted += ban.lifted.len > 0;
    met.suspended += ban.suspended.len > 0;
    met.without_effect += ban.why != P2P_WHY_NONE;
    met.rescued += is_rescued(world, id);
}

/* Values of a whole view, in order. */
static void check_view(const struct ledger_world *world, const struct p2p_kv *then,
                       const struct p2p_kv *fresh, enum p2p_view_number view, uint32_t circle)
{
    uint8_t from[5 + P2P_VIEW_KEY_BYTES_MAX];
    struct p2p_slice key_a, key_b, value_a, value_b;
    struct p2p_slice prefix =
        p2p_slice_of(from, p2p_view_row_key(from, view, circle, (struct p2p_slice){0}));
    enum p2p_err err_a = p2p_kv_seek(then, P2P_TABLE_VIEW, prefix, &key_a, &value_a);
    enum p2p_err err_b = p2p_kv_seek(fresh, P2P_TABLE_VIEW, prefix, &key_b, &value_b);
    while (err_b == P2P_OK && memcmp(key_b.data, from, prefix.len) == 0) {
        struct p2p_record_id id;
        CHECK_OK(err_a);
        CHECK(p2p_slice_equal(key_a, key_b));
        CHECK(p2p_slice_equal(value_a, value_b));
        CHECK(p2p_id_from_key(p2p_slice_of(key_b.data + 5, P2P_ID_KEY_BYTES), &id));
        meet(world, &id, view, circle, value_b);
        err_a = p2p_kv_next(then, P2P_TABLE_VIEW, &key_a, &value_a);
        err_b = p2p_kv_next(fresh, P2P_TABLE_VIEW, &key_b, &value_b);
    }
    CHECK_ERR(err_a, P2P_NOTFOUND);
}

static void check_forks(struct p2p_ledger *then, const struct p2p_kv *then_kv,
                        struct p2p_ledger *fresh, const struct p2p_kv *fresh_kv)
{
    for (uint32_t f = 1; f < FEEDS; f++) {
        struct p2p_forked a = {.size = 0}, b = {.size = 0};
        if (p2p_ledger_feed(fresh, f) == NULL) {
            CHECK(p2p_ledger_feed(then, f) == NULL);
            continue;
        }
        enum p2p_err err = p2p_forked_get(fresh, fresh_kv, f, &b);
        CHECK_ERR(p2p_forked_get(then, then_kv, f, &a), err);
        CHECK(a.size == b.size && p2p_hash_equal(&a.root, &b.root));
        CHECK(p2p_record_id_compare(&a.proof, &b.proof) == 0);
        CHECK(p2p_record_id_compare(&a.by, &b.by) == 0);
        met.forked += b.size > 0;
        uint64_t closed_at = p2p_ledger_feed(fresh, f)->closed_at;
        CHECK(p2p_ledger_feed(then, f)->ends_at == p2p_ledger_feed(fresh, f)->ends_at);
        CHECK(p2p_ledger_feed(then, f)->closed_at == closed_at);
        met.closed += closed_at != P2P_FEED_GOES_ON;
    }
}

static void check_records(struct p2p_ledger *then, struct p2p_ledger *fresh)
{
    for (uint32_t f = 1; f < fresh->feed_count; f++) {
        uint64_t size = fresh->feeds[f]->edge.size;
        CHECK(then->feeds[f]->edge.size == size);
        for (uint64_t i = 0; i < size; i++) {
            struct p2p_record_id id = {f, i};
            struct p2p_entry entry;
            enum p2p_why a, b;
            struct p2p_arena arena;
            uint64_t known_a, known_b;
            p2p_arena_init(&arena, p2p_alloc_default(), 4 << 20);
            struct p2p_arena *outer = then->arena;
            then->arena = &arena;
            fresh->arena = &arena;
            CHECK_OK(p2p_ledger_entry(then, &id, &entry));
            CHECK_OK(p2p_judge(then, &entry, &a));
            CHECK_OK(p2p_judge(fresh, &entry, &b));
            CHECK(a == b);
            for (uint32_t of = 0; of <= FEEDS; of++) {
                CHECK_OK(p2p_known_size(then, f, i, of, &known_a));
                CHECK_OK(p2p_known_size(fresh, f, i, of, &known_b));
                CHECK(known_a == known_b);
            }
            then->arena = outer;
            p2p_arena_deinit(&arena);
        }
    }
}

static void check_answers(struct p2p_ledger *then, const struct p2p_kv *then_kv,
                          struct p2p_ledger *fresh, const struct p2p_kv *fresh_kv)
{
    static struct p2p_gate_place place;
    static struct p2p_gate_answer a, b;
    place = (struct p2p_gate_place){.locode = "BEANR"};
    for (uint32_t circle = CIRCLE_ALL; circle <= CIRCLE_PAIR; circle++) {
        place.circles[place.circle_count++] = circle;
        place.keys[place.key_count++] =
            (struct p2p_circle_secret){circle, 1, ledger_world_key(circle, 1)};
    }
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        static struct p2p_gate_check check;
        check = (struct p2p_gate_check){.own_ms = LEDGER_WORLD_TIME_MS, .subject_count = 1};
        snprintf(check.purpose, sizeof(check.purpose), i < 2 ? "call" : "enter");
        CHECK_OK(p2p_subject_parse(&check.subjects[0], p2p_slice_text(subjects[i])));
        CHECK_OK(p2p_gate_decide(then, then_kv, &place, &check, &a));
        CHECK_OK(p2p_gate_decide(fresh, fresh_kv, &place, &check, &b));
        CHECK(a.answer == b.answer && a.reason_count == b.reason_count);
        for (size_t r = 0; r < a.reason_count; r++) {
            CHECK(a.reasons[r].code == b.reasons[r].code);
            CHECK(p2p_record_id_compare(&a.reasons[r].record, &b.reasons[r].record) == 0);
        }
        met.reasons += (unsigned)a.reason_count;
    }
}

static void check_digests(struct p2p_past *past, struct p2p_ledger *fresh,
                          const struct p2p_kv *kv)
{
    struct p2p_hash a, b;
    for (uint32_t circle = CIRCLE_ALL; circle <= CIRCLE_PAIR; circle++) {
        size_t count = 0;
        const enum p2p_view_number *views = p2p_views_in_circles(&count);
        for (size_t v = 0; v < count; v++) {
            CHECK_OK(p2p_past_digest(past, views[v], circle, &a));
            CHECK_OK(p2p_view_digest(fresh, kv, views[v], circle, &b));
            CHECK(p2p_hash_equal(&a, &b));
        }
    }
    CHECK_OK(p2p_past_digest(past, P2P_VIEW_FORKS, 0, &a));
    CHECK_OK(p2p_view_digest(fresh, kv, P2P_VIEW_FORKS, 0, &b));
    CHECK(p2p_hash_equal(&a, &b));
    CHECK_OK(p2p_past_edges(past));
    CHECK_OK(p2p_frontier_digest(p2p_past_ledger(past), &a));
    CHECK_OK(p2p_frontier_digest(fresh, &b));
    CHECK(p2p_hash_equal(&a, &b));
    enum p2p_err err = p2p_past_leaves(past, &a);
    if (err == P2P_OK) {
        CHECK_OK(p2p_leaves_digest(fresh, &b));
        CHECK(p2p_hash_equal(&a, &b));
        met.leaves++;
    } else {
        CHECK_ERR(err, P2P_NOTFOUND);
    }
}

/* Rights found by their party and by their token, in order. */
static void check_walks(const struct p2p_kv *then, const struct p2p_kv *fresh)
{
    struct p2p_right right;
    struct p2p_record_id a, b;
    for (uint32_t m = 1; m <= LEDGER_WORLD_MEMBERS; m++) {
        enum p2p_err err = P2P_OK;
        for (bool first = true; err == P2P_OK; first = false) {
            err = p2p_right_next_of(fresh, CIRCLE_ALL, PARTY_OF(m), &b, first, &b);
            CHECK_ERR(p2p_right_next_of(then, CIRCLE_ALL, PARTY_OF(m), &a, first, &a), err);
            CHECK(err != P2P_OK || p2p_record_id_compare(&a, &b) == 0);
            met.walked += err == P2P_OK;
        }
    }
    enum p2p_err err = p2p_right_next(fresh, CIRCLE_ALL, NULL, true, &right);
    for (; err == P2P_OK; err = p2p_right_next(fresh, CIRCLE_ALL, &right.id, false, &right)) {
        enum p2p_err on = P2P_OK;
        for (bool first = true; on == P2P_OK; first = false) {
            on = p2p_right_next_on(fresh, CIRCLE_ALL, &right.token, &b, first, &b);
            CHECK_ERR(p2p_right_next_on(then, CIRCLE_ALL, &right.token, &a, first, &a), on);
            CHECK(on != P2P_OK || p2p_record_id_compare(&a, &b) == 0);
        }
    }
}

/* The past, moved to a horizon, says what a fresh ledger says. */
static void check_horizon(struct p2p_past *past, const struct ledger_world *world,
                          const uint64_t wanted[FEEDS])
{
    struct ledger_node fresh;
    uint64_t sizes[FEEDS];
    for (uint32_t f = 0; f < FEEDS; f++) { /* of feeds that were named then */
        const struct p2p_feed_info *info = p2p_charter_feed(world->charter, f);
        sizes[f] = info != NULL && (f == 0 || info->entry < wanted[0]) ? wanted[f] : 0;
    }
    set(past, sizes);
    CHECK(!p2p_past_lacks(past));
    ledger_node_init(&fresh, world, 0);
    take(&fresh, sizes);
    const struct p2p_kv *kv = memory_kv_begin(fresh.store);
    struct p2p_ledger *then = p2p_past_ledger(past);
    fresh.ledger.kv = kv;
    check_forks(then, p2p_past_kv(past), &fresh.ledger, kv);
    check_answers(then, p2p_past_kv(past), &fresh.ledger, kv);
    check_records(then, &fresh.ledger);
    for (uint32_t circle = 0; circle <= CIRCLE_PAIR + 1; circle++) {
        size_t count = 0;
        const enum p2p_view_number *views = p2p_views_in_circles(&count);
        for (size_t v = 0; v < count; v++) {
            check_view(world, p2p_past_kv(past), kv, views[v], circle);
        }
    }
    check_walks(p2p_past_kv(past), kv);
    check_digests(past, &fresh.ledger, kv);
    memory_kv_abort(fresh.store);
    ledger_node_deinit(&fresh);
}

static void all_sizes(const struct ledger_world *world, uint64_t sizes[])
{
    for (uint32_t f = 0; f < FEEDS; f++) {
        sizes[f] = ledger_world_size(world, f);
    }
}

/* ---- random histories ---- */

/* Any horizon, then forward in steps from it as an audit goes, then back. */
static void walk_horizons(struct p2p_past *past, const struct ledger_world *world,
                          struct rng *rng)
{
    uint64_t whole[FEEDS], sizes[FEEDS] = {1};
    all_sizes(world, whole);
    for (unsigned round = 0; round < 12; round++) {
        if (round % 6 == 0) {
            for (uint32_t f = 0; f < FEEDS; f++) {
                sizes[f] = rng_below(rng, whole[f] + 1);
            }
            sizes[0] += sizes[0] == 0;
        }
        uint32_t f = (uint32_t)rng_below(rng, FEEDS);
        sizes[f] += rng_below(rng, whole[f] - sizes[f] + 1);
        check_horizon(past, world, sizes);
    }
    check_horizon(past, world, whole);
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

/* ---- values that stand ---- */

/* Takes everything in batches of a few records each, in any order of feeds, and says after each
 * what was taken. */
static void take_in_epochs(struct ledger_node *node, const struct ledger_world *world,
                           struct rng *rng, struct p2p_settled *settled)
{
    uint64_t whole[FEEDS], sizes[FEEDS] = {0};
    bool more = true;
    all_sizes(world, whole);
    node->ledger.settled = settled;
    while (more) {
        uint32_t f = (uint32_t)rng_below(rng, FEEDS);
        uint64_t left = whole[f] - sizes[f];
        uint64_t to = sizes[f] + rng_below(rng, (left < 6 ? left : 6) + 1);
        ledger_node_begin(node);
        if (f == 0) {
            ledger_node_charter(node, to);
        } else if (p2p_ledger_feed(&node->ledger, f) != NULL) {
            ledger_node_take(node, f, to);
        } else {
            to = sizes[f];
        }
        ledger_node_end(node);
        sizes[f] = to;
        CHECK_OK(p2p_settled_end(settled, sizes));
        more = memcmp(sizes, whole, sizeof(sizes)) != 0;
    }
}

/* What stands at a horizon by what is said of it. */
static unsigned standing(const struct ledger_world *world, const struct p2p_settled *settled,
                         const uint64_t sizes[FEEDS])
{
    uint32_t epoch = p2p_settled_before(settled, sizes, FEEDS);
    unsigned count = 0;
    for (uint32_t f = 1; f < FEEDS; f++) {
        for (uint64_t i = 0; i < ledger_world_size(world, f); i++) {
            count += p2p_settled_stands(settled, &(struct p2p_record_id){f, i}, epoch);
        }
    }
    return count;
}

static void check_settled(uint64_t seed, bool forks)
{
    struct rng rng = {seed};
    struct ledger_world world;
    struct ledger_node node;
    struct p2p_past *past;
    struct p2p_settled *settled;
    uint64_t whole[FEEDS], sizes[FEEDS];
    print_message("seed %llu\n", (unsigned long long)seed);
    ledger_history_write(&world, &rng, 60 + (unsigned)rng_below(&rng, 60), forks);
    ledger_node_init(&node, &world, 0);
    CHECK_OK(p2p_settled_new(&settled, p2p_alloc_default(), FEEDS));
    take_in_epochs(&node, &world, &rng, settled);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
    p2p_past_settled(past, settled);
    all_sizes(&world, whole);
    for (unsigned round = 0; round < 12; round++) {
        memcpy(sizes, whole, sizeof(sizes));
        for (uint32_t f = 1; f < FEEDS; f++) {
            /* late ones, so that something stands, and now and then any */
            uint64_t from = round % 4 == 0 ? 0 : whole[f] - whole[f] / (round % 4 * 4);
            sizes[f] = from + rng_below(&rng, whole[f] - from + 1);
        }
        check_horizon(past, &world, sizes);
        met.stood += standing(&world, settled, sizes);
    }
    sizes[0] = 1 + rng_below(&rng, whole[0]);
    check_horizon(past, &world, sizes);
    p2p_past_free(past);
    p2p_settled_free(settled);
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    ledger_world_deinit(&world);
}

/* Without this, an audit that does not fold again what stood would answer with what came
 * later. Seed 205 closes a generation above a proof of a fork; in 225 a carried ban is found in
 * the forked feed itself as the horizon moves on. */
static void test_settled(void **state)
{
    (void)state;
    memset(&met, 0, sizeof(met));
    for (uint64_t seed = 201; seed <= 225; seed++) {
        check_settled(seed, seed % 5 == 0);
    }
    CHECK(met.values > 1000 && met.lifted > 50 && met.suspended > 20 && met.stood > 1000 &&
          met.leaves > 100);
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
        const uint64_t sizes[FEEDS] = {1 + size % 2, ledger_world_size(&world, 1), size, 0, 0};
        check_horizon(past, &world, sizes);
    }
    /* Who knew of both stood at the split, as the whole ledger does. */
    uint64_t whole[FEEDS];
    all_sizes(&world, whole);
    CHECK_OK(p2p_past_set(
        past, &(struct p2p_horizon){.sizes = whole, .count = FEEDS, .good_size = 1}));
    struct memory_kv *copy = memory_kv_clone(node.store);
    for (uint32_t circle = 0; circle <= CIRCLE_PAIR; circle++) {
        check_view(&world, p2p_past_kv(past), memory_kv_begin(copy), P2P_VIEW_BANS, circle);
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
    uint64_t whole[FEEDS];
    (void)state;
    ledger_world_init(&world);
    ledger_world_seen(&world, 1);
    struct p2p_record_id id =
        ledger_world_ban(&world, 1, COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    all_sizes(&world, whole);
    for (unsigned unknown = 0; unknown < 2; unknown++) {
        const struct p2p_kv *kv = memory_kv_begin(node.store);
        node.ledger.kinds_unknown = (uint64_t)unknown << P2P_KIND_BAN_IMPOSE;
        CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), &node.ledger, kv));
        CHECK_OK(p2p_past_set(past, &(struct p2p_horizon){.sizes = whole, .count = FEEDS}));
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
    uint64_t whole[FEEDS];
    bool through = false;
    (void)state;
    ledger_history_write(&world, &rng, 70, true);
    all_sizes(&world, whole);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    for (long at = 0; !through; at++) {
        struct faulty_alloc heap;
        struct p2p_past *past = NULL;
        struct p2p_hash digest;
        struct p2p_horizon horizon = {.sizes = whole, .count = FEEDS};
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
            check_horizon(past, &world, whole);
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
        cmocka_unit_test(test_random_histories),
        cmocka_unit_test(test_forks),
        cmocka_unit_test(test_custody),
        cmocka_unit_test(test_rights),
        cmocka_unit_test(test_settled),
        cmocka_unit_test(test_two_heads),
        cmocka_unit_test(test_kinds_unknown),
        cmocka_unit_test(test_more_than_is_held),
        cmocka_unit_test(test_every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
