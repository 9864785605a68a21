/* Two nodes that know each other, `a` dialling `b`. */
#ifndef PAIR_H
#define PAIR_H

#include "net_world.h"

struct pair {
    struct world world;
    struct node a, b;
};

/* b listens; alloc NULL: the default. */
void pair_init(struct pair *pair, const struct p2p_alloc *alloc);
/* Until the link is up at both. */
void pair_connect(struct pair *pair);
void pair_deinit(struct pair *pair);

#endif
