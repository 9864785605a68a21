/* What a gate may say that does not follow from what an audit holds. Private to decided*.c. */
#ifndef P2P_DECIDED_CLAIM_H
#define P2P_DECIDED_CLAIM_H

#include <p2p/decision.h>

/* Whether a reason that does not follow may be one that only the gate could know:
 *
 *   - that it was not complete;
 *   - while it might not append, a ban of a forked feed that it kept aside;
 *   - of a collect while it was not complete, what then followed without some payload: that
 *     there was nothing to release, or a record that it knew, of a circle it looks into, of a
 *     kind that such a reason has, with effect, and about a token of that container.
 *
 * The past stands where the gate stood. P2P_NOMEM, P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_decided_may_claim(struct p2p_past *past,
                                                  const struct p2p_gate_place *place,
                                                  const struct p2p_decision *decision,
                                                  const struct p2p_gate_reason *reason,
                                                  bool *may);

#endif
