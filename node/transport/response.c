#include "request_held.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

static struct p2p_h2 *h2_of(const struct p2p_held_request *held)
{
    return held->home->h2;
}

static enum p2p_err no_memory(struct p2p_held_request *held)
{
    p2p_h2_fail(h2_of(held), P2P_REFUSAL_NO_MEMORY, "no memory for an answer");
    return P2P_NOMEM;
}

/* nghttp2 asks for the next bytes of an answer. */
static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t cap,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)source;
    (void)user;
    struct p2p_held_request *held = nghttp2_session_get_stream_user_data(session, stream);
    if (!held) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    size_t n = p2p_buffer_take(&held->out, out, cap);
    bool empty = p2p_buffer_left(&held->out) == 0;
    held->moved_ms = held->home->now_ms;
    if (held->state != P2P_HELD_STREAMING) {
        p2p_held_waits_no_more(held, n);
        if (empty) {
            *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        return (ssize_t)n;
    }
    if (empty) {
        held->writable_due = true;
        held->home->settle_due = true;
    }
    if (n == 0) {
        held->deferred = true;
        return NGHTTP2_ERR_DEFERRED; /* until resume_data, or the stream hangs in silence */
    }
    return (ssize_t)n;
}

static nghttp2_nv field(const char *name, const char *value)
{
    /* nghttp2 copies the values; the names are literals. */
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

/* An answer is as old as its knowledge. */
static const char no_store[] = "no-store";

/* The headers, and body_bytes of what lies in held->out; below 0: not known beforehand, or a
 * 304, whose length would be that of an answer it is not. */
static enum p2p_err submit(struct p2p_held_request *held, const struct p2p_response *response,
                           int64_t body_bytes)
{
    if (h2_of(held)->broken) {
        return P2P_OK; /* its end is near, and frees the request */
    }
    char status_text[4];
    char length_text[24];
    nghttp2_nv fields[4 + P2P_RESPONSE_FIELDS_MAX];
    size_t n = 0;
    p2p_assert(response->status >= 200 && response->status <= 599);
    snprintf(status_text, sizeof status_text, "%u", response->status % 1000);
    fields[n++] = field(":status", status_text);
    if (response->content_type) {
        fields[n++] = field("content-type", response->content_type);
    }
    fields[n++] =
        field("cache-control", response->cache_control ? response->cache_control : no_store);
    if (body_bytes >= 0) {
        snprintf(length_text, sizeof length_text, "%lld", (long long)body_bytes);
        fields[n++] = field("content-length", length_text);
    }
    for (size_t i = 0; i < P2P_RESPONSE_FIELDS_MAX && response->fields[i].name; i++) {
        fields[n++] = field(response->fields[i].name, response->fields[i].value);
    }
    nghttp2_data_provider provider = {.read_callback = on_read};
    /* HEAD has a length and no body. */
    bool bodyless = held->state != P2P_HELD_STREAMING && p2p_buffer_left(&held->out) == 0;
    if (nghttp2_submit_response(h2_of(held)->session, held->stream, fields, n,
                                bodyless ? NULL : &provider) != 0) {
        return P2P_NOMEM;
    }
    h2_of(held)->user->wake(h2_of(held));
    return P2P_OK;
}

/* Sends what lies in held->out and lets go of the handler. */
static enum p2p_err answer(struct p2p_held_request *held, const struct p2p_response *response,
                           size_t body_bytes)
{
    struct p2p_desk *desk = held->home->desk;
    if (held->state == P2P_HELD_ASKED) {
        desk->counts.answers++;
        desk->counts.open--;
    }
    held->state = P2P_HELD_ANSWERED;
    held->moved_ms = held->home->now_ms;
    p2p_held_waits(held, p2p_buffer_left(&held->out));
    enum p2p_err err =
        submit(held, response, response->status == 304 ? -1 : (int64_t)body_bytes);
    return err ? no_memory(held) : P2P_OK;
}

enum p2p_err p2p_response_send(struct p2p_request *request, unsigned status,
                               const char *content_type, struct p2p_slice body)
{
    const struct p2p_response response = {
        .status = status, .content_type = content_type, .body = body};
    return p2p_response_send_with(request, &response);
}

enum p2p_err p2p_response_send_with(struct p2p_request *request,
                                    const struct p2p_response *response)
{
    struct p2p_held_request *held = p2p_held(request);
    struct p2p_slice body = response->body;
    if (held->state == P2P_HELD_CANCELLED || held->state == P2P_HELD_GONE) {
        return P2P_OK; /* on_cancel is on its way, or is what called us */
    }
    p2p_assert(held->state == P2P_HELD_ASKED);
    p2p_assert(response->status != 304 || body.len == 0);
    if (body.len > P2P_RESPONSE_BYTES_MAX) {
        (void)p2p_held_problem(held, 500, "answer-too-large",
                               "the answer is larger than this node sends at once",
                               "ask for less");
        return P2P_TOOLARGE;
    }
    bool head = strcmp(request->method, "HEAD") == 0;
    if (!head &&
        p2p_buffer_append(&held->out, held->home->desk->alloc, body.data, body.len) != P2P_OK) {
        held->home->desk->counts.open--;
        held->state = P2P_HELD_GONE;
        return no_memory(held);
    }
    return answer(held, response, body.len);
}

/* Problem+json. */

static enum p2p_err json_text(struct p2p_buffer *out, const struct p2p_alloc *alloc,
                              const char *text)
{
    enum p2p_err err = p2p_buffer_append(out, alloc, "\"", 1);
    for (const char *at = text; !err && *at; at++) {
        uint8_t c = (uint8_t)*at;
        char escaped[8];
        if (c == '"' || c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", c);
        } else if (c < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        } else {
            snprintf(escaped, sizeof escaped, "%c", c);
        }
        err = p2p_buffer_append(out, alloc, escaped, strlen(escaped));
    }
    return err ? err : p2p_buffer_append(out, alloc, "\"", 1);
}

static enum p2p_err json_field(struct p2p_buffer *out, const struct p2p_alloc *alloc,
                               const char *separator, const char *name, const char *value)
{
    enum p2p_err err = p2p_buffer_append(out, alloc, separator, strlen(separator));
    if (!err) {
        err = json_text(out, alloc, name);
    }
    if (!err) {
        err = p2p_buffer_append(out, alloc, ":", 1);
    }
    return err ? err : json_text(out, alloc, value);
}

enum p2p_err p2p_held_problem(struct p2p_held_request *held, unsigned status, const char *code,
                              const char *text, const char *hint)
{
    const struct p2p_alloc *alloc = held->home->desk->alloc;
    struct p2p_buffer *out = &held->out;
    char status_text[16];
    snprintf(status_text, sizeof status_text, ",\"status\":%u", status);
    enum p2p_err err = json_field(out, alloc, "{", "title", text);
    if (!err) {
        err = p2p_buffer_append(out, alloc, status_text, strlen(status_text));
    }
    if (!err) {
        err = json_field(out, alloc, ",", "code", code);
    }
    if (!err) {
        err = json_field(out, alloc, ",", "text", text);
    }
    if (!err && hint) {
        err = json_field(out, alloc, ",", "hint", hint);
    }
    if (!err) {
        err = p2p_buffer_append(out, alloc, "}\n", 2);
    }
    if (err) {
        p2p_held_waits(held, p2p_buffer_left(out)); /* taken off again when it is freed */
        if (held->state == P2P_HELD_ASKED) {
            held->home->desk->counts.open--;
        }
        held->state = P2P_HELD_GONE;
        return no_memory(held);
    }
    const struct p2p_response response = {.status = status,
                                          .content_type = "application/problem+json"};
    return answer(held, &response, p2p_buffer_left(out));
}

enum p2p_err p2p_response_problem(struct p2p_request *request, unsigned status,
                                  const char *code, const char *text, const char *hint)
{
    struct p2p_held_request *held = p2p_held(request);
    if (held->state == P2P_HELD_CANCELLED || held->state == P2P_HELD_GONE) {
        return P2P_OK;
    }
    p2p_assert(held->state == P2P_HELD_ASKED);
    return p2p_held_problem(held, status, code, text, hint);
}

/* Streams. */

enum p2p_err p2p_response_stream_begin(struct p2p_request *request, unsigned status,
                                       const char *content_type)
{
    struct p2p_held_request *held = p2p_held(request);
    if (held->state == P2P_HELD_CANCELLED || held->state == P2P_HELD_GONE) {
        return P2P_BUSY;
    }
    p2p_assert(held->state == P2P_HELD_ASKED);
    held->state = P2P_HELD_STREAMING;
    held->moved_ms = held->home->now_ms;
    const struct p2p_response response = {.status = status, .content_type = content_type};
    if (submit(held, &response, -1) != P2P_OK) {
        return no_memory(held);
    }
    return P2P_OK;
}

static void resume(struct p2p_held_request *held)
{
    struct p2p_h2 *h2 = h2_of(held);
    if (held->deferred && !h2->broken) {
        held->deferred = false;
        /* Fails only for a stream that is closed already; then there is nothing to resume. */
        (void)nghttp2_session_resume_data(h2->session, held->stream);
    }
    h2->user->wake(h2);
}

enum p2p_err p2p_response_stream_write(struct p2p_request *request, const void *data,
                                       size_t len)
{
    struct p2p_held_request *held = p2p_held(request);
    struct p2p_requests *home = held->home;
    if (held->state != P2P_HELD_STREAMING) {
        return P2P_BUSY; /* cancelled; on_cancel follows */
    }
    size_t queued = p2p_buffer_left(&held->out);
    if (len > P2P_RESPONSE_STREAM_BYTES_MAX - queued) {
        home->desk->refuse(home->desk, P2P_REFUSAL_SLOW_READER, "reset a stream of",
                           home->remote, "events were read too slowly");
        p2p_held_cancel(held, NGHTTP2_ENHANCE_YOUR_CALM);
        return P2P_BUSY;
    }
    if (queued == 0) {
        held->moved_ms = home->now_ms;
    }
    if (p2p_buffer_append(&held->out, home->desk->alloc, data, len) != P2P_OK) {
        return no_memory(held);
    }
    resume(held);
    return P2P_OK;
}

size_t p2p_response_stream_queued(const struct p2p_request *request)
{
    const struct p2p_held_request *held = p2p_held_const(request);
    return held->state == P2P_HELD_STREAMING ? p2p_buffer_left(&held->out) : 0;
}

void p2p_held_finish(struct p2p_held_request *held)
{
    p2p_assert(held->state == P2P_HELD_STREAMING);
    held->state = P2P_HELD_ANSWERED;
    p2p_held_waits(held, p2p_buffer_left(&held->out));
    held->home->desk->counts.open--;
    resume(held);
}

void p2p_response_stream_end(struct p2p_request *request)
{
    struct p2p_held_request *held = p2p_held(request);
    if (held->state == P2P_HELD_STREAMING) {
        held->home->desk->counts.answers++;
        p2p_held_finish(held);
    }
}
