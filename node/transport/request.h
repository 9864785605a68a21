/* Requests: those of one HTTP/2 connection, and what all connections of a server share.
 *
 * server.h says what a handler sees. Inside, a request is in one of these states, and whoever
 * is owed something is written beside it:
 *
 *   ARRIVING    the client still sends it                      the handler knows nothing of it
 *   ASKED       on_request was called                          owed: an answer, or on_cancel
 *   STREAMING   stream_begin was called                        owed: stream_end, or on_cancel
 *   CANCELLED   we reset it; on_cancel comes at the next settle
 *   ANSWERED    a whole answer is on its way, or a stream's rest  owed: nothing
 *   GONE        reset by us, or refused                        owed: nothing
 *
 *   ARRIVING -> ASKED -> ANSWERED         finished(), p2p_response_send
 *   ASKED -> STREAMING -> ANSWERED        stream_begin, stream_end
 *   ASKED, STREAMING -> CANCELLED -> GONE slow reader, no memory
 *   ARRIVING -> ANSWERED                  a bound: 413, 414, 431, 503
 *   any -> freed                          nghttp2 closed the stream, or the connection ended;
 * who is in ASKED, STREAMING, CANCELLED gets on_cancel first
 *
 * It needs an HTTP/2 connection (h2.h) and no socket, so tests and fuzzers drive it by bytes.
 */
#ifndef P2P_TRANSPORT_REQUEST_H
#define P2P_TRANSPORT_REQUEST_H

#include "h2.h"

#include <p2p/server.h>

struct p2p_held_request;

/* Shared by the connections of one server. */
struct p2p_desk {
    const struct p2p_alloc *alloc;
    struct p2p_server_user user;
    struct p2p_server_counts counts;
    /* Reports a limit hit by one request: "<verb> <remote>: <why>". */
    void (*refuse)(struct p2p_desk *desk, enum p2p_refusal reason, const char *verb,
                   const char *remote, const char *why);
    struct p2p_held_request *spare; /* used ones kept for the next, at most SPARE_MAX */
    unsigned spare_count;
};
void p2p_desk_deinit(struct p2p_desk *desk); /* frees the spare ones */

/* Those of one connection. */
struct p2p_requests {
    struct p2p_desk *desk;
    struct p2p_h2 *h2;
    const char *remote;                /* borrowed */
    const struct p2p_tls_party *party; /* borrowed; NULL: no client certificate */
    bool via_unix;
    bool settle_due;
    uint64_t now_ms;
    struct p2p_held_request *all; /* newest first */
    size_t open;                  /* how many are in the list */
    size_t backlog_bytes;         /* of answers not yet handed to nghttp2 */
};

void p2p_requests_init(struct p2p_requests *requests, struct p2p_desk *desk, struct p2p_h2 *h2,
                       const char *remote, bool via_unix);

/* The events of p2p_h2_user, for a user that embeds both. */
void p2p_requests_begin(struct p2p_requests *requests, int32_t stream);
void p2p_requests_header(struct p2p_requests *requests, int32_t stream, struct p2p_slice name,
                         struct p2p_slice value);
void p2p_requests_headers(struct p2p_requests *requests, int32_t stream);
void p2p_requests_data(struct p2p_requests *requests, int32_t stream, const uint8_t *data,
                       size_t len);
void p2p_requests_finished(struct p2p_requests *requests, int32_t stream);
void p2p_requests_sent_reset(struct p2p_requests *requests, int32_t stream, uint32_t code);
void p2p_requests_closed(struct p2p_requests *requests, int32_t stream);

/* Pays what is due to handlers: on_cancel, on_writable. After each fill and feed. */
void p2p_requests_settle(struct p2p_requests *requests);
/* Ends what does not move on. */
void p2p_requests_tick(struct p2p_requests *requests, uint64_t now_ms);
/* A graceful end began: streams end here and now, with on_cancel. */
void p2p_requests_drain(struct p2p_requests *requests);
/* The connection is over: everything still here is cancelled and freed. nghttp2 is not called.
 */
void p2p_requests_end(struct p2p_requests *requests);

#endif
