/* A byte stream: a TCP or Unix socket, plain or under TLS, behind one set of callbacks.
 *
 * Bytes to send are handed over in coalesced writes of at most P2P_STREAM_BUFFER_BYTES,
 * encrypted at once, tried on the socket at once; only what the kernel does not take is kept
 * (and counted in pending_bytes; whoever makes frames stops above P2P_STREAM_PENDING_BYTES).
 * The SSL object is made at the first byte received, so an idle stranger costs one struct.
 *
 *   init -> (connecting) -> (handshake) -> opened -> bytes / writable ... -> ended -> closed
 *
 * After close nothing comes but `closed`, from the loop, and only then may the memory go. The
 * owner embeds the struct. Loop thread only; close and write are called from the net's flush,
 * never from inside a callback of this stream. */
#ifndef P2P_TRANSPORT_STREAM_H
#define P2P_TRANSPORT_STREAM_H

#include "net_private.h"

enum p2p_stream_end {
    P2P_STREAM_END_EOF,         /* the other side said it has no more to send */
    P2P_STREAM_END_LOST,        /* reset, or a broken write */
    P2P_STREAM_END_UNREACHABLE, /* the dial did not connect */
};

struct p2p_stream;

struct p2p_stream_user {
    void (*opened)(struct p2p_stream *stream);
    void (*bytes)(struct p2p_stream *stream, const uint8_t *data, size_t len);
    void (*writable)(struct p2p_stream *stream); /* pending bytes became fewer */
    /* TLS or the first bytes say no; what still arrives is thrown away. by_other: the other
     * side refused us, with an alert. text: borrowed. At most once. */
    void (*refused)(struct p2p_stream *stream, enum p2p_refusal reason, bool by_other,
                    const char *text);
    /* The socket has no more to give. text: borrowed. At most once. */
    void (*ended)(struct p2p_stream *stream, enum p2p_stream_end end, const char *text);
    void (*closed)(struct p2p_stream *stream);
};

struct p2p_stream {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct p2p_net *net;
    const struct p2p_stream_user *user;
    SSL_CTX *tls; /* NULL: plain */
    struct p2p_tls_session session;
    struct p2p_tls_judge *judge; /* borrowed from the owner; NULL: no certificate is judged */
    uv_connect_t connecting;
    uv_shutdown_t shutting;
    char remote[P2P_REMOTE_BYTES];
    struct sockaddr_storage address; /* of the other side; AF_UNIX on a Unix socket */
    bool trusted; /* on a Unix socket: the other side is our own user or root */
    size_t pending_bytes;
    uint64_t moved_ms; /* when pending bytes last became fewer, or began */
    uint64_t bytes_in, bytes_out;
    size_t discarded_bytes; /* received after discard() */
    bool dials, session_made, open, refused, ended, discards, shut, closing;
};

/* Prepares a stream; nothing has to be closed when this fails. tls: counted, NULL for plain;
 * judge, user: borrowed. is_unix chooses the kind of socket. */
P2P_MUST_CHECK enum p2p_err p2p_stream_init(struct p2p_stream *stream, struct p2p_net *net,
                                            bool is_unix, SSL_CTX *tls,
                                            struct p2p_tls_judge *judge,
                                            const struct p2p_stream_user *user);
/* Takes one connection from a listening handle and learns who it is. On error: close it. */
P2P_MUST_CHECK enum p2p_err p2p_stream_accept(struct p2p_stream *stream, uv_stream_t *listener);
/* Begins to read. `opened` may come from a later turn only. */
P2P_MUST_CHECK enum p2p_err p2p_stream_start(struct p2p_stream *stream);
/* Dials; from NULL: the kernel chooses. why: libuv's words. On error: close it. */
P2P_MUST_CHECK enum p2p_err p2p_stream_connect(struct p2p_stream *stream,
                                               const struct sockaddr_storage *to,
                                               const struct sockaddr_storage *from,
                                               const char **out_why);
/* Sends at most P2P_STREAM_BUFFER_BYTES; borrowed. Errors: P2P_NOMEM, P2P_IO: the stream is
 * useless, close it. */
P2P_MUST_CHECK enum p2p_err p2p_stream_write(struct p2p_stream *stream, const uint8_t *data,
                                             size_t len);
/* Sends text to someone who does not speak our protocol: encrypted if TLS is open, plain if it
 * never began. */
void p2p_stream_last_words(struct p2p_stream *stream, const char *text);
/* From now on what arrives is counted and thrown away; no more `bytes` or `opened`. */
void p2p_stream_discard(struct p2p_stream *stream);
/* No more writes: close_notify, then FIN after what is pending. Idempotent. */
void p2p_stream_shutdown(struct p2p_stream *stream);
/* Idempotent. */
void p2p_stream_close(struct p2p_stream *stream);

#endif
