#include "check.h"

#include <p2p/alloc.h>

#include <stdlib.h>

/* An allocator whose n-th allocation fails, and which knows what is still held. */
struct failing {
    long countdown; /* -1: never fails */
    long held;
};

static void *failing_realloc(void *context, void *old, size_t bytes)
{
    struct failing *failing = context;
    if (failing->countdown == 0) {
        return NULL;
    }
    failing->countdown -= failing->countdown > 0;
    failing->held += old == NULL;
    return realloc(old, bytes);
}

static void failing_free(void *context, void *old)
{
    struct failing *failing = context;
    failing->held -= old != NULL;
    free(old);
}

static struct p2p_alloc failing_alloc(struct failing *failing)
{
    return (struct p2p_alloc){failing_realloc, failing_free, failing};
}

/* Callers would read old memory as zeros, or treat an empty array as "no memory". */
static void zeroed_memory_is_zero_and_never_empty(void **state)
{
    (void)state;
    const struct p2p_alloc *heap = p2p_alloc_default();
    uint8_t *bytes = p2p_alloc_zeroed(heap, 100, 3);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < 300; i++) {
        CHECK(bytes[i] == 0);
    }
    bytes[299] = 7;
    bytes = p2p_alloc_resize(heap, bytes, 1000, 3);
    CHECK(bytes != NULL && bytes[299] == 7);
    p2p_alloc_free(heap, bytes);
    p2p_alloc_free(heap, NULL);
    void *empty = p2p_alloc_zeroed(heap, 0, 8);
    CHECK(empty != NULL);
    p2p_alloc_free(heap, empty);
}

/* A count from outside could wrap the product, and the writer would run past a short block. */
static void overflowing_products_are_refused(void **state)
{
    (void)state;
    const struct p2p_alloc *heap = p2p_alloc_default();
    CHECK(p2p_alloc_zeroed(heap, SIZE_MAX / 2 + 1, 2) == NULL);
    CHECK(p2p_alloc_zeroed(heap, SIZE_MAX, SIZE_MAX) == NULL);
    CHECK(p2p_alloc_resize(heap, NULL, 2, SIZE_MAX / 2 + 1) == NULL);
}

/* Pieces would overlap, or crash on machines that insist on alignment. */
static void pieces_are_aligned_and_apart(void **state)
{
    (void)state;
    struct p2p_arena arena;
    uint8_t *pieces[200];
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = p2p_arena_take(&arena, i * 3);
        CHECK(pieces[i] != NULL);
        CHECK((uintptr_t)pieces[i] % _Alignof(max_align_t) == 0);
        memset(pieces[i], (int)i, i * 3);
    }
    for (size_t i = 0; i < 200; i++) {
        for (size_t j = 0; j < i * 3; j++) {
            CHECK(pieces[i][j] == (uint8_t)i);
        }
    }
    p2p_arena_deinit(&arena);
}

/* A peer could make us hold more memory by sending more. */
static void the_cap_holds(void **state)
{
    (void)state;
    struct p2p_arena arena;
    p2p_arena_init(&arena, p2p_alloc_default(), 1000);
    CHECK(p2p_arena_take(&arena, 1001) == NULL);
    CHECK(p2p_arena_take(&arena, SIZE_MAX) == NULL);
    CHECK(p2p_arena_take(&arena, 1000) != NULL);
    CHECK(p2p_arena_take(&arena, 1) == NULL);
    p2p_arena_reset(&arena);
    CHECK(p2p_arena_take(&arena, 1000) != NULL);
    p2p_arena_reset(&arena);
    size_t taken = 0;
    while (p2p_arena_take(&arena, 1) != NULL) {
        taken++;
    }
    CHECK(taken > 0 && taken * _Alignof(max_align_t) <= 1000 + _Alignof(max_align_t));
    CHECK(arena.used_bytes <= 1000);
    p2p_arena_deinit(&arena);
}

/* A node that runs for months would grow with every batch. */
static void reset_keeps_at_most_one_block(void **state)
{
    (void)state;
    struct failing failing = {.countdown = -1};
    struct p2p_alloc alloc = failing_alloc(&failing);
    struct p2p_arena arena;
    p2p_arena_init(&arena, &alloc, 1u << 20);
    for (int batch = 0; batch < 10; batch++) {
        for (int i = 0; i < 20; i++) {
            CHECK(p2p_arena_take(&arena, 10000) != NULL);
        }
        p2p_arena_reset(&arena);
        CHECK(arena.used_bytes == 0);
        CHECK(failing.held <= 1);
    }
    p2p_arena_deinit(&arena);
    CHECK(failing.held == 0);
    p2p_arena_deinit(&arena);
}

/* A borrowed slice would be kept beyond its owner, or an empty one be taken for a failure. */
static void copies_live_in_the_arena(void **state)
{
    (void)state;
    uint8_t original[3] = {1, 2, 3};
    struct p2p_arena arena;
    p2p_arena_init(&arena, p2p_alloc_default(), 64);
    struct p2p_slice copy = p2p_arena_copy(&arena, (struct p2p_slice){original, 3});
    memset(original, 0, sizeof original);
    CHECK(copy.len == 3 && copy.data[0] == 1 && copy.data[2] == 3);
    CHECK(p2p_arena_copy(&arena, (struct p2p_slice){NULL, 0}).len == 0);
    uint8_t large[65] = {0};
    copy = p2p_arena_copy(&arena, (struct p2p_slice){large, sizeof large});
    CHECK(copy.data == NULL && copy.len == 0);
    p2p_arena_deinit(&arena);
}

/* Running out of memory in the middle of a batch would crash or leak. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (long at = 0; at < 4; at++) {
        struct failing failing = {.countdown = at};
        struct p2p_alloc alloc = failing_alloc(&failing);
        struct p2p_arena arena;
        int got = 0;
        p2p_arena_init(&arena, &alloc, 1u << 20);
        while (got < 4 && p2p_arena_take(&arena, 20000) != NULL) {
            got++;
        }
        CHECK(got == at);
        CHECK(p2p_alloc_zeroed(&alloc, 1, 1) == NULL);
        failing.countdown = -1;
        CHECK(p2p_arena_take(&arena, 20000) != NULL);
        p2p_arena_deinit(&arena);
        CHECK(failing.held == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeroed_memory_is_zero_and_never_empty),
        cmocka_unit_test(overflowing_products_are_refused),
        cmocka_unit_test(pieces_are_aligned_and_apart),
        cmocka_unit_test(the_cap_holds),
        cmocka_unit_test(reset_keeps_at_most_one_block),
        cmocka_unit_test(copies_live_in_the_arena),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
