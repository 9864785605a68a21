/* What LMDB alone does on this disk: an environment of its own, a record's worth of bytes for
 * each put, each commit synced. */
#include "limit_commit.h"

#include "bench.h"

#include <stdio.h>
#include <unistd.h>

enum { RECORD_BYTES = 300 };

bool commits_open(struct commits *commits, const char *dir)
{
    MDB_txn *txn = NULL;
    *commits = (struct commits){.env = NULL};
    snprintf(commits->path, sizeof(commits->path), "%.4000s/limit.mdb", dir);
    unlink(commits->path);
    int rc = mdb_env_create(&commits->env);
    if (rc == 0) {
        rc = mdb_env_set_mapsize(commits->env, (size_t)8 << 30);
    }
    if (rc == 0) {
        rc = mdb_env_open(commits->env, commits->path, MDB_NOSUBDIR, 0600);
    }
    if (rc == 0) {
        rc = mdb_txn_begin(commits->env, NULL, 0, &txn);
    }
    if (rc == 0) {
        rc = mdb_dbi_open(txn, NULL, 0, &commits->dbi);
        rc = rc == 0 ? mdb_txn_commit(txn) : (mdb_txn_abort(txn), rc);
    }
    return rc == 0 || bench_fail("LMDB in %s: %s", dir, mdb_strerror(rc));
}

void commits_close(struct commits *commits)
{
    char lock[BENCH_PATH_BYTES];
    mdb_env_close(commits->env);
    unlink(commits->path);
    snprintf(lock, sizeof(lock), "%.4000s-lock", commits->path);
    unlink(lock);
    commits->env = NULL;
}

bool commits_once(struct commits *commits, unsigned puts)
{
    uint8_t data[RECORD_BYTES] = {1};
    MDB_txn *txn;
    int rc = mdb_txn_begin(commits->env, NULL, 0, &txn);
    for (unsigned i = 0; i < puts && rc == 0; i++) {
        uint64_t number = __builtin_bswap64(commits->next++);
        MDB_val key = {sizeof(number), &number};
        MDB_val value = {sizeof(data), data};
        rc = mdb_put(txn, commits->dbi, &key, &value, 0);
        if (rc != 0) {
            mdb_txn_abort(txn);
        }
    }
    rc = rc == 0 ? mdb_txn_commit(txn) : rc;
    return rc == 0 || bench_fail("LMDB in %s: %s", commits->path, mdb_strerror(rc));
}
