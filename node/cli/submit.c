/* submit: appends a record that was signed outside; and, with --key, the whole way of a party:
 * the node prepares what is asked for, the key signs it here, and the node takes the record.
 * The key leaves neither its file nor this process.
 *
 *     submit FILE                              what was signed already
 *     submit --key F FILE                      what --prepare wrote, or {"path","request"}
 *     submit --key F -- ban impose --subject   what a verb would ask for
 *
 * All of it goes to the node in -C DIR, or to --server URL, where a certificate shows who asks:
 * it is made for the occasion, vouched for by the same key (party.h), and forgotten. */
#include "error.h"
#include "http.h"
#include "key_file.h"
#include "nouns.h"
#include "party.h"
#include "passphrase.h"
#include "request.h"

#include <p2p/bytes.h>
#include <p2p/charter.h>
#include <p2p/file.h>
#include <p2p/hash.h>
#include <p2p/record.h>
#include <p2p/sigs.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A record signed outside is at most 60,000 bytes; as JSON with base64 and what stands beside
 * it this is ample. */
#define SIGNED_FILE_BYTES_MAX (1u << 20)

/* A certificate for one errand. */
#define ERRAND_S 600u

enum { TRIES = 3, TRY_AGAIN_MS = 500 };

struct submitting {
    struct p2p_cli_call *call;
    struct p2p_cli_http *http; /* of --server, or NULL */
    struct p2p_cli_session session;
    struct p2p_keydir_key key;
    bool has_key;
    char pem[2 * P2P_TLS_PEM_BYTES];
};

enum { ONCE_BYTES = P2P_HEX_BYTES(16) };

/* ---- asking the node ---- */

/* Over TLS an exchange that broke is tried again: under its key it is done once. */
static void ask_server(struct submitting *s, const struct p2p_api_request *request,
                       struct p2p_api_reply *reply)
{
    enum p2p_cli_http_result result = P2P_CLI_HTTP_ABSENT;
    for (int i = 0; i < TRIES && result != P2P_CLI_HTTP_DONE; i++) {
        if (i > 0) {
            p2p_cli_pause_ms(TRY_AGAIN_MS);
        }
        result = p2p_cli_http_call(s->http, request, P2P_CLI_TIMEOUT_MS, reply);
    }
    if (result != P2P_CLI_HTTP_DONE) {
        p2p_cli_problem_reply(reply, 503, "unreachable",
                              "name the certificate that the server shows with --server-cert",
                              "%s: %s", p2p_cli_value(s->call, "server", ""),
                              p2p_cli_http_why(s->http));
    }
}

/* An idempotency key for what a text says. */
static void key_of(char out[ONCE_BYTES], const char *use, const char *text)
{
    const struct p2p_slice parts[] = {p2p_slice_text(use), p2p_slice_of("\0", 1),
                                      p2p_slice_text(text)};
    struct p2p_hash hash = p2p_sha256_many(parts, 3);
    p2p_hex_encode(out, hash.bytes, 16);
}

/* once: an idempotency key, or NULL. */
static void ask(struct submitting *s, const char *method, const char *path, json_t *body,
                const char *once, struct p2p_api_reply *reply)
{
    const struct p2p_api_request request = {
        .method = method, .path = path, .body = body, .idempotency_key = once};
    *reply = (struct p2p_api_reply){0};
    if (s->http != NULL) {
        ask_server(s, &request, reply);
    } else {
        p2p_cli_append(s->call, &s->session, &request, reply);
    }
}

/* ---- who asks ---- */

/* The charter proves itself; what is taken from it here is only for which federation the
 * certificate is. */
static int learn_federation(struct submitting *s, char federation[P2P_FEDERATION_BYTES_MAX + 1])
{
    struct p2p_api_reply reply;
    ask(s, "GET", "/v1/charter", NULL, NULL, &reply);
    const char *name = json_string_value(json_object_get(reply.json, "federation"));
    int exit = P2P_CLI_YES;
    if (p2p_cli_is_problem(&reply)) {
        exit = p2p_cli_fail_reply(s->call, &reply);
    } else if (name == NULL || !p2p_federation_valid(p2p_slice_text(name))) {
        exit = p2p_cli_fail(s->call, P2P_CLI_UNDECIDED, "unexpected",
                            "the server's answer is no charter", "is it a node?");
    } else {
        snprintf(federation, P2P_FEDERATION_BYTES_MAX + 1, "%s", name);
    }
    p2p_api_reply_deinit(&reply);
    return exit;
}

static int show_certificate(struct submitting *s)
{
    char federation[P2P_FEDERATION_BYTES_MAX + 1];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    struct p2p_people_pem pem;
    int exit = learn_federation(s, federation);
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    enum p2p_err err = p2p_cli_party_pem(&s->key, federation, p2p_cli_wall_ms(), ERRAND_S, &pem,
                                         message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(s->call, err, message);
    }
    snprintf(s->pem, sizeof s->pem, "%s%s", pem.certificate, pem.key);
    p2p_wipe(&pem, sizeof pem);
    p2p_cli_http_show(s->http, s->pem);
    return P2P_CLI_YES;
}

static int open_way(struct submitting *s)
{
    const char *server = p2p_cli_value(s->call, "server", NULL);
    const char *file = p2p_cli_value(s->call, "key", NULL);
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    if (file != NULL) {
        enum p2p_err err = p2p_cli_key_file(s->call, file, &s->key, message, sizeof message);
        if (err != P2P_OK) {
            return p2p_cli_fail_err(s->call, err, message);
        }
        s->has_key = true;
    }
    if (server == NULL) {
        return P2P_CLI_YES;
    }
    if (!s->has_key) {
        return p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage", "a server wants to know who asks",
                            "give the issuer's key file with --key");
    }
    enum p2p_err err =
        p2p_cli_http_open_server(&s->http, server, p2p_cli_value(s->call, "server-cert", NULL));
    if (err == P2P_USAGE) {
        return p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage",
                            "--server is a URL as https://beanr.example:7401", NULL);
    }
    return err != P2P_OK ? p2p_cli_fail_err(s->call, err, NULL) : show_certificate(s);
}

/* ---- what is submitted ---- */

/* What the file holds: JSON, or the signed record's own bytes. */
static json_t *read_file(const char *bytes, size_t len)
{
    json_t *json = json_loadb(bytes, len, 0, NULL);
    if (json_is_object(json)) {
        return json;
    }
    json_decref(json);
    json = NULL;
    char *text = malloc(P2P_BASE64_BYTES(len));
    if (text != NULL) {
        p2p_base64_encode(text, bytes, len);
        json = json_pack("{s:s}", "record", text);
    }
    free(text);
    return json;
}

static int take_file(struct submitting *s, json_t **out)
{
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    char *bytes = NULL;
    size_t len = 0;
    enum p2p_err err = p2p_file_read(p2p_cli_argument(s->call, 0), SIGNED_FILE_BYTES_MAX,
                                     &bytes, &len, message, sizeof message);
    if (err != P2P_OK) {
        return p2p_cli_fail(s->call, err == P2P_NOTFOUND ? P2P_CLI_UNDECIDED : P2P_CLI_USAGE,
                            p2p_err_name(err), message, NULL);
    }
    *out = read_file(bytes, len);
    free(bytes);
    return *out != NULL ? P2P_CLI_YES : p2p_cli_fail_err(s->call, P2P_NOMEM, NULL);
}

/* The words of a verb that appends, as {"path","request"}. */
static int take_verb(struct submitting *s, json_t **out)
{
    struct p2p_cli_call inner = {0};
    struct p2p_cli_problem problem = {.text = "", .hint = ""};
    int count = (int)s->call->argument_count;
    char **words = calloc((size_t)count + 2, sizeof *words);
    int exit = P2P_CLI_YES;
    if (words == NULL) {
        return p2p_cli_fail_err(s->call, P2P_NOMEM, NULL);
    }
    words[0] = s->call->words[0];
    memcpy(words + 1, s->call->arguments, (size_t)count * sizeof *words);
    enum p2p_err err = p2p_cli_parse(&inner, count + 1, words, &problem);
    if (err == P2P_USAGE) {
        exit = p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage", problem.text, problem.hint);
    } else if (err == P2P_OK && (inner.command == NULL || inner.command->route.path == NULL ||
                                 strcmp(inner.command->route.method, "POST") != 0 ||
                                 (inner.command->rules & P2P_CLI_APPENDS) == 0)) {
        exit = p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage",
                            "only a verb that appends one record is signed so", NULL);
    } else if (err == P2P_OK) {
        json_t *request = p2p_cli_body(&inner);
        *out = request != NULL ? json_pack("{s:s,s:o}", "path", inner.command->route.path,
                                           "request", request)
                               : NULL;
        err = *out != NULL ? P2P_OK : P2P_NOMEM;
    }
    if (err == P2P_NOMEM) {
        exit = p2p_cli_fail_err(s->call, P2P_NOMEM, NULL);
    }
    p2p_cli_call_deinit(&inner);
    free(words);
    return exit;
}

/* ---- signing ---- */

/* A member in base64, decoded; the caller frees. */
static bool decode(const json_t *json, const char *name, uint8_t **out, size_t *len)
{
    const char *text = json_string_value(json_object_get(json, name));
    size_t measured = 0;
    if (text == NULL || p2p_base64_measure(&measured, p2p_slice_text(text)) != P2P_OK) {
        return false;
    }
    *out = malloc(measured + 1);
    return *out != NULL &&
           p2p_base64_decode(*out, measured, len, p2p_slice_text(text)) == P2P_OK;
}

/* Whether what is to be signed is a record and nothing else: the prefix of records in that
 * feed, then the leaf that will be handed in. A node could ask for any signature otherwise. */
static bool is_record(const json_t *prepared, struct p2p_slice bytes, struct p2p_slice leaf)
{
    uint8_t prefix[P2P_PREFIX_BYTES_MAX];
    const char *feed = json_string_value(json_object_get(prepared, "feed"));
    if (feed == NULL || strlen(feed) > P2P_ORIGIN_BYTES_MAX) {
        return false;
    }
    size_t len = p2p_use_prefix(prefix, "record", p2p_slice_text(feed));
    return bytes.len == len + leaf.len && memcmp(bytes.data, prefix, len) == 0 &&
           memcmp(bytes.data + len, leaf.data, leaf.len) == 0;
}

static int sign(struct submitting *s, json_t *prepared)
{
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    struct p2p_signature signature;
    char text[P2P_BASE64_BYTES(P2P_SIGNATURE_BYTES)];
    char text_of[P2P_CLI_SENTENCE_BYTES];
    const char *issuer = json_string_value(json_object_get(prepared, "issuer"));
    uint8_t *bytes = NULL, *leaf = NULL;
    size_t bytes_len = 0, leaf_len = 0;
    if (issuer != NULL && strcmp(issuer, s->key.name) != 0) {
        snprintf(text_of, sizeof text_of, "this was prepared for %.64s, and the key is %.64s's",
                 issuer, s->key.name);
        return p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage", text_of,
                            "give that issuer's key file, or prepare it anew");
    }
    bool good =
        decode(prepared, "bytes", &bytes, &bytes_len) &&
        decode(prepared, "leaf", &leaf, &leaf_len) &&
        is_record(prepared, p2p_slice_of(bytes, bytes_len), p2p_slice_of(leaf, leaf_len));
    if (good) {
        struct p2p_slice message = p2p_slice_of(bytes, bytes_len);
        sigs->sign(sigs->context, s->key.seed, s->key.public_key, message, &signature);
        p2p_base64_encode(text, signature.bytes, P2P_SIGNATURE_BYTES);
        good = json_object_set_new(prepared, "signature", json_string(text)) == 0;
    }
    free(leaf);
    free(bytes);
    return good ? P2P_CLI_YES
                : p2p_cli_fail(s->call, P2P_CLI_DAMAGED, "bad-prepare",
                               "what is to be signed is no record: nothing was signed",
                               "prepare it anew, and tell whoever runs the node");
}

/* {"path","request"} becomes what the node prepares. Under a key of its own, since the record
 * has the other: asked again it is the same bytes, while the node remembers them, and so the
 * same record. */
static int prepare(struct submitting *s, json_t **document)
{
    struct p2p_api_reply reply;
    const char *named = p2p_cli_value(s->call, "idempotency-key", NULL);
    char once[ONCE_BYTES];
    if (named != NULL) {
        key_of(once, "prepare", named);
    }
    json_t *request = json_object_get(*document, "request");
    if (json_object_get(request, "as") == NULL) {
        json_object_set_new(request, "as", json_string(s->key.name));
    }
    ask(s, "POST", "/v1/prepare", *document, named != NULL ? once : NULL, &reply);
    int exit = P2P_CLI_YES;
    if (p2p_cli_is_problem(&reply)) {
        exit = p2p_cli_fail_reply(s->call, &reply);
    } else {
        json_decref(*document);
        *document = json_incref(reply.json);
    }
    p2p_api_reply_deinit(&reply);
    return exit;
}

/* ---- the course ---- */

/* What prepare gave is no record to sign, but the one that stands. */
static bool is_already(const json_t *document)
{
    return json_is_true(json_object_get(document, "already"));
}

static int make_signed(struct submitting *s, json_t **document)
{
    int exit = P2P_CLI_YES;
    bool asks = json_is_object(json_object_get(*document, "request"));
    if (asks && !s->has_key) {
        return p2p_cli_fail(s->call, P2P_CLI_USAGE, "usage", "nobody is there to sign this",
                            "give the issuer's key file with --key");
    }
    if (asks) {
        exit = prepare(s, document);
    }
    if (exit == P2P_CLI_YES && is_already(*document)) {
        return exit;
    }
    bool is_signed = json_object_get(*document, "signature") != NULL ||
                     json_object_get(*document, "record") != NULL;
    if (exit == P2P_CLI_YES && s->has_key && !is_signed) {
        exit = sign(s, *document);
    }
    return exit;
}

static int submit(struct submitting *s, json_t *document)
{
    const char *level = p2p_cli_value(s->call, "level", NULL);
    struct p2p_api_reply reply;
    char once[ONCE_BYTES];
    if (level != NULL) {
        json_object_set_new(document, "level", json_string(level));
    }
    char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        return p2p_cli_fail_err(s->call, P2P_NOMEM, NULL);
    }
    key_of(once, "submit", text);
    free(text);
    /* A signed file handed in a second time is refused, unless an exchange may have broken. */
    const char *own = s->http != NULL || s->has_key ? once : NULL;
    ask(s, "POST", "/v1/submit", document, p2p_cli_value(s->call, "idempotency-key", own),
        &reply);
    int exit = p2p_cli_show_append(s->call, &reply);
    p2p_api_reply_deinit(&reply);
    return exit;
}

/* In one command nothing would say which of them was refused, and the order counts. */
static int several_files(const struct p2p_cli_call *call)
{
    return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", "one file is submitted at a time",
                        "run it for each, in the order in which they were prepared; the words "
                        "of a verb stand behind --");
}

static int submit_run(struct p2p_cli_call *call)
{
    struct submitting *s = calloc(1, sizeof *s);
    json_t *document = NULL;
    if (s == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    s->call = call;
    p2p_cli_session_of(&s->session, call);
    bool verb = p2p_cli_noun_find(p2p_cli_argument(call, 0)) != NULL;
    int exit = verb                       ? take_verb(s, &document)
               : call->argument_count > 1 ? several_files(call)
                                          : take_file(s, &document);
    if (exit == P2P_CLI_YES) {
        exit = open_way(s);
    }
    if (exit == P2P_CLI_YES) {
        exit = make_signed(s, &document);
    }
    if (exit == P2P_CLI_YES) {
        exit = is_already(document)
                   ? p2p_cli_show_append(
                         call, &(struct p2p_api_reply){.status = 200, .json = document})
                   : submit(s, document);
    }
    json_decref(document);
    p2p_cli_http_close(s->http);
    p2p_cli_session_deinit(&s->session);
    p2p_wipe(s, sizeof *s);
    free(s);
    return exit;
}

static const struct p2p_cli_command SUBMIT_COMMANDS[] = {
    {
        .summary = "append a record that is signed outside the node",
        .details =
            "FILE is what --prepare wrote, with the signature (base64) added as "
            "\"signature\", or the signed record's own bytes. With --key it may be unsigned, "
            "or "
            "what is asked for, {\"path\",\"request\"}; or the words of a verb stand in its "
            "place behind --, as in: port2port submit --server URL --key F -- ban impose "
            "--subject imo:9332810 --ground local --reference x. The node prepares the record, "
            "the key signs it here and stays here, and what is no record of that feed is not "
            "signed. With --server that node is asked over TLS, in the name of the key's "
            "issuer. Records prepared outside are submitted in the order in which they were "
            "prepared.",
        .options = P2P_CLI_OPTIONS(
            {.name = "level",
             .value = "LEVEL",
             .help = "wait until it is held so: local (the default), mirrored, witnessed",
             .choices = "local|mirrored|witnessed"},
            {.name = "key",
             .value = "F",
             .help = "the issuer's key file, with kdf beside it",
             .type = P2P_CLI_FILE,
             .rules = P2P_CLI_LOCAL},
            {.name = "server",
             .value = "URL",
             .help = "a node's listener for people, as https://beanr.example:7401",
             .rules = P2P_CLI_LOCAL},
            {.name = "server-cert",
             .value = "F",
             .help = "the certificate that the server shows, in PEM (default: the system's "
                     "authorities)",
             .type = P2P_CLI_FILE,
             .rules = P2P_CLI_LOCAL},
            {.name = "idempotency-key",
             .value = "TEXT",
             .help = "under one key the same is done once (default: of what is submitted)",
             .rules = P2P_CLI_LOCAL}),
        .arguments = P2P_CLI_ARGUMENTS({.name = "FILE",
                                        .help = "the record, or what is asked for",
                                        .rules = P2P_CLI_REQUIRED | P2P_CLI_REPEATS}),
        .run = submit_run,
        .route = {.done = "record appended"},
    },
    {0},
};

const struct p2p_cli_noun p2p_cli_noun_submit = {
    .name = "submit",
    .summary = "append a record that is signed outside the node",
    .commands = SUBMIT_COMMANDS,
};
