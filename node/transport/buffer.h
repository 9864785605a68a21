/* A byte buffer with a read end and a write end: bodies, answers, events.
 *
 * Bytes are appended behind and taken from the front; the memory doubles as needed and is moved
 * together before it grows. The caller bounds it: nothing here does. Owns its memory; the
 * allocator comes with each call that may need it. */
#ifndef P2P_TRANSPORT_BUFFER_H
#define P2P_TRANSPORT_BUFFER_H

#include <p2p/alloc.h>
#include <p2p/base.h>

struct p2p_buffer {
    uint8_t *data;
    size_t at;  /* the first byte not yet taken */
    size_t len; /* one past the last byte */
    size_t cap;
};

/* Copies n bytes in. P2P_NOMEM: the buffer is unchanged. */
P2P_MUST_CHECK enum p2p_err p2p_buffer_append(struct p2p_buffer *buffer,
                                              const struct p2p_alloc *alloc, const void *data,
                                              size_t n);
/* Copies at most n bytes out and forgets them; returns how many. */
size_t p2p_buffer_take(struct p2p_buffer *buffer, void *out, size_t n);
size_t p2p_buffer_left(const struct p2p_buffer *buffer);
/* Empties it; keeps its memory only when that is at most kept_bytes. */
void p2p_buffer_clear(struct p2p_buffer *buffer, const struct p2p_alloc *alloc,
                      size_t kept_bytes);

#endif
