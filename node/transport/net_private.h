/* The inside of a net (net.h): what streams, connections and listeners share.
 *
 * Four buffers serve all connections, because each is filled and emptied within one call: what
 * a socket gave, what TLS decrypted from it, the frames of one coalesced write, and what TLS
 * made of those. Connections that have something to send or to end are marked *dirty* and
 * visited once per turn of the loop, in the prepare phase just before it waits: nothing else
 * writes to a socket or closes one, so no callback of the user can pull the ground away under
 * nghttp2 or OpenSSL.
 *
 *   uv timers, poll (reads, callbacks)  ->  mark dirty  ->  prepare: flush each dirty
 * connection
 *
 * A visit may dirty connections again (a user's link_writable); those wait for the next turn.
 * An idle handle, active while anything is dirty, makes that turn come at once. */
#ifndef P2P_TRANSPORT_NET_PRIVATE_H
#define P2P_TRANSPORT_NET_PRIVATE_H

#include "tls_session.h"

#include <nghttp2/nghttp2.h>
#include <p2p/limits.h>
#include <p2p/net.h>
#include <uv.h>

struct p2p_conn;
struct p2p_listener;

/* Room for "[ipv6]:tcp_port" and for "unix uid 4294967295 pid 4194304". */
#define P2P_REMOTE_BYTES 64u
/* nghttp2 hands out one frame at a time, at most this long. */
#define P2P_FRAME_BYTES_MAX       (P2P_FRAME_HEAD_BYTES_WIRE + 16384u)
#define P2P_FRAME_HEAD_BYTES_WIRE 9u

/* Something to be done in the next flush; embedded in whoever wants it. */
struct p2p_net_due {
    void (*run)(struct p2p_net_due *due); /* may free its owner */
    void *owner;
    struct p2p_net_due *next;
    bool queued;
};

struct p2p_net {
    struct p2p_net_options options;
    const struct p2p_alloc *alloc;
    uv_loop_t *loop;
    uv_prepare_t flusher;
    uv_idle_t again;
    uv_timer_t ticker;
    uint8_t *received;  /* P2P_STREAM_BUFFER_BYTES */
    uint8_t *plaintext; /* P2P_STREAM_BUFFER_BYTES */
    uint8_t *frames;    /* P2P_STREAM_BUFFER_BYTES */
    struct p2p_tls_wire wire;
    uint8_t *wire_bytes; /* P2P_TLS_WIRE_BYTES */
    nghttp2_session_callbacks *h2_callbacks;
    nghttp2_mem h2_mem;             /* options.alloc in nghttp2's words */
    struct p2p_conn *conns;         /* all of them, newest first */
    struct p2p_conn *dirty;         /* those to visit before the loop waits */
    struct p2p_net_due *due;        /* done before it waits */
    struct p2p_listener *listeners; /* all of them */
    struct p2p_conn
        *handshakes[P2P_HANDSHAKES_MAX]; /* the unfinished ones, counts.handshakes */
    unsigned users;   /* links, servers, connections, listeners: net outlives them */
    unsigned handles; /* of flusher, again, ticker: not yet closed */
    bool closing;
    void (*on_closed)(void *user);
    void *closed_user;
    struct p2p_net_counts counts;
};

uint64_t p2p_net_now_ms(const struct p2p_net *net);
/* One more, one less object that needs the net; the last one out lets a closing net go. */
void p2p_net_hold(struct p2p_net *net);
void p2p_net_release(struct p2p_net *net);

/* The next flush comes at once, and even if nothing else keeps the loop alive. */
void p2p_net_flush_soon(struct p2p_net *net);
/* Runs due->run once, from the next flush, which comes even if nothing else happens. */
void p2p_net_defer(struct p2p_net *net, struct p2p_net_due *due);

/* Counts and reports a refusal: "<verb> <remote>: <why>". All text borrowed. */
void p2p_net_refuse(struct p2p_net *net, enum p2p_refusal reason, const char *verb,
                    const char *remote, const char *why);

/* What the ticker does; tests that move the clock call it themselves. */
void p2p_net_tick(struct p2p_net *net);

/* "ip:tcp_port" or "[ip]:tcp_port" into a socket address, and back. P2P_USAGE: not one. */
P2P_MUST_CHECK enum p2p_err p2p_address_parse(const char *text, struct sockaddr_storage *out);
/* An IP address without tcp_port (0 then). */
P2P_MUST_CHECK enum p2p_err p2p_address_parse_ip(const char *text,
                                                 struct sockaddr_storage *out);
void p2p_address_text(const struct sockaddr_storage *address, char text[P2P_REMOTE_BYTES]);
/* The same host: equal IPv4 addresses, or IPv6 addresses of one /64. */
bool p2p_address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* Text of strangers, made fit for a log line: printable ASCII only, cut to cap. */
void p2p_text_clean(char *out, size_t cap, const void *text, size_t len);

#endif
