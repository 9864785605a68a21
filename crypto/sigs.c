#include <p2p/sigs.h>

#include <sodium.h>
#include <string.h>

static void ed25519_sign(void *context, const uint8_t seed[P2P_SEED_BYTES],
                         const uint8_t public_key[P2P_PUBLIC_BYTES], struct p2p_slice message,
                         struct p2p_signature *out)
{
    /* libsodium's secret key is the seed followed by the public key. */
    uint8_t secret[crypto_sign_SECRETKEYBYTES];
    (void)context;
    memcpy(secret, seed, P2P_SEED_BYTES);
    memcpy(secret + P2P_SEED_BYTES, public_key, P2P_PUBLIC_BYTES);
    crypto_sign_detached(out->bytes, NULL, message.data, message.len, secret);
    p2p_wipe(secret, sizeof secret);
}

static bool ed25519_verify(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                           const uint8_t signature[P2P_SIGNATURE_BYTES],
                           struct p2p_slice message)
{
    (void)context;
    return crypto_sign_verify_detached(signature, message.data, message.len, public_key) == 0;
}

static void ed25519_verify_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i].good =
            ed25519_verify(context, jobs[i].public_key, jobs[i].signature, jobs[i].message);
    }
}

const struct p2p_sigs *p2p_sigs_ed25519(void)
{
    static const struct p2p_sigs sigs = {
        .sign = ed25519_sign,
        .verify = ed25519_verify,
        .verify_many = ed25519_verify_many,
    };
    return &sigs;
}
