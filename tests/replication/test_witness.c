#include "check.h"

#include "charter_world.h"
#include "memory_kv.h"

#include <p2p/witness.h>

/* Feed 1 of six members has four witnesses, members 2 to 5: three make a quorum. */
static struct charter_world world;
static struct world_draft draft;
static struct p2p_charter *charter;
static struct memory_kv *memory;
static const struct p2p_kv *kv;
static struct p2p_arena arena;
static struct p2p_feed feed;
static struct p2p_witnessing witnessing;

static struct p2p_hash grow(uint64_t size)
{
    uint64_t before = feed.edge.size;
    while (feed.edge.size < size) {
        uint8_t leaf[] = {'l', (uint8_t)feed.edge.size};
        struct p2p_slice bytes = p2p_slice_of(leaf, sizeof(leaf));
        struct p2p_hash hash = p2p_leaf_hash(bytes);
        CHECK_OK(p2p_feed_append(&feed, kv, &arena, bytes, &hash, 0));
    }
    struct p2p_tree_head head = {.size = size, .root = p2p_edge_root(&feed.edge)};
    head.signature.bytes[0] = (uint8_t)size;
    CHECK_OK(p2p_feed_set_head(&feed, kv, &head, p2p_slice_of(NULL, 0)));
    p2p_witnessing_mark(&witnessing, before, &head, 1000 + size * 10);
    return head.root;
}

static int setup(void **state)
{
    (void)state;
    memory = memory_kv_new();
    kv = memory_kv_begin(memory);
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    p2p_feed_init(&feed, 1);
    witnessing = (struct p2p_witnessing){0};
    world_init(&world);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= 6; i++) {
        world_admit(&draft, i, 5);
    }
    world_add(&world, charter, &draft, 3);
    return 0;
}

static void change(const char *add, const char *remove)
{
    const struct p2p_op_witness op = {.feed = "m1/1", .add = add, .remove = remove};
    world_draft(&draft);
    p2p_op_witness_pack(&draft.ops, &op);
    world_op(&draft);
    world_add(&world, charter, &draft, 3);
}

static int teardown(void **state)
{
    (void)state;
    memory_kv_free(memory);
    p2p_arena_deinit(&arena);
    p2p_charter_free(charter);
    return 0;
}

static bool offer(uint32_t witness, uint64_t size, const struct p2p_hash *root)
{
    const struct p2p_cosignature cosignature = {.time_s = 100 * witness + size};
    const struct p2p_feed_info *info = p2p_charter_feed(charter, 1);
    if (!p2p_witnessing_wants(&witnessing, info, witness, size, root, &feed)) {
        return false;
    }
    p2p_witnessing_add(&witnessing, info, witness, size, root, &cosignature, &feed);
    return true;
}

static bool settle(void)
{
    bool found = false;
    CHECK_OK(p2p_witnessing_settle(&witnessing, charter, &feed, kv, &found));
    return found;
}

/* Each witness counts once, the owner and strangers never, and k of them make a quorum. */
static void test_quorum(void **state)
{
    (void)state;
    struct p2p_hash root = grow(5);
    CHECK(offer(2, 5, &root));
    CHECK(!offer(2, 5, &root));
    CHECK(!offer(1, 5, &root));
    CHECK(!offer(9, 5, &root));
    CHECK(offer(4, 5, &root));
    CHECK(!settle());
    CHECK(offer(5, 5, &root));
    CHECK(settle());
    CHECK(witnessing.quorum_size == 5);
    CHECK(!settle());
    CHECK(!offer(3, 4, &root)); /* older than the quorum */
}

/* What is stored comes back, with whose cosignatures they are. */
static void test_stored_quorum(void **state)
{
    (void)state;
    struct p2p_cosigned quorum;
    struct p2p_witnessing loaded;
    struct p2p_hash root = grow(7);
    CHECK_ERR(p2p_quorum_load(&quorum, kv, 1), P2P_NOTFOUND);
    CHECK(offer(5, 7, &root) && offer(3, 7, &root) && offer(2, 7, &root));
    grow(9); /* no longer the newest head, but one that passed by */
    CHECK(settle());
    CHECK_OK(p2p_witnessing_store(&witnessing, kv, &feed));
    CHECK_OK(p2p_quorum_load(&quorum, kv, 1));
    CHECK(quorum.size == 7 && quorum.count == 3 && quorum.log.bytes[0] == 7);
    CHECK(quorum.witnesses[0] == 5 && quorum.cosignatures[0].time_s == 507);
    witnessing.cosigned_size = 6;
    witnessing.cosigned_time_s = 12345;
    CHECK_OK(p2p_witnessing_store_own(&witnessing, kv, 1, &root));
    CHECK_OK(p2p_witnessing_load(&loaded, kv, 1));
    CHECK(loaded.quorum_size == 7 && p2p_hash_equal(&loaded.quorum_root, &root));
    CHECK(loaded.cosigned_size == 6 && loaded.cosigned_time_s == 12345);
}

/* A cosignature that comes before its records waits; a false one goes without a trace. */
static void test_cosignatures_ahead(void **state)
{
    (void)state;
    struct p2p_hash wrong = p2p_sha256(p2p_slice_text("wrong"));
    struct p2p_hash at_four = grow(4);
    for (uint64_t size = 100; size < 200; size++) {
        CHECK(offer(5, size, &wrong)); /* one place for each witness, whatever it signs */
    }
    CHECK(!offer(5, 150, &wrong));
    CHECK(offer(2, 4, &at_four) && offer(3, 4, &at_four) && offer(4, 4, &at_four));
    CHECK(settle());
    CHECK(witnessing.quorum_size == 4);
    struct p2p_edge edge = feed.edge;
    uint8_t leaf[] = {'l', 4};
    struct p2p_hash hash = p2p_leaf_hash(p2p_slice_of(leaf, sizeof(leaf)));
    p2p_edge_append(&edge, &hash, NULL);
    struct p2p_hash at_five = p2p_edge_root(&edge);
    CHECK(offer(2, 5, &at_five) && offer(3, 5, &at_five) && offer(4, 5, &wrong));
    CHECK(!settle());
    grow(5);
    CHECK(!settle());
    CHECK(witnessing.candidates[0].size == 5 && witnessing.candidates[0].count == 2);
    CHECK(offer(4, 5, &at_five));
    CHECK(settle());
}

/* Across a change the old set and the new one both hold a quorum, or there is none; who was
 * removed two changes ago counts no more. */
static void test_changed_list(void **state)
{
    (void)state;
    struct p2p_hash root = grow(3);
    CHECK(offer(2, 3, &root) && offer(3, 3, &root));
    change("m6", "m2");
    CHECK(offer(6, 3, &root));
    CHECK(!settle()); /* 2 and 3 of the old, 3 and 6 of the new */
    CHECK(offer(4, 3, &root));
    CHECK(settle()); /* 2, 3 and 4 of the old, 3, 4 and 6 of the new */
    root = grow(4);
    CHECK(offer(3, 4, &root) && offer(4, 4, &root) && offer(6, 4, &root));
    CHECK(!settle()); /* three of the new, two of the old */
    CHECK(offer(5, 4, &root));
    CHECK(settle());
    change(NULL, "m6");
    root = grow(5);
    CHECK(!offer(2, 5, &root));
    CHECK(offer(3, 5, &root) && offer(4, 5, &root));
    CHECK(!settle()); /* two of three, but of four before three are needed */
    CHECK(offer(6, 5, &root));
    CHECK(settle());
}

/* Sixteen cosigners, those of fifteen witnesses and of the one before them, all have room. */
static void test_room_for_all_cosigners(void **state)
{
    (void)state;
    p2p_charter_free(charter);
    CHECK_OK(p2p_charter_new(&charter, p2p_alloc_default(), NULL));
    world_init(&world);
    world_draft(&draft);
    world_found(&draft, &world, 3, 2);
    for (uint32_t i = 1; i <= 19; i++) {
        world_admit(&draft, i, 16); /* feed 1: members 2 to 16 */
    }
    world_add(&world, charter, &draft, 3);
    change("m17", "m2");
    struct p2p_hash root = grow(3);
    struct p2p_hash wrong = p2p_sha256(p2p_slice_text("wrong"));
    for (uint32_t member = 2; member <= 17; member++) {
        CHECK(offer(member, 3, &root));
        CHECK(offer(member, 90, &wrong));
    }
    CHECK(settle());
    change("m18", "m3"); /* 2 has no place any more, 3 is the one before */
    CHECK(!offer(2, 91, &wrong) && offer(18, 3, &root) && offer(18, 91, &wrong));
    CHECK(offer(3, 91, &wrong));
    CHECK_OK(p2p_witnessing_store(&witnessing, kv, &feed));
}

/* Of many heads the one that passed the largest power of two is chosen, of few the newest. */
static void test_choice_of_a_head(void **state)
{
    (void)state;
    CHECK(p2p_witnessing_choose(&witnessing, &feed) == &feed.head);
    for (uint64_t size = 1; size <= 9; size++) {
        grow(size);
    }
    CHECK(p2p_witnessing_choose(&witnessing, &feed)->size == 8);
    witnessing.cosigned_size = 8;
    CHECK(p2p_witnessing_choose(&witnessing, &feed)->size == 9);
    witnessing.cosigned_size = 9;
    grow(31);
    CHECK(p2p_witnessing_choose(&witnessing, &feed)->size == 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_quorum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stored_quorum, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cosignatures_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_for_all_cosigners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choice_of_a_head, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
