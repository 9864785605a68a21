/* A transaction from the inside, for the five files that share it: txn.c is the seam and the
 * life cycle, packed.c the tables whose rows stand in blocks, held.c the blocks with their
 * sums, payload.c the sealed rows of P2P_TABLE_PAYLOAD, erase.c what a deleted payload asks of
 * a commit. Private to node/store. */
#ifndef P2P_STORE_TXN_H
#define P2P_STORE_TXN_H

#include "block.h"
#include "mdb.h"
#include "sum.h"

#include <p2p/bytes.h>

#define PAYLOAD_KEY_BYTES 12u /* feed u32, index u64 */
#define FRESH_KEYS_MAX    64u
#define CHECKED_MAX       256u

enum cursor_state { CURSOR_LOST, CURSOR_AT, CURSOR_END };

struct p2p_txn {
    struct p2p_store *store;
    MDB_txn *mdb;
    struct p2p_kv kv;
    enum p2p_txn_kind kind;
    bool renewed;                         /* a read transaction holds a snapshot */
    enum p2p_err doom;                    /* the first error but P2P_NOTFOUND */
    unsigned destroyed;                   /* wrap_destroyed when the snapshot was taken */
    MDB_cursor *cursors[P2P_TABLE_COUNT]; /* of seek, next and writes */
    MDB_cursor *gets[P2P_TABLE_COUNT];    /* of gets, where rows stand in blocks */
    enum cursor_state states[P2P_TABLE_COUNT];
    struct block_walk walks[P2P_TABLE_COUNT]; /* where seek and next stand in a block */
    unsigned writes;                          /* so many; a walk knows how many there were */
    unsigned walked[P2P_TABLE_COUNT];
    struct checked {
        const void *at;
        uint8_t sum[SUM_BYTES];
    } checked[CHECKED_MAX]; /* blocks that were found sound: where, and with which sum */
    uint8_t *edit;          /* where blocks are written: packed.c */
    size_t edit_cap;
    struct wrap_entry last; /* the wrapping key used last; id 0: none */
    uint8_t *scratch;       /* the PAYLOAD value handed out last */
    size_t scratch_cap;
    uint8_t *plain; /* what is sealed or was unsealed, written short; wiped after each use */
    size_t plain_cap;
    uint8_t *sealed; /* the same sealed, with its whole nonce */
    size_t sealed_cap;
    struct view_page {
        uint8_t *bytes;
        size_t used, cap;
    } views[2]; /* VIEW values handed out, in turn: the older ones go when a page is full */
    unsigned view_at;
    uint8_t *words; /* one that is put, written short */
    size_t words_cap;
    struct wrap_entry fresh[FRESH_KEYS_MAX]; /* keys that no file holds yet */
    size_t fresh_count;
    struct wrap_group *erased; /* groups that lost a payload, each once */
    size_t erased_count;
};

/* Remembers the first error but P2P_NOTFOUND: the transaction cannot be committed any more. */
enum p2p_err txn_doom(struct p2p_txn *txn, enum p2p_err err);
/* Room for len bytes in a buffer of the transaction, whose content is gone and wiped when it
 * grows; false: no memory. */
bool txn_need(uint8_t **buffer, size_t *cap, size_t len);
/* A write that failed: full or broken, the store takes no more. */
enum p2p_err txn_write_failed(struct p2p_txn *txn, int rc);
/* The transaction's one cursor in a table, borrowed. LMDB's code. */
P2P_MUST_CHECK int txn_cursor(struct p2p_txn *txn, enum p2p_table table, MDB_cursor **out);

/* PAYLOAD rows: format byte, id of the wrapping key, the end of the nonce, ciphertext, tag. The
 * nonce begins with the row's key, so that the random end has to tell apart only what one row
 * holds one after the other. */
#define PAYLOAD_NONCE_BYTES 8u /* the end that is stored */

struct wrap_group payload_group(struct p2p_slice key); /* key of PAYLOAD_KEY_BYTES */
bool payload_same_group(struct wrap_group a, struct wrap_group b);
void payload_key(uint8_t out[PAYLOAD_KEY_BYTES], uint32_t feed, uint64_t index);
/* Finds or draws the key of the payload's group and seals the row under it. */
P2P_MUST_CHECK enum p2p_err payload_put(struct p2p_txn *txn, struct p2p_slice key,
                                        struct p2p_slice value);
/* Unseals a row; *value is borrowed until the next payload is opened. P2P_CORRUPT; P2P_BUSY
 * when the key was destroyed after this snapshot was taken; P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err payload_open(struct p2p_txn *txn, struct p2p_slice key,
                                         struct p2p_slice row, struct p2p_slice *value);
/* The id of the wrapping key, and what is stored of the sealed bytes; false when it is no row.
 */
bool payload_parse(struct p2p_slice row, uint32_t *id, struct p2p_slice *sealed);
/* Seals the row under txn->last and puts it. LMDB's or errno's code. */
P2P_MUST_CHECK int payload_seal(struct p2p_txn *txn, struct p2p_slice key,
                                struct p2p_slice value);
/* A new key for the group, in txn->last and among the fresh ones. */
P2P_MUST_CHECK int payload_key_new(struct p2p_txn *txn, struct wrap_group group);
/* Writes and syncs the fresh keys, and the marks of groups that are about to be erased. */
P2P_MUST_CHECK int payload_keys_flush(struct p2p_txn *txn, const struct wrap_group *erased,
                                      size_t count);

/* A payload of this group was deleted. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err erase_note(struct p2p_txn *txn, struct wrap_group group);
/* Before the rows are committed: seals what is left of each erased group under a new key. *keep
 * gets those keys' ids, owned by the caller. LMDB's or errno's code. */
P2P_MUST_CHECK int erase_prepare(struct p2p_txn *txn, uint32_t **keep);

static inline MDB_val txn_val(struct p2p_slice slice)
{
    return (MDB_val){slice.len, (void *)(uintptr_t)slice.data};
}

static inline struct p2p_slice txn_slice(MDB_val value)
{
    return p2p_slice_of(value.mv_data, value.mv_size);
}

#endif
