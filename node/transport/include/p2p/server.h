/* The API server: whole requests in, answers out, over HTTP/2 on a Unix socket and on TLS.
 *
 * A request reaches the handler when all of it has arrived and fits the bounds of limits.h;
 * what does not fit is answered here (413, 414, 431, 503 as problem+json) and counted. HTTP/1.1
 * is refused. The handler answers once, whenever it likes, also at once from on_request: either
 * a whole answer (p2p_response_send) or a stream (begin, write ..., end). Ownership of a
 * request:
 *
 *   on_request -+-> p2p_response_send -> gone
 *               +-> stream_begin -> stream_write ... -> stream_end -> gone
 *               '-> (client cancelled, connection lost, slow reader, server closing)
 *                     -> on_cancel -> gone when it returns
 *
 * on_cancel comes at most once, from the loop, and never after an answer was completed; so
 * exactly one of the two ends every request, and its pointers live until then. One thread: the
 * loop's. On the Unix socket only our own user and root are let in. It knows no path, no JSON
 * of the ledger and no one's rights. */
#ifndef P2P_SERVER_H
#define P2P_SERVER_H

#include <p2p/base.h>
#include <p2p/limits.h>
#include <p2p/net.h>
#include <p2p/tls.h>

struct p2p_server;

/* Read by the handler, except `data`, which is the handler's. All text is zero-terminated,
 * never NULL ("" when absent), borrowed until the request is gone. */
struct p2p_request {
    const char *method; /* "GET" */
    const char *path;   /* "/v1/bans": as sent, still percent-encoded, without the query */
    const char *query;  /* "subject=imo:9179842": after the question mark, as sent */
    const char *content_type;  /* as sent */
    const char *accept;        /* as sent */
    const char *authorization; /* as sent: a secret, never log it */
    const char *if_none_match;
    const char *last_event_id;
    const char *idempotency_key;
    const char *remote;                /* "127.0.0.1:53122" or "unix uid 1000 pid 4711" */
    const struct p2p_tls_party *party; /* who the client's certificate says it is; or NULL */
    struct p2p_slice body;
    bool via_unix; /* over node.sock: our own user or root */
    void *data;    /* the handler's; NULL at first */
};

struct p2p_server_user {
    void (*on_request)(void *user, struct p2p_request *request);
    void (*on_cancel)(void *user, struct p2p_request *request); /* may be NULL */
    void (*on_writable)(void *user,
                        struct p2p_request *request); /* a stream's buffer ran empty */
    void *user;
};

P2P_MUST_CHECK enum p2p_err p2p_server_open(struct p2p_net *net,
                                            const struct p2p_server_user *user,
                                            struct p2p_server **out_server);
/* Drains: stops listening, cancels streams, gives answers under way P2P_DRAIN_MS_MAX, then
 * frees and calls on_closed (may be NULL). Requests not answered by then are cancelled. Accepts
 * NULL. */
void p2p_server_close(struct p2p_server *server, void (*on_closed)(void *user), void *user);

/* path: at most 107 bytes; mode 0600; a socket file that a killed node left there is replaced,
 * so the caller holds the store's lock. Removed again at close. Errors: P2P_USAGE (path too
 * long), P2P_IO (message names path and why), P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_server_listen_unix(struct p2p_server *server, const char *path,
                                                   char message[P2P_NET_MESSAGE_BYTES]);
/* tls: a people identity, borrowed for the call; address as in p2p_links_listen. */
P2P_MUST_CHECK enum p2p_err p2p_server_listen_tls(struct p2p_server *server,
                                                  struct p2p_tls *tls, const char *address,
                                                  char message[P2P_NET_MESSAGE_BYTES]);
/* The TLS listener's bound address as text; "" when there is none; lives with server. */
const char *p2p_server_address(const struct p2p_server *server);

/* Answers a request; it is gone when this returns, whatever it returns. body: copied, at most
 * P2P_RESPONSE_BYTES_MAX. content_type: NULL for none.
 * Errors: P2P_TOOLARGE (the client got a 500), P2P_NOMEM (the connection is ended); callers may
 * ignore both, they are counted here. */
enum p2p_err p2p_response_send(struct p2p_request *request, unsigned status,
                               const char *content_type, struct p2p_slice body);
/* The same with header fields besides. */
struct p2p_response_field {
    const char *name; /* in lower case, static */
    const char *value;
};
struct p2p_response {
    unsigned status;
    const char *content_type;  /* NULL for none */
    const char *cache_control; /* NULL: no-store */
    struct p2p_response_field
        fields[P2P_RESPONSE_FIELDS_MAX]; /* up to the first without name */
    struct p2p_slice body;               /* of a 304: none */
};
enum p2p_err p2p_response_send_with(struct p2p_request *request,
                                    const struct p2p_response *response);
/* Answers with application/problem+json (RFC 9457) {"title","status","code","text","hint"};
 * escaped here; hint may be NULL. */
enum p2p_err p2p_response_problem(struct p2p_request *request, unsigned status,
                                  const char *code, const char *text, const char *hint);

/* A streamed answer, e.g. /v1/events. Errors of begin: P2P_NOMEM, or P2P_BUSY when the request
 * was cancelled meanwhile; either way on_cancel follows. */
P2P_MUST_CHECK enum p2p_err p2p_response_stream_begin(struct p2p_request *request,
                                                      unsigned status,
                                                      const char *content_type);
/* data: copied. P2P_BUSY: more than P2P_RESPONSE_STREAM_BYTES_MAX would wait unread; the stream
 * is closed and counted as "slow_reader", and on_cancel follows. P2P_NOMEM: likewise ended. */
P2P_MUST_CHECK enum p2p_err p2p_response_stream_write(struct p2p_request *request,
                                                      const void *data, size_t len);
/* Bytes written and not yet sent: a replay of old events waits for on_writable instead of
 * filling the buffer. */
size_t p2p_response_stream_queued(const struct p2p_request *request);
/* Ends the stream after what was written; the request is gone when this returns. */
void p2p_response_stream_end(struct p2p_request *request);

struct p2p_server_counts {
    uint64_t requests, answers, cancelled;
    uint32_t connections;  /* open now */
    uint32_t open;         /* requests not yet answered or cancelled */
    uint64_t body_bytes;   /* held now, all request bodies */
    uint64_t unread_bytes; /* likewise of answers, but for the socket's */
};
void p2p_server_counts_get(const struct p2p_server *server,
                           struct p2p_server_counts *out_counts);

#endif
