/* The engine, opened from what is durable: the store, and the copy that was found at the start.
 */
#include "node_state.h"

#include <p2p/sigs_pool.h>

#include <string.h>

enum p2p_err p2p_node_open_engine(struct p2p_node *node)
{
    struct p2p_txn *txn;
    struct p2p_engine *engine = NULL;
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
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    if (err != P2P_OK) {
        return err;
    }
    err = p2p_engine_open(&engine, &options, p2p_txn_kv(txn));
    p2p_txn_abort(txn);
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
