/* Ed25519 over several threads: fills the signature seam for a node.
 *
 * verify_many splits a batch over the caller and P2P_SIGS_THREADS_MAX helpers at most and
 * returns when all verdicts are in; small batches stay with the caller. One caller at a time:
 * the writer's thread.
 *
 * What a batch of frames will ask for can be announced: helpers then verify ahead, in order,
 * while the caller does other work, and verify_many takes over the verdict on exactly the same
 * key, signature and message. Whatever was not announced is verified when it is asked for; an
 * announcement that nobody asks for costs time and changes nothing. */
#ifndef P2P_SIGS_POOL_H
#define P2P_SIGS_POOL_H

#include <p2p/sigs.h>

#define P2P_SIGS_THREADS_MAX 7u

struct p2p_sigs_pool;
/* helpers: threads beside the caller; 0 is legal. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_sigs_pool_open(struct p2p_sigs_pool **out, unsigned helpers);
void p2p_sigs_pool_close(struct p2p_sigs_pool *pool); /* accepts NULL */
const struct p2p_sigs *p2p_sigs_pool_sigs(struct p2p_sigs_pool *pool);

/* jobs and what they point to: borrowed until p2p_sigs_pool_ahead_end, which waits for helpers
 * to let go of them. At most one announcement at a time. */
void p2p_sigs_pool_ahead(struct p2p_sigs_pool *pool, struct p2p_verify_job *jobs, size_t count);
void p2p_sigs_pool_ahead_end(struct p2p_sigs_pool *pool); /* also when none is open */

#endif
