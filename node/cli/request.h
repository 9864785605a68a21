/* From a parsed call to requests of the API, and from replies to what the terminal shows.
 *
 * p2p_cli_request_run is the `run` of every verb that is one request or one list: body or query
 * come from the options (a key is the long name with _ for -; LOCAL ones are left out),
 * --prepare sends the same request to /v1/prepare, lists follow `next` page by page. Verbs with
 * a course of their own use the pieces. */
#ifndef P2P_CLI_REQUEST_H
#define P2P_CLI_REQUEST_H

#include "command.h"
#include "error.h"
#include "session.h"
#include "style.h"

#define P2P_CLI_PAGE_ROWS      500u
#define P2P_CLI_PATH_BYTES     2048u
#define P2P_CLI_UNLOCK_SECONDS 60u /* for a passphrase given with the command itself */

int p2p_cli_request_run(struct p2p_cli_call *call);

/* The body of a POST: options, arguments and --as. NULL: no memory. The caller frees it. */
json_t *p2p_cli_body(const struct p2p_cli_call *call);
/* "a=b&c=d" of the options that are not LOCAL. False: too long. */
bool p2p_cli_query(const struct p2p_cli_call *call, char out[P2P_CLI_PATH_BYTES]);
/* Appends name=value, percent-encoded, after a & when needed. False: too long. */
bool p2p_cli_query_add(char out[P2P_CLI_PATH_BYTES], const char *name, const char *value);
/* prefix and text, percent-encoded but for what a path may hold. False: too long. */
bool p2p_cli_path(char out[P2P_CLI_PATH_BYTES], const char *prefix, const char *text);

/* Sends body, or asks to have it prepared when --prepare is given, and says what came of it.
 * Takes body; NULL is told as no memory. */
int p2p_cli_post(struct p2p_cli_call *call, const char *path, json_t *body);

void p2p_cli_session_of(struct p2p_cli_session *session, const struct p2p_cli_call *call);
/* One POST of what needs an issuer's key: when the node says that the key is locked and a
 * passphrase file was given, unlocks it there for a minute and asks again. */
void p2p_cli_append(const struct p2p_cli_call *call, struct p2p_cli_session *session,
                    const struct p2p_api_request *request, struct p2p_api_reply *reply);
/* Prints a reply that is one document, or says what is wrong, and returns the exit code. print
 * NULL: JSON for people too. */
int p2p_cli_show(const struct p2p_cli_call *call, const struct p2p_api_reply *reply,
                 void (*print)(const struct p2p_cli_style *style, const json_t *reply));
/* The same of an append, in the words of the command: its id and level. */
int p2p_cli_show_append(const struct p2p_cli_call *call, const struct p2p_api_reply *reply);
/* The rows of a list's reply: its member `name`, or the reply itself when it is an array. */
const json_t *p2p_cli_rows(const json_t *reply, const char *name);

#endif
