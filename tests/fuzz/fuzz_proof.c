/* Any bytes as a tlog-proof: what is taken is the one text of what was read. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/proof.h>
#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct p2p_tlog_proof proof;
    if (p2p_tlog_proof_parse(&proof, p2p_slice_of(data, size)) != P2P_OK) {
        return 0;
    }
    size_t len = 0;
    uint8_t *extra = malloc(P2P_TLOG_PROOF_EXTRA_BYTES_MAX);
    char *text = malloc(size + 1);
    p2p_assert(extra != NULL && text != NULL);
    p2p_assert(p2p_base64_decode(extra, P2P_TLOG_PROOF_EXTRA_BYTES_MAX, &len,
                                 proof.extra_base64) == P2P_OK);
    size_t written = p2p_tlog_proof_format(p2p_slice_of(extra, len), proof.index, &proof.path,
                                           proof.note, text, size);
    p2p_assert(written == size && memcmp(text, data, size) == 0);
    free(extra);
    free(text);
    return 0;
}
