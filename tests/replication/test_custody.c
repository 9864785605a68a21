/* Custody: at any epoch one feed holds a token, what it writes first decides, and nothing that
 * stands is ever taken back. */
#include "check.h"
#include "custody_history.h"

#include <p2p/forked.h>

static struct ledger_world world;

static int setup(void **state)
{
    (void)state;
    ledger_world_init(&world);
    custody_world_init(&world);
    for (uint32_t member = 1; member <= LEDGER_WORLD_MEMBERS; member++) {
        const struct ledger_claim claim = {0, world.entry_count, false, NULL};
        ledger_world_claims(&world, member, &claim, 1);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_world_deinit(&world);
    return 0;
}

static struct p2p_record_id open_box(uint32_t feed)
{
    return custody_world_open(&world, feed, CUSTODY_BOX);
}

static struct p2p_record_id accept_offer(uint32_t feed, struct p2p_record_id token,
                                         struct p2p_record_id offer, uint64_t epoch)
{
    return custody_world_answer(&world, feed, P2P_KIND_CUSTODY_ACCEPT, token, offer, epoch);
}

static struct p2p_custody now(struct p2p_record_id token)
{
    return custody_world_now(&world, token);
}

static bool is(const struct p2p_custody *custody, enum p2p_custody_state state, uint32_t holder,
               uint64_t epoch)
{
    return custody->state == state && custody->holder == holder && custody->epoch == epoch;
}

static void check_orders(uint64_t seed)
{
    custody_world_check_orders(&world, seed);
}

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
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_WITHDRAWN, 1, 1));
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
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1));
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
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 2, 2));
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
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 2, 5));
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
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1));
    answer.rests[0] = 1;
    answer.witnesses = 1u << 2 | 1u << 4;
    custody_world_act(&world, 2, &answer);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 3));
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
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2));
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
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1));
    act.about = &first;
    custody_world_act(&world, 1, &act);
    custody = now(token);
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

static struct p2p_record_id open_unaware(uint32_t member)
{
    return custody_world_open_unaware(&world, member, CUSTODY_BOX);
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

/* A quorum of m1's witnesses says that it holds so much of the closed feed. */
static void seal(uint32_t closed, uint64_t size)
{
    for (uint32_t member = 2; member <= 3; member++) {
        const struct ledger_claim claims[] = {{0, world.entry_count, false, NULL},
                                              {closed, size, false, NULL}};
        ledger_world_claims(&world, member, claims, 2);
    }
}

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
    seal(1, end);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, next, 1));
    CHECK(custody.frozen == P2P_FROZEN_GENERATION && custody.tenure_count == 1);
    CHECK(!p2p_custody_held_by(&custody, next, 5, 1));
    custody = now(lost);
    CHECK(custody.state == P2P_CUSTODY_RELEASED); /* for ever, and told to be frozen */
    CHECK(custody.frozen == P2P_FROZEN_GENERATION);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1));
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

/* ---- reassigning ---- */

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
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, token, 2, "held", seals, 1); /* no quorum */
    custody_world_recount_by(&world, 4, token, 2, "held", seals, 2); /* another member */
    custody_world_recount_by(&world, 3, token, 1, "held", seals, 2); /* another epoch */
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_REASSIGNED);
    struct p2p_record_id second =
        custody_world_recount_by(&world, 3, token, 2, "held", seals, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    CHECK(p2p_record_id_compare(&custody.step, &second) == 0 && custody.rests_feed == 0);
    CHECK(custody.tenure_count == 2 && custody.tenures[0].to == size);
    custody_world_use(&world, 3, token, 2, 0);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 3, 2));
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
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 1, 1));
    custody_world_answer(&world, 2, P2P_KIND_CUSTODY_REFUSE, token, offer, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 3) && custody.frozen == P2P_FROZEN_REASSIGNED);
    /* Until a later entry names it: one for the epoch it has now. */
    size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 4, 1);
    const struct p2p_record_id again[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 3, 1, size)};
    custody_world_recount_by(&world, 1, token, 4, "held", again, 2);
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
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, released, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, released, 2, "held", seals, 2);
    custody_world_use(&world, 1, released, 1, 0); /* nobody cosigns that */
    struct p2p_custody custody = now(released);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_REASSIGNED);
    custody_world_reassign(&world, gone, 2, 3);
    const struct p2p_record_id later[] = {custody_world_seal(&world, 3, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, gone, 2, "gone", later, 2);
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
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id first[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_reassign(&world, token, 2, 4);
    const struct p2p_record_id second[] = {custody_world_seal(&world, 2, 1, size),
                                           custody_world_seal(&world, 3, 1, size)};
    /* That is a quorum of m1's witnesses, and of m3's one of three. */
    custody_world_recount_by(&world, 4, token, 2, "held", second, 2);
    custody_world_recount_by(&world, 3, token, 2, "held", first, 2);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2));
    struct p2p_record_id other = custody_world_open(&world, 1, "MSCU1000070");
    size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, other, 2, 3);
    custody_world_reassign(&world, other, 2, 4);
    const struct p2p_record_id both[] = {custody_world_seal(&world, 2, 1, size),
                                         custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 4, other, 2, "held", both, 2);
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 4, 2) && custody.frozen == 0);
    /* Who was passed over released it before it knew: that is final, too. */
    custody_world_recount_by(&world, 3, other, 2, "held", both, 2);
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
    seal(1, end);
    custody_world_recount(&world, next, released, 1, "held");
    custody_world_recount(&world, next, offered, 1, "held");
    custody_world_recount(&world, next, lost, 1, "held");
    struct p2p_record_id offer = custody_world_offer(&world, next, offered, 2, 4, 0);
    uint64_t size = ledger_world_size(&world, next);
    custody_world_reassign(&world, released, 2, 3);
    custody_world_reassign(&world, offered, 2, 3);
    custody_world_reassign(&world, lost, 2, 3);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, next, size),
                                          custody_world_seal(&world, 3, next, size)};
    custody_world_recount_by(&world, 3, released, 2, "held", seals, 2);
    custody_world_recount_by(&world, 3, offered, 2, "held", seals, 2);
    custody_world_recount_by(&world, 3, lost, 2, "held", seals, 2);
    custody_world_use(&world, next, released, 1, 0); /* by who was cut off */
    struct p2p_custody custody = now(released);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, next, 1));
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, next, 1));
    accept_offer(4, offered, offer, 2);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 4, 2));
    custody = now(lost);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 2) && custody.frozen == 0);
    check_orders(22);
}

/* Who was named, released it and lost its store could see another named, who releases it again.
 */
static void a_later_generation_forgets_no_release(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    const struct p2p_record_id first[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, token, 2, "held", first, 2);
    custody_world_use(&world, 3, token, 2, 0);
    uint64_t end = ledger_world_size(&world, 3);
    ledger_world_generation(&world, 3, 20);
    custody_world_seal(&world, 2, 3, end);
    custody_world_seal(&world, 4, 3, end);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 3, 2));
    custody_world_reassign(&world, token, 2, 4);
    const struct p2p_record_id second[] = {custody_world_seal(&world, 2, 1, size),
                                           custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 4, token, 2, "held", second, 2);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(23);
}

/* What was taken over and released could come back to life: a witness that had said it holds
 * the entry forks its feed below that. */
static void a_witness_that_forks_undoes_no_release(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, token, 2, 3);
    uint64_t before = ledger_world_size(&world, 4);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    custody_world_recount_by(&world, 3, token, 2, "held", seals, 2);
    custody_world_use(&world, 3, token, 2, 0);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 3, 2));
    custody_world_fork(&world, 2, 4, before);
    custody = now(token);
    CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_REASSIGNED);
    check_orders(36);
}

/* ---- settling opens ---- */

static struct p2p_record_id unaware(uint32_t feed)
{
    return custody_world_open_unaware(&world, feed, CUSTODY_BOX);
}

/* Two opens whose openers are at odds could never be ended, or both be released. */
static void the_roots_settle_opens(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = unaware(2);
    struct p2p_record_id third = unaware(3);
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
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 3, 2, size),
                                          custody_world_seal(&world, 4, 2, size)};
    custody_world_recount_by(&world, 1, kept, 1, "held", seals, 1); /* no quorum */
    custody_world_recount_by(&world, 1, kept, 2, "held", seals, 2); /* another epoch */
    custody_world_recount_by(&world, 4, kept, 1, "held", seals, 2); /* who does not hold it */
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 1));
    struct p2p_record_id second =
        custody_world_recount_by(&world, 1, kept, 1, "held", seals, 2);
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
    struct p2p_record_id other = unaware(2);
    uint64_t size = ledger_world_size(&world, 2);
    custody_world_settle(&world, kept, &other, 1);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 3, 2, size),
                                          custody_world_seal(&world, 4, 2, size)};
    custody_world_recount_by(&world, 1, kept, 1, "gone", seals, 0);
    struct p2p_custody custody = now(kept);
    CHECK(custody.state == P2P_CUSTODY_GONE); /* whatever is settled */
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 1));
    check_orders(30);
}

/* A container that its holder passed on or released before the witnesses heard could be
 * released by who is kept. */
static void what_was_sealed_of_rivals_stands(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = unaware(2);
    custody_world_offer(&world, 2, other, 2, 3, 0);
    uint64_t size = ledger_world_size(&world, 2);
    custody_world_settle(&world, kept, &other, 1);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 3, 2, size),
                                          custody_world_seal(&world, 4, 2, size)};
    custody_world_recount_by(&world, 1, kept, 1, "held", seals, 2);
    struct p2p_custody custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, 2, 1));
    custody = now(kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    check_orders(31);
}

/* Nor could who released it without knowing better be forgotten. */
static void a_settled_release_counts(void **state)
{
    (void)state;
    struct p2p_record_id kept = open_box(1);
    struct p2p_record_id other = unaware(2);
    struct p2p_record_id elsewhere = custody_world_open(&world, 3, "MSCU1000070");
    uint64_t size = ledger_world_size(&world, 2);
    custody_world_settle(&world, kept, &other, 1);
    custody_world_settle(&world, kept, &elsewhere, 1); /* another container's */
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 3, 2, size),
                                          custody_world_seal(&world, 4, 2, size)};
    custody_world_recount_by(&world, 1, kept, 1, "held", seals, 2);
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
    struct p2p_record_id kept = unaware(2);
    struct p2p_record_id kept_offered = custody_world_open_unaware(&world, 2, "MSCU1000070");
    struct p2p_record_id kept_lost = custody_world_open_unaware(&world, 2, "HBMU2699702");
    uint64_t end = ledger_world_size(&world, 1);
    uint32_t next = ledger_world_generation(&world, 1, 20);
    seal(1, end);
    custody_world_recount(&world, next, released, 1, "held");
    custody_world_recount(&world, next, offered, 1, "held");
    custody_world_recount(&world, next, lost, 1, "held");
    custody_world_use(&world, next, released, 1, 0);
    struct p2p_record_id offer = custody_world_offer(&world, next, offered, 2, 4, 0);
    uint64_t size = ledger_world_size(&world, next);
    struct p2p_custody custody = now(released);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, next, 1));
    custody_world_settle(&world, kept, &released, 1);
    custody_world_settle(&world, kept_offered, &offered, 1);
    custody_world_settle(&world, kept_lost, &lost, 1);
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 3, next, size),
                                          custody_world_seal(&world, 4, next, size)};
    custody_world_recount_by(&world, 2, kept, 1, "held", seals, 2);
    custody_world_recount_by(&world, 2, kept_offered, 1, "held", seals, 2);
    custody_world_recount_by(&world, 2, kept_lost, 1, "held", seals, 2);
    custody = now(released);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, next, 1));
    custody = now(kept);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_OFFERED, next, 1));
    accept_offer(4, offered, offer, 2);
    custody = now(offered);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 4, 2));
    custody = now(kept_offered);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    custody = now(lost);
    CHECK(is(&custody, P2P_CUSTODY_WITHDRAWN, next, 1));
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
    struct p2p_record_id kept = unaware(2);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_reassign(&world, other, 2, 3);
    const struct p2p_record_id first[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    uint64_t heard = ledger_world_size(&world, 3); /* what the rest hear of m3 */
    custody_world_settle(&world, kept, &other, 1);
    /* m2 and m4 are a quorum of m1's witnesses, and not of m3's. */
    const struct p2p_record_id seals[] = {custody_world_seal(&world, 2, 1, size),
                                          custody_world_seal(&world, 4, 1, size)};
    struct ledger_node node;
    custody_world_recount_by(&world, 2, kept, 1, "held", seals, 2);
    /* m3 has it by the first entry; to m3, that is all there is. */
    custody_world_recount_by(&world, 3, other, 2, "held", first, 2);
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
    custody = now(other);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 3, 2));
    check_orders(34);
}

/* ---- what a forked feed lost ---- */

/* A release on a branch that nobody holds any more: the newest record of the feed. */
static struct custody_lost lose_use(uint32_t feed, struct p2p_record_id token, uint64_t epoch,
                                    uint32_t rests)
{
    struct custody_lost lost;
    custody_world_act(&world, feed,
                      &(struct custody_act){.kind = P2P_KIND_USE,
                                            .token = token,
                                            .epoch = epoch,
                                            .rests = {rests},
                                            .no_seen = true});
    custody_world_lose(&world, feed, &lost);
    return lost;
}

/* A container that left could leave again, since its feed goes on as another history. */
static void a_lost_release_goes_on(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct custody_lost lost = lose_use(1, token, 1, 0);
    struct custody_lost other = lose_use(1, token, 7, 0);
    struct custody_lost forged = lost;
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_rescue(&world, 3, &other); /* an epoch at which it never held it */
    forged.proof[8 + P2P_HASH_BYTES] ^= 1;
    custody_world_rescue(&world, 2, &forged); /* a head that the feed never signed */
    forged = lost;
    forged.proof[8 + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES + 1] ^= 1;
    custody_world_rescue(&world, 2, &forged); /* not what stands below it */
    custody_world_fork(&world, 3, 1, size);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == P2P_FROZEN_FORKED);
    struct p2p_record_id late = custody_world_rescue(&world, 4, &lost);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 1, 1) && custody.frozen == P2P_FROZEN_FORKED);
    CHECK(p2p_record_id_compare(&custody.step, &late) == 0);
    struct p2p_record_id first = custody_world_rescue(&world, 2, &lost);
    custody = now(token);
    CHECK(p2p_record_id_compare(&custody.step, &first) == 0);
    uint32_t next = ledger_world_generation(&world, 1, 20);
    for (uint32_t member = 2; member <= 3; member++) {
        custody_world_seal(&world, member, 1, size);
    }
    custody_world_recount(&world, next, token, 1, "held"); /* nothing takes it back */
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 1, 1));
    check_orders(24);
    custody_lost_deinit(&lost);
    custody_lost_deinit(&other);
}

/* Without a fork nothing was lost; and what the feed holds is no other release. */
static void what_is_not_lost_is_not_carried(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id kept = custody_world_open(&world, 2, "MSCU1000070");
    struct custody_lost lost = lose_use(1, token, 1, 0);
    custody_world_rescue(&world, 3, &lost);
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 1, 1) && custody.frozen == 0);
    struct p2p_record_id use = custody_world_use(&world, 2, kept, 1, 0);
    struct custody_lost held;
    custody_world_lose(&world, 2, &held);
    custody_world_rescue(&world, 3, &held);
    struct written_feed *feed = &world.feeds[2]; /* it stands there after all */
    feed->records[feed->count++] = held.record;
    p2p_edge_append(&feed->edge, &held.record.leaf_hash, NULL);
    custody_world_fork(&world, 3, 2, ledger_world_size(&world, 2));
    custody = now(kept);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 2, 1) && custody.frozen == 0);
    CHECK(p2p_record_id_compare(&custody.step, &use) == 0);
    check_orders(25);
    custody_lost_deinit(&lost);
}

/* Who holds it now could let a container go that is gone. */
static void a_release_before_it_passed_on_freezes(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct custody_lost lost = lose_use(1, token, 1, 0);
    struct p2p_record_id offer = custody_world_offer(&world, 1, token, 2, 2, 0);
    accept_offer(2, token, offer, 2);
    custody_world_fork(&world, 3, 1, ledger_world_size(&world, 1));
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    struct custody_act recount = {.kind = P2P_KIND_RECOUNT,
                                  .token = token,
                                  .epoch = 2,
                                  .found = "held",
                                  .issuer = YARD_OF(2)};
    struct p2p_record_id before = custody_world_act(&world, 2, &recount);
    custody_world_rescue(&world, 3, &lost);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == P2P_FROZEN_FORKED);
    recount.issuer = 0;
    recount.about = &before;
    recount.no_seen = true; /* two who looked before they heard of it */
    custody_world_act(&world, 2, &recount);
    custody = now(token);
    CHECK(custody.frozen == P2P_FROZEN_FORKED);
    custody_world_recount(&world, 2, token, 2, "held");
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 2) && custody.frozen == 0);
    custody_world_rescue(&world, 4, &lost); /* the same release */
    struct p2p_record_id on = custody_world_offer(&world, 2, token, 3, 3, 2);
    accept_offer(3, token, on, 3);
    custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 3, 3) && custody.frozen == 0);
    check_orders(26);
    custody_lost_deinit(&lost);
}

/* One officer alone could open anew what a lost branch says has left. */
static void after_a_lost_release_two_look(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct custody_lost lost = lose_use(1, token, 1, 0);
    uint64_t size = ledger_world_size(&world, 1);
    custody_world_fork(&world, 3, 1, size);
    custody_world_recount(&world, 2, token, 1, "held"); /* knew of no release */
    custody_world_rescue(&world, 3, &lost);
    struct p2p_record_id alone = open_box(2);
    struct p2p_custody custody = now(alone);
    CHECK(custody.state == P2P_CUSTODY_NO_EFFECT && custody.why == P2P_WHY_NONE);
    custody_world_act(
        &world, 2,
        &(struct custody_act){.kind = P2P_KIND_CUSTODY_WITHDRAW, .token = alone, .epoch = 1});
    custody_world_recount(&world, 2, token, 1, "held");
    struct p2p_record_id anew = open_box(2);
    custody = now(anew);
    CHECK(is(&custody, P2P_CUSTODY_HELD, 2, 1) && custody.frozen == 0);
    check_orders(27);
    custody_lost_deinit(&lost);
}

/* A withdrawal on the branch that stayed could thaw the other of two opens. */
static void a_lost_release_thaws_no_rival(void **state)
{
    (void)state;
    struct p2p_record_id one = open_box(1);
    struct p2p_record_id other = custody_world_open_unaware(&world, 2, CUSTODY_BOX);
    struct custody_lost lost = lose_use(1, one, 1, 0);
    struct p2p_custody custody = now(other);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    custody_world_act(
        &world, 1,
        &(struct custody_act){.kind = P2P_KIND_CUSTODY_WITHDRAW, .token = one, .epoch = 1});
    custody = now(other);
    CHECK(custody.frozen == 0);
    custody_world_fork(&world, 3, 1, ledger_world_size(&world, 1));
    custody_world_rescue(&world, 3, &lost);
    custody = now(other);
    CHECK(custody.frozen == P2P_FROZEN_RIVAL);
    check_orders(28);
    custody_lost_deinit(&lost);
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
        cmocka_unit_test_setup_teardown(the_opener_releases, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_without_effect_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(a_withdrawn_token_is_over, setup, teardown),
        cmocka_unit_test_setup_teardown(an_accepted_token_is_anothers, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refused_token_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_carries_the_offers_checkpoint, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_first_offer_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_that_passes_on_too_often_is_frozen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_gate_in_closes, setup, teardown),
        cmocka_unit_test_setup_teardown(two_issuers_recount, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_visit_needs_the_first_to_be_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_visits, setup, teardown),
        cmocka_unit_test_setup_teardown(an_open_is_judged_where_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(concurrent_opens_freeze_each_other, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_thaws_no_rival, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_generation_passes_its_tokens_on_frozen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_cut_freezes_and_takes_nothing_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_takes_back_nothing_that_is_rested_on, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lost_holder_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sealed_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_lost_holder_did_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_who_are_named_one_holds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_generation_is_the_one_replaced, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_later_generation_forgets_no_release, setup, teardown),
        cmocka_unit_test_setup_teardown(a_witness_that_forks_undoes_no_release, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_roots_settle_opens, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_gone_settles_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_sealed_of_rivals_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(a_settled_release_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_later_generation_is_the_one_settled, setup, teardown),
        cmocka_unit_test_setup_teardown(who_was_named_before_is_sealed_too, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_release_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_lost_is_not_carried, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_before_it_passed_on_freezes, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_lost_release_two_look, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_release_thaws_no_rival, setup, teardown),
        cmocka_unit_test(any_order_gives_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
