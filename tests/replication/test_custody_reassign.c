/* A holder that is lost: the charter names another, who takes the token over when a quorum of
 * the old one's witnesses has sealed its feed, and nothing that stood there is undone. */
#include "custody_case.h"

/* A lost holder could never be replaced, or be replaced while it may release. */
static void a_lost_holder_is_replaced(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    custody_world_recount(&world, 1, token, 1, "held"); /* does not thaw that */
    custody_world_recount(&world, 3, token, 2, "held"); /* names no seals */
    const struct seals seals = seal_by(2, 4, 1, size);
    custody_world_recount_by(&world, 3, token, 2, "held", seals.by, 1); /* no quorum */
    custody_world_recount_by(&world, 4, token, 2, "held", seals.by, 2); /* another member */
    custody_world_recount_by(&world, 3, token, 1, "held", seals.by, 2); /* another epoch */
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    struct p2p_record_id second =
        custody_world_recount_by(&world, 3, token, 2, "held", seals.by, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    CHECK(p2p_record_id_compare(&custody.step, &second) == 0 && custody.rests_feed == 0);
    CHECK(custody.tenure_count == 2 && custody.tenures[0].to == size);
    custody_world_use(&world, 3, token, 2, 0);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(16);
}

/* A step that the witnesses cosigned could be undone, and who was passed over could resume. */
static void what_was_sealed_stands(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size - 1),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, token, 2, "held", seals, 2);
    CHECK(is_now(token, P2P_CUSTODY_OFFERED, 1, 1));
    custody_world_answer(&world, 2, P2P_KIND_CUSTODY_REFUSE, token, offer, 2);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 3) && custody.frozen == P2P_FROZEN_REASSIGNED);
    /* Until a later entry names it: one for the epoch it has now. */
    size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 4, 1);
    const struct seals again = seal_by(2, 3, 1, size);
    custody_world_recount_by(&world, 1, token, 4, "held", again.by, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 4) && custody.frozen == 0);
    check_orders(17);
}

/* A release by who was cut off could be forgotten, or a box that is gone be released again. */
static void what_the_lost_holder_did_counts(void **state)
{
    (void)state;
    struct p2p_record_id released = open_box(1);
    struct p2p_record_id gone = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id accepted = custody_world_open(&world, 1, "HBMU2699702");
    struct p2p_record_id offer = custody_world_offer(&world, 1, accepted, 2, 2, 0);
    accept_offer(2, accepted, offer, 2);
    const struct seals seals = reassign_sealed(released);
    custody_world_recount_by(&world, 3, released, 2, "held", seals.by, 2);
    custody_world_use(&world, 1, released, 1, 0); /* nobody cosigns that */
    struct p2p_custody custody = now(released);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_REASSIGNED);
    custody_world_reassign(&world, gone, 2, 3);
    const struct seals later = seal_by(3, 4, 1, seals.size);
    custody_world_recount_by(&world, 3, gone, 2, "gone", later.by, 2);
    custody = now(gone);
    CHECK(custody.state == P2P_CUSTODY_GONE);
    custody_world_reassign(&world, accepted, 2, 3); /* too late: m2 has it */
    custody = now(accepted);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    check_orders(18);
}

/* Two who were named one after the other could both hold it. */
static void of_two_who_are_named_one_holds(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    const struct seals first = reassign_sealed(token);
    custody_world_reassign(&world, token, 2, 4);
    const struct seals second = seal_by(2, 3, 1, first.size);
    /* That is a quorum of m1's witnesses, and of m3's one of three. */
    custody_world_recount_by(&world, 4, token, 2, "held", second.by, 2);
    custody_world_recount_by(&world, 3, token, 2, "held", first.by, 2);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 3, 2));
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, other, 2, 3);
    custody_world_reassign(&world, other, 2, 4);
    const struct seals both = seal_by(2, 4, 1, size);
    custody_world_recount_by(&world, 4, other, 2, "held", both.by, 2);
    struct p2p_custody custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 4, 2) && custody.frozen == 0);
    /* Who was passed over released it before it knew: that is final, too. */
    custody_world_recount_by(&world, 3, other, 2, "held", both.by, 2);
    custody_world_use(&world, 3, other, 2, 0);
    custody = now(other);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_REASSIGNED);
    check_orders(19);
}

/* What a later generation offered or released could be taken over at the one before it, and the
 * box be released by two. */
static void a_later_generation_is_the_one_replaced(void **state)
{
    (void)state;
    struct p2p_record_id released = open_box(1);
    struct p2p_record_id offered = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id lost = custody_world_open(&world, 1, "HBMU2699702");
    uint64_t end = ledger_world_size(&world, 1);
    uint32_t next = ledger_world_generation(&world, 1, 20);
    seal_closed(1, end);
    custody_world_recount(&world, next, released, 1, "held");
    custody_world_recount(&world, next, offered, 1, "held");
    custody_world_recount(&world, next, lost, 1, "held");
    struct p2p_record_id offer = custody_world_offer(&world, next, offered, 2, 4, 0);
    uint64_t size = ledger_world_size(&world, next);
    custody_world_reassign(&world, released, 2, 3);
    custody_world_reassign(&world, offered, 2, 3);
    custody_world_reassign(&world, lost, 2, 3);
    const struct seals seals = seal_by(2, 3, next, size);
    custody_world_recount_by(&world, 3, released, 2, "held", seals.by, 2);
    custody_world_recount_by(&world, 3, offered, 2, "held", seals.by, 2);
    custody_world_recount_by(&world, 3, lost, 2, "held", seals.by, 2);
    custody_world_use(&world, next, released, 1, 0); /* by who was cut off */
    CHECK(is_now(released, P2P_CUSTODY_RELEASED, next, 1));
    CHECK(is_now(offered, P2P_CUSTODY_OFFERED, next, 1));
    accept_offer(4, offered, offer, 2);
    CHECK(is_now(offered, P2P_CUSTODY_HELD, 4, 2));
    struct p2p_custody custody = now(lost);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    check_orders(22);
}

/* Who was named, released it and lost its store could see another named, who releases it again.
 */
static void a_later_generation_forgets_no_release(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    const struct seals first = reassign_sealed(token);
    custody_world_recount_by(&world, 3, token, 2, "held", first.by, 2);
    custody_world_use(&world, 3, token, 2, 0);
    uint64_t end = ledger_world_size(&world, 3);
    ledger_world_generation(&world, 3, 20);
    seal_by(2, 4, 3, end);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    custody_world_reassign(&world, token, 2, 4);
    const struct seals second = seal_by(2, 4, 1, first.size);
    custody_world_recount_by(&world, 4, token, 2, "held", second.by, 2);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(23);
}

/* What was taken over and released could come back to life: a witness that had said it holds
 * the entry forks its feed below that. */
static void a_witness_that_forks_undoes_no_release(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t before = ledger_world_size(&world, 4);
    const struct seals seals = reassign_sealed(token);
    custody_world_recount_by(&world, 3, token, 2, "held", seals.by, 2);
    custody_world_use(&world, 3, token, 2, 0);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 3, 2));
    custody_world_fork(&world, 2, 4, before);
    struct p2p_custody custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_REASSIGNED);
    check_orders(36);
}

/* One officer of whom the charter names could make every fold look at seals for ever, or hide
 * what the others counted. */
static void junk_recounts_are_bounded_and_hide_nobody(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    const struct seals seals = reassign_sealed(token);
    for (unsigned i = 0; i < P2P_CUSTODY_RECOUNTS_MAX; i++) {
        custody_world_recount_by(&world, 3, token, 2, "held", seals.by, 1);
    }
    custody_world_recount_by(&world, 3, token, 2, "held", seals.by, 2); /* one more of his */
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    struct custody_act act = {.kind = P2P_KIND_RECOUNT,
                              .token = token,
                              .epoch = 2,
                              .found = "held",
                              .issuer = YARD_OF(3)};
    struct p2p_record_id first = custody_world_act(&world, 3, &act);
    act.issuer = CUSTODY_OF(3);
    act.about = &first;
    act.seals = seals.by;
    act.seal_count = 2;
    custody_world_act(&world, 3, &act);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    check_orders(37);
}

/* What a forked feed lost would be told as one that waits for ever, by who had held it alone.
 */
static void an_open_that_goes_waits_no_more(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_tree_head head = {.size = token.index,
                                 .root = ledger_world_root(&world, 1, token.index)};
    struct ledger_node node, less;
    custody_world_reassign(&world, token, 2, 3);
    ledger_node_init(&node, &world, 0);
    ledger_node_init(&less, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK_OK(p2p_ledger_cut(&node.ledger, 1, &head));
    ledger_node_end(&node);
    ledger_node_begin(&less);
    ledger_node_charter(&less, world.entry_count);
    for (uint32_t feed = 1; feed <= LEDGER_WORLD_MEMBERS; feed++) {
        ledger_node_take(&less, feed, feed == 1 ? head.size : ledger_world_size(&world, feed));
    }
    ledger_node_end(&less);
    ledger_node_check_same(&node, &less);
    ledger_node_begin(&node);
    ledger_node_take(&node, 1, ledger_world_size(&world, 1));
    ledger_node_end(&node);
    ledger_node_deinit(&less);
    ledger_node_init(&less, &world, 0);
    ledger_node_take_all(&less);
    ledger_node_check_same(&node, &less);
    ledger_node_deinit(&less);
    ledger_node_deinit(&node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(a_lost_holder_is_replaced),
        CUSTODY_CASE(what_was_sealed_stands),
        CUSTODY_CASE(what_the_lost_holder_did_counts),
        CUSTODY_CASE(of_two_who_are_named_one_holds),
        CUSTODY_CASE(a_later_generation_is_the_one_replaced),
        CUSTODY_CASE(a_later_generation_forgets_no_release),
        CUSTODY_CASE(a_witness_that_forks_undoes_no_release),
        CUSTODY_CASE(junk_recounts_are_bounded_and_hide_nobody),
        CUSTODY_CASE(an_open_that_goes_waits_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
