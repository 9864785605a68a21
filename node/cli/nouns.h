/* The nouns of the command line: one row of verbs each, beside the code that runs them. */
#ifndef P2P_CLI_NOUNS_H
#define P2P_CLI_NOUNS_H

#include "command.h"

/* ban.c */
extern const struct p2p_cli_noun p2p_cli_noun_ban;
/* gate.c */
extern const struct p2p_cli_noun p2p_cli_noun_gate;
/* custody.c, right.c */
extern const struct p2p_cli_noun p2p_cli_noun_custody;
extern const struct p2p_cli_noun p2p_cli_noun_right;
/* record.c */
extern const struct p2p_cli_noun p2p_cli_noun_record;
/* submit.c */
extern const struct p2p_cli_noun p2p_cli_noun_submit;
/* key.c */
extern const struct p2p_cli_noun p2p_cli_noun_key;
/* key_certificate.c: one verb of it */
int p2p_cli_key_certificate_run(struct p2p_cli_call *call);
/* node.c */
extern const struct p2p_cli_noun p2p_cli_noun_init;
extern const struct p2p_cli_noun p2p_cli_noun_serve;
extern const struct p2p_cli_noun p2p_cli_noun_wait;
extern const struct p2p_cli_noun p2p_cli_noun_status;
extern const struct p2p_cli_noun p2p_cli_noun_peers;
extern const struct p2p_cli_noun p2p_cli_noun_doctor;
extern const struct p2p_cli_noun p2p_cli_noun_watch;
/* charter.c, federation.c */
extern const struct p2p_cli_noun p2p_cli_noun_charter;
extern const struct p2p_cli_noun p2p_cli_noun_federation;
/* audit.c */
extern const struct p2p_cli_noun p2p_cli_noun_audit;
/* help.c */
extern const struct p2p_cli_noun p2p_cli_noun_help;
extern const struct p2p_cli_noun p2p_cli_noun_completion;
extern const struct p2p_cli_noun p2p_cli_noun_version;

int p2p_cli_init_run(struct p2p_cli_call *call);
int p2p_cli_charter_change_run(struct p2p_cli_call *call);
int p2p_cli_charter_sign_run(struct p2p_cli_call *call);
int p2p_cli_charter_append_run(struct p2p_cli_call *call);
int p2p_cli_charter_fetch_run(struct p2p_cli_call *call);
int p2p_cli_import_run(struct p2p_cli_call *call);
int p2p_cli_serve_run(struct p2p_cli_call *call);
int p2p_cli_wait_run(struct p2p_cli_call *call);
int p2p_cli_watch_run(struct p2p_cli_call *call);
int p2p_cli_export_run(struct p2p_cli_call *call);
int p2p_cli_receipt_run(struct p2p_cli_call *call);
int p2p_cli_verify_run(struct p2p_cli_call *call);
int p2p_cli_replay_run(struct p2p_cli_call *call);
int p2p_cli_explain_run(struct p2p_cli_call *call);
int p2p_cli_check_receipt_run(struct p2p_cli_call *call);
int p2p_cli_up_run(struct p2p_cli_call *call);
int p2p_cli_down_run(struct p2p_cli_call *call);
int p2p_cli_fleet_status_run(struct p2p_cli_call *call);

/* Runs what was parsed; the exit code. */
int p2p_cli_run(struct p2p_cli_call *call);
/* All of a command line: parse, run, say what is wrong, flush. */
int p2p_cli_main(int argc, char **argv, FILE *out, FILE *err);

#endif
