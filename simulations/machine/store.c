/* The twin of p2p/store.h: one transaction at a time on a map in memory.
 *
 * After a failed commit the real store takes no transaction at all, not even to read, until it
 * is reopened (LMDB cannot tell what its head is); after a put that found no page it still
 * reads. So does this one. */
#include "disk_state.h"

#include <p2p/assert.h>

#define PUTS_UNTIL_FULL_MAX 20u

struct p2p_store *sim_disk_store(struct sim_disk *disk)
{
    p2p_assert(!disk->dead);
    p2p_assert(!disk->store.open);
    disk->store = (struct p2p_store){.disk = disk, .open = true};
    return &disk->store;
}

void p2p_store_close(struct p2p_store *store)
{
    if (store != NULL && store->open) {
        p2p_assert(!store->txn.open);
        store->open = false;
        disk_settle_sync(store->disk);
    }
}

enum p2p_err p2p_store_reopen_reading(struct p2p_store *store)
{
    p2p_assert(!store->txn.open);
    p2p_assert(store->failure != P2P_STORE_FAILURE_NONE);
    if (store->disk->dead) {
        return P2P_IO;
    }
    store->reading = true;
    return P2P_OK;
}

const char *p2p_store_read_only_reason(const struct p2p_store *store)
{
    static const char *const words[] = {
#define FAILURE_WORD(name, word) [P2P_STORE_FAILURE_##name] = (word),
        P2P_STORE_FAILURE_MAP(FAILURE_WORD)
#undef FAILURE_WORD
    };

    return words[store->failure];
}

unsigned p2p_store_maintain(struct p2p_store *store)
{
    (void)store; /* no other process reads it */
    return 0;
}

/* The seam */

static enum p2p_err doom(struct p2p_txn *txn, enum p2p_err err)
{
    if (err != P2P_OK && err != P2P_NOTFOUND && txn->doom == P2P_OK) {
        txn->doom = err;
    }
    return err;
}

bool p2p_store_spoiled(struct p2p_store *store)
{
    return memory_kv_spoiled(store->disk->store_map);
}

/* A payload that does not unseal says nothing of other rows. */
static enum p2p_err doom_read(struct p2p_txn *txn, enum p2p_table table, enum p2p_err err)
{
    return table == P2P_TABLE_PAYLOAD && err == P2P_CORRUPT && !p2p_store_spoiled(txn->store)
               ? err
               : doom(txn, err);
}

static enum p2p_err enter(struct p2p_txn *txn)
{
    p2p_assert(txn->open);
    return txn->lost ? doom(txn, P2P_IO) : txn->doom;
}

static enum p2p_err enter_write(struct p2p_txn *txn)
{
    enum p2p_err err = enter(txn);

    return err == P2P_OK && txn->kind != P2P_TXN_WRITE ? doom(txn, P2P_RDONLY) : err;
}

static const struct p2p_kv *map_of(const struct p2p_txn *txn)
{
    return memory_kv_kv(txn->store->disk->store_map);
}

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    enum p2p_err err = enter(context);

    return err != P2P_OK
               ? err
               : doom_read(context, table, p2p_kv_get(map_of(context), table, key, value));
}

/* A put that needs a new page and gets none. */
static bool finds_no_page(struct p2p_txn *txn)
{
    return txn->puts_left > 0 && --txn->puts_left == 0;
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct p2p_txn *txn = context;
    enum p2p_err err = enter_write(txn);

    if (err != P2P_OK) {
        return err;
    }
    if (table == P2P_TABLE_PAYLOAD && value.len > P2P_STORE_PAYLOAD_BYTES_MAX) {
        return doom(txn, P2P_TOOLARGE);
    }
    if (finds_no_page(txn)) {
        txn->store->failure = P2P_STORE_FAILURE_MAP_FULL;
        return doom(txn, P2P_FULL);
    }
    return doom(txn, p2p_kv_put(map_of(txn), table, key, value));
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    enum p2p_err err = enter_write(context);

    return err != P2P_OK ? err : doom(context, p2p_kv_del(map_of(context), table, key));
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    enum p2p_err err = enter(context);

    return err != P2P_OK ? err
                         : doom_read(context, table,
                                     p2p_kv_seek(map_of(context), table, key, found, value));
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    enum p2p_err err = enter(context);

    return err != P2P_OK
               ? err
               : doom_read(context, table, p2p_kv_next(map_of(context), table, found, value));
}

static enum p2p_err kv_sweep(void *context, enum p2p_table table, size_t bytes,
                             struct p2p_kv_place *at)
{
    enum p2p_err err = enter(context);

    return err != P2P_OK ? err : p2p_kv_sweep(map_of(context), table, bytes, at);
}

static enum p2p_err kv_mend(void *context, struct p2p_kv_mended *out)
{
    struct p2p_txn *txn = context;

    if (!p2p_store_spoiled(txn->store)) {
        return txn->doom;
    }
    enum p2p_err err = enter_write(txn);
    return err != P2P_OK ? err : p2p_kv_mend(map_of(txn), out);
}

/* Transactions */

static enum p2p_err may_read(const struct p2p_store *store)
{
    bool no_head = store->failure == P2P_STORE_FAILURE_SYNC ||
                   store->failure == P2P_STORE_FAILURE_DISK_FULL;

    return store->disk->dead || (no_head && !store->reading) ? P2P_IO : P2P_OK;
}

static enum p2p_err may_write(const struct p2p_store *store)
{
    if (store->reading) {
        return P2P_RDONLY;
    }
    if (store->failure == P2P_STORE_FAILURE_NONE) {
        return P2P_OK;
    }
    return store->failure == P2P_STORE_FAILURE_SYNC ? P2P_IO : P2P_FULL;
}

enum p2p_err p2p_store_begin(struct p2p_store *store, enum p2p_txn_kind kind,
                             struct p2p_txn **out)
{
    struct p2p_txn *txn = &store->txn;
    struct sim_disk *disk = store->disk;

    p2p_assert(store->open);
    p2p_assert(!txn->open);
    p2p_assert(disk->look == NULL);
    enum p2p_err err = kind == P2P_TXN_READ ? may_read(store) : may_write(store);
    if (err != P2P_OK) {
        return err;
    }
    if (kind == P2P_TXN_WRITE) {
        enum effect effect = disk_effect(disk);
        if (effect == EFFECT_LAST) {
            disk_power_lost(disk);
        }
        if (effect != EFFECT_DONE) {
            return P2P_IO;
        }
    }
    *txn = (struct p2p_txn){.store = store, .kind = kind, .open = true};
    txn->kv = (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, kv_sweep, kv_mend, txn};
    if (kind == P2P_TXN_WRITE && disk->full && sim_chance_below(&disk->chance, 2) == 0) {
        txn->puts_left = (uint32_t)sim_chance_between(&disk->chance, 1, PUTS_UNTIL_FULL_MAX);
    }
    memory_kv_begin(disk->store_map);
    *out = txn;
    return P2P_OK;
}

const struct p2p_kv *p2p_txn_kv(struct p2p_txn *txn)
{
    return &txn->kv;
}

void store_lose_txn(struct p2p_store *store)
{
    if (store->txn.open && !store->txn.lost) {
        memory_kv_abort(store->disk->store_map);
        store->txn.lost = true;
    }
}

void p2p_txn_abort(struct p2p_txn *txn)
{
    if (txn != NULL) {
        p2p_assert(txn->open);
        store_lose_txn(txn->store);
        txn->open = false;
    }
}

/* The transaction stays undone for this process; what the next one finds is settled when this
 * one ends. */
static void fail_sync(struct p2p_store *store)
{
    struct sim_disk *disk = store->disk;
    struct memory_kv *before = memory_kv_clone(disk->store_map);

    p2p_assert(disk->maybe_map == NULL);
    memory_kv_commit(disk->store_map);
    disk->maybe_map = disk->store_map;
    disk->store_map = before;
    store->failure = P2P_STORE_FAILURE_SYNC;
}

/* The transaction has ended when this returns. */
static enum p2p_err commit_write(struct p2p_txn *txn)
{
    struct p2p_store *store = txn->store;
    struct sim_disk *disk = store->disk;

    if (disk->full) {
        store->failure = P2P_STORE_FAILURE_DISK_FULL;
        p2p_txn_abort(txn);
        return P2P_FULL;
    }
    enum effect effect = disk_sync_effect(disk);
    if (effect == EFFECT_LOST) { /* with it this transaction */
        store->failure = P2P_STORE_FAILURE_SYNC;
        p2p_txn_abort(txn);
        return P2P_IO;
    }
    txn->open = false;
    if (effect == EFFECT_DOUBT) {
        fail_sync(store);
        return P2P_IO;
    }
    memory_kv_commit(disk->store_map);
    if (effect == EFFECT_LAST) {
        store->failure = P2P_STORE_FAILURE_SYNC;
        disk_power_lost(disk);
        return P2P_IO;
    }
    return P2P_OK;
}

enum p2p_err p2p_txn_commit(struct p2p_txn *txn)
{
    p2p_assert(txn->open);
    enum p2p_err err = txn->kind == P2P_TXN_READ ? P2P_OK : enter(txn);

    if (err == P2P_OK && txn->kind == P2P_TXN_WRITE &&
        memory_kv_has_written(txn->store->disk->store_map)) {
        return commit_write(txn);
    }
    p2p_txn_abort(txn);
    return err;
}
