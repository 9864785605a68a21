/* Receipts: one file that proves one record, and needs no node.
 *
 * A receipt is a tlog-proof (p2p/proof.h) whose `extra` is the record's own bytes, with the
 * newest quorum-cosigned checkpoint of its feed. Who has it, a trust file and the charter can
 * tell offline that this very record stands at this place of this member's feed, and that a
 * quorum of the feed's witnesses hold that history: nobody can take it back or change it
 * without two signatures that contradict each other. It does not say that the record has
 * effect: who may do what, and what came later, is the replay's question.
 *
 * A record of the charter itself is proven by the trust file alone. A receipt is below 2 kB for
 * a record of the usual size in a feed of a million; most of it are the hashes. Any thread. */
#ifndef P2P_RECEIPT_H
#define P2P_RECEIPT_H

#include <p2p/anchor.h>
#include <p2p/ledger.h>
#include <p2p/proof.h>

struct p2p_receipt_keys {
    const struct p2p_trust *trust;
    const struct p2p_charter *charter; /* NULL: for records of the charter only */
    const struct p2p_sigs *sigs;
};

struct p2p_receipt_cosigner {
    struct p2p_slice name; /* of the witness key, borrowed from the text */
    uint32_t member;       /* 0: a root */
    uint64_t time_s;
};

/* What a receipt proves. Borrows from its text and from the arena. */
struct p2p_receipt {
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* beanr/1 */
    uint64_t index;
    uint64_t size; /* of the checkpoint */
    struct p2p_hash root;
    struct p2p_record record;
    struct p2p_hash leaf_hash;
    /* The issuer's own signature inside the record; UNKNOWN_ISSUER also without a charter. */
    enum p2p_signature_verdict signature;
    size_t cosigner_count;
    struct p2p_receipt_cosigner cosigners[P2P_NOTE_SIGNATURES_MAX];
};

/* The arena's cap that always suffices. */
#define P2P_RECEIPT_ARENA_BYTES ((size_t)512 << 10)

/* Verifies everything a receipt says. reason [out] on error: what does not fit, one sentence
 * without a full stop.
 * P2P_QUORUM     real, but cosigned by fewer than it takes
 * P2P_UNKNOWN    about a feed that this charter does not name
 * P2P_NOTFOUND   about a member's record, and there is no charter to check it by
 * P2P_MISMATCH   the charter is not the one that the trust file means
 * anything else  damaged or forged; P2P_NOMEM */
P2P_MUST_CHECK enum p2p_err p2p_receipt_verify(struct p2p_receipt *out,
                                               const struct p2p_receipt_keys *keys,
                                               struct p2p_slice text, struct p2p_arena *arena,
                                               char reason[P2P_REASON_BYTES]);

#endif
