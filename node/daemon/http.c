/* Requests of people and programs become API calls. */
#include "daemon.h"

#include <p2p/api.h>
#include <p2p/assert.h>
#include <p2p/server.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A request that waits for its answer; outlives a request that was cancelled. */
struct p2p_asked {
    struct p2p_daemon *daemon;
    struct p2p_request *request; /* NULL once cancelled */
    bool is_outside, is_unnamed;
    struct p2p_call *call;       /* until it is queued */
    uv_work_t slow;              /* its slow part, on libuv's thread pool */
    struct p2p_asked *next_slow; /* waits until that is over */
};

/* ---- answers ---- */

static void answer(void *context, struct p2p_api_reply *reply)
{
    struct p2p_asked *asked = context;
    asked->daemon->outside_count -= asked->is_outside;
    asked->daemon->unnamed_count -= asked->is_unnamed;
    if (asked->request != NULL) {
        asked->request->data = NULL;
        if (reply->stream) {
            p2p_watch_start(asked->daemon, asked->request, reply->events_after,
                            reply->events_lost);
        } else {
            p2p_answer_send(asked->request, reply);
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

/* A page of anybody can have a browser send what is no JSON, or says that it is none, and with
 * it goes the client certificate that lies in the browser; for application/json it asks first,
 * and is not answered. */
static bool is_json(const struct p2p_request *request)
{
    static const char json[] = "application/json";
    size_t len = strcspn(request->content_type, "; \t");
    return len == sizeof(json) - 1 && strncasecmp(request->content_type, json, len) == 0;
}

static bool is_unnamed(const struct p2p_request *request)
{
    return !request->via_unix && request->party == NULL && request->authorization[0] == '\0';
}

/* A body as its handler gets it; false when it was answered. Whether it is looked at at all is
 * known by then: anybody may send a MiB of JSON, and the loop stands still while it is read. */
static bool read_body(struct p2p_request *request, json_t **out)
{
    json_error_t error = {.text = ""};
    *out = NULL;
    if (request->body.len > 0 && is_text(request)) {
        *out = json_pack("{s:s%}", "text", request->body.data, request->body.len);
        if (*out == NULL) {
            p2p_response_problem(request, 400, "malformed", "the body is not UTF-8", NULL);
            return false;
        }
    } else if (request->body.len > 0) {
        *out = json_loadb((const char *)request->body.data, request->body.len,
                          JSON_REJECT_DUPLICATES, &error);
        if (!json_is_object(*out)) {
            json_decref(*out);
            p2p_response_problem(request, 400, "bad-json", "the body is not a JSON object",
                                 error.text);
            return false;
        }
    }
    return true;
}

static void say_busy(struct p2p_request *request)
{
    p2p_response_problem(request, 503, "busy", "too many ask this node at once", "ask again");
}

/* Reads what a call is to have besides; false when the request was answered instead. */
static bool complete(struct p2p_asked *asked, struct p2p_request *request)
{
    json_t *body = NULL;
    asked->is_outside = !request->via_unix;
    asked->is_unnamed = is_unnamed(request) || p2p_api_is_public(asked->call);
    if (asked->is_unnamed && asked->daemon->unnamed_count == P2P_PUBLIC_MAX) {
        say_busy(request);
        return false;
    }
    if (p2p_api_takes_body(asked->call)) {
        if (asked->is_outside && request->body.len > 0 && !is_text(request) &&
            !is_json(request)) {
            p2p_response_problem(request, 415, "not-json", "the body is not said to be JSON",
                                 "send it with Content-Type: application/json");
            return false;
        }
        if (!read_body(request, &body)) {
            return false;
        }
        p2p_api_give_body(asked->call, body);
    }
    return true;
}

static void start_call(struct p2p_daemon *daemon, struct p2p_request *request)
{
    struct p2p_asked *asked = calloc(1, sizeof(*asked));
    const struct p2p_api_caller caller = {.party = request->party,
                                          .authorization = request->authorization};
    const struct p2p_api_request call = {.method = request->method,
                                         .path = request->path,
                                         .query = request->query,
                                         .last_event_id = request->last_event_id,
                                         .idempotency_key = request->idempotency_key,
                                         .caller = request->via_unix ? NULL : &caller};
    if (asked != NULL) {
        *asked = (struct p2p_asked){.daemon = daemon, .request = request};
        asked->call = p2p_api_new(&call, answer, asked);
    }
    if (asked == NULL || asked->call == NULL) {
        free(asked);
        p2p_response_problem(request, 503, "no-memory", "no memory for this request", NULL);
        return;
    }
    if (!complete(asked, request)) {
        p2p_api_discard(asked->call);
        free(asked);
        return;
    }
    daemon->outside_count += asked->is_outside;
    daemon->unnamed_count += asked->is_unnamed;
    request->data = asked;
    queue_call(asked);
}

/* ---- what the server tells ---- */

static void on_request(void *user, struct p2p_request *request)
{
    struct p2p_daemon *daemon = user;
    if ((is_unnamed(request) && daemon->unnamed_count == P2P_PUBLIC_MAX) ||
        (!request->via_unix && daemon->outside_count == P2P_OUTSIDE_MAX)) {
        say_busy(request);
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
    p2p_watch_forget(daemon, request);
}

static void on_writable(void *user, struct p2p_request *request)
{
    p2p_watch_go_on(user, request);
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
