/* One number, two records: a portable proof against an issuer.
 *
 * An issuer's numbers rise and are given once, so whoever signed two different records under
 * one number in one feed has lied to somebody. The proof is both records, each with its index
 * and an inclusion proof to the same signed head: so both stand on one branch. (On two branches
 * of a forked feed they prove nothing against the issuer: its node may have been restored.)
 *
 * An honest issuer is never framed: the same signed bytes twice are one record, copied by the
 * feed's owner or signed again, whatever the two signatures; a record of an older generation
 * was signed for another origin; a key that signed is the one the charter names for that
 * number; and the owner of the feed alone, who signs the head, cannot make an issuer's
 * signature.
 *
 * The ledger finds the first reuse of each issuer in each feed when it stores the second record
 * (number.c), and keeps where both stand. As a file it is text, like a C2SP receipt; what is
 * checked by whom, and the format: replication/WIRE.md section 4. */
#ifndef P2P_REUSE_H
#define P2P_REUSE_H

#include <p2p/ledger.h>

/* Two leaves in base64, their inclusion proofs, a note with the log's line alone. */
#define P2P_REUSE_BYTES_MAX (192u * 1024u)

struct p2p_reuse {
    struct p2p_slice origin;
    struct p2p_tree_head head;
    struct p2p_signed_leaf {
        uint64_t index;
        struct p2p_slice leaf;
        struct p2p_proof proof; /* of the leaf in the tree of head */
    } records[2];               /* by index */
};

/* What was found wrong, where a person reads it: one sentence. */
#define P2P_REUSE_REASON_BYTES 160u

/* Builds the proof from what is held; leaves and origin live in the ledger's arena and charter.
 * Flush first. P2P_NOTFOUND: this issuer reused no number in this feed. */
P2P_MUST_CHECK enum p2p_err p2p_reuse_of(struct p2p_ledger *ledger, uint32_t feed,
                                         uint32_t issuer, struct p2p_reuse *out);
/* Writes it as text, terminated, into out of P2P_REUSE_BYTES_MAX bytes; returns the length.
 * key: the feed's, for the line of the note. */
size_t p2p_reuse_encode(const struct p2p_reuse *reuse, const struct p2p_feed_public *key,
                        char *out);
/* Takes text apart; leaves and origin live in the arena. Verifies nothing. P2P_MALFORMED,
 * P2P_TOOLARGE, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_reuse_decode(struct p2p_reuse *out, struct p2p_arena *arena,
                                             struct p2p_slice text);
/* Whether it proves what it says, by this charter: a pure function.
 *
 * issuer  [out] who signed two records under one number
 * reason  [out] one sentence on error; may be NULL
 *
 * P2P_UNKNOWN (no such feed or issuer), P2P_BADSIG, P2P_BADPROOF, P2P_MALFORMED (a leaf is no
 * record), P2P_REFUSED (all of it is real, and it proves nothing). */
P2P_MUST_CHECK enum p2p_err p2p_reuse_verify(const struct p2p_reuse *reuse,
                                             const struct p2p_charter *charter,
                                             const struct p2p_sigs *sigs,
                                             struct p2p_arena *arena, uint32_t *issuer,
                                             char reason[P2P_REUSE_REASON_BYTES]);

/* ---- number.c: the numbers issuers used, and the first that each used twice ---- */

struct p2p_reused {
    uint32_t feed;
    uint32_t issuer;
    uint64_t number;
    uint64_t index[2]; /* of the two records */
};
/* The next after *at, in order of feed and issuer; begin with zeros. P2P_NOTFOUND at the end.
 */
P2P_MUST_CHECK enum p2p_err p2p_reused_next(const struct p2p_kv *kv, struct p2p_reused *at);

#endif
