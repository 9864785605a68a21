/* Who rules what is asked of a right, and rulings about what comes late or changes between two
 * folds of one batch. */
#include "right_case.h"

#include <p2p/forked.h>

/* ---- who rules ---- */

/* Without this, a node that does not hold the token would rule, or one that holds it no more.
 */
static void test_rulers(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    right_world_rule(&f.world, 3, &accept, 1, 1, 0);
    right_world_rule(&f.world, 1, &accept, 1, 2, 0); /* another epoch */
    check_state(&f, "PENDING");
    CHECK(now(&f).unruled_count == 1);
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 4, 0);
    rule(&f, accept); /* while it is offered */
    check_state(&f, "PENDING");
    custody_world_answer(&f.world, 4, P2P_KIND_CUSTODY_ACCEPT, f.token, offer, 2);
    CHECK(now(&f).custodian == 4);
    rule(&f, accept);
    right_world_rule(&f.world, 4, &accept, 1, 2, 0); /* rests on nothing */
    check_state(&f, "PENDING");
    right_world_rule(&f.world, 4, &accept, 1, 2, 4);
    check_state(&f, "ACTIVE");
    struct p2p_record_id back = ask(&f, 2, P2P_KIND_RIGHT_RETURN);
    rule(&f, back);
    check_state(&f, "ACTIVE");
    right_world_rule(&f.world, 4, &back, 1, 2, 4);
    check_state(&f, "RETURNED");
    end(&f);
}

/* Without this, a fork would take back the refusal by which who rules holds the token again. */
static void test_rulings_are_rested_on(void **state)
{
    struct right_case f;
    struct p2p_forked forked;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    struct p2p_record_id offer = custody_world_offer(&f.world, 1, f.token, 2, 4, 0);
    ledger_world_note(&f.world, 4);
    uint64_t before = ledger_world_size(&f.world, 4);
    custody_world_answer(&f.world, 4, P2P_KIND_CUSTODY_REFUSE, f.token, offer, 2);
    uint64_t size = ledger_world_size(&f.world, 4);
    ledger_history_tell(&f.world, 3, 4, before);
    now(&f);
    struct p2p_custody custody = custody_of(&f.node, f.token);
    CHECK(custody.state == P2P_CUSTODY_OFFERED);
    right_world_rule(&f.world, 1, &accept, 1, 3, 4);
    check_state(&f, "ACTIVE");
    custody = custody_of(&f.node, f.token);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 1 && custody.epoch == 3);
    ledger_node_begin(&f.node);
    CHECK_OK(p2p_forked_get(&f.node.ledger, f.node.kv, 4, &forked));
    ledger_node_end(&f.node);
    CHECK(forked.size == size && forked.by.feed == 1);
    end(&f);
}

/* Without this, one request would act twice, or in the order of its arrival. */
static void test_order_of_rulings(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    struct p2p_record_id requests[3];
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    requests[0] = pass(&f, 2, PARTY_OF(3));
    requests[1] = ask(&f, 2, P2P_KIND_RIGHT_RETURN);
    CHECK(now(&f).unruled_count == 2);
    struct p2p_record_id reversed[2] = {requests[1], requests[0]};
    right_world_rule(&f.world, 1, reversed, 2, 1, 0); /* the return first: the pass is void */
    check_state(&f, "RETURNED");
    rule(&f, pass(&f, 1, PARTY_OF(2)));
    ruled(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    check_state(&f, "ACTIVE");
    rule(&f, requests[0]); /* taken once: nothing */
    rule(&f, requests[1]);
    check_state(&f, "ACTIVE");
    end(&f);
}

/* ---- what comes late ---- */

/* Without this, a right that came before its token would know nothing of it until something
 * else came. */
static void test_open_comes_late(void **state)
{
    struct right_case f;
    (void)state;
    ledger_world_init(&f.world);
    custody_world_init(&f.world);
    f.token = custody_world_open(&f.world, 1, CUSTODY_BOX);
    ledger_world_note(&f.world, 1); /* so that what m2 saw is not all here with the open */
    f.right = right_world_issue(&f.world, 2, f.token, PARTY_OF(3));
    ledger_node_init(&f.node, &f.world, 0);
    take(&f, 2, ledger_world_size(&f.world, 2));
    CHECK(right_of(&f.node, f.right).custodian == 0);
    take(&f, 1, f.token.index + 1);
    CHECK(right_of(&f.node, f.right).custodian == 1);
    end(&f);
}

/* Without this, a block that cites what no block may cite would hold until something else came.
 */
static void test_bad_citation_comes_late(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    struct p2p_record_id note = ledger_world_note(&f.world, 3);
    ledger_world_note(&f.world, 3);
    right_world_act(
        &f.world, 2,
        &(struct right_act){.kind = P2P_KIND_RIGHT_BLOCK, .right = f.right, .about = &note});
    take(&f, 1, ledger_world_size(&f.world, 1));
    take(&f, 2, ledger_world_size(&f.world, 2));
    CHECK(right_of(&f.node, f.right).block_count == 1); /* perhaps it may */
    take(&f, 3, note.index + 1);
    CHECK(right_of(&f.node, f.right).block_count == 0);
    end(&f);
}

/* ---- what changes between two folds of one batch ---- */

/* m2 accepts, and asks for something else; m1 rules both at once. */
static struct p2p_record_id rule_two(struct right_case *f, struct p2p_record_id *accept,
                                     struct p2p_record_id *other)
{
    *accept = ask(f, 2, P2P_KIND_RIGHT_ACCEPT);
    *other = assign(f, 2);
    ledger_world_seen(&f->world, 1); /* of no more than that */
    const struct p2p_record_id requests[] = {*accept, *other};
    return right_world_rule(&f->world, 1, requests, 2, 1, 0);
}

/* Takes what is written of m1 and m2 in a batch that stays open, and folds it. */
static void take_ruled(struct right_case *f)
{
    ledger_node_begin(&f->node);
    ledger_node_charter(&f->node, f->world.entry_count);
    ledger_node_take(&f->node, 1, ledger_world_size(&f->world, 1));
    ledger_node_take(&f->node, 2, ledger_world_size(&f->world, 2));
    CHECK_OK(p2p_ledger_fold(&f->node.ledger));
}

static enum p2p_right_state below(struct right_case *f)
{
    CHECK_OK(p2p_ledger_fold(&f->node.ledger));
    return right_of(&f->node, f->right).below;
}

/* Without this, a ruling that was found to be good once would stay so for the whole batch, when
 * what its author said to know turns out to be false. */
static void test_ruling_of_what_is_not_known(void **state)
{
    (void)state;
    for (unsigned apart = 0; apart < 2; apart++) {
        struct right_case f;
        struct p2p_record_id accept;
        struct p2p_record_id other;
        begin(&f);
        rule_two(&f, &accept, &other);
        take_ruled(&f);
        CHECK(below(&f) == P2P_RIGHT_ACTIVE);
        if (apart == 1) {
            ledger_node_end(&f.node);
            ledger_node_begin(&f.node);
        }
        custody_world_fork(&f.world, 4, 2, other.index); /* accept stands, the other not */
        ledger_node_take(&f.node, 4, ledger_world_size(&f.world, 4));
        CHECK(below(&f) == P2P_RIGHT_PENDING);
        ledger_node_end(&f.node);
        CHECK(right_of(&f.node, f.right).below == P2P_RIGHT_PENDING);
        end(&f);
    }
}

/* Without this, the same when what it cites comes and is nothing that may be ruled. */
static void test_ruling_of_what_comes_late(void **state)
{
    struct right_case f;
    (void)state;
    begin(&f);
    struct p2p_record_id accept = ask(&f, 2, P2P_KIND_RIGHT_ACCEPT);
    const struct p2p_record_id requests[] = {accept, ledger_world_note(&f.world, 3)};
    ledger_world_seen(&f.world, 1);
    right_world_rule(&f.world, 1, requests, 2, 1, 0);
    take_ruled(&f);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE); /* perhaps it is a request */
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    ledger_node_take(&f.node, 3, ledger_world_size(&f.world, 3));
    CHECK(below(&f) == P2P_RIGHT_PENDING);
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, a cut point that comes between two collects would hold for the later ones only
 * when they are in another batch. */
static void test_cut_between_folds(void **state)
{
    struct right_case f;
    struct p2p_record_id accept;
    struct p2p_record_id other;
    (void)state;
    begin(&f);
    rule_two(&f, &accept, &other);
    uint64_t before = f.world.entry_count;
    ledger_world_cut(&f.world, PARTY_OF(2), 2, other.index, NULL, 0);
    ledger_node_begin(&f.node);
    ledger_node_charter(&f.node, before);
    ledger_node_take(&f.node, 1, ledger_world_size(&f.world, 1));
    ledger_node_take(&f.node, 2, ledger_world_size(&f.world, 2));
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    CHECK(same(right_of(&f.node, f.right).assigned_by, other));
    ledger_node_charter(&f.node, f.world.entry_count);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    CHECK(right_of(&f.node, f.right).assigned_by.feed == 0); /* nobody may collect */
    ledger_node_end(&f.node);
    end(&f);
}

/* Without this, who held the token in a generation that is closed would go on ruling until the
 * batch ends. */
static void test_closed_between_folds(void **state)
{
    struct right_case f;
    struct p2p_record_id accept;
    struct p2p_record_id other;
    (void)state;
    begin(&f);
    struct p2p_record_id ruling = rule_two(&f, &accept, &other);
    take_ruled(&f);
    CHECK(below(&f) == P2P_RIGHT_ACTIVE);
    ledger_world_generation(&f.world, 1, 20);
    for (uint32_t member = 2; member <= 4; member++) {
        custody_world_seal(&f.world, member, 1, ruling.index);
    }
    ledger_node_charter(&f.node, f.world.entry_count);
    for (uint32_t feed = 2; feed <= 4; feed++) {
        ledger_node_take(&f.node, feed, ledger_world_size(&f.world, feed));
    }
    CHECK(below(&f) == P2P_RIGHT_PENDING);
    ledger_node_end(&f.node);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rulers),
        cmocka_unit_test(test_rulings_are_rested_on),
        cmocka_unit_test(test_order_of_rulings),
        cmocka_unit_test(test_open_comes_late),
        cmocka_unit_test(test_bad_citation_comes_late),
        cmocka_unit_test(test_ruling_of_what_is_not_known),
        cmocka_unit_test(test_ruling_of_what_comes_late),
        cmocka_unit_test(test_cut_between_folds),
        cmocka_unit_test(test_closed_between_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
