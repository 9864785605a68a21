#include "many.h"
#include "report.h"

#include <p2p/assert.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_EVERY_S 0.2
#define SAY_EVERY_S  30.0 /* without a terminal */

struct runner {
    pid_t pid; /* 0: idle */
    uint64_t seed;
};

struct crowd {
    const struct sim_command *command;
    struct runner *runners;
    uint64_t begun, ended;
    double start_s, said_s;
    bool live;
    bool failed;
    uint64_t failed_seed; /* the lowest so far */
    int failed_status;
};

static volatile sig_atomic_t interrupted; /* by which signal */

static void interrupt(int signal)
{
    interrupted = signal;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct sim_options options_of(const struct sim_command *command, uint64_t i)
{
    struct sim_options options = command->run;
    options.seed = command->run.seed + i;
    if (command->real_every > 0 && options.seed % command->real_every == 0) {
        options.real_signatures = true;
    }
    if (command->pair_every > 0 && options.seed % command->pair_every == 1) {
        sim_options_liars(&options, 2);
    }
    return options;
}

/* In the child: 0 when every invariant held, else the run is told on stderr. */
static int run_one(const struct sim_command *command, uint64_t i)
{
    struct sim sim;
    struct sim_report report;
    const struct sim_options options = options_of(command, i);
    sim_run(&sim, &options, NULL);
    bool found = sim.violation.found;
    if (found) {
        fputc('\n', stderr);
        sim_story_print(&sim.story, stderr);
        sim_report_make(&report, &sim);
        sim_report_print(&report, &options, stderr);
        fflush(stderr);
    }
    sim_end(&sim);
    return found ? 1 : 0;
}

static void begin(struct crowd *crowd, struct runner *runner)
{
    uint64_t i = crowd->begun++;
    runner->seed = crowd->command->run.seed + i;
    fflush(NULL);
    runner->pid = fork();
    p2p_assert(runner->pid >= 0);
    if (runner->pid == 0) {
        _exit(run_one(crowd->command, i));
    }
}

static void show(struct crowd *crowd, bool last)
{
    double now = seconds();
    if (!last && now - crowd->said_s < (crowd->live ? LINE_EVERY_S : SAY_EVERY_S)) {
        return;
    }
    crowd->said_s = now;
    double rate = (double)crowd->ended / (now - crowd->start_s + 1e-9);
    uint64_t left = crowd->command->seeds - crowd->ended;
    if (crowd->live) {
        int width = 30;
        int full = (int)((uint64_t)width * crowd->ended / crowd->command->seeds);
        fprintf(stderr,
                "\r\x1b[K[%.*s%*s] %" PRIu64 " of %" PRIu64 " seeds, %.1f/s, %.0f s left", full,
                "##############################", width - full, "", crowd->ended,
                crowd->command->seeds, rate, (double)left / (rate + 1e-9));
        if (last) {
            fputc('\n', stderr);
        }
    } else {
        fprintf(stderr, "... %" PRIu64 " of %" PRIu64 " seeds, %.1f/s\n", crowd->ended,
                crowd->command->seeds, rate);
    }
}

/* The lowest seed that did not end; behind all that began when none runs. */
static uint64_t lowest_running(const struct crowd *crowd)
{
    uint64_t lowest = crowd->command->run.seed + crowd->begun;
    for (uint32_t i = 0; i < crowd->command->jobs; i++) {
        const struct runner *runner = &crowd->runners[i];
        lowest = runner->pid != 0 && runner->seed < lowest ? runner->seed : lowest;
    }
    return lowest;
}

/* All of them ended, or one failed and all below it ended: which one is told hangs on no time.
 */
static bool over(const struct crowd *crowd)
{
    return crowd->failed ? lowest_running(crowd) > crowd->failed_seed
                         : crowd->ended == crowd->command->seeds;
}

/* Where to go on after a run that was cut short: behind the seed that failed, else at the
 * lowest that did not end. */
static void tell_rest(const struct crowd *crowd)
{
    const struct sim_command *command = crowd->command;
    uint64_t end = command->run.seed + command->seeds;
    uint64_t next =
        crowd->failed && over(crowd) ? crowd->failed_seed + 1 : lowest_running(crowd);
    if (next < end) {
        fprintf(stderr,
                "sim: to go on, the same command with --seed %" PRIu64 " --seeds %" PRIu64 "\n",
                next, end - next);
    }
}

static void stop_all(struct crowd *crowd)
{
    for (uint32_t i = 0; i < crowd->command->jobs; i++) {
        if (crowd->runners[i].pid != 0) {
            kill(crowd->runners[i].pid, SIGKILL);
            waitpid(crowd->runners[i].pid, NULL, 0);
            crowd->runners[i].pid = 0;
        }
    }
}

static void take_end(struct crowd *crowd, pid_t pid, int status)
{
    for (uint32_t i = 0; i < crowd->command->jobs; i++) {
        struct runner *runner = &crowd->runners[i];
        if (runner->pid == pid) {
            runner->pid = 0;
            crowd->ended++;
            if (status != 0 && (!crowd->failed || runner->seed < crowd->failed_seed)) {
                crowd->failed = true;
                crowd->failed_seed = runner->seed;
                crowd->failed_status = status;
            }
        }
    }
}

static void wait_for_one(struct crowd *crowd)
{
    int status;
    pid_t pid = waitpid(-1, &status, crowd->live ? WNOHANG : 0);
    if (pid > 0) {
        take_end(crowd, pid, status);
    } else if (pid == 0) {
        const struct timespec moment = {0, 50 * 1000 * 1000};
        nanosleep(&moment, NULL);
    } else {
        p2p_assert(errno == EINTR);
    }
}

static int conclude(const struct crowd *crowd)
{
    uint64_t first = crowd->command->run.seed;
    fprintf(stderr, "sim: took %.0f s\n", seconds() - crowd->start_s);
    if (interrupted && !over(crowd)) {
        return 128 + interrupted;
    }
    if (!crowd->failed) {
        if (crowd->command->json) {
            printf("{\"seeds\": %" PRIu64 ", \"first\": %" PRIu64 ", \"violation\": null}\n",
                   crowd->ended, first);
        } else {
            printf("%" PRIu64 " seeds from %" PRIu64 " on, every invariant held\n",
                   crowd->ended, first);
        }
        return 0;
    }
    if (WIFSIGNALED(crowd->failed_status)) {
        fprintf(stderr, "sim: seed %" PRIu64 " ended by signal %d\n", crowd->failed_seed,
                WTERMSIG(crowd->failed_status));
    }
    uint64_t held = crowd->failed_seed - first;
    if (crowd->command->json) {
        printf("{\"seeds\": %" PRIu64 ", \"first\": %" PRIu64 ", \"failed\": %" PRIu64 "}\n",
               held + 1, first, crowd->failed_seed);
    } else {
        printf("seed %" PRIu64 " failed, %" PRIu64
               " before it held; run it alone with --seed %" PRIu64 " --story\n",
               crowd->failed_seed, held, crowd->failed_seed);
    }
    return 1;
}

int sim_many(const struct sim_command *command)
{
    struct crowd crowd = {.command = command,
                          .start_s = seconds(),
                          .said_s = seconds(),
                          .live = isatty(STDERR_FILENO) != 0 && !command->json};
    const struct sigaction action = {.sa_handler = interrupt};
    crowd.runners = calloc(command->jobs, sizeof(*crowd.runners));
    p2p_assert(crowd.runners != NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    while (!over(&crowd) && !interrupted) {
        for (uint32_t i = 0; i < command->jobs; i++) {
            if (crowd.runners[i].pid == 0 && crowd.begun < command->seeds && !crowd.failed) {
                begin(&crowd, &crowd.runners[i]);
            }
        }
        wait_for_one(&crowd);
        show(&crowd, false);
    }
    if (crowd.live) {
        show(&crowd, true);
    }
    if (crowd.ended < command->seeds) {
        tell_rest(&crowd);
    }
    int status = conclude(&crowd);
    stop_all(&crowd);
    free(crowd.runners);
    return status;
}
