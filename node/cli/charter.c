/* charter: who is who and who may do what, read, changed and carried about.
 *
 * A change is one version: ops from the verb's words, made and signed with the root keys at
 * hand, verified as every node will, then given to the node (or written into --federation
 * FILE). When the roots sit in different cities it goes about as a draft:
 *
 *     charter draft VERB ... --out F     where the log key is
 *     charter sign F --root-key K        in each root's city
 *     charter append F                   anywhere, once enough have signed */
#include "charter_change.h"
#include "error.h"
#include "http.h"
#include "nouns.h"
#include "passphrase.h"
#include "print.h"
#include "request.h"

#include <p2p/bytes.h>
#include <p2p/draft.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a change needs while it is made. */
struct change {
    struct p2p_cli_call *call;
    struct p2p_cli_charter source;
    struct p2p_ceremony ceremony;
    struct p2p_change change;
    struct p2p_charter_draft draft;
    const char **root_keys;
    size_t root_key_count;
    char passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t passphrase_len;
    char message[P2P_MESSAGE_BYTES_MAX];
};

static enum p2p_err open_ceremony(struct change *c)
{
    const char *dir = p2p_cli_value(c->call, "ceremony", NULL);
    struct p2p_slice passphrase = p2p_slice_of(c->passphrase, c->passphrase_len);
    if (dir != NULL) {
        return p2p_ceremony_open(&c->ceremony, dir, passphrase, c->message, sizeof c->message);
    }
    if (c->root_key_count > 0) {
        return p2p_ceremony_open_beside(&c->ceremony, c->root_keys[0], passphrase, c->message,
                                        sizeof c->message);
    }
    snprintf(c->message, sizeof c->message,
             "the charter's log key is needed: name its directory with --ceremony DIR");
    return P2P_USAGE;
}

static enum p2p_err make_ops(struct change *c, uint64_t *term)
{
    *term = p2p_charter_term(c->source.charter);
    struct p2p_verb verb = {
        .charter = c->source.charter,
        .ceremony = &c->ceremony,
        .change = &c->change,
        .message = c->message,
        .message_cap = sizeof c->message,
    };
    enum p2p_err err = p2p_change_init(&c->change);
    return err == P2P_OK ? p2p_cli_change_fill(c->call, &c->source, &verb, term) : err;
}

/* Makes the version; with too few roots for it P2P_QUORUM, and the draft holds what there is.
 */
static enum p2p_err make_version(struct change *c, uint64_t term)
{
    struct p2p_slice passphrase = p2p_slice_of(c->passphrase, c->passphrase_len);
    if (c->root_key_count > 0) {
        struct p2p_signing signing = {
            .root_keys = c->root_keys,
            .root_key_count = c->root_key_count,
            .passphrase = passphrase,
            .now_ms = p2p_cli_wall_ms(),
        };
        return p2p_draft_complete(&c->draft, c->source.charter, &c->change, term, &signing,
                                  c->message, sizeof c->message);
    }
    struct p2p_charter_secret log;
    enum p2p_err err = p2p_ceremony_log_key(&c->ceremony, &log, c->message, sizeof c->message);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_draft_make(&c->draft, c->source.charter, &c->change, term, p2p_cli_wall_ms(),
                         &log, c->message, sizeof c->message);
    p2p_charter_secret_deinit(&log);
    return err == P2P_OK ? P2P_QUORUM : err;
}

/* A draft is done when it is written; it may have all its signatures already. */
static int write_draft(struct change *c)
{
    const char *out = p2p_cli_value(c->call, "out", "");
    /* The charter that was read stands in the draft's file as what it builds on; one that was
     * completed has moved on and still names the same federation. */
    enum p2p_err err =
        p2p_draft_write(&c->draft, c->source.charter, out, c->message, sizeof c->message);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(c->call, err, c->message);
    }
    if (c->call->json) {
        json_t *json =
            json_pack("{s:s,s:I}", "draft", out, "version", (json_int_t)(c->draft.index + 1));
        p2p_cli_put_json(c->call->out, json);
        json_decref(json);
    } else {
        fprintf(c->call->out,
                "%s is a draft of version %" PRIu64
                "; each root signs it with port2port charter "
                "sign\n",
                out, c->draft.index + 1);
    }
    return P2P_CLI_YES;
}

static int change_run(struct p2p_cli_call *call)
{
    struct change *c = calloc(1, sizeof *c);
    if (c == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    c->call = call;
    bool draft = call->prefix != NULL;
    uint64_t term = 0;
    c->root_keys = p2p_cli_values(call, "root-key", &c->root_key_count);
    enum p2p_err err = c->root_keys == NULL ? P2P_NOMEM : P2P_OK;
    int exit = p2p_cli_charter_init(&c->source, call);
    if (exit != P2P_CLI_YES) {
        goto out;
    }
    if (err == P2P_OK) {
        err = p2p_cli_passphrase(call, c->passphrase, &c->passphrase_len, c->message,
                                 sizeof c->message);
    }
    if (err == P2P_OK) {
        err = open_ceremony(c);
    }
    if (err == P2P_OK) {
        err = make_ops(c, &term);
    }
    if (err == P2P_OK) {
        err = make_version(c, term);
        if (draft && (err == P2P_OK || err == P2P_QUORUM)) {
            exit = write_draft(c);
            goto out;
        }
    }
    if (err != P2P_OK) {
        exit = p2p_cli_fail_err(call, err, c->message);
        goto out;
    }
    exit = p2p_cli_charter_give(&c->source, c->source.charter, c->source.known_size);
out:
    p2p_draft_deinit(&c->draft);
    p2p_change_deinit(&c->change);
    p2p_ceremony_close(&c->ceremony);
    p2p_cli_charter_deinit(&c->source);
    free(c->root_keys);
    p2p_wipe(c, sizeof *c);
    free(c);
    return exit;
}

static int sign_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "", passphrase[P2P_PASSPHRASE_BYTES_MAX];
    size_t len = 0;
    const char *file = p2p_cli_argument(call, 0);
    struct p2p_charter_draft draft = {0};
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = p2p_cli_passphrase(call, passphrase, &len, message, sizeof message);
        if (err == P2P_OK) {
            err = p2p_draft_read(&draft, file, source.charter, message, sizeof message);
        }
        if (err == P2P_OK) {
            err = p2p_draft_sign(&draft, source.charter, p2p_cli_value(call, "root-key", ""),
                                 p2p_slice_of(passphrase, len), p2p_cli_wall_ms(), message,
                                 sizeof message);
        }
        if (err == P2P_OK) {
            err = p2p_draft_write(&draft, source.charter, file, message, sizeof message);
        }
        p2p_wipe(passphrase, sizeof passphrase);
        if (err != P2P_OK) {
            exit = p2p_cli_fail_err(call, err, message);
        } else if (call->json) {
            fprintf(call->out, "{\"version\":%" PRIu64 ",\"signed\":true}\n", draft.index + 1);
        } else {
            fprintf(call->out, "version %" PRIu64 " is signed with this root key\n",
                    draft.index + 1);
        }
    }
    p2p_draft_deinit(&draft);
    p2p_cli_charter_deinit(&source);
    return exit;
}

static int append_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_charter_draft draft = {0};
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        enum p2p_err err = p2p_draft_read(&draft, p2p_cli_argument(call, 0), source.charter,
                                          message, sizeof message);
        if (err == P2P_OK) {
            err = p2p_draft_finish(&draft, source.charter, message, sizeof message);
        }
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message)
                             : p2p_cli_charter_give(&source, source.charter, source.known_size);
    }
    p2p_draft_deinit(&draft);
    p2p_cli_charter_deinit(&source);
    return exit;
}

static int fetch_run(struct p2p_cli_call *call)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    const char *from = p2p_cli_argument(call, 0);
    struct p2p_charter *fetched = NULL;
    struct p2p_cli_charter source;
    int exit = p2p_cli_charter_init(&source, call);
    if (exit == P2P_CLI_YES) {
        struct p2p_hash id = p2p_charter_federation_id(source.charter);
        enum p2p_err err = P2P_OK;
        if (strstr(from, "://") != NULL) {
            char *text = NULL;
            size_t len = 0;
            err = p2p_cli_http_fetch(from, P2P_BUNDLE_BYTES_MAX, &text, &len, message,
                                     sizeof message);
            if (err == P2P_OK) {
                err = p2p_bundle_parse(&fetched, from, p2p_slice_of(text, len), &id, message,
                                       sizeof message);
            }
            free(text);
        } else {
            err = p2p_bundle_read(&fetched, from, &id, message, sizeof message);
        }
        /* All of it, not only what is above our size: it may tell of another head. */
        exit = err != P2P_OK ? p2p_cli_fail_err(call, err, message)
                             : p2p_cli_charter_give(&source, fetched, 0);
    }
    p2p_charter_free(fetched);
    p2p_cli_charter_deinit(&source);
    return exit;
}

#define SOURCE                                                                                 \
    {                                                                                          \
        .name = "federation", .value = "FILE",                                                 \
        .help = "work on this federation.json instead of the node's charter",                  \
        .type = P2P_CLI_FILE                                                                   \
    }
#define CHANGE                                                                                 \
    {.name = "root-key",                                                                       \
     .value = "F",                                                                             \
     .help = "a root's key file, signs the version; as many as the threshold says; the log "   \
             "key lies beside the first",                                                      \
     .type = P2P_CLI_FILE,                                                                     \
     .rules = P2P_CLI_REPEATS | P2P_CLI_UNLESS_PREFIXED},                                      \
        SOURCE
#define FEED_ARGUMENT                                                                          \
    {                                                                                          \
        .name = "FEED", .help = "a feed, as beanr/1, or beanr for its newest",                 \
        .rules = P2P_CLI_REQUIRED                                                              \
    }

static const struct p2p_cli_command CHARTER_COMMANDS[] = {
    {
        .verb = "show",
        .summary = "members, issuers, circles and policy as they stand",
        .run = p2p_cli_request_run,
        .route = {.method = "GET", .path = "/v1/charter/show", .print = p2p_cli_print_charter},
    },
    {
        .verb = "log",
        .summary = "the versions there were",
        .run = p2p_cli_request_run,
        .route = {.method = "GET",
                  .path = "/v1/charter/log",
                  .rows = "entries",
                  .print = p2p_cli_print_charter_log,
                  .none = "no versions"},
    },
    {
        .verb = "fetch",
        .summary = "take newer versions from a federation.json, wherever it comes from",
        .details =
            "It proves itself: what its roots did not sign is refused, whoever served it.",
        .options = P2P_CLI_OPTIONS(SOURCE),
        .arguments = P2P_CLI_ARGUMENTS({.name = "FILE|URL",
                                        .help = "a federation.json, or https://HOST/v1/charter",
                                        .rules = P2P_CLI_REQUIRED}),
        .run = fetch_run,
    },
    {
        .verb = "admit",
        .summary = "admit the member that sent this join.json",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "witness",
             .value = "MEMBER",
             .help = "who witnesses its feed (default: the first 15 members)",
             .rules = P2P_CLI_REPEATS},
            {.name = "circle",
             .value = "C",
             .help = "a circle it joins besides its own, with every key there was",
             .rules = P2P_CLI_REPEATS}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "FILE", .help = "its join.json", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "grant",
        .summary = "let an issuer do things",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "grant",
             .value = "WORD[:SCOPE]",
             .help = "what, as ban-local or custody:beanr-f1; may be repeated",
             .rules = P2P_CLI_REPEATS | P2P_CLI_REQUIRED},
            {.name = "member", .value = "M", .help = "whose issuer, when it is new"},
            {.name = "key",
             .value = "K",
             .help = "its public key (base64) or its key file, when it is new",
             .type = P2P_CLI_FILE}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "circle",
        .summary = "make a circle, let members join or leave it, give it a new key",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "add", .value = "MEMBER", .help = "who joins", .rules = P2P_CLI_REPEATS},
            {.name = "remove",
             .value = "MEMBER",
             .help = "who leaves",
             .rules = P2P_CLI_REPEATS},
            {.name = "new-epoch",
             .help = "a new key for all who remain",
             .type = P2P_CLI_FLAG}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "CIRCLE", .help = "its name", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "witness",
        .summary = "change one witness of a feed",
        .options =
            P2P_CLI_OPTIONS(CHANGE, {.name = "add", .value = "M", .help = "who becomes one"},
                            {.name = "remove", .value = "M", .help = "who is one no more"}),
        .arguments = P2P_CLI_ARGUMENTS(FEED_ARGUMENT),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "policy",
        .summary = "change what the federation has agreed on",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "lease",
             .value = "TIME",
             .help = "how long a port that is cut off may release (72h at first)",
             .type = P2P_CLI_DURATION},
            {.name = "heartbeat",
             .value = "TIME",
             .help = "how often each member signs the time (60s at first)",
             .type = P2P_CLI_DURATION},
            {.name = "fresh-cosignature",
             .value = "TIME",
             .help = "how old a cosignature may be to count for the time (15m at first)",
             .type = P2P_CLI_DURATION},
            {.name = "clock-skew",
             .value = "TIME",
             .help = "how far a clock may be off before a human decides (5m at first)",
             .type = P2P_CLI_DURATION}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "rotate",
        .summary = "replace the root keys",
        .options = P2P_CLI_OPTIONS(CHANGE,
                                   {.name = "new-root",
                                    .value = "F",
                                    .help = "a key file of a root from then on; name them all",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REPEATS | P2P_CLI_REQUIRED},
                                   {.name = "threshold",
                                    .value = "K",
                                    .help = "how many of them have to sign from then on",
                                    .type = P2P_CLI_NUMBER,
                                    .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "settle",
        .summary = "end two heads of the charter in favour of the one held here",
        .options = P2P_CLI_OPTIONS(CHANGE),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "revoke",
        .summary = "end what an issuer may do, from a record of its feed on",
        .options = P2P_CLI_OPTIONS(
            CHANGE,
            {.name = "at",
             .value = "INDEX",
             .help = "the first record that no longer counts (default: all that is witnessed "
                     "counts)",
             .type = P2P_CLI_NUMBER},
            {.name = "keep",
             .value = "ID",
             .help = "a ban above it that stays in force; may be repeated",
             .rules = P2P_CLI_REPEATS},
            {.name = "feed",
             .value = "FEED",
             .help = "in which feed (default: its member's newest)"},
            {.name = "checkpoint",
             .value = "FILE",
             .help = "the feed's newest quorum-cosigned checkpoint (default: the node's)",
             .type = P2P_CLI_FILE}),
        .arguments = P2P_CLI_ARGUMENTS(
            {.name = "ISSUER", .help = "as beanr-pso", .rules = P2P_CLI_REQUIRED}),
        .rules = P2P_CLI_PREFIXED,
        .run = change_run,
    },
    {
        .verb = "draft",
        .summary = "make a version without signing it, for roots in different cities",
        .details =
            "port2port charter draft VERB ... --out F takes the verbs admit, grant, circle, "
            "witness, policy, rotate, settle and revoke with their options. Signed by the log "
            "key, and by the root keys given, if any.",
        .options = P2P_CLI_OPTIONS({.name = "out",
                                    .value = "F",
                                    .help = "where to write the draft",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REQUIRED},
                                   {.name = "ceremony",
                                    .value = "DIR",
                                    .help = "where the log key is (default: beside the first "
                                            "--root-key)",
                                    .type = P2P_CLI_FILE}),
        .rules = P2P_CLI_PREFIX,
        .run = change_run,
    },
    {
        .verb = "sign",
        .summary = "add a root's signature to a draft",
        .details =
            "A root key signs one version of each number, ever; what it signed is kept beside "
            "it.",
        .options = P2P_CLI_OPTIONS({.name = "root-key",
                                    .value = "F",
                                    .help = "the root's key file",
                                    .type = P2P_CLI_FILE,
                                    .rules = P2P_CLI_REQUIRED},
                                   SOURCE),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "FILE", .help = "the draft", .rules = P2P_CLI_REQUIRED}),
        .run = sign_run,
    },
    {
        .verb = "append",
        .summary = "take a draft that enough roots signed into the charter",
        .options = P2P_CLI_OPTIONS(SOURCE),
        .arguments =
            P2P_CLI_ARGUMENTS({.name = "FILE", .help = "the draft", .rules = P2P_CLI_REQUIRED}),
        .run = append_run,
    },
    {.verb = "generation", .summary = "grant a new generation", .rules = P2P_CLI_HIDDEN},
    {.verb = "reassign", .summary = "replace a lost holder", .rules = P2P_CLI_HIDDEN},
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_charter = {
    .name = "charter",
    .summary = "who is who in the federation, and who may do what",
    .commands = CHARTER_COMMANDS,
};
