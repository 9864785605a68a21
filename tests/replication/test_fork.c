#include "check.h"

#include "machine/memory_kv.h"

#include <p2p/fork.h>

#include <stdio.h>

enum { SIZE_MAX_TRIED = 33 };

static const char origin[] = "test.example/m1/1";
static struct p2p_feed_secret key;
static struct memory_kv *memory;
static struct p2p_arena arena;
static struct p2p_feed held; /* grows leaf by leaf */
static struct p2p_tree_head heads[2][SIZE_MAX_TRIED + 1];

static struct p2p_tree_head sign(uint64_t size, const struct p2p_hash *root)
{
    struct p2p_tree_head head = {.size = size, .root = *root};
    const struct p2p_checkpoint checkpoint = {
        .origin = p2p_slice_text(origin), .size = size, .root = *root};
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &key, &head.signature);
    return head;
}

static size_t leaf_of(char out[32], uint64_t index, uint64_t split, unsigned branch)
{
    return (size_t)snprintf(out, 32, "leaf %u of %u", (unsigned)index,
                            index >= split ? branch : 0u);
}

/* Branch 1 parts from branch 0 at `split`: its signed heads of every size. */
static void make_heads(uint64_t split, unsigned branch)
{
    struct p2p_edge edge;
    p2p_edge_init(&edge);
    for (uint64_t i = 0; i < SIZE_MAX_TRIED; i++) {
        char leaf[32];
        size_t len = leaf_of(leaf, i, split, branch);
        struct p2p_hash hash = p2p_leaf_hash(p2p_slice_of((const uint8_t *)leaf, len));
        p2p_edge_append(&edge, &hash, NULL);
        struct p2p_hash root = p2p_edge_root(&edge);
        heads[branch][i + 1] = sign(i + 1, &root);
    }
}

static const struct p2p_kv *begin(uint64_t size)
{
    memory = memory_kv_new();
    const struct p2p_kv *kv = memory_kv_begin(memory);
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    p2p_feed_init(&held, 1);
    for (uint64_t i = 0; i < size; i++) {
        char leaf[32];
        size_t len = leaf_of(leaf, i, SIZE_MAX_TRIED, 0);
        struct p2p_slice bytes = p2p_slice_of((const uint8_t *)leaf, len);
        struct p2p_hash hash = p2p_leaf_hash(bytes);
        CHECK_OK(p2p_feed_append(&held, kv, &arena, bytes, &hash, 0));
    }
    CHECK_OK(p2p_feed_set_head(&held, kv, &heads[0][size], p2p_slice_of(NULL, 0)));
    p2p_feed_end_batch(&held);
    return kv;
}

static void end(void)
{
    memory_kv_free(memory);
    p2p_arena_deinit(&arena);
}

static int setup(void **state)
{
    (void)state;
    static const uint8_t seed[P2P_SEED_BYTES] = {1, 2, 3};
    CHECK_OK(p2p_crypto_init());
    p2p_feed_secret_init(&key, seed);
    make_heads(SIZE_MAX_TRIED, 0);
    return 0;
}

/* Every pair of sizes, powers of two among them, and every place where histories part: a proof
 * exists and verifies exactly when the smaller head stands on the other branch. */
static void test_every_split_and_size(void **state)
{
    (void)state;
    static const uint64_t splits[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 31};
    for (size_t s = 0; s < sizeof(splits) / sizeof(splits[0]); s++) {
        make_heads(splits[s], 1);
        for (uint64_t large = 1; large <= SIZE_MAX_TRIED; large += large > 9 ? 5 : 1) {
            const struct p2p_kv *kv = begin(large);
            for (uint64_t small = 1; small <= large; small++) {
                struct p2p_fork_proof proof, again;
                uint8_t bytes[P2P_FORK_BYTES_MAX];
                enum p2p_err err = p2p_fork_from_held(&proof, &held, kv, p2p_slice_text(origin),
                                                      &heads[1][small]);
                CHECK_ERR(err, small > splits[s] ? P2P_OK : P2P_USAGE);
                if (err != P2P_OK) {
                    continue;
                }
                size_t len = p2p_fork_encode(&proof, bytes);
                CHECK(len < 1500);
                CHECK_OK(p2p_fork_decode(&again, p2p_slice_of(bytes, len)));
                CHECK_OK(p2p_fork_verify(&again, p2p_sigs_ed25519(), &key.public_key));
            }
            end();
        }
    }
}

static bool change_byte(const struct p2p_kv *kv, enum p2p_table table, size_t at)
{
    static uint8_t value_copy[8192];
    uint8_t key_copy[64];
    struct p2p_slice row, value;
    enum p2p_err err = p2p_kv_seek(kv, table, p2p_slice_of(NULL, 0), &row, &value);
    while (err == P2P_OK && at >= value.len) {
        at -= value.len;
        err = p2p_kv_next(kv, table, &row, &value);
    }
    if (err != P2P_OK) {
        return false;
    }
    size_t key_len = row.len, len = value.len;
    CHECK(key_len <= sizeof(key_copy) && len <= sizeof(value_copy));
    memcpy(key_copy, row.data, key_len);
    memcpy(value_copy, value.data, len);
    value_copy[at] ^= 1;
    CHECK_OK(
        p2p_kv_put(kv, table, p2p_slice_of(key_copy, key_len), p2p_slice_of(value_copy, len)));
    return true;
}

/* A store that gives back other hashes proves nothing against an honest owner. */
static void test_damage_frames_nobody(void **state)
{
    (void)state;
    static const enum p2p_table tables[] = {P2P_TABLE_HASH, P2P_TABLE_FEED, P2P_TABLE_RECORD};
    unsigned found = 0;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (size_t at = 0;; at += 11) {
            struct p2p_fork_proof proof;
            const struct p2p_kv *kv = begin(21);
            bool changed = change_byte(kv, tables[t], at);
            for (uint64_t small = 1; changed && small <= 21; small++) {
                enum p2p_err err = p2p_fork_from_held(&proof, &held, kv, p2p_slice_text(origin),
                                                      &heads[0][small]);
                CHECK(err == P2P_USAGE || err == P2P_CORRUPT);
                found += err == P2P_CORRUPT;
            }
            end();
            if (!changed) {
                break;
            }
        }
    }
    CHECK(found > 0);
}

/* No prefix and no other bit pattern of a proof is one. */
static void test_truncated_and_flipped(void **state)
{
    (void)state;
    struct p2p_fork_proof proof, read;
    uint8_t bytes[P2P_FORK_BYTES_MAX + 1];
    make_heads(3, 1);
    const struct p2p_kv *kv = begin(21);
    CHECK_OK(p2p_fork_from_held(&proof, &held, kv, p2p_slice_text(origin), &heads[1][8]));
    size_t len = p2p_fork_encode(&proof, bytes);
    for (size_t cut = 0; cut < len; cut++) {
        CHECK_ERR(p2p_fork_decode(&read, p2p_slice_of(bytes, cut)), P2P_MALFORMED);
    }
    bytes[len] = 0;
    CHECK_ERR(p2p_fork_decode(&read, p2p_slice_of(bytes, len + 1)), P2P_MALFORMED);
    for (size_t at = 0; at < len; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            bytes[at] ^= (uint8_t)(1u << bit);
            if (p2p_fork_decode(&read, p2p_slice_of(bytes, len)) == P2P_OK) {
                CHECK(p2p_fork_verify(&read, p2p_sigs_ed25519(), &key.public_key) != P2P_OK);
            }
            bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    end();
}

/* The file says the same as the bytes; no part of it, and no other character in it, does, but
 * in the key ids of the logs' lines, which are hints. */
static void test_as_text(void **state)
{
    (void)state;
    static char text[P2P_FORK_TEXT_BYTES_MAX], again[P2P_FORK_TEXT_BYTES_MAX];
    static char whole[P2P_FORK_TEXT_BYTES_MAX];
    struct p2p_fork_proof proof, read;
    make_heads(3, 1);
    const struct p2p_kv *kv = begin(21);
    for (uint64_t small = 8; small <= 21; small += 13) { /* and of equal sizes */
        CHECK_OK(
            p2p_fork_from_held(&proof, &held, kv, p2p_slice_text(origin), &heads[1][small]));
        size_t len = p2p_fork_text(&proof, &key.public_key, text);
        CHECK(strlen(text) == len);
        memcpy(whole, text, len + 1);
        CHECK_OK(p2p_fork_text_read(&read, p2p_slice_of(text, len)));
        CHECK_OK(p2p_fork_verify(&read, p2p_sigs_ed25519(), &key.public_key));
        for (size_t i = 0; i < len; i++) {
            text[i] = whole[i] == 'A' ? 'B' : 'A';
            if (p2p_fork_text_read(&read, p2p_slice_of(text, len)) == P2P_OK &&
                p2p_fork_verify(&read, p2p_sigs_ed25519(), &key.public_key) == P2P_OK) {
                CHECK(p2p_fork_text(&read, &key.public_key, again) == len);
                CHECK(memcmp(again, whole, len) == 0);
            }
            text[i] = whole[i];
            CHECK(p2p_fork_text_read(&read, p2p_slice_of(text, i)) != P2P_OK);
        }
    }
    end();
}

/* A million records: still small enough to be told before anything else. */
static enum p2p_err any_hash(void *context, unsigned level, uint64_t index,
                             struct p2p_hash *out)
{
    (void)context;
    uint8_t name[16] = {(uint8_t)level};
    for (unsigned i = 0; i < 8; i++) {
        name[1 + i] = (uint8_t)(index >> (8 * i));
    }
    *out = p2p_sha256(p2p_slice_of(name, sizeof(name)));
    return P2P_OK;
}

static void test_size_of_a_proof(void **state)
{
    (void)state;
    const struct p2p_tree_reader reader = {.hash = any_hash};
    uint8_t bytes[P2P_FORK_BYTES_MAX];
    static char text[P2P_FORK_TEXT_BYTES_MAX];
    size_t most = 0, most_text = 0;
    for (uint64_t small = 1; small < 1048575; small = 2 * small + small % 3) {
        struct p2p_fork_proof proof = {.origin = p2p_slice_text("port2port.example/beanr/1")};
        CHECK_OK(p2p_tree_consistency(&reader, small, 1048575, &proof.proof));
        size_t len = p2p_fork_encode(&proof, bytes);
        size_t text_len = p2p_fork_text(&proof, &key.public_key, text);
        most = len > most ? len : most;
        most_text = text_len > most_text ? text_len : most_text;
    }
    print_message("a fork proof at a million records: %zu bytes, %zu as a file\n", most,
                  most_text);
    CHECK(most > 900 && most < 1500 && most_text < 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_and_size),
        cmocka_unit_test(test_damage_frames_nobody),
        cmocka_unit_test(test_truncated_and_flipped),
        cmocka_unit_test(test_as_text),
        cmocka_unit_test(test_size_of_a_proof),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
