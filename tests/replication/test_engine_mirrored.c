/* Releases that are answered once another node holds them: the same question is the same
 * release, and a late answer looks at what came since. */
#include "check.h"
#include "quay.h"

static void shorten_lease(void)
{
    static struct world_draft draft;
    quay_draft_lease(&draft);
    network_give(&net, 2, network_entry(&net, &draft));
    network_advance(&net, 2000);
}

/* A release that nobody else holds yet is told, and answered allow once when somebody does. */
static void test_the_same_question_is_the_same_release(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 10);
    quay_ready(BOX, &token);
    network_kill(&net, 1);
    net.nodes[1].options.release_mirrored = true;
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(quay_allowed(1, BOX, DRIVER)); /* the caller waits until it is held */
    struct p2p_record_id release = quay_last.result.release;
    CHECK(release.feed == 1 && p2p_engine_mirrored(net.nodes[1].engine) <= release.index);
    CHECK(quay_referred(1, BOX, DRIVER, P2P_GATE_NOT_MIRRORED));
    CHECK(quay_last.result.release.feed == 0);
    CHECK(quay_refused(1, BOX, OTHER, P2P_GATE_USED));
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(quay_allowed(1, BOX, DRIVER)); /* once */
    CHECK(!p2p_engine_release_take(net.nodes[1].engine, &release));
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_USED));
    CHECK(quay_audit(1) == 5);
}

/* Without this, who was told to wait on the last visit would be let out with what stands there
 * for somebody else on this one, on a release that is not of it. */
static void test_a_later_visit_is_another_question(void **state)
{
    struct p2p_record_id token;
    struct p2p_record_id later;
    (void)state;
    quay_start_mirrored(3, 14);
    quay_ready(BOX, &token);
    CHECK(quay_allowed(1, BOX, DRIVER)); /* nobody waits for its answer */
    network_advance(&net, 500);
    later = quay_open(1, BOX);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NO_RIGHT));
    quay_grant(later, BOX);
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(quay_last.result.release.feed == 1);
    CHECK(quay_custody(1, later).state == P2P_CUSTODY_RELEASED);
    uint64_t use = quay_last.result.release.index;
    network_advance(&net, 500);
    CHECK(quay_allowed(1, BOX, DRIVER) && quay_last.check.use == use); /* once */
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_USED));
    CHECK(quay_audit(1) == 5);
}

/* Without this, a container that was opened anew while somebody waited for his allow would
 * leave on that, and once more on the new token. */
static void test_who_waits_is_not_answered_for_a_later_visit(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start_mirrored(3, 18);
    quay_ready(BOX, &token);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(quay_allowed(1, BOX, DRIVER)); /* the caller waits until it is held */
    struct p2p_record_id release = quay_last.result.release;
    struct p2p_record_id later = quay_open(1, BOX);
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) > release.index);
    CHECK(!p2p_engine_release_take(net.nodes[1].engine, &release));
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NO_RIGHT));
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    CHECK(quay_custody(1, later).state == P2P_CUSTODY_HELD);
    CHECK(quay_audit(1) == 2);
}

/* Without this, a terminal that opens custody of what comes in would keep everybody waiting. */
static void test_an_open_of_another_container_holds_nobody_back(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start_mirrored(3, 19);
    quay_ready(BOX, &token);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(quay_allowed(1, BOX, DRIVER));
    struct p2p_record_id release = quay_last.result.release;
    quay_open(1, "MSCU5285725");
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(p2p_engine_release_take(net.nodes[1].engine, &release));
}

/* Without this, a container would leave that customs blocked while its driver waited for the
 * answer: it leaves on that, not on the record. */
static void test_a_late_answer_looks_at_what_came_since(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start_mirrored(3, 16);
    struct p2p_record_id right = quay_ready(BOX, &token);
    network_advance(&net, 3000);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(quay_allowed(1, BOX, DRIVER)); /* the caller waits until it is held */
    struct p2p_record_id release = quay_last.result.release;
    quay_ask(2, P2P_KIND_RIGHT_BLOCK, right, NULL, &quay_nothing);
    network_advance(&net, 500);
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) > release.index);
    CHECK(!p2p_engine_release_take(net.nodes[1].engine, &release)); /* nor who waits */
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_BLOCKED));
    CHECK(quay_last.result.answer.reason_count == 1);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    quay_light(1, right, P2P_LIGHT_CUSTOMS, 2);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_LIGHT_CUSTOMS));
    quay_ask(1, P2P_KIND_RIGHT_CANCEL, right, NULL, &quay_nothing);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NO_RIGHT));
    CHECK(quay_last.result.answer.reason_count == 3);
    CHECK(quay_audit(1) == 4); /* each of these can be computed again */
}

/* What was known and overruled when the container was released is no reason later. */
static void test_a_late_answer_is_not_of_what_was_overruled(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start_mirrored(3, 17);
    struct p2p_record_id right = quay_ready(BOX, &token);
    quay_light(2, right, P2P_LIGHT_CUSTOMS, 2);
    network_advance(&net, 3000);
    const struct p2p_right_request why = {.container = BOX, .reason = "reefer fails"};
    struct p2p_record_id asked = quay_ask(1, P2P_KIND_OVERRIDE, right, NULL, &why);
    quay_ask(1, P2P_KIND_APPROVE, right, &asked, &quay_nothing);
    net.pipes[1][2].held = net.pipes[1][3].held = true;
    CHECK(quay_allowed(1, BOX, DRIVER));
    net.pipes[1][2].held = net.pipes[1][3].held = false;
    network_advance(&net, 500);
    CHECK(quay_allowed(1, BOX, DRIVER)); /* once */
    CHECK(quay_audit(1) == 2);
}

/* Without this, who was cut off would let a container out when another holds it by now. */
static void test_a_late_answer_needs_the_lease(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start_mirrored(4, 15);
    shorten_lease();
    quay_ready(BOX, &token);
    for (uint32_t i = 2; i <= 4; i++) {
        net.pipes[1][i].held = net.pipes[i][1].held = true;
    }
    CHECK(quay_allowed(1, BOX, DRIVER)); /* the caller waits in vain */
    struct p2p_record_id release = quay_last.result.release;
    network_advance(&net, 130000);
    net.pipes[1][2].held = net.pipes[2][1].held = false;
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(p2p_engine_mirrored(net.nodes[1].engine) > release.index);
    CHECK(quay_referred(1, BOX, DRIVER, P2P_GATE_LEASE_OVER));
    for (uint32_t i = 3; i <= 4; i++) {
        net.pipes[1][i].held = net.pipes[i][1].held = false;
    }
    network_connect_all(&net);
    network_advance(&net, 60000);
    CHECK(quay_allowed(1, BOX, DRIVER)); /* once */
    CHECK(quay_audit(1) == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_the_same_question_is_the_same_release, network_stop),
        cmocka_unit_test_teardown(test_a_later_visit_is_another_question, network_stop),
        cmocka_unit_test_teardown(test_who_waits_is_not_answered_for_a_later_visit,
                                  network_stop),
        cmocka_unit_test_teardown(test_an_open_of_another_container_holds_nobody_back,
                                  network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_looks_at_what_came_since, network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_is_not_of_what_was_overruled,
                                  network_stop),
        cmocka_unit_test_teardown(test_a_late_answer_needs_the_lease, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
