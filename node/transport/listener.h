/* A listener: a bound TCP or Unix socket that hands each connection to its owner.
 *
 * When there is no memory to accept with, the connection waits in the kernel and is tried again
 * at each tick. The owner embeds the struct and frees it in `closed`. Loop thread only. */
#ifndef P2P_TRANSPORT_LISTENER_H
#define P2P_TRANSPORT_LISTENER_H

#include "net_private.h"

struct p2p_listener {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    struct p2p_net *net;
    void *owner;
    /* Makes a connection and p2p_conn_accept()s it. P2P_NOMEM: nothing was accepted. */
    enum p2p_err (*incoming)(struct p2p_listener *listener);
    void (*closed)(struct p2p_listener *listener);
    struct p2p_listener *next, *prev; /* in the net's list */
    uint32_t connections;
    bool stalled; /* a connection waits for memory */
    bool bound;   /* it has to be closed */
    bool closing;
    char address[P2P_REMOTE_BYTES];
    char path[108]; /* of a Unix socket, to be removed again */
};

/* owner, incoming and closed are set by the caller beforehand; the rest is zero. When these
 * fail, bound says whether p2p_listener_close is still due. Errors: as p2p_links_listen,
 * listen_unix. */
P2P_MUST_CHECK enum p2p_err p2p_listener_open_tcp(struct p2p_listener *listener,
                                                  struct p2p_net *net, const char *address,
                                                  char message[P2P_NET_MESSAGE_BYTES]);
P2P_MUST_CHECK enum p2p_err p2p_listener_open_unix(struct p2p_listener *listener,
                                                   struct p2p_net *net, const char *path,
                                                   char message[P2P_NET_MESSAGE_BYTES]);
/* Idempotent; `closed` comes from the loop. False: it was never bound, `closed` does not come.
 */
bool p2p_listener_close(struct p2p_listener *listener);
/* Tries again what waits for memory. */
void p2p_listener_tick(struct p2p_listener *listener);

#endif
