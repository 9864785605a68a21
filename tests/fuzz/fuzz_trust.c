/* Any bytes as a trust file: what is taken names a log and a quorum within its bounds, and can
 * be asked about any note. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/trust.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_trust trust;
    struct p2p_checkpoint checkpoint;
    size_t line = 0;
    struct p2p_slice bytes = p2p_slice_of(data, size);
    if (p2p_trust_parse(&trust, bytes, &line) == P2P_OK) {
        p2p_assert(trust.log_count > 0 && line == 0);
        p2p_assert(trust.quorum <
                   (trust.quorum_is_group ? trust.group_count : trust.witness_count));
        for (size_t i = 0; i < trust.log_count; i++) {
            p2p_assert(p2p_trust_log(&trust, trust.logs[i].name) == &trust.logs[i]);
        }
        /* No note of these bytes can be signed by its keys. */
        p2p_assert(p2p_trust_verify(&trust, p2p_sigs_ed25519(), bytes, &checkpoint) != P2P_OK);
    }
    return 0;
}
