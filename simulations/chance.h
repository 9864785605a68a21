/* Chance: one stream of numbers per concern, each from the run's seed and a name, so that a
 * draw more in one place changes nothing in another. splitmix64 (Steele, Lea, Flood 2014). */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_chance {
    uint64_t state;
};

struct sim_chance sim_chance_of(uint64_t seed, const char *concern, uint64_t number);
uint64_t sim_chance_next(struct sim_chance *chance);
/* 0 to n - 1; n > 0. */
uint64_t sim_chance_below(struct sim_chance *chance, uint64_t n);
/* low to high, both included. */
uint64_t sim_chance_between(struct sim_chance *chance, uint64_t low, uint64_t high);
bool sim_chance_permille(struct sim_chance *chance, uint32_t permille);
/* Exponentially distributed around mean (at least 1): times between events that know nothing of
 * each other. */
uint64_t sim_chance_gap(struct sim_chance *chance, uint64_t mean);
void sim_chance_fill(struct sim_chance *chance, void *out, size_t n);

/* Ranks 0 to count - 1 with weight (rank + 1)^-1.1: few subjects are asked for often. */
struct sim_zipf {
    double *sums;
    size_t count;
};
/* Aborts the process without memory, as all of the simulator does. */
void sim_zipf_init(struct sim_zipf *zipf, size_t count);
void sim_zipf_deinit(struct sim_zipf *zipf);
size_t sim_zipf_draw(const struct sim_zipf *zipf, struct sim_chance *chance);

#endif
