/* Gates: checks, answered only once they are durable, and the log of what was decided. */
#include "call.h"

#include <p2p/gate.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    KNOWLEDGE_MAX = 16,
    LOG_MAX = 1000,
    LOG_LOOK_MAX = 200000,  /* leaves looked at by one call */
    LOG_BYTES_MAX = 4 << 20 /* of payloads in one answer: they stay in memory for the batch */
};

/* ---- a check ---- */

static bool gate_name(struct p2p_call *call, char out[P2P_GATE_NAME_BYTES_MAX + 1])
{
    size_t len = strlen(call->rest);
    if (!p2p_gate_name_valid(p2p_slice_of(call->rest, len))) {
        p2p_call_error(call, 400, "bad-gate", "use 1 to 32 of a-z, 0-9 and -",
                       "that is no name of a gate");
        return false;
    }
    memcpy(out, call->rest, len + 1);
    return true;
}

static void start_check(struct p2p_call *call, struct p2p_node *node)
{
    static const char *const keys[] = {"as", "subject", "purpose", "gate", "level", NULL};
    const char *purpose = p2p_call_text(call, "purpose");
    const struct p2p_member *member = p2p_charter_member(
        p2p_engine_ledger(node->engine)->charter, p2p_engine_member(node->engine));
    struct p2p_subject *subjects;
    size_t count;
    bool first = call->job == NULL;
    call->job = p2p_call_take(call, sizeof(*call->job));
    struct p2p_gate_check *check = &call->job->check;
    if (!gate_name(call, check->gate) || !p2p_call_keys(call, keys)) {
        return;
    }
    if (member == NULL) {
        p2p_call_error(call, 503, "not-admitted",
                       "once its roots have admitted it: port2port charter fetch URL",
                       "the charter held here does not name this member yet");
        return;
    }
    if (member->role == P2P_ROLE_OBSERVER) {
        p2p_call_error(call, 403, "no-gates", NULL, "this member observes and has no gates");
        return;
    }
    if (purpose == NULL || !p2p_gate_purpose_valid(p2p_slice_text(purpose))) {
        p2p_call_error(call, 400, "bad-purpose", "use enter, work or call", "%s is no purpose",
                       purpose != NULL ? purpose : "(nothing)");
        return;
    }
    if (!p2p_ban_read_subjects(call, call->body, &subjects, &count)) {
        return;
    }
    snprintf(check->purpose, sizeof(check->purpose), "%s", purpose);
    memcpy(check->subjects, subjects, count * sizeof(*subjects));
    check->subject_count = count;
    call->job->type = P2P_JOB_CHECK;
    call->work.repeatable = first;
    p2p_work_job(node, call->job);
}

/* What a reason says to people: the ban behind it in a line. */
static json_t *reason_text(struct p2p_node *node, const struct p2p_kv *kv,
                           const struct p2p_gate_reason *reason)
{
    struct p2p_ban ban;
    switch (reason->code) {
    case P2P_GATE_BANNED:
    case P2P_GATE_PARTIAL_MATCH:
    case P2P_GATE_SUSPENDED:
    case P2P_GATE_CLOCK:
        if (kv != NULL && p2p_ban_get(kv, reason->circle, &reason->record, &ban) == P2P_OK) {
            const struct p2p_issuer *issuer =
                p2p_charter_issuer(p2p_engine_ledger(node->engine)->charter, ban.issuer);
            return json_sprintf("%s: %.*s, by %s", p2p_ground_word(ban.ground),
                                (int)ban.reference.len, (const char *)ban.reference.data,
                                issuer != NULL ? issuer->name : "?");
        }
        return json_string("a ban");
    case P2P_GATE_BAD_IDENTIFIER:
        return json_string("a check digit is wrong; compare the document");
    case P2P_GATE_STALE:
        return json_string("too few of the other members were heard of lately");
    case P2P_GATE_INCOMPLETE:
        if (!reason->has_record && reason->circle != 0) {
            return json_sprintf(
                "payloads of circle %s are not all here yet",
                p2p_circle_name(p2p_engine_ledger(node->engine), reason->circle));
        }
        return json_string("this gate does not yet know all that its witnesses hold");
    case P2P_GATE_READ_ONLY:
        return json_string("the node does not append at present; the decision is spooled");
    }
    return json_string("");
}

static json_t *reasons_json(struct p2p_node *node, const struct p2p_kv *kv,
                            const struct p2p_gate_answer *answer)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    json_t *list = json_array();
    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct p2p_gate_reason *reason = &answer->reasons[i];
        json_array_append_new(
            list,
            json_pack("{s:s, s:o, s:o}", "code", p2p_gate_code_word(reason->code), "record",
                      reason->has_record ? p2p_id_json(ledger, &reason->record) : json_null(),
                      "text", reason_text(node, kv, reason)));
    }
    return list;
}

struct knowledge {
    uint32_t feed;
    uint64_t age_ms;
};

static int oldest_first(const void *left, const void *right)
{
    const struct knowledge *a = left;
    const struct knowledge *b = right;
    if (a->age_ms != b->age_ms) {
        return a->age_ms > b->age_ms ? -1 : 1;
    }
    return a->feed < b->feed ? -1 : a->feed > b->feed;
}

static json_t *knowledge_json(struct p2p_node *node, json_int_t *total)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    uint32_t own = p2p_engine_own_feed(node->engine);
    struct knowledge *all = calloc(ledger->feed_count + 1, sizeof(*all));
    json_t *list = json_array();
    size_t count = 0;
    if (all == NULL) {
        return list;
    }
    for (uint32_t i = 1; i < ledger->feed_count; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, i);
        if (i != own && (info == NULL || info->closed == 0)) { /* what is closed has no age */
            all[count++] =
                (struct knowledge){i, p2p_engine_age_ms(node->engine, i, &node->now)};
        }
    }
    qsort(all, count, sizeof(*all), oldest_first);
    for (size_t i = 0; i < count && i < KNOWLEDGE_MAX; i++) {
        struct p2p_slice name = p2p_feed_name(ledger, all[i].feed);
        uint64_t size = p2p_ledger_feed(ledger, all[i].feed)->edge.size;
        json_array_append_new(
            list, json_pack("{s:o, s:I, s:o}", "feed", p2p_slice_json(name), "size",
                            (json_int_t)size, "age_s",
                            all[i].age_ms == UINT64_MAX
                                ? json_null()
                                : json_integer((json_int_t)(all[i].age_ms / 1000))));
    }
    free(all);
    *total = (json_int_t)count;
    return list;
}

static void finish_check(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_job *job = call->job;
    struct p2p_txn *txn = NULL;
    json_int_t total = 0;
    if (job->result.err != P2P_OK && job->result.spooled) {
        p2p_call_error(call, 503, "spool-full", "free space, then restart the node",
                       "%s: nothing is decided", job->result.reason);
        return;
    }
    if (job->result.err != P2P_OK) {
        p2p_call_err(call, job->result.err, job->result.reason);
        return;
    }
    const struct p2p_kv *kv = NULL;
    if (job->result.answer.reason_count > 0 &&
        p2p_store_begin(node->store, P2P_TXN_READ, &txn) == P2P_OK) {
        kv = p2p_txn_kv(txn);
    }
    json_t *json = json_pack("{s:s, s:o}", "answer", p2p_answer_word(job->result.answer.answer),
                             "reasons", reasons_json(node, kv, &job->result.answer));
    p2p_txn_abort(txn);
    json_t *knowledge = knowledge_json(node, &total);
    if (job->result.spooled) {
        json_object_set_new(json, "decision", json_null());
        json_object_set_new(json, "spooled",
                            json_sprintf("%llu:%llu", (unsigned long long)node->boot,
                                         (unsigned long long)job->result.first.index));
    } else {
        char id[P2P_ID_TEXT_BYTES];
        p2p_id_text(ledger, &job->result.first, id);
        json_object_set_new(json, "decision", json_sprintf("%s#%u", id, job->result.decision));
    }
    json_object_set_new(json, "knowledge", knowledge);
    json_object_set_new(json, "knowledge_total", json_integer(total));
    node->decisions[job->result.answer.answer]++;
    p2p_call_reply(call, json);
}

/* ---- the log ---- */

/* One packed decision as JSON. */
static json_t *decision_json(const struct p2p_ledger *ledger, struct p2p_slice packed)
{
    json_t *json = json_object();
    struct p2p_unpack in;
    static const char *const texts[] = {"answer", "gate", "purpose"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (p2p_unpack_find(packed, texts[i], &in)) {
            json_object_set_new(json, texts[i], p2p_slice_json(p2p_unpack_str(&in)));
        }
    }
    if (p2p_unpack_find(packed, "time", &in)) {
        json_object_set_new(json, "time", p2p_time_json(p2p_unpack_uint(&in)));
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
        json_t *json = decision_json(ledger, p2p_unpack_raw(&in));
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
     .finish = finish_check,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_GATE,
     .request = "Check",
     .reply = "GateAnswer",
     .errors = "400"},
    {0},
};
