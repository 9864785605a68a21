#include <p2p/tree.h>

#include <p2p/assert.h>

/* Sizes are at most 2^63 - 1, as in checkpoints: no proof is then longer than the named
 * maximum. */
#define SIZE_LIMIT ((uint64_t)INT64_MAX)

void p2p_edge_init(struct p2p_edge *edge)
{
    *edge = (struct p2p_edge){0};
}

unsigned p2p_edge_append(struct p2p_edge *edge, const struct p2p_hash *leaf,
                         struct p2p_hash *completed)
{
    struct p2p_hash hash = *leaf;
    unsigned level = 0;
    p2p_assert(edge->size < SIZE_LIMIT);
    while (edge->size >> level & 1) {
        hash = p2p_node_hash(&edge->peaks[level], &hash);
        if (completed) {
            completed[level] = hash;
        }
        level++;
    }
    edge->peaks[level] = hash;
    edge->size++;
    return level;
}

unsigned p2p_edge_extend(struct p2p_edge *edge, const struct p2p_hash *leaf,
                         const struct p2p_hash *completed)
{
    unsigned level = 0;
    p2p_assert(edge->size < SIZE_LIMIT);
    while (edge->size >> level & 1) {
        level++;
    }
    edge->peaks[level] = level == 0 ? *leaf : completed[level - 1];
    edge->size++;
    return level;
}

struct p2p_hash p2p_edge_root(const struct p2p_edge *edge)
{
    struct p2p_hash root = {{0}};
    bool any = false;
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX && edge->size >> level > 0; level++) {
        if (edge->size >> level & 1) {
            root = any ? p2p_node_hash(&edge->peaks[level], &root) : edge->peaks[level];
            any = true;
        }
    }
    return any ? root : p2p_sha256((struct p2p_slice){NULL, 0});
}

/* The peaks over the leaves [start, start + edge.size), where start is a multiple of a power of
 * two that is at least the size: the right part of any split. */
static enum p2p_err edge_read(const struct p2p_tree_reader *reader, uint64_t start,
                              uint64_t size, struct p2p_edge *edge)
{
    edge->size = size;
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX && size >> level > 0; level++) {
        if (size >> level & 1) {
            uint64_t index = (start >> level) + (size >> level) - 1;
            enum p2p_err err = reader->hash(reader->context, level, index, &edge->peaks[level]);
            if (err) {
                return err;
            }
        }
    }
    return P2P_OK;
}

static enum p2p_err range_root(const struct p2p_tree_reader *reader, uint64_t start,
                               uint64_t end, struct p2p_hash *out)
{
    struct p2p_edge edge;
    enum p2p_err err = edge_read(reader, start, end - start, &edge);
    if (err) {
        return err;
    }
    *out = p2p_edge_root(&edge);
    return P2P_OK;
}

enum p2p_err p2p_tree_edge_at(const struct p2p_tree_reader *reader, uint64_t size,
                              struct p2p_edge *out)
{
    struct p2p_edge edge = {0};
    enum p2p_err err = edge_read(reader, 0, size, &edge);
    if (err) {
        return err;
    }
    *out = edge;
    return P2P_OK;
}

enum p2p_err p2p_tree_root_at(const struct p2p_tree_reader *reader, uint64_t size,
                              struct p2p_hash *out)
{
    return range_root(reader, 0, size, out);
}

/* The largest power of two smaller than n, for n > 1. */
static uint64_t split_of(uint64_t n)
{
    uint64_t k = 1;
    while (k < n - k) {
        k *= 2;
    }
    return k;
}

struct range {
    uint64_t start;
    uint64_t end;
};

static enum p2p_err proof_push(struct p2p_proof *proof, const struct p2p_tree_reader *reader,
                               struct range range)
{
    p2p_assert(proof->count < P2P_PROOF_HASHES_MAX);
    enum p2p_err err = range_root(reader, range.start, range.end, &proof->hashes[proof->count]);
    if (!err) {
        proof->count++;
    }
    return err;
}

/* Splits node, keeps the half that holds leaf, and pushes the other one. */
static enum p2p_err descend(struct p2p_proof *proof, const struct p2p_tree_reader *reader,
                            struct range *node, uint64_t leaf)
{
    uint64_t middle = node->start + split_of(node->end - node->start);
    struct range left = {node->start, middle}, right = {middle, node->end};
    bool goes_left = leaf < middle;
    *node = goes_left ? left : right;
    return proof_push(proof, reader, goes_left ? right : left);
}

/* The walk goes down from the root; proofs are written up from the leaf. */
static void proof_hand_over(const struct p2p_proof *walked, struct p2p_proof *out)
{
    out->count = walked->count;
    for (size_t i = 0; i < walked->count; i++) {
        out->hashes[i] = walked->hashes[walked->count - 1 - i];
    }
}

enum p2p_err p2p_tree_inclusion(const struct p2p_tree_reader *reader, uint64_t index,
                                uint64_t size, struct p2p_proof *out)
{
    struct p2p_proof proof = {.count = 0};
    struct range node = {0, size};
    if (index >= size || size > SIZE_LIMIT) {
        return P2P_USAGE;
    }
    while (node.end - node.start > 1) {
        enum p2p_err err = descend(&proof, reader, &node, index);
        if (err) {
            return err;
        }
    }
    proof_hand_over(&proof, out);
    return P2P_OK;
}

/* RFC 6962 section 2.1.2: go down to the node that ends where the old tree ended. */
static enum p2p_err consistency_walk(const struct p2p_tree_reader *reader, uint64_t old_size,
                                     uint64_t new_size, struct p2p_proof *proof)
{
    struct range node = {0, new_size};
    while (node.end != old_size) {
        enum p2p_err err = descend(proof, reader, &node, old_size - 1);
        if (err) {
            return err;
        }
    }
    /* A node that starts at 0 is the old tree itself, whose root the verifier has. */
    return node.start > 0 ? proof_push(proof, reader, node) : P2P_OK;
}

enum p2p_err p2p_tree_consistency(const struct p2p_tree_reader *reader, uint64_t old_size,
                                  uint64_t new_size, struct p2p_proof *out)
{
    struct p2p_proof proof = {.count = 0};
    if (old_size > new_size || new_size > SIZE_LIMIT) {
        return P2P_USAGE;
    }
    if (old_size > 0 && old_size < new_size) {
        enum p2p_err err = consistency_walk(reader, old_size, new_size, &proof);
        if (err) {
            return err;
        }
    }
    proof_hand_over(&proof, out);
    return P2P_OK;
}

/* Where a verifier stands on its way up: node is the path's index on its level, last the index
 * of the level's last node (fn and sn in RFC 9162). */
struct climb {
    uint64_t node;
    uint64_t last;
};

static void climb_up(struct climb *at)
{
    at->node >>= 1;
    at->last >>= 1;
}

/* True when the next sibling stands on the left. A node that is the last of its level and has
 * no right sibling then also skips the levels on which it has no sibling at all. */
static bool climb_is_right(struct climb *at)
{
    if (!(at->node & 1) && at->node != at->last) {
        return false;
    }
    while (!(at->node & 1) && at->node != 0) {
        climb_up(at);
    }
    return true;
}

enum p2p_err p2p_inclusion_verify(const struct p2p_hash *leaf, uint64_t index, uint64_t size,
                                  const struct p2p_hash *hashes, size_t count,
                                  const struct p2p_hash *root)
{
    if (index >= size) {
        return P2P_BADPROOF;
    }
    struct climb at = {index, size - 1};
    struct p2p_hash hash = *leaf;
    for (size_t i = 0; i < count; i++) {
        if (at.last == 0) {
            return P2P_BADPROOF;
        }
        hash = climb_is_right(&at) ? p2p_node_hash(&hashes[i], &hash)
                                   : p2p_node_hash(&hash, &hashes[i]);
        climb_up(&at);
    }
    return at.last == 0 && p2p_hash_equal(&hash, root) ? P2P_OK : P2P_BADPROOF;
}

enum p2p_err p2p_consistency_roots(uint64_t old_size, uint64_t new_size,
                                   const struct p2p_hash *hashes, size_t count,
                                   struct p2p_hash *old_root, struct p2p_hash *new_root)
{
    if (old_size == 0 || old_size >= new_size) {
        return P2P_BADPROOF;
    }
    struct climb at = {old_size - 1, new_size - 1};
    while (at.node & 1) {
        climb_up(&at);
    }
    bool power_of_two = (old_size & (old_size - 1)) == 0;
    if (!power_of_two && count == 0) {
        return P2P_BADPROOF;
    }
    struct p2p_hash old_hash = power_of_two ? *old_root : hashes[0];
    struct p2p_hash new_hash = old_hash;
    for (size_t i = power_of_two ? 0 : 1; i < count; i++) {
        if (at.last == 0) {
            return P2P_BADPROOF;
        }
        if (climb_is_right(&at)) {
            old_hash = p2p_node_hash(&hashes[i], &old_hash);
            new_hash = p2p_node_hash(&hashes[i], &new_hash);
        } else {
            new_hash = p2p_node_hash(&new_hash, &hashes[i]);
        }
        climb_up(&at);
    }
    if (at.last != 0) {
        return P2P_BADPROOF;
    }
    *old_root = old_hash;
    *new_root = new_hash;
    return P2P_OK;
}

static enum p2p_err consistency_trivial(uint64_t old_size, const struct p2p_hash *old_root,
                                        uint64_t new_size, const struct p2p_hash *new_root,
                                        size_t count)
{
    struct p2p_hash empty = p2p_sha256((struct p2p_slice){NULL, 0});
    bool good = count == 0 && (old_size != 0 || p2p_hash_equal(old_root, &empty));
    good = good && (old_size != new_size || p2p_hash_equal(old_root, new_root));
    return good ? P2P_OK : P2P_BADPROOF;
}

enum p2p_err p2p_consistency_verify(uint64_t old_size, const struct p2p_hash *old_root,
                                    uint64_t new_size, const struct p2p_hash *new_root,
                                    const struct p2p_hash *hashes, size_t count)
{
    if (old_size > new_size) {
        return P2P_BADPROOF;
    }
    if (old_size == 0 || old_size == new_size) {
        return consistency_trivial(old_size, old_root, new_size, new_root, count);
    }
    struct p2p_hash proven_old = *old_root, proven_new;
    enum p2p_err err =
        p2p_consistency_roots(old_size, new_size, hashes, count, &proven_old, &proven_new);
    if (err) {
        return err;
    }
    bool good = p2p_hash_equal(&proven_old, old_root) && p2p_hash_equal(&proven_new, new_root);
    return good ? P2P_OK : P2P_BADPROOF;
}
