#include "check.h"
#include "faulty_alloc.h"
#include "frame_sample.h"
#include "rng.h"

#include <stdlib.h>

struct cut {
    uint8_t types[SAMPLE_COUNT + 1];
    struct p2p_hash bodies[SAMPLE_COUNT + 1];
    size_t count;
};

static enum p2p_err feed_split(struct p2p_frame_split *split, struct p2p_slice bytes,
                               struct cut *cut)
{
    uint8_t *copy = malloc(bytes.len > 0 ? bytes.len : 1); /* gone right after: as a socket's */
    enum p2p_err err;
    struct p2p_frame frame;
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.len);
    struct p2p_slice left = p2p_slice_of(copy, bytes.len);
    while (p2p_frame_split_next(split, &left, &frame, &err)) {
        CHECK(cut->count <= SAMPLE_COUNT);
        cut->types[cut->count] = frame.type;
        cut->bodies[cut->count++] = p2p_sha256(frame.body);
    }
    CHECK(err != P2P_OK || left.len == 0);
    free(copy);
    return err;
}

/* Without this, where a packet happens to end would change what a peer is heard to say. */
static void test_split_everywhere(void **state)
{
    struct frame_sample s;
    (void)state;
    frame_sample_init(&s);
    for (size_t at = 0; at <= s.all.len; at++) {
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        p2p_frame_split_init(&split, p2p_alloc_default());
        CHECK_OK(feed_split(&split, p2p_slice_of(s.all.data, at), &cut));
        CHECK_OK(feed_split(&split, p2p_slice_of(s.all.data + at, s.all.len - at), &cut));
        p2p_frame_split_deinit(&split);
        CHECK(cut.count == SAMPLE_COUNT);
        for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
            struct p2p_frame frame = frame_sample_at(&s, i);
            struct p2p_hash body = p2p_sha256(frame.body);
            CHECK(cut.types[i] == frame.type && p2p_hash_equal(&cut.bodies[i], &body));
        }
    }
}

/* Without this, small or odd pieces would lose a frame or join two. */
static void test_split_pieces(void **state)
{
    struct frame_sample s;
    struct rng rng = {20260110};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    frame_sample_init(&s);
    for (size_t max = 1; max < 300; max += 1 + max / 8) {
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        p2p_frame_split_init(&split, p2p_alloc_default());
        for (size_t at = 0; at < s.all.len;) {
            size_t n = 1 + rng_below(&rng, max);
            n = n < s.all.len - at ? n : s.all.len - at;
            CHECK_OK(feed_split(&split, p2p_slice_of(s.all.data + at, n), &cut));
            at += n;
        }
        p2p_frame_split_deinit(&split);
        CHECK(cut.count == SAMPLE_COUNT);
        for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
            struct p2p_hash body = p2p_sha256(frame_sample_at(&s, i).body);
            CHECK(p2p_hash_equal(&cut.bodies[i], &body));
        }
    }
}

/* Without this, a length that a peer only claims would take memory or desynchronise the
 * stream. */
static void test_split_refuses(void **state)
{
    static const struct {
        uint8_t header[4];
        enum p2p_err expected;
    } headers[] = {
        {{0xff, 0xff, 0xff, 0xff}, P2P_TOOLARGE},
        {{0x00, 0x1c, 0x00, 0x01}, P2P_TOOLARGE},
        {{0x00, 0x00, 0x00, 0x00}, P2P_MALFORMED},
    };
    (void)state;
    for (size_t h = 0; h < 3; h++) {
        for (size_t at = 0; at <= 4; at++) {
            struct faulty_alloc heap;
            struct p2p_frame_split split;
            struct cut cut = {.count = 0};
            uint8_t bytes[4]; /* the length alone says it */
            memcpy(bytes, headers[h].header, 4);
            faulty_alloc_init(&heap, -1);
            p2p_frame_split_init(&split, &heap.alloc);
            enum p2p_err err = feed_split(&split, p2p_slice_of(bytes, at), &cut);
            if (err == P2P_OK) {
                err = feed_split(&split, p2p_slice_of(bytes + at, sizeof(bytes) - at), &cut);
            }
            CHECK_ERR(err, headers[h].expected);
            CHECK(cut.count == 0 && heap.peak_bytes <= 64);
            p2p_frame_split_deinit(&split);
            CHECK(heap.live_bytes == 0);
        }
    }
}

/* Without this, the largest frame would not pass, or cost more than itself. */
static void test_split_largest(void **state)
{
    static uint8_t bytes[4 + P2P_FRAME_BYTES_MAX];
    struct faulty_alloc heap;
    struct p2p_frame_split split;
    struct cut cut = {.count = 0};
    (void)state;
    bytes[1] = P2P_FRAME_BYTES_MAX >> 16;
    bytes[2] = (P2P_FRAME_BYTES_MAX >> 8) & 0xff;
    bytes[3] = P2P_FRAME_BYTES_MAX & 0xff;
    bytes[4] = 200;
    faulty_alloc_init(&heap, -1);
    p2p_frame_split_init(&split, &heap.alloc);
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes, sizeof(bytes)), &cut));
    CHECK(cut.count == 1 && heap.peak_bytes == 0); /* whole already: not copied */
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes, 1000), &cut));
    CHECK_OK(feed_split(&split, p2p_slice_of(bytes + 1000, sizeof(bytes) - 1000), &cut));
    CHECK(cut.count == 2 && cut.types[1] == 200);
    CHECK(heap.peak_bytes <= sizeof(bytes) + 64); /* the old and the new buffer */
    p2p_frame_split_deinit(&split);
    CHECK(heap.live_bytes == 0);
}

/* Without this, a node short of memory would leak, or take a frame for whole that is not. */
static void test_split_without_memory(void **state)
{
    struct frame_sample s;
    (void)state;
    frame_sample_init(&s);
    for (long at = 0;; at++) {
        struct faulty_alloc heap;
        struct p2p_frame_split split;
        struct cut cut = {.count = 0};
        enum p2p_err err = P2P_OK;
        faulty_alloc_init(&heap, at);
        p2p_frame_split_init(&split, &heap.alloc);
        for (size_t i = 0; i < s.all.len && err == P2P_OK; i += 7) {
            size_t n = s.all.len - i < 7 ? s.all.len - i : 7;
            err = feed_split(&split, p2p_slice_of(s.all.data + i, n), &cut);
        }
        p2p_frame_split_deinit(&split);
        CHECK(heap.live_bytes == 0);
        CHECK(err == P2P_OK || err == P2P_NOMEM);
        CHECK((err == P2P_OK) == !heap.tripped);
        if (err == P2P_OK) {
            CHECK(at > 0 && cut.count == SAMPLE_COUNT);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_everywhere),     cmocka_unit_test(test_split_pieces),
        cmocka_unit_test(test_split_refuses),        cmocka_unit_test(test_split_largest),
        cmocka_unit_test(test_split_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
