#include "prove.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef P2P_PLANTED

#define NETWORK (1u << SIM_GROUP_NETWORK)
#define CRASH   (1u << SIM_GROUP_CRASH)
#define DISK    (1u << SIM_GROUP_DISK)
#define RESTORE (1u << SIM_GROUP_RESTORE)
#define LIARS   (1u << SIM_GROUP_LIARS)

/* No fault: all seeds are about containers most of all. */
#define CONTAINERS (1u << 31)

#define LIE(name) (1u << SIM_LIE_##name)

/* Only faults under which the code without a mistake holds every invariant: see
 * tests/simulations. */
static const struct {
    enum p2p_plant plant;
    unsigned groups;
    unsigned lies; /* bit per enum sim_lie */
    uint64_t seed;
} recorded[] = {
    {P2P_PLANT_SYNC_IGNORED, CRASH | DISK, 0, 1},
    {P2P_PLANT_COPY_LATE, RESTORE, 0, 1},
    {P2P_PLANT_COPY_UNSYNCED, NETWORK | CRASH | DISK | RESTORE, 0, 2},
    {P2P_PLANT_COSIGN_FORGOTTEN, CRASH, 0, 1},
    {P2P_PLANT_WITNESS_UNCHECKED, LIARS, LIE(TINY_FORK) | LIE(EQUIVOCATE), 2},
    {P2P_PLANT_RESTORED_COSIGNS, RESTORE, 0, 3},
    {P2P_PLANT_ARRIVAL_FOLD, NETWORK, 0, 1},
    {P2P_PLANT_ROOT_TWICE, 0, 0, 4},
    {P2P_PLANT_NUMBER_TWICE, LIARS, LIE(COPY_FORWARD), 10},
    {P2P_PLANT_ROOT_UNCOMPARED, LIARS, LIE(ALTER), 16},
    {P2P_PLANT_PAYLOAD_LESS, LIARS, LIE(WITHHOLD_PAYLOADS), 1},
    {P2P_PLANT_LIFT_ANYTHING, 0, 0, 1},
    {P2P_PLANT_CACHED_FRONTIER, RESTORE, 0, 3},
    {P2P_PLANT_SNAPSHOT_DECISION, 0, 0, 1},
    {P2P_PLANT_TINY_FORK, LIARS, LIE(TINY_FORK), 2},
    {P2P_PLANT_RELEASE_REPEATED, CONTAINERS, 0, 2},
    {P2P_PLANT_ANY_DRIVER, CONTAINERS, 0, 1},
    {P2P_PLANT_ANY_TIME, CONTAINERS, 0, 1},
    {P2P_PLANT_BLOCK_IGNORED, CONTAINERS, 0, 24},
    {P2P_PLANT_LIGHT_IGNORED, CONTAINERS, 0, 1},
    {P2P_PLANT_FROZEN_IGNORED, CONTAINERS | NETWORK, 0, 253},
    {P2P_PLANT_REASSIGN_FORGOTTEN, CONTAINERS, 0, 138},
    {P2P_PLANT_RECOUNT_FORGOTTEN, CONTAINERS | RESTORE, 0, 24},
    {P2P_PLANT_LEASE_IGNORED, CONTAINERS | NETWORK | CRASH, 0, 1},
    {P2P_PLANT_QUORUM_LESS, CONTAINERS, 0, 1},
};
enum { RECORDED_COUNT = sizeof(recorded) / sizeof(recorded[0]) };

static const struct {
    const char *word, *text;
} names[] = {
#define PLANT_NAME(name, word, text) [P2P_PLANT_##name] = {word, text},
    P2P_PLANT_MAP(PLANT_NAME)
#undef PLANT_NAME
};

/* What a run in a process of its own came to. */
struct verdict {
    bool found;
    bool died;
    enum sim_invariant invariant;
};

static struct verdict run(const struct sim_options *options, enum p2p_plant plant)
{
    struct verdict verdict = {.died = true};
    int ends[2];
    int made = pipe(ends);
    p2p_assert(made == 0);
    fflush(NULL);
    pid_t pid = fork();
    p2p_assert(pid >= 0);
    if (pid == 0) {
        struct sim sim;
        p2p_planted = plant;
        close(ends[0]);
        FILE *quiet = freopen("/dev/null", "w", stderr);
        p2p_assert(quiet != NULL);
        sim_run(&sim, options, NULL);
        const uint8_t told[2] = {sim.violation.found, (uint8_t)sim.violation.invariant};
        ssize_t wrote = write(ends[1], told, sizeof(told));
        _exit(wrote == sizeof(told) ? 0 : 1);
    }
    uint8_t told[2];
    close(ends[1]);
    if (read(ends[0], told, sizeof(told)) == sizeof(told)) {
        verdict =
            (struct verdict){.found = told[0] != 0, .invariant = (enum sim_invariant)told[1]};
    }
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return verdict;
}

/* What a seed shows of a mistake counts only when it shows nothing without it. */
static bool holds_without(const struct sim_options *options)
{
    struct verdict verdict = run(options, P2P_PLANT_NOTHING);
    return !verdict.died && !verdict.found;
}

static void tell(const char *found, enum p2p_plant plant, uint64_t seed, const char *by)
{
    printf("%-10s %-18s seed %-4" PRIu64 " %-18s %s\n", found, names[plant].word, seed, by,
           names[plant].text);
    fflush(stdout);
}

/* A run that an assertion ends is told, and shows nothing of the invariants. */
static bool prove_one(const struct sim_command *command, size_t i)
{
    struct sim_options options = sim_options_with(&command->run, recorded[i].groups);
    options.adversary.lies = recorded[i].lies;
    options.workload.custody_every =
        (recorded[i].groups & CONTAINERS) != 0 ? 1 : options.workload.custody_every;
    uint64_t count = command->recorded ? SIM_RECORDED_SEEDS : SIM_PROVE_SEEDS;
    uint64_t first = command->recorded ? recorded[i].seed : command->run.seed;
    for (uint64_t n = 0; n < count; n++) {
        options.seed = first + n;
        struct verdict verdict = run(&options, recorded[i].plant);
        if (verdict.died) {
            tell("died", recorded[i].plant, options.seed, "an assertion");
        } else if (verdict.found && holds_without(&options)) {
            tell("found", recorded[i].plant, options.seed,
                 sim_invariant_word(verdict.invariant));
            return true;
        }
        if (isatty(STDERR_FILENO)) {
            fprintf(stderr, "\r\x1b[K%s: %" PRIu64 " of %" PRIu64 " seeds",
                    names[recorded[i].plant].word, n + 1, count);
        }
    }
    tell("NOT FOUND", recorded[i].plant, first + count - 1, "");
    return false;
}

bool sim_plant(const char *word, uint32_t *plant)
{
    for (uint32_t i = 0; i < P2P_PLANT_COUNT; i++) {
        if (strcmp(names[i].word, word) == 0) {
            p2p_planted = (enum p2p_plant)i;
            *plant = i;
            return true;
        }
    }
    return false;
}

int sim_prove(const struct sim_command *command)
{
    size_t found = 0;
    size_t count = 0;
    for (size_t i = 0; i < RECORDED_COUNT; i++) {
        if (command->plant == P2P_PLANT_NOTHING || command->plant == recorded[i].plant) {
            found += prove_one(command, i);
            count++;
        }
    }
    printf("%zu of %zu mistakes found\n", found, count);
    return found == count ? 0 : 1;
}

#else

bool sim_plant(const char *word, uint32_t *plant)
{
    (void)word;
    *plant = P2P_PLANT_NOTHING;
    return false;
}

int sim_prove(const struct sim_command *command)
{
    (void)command;
    fprintf(stderr,
            "sim: no mistake can be planted in this build; ./dev sim --prove makes one\n");
    return 2;
}

#endif
