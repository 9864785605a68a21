/* How a federation scales: ./dev sim --sweep.
 *
 * Each point is a federation of so many nodes, in a full mesh or in a partial view, on lines of
 * 20 ms with 1 % loss, without any other fault. It starts from nothing and comes to rest, and
 * everybody writes once; then notes are written at random members, and each is followed to
 * every node; then a fifth of the nodes goes at once, and it goes on; a third time when
 * everybody who is left wrote once more. A point is one line of JSON in DIR/sweep.jsonl; points
 * that stand there are not run again. simulations/plot.sh draws RESULTS.md's plots from it. */
#ifndef SIM_SWEEP_H
#define SIM_SWEEP_H

#include "options.h"

/* Exit status. */
int sim_sweep(const struct sim_command *command);

#endif
