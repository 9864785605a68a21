/* A server on a thread of its own, on DIR/node.sock, for the client's tests: the transport's
 * real one, with a handler that answers by path. */
#ifndef SERVING_H
#define SERVING_H

#include <p2p/base.h>

struct serving;

/* Listens at "node.sock" of the current directory. NULL when it cannot. */
struct serving *serving_start(void);
/* Ends it. leave: the socket file stays, as after a kill. */
void serving_stop(struct serving *serving, bool leave);
/* Requests that came in so far. */
unsigned serving_count(const struct serving *serving);

#endif
