/* Lists of what a view holds, page by page: a row of walks, each over one index in one circle.
 *
 * `after` of a request, and `next` of its answer, is <number of the walk>/<id of the last one
 * looked at>. A page ends at the rows asked for (`limit`, at most P2P_LIST_ROWS_MAX), or at so
 * many looked at, or so many bytes: then it may hold fewer rows, even none, and still have a
 * next. Private to node/api. */
#ifndef P2P_LIST_H
#define P2P_LIST_H

#include "call.h"

#define P2P_LIST_ROWS_DEFAULT 100u
#define P2P_LIST_ROWS_MAX     1000u
#define P2P_LIST_LOOK_MAX     200000u
#define P2P_LIST_BYTES_MAX    ((size_t)4 << 20)
#define P2P_LIST_WALKS_MAX    P2P_GATE_CIRCLES_MAX

struct p2p_list {
    struct p2p_node *node;
    const char *name;                     /* of the rows' array in the answer */
    uint32_t circles[P2P_LIST_WALKS_MAX]; /* a walk each */
    size_t walk_count;
    /* The next id of a walk behind *after; P2P_NOTFOUND at its end. */
    enum p2p_err (*next)(const struct p2p_list *list, uint32_t circle,
                         const struct p2p_record_id *after, bool begin,
                         struct p2p_record_id *out);
    /* One row, or NULL in *row when the request does not ask for it; bytes: about how long. */
    enum p2p_err (*row)(struct p2p_list *list, uint32_t circle, const struct p2p_record_id *id,
                        json_t **row, size_t *bytes);
    void *context;
};

/* Walks all circles of the gate's place. */
void p2p_list_everywhere(struct p2p_list *list, struct p2p_node *node);
/* Reads `limit` and `after`, walks, replies {name: [...], "next"}. */
void p2p_list_reply(struct p2p_call *call, struct p2p_list *list);

#endif
