/* Keys: a distinct type for each purpose, so that they cannot be swapped by accident.
 *
 * A purpose is one of: charter log, root, feed, witness, transport, issuer (Ed25519, RFC 8032)
 * and sealing (X25519, RFC 7748); and circle, a shared secret whose public half is the hash
 * that the charter holds of it (token.h). All Ed25519 purposes share one representation inside
 * a struct of their own. A secret is a 32-byte seed plus its public key; whoever holds one
 * wipes it. Public keys are checked at admission: canonical encoding, on the prime-order
 * subgroup. Verdicts on signatures are those of libsodium's crypto_sign_verify_detached.
 * Nothing here draws randomness: seeds come in. */
#ifndef P2P_KEY_H
#define P2P_KEY_H

#include <p2p/base.h>

#define P2P_SEED_BYTES      32u
#define P2P_PUBLIC_BYTES    32u
#define P2P_SIGNATURE_BYTES 64u

/* X(name, file word, id): id is the purpose byte inside key files. */
#define P2P_KEY_PURPOSE_MAP(X)                                                                 \
    X(CHARTER, "charter", 1)                                                                   \
    X(ROOT, "root", 2)                                                                         \
    X(FEED, "feed", 3)                                                                         \
    X(WITNESS, "witness", 4)                                                                   \
    X(TRANSPORT, "transport", 5)                                                               \
    X(ISSUER, "issuer", 6)                                                                     \
    X(SEALING, "sealing", 7)                                                                   \
    X(CIRCLE, "circle", 8)

enum p2p_key_purpose {
#define P2P_KEY_ENUM(name, word, id) P2P_KEY_##name = (id),
    P2P_KEY_PURPOSE_MAP(P2P_KEY_ENUM)
#undef P2P_KEY_ENUM
};
const char *p2p_key_purpose_word(enum p2p_key_purpose purpose);

struct p2p_signature {
    uint8_t bytes[P2P_SIGNATURE_BYTES];
};

#define P2P_KEY_TYPES(noun)                                                                    \
    struct p2p_##noun##_public {                                                               \
        uint8_t bytes[P2P_PUBLIC_BYTES];                                                       \
    };                                                                                         \
    struct p2p_##noun##_secret {                                                               \
        uint8_t seed[P2P_SEED_BYTES];                                                          \
        struct p2p_##noun##_public public_key;                                                 \
    };                                                                                         \
    /* Derives the pair from a seed; the caller wipes both. */                                 \
    void p2p_##noun##_secret_init(struct p2p_##noun##_secret *secret,                          \
                                  const uint8_t seed[P2P_SEED_BYTES]);                         \
    void p2p_##noun##_secret_deinit(struct p2p_##noun##_secret *secret);                       \
    /* P2P_BADKEY unless canonical and of prime order (X25519: not a low-order point). */      \
    P2P_MUST_CHECK enum p2p_err p2p_##noun##_public_check(                                     \
        const struct p2p_##noun##_public *key);

P2P_KEY_TYPES(charter)
P2P_KEY_TYPES(root)
P2P_KEY_TYPES(feed)
P2P_KEY_TYPES(witness)
P2P_KEY_TYPES(transport)
P2P_KEY_TYPES(issuer)
P2P_KEY_TYPES(sealing)

/* The check of every Ed25519 purpose, where only the purpose's number or a vkey is at hand. */
P2P_MUST_CHECK enum p2p_err p2p_ed25519_check(const uint8_t public_key[P2P_PUBLIC_BYTES]);
/* The public key of a seed under a purpose known at run time: key files. */
void p2p_key_derive(enum p2p_key_purpose purpose, const uint8_t seed[P2P_SEED_BYTES],
                    uint8_t public_key[P2P_PUBLIC_BYTES]);

/* Must be called once before anything else in crypto/; P2P_IO when libsodium cannot start. */
P2P_MUST_CHECK enum p2p_err p2p_crypto_init(void);
/* Overwrites secrets in a way the compiler keeps. */
void p2p_wipe(void *data, size_t n);
/* Constant time. */
bool p2p_secret_equal(const void *a, const void *b, size_t n);

#endif
