/* The engine, opened from what is durable: the store, and the copy that was found at the start.
 */
#include "node_state.h"

#include <p2p/sigs_pool.h>

#include <string.h>

/* What could not be read is mended, or gives way, and that is told; *some: there was such. */
static enum p2p_err mend_store(struct p2p_node *node, bool *some)
{
    struct p2p_kv_mended mended = {0, 0, P2P_TABLE_META};
    struct p2p_txn *txn;
    *some = false;
    if (!p2p_store_spoiled(node->store) || p2p_store_read_only_reason(node->store) != NULL) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_WRITE, &txn);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_damage_mend(p2p_txn_kv(txn), &mended);
    if (err != P2P_OK) {
        p2p_txn_abort(txn);
        return err;
    }
    err = p2p_txn_commit(txn);
    *some = err == P2P_OK && mended.mended + mended.emptied > 0;
    if (*some && node->log != NULL) {
        p2p_log_write(node->log, P2P_LOG_ERROR, "store.spoiled",
                      P2P_LOG_FIELDS(p2p_log_text("table", p2p_table_word(mended.table)),
                                     p2p_log_uint("mended", mended.mended),
                                     p2p_log_uint("emptied", mended.emptied)));
    }
    return err;
}

static enum p2p_err open_engine(struct p2p_node *node, const struct p2p_engine_options *options,
                                struct p2p_engine **out)
{
    struct p2p_txn *txn;
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    if (err == P2P_OK) {
        err = p2p_engine_open(out, options, p2p_txn_kv(txn));
        p2p_txn_abort(txn);
    }
    return err;
}

enum p2p_err p2p_node_open_engine(struct p2p_node *node)
{
    struct p2p_engine *engine = NULL;
    bool again = true;
    struct p2p_engine_options options = {
        .alloc = node->engine_alloc != NULL ? node->engine_alloc : p2p_alloc_default(),
        .sigs = p2p_sigs_pool_sigs(node->sigs),
        .member = node->config.member,
        .feed_key = &node->feed_key,
        .witness_key = &node->witness_key,
        .sealing_key = &node->sealing_key,
        .listen_peers = node->config.listen_peers,
        .listen_people = node->config.listen_people,
        .stale_after_s = node->config.stale_after_s,
        .release_mirrored = node->config.release_level == P2P_RELEASE_MIRRORED,
        .damage_suspected = node->damage_suspected,
        .full_mesh_max = node->full_mesh_max,
        .kinds_unknown = node->kinds_unknown,
        .copy_lost = node->copy_state != P2P_COPY_OK,
        .copy_generation = node->copy_point.generation,
        .copy_size = node->copy_point.size,
        .copy_root = node->copy_point.root,
        .copy_commit = node->copy_point.commit,
        .copy_time_s = node->copy_point.time_s,
    };
    enum p2p_err err = mend_store(node, &again);  /* what made a batch undone, say */
    for (again = true; err == P2P_OK && again;) { /* as often as another place is spoiled */
        enum p2p_err opened = open_engine(node, &options, &engine);
        again = false;
        err = opened == P2P_CORRUPT ? mend_store(node, &again) : opened;
        err = err == P2P_OK && opened == P2P_CORRUPT && !again ? opened : err;
    }
    if (err != P2P_OK) {
        return err;
    }
    const char *reason = p2p_store_read_only_reason(node->store);
    for (int i = P2P_READ_ONLY_NONE + 1; reason != NULL && i <= P2P_READ_ONLY_CLOSED; i++) {
        if (strcmp(reason, p2p_read_only_word((enum p2p_read_only)i)) == 0) {
            p2p_engine_set_read_only(engine, (enum p2p_read_only)i);
        }
    }
    if (node->read_back_failed && reason == NULL) {
        p2p_engine_set_read_only(engine, P2P_READ_ONLY_SYNC_FAILED);
    }
    node->damage_suspected = false;
    p2p_engine_close(node->engine);
    node->engine = engine;
    node->drawn_looked_ms = 0; /* it knows of no drawn key yet */
    node->renewed_looked_ms = 0;
    return P2P_OK;
}
