#include "http.h"
#include "nouns.h"
#include "print.h"
#include "request.h"

#include <p2p/kind.h>

#include <inttypes.h>
#include <string.h>

#define RETRY_MS         500u
#define KINDS_TEXT_BYTES 1024u

struct watch {
    struct p2p_cli_call *call;
    struct p2p_cli_style style;
    bool has_after; /* the number of the last event is known */
    uint64_t after;
    bool heard; /* something came over the present connection */
};

static bool wanted(const struct p2p_cli_call *call, const char *kind)
{
    const char *one = p2p_cli_value_at(call, "kind", 0);
    for (size_t n = 0; one != NULL; one = p2p_cli_value_at(call, "kind", ++n)) {
        if (strcmp(one, kind) == 0) {
            return true;
        }
    }
    return p2p_cli_value_at(call, "kind", 0) == NULL;
}

static bool on_line(void *context, const char *line, size_t len)
{
    struct watch *watch = context;
    json_t *event = json_loadb(line, len, 0, NULL);
    watch->heard = true;
    const json_t *number = json_object_get(event, "n");
    if (json_is_integer(number)) {
        watch->has_after = true;
        watch->after = (uint64_t)json_integer_value(number);
    }
    if (json_is_object(event) && wanted(watch->call, p2p_cli_text(event, "kind"))) {
        if (watch->call->json) {
            p2p_cli_put_json(watch->call->out, event);
        } else {
            p2p_cli_print_event(&watch->style, event);
        }
        fflush(watch->call->out);
    }
    json_decref(event);
    return !ferror(watch->call->out);
}

/* Whether each --kind is one; else exit code 2 with the list of them. */
static int check_kinds(const struct p2p_cli_call *call)
{
    char text[P2P_CLI_SENTENCE_BYTES], kinds[KINDS_TEXT_BYTES] = "kinds are";
    size_t count = 0, len = strlen(kinds);
    const struct p2p_kind *const *all = p2p_kinds(&count);
    const char *one = p2p_cli_value_at(call, "kind", 0);
    for (size_t n = 0; one != NULL && p2p_kind_named(p2p_slice_text(one)) != NULL;) {
        one = p2p_cli_value_at(call, "kind", ++n);
    }
    if (one == NULL) {
        return P2P_CLI_YES;
    }
    for (size_t i = 0; i < count && len < sizeof kinds; i++) {
        len += (size_t)snprintf(kinds + len, sizeof kinds - len, "%s %s", i > 0 ? "," : "",
                                all[i]->word);
    }
    snprintf(text, sizeof text, "%.64s is no kind of record", one);
    return p2p_cli_fail(call, P2P_CLI_USAGE, "unknown-kind", text, kinds);
}

/* One connection until it ends. GO on with 0 set in *exit, or the exit code. */
static bool listen_once(struct watch *watch, struct p2p_cli_http *http, bool first, int *exit)
{
    struct p2p_api_reply reply = {0};
    char query[P2P_CLI_PATH_BYTES] = "";
    bool go_on = true;
    p2p_cli_query(watch->call, query);
    if (watch->has_after) {
        char after[24];
        snprintf(after, sizeof after, "%" PRIu64, watch->after);
        p2p_cli_query_add(query, "after", after);
    }
    watch->heard = false;
    enum p2p_cli_http_result result = p2p_cli_http_stream(
        http, &(struct p2p_api_request){.method = "GET", .path = "/v1/events", .query = query},
        on_line, watch, &reply);
    if (result == P2P_CLI_HTTP_DONE) {
        go_on = false;
        *exit = reply.status != 0 ? p2p_cli_fail_reply(watch->call, &reply) : P2P_CLI_YES;
    } else if (result == P2P_CLI_HTTP_ABSENT && first) {
        char text[P2P_CLI_SENTENCE_BYTES];
        snprintf(text, sizeof text, "no node serves in %s", watch->call->dir);
        go_on = false;
        *exit = p2p_cli_fail(watch->call, P2P_CLI_UNDECIDED, "not-serving", text,
                             "start it with port2port serve");
    }
    p2p_api_reply_deinit(&reply);
    return go_on;
}

int p2p_cli_watch_run(struct p2p_cli_call *call)
{
    struct watch watch = {.call = call, .style = p2p_cli_style_of(call->out)};
    struct p2p_cli_http *http = NULL;
    int exit = check_kinds(call);
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    enum p2p_err err = p2p_cli_http_open(&http, call->dir);
    if (err != P2P_OK) {
        return p2p_cli_fail_err(call, err, call->dir);
    }
    const char *after = p2p_cli_value(call, "after", NULL);
    if (after != NULL) {
        watch.has_after = sscanf(after, "%" SCNu64, &watch.after) == 1;
    }
    bool told = false;
    for (bool first = true; listen_once(&watch, http, first, &exit); first = false) {
        if (watch.heard) {
            told = false;
        }
        if (!told) {
            fprintf(call->err, "The node went away (%s); watching for it to come back.\n",
                    p2p_cli_http_why(http));
            told = true;
        }
        p2p_cli_pause_ms(RETRY_MS);
    }
    p2p_cli_http_close(http);
    return exit;
}
