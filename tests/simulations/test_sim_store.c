#include "check.h"

#include "../../simulations/machine/disk.h"
#include "kv_suite.h"

#include <p2p/bytes.h>

#include <stdlib.h>

struct machine {
    struct sim_disk *disk;
    struct p2p_store *store;
    struct p2p_txn *txn;
};

static struct machine machine_new(const struct sim_disk_options *options)
{
    struct machine machine = {.disk = sim_disk_new(options, 1, 1)};

    machine.store = sim_disk_store(machine.disk);
    return machine;
}

static void restart(struct machine *machine)
{
    sim_disk_revive(machine->disk);
    machine->store = sim_disk_store(machine->disk);
}

static void machine_free(struct machine *machine)
{
    sim_disk_kill(machine->disk);
    sim_disk_free(machine->disk);
}

/* The suite */

static void *suite_open(void *context)
{
    static const struct sim_disk_options options = {.commit_us = 1};
    struct machine *machine = malloc(sizeof(*machine));

    (void)context;
    CHECK(machine != NULL);
    *machine = machine_new(&options);
    return machine;
}

static void suite_close(void *store)
{
    machine_free(store);
    free(store);
}

static const struct p2p_kv *suite_begin(void *store)
{
    struct machine *machine = store;

    CHECK_OK(p2p_store_begin(machine->store, P2P_TXN_WRITE, &machine->txn));
    return p2p_txn_kv(machine->txn);
}

static enum p2p_err suite_commit(void *store)
{
    return p2p_txn_commit(((struct machine *)store)->txn);
}

static void suite_abort(void *store)
{
    p2p_txn_abort(((struct machine *)store)->txn);
}

/* The engine would run on another seam than in a port. */
static void the_twin_fills_the_seam(void **state)
{
    static const struct kv_suite_maker maker = {
        "twin", suite_open, suite_close, suite_begin, suite_commit, suite_abort, NULL};

    (void)state;
    kv_suite_run(&maker, 20250101);
    kv_suite_run(&maker, 42);
}

/* States that the real one has */

static enum p2p_err put(struct machine *machine, const char *key, const char *value)
{
    const struct p2p_kv *kv = p2p_txn_kv(machine->txn);

    return p2p_kv_put(kv, P2P_TABLE_META, p2p_slice_text(key), p2p_slice_text(value));
}

static enum p2p_err put_and_commit(struct machine *machine, const char *key, const char *value)
{
    enum p2p_err err = p2p_store_begin(machine->store, P2P_TXN_WRITE, &machine->txn);

    if (err == P2P_OK) {
        enum p2p_err put_err = put(machine, key, value);
        err = p2p_txn_commit(machine->txn);
        CHECK(put_err == P2P_OK || put_err == err);
    }
    return err;
}

/* What stands under the key, for whoever starts now: NULL is nothing. */
static bool holds(struct machine *machine, const char *key, const char *value)
{
    const struct p2p_kv *kv = sim_disk_look(machine->disk);
    struct p2p_slice found;
    enum p2p_err err = p2p_kv_get(kv, P2P_TABLE_META, p2p_slice_text(key), &found);
    bool same = value == NULL ? err == P2P_NOTFOUND
                              : err == P2P_OK && p2p_slice_equal(found, p2p_slice_text(value));

    sim_disk_look_end(machine->disk);
    return same;
}

/* A write in a read transaction dooms it, as any error does, and a doomed one is not committed.
 */
static void errors_doom(void **state)
{
    static const struct sim_disk_options options = {0};
    struct machine machine = machine_new(&options);
    struct p2p_slice value;
    uint8_t key[12] = {0};

    (void)state;
    CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_READ, &machine.txn));
    CHECK_ERR(put(&machine, "a", "1"), P2P_RDONLY);
    CHECK_ERR(p2p_kv_get(p2p_txn_kv(machine.txn), P2P_TABLE_META, p2p_slice_text("a"), &value),
              P2P_RDONLY);
    p2p_txn_abort(machine.txn);

    uint8_t *large = calloc(1, P2P_STORE_PAYLOAD_BYTES_MAX + 1);
    CHECK(large != NULL);
    CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn));
    CHECK_OK(put(&machine, "a", "1"));
    CHECK_ERR(p2p_kv_put(p2p_txn_kv(machine.txn), P2P_TABLE_PAYLOAD,
                         p2p_slice_of(key, sizeof(key)),
                         p2p_slice_of(large, P2P_STORE_PAYLOAD_BYTES_MAX + 1)),
              P2P_TOOLARGE);
    CHECK_ERR(p2p_txn_commit(machine.txn), P2P_TOOLARGE);
    CHECK(holds(&machine, "a", NULL));
    free(large);
    machine_free(&machine);
}

/* After a failed sync: undone for this process, no transaction until reopened, no write until
 * started again; then it is there or not, and both happen. */
static void a_failed_sync_is_in_doubt(void **state)
{
    static const struct sim_disk_options options = {.failed_sync_permille = 1000};
    unsigned there = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 32; seed++) {
        struct machine machine = {.disk = sim_disk_new(&options, seed, 1)};
        machine.store = sim_disk_store(machine.disk);
        CHECK_OK(put_and_commit(&machine, "a", "1"));
        sim_disk_calm(machine.disk, false);
        CHECK_ERR(put_and_commit(&machine, "a", "2"), P2P_IO);
        CHECK(strcmp(p2p_store_read_only_reason(machine.store), "sync-failed") == 0);
        CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn), P2P_IO);
        CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_READ, &machine.txn), P2P_IO);
        CHECK_OK(p2p_store_reopen_reading(machine.store));
        CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn), P2P_RDONLY);
        CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_READ, &machine.txn));
        p2p_txn_abort(machine.txn);
        CHECK(holds(&machine, "a", "1"));
        if (seed % 2 == 0) {
            sim_disk_fail_power(machine.disk);
        }
        restart(&machine);
        sim_disk_calm(machine.disk, true);
        there += holds(&machine, "a", "2");
        CHECK(holds(&machine, "a", "2") || holds(&machine, "a", "1"));
        CHECK(p2p_store_read_only_reason(machine.store) == NULL);
        CHECK_OK(put_and_commit(&machine, "a", "3"));
        machine_free(&machine);
    }
    CHECK(there > 4 && there < 28);
}

/* A full disk fails puts or the commit, never half of one; reading goes on. */
static void a_full_disk_takes_nothing(void **state)
{
    static const struct sim_disk_options options = {0};
    unsigned by_put = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 32; seed++) {
        struct machine machine = {.disk = sim_disk_new(&options, seed, 1)};
        machine.store = sim_disk_store(machine.disk);
        CHECK_OK(put_and_commit(&machine, "a", "1"));
        sim_disk_set_full(machine.disk, true);
        CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn));
        CHECK_OK(p2p_txn_commit(machine.txn)); /* writes nothing */
        CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn));
        enum p2p_err err = P2P_OK;
        for (int i = 0; i < 30 && err == P2P_OK; i++) {
            err = put(&machine, "a", "2");
        }
        by_put += err != P2P_OK;
        CHECK_ERR(p2p_txn_commit(machine.txn), P2P_FULL);
        const char *reason = p2p_store_read_only_reason(machine.store);
        CHECK(strcmp(reason, err == P2P_OK ? "disk-full" : "map-full") == 0);
        CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn), P2P_FULL);
        CHECK_OK(p2p_store_reopen_reading(machine.store));
        CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_READ, &machine.txn));
        p2p_txn_abort(machine.txn);
        sim_disk_set_full(machine.disk, false);
        CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn), P2P_RDONLY);
        CHECK(holds(&machine, "a", "1"));
        restart(&machine);
        CHECK_OK(put_and_commit(&machine, "a", "3"));
        machine_free(&machine);
    }
    CHECK(by_put > 4 && by_put < 28);
}

/* Once the power is gone nothing works and nothing changes, whatever is still open. */
static void the_dead_change_nothing(void **state)
{
    static const struct sim_disk_options options = {0};
    struct machine machine = machine_new(&options);
    struct p2p_slice value;

    (void)state;
    CHECK_OK(put_and_commit(&machine, "a", "1"));
    CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn));
    CHECK_OK(put(&machine, "a", "2"));
    sim_disk_fail_power(machine.disk);
    CHECK(sim_disk_is_dead(machine.disk));
    CHECK_ERR(p2p_kv_get(p2p_txn_kv(machine.txn), P2P_TABLE_META, p2p_slice_text("a"), &value),
              P2P_IO);
    CHECK_ERR(put(&machine, "a", "3"), P2P_IO);
    CHECK_ERR(p2p_txn_commit(machine.txn), P2P_IO);
    CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn), P2P_IO);
    CHECK_ERR(p2p_store_begin(machine.store, P2P_TXN_READ, &machine.txn), P2P_IO);
    CHECK(holds(&machine, "a", "1"));
    restart(&machine);
    CHECK(holds(&machine, "a", "1"));
    CHECK_OK(put_and_commit(&machine, "a", "2"));
    CHECK(holds(&machine, "a", "2"));
    machine_free(&machine);
}

/* The watcher would take what was never committed for durable. */
static void a_look_sees_what_is_committed(void **state)
{
    static const struct sim_disk_options options = {0};
    struct machine machine = machine_new(&options);

    (void)state;
    CHECK_OK(put_and_commit(&machine, "a", "1"));
    CHECK_OK(put_and_commit(&machine, "c", "1"));
    CHECK_OK(p2p_store_begin(machine.store, P2P_TXN_WRITE, &machine.txn));
    CHECK_OK(put(&machine, "a", "2"));
    CHECK_OK(put(&machine, "b", "2"));
    CHECK_OK(p2p_kv_del(p2p_txn_kv(machine.txn), P2P_TABLE_META, p2p_slice_text("c")));
    CHECK(holds(&machine, "a", "1"));
    CHECK(holds(&machine, "b", NULL));
    CHECK(holds(&machine, "c", "1"));
    CHECK_OK(p2p_txn_commit(machine.txn));
    CHECK(holds(&machine, "a", "2"));
    CHECK(holds(&machine, "b", "2"));
    CHECK(holds(&machine, "c", NULL));
    machine_free(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_twin_fills_the_seam),
        cmocka_unit_test(errors_doom),
        cmocka_unit_test(a_failed_sync_is_in_doubt),
        cmocka_unit_test(a_full_disk_takes_nothing),
        cmocka_unit_test(the_dead_change_nothing),
        cmocka_unit_test(a_look_sees_what_is_committed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
