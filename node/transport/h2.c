#include "h2.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

/* RFC 9113 section 3.4. */
static const char client_preface[] = NGHTTP2_CLIENT_MAGIC;
#define PREFACE_BYTES (sizeof client_preface - 1)

#define FRAME_BYTES_MAX (P2P_FRAME_HEAD_BYTES + 16384u)

void p2p_h2_fail(struct p2p_h2 *h2, enum p2p_refusal reason, const char *why)
{
    if (!h2->failed) {
        h2->failed = true;
        h2->reason = reason;
        snprintf(h2->why, sizeof h2->why, "%s", why);
        h2->user->wake(h2);
    }
}

/* Nghttp2's callbacks: each becomes an event, none after a failure. */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct p2p_h2 *h2 = user;
    bool first = frame->headers.cat == NGHTTP2_HCAT_REQUEST ||
                 frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    h2->header_list_bytes = 0;
    if (!h2->failed && first && h2->user->begin) {
        h2->user->begin(h2, frame->hd.stream_id);
    }
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    (void)session;
    (void)flags;
    struct p2p_h2 *h2 = user;
    /* RFC 9113 section 6.5.2 counts like this. A few bytes can stand for a long field (HPACK).
     */
    h2->header_list_bytes += name_len + value_len + 32;
    if (h2->header_list_bytes > P2P_HEADER_LIST_BYTES) {
        p2p_h2_fail(h2, P2P_REFUSAL_HEADER_FLOOD, "a header block that unpacks to too much");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    bool trailer =
        frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat == NGHTTP2_HCAT_HEADERS;
    if (!h2->failed && !trailer && h2->user->header) {
        h2->user->header(h2, frame->hd.stream_id, (struct p2p_slice){name, name_len},
                         (struct p2p_slice){value, value_len});
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    (void)session;
    (void)flags;
    struct p2p_h2 *h2 = user;
    if (!h2->failed && h2->user->data) {
        h2->user->data(h2, stream, data, len);
    }
    return 0;
}

static void headers_received(struct p2p_h2 *h2, const nghttp2_frame *frame)
{
    bool first = frame->headers.cat == NGHTTP2_HCAT_REQUEST ||
                 frame->headers.cat == NGHTTP2_HCAT_RESPONSE;
    if (first && h2->user->headers) {
        h2->user->headers(h2, frame->hd.stream_id);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct p2p_h2 *h2 = user;
    if (h2->failed) {
        return 0;
    }
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        headers_received(h2, frame);
        break;
    case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK) && !h2->settled) {
            h2->settled = true;
            if (h2->user->settled) {
                h2->user->settled(h2);
            }
        }
        break;
    case NGHTTP2_PING:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) && h2->user->pong) {
            h2->user->pong(h2);
        }
        break;
    case NGHTTP2_GOAWAY:
        if (h2->user->goaway) {
            h2->user->goaway(
                h2, frame->goaway.error_code,
                (struct p2p_slice){frame->goaway.opaque_data, frame->goaway.opaque_data_len});
        }
        break;
    default:
        break;
    }
    /* A POST with trailers ends on HEADERS, any other on DATA or on its only HEADERS. */
    bool ends = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    if (ends && !h2->failed && h2->user->finished) {
        h2->user->finished(h2, frame->hd.stream_id);
    }
    return 0;
}

static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    (void)session;
    struct p2p_h2 *h2 = user;
    if (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) {
        p2p_flood_allow(&h2->flood);
        if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !h2->failed && h2->user->sent_all) {
            h2->user->sent_all(h2, frame->hd.stream_id);
        }
    } else if (frame->hd.type == NGHTTP2_RST_STREAM) {
        if (!h2->failed && h2->user->sent_reset) {
            h2->user->sent_reset(h2, frame->hd.stream_id, frame->rst_stream.error_code);
        }
    } else if (frame->hd.type == NGHTTP2_GOAWAY && !h2->saying_goodbye &&
               frame->goaway.error_code != NGHTTP2_NO_ERROR) {
        /* Not ours: nghttp2 found a violation and ends the connection by itself. */
        char why[160];
        snprintf(why, sizeof why, "HTTP/2 %s%s%s",
                 nghttp2_http2_strerror(frame->goaway.error_code), h2->clue[0] ? ": " : "",
                 h2->clue);
        p2p_h2_fail(h2, P2P_REFUSAL_PROTOCOL_ERROR, why);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    (void)session;
    struct p2p_h2 *h2 = user;
    if (!h2->failed && h2->user->closed) {
        h2->user->closed(h2, stream, code);
    }
    return 0;
}

static int on_complaint(nghttp2_session *session, int code, const char *text, size_t len,
                        void *user)
{
    (void)session;
    (void)code;
    struct p2p_h2 *h2 = user;
    size_t n = 0;
    for (; n < len && n + 1 < sizeof h2->clue; n++) {
        h2->clue[n] =
            text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?'; /* it may quote the peer */
    }
    h2->clue[n] = '\0';
    return 0;
}

nghttp2_session_callbacks *p2p_h2_callbacks(void)
{
    nghttp2_session_callbacks *callbacks = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) {
        return NULL;
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_error_callback2(callbacks, on_complaint);
    return callbacks;
}

/* Memory. */

static void *mem_malloc(size_t bytes, void *user)
{
    return p2p_alloc_resize(user, NULL, 1, bytes);
}

static void mem_free(void *old, void *user)
{
    p2p_alloc_free(user, old);
}

static void *mem_calloc(size_t count, size_t bytes, void *user)
{
    return p2p_alloc_zeroed(user, count, bytes);
}

static void *mem_realloc(void *old, size_t bytes, void *user)
{
    return p2p_alloc_resize(user, old, 1, bytes);
}

nghttp2_mem p2p_h2_mem(const struct p2p_alloc *alloc)
{
    return (nghttp2_mem){(void *)(uintptr_t)alloc, mem_malloc, mem_free, mem_calloc,
                         mem_realloc};
}

/* Life. */

static int settings_submit(struct p2p_h2 *h2, const struct p2p_h2_options *options)
{
    nghttp2_settings_entry entries[4];
    size_t n = 0;
    entries[n++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options->streams_max};
    entries[n++] =
        (nghttp2_settings_entry){NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, P2P_HEADER_LIST_BYTES};
    if (options->consume_by_hand) {
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
                                                options->window_bytes};
    }
    if (!options->server) {
        entries[n++] = (nghttp2_settings_entry){NGHTTP2_SETTINGS_ENABLE_PUSH, 0};
    }
    /* SETTINGS_NO_RFC7540_PRIORITIES stays out: with it nghttp2 1.52 frees a stream's item
     * twice when memory runs out as a body begins. */
    int rc = nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, entries, n);
    /* SETTINGS changes the windows of streams only; the connection's takes this. */
    return rc != 0 ? rc
                   : nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE, 0,
                                                           (int32_t)options->window_bytes);
}

enum p2p_err p2p_h2_init(struct p2p_h2 *h2, const struct p2p_h2_options *options,
                         uint64_t now_ms)
{
    memset(h2, 0, sizeof *h2);
    h2->user = options->user;
    h2->server = options->server;
    p2p_flood_init(&h2->flood, now_ms);

    nghttp2_option *option = NULL;
    if (nghttp2_option_new(&option) != 0) {
        return P2P_NOMEM;
    }
    nghttp2_option_set_no_auto_window_update(option, options->consume_by_hand);
    nghttp2_option_set_no_closed_streams(option, 1);
    int rc = options->server ? nghttp2_session_server_new3(&h2->session, options->callbacks, h2,
                                                           option, options->mem)
                             : nghttp2_session_client_new3(&h2->session, options->callbacks, h2,
                                                           option, options->mem);
    nghttp2_option_del(option);
    if (rc != 0 || settings_submit(h2, options) != 0) {
        nghttp2_session_del(h2->session);
        h2->session = NULL;
        return P2P_NOMEM;
    }
    return P2P_OK;
}

void p2p_h2_deinit(struct p2p_h2 *h2)
{
    nghttp2_session_del(h2->session);
    h2->session = NULL;
}

/* Bytes in. */

/* Compares with the client's preface; returns how many bytes belonged to it. */
static size_t preface_check(struct p2p_h2 *h2, const uint8_t *data, size_t len)
{
    size_t at = 0;
    while (at < len && h2->preface_bytes < PREFACE_BYTES) {
        if (data[at] != (uint8_t)client_preface[h2->preface_bytes]) {
            bool letters = h2->preface_bytes > 0 || (data[0] >= 'A' && data[0] <= 'Z');
            p2p_h2_fail(h2, letters ? P2P_REFUSAL_HTTP1 : P2P_REFUSAL_PROTOCOL_ERROR,
                        letters ? "HTTP/1.1; only HTTP/2 is spoken here"
                                : "it did not begin with HTTP/2's preface");
            return at;
        }
        h2->preface_bytes++;
        at++;
    }
    return at;
}

void p2p_h2_feed(struct p2p_h2 *h2, const uint8_t *data, size_t len, uint64_t now_ms)
{
    if (h2->failed || h2->broken) {
        return;
    }
    size_t preface = h2->server ? preface_check(h2, data, len) : 0;
    enum p2p_refusal reason = P2P_REFUSAL_PROTOCOL_ERROR;
    if (h2->failed) {
        return;
    }
    if (!p2p_flood_scan(&h2->flood, data + preface, len - preface, now_ms, &reason)) {
        p2p_h2_fail(h2, reason, h2->flood.why);
        return;
    }
    ssize_t taken = nghttp2_session_mem_recv(h2->session, data, len);
    if (taken >= 0) {
        return;
    }
    h2->broken = true;
    switch ((int)taken) {
    case NGHTTP2_ERR_NOMEM:
        p2p_h2_fail(h2, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
        break;
    case NGHTTP2_ERR_FLOODED:
        p2p_h2_fail(h2, P2P_REFUSAL_UNREAD_ANSWERS, "it sends much and reads no answers");
        break;
    default:
        p2p_h2_fail(h2, P2P_REFUSAL_PROTOCOL_ERROR, nghttp2_strerror((int)taken));
        break;
    }
}

/* Bytes out. */

bool p2p_h2_ready(const struct p2p_h2 *h2)
{
    return !h2->failed && (!h2->server || h2->preface_bytes == PREFACE_BYTES);
}

size_t p2p_h2_fill(struct p2p_h2 *h2, uint8_t *out, size_t cap)
{
    size_t len = 0;
    while (!h2->broken && cap - len >= FRAME_BYTES_MAX) {
        const uint8_t *frame = NULL;
        ssize_t n = nghttp2_session_mem_send(h2->session, &frame);
        if (n == 0) {
            break;
        }
        if (n < 0 || (size_t)n > cap - len) {
            /* Only memory can run out here; our frames never exceed FRAME_BYTES_MAX. */
            h2->broken = true;
            p2p_h2_fail(h2, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
            break;
        }
        memcpy(out + len, frame, (size_t)n);
        len += (size_t)n;
    }
    return len;
}

void p2p_h2_goodbye(struct p2p_h2 *h2, uint32_t code, const char *text)
{
    if (h2->broken || h2->saying_goodbye) {
        return;
    }
    h2->saying_goodbye = true;
    int32_t last = nghttp2_session_get_last_proc_stream_id(h2->session);
    if (nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, last, code, (const uint8_t *)text,
                              strlen(text)) != 0) {
        h2->broken = true;
    }
}

bool p2p_h2_over(const struct p2p_h2 *h2)
{
    return h2->broken || (!nghttp2_session_want_read(h2->session) &&
                          !nghttp2_session_want_write(h2->session));
}
