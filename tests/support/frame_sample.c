#include "frame_sample.h"

#include "check.h"
#include "rng.h"

static void fill(struct frame_sample *sample)
{
    struct rng rng = {7};
    *sample = (struct frame_sample){.offsets = {0}};
    rng_fill(&rng, sample->hash.bytes, P2P_HASH_BYTES);
    rng_fill(&rng, sample->signature.bytes, P2P_SIGNATURE_BYTES);
    for (uint32_t i = 0; i < 3; i++) {
        sample->entries[i] =
            (struct p2p_frontier_entry){i, rng_next(&rng) >> 8, sample->hash, i};
        rng_fill(&rng, sample->entries[i].root.bytes, P2P_HASH_BYTES);
    }
    sample->head = (struct p2p_tree_head){1002, sample->hash, sample->signature};
    sample->entry =
        (struct p2p_entry_body){5, p2p_slice_text("leaf"), p2p_slice_text("note\n")};
    sample->cosign =
        (struct p2p_cosign_body){3, 77, sample->hash, 4, {1700000000, sample->signature}};
    sample->lease_ask = (struct p2p_lease_ask){3, 79, sample->hash, sample->entries[0].root};
    sample->lease_answer =
        (struct p2p_lease_answer){sample->entries[1].root, sample->cosign, 6, 80};
    sample->ack = (struct p2p_ack){3, 78, sample->signature};
    sample->proof.feed = 2;
    sample->proof.old_size = 5;
    sample->proof.new_size = 9;
    sample->proof.old_root = sample->hash;
    sample->proof.proof.count = P2P_PROOF_HASHES_MAX;
    for (size_t i = 0; i < P2P_PROOF_HASHES_MAX; i++) {
        rng_fill(&rng, sample->proof.proof.hashes[i].bytes, P2P_HASH_BYTES);
    }
}

static void write_run(struct p2p_writer *out, const struct frame_sample *sample)
{
    size_t begin = p2p_run_begin_write(out, 9, 1000, 2, &sample->head);
    p2p_run_record_write(out, p2p_slice_text("leaf one"), p2p_slice_text("salted"));
    p2p_run_record_write(out, p2p_slice_text("leaf two"), (struct p2p_slice){0});
    p2p_frame_end(out, begin);
}

void frame_sample_init(struct frame_sample *sample)
{
    struct p2p_writer out;
    size_t n = 0;
    fill(sample);
    p2p_writer_init(&out, sample->room, sizeof(sample->room));
    sample->offsets[n++] = 0;
    p2p_hello_write(&out, &sample->hash, 4, sample->entries, 3);
    sample->offsets[n++] = out.len;
    p2p_hello_write(&out, &sample->hash, 4, NULL, 0);
    sample->offsets[n++] = out.len;
    p2p_frontier_write(&out, true, sample->entries, 2);
    sample->offsets[n++] = out.len;
    p2p_frontier_write(&out, false, NULL, 0);
    sample->offsets[n++] = out.len;
    p2p_want_write(&out, &(struct p2p_want){.feed = 3, .from = UINT64_MAX});
    sample->offsets[n++] = out.len;
    write_run(&out, sample);
    sample->offsets[n++] = out.len;
    p2p_entry_write(&out, &sample->entry);
    sample->offsets[n++] = out.len;
    p2p_cosign_write(&out, &sample->cosign);
    sample->offsets[n++] = out.len;
    p2p_ack_write(&out, &sample->ack);
    sample->offsets[n++] = out.len;
    p2p_digest_write(&out, &sample->hash);
    sample->offsets[n++] = out.len;
    p2p_prove_write(&out, &(struct p2p_prove){3, 5, 5});
    sample->offsets[n++] = out.len;
    p2p_proof_write(&out, &sample->proof);
    sample->offsets[n++] = out.len;
    p2p_fork_write(&out, p2p_slice_text("a proof"));
    sample->offsets[n++] = out.len;
    p2p_gap_write(&out, &(struct p2p_gap){3, 1ull << 40, 13});
    sample->offsets[n++] = out.len;
    p2p_prune_write(&out, (const uint32_t[]){7, 9}, 2);
    sample->offsets[n++] = out.len;
    p2p_ask_payloads_write(&out, 8, (const uint64_t[]){0, 4, UINT64_MAX}, 3);
    sample->offsets[n++] = out.len;
    size_t begin = p2p_payloads_begin_write(&out, 8);
    p2p_payload_write(&out, 4, p2p_slice_text("salted"));
    p2p_payload_write(&out, UINT64_MAX, (struct p2p_slice){0});
    p2p_frame_end(&out, begin);
    sample->offsets[n++] = out.len;
    p2p_neighbour_write(&out, P2P_NEIGHBOUR_NO);
    sample->offsets[n++] = out.len;
    p2p_lease_ask_write(&out, &sample->lease_ask);
    sample->offsets[n++] = out.len;
    p2p_lease_answer_write(&out, &sample->lease_answer);
    sample->offsets[n++] = out.len;
    p2p_graft_write(&out, (const struct p2p_graft_entry[]){{3, 5, 4, 1700000000}, {9, 0, 0, 0}},
                    2);
    sample->offsets[n++] = out.len;
    CHECK(n == SAMPLE_COUNT + 1 && !out.failed);
    sample->all = p2p_writer_slice(&out);
}

struct p2p_frame frame_sample_at(const struct frame_sample *sample, enum frame_sample_of which)
{
    const uint8_t *bytes = sample->room + sample->offsets[which];
    size_t len = sample->offsets[which + 1] - sample->offsets[which];
    return (struct p2p_frame){
        bytes[4], p2p_slice_of(bytes + P2P_FRAME_HEADER_BYTES, len - P2P_FRAME_HEADER_BYTES)};
}

enum p2p_err frame_sample_decode(const struct p2p_frame *frame)
{
    union {
        struct p2p_hello hello;
        struct p2p_frontier_body frontier;
        struct p2p_want want;
        struct p2p_run run;
        struct p2p_entry_body entry;
        struct p2p_cosign_body cosign;
        struct p2p_lease_ask lease_ask;
        struct p2p_lease_answer lease_answer;
        struct p2p_ack ack;
        struct p2p_hash digest;
        struct p2p_prove prove;
        struct p2p_proof_body proof;
        struct p2p_gap gap;
        struct p2p_slice rows;
        enum p2p_neighbour_word word;
        struct p2p_ask_payloads ask;
        struct p2p_payloads_body payloads;
    } out;
    struct p2p_run_walk walk;
    struct p2p_slice leaf, salted;
    enum p2p_err err;
    switch (frame->type) {
    case P2P_FRAME_HELLO:
        return p2p_hello_read(&out.hello, frame->body);
    case P2P_FRAME_FRONTIER:
        return p2p_frontier_read(&out.frontier, frame->body);
    case P2P_FRAME_WANT:
        return p2p_want_read(&out.want, frame->body);
    case P2P_FRAME_RUN:
        err = p2p_run_read(&out.run, frame->body);
        if (err == P2P_OK) {
            p2p_run_begin(&walk, &out.run);
            while (p2p_run_next(&walk, &leaf, &salted, &err)) {
                CHECK(leaf.len > 0);
            }
        }
        return err;
    case P2P_FRAME_ENTRY:
        return p2p_entry_read(&out.entry, frame->body);
    case P2P_FRAME_COSIGN:
        return p2p_cosign_read(&out.cosign, frame->body);
    case P2P_FRAME_LEASE_ASK:
        return p2p_lease_ask_read(&out.lease_ask, frame->body);
    case P2P_FRAME_LEASE_ANSWER:
        return p2p_lease_answer_read(&out.lease_answer, frame->body);
    case P2P_FRAME_ACK:
        return p2p_ack_read(&out.ack, frame->body);
    case P2P_FRAME_DIGEST:
        return p2p_digest_read(&out.digest, frame->body);
    case P2P_FRAME_PROVE:
        return p2p_prove_read(&out.prove, frame->body);
    case P2P_FRAME_PROOF:
        return p2p_proof_read(&out.proof, frame->body);
    case P2P_FRAME_GAP:
        return p2p_gap_read(&out.gap, frame->body);
    case P2P_FRAME_NEIGHBOUR:
        return p2p_neighbour_read(&out.word, frame->body);
    case P2P_FRAME_PRUNE:
        return p2p_prune_read(&out.rows, frame->body);
    case P2P_FRAME_GRAFT:
        return p2p_graft_read(&out.rows, frame->body);
    case P2P_FRAME_ASK_PAYLOADS:
        return p2p_ask_payloads_read(&out.ask, frame->body);
    case P2P_FRAME_PAYLOADS:
        return p2p_payloads_read(&out.payloads, frame->body);
    default:
        return P2P_OK;
    }
}
