/* Jobs: what this node wants done, checked before anything of it is written. */
#include "engine_parts.h"

#include <p2p/kind.h>

#include <stdio.h>
#include <string.h>

void p2p_job_fail(struct p2p_job *job, enum p2p_err err, const char *reason)
{
    job->result.err = err;
    snprintf(job->result.reason, sizeof(job->result.reason), "%s", reason);
}

/* What a record says in full: shape by its kind, and a circle that this member is in. A leaf
 * that peers must refuse would stand in their way for ever. */
struct shape {
    uint32_t kind;
    uint32_t circle;
    enum p2p_author author;
    struct p2p_slice content;
    struct p2p_slice payload;
};

static bool fits(const struct p2p_engine *engine, const struct shape *shape,
                 struct p2p_job *job)
{
    const struct p2p_kind *kind = p2p_ledger_kind(&engine->ledger, shape->kind);
    const struct p2p_circle *circle = p2p_charter_circle(engine->ledger.charter, shape->circle);
    if (kind == NULL || (kind->authors & (unsigned)shape->author) == 0) {
        p2p_job_fail(job, P2P_UNKNOWN, "nobody here may write a record of this kind");
        return false;
    }
    if (shape->circle != 0 && (circle == NULL || !p2p_circle_has(circle, engine->member))) {
        p2p_job_fail(job, P2P_UNKNOWN, "this member is in no such circle");
        return false;
    }
    struct p2p_slice body = kind->body == P2P_BODY_PUBLIC ? shape->content : shape->payload;
    bool whole = kind->body != P2P_BODY_NONE &&
                 (kind->body == P2P_BODY_PUBLIC ? shape->payload : shape->content).len == 0;
    enum p2p_err err = whole ? p2p_wire_check(body) : P2P_MALFORMED;
    if (err == P2P_OK) {
        err = p2p_kind_validate(kind, body);
    }
    if (err != P2P_OK) {
        p2p_job_fail(job, err, "the content is not what a record of this kind holds");
    }
    return err == P2P_OK;
}

/* What no job writes: the node's own acts about custody, which follow from what it holds; and,
 * while it cannot know whether its store is all that its feed ever had, what gives custody away
 * or takes it; and, while the lease of who was replaced may run, what takes it over. */
static bool may_act(struct p2p_engine *engine, uint32_t kind, struct p2p_slice content,
                    struct p2p_job *job)
{
    uint64_t left_ms = 0;
    bool passes_on = kind == P2P_KIND_CUSTODY_OFFER || kind == P2P_KIND_CUSTODY_ACCEPT ||
                     kind == P2P_KIND_CUSTODY_REFUSE;
    if (kind == P2P_KIND_USE || kind == P2P_KIND_RULED) {
        p2p_job_fail(job, P2P_REFUSED, "the node writes that by itself");
        return false;
    }
    if (passes_on && p2p_engine_custody(engine, &engine->now, NULL) == P2P_CUSTODY_WAITING) {
        p2p_job_fail(job, P2P_BUSY,
                     "custody waits until enough witnesses have answered since this start, and "
                     "the copy can be written: port2port wait custody");
        return false;
    }
    if (kind == P2P_KIND_RECOUNT && !p2p_takeover_waited(engine, content, &left_ms)) {
        p2p_job_fail(job, P2P_BUSY, "");
        snprintf(
            job->result.reason, sizeof(job->result.reason),
            "the lease of who held it may still run: look at the yard in %llu min, without a "
            "restart until then, and say it then",
            (unsigned long long)(left_ms / 60000 + 1));
        return false;
    }
    return true;
}

static bool append_fits(struct p2p_engine *engine, const struct p2p_append *record,
                        struct p2p_job *job)
{
    if (!may_act(engine, record->kind, record->content, job)) {
        return false;
    }
    if (record->payload.len > P2P_PAYLOAD_BYTES_MAX || record->cite_count > P2P_CITES_MAX ||
        record->content.len + 16 * record->cite_count > P2P_BODY_BYTES_MAX) {
        p2p_job_fail(job, P2P_TOOLARGE, "a record of this job is larger than 60,000 bytes");
        return false;
    }
    const struct shape shape = {.kind = record->kind,
                                .circle = record->circle,
                                .author = record->issuer == 0 ? P2P_BY_NODE : P2P_BY_ISSUER,
                                .content = record->content,
                                .payload = record->payload};
    return fits(engine, &shape, job);
}

static bool may_append(const struct p2p_engine *engine, struct p2p_job *job)
{
    if (engine->read_only != P2P_READ_ONLY_NONE) {
        p2p_job_fail(job, P2P_RDONLY, p2p_read_only_word(engine->read_only));
        return false;
    }
    if (engine->feed == 0) {
        p2p_job_fail(job, P2P_RDONLY, "the charter held here does not name this member");
        return false;
    }
    return true;
}

/* Whether an issuer has numbers for all that one commit may hold. Who had his key once may have
 * used the last ones up. */
static enum p2p_err numbers_left(struct p2p_engine *engine, uint32_t issuer,
                                 struct p2p_job *job, bool *left)
{
    uint64_t given = 0;
    enum p2p_err err = issuer == 0 ? P2P_OK : p2p_append_given(engine, issuer, &given);
    *left = given <= UINT64_MAX - P2P_COMMIT_RECORDS_MAX;
    if (err == P2P_OK && !*left) {
        p2p_job_fail(job, P2P_REFUSED,
                     "that issuer has used the last number there is: the charter has to revoke "
                     "it and grant another");
    }
    return err;
}

static enum p2p_err append_job(struct p2p_engine *engine, struct p2p_job *job)
{
    bool by_issuer = false;
    enum p2p_err err = P2P_OK;
    if (!may_append(engine, job)) {
        return P2P_OK;
    }
    if (p2p_job_bytes(job) > P2P_JOB_BYTES_MAX) {
        p2p_job_fail(job, P2P_TOOLARGE, "the job is larger than one commit may be");
        return P2P_OK;
    }
    for (size_t i = 0; i < job->append.count; i++) {
        bool left = false;
        by_issuer = by_issuer || job->append.records[i].issuer != 0;
        if (!append_fits(engine, &job->append.records[i], job)) {
            return P2P_OK;
        }
        err = numbers_left(engine, job->append.records[i].issuer, job, &left);
        if (err != P2P_OK || !left) {
            return err;
        }
    }
    if (by_issuer) {
        err = p2p_append_seen(engine);
    }
    for (size_t i = 0; i < job->append.count && err == P2P_OK; i++) {
        struct p2p_record_id id;
        err = p2p_append_own(engine, &job->append.records[i], &id);
        if (i == 0) {
            job->result.first = id;
        }
    }
    return err;
}

static enum p2p_err prepare_job(struct p2p_engine *engine, struct p2p_job *job)
{
    uint64_t seq;
    struct p2p_slice head;
    if (!may_append(engine, job) || !append_fits(engine, &job->prepare, job)) {
        return P2P_OK;
    }
    bool left = false;
    enum p2p_err err = numbers_left(engine, job->prepare.issuer, job, &left);
    if (err != P2P_OK || !left) {
        return err;
    }
    err = p2p_append_number(engine, job->prepare.issuer, &seq);
    if (err == P2P_OK) {
        err = p2p_append_reserve(engine, job->prepare.issuer, seq);
        engine->signature_made = true; /* outside, under this number */
        engine->number_given = true;
    }
    if (err == P2P_OK) {
        err = p2p_append_encode(engine, &job->prepare, seq, &head, &job->result.salted);
    }
    if (err == P2P_OK) {
        err = p2p_append_finish(engine, head, NULL, &job->result.leaf);
    }
    if (err == P2P_TOOLARGE) {
        p2p_job_fail(job, err, "the record is larger than 60,000 bytes");
        err = P2P_OK;
    }
    return err;
}

/* A record that was signed outside must be one that would have effect. */
static enum p2p_err submit_job(struct p2p_engine *engine, struct p2p_job *job)
{
    const struct p2p_feed_info *info = p2p_charter_feed(engine->ledger.charter, engine->feed);
    struct p2p_arrival arrival = {.feed = engine->feed, .salted = job->submit.salted};
    struct p2p_slice payload = {0};
    uint64_t highest = 0;
    uint64_t given = 0;
    if (!may_append(engine, job)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_record_decode(&arrival.record, job->submit.leaf);
    if (err == P2P_OK && arrival.record.body_type == P2P_BODY_COMMITMENT) {
        err = p2p_record_open(&arrival.record, p2p_slice_text(info->origin), arrival.salted,
                              &payload);
    }
    if (err == P2P_OK &&
        (arrival.record.body_type == P2P_BODY_COMMITMENT) == (arrival.salted.len == 0)) {
        err = P2P_COMMITMENT;
    }
    if (err != P2P_OK) {
        p2p_job_fail(job, err, "the submitted bytes are not a whole record with its payload");
        return P2P_OK;
    }
    const struct shape shape = {.kind = arrival.record.kind,
                                .circle = arrival.record.circle,
                                .author = P2P_BY_ISSUER,
                                .content = arrival.record.content,
                                .payload = payload};
    if (!may_act(engine, shape.kind, shape.content, job) || !fits(engine, &shape, job)) {
        return P2P_OK;
    }
    err = p2p_ledger_verify(&engine->ledger, &arrival, 1);
    if (err != P2P_OK) {
        return err;
    }
    if (arrival.signature != P2P_SIGNATURE_GOOD) {
        p2p_job_fail(job, P2P_BADSIG, "the issuer's signature does not verify in this feed");
        return P2P_OK;
    }
    err = p2p_issuer_seq(&engine->ledger, engine->feed, arrival.record.issuer, &highest);
    if (err == P2P_OK) {
        err = p2p_append_given(engine, arrival.record.issuer, &given);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (arrival.record.issuer_seq > given) {
        p2p_job_fail(job, P2P_REFUSED,
                     "that number was never given out here; prepare the record first");
        job->result.code = "not-prepared";
        return P2P_OK;
    }
    if (arrival.record.issuer_seq <= highest) {
        p2p_job_fail(job, P2P_REFUSED,
                     "that number was used already; prepare the record again");
        job->result.code = "overtaken";
        return P2P_OK;
    }
    err = p2p_append_seen(engine);
    if (err == P2P_OK) {
        err = p2p_append_leaf(engine, job->submit.leaf, job->submit.salted, arrival.signature,
                              &job->result.first);
    }
    return err;
}

static enum p2p_err charter_job(struct p2p_engine *engine, struct p2p_job *job)
{
    const struct p2p_entry_body entry = {
        .index = job->charter.index, .leaf = job->charter.leaf, .note = job->charter.note};
    enum p2p_err err = p2p_receive_charter(engine, 0, &entry, job->result.reason);
    if (err == P2P_NOMEM || err == P2P_IO || err == P2P_FULL || err == P2P_CORRUPT) {
        return err;
    }
    job->result.err = err;
    return P2P_OK;
}

enum p2p_err p2p_job_charters(struct p2p_engine *engine)
{
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        memset(&job->result, 0, sizeof(job->result));
        if (job->type == P2P_JOB_CHARTER && !p2p_engine_stores(engine)) {
            p2p_job_fail(job, P2P_RDONLY, p2p_read_only_word(engine->read_only));
        } else if (job->type == P2P_JOB_CHARTER && p2p_engine_damaged(engine)) {
            p2p_job_fail(job, P2P_RDONLY, p2p_read_only_word(P2P_READ_ONLY_DAMAGED));
        } else if (job->type == P2P_JOB_CHARTER) {
            err = charter_job(engine, job);
        }
    }
    return err;
}

enum p2p_err p2p_job_all(struct p2p_engine *engine, uint64_t *wake_ms)
{
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        switch (job->type) {
        case P2P_JOB_APPEND:
            err = append_job(engine, job);
            break;
        case P2P_JOB_PREPARE:
            err = prepare_job(engine, job);
            break;
        case P2P_JOB_SUBMIT:
            err = submit_job(engine, job);
            break;
        case P2P_JOB_CHARTER:
            break; /* taken already */
        case P2P_JOB_CHECK:
        case P2P_JOB_COLLECT:
            break; /* after everything that this batch appends */
        }
    }
    if (err == P2P_OK && !p2p_engine_damaged(engine)) {
        err = p2p_ruling_due(engine, wake_ms);
    }
    if (err == P2P_OK) {
        err = p2p_append_decisions(engine);
    }
    if (err == P2P_OK && engine->read_only == P2P_READ_ONLY_NONE && engine->feed != 0) {
        err = p2p_append_idle_seen(engine);
    }
    if (err == P2P_OK) {
        err = p2p_state_due(engine);
    }
    return err;
}
