/* The two queues of bytes and the text of addresses. */
#include "check.h"

#include <buffer.h>
#include <chunks.h>
#include <net_private.h>

#include <stdlib.h>

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 13);
}

/* Broken if bytes were lost, doubled or changed in order, for any sizes in and out. */
static void test_chunks_keep_order(void **state)
{
    (void)state;
    static const size_t sizes_in[] = {1, 7, 32759, 32760, 32761, 65536, 100000, 3};
    static const size_t sizes_out[] = {16384, 1, 32760, 5, 200000, 99};
    const struct p2p_alloc *alloc = p2p_alloc_default();
    struct p2p_chunks chunks = {0};
    static uint8_t bytes[200000];
    uint64_t in = 0;
    uint64_t out = 0;
    for (int round = 0; round < 300; round++) {
        size_t n = sizes_in[round % 8];
        for (size_t i = 0; i < n; i++) {
            bytes[i] = pattern(in + i);
        }
        CHECK_OK(p2p_chunks_append(&chunks, alloc, bytes, n));
        in += n;
        CHECK(chunks.bytes == in - out);
        size_t got = p2p_chunks_take(&chunks, alloc, bytes, sizes_out[round % 6]);
        for (size_t i = 0; i < got; i++) {
            CHECK(bytes[i] == pattern(out + i));
        }
        out += got;
        CHECK(chunks.bytes == in - out);
    }
    while (chunks.bytes > 0) {
        size_t got = p2p_chunks_take(&chunks, alloc, bytes, 12345);
        CHECK(got > 0);
        for (size_t i = 0; i < got; i++) {
            CHECK(bytes[i] == pattern(out + i));
        }
        out += got;
    }
    CHECK(in == out && p2p_chunks_take(&chunks, alloc, bytes, 1) == 0);
    CHECK_OK(p2p_chunks_append(&chunks, alloc, bytes, 0));
    CHECK(chunks.bytes == 0);
    p2p_chunks_deinit(&chunks, alloc);
}

static void *fail_after(void *context, void *old, size_t bytes)
{
    long *left = context;
    return (*left)-- > 0 ? realloc(old, bytes) : NULL;
}

static void plain_free(void *context, void *old)
{
    (void)context;
    free(old);
}

/* Broken if an append without memory took a part. */
static void test_chunks_all_or_nothing(void **state)
{
    (void)state;
    static uint8_t bytes[300000];
    for (long after = 0; after < 12; after++) {
        long left = after;
        const struct p2p_alloc alloc = {fail_after, plain_free, &left};
        struct p2p_chunks chunks = {0};
        enum p2p_err small = p2p_chunks_append(&chunks, &alloc, bytes, 100);
        CHECK_ERR(small, after > 0 ? P2P_OK : P2P_NOMEM);
        size_t before = chunks.bytes;
        enum p2p_err err = p2p_chunks_append(&chunks, &alloc, bytes, sizeof bytes);
        CHECK(chunks.bytes == before + (err ? 0 : sizeof bytes));
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        p2p_chunks_deinit(&chunks, &alloc);
    }
}

/* Broken if a buffer lost bytes as it grows or moves together. */
static void test_buffer_keeps_order(void **state)
{
    (void)state;
    const struct p2p_alloc *alloc = p2p_alloc_default();
    struct p2p_buffer buffer = {0};
    uint8_t bytes[1000];
    uint64_t in = 0;
    uint64_t out = 0;
    for (size_t round = 0; round < 2000; round++) {
        size_t n = round * 37 % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = pattern(in + i);
        }
        CHECK_OK(p2p_buffer_append(&buffer, alloc, bytes, n));
        in += n;
        size_t got = p2p_buffer_take(&buffer, bytes, round * 53 % sizeof bytes);
        for (size_t i = 0; i < got; i++) {
            CHECK(bytes[i] == pattern(out + i));
        }
        out += got;
        CHECK(p2p_buffer_left(&buffer) == in - out);
    }
    p2p_buffer_clear(&buffer, alloc, buffer.cap);
    CHECK(p2p_buffer_left(&buffer) == 0 && buffer.data != NULL);
    p2p_buffer_clear(&buffer, alloc, 0);
    CHECK(buffer.data == NULL);
}

/* Broken if an address were read as another, or two hosts were taken for one. */
static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"127.77.0.1:7400", "0.0.0.0:0", "[::1]:65535",
                                       "[2001:db8::1]:7400"};
    struct sockaddr_storage address, other;
    char text[P2P_REMOTE_BYTES];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OK(p2p_address_parse(good[i], &address));
        p2p_address_text(&address, text);
        CHECK(strcmp(text, good[i]) == 0);
    }
    static const char *const bad[] = {"",
                                      ":",
                                      ":1",
                                      "[]:1",
                                      "[::1:1",
                                      "::1]:1",
                                      "1.2.3.4:-1",
                                      "1.2.3.4:+1",
                                      "1.2.3.4: 1",
                                      "1.2.3.4:000001",
                                      "1.2.3:1",
                                      "01.2.3.4:1",
                                      "[fe80::1%lo]:1",
                                      "1.2.3.4:99999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_ERR(p2p_address_parse(bad[i], &address), P2P_USAGE);
    }
    static const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {
        {"1.2.3.4", "1.2.3.4", true},
        {"1.2.3.4", "1.2.3.5", false},
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"1.2.3.4", "::ffff:1.2.3.4", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        CHECK_OK(p2p_address_parse_ip(pairs[i].a, &address));
        CHECK_OK(p2p_address_parse_ip(pairs[i].b, &other));
        CHECK(p2p_address_same_host(&address, &other) == pairs[i].same);
    }
}

/* Broken if a peer's text could carry a line break or an escape into a log. */
static void test_text_of_strangers(void **state)
{
    (void)state;
    char out[8];
    p2p_text_clean(out, sizeof out, "a\nb\x1b[\xff", 6);
    CHECK(strcmp(out, "a?b?[?") == 0);
    p2p_text_clean(out, sizeof out, "0123456789", 10);
    CHECK(strcmp(out, "0123456") == 0);
    p2p_text_clean(out, sizeof out, NULL, 0);
    CHECK(out[0] == '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunks_keep_order),  cmocka_unit_test(test_chunks_all_or_nothing),
        cmocka_unit_test(test_buffer_keeps_order), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_text_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
