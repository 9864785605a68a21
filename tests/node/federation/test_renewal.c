/* Asking for the next generation: only the member itself can, and only with keys it holds. */
#include "check.h"

#include "temp_dir.h"

#include <p2p/renewal.h>

#include <stdio.h>
#include <string.h>

static struct temp_dir temp;
static char keys[TEMP_PATH_BYTES], file[TEMP_PATH_BYTES];
static char message[P2P_MESSAGE_BYTES_MAX];
static struct p2p_keydir keydir;
static struct p2p_transport_public transport;

static int begin(void **state)
{
    struct p2p_keydir_key key;
    (void)state;
    CHECK_OK(p2p_crypto_init());
    temp_dir_make(&temp);
    temp_path(&temp, "keys", keys);
    temp_path(&temp, "generation.json", file);
    CHECK_OK(p2p_keydir_create(&keydir, keys, P2P_KDF_MIN, message, sizeof(message)));
    CHECK_OK(p2p_keydir_make(&keydir, "transport.key", P2P_KEY_TRANSPORT, "beanr", &key,
                             message, sizeof(message)));
    memcpy(transport.bytes, key.public_key, P2P_PUBLIC_BYTES);
    return 0;
}

static int end(void **state)
{
    (void)state;
    p2p_keydir_deinit(&keydir);
    temp_dir_remove(&temp);
    return 0;
}

static struct p2p_renewal asked(uint32_t generation)
{
    struct p2p_renewal renewal = {
        .federation = "test.example", .member = "beanr", .generation = generation};
    CHECK_OK(p2p_renewal_make(&renewal, &keydir, message, sizeof(message)));
    return renewal;
}

/* The roots would grant keys that nobody holds, or grant others the second time. */
static void what_is_asked_comes_back(void **state)
{
    (void)state;
    struct p2p_renewal first = asked(2), again = asked(2), third = asked(3), read;
    CHECK(memcmp(&first, &again, sizeof(first)) == 0);
    CHECK(memcmp(&first.feed_key, &third.feed_key, sizeof(first.feed_key)) != 0);
    CHECK_OK(p2p_renewal_write(&first, file, message, sizeof(message)));
    CHECK_OK(p2p_renewal_read(&read, file, message, sizeof(message)));
    CHECK(strcmp(read.member, "beanr") == 0 && read.generation == 2);
    CHECK_BYTES(read.feed_key.bytes, first.feed_key.bytes, P2P_PUBLIC_BYTES);
    CHECK_OK(p2p_renewal_verify(&read, &transport, message, sizeof(message)));
}

/* Somebody else could close a member's feed with keys of his own. */
static void what_proves_nothing_is_refused(void **state)
{
    (void)state;
    const struct p2p_renewal good = asked(2), other = asked(3);
    struct p2p_renewal bad = good;
    bad.generation = 3;
    CHECK_ERR(p2p_renewal_verify(&bad, &transport, message, sizeof(message)), P2P_BADSIG);
    bad = good;
    bad.federation_id.bytes[0] ^= 1;
    CHECK_ERR(p2p_renewal_verify(&bad, &transport, message, sizeof(message)), P2P_BADSIG);
    bad = good;
    bad.witness_key = other.witness_key;
    CHECK_ERR(p2p_renewal_verify(&bad, &transport, message, sizeof(message)), P2P_BADSIG);
    bad = good;
    bad.feed_proof = good.witness_proof;
    CHECK_ERR(p2p_renewal_verify(&bad, &transport, message, sizeof(message)), P2P_BADSIG);
    bad = good;
    memset(bad.feed_key.bytes, 0, P2P_PUBLIC_BYTES);
    CHECK_ERR(p2p_renewal_verify(&bad, &transport, message, sizeof(message)), P2P_BADKEY);
    struct p2p_transport_public stranger = {.bytes = {0}};
    memcpy(stranger.bytes, good.feed_key.bytes, P2P_PUBLIC_BYTES);
    CHECK_ERR(p2p_renewal_verify(&good, &stranger, message, sizeof(message)), P2P_BADSIG);
    CHECK_ERR(p2p_renewal_read(&bad, keys, message, sizeof(message)), P2P_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_asked_comes_back, begin, end),
        cmocka_unit_test_setup_teardown(what_proves_nothing_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
