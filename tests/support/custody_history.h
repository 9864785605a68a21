/* Random custody in a ledger_world: opens of a few containers, steps by who holds and by who
 * does not, at right and wrong epochs, with good notes, too few cosignatures, notes of other
 * feeds and none; recounts, gates, claims that are true, early or false, cut points, an issuer
 * granted late, a generation that is closed and goes on, tokens that the charter reassigns or
 * settles;
 * with forks, also proofs that a feed has two histories, and releases carried on from there.
 * What never comes up here is never
 * tested by who uses it. */
#ifndef CUSTODY_HISTORY_H
#define CUSTODY_HISTORY_H

#include "custody_world.h"
#include "rng.h"

/* How often tokens ended in each state, and frozen for each reason. */
struct custody_met {
    unsigned states[P2P_CUSTODY_NO_EFFECT + 1];
    unsigned frozen[8];
    unsigned passed;  /* tenures beyond the first */
    unsigned rescued; /* releases that only other records carry */
};

/* Initialises the world and writes into it; adds what its tokens became to *met. */
void custody_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                           bool forks, struct custody_met *met);

#endif
