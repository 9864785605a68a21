/* The charter: the bundle that proves itself, what it says in words, and taking new versions.
 */
#include "charter_json.h"

#include <p2p/bundle.h>
#include <p2p/charter_op.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_DEFAULT = 100, LOG_MAX = 1000, ENTRIES_MAX = P2P_CALL_RECORDS_MAX };

static const struct p2p_charter *charter_of(const struct p2p_node *node)
{
    return p2p_engine_ledger(node->engine)->charter;
}

static void start_bundle(struct p2p_call *call, struct p2p_node *node)
{
    char *text = NULL;
    size_t len = 0;
    enum p2p_err err = p2p_bundle_format(charter_of(node), &text, &len);
    if (err != P2P_OK) {
        p2p_call_err(call, err, "there was no memory for the charter");
        return;
    }
    p2p_call_reply(call, json_loadb(text, len, 0, NULL));
    free(text);
}

static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    p2p_call_reply(call, p2p_charter_json(charter_of(node)));
}

/* ---- log ---- */

/* {"entries":[...],"next"}; `after` and `next` are versions, from 1. */
static void start_log(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = charter_of(node);
    uint64_t size = p2p_charter_size(charter);
    size_t limit = 0;
    uint64_t at = 0;
    enum p2p_err err = P2P_OK;
    if (!p2p_call_limit(call, LOG_DEFAULT, LOG_MAX, &limit) ||
        !p2p_call_number(call, "after", 0, 0, &at)) {
        return;
    }
    json_t *entries = json_array();
    for (; at < size && json_array_size(entries) < limit && err == P2P_OK; at++) {
        json_t *entry = NULL;
        err = p2p_version_json(charter, at, &entry);
        if (err == P2P_OK) {
            json_array_append_new(entries, entry);
        }
    }
    if (err != P2P_OK) {
        json_decref(entries);
        p2p_call_err(call, err, "a version of the charter cannot be read");
        return;
    }
    p2p_call_reply(call, json_pack("{s:o, s:o}", "entries", entries, "next",
                                   at < size ? json_integer((json_int_t)at) : json_null()));
}

/* ---- taking versions ---- */

struct given {
    struct p2p_job *jobs;
    size_t count;
};

/* One entry as a job; its index is what its checkpoint says, and is verified with it. */
static bool read_entry(struct p2p_call *call, json_t *entry, struct p2p_job *job)
{
    const char *record = json_string_value(json_object_get(entry, "record"));
    const char *checkpoint = json_string_value(json_object_get(entry, "checkpoint"));
    struct p2p_note note;
    struct p2p_checkpoint head;
    size_t len = 0;
    if (record == NULL || checkpoint == NULL) {
        p2p_call_error(call, 400, "bad-request", NULL,
                       "an entry has a record in base64 and a checkpoint");
        return false;
    }
    struct p2p_slice text = p2p_slice_of(checkpoint, strlen(checkpoint));
    enum p2p_err err = p2p_base64_measure(&len, p2p_slice_text(record));
    if (err == P2P_OK && len > P2P_RECORD_BYTES_MAX) {
        err = P2P_TOOLARGE;
    }
    uint8_t *leaf = err == P2P_OK ? p2p_call_take(call, len) : NULL;
    if (err == P2P_OK) {
        err = p2p_base64_decode(leaf, len, &len, p2p_slice_text(record));
    }
    if (err == P2P_OK) {
        err = p2p_note_parse(&note, text);
    }
    if (err == P2P_OK) {
        err = p2p_checkpoint_parse(&head, note.text, false);
    }
    if (err != P2P_OK || head.size == 0) {
        p2p_call_error(call, 422, "malformed", "fetch the file again",
                       "an entry is not a record and its signed checkpoint");
        return false;
    }
    job->type = P2P_JOB_CHARTER;
    job->owner = call;
    job->charter.index = head.size - 1;
    job->charter.leaf = p2p_slice_of(leaf, len);
    job->charter.note = text;
    return true;
}

static void start_take(struct p2p_call *call, struct p2p_node *node)
{
    json_t *entries = json_object_get(call->body, "entries");
    struct given *given = p2p_call_take(call, sizeof(*given));
    size_t count = json_array_size(entries);
    if (count == 0 || count > ENTRIES_MAX) {
        p2p_call_error(call, 400, "bad-request", NULL,
                       "between 1 and %d entries are taken at once", ENTRIES_MAX);
        return;
    }
    if (p2p_store_read_only_reason(node->store) != NULL) {
        p2p_call_err(call, P2P_RDONLY, p2p_store_read_only_reason(node->store));
        return;
    }
    given->jobs = p2p_call_take(call, count * sizeof(*given->jobs));
    given->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!read_entry(call, json_array_get(entries, i), &given->jobs[i])) {
            return;
        }
    }
    for (size_t i = 0; i < count; i++) {
        p2p_work_job(node, &given->jobs[i]);
    }
    call->state = given;
}

/* What was good before the first bad entry stays: the charter is append-only. */
static void finish_take(struct p2p_call *call, struct p2p_node *node)
{
    const struct given *given = call->state;
    const struct p2p_charter *charter = charter_of(node);
    for (size_t i = 0; i < given->count; i++) {
        const struct p2p_job *job = &given->jobs[i];
        if (job->result.err == P2P_OK) {
            continue;
        }
        char text[P2P_REASON_BYTES + 64];
        const char *reason = job->result.reason;
        snprintf(text, sizeof(text), "version %llu: %s",
                 (unsigned long long)job->charter.index + 1,
                 *reason != '\0' ? reason : p2p_err_text(job->result.err));
        p2p_call_err(call, job->result.err, text);
        return;
    }
    char root[P2P_BASE64_BYTES(P2P_HASH_BYTES)];
    struct p2p_hash hash = p2p_charter_root(charter);
    p2p_base64_encode(root, hash.bytes, sizeof(hash.bytes));
    p2p_call_reply(call, json_pack("{s:I, s:s}", "size", (json_int_t)p2p_charter_size(charter),
                                   "root", root));
}

const struct p2p_route p2p_charter_routes[] = {
    {.method = "GET",
     .path = "/v1/charter",
     .start = start_bundle,
     .who = P2P_WHO_ANYBODY,
     .reply = "CharterBundle"},
    {.method = "GET",
     .path = "/v1/charter/show",
     .start = start_show,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Charter"},
    {.method = "GET",
     .path = "/v1/charter/log",
     .start = start_log,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "CharterLog",
     .errors = "400"},
    {.method = "POST",
     .path = "/v1/charter",
     .start = start_take,
     .finish = finish_take,
     .who = P2P_WHO_SOCKET,
     .request = "CharterTake",
     .reply = "CharterTaken",
     .errors = "400 422"},
    {0},
};
