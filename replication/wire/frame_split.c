/* A stream of bytes, cut into frames wherever its pieces end. */
#include <p2p/frame.h>

#include <string.h>

void p2p_frame_split_init(struct p2p_frame_split *split, const struct p2p_alloc *alloc)
{
    *split = (struct p2p_frame_split){.alloc = alloc};
}

void p2p_frame_split_deinit(struct p2p_frame_split *split)
{
    if (split->alloc != NULL) {
        p2p_alloc_free(split->alloc, split->part);
    }
    *split = (struct p2p_frame_split){0};
}

/* The length a frame announces; P2P_OK when it is one we take. */
static enum p2p_err announced(const uint8_t *header, size_t *whole)
{
    struct p2p_reader in;
    p2p_reader_init(&in, p2p_slice_of(header, 4));
    uint32_t len = p2p_reader_u32(&in);
    if (len == 0) {
        return P2P_MALFORMED;
    }
    if (len > P2P_FRAME_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    *whole = 4 + (size_t)len;
    return P2P_OK;
}

/* Moves n bytes to the unfinished frame, whose whole length is at most whole. */
static enum p2p_err keep_part(struct p2p_frame_split *split, struct p2p_slice *bytes, size_t n,
                              size_t whole)
{
    if (split->part_cap < whole) {
        uint8_t *grown = p2p_alloc_resize(split->alloc, split->part, 1, whole);
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        split->part = grown;
        split->part_cap = whole;
    }
    memcpy(split->part + split->part_len, bytes->data, n);
    split->part_len += n;
    bytes->data += n;
    bytes->len -= n;
    return P2P_OK;
}

static void give(struct p2p_frame *frame, const uint8_t *whole, size_t len)
{
    frame->type = whole[4];
    frame->body = p2p_slice_of(whole + P2P_FRAME_HEADER_BYTES, len - P2P_FRAME_HEADER_BYTES);
}

bool p2p_frame_split_next(struct p2p_frame_split *split, struct p2p_slice *bytes,
                          struct p2p_frame *frame, enum p2p_err *err)
{
    size_t whole = P2P_FRAME_HEADER_BYTES;
    *err = P2P_OK;
    if (split->part_len == 0 && bytes->len >= 4) {
        *err = announced(bytes->data, &whole);
        if (*err == P2P_OK && bytes->len >= whole) {
            give(frame, bytes->data, whole);
            bytes->data += whole;
            bytes->len -= whole;
            return true;
        }
    }
    while (*err == P2P_OK && bytes->len > 0) {
        if (split->part_len >= 4) {
            *err = announced(split->part, &whole);
        } else {
            whole = 4;
        }
        size_t lacking = *err == P2P_OK ? whole - split->part_len : 0;
        size_t n = bytes->len < lacking ? bytes->len : lacking;
        if (*err == P2P_OK) {
            *err = keep_part(split, bytes, n, whole < 64 ? 64 : whole);
        }
        if (*err == P2P_OK && whole > 4 && split->part_len == whole) {
            give(frame, split->part, whole);
            split->part_len = 0;
            return true;
        }
        if (*err == P2P_OK && split->part_len == 4) {
            *err = announced(split->part, &whole); /* at once, wherever the pieces end */
        }
    }
    return false;
}
