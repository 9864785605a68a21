/* What left a gate: one-release, release-kept, release-fits, leased. */
#include "custody_watch_case.h"

/* ---- one-release ---- */

static void container_that_leaves_twice_is_told(void **state)
{
    (void)state;
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
    custody_watch_left(&c, &use); /* the same answer again */
    watch_world_found(&c.w, SIM_INVARIANT_ONE_RELEASE);
    leave(); /* a second `use` */
    watch_world_found(&c.w, SIM_INVARIANT_ONE_RELEASE);
}

/* The container under a token of a later gate-in. */
static void open_anew(uint32_t visit, uint32_t member)
{
    c.token = custody_world_open(&c.w.world, 1, CUSTODY_BOX);
    c.right = right_world_issue(&c.w.world, 1, c.token, PARTY_OF(1));
    custody_watch_lights(&c);
    sim_yard_opened(
        &c.workload.yard,
        &(struct sim_opening){.token = c.token, .box = 0, .visit = visit, .member = member});
}

static void other_token_of_the_same_visit_is_told(void **state)
{
    (void)state;
    leave();
    open_anew(1, 0);
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_ONE_RELEASE);
}

static void another_visit_is_another_release(void **state)
{
    (void)state;
    leave();
    sim_yard_leave(&c.workload.yard, CUSTODY_BOX, 0);
    sim_yard_arrive(&c.workload.yard, 0, 0);
    c.workload.yard.boxes[0].trips[0].has_truck = false;
    c.workload.yard.boxes[0].trip_count = SIM_TRIPS_MAX + 1; /* too many to remember */
    open_anew(2, 0);
    leave();
    watch_world_nothing(&c.w);
}

static void visit_that_two_ports_opened_is_left_alone(void **state)
{
    (void)state;
    leave();
    open_anew(1, 2);
    leave();
    watch_world_nothing(&c.w);
}

static void what_a_liar_let_out_before_is_left_alone(void **state)
{
    (void)state;
    c.m1.machine.honest = false;
    leave();
    c.m1.machine.honest = true;
    leave();
    watch_world_nothing(&c.w);
}

/* ---- release-kept ---- */

static void release_without_its_use_is_told(void **state)
{
    (void)state;
    struct p2p_record_id open = c.token; /* a record of another kind */
    custody_watch_left(&c, &open);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_KEPT);
}

static void release_without_its_decision_is_told(void **state)
{
    (void)state;
    struct p2p_record_id use = right_world_use(&c.w.world, 1, c.token, c.right, 1);
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_KEPT);
    ledger_world_note(&c.w.world, 1); /* what stands there is none */
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_KEPT);
}

static void release_that_the_copy_lacks_is_told(void **state)
{
    (void)state;
    struct p2p_record_id use = custody_watch_use(&c, 1);
    c.copied = use.index;
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_KEPT);
    c.copied = use.index + 1;
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

/* ---- release-fits ---- */

static void present(size_t at, const char *subject)
{
    CHECK_OK(p2p_subject_parse(&c.check.subjects[at], p2p_slice_text(subject)));
}

static void driver_whom_nobody_named_is_told(void **state)
{
    (void)state;
    present(0, "nrn:00000100166");
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_FITS);
}

static void truck_that_nobody_named_is_told(void **state)
{
    (void)state;
    present(1, "plate:BE:9XYZ999");
    leave();
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_FITS);
}

static void missing_truck_is_told_unless_none_was_named(void **state)
{
    (void)state;
    c.workload.yard.boxes[0].trips[0].has_truck = false;
    c.check.subject_count = 1;
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
    c.workload.yard.boxes[0].trips[0].has_truck = true;
    c.w.watcher->release_count = 0;
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_FITS);
}

static void time_that_nobody_named_is_told(void **state)
{
    struct sim_trip *trip = &c.workload.yard.boxes[0].trips[0];
    (void)state;
    trip->from_ms = LEDGER_WORLD_TIME_MS;
    trip->until_ms = LEDGER_WORLD_TIME_MS + 1;
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
    c.w.watcher->release_count = 0;
    c.check.own_ms++;
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_RELEASE_FITS);
}

/* ---- leased ---- */

static void release_without_a_quorum_of_answers_is_told(void **state)
{
    (void)state;
    c.answers = 1; /* of two */
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_LEASED);
    c.w.watcher->release_count = 0;
    custody_watch_lies(&c, 4); /* nobody sees what he answers */
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

static void lease_ends_a_while_after_it_was_asked_for(void **state)
{
    uint64_t lease_us = p2p_charter_policy(c.w.world.charter)->lease_s * SIM_SECOND;
    (void)state;
    struct p2p_record_id use = custody_watch_use(&c, 1);
    custody_watch_ask(&c);
    c.w.sim.schedule.now_us = lease_us;
    custody_watch_left(&c, &use); /* it may have been decided some seconds ago */
    watch_world_nothing(&c.w);
    c.w.watcher->release_count = 0;
    c.w.sim.schedule.now_us = lease_us + SIM_MINUTE;
    custody_watch_left(&c, &use);
    watch_world_found(&c.w, SIM_INVARIANT_LEASED);
    c.w.watcher->release_count = 0;
    custody_watch_ask(&c);
    custody_watch_left(&c, &use);
    watch_world_nothing(&c.w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(container_that_leaves_twice_is_told),
        T(other_token_of_the_same_visit_is_told),
        T(another_visit_is_another_release),
        T(visit_that_two_ports_opened_is_left_alone),
        T(what_a_liar_let_out_before_is_left_alone),
        T(release_without_its_use_is_told),
        T(release_without_its_decision_is_told),
        T(release_that_the_copy_lacks_is_told),
        T(driver_whom_nobody_named_is_told),
        T(truck_that_nobody_named_is_told),
        T(missing_truck_is_told_unless_none_was_named),
        T(time_that_nobody_named_is_told),
        T(release_without_a_quorum_of_answers_is_told),
        T(lease_ends_a_while_after_it_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
