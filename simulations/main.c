/* ./dev sim */
#include "many.h"
#include "prove.h"
#include "report.h"
#include "sweep.h"

#include <p2p/hash.h>

#include <time.h>

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int one(const struct sim_command *command)
{
    struct sim sim;
    struct sim_report report;
    double start = seconds();
    sim_run(&sim, &command->run, command->story ? stdout : NULL);
    sim_report_make(&report, &sim);
    if (sim.violation.found && !command->story) {
        sim_story_print(&sim.story, stderr);
    }
    if (command->json) {
        sim_report_json(&report, &command->run, stdout);
    } else {
        sim_report_print(&report, &command->run, stdout);
    }
    fprintf(stderr, "sim: took %.1f s\n", seconds() - start);
    int status = sim.violation.found ? 1 : 0;
    sim_end(&sim);
    return status;
}

int main(int argc, char **argv)
{
    struct sim_command command;
    int status = 0;
    if (!sim_command_read(&command, argc, argv, &status)) {
        return status;
    }
    if (p2p_crypto_init() != P2P_OK) {
        fprintf(stderr, "sim: the crypto library cannot be started\n");
        return 3;
    }
    switch (command.mode) {
    case SIM_ONE:
        return one(&command);
    case SIM_MANY:
        return sim_many(&command);
    case SIM_PROVE:
        return sim_prove(&command);
    case SIM_SWEEP:
        return sim_sweep(&command);
    }
    return 2;
}
