/* A queue of bytes in equal chunks: what a link has to send.
 *
 * Appending copies into the last chunk, taking frees the first: nothing is ever moved, however
 * long the queue is. One emptied chunk is kept for the next bytes. The caller bounds it. Owns
 * its chunks; the allocator comes with each call that may need it. */
#ifndef P2P_TRANSPORT_CHUNKS_H
#define P2P_TRANSPORT_CHUNKS_H

#include <p2p/alloc.h>
#include <p2p/base.h>

struct p2p_chunk;

struct p2p_chunks {
    struct p2p_chunk *first, *last, *spare;
    size_t first_at; /* bytes taken from the first chunk */
    size_t last_len; /* bytes written to the last chunk */
    size_t bytes;    /* in all of them, not yet taken */
};

/* Copies n bytes in, all or nothing. */
P2P_MUST_CHECK enum p2p_err p2p_chunks_append(struct p2p_chunks *chunks,
                                              const struct p2p_alloc *alloc, const void *data,
                                              size_t n);
/* Copies at most n bytes out and forgets them; returns how many. */
size_t p2p_chunks_take(struct p2p_chunks *chunks, const struct p2p_alloc *alloc, void *out,
                       size_t n);
void p2p_chunks_deinit(struct p2p_chunks *chunks, const struct p2p_alloc *alloc);

#endif
