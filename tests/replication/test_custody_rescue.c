/* What a forked feed lost of a token: a release is final, and where the token had passed on two
 * look at the yard first. */
#include "custody_case.h"

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
    CHECK(is_now(token, P2P_CUSTODY_RELEASED, 1, 1));
    check_orders(24);
    custody_lost_deinit(&lost);
    custody_lost_deinit(&other);
}

/* Who forks its feed could hide what it released behind releases that mean nothing. */
static void junk_hides_no_lost_release(void **state)
{
    (void)state;
    struct p2p_record_id token = open_box(1);
    struct p2p_record_id use = {0, 0};
    uint64_t size = ledger_world_size(&world, 1);
    for (unsigned i = 0; i < P2P_CUSTODY_RESCUED_MAX + 4; i++) {
        struct custody_lost junk = lose_use(1, token, 2 + i, 0); /* it never held it then */
        custody_world_rescue(&world, 3, &junk);
        custody_lost_deinit(&junk);
        ledger_world_note(&world, 2);
        junk = lose_use(2, token, 1, 0); /* another feed's */
        custody_world_rescue(&world, 3, &junk);
        custody_lost_deinit(&junk);
    }
    struct custody_lost lost = lose_use(1, token, 1, 0);
    use = custody_world_rescue(&world, 3, &lost);
    custody_lost_deinit(&lost);
    custody_world_fork(&world, 4, 1, size);
    custody_world_fork(&world, 4, 2, ledger_world_size(&world, 2));
    struct p2p_custody custody = now(token);
    CHECK(is(&custody, P2P_CUSTODY_RELEASED, 1, 1) && custody.frozen == P2P_FROZEN_FORKED);
    CHECK(p2p_record_id_compare(&custody.step, &use) == 0);
    check_orders(38);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CUSTODY_CASE(a_lost_release_goes_on),
        CUSTODY_CASE(junk_hides_no_lost_release),
        CUSTODY_CASE(what_is_not_lost_is_not_carried),
        CUSTODY_CASE(a_release_before_it_passed_on_freezes),
        CUSTODY_CASE(after_a_lost_release_two_look),
        CUSTODY_CASE(a_lost_release_thaws_no_rival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
