#include "packed.h"
#include "words.h"

#include <p2p/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ROW_FORMAT       3u
#define ROW_HEADER_BYTES 5u
/* Of the nonce, what is not stored: the row's key, and zeros. */
#define NONCE_KNOWN_BYTES (P2P_SEAL_NONCE_BYTES - PAYLOAD_NONCE_BYTES)
/* What a row has besides its header and the payload. */
#define ROW_SEAL_BYTES (P2P_SEAL_OVERHEAD_BYTES - NONCE_KNOWN_BYTES)
/* What is written short (words.h) begins behind the salt, and is twice as long at worst. */
#define SALT_BYTES      32u
#define SHORT_TIMES     2u
#define SHORT_BYTES_MAX (SHORT_TIMES * P2P_STORE_PAYLOAD_BYTES_MAX)

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
           sealed->len >= ROW_SEAL_BYTES && sealed->len <= SHORT_BYTES_MAX + ROW_SEAL_BYTES;
}

/* Writes what the nonce of that row begins with. */
static void nonce_begin(uint8_t *out, struct p2p_slice key)
{
    memset(out, 0, NONCE_KNOWN_BYTES);
    memcpy(out, key.data, PAYLOAD_KEY_BYTES);
}
_Static_assert(PAYLOAD_KEY_BYTES <= NONCE_KNOWN_BYTES, "the row's key is part of the nonce");

static size_t salt_of(struct p2p_slice value)
{
    return value.len < SALT_BYTES ? value.len : SALT_BYTES;
}

/* The value as it is sealed, in txn->plain; empty without memory. */
static struct p2p_slice write_short(struct p2p_txn *txn, struct p2p_slice value)
{
    size_t salt = salt_of(value);
    struct p2p_slice rest = p2p_slice_of(value.data + salt, value.len - salt);

    if (!txn_need(&txn->plain, &txn->plain_cap, SHORT_TIMES * value.len + 1)) {
        return p2p_slice_of(NULL, 0);
    }
    memcpy(txn->plain, value.data, salt);
    return p2p_slice_of(txn->plain, salt + words_pack(txn->plain + salt, rest));
}

/* What was sealed, written out in txn->scratch. P2P_CORRUPT, P2P_NOMEM. */
static enum p2p_err write_out(struct p2p_txn *txn, struct p2p_slice plain,
                              struct p2p_slice *value)
{
    size_t salt = salt_of(plain);
    struct p2p_slice rest = p2p_slice_of(plain.data + salt, plain.len - salt);
    size_t len;

    if (!words_length(rest, &len) || salt + len > P2P_STORE_PAYLOAD_BYTES_MAX) {
        return P2P_CORRUPT;
    }
    if (!txn_need(&txn->scratch, &txn->scratch_cap, salt + len + 1)) {
        return P2P_NOMEM;
    }
    memcpy(txn->scratch, plain.data, salt);
    words_unpack(txn->scratch + salt, rest);
    *value = p2p_slice_of(txn->scratch, salt + len);
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
    size_t len = sealed.len - ROW_SEAL_BYTES;
    size_t whole = NONCE_KNOWN_BYTES + sealed.len;
    if (!txn_need(&txn->plain, &txn->plain_cap, len + 1) ||
        !txn_need(&txn->sealed, &txn->sealed_cap, whole)) {
        return P2P_NOMEM;
    }
    nonce_begin(txn->sealed, key);
    memcpy(txn->sealed + NONCE_KNOWN_BYTES, sealed.data, sealed.len);
    enum p2p_err err =
        p2p_unseal(txn->plain, p2p_slice_of(txn->sealed, whole), key, &txn->last.key);
    if (err == P2P_OK) {
        err = write_out(txn, p2p_slice_of(txn->plain, len), value);
    }
    p2p_wipe(txn->plain, len);
    return err;
}

int payload_seal(struct p2p_txn *txn, struct p2p_slice key, struct p2p_slice value)
{
    uint8_t nonce[P2P_SEAL_NONCE_BYTES];
    struct p2p_writer writer;

    /* The header goes where the begin of the nonce was, which is not stored. */
    _Static_assert(NONCE_KNOWN_BYTES >= ROW_HEADER_BYTES, "room");
    struct p2p_slice plain = write_short(txn, value);
    if (plain.data == NULL ||
        !txn_need(&txn->sealed, &txn->sealed_cap, plain.len + P2P_SEAL_OVERHEAD_BYTES)) {
        return ENOMEM;
    }
    nonce_begin(nonce, key);
    if (getentropy(nonce + NONCE_KNOWN_BYTES, PAYLOAD_NONCE_BYTES) != 0) {
        return errno;
    }
    p2p_seal(txn->sealed, plain, key, nonce, &txn->last.key);
    p2p_wipe(txn->plain, plain.len);
    uint8_t *row = txn->sealed + NONCE_KNOWN_BYTES - ROW_HEADER_BYTES;
    p2p_writer_init(&writer, row, ROW_HEADER_BYTES);
    p2p_writer_u8(&writer, ROW_FORMAT);
    p2p_writer_u32(&writer, txn->last.id);
    return packed_put(txn, P2P_TABLE_PAYLOAD, key,
                      p2p_slice_of(row, ROW_HEADER_BYTES + plain.len + ROW_SEAL_BYTES));
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
