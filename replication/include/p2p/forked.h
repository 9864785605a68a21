/* What the records say about a feed that has two histories: the proof, and W.
 *
 * A `fork` record carries a fork proof (fork.h) and, as `witnessed`, the largest
 * quorum-cosigned checkpoint of that origin that its author held, as a note. It has effect when
 * both hold by the charter in the frontier (p2p_fork_told_verify), whoever wrote it. W is the
 * largest (size, root) that a `fork` record of the frontier with effect carries, or a step of
 * custody or a ruling in its `rests`: the branch of W is the feed. So W is a function of
 * records alone, and never shrinks while records and charter grow, but for once: when a record
 * carries two such checkpoints that contradict each other, more witnesses lie than may, neither
 * branch is the feed, and W is the largest signed head that such a record proves to be in both.
 *
 * The view `forks` holds it, in circle 0 and under the feed's name (`beanr/1`); its fold is
 * that function. Of each author the first P2P_FORKS_TOLD_MAX records about one feed are looked
 * at: who holds a larger one than W appends, so an honest author needs one, and seldom a
 * second. Source: replication/WIRE.md section 15. */
#ifndef P2P_FORKED_H
#define P2P_FORKED_H

#include <p2p/fork.h>
#include <p2p/ledger.h>

#define P2P_FORKS_TOLD_MAX           8u
#define P2P_FORK_WITNESSED_BYTES_MAX 8192u
#define P2P_FORK_HEADS_MAX           24u /* of a branch that is left, to find what both have */

/* The content of a `fork` record. */
struct p2p_fork_told {
    struct p2p_fork_proof proof;
    struct p2p_slice witnessed;       /* a signed note; empty: its author held none */
    struct p2p_checkpoint checkpoint; /* what that note is over; size 0: there is none */
    struct p2p_slice other; /* such a note of the other history; empty: only one is known */
    struct p2p_checkpoint other_checkpoint; /* with other: the two are those of the proof, */
    struct p2p_fork_common common;          /* and this is what both have */
};

/* Takes content apart, borrowing from it; verifies nothing. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_fork_told_read(struct p2p_fork_told *out,
                                               struct p2p_slice content);
/* The feed whose origin the proof names; NULL when the charter names no such feed, or it is the
 * charter's. */
const struct p2p_feed_info *p2p_fork_told_feed(const struct p2p_charter *charter,
                                               const struct p2p_fork_told *told);
/* Whether the proof proves, each note is a quorum-cosigned checkpoint of that feed, and what
 * two of them have in common is in both. P2P_UNKNOWN (no such feed), P2P_BADSIG, P2P_BADPROOF,
 * P2P_MISMATCH (of another origin, or not the heads of the proof), P2P_QUORUM. */
P2P_MUST_CHECK enum p2p_err p2p_fork_told_verify(const struct p2p_charter *charter,
                                                 const struct p2p_sigs *sigs,
                                                 const struct p2p_fork_told *told);

/* A value of the view. */
struct p2p_forked {
    struct p2p_record_id proof; /* the first record, by (feed, index), that proves the fork */
    uint64_t size;              /* W; 0: no record carries a quorum-cosigned checkpoint */
    struct p2p_hash root;
    struct p2p_record_id by; /* the first record that carries W */
    bool split;              /* two histories have a quorum each: W is what both have */
};
/* P2P_NOTFOUND: no record proves a fork of this feed. */
P2P_MUST_CHECK enum p2p_err p2p_forked_get(const struct p2p_ledger *ledger,
                                           const struct p2p_kv *kv, uint32_t feed,
                                           struct p2p_forked *out);
/* W of a feed as a signed head: its size, its root, and the feed's signature in the note that
 * carries it. P2P_NOTFOUND: there is no W, or two heads of the charter hide what carries it. */
P2P_MUST_CHECK enum p2p_err p2p_forked_head(struct p2p_ledger *ledger, uint32_t feed,
                                            const struct p2p_forked *forked,
                                            struct p2p_tree_head *head);
/* The note that W is carried in, of a feed without two quorums: it lives in the ledger's arena.
 * P2P_NOTFOUND: likewise. */
P2P_MUST_CHECK enum p2p_err p2p_forked_note(struct p2p_ledger *ledger, uint32_t feed,
                                            const struct p2p_forked *forked,
                                            struct p2p_slice *note);
/* A record with `rests` came, or goes: its notes may say how much of a forked feed was
 * witnessed. */
P2P_MUST_CHECK enum p2p_err p2p_forked_carried(struct p2p_ledger *ledger,
                                               const struct p2p_entry *entry);
/* How many records of one author about one feed there are, up to P2P_FORKS_TOLD_MAX. */
P2P_MUST_CHECK enum p2p_err p2p_forks_told(const struct p2p_ledger *ledger, uint32_t by,
                                           uint32_t feed, uint32_t *count);
/* Sets p2p_feed.ends_at of all feeds from the view, at start. */
P2P_MUST_CHECK enum p2p_err p2p_forked_load(struct p2p_ledger *ledger, const struct p2p_kv *kv);
/* The charter is another one: which records have effect is looked at again. */
P2P_MUST_CHECK enum p2p_err p2p_forked_mark_all(struct p2p_ledger *ledger);

#endif
