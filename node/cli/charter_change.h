/* The charter verbs that make a version: from the words of a call to ops of one change. */
#ifndef P2P_CLI_CHARTER_CHANGE_H
#define P2P_CLI_CHARTER_CHANGE_H

#include "charter_source.h"

#include <p2p/verbs.h>

/* Packs the ops of call's verb. term is the version's, changed by settle. P2P_USAGE and what
 * the verbs say, with verb->message. source brings what has to be asked of the node. */
P2P_MUST_CHECK enum p2p_err p2p_cli_change_fill(const struct p2p_cli_call *call,
                                                struct p2p_cli_charter *source,
                                                struct p2p_verb *verb, uint64_t *term);

/* Those about containers' custody (charter_token.c): what the node sees to be a mistake is
 * refused. With --federation no node is asked. */
P2P_MUST_CHECK enum p2p_err p2p_cli_fill_reassign(const struct p2p_cli_call *call,
                                                  struct p2p_cli_charter *source,
                                                  struct p2p_verb *verb);
P2P_MUST_CHECK enum p2p_err p2p_cli_fill_settle_opens(const struct p2p_cli_call *call,
                                                      struct p2p_cli_charter *source,
                                                      struct p2p_verb *verb);
/* A record's id, as beanr/1:17, taken apart; feed has room for an origin. */
bool p2p_cli_token_read(const char *id, char feed[P2P_ORIGIN_BYTES_MAX + 1], uint64_t *index);

/* All texts of an option that repeats, borrowed, ending at *count; NULL without memory. The
 * caller frees the array. */
const char **p2p_cli_values(const struct p2p_cli_call *call, const char *name, size_t *count);

#endif
