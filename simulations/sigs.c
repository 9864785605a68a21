#include "sigs.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>

#include <stdlib.h>
#include <string.h>

struct p2p_sigs_pool {
    struct p2p_sigs sigs;
};

static void blake_sign(void *context, const uint8_t seed[P2P_SEED_BYTES],
                       const uint8_t public_key[P2P_PUBLIC_BYTES], struct p2p_slice message,
                       struct p2p_signature *out)
{
    (void)context;
    (void)seed;
    p2p_blake2b(out->bytes, p2p_slice_of(public_key, P2P_PUBLIC_BYTES), message);
}

static bool blake_verify(void *context, const uint8_t public_key[P2P_PUBLIC_BYTES],
                         const uint8_t signature[P2P_SIGNATURE_BYTES], struct p2p_slice message)
{
    struct p2p_signature expected;

    blake_sign(context, NULL, public_key, message, &expected);
    return memcmp(expected.bytes, signature, P2P_SIGNATURE_BYTES) == 0;
}

static void blake_verify_many(void *context, struct p2p_verify_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i].good =
            blake_verify(context, jobs[i].public_key, jobs[i].signature, jobs[i].message);
    }
}

struct p2p_sigs_pool *sim_sigs_new(bool real)
{
    struct p2p_sigs_pool *pool = malloc(sizeof(*pool));

    p2p_assert(pool != NULL);
    pool->sigs = real ? *p2p_sigs_ed25519()
                      : (struct p2p_sigs){.sign = blake_sign,
                                          .verify = blake_verify,
                                          .verify_many = blake_verify_many};
    return pool;
}

void p2p_sigs_pool_close(struct p2p_sigs_pool *pool)
{
    free(pool);
}

const struct p2p_sigs *p2p_sigs_pool_sigs(struct p2p_sigs_pool *pool)
{
    return &pool->sigs;
}

void p2p_sigs_pool_ahead(struct p2p_sigs_pool *pool, struct p2p_verify_job *jobs, size_t count)
{
    (void)pool;
    (void)jobs;
    (void)count;
}

void p2p_sigs_pool_ahead_end(struct p2p_sigs_pool *pool)
{
    (void)pool;
}
