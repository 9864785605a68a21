#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/seal.h>

#include <stdlib.h>

#define PLAIN       "circle key"
#define PLAIN_BYTES (sizeof PLAIN - 1)
#define PLACE       "place"

struct keys {
    struct p2p_wrap_key wrap;
    uint8_t nonce[P2P_SEAL_NONCE_BYTES];
    struct p2p_sealing_secret recipient;
    uint8_t ephemeral_seed[P2P_SEED_BYTES];
};

static struct keys keys_init(void)
{
    struct keys keys;
    uint8_t seed[P2P_SEED_BYTES];
    tlog_seed(keys.wrap.bytes, 0x80);
    tlog_seed(seed, 0x40);
    memcpy(keys.nonce, seed, sizeof keys.nonce);
    tlog_seed(seed, 0);
    p2p_sealing_secret_init(&keys.recipient, seed);
    tlog_seed(keys.ephemeral_seed, 32);
    return keys;
}

/* Payloads at rest would not be readable by the next version (draft-irtf-cfrg-xchacha-03,
 * A.3.1). */
static void sealing_is_xchacha20_poly1305(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    struct p2p_slice plain = p2p_slice_text(
        "Ladies and Gentlemen of the class of '99: If I could offer you only one "
        "tip for the future, sunscreen would be it.");
    uint8_t bound_memory[12], expected[256], sealed[256], opened[256];
    struct p2p_slice bound =
        from_hex(bound_memory, sizeof bound_memory, "50515253c0c1c2c3c4c5c6c7");
    struct p2p_slice tail =
        from_hex(expected, sizeof expected,
                 "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
                 "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
                 "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
                 "21f9664c97637da9768812f615c68b13b52e"
                 "c0875924c1c7987947deafd8780acf49");
    CHECK(tail.len == plain.len + 16);
    p2p_seal(sealed, plain, bound, keys.nonce, &keys.wrap);
    CHECK_BYTES(sealed, keys.nonce, sizeof keys.nonce);
    CHECK_BYTES(sealed + P2P_SEAL_NONCE_BYTES, tail.data, tail.len);
    CHECK_OK(p2p_unseal(opened, p2p_slice_of(sealed, plain.len + P2P_SEAL_OVERHEAD_BYTES),
                        bound, &keys.wrap));
    CHECK_BYTES(opened, plain.data, plain.len);
}

static enum p2p_err unseal(const uint8_t *sealed, size_t len, const char *bound_to,
                           const struct p2p_wrap_key *key)
{
    uint8_t *exact = malloc(len > 0 ? len : 1), out[PLAIN_BYTES];
    CHECK(exact != NULL);
    memcpy(exact, sealed, len);
    enum p2p_err err = p2p_unseal(out, p2p_slice_of(exact, len), p2p_slice_text(bound_to), key);
    free(exact);
    return err;
}

/* A payload could be altered, cut, or moved to another record on the disk. */
static void altered_or_moved_payloads_are_refused(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    uint8_t sealed[PLAIN_BYTES + P2P_SEAL_OVERHEAD_BYTES];
    p2p_seal(sealed, p2p_slice_text(PLAIN), p2p_slice_text("feed 1, index 7"), keys.nonce,
             &keys.wrap);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(unseal(sealed, sizeof sealed, "feed 1, index 7", &keys.wrap), P2P_CORRUPT);
        sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof sealed; len++) {
        CHECK_ERR(unseal(sealed, len, "feed 1, index 7", &keys.wrap), P2P_CORRUPT);
    }
    CHECK_ERR(unseal(sealed, sizeof sealed, "feed 1, index 8", &keys.wrap), P2P_CORRUPT);
    CHECK_OK(unseal(sealed, sizeof sealed, "feed 1, index 7", &keys.wrap));
    keys.wrap.bytes[0] ^= 1;
    CHECK_ERR(unseal(sealed, sizeof sealed, "feed 1, index 7", &keys.wrap), P2P_CORRUPT);
}

/* An empty payload could not be stored, or a forged one pass as empty. */
static void empty_payloads_are_sealed_too(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    uint8_t sealed[P2P_SEAL_OVERHEAD_BYTES], out[1] = {7};
    const struct p2p_slice none = {NULL, 0};
    p2p_seal(sealed, none, none, keys.nonce, &keys.wrap);
    CHECK_OK(p2p_unseal(out, p2p_slice_of(sealed, sizeof sealed), none, &keys.wrap));
    sealed[sizeof sealed - 1] ^= 1;
    CHECK_ERR(p2p_unseal(out, p2p_slice_of(sealed, sizeof sealed), none, &keys.wrap),
              P2P_CORRUPT);
    CHECK(out[0] == 7);
}

/* Members of other versions could not open what was sealed for them (value from an independent
 * X25519, BLAKE2b and XChaCha20-Poly1305 in Python). */
static void boxes_are_as_documented(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    uint8_t expected[PLAIN_BYTES + P2P_BOX_OVERHEAD_BYTES], boxed[sizeof expected];
    uint8_t opened[PLAIN_BYTES];
    from_hex(expected, sizeof expected,
             "358072d6365880d1aeea329adf9121383851ed21a28e3b75e965d0d2cd166254"
             "1ca6d812547b0ba517a34dbe49c21c253523e59633a280d5199f");
    CHECK_OK(p2p_box_seal(boxed, p2p_slice_text(PLAIN), p2p_slice_text(PLACE),
                          &keys.recipient.public_key, keys.ephemeral_seed));
    CHECK_BYTES(boxed, expected, sizeof expected);
    CHECK_OK(p2p_box_open(opened, p2p_slice_of(boxed, sizeof boxed), p2p_slice_text(PLACE),
                          &keys.recipient));
    CHECK_BYTES(opened, PLAIN, PLAIN_BYTES);
}

static enum p2p_err box_open(const uint8_t *boxed, size_t len,
                             const struct p2p_sealing_secret *key)
{
    uint8_t out[PLAIN_BYTES];
    return p2p_box_open(out, p2p_slice_of(boxed, len), p2p_slice_text(PLACE), key);
}

/* A circle key could be altered on its way, opened by another member, or passed off as the key
 * of another place. */
static void altered_boxes_are_refused(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    uint8_t boxed[PLAIN_BYTES + P2P_BOX_OVERHEAD_BYTES];
    CHECK_OK(p2p_box_seal(boxed, p2p_slice_text(PLAIN), p2p_slice_text(PLACE),
                          &keys.recipient.public_key, keys.ephemeral_seed));
    for (size_t bit = 0; bit < 8 * sizeof boxed; bit++) {
        boxed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_ERR(box_open(boxed, sizeof boxed, &keys.recipient), P2P_CORRUPT);
        boxed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof boxed; len++) {
        CHECK_ERR(box_open(boxed, len, &keys.recipient), P2P_CORRUPT);
    }
    CHECK_OK(box_open(boxed, sizeof boxed, &keys.recipient));
    struct p2p_sealing_secret other;
    p2p_sealing_secret_init(&other, keys.ephemeral_seed);
    CHECK_ERR(box_open(boxed, sizeof boxed, &other), P2P_CORRUPT);
    uint8_t out[PLAIN_BYTES];
    CHECK_ERR(p2p_box_open(out, p2p_slice_of(boxed, sizeof boxed), p2p_slice_text("elsewhere"),
                           &keys.recipient),
              P2P_CORRUPT);
}

/* With a low-order point the box's key is known to everyone. */
static void low_order_points_are_refused(void **state)
{
    (void)state;
    struct keys keys = keys_init();
    uint8_t boxed[PLAIN_BYTES + P2P_BOX_OVERHEAD_BYTES], untouched[sizeof boxed];
    struct p2p_sealing_public low = {{0}};
    memset(boxed, 7, sizeof boxed);
    memset(untouched, 7, sizeof untouched);
    CHECK_ERR(p2p_box_seal(boxed, p2p_slice_text(PLAIN), p2p_slice_text(PLACE), &low,
                           keys.ephemeral_seed),
              P2P_BADKEY);
    CHECK_BYTES(boxed, untouched, sizeof boxed);
    memset(boxed, 0, sizeof boxed);
    CHECK_ERR(box_open(boxed, sizeof boxed, &keys.recipient), P2P_BADKEY);
    boxed[0] = 1;
    CHECK_ERR(box_open(boxed, sizeof boxed, &keys.recipient), P2P_BADKEY);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_is_xchacha20_poly1305),
        cmocka_unit_test(altered_or_moved_payloads_are_refused),
        cmocka_unit_test(empty_payloads_are_sealed_too),
        cmocka_unit_test(boxes_are_as_documented),
        cmocka_unit_test(altered_boxes_are_refused),
        cmocka_unit_test(low_order_points_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
