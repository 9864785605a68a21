/* A new member's store: made, and the charter's entries laid in it. */
#include <p2p/config.h>
#include <p2p/engine.h>
#include <p2p/ledger.h>
#include <p2p/node.h>
#include <p2p/store.h>

#include <stdio.h>

enum p2p_err p2p_node_make_store(void *context, const char *dir, const char *member,
                                 const struct p2p_charter *charter, char *message,
                                 size_t message_cap)
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_store *store = NULL;
    struct p2p_txn *txn = NULL;
    struct p2p_ledger ledger = {0};
    struct p2p_arena arena;
    (void)context;
    snprintf(path, sizeof(path), "%s/store", dir);
    const struct p2p_store_options options = {.dir = path};
    p2p_arena_init(&arena, p2p_alloc_default(), P2P_BATCH_ARENA_BYTES);
    enum p2p_err err = p2p_store_open(&store, &options, message, message_cap);
    if (err != P2P_OK) {
        p2p_arena_deinit(&arena);
        return err;
    }
    err = p2p_store_begin(store, P2P_TXN_WRITE, &txn);
    if (err == P2P_OK) {
        err = p2p_ledger_open(&ledger, p2p_alloc_default(), p2p_sigs_ed25519(), p2p_txn_kv(txn),
                              NULL);
    }
    if (err == P2P_OK && p2p_charter_size(ledger.charter) > 0) {
        err = P2P_USAGE;
    }
    if (err == P2P_OK) {
        p2p_ledger_begin(&ledger, p2p_txn_kv(txn), &arena);
    }
    for (uint64_t i = 0; err == P2P_OK && i < p2p_charter_size(charter); i++) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        err = p2p_charter_entry(charter, i, &leaf, &note);
        if (err == P2P_OK) {
            err = p2p_ledger_apply_charter(&ledger, i, leaf, note, NULL);
        }
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&ledger);
    }
    if (err == P2P_OK) {
        err = p2p_txn_commit(txn);
        txn = NULL;
    }
    if (err != P2P_OK) {
        snprintf(message, message_cap, "%s: the store of %s could not be made: %s", path,
                 member, p2p_err_text(err));
    }
    p2p_txn_abort(txn);
    p2p_ledger_close(&ledger);
    p2p_arena_deinit(&arena);
    p2p_store_close(store);
    return err;
}
