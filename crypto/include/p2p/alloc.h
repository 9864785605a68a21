/* Where memory comes from: an allocator given at construction, and an arena per batch.
 *
 * The engine, sessions and parsers take a struct p2p_alloc so that tests can count allocations
 * and fail the n-th. The arena gives many small pieces that die together, under a named cap: a
 * peer cannot make us hold more by sending more. Not thread-safe; one owner at a time. */
#ifndef P2P_ALLOC_H
#define P2P_ALLOC_H

#include <p2p/base.h>

struct p2p_alloc {
    void *(*realloc)(void *context, void *old,
                     size_t bytes);         /* old NULL: allocate; NULL: none */
    void (*free)(void *context, void *old); /* accepts NULL */
    void *context;
};

/* The C library's heap; static storage. */
const struct p2p_alloc *p2p_alloc_default(void);

/* Zeroed memory for count items; NULL when there is none or the product overflows. */
void *p2p_alloc_zeroed(const struct p2p_alloc *alloc, size_t count, size_t bytes);
void *p2p_alloc_resize(const struct p2p_alloc *alloc, void *old, size_t count, size_t bytes);
void p2p_alloc_free(const struct p2p_alloc *alloc, void *old);

struct p2p_arena {
    const struct p2p_alloc *alloc;
    struct p2p_arena_block *blocks;
    size_t used_bytes;
    size_t cap_bytes;
};

/* cap_bytes bounds the sum of everything taken until the next reset. */
void p2p_arena_init(struct p2p_arena *arena, const struct p2p_alloc *alloc, size_t cap_bytes);
void p2p_arena_deinit(struct p2p_arena *arena); /* accepts a zeroed object */
/* Forgets all pieces; keeps at most one block for the next batch. */
void p2p_arena_reset(struct p2p_arena *arena);
/* Aligned for any type, not zeroed; NULL at the cap or without memory. */
void *p2p_arena_take(struct p2p_arena *arena, size_t bytes);
/* A copy that lives as long as the arena; {NULL,0} with len > 0 means no memory. */
struct p2p_slice p2p_arena_copy(struct p2p_arena *arena, struct p2p_slice bytes);

#endif
