/* Random numbers for tests: splitmix64 from a seed that is printed, so a failure runs again. */
#ifndef RNG_H
#define RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 to n - 1. */
static inline size_t rng_below(struct rng *rng, size_t n)
{
    return (size_t)(rng_next(rng) % n);
}

static inline void rng_fill(struct rng *rng, void *out, size_t n)
{
    uint8_t *bytes = out;
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)rng_next(rng);
    }
}

#endif
