#include <p2p/party.h>

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <string.h>

enum { BINDING_VERSION = 1 };

#define SIGNED_BYTES_MAX                                                                       \
    (P2P_PREFIX_BYTES_MAX + 1u + P2P_PARTY_NAME_BYTES_MAX + 8u + P2P_HASH_BYTES)

static void put_claim(struct p2p_writer *out, const struct p2p_party_binding *binding)
{
    size_t len = strlen(binding->issuer);
    p2p_assert(len > 0 && len <= P2P_PARTY_NAME_BYTES_MAX);
    p2p_writer_u8(out, (uint8_t)len);
    p2p_writer_bytes(out, binding->issuer, len);
    p2p_writer_u64(out, binding->until_s);
}

static struct p2p_slice signed_bytes(uint8_t out[SIGNED_BYTES_MAX],
                                     const struct p2p_party_binding *binding,
                                     struct p2p_slice origin, const struct p2p_hash *spki)
{
    struct p2p_writer writer;
    size_t prefix = p2p_use_prefix(out, "party", origin);
    p2p_writer_init(&writer, out + prefix, SIGNED_BYTES_MAX - prefix);
    put_claim(&writer, binding);
    p2p_writer_bytes(&writer, spki->bytes, P2P_HASH_BYTES);
    p2p_assert(!writer.failed);
    return p2p_slice_of(out, prefix + writer.len);
}

void p2p_party_sign(struct p2p_party_binding *binding, const struct p2p_sigs *sigs,
                    const struct p2p_issuer_secret *secret, struct p2p_slice origin,
                    const struct p2p_hash *spki)
{
    uint8_t bytes[SIGNED_BYTES_MAX];
    sigs->sign(sigs->context, secret->seed, secret->public_key.bytes,
               signed_bytes(bytes, binding, origin, spki), &binding->signature);
}

enum p2p_err p2p_party_verify(const struct p2p_party_binding *binding,
                              const struct p2p_sigs *sigs, const struct p2p_issuer_public *key,
                              struct p2p_slice origin, const struct p2p_hash *spki)
{
    uint8_t bytes[SIGNED_BYTES_MAX];
    return sigs->verify(sigs->context, key->bytes, binding->signature.bytes,
                        signed_bytes(bytes, binding, origin, spki))
               ? P2P_OK
               : P2P_BADSIG;
}

size_t p2p_party_encode(const struct p2p_party_binding *binding,
                        uint8_t out[P2P_PARTY_BINDING_BYTES_MAX])
{
    struct p2p_writer writer;
    p2p_writer_init(&writer, out, P2P_PARTY_BINDING_BYTES_MAX);
    p2p_writer_u8(&writer, BINDING_VERSION);
    put_claim(&writer, binding);
    p2p_writer_bytes(&writer, binding->signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_assert(!writer.failed);
    return writer.len;
}

static bool is_name(struct p2p_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return name.len > 0 && name.len <= P2P_PARTY_NAME_BYTES_MAX;
}

enum p2p_err p2p_party_decode(struct p2p_party_binding *out, struct p2p_slice bytes)
{
    struct p2p_party_binding binding = {0};
    struct p2p_reader reader;
    p2p_reader_init(&reader, bytes);
    bool known = p2p_reader_u8(&reader) == BINDING_VERSION;
    struct p2p_slice name = p2p_reader_bytes(&reader, p2p_reader_u8(&reader));
    if (!known || !is_name(name)) {
        return P2P_MALFORMED;
    }
    memcpy(binding.issuer, name.data, name.len);
    binding.until_s = p2p_reader_u64(&reader);
    p2p_reader_copy(&reader, binding.signature.bytes, P2P_SIGNATURE_BYTES);
    if (!p2p_reader_done(&reader)) {
        return P2P_MALFORMED;
    }
    *out = binding;
    return P2P_OK;
}
