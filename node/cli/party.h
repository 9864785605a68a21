/* A party's side of the API: the client certificate that its issuer key vouches for, made with
 * the key in hand and given to nobody (p2p/party.h). */
#ifndef P2P_CLI_PARTY_H
#define P2P_CLI_PARTY_H

#include "command.h"

#include <p2p/keydir.h>
#include <p2p/tls.h>

/* key: an issuer's; federation: its name; now_ms: POSIX. From ten minutes ago, for clocks that
 * differ, to valid_s from now. P2P_USAGE (the key's name is no issuer's), P2P_IO. The caller
 * wipes pem. */
P2P_MUST_CHECK enum p2p_err p2p_cli_party_pem(const struct p2p_keydir_key *key,
                                              const char *federation, uint64_t now_ms,
                                              uint64_t valid_s, struct p2p_people_pem *pem,
                                              char *message, size_t message_cap);

#endif
