#include "nouns.h"
#include "print.h"
#include "request.h"

#define RIGHT                                                                                  \
    {                                                                                          \
        .name = "ID", .help = "a right: the id of its issue, as beanr/1:17",                   \
        .rules = P2P_CLI_REQUIRED                                                              \
    }
#define REASON                                                                                 \
    {                                                                                          \
        .name = "reason", .value = "TEXT", .help = "why, in a sentence"                        \
    }
/* A verb that says something of one right. */
#define VERB(word, text, said)                                                                 \
    .verb = word, .summary = text, .rules = P2P_CLI_APPENDS, .run = p2p_cli_request_run,       \
    .route = {.method = "POST", .path = "/v1/rights/" word, .done = said}

static const struct p2p_cli_command RIGHT_COMMANDS[] = {
    {
        .verb = "issue",
        .summary = "give a party the right to have a container collected",
        .options = P2P_CLI_OPTIONS(
            {.name = "container",
             .value = "C",
             .help = "its number (ISO 6346), as CSQU3054383",
             .rules = P2P_CLI_REQUIRED},
            {.name = "bl",
             .value = "NUMBER",
             .help = "the bill of lading",
             .rules = P2P_CLI_REQUIRED},
            {.name = "to",
             .value = "PARTY",
             .help = "the issuer that may accept it, as beanr-forwarder",
             .rules = P2P_CLI_REQUIRED},
            {.name = "token",
             .value = "ID",
             .help = "its custody (default: the only open one for this container)"},
            {.name = "reference", .value = "TEXT", .help = "the release reference"},
            {.name = "terminal", .value = "T", .help = "the terminal's code"},
            {.name = "means",
             .value = "M",
             .help = "how it leaves (default truck)",
             .choices = "truck|barge|rail"},
            {.name = "expires", .value = "T", .help = "until when (default 60 days from now)"}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/rights", .done = "right issued"},
    },
    {
        VERB("accept", "take a right that was given to you", "accepted"),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("decline", "give a right back that you did not accept", "declined"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("transfer", "pass a right on to another party", "passed on"),
        .options = P2P_CLI_OPTIONS({.name = "to",
                                    .value = "PARTY",
                                    .help = "the issuer that may accept it, as beanr-haulier",
                                    .rules = P2P_CLI_REQUIRED}),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("return", "give a right back to who gave it to you", "returned"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("revoke",
             "take a right back: what you gave until it is accepted, what you issued "
             "always",
             "revoked"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("cancel", "end a right that you issued: the shipment is off", "cancelled"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("assign", "name the driver and the truck that collect", "assigned"),
        .options = P2P_CLI_OPTIONS(
            {.name = "driver",
             .value = "S",
             .help = "who drives: card:alfapass:1234567",
             .rules = P2P_CLI_REQUIRED},
            {.name = "truck", .value = "S", .help = "with what: plate:BE:1ABC234"},
            {.name = "company", .value = "S", .help = "for whom: vat:BE0123456789"},
            {.name = "slot", .value = "T..T", .help = "from when until when"}),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("unassign", "take driver, truck and slot away again", "no driver any more"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("block", "forbid that a right is used; acts at once", "blocked"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("unblock", "end the blocks of a right that you may end", "unblocked"),
        .options = P2P_CLI_OPTIONS(REASON),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        VERB("light", "set one of the lights that must all be green", "light set"),
        .details =
            "Green first: commercial ok|nok|unknown|blocked|expired; customs "
            "released|notreleased|selectedforscan|transhipment|documentarycontrol; discharge "
            "discharged|expected; terminal released|unknown|hold.",
        .arguments = P2P_CLI_ARGUMENTS(
            RIGHT,
            {.name = "LIGHT",
             .help = "which one",
             .rules = P2P_CLI_REQUIRED,
             .choices = "commercial|customs|discharge|terminal"},
            {.name = "VALUE", .help = "its value, as released", .rules = P2P_CLI_REQUIRED}),
    },
    {
        VERB("gate-out", "confirm that a container that was released has left", "confirmed"),
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
    },
    {
        .verb = "list",
        .summary = "the rights that are alive, or all there were",
        .options = P2P_CLI_OPTIONS(
            {.name = "container", .value = "C", .help = "only those on this container"},
            {.name = "party", .value = "P", .help = "only those of this party"},
            {.name = "state", .value = "S", .help = "only those in this state, as ACTIVE"},
            {.name = "all",
             .help = "used, revoked, cancelled and expired ones too",
             .type = P2P_CLI_FLAG}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/rights",
                  .rows = "rights",
                  .print = p2p_cli_print_rights,
                  .none = "no rights"},
    },
    {
        .verb = "show",
        .summary = "one right: its chain, lights, holder, and who may do what now",
        .arguments = P2P_CLI_ARGUMENTS(RIGHT),
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/rights/ID", .print = p2p_cli_print_right},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_right = {
    .name = "right",
    .summary = "who may collect a container",
    .commands = RIGHT_COMMANDS,
};
