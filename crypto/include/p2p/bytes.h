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

void p2p_reader_init(struct p2p_reader *reader, struct p2p_slice bytes);
size_t p2p_reader_left(const struct p2p_reader *reader);
uint8_t p2p_reader_u8(struct p2p_reader *reader);
uint16_t p2p_reader_u16(struct p2p_reader *reader);
uint32_t p2p_reader_u32(struct p2p_reader *reader);
uint64_t p2p_reader_u64(struct p2p_reader *reader);
/* n bytes borrowed from the reader's memory; {NULL,0} and failed when there are fewer. */
struct p2p_slice p2p_reader_bytes(struct p2p_reader *reader, size_t n);
/* Copies n bytes out; out is zeroed when there are fewer. */
void p2p_reader_copy(struct p2p_reader *reader, void *out, size_t n);
/* True when everything was read and nothing failed. */
bool p2p_reader_done(const struct p2p_reader *reader);

void p2p_writer_init(struct p2p_writer *writer, void *data, size_t cap);
void p2p_writer_u8(struct p2p_writer *writer, uint8_t value);
void p2p_writer_u16(struct p2p_writer *writer, uint16_t value);
void p2p_writer_u32(struct p2p_writer *writer, uint32_t value);
void p2p_writer_u64(struct p2p_writer *writer, uint64_t value);
void p2p_writer_bytes(struct p2p_writer *writer, const void *data, size_t n);
/* Zero-terminated text, without its terminator. */
void p2p_writer_text(struct p2p_writer *writer, const char *text);
struct p2p_slice p2p_writer_slice(const struct p2p_writer *writer);

struct p2p_slice p2p_slice_of(const void *data, size_t len);
struct p2p_slice p2p_slice_text(const char *text);
bool p2p_slice_equal(struct p2p_slice a, struct p2p_slice b);
/* memcmp order, shorter first: the order of every key in this project. */
int p2p_slice_compare(struct p2p_slice a, struct p2p_slice b);

#endif
