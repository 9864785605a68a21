/* The inside of an explanation. Private to the files cli/explained*.c:
 *
 *   explained_find.c     finding a decision
 *   explained_list.c     all there are
 *   explained.c          the facts that every one has
 *   explained_bans.c     the facts about bans
 *   explained_collect.c  the facts of a collect: token, rights, their records
 *   explained_weighed.c  the facts of a collect: the rules that were asked
 *   explained_steps.c    the facts told step by step
 *   explained_release.c  the steps of a collect
 */
#ifndef P2P_CLI_EXPLAINED_PARTS_H
#define P2P_CLI_EXPLAINED_PARTS_H

#include "explained.h"

/* Records on a token or a right that are told, by id, and rights on a token; of more it is said
 * how many there are. */
#define P2P_CLI_EXPLAINED_RECORDS_MAX 512u
#define P2P_CLI_EXPLAINED_RIGHTS_MAX  32u

struct telling {
    struct p2p_cli_audited *audited; /* its past stands at what the gate knew */
    const struct p2p_cli_decision *decision;
    const struct p2p_decided_again *again;
    struct p2p_arena arena; /* of the ledger, and reset between looks */
    struct p2p_gate_place place;
    json_t *found;
    json_t *unknown;
};

/* The content of the record, owned by decision->payload. P2P_NOTFOUND: it is not here. */
P2P_MUST_CHECK enum p2p_err explained_payload(const struct p2p_cli_audited *audited,
                                              struct p2p_cli_decision *decision,
                                              struct p2p_slice *payload);
/* [{"code", "record"}]. */
json_t *explained_reasons(const struct p2p_cli_audited *audited,
                          const struct p2p_gate_reason *reasons, size_t count);
/* Who or what was presented, a list for each, as it stands there: in clear, or a token for each
 * key. checks [out]: whether all check digits are right. */
json_t *explained_presented(const struct p2p_cli_audited *audited,
                            const struct p2p_decision *decision, bool *checks);
/* Whether the gate knew of it. */
bool explained_was_known(const struct telling *telling, const struct p2p_record_id *id);
/* Who wrote it, and when; NULL: it is not here, or there is no memory. */
json_t *explained_record_json(const struct telling *telling, const struct p2p_record_id *id);
/* Adds a record that the gate did not know, and whether it was written after the answer: by its
 * place in the gate's own feed, by its author's clock in another. Each once; takes json. */
void explained_add_unknown(struct telling *telling, const struct p2p_record_id *id,
                           json_t *json);
/* Fills found and unknown with the bans that the question met. P2P_NOMEM, P2P_CORRUPT, or the
 * seam's. */
P2P_MUST_CHECK enum p2p_err explained_bans(struct telling *telling);
/* What a collect was about, as the gate knew it; what it did not know is added to unknown.
 * P2P_NOMEM, P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err explained_collect(struct telling *telling, json_t **collect);

/* [{"stands": for, against, overruled, unsure or told, "what", "code", "at_least", "record",
 * "rule", "own_word"}], in the order of a gate. custody NULL: no token; right NULL: none was
 * weighed; of both no slice is read. NULL without memory. */
json_t *explained_weigh(const struct telling *telling, const struct p2p_custody *custody,
                        const struct p2p_right *right);

/* ---- steps ---- */

#define EXPLAINED_LINE_BYTES P2P_CLI_QUESTION_BYTES

/* A step without sentences. */
json_t *explained_begin(const char *title);
/* One more sentence, cut at EXPLAINED_LINE_BYTES. */
__attribute__((format(printf, 2, 3))) void explained_say(json_t *step, const char *format, ...);
/* The table of a step; heads end with NULL. Rows are borrowed from the step. */
json_t *explained_table(json_t *step, const char *const *heads);
/* Adds the steps of a collect. */
void explained_release(json_t *steps, const json_t *collect);

#endif
