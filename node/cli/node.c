#include "nouns.h"
#include "print.h"
#include "request.h"

#include <string.h>

static const struct p2p_cli_command STATUS_COMMANDS[] = {
    {
        .summary = "what this node holds, whom it hears, what it may do",
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/status", .print = p2p_cli_print_status},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_status = {
    .name = "status",
    .summary = "what this node holds, whom it hears, what it may do",
    .commands = STATUS_COMMANDS,
};

static int doctor_run(struct p2p_cli_call *call)
{
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    p2p_cli_session_of(&session, call);
    p2p_cli_session_get(&session, "/v1/doctor", NULL, &reply);
    int exit = p2p_cli_show(call, &reply, p2p_cli_print_doctor);
    size_t index = 0;
    const json_t *check = NULL;
    json_array_foreach(json_object_get(reply.json, "checks"), index, check)
    {
        if (exit == P2P_CLI_YES && !json_is_true(json_object_get(check, "ok"))) {
            exit = P2P_CLI_NO;
        }
    }
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

static const struct p2p_cli_command DOCTOR_COMMANDS[] = {
    {
        .summary = "look over this node and say what to mend",
        .details = "Exit 0 when all is well, 1 when something is to be mended.",
        .run = doctor_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_doctor = {
    .name = "doctor",
    .summary = "look over this node and say what to mend",
    .commands = DOCTOR_COMMANDS,
};

/* peers pause|resume: asks the serving node; a node that does not serve has no sessions. */
static int peers_change_run(struct p2p_cli_call *call)
{
    bool all = p2p_cli_flag(call, "all");
    if (all == (call->argument_count > 0)) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage",
                            all ? "MEMBER and --all exclude each other" : "no peer is named",
                            "name members, or --all");
    }
    json_t *body = p2p_cli_body(call);
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    p2p_cli_session_of(&session, call);
    session.socket_only = true;
    p2p_cli_session_call(&session,
                         &(struct p2p_api_request){
                             .method = "POST", .path = call->command->route.path, .body = body},
                         &reply);
    int exit = P2P_CLI_YES;
    const json_t *rows = p2p_cli_rows(reply.json, "peers");
    if (p2p_cli_is_problem(&reply)) {
        exit = p2p_cli_fail_reply(call, &reply);
    } else if (call->json) {
        p2p_cli_put_json(call->out, reply.json);
    } else if (json_is_array(rows)) {
        struct p2p_cli_style style = p2p_cli_style_of(call->out);
        p2p_cli_print_peers(&style, rows);
    } else {
        fprintf(call->out, "%s\n", call->command->route.done);
    }
    json_decref(body);
    p2p_api_reply_deinit(&reply);
    p2p_cli_session_deinit(&session);
    return exit;
}

#define MEMBERS                                                                                \
    P2P_CLI_ARGUMENTS(                                                                         \
        {.name = "MEMBER", .help = "whom", .rules = P2P_CLI_REPEATS, .key = "members"})
#define ALL_PEERS                                                                              \
    P2P_CLI_OPTIONS({.name = "all", .help = "every other member", .type = P2P_CLI_FLAG})

static const struct p2p_cli_command PEERS_COMMANDS[] = {
    {
        .summary = "the other members, one line each",
        .details = "up to date, behind N records, offline since T, refused and why, or paused",
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/peers",
                  .rows = "peers",
                  .print = p2p_cli_print_peers,
                  .none = "no other members"},
    },
    {
        .verb = "pause",
        .summary = "close the sessions with members and take none, until resume or restart",
        .options = ALL_PEERS,
        .arguments = MEMBERS,
        .run = peers_change_run,
        .route = {.path = "/v1/peers/pause", .done = "paused"},
    },
    {
        .verb = "resume",
        .summary = "dial paused members again, at once",
        .options = ALL_PEERS,
        .arguments = MEMBERS,
        .run = peers_change_run,
        .route = {.path = "/v1/peers/resume", .done = "resumed"},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_peers = {
    .name = "peers",
    .summary = "the other members, and the sessions with them",
    .commands = PEERS_COMMANDS,
};

static const struct p2p_cli_command INIT_COMMANDS[] = {
    {
        .summary = "make a node directory for a member to be, with its keys and its join.json",
        .details =
            "The directory is that of -C. Send join.json to the federation's roots, who admit "
            "it with charter admit. Compare the federation's id with them by voice. The keys' "
            "passphrase comes from --passphrase-file; none means an empty one.",
        .options =
            P2P_CLI_OPTIONS({.name = "federation",
                             .value = "FILE",
                             .help = "its federation.json",
                             .type = P2P_CLI_FILE,
                             .rules = P2P_CLI_REQUIRED},
                            {.name = "name",
                             .value = "NAME",
                             .help = "the member's, as beanr",
                             .rules = P2P_CLI_REQUIRED},
                            {.name = "locode", .value = "L", .help = "its UN/LOCODE, as BEANR"},
                            {.name = "role",
                             .value = "ROLE",
                             .help = "what it is (default port)",
                             .choices = "port|observer|police|customs|terminal"}),
        .run = p2p_cli_init_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_init = {
    .name = "init",
    .summary = "make a node directory for a member to be",
    .commands = INIT_COMMANDS,
};

static const struct p2p_cli_command SERVE_COMMANDS[] = {
    {
        .summary = "run this node until it is told to stop",
        .details = "Prints one line when it is ready: ready MEMBER peers ADDRESS people "
                   "ADDRESS socket "
                   "PATH. SIGTERM and SIGINT stop it in order: what is under way is finished, "
                   "the store "
                   "closed, exit 0; SIGKILL loses nothing that was answered. Passphrases of "
                   "keys come from "
                   "--passphrase-file, or later by key unlock.",
        .run = p2p_cli_serve_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_serve = {
    .name = "serve",
    .summary = "run this node until it is told to stop",
    .commands = SERVE_COMMANDS,
};

static const struct p2p_cli_command WAIT_COMMANDS[] = {
    {
        .summary = "wait until the serving node has come so far",
        .details =
            "ready: it serves. connected: it has a session with every member not paused here. "
            "custody: it may release. digest HEX: it holds what has this digest. record ID: "
            "it holds this record, with --level as safely as that. Exit 0, or 3 when the "
            "time is over.",
        .options =
            P2P_CLI_OPTIONS({.name = "level",
                             .value = "LEVEL",
                             .help = "record: local (the default), mirrored or witnessed",
                             .choices = "local|mirrored|witnessed"},
                            {.name = "timeout",
                             .value = "S",
                             .help = "how long at most (default 30 s)",
                             .type = P2P_CLI_DURATION}),
        .arguments = P2P_CLI_ARGUMENTS({.name = "WHAT",
                                        .help = "ready, connected, custody, digest or record",
                                        .rules = P2P_CLI_REQUIRED,
                                        .choices = "ready|connected|custody|digest|record"},
                                       {.name = "HEX|ID", .help = "of digest and record"}),
        .run = p2p_cli_wait_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_wait = {
    .name = "wait",
    .summary = "wait until the serving node has come so far",
    .commands = WAIT_COMMANDS,
};

static const struct p2p_cli_command WATCH_COMMANDS[] = {
    {
        .summary = "one line for every record that arrives, until interrupted",
        .options = P2P_CLI_OPTIONS(
            {.name = "kind",
             .value = "K",
             .help = "only records of this kind; may be repeated",
             .rules = P2P_CLI_REPEATS},
            {.name = "after",
             .value = "N",
             .help = "begin after event N (default: with the next that happens)",
             .type = P2P_CLI_NUMBER,
             .rules = P2P_CLI_LOCAL}),
        .run = p2p_cli_watch_run,
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_watch = {
    .name = "watch",
    .summary = "one line for every record that arrives",
    .commands = WATCH_COMMANDS,
};
