#include "txn.h"

#include <p2p/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define ROW_FORMAT       1u
#define ROW_HEADER_BYTES 5u

/* Which key */

struct wrap_group payload_group(struct p2p_slice key)
{
    struct p2p_reader reader;
    struct wrap_group group;

    p2p_reader_init(&reader, key);
    group.feed = p2p_reader_u32(&reader);
    group.group = p2p_reader_u64(&reader) / P2P_STORE_WRAP_SPAN;
    return group;
}

void payload_key(uint8_t out[PAYLOAD_KEY_BYTES], uint32_t feed, uint64_t index)
{
    struct p2p_writer writer;

    p2p_writer_init(&writer, out, PAYLOAD_KEY_BYTES);
    p2p_writer_u32(&writer, feed);
    p2p_writer_u64(&writer, index);
}

bool payload_same_group(struct wrap_group a, struct wrap_group b)
{
    return a.feed == b.feed && a.group == b.group;
}

static const struct wrap_entry *fresh_find(const struct p2p_txn *txn, struct wrap_group group,
                                           uint32_t id)
{
    for (size_t i = txn->fresh_count; i-- > 0;) { /* the newest first */
        if (payload_same_group(txn->fresh[i].group, group) &&
            (id == 0 || txn->fresh[i].id == id)) {
            return &txn->fresh[i];
        }
    }
    return NULL;
}

static int key_to_open(struct p2p_txn *txn, struct wrap_group group, uint32_t id)
{
    if (txn->last.id == id && payload_same_group(txn->last.group, group)) {
        return 0;
    }
    const struct wrap_entry *fresh = fresh_find(txn, group, id);
    if (fresh != NULL) {
        txn->last = *fresh;
        return 0;
    }
    return wrap_find(txn->store->wrap, group, id, &txn->last);
}

int payload_keys_flush(struct p2p_txn *txn, const struct wrap_group *erased, size_t count)
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

int payload_key_new(struct p2p_txn *txn, struct wrap_group group)
{
    int rc = txn->fresh_count == FRESH_KEYS_MAX ? payload_keys_flush(txn, NULL, 0) : 0;

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
    return rc == MDB_NOTFOUND ? payload_key_new(txn, group) : rc;
}

/* Rows */

bool payload_parse(struct p2p_slice row, uint32_t *id, struct p2p_slice *sealed)
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

enum p2p_err payload_open(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice row,
                          struct p2p_slice *value)
{
    struct p2p_slice sealed;
    uint32_t id;

    if (key.len != PAYLOAD_KEY_BYTES || !payload_parse(row, &id, &sealed)) {
        return P2P_CORRUPT;
    }
    int rc = key_to_open(txn, payload_group(key), id);
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

int payload_seal(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice value)
{
    uint8_t nonce[P2P_SEAL_NONCE_BYTES];
    MDB_cursor *cursor;
    MDB_val key_val = txn_val(key);
    MDB_val row = {ROW_HEADER_BYTES + value.len + P2P_SEAL_OVERHEAD_BYTES, NULL};
    struct p2p_writer writer;

    if (getentropy(nonce, sizeof(nonce)) != 0) {
        return errno;
    }
    int rc = txn_cursor(txn, P2P_TABLE_PAYLOAD, &cursor);
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

enum p2p_err payload_put(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice value)
{
    p2p_assert(key.len == PAYLOAD_KEY_BYTES);
    if (value.len > P2P_STORE_PAYLOAD_BYTES_MAX) {
        return txn_doom(txn, P2P_TOOLARGE);
    }
    int rc = key_to_seal(txn, payload_group(key));
    if (rc == 0) {
        rc = payload_seal(txn, key, value);
    }
    return rc == 0 ? P2P_OK : txn_write_failed(txn, rc);
}
