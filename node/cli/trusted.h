/* What an auditor's command believes: a trust file, and the charter it means. No node.
 *
 * The charter is the federation.json or the archive named with --federation, or the
 * federation.json that lies beside the trust file, where founding and sandbox put it. It proves
 * itself when it is read; that it is the one the trust file means is asked with
 * p2p_charter_anchor. */
#ifndef P2P_CLI_TRUSTED_H
#define P2P_CLI_TRUSTED_H

#include "command.h"

#include <p2p/anchor.h>

struct p2p_cli_trusted {
    char *text; /* of the trust file; trust borrows from it */
    struct p2p_trust trust;
    struct p2p_charter *charter; /* NULL: none at hand */
};

/* Reads --trust and the charter. 0, or the exit code of what was said. Given back in every
 * case. */
int p2p_cli_trusted_init(struct p2p_cli_trusted *trusted, const struct p2p_cli_call *call);
void p2p_cli_trusted_deinit(struct p2p_cli_trusted *trusted);
/* Whether there is a charter, and the trust file means it. 0, or the exit code of what was
 * said. */
int p2p_cli_trusted_anchor(const struct p2p_cli_trusted *trusted,
                           const struct p2p_cli_call *call);

#endif
