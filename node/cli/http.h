/* Speaks HTTP/2 with prior knowledge over a node's Unix socket, or over TLS 1.3 with its
 * listener for people: the client's half of the API.
 *
 * Each call makes a connection of its own and waits for its answer. The socket is reached
 * through its directory's descriptor, so the length of DIR does not matter. A socket file that
 * a killed node left behind counts as nobody serving. One thread. */
#ifndef P2P_CLI_HTTP_H
#define P2P_CLI_HTTP_H

#include <p2p/api.h>

#define P2P_CLI_REPLY_BYTES_MAX (64u << 20)
#define P2P_CLI_LINE_BYTES_MAX  (1u << 20)

struct p2p_cli_http;

enum p2p_cli_http_result {
    P2P_CLI_HTTP_DONE,
    P2P_CLI_HTTP_ABSENT, /* nobody serves: nothing was sent */
    P2P_CLI_HTTP_BROKEN, /* the connection failed on the way: what was sent may have been done
                          */
};

/* dir: a node's directory. P2P_NOTFOUND (no such directory), P2P_NOMEM, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_cli_http_open(struct p2p_cli_http **out, const char *dir);
/* url: "https://host:7401", without a path, borrowed like trust: a PEM file of the certificates
 * that are believed, NULL for the system's. P2P_USAGE (no https URL), P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_cli_http_open_server(struct p2p_cli_http **out, const char *url,
                                                     const char *trust);
/* Shows this client certificate from now on: PEM, its key behind it, borrowed. */
void p2p_cli_http_show(struct p2p_cli_http *http, const char *pem);
void p2p_cli_http_close(struct p2p_cli_http *http); /* accepts NULL */

/* timeout_ms: for the whole exchange. The reply is owned by the caller when DONE; otherwise it
 * is untouched and p2p_cli_http_why says what happened. */
P2P_MUST_CHECK enum p2p_cli_http_result p2p_cli_http_call(struct p2p_cli_http *http,
                                                          const struct p2p_api_request *request,
                                                          uint32_t timeout_ms,
                                                          struct p2p_api_reply *reply);
/* One GET whose answer is lines and does not end: each line, without its end, goes to on_line
 * until that returns false (then DONE) or the connection ends (BROKEN). A status other than 200
 * is DONE with the problem in reply; reply->status is 0 otherwise. */
P2P_MUST_CHECK enum p2p_cli_http_result
p2p_cli_http_stream(struct p2p_cli_http *http, const struct p2p_api_request *request,
                    bool (*on_line)(void *context, const char *line, size_t len), void *context,
                    struct p2p_api_reply *reply);
const char *p2p_cli_http_why(const struct p2p_cli_http *http);

/* GET of any URL for a document that proves itself: no certificate is checked. At most
 * bytes_max. The caller frees *out, which is zero-terminated. P2P_TOOLARGE, P2P_IO (message
 * says why), P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_cli_http_fetch(const char *url, size_t bytes_max, char **out,
                                               size_t *len, char *message, size_t message_cap);

#endif
