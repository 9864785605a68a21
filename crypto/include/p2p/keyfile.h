/* Key files: a seed under XChaCha20-Poly1305, its key derived from a passphrase by Argon2id.
 *
 * One derivation per keys directory (its `kdf` file: salt and cost) opens all key files in it.
 * Both files are text so that a person can see what they hold: a header line, then `name:
 * value` lines.
 *
 *     port2port kdf v1              port2port key v1
 *     algorithm: argon2id13         purpose: issuer
 *     ops: 1                        name: beanr-pso
 *     memory_kib: 8                 public: <base64>
 *     salt: <base64, 16 bytes>      nonce: <base64, 24 bytes>
 *                                   sealed: <base64, seed + 16-byte tag>
 *
 * Purpose, name and public key are authenticated with the seed. Bytes in, bytes out: the caller
 * does the file I/O and brings salt, nonce and seed. Source: RFC 9106;
 * draft-irtf-cfrg-xchacha-03. */
#ifndef P2P_KEYFILE_H
#define P2P_KEYFILE_H

#include <p2p/key.h>

#define P2P_KDF_SALT_BYTES      16u
#define P2P_KEYFILE_NONCE_BYTES 24u
#define P2P_KEYFILE_BYTES_MAX   1024u
#define P2P_KEY_NAME_BYTES_MAX  64u

enum p2p_kdf_cost { P2P_KDF_MIN, P2P_KDF_MODERATE };

struct p2p_kdf {
    uint64_t ops;
    uint64_t memory_kib;
    uint8_t salt[P2P_KDF_SALT_BYTES];
};

/* The key that opens every file of one directory; wiped by its owner. */
struct p2p_unlock_key {
    uint8_t bytes[32];
};

/* MIN: for tests and sandboxes, whose passphrase is empty. salt: fresh for each directory. */
void p2p_kdf_init(struct p2p_kdf *kdf, enum p2p_kdf_cost cost,
                  const uint8_t salt[P2P_KDF_SALT_BYTES]);
/* Terminated text into out; returns its length. */
size_t p2p_kdf_format(const struct p2p_kdf *kdf, char out[P2P_KEYFILE_BYTES_MAX]);
/* P2P_MALFORMED, or P2P_TOOLARGE for a cost above 4 GiB or 64 passes. */
P2P_MUST_CHECK enum p2p_err p2p_kdf_parse(struct p2p_kdf *kdf, struct p2p_slice text);
/* Takes 0.9 s and 256 MiB at MODERATE; P2P_NOMEM. An empty passphrase is legal. */
P2P_MUST_CHECK enum p2p_err p2p_kdf_derive(const struct p2p_kdf *kdf,
                                           struct p2p_slice passphrase,
                                           struct p2p_unlock_key *out);

struct p2p_keyfile {
    enum p2p_key_purpose purpose;
    char name[P2P_KEY_NAME_BYTES_MAX + 1];
    uint8_t public_key[P2P_PUBLIC_BYTES];
    uint8_t nonce[P2P_KEYFILE_NONCE_BYTES];
    uint8_t sealed[P2P_SEED_BYTES + 16];
};

/* 1 to P2P_KEY_NAME_BYTES_MAX bytes of UTF-8 without control bytes. */
bool p2p_keyfile_name_valid(struct p2p_slice name);

/* Seals seed under a valid name (asserted: check a person's input first); derives and stores
 * the public key of its purpose. */
void p2p_keyfile_seal(struct p2p_keyfile *file, enum p2p_key_purpose purpose, const char *name,
                      const uint8_t seed[P2P_SEED_BYTES],
                      const uint8_t nonce[P2P_KEYFILE_NONCE_BYTES],
                      const struct p2p_unlock_key *key);
/* Writes the seed only when everything authenticates and the public key matches:
 * P2P_PASSPHRASE. */
P2P_MUST_CHECK enum p2p_err p2p_keyfile_open(const struct p2p_keyfile *file,
                                             const struct p2p_unlock_key *key,
                                             uint8_t seed[P2P_SEED_BYTES]);
/* Terminated text into out; returns its length. */
size_t p2p_keyfile_format(const struct p2p_keyfile *file, char out[P2P_KEYFILE_BYTES_MAX]);
/* P2P_MALFORMED unless it is exactly what _format writes. */
P2P_MUST_CHECK enum p2p_err p2p_keyfile_parse(struct p2p_keyfile *file, struct p2p_slice text);

#endif
