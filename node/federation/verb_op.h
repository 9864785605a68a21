/* What the charter verbs share: how they refuse, and how an op gets into the change. Private to
 * node/federation. */
#ifndef P2P_VERB_OP_H
#define P2P_VERB_OP_H

#include <p2p/verbs.h>

/* format has one %s, for what. Gives err back. */
enum p2p_err p2p_verb_say(struct p2p_verb *verb, enum p2p_err err, const char *format,
                          const char *what);
P2P_MUST_CHECK enum p2p_err p2p_verb_add(struct p2p_verb *verb,
                                         const struct p2p_charter_op *op);

#endif
