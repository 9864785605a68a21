/* The API: one table of routes, spoken over node.sock, and in process when no daemon runs.
 *
 * A command and an HTTP request become the same struct p2p_api_request; the same handler
 * answers both with a JSON document. What changes state is evaluated by the writer, not here.
 * Errors are problem documents {"code","text","hint"} (RFC 9457 members "title" and "status"
 * beside them).
 *
 * p2p_api_call is for the caller who owns the node alone (a command with the daemon down): it
 * runs to the end before it returns. A serving node calls p2p_api_start on its loop thread and
 * gets the answer later, once what it rests on is durable. */
#ifndef P2P_API_H
#define P2P_API_H

#include <p2p/base.h>

#include <jansson.h>

struct p2p_node;

struct p2p_tls_party;

/* Who asks from outside. */
struct p2p_api_caller {
    const struct p2p_tls_party *party; /* of its client certificate (p2p/tls.h); NULL: none */
    const char *authorization;         /* the header as sent; "" for none */
};

struct p2p_api_request {
    const char *method; /* "GET", "POST" */
    const char *path;   /* "/v1/bans", without the query */
    const char *query;  /* "subject=imo:9179842", percent-encoded, or NULL */
    json_t *body;       /* borrowed; NULL for none. A passphrase in it is wiped once used. */
    const char *last_event_id;   /* of /v1/events: `<boot>-<n>`, the last one seen; or NULL */
    const char *idempotency_key; /* NULL or "": none */
    const struct p2p_api_caller *caller; /* borrowed; NULL: our own user, who may everything */
};

#define P2P_API_ALLOW_BYTES 32u

struct p2p_api_reply {
    int status;   /* HTTP: 200; 400 usage, 403 a definite no, 404 and 503 undecided, 422 damaged
                   */
    json_t *json; /* owned by the receiver; NULL when text is set, or stream */
    /* What is no JSON: malloc'd, text_len bytes and a zero; of /metrics and /tlog/. */
    char *text;
    size_t text_len;
    const char *text_type;  /* its content type */
    const char *text_cache; /* its cache-control; NULL: no-store */
    bool reads;             /* the JSON of a GET: it has an ETag */
    bool stream;            /* no document: the events after that number */
    uint64_t events_after;
    bool events_lost; /* the last one seen was of an earlier start: what came behind it is gone
                       */
    char *link;       /* malloc'd: where a list goes on (RFC 8288), or NULL */
    char allow[P2P_API_ALLOW_BYTES]; /* of a 405 */
    uint32_t retry_after_s;          /* of a 429 */
};

/* The exit code of a command for a status and a document (a gate's answer decides with
 * 200). */
int p2p_api_exit_code(const struct p2p_api_reply *reply);
void p2p_api_reply_deinit(struct p2p_api_reply *reply);

/* Opened by node/core; see node.h. Never fails: errors are replies. */
void p2p_api_call(struct p2p_node *node, const struct p2p_api_request *request,
                  struct p2p_api_reply *reply);

/* done is called exactly once, on the loop thread, perhaps before this returns. */
typedef void (*p2p_api_done)(void *context, struct p2p_api_reply *reply);
void p2p_api_start(struct p2p_node *node, const struct p2p_api_request *request,
                   p2p_api_done done, void *context);

/* The same in steps, for a caller that must not stand still: a few calls have a slow part
 * (key unlock derives from a passphrase: 0.9 s and 256 MiB). Any thread may run it, once,
 * between new and queue; it touches nothing that others write. p2p_api_start runs it where it
 * stands. */
struct p2p_call;
/* NULL without memory; done is not called then. */
struct p2p_call *p2p_api_new(const struct p2p_api_request *request, p2p_api_done done,
                             void *context);
/* A body may come after new, once it is known that it will be looked at: whoever is refused
 * without it, or asks for nothing that has one, has no work done on it. Taken; NULL for none.
 */
bool p2p_api_takes_body(const struct p2p_call *call);
void p2p_api_give_body(struct p2p_call *call, json_t *body);
/* Whether it is asked from outside for what anybody may have. */
bool p2p_api_is_public(const struct p2p_call *call);
/* Ends a call that is not queued, without an answer. */
void p2p_api_discard(struct p2p_call *call);
bool p2p_api_is_slow(const struct p2p_call *call);
void p2p_api_run_slow(struct p2p_call *call, struct p2p_node *node);
/* On the loop thread; taken. One that is refused already is answered before this returns. */
void p2p_api_queue(struct p2p_call *call, struct p2p_node *node);
/* Answers a call with an error instead of queueing it; taken. */
void p2p_api_refuse(struct p2p_call *call, enum p2p_err err);

#endif
