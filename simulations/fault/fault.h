/* What happens to machines as a whole, in phases: some minutes of faults, then everything is
 * healed, the run waits, and the watcher looks. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "chance.h"

struct sim;

/* The system promises every invariant under all of these; what a node does about each is in
 * DESIGN's "Restart and restore". */
struct sim_fault_options {
    uint64_t phase_us;        /* length of a phase of faults */
    uint64_t calm_us;         /* after it; at least 60 s */
    uint64_t kill_mean_us;    /* between processes that die */
    uint64_t power_mean_us;   /* between power failures */
    uint64_t disk_mean_us;    /* between disks that fill up, lie, flip a bit or tear a page */
    uint64_t restore_mean_us; /* between old backups that are put back */
    uint64_t loss_mean_us;    /* between machines that are lost with all they have */
    uint64_t copy_mean_us;    /* between copies that are lost */
    uint64_t twin_mean_us;    /* between members that run twice by mistake */
    uint64_t leave_mean_us;   /* between nodes that leave for a while */
    uint64_t clock_mean_us;   /* between clocks that go wrong: see clock.h */
    /* Of members: their machines know neither ban-amend nor ban-suspend nor ban-resume.
     * Promised: they keep and pass on what they do not know, reach the same frontiers and
     * leaves digests, are blocked by nothing, and their gates refuse by all bans of the kinds
     * they do know; what only the newer version knows, they let pass. Not promised: the same
     * bans in force. */
    uint32_t old_version_permille;
};

struct sim_faults;
/* options: borrowed. */
struct sim_faults *sim_faults_new(struct sim *sim, const struct sim_fault_options *options);
void sim_faults_free(struct sim_faults *faults);
void sim_faults_start(struct sim_faults *faults, uint64_t end_us);

/* Whether something may go wrong now; else everything is being healed and looked at. */
bool sim_faults_are_on(const struct sim_faults *faults);

#endif
