/* What was said of a container before: a message is known again beyond its interchange.
 *
 * A sender's computer that sends an order a second time gives it another interchange reference,
 * and means the same order. So what a message says of a container is known by sender, message
 * type, document (BGM 1001 and 1004), function (BGM 1225) and container. In the journal (map
 * `said`), by sender, type and container:
 *
 *     {"t":ms,"said":[{"doc":"129 RO-77","function":"9","content":"...","bl":"BL77",
 *                      "task":KEY,"ids":[...],"done":true,"over":true}, ...]}
 *
 *     begun --its task is done--> done --something later reverses it--> over
 *       |---- its task is refused: forgotten, it may be sent again
 *
 * What is done is not done again. What was reversed since (cancelled or replaced, for the same
 * bill of lading where both name one; a cancellation by a later order) is no longer so:
 * answered as done it would be a lie, done again it would undo what came later. It is refused,
 * as is an original (function 9) whose number said something else: both are said under another
 * number, or with function 5. Messages without a number are not known again. Main thread. */
#ifndef P2P_TRADE_SAID_H
#define P2P_TRADE_SAID_H

#include "journal.h"

#define P2P_SAID_MAX 32u /* of one container; of more the first are forgotten */

enum p2p_said {
    P2P_SAID_NEW,       /* its own to do, now noted as begun */
    P2P_SAID_DONE,      /* another message had it done */
    P2P_SAID_WAITS,     /* another message's task waits for the same */
    P2P_SAID_REVERSED,  /* it was done, and reversed since */
    P2P_SAID_OTHERWISE, /* the number said something else */
};

/* What there is to do for a task, by its entry in the map `tasks`. ids: those of what was done,
 * borrowed until the next put; NULL but for DONE. Errors of the journal. */
P2P_MUST_CHECK enum p2p_err p2p_said_look(struct p2p_journal *journal, const char *key,
                                          const json_t *entry, uint64_t now_ms,
                                          enum p2p_said *out, const json_t **ids);
/* The task that was NEW is over: what it said is done, and reverses what it does; or it is
 * forgotten. Likewise. */
P2P_MUST_CHECK enum p2p_err p2p_said_end(struct p2p_journal *journal, const char *key,
                                         const json_t *entry, uint64_t now_ms, bool done);
/* The bill of lading that the first of a task's steps names which names one; "" for none. */
const char *p2p_said_bl(const json_t *task);

#endif
