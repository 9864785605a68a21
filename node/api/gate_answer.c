/* A gate's question read, and its answer as people get it. */
#include "gate_answer.h"

#include "override_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KNOWLEDGE_MAX = 16 };

/* X(NAME, what a reason of a collect says to people). */
#define COLLECT_TEXT_MAP(X)                                                                    \
    X(NOT_ACCEPTED, "nobody has accepted the right, or no driver is named")                    \
    X(WRONG_DRIVER, "the right names another driver")                                          \
    X(WRONG_TRUCK, "the right names another truck")                                            \
    X(OUTSIDE_SLOT, "outside the slot it was given")                                           \
    X(LIGHT_COMMERCIAL, "the carrier has not released it")                                     \
    X(LIGHT_CUSTOMS, "customs has not released it")                                            \
    X(LIGHT_DISCHARGE, "it is not discharged")                                                 \
    X(LIGHT_TERMINAL, "the terminal has not released it")                                      \
    X(BLOCKED, "the right is blocked")                                                         \
    X(EXPIRED, "the right has expired")                                                        \
    X(CUSTODY_ELSEWHERE, "this member does not hold custody of it")                            \
    X(UNRULED, "the right is being passed on or taken back")                                   \
    X(CUSTODY_WAITING, "this node waits for its witnesses or its copy; see status")            \
    X(LEASE_OVER, "its witnesses were not heard for a whole lease; see to the lines")          \
    X(NOT_MIRRORED, "it is released, but no other member holds that yet; ask the same again")

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

struct p2p_gate_check *p2p_gate_question_read(struct p2p_call *call, struct p2p_node *node,
                                              const char *const *keys)
{
    const struct p2p_member *member = p2p_charter_member(
        p2p_engine_ledger(node->engine)->charter, p2p_engine_member(node->engine));
    struct p2p_subject *subjects;
    size_t count;
    call->job = p2p_call_take(call, sizeof(*call->job));
    struct p2p_gate_check *check = &call->job->check;
    if (!gate_name(call, check->gate) || !p2p_call_keys(call, keys)) {
        return NULL;
    }
    if (member == NULL) {
        p2p_call_error(call, 503, "not-admitted",
                       "once its roots have admitted it: port2port charter fetch URL",
                       "the charter held here does not name this member yet");
        return NULL;
    }
    if (member->role == P2P_ROLE_OBSERVER) {
        p2p_call_error(call, 403, "no-gates", NULL, "this member observes and has no gates");
        return NULL;
    }
    if (!p2p_ban_read_subjects(call, call->body, &subjects, &count)) {
        return NULL;
    }
    memcpy(check->subjects, subjects, count * sizeof(*subjects));
    check->subject_count = count;
    return check;
}

/* The record behind a reason. False when there is none, or it is not here. */
static bool peek(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                 const struct p2p_gate_reason *reason, struct p2p_record *out)
{
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, reason->record.feed);
    struct p2p_slice leaf;
    return reason->has_record && kv != NULL && feed != NULL &&
           p2p_feed_leaf(feed, kv, reason->record.index, &leaf) == P2P_OK &&
           p2p_record_peek(out, leaf) == P2P_OK;
}

/* When it was released. A release that waited for another member when the node ended is one as
 * well, and was perhaps never answered: whoever sees the box stand there is told what to do. */
static json_t *used_text(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                         const struct p2p_gate_reason *reason)
{
    struct p2p_record record;
    json_t *time = NULL;
    if (peek(ledger, kv, reason, &record)) {
        time = p2p_time_json(record.time_ms);
    }
    json_t *text =
        json_sprintf("it was released before%s%s; if it stands here all the same, "
                     "the terminal opens custody anew",
                     time != NULL ? ", at " : "", time != NULL ? json_string_value(time) : "");
    json_decref(time);
    return text;
}

/* What became of its custody, or of its last right: a gate-in of another port, for example. */
static json_t *no_right_text(const struct p2p_ledger *ledger, const struct p2p_kv *kv,
                             const struct p2p_gate_reason *reason)
{
    const struct p2p_kind *kind = NULL;
    struct p2p_record record;
    if (peek(ledger, kv, reason, &record)) {
        kind = p2p_kind_find(record.kind);
    }
    return kind == NULL
               ? json_string("no right to collect it stands here")
               : json_sprintf("no right to collect it stands here: the last of it is %s by %s",
                              kind->word, p2p_owner_name(ledger, reason->record.feed));
}

/* What freezes its custody, and what ends that: two who look at the yard end some of it only.
 */
static json_t *frozen_text(const struct p2p_kv *kv, const struct p2p_gate_reason *reason)
{
    struct p2p_custody custody;
    if (!reason->has_record || reason->circle == 0) {
        return json_string("it is in custody here twice; what was opened twice has to be "
                           "withdrawn: custody withdraw");
    }
    if (kv == NULL ||
        p2p_custody_get(kv, reason->circle, &reason->record, &custody) != P2P_OK ||
        custody.frozen == 0) {
        return json_string("custody is frozen; see custody show");
    }
    enum p2p_frozen first = (enum p2p_frozen)(custody.frozen & -custody.frozen);
    return json_sprintf("custody is frozen (%s); %s", p2p_frozen_word(first),
                        p2p_frozen_end(first));
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
    case P2P_GATE_USED:
        return used_text(p2p_engine_ledger(node->engine), kv, reason);
    case P2P_GATE_NO_RIGHT:
        return no_right_text(p2p_engine_ledger(node->engine), kv, reason);
    case P2P_GATE_CUSTODY_FROZEN:
        return frozen_text(kv, reason);
    case P2P_GATE_READ_ONLY:
        return json_string("the node does not append at present; the decision is spooled");
#define COLLECT_TEXT(name, text)                                                               \
    case P2P_GATE_##name:                                                                      \
        return json_string(text);
        COLLECT_TEXT_MAP(COLLECT_TEXT)
#undef COLLECT_TEXT
    case P2P_GATE_CODE_COUNT:
        break;
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

void p2p_gate_answer_reply(struct p2p_call *call, struct p2p_node *node)
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
        p2p_call_job_err(call, job);
        return;
    }
    const struct p2p_kv *kv = node->kv; /* in a batch, that one's */
    bool released = job->type == P2P_JOB_COLLECT && job->check.released && !job->result.spooled;
    bool written = job->result.release.feed != 0; /* by this job, or else by one before it */
    bool overrides = released && (!written || job->result.seconded.feed != 0);
    if (kv == NULL && (job->result.answer.reason_count > 0 || overrides) &&
        p2p_store_begin(node->store, P2P_TXN_READ, &txn) == P2P_OK) {
        kv = p2p_txn_kv(txn);
    }
    json_t *json = json_pack("{s:s, s:o}", "answer", p2p_answer_word(job->result.answer.answer),
                             "reasons", reasons_json(node, kv, &job->result.answer));
    if (job->type == P2P_JOB_COLLECT) {
        const struct p2p_record_id use = {p2p_engine_own_feed(node->engine), job->check.use};
        json_object_set_new(json, "release",
                            released ? p2p_id_json(ledger, &use) : json_null());
        json_object_set_new(json, "override",
                            overrides && kv != NULL ? p2p_override_of_use(ledger, kv, &use)
                                                    : json_null());
    }
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
    p2p_call_reply(call, json);
}
