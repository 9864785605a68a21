#include "error.h"
#include "nouns.h"
#include "passphrase.h"
#include "style.h"

#include <p2p/bundle.h>
#include <p2p/bytes.h>
#include <p2p/ceremony.h>
#include <p2p/node.h>
#include <p2p/sandbox.h>
#include <p2p/text.h>

#include <string.h>

/* What was made and the id that people compare by voice. */
static void say_made(const struct p2p_cli_call *call, const char *dir,
                     const struct p2p_charter *charter, const char *next)
{
    char id[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash hash = p2p_charter_federation_id(charter);
    p2p_hex_encode(id, hash.bytes, sizeof hash.bytes);
    if (call->json) {
        json_t *members = json_array();
        for (uint32_t i = 1; i <= p2p_charter_member_count(charter); i++) {
            const struct p2p_member *member = p2p_charter_member(charter, i);
            json_array_append_new(members, json_string(member != NULL ? member->name : ""));
        }
        json_t *json =
            json_pack("{s:s,s:s,s:s,s:o}", "federation", p2p_charter_federation(charter),
                      "federation_id", id, "dir", dir, "members", members);
        p2p_cli_put_json(call->out, json);
        json_decref(json);
        return;
    }
    p2p_cli_put(call->out, p2p_charter_federation(charter));
    fputs(" stands in ", call->out);
    p2p_cli_put(call->out, dir);
    fprintf(call->out, "\nits id, to be compared by voice: %s\n%s", id, next);
    p2p_cli_put(call->out, dir);
    fputc('\n', call->out);
}

static int sandbox_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", path[P2P_PATH_BYTES_MAX];
    const char *tcp_port = p2p_cli_value(call, "tcp-port", "0");
    uint64_t number = 0;
    struct p2p_charter *charter = NULL;
    if (p2p_decimal_decode(&number, p2p_slice_text(tcp_port)) != P2P_OK ||
        number >= UINT16_MAX || (number == 0 && p2p_cli_flag(call, "tcp-port"))) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "--tcp-port is 1 to 65534",
                            "people's port is the one after it");
    }
    struct p2p_sandbox_options options = {
        .dir = p2p_cli_argument(call, 0),
        .members = p2p_cli_value(call, "members", NULL),
        .name = p2p_cli_value(call, "name", NULL),
        .tcp_port = (uint32_t)number,
        .now_ms = p2p_cli_wall_ms(),
        .store = {.make = p2p_node_make_store},
    };
    enum p2p_err err = p2p_sandbox_make(&options, message, sizeof message);
    if (err == P2P_OK) {
        err = p2p_path_join(path, options.dir, "federation.json");
    }
    if (err == P2P_OK) {
        err = p2p_bundle_read(&charter, path, NULL, message, sizeof message);
    }
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    say_made(call, options.dir, charter,
             "It holds every key of everybody: for trying things only.\n"
             "Start it with: port2port federation up ");
    p2p_charter_free(charter);
    return P2P_CLI_YES;
}

static int new_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t len = 0;
    uint64_t roots = 0, threshold = 0;
    struct p2p_charter *charter = NULL;
    if (p2p_decimal_decode(&roots, p2p_slice_text(p2p_cli_value(call, "roots", ""))) !=
            P2P_OK ||
        p2p_decimal_decode(&threshold, p2p_slice_text(p2p_cli_value(call, "threshold", ""))) !=
            P2P_OK ||
        roots > P2P_ROOTS_MAX || threshold > roots) {
        return p2p_cli_fail(
            call, P2P_CLI_USAGE, "usage",
            "there are at most 15 roots, and the threshold is at most their number",
            "try --roots 3 --threshold 2");
    }
    enum p2p_err err = p2p_cli_passphrase(call, passphrase, &len, message, sizeof message);
    struct p2p_federation_new options = {
        .name = p2p_cli_argument(call, 0),
        .dir = p2p_cli_value(call, "out", ""),
        .roots = (uint32_t)roots,
        .threshold = (uint32_t)threshold,
        .cost = P2P_KDF_MODERATE,
        .passphrase = p2p_slice_of(passphrase, len),
        .now_ms = p2p_cli_wall_ms(),
    };
    if (err == P2P_OK) {
        err = p2p_federation_create(&options, &charter, message, sizeof message);
    }
    p2p_wipe(passphrase, sizeof passphrase);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    if (len == 0) {
        fputs("The root keys have an empty passphrase; --passphrase-file gives them one.\n",
              call->err);
    }
    say_made(call, options.dir, charter,
             "Give each root its key and a copy of kdf; all of it lies in ");
    p2p_charter_free(charter);
    return P2P_CLI_YES;
}

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
        .verb = "sandbox",
        .summary = "make a whole federation in one directory, to try things in",
        .details =
            "DIR has to be absent or empty. Member k listens on and dials from 127.77.0.k. "
            "Passphrases are empty. The member commission is an observer.",
        .options =
            P2P_CLI_OPTIONS({.name = "members",
                             .value = "LIST",
                             .help = "names, comma between (default " P2P_SANDBOX_MEMBERS ")"},
                            {.name = "tcp-port",
                             .value = "BASE",
                             .help = "of peers; people's is the next (default 7400)",
                             .type = P2P_CLI_NUMBER},
                            {.name = "name",
                             .value = "NAME",
                             .help = "the federation's (default sandbox.example)"}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "DIR", .help = "where to make it", .rules = P2P_CLI_REQUIRED}),
        .run = sandbox_run,
    },
    {
        .verb = "new",
        .summary = "found a federation: its charter, its log key and its root keys",
        .details = "DIR has to be absent or empty. The keys' passphrase comes from "
                   "--passphrase-file; none means an empty one.",
        .options = P2P_CLI_OPTIONS(
            {.name = "roots",
             .value = "N",
             .help = "how many root keys there are",
             .type = P2P_CLI_NUMBER,
             .rules = P2P_CLI_REQUIRED},
            {.name = "threshold",
             .value = "K",
             .help = "how many of them have to sign each version; more than half",
             .type = P2P_CLI_NUMBER,
             .rules = P2P_CLI_REQUIRED},
            {.name = "out",
             .value = "DIR",
             .help = "where to put it",
             .type = P2P_CLI_FILE,
             .rules = P2P_CLI_REQUIRED}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "NAME", .help = "as ports.example", .rules = P2P_CLI_REQUIRED}),
        .run = new_run,
    },
    {
        .verb = "up",
        .summary = "start the nodes of a directory and wait until all are ready",
        .details = "Stays and stops them at SIGINT or SIGTERM, unless --detach is given. Each "
                   "writes DIR/MEMBER/node.log. Exit 0 when all are ready; after 30 s exit 3, "
                   "naming the one that is not. Without MEMBER it gives them up to 3 s "
                   "more to hear of each other, so that their gates decide.",
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
