#include "check.h"
#include "feed/lately.h"
#include "machine/memory_kv.h"

#include <p2p/feed.h>

#include <string.h>

enum { LEAVES = 600, ARENA_BYTES = 1 << 23, LEAF_BYTES_MAX = 160 };

struct world {
    struct memory_kv *store;
    struct p2p_arena arena;
    struct p2p_feed feed;
    struct p2p_tree_head heads[LEAVES + 1]; /* of the first n leaves */
};

static struct p2p_lately lately;
static struct world world;

/* Leaf i of an age. In the second age the leaves of each five have changed places, so that
 * packs are as long and have as many. */
static struct p2p_slice leaf_of(uint8_t bytes[LEAF_BYTES_MAX], size_t i, unsigned age)
{
    size_t like = i - i % 5 + (i + age) % 5;
    memset(bytes, (int)(like * 7 + 1), LEAF_BYTES_MAX);
    bytes[0] = (uint8_t)(like >> 8);
    bytes[1] = (uint8_t)like;
    return p2p_slice_of(bytes, 20 + like * 37 % (LEAF_BYTES_MAX - 20));
}

static const struct p2p_kv *start(void)
{
    lately = (struct p2p_lately){0};
    world = (struct world){.store = memory_kv_new()};
    p2p_arena_init(&world.arena, p2p_alloc_default(), ARENA_BYTES);
    p2p_feed_init(&world.feed, 3);
    world.feed.lately = &lately;
    world.heads[0] = (struct p2p_tree_head){.root = p2p_edge_root(&world.feed.edge)};
    return memory_kv_begin(world.store);
}

static void stop(void)
{
    p2p_feed_end_batch(&world.feed);
    CHECK_OK(memory_kv_commit(world.store));
    p2p_arena_deinit(&world.arena);
    memory_kv_free(world.store);
}

static void grow(const struct p2p_kv *kv, size_t to, unsigned age)
{
    uint8_t bytes[LEAF_BYTES_MAX];
    while (world.feed.edge.size < to) {
        size_t i = (size_t)world.feed.edge.size;
        struct p2p_slice leaf = leaf_of(bytes, i, age);
        struct p2p_hash hash = p2p_leaf_hash(leaf);
        CHECK_OK(p2p_feed_append(&world.feed, kv, &world.arena, leaf, &hash, 0));
        world.heads[i + 1] =
            (struct p2p_tree_head){.size = i + 1, .root = p2p_edge_root(&world.feed.edge)};
    }
    CHECK_OK(p2p_feed_set_head(&world.feed, kv, &world.heads[to], (struct p2p_slice){0}));
}

/* Leaves of the second age from `cut` on, of the first below it. */
static void check_leaves(const struct p2p_kv *kv, size_t cut)
{
    uint8_t bytes[LEAF_BYTES_MAX];
    for (size_t i = 0; i < world.feed.edge.size; i++) {
        size_t at = i * 77 % (size_t)world.feed.edge.size;
        struct p2p_slice leaf;
        CHECK_OK(p2p_feed_leaf(&world.feed, kv, at, &leaf));
        CHECK(p2p_slice_equal(leaf, leaf_of(bytes, at, at < cut ? 0 : 1)));
    }
}

/* Without this, a leaf would be read at the place where one of a branch stood that was cut off,
 * or that it had in the tail. */
static void test_leaves(void **state)
{
    (void)state;
    const struct p2p_kv *kv = start();
    static const size_t cuts[] = {580, 400, 130, 5, 0};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        for (size_t to = 1; to < LEAVES; to += 1 + to / 3) {
            grow(kv, to, 0);
            check_leaves(kv, LEAVES);
        }
        grow(kv, LEAVES, 0);
        check_leaves(kv, LEAVES);
        CHECK_OK(p2p_feed_cut(&world.feed, kv, &world.arena, &world.heads[cuts[i]]));
        check_leaves(kv, LEAVES);
        grow(kv, LEAVES, 1); /* as long packs of as many leaves, but other ones */
        check_leaves(kv, cuts[i]);
        CHECK_OK(p2p_feed_cut(&world.feed, kv, &world.arena, &world.heads[0]));
        p2p_feed_end_batch(&world.feed);
        p2p_arena_reset(&world.arena);
    }
    stop();
}

/* Without this, a pack that lost a leaf, or gained a byte, would be read by where its leaves
 * stood before. */
static void test_damaged(void **state)
{
    (void)state;
    const struct p2p_kv *kv = start();
    struct p2p_slice key;
    struct p2p_slice value;
    struct p2p_slice leaf;
    static uint8_t row[P2P_PACK_BYTES_MAX + 1];
    uint8_t name[16];
    grow(kv, LEAVES, 0);
    check_leaves(kv, LEAVES);
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_RECORD, (struct p2p_slice){0}, &key, &value));
    size_t len = value.len;
    size_t name_len = key.len;
    memcpy(name, key.data, name_len);
    memcpy(row, value.data, len);
    for (unsigned damage = 0; damage < 3; damage++) {
        static uint8_t hurt[sizeof(row)];
        memcpy(hurt, row, sizeof(row));
        size_t hurt_len = damage == 0 ? len - 1 : damage == 1 ? len + 1 : len;
        hurt[2] = (uint8_t)(hurt[2] - (damage == 2)); /* the count */
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_RECORD, p2p_slice_of(name, name_len),
                            p2p_slice_of(hurt, hurt_len)));
        CHECK_ERR(p2p_feed_leaf(&world.feed, kv, 5, &leaf), P2P_CORRUPT);
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_RECORD, p2p_slice_of(name, name_len),
                            p2p_slice_of(row, len)));
        CHECK_OK(p2p_feed_leaf(&world.feed, kv, 5, &leaf));
    }
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_leaves),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
