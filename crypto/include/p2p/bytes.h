/* Bounded reading and writing of bytes: the one pair of cursors under every wire format.
 *
 * No parser does pointer arithmetic of its own. A reader that would run past its end, and a
 * writer that would run past its capacity, turn `failed` on and from then on read zeros and
 * write nothing: a caller may check once at the end. Integers are big-endian. Neither owns its
 * memory. */
#ifndef P2P_BYTES_H
#define P2P_BYTES_H

#include <p2p/base.h>

struct p2p_reader {
    const uint8_t *data;
    size_t len;
    size_t at;
    bool failed;
};

struct p2p_writer {
    uint8_t *data;
    size_t cap;
    size_t len;
    bool failed;
};

/* Parsers spend most of their time here, and a call costs more than what these do: inline. */
static inline void p2p_reader_init(struct p2p_reader *reader, struct p2p_slice bytes)
{
    *reader = (struct p2p_reader){.data = bytes.data, .len = bytes.len};
}

static inline size_t p2p_reader_left(const struct p2p_reader *reader)
{
    return reader->failed ? 0 : reader->len - reader->at;
}

/* n bytes borrowed from the reader's memory; {NULL,0} and failed when there are fewer. */
static inline struct p2p_slice p2p_reader_bytes(struct p2p_reader *reader, size_t n)
{
    struct p2p_slice bytes = {NULL, 0};
    if (reader->failed || reader->len - reader->at < n) {
        reader->failed = true;
    } else if (n > 0) {
        bytes = (struct p2p_slice){reader->data + reader->at, n};
        reader->at += n;
    }
    return bytes;
}

static inline uint8_t p2p_reader_u8(struct p2p_reader *reader)
{
    const struct p2p_slice at = p2p_reader_bytes(reader, 1);
    return at.data == NULL ? 0 : at.data[0];
}

/* Written out, these become one load each. */
static inline uint16_t p2p_reader_u16(struct p2p_reader *reader)
{
    const struct p2p_slice at = p2p_reader_bytes(reader, 2);
    return at.data == NULL ? 0 : (uint16_t)(at.data[0] << 8 | at.data[1]);
}

static inline uint32_t p2p_reader_u32(struct p2p_reader *reader)
{
    const struct p2p_slice at = p2p_reader_bytes(reader, 4);
    return at.data == NULL ? 0
                           : (uint32_t)at.data[0] << 24 | (uint32_t)at.data[1] << 16 |
                                 (uint32_t)at.data[2] << 8 | at.data[3];
}

static inline uint64_t p2p_reader_u64(struct p2p_reader *reader)
{
    const struct p2p_slice at = p2p_reader_bytes(reader, 8);
    return at.data == NULL ? 0
                           : (uint64_t)at.data[0] << 56 | (uint64_t)at.data[1] << 48 |
                                 (uint64_t)at.data[2] << 40 | (uint64_t)at.data[3] << 32 |
                                 (uint64_t)at.data[4] << 24 | (uint64_t)at.data[5] << 16 |
                                 (uint64_t)at.data[6] << 8 | at.data[7];
}

/* Copies n bytes out; out is zeroed when there are fewer. */
void p2p_reader_copy(struct p2p_reader *reader, void *out, size_t n);
/* True when everything was read and nothing failed. */
bool p2p_reader_done(const struct p2p_reader *reader);

/* data: cap bytes, borrowed for as long as the writer and its slice are used. What would not
 * fit whole is not written at all, nor anything after it. */
void p2p_writer_init(struct p2p_writer *writer, void *data, size_t cap);
void p2p_writer_u8(struct p2p_writer *writer, uint8_t value);
void p2p_writer_u16(struct p2p_writer *writer, uint16_t value);
void p2p_writer_u32(struct p2p_writer *writer, uint32_t value);
void p2p_writer_u64(struct p2p_writer *writer, uint64_t value);
void p2p_writer_bytes(struct p2p_writer *writer, const void *data, size_t n);
/* Zero-terminated text, without its terminator. */
void p2p_writer_text(struct p2p_writer *writer, const char *text);
/* What was written so far, in the writer's memory; the caller looks at `failed` first. */
struct p2p_slice p2p_writer_slice(const struct p2p_writer *writer);

/* Slices borrow: they live as long as what they point to. text: zero-terminated. */
static inline struct p2p_slice p2p_slice_of(const void *data, size_t len)
{
    return (struct p2p_slice){data, len};
}
struct p2p_slice p2p_slice_text(const char *text);
bool p2p_slice_equal(struct p2p_slice a, struct p2p_slice b);
/* memcmp order, shorter first: the order of every key in this project. */
int p2p_slice_compare(struct p2p_slice a, struct p2p_slice b);

#endif
