#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/key.h>
#include <p2p/note.h>

#include <sodium.h>

static enum p2p_err ed25519_check(const uint8_t bytes[P2P_PUBLIC_BYTES])
{
    struct p2p_feed_public key;
    memcpy(key.bytes, bytes, sizeof key.bytes);
    return p2p_feed_public_check(&key);
}

static enum p2p_err sealing_check(const uint8_t bytes[P2P_PUBLIC_BYTES])
{
    struct p2p_sealing_public key;
    memcpy(key.bytes, bytes, sizeof key.bytes);
    return p2p_sealing_public_check(&key);
}

/* Seeds kept from an earlier version would become other keys. */
static void seeds_derive_the_published_keys(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], expected[P2P_PUBLIC_BYTES];
    struct p2p_vkey vkey;
    struct p2p_feed_secret feed;
    tlog_seed(seed, 0);
    p2p_feed_secret_init(&feed, seed);
    CHECK_OK(p2p_vkey_parse(&vkey, p2p_slice_text(TLOG_VKEY)));
    CHECK_BYTES(feed.public_key.bytes, vkey.public_key, P2P_PUBLIC_BYTES);
    CHECK_BYTES(feed.seed, seed, P2P_SEED_BYTES);
    CHECK_OK(p2p_feed_public_check(&feed.public_key));

    /* RFC 7748 section 6.1, Alice. */
    struct p2p_sealing_secret sealing;
    from_hex(seed, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    from_hex(expected, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    p2p_sealing_secret_init(&sealing, seed);
    CHECK_BYTES(sealing.public_key.bytes, expected, P2P_PUBLIC_BYTES);
    CHECK_OK(p2p_sealing_public_check(&sealing.public_key));
}

/* A key file would show another public key than the one its owner signs with. */
static void a_purpose_at_run_time_derives_the_same_key(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], derived[P2P_PUBLIC_BYTES];
    struct p2p_issuer_secret issuer;
    struct p2p_sealing_secret sealing;
    tlog_seed(seed, 9);
    p2p_issuer_secret_init(&issuer, seed);
    p2p_sealing_secret_init(&sealing, seed);
    p2p_key_derive(P2P_KEY_ISSUER, seed, derived);
    CHECK_BYTES(derived, issuer.public_key.bytes, sizeof derived);
    p2p_key_derive(P2P_KEY_SEALING, seed, derived);
    CHECK_BYTES(derived, sealing.public_key.bytes, sizeof derived);
    CHECK(strcmp(p2p_key_purpose_word(P2P_KEY_ISSUER), "issuer") == 0);
    CHECK(strcmp(p2p_key_purpose_word(P2P_KEY_SEALING), "sealing") == 0);
    CHECK(p2p_key_purpose_word((enum p2p_key_purpose)99) != NULL);
}

/* Secrets would stay in freed memory. */
static void deinit_wipes_seed_and_key(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES];
    const struct p2p_root_secret zero = {{0}, {{0}}};
    struct p2p_root_secret root;
    tlog_seed(seed, 3);
    p2p_root_secret_init(&root, seed);
    CHECK(memcmp(&root, &zero, sizeof root) != 0);
    p2p_root_secret_deinit(&root);
    CHECK_BYTES(&root, &zero, sizeof root);
    p2p_root_secret_deinit(NULL);
    CHECK(p2p_secret_equal(&root, &zero, sizeof root));
    CHECK(!p2p_secret_equal(seed, &zero, sizeof seed));
}

/* Ed25519 points of order 1, 2, 4 and 8, in canonical and other encodings. */
static const char *const small_order[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
};

/* Whoever admits such a key admits signatures that anyone can make. */
static void small_order_keys_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small_order / sizeof *small_order; i++) {
        uint8_t key[P2P_PUBLIC_BYTES];
        from_hex(key, sizeof key, small_order[i]);
        CHECK_ERR(ed25519_check(key), P2P_BADKEY);
    }
}

/* One key would have two texts, and its owner would be counted twice. */
static void non_canonical_keys_are_refused(void **state)
{
    (void)state;
    for (unsigned low = 0xED; low <= 0xFF; low++) {
        for (unsigned sign = 0; sign < 2; sign++) {
            uint8_t key[P2P_PUBLIC_BYTES];
            memset(key, 0xFF, sizeof key);
            key[0] = (uint8_t)low;
            key[31] = sign ? 0xFF : 0x7F;
            CHECK_ERR(ed25519_check(key), P2P_BADKEY);
            CHECK_ERR(sealing_check(key), P2P_BADKEY);
        }
    }
}

/* Implementations differ on keys with a small-order part, and so would verdicts. */
static void keys_outside_the_prime_order_subgroup_are_refused(void **state)
{
    (void)state;
    uint8_t seed[P2P_SEED_BYTES], torsion[P2P_PUBLIC_BYTES], mixed[P2P_PUBLIC_BYTES];
    struct p2p_feed_secret feed;
    tlog_seed(seed, 0);
    p2p_feed_secret_init(&feed, seed);
    from_hex(torsion, sizeof torsion, small_order[8]);
    CHECK(crypto_core_ed25519_add(mixed, feed.public_key.bytes, torsion) == 0);
    CHECK_ERR(ed25519_check(mixed), P2P_BADKEY);
    from_hex(mixed, 32, "0200000000000000000000000000000000000000000000000000000000000000");
    CHECK_ERR(ed25519_check(mixed), P2P_BADKEY); /* not on the curve */
}

/* What is sealed to such a key can be read by everyone (the list of RFC 7748 implementations).
 */
static void low_order_sealing_keys_are_refused(void **state)
{
    (void)state;
    static const char *const low_order[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < sizeof low_order / sizeof *low_order; i++) {
        uint8_t key[P2P_PUBLIC_BYTES];
        from_hex(key, sizeof key, low_order[i]);
        CHECK_ERR(sealing_check(key), P2P_BADKEY);
        key[31] |= 0x80;
        CHECK_ERR(sealing_check(key), P2P_BADKEY);
    }
    uint8_t base[P2P_PUBLIC_BYTES] = {9};
    CHECK_OK(sealing_check(base));
    base[31] = 0x80;
    CHECK_ERR(sealing_check(base), P2P_BADKEY);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seeds_derive_the_published_keys),
        cmocka_unit_test(a_purpose_at_run_time_derives_the_same_key),
        cmocka_unit_test(deinit_wipes_seed_and_key),
        cmocka_unit_test(small_order_keys_are_refused),
        cmocka_unit_test(non_canonical_keys_are_refused),
        cmocka_unit_test(keys_outside_the_prime_order_subgroup_are_refused),
        cmocka_unit_test(low_order_sealing_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
