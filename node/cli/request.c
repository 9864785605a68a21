#include "request.h"

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/key.h>
#include <p2p/keydir.h>
#include <p2p/text.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool encode(char out[P2P_CLI_PATH_BYTES], size_t at, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (at + 4 > P2P_CLI_PATH_BYTES) {
            return false;
        }
        if (isalnum(c) || strchr("-._~:/@,*", c) != NULL) {
            out[at++] = (char)c;
        } else {
            out[at++] = '%';
            out[at++] = digits[c >> 4];
            out[at++] = digits[c & 15];
        }
    }
    out[at] = '\0';
    return true;
}

bool p2p_cli_path(char out[P2P_CLI_PATH_BYTES], const char *prefix, const char *text)
{
    size_t at = strlen(prefix);
    if (at + 4 > P2P_CLI_PATH_BYTES) {
        return false;
    }
    memcpy(out, prefix, at + 1);
    return encode(out, at, text);
}

bool p2p_cli_query_add(char out[P2P_CLI_PATH_BYTES], const char *name, const char *value)
{
    size_t at = strlen(out), len = strlen(name);
    if (at + len + 6 > P2P_CLI_PATH_BYTES) {
        return false;
    }
    if (at > 0) {
        out[at++] = '&';
    }
    memcpy(out + at, name, len);
    out[at + len] = '=';
    return encode(out, at + len + 1, value);
}

/* "reference-column" -> "reference_column"; spans of time get _s. */
static void key_of(char out[64], const char *name, enum p2p_cli_type type)
{
    snprintf(out, 64, "%s%s", name, type == P2P_CLI_DURATION ? "-s" : "");
    for (size_t i = 0; out[i] != '\0'; i++) {
        out[i] = out[i] == '-' ? '_' : (char)tolower((unsigned char)out[i]);
    }
}

bool p2p_cli_query(const struct p2p_cli_call *call, char out[P2P_CLI_PATH_BYTES])
{
    out[0] = '\0';
    bool fits = true;
    for (size_t i = 0; i < call->given_count; i++) {
        const struct p2p_cli_given *g = &call->given[i];
        char key[64];
        key_of(key, g->option->name, g->option->type);
        if ((g->option->rules & P2P_CLI_LOCAL) == 0) {
            fits = fits && p2p_cli_query_add(out, key, g->text != NULL ? g->text : "1");
        }
    }
    return fits;
}

static json_t *json_of(const struct p2p_cli_given *given)
{
    uint64_t number = 0;
    switch (given->option->type) {
    case P2P_CLI_FLAG:
        return json_true();
    case P2P_CLI_NUMBER:
        if (p2p_decimal_decode(&number, p2p_slice_text(given->text)) != P2P_OK) {
            return NULL;
        }
        return json_integer((json_int_t)number);
    case P2P_CLI_DURATION:
        if (p2p_cli_duration(&number, given->text) != P2P_OK) {
            return NULL;
        }
        return json_integer((json_int_t)number);
    case P2P_CLI_TEXT:
    case P2P_CLI_FILE:
        return json_string(given->text);
    }
    return NULL;
}

/* Sets key, or appends to its array. Takes value. */
static bool put(json_t *body, const char *key, bool repeats, json_t *value)
{
    if (!repeats) {
        return json_object_set_new(body, key, value) == 0;
    }
    json_t *array = json_object_get(body, key);
    if (array == NULL) {
        array = json_array();
        if (json_object_set_new(body, key, array) != 0) {
            json_decref(value);
            return false;
        }
    }
    return json_array_append_new(array, value) == 0;
}

json_t *p2p_cli_body(const struct p2p_cli_call *call)
{
    json_t *body = json_object();
    bool good = body != NULL;
    if (good && call->as != NULL) {
        good = json_object_set_new(body, "as", json_string(call->as)) == 0;
    }
    for (size_t i = 0; good && i < call->given_count; i++) {
        const struct p2p_cli_given *g = &call->given[i];
        char key[64];
        key_of(key, g->option->name, g->option->type);
        if ((g->option->rules & P2P_CLI_LOCAL) == 0) {
            good = put(body, key, g->option->rules & P2P_CLI_REPEATS, json_of(g));
        }
    }
    const struct p2p_cli_argument *a = call->command->arguments;
    size_t taken = 0;
    for (; a != NULL && a->name != NULL; a++) {
        char key[64];
        key_of(key, a->key != NULL ? a->key : a->name, P2P_CLI_TEXT);
        while (good && taken < call->argument_count) {
            const char *text = call->arguments[taken++];
            if ((a->rules & P2P_CLI_LOCAL) == 0) {
                good = put(body, key, a->rules & P2P_CLI_REPEATS, json_string(text));
            }
            if ((a->rules & P2P_CLI_REPEATS) == 0) {
                break;
            }
        }
    }
    if (!good) {
        json_decref(body);
        return NULL;
    }
    return body;
}

void p2p_cli_session_of(struct p2p_cli_session *session, const struct p2p_cli_call *call)
{
    p2p_cli_session_init(session, call->dir, call->passphrase_file);
}

/* Whose key the locked one is: --as, or whom the reply names. */
static const char *locked_issuer(const struct p2p_cli_call *call,
                                 const struct p2p_api_reply *reply)
{
    if (strcmp(p2p_cli_problem_code(reply), "locked") != 0 || call->passphrase_file == NULL) {
        return NULL;
    }
    const char *issuer = call->as != NULL ? call->as : p2p_cli_text(reply->json, "issuer");
    return issuer[0] != '\0' ? issuer : NULL;
}

void p2p_cli_append(const struct p2p_cli_call *call, struct p2p_cli_session *session,
                    const struct p2p_api_request *request, struct p2p_api_reply *reply)
{
    p2p_cli_session_call(session, request, reply);
    const char *issuer = locked_issuer(call, reply);
    if (issuer == NULL || session->node != NULL) {
        return;
    }
    char passphrase[P2P_PASSPHRASE_BYTES_MAX];
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    size_t len = 0;
    enum p2p_err err =
        p2p_passphrase_read(call->passphrase_file, passphrase, &len, message, sizeof message);
    if (err != P2P_OK) {
        p2p_api_reply_deinit(reply);
        p2p_cli_problem_reply(reply, p2p_cli_status_of(err), p2p_err_name(err), "", "%s",
                              message);
        return;
    }
    json_t *body = json_pack("{s:s,s:s%,s:i}", "issuer", issuer, "passphrase", passphrase, len,
                             "for_s", (int)P2P_CLI_UNLOCK_SECONDS);
    p2p_wipe(passphrase, sizeof passphrase);
    p2p_api_reply_deinit(reply);
    p2p_cli_session_call(
        session,
        &(struct p2p_api_request){.method = "POST", .path = "/v1/keys/unlock", .body = body},
        reply);
    json_decref(body);
    if (!p2p_cli_is_problem(reply)) {
        p2p_api_reply_deinit(reply);
        p2p_cli_session_call(session, request, reply);
    }
}

const json_t *p2p_cli_rows(const json_t *reply, const char *name)
{
    return json_is_array(reply) ? reply : json_object_get(reply, name);
}

int p2p_cli_show(const struct p2p_cli_call *call, const struct p2p_api_reply *reply,
                 void (*print)(const struct p2p_cli_style *style, const json_t *reply))
{
    if (p2p_cli_is_problem(reply)) {
        return p2p_cli_fail_reply(call, reply);
    }
    if (reply->text != NULL) {
        fputs(reply->text, call->out);
    } else if (call->json || print == NULL) {
        p2p_cli_put_json(call->out, reply->json);
    } else {
        struct p2p_cli_style style = p2p_cli_style_of(call->out);
        print(&style, reply->json);
    }
    return p2p_api_exit_code(reply);
}

/* What was done as asked and is likely a mistake: a line each on stderr. */
static void tell_flags(const struct p2p_cli_call *call, const json_t *reply)
{
    size_t index = 0;
    const json_t *flag = NULL;
    json_array_foreach(json_object_get(reply, "flags"), index, flag)
    {
        fputs("port2port: ", call->err);
        p2p_cli_put(call->err, p2p_cli_text(flag, "text"));
        fputc('\n', call->err);
    }
}

int p2p_cli_show_append(const struct p2p_cli_call *call, const struct p2p_api_reply *reply)
{
    if (!p2p_cli_is_problem(reply) && !call->json) {
        tell_flags(call, reply->json);
    }
    if (p2p_cli_is_problem(reply) || call->json || call->command->route.print != NULL) {
        return p2p_cli_show(call, reply, call->command->route.print);
    }
    struct p2p_cli_style style = p2p_cli_style_of(call->out);
    const char *level = p2p_cli_text(reply->json, "level");
    p2p_cli_paint(&style, P2P_CLI_BOLD, p2p_cli_text(reply->json, "id"));
    bool already = json_is_true(json_object_get(reply->json, "already"));
    fprintf(call->out, "  %s", already ? "is there already" : call->command->route.done);
    if (level[0] != '\0') {
        fputs(", ", call->out);
        p2p_cli_put(call->out, level);
    }
    fputc('\n', call->out);
    return p2p_api_exit_code(reply);
}

/* Writes what /v1/prepare gave into the file of --prepare. */
static int keep_prepared(const struct p2p_cli_call *call, const char *file,
                         const struct p2p_api_reply *reply)
{
    if (p2p_cli_is_problem(reply)) {
        return p2p_cli_fail_reply(call, reply);
    }
    if (json_is_true(json_object_get(reply->json, "already"))) {
        return p2p_cli_show_append(call, reply); /* there is nothing to sign */
    }
    char message[P2P_MESSAGE_BYTES_MAX] = "";
    json_t *prepared = json_copy(reply->json);
    json_object_del(prepared, "flags"); /* no part of what is signed */
    char *text = prepared == NULL ? NULL : json_dumps(prepared, JSON_INDENT(1));
    json_decref(prepared);
    enum p2p_err err = text == NULL ? P2P_NOMEM
                                    : p2p_file_write(file, p2p_slice_text(text), 0600,
                                                     P2P_FILE_NEW, message, sizeof message);
    free(text);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, message);
    }
    if (call->json) {
        p2p_cli_put_json(call->out, reply->json);
    } else {
        tell_flags(call, reply->json);
        fputs("nothing is appended yet; the bytes to sign stand in ", call->out);
        p2p_cli_put(call->out, file);
        fputs(" under \"bytes\" (base64).\nSign them with Ed25519, put the signature in as "
              "\"signature\" (base64), then: port2port submit ",
              call->out);
        p2p_cli_put(call->out, file);
        fputc('\n', call->out);
    }
    return P2P_CLI_YES;
}

int p2p_cli_post(struct p2p_cli_call *call, const char *path, json_t *body)
{
    const char *prepare = p2p_cli_value(call, "prepare", NULL);
    struct p2p_cli_session session;
    struct p2p_api_reply reply = {0};
    if (prepare != NULL && access(prepare, F_OK) == 0) {
        json_decref(body);
        char text[P2P_CLI_SENTENCE_BYTES];
        snprintf(text, sizeof text, "%.256s is there already, and what it holds may be signed",
                 prepare);
        return p2p_cli_fail(call, P2P_CLI_USAGE, "usage", text, "name another file");
    }
    if (body != NULL && prepare != NULL) {
        json_t *outer = json_pack("{s:s,s:o}", "path", path, "request", body);
        body = outer;
        path = "/v1/prepare";
    }
    if (body == NULL) {
        return p2p_cli_fail_err(call, P2P_NOMEM, NULL);
    }
    p2p_cli_session_of(&session, call);
    p2p_cli_append(call, &session,
                   &(struct p2p_api_request){.method = "POST", .path = path, .body = body},
                   &reply);
    int exit = prepare != NULL ? keep_prepared(call, prepare, &reply)
                               : p2p_cli_show_append(call, &reply);
    p2p_api_reply_deinit(&reply);
    json_decref(body);
    p2p_cli_session_deinit(&session);
    return exit;
}

static int show_rows(const struct p2p_cli_call *call, const json_t *rows)
{
    if (!json_is_array(rows)) {
        return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "unexpected",
                            "the node's answer is no list", "is it of another version?");
    }
    if (call->json) {
        size_t index = 0;
        json_t *row = NULL;
        json_array_foreach(rows, index, row)
        {
            p2p_cli_put_json(call->out, row);
        }
    } else if (json_array_size(rows) > 0) {
        struct p2p_cli_style style = p2p_cli_style_of(call->out);
        call->command->route.print(&style, rows);
    }
    return P2P_CLI_YES;
}

static int run_list(struct p2p_cli_call *call, struct p2p_cli_session *session,
                    const char *path)
{
    char query[P2P_CLI_PATH_BYTES];
    char after[P2P_CLI_PATH_BYTES] = "";
    size_t total = 0;
    int exit = P2P_CLI_YES;
    bool more = true;
    while (more && exit == P2P_CLI_YES) {
        char limit[16];
        snprintf(limit, sizeof limit, "%u", P2P_CLI_PAGE_ROWS);
        if (!p2p_cli_query(call, query) ||
            (call->argument_count > 0 &&
             !p2p_cli_query_add(query, "kind", call->arguments[0])) ||
            !p2p_cli_query_add(query, "limit", limit) ||
            (after[0] != '\0' && !p2p_cli_query_add(query, "after", after))) {
            return p2p_cli_fail(call, P2P_CLI_USAGE, "toolarge", "the question is too long",
                                "");
        }
        struct p2p_api_reply reply = {0};
        p2p_cli_session_get(session, path, query, &reply);
        if (p2p_cli_is_problem(&reply)) {
            exit = p2p_cli_fail_reply(call, &reply);
            p2p_api_reply_deinit(&reply);
            break;
        }
        const json_t *rows = p2p_cli_rows(reply.json, call->command->route.rows);
        const json_t *next = json_object_get(reply.json, "next");
        exit = show_rows(call, rows);
        total += json_array_size(rows);
        char before[P2P_CLI_PATH_BYTES];
        memcpy(before, after, sizeof before);
        if (json_is_integer(next)) {
            snprintf(after, sizeof after, "%" JSON_INTEGER_FORMAT, json_integer_value(next));
        } else {
            snprintf(after, sizeof after, "%s", p2p_cli_text(reply.json, "next"));
        }
        /* A list that does not move on would never end. */
        more = after[0] != '\0' && strcmp(after, before) != 0;
        p2p_api_reply_deinit(&reply);
    }
    if (exit == P2P_CLI_YES && total == 0 && !call->json) {
        fprintf(call->err, "%s\n", call->command->route.none);
    }
    return exit;
}

int p2p_cli_request_run(struct p2p_cli_call *call)
{
    const struct p2p_cli_route *route = &call->command->route;
    char path[P2P_CLI_PATH_BYTES], prefix[64];
    snprintf(prefix, sizeof prefix, "%s", route->path);
    size_t len = strlen(prefix);
    bool has_id = len > 3 && strcmp(prefix + len - 3, "/ID") == 0;
    if (has_id) {
        prefix[len - 2] = '\0';
    }
    if (has_id && *p2p_cli_argument(call, 0) == '\0') {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "bad-id", "the ID is empty",
                            "an id is written as beanr/1:17");
    }
    if (!p2p_cli_path(path, prefix, has_id ? p2p_cli_argument(call, 0) : "")) {
        return p2p_cli_fail(call, P2P_CLI_USAGE, "toolarge", "the ID is too long", "");
    }
    if (strcmp(route->method, "POST") == 0) {
        return p2p_cli_post(call, path, p2p_cli_body(call));
    }
    struct p2p_cli_session session;
    int exit = P2P_CLI_YES;
    p2p_cli_session_of(&session, call);
    if (route->rows != NULL) {
        exit = run_list(call, &session, path);
    } else {
        char query[P2P_CLI_PATH_BYTES];
        struct p2p_api_reply reply = {0};
        if (!p2p_cli_query(call, query)) {
            exit =
                p2p_cli_fail(call, P2P_CLI_USAGE, "toolarge", "the question is too long", "");
        } else {
            p2p_cli_session_get(&session, path, query, &reply);
            exit = p2p_cli_show(call, &reply, route->print);
            p2p_api_reply_deinit(&reply);
        }
    }
    p2p_cli_session_deinit(&session);
    return exit;
}
