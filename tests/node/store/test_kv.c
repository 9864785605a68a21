#include "check.h"

#include "faulty_kv.h"
#include "kv_suite.h"
#include "machine/memory_kv.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/store.h>

#include <stdio.h>
#include <stdlib.h>

/* LMDB behind the suite's maker */

struct lmdb {
    struct temp_dir dir;
    struct p2p_store *store;
    struct p2p_txn *txn;
};

static void *lmdb_open(void *context)
{
    struct lmdb *lmdb = calloc(1, sizeof(*lmdb));
    char message[256] = "";

    (void)context;
    CHECK(lmdb != NULL);
    temp_dir_make(&lmdb->dir);
    struct p2p_store_options options = {.dir = lmdb->dir.path, .map_bytes = 256u << 20};
    CHECK_OK(p2p_store_open(&lmdb->store, &options, message, sizeof(message)));
    return lmdb;
}

static void lmdb_close(void *store)
{
    struct lmdb *lmdb = store;

    p2p_store_close(lmdb->store);
    temp_dir_remove(&lmdb->dir);
    free(lmdb);
}

static const struct p2p_kv *lmdb_begin(void *store)
{
    struct lmdb *lmdb = store;

    CHECK_OK(p2p_store_begin(lmdb->store, P2P_TXN_WRITE, &lmdb->txn));
    return p2p_txn_kv(lmdb->txn);
}

static enum p2p_err lmdb_commit(void *store)
{
    return p2p_txn_commit(((struct lmdb *)store)->txn);
}

static void lmdb_abort(void *store)
{
    p2p_txn_abort(((struct lmdb *)store)->txn);
}

static void store_fills_the_seam(void **state)
{
    static const struct kv_suite_maker maker = {"lmdb",      lmdb_open,  lmdb_close, lmdb_begin,
                                                lmdb_commit, lmdb_abort, NULL};
    (void)state;
    kv_suite_run(&maker, 20250101);
}

/* The map in memory */

static void *memory_open(void *context)
{
    (void)context;
    return memory_kv_new();
}

static void *memory_open_lenient(void *context)
{
    (void)context;
    return memory_kv_new_lenient();
}

static void memory_close(void *store)
{
    memory_kv_free(store);
}

static const struct p2p_kv *memory_begin(void *store)
{
    return memory_kv_begin(store);
}

static enum p2p_err memory_commit(void *store)
{
    return memory_kv_commit(store);
}

static void memory_abort(void *store)
{
    memory_kv_abort(store);
}

static void memory_fills_the_seam(void **state)
{
    static const struct kv_suite_maker maker = {
        "memory", memory_open, memory_close, memory_begin, memory_commit, memory_abort, NULL};
    (void)state;
    static const struct kv_suite_maker lenient = {
        "lenient",     memory_open_lenient, memory_close, memory_begin,
        memory_commit, memory_abort,        NULL};
    kv_suite_run(&maker, 20250101);
    kv_suite_run(&maker, 7);
    kv_suite_run(&lenient, 7);
}

/* A hundred thousand rows in three orders: a test of the engine must not wait for its store. */
static void memory_holds_many(void **state)
{
    struct memory_kv *memory = memory_kv_new();
    const uint32_t rows = 100000;

    (void)state;
    for (uint32_t order = 0; order < 3; order++) {
        const struct p2p_kv *kv = memory_kv_begin(memory);
        for (uint32_t i = 0; i < rows; i++) {
            uint32_t n = order == 0 ? i : order == 1 ? rows - 1 - i : i * 2654435761u;
            uint8_t key[5] = {(uint8_t)order, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
                              (uint8_t)(n >> 8), (uint8_t)n};
            CHECK_OK(p2p_kv_put(kv, P2P_TABLE_TOUCH, p2p_slice_of(key, sizeof(key)),
                                p2p_slice_of(key, 4)));
        }
        CHECK_OK(memory_kv_commit(memory));
    }
    CHECK(memory_kv_count(memory, P2P_TABLE_TOUCH) == 3 * rows);
    CHECK(memory_kv_bytes(memory) == (size_t)3 * rows * 9);
    memory_kv_free(memory);
}

/* A clone is equal and stays what it was. */
static void memory_clones(void **state)
{
    struct memory_kv *memory = memory_kv_new();
    const struct p2p_kv *kv = memory_kv_begin(memory);

    (void)state;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text("a"), p2p_slice_text("1")));
    CHECK_OK(memory_kv_commit(memory));
    struct memory_kv *clone = memory_kv_clone(memory);
    CHECK(memory_kv_equal(memory, clone));
    kv = memory_kv_begin(memory);
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text("a"), p2p_slice_text("2")));
    CHECK_OK(memory_kv_commit(memory));
    CHECK(!memory_kv_equal(memory, clone));
    CHECK(memory_kv_count(clone, P2P_TABLE_META) == 1);
    memory_kv_free(memory);
    memory_kv_free(clone);
}

static enum p2p_err scenario(const struct p2p_kv *kv)
{
    struct p2p_slice key;
    struct p2p_slice value;
    enum p2p_err err = p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text("a"), p2p_slice_text("1"));

    if (err == P2P_OK) {
        err = p2p_kv_seek(kv, P2P_TABLE_META, p2p_slice_of(NULL, 0), &key, &value);
    }
    if (err == P2P_OK) {
        err = p2p_kv_next(kv, P2P_TABLE_META, &key, &value);
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (err == P2P_OK) {
        err = p2p_kv_get(kv, P2P_TABLE_META, p2p_slice_text("a"), &value);
    }
    if (err == P2P_OK) {
        err = p2p_kv_del(kv, P2P_TABLE_META, p2p_slice_text("a"));
    }
    return err;
}

/* Each step fails once, the rest of that transaction with it, and the next transaction works.
 */
static void faulty_fails_each_step(void **state)
{
    struct memory_kv *memory = memory_kv_new();
    struct faulty_kv faulty;

    (void)state;
    faulty_kv_init(&faulty, -1, P2P_IO);
    CHECK_OK(scenario(faulty_kv_begin(&faulty, memory_kv_begin(memory))));
    memory_kv_abort(memory);
    CHECK(faulty.steps == 5);
    for (long at = 0; at < 5; at++) {
        faulty_kv_init(&faulty, at, P2P_FULL);
        const struct p2p_kv *kv = faulty_kv_begin(&faulty, memory_kv_begin(memory));
        CHECK_ERR(scenario(kv), P2P_FULL);
        CHECK_ERR(scenario(kv), P2P_FULL);
        memory_kv_abort(memory);
        CHECK_OK(scenario(faulty_kv_begin(&faulty, memory_kv_begin(memory))));
        memory_kv_abort(memory);
    }
    memory_kv_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_fills_the_seam), cmocka_unit_test(memory_holds_many),
        cmocka_unit_test(memory_clones),         cmocka_unit_test(faulty_fails_each_step),
        cmocka_unit_test(store_fills_the_seam),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
