/* Random rights in a ledger_world: tokens that pass between members and are released, rights on
 * them, requests by those whose turn it is and by others, by who knows and who does not, about
 * one right or two, rulings by who holds the token and by who does not, at right and wrong
 * epochs, with notes and without; overrides, citations of what must not be cited or is not
 * there, bad signatures and payloads, claims that are early or false, grants and cut points in
 * between; with forks, also proofs that a feed has two histories, and blocks carried on from
 * there. What never comes up here is never tested by who uses it. */
#ifndef RIGHT_HISTORY_H
#define RIGHT_HISTORY_H

#include "right_world.h"
#include "rng.h"

/* How often rights ended in each state, and what else came up. */
struct right_met {
    unsigned states[P2P_RIGHT_STATE_COUNT];
    unsigned blocks, rescued, unruled, unsure, lights_green, lights_away, overrides, unfit,
        assigned;
};

/* Initialises the world and writes into it; adds what its rights became to *met. */
void right_history_write(struct ledger_world *world, struct rng *rng, unsigned steps,
                         bool forks, struct right_met *met);

#endif
