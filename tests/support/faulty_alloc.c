#include "faulty_alloc.h"

#include <stdlib.h>
#include <string.h>

/* Each piece remembers its length, so that a release can be counted. */
struct piece {
    size_t bytes;
    _Alignas(max_align_t) unsigned char data[];
};

static struct piece *piece_of(void *data)
{
    return (struct piece *)((unsigned char *)data - offsetof(struct piece, data));
}

static void counted_free(void *context, void *old)
{
    struct faulty_alloc *heap = context;
    if (old != NULL) {
        struct piece *piece = piece_of(old);
        heap->live_bytes -= piece->bytes;
        memset(piece->data, 0xdd, piece->bytes);
        free(piece);
    }
}

/* Always moves, so that whoever kept the old address is found. */
static void *counted_realloc(void *context, void *old, size_t bytes)
{
    struct faulty_alloc *heap = context;
    heap->calls++;
    if (heap->countdown >= 0 && heap->countdown-- == 0) {
        heap->tripped = true;
        return NULL;
    }
    struct piece *piece = malloc(sizeof(*piece) + bytes);
    if (piece == NULL) {
        return NULL;
    }
    piece->bytes = bytes;
    heap->live_bytes += bytes;
    heap->peak_bytes =
        heap->live_bytes > heap->peak_bytes ? heap->live_bytes : heap->peak_bytes;
    if (old != NULL) {
        size_t kept = piece_of(old)->bytes < bytes ? piece_of(old)->bytes : bytes;
        memcpy(piece->data, old, kept);
        counted_free(heap, old);
    }
    return piece->data;
}

void faulty_alloc_init(struct faulty_alloc *heap, long countdown)
{
    *heap = (struct faulty_alloc){.countdown = countdown};
    heap->alloc = (struct p2p_alloc){counted_realloc, counted_free, heap};
}
