#include "conn.h"

#include "admission.h"
#include "listener.h"

#include <p2p/assert.h>
#include <p2p/limits.h>

#include <stdio.h>
#include <string.h>

/* One visit sends at most this much, so that a fast reader does not starve the others. */
#define FLUSH_BYTES_MAX (1024u * 1024u)

#define CONN_OF(pointer, member)                                                               \
    ((struct p2p_conn *)(void *)((char *)(pointer)-offsetof(struct p2p_conn, member)))

static const char http1_answer[] =
    "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\n"
    "connection: close\r\ncontent-length: 30\r\n\r\nonly HTTP/2 is spoken here\r\n\r\n";

bool p2p_conn_lives(const struct p2p_conn *conn)
{
    return !conn->end_due && conn->state < P2P_CONN_LINGERING;
}

void p2p_conn_wake(struct p2p_conn *conn)
{
    if (!conn->dirty && conn->state != P2P_CONN_CLOSING) {
        conn->dirty = true;
        conn->dirty_next = conn->net->dirty;
        conn->net->dirty = conn;
        p2p_net_flush_soon(conn->net);
    }
}

void p2p_conn_admit(struct p2p_conn *conn)
{
    if (conn->state == P2P_CONN_STARTING) {
        p2p_admission_leave(conn);
        conn->state = P2P_CONN_OPEN;
        conn->ping_due_ms = p2p_net_now_ms(conn->net) + P2P_PING_MS;
    }
}

/* Ends. */

void p2p_conn_end(struct p2p_conn *conn, enum p2p_link_end end, uint32_t code, const char *text)
{
    if (p2p_conn_lives(conn)) {
        conn->end_due = true;
        conn->end = end;
        conn->code = code;
        snprintf(conn->text, sizeof conn->text, "%s", text);
        p2p_conn_wake(conn);
    }
}

void p2p_conn_abort(struct p2p_conn *conn, enum p2p_link_end end, const char *text)
{
    p2p_conn_end(conn, end, NGHTTP2_NO_ERROR, text);
    conn->end_silent = true;
    p2p_conn_wake(conn);
}

static enum p2p_link_end end_of_refusal(enum p2p_refusal reason, uint32_t *out_code)
{
    *out_code = NGHTTP2_ENHANCE_YOUR_CALM;
    switch (reason) {
    case P2P_REFUSAL_UNPINNED:
    case P2P_REFUSAL_WRONG_MEMBER:
    case P2P_REFUSAL_NO_CERTIFICATE:
    case P2P_REFUSAL_PEER_CREDENTIALS:
    case P2P_REFUSAL_TLS_VERSION:
    case P2P_REFUSAL_ALPN:
    case P2P_REFUSAL_HTTP1:
    case P2P_REFUSAL_NOT_TLS:
    case P2P_REFUSAL_BAD_REQUEST:
        *out_code = NGHTTP2_REFUSED_STREAM;
        return P2P_LINK_END_REFUSED_HERE;
    case P2P_REFUSAL_TLS_FAILED:
    case P2P_REFUSAL_PROTOCOL_ERROR:
        *out_code = NGHTTP2_PROTOCOL_ERROR;
        return P2P_LINK_END_PROTOCOL;
    case P2P_REFUSAL_HANDSHAKE_TIMEOUT:
    case P2P_REFUSAL_PING_TIMEOUT:
        return P2P_LINK_END_TIMEOUT;
    case P2P_REFUSAL_NO_MEMORY:
        *out_code = NGHTTP2_INTERNAL_ERROR;
        return P2P_LINK_END_NO_MEMORY;
    case P2P_REFUSAL_KEY_UPDATE_FLOOD:
    case P2P_REFUSAL_TOO_MANY_HANDSHAKES:
    case P2P_REFUSAL_TOO_MANY_FROM_ADDRESS:
    case P2P_REFUSAL_TOO_MANY_CONNECTIONS:
    case P2P_REFUSAL_ACCEPT_FAILED:
    case P2P_REFUSAL_PING_FLOOD:
    case P2P_REFUSAL_SETTINGS_FLOOD:
    case P2P_REFUSAL_USELESS_FRAMES:
    case P2P_REFUSAL_RESET_FLOOD:
    case P2P_REFUSAL_HEADER_FLOOD:
    case P2P_REFUSAL_HEADER_TIMEOUT:
    case P2P_REFUSAL_UNREAD_ANSWERS:
    case P2P_REFUSAL_NO_PROGRESS:
    case P2P_REFUSAL_BODY_TOO_LARGE:
    case P2P_REFUSAL_BODIES_FULL:
    case P2P_REFUSAL_BACKLOG:
    case P2P_REFUSAL_SLOW_READER:
    case P2P_REFUSAL_COUNT:
        break;
    }
    return P2P_LINK_END_LIMIT;
}

void p2p_conn_refuse(struct p2p_conn *conn, enum p2p_refusal reason, const char *why)
{
    if (!p2p_conn_lives(conn)) {
        return;
    }
    uint32_t code;
    enum p2p_link_end end = end_of_refusal(reason, &code);
    const char *verb = conn->state == P2P_CONN_STARTING ? "refused" : "closed";
    p2p_net_refuse(conn->net, reason, verb, conn->stream.remote, why);
    p2p_conn_end(conn, end, code, why);
}

void p2p_conn_drain(struct p2p_conn *conn)
{
    if (conn->state == P2P_CONN_OPEN) {
        conn->state = P2P_CONN_DRAINING;
        conn->drain_until_ms = p2p_net_now_ms(conn->net) + P2P_DRAIN_MS_MAX;
        p2p_conn_wake(conn);
    }
}

/* HTTP/2's events that are the connection's own. */

struct p2p_conn *p2p_conn_of_h2(struct p2p_h2 *h2)
{
    return CONN_OF(h2, h2);
}

void p2p_conn_h2_wake(struct p2p_h2 *h2)
{
    p2p_conn_wake(CONN_OF(h2, h2));
}

void p2p_conn_h2_pong(struct p2p_h2 *h2)
{
    CONN_OF(h2, h2)->ping_misses = 0;
}

void p2p_conn_h2_goaway(struct p2p_h2 *h2, uint32_t code, struct p2p_slice text)
{
    struct p2p_conn *conn = CONN_OF(h2, h2);
    conn->farewell_code = code;
    p2p_text_clean(conn->farewell, sizeof conn->farewell, text.data, text.len);
}

/* The stream's events. */

static bool h2_make(struct p2p_conn *conn)
{
    const struct p2p_conn_options *from = &conn->options;
    struct p2p_h2_options options = {
        .server = from->listener != NULL,
        .consume_by_hand = from->consume_by_hand,
        .window_bytes = from->window_bytes,
        .streams_max = from->streams_max,
        .mem = &conn->net->h2_mem,
        .callbacks = conn->net->h2_callbacks,
        .user = &from->user->h2,
    };
    if (p2p_h2_init(&conn->h2, &options, p2p_net_now_ms(conn->net)) != P2P_OK) {
        p2p_conn_refuse(conn, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
        conn->end_silent = true;
        return false;
    }
    conn->h2_made = true;
    if (from->user->opened) {
        from->user->opened(conn);
    }
    p2p_conn_wake(conn);
    return true;
}

static void on_opened(struct p2p_stream *stream)
{
    struct p2p_conn *conn = CONN_OF(stream, stream);
    if (p2p_conn_lives(conn)) {
        h2_make(conn);
    }
}

static void on_bytes(struct p2p_stream *stream, const uint8_t *data, size_t len)
{
    struct p2p_conn *conn = CONN_OF(stream, stream);
    if (p2p_conn_lives(conn) && conn->h2_made) {
        p2p_h2_feed(&conn->h2, data, len, p2p_net_now_ms(conn->net));
        p2p_conn_wake(conn);
    }
}

static void on_writable(struct p2p_stream *stream)
{
    p2p_conn_wake(CONN_OF(stream, stream));
}

static void on_refused(struct p2p_stream *stream, enum p2p_refusal reason, bool by_other,
                       const char *text)
{
    struct p2p_conn *conn = CONN_OF(stream, stream);
    if (by_other) {
        /* Still a refusal worth counting: nothing else tells why a peer stays away. */
        p2p_net_refuse(conn->net, reason, "refused by", stream->remote, text);
        p2p_conn_end(conn, P2P_LINK_END_REFUSED_THERE, NGHTTP2_NO_ERROR, text);
        return;
    }
    conn->http1_reply = reason == P2P_REFUSAL_HTTP1;
    p2p_conn_refuse(conn, reason, text);
}

static void on_ended(struct p2p_stream *stream, enum p2p_stream_end end, const char *text)
{
    struct p2p_conn *conn = CONN_OF(stream, stream);
    char why[192];
    switch (end) {
    case P2P_STREAM_END_EOF:
        snprintf(why, sizeof why, "%s",
                 conn->farewell[0] ? conn->farewell : "closed by the other side");
        p2p_conn_end(conn,
                     conn->farewell_code == NGHTTP2_REFUSED_STREAM ? P2P_LINK_END_REFUSED_THERE
                                                                   : P2P_LINK_END_PEER_CLOSED,
                     NGHTTP2_NO_ERROR, why);
        break;
    case P2P_STREAM_END_LOST:
        p2p_conn_end(conn, P2P_LINK_END_LOST, NGHTTP2_NO_ERROR,
                     conn->farewell[0] ? conn->farewell : text);
        break;
    case P2P_STREAM_END_UNREACHABLE:
        snprintf(why, sizeof why, "no connection to %s: %s", stream->remote, text);
        p2p_conn_end(conn, P2P_LINK_END_UNREACHABLE, NGHTTP2_NO_ERROR, why);
        break;
    }
    p2p_conn_wake(conn); /* a lingering connection closes now */
}

static void on_closed(struct p2p_stream *stream)
{
    struct p2p_conn *conn = CONN_OF(stream, stream);
    struct p2p_net *net = conn->net;
    p2p_assert(!conn->dirty && conn->ended_told);
    if (conn->h2_made) {
        p2p_h2_deinit(&conn->h2);
    }
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        net->conns = conn->next;
    }
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    net->counts.connections--;
    if (conn->listener_counted) {
        conn->options.listener->connections--;
    }
    conn->options.user->closed(conn);
    p2p_net_release(net);
}

static const struct p2p_stream_user stream_user = {
    .opened = on_opened,
    .bytes = on_bytes,
    .writable = on_writable,
    .refused = on_refused,
    .ended = on_ended,
    .closed = on_closed,
};

/* Beginnings. */

enum p2p_err p2p_conn_init(struct p2p_conn *conn, struct p2p_net *net,
                           const struct p2p_conn_options *options)
{
    memset(conn, 0, sizeof *conn);
    enum p2p_err err = p2p_stream_init(&conn->stream, net, options->tls == NULL, options->tls,
                                       options->judge, &stream_user);
    if (err) {
        return err;
    }
    conn->net = net;
    conn->options = *options;
    conn->begun_ms = p2p_net_now_ms(net);
    conn->next = net->conns;
    if (net->conns) {
        net->conns->prev = conn;
    }
    net->conns = conn;
    net->counts.connections++;
    p2p_net_hold(net);
    return P2P_OK;
}

/* Who may not even begin. */
static bool admitted(struct p2p_conn *conn)
{
    struct p2p_listener *listener = conn->options.listener;
    bool is_unix = conn->options.tls == NULL;
    enum p2p_refusal reason;
    if (is_unix && !conn->stream.trusted) {
        reason = P2P_REFUSAL_PEER_CREDENTIALS;
    } else if (listener->connections >= P2P_CONNECTIONS_MAX) {
        reason = P2P_REFUSAL_TOO_MANY_CONNECTIONS;
    } else if (is_unix || p2p_admission_allows(conn, &reason)) {
        return true;
    }
    p2p_conn_refuse(conn, reason, p2p_refusal_text(reason));
    conn->end_silent = true;
    return false;
}

void p2p_conn_accept(struct p2p_conn *conn)
{
    struct p2p_listener *listener = conn->options.listener;
    conn->net->counts.accepted++;
    if (p2p_stream_accept(&conn->stream, &listener->uv.stream) != P2P_OK) {
        p2p_conn_refuse(conn, P2P_REFUSAL_ACCEPT_FAILED, "it was gone before it was accepted");
        conn->end_silent = true;
        return;
    }
    if (!admitted(conn)) {
        return;
    }
    listener->connections++;
    conn->listener_counted = true;
    if (conn->options.tls) {
        p2p_admission_enter(conn);
    } else if (!h2_make(conn)) {
        return;
    }
    if (p2p_stream_start(&conn->stream) != P2P_OK) {
        p2p_conn_abort(conn, P2P_LINK_END_LOST, "the connection broke");
    }
}

enum p2p_err p2p_conn_connect(struct p2p_conn *conn, const struct sockaddr_storage *to,
                              const struct sockaddr_storage *from, const char **out_why)
{
    conn->net->counts.dialled++;
    enum p2p_err err = p2p_stream_connect(&conn->stream, to, from, out_why);
    if (err) {
        p2p_conn_abort(conn, P2P_LINK_END_UNREACHABLE, *out_why);
    }
    return err;
}

/* The flush. */

static void dirty_forget(struct p2p_conn *conn)
{
    struct p2p_conn **at = &conn->net->dirty;
    while (conn->dirty && *at) {
        if (*at == conn) {
            *at = conn->dirty_next;
            conn->dirty = false;
        } else {
            at = &(*at)->dirty_next;
        }
    }
}

static void close_now(struct p2p_conn *conn)
{
    if (!conn->ended_told) {
        conn->ended_told = true;
        p2p_admission_leave(conn);
        if (conn->options.user->ended) {
            conn->options.user->ended(conn);
        }
    }
    dirty_forget(conn); /* its close callback comes before the next flush */
    conn->state = P2P_CONN_CLOSING;
    p2p_stream_close(&conn->stream);
}

/* Sends frames until there are none, the kernel takes no more, or it is someone else's turn. */
static bool frames_send(struct p2p_conn *conn)
{
    size_t sent = 0;
    while (conn->stream.pending_bytes < P2P_STREAM_PENDING_BYTES) {
        size_t len = p2p_h2_fill(&conn->h2, conn->net->frames, P2P_STREAM_BUFFER_BYTES);
        if (len == 0) {
            return true;
        }
        if (p2p_stream_write(&conn->stream, conn->net->frames, len) != P2P_OK) {
            p2p_conn_abort(conn, P2P_LINK_END_LOST, "the connection broke");
            return false;
        }
        sent += len;
        if (sent >= FLUSH_BYTES_MAX) {
            p2p_conn_wake(conn);
            return true;
        }
    }
    return true;
}

/* The last word, then FIN; or no word at all. */
static void end_now(struct p2p_conn *conn)
{
    struct p2p_stream *stream = &conn->stream;
    if (conn->end_silent || stream->ended) {
        close_now(conn);
        return;
    }
    if (conn->http1_reply) {
        p2p_stream_last_words(stream, http1_answer);
    } else if (conn->h2_made && stream->open && !stream->refused) {
        char text[P2P_LINK_REASON_BYTES + 1];
        snprintf(text, sizeof text, "%.*s", (int)P2P_LINK_REASON_BYTES, conn->text);
        p2p_h2_goodbye(&conn->h2, conn->code, text);
        size_t len = p2p_h2_fill(&conn->h2, conn->net->frames, P2P_STREAM_BUFFER_BYTES);
        if (len > 0 && p2p_stream_write(stream, conn->net->frames, len) != P2P_OK) {
            close_now(conn);
            return;
        }
    }
    conn->state = P2P_CONN_LINGERING;
    /* At a graceful end what is pending matters, and gets the time of a drain. */
    conn->linger_until_ms =
        p2p_net_now_ms(conn->net) +
        (conn->end == P2P_LINK_END_CLOSED ? P2P_DRAIN_MS_MAX : P2P_LINGER_MS_MAX);
    p2p_stream_discard(stream);
    p2p_stream_shutdown(stream);
    conn->ended_told = true;
    p2p_admission_leave(conn);
    if (conn->options.user->ended) {
        conn->options.user->ended(conn);
    }
}

void p2p_conn_flush(struct p2p_conn *conn)
{
    const struct p2p_conn_user *user = conn->options.user;
    if (conn->state == P2P_CONN_CLOSING) {
        return;
    }
    if (conn->state == P2P_CONN_LINGERING) {
        if (conn->stream.ended || conn->end_silent ||
            conn->stream.discarded_bytes > P2P_LINGER_BYTES_MAX) {
            close_now(conn);
        }
        return;
    }
    if (!conn->end_due && conn->h2_made && p2p_h2_ready(&conn->h2)) {
        if (user->before_frames) {
            user->before_frames(conn, p2p_net_now_ms(conn->net));
        }
        if (frames_send(conn) && user->after_frames) {
            user->after_frames(conn);
        }
    }
    if (conn->h2_made && conn->h2.failed) {
        conn->http1_reply = conn->h2.reason == P2P_REFUSAL_HTTP1;
        p2p_conn_refuse(conn, conn->h2.reason, conn->h2.why);
    } else if (conn->h2_made && p2p_h2_over(&conn->h2) && conn->stream.pending_bytes == 0) {
        p2p_conn_end(
            conn,
            conn->state == P2P_CONN_DRAINING ? P2P_LINK_END_CLOSED : P2P_LINK_END_PEER_CLOSED,
            NGHTTP2_NO_ERROR, conn->farewell[0] ? conn->farewell : "both sides were done");
    }
    if (conn->end_due) {
        end_now(conn);
    }
}

/* The clock. */

static void ping(struct p2p_conn *conn, uint64_t now_ms)
{
    if (now_ms < conn->ping_due_ms) {
        return;
    }
    if (conn->ping_misses >= P2P_PING_MISSES_MAX) {
        p2p_conn_refuse(conn, P2P_REFUSAL_PING_TIMEOUT,
                        p2p_refusal_text(P2P_REFUSAL_PING_TIMEOUT));
        conn->end_silent = true;
        return;
    }
    conn->ping_misses++;
    conn->ping_due_ms = now_ms + P2P_PING_MS;
    if (nghttp2_submit_ping(conn->h2.session, NGHTTP2_FLAG_NONE, NULL) != 0) {
        p2p_conn_refuse(conn, P2P_REFUSAL_NO_MEMORY, "no memory for this connection");
    }
    p2p_conn_wake(conn);
}

static void tick_open(struct p2p_conn *conn, uint64_t now_ms)
{
    ping(conn, now_ms);
    if (p2p_flood_stalled(&conn->h2.flood, now_ms)) {
        p2p_conn_refuse(conn, P2P_REFUSAL_HEADER_TIMEOUT,
                        "a header block or frame was begun 5 s ago and is not complete");
    }
    if (conn->stream.pending_bytes > 0 &&
        now_ms - conn->stream.moved_ms >= P2P_NO_PROGRESS_MS) {
        p2p_conn_refuse(conn, P2P_REFUSAL_NO_PROGRESS, "it read nothing for 30 s");
        conn->end_silent = true;
    }
    if (conn->state == P2P_CONN_DRAINING && now_ms >= conn->drain_until_ms) {
        p2p_conn_end(conn, P2P_LINK_END_CLOSED, NGHTTP2_NO_ERROR, "closed by this node");
    }
    if (p2p_conn_lives(conn) && conn->options.user->tick) {
        conn->options.user->tick(conn, now_ms);
    }
}

void p2p_conn_tick(struct p2p_conn *conn, uint64_t now_ms)
{
    switch (conn->state) {
    case P2P_CONN_STARTING:
        if (now_ms - conn->begun_ms < P2P_HANDSHAKE_MS_MAX || !p2p_conn_lives(conn)) {
            break;
        }
        if (conn->options.listener) {
            p2p_conn_refuse(conn, P2P_REFUSAL_HANDSHAKE_TIMEOUT,
                            "its handshake was not complete after 5 s");
        } else {
            p2p_conn_end(conn, P2P_LINK_END_TIMEOUT, NGHTTP2_NO_ERROR,
                         "no complete handshake after 5 s");
        }
        break;
    case P2P_CONN_OPEN:
    case P2P_CONN_DRAINING:
        if (p2p_conn_lives(conn)) {
            tick_open(conn, now_ms);
        }
        break;
    case P2P_CONN_LINGERING:
        if (now_ms >= conn->linger_until_ms) {
            conn->end_silent = true;
            p2p_conn_wake(conn);
        }
        break;
    case P2P_CONN_CLOSING:
        break;
    }
}
