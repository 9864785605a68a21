#include "check.h"

#include "past_oracle.h"
#include "right_world.h"

#include <p2p/custody.h>
#include <p2p/forked.h>
#include <p2p/right.h>

#include <stdio.h>

static const char *const subjects[] = {"imo:9179842", "imo:9074729", "card:alfapass:1",
                                       "card:alfapass:2"};

static void set(struct p2p_past *past, const uint64_t sizes[PAST_FEEDS])
{
    uint64_t copy[PAST_FEEDS];
    memcpy(copy, sizes, sizeof(copy));
    CHECK_OK(p2p_past_set(past, &(struct p2p_horizon){.sizes = copy, .count = PAST_FEEDS}));
}

static void take(struct ledger_node *node, const uint64_t sizes[PAST_FEEDS])
{
    ledger_node_begin(node);
    ledger_node_charter(node, sizes[0]);
    for (uint32_t f = 1; f < PAST_FEEDS; f++) {
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

static void meet(struct past_met *met, const struct ledger_world *world,
                 const struct p2p_record_id *id, enum p2p_view_number view, uint32_t circle,
                 struct p2p_slice value)
{
    struct p2p_ban ban;
    struct p2p_custody custody;
    met->values++;
    if (view == P2P_VIEW_CUSTODY) {
        CHECK_OK(p2p_custody_decode(&custody, id, circle, value));
        met->custody++;
        met->frozen += custody.frozen != 0;
        met->passed += custody.tenure_count > 1;
        met->carried +=
            custody.state == P2P_CUSTODY_RELEASED && is_rescued(world, &custody.step);
        return;
    }
    if (view == P2P_VIEW_RIGHTS) {
        met->rights++;
        return;
    }
    CHECK_OK(p2p_ban_decode(&ban, id, circle, value));
    met->lifted += ban.lifted.len > 0;
    met->suspended += ban.suspended.len > 0;
    met->without_effect += ban.why != P2P_WHY_NONE;
    met->rescued += is_rescued(world, id);
}

void past_oracle_view(const struct ledger_world *world, const struct p2p_kv *then,
                      const struct p2p_kv *fresh, enum p2p_view_number view, uint32_t circle,
                      struct past_met *met)
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
        meet(met, world, &id, view, circle, value_b);
        err_a = p2p_kv_next(then, P2P_TABLE_VIEW, &key_a, &value_a);
        err_b = p2p_kv_next(fresh, P2P_TABLE_VIEW, &key_b, &value_b);
    }
    CHECK_ERR(err_a, P2P_NOTFOUND);
}

static void check_forks(struct past_met *met, struct p2p_ledger *then,
                        const struct p2p_kv *then_kv, struct p2p_ledger *fresh,
                        const struct p2p_kv *fresh_kv)
{
    for (uint32_t f = 1; f < PAST_FEEDS; f++) {
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
        met->forked += b.size > 0;
        uint64_t closed_at = p2p_ledger_feed(fresh, f)->closed_at;
        CHECK(p2p_ledger_feed(then, f)->ends_at == p2p_ledger_feed(fresh, f)->ends_at);
        CHECK(p2p_ledger_feed(then, f)->closed_at == closed_at);
        met->closed += closed_at != P2P_FEED_GOES_ON;
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
            for (uint32_t of = 0; of <= PAST_FEEDS; of++) {
                CHECK_OK(p2p_known_size(then, f, i, of, &known_a));
                CHECK_OK(p2p_known_size(fresh, f, i, of, &known_b));
                CHECK(known_a == known_b);
            }
            then->arena = outer;
            p2p_arena_deinit(&arena);
        }
    }
}

static void check_answers(struct past_met *met, struct p2p_ledger *then,
                          const struct p2p_kv *then_kv, struct p2p_ledger *fresh,
                          const struct p2p_kv *fresh_kv)
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
        met->reasons += (unsigned)a.reason_count;
    }
}

static void check_digests(struct past_met *met, struct p2p_past *past, struct p2p_ledger *fresh,
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
        met->leaves++;
    } else {
        CHECK_ERR(err, P2P_NOTFOUND);
    }
}

/* Rights found by their party and by their token, in order. */
static void check_walks(struct past_met *met, const struct p2p_kv *then,
                        const struct p2p_kv *fresh)
{
    struct p2p_right right;
    struct p2p_record_id a, b;
    for (uint32_t m = 1; m <= LEDGER_WORLD_MEMBERS; m++) {
        enum p2p_err err = P2P_OK;
        for (bool first = true; err == P2P_OK; first = false) {
            err = p2p_right_next_of(fresh, CIRCLE_ALL, PARTY_OF(m), &b, first, &b);
            CHECK_ERR(p2p_right_next_of(then, CIRCLE_ALL, PARTY_OF(m), &a, first, &a), err);
            CHECK(err != P2P_OK || p2p_record_id_compare(&a, &b) == 0);
            met->walked += err == P2P_OK;
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

void past_oracle_check(struct p2p_past *past, const struct ledger_world *world,
                       const uint64_t wanted[PAST_FEEDS], struct past_met *met)
{
    struct ledger_node fresh;
    uint64_t sizes[PAST_FEEDS];
    for (uint32_t f = 0; f < PAST_FEEDS; f++) { /* of feeds that were named then */
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
    check_forks(met, then, p2p_past_kv(past), &fresh.ledger, kv);
    check_answers(met, then, p2p_past_kv(past), &fresh.ledger, kv);
    check_records(then, &fresh.ledger);
    for (uint32_t circle = 0; circle <= CIRCLE_PAIR + 1; circle++) {
        size_t count = 0;
        const enum p2p_view_number *views = p2p_views_in_circles(&count);
        for (size_t v = 0; v < count; v++) {
            past_oracle_view(world, p2p_past_kv(past), kv, views[v], circle, met);
        }
    }
    check_walks(met, p2p_past_kv(past), kv);
    check_digests(met, past, &fresh.ledger, kv);
    memory_kv_abort(fresh.store);
    ledger_node_deinit(&fresh);
}

void past_oracle_sizes(const struct ledger_world *world, uint64_t sizes[PAST_FEEDS])
{
    for (uint32_t f = 0; f < PAST_FEEDS; f++) {
        sizes[f] = ledger_world_size(world, f);
    }
}
