#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/key.h>
#include <p2p/lthash.h>

static struct p2p_lthash set_of(const char *const *elements, size_t count)
{
    struct p2p_lthash set;
    p2p_lthash_init(&set);
    for (size_t i = 0; i < count; i++) {
        p2p_lthash_add(&set, p2p_slice_text(elements[i]));
    }
    return set;
}

static void check_digest(const struct p2p_lthash *set, const char *hex)
{
    uint8_t expected[P2P_HASH_BYTES];
    struct p2p_hash digest = p2p_lthash_digest(set);
    from_hex(expected, sizeof expected, hex);
    CHECK_BYTES(digest.bytes, expected, sizeof expected);
}

/* Nodes of two versions would report differing views (values from an independent BLAKE2b and
 * ChaCha20 in Python). */
static void digests_are_as_documented(void **state)
{
    (void)state;
    const char *const elements[] = {"one", "two", "three"}, *const twice[] = {"one", "one"};
    struct p2p_lthash set = set_of(NULL, 0);
    check_digest(&set, "e5a00aa9991ac8a5ee3109844d84a55583bd20572ad3ffcd42792f3c36b183ad");
    set = set_of(elements, 1);
    check_digest(&set, "ce58d7c61e4aa84c535fa75ef4c0bde8b956757c1cd0c8b94976a66cd95cb7c2");
    set = set_of(elements, 3);
    check_digest(&set, "6ff54afbeaded835c8d05ca94f7a5b7d21a716086741c8ad4d0ba811a66c3da7");
    set = set_of(twice, 2);
    check_digest(&set, "17ddc8c325fa3792ab0d4fdd4b91ba64c81fd05805cc4d2e25c001c22b41c425");
}

/* Two nodes that applied the same records in another order would seem to disagree. */
static void order_does_not_matter(void **state)
{
    (void)state;
    const char *const orders[][3] = {{"a", "b", "c"}, {"a", "c", "b"}, {"b", "a", "c"},
                                     {"b", "c", "a"}, {"c", "a", "b"}, {"c", "b", "a"}};
    struct p2p_lthash first = set_of(orders[0], 3);
    for (size_t i = 1; i < 6; i++) {
        struct p2p_lthash set = set_of(orders[i], 3);
        CHECK_BYTES(set.lanes, first.lanes, sizeof set.lanes);
    }
}

/* A view's digest would drift with each change, away from that of a fresh walk. */
static void removing_undoes_adding(void **state)
{
    (void)state;
    const char *const three[] = {"a", "b", "c"}, *const two[] = {"a", "c"};
    struct p2p_lthash set = set_of(three, 3), expected = set_of(two, 2);
    p2p_lthash_remove(&set, p2p_slice_text("b"));
    CHECK_BYTES(set.lanes, expected.lanes, sizeof set.lanes);
    p2p_lthash_remove(&set, p2p_slice_text("never added"));
    p2p_lthash_add(&set, p2p_slice_text("never added"));
    CHECK_BYTES(set.lanes, expected.lanes, sizeof set.lanes);
    p2p_lthash_remove(&set, p2p_slice_text("a"));
    p2p_lthash_remove(&set, p2p_slice_text("c"));
    expected = set_of(NULL, 0);
    CHECK_BYTES(set.lanes, expected.lanes, sizeof set.lanes);
}

/* A digest kept on disk would come back as another. */
static void encoding_round_trips_big_endian(void **state)
{
    (void)state;
    const char *const elements[] = {"a", "b"};
    uint8_t encoded[2 * P2P_LTHASH_LANES];
    struct p2p_lthash set = set_of(elements, 2), decoded;
    p2p_lthash_encode(&set, encoded);
    CHECK(encoded[0] == set.lanes[0] >> 8 && encoded[1] == (set.lanes[0] & 0xFF));
    CHECK(encoded[2046] == set.lanes[1023] >> 8 && encoded[2047] == (set.lanes[1023] & 0xFF));
    p2p_lthash_decode(&decoded, encoded);
    CHECK_BYTES(decoded.lanes, set.lanes, sizeof set.lanes);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_as_documented),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(removing_undoes_adding),
        cmocka_unit_test(encoding_round_trips_big_endian),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
