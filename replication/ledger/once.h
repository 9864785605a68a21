/* Records that many values rest on, read once in a batch.
 *
 * A request about 64 rights, or the ruling of 256 requests, is looked at by the fold of each of
 * these rights. While a batch folds one of them after the other, what it read of such a record
 * is kept, as it is decoded and opened: P2P_ONCE_MAX places, each for the one looked at last,
 * of which those that cite fewer than P2P_ONCE_CITES_MIN others take none. What they hold in
 * all is bounded by P2P_ONCE_BYTES_MAX; whatever comes then is read each time.
 *
 * Who changes a record or its payload in the store calls p2p_once_forget. While rows are
 * compared (compare_kv.h), and in a past, nothing is kept. Private to replication/. */
#ifndef P2P_ONCE_H
#define P2P_ONCE_H

#include <p2p/ledger.h>

#define P2P_ONCE_CITES_MIN 2u
#define P2P_ONCE_BYTES_MAX ((size_t)1 << 20)

/* As p2p_ledger_entry; what *out borrows lives until the fold ends. */
P2P_MUST_CHECK enum p2p_err p2p_once_entry(struct p2p_ledger *ledger,
                                           const struct p2p_record_id *id,
                                           struct p2p_entry *out);
/* Nothing is kept any more. Outside of folds. */
void p2p_once_forget(struct p2p_ledger *ledger);

#endif
