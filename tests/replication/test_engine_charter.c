/* Charter versions across nodes: members, issuers, cut points, two heads and their end. */
#include "check.h"

#include "network_fixture.h"

#include <p2p/decision.h>

#include <stdio.h>
#include <string.h>

#define SHIP   "imo:9179842"
#define OTHER  "imo:9074729"
#define PERSON "card:alfapass:1234567"
#define NOBODY "card:alfapass:7"

enum { ALL_ROOTS = (1 << WORLD_ROOTS) - 1 };

static struct world_draft draft;

static const struct p2p_charter *charter(uint32_t node)
{
    return p2p_engine_ledger(net.nodes[node].engine)->charter;
}

/* A member admitted later takes part in everything, at nodes that were there before. */
static void test_member_admitted_later(void **state)
{
    (void)state;
    network_start_as(
        &(struct network_options){.nodes = 4, .members = 3, .witnesses = 3, .seed = 1});
    CHECK(network_feed(&net, 4) == 0);
    CHECK(network_try_ban(&net, 1, "all", SHIP, &(struct p2p_record_id){0}) == P2P_OK);
    world_draft(&draft);
    network_admit(&draft, 4, 3);
    network_issuer(&draft, 4);
    network_circle(&draft, "m4", 4, 4, 1);
    network_circle(&draft, "all", 4, 4, 1);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 1, entry);
    network_advance(&net, 1000);
    CHECK(net.nodes[4].closed > 0 || !network_connected(&net, 1, 4));
    network_give(&net, 4, entry);
    CHECK(network_feed(&net, 4) == 4);
    network_connect_all(&net);
    network_advance(&net, 3000);
    network_agree(&net);
    network_ban(&net, 4, "all", OTHER);
    network_advance(&net, 3000);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(network_check(&net, i, OTHER) == P2P_ANSWER_REFUSE);
    }
    network_advance(&net, 3000);
    network_agree(&net);
}

/* What an unknown issuer signed is judged again when the charter arrives; until then the gate
 * refers, since the author knew more of the charter. */
static void test_charter_arrives_late(void **state)
{
    (void)state;
    network_start(2, 0, 2);
    net.pipes[1][2].held = true;
    world_draft(&draft);
    world_grant(&draft, "new", 77, "m1", "ban-court", "*");
    network_give(&net, 1, network_entry(&net, &draft));
    uint8_t payload[512];
    struct p2p_pack pack;
    struct p2p_subject subject;
    struct p2p_issuer_secret key = world_issuer_key(77);
    struct p2p_circle_key circle = network_circle_key("all", 1);
    const struct p2p_ban_draft ban = {.subjects = &subject,
                                      .subject_count = 1,
                                      .ground = P2P_GROUND_COURT,
                                      .reference = "late"};
    CHECK_OK(p2p_subject_parse(&subject, p2p_slice_text(SHIP)));
    p2p_pack_init(&pack, payload, sizeof(payload));
    CHECK_OK(p2p_ban_pack(&pack, &ban, &circle, 1));
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(charter(1), p2p_slice_text("new"));
    const struct p2p_append record = {.kind = P2P_KIND_BAN_IMPOSE,
                                      .circle = network_circle_number(&net, 1, "all"),
                                      .issuer = issuer->number,
                                      .key = &key,
                                      .payload = p2p_pack_slice(&pack)};
    struct p2p_job job = {.type = P2P_JOB_APPEND, .append = {&record, 1}};
    CHECK_OK(network_jobs(&net, 1, &job, 1));
    CHECK_OK(job.result.err);
    network_drop(&net, 1, 2, P2P_FRAME_ENTRY);
    network_drop(&net, 1, 2, P2P_FRAME_FRONTIER);
    net.pipes[1][2].held = false;
    network_deliver(&net, 1, 2, SIZE_MAX);
    CHECK(network_size(&net, 2, 1) == network_size(&net, 1, 1));
    CHECK(p2p_charter_size(charter(2)) == 1);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFER);
    network_advance(&net, 70000);
    CHECK(p2p_charter_size(charter(2)) == 2);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* An officer's key is revoked at a cut point: what he signed before holds, what after does not,
 * at every node. */
static void test_cut_point(void **state)
{
    (void)state;
    static char note[P2P_NOTE_BYTES_MAX];
    size_t len = 0;
    network_start(3, 3, 3);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 1000);
    uint64_t cut = network_size(&net, 1, 1);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 2500);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    CHECK_OK(p2p_quorum_note(charter(2), kv, 1, note, sizeof(note), &len));
    memory_kv_abort(net.nodes[2].kv);
    world_draft(&draft);
    const struct p2p_op_revoke op = {.issuer = "im1",
                                     .feed = "m1/1",
                                     .index = cut,
                                     .note = p2p_slice_of((const uint8_t *)note, len)};
    p2p_op_revoke_pack(&draft.ops, &op);
    world_op(&draft);
    network_cut(&net, 2, 3);
    network_give(&net, 3, network_entry(&net, &draft)); /* reaches 2 by way of 1 */
    network_advance(&net, 3000);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(network_check(&net, i, SHIP) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, i, OTHER) == P2P_ANSWER_ALLOW);
    }
    network_advance(&net, 3000);
    network_agree(&net);
}

/* ---- two heads ---- */

static struct world_entry left[3], right[3], settle;
static struct charter_world left_world;

static void branch(struct charter_world *world, struct world_entry *entry, const char *issuer,
                   uint32_t key, const char *member)
{
    world_draft(&draft);
    world_grant(&draft, issuer, key, member, "ban-court", "*");
    world_seal(world, &draft, ALL_ROOTS, entry);
    world_push(world, entry);
}

static void make_branches(void)
{
    left_world = net.world;
    struct charter_world right_world = net.world;
    branch(&left_world, &left[0], "left-a", 201, "m1");
    branch(&left_world, &left[1], "left-b", 202, "m1");
    branch(&right_world, &right[0], "right-a", 211, "m2");
    branch(&right_world, &right[1], "right-b", 212, "m2");
    branch(&right_world, &right[2], "right-c", 213, "m2");
}

static void make_settle(size_t ended)
{
    static uint8_t leaves[P2P_RECORD_BYTES_MAX];
    struct p2p_pack rival;
    p2p_pack_init(&rival, leaves, sizeof(leaves));
    p2p_pack_array(&rival, (uint32_t)ended);
    for (size_t i = 0; i < ended; i++) {
        p2p_pack_bin(&rival, right[i].leaf, right[i].leaf_len);
    }
    const struct p2p_op_settle op = {
        .heads = {p2p_slice_of((const uint8_t *)left[1].note, left[1].note_len),
                  p2p_slice_of((const uint8_t *)right[ended - 1].note,
                               right[ended - 1].note_len)},
        .rival_entries = p2p_pack_slice(&rival)};
    world_draft(&draft);
    p2p_op_settle_pack(&draft.ops, &op);
    world_op(&draft);
    left_world.term++;
    world_seal(&left_world, &draft, ALL_ROOTS, &settle);
}

static void check_two_heads(void)
{
    for (uint32_t i = 1; i <= net.node_count; i++) {
        if (net.nodes[i].engine != NULL) {
            CHECK(p2p_charter_good_size(charter(i)) == 1);
            CHECK(p2p_charter_rival_size(charter(i)) > 1);
        }
    }
}

/* Two heads: authority stays at the last good version at all nodes, also those that hold the
 * same branch as their neighbours and come later; a settle ends it for all. */
static void test_two_heads(void **state)
{
    (void)state;
    for (size_t lead = 1; lead <= 3; lead++) { /* shorter, equal and longer than the other */
        network_start(4, 0, 4 + lead);
        make_branches();
        network_kill(&net, 4);
        for (uint32_t a = 1; a <= 2; a++) {
            network_cut(&net, a, 3);
        }
        CHECK_OK(network_give_entry(&net, 1, &left[0]));
        CHECK_OK(network_give_entry(&net, 1, &left[1]));
        network_advance(&net, 1000);
        CHECK(p2p_charter_size(charter(2)) == 3);
        for (size_t i = 0; i < lead; i++) {
            CHECK_OK(network_give_entry(&net, 3, &right[i]));
        }
        network_connect(&net, 1, 3);
        network_advance(&net, 35000);
        check_two_heads();
        CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_CHARTER_RIVAL) > 0);
        for (uint32_t i = 1; i <= 3; i++) {
            CHECK(net.nodes[i].closed == 0);
        }
        /* Node 4 holds the left branch only, as node 2 does. */
        CHECK_OK(network_open(&net, 4));
        CHECK_OK(network_give_entry(&net, 4, &left[0]));
        CHECK_OK(network_give_entry(&net, 4, &left[1]));
        network_connect(&net, 4, 2);
        network_run(&net);
        check_two_heads();
        network_restart(&net, 1);
        network_restart(&net, 3);
        check_two_heads();
        network_connect_all(&net);
        network_advance(&net, 35000);
        check_two_heads();
        /* What neither branch touched goes on. */
        network_ban(&net, 2, "all", SHIP);
        network_advance(&net, 2000);
        CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
        /* At rest the exchange of two heads does not go on for ever. */
        uint64_t frames = network_frames(&net);
        network_advance(&net, 60000);
        CHECK(network_frames(&net) - frames < 400);

        make_settle(lead);
        CHECK_OK(network_give_entry(&net, 2, &settle));
        network_advance(&net, 65000);
        for (uint32_t i = 1; i <= 4; i++) {
            CHECK(p2p_charter_size(charter(i)) == 4);
            CHECK(p2p_charter_good_size(charter(i)) == 4);
            CHECK(p2p_charter_rival_size(charter(i)) == 0);
        }
        network_ban(&net, 3, "all", OTHER);
        network_advance(&net, 3000);
        CHECK(network_check(&net, 1, OTHER) == P2P_ANSWER_REFUSE);
        network_restart(&net, 3);
        network_connect_all(&net);
        network_advance(&net, 35000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* Without this, a node that was given entries of one branch alone, and comes back when that was
 * ended and entries stand behind the settle, would stay on it for ever. */
static void test_missed_the_settle(void **state)
{
    (void)state;
    for (size_t held = 1; held <= 3; held++) { /* of the branch that ended */
        network_start(3, 3, 20 + held);
        make_branches();
        network_kill(&net, 2);
        network_cut(&net, 1, 3);
        for (size_t i = 0; i < held; i++) {
            CHECK_OK(network_give_entry(&net, 3, &right[i]));
        }
        CHECK_OK(network_give_entry(&net, 1, &left[0]));
        CHECK_OK(network_give_entry(&net, 1, &left[1]));
        CHECK_ERR(network_give_entry(&net, 1, &right[0]), P2P_FORKED);
        make_settle(1); /* also where the branch is longer than what the roots knew of it */
        CHECK_OK(network_give_entry(&net, 1, &settle));
        world_push(&left_world, &settle);
        branch(&left_world, &left[2], "left-c", 203, "m1");
        CHECK_OK(network_give_entry(&net, 1, &left[2]));
        network_connect(&net, 1, 3);
        network_advance(&net, 65000);
        CHECK(p2p_charter_size(charter(3)) == 5 && p2p_charter_rival_size(charter(3)) == 0);
        CHECK(network_connected(&net, 1, 3));
        CHECK_OK(network_open(&net, 2));
        network_connect_all(&net);
        network_advance(&net, 65000);
        network_agree(&net);
        network_deinit(&net);
    }
    network_start(1, 0, 1);
}

/* A member that only a branch named writes nothing while there are two heads, and lives. */
static void test_member_of_a_branch(void **state)
{
    (void)state;
    network_start_as(
        &(struct network_options){.nodes = 3, .members = 2, .witnesses = 0, .seed = 9});
    struct charter_world right_world = net.world;
    world_draft(&draft);
    network_admit(&draft, 3, 2);
    network_circle(&draft, "m3", 3, 3, 1);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 1, entry);
    network_advance(&net, 1000);
    network_give(&net, 3, entry);
    CHECK(network_feed(&net, 3) == 3);
    network_connect_all(&net);
    CHECK_OK(network_notes(&net, 3, 3));
    network_advance(&net, 2000);
    branch(&right_world, &right[0], "right-a", 211, "m2");
    CHECK_ERR(network_give_entry(&net, 2, &right[0]), P2P_FORKED);
    network_advance(&net, 65000);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(p2p_charter_good_size(charter(i)) == 1);
    }
    CHECK(network_feed(&net, 3) == 0);
    CHECK_ERR(network_notes(&net, 3, 1), P2P_RDONLY);
    network_restart(&net, 3);
    network_connect_all(&net);
    network_advance(&net, 65000);
    /* Whom m3 bans is not looked up while nobody knows whether m3 is a member. */
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFER);
}

/* A check, and the decision as its record has it. */
struct asked {
    struct p2p_job job;
    uint8_t packed[1024];
};

static void ask(uint32_t node, const char *subject, struct asked *asked)
{
    struct p2p_job *job = &asked->job;
    network_check_job(job, subject);
    CHECK_OK(network_jobs(&net, node, job, 1));
    CHECK_OK(job->result.err);
    CHECK(!job->result.spooled && job->result.leaf.len <= sizeof(asked->packed));
    memcpy(asked->packed, job->result.leaf.data, job->result.leaf.len);
    job->result.leaf.data = asked->packed;
}

static void check_referred(uint32_t node, const char *subject, struct asked *asked)
{
    ask(node, subject, asked);
    const struct p2p_gate_answer *answer = &asked->job.result.answer;
    CHECK(answer->answer == P2P_ANSWER_REFER && answer->reason_count == 1);
    CHECK(answer->reasons[0].code == P2P_GATE_INCOMPLETE);
}

/* Computed once more from what the first node holds now: as it was answered, or had it been
 * `allow`. */
static enum p2p_decided again(const struct asked *asked, bool allowed)
{
    static struct p2p_decision decision;
    static struct p2p_decided_again out;
    uint64_t sizes[NETWORK_NODES_MAX + 2];
    struct p2p_horizon horizon = {.sizes = sizes, .count = NETWORK_NODES_MAX + 2};
    const struct p2p_record_id *id = &asked->job.result.first;
    const struct p2p_decision_place place = {.feed = id->feed, .index = id->index};
    struct p2p_past *past;
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[1].kv);
    CHECK_OK(p2p_decision_parse(&decision, asked->job.result.leaf));
    if (allowed) {
        decision.answer = P2P_ANSWER_ALLOW;
        decision.reason_count = 0;
    }
    CHECK_OK(p2p_decision_known(&decision, kv, id->feed, id->index, &horizon));
    CHECK_OK(
        p2p_past_new(&past, p2p_alloc_default(), p2p_engine_ledger(net.nodes[1].engine), kv));
    CHECK_OK(p2p_decision_again(past, &horizon, &place, &decision, &out));
    p2p_past_free(past);
    memory_kv_abort(net.nodes[1].kv);
    return out.decided;
}

/* Without this, a second head would let in whoever is banned under a key that the first one
 * named: its epoch has no authority any more, and gates no token of it. So with a circle that a
 * member joined. */
static void test_hidden_by_two_heads(void **state)
{
    (void)state;
    static struct asked person, person_1, ship, ship_1;
    struct world_entry *const hiding = &left[0];
    network_start(3, 3, 11);
    for (uint32_t i = 1; i <= 3; i++) {
        char own[16];
        snprintf(own, sizeof(own), "m%u", i);
        network_draw(&net, i, own, 1);
    }
    network_draw(&net, 1, "all", 1);
    network_draw(&net, 1, "police", 1);
    left_world = net.world;
    struct charter_world right_world = net.world;
    world_draft(&draft);
    network_circle(&draft, "all", 1, 3, 2);
    world_seal(&left_world, &draft, ALL_ROOTS, hiding);
    world_push(&left_world, hiding);
    branch(&left_world, &left[1], "left-b", 202, "m1");
    world_draft(&draft);
    network_circle(&draft, "police", 3, 3, 1);
    world_seal(&right_world, &draft, ALL_ROOTS, &right[0]);
    CHECK_OK(network_give_entry(&net, 1, hiding));
    CHECK_OK(network_give_entry(&net, 1, &left[1]));
    network_draw(&net, 1, "all", 2);
    network_ban(&net, 1, "all", PERSON);
    network_advance(&net, 3000);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(network_check(&net, i, PERSON) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, i, NOBODY) == P2P_ANSWER_ALLOW);
    }

    CHECK_ERR(network_give_entry(&net, 2, &right[0]), P2P_FORKED);
    network_advance(&net, 3000);
    check_two_heads();
    check_referred(1, PERSON, &person_1);
    check_referred(2, PERSON, &person);
    check_referred(2, NOBODY, &person);
    check_referred(3, OTHER, &ship); /* it is to join a circle in which it may be banned */
    ask(1, OTHER, &ship_1);
    CHECK(ship_1.job.result.answer.answer == P2P_ANSWER_ALLOW);
    network_advance(&net, 3000);
    network_restart(&net, 2);
    network_connect_all(&net);
    network_advance(&net, 3000);
    check_referred(2, PERSON, &person);
    network_advance(&net, 3000);
    CHECK(again(&person_1, false) == P2P_DECIDED_CLAIMED);
    CHECK(again(&person, false) == P2P_DECIDED_CLAIMED);
    CHECK(again(&ship, false) == P2P_DECIDED_CLAIMED);
    CHECK(again(&ship_1, false) == P2P_DECIDED_RIGHT);
    CHECK(again(&person, true) == P2P_DECIDED_OTHER_ANSWER);
    CHECK(again(&ship, true) == P2P_DECIDED_RIGHT); /* for who knew of the left branch alone */

    make_settle(1);
    CHECK_OK(network_give_entry(&net, 2, &settle));
    network_advance(&net, 65000);
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(network_check(&net, i, PERSON) == P2P_ANSWER_REFUSE);
        CHECK(network_check(&net, i, NOBODY) == P2P_ANSWER_ALLOW);
        CHECK(network_check(&net, i, OTHER) == P2P_ANSWER_ALLOW);
    }
    /* The branch that let the third member join is gone, and its word is taken. */
    CHECK(again(&person, false) == P2P_DECIDED_CLAIMED);
    CHECK(again(&ship, false) == P2P_DECIDED_CLAIMED);
    CHECK(again(&ship_1, false) == P2P_DECIDED_RIGHT);
    CHECK(again(&person, true) == P2P_DECIDED_OTHER_ANSWER);
}

/* A charter version that is given to a node whose store takes no writes would stand in memory
 * alone, and the one after it would not follow what is stored. */
static void test_store_takes_nothing(void **state)
{
    (void)state;
    network_start(2, 0, 17);
    world_draft(&draft);
    network_circle(&draft, "late", 1, 2, 1);
    size_t entry = network_entry(&net, &draft);
    uint64_t size = network_size(&net, 1, 0);
    p2p_engine_set_read_only(net.nodes[1].engine, P2P_READ_ONLY_DISK_FULL);
    CHECK_ERR(network_give_entry(&net, 1, &net.entries[entry]), P2P_RDONLY);
    CHECK(network_size(&net, 1, 0) == size);
    p2p_engine_set_read_only(net.nodes[1].engine, P2P_READ_ONLY_NONE);
    network_give(&net, 1, entry);
    CHECK(network_size(&net, 1, 0) == size + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_member_admitted_later, network_stop),
        cmocka_unit_test_teardown(test_charter_arrives_late, network_stop),
        cmocka_unit_test_teardown(test_cut_point, network_stop),
        cmocka_unit_test_teardown(test_two_heads, network_stop),
        cmocka_unit_test_teardown(test_hidden_by_two_heads, network_stop),
        cmocka_unit_test_teardown(test_missed_the_settle, network_stop),
        cmocka_unit_test_teardown(test_member_of_a_branch, network_stop),
        cmocka_unit_test_teardown(test_store_takes_nothing, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
