/* Signatures verified ahead: while the writer applies one run of a batch, helpers are at those
 * of the next. Nothing is believed because of it: see p2p/sigs_pool.h. */
#include "writer_parts.h"

#include <p2p/sigs_pool.h>

enum { UNSIGNED_LOOKED_AT = 16 };

struct ahead {
    const struct p2p_ledger *ledger;
    struct p2p_arena *arena;
    struct p2p_feed_set begun; /* feeds of the runs so far, */
    uint64_t *sizes;           /* and what of these will be held once they are applied */
    struct p2p_verify_job *jobs;
    size_t count;
};

static size_t count_records(const struct p2p_batch *batch)
{
    size_t count = 0;
    for (const struct p2p_input *input = batch->inputs; input != NULL; input = input->next) {
        struct p2p_run run;
        if (input->type == P2P_EVENT_FRAME && input->frame.type == P2P_FRAME_RUN &&
            p2p_run_read(&run, input->frame.body) == P2P_OK) {
            count += run.count;
        }
    }
    return count;
}

static bool add_record(struct ahead *ahead, const struct p2p_feed_info *info,
                       struct p2p_slice leaf)
{
    struct p2p_record record;
    /* Whether it is canonical is for the engine to say: an announcement proves nothing. */
    if (leaf.len > P2P_RECORD_BYTES_MAX || p2p_record_peek(&record, leaf) != P2P_OK) {
        return false; /* the run will be refused here */
    }
    if (record.issuer == 0) {
        return true;
    }
    const struct p2p_issuer *issuer = p2p_charter_issuer(ahead->ledger->charter, record.issuer);
    uint8_t *message = p2p_arena_take(ahead->arena, P2P_PREFIX_BYTES_MAX + leaf.len);
    if (issuer == NULL || issuer->member != info->member || message == NULL) {
        return message != NULL;
    }
    size_t len = p2p_record_signed_bytes(message, p2p_record_head(&record),
                                         p2p_slice_text(info->origin));
    ahead->jobs[ahead->count++] =
        (struct p2p_verify_job){.public_key = issuer->key.bytes,
                                .signature = record.signature,
                                .message = p2p_slice_of(message, len)};
    return true;
}

/* False when what follows in the batch should not be looked at any more. */
static bool add_run(struct ahead *ahead, struct p2p_slice body)
{
    struct p2p_run run;
    struct p2p_run_walk walk;
    struct p2p_slice leaf;
    struct p2p_slice salted;
    enum p2p_err err;
    if (p2p_run_read(&run, body) != P2P_OK) {
        return false;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(ahead->ledger, run.feed);
    const struct p2p_feed_info *info = p2p_charter_feed(ahead->ledger->charter, run.feed);
    if (feed == NULL || info == NULL || run.feed == P2P_CHARTER_FEED ||
        feed->state != P2P_FEED_OK) {
        return true;
    }
    if (!p2p_feed_set_has(&ahead->begun, run.feed)) {
        p2p_feed_set_add(&ahead->begun, run.feed);
        ahead->sizes[run.feed] = feed->edge.size;
    }
    if (run.first > ahead->sizes[run.feed] || run.head.size <= ahead->sizes[run.feed]) {
        return true;
    }
    size_t before = ahead->count;
    uint64_t looked = 0;
    p2p_run_begin(&walk, &run);
    for (uint64_t i = run.first; p2p_run_next(&walk, &leaf, &salted, &err); i++) {
        if (i < ahead->sizes[run.feed]) {
            continue;
        }
        if (!add_record(ahead, info, leaf)) {
            return false;
        }
        if (++looked == UNSIGNED_LOOKED_AT && ahead->count == before) {
            break; /* most likely a run of the node's own records */
        }
    }
    ahead->sizes[run.feed] = run.head.size;
    return true;
}

void p2p_ahead_start(struct p2p_node *node, const struct p2p_batch *batch,
                     struct p2p_arena *arena)
{
    struct ahead ahead = {.ledger = p2p_engine_ledger(node->engine), .arena = arena};
    size_t records = count_records(batch);
    if (records == 0) {
        return;
    }
    ahead.sizes = p2p_arena_take(arena, ahead.ledger->feed_count * sizeof(*ahead.sizes));
    ahead.jobs = p2p_arena_take(arena, records * sizeof(*ahead.jobs));
    if (ahead.sizes == NULL || ahead.jobs == NULL) {
        return;
    }
    for (const struct p2p_input *input = batch->inputs; input != NULL; input = input->next) {
        if (input->type == P2P_EVENT_FRAME && input->frame.type == P2P_FRAME_RUN &&
            !add_run(&ahead, input->frame.body)) {
            break;
        }
    }
    p2p_sigs_pool_ahead(node->sigs, ahead.jobs, ahead.count);
}

void p2p_ahead_end(struct p2p_node *node)
{
    p2p_sigs_pool_ahead_end(node->sigs);
}
