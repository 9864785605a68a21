/* A feed whose disk or memory fails, or gives back other bytes than it took. */
#include "check.h"
#include "faulty_alloc.h"
#include "faulty_kv.h"
#include "feed_model.h"
#include "rng.h"

#include <p2p/feed.h>

#include <stdlib.h>

/* Without this, a disk or memory that fails in the middle of a batch would leave half of it, or
 * a feed that cannot be taken up again. */
static void test_every_step_fails(void **state)
{
    static const size_t starts[] = {0, 1, 126, 254, 255, 300};
    struct rng rng = {20260122};
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    for (size_t s = 0; s < 6; s++) {
        struct memory_kv *base = memory_kv_new();
        struct feed_model model;
        struct p2p_feed before;
        feed_model_init(&model);
        p2p_feed_init(&before, 1);
        for (size_t i = 0; i < starts[s]; i++) {
            feed_model_add(&model, 10 + rng_below(&rng, 500));
        }
        if (starts[s] > 0) {
            feed_model_commit(&before, base, &model, starts[s]);
        }
        for (unsigned i = 0; i < 140; i++) {
            feed_model_add(&model, i == 70 ? 60000 : 10 + rng_below(&rng, 500));
        }
        struct memory_kv *expected = memory_kv_clone(base);
        struct p2p_feed after = before;
        feed_model_commit(&after, expected, &model, model.count);

        for (int memory = 0; memory < 2; memory++) {
            for (long at = 0;; at++) {
                struct memory_kv *store = memory_kv_clone(base);
                struct faulty_kv faulty;
                struct faulty_alloc heap;
                struct p2p_arena arena;
                struct p2p_feed feed;
                faulty_kv_init(&faulty, memory ? -1 : at, P2P_IO);
                faulty_alloc_init(&heap, memory ? at : -1);
                p2p_arena_init(&arena, &heap.alloc, FEED_MODEL_ARENA_BYTES);
                const struct p2p_kv *kv = faulty_kv_begin(&faulty, memory_kv_begin(store));
                p2p_feed_init(&feed, 1);
                enum p2p_err err = p2p_feed_load(&feed, kv);
                if (err == P2P_OK) {
                    err = feed_model_append(&feed, kv, &arena, &model, model.count);
                }
                memory_kv_abort(store);
                p2p_arena_deinit(&arena);
                CHECK(heap.live_bytes == 0);
                if (faulty.tripped || heap.tripped) {
                    CHECK_ERR(err, memory ? P2P_NOMEM : P2P_IO);
                } else {
                    CHECK_OK(err);
                }
                CHECK(memory_kv_equal(store, base));
                p2p_feed_init(&feed, 1);
                CHECK_OK(p2p_feed_load(&feed, memory_kv_begin(store)));
                memory_kv_abort(store);
                feed_model_commit(&feed, store, &model, model.count);
                CHECK(memory_kv_equal(store, expected));
                memory_kv_free(store);
                if (err == P2P_OK) {
                    CHECK(at > 0);
                    break;
                }
            }
        }
        memory_kv_free(expected);
        memory_kv_free(base);
        feed_model_free(&model);
    }
}

enum damage { CUT, GROWN, EMPTY, FLIPPED, GONE, DAMAGES };

/* Everything that reads a feed, once; P2P_OK when nothing was found wrong. */
static enum p2p_err read_everything(const struct p2p_kv *kv, const struct feed_model *model,
                                    bool *differs)
{
    struct p2p_feed feed;
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    struct p2p_hash root;
    struct p2p_tree_head head;
    struct p2p_arena arena;
    struct p2p_feed_hashes source = {1, kv};
    struct p2p_tree_reader reader = p2p_feed_tree(&source);
    p2p_feed_init(&feed, 1);
    enum p2p_err err = p2p_feed_load(&feed, kv);
    if (err != P2P_OK) {
        return err;
    }
    if (feed.edge.size != model->count) {
        *differs = true;
        feed.edge.size = feed.edge.size > model->count ? model->count : feed.edge.size;
    }
    p2p_feed_walk_begin(&walk, &feed, kv, 0);
    for (size_t i = 0; i < feed.edge.size && err == P2P_OK; i++) {
        err = p2p_feed_walk_next(&walk, &leaf);
        if (err == P2P_OK && !p2p_slice_equal(leaf, feed_model_leaf(model, i))) {
            *differs = true;
        }
        enum p2p_err other = p2p_feed_leaf(&feed, kv, feed.edge.size - 1 - i, &leaf);
        CHECK(other == P2P_OK || other == P2P_CORRUPT);
    }
    for (size_t i = 0; i < model->count && err == P2P_OK; i += 5) {
        struct p2p_proof proof;
        err = p2p_tree_inclusion(&reader, i, model->count, &proof);
    }
    for (size_t i = 0; i < feed.edge.size && err == P2P_OK; i += 3) {
        err = p2p_feed_root_at(&feed, kv, i, &root);
        if (err == P2P_OK && !p2p_hash_equal(&root, &model->roots[i])) {
            *differs = true;
        }
        if (err == P2P_OK) {
            err = p2p_feed_head_from(&feed, kv, i, &head);
        }
    }
    p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
    for (unsigned i = 0; i < 200 && err == P2P_OK; i++) {
        err =
            p2p_feed_append(&feed, kv, &arena, feed_model_leaf(model, 0), &model->hashes[0], 0);
    }
    if (err == P2P_OK) {
        err = p2p_feed_flush(&feed, kv);
    }
    p2p_arena_deinit(&arena);
    return err;
}

/* Without this, a disk that gives back something else would crash the node, or shift records to
 * their neighbours' places: rows cut, grown, emptied, gone or with a bit changed are corrupt,
 * or differ in exactly what was changed. */
static void test_damaged_rows(void **state)
{
    static const enum p2p_table tables[] = {P2P_TABLE_RECORD, P2P_TABLE_HASH, P2P_TABLE_FEED,
                                            P2P_TABLE_CHECKPOINT};
    struct rng rng = {20260123};
    struct memory_kv *base = memory_kv_new();
    struct feed_model model;
    struct p2p_feed feed;
    bool differs = false;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)rng.state);
    feed_model_init(&model);
    p2p_feed_init(&feed, 1);
    for (unsigned batch = 0; batch < 4; batch++) {
        for (unsigned i = 0; i < 150; i++) {
            feed_model_add(&model, i == 100 ? 30000 : 10 + rng_below(&rng, 200));
        }
        feed_model_commit(&feed, base, &model, model.count);
    }
    CHECK_OK(read_everything(memory_kv_begin(base), &model, &differs));
    CHECK(!differs);
    memory_kv_abort(base);
    for (size_t t = 0; t < 4; t++) {
        size_t rows = memory_kv_count(base, tables[t]);
        CHECK(rows > 0);
        for (unsigned round = 0; round < 20 + 2 * rows; round++) {
            struct p2p_slice found, value;
            enum damage damage = (enum damage)(round % DAMAGES);
            const struct p2p_kv *kv = memory_kv_begin(base);
            CHECK_OK(p2p_kv_seek(kv, tables[t], (struct p2p_slice){0}, &found, &value));
            for (size_t skip = rng_below(&rng, rows); skip > 0; skip--) {
                CHECK_OK(p2p_kv_next(kv, tables[t], &found, &value));
            }
            uint8_t key[16], *bytes = malloc(value.len + 1);
            size_t len = value.len;
            CHECK(bytes != NULL && found.len <= sizeof(key));
            memcpy(key, found.data, found.len);
            memcpy(bytes, value.data, value.len);
            struct p2p_slice name = p2p_slice_of(key, found.len);
            if (damage == CUT) {
                len = rng_below(&rng, len);
            } else if (damage == GROWN) {
                bytes[len++] = 0;
            } else if (damage == EMPTY) {
                len = 0;
            } else if (damage == FLIPPED) {
                size_t at = rng_below(&rng, rng_below(&rng, 2) ? len : 24 < len ? 24 : len);
                bytes[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
            }
            if (damage == GONE) {
                CHECK_OK(p2p_kv_del(kv, tables[t], name));
            } else {
                CHECK_OK(p2p_kv_put(kv, tables[t], name, p2p_slice_of(bytes, len)));
            }
            free(bytes);
            differs = false;
            enum p2p_err err = read_everything(kv, &model, &differs);
            memory_kv_abort(base);
            CHECK(err == P2P_OK || err == P2P_CORRUPT);
            /* A head that is kept no longer is no damage; a changed hash or leaf is found by
             * whoever hashes. All else must be seen here. */
            if (damage != FLIPPED && tables[t] != P2P_TABLE_CHECKPOINT) {
                CHECK(err == P2P_CORRUPT || differs);
            }
        }
    }
    memory_kv_free(base);
    feed_model_free(&model);
}

/* The place of a count in a row of leaves of 50 bytes: a pack's, or the tail's in the state
 * row.
 */
static size_t count_at(enum p2p_table table, size_t value_len, unsigned leaves)
{
    return table == P2P_TABLE_RECORD ? 1 : value_len - leaves * 52 - 2;
}

/* Without this, a row that counts one leaf too few or too many would give every record its
 * neighbour's bytes. */
static void test_wrong_count(void **state)
{
    enum { PACKED = (P2P_PACK_BYTES_MAX - 3) / 52, LOOSE = 10 };
    static const enum p2p_table tables[] = {P2P_TABLE_RECORD, P2P_TABLE_FEED};
    (void)state;
    for (unsigned run = 0; run < 4; run++) {
        enum p2p_table table = tables[run / 2];
        unsigned count = table == P2P_TABLE_RECORD ? PACKED : LOOSE;
        struct memory_kv *store = memory_kv_new();
        struct feed_model model;
        struct p2p_feed feed;
        struct p2p_slice found, value, leaf;
        struct p2p_arena arena;
        uint8_t key[12], *bytes;
        feed_model_init(&model);
        p2p_feed_init(&feed, 1);
        while (model.count < PACKED + LOOSE) {
            feed_model_add(&model, 50);
        }
        feed_model_commit(&feed, store, &model, model.count);
        CHECK(feed.packed_size == PACKED);
        const struct p2p_kv *kv = memory_kv_begin(store);
        CHECK_OK(p2p_kv_seek(kv, table, (struct p2p_slice){0}, &found, &value));
        struct p2p_slice name = p2p_slice_of(key, found.len);
        memcpy(key, found.data, found.len);
        bytes = malloc(value.len);
        CHECK(bytes != NULL);
        memcpy(bytes, value.data, value.len);
        size_t at = count_at(table, value.len, count);
        CHECK((unsigned)(bytes[at] << 8 | bytes[at + 1]) == count);
        unsigned wrong = run % 2 ? count + 1 : count - 1;
        bytes[at] = (uint8_t)(wrong >> 8);
        bytes[at + 1] = (uint8_t)wrong;
        CHECK_OK(p2p_kv_put(kv, table, name, p2p_slice_of(bytes, value.len)));
        free(bytes);
        for (unsigned i = 0; i < model.count; i++) {
            bool there = (i < PACKED) == (table == P2P_TABLE_RECORD);
            CHECK_ERR(p2p_feed_leaf(&feed, kv, i, &leaf), there ? P2P_CORRUPT : P2P_OK);
        }
        p2p_arena_init(&arena, p2p_alloc_default(), FEED_MODEL_ARENA_BYTES);
        CHECK_ERR(
            p2p_feed_append(&feed, kv, &arena, feed_model_leaf(&model, 0), &model.hashes[0], 0),
            table == P2P_TABLE_FEED ? P2P_CORRUPT : P2P_OK);
        p2p_arena_deinit(&arena);
        memory_kv_abort(store);
        memory_kv_free(store);
        feed_model_free(&model);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_step_fails),
        cmocka_unit_test(test_damaged_rows),
        cmocka_unit_test(test_wrong_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
