/* Gates: checks and collects, answered only once they are durable, and the log of what was
 * decided. */
#include "gate_answer.h"
#include "verb.h"

#include <stdio.h>
#include <string.h>

enum {
    LOG_MAX = 1000,
    LOG_LOOK_MAX = 200000,   /* leaves looked at by one call */
    LOG_BYTES_MAX = 4 << 20, /* of payloads in one answer: they stay in memory for the batch */
    RELEASE_WAIT_MS = 2000   /* for a peer to hold a release */
};

/* ---- what both answer ---- */

static void finish(struct p2p_call *call, struct p2p_node *node)
{
    p2p_gate_answer_reply(call, node);
    node->decisions[call->job->result.answer.answer] += call->reply.status == 200;
}

static bool is_released(const struct p2p_job *job)
{
    return job->result.err == P2P_OK && job->result.release.feed != 0 &&
           job->result.answer.answer == P2P_ANSWER_ALLOW;
}

/* A release waits until another member holds it. */
static bool is_to_wait(const struct p2p_node *node, const struct p2p_job *job)
{
    return is_released(job) && node->config.release_level == P2P_RELEASE_MIRRORED;
}

/* What finish will say, where that is known before the commit. */
static void told(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_job *job = call->job;
    if (job->result.err == P2P_OK && !job->result.spooled && !is_to_wait(node, job)) {
        p2p_gate_answer_reply(call, node);
    }
}

/* ---- a check ---- */

static void start_check(struct p2p_call *call, struct p2p_node *node)
{
    static const char *const keys[] = {"as", "subject", "purpose", "gate", "level", NULL};
    const char *purpose = p2p_call_text(call, "purpose");
    bool first = call->job == NULL;
    struct p2p_gate_check *check = p2p_gate_question_read(call, node, keys);
    if (check == NULL || !p2p_call_at_gate(call, node)) {
        return;
    }
    if (purpose == NULL || !p2p_gate_purpose_valid(p2p_slice_text(purpose))) {
        p2p_call_error(call, 400, "bad-purpose", "use enter, work or call", "%s is no purpose",
                       purpose != NULL ? purpose : "(nothing)");
        return;
    }
    snprintf(check->purpose, sizeof(check->purpose), "%s", purpose);
    call->job->type = P2P_JOB_CHECK;
    call->work.repeatable = first;
    p2p_work_job(node, call->job);
}

/* ---- a collect ---- */

/* What is allowed leaves: so of parties only the one asks who answers for the box, by the grant
 * `custody` for the facility that has it. Where it is not in custody here nothing leaves, and
 * any such grant will do: that it is elsewhere is an answer, and recorded. */
static bool may_collect(struct p2p_call *call, struct p2p_node *node, const char *container)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const uint32_t own = p2p_engine_own_feed(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(node->engine), own);
    struct p2p_custody custody;
    size_t count;
    bool may = p2p_stands_at_gate(call, node);
    if (may && call->who == P2P_WHO_PARTY &&
        p2p_custody_find(node, container, p2p_custody_is_open, &custody, &count) == P2P_OK &&
        custody.holder == own) {
        may = p2p_charter_granted(charter, call->issuer, "custody", custody.facility, own,
                                  feed->edge.size, p2p_charter_size(charter));
    }
    if (!may) {
        p2p_call_error(call, 403, "no-grant", "the terminal that has it asks, or an operator",
                       "%s may not release %s: it has no custody where that is",
                       call->issuer_name, container);
    }
    return may;
}

static void start_collect(struct p2p_call *call, struct p2p_node *node)
{
    static const char *const keys[] = {"as", "subject", "container", "gate", "level", NULL};
    bool first = call->job == NULL;
    struct p2p_gate_check *check = p2p_gate_question_read(call, node, keys);
    const char *container;
    if (check == NULL ||
        !p2p_call_container(call, p2p_call_text(call, "container"), &container) ||
        !may_collect(call, node, container)) {
        return;
    }
    snprintf(check->container, sizeof(check->container), "%s", container);
    snprintf(check->purpose, sizeof(check->purpose), "enter");
    call->job->type = P2P_JOB_COLLECT;
    call->work.repeatable = first;
    p2p_work_job(node, call->job);
}

/* The truck does not leave on an allow that rests on too little; it is to ask again. */
static void hold_back(struct p2p_call *call, struct p2p_node *node, enum p2p_gate_code code)
{
    p2p_gate_add(&call->job->result.answer, code, 0, NULL);
    p2p_admit_forget(call, node);
}

static void release_waited(struct p2p_work *work, struct p2p_node *node, bool reached)
{
    struct p2p_call *call = (struct p2p_call *)work; /* its first member */
    if (!reached || node->engine_lost ||
        !p2p_engine_release_take(node->engine, &call->job->result.release)) {
        hold_back(call, node, P2P_GATE_NOT_MIRRORED);
    }
    finish(call, node);
    p2p_admit_end(call, node);
}

static void finish_collect(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_job *job = call->job;
    if (is_released(job) && node->copy_failed) {
        hold_back(call, node, P2P_GATE_CUSTODY_WAITING); /* a restore would not know of it */
    } else if (is_to_wait(node, job)) {
        call->work.wait_level = P2P_LEVEL_MIRRORED;
        call->work.wait_size = job->result.release.index + 1;
        call->work.wait_ms = RELEASE_WAIT_MS;
        call->work.waited = release_waited;
        return;
    }
    finish(call, node);
}

/* ---- the log ---- */

/* One packed decision as JSON. */
static json_t *decision_json(const struct p2p_ledger *ledger, uint32_t own,
                             struct p2p_slice packed)
{
    json_t *json = json_object();
    struct p2p_unpack in;
    static const char *const texts[] = {"answer", "gate", "purpose", "container"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (p2p_unpack_find(packed, texts[i], &in)) {
            json_object_set_new(json, texts[i], p2p_slice_json(p2p_unpack_str(&in)));
        }
    }
    if (p2p_unpack_find(packed, "time", &in)) {
        json_object_set_new(json, "time", p2p_time_json(p2p_unpack_uint(&in)));
    }
    if (p2p_unpack_find(packed, "use", &in)) {
        const struct p2p_record_id use = {own, p2p_unpack_uint(&in)};
        json_object_set_new(json, "release", p2p_id_json(ledger, &use));
    }
    json_t *reasons = json_array();
    if (p2p_unpack_find(packed, "reasons", &in)) {
        uint32_t count = p2p_unpack_array(&in);
        for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
            uint32_t parts = p2p_unpack_array(&in);
            json_t *code = p2p_slice_json(p2p_unpack_str(&in));
            json_t *record = json_null();
            if (parts == 3) {
                struct p2p_record_id id;
                id.feed = p2p_unpack_u32(&in);
                id.index = p2p_unpack_uint(&in);
                record = p2p_id_json(ledger, &id);
            }
            json_array_append_new(reasons,
                                  json_pack("{s:o, s:o}", "code", code, "record", record));
        }
    }
    json_object_set_new(json, "reasons", reasons);
    return json;
}

/* What stands in one record, if that is one of decisions; the others are not even copied. */
static enum p2p_err log_record(struct p2p_node *node, const struct p2p_record_id *id,
                               uint64_t since_ms, json_t *list, size_t *bytes)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_slice leaf;
    struct p2p_record record;
    struct p2p_entry entry;
    struct p2p_unpack in;
    enum p2p_err err =
        p2p_feed_leaf(p2p_ledger_feed(ledger, id->feed), node->kv, id->index, &leaf);
    if (err == P2P_OK) {
        err = p2p_record_peek(&record, leaf);
    }
    if (err != P2P_OK || record.kind != P2P_KIND_DECISIONS || record.time_ms < since_ms) {
        return err;
    }
    err = p2p_ledger_entry(ledger, id, &entry);
    if (err != P2P_OK || entry.payload.len == 0 ||
        !p2p_unpack_find(entry.payload, "decisions", &in)) {
        return err;
    }
    *bytes += entry.payload.len;
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
        char text[P2P_ID_TEXT_BYTES];
        json_t *json = decision_json(ledger, id->feed, p2p_unpack_raw(&in));
        p2p_id_text(ledger, id, text);
        json_object_set_new(json, "id", json_sprintf("%s#%u", text, i));
        json_array_append_new(list, json);
    }
    return P2P_OK;
}

static void start_log(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    const char *since = p2p_call_param(call, "since");
    const char *after = p2p_call_param(call, "after");
    struct p2p_record_id id = {own, 0};
    uint64_t since_ms = 0;
    json_t *list;
    if (own == 0) {
        p2p_call_error(call, 404, "not-admitted", NULL,
                       "the charter held here does not name this member yet");
        return;
    }
    if (since != NULL && !p2p_time_parse(since, &since_ms)) {
        p2p_call_error(call, 400, "bad-time", "write 2026-11-21 or 2026-11-21T22:00:00Z",
                       "%s is no time", since);
        return;
    }
    if (after != NULL) {
        if (!p2p_id_parse(ledger, after, &id) || id.feed != own) {
            p2p_call_error(call, 400, "bad-id", NULL, "%s is no record of this node", after);
            return;
        }
        id.index++;
    }
    list = json_array();
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, own);
    uint64_t looked = 0;
    size_t bytes = 0;
    for (; id.index < feed->edge.size && json_array_size(list) < LOG_MAX &&
           looked < LOG_LOOK_MAX && bytes < LOG_BYTES_MAX;
         id.index++, looked++) {
        enum p2p_err err = log_record(node, &id, since_ms, list, &bytes);
        if (err != P2P_OK) {
            json_decref(list);
            p2p_call_err(call, err, "the decisions in the store cannot be read");
            return;
        }
    }
    call->looked = looked;
    bool more = id.index < feed->edge.size;
    id.index -= more ? 1 : 0;
    p2p_call_reply(call, json_pack("{s:o, s:o}", "decisions", list, "next",
                                   more ? p2p_id_json(ledger, &id) : json_null()));
}

const struct p2p_route p2p_gate_routes[] = {
    {.method = "GET",
     .path = "/v1/gates/log",
     .start = start_log,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "DecisionList",
     .errors = "400"},
    {.method = "POST",
     .path = "/v1/gates/{name}/checks",
     .start = start_check,
     .finish = finish,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_GATE,
     .request = "Check",
     .reply = "GateAnswer",
     .errors = "400",
     .durable = true,
     .told = told},
    {.method = "POST",
     .path = "/v1/gates/{name}/collects",
     .start = start_collect,
     .finish = finish_collect,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_GATE,
     .request = "Collect",
     .reply = "GateAnswer",
     .errors = "400",
     .durable = true,
     .told = told},
    {0},
};
