/* What a run came to, in words or as JSON: the same for the same seed, options and version. */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "sim.h"

struct sim_report {
    uint64_t seed;
    struct sim_violation violation;
    uint64_t simulated_us;
    uint64_t digest[2]; /* of the whole story: equal for equal runs */
    uint64_t batches, crashes;
    uint64_t records; /* in all feeds of the machine that holds most */
    struct sim_network_count network;
    struct sim_workload_count workload;
};

void sim_report_make(struct sim_report *report, const struct sim *sim);
void sim_report_print(const struct sim_report *report, const struct sim_options *options,
                      FILE *out);
void sim_report_json(const struct sim_report *report, const struct sim_options *options,
                     FILE *out);

#endif
