/* The store: LMDB under the seam of p2p/kv.h, with payloads sealed at rest.
 *
 * Promises: p2p_txn_commit returns P2P_OK only after the data is synced; a crash leaves the
 * last committed state; after a failed sync nothing more is written until the store is opened
 * anew. It knows keys and values, not records. Directory DIR holds `data` (one table per enum
 * p2p_table), `keys` (wrapping keys, one per 1,024 payloads of a feed, synced before the rows
 * that need them) and `lock` (pid of the holder). Deleting a payload rewraps the rest of its
 * 1,024 and destroys the old wrapping key once that commit is synced.
 *
 * Threads: one writer; a write transaction stays on the thread that began it. Read transactions
 * may be begun anywhere, one thread at a time each; keep one per thread and reset/renew it. A
 * read transaction held long makes the file grow. The caller owns transactions and ends them
 * before p2p_store_close. Not across fork, not on network disks, opened once per process. */
#ifndef P2P_STORE_H
#define P2P_STORE_H

#include <p2p/kv.h>

#define P2P_STORE_MAP_BYTES_DEFAULT ((uint64_t)64 << 30) /* sparse: costs no disk */
#define P2P_STORE_READERS_MAX       126u                 /* read transactions at one time */
#define P2P_STORE_WRAP_SPAN         1024u                /* payloads under one wrapping key */
#define P2P_STORE_PAYLOAD_BYTES_MAX (1u << 20)           /* a value of P2P_TABLE_PAYLOAD */
#define P2P_STORE_VIEW_BYTES        (256u << 10)         /* see p2p_txn_kv */
#define P2P_STORE_LOCK_WAIT_MS      10000u               /* what commands and `serve` wait */

struct p2p_store;
struct p2p_txn;

struct p2p_store_options {
    const char *dir;    /* borrowed for the call; made (0700) when its parent exists */
    uint64_t map_bytes; /* largest size of `data`; 0: the default; never below what is there */
    uint32_t lock_wait_ms; /* how long to wait for another process; 0: not at all */
    bool read_only;        /* shares the lock with other readers; makes nothing */
};

/* Opens and takes the lock; ends what a crash left of an erasure.
 *
 * message  one sentence that names the file and what to do, when not P2P_OK; may be NULL with
 * cap 0 Errors: P2P_LOCKED (the message names the pid), P2P_NOTFOUND (read-only and not there),
 * P2P_USAGE (open in this process already), P2P_CORRUPT (not a store, or of another version),
 * P2P_FULL, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_store_open(struct p2p_store **out,
                                           const struct p2p_store_options *options,
                                           char *message, size_t message_cap);
void p2p_store_close(
    struct p2p_store *store); /* accepts NULL; asserts that no transaction is open */
/* After a failed write: opens the files again for reading only, since LMDB takes no transaction
 * at all once it could not write its head. Asserts that the store takes no writes and that no
 * transaction is open. P2P_OK also when it was done before; else those of p2p_store_open, and
 * the store can only be asked again or closed. */
P2P_MUST_CHECK enum p2p_err p2p_store_reopen_reading(struct p2p_store *store);

/* X(name, word): why the store takes no writes until it is opened anew. */
#define P2P_STORE_FAILURE_MAP(X)                                                               \
    X(NONE, NULL)                                                                              \
    X(SYNC, "sync-failed")                                                                     \
    X(MAP_FULL, "map-full")                                                                    \
    X(DISK_FULL, "disk-full")
enum p2p_store_failure {
#define P2P_STORE_FAILURE_ENUM(name, word) P2P_STORE_FAILURE_##name,
    P2P_STORE_FAILURE_MAP(P2P_STORE_FAILURE_ENUM)
#undef P2P_STORE_FAILURE_ENUM
};
/* NULL while the store accepts writes, else the word of its failure; static storage, any
 * thread. */
const char *p2p_store_read_only_reason(const struct p2p_store *store);

enum p2p_txn_kind { P2P_TXN_READ, P2P_TXN_WRITE };

/* P2P_TXN_WRITE waits for the write transaction in progress, if any. Errors: P2P_IO or P2P_FULL
 * (the store is read-only: see the reason), P2P_RDONLY (opened so), P2P_BUSY (too many
 * readers), P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_store_begin(struct p2p_store *store, enum p2p_txn_kind kind,
                                            struct p2p_txn **out);

/* Lives as long as the transaction. A PAYLOAD value is unsealed into the transaction's own
 * buffer: it is dead at the next call on that table. A VIEW value, beyond what the seam
 * promises, lives until P2P_STORE_VIEW_BYTES of other values of that table were read. PAYLOAD
 * keys are exactly (feed u32, index u64). Beyond the errors of the seam: P2P_CORRUPT (a payload
 * does not unseal, or its wrapping key is gone), P2P_BUSY (this snapshot is older than an
 * erasure beside the payload: renew). */
const struct p2p_kv *p2p_txn_kv(struct p2p_txn *txn);

/* Ends the transaction whatever comes back. P2P_OK: synced. P2P_FULL, P2P_IO: nothing of it
 * stands and the store is read-only until reopened, as it is after P2P_FULL from a put. A
 * transaction doomed by an error of the seam is aborted and that error returned. One without
 * writes syncs nothing. A read transaction just ends. */
P2P_MUST_CHECK enum p2p_err p2p_txn_commit(struct p2p_txn *txn);
void p2p_txn_abort(struct p2p_txn *txn); /* accepts NULL */

/* Only for P2P_TXN_READ. Reset gives up the snapshot and keeps the reader's place: cheap. Renew
 * takes the newest snapshot. Between the two nothing may be read. */
void p2p_txn_reset(struct p2p_txn *txn);
P2P_MUST_CHECK enum p2p_err p2p_txn_renew(struct p2p_txn *txn);

/* Whether any transaction came upon rows that cannot be read and that nobody mended since
 * (p2p_kv_mend). Any thread. */
bool p2p_store_spoiled(struct p2p_store *store);

/* Each minute, from any thread: frees the places of readers that died with their process;
 * returns how many. */
unsigned p2p_store_maintain(struct p2p_store *store);

struct p2p_store_table_stat {
    uint64_t entry_count; /* rows of LMDB: of PAYLOAD, ISSUER, TOUCH, VIEW and INDEX, blocks */
    uint64_t branch_page_count;
    uint64_t leaf_page_count;
    uint64_t overflow_page_count;
};

struct p2p_store_stat {
    uint64_t page_bytes;
    uint64_t used_bytes; /* of `data`, pages free for reuse included */
    uint64_t map_bytes;
    uint64_t disk_free_bytes;
    unsigned reader_count;
    struct p2p_store_table_stat table[P2P_TABLE_COUNT];
};

P2P_MUST_CHECK enum p2p_err p2p_store_stat(struct p2p_store *store, struct p2p_store_stat *out);

/* A consistent copy of `data` and `keys` in directory dir (made, must not hold a store): what
 * an auditor or a test reads, so that no reader is held here. Includes the wrapping keys. Any
 * thread, also while another one writes. P2P_USAGE (there is a store), P2P_IO, P2P_FULL. */
P2P_MUST_CHECK enum p2p_err p2p_store_copy(struct p2p_store *store, const char *dir);
/* Removes such a copy with its directory, whole or cut short; nothing there is good too.
 * P2P_LOCKED: somebody has it open. P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_store_copy_remove(const char *dir);

#endif
