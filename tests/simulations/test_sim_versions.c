/* Two software versions in one federation: some machines do not know kinds that others write.
 */
#include "check.h"

#include "workload/workload_task.h"

#include <p2p/ban.h>

enum { NEW = 1, OLD = 2, OTHER = 3 }; /* machines */

static const uint64_t later_kinds = UINT64_C(1) << P2P_KIND_BAN_AMEND |
                                    UINT64_C(1) << P2P_KIND_BAN_SUSPEND |
                                    UINT64_C(1) << P2P_KIND_BAN_RESUME;

/* Quiet lines; machine OLD runs the older version. */
static void begin(struct sim *sim, uint64_t records)
{
    struct sim_options options = sim_options_short();
    options.network = (struct sim_network_options){.delay_us = 5 * SIM_MS};
    options.disk.power_after_effects = 0;
    options.disk.failed_sync_permille = 0;
    options.clock = (struct sim_clock_options){.skew_ms = 10};
    options.fault.old_version_permille = 0;
    options.joiners = 0;
    options.workload.records = records;
    options.workload.wrong = 0;
    options.workload.charter = 0;
    sim_begin(sim, &options, NULL);
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        sim_host_kill(sim->hosts[i], false, UINT64_MAX);
        sim->hosts[i]->kinds_unknown = i == OLD ? later_kinds : 0;
        CHECK(sim_host_start(sim->hosts[i]));
        sim_lay_charter(sim, sim->hosts[i], sim->federation.entry_count);
    }
    sim_go(sim, SIM_MINUTE);
}

static struct p2p_hash frontier_of(const struct sim_host *host)
{
    struct p2p_hash digest;
    CHECK_OK(p2p_frontier_digest(p2p_engine_ledger(host->node.engine), &digest));
    return digest;
}

static struct p2p_hash leaves_of(const struct sim_host *host)
{
    struct p2p_hash digest;
    CHECK_OK(p2p_leaves_digest(p2p_engine_ledger(host->node.engine), &digest));
    return digest;
}

static struct p2p_hash bans_of(const struct sim_host *host, uint32_t circle)
{
    struct p2p_hash digest;
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(host->node.engine);
    CHECK_OK(
        p2p_view_digest(ledger, sim_disk_look(host->disk), P2P_VIEW_BANS, circle, &digest));
    sim_disk_look_end(host->disk);
    return digest;
}

/* Whether all three are in that circle. */
static bool share(const struct sim *sim, uint32_t number)
{
    const struct p2p_circle *circle =
        p2p_charter_circle(p2p_engine_ledger(sim->hosts[NEW]->node.engine)->charter, number);
    bool all = circle != NULL;
    for (uint32_t i = NEW; all && i <= OTHER; i++) {
        all = p2p_circle_has(circle, p2p_engine_member(sim->hosts[i]->node.engine));
    }
    return all;
}

static void send(struct sim *sim, uint32_t host, uint32_t kind)
{
    const struct sim_order order = {.type = SIM_ORDER_BAN, .kind = p2p_kind_find(kind)};
    sim_task_send(sim_task_new(sim->workload, sim->hosts[host], &sim_errand_ban, &order));
    sim_go(sim, sim->schedule.now_us + SIM_MINUTE);
}

/* Without this, a version could not be replaced by another while the federation runs. */
static void both_reach_one_frontier(void **state)
{
    struct sim sim;
    bool differ = false;
    (void)state;
    begin(&sim, 300);
    sim_workload_start(sim.workload, 8 * SIM_MINUTE);
    sim_go(&sim, 12 * SIM_MINUTE);
    sim_watcher_settle(sim.watcher);
    if (sim.violation.found) {
        print_error("%s\n", sim.violation.text);
    }
    CHECK(!sim.violation.found);
    struct p2p_hash frontier = frontier_of(sim.hosts[NEW]);
    struct p2p_hash leaves = leaves_of(sim.hosts[NEW]);
    uint32_t circles =
        p2p_charter_circle_count(p2p_engine_ledger(sim.hosts[NEW]->node.engine)->charter);
    for (uint32_t i = 1; i <= sim.host_count; i++) {
        struct p2p_hash its_frontier = frontier_of(sim.hosts[i]);
        struct p2p_hash its_leaves = leaves_of(sim.hosts[i]);
        CHECK(p2p_hash_equal(&frontier, &its_frontier));
        CHECK(p2p_hash_equal(&leaves, &its_leaves));
    }
    for (uint32_t i = 1; i <= circles; i++) {
        if (share(&sim, i)) {
            struct p2p_hash of_new = bans_of(sim.hosts[NEW], i);
            struct p2p_hash of_other = bans_of(sim.hosts[OTHER], i);
            struct p2p_hash of_old = bans_of(sim.hosts[OLD], i);
            CHECK(p2p_hash_equal(&of_new, &of_other));
            differ = differ || !p2p_hash_equal(&of_new, &of_old);
        }
    }
    CHECK(differ); /* else the older version was no other one */
    sim_end(&sim);
}

/* The newest record of that kind on a machine's disk; NOTFOUND when it holds none. */
static enum p2p_err find_kind(const struct sim_host *host, uint32_t kind,
                              struct p2p_record_id *out, enum p2p_why *why)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(host->node.engine);
    struct p2p_arena arena;
    enum p2p_err err = P2P_NOTFOUND;
    p2p_arena_init(&arena, p2p_alloc_default(), (size_t)8 << 20);
    p2p_ledger_begin(ledger, sim_disk_look(host->disk), &arena);
    for (uint32_t f = 1; f < ledger->feed_count; f++) {
        for (uint64_t i = 0; i < ledger->feeds[f]->edge.size; i++) {
            const struct p2p_record_id id = {f, i};
            struct p2p_entry entry;
            CHECK_OK(p2p_ledger_entry(ledger, &id, &entry));
            if (entry.record.kind == kind) {
                *out = id;
                err = p2p_judge(ledger, &entry, why);
            }
        }
    }
    sim_disk_look_end(host->disk);
    p2p_arena_deinit(&arena);
    return err;
}

/* Without this, an older version would write what it cannot judge, or lift a ban for want of
 * understanding. */
static void older_one_keeps_what_it_does_not_know(void **state)
{
    struct sim sim;
    struct p2p_record_id id;
    struct p2p_record_id same;
    enum p2p_why why = P2P_WHY_NONE;
    uint64_t done = 0;
    (void)state;
    begin(&sim, 0);
    for (int i = 0; i < 8; i++) {
        send(&sim, NEW, P2P_KIND_BAN_IMPOSE);
    }
    for (int i = 0;
         i < 12 && find_kind(sim.hosts[NEW], P2P_KIND_BAN_SUSPEND, &id, &why) != P2P_OK; i++) {
        send(&sim, NEW, P2P_KIND_BAN_SUSPEND);
    }
    CHECK_OK(find_kind(sim.hosts[NEW], P2P_KIND_BAN_SUSPEND, &id, &why));
    CHECK(why == P2P_WHY_NONE);
    CHECK_OK(find_kind(sim.hosts[OLD], P2P_KIND_BAN_SUSPEND, &same, &why));
    CHECK(p2p_record_id_compare(&id, &same) == 0);
    CHECK(why == P2P_WHY_UNKNOWN_KIND);
    done = sim_workload_count(sim.workload).done;
    send(&sim, OLD, P2P_KIND_BAN_SUSPEND);
    CHECK(sim_workload_count(sim.workload).done == done);
    send(&sim, OLD, P2P_KIND_BAN_IMPOSE);
    CHECK(sim_workload_count(sim.workload).done == done + 1);
    struct p2p_hash a = frontier_of(sim.hosts[NEW]);
    struct p2p_hash b = frontier_of(sim.hosts[OLD]);
    CHECK(p2p_hash_equal(&a, &b));
    CHECK(!sim.violation.found);
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_reach_one_frontier),
        cmocka_unit_test(older_one_keeps_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
