/* invariant.c: machines that may run do run. On a whole federation, and quiet lines. */
#include "check.h"

#include "sim.h"

static struct sim sim;

static int setup(void **state)
{
    struct sim_options options = sim_options_short();
    (void)state;
    options.network = (struct sim_network_options){.delay_us = 5 * SIM_MS};
    options.disk.power_after_effects = 0;
    options.disk.failed_sync_permille = 0;
    options.clock = (struct sim_clock_options){.skew_ms = 10};
    sim_begin(&sim, &options, NULL);
    sim_go(&sim, 90 * SIM_SECOND);
    sim_watcher_settle(sim.watcher);
    if (sim.violation.found) {
        print_error("%s\n", sim.violation.text);
    }
    CHECK(!sim.violation.found);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sim_end(&sim);
    return 0;
}

static void found(void)
{
    CHECK(sim.violation.found);
    CHECK(sim.violation.invariant == SIM_INVARIANT_ALIVE);
}

static void who_works_is_alive(void **state)
{
    (void)state;
    sim_go(&sim, 150 * SIM_SECOND);
    sim_watcher_settle(sim.watcher);
    CHECK(!sim.violation.found);
}

static void who_does_not_run_is_found(void **state)
{
    (void)state;
    sim_host_kill(sim.hosts[2], false, UINT64_MAX);
    sim_go(&sim, 150 * SIM_SECOND);
    sim_watcher_settle(sim.watcher);
    found();
}

/* It hangs: nothing takes its batches on. */
static void who_runs_no_batch_is_found(void **state)
{
    (void)state;
    sim_watcher_settle(sim.watcher); /* no time has passed */
    found();
}

/* An operator switched it off, or it found damage and refuses. */
static void who_may_not_run_is_left_alone(void **state)
{
    (void)state;
    sim_host_kill(sim.hosts[2], false, UINT64_MAX);
    sim.hosts[2]->leaves = true;
    sim_host_kill(sim.hosts[3], false, UINT64_MAX);
    sim_watcher_expect_damage(sim.watcher, sim.hosts[3]);
    sim_go(&sim, 150 * SIM_SECOND);
    sim_watcher_settle(sim.watcher);
    CHECK(!sim.violation.found);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(who_works_is_alive),
        T(who_does_not_run_is_found),
        T(who_runs_no_batch_is_found),
        T(who_may_not_run_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
