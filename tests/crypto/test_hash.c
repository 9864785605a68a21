#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/hash.h>

static bool hash_is(struct p2p_hash hash, const char *hex)
{
    struct p2p_hash expected;
    from_hex(expected.bytes, sizeof expected.bytes, hex);
    return p2p_hash_equal(&hash, &expected);
}

/* No root, leaf or key id of ours would agree with anyone else's (FIPS 180-4 examples). */
static void sha256_is_sha256(void **state)
{
    (void)state;
    struct p2p_slice parts[] = {p2p_slice_text("a"), {NULL, 0}, p2p_slice_text("bc")};
    CHECK(hash_is(p2p_sha256((struct p2p_slice){NULL, 0}),
                  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK(hash_is(p2p_sha256(p2p_slice_text("abc")),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(hash_is(p2p_sha256_many(parts, 3),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(hash_is(
        p2p_sha256(p2p_slice_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
}

/* Signatures of the simulator would be of no known function (RFC 7693 appendix A; the keyed
 * vectors that its authors publish). */
static void blake2b_is_blake2b(void **state)
{
    static const char *const keyed[] = {
        "10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786"
        "b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568",
        "961f6dd1e4dd30f63901690c512e78e4b45e4742ed197c3c5e45c549fd25f2e4"
        "187b0bc9fe30492b16b0d0bc4ef9b0f34c7003fac09a5ef1532e69430234cebd"};
    uint8_t key[P2P_BLAKE2B_KEY_BYTES_MAX];
    uint8_t out[P2P_BLAKE2B_BYTES], expected[P2P_BLAKE2B_BYTES];
    uint8_t zero = 0;

    (void)state;
    p2p_blake2b(out, p2p_slice_of(NULL, 0), p2p_slice_text("abc"));
    from_hex(expected, sizeof expected,
             "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
             "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923");
    CHECK_BYTES(out, expected, sizeof expected);
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)i;
    }
    for (size_t len = 0; len < 2; len++) {
        p2p_blake2b(out, p2p_slice_of(key, sizeof key), p2p_slice_of(&zero, len));
        from_hex(expected, sizeof expected, keyed[len]);
        CHECK_BYTES(out, expected, sizeof expected);
    }
}

/* A leaf could be passed off as an interior node (RFC 6962 section 2.1). */
static void leaves_and_nodes_are_separate(void **state)
{
    (void)state;
    uint8_t zero = 0, one = 1;
    struct p2p_hash left = p2p_leaf_hash(p2p_slice_text("one"));
    struct p2p_hash right = p2p_leaf_hash(p2p_slice_text("two"));
    struct p2p_slice leaf[] = {p2p_slice_of(&zero, 1), p2p_slice_text("one")};
    struct p2p_slice node[] = {p2p_slice_of(&one, 1), p2p_slice_of(left.bytes, 32),
                               p2p_slice_of(right.bytes, 32)};
    struct p2p_hash leaf_expected = p2p_sha256_many(leaf, 2);
    struct p2p_hash node_expected = p2p_sha256_many(node, 3);
    struct p2p_hash parent = p2p_node_hash(&left, &right);
    struct p2p_hash mirrored = p2p_node_hash(&right, &left);
    CHECK(p2p_hash_equal(&left, &leaf_expected));
    CHECK(p2p_hash_equal(&parent, &node_expected));
    CHECK(!p2p_hash_equal(&parent, &mirrored));
    CHECK(hash_is(p2p_leaf_hash((struct p2p_slice){NULL, 0}),
                  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"));
}

/* A signature for one use or one feed would be valid for another. */
static void the_prefix_names_use_and_origin(void **state)
{
    (void)state;
    uint8_t out[P2P_PREFIX_BYTES_MAX];
    static const char expected[] = "port2port/v1/payload\0\0\x05"
                                   "a/b/1";
    size_t len = p2p_use_prefix(out, "payload", p2p_slice_text("a/b/1"));
    CHECK(len == sizeof expected - 1);
    CHECK_BYTES(out, expected, len);

    uint8_t origin[P2P_ORIGIN_BYTES_MAX];
    memset(origin, 'o', sizeof origin);
    len = p2p_use_prefix(out, "thirty-two-characters-of-a-use-x", p2p_slice_of(origin, 255));
    CHECK(len == P2P_PREFIX_BYTES_MAX);
    CHECK(out[13 + 32] == 0 && out[13 + 32 + 1] == 0 && out[13 + 32 + 2] == 255);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_is_sha256),
        cmocka_unit_test(blake2b_is_blake2b),
        cmocka_unit_test(leaves_and_nodes_are_separate),
        cmocka_unit_test(the_prefix_names_use_and_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
