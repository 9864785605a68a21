/* What checks and collects share: reading the question, and the answer as people get it.
 * Private to node/api. */
#ifndef P2P_GATE_ANSWER_H
#define P2P_GATE_ANSWER_H

#include "call.h"

#include <p2p/gate.h>

/* Makes call->job and reads gate, keys and subjects into its check, on behalf of a member that
 * has gates. NULL with an error reply. */
struct p2p_gate_check *p2p_gate_question_read(struct p2p_call *call, struct p2p_node *node,
                                              const char *const *keys);
/* Replies with what the job came to: once it is durable, or, for what it will say, before. */
void p2p_gate_answer_reply(struct p2p_call *call, struct p2p_node *node);

#endif
