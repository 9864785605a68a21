/* What the verbs of custody share. Private to node/api/custody_*.c and doctor.c. */
#ifndef P2P_CUSTODY_VERBS_H
#define P2P_CUSTODY_VERBS_H

#include "call.h"
#include "verb.h"

/* The only token that fits of the container that the request names. False with an error reply;
 * wanted: what it should have been, "held here". */
bool p2p_custody_find_one(struct p2p_call *call, struct p2p_node *node,
                          bool (*fits)(const struct p2p_node *, const struct p2p_custody *),
                          const char *wanted, struct p2p_custody *out);
/* Released on a history that its feed lost: it is opened anew, wherever it stands now, once two
 * counted it here. */
bool p2p_custody_waits_for_count(const struct p2p_node *node,
                                 const struct p2p_custody *custody);
/* Packs a step as the content of out. False with an error reply. */
bool p2p_custody_pack_step(struct p2p_call *call, const struct p2p_custody_step *step,
                           struct p2p_append *out);
/* second: NULL, or what else it cites. */
void p2p_custody_cite(struct p2p_call *call, struct p2p_append *out,
                      const struct p2p_record_id *first, const struct p2p_record_id *second);

/* ---- custody_recount.c ---- */

bool p2p_custody_read_recount(struct p2p_call *call, struct p2p_node *node,
                              struct p2p_append *out);
/* The newest entry of the charter by which another is to hold this token from where it stands;
 * NULL: none. */
const struct p2p_reassign *p2p_custody_given(const struct p2p_node *node,
                                             const struct p2p_custody *custody);
/* What a recount by who it gives it to names: where the seals that were waited for are enough,
 * they alone. */
P2P_MUST_CHECK enum p2p_err p2p_custody_seals(struct p2p_node *node,
                                              const struct p2p_custody *custody,
                                              const struct p2p_reassign *given,
                                              struct p2p_sealing *sealing);
/* The tokens that the charter gives to this member and that too few have sealed: how many, and
 * in words of the first what is missing. At most P2P_UNSEALED_LOOKED_AT are looked at. */
#define P2P_SEALING_TEXT_BYTES 600u
#define P2P_UNSEALED_LOOKED_AT 64u
P2P_MUST_CHECK enum p2p_err p2p_custody_unsealed(const struct p2p_node *node, size_t *count,
                                                 char first[P2P_SEALING_TEXT_BYTES]);

/* ---- custody_frozen.c ---- */

/* A token as a document, with what the charter says of it while it is frozen by that, and what
 * helps. */
json_t *p2p_custody_json(struct p2p_node *node, const struct p2p_custody *custody);

#endif
