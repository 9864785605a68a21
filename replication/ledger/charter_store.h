/* The charter in the store; part of the ledger. Private to replication/. */
#ifndef P2P_CHARTER_STORE_H
#define P2P_CHARTER_STORE_H

#include <p2p/ledger.h>

/* The charter is its entries: verified again from the stored bytes at each start. P2P_CORRUPT.
 */
P2P_MUST_CHECK enum p2p_err p2p_charter_load(struct p2p_ledger *ledger,
                                             const struct p2p_kv *kv);
/* Makes feed 0 and the rival's rows say what the fold holds now. */
P2P_MUST_CHECK enum p2p_err p2p_charter_store(struct p2p_ledger *ledger);
/* Whether feed 0 and the rival's rows, byte for byte, are what the fold holds. */
P2P_MUST_CHECK enum p2p_err p2p_charter_compare(struct p2p_ledger *ledger, bool *same);
/* Writes them anew from the fold. */
P2P_MUST_CHECK enum p2p_err p2p_charter_rewrite(struct p2p_ledger *ledger);

#endif
