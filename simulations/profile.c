/* What a run is when nothing else is asked. */
#include "sim.h"

struct sim_options sim_options_default(void)
{
    const struct sim_options options = {
        .seed = 1,
        .nodes = 7,
        .witnesses = 6,
        .length_us = 24 * SIM_HOUR,
        .network = {.delay_us = 20 * SIM_MS,
                    .loss_permille = 10,
                    .bytes_per_ms = 16,
                    .slow_permille = 100,
                    .drop_permille = 1,
                    .double_permille = 1,
                    .swap_permille = 1,
                    .reset_mean_us = 20 * SIM_MINUTE,
                    .cut_mean_us = 60 * SIM_MINUTE,
                    .cut_length_us = 10 * SIM_MINUTE,
                    .one_way_permille = 300},
        .disk = {.commit_us = 2 * SIM_MS,
                 .failed_sync_permille = 1,
                 .power_after_effects = 20000,
                 .lying = true},
        .clock = {.skew_ms = 2000,
                  .year_off_permille = 300,
                  .back_permille = 400,
                  .frozen_permille = 300},
        .fault = {.phase_us = 110 * SIM_MINUTE,
                  .calm_us = 10 * SIM_MINUTE,
                  .kill_mean_us = 30 * SIM_MINUTE,
                  .power_mean_us = 60 * SIM_MINUTE,
                  .disk_mean_us = 6 * SIM_HOUR,
                  .restore_mean_us = 12 * SIM_HOUR,
                  .loss_mean_us = 24 * SIM_HOUR,
                  .copy_mean_us = 24 * SIM_HOUR,
                  .twin_mean_us = 24 * SIM_HOUR,
                  .leave_mean_us = 6 * SIM_HOUR,
                  .clock_mean_us = 4 * SIM_HOUR},
        .adversary = {.liars = 1, .lie_mean_us = 60 * SIM_MINUTE, .lies = UINT32_MAX},
        .workload = {.records = 5000,
                     .decisions = 550,
                     .bans = 270,
                     .other = 50,
                     .charter = 50,
                     .custody = 50,
                     .wrong = 100,
                     .renew_after_us = 10 * SIM_MINUTE,
                     .subjects = 10000,
                     .boxes = 4,
                     .lease_s = 3600,
                     .burst_records = 500,
                     .burst_every_us = 6 * SIM_HOUR,
                     .burst_us = SIM_MINUTE}};
    return options;
}

struct sim_options sim_options_of_seed(const struct sim_options *options)
{
    struct sim_options own = *options;
    uint32_t every = options->workload.custody_every;
    if (every != 0 && options->seed % every == 0) {
        own.workload.custody = 600;
        own.workload.decisions = 150;
        own.workload.bans = 120;
        own.workload.other = 30;
        own.workload.boxes = 3;
        own.workload.lease_s = 60;
        own.workload.passing_on = true;
    }
    return own;
}

struct sim_options sim_options_short(void)
{
    struct sim_options options = sim_options_default();
    options.nodes = 5;
    options.joiners = 1;
    options.witnesses = 4;
    options.length_us = 10 * SIM_MINUTE;
    options.network.reset_mean_us = 60 * SIM_SECOND;
    options.network.cut_mean_us = 90 * SIM_SECOND;
    options.network.cut_length_us = 40 * SIM_SECOND;
    options.disk.power_after_effects = 400;
    options.disk.failed_sync_permille = 2;
    options.network.drop_permille = 2;
    options.network.double_permille = 2;
    options.network.swap_permille = 2;
    options.fault = (struct sim_fault_options){.phase_us = 150 * SIM_SECOND,
                                               .calm_us = 70 * SIM_SECOND,
                                               .kill_mean_us = 60 * SIM_SECOND,
                                               .power_mean_us = 90 * SIM_SECOND,
                                               .disk_mean_us = 5 * SIM_MINUTE,
                                               .restore_mean_us = 5 * SIM_MINUTE,
                                               .loss_mean_us = 20 * SIM_MINUTE,
                                               .copy_mean_us = 20 * SIM_MINUTE,
                                               .twin_mean_us = 20 * SIM_MINUTE,
                                               .leave_mean_us = 10 * SIM_MINUTE,
                                               .clock_mean_us = 4 * SIM_MINUTE,
                                               .old_version_permille = 300};
    options.adversary.lie_mean_us = 60 * SIM_SECOND;
    options.workload.records = 300;
    options.workload.rivals = 30;
    options.workload.renew_after_us = SIM_MINUTE;
    options.workload.decisions = 400;
    options.workload.custody = 250;
    options.workload.subjects = 60;
    options.workload.boxes = 5;
    options.workload.lease_s = 120;
    options.workload.custody_every = 4;
    options.workload.burst_records = 60;
    options.workload.burst_every_us = 5 * SIM_MINUTE;
    options.workload.burst_us = 10 * SIM_SECOND;
    return options;
}
