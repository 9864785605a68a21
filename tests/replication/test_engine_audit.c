/* What whole engines decided, computed once more from what each feed shows that its gate knew;
 * and what a gate may say of which only it knows. */
#include "check.h"
#include "quay.h"

#include <p2p/decision.h>

#define SHIP      "imo:9179842"
#define OTHER_BOX "MSCU5285725"

/* ---- a fork ---- */

/* Without this, an honest gate would be accused for having cut a forked feed where it ended
 * then, and where it does not end now: no record says when it did. */
static void test_before_and_after_a_cut(void **state)
{
    (void)state;
    quay_start(4, 4, 43); /* two of 1, 2 and 3 witness feed 4 */
    CHECK_OK(network_notes(&net, 4, 1));
    struct network_moment before = network_fork_begin();
    const uint64_t common = network_size(&net, 4, 4);
    network_ban(&net, 4, "all", SHIP);
    network_deliver(&net, 4, 1, SIZE_MAX);
    network_deliver(&net, 4, 2, SIZE_MAX);
    uint64_t larger = network_size(&net, 1, 4);
    CHECK(larger > common);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE); /* where it stands */
    network_fork_show(&before);
    network_advance(&net, 1000);
    CHECK(network_forked(&net, 1, 4).size == common && network_size(&net, 1, 4) == larger);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE); /* told, and not cut yet */
    network_advance(&net, 3000);
    CHECK(network_size(&net, 1, 4) == common);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE); /* rescued */
    network_connect(&net, 1, 2);
    network_advance(&net, 8000);
    CHECK(network_forked(&net, 1, 4).size == larger && network_size(&net, 1, 4) == larger);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE); /* where it stands again */
    CHECK(quay_audit(1) == 4);
}

/* ---- a gate that was not complete ---- */

/* What an audit says of a refusal of BOX, for one reason, that the gate of node 1 would write
 * next. record: NULL for none. */
static enum p2p_decided judge(bool incomplete, enum p2p_gate_code code,
                              const struct p2p_record_id *record)
{
    static uint8_t room[4096];
    static uint64_t sizes[NETWORK_NODES_MAX + 2];
    static struct p2p_job job;
    static struct p2p_gate_answer answer;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[1].engine);
    struct p2p_horizon horizon = {.sizes = sizes, .count = ledger->feed_count};
    struct p2p_past *past = NULL;
    struct p2p_decision decision;
    struct p2p_decided_again again;
    struct p2p_arena arena;
    struct p2p_pack pack;
    const struct p2p_decision_place place = {.feed = 1,
                                             .index = p2p_ledger_feed(ledger, 1)->edge.size};
    quay_collect_job(&job, BOX, DRIVER, "lane-1");
    job.check.own_ms = net.wall_ms;
    job.check.held = place.index;
    job.check.incomplete = incomplete;
    p2p_gate_begin(&answer);
    p2p_gate_add(&answer, code, 0, record);
    CHECK(answer.answer == P2P_ANSWER_REFUSE);
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 26);
    p2p_ledger_begin(ledger, kv, &arena);
    p2p_pack_init(&pack, room, sizeof(room));
    p2p_gate_pack(&pack, p2p_engine_place(net.nodes[1].engine), &job.check, &answer, NULL);
    CHECK(!p2p_pack_failed(&pack));
    CHECK_OK(p2p_past_new(&past, p2p_alloc_default(), ledger, kv));
    CHECK_OK(p2p_decision_parse(&decision, p2p_pack_slice(&pack)));
    CHECK_OK(p2p_decision_known(&decision, kv, place.feed, place.index, &horizon));
    CHECK_OK(p2p_decision_again(past, &horizon, &place, &decision, &again));
    p2p_past_free(past);
    p2p_arena_deinit(&arena);
    memory_kv_abort(net.nodes[1].kv);
    return again.decided;
}

/* Without this, an honest gate that lacked a payload would be accused when that came, or one
 * could refuse a container for a record that says nothing of it, or that it never had. */
static void test_a_refusal_without_some_payload(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 44);
    struct p2p_record_id right = quay_ready(BOX, &token);
    struct p2p_record_id other = quay_grant(quay_open(1, OTHER_BOX), OTHER_BOX);
    const struct p2p_record_id nowhere = {1, network_size(&net, 1, 1)};
    CHECK(judge(true, P2P_GATE_NO_RIGHT, NULL) == P2P_DECIDED_CLAIMED);
    CHECK(judge(true, P2P_GATE_NOT_ACCEPTED, &right) == P2P_DECIDED_CLAIMED);
    CHECK(judge(true, P2P_GATE_CUSTODY_ELSEWHERE, &token) == P2P_DECIDED_CLAIMED);
    CHECK(judge(true, P2P_GATE_NOT_ACCEPTED, &other) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(true, P2P_GATE_NOT_ACCEPTED, &token) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(true, P2P_GATE_NOT_ACCEPTED, &nowhere) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(true, P2P_GATE_BANNED, &right) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(true, P2P_GATE_NOT_ACCEPTED, NULL) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(false, P2P_GATE_NO_RIGHT, NULL) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(judge(false, P2P_GATE_NOT_ACCEPTED, &right) == P2P_DECIDED_OTHER_ANSWER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_before_and_after_a_cut, network_stop),
        cmocka_unit_test_teardown(test_a_refusal_without_some_payload, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
