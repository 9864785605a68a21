#include "packed.h"

#include <errno.h>
#include <stdlib.h>

enum p2p_err erase_note(struct p2p_txn *txn, struct wrap_group group)
{
    for (size_t i = txn->erased_count; i-- > 0;) {
        if (payload_same_group(txn->erased[i], group)) {
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
        struct p2p_slice row;
        payload_key(key, group.feed, index + i);
        rc = packed_get(txn, P2P_TABLE_PAYLOAD, p2p_slice_of(key, sizeof(key)), &row);
        if (rc == MDB_NOTFOUND) {
            rc = 0;
            continue;
        }
        if (rc == 0) {
            enum p2p_err err = payload_open(txn, p2p_slice_of(key, sizeof(key)), row, &value);
            if (err == P2P_CORRUPT) {
                continue; /* no key opens it: it stays so, and whoever reads it mends it */
            }
            rc = err == P2P_OK ? 0 : err == P2P_NOMEM ? ENOMEM : MDB_CORRUPTED;
        }
        if (rc == 0 && fresh.id == 0) {
            rc = payload_key_new(txn, group);
            fresh = txn->last;
        }
        if (rc == 0) {
            txn->last = fresh;
            rc = payload_seal(txn, p2p_slice_of(key, sizeof(key)), value);
        }
    }
    *id = fresh.id;
    p2p_wipe(&fresh, sizeof(fresh));
    return rc;
}

int erase_prepare(struct p2p_txn *txn, uint32_t **keep)
{
    uint32_t *ids = calloc(txn->erased_count, sizeof(*ids));
    int rc = ids == NULL && txn->erased_count > 0 ? ENOMEM : 0;

    for (size_t i = 0; i < txn->erased_count && rc == 0; i++) {
        rc = rewrap(txn, txn->erased[i], &ids[i]);
    }
    if (rc != 0) {
        free(ids);
        return rc;
    }
    *keep = ids;
    return 0;
}

/* The id of the key under which all of a group's rows are sealed, 0 when there are none. clear
 * [out]: there is no second one, and no row that cannot be read. */
static int key_in_use(struct p2p_txn *txn, struct wrap_group group, uint32_t *used, bool *clear)
{
    *used = 0;
    *clear = true;
    for (uint64_t i = 0; i < P2P_STORE_WRAP_SPAN; i++) {
        uint8_t key[PAYLOAD_KEY_BYTES];
        struct p2p_slice row;
        struct p2p_slice sealed;
        uint32_t id = 0;
        payload_key(key, group.feed, group.group * P2P_STORE_WRAP_SPAN + i);
        int rc = packed_get(txn, P2P_TABLE_PAYLOAD, p2p_slice_of(key, sizeof(key)), &row);
        if (rc == MDB_NOTFOUND) {
            continue;
        }
        if (rc == MDB_CORRUPTED) { /* a row may stand in that block */
            *clear = false;
            return 0;
        }
        if (rc != 0) {
            return rc;
        }
        *clear = *clear && payload_parse(row, &id, &sealed) && (*used == 0 || *used == id);
        *used = *clear ? id : *used;
    }
    return 0;
}

enum p2p_err store_finish_erasures(struct p2p_store *store)
{
    struct wrap_group *groups = NULL;
    uint32_t *keep = NULL;
    size_t count = 0;
    size_t certain = 0;
    struct p2p_txn *txn = NULL;

    int rc = wrap_marked(store->wrap, &groups, &count);
    if (rc != 0 || count == 0) {
        return store_from_mdb(rc);
    }
    keep = calloc(count, sizeof(*keep));
    enum p2p_err err = keep == NULL ? P2P_NOMEM : p2p_store_begin(store, P2P_TXN_READ, &txn);
    for (size_t i = 0; err == P2P_OK && i < count; i++) {
        bool clear;
        uint32_t used;
        err = store_from_mdb(key_in_use(txn, groups[i], &used, &clear));
        if (err == P2P_OK && clear) { /* a key that any row may need is never destroyed */
            groups[certain] = groups[i];
            keep[certain++] = used;
        }
    }
    p2p_txn_abort(txn);
    if (err == P2P_OK && certain > 0) {
        err = store_from_mdb(wrap_destroy(store->wrap, groups, keep, certain));
    }
    free(groups);
    free(keep);
    return err;
}
