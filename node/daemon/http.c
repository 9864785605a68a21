/* Requests of people and programs become API calls; watchers get events as they happen. */
#include "daemon.h"

#include <p2p/api.h>
#include <p2p/assert.h>
#include <p2p/server.h>

#include <stdlib.h>
#include <string.h>

enum { EVENTS_AT_ONCE = 256, STREAM_HIGH_BYTES = 128 * 1024 };

/* A request that waits for its answer; outlives a request that was cancelled. */
struct p2p_asked {
    struct p2p_daemon *daemon;
    struct p2p_request *request; /* NULL once cancelled */
    bool is_public;
    struct p2p_call *call;       /* until it is queued */
    uv_work_t slow;              /* its slow part, on libuv's thread pool */
    struct p2p_asked *next_slow; /* waits until that is over */
};

/* An open /v1/events. */
struct p2p_watch {
    struct p2p_request *request;
    uint64_t after;
    struct p2p_watch *next;
};

/* ---- answers ---- */

static void send_json(struct p2p_request *request, const struct p2p_api_reply *reply)
{
    char *text = reply->json != NULL ? json_dumps(reply->json, JSON_COMPACT) : NULL;
    if (text == NULL) { /* an empty document would be an answer */
        p2p_response_problem(request, reply->status == 200 ? 503 : (unsigned)reply->status,
                             "no-memory", "there was no memory for the answer", NULL);
        return;
    }
    p2p_response_send(request, (unsigned)reply->status,
                      reply->status == 200 ? "application/json" : "application/problem+json",
                      p2p_slice_text(text));
    free(text);
}

static void answer(void *context, struct p2p_api_reply *reply)
{
    struct p2p_asked *asked = context;
    asked->daemon->public_count -= asked->is_public;
    if (asked->request != NULL) {
        asked->request->data = NULL;
        if (reply->text != NULL) {
            p2p_response_send_cached(asked->request, (unsigned)reply->status, reply->text_type,
                                     reply->text_cache != NULL ? reply->text_cache : "no-store",
                                     p2p_slice_of(reply->text, reply->text_len));
        } else {
            send_json(asked->request, reply);
        }
    }
    free(asked);
}

static void run_slow(uv_work_t *work)
{
    struct p2p_asked *asked = work->data;
    p2p_api_run_slow(asked->call, asked->daemon->node);
}

static void slow_done(uv_work_t *work, int status);

/* The first of those that wait. */
static void next_slow(struct p2p_daemon *daemon)
{
    struct p2p_asked *asked = daemon->slow;
    if (asked != NULL) {
        int rc = uv_queue_work(&daemon->loop, &asked->slow, run_slow, slow_done);
        p2p_assert(rc == 0); /* it fails without a function only */
    }
}

static void slow_done(uv_work_t *work, int status)
{
    struct p2p_asked *asked = work->data;
    struct p2p_daemon *daemon = asked->daemon;
    (void)status; /* never cancelled */
    daemon->slow = asked->next_slow;
    daemon->slow_count--;
    p2p_api_queue(asked->call, daemon->node);
    next_slow(daemon);
}

/* A call with a slow part passes through the thread pool first: neither the loop nor the writer
 * waits for a key to be derived. One at a time: each takes as much memory as a passphrase is to
 * cost an attacker. */
static void queue_call(struct p2p_asked *asked)
{
    struct p2p_daemon *daemon = asked->daemon;
    struct p2p_asked **end = &daemon->slow;
    asked->slow.data = asked;
    if (!p2p_api_is_slow(asked->call)) {
        p2p_api_queue(asked->call, daemon->node);
        return;
    }
    if (daemon->slow_count == P2P_SLOW_MAX) {
        p2p_api_refuse(asked->call, P2P_BUSY);
        return;
    }
    while (*end != NULL) {
        end = &(*end)->next_slow;
    }
    *end = asked;
    if (daemon->slow_count++ == 0) {
        next_slow(daemon);
    }
}

/* What is sent to a witness is a text of its own; everything else that is sent is JSON. */
static bool is_text(const struct p2p_request *request)
{
    static const char tlog[] = "/tlog/";
    return strncmp(request->path, tlog, sizeof(tlog) - 1) == 0;
}

static void start_call(struct p2p_daemon *daemon, struct p2p_request *request)
{
    json_error_t error = {.text = ""};
    json_t *body = NULL;
    if (request->body.len > 0 && is_text(request)) {
        body = json_pack("{s:s%}", "text", request->body.data, request->body.len);
        if (body == NULL) {
            p2p_response_problem(request, 400, "malformed", "the body is not UTF-8", NULL);
            return;
        }
    } else if (request->body.len > 0) {
        body = json_loadb((const char *)request->body.data, request->body.len,
                          JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(body)) {
            json_decref(body);
            p2p_response_problem(request, 400, "bad-json", "the body is not a JSON object",
                                 error.text);
            return;
        }
    }
    struct p2p_asked *asked = calloc(1, sizeof(*asked));
    if (asked == NULL) {
        json_decref(body);
        p2p_response_problem(request, 503, "no-memory", "no memory for this request", NULL);
        return;
    }
    asked->daemon = daemon;
    asked->request = request;
    const struct p2p_api_request call = {.method = request->method,
                                         .path = request->path,
                                         .query = request->query,
                                         .body = body};
    asked->call = p2p_api_new(&call, answer, asked);
    json_decref(body);
    if (asked->call == NULL) {
        free(asked);
        p2p_response_problem(request, 503, "no-memory", "no memory for this request", NULL);
        return;
    }
    asked->is_public = !request->via_unix;
    daemon->public_count += asked->is_public;
    request->data = asked;
    queue_call(asked);
}

/* ---- events ---- */

static json_t *event_json(uint64_t boot, const struct p2p_event_entry *entry)
{
    const struct p2p_trace *trace = &entry->trace;
    json_t *json =
        json_pack("{s:I, s:I, s:I, s:s, s:s, s:s}", "n", (json_int_t)entry->number, "boot",
                  (json_int_t)boot, "time_ms", (json_int_t)entry->time_ms, "event",
                  p2p_trace_word(trace->type), "feed", entry->feed, "member", entry->member);
    if (entry->kind[0] != '\0') {
        json_object_set_new(json, "kind", json_string(entry->kind));
        json_object_set_new(
            json, "id", json_sprintf("%s:%llu", entry->feed, (unsigned long long)trace->at));
    }
    json_object_set_new(json, "at", json_integer((json_int_t)trace->at));
    json_object_set_new(json, "value", json_integer((json_int_t)trace->value));
    if (trace->type == P2P_TRACE_EVERYWHERE) {
        json_object_set_new(json, "ms", json_integer((json_int_t)trace->value));
        json_object_set_new(json, "what", json_string(entry->what));
        json_object_set_new(json, "had", json_integer((json_int_t)entry->had));
        json_object_set_new(json, "of", json_integer((json_int_t)entry->had));
        json_object_set_new(json, "slowest", json_string(entry->member));
    }
    if (trace->err != P2P_OK) {
        json_object_set_new(json, "error", json_string(p2p_err_name(trace->err)));
    }
    return json;
}

/* Writes what has happened since; false when the stream was ended underneath. */
static bool pump(struct p2p_daemon *daemon, struct p2p_watch *watch)
{
    struct p2p_event_entry *entries = malloc(EVENTS_AT_ONCE * sizeof(*entries));
    size_t count = 1;
    while (entries != NULL && count > 0 &&
           p2p_response_stream_queued(watch->request) < STREAM_HIGH_BYTES) {
        count = p2p_events_after(daemon->node->events, watch->after, entries, EVENTS_AT_ONCE);
        for (size_t i = 0; i < count; i++) {
            json_t *json = event_json(daemon->node->boot, &entries[i]);
            char *text = json_dumps(json, JSON_COMPACT);
            watch->after = entries[i].number;
            enum p2p_err err = P2P_OK;
            if (text != NULL) {
                err = p2p_response_stream_write(watch->request, text, strlen(text));
            }
            if (err == P2P_OK) {
                err = p2p_response_stream_write(watch->request, "\n", 1);
            }
            free(text);
            json_decref(json);
            if (err != P2P_OK) {
                free(entries);
                return false; /* on_cancel follows and forgets the watch */
            }
        }
    }
    free(entries);
    return true;
}

void p2p_http_pump_events(struct p2p_daemon *daemon)
{
    struct p2p_watch *watch = daemon->watches;
    while (watch != NULL) {
        struct p2p_watch *next = watch->next;
        pump(daemon, watch);
        watch = next;
    }
}

static void start_watch(struct p2p_daemon *daemon, struct p2p_request *request)
{
    struct p2p_watch *watch = calloc(1, sizeof(*watch));
    const char *after = strstr(request->query, "after=");
    if (watch == NULL) {
        p2p_response_problem(request, 503, "no-memory", "no memory for this request", NULL);
        return;
    }
    watch->request = request;
    watch->after = after != NULL ? strtoull(after + strlen("after="), NULL, 10) : 0;
    watch->next = daemon->watches;
    daemon->watches = watch;
    if (p2p_response_stream_begin(request, 200, "application/x-ndjson") == P2P_OK) {
        pump(daemon, watch);
    }
}

/* ---- what the server tells ---- */

static bool begins(const char *path, const char *prefix)
{
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

/* On the people's listener only what anybody may see or ask: the charter proves itself, and
 * whoever submits a checkpoint proves by its log's signature that it may. */
static bool is_public(const struct p2p_daemon *daemon, const struct p2p_request *request)
{
    if (strcmp(request->method, "GET") == 0) {
        return strcmp(request->path, "/v1/charter") == 0 ||
               begins(request->path, "/tlog/charter-1/") ||
               strcmp(request->path, "/tlog/witness") == 0;
    }
    return daemon->node->config.witness_logs_count > 0 &&
           strcmp(request->method, "POST") == 0 &&
           strcmp(request->path, "/tlog/add-checkpoint") == 0;
}

static void on_request(void *user, struct p2p_request *request)
{
    struct p2p_daemon *daemon = user;
    if (!request->via_unix && !is_public(daemon, request)) {
        p2p_response_problem(request, 403, "not-public",
                             "only the charter is served here without a client certificate",
                             "use the node's socket");
    } else if (!request->via_unix && daemon->public_count == P2P_PUBLIC_MAX) {
        p2p_response_problem(request, 503, "busy", "too many ask for the charter at once",
                             "ask again");
    } else if (strcmp(request->path, "/v1/events") == 0 &&
               strcmp(request->method, "GET") == 0) {
        start_watch(daemon, request);
    } else {
        start_call(daemon, request);
    }
}

static void on_cancel(void *user, struct p2p_request *request)
{
    struct p2p_daemon *daemon = user;
    struct p2p_asked *asked = request->data;
    if (asked != NULL) {
        asked->request = NULL;
    }
    for (struct p2p_watch **at = &daemon->watches; *at != NULL; at = &(*at)->next) {
        if ((*at)->request == request) {
            struct p2p_watch *gone = *at;
            *at = gone->next;
            free(gone);
            return;
        }
    }
}

static void on_writable(void *user, struct p2p_request *request)
{
    struct p2p_daemon *daemon = user;
    for (struct p2p_watch *watch = daemon->watches; watch != NULL; watch = watch->next) {
        if (watch->request == request) {
            pump(daemon, watch);
            return;
        }
    }
}

enum p2p_err p2p_http_open(struct p2p_daemon *daemon, char message[P2P_MESSAGE_BYTES])
{
    struct p2p_node *node = daemon->node;
    const struct p2p_server_user user = {.on_request = on_request,
                                         .on_cancel = on_cancel,
                                         .on_writable = on_writable,
                                         .user = daemon};
    char path[P2P_PATH_BYTES_MAX];
    char certificate[P2P_PATH_BYTES_MAX];
    char key[P2P_PATH_BYTES_MAX];
    struct p2p_tls *tls = NULL;
    enum p2p_err err = p2p_server_open(daemon->net, &user, &daemon->server);
    if (err == P2P_OK) {
        err = p2p_path_join(path, node->dir, "node.sock");
    }
    if (err == P2P_OK) {
        err = p2p_server_listen_unix(daemon->server, path, message);
    }
    if (err != P2P_OK || node->config.listen_people[0] == '\0') {
        return err;
    }
    err = p2p_path_join(certificate, node->dir, "people.crt");
    if (err == P2P_OK) {
        err = p2p_path_join(key, node->dir, "people.key");
    }
    if (err == P2P_OK) {
        err = p2p_tls_open_people(certificate, key, &tls, message);
    }
    if (err == P2P_OK) {
        err = p2p_server_listen_tls(daemon->server, tls, node->config.listen_people, message);
    }
    p2p_tls_free(tls);
    return err;
}
