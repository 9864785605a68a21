#include "feed_news.h"
#include "replies.h"
#include "writer_parts.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAINTAIN_EVERY_MS = 60000, REOPEN_AGAIN_MS = 1000, REOPEN_AGAIN_MS_MAX = 16000 };

void p2p_batch_init(struct p2p_batch *batch)
{
    *batch = (struct p2p_batch){0};
    p2p_arena_init(&batch->arena, p2p_alloc_default(), P2P_BATCH_ARENA_BYTES);
}

void p2p_batch_clear(struct p2p_batch *batch)
{
    while (batch->inputs != NULL) {
        struct p2p_input *input = batch->inputs;
        batch->inputs = input->next;
        free(input->bytes);
        free(input);
    }
    free(batch->pins);
    batch->pins = NULL;
    batch->pin_count = 0;
    batch->works = NULL;
    batch->failed = false;
    batch->wanted_changed = false;
    batch->actions = (struct p2p_actions){0};
    p2p_arena_reset(&batch->arena);
}

void p2p_batch_deinit(struct p2p_batch *batch)
{
    p2p_batch_clear(batch);
    p2p_arena_deinit(&batch->arena);
}

void p2p_work_job(struct p2p_node *node, struct p2p_job *job)
{
    const struct p2p_event event = {.type = P2P_EVENT_JOB, .job = job};
    enum p2p_err err = p2p_engine_step(node->engine, &event);
    p2p_assert(err == P2P_OK); /* a job is only queued here */
}

/* ---- one batch ---- */

static enum p2p_err step_inputs(struct p2p_node *node, const struct p2p_batch *batch)
{
    enum p2p_err err = P2P_OK;
    for (const struct p2p_input *input = batch->inputs; input != NULL && err == P2P_OK;
         input = input->next) {
        const struct p2p_event event = {.type = input->type,
                                        .link = input->link,
                                        .member = input->member,
                                        .frame = input->frame};
        err = p2p_engine_step(node->engine, &event);
        if (err == P2P_OK && input->next != NULL && input->type == P2P_EVENT_FRAME &&
            input->frame.type == P2P_FRAME_RUN) {
            /* Now rather than at the end, while helpers are at the next run's signatures. */
            err = p2p_ledger_fold(p2p_engine_ledger_mut(node->engine));
        }
    }
    return err;
}

/* Reading works copy into the batch's arena too, and must leave enough of it to commit. */
static bool has_room(const struct p2p_node *node, const struct p2p_batch *batch, size_t before)
{
    return !p2p_engine_full(node->engine) &&
           batch->arena.used_bytes - before < P2P_BATCH_ARENA_BYTES / 8;
}

/* Starts work until the batch holds what one commit may; the rest begins the next batch. */
static void start_works(struct p2p_node *node, struct p2p_batch *batch)
{
    size_t before = batch->arena.used_bytes;
    struct p2p_work **at = &batch->works;
    struct p2p_work **later = &node->deferred;
    p2p_assert(node->deferred == NULL);
    while (*at != NULL && has_room(node, batch, before)) {
        struct p2p_work *work = *at;
        work->again = false;
        work->start(work, node);
        if (work->again) {
            *at = work->next;
            *later = work;
            later = &work->next;
        } else {
            at = &work->next;
        }
    }
    *later = *at;
    *at = NULL;
}

/* What the last batch left comes first. */
static void take_deferred(struct p2p_node *node, struct p2p_batch *batch)
{
    struct p2p_work **end = &node->deferred;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = batch->works;
    batch->works = node->deferred;
    node->deferred = NULL;
}

/* The own feed's edge, or an empty one while there is no such feed. number [out]: its number.
 */
static struct p2p_edge own_edge(const struct p2p_node *node, uint32_t *number)
{
    const struct p2p_feed *own =
        p2p_ledger_feed(p2p_engine_ledger(node->engine), p2p_engine_own_feed(node->engine));
    struct p2p_edge edge;
    *number = p2p_engine_own_feed(node->engine);
    p2p_edge_init(&edge);
    return own != NULL && own->number != P2P_CHARTER_FEED ? own->edge : edge;
}

/* Own new records as the store gives them back, against the hashes that the head rests on.
 * edge: the own feed's before this batch, which an earlier one has compared; taken further
 * here. */
static enum p2p_err recheck(struct p2p_node *node, const struct p2p_actions *actions,
                            struct p2p_edge *edge)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, p2p_engine_own_feed(node->engine));
    struct p2p_txn *txn;
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    if (!actions->own_head_changed || feed->state == P2P_FEED_FORKED) {
        return P2P_OK; /* of a forked feed records are taken back, and taken from others */
    }
    enum p2p_err err = p2p_store_begin(node->store, P2P_TXN_READ, &txn);
    if (err != P2P_OK) {
        return err;
    }
    p2p_feed_walk_begin(&walk, feed, p2p_txn_kv(txn), edge->size);
    while ((err = p2p_feed_walk_next(&walk, &leaf)) == P2P_OK) {
        struct p2p_hash hash = p2p_leaf_hash(leaf);
        p2p_edge_append(edge, &hash, NULL);
    }
    p2p_txn_abort(txn);
    if (err != P2P_NOTFOUND) {
        return err;
    }
    struct p2p_hash root = p2p_edge_root(edge);
    return p2p_hash_equal(&root, &feed->head.root) ? P2P_OK : P2P_CORRUPT;
}

static void finish_works(struct p2p_node *node, struct p2p_work *works, struct p2p_work **out)
{
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        if (!work->done) {
            work->finish(work, node);
        }
        if (work->wait_level != P2P_LEVEL_LOCAL) {
            p2p_waiting_add(node, work, out);
        } else {
            p2p_work_push(out, work);
        }
    }
}

/* Decisions of a node that may not append wait in the spool; an answer that cannot even be
 * spooled is none. */
static void spool_decisions(struct p2p_node *node, const struct p2p_actions *actions)
{
    for (struct p2p_job *job = actions->replies; job != NULL; job = job->next) {
        struct p2p_spool_id id = {0, 0};
        if (!job->result.spooled) { /* of checks and collects */
            continue;
        }
        enum p2p_err err = p2p_spool_append(node->spool, job->result.leaf, &id);
        if (err != P2P_OK) {
            job->result.err = err;
            snprintf(job->result.reason, sizeof(job->result.reason),
                     "it can be neither recorded nor spooled (%s)", p2p_err_text(err));
            snprintf(node->alarm, sizeof(node->alarm),
                     "a decision could not be spooled (%s): nothing more is decided here",
                     p2p_err_text(err));
        }
        job->result.first = (struct p2p_record_id){0, id.n};
    }
}

/* Sessions change what is stored; while nothing can be, peers are told so. */
static enum p2p_err turn_away(const struct p2p_batch *batch, struct p2p_arena *arena,
                              struct p2p_actions *actions)
{
    size_t count = 0;
    for (const struct p2p_input *input = batch->inputs; input != NULL; input = input->next) {
        count += input->type == P2P_EVENT_LINK_UP;
    }
    struct p2p_close *closes = p2p_arena_take(arena, (count + 1) * sizeof(*closes));
    if (closes == NULL) {
        return P2P_NOMEM;
    }
    count = 0;
    for (const struct p2p_input *input = batch->inputs; input != NULL; input = input->next) {
        if (input->type == P2P_EVENT_LINK_UP) {
            closes[count++] = (struct p2p_close){input->link, P2P_RDONLY,
                                                 "its store takes no more writes at present"};
        }
    }
    p2p_assert(actions->close_count == 0); /* the engine was told of no link */
    actions->closes = closes;
    actions->close_count = count;
    return P2P_OK;
}

/* What works write beside what the engine did for them. */
static enum p2p_err keep_works(struct p2p_node *node, const struct p2p_batch *batch)
{
    enum p2p_err err = P2P_OK;
    for (struct p2p_work *work = batch->works; work != NULL && err == P2P_OK;
         work = work->next) {
        if (!work->done && work->keep != NULL) {
            err = work->keep(work, node);
        }
    }
    return err;
}

/* Runs engine and commit; on P2P_OK everything is durable. */
static enum p2p_err commit_batch(struct p2p_node *node, struct p2p_batch *batch)
{
    bool writable = p2p_store_read_only_reason(node->store) == NULL && !node->read_back_failed;
    enum p2p_err err =
        p2p_store_begin(node->store, writable ? P2P_TXN_WRITE : P2P_TXN_READ, &node->txn);
    if (err != P2P_OK) {
        return err;
    }
    uint32_t own = 0;
    struct p2p_edge edge = own_edge(node, &own);
    node->kv = p2p_txn_kv(node->txn);
    p2p_engine_hold_custody(node->engine, node->copy_failed);
    p2p_engine_begin(node->engine, node->kv, &batch->arena, &node->now);
    err = p2p_drawn_give(node);
    if (err == P2P_OK && writable) {
        err = p2p_renewed_give(node);
    }
    if (err == P2P_OK && writable) {
        p2p_ahead_start(node, batch, &batch->arena);
        err = step_inputs(node, batch);
        p2p_ahead_end(node);
    }
    if (err == P2P_OK && writable) {
        err = p2p_late_start(node, &batch->arena);
    }
    if (err == P2P_OK && node->more_works != NULL) {
        node->more_works(node, batch); /* what came meanwhile need not wait for this commit */
    }
    if (err == P2P_OK && writable && batch->works != NULL) {
        /* Work sees what the peers of this batch sent, views included. */
        err = p2p_ledger_fold(p2p_engine_ledger_mut(node->engine));
    }
    if (err == P2P_OK) {
        start_works(node, batch);
        p2p_news_count(node);
        err = p2p_engine_finish(node->engine, &batch->actions);
    }
    if (err == P2P_OK) {
        err = writable ? p2p_late_appended(node)
                       : turn_away(batch, &batch->arena, &batch->actions);
    }
    if (err == P2P_OK && writable) {
        err = keep_works(node, batch);
    }
    if (err == P2P_OK && writable && node->replies != NULL) {
        err = p2p_replies_flush(node->replies, node->kv, &node->now);
    }
    if (err == P2P_OK && (batch->actions.charter_changed || batch->actions.addresses != NULL)) {
        err = p2p_writer_pins(node,
                              batch->actions.charter_changed ? NULL : batch->actions.addresses,
                              &batch->pins, &batch->pin_count);
    }
    if (err == P2P_OK && batch->actions.wanted_changed) {
        batch->wanted_changed = true;
        batch->wanted = *p2p_engine_wanted(node->engine);
    }
    if (err != P2P_OK) {
        p2p_txn_abort(node->txn);
    } else {
        err = p2p_txn_commit(node->txn);
        err = P2P_PLANT(SYNC_IGNORED) && err == P2P_IO ? P2P_OK : err;
    }
    node->txn = NULL;
    node->kv = NULL;
    if (own != p2p_engine_own_feed(node->engine)) {
        p2p_edge_init(&edge); /* another generation: all of it is read */
    }
    if (err == P2P_OK) {
        err = recheck(node, &batch->actions, &edge);
        node->read_back_failed = node->read_back_failed || err == P2P_CORRUPT;
    }
    if (err == P2P_OK) {
        p2p_late_finish(node);
        spool_decisions(node, &batch->actions);
    }
    return err;
}

/* Opens the engine again from what is durable. While that fails, no batch runs: what the old
 * one believes was never committed. */
static enum p2p_err reopen(struct p2p_node *node)
{
    enum p2p_err err = P2P_OK;
    if (p2p_store_read_only_reason(node->store) != NULL) {
        err = p2p_store_reopen_reading(node->store);
    }
    if (err == P2P_OK) {
        err = p2p_node_open_engine(node);
    }
    node->engine_lost = err != P2P_OK;
    node->lost_err = err;
    node->lost_pause_ms = err == P2P_OK              ? 0
                          : node->lost_pause_ms == 0 ? REOPEN_AGAIN_MS
                          : 2 * node->lost_pause_ms < REOPEN_AGAIN_MS_MAX
                              ? 2 * node->lost_pause_ms
                              : REOPEN_AGAIN_MS_MAX;
    node->lost_until_ms = node->now.mono_ms + node->lost_pause_ms;
    if (err != P2P_OK) {
        snprintf(node->alarm, sizeof(node->alarm),
                 "the store cannot be read any more (%s): stop the node, move its directory "
                 "store away, run port2port charter fetch and start it: it fetches the rest "
                 "back from its peers",
                 p2p_err_text(err));
    }
    return err;
}

/* Tries again to open the engine that is lost: at once for whoever asks, else after a pause,
 * since it takes reading the whole charter, and for peers nothing can be done. */
static enum p2p_err recover(struct p2p_node *node, const struct p2p_batch *batch)
{
    return batch->works != NULL || node->now.mono_ms >= node->lost_until_ms ? reopen(node)
                                                                            : node->lost_err;
}

/* The batch is undone: reopen from what is durable, unless just that has failed, and tell
 * everybody who waits. */
static void undo_batch(struct p2p_node *node, struct p2p_batch *batch, enum p2p_err err)
{
    struct p2p_work *works = batch->works;
    bool was_lost = node->engine_lost;
    batch->works = NULL;
    batch->failed = true;
    p2p_late_undo(node);
    batch->actions = (struct p2p_actions){.wake_mono_ms = node->now.mono_ms + 1000};
    node->damage_suspected = err == P2P_CORRUPT;
    if (!was_lost) {
        snprintf(node->alarm, sizeof(node->alarm), "a batch was undone: %s", p2p_err_text(err));
    }
    if (!was_lost && reopen(node) == P2P_OK && node->read_back_failed) {
        snprintf(node->alarm, sizeof(node->alarm),
                 "the store gives back other records than were written; nothing more is");
    } else if (!node->engine_lost && err == P2P_CORRUPT) {
        node->alarm[0] = '\0'; /* the engine looks for the damage and tells of it */
    }
    if (node->engine_lost) {
        batch->actions.wake_mono_ms = node->lost_until_ms;
    }
    p2p_log_write(
        node->log, P2P_LOG_ERROR, "batch.undone",
        P2P_LOG_FIELDS(
            p2p_log_err(err),
            p2p_log_text("read_only", p2p_read_only_word(p2p_engine_read_only(node->engine)))));
    bool reads = !node->engine_lost && p2p_store_read_only_reason(node->store) != NULL;
    struct p2p_work *later = node->deferred;
    struct p2p_work **end = &node->deferred; /* before what was deferred already */
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        if (reads && work->repeatable) {
            work->repeatable = false;
            *end = work;
            end = &work->next;
        } else {
            work->fail(work, node, err);
            p2p_work_push(&batch->works, work);
        }
    }
    *end = later;
}

/* Readers that died with their process keep pages from being used again. */
static void maintain(struct p2p_node *node)
{
    if (node->now.mono_ms - node->maintained_ms >= MAINTAIN_EVERY_MS) {
        node->maintained_ms = node->now.mono_ms;
        p2p_store_maintain(node->store);
    }
}

/* When this node has to look at what the engine knows nothing of. */
static uint64_t own_wake_ms(const struct p2p_node *node)
{
    bool soon = !node->engine_lost &&
                (node->copy_dirty || node->copy_failed || p2p_spool_count(node->spool) > 0 ||
                 p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE);
    uint64_t second_ms = node->now.mono_ms + 1000;
    uint64_t sync_ms = node->copy_synced_ms + P2P_COPY_SYNC_EVERY_MS;
    uint64_t keys_ms = p2p_node_keys_until(node);
    uint64_t news_ms = p2p_news_wake_ms(node);
    if (news_ms <= node->now.mono_ms) {
        /* The batch that should have told was undone. */
        news_ms = node->engine_lost ? UINT64_MAX : second_ms;
    }
    uint64_t wake_ms = keys_ms < news_ms ? keys_ms : news_ms;
    if (node->copy_dirty && !node->copy_failed && sync_ms > node->now.mono_ms &&
        sync_ms < second_ms) {
        second_ms = sync_ms;
    }
    return soon && second_ms < wake_ms ? second_ms : wake_ms;
}

void p2p_writer_run(struct p2p_node *node, struct p2p_batch *batch)
{
    p2p_node_now(node, &node->now);
    p2p_node_sweep_keys(node);
    node->batch = batch;
    node->import_runs = false;
    node->issues = NULL;
    take_deferred(node, batch);
    /* What somebody who only reads could not read is mended as what a batch could not. */
    bool spoiled =
        p2p_store_spoiled(node->store) && p2p_store_read_only_reason(node->store) == NULL;
    enum p2p_err err = node->engine_lost ? recover(node, batch) : P2P_OK;
    err = err == P2P_OK && spoiled ? P2P_CORRUPT : err;
    if (err == P2P_OK) {
        err = commit_batch(node, batch);
    }
    if (err != P2P_OK) {
        undo_batch(node, batch, err);
    } else {
        struct p2p_work *works = batch->works;
        batch->works = NULL;
        p2p_own_copy_write(node, &batch->actions);
        p2p_renewed_mark(node);
        p2p_tell(node, &batch->actions);
        p2p_news_tell(node, batch->actions.trace_count > 0);
        finish_works(node, works, &batch->works);
    }
    uint64_t wake_ms = own_wake_ms(node);
    if (wake_ms < batch->actions.wake_mono_ms) {
        batch->actions.wake_mono_ms = wake_ms;
    }
    p2p_waiting_settle(node, &batch->works);
    if (node->deferred != NULL || batch->actions.charter_changed) {
        batch->actions.wake_mono_ms = node->now.mono_ms; /* it may name keys drawn here */
    }
    node->batch = NULL;
    maintain(node);
}
