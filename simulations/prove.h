/* The proof that the invariants find mistakes: each of p2p/planted.h is planted, and seeds are
 * run until one shows it. */
#ifndef SIM_PROVE_H
#define SIM_PROVE_H

#include "options.h"

#define SIM_PROVE_SEEDS 500u /* by when each must be found */
#define SIM_RECORDED_SEEDS                                                                     \
    100u /* from the recorded one on: a change of the code moves them                          \
          */

/* Plants a mistake by its word in all runs of this process; false when it has no such one, or
 * none can be planted in this build. plant [out]: its number. */
bool sim_plant(const char *word, uint32_t *plant);
/* Tells for each mistake which seed found it, by which invariant. With --recorded it begins at
 * the seed that found it last, as the tests do; with --plant it is about that one alone. A run
 * that an assertion ends is told as such and shows nothing. Returns 0 when every one was found,
 * else 1; 2 in a build where none can be planted. */
int sim_prove(const struct sim_command *command);

#endif
