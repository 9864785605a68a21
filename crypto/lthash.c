#include <p2p/lthash.h>

#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <sodium.h>

#define EXPANDED_BYTES (2 * P2P_LTHASH_LANES)

void p2p_lthash_init(struct p2p_lthash *set)
{
    *set = (struct p2p_lthash){{0}};
}

static void expand(struct p2p_lthash *out, struct p2p_slice element)
{
    static const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
    uint8_t key[crypto_stream_chacha20_KEYBYTES], stream[EXPANDED_BYTES];
    crypto_generichash(key, sizeof key, element.data, element.len, NULL, 0);
    crypto_stream_chacha20(stream, sizeof stream, nonce, key);
    p2p_lthash_decode(out, stream);
}

void p2p_lthash_add(struct p2p_lthash *set, struct p2p_slice element)
{
    struct p2p_lthash expanded;
    expand(&expanded, element);
    for (size_t i = 0; i < P2P_LTHASH_LANES; i++) {
        set->lanes[i] = (uint16_t)(set->lanes[i] + expanded.lanes[i]);
    }
}

void p2p_lthash_remove(struct p2p_lthash *set, struct p2p_slice element)
{
    struct p2p_lthash expanded;
    expand(&expanded, element);
    for (size_t i = 0; i < P2P_LTHASH_LANES; i++) {
        set->lanes[i] = (uint16_t)(set->lanes[i] - expanded.lanes[i]);
    }
}

struct p2p_hash p2p_lthash_digest(const struct p2p_lthash *set)
{
    uint8_t encoded[EXPANDED_BYTES];
    p2p_lthash_encode(set, encoded);
    return p2p_sha256(p2p_slice_of(encoded, sizeof encoded));
}

void p2p_lthash_encode(const struct p2p_lthash *set, uint8_t out[2 * P2P_LTHASH_LANES])
{
    for (size_t i = 0; i < P2P_LTHASH_LANES; i++) {
        out[2 * i] = (uint8_t)(set->lanes[i] >> 8);
        out[2 * i + 1] = (uint8_t)set->lanes[i];
    }
}

void p2p_lthash_decode(struct p2p_lthash *set, const uint8_t in[2 * P2P_LTHASH_LANES])
{
    for (size_t i = 0; i < P2P_LTHASH_LANES; i++) {
        set->lanes[i] = (uint16_t)(in[2 * i] << 8 | in[2 * i + 1]);
    }
}
