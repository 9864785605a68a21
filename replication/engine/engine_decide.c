/* Decisions: evaluated against exactly the state that this commit names, one record for as many
 * as fit. */
#include "engine_parts.h"

#include <p2p/assert.h>
#include <p2p/planted.h>

#include <string.h>

/* The answer when what it would rest on cannot be read. */
static void cannot_tell(struct p2p_gate_answer *answer)
{
    *answer = (struct p2p_gate_answer){
        .answer = P2P_ANSWER_REFER, .reason_count = 1, .reasons_total = 1};
    answer->reasons[0].code = P2P_GATE_INCOMPLETE;
}

#ifdef P2P_PLANTED
/* A mistake: the answer of a snapshot that is taken anew every ten seconds. */
static void as_of_snapshot(struct p2p_engine *engine, struct p2p_gate_answer *answer)
{
    size_t kept = 0;
    bool old = engine->now.mono_ms - engine->snapshot_mono_ms >= 10000;
    engine->snapshot_mono_ms = old ? engine->now.mono_ms : engine->snapshot_mono_ms;
    for (uint32_t i = 0; i < engine->extra_count && old; i++) {
        engine->extras[i].snapshot_size = p2p_ledger_feed(&engine->ledger, i)->edge.size;
    }
    answer->answer = P2P_ANSWER_ALLOW;
    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct p2p_gate_reason *reason = &answer->reasons[i];
        if (!reason->has_record ||
            reason->record.index < engine->extras[reason->record.feed].snapshot_size) {
            enum p2p_answer least = p2p_gate_code_answer(reason->code);
            answer->answer = least > answer->answer ? least : answer->answer;
            answer->reasons[kept++] = *reason;
        }
    }
    answer->reasons_total -= answer->reason_count - kept;
    answer->reason_count = kept;
}
#endif

static bool is_decided(const struct p2p_job *job)
{
    return job->type == P2P_JOB_CHECK || job->type == P2P_JOB_COLLECT;
}

enum { TOKENS_MAX = 64 }; /* of one decision; with more they are computed each time */

/* Decides one check or collect and keeps it packed, for the record or the spool. */
static enum p2p_err decide(struct p2p_engine *engine, struct p2p_job *job, bool recorded)
{
    struct p2p_pack pack;
    size_t cap =
        512 + P2P_GATE_REASONS_MAX * 32 + P2P_GATE_KNOWN_MAX * 16 +
        job->check.subject_count * (P2P_SUBJECT_BYTES_MAX + 16 + engine->place.key_count * 32);
    enum p2p_err err = p2p_engine_pack(engine, cap, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_engine_fill_check(engine, &engine->now, &job->check);
    err = job->type == P2P_JOB_COLLECT
              ? p2p_collect_job(engine, job, recorded)
              : p2p_gate_decide(&engine->ledger, engine->kv, &engine->place, &job->check,
                                &job->result.answer);
    if (err == P2P_CORRUPT && p2p_engine_damaged(engine)) {
        cannot_tell(&job->result.answer);
        err = P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
#ifdef P2P_PLANTED
    if (P2P_PLANT(SNAPSHOT_DECISION)) {
        as_of_snapshot(engine, &job->result.answer);
    }
#endif
    p2p_gate_pack(&pack, &engine->place, &job->check, &job->result.answer,
                  recorded ? NULL : &engine->ledger);
    p2p_assert(!p2p_pack_failed(&pack));
    if (p2p_pack_slice(&pack).len > P2P_DECISIONS_BYTES_MAX - 32) {
        p2p_job_fail(job, P2P_TOOLARGE, "ask for fewer subjects at a time");
        return P2P_OK;
    }
    job->result.leaf = p2p_pack_slice(&pack);
    return P2P_OK;
}

/* The same with the tokens of who is presented computed once for all that asks for them. */
static enum p2p_err decide_with_tokens(struct p2p_engine *engine, struct p2p_job *job,
                                       bool recorded)
{
    struct p2p_token tokens[TOKENS_MAX];
    if (job->check.subject_count * engine->place.key_count <= TOKENS_MAX) {
        p2p_gate_tokens(&engine->place, &job->check, tokens);
        job->check.tokens = tokens;
    }
    enum p2p_err err = decide(engine, job, recorded);
    job->check.tokens = NULL;
    return err;
}

/* The circle of this member alone, in which its decisions stand; 0 while there is none. */
static uint32_t own_circle(const struct p2p_engine *engine)
{
    const struct p2p_member *member =
        p2p_charter_member(engine->ledger.charter, engine->member);
    const struct p2p_circle *own =
        member == NULL
            ? NULL
            : p2p_charter_circle_named(engine->ledger.charter, p2p_slice_text(member->name));
    return own == NULL || own->member_count != 1 || !p2p_circle_has(own, engine->member)
               ? 0
               : own->number;
}

/* One `decisions` record for as many of the list as fit; sets *rest to the first that does not.
 */
static enum p2p_err record_decisions(struct p2p_engine *engine, struct p2p_job *from,
                                     struct p2p_job **rest)
{
    size_t bytes = 32;
    uint32_t count = 0;
    struct p2p_job *end = from;
    struct p2p_pack pack;
    struct p2p_record_id id;
    for (; end != NULL; end = end->next) {
        if (is_decided(end) && end->result.leaf.len > 0) {
            if (bytes + end->result.leaf.len > P2P_DECISIONS_BYTES_MAX && count > 0) {
                break;
            }
            bytes += end->result.leaf.len;
            count++;
        }
    }
    *rest = end;
    if (count == 0) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_engine_pack(engine, bytes, &pack);
    if (err != P2P_OK) {
        return err;
    }
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "decisions");
    p2p_pack_array(&pack, count);
    for (struct p2p_job *job = from; job != end; job = job->next) {
        if (is_decided(job) && job->result.leaf.len > 0) {
            p2p_pack_raw(&pack, job->result.leaf);
        }
    }
    const struct p2p_append record = {.kind = P2P_KIND_DECISIONS,
                                      .circle = own_circle(engine),
                                      .payload = p2p_pack_slice(&pack)};
    err = p2p_append_own(engine, &record, &id);
    uint32_t n = 0;
    for (struct p2p_job *job = from; job != end; job = job->next) {
        if (is_decided(job) && job->result.leaf.len > 0) {
            job->result.first = id;
            job->result.decision = n++;
        }
    }
    return err;
}

enum p2p_err p2p_append_decisions(struct p2p_engine *engine)
{
    bool any = false;
    enum p2p_err err = P2P_OK;
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        any = any || is_decided(job);
    }
    if (!any) {
        return P2P_OK;
    }
    /* Without a circle of its own to write it in, a decision is not told to everybody. */
    bool recorded = engine->read_only == P2P_READ_ONLY_NONE && own_circle(engine) != 0;
    if (recorded) {
        err = p2p_append_seen(engine);
    }
    if (err == P2P_OK) {
        err = p2p_ledger_finish(&engine->ledger); /* decisions see what this batch appended */
    }
    for (struct p2p_job *job = engine->jobs; job != NULL && err == P2P_OK; job = job->next) {
        if (is_decided(job)) {
            err = decide_with_tokens(engine, job, recorded);
            job->result.spooled = !recorded && job->result.err == P2P_OK;
        }
    }
    struct p2p_job *rest = engine->jobs;
    while (recorded && rest != NULL && err == P2P_OK) {
        err = record_decisions(engine, rest, &rest);
    }
    return err;
}
