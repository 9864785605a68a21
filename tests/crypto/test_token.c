#include "tlog_vectors.h"

#include <p2p/bytes.h>
#include <p2p/key.h>
#include <p2p/token.h>

static struct p2p_circle_key circle_key(void)
{
    struct p2p_circle_key key;
    tlog_seed(key.bytes, 0);
    return key;
}

static bool token_is(struct p2p_token token, const char *hex)
{
    uint8_t expected[P2P_TOKEN_BYTES];
    from_hex(expected, sizeof expected, hex);
    return memcmp(token.bytes, expected, sizeof expected) == 0;
}

/* Members would compute different tokens for one person, and bans would miss (values from
 * another BLAKE2b, Python's hashlib). */
static void tokens_are_keyed_blake2b(void **state)
{
    (void)state;
    struct p2p_circle_key key = circle_key();
    struct p2p_slice type = p2p_slice_text("person"), person = p2p_slice_text("NL/X1234567");
    struct p2p_slice none = {NULL, 0};
    CHECK(token_is(p2p_token_of(&key, 1, type, person), "e99ea745c46d2045a7f995bb292ef246"));
    CHECK(token_is(p2p_token_of(&key, 2, type, person), "ac040ec999af64200a7443f59c2a86c5"));
    CHECK(token_is(p2p_token_of(&key, 1, none, none), "ae69aa5ecd2e17e57e316d3d88f3f534"));
}

/* A card's token could be that of a plate, or circles could compare their tokens. */
static void tokens_differ_by_key_epoch_type_and_identifier(void **state)
{
    (void)state;
    struct p2p_circle_key key = circle_key(), other = key;
    other.bytes[31] ^= 1;
    struct p2p_token tokens[] = {
        p2p_token_of(&key, 1, p2p_slice_text("ab"), p2p_slice_text("c")),
        p2p_token_of(&key, 1, p2p_slice_text("a"), p2p_slice_text("bc")),
        p2p_token_of(&key, 1, p2p_slice_text("ab"), p2p_slice_text("d")),
        p2p_token_of(&key, 0, p2p_slice_text("ab"), p2p_slice_text("c")),
        p2p_token_of(&other, 1, p2p_slice_text("ab"), p2p_slice_text("c")),
    };
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < i; j++) {
            CHECK(memcmp(tokens[i].bytes, tokens[j].bytes, P2P_TOKEN_BYTES) != 0);
        }
    }
}

/* A node could not tell whether the key it was handed is the one the charter names. */
static void the_charter_holds_the_keys_hash(void **state)
{
    (void)state;
    uint8_t expected[P2P_HASH_BYTES];
    struct p2p_circle_key key = circle_key();
    struct p2p_hash hash = p2p_circle_key_hash(&key);
    from_hex(expected, 32, "4ab3d07eb8a9d9965ab5072ac257fe97c2c811e4e8dfdb4cf4271e92cd3c7efa");
    CHECK_BYTES(hash.bytes, expected, sizeof expected);
}

static int setup(void **state)
{
    (void)state;
    return p2p_crypto_init();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_keyed_blake2b),
        cmocka_unit_test(tokens_differ_by_key_epoch_type_and_identifier),
        cmocka_unit_test(the_charter_holds_the_keys_hash),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
