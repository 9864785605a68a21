#include <p2p/token.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <sodium.h>
#include <string.h>

#define DIGEST_BYTES 32u

struct p2p_token p2p_token_of(const struct p2p_circle_key *key, uint32_t epoch,
                              struct p2p_slice type, struct p2p_slice identifier)
{
    static const char use[] = "port2port/v1/token"; /* its terminator is part of it */
    uint8_t head[sizeof use + 4 + 2], digest[DIGEST_BYTES];
    crypto_generichash_state state;
    struct p2p_writer writer;
    struct p2p_token token;

    p2p_assert(type.len <= UINT16_MAX);
    p2p_writer_init(&writer, head, sizeof head);
    p2p_writer_bytes(&writer, use, sizeof use);
    p2p_writer_u32(&writer, epoch);
    p2p_writer_u16(&writer, (uint16_t)type.len);

    crypto_generichash_init(&state, key->bytes, P2P_CIRCLE_KEY_BYTES, DIGEST_BYTES);
    crypto_generichash_update(&state, head, sizeof head);
    crypto_generichash_update(&state, type.data, type.len);
    crypto_generichash_update(&state, identifier.data, identifier.len);
    crypto_generichash_final(&state, digest, DIGEST_BYTES);
    memcpy(token.bytes, digest, P2P_TOKEN_BYTES);
    sodium_memzero(&state, sizeof state);
    sodium_memzero(digest, sizeof digest);
    return token;
}

struct p2p_hash p2p_circle_key_hash(const struct p2p_circle_key *key)
{
    static const char use[] = "port2port/v1/circle-key";
    const struct p2p_slice parts[] = {p2p_slice_of(use, sizeof use),
                                      p2p_slice_of(key->bytes, P2P_CIRCLE_KEY_BYTES)};
    return p2p_sha256_many(parts, 2);
}
