/* The table of routes: what can be asked, by whom, and what it answers. Private to node/api.
 *
 * Routing, 404 and 405, who is let in, the rates, and the check of openapi.yaml all come from
 * these rows; a handler needs nothing else. Each noun's file has its rows, routes.c the list of
 * those tables. */
#ifndef P2P_ROUTE_H
#define P2P_ROUTE_H

#include <p2p/base.h>

struct p2p_call;
struct p2p_node;

/* X(NAME, word): who may ask, least first; whoever stands below may what those above may. */
#define P2P_WHO_MAP(X)                                                                         \
    X(ANYBODY, "anybody") /* nothing is shown: what proves itself, or is public */             \
    X(READER, "reader")   /* a bearer token of config.yaml */                                  \
    X(PARTY, "party")     /* a certificate bound to an issuer of this member (p2p/party.h) */  \
    X(OPERATOR, "operator") /* such an issuer that config.yaml names under `operators` */      \
    X(SOCKET, "socket")     /* node.sock, or a command with the daemon down */

enum p2p_who {
#define P2P_WHO_ENUM(name, word) P2P_WHO_##name,
    P2P_WHO_MAP(P2P_WHO_ENUM)
#undef P2P_WHO_ENUM
};
const char *p2p_who_word(enum p2p_who who);

/* X(NAME, word, requests a second of one caller, at once): what a caller may ask of a node, by
 * how much it costs. On the socket nothing is counted. A list counts once more for each
 * P2P_LOOKED_PER_REQUEST rows that it looked at, for the writer looks at them and gates wait.
 */
#define P2P_LOOKED_PER_REQUEST 1000u
#define P2P_RATE_MAP(X)                                                                        \
    X(FREE, "free", 0, 0) /* P2P_PUBLIC_MAX bounds them */                                     \
    X(READ, "read", 50, 200)                                                                   \
    X(WRITE, "write", 100, 500)                                                                \
    X(BULK, "bulk", 1, 20) /* each up to P2P_CALL_RECORDS_MAX records */                       \
    X(GATE, "gate", 500, 1000)

enum p2p_rate {
#define P2P_RATE_ENUM(name, word, per_s, burst) P2P_RATE_##name,
    P2P_RATE_MAP(P2P_RATE_ENUM)
#undef P2P_RATE_ENUM
        P2P_RATE_COUNT
};
const char *p2p_rate_word(enum p2p_rate rate);

struct p2p_route {
    const char *method;
    /* "/v1/gates/{name}/checks": at most one parameter; at the end it takes all that is left,
     * slashes too, because ids have some; elsewhere one segment. It is call->rest. */
    const char *path;
    void (*start)(struct p2p_call *call, struct p2p_node *node);
    void (*finish)(struct p2p_call *call, struct p2p_node *node); /* NULL: start replies */
    enum p2p_who who;
    enum p2p_rate rate;
    const char *request; /* schema of the body in openapi.yaml; NULL: it takes none */
    const char *reply;   /* schema of a 200; NULL: it is no JSON */
    /* What it answers besides 200 and what every route may (p2p_route_answers): "404 422". */
    const char *errors;
    /* Its reply, under an idempotency key, is kept over a start (core/replies.h): what finish
     * says rests on nothing that comes after the engine did its jobs; where that is not so
     * always, told replies in the batch instead, or makes no reply yet. */
    bool durable;
    void (*told)(struct p2p_call *call, struct p2p_node *node);
};

/* The tables of the parts; each ends with a row without method. */
extern const struct p2p_route *const p2p_route_tables[];
extern const size_t p2p_route_table_count;

/* The row for a decoded path; *rest [out] is where its parameter begins and *rest_len how long
 * it is. NULL: none; then allow[P2P_ALLOW_BYTES] holds the methods that others are asked by
 * there, comma-separated, "" for nowhere. */
#define P2P_ALLOW_BYTES 32u
const struct p2p_route *p2p_route_find(const char *method, const char *path, const char **rest,
                                       size_t *rest_len, char allow[P2P_ALLOW_BYTES]);

/* Whether a route may answer with that status: 200, those of its row, and those of its class:
 * 304 for what is read as JSON, 401 and 403 unless for anybody, 413 with a body, 429 unless it
 * is free. Any may answer 503, and with the bounds of the transport (limits.h). */
bool p2p_route_answers(const struct p2p_route *route, int status);

#endif
