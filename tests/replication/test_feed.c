#include "check.h"
#include "feed_model.h"
#include "rng.h"

#include <p2p/feed.h>

static void check_leaf(const struct p2p_feed *feed, const struct p2p_kv *kv,
                       const struct feed_model *model, size_t i)
{
    struct p2p_slice leaf;
    CHECK_OK(p2p_feed_leaf(feed, kv, i, &leaf));
    CHECK(p2p_slice_equal(leaf, feed_model_leaf(model, i)));
}

static void check_all_leaves(const struct p2p_feed *feed, const struct p2p_kv *kv,
                             const struct feed_model *model)
{
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    p2p_feed_walk_begin(&walk, feed, kv, 0);
    for (size_t i = 0; i < feed->edge.size; i++) {
        CHECK_OK(p2p_feed_walk_next(&walk, &leaf));
        CHECK(p2p_slice_equal(leaf, feed_model_leaf(model, i)));
    }
    CHECK_ERR(p2p_feed_walk_next(&walk, &leaf), P2P_NOTFOUND);
    CHECK_ERR(p2p_feed_leaf(feed, kv, feed->edge.size, &leaf), P2P_NOTFOUND);
    CHECK_ERR(p2p_feed_leaf(feed, kv, UINT64_MAX, &leaf), P2P_NOTFOUND);
}

static void check_inclusion(const struct p2p_feed *feed, const struct p2p_kv *kv,
                            const struct feed_model *model, size_t index, size_t size)
{
    struct p2p_feed_hashes source = {feed->number, kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_proof proof;
    CHECK_OK(p2p_tree_inclusion(&reader, index, size, &proof));
    CHECK_OK(p2p_inclusion_verify(&model->hashes[index], index, size, proof.hashes, proof.count,
                                  &model->roots[size]));
}

static void check_consistency(const struct p2p_feed *feed, const struct p2p_kv *kv,
                              const struct feed_model *model, size_t old_size, size_t new_size)
{
    struct p2p_feed_hashes source = {feed->number, kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    struct p2p_proof proof;
    struct p2p_hash root;
    CHECK_OK(p2p_tree_consistency(&reader, old_size, new_size, &proof));
    CHECK_OK(p2p_consistency_verify(old_size, &model->roots[old_size], new_size,
                                    &model->roots[new_size], proof.hashes, proof.count));
    CHECK_OK(p2p_feed_root_at(feed, kv, new_size, &root));
    CHECK(p2p_hash_equal(&root, &model->roots[new_size]));
}

/* The feed read from the store is the feed in memory, but for what a batch holds. */
static void check_reload(const struct p2p_feed *feed, const struct p2p_kv *kv)
{
    struct p2p_feed loaded;
    p2p_feed_init(&loaded, feed->number);
    CHECK_OK(p2p_feed_load(&loaded, kv));
    CHECK(loaded.edge.size == feed->edge.size && loaded.state == feed->state);
    CHECK(loaded.kept_size == feed->kept_size);
    CHECK(loaded.since_kept_bytes == feed->since_kept_bytes);
    CHECK(loaded.head.size == feed->head.size && loaded.tail == NULL);
    CHECK(p2p_hash_equal(&loaded.head.root, &feed->head.root));
    CHECK_BYTES(loaded.head.signature.bytes, feed->head.signature.bytes, P2P_SIGNATURE_BYTES);
    for (unsigned level = 0; level < P2P_TREE_LEVELS_MAX; level++) {
        CHECK(!(feed->edge.size >> level & 1) ||
              p2p_hash_equal(&loaded.edge.peaks[level], &feed->edge.peaks[level]));
    }
}

/* Lengths as they occur: mostly small, some around what fits a pack, a few of the largest. */
static size_t random_len(struct rng *rng)
{
    switch (rng_below(rng, 40)) {
    case 0:
        return P2P_RECORD_BYTES_MAX;
    case 1:
        return P2P_PACK_BYTES_MAX - 8 + rng_below(rng, 8); /* around a pack of its own */
    case 2:
        return 1 + rng_below(rng, P2P_RECORD_BYTES_MAX - 10) + 9;
    case 3:
        return 4000 + rng_below(rng, 200); /* four to a pack, or not quite */
    default:
        return 10 + rng_below(rng, 300);
    }
}

/* Without this, what was appended would not be what is read back, or the tree over it another
 * one: leaves, roots and reloaded feed after each of many random batches. */
static void test_random_batches(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        struct memory_kv *store = memory_kv_new();
        struct feed_model model;
        struct p2p_feed feed;
        print_message("seed %llu\n", (unsigned long long)seed);
        feed_model_init(&model);
        p2p_feed_init(&feed, 3);
        for (unsigned batch = 0; batch < 60; batch++) {
            size_t n =
                rng_below(&rng, 4) == 0 ? 1 + rng_below(&rng, 90) : 1 + rng_below(&rng, 8);
            for (size_t i = 0; i < n; i++) {
                feed_model_add(&model, random_len(&rng));
            }
            feed_model_commit(&feed, store, &model, model.count);
            if (rng_below(&rng, 2)) { /* go on as after a restart */
                p2p_feed_init(&feed, 3);
                CHECK_OK(p2p_feed_load(&feed, memory_kv_begin(store)));
                CHECK_OK(memory_kv_commit(store));
            }
            const struct p2p_kv *kv = memory_kv_begin(store);
            check_reload(&feed, kv);
            CHECK(feed.edge.size == model.count);
            struct p2p_hash root = p2p_edge_root(&feed.edge);
            CHECK(p2p_hash_equal(&root, &model.roots[model.count]));
            check_leaf(&feed, kv, &model, rng_below(&rng, model.count));
            check_inclusion(&feed, kv, &model, rng_below(&rng, model.count), model.count);
            CHECK_OK(memory_kv_commit(store));
        }
        const struct p2p_kv *kv = memory_kv_begin(store);
        check_all_leaves(&feed, kv, &model);
        for (size_t i = 0; i < model.count; i++) {
            check_leaf(&feed, kv, &model, i);
        }
        memory_kv_abort(store);
        memory_kv_free(store);
        feed_model_free(&model);
    }
}

/* Without this, some record could not be proven to be in the log, or some size not to be
 * extended by another: every pair of sizes around the ends of hash groups (127) and stored
 * levels (256). */
static void test_all_proofs(void **state)
{
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    (void)state;
    feed_model_init(&model);
    p2p_feed_init(&feed, 1);
    while (model.count < 515) {
        feed_model_add(&model, 20);
        feed_model_commit(&feed, store, &model, model.count);
    }
    const struct p2p_kv *kv = memory_kv_begin(store);
    for (size_t size = 1; size <= model.count; size++) {
        bool near = size <= 40 || (size >= 126 && size <= 130) ||
                    (size >= 253 && size <= 259) || size >= 509;
        for (size_t i = 0; i < size && near; i += size <= 40 ? 1 : 3) {
            check_inclusion(&feed, kv, &model, i, size);
            check_consistency(&feed, kv, &model, i, size);
        }
        if (near) {
            check_consistency(&feed, kv, &model, size, size);
            check_inclusion(&feed, kv, &model, size - 1, size);
        }
    }
    struct p2p_hash root;
    CHECK_ERR(p2p_feed_root_at(&feed, kv, model.count + 1, &root), P2P_GAP);
    CHECK_OK(p2p_feed_root_at(&feed, kv, 0, &root));
    CHECK(p2p_hash_equal(&root, &model.roots[0]));
    memory_kv_abort(store);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Without this, proofs would fail where the third stored level begins: at 65,536 records, and
 * at 127 * 256, where a group of the second is full. */
static void test_large_feed(void **state)
{
    struct rng rng = {20260120};
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    feed_model_init(&model);
    p2p_feed_init(&feed, UINT32_MAX);
    while (model.count < 66000) {
        for (size_t n = 1 + rng_below(&rng, 2000); n > 0; n--) {
            feed_model_add(&model, 10 + rng_below(&rng, 20));
        }
        feed_model_commit(&feed, store, &model, model.count);
    }
    const struct p2p_kv *kv = memory_kv_begin(store);
    check_reload(&feed, kv);
    for (unsigned i = 0; i < 300; i++) {
        size_t size = 1 + rng_below(&rng, model.count);
        if (i % 3 == 0) {
            static const size_t edges[] = {127 * 256, 127 * 256 + 1, 65536,
                                           65537,     65535,         256 * 100};
            size = edges[rng_below(&rng, 6)];
        }
        check_inclusion(&feed, kv, &model, rng_below(&rng, size), size);
        check_consistency(&feed, kv, &model, rng_below(&rng, size + 1), size);
    }
    for (unsigned i = 0; i < 3000; i++) {
        check_leaf(&feed, kv, &model, rng_below(&rng, model.count));
    }
    memory_kv_abort(store);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Without this, a record appended a moment ago could not be read by the next one in its batch.
 */
static void test_reads_in_batch(void **state)
{
    struct rng rng = {20260121};
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    struct p2p_arena arena;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    feed_model_init(&model);
    p2p_feed_init(&feed, 2);
    p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
    for (unsigned batch = 0; batch < 10; batch++) {
        const struct p2p_kv *kv = memory_kv_begin(store);
        for (unsigned i = 0; i < 40; i++) {
            feed_model_add(&model, random_len(&rng));
            size_t last = model.count - 1;
            CHECK_OK(p2p_feed_append(&feed, kv, &arena, feed_model_leaf(&model, last),
                                     &model.hashes[last], 0));
            check_leaf(&feed, kv, &model, last);
            check_leaf(&feed, kv, &model, rng_below(&rng, model.count));
            if (rng_below(&rng, 8) == 0) {
                CHECK_OK(p2p_feed_flush(&feed, kv));
                check_inclusion(&feed, kv, &model, rng_below(&rng, model.count), model.count);
            }
            if (rng_below(&rng, 16) == 0) { /* several signed heads in one batch */
                struct p2p_tree_head head = feed_model_head(&model, model.count);
                CHECK_OK(p2p_feed_set_head(&feed, kv, &head, (struct p2p_slice){0}));
                check_reload(&feed, kv);
            }
        }
        check_all_leaves(&feed, kv, &model);
        struct p2p_tree_head head = feed_model_head(&model, model.count);
        CHECK_OK(p2p_feed_set_head(&feed, kv, &head, (struct p2p_slice){0}));
        p2p_feed_end_batch(&feed);
        p2p_arena_reset(&arena);
        CHECK_OK(memory_kv_commit(store));
    }
    p2p_arena_deinit(&arena);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Without this, a leaf at the very edge of a pack would be cut, or push its pack over four
 * pages. */
static void test_pack_boundaries(void **state)
{
    enum { FULL = P2P_PACK_BYTES_MAX - 3 - 2 }; /* the largest leaf that fits a pack */
    static const size_t lens[] = {FULL,      FULL + 1, FULL - 1, 10,   FULL - 12, 10,
                                  FULL - 11, 10,       FULL,     FULL, 60000,     10,
                                  60000,     60000,    FULL + 1, 10};
    (void)state;
    for (size_t batch = 1; batch <= sizeof(lens) / sizeof(lens[0]); batch++) {
        struct memory_kv *store = memory_kv_new();
        struct feed_model model;
        struct p2p_feed feed;
        feed_model_init(&model);
        p2p_feed_init(&feed, 1);
        for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
            feed_model_add(&model, lens[i]);
        }
        for (size_t to = batch; to < model.count; to += batch) {
            feed_model_commit(&feed, store, &model, to);
        }
        feed_model_commit(&feed, store, &model, model.count);
        const struct p2p_kv *kv = memory_kv_begin(store);
        struct p2p_slice found, value;
        check_all_leaves(&feed, kv, &model);
        enum p2p_err err =
            p2p_kv_seek(kv, P2P_TABLE_RECORD, (struct p2p_slice){0}, &found, &value);
        for (; err == P2P_OK; err = p2p_kv_next(kv, P2P_TABLE_RECORD, &found, &value)) {
            bool alone = value.len >= 3 && value.data[1] == 0 && value.data[2] == 1;
            CHECK(value.len <= P2P_PACK_BYTES_MAX || alone);
        }
        memory_kv_abort(store);
        memory_kv_free(store);
        feed_model_free(&model);
    }
}

/* Without this, two feeds in one store would read each other's rows. */
static void test_two_feeds(void **state)
{
    struct memory_kv *store = memory_kv_new();
    static const uint32_t numbers[] = {0, 1, 2, 255, 256, UINT32_MAX};
    struct feed_model models[6];
    struct p2p_feed feeds[6];
    (void)state;
    for (size_t f = 0; f < 6; f++) {
        feed_model_init(&models[f]);
        p2p_feed_init(&feeds[f], numbers[f]);
    }
    for (unsigned round = 0; round < 40; round++) {
        for (size_t f = 0; f < 6; f++) {
            if (f == 4) {
                continue; /* this one stays empty between full neighbours */
            }
            feed_model_add(&models[f], 500 + 37 * f);
            feed_model_commit(&feeds[f], store, &models[f], models[f].count);
        }
    }
    const struct p2p_kv *kv = memory_kv_begin(store);
    for (size_t f = 0; f < 6; f++) {
        struct p2p_tree_head head;
        check_all_leaves(&feeds[f], kv, &models[f]);
        check_reload(&feeds[f], kv);
        enum p2p_err err = p2p_feed_head_from(&feeds[f], kv, 1, &head);
        CHECK_ERR(err, f == 4 ? P2P_NOTFOUND : P2P_OK);
        CHECK(err != P2P_OK || head.size == models[f].count);
    }
    memory_kv_abort(store);
    for (size_t f = 0; f < 6; f++) {
        feed_model_free(&models[f]);
    }
    memory_kv_free(store);
}

/* Without this, a run to a signed head could grow past what a peer may send at once, or a head
 * be given that nobody signed. */
static void test_kept_heads(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct rng rng = {seed};
        struct memory_kv *store = memory_kv_new();
        struct feed_model model;
        struct p2p_feed feed;
        size_t signed_sizes[400], signed_count = 0;
        print_message("seed %llu\n", (unsigned long long)seed);
        feed_model_init(&model);
        p2p_feed_init(&feed, 5);
        for (unsigned batch = 0; batch < 300; batch++) {
            size_t n = 1 + rng_below(&rng, 40);
            for (size_t i = 0; i < n; i++) {
                feed_model_add(&model, seed % 2 ? 10 + rng_below(&rng, 30) : 3000);
            }
            feed_model_commit(&feed, store, &model, model.count);
            signed_sizes[signed_count++] = model.count;
        }
        const struct p2p_kv *kv = memory_kv_begin(store);
        struct p2p_tree_head head = {0};
        for (size_t from = 0; from < model.count; from = (size_t)head.size) {
            CHECK_OK(p2p_feed_head_from(&feed, kv, from + 1, &head));
            CHECK(head.size > from);
            bool was_signed = false;
            size_t bytes = 0;
            for (size_t i = 0; i < signed_count; i++) {
                was_signed = was_signed || signed_sizes[i] == head.size;
            }
            for (size_t i = from; i < head.size; i++) {
                bytes += model.lens[i];
            }
            CHECK(was_signed);
            CHECK(head.size - from <= P2P_KEEP_RECORDS + 40);
            CHECK(bytes <= P2P_KEEP_BYTES + 40 * 3000);
            struct p2p_tree_head expected = feed_model_head(&model, (size_t)head.size);
            CHECK(p2p_hash_equal(&head.root, &expected.root));
            CHECK_BYTES(head.signature.bytes, expected.signature.bytes, P2P_SIGNATURE_BYTES);
            /* Every size on the way there leads to the same head. */
            struct p2p_tree_head again;
            CHECK_OK(p2p_feed_head_from(&feed, kv, from + 1 + rng_below(&rng, head.size - from),
                                        &again));
            CHECK(again.size == head.size);
        }
        CHECK_ERR(p2p_feed_head_from(&feed, kv, model.count + 1, &head), P2P_NOTFOUND);
        memory_kv_abort(store);
        memory_kv_free(store);
        feed_model_free(&model);
    }
}

/* Without this, payload bytes would not count, and a run with large payloads be unbounded. */
static void test_payloads_count(void **state)
{
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    struct p2p_arena arena;
    (void)state;
    feed_model_init(&model);
    p2p_feed_init(&feed, 5);
    p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
    for (unsigned i = 0; i < 12; i++) {
        const struct p2p_kv *kv = memory_kv_begin(store);
        feed_model_add(&model, 100);
        CHECK_OK(p2p_feed_append(&feed, kv, &arena, feed_model_leaf(&model, i),
                                 &model.hashes[i], 60000));
        struct p2p_tree_head head = feed_model_head(&model, model.count);
        CHECK_OK(p2p_feed_set_head(&feed, kv, &head, (struct p2p_slice){0}));
        p2p_feed_end_batch(&feed);
        CHECK_OK(memory_kv_commit(store));
    }
    CHECK(memory_kv_count(store, P2P_TABLE_CHECKPOINT) == 2);
    p2p_arena_deinit(&arena);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Without this, the charter's notes, which prove it, would be lost between versions. */
static void test_notes(void **state)
{
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    struct p2p_arena arena;
    struct p2p_slice note;
    (void)state;
    feed_model_init(&model);
    p2p_feed_init(&feed, 0);
    p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
    for (unsigned i = 0; i < 5; i++) {
        const struct p2p_kv *kv = memory_kv_begin(store);
        char text[] = "note 0";
        text[5] = (char)('0' + i);
        feed_model_add(&model, 100);
        CHECK_OK(p2p_feed_append(&feed, kv, &arena, feed_model_leaf(&model, i),
                                 &model.hashes[i], 0));
        struct p2p_tree_head head = feed_model_head(&model, model.count);
        CHECK_OK(p2p_feed_set_head(&feed, kv, &head, p2p_slice_text(text)));
        p2p_feed_end_batch(&feed);
        CHECK_OK(memory_kv_commit(store));
    }
    const struct p2p_kv *kv = memory_kv_begin(store);
    for (unsigned i = 0; i < 5; i++) {
        char text[] = "note 0";
        text[5] = (char)('0' + i);
        CHECK_OK(p2p_feed_note(kv, 0, i + 1, &note));
        CHECK(p2p_slice_equal(note, p2p_slice_text(text)));
    }
    CHECK_ERR(p2p_feed_note(kv, 0, 6, &note), P2P_NOTFOUND);
    CHECK_ERR(p2p_feed_note(kv, 0, 0, &note), P2P_NOTFOUND);
    memory_kv_abort(store);
    p2p_arena_deinit(&arena);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Without this, a quarantine would end with a restart. */
static void test_state(void **state)
{
    struct memory_kv *store = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    (void)state;
    feed_model_init(&model);
    p2p_feed_init(&feed, 1);
    feed_model_add(&model, 10);
    feed_model_commit(&feed, store, &model, 1);
    const struct p2p_kv *kv = memory_kv_begin(store);
    CHECK_OK(p2p_feed_set_state(&feed, kv, P2P_FEED_QUARANTINED));
    check_reload(&feed, kv);
    CHECK_OK(memory_kv_commit(store));
    feed_model_add(&model, 10);
    feed_model_commit(&feed, store, &model, 2);
    CHECK(feed.state == P2P_FEED_QUARANTINED);
    check_reload(&feed, memory_kv_begin(store));
    memory_kv_abort(store);
    memory_kv_free(store);
    feed_model_free(&model);
}

/* Cut back to any size, packs and groups of hashes at their bounds and leaves that stand alone
 * included, a feed is what it was then, loads so, and grows again; no leaf behind it is left.
 */
static void test_cut(void **state)
{
    (void)state;
    struct rng rng = {77};
    struct feed_model model;
    struct memory_kv *store = memory_kv_new();
    struct p2p_feed feed, loaded;
    static const size_t sizes[] = {2540, 2413, 2412, 2048, 1300, 1024, 513, 512, 511,
                                   257,  256,  255,  128,  127,  126,  1,   0};
    feed_model_init(&model);
    for (size_t i = 0; i < 2541; i++) {
        feed_model_add(&model, i % 97 == 0 ? 20000 : 10 + rng_below(&rng, 300));
    }
    p2p_feed_init(&feed, 3);
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        struct p2p_arena arena;
        struct p2p_tree_head head = feed_model_head(&model, sizes[s]);
        struct p2p_tree_head wrong = head;
        while (feed.edge.size < model.count) {
            size_t to = (size_t)feed.edge.size + 1 + rng_below(&rng, 400);
            feed_model_commit(&feed, store, &model, to < model.count ? to : model.count);
        }
        p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
        const struct p2p_kv *kv = memory_kv_begin(store);
        if (head.size > 0) {
            wrong.root.bytes[0] ^= 1;
            CHECK_ERR(p2p_feed_cut(&feed, kv, &arena, &wrong), P2P_USAGE);
        }
        CHECK_OK(p2p_feed_cut(&feed, kv, &arena, &head));
        p2p_feed_end_batch(&feed);
        CHECK(feed.edge.size == head.size && p2p_hash_equal(&feed.head.root, &head.root));
        static const enum p2p_table tables[] = {P2P_TABLE_RECORD, P2P_TABLE_CHECKPOINT};
        for (size_t i = 0; i < 2; i++) { /* nothing stands above it */
            uint8_t key[12] = {0, 0, 0, 3};
            struct p2p_slice found, value;
            uint64_t above = tables[i] == P2P_TABLE_RECORD ? head.size : head.size + 1;
            for (unsigned b = 0; b < 8; b++) {
                key[11 - b] = (uint8_t)(above >> (8 * b));
            }
            CHECK_ERR(p2p_kv_seek(kv, tables[i], p2p_slice_of(key, 12), &found, &value),
                      P2P_NOTFOUND);
        }
        CHECK_OK(memory_kv_commit(store));
        kv = memory_kv_begin(store);
        p2p_feed_init(&loaded, 3);
        CHECK_OK(p2p_feed_load(&loaded, kv));
        CHECK(loaded.edge.size == head.size);
        for (uint64_t size = 0; size <= head.size; size++) {
            struct p2p_hash root;
            struct p2p_slice leaf;
            CHECK_OK(p2p_feed_root_at(&loaded, kv, size, &root));
            CHECK(p2p_hash_equal(&root, &model.roots[size]));
            if (size < head.size) {
                CHECK_OK(p2p_feed_leaf(&loaded, kv, size, &leaf));
                CHECK(p2p_slice_equal(leaf, feed_model_leaf(&model, size)));
            }
        }
        struct p2p_tree_head before;
        for (uint64_t size = head.size; size > 1; size /= 2) {
            enum p2p_err err = p2p_feed_head_before(&loaded, kv, size, &before);
            CHECK(err == P2P_OK || (err == P2P_NOTFOUND && size <= 1024));
            CHECK(err != P2P_OK || before.size < size);
        }
        memory_kv_abort(store);
        p2p_arena_deinit(&arena);
    }
    feed_model_free(&model);
    memory_kv_free(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_batches),  cmocka_unit_test(test_all_proofs),
        cmocka_unit_test(test_large_feed),      cmocka_unit_test(test_reads_in_batch),
        cmocka_unit_test(test_pack_boundaries), cmocka_unit_test(test_two_feeds),
        cmocka_unit_test(test_kept_heads),      cmocka_unit_test(test_cut),
        cmocka_unit_test(test_payloads_count),  cmocka_unit_test(test_notes),
        cmocka_unit_test(test_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
