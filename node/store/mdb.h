/* LMDB's codes in our words, and the store's own state. Private to node/store. */
#ifndef P2P_STORE_MDB_H
#define P2P_STORE_MDB_H

#include "packed_runs.h"
#include "wrap.h"

#include <p2p/store.h>

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#define STORE_PATH_BYTES_MAX 1024u

/* Blocks that somebody could not read (held.h), until the writer mends them. */
#define SPOILED_MAX 16u
struct spoiled {
    pthread_mutex_t mutex;
    size_t count;
    struct spoiled_at {
        enum p2p_table table;
        size_t len;
        uint8_t name[P2P_KV_KEY_BYTES_MAX];
    } at[SPOILED_MAX];
};

struct p2p_store {
    MDB_env *env;
    MDB_dbi dbi[P2P_TABLE_COUNT];
    struct packed_runs runs[P2P_TABLE_COUNT]; /* the one writer's */
    struct spoiled spoiled;
    struct wrap *wrap;
    char dir[STORE_PATH_BYTES_MAX];
    bool read_only;
    atomic_int failure;      /* enum p2p_store_failure */
    atomic_uint txn_count;   /* open ones */
    pthread_mutex_t copying; /* held while files are copied, or closed and opened anew */
};

/* dir/name; false when it is too long. */
bool store_path(char out[STORE_PATH_BYTES_MAX], const char *dir, const char *name);
/* Makes a directory unless it is there; errno. */
P2P_MUST_CHECK int store_make_dir(const char *dir);

/* Translated once, here; a full disk that shows as EIO is told apart by store_fail. */
enum p2p_err store_from_mdb(int rc);
/* Records that a write failed with rc and returns what to tell the caller: P2P_FULL when the
 * map or the disk is full, else P2P_IO. The first failure stands. */
enum p2p_err store_fail(struct p2p_store *store, int rc);
/* The error of a store that takes no writes; P2P_OK while it does. */
enum p2p_err store_failed(const struct p2p_store *store);
/* Ends erasures that a crash interrupted. */
P2P_MUST_CHECK enum p2p_err store_finish_erasures(struct p2p_store *store);

#endif
