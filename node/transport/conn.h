/* A connection: a stream, HTTP/2 on it, and the clock over both. Servers and links are made of
 * these.
 *
 * Its states, and what is true in each:
 *
 *   STARTING   connecting, TLS, first SETTINGS; when accepted over TCP it counts as an
 * unfinished handshake; ends after P2P_HANDSHAKE_MS_MAX OPEN       admitted by its owner
 * (p2p_conn_admit) DRAINING   the owner finishes what is under way; ends after P2P_DRAIN_MS_MAX
 *   LINGERING  the last word was written and FIN sent; what arrives is thrown away, until the
 * other side's FIN or P2P_LINGER_MS_MAX CLOSING    uv_close was called
 *
 *   STARTING -> OPEN       p2p_conn_admit          OPEN -> DRAINING       p2p_conn_drain
 *   any -> LINGERING       flush, after p2p_conn_end or p2p_conn_refuse
 *   any -> CLOSING         flush, when the socket ended, or there is no last word to say
 *
 * Asking for an end only notes it: it is carried out in the net's flush, so that no callback
 * frees what is on the stack above it. The owner embeds the struct and frees it in `closed`. */
#ifndef P2P_TRANSPORT_CONN_H
#define P2P_TRANSPORT_CONN_H

#include "h2.h"
#include "net_private.h"
#include "stream.h"

#include <p2p/link.h>

struct p2p_conn;

enum p2p_conn_state {
    P2P_CONN_STARTING,
    P2P_CONN_OPEN,
    P2P_CONN_DRAINING,
    P2P_CONN_LINGERING,
    P2P_CONN_CLOSING,
};

/* What the owner does. h2's wake, pong and goaway are those declared below; the rest may be
 * NULL. */
struct p2p_conn_user {
    struct p2p_h2_user h2;
    void (*opened)(struct p2p_conn *conn); /* there is a session now; a client asks */
    void (*before_frames)(struct p2p_conn *conn, uint64_t now_ms);
    void (*after_frames)(struct p2p_conn *conn);
    void (*tick)(struct p2p_conn *conn, uint64_t now_ms);
    void (*ended)(struct p2p_conn *conn);  /* see end and text; no frame is made any more */
    void (*closed)(struct p2p_conn *conn); /* free it */
};

struct p2p_conn_options {
    const struct p2p_conn_user *user; /* borrowed */
    void *owner;                      /* the server or links it belongs to */
    struct p2p_listener *listener;    /* NULL: dials */
    SSL_CTX *tls;                     /* NULL: plain, on a Unix socket */
    struct p2p_tls_judge *judge;      /* borrowed; NULL: no certificate is judged */
    bool consume_by_hand;
    uint32_t window_bytes;
    uint32_t streams_max;
};

struct p2p_conn {
    struct p2p_stream stream;
    struct p2p_h2 h2; /* meaningful once h2_made */
    struct p2p_net *net;
    struct p2p_conn_options options;
    struct p2p_conn *next, *prev; /* in the net's list */
    struct p2p_conn *dirty_next;
    enum p2p_conn_state state;
    size_t handshake_index; /* in the net's table, while handshake_counted */
    bool handshake_counted, listener_counted, h2_made, dirty, ended_told;
    bool end_due;     /* end, text and code say how */
    bool end_silent;  /* without a last word */
    bool http1_reply; /* the last word is an answer in HTTP/1.1 */
    enum p2p_link_end end;
    uint32_t code; /* of the last GOAWAY */
    char text[192];
    char farewell[P2P_LINK_REASON_BYTES + 1]; /* of the other side's latest GOAWAY, cleaned */
    uint32_t farewell_code;
    uint64_t begun_ms, ping_due_ms, drain_until_ms, linger_until_ms;
    unsigned ping_misses;
};

/* Prepares a connection of a net; nothing has to be closed when this fails. */
P2P_MUST_CHECK enum p2p_err p2p_conn_init(struct p2p_conn *conn, struct p2p_net *net,
                                          const struct p2p_conn_options *options);
/* Takes a connection from the listener; whoever is not admitted is refused and closed. */
void p2p_conn_accept(struct p2p_conn *conn);
/* P2P_IO: why says so, and the connection closes by itself. */
P2P_MUST_CHECK enum p2p_err p2p_conn_connect(struct p2p_conn *conn,
                                             const struct sockaddr_storage *to,
                                             const struct sockaddr_storage *from,
                                             const char **out_why);

/* The handshake is over. */
void p2p_conn_admit(struct p2p_conn *conn);
/* Starts the time for a graceful end; what is said meanwhile is the owner's business. */
void p2p_conn_drain(struct p2p_conn *conn);
/* Ends it, with a GOAWAY of code and text if that can still be said. The first end counts. */
void p2p_conn_end(struct p2p_conn *conn, enum p2p_link_end end, uint32_t code,
                  const char *text);
/* Ends it without a word. */
void p2p_conn_abort(struct p2p_conn *conn, enum p2p_link_end end, const char *text);
/* Counts and reports a refusal, then ends it. */
void p2p_conn_refuse(struct p2p_conn *conn, enum p2p_refusal reason, const char *why);
/* True until its end was asked for. */
bool p2p_conn_lives(const struct p2p_conn *conn);

/* There is something to do in the next flush. */
void p2p_conn_wake(struct p2p_conn *conn);
struct p2p_conn *p2p_conn_of_h2(struct p2p_h2 *h2);
void p2p_conn_h2_wake(struct p2p_h2 *h2);
void p2p_conn_h2_pong(struct p2p_h2 *h2);
void p2p_conn_h2_goaway(struct p2p_h2 *h2, uint32_t code, struct p2p_slice text);

/* Called by the net. */
void p2p_conn_flush(struct p2p_conn *conn);
void p2p_conn_tick(struct p2p_conn *conn, uint64_t now_ms);

#endif
