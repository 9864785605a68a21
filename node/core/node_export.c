#include <p2p/node_export.h>

#include <p2p/config.h>
#include <p2p/file.h>
#include <p2p/store.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum p2p_err run(const struct p2p_node_export *what, const char *exporter,
                        struct p2p_ledger *ledger, const struct p2p_kv *kv,
                        struct p2p_export_result *result, char message[P2P_MESSAGE_BYTES])
{
    struct p2p_export_options options = {.dir = what->out_dir,
                                         .ledger = ledger,
                                         .kv = kv,
                                         .exporter = exporter,
                                         .feed_count = what->feed_count,
                                         .progress = what->progress,
                                         .context = what->context};
    uint32_t *numbers = calloc(what->feed_count + 1, sizeof(*numbers));
    if (numbers == NULL) {
        return P2P_NOMEM;
    }
    options.feeds = numbers;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < what->feed_count && err == P2P_OK; i++) {
        const struct p2p_feed_info *feed =
            p2p_charter_feed_named(ledger->charter, p2p_slice_text(what->feeds[i]));
        if (feed == NULL) {
            snprintf(message, P2P_MESSAGE_BYTES,
                     "there is no feed %s here; see port2port status", what->feeds[i]);
            err = P2P_NOTFOUND;
        } else {
            numbers[i] = feed->number;
        }
    }
    if (err == P2P_OK) {
        err = p2p_export_run(&options, result, message, P2P_MESSAGE_BYTES);
    }
    free(numbers);
    return err;
}

static enum p2p_err export_store(const struct p2p_node_export *what, const char *exporter,
                                 struct p2p_store *store, struct p2p_export_result *result,
                                 char message[P2P_MESSAGE_BYTES])
{
    struct p2p_ledger ledger = {0};
    struct p2p_txn *txn = NULL;
    enum p2p_err err = p2p_store_begin(store, P2P_TXN_READ, &txn);
    if (err == P2P_OK) {
        err = p2p_ledger_open(&ledger, p2p_alloc_default(), p2p_sigs_ed25519(), p2p_txn_kv(txn),
                              NULL);
    }
    if (err != P2P_OK) {
        snprintf(message, P2P_MESSAGE_BYTES, "%.300s/store: %s; see port2port doctor",
                 what->dir, p2p_err_text(err));
    } else {
        err = run(what, exporter, &ledger, p2p_txn_kv(txn), result, message);
    }
    p2p_ledger_close(&ledger);
    p2p_txn_abort(txn);
    return err;
}

enum p2p_err p2p_node_export(const struct p2p_node_export *what,
                             struct p2p_export_result *result, char message[P2P_MESSAGE_BYTES])
{
    char path[P2P_PATH_BYTES_MAX];
    struct p2p_config config = {0};
    struct p2p_store *store = NULL;
    const struct p2p_store_options options = {
        .dir = path, .lock_wait_ms = what->lock_wait_ms, .read_only = true};
    message[0] = '\0';
    enum p2p_err err = p2p_crypto_init();
    if (err == P2P_OK) {
        err = p2p_path_join(path, what->dir, what->copied ? P2P_EXPORT_COPY_NAME : "store");
    }
    if (err == P2P_OK) {
        err = p2p_config_read(&config, what->dir, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        err = p2p_store_open(&store, &options, message, P2P_MESSAGE_BYTES);
    }
    if (err == P2P_OK) {
        err = export_store(what, config.member, store, result, message);
    }
    p2p_store_close(store);
    p2p_config_deinit(&config);
    if (what->copied) {
        enum p2p_err removed = p2p_store_copy_remove(path);
        if (err == P2P_OK && removed != P2P_OK) {
            snprintf(message, P2P_MESSAGE_BYTES,
                     "the archive is whole, but %.300s is still there; remove it", path);
            err = removed;
        }
    }
    if (err != P2P_OK && message[0] == '\0') {
        snprintf(message, P2P_MESSAGE_BYTES, "%s", p2p_err_text(err));
    }
    return err;
}
