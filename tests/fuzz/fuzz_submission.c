/* Any bytes as what a witness is sent: taken apart and judged, and never taken for a proof from
 * a tree that nobody has. */
#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/submission.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct p2p_submission submission;
    struct p2p_hash other;
    memset(other.bytes, 0x5a, sizeof(other.bytes));
    if (p2p_submission_parse(&submission, p2p_slice_of(data, size)) != P2P_OK) {
        return 0;
    }
    const struct p2p_checkpoint *head = &submission.checkpoint;
    p2p_assert(submission.hash_count <= P2P_SUBMISSION_HASHES_MAX);
    enum p2p_err err = p2p_submission_check(&submission, submission.old_size, &other);
    p2p_assert(err == P2P_OK || err == P2P_USAGE || err == P2P_BADPROOF);
    p2p_assert((err == P2P_USAGE) == (submission.old_size > head->size));
    err = p2p_submission_check(&submission, head->size, &head->root);
    p2p_assert(submission.old_size != head->size || submission.hash_count > 0 ||
               err == P2P_OK || head->size == 0);
    return 0;
}
