/* Random records for a ledger_world: impositions, lifts, suspends, resumes and amends by honest
 * and other authors, claims that are true, false or early, wrong signatures and numbers, grants
 * and cut points in between; with forks, also proofs that a feed has two histories, bans
 * carried on from there, and a generation that is closed. What never comes up here is never
 * tested by who uses it. */
#ifndef LEDGER_HISTORY_H
#define LEDGER_HISTORY_H

#include "ledger_node.h"
#include "rng.h"

/* Initialises the world and writes into it. */
void ledger_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                          bool forks);

/* Every feed and the charter in its own order, everything else as the seed says: who goes
 * first, where batches end, when the ledger is folded early or opened again. */
void ledger_history_take(struct ledger_node *node, struct rng *rng);
/* One random claim that is false, smaller than an earlier one, or about what is not written
 * yet. */
void ledger_history_lie(struct ledger_world *world, struct rng *rng);
/* A record that tells that a feed has two histories, with a size that was witnessed; 0: with
 * none. */
void ledger_history_tell(struct ledger_world *world, uint32_t by, uint32_t accused,
                         uint64_t size);
/* Somebody tells that a feed has two histories. */
void ledger_history_fork(struct ledger_world *world, struct rng *rng);

#endif
