/* The charter a command works on: the node's own, or a federation.json named with --federation.
 * Both are verified when they are read, and take new entries. */
#ifndef P2P_CLI_CHARTER_SOURCE_H
#define P2P_CLI_CHARTER_SOURCE_H

#include "session.h"

#include <p2p/bundle.h>

struct p2p_cli_charter {
    const struct p2p_cli_call *call;
    const char *file; /* NULL: the node's */
    struct p2p_cli_session session;
    struct p2p_charter *charter;
    uint64_t known_size; /* of the charter when it was read: what is above it is new */
};

/* Reads it. 0, or the exit code of what was said. Given back with deinit in every case. */
int p2p_cli_charter_init(struct p2p_cli_charter *source, const struct p2p_cli_call *call);
void p2p_cli_charter_deinit(struct p2p_cli_charter *source);

/* Hands entries first and up of `from` to the node, in requests of bounded size, or replaces
 * the file by the whole of `from`. The exit code; it says what went wrong and what was done. */
int p2p_cli_charter_give(struct p2p_cli_charter *source, const struct p2p_charter *from,
                         uint64_t first);

#endif
