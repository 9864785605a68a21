#include "stream.h"

#include <netinet/tcp.h>
#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first byte of a TLS record that carries a handshake (RFC 8446 section 5.1). */
#define TLS_HANDSHAKE_RECORD 0x16

/* What the kernel did not take at once. */
struct pending {
    uv_write_t request;
    struct p2p_stream *stream;
    size_t len;
    uint8_t data[];
};

static struct p2p_stream *of_handle(const void *handle)
{
    return ((const uv_handle_t *)handle)->data;
}

static void end(struct p2p_stream *stream, enum p2p_stream_end how, const char *text)
{
    if (stream->ended || stream->closing) {
        return;
    }
    stream->ended = true;
    uv_read_stop(&stream->uv.stream);
    stream->user->ended(stream, how, text);
}

/* Reading goes on, so that a last word is not lost to a reset. */
static void refuse(struct p2p_stream *stream, enum p2p_refusal reason, bool by_other,
                   const char *text)
{
    stream->discards = true;
    if (!stream->refused && !stream->ended && !stream->closing) {
        stream->refused = true;
        stream->user->refused(stream, reason, by_other, text);
    }
}

enum p2p_err p2p_stream_init(struct p2p_stream *stream, struct p2p_net *net, bool is_unix,
                             SSL_CTX *tls, struct p2p_tls_judge *judge,
                             const struct p2p_stream_user *user)
{
    memset(stream, 0, sizeof *stream);
    int rc = is_unix ? uv_pipe_init(net->loop, &stream->uv.pipe, 0)
                     : uv_tcp_init(net->loop, &stream->uv.tcp);
    if (rc != 0) {
        return P2P_IO;
    }
    stream->uv.handle.data = stream;
    stream->net = net;
    stream->user = user;
    stream->judge = judge;
    stream->tls = tls;
    if (tls) {
        SSL_CTX_up_ref(tls);
    }
    return P2P_OK;
}

static void tcp_options(struct p2p_stream *stream)
{
    uv_os_fd_t fd;
    if (uv_fileno(&stream->uv.handle, &fd) != 0) {
        return;
    }
    /* None of these can fail on a live TCP socket, and none is needed for correctness. */
    unsigned timeout_ms = P2P_TCP_USER_TIMEOUT_MS;
    unsigned unsent_bytes =
        P2P_STREAM_PENDING_BYTES; /* keeps PING ahead of a deep kernel queue */
    uv_tcp_nodelay(&stream->uv.tcp, 1);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof timeout_ms);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_bytes, sizeof unsent_bytes);
}

static void name_unix(struct p2p_stream *stream)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;
    uv_os_fd_t fd;
    stream->address.ss_family = AF_UNIX;
    if (uv_fileno(&stream->uv.handle, &fd) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
        snprintf(stream->remote, sizeof stream->remote, "unix uid %u pid %d", who.uid, who.pid);
        stream->trusted = who.uid == 0 || who.uid == geteuid();
    }
}

enum p2p_err p2p_stream_accept(struct p2p_stream *stream, uv_stream_t *listener)
{
    snprintf(stream->remote, sizeof stream->remote, "unknown address");
    if (uv_accept(listener, &stream->uv.stream) != 0) {
        return P2P_IO;
    }
    if (stream->uv.handle.type == UV_NAMED_PIPE) {
        name_unix(stream);
        return P2P_OK;
    }
    int len = sizeof stream->address;
    if (uv_tcp_getpeername(&stream->uv.tcp, (struct sockaddr *)&stream->address, &len) != 0) {
        return P2P_IO; /* gone already */
    }
    p2p_address_text(&stream->address, stream->remote);
    tcp_options(stream);
    return P2P_OK;
}

/* Writing. */

static void on_written(uv_write_t *request, int status)
{
    struct pending *pending = request->data;
    struct p2p_stream *stream = pending->stream;
    stream->pending_bytes -= pending->len;
    stream->moved_ms = p2p_net_now_ms(stream->net);
    p2p_alloc_free(stream->net->alloc, pending);
    if (status == 0) {
        if (!stream->closing) {
            stream->user->writable(stream);
        }
    } else if (status != UV_ECANCELED) {
        end(stream, P2P_STREAM_END_LOST, uv_strerror(status));
    }
}

static enum p2p_err socket_write(struct p2p_stream *stream, const uint8_t *data, size_t len)
{
    struct p2p_net *net = stream->net;
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)len);
    int taken = uv_try_write(&stream->uv.stream, &buf, 1);
    if (taken < 0 && taken != UV_EAGAIN) {
        return P2P_IO;
    }
    stream->bytes_out += len;
    net->counts.bytes_out += len;
    size_t done = taken > 0 ? (size_t)taken : 0;
    if (done == len) {
        return P2P_OK;
    }

    struct pending *pending =
        p2p_alloc_resize(net->alloc, NULL, 1, sizeof *pending + (len - done));
    if (!pending) {
        return P2P_NOMEM;
    }
    pending->request.data = pending;
    pending->stream = stream;
    pending->len = len - done;
    memcpy(pending->data, data + done, len - done);
    buf = uv_buf_init((char *)pending->data, (unsigned)pending->len);
    if (uv_write(&pending->request, &stream->uv.stream, &buf, 1, on_written) != 0) {
        p2p_alloc_free(net->alloc, pending);
        return P2P_IO;
    }
    if (stream->pending_bytes == 0) {
        stream->moved_ms = p2p_net_now_ms(net);
    }
    stream->pending_bytes += pending->len;
    return P2P_OK;
}

/* Sends what TLS left on the shared wire; the wire is empty afterwards, whatever happens. */
static enum p2p_err wire_write(struct p2p_stream *stream)
{
    struct p2p_tls_wire *wire = &stream->net->wire;
    size_t len = wire->out_len;
    wire->out_len = 0;
    if (len == 0 || stream->shut || stream->closing) {
        return P2P_OK;
    }
    return socket_write(stream, wire->out, len);
}

enum p2p_err p2p_stream_write(struct p2p_stream *stream, const uint8_t *data, size_t len)
{
    p2p_assert(len <= P2P_STREAM_BUFFER_BYTES);
    if (stream->closing || stream->shut || !stream->open) {
        return P2P_IO;
    }
    if (!stream->tls) {
        return socket_write(stream, data, len);
    }
    enum p2p_err err = p2p_tls_session_write(&stream->session, data, len);
    enum p2p_err sent = wire_write(stream);
    return err ? err : sent;
}

void p2p_stream_last_words(struct p2p_stream *stream, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    /* Best effort: they are being refused either way. */
    if (stream->open) {
        (void)!p2p_stream_write(stream, bytes, strlen(text));
    } else if (!stream->session_made && !stream->closing && !stream->shut) {
        (void)!socket_write(stream, bytes, strlen(text));
    }
}

static void on_shut(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status; /* whatever it was, what follows is a close */
}

void p2p_stream_shutdown(struct p2p_stream *stream)
{
    if (stream->closing || stream->shut) {
        return;
    }
    if (stream->session_made) {
        p2p_tls_session_shutdown(&stream->session);
        (void)wire_write(stream);
    }
    stream->shut = true;
    (void)uv_shutdown(&stream->shutting, &stream->uv.stream, on_shut);
}

void p2p_stream_discard(struct p2p_stream *stream)
{
    stream->discards = true;
}

static void on_closed(uv_handle_t *handle)
{
    struct p2p_stream *stream = of_handle(handle);
    if (stream->session_made) {
        p2p_tls_session_deinit(&stream->session);
    }
    SSL_CTX_free(stream->tls);
    stream->tls = NULL;
    stream->user->closed(stream);
}

void p2p_stream_close(struct p2p_stream *stream)
{
    if (!stream->closing) {
        stream->closing = true;
        uv_close(&stream->uv.handle, on_closed);
    }
}

/* Reading. */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct p2p_stream *stream = of_handle(handle);
    *buf = uv_buf_init((char *)stream->net->received, P2P_STREAM_BUFFER_BYTES);
}

static bool looks_like_http(const uint8_t *data, size_t len)
{
    return len >= 1 && data[0] >= 'A' && data[0] <= 'Z';
}

/* Makes the SSL object; false when the stream ended instead. */
static bool session_make(struct p2p_stream *stream)
{
    if (p2p_tls_session_init(&stream->session, stream->tls, stream->dials, &stream->net->wire,
                             stream->judge) != P2P_OK) {
        refuse(stream, P2P_REFUSAL_NO_MEMORY, false, "no memory for TLS");
        return false;
    }
    stream->session_made = true;
    return true;
}

static bool first_bytes_ok(struct p2p_stream *stream, const uint8_t *data, size_t len)
{
    if (data[0] == TLS_HANDSHAKE_RECORD) {
        return session_make(stream);
    }
    if (looks_like_http(data, len)) {
        refuse(stream, P2P_REFUSAL_HTTP1, false,
               "plain HTTP; only HTTP/2 over TLS 1.3 is spoken here");
    } else {
        char text[64];
        snprintf(text, sizeof text, "its first byte is 0x%02x, which is not TLS", data[0]);
        refuse(stream, P2P_REFUSAL_NOT_TLS, false, text);
    }
    return false;
}

static void tls_received(struct p2p_stream *stream, const uint8_t *data, size_t len)
{
    if (!stream->session_made && !first_bytes_ok(stream, data, len)) {
        return;
    }
    struct p2p_tls_session *session = &stream->session;
    p2p_tls_session_feed(session, (struct p2p_slice){data, len});
    /* Ends: every step but MORE, END and FAILED consumes some of a bounded slice. */
    while (!stream->closing && !stream->discards && !stream->ended) {
        size_t got = 0;
        enum p2p_tls_step step = p2p_tls_session_read(session, stream->net->plaintext,
                                                      P2P_STREAM_BUFFER_BYTES, &got);
        enum p2p_err err = wire_write(stream);
        if (err) {
            end(stream, P2P_STREAM_END_LOST, "the connection broke");
            return;
        }
        switch (step) {
        case P2P_TLS_STEP_MORE:
            return;
        case P2P_TLS_STEP_OPEN:
            stream->open = true;
            stream->user->opened(stream);
            break;
        case P2P_TLS_STEP_DATA:
            stream->user->bytes(stream, stream->net->plaintext, got);
            break;
        case P2P_TLS_STEP_END:
            end(stream, P2P_STREAM_END_EOF, "closed by the other side");
            return;
        case P2P_TLS_STEP_FAILED:
            refuse(stream, session->failure.reason, session->failure.by_other,
                   session->failure.text);
            return;
        }
    }
}

static void on_read(uv_stream_t *handle, ssize_t got, const uv_buf_t *buf)
{
    struct p2p_stream *stream = of_handle(handle);
    if (got == 0 || stream->closing) {
        return;
    }
    if (got < 0) {
        bool eof = got == UV_EOF;
        end(stream, eof ? P2P_STREAM_END_EOF : P2P_STREAM_END_LOST,
            eof ? "closed by the other side" : uv_strerror((int)got));
        return;
    }
    size_t len = (size_t)got;
    stream->bytes_in += len;
    stream->net->counts.bytes_in += len;
    if (stream->discards) {
        stream->discarded_bytes += len;
    } else if (stream->tls) {
        tls_received(stream, (const uint8_t *)buf->base, len);
    } else {
        stream->user->bytes(stream, (const uint8_t *)buf->base, len);
    }
}

enum p2p_err p2p_stream_start(struct p2p_stream *stream)
{
    if (!stream->tls) {
        stream->open = true;
    }
    return uv_read_start(&stream->uv.stream, on_alloc, on_read) == 0 ? P2P_OK : P2P_IO;
}

/* Dialling. */

static void on_connected(uv_connect_t *request, int status)
{
    struct p2p_stream *stream = request->data;
    if (status == UV_ECANCELED || stream->closing) {
        return;
    }
    if (status != 0) {
        end(stream, P2P_STREAM_END_UNREACHABLE, uv_strerror(status));
        return;
    }
    tcp_options(stream);
    if (!session_make(stream)) {
        return;
    }
    /* The first step writes the ClientHello; it cannot fail for want of bytes. */
    size_t none = 0;
    p2p_tls_session_feed(&stream->session, (struct p2p_slice){NULL, 0});
    enum p2p_tls_step step = p2p_tls_session_read(&stream->session, NULL, 0, &none);
    enum p2p_err err = wire_write(stream);
    if (step == P2P_TLS_STEP_FAILED) {
        refuse(stream, stream->session.failure.reason, false, stream->session.failure.text);
    } else if (err || p2p_stream_start(stream) != P2P_OK) {
        end(stream, P2P_STREAM_END_LOST, "the connection broke");
    }
}

enum p2p_err p2p_stream_connect(struct p2p_stream *stream, const struct sockaddr_storage *to,
                                const struct sockaddr_storage *from, const char **out_why)
{
    p2p_assert(stream->tls != NULL);
    stream->dials = true;
    stream->address = *to;
    p2p_address_text(to, stream->remote);
    stream->connecting.data = stream;
    int rc = 0;
    if (from) {
        rc = uv_tcp_bind(&stream->uv.tcp, (const struct sockaddr *)from, 0);
    }
    if (rc == 0) {
        rc = uv_tcp_connect(&stream->connecting, &stream->uv.tcp, (const struct sockaddr *)to,
                            on_connected);
    }
    if (rc != 0) {
        *out_why = uv_strerror(rc);
        return P2P_IO;
    }
    return P2P_OK;
}
