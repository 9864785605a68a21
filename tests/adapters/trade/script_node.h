/* A node that answers as a script says, over the transport's own server on a thread of its own,
 * for tests of what is asked of a node. */
#ifndef SCRIPT_NODE_H
#define SCRIPT_NODE_H

#include <p2p/base.h>

struct script_line {
    const char *asked;  /* "POST /v1/rights", or "GET /v1/rights?container=X": exactly */
    unsigned status;    /* of the answer */
    const char *answer; /* JSON */
    const char *body;   /* of the request; NULL: it is not looked at */
};

struct script_node;

/* Listens at path. lines: ends with one without `asked`; borrowed. NULL when it cannot. */
struct script_node *script_node_start(const char *path, const struct script_line *lines);
/* Ends it. False: what was asked was something else than the script, or less; told on stderr.
 */
bool script_node_stop(struct script_node *node);
/* The body of the n-th request, from 0; the node's own, only after all of them were answered.
 */
const char *script_node_body(const struct script_node *node, unsigned n);

#endif
