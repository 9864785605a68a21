/* SHA-256 as OpenSSL computes it (with the processor's SHA instructions), and the domain
 * separation of everything this project signs or commits to that is not defined by a C2SP text;
 * and BLAKE2b, which stands for signatures in the simulator. */
#ifndef P2P_HASH_H
#define P2P_HASH_H

#include <p2p/base.h>

struct p2p_hash p2p_sha256(struct p2p_slice bytes);
/* SHA-256 over the concatenation of count slices. */
struct p2p_hash p2p_sha256_many(const struct p2p_slice *parts, size_t count);
/* RFC 6962 section 2.1: SHA256(0x00 || record). */
struct p2p_hash p2p_leaf_hash(struct p2p_slice record);
/* RFC 6962 section 2.1: SHA256(0x01 || left || right). */
struct p2p_hash p2p_node_hash(const struct p2p_hash *left, const struct p2p_hash *right);
/* Not in constant time: hashes here are public. */
bool p2p_hash_equal(const struct p2p_hash *a, const struct p2p_hash *b);

#define P2P_BLAKE2B_BYTES         64u
#define P2P_BLAKE2B_KEY_BYTES_MAX 64u

/* BLAKE2b of 64 bytes (RFC 7693), keyed unless the key is empty; at most
 * P2P_BLAKE2B_KEY_BYTES_MAX of it. */
void p2p_blake2b(uint8_t out[P2P_BLAKE2B_BYTES], struct p2p_slice key, struct p2p_slice bytes);

#define P2P_ORIGIN_BYTES_MAX 255u

/* The prefix of signed and committed bytes: "port2port/v1/<use>" NUL, 16-bit length, origin.
 * Uses are listed in replication/WIRE.md. Writes at most P2P_PREFIX_BYTES_MAX; returns the
 * length. */
#define P2P_PREFIX_BYTES_MAX (13u + 32u + 1u + 2u + P2P_ORIGIN_BYTES_MAX)
size_t p2p_use_prefix(uint8_t out[P2P_PREFIX_BYTES_MAX], const char *use,
                      struct p2p_slice origin);

#endif
