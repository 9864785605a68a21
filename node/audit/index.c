/* The rows of a replay, beside the archive: `DIR.index/rows`, an LMDB environment of its own.
 *
 * It fills the same seam as a node's store, and differs in what an auditor may do and a node
 * may not: records and payloads are not written again but read from the archive, which was
 * verified before; nothing is synced, since a crash only means to begin anew; pages that were
 * looked at are given back, so that memory does not grow with the history. Rows of the charter
 * are few and stand here like all others. */
#include "parts.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/file.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_BYTES ((size_t)256 << 30) /* sparse */

struct audit_index {
    struct p2p_audit *audit;
    struct audit_shelf *shelf;
    MDB_env *env;
    void *map; /* MAP_BYTES of it; NULL: not found */
    MDB_txn *txn;
    MDB_dbi dbi[P2P_TABLE_COUNT];
    MDB_cursor *cursors[P2P_TABLE_COUNT];
    struct p2p_kv kv;
    uint8_t record_key[P2P_ID_KEY_BYTES]; /* last found in RECORD */
    struct p2p_record_id record_at;
};

static enum p2p_err from_mdb(int rc)
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
    case ENOMEM:
    case MDB_TXN_FULL:
        return P2P_NOMEM;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_VERSION_MISMATCH:
    case MDB_INVALID:
        return P2P_CORRUPT;
    default:
        return P2P_IO;
    }
}

static MDB_val val(struct p2p_slice slice)
{
    return (MDB_val){slice.len, (void *)(uintptr_t)slice.data};
}

static struct p2p_slice slice(MDB_val row)
{
    return p2p_slice_of(row.mv_data, row.mv_size);
}

/* ---- what stands in the archive ---- */

/* The log a row of RECORD or PAYLOAD is read from; NULL: rows stand here. */
static const struct audit_log *archived(const struct audit_index *index, enum p2p_table table,
                                        struct p2p_slice key, struct p2p_record_id *id)
{
    if ((table != P2P_TABLE_RECORD && table != P2P_TABLE_PAYLOAD) ||
        !p2p_id_from_key(key, id) || id->feed == P2P_CHARTER_FEED ||
        id->feed >= index->audit->chosen_count) {
        return NULL;
    }
    return index->audit->chosen[id->feed];
}

enum p2p_err audit_index_payload(struct audit_index *index, uint32_t feed, uint64_t at,
                                 struct p2p_slice *salted)
{
    const struct p2p_audit *audit = index->audit;
    const struct audit_log *chosen = audit->chosen[feed];
    if (chosen == NULL || at >= chosen->size) {
        return P2P_NOTFOUND;
    }
    if ((chosen->flags[at] & AUDIT_HELD) != 0) {
        return audit_shelf_payload(index->shelf, chosen, at, salted);
    }
    for (size_t i = 0; i < audit->log_count; i++) {
        const struct audit_log *log = &audit->logs[i];
        if (log->number == feed && !log->differs && at < log->size &&
            (log->flags[at] & AUDIT_HELD) != 0) {
            return audit_shelf_payload(index->shelf, log, at, salted);
        }
    }
    return P2P_NOTFOUND;
}

static enum p2p_err give_record(struct audit_index *index, const struct audit_log *log,
                                struct p2p_record_id id, struct p2p_slice *found,
                                struct p2p_slice *value)
{
    if (id.index >= log->head.size) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = audit_shelf_record(index->shelf, log, id.index, value);
    if (err == P2P_OK) {
        index->record_at = id;
        *found = p2p_id_key(index->record_key, &id);
    }
    return err;
}

/* ---- the seam ---- */

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    struct audit_index *index = context;
    struct p2p_record_id id;
    struct p2p_slice found;
    const struct audit_log *log = archived(index, table, key, &id);
    if (log != NULL) {
        return table == P2P_TABLE_PAYLOAD ? audit_index_payload(index, id.feed, id.index, value)
                                          : give_record(index, log, id, &found, value);
    }
    MDB_val key_val = val(key);
    MDB_val row;
    int rc = mdb_get(index->txn, index->dbi[table], &key_val, &row);
    if (rc == 0) {
        *value = slice(row);
    }
    return from_mdb(rc);
}

static int cursor_of(struct audit_index *index, enum p2p_table table, MDB_cursor **out)
{
    int rc = 0;
    if (index->cursors[table] == NULL) {
        rc = mdb_cursor_open(index->txn, index->dbi[table], &index->cursors[table]);
    }
    *out = index->cursors[table];
    return rc;
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct audit_index *index = context;
    struct p2p_record_id id;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX]; /* a borrowed key may lie in the page that moves */
    MDB_cursor *cursor;
    p2p_assert(key.len > 0 && key.len <= sizeof(key_copy));
    if (archived(index, table, key, &id) != NULL) {
        return P2P_OK; /* it stands in the archive */
    }
    memcpy(key_copy, key.data, key.len);
    MDB_val key_val = val(p2p_slice_of(key_copy, key.len));
    MDB_val row = val(value);
    int rc = cursor_of(index, table, &cursor);
    return from_mdb(rc == 0 ? mdb_cursor_put(cursor, &key_val, &row, 0) : rc);
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct audit_index *index = context;
    struct p2p_record_id id;
    if (archived(index, table, key, &id) != NULL) {
        return P2P_RDONLY; /* what an archive holds is never taken back */
    }
    MDB_val key_val = val(key);
    MDB_val row;
    MDB_cursor *cursor;
    int rc = cursor_of(index, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key_val, &row, MDB_SET);
    }
    return from_mdb(rc == 0 ? mdb_cursor_del(cursor, 0) : rc);
}

static enum p2p_err move(struct audit_index *index, enum p2p_table table, MDB_val *key,
                         MDB_cursor_op op, struct p2p_slice *found, struct p2p_slice *value)
{
    MDB_cursor *cursor;
    MDB_val row;
    int rc = cursor_of(index, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, key, &row, op);
    }
    if (rc == 0) {
        *found = slice(*key);
        *value = slice(row);
    }
    return from_mdb(rc);
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct audit_index *index = context;
    struct p2p_record_id id;
    const struct audit_log *log = archived(index, table, key, &id);
    if (log != NULL && table == P2P_TABLE_RECORD) {
        return give_record(index, log, id, found, value);
    }
    MDB_val key_val = val(key);
    return move(index, table, &key_val, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, found, value);
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    struct audit_index *index = context;
    MDB_val key_val;
    if (table == P2P_TABLE_RECORD && index->record_at.feed != P2P_CHARTER_FEED) {
        struct p2p_record_id id = {index->record_at.feed, index->record_at.index + 1};
        return give_record(index, index->audit->chosen[id.feed], id, found, value);
    }
    return move(index, table, &key_val, MDB_NEXT, found, value);
}

const struct p2p_kv *audit_index_kv(struct audit_index *index)
{
    return &index->kv;
}

/* ---- transactions ---- */

enum p2p_err audit_index_begin(struct audit_index *index)
{
    if (index->txn != NULL) {
        return P2P_OK;
    }
    memset(index->cursors, 0, sizeof(index->cursors));
    return from_mdb(mdb_txn_begin(index->env, NULL, 0, &index->txn));
}

enum p2p_err audit_index_commit(struct audit_index *index)
{
    int rc = mdb_txn_commit(index->txn);
    index->txn = NULL;
    audit_index_relax(index);
    return from_mdb(rc);
}

void audit_index_relax(struct audit_index *index)
{
    if (index->map != NULL) {
        madvise(index->map, MAP_BYTES, MADV_DONTNEED);
    }
}

/* ---- opening ---- */

static int open_tables(struct audit_index *index)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(index->env, NULL, 0, &txn);
    for (int t = 0; t < P2P_TABLE_COUNT && rc == 0; t++) {
        rc = mdb_dbi_open(txn, p2p_table_word((enum p2p_table)t), MDB_CREATE, &index->dbi[t]);
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn); /* of an index that was kept: nothing is written */
        txn = NULL;
    }
    mdb_txn_abort(txn);
    return rc;
}

/* Where the file is mapped, which LMDB tells of fixed maps alone. Failing that, pages stay. */
static void *find_map(const char *path)
{
    struct stat info;
    char line[P2P_PATH_BYTES_MAX + 128];
    void *found = NULL;
    FILE *maps = stat(path, &info) == 0 ? fopen("/proc/self/maps", "re") : NULL;
    while (maps != NULL && found == NULL && fgets(line, sizeof line, maps) != NULL) {
        uintptr_t from = 0;
        uintptr_t to = 0;
        unsigned long long inode = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r--s %*x %*s %llu", &from, &to, &inode) ==
                3 &&
            inode == info.st_ino && to - from == MAP_BYTES) {
            found = (void *)from;
        }
    }
    if (maps != NULL) {
        fclose(maps);
    }
    return found;
}

static int open_env(struct audit_index *index, const char *path)
{
    int rc = mdb_env_create(&index->env);
    if (rc == 0) {
        rc = mdb_env_set_mapsize(index->env, MAP_BYTES);
    }
    if (rc == 0) {
        rc = mdb_env_set_maxdbs(index->env, P2P_TABLE_COUNT);
    }
    if (rc == 0) {
        rc = mdb_env_open(index->env, path,
                          MDB_NOSUBDIR | MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOLOCK | MDB_NOTLS |
                              MDB_NORDAHEAD,
                          0600);
    }
    if (rc == 0) {
        index->map = find_map(path);
    }
    return rc;
}

/* `.`, `..`, or a path that ends so: what stands there is no name that lies beside it. */
static bool is_nameless(const char *dir, size_t len)
{
    size_t dots = 0;
    while (dots < len && dir[len - 1 - dots] == '.') {
        dots++;
    }
    return (dots == 1 || dots == 2) && (dots == len || dir[len - 1 - dots] == '/');
}

/* `DIR.index`, whatever slashes or dots DIR ends with, unless another place was named. */
enum p2p_err audit_index_path(const struct p2p_audit *audit, const char *name,
                              char out[P2P_PATH_BYTES_MAX])
{
    char real[PATH_MAX];
    const char *named = audit->options.index_dir;
    const char *dir = named != NULL ? named : audit->options.dirs[0];
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') {
        len--;
    }
    if (named == NULL && is_nameless(dir, len)) {
        if (realpath(dir, real) == NULL) {
            return P2P_NOTFOUND;
        }
        dir = real;
        len = strlen(real);
    }
    int n = snprintf(out, P2P_PATH_BYTES_MAX, "%.*s%s%s%s", (int)len, dir,
                     named != NULL ? "" : ".index", name[0] == '\0' ? "" : "/", name);
    return n > 0 && (size_t)n < P2P_PATH_BYTES_MAX ? P2P_OK : P2P_TOOLARGE;
}

static enum p2p_err open_index(struct p2p_audit *audit, const char *path)
{
    struct audit_index *index = p2p_alloc_zeroed(audit->alloc, 1, sizeof(*index));
    if (index == NULL) {
        return P2P_NOMEM;
    }
    index->audit = audit;
    index->kv = (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, NULL, NULL, index};
    audit->index = index;
    enum p2p_err err = audit_shelf_new(&index->shelf, audit);
    if (err == P2P_OK) {
        err = from_mdb(open_env(index, path));
    }
    return err == P2P_OK ? from_mdb(open_tables(index)) : err;
}

enum p2p_err audit_index_new(struct p2p_audit *audit)
{
    char path[P2P_PATH_BYTES_MAX];
    char message[P2P_MESSAGE_BYTES_MAX];
    enum p2p_err err = audit_index_path(audit, "", path);
    if (err == P2P_OK) {
        err = p2p_dir_make(path, 0700, message, sizeof message);
    }
    if (err == P2P_OK && access(path, W_OK) != 0) {
        err = P2P_IO;
    }
    if (err == P2P_IO) {
        snprintf(audit->no_index, sizeof(audit->no_index), "%s", path);
    }
    if (err == P2P_OK) {
        audit_forget(audit);
        err = audit_index_path(audit, "rows", path);
    }
    if (err == P2P_OK && unlink(path) != 0 && errno != ENOENT) {
        err = P2P_IO;
    }
    return err == P2P_OK ? open_index(audit, path) : err;
}

enum p2p_err audit_index_again(struct p2p_audit *audit)
{
    char path[P2P_PATH_BYTES_MAX];
    enum p2p_err err = audit_index_path(audit, "rows", path);
    return err == P2P_OK ? open_index(audit, path) : err;
}

void audit_index_close(struct audit_index *index)
{
    if (index == NULL) {
        return;
    }
    mdb_txn_abort(index->txn);
    if (index->env != NULL) {
        mdb_env_close(index->env);
    }
    audit_shelf_free(index->shelf);
    p2p_alloc_free(index->audit->alloc, index);
}
