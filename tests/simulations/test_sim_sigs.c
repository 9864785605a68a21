#include "check.h"

#include "../../simulations/machine/sigs.h"

#include <p2p/bytes.h>

static void signs_and_verifies(bool real)
{
    struct p2p_sigs_pool *pool = sim_sigs_new(real);
    const struct p2p_sigs *sigs = p2p_sigs_pool_sigs(pool);
    const uint8_t seed[P2P_SEED_BYTES] = {1};
    struct p2p_feed_secret secret;
    struct p2p_signature signature;
    struct p2p_slice message = p2p_slice_text("size 812");

    p2p_feed_secret_init(&secret, seed);
    sigs->sign(sigs->context, seed, secret.public_key.bytes, message, &signature);
    struct p2p_verify_job jobs[2] = {
        {secret.public_key.bytes, signature.bytes, message, false},
        {secret.public_key.bytes, signature.bytes, p2p_slice_text("size 813"), true}};
    p2p_sigs_pool_ahead(pool, jobs, 2);
    sigs->verify_many(sigs->context, jobs, 2);
    p2p_sigs_pool_ahead_end(pool);
    CHECK(jobs[0].good);
    CHECK(!jobs[1].good);
    CHECK(sigs->verify(sigs->context, secret.public_key.bytes, signature.bytes, message));
    signature.bytes[63] ^= 1;
    CHECK(!sigs->verify(sigs->context, secret.public_key.bytes, signature.bytes, message));
    signature.bytes[63] ^= 1;
    secret.public_key.bytes[0] ^= 1;
    CHECK(!sigs->verify(sigs->context, secret.public_key.bytes, signature.bytes, message));
    p2p_feed_secret_deinit(&secret);
    p2p_sigs_pool_close(pool);
}

/* A signature would be valid under another key or over another message. */
static void a_signature_is_of_one_key_and_message(void **state)
{
    (void)state;
    signs_and_verifies(false);
    signs_and_verifies(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_signature_is_of_one_key_and_message)};

    return p2p_crypto_init() == P2P_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
