#include "held.h"
#include "packed.h"
#include "words.h"

#include <p2p/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum p2p_err txn_doom(struct p2p_txn *txn, enum p2p_err err)
{
    if (err != P2P_OK && err != P2P_NOTFOUND && txn->doom == P2P_OK) {
        txn->doom = err;
    }
    return err;
}

/* A read that failed. */
static enum p2p_err read_failed(struct p2p_txn *txn, int rc)
{
    return txn_doom(txn, store_from_mdb(rc));
}

enum p2p_err txn_write_failed(struct p2p_txn *txn, int rc)
{
    enum p2p_err err = store_from_mdb(rc);

    if (err == P2P_IO || err == P2P_FULL) {
        err = store_fail(txn->store, rc);
    }
    return txn_doom(txn, err);
}

bool txn_need(uint8_t **buffer, size_t *cap, size_t len)
{
    if (len > *cap) {
        size_t grown = len < 4096 ? 4096 : len;
        uint8_t *more = malloc(grown);
        if (more == NULL) {
            return false;
        }
        if (*buffer != NULL) {
            p2p_wipe(*buffer, *cap);
            free(*buffer);
        }
        *buffer = more;
        *cap = grown;
    }
    return true;
}

static enum p2p_err enter(struct p2p_txn *txn, enum p2p_table table)
{
    p2p_assert(table < P2P_TABLE_COUNT);
    p2p_assert(txn->renewed);
    return txn->doom;
}

static enum p2p_err enter_write(struct p2p_txn *txn, enum p2p_table table)
{
    enum p2p_err err = enter(txn, table);

    if (err == P2P_OK && txn->kind != P2P_TXN_WRITE) {
        err = txn_doom(txn, P2P_RDONLY);
    }
    txn->states[table] = CURSOR_LOST;
    txn->writes++;
    return err;
}

int txn_cursor(struct p2p_txn *txn, enum p2p_table table, MDB_cursor **out)
{
    int rc = 0;

    if (txn->cursors[table] == NULL) {
        rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &txn->cursors[table]);
    }
    *out = txn->cursors[table];
    return rc;
}

/* The seam */

/* Room for a value; what was handed out before stays for P2P_STORE_VIEW_BYTES more. NULL: no
 * memory. */
static uint8_t *view_room(struct p2p_txn *txn, size_t len)
{
    struct view_page *page = &txn->views[txn->view_at];

    if (len > page->cap - page->used && page->used > 0) {
        txn->view_at ^= 1u;
        page = &txn->views[txn->view_at];
        page->used = 0;
    }
    if (!txn_need(&page->bytes, &page->cap,
                  len > P2P_STORE_VIEW_BYTES ? len : P2P_STORE_VIEW_BYTES)) {
        return NULL;
    }
    uint8_t *room = page->bytes + page->used;
    page->used += len;
    return room;
}

static enum p2p_err give_view(struct p2p_txn *txn, struct p2p_slice row,
                              struct p2p_slice *value)
{
    size_t len;

    if (!words_length(row, &len)) {
        *value = row; /* damaged, as any other byte of it could be: no value, and mended so */
        return P2P_OK;
    }
    uint8_t *room = view_room(txn, len);
    if (room == NULL) {
        return P2P_NOMEM;
    }
    words_unpack(room, row);
    *value = p2p_slice_of(room, len);
    return P2P_OK;
}

static enum p2p_err give(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                         struct p2p_slice row, struct p2p_slice *value)
{
    if (table == P2P_TABLE_PAYLOAD) {
        enum p2p_err err = payload_open(txn, key, row, value);
        return err == P2P_CORRUPT ? err : txn_doom(txn, err); /* whoever finds it mends it */
    }
    if (table == P2P_TABLE_VIEW) {
        return txn_doom(txn, give_view(txn, row, value));
    }
    *value = row;
    return P2P_OK;
}

static int get(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
               struct p2p_slice *row)
{
    MDB_val key_val = txn_val(key);
    MDB_val row_val;

    if (packed_is(table)) {
        return packed_get(txn, table, key, row);
    }
    int rc = mdb_get(txn->mdb, txn->store->dbi[table], &key_val, &row_val);
    if (rc == 0) {
        *row = txn_slice(row_val);
    }
    return rc;
}

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    struct p2p_slice row;

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    int rc = get(txn, table, key, &row);
    return rc != 0 ? read_failed(txn, rc) : give(txn, table, key, row, value);
}

static int put(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
               struct p2p_slice value)
{
    MDB_val key_val = txn_val(key);
    MDB_val row = txn_val(value);
    MDB_cursor *cursor;

    if (table == P2P_TABLE_VIEW) {
        if (!txn_need(&txn->words, &txn->words_cap, 2 * value.len)) {
            return ENOMEM;
        }
        value = p2p_slice_of(txn->words, words_pack(txn->words, value));
    }
    if (packed_is(table)) {
        return packed_put(txn, table, key, value);
    }
    int rc = txn_cursor(txn, table, &cursor);
    return rc == 0 ? mdb_cursor_put(cursor, &key_val, &row, 0) : rc;
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct p2p_txn *txn = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX]; /* a borrowed key may lie in the page that moves */

    p2p_assert(key.len > 0);
    p2p_assert(key.len <= sizeof(key_copy));
    enum p2p_err err = enter_write(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    memcpy(key_copy, key.data, key.len);
    key.data = key_copy;
    if (table == P2P_TABLE_PAYLOAD) {
        return payload_put(txn, key, value);
    }
    int rc = put(txn, table, key, value);
    return rc == 0 ? P2P_OK : txn_write_failed(txn, rc);
}

static int del(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key)
{
    MDB_cursor *cursor;
    MDB_val key_val = txn_val(key);
    MDB_val row;

    if (packed_is(table)) {
        return packed_del(txn, table, key);
    }
    int rc = txn_cursor(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key_val, &row, MDB_SET);
    }
    return rc == 0 ? mdb_cursor_del(cursor, 0) : rc;
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct p2p_txn *txn = context;

    enum p2p_err err = enter_write(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    struct wrap_group group = {0, 0};
    if (table == P2P_TABLE_PAYLOAD && key.len == PAYLOAD_KEY_BYTES) {
        group = payload_group(key); /* before the row goes: the key may be borrowed from it */
    }
    int rc = del(txn, table, key);
    if (rc == 0 && table == P2P_TABLE_PAYLOAD) {
        return txn_doom(txn, erase_note(txn, group));
    }
    return rc == 0 ? P2P_OK : txn_write_failed(txn, rc);
}

static int move_cursor(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                       MDB_cursor_op op, struct p2p_slice *found, struct p2p_slice *row)
{
    MDB_cursor *cursor;
    MDB_val key_val = txn_val(key);
    MDB_val row_val;

    int rc = txn_cursor(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key_val, &row_val, op);
    }
    if (rc == 0) {
        *found = txn_slice(key_val);
        *row = txn_slice(row_val);
    }
    return rc;
}

/* What a seek or next came upon. */
static enum p2p_err moved(struct p2p_txn *txn, enum p2p_table table, int rc,
                          struct p2p_slice key, struct p2p_slice row, struct p2p_slice *found,
                          struct p2p_slice *value)
{
    txn->states[table] = rc == 0 ? CURSOR_AT : CURSOR_END;
    if (rc != 0) {
        return read_failed(txn, rc);
    }
    enum p2p_err err = give(txn, table, key, row, value);
    if (err == P2P_OK) {
        *found = key;
    }
    return err;
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    struct p2p_slice at = {0};
    struct p2p_slice row = {0};

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    int rc =
        packed_is(table)
            ? packed_seek(txn, table, key, &at, &row)
            : move_cursor(txn, table, key, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, &at, &row);
    return moved(txn, table, rc, at, row, found, value);
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    struct p2p_slice at = {0};
    struct p2p_slice row = {0};

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    p2p_assert(txn->states[table] != CURSOR_LOST); /* no seek, or a write since */
    if (txn->states[table] == CURSOR_END) {
        return P2P_NOTFOUND;
    }
    int rc = packed_is(table) ? packed_next(txn, table, &at, &row)
                              : move_cursor(txn, table, at, MDB_NEXT, &at, &row);
    return moved(txn, table, rc, at, row, found, value);
}

static enum p2p_err kv_sweep(void *context, enum p2p_table table, size_t bytes,
                             struct p2p_kv_place *at)
{
    struct p2p_txn *txn = context;

    enum p2p_err err = enter(txn, table);
    if (err == P2P_OK && !packed_is(table)) {
        at->ended = true;
        return P2P_OK;
    }
    return err == P2P_OK ? txn_doom(txn, store_from_mdb(held_sweep(txn, table, bytes, at)))
                         : err;
}

static enum p2p_err kv_mend(void *context, struct p2p_kv_mended *out)
{
    struct p2p_txn *txn = context;

    if (!p2p_store_spoiled(txn->store)) {
        return txn->doom;
    }
    enum p2p_err err = P2P_OK;
    for (int t = 0; t < P2P_TABLE_COUNT && err == P2P_OK; t++) {
        err = enter_write(txn, (enum p2p_table)t); /* all cursors are lost */
    }
    int rc = err == P2P_OK ? held_mend(txn, out) : 0;
    return rc == 0 ? err : txn_write_failed(txn, rc);
}

/* Life cycle */

static void forget_snapshot(struct p2p_txn *txn)
{
    txn->renewed = false;
    p2p_wipe(&txn->last, sizeof(txn->last));
    memset(txn->checked, 0, sizeof(txn->checked));
    if (txn->scratch != NULL) {
        p2p_wipe(txn->scratch, txn->scratch_cap);
    }
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        txn->states[t] = CURSOR_LOST;
    }
}

static void txn_free(struct p2p_txn *txn)
{
    forget_snapshot(txn);
    p2p_wipe(txn->fresh, sizeof(txn->fresh));
    atomic_fetch_sub(&txn->store->txn_count, 1);
    free(txn->scratch);
    if (txn->plain != NULL) { /* a failure may have left something */
        p2p_wipe(txn->plain, txn->plain_cap);
    }
    free(txn->plain);
    free(txn->sealed); /* only what the store holds as well */
    free(txn->views[0].bytes);
    free(txn->views[1].bytes);
    free(txn->words);
    free(txn->edit);
    free(txn->erased);
    free(txn);
}

/* LMDB closes the cursors of a write transaction itself. */
static void read_cursors_close(struct p2p_txn *txn)
{
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        if (txn->cursors[t] != NULL) {
            mdb_cursor_close(txn->cursors[t]);
        }
        if (txn->gets[t] != NULL) {
            mdb_cursor_close(txn->gets[t]);
        }
    }
}

static enum p2p_err begin(struct p2p_store *store, enum p2p_txn_kind kind, struct p2p_txn **out)
{
    enum p2p_err err = P2P_OK;
    struct p2p_txn *txn;

    if (store->env == NULL) {
        return P2P_IO; /* it could not be opened again */
    }
    txn = calloc(1, sizeof(*txn));
    if (txn == NULL) {
        return P2P_NOMEM;
    }
    atomic_fetch_add(&store->txn_count, 1);
    txn->store = store;
    txn->kind = kind;
    txn->kv = (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, kv_sweep, kv_mend, txn};
    txn->destroyed = wrap_destroyed(store->wrap);
    int rc = mdb_txn_begin(store->env, NULL, kind == P2P_TXN_READ ? MDB_RDONLY : 0, &txn->mdb);
    if (rc != 0) {
        err = store_from_mdb(rc);
        goto out;
    }
    txn->renewed = true;
    *out = txn;
    txn = NULL;
out:
    if (txn != NULL) {
        txn_free(txn);
    }
    return err;
}

enum p2p_err p2p_store_begin(struct p2p_store *store, enum p2p_txn_kind kind,
                             struct p2p_txn **out)
{
    struct p2p_txn *txn;

    if (kind == P2P_TXN_READ) {
        return begin(store, kind, out);
    }
    if (store->read_only) {
        return P2P_RDONLY;
    }
    enum p2p_err err = store_failed(store);
    if (err == P2P_OK) {
        err = begin(store, kind, &txn);
    }
    if (err != P2P_OK) {
        return err;
    }
    err = store_failed(store); /* whoever held the place before may have failed */
    if (err != P2P_OK) {
        p2p_txn_abort(txn);
        return err;
    }
    *out = txn;
    return P2P_OK;
}

const struct p2p_kv *p2p_txn_kv(struct p2p_txn *txn)
{
    return &txn->kv;
}

void p2p_txn_abort(struct p2p_txn *txn)
{
    if (txn == NULL) {
        return;
    }
    if (txn->kind == P2P_TXN_READ) {
        read_cursors_close(txn);
    }
    mdb_txn_abort(txn->mdb);
    txn_free(txn);
}

void p2p_txn_reset(struct p2p_txn *txn)
{
    p2p_assert(txn->kind == P2P_TXN_READ);
    if (txn->renewed) {
        mdb_txn_reset(txn->mdb);
        forget_snapshot(txn);
        txn->doom = P2P_OK;
    }
}

enum p2p_err p2p_txn_renew(struct p2p_txn *txn)
{
    p2p_txn_reset(txn);
    txn->destroyed = wrap_destroyed(txn->store->wrap);
    int rc = mdb_txn_renew(txn->mdb);
    if (rc != 0) {
        return store_from_mdb(rc);
    }
    for (int t = 0; t < P2P_TABLE_COUNT && rc == 0; t++) {
        if (txn->cursors[t] != NULL) {
            rc = mdb_cursor_renew(txn->mdb, txn->cursors[t]);
        }
        if (txn->gets[t] != NULL && rc == 0) {
            rc = mdb_cursor_renew(txn->mdb, txn->gets[t]);
        }
    }
    p2p_assert(rc == 0);
    txn->renewed = true;
    return P2P_OK;
}

/* Order: new keys synced, rows synced, old keys destroyed. */
static enum p2p_err commit_write(struct p2p_txn *txn)
{
    uint32_t *keep = NULL;
    enum p2p_err err = P2P_OK;

    int rc = erase_prepare(txn, &keep);
    if (rc == 0) {
        rc = payload_keys_flush(txn, txn->erased, txn->erased_count);
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn->mdb);
        txn->mdb = NULL;
    }
    if (rc != 0) {
        err = txn_write_failed(txn, rc);
    } else if (txn->erased_count > 0) {
        rc = wrap_destroy(txn->store->wrap, txn->erased, keep, txn->erased_count);
        if (rc != 0) { /* the rows stand; the marks let the next open destroy the keys */
            store_fail(txn->store, rc);
        }
    }
    free(keep);
    return err;
}

enum p2p_err p2p_txn_commit(struct p2p_txn *txn)
{
    enum p2p_err err = txn->kind == P2P_TXN_READ ? P2P_OK : txn->doom;

    if (err == P2P_OK && txn->kind == P2P_TXN_WRITE) {
        err = commit_write(txn);
    }
    p2p_txn_abort(txn);
    return err;
}
