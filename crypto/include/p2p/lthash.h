/* LtHash16: an incremental digest of a set (Bellare and Micciancio 1997; Lewi, Kim, Maykov,
 * Weis, "Securing Update Propagation with Homomorphic Hashing", 2019).
 *
 * 1,024 lanes of 16 bits. Each element is expanded to 2,048 bytes: BLAKE2b-256 of the element
 * keys the ChaCha20 stream (nonce zero). Adding is lane-wise addition mod 2^16, removing
 * subtraction, so the digest does not depend on order and a view can keep it up to date. */
#ifndef P2P_LTHASH_H
#define P2P_LTHASH_H

#include <p2p/base.h>

#define P2P_LTHASH_LANES 1024u

struct p2p_lthash {
    uint16_t lanes[P2P_LTHASH_LANES];
};

/* The empty set. An element is any bytes. That one is added twice, or removed without having
 * been there, is not noticed: whoever keeps the set knows what is in it. */
void p2p_lthash_init(struct p2p_lthash *set);
void p2p_lthash_add(struct p2p_lthash *set, struct p2p_slice element);
void p2p_lthash_remove(struct p2p_lthash *set, struct p2p_slice element);
/* SHA-256 of the lanes, big-endian. */
struct p2p_hash p2p_lthash_digest(const struct p2p_lthash *set);
/* 2,048 bytes, lanes big-endian. */
void p2p_lthash_encode(const struct p2p_lthash *set, uint8_t out[2 * P2P_LTHASH_LANES]);
void p2p_lthash_decode(struct p2p_lthash *set, const uint8_t in[2 * P2P_LTHASH_LANES]);

#endif
