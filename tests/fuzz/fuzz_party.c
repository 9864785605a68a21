/* Any bytes as the binding in a stranger's client certificate: what is taken is written back as
 * the same bytes, and vouches for nothing that was not signed. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/party.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct p2p_issuer_public nobody = {{1}};
    static const struct p2p_hash spki = {{2}};
    struct p2p_party_binding binding;
    uint8_t bytes[P2P_PARTY_BINDING_BYTES_MAX];
    if (p2p_party_decode(&binding, p2p_slice_of(data, size)) != P2P_OK) {
        return 0;
    }
    p2p_assert(p2p_party_encode(&binding, bytes) == size);
    p2p_assert(memcmp(bytes, data, size) == 0);
    p2p_assert(p2p_party_verify(&binding, p2p_sigs_ed25519(), &nobody,
                                p2p_slice_text("a.example/charter/1"), &spki) != P2P_OK);
    return 0;
}
