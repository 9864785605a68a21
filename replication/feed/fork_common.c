/* What two histories of one feed have in common: a head that the feed signed, and that both of
 * them hold. */
#include <p2p/fork.h>

#include <p2p/assert.h>

static void write_proof(struct p2p_writer *to, const struct p2p_proof *proof)
{
    p2p_writer_u8(to, (uint8_t)proof->count);
    for (size_t i = 0; i < proof->count; i++) {
        p2p_writer_bytes(to, proof->hashes[i].bytes, P2P_HASH_BYTES);
    }
}

static bool read_proof(struct p2p_reader *in, struct p2p_proof *proof)
{
    proof->count = p2p_reader_u8(in);
    if (proof->count > P2P_PROOF_HASHES_MAX) {
        return false;
    }
    for (size_t i = 0; i < proof->count; i++) {
        p2p_reader_copy(in, proof->hashes[i].bytes, P2P_HASH_BYTES);
    }
    return true;
}

size_t p2p_fork_common_encode(const struct p2p_fork_common *common,
                              uint8_t out[P2P_FORK_COMMON_BYTES_MAX])
{
    struct p2p_writer to;
    p2p_writer_init(&to, out, P2P_FORK_COMMON_BYTES_MAX);
    p2p_writer_u64(&to, common->head.size);
    p2p_writer_bytes(&to, common->head.root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(&to, common->head.signature.bytes, P2P_SIGNATURE_BYTES);
    write_proof(&to, &common->to[0]);
    write_proof(&to, &common->to[1]);
    p2p_assert(!to.failed);
    return to.len;
}

enum p2p_err p2p_fork_common_decode(struct p2p_fork_common *out, struct p2p_slice bytes)
{
    struct p2p_reader in;
    struct p2p_fork_common common;
    p2p_reader_init(&in, bytes);
    common.head.size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, common.head.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(&in, common.head.signature.bytes, P2P_SIGNATURE_BYTES);
    if (!read_proof(&in, &common.to[0]) || !read_proof(&in, &common.to[1]) ||
        !p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = common;
    return P2P_OK;
}

enum p2p_err p2p_fork_common_verify(const struct p2p_fork_common *common,
                                    const struct p2p_fork_proof *proof,
                                    const struct p2p_sigs *sigs,
                                    const struct p2p_feed_public *key)
{
    const struct p2p_tree_head *head = &common->head;
    const struct p2p_checkpoint checkpoint = {
        .origin = proof->origin, .size = head->size, .root = head->root};
    if (head->size == 0 || head->size >= proof->heads[0].size) {
        return P2P_BADPROOF;
    }
    enum p2p_err err = p2p_checkpoint_verify_feed(&checkpoint, sigs, key, &head->signature);
    for (unsigned i = 0; i < 2 && err == P2P_OK; i++) {
        err = p2p_consistency_verify(head->size, &head->root, proof->heads[i].size,
                                     &proof->heads[i].root, common->to[i].hashes,
                                     common->to[i].count);
    }
    return err;
}
