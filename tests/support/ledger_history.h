/* Random records for a ledger_world: impositions, lifts, suspends, resumes and amends by honest
 * and other authors, claims that are true, false or early, wrong signatures and numbers, grants
 * and cut points in between; with forks, also proofs that a feed has two histories, bans
 * carried on from there, and a generation that is closed. What never comes up here is never
 * tested by who uses it. */
#ifndef LEDGER_HISTORY_H
#define LEDGER_HISTORY_H

#include "ledger_world.h"
#include "rng.h"

/* Initialises the world and writes into it. */
void ledger_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                          bool forks);

#endif
