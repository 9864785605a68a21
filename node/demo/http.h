/* The demo's second way to a node: HTTP/2 on its Unix socket, where a command per question
 * would be too slow to measure with. It links nothing of the node. */
#ifndef P2P_DEMO_HTTP_H
#define P2P_DEMO_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct p2p_demo_http;

/* dir: a node's directory, which exists; NULL on failure. One thread per object. */
struct p2p_demo_http *p2p_demo_http_open(const char *dir);
void p2p_demo_http_close(struct p2p_demo_http *http); /* accepts NULL */
/* GET, or POST of body when that is not NULL. The status of the answer, 0 when there was none.
 * *out is the caller's, NULL when the answer is no JSON. */
long p2p_demo_http_ask(struct p2p_demo_http *http, const char *path, const json_t *body,
                       json_t **out);

/* Speaks to the peers' address of a node as a stranger: TLS without a certificate. Returns
 * whether it was turned away for that, and what was said. */
bool p2p_demo_http_stranger(const char *address, char *words, size_t words_cap);

#endif
