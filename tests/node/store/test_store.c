#include "check.h"

#include "disk_fault.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/key.h>
#include <p2p/store.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SMALL_MAP_BYTES ((uint64_t)64 << 20)

static struct p2p_store *open_in(const char *path, uint64_t map_bytes)
{
    struct p2p_store_options options = {.dir = path, .map_bytes = map_bytes};
    struct p2p_store *store = NULL;
    char message[512] = "";
    enum p2p_err err = p2p_store_open(&store, &options, message, sizeof(message));

    if (err != P2P_OK) {
        print_error("%s\n", message);
    }
    CHECK_OK(err);
    return store;
}

static struct p2p_txn *begin(struct p2p_store *store, enum p2p_txn_kind kind)
{
    struct p2p_txn *txn = NULL;

    CHECK_OK(p2p_store_begin(store, kind, &txn));
    return txn;
}

static enum p2p_err put_n(struct p2p_txn *txn, enum p2p_table table, uint64_t n, size_t len)
{
    static uint8_t value[65536];
    uint8_t key[12] = {0};
    struct p2p_writer writer;

    p2p_writer_init(&writer, key + 4, 8);
    p2p_writer_u64(&writer, n);
    return p2p_kv_put(p2p_txn_kv(txn), table, p2p_slice_of(key, sizeof(key)),
                      p2p_slice_of(value, len));
}

static enum p2p_err get_n(struct p2p_txn *txn, enum p2p_table table, uint64_t n)
{
    uint8_t key[12] = {0};
    struct p2p_writer writer;
    struct p2p_slice value;

    p2p_writer_init(&writer, key + 4, 8);
    p2p_writer_u64(&writer, n);
    return p2p_kv_get(p2p_txn_kv(txn), table, p2p_slice_of(key, sizeof(key)), &value);
}

static void commit_n(struct p2p_store *store, uint64_t n)
{
    struct p2p_txn *txn = begin(store, P2P_TXN_WRITE);

    CHECK_OK(put_n(txn, P2P_TABLE_META, n, 8));
    CHECK_OK(put_n(txn, P2P_TABLE_PAYLOAD, n, 100));
    CHECK_OK(p2p_txn_commit(txn));
}

static enum p2p_err has_n(struct p2p_store *store, uint64_t n)
{
    struct p2p_txn *txn = begin(store, P2P_TXN_READ);
    enum p2p_err meta = get_n(txn, P2P_TABLE_META, n);
    enum p2p_err payload = get_n(txn, P2P_TABLE_PAYLOAD, n);

    CHECK(meta == payload); /* one transaction: both or none */
    p2p_txn_abort(txn);
    return meta;
}

/* What was committed is there after opening anew; what was aborted or cut off is not. */
static void reopens(void **state)
{
    struct temp_dir dir;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, 0);
    commit_n(store, 1);
    struct p2p_txn *txn = begin(store, P2P_TXN_WRITE);
    CHECK_OK(put_n(txn, P2P_TABLE_META, 2, 8));
    p2p_txn_abort(txn);
    p2p_store_close(store);
    store = open_in(dir.path, SMALL_MAP_BYTES);
    CHECK_OK(has_n(store, 1));
    CHECK_ERR(has_n(store, 2), P2P_NOTFOUND);
    CHECK(p2p_store_read_only_reason(store) == NULL);
    p2p_store_close(store);
    p2p_store_close(NULL);
    temp_dir_remove(&dir);
}

/* Reset gives the snapshot up, renew takes the newest; cursors survive. */
static void readers_renew(void **state)
{
    struct temp_dir dir;
    struct p2p_slice key;
    struct p2p_slice value;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    commit_n(store, 1);
    struct p2p_txn *reader = begin(store, P2P_TXN_READ);
    const struct p2p_kv *kv = p2p_txn_kv(reader);
    CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_META, p2p_slice_of(NULL, 0), &key, &value));
    CHECK_ERR(p2p_kv_put(kv, P2P_TABLE_META, key, value), P2P_RDONLY);
    CHECK_OK(p2p_txn_renew(reader)); /* also ends the doom */
    commit_n(store, 2);
    CHECK_ERR(get_n(reader, P2P_TABLE_META, 2), P2P_NOTFOUND);
    for (uint64_t n = 3; n < 200; n++) {
        p2p_txn_reset(reader);
        commit_n(store, n);
        CHECK_OK(p2p_txn_renew(reader));
        CHECK_OK(get_n(reader, P2P_TABLE_PAYLOAD, n));
        CHECK_OK(p2p_kv_seek(kv, P2P_TABLE_META, p2p_slice_of(NULL, 0), &key, &value));
        CHECK_OK(p2p_kv_next(kv, P2P_TABLE_META, &key, &value));
    }
    CHECK_OK(p2p_txn_commit(reader));
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

struct reading {
    struct p2p_store *store;
    bool good;
};

static void *read_along(void *context)
{
    struct reading *reading = context;
    struct p2p_txn *txn;

    reading->good = p2p_store_begin(reading->store, P2P_TXN_READ, &txn) == P2P_OK;
    for (int i = 0; reading->good && i < 300; i++) {
        uint64_t n = 0;
        while (get_n(txn, P2P_TABLE_META, n) ==
               P2P_OK) { /* no gap, and each with its payload */
            reading->good = reading->good && get_n(txn, P2P_TABLE_PAYLOAD, n) == P2P_OK;
            n++;
        }
        p2p_txn_reset(txn);
        reading->good = reading->good && p2p_txn_renew(txn) == P2P_OK;
    }
    p2p_txn_abort(txn);
    return NULL;
}

/* Readers on other threads see whole transactions while the writer goes on. */
static void readers_on_threads(void **state)
{
    struct temp_dir dir;
    pthread_t threads[3];
    struct reading readings[3];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    for (int i = 0; i < 3; i++) {
        readings[i] = (struct reading){store, false};
        CHECK(pthread_create(&threads[i], NULL, read_along, &readings[i]) == 0);
    }
    for (uint64_t n = 0; n < 150; n++) {
        commit_n(store, n);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(readings[i].good);
    }
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* The 127th reader is refused, not lost, and places come back. */
static void readers_are_bounded(void **state)
{
    struct temp_dir dir;
    struct p2p_txn *txns[P2P_STORE_READERS_MAX];
    struct p2p_txn *more;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    for (unsigned i = 0; i < P2P_STORE_READERS_MAX; i++) {
        txns[i] = begin(store, P2P_TXN_READ);
    }
    CHECK_ERR(p2p_store_begin(store, P2P_TXN_READ, &more), P2P_BUSY);
    for (unsigned i = 0; i < P2P_STORE_READERS_MAX; i++) {
        p2p_txn_abort(txns[i]);
    }
    p2p_txn_abort(begin(store, P2P_TXN_READ));
    CHECK(p2p_store_maintain(store) == 0);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* A second open in this process is refused at once, also through another path. */
static void once_per_process(void **state)
{
    struct temp_dir dir;
    struct p2p_store *second = NULL;
    char path[TEMP_PATH_BYTES];
    char message[512] = "";

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    struct p2p_store_options options = {.dir = temp_path(&dir, ".", path),
                                        .lock_wait_ms = P2P_STORE_LOCK_WAIT_MS};
    CHECK_ERR(p2p_store_open(&second, &options, message, sizeof(message)), P2P_USAGE);
    CHECK(strstr(message, "in this process") != NULL);
    options.read_only = true;
    CHECK_ERR(p2p_store_open(&second, &options, NULL, 0), P2P_USAGE);
    CHECK(second == NULL);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* Holds the store in the middle of a transaction until it is killed. */
static _Noreturn void hold_store(const char *path, int ready)
{
    struct p2p_store *store = open_in(path, SMALL_MAP_BYTES);
    commit_n(store, 1);
    struct p2p_txn *txn = begin(store, P2P_TXN_WRITE);
    CHECK_OK(put_n(txn, P2P_TABLE_META, 2, 8));
    if (write(ready, "r", 1) == 1) {
        pause();
    }
    _exit(1);
}

/* Another process is refused with the holder's pid; a dead holder's lock is free. */
static void one_process(void **state)
{
    struct temp_dir dir;
    struct p2p_store *store = NULL;
    char message[512] = "";
    char expected[32];
    int ready[2];
    char byte;
    int status;

    (void)state;
    temp_dir_make(&dir);
    CHECK(pipe(ready) == 0);
    fflush(NULL);
    pid_t holder = fork();
    CHECK(holder >= 0);
    if (holder == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        hold_store(dir.path, ready[1]);
    }
    close(ready[1]);
    ssize_t got = read(ready[0], &byte, 1);
    struct p2p_store_options options = {.dir = dir.path, .lock_wait_ms = 50};
    enum p2p_err write_err = p2p_store_open(&store, &options, message, sizeof(message));
    options.read_only = true;
    enum p2p_err read_err = p2p_store_open(&store, &options, NULL, 0);
    CHECK(kill(holder, SIGKILL) == 0);
    CHECK(waitpid(holder, &status, 0) == holder);
    CHECK(got == 1);
    CHECK_ERR(write_err, P2P_LOCKED);
    CHECK_ERR(read_err, P2P_LOCKED);
    snprintf(expected, sizeof(expected), "process %ld;", (long)holder);
    CHECK(strstr(message, expected) != NULL);
    close(ready[0]);
    store = open_in(dir.path, SMALL_MAP_BYTES);
    CHECK_OK(has_n(store, 1));
    CHECK_ERR(has_n(store, 2), P2P_NOTFOUND);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* A full map dooms the transaction, makes the store read-only with a reason, and a larger one
 * at the next open goes on where it was. */
static void full_map(void **state)
{
    struct temp_dir dir;
    enum p2p_err err = P2P_OK;
    uint64_t n = 0;
    struct p2p_txn *txn;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, 1 << 20);
    commit_n(store, 0);
    while (err == P2P_OK) {
        txn = begin(store, P2P_TXN_WRITE);
        err = put_n(txn, P2P_TABLE_RECORD, ++n, 16368);
        if (err == P2P_OK) {
            err = p2p_txn_commit(txn);
        } else {
            CHECK_ERR(put_n(txn, P2P_TABLE_META, n, 8), P2P_FULL);
            CHECK_ERR(p2p_txn_commit(txn), P2P_FULL);
        }
        CHECK(n < 100);
    }
    CHECK_ERR(err, P2P_FULL);
    CHECK(strcmp(p2p_store_read_only_reason(store), "map-full") == 0);
    CHECK_ERR(p2p_store_begin(store, P2P_TXN_WRITE, &txn), P2P_FULL);
    CHECK_OK(has_n(store, 0)); /* it still answers */
    p2p_store_close(store);
    store = open_in(dir.path, 4 << 20);
    txn = begin(store, P2P_TXN_READ);
    CHECK_OK(get_n(txn, P2P_TABLE_RECORD, n - 1));
    CHECK_ERR(get_n(txn, P2P_TABLE_RECORD, n), P2P_NOTFOUND);
    p2p_txn_abort(txn);
    commit_n(store, 1);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* A full disk is told from a broken one, and what was committed before stays. */
static void full_disk(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    enum p2p_err err = P2P_OK;
    uint64_t n = 0;
    struct p2p_txn *txn;

    (void)state;
    temp_dir_make(&dir);
    temp_path(&dir, "disk", path);
    CHECK(mkdir(path, 0700) == 0);
    if (mount("tmpfs", path, "tmpfs", 0, "size=4m") != 0) {
        print_error("SKIPPED: a full disk needs the right to mount a tmpfs\n");
        temp_dir_remove(&dir);
        skip();
    }
    struct p2p_store *store = open_in(path, 0);
    commit_n(store, 0);
    while (err == P2P_OK) {
        txn = begin(store, P2P_TXN_WRITE);
        err = put_n(txn, P2P_TABLE_RECORD, ++n, 16368);
        enum p2p_err committed = p2p_txn_commit(txn);
        err = err == P2P_OK ? committed : err;
        CHECK(n < 400);
    }
    CHECK_ERR(err, P2P_FULL);
    CHECK(strcmp(p2p_store_read_only_reason(store), "disk-full") == 0);
    CHECK_ERR(p2p_store_begin(store, P2P_TXN_WRITE, &txn), P2P_FULL);
    CHECK_OK(has_n(store, 0));
    p2p_store_close(store);
    store = open_in(path, 0); /* opens on the full disk; the last whole commit is there */
    txn = begin(store, P2P_TXN_READ);
    CHECK_OK(get_n(txn, P2P_TABLE_RECORD, n - 1));
    CHECK_ERR(get_n(txn, P2P_TABLE_RECORD, n), P2P_NOTFOUND);
    p2p_txn_abort(txn);
    p2p_store_close(store);
    CHECK(umount(path) == 0);
    temp_dir_remove(&dir);
}

/* Every disk call of a commit fails in turn, in three ways: the commit says so, nothing of it
 * stands after opening anew, the store takes no more until then, and afterwards works. */
static void broken_disk(void **state)
{
    (void)state;
    for (int kind = DISK_FAULT_EIO; kind <= DISK_FAULT_SHORT; kind++) {
        for (int persistent = 0; persistent < 2; persistent++) {
            struct temp_dir dir;
            struct p2p_txn *txn;
            long calls = 1;
            temp_dir_make(&dir);
            for (long at = 0; at < calls; at++) {
                uint64_t n = (uint64_t)at * P2P_STORE_WRAP_SPAN; /* needs a new wrapping key */
                struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
                if (at == 0) {
                    txn = begin(store, P2P_TXN_WRITE);
                    CHECK_OK(put_n(txn, P2P_TABLE_PAYLOAD, 1 << 30, 100));
                    disk_fault_arm(DISK_FAULT_EIO, -1, false);
                    CHECK_OK(p2p_txn_commit(txn));
                    calls = disk_fault_disarm();
                    CHECK(calls >= 6); /* two environments: pages, sync, meta page each */
                }
                txn = begin(store, P2P_TXN_WRITE);
                CHECK_OK(put_n(txn, P2P_TABLE_META, n, 8));
                CHECK_OK(put_n(txn, P2P_TABLE_PAYLOAD, n, 100));
                disk_fault_arm((enum disk_fault_kind)kind, at, persistent != 0);
                CHECK_ERR(p2p_txn_commit(txn), P2P_IO);
                disk_fault_disarm();
                CHECK(strcmp(p2p_store_read_only_reason(store), "sync-failed") == 0);
                CHECK_ERR(p2p_store_begin(store, P2P_TXN_WRITE, &txn), P2P_IO);
                p2p_store_close(store);
                store = open_in(dir.path, SMALL_MAP_BYTES);
                CHECK_ERR(has_n(store, n), P2P_NOTFOUND);
                commit_n(store, n);
                CHECK_OK(has_n(store, n));
                p2p_store_close(store);
            }
            temp_dir_remove(&dir);
        }
    }
}

/* A transaction without writes touches no disk. */
static void empty_commit(void **state)
{
    struct temp_dir dir;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    struct p2p_txn *txn = begin(store, P2P_TXN_WRITE);
    CHECK_ERR(get_n(txn, P2P_TABLE_META, 1), P2P_NOTFOUND);
    disk_fault_arm(DISK_FAULT_EIO, -1, false);
    CHECK_OK(p2p_txn_commit(txn));
    CHECK(disk_fault_disarm() == 0);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

/* What is not a store is refused with its name, and read-only makes nothing. */
static void refuses_others(void **state)
{
    struct temp_dir dir;
    char path[TEMP_PATH_BYTES];
    char message[512] = "";
    struct p2p_store *store = NULL;
    static uint8_t noise[16384];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store_options options = {.dir = dir.path, .read_only = true};
    CHECK_ERR(p2p_store_open(&store, &options, message, sizeof(message)), P2P_NOTFOUND);
    CHECK(access(temp_path(&dir, "data", path), F_OK) != 0);
    memset(noise, 0x5a, sizeof(noise));
    for (int i = 0; i < 2; i++) {
        temp_write(temp_path(&dir, i == 0 ? "data" : "keys", path), noise, sizeof(noise));
        options = (struct p2p_store_options){.dir = dir.path, .map_bytes = SMALL_MAP_BYTES};
        CHECK_ERR(p2p_store_open(&store, &options, message, sizeof(message)), P2P_CORRUPT);
        CHECK(strstr(message, path) != NULL);
        CHECK(unlink(path) == 0);
    }
    store = open_in(dir.path, SMALL_MAP_BYTES);
    commit_n(store, 1);
    p2p_store_close(store);
    options.read_only = true;
    CHECK_OK(p2p_store_open(&store, &options, message, sizeof(message)));
    struct p2p_txn *txn;
    CHECK_ERR(p2p_store_begin(store, P2P_TXN_WRITE, &txn), P2P_RDONLY);
    CHECK_OK(has_n(store, 1));
    p2p_store_close(store);
    options.dir = temp_path(&dir, "no/parent", path);
    options.read_only = false;
    CHECK_ERR(p2p_store_open(&store, &options, message, sizeof(message)), P2P_IO);
    temp_dir_remove(&dir);
}

/* A copy opens as a store of its own with the same content, and is refused over another. */
static void copies(void **state)
{
    struct temp_dir dir;
    char from[TEMP_PATH_BYTES];
    char to[TEMP_PATH_BYTES];

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(temp_path(&dir, "from", from), SMALL_MAP_BYTES);
    for (uint64_t n = 0; n < 20; n++) {
        commit_n(store, n * 300);
    }
    CHECK_OK(p2p_store_copy(store, temp_path(&dir, "to", to)));
    CHECK_ERR(p2p_store_copy(store, to), P2P_USAGE);
    commit_n(store, 7);
    p2p_store_close(store);
    struct p2p_store_options options = {.dir = to, .read_only = true};
    CHECK_OK(p2p_store_open(&store, &options, NULL, 0));
    for (uint64_t n = 0; n < 20; n++) {
        CHECK_OK(has_n(store, n * 300));
    }
    CHECK_ERR(has_n(store, 7), P2P_NOTFOUND);
    CHECK_ERR(p2p_store_copy_remove(to), P2P_LOCKED); /* somebody reads it */
    CHECK_OK(has_n(store, 0));
    p2p_store_close(store);
    CHECK_OK(p2p_store_copy_remove(to));
    CHECK(access(to, F_OK) != 0);
    CHECK_OK(p2p_store_copy_remove(to)); /* gone already */
    temp_dir_remove(&dir);
}

/* Rewriting the same rows does not let the file grow, and stat tells sizes and counts. */
static void space_is_used_again(void **state)
{
    struct temp_dir dir;
    struct p2p_store_stat before;
    struct p2p_store_stat after;

    (void)state;
    temp_dir_make(&dir);
    struct p2p_store *store = open_in(dir.path, SMALL_MAP_BYTES);
    for (uint64_t round = 0; round < 60; round++) {
        struct p2p_txn *txn = begin(store, P2P_TXN_WRITE);
        for (uint64_t n = 0; n < 10; n++) {
            CHECK_OK(put_n(txn, P2P_TABLE_RECORD, n, 16000 + n));
        }
        CHECK_OK(p2p_txn_commit(txn));
        if (round == 10) {
            CHECK_OK(p2p_store_stat(store, &before));
        }
    }
    CHECK_OK(p2p_store_stat(store, &after));
    CHECK(after.used_bytes <= before.used_bytes + 16 * after.page_bytes);
    CHECK(after.table[P2P_TABLE_RECORD].entry_count == 10);
    CHECK(after.table[P2P_TABLE_RECORD].overflow_page_count == 40);
    CHECK(after.map_bytes == SMALL_MAP_BYTES);
    CHECK(after.disk_free_bytes > 0);
    p2p_store_close(store);
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reopens),
        cmocka_unit_test(readers_renew),
        cmocka_unit_test(readers_on_threads),
        cmocka_unit_test(readers_are_bounded),
        cmocka_unit_test(once_per_process),
        cmocka_unit_test(one_process),
        cmocka_unit_test(full_map),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(broken_disk),
        cmocka_unit_test(empty_commit),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(copies),
        cmocka_unit_test(space_is_used_again),
    };
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
