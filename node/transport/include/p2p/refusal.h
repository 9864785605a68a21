/* Why the network layer refused someone: the enum, its names and its sentences, in one table.
 *
 * Each connection that is turned away and each limit that is hit yields exactly one refusal: a
 * reason, who it was, and a sentence with the particulars. "Connected and nothing happens" must
 * be impossible, so nothing is dropped without one. The names are labels in metrics and logs
 * and stay as they are. Text that came from a peer is escaped and cut before it gets here. */
#ifndef P2P_REFUSAL_H
#define P2P_REFUSAL_H

#include <p2p/base.h>

/* X(enum, label, sentence) */
#define P2P_REFUSAL_MAP(X)                                                                     \
    X(UNPINNED, "unpinned", "the certificate's key is not in the charter")                     \
    X(WRONG_MEMBER, "wrong_member", "the certificate's key is another member's")               \
    X(NO_CERTIFICATE, "no_certificate", "no usable Ed25519 certificate was presented")         \
    X(PEER_CREDENTIALS, "peer_credentials", "the socket's user is neither ours nor root")      \
    X(TLS_VERSION, "tls_version", "only TLS 1.3 is spoken here")                               \
    X(ALPN, "alpn", "HTTP/2 was not negotiated (ALPN h2)")                                     \
    X(HTTP1, "http1", "only HTTP/2 is spoken here")                                            \
    X(NOT_TLS, "not_tls", "the first bytes are not TLS")                                       \
    X(TLS_FAILED, "tls_failed", "the TLS handshake or record layer failed")                    \
    X(KEY_UPDATE_FLOOD, "key_update_flood", "too many TLS key updates")                        \
    X(HANDSHAKE_TIMEOUT, "handshake_timeout", "the handshake took too long")                   \
    X(TOO_MANY_HANDSHAKES, "too_many_handshakes", "too many unfinished handshakes")            \
    X(TOO_MANY_FROM_ADDRESS, "too_many_from_address",                                          \
      "too many unfinished handshakes from this address")                                      \
    X(TOO_MANY_CONNECTIONS, "too_many_connections", "the listener is full")                    \
    X(ACCEPT_FAILED, "accept_failed", "the connection could not be accepted")                  \
    X(PING_FLOOD, "ping_flood", "too many PING frames")                                        \
    X(SETTINGS_FLOOD, "settings_flood", "too many SETTINGS frames")                            \
    X(USELESS_FRAMES, "useless_frames", "too many frames that carry nothing")                  \
    X(RESET_FLOOD, "reset_flood", "too many RST_STREAM frames")                                \
    X(HEADER_FLOOD, "header_flood", "a header block that is too long or in too many frames")   \
    X(HEADER_TIMEOUT, "header_timeout", "a header block or frame that took too long")          \
    X(UNREAD_ANSWERS, "unread_answers", "too many answers that were never read")               \
    X(PROTOCOL_ERROR, "protocol_error", "a violation of HTTP/2")                               \
    X(PING_TIMEOUT, "ping_timeout", "two PINGs were not answered")                             \
    X(NO_PROGRESS, "no_progress", "a request or answer that did not move on")                  \
    X(BODY_TOO_LARGE, "body_too_large", "a request body larger than the bound")                \
    X(BODIES_FULL, "bodies_full", "too many request bodies held at once")                      \
    X(BAD_REQUEST, "bad_request", "a request out of bounds or out of place")                   \
    X(BACKLOG, "backlog", "too many bytes of answers not yet read")                            \
    X(SLOW_READER, "slow_reader", "events were read too slowly")                               \
    X(NO_MEMORY, "no_memory", "no memory for this connection")

enum p2p_refusal {
#define P2P_REFUSAL_ENUM(name, label, text) P2P_REFUSAL_##name,
    P2P_REFUSAL_MAP(P2P_REFUSAL_ENUM)
#undef P2P_REFUSAL_ENUM
        P2P_REFUSAL_COUNT
};

/* The label, e.g. "ping_flood"; static storage. */
const char *p2p_refusal_name(enum p2p_refusal reason);
/* The sentence of P2P_REFUSAL_MAP; static storage. */
const char *p2p_refusal_text(enum p2p_refusal reason);

#endif
