/* An allocator that counts what is held and fails the n-th request.
 *
 * Run a scenario once with countdown -1 and read `calls`; then for every countdown from 0 to
 * calls - 1: that request yields nothing, later ones do again. live_bytes is 0 when nothing
 * leaked. Not thread-safe. */
#ifndef FAULTY_ALLOC_H
#define FAULTY_ALLOC_H

#include <p2p/alloc.h>

struct faulty_alloc {
    struct p2p_alloc alloc; /* hand this to the code under test */
    long countdown;         /* requests until the failure; negative: never */
    long calls;
    bool tripped;
    size_t live_bytes;
    size_t peak_bytes; /* the most held at one time, an old and a new piece both counted */
};

void faulty_alloc_init(struct faulty_alloc *heap, long countdown);

#endif
