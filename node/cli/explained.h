/* One decision, explained: facts as a document, the same told in steps, and the steps as text
 * or as a page. The document is the source of both, so that judge and machine read one thing.
 */
#ifndef P2P_CLI_EXPLAINED_H
#define P2P_CLI_EXPLAINED_H

#include "audited.h"
#include "style.h"

#include <p2p/decision.h>

/* A decision of the archive. payload is owned by the caller, freed with free. */
struct p2p_cli_decision {
    struct p2p_record_id id; /* of the record */
    uint32_t n;
    uint64_t time_ms; /* of the record */
    uint8_t *payload;
    struct p2p_decision parsed; /* borrows from payload */
};

/* Finds `beanr/1:17#3` (without #: the first). Returns P2P_CLI_YES, or says what is wrong and
 * returns another exit code; payload is NULL then. */
int p2p_cli_decision_find(const struct p2p_cli_audited *audited, const char *text,
                          struct p2p_cli_decision *out);
/* One line, or one object, for each decision that the archive has. Returns the exit code. */
int p2p_cli_decisions_list(const struct p2p_cli_audited *audited);
/* The facts: what was asked, known, found, answered, and what had to be answered. again [out].
 * Moves the past. */
P2P_MUST_CHECK enum p2p_err p2p_cli_explain(struct p2p_cli_audited *audited,
                                            const struct p2p_cli_decision *decision,
                                            struct p2p_decided_again *again, json_t **facts);
/* The facts told step by step: [{"title", "text": [sentence], "parts": [{"title", "text"}],
 * "table": {"heads", "rows"}}]. */
json_t *p2p_cli_explain_steps(const json_t *facts);
/* What was asked, as a sentence; returns out. */
#define P2P_CLI_TOKEN_MARK     ":token:" /* in a subject that stands as a token */
#define P2P_CLI_QUESTION_BYTES 4096u     /* sixteen subjects, and what is said of them */
const char *p2p_cli_explained_question(const json_t *facts, char out[P2P_CLI_QUESTION_BYTES]);
/* What is to be said of the archive before anything is believed; NULL: it is sound. */
const char *p2p_cli_explained_caveat(const json_t *facts);

/* ---- print_explained.c, page_explained.c ---- */

enum p2p_cli_colour p2p_cli_explained_colour(const json_t *facts);
void p2p_cli_print_explained(const struct p2p_cli_style *style, const json_t *facts);
/* A page of its own: no script, no picture, nothing from elsewhere; made for A4. */
void p2p_cli_page_explained(FILE *out, const json_t *facts);

#endif
