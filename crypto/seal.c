#include <p2p/seal.h>

#include <p2p/assert.h>

#include <sodium.h>
#include <string.h>

#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(P2P_WRAP_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(P2P_SEAL_NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(P2P_SEAL_OVERHEAD_BYTES == P2P_SEAL_NONCE_BYTES + TAG_BYTES, "overhead");
_Static_assert(P2P_BOX_OVERHEAD_BYTES == P2P_PUBLIC_BYTES + TAG_BYTES, "overhead");

/* A box key is derived from a fresh ephemeral key and used once. */
static const uint8_t box_nonce[P2P_SEAL_NONCE_BYTES];

void p2p_seal(uint8_t *out, struct p2p_slice plain, struct p2p_slice bound_to,
              const uint8_t nonce[P2P_SEAL_NONCE_BYTES], const struct p2p_wrap_key *key)
{
    memcpy(out, nonce, P2P_SEAL_NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + P2P_SEAL_NONCE_BYTES, NULL, plain.data,
                                               plain.len, bound_to.data, bound_to.len, NULL,
                                               nonce, key->bytes);
}

enum p2p_err p2p_unseal(uint8_t *out, struct p2p_slice sealed, struct p2p_slice bound_to,
                        const struct p2p_wrap_key *key)
{
    if (sealed.len < P2P_SEAL_OVERHEAD_BYTES) {
        return P2P_CORRUPT;
    }
    int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, NULL, NULL, sealed.data + P2P_SEAL_NONCE_BYTES, sealed.len - P2P_SEAL_NONCE_BYTES,
        bound_to.data, bound_to.len, sealed.data, key->bytes);
    return rc == 0 ? P2P_OK : P2P_CORRUPT;
}

/* P2P_BADKEY when their point is of low order: the key would then be known to everyone. */
static enum p2p_err box_key(uint8_t key[P2P_WRAP_KEY_BYTES], const uint8_t seed[P2P_SEED_BYTES],
                            const uint8_t theirs[P2P_PUBLIC_BYTES],
                            const uint8_t ephemeral[P2P_PUBLIC_BYTES],
                            const uint8_t recipient[P2P_PUBLIC_BYTES])
{
    uint8_t shared[crypto_scalarmult_BYTES];
    crypto_generichash_state state;
    enum p2p_err err = P2P_OK;
    if (crypto_scalarmult(shared, seed, theirs) != 0) {
        err = P2P_BADKEY;
        goto out;
    }
    crypto_generichash_init(&state, NULL, 0, P2P_WRAP_KEY_BYTES);
    crypto_generichash_update(&state, shared, sizeof shared);
    crypto_generichash_update(&state, ephemeral, P2P_PUBLIC_BYTES);
    crypto_generichash_update(&state, recipient, P2P_PUBLIC_BYTES);
    crypto_generichash_final(&state, key, P2P_WRAP_KEY_BYTES);
out:
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(&state, sizeof state);
    return err;
}

enum p2p_err p2p_box_seal(uint8_t *out, struct p2p_slice plain, struct p2p_slice bound_to,
                          const struct p2p_sealing_public *to,
                          const uint8_t ephemeral_seed[P2P_SEED_BYTES])
{
    uint8_t key[P2P_WRAP_KEY_BYTES];
    struct p2p_sealing_secret ephemeral;
    p2p_sealing_secret_init(&ephemeral, ephemeral_seed);
    const uint8_t *ephemeral_public = ephemeral.public_key.bytes;
    enum p2p_err err = box_key(key, ephemeral.seed, to->bytes, ephemeral_public, to->bytes);
    if (err) {
        goto out;
    }
    memcpy(out, ephemeral_public, P2P_PUBLIC_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + P2P_PUBLIC_BYTES, NULL, plain.data,
                                               plain.len, bound_to.data, bound_to.len, NULL,
                                               box_nonce, key);
out:
    p2p_sealing_secret_deinit(&ephemeral);
    p2p_wipe(key, sizeof key);
    return err;
}

enum p2p_err p2p_box_open(uint8_t *out, struct p2p_slice boxed, struct p2p_slice bound_to,
                          const struct p2p_sealing_secret *key)
{
    uint8_t once[P2P_WRAP_KEY_BYTES];
    if (boxed.len < P2P_BOX_OVERHEAD_BYTES) {
        return P2P_CORRUPT;
    }
    enum p2p_err err = box_key(once, key->seed, boxed.data, boxed.data, key->public_key.bytes);
    if (err) {
        goto out;
    }
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            out, NULL, NULL, boxed.data + P2P_PUBLIC_BYTES, boxed.len - P2P_PUBLIC_BYTES,
            bound_to.data, bound_to.len, box_nonce, once) != 0) {
        err = P2P_CORRUPT;
    }
out:
    p2p_wipe(once, sizeof once);
    return err;
}
