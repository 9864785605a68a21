#include "sim.h"

#include <p2p/assert.h>

#include <stddef.h>
#include <stdlib.h>

#define WARM_UP_US    (2 * SIM_MINUTE) /* everybody finds everybody before anything fails */
#define DOWN_LEAST_US SIM_SECOND /* a machine that died is started again after this long */
#define DOWN_MOST_US  (5 * SIM_MINUTE)
#define FULL_MOST_US  (10 * SIM_MINUTE) /* until somebody makes room on a full disk */
#define LIE_MOST_US   (5 * SIM_MINUTE)  /* until the power fails under a disk that lies */
#define TWIN_MOST_US  (10 * SIM_MINUTE) /* until somebody notices that a node runs twice */
#define MOMENT_US     (2 * SIM_SECOND)
#define AWAY_MOST_US  (2 * SIM_HOUR)
#define REST_US       (70 * SIM_SECOND) /* before the watcher looks: a `seen` may wait a minute */
#define YEAR_MS       (INT64_C(365) * 86400 * 1000)
#define DAY_MS        (UINT64_C(86400) * 1000)

struct sim_faults {
    struct sim *sim;
    const struct sim_fault_options *options;
    struct sim_chance chance;
    uint64_t end_us;
    bool on;        /* a phase of faults */
    uint64_t phase; /* counts them: what was meant to end in an earlier one has ended */
    struct sim_backup *backup; /* of one machine, taken some time ago */
    uint32_t backup_of;
    uint32_t twin; /* the machine that is a second live copy; 0: none */
};

static void tell(struct sim_faults *faults, const struct sim_host *host, const char *what)
{
    sim_story_tell(&faults->sim->story, faults->sim->schedule.now_us, host->name, "%s", what);
}

static struct sim_host *draw_host(struct sim_faults *faults)
{
    const struct sim *sim = faults->sim;
    return sim->hosts[1 + sim_chance_below(&faults->chance, sim->options.nodes)];
}

static void later(struct sim_faults *faults, uint64_t most_us, sim_happening *run,
                  uint32_t host)
{
    sim_schedule_at(&faults->sim->schedule,
                    faults->sim->schedule.now_us + SIM_SECOND +
                        sim_chance_below(&faults->chance, most_us),
                    run, faults->phase << 16 | host, NULL, NULL);
}

/* The machine something was planned for, unless the phase is over in which it was. */
static struct sim_host *planned(const struct sim *sim, uint64_t subject)
{
    return subject >> 16 == sim->faults->phase ? sim->hosts[subject & 0xffff] : NULL;
}

static uint64_t down_time(struct sim_faults *faults)
{
    return sim_chance_between(&faults->chance, DOWN_LEAST_US, DOWN_MOST_US);
}

/* ---- machines ---- */

static void kill_some(struct sim_faults *faults, struct sim_host *host)
{
    if (host->up) {
        sim_host_kill(host, false, down_time(faults));
    }
}

static void fail_power(struct sim_faults *faults, struct sim_host *host)
{
    if (host->up) {
        sim_host_kill(host, true, down_time(faults));
    }
}

static void come_back(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = planned(sim, subject);
    (void)data;
    if (host != NULL && !host->up) {
        host->leaves = false;
        sim_host_start(host);
    }
}

static void leave(struct sim_faults *faults, struct sim_host *host)
{
    if (host->up) {
        host->leaves = true;
        tell(faults, host, "leaves for a while");
        sim_host_kill(host, false, UINT64_MAX);
        later(faults, AWAY_MOST_US, come_back, host->number);
    }
}

/* ---- disks ---- */

static void make_room(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = planned(sim, subject);
    (void)data;
    if (host != NULL) {
        sim_disk_set_full(host->disk, false);
        tell(sim->faults, host, "its disk has room again");
        if (host->up) {
            sim_host_kill(host, false, DOWN_LEAST_US); /* the operator starts it again */
        }
    }
}

static void lose_lies(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = planned(sim, subject);
    (void)data;
    if (host != NULL && host->up) {
        sim_host_kill(host, true, down_time(sim->faults));
    }
}

static enum p2p_table draw_table(struct sim_faults *faults)
{
    return (enum p2p_table)sim_chance_below(&faults->chance, P2P_TABLE_COUNT);
}

static void harm_disk(struct sim_faults *faults, struct sim_host *host)
{
    struct sim *sim = faults->sim;
    switch (sim_chance_below(&faults->chance, 4)) {
    case 0:
        tell(faults, host, "its disk is full");
        sim_disk_set_full(host->disk, true);
        later(faults, FULL_MOST_US, make_room, host->number);
        break;
    case 1:
        if (sim->options.disk.lying) {
            tell(faults, host, "its disk loses syncs from here on");
            sim_watcher_expect_restore(sim->watcher, host);
            sim_disk_lie(host->disk);
            later(faults, LIE_MOST_US, lose_lies, host->number);
        }
        break;
    case 2:
        sim_watcher_expect_damage(sim->watcher, host);
        if (sim_disk_flip(host->disk, draw_table(faults))) {
            tell(faults, host, "a bit of its store flipped");
        }
        break;
    default:
        sim_watcher_expect_damage(sim->watcher, host);
        if (sim_disk_tear(host->disk, draw_table(faults))) {
            tell(faults, host, "a page of its store is torn");
        }
        break;
    }
}

/* Someone puts an old backup back: one that was taken before in this run, else takes one now.
 */
static void put_back(struct sim_faults *faults, struct sim_host *host)
{
    struct sim *sim = faults->sim;
    if (faults->backup == NULL) {
        kill_some(faults, host); /* a cold one */
        faults->backup = sim_disk_backup(host->disk);
        faults->backup_of = host->number;
        tell(faults, host, "a backup is taken");
        return;
    }
    host = sim->hosts[faults->backup_of];
    if (host->up) {
        sim_host_kill(host, false, UINT64_MAX);
    }
    tell(faults, host, "an old backup is put back");
    sim_watcher_expect_restore(sim->watcher, host);
    sim_disk_restore(host->disk, faults->backup);
    sim_backup_free(faults->backup);
    faults->backup = NULL;
    sim_host_start(host);
}

/* A new machine in the place of the old one: nothing is left, the charter is laid anew. */
static void replace(struct sim_faults *faults, struct sim_host *host)
{
    struct sim *sim = faults->sim;
    if (host->up) {
        sim_host_kill(host, true, UINT64_MAX);
    }
    tell(faults, host, "the machine is lost with all it had");
    sim_watcher_expect_restore(sim->watcher, host);
    sim_disk_wipe(host->disk);
    if (sim_host_start(host)) {
        sim_lay_charter(sim, host, sim->federation.entry_count);
    }
}

static void lose_copy(struct sim_faults *faults, struct sim_host *host)
{
    if (host->up) {
        sim_host_kill(host, false, UINT64_MAX);
    }
    tell(faults, host, "its checkpoint copy is lost");
    sim_watcher_expect_restore(faults->sim->watcher, host);
    sim_disk_lose_copy(host->disk);
    sim_host_start(host);
}

/* ---- one node, two machines ---- */

static void end_twin(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_faults *faults = sim->faults;
    struct sim_host *twin = planned(sim, subject);
    (void)data;
    if (twin != NULL && faults->twin == twin->number) {
        faults->twin = 0;
        tell(faults, twin, "is noticed and switched off");
        if (twin->up) {
            sim_host_kill(twin, false, UINT64_MAX);
        }
        twin->leaves = true;
    }
}

static void run_twice(struct sim_faults *faults, struct sim_host *host)
{
    struct sim *sim = faults->sim;
    if (faults->twin != 0 || sim->host_count + 1 >= SIM_HOSTS_MAX || !host->up ||
        host->conduct != SIM_HONEST) {
        return;
    }
    uint32_t number = sim->host_count + 1;
    struct sim_host *twin = sim_host_new(sim, number, host->member);
    sim->hosts[number] = twin;
    sim->host_count = number;
    sim_network_added(sim->network); /* its disk may be in no state to start from */
    sim_host_kill(host, false, DOWN_LEAST_US);
    sim_disk_free(twin->disk);
    twin->disk = sim_disk_clone(host->disk, number);
    twin->conduct = SIM_DOUBLE;
    host->conduct = SIM_DOUBLE;
    faults->twin = number;
    tell(faults, twin, "runs beside the machine it was copied from");
    sim_watcher_expect_fork(sim->watcher, host->member->index);
    sim_host_start(twin);
    later(faults, TWIN_MOST_US, end_twin, number);
}

/* ---- clocks ---- */

static void harm_clock(struct sim_faults *faults, struct sim_host *host)
{
    const struct sim_clock_options *options = &faults->sim->options.clock;
    struct sim_clock *clock = &host->clock;
    uint64_t draw = sim_chance_below(&faults->chance, 1000);
    if (draw < options->year_off_permille) {
        bool ahead = sim_chance_below(&faults->chance, 2) == 0;
        clock->wall_offset_ms = ahead ? YEAR_MS : -YEAR_MS;
        tell(faults, host, ahead ? "its clock is a year ahead" : "its clock is a year behind");
    } else if (draw < options->year_off_permille + options->back_permille) {
        clock->wall_offset_ms -= (int64_t)sim_chance_below(&faults->chance, DAY_MS);
        tell(faults, host, "its clock jumps back");
    } else {
        clock->frozen_at_ms =
            (uint64_t)((int64_t)sim_now_ms(faults->sim) + clock->wall_offset_ms);
        tell(faults, host, "its clock stands still");
    }
}

static void set_clock(struct sim_faults *faults, struct sim_host *host)
{
    uint64_t skew = faults->sim->options.clock.skew_ms;
    host->clock.frozen_at_ms = 0;
    host->clock.wall_offset_ms =
        (int64_t)sim_chance_below(&faults->chance, 2 * skew + 1) - (int64_t)skew;
}

/* ---- what happens how often ---- */

struct fault_row {
    size_t mean; /* where its mean time stands in the options */
    void (*happen)(struct sim_faults *faults, struct sim_host *host);
};

static const struct fault_row rows[] = {
    {offsetof(struct sim_fault_options, kill_mean_us), kill_some},
    {offsetof(struct sim_fault_options, power_mean_us), fail_power},
    {offsetof(struct sim_fault_options, disk_mean_us), harm_disk},
    {offsetof(struct sim_fault_options, restore_mean_us), put_back},
    {offsetof(struct sim_fault_options, loss_mean_us), replace},
    {offsetof(struct sim_fault_options, copy_mean_us), lose_copy},
    {offsetof(struct sim_fault_options, twin_mean_us), run_twice},
    {offsetof(struct sim_fault_options, leave_mean_us), leave},
    {offsetof(struct sim_fault_options, clock_mean_us), harm_clock},
};
enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

static uint64_t mean_of(const struct sim_faults *faults, size_t row)
{
    const char *options = (const char *)faults->options;
    return *(const uint64_t *)(const void *)(options + rows[row].mean);
}

static void happen(struct sim *sim, uint64_t row, void *data)
{
    struct sim_faults *faults = sim->faults;
    (void)data;
    if (faults->on) {
        struct sim_host *host = draw_host(faults);
        if (host->conduct != SIM_BYZANTINE) {
            rows[row].happen(faults, host);
        }
    }
    sim_schedule_at(&sim->schedule,
                    sim->schedule.now_us +
                        sim_chance_gap(&faults->chance, mean_of(faults, row)),
                    happen, row, NULL, NULL);
}

/* ---- phases ---- */

static void begin_phase(struct sim *sim, uint64_t subject, void *data);

/* Whether all that may append hold as much of every feed. */
static bool at_rest(const struct sim *sim)
{
    const struct p2p_ledger *first = NULL;
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        if (!sim_host_is_sound(sim->hosts[i])) {
            continue;
        }
        const struct p2p_ledger *ledger = p2p_engine_ledger(sim->hosts[i]->node.engine);
        first = first == NULL ? ledger : first;
        for (size_t f = 0; f < first->feed_count && f < ledger->feed_count; f++) {
            if (ledger->feeds[f]->edge.size != first->feeds[f]->edge.size) {
                return false;
            }
        }
    }
    return true;
}

/* Nodes write a little of themselves (`seen`, state): what is just under way gets a moment, in
 * which nothing new is asked. */
static void look(struct sim *sim, uint64_t waited_us, void *data)
{
    (void)data;
    if (!at_rest(sim) && waited_us < MOMENT_US) {
        sim_workload_rest(sim->workload, sim->schedule.now_us + MOMENT_US / 8 + 1);
        sim_schedule_at(&sim->schedule, sim->schedule.now_us + MOMENT_US / 8, look,
                        waited_us + MOMENT_US / 8, NULL, NULL);
        return;
    }
    sim_watcher_settle(sim->watcher);
    begin_phase(sim, 0, NULL);
}

static void heal(struct sim_faults *faults)
{
    struct sim *sim = faults->sim;
    faults->on = false;
    faults->phase++;
    sim_story_tell(&sim->story, sim->schedule.now_us, "faults", "everything is healed");
    sim_network_mend_all(sim->network);
    sim_network_calm(sim->network, true);
    sim_workload_rest(sim->workload, sim->schedule.now_us + faults->options->calm_us);
    faults->twin = 0;
    for (uint32_t i = sim->options.nodes + 1; i <= sim->host_count; i++) { /* second copies */
        sim->hosts[i]->leaves = true;
        if (sim->hosts[i]->up) {
            sim_host_kill(sim->hosts[i], false, UINT64_MAX);
        }
    }
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        struct sim_host *host = sim->hosts[i];
        host->leaves = false;
        sim_disk_calm(host->disk, true);
        sim_disk_be_honest(host->disk);
        sim_disk_set_full(host->disk, false);
        set_clock(faults, host);
        /* An operator looks at each: what takes no writes for its disk's sake is started anew.
         */
        if (host->up && (host->node.engine_lost || host->node.read_back_failed ||
                         p2p_store_read_only_reason(host->node.store) != NULL)) {
            sim_host_kill(host, false, UINT64_MAX);
        }
        if (!host->up && !sim_host_start(host)) {
            replace(faults, host);
        }
    }
}

/* What is in flight is no difference: nobody asks for anything before the watcher looks. */
static void rest(struct sim *sim, uint64_t subject, void *data)
{
    (void)subject;
    (void)data;
    sim_workload_rest(sim->workload, sim->schedule.now_us + REST_US);
}

static void end_phase(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_faults *faults = sim->faults;
    uint64_t at_us = sim->schedule.now_us + faults->options->calm_us;
    (void)subject;
    (void)data;
    heal(faults);
    sim_schedule_at(&sim->schedule, at_us - REST_US, rest, 0, NULL, NULL);
    sim_schedule_at(&sim->schedule, at_us, look, 0, NULL, NULL);
}

static void begin_phase(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_faults *faults = sim->faults;
    uint64_t left =
        faults->end_us > sim->schedule.now_us ? faults->end_us - sim->schedule.now_us : 0;
    (void)subject;
    (void)data;
    if (left <= faults->options->calm_us + SIM_SECOND) {
        return; /* the run ends healed and looked at */
    }
    uint64_t phase = left - faults->options->calm_us - SIM_SECOND;
    if (phase > faults->options->phase_us) {
        phase = faults->options->phase_us;
    }
    faults->on = true;
    sim_network_calm(sim->network, false);
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        sim_disk_calm(sim->hosts[i]->disk, false);
    }
    sim_schedule_at(&sim->schedule, sim->schedule.now_us + phase, end_phase, 0, NULL, NULL);
}

bool sim_faults_are_on(const struct sim_faults *faults)
{
    return faults->on;
}

void sim_faults_start(struct sim_faults *faults, uint64_t end_us)
{
    struct sim *sim = faults->sim;
    faults->end_us = end_us;
    sim_network_calm(sim->network, true);
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        set_clock(faults, sim->hosts[i]);
    }
    sim_schedule_at(&sim->schedule, WARM_UP_US, begin_phase, 0, NULL, NULL);
    for (size_t row = 0; row < ROW_COUNT; row++) {
        if (mean_of(faults, row) > 0) {
            sim_schedule_at(&sim->schedule,
                            sim_chance_gap(&faults->chance, mean_of(faults, row)), happen, row,
                            NULL, NULL);
        }
    }
}

struct sim_faults *sim_faults_new(struct sim *sim, const struct sim_fault_options *options)
{
    struct sim_faults *faults = calloc(1, sizeof(*faults));
    p2p_assert(faults != NULL);
    faults->sim = sim;
    faults->options = options;
    faults->chance = sim_chance_of(sim->options.seed, "faults", 0);
    return faults;
}

void sim_faults_free(struct sim_faults *faults)
{
    if (faults != NULL) {
        sim_backup_free(faults->backup);
        free(faults);
    }
}
