/* The store seam: an ordered key-value transaction that its caller opened.
 *
 * The engine never sees LMDB. It works inside one transaction through struct p2p_kv; node/store
 * fills it with LMDB, simulations/ with an ordered map that a crash loses, tests with a wrapper
 * that fails step n. Keys are 1 to P2P_KV_KEY_BYTES_MAX bytes in memcmp order, integers in them
 * big-endian, so order in the table is order in the world. Values are borrowed until the next
 * write to any table or the end of the transaction, whichever comes first, values of PAYLOAD
 * and VIEW until the next call on that table besides, and a key that was found until the next
 * seek or next in its table: copy what must live longer. The PAYLOAD table is sealed at rest by
 * whoever fills the seam; values in it look plain from here.
 *
 * A table has one cursor: seek sets it, next advances it; a write to that table loses it. Reads
 * of what this transaction wrote see it. What a disk spoiled is P2P_CORRUPT, as are the rows
 * around it, until p2p_kv_mend in another transaction. Any error dooms the transaction, and the
 * caller aborts it and reloads what it cached; but for P2P_NOTFOUND, and for P2P_CORRUPT of a
 * payload, which says nothing of other rows: who finds it may mend it in the same transaction.
 */
#ifndef P2P_KV_H
#define P2P_KV_H

#include <p2p/base.h>

#define P2P_KV_KEY_BYTES_MAX 500u

/* X(name, word, what stands in it). Key layouts: replication/STORE.md and the source that
 * writes it. */
#define P2P_TABLE_MAP(X)                                                                       \
    X(RECORD, "record", "(feed, last index) -> pack of consecutive leaves")                    \
    X(HASH, "hash", "(feed, level, group) -> hashes of perfect subtrees")                      \
    X(FEED, "feed", "(feed) -> edge, checkpoint; (feed, witness) -> cosignature")              \
    X(CHECKPOINT, "checkpoint", "(feed, size) -> tree head that ended a run")                  \
    X(PAYLOAD, "payload", "(feed, index) -> salt and payload, sealed at rest")                 \
    X(SEEN, "seen", "(feed, named feed, descending index) -> claim")                           \
    X(ISSUER, "issuer", "(feed, issuer) -> highest valid number; (feed, index) -> verdict")    \
    X(TOUCH, "touch", "(view, view key, feed, index) -> nothing")                              \
    X(VIEW, "view", "(view, circle, view key) -> canonical value")                             \
    X(INDEX, "index", "(index, circle, what is looked for, record) -> nothing")                \
    X(META, "meta", "name -> engine state")                                                    \
    X(HISTORY, "history", "(feed, sort, number) -> cosignatures and heartbeats of the past")

enum p2p_table {
#define P2P_TABLE_ENUM(name, word, text) P2P_TABLE_##name,
    P2P_TABLE_MAP(P2P_TABLE_ENUM)
#undef P2P_TABLE_ENUM
        P2P_TABLE_COUNT
};

const char *p2p_table_word(enum p2p_table table);

/* Where a sweep stands in a table: the next key; at the first one zeroed. */
struct p2p_kv_place {
    uint8_t key[P2P_KV_KEY_BYTES_MAX];
    size_t key_len;
    bool ended;
};

/* What was done about places that could not be read. */
struct p2p_kv_mended {
    uint32_t mended;      /* so many are what they were */
    uint32_t emptied;     /* of so many all rows are gone */
    enum p2p_table table; /* of the last of them */
};

struct p2p_kv {
    /* P2P_NOTFOUND when there is no such key. */
    enum p2p_err (*get)(void *context, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice *value);
    /* Inserts or replaces. P2P_FULL, P2P_IO, P2P_RDONLY. */
    enum p2p_err (*put)(void *context, enum p2p_table table, struct p2p_slice key,
                        struct p2p_slice value);
    /* P2P_NOTFOUND when there is no such key. */
    enum p2p_err (*del)(void *context, enum p2p_table table, struct p2p_slice key);
    /* The smallest key at or above `key` (an empty key: the first). P2P_NOTFOUND past the end.
     */
    enum p2p_err (*seek)(void *context, enum p2p_table table, struct p2p_slice key,
                         struct p2p_slice *found, struct p2p_slice *value);
    /* The key after the one last found in this table. P2P_NOTFOUND past the end. */
    enum p2p_err (*next)(void *context, enum p2p_table table, struct p2p_slice *found,
                         struct p2p_slice *value);
    /* Both NULL where nothing is stored that a disk could spoil. A sweep looks at the rows from
     * `at` on, until they have so many bytes, and remembers places that cannot be read; it
     * moves at, and no cursor. */
    enum p2p_err (*sweep)(void *context, enum p2p_table table, size_t bytes,
                          struct p2p_kv_place *at);
    /* Mends the places that this or any other transaction could not read, or takes their rows
     * away, so that they can be put again; adds to *out. Loses all cursors. */
    enum p2p_err (*mend)(void *context, struct p2p_kv_mended *out);
    void *context;
};

P2P_MUST_CHECK enum p2p_err p2p_kv_get(const struct p2p_kv *kv, enum p2p_table table,
                                       struct p2p_slice key, struct p2p_slice *value);
P2P_MUST_CHECK enum p2p_err p2p_kv_put(const struct p2p_kv *kv, enum p2p_table table,
                                       struct p2p_slice key, struct p2p_slice value);
P2P_MUST_CHECK enum p2p_err p2p_kv_del(const struct p2p_kv *kv, enum p2p_table table,
                                       struct p2p_slice key);
P2P_MUST_CHECK enum p2p_err p2p_kv_seek(const struct p2p_kv *kv, enum p2p_table table,
                                        struct p2p_slice key, struct p2p_slice *found,
                                        struct p2p_slice *value);
P2P_MUST_CHECK enum p2p_err p2p_kv_next(const struct p2p_kv *kv, enum p2p_table table,
                                        struct p2p_slice *found, struct p2p_slice *value);

P2P_MUST_CHECK enum p2p_err p2p_kv_sweep(const struct p2p_kv *kv, enum p2p_table table,
                                         size_t bytes, struct p2p_kv_place *at);
P2P_MUST_CHECK enum p2p_err p2p_kv_mend(const struct p2p_kv *kv, struct p2p_kv_mended *out);

#endif
