/* Who could release, and what stays released: one-holder, released-stands, second-accept,
 * rests. */
#include "custody_watch_case.h"

static void scan(struct watched *a, struct watched *b)
{
    struct watched *const both[] = {a, b};
    custody_watch_scan(&c, both, b == NULL ? 1 : 2);
}

/* m1 offers, m2 accepts; m1 has not heard of it that it offered: its disk is an older one. */
static void pass_on_unknown_to_m1(void)
{
    watched_take_all(&c.m1);
    struct p2p_record_id offer = custody_world_offer(&c.w.world, 1, c.token, 2, 2, 0);
    custody_world_answer(&c.w.world, 2, P2P_KIND_CUSTODY_ACCEPT, c.token, offer, 2);
    watched_take_all(&c.m2);
}

/* ---- one-holder ---- */

static void two_who_could_release_at_one_moment_are_told(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    scan(&c.m1, &c.m2);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

static void one_after_the_other_is_none(void **state)
{
    (void)state;
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    pass_on_unknown_to_m1();
    watched_take_all(&c.m1);
    scan(&c.m1, &c.m2);
    scan(&c.m2, &c.m1);
    watch_world_nothing(&c.w);
}

static void who_has_no_lease_or_no_quorum_could_not(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    scan(&c.m1, NULL);
    c.quorum = 0; /* of its own feed, above the accept */
    scan(&c.m2, &c.m1);
    watch_world_nothing(&c.w);
    c.quorum = UINT64_MAX;
    c.ready = false;
    scan(&c.m1, &c.m2);
    watch_world_nothing(&c.w);
}

/* An offer of its own stands behind where it came to hold it, and decides nothing: at no epoch
 * of its own here, by what two heads hide there, or a settle voided. */
static void who_may_have_given_it_under_two_heads_could_not(void **state)
{
    (void)state;
    custody_world_offer(&c.w.world, 1, c.token, 9, 3, 0);
    pass_on_unknown_to_m1();
    c.hides = true;
    scan(&c.m1, &c.m2);
    watch_world_nothing(&c.w);
    c.hides = false;
    c.voided = true;
    scan(&c.m1, &c.m2);
    watch_world_nothing(&c.w);
    c.voided = false;
    scan(&c.m1, &c.m2);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

/* Nothing of its own stands there: that a settle voided grants excuses nobody. */
static void who_gave_nothing_could_after_a_settle(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    c.voided = true;
    scan(&c.m1, &c.m2);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

static void epoch_that_falls_is_told(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    scan(&c.m2, NULL);
    watch_world_nothing(&c.w);
    scan(&c.m1, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

/* Nothing can be written that makes a ledger believe it; the machine is said to be another's.
 */
static void two_at_one_epoch_are_told(void **state)
{
    (void)state;
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    watch_world_nothing(&c.w);
    c.w.watcher->held[0].member = 3;
    scan(&c.m1, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

static void who_could_release_what_has_left_is_told(void **state)
{
    (void)state;
    struct p2p_record_id use = custody_watch_use(&c, 7); /* of another epoch: it ends nothing */
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
    scan(&c.m1, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASED_STANDS);
    c.w.watcher->releases[0].use.index = UINT64_MAX; /* that its disk does not hold */
    scan(&c.m1, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_ONE_HOLDER);
}

/* ---- released-stands ---- */

static void release_that_is_none_any_more_is_told_once(void **state)
{
    (void)state;
    watched_take_all(&c.m2);
    custody_watch_use(&c, 1);
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    watch_world_nothing(&c.w);
    struct watched older = c.m1;
    older.node = c.m2.node; /* the same machine over a disk from before */
    scan(&older, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASED_STANDS);
    scan(&older, NULL);
    watch_world_nothing(&c.w);
}

static void what_two_heads_of_the_charter_hide_is_left_alone(void **state)
{
    (void)state;
    watched_take_all(&c.m2);
    custody_watch_use(&c, 1);
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    struct watched older = c.m1;
    older.node = c.m2.node;
    c.hides = true;
    scan(&older, NULL);
    watch_world_nothing(&c.w);
    c.hides = false;
    scan(&older, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASED_STANDS);
}

static void other_disk_need_not_know_it(void **state)
{
    (void)state;
    watched_take_all(&c.m2);
    custody_watch_use(&c, 1);
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    watch_forget_released(&c.m1.machine);
    struct watched older = c.m1;
    older.node = c.m2.node;
    scan(&older, NULL);
    watch_world_nothing(&c.w);
}

static void liars_release_may_go(void **state)
{
    (void)state;
    custody_watch_lies(&c, 1);
    watched_take_all(&c.m2);
    custody_watch_use(&c, 1);
    watched_take_all(&c.m1);
    scan(&c.m1, NULL);
    struct watched older = c.m1;
    older.node = c.m2.node;
    scan(&older, NULL);
    watch_world_nothing(&c.w);
}

static void use_that_is_held_and_releases_nothing_is_told(void **state)
{
    (void)state;
    struct p2p_record_id use = custody_watch_use(&c, 7);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
    watched_take_all(&c.m3);
    scan(&c.m3, NULL);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASED_STANDS);
}

static void use_that_is_not_held_yet_is_left_alone(void **state)
{
    (void)state;
    watched_take_all(&c.m3);
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
    scan(&c.m3, NULL);
    watch_world_nothing(&c.w);
}

static void use_without_what_it_rests_on_is_left_alone(void **state)
{
    (void)state;
    ledger_world_note(&c.w.world, 2);
    struct p2p_record_id use = custody_watch_use(&c, 7); /* its author knew that note */
    custody_watch_left(&c, &use);
    watched_take(&c.m3, 1, ledger_world_size(&c.w.world, 1));
    scan(&c.m3, NULL);
    watch_world_nothing(&c.w);
}

/* ---- second-accept ---- */

static void settle(void)
{
    watch_settle_custody(c.w.watcher);
}

static void two_holders_by_a_lie_that_nothing_proves_are_told(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    custody_watch_lies(&c, 1);
    scan(&c.m1, &c.m2);
    watch_world_nothing(&c.w);
    settle();
    watch_world_found(&c.w, SIM_INVARIANT_SECOND_ACCEPT);
    settle(); /* said once */
    watch_world_nothing(&c.w);
}

static void two_holders_by_a_lie_that_is_proven_are_none(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    custody_watch_lies(&c, 1);
    scan(&c.m1, &c.m2);
    watch_feed_of(c.w.watcher, 1)->proven = true;
    settle();
    watch_world_nothing(&c.w);
}

static void one_holder_after_a_lie_is_none(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    custody_watch_lies(&c, 1);
    scan(&c.m2, NULL);
    settle();
    watch_world_nothing(&c.w);
}

/* ---- rests ---- */

static void rests(struct watched *watched)
{
    watched_take_all(watched);
    watched_open(&c.w, watched);
    watch_rests(c.w.watcher, &watched->machine);
    watched_close(watched);
}

static void steps_over_a_quorum_are_none(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    custody_world_offer(&c.w.world, 2, c.token, 3, 3, 2);
    rests(&c.m3);
    watch_world_nothing(&c.w);
}

/* No ledger counts one on fewer, so the watcher is told of more witnesses than there were. */
static void accept_over_fewer_than_a_quorum_is_told(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    rests(&c.m3);
    watch_world_nothing(&c.w);
    watched_open(&c.w, &c.m3);
    watch_feed_of(c.w.watcher, 1)->fewest = 7;
    watch_rests(c.w.watcher, &c.m3.machine);
    watched_close(&c.m3);
    watch_world_found(&c.w, SIM_INVARIANT_RESTS);
}

/* The same with the lie of who is in the chain. */
static void accept_of_a_liars_offer_is_left_alone(void **state)
{
    (void)state;
    pass_on_unknown_to_m1();
    custody_watch_lies(&c, 1);
    watched_take_all(&c.m3);
    watched_open(&c.w, &c.m3);
    watch_feed_of(c.w.watcher, 1)->fewest = 7;
    watch_rests(c.w.watcher, &c.m3.machine);
    watched_close(&c.m3);
    watch_world_nothing(&c.w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(two_who_could_release_at_one_moment_are_told),
        T(one_after_the_other_is_none),
        T(who_has_no_lease_or_no_quorum_could_not),
        T(who_may_have_given_it_under_two_heads_could_not),
        T(who_gave_nothing_could_after_a_settle),
        T(epoch_that_falls_is_told),
        T(two_at_one_epoch_are_told),
        T(who_could_release_what_has_left_is_told),
        T(release_that_is_none_any_more_is_told_once),
        T(what_two_heads_of_the_charter_hide_is_left_alone),
        T(other_disk_need_not_know_it),
        T(liars_release_may_go),
        T(use_that_is_held_and_releases_nothing_is_told),
        T(use_that_is_not_held_yet_is_left_alone),
        T(use_without_what_it_rests_on_is_left_alone),
        T(two_holders_by_a_lie_that_nothing_proves_are_told),
        T(two_holders_by_a_lie_that_is_proven_are_none),
        T(one_holder_after_a_lie_is_none),
        T(steps_over_a_quorum_are_none),
        T(accept_over_fewer_than_a_quorum_is_told),
        T(accept_of_a_liars_offer_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
