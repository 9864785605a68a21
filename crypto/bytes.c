#include <p2p/bytes.h>

#include <p2p/assert.h>

#include <string.h>

void p2p_reader_copy(struct p2p_reader *reader, void *out, size_t n)
{
    struct p2p_slice bytes = p2p_reader_bytes(reader, n);
    if (bytes.data) {
        memcpy(out, bytes.data, n);
    } else if (n > 0) {
        memset(out, 0, n);
    }
}

bool p2p_reader_done(const struct p2p_reader *reader)
{
    return !reader->failed && reader->at == reader->len;
}

void p2p_writer_init(struct p2p_writer *writer, void *data, size_t cap)
{
    *writer = (struct p2p_writer){.data = data, .cap = cap};
}

static bool writer_has(struct p2p_writer *writer, size_t n)
{
    p2p_assert(writer->len <= writer->cap);
    if (n > writer->cap - writer->len) {
        writer->failed = true;
    }
    return !writer->failed;
}

static void writer_int(struct p2p_writer *writer, uint64_t value, size_t bytes)
{
    if (!writer_has(writer, bytes)) {
        return;
    }
    uint8_t *data = writer->data + writer->len;
    writer->len += bytes;
    for (size_t i = bytes; i > 0; i--) {
        *data++ = (uint8_t)(value >> (8 * (i - 1)));
    }
}

void p2p_writer_u8(struct p2p_writer *writer, uint8_t value)
{
    writer_int(writer, value, 1);
}

void p2p_writer_u16(struct p2p_writer *writer, uint16_t value)
{
    writer_int(writer, value, 2);
}

void p2p_writer_u32(struct p2p_writer *writer, uint32_t value)
{
    writer_int(writer, value, 4);
}

void p2p_writer_u64(struct p2p_writer *writer, uint64_t value)
{
    writer_int(writer, value, 8);
}

void p2p_writer_bytes(struct p2p_writer *writer, const void *data, size_t n)
{
    if (writer_has(writer, n) && n > 0) {
        memcpy(writer->data + writer->len, data, n);
        writer->len += n;
    }
}

void p2p_writer_text(struct p2p_writer *writer, const char *text)
{
    p2p_writer_bytes(writer, text, strlen(text));
}

struct p2p_slice p2p_writer_slice(const struct p2p_writer *writer)
{
    return (struct p2p_slice){writer->data, writer->len};
}

struct p2p_slice p2p_slice_text(const char *text)
{
    return p2p_slice_of(text, strlen(text));
}

bool p2p_slice_equal(struct p2p_slice a, struct p2p_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int p2p_slice_compare(struct p2p_slice a, struct p2p_slice b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
