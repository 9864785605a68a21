/* The copy beside what is durable in the store.
 *
 * It is synced before own records, or a number to be signed outside, leave: from then on a
 * store that went back, whatever the power took with it, is behind its copy. What the witness
 * key signed is written before it leaves and synced within a second. A start looks at the copy
 * first: the power may have failed between a commit and its copy, and what the store holds is
 * shown to peers at once. */
#include "writer_parts.h"

#include <p2p/planted.h>

#include <stdio.h>
#include <string.h>

/* A copy that fails and works again must not leave its alarm behind. */
static void note_result(struct p2p_node *node, enum p2p_err err)
{
    char text[P2P_MESSAGE_BYTES];
    snprintf(text, sizeof(text),
             "%.300s: the checkpoint copy cannot be written; custody stops until it can",
             node->config.copy);
    if (err != P2P_OK) {
        if (!node->copy_failed) {
            p2p_log_write(node->log, P2P_LOG_ERROR, "copy.failed",
                          P2P_LOG_FIELDS(p2p_log_text("file", node->config.copy)));
        }
        snprintf(node->alarm, sizeof(node->alarm), "%s", text);
    } else if (node->copy_failed && strcmp(node->alarm, text) == 0) {
        node->alarm[0] = '\0';
    }
    node->copy_failed = err != P2P_OK;
}

static void take_point(struct p2p_node *node, const struct p2p_feed_info *info,
                       const struct p2p_feed *feed)
{
    struct p2p_copy_point *point = &node->copy_point;
    const char *slash = strrchr(info->origin, '/');
    snprintf(point->feed, sizeof(point->feed), "%.*s", (int)(slash - info->origin),
             info->origin);
    point->generation = info->generation;
    point->size = feed->head.size;
    point->root = feed->head.root;
    point->signature = feed->head.signature;
    point->commit = p2p_engine_commit_number(node->engine);
    point->time_s = p2p_engine_signed_time(node->engine);
}

/* A generation was begun, and the copy of the one before is lost. */
static void make_anew(struct p2p_node *node, const struct p2p_ledger *ledger, uint32_t own)
{
    take_point(node, p2p_charter_feed(ledger->charter, own), p2p_ledger_feed(ledger, own));
    enum p2p_err err =
        node->make_copy == NULL ? P2P_RDONLY : node->make_copy(node, &node->copy_point);
    note_result(node, err);
    if (err == P2P_OK) {
        node->copy_state = P2P_COPY_OK;
        node->alarm[0] = '\0'; /* that it was lost */
    }
}

/* What this start found in the store was synced, and perhaps not in the copy. */
static bool is_behind(const struct p2p_copy_point *point, const struct p2p_feed *feed,
                      uint64_t generation, uint64_t commit)
{
    return feed->head.size > 0 && (point->generation != generation ||
                                   point->size != feed->head.size || point->commit != commit);
}

/* A store that is full takes nothing more, and peers are shown what it holds all the same. */
static bool is_full(const struct p2p_node *node)
{
    enum p2p_read_only why = p2p_engine_read_only(node->engine);
    return (why == P2P_READ_ONLY_MAP_FULL || why == P2P_READ_ONLY_DISK_FULL) &&
           node->copy != NULL && !p2p_engine_restored(node->engine);
}

static void sync_when_due(struct p2p_node *node)
{
    bool due =
        node->copy_owed || node->now.mono_ms - node->copy_synced_ms >= P2P_COPY_SYNC_EVERY_MS;
    if (node->copy_dirty && due && !P2P_PLANT(COPY_UNSYNCED)) {
        enum p2p_err err = p2p_copy_sync(node->copy);
        note_result(node, err);
        node->copy_dirty = err != P2P_OK;
        node->copy_owed = err != P2P_OK;
        node->copy_synced_ms = node->now.mono_ms;
    }
}

void p2p_own_copy_write(struct p2p_node *node, const struct p2p_actions *actions)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    bool appends = p2p_engine_read_only(node->engine) == P2P_READ_ONLY_NONE;
    /* A restored node's copy is ahead of it and must stay; what was signed is in the copy
     * before it leaves, whatever became of the node in the same batch. */
    bool full = is_full(node);
    if (P2P_PLANT(COPY_LATE) || own == 0) {
        return;
    }
    if (!appends && !full && !actions->signature_made) {
        sync_when_due(node); /* what it cosigned before */
        return;
    }
    if (node->copy == NULL) {
        make_anew(node, ledger, own);
        return;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, own);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, own);
    if (full && node->copy_point.generation != info->generation) {
        return; /* the next one is begun by a write */
    }
    if (!node->copy_looked_at) {
        node->copy_looked_at = true;
        node->copy_owed = is_behind(&node->copy_point, feed, info->generation,
                                    p2p_engine_commit_number(node->engine));
    }
    node->copy_owed = node->copy_owed || actions->own_head_changed || actions->number_given;
    if (node->copy_owed || actions->signature_made || node->copy_failed) {
        take_point(node, info, feed);
        note_result(node, p2p_copy_write(node->copy, &node->copy_point));
        node->copy_dirty = true;
    }
    sync_when_due(node);
}
