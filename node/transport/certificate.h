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
/* The reason of OpenSSL's latest error, for a message; never NULL. */
const char *p2p_openssl_reason(void);

#endif
