#include "mdb_fault.h"

#include <dlfcn.h>
#include <lmdb.h>
#include <stdbool.h>
#include <string.h>

static bool armed;
static enum mdb_fault_call fault_call;
static long fault_at, fault_times, fault_calls;
static int fault_rc;
static void (*after_commit)(void);

void mdb_fault_arm(enum mdb_fault_call call, long countdown, long times, int rc)
{
    fault_call = call;
    fault_at = countdown;
    fault_times = times;
    fault_rc = rc;
    fault_calls = 0;
    armed = true;
}

long mdb_fault_disarm(void)
{
    armed = false;
    return fault_calls;
}

void mdb_fault_after_commit(void (*hook)(void))
{
    after_commit = hook;
}

static bool fails(enum mdb_fault_call call)
{
    if (!armed || call != fault_call) {
        return false;
    }
    long at = fault_calls++;
    return at >= fault_at && at < fault_at + fault_times;
}

static void next(const char *name, void *out)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(out, &symbol, sizeof(symbol));
}

int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned int flags)
{
    int (*real)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned int);
    next("mdb_put", &real);
    return fails(MDB_FAULT_PUT) ? fault_rc : real(txn, dbi, key, data, flags);
}

int mdb_cursor_put(MDB_cursor *cursor, MDB_val *key, MDB_val *data, unsigned int flags)
{
    int (*real)(MDB_cursor *, MDB_val *, MDB_val *, unsigned int);
    next("mdb_cursor_put", &real);
    return fails(MDB_FAULT_PUT) ? fault_rc : real(cursor, key, data, flags);
}

int mdb_txn_begin(MDB_env *env, MDB_txn *parent, unsigned int flags, MDB_txn **txn)
{
    int (*real)(MDB_env *, MDB_txn *, unsigned int, MDB_txn **);
    next("mdb_txn_begin", &real);
    return (flags & MDB_RDONLY) != 0 && fails(MDB_FAULT_READ) ? fault_rc
                                                              : real(env, parent, flags, txn);
}

int mdb_txn_commit(MDB_txn *txn)
{
    int (*real)(MDB_txn *);
    next("mdb_txn_commit", &real);
    if (fails(MDB_FAULT_COMMIT)) {
        mdb_txn_abort(txn);
        return fault_rc;
    }
    int rc = real(txn);
    if (rc == 0 && after_commit != NULL) {
        after_commit();
    }
    return rc;
}
