#include "mdb.h"
#include "sync.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FORMAT_TABLE   "store"
#define FORMAT_KEY     "format"
#define FORMAT_VERSION 4u
#define DISK_FULL_BYTES                                                                        \
    ((uint64_t)1 << 20) /* less left after a failed write: it was the cause */
#define LOCK_POLL_MS 20u

static const char *const table_words[P2P_TABLE_COUNT] = {
#define TABLE_WORD(name, word, text) [P2P_TABLE_##name] = (word),
    P2P_TABLE_MAP(TABLE_WORD)
#undef TABLE_WORD
};

/* LMDB must not be opened twice in one process: closing one would drop the other's locks. */
struct held {
    struct held *next;
    dev_t device;
    ino_t inode;
    const struct p2p_store *store;
    int lock_fd;
};

static pthread_mutex_t held_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct held *held_list;

enum p2p_err store_from_mdb(int rc)
{
    switch (rc) {
    case MDB_SUCCESS:
        return P2P_OK;
    case MDB_NOTFOUND:
        return P2P_NOTFOUND;
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        return P2P_FULL;
    case MDB_READERS_FULL:
        return P2P_BUSY;
    case ENOMEM:
    case MDB_TXN_FULL:
        return P2P_NOMEM;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
        return P2P_CORRUPT;
    default:
        return P2P_IO;
    }
}

static uint64_t disk_free(const char *dir)
{
    struct statvfs info;

    if (statvfs(dir, &info) != 0) {
        return UINT64_MAX; /* not known to be full */
    }
    return (uint64_t)info.f_bavail * info.f_frsize;
}

enum p2p_err store_fail(struct p2p_store *store, int rc)
{
    int none = P2P_STORE_FAILURE_NONE;
    int failure = P2P_STORE_FAILURE_SYNC;

    if (rc == MDB_MAP_FULL) {
        failure = P2P_STORE_FAILURE_MAP_FULL;
    } else if (rc == ENOSPC || rc == EDQUOT || disk_free(store->dir) < DISK_FULL_BYTES) {
        failure = P2P_STORE_FAILURE_DISK_FULL;
    }
    atomic_compare_exchange_strong(&store->failure, &none, failure);
    return failure == P2P_STORE_FAILURE_SYNC ? P2P_IO : P2P_FULL;
}

enum p2p_err store_failed(const struct p2p_store *store)
{
    switch ((enum p2p_store_failure)atomic_load(&store->failure)) {
    case P2P_STORE_FAILURE_NONE:
        return P2P_OK;
    case P2P_STORE_FAILURE_SYNC:
        return P2P_IO;
    case P2P_STORE_FAILURE_MAP_FULL:
    case P2P_STORE_FAILURE_DISK_FULL:
        return P2P_FULL;
    }
    return P2P_IO;
}

const char *p2p_store_read_only_reason(const struct p2p_store *store)
{
    static const char *const words[] = {
#define FAILURE_WORD(name, word) [P2P_STORE_FAILURE_##name] = (word),
        P2P_STORE_FAILURE_MAP(FAILURE_WORD)
#undef FAILURE_WORD
    };

    return words[atomic_load(&store->failure)];
}

bool store_path(char out[STORE_PATH_BYTES_MAX], const char *dir, const char *name)
{
    int len = snprintf(out, STORE_PATH_BYTES_MAX, "%s/%s", dir, name);
    return len > 0 && (size_t)len < STORE_PATH_BYTES_MAX;
}

int store_make_dir(const char *dir)
{
    if (mkdir(dir, 0700) != 0) {
        return errno == EEXIST ? 0 : errno;
    }
    return sync_parent(dir);
}

/* The lock */

static uint64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int flock_until(int fd, int operation, uint32_t wait_ms)
{
    uint64_t end = monotonic_ms() + wait_ms;

    for (;;) {
        if (flock(fd, operation | LOCK_NB) == 0) {
            return 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return errno;
        }
        if (monotonic_ms() >= end) {
            return EWOULDBLOCK;
        }
        nanosleep(&(struct timespec){0, (long)LOCK_POLL_MS * 1000000}, NULL);
    }
}

static long lock_pid(int fd)
{
    char text[24] = "";
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

    return len > 0 ? strtol(text, NULL, 10) : 0;
}

static void write_pid(int fd)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

    /* For the other side's message only: the lock is what counts. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len) {
        return;
    }
}

static struct held *held_find(const struct stat *info)
{
    for (struct held *held = held_list; held != NULL; held = held->next) {
        if (held->device == info->st_dev && held->inode == info->st_ino) {
            return held;
        }
    }
    return NULL;
}

static void release_lock(const struct p2p_store *store)
{
    pthread_mutex_lock(&held_mutex);
    for (struct held **at = &held_list; *at != NULL; at = &(*at)->next) {
        struct held *held = *at;
        if (held->store == store) {
            *at = held->next;
            close(held->lock_fd);
            free(held);
            break;
        }
    }
    pthread_mutex_unlock(&held_mutex);
}

static enum p2p_err hold(const struct p2p_store *store, int fd, char *message, size_t cap)
{
    struct stat info;
    struct held *held = malloc(sizeof(*held));
    enum p2p_err err = P2P_OK;

    if (held == NULL || fstat(fd, &info) != 0) {
        free(held);
        return P2P_NOMEM;
    }
    pthread_mutex_lock(&held_mutex);
    if (held_find(&info) != NULL) {
        err = P2P_USAGE;
        snprintf(message, cap, "store %s is open in this process already", store->dir);
        free(held);
    } else {
        *held = (struct held){held_list, info.st_dev, info.st_ino, store, fd};
        held_list = held;
    }
    pthread_mutex_unlock(&held_mutex);
    return err;
}

static enum p2p_err take_lock(struct p2p_store *store, uint32_t wait_ms, char *message,
                              size_t cap)
{
    char path[STORE_PATH_BYTES_MAX];

    if (!store_path(path, store->dir, "lock")) {
        snprintf(message, cap, "store %s: the path is too long", store->dir);
        return P2P_IO;
    }
    int fd = open(path, O_CLOEXEC | (store->read_only ? O_RDONLY : O_RDWR | O_CREAT), 0600);
    if (fd < 0) {
        int missing = errno == ENOENT;
        snprintf(message, cap, "store %s: %s", path,
                 missing ? "no store here; check -C DIR" : strerror(errno));
        return missing ? P2P_NOTFOUND : P2P_IO;
    }
    enum p2p_err err = hold(store, fd, message, cap);
    if (err != P2P_OK) {
        close(fd);
        return err;
    }
    int rc = flock_until(fd, store->read_only ? LOCK_SH : LOCK_EX, wait_ms);
    if (rc == EWOULDBLOCK) {
        snprintf(message, cap,
                 "store %s is in use by process %ld; stop it, or let it do the work",
                 store->dir, lock_pid(fd));
        err = P2P_LOCKED;
    } else if (rc != 0) {
        snprintf(message, cap, "lock %s: %s", path, strerror(rc));
        err = P2P_IO;
    } else if (!store->read_only) {
        write_pid(fd);
    }
    if (err != P2P_OK) {
        release_lock(store);
    }
    return err;
}

/* Opening */

static int open_tables(struct p2p_store *store)
{
    const uint8_t version = FORMAT_VERSION;
    unsigned create = store->read_only ? 0 : MDB_CREATE;
    MDB_txn *txn = NULL;
    MDB_dbi format;
    MDB_val key = {sizeof(FORMAT_KEY) - 1, (void *)(uintptr_t)FORMAT_KEY};
    MDB_val value = {1, (void *)(uintptr_t)&version};

    int rc = mdb_txn_begin(store->env, NULL, store->read_only ? MDB_RDONLY : 0, &txn);
    if (rc == 0) {
        rc = mdb_dbi_open(txn, FORMAT_TABLE, create, &format);
    }
    if (rc == 0) {
        MDB_val found;
        rc = mdb_get(txn, format, &key, &found);
        if (rc == MDB_NOTFOUND && !store->read_only) {
            rc = mdb_put(txn, format, &key, &value, 0);
        } else if (rc == 0 &&
                   (found.mv_size != 1 || *(const uint8_t *)found.mv_data != FORMAT_VERSION)) {
            rc = MDB_VERSION_MISMATCH;
        }
    }
    for (int t = 0; t < P2P_TABLE_COUNT && rc == 0; t++) {
        rc = mdb_dbi_open(txn, table_words[t], create, &store->dbi[t]);
    }
    if (rc == MDB_NOTFOUND) {
        rc = MDB_INVALID;
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    mdb_txn_abort(txn);
    return rc;
}

static int open_env(struct p2p_store *store, const char *path, uint64_t map_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint64_t map = map_bytes == 0 ? P2P_STORE_MAP_BYTES_DEFAULT : map_bytes;
    /* Read-only shares our lock file, so nobody writes: LMDB needs no lock file of its own. */
    unsigned flags =
        MDB_NOSUBDIR | MDB_NOTLS | (store->read_only ? MDB_RDONLY | MDB_NOLOCK : 0);

    map = (map + page - 1) / page * page;
    int rc = map > SIZE_MAX ? EOVERFLOW : mdb_env_create(&store->env);
    if (rc == 0) {
        rc = mdb_env_set_mapsize(store->env, (size_t)map);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(store->env, P2P_TABLE_COUNT + 1);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxreaders(store->env, P2P_STORE_READERS_MAX);
    }
    if (rc == 0) {
        rc = mdb_env_open(store->env, path, flags, 0600);
    }
    return rc;
}

/* Names the file and what to do about rc. */
static enum p2p_err open_failed(const struct p2p_store *store, const char *name, int rc,
                                char *message, size_t cap)
{
    enum p2p_err err = store_from_mdb(rc);

    if (rc == ENOENT) {
        err = P2P_NOTFOUND;
    }
    if (err == P2P_FULL || (err == P2P_IO && disk_free(store->dir) < DISK_FULL_BYTES)) {
        err = P2P_FULL;
        snprintf(message, cap, "store %s/%s: %s; free some space, or raise map_size",
                 store->dir, name,
                 rc == MDB_MAP_FULL ? "map_size is too small" : "the disk is full");
    } else if (rc == MDB_VERSION_MISMATCH) {
        snprintf(message, cap,
                 "store %s/%s was written by another version of port2port; use that one",
                 store->dir, name);
    } else if (err == P2P_CORRUPT) {
        snprintf(
            message, cap,
            "store %s/%s is damaged or not a store; restore it from a backup or start empty",
            store->dir, name);
    } else {
        snprintf(message, cap, "store %s/%s: %s", store->dir, name, mdb_strerror(rc));
    }
    return err;
}

static enum p2p_err open_files(struct p2p_store *store, uint64_t map_bytes, char *message,
                               size_t cap)
{
    char data[STORE_PATH_BYTES_MAX];
    char keys[STORE_PATH_BYTES_MAX];
    int dead = 0;

    if (!store_path(data, store->dir, "data") || !store_path(keys, store->dir, "keys")) {
        return open_failed(store, "data", ENAMETOOLONG, message, cap);
    }
    int rc = open_env(store, data, map_bytes);
    if (rc == 0) {
        rc = open_tables(store);
    }
    if (rc == 0 && !store->read_only) {
        rc = mdb_reader_check(store->env, &dead);
    }
    if (rc == 0 && !store->read_only) {
        rc = sync_dir(store->dir);
    }
    if (rc != 0) {
        return open_failed(store, "data", rc, message, cap);
    }
    rc = wrap_open(&store->wrap, keys, store->read_only);
    if (rc != 0) {
        return open_failed(store, "keys", rc, message, cap);
    }
    enum p2p_err err = store->read_only ? P2P_OK : store_finish_erasures(store);
    if (err != P2P_OK) {
        snprintf(message, cap, "store %s/keys: an interrupted erasure could not be ended: %s",
                 store->dir, p2p_err_text(err));
    }
    return err;
}

static void store_free(struct p2p_store *store)
{
    pthread_mutex_destroy(&store->copying);
    pthread_mutex_destroy(&store->spoiled.mutex);
    free(store);
}

enum p2p_err p2p_store_open(struct p2p_store **out, const struct p2p_store_options *options,
                            char *message, size_t message_cap)
{
    enum p2p_err err = P2P_OK;
    struct p2p_store *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        snprintf(message, message_cap, "store %s: out of memory", options->dir);
        return P2P_NOMEM;
    }
    store->read_only = options->read_only;
    pthread_mutex_init(&store->copying, NULL); /* fails for want of attributes only */
    pthread_mutex_init(&store->spoiled.mutex, NULL);
    int len = snprintf(store->dir, sizeof(store->dir), "%s", options->dir);
    int rc = len <= 0 || (size_t)len >= sizeof(store->dir) ? ENAMETOOLONG : 0;
    if (rc == 0 && !store->read_only) {
        rc = store_make_dir(store->dir);
    }
    if (rc != 0) {
        snprintf(message, message_cap, "store directory %s: %s", options->dir, strerror(rc));
        store_free(store);
        return store_from_mdb(rc);
    }
    err = take_lock(store, options->lock_wait_ms, message, message_cap);
    if (err != P2P_OK) {
        store_free(store);
        return err;
    }
    err = open_files(store, options->map_bytes, message, message_cap);
    if (err != P2P_OK) {
        p2p_store_close(store);
        return err;
    }
    *out = store;
    return P2P_OK;
}

static void files_close(struct p2p_store *store)
{
    wrap_close(store->wrap);
    if (store->env != NULL) {
        mdb_env_close(store->env);
    }
    store->wrap = NULL;
    store->env = NULL;
}

void p2p_store_close(struct p2p_store *store)
{
    if (store == NULL) {
        return;
    }
    p2p_assert(atomic_load(&store->txn_count) == 0);
    files_close(store);
    release_lock(store);
    store_free(store);
}

enum p2p_err p2p_store_reopen_reading(struct p2p_store *store)
{
    char message[STORE_PATH_BYTES_MAX + 256];

    p2p_assert(atomic_load(&store->txn_count) == 0);
    p2p_assert(atomic_load(&store->failure) != P2P_STORE_FAILURE_NONE || store->read_only);
    if (store->read_only && store->wrap != NULL) {
        return P2P_OK;
    }
    pthread_mutex_lock(&store->copying); /* a copy reads the files that are closed now */
    files_close(store);
    store->read_only = true;
    enum p2p_err err = open_files(store, 0, message, sizeof(message));
    if (err != P2P_OK) {
        files_close(store);
    }
    pthread_mutex_unlock(&store->copying);
    return err;
}

unsigned p2p_store_maintain(struct p2p_store *store)
{
    int dead = 0;

    return mdb_reader_check(store->env, &dead) == 0 && dead > 0 ? (unsigned)dead : 0;
}

enum p2p_err p2p_store_stat(struct p2p_store *store, struct p2p_store_stat *out)
{
    MDB_envinfo info;
    MDB_txn *txn = NULL;
    struct p2p_store_stat stat = {.page_bytes = 0};

    int rc = mdb_env_info(store->env, &info);
    if (rc == 0) {
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    }
    for (int t = 0; t < P2P_TABLE_COUNT && rc == 0; t++) {
        MDB_stat table;
        rc = mdb_stat(txn, store->dbi[t], &table);
        if (rc == 0) {
            stat.page_bytes = table.ms_psize;
            stat.table[t] =
                (struct p2p_store_table_stat){table.ms_entries, table.ms_branch_pages,
                                              table.ms_leaf_pages, table.ms_overflow_pages};
        }
    }
    mdb_txn_abort(txn);
    if (rc != 0) {
        return store_from_mdb(rc);
    }
    stat.used_bytes = ((uint64_t)info.me_last_pgno + 1) * stat.page_bytes;
    stat.map_bytes = info.me_mapsize;
    stat.disk_free_bytes = disk_free(store->dir);
    stat.reader_count = info.me_numreaders;
    *out = stat;
    return P2P_OK;
}
