#include "check.h"

#include "charter_world.h"
#include "machine/memory_kv.h"

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
    CHECK_OK(p2p_witnessing_mark(&witnessing, before, &head, 1000 + size * 10));
    return head.root;
}

static int setup(void **state)
{
    (void)state;
    memory = memory_kv_new();
    kv = memory_kv_begin(memory);
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    p2p_feed_init(&feed, 1);
    CHECK_OK(p2p_witnessing_load(&witnessing, p2p_alloc_default(), kv, 1));
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
    p2p_witnessing_deinit(&witnessing);
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
    CHECK_OK(p2p_witnessing_add(&witnessing, info, witness, size, root, &cosignature, &feed));
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
    CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv, 1));
    CHECK(loaded.quorum_size == 7 && p2p_hash_equal(&loaded.quorum_root, &root));
    CHECK(loaded.cosigned_size == 6 && loaded.cosigned_time_s == 12345);
    p2p_witnessing_deinit(&loaded);
}

/* A bit that flipped in what a node cosigned last would make it cosign less than it did, or
 * nothing more. */
static void test_damaged_own(void **state)
{
    (void)state;
    static const uint8_t key[] = {0, 0, 0, 1, 'w'};
    struct p2p_slice row = p2p_slice_of(key, sizeof(key));
    struct p2p_slice value;
    struct p2p_witnessing loaded;
    uint8_t bytes[64];
    struct p2p_hash root = grow(7);
    witnessing.cosigned_size = 6;
    witnessing.cosigned_time_s = 12345;
    CHECK_OK(p2p_witnessing_store_own(&witnessing, kv, 1, &root));
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_FEED, row, &value));
    const size_t len = value.len;
    CHECK(len <= sizeof(bytes));
    memcpy(bytes, value.data, len);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, row, p2p_slice_of(bytes, len)));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv, 1));
        CHECK(loaded.own_damaged && loaded.cosigned_size == 0 && loaded.cosigned_time_s == 0);
        p2p_witnessing_deinit(&loaded);
    }
    for (size_t cut = 0; cut < len; cut++) {
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, row, p2p_slice_of(bytes, cut)));
        CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv, 1));
        CHECK(loaded.own_damaged && loaded.cosigned_size == 0);
        p2p_witnessing_deinit(&loaded);
    }
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, row, p2p_slice_of(bytes, len)));
    CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv, 1));
    CHECK(!loaded.own_damaged && loaded.cosigned_size == 6);
    p2p_witnessing_deinit(&loaded);
}

static void reach_quorum(uint64_t size, uint64_t mono_ms)
{
    struct p2p_hash root = grow(size);
    CHECK(offer(2, size, &root) && offer(3, size, &root) && offer(4, size, &root));
    CHECK(settle());
    CHECK_OK(p2p_witnessing_store(&witnessing, kv, &feed));
    CHECK_OK(p2p_history_store(&witnessing, kv, &feed, mono_ms));
}

static uint64_t kept_from(uint64_t size)
{
    struct p2p_cosigned found;
    enum p2p_err err = p2p_history_quorum_from(kv, 1, size, &found);
    return err == P2P_NOTFOUND ? 0 : found.size;
}

/* An audit would have nothing to bracket the times of records with, or the store would grow
 * with every record: one quorum a minute stays, with what came for it, and the last before a
 * pause. */
static void test_kept_quorums(void **state)
{
    (void)state;
    struct p2p_cosigned found;
    struct p2p_witnessing loaded;
    reach_quorum(5, 1000);
    reach_quorum(6, 2000);
    reach_quorum(7, 60999);
    CHECK(kept_from(1) == 5 && kept_from(6) == 0);
    CHECK_OK(p2p_history_store(&witnessing, kv, &feed, 61000)); /* nothing new came */
    CHECK(kept_from(6) == 7 && kept_from(8) == 0);
    CHECK_OK(p2p_history_quorum_from(kv, 1, 7, &found));
    CHECK(found.count == 3 && found.log.bytes[0] == 7 && found.cosignatures[2].time_s == 407);
    CHECK(offer(5, 7, &feed.head.root)); /* late */
    CHECK_OK(p2p_history_store(&witnessing, kv, &feed, 61001));
    CHECK_OK(p2p_history_quorum_from(kv, 1, 7, &found));
    CHECK(found.count == 4);
    CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv,
                                 1)); /* a start keeps none twice */
    CHECK(loaded.history.kept_size == 7 && loaded.history.kept_count == 4);
    p2p_witnessing_deinit(&loaded);
    reach_quorum(9, 200000);
    CHECK(kept_from(8) == 9);
}

static void beat(uint64_t time_s, uint64_t mono_ms)
{
    const struct p2p_cosign_body body = {.feed = 1,
                                         .size = feed.head.size,
                                         .root = feed.head.root,
                                         .witness = 1,
                                         .cosignature = {.time_s = time_s}};
    CHECK_OK(p2p_history_beat(&witnessing, &feed, kv, &body, mono_ms));
    CHECK_OK(p2p_history_store(&witnessing, kv, &feed, mono_ms));
}

static void check_stretch(uint64_t to_s, uint64_t first_s, uint64_t latest_s)
{
    struct p2p_stretch found;
    CHECK_OK(p2p_history_stretch_to(kv, 1, to_s, &found));
    CHECK(found.first.cosignature.time_s == first_s);
    CHECK(found.latest.cosignature.time_s == latest_s);
    CHECK(found.latest.head.signature.bytes[0] == (uint8_t)found.latest.head.size);
}

/* Silence would not be seen, or a clock that jumps would fill the disk. */
static void test_kept_heartbeats(void **state)
{
    (void)state;
    struct p2p_stretch found;
    struct p2p_witnessing loaded;
    grow(3);
    beat(1000, 1000);
    beat(1060, 61000);
    grow(4);
    beat(1240, 241000); /* three minutes are no silence */
    check_stretch(UINT64_MAX, 1000, 1240);
    beat(1421, 422000); /* more are */
    beat(1481, 482000);
    check_stretch(UINT64_MAX, 1421, 1481);
    check_stretch(1420, 1000, 1240);
    CHECK_ERR(p2p_history_stretch_to(kv, 1, 999, &found), P2P_NOTFOUND);
    beat(1400, 483000); /* times go on */
    check_stretch(UINT64_MAX, 1421, 1481);
    beat(5000, 484000);
    check_stretch(UINT64_MAX, 5000, 5000);
    beat(9000, 485000); /* by our clock not a minute later */
    check_stretch(UINT64_MAX, 5000, 5000);
    CHECK_OK(p2p_witnessing_load(&loaded, p2p_alloc_default(), kv, 1));
    CHECK(loaded.history.stretch.first.cosignature.time_s == 5000);
    p2p_witnessing_deinit(&loaded);
}

/* An owner would be blamed for what a disk did. */
static void test_damaged_history(void **state)
{
    (void)state;
    struct p2p_slice key;
    struct p2p_slice value;
    struct p2p_cosigned cosigned;
    struct p2p_stretch stretch;
    grow(3);
    beat(1000, 1000);
    reach_quorum(5, 1000);
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_HISTORY, p2p_slice_of(NULL, 0), &key, &value);
    unsigned rows = 0;
    while (err == P2P_OK) {
        uint8_t copied_key[32];
        uint8_t bad[1024];
        size_t len = value.len;
        struct p2p_slice at = p2p_slice_of(copied_key, key.len);
        memcpy(copied_key, key.data, key.len);
        memcpy(bad, value.data, len);
        bad[len - 1] ^= 1;
        CHECK_OK(p2p_kv_put(kv, P2P_TABLE_HISTORY, at, p2p_slice_of(bad, len)));
        copied_key[key.len - 1]++;
        err = p2p_kv_seek(kv, P2P_TABLE_HISTORY, at, &key, &value);
        rows++;
    }
    CHECK(rows == 2);
    CHECK_ERR(p2p_history_quorum_from(kv, 1, 0, &cosigned), P2P_NOTFOUND);
    CHECK_ERR(p2p_history_stretch_to(kv, 1, UINT64_MAX, &stretch), P2P_NOTFOUND);
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

/* Without this, one faulty witness that cosigns each new head at once would push out those
 * that the others agree on, and the feed would hardly ever be witnessed under load. */
static void test_one_that_cosigns_everything(void **state)
{
    enum { SIZES = 80, EVERY = 8 };
    struct p2p_hash agreed = grow(EVERY);
    uint64_t rose = 0;
    (void)state;
    for (uint64_t size = EVERY; size < SIZES; size++) {
        struct p2p_hash root = grow(size);
        uint32_t late = 2 + (uint32_t)(size % EVERY);
        agreed = size % EVERY == 0 ? root : agreed;
        CHECK(offer(5, size, &root));
        if (size % EVERY != 0 && late <= 4) { /* 3 and 4, three and four heads behind */
            CHECK(offer(late, size - size % EVERY, &agreed));
        }
        rose += settle();
    }
    CHECK(rose == SIZES / EVERY - 1);
    struct p2p_hash last = grow(SIZES); /* where all arrive in the end */
    CHECK(offer(5, SIZES, &last) && offer(2, SIZES, &last) && offer(3, SIZES, &last));
    CHECK(settle() && witnessing.quorum_size == SIZES);
}

/* Without this, a cosignature that gave way to others would be taken, and passed on, again each
 * time somebody sends it. */
static void test_what_gave_way_does_not_come_back(void **state)
{
    (void)state;
    struct p2p_hash roots[8];
    for (uint64_t size = 1; size < 8; size++) {
        roots[size] = grow(size);
        CHECK(offer(5, size, &roots[size]));
    }
    for (uint64_t size = 1; size < 8; size++) {
        CHECK(!offer(5, size, &roots[size]));
    }
    CHECK(offer(2, 6, &roots[6]) && offer(3, 5, &roots[5]) && !offer(3, 3, &roots[3]));
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
        cmocka_unit_test_setup_teardown(test_damaged_own, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept_quorums, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kept_heartbeats, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_history, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cosignatures_ahead, setup, teardown),
        cmocka_unit_test_setup_teardown(test_changed_list, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_that_cosigns_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_gave_way_does_not_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_for_all_cosigners, setup, teardown),
        cmocka_unit_test_setup_teardown(test_choice_of_a_head, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
