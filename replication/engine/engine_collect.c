/* Collects: decided like checks, inside the transaction; what is allowed is released in the
 * same commit, so the next collect of this batch finds the container gone.
 *
 * At `mirrored` a release is remembered, in this start, until it was answered allow once: the
 * same question again is that release and makes no other. What is forgotten, by a start or
 * since P2P_RELEASES_MAX came after it, is used. */
#include "engine_parts.h"

#include <p2p/collect.h>
#include <p2p/kind.h>
#include <p2p/planted.h>

#include <string.h>

/* The release that the same question made before; NULL: none that may still be answered. */
static struct p2p_release *find_release(struct p2p_engine *engine,
                                        const struct p2p_gate_check *check)
{
    struct p2p_hash same;
    bool hashed = false;
    for (size_t i = 0; i < P2P_RELEASES_MAX; i++) {
        struct p2p_release *release = &engine->releases[i];
        if (release->waits && !hashed) {
            same = p2p_collect_same(check);
            hashed = true;
        }
        if (release->waits && p2p_hash_equal(&release->same, &same)) {
            return release;
        }
    }
    return NULL;
}

bool p2p_engine_release_take(struct p2p_engine *engine, const struct p2p_record_id *use)
{
    for (size_t i = 0; i < P2P_RELEASES_MAX; i++) {
        struct p2p_release *release = &engine->releases[i];
        if (release->waits && p2p_record_id_compare(&release->use, use) == 0) {
            bool gives = !release->is_asked;
            release->waits = !gives || P2P_PLANT(RELEASE_REPEATED);
            return gives;
        }
    }
    return false;
}

void p2p_collect_arrived(struct p2p_engine *engine, const struct p2p_record *record)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    engine->opened = engine->opened || record->kind == P2P_KIND_CUSTODY_OPEN;
    if (record->kind != P2P_KIND_RIGHT_BLOCK && record->kind != P2P_KIND_RIGHT_LIGHT &&
        record->kind != P2P_KIND_RIGHT_REVOKE && record->kind != P2P_KIND_RIGHT_CANCEL) {
        return;
    }
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cite)) {
        for (size_t i = 0; i < P2P_RELEASES_MAX; i++) {
            struct p2p_release *release = &engine->releases[i];
            bool waits = release->waits && p2p_record_id_compare(&release->right, &cite) == 0;
            release->is_asked = release->is_asked || waits;
        }
    }
}

/* Whether a token of the container is not over: what was released stands there again. */
static enum p2p_err is_opened_again(const struct p2p_engine *engine, const char *container,
                                    bool *again)
{
    const struct p2p_collect_question question = {
        .place = &engine->place, .feed = engine->feed, .container = p2p_slice_text(container)};
    struct p2p_collect_token token;
    enum p2p_err err = p2p_collect_find(engine->kv, &question, &token);
    *again = err != P2P_OK || (token.found && !p2p_custody_is_over(token.custody.state));
    return err == P2P_CORRUPT ? P2P_OK : err; /* who cannot read it gives nothing away */
}

enum p2p_err p2p_collect_follow(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < P2P_RELEASES_MAX && engine->opened && err == P2P_OK; i++) {
        struct p2p_release *release = &engine->releases[i];
        bool again = false;
        if (release->waits && !release->is_asked) {
            err = is_opened_again(engine, release->container, &again);
            release->is_asked = again;
        }
    }
    engine->opened = engine->opened && err != P2P_OK;
    return err;
}

enum p2p_err p2p_engine_rests(struct p2p_engine *engine, uint32_t feed, uint64_t index,
                              struct p2p_slice *note, bool *there)
{
    const struct p2p_feed *held = p2p_ledger_feed(&engine->ledger, feed);
    const struct p2p_charter *charter = engine->ledger.charter;
    uint64_t named = 0;
    size_t len = 0;
    *note = (struct p2p_slice){0};
    *there = feed == 0;
    if (feed == 0 || held == NULL || engine->extras[feed].witnessing.quorum_size <= index) {
        return P2P_OK;
    }
    char *bytes = p2p_arena_take(engine->arena, P2P_CUSTODY_NOTE_BYTES);
    if (bytes == NULL) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_known_named(&engine->ledger, feed, index, P2P_CHARTER_FEED, &named);
    if (err == P2P_OK) {
        err = p2p_witnessing_short_note(&engine->extras[feed].witnessing, charter, named, held,
                                        engine->kv, bytes, P2P_CUSTODY_NOTE_BYTES, &len);
    }
    if (err == P2P_NOTFOUND || err == P2P_TOOLARGE) {
        return P2P_OK; /* a newer one is on its way */
    }
    if (err == P2P_OK) {
        *note = p2p_slice_of(bytes, len);
        err = p2p_custody_rests_on(&engine->ledger, feed, index, p2p_charter_size(charter),
                                   *note, there);
    }
    return err;
}

enum p2p_err p2p_engine_pack_act(struct p2p_engine *engine, uint64_t epoch,
                                 struct p2p_slice note, struct p2p_slice *content)
{
    struct p2p_pack pack;
    const struct p2p_custody_step step = {
        .epoch = epoch, .rests = &note, .rests_count = note.len > 0 ? 1 : 0};
    enum p2p_err err = p2p_engine_pack(engine, 64 + note.len, &pack);
    if (err == P2P_OK) {
        err = p2p_custody_step_pack(&pack, &step);
    }
    if (err == P2P_OK) {
        *content = p2p_pack_slice(&pack);
    }
    return err;
}

/* Writes the `use`, and looks whether it released: what has no effect releases nothing. */
static enum p2p_err release(struct p2p_engine *engine, struct p2p_job *job,
                            const struct p2p_custody *custody, struct p2p_slice note,
                            const struct p2p_collect_found *found)
{
    const uint32_t circle = custody->circle;
    const struct p2p_record_id token = custody->id;
    const struct p2p_record_id cites[] = {token, found->right, found->seconded};
    struct p2p_append use = {.kind = P2P_KIND_USE,
                             .circle = circle,
                             .cites = cites,
                             .cite_count = found->seconded.feed != 0 ? 3 : 2};
    struct p2p_custody after;
    struct p2p_record_id id;
    enum p2p_err err = p2p_engine_pack_act(engine, custody->epoch, note, &use.content);
    if (err == P2P_OK) {
        err = p2p_append_own(engine, &use, &id);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_fold(&engine->ledger);
    }
    if (err == P2P_OK) {
        err = p2p_custody_get(engine->kv, circle, &token, &after);
    }
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    if (after.state != P2P_CUSTODY_RELEASED || p2p_record_id_compare(&after.step, &id) != 0) {
        job->check.ready = P2P_CUSTODY_WAITING;
        p2p_gate_add(&job->result.answer, P2P_GATE_CUSTODY_WAITING, 0, NULL);
        return P2P_OK;
    }
    job->check.released = true;
    job->check.use = id.index;
    job->result.release = id;
    job->result.seconded = found->seconded;
    return P2P_OK;
}

/* What waited of an earlier visit of that container is over: it left by then, or leaves now. */
static void remember(struct p2p_engine *engine, const struct p2p_gate_check *check,
                     const struct p2p_record_id *use, const struct p2p_record_id *right)
{
    for (size_t i = 0; i < P2P_RELEASES_MAX; i++) {
        struct p2p_release *before = &engine->releases[i];
        before->waits = before->waits && strcmp(before->container, check->container) != 0;
    }
    struct p2p_release *release = &engine->releases[engine->release_at];
    *release = (struct p2p_release){
        .same = p2p_collect_same(check), .use = *use, .right = *right, .waits = true};
    memcpy(release->container, check->container, sizeof(release->container));
    engine->release_at = (engine->release_at + 1) % P2P_RELEASES_MAX;
}

static void repeat(struct p2p_engine *engine, struct p2p_gate_check *check,
                   const struct p2p_release *before)
{
    check->repeated = before != NULL;
    check->released = check->repeated;
    check->use = check->repeated ? before->use.index : 0;
    check->mirrored = check->repeated && engine->mirrored_size > before->use.index;
}

/* The token; the question is the one asked before only where that release is what became of it.
 * Another visit of the container is another question. */
static enum p2p_err find_token(struct p2p_engine *engine, struct p2p_gate_check *check,
                               const struct p2p_release *before,
                               struct p2p_collect_token *token)
{
    bool own = before != NULL && before->use.feed == engine->feed;
    repeat(engine, check, own ? before : NULL);
    enum p2p_err err =
        p2p_collect_find_for(engine->kv, &engine->place, engine->feed, check, token);
    if (err == P2P_OK && own &&
        (!token->found || token->custody.state != P2P_CUSTODY_RELEASED ||
         p2p_record_id_compare(&token->custody.step, &before->use) != 0)) {
        repeat(engine, check, NULL);
    }
    return err;
}

/* Whether nobody can lose what a feed wrote at an index any more: a quorum cosigned it, or it
 * lies below the end of a feed that has one. */
static bool is_lasting(const struct p2p_engine *engine, const struct p2p_record_id *id)
{
    const struct p2p_feed *feed = p2p_ledger_feed(&engine->ledger, id->feed);
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, id->feed);
    if (feed == NULL || info == NULL) {
        return false;
    }
    bool ends = (feed->closed_at != P2P_FEED_GOES_ON && id->index < feed->closed_at) ||
                (feed->ends_at != P2P_FEED_GOES_ON && id->index < feed->ends_at);
    return id->feed == engine->feed || info->witness_count == 0 || ends ||
           engine->extras[id->feed].witnessing.quorum_size > id->index;
}

/* Whether a withdrawal of another open of the container is only so far that it may be none any
 * more when its feed is sealed, or its author's disk is lost: then that one would be released,
 * too. */
static enum p2p_err waits_for_withdrawal(struct p2p_engine *engine, uint32_t circle,
                                         const struct p2p_record_id *token,
                                         struct p2p_slice container, bool *waits)
{
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    *waits = false;
    for (bool begin = true; err == P2P_OK && !*waits; begin = false) {
        struct p2p_custody other;
        struct p2p_entry step;
        err = p2p_custody_next_of(engine->kv, circle, container, &id, begin, &id);
        if (err != P2P_OK || p2p_record_id_compare(&id, token) == 0) {
            continue;
        }
        enum p2p_err got = p2p_custody_get(engine->kv, circle, &id, &other);
        if (got == P2P_OK && other.state == P2P_CUSTODY_WITHDRAWN) {
            const struct p2p_record_id by = other.step;
            got = p2p_ledger_entry(&engine->ledger, &by, &step);
            *waits = got == P2P_OK && step.record.kind == P2P_KIND_CUSTODY_WITHDRAW &&
                     !is_lasting(engine, &by);
        }
        err = got == P2P_NOTFOUND ? P2P_OK : got;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_collect_job(struct p2p_engine *engine, struct p2p_job *job, bool recorded)
{
    struct p2p_gate_check *check = &job->check;
    struct p2p_release *before = find_release(engine, check);
    struct p2p_collect_token token;
    struct p2p_collect_found found;
    struct p2p_slice note = {0};
    const struct p2p_feed *own = p2p_engine_own(engine);
    bool rests = true;
    bool waits = false;
    check->ready =
        recorded ? p2p_engine_custody(engine, &engine->now, NULL) : P2P_CUSTODY_WAITING;
    check->held = own == NULL ? 0 : own->edge.size;
    enum p2p_err err = find_token(engine, check, recorded ? before : NULL, &token);
    bool here = err == P2P_OK && token.found && token.custody.state == P2P_CUSTODY_HELD &&
                token.custody.holder == engine->feed;
    if (here && check->ready == P2P_CUSTODY_READY) {
        err = p2p_engine_rests(engine, token.custody.rests_feed, token.custody.rests_index,
                               &note, &rests);
        if (err == P2P_OK && !token.alone) {
            err = waits_for_withdrawal(engine, token.custody.circle, &token.custody.id,
                                       p2p_slice_text(check->container), &waits);
        }
        bool undecided = false;
        if (err == P2P_OK) {
            err = p2p_custody_undecided(&engine->ledger, &token.custody, &undecided);
        }
        check->ready = rests && !waits && !undecided ? check->ready : P2P_CUSTODY_WAITING;
    }
    if (err == P2P_OK) {
        err = p2p_collect_decide(&engine->ledger, engine->kv, &engine->place, engine->feed,
                                 check, &token, &job->result.answer, &found);
    }
    if (err != P2P_OK || job->result.answer.answer != P2P_ANSWER_ALLOW) {
        return err;
    }
    if (check->repeated) {
        before->waits = P2P_PLANT(RELEASE_REPEATED); /* answered, once */
        return P2P_OK;
    }
    err = release(engine, job, &token.custody, note, &found);
    if (err == P2P_OK && check->released && engine->options.release_mirrored) {
        remember(engine, check, &job->result.release, &found.right);
    }
    return err;
}
