/* One frame of each type, with made-up but distinct values, and all of them in a stream. */
#ifndef FRAME_SAMPLE_H
#define FRAME_SAMPLE_H

#include <p2p/frame.h>

/* In the order in which they stand. */
enum frame_sample_of {
    SAMPLE_HELLO,
    SAMPLE_HELLO_EMPTY,
    SAMPLE_FRONTIER,
    SAMPLE_FRONTIER_EMPTY,
    SAMPLE_WANT,
    SAMPLE_RUN,
    SAMPLE_ENTRY,
    SAMPLE_COSIGN,
    SAMPLE_ACK,
    SAMPLE_DIGEST,
    SAMPLE_PROVE,
    SAMPLE_PROOF,
    SAMPLE_FORK,
    SAMPLE_GAP,
    SAMPLE_PRUNE,
    SAMPLE_ASK_PAYLOADS,
    SAMPLE_PAYLOADS,
    SAMPLE_NEIGHBOUR,
    SAMPLE_LEASE_ASK,
    SAMPLE_LEASE_ANSWER,
    SAMPLE_GRAFT,
    SAMPLE_COUNT
};

struct frame_sample {
    struct p2p_hash hash;
    struct p2p_signature signature;
    struct p2p_frontier_entry entries[3];
    struct p2p_tree_head head;
    struct p2p_entry_body entry;
    struct p2p_cosign_body cosign;
    struct p2p_lease_ask lease_ask;
    struct p2p_lease_answer lease_answer;
    struct p2p_ack ack;
    struct p2p_proof_body proof;
    uint8_t room[8192];
    size_t offsets[SAMPLE_COUNT + 1]; /* where each begins, and the end */
    struct p2p_slice all;             /* of room */
};

void frame_sample_init(struct frame_sample *sample);
struct p2p_frame frame_sample_at(const struct frame_sample *sample, enum frame_sample_of which);
/* Reads a frame by its type, CHECKing only what lies between its fields. */
enum p2p_err frame_sample_decode(const struct p2p_frame *frame);

#endif
