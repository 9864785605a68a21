#include "sim.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define SCANS    300u                    /* in a run: of who could release what */
#define BEGIN_MS UINT64_C(1750000000000) /* true POSIX time when every run begins */

uint64_t sim_now_ms(const struct sim *sim)
{
    return BEGIN_MS + sim->schedule.now_us / SIM_MS;
}

/* ---- the charter, laid in a new member's store as `init` does ---- */

struct laying {
    struct p2p_work work;
    struct p2p_job job;
};

static void lay_start(struct p2p_work *work, struct p2p_node *node)
{
    struct laying *laying = work->context;
    p2p_work_job(node, &laying->job);
}

static void lay_finish(struct p2p_work *work, struct p2p_node *node)
{
    (void)work;
    (void)node;
}

static void lay_fail(struct p2p_work *work, struct p2p_node *node, enum p2p_err err)
{
    (void)work;
    (void)node;
    (void)err;
}

static void lay_release(struct p2p_work *work)
{
    free(work->context);
}

void sim_lay_charter(struct sim *sim, struct sim_host *host, uint64_t size)
{
    for (uint64_t i = 0; i < size; i++) {
        const struct sim_entry *entry = &sim->federation.entries[i];
        struct laying *laying = calloc(1, sizeof(*laying));
        p2p_assert(laying != NULL);
        laying->job.type = P2P_JOB_CHARTER;
        laying->job.charter.index = i;
        laying->job.charter.leaf = p2p_slice_of(entry->leaf, entry->leaf_len);
        laying->job.charter.note = p2p_slice_of((const uint8_t *)entry->note, entry->note_len);
        laying->work = (struct p2p_work){.start = lay_start,
                                         .finish = lay_finish,
                                         .fail = lay_fail,
                                         .release = lay_release,
                                         .context = laying};
        if (!sim_host_work(host, &laying->work)) {
            lay_release(&laying->work);
        }
    }
}

/* ---- a run ---- */

static void build(struct sim *sim)
{
    const struct sim_options *options = &sim->options;
    const struct sim_federation_options federation = {.members = options->nodes,
                                                      .admitted =
                                                          options->nodes - options->joiners,
                                                      .witnesses = options->witnesses,
                                                      .officers = 3,
                                                      .lease_s = options->workload.lease_s};
    sim->sigs = sim_sigs_new(options->real_signatures);
    sim_federation_init(&sim->federation, &federation, options->seed,
                        p2p_sigs_pool_sigs(sim->sigs));
    sim->hosts = calloc(SIM_HOSTS_MAX + 1, sizeof(struct sim_host *));
    p2p_assert(sim->hosts != NULL);
    sim->network = sim_network_new(sim, &options->network);
    sim->watcher = options->unwatched ? NULL : sim_watcher_new(sim);
    sim->workload = sim_workload_new(sim, &options->workload);
    sim->adversary = sim_adversary_new(sim, &options->adversary);
    sim->faults = sim_faults_new(sim, &options->fault);
    for (uint32_t i = 1; i <= options->nodes; i++) {
        sim->hosts[i] = sim_host_new(sim, i, &sim->federation.members[i]);
        sim->host_count = i;
    }
    for (uint32_t i = 1; i <= options->nodes; i++) {
        if (sim_host_start(sim->hosts[i])) {
            sim_lay_charter(sim, sim->hosts[i], sim->federation.entry_count);
        }
    }
}

void sim_begin(struct sim *sim, const struct sim_options *options, FILE *live)
{
    *sim = (struct sim){.options = sim_options_of_seed(options)};
    sim_schedule_init(&sim->schedule);
    sim_story_init(&sim->story);
    sim->story.live = live;
    build(sim);
}

void sim_go(struct sim *sim, uint64_t until_us)
{
    struct sim_event event;
    while (!sim->violation.found && sim_schedule_take(&sim->schedule, until_us, &event)) {
        event.run(sim, event.subject, event.data);
    }
}

/* The watcher looks now and then, and each time that a container leaves. */
static void scan(struct sim *sim, uint64_t every_us, void *data)
{
    (void)data;
    sim_watcher_scan(sim->watcher);
    if (sim->schedule.now_us + every_us < sim->options.length_us) {
        sim_schedule_at(&sim->schedule, sim->schedule.now_us + every_us, scan, every_us, NULL,
                        NULL);
    }
}

void sim_run(struct sim *sim, const struct sim_options *options, FILE *live)
{
    sim_begin(sim, options, live);
    sim_workload_start(sim->workload, options->length_us);
    sim_adversary_start(sim->adversary, options->length_us);
    sim_faults_start(sim->faults, options->length_us);
    if (sim->watcher != NULL && options->workload.custody > 0) {
        scan(sim, options->length_us / SCANS + SIM_MS, NULL);
    }
    sim_go(sim, options->length_us);
}

void sim_end(struct sim *sim)
{
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        if (sim->hosts[i]->up) {
            sim_host_kill(sim->hosts[i], false, UINT64_MAX);
        }
    }
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        sim_host_free(sim->hosts[i]);
    }
    sim_faults_free(sim->faults);
    sim_adversary_free(sim->adversary);
    sim_workload_free(sim->workload);
    sim_watcher_free(sim->watcher);
    sim_network_free(sim->network);
    free(sim->hosts);
    sim_federation_deinit(&sim->federation);
    p2p_sigs_pool_close(sim->sigs);
    sim_schedule_deinit(&sim->schedule);
    sim_story_deinit(&sim->story);
    *sim = (struct sim){0};
}
