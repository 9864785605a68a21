#include "buffer.h"

#include <string.h>

#define CAP_MIN 256u

enum p2p_err p2p_buffer_append(struct p2p_buffer *buffer, const struct p2p_alloc *alloc,
                               const void *data, size_t n)
{
    if (n > buffer->cap - buffer->len && buffer->at > 0) {
        memmove(buffer->data, buffer->data + buffer->at, buffer->len - buffer->at);
        buffer->len -= buffer->at;
        buffer->at = 0;
    }
    if (n > buffer->cap - buffer->len) {
        size_t cap = buffer->cap > 0 ? buffer->cap : CAP_MIN;
        while (cap - buffer->len < n) {
            if (cap > SIZE_MAX / 2) {
                return P2P_NOMEM;
            }
            cap *= 2;
        }
        uint8_t *grown = p2p_alloc_resize(alloc, buffer->data, 1, cap);
        if (!grown) {
            return P2P_NOMEM;
        }
        buffer->data = grown;
        buffer->cap = cap;
    }
    if (n > 0) {
        memcpy(buffer->data + buffer->len, data, n);
        buffer->len += n;
    }
    return P2P_OK;
}

size_t p2p_buffer_take(struct p2p_buffer *buffer, void *out, size_t n)
{
    size_t left = buffer->len - buffer->at;
    size_t part = n < left ? n : left;
    if (part > 0) {
        memcpy(out, buffer->data + buffer->at, part);
        buffer->at += part;
    }
    if (buffer->at == buffer->len) {
        buffer->at = 0;
        buffer->len = 0;
    }
    return part;
}

size_t p2p_buffer_left(const struct p2p_buffer *buffer)
{
    return buffer->len - buffer->at;
}

void p2p_buffer_clear(struct p2p_buffer *buffer, const struct p2p_alloc *alloc,
                      size_t kept_bytes)
{
    if (buffer->cap > kept_bytes) {
        p2p_alloc_free(alloc, buffer->data);
        *buffer = (struct p2p_buffer){0};
    }
    buffer->at = 0;
    buffer->len = 0;
}
