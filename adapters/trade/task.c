#include "task.h"

#include "json_text.h"
#include "said.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/hash.h>
#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

#define DAY_MS        86400000u
#define KEY_PARTS_MAX 8u

void p2p_trade_key(char out[P2P_TRADE_KEY_BYTES], const struct p2p_slice *parts, size_t count)
{
    uint8_t lengths[KEY_PARTS_MAX][8];
    struct p2p_slice all[2 * KEY_PARTS_MAX];
    p2p_assert(count <= KEY_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct p2p_writer writer;
        p2p_writer_init(&writer, lengths[i], sizeof lengths[i]);
        p2p_writer_u64(&writer, parts[i].len);
        all[2 * i] = p2p_writer_slice(&writer);
        all[2 * i + 1] = parts[i];
    }
    struct p2p_hash hash = p2p_sha256_many(all, 2 * count);
    p2p_hex_encode(out, hash.bytes, (P2P_TRADE_KEY_BYTES - 1) / 2);
}

void p2p_task_key(char out[P2P_TRADE_KEY_BYTES], const char *message_key, size_t index)
{
    char number[P2P_DECIMAL_BYTES];
    p2p_decimal_encode(number, index);
    struct p2p_slice parts[] = {p2p_slice_text(message_key), p2p_slice_text(number)};
    p2p_trade_key(out, parts, 2);
}

enum p2p_err p2p_task_begin(struct p2p_journal *journal, const char *key, json_t *task,
                            json_t *origin, uint64_t now_ms)
{
    json_t *entry = json_pack("{s:O, s:O, s:I, s:I, s:[]}", "task", task, "origin", origin,
                              "next", (json_int_t)0, "since", (json_int_t)now_ms, "ids");
    return entry == NULL ? P2P_NOMEM : p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, entry);
}

bool p2p_task_waits(const json_t *entry)
{
    return json_is_true(json_object_get(entry, "waits"));
}

/* ---- cancelling what waits ---- */

/* Whether a waiting task is for the same container, and bill of lading when both say one. */
static bool is_for(const json_t *task, const json_t *where)
{
    const char *bl = p2p_json_text(where, "bl");
    const char *own = p2p_said_bl(task);
    return strcmp(p2p_json_text(task, "container"), p2p_json_text(where, "container")) == 0 &&
           (bl[0] == '\0' || own[0] == '\0' || strcmp(bl, own) == 0);
}

bool p2p_task_answered(const struct p2p_journal *journal, const json_t *entry)
{
    const json_t *interchange =
        p2p_journal_get(journal, P2P_JOURNAL_INTERCHANGES,
                        p2p_json_text(json_object_get(entry, "origin"), "key"));
    return interchange == NULL || json_is_true(json_object_get(interchange, "done"));
}

/* One whose interchange is not answered yet stays, as one that is over: gone on with, the
 * interchange would begin it anew. */
static enum p2p_err cancel(struct p2p_journal *journal, const char *key)
{
    const json_t *entry = p2p_journal_get(journal, P2P_JOURNAL_TASKS, key);
    if (p2p_task_answered(journal, entry)) {
        return p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, NULL);
    }
    json_t *changed = json_copy((json_t *)entry);
    if (changed == NULL || json_object_set_new(changed, "over", json_string("done")) != 0 ||
        json_object_set_new(changed, "code", json_string("cancelled")) != 0) {
        json_decref(changed);
        return P2P_NOMEM;
    }
    json_object_del(changed, "waits");
    json_object_del(changed, "waited"); /* nobody waits for an answer to it any more */
    return p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, changed);
}

/* Cancels them; *taken whether there was one. */
static enum p2p_err cancel_waiting(struct p2p_journal *journal, const json_t *origin,
                                   const json_t *where, bool *taken)
{
    enum p2p_err err = P2P_OK;
    json_t *keys = json_array();
    const char *key;
    json_t *entry;
    size_t i;
    json_t *name;
    json_object_foreach((json_t *)p2p_journal_all(journal, P2P_JOURNAL_TASKS), key, entry)
    {
        const json_t *other = json_object_get(entry, "origin");
        if (p2p_task_waits(entry) &&
            strcmp(p2p_json_text(other, "sender"), p2p_json_text(origin, "sender")) == 0 &&
            strcmp(p2p_json_text(other, "type"), p2p_json_text(origin, "type")) == 0 &&
            is_for(json_object_get(entry, "task"), where)) {
            json_array_append_new(keys, json_string(key));
        }
    }
    json_array_foreach(keys, i, name)
    {
        if (err == P2P_OK) {
            err = cancel(journal, json_string_value(name));
            *taken = true;
        }
    }
    json_decref(keys);
    return err;
}

static bool cancels(const json_t *step)
{
    const char *verb = p2p_json_text(step, "verb");
    return strcmp(verb, "right cancel") == 0 || strcmp(verb, "custody withdraw") == 0;
}

/* ---- running ---- */

/* What a step's result means, after what waits was looked at. */
static enum p2p_err decide(struct p2p_journal *journal, const json_t *entry, const json_t *step,
                           uint64_t now_ms, struct p2p_trade_result *result,
                           enum p2p_trade_end *end)
{
    uint64_t since = (uint64_t)json_integer_value(json_object_get(entry, "since"));
    bool waited_enough = since + (uint64_t)P2P_TRADE_WAIT_DAYS * DAY_MS < now_ms;
    bool taken = false;
    enum p2p_err err = P2P_OK;
    if (cancels(step) &&
        (result->outcome == P2P_TRADE_DONE || result->outcome == P2P_TRADE_ABSENT)) {
        err = cancel_waiting(journal, json_object_get(entry, "origin"),
                             json_object_get(step, "where"), &taken);
    }
    switch (result->outcome) {
    case P2P_TRADE_DONE:
        *end = P2P_TRADE_OVER;
        break;
    case P2P_TRADE_REFUSED:
        *end = P2P_TRADE_NO;
        break;
    case P2P_TRADE_ABSENT:
        if (taken) {
            *end = P2P_TRADE_OVER;
        } else if (json_is_true(json_object_get(step, "waits")) && !waited_enough) {
            *end = P2P_TRADE_WAITS;
        } else {
            *end =
                json_is_true(json_object_get(step, "optional")) ? P2P_TRADE_OVER : P2P_TRADE_NO;
        }
        break;
    case P2P_TRADE_UNREACHABLE:
        *end = P2P_TRADE_UNDECIDED;
        break;
    }
    return err;
}

/* The journal's own entries are not to be changed: a copy is changed, and put back. */
static enum p2p_err step_waits(struct p2p_journal *journal, const char *key, json_t *entry)
{
    json_t *changed = json_copy(entry);
    if (changed == NULL || json_object_set_new(changed, "waits", json_true()) != 0 ||
        json_object_set_new(changed, "waited", json_true()) != 0) {
        json_decref(changed);
        return P2P_NOMEM;
    }
    return p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, changed);
}

/* What is over is kept until its message is answered. */
static enum p2p_err task_over(struct p2p_journal *journal, const char *key, json_t *entry,
                              enum p2p_trade_end end, const struct p2p_trade_result *result)
{
    json_t *changed = json_copy(entry);
    int failed = changed == NULL;
    if (!failed) {
        json_object_del(changed, "waits"); /* it may not be there */
        failed |= json_object_set_new(changed, "over",
                                      json_string(end == P2P_TRADE_OVER ? "done" : "refused"));
        failed |= json_object_set_new(changed, "code", json_string(result->code));
        failed |= json_object_set_new(changed, "text", json_string(result->text));
    }
    if (failed) {
        json_decref(changed);
        return P2P_NOMEM;
    }
    return p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, changed);
}

static bool was_over(const json_t *entry, enum p2p_trade_end *end,
                     struct p2p_trade_result *result)
{
    const char *over = p2p_json_text(entry, "over");
    if (over[0] == '\0') {
        return false;
    }
    *end = strcmp(over, "done") == 0 ? P2P_TRADE_OVER : P2P_TRADE_NO;
    *result = (struct p2p_trade_result){.outcome = *end == P2P_TRADE_OVER ? P2P_TRADE_DONE
                                                                          : P2P_TRADE_REFUSED};
    snprintf(result->code, sizeof result->code, "%s", p2p_json_text(entry, "code"));
    snprintf(result->text, sizeof result->text, "%s", p2p_json_text(entry, "text"));
    return true;
}

static enum p2p_err step_done(struct p2p_journal *journal, const char *key, json_t *entry,
                              size_t next, const char *id, bool is_issue)
{
    json_t *changed = json_copy(entry);
    json_t *ids = json_copy(json_object_get(entry, "ids"));
    int failed = changed == NULL || ids == NULL;
    if (!failed && id[0] != '\0') {
        failed |= json_array_append_new(ids, json_string(id));
    }
    if (!failed) {
        failed |= json_object_set(changed, "ids", ids);
        failed |= json_object_set_new(changed, "next", json_integer((json_int_t)next));
        json_object_del(changed, "waits"); /* it may not be there */
        if (is_issue) {
            failed |= json_object_set_new(changed, "issued", json_string(id));
        }
    }
    json_decref(ids);
    if (failed) {
        json_decref(changed);
        return P2P_NOMEM;
    }
    return p2p_journal_put(journal, P2P_JOURNAL_TASKS, key, changed);
}

/* The last step that is done, if any, is not asked for again. */
static enum p2p_err settle(const struct p2p_trade_carrier *carrier, const char *key,
                           const json_t *entry)
{
    size_t next = (size_t)json_integer_value(json_object_get(entry, "next"));
    char step_key[P2P_TRADE_KEY_BYTES];
    if (next == 0 || carrier->settle == NULL) {
        return P2P_OK;
    }
    p2p_task_key(step_key, key, next - 1);
    return carrier->settle(carrier->context, step_key);
}

static void refuse(struct p2p_trade_result *result, const char *code, const char *text)
{
    *result = (struct p2p_trade_result){.outcome = P2P_TRADE_REFUSED};
    snprintf(result->code, sizeof result->code, "%s", code);
    snprintf(result->text, sizeof result->text, "%s", text);
}

/* Whether the task is to be carried out: own; else how it ends, since its message said it
 * before. *entry: it has the ids of what was done then. */
static enum p2p_err said_before(struct p2p_journal *journal, const char *key, json_t **entry,
                                uint64_t now_ms, bool *own, enum p2p_trade_end *end,
                                struct p2p_trade_result *result)
{
    enum p2p_said said;
    const json_t *ids;
    enum p2p_err err = p2p_said_look(journal, key, *entry, now_ms, &said, &ids);
    *own = said == P2P_SAID_NEW;
    switch (said) {
    case P2P_SAID_NEW:
        break;
    case P2P_SAID_DONE: {
        json_t *changed = json_copy(*entry);
        if (changed == NULL || json_object_set(changed, "ids", (json_t *)ids) != 0) {
            json_decref(changed);
            return P2P_NOMEM;
        }
        json_decref(*entry);
        *entry = changed;
        break;
    }
    case P2P_SAID_WAITS:
        *end = P2P_TRADE_WAITS;
        break;
    case P2P_SAID_REVERSED:
        refuse(result, "reversed",
               "this document said so before, and that was cancelled or replaced since; say it "
               "under another document number");
        *end = P2P_TRADE_NO;
        break;
    case P2P_SAID_OTHERWISE:
        refuse(result, "said-otherwise",
               "this document number said something else of this container; replace that with "
               "function 5, or take another number");
        *end = P2P_TRADE_NO;
        break;
    }
    return err;
}

enum p2p_err p2p_task_run(struct p2p_journal *journal, const char *key,
                          const struct p2p_trade_carrier *carrier, uint64_t now_ms, json_t *ids,
                          enum p2p_trade_end *end, struct p2p_trade_result *result)
{
    json_t *entry = json_incref(p2p_journal_get(journal, P2P_JOURNAL_TASKS, key));
    if (entry == NULL) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = settle(carrier, key, entry); /* a crash may have come before it was */
    if (was_over(entry, end, result)) {
        json_array_extend(ids, json_object_get(entry, "ids"));
        json_decref(entry);
        return err;
    }
    const json_t *steps = json_object_get(json_object_get(entry, "task"), "steps");
    size_t next = (size_t)json_integer_value(json_object_get(entry, "next"));
    bool own = true;
    *result = (struct p2p_trade_result){.outcome = P2P_TRADE_DONE};
    *end = P2P_TRADE_OVER;
    if (err == P2P_OK && next == 0) {
        err = said_before(journal, key, &entry, now_ms, &own, end, result);
    }
    while (own && err == P2P_OK && *end == P2P_TRADE_OVER && next < json_array_size(steps)) {
        char step_key[P2P_TRADE_KEY_BYTES];
        const json_t *step = json_array_get(steps, next);
        p2p_task_key(step_key, key, next);
        carrier->carry(carrier->context, step, p2p_json_text(entry, "issued"), step_key,
                       result);
        err = decide(journal, entry, step, now_ms, result, end);
        if (err == P2P_OK && *end == P2P_TRADE_OVER) {
            next++;
            err = step_done(journal, key, entry, next, result->id,
                            strcmp(p2p_json_text(step, "verb"), "right issue") == 0);
            json_decref(entry);
            entry = json_incref(p2p_journal_get(journal, P2P_JOURNAL_TASKS, key));
            err = err == P2P_OK ? settle(carrier, key, entry) : err;
        }
    }
    json_array_extend(ids, json_object_get(entry, "ids"));
    if (err == P2P_OK && own && (*end == P2P_TRADE_OVER || *end == P2P_TRADE_NO)) {
        err = p2p_said_end(journal, key, entry, now_ms, *end == P2P_TRADE_OVER);
    }
    if (err == P2P_OK && (*end == P2P_TRADE_OVER || *end == P2P_TRADE_NO)) {
        err = task_over(journal, key, entry, *end, result);
    } else if (err == P2P_OK && *end == P2P_TRADE_WAITS && !p2p_task_waits(entry)) {
        err = step_waits(journal, key, entry);
    }
    json_decref(entry);
    return err;
}
