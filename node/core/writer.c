#include "late.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *p2p_level_word(enum p2p_level level)
{
    switch (level) {
    case P2P_LEVEL_LOCAL:
        return "local";
    case P2P_LEVEL_MIRRORED:
        return "mirrored";
    case P2P_LEVEL_WITNESSED:
        return "witnessed";
    }
    return "?";
}

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

/* ---- pins ---- */

/* Where a member says it listens: the first record of its feed. */
static void read_address(struct p2p_node *node, uint32_t feed, char out[256])
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_feed *held = p2p_ledger_feed(ledger, feed);
    struct p2p_slice leaf;
    struct p2p_record record;
    struct p2p_unpack in;
    if (held == NULL || p2p_feed_leaf(held, node->kv, 0, &leaf) != P2P_OK ||
        p2p_record_peek(&record, leaf) != P2P_OK || record.kind != P2P_KIND_ADDRESS ||
        record.body_type != P2P_BODY_PUBLIC || !p2p_unpack_find(record.content, "peers", &in)) {
        return;
    }
    struct p2p_slice text = p2p_unpack_str(&in);
    if (text.len < 256) {
        snprintf(out, 256, "%.*s", (int)text.len, (const char *)text.data);
    }
}

enum p2p_err p2p_writer_pins(struct p2p_node *node, struct p2p_pin **pins, size_t *count)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t members = p2p_charter_member_count(charter);
    struct p2p_pin *list = calloc(members + 1, sizeof(*list));
    size_t used = 0;
    if (list == NULL) {
        return P2P_NOMEM;
    }
    for (uint32_t i = 1; i <= members; i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member == NULL || i == p2p_engine_member(node->engine)) {
            continue;
        }
        struct p2p_pin *pin = &list[used++];
        pin->member = i;
        snprintf(pin->name, sizeof(pin->name), "%s", member->name);
        pin->key = member->transport_key;
        read_address(node, member->feed, pin->address);
        for (size_t p = 0; p < node->config.peers_count; p++) {
            if (strcmp(node->config.peers[p].member, member->name) == 0) {
                snprintf(pin->address, sizeof(pin->address), "%s",
                         node->config.peers[p].address);
            }
        }
    }
    *pins = list;
    *count = used;
    return P2P_OK;
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
    }
    return err;
}

/* Starts work until the batch holds what one commit may; the rest begins the next batch. */
static void start_works(struct p2p_node *node, struct p2p_batch *batch)
{
    struct p2p_work **at = &batch->works;
    while (*at != NULL && !p2p_engine_full(node->engine)) {
        (*at)->start(*at, node);
        at = &(*at)->next;
    }
    node->deferred = *at;
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

/* The own feed's edge, or an empty one while there is no such feed. */
static struct p2p_edge own_edge(const struct p2p_node *node)
{
    const struct p2p_feed *own =
        p2p_ledger_feed(p2p_engine_ledger(node->engine), p2p_engine_own_feed(node->engine));
    struct p2p_edge edge;
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
    if (!actions->own_head_changed) {
        return P2P_OK;
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

/* The copy is written before anything leaves, and synced once a second. */
static void write_copy(struct p2p_node *node, const struct p2p_actions *actions)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, own);
    if (own == 0 || node->copy == NULL ||
        p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE) {
        return;
    }
    if (actions->own_head_changed || actions->signature_made) {
        const struct p2p_feed *feed = p2p_ledger_feed(ledger, own);
        struct p2p_copy_point *point = &node->copy_point;
        const char *slash = strrchr(info->origin, '/');
        snprintf(point->feed, sizeof(point->feed), "%.*s", (int)(slash - info->origin),
                 info->origin);
        point->generation = info->generation;
        point->size = feed->head.size;
        point->root = feed->head.root;
        point->signature = feed->head.signature;
        point->commit = p2p_engine_commit_number(node->engine);
        if (p2p_copy_write(node->copy, point) != P2P_OK) {
            snprintf(node->alarm, sizeof(node->alarm),
                     "%s: the checkpoint copy cannot be written; custody stops until it can",
                     node->config.copy);
        }
        node->copy_dirty = true;
    }
    if (node->copy_dirty && node->now.mono_ms - node->copy_synced_ms >= 1000) {
        if (p2p_copy_sync(node->copy) == P2P_OK) {
            node->copy_dirty = false;
        }
        node->copy_synced_ms = node->now.mono_ms;
    }
}

static void log_trace(struct p2p_node *node, const struct p2p_event_entry *entry)
{
    const struct p2p_trace *trace = &entry->trace;
    enum p2p_log_level level = P2P_LOG_DEBUG;
    switch (trace->type) {
    case P2P_TRACE_FORK:
    case P2P_TRACE_CHARTER_RIVAL:
        level = P2P_LOG_ERROR;
        break;
    case P2P_TRACE_REFUSED:
    case P2P_TRACE_GAP:
    case P2P_TRACE_READ_ONLY:
    case P2P_TRACE_CLOCK:
        level = P2P_LOG_WARN;
        break;
    case P2P_TRACE_CHARTER:
    case P2P_TRACE_SESSION:
    case P2P_TRACE_COMPLETE:
        level = P2P_LOG_INFO;
        break;
    case P2P_TRACE_APPENDED:
    case P2P_TRACE_RECEIVED:
    case P2P_TRACE_COSIGNED:
    case P2P_TRACE_WITNESSED:
    case P2P_TRACE_MIRRORED:
    case P2P_TRACE_COUNT:
        break;
    }
    if (!p2p_log_enabled(node->log, level)) {
        return;
    }
    const struct p2p_log_field fields[] = {
        p2p_log_text("feed", entry->feed), p2p_log_text("member", entry->member),
        p2p_log_uint("at", trace->at),     p2p_log_uint("value", trace->value),
        p2p_log_err(trace->err),
    };
    size_t count = sizeof(fields) / sizeof(fields[0]) - (trace->err == P2P_OK ? 1 : 0);
    p2p_log_write(node->log, level, p2p_trace_word(trace->type), fields, count);
}

static void tell(struct p2p_node *node, const struct p2p_actions *actions)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    for (size_t i = 0; i < actions->trace_count; i++) {
        const struct p2p_trace *trace = &actions->traces[i];
        struct p2p_event_entry entry = {.time_ms = node->now.wall_ms, .trace = *trace};
        struct p2p_slice feed = p2p_feed_name(ledger, trace->feed);
        const struct p2p_member *member = p2p_charter_member(ledger->charter, trace->member);
        const struct p2p_kind *kind = NULL;
        if (trace->type == P2P_TRACE_APPENDED) {
            kind = p2p_kind_find((uint32_t)trace->value);
        }
        snprintf(entry.feed, sizeof(entry.feed), "%.*s", (int)feed.len,
                 (const char *)feed.data);
        snprintf(entry.member, sizeof(entry.member), "%s", member != NULL ? member->name : "");
        snprintf(entry.kind, sizeof(entry.kind), "%s", kind != NULL ? kind->word : "");
        p2p_events_add(node->events, &entry);
        if (node->log != NULL) {
            log_trace(node, &entry);
        }
    }
}

/* ---- levels ---- */

static bool level_reached(const struct p2p_node *node, const struct p2p_work *work)
{
    uint32_t own = p2p_engine_own_feed(node->engine);
    switch (work->wait_level) {
    case P2P_LEVEL_LOCAL:
        return true;
    case P2P_LEVEL_MIRRORED:
        return p2p_engine_mirrored(node->engine) >= work->wait_size;
    case P2P_LEVEL_WITNESSED:
        return p2p_engine_witnessing(node->engine, own)->quorum_size >= work->wait_size;
    }
    return false;
}

static void push_work(struct p2p_work **list, struct p2p_work *work)
{
    work->next = *list;
    *list = work;
}

/* Work whose level is reached, or whose time is over, goes out with this batch. */
static void settle_waiting(struct p2p_node *node, struct p2p_work **out)
{
    struct p2p_work *work = node->waiting;
    node->waiting = NULL;
    while (work != NULL) {
        struct p2p_work *next = work->next;
        bool reached = level_reached(node, work);
        bool over = !node->serving || node->now.mono_ms >= work->wait_until_ms;
        if (reached || over) {
            work->waited(work, node, reached);
            push_work(out, work);
        } else {
            push_work(&node->waiting, work);
            p2p_assert(node->batch != NULL);
            if (work->wait_until_ms < node->batch->actions.wake_mono_ms) {
                node->batch->actions.wake_mono_ms = work->wait_until_ms;
            }
        }
        work = next;
    }
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
            work->wait_until_ms = node->now.mono_ms + P2P_WORK_WAIT_MS;
            push_work(&node->waiting, work);
        } else {
            push_work(out, work);
        }
    }
}

/* Decisions of a node that may not append wait in the spool; an answer that cannot even be
 * spooled is none. */
static enum p2p_err spool_decisions(struct p2p_node *node, const struct p2p_actions *actions)
{
    for (struct p2p_job *job = actions->replies; job != NULL; job = job->next) {
        struct p2p_spool_id id;
        if (job->type != P2P_JOB_CHECK || !job->result.spooled) {
            continue;
        }
        enum p2p_err err = p2p_spool_append(node->spool, job->result.leaf, &id);
        if (err != P2P_OK) {
            job->result.err = err;
            snprintf(job->result.reason, sizeof(job->result.reason),
                     "the decision can be neither recorded nor spooled");
        }
        job->result.first = (struct p2p_record_id){0, id.n};
    }
    return P2P_OK;
}

/* Runs engine and commit; on P2P_OK everything is durable. */
static enum p2p_err commit_batch(struct p2p_node *node, struct p2p_batch *batch)
{
    bool writable = p2p_store_read_only_reason(node->store) == NULL;
    enum p2p_err err =
        p2p_store_begin(node->store, writable ? P2P_TXN_WRITE : P2P_TXN_READ, &node->txn);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_edge edge = own_edge(node);
    node->kv = p2p_txn_kv(node->txn);
    p2p_engine_begin(node->engine, node->kv, &batch->arena, &node->now);
    if (writable) {
        err = step_inputs(node, batch);
    }
    if (err == P2P_OK && writable) {
        err = p2p_late_start(node, &batch->arena);
    }
    if (err == P2P_OK && writable && batch->works != NULL) {
        /* Work sees what the peers of this batch sent, views included. */
        err = p2p_ledger_fold(p2p_engine_ledger_mut(node->engine));
    }
    if (err == P2P_OK) {
        start_works(node, batch);
        err = p2p_engine_finish(node->engine, &batch->actions);
    }
    if (err == P2P_OK && batch->actions.charter_changed) {
        err = p2p_writer_pins(node, &batch->pins, &batch->pin_count);
    }
    if (err != P2P_OK) {
        p2p_txn_abort(node->txn);
    } else {
        err = p2p_txn_commit(node->txn);
    }
    node->txn = NULL;
    node->kv = NULL;
    if (err == P2P_OK) {
        err = recheck(node, &batch->actions, &edge);
    }
    if (err == P2P_OK) {
        err = p2p_late_finish(node);
    }
    return err == P2P_OK ? spool_decisions(node, &batch->actions) : err;
}

/* The batch is undone: reopen from what is durable, tell everybody who waits. */
static void undo_batch(struct p2p_node *node, struct p2p_batch *batch, enum p2p_err err)
{
    struct p2p_work *works = batch->works;
    batch->works = NULL;
    batch->failed = true;
    node->spool_at = 0; /* what stands in META tells what was taken */
    batch->actions = (struct p2p_actions){.wake_mono_ms = node->now.mono_ms + 1000};
    snprintf(node->alarm, sizeof(node->alarm), "a batch was undone: %s", p2p_err_text(err));
    p2p_log_write(node->log, P2P_LOG_ERROR, "batch.undone", P2P_LOG_FIELDS(p2p_log_err(err)));
    if (p2p_node_open_engine(node) != P2P_OK) {
        snprintf(node->alarm, sizeof(node->alarm),
                 "the store cannot be read any more; see port2port doctor");
        p2p_engine_set_read_only(node->engine, P2P_READ_ONLY_SYNC_FAILED);
    }
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        work->fail(work, node, err);
        push_work(&batch->works, work);
    }
}

void p2p_writer_run(struct p2p_node *node, struct p2p_batch *batch)
{
    p2p_node_now(&node->now);
    p2p_node_sweep_keys(node);
    node->batch = batch;
    take_deferred(node, batch);
    enum p2p_err err = commit_batch(node, batch);
    if (err != P2P_OK) {
        undo_batch(node, batch, err);
    } else {
        struct p2p_work *works = batch->works;
        batch->works = NULL;
        write_copy(node, &batch->actions);
        tell(node, &batch->actions);
        finish_works(node, works, &batch->works);
    }
    settle_waiting(node, &batch->works);
    if (node->deferred != NULL) {
        batch->actions.wake_mono_ms = node->now.mono_ms;
    }
    node->batch = NULL;
}
