/* The RFC 6962 Merkle tree: append at the right edge, inclusion and consistency proofs.
 *
 * The edge is all that appending needs: for each set bit of the size the hash of one perfect
 * subtree. Extending it by a run and comparing the root verifies any number of records with one
 * signature. Hashes of perfect subtrees are named (level, index): the subtree of 2^level leaves
 * that starts at leaf index * 2^level. Proofs read them through a callback, so the tree itself
 * stores nothing. Source: RFC 6962 section 2.1; verification as in RFC 9162 sections 2.1.3.2
 * and 2.1.4.2. */
#ifndef P2P_TREE_H
#define P2P_TREE_H

#include <p2p/hash.h>

#define P2P_TREE_LEVELS_MAX  64u
#define P2P_PROOF_HASHES_MAX 64u

struct p2p_edge {
    uint64_t size;
    struct p2p_hash
        peaks[P2P_TREE_LEVELS_MAX]; /* peaks[l] is meaningful when bit l of size is set */
};

/* Of the empty tree. */
void p2p_edge_init(struct p2p_edge *edge);
/* Appends one leaf hash. When completed is not NULL it receives the hashes of the perfect
 * subtrees this leaf completed above level 0, lowest first: subtree i of them has level i+1 and
 * ends at the new size. Returns how many (at most 63). */
unsigned p2p_edge_append(struct p2p_edge *edge, const struct p2p_hash *leaf,
                         struct p2p_hash *completed);
/* The same for a caller who extended an edge of this size before: completed, as many as this
 * leaf completes, was given there. Hashes nothing. */
unsigned p2p_edge_extend(struct p2p_edge *edge, const struct p2p_hash *leaf,
                         const struct p2p_hash *completed);
/* The root of the tree of edge->size leaves; SHA256("") when empty. */
struct p2p_hash p2p_edge_root(const struct p2p_edge *edge);

struct p2p_proof {
    struct p2p_hash hashes[P2P_PROOF_HASHES_MAX];
    size_t count;
};

/* Reads the hash of the perfect subtree (level, index). */
struct p2p_tree_reader {
    enum p2p_err (*hash)(void *context, unsigned level, uint64_t index, struct p2p_hash *out);
    void *context;
};

/* The edge, or the root, as they were at size; the reader must hold all subtrees below size.
 * Errors are the reader's. */
P2P_MUST_CHECK enum p2p_err p2p_tree_edge_at(const struct p2p_tree_reader *reader,
                                             uint64_t size, struct p2p_edge *out);
P2P_MUST_CHECK enum p2p_err p2p_tree_root_at(const struct p2p_tree_reader *reader,
                                             uint64_t size, struct p2p_hash *out);
/* Nearest sibling first. P2P_USAGE unless index < size. */
P2P_MUST_CHECK enum p2p_err p2p_tree_inclusion(const struct p2p_tree_reader *reader,
                                               uint64_t index, uint64_t size,
                                               struct p2p_proof *out);
/* P2P_USAGE unless old_size <= new_size. Empty when old_size is 0 or equal to new_size. */
P2P_MUST_CHECK enum p2p_err p2p_tree_consistency(const struct p2p_tree_reader *reader,
                                                 uint64_t old_size, uint64_t new_size,
                                                 struct p2p_proof *out);

/* P2P_BADPROOF for anything that is not exactly the proof, sizes that make no sense included.
 * The empty tree's root is SHA256(""), and an old_size of 0 has an empty proof. */
P2P_MUST_CHECK enum p2p_err p2p_inclusion_verify(const struct p2p_hash *leaf, uint64_t index,
                                                 uint64_t size, const struct p2p_hash *hashes,
                                                 size_t count, const struct p2p_hash *root);
P2P_MUST_CHECK enum p2p_err p2p_consistency_verify(uint64_t old_size,
                                                   const struct p2p_hash *old_root,
                                                   uint64_t new_size,
                                                   const struct p2p_hash *new_root,
                                                   const struct p2p_hash *hashes, size_t count);
/* What a consistency proof says whatever one expected: the roots at both sizes that its hashes
 * fold to. Needs 0 < old_size < new_size (else P2P_BADPROOF); when old_size is a power of two
 * the old root itself is not among the hashes and is taken from *old_root (in). This is how a
 * fork is proven: the new root is the signed one, the old root is not. P2P_BADPROOF when the
 * number of hashes does not fit the sizes. */
P2P_MUST_CHECK enum p2p_err p2p_consistency_roots(uint64_t old_size, uint64_t new_size,
                                                  const struct p2p_hash *hashes, size_t count,
                                                  struct p2p_hash *old_root,
                                                  struct p2p_hash *new_root);

#endif
