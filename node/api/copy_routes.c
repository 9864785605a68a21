/* A copy of the store, for an export that reads long while this node goes on writing. It is
 * made in the slow part of the call (api.h), beside the writer. */
#include "call.h"

#include <p2p/assert.h>
#include <p2p/file.h>
#include <p2p/node_export.h>

struct copying {
    enum p2p_err err;
    char path[P2P_PATH_BYTES_MAX];
};

void p2p_copy_make(struct p2p_call *call, struct p2p_node *node)
{
    struct copying *copying = p2p_call_take(call, sizeof(*copying));
    call->state = copying;
    copying->err = p2p_path_join(copying->path, node->dir, P2P_EXPORT_COPY_NAME);
    if (copying->err == P2P_OK) {
        copying->err = p2p_store_copy_remove(copying->path); /* of an export that was killed */
    }
    if (copying->err == P2P_OK) {
        copying->err = p2p_store_copy(node->store, copying->path);
        if (copying->err != P2P_OK && p2p_store_copy_remove(copying->path) != P2P_OK) {
            copying->err = P2P_IO;
        }
    }
}

void p2p_copy_start(struct p2p_call *call, struct p2p_node *node)
{
    const struct copying *copying = call->state;
    (void)node;
    p2p_assert(copying != NULL); /* its slow part was run */
    switch (copying->err) {
    case P2P_OK:
        p2p_call_reply(call, json_pack("{s:s}", "copy", copying->path));
        break;
    case P2P_LOCKED:
        p2p_call_error(call, 503, "locked", "wait until it is done", "another export reads %s",
                       copying->path);
        break;
    case P2P_FULL:
        p2p_call_error(call, 503, "full", "free as much space as the store takes",
                       "the disk has no room for a copy of the store");
        break;
    default:
        p2p_call_error(call, 503, p2p_err_name(copying->err), "see port2port doctor",
                       "the store could not be copied to %s: %s", copying->path,
                       p2p_err_text(copying->err));
        break;
    }
}

const struct p2p_route p2p_copy_routes[] = {
    {.method = "POST",
     .path = "/v1/store/copy",
     .start = p2p_copy_start,
     .who = P2P_WHO_SOCKET,
     .reply = "StoreCopy"},
    {0},
};
