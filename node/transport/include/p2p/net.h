/* The net: what all listeners and connections of one loop share.
 *
 * It holds the loop, the allocator, the clock, the refusal callback, the table of unfinished
 * handshakes and the buffers that writes are coalesced in. Links (link.h) and servers
 * (server.h) are made on a net and closed before it. Everything runs on the loop's one thread,
 * and every callback of this module comes from the loop: never from inside a call that the user
 * makes.
 *
 *   net --- links  --- link ...        peers: TLS 1.3, Ed25519, pinned both ways
 *       \-- server --- request ...     people and the command line: TLS or a Unix socket
 *
 * Outgoing bytes leave once per turn of the loop, just before it waits: many small answers or
 * records become one write. A failed allocation ends the one connection it was for. */
#ifndef P2P_NET_H
#define P2P_NET_H

#include <p2p/alloc.h>
#include <p2p/base.h>
#include <p2p/refusal.h>

/* Room for one plain sentence about what failed, zero-terminated. */
#define P2P_NET_MESSAGE_BYTES 256u

struct uv_loop_s;
struct p2p_net;

struct p2p_net_options {
    struct uv_loop_s *loop;        /* borrowed until the net's close callback */
    const struct p2p_alloc *alloc; /* borrowed; NULL: the default. OpenSSL has its own. */
    /* remote: "127.77.0.3:53122", or "unix uid 1000 pid 4711"; detail: one full sentence that
     * names remote and why, ready for a log line. Both borrowed. May be NULL. */
    void (*on_refusal)(void *user, enum p2p_refusal reason, const char *remote,
                       const char *detail);
    uint64_t (*now_ms)(void *user); /* monotonic; NULL: the loop's time. Tests move it. */
    void *user;
};

struct p2p_net_counts {
    uint64_t refusals[P2P_REFUSAL_COUNT]; /* since the net was made */
    uint64_t bytes_in, bytes_out;         /* on all sockets */
    uint64_t accepted, dialled;           /* connections begun */
    uint32_t connections;                 /* open now, handshakes included */
    uint32_t handshakes;                  /* unfinished now */
};

/* options: copied. Also makes the process ignore SIGPIPE, unless it has a handler. Errors:
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_net_open(const struct p2p_net_options *options,
                                         struct p2p_net **out_net);
/* Closes every connection at once and frees the net; on_closed (may be NULL) comes from the
 * loop when nothing of it is left. Its links and servers must have been closed before: their
 * close callbacks need not have come yet. Accepts NULL (no callback then). */
void p2p_net_close(struct p2p_net *net, void (*on_closed)(void *user), void *user);

void p2p_net_counts_get(const struct p2p_net *net, struct p2p_net_counts *out_counts);

#endif
