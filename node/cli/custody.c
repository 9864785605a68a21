#include "nouns.h"
#include "print.h"
#include "request.h"

#define CONTAINER                                                                              \
    {                                                                                          \
        .name = "CONTAINER", .help = "its number (ISO 6346), as CSQU3054383",                  \
        .rules = P2P_CLI_REQUIRED                                                              \
    }
#define FACILITY                                                                               \
    {                                                                                          \
        .name = "facility", .value = "F", .help = "the terminal it stands in, as beanr-f1"     \
    }

static const struct p2p_cli_command CUSTODY_COMMANDS[] = {
    {
        .verb = "open",
        .summary = "begin custody of a container that stands in a facility here",
        .details = "Written when the box stands there, not from a manifest. From then on this "
                   "node alone can release it, until another port has accepted it.",
        .options = P2P_CLI_OPTIONS(
            {.name = "container",
             .value = "C",
             .help = "its number (ISO 6346), as CSQU3054383",
             .rules = P2P_CLI_REQUIRED},
            {.name = "call",
             .value = "TEXT",
             .help = "the ship's call it came with",
             .rules = P2P_CLI_REQUIRED},
            {.name = "facility",
             .value = "F",
             .help = "the terminal it stands in, as beanr-f1",
             .rules = P2P_CLI_REQUIRED},
            {.name = "circle", .value = "C", .help = "who may read it (default national)"}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody", .done = "custody opened"},
    },
    {
        .verb = "withdraw",
        .summary = "end custody of a container that is not to be released here",
        .arguments = P2P_CLI_ARGUMENTS({.name = "ID",
                                        .help = "the token: the id of its custody open",
                                        .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/withdraw", .done = "custody ended"},
    },
    {
        .verb = "offer",
        .summary = "offer a container to another port; it is not released meanwhile",
        .options = P2P_CLI_OPTIONS({.name = "to",
                                    .value = "MEMBER",
                                    .help = "the port that is to take it over",
                                    .rules = P2P_CLI_REQUIRED}),
        .arguments = P2P_CLI_ARGUMENTS(CONTAINER),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/offer", .done = "offered"},
    },
    {
        .verb = "accept",
        .summary = "take over a container that was offered to this port",
        .arguments = P2P_CLI_ARGUMENTS(CONTAINER),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/accept", .done = "custody accepted"},
    },
    {
        .verb = "refuse",
        .summary = "decline a container that was offered to this port",
        .arguments = P2P_CLI_ARGUMENTS(CONTAINER),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/refuse", .done = "custody refused"},
    },
    {
        .verb = "gate-in",
        .summary = "say that a container came in by a gate here: what was left open is closed",
        .options = P2P_CLI_OPTIONS(FACILITY),
        .arguments = P2P_CLI_ARGUMENTS(CONTAINER),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/gate-in", .done = "gate-in recorded"},
    },
    {
        .verb = "recount",
        .summary = "say what a look at the yard found: twice, by two people, thaws a token",
        .details = "For a token that is frozen after a restore, a reassignment or a cut. The "
                   "second statement names another issuer (--as) and has to say the same.",
        .options = P2P_CLI_OPTIONS({.name = "found",
                                    .value = "WHAT",
                                    .help = "whether it stands there (default held)",
                                    .choices = "held|gone"}),
        .arguments = P2P_CLI_ARGUMENTS(CONTAINER),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/custody/recount", .done = "recount recorded"},
    },
    {
        .verb = "list",
        .summary = "the containers in custody, here or anywhere",
        .options = P2P_CLI_OPTIONS(
            {.name = "container", .value = "C", .help = "only this one, with its past"},
            {.name = "holder", .value = "MEMBER", .help = "only what this port holds"},
            {.name = "all",
             .help = "released, withdrawn and closed ones too",
             .type = P2P_CLI_FLAG}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/custody",
                  .rows = "custody",
                  .print = p2p_cli_print_custodies,
                  .none = "nothing in custody"},
    },
    {
        .verb = "show",
        .summary = "who holds one container, and how it came there",
        .arguments = P2P_CLI_ARGUMENTS({.name = "ID",
                                        .help = "a container, or a token as beanr/1:17",
                                        .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/custody/ID", .print = p2p_cli_print_custody},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_custody = {
    .name = "custody",
    .summary = "who alone can release a container",
    .commands = CUSTODY_COMMANDS,
};
