/* What witnesses and holders sign for each other, in frames: cosignatures and heartbeats,
 * acknowledgements, leases. */
#include <p2p/frame.h>

/* ---- cosign ---- */

static void write_cosignature(struct p2p_writer *out, const struct p2p_cosign_body *cosign)
{
    p2p_writer_u32(out, cosign->feed);
    p2p_writer_u64(out, cosign->size);
    p2p_writer_bytes(out, cosign->root.bytes, P2P_HASH_BYTES);
    p2p_writer_u32(out, cosign->witness);
    p2p_writer_u64(out, cosign->cosignature.time_s);
    p2p_writer_bytes(out, cosign->cosignature.signature.bytes, P2P_SIGNATURE_BYTES);
}

void p2p_cosign_write(struct p2p_writer *out, const struct p2p_cosign_body *cosign)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_COSIGN);
    write_cosignature(out, cosign);
    p2p_frame_end(out, begin);
}

static void read_cosignature(struct p2p_reader *in, struct p2p_cosign_body *cosign)
{
    cosign->feed = p2p_reader_u32(in);
    cosign->size = p2p_reader_u64(in);
    p2p_reader_copy(in, cosign->root.bytes, P2P_HASH_BYTES);
    cosign->witness = p2p_reader_u32(in);
    cosign->cosignature.time_s = p2p_reader_u64(in);
    p2p_reader_copy(in, cosign->cosignature.signature.bytes, P2P_SIGNATURE_BYTES);
}

enum p2p_err p2p_cosign_read(struct p2p_cosign_body *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_cosign_body cosign;
    p2p_reader_init(&in, body);
    read_cosignature(&in, &cosign);
    if (!p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = cosign;
    return P2P_OK;
}

/* ---- ack ---- */

void p2p_ack_write(struct p2p_writer *out, const struct p2p_ack *ack)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_ACK);
    p2p_writer_u32(out, ack->feed);
    p2p_writer_u64(out, ack->size);
    p2p_writer_bytes(out, ack->signature.bytes, P2P_SIGNATURE_BYTES);
    p2p_frame_end(out, begin);
}

enum p2p_err p2p_ack_read(struct p2p_ack *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_ack ack;
    p2p_reader_init(&in, body);
    ack.feed = p2p_reader_u32(&in);
    ack.size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, ack.signature.bytes, P2P_SIGNATURE_BYTES);
    if (!p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = ack;
    return P2P_OK;
}

/* ---- lease-ask, lease-answer ---- */

void p2p_lease_ask_write(struct p2p_writer *out, const struct p2p_lease_ask *ask)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_LEASE_ASK);
    p2p_writer_u32(out, ask->feed);
    p2p_writer_u64(out, ask->size);
    p2p_writer_bytes(out, ask->root.bytes, P2P_HASH_BYTES);
    p2p_writer_bytes(out, ask->nonce.bytes, P2P_HASH_BYTES);
    p2p_frame_end(out, begin);
}

void p2p_lease_answer_write(struct p2p_writer *out, const struct p2p_lease_answer *answer)
{
    size_t begin = p2p_frame_begin(out, P2P_FRAME_LEASE_ANSWER);
    p2p_writer_bytes(out, answer->nonce.bytes, P2P_HASH_BYTES);
    write_cosignature(out, &answer->sign);
    p2p_writer_u64(out, answer->charter);
    p2p_writer_u64(out, answer->held);
    p2p_frame_end(out, begin);
}

enum p2p_err p2p_lease_ask_read(struct p2p_lease_ask *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_lease_ask ask;
    p2p_reader_init(&in, body);
    ask.feed = p2p_reader_u32(&in);
    ask.size = p2p_reader_u64(&in);
    p2p_reader_copy(&in, ask.root.bytes, P2P_HASH_BYTES);
    p2p_reader_copy(&in, ask.nonce.bytes, P2P_HASH_BYTES);
    if (!p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = ask;
    return P2P_OK;
}

enum p2p_err p2p_lease_answer_read(struct p2p_lease_answer *out, struct p2p_slice body)
{
    struct p2p_reader in;
    struct p2p_lease_answer answer;
    p2p_reader_init(&in, body);
    p2p_reader_copy(&in, answer.nonce.bytes, P2P_HASH_BYTES);
    read_cosignature(&in, &answer.sign);
    answer.charter = p2p_reader_u64(&in);
    answer.held = p2p_reader_u64(&in);
    if (!p2p_reader_done(&in)) {
        return P2P_MALFORMED;
    }
    *out = answer;
    return P2P_OK;
}
