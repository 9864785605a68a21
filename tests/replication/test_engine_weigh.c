/* What a collect is weighed by, one thing at a time: the container would leave if that alone
 * were overlooked. Each case ends with an audit that computes every decision once more. */
#include "check.h"
#include "quay.h"

#define ANOTHER_TRUCK "plate:BE:9XYZ876"
#define COMPANY       "vat:BE0123456749"

/* A collect at node 1 by DRIVER, with that truck or with none. */
static enum p2p_answer collect_with(const char *truck)
{
    quay_collect_job(&quay_last, BOX, DRIVER, "main");
    quay_last.check.subject_count = 1;
    if (truck != NULL) {
        quay_last.check.subject_count = 2;
        CHECK_OK(p2p_subject_parse(&quay_last.check.subjects[1], p2p_slice_text(truck)));
    }
    CHECK_OK(network_jobs(&net, 1, &quay_last, 1));
    CHECK_OK(quay_last.result.err);
    return quay_last.result.answer.answer;
}

/* The last was answered so for this reason alone, whose record is that one unless it is NULL.
 */
static bool only(enum p2p_answer answer, enum p2p_gate_code code,
                 const struct p2p_record_id *record)
{
    const struct p2p_gate_answer *last = &quay_last.result.answer;
    const struct p2p_gate_reason *why = &last->reasons[0];
    return last->answer == answer && last->reason_count == 1 && why->code == code &&
           (record == NULL ||
            (why->has_record && p2p_record_id_compare(&why->record, record) == 0));
}

static void test_the_truck_that_is_named(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 31);
    struct p2p_right right = quay_right(1, quay_ready(BOX, &token));
    collect_with(ANOTHER_TRUCK);
    CHECK(only(P2P_ANSWER_REFUSE, P2P_GATE_WRONG_TRUCK, &right.assigned_by));
    collect_with(NULL);
    CHECK(only(P2P_ANSWER_REFUSE, P2P_GATE_WRONG_TRUCK, &right.assigned_by));
    CHECK(collect_with(TRUCK) == P2P_ANSWER_ALLOW);
    CHECK(quay_audit(1) == 3);
}

/* Whom the right names may be banned though the driver is not: his truck, and his company,
 * which nobody shows at a gate. */
static void test_bans_on_truck_and_company(void **state)
{
    struct p2p_record_id token;
    struct p2p_subject driver, company;
    (void)state;
    quay_start(3, 3, 32);
    struct p2p_record_id right = quay_ready(BOX, &token);
    CHECK_OK(p2p_subject_parse(&driver, p2p_slice_text(DRIVER)));
    CHECK_OK(p2p_subject_parse(&company, p2p_slice_text(COMPANY)));
    const struct p2p_right_request what = {.driver = &driver, .company = &company};
    quay_ask(1, P2P_KIND_RIGHT_ASSIGN, right, NULL, &what);
    struct p2p_record_id ban = network_ban(&net, 2, "all", COMPANY);
    network_advance(&net, 1000);
    quay_collect(1, BOX, DRIVER);
    CHECK(only(P2P_ANSWER_REFUSE, P2P_GATE_BANNED, &ban));
    network_lift(&net, 2, "all", &ban);
    quay_assign(1, right, 0);
    ban = network_ban(&net, 2, "all", TRUCK);
    network_advance(&net, 1000);
    quay_collect(1, BOX, DRIVER);
    CHECK(only(P2P_ANSWER_REFUSE, P2P_GATE_BANNED, &ban));
    network_lift(&net, 2, "all", &ban);
    network_advance(&net, 1000);
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(quay_audit(1) == 3);
}

/* One of two clocks is not enough: an hour before the end by the witnesses' clocks, an hour
 * after it by the own one, and then after it by both. */
static void test_a_right_that_is_over(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 33);
    struct p2p_record_id right = quay_ready(BOX, &token);
    net.wall_ms += 23 * 3600000ull;
    network_advance(&net, 3000);
    net.nodes[1].wall_skew_ms = 2 * 3600000ll;
    quay_collect(1, BOX, DRIVER);
    CHECK(only(P2P_ANSWER_REFER, P2P_GATE_CLOCK, &right));
    net.nodes[1].wall_skew_ms = 0;
    net.wall_ms += 2 * 3600000ull;
    network_advance(&net, 3000);
    quay_collect(1, BOX, DRIVER);
    CHECK(only(P2P_ANSWER_REFUSE, P2P_GATE_EXPIRED, &right));
    CHECK(quay_audit(1) == 2);
}

/* Knowledge that is too old by the gate's own policy: the lease still holds. Two officers may
 * overrule that, as they may a light. */
static void test_old_knowledge(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 34);
    struct p2p_record_id right = quay_ready(BOX, &token);
    net.nodes[1].options.stale_after_s = 30;
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
    network_cut_off(&net, 1);
    network_advance(&net, 40000);
    quay_collect(1, BOX, DRIVER);
    CHECK(only(P2P_ANSWER_REFER, P2P_GATE_STALE, NULL));
    const struct p2p_right_request why = {.container = BOX, .reason = "the line is down"};
    struct p2p_record_id asked = quay_ask(1, P2P_KIND_OVERRIDE, right, NULL, &why);
    quay_ask(1, P2P_KIND_APPROVE, right, &asked, &quay_nothing);
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(quay_audit(1) == 2);
}

/* Who holds the right has passed it on, and nobody could rule that yet: who was assigned before
 * is not to have the container. */
static void test_what_is_asked_and_not_ruled(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 35);
    struct p2p_record_id right = quay_ready(BOX, &token);
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    const struct p2p_right_request to = {.to = quay_right(1, right).chain[0].party};
    struct p2p_record_id passed = quay_ask(1, P2P_KIND_RIGHT_TRANSFER, right, NULL, &to);
    CHECK(quay_collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE);
    const struct p2p_gate_answer *last = &quay_last.result.answer;
    CHECK(last->reason_count == 2 && quay_because(P2P_GATE_CUSTODY_WAITING));
    for (size_t i = 0; i < last->reason_count; i++) {
        CHECK(last->reasons[i].code == P2P_GATE_CUSTODY_WAITING ||
              (last->reasons[i].code == P2P_GATE_UNRULED &&
               p2p_record_id_compare(&last->reasons[i].record, &passed) == 0));
    }
    CHECK(quay_audit(1) == 1);
}

/* Another port opened the same container: whoever opened it first, neither lets it go. */
static void test_two_opens(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 36);
    quay_ready(BOX, &token);
    network_cut_off(&net, 2);
    quay_open(2, BOX);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(quay_referred(1, BOX, DRIVER, P2P_GATE_CUSTODY_FROZEN));
    const struct p2p_gate_answer *last = &quay_last.result.answer;
    for (size_t i = 0; i < last->reason_count; i++) {
        CHECK(last->reasons[i].code == P2P_GATE_CUSTODY_FROZEN);
    }
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD);
    CHECK(quay_audit(1) == 1);
}

/* Four green lights, and each of them that turns keeps it, by its own name and record. */
static void test_each_light(void **state)
{
    static const enum p2p_gate_code codes[P2P_LIGHT_COUNT] = {
        [P2P_LIGHT_COMMERCIAL] = P2P_GATE_LIGHT_COMMERCIAL,
        [P2P_LIGHT_CUSTOMS] = P2P_GATE_LIGHT_CUSTOMS,
        [P2P_LIGHT_DISCHARGE] = P2P_GATE_LIGHT_DISCHARGE,
        [P2P_LIGHT_TERMINAL] = P2P_GATE_LIGHT_TERMINAL};
    struct p2p_record_id token;
    unsigned refused = 0;
    (void)state;
    quay_start(3, 3, 37);
    struct p2p_record_id right = quay_ready(BOX, &token);
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        for (unsigned value = 1; p2p_light_value((enum p2p_light)i, value) != NULL; value++) {
            struct p2p_record_id light = quay_light(1, right, (enum p2p_light)i, value);
            quay_collect(1, BOX, DRIVER);
            CHECK(only(P2P_ANSWER_REFUSE, codes[i], &light));
            refused++;
        }
        quay_light(1, right, (enum p2p_light)i, 0);
    }
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(refused == 11 && quay_audit(1) == refused + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_truck_that_is_named, network_stop),
        cmocka_unit_test_teardown(test_bans_on_truck_and_company, network_stop),
        cmocka_unit_test_teardown(test_a_right_that_is_over, network_stop),
        cmocka_unit_test_teardown(test_old_knowledge, network_stop),
        cmocka_unit_test_teardown(test_what_is_asked_and_not_ruled, network_stop),
        cmocka_unit_test_teardown(test_two_opens, network_stop),
        cmocka_unit_test_teardown(test_each_light, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
