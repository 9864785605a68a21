#include "nouns.h"

#define DIR_ARGUMENT                                                                           \
    {                                                                                          \
        .name = "DIR", .help = "the directory that holds the nodes' directories",              \
        .rules = P2P_CLI_REQUIRED                                                              \
    }
#define MEMBERS                                                                                \
    {                                                                                          \
        .name = "MEMBER", .help = "which (default all)", .rules = P2P_CLI_REPEATS              \
    }

static const struct p2p_cli_command FEDERATION_COMMANDS[] = {
    {
        .verb = "up",
        .summary = "start the nodes of a directory and wait until all are ready",
        .details = "Stays and stops them at SIGINT or SIGTERM, unless --detach is given. Each "
                   "writes DIR/MEMBER/node.log. Exit 0 when all are ready; after 30 s exit 3, "
                   "naming the one that is not.",
        .options = P2P_CLI_OPTIONS(
            {.name = "detach", .help = "leave them running and return", .type = P2P_CLI_FLAG}),
        .arguments = P2P_CLI_ARGUMENTS(DIR_ARGUMENT, MEMBERS),
        .run = p2p_cli_up_run,
    },
    {
        .verb = "down",
        .summary = "stop the nodes of a directory and wait until they have ended",
        .arguments = P2P_CLI_ARGUMENTS(DIR_ARGUMENT, MEMBERS),
        .run = p2p_cli_down_run,
    },
    {
        .verb = "status",
        .summary = "whether the nodes of a directory all hold the same",
        .details = "Exit 0 when the digest over all leaves and every national digest are equal "
                   "everywhere, else 3; asks again for up to 2 s before that.",
        .arguments = P2P_CLI_ARGUMENTS(DIR_ARGUMENT),
        .run = p2p_cli_fleet_status_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_federation = {
    .name = "federation",
    .summary = "found a federation; run a whole one on this machine",
    .commands = FEDERATION_COMMANDS,
};
