/* The inside of links and of one link (link.h): links.c makes them, link.c carries their bytes.
 */
#ifndef P2P_TRANSPORT_LINK_PRIVATE_H
#define P2P_TRANSPORT_LINK_PRIVATE_H

#include "chunks.h"
#include "conn.h"
#include "listener.h"

#include <p2p/link.h>

struct p2p_links {
    struct p2p_net *net;
    SSL_CTX *accept, *dial;
    struct p2p_links_user user;
    struct p2p_listener listener;
    uint32_t count; /* links not yet freed, strangers included */
    bool closing;
    struct p2p_net_due closing_due;
    void (*on_closed)(void *user);
    void *closed_user;
};

/* A link is `announced` when its user knows of it: from a successful dial, or from link_up.
 * Only then does link_down come. It is `up` from link_up until its end was asked for by either
 * side. */
struct p2p_link {
    struct p2p_conn conn; /* first */
    struct p2p_links *links;
    struct p2p_tls_judge judge;
    void *data;
    int32_t stream; /* 0: none yet */
    bool announced, up, draining;
    bool deferred;     /* nghttp2 waits for resume_data */
    bool writable_due; /* link_writable at the low mark */
    bool is_post, is_peer_path;
    unsigned status; /* of the answer to our POST */
    struct p2p_chunks queue;
    size_t consumed_due; /* to be told to nghttp2 */
    struct p2p_link_counts counts;
    char reason[P2P_LINK_REASON_BYTES + 1]; /* of a graceful end */
};

/* What a link does with its connection's events; in link.c. */
extern const struct p2p_conn_user p2p_link_conn_user;
/* A link of these was freed: the last one out lets closing links go. */
void p2p_links_freed_one(struct p2p_links *links);

#endif
