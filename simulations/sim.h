/* One run: a federation of real nodes in one process, on simulated disks, clocks and lines.
 *
 * Everything that happens follows from the seed, the options and the code: same three, same
 * run, byte for byte. A run lasts `hours` of simulated time; faults happen in phases, and after
 * each phase everything is healed and looked at.
 *
 *     workload, faults, adversary --> host (p2p_writer_run) --> network --> host
 *                                        |                        |
 *                                        +------> watcher <-------+ */
#ifndef SIM_H
#define SIM_H

#include "fault/adversary.h"
#include "fault/fault.h"
#include "machine/clock.h"
#include "machine/disk.h"
#include "machine/host.h"
#include "machine/sigs.h"
#include "network/network.h"
#include "schedule.h"
#include "story.h"
#include "watch/invariant.h"
#include "workload/federation.h"
#include "workload/workload.h"

#define SIM_HOSTS_MAX (SIM_MEMBERS_MAX + 8u)

struct sim_options {
    uint64_t seed;
    uint32_t nodes;     /* members that run */
    uint32_t joiners;   /* of them: the last ones, which the charter admits later */
    uint32_t witnesses; /* of each feed */
    uint64_t length_us;
    bool real_signatures;   /* Ed25519 instead of its twin */
    bool unwatched;         /* without the watcher: for figures */
    uint32_t full_mesh_max; /* members; 0: the node's own bound */
    struct sim_network_options network;
    struct sim_disk_options disk;
    struct sim_clock_options clock;
    struct sim_fault_options fault;
    struct sim_adversary_options adversary;
    struct sim_workload_options workload;
};

struct sim_violation {
    bool found;
    enum sim_invariant invariant;
    uint64_t at_us;
    char text[400];
};

struct sim {
    struct sim_options options;
    struct sim_schedule schedule;
    struct sim_story story;
    struct sim_federation federation;
    struct sim_host **hosts; /* [0] unused */
    uint32_t host_count;
    struct sim_network *network;
    struct sim_workload *workload;
    struct sim_adversary *adversary;
    struct sim_faults *faults;
    struct sim_watcher *watcher;
    struct p2p_sigs_pool *sigs;
    /* Told of what each batch leaves behind, after the watcher; or NULL. */
    void (*observe)(struct sim *sim, struct sim_host *host, const struct p2p_actions *actions);
    void *observed_by;
    struct sim_violation violation; /* the first; the run ends with it */
};

/* The defaults of `./dev sim`: 7 nodes, 24 hours, 5,000 records, every fault. */
struct sim_options sim_options_default(void);
/* Many short runs: 5 nodes, 10 minutes, as much happening as in hours of the former. */
struct sim_options sim_options_short(void);
/* What they are for their seed: some seeds have another workload. */
struct sim_options sim_options_of_seed(const struct sim_options *options);
/* Runs to the end or to the first violation; live: where the story is also told at once, or
 * NULL. sim_end frees what the run holds. */
void sim_run(struct sim *sim, const struct sim_options *options, FILE *live);
void sim_end(struct sim *sim);
/* The parts of a run, for tests: everything built, started, and nothing asked of it; then time
 * passes. */
void sim_begin(struct sim *sim, const struct sim_options *options, FILE *live);
void sim_go(struct sim *sim, uint64_t until_us);
/* Gives a machine the first `size` charter entries, as `init` lays them in a new store. */
void sim_lay_charter(struct sim *sim, struct sim_host *host, uint64_t size);

/* The first violation counts; the run ends after the event that runs. */
void sim_violate(struct sim *sim, enum sim_invariant invariant, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
uint64_t sim_now_ms(const struct sim *sim); /* true POSIX time */

#endif
