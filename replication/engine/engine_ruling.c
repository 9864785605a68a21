/* Ruling by itself: what is asked of rights whose token this node holds, taken in a `ruled`
 * record as far as the table allows it now.
 *
 * Which rights are looked at: those that a record named which arrived; and all of them, some at
 * a time, at a start, when custody becomes ready, when a token came or thawed, and when
 * payloads came late or more arrived than is remembered. One record for all requests of one
 * circle and epoch that rest on the same checkpoint; taking one may allow the next, so each
 * right is looked at again until nothing more is allowed. */
#include "engine_parts.h"
#include "ledger/views.h"

#include <p2p/kind.h>
#include <p2p/right.h>

#include <string.h>

enum {
    ROUNDS_MAX = 8,     /* in one commit; the rest follows in the next */
    SCAN_RIGHTS = 1024, /* looked at in one batch */
    SCAN_AGAIN_MS = 20  /* between two of those */
};

static bool is_request(uint32_t kind)
{
    return kind >= P2P_KIND_RIGHT_ISSUE && kind <= P2P_KIND_APPROVE;
}

/* By which a token may have come here, or thawed. */
static bool moves_custody(uint32_t kind)
{
    return kind == P2P_KIND_CUSTODY_ACCEPT || kind == P2P_KIND_CUSTODY_REFUSE ||
           kind == P2P_KIND_CUSTODY_WITHDRAW || kind == P2P_KIND_RECOUNT;
}

/* Where a right stands in due, or is to be noted: a hash table without gaps in its chains. */
static uint16_t *place_of(struct p2p_rulings *rulings, const struct p2p_record_id *id)
{
    size_t at = p2p_judge_spread(id) % P2P_RULINGS_PLACES;
    while (rulings->places[at] != 0 &&
           p2p_record_id_compare(&rulings->due[rulings->places[at] - 1].right, id) != 0) {
        at = (at + 1) % P2P_RULINGS_PLACES;
    }
    return &rulings->places[at];
}

/* Of what is due the first `count` stay. */
static void keep(struct p2p_rulings *rulings, size_t count)
{
    if (rulings->count > 0) {
        memset(rulings->places, 0, sizeof(rulings->places));
    }
    rulings->count = count;
    for (size_t i = 0; i < count; i++) {
        *place_of(rulings, &rulings->due[i].right) = (uint16_t)(i + 1);
    }
}

static void note(struct p2p_rulings *rulings, uint32_t circle, const struct p2p_record_id *id)
{
    uint16_t *place = place_of(rulings, id);
    if (*place != 0) {
        return;
    }
    if (rulings->count == P2P_RULINGS_DUE_MAX) {
        rulings->scan = true;
        rulings->scanning = false; /* from the first on */
        return;
    }
    rulings->due[rulings->count++] = (struct p2p_ruling_due){.circle = circle, .right = *id};
    *place = (uint16_t)rulings->count;
}

void p2p_ruling_arrived(struct p2p_engine *engine, const struct p2p_record_id *id,
                        const struct p2p_record *record)
{
    struct p2p_rulings *rulings = &engine->rulings;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    p2p_collect_arrived(engine, record);
    if (moves_custody(record->kind)) {
        p2p_ruling_anew(engine);
        return;
    }
    if (!is_request(record->kind)) {
        return;
    }
    if (record->kind == P2P_KIND_RIGHT_ISSUE) { /* a request may have come before it */
        note(rulings, record->circle, id);
        return;
    }
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cite)) {
        note(rulings, record->circle, &cite);
    }
}

void p2p_ruling_anew(struct p2p_engine *engine)
{
    engine->rulings.scan = true;
    engine->rulings.scanning = false;
}

/* ---- one record ---- */

/* Requests that one record can take. */
struct group {
    uint32_t circle;
    uint64_t epoch;
    uint32_t rests_feed;
    struct p2p_slice note;
    struct p2p_record_id requests[P2P_RIGHT_CITES_MAX];
    size_t count;
};

static enum p2p_err write(struct p2p_engine *engine, struct group *group)
{
    struct p2p_append ruled = {.kind = P2P_KIND_RULED,
                               .circle = group->circle,
                               .cites = group->requests,
                               .cite_count = group->count};
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    if (group->count == 0) {
        return P2P_OK;
    }
    for (size_t i = 0; i < group->count && err == P2P_OK; i++) {
        const struct p2p_record_id *request = &group->requests[i];
        if (request->feed != engine->feed &&
            request->index >= engine->extras[request->feed].seen_size) {
            err = p2p_append_seen(engine); /* it must be known there */
        }
    }
    if (err == P2P_OK) {
        err = p2p_engine_pack_act(engine, group->epoch, group->note, &ruled.content);
    }
    if (err == P2P_OK) {
        err = p2p_append_own(engine, &ruled, &id);
        engine->own_records++;
        engine->own_bytes += 256 + 16 * group->count + ruled.content.len;
    }
    group->count = 0;
    return err;
}

static bool fits(const struct group *group, const struct p2p_custody *custody, size_t more)
{
    return group->circle == custody->circle && group->epoch == custody->epoch &&
           group->rests_feed == custody->rests_feed &&
           group->count + more <= P2P_RIGHT_CITES_MAX;
}

/* One request may be about many rights: it is taken once for all of them. */
static void join(struct group *group, const struct p2p_record_id *request)
{
    for (size_t i = 0; i < group->count; i++) {
        if (p2p_record_id_compare(&group->requests[i], request) == 0) {
            return;
        }
    }
    group->requests[group->count++] = *request;
}

/* Whether a ruling could take it: nobody knows what stands at or above the end of a forked
 * feed, however long it is still held here. */
static bool stands(const struct p2p_engine *engine, const struct p2p_record_id *request)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, request->feed);
    return feed != NULL && request->index < feed->ends_at;
}

/* Keeps the requests of a right that can be taken; false when there is none, or when these were
 * just taken and wait all the same: to take them again would change as little. */
static bool choose(const struct p2p_engine *engine, struct p2p_ruling_due *due,
                   struct p2p_right *right)
{
    size_t count = 0;
    for (size_t i = 0; i < right->unruled_count; i++) {
        if (stands(engine, &right->unruled[i])) {
            right->unruled[count++] = right->unruled[i];
        }
    }
    right->unruled_count = count;
    if (count == 0 || (count == due->taken_count &&
                       p2p_record_id_compare(&right->unruled[0], &due->taken_first) == 0)) {
        return false;
    }
    due->taken_count = count;
    due->taken_first = right->unruled[0];
    return true;
}

/* The requests of one right join the group, which is written first where they do not fit.
 * took [out]: something of it was taken. */
static enum p2p_err take(struct p2p_engine *engine, struct group *group,
                         struct p2p_ruling_due *due, bool *took)
{
    struct p2p_right right;
    struct p2p_custody custody;
    *took = false;
    enum p2p_err err = p2p_right_get(engine->kv, due->circle, &due->right, &right);
    if (err == P2P_NOTFOUND ||
        (err == P2P_OK && (right.unruled_count == 0 || right.custodian != engine->feed))) {
        return P2P_OK;
    }
    if (err == P2P_OK) {
        err = p2p_custody_get(engine->kv, due->circle, &right.token, &custody);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    if (custody.state != P2P_CUSTODY_HELD || custody.holder != engine->feed ||
        custody.frozen != 0 || !choose(engine, due, &right)) {
        return P2P_OK;
    }
    const struct p2p_slice *held = group->count > 0 ? &group->note : NULL;
    bool rests = held != NULL && fits(group, &custody, right.unruled_count);
    if (rests && custody.rests_feed != 0) {
        err = p2p_custody_rests_on(&engine->ledger, custody.rests_feed, custody.rests_index,
                                   p2p_charter_size(engine->ledger.charter), *held, &rests);
    }
    if (err == P2P_OK && !rests) {
        err = write(engine, group);
        if (err == P2P_OK) {
            err = p2p_engine_rests(engine, custody.rests_feed, custody.rests_index,
                                   &group->note, &rests);
        }
        group->circle = custody.circle;
        group->epoch = custody.epoch;
        group->rests_feed = custody.rests_feed;
    }
    if (err != P2P_OK || !rests) {
        return err; /* looked at again when everything is */
    }
    for (size_t i = 0; i < right.unruled_count; i++) {
        join(group, &right.unruled[i]);
    }
    *took = true;
    return P2P_OK;
}

/* Takes what is due; *again [out]: something was taken, which may allow more. */
static enum p2p_err rule(struct p2p_engine *engine, bool *again)
{
    struct p2p_rulings *rulings = &engine->rulings;
    struct group *group = p2p_arena_take(engine->arena, sizeof(*group));
    size_t kept = 0;
    size_t i = 0;
    enum p2p_err err = group == NULL ? P2P_NOMEM : P2P_OK;
    *again = false;
    if (group != NULL) {
        memset(group, 0, sizeof(*group));
    }
    for (; i < rulings->count && err == P2P_OK && !p2p_engine_full(engine); i++) {
        bool took = false;
        err = take(engine, group, &rulings->due[i], &took);
        if (took) {
            rulings->due[kept++] = rulings->due[i];
        }
        *again = *again || took;
    }
    if (err == P2P_OK) {
        err = write(engine, group);
    }
    for (; i < rulings->count; i++) {
        rulings->due[kept++] = rulings->due[i];
    }
    keep(rulings, kept);
    return err == P2P_OK && *again ? p2p_ledger_fold(&engine->ledger) : err;
}

/* ---- all rights, some at a time ---- */

static enum p2p_err scan(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_rulings *rulings = &engine->rulings;
    if (!rulings->scan) {
        return P2P_OK;
    }
    if (!rulings->scanning) {
        rulings->scanning = true;
        rulings->circle_at = 0;
        rulings->begun = false;
    }
    for (unsigned looked = 0; looked < SCAN_RIGHTS; looked++) {
        struct p2p_right right;
        if (rulings->circle_at >= engine->place.circle_count) {
            rulings->scan = false;
            rulings->scanning = false;
            return P2P_OK;
        }
        uint32_t circle = engine->place.circles[rulings->circle_at];
        enum p2p_err err =
            p2p_right_next(engine->kv, circle, &rulings->at, !rulings->begun, &right);
        if (err == P2P_NOTFOUND) {
            rulings->circle_at++;
            rulings->begun = false;
            continue;
        }
        if (err != P2P_OK) {
            return err;
        }
        rulings->at = right.id;
        rulings->begun = true;
        if (right.unruled_count > 0 && right.custodian == engine->feed) {
            if (rulings->count == P2P_RULINGS_DUE_MAX) {
                break; /* after these */
            }
            note(rulings, circle, &right.id);
        }
    }
    p2p_wake_at(wake_ms, engine->now.mono_ms + SCAN_AGAIN_MS);
    return P2P_OK;
}

enum p2p_err p2p_ruling_due(struct p2p_engine *engine, uint64_t *wake_ms)
{
    struct p2p_rulings *rulings = &engine->rulings;
    bool ready = engine->feed != 0 &&
                 p2p_engine_custody(engine, &engine->now, NULL) == P2P_CUSTODY_READY;
    if (ready && !rulings->was_ready) {
        p2p_ruling_anew(engine);
    }
    rulings->was_ready = ready;
    if (!ready) {
        keep(rulings, 0); /* looked for again then */
        return P2P_OK;
    }
    if (rulings->count == 0 && !rulings->scan) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_ledger_fold(&engine->ledger);
    if (err == P2P_OK) {
        err = scan(engine, wake_ms);
    }
    bool again = true;
    for (unsigned round = 0; round < ROUNDS_MAX && err == P2P_OK && again; round++) {
        err = rule(engine, &again);
    }
    if (rulings->count > 0) {
        p2p_wake_at(wake_ms, engine->now.mono_ms + SCAN_AGAIN_MS);
    }
    return err;
}
