#include "chance.h"

#include <p2p/assert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ZIPF_EXPONENT 1.1

uint64_t sim_chance_next(struct sim_chance *chance)
{
    uint64_t z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct sim_chance sim_chance_of(uint64_t seed, const char *concern, uint64_t number)
{
    struct sim_chance chance = {seed};
    for (const char *at = concern; *at != '\0'; at++) {
        chance.state = sim_chance_next(&chance) ^ (uint8_t)*at;
    }
    chance.state = sim_chance_next(&chance) ^ number;
    chance.state = sim_chance_next(&chance);
    return chance;
}

uint64_t sim_chance_below(struct sim_chance *chance, uint64_t n)
{
    p2p_assert(n > 0);
    return sim_chance_next(chance) % n;
}

uint64_t sim_chance_between(struct sim_chance *chance, uint64_t low, uint64_t high)
{
    p2p_assert(low <= high);
    return low + sim_chance_below(chance, high - low + 1);
}

bool sim_chance_permille(struct sim_chance *chance, uint32_t permille)
{
    return permille > 0 && sim_chance_below(chance, 1000) < permille;
}

uint64_t sim_chance_gap(struct sim_chance *chance, uint64_t mean)
{
    double unit = ((double)(sim_chance_next(chance) >> 11) + 1.0) / 9007199254740993.0;
    double gap = -log(unit) * (double)mean;
    return gap < 1.0 ? 1 : (uint64_t)gap;
}

void sim_chance_fill(struct sim_chance *chance, void *out, size_t n)
{
    uint8_t *bytes = out;
    while (n > 0) {
        uint64_t drawn = sim_chance_next(chance);
        size_t part = n < sizeof(drawn) ? n : sizeof(drawn);
        memcpy(bytes, &drawn, part);
        bytes += part;
        n -= part;
    }
}

void sim_zipf_init(struct sim_zipf *zipf, size_t count)
{
    double sum = 0;
    p2p_assert(count > 0);
    zipf->sums = calloc(count, sizeof(*zipf->sums));
    p2p_assert(zipf->sums != NULL);
    zipf->count = count;
    for (size_t i = 0; i < count; i++) {
        sum += pow((double)(i + 1), -ZIPF_EXPONENT);
        zipf->sums[i] = sum;
    }
}

void sim_zipf_deinit(struct sim_zipf *zipf)
{
    free(zipf->sums);
    *zipf = (struct sim_zipf){0};
}

size_t sim_zipf_draw(const struct sim_zipf *zipf, struct sim_chance *chance)
{
    double unit = (double)(sim_chance_next(chance) >> 11) / 9007199254740992.0;
    double wanted = unit * zipf->sums[zipf->count - 1];
    size_t low = 0;
    size_t high = zipf->count - 1;
    while (low < high) { /* the first whose sum is above */
        size_t mid = low + (high - low) / 2;
        if (zipf->sums[mid] > wanted) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return low;
}
