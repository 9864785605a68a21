/* What is sent to a witness (c2sp.org/tlog-witness, add-checkpoint): a checkpoint, and the
 * proof that it goes on from what the witness knows.
 *
 *     old <size>
 *     <base64 of a hash>     up to 63, a line each: the consistency proof
 *
 *     <the checkpoint, a signed note>
 *
 * Parsing borrows, checks the form strictly and verifies no signature. No I/O, any thread. */
#ifndef P2P_SUBMISSION_H
#define P2P_SUBMISSION_H

#include <p2p/checkpoint.h>
#include <p2p/tree.h>

#define P2P_SUBMISSION_HASHES_MAX 63u
#define P2P_SUBMISSION_BYTES_MAX                                                               \
    (32u + P2P_SUBMISSION_HASHES_MAX * 45u + 1u + P2P_NOTE_BYTES_MAX)

struct p2p_submission {
    uint64_t old_size;
    struct p2p_hash hashes[P2P_SUBMISSION_HASHES_MAX];
    size_t hash_count;
    struct p2p_note note;             /* borrowed from the bytes, */
    struct p2p_checkpoint checkpoint; /* and what it is over; extension lines are let pass */
};

/* P2P_MALFORMED, P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_submission_parse(struct p2p_submission *out,
                                                 struct p2p_slice bytes);
/* Whether a witness whose newest cosigned checkpoint of this log is (known_size, *known_root),
 * size 0 for none, may cosign it. P2P_USAGE: the old size is larger than the checkpoint's
 * (answered with 400); P2P_GAP: it is not the known one (409 and the known size); P2P_BADPROOF:
 * the proof is none, or the same size has another root (422). */
P2P_MUST_CHECK enum p2p_err p2p_submission_check(const struct p2p_submission *submission,
                                                 uint64_t known_size,
                                                 const struct p2p_hash *known_root);

#endif
