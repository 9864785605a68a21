/* An archive of what a node holds, from its store or from a copy of it.
 *
 * While a node serves, its store is nobody else's: it makes a copy on request (POST
 * /v1/store/copy), which is exported and removed. Without, the store is opened for reading and
 * its lock shared with other readers for as long as the export takes. No key of the node is
 * needed but those in the store. One thread. */
#ifndef P2P_NODE_EXPORT_H
#define P2P_NODE_EXPORT_H

#include <p2p/export.h>
#include <p2p/node.h>

/* Below a node's directory: the copy that is exported while it serves. */
#define P2P_EXPORT_COPY_NAME "store.copy"

struct p2p_node_export {
    const char *dir;          /* the node's */
    bool copied;              /* export the copy in it and remove it; else the store */
    const char *out_dir;      /* see p2p_export_options */
    const char *const *feeds; /* names as `beanr/1` */
    size_t feed_count;        /* 0: all */
    uint32_t lock_wait_ms;    /* how long to wait for the store's lock */
    void (*progress)(void *context, uint64_t done_records, uint64_t of_records);
    void *context;
};

/* message [out]: one sentence on error. Beyond the errors of p2p_export_run: P2P_NOTFOUND (no
 * store, no such feed), P2P_LOCKED (names the pid), P2P_MALFORMED (config.yaml). */
P2P_MUST_CHECK enum p2p_err p2p_node_export(const struct p2p_node_export *what,
                                            struct p2p_export_result *result,
                                            char message[P2P_MESSAGE_BYTES]);

#endif
