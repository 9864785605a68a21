/* Opens of one container that freeze each other: the charter keeps one of them, and the others
 * go once those who witness their holders have sealed them. */
#include "custody_case.h"

/* Two opens whose openers are at odds could never be ended, or both be released. */
static void the_roots_settle_opens(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    struct p2p_record_id third = open_unaware(3);
    uint64_t size = ledger_world_size(&world, 2);
    const struct p2p_record_id others[] = {other, third};
    custody_world_settle(&world, kept, others, 2);
    struct p2p_custody custody = now(other);
    CHECK(custody.frozen == (P2P_FROZEN_RIVAL | P2P_FROZEN_SETTLED));
    custody_world_recount(&world, 2, other, 1, "held"); /* does not thaw that */
    custody_world_recount(&world, 1, kept, 1, "held");  /* names no seals */
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 1));
    CHECK(custody.frozen == (P2P_FROZEN_RIVAL | P2P_FROZEN_SETTLED));
    const struct seals seals = seal_by(3, 4, 2, size);
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 1); /* no quorum */
    custody_world_recount_by(&world, 1, kept, 2, "held", seals.by, 2); /* another epoch */
    custody_world_recount_by(&world, 4, kept, 1, "held", seals.by,
                             2); /* who does not hold it */
    CHECK(is_now(other, P2P_CUSTODY_HELD, 2, 1));
    struct p2p_record_id second =
        custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2);
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_WITHDRAWN, 2, 1));
    CHECK(p2p_record_id_compare(&custody.step, &second) == 0);
    custody = now(kept); /* of the third, these seal nothing */
    CHECK(custody.frozen == P2P_FROZEN_RIVAL && custody.rival_count == 1);
    check_orders(29);
}

/* Two who find nothing where it is kept could take the container from who has it. */
static void what_is_gone_settles_nothing(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    const struct seals seals = settle_sealed(kept, other);
    custody_world_recount_by(&world, 1, kept, 1, "gone", seals.by, 0);
    struct p2p_custody custody = now(kept);
    CHECK(custody.state == P2P_CUSTODY_GONE); /* whatever is settled */
    CHECK(is_now(other, P2P_CUSTODY_HELD, 2, 1));
    check_orders(30);
}

/* A container that its holder passed on or released before the witnesses heard could be
 * released by who is kept. */
static void what_was_sealed_of_rivals_stands(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    custody_world_offer(&world, 2, other, 2, 3, 0);
    const struct seals seals = settle_sealed(kept, other);
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2);
    CHECK(is_now(other, P2P_CUSTODY_OFFERED, 2, 1));
    struct p2p_custody custody = now(kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    check_orders(31);
}

/* Nor could who released it without knowing better be forgotten. */
static void a_settled_release_counts(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    struct p2p_record_id elsewhere = custody_world_open(&world, 3, "MSCU1000070");
    uint64_t size = ledger_world_size(&world, 2);
    custody_world_settle(&world, kept, &other, 1);
    custody_world_settle(&world, kept, &elsewhere, 1); /* another container's */
    const struct seals seals = seal_by(3, 4, 2, size);
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2);
    struct p2p_custody custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == 0);
    custody = now(elsewhere);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 1) && custody.frozen == P2P_FROZEN_SETTLED);
    custody_world_use(&world, 2, other, 1, 0);
    custody = now(other);
    CHECK(custody.state == P2P_CUSTODY_RELEASED);
    custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_RIVAL);
    check_orders(32);
}

/* What a later generation offered or released could be settled away at the one before it, and
 * the box be released by who is kept, too. */
static void a_later_generation_is_the_one_settled(void **state)
{
    (void)state;
    struct p2p_record_id released = open_box(1);
    struct p2p_record_id offered = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id lost = custody_world_open(&world, 1, "HBMU2699702");
    struct p2p_record_id kept = open_unaware(2);
    struct p2p_record_id kept_offered = custody_world_open_unaware(&world, 2, "MSCU1000070");
    struct p2p_record_id kept_lost = custody_world_open_unaware(&world, 2, "HBMU2699702");
    uint64_t end = ledger_world_size(&world, 1);
    uint32_t next = ledger_world_generation(&world, 1, 20);
    seal_closed(1, end);
    custody_world_recount(&world, next, released, 1, "held");
    custody_world_recount(&world, next, offered, 1, "held");
    custody_world_recount(&world, next, lost, 1, "held");
    custody_world_use(&world, next, released, 1, 0);
    struct p2p_record_id offer = custody_world_offer(&world, next, offered, 2, 4, 0);
    uint64_t size = ledger_world_size(&world, next);
    CHECK(is_now(released, P2P_CUSTODY_RELEASED, next, 1));
    custody_world_settle(&world, kept, &released, 1);
    custody_world_settle(&world, kept_offered, &offered, 1);
    custody_world_settle(&world, kept_lost, &lost, 1);
    const struct seals seals = seal_by(3, 4, next, size);
    custody_world_recount_by(&world, 2, kept, 1, "held", seals.by, 2);
    custody_world_recount_by(&world, 2, kept_offered, 1, "held", seals.by, 2);
    custody_world_recount_by(&world, 2, kept_lost, 1, "held", seals.by, 2);
    CHECK(is_now(released, P2P_CUSTODY_RELEASED, next, 1));
    struct p2p_custody custody = now(kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    CHECK(is_now(offered, P2P_CUSTODY_OFFERED, next, 1));
    accept_offer(4, offered, offer, 2);
    CHECK(is_now(offered, P2P_CUSTODY_HELD, 4, 2));
    custody = now(kept_offered);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    CHECK(is_now(lost, P2P_CUSTODY_WITHDRAWN, next, 1));
    custody = now(kept_lost);
    CHECK(custody.frozen == 0);
    check_orders(33);
}

/* Who took a token over by an entry before, and has not heard of the settling, could release it
 * while who is kept does: nobody sealed its feed. */
static void who_was_named_before_is_sealed_too(void **state)
{
    (void)state;
    ledger_world_witness(&world, 3, 2, 0);
    ledger_world_witness(&world, 3, 4, 0); /* m1 alone witnesses m3 */
    struct p2p_record_id other = open_box(1);
    struct p2p_record_id kept = open_unaware(2);
    const struct seals first = reassign_sealed(other);
    uint64_t heard = ledger_world_size(&world, 3); /* what the rest hear of m3 */
    custody_world_settle(&world, kept, &other, 1);
    /* m2 and m4 are a quorum of m1's witnesses, and not of m3's. */
    const struct seals seals = seal_by(2, 4, 1, first.size);
    struct ledger_node node;
    custody_world_recount_by(&world, 2, kept, 1, "held", seals.by, 2);
    /* m3 has it by the first entry; to m3, that is all there is. */
    custody_world_recount_by(&world, 3, other, 2, "held", first.by, 2);
    custody_world_use(&world, 3, other, 2, 0);
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, world.entry_count);
    ledger_node_take(&node, 1, ledger_world_size(&world, 1));
    ledger_node_take(&node, 2, ledger_world_size(&world, 2));
    ledger_node_take(&node, 3, heard);
    ledger_node_take(&node, 4, ledger_world_size(&world, 4));
    ledger_node_end(&node);
    struct p2p_custody custody = custody_of(&node, other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1)); /* m2 may not take it for withdrawn */
    custody = custody_of(&node, kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    ledger_node_deinit(&node);
    CHECK(is_now(other, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(34);
}

/* A release that stands behind what somebody cannot judge yet is one: where he took the token
 * for withdrawn, the other one was released as well. */
static void nothing_stands_before_a_release(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    const struct seals seals = settle_sealed(kept, other);
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2);
    uint64_t before = world.entry_count;
    ledger_world_grant(&world, 14, 2, "custody", "*");
    custody_world_act(
        &world, 2,
        &(struct custody_act){
            .kind = P2P_KIND_CUSTODY_OFFER, .token = other, .epoch = 2, .to = 4, .issuer = 14});
    struct p2p_record_id use = custody_world_use(&world, 2, other, 1, 0);
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_begin(&node);
    ledger_node_charter(&node, before);
    for (uint32_t feed = 1; feed <= LEDGER_WORLD_MEMBERS; feed++) {
        ledger_node_take(&node, feed, ledger_world_size(&world, feed));
    }
    ledger_node_end(&node);
    struct p2p_custody custody = custody_of(&node, other);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 2, 1));
    CHECK(p2p_record_id_compare(&custody.step, &use) == 0);
    custody = custody_of(&node, kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    ledger_node_deinit(&node);
    CHECK(is_now(other, P2P_CUSTODY_RELEASED, 2, 1));
    check_orders(35);
}

/* Two could look at the yard, and write it down, for nothing: what they seal is closed already,
 * and where it ends, from where on the other open stands in the next generation, nobody knows
 * yet. */
static void no_look_before_a_closed_generation_has_its_end(void **state)
{
    (void)state;
    struct p2p_record_id lost = open_box(1);
    struct p2p_record_id kept = open_unaware(2);
    struct p2p_record_id given = custody_world_open(&world, 1, "MSCU1000070");
    uint64_t end = ledger_world_size(&world, 1);
    uint32_t next = ledger_world_generation(&world, 1, 20);
    custody_world_settle(&world, kept, &lost, 1);
    custody_world_reassign(&world, given, 2, 3);
    struct ledger_node node;
    struct p2p_sealing sealing;
    struct p2p_reassign row;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    struct p2p_custody custody = custody_of(&node, kept);
    CHECK_OK(p2p_custody_gather_settled(&node.ledger, &custody, NULL, &sealing));
    CHECK(!sealing.sealed && sealing.unended == 1 && sealing.seal_count == 0);
    custody = custody_of(&node, given);
    CHECK(p2p_charter_reassigns(world.charter, &given, &row, 1) == 1);
    CHECK_OK(p2p_custody_gather(&node.ledger, &custody, &row, NULL, &sealing));
    CHECK(!sealing.sealed && sealing.unended == 1);
    ledger_node_end(&node);
    seal_closed(1, end);
    seal_by(2, 3, next, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    custody = custody_of(&node, kept);
    CHECK_OK(p2p_custody_gather_settled(&node.ledger, &custody, NULL, &sealing));
    CHECK(sealing.sealed && sealing.unended == 0 && sealing.seal_count == 2);
    custody = custody_of(&node, given);
    CHECK_OK(p2p_custody_gather(&node.ledger, &custody, &row, NULL, &sealing));
    CHECK(sealing.sealed && sealing.unended == 0);
    ledger_node_end(&node);
    ledger_node_deinit(&node);
}

/* An entry that lets go what an earlier one kept, for a token of another container, leaves no
 * open that anybody may release on; the container could never leave. */
static void where_entries_leave_none_it_is_opened_anew(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    struct p2p_record_id mistaken = custody_world_open(&world, 3, "MSCU1000070");
    const struct seals seals = settle_sealed(kept, other);
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2);
    CHECK(is_now(other, P2P_CUSTODY_WITHDRAWN, 2, 1));
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_settle(&world, mistaken, &kept, 1);
    const struct seals sealed = seal_by(3, 4, 1, size);
    custody_world_recount_by(&world, 3, mistaken, 1, "held", sealed.by, 2);
    custody_world_recount(&world, 1, kept, 1, "held"); /* nothing thaws it */
    struct p2p_custody custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_SETTLED);
    struct p2p_record_id early = open_box(1); /* not while one of them is held */
    custody = now(early);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT);
    const struct p2p_record_id all[] = {kept, early};
    custody_world_gate_in(&world, 1, CUSTODY_BOX, all, 2);
    custody = now(kept);
    CHECK(custody.state == P2P_CUSTODY_CLOSED);
    struct p2p_record_id anew = open_box(1);
    custody = now(anew);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == 0);
    custody_world_use(&world, 1, anew, 1, 0);
    CHECK(is_now(anew, P2P_CUSTODY_RELEASED, 1, 1));
    custody = now(mistaken);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 1) && custody.frozen == 0);
    check_orders(39);
}

/* One officer could hide what the others found of a yard behind recounts of his own. */
static void junk_recounts_settle_nothing_and_hide_nobody(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = open_unaware(2);
    const struct seals seals = settle_sealed(kept, other);
    for (unsigned i = 0; i < P2P_CUSTODY_RECOUNTS_MAX; i++) {
        custody_world_recount(&world, 1, kept, 1, "held");
    }
    custody_world_recount_by(&world, 1, kept, 1, "held", seals.by, 2); /* by the same two */
    CHECK(is_now(other, P2P_CUSTODY_HELD, 2, 1));
    struct custody_act act = {.kind = P2P_KIND_RECOUNT,
                              .token = kept,
                              .epoch = 1,
                              .found = "held",
                              .issuer = YARD_OF(1)};
    struct p2p_record_id first = custody_world_act(&world, 1, &act);
    act.issuer = CUSTODY_OF(1);
    act.about = &first;
    act.seals = seals.by;
    act.seal_count = 2;
    custody_world_act(&world, 1, &act);
    CHECK(is_now(other, P2P_CUSTODY_WITHDRAWN, 2, 1));
    check_orders(36);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(the_roots_settle_opens),
        CUSTODY_CASE(what_is_gone_settles_nothing),
        CUSTODY_CASE(what_was_sealed_of_rivals_stands),
        CUSTODY_CASE(a_settled_release_counts),
        CUSTODY_CASE(a_later_generation_is_the_one_settled),
        CUSTODY_CASE(who_was_named_before_is_sealed_too),
        CUSTODY_CASE(nothing_stands_before_a_release),
        CUSTODY_CASE(where_entries_leave_none_it_is_opened_anew),
        CUSTODY_CASE(no_look_before_a_closed_generation_has_its_end),
        CUSTODY_CASE(junk_recounts_settle_nothing_and_hide_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
