/* What a witness cosigns no more of a feed whose token the charter moved: only steps by which
 * somebody else could come to hold it, and only behind what the witness had said. */
#include "custody_case.h"

/* From which record of m1's feed on a member bars it, as a ledger has it that holds all. */
static struct p2p_barred barred(uint32_t witness)
{
    struct ledger_node node;
    struct p2p_barred found;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK_OK(p2p_custody_barred(&node.ledger, witness, 1, &found));
    ledger_node_end(&node);
    ledger_node_deinit(&node);
    return found;
}

static struct p2p_record_id withdraw(uint32_t feed, struct p2p_record_id token)
{
    return custody_world_act(
        &world, feed,
        &(struct custody_act){
            .kind = P2P_KIND_CUSTODY_WITHDRAW, .token = token, .epoch = 1, .no_seen = true});
}

/* An offer that nobody knew of when the holder was replaced could be accepted. */
static void an_offer_behind_what_was_said_bars(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id early = custody_world_open(&world, 1, "MSCU1000070");
    custody_world_offer(&world, 1, early, 2, 2, 0);
    custody_world_reassign(&world, token, 2, 3);
    custody_world_reassign(&world, early, 2, 3);
    custody_world_seal(&world, 2, 1, ledger_world_size(&world, 1));
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    custody_world_seal(&world, 3, 1, ledger_world_size(&world, 1));
    custody_world_offer(&world, 1, token, 2, 4, 0);
    struct p2p_barred found = barred(2);
    CHECK(found.from == offer.index && !found.is_settled);
    CHECK(p2p_record_id_compare(&found.token, &token) == 0);
    CHECK(found.entry == world.entry_count - 2);
    found = barred(3); /* who knew of the first offer */
    CHECK(found.from > offer.index && found.from != UINT64_MAX);
    found = barred(4); /* who has said nothing yet */
    CHECK(found.from == UINT64_MAX);
    found = barred(0);
    CHECK(found.from == UINT64_MAX);
    /* Two of three bar it, the one from the first offer on: no quorum is left. */
    struct ledger_node node;
    struct p2p_bars bars;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK_OK(p2p_custody_bars(&node.ledger, 1, &bars));
    CHECK(bars.first.from == offer.index && bars.barred == 2 && bars.witnesses == 3);
    CHECK(bars.is_lost);
    CHECK_OK(p2p_custody_bars(&node.ledger, 2, &bars));
    CHECK(bars.first.from == UINT64_MAX && bars.barred == 0 && !bars.is_lost);
    ledger_node_end(&node);
    ledger_node_deinit(&node);
}

/* A port that releases while it is cut off, as its lease allows, was locked out of
 * cosignatures for ever. */
static void a_release_bars_nothing(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id kept = custody_world_open_unaware(&world, 2, "MSCU1000070");
    custody_world_reassign(&world, token, 2, 3);
    custody_world_settle(&world, kept, &other, 1);
    custody_world_seal(&world, 2, 1, ledger_world_size(&world, 1));
    custody_world_use(&world, 1, token, 1, 0);
    custody_world_use(&world, 1, other, 1, 0);
    struct p2p_barred found = barred(2);
    CHECK(found.from == UINT64_MAX);
}

/* Who withdraws a token that another has by now could free the other open of its container; of
 * one that goes anyway that is what is wanted. */
static void a_withdrawal_bars_a_reassigned_token(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id kept = custody_world_open_unaware(&world, 2, "MSCU1000070");
    custody_world_reassign(&world, token, 2, 3);
    custody_world_settle(&world, kept, &other, 1);
    custody_world_seal(&world, 2, 1, ledger_world_size(&world, 1));
    withdraw(1, other);
    struct p2p_record_id barring = withdraw(1, token);
    struct p2p_barred found = barred(2);
    CHECK(found.from == barring.index && !found.is_settled);
}

/* Who goes could pass the container on when another open of it is kept. */
static void an_offer_of_what_goes_bars(void **state)
{
    (void)state;
    struct p2p_record_id other = open_box(1);
    struct p2p_record_id kept = open_unaware(2);
    custody_world_settle(&world, kept, &other, 1);
    custody_world_seal(&world, 2, 1, ledger_world_size(&world, 1));
    struct p2p_record_id offer = custody_world_offer(&world, 1, other, 9, 3, 0);
    struct p2p_barred found = barred(2);
    CHECK(found.from == offer.index && found.is_settled);
}

/* Who was named before, and took it over too late, could pass it on. */
static void who_was_named_before_is_barred(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(2);
    custody_world_reassign(&world, token, 2, 1);
    custody_world_reassign(&world, token, 2, 4);
    custody_world_seal(&world, 3, 1, ledger_world_size(&world, 1));
    custody_world_use(&world, 1, token, 2, 0);
    struct p2p_barred found = barred(3);
    CHECK(found.from == UINT64_MAX);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_recount(&world, 1, token, 2, "held");
    found = barred(3);
    CHECK(found.from >= size && found.from != UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(an_offer_behind_what_was_said_bars),
        CUSTODY_CASE(a_release_bars_nothing),
        CUSTODY_CASE(a_withdrawal_bars_a_reassigned_token),
        CUSTODY_CASE(an_offer_of_what_goes_bars),
        CUSTODY_CASE(who_was_named_before_is_barred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
