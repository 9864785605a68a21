/* watch_again.c: every decision once more, from what a disk still holds. */
#include "check.h"

#include "watch_world.h"

#include <p2p/decision.h>

#include <stdio.h>

#define SHIP "imo:9179842" /* banned by m2 */

enum { ROOM = 8192, STRANGER = 99 }; /* no member */

static struct watch_world w;
static struct watched m1;

static int setup(void **state)
{
    (void)state;
    watch_world_init(&w);
    ledger_world_seen(&w.world, 2);
    ledger_world_ban(&w.world, 2, ADMIN_2,
                     &(struct ledger_ban){.ground = P2P_GROUND_ADMINISTRATIVE});
    ledger_world_seen(&w.world, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m1);
    watch_world_deinit(&w);
    return 0;
}

/* What the gate of m1 answers, with the ban or without; the packed answer, in a list. */
static struct p2p_slice decide(bool knows, uint8_t room[ROOM])
{
    struct ledger_node node;
    static struct p2p_gate_place place;
    struct p2p_gate_check check = {.own_ms = LEDGER_WORLD_TIME_MS, .subject_count = 1};
    struct p2p_gate_answer answer;
    struct p2p_pack pack;
    snprintf(check.gate, sizeof(check.gate), "quay-1");
    snprintf(check.purpose, sizeof(check.purpose), "call");
    CHECK_OK(p2p_subject_parse(&check.subjects[0], p2p_slice_text(SHIP)));
    ledger_node_init(&node, &w.world, 1);
    ledger_node_begin(&node);
    ledger_node_charter(&node, w.world.entry_count);
    ledger_node_take(&node, 2, knows ? ledger_world_size(&w.world, 2) : 0);
    ledger_node_end(&node);
    place = (struct p2p_gate_place){0};
    p2p_gate_stand(&place, w.world.charter, p2p_charter_member(w.world.charter, 1));
    for (size_t i = 1; i < place.circle_count; i++) { /* circle 0 has no key */
        uint32_t circle = place.circles[i];
        place.keys[place.key_count++] =
            (struct p2p_circle_secret){circle, 1, ledger_world_key(circle, 1)};
    }
    const struct p2p_kv *kv = memory_kv_begin(node.store);
    CHECK_OK(p2p_gate_decide(&node.ledger, kv, &place, &check, &answer));
    p2p_pack_init(&pack, room, ROOM);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, 1);
    p2p_gate_pack(&pack, &place, &check, &answer, NULL);
    CHECK(!p2p_pack_failed(&pack));
    memory_kv_abort(node.store);
    ledger_node_deinit(&node);
    return p2p_pack_slice(&pack);
}

static void write_decision(struct p2p_slice list)
{
    ledger_world_write(
        &w.world, 1,
        (struct p2p_draft){.kind = P2P_KIND_DECISIONS, .circle = CIRCLE_PAIR, .payload = list},
        0);
}

/* m1 holds all, but of feed 2 perhaps no payload. */
static void hold(bool payloads)
{
    watched_init(&m1, &w.world, 1);
    watched_take(&m1, 1, ledger_world_size(&w.world, 1));
    m1.node.member = payloads ? 1 : STRANGER;
    watched_take(&m1, 2, ledger_world_size(&w.world, 2));
    if (!payloads) { /* and says so */
        static const uint8_t row[] = {1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0};
        const struct p2p_kv *kv = memory_kv_begin(m1.node.store);
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text("lack/1"),
                            p2p_slice_of(row, sizeof(row))));
        CHECK_OK(memory_kv_commit(m1.node.store));
    }
}

static void settle(void)
{
    struct watched *alone[] = {&m1};
    watched_settle(&w, alone, 1);
}

static void decision_that_follows_is_right(void **state)
{
    uint8_t room[ROOM];
    (void)state;
    write_decision(decide(true, room));
    hold(true);
    settle();
    watch_world_nothing(&w);
}

static void wrong_allow_is_found(void **state)
{
    uint8_t room[ROOM];
    (void)state;
    write_decision(decide(false, room)); /* by its feed it had seen the ban */
    hold(true);
    settle();
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

/* A fork took the ban's payload away, and nobody gave it back. */
static void decision_by_what_is_not_held_any_more_is_not_judged(void **state)
{
    uint8_t room[ROOM];
    (void)state;
    write_decision(decide(true, room));
    hold(false);
    settle();
    watch_world_nothing(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(decision_that_follows_is_right),
        T(wrong_allow_is_found),
        T(decision_by_what_is_not_held_any_more_is_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
