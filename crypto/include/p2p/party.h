/* A party's TLS key, vouched for by its issuer key: what makes a client certificate an
 * issuer's.
 *
 * A party signs records with its issuer key, which the charter names and which lies nowhere but
 * with the party. To speak to a node it makes a P-256 key for TLS, and the issuer key signs,
 * once, that this key speaks for that issuer until a time. The binding travels in the
 * certificate (tls.h), so a node learns it in the handshake, in which the client proves that it
 * has the TLS key; nothing has to be entered anywhere, and there is no secret that a node could
 * lose. Whoever steals the TLS key may ask in the issuer's name until the binding ends, or
 * until the charter names another issuer key; it can sign nothing.
 *
 *   binding   version u8 (1) || length of the name u8 || name || until u64 || signature 64
 *   signed    port2port/v1/party NUL, 16-bit length, origin of the charter's feed; then
 *             length of the name u8 || name || until u64 || SHA-256 of the key's
 *             SubjectPublicKeyInfo (RFC 5280), DER
 *
 * `until` is POSIX seconds. No I/O, no clock: the caller compares it. */
#ifndef P2P_PARTY_H
#define P2P_PARTY_H

#include <p2p/hash.h>
#include <p2p/sigs.h>

#define P2P_PARTY_NAME_BYTES_MAX    32u
#define P2P_PARTY_BINDING_BYTES_MAX (2u + P2P_PARTY_NAME_BYTES_MAX + 8u + P2P_SIGNATURE_BYTES)

struct p2p_party_binding {
    char issuer[P2P_PARTY_NAME_BYTES_MAX + 1];
    uint64_t until_s;
    struct p2p_signature signature;
};

/* Signs for an issuer whose name is set in binding, as is until_s. origin: of the charter's
 * feed, e.g. `sandbox.example/charter/1`; spki: the hash of the TLS key's SubjectPublicKeyInfo.
 */
void p2p_party_sign(struct p2p_party_binding *binding, const struct p2p_sigs *sigs,
                    const struct p2p_issuer_secret *secret, struct p2p_slice origin,
                    const struct p2p_hash *spki);
/* P2P_BADSIG: not by this key, or of another federation, issuer, time or TLS key. */
P2P_MUST_CHECK enum p2p_err p2p_party_verify(const struct p2p_party_binding *binding,
                                             const struct p2p_sigs *sigs,
                                             const struct p2p_issuer_public *key,
                                             struct p2p_slice origin,
                                             const struct p2p_hash *spki);

/* Writes at most P2P_PARTY_BINDING_BYTES_MAX; returns the length. */
size_t p2p_party_encode(const struct p2p_party_binding *binding,
                        uint8_t out[P2P_PARTY_BINDING_BYTES_MAX]);
/* P2P_MALFORMED: another version, an empty name or one with other characters than [a-z0-9-],
 * bytes missing or left over; out is untouched then. Nothing is verified. */
P2P_MUST_CHECK enum p2p_err p2p_party_decode(struct p2p_party_binding *out,
                                             struct p2p_slice bytes);

#endif
