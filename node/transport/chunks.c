#include "chunks.h"

#include <p2p/assert.h>

#include <string.h>

/* With its link it fills a 32 KiB allocation: two DATA frames. */
#define CHUNK_BYTES (32u * 1024u - sizeof(struct p2p_chunk *))

struct p2p_chunk {
    struct p2p_chunk *next;
    uint8_t data[];
};

static void chain_free(const struct p2p_alloc *alloc, struct p2p_chunk *chunk)
{
    while (chunk) {
        struct p2p_chunk *next = chunk->next;
        p2p_alloc_free(alloc, chunk);
        chunk = next;
    }
}

/* A chain of count fresh chunks; NULL when there is not memory for all of them. */
static struct p2p_chunk *chain_new(const struct p2p_alloc *alloc, size_t count)
{
    struct p2p_chunk *chain = NULL;
    for (size_t i = 0; i < count; i++) {
        struct p2p_chunk *chunk = p2p_alloc_resize(alloc, NULL, 1, sizeof *chunk + CHUNK_BYTES);
        if (!chunk) {
            chain_free(alloc, chain);
            return NULL;
        }
        chunk->next = chain;
        chain = chunk;
    }
    return chain;
}

enum p2p_err p2p_chunks_append(struct p2p_chunks *chunks, const struct p2p_alloc *alloc,
                               const void *data, size_t n)
{
    size_t room = chunks->last ? CHUNK_BYTES - chunks->last_len : 0;
    size_t needed = n > room ? (n - room + CHUNK_BYTES - 1) / CHUNK_BYTES : 0;
    if (needed > 0 && chunks->spare) {
        needed--; /* used below, once the others are there */
    }
    struct p2p_chunk *fresh = needed > 0 ? chain_new(alloc, needed) : NULL;
    if (needed > 0 && !fresh) {
        return P2P_NOMEM;
    }
    const uint8_t *from = data;
    while (n > 0) {
        if (!chunks->last || chunks->last_len == CHUNK_BYTES) {
            struct p2p_chunk *chunk = fresh ? fresh : chunks->spare;
            if (fresh) {
                fresh = fresh->next;
            } else {
                chunks->spare = NULL;
            }
            p2p_assert(chunk != NULL);
            chunk->next = NULL;
            if (chunks->last) {
                chunks->last->next = chunk;
            } else {
                chunks->first = chunk;
            }
            chunks->last = chunk;
            chunks->last_len = 0;
        }
        size_t part = CHUNK_BYTES - chunks->last_len;
        part = part < n ? part : n;
        memcpy(chunks->last->data + chunks->last_len, from, part);
        chunks->last_len += part;
        chunks->bytes += part;
        from += part;
        n -= part;
    }
    p2p_assert(!fresh);
    return P2P_OK;
}

static void first_drop(struct p2p_chunks *chunks, const struct p2p_alloc *alloc)
{
    struct p2p_chunk *first = chunks->first;
    chunks->first = first->next;
    chunks->first_at = 0;
    if (!chunks->first) {
        chunks->last = NULL;
        chunks->last_len = 0;
    }
    if (chunks->spare) {
        p2p_alloc_free(alloc, first);
    } else {
        first->next = NULL;
        chunks->spare = first;
    }
}

size_t p2p_chunks_take(struct p2p_chunks *chunks, const struct p2p_alloc *alloc, void *out,
                       size_t n)
{
    uint8_t *to = out;
    size_t done = 0;
    while (done < n && chunks->bytes > 0) {
        size_t len = chunks->first == chunks->last ? chunks->last_len : CHUNK_BYTES;
        size_t part = len - chunks->first_at;
        part = part < n - done ? part : n - done;
        memcpy(to + done, chunks->first->data + chunks->first_at, part);
        chunks->first_at += part;
        chunks->bytes -= part;
        done += part;
        if (chunks->first_at == len) {
            first_drop(chunks, alloc);
        }
    }
    return done;
}

void p2p_chunks_deinit(struct p2p_chunks *chunks, const struct p2p_alloc *alloc)
{
    chain_free(alloc, chunks->first);
    chain_free(alloc, chunks->spare);
    *chunks = (struct p2p_chunks){0};
}
