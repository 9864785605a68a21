#include "check.h"
#include "feed/lately.h"
#include "machine/memory_kv.h"

#include <p2p/feed.h>

#include <stdlib.h>

enum { LEAVES = 1500, ARENA_BYTES = 1 << 22 };

struct world {
    struct memory_kv *store;
    struct p2p_arena arena;
    struct p2p_feed feed;
    struct p2p_hash leaves[LEAVES];
    struct p2p_tree_head heads[LEAVES + 1]; /* of the first n leaves */
};

/* Leaves from the feed's size on, other ones in every `age`. */
static void grow(struct world *world, const struct p2p_kv *kv, size_t to, uint8_t age)
{
    while (world->feed.edge.size < to) {
        size_t i = (size_t)world->feed.edge.size;
        uint8_t bytes[3] = {age, (uint8_t)(i >> 8), (uint8_t)i};
        struct p2p_slice leaf = p2p_slice_of(bytes, sizeof(bytes));
        world->leaves[i] = p2p_leaf_hash(leaf);
        CHECK_OK(p2p_feed_append(&world->feed, kv, &world->arena, leaf, &world->leaves[i], 0));
        world->heads[i + 1] =
            (struct p2p_tree_head){.size = i + 1, .root = p2p_edge_root(&world->feed.edge)};
    }
    CHECK_OK(p2p_feed_set_head(&world->feed, kv, &world->heads[to], (struct p2p_slice){0}));
}

static void check_roots(const struct world *world, const struct p2p_kv *kv)
{
    for (uint64_t size = 1; size <= world->feed.edge.size; size++) {
        struct p2p_hash root;
        CHECK_OK(p2p_feed_root_at(&world->feed, kv, size, &root));
        CHECK(p2p_hash_equal(&root, &world->heads[size].root));
    }
}

/* Roots that rest on kept hashes would be those of leaves that were cut off, or of another
 * feed: a claim about the branch that is the feed would count as false. */
static void test_roots(void **state)
{
    (void)state;
    static struct world world;
    static struct p2p_lately lately;
    world.store = memory_kv_new();
    p2p_arena_init(&world.arena, p2p_alloc_default(), ARENA_BYTES);
    p2p_feed_init(&world.feed, 3);
    world.feed.lately = &lately;
    world.heads[0] = (struct p2p_tree_head){.root = p2p_edge_root(&world.feed.edge)};
    const struct p2p_kv *kv = memory_kv_begin(world.store);
    static const size_t cuts[] = {1311, 1024, 700, 255, 0};
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        grow(&world, kv, LEAVES - i, (uint8_t)i);
        check_roots(&world, kv);
        check_roots(&world, kv); /* and again, of what was kept */
        CHECK_OK(p2p_feed_cut(&world.feed, kv, &world.arena, &world.heads[cuts[i]]));
        check_roots(&world, kv);
    }
    p2p_feed_end_batch(&world.feed);
    memory_kv_abort(world.store);
    memory_kv_free(world.store);
    p2p_arena_deinit(&world.arena);
}

/* A place is taken over by whatever comes later, and never answers for what it held before. */
static void test_places(void **state)
{
    (void)state;
    static struct p2p_subtrees subtrees;
    size_t held = 0;
    struct p2p_hash hash = {{0}};
    for (unsigned i = 0; i < 4 * P2P_SUBTREES_HELD; i++) {
        hash.bytes[0] = (uint8_t)i;
        hash.bytes[1] = (uint8_t)(i >> 8);
        p2p_subtrees_keep(&subtrees, i % 7, 4 + i % 4, i, &hash);
        const struct p2p_hash *found = p2p_subtrees_find(&subtrees, i % 7, 4 + i % 4, i);
        CHECK(found != NULL && p2p_hash_equal(found, &hash));
    }
    for (unsigned i = 0; i < 4 * P2P_SUBTREES_HELD; i++) {
        const struct p2p_hash *found = p2p_subtrees_find(&subtrees, i % 7, 4 + i % 4, i);
        CHECK(found == NULL ||
              (found->bytes[0] == (uint8_t)i && found->bytes[1] == (uint8_t)(i >> 8)));
        CHECK(p2p_subtrees_find(&subtrees, 9, 4 + i % 4, i) == NULL);
        held += found != NULL;
    }
    CHECK(held > P2P_SUBTREES_HELD / 2 && held <= P2P_SUBTREES_HELD);
    p2p_subtrees_forget(&subtrees);
    for (unsigned i = 0; i < 4 * P2P_SUBTREES_HELD; i++) {
        CHECK(p2p_subtrees_find(&subtrees, i % 7, 4 + i % 4, i) == NULL);
    }
    p2p_subtrees_keep(NULL, 1, 4, 0, &hash); /* no table holds nothing */
    CHECK(p2p_subtrees_find(NULL, 1, 4, 0) == NULL);
    p2p_subtrees_forget(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots),
        cmocka_unit_test(test_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
