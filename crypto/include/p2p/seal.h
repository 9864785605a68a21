/* Sealing: payloads at rest, and small secrets for one member.
 *
 * At rest: XChaCha20-Poly1305 under a wrapping key, bound to the payload's place (feed, index).
 * For a member: an X25519 sealed box whose ephemeral seed the caller brings; the key is
 * BLAKE2b-256(shared point || ephemeral public || recipient public) and the AEAD
 * XChaCha20-Poly1305 with a zero nonce, since each key is used once, bound to what the box is
 * for. Outputs are all or nothing. */
#ifndef P2P_SEAL_H
#define P2P_SEAL_H

#include <p2p/key.h>

#define P2P_WRAP_KEY_BYTES      32u
#define P2P_SEAL_NONCE_BYTES    24u
#define P2P_SEAL_OVERHEAD_BYTES (P2P_SEAL_NONCE_BYTES + 16u)
#define P2P_BOX_OVERHEAD_BYTES  (32u + 16u)

struct p2p_wrap_key {
    uint8_t bytes[P2P_WRAP_KEY_BYTES];
};

/* out has plain.len + P2P_SEAL_OVERHEAD_BYTES bytes: nonce, ciphertext, tag. */
void p2p_seal(uint8_t *out, struct p2p_slice plain, struct p2p_slice bound_to,
              const uint8_t nonce[P2P_SEAL_NONCE_BYTES], const struct p2p_wrap_key *key);
/* out has sealed.len - P2P_SEAL_OVERHEAD_BYTES bytes, untouched or zeroed when refused;
 * P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_unseal(uint8_t *out, struct p2p_slice sealed,
                                       struct p2p_slice bound_to,
                                       const struct p2p_wrap_key *key);

/* out has plain.len + P2P_BOX_OVERHEAD_BYTES bytes: ephemeral public key, ciphertext, tag.
 * P2P_BADKEY when the recipient's key is a low-order point. */
P2P_MUST_CHECK enum p2p_err p2p_box_seal(uint8_t *out, struct p2p_slice plain,
                                         struct p2p_slice bound_to,
                                         const struct p2p_sealing_public *to,
                                         const uint8_t ephemeral_seed[P2P_SEED_BYTES]);
/* out has boxed.len - P2P_BOX_OVERHEAD_BYTES bytes, untouched or zeroed when refused.
 * P2P_CORRUPT: not for this key or this purpose, or altered; P2P_BADKEY: its ephemeral key is
 * of low order. */
P2P_MUST_CHECK enum p2p_err p2p_box_open(uint8_t *out, struct p2p_slice boxed,
                                         struct p2p_slice bound_to,
                                         const struct p2p_sealing_secret *key);

#endif
