#include "mdb.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define PAYLOAD_KEY_BYTES 12u
#define FRESH_KEYS_MAX    64u

enum cursor_state { CURSOR_LOST, CURSOR_AT, CURSOR_END };

struct p2p_txn {
    struct p2p_store *store;
    MDB_txn *mdb;
    struct p2p_kv kv;
    enum p2p_txn_kind kind;
    bool renewed;       /* a read transaction holds a snapshot */
    enum p2p_err doom;  /* the first error but P2P_NOTFOUND */
    unsigned destroyed; /* wrap_destroyed when the snapshot was taken */
    MDB_cursor *cursors[P2P_TABLE_COUNT];
    enum cursor_state states[P2P_TABLE_COUNT];
    struct wrap_entry last; /* the wrapping key used last; id 0: none */
    uint8_t *scratch;       /* the PAYLOAD value handed out last */
    size_t scratch_cap;
    struct wrap_entry fresh[FRESH_KEYS_MAX]; /* keys that no file holds yet */
    size_t fresh_count;
    struct wrap_group *erased; /* groups that lost a payload, each once */
    size_t erased_count;
};

static MDB_val to_val(struct p2p_slice slice)
{
    return (MDB_val){slice.len, (void *)(uintptr_t)slice.data};
}

static struct p2p_slice to_slice(MDB_val value)
{
    return p2p_slice_of(value.mv_data, value.mv_size);
}

static enum p2p_err doom(struct p2p_txn *txn, enum p2p_err err)
{
    if (err != P2P_OK && err != P2P_NOTFOUND && txn->doom == P2P_OK) {
        txn->doom = err;
    }
    return err;
}

/* A read that failed. */
static enum p2p_err read_failed(struct p2p_txn *txn, int rc)
{
    return doom(txn, store_from_mdb(rc));
}

/* A write that failed: full or broken, the store takes no more. */
static enum p2p_err write_failed(struct p2p_txn *txn, int rc)
{
    enum p2p_err err = store_from_mdb(rc);

    if (err == P2P_IO || err == P2P_FULL) {
        err = store_fail(txn->store, rc);
    }
    return doom(txn, err);
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
        err = doom(txn, P2P_RDONLY);
    }
    txn->states[table] = CURSOR_LOST;
    return err;
}

static int cursor_of(struct p2p_txn *txn, enum p2p_table table, MDB_cursor **out)
{
    int rc = 0;

    if (txn->cursors[table] == NULL) {
        rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &txn->cursors[table]);
    }
    *out = txn->cursors[table];
    return rc;
}

/* Payloads: which key */

static struct wrap_group group_of(struct p2p_slice key)
{
    struct p2p_reader reader;
    struct wrap_group group;

    p2p_reader_init(&reader, key);
    group.feed = p2p_reader_u32(&reader);
    group.group = p2p_reader_u64(&reader) / P2P_STORE_WRAP_SPAN;
    return group;
}

static bool same_group(struct wrap_group a, struct wrap_group b)
{
    return a.feed == b.feed && a.group == b.group;
}

static const struct wrap_entry *fresh_find(const struct p2p_txn *txn, struct wrap_group group,
                                           uint32_t id)
{
    for (size_t i = txn->fresh_count; i-- > 0;) { /* the newest first */
        if (same_group(txn->fresh[i].group, group) && (id == 0 || txn->fresh[i].id == id)) {
            return &txn->fresh[i];
        }
    }
    return NULL;
}

static int key_to_open(struct p2p_txn *txn, struct wrap_group group, uint32_t id)
{
    if (txn->last.id == id && same_group(txn->last.group, group)) {
        return 0;
    }
    const struct wrap_entry *fresh = fresh_find(txn, group, id);
    if (fresh != NULL) {
        txn->last = *fresh;
        return 0;
    }
    return wrap_find(txn->store->wrap, group, id, &txn->last);
}

static int flush_fresh(struct p2p_txn *txn, const struct wrap_group *erased, size_t count)
{
    int rc = 0;

    if (txn->fresh_count > 0 || count > 0) {
        rc = wrap_add(txn->store->wrap, txn->fresh, txn->fresh_count, erased, count);
    }
    if (rc == 0) {
        p2p_wipe(txn->fresh, sizeof(txn->fresh));
        txn->fresh_count = 0;
    }
    return rc;
}

static int draw_fresh(struct p2p_txn *txn, struct wrap_group group)
{
    int rc = txn->fresh_count == FRESH_KEYS_MAX ? flush_fresh(txn, NULL, 0) : 0;

    if (rc == 0) {
        rc = wrap_draw(group, &txn->fresh[txn->fresh_count]);
    }
    if (rc == 0) {
        txn->last = txn->fresh[txn->fresh_count++];
    }
    return rc;
}

static int key_to_seal(struct p2p_txn *txn, struct wrap_group group)
{
    const struct wrap_entry *fresh = fresh_find(txn, group, 0);

    if (fresh != NULL) {
        txn->last = *fresh;
        return 0;
    }
    int rc = wrap_find(txn->store->wrap, group, 0, &txn->last);
    return rc == MDB_NOTFOUND ? draw_fresh(txn, group) : rc;
}

/* Payloads: rows */

static bool row_parse(struct p2p_slice row, uint32_t *id, struct p2p_slice *sealed)
{
    struct p2p_reader reader;

    p2p_reader_init(&reader, row);
    uint8_t format = p2p_reader_u8(&reader);
    *id = p2p_reader_u32(&reader);
    *sealed = p2p_reader_bytes(&reader, p2p_reader_left(&reader));
    return !reader.failed && format == ROW_FORMAT && *id != 0 &&
           sealed->len >= P2P_SEAL_OVERHEAD_BYTES &&
           sealed->len <= P2P_STORE_PAYLOAD_BYTES_MAX + P2P_SEAL_OVERHEAD_BYTES;
}

static enum p2p_err scratch_need(struct p2p_txn *txn, size_t len)
{
    if (len > txn->scratch_cap) {
        size_t cap = len < 4096 ? 4096 : len;
        uint8_t *more = malloc(cap);
        if (more == NULL) {
            return P2P_NOMEM;
        }
        if (txn->scratch != NULL) {
            p2p_wipe(txn->scratch, txn->scratch_cap);
            free(txn->scratch);
        }
        txn->scratch = more;
        txn->scratch_cap = cap;
    }
    return P2P_OK;
}

/* Unseals a row into scratch and points *value there. */
static enum p2p_err row_open(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice row,
                             struct p2p_slice *value)
{
    struct p2p_slice sealed;
    uint32_t id;

    if (key.len != PAYLOAD_KEY_BYTES || !row_parse(row, &id, &sealed)) {
        return P2P_CORRUPT;
    }
    int rc = key_to_open(txn, group_of(key), id);
    if (rc == MDB_NOTFOUND) {
        return wrap_destroyed(txn->store->wrap) != txn->destroyed ? P2P_BUSY : P2P_CORRUPT;
    }
    if (rc != 0) {
        return store_from_mdb(rc);
    }
    size_t len = sealed.len - P2P_SEAL_OVERHEAD_BYTES;
    enum p2p_err err = scratch_need(txn, len);
    if (err == P2P_OK) {
        err = p2p_unseal(txn->scratch, sealed, key, &txn->last.key);
    }
    if (err == P2P_OK) {
        *value = p2p_slice_of(txn->scratch, len);
    }
    return err;
}

/* Seals straight into the page. */
static int row_put(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice value)
{
    uint8_t nonce[P2P_SEAL_NONCE_BYTES];
    MDB_cursor *cursor;
    MDB_val key_val = to_val(key);
    MDB_val row = {ROW_HEADER_BYTES + value.len + P2P_SEAL_OVERHEAD_BYTES, NULL};
    struct p2p_writer writer;

    if (getentropy(nonce, sizeof(nonce)) != 0) {
        return errno;
    }
    int rc = cursor_of(txn, P2P_TABLE_PAYLOAD, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_put(cursor, &key_val, &row, MDB_RESERVE);
    }
    if (rc == 0) {
        p2p_writer_init(&writer, row.mv_data, ROW_HEADER_BYTES);
        p2p_writer_u8(&writer, ROW_FORMAT);
        p2p_writer_u32(&writer, txn->last.id);
        p2p_seal((uint8_t *)row.mv_data + ROW_HEADER_BYTES, value, key, nonce, &txn->last.key);
    }
    return rc;
}

static enum p2p_err payload_put(struct p2p_txn *txn, struct p2p_slice key,
                                struct p2p_slice value)
{
    p2p_assert(key.len == PAYLOAD_KEY_BYTES);
    if (value.len > P2P_STORE_PAYLOAD_BYTES_MAX) {
        return doom(txn, P2P_TOOLARGE);
    }
    int rc = key_to_seal(txn, group_of(key));
    if (rc == 0) {
        rc = row_put(txn, key, value);
    }
    return rc == 0 ? P2P_OK : write_failed(txn, rc);
}

static enum p2p_err note_erased(struct p2p_txn *txn, struct wrap_group group)
{
    for (size_t i = txn->erased_count; i-- > 0;) {
        if (same_group(txn->erased[i], group)) {
            return P2P_OK;
        }
    }
    struct wrap_group *more = realloc(txn->erased, (txn->erased_count + 1) * sizeof(*more));
    if (more == NULL) {
        return P2P_NOMEM;
    }
    more[txn->erased_count++] = group;
    txn->erased = more;
    return P2P_OK;
}

/* The seam */

static enum p2p_err give(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                         MDB_val row, struct p2p_slice *value)
{
    if (table == P2P_TABLE_PAYLOAD) {
        return doom(txn, row_open(txn, key, to_slice(row), value));
    }
    *value = to_slice(row);
    return P2P_OK;
}

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    MDB_val key_val = to_val(key);
    MDB_val row;

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    int rc = mdb_get(txn->mdb, txn->store->dbi[table], &key_val, &row);
    return rc != 0 ? read_failed(txn, rc) : give(txn, table, key, row, value);
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct p2p_txn *txn = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX]; /* a borrowed key may lie in the page that moves */
    MDB_cursor *cursor;

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
    MDB_val key_val = to_val(key);
    MDB_val row = to_val(value);
    int rc = cursor_of(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_put(cursor, &key_val, &row, 0);
    }
    return rc == 0 ? P2P_OK : write_failed(txn, rc);
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct p2p_txn *txn = context;
    MDB_cursor *cursor;
    MDB_val key_val = to_val(key);
    MDB_val row;

    enum p2p_err err = enter_write(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    struct wrap_group group = {0, 0};
    if (table == P2P_TABLE_PAYLOAD && key.len == PAYLOAD_KEY_BYTES) {
        group = group_of(key); /* before the row goes: the key may be borrowed from it */
    }
    int rc = cursor_of(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &key_val, &row, MDB_SET);
    }
    if (rc == 0) {
        rc = mdb_cursor_del(cursor, 0);
    }
    if (rc == 0 && table == P2P_TABLE_PAYLOAD) {
        return doom(txn, note_erased(txn, group));
    }
    return rc == 0 ? P2P_OK : write_failed(txn, rc);
}

static enum p2p_err move_cursor(struct p2p_txn *txn, enum p2p_table table, MDB_val *key,
                                MDB_cursor_op op, struct p2p_slice *found,
                                struct p2p_slice *value)
{
    MDB_cursor *cursor;
    MDB_val row;

    int rc = cursor_of(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, key, &row, op);
    }
    txn->states[table] = rc == 0 ? CURSOR_AT : CURSOR_END;
    if (rc != 0) {
        return read_failed(txn, rc);
    }
    enum p2p_err err = give(txn, table, to_slice(*key), row, value);
    if (err == P2P_OK) {
        *found = to_slice(*key);
    }
    return err;
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    MDB_val key_val = to_val(key);

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    return move_cursor(txn, table, &key_val, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, found,
                       value);
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    struct p2p_txn *txn = context;
    MDB_val key_val;

    enum p2p_err err = enter(txn, table);
    if (err != P2P_OK) {
        return err;
    }
    p2p_assert(txn->states[table] != CURSOR_LOST); /* no seek, or a write since */
    if (txn->states[table] == CURSOR_END) {
        return P2P_NOTFOUND;
    }
    return move_cursor(txn, table, &key_val, MDB_NEXT, found, value);
}

/* Life cycle */

static void forget_snapshot(struct p2p_txn *txn)
{
    txn->renewed = false;
    p2p_wipe(&txn->last, sizeof(txn->last));
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
    txn->kv = (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, txn};
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
    }
    p2p_assert(rc == 0);
    txn->renewed = true;
    return P2P_OK;
}

/* Seals what is left of an erased group under a new key; *id is that key's, 0 when nothing is
 * left. */
static int rewrap(struct p2p_txn *txn, struct wrap_group group, uint32_t *id)
{
    uint8_t key[PAYLOAD_KEY_BYTES];
    uint64_t index = group.group * P2P_STORE_WRAP_SPAN;
    struct wrap_entry fresh = {.id = 0};
    struct p2p_slice value;
    int rc = 0;

    *id = 0;
    for (uint64_t i = 0; i < P2P_STORE_WRAP_SPAN && rc == 0; i++) {
        struct p2p_writer writer;
        MDB_val row;
        p2p_writer_init(&writer, key, sizeof(key));
        p2p_writer_u32(&writer, group.feed);
        p2p_writer_u64(&writer, index + i);
        MDB_val key_val = {sizeof(key), key};
        rc = mdb_get(txn->mdb, txn->store->dbi[P2P_TABLE_PAYLOAD], &key_val, &row);
        if (rc == MDB_NOTFOUND) {
            rc = 0;
            continue;
        }
        if (rc == 0) {
            enum p2p_err err =
                row_open(txn, p2p_slice_of(key, sizeof(key)), to_slice(row), &value);
            rc = err == P2P_OK ? 0 : err == P2P_NOMEM ? ENOMEM : MDB_CORRUPTED;
        }
        if (rc == 0 && fresh.id == 0) {
            rc = draw_fresh(txn, group);
            fresh = txn->last;
        }
        if (rc == 0) {
            txn->last = fresh;
            rc = row_put(txn, p2p_slice_of(key, sizeof(key)), value);
        }
    }
    *id = fresh.id;
    p2p_wipe(&fresh, sizeof(fresh));
    return rc;
}

/* Order: new keys synced, rows synced, old keys destroyed. */
static enum p2p_err commit_write(struct p2p_txn *txn)
{
    uint32_t *keep = NULL;
    int rc = 0;
    enum p2p_err err = P2P_OK;

    if (txn->erased_count > 0) {
        keep = calloc(txn->erased_count, sizeof(*keep));
        rc = keep == NULL ? ENOMEM : 0;
    }
    for (size_t i = 0; i < txn->erased_count && rc == 0; i++) {
        rc = rewrap(txn, txn->erased[i], &keep[i]);
    }
    if (rc == 0) {
        rc = flush_fresh(txn, txn->erased, txn->erased_count);
    }
    if (rc == 0) {
        rc = mdb_txn_commit(txn->mdb);
        txn->mdb = NULL;
    }
    if (rc != 0) {
        err = write_failed(txn, rc);
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

enum p2p_err store_finish_erasures(struct p2p_store *store)
{
    struct wrap_group *groups = NULL;
    uint32_t *keep = NULL;
    size_t count = 0;
    size_t certain = 0;
    MDB_txn *txn = NULL;

    int rc = wrap_marked(store->wrap, &groups, &count);
    if (rc != 0 || count == 0) {
        return store_from_mdb(rc);
    }
    keep = calloc(count, sizeof(*keep));
    rc = keep == NULL ? ENOMEM : mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        bool clear = true;
        uint32_t used = 0;
        for (uint64_t n = 0; rc == 0 && n < P2P_STORE_WRAP_SPAN; n++) {
            uint8_t key[PAYLOAD_KEY_BYTES];
            struct p2p_writer writer;
            struct p2p_slice sealed;
            uint32_t id;
            MDB_val key_val = {sizeof(key), key};
            MDB_val row;
            p2p_writer_init(&writer, key, sizeof(key));
            p2p_writer_u32(&writer, groups[i].feed);
            p2p_writer_u64(&writer, groups[i].group * P2P_STORE_WRAP_SPAN + n);
            rc = mdb_get(txn, store->dbi[P2P_TABLE_PAYLOAD], &key_val, &row);
            if (rc == MDB_NOTFOUND) {
                rc = 0;
            } else if (rc == 0) {
                clear = clear && row_parse(to_slice(row), &id, &sealed) &&
                        (used == 0 || used == id);
                used = clear ? id : used;
            }
        }
        if (clear) { /* a key that any row may need is never destroyed */
            groups[certain] = groups[i];
            keep[certain++] = used;
        }
    }
    mdb_txn_abort(txn);
    if (rc == 0 && certain > 0) {
        rc = wrap_destroy(store->wrap, groups, keep, certain);
    }
    free(groups);
    free(keep);
    return store_from_mdb(rc);
}
