#include "check.h"

#include "watch_world.h"

#define SUBJECT       "imo:9179842"
#define RECORDED_LAST UINT32_MAX /* after everything that is written */

static struct watch_world w;
static struct watched m1, m3;
static struct p2p_record_id ban;

/* m1 bans a ship; the gate at m1 decides. */
static int setup(void **state)
{
    (void)state;
    watch_world_init(&w);
    watched_init(&m1, &w.world, 1);
    watched_init(&m3, &w.world, 3);
    ledger_world_seen(&w.world, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m1);
    watched_deinit(&m3);
    watch_world_deinit(&w);
    return 0;
}

static void impose(uint32_t issuer, const struct ledger_ban *how)
{
    struct ledger_ban local = *how;
    ban = ledger_world_ban(&w.world, 1, issuer, &local);
}

static void impose_by_court(void)
{
    impose(COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
}

static void decide_at(struct watched *gate, uint64_t at, const char *subject,
                      enum p2p_answer answer)
{
    struct p2p_gate_check check = {.gate = "north",
                                   .purpose = "call",
                                   .subject_count = 1,
                                   .own_ms = LEDGER_WORLD_TIME_MS,
                                   .quorum_ms = LEDGER_WORLD_TIME_MS};
    CHECK_OK(p2p_subject_parse(&check.subjects[0], p2p_slice_text(subject)));
    watched_take_all(gate);
    watched_open(&w, gate);
    watch_decision(w.watcher, &gate->machine, gate->machine.member, at, &check, answer);
    watched_close(gate);
}

static void decide(struct watched *gate, enum p2p_answer answer)
{
    decide_at(gate, RECORDED_LAST, SUBJECT, answer);
}

static void banned_subject_that_is_allowed_is_found(void **state)
{
    (void)state;
    impose_by_court();
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
    decide(&m1, P2P_ANSWER_REFUSE);
    decide(&m1, P2P_ANSWER_REFER);
    decide_at(&m1, RECORDED_LAST, "imo:9074729", P2P_ANSWER_ALLOW); /* somebody else */
    decide_at(&m1, ban.index, SUBJECT, P2P_ANSWER_ALLOW);           /* before the ban */
    watch_world_nothing(&w);
}

static void other_gate_knows_it_from_its_seen_on(void **state)
{
    (void)state;
    ledger_world_seen(&w.world, 3);
    impose_by_court();
    decide(&m3, P2P_ANSWER_ALLOW); /* it holds the ban, and its feed does not show so */
    watch_world_nothing(&w);
    struct p2p_record_id seen = ledger_world_seen(&w.world, 3);
    decide_at(&m3, seen.index, SUBJECT, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
    decide_at(&m3, seen.index + 1, SUBJECT, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void spooled_decision_rests_on_all_that_is_held(void **state)
{
    (void)state;
    ledger_world_seen(&w.world, 3);
    impose_by_court();
    decide_at(&m3, WATCH_SPOOLED, SUBJECT, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
    ledger_world_act(&w.world, 1, COURT_1, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    decide_at(&m3, WATCH_SPOOLED, SUBJECT, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
}

static void window_effect_and_scope_are_looked_at(void **state)
{
    const struct ledger_ban over = {.ground = P2P_GROUND_COURT,
                                    .until_ms = LEDGER_WORLD_TIME_MS};
    const struct ledger_ban later = {.ground = P2P_GROUND_COURT,
                                     .from_ms = LEDGER_WORLD_TIME_MS + 1};
    const struct ledger_ban elsewhere = {.ground = P2P_GROUND_COURT, .scope = "NLRTM"};
    const struct ledger_ban other = {.ground = P2P_GROUND_COURT, .effect = "enter"};
    const struct ledger_ban here = {.ground = P2P_GROUND_COURT,
                                    .scope = "BEANR",
                                    .from_ms = LEDGER_WORLD_TIME_MS,
                                    .until_ms = LEDGER_WORLD_TIME_MS + 1};
    (void)state;
    impose(COURT_1, &over);
    impose(COURT_1, &later);
    impose(COURT_1, &elsewhere);
    impose(COURT_1, &other);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
    impose(COURT_1, &here);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void ban_without_grant_or_number_or_signature_is_none(void **state)
{
    (void)state;
    impose(LOCAL_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT});
    w.world.keys[COURT_1] = 90; /* not the key the charter names */
    impose_by_court();
    w.world.keys[COURT_1] = 0;
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
    impose_by_court();
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void lift_that_knew_the_ban_may_have_ended_it(void **state)
{
    (void)state;
    impose_by_court();
    ledger_world_act(&w.world, 1, COURT_1, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
}

static void concurrent_lift_ends_nothing(void **state)
{
    (void)state;
    ledger_world_seen(&w.world, 3);
    impose_by_court();
    ledger_world_act(&w.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    ledger_world_seen(&w.world, 1);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void lift_without_rank_ends_nothing(void **state)
{
    (void)state;
    impose_by_court();
    ledger_world_act(&w.world, 1, LOCAL_1, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void lift_that_the_gate_does_not_know_ends_nothing_there(void **state)
{
    (void)state;
    impose_by_court();
    ledger_world_seen(&w.world, 3);
    ledger_world_act(&w.world, 3, COURT_3, P2P_KIND_BAN_LIFT, CIRCLE_ALL, &ban, 1);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void amend_bans_what_it_says(void **state)
{
    struct p2p_record_id first;
    (void)state;
    impose(COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT, .subject = "imo:9074729"});
    first = ban;
    impose(COURT_1, &(struct ledger_ban){
                        .ground = P2P_GROUND_COURT, .amends = &first, .amend_count = 1});
    decide_at(&m1, RECORDED_LAST, "imo:9074729", P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

static void gate_outside_the_circle_is_not_asked(void **state)
{
    (void)state;
    impose(COURT_1, &(struct ledger_ban){.ground = P2P_GROUND_COURT, .circle = CIRCLE_PAIR});
    ledger_world_seen(&w.world, 3);
    decide(&m3, P2P_ANSWER_ALLOW);
    watch_world_nothing(&w);
    decide(&m1, P2P_ANSWER_ALLOW);
    watch_world_found(&w, SIM_INVARIANT_NEVER_ALLOWED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(banned_subject_that_is_allowed_is_found),
        T(other_gate_knows_it_from_its_seen_on),
        T(spooled_decision_rests_on_all_that_is_held),
        T(window_effect_and_scope_are_looked_at),
        T(ban_without_grant_or_number_or_signature_is_none),
        T(lift_that_knew_the_ban_may_have_ended_it),
        T(concurrent_lift_ends_nothing),
        T(lift_without_rank_ends_nothing),
        T(lift_that_the_gate_does_not_know_ends_nothing_there),
        T(amend_bans_what_it_says),
        T(gate_outside_the_circle_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
