/* Certificates: the X.509 shells around our keys.
 *
 * A peer certificate is a pure function of the 32-byte seed: serial 1, valid for all time,
 * signed by itself with Ed25519 (RFC 8410), because only its raw public key is ever looked at.
 * The people certificate is made in tls.h's words. Nothing here touches a file or a socket. */
#ifndef P2P_TRANSPORT_CERTIFICATE_H
#define P2P_TRANSPORT_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <p2p/tls.h>

/* Both are the caller's to free. Errors: P2P_NOMEM, P2P_IO (see OpenSSL's error queue). */
P2P_MUST_CHECK enum p2p_err p2p_certificate_of_seed(const uint8_t seed[P2P_TLS_KEY_BYTES],
                                                    X509 **out_certificate, EVP_PKEY **out_key);
/* The raw Ed25519 public key. False, and key untouched, when the certificate holds another
 * kind. */
bool p2p_certificate_key(X509 *certificate, uint8_t key[P2P_TLS_KEY_BYTES]);
bool p2p_key_is_p256(const EVP_PKEY *key);
/* What the certificates of people's servers and of parties have in common; use is the extended
 * key usage, "serverAuth". Not signed yet: more may be added. */
bool p2p_certificate_fill(X509 *certificate, EVP_PKEY *key, const char *common_name,
                          int64_t not_before_unix_s, int64_t valid_s, const char *use);
/* Both as PEM text; out_pem is untouched on failure. */
bool p2p_certificate_pem(X509 *certificate, EVP_PKEY *key, struct p2p_people_pem *out_pem);
/* What a client has shown (party_certificate.c). False, and out untouched, when its key is not
 * P-256. */
bool p2p_certificate_party(X509 *certificate, struct p2p_tls_party *out);
/* The reason of OpenSSL's latest error, for a message; never NULL. */
const char *p2p_openssl_reason(void);

#endif
