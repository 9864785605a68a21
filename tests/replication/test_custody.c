/* Custody: at any epoch one feed holds a token, what it writes first decides, and nothing that
 * stands is ever taken back. */
#include "custody_case.h"
#include "custody_history.h"

#include <p2p/forked.h>

/* ---- one holder ---- */

/* A container could not be released by who discharged it, or by anybody else at all. */
static void the_opener_releases(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_custody held = now(token);
    CHECK(is(&held, P2P_CUSTODY_HELD, 1, 1) && held.frozen == 0 && held.rests_feed == 0);
    CHECK(held.opened_by == CUSTODY_OF(1) && held.tenure_count == 1);
    CHECK(p2p_custody_held_by(&held, 1, token.index + 1, 1));
    CHECK(!p2p_custody_held_by(&held, 1, token.index, 1));
    CHECK(!p2p_custody_held_by(&held, 1, token.index + 1, 2));
    CHECK(!p2p_custody_held_by(&held, 2, token.index + 1, 1));
    custody_world_use(&world, 2, token, 1, 0); /* who does not hold it */
    custody_world_use(&world, 1, token, 2, 0); /* another epoch */
    held = now(token);
    CHECK(is(&held, P2P_CUSTODY_HELD, 1, 1));
    struct p2p_record_id use = custody_world_use(&world, 1, token, 1, 0);
    custody_world_offer(&world, 1, token, 2, 2, 0); /* too late */
    struct p2p_custody released = now(token);
    CHECK(is(&released, P2P_CUSTODY_RELEASED, 1, 1));
    CHECK(p2p_record_id_compare(&released.step, &use) == 0);
    CHECK(!p2p_custody_held_by(&released, 1, use.index + 1, 1));
    CHECK(p2p_custody_is_over(released.state));
    check_orders(1);
}

/* Of a token without grant, signature or form somebody could release. */
static void an_open_without_effect_is_told(void **state)
{
    (void)state;
    struct p2p_record_id ours = open_box(1);
    struct p2p_record_id bad;
    static const uint8_t nothing[] = {0x80};
    bad = ledger_world_write(&world, 1,
                             (struct p2p_draft){.kind = P2P_KIND_CUSTODY_OPEN,
                                                .circle = CIRCLE_ALL,
                                                .issuer = CUSTODY_OF(1),
                                                .issuer_seq = ++world.next_seq[CUSTODY_OF(1)],
                                                .payload = p2p_slice_of(nothing, 1)},
                             0);
    struct p2p_custody custody = now(bad);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT && custody.why == P2P_WHY_BAD_PAYLOAD);
    CHECK(custody.container.len == 0);
    /* A signature by somebody else. */
    world.keys[CUSTODY_OF(2)] = CUSTODY_OF(3);
    bad = custody_world_open(&world, 2, "MSCU1000070");
    world.keys[CUSTODY_OF(2)] = 0;
    custody = now(bad);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT && custody.why == P2P_WHY_BAD_SIGNATURE);
    custody = now(ours);
    CHECK(custody.state == P2P_CUSTODY_HELD);
    check_orders(2);
}

/* A withdrawn token could be released, or a released one withdrawn. */
static void a_withdrawn_token_is_over(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct custody_act withdraw = {
        .kind = P2P_KIND_CUSTODY_WITHDRAW, .token = token, .epoch = 1};
    custody_world_act(&world, 2, &withdraw); /* not the holder */
    custody_world_act(&world, 1, &withdraw);
    custody_world_use(&world, 1, token, 1, 0);
    CHECK(is_now(token, P2P_CUSTODY_WITHDRAWN, 1, 1));
    check_orders(3);
}

/* ---- passing on ---- */

/* The old holder could release after it offered, the new one before its accept is witnessed. */
static void an_accepted_token_is_anothers(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1) && custody.to == 2);
    custody_world_use(&world, 1, token, 1, 0);
    custody_world_use(&world, 1, token, 2, 0);
    custody_world_use(&world, 2, token, 2, 0);
    accept_offer(3, token, offer, 2); /* not to him */
    CHECK(is_now(token, P2P_CUSTODY_OFFERED, 1, 1));
    struct p2p_record_id accept = accept_offer(2, token, offer, 2);
    custody_world_use(&world, 2, token, 2, 0); /* rests on nothing */
    custody_world_use(&world, 2, token, 2, 1); /* on another feed */
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.to == 0);
    CHECK(custody.rests_feed == 2 && custody.rests_index == accept.index);
    CHECK(custody.tenure_count == 2 && custody.tenures[0].to == offer.index);
    CHECK(p2p_custody_held_by(&custody, 2, accept.index + 1, 2));
    CHECK(!p2p_custody_held_by(&custody, 1, offer.index + 1, 1));
    custody_world_use(&world, 2, token, 2, 2);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 2, 2));
    check_orders(4);
}

/* Who offered could resume on a refusal that nobody witnessed, or at an epoch that was used. */
static void a_refused_token_comes_back(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_record_id refuse =
        custody_world_answer(&world, 2, P2P_KIND_CUSTODY_REFUSE, token, offer, 2);
    accept_offer(2, token, offer, 2); /* too late: the first answer counts */
    custody_world_use(&world, 1, token, 1, 2);
    custody_world_use(&world, 1, token, 3, 1);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 3));
    CHECK(custody.rests_feed == 2 && custody.rests_index == refuse.index);
    /* On to another, who passes it on in turn. */
    struct p2p_record_id again = custody_world_offer(&world, 1, token, 4, 3, 2);
    accept_offer(3, token, again, 4);
    struct p2p_record_id on = custody_world_offer(&world, 3, token, 5, 2, 3);
    accept_offer(2, token, on, 5);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 5) && custody.tenure_count == 4);
    custody_world_use(&world, 2, token, 5, 2);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 2, 5));
    check_orders(5);
}

/* An answer to an offer that no quorum cosigned could stand, and the offer vanish with the disk
 * that holds it. */
static void an_answer_carries_the_offers_checkpoint(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct custody_act answer = {.kind = P2P_KIND_CUSTODY_ACCEPT,
                                 .token = token,
                                 .about = &offer,
                                 .epoch = 2,
                                 .rests = {1},
                                 .witnesses = 1u << 2};
    custody_world_act(&world, 2, &answer); /* two of three are needed */
    answer.rests[0] = 3;
    answer.witnesses = 0;
    custody_world_act(&world, 2, &answer); /* another feed's */
    answer.kind = P2P_KIND_CUSTODY_REFUSE;
    custody_world_act(&world, 2, &answer);
    CHECK(is_now(token, P2P_CUSTODY_OFFERED, 1, 1));
    answer.rests[0] = 1;
    answer.witnesses = 1u << 2 | 1u << 4;
    custody_world_act(&world, 2, &answer);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 1, 3));
    check_orders(6);
}

/* Of two offers for one epoch, both could be accepted. */
static void the_first_offer_counts(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    custody_world_offer(&world, 1, token, 2, 1, 0); /* to itself: none */
    custody_world_offer(&world, 1, token, 3, 4, 0); /* no such epoch */
    struct p2p_record_id first = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_record_id second = custody_world_offer(&world, 1, token, 2, 3, 0);
    accept_offer(3, token, second, 2);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1) && custody.to == 2);
    accept_offer(2, token, first, 2);
    CHECK(is_now(token, P2P_CUSTODY_HELD, 2, 2));
    check_orders(7);
}

/* A token that is passed on for ever would cost every fold more. */
static void a_token_that_passes_on_too_often_is_frozen(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t epoch = 1;
    uint32_t holder = 1;
    for (unsigned i = 0; i < P2P_CUSTODY_TENURES_MAX; i++, epoch++, holder = 3 - holder) {
        struct p2p_record_id offer = custody_world_offer(&world, holder, token, epoch + 1,
                                                         3 - holder, i == 0 ? 0 : holder);
        accept_offer(3 - holder, token, offer, epoch + 1);
    }
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, holder, epoch));
    CHECK(custody.frozen == P2P_FROZEN_TOO_LONG);
    CHECK(custody.tenure_count == P2P_CUSTODY_TENURES_MAX);
    custody_world_act(&world, holder,
                      &(struct custody_act){.kind = P2P_KIND_CUSTODY_WITHDRAW,
                                            .token = token,
                                            .epoch = epoch,
                                            .rests = {holder}});
    custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_WITHDRAWN);
}

/* ---- gates and recounts ---- */

/* A box that came in again could be released on its token of before. */
static void a_gate_in_closes(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id released = custody_world_open(&world, 1, "HBMU2699702");
    custody_world_use(&world, 1, released, 1, 0);
    custody_world_gate_in(&world, 2, "TTTU0000000", &token, 1); /* another box */
    struct p2p_custody custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_HELD);
    const struct p2p_record_id both[] = {token, other};
    custody_world_gate_in(&world, 2, CUSTODY_BOX, both, 2);
    custody_world_gate_in(&world, 2, "HBMU2699702", &released, 1);
    custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_CLOSED);
    custody = now(other);
    CHECK(custody.state == P2P_CUSTODY_HELD);
    custody = now(released);
    CHECK(custody.state == P2P_CUSTODY_RELEASED);
    check_orders(8);
}

/* One issuer alone could say that a box is gone. */
static void two_issuers_recount(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct custody_act act = {
        .kind = P2P_KIND_RECOUNT, .token = token, .epoch = 1, .found = "gone"};
    struct p2p_record_id first = custody_world_act(&world, 1, &act);
    act.about = &first;
    custody_world_act(&world, 1, &act); /* the same issuer */
    act.issuer = YARD_OF(1);
    act.found = "held";
    custody_world_act(&world, 1, &act); /* found otherwise */
    act.found = "gone";
    act.about = NULL;
    custody_world_act(&world, 1, &act); /* cites no first one */
    CHECK(is_now(token, P2P_CUSTODY_HELD, 1, 1));
    act.about = &first;
    custody_world_act(&world, 1, &act);
    struct p2p_custody custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_GONE);
    check_orders(9);
}

/* ---- other opens of the container ---- */

/* A box that is still in somebody's custody could be opened again, and released twice; one that
 * left could never come back. */
static void a_second_visit_needs_the_first_to_be_over(void **state)
{
    (void)state;
    struct p2p_record_id first = open_box(1);
    struct p2p_record_id again = open_box(1);
    struct p2p_record_id elsewhere = open_box(2); /* who knows the first */
    struct p2p_custody custody = now(again);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT && custody.why == P2P_WHY_NONE);
    custody = now(elsewhere);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT);
    custody = now(first);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.frozen == 0);
    /* What comes later does not make them good. */
    custody_world_use(&world, 1, first, 1, 0);
    custody = now(again);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT);
    /* Nobody opens beside them until they are withdrawn. */
    struct p2p_record_id third = open_box(1);
    custody = now(third);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT);
    const struct p2p_record_id stale[] = {again, elsewhere, third};
    custody_world_gate_in(&world, 3, CUSTODY_BOX, stale, 3);
    struct p2p_record_id second = open_box(1);
    custody = now(second);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.frozen == 0);
    check_orders(11);
}

/* A second visit after more than are looked at. */
static void many_visits(void **state)
{
    (void)state;
    struct p2p_record_id token = {0, 0};
    struct p2p_custody custody;
    for (unsigned i = 0; i < P2P_CUSTODY_BEFORE_MAX + 3; i++) {
        uint32_t member = 1 + i % 3;
        token = open_box(member);
        custody = now(token);
        CHECK(is(&custody, P2P_CUSTODY_HELD, member, 1) && custody.frozen == 0);
        custody_world_use(&world, member, token, 1, 0);
    }
    check_orders(12);
}

/* An open could be judged by what came after it. */
static void an_open_is_judged_where_it_stands(void **state)
{
    (void)state;
    struct p2p_record_id first = open_box(1);
    custody_world_use(&world, 1, first, 1, 0);
    uint64_t before_use = ledger_world_size(&world, 1) - 1;
    /* m2 knows the open and not the use. */
    const struct ledger_claim claims[] = {{0, world.entry_count, false, NULL},
                                          {1, before_use, false, NULL}};
    ledger_world_claims(&world, 2, claims, 2);
    struct p2p_record_id early = custody_world_open_unaware(&world, 2, CUSTODY_BOX);
    struct p2p_custody custody = now(early);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT);
    custody = now(first);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == 0);
    check_orders(13);
}

/* Two who discharge one box without knowing of each other could both release it. */
static void concurrent_opens_freeze_each_other(void **state)
{
    (void)state;
    struct p2p_record_id one = open_unaware(1);
    struct p2p_record_id other = open_unaware(2);
    struct p2p_custody custody = now(one);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_RIVAL);
    CHECK(custody.rival_count == 1 && p2p_record_id_compare(&custody.rivals[0], &other) == 0);
    custody = now(other);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL && custody.rival_count == 1);
    /* A frozen one that was released all the same is released; the other stays frozen. */
    struct p2p_record_id offer = custody_world_offer(&world, 2, other, 2, 3, 0);
    accept_offer(3, other, offer, 2);
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == P2P_FROZEN_RIVAL);
    custody_world_act(
        &world, 3,
        &(struct custody_act){
            .kind = P2P_KIND_CUSTODY_WITHDRAW, .token = other, .epoch = 2, .rests = {3}});
    custody = now(one);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.frozen == 0);
    custody = now(other);
    CHECK(custody.state == P2P_CUSTODY_WITHDRAWN && custody.frozen == 0);
    check_orders(14);
}

/* A damaged disk took the payload of an open; until it is fetched again, another open of that
 * container is folded beside it. */
static void an_open_whose_payload_is_gone_stops_nothing(void **state)
{
    (void)state;
    struct ledger_node node;
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_record_id first = open_box(1);
    struct p2p_record_id again = open_box(1);
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    ledger_node_begin(&node);
    CHECK_OK(p2p_kv_del(node.kv, P2P_TABLE_PAYLOAD, p2p_id_key(key, &first)));
    ledger_node_end(&node);
    custody_world_offer(&world, 1, again, 2, 2, 0); /* it is looked at again for that */
    ledger_node_take_all(&node);
    struct p2p_custody custody;
    ledger_node_begin(&node);
    CHECK_OK(p2p_custody_get(node.kv, CIRCLE_ALL, &again, &custody));
    ledger_node_abort(&node);
    ledger_node_deinit(&node);
}

/* A rival's release could let the other be released as well. */
static void a_release_thaws_no_rival(void **state)
{
    (void)state;
    struct p2p_record_id one = open_unaware(1);
    struct p2p_record_id other = open_unaware(2);
    struct p2p_record_id third = open_unaware(3);
    custody_world_use(&world, 2, other, 1, 0);
    struct p2p_custody custody = now(one);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL && custody.rival_count == 2);
    custody = now(other);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_RIVAL);
    custody = now(third);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    check_orders(15);
}

/* ---- generations ---- */

/* Who was restored could release what its lost records had released or passed on. */
static void a_closed_generation_passes_its_tokens_on_frozen(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id offered = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id lost = custody_world_open(&world, 1, "HBMU2699702");
    struct p2p_record_id offer = custody_world_offer(&world, 1, offered, 2, 2, 0);
    uint64_t end = ledger_world_size(&world, 1);
    custody_world_use(&world, 1, lost, 1, 0); /* nobody's checkpoint holds it */
    uint32_t next = ledger_world_generation(&world, 1, 20);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == 0); /* not sealed yet */
    seal_closed(1, end);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 1));
    CHECK(custody.frozen == P2P_FROZEN_GENERATION && custody.tenure_count == 1);
    CHECK(!p2p_custody_held_by(&custody, next, 5, 1));
    custody = now(lost);
    CHECK(custody.state == P2P_CUSTODY_RELEASED); /* for ever, and told to be frozen */
    CHECK(custody.frozen == P2P_FROZEN_GENERATION);
    CHECK(is_now(offered, P2P_CUSTODY_OFFERED, 1, 1));
    /* The refusal gives it to the new generation, the recount thaws. */
    custody_world_answer(&world, 2, P2P_KIND_CUSTODY_REFUSE, offered, offer, 2);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 3) && custody.frozen == P2P_FROZEN_GENERATION);
    custody_world_recount(&world, next, token, 1, "held");
    struct p2p_record_id second = custody_world_recount(&world, next, offered, 3, "held");
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 1) && custody.frozen == 0);
    custody = now(offered);
    CHECK(custody.frozen == 0 && custody.rests_feed == 0);
    CHECK(p2p_custody_held_by(&custody, next, second.index + 1, 3));
    CHECK(!p2p_custody_held_by(&custody, next, second.index, 3));
    custody_world_use(&world, next, offered, 3, 0);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, next, 3) && custody.frozen == 0);
    check_orders(10);
}

/* ---- cut points and forks ---- */

/* A stolen key's revocation could take back what others rest on, and two would hold the box. */
static void a_cut_freezes_and_takes_nothing_back(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id released = custody_world_open(&world, 1, "MSCU1000070");
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    struct p2p_record_id early = custody_world_open(&world, 1, "HBMU2699702");
    custody_world_use(&world, 1, released, 1, 0);
    ledger_world_cut(&world, CUSTODY_OF(1), 1, offer.index, NULL, 0);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1) && custody.frozen == P2P_FROZEN_CUT);
    custody = now(early); /* opened past the cut */
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_CUT);
    custody = now(released); /* by the node, and opened before */
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == 0);
    accept_offer(2, token, offer, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == P2P_FROZEN_CUT);
    custody_world_recount(&world, 2, token, 2, "held");
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    check_orders(20);
}

/* A fork could take back an offer that another accepted, and both would hold the box. */
static void a_fork_takes_back_nothing_that_is_rested_on(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id kept = custody_world_open(&world, 1, "MSCU1000070");
    uint64_t size = ledger_world_size(&world, 1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    custody_world_fork(&world, 3, 1, size);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_FORKED);
    accept_offer(2, token, offer, 2); /* carries that much more was witnessed */
    uint64_t witnessed = ledger_world_size(&world, 1);
    custody_world_offer(&world, 1, kept, 2, 4, 0);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    custody = now(kept); /* what lies beyond is no step */
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_FORKED);
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(p2p_ledger_feed(&node.ledger, 1)->ends_at == witnessed);
    struct p2p_forked forked;
    struct p2p_tree_head head;
    ledger_node_begin(&node);
    CHECK_OK(p2p_forked_get(&node.ledger, node.kv, 1, &forked));
    CHECK_OK(p2p_forked_head(&node.ledger, 1, &forked, &head));
    CHECK(head.size == witnessed && forked.by.feed == 2);
    ledger_node_end(&node);
    ledger_node_deinit(&node);
    /* The next generation recounts it. */
    uint32_t next = ledger_world_generation(&world, 1, 20);
    for (uint32_t member = 2; member <= 3; member++) {
        custody_world_seal(&world, member, 1, witnessed);
    }
    custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 1));
    CHECK(custody.frozen == (P2P_FROZEN_FORKED | P2P_FROZEN_GENERATION));
    custody_world_recount(&world, next, kept, 1, "held");
    custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 1) && custody.frozen == 0);
    check_orders(21);
}

/* Who accepts could put a note beside the one it rests on that hides that one when the other's
 * feed forks: the offer would be gone, and what followed from it undone, a release as well. */
static void what_is_rested_on_is_found_beside_junk(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    uint64_t witnessed = ledger_world_size(&world, 1);
    custody_world_act(&world, 2,
                      &(struct custody_act){.kind = P2P_KIND_CUSTODY_ACCEPT,
                                            .token = token,
                                            .about = &offer,
                                            .epoch = 2,
                                            .rests = {1, 1},
                                            .bare_second = true});
    custody_world_use(&world, 2, token, 2, 2);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 2, 2));
    custody_world_fork(&world, 3, 1, size);
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 2, 2));
    struct ledger_node node;
    ledger_node_init(&node, &world, 0);
    ledger_node_take_all(&node);
    CHECK(p2p_ledger_feed(&node.ledger, 1)->ends_at == witnessed);
    ledger_node_deinit(&node);
    check_orders(22);
}

/* ---- any order ---- */

/* Two nodes that hold the same records could let two release. */
static void any_order_gives_the_same(void **state)
{
    struct custody_met met = {.passed = 0};
    (void)state;
    for (uint64_t seed = 1; seed <= 24; seed++) {
        struct rng rng = {seed};
        print_message("seed %llu\n", (unsigned long long)seed);
        custody_history_write(&world, &rng, 60 + (unsigned)rng_below(&rng, 60), seed % 2 == 0,
                              &met);
        check_orders(seed);
        ledger_world_deinit(&world);
    }
    for (unsigned i = 0; i <= P2P_CUSTODY_NO_EFFECT; i++) {
        print_message("%s %u\n", p2p_custody_state_word((enum p2p_custody_state)i),
                      met.states[i]);
        CHECK(met.states[i] > 3);
    }
    print_message(
        "frozen: generation %u, reassigned %u, cut %u, rival %u, forked %u; passed on %u; "
        "settled %u; released by rescue %u\n",
        met.frozen[0], met.frozen[1], met.frozen[2], met.frozen[3], met.frozen[4], met.passed,
        met.frozen[6], met.rescued);
    CHECK(met.rescued > 3 && met.frozen[6] > 3);
    CHECK(met.frozen[0] > 3 && met.frozen[2] > 3 && met.frozen[3] > 5 && met.passed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(the_opener_releases),
        CUSTODY_CASE(an_open_without_effect_is_told),
        CUSTODY_CASE(a_withdrawn_token_is_over),
        CUSTODY_CASE(an_accepted_token_is_anothers),
        CUSTODY_CASE(a_refused_token_comes_back),
        CUSTODY_CASE(an_answer_carries_the_offers_checkpoint),
        CUSTODY_CASE(the_first_offer_counts),
        CUSTODY_CASE(a_token_that_passes_on_too_often_is_frozen),
        CUSTODY_CASE(a_gate_in_closes),
        CUSTODY_CASE(two_issuers_recount),
        CUSTODY_CASE(a_second_visit_needs_the_first_to_be_over),
        CUSTODY_CASE(many_visits),
        CUSTODY_CASE(an_open_is_judged_where_it_stands),
        CUSTODY_CASE(concurrent_opens_freeze_each_other),
        CUSTODY_CASE(a_release_thaws_no_rival),
        CUSTODY_CASE(a_closed_generation_passes_its_tokens_on_frozen),
        CUSTODY_CASE(a_cut_freezes_and_takes_nothing_back),
        CUSTODY_CASE(a_fork_takes_back_nothing_that_is_rested_on),
        CUSTODY_CASE(what_is_rested_on_is_found_beside_junk),
        CUSTODY_CASE(an_open_whose_payload_is_gone_stops_nothing),
        cmocka_unit_test(any_order_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
