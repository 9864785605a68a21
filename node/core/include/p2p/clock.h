/* This machine's clocks and randomness, as one batch of the writer is given them.
 *
 * The monotonic clock counts suspension (CLOCK_BOOTTIME): a lease must not stand still while a
 * machine sleeps. simulations/ gives the writer a clock of its own through this header. */
#ifndef P2P_CLOCK_H
#define P2P_CLOCK_H

#include <p2p/engine.h>

struct p2p_node;

/* The time at a node now, and 32 fresh random bytes. */
void p2p_node_now(const struct p2p_node *node, struct p2p_now *now);

#endif
