/* Whole engines release containers: what is asked of rights is ruled by itself, and a container
 * leaves once. */
#include "check.h"
#include "quay.h"

#include <stdio.h>

/* Without this no container would ever leave, or one twice. */
static void test_a_container_leaves_once(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 1);
    struct p2p_record_id right = quay_ready(BOX, &token);
    CHECK(quay_refused(1, "MSCU1000070", DRIVER, P2P_GATE_NO_RIGHT));
    CHECK(quay_refused(1, BOX, OTHER, P2P_GATE_WRONG_DRIVER));
    CHECK(quay_last.result.answer.reason_count == 1);
    CHECK(quay_allowed(1, BOX, DRIVER) && !quay_last.result.spooled);
    CHECK(quay_last.result.release.feed == 1);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    CHECK(quay_right(1, right).below == P2P_RIGHT_USED);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_USED));
    network_advance(&net, 3000);
    CHECK(quay_custody(3, token).state == P2P_CUSTODY_RELEASED);
    CHECK(quay_refused(2, BOX, DRIVER, P2P_GATE_USED));
    network_run(&net);
    network_agree(&net);
    CHECK(quay_audit(1) == 4 && quay_audit(2) == 1);
}

/* Two lanes that ask in the same moment let one truck out. */
static void test_two_lanes_at_once(void **state)
{
    struct p2p_record_id token;
    struct p2p_job lanes[3];
    (void)state;
    quay_start(3, 3, 2);
    quay_ready(BOX, &token);
    for (unsigned i = 0; i < 3; i++) {
        char gate[8];
        snprintf(gate, sizeof(gate), "lane-%u", i);
        quay_collect_job(&lanes[i], BOX, DRIVER, gate);
    }
    CHECK_OK(network_jobs(&net, 1, lanes, 3));
    CHECK(lanes[0].result.answer.answer == P2P_ANSWER_ALLOW);
    CHECK(lanes[1].result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(lanes[2].result.answer.answer == P2P_ANSWER_REFUSE);
    CHECK(lanes[1].result.answer.reasons[0].code == P2P_GATE_USED);
    CHECK(lanes[1].result.release.feed == 0);
    CHECK(lanes[0].result.first.index == lanes[2].result.first.index); /* one record */
    CHECK(quay_audit(1) == 3);
}

/* Whatever one of these forbids has to be told, each, and to forbid at once. */
static void test_everything_that_speaks_against_it(void **state)
{
    (void)state;
    quay_start(3, 3, 3);
    struct p2p_record_id token = quay_open(1, BOX);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NO_RIGHT));
    struct p2p_record_id right = quay_issue(1, token, BOX, "p1");
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NOT_ACCEPTED));
    CHECK(quay_because(P2P_GATE_LIGHT_COMMERCIAL) && quay_because(P2P_GATE_LIGHT_CUSTOMS) &&
          quay_because(P2P_GATE_LIGHT_DISCHARGE) && quay_because(P2P_GATE_LIGHT_TERMINAL));
    quay_ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_NOT_ACCEPTED));
    quay_assign(1, right, net.wall_ms + 7200000);
    quay_green(1, right);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_OUTSIDE_SLOT) &&
          quay_last.result.answer.reason_count == 1);
    quay_assign(1, right, net.wall_ms - 60000);
    struct p2p_record_id block = quay_ask(1, P2P_KIND_RIGHT_BLOCK, right, NULL, &quay_nothing);
    quay_light(1, right, P2P_LIGHT_CUSTOMS, 2);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_BLOCKED) &&
          quay_because(P2P_GATE_LIGHT_CUSTOMS) && quay_last.result.answer.reason_count == 2);
    quay_ask(1, P2P_KIND_RIGHT_UNBLOCK, right, &block, &quay_nothing);
    quay_light(1, right, P2P_LIGHT_CUSTOMS, 0);
    network_ban(&net, 2, "all", DRIVER);
    network_advance(&net, 1000);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_BANNED));
    CHECK(quay_last.result.answer.reason_count == 1);
    CHECK(quay_refused(1, BOX, OTHER, P2P_GATE_BANNED) &&
          quay_because(P2P_GATE_WRONG_DRIVER)); /* whom the right names, whoever stands there */
    CHECK(quay_refused(2, BOX, DRIVER, P2P_GATE_CUSTODY_ELSEWHERE));
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD);
    CHECK(quay_audit(1) == 7 && quay_audit(2) == 1);
}

/* A container that a court seized stays, though everything about its right is in order; and one
 * whose ban comes between the release and its answer. */
static void test_a_banned_container_stays(void **state)
{
    (void)state;
    quay_start_mirrored(3, 3);
    struct p2p_record_id token = quay_open(1, BOX);
    struct p2p_record_id right = quay_issue(1, token, BOX, "p1");
    quay_ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    quay_assign(1, right, net.wall_ms - 60000);
    quay_green(1, right);
    struct p2p_record_id ban = network_ban(&net, 2, "all", "container:" BOX);
    network_advance(&net, 1000);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_BANNED) &&
          quay_last.result.answer.reason_count == 1);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD);
    network_lift(&net, 2, "all", &ban);
    network_advance(&net, 1000);
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    quay_collect(1, BOX, DRIVER); /* released, and not answered: nobody mirrors it */
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    network_ban(&net, 1, "all", "container:" BOX);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_BANNED));
    quay_audit(1);
}

/* A port that was cut off for longer than a lease, or has just begun, releases nothing. */
static void test_not_before_the_witnesses_answer(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 4);
    quay_ready(BOX, &token);
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    CHECK(quay_referred(1, BOX, DRIVER, P2P_GATE_CUSTODY_WAITING));
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(quay_allowed(1, BOX, DRIVER));
}

/* A party at another port asks there; the holder of the token takes it by itself. */
static void test_what_is_asked_elsewhere_is_ruled(void **state)
{
    (void)state;
    quay_start(3, 3, 5);
    struct p2p_record_id token = quay_open(1, BOX);
    struct p2p_record_id right = quay_issue(1, token, BOX, "p2");
    quay_green(1, right);
    network_advance(&net, 1000);
    quay_ask(2, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    quay_assign(2, right, 0);
    CHECK(quay_right(2, right).below == P2P_RIGHT_PENDING); /* asked, and not ruled */
    network_run(&net);
    struct p2p_right ruled = quay_right(1, right);
    CHECK(ruled.below == P2P_RIGHT_ACTIVE && ruled.assigned_by.feed == 2);
    CHECK(ruled.unruled_count == 0);
    CHECK(quay_right(2, right).below == P2P_RIGHT_ACTIVE);
    CHECK(quay_allowed(1, BOX, DRIVER));
    network_advance(&net, 3000);
    network_agree(&net);
}

/* What was asked while custody waited is taken when it is ready. */
static void test_what_waited_is_ruled(void **state)
{
    (void)state;
    quay_start(3, 3, 6);
    struct p2p_record_id token = quay_open(1, BOX);
    struct p2p_record_id right = quay_issue(1, token, BOX, "p1");
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    quay_ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    CHECK(quay_right(1, right).below == P2P_RIGHT_PENDING);
    CHECK(quay_right(1, right).unruled_count == 1);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(quay_right(1, right).below == P2P_RIGHT_ACTIVE);
}

/* A request whose payload comes long after its leaf is ruled by itself, too: what it is about
 * is looked at before the store, which it is read from, is written. */
static void test_what_comes_late_is_ruled(void **state)
{
    uint8_t kept[256], key[P2P_ID_KEY_BYTES];
    size_t len = 0;
    (void)state;
    quay_start(4, 4, 8);
    struct p2p_record_id right = quay_issue(1, quay_open(1, BOX), BOX, "p2");
    network_advance(&net, 3000);
    network_cut_off(&net, 1);
    struct p2p_record_id asked = quay_ask(2, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    network_advance(&net, 3000);
    for (uint32_t node = 2; node <= 4; node++) { /* of those who may have it, nobody has it */
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
        struct p2p_slice value;
        CHECK_OK(p2p_kv_get(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &asked), &value));
        CHECK(value.len <= sizeof(kept));
        len = value.len;
        memcpy(kept, value.data, len);
        CHECK_OK(p2p_kv_del(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &asked)));
        CHECK_OK(memory_kv_commit(net.nodes[node].kv));
    }
    network_connect_all(&net);
    network_advance(&net, 20000);
    CHECK(network_size(&net, 1, 2) > asked.index);
    CHECK(quay_right(1, right).below == P2P_RIGHT_PENDING);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(
        p2p_kv_put(kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &asked), p2p_slice_of(kept, len)));
    CHECK_OK(memory_kv_commit(net.nodes[2].kv));
    network_advance(&net, 40000);
    CHECK(quay_right(1, right).below == P2P_RIGHT_ACTIVE);
    CHECK(quay_right(1, right).unruled_count == 0);
}

/* Many requests in one record, as many records as they need. */
static void test_many_at_once(void **state)
{
    enum { RIGHTS = 40 };
    struct p2p_record_id rights[RIGHTS];
    (void)state;
    quay_start(3, 3, 7);
    struct p2p_record_id token = quay_open(1, BOX);
    for (unsigned i = 0; i < RIGHTS; i++) {
        rights[i] = quay_issue(1, token, BOX, "p2");
    }
    network_advance(&net, 1000);
    net.pipes[2][1].held = true;
    for (unsigned i = 0; i < RIGHTS; i++) {
        quay_ask(2, P2P_KIND_RIGHT_ACCEPT, rights[i], NULL, &quay_nothing);
    }
    uint64_t before = network_size(&net, 1, 1);
    net.pipes[2][1].held = false;
    CHECK(network_deliver(&net, 2, 1, 1u << 20));
    CHECK(network_size(&net, 1, 1) <= before + 2); /* a `seen`, and one `ruled` */
    for (unsigned i = 0; i < RIGHTS; i++) {
        CHECK(quay_right(1, rights[i]).below == P2P_RIGHT_ACTIVE);
    }
}

/* A cut point of p1's that lies below the last `assign`, and above the one before. */
static void cut_party(uint64_t index)
{
    static struct world_draft draft;
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = 0;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(p2p_quorum_note(p2p_engine_ledger(net.nodes[2].engine)->charter, kv, 1, note,
                             sizeof(note), &len));
    memory_kv_abort(net.nodes[2].kv);
    world_draft(&draft);
    const struct p2p_op_revoke op = {.issuer = "p1",
                                     .feed = "m1/1",
                                     .index = index,
                                     .note = p2p_slice_of((const uint8_t *)note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 1, network_entry(&net, &draft));
}

/* Without this, what was found good for one release would be good for the next one, whatever
 * the charter says meanwhile: all that these rights rest on stands in the same rulings. */
static void test_a_cut_point_between_two_collects(void **state)
{
    static const char *const boxes[] = {BOX, "MSCU1000070", "HBMU2699702"};
    struct p2p_record_id tokens[3];
    struct p2p_record_id rights[3];
    uint64_t cut = 0;
    (void)state;
    quay_start(3, 3, 17);
    for (unsigned i = 0; i < 3; i++) {
        tokens[i] = quay_open(1, boxes[i]);
        rights[i] = quay_issue(1, tokens[i], boxes[i], "p1");
        quay_green(1, rights[i]);
        quay_ask(1, P2P_KIND_RIGHT_ACCEPT, rights[i], NULL, &quay_nothing);
    }
    for (unsigned i = 0; i < 3; i++) {
        cut = i == 2 ? network_size(&net, 1, 1) : cut;
        quay_assign(1, rights[i], 0);
    }
    network_advance(&net, 3000);
    CHECK(quay_allowed(1, boxes[0], DRIVER));
    network_advance(&net, 3000);
    cut_party(cut);
    CHECK(quay_collect(1, boxes[2], DRIVER) == P2P_ANSWER_REFUSE);
    CHECK(quay_because(P2P_GATE_NOT_ACCEPTED)); /* nobody is assigned */
    CHECK(quay_allowed(1, boxes[1], DRIVER));   /* signed before */
    CHECK(quay_custody(1, tokens[2]).state == P2P_CUSTODY_HELD);
    network_run(&net);
    network_agree(&net);
    CHECK(quay_audit(1) == 3);
}

/* A terminal whose container another port let in would not know why it may not let it go: the
 * refusal names the record by which it is over. */
static void test_a_container_that_came_in_elsewhere(void **state)
{
    struct p2p_record_id token;
    struct p2p_pack pack;
    uint8_t bytes[128];
    (void)state;
    quay_start(3, 3, 18);
    quay_ready(BOX, &token);
    network_advance(&net, 1000);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_gate_in_pack(&pack, p2p_slice_text(BOX), p2p_slice_text("m2-f1")));
    struct p2p_record_id gate_in =
        quay_append(&(struct quay_record){.kind = P2P_KIND_CUSTODY_GATE_IN,
                                          .node = 2,
                                          .cites = {token},
                                          .cite_count = 1,
                                          .payload = p2p_pack_slice(&pack)});
    network_advance(&net, 1000);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_CLOSED);
    CHECK(quay_collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE &&
          quay_last.result.answer.reason_count == 1);
    const struct p2p_gate_reason *why = &quay_last.result.answer.reasons[0];
    CHECK(why->code == P2P_GATE_NO_RIGHT && why->has_record);
    CHECK(p2p_record_id_compare(&why->record, &gate_in) == 0);
    CHECK(quay_audit(1) == 1);
}

/* Two issuers and a reason overrule lights and slot, never a ban. */
static void test_an_override(void **state)
{
    (void)state;
    quay_start(3, 3, 8);
    struct p2p_record_id token = quay_open(1, BOX);
    struct p2p_record_id right = quay_issue(1, token, BOX, "p1");
    quay_ask(1, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    quay_assign(1, right, net.wall_ms + 7200000);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_LIGHT_CUSTOMS) &&
          quay_because(P2P_GATE_OUTSIDE_SLOT));
    const struct p2p_right_request why = {.container = BOX, .reason = "reefer fails"};
    struct p2p_record_id asked = quay_ask(1, P2P_KIND_OVERRIDE, right, NULL, &why);
    CHECK(quay_collect(1, BOX, DRIVER) == P2P_ANSWER_REFUSE);
    struct p2p_record_id seconded = quay_ask(1, P2P_KIND_APPROVE, right, &asked, &quay_nothing);
    struct p2p_right now = quay_right(1, right);
    CHECK(p2p_record_id_compare(&now.override.seconded, &seconded) == 0);
    CHECK(quay_refused(1, BOX, OTHER, P2P_GATE_WRONG_DRIVER) &&
          quay_last.result.answer.reason_count == 1);
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    CHECK(quay_audit(1) == 4);
}

static void give_offer(struct p2p_record_id token, uint64_t epoch, bool second)
{
    uint8_t room[64];
    struct p2p_pack pack;
    const struct p2p_custody_step what = {.epoch = epoch, .to = 2};
    p2p_pack_init(&pack, room, sizeof(room));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    quay_append(&(struct quay_record){.kind = P2P_KIND_CUSTODY_OFFER,
                                      .node = 1,
                                      .second = second,
                                      .cites = {token},
                                      .cite_count = 1,
                                      .content = p2p_pack_slice(&pack)});
}

/* Ends the rival beside `held`; both are entries behind `before`. */
static void settle(const struct charter_world *before, const struct world_entry *held,
                   const struct world_entry *rival)
{
    static struct charter_world world;
    static struct world_draft draft;
    static struct world_entry entry;
    static uint8_t leaves[P2P_RECORD_BYTES_MAX];
    struct p2p_pack pack;
    p2p_pack_init(&pack, leaves, sizeof(leaves));
    p2p_pack_array(&pack, 1);
    p2p_pack_bin(&pack, rival->leaf, rival->leaf_len);
    const struct p2p_op_settle op = {
        .heads = {p2p_slice_of((const uint8_t *)held->note, held->note_len),
                  p2p_slice_of((const uint8_t *)rival->note, rival->note_len)},
        .rival_entries = p2p_pack_slice(&pack)};
    world = *before;
    world_push(&world, held);
    world_draft(&draft);
    p2p_op_settle_pack(&draft.ops, &op);
    world_op(&draft);
    world.term++;
    world_seal(&world, &draft, (1u << WORLD_ROOTS) - 1, &entry);
    CHECK_OK(network_give_entry(&net, 1, &entry));
}

/* The terminal gave it away by what two heads of the charter hide now, and its offer decides
 * nothing: also after a settle, which voids the grant it was by. Without this it lets out what
 * the other may have let out by then. */
static void test_what_two_heads_hide_that_it_gave_away(void **state)
{
    static struct world_entry rival;
    static struct world_draft draft;
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 19);
    quay_ready(BOX, &token);
    network_advance(&net, 3000);
    struct charter_world before = net.world;
    world_draft(&draft);
    world_grant(&draft, "s1", KEY_OF_SECOND + 1, "m1", "custody", "*");
    size_t held = network_entry(&net, &draft);
    network_give(&net, 1, held);
    network_advance(&net, 120000); /* until its `seen` names that entry */
    give_offer(token, 2, true);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_OFFERED);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_CUSTODY_ELSEWHERE));
    world_draft(&draft);
    world_grant(&draft, "right", 241, "m2", "ban-court", "*");
    world_seal(&before, &draft, (1u << WORLD_ROOTS) - 1, &rival);
    CHECK_ERR(network_give_entry(&net, 1, &rival), P2P_FORKED);
    network_advance(&net, 3000);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD); /* nobody can say */
    CHECK(!quay_allowed(1, BOX, DRIVER));
    CHECK(quay_because(P2P_GATE_CUSTODY_WAITING));
    settle(&before, &net.entries[held], &rival);
    network_advance(&net, 120000);
    CHECK(p2p_charter_rival_size(p2p_engine_ledger(net.nodes[1].engine)->charter) == 0);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD); /* nobody's word */
    CHECK(!quay_allowed(1, BOX, DRIVER));
    CHECK(quay_because(P2P_GATE_CUSTODY_WAITING));
}

/* A settle excuses no gate for good: what nobody gave away by a grant that it may have voided
 * is let out. An offer that names another epoch would have decided nothing by whichever grant.
 */
static void test_what_a_settle_does_not_hold_back(void **state)
{
    static struct world_entry rival;
    static struct world_draft draft;
    struct p2p_record_id token;
    (void)state;
    quay_start(3, 3, 19);
    quay_ready(BOX, &token);
    network_advance(&net, 3000);
    struct charter_world before = net.world;
    world_draft(&draft);
    world_grant(&draft, "s1", KEY_OF_SECOND + 1, "m1", "custody", "*");
    size_t held = network_entry(&net, &draft);
    network_give(&net, 1, held);
    network_advance(&net, 120000);
    give_offer(token, 3, true);
    world_draft(&draft);
    world_grant(&draft, "right", 241, "m2", "ban-court", "*");
    world_seal(&before, &draft, (1u << WORLD_ROOTS) - 1, &rival);
    CHECK_ERR(network_give_entry(&net, 1, &rival), P2P_FORKED);
    network_advance(&net, 3000);
    CHECK(!quay_allowed(1, BOX, DRIVER)); /* while the heads stand */
    settle(&before, &net.entries[held], &rival);
    network_advance(&net, 120000);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_HELD);
    CHECK(quay_allowed(1, BOX, DRIVER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_a_container_leaves_once, network_stop),
        cmocka_unit_test_teardown(test_two_lanes_at_once, network_stop),
        cmocka_unit_test_teardown(test_everything_that_speaks_against_it, network_stop),
        cmocka_unit_test_teardown(test_a_banned_container_stays, network_stop),
        cmocka_unit_test_teardown(test_not_before_the_witnesses_answer, network_stop),
        cmocka_unit_test_teardown(test_what_is_asked_elsewhere_is_ruled, network_stop),
        cmocka_unit_test_teardown(test_what_waited_is_ruled, network_stop),
        cmocka_unit_test_teardown(test_what_comes_late_is_ruled, network_stop),
        cmocka_unit_test_teardown(test_many_at_once, network_stop),
        cmocka_unit_test_teardown(test_a_cut_point_between_two_collects, network_stop),
        cmocka_unit_test_teardown(test_a_container_that_came_in_elsewhere, network_stop),
        cmocka_unit_test_teardown(test_an_override, network_stop),
        cmocka_unit_test_teardown(test_what_two_heads_hide_that_it_gave_away, network_stop),
        cmocka_unit_test_teardown(test_what_a_settle_does_not_hold_back, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
