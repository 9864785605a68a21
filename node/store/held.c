#include "held.h"

#include "sum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the sum ---- */

/* What a sum is over: table and name, and the block. */
struct summed {
    uint8_t name[1 + P2P_KV_KEY_BYTES_MAX];
    struct p2p_slice segments[2];
};
enum { NAME, BLOCK, SEGMENT_COUNT };

static void summed_init(struct summed *summed, enum p2p_table table, struct p2p_slice name,
                        struct p2p_slice block)
{
    summed->name[0] = (uint8_t)table;
    memcpy(summed->name + 1, name.data, name.len);
    summed->segments[NAME] = p2p_slice_of(summed->name, 1 + name.len);
    summed->segments[BLOCK] = block;
}

/* What a row of LMDB is without its sum; false when it cannot be one of ours. */
static bool split(MDB_val name, MDB_val row, struct p2p_slice *block, const uint8_t **sum)
{
    if (row.mv_size <= SUM_BYTES || name.mv_size > P2P_KV_KEY_BYTES_MAX) {
        return false;
    }
    *block = p2p_slice_of(row.mv_data, row.mv_size - SUM_BYTES);
    *sum = block->data + block->len;
    return true;
}

static bool is_sound(enum p2p_table table, MDB_val name, struct p2p_slice block,
                     const uint8_t *sum)
{
    struct summed summed;
    summed_init(&summed, table, txn_slice(name), block);
    return sum_equal(sum_of(summed.segments, SEGMENT_COUNT), sum_read(sum));
}

/* ---- notes ---- */

static void note(struct p2p_store *store, enum p2p_table table, MDB_val name)
{
    struct spoiled *spoiled = &store->spoiled;
    bool known = name.mv_size > P2P_KV_KEY_BYTES_MAX;
    pthread_mutex_lock(&spoiled->mutex);
    for (size_t i = 0; i < spoiled->count && !known; i++) {
        known = spoiled->at[i].table == table && spoiled->at[i].len == name.mv_size &&
                memcmp(spoiled->at[i].name, name.mv_data, name.mv_size) == 0;
    }
    if (!known && spoiled->count < SPOILED_MAX) { /* those above it are met again */
        struct spoiled_at *at = &spoiled->at[spoiled->count++];
        at->table = table;
        at->len = name.mv_size;
        memcpy(at->name, name.mv_data, name.mv_size);
    }
    pthread_mutex_unlock(&spoiled->mutex);
}

/* The last note, taken off. */
static bool take_note(struct p2p_store *store, struct spoiled_at *out)
{
    struct spoiled *spoiled = &store->spoiled;
    pthread_mutex_lock(&spoiled->mutex);
    bool any = spoiled->count > 0;
    if (any) {
        *out = spoiled->at[--spoiled->count];
    }
    pthread_mutex_unlock(&spoiled->mutex);
    return any;
}

bool p2p_store_spoiled(struct p2p_store *store)
{
    pthread_mutex_lock(&store->spoiled.mutex);
    bool any = store->spoiled.count > 0;
    pthread_mutex_unlock(&store->spoiled.mutex);
    return any;
}

/* ---- reading and writing ---- */

/* Where a transaction remembers that what stands at this address is sound. */
static struct checked *checked_at(struct p2p_txn *txn, const void *address)
{
    uintptr_t at = (uintptr_t)address;
    return &txn->checked[(at >> 12 ^ at >> 4) % CHECKED_MAX];
}

static void remember(struct p2p_txn *txn, const void *address, const uint8_t *sum)
{
    struct checked *checked = checked_at(txn, address);
    checked->at = address;
    memcpy(checked->sum, sum, SUM_BYTES);
}

int held_block(struct p2p_txn *txn, enum p2p_table table, MDB_val name, MDB_val row,
               struct p2p_slice *block)
{
    const struct checked *checked = checked_at(txn, row.mv_data);
    const uint8_t *sum;
    if (!split(name, row, block, &sum)) {
        note(txn->store, table, name);
        return MDB_CORRUPTED;
    }
    if (checked->at == row.mv_data && memcmp(checked->sum, sum, SUM_BYTES) == 0) {
        return 0;
    }
    if (!is_sound(table, name, *block, sum)) {
        note(txn->store, table, name);
        return MDB_CORRUPTED;
    }
    remember(txn, row.mv_data, sum);
    return 0;
}

int held_put(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
             struct p2p_slice block)
{
    struct summed summed;
    MDB_cursor *cursor;
    MDB_val key = txn_val(name);
    MDB_val row = {block.len + SUM_BYTES, NULL};
    int rc = txn_cursor(txn, table, &cursor);
    if (rc == 0) {
        rc = mdb_cursor_put(cursor, &key, &row, MDB_RESERVE);
    }
    if (rc != 0) {
        return rc;
    }
    uint8_t *bytes = row.mv_data;
    memcpy(bytes, block.data, block.len);
    summed_init(&summed, table, name, block);
    sum_write(bytes + block.len, sum_of(summed.segments, SEGMENT_COUNT));
    remember(txn, bytes, bytes + block.len);
    return 0;
}

/* ---- looking for what is spoiled ---- */

int held_sweep(struct p2p_txn *txn, enum p2p_table table, size_t bytes, struct p2p_kv_place *at)
{
    MDB_val name = {at->key_len, at->key};
    MDB_val row;
    int rc = 0;
    if (txn->gets[table] == NULL) {
        rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &txn->gets[table]);
    }
    if (rc == 0) {
        rc = mdb_cursor_get(txn->gets[table], &name, &row,
                            at->key_len == 0 ? MDB_FIRST : MDB_SET_RANGE);
    }
    for (size_t seen = 0; rc == 0 && seen < bytes; seen += row.mv_size) {
        struct p2p_slice block;
        const uint8_t *sum;
        if (!split(name, row, &block, &sum) || !is_sound(table, name, block, sum)) {
            note(txn->store, table, name);
        }
        rc = mdb_cursor_get(txn->gets[table], &name, &row, MDB_NEXT);
    }
    at->ended = rc == MDB_NOTFOUND || name.mv_size > sizeof(at->key);
    if (rc == 0 && !at->ended) {
        at->key_len = name.mv_size;
        memcpy(at->key, name.mv_data, name.mv_size);
    }
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- mending ---- */

/* The row that was noted. Its key may be what is spoiled: then LMDB, which believes that keys
 * are in order, need not find it by that, and all are looked at. */
static int find_noted(MDB_cursor *cursor, const struct spoiled_at *noted, MDB_val *name,
                      MDB_val *row)
{
    *name = (MDB_val){noted->len, (void *)(uintptr_t)noted->name};
    int rc = mdb_cursor_get(cursor, name, row, MDB_SET_KEY);
    if (rc != MDB_NOTFOUND) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, name, row, MDB_FIRST);
    while (rc == 0 && (name->mv_size != noted->len ||
                       memcmp(name->mv_data, noted->name, noted->len) != 0)) {
        rc = mdb_cursor_get(cursor, name, row, MDB_NEXT);
    }
    return rc;
}

/* Name and block as they were, in copies, if one bit tells them from that. */
static bool turn_back(struct summed *summed, uint8_t *block, struct sum held)
{
    struct sum_bit found;
    if (!sum_find_bit(summed->segments, SEGMENT_COUNT, held, &found) ||
        (found.segment == NAME && found.byte == 0)) { /* the table is not what is stored */
        return false;
    }
    if (found.segment == NAME) {
        summed->name[found.byte] ^= found.bit;
    } else if (found.segment == BLOCK) {
        block[found.byte] ^= found.bit;
    }
    return true;
}

/* One that cannot be read is taken away, and put again when it is known what it was. */
static int mend_one(struct p2p_txn *txn, const struct spoiled_at *noted,
                    struct p2p_kv_mended *out)
{
    MDB_cursor *cursor;
    MDB_val name;
    MDB_val row;
    struct p2p_slice block;
    struct summed summed;
    const uint8_t *sum;
    uint8_t *copy = NULL;
    bool mended = false;
    int rc = txn_cursor(txn, noted->table, &cursor);
    if (rc == 0) {
        rc = find_noted(cursor, noted, &name, &row);
    }
    if (rc != 0) {
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (split(name, row, &block, &sum)) {
        if (is_sound(noted->table, name, block, sum)) {
            return 0; /* mended, or written anew, since it was noted */
        }
        copy = malloc(block.len);
        if (copy == NULL) {
            return ENOMEM;
        }
        memcpy(copy, block.data, block.len);
        summed_init(&summed, noted->table, txn_slice(name), p2p_slice_of(copy, block.len));
        mended = turn_back(&summed, copy, sum_read(sum));
    }
    rc = mdb_cursor_del(cursor, 0);
    if (rc == 0 && mended) {
        struct p2p_slice was = p2p_slice_of(summed.name + 1, summed.segments[NAME].len - 1);
        name = txn_val(was);
        rc =
            mdb_cursor_get(cursor, &name, &row, MDB_SET); /* one that was put meanwhile stays */
        mended = rc == MDB_NOTFOUND;
        rc = mended ? held_put(txn, noted->table, was, summed.segments[BLOCK]) : rc;
    }
    free(copy);
    *(mended ? &out->mended : &out->emptied) += rc == 0;
    out->table = noted->table;
    return rc;
}

int held_mend(struct p2p_txn *txn, struct p2p_kv_mended *out)
{
    struct spoiled_at noted;
    int rc = 0;
    while (rc == 0 && take_note(txn->store, &noted)) {
        txn->states[noted.table] = CURSOR_LOST;
        rc = mend_one(txn, &noted, out);
    }
    return rc;
}
