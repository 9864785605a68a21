#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/tree.h>

#include <stdio.h>

#define SIZE_MAX_TESTED   130u
#define SIZE_MAX_TAMPERED 24u

static struct p2p_hash leaves[SIZE_MAX_TESTED];

/* The reference: RFC 6962 section 2.1 word for word, by recursion, sharing nothing with tree.c.
 */

static size_t split(size_t n)
{
    size_t k = 1;
    while (2 * k < n) {
        k *= 2;
    }
    return k;
}

static struct p2p_hash mth(const struct p2p_hash *d, size_t n)
{
    if (n == 0) {
        return p2p_sha256((struct p2p_slice){NULL, 0});
    }
    if (n == 1) {
        return d[0];
    }
    size_t k = split(n);
    struct p2p_hash left = mth(d, k), right = mth(d + k, n - k);
    return p2p_node_hash(&left, &right);
}

static void path(size_t m, const struct p2p_hash *d, size_t n, struct p2p_proof *out)
{
    if (n == 1) {
        return;
    }
    size_t k = split(n);
    if (m < k) {
        path(m, d, k, out);
        out->hashes[out->count++] = mth(d + k, n - k);
    } else {
        path(m - k, d + k, n - k, out);
        out->hashes[out->count++] = mth(d, k);
    }
}

static void subproof(size_t m, const struct p2p_hash *d, size_t n, bool whole,
                     struct p2p_proof *out)
{
    if (m == n) {
        if (!whole) {
            out->hashes[out->count++] = mth(d, n);
        }
        return;
    }
    size_t k = split(n);
    if (m <= k) {
        subproof(m, d, k, whole, out);
        out->hashes[out->count++] = mth(d + k, n - k);
    } else {
        subproof(m - k, d + k, n - k, false, out);
        out->hashes[out->count++] = mth(d, k);
    }
}

static enum p2p_err leaves_hash(void *context, unsigned level, uint64_t index,
                                struct p2p_hash *out)
{
    const uint64_t *size = context;
    uint64_t width = (uint64_t)1 << level;
    CHECK((index + 1) * width <= *size); /* nothing beyond the tree is asked for */
    *out = mth(leaves + index * width, width);
    return P2P_OK;
}

static void leaves_fill(const char *prefix)
{
    for (size_t i = 0; i < SIZE_MAX_TESTED; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "%s %zu", prefix, i);
        leaves[i] = p2p_leaf_hash(p2p_slice_of(text, (size_t)len));
    }
}

static void check_hash(struct p2p_hash hash, const char *hex)
{
    struct p2p_hash expected;
    from_hex(expected.bytes, sizeof expected.bytes, hex);
    CHECK_BYTES(hash.bytes, expected.bytes, sizeof hash.bytes);
}

static void check_proof(const struct p2p_proof *got, const struct p2p_proof *expected)
{
    CHECK(got->count == expected->count);
    CHECK_BYTES(got->hashes, expected->hashes, got->count * sizeof *got->hashes);
}

/* Our roots would not be those of other logs: the tree of Certificate Transparency's tests. */
static void certificate_transparency_roots(void **state)
{
    (void)state;
    static const char *const records[] = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
    static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (size_t i = 0; i < 8; i++) {
        uint8_t record[16];
        struct p2p_slice bytes = from_hex(record, sizeof record, records[i]);
        leaves[i] = p2p_leaf_hash(bytes);
        p2p_edge_append(&edge, &leaves[i], NULL);
        check_hash(p2p_edge_root(&edge), roots[i]);
    }
}

struct published {
    uint64_t first; /* index of the leaf, or size of the old tree */
    uint64_t size;
    const char *hashes[3];
};

static void check_published(const struct published *published, const struct p2p_proof *proof)
{
    size_t count = 0;
    while (count < 3 && published->hashes[count]) {
        check_hash(proof->hashes[count], published->hashes[count]);
        count++;
    }
    CHECK(proof->count == count);
}

/* Others could not check our proofs: the published paths of the same tree. */
static void certificate_transparency_proofs(void **state)
{
    (void)state;
    static const struct published inclusions[] = {
        {0, 1, {NULL}},
        {0,
         8,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {5,
         8,
         {"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2, 3, {"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}},
        {1,
         5,
         {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    static const struct published consistencies[] = {
        {1, 1, {NULL}},
        {1,
         8,
         {"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
          "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}},
        {6,
         8,
         {"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
          "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
          "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}},
        {2,
         5,
         {"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
          "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}},
    };
    certificate_transparency_roots(state);
    for (size_t i = 0; i < sizeof inclusions / sizeof *inclusions; i++) {
        uint64_t size = inclusions[i].size;
        struct p2p_tree_reader reader = {leaves_hash, &size};
        struct p2p_proof proof;
        struct p2p_hash root = mth(leaves, size);
        CHECK_OK(p2p_tree_inclusion(&reader, inclusions[i].first, size, &proof));
        check_published(&inclusions[i], &proof);
        CHECK_OK(p2p_inclusion_verify(&leaves[inclusions[i].first], inclusions[i].first, size,
                                      proof.hashes, proof.count, &root));
    }
    for (size_t i = 0; i < sizeof consistencies / sizeof *consistencies; i++) {
        uint64_t size = consistencies[i].size;
        struct p2p_tree_reader reader = {leaves_hash, &size};
        struct p2p_proof proof;
        struct p2p_hash old_root = mth(leaves, consistencies[i].first);
        struct p2p_hash new_root = mth(leaves, size);
        CHECK_OK(p2p_tree_consistency(&reader, consistencies[i].first, size, &proof));
        check_published(&consistencies[i], &proof);
        CHECK_OK(p2p_consistency_verify(consistencies[i].first, &old_root, size, &new_root,
                                        proof.hashes, proof.count));
    }
}

/* Our checkpoints would carry other roots than the log formats' text says. */
static void the_log_formats_roots(void **state)
{
    (void)state;
    const char *const records[] = TLOG_RECORDS;
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    struct p2p_hash expected = tlog_hash(TLOG_EMPTY_ROOT), root = p2p_edge_root(&edge);
    CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
    for (size_t i = 0; i < TLOG_RECORD_COUNT; i++) {
        struct p2p_hash leaf = p2p_leaf_hash(p2p_slice_text(records[i]));
        p2p_edge_append(&edge, &leaf, NULL);
    }
    expected = tlog_hash(TLOG_ROOT);
    root = p2p_edge_root(&edge);
    CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
}

static void check_completed(uint64_t size, const struct p2p_hash *completed, unsigned count)
{
    unsigned expected = 0;
    while (size % ((uint64_t)2 << expected) == 0) {
        expected++;
    }
    CHECK(count == expected);
    for (unsigned i = 0; i < count; i++) {
        uint64_t width = (uint64_t)2 << i;
        struct p2p_hash hash = mth(leaves + size - width, width);
        CHECK_BYTES(completed[i].bytes, hash.bytes, sizeof hash.bytes);
    }
}

/* The store would hold wrong subtrees, and every later proof be wrong. */
static void appending_gives_root_edge_and_completed_subtrees(void **state)
{
    (void)state;
    struct p2p_edge edge, plain, extended;
    leaves_fill("record");
    p2p_edge_init(&edge);
    p2p_edge_init(&plain);
    p2p_edge_init(&extended);
    for (uint64_t size = 1; size <= SIZE_MAX_TESTED; size++) {
        struct p2p_hash completed[P2P_TREE_LEVELS_MAX];
        unsigned count = p2p_edge_append(&edge, &leaves[size - 1], completed);
        CHECK(p2p_edge_append(&plain, &leaves[size - 1], NULL) == count);
        CHECK(p2p_edge_extend(&extended, &leaves[size - 1], completed) == count);
        CHECK(edge.size == size);
        check_completed(size, completed, count);
        struct p2p_hash root = p2p_edge_root(&edge), expected = mth(leaves, size);
        CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
        root = p2p_edge_root(&plain);
        CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
        root = p2p_edge_root(&extended);
        CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
    }
}

/* A node could not resume after a restart, or answer about an older checkpoint. */
static void edges_and_roots_of_the_past(void **state)
{
    (void)state;
    struct p2p_edge edge;
    leaves_fill("record");
    p2p_edge_init(&edge);
    for (uint64_t size = 0; size <= SIZE_MAX_TESTED; size++) {
        struct p2p_tree_reader reader = {leaves_hash, &size};
        struct p2p_edge past;
        struct p2p_hash root, expected = mth(leaves, size);
        CHECK_OK(p2p_tree_edge_at(&reader, size, &past));
        CHECK_OK(p2p_tree_root_at(&reader, size, &root));
        CHECK_BYTES(root.bytes, expected.bytes, sizeof root.bytes);
        CHECK(past.size == size);
        for (unsigned level = 0; level < 8; level++) {
            if (size >> level & 1) {
                CHECK_BYTES(past.peaks[level].bytes, edge.peaks[level].bytes, P2P_HASH_BYTES);
            }
        }
        if (size < SIZE_MAX_TESTED) {
            p2p_edge_append(&edge, &leaves[size], NULL);
        }
    }
}

/* Wrong proofs would be sent, or right ones refused: all indexes of all sizes. */
static void inclusion_agrees_with_the_reference(void **state)
{
    (void)state;
    leaves_fill("record");
    for (uint64_t size = 1; size <= SIZE_MAX_TESTED; size++) {
        struct p2p_tree_reader reader = {leaves_hash, &size};
        struct p2p_hash root = mth(leaves, size);
        for (uint64_t index = 0; index < size; index++) {
            struct p2p_proof proof, expected = {.count = 0};
            path(index, leaves, size, &expected);
            CHECK_OK(p2p_tree_inclusion(&reader, index, size, &proof));
            check_proof(&proof, &expected);
            CHECK_OK(p2p_inclusion_verify(&leaves[index], index, size, proof.hashes,
                                          proof.count, &root));
        }
    }
}

/* As above, and the two roots a proof folds to: all pairs of sizes. */
static void consistency_agrees_with_the_reference(void **state)
{
    (void)state;
    leaves_fill("record");
    for (uint64_t size = 1; size <= SIZE_MAX_TESTED; size++) {
        struct p2p_tree_reader reader = {leaves_hash, &size};
        struct p2p_hash root = mth(leaves, size);
        for (uint64_t old = 0; old <= size; old++) {
            struct p2p_proof proof, expected = {.count = 0};
            struct p2p_hash old_root = mth(leaves, old);
            if (old > 0) {
                subproof(old, leaves, size, true, &expected);
            }
            CHECK_OK(p2p_tree_consistency(&reader, old, size, &proof));
            check_proof(&proof, &expected);
            CHECK_OK(
                p2p_consistency_verify(old, &old_root, size, &root, proof.hashes, proof.count));
        }
    }
}

typedef bool (*proof_accepted)(const void *context, const struct p2p_hash *hashes,
                               size_t count);

/* Every bit of every hash, a hash fewer at each end, one more at each end. */
static void check_tampering_refused(const struct p2p_proof *proof, proof_accepted accepted,
                                    const void *context)
{
    struct p2p_proof bad = *proof;
    CHECK(accepted(context, bad.hashes, bad.count));
    for (size_t bit = 0; bit < proof->count * 8 * P2P_HASH_BYTES; bit++) {
        uint8_t *byte = &bad.hashes[bit / 256].bytes[bit % 256 / 8];
        *byte ^= (uint8_t)(1u << bit % 8);
        CHECK(!accepted(context, bad.hashes, bad.count));
        *byte ^= (uint8_t)(1u << bit % 8);
    }
    if (bad.count > 0) {
        CHECK(!accepted(context, bad.hashes, bad.count - 1));
        CHECK(!accepted(context, bad.hashes + 1, bad.count - 1));
    }
    bad.hashes[bad.count] = leaves[0];
    CHECK(!accepted(context, bad.hashes, bad.count + 1));
    memmove(bad.hashes + 1, bad.hashes, bad.count * sizeof *bad.hashes);
    CHECK(!accepted(context, bad.hashes, bad.count + 1));
}

struct claim {
    uint64_t first;
    uint64_t size;
    struct p2p_hash first_hash; /* leaf or old root */
    struct p2p_hash root;
};

static bool inclusion_accepted(const void *context, const struct p2p_hash *hashes, size_t count)
{
    const struct claim *claim = context;
    return p2p_inclusion_verify(&claim->first_hash, claim->first, claim->size, hashes, count,
                                &claim->root) == P2P_OK;
}

static bool consistency_accepted(const void *context, const struct p2p_hash *hashes,
                                 size_t count)
{
    const struct claim *claim = context;
    return p2p_consistency_verify(claim->first, &claim->first_hash, claim->size, &claim->root,
                                  hashes, count) == P2P_OK;
}

/* A record that is not in the log would be shown to be. */
static void tampered_inclusion_is_refused(void **state)
{
    (void)state;
    leaves_fill("record");
    for (uint64_t size = 1; size <= SIZE_MAX_TAMPERED; size++) {
        struct p2p_tree_reader reader = {leaves_hash, &size};
        for (uint64_t index = 0; index < size; index++) {
            struct p2p_proof proof;
            struct claim claim = {index, size, leaves[index], mth(leaves, size)};
            CHECK_OK(p2p_tree_inclusion(&reader, index, size, &proof));
            check_tampering_refused(&proof, inclusion_accepted, &claim);
            for (uint64_t other = 0; other <= size + 1; other++) {
                claim.first = other;
                CHECK(inclusion_accepted(&claim, proof.hashes, proof.count) ==
                      (other == index));
            }
            claim.first = index;
            claim.first_hash.bytes[31] ^= 1;
            CHECK(!inclusion_accepted(&claim, proof.hashes, proof.count));
            claim.first_hash.bytes[31] ^= 1;
            claim.root.bytes[0] ^= 0x80;
            CHECK(!inclusion_accepted(&claim, proof.hashes, proof.count));
        }
    }
}

/* A log could rewrite its past. */
static void tampered_consistency_is_refused(void **state)
{
    (void)state;
    leaves_fill("record");
    for (uint64_t size = 1; size <= SIZE_MAX_TAMPERED; size++) {
        struct p2p_tree_reader reader = {leaves_hash, &size};
        for (uint64_t old = 0; old <= size; old++) {
            struct p2p_proof proof;
            struct claim claim = {old, size, mth(leaves, old), mth(leaves, size)};
            CHECK_OK(p2p_tree_consistency(&reader, old, size, &proof));
            check_tampering_refused(&proof, consistency_accepted, &claim);
            claim.first_hash.bytes[5] ^= 2;
            CHECK(!consistency_accepted(&claim, proof.hashes, proof.count));
            claim.first_hash.bytes[5] ^= 2;
            claim.root.bytes[5] ^= 2;
            CHECK(old == 0 || !consistency_accepted(&claim, proof.hashes, proof.count));
        }
    }
}

/* A peer's senseless sizes would crash the verifier, or be taken for a proof. */
static void senseless_sizes_are_refused(void **state)
{
    (void)state;
    uint64_t size = 8;
    struct p2p_tree_reader reader = {leaves_hash, &size};
    struct p2p_proof proof = {.count = 77};
    leaves_fill("record");
    struct p2p_hash root = mth(leaves, 8), other = root;
    CHECK_ERR(p2p_tree_inclusion(&reader, 8, 8, &proof), P2P_USAGE);
    CHECK_ERR(p2p_tree_inclusion(&reader, 0, 0, &proof), P2P_USAGE);
    CHECK_ERR(p2p_tree_inclusion(&reader, 0, UINT64_MAX, &proof), P2P_USAGE);
    CHECK_ERR(p2p_tree_consistency(&reader, 9, 8, &proof), P2P_USAGE);
    CHECK_ERR(p2p_tree_consistency(&reader, 1, UINT64_MAX, &proof), P2P_USAGE);
    CHECK(proof.count == 77);
    CHECK_ERR(p2p_inclusion_verify(&leaves[0], 0, 0, NULL, 0, &root), P2P_BADPROOF);
    CHECK_ERR(p2p_inclusion_verify(&leaves[0], UINT64_MAX, UINT64_MAX, NULL, 0, &root),
              P2P_BADPROOF);
    CHECK_ERR(p2p_inclusion_verify(&leaves[0], 0, UINT64_MAX, leaves, 63, &root), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_verify(9, &root, 8, &root, NULL, 0), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_verify(0, &root, 8, &root, NULL, 0), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_verify(1, &root, UINT64_MAX, &root, leaves, 70), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_roots(0, 8, leaves, 3, &root, &other), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_roots(8, 8, leaves, 3, &root, &other), P2P_BADPROOF);
    CHECK_ERR(p2p_consistency_roots(3, 8, NULL, 0, &root, &other), P2P_BADPROOF);
    CHECK(p2p_hash_equal(&root, &other));
}

/* A fork could not be proven: the proof leads to the new root that was signed, and to another
 * old root than the one that was signed too. */
static void a_fork_shows_in_the_roots(void **state)
{
    (void)state;
    uint64_t size = 13;
    struct p2p_tree_reader reader = {leaves_hash, &size};
    leaves_fill("the branch shown to some");
    struct p2p_hash first_branch[14];
    for (uint64_t old = 0; old < size; old++) {
        first_branch[old] = mth(leaves, old);
    }
    leaves_fill("the branch shown to others");
    struct p2p_hash signed_new = mth(leaves, size);
    for (uint64_t old = 1; old < size; old++) {
        struct p2p_proof proof;
        struct p2p_hash old_root = first_branch[old], new_root = {{0}};
        CHECK_OK(p2p_tree_consistency(&reader, old, size, &proof));
        CHECK_OK(
            p2p_consistency_roots(old, size, proof.hashes, proof.count, &old_root, &new_root));
        bool power_of_two = (old & (old - 1)) == 0;
        struct p2p_hash told = mth(leaves, old);
        CHECK(p2p_hash_equal(&old_root, power_of_two ? &first_branch[old] : &told));
        CHECK(p2p_hash_equal(&new_root, &signed_new) == !power_of_two);
        old_root = told;
        CHECK_OK(
            p2p_consistency_roots(old, size, proof.hashes, proof.count, &old_root, &new_root));
        CHECK(p2p_hash_equal(&old_root, &told) && p2p_hash_equal(&new_root, &signed_new));
        CHECK_ERR(p2p_consistency_verify(old, &first_branch[old], size, &signed_new,
                                         proof.hashes, proof.count),
                  P2P_BADPROOF);
    }
}

static enum p2p_err failing_hash(void *context, unsigned level, uint64_t index,
                                 struct p2p_hash *out)
{
    unsigned *left = context;
    (void)level;
    (void)index;
    if ((*left)-- == 0) {
        return P2P_CORRUPT;
    }
    *out = leaves[0];
    return P2P_OK;
}

/* A damaged store would give half a proof instead of an error. */
static void a_failing_reader_is_passed_on(void **state)
{
    (void)state;
    leaves_fill("record");
    for (unsigned at = 0; at < 3; at++) {
        unsigned left = at;
        struct p2p_tree_reader reader = {failing_hash, &left};
        struct p2p_proof proof = {.count = 77};
        struct p2p_edge edge = {.size = 77};
        struct p2p_hash root = leaves[5];
        CHECK_ERR(p2p_tree_inclusion(&reader, 2, 15, &proof), P2P_CORRUPT);
        left = at;
        CHECK_ERR(p2p_tree_consistency(&reader, 7, 15, &proof), P2P_CORRUPT);
        left = at;
        CHECK_ERR(p2p_tree_edge_at(&reader, 15, &edge), P2P_CORRUPT);
        left = at;
        CHECK_ERR(p2p_tree_root_at(&reader, 15, &root), P2P_CORRUPT);
        CHECK(proof.count == 77 && edge.size == 77 && p2p_hash_equal(&root, &leaves[5]));
    }
}

static enum p2p_err any_hash(void *context, unsigned level, uint64_t index,
                             struct p2p_hash *out)
{
    (void)context;
    *out = (struct p2p_hash){{(uint8_t)level, (uint8_t)index}};
    return P2P_OK;
}

/* The largest log would overrun the proof's array. */
static void the_largest_tree_fits(void **state)
{
    (void)state;
    const uint64_t largest = INT64_MAX;
    struct p2p_tree_reader reader = {any_hash, NULL};
    struct p2p_proof proof;
    CHECK_OK(p2p_tree_inclusion(&reader, 0, largest, &proof));
    CHECK(proof.count == 63);
    CHECK_OK(p2p_tree_inclusion(&reader, largest - 1, largest, &proof));
    CHECK_OK(p2p_tree_consistency(&reader, largest - 1, largest, &proof));
    CHECK(proof.count <= P2P_PROOF_HASHES_MAX);
    CHECK_OK(p2p_tree_consistency(&reader, 3, largest, &proof));
    CHECK(proof.count <= P2P_PROOF_HASHES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificate_transparency_roots),
        cmocka_unit_test(certificate_transparency_proofs),
        cmocka_unit_test(the_log_formats_roots),
        cmocka_unit_test(appending_gives_root_edge_and_completed_subtrees),
        cmocka_unit_test(edges_and_roots_of_the_past),
        cmocka_unit_test(inclusion_agrees_with_the_reference),
        cmocka_unit_test(consistency_agrees_with_the_reference),
        cmocka_unit_test(tampered_inclusion_is_refused),
        cmocka_unit_test(tampered_consistency_is_refused),
        cmocka_unit_test(senseless_sizes_are_refused),
        cmocka_unit_test(a_fork_shows_in_the_roots),
        cmocka_unit_test(a_failing_reader_is_passed_on),
        cmocka_unit_test(the_largest_tree_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
