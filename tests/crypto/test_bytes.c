#include "check.h"

#include <p2p/bytes.h>

/* Every wire format would have its integers in another order than its document says. */
static void integers_are_big_endian(void **state)
{
    (void)state;
    uint8_t memory[64];
    const uint8_t expected[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
                                0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 'a',  'b'};
    struct p2p_writer writer;
    p2p_writer_init(&writer, memory, sizeof memory);
    p2p_writer_u8(&writer, 0x01);
    p2p_writer_u16(&writer, 0x0203);
    p2p_writer_u32(&writer, 0x04050607);
    p2p_writer_u64(&writer, 0x08090A0B0C0D0E0Fu);
    p2p_writer_text(&writer, "ab");
    p2p_writer_bytes(&writer, NULL, 0);
    CHECK(!writer.failed && writer.len == sizeof expected);
    CHECK_BYTES(memory, expected, sizeof expected);

    struct p2p_reader reader;
    char tail[2];
    p2p_reader_init(&reader, p2p_writer_slice(&writer));
    CHECK(p2p_reader_u8(&reader) == 0x01);
    CHECK(p2p_reader_u16(&reader) == 0x0203);
    CHECK(p2p_reader_u32(&reader) == 0x04050607);
    CHECK(p2p_reader_u64(&reader) == 0x08090A0B0C0D0E0Fu);
    CHECK(!p2p_reader_done(&reader));
    p2p_reader_copy(&reader, tail, 2);
    CHECK_BYTES(tail, "ab", 2);
    CHECK(p2p_reader_done(&reader) && p2p_reader_left(&reader) == 0);
}

static void read_message(struct p2p_reader *reader)
{
    p2p_reader_u8(reader);
    p2p_reader_u16(reader);
    p2p_reader_u32(reader);
    p2p_reader_u64(reader);
    p2p_reader_bytes(reader, 5);
}

/* A cut-off message would be read beyond its end, or pass as whole. */
static void every_truncation_fails_and_stays_failed(void **state)
{
    (void)state;
    uint8_t memory[20];
    memset(memory, 0xFF, sizeof memory);
    for (size_t len = 0; len <= sizeof memory; len++) {
        struct p2p_reader reader;
        p2p_reader_init(&reader, p2p_slice_of(memory, len));
        read_message(&reader);
        CHECK(reader.failed == (len < sizeof memory));
        CHECK(p2p_reader_done(&reader) == (len == sizeof memory));
        CHECK(p2p_reader_u64(&reader) == 0);
        CHECK(reader.failed && p2p_reader_left(&reader) == 0);
    }
}

/* After a failed read the rest of the message would be taken for something else. */
static void a_failed_reader_gives_zeros(void **state)
{
    (void)state;
    const uint8_t memory[3] = {1, 2, 3};
    uint8_t out[4] = {9, 9, 9, 9};
    struct p2p_reader reader;
    p2p_reader_init(&reader, p2p_slice_of(memory, sizeof memory));
    CHECK(p2p_reader_u32(&reader) == 0);
    CHECK(p2p_reader_u8(&reader) == 0);
    p2p_reader_copy(&reader, out, sizeof out);
    CHECK(out[0] == 0 && out[3] == 0);
    CHECK(p2p_reader_bytes(&reader, 1).data == NULL);
    CHECK(p2p_reader_bytes(&reader, SIZE_MAX).data == NULL);
}

/* A writer would overrun its buffer, or leave a hole where a field did not fit. */
static void a_full_writer_writes_nothing_more(void **state)
{
    (void)state;
    for (size_t cap = 0; cap < 15; cap++) {
        uint8_t memory[16];
        struct p2p_writer writer;
        memset(memory, 0xEE, sizeof memory);
        p2p_writer_init(&writer, memory, cap);
        p2p_writer_u8(&writer, 1);
        p2p_writer_u16(&writer, 1);
        p2p_writer_u32(&writer, 1);
        p2p_writer_u64(&writer, 1);
        CHECK(writer.failed && writer.len <= cap);
        size_t len = writer.len;
        p2p_writer_u8(&writer, 1);
        p2p_writer_bytes(&writer, memory, SIZE_MAX);
        CHECK(writer.len == len);
        for (size_t i = cap; i < sizeof memory; i++) {
            CHECK(memory[i] == 0xEE);
        }
    }
}

/* Database keys would be ordered otherwise than views expect. */
static void slices_compare_like_memcmp_shorter_first(void **state)
{
    (void)state;
    const struct p2p_slice empty = {NULL, 0};
    struct p2p_slice a = p2p_slice_text("a"), ab = p2p_slice_text("ab");
    struct p2p_slice b = p2p_slice_text("b"), high = p2p_slice_text("\xFF");
    CHECK(p2p_slice_compare(empty, a) < 0 && p2p_slice_compare(a, empty) > 0);
    CHECK(p2p_slice_compare(a, ab) < 0 && p2p_slice_compare(ab, a) > 0);
    CHECK(p2p_slice_compare(ab, b) < 0 && p2p_slice_compare(b, high) < 0);
    CHECK(p2p_slice_compare(empty, empty) == 0 && p2p_slice_compare(ab, ab) == 0);
    CHECK(p2p_slice_equal(ab, p2p_slice_of("abc", 2)) && !p2p_slice_equal(a, ab));
    CHECK(p2p_slice_equal(empty, p2p_slice_text("")) && !p2p_slice_equal(a, b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_big_endian),
        cmocka_unit_test(every_truncation_fails_and_stays_failed),
        cmocka_unit_test(a_failed_reader_gives_zeros),
        cmocka_unit_test(a_full_writer_writes_nothing_more),
        cmocka_unit_test(slices_compare_like_memcmp_shorter_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
