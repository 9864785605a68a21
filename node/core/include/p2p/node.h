/* A node: its directory opened, its store locked, its engine loaded.
 *
 * This is what both a daemon and a command with the daemon down stand on: configuration, keys,
 * store, checkpoint copy, spool and engine, tied together by the writer (writer.h).
 * p2p_node_open takes the store's lock; p2p_node_close gives everything back. One node per
 * directory and process. */
#ifndef P2P_NODE_H
#define P2P_NODE_H

#include <p2p/base.h>

#define P2P_MESSAGE_BYTES 512u

struct p2p_node;

struct p2p_node_options {
    const char *dir;
    const char *passphrase_file; /* NULL: empty passphrases only */
    uint32_t lock_wait_ms;       /* how long to wait for the store's lock */
};

/* message receives one plain sentence on error: what is wrong and what to do.
 * P2P_LOCKED (names the pid), P2P_PASSPHRASE, P2P_NOTFOUND (no node here), P2P_CORRUPT, P2P_IO.
 */
P2P_MUST_CHECK enum p2p_err p2p_node_open(struct p2p_node **out,
                                          const struct p2p_node_options *options,
                                          char message[P2P_MESSAGE_BYTES]);
void p2p_node_close(struct p2p_node *node); /* accepts NULL */
/* Makes a new member's store below dir and lays the charter's entries in it; a
 * p2p_member_store's make, context unused. P2P_USAGE when a store with a charter is there
 * already. */
struct p2p_charter;
P2P_MUST_CHECK enum p2p_err p2p_node_make_store(void *context, const char *dir,
                                                const char *member,
                                                const struct p2p_charter *charter,
                                                char *message, size_t message_cap);
/* Runs the daemon until SIGTERM or SIGINT: listeners, links, API. `ready` is called once when
 * it serves. Returns the exit code. */
int p2p_node_serve(struct p2p_node *node, void (*ready)(void *context, struct p2p_node *node),
                   void *context, char message[P2P_MESSAGE_BYTES]);

#endif
