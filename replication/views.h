/* Views as the ledger folds them: one row each. Private to replication/. */
#ifndef P2P_VIEWS_H
#define P2P_VIEWS_H

#include <p2p/ledger.h>

struct p2p_view {
    /* Recomputes one key from the records that touch it and writes its value with p2p_view_put.
     */
    enum p2p_err (*fold)(struct p2p_ledger *ledger, struct p2p_slice key);
};

extern const struct p2p_view p2p_view_bans; /* records/ban_view.c */

/* Writes the set hashes that changed; part of p2p_ledger_finish. */
P2P_MUST_CHECK enum p2p_err p2p_view_store_digests(struct p2p_ledger *ledger);

#endif
