/* The twins against what they stand for: the same calls, drawn from a seed, on both; every
 * answer has to be the same. The twins' functions are built under names of their own here. */
#include "check.h"

#include "../../simulations/machine/disk.h"
#include "rng.h"
#include "temp_dir.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>

enum p2p_err twin_store_begin(struct p2p_store *store, enum p2p_txn_kind kind,
                              struct p2p_txn **out);
const struct p2p_kv *twin_txn_kv(struct p2p_txn *txn);
enum p2p_err twin_txn_commit(struct p2p_txn *txn);
void twin_txn_abort(struct p2p_txn *txn);
enum p2p_err twin_spool_append(struct p2p_spool *spool, struct p2p_slice payload,
                               struct p2p_spool_id *id);
size_t twin_spool_count(const struct p2p_spool *spool);
uint64_t twin_spool_bytes(const struct p2p_spool *spool);
enum p2p_err twin_spool_next(struct p2p_spool *spool, uint64_t *at, struct p2p_spool_id *id,
                             struct p2p_slice *payload);
enum p2p_err twin_spool_clear(struct p2p_spool *spool);
void twin_spool_close(struct p2p_spool *spool);
enum p2p_err twin_copy_write(struct p2p_copy *copy, const struct p2p_copy_point *point);
enum p2p_err twin_copy_sync(struct p2p_copy *copy);
void twin_copy_close(struct p2p_copy *copy);

static const struct sim_disk_options options = {.commit_us = 1};

/* A node's directory, real and simulated. */
struct pair {
    struct temp_dir dir;
    struct sim_disk *disk;
    struct p2p_store *store, *twin_store;
    char path[600], message[256];
};

static void pair_init(struct pair *pair, uint64_t seed)
{
    *pair = (struct pair){.disk = sim_disk_new(&options, seed, 1)};
    temp_dir_make(&pair->dir);
}

static const char *path_of(struct pair *pair, const char *name)
{
    snprintf(pair->path, sizeof(pair->path), "%s/%s", pair->dir.path, name);
    return pair->path;
}

static void pair_deinit(struct pair *pair)
{
    sim_disk_kill(pair->disk);
    sim_disk_free(pair->disk);
    temp_dir_remove(&pair->dir);
}

/* The store */

static void store_open(struct pair *pair)
{
    const struct p2p_store_options store = {.dir = path_of(pair, "store"),
                                            .map_bytes = 64u << 20};

    CHECK_OK(p2p_store_open(&pair->store, &store, pair->message, sizeof(pair->message)));
    pair->twin_store = sim_disk_store(pair->disk);
}

static void store_close(struct pair *pair)
{
    p2p_store_close(pair->store);
    sim_disk_kill(pair->disk);
}

/* Few different keys, so that puts, deletes and reads meet. */
static struct p2p_slice draw_key(struct rng *rng, enum p2p_table table, uint8_t out[12])
{
    size_t len = table == P2P_TABLE_PAYLOAD ? 12 : 1 + rng_below(rng, 4);

    memset(out, 0, 12);
    for (size_t i = 0; i < len; i++) {
        out[i] = table == P2P_TABLE_PAYLOAD && i < 11 ? 0 : (uint8_t)(rng_below(rng, 4) * 85);
    }
    return p2p_slice_of(out, len);
}

static void check_value(enum p2p_err err, struct p2p_slice real, struct p2p_slice twin)
{
    CHECK(err != P2P_OK || p2p_slice_equal(real, twin));
}

struct seen {
    bool cursor[P2P_TABLE_COUNT]; /* found something, and nothing was written there since */
};

static void one_call(const struct p2p_kv *real, const struct p2p_kv *twin, struct rng *rng,
                     struct seen *seen, bool writes)
{
    enum p2p_table table = (enum p2p_table)rng_below(rng, P2P_TABLE_COUNT);
    uint8_t key_bytes[12], bytes[3000];
    struct p2p_slice key = draw_key(rng, table, key_bytes);
    struct p2p_slice found[2], value[2];
    enum p2p_err err = P2P_OK;

    switch (rng_below(rng, writes ? 6 : 3)) {
    case 0:
        err = p2p_kv_get(real, table, key, &value[0]);
        CHECK_ERR(p2p_kv_get(twin, table, key, &value[1]), err);
        check_value(err, value[0], value[1]);
        return;
    case 1:
        key.len = rng_below(rng, 4) == 0 ? 0 : key.len;
        err = p2p_kv_seek(real, table, key, &found[0], &value[0]);
        CHECK_ERR(p2p_kv_seek(twin, table, key, &found[1], &value[1]), err);
        break;
    case 2:
        if (!seen->cursor[table]) {
            return;
        }
        err = p2p_kv_next(real, table, &found[0], &value[0]);
        CHECK_ERR(p2p_kv_next(twin, table, &found[1], &value[1]), err);
        break;
    case 3:
        err = p2p_kv_del(real, table, key);
        CHECK_ERR(p2p_kv_del(twin, table, key), err);
        seen->cursor[table] = false;
        return;
    default:
        value[0] = p2p_slice_of(bytes, rng_below(rng, sizeof(bytes)));
        rng_fill(rng, bytes, value[0].len);
        CHECK_OK(p2p_kv_put(real, table, key, value[0]));
        CHECK_OK(p2p_kv_put(twin, table, key, value[0]));
        seen->cursor[table] = false;
        return;
    }
    seen->cursor[table] = true;
    check_value(err, found[0], found[1]);
    check_value(err, value[0], value[1]);
}

static void check_same(struct pair *pair)
{
    struct p2p_txn *real, *twin;
    struct p2p_slice found[2], value[2];

    CHECK_OK(p2p_store_begin(pair->store, P2P_TXN_READ, &real));
    CHECK_OK(twin_store_begin(pair->twin_store, P2P_TXN_READ, &twin));
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        struct p2p_slice first = {NULL, 0};
        enum p2p_err err = p2p_kv_seek(p2p_txn_kv(real), t, first, &found[0], &value[0]);
        CHECK_ERR(p2p_kv_seek(twin_txn_kv(twin), t, first, &found[1], &value[1]), err);
        while (err == P2P_OK) {
            check_value(err, found[0], found[1]);
            check_value(err, value[0], value[1]);
            err = p2p_kv_next(p2p_txn_kv(real), t, &found[0], &value[0]);
            CHECK_ERR(p2p_kv_next(twin_txn_kv(twin), t, &found[1], &value[1]), err);
        }
    }
    p2p_txn_abort(real);
    twin_txn_abort(twin);
}

/* The engine would find other rows in the simulator than in a port. */
static void the_store_is_lmdbs_twin(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct rng rng = {seed};
        struct pair pair;
        print_message("seed %d\n", (int)seed);
        pair_init(&pair, seed);
        store_open(&pair);
        for (int round = 0; round < 60; round++) {
            struct p2p_txn *real, *twin;
            struct seen seen = {{false}};
            bool writes = rng_below(&rng, 4) > 0;
            enum p2p_txn_kind kind = writes ? P2P_TXN_WRITE : P2P_TXN_READ;
            CHECK_OK(p2p_store_begin(pair.store, kind, &real));
            CHECK_OK(twin_store_begin(pair.twin_store, kind, &twin));
            for (size_t calls = rng_below(&rng, 120); calls > 0; calls--) {
                one_call(p2p_txn_kv(real), twin_txn_kv(twin), &rng, &seen, writes);
            }
            if (!writes && rng_below(&rng, 2) == 0) { /* the refusal dooms both */
                struct p2p_slice value = p2p_slice_text("x");
                CHECK_ERR(p2p_kv_put(p2p_txn_kv(real), P2P_TABLE_META, value, value),
                          P2P_RDONLY);
                CHECK_ERR(p2p_kv_put(twin_txn_kv(twin), P2P_TABLE_META, value, value),
                          P2P_RDONLY);
                CHECK_ERR(p2p_kv_get(p2p_txn_kv(real), P2P_TABLE_META, value, &value),
                          P2P_RDONLY);
                CHECK_ERR(p2p_kv_get(twin_txn_kv(twin), P2P_TABLE_META, value, &value),
                          P2P_RDONLY);
            }
            if (rng_below(&rng, 3) == 0) {
                p2p_txn_abort(real);
                twin_txn_abort(twin);
            } else {
                CHECK_OK(p2p_txn_commit(real));
                CHECK_OK(twin_txn_commit(twin));
            }
            if (rng_below(&rng, 10) == 0) {
                store_close(&pair);
                store_open(&pair);
            }
            check_same(&pair);
        }
        store_close(&pair);
        pair_deinit(&pair);
    }
}

/* The spool */

static void check_spools(struct p2p_spool *real, struct p2p_spool *twin)
{
    struct p2p_spool_id id[2];
    struct p2p_slice payload[2];
    uint64_t at[2] = {0, 0};
    enum p2p_err err = P2P_OK;

    CHECK(p2p_spool_count(real) == twin_spool_count(twin));
    CHECK(p2p_spool_bytes(real) == twin_spool_bytes(twin));
    while (err == P2P_OK) {
        err = p2p_spool_next(real, &at[0], &id[0], &payload[0]);
        CHECK_ERR(twin_spool_next(twin, &at[1], &id[1], &payload[1]), err);
        CHECK(at[0] == at[1]);
        if (err == P2P_OK) {
            CHECK(id[0].boot == id[1].boot && id[0].n == id[1].n);
            CHECK(p2p_slice_equal(payload[0], payload[1]));
        }
    }
    CHECK_ERR(err, P2P_NOTFOUND);
}

/* Late decisions would be appended twice, or not at all, in one of the two worlds only. */
static void the_spool_is_the_files_twin(void **state)
{
    struct rng rng = {5};
    struct pair pair;
    uint8_t *bytes = malloc(P2P_SPOOL_ENTRY_BYTES_MAX + 1);

    (void)state;
    CHECK(bytes != NULL);
    rng_fill(&rng, bytes, P2P_SPOOL_ENTRY_BYTES_MAX + 1);
    pair_init(&pair, 5);
    for (uint64_t life = 0; life < 12; life++) {
        uint64_t boot = life / 2; /* each number twice: a clock may go back */
        struct p2p_spool *real, *twin = sim_disk_spool(pair.disk, boot);
        CHECK_OK(p2p_spool_open(&real, path_of(&pair, "spool"), boot, P2P_SPOOL_BYTES_DEFAULT,
                                NULL, pair.message, sizeof(pair.message)));
        check_spools(real, twin);
        for (int calls = 0; calls < 20; calls++) {
            struct p2p_spool_id id[2] = {{0, 0}, {0, 0}};
            size_t len = rng_below(&rng, 8) == 0
                             ? P2P_SPOOL_ENTRY_BYTES_MAX + 1 - rng_below(&rng, 2)
                             : rng_below(&rng, 300);
            struct p2p_slice payload = p2p_slice_of(bytes, len);
            enum p2p_err err = p2p_spool_append(real, payload, &id[0]);
            CHECK_ERR(twin_spool_append(twin, payload, &id[1]), err);
            CHECK(id[0].boot == id[1].boot && id[0].n == id[1].n);
            if (rng_below(&rng, 12) == 0) {
                CHECK_OK(p2p_spool_clear(real));
                CHECK_OK(twin_spool_clear(twin));
            }
        }
        check_spools(real, twin);
        p2p_spool_close(real);
        twin_spool_close(twin);
    }
    free(bytes);
    pair_deinit(&pair);
}

/* The copy */

static bool same_point(const struct p2p_copy_point *a, const struct p2p_copy_point *b)
{
    return strcmp(a->feed, b->feed) == 0 && a->generation == b->generation &&
           a->size == b->size && p2p_hash_equal(&a->root, &b->root) &&
           memcmp(a->signature.bytes, b->signature.bytes, P2P_SIGNATURE_BYTES) == 0 &&
           a->commit == b->commit;
}

/* A restart would be taken for a restore, or a restore for a restart. */
static void the_copy_is_the_files_twin(void **state)
{
    struct rng rng = {6};
    struct pair pair;
    struct p2p_copy *real, *twin;
    struct p2p_copy_point point = {.feed = "port2port.example/beanr", .generation = 1};
    struct p2p_copy_point found[2];

    (void)state;
    pair_init(&pair, 6);
    const char *path = path_of(&pair, "copy");
    CHECK(p2p_copy_read(path, &found[0], pair.message, sizeof(pair.message)) ==
          P2P_COPY_MISSING);
    CHECK(sim_disk_copy(pair.disk, &found[1], &twin) == P2P_COPY_MISSING);
    CHECK(twin == NULL);
    CHECK_OK(p2p_copy_create(path, &point, pair.message, sizeof(pair.message)));
    sim_disk_make_copy(pair.disk, &point);
    for (int life = 0; life < 10; life++) {
        CHECK(p2p_copy_read(path, &found[0], pair.message, sizeof(pair.message)) ==
              P2P_COPY_OK);
        CHECK_OK(p2p_copy_open(&real, path, pair.message, sizeof(pair.message)));
        CHECK(sim_disk_copy(pair.disk, &found[1], &twin) == P2P_COPY_OK);
        CHECK(same_point(&found[0], &point));
        CHECK(same_point(&found[1], &point));
        for (size_t calls = rng_below(&rng, 8); calls > 0; calls--) {
            point.size++;
            point.commit += 1 + rng_below(&rng, 3);
            rng_fill(&rng, point.root.bytes, sizeof(point.root.bytes));
            rng_fill(&rng, point.signature.bytes, sizeof(point.signature.bytes));
            CHECK_OK(p2p_copy_write(real, &point));
            CHECK_OK(twin_copy_write(twin, &point));
            if (rng_below(&rng, 2) == 0) {
                CHECK_OK(p2p_copy_sync(real));
                CHECK_OK(twin_copy_sync(twin));
            }
        }
        if (life == 9) { /* lost under the running node */
            CHECK(remove(path) == 0);
            sim_disk_lose_copy(pair.disk);
            enum p2p_err err = p2p_copy_write(real, &point);
            CHECK_ERR(twin_copy_write(twin, &point), err);
            err = p2p_copy_sync(real);
            CHECK_ERR(twin_copy_sync(twin), err);
            err = p2p_copy_write(real, &point);
            CHECK_ERR(err, P2P_IO);
            CHECK_ERR(twin_copy_write(twin, &point), err);
        }
        p2p_copy_close(real);
        twin_copy_close(twin);
    }
    pair_deinit(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_store_is_lmdbs_twin),
        cmocka_unit_test(the_spool_is_the_files_twin),
        cmocka_unit_test(the_copy_is_the_files_twin),
    };

    return p2p_crypto_init() == P2P_OK ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
