/* An audit that a question is asked of: opened by DIR and --trust, run through, and ready for
 * looks into the past. Everything a command of that kind needs; the caller owns it. */
#ifndef P2P_CLI_AUDITED_H
#define P2P_CLI_AUDITED_H

#include "command.h"
#include "progress.h"

#include <p2p/audit.h>
#include <p2p/words.h>

struct p2p_cli_audited {
    const struct p2p_cli_call *call;
    struct p2p_findings *findings;
    struct p2p_audit *audit;
    struct p2p_ledger *ledger; /* everything, replayed */
    const struct p2p_kv *kv;
    struct p2p_past *past;
    struct p2p_horizon horizon; /* sizes for every feed of the ledger */
    struct p2p_cli_stages stages;
};

/* Runs the audit of the archive at argument `dir` of the call. Returns P2P_CLI_YES, or says
 * what is wrong and returns another exit code; deinit in every case. */
int p2p_cli_audited_init(struct p2p_cli_audited *audited, const struct p2p_cli_call *call);
void p2p_cli_audited_deinit(struct p2p_cli_audited *audited); /* accepts a zeroed object */
/* Refuses an option that names a file to write inside one of the first `count` arguments, which
 * are archives: P2P_CLI_YES, or said and P2P_CLI_USAGE. */
int p2p_cli_outside(const struct p2p_cli_call *call, const char *option, size_t count);
/* "sound", "findings", "broken". */
const char *p2p_cli_verdict_word(const struct p2p_findings *findings);
/* What the command ends with when all else is well. */
int p2p_cli_audited_exit(const struct p2p_cli_audited *audited);
/* Says why nothing can be told: a file of the archive that does not fit, or err. */
int p2p_cli_audited_fail(const struct p2p_cli_audited *audited, enum p2p_err err);

#endif
