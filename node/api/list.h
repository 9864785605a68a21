/* Lists of what a view holds, page by page: a row of walks, each over one index in one circle.
 *
 * `after` of a request, and `next` of its answer, is <the walk's circle>/<id of the last one
 * looked at>, of a walk by one of the circle's keys <circle>.<epoch>/<id>: so it goes on where
 * it was also when this member joined or left a circle meanwhile. A page ends at the rows asked
 * for (`limit`, at most P2P_LIST_ROWS_MAX), or at so many looked at, or so many bytes: then it
 * may hold fewer rows, even none, and still have a next. Private to node/api. */
#ifndef P2P_LIST_H
#define P2P_LIST_H

#include "call.h"

#define P2P_LIST_ROWS_DEFAULT 100u
#define P2P_LIST_ROWS_MAX     1000u
#define P2P_LIST_LOOK_MAX     200000u
#define P2P_LIST_BYTES_MAX    ((size_t)4 << 20)
#define P2P_LIST_WALKS_MAX    P2P_GATE_CIRCLES_MAX

/* A walk by which a list goes: ascending. epoch 0: of the whole circle. */
struct p2p_list_walk {
    uint32_t circle;
    uint32_t epoch;
};
/* Reads `after`: the walk to go on in (count: none is left) and the last id looked at there.
 * begin [out]: that walk is looked at from its first. False with an error reply. */
bool p2p_list_after(struct p2p_call *call, const struct p2p_node *node,
                    const struct p2p_list_walk *walks, size_t count, size_t *at,
                    struct p2p_record_id *last, bool *begin);
/* `next` for a page that ended there. */
json_t *p2p_list_next(const struct p2p_node *node, const struct p2p_list_walk *walk,
                      const struct p2p_record_id *last);

struct p2p_list {
    struct p2p_node *node;
    const char *name; /* of the rows' array in the answer */
    struct p2p_list_walk walks[P2P_LIST_WALKS_MAX];
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
