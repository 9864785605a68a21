/* Fork proofs: two signed heads of one feed that no one history can have.
 *
 * heads[0].size <= heads[1].size. With equal sizes the roots differ, other_root is
 * heads[1].root and there are no hashes. Otherwise `proof` leads from `other_root`, the root at
 * heads[0].size of the tree that heads[1] signs, to heads[1].root, and other_root is not
 * heads[0].root. Anybody with the feed's key can check it; an honest feed can never be framed,
 * since both heads carry its signature. Below 1,500 bytes for a million records.
 *
 * Encoded: origin (u8 length, bytes), two heads (size u64, root, signature), other_root, u8
 * count, hashes. */
#ifndef P2P_FORK_H
#define P2P_FORK_H

#include <p2p/charter.h>
#include <p2p/checkpoint.h>
#include <p2p/feed.h>

#define P2P_FORK_BYTES_MAX (1u + 255u + 2u * (8u + 32u + 64u) + 32u + 1u + 64u * 32u)

struct p2p_fork_proof {
    struct p2p_slice origin;
    struct p2p_tree_head heads[2];
    struct p2p_hash other_root;
    struct p2p_proof proof;
};

/* Returns the length. */
size_t p2p_fork_encode(const struct p2p_fork_proof *proof, uint8_t out[P2P_FORK_BYTES_MAX]);
/* Borrows origin. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_fork_decode(struct p2p_fork_proof *out, struct p2p_slice bytes);
/* P2P_OK when it proves a fork of the feed with this key; P2P_BADSIG, P2P_BADPROOF. */
P2P_MUST_CHECK enum p2p_err p2p_fork_verify(const struct p2p_fork_proof *proof,
                                            const struct p2p_sigs *sigs,
                                            const struct p2p_feed_public *key);

/* ---- what both histories have ---- */

/* A head that the feed signed, smaller than both heads of a proof, and the consistency proofs
 * from it to heads[0] and to heads[1]. Encoded: size u64, root, signature, then twice: u8
 * count, hashes. */
struct p2p_fork_common {
    struct p2p_tree_head head;
    struct p2p_proof to[2];
};
#define P2P_FORK_COMMON_BYTES_MAX (8u + 32u + 64u + 2u * (1u + 64u * 32u))
/* Returns the length. */
size_t p2p_fork_common_encode(const struct p2p_fork_common *common,
                              uint8_t out[P2P_FORK_COMMON_BYTES_MAX]);
/* P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_fork_common_decode(struct p2p_fork_common *out,
                                                   struct p2p_slice bytes);
/* P2P_OK when both heads of the proof, which is verified, extend it; P2P_BADSIG, P2P_BADPROOF.
 */
P2P_MUST_CHECK enum p2p_err p2p_fork_common_verify(const struct p2p_fork_common *common,
                                                   const struct p2p_fork_proof *proof,
                                                   const struct p2p_sigs *sigs,
                                                   const struct p2p_feed_public *key);

/* ---- as a file ---- */

/* The proof as a file (WIRE.md section 15): text of at most P2P_FORK_TEXT_BYTES_MAX,
 * terminated; returns the length. key: the feed's, for the lines of the notes. */
#define P2P_FORK_TEXT_BYTES_MAX 8192u
size_t p2p_fork_text(const struct p2p_fork_proof *proof, const struct p2p_feed_public *key,
                     char out[P2P_FORK_TEXT_BYTES_MAX]);
/* Takes such a text apart, borrowing origin; verifies nothing. P2P_MALFORMED, P2P_TOOLARGE,
 * P2P_MISMATCH (two origins). */
P2P_MUST_CHECK enum p2p_err p2p_fork_text_read(struct p2p_fork_proof *out,
                                               struct p2p_slice text);
/* Builds the proof that `other`, a validly signed head no larger than the feed held,
 * contradicts the feed's newest head. Flush first. P2P_USAGE when it does not; P2P_CORRUPT when
 * the stored hashes do not lead to that head. */
P2P_MUST_CHECK enum p2p_err p2p_fork_from_held(struct p2p_fork_proof *out,
                                               const struct p2p_feed *feed,
                                               const struct p2p_kv *kv, struct p2p_slice origin,
                                               const struct p2p_tree_head *other);

#endif
