#include "call.h"

#include <p2p/assert.h>
#include <p2p/text.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int p2p_api_exit_code(const struct p2p_api_reply *reply)
{
    const char *answer;
    switch (reply->status) {
    case 200:
        answer = json_string_value(json_object_get(reply->json, "answer"));
        if (answer != NULL && strcmp(answer, "refuse") == 0) {
            return 1;
        }
        if (answer != NULL && strcmp(answer, "allow") != 0) {
            return 3;
        }
        return json_integer_value(json_object_get(reply->json, "refused")) > 0 ? 1 : 0;
    case 403:
        return 1;
    case 400:
        return 2;
    case 422:
        return 4;
    default:
        return 3;
    }
}

void p2p_api_reply_deinit(struct p2p_api_reply *reply)
{
    json_decref(reply->json);
    free(reply->text);
    free(reply->link);
    *reply = (struct p2p_api_reply){0};
}

/* ---- replying ---- */

void p2p_call_reply(struct p2p_call *call, json_t *json)
{
    p2p_api_reply_deinit(&call->reply);
    call->reply.status = 200;
    call->reply.json = json;
    call->work.done = true;
    if (json == NULL) {
        p2p_call_error(call, 503, "no-memory", NULL, "there was no memory for the answer");
    }
}

void p2p_call_reply_text(struct p2p_call *call, char *text)
{
    p2p_call_reply(call, NULL);
    if (text != NULL) {
        p2p_api_reply_deinit(&call->reply);
        call->reply =
            (struct p2p_api_reply){.status = 200,
                                   .text = text,
                                   .text_len = strlen(text),
                                   .text_type = "text/plain; version=0.0.4; charset=utf-8"};
    }
}

void p2p_call_reply_bytes(struct p2p_call *call, int status, const char *type,
                          const char *cache, struct p2p_slice bytes)
{
    char *copy = malloc(bytes.len + 1);
    p2p_call_reply_text(call, copy == NULL ? NULL : memset(copy, 0, bytes.len + 1));
    if (copy != NULL) {
        if (bytes.len > 0) {
            memcpy(copy, bytes.data, bytes.len);
        }
        call->reply.status = status;
        call->reply.text_len = bytes.len;
        call->reply.text_type = type;
        call->reply.text_cache = cache;
    }
}

/* A request may quote any bytes at us, and a sentence may be cut within a character; JSON takes
 * neither. */
static void make_utf8(char *text)
{
    uint32_t code_point;
    while (*text != '\0') {
        size_t len = p2p_utf8_next(p2p_slice_text(text), &code_point);
        if (len == 0) {
            *text = '?';
            len = 1;
        }
        text += len;
    }
}

void p2p_call_error(struct p2p_call *call, int status, const char *code, const char *hint,
                    const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    make_utf8(text);
    p2p_api_reply_deinit(&call->reply);
    call->reply.status = status;
    call->reply.json = json_pack("{s:s, s:s, s:s, s:i, s:s*}", "title", text, "code", code,
                                 "text", text, "status", status, "hint", hint);
    call->work.done = true;
}

void p2p_call_err(struct p2p_call *call, enum p2p_err err, const char *text)
{
    switch (err) {
    case P2P_USAGE:
    case P2P_TOOLARGE:
    case P2P_UNKNOWN:
        p2p_call_error(call, 400, p2p_err_name(err), NULL, "%s", text);
        break;
    case P2P_REFUSED:
    case P2P_QUORUM:
        p2p_call_error(call, 403, p2p_err_name(err), NULL, "%s", text);
        break;
    case P2P_NOTFOUND:
        p2p_call_error(call, 404, p2p_err_name(err), NULL, "%s", text);
        break;
    case P2P_BADSIG:
    case P2P_MALFORMED:
    case P2P_TRUNCATED:
    case P2P_BADKEY:
    case P2P_BADPROOF:
    case P2P_MISMATCH:
    case P2P_COMMITMENT:
    case P2P_CORRUPT:
    case P2P_FORKED:
        p2p_call_error(call, 422, p2p_err_name(err), NULL, "%s", text);
        break;
    case P2P_RDONLY:
        p2p_call_error(call, 503, "read-only", "see port2port status and doctor",
                       "this node does not append at present (%s)", text);
        break;
    case P2P_FULL:
        p2p_call_error(call, 503, "full", "free space or raise map_size, then restart the node",
                       "the disk or the store's map is full; nothing of this was kept");
        break;
    case P2P_OK:
    case P2P_NOMEM:
    case P2P_GAP:
    case P2P_IO:
    case P2P_LOCKED:
    case P2P_PASSPHRASE:
    case P2P_BUSY:
        p2p_call_error(call, 503, p2p_err_name(err), NULL, "%s", text);
        break;
    }
}

void p2p_call_job_err(struct p2p_call *call, const struct p2p_job *job)
{
    p2p_call_err(call, job->result.err, job->result.reason);
    if (job->result.code != NULL) {
        json_object_set_new(call->reply.json, "code", json_string(job->result.code));
    }
}

/* ---- a call as the writer's work ---- */

static struct p2p_call *call_of(struct p2p_work *work)
{
    return (struct p2p_call *)work; /* its first member */
}

static void start(struct p2p_work *work, struct p2p_node *node)
{
    struct p2p_call *call = call_of(work);
    if (p2p_call_typed(call, call->body) && p2p_admit(call, node) &&
        p2p_admit_once(call, node)) {
        call->route->start(call, node);
        p2p_admit_looked(call, node);
        if (work->done) {
            p2p_admit_end(call, node);
        }
    }
    p2p_assert(work->done || work->again || call->route->finish != NULL);
}

static enum p2p_err keep(struct p2p_work *work, struct p2p_node *node)
{
    return p2p_admit_keep(call_of(work), node);
}

static void finish(struct p2p_work *work, struct p2p_node *node)
{
    struct p2p_call *call = call_of(work);
    call->route->finish(call, node);
    if (call->reply.status != 0) { /* else it waits for what it says */
        p2p_admit_end(call, node);
    }
}

static void fail(struct p2p_work *work, struct p2p_node *node, enum p2p_err err)
{
    struct p2p_call *call = call_of(work);
    if (!work->done || call->reply.status == 200) { /* what it says was undone */
        p2p_call_err(call, err, p2p_err_text(err));
    }
    p2p_admit_end(call, node);
}

static void waited(struct p2p_work *work, struct p2p_node *node, bool reached)
{
    struct p2p_call *call = call_of(work);
    const char *level = p2p_level_word(work->wait_level);
    (void)node;
    if (call->reply.status >= 400) { /* nothing was recorded that could get there */
        return;
    }
    if (reached) {
        json_object_set_new(call->reply.json, "level", json_string(level));
        return;
    }
    json_t *id = json_incref(json_object_get(call->reply.json, "id"));
    p2p_call_error(call, 503, "level-not-reached",
                   "the record stands; wait record shows when it gets there",
                   "%s was recorded but is not %s yet",
                   json_is_string(id) ? json_string_value(id) : "what was asked for", level);
    json_object_set(call->reply.json, "id", id);
    json_decref(id);
}

static void call_free(struct p2p_call *call)
{
    p2p_api_reply_deinit(&call->reply);
    json_decref(call->kept);
    json_decref(call->flags);
    json_decref(call->body);
    free(call->method);
    free(call->path);
    free(call->query);
    free(call->rest);
    free(call->last_event);
    free(call->idempotency_key);
    p2p_arena_deinit(&call->arena);
    free(call);
}

static void release(struct p2p_work *work)
{
    struct p2p_call *call = call_of(work);
    call->reply.link = p2p_page_link(call);
    call->reply.reads = call->reply.status == 200 && call->reply.json != NULL &&
                        strcmp(call->method, "GET") == 0;
    struct p2p_api_reply reply = call->reply;
    call->reply = (struct p2p_api_reply){0};
    call->done(call->done_context, &reply);
    p2p_api_reply_deinit(&reply);
    call_free(call);
}

static void no_route(struct p2p_call *call, struct p2p_node *node)
{
    (void)node;
    if (call->allow[0] == '\0') {
        p2p_call_error(call, 404, "no-such-route", "see port2port help",
                       "there is nothing at %s %s", call->method, call->path);
        return;
    }
    p2p_call_error(call, 405, "no-such-method", "see /v1/openapi.yaml",
                   "%s is not done to %s, but %s is", call->method, call->path, call->allow);
    memcpy(call->reply.allow, call->allow, sizeof(call->allow));
}

static const struct p2p_route nowhere = {.method = "", .path = "", .start = no_route};

struct p2p_call *p2p_api_new(const struct p2p_api_request *request, p2p_api_done done,
                             void *context)
{
    const char *rest;
    size_t rest_len;
    struct p2p_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    p2p_arena_init(&call->arena, p2p_alloc_default(), P2P_CALL_ARENA_BYTES);
    bool asks = request->query != NULL && *request->query != '\0';
    /* HEAD is a GET whose body the transport leaves out. */
    call->method = strdup(strcmp(request->method, "HEAD") == 0 ? "GET" : request->method);
    call->path = strdup(request->path);
    call->query = asks ? strdup(request->query) : NULL;
    call->body = json_incref(request->body);
    bool resumes = request->last_event_id != NULL && *request->last_event_id != '\0';
    call->last_event = resumes ? strdup(request->last_event_id) : NULL;
    bool once = request->idempotency_key != NULL && *request->idempotency_key != '\0';
    call->idempotency_key = once ? strdup(request->idempotency_key) : NULL;
    if (call->method == NULL || call->path == NULL || (asks && call->query == NULL) ||
        (resumes && call->last_event == NULL) || (once && call->idempotency_key == NULL)) {
        call_free(call);
        return NULL;
    }
    p2p_percent_decode(call->path);
    call->route = p2p_route_find(call->method, call->path, &rest, &rest_len, call->allow);
    call->rest = strndup(call->route != NULL ? rest : "", call->route != NULL ? rest_len : 0);
    if (call->rest == NULL) {
        call_free(call);
        return NULL;
    }
    if (call->route == NULL) {
        call->route = &nowhere;
    }
    p2p_admit_early(call, request->caller);
    call->done = done;
    call->done_context = context;
    call->work =
        (struct p2p_work){.done = call->work.done,
                          .is_outside = call->outside && call->route->rate != P2P_RATE_GATE,
                          .start = start,
                          .keep = keep,
                          .finish = finish,
                          .fail = fail,
                          .waited = waited,
                          .release = release};
    return call;
}

bool p2p_api_takes_body(const struct p2p_call *call)
{
    return !call->work.done && strcmp(call->route->method, "POST") == 0;
}

void p2p_api_give_body(struct p2p_call *call, json_t *body)
{
    json_decref(call->body);
    call->body = body;
}

bool p2p_api_is_public(const struct p2p_call *call)
{
    return call->outside && call->route->who == P2P_WHO_ANYBODY;
}

void p2p_api_discard(struct p2p_call *call)
{
    call_free(call);
}

/* What calls do before they reach the writer's thread. */
static const struct {
    void (*start)(struct p2p_call *call, struct p2p_node *node);
    void (*slow)(struct p2p_call *call, struct p2p_node *node);
} slow_parts[] = {
    {p2p_unlock_start, p2p_unlock_derive},
    {p2p_copy_start, p2p_copy_make},
};

bool p2p_api_is_slow(const struct p2p_call *call)
{
    for (size_t i = 0; i < sizeof(slow_parts) / sizeof(slow_parts[0]); i++) {
        if (call->route->start == slow_parts[i].start && !call->work.done) {
            return true;
        }
    }
    return false;
}

void p2p_api_run_slow(struct p2p_call *call, struct p2p_node *node)
{
    for (size_t i = 0; i < sizeof(slow_parts) / sizeof(slow_parts[0]); i++) {
        if (call->route->start == slow_parts[i].start) {
            slow_parts[i].slow(call, node);
        }
    }
}

/* ---- in process: the caller owns the node ---- */

static void keep_reply(void *context, struct p2p_api_reply *reply)
{
    struct p2p_api_reply *out = context;
    *out = *reply;
    *reply = (struct p2p_api_reply){0};
}

void p2p_api_call(struct p2p_node *node, const struct p2p_api_request *request,
                  struct p2p_api_reply *reply)
{
    struct p2p_batch batch;
    struct p2p_call *call = p2p_api_new(request, keep_reply, reply);
    *reply = (struct p2p_api_reply){0};
    if (call == NULL) {
        reply->status = 503;
        return;
    }
    p2p_api_run_slow(call, node);
    p2p_batch_init(&batch);
    batch.works = &call->work;
    do {
        p2p_writer_run(node, &batch);
        while (batch.works != NULL) {
            struct p2p_work *work = batch.works;
            batch.works = work->next;
            work->release(work);
        }
        p2p_batch_clear(&batch);
    } while (reply->status == 0);
    p2p_batch_deinit(&batch);
}

/* ---- in a daemon: queued for the writer's thread ---- */

void p2p_api_queue(struct p2p_call *call, struct p2p_node *node)
{
    if (call->work.done) {
        node->turned_away++;
        release(&call->work);
    } else {
        node->queue_work(node, &call->work);
    }
}

void p2p_api_refuse(struct p2p_call *call, enum p2p_err err)
{
    p2p_call_err(call, err, p2p_err_text(err));
    release(&call->work);
}

void p2p_api_start(struct p2p_node *node, const struct p2p_api_request *request,
                   p2p_api_done done, void *context)
{
    struct p2p_call *call = p2p_api_new(request, done, context);
    if (call == NULL) {
        struct p2p_api_reply reply = {.status = 503};
        done(context, &reply);
        return;
    }
    p2p_api_run_slow(call, node);
    p2p_api_queue(call, node);
}
