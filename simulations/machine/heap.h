/* The memory of one simulated engine: the C library's, counted. */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include <p2p/alloc.h>

struct sim_heap {
    struct p2p_alloc alloc; /* what is taken through it counts; its context is this object */
    size_t bytes;           /* in use, without what the C library adds */
};
void sim_heap_init(struct sim_heap *heap); /* it must not move from here on */

#endif
