/* Asks a node's API over HTTP/2: its Unix socket, or its listener for people.
 *
 * One exchange at a time, each waited for. Over the socket every exchange is a connection of
 * its own; over TLS they share one. The listener is known by the certificate that stands in
 * `trust` (the node's people.crt), and knows us by `certificate`. Main thread. */
#ifndef P2P_TRADE_HTTP_H
#define P2P_TRADE_HTTP_H

#include <p2p/base.h>

#include <jansson.h>

#define P2P_TRADE_REPLY_BYTES_MAX (16u << 20)

struct p2p_trade_endpoint {
    const char *socket;      /* a path, or NULL */
    const char *server;      /* https://HOST:TCP_PORT, or NULL */
    const char *certificate; /* PEM: certificate and key; NULL over a socket */
    const char *trust;       /* PEM; NULL: the system's authorities */
};

struct p2p_trade_http;

/* Borrows the endpoint's strings. P2P_NOMEM, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_trade_http_open(struct p2p_trade_http **out,
                                                const struct p2p_trade_endpoint *endpoint);
void p2p_trade_http_close(struct p2p_trade_http *http); /* accepts NULL */

/* method: "GET" (query: percent-encoded or NULL) or "POST" (body: borrowed). key: the
 * idempotency key, or NULL. False: there was no answer, p2p_trade_http_why says why; what was
 * sent may have been done. Otherwise *status and *reply, which the caller owns. */
bool p2p_trade_http_ask(struct p2p_trade_http *http, const char *method, const char *path,
                        const char *query, const json_t *body, const char *key, long *status,
                        json_t **reply);
const char *p2p_trade_http_why(const struct p2p_trade_http *http);
/* One value of a query, percent-encoded; the caller frees. NULL: no memory. */
char *p2p_trade_http_escape(struct p2p_trade_http *http, const char *text);

#endif
