/* TLS identities: who a node is towards peers, and towards people.
 *
 * Peers: a self-signed Ed25519 certificate that is a pure function of the transport key's seed.
 * Both sides present one, chain building is replaced by one comparison of the raw 32-byte
 * public key with the charter (link.h), so names and dates in it mean nothing. People: ECDSA
 * P-256 from people.crt and people.key, because browsers refuse Ed25519 servers; a client may
 * show a P-256 certificate of its own, self-signed, and proves in the handshake that it has its
 * key. Whose it is stands in an extension that this layer hands on unread: the voucher, by
 * which an issuer says that the key is its own (p2p/party.h). Either way TLS 1.3 only, ALPN
 * "h2" only, no session tickets, no resumption, no early data.
 *
 * An identity is reference-counted underneath: it may be freed while connections made from it
 * still live. Any thread may make one; it is used on the loop's thread. */
#ifndef P2P_TLS_H
#define P2P_TLS_H

#include <p2p/hash.h>
#include <p2p/net.h>

#define P2P_TLS_KEY_BYTES 32u
#define P2P_TLS_PEM_BYTES 4096u

struct p2p_tls;

/* seed: the transport key's, borrowed; the caller wipes it. Serves to dial and to accept.
 * Errors: P2P_NOMEM, P2P_IO (OpenSSL refused; message says why). */
P2P_MUST_CHECK enum p2p_err p2p_tls_open_peer(const uint8_t seed[P2P_TLS_KEY_BYTES],
                                              struct p2p_tls **out_tls,
                                              char message[P2P_NET_MESSAGE_BYTES]);
/* Reads a PEM certificate (chain) and its key.
 * Errors: P2P_NOTFOUND (no such file), P2P_BADKEY (not ECDSA P-256, or they do not belong
 * together), P2P_MALFORMED, P2P_IO; message names the file and what to do. */
P2P_MUST_CHECK enum p2p_err p2p_tls_open_people(const char *certificate_path,
                                                const char *key_path, struct p2p_tls **out_tls,
                                                char message[P2P_NET_MESSAGE_BYTES]);
void p2p_tls_free(struct p2p_tls *tls); /* accepts NULL */

/* A self-signed ECDSA P-256 certificate for people.crt and people.key. */
struct p2p_people_request {
    const char *common_name;   /* e.g. "beanr node" */
    const char *const *hosts;  /* subject alternative names: DNS names and IP addresses */
    size_t host_count;         /* at most 16 */
    int64_t not_before_unix_s; /* browsers accept at most 825 days */
    int64_t valid_s;
};
struct p2p_people_pem {
    char certificate[P2P_TLS_PEM_BYTES]; /* zero-terminated PEM text: people.crt */
    char key[P2P_TLS_PEM_BYTES];         /* secret: write with mode 0600, then p2p_wipe */
};
/* Draws the key from OpenSSL's random generator. Errors: P2P_USAGE (a host that is neither a
 * name nor an address), P2P_NOMEM, P2P_IO; pem is untouched then. */
P2P_MUST_CHECK enum p2p_err p2p_tls_make_people(const struct p2p_people_request *request,
                                                struct p2p_people_pem *out_pem,
                                                char message[P2P_NET_MESSAGE_BYTES]);

/* The extension (RFC 5280 section 4.2), an OCTET STRING; the arc is that of a UUID (X.667). */
#define P2P_TLS_VOUCHER_OID       "2.25.333766301238986585904957401058324776600"
#define P2P_TLS_VOUCHER_BYTES_MAX 120u

/* What a client has shown and proven. */
struct p2p_tls_party {
    struct p2p_hash spki; /* SHA-256 of the key's SubjectPublicKeyInfo, DER: RFC 7469's pin */
    uint8_t voucher[P2P_TLS_VOUCHER_BYTES_MAX];
    size_t voucher_len; /* 0: none, or none that is well-formed */
    int64_t not_before_unix_s, not_after_unix_s;
};

/* A self-signed P-256 certificate for a client. */
struct p2p_tls_party_request {
    const char *common_name; /* for people; nothing rests on it */
    int64_t not_before_unix_s;
    int64_t valid_s;
    /* Vouches for the new key: writes into voucher, sets *len. */
    void (*vouch)(void *user, const struct p2p_hash *spki,
                  uint8_t voucher[P2P_TLS_VOUCHER_BYTES_MAX], size_t *len);
    void *user;
};
/* Errors: P2P_NOMEM, P2P_IO; pem is untouched then. */
P2P_MUST_CHECK enum p2p_err p2p_tls_make_party(const struct p2p_tls_party_request *request,
                                               struct p2p_people_pem *out_pem,
                                               char message[P2P_NET_MESSAGE_BYTES]);
/* Reads a PEM certificate as a server would. P2P_MALFORMED, P2P_BADKEY (no P-256 key). */
P2P_MUST_CHECK enum p2p_err p2p_tls_read_party(struct p2p_slice pem, struct p2p_tls_party *out);

#endif
