/* What becomes of a ban: what is done to it, by whom, and at the same time. */
#include "ban_world.h"
#include "check.h"

/* ---- the state machine ---- */

/* Without this, a lifted ban would hold, or a ban be lifted by what is no lift. */
static void test_lift(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f), other = ban_world_court(&f);
    ban_world_check(&f, ban, "in-force");
    ban_world_by_court(&f, P2P_KIND_BAN_LIFT, ban);
    ban_world_check(&f, ban, "lifted");
    ban_world_check(&f, other, "in-force");
    ban_world_by_court(&f, P2P_KIND_BAN_LIFT, ban); /* twice is once */
    ban_world_check(&f, ban, "lifted");
    ban_world_end(&f);
}

/* Without this, a suspended ban would act, or never act again. */
static void test_suspend_and_resume(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    struct p2p_record_id first = ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_check(&f, ban, "suspended");
    ban_world_by_court(&f, P2P_KIND_BAN_RESUME, first);
    ban_world_check(&f, ban, "in-force");
    struct p2p_record_id second = ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    struct p2p_record_id third = ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_check(&f, ban, "suspended");
    ban_world_by_court(&f, P2P_KIND_BAN_RESUME, second);
    ban_world_check(&f, ban, "suspended"); /* one suspend is left */
    ban_world_by_court(&f, P2P_KIND_BAN_RESUME, third);
    ban_world_check(&f, ban, "in-force");
    ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_by_court(&f, P2P_KIND_BAN_LIFT, ban);
    ban_world_check(&f, ban, "lifted");
    ban_world_end(&f);
}

/* Without this, changing a ban would leave a moment without one, or two of them. */
static void test_amend(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    struct p2p_record_id amended = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &ban, .amend_count = 1});
    ban_world_check(&f, ban, "lifted");
    ban_world_check(&f, amended, "in-force");
    ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, amended);
    ban_world_check(&f, amended, "suspended");
    struct p2p_record_id again = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &amended, .amend_count = 1});
    ban_world_check(&f, amended, "lifted");
    ban_world_check(&f, again, "in-force"); /* the suspend named the one before */
    ban_world_by_court(&f, P2P_KIND_BAN_LIFT, again);
    ban_world_check(&f, again, "lifted");
    ban_world_check(&f, ban, "lifted");
    ban_world_end(&f);
}

/* Without this, an amend that has no effect would still lift what it names. */
static void test_amend_without_effect(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban =
        ban_world_impose(&f, 2, ADMIN_2, P2P_GROUND_ADMINISTRATIVE, NULL);
    struct p2p_record_id amended = ledger_world_ban(
        &f.world, 2, ADMIN_2,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &ban, .amend_count = 1});
    ban_world_check(&f, amended, "no-effect");
    ban_world_check(&f, ban, "in-force");
    ban_world_end(&f);
}

/* Without this, an amend would lift a ban that its author may not lift. */
static void test_amend_above_rank(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id amended = ledger_world_ban(
        &f.world, 2, ADMIN_2,
        &(struct ledger_ban){
            .ground = P2P_GROUND_ADMINISTRATIVE, .amends = &ban, .amend_count = 1});
    ban_world_check(&f, ban, "in-force");
    ban_world_check(&f, amended, "in-force");
    ban_world_end(&f);
}

/* Without this, times would be read wrongly: a ban is in force from `from` on, until `until` is
 * reached. */
static void test_times(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id id = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .from_ms = 1000, .until_ms = 2000});
    struct p2p_record_id open = ban_world_court(&f);
    ledger_node_take_all(&f.node);
    struct p2p_ban ban = ledger_node_ban(&f.node, CIRCLE_ALL, &id);
    CHECK(p2p_ban_state_at(&ban, 0) == P2P_BAN_FUTURE);
    CHECK(p2p_ban_state_at(&ban, 999) == P2P_BAN_FUTURE);
    CHECK(p2p_ban_state_at(&ban, 1000) == P2P_BAN_IN_FORCE);
    CHECK(p2p_ban_state_at(&ban, 1999) == P2P_BAN_IN_FORCE);
    CHECK(p2p_ban_state_at(&ban, 2000) == P2P_BAN_EXPIRED);
    CHECK(p2p_ban_state_at(&ban, UINT64_MAX) == P2P_BAN_EXPIRED);
    ban = ledger_node_ban(&f.node, CIRCLE_ALL, &open);
    CHECK(p2p_ban_state_at(&ban, 0) == P2P_BAN_IN_FORCE);
    CHECK(p2p_ban_state_at(&ban, UINT64_MAX) == P2P_BAN_IN_FORCE);
    ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, id);
    ledger_node_take_all(&f.node);
    ban = ledger_node_ban(&f.node, CIRCLE_ALL, &id);
    CHECK(p2p_ban_state_at(&ban, 1500) == P2P_BAN_SUSPENDED);
    CHECK(p2p_ban_state_at(&ban, 2500) == P2P_BAN_EXPIRED);
    ban_world_end(&f);
}

/* ---- who may ---- */

/* Without this, a port could lift a court's ban: same ground, or a higher rank; eu-regulation
 * stands apart. */
static void test_ranks(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    /* One issuer per ground, all of member 2, by entries of their own. */
    static const char *const grants[] = {"ban-court", "ban-magistrate", "ban-administrative",
                                         "ban-local", "ban-eu-regulation"};
    static const int rank[] = {4, 3, 2, 1, 0};
    uint32_t issuers[5];
    for (uint32_t i = 0; i < 5; i++) {
        issuers[i] = LATE_2 + i;
        ledger_world_grant(&f.world, issuers[i], 2, grants[i], "*");
    }
    ledger_world_seen(&f.world, 2);
    for (unsigned banned = 0; banned < 5; banned++) {
        for (unsigned lifter = 0; lifter < 5; lifter++) {
            struct p2p_record_id ban =
                ban_world_impose(&f, 2, issuers[banned], (enum p2p_ground)banned, NULL);
            ban_world_act(&f, 2, issuers[lifter], P2P_KIND_BAN_LIFT, ban);
            bool may = banned == lifter || (rank[banned] > 0 && rank[lifter] > rank[banned]);
            ban_world_check(&f, ban, may ? "lifted" : "in-force");
        }
    }
    ban_world_end(&f);
}

/* Without this, whoever may lift bans of one port could lift those of the whole country. */
static void test_scope_of_lift(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    ledger_world_grant(&f.world, LATE_2, 2, "ban-court", "BEANR");
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id here = ban_world_impose(&f, 1, LOCAL_1, P2P_GROUND_LOCAL, "BEANR");
    struct p2p_record_id everywhere = ban_world_court(&f);
    struct p2p_record_id elsewhere =
        ban_world_impose(&f, 1, COURT_1, P2P_GROUND_COURT, "BEGNE");
    struct p2p_record_id court_here =
        ban_world_impose(&f, 1, COURT_1, P2P_GROUND_COURT, "BEANR");
    ledger_world_seen(&f.world, 2);
    struct p2p_record_id all[] = {here, everywhere, elsewhere, court_here};
    ledger_world_act(&f.world, 2, LATE_2, P2P_KIND_BAN_LIFT, CIRCLE_ALL, all, 4);
    ban_world_check(&f, here, "lifted"); /* one lift reaches what its author may lift */
    ban_world_check(&f, court_here, "lifted");
    ban_world_check(&f, everywhere, "in-force");
    ban_world_check(&f, elsewhere, "in-force");
    ban_world_end(&f);
}

/* Without this, one who may not lift could suspend for ever, or resume what others suspended.
 */
static void test_suspend_and_resume_need_rank(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    ledger_world_seen(&f.world, 2);
    ban_world_act(&f, 2, ADMIN_2, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_check(&f, ban, "in-force");
    struct p2p_record_id suspend = ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    ledger_world_seen(&f.world, 2);
    ban_world_act(&f, 2, ADMIN_2, P2P_KIND_BAN_RESUME, suspend);
    ban_world_check(&f, ban, "suspended");
    ledger_world_seen(&f.world, 3);
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_RESUME, suspend);
    ban_world_check(&f, ban, "in-force");
    ban_world_end(&f);
}

/* Without this, a lift would lose its effect with the grant it was made under, though it stands
 * below the cut; and one above the cut would keep it. */
static void test_cut_of_lifter(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f), second = ban_world_court(&f);
    ledger_world_seen(&f.world, 3);
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_LIFT, ban);
    struct p2p_record_id late = ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_LIFT, second);
    ban_world_check(&f, second, "lifted");
    ledger_world_cut(&f.world, COURT_3, 3, late.index, NULL, 0);
    ban_world_check(&f, ban, "lifted");
    ban_world_check(&f, second, "in-force"); /* deny comes back */
    ban_world_end(&f);
}

/* ---- at the same time ---- */

/* Without this, a ban imposed while another is lifted would vanish with it: nobody lifts what
 * he did not know. */
static void test_concurrent_lift_and_imposition(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id first = ban_world_court(&f);
    ledger_world_seen(&f.world, 3);
    struct p2p_record_id second =
        ban_world_impose(&f, 2, ADMIN_2, P2P_GROUND_ADMINISTRATIVE, NULL);
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_LIFT, first);
    ban_world_check(&f, first, "lifted");
    ban_world_check(&f, second, "in-force");
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_LIFT, second); /* guessed, not seen */
    ban_world_check(&f, second, "in-force");
    ban_world_end(&f);
}

/* Without this, a lift and an amend at the same time would leave no ban: the amended one was
 * lifted, the new one was not known. */
static void test_concurrent_lift_and_amend(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    ledger_world_seen(&f.world, 3);
    struct p2p_record_id amended = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &ban, .amend_count = 1});
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_LIFT, ban);
    ban_world_check(&f, ban, "lifted");
    ban_world_check(&f, amended, "in-force");
    ban_world_end(&f);
}

/* Without this, a suspend would reach an amend made at the same time, or miss the ban. */
static void test_concurrent_suspend_and_amend(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    ledger_world_seen(&f.world, 3);
    struct p2p_record_id amended = ledger_world_ban(
        &f.world, 1, COURT_1,
        &(struct ledger_ban){.ground = P2P_GROUND_COURT, .amends = &ban, .amend_count = 1});
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_check(&f, amended, "in-force");
    ban_world_end(&f);
}

/* Without this, one of two suspends made at the same time would end with the other. */
static void test_concurrent_suspends(void **state)
{
    struct ban_world f;
    (void)state;
    ban_world_begin(&f);
    struct p2p_record_id ban = ban_world_court(&f);
    ledger_world_seen(&f.world, 3);
    struct p2p_record_id one = ban_world_by_court(&f, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_act(&f, 3, COURT_3, P2P_KIND_BAN_SUSPEND, ban);
    ban_world_by_court(&f, P2P_KIND_BAN_RESUME, one);
    ban_world_check(&f, ban, "suspended");
    ban_world_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lift),
        cmocka_unit_test(test_suspend_and_resume),
        cmocka_unit_test(test_amend),
        cmocka_unit_test(test_amend_without_effect),
        cmocka_unit_test(test_amend_above_rank),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_scope_of_lift),
        cmocka_unit_test(test_suspend_and_resume_need_rank),
        cmocka_unit_test(test_cut_of_lifter),
        cmocka_unit_test(test_concurrent_lift_and_imposition),
        cmocka_unit_test(test_concurrent_lift_and_amend),
        cmocka_unit_test(test_concurrent_suspend_and_amend),
        cmocka_unit_test(test_concurrent_suspends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
