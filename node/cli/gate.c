#include "nouns.h"
#include "print.h"
#include "request.h"

#include <p2p/gate.h>

#include <string.h>

static bool is_gate_name(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return len > 0 && len <= P2P_GATE_NAME_BYTES_MAX && name[len] == '\0';
}

static int ask(struct p2p_cli_call *call, const char *what)
{
    char path[P2P_CLI_PATH_BYTES], prefixed[P2P_CLI_PATH_BYTES];
    const char *gate = p2p_cli_value(call, "gate", "main");
    if (!is_gate_name(gate)) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "bad-gate", "that is no name of a gate",
                            "use up to 32 of a-z, 0-9 and -");
    }
    json_t *body = p2p_cli_body(call);
    if (body == NULL || !p2p_cli_path(prefixed, "/v1/gates/", gate)) {
        json_decref(body);
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    snprintf(path, sizeof path, "%.2000s/%s", prefixed, what);
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    p2p_cli_session_of(&session, call);
    p2p_cli_session_call(
        &session, &(struct p2p_api_request){.method = "POST", .path = path, .body = body},
        &reply);
    int exit = p2p_cli_show(call, &reply, p2p_cli_print_gate);
    p2p_api_reply_deinit(&reply);
    json_decref(body);
    p2p_cli_session_deinit(&session);
    return exit;
}

static int check_run(struct p2p_cli_call *call)
{
    return ask(call, "checks");
}

static int collect_run(struct p2p_cli_call *call)
{
    return ask(call, "collects");
}

static const struct p2p_cli_command GATE_COMMANDS[] = {
    {
        .verb = "check",
        .summary = "may they enter, work or call here, now?",
        .details =
            "Answers from this node's own store, offline too, and records the decision. Exit "
            "0 allow, 1 refuse, 3 refer (a human must decide) or possible (look at the "
            "papers).",
        .options = P2P_CLI_OPTIONS(
            {.name = "subject",
             .value = "S",
             .help = "who or what stands at the gate: card:alfapass:1234567, plate:BE:1ABC234, "
                     "imo:9179842; may be repeated",
             .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS},
            {.name = "purpose",
             .value = "P",
             .help = "what for; to enter includes to work",
             .rules = P2P_CLI_REQUIRED,
             .choices = "enter|work|call"},
            {.name = "gate",
             .value = "NAME",
             .help = "which gate asks (default main)",
             .rules = P2P_CLI_LOCAL}),
        .run = check_run,
    },
    {
        .verb = "log",
        .summary = "the decisions of this member's gates",
        .options =
            P2P_CLI_OPTIONS({.name = "since", .value = "T", .help = "only from this time on"}),
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/gates/log",
                  .rows = "decisions",
                  .print = p2p_cli_print_decisions,
                  .none = "no decisions"},
    },
    {
        .verb = "collect",
        .summary = "may this container leave, here, now, with who stands at the gate?",
        .details =
            "An allow releases it, once: the answer is recorded before it is given. Only the "
            "member that holds custody releases. Exit 0 allow, 1 refuse, 3 refer or possible.",
        .options = P2P_CLI_OPTIONS(
            {.name = "container",
             .value = "C",
             .help = "its number (ISO 6346), as CSQU3054383",
             .rules = P2P_CLI_REQUIRED},
            {.name = "subject",
             .value = "S",
             .help =
                 "who collects: card:alfapass:1234567, and plate:BE:1ABC234; may be repeated",
             .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS},
            {.name = "gate",
             .value = "NAME",
             .help = "which gate asks (default main)",
             .rules = P2P_CLI_LOCAL}),
        .run = collect_run,
    },
    {
        .verb = "override",
        .summary =
            "ask that a container leaves although lights, slot, truck or age speak against it",
        .details = "Another officer has to approve it. It overrules no ban, no custody "
                   "elsewhere and no "
                   "release, and blocks only where the charter grants that to both. The "
                   "commission sees it.",
        .options = P2P_CLI_OPTIONS({.name = "container",
                                    .value = "C",
                                    .help = "its number (ISO 6346), as CSQU3054383",
                                    .rules = P2P_CLI_REQUIRED},
                                   {.name = "reason",
                                    .value = "TEXT",
                                    .help = "why, in a sentence",
                                    .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST",
                  .path = "/v1/rights/override",
                  .done = "override asked for"},
    },
    {
        .verb = "approve",
        .summary = "second an override that another officer asked for",
        .options =
            P2P_CLI_OPTIONS({.name = "reason", .value = "TEXT", .help = "why, in a sentence"}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ID", .help = "the override, as beanr/1:17", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_APPENDS,
        .run = p2p_cli_request_run,
        .route = {.method = "POST", .path = "/v1/rights/approve", .done = "override approved"},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_gate = {
    .name = "gate",
    .summary = "the question every gate asks",
    .commands = GATE_COMMANDS,
};
