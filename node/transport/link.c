#include <p2p/link.h>

#include "link_private.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

static const char peer_path[] = "/v1/peer";

static struct p2p_link *of_conn(struct p2p_conn *conn)
{
    return (struct p2p_link *)conn;
}

static struct p2p_link *of_h2(struct p2p_h2 *h2)
{
    return of_conn(p2p_conn_of_h2(h2));
}

static void no_memory(struct p2p_link *link)
{
    p2p_conn_refuse(&link->conn, P2P_REFUSAL_NO_MEMORY, "no memory for this link");
}

/* Sending. */

static ssize_t on_read(nghttp2_session *session, int32_t stream, uint8_t *out, size_t cap,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    (void)session;
    (void)stream;
    (void)user;
    struct p2p_link *link = source->ptr;
    size_t n = p2p_chunks_take(&link->queue, link->conn.net->alloc, out, cap);
    link->counts.data_bytes_out += n;
    if (link->draining && link->queue.bytes == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)n;
    }
    if (n == 0) {
        link->deferred = true;
        return NGHTTP2_ERR_DEFERRED; /* until resume_data */
    }
    return (ssize_t)n;
}

enum p2p_err p2p_link_send(struct p2p_link *link, const void *data, size_t len)
{
    if (!p2p_link_is_up(link)) {
        return P2P_USAGE;
    }
    if (len > P2P_LINK_QUEUE_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    if (len > P2P_LINK_QUEUE_BYTES_MAX - link->queue.bytes) {
        link->writable_due = true;
        return P2P_BUSY;
    }
    if (p2p_chunks_append(&link->queue, link->conn.net->alloc, data, len) != P2P_OK) {
        no_memory(link);
        return P2P_NOMEM;
    }
    if (link->queue.bytes > P2P_LINK_QUEUE_BYTES_LOW) {
        link->writable_due = true;
    }
    p2p_conn_wake(&link->conn);
    return P2P_OK;
}

size_t p2p_link_queued_bytes(const struct p2p_link *link)
{
    return link->queue.bytes;
}

void p2p_link_consume(struct p2p_link *link, size_t n)
{
    p2p_assert(n <= link->counts.unconsumed_bytes);
    link->counts.unconsumed_bytes -= n;
    link->consumed_due += n;
    p2p_conn_wake(&link->conn);
}

static void on_before_frames(struct p2p_conn *conn, uint64_t now_ms)
{
    (void)now_ms;
    struct p2p_link *link = of_conn(conn);
    nghttp2_session *session = conn->h2.session;
    if (link->consumed_due > 0) {
        size_t n = link->consumed_due;
        link->consumed_due = 0;
        if (nghttp2_session_consume(session, link->stream, n) != 0) {
            no_memory(link);
            return;
        }
    }
    if (link->deferred && (link->queue.bytes > 0 || link->draining)) {
        link->deferred = false;
        /* Fails only for a stream that is closed already, and then so is the link. */
        (void)nghttp2_session_resume_data(session, link->stream);
    }
}

static void on_after_frames(struct p2p_conn *conn)
{
    struct p2p_link *link = of_conn(conn);
    if (!link->writable_due || link->queue.bytes > P2P_LINK_QUEUE_BYTES_LOW) {
        return;
    }
    link->writable_due = false;
    if (p2p_link_is_up(link) && link->links->user.link_writable) {
        link->links->user.link_writable(link->links->user.user, link);
    }
}

/* Coming up. */

static void come_up(struct p2p_link *link)
{
    const struct p2p_links_user *user = &link->links->user;
    p2p_assert(link->judge.member != 0);
    p2p_conn_admit(&link->conn);
    link->up = true;
    link->announced = true;
    if (user->link_up) {
        user->link_up(user->user, link, link->judge.member);
    }
}

static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NO_COPY_NAME};
}

/* The dialler asks; that its handshake is complete means nothing yet. */
static void on_opened(struct p2p_conn *conn)
{
    struct p2p_link *link = of_conn(conn);
    if (conn->options.listener) {
        return;
    }
    nghttp2_nv fields[] = {
        field(":method", "POST"),
        field(":scheme", "https"),
        field(":authority", conn->stream.remote),
        field(":path", peer_path),
        field("content-type", "application/octet-stream"),
    };
    nghttp2_data_provider provider = {.source.ptr = link, .read_callback = on_read};
    int32_t stream = nghttp2_submit_request(conn->h2.session, NULL, fields,
                                            sizeof fields / sizeof fields[0], &provider, NULL);
    if (stream < 0) {
        no_memory(link);
        return;
    }
    link->stream = stream;
}

static void on_begin(struct p2p_h2 *h2, int32_t stream)
{
    struct p2p_link *link = of_h2(h2);
    if (!h2->server) {
        return;
    }
    if (link->stream != 0) {
        p2p_conn_refuse(&link->conn, P2P_REFUSAL_BAD_REQUEST, "a second stream on a peer link");
        return;
    }
    link->stream = stream;
}

static bool slice_is(struct p2p_slice slice, const char *text)
{
    size_t len = strlen(text);
    return slice.len == len && memcmp(slice.data, text, len) == 0;
}

static void on_header(struct p2p_h2 *h2, int32_t stream, struct p2p_slice name,
                      struct p2p_slice value)
{
    struct p2p_link *link = of_h2(h2);
    if (stream != link->stream) {
        return;
    }
    if (slice_is(name, ":method")) {
        link->is_post = slice_is(value, "POST");
    } else if (slice_is(name, ":path")) {
        link->is_peer_path = slice_is(value, peer_path);
    } else if (slice_is(name, ":status") && value.len == 3) {
        /* nghttp2 has checked that these are digits. */
        link->status = (unsigned)(value.data[0] - '0') * 100 +
                       (unsigned)(value.data[1] - '0') * 10 + (unsigned)(value.data[2] - '0');
    }
}

static void accept_peer(struct p2p_link *link)
{
    struct p2p_conn *conn = &link->conn;
    if (!link->is_post || !link->is_peer_path) {
        p2p_conn_refuse(conn, P2P_REFUSAL_BAD_REQUEST,
                        "only POST /v1/peer is answered on the peers' address");
        return;
    }
    nghttp2_nv fields[] = {
        field(":status", "200"),
        field("content-type", "application/octet-stream"),
    };
    nghttp2_data_provider provider = {.source.ptr = link, .read_callback = on_read};
    if (nghttp2_submit_response(conn->h2.session, link->stream, fields,
                                sizeof fields / sizeof fields[0], &provider) != 0) {
        no_memory(link);
        return;
    }
    come_up(link);
}

static void on_headers(struct p2p_h2 *h2, int32_t stream)
{
    struct p2p_link *link = of_h2(h2);
    if (stream != link->stream || link->up || !p2p_conn_lives(&link->conn)) {
        return;
    }
    if (h2->server) {
        accept_peer(link);
    } else if (link->status == 200) {
        come_up(link);
    } else {
        char text[64];
        snprintf(text, sizeof text, "it answered POST /v1/peer with status %u", link->status);
        p2p_conn_end(&link->conn, P2P_LINK_END_REFUSED_THERE, NGHTTP2_NO_ERROR, text);
    }
}

/* Receiving, and ends by the other side. */

static void on_data(struct p2p_h2 *h2, int32_t stream, const uint8_t *data, size_t len)
{
    struct p2p_link *link = of_h2(h2);
    const struct p2p_links_user *user = &link->links->user;
    if (stream != link->stream || !p2p_link_is_up(link) || len == 0) {
        return;
    }
    link->counts.data_bytes_in += len;
    link->counts.unconsumed_bytes += len;
    if (user->link_bytes) {
        user->link_bytes(user->user, link, data, len);
    }
}

static void ended_by_peer(struct p2p_link *link, uint32_t code)
{
    struct p2p_conn *conn = &link->conn;
    bool refused = code == NGHTTP2_REFUSED_STREAM ||
                   conn->farewell_code == NGHTTP2_REFUSED_STREAM || !link->up;
    p2p_conn_end(conn, refused ? P2P_LINK_END_REFUSED_THERE : P2P_LINK_END_PEER_CLOSED,
                 NGHTTP2_NO_ERROR, conn->farewell[0] ? conn->farewell : "closed by the peer");
}

static void on_finished(struct p2p_h2 *h2, int32_t stream)
{
    struct p2p_link *link = of_h2(h2);
    if (stream == link->stream) {
        ended_by_peer(link, NGHTTP2_NO_ERROR);
    }
}

static void on_sent_all(struct p2p_h2 *h2, int32_t stream)
{
    struct p2p_link *link = of_h2(h2);
    if (stream == link->stream && link->draining) {
        p2p_conn_end(&link->conn, P2P_LINK_END_CLOSED, NGHTTP2_NO_ERROR, link->reason);
    }
}

static void on_stream_closed(struct p2p_h2 *h2, int32_t stream, uint32_t code)
{
    struct p2p_link *link = of_h2(h2);
    if (stream == link->stream) {
        ended_by_peer(link, code);
    }
}

static void on_conn_ended(struct p2p_conn *conn)
{
    struct p2p_link *link = of_conn(conn);
    const struct p2p_links_user *user = &link->links->user;
    link->up = false;
    if (link->announced && user->link_down) {
        user->link_down(user->user, link, conn->end, conn->text);
    }
}

static void on_conn_closed(struct p2p_conn *conn)
{
    struct p2p_link *link = of_conn(conn);
    struct p2p_links *links = link->links;
    const struct p2p_alloc *alloc = conn->net->alloc;
    p2p_chunks_deinit(&link->queue, alloc);
    p2p_alloc_free(alloc, link);
    p2p_links_freed_one(links);
}

const struct p2p_conn_user p2p_link_conn_user = {
    .h2 = {.wake = p2p_conn_h2_wake,
           .begin = on_begin,
           .header = on_header,
           .headers = on_headers,
           .data = on_data,
           .finished = on_finished,
           .sent_all = on_sent_all,
           .closed = on_stream_closed,
           .pong = p2p_conn_h2_pong,
           .goaway = p2p_conn_h2_goaway},
    .opened = on_opened,
    .before_frames = on_before_frames,
    .after_frames = on_after_frames,
    .ended = on_conn_ended,
    .closed = on_conn_closed,
};

static uint32_t code_of(enum p2p_link_end end)
{
    switch (end) {
    case P2P_LINK_END_REFUSED_HERE:
        return NGHTTP2_REFUSED_STREAM;
    case P2P_LINK_END_LIMIT:
        return NGHTTP2_ENHANCE_YOUR_CALM;
    case P2P_LINK_END_PROTOCOL:
        return NGHTTP2_PROTOCOL_ERROR;
    case P2P_LINK_END_NO_MEMORY:
        return NGHTTP2_INTERNAL_ERROR;
    case P2P_LINK_END_CLOSED:
    case P2P_LINK_END_PEER_CLOSED:
    case P2P_LINK_END_UNREACHABLE:
    case P2P_LINK_END_LOST:
    case P2P_LINK_END_TIMEOUT:
    case P2P_LINK_END_REFUSED_THERE:
        break;
    }
    return NGHTTP2_NO_ERROR;
}

void p2p_link_close(struct p2p_link *link, enum p2p_link_end end, const char *text)
{
    struct p2p_conn *conn = &link->conn;
    if (!p2p_conn_lives(conn) || link->draining) {
        return;
    }
    if (!link->up || end != P2P_LINK_END_CLOSED) {
        p2p_conn_end(conn, end, code_of(end), text);
        return;
    }
    /* The reason goes first, then what is queued, then END_STREAM, at which the peer lets go.
     */
    snprintf(link->reason, sizeof link->reason, "%s", text);
    link->draining = true;
    p2p_h2_goodbye(&conn->h2, NGHTTP2_NO_ERROR, link->reason);
    p2p_conn_drain(conn);
}

/* Questions. */

bool p2p_link_is_up(const struct p2p_link *link)
{
    return link->up && !link->draining && p2p_conn_lives(&link->conn);
}

bool p2p_link_dialled(const struct p2p_link *link)
{
    return link->conn.options.listener == NULL;
}

const char *p2p_link_remote(const struct p2p_link *link)
{
    return link->conn.stream.remote;
}

void *p2p_link_data(const struct p2p_link *link)
{
    return link->data;
}

void p2p_link_data_set(struct p2p_link *link, void *data)
{
    link->data = data;
}

void p2p_link_counts_get(const struct p2p_link *link, struct p2p_link_counts *out_counts)
{
    *out_counts = link->counts;
    out_counts->socket_bytes_in = link->conn.stream.bytes_in;
    out_counts->socket_bytes_out = link->conn.stream.bytes_out;
}
