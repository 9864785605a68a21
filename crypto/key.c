#include <p2p/key.h>

#include <p2p/assert.h>
#include <p2p/hash.h>
#include <p2p/token.h>

#include <sodium.h>
#include <string.h>

_Static_assert(P2P_SEED_BYTES == crypto_sign_SEEDBYTES, "Ed25519 seed");
_Static_assert(P2P_PUBLIC_BYTES == crypto_sign_PUBLICKEYBYTES, "Ed25519 public key");
_Static_assert(P2P_SIGNATURE_BYTES == crypto_sign_BYTES, "Ed25519 signature");
_Static_assert(P2P_SEED_BYTES == crypto_scalarmult_SCALARBYTES, "X25519 scalar");
_Static_assert(P2P_PUBLIC_BYTES == crypto_scalarmult_BYTES, "X25519 point");
_Static_assert(P2P_SEED_BYTES == P2P_CIRCLE_KEY_BYTES, "circle key");
_Static_assert(P2P_PUBLIC_BYTES == P2P_HASH_BYTES, "hash of a circle key");

const char *p2p_key_purpose_word(enum p2p_key_purpose purpose)
{
    switch (purpose) {
#define KEY_WORD(name, word, id)                                                               \
    case P2P_KEY_##name:                                                                       \
        return word;
        P2P_KEY_PURPOSE_MAP(KEY_WORD)
#undef KEY_WORD
    }
    return "unknown";
}

static void ed25519_derive(uint8_t public_key[P2P_PUBLIC_BYTES],
                           const uint8_t seed[P2P_SEED_BYTES])
{
    uint8_t expanded[crypto_sign_SECRETKEYBYTES];
    crypto_sign_seed_keypair(public_key, expanded, seed);
    p2p_wipe(expanded, sizeof expanded);
}

static void circle_derive(uint8_t public_key[P2P_PUBLIC_BYTES],
                          const uint8_t seed[P2P_SEED_BYTES])
{
    struct p2p_circle_key key;
    memcpy(key.bytes, seed, sizeof key.bytes);
    struct p2p_hash hash = p2p_circle_key_hash(&key);
    memcpy(public_key, hash.bytes, P2P_PUBLIC_BYTES);
    p2p_wipe(&key, sizeof key);
}

static void x25519_derive(uint8_t public_key[P2P_PUBLIC_BYTES],
                          const uint8_t seed[P2P_SEED_BYTES])
{
    int rc = crypto_scalarmult_base(public_key, seed);
    p2p_assert(rc == 0);
}

/* u < 2^255 - 19: the field element as little-endian bytes, reduced. */
static bool x25519_canonical(const uint8_t u[P2P_PUBLIC_BYTES])
{
    bool top_all_ones = u[31] == 0x7F;
    for (size_t i = 1; i < 31; i++) {
        top_all_ones = top_all_ones && u[i] == 0xFF;
    }
    return u[31] < 0x80 && !(top_all_ones && u[0] >= 0xED);
}

static enum p2p_err x25519_check(const uint8_t public_key[P2P_PUBLIC_BYTES])
{
    /* Any scalar will do: clamping makes it a multiple of 8, so low-order points give zero. */
    static const uint8_t scalar[P2P_SEED_BYTES] = {8};
    uint8_t point[P2P_PUBLIC_BYTES];
    if (!x25519_canonical(public_key)) {
        return P2P_BADKEY;
    }
    return crypto_scalarmult(point, scalar, public_key) == 0 ? P2P_OK : P2P_BADKEY;
}

void p2p_key_derive(enum p2p_key_purpose purpose, const uint8_t seed[P2P_SEED_BYTES],
                    uint8_t public_key[P2P_PUBLIC_BYTES])
{
    if (purpose == P2P_KEY_SEALING) {
        x25519_derive(public_key, seed);
    } else if (purpose == P2P_KEY_CIRCLE) {
        circle_derive(public_key, seed);
    } else {
        ed25519_derive(public_key, seed);
    }
}

#define KEY_FUNCTIONS(noun, derive, check)                                                     \
    void p2p_##noun##_secret_init(struct p2p_##noun##_secret *secret,                          \
                                  const uint8_t seed[P2P_SEED_BYTES])                          \
    {                                                                                          \
        memmove(secret->seed, seed, P2P_SEED_BYTES);                                           \
        derive(secret->public_key.bytes, secret->seed);                                        \
    }                                                                                          \
    void p2p_##noun##_secret_deinit(struct p2p_##noun##_secret *secret)                        \
    {                                                                                          \
        if (secret) {                                                                          \
            p2p_wipe(secret, sizeof *secret);                                                  \
        }                                                                                      \
    }                                                                                          \
    enum p2p_err p2p_##noun##_public_check(const struct p2p_##noun##_public *key)              \
    {                                                                                          \
        return check(key->bytes);                                                              \
    }

KEY_FUNCTIONS(charter, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(root, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(feed, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(witness, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(transport, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(issuer, ed25519_derive, p2p_ed25519_check)
KEY_FUNCTIONS(sealing, x25519_derive, x25519_check)

enum p2p_err p2p_crypto_init(void)
{
    return sodium_init() < 0 ? P2P_IO : P2P_OK;
}

void p2p_wipe(void *data, size_t n)
{
    sodium_memzero(data, n);
}

bool p2p_secret_equal(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}
