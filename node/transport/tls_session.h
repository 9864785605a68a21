/* A TLS session: ciphertext in, plaintext out, and the other way round; it sees no socket.
 *
 * OpenSSL reads from a slice that feed() lends it and writes into the loop's one shared output
 * buffer (struct p2p_tls_wire), through a BIO of our own: no copy, and nothing kept per
 * connection. So the caller empties the wire after each call here, before it touches another
 * session. The error queue is per thread, not per connection, and is cleared before each call
 * into OpenSSL. Without network or clock; one thread. */
#ifndef P2P_TRANSPORT_TLS_SESSION_H
#define P2P_TRANSPORT_TLS_SESSION_H

#include "tls_identity.h"

/* Room for the records of one coalesced write, with their overhead, and a handshake flight. */
#define P2P_TLS_WIRE_BYTES (128u * 1024u)

struct p2p_tls_wire {
    BIO_METHOD *method;
    uint8_t *out; /* P2P_TLS_WIRE_BYTES, the net's */
    size_t out_len;
};
/* out: borrowed until deinit. */
P2P_MUST_CHECK enum p2p_err p2p_tls_wire_init(struct p2p_tls_wire *wire, uint8_t *out);
void p2p_tls_wire_deinit(struct p2p_tls_wire *wire);

enum p2p_tls_step {
    P2P_TLS_STEP_MORE,   /* needs more bytes from the other side */
    P2P_TLS_STEP_OPEN,   /* the handshake is complete; returned once */
    P2P_TLS_STEP_DATA,   /* plaintext was read */
    P2P_TLS_STEP_END,    /* close_notify: the other side sends no more */
    P2P_TLS_STEP_FAILED, /* see the failure; only output, shutdown and free are left */
};

struct p2p_tls_session {
    SSL *ssl;
    struct p2p_tls_wire *wire;
    struct p2p_slice in; /* what feed() lent and OpenSSL has not read yet */
    struct p2p_tls_judge *judge;
    bool open;
    unsigned key_updates;
    struct {
        enum p2p_refusal reason;
        bool by_other; /* the other side sent a fatal alert */
        char text[128];
    } failure;
};

/* ctx: counted underneath; wire, judge: borrowed until free (judge may be NULL for people).
 * Errors: P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_tls_session_init(struct p2p_tls_session *session, SSL_CTX *ctx,
                                                 bool dials, struct p2p_tls_wire *wire,
                                                 struct p2p_tls_judge *judge);
void p2p_tls_session_deinit(struct p2p_tls_session *session);

/* Lends ciphertext; call read until it says MORE, END or FAILED before the slice dies. */
void p2p_tls_session_feed(struct p2p_tls_session *session, struct p2p_slice ciphertext);
/* Goes on with the handshake, or reads up to cap bytes of plaintext. */
enum p2p_tls_step p2p_tls_session_read(struct p2p_tls_session *session, uint8_t *plaintext,
                                       size_t cap, size_t *out_len);
/* Once it is open: who the other side's certificate says it is; false when it showed none. */
bool p2p_tls_session_party(const struct p2p_tls_session *session, struct p2p_tls_party *out);
/* Encrypts at most P2P_STREAM_BUFFER_BYTES onto the wire. P2P_IO: the session failed. */
P2P_MUST_CHECK enum p2p_err p2p_tls_session_write(struct p2p_tls_session *session,
                                                  const uint8_t *plaintext, size_t len);
/* Puts close_notify on the wire, if the session is in a state for it. */
void p2p_tls_session_shutdown(struct p2p_tls_session *session);

#endif
