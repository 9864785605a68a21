#include "request_held.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

/* How many used requests a server keeps, and how much memory each may keep. */
#define SPARE_MAX        512u
#define SPARE_TEXT_BYTES 1024u
#define SPARE_BODY_BYTES 4096u

/* One request. */

static struct p2p_held_request *held_of(struct p2p_requests *requests, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(requests->h2->session, stream);
}

static bool handler_is_owed(const struct p2p_held_request *held)
{
    return held->state == P2P_HELD_ASKED || held->state == P2P_HELD_STREAMING ||
           held->state == P2P_HELD_CANCELLED;
}

static struct p2p_held_request *held_new(struct p2p_requests *requests)
{
    struct p2p_desk *desk = requests->desk;
    struct p2p_held_request *held = desk->spare;
    if (held) {
        desk->spare = held->next;
        desk->spare_count--;
    } else {
        held = p2p_alloc_zeroed(desk->alloc, 1, sizeof *held);
        if (!held) {
            return NULL;
        }
    }
    struct p2p_buffer text = held->text;
    struct p2p_buffer body = held->body;
    struct p2p_buffer out = held->out;
    *held = (struct p2p_held_request){
        .home = requests, .next = requests->all, .text = text, .body = body, .out = out};
    if (requests->all) {
        requests->all->prev = held;
    }
    requests->all = held;
    requests->open++;
    return held;
}

static void held_discard(struct p2p_desk *desk, struct p2p_held_request *held)
{
    p2p_buffer_clear(&held->text, desk->alloc, 0);
    p2p_buffer_clear(&held->body, desk->alloc, 0);
    p2p_buffer_clear(&held->out, desk->alloc, 0);
    p2p_alloc_free(desk->alloc, held);
}

static void body_drop(struct p2p_held_request *held)
{
    struct p2p_desk *desk = held->home->desk;
    desk->counts.body_bytes -= p2p_buffer_left(&held->body);
    p2p_buffer_clear(&held->body, desk->alloc, SPARE_BODY_BYTES);
}

void p2p_held_drop_out(struct p2p_held_request *held)
{
    if (held->state != P2P_HELD_STREAMING) {
        p2p_held_waits_no_more(held, p2p_buffer_left(&held->out));
    }
    p2p_buffer_clear(&held->out, held->home->desk->alloc, SPARE_BODY_BYTES);
}

/* Tells the handler, if it is owed that. Afterwards it holds no pointer to this request. */
static void cancel_now(struct p2p_held_request *held)
{
    struct p2p_desk *desk = held->home->desk;
    if (!handler_is_owed(held)) {
        return;
    }
    if (held->state == P2P_HELD_STREAMING) {
        p2p_held_drop_out(held);
    }
    held->state = P2P_HELD_GONE;
    desk->counts.cancelled++;
    desk->counts.open--;
    if (desk->user.on_cancel) {
        desk->user.on_cancel(desk->user.user, &held->seen);
    }
}

static void held_free(struct p2p_held_request *held)
{
    struct p2p_requests *requests = held->home;
    struct p2p_desk *desk = requests->desk;
    cancel_now(held);
    p2p_held_drop_out(held);
    body_drop(held);
    if (held->prev) {
        held->prev->next = held->next;
    } else {
        requests->all = held->next;
    }
    if (held->next) {
        held->next->prev = held->prev;
    }
    requests->open--;
    if (desk->spare_count >= SPARE_MAX) {
        held_discard(desk, held);
        return;
    }
    p2p_buffer_clear(&held->text, desk->alloc, SPARE_TEXT_BYTES);
    held->next = desk->spare;
    desk->spare = held;
    desk->spare_count++;
}

void p2p_held_reset(struct p2p_held_request *held, uint32_t code)
{
    struct p2p_h2 *h2 = held->home->h2;
    p2p_held_drop_out(held);
    held->state = P2P_HELD_GONE;
    if (nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, held->stream, code) != 0) {
        p2p_h2_fail(h2, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
    }
    h2->user->wake(h2);
}

void p2p_held_cancel(struct p2p_held_request *held, uint32_t code)
{
    p2p_assert(held->state == P2P_HELD_ASKED || held->state == P2P_HELD_STREAMING);
    p2p_held_reset(held, code);
    held->state = P2P_HELD_CANCELLED;
    held->home->settle_due = true;
}

void p2p_desk_deinit(struct p2p_desk *desk)
{
    while (desk->spare) {
        struct p2p_held_request *held = desk->spare;
        desk->spare = held->next;
        held_discard(desk, held);
    }
    desk->spare_count = 0;
}

/* Arriving. */

void p2p_requests_init(struct p2p_requests *requests, struct p2p_desk *desk, struct p2p_h2 *h2,
                       const char *remote, bool via_unix)
{
    *requests =
        (struct p2p_requests){.desk = desk, .h2 = h2, .remote = remote, .via_unix = via_unix};
}

static void no_memory(struct p2p_requests *requests)
{
    p2p_h2_fail(requests->h2, P2P_REFUSAL_NO_MEMORY, "no memory for a request");
}

void p2p_requests_begin(struct p2p_requests *requests, int32_t stream)
{
    struct p2p_held_request *held = held_new(requests);
    if (!held) {
        no_memory(requests);
        return;
    }
    held->stream = stream;
    held->begun_ms = requests->now_ms;
    held->moved_ms = requests->now_ms;
    if (p2p_buffer_append(&held->text, requests->desk->alloc, "", 1) != P2P_OK ||
        nghttp2_session_set_stream_user_data(requests->h2->session, stream, held) != 0) {
        held_free(held);
        no_memory(requests);
    }
}

static void field_keep(struct p2p_held_request *held, enum p2p_held_field field,
                       struct p2p_slice value, size_t bound, unsigned status)
{
    const struct p2p_alloc *alloc = held->home->desk->alloc;
    if (value.len > bound) {
        held->early_status = status;
        return;
    }
    if (held->field_at[field] != 0) {
        return; /* the first one counts */
    }
    size_t at = held->text.len;
    if (p2p_buffer_append(&held->text, alloc, value.data, value.len) != P2P_OK ||
        p2p_buffer_append(&held->text, alloc, "", 1) != P2P_OK) {
        no_memory(held->home);
        return;
    }
    held->field_at[field] = at;
}

static bool slice_is(struct p2p_slice slice, const char *text)
{
    size_t len = strlen(text);
    return slice.len == len && memcmp(slice.data, text, len) == 0;
}

/* nghttp2 has checked that it is a number. */
static bool longer_than(struct p2p_slice digits, uint64_t bound)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        value = value * 10 + (uint64_t)(digits.data[i] - '0');
        if (value > bound) {
            return true;
        }
    }
    return false;
}

void p2p_requests_header(struct p2p_requests *requests, int32_t stream, struct p2p_slice name,
                         struct p2p_slice value)
{
    struct p2p_held_request *held = held_of(requests, stream);
    if (!held || held->state != P2P_HELD_ARRIVING) {
        return;
    }
#define KEEP_FIELD(field, text, bound, status)                                                 \
    if (slice_is(name, text)) {                                                                \
        field_keep(held, P2P_HELD_##field, value, bound, status);                              \
    }
    P2P_HELD_FIELDS(KEEP_FIELD)
#undef KEEP_FIELD
    if (slice_is(name, "content-length") && longer_than(value, P2P_REQUEST_BODY_BYTES_MAX)) {
        held->early_status = 413;
    }
}

/* Answers a request that is out of bounds; the handler never hears of it. */
static void refuse(struct p2p_held_request *held, enum p2p_refusal reason, unsigned status,
                   const char *code, const char *text)
{
    struct p2p_requests *requests = held->home;
    char verb[32];
    snprintf(verb, sizeof verb, "answered %u to", status);
    requests->desk->refuse(requests->desk, reason, verb, requests->remote, text);
    body_drop(held);
    (void)p2p_held_problem(held, status, code, text, NULL);
}

static void refuse_early(struct p2p_held_request *held)
{
    switch (held->early_status) {
    case 413:
        refuse(held, P2P_REFUSAL_BODY_TOO_LARGE, 413, "body-too-large",
               "the request body is larger than 1 MiB");
        break;
    case 414:
        refuse(held, P2P_REFUSAL_BAD_REQUEST, 414, "path-too-long",
               "path and query are longer than 4096 bytes");
        break;
    default:
        refuse(held, P2P_REFUSAL_BAD_REQUEST, 431, "header-too-long",
               "a header field is too long");
        break;
    }
}

void p2p_requests_headers(struct p2p_requests *requests, int32_t stream)
{
    struct p2p_held_request *held = held_of(requests, stream);
    if (held && held->state == P2P_HELD_ARRIVING && held->early_status != 0) {
        refuse_early(held);
    }
}

/* The rest of a request that was answered early. Clients that are still sending take a reset
 * for a failure and lose the answer, so some of it is let in and thrown away. */
static void discard(struct p2p_held_request *held, size_t len)
{
    held->discarded_bytes += len;
    if (held->state == P2P_HELD_ANSWERED &&
        held->discarded_bytes > P2P_REQUEST_DISCARD_BYTES_MAX) {
        p2p_held_reset(held, NGHTTP2_NO_ERROR); /* RFC 9113 section 8.1: please stop */
    }
}

void p2p_requests_data(struct p2p_requests *requests, int32_t stream, const uint8_t *data,
                       size_t len)
{
    struct p2p_held_request *held = held_of(requests, stream);
    struct p2p_desk *desk = requests->desk;
    if (!held) {
        return;
    }
    if (held->state != P2P_HELD_ARRIVING) {
        discard(held, len);
        return;
    }
    held->moved_ms = requests->now_ms;
    if (len > P2P_REQUEST_BODY_BYTES_MAX - p2p_buffer_left(&held->body)) {
        held->early_status = 413;
        refuse_early(held);
        return;
    }
    if (len > P2P_BODIES_BYTES_MAX - desk->counts.body_bytes) {
        refuse(held, P2P_REFUSAL_BODIES_FULL, 503, "busy",
               "too many request bodies are held at once; try again");
        return;
    }
    if (p2p_buffer_append(&held->body, desk->alloc, data, len) != P2P_OK) {
        no_memory(requests);
        return;
    }
    desk->counts.body_bytes += len;
}

static const char *field_text(const struct p2p_held_request *held, enum p2p_held_field field)
{
    return (const char *)held->text.data + held->field_at[field]; /* 0 is the empty text */
}

static void ask(struct p2p_held_request *held)
{
    struct p2p_requests *requests = held->home;
    struct p2p_desk *desk = requests->desk;
    struct p2p_request *seen = &held->seen;
    char *path = (char *)held->text.data + held->field_at[P2P_HELD_TARGET];
    char *mark = strchr(path, '?');
    if (mark) {
        *mark = '\0';
    }
    seen->method = field_text(held, P2P_HELD_METHOD);
    seen->path = path;
    seen->query = mark ? mark + 1 : "";
    seen->content_type = field_text(held, P2P_HELD_CONTENT_TYPE);
    seen->accept = field_text(held, P2P_HELD_ACCEPT);
    seen->authorization = field_text(held, P2P_HELD_AUTHORIZATION);
    seen->if_none_match = field_text(held, P2P_HELD_IF_NONE_MATCH);
    seen->last_event_id = field_text(held, P2P_HELD_LAST_EVENT_ID);
    seen->idempotency_key = field_text(held, P2P_HELD_IDEMPOTENCY_KEY);
    seen->remote = requests->remote;
    seen->party = requests->party;
    seen->body = (struct p2p_slice){held->body.data, held->body.len};
    seen->via_unix = requests->via_unix;
    held->state = P2P_HELD_ASKED;
    desk->counts.requests++;
    desk->counts.open++;
    desk->user.on_request(desk->user.user, seen);
}

void p2p_requests_finished(struct p2p_requests *requests, int32_t stream)
{
    struct p2p_held_request *held = held_of(requests, stream);
    if (!held) {
        return;
    }
    held->received_all = true;
    if (held->state != P2P_HELD_ARRIVING) {
        return;
    }
    if (requests->backlog_bytes > P2P_BACKLOG_BYTES_MAX) {
        refuse(held, P2P_REFUSAL_BACKLOG, 503, "busy",
               "too many answers on this connection are not yet read");
        return;
    }
    if (!requests->via_unix && requests->desk->counts.unread_bytes > P2P_BACKLOGS_BYTES_MAX) {
        refuse(held, P2P_REFUSAL_BACKLOG, 503, "busy",
               "too many answers are not yet read by those who asked; try again");
        return;
    }
    ask(held);
}

/* Ending. */

void p2p_requests_sent_reset(struct p2p_requests *requests, int32_t stream, uint32_t code)
{
    struct p2p_held_request *held = held_of(requests, stream);
    if (held && (held->state == P2P_HELD_GONE || held->state == P2P_HELD_CANCELLED)) {
        return; /* by us, with a reason of its own */
    }
    /* By nghttp2: a malformed request, or a stream too many. */
    char why[160];
    snprintf(why, sizeof why, "HTTP/2 %s%s%s", nghttp2_http2_strerror(code),
             requests->h2->clue[0] ? ": " : "", requests->h2->clue);
    requests->desk->refuse(requests->desk, P2P_REFUSAL_BAD_REQUEST, "reset a request of",
                           requests->remote, why);
}

void p2p_requests_closed(struct p2p_requests *requests, int32_t stream)
{
    struct p2p_held_request *held = held_of(requests, stream);
    if (held) {
        nghttp2_session_set_stream_user_data(requests->h2->session, stream, NULL);
        held_free(held);
    }
}

void p2p_requests_settle(struct p2p_requests *requests)
{
    if (!requests->settle_due) {
        return;
    }
    requests->settle_due = false;
    struct p2p_desk *desk = requests->desk;
    /* Handlers cannot unlink anything from inside these callbacks: only nghttp2's do that. */
    for (struct p2p_held_request *held = requests->all; held; held = held->next) {
        if (held->state == P2P_HELD_CANCELLED) {
            cancel_now(held);
        } else if (held->writable_due) {
            held->writable_due = false;
            if (held->state == P2P_HELD_STREAMING && desk->user.on_writable) {
                desk->user.on_writable(desk->user.user, &held->seen);
            }
        }
    }
}

static void stalled(struct p2p_held_request *held, enum p2p_refusal reason, const char *why)
{
    struct p2p_requests *requests = held->home;
    requests->desk->refuse(requests->desk, reason, "reset a request of", requests->remote, why);
    if (handler_is_owed(held)) {
        p2p_held_cancel(held, NGHTTP2_CANCEL);
    } else {
        p2p_held_reset(held, NGHTTP2_CANCEL);
    }
}

void p2p_requests_tick(struct p2p_requests *requests, uint64_t now_ms)
{
    requests->now_ms = now_ms;
    for (struct p2p_held_request *held = requests->all; held; held = held->next) {
        bool still = now_ms - held->moved_ms >= P2P_NO_PROGRESS_MS;
        bool unsent = p2p_buffer_left(&held->out) > 0;
        switch (held->state) {
        case P2P_HELD_ARRIVING:
            if (still) {
                stalled(held, P2P_REFUSAL_NO_PROGRESS, "nothing of the request came for 30 s");
            } else if (now_ms - held->begun_ms >= P2P_REQUEST_MS_MAX) {
                stalled(held, P2P_REFUSAL_NO_PROGRESS, "the request took more than 120 s");
            }
            break;
        case P2P_HELD_STREAMING:
            if (still && unsent) {
                stalled(held, P2P_REFUSAL_SLOW_READER, "no event was read for 30 s");
            }
            break;
        case P2P_HELD_ANSWERED:
            if (still && unsent) {
                stalled(held, P2P_REFUSAL_NO_PROGRESS,
                        "nothing of the answer was read for 30 s");
            } else if (still && !held->received_all) {
                p2p_held_reset(held, NGHTTP2_NO_ERROR); /* answered early, and counted then */
            }
            break;
        case P2P_HELD_ASKED:     /* the handler's time, not the client's */
        case P2P_HELD_CANCELLED: /* already ended */
        case P2P_HELD_GONE:
            break;
        }
    }
    p2p_requests_settle(requests);
}

void p2p_requests_drain(struct p2p_requests *requests)
{
    struct p2p_desk *desk = requests->desk;
    for (struct p2p_held_request *held = requests->all; held; held = held->next) {
        if (held->state == P2P_HELD_STREAMING) {
            /* The client gets what was written and a clean end; the handler lets go. */
            p2p_held_finish(held);
            desk->counts.cancelled++;
            if (desk->user.on_cancel) {
                desk->user.on_cancel(desk->user.user, &held->seen);
            }
        }
    }
    p2p_requests_settle(requests);
}

void p2p_requests_end(struct p2p_requests *requests)
{
    while (requests->all) {
        held_free(requests->all);
    }
    p2p_assert(requests->open == 0 && requests->backlog_bytes == 0);
}
