/* Links: long-lived byte pipes to other members, authenticated both ways.
 *
 * A link is one HTTP/2 stream, `POST /v1/peer`, whose two directions stay open, alone on a
 * TLS 1.3 connection. Whoever dialled is the HTTP/2 client; after link_up both ends look the
 * same. Promises:
 *  - link_up comes only when both sides have judged each other: the acceptor by the client's
 *    certificate, the dialler by the acceptor's answer 200 (a TLS 1.3 client finishes its own
 *    handshake before the server has looked at its certificate);
 *  - bytes arrive in order, exactly as sent; how they are cut into link_bytes calls means
 * nothing;
 *  - the sender may have P2P_LINK_WINDOW_BYTES under way that the receiver has not *consumed*:
 * say so only when the bytes are committed, then a slow disk here slows the sender there;
 *  - exactly one link_down for each link that was dialled or announced by link_up; the pointer
 * is dead when it returns. All callbacks come from the loop, never from inside a call made
 * here.
 *
 *   dial -> (connecting, TLS, 200) -> link_up -> link_bytes / link_writable ... -> link_down
 *   accepted                       -> link_up ...
 *
 * Not done here: retrying, choosing between two links of one pair, framing. One thread: the
 * loop's. The links object owns its listener and its links; the user owns only what `data`
 * points to. */
#ifndef P2P_LINK_H
#define P2P_LINK_H

#include <p2p/base.h>
#include <p2p/limits.h>
#include <p2p/net.h>
#include <p2p/tls.h>

struct p2p_links;
struct p2p_link;

/* X(enum, label, sentence): how a link ended. */
#define P2P_LINK_END_MAP(X)                                                                    \
    X(CLOSED, "closed", "closed by this node")                                                 \
    X(PEER_CLOSED, "peer_closed", "closed by the peer")                                        \
    X(UNREACHABLE, "unreachable", "no connection could be made")                               \
    X(LOST, "lost", "the connection broke")                                                    \
    X(TIMEOUT, "timeout", "no sign of life in time")                                           \
    X(REFUSED_HERE, "refused_here", "this node refused the peer")                              \
    X(REFUSED_THERE, "refused_there", "the peer refused this node")                            \
    X(LIMIT, "limit", "the peer overstepped a limit")                                          \
    X(PROTOCOL, "protocol", "the peer broke the protocol")                                     \
    X(NO_MEMORY, "no_memory", "no memory for this link")

enum p2p_link_end {
#define P2P_LINK_END_ENUM(name, label, text) P2P_LINK_END_##name,
    P2P_LINK_END_MAP(P2P_LINK_END_ENUM)
#undef P2P_LINK_END_ENUM
};
const char *p2p_link_end_name(enum p2p_link_end end); /* the label; static storage */

/* What the user of links provides. All but pin may be NULL. */
struct p2p_links_user {
    /* The member whose transport key this is, by the charter and at this moment; 0: unknown,
     * the connection is refused as "unpinned". Called during the handshake: it must not call
     * back. */
    uint32_t (*pin)(void *user, const uint8_t key[P2P_TLS_KEY_BYTES]);
    void (*link_up)(void *user, struct p2p_link *link, uint32_t member);
    /* data: borrowed for the call, len >= 1; owed to p2p_link_consume sooner or later. */
    void (*link_bytes)(void *user, struct p2p_link *link, const uint8_t *data, size_t len);
    /* The queue fell to P2P_LINK_QUEUE_BYTES_LOW after it had been above, or after a P2P_BUSY.
     */
    void (*link_writable)(void *user, struct p2p_link *link);
    /* text: one sentence with the particulars, borrowed; the link is dead when this returns. */
    void (*link_down)(void *user, struct p2p_link *link, enum p2p_link_end end,
                      const char *text);
    void *user;
};

/* tls: a peer identity, borrowed for the call (counted underneath); user: copied. */
P2P_MUST_CHECK enum p2p_err p2p_links_open(struct p2p_net *net, struct p2p_tls *tls,
                                           const struct p2p_links_user *user,
                                           struct p2p_links **out_links);
/* Drains: stops listening, sends what is queued for at most P2P_DRAIN_MS_MAX, ends every link
 * (each gets its link_down), then frees and calls on_closed (may be NULL). Accepts NULL. */
void p2p_links_close(struct p2p_links *links, void (*on_closed)(void *user), void *user);

/* address: "ip:tcp_port" or "[ipv6]:tcp_port", tcp_port 0 takes a free one. At most one
 * listener. Errors: P2P_USAGE (not an address), P2P_IO (message says why, e.g. in use),
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_links_listen(struct p2p_links *links, const char *address,
                                             char message[P2P_NET_MESSAGE_BYTES]);
/* The bound address as text, e.g. "127.0.0.1:53122"; "" when not listening; lives with links.
 */
const char *p2p_links_address(const struct p2p_links *links);

struct p2p_link_dial {
    const char *address;   /* "ip:tcp_port" */
    const char *dial_from; /* local ip to bind to; NULL: the kernel chooses */
    uint32_t member;       /* who must answer, >= 1; anyone else is refused as "wrong_member" */
    void *data;            /* p2p_link_data from the start */
};
/* Starts to dial; link_up or link_down follows, within P2P_HANDSHAKE_MS_MAX and a tick.
 * Errors: P2P_USAGE (not an address), P2P_IO (dial_from cannot be bound), P2P_NOMEM; no link
 * then. */
P2P_MUST_CHECK enum p2p_err p2p_link_dial(struct p2p_links *links,
                                          const struct p2p_link_dial *dial,
                                          struct p2p_link **out_link,
                                          char message[P2P_NET_MESSAGE_BYTES]);

/* Queues bytes; data is copied. All or nothing; leaves at the end of this turn of the loop.
 * Errors: P2P_BUSY (queued + len is above P2P_LINK_QUEUE_BYTES_MAX: wait for link_writable),
 * P2P_TOOLARGE (len alone is), P2P_USAGE (the link is not up, or ending), P2P_NOMEM (the link
 * is ended as well). */
P2P_MUST_CHECK enum p2p_err p2p_link_send(struct p2p_link *link, const void *data, size_t len);
/* Bytes accepted and not yet handed to the socket layer. */
size_t p2p_link_queued_bytes(const struct p2p_link *link);
/* n more of the bytes given to link_bytes are committed; never more than were given. */
void p2p_link_consume(struct p2p_link *link, size_t n);
/* Ends a link. end and text come back in link_down here; the peer reads text (at most 128
 * bytes) as the reason. CLOSED drains what is queued first; every other end drops it.
 * Idempotent. */
void p2p_link_close(struct p2p_link *link, enum p2p_link_end end, const char *text);

bool p2p_link_is_up(const struct p2p_link *link);         /* between link_up and its end */
bool p2p_link_dialled(const struct p2p_link *link);       /* by us; false: accepted */
const char *p2p_link_remote(const struct p2p_link *link); /* "ip:tcp_port"; lives with link */
void *p2p_link_data(const struct p2p_link *link);
void p2p_link_data_set(struct p2p_link *link, void *data);

struct p2p_link_counts {
    uint64_t socket_bytes_in, socket_bytes_out; /* TLS records and all */
    uint64_t data_bytes_in, data_bytes_out;     /* of link_bytes and link_send */
    uint64_t unconsumed_bytes;                  /* given to link_bytes, not yet consumed */
};
void p2p_link_counts_get(const struct p2p_link *link, struct p2p_link_counts *out_counts);

#endif
