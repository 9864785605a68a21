/* A set of what a file has shown already: 16 bytes of SHA-256 each, so that a million lines
 * take some tens of megabytes however long they are. Nothing is ever taken out. One thread. */
#ifndef P2P_CLI_SEEN_H
#define P2P_CLI_SEEN_H

#include <p2p/base.h>

#define P2P_CLI_SEEN_MAX 4000000u

struct p2p_cli_seen {
    uint8_t (*slots)[16]; /* all zero: free */
    size_t capacity;      /* a power of two */
    size_t count;
};

void p2p_cli_seen_deinit(
    struct p2p_cli_seen *seen); /* accepts a zeroed object, which is empty */
/* Adds the text; *is_new tells whether it was not there. P2P_TOOLARGE at P2P_CLI_SEEN_MAX,
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_cli_seen_add(struct p2p_cli_seen *seen,
                                             const struct p2p_slice *parts, size_t count,
                                             bool *is_new);

#endif
