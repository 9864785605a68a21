#include "nouns.h"
#include "print.h"
#include "request.h"

#define GROUNDS "court|magistrate|administrative|local|eu-regulation"
#define EFFECTS "enter|work|call"

#define REASON                                                                                 \
    {                                                                                          \
        .name = "reason", .value = "TEXT", .help = "why, in a sentence",                       \
        .rules = P2P_CLI_REQUIRED                                                              \
    }
#define IDS                                                                                    \
    P2P_CLI_ARGUMENTS({.name = "ID",                                                           \
                       .help = "a ban, as beanr/1:17",                                         \
                       .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS})
#define WINDOW                                                                                 \
    {.name = "effect",                                                                         \
     .value = "WHAT",                                                                          \
     .help = "what it forbids; may be repeated (default enter for persons and plates, "        \
             "call for ships)",                                                                \
     .rules = P2P_CLI_REPEATS,                                                                 \
     .choices = EFFECTS},                                                                      \
        {.name = "scope",                                                                      \
         .value = "PORTS",                                                                     \
         .help = "where: '*' for every port (the default), or locodes as BEANR,BEZEE"},        \
        {.name = "from",                                                                       \
         .value = "T",                                                                         \
         .help = "from when, as 2026-03-01 or 2026-03-01T06:00:00Z (default: at once)"},       \
    {                                                                                          \
        .name = "until", .value = "T", .help = "until when (default: until it is lifted)"      \
    }

static const struct p2p_cli_command BAN_COMMANDS[] = {
    {
        .verb = "impose",
        .summary = "ban a person, truck, document or ship",
        .options = P2P_CLI_OPTIONS(
            {.name = "subject",
             .value = "S",
             .help =
                 "who or what: imo:9179842, card:alfapass:1234567, nrn:85073003328, "
                 "plate:BE:1ABC234, doc:BE:592-1234567-12, vat:BE0123456789; may be repeated",
             .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS},
            {.name = "ground",
             .value = "GROUND",
             .help = "on what ground",
             .rules = P2P_CLI_REQUIRED,
             .choices = GROUNDS},
            {.name = "reference",
             .value = "TEXT",
             .help = "the judgment, decision or article it rests on",
             .rules = P2P_CLI_REQUIRED},
            WINDOW, {.name = "reason", .value = "TEXT", .help = "why, in a sentence"},
            {.name = "circle", .value = "C", .help = "who may read it (default national)"}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/bans", .done = "ban imposed"},
    },
    {
        .verb = "amend",
        .summary = "replace bans by one with other terms, in one step",
        .options = P2P_CLI_OPTIONS(
            REASON, WINDOW,
            {.name = "reference", .value = "TEXT", .help = "the decision it now rests on"}),
        .arguments = IDS,
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/bans/amend", .done = "ban amended"},
    },
    {
        .verb = "suspend",
        .summary = "set bans aside until they are resumed",
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = IDS,
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/bans/suspend", .done = "ban suspended"},
    },
    {
        .verb = "resume",
        .summary = "put suspended bans in force again",
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = IDS,
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/bans/resume", .done = "ban resumed"},
    },
    {
        .verb = "lift",
        .summary = "end bans for good",
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = IDS,
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/bans/lift", .done = "ban lifted"},
    },
    {
        .verb = "import",
        .summary = "impose a ban for every line of a CSV file",
        .details =
            "The first line names the columns. One record per line; what stands already, here "
            "or "
            "earlier in the file, is skipped, so a broken import is simply run again. A wrong "
            "check "
            "digit is imposed all the same and named in the report. Exit 0 when no line was "
            "refused, 1 when some were, 2 when a column is not there.",
        .options = P2P_CLI_OPTIONS(
            {.name = "subject-type",
             .value = "TYPE",
             .help = "what the subjects are",
             .rules = P2P_CLI_REQUIRED,
             .choices = "imo|card|nrn|doc|plate|vat|container|mmsi|phone"},
            {.name = "subject-column",
             .value = "COLUMN",
             .help = "the column that holds them",
             .rules = P2P_CLI_REQUIRED},
            {.name = "ground",
             .value = "GROUND",
             .help = "on what ground",
             .rules = P2P_CLI_REQUIRED,
             .choices = GROUNDS},
            {.name = "reference-column",
             .value = "COLUMN",
             .help = "the column with what each ban rests on",
             .rules = P2P_CLI_REQUIRED},
            {.name = "from-column", .value = "COLUMN", .help = "from when"},
            {.name = "until-column", .value = "COLUMN", .help = "until when"},
            {.name = "dry-run", .help = "only check; nothing is imposed", .type = P2P_CLI_FLAG},
            {.name = "all-or-nothing",
             .help = "check every line first, and impose only when none is refused",
             .type = P2P_CLI_FLAG}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FILE", .help = "the CSV file; - for stdin", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_import_run,
    },
    {
        .verb = "list",
        .summary = "the bans in force, or all there were",
        .options = P2P_CLI_OPTIONS({.name = "subject",
                                    .value = "S",
                                    .help = "only those on this person, ship or thing"},
                                   {.name = "all",
                                    .help = "expired, lifted and ineffective ones too",
                                    .type = P2P_CLI_FLAG}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/bans",
                  .rows = "bans",
                  .print = p2p_cli_print_bans,
                  .none = "no bans"},
    },
    {
        .verb = "show",
        .summary = "one ban",
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ID", .help = "a ban, as beanr/1:17", .rules = P2P_CLI_REQUIRED}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/bans/ID", .print = p2p_cli_print_ban},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_ban = {
    .name = "ban",
    .summary = "bans on persons, trucks and ships",
    .commands = BAN_COMMANDS,
};
