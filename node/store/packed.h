/* Tables of many small rows, packed: a row of LMDB is a block (block.h), under a key that is
 * not above its first row and above every row of the block before. What LMDB keeps for each row
 * and leaves free in each page would be more than the rows themselves.
 *
 * Rows added one behind the other fill their blocks; who last added where is remembered for
 * that in the store, by the one writer. Private to node/store. Codes are LMDB's; MDB_CORRUPTED
 * also for a block that is none. */
#ifndef P2P_STORE_PACKED_H
#define P2P_STORE_PACKED_H

#include "txn.h"

bool packed_is(enum p2p_table table);

/* *row is borrowed until the next write. Moves no cursor. */
P2P_MUST_CHECK int packed_get(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                              struct p2p_slice *row);
/* The first row not below key (empty: the first), and the one after what was found last. *found
 * is dead at the next of these calls in that table, *row at the next write. */
P2P_MUST_CHECK int packed_seek(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                               struct p2p_slice *found, struct p2p_slice *row);
P2P_MUST_CHECK int packed_next(struct p2p_txn *txn, enum p2p_table table,
                               struct p2p_slice *found, struct p2p_slice *row);
/* key may not be what a seek or next gave. */
P2P_MUST_CHECK int packed_put(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                              struct p2p_slice row);
P2P_MUST_CHECK int packed_del(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key);

#endif
