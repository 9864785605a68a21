/* What witness.c and witness_load.c share. Private to them. */
#ifndef P2P_WITNESS_PARTS_H
#define P2P_WITNESS_PARTS_H

#include <p2p/witness.h>

/* Whether who cosigned it is a quorum of those who may. */
bool p2p_candidate_quorum(const struct p2p_candidate *candidate,
                          const struct p2p_charter *charter, uint32_t feed);
/* Keeps the largest `count` of the candidates, which are no more than there are. */
void p2p_witnessing_drop(struct p2p_witnessing *witnessing, uint8_t count);

#endif
