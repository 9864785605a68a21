/* The flood watch, against frames written as RFC 9113 section 4.1 lays them out. */
#include "check.h"

#include <flood.h>
#include <p2p/limits.h>

#include <stdio.h>

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
    UNKNOWN = 0xbe
};

static size_t frame(uint8_t *out, uint8_t type, uint8_t flags, const void *payload,
                    uint32_t len)
{
    uint8_t head[9] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, 1};
    memcpy(out, head, 9);
    if (len > 0) {
        memcpy(out + 9, payload, len);
    }
    return 9 + len;
}

static bool scan(struct p2p_flood *flood, const uint8_t *data, size_t len, uint64_t now_ms,
                 enum p2p_refusal *reason)
{
    *reason = P2P_REFUSAL_COUNT;
    return p2p_flood_scan(flood, data, len, now_ms, reason);
}

struct row {
    const char *what;
    uint8_t type, flags;
    const char *payload;
    uint32_t len;
    unsigned allowed;
    uint64_t refill_ms; /* after which exactly one more passes */
    enum p2p_refusal reason;
};

static const struct row rows[] = {
    {"PING", PING, 0, "12345678", 8, P2P_PINGS_PER_S, 100, P2P_REFUSAL_PING_FLOOD},
    {"SETTINGS", SETTINGS, 0, "", 0, P2P_SETTINGS_PER_MIN + 1, 12000,
     P2P_REFUSAL_SETTINGS_FLOOD},
    {"empty DATA", DATA, 0, "", 0, P2P_USELESS_BURST, 5, P2P_REFUSAL_USELESS_FRAMES},
    {"padding", DATA, 8, "\x02\0\0", 3, P2P_USELESS_BURST, 5, P2P_REFUSAL_USELESS_FRAMES},
    {"WINDOW_UPDATE", WINDOW_UPDATE, 0, "\0\0\0\1", 4, P2P_USELESS_BURST, 5,
     P2P_REFUSAL_USELESS_FRAMES},
    {"PRIORITY", PRIORITY, 0, "\0\0\0\0\1", 5, P2P_USELESS_BURST, 5,
     P2P_REFUSAL_USELESS_FRAMES},
    {"unknown", UNKNOWN, 0, "abc", 3, P2P_USELESS_BURST, 5, P2P_REFUSAL_USELESS_FRAMES},
    {"PING ACK", PING, 1, "12345678", 8, P2P_USELESS_BURST, 5, P2P_REFUSAL_USELESS_FRAMES},
    {"SETTINGS ACK", SETTINGS, 1, "", 0, P2P_USELESS_BURST, 5, P2P_REFUSAL_USELESS_FRAMES},
    {"GOAWAY", GOAWAY, 0, "\0\0\0\0\0\0\0\0", 8, P2P_USELESS_BURST, 5,
     P2P_REFUSAL_USELESS_FRAMES},
    {"RST_STREAM", RST_STREAM, 0, "\0\0\0\0", 4, P2P_RESETS_BURST, 31, P2P_REFUSAL_RESET_FLOOD},
};

/* Broken if a flood of one kind passed, if the bound were off by one, or if time gave nothing
 * back. */
static void test_each_row_at_its_bound(void **state)
{
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        const struct row *row = &rows[r];
        struct p2p_flood flood;
        enum p2p_refusal reason;
        uint8_t bytes[64];
        size_t len = frame(bytes, row->type, row->flags, row->payload, row->len);
        p2p_flood_init(&flood, 1000);
        for (unsigned i = 0; i < row->allowed; i++) {
            CHECK(scan(&flood, bytes, len, 1000, &reason));
        }
        struct p2p_flood full = flood;
        if (scan(&flood, bytes, len, 1000, &reason) || reason != row->reason) {
            print_error("%s: not refused at its bound\n", row->what);
            fail();
        }
        CHECK(flood.why[0] != '\0');
        flood = full;
        if (!scan(&flood, bytes, len, 1000 + row->refill_ms, &reason)) {
            print_error("%s: nothing flowed back\n", row->what);
            fail();
        }
        CHECK(!scan(&flood, bytes, len, 1000 + row->refill_ms, &reason));
        /* And a long silence fills the bucket, but not beyond its burst. */
        flood = full;
        unsigned burst = row->allowed - (row->type == SETTINGS && row->flags == 0);
        for (unsigned i = 0; i < burst; i++) {
            CHECK(scan(&flood, bytes, len, 100000000, &reason));
        }
        CHECK(!scan(&flood, bytes, len, 100000000, &reason));
    }
}

/* Broken if honest traffic ever came near a bound. */
static void test_honest_frames_are_free(void **state)
{
    (void)state;
    struct p2p_flood flood;
    enum p2p_refusal reason;
    uint8_t bytes[128];
    size_t len = frame(bytes, HEADERS, 4, "abc", 3);
    len += frame(bytes + len, DATA, 0, "abc", 3);
    len += frame(bytes + len, DATA, 8, "\x01xy", 3); /* one byte of data, one of padding */
    len += frame(bytes + len, DATA, 1, "", 0); /* END_STREAM on empty DATA is the usual end */
    len += frame(bytes + len, DATA, 9, "\x02\0\0", 3);
    p2p_flood_init(&flood, 0);
    for (int i = 0; i < 100000; i++) {
        CHECK(scan(&flood, bytes, len, 0, &reason));
    }
    /* Each frame of ours allows some WINDOW_UPDATEs, at any rate. */
    len = frame(bytes, WINDOW_UPDATE, 0, "\0\0\0\1", 4);
    for (int i = 0; i < 100000; i++) {
        p2p_flood_allow(&flood);
        CHECK(scan(&flood, bytes, len, 0, &reason));
        CHECK(scan(&flood, bytes, len, 0, &reason));
    }
}

/* Broken if a header block could be endless in bytes or in frames. */
static void test_header_blocks(void **state)
{
    (void)state;
    static uint8_t bytes[P2P_HEADER_BLOCK_BYTES + 100];
    static uint8_t payload[P2P_HEADER_BLOCK_BYTES + 1];
    struct p2p_flood flood;
    enum p2p_refusal reason;
    p2p_flood_init(&flood, 0);
    size_t len = frame(bytes, HEADERS, 4, payload, P2P_HEADER_BLOCK_BYTES);
    CHECK(scan(&flood, bytes, len, 0, &reason));
    CHECK(scan(&flood, bytes, len, 0, &reason));
    len = frame(bytes, HEADERS, 4, payload, P2P_HEADER_BLOCK_BYTES + 1);
    CHECK(!scan(&flood, bytes, len, 0, &reason) && reason == P2P_REFUSAL_HEADER_FLOOD);

    p2p_flood_init(&flood, 0);
    len = frame(bytes, HEADERS, 0, "a", 1);
    for (unsigned i = 0; i < P2P_CONTINUATIONS_MAX; i++) {
        len += frame(bytes + len, CONTINUATION, 0, "", 0);
    }
    CHECK(scan(&flood, bytes, len, 0, &reason));
    len = frame(bytes, CONTINUATION, 4, "", 0);
    CHECK(!scan(&flood, bytes, len, 0, &reason) && reason == P2P_REFUSAL_HEADER_FLOOD);
}

/* Broken if the way bytes are cut into reads changed what is counted. */
static void test_any_cut(void **state)
{
    (void)state;
    uint8_t bytes[256];
    size_t len = 0;
    enum p2p_refusal reason;
    for (int i = 0; i < 3; i++) {
        len += frame(bytes + len, DATA, 8, "\x02\0\0", 3);
        len += frame(bytes + len, HEADERS, 0, "ab", 2);
        len += frame(bytes + len, CONTINUATION, 4, "cd", 2);
        len += frame(bytes + len, PING, 0, "12345678", 8);
    }
    struct p2p_flood whole;
    p2p_flood_init(&whole, 5);
    CHECK(scan(&whole, bytes, len, 5, &reason));
    for (size_t cut = 0; cut <= len; cut++) {
        struct p2p_flood parts;
        p2p_flood_init(&parts, 5);
        CHECK(scan(&parts, bytes, cut, 5, &reason));
        CHECK(scan(&parts, bytes + cut, len - cut, 5, &reason));
        CHECK(parts.pings.milli_tokens == whole.pings.milli_tokens);
        CHECK(parts.useless.milli_tokens == whole.useless.milli_tokens);
        CHECK(parts.head_bytes == 0 && parts.partial_ms == 0 && parts.block_frames == 0);
    }
    struct p2p_flood bytewise;
    p2p_flood_init(&bytewise, 5);
    for (size_t i = 0; i < len; i++) {
        CHECK(scan(&bytewise, bytes + i, 1, 5, &reason));
    }
    CHECK(bytewise.useless.milli_tokens == whole.useless.milli_tokens);
}

/* Broken if a header sent a byte a minute could last, or if a slow body were taken for one. */
static void test_stalled(void **state)
{
    (void)state;
    uint8_t bytes[64];
    struct p2p_flood flood;
    enum p2p_refusal reason;
    size_t len = frame(bytes, HEADERS, 0, "ab", 2);
    for (size_t cut = 1; cut <= len; cut++) { /* whole too: its block is not ended */
        p2p_flood_init(&flood, 0);
        CHECK(scan(&flood, bytes, cut, 1000, &reason));
        CHECK(!p2p_flood_stalled(&flood, 1000 + P2P_HEADER_MS_MAX - 1));
        CHECK(p2p_flood_stalled(&flood, 1000 + P2P_HEADER_MS_MAX));
        /* More of the same does not buy time. */
        if (cut < len) {
            CHECK(scan(&flood, bytes + cut, 1, 1000 + P2P_HEADER_MS_MAX - 1, &reason));
            CHECK(p2p_flood_stalled(&flood, 1000 + P2P_HEADER_MS_MAX));
        }
    }
    /* Its end does, and a frame begun after it starts anew. */
    size_t end = frame(bytes, CONTINUATION, 4, "", 0);
    CHECK(scan(&flood, bytes, end, 5000, &reason));
    CHECK(!p2p_flood_stalled(&flood, 1000000));
    CHECK(scan(&flood, bytes, 3, 7000, &reason));
    CHECK(!p2p_flood_stalled(&flood, 7000 + P2P_HEADER_MS_MAX - 1));

    len = frame(bytes, DATA, 0, "abc", 3);
    p2p_flood_init(&flood, 0);
    CHECK(scan(&flood, bytes, len - 1, 1000, &reason));
    CHECK(!p2p_flood_stalled(&flood, 1000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_row_at_its_bound),
        cmocka_unit_test(test_honest_frames_are_free),
        cmocka_unit_test(test_header_blocks),
        cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_stalled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
