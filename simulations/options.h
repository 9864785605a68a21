/* What a run may be told: `./dev sim` options into struct sim_options. */
#ifndef SIM_CLI_OPTIONS_H
#define SIM_CLI_OPTIONS_H

#include "sim.h"

/* X(word, what it brings): groups of faults for --faults. */
#define SIM_FAULT_GROUP_MAP(X)                                                                 \
    X(NETWORK, "network", "loss, slow lines, broken streams, partitions")                      \
    X(FRAMES, "frames", "frames dropped, doubled and swapped within a stream")                 \
    X(CRASH, "crash", "killed processes and power failures, also in the middle of a batch")    \
    X(DISK, "disk", "failed and lost syncs, full disks, flipped bits, torn pages")             \
    X(CLOCK, "clock", "clocks a year off, jumping back, frozen")                               \
    X(RESTORE, "restore", "old backups put back, lost copies, lost machines")                  \
    X(TWIN, "twin", "one node on two machines at once")                                        \
    X(LEAVE, "leave", "nodes that stay away for hours")                                        \
    X(VERSIONS, "versions", "members whose software knows fewer kinds of records")             \
    X(JOIN, "join", "members that the charter admits only later")                              \
    X(RIVALS, "rivals", "two charter entries under one number, until one is settled on")       \
    X(LIARS, "liars", "up to f members that lie")
enum sim_fault_group {
#define SIM_GROUP_ENUM(name, word, text) SIM_GROUP_##name,
    SIM_FAULT_GROUP_MAP(SIM_GROUP_ENUM)
#undef SIM_GROUP_ENUM
        SIM_GROUP_COUNT
};

enum sim_mode { SIM_ONE, SIM_MANY, SIM_PROVE, SIM_SWEEP };

struct sim_command {
    enum sim_mode mode;
    struct sim_options run;
    unsigned groups;     /* bit per enum sim_fault_group */
    bool named;          /* and each was asked for by its word */
    uint32_t liars;      /* at once; 0: as the profile has it */
    uint64_t seeds;      /* SIM_MANY: so many, from run.seed on */
    uint32_t jobs;       /* processes at once */
    uint32_t real_every; /* every so many seeds with Ed25519; 0: none */
    uint32_t pair_every; /* every so many seeds with two liars at once; 0: none */
    bool recorded;       /* SIM_PROVE: only the seeds that are known to find them */
    uint32_t plant;      /* enum p2p_plant: in every run, or all that is proven; 0: none */
    bool json;
    bool story;          /* tell everything as it happens */
    const char *out;     /* directory of the sweep's results */
    uint32_t only_nodes; /* SIM_SWEEP: only points of so many; 0: all */
};

/* The options of a profile with only those groups of faults. */
struct sim_options sim_options_with(const struct sim_options *options, unsigned groups);
/* Room for so many liars at once: that many are wanted, and every feed gets the 3 * liars + 1
 * witnesses that bear them, and the run the members for it. What is there already stays. */
void sim_options_liars(struct sim_options *options, uint32_t liars);
/* Reads argv. False with *status set when there is nothing to run: 0 after --help, 2 after a
 * sentence on stderr that says what is wrong. */
bool sim_command_read(struct sim_command *command, int argc, char **argv, int *status);

#endif
