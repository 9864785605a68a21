/* How a command says that it did not work: one plain sentence on stderr that names the thing
 * and what to do, with --json also {"error":{"code","text","hint"}} on stdout, and an exit
 * code. */
#ifndef P2P_CLI_ERROR_H
#define P2P_CLI_ERROR_H

#include "command.h"

#include <p2p/api.h>

/* Says it and returns exit. text without a full stop; hint may be NULL or "". */
int p2p_cli_fail(const struct p2p_cli_call *call, int exit, const char *code, const char *text,
                 const char *hint);
/* The same for a failed call of our own; message NULL or "": the sentence of err. */
int p2p_cli_fail_err(const struct p2p_cli_call *call, enum p2p_err err, const char *message);
/* The same for a reply that is a problem document. */
int p2p_cli_fail_reply(const struct p2p_cli_call *call, const struct p2p_api_reply *reply);

/* A reply made here, as the API would have made it; json is NULL when there is no memory. */
__attribute__((format(printf, 5, 6))) void p2p_cli_problem_reply(struct p2p_api_reply *reply,
                                                                 int status, const char *code,
                                                                 const char *hint,
                                                                 const char *format, ...);
/* The HTTP status with which the API would tell of err. */
int p2p_cli_status_of(enum p2p_err err);
bool p2p_cli_is_problem(const struct p2p_api_reply *reply);
/* The code of a problem document; "" for anything else. Lives with the reply. */
const char *p2p_cli_problem_code(const struct p2p_api_reply *reply);

#endif
