/* What the store's pages hold, against the bytes of the records in them. */
#include "loader.h"

#include <stdio.h>

bool bench_leaf_bytes(struct p2p_node *node, uint64_t from, double *bytes)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_txn *txn = NULL;
    struct p2p_slice leaf;
    double sum = 0;
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    for (uint32_t f = 0; f < ledger->feed_count && err == P2P_OK; f++) {
        struct p2p_feed_walk walk;
        bool own = f == p2p_engine_own_feed(node->engine);
        if (from > 0 && !own) {
            continue; /* asked about the own feed from an index on, else about all */
        }
        p2p_feed_walk_begin(&walk, p2p_ledger_feed(ledger, f), p2p_txn_kv(txn), from);
        while ((err = p2p_feed_walk_next(&walk, &leaf)) == P2P_OK) {
            sum += (double)leaf.len;
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_txn_abort(txn);
    *bytes = sum;
    return err == P2P_OK || bench_fail("the records cannot be read: %s", p2p_err_text(err));
}

int bench_child_space(struct p2p_node *node)
{
    /* Records and their hashes, with heads, payloads and what audits need; not views, indexes
     * and touches. */
    static const enum p2p_table tables[] = {P2P_TABLE_RECORD,     P2P_TABLE_HASH,
                                            P2P_TABLE_CHECKPOINT, P2P_TABLE_FEED,
                                            P2P_TABLE_PAYLOAD,    P2P_TABLE_HISTORY};
    struct p2p_store_stat stat;
    double leaves;
    uint64_t pages = 0;
    enum p2p_err err = p2p_store_stat(node->store, &stat);
    if (err != P2P_OK || !bench_leaf_bytes(node, 0, &leaves)) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        const struct p2p_store_table_stat *table = &stat.table[tables[i]];
        pages += table->branch_page_count + table->leaf_page_count + table->overflow_page_count;
    }
    printf("{\"bytes\": %.0f, \"used\": %.0f, \"file\": %.0f}\n", leaves,
           (double)(pages * stat.page_bytes), (double)stat.used_bytes);
    return 0;
}
