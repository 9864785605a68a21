/* What the verbs of rights share. Private to node/api/right_*.c and those who append. */
#ifndef P2P_RIGHT_VERBS_H
#define P2P_RIGHT_VERBS_H

#include "verb.h"

/* ---- reading (right_issue.c); false with an error reply ---- */

/* `to`, an issuer of the charter. */
bool p2p_right_read_party(struct p2p_call *call, struct p2p_node *node, uint32_t *party);
/* Flags one who has no grant to accept. */
void p2p_right_flag_party(struct p2p_call *call, const struct p2p_node *node, uint32_t party);
/* key: the option's name, for the error. */
bool p2p_right_read_time(struct p2p_call *call, const char *key, const char *text,
                         uint64_t *ms);
bool p2p_right_read_issue(struct p2p_call *call, struct p2p_node *node, struct p2p_append *out);
bool p2p_right_is_word(const char *text, const char *const *words); /* words end with NULL */

/* ---- who may issue, and what is issued already (right_issue.c) ---- */

/* Whether he may issue a right on that token: for its facility, or where his member has or had
 * it. */
bool p2p_right_may_issue(struct p2p_node *node, const struct p2p_append *append,
                         const struct p2p_issuer *issuer);
/* Whether the right that an issue would begin lives: *stands, as *id. That is one on the same
 * token by an issuer of the same member with the same bill of lading, reference and first
 * party, PENDING or ACTIVE (blocked or not) and not expired; what lies with its issuer again
 * may be issued anew. False with an error reply when that one says something else beside (until
 * when, which terminal, by which means), or is being issued in this very batch. Other kinds
 * never stand. */
bool p2p_right_stands(struct p2p_call *call, struct p2p_node *node,
                      const struct p2p_append *append, const struct p2p_issuer *issuer,
                      bool *stands, struct p2p_record_id *id);
/* Keeps in mind for this batch that an issue was given to the engine: it is in no view yet.
 * Other kinds are passed over. append: borrowed until the batch ends, as the call is. */
void p2p_right_given(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_append *append);

#endif
