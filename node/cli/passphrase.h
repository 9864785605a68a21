/* What the verbs that work on keys and charters outside a node have in common: their passphrase
 * and the time they write. */
#ifndef P2P_CLI_PASSPHRASE_H
#define P2P_CLI_PASSPHRASE_H

#include "command.h"

#include <p2p/keydir.h>

/* CLOCK_REALTIME. */
uint64_t p2p_cli_wall_ms(void);
/* Of --passphrase-file; without one the empty passphrase. The caller wipes out. */
P2P_MUST_CHECK enum p2p_err p2p_cli_passphrase(const struct p2p_cli_call *call,
                                               char out[P2P_PASSPHRASE_BYTES_MAX], size_t *len,
                                               char *message, size_t message_cap);

#endif
