/* What a TLS identity (tls.h) is inside: one OpenSSL context for each role it can play.
 *
 * The roles differ in who must show a certificate and which signatures count:
 *   PEER_ACCEPT  our Ed25519 certificate; the client must show one, judged by its raw key
 *   PEER_DIAL    the same certificate as a client; the server's is judged by its raw key
 *   PEOPLE       our P-256 certificate; the client shows none
 * A connection takes what it needs from the context when its SSL object is made. */
#ifndef P2P_TRANSPORT_TLS_IDENTITY_H
#define P2P_TRANSPORT_TLS_IDENTITY_H

#include <openssl/ssl.h>

#include <p2p/refusal.h>
#include <p2p/tls.h>

struct p2p_tls {
    SSL_CTX *accept; /* PEER_ACCEPT or PEOPLE */
    SSL_CTX *dial;   /* PEER_DIAL, or NULL */
};

/* The judge of one connection's certificate, found through the SSL object's app data. */
struct p2p_tls_judge {
    uint32_t (*pin)(void *user, const uint8_t key[P2P_TLS_KEY_BYTES]);
    void *user;
    uint32_t expected; /* 0: whoever the charter knows */
    uint32_t member;   /* [out] proven once the handshake is complete; 0 before and otherwise */
    uint8_t key[P2P_TLS_KEY_BYTES]; /* [out] */
    bool refused;                   /* [out] */
    enum p2p_refusal reason;        /* [out] when refused */
};

#endif
