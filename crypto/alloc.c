#include <p2p/alloc.h>

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK_BYTES 16384u

struct p2p_arena_block {
    struct p2p_arena_block *next;
    size_t cap;
    size_t used;
    _Alignas(max_align_t) uint8_t data[];
};

static void *heap_realloc(void *context, void *old, size_t bytes)
{
    (void)context;
    return realloc(old, bytes);
}

static void heap_free(void *context, void *old)
{
    (void)context;
    free(old);
}

const struct p2p_alloc *p2p_alloc_default(void)
{
    static const struct p2p_alloc heap = {heap_realloc, heap_free, NULL};
    return &heap;
}

void *p2p_alloc_zeroed(const struct p2p_alloc *alloc, size_t count, size_t bytes)
{
    void *fresh = p2p_alloc_resize(alloc, NULL, count, bytes);
    if (fresh) {
        memset(fresh, 0, count * bytes);
    }
    return fresh;
}

void *p2p_alloc_resize(const struct p2p_alloc *alloc, void *old, size_t count, size_t bytes)
{
    if (bytes > 0 && count > SIZE_MAX / bytes) {
        return NULL;
    }
    /* realloc(p, 0) may free p and return NULL, which would read as "no memory". */
    size_t total = count * bytes;
    return alloc->realloc(alloc->context, old, total > 0 ? total : 1);
}

void p2p_alloc_free(const struct p2p_alloc *alloc, void *old)
{
    alloc->free(alloc->context, old);
}

void p2p_arena_init(struct p2p_arena *arena, const struct p2p_alloc *alloc, size_t cap_bytes)
{
    *arena = (struct p2p_arena){.alloc = alloc, .cap_bytes = cap_bytes};
}

static void blocks_free(struct p2p_arena *arena, struct p2p_arena_block *block)
{
    while (block) {
        struct p2p_arena_block *next = block->next;
        p2p_alloc_free(arena->alloc, block);
        block = next;
    }
}

void p2p_arena_deinit(struct p2p_arena *arena)
{
    blocks_free(arena, arena->blocks);
    *arena = (struct p2p_arena){0};
}

void p2p_arena_reset(struct p2p_arena *arena)
{
    struct p2p_arena_block *kept = arena->blocks;
    arena->used_bytes = 0;
    if (kept) {
        blocks_free(arena, kept->next);
        kept->next = NULL;
        kept->used = 0;
    }
}

static size_t aligned_up(size_t n)
{
    size_t mask = _Alignof(max_align_t) - 1;
    return (n + mask) & ~mask;
}

static struct p2p_arena_block *block_add(struct p2p_arena *arena, size_t bytes)
{
    size_t usual = arena->cap_bytes < ARENA_BLOCK_BYTES ? arena->cap_bytes : ARENA_BLOCK_BYTES;
    size_t cap = bytes > usual ? bytes : usual;
    if (cap > SIZE_MAX - sizeof(struct p2p_arena_block)) {
        return NULL;
    }
    struct p2p_arena_block *block =
        p2p_alloc_resize(arena->alloc, NULL, 1, sizeof *block + cap);
    if (!block) {
        return NULL;
    }
    block->next = arena->blocks;
    block->cap = cap;
    block->used = 0;
    arena->blocks = block;
    return block;
}

static bool block_fits(const struct p2p_arena_block *block, size_t bytes)
{
    size_t start = aligned_up(block->used);
    return start <= block->cap && bytes <= block->cap - start;
}

void *p2p_arena_take(struct p2p_arena *arena, size_t bytes)
{
    /* The padding between pieces counts as taken: the cap is about memory held. */
    size_t start = aligned_up(arena->used_bytes);
    if (start > arena->cap_bytes || bytes > arena->cap_bytes - start) {
        return NULL;
    }
    struct p2p_arena_block *block = arena->blocks;
    if (!block || !block_fits(block, bytes)) {
        block = block_add(arena, bytes);
        if (!block) {
            return NULL;
        }
    }
    uint8_t *piece = block->data + aligned_up(block->used);
    block->used = aligned_up(block->used) + bytes;
    arena->used_bytes = start + bytes;
    return piece;
}

struct p2p_slice p2p_arena_copy(struct p2p_arena *arena, struct p2p_slice bytes)
{
    uint8_t *copy = p2p_arena_take(arena, bytes.len);
    if (!copy) {
        return (struct p2p_slice){NULL, 0};
    }
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return (struct p2p_slice){copy, bytes.len};
}
