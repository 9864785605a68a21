/* An issuer's key file, named by its path: that of whoever signs here and runs no node. */
#ifndef P2P_CLI_KEY_FILE_H
#define P2P_CLI_KEY_FILE_H

#include "command.h"

#include <p2p/keydir.h>

/* Opens it with the passphrase of --passphrase-file, or the empty one; `kdf` lies beside it, or
 * above it as in a node's keys/issuers. The caller wipes key. Errors: those of p2p_keydir_load,
 * with a sentence. */
P2P_MUST_CHECK enum p2p_err p2p_cli_key_file(const struct p2p_cli_call *call, const char *path,
                                             struct p2p_keydir_key *key, char *message,
                                             size_t cap);

#endif
