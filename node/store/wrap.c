#include "wrap.h"
#include "sync.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP_KEY_BYTES 12u
#define MARK_KEY_BYTES  13u /* the group's key and MARK: sorts right behind it */
#define MARK            'e'
#define VALUE_FORMAT    1u
#define ID_KEY_BYTES    (4u + P2P_WRAP_KEY_BYTES)
#define VALUE_BYTES_MAX (1u + WRAP_GROUP_KEYS_MAX * ID_KEY_BYTES)

/* Locking is the mutex here and the store's lock file: MDB_NOLOCK saves a second lock file and
 * lets the file be swapped. */
#define WRAP_ENV_FLAGS (MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS)

struct cached {
    struct wrap_entry entry;
    bool current;  /* the one that wrap_find gives for id 0 */
    uint64_t used; /* 0: empty */
};

struct wrap {
    pthread_mutex_t mutex;
    MDB_env *env;
    MDB_dbi dbi;
    bool read_only;
    unsigned destroyed;
    uint64_t clock;
    struct cached cache[WRAP_CACHE_KEYS];
    char path[PATH_MAX];
};

static bool group_equal(struct wrap_group a, struct wrap_group b)
{
    return a.feed == b.feed && a.group == b.group;
}

static void group_key(uint8_t out[MARK_KEY_BYTES], struct wrap_group group)
{
    struct p2p_writer writer;

    p2p_writer_init(&writer, out, MARK_KEY_BYTES);
    p2p_writer_u32(&writer, group.feed);
    p2p_writer_u64(&writer, group.group);
    p2p_writer_u8(&writer, MARK);
}

static MDB_val val(const void *data, size_t len)
{
    return (MDB_val){len, (void *)(uintptr_t)data};
}

static bool value_valid(const MDB_val *value)
{
    return value->mv_size > 1 && value->mv_size <= VALUE_BYTES_MAX &&
           ((const uint8_t *)value->mv_data)[0] == VALUE_FORMAT &&
           (value->mv_size - 1) % ID_KEY_BYTES == 0;
}

static size_t value_count(const MDB_val *value)
{
    return (value->mv_size - 1) / ID_KEY_BYTES;
}

static void value_entry(const MDB_val *value, size_t at, struct wrap_entry *out)
{
    struct p2p_reader reader;

    p2p_reader_init(
        &reader,
        p2p_slice_of((const uint8_t *)value->mv_data + 1 + at * ID_KEY_BYTES, ID_KEY_BYTES));
    out->id = p2p_reader_u32(&reader);
    p2p_reader_copy(&reader, out->key.bytes, P2P_WRAP_KEY_BYTES);
}

static void value_put(struct p2p_writer *writer, const struct wrap_entry *entry)
{
    if (writer->len == 0) {
        p2p_writer_u8(writer, VALUE_FORMAT);
    }
    p2p_writer_u32(writer, entry->id);
    p2p_writer_bytes(writer, entry->key.bytes, P2P_WRAP_KEY_BYTES);
}

static void cache_forget(struct wrap *wrap, struct wrap_group group)
{
    for (size_t i = 0; i < WRAP_CACHE_KEYS; i++) {
        if (group_equal(wrap->cache[i].entry.group, group)) {
            p2p_wipe(&wrap->cache[i], sizeof(wrap->cache[i]));
        }
    }
}

static void cache_put(struct wrap *wrap, const struct wrap_entry *entry, bool current)
{
    struct cached *oldest = &wrap->cache[0];

    for (size_t i = 1; i < WRAP_CACHE_KEYS; i++) {
        if (wrap->cache[i].used < oldest->used) {
            oldest = &wrap->cache[i];
        }
    }
    *oldest = (struct cached){*entry, current, ++wrap->clock};
}

static bool cache_get(struct wrap *wrap, struct wrap_group group, uint32_t id,
                      struct wrap_entry *out)
{
    for (size_t i = 0; i < WRAP_CACHE_KEYS; i++) {
        struct cached *cached = &wrap->cache[i];
        if (cached->used != 0 && group_equal(cached->entry.group, group) &&
            (id == 0 ? cached->current : cached->entry.id == id)) {
            cached->used = ++wrap->clock;
            *out = cached->entry;
            return true;
        }
    }
    return false;
}

static int env_open(MDB_env **out, MDB_dbi *dbi, const char *path, bool read_only)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    unsigned flags = WRAP_ENV_FLAGS | (read_only ? MDB_RDONLY : 0);
    int rc = mdb_env_create(&env);

    if (rc == 0) {
        rc = mdb_env_set_mapsize(env, WRAP_MAP_BYTES);
    }
    if (rc == 0) {
        rc = mdb_env_open(env, path, flags, 0600);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, dbi);
        mdb_txn_abort(txn);
    }
    if (rc != 0) {
        mdb_env_close(env);
        return rc;
    }
    *out = env;
    return 0;
}

static void new_path(char out[PATH_MAX + 4], const struct wrap *wrap)
{
    snprintf(out, PATH_MAX + 4, "%s.new", wrap->path);
}

int wrap_open(struct wrap **out, const char *path, bool read_only)
{
    struct wrap *wrap = calloc(1, sizeof(*wrap));
    char unfinished[PATH_MAX + 4];

    if (wrap == NULL) {
        return ENOMEM;
    }
    if (strlen(path) >= sizeof(wrap->path)) {
        free(wrap);
        return ENAMETOOLONG;
    }
    memcpy(wrap->path, path, strlen(path));
    wrap->read_only = read_only;
    if (!read_only) {
        new_path(unfinished, wrap);
        unlink(unfinished);
    }
    int rc = env_open(&wrap->env, &wrap->dbi, path, read_only);
    if (rc == 0 && !read_only) {
        rc = sync_parent(path);
    }
    if (rc == 0) {
        rc = pthread_mutex_init(&wrap->mutex, NULL);
    }
    if (rc != 0) {
        if (wrap->env != NULL) {
            mdb_env_close(wrap->env);
        }
        free(wrap);
        return rc;
    }
    *out = wrap;
    return 0;
}

void wrap_close(struct wrap *wrap)
{
    if (wrap == NULL) {
        return;
    }
    if (wrap->env != NULL) {
        mdb_env_close(wrap->env);
    }
    pthread_mutex_destroy(&wrap->mutex);
    p2p_wipe(wrap->cache, sizeof(wrap->cache));
    free(wrap);
}

static int find_in_file(struct wrap *wrap, struct wrap_group group, uint32_t id,
                        struct wrap_entry *out)
{
    uint8_t key[MARK_KEY_BYTES];
    MDB_txn *txn = NULL;
    MDB_val value;

    if (wrap->env == NULL) {
        return EIO; /* a swap failed half-way */
    }
    int rc = mdb_txn_begin(wrap->env, NULL, MDB_RDONLY, &txn);
    if (rc != 0) {
        return rc;
    }
    group_key(key, group);
    MDB_val key_val = val(key, GROUP_KEY_BYTES);
    rc = mdb_get(txn, wrap->dbi, &key_val, &value);
    if (rc == 0 && !value_valid(&value)) {
        rc = MDB_CORRUPTED;
    }
    if (rc == 0) {
        struct wrap_entry entry = {.group = group};
        size_t count = value_count(&value);
        rc = MDB_NOTFOUND;
        for (size_t i = count; i-- > 0 && rc != 0;) { /* the last one is current */
            value_entry(&value, i, &entry);
            if (id == 0 || entry.id == id) {
                cache_put(wrap, &entry, i == count - 1);
                *out = entry;
                rc = 0;
            }
        }
        p2p_wipe(&entry, sizeof(entry));
    }
    mdb_txn_abort(txn);
    return rc;
}

int wrap_find(struct wrap *wrap, struct wrap_group group, uint32_t id, struct wrap_entry *out)
{
    int rc = 0;

    pthread_mutex_lock(&wrap->mutex);
    if (!cache_get(wrap, group, id, out)) {
        rc = find_in_file(wrap, group, id, out);
    }
    pthread_mutex_unlock(&wrap->mutex);
    return rc;
}

int wrap_draw(struct wrap_group group, struct wrap_entry *out)
{
    out->group = group;
    do {
        if (getentropy(&out->id, sizeof(out->id)) != 0) {
            return errno;
        }
    } while (out->id == 0);
    return getentropy(out->key.bytes, sizeof(out->key.bytes)) == 0 ? 0 : errno;
}

static int add_one(MDB_txn *txn, MDB_dbi dbi, const struct wrap_entry *entry)
{
    uint8_t key[MARK_KEY_BYTES];
    uint8_t bytes[VALUE_BYTES_MAX];
    struct p2p_writer writer;
    MDB_val old;

    group_key(key, entry->group);
    MDB_val key_val = val(key, GROUP_KEY_BYTES);
    p2p_writer_init(&writer, bytes, sizeof(bytes));
    int rc = mdb_get(txn, dbi, &key_val, &old);
    if (rc == 0 && !value_valid(&old)) {
        return MDB_CORRUPTED;
    }
    if (rc == 0) {
        p2p_writer_bytes(&writer, old.mv_data, old.mv_size);
    } else if (rc != MDB_NOTFOUND) {
        return rc;
    }
    value_put(&writer, entry);
    MDB_val value = val(bytes, writer.len);
    rc = writer.failed ? MDB_CORRUPTED : mdb_put(txn, dbi, &key_val, &value, 0);
    p2p_wipe(bytes, sizeof(bytes));
    return rc;
}

static int add_mark(MDB_txn *txn, MDB_dbi dbi, struct wrap_group group)
{
    static const uint8_t format = VALUE_FORMAT;
    uint8_t key[MARK_KEY_BYTES];

    group_key(key, group);
    MDB_val key_val = val(key, MARK_KEY_BYTES);
    MDB_val value = val(&format, 1);
    return mdb_put(txn, dbi, &key_val, &value, 0);
}

int wrap_add(struct wrap *wrap, const struct wrap_entry *entries, size_t count,
             const struct wrap_group *erased, size_t erased_count)
{
    MDB_txn *txn = NULL;

    pthread_mutex_lock(&wrap->mutex);
    int rc = wrap->env == NULL ? EIO : mdb_txn_begin(wrap->env, NULL, 0, &txn);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = add_one(txn, wrap->dbi, &entries[i]);
    }
    for (size_t i = 0; rc == 0 && i < erased_count; i++) {
        rc = add_mark(txn, wrap->dbi, erased[i]);
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn);
        txn = NULL;
    }
    mdb_txn_abort(txn);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        cache_forget(wrap, entries[i].group);
        cache_put(wrap, &entries[i], true);
    }
    pthread_mutex_unlock(&wrap->mutex);
    return rc;
}

int wrap_marked(struct wrap *wrap, struct wrap_group **out, size_t *count)
{
    struct wrap_group *groups = NULL;
    size_t n = 0;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;

    pthread_mutex_lock(&wrap->mutex);
    int rc = mdb_txn_begin(wrap->env, NULL, MDB_RDONLY, &txn);
    if (rc == 0) {
        rc = mdb_cursor_open(txn, wrap->dbi, &cursor);
    }
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct p2p_reader reader;
        if (key.mv_size != MARK_KEY_BYTES) {
            continue;
        }
        struct wrap_group *more = realloc(groups, (n + 1) * sizeof(*groups));
        if (more == NULL) {
            rc = ENOMEM;
            break;
        }
        groups = more;
        p2p_reader_init(&reader, p2p_slice_of(key.mv_data, key.mv_size));
        groups[n].feed = p2p_reader_u32(&reader);
        groups[n].group = p2p_reader_u64(&reader);
        n++;
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    pthread_mutex_unlock(&wrap->mutex);
    if (rc != MDB_NOTFOUND) {
        free(groups);
        return rc;
    }
    *out = groups;
    *count = n;
    return 0;
}

/* Copies one row of the old file into the new one, unless it is a mark or its keys all go. */
static int keep_row(MDB_txn *txn, MDB_dbi dbi, const MDB_val *key, const MDB_val *value,
                    const struct wrap_group *erased, const uint32_t *keep, size_t count)
{
    struct p2p_reader reader;
    struct wrap_group group;
    struct wrap_entry entry;
    uint8_t bytes[VALUE_BYTES_MAX];
    struct p2p_writer writer;
    size_t at = 0;

    p2p_reader_init(&reader, p2p_slice_of(key->mv_data, key->mv_size));
    group.feed = p2p_reader_u32(&reader);
    group.group = p2p_reader_u64(&reader);
    while (at < count && !group_equal(erased[at], group)) {
        at++;
    }
    MDB_val key_val = *key;
    MDB_val same = *value;
    if (at == count) {
        return mdb_put(txn, dbi, &key_val, &same, MDB_APPEND);
    }
    if (key->mv_size == MARK_KEY_BYTES) {
        return 0;
    }
    if (!value_valid(value)) {
        return MDB_CORRUPTED;
    }
    p2p_writer_init(&writer, bytes, sizeof(bytes));
    for (size_t i = 0; i < value_count(value); i++) {
        value_entry(value, i, &entry);
        if (keep[at] != 0 && entry.id == keep[at]) {
            value_put(&writer, &entry);
        }
    }
    MDB_val kept = val(bytes, writer.len);
    int rc = writer.len == 0 ? 0 : mdb_put(txn, dbi, &key_val, &kept, MDB_APPEND);
    p2p_wipe(bytes, sizeof(bytes));
    p2p_wipe(&entry, sizeof(entry));
    return rc;
}

/* A new file that holds what stays of the open one, synced. */
static int build(struct wrap *wrap, const char *path, const struct wrap_group *erased,
                 const uint32_t *keep, size_t count)
{
    MDB_env *env = NULL;
    MDB_dbi dbi = 0;
    MDB_txn *from = NULL;
    MDB_txn *to = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;

    int rc = env_open(&env, &dbi, path, false);
    if (rc == 0) {
        rc = mdb_txn_begin(env, NULL, 0, &to);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(wrap->env, NULL, MDB_RDONLY, &from);
    }
    if (rc == 0) {
        rc = mdb_cursor_open(from, wrap->dbi, &cursor);
    }
    while (rc == 0 && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        rc = keep_row(to, dbi, &key, &value, erased, keep, count);
    }
    if (cursor != NULL) {
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(from);
    if (rc == MDB_NOTFOUND) { /* the end of the old file */
        rc = mdb_txn_commit(to);
        to = NULL;
    }
    mdb_txn_abort(to);
    if (env != NULL) {
        mdb_env_close(env);
    }
    return rc;
}

/* As far as a file system that writes in place lets us; what counts is that no file holds it.
 */
static void overwrite(int fd)
{
    static const uint8_t zeros[16384];
    struct stat info;

    if (fstat(fd, &info) != 0) {
        return;
    }
    for (off_t at = 0; at < info.st_size; at += (off_t)sizeof(zeros)) {
        if (pwrite(fd, zeros, sizeof(zeros), at) < 0) {
            return;
        }
    }
    if (fdatasync(fd) != 0) {
        return;
    }
}

int wrap_destroy(struct wrap *wrap, const struct wrap_group *erased, const uint32_t *keep,
                 size_t count)
{
    char path[PATH_MAX + 4];
    int old_fd = -1;

    pthread_mutex_lock(&wrap->mutex);
    p2p_assert(!wrap->read_only);
    new_path(path, wrap);
    unlink(path);
    int rc = wrap->env == NULL ? EIO : build(wrap, path, erased, keep, count);
    if (rc == 0) {
        old_fd = open(wrap->path, O_RDWR | O_CLOEXEC);
        rc = old_fd < 0 ? errno : 0;
    }
    if (rc == 0) {
        mdb_env_close(wrap->env);
        wrap->env = NULL;
        rc = rename(path, wrap->path) == 0 ? 0 : errno;
        if (rc == 0) {
            rc = sync_parent(wrap->path);
        }
        if (rc == 0) {
            overwrite(old_fd);
        }
        int opened = env_open(&wrap->env, &wrap->dbi, wrap->path, false);
        rc = rc != 0 ? rc : opened;
    }
    if (rc == 0) {
        wrap->destroyed++;
        for (size_t i = 0; i < count; i++) {
            cache_forget(wrap, erased[i]);
        }
    } else {
        unlink(path);
    }
    if (old_fd >= 0) {
        close(old_fd);
    }
    pthread_mutex_unlock(&wrap->mutex);
    return rc;
}

unsigned wrap_destroyed(struct wrap *wrap)
{
    pthread_mutex_lock(&wrap->mutex);
    unsigned destroyed = wrap->destroyed;
    pthread_mutex_unlock(&wrap->mutex);
    return destroyed;
}

int wrap_copy(struct wrap *wrap, const char *path)
{
    pthread_mutex_lock(&wrap->mutex);
    int rc = wrap->env == NULL ? EIO : build(wrap, path, NULL, NULL, 0);
    pthread_mutex_unlock(&wrap->mutex);
    return rc;
}
