/* One request as request.c and response.c hold it; see request.h for its states. */
#ifndef P2P_TRANSPORT_REQUEST_HELD_H
#define P2P_TRANSPORT_REQUEST_HELD_H

#include "buffer.h"
#include "request.h"

enum p2p_held_state {
    P2P_HELD_ARRIVING,
    P2P_HELD_ASKED,
    P2P_HELD_STREAMING,
    P2P_HELD_CANCELLED,
    P2P_HELD_ANSWERED,
    P2P_HELD_GONE,
};

/* The header fields that are kept: X(enum, name, bound in bytes, status beyond it). */
#define P2P_HELD_FIELDS(X)                                                                     \
    X(METHOD, ":method", 16, 431)                                                              \
    X(TARGET, ":path", P2P_REQUEST_PATH_BYTES_MAX, 414)                                        \
    X(CONTENT_TYPE, "content-type", P2P_REQUEST_FIELD_BYTES_MAX, 431)                          \
    X(ACCEPT, "accept", P2P_REQUEST_FIELD_BYTES_MAX, 431)                                      \
    X(AUTHORIZATION, "authorization", P2P_REQUEST_FIELD_BYTES_MAX, 431)                        \
    X(IF_NONE_MATCH, "if-none-match", P2P_REQUEST_FIELD_BYTES_MAX, 431)                        \
    X(LAST_EVENT_ID, "last-event-id", 64, 431)                                                 \
    X(IDEMPOTENCY_KEY, "idempotency-key", 255, 431)

enum p2p_held_field {
#define P2P_HELD_ENUM(name, text, bound, status) P2P_HELD_##name,
    P2P_HELD_FIELDS(P2P_HELD_ENUM)
#undef P2P_HELD_ENUM
        P2P_HELD_FIELD_COUNT
};

struct p2p_held_request {
    struct p2p_request seen; /* first: what the handler holds a pointer to */
    struct p2p_requests *home;
    struct p2p_held_request *next, *prev;
    int32_t stream;
    enum p2p_held_state state;
    bool received_all;
    bool deferred;         /* nghttp2 waits for resume_data */
    bool writable_due;     /* the stream's buffer ran empty */
    unsigned early_status; /* 0, or why it will be refused once its headers are here */
    size_t field_at[P2P_HELD_FIELD_COUNT]; /* in text; 0: absent */
    struct p2p_buffer text; /* a zero byte, then the fields, each zero-terminated */
    struct p2p_buffer body;
    struct p2p_buffer out;  /* of the answer, not yet handed to nghttp2 */
    size_t discarded_bytes; /* received after it was answered */
    uint64_t begun_ms, moved_ms;
};

static inline struct p2p_held_request *p2p_held(struct p2p_request *request)
{
    return (struct p2p_held_request *)request;
}

static inline const struct p2p_held_request *p2p_held_const(const struct p2p_request *request)
{
    return (const struct p2p_held_request *)request;
}

/* Bytes of an answer that wait to be handed to nghttp2, and those that do not any more. */
static inline void p2p_held_waits(struct p2p_held_request *held, size_t bytes)
{
    held->home->backlog_bytes += bytes;
    held->home->desk->counts.unread_bytes += held->home->via_unix ? 0 : bytes;
}

static inline void p2p_held_waits_no_more(struct p2p_held_request *held, size_t bytes)
{
    held->home->backlog_bytes -= bytes;
    held->home->desk->counts.unread_bytes -= held->home->via_unix ? 0 : bytes;
}

/* Takes the answer's bytes off the connection's backlog and forgets them. */
void p2p_held_drop_out(struct p2p_held_request *held);
/* Ends the stream with an HTTP/2 code; the handler is owed nothing afterwards. */
void p2p_held_reset(struct p2p_held_request *held, uint32_t code);
/* Ends the stream; on_cancel follows at the next settle. */
void p2p_held_cancel(struct p2p_held_request *held, uint32_t code);
/* Ends a stream after what was written; the handler is owed nothing afterwards. */
void p2p_held_finish(struct p2p_held_request *held);
/* Answers with problem+json whatever state led here: only for ARRIVING and ASKED. */
enum p2p_err p2p_held_problem(struct p2p_held_request *held, unsigned status, const char *code,
                              const char *text, const char *hint);

#endif
