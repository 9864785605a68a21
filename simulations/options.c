#include "options.h"

#include "prove.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NIGHTLY_SEEDS      10000u
#define NIGHTLY_REAL_EVERY 50u
#define NIGHTLY_PAIR_EVERY 40u
#define LIARS_MAX          ((P2P_WITNESSES_MAX - 1) / 3)
#define HOURS_MAX          (24.0 * 366 * 5)

static const char *const words[] = {
#define GROUP_WORD(name, word, text) word,
    SIM_FAULT_GROUP_MAP(GROUP_WORD)
#undef GROUP_WORD
};
static const char *const texts[] = {
#define GROUP_TEXT(name, word, text) text,
    SIM_FAULT_GROUP_MAP(GROUP_TEXT)
#undef GROUP_TEXT
};

/* ---- profiles ---- */

static void without_network(struct sim_network_options *network)
{
    network->loss_permille = 0;
    network->slow_permille = 0;
    network->reset_mean_us = 0;
    network->cut_mean_us = 0;
}

struct sim_options sim_options_with(const struct sim_options *options, unsigned groups)
{
    struct sim_options out = *options;
    if ((groups & 1u << SIM_GROUP_NETWORK) == 0) {
        without_network(&out.network);
    }
    if ((groups & 1u << SIM_GROUP_FRAMES) == 0) {
        out.network.drop_permille = 0;
        out.network.double_permille = 0;
        out.network.swap_permille = 0;
    }
    if ((groups & 1u << SIM_GROUP_CRASH) == 0) {
        out.fault.kill_mean_us = 0;
        out.fault.power_mean_us = 0;
        out.disk.power_after_effects = 0;
    }
    if ((groups & 1u << SIM_GROUP_DISK) == 0) {
        out.fault.disk_mean_us = 0;
        out.disk.failed_sync_permille = 0;
        out.disk.lying = false;
    }
    if ((groups & 1u << SIM_GROUP_CLOCK) == 0) {
        out.fault.clock_mean_us = 0;
    }
    if ((groups & 1u << SIM_GROUP_RESTORE) == 0) {
        out.fault.restore_mean_us = 0;
        out.fault.copy_mean_us = 0;
        out.fault.loss_mean_us = 0;
    }
    if ((groups & 1u << SIM_GROUP_TWIN) == 0) {
        out.fault.twin_mean_us = 0;
    }
    if ((groups & 1u << SIM_GROUP_LEAVE) == 0) {
        out.fault.leave_mean_us = 0;
    }
    if ((groups & 1u << SIM_GROUP_VERSIONS) == 0) {
        out.fault.old_version_permille = 0;
    }
    if ((groups & 1u << SIM_GROUP_JOIN) == 0) {
        out.joiners = 0;
    }
    if ((groups & 1u << SIM_GROUP_RIVALS) == 0) {
        out.workload.rivals = 0;
    }
    if ((groups & 1u << SIM_GROUP_LIARS) == 0) {
        out.adversary.liars = 0;
    }
    return out;
}

void sim_options_liars(struct sim_options *options, uint32_t liars)
{
    uint32_t witnesses = 3 * liars + 1;
    options->adversary.liars = liars;
    options->witnesses = options->witnesses > witnesses ? options->witnesses : witnesses;
    uint32_t nodes = options->witnesses + 1 + options->joiners;
    options->nodes = options->nodes > nodes ? options->nodes : nodes;
}

/* Whether this group of faults is one of that profile's: some are of short runs alone. */
static bool acts(const struct sim_options *options, int group)
{
    const struct sim_network_options *network = &options->network;
    switch ((enum sim_fault_group)group) {
    case SIM_GROUP_FRAMES:
        return network->drop_permille + network->double_permille + network->swap_permille > 0;
    case SIM_GROUP_VERSIONS:
        return options->fault.old_version_permille > 0;
    case SIM_GROUP_JOIN:
        return options->joiners > 0;
    case SIM_GROUP_RIVALS:
        return options->workload.rivals > 0;
    default:
        return true;
    }
}

/* ---- the command line ---- */

static void help(void)
{
    printf(
        "usage: ./dev sim [OPTIONS]\n\n"
        "Runs a federation of real nodes on simulated disks, clocks and lines. The same seed, "
        "options and\n"
        "version make the same run, byte for byte.\n\n"
        "  --seed N          the run, or the first of many (1)\n"
        "  --seeds N         so many runs, on all cores; ends at the lowest with a violation\n"
        "  --jobs N          runs at once (one per core)\n"
        "  --nodes N         members (7)\n"
        "  --hours H         simulated length, may be a fraction (24)\n"
        "  --liars N         members that lie at once, with the witnesses that bear them (1)\n"
        "  --records N       about so many, in the whole run (5000)\n"
        "  --faults LIST     all, none, or some of those below, with commas (all)\n"
        "  --real-signatures Ed25519 instead of its twin\n"
        "  --story           tell everything as it happens\n"
        "  --nightly         10,000 seeds of 10 minutes with 5 nodes, one in 50 with real "
        "signatures,\n"
        "                    one in 40 with two liars at once among 9 nodes\n"
        "  --prove           plant known mistakes, one at a time, and show that each is found\n"
        "  --sweep [--out D] time, traffic and memory for 7 to 1,000 nodes; with --nodes for "
        "that "
        "many\n"
        "  --json            the summary as JSON\n\n"
        "Faults:\n");
    for (int i = 0; i < SIM_GROUP_COUNT; i++) {
        printf("  %-10s %s\n", words[i], texts[i]);
    }
    printf("\nExit: 0 every invariant held, 1 a violation, 2 usage.\n");
}

static bool wrong(int *status, const char *what, const char *value)
{
    fprintf(stderr, "sim: %s %s; see ./dev sim --help\n", what, value);
    *status = 2;
    return false;
}

static bool read_number(const char *text, uint64_t least, uint64_t most, uint64_t *out)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < least ||
        value > most) {
        return false;
    }
    *out = value;
    return true;
}

static bool read_groups(const char *text, unsigned *groups)
{
    *groups = 0;
    if (strcmp(text, "none") == 0) {
        return true;
    }
    if (strcmp(text, "all") == 0) {
        *groups = (1u << SIM_GROUP_COUNT) - 1;
        return true;
    }
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        int i = 0;
        while (i < SIM_GROUP_COUNT &&
               (strlen(words[i]) != len || strncmp(words[i], text, len) != 0)) {
            i++;
        }
        if (i == SIM_GROUP_COUNT) {
            return false;
        }
        *groups |= 1u << i;
        text += len + (text[len] == ',');
    }
    return true;
}

enum {
    SEED = 256,
    SEEDS,
    JOBS,
    NODES,
    HOURS,
    LIARS,
    RECORDS,
    FAULTS,
    REAL,
    STORY,
    SHORT,
    NIGHTLY,
    PROVE,
    RECORDED,
    PLANT,
    SWEEP,
    OUT,
    JSON,
    HELP
};

static const struct option longs[] = {{"seed", required_argument, NULL, SEED},
                                      {"seeds", required_argument, NULL, SEEDS},
                                      {"jobs", required_argument, NULL, JOBS},
                                      {"nodes", required_argument, NULL, NODES},
                                      {"hours", required_argument, NULL, HOURS},
                                      {"records", required_argument, NULL, RECORDS},
                                      {"liars", required_argument, NULL, LIARS},
                                      {"faults", required_argument, NULL, FAULTS},
                                      {"real-signatures", no_argument, NULL, REAL},
                                      {"story", no_argument, NULL, STORY},
                                      {"short", no_argument, NULL, SHORT},
                                      {"nightly", no_argument, NULL, NIGHTLY},
                                      {"prove", no_argument, NULL, PROVE},
                                      {"recorded", no_argument, NULL, RECORDED},
                                      {"plant", required_argument, NULL, PLANT},
                                      {"sweep", no_argument, NULL, SWEEP},
                                      {"out", required_argument, NULL, OUT},
                                      {"json", no_argument, NULL, JSON},
                                      {"help", no_argument, NULL, HELP},
                                      {NULL, 0, NULL, 0}};

static bool read_hours(const char *text, uint64_t *length_us)
{
    char *end;
    double hours = strtod(text, &end);
    if (end == text || *end != '\0' || !(hours >= 0.1) || hours > HOURS_MAX) {
        return false;
    }
    *length_us = (uint64_t)(hours * (double)SIM_HOUR);
    return true;
}

/* One option; false when its value is not one. */
static bool take(struct sim_command *command, int option, const char *value)
{
    struct sim_options *run = &command->run;
    uint64_t number = 0;
    switch (option) {
    case SEED:
        return read_number(value, 0, UINT64_MAX, &run->seed);
    case SEEDS:
        command->mode = SIM_MANY;
        return read_number(value, 1, 100000000, &command->seeds);
    case JOBS:
        if (!read_number(value, 1, 256, &number)) {
            return false;
        }
        command->jobs = (uint32_t)number;
        return true;
    case NODES:
        if (!read_number(value, 2, SIM_MEMBERS_MAX, &number)) {
            return false;
        }
        run->nodes = (uint32_t)number;
        command->only_nodes = run->nodes;
        return true;
    case HOURS:
        return read_hours(value, &run->length_us);
    case LIARS:
        if (!read_number(value, 1, LIARS_MAX, &number)) {
            return false;
        }
        command->liars = (uint32_t)number;
        return true;
    case RECORDS:
        return read_number(value, 0, 100000000, &run->workload.records);
    case FAULTS:
        command->named = strcmp(value, "all") != 0;
        return read_groups(value, &command->groups);
    case REAL:
        run->real_signatures = true;
        return true;
    case STORY:
        command->story = true;
        return true;
    case SHORT:
    case NIGHTLY: /* taken before: see take_profile */
        return true;
    case PROVE:
        command->mode = SIM_PROVE;
        return true;
    case RECORDED:
        command->recorded = true;
        return true;
    case PLANT:
        return sim_plant(value, &command->plant);
    case SWEEP:
        command->mode = SIM_SWEEP;
        return true;
    case OUT:
        command->out = value;
        return true;
    case JSON:
        command->json = true;
        return true;
    default:
        return false;
    }
}

/* What other options change stands first, wherever it was given. */
static void take_profile(struct sim_command *command, int option)
{
    if (option == SHORT || option == NIGHTLY || option == PROVE) {
        command->run = sim_options_short();
    }
    if (option == NIGHTLY) {
        command->mode = SIM_MANY;
        command->seeds = NIGHTLY_SEEDS;
        command->real_every = NIGHTLY_REAL_EVERY;
        command->pair_every = NIGHTLY_PAIR_EVERY;
    }
}

/* Reads all options, the profile or the rest; false with *status when one is not known or has
 * no such value. */
static bool read_all(struct sim_command *command, int argc, char **argv, bool profile,
                     int *status)
{
    optind = 1;
    opterr = !profile;
    for (;;) {
        int option = getopt_long(argc, argv, "", longs, NULL);
        if (option == -1) {
            return true;
        }
        if (profile) {
            take_profile(command, option);
        } else if (option == HELP || option == '?') { /* '?': said by getopt_long */
            *status = option == HELP ? 0 : 2;
            return false;
        } else if (!take(command, option, optarg)) {
            return wrong(status, "this is no value that option can have:", optarg);
        }
    }
}

bool sim_command_read(struct sim_command *command, int argc, char **argv, int *status)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    *command = (struct sim_command){.mode = SIM_ONE,
                                    .run = sim_options_default(),
                                    .groups = (1u << SIM_GROUP_COUNT) - 1,
                                    .jobs = cores > 0 ? (uint32_t)cores : 1,
                                    .out = "build/sim"};
    *status = 3;
    (void)read_all(command, argc, argv, true, status);
    if (!read_all(command, argc, argv, false, status)) {
        if (*status == 0) {
            help();
        }
        return false;
    }
    if (optind < argc) {
        return wrong(status, "does not know", argv[optind]);
    }
    for (int i = 0; command->named && i < SIM_GROUP_COUNT; i++) {
        if ((command->groups & 1u << i) != 0 && !acts(&command->run, i)) {
            return wrong(status,
                         "only --short and --nightly runs have these faults:", words[i]);
        }
    }
    if (command->liars > 0) {
        sim_options_liars(&command->run, command->liars);
    }
    if (command->run.witnesses >= command->run.nodes) {
        command->run.witnesses = command->run.nodes - 1;
    }
    if (command->run.joiners + 2 > command->run.nodes) { /* somebody founds */
        command->run.joiners = command->run.nodes - 2;
    }
    command->run = sim_options_with(&command->run, command->groups);
    return true;
}
