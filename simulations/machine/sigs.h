/* The signatures of a run: the twin of p2p/sigs_pool.h.
 *
 * In most runs a signature is BLAKE2b-512 of the message, keyed with the public key: anybody
 * could make one, but what nobody makes on purpose does not verify, which is all that a run
 * needs; Ed25519 would take nine tenths of its time. One pool serves all machines: nothing is
 * verified ahead. */
#ifndef SIM_SIGS_H
#define SIM_SIGS_H

#include <p2p/sigs_pool.h>

/* real: Ed25519 all the same. Ends with p2p_sigs_pool_close. */
struct p2p_sigs_pool *sim_sigs_new(bool real);

#endif
