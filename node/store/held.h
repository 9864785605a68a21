/* Blocks as LMDB holds them: each with its sum behind it (sum.h), over the number of its table
 * and the key it stands under, and over the block. So a block that the disk spoiled, or one
 * that stands under another key than it was put under, is told from a sound one before a row of
 * it is believed, and before it is written again.
 *
 *     sound --a byte changes--> spoiled --met by anybody--> noted --the writer--> mended, or
 * gone
 *
 * Where one bit was changed the sum says which: the block is then what it was. Otherwise all
 * its rows are gone, and whoever has the rows derives or fetches them again
 * (replication/STORE.md, Damage). Private to node/store. Codes are LMDB's; MDB_CORRUPTED:
 * spoiled, and noted. */
#ifndef P2P_STORE_HELD_H
#define P2P_STORE_HELD_H

#include "txn.h"

/* The block in a row of LMDB, borrowed as the row is. Looked at once in a snapshot, and after
 * each write. */
P2P_MUST_CHECK int held_block(struct p2p_txn *txn, enum p2p_table table, MDB_val name,
                              MDB_val row, struct p2p_slice *block);
/* Puts a block under a name that no row of LMDB holds memory of. */
P2P_MUST_CHECK int held_put(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
                            struct p2p_slice block);

/* Reads blocks from at->key on, until they have so many bytes, and notes those that are
 * spoiled. Moves only the cursor of gets. */
P2P_MUST_CHECK int held_sweep(struct p2p_txn *txn, enum p2p_table table, size_t bytes,
                              struct p2p_kv_place *at);
/* What was noted by whatever transaction is mended, or taken away. In a write transaction. */
P2P_MUST_CHECK int held_mend(struct p2p_txn *txn, struct p2p_kv_mended *out);

#endif
