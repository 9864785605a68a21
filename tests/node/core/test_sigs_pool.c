/* The verdicts of the pool are those of libsodium one after another, whatever was announced. */
#include "check.h"
#include "rng.h"

#include <p2p/bytes.h>
#include <p2p/sigs_pool.h>

enum { JOBS = 400, MESSAGE_BYTES = 40 };

struct world {
    struct p2p_sigs_pool *pool;
    uint8_t public_key[P2P_PUBLIC_BYTES];
    struct p2p_signature signatures[JOBS];
    uint8_t messages[JOBS][MESSAGE_BYTES];
    struct p2p_verify_job announced[JOBS];
    struct p2p_verify_job asked[JOBS];
};

static bool is_bad(size_t i)
{
    return i % 7 == 3;
}

static struct p2p_verify_job job(const struct world *world, size_t i)
{
    return (struct p2p_verify_job){.public_key = world->public_key,
                                   .signature = world->signatures[i].bytes,
                                   .message = p2p_slice_of(world->messages[i], MESSAGE_BYTES)};
}

static void world_init(struct world *world, unsigned helpers)
{
    static const uint8_t seed[P2P_SEED_BYTES] = {9};
    const struct p2p_sigs *sigs = p2p_sigs_ed25519();
    CHECK_OK(p2p_crypto_init());
    memset(world, 0, sizeof(*world));
    CHECK_OK(p2p_sigs_pool_open(&world->pool, helpers));
    p2p_key_derive(P2P_KEY_ISSUER, seed, world->public_key);
    for (size_t i = 0; i < JOBS; i++) {
        memcpy(world->messages[i], &i, sizeof(i));
        sigs->sign(sigs->context, seed, world->public_key,
                   p2p_slice_of(world->messages[i], MESSAGE_BYTES), &world->signatures[i]);
        world->messages[i][MESSAGE_BYTES - 1] = is_bad(i);
        world->announced[i] = job(world, i);
        world->asked[i] = job(world, i);
    }
}

static void ask(struct world *world, size_t from, size_t count)
{
    const struct p2p_sigs *sigs = p2p_sigs_pool_sigs(world->pool);
    sigs->verify_many(sigs->context, world->asked + from, count);
    for (size_t i = from; i < from + count; i++) {
        CHECK(world->asked[i].good == !is_bad(i));
        world->asked[i].good = is_bad(i); /* the opposite of what the next round must say */
    }
}

static void nothing_announced(void **state)
{
    struct world world;
    (void)state;
    for (unsigned helpers = 0; helpers < 4; helpers++) {
        world_init(&world, helpers);
        ask(&world, 0, JOBS);
        ask(&world, 5, 3);
        p2p_sigs_pool_close(world.pool);
    }
}

static void all_announced_asked_in_runs(void **state)
{
    struct world world;
    (void)state;
    for (unsigned helpers = 0; helpers < 4; helpers++) {
        world_init(&world, helpers);
        for (size_t run = 1; run < JOBS; run = run * 3 + 1) {
            p2p_sigs_pool_ahead(world.pool, world.announced, JOBS);
            for (size_t at = 0; at < JOBS; at += run) {
                ask(&world, at, JOBS - at < run ? JOBS - at : run);
            }
            p2p_sigs_pool_ahead_end(world.pool);
        }
        p2p_sigs_pool_close(world.pool);
    }
}

/* Runs that are refused before their signatures are looked at, and records that nobody
 * announced, between others: the verdicts stay with their jobs. */
static void some_announced_some_asked(void **state)
{
    struct world world;
    struct rng rng = {0x51651};
    (void)state;
    world_init(&world, 2);
    for (unsigned round = 0; round < 30; round++) {
        size_t count = 0;
        for (size_t i = 0; i < JOBS; i++) {
            if (rng_below(&rng, 4) != 0) {
                world.announced[count++] = job(&world, i);
            }
        }
        p2p_sigs_pool_ahead(world.pool, world.announced, count);
        for (size_t at = 0; at < JOBS;) {
            size_t n = 1 + rng_below(&rng, 60);
            n = n > JOBS - at ? JOBS - at : n;
            if (rng_below(&rng, 3) != 0) {
                ask(&world, at, n);
            }
            at += n;
        }
        p2p_sigs_pool_ahead_end(world.pool);
    }
    p2p_sigs_pool_close(world.pool);
}

/* What was announced under one key or text says nothing about another. */
static void verdicts_are_for_the_same_bytes(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 2);
    p2p_sigs_pool_ahead(world.pool, world.announced, JOBS);
    uint8_t other_key[P2P_PUBLIC_BYTES];
    uint8_t other_text[MESSAGE_BYTES];
    const uint8_t seed[P2P_SEED_BYTES] = {8};
    p2p_key_derive(P2P_KEY_ISSUER, seed, other_key);
    memcpy(other_text, world.messages[1], MESSAGE_BYTES);
    other_text[20] = 1;
    struct p2p_verify_job forged[] = {job(&world, 0), job(&world, 1), job(&world, 2)};
    forged[0].public_key = other_key;
    forged[1].message = p2p_slice_of(other_text, MESSAGE_BYTES);
    forged[2].signature = world.signatures[4].bytes;
    const struct p2p_sigs *sigs = p2p_sigs_pool_sigs(world.pool);
    for (size_t i = 0; i < 3; i++) {
        forged[i].good = true;
        sigs->verify_many(sigs->context, &forged[i], 1);
        CHECK(!forged[i].good);
    }
    ask(&world, 0, 10);
    p2p_sigs_pool_ahead_end(world.pool);
    p2p_sigs_pool_close(world.pool);
}

/* Closing or ending while helpers are at work waits for them. */
static void ended_early(void **state)
{
    struct world world;
    (void)state;
    world_init(&world, 3);
    for (unsigned round = 0; round < 20; round++) {
        p2p_sigs_pool_ahead(world.pool, world.announced, JOBS);
        p2p_sigs_pool_ahead_end(world.pool);
    }
    p2p_sigs_pool_ahead(world.pool, world.announced, JOBS);
    p2p_sigs_pool_close(world.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_announced),
        cmocka_unit_test(all_announced_asked_in_runs),
        cmocka_unit_test(some_announced_some_asked),
        cmocka_unit_test(verdicts_are_for_the_same_bytes),
        cmocka_unit_test(ended_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
