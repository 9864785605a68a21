#include "heap.h"

#include <stddef.h>
#include <stdlib.h>

/* In front of each piece stands its length. */
union head {
    size_t bytes;
    max_align_t align;
};

static void *resize(void *context, void *old, size_t bytes)
{
    struct sim_heap *heap = context;
    union head *head = old == NULL ? NULL : (union head *)old - 1;
    size_t before = head == NULL ? 0 : head->bytes;
    if (bytes > SIZE_MAX - sizeof(*head)) {
        return NULL;
    }
    union head *grown = realloc(head, sizeof(*head) + bytes);
    if (grown == NULL) {
        return NULL;
    }
    heap->bytes = heap->bytes - before + bytes;
    grown->bytes = bytes;
    return grown + 1;
}

static void release(void *context, void *old)
{
    struct sim_heap *heap = context;
    if (old != NULL) {
        union head *head = (union head *)old - 1;
        heap->bytes -= head->bytes;
        free(head);
    }
}

void sim_heap_init(struct sim_heap *heap)
{
    *heap = (struct sim_heap){.alloc = {.realloc = resize, .free = release, .context = heap}};
}
