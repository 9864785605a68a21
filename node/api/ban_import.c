/* Importing a list of bans: rows in, one record each, a report per line. */
#include "call.h"

#include <stdio.h>
#include <string.h>

struct import {
    struct p2p_append *records;
    size_t count;
    size_t lines;
    size_t already;
    size_t refused;
    json_t *errors;               /* call->kept */
    struct p2p_ban_draft *drafts; /* of records, to find repeats within the request */
    const struct p2p_circle *circle;
    const struct p2p_issuer *issuer;
    bool dry_run;
};

struct import_grant {
    struct p2p_node *node;
    enum p2p_ground ground;
};

static bool may_import(const struct p2p_issuer *issuer, void *context)
{
    const struct import_grant *asked = context;
    const struct p2p_charter *charter = p2p_engine_ledger(asked->node->engine)->charter;
    uint32_t own = p2p_engine_own_feed(asked->node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(asked->node->engine), own);
    const struct p2p_record_id at = {own, feed->edge.size};
    return p2p_ban_may_impose(charter, issuer->number, asked->ground, NULL, 0, &at,
                              p2p_charter_size(charter));
}

static void report(struct import *import, json_int_t line, const char *text)
{
    json_array_append_new(import->errors, json_pack("{s:I, s:s}", "line", line, "text", text));
}

static bool same_draft(const struct p2p_ban_draft *a, const struct p2p_ban_draft *b)
{
    return a->subjects[0].type == b->subjects[0].type &&
           strcmp(a->subjects[0].value, b->subjects[0].value) == 0 && a->ground == b->ground &&
           strcmp(a->reference, b->reference) == 0 && a->from_ms == b->from_ms;
}

/* Looks among the bans on one key. P2P_OK with *held set, or the store's error. */
static enum p2p_err look_up(struct p2p_node *node, const struct import *import,
                            const struct p2p_ban_draft *draft,
                            const struct p2p_subject_key *key, bool *held)
{
    uint32_t circle = import->circle->number;
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    bool begin = true;
    while (!*held &&
           (err = p2p_ban_next_on(node->kv, circle, key, &id, begin, &id)) == P2P_OK) {
        struct p2p_ban ban;
        begin = false;
        err = p2p_ban_get(node->kv, circle, &id, &ban);
        if (err != P2P_OK) {
            break;
        }
        *held = ban.issuer == import->issuer->number && ban.ground == draft->ground &&
                ban.from_ms == draft->from_ms &&
                p2p_slice_equal(ban.reference, p2p_slice_text(draft->reference));
    }
    return *held || err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether the store holds a ban by this issuer with the same subject, ground, reference and
 * from; a token may be of any epoch of the circle's key. */
static enum p2p_err held_already(struct p2p_node *node, const struct import *import,
                                 const struct p2p_ban_draft *draft, bool *held)
{
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    const struct p2p_subject *subject = &draft->subjects[0];
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    *held = false;
    if (subject->type->clear) {
        p2p_subject_key_clear(&key, subject->type->word, p2p_slice_text(subject->value));
        return look_up(node, import, draft, &key, held);
    }
    for (size_t i = 0; i < place->key_count && !*held && err == P2P_OK; i++) {
        const struct p2p_circle_secret *secret = &place->keys[i];
        if (secret->circle == import->circle->number) {
            struct p2p_token token = p2p_subject_token(subject, &secret->key, secret->epoch);
            p2p_subject_key_token(&key, subject->type->word, secret->epoch, &token);
            err = look_up(node, import, draft, &key, held);
        }
    }
    return err;
}

static bool repeated_here(const struct import *import, const struct p2p_ban_draft *draft)
{
    for (size_t i = 0; i < import->count; i++) {
        if (same_draft(&import->drafts[i], draft)) {
            return true;
        }
    }
    return false;
}

/* What was said about the row as an error of the whole call. */
static void refuse(struct p2p_call *call, struct import *import, json_int_t line)
{
    report(import, line, json_string_value(json_object_get(call->reply.json, "text")));
    p2p_api_reply_deinit(&call->reply);
    call->work.done = false;
    import->refused++;
}

static bool read_row(struct p2p_call *call, struct p2p_node *node, json_t *row,
                     struct p2p_ban_draft *draft)
{
    if (!json_is_object(row)) {
        p2p_call_error(call, 400, "bad-row", NULL, "a row is an object");
        return false;
    }
    json_object_set(row, "ground", json_object_get(call->body, "ground"));
    if (!p2p_call_typed(call, row) || !p2p_ban_read_draft(call, node, row, draft, false)) {
        return false;
    }
    if (draft->subject_count != 1) {
        p2p_call_error(call, 400, "bad-row", NULL, "a row has one subject");
        return false;
    }
    return true;
}

/* One row: imposed, already there, or refused with its line. */
static enum p2p_err take_row(struct p2p_call *call, struct p2p_node *node,
                             struct import *import, json_t *row)
{
    json_int_t line = json_integer_value(json_object_get(row, "line"));
    struct p2p_ban_draft draft;
    struct p2p_append *append = &import->records[import->count];
    import->lines++;
    if (!read_row(call, node, row, &draft)) {
        refuse(call, import, line);
        return P2P_OK;
    }
    bool held = repeated_here(import, &draft);
    enum p2p_err err = held ? P2P_OK : held_already(node, import, &draft, &held);
    if (err != P2P_OK || held) {
        import->already += held;
        return err;
    }
    *append = (struct p2p_append){.kind = P2P_KIND_BAN_IMPOSE};
    if (!p2p_ban_pack_draft(call, node, import->circle, &draft, append)) {
        refuse(call, import, line);
        return P2P_OK;
    }
    if (!draft.subjects[0].check_ok) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        snprintf(text, sizeof(text), "%s:%s has a wrong check digit; imposed and flagged",
                 draft.subjects[0].type->word, draft.subjects[0].value);
        report(import, line, text);
    }
    append->issuer = import->issuer->number;
    import->drafts[import->count] = draft;
    import->count++;
    return P2P_OK;
}

static void reply(struct p2p_call *call, struct import *import)
{
    p2p_call_reply(call,
                   json_pack("{s:I, s:I, s:I, s:I, s:O}", "lines", (json_int_t)import->lines,
                             "imposed", (json_int_t)import->count, "already",
                             (json_int_t)import->already, "refused",
                             (json_int_t)import->refused, "errors", import->errors));
}

void p2p_ban_import_start(struct p2p_call *call, struct p2p_node *node)
{
    if (node->import_runs) {
        /* What stands already is looked up in the store, where another import's rows of this
         * batch are not yet. */
        call->work.again = true;
        return;
    }
    struct import *import = p2p_call_take(call, sizeof(*import));
    json_t *rows = json_object_get(call->body, "rows");
    size_t count = json_array_size(rows);
    const char *ground = p2p_call_text(call, "ground");
    struct import_grant asked = {.node = node};
    const struct p2p_issuer_secret *key;
    call->state = import;
    if (ground == NULL || !p2p_ground_named(p2p_slice_text(ground), &asked.ground)) {
        p2p_call_error(call, 400, "bad-ground",
                       "use court, magistrate, administrative, local or eu-regulation",
                       "the ground of the bans is needed");
        return;
    }
    if (count == 0 || count > P2P_CALL_RECORDS_MAX) {
        p2p_call_error(call, 400, "bad-rows", NULL, "between 1 and %u rows are taken at once",
                       P2P_CALL_RECORDS_MAX);
        return;
    }
    if (!p2p_call_appends(call, node)) {
        return;
    }
    import->circle = p2p_call_circle(call, node);
    if (import->circle == NULL) {
        return;
    }
    import->issuer =
        p2p_call_issuer(call, node, may_import, &asked, "impose bans on this ground", &key);
    if (import->issuer == NULL) {
        return;
    }
    import->records = p2p_call_take(call, count * sizeof(*import->records));
    import->drafts = p2p_call_take(call, count * sizeof(*import->drafts));
    import->errors = call->kept = json_array();
    import->dry_run = json_is_true(json_object_get(call->body, "dry_run"));
    for (size_t i = 0; i < count; i++) {
        enum p2p_err err = take_row(call, node, import, json_array_get(rows, i));
        if (err != P2P_OK) {
            p2p_call_err(call, err, "the bans in the store cannot be read");
            return;
        }
    }
    for (size_t i = 0; i < import->count; i++) {
        import->records[i].key = key;
    }
    if (import->dry_run || import->count == 0) {
        reply(call, import);
        call->work.wait_level = P2P_LEVEL_LOCAL; /* there is nothing to wait for */
        return;
    }
    node->import_runs = true;
    p2p_call_append(call, node, import->records, import->count);
}

void p2p_ban_import_finish(struct p2p_call *call, struct p2p_node *node)
{
    struct import *import = call->state;
    const struct p2p_job *job = call->job;
    (void)node;
    if (job->result.err != P2P_OK) {
        p2p_call_job_err(call, job);
        call->work.wait_level = P2P_LEVEL_LOCAL;
        return;
    }
    call->work.wait_size = job->result.first.index + job->append.count;
    reply(call, import);
}
