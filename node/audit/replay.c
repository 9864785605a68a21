/* The replay: a ledger over the index takes every record of the chosen logs, once.
 *
 * Order is a matter of cost, never of outcome. A `seen` is applied after what it names, so that
 * claims are looked at once. State commitments are stops: before one is applied, each feed
 * stands exactly where its author's `seen` records put it, and the digests are compared; what
 * stands beside an earlier stop cannot be met on the way, and is looked at behind it
 * (states.c).
 *
 *     stops, by size --advance--> frontier of the stop --compare--> next ... --advance--> all
 */
#include "parts.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES      ((size_t)512 << 20)
#define ARENA_FULL_BYTES ((size_t)8 << 20) /* here a batch ends, */
#define BATCH_RECORDS    16384u            /* or here */
#define EPOCH_RECORDS    16384u            /* so many at least */
#define SLICE_RECORDS    4096u             /* of the feed that was written to fastest */
#define STOPS_BYTES_MAX  ((size_t)64 << 20)

/* One state commitment and the frontier that its author had seen. */
struct stop {
    uint32_t feed;
    uint64_t index;
    uint64_t records; /* in all feeds of the frontier: the order of stops */
    uint64_t *sizes;  /* by feed number */
};

struct replay {
    struct p2p_audit *audit;
    struct p2p_ledger *ledger;
    const struct p2p_kv *kv;
    struct p2p_arena arena;
    uint64_t *sizes;   /* applied so far, by feed number */
    uint64_t *targets; /* no further before the end of the slice */
    uint64_t *ends;    /* no further at all */
    size_t *claim_at;  /* of the feed's log, the next one */
    bool *busy;        /* being advanced further up the stack */
    size_t feeds;
    uint64_t applied, total;
    uint64_t epoch_began; /* with so many applied */
    unsigned in_batch;
    struct stop *stops;
    size_t stop_count;
};

/* ---- batches ---- */

static enum p2p_err begin(struct replay *replay)
{
    enum p2p_err err = audit_index_begin(replay->audit->index);
    if (err == P2P_OK) {
        p2p_ledger_begin(replay->ledger, replay->kv, &replay->arena);
        replay->in_batch = 0;
    }
    return err;
}

static enum p2p_err end(struct replay *replay, bool last)
{
    enum p2p_err err = p2p_ledger_finish(replay->ledger);
    if (err == P2P_OK && (last || replay->applied - replay->epoch_began >= EPOCH_RECORDS)) {
        replay->epoch_began = replay->applied;
        err = p2p_settled_end(replay->audit->settled, replay->sizes);
    }
    if (err == P2P_OK) {
        err = audit_index_commit(replay->audit->index);
    }
    p2p_arena_reset(&replay->arena);
    return err;
}

static enum p2p_err end_when_full(struct replay *replay)
{
    if (++replay->in_batch < BATCH_RECORDS && replay->arena.used_bytes < ARENA_FULL_BYTES) {
        return P2P_OK;
    }
    enum p2p_err err = end(replay, false);
    audit_progress(replay->audit, "replaying", replay->applied, replay->total);
    return err == P2P_OK ? begin(replay) : err;
}

/* ---- one record ---- */

static enum p2p_err charter_to(struct replay *replay, uint64_t size)
{
    struct p2p_ledger *ledger = replay->ledger;
    const struct p2p_charter *charter = replay->audit->charter;
    char reason[P2P_REASON_BYTES];
    enum p2p_err err = P2P_OK;
    while (replay->sizes[P2P_CHARTER_FEED] < size && err == P2P_OK) {
        struct p2p_slice leaf;
        struct p2p_slice note;
        uint64_t index = replay->sizes[P2P_CHARTER_FEED];
        err = p2p_charter_entry(charter, index, &leaf, &note);
        if (err == P2P_OK) {
            err = p2p_ledger_apply_charter(ledger, index, leaf, note, reason);
        }
        replay->sizes[P2P_CHARTER_FEED]++;
        replay->applied++;
    }
    for (uint32_t i = 1; i < replay->feeds && i < ledger->feed_count; i++) {
        const struct audit_log *log = replay->audit->chosen[i];
        if (log != NULL) { /* where they stand is what claims are compared with */
            ledger->feeds[i]->roots = log->roots;
            ledger->feeds[i]->root_count = log->root_count;
        }
    }
    return err;
}

/* What the node would have found of the signature, with as much of the charter. */
static enum p2p_signature_verdict verdict_of(const struct replay *replay,
                                             const struct audit_log *log, uint64_t index,
                                             const struct p2p_record *record)
{
    if (record->issuer == 0) {
        return P2P_SIGNATURE_NONE;
    }
    const struct p2p_issuer *issuer =
        p2p_charter_issuer(replay->ledger->charter, record->issuer);
    const struct p2p_feed_info *info = p2p_charter_feed(replay->ledger->charter, log->number);
    if (issuer == NULL || info == NULL || issuer->member != info->member) {
        return P2P_SIGNATURE_UNKNOWN_ISSUER;
    }
    return (log->flags[index] & AUDIT_BAD_SIGNATURE) != 0 ? P2P_SIGNATURE_BAD
                                                          : P2P_SIGNATURE_GOOD;
}

static enum p2p_err apply(struct replay *replay, uint32_t feed)
{
    const struct audit_log *log = replay->audit->chosen[feed];
    uint64_t index = replay->sizes[feed];
    struct p2p_arrival arrival = {.feed = feed};
    struct p2p_slice pack;
    uint8_t key[P2P_ID_KEY_BYTES];
    const struct p2p_record_id id = {feed, index};
    struct p2p_slice found;
    enum p2p_err err =
        p2p_kv_seek(replay->kv, P2P_TABLE_RECORD, p2p_id_key(key, &id), &found, &pack);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_slice leaf =
        p2p_slice_of(pack.data + AUDIT_PACK_HEADER_BYTES, pack.len - AUDIT_PACK_HEADER_BYTES);
    err = p2p_record_peek(&arrival.record, leaf);
    if (err == P2P_OK && (log->flags[index] & AUDIT_PRIVATE) != 0) {
        err = audit_index_payload(replay->audit->index, feed, index, &arrival.salted);
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    if (err == P2P_OK) {
        arrival.leaf_hash = p2p_leaf_hash(leaf);
        arrival.signature = verdict_of(replay, log, index, &arrival.record);
        err = p2p_ledger_apply(replay->ledger, &arrival);
    }
    replay->sizes[feed]++;
    replay->applied++;
    return err == P2P_OK ? end_when_full(replay) : err;
}

/* ---- order ---- */

static enum p2p_err advance(struct replay *replay, uint32_t feed, uint64_t to);

/* What the record that comes next has seen, first: as far as it may go now. */
static enum p2p_err advance_seen(struct replay *replay, uint32_t feed)
{
    const struct audit_log *log = replay->audit->chosen[feed];
    size_t *at = &replay->claim_at[feed];
    enum p2p_err err = P2P_OK;
    while (*at < log->claim_count && log->claims[*at].index <= replay->sizes[feed] &&
           err == P2P_OK) {
        const struct audit_claim *claim = &log->claims[(*at)++];
        if (claim->of < replay->feeds && !replay->busy[claim->of]) {
            uint64_t to = claim->size < replay->targets[claim->of] ? claim->size
                                                                   : replay->targets[claim->of];
            err = advance(replay, claim->of, to);
        }
    }
    return err;
}

/* At most as deep as there are feeds: each is busy once. */
static enum p2p_err advance(struct replay *replay, uint32_t feed, uint64_t to)
{
    enum p2p_err err = P2P_OK;
    if (feed == P2P_CHARTER_FEED) {
        return charter_to(replay, to);
    }
    if (replay->audit->chosen[feed] == NULL || replay->sizes[feed] >= to) {
        return P2P_OK;
    }
    if (p2p_ledger_feed(replay->ledger, feed) == NULL) { /* no charter that names it was seen */
        const struct p2p_feed_info *info = p2p_charter_feed(replay->audit->charter, feed);
        err = charter_to(replay, (uint64_t)info->entry + 1);
    }
    replay->busy[feed] = true;
    while (err == P2P_OK && replay->sizes[feed] < to) {
        err = advance_seen(replay, feed);
        if (err == P2P_OK) {
            err = apply(replay, feed);
        }
    }
    replay->busy[feed] = false;
    return err;
}

static enum p2p_err advance_all(struct replay *replay)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < replay->feeds && err == P2P_OK; i++) {
        err = advance(replay, i, replay->targets[i]);
    }
    return err;
}

/* The time up to which no feed has many more records before its target; false: all are there.
 */
static bool slice_until(const struct replay *replay, const uint64_t *goal, uint32_t *until_s)
{
    bool some = false;
    for (uint32_t i = 1; i < replay->feeds; i++) {
        const struct audit_log *log = replay->audit->chosen[i];
        uint64_t left = goal[i] - replay->sizes[i];
        uint32_t latest_s = 0;
        for (uint64_t n = 0; log != NULL && n < left && n < SLICE_RECORDS; n++) {
            uint32_t time_s = log->times_s[replay->sizes[i] + n];
            latest_s = time_s > latest_s ? time_s : latest_s;
        }
        if (log != NULL && left > 0 && (!some || latest_s < *until_s)) {
            *until_s = latest_s;
            some = true;
        }
    }
    return some;
}

/* To where a goal has each feed, by slices of time across all of them: whoever asks for a time
 * later finds that most of what was folded by then stands (settled.h). goal: feeds of them. */
static enum p2p_err advance_in_time(struct replay *replay, const uint64_t *goal)
{
    enum p2p_err err = P2P_OK;
    uint32_t until_s = 0;
    while (err == P2P_OK && slice_until(replay, goal, &until_s)) {
        for (uint32_t i = 1; i < replay->feeds; i++) {
            const struct audit_log *log = replay->audit->chosen[i];
            uint64_t to = replay->sizes[i];
            while (log != NULL && to < goal[i] && log->times_s[to] <= until_s) {
                to++;
            }
            replay->targets[i] = to;
        }
        replay->targets[P2P_CHARTER_FEED] = goal[P2P_CHARTER_FEED];
        err = advance_all(replay);
    }
    memcpy(replay->targets, goal, replay->feeds * sizeof(*goal));
    return err == P2P_OK ? advance_all(replay)
                         : err; /* the charter, when nothing else is left */
}

/* How far each feed is taken: to its largest good checkpoint, or to what is no record. */
static uint64_t end_of(const struct p2p_audit *audit, uint32_t feed)
{
    const struct audit_log *log = audit->chosen[feed];
    if (feed == P2P_CHARTER_FEED) {
        return p2p_charter_size(audit->charter);
    }
    uint64_t size = log == NULL ? 0 : log->head.size;
    for (uint64_t i = 0; i < size; i++) {
        if ((log->flags[i] & AUDIT_MALFORMED) != 0) {
            return i;
        }
    }
    return size;
}

/* ---- state commitments ---- */

static enum p2p_err compare(struct replay *replay, const struct stop *stop)
{
    const struct p2p_record_id id = {stop->feed, stop->index};
    const struct audit_standing at = {.ledger = replay->ledger, .kv = replay->kv};
    enum p2p_err err = end(replay, false); /* everything is folded */
    if (err == P2P_OK) {
        err = begin(replay);
    }
    return err == P2P_OK ? audit_state_compare(replay->audit, &id, &at) : err;
}

/* Whether the way to here leads through this stop: nothing beyond it is applied, and all of it
 * is here. */
static bool can_stop(const struct replay *replay, const struct stop *stop)
{
    for (uint32_t i = 0; i < replay->feeds; i++) {
        if (stop->sizes[i] < replay->sizes[i] || stop->sizes[i] > replay->ends[i]) {
            return false;
        }
    }
    return true;
}

static enum p2p_err go_to(struct replay *replay, const struct stop *stop)
{
    if (!can_stop(replay, stop)) {
        const struct p2p_record_id id = {stop->feed, stop->index};
        return audit_state_apart(replay->audit, &id, stop->sizes);
    }
    enum p2p_err err = advance_in_time(replay, stop->sizes);
    return err == P2P_OK ? compare(replay, stop) : err;
}

static int by_records(const void *left, const void *right)
{
    const struct stop *a = left;
    const struct stop *b = right;
    if (a->records != b->records) {
        return a->records < b->records ? -1 : 1;
    }
    if (a->feed != b->feed) {
        return a->feed < b->feed ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The stops of one log: its claims up to each say where the others stood. */
static enum p2p_err find_stops(struct replay *replay, const struct audit_log *log,
                               uint64_t *seen)
{
    size_t claim = 0;
    memset(seen, 0, replay->feeds * sizeof(*seen));
    for (size_t i = 0; i < log->state_count && log->states[i] < log->head.size; i++) {
        struct stop *stop = &replay->stops[replay->stop_count];
        for (; claim < log->claim_count && log->claims[claim].index < log->states[i]; claim++) {
            const struct audit_claim *at = &log->claims[claim];
            if (at->of < replay->feeds && at->size > seen[at->of]) {
                seen[at->of] = at->size;
            }
        }
        seen[log->number] = log->states[i];
        *stop = (struct stop){.feed = log->number, .index = log->states[i]};
        stop->sizes =
            p2p_alloc_zeroed(replay->audit->alloc, replay->feeds, sizeof(*stop->sizes));
        if (stop->sizes == NULL) {
            return P2P_NOMEM;
        }
        memcpy(stop->sizes, seen, replay->feeds * sizeof(*seen));
        for (size_t j = 0; j < replay->feeds; j++) {
            stop->records += seen[j];
        }
        replay->stop_count++;
    }
    return P2P_OK;
}

static enum p2p_err make_stops(struct replay *replay)
{
    const struct p2p_audit *audit = replay->audit;
    size_t count = 0;
    for (size_t i = 1; i < replay->feeds; i++) {
        count += audit->chosen[i] == NULL ? 0 : audit->chosen[i]->state_count;
    }
    if (count * replay->feeds * sizeof(uint64_t) > STOPS_BYTES_MAX) {
        p2p_findings_tell(audit->findings, P2P_FINDING_STATE_APART, NULL, P2P_FINDING_NOWHERE,
                          "%zu state commitments were not compared: there are too many", count);
        return P2P_OK;
    }
    uint64_t *seen = p2p_alloc_zeroed(audit->alloc, replay->feeds, sizeof(*seen));
    replay->stops = p2p_alloc_zeroed(audit->alloc, count + 1, sizeof(*replay->stops));
    enum p2p_err err = seen == NULL || replay->stops == NULL ? P2P_NOMEM : P2P_OK;
    for (size_t i = 1; i < replay->feeds && err == P2P_OK; i++) {
        if (audit->chosen[i] != NULL) {
            err = find_stops(replay, audit->chosen[i], seen);
        }
    }
    p2p_alloc_free(audit->alloc, seen);
    if (err == P2P_OK && replay->stop_count > 0) {
        qsort(replay->stops, replay->stop_count, sizeof(*replay->stops), by_records);
    }
    return err;
}

/* ---- all of it ---- */

static enum p2p_err replay_records(struct replay *replay)
{
    enum p2p_err err = make_stops(replay);
    if (err == P2P_OK) {
        err = begin(replay);
    }
    for (size_t i = 0; i < replay->stop_count && err == P2P_OK; i++) {
        err = go_to(replay, &replay->stops[i]);
    }
    if (err == P2P_OK) {
        err = advance_in_time(replay, replay->ends);
    }
    if (err == P2P_OK) {
        err = p2p_frontier_digest(replay->ledger, &replay->audit->frontier);
    }
    if (err == P2P_OK) {
        err = p2p_leaves_digest(replay->ledger, &replay->audit->leaves);
    }
    return err == P2P_OK ? end(replay, true) : err;
}

static void forget(struct replay *replay)
{
    const struct p2p_alloc *alloc = replay->audit->alloc;
    for (size_t i = 0; i < replay->stop_count; i++) {
        p2p_alloc_free(alloc, replay->stops[i].sizes);
    }
    p2p_alloc_free(alloc, replay->stops);
    p2p_alloc_free(alloc, replay->sizes);
    p2p_alloc_free(alloc, replay->targets);
    p2p_alloc_free(alloc, replay->ends);
    p2p_alloc_free(alloc, replay->claim_at);
    p2p_alloc_free(alloc, replay->busy);
    p2p_arena_deinit(&replay->arena);
}

enum p2p_err audit_replay(struct p2p_audit *audit)
{
    const struct p2p_alloc *alloc = audit->alloc;
    struct replay replay = {.audit = audit, .ledger = &audit->ledger};
    replay.feeds = audit->chosen_count;
    replay.sizes = p2p_alloc_zeroed(alloc, replay.feeds, sizeof(*replay.sizes));
    replay.targets = p2p_alloc_zeroed(alloc, replay.feeds, sizeof(*replay.targets));
    replay.ends = p2p_alloc_zeroed(alloc, replay.feeds, sizeof(*replay.ends));
    replay.claim_at = p2p_alloc_zeroed(alloc, replay.feeds, sizeof(*replay.claim_at));
    replay.busy = p2p_alloc_zeroed(alloc, replay.feeds, sizeof(*replay.busy));
    p2p_arena_init(&replay.arena, alloc, ARENA_BYTES);
    enum p2p_err err = replay.sizes == NULL || replay.targets == NULL || replay.ends == NULL ||
                               replay.claim_at == NULL || replay.busy == NULL
                           ? P2P_NOMEM
                           : audit_index_new(audit);
    if (err == P2P_OK) {
        err = p2p_settled_new(&audit->settled, alloc, replay.feeds);
    }
    if (err == P2P_OK) {
        err = audit_index_begin(audit->index);
    }
    if (err == P2P_OK) {
        replay.kv = audit_index_kv(audit->index);
        err = p2p_ledger_open(&audit->ledger, alloc, p2p_sigs_ed25519(), replay.kv, NULL);
        audit->has_ledger = err == P2P_OK;
        audit->ledger.settled = audit->settled;
    }
    for (size_t i = 0; i < replay.feeds && err == P2P_OK; i++) {
        replay.ends[i] = end_of(audit, (uint32_t)i);
        replay.total += replay.ends[i];
    }
    if (err == P2P_OK) {
        err = replay_records(&replay);
    }
    forget(&replay);
    if (err == P2P_OK) {
        err = audit_index_begin(audit->index); /* for whoever reads it from now on */
    }
    if (err == P2P_OK) {
        err = audit_states(audit);
    }
    return err == P2P_OK ? audit_after(audit) : err;
}

enum p2p_err audit_reopen(struct p2p_audit *audit)
{
    enum p2p_err err = audit_choose(audit);
    if (err == P2P_OK) {
        err = audit_index_again(audit);
    }
    if (err == P2P_OK) {
        err = audit_index_begin(audit->index);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_open(&audit->ledger, audit->alloc, p2p_sigs_ed25519(),
                              audit_index_kv(audit->index), NULL);
        audit->has_ledger = err == P2P_OK;
    }
    return err;
}
