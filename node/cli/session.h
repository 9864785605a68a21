/* A node to ask: the one that serves in a directory, or, when none does, the directory's own
 * node opened here for as long as the session lasts.
 *
 * A call always yields a reply; what goes wrong on the way is a problem document like the API's
 * own. While another command or a starting daemon holds the store's lock, a call goes on trying
 * the socket and the lock for P2P_CLI_LOCK_MS. Once the session works itself it keeps the lock.
 * One thread. */
#ifndef P2P_CLI_SESSION_H
#define P2P_CLI_SESSION_H

#include "command.h"

#include <p2p/api.h>

#define P2P_CLI_LOCK_MS    10000u
#define P2P_CLI_TIMEOUT_MS 60000u /* one exchange; --level waits 30 s of it */

struct p2p_cli_session {
    const char *dir;
    const char *passphrase_file;
    bool socket_only; /* never opens the node here: for what only a serving node can do */
    struct p2p_cli_http *http;
    struct p2p_node *node;
};

/* Borrows dir and passphrase_file; opens nothing yet. */
void p2p_cli_session_init(struct p2p_cli_session *session, const char *dir,
                          const char *passphrase_file);
void p2p_cli_session_deinit(struct p2p_cli_session *session);

/* The caller gives the reply back with p2p_api_reply_deinit. */
void p2p_cli_session_call(struct p2p_cli_session *session,
                          const struct p2p_api_request *request, struct p2p_api_reply *reply);
/* The same for a request without a body. */
void p2p_cli_session_get(struct p2p_cli_session *session, const char *path, const char *query,
                         struct p2p_api_reply *reply);

/* CLOCK_MONOTONIC, and a pause that gives way to other processes. */
uint64_t p2p_cli_now_ms(void);
void p2p_cli_pause_ms(uint32_t ms);

#endif
