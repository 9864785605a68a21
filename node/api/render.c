/* Ids, names and levels as people see them; appending. */
#include "call.h"

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void p2p_id_text(const struct p2p_ledger *ledger, const struct p2p_record_id *id,
                 char out[P2P_ID_TEXT_BYTES])
{
    struct p2p_slice feed = p2p_feed_name(ledger, id->feed);
    snprintf(out, P2P_ID_TEXT_BYTES, "%.*s:%llu", (int)feed.len, (const char *)feed.data,
             (unsigned long long)id->index);
}

bool p2p_id_parse(const struct p2p_ledger *ledger, const char *text, struct p2p_record_id *id)
{
    const char *colon = strchr(text, ':');
    if (colon == NULL) {
        return false;
    }
    const struct p2p_feed_info *feed =
        p2p_charter_feed_named(ledger->charter, p2p_slice_of(text, (size_t)(colon - text)));
    const char *end = strchr(colon, '#');
    size_t len = end != NULL ? (size_t)(end - colon - 1) : strlen(colon + 1);
    if (feed == NULL ||
        p2p_decimal_decode(&id->index, p2p_slice_of(colon + 1, len)) != P2P_OK) {
        return false;
    }
    id->feed = feed->number;
    return true;
}

json_t *p2p_id_json(const struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    char text[P2P_ID_TEXT_BYTES];
    p2p_id_text(ledger, id, text);
    return json_string(text);
}

const char *p2p_circle_name(const struct p2p_ledger *ledger, uint32_t circle)
{
    const struct p2p_circle *info = p2p_charter_circle(ledger->charter, circle);
    return info != NULL ? info->name : "";
}

json_t *p2p_hex_json(const struct p2p_hash *hash)
{
    char text[P2P_HEX_BYTES(P2P_HASH_BYTES)];
    p2p_hex_encode(text, hash->bytes, P2P_HASH_BYTES);
    return json_string(text);
}

json_t *p2p_slice_json(struct p2p_slice text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    if (text.len == 0 || memchr(text.data, '\0', text.len) == NULL) {
        return json_stringn((const char *)text.data, text.len);
    }
    char *copy = malloc(3 * text.len);
    size_t len = 0;
    if (copy == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool nul = text.data[i] == '\0';
        memcpy(copy + len, nul ? replacement : (const char *)text.data + i, nul ? 3 : 1);
        len += nul ? 3 : 1;
    }
    json_t *json = json_stringn(copy, len);
    free(copy);
    return json;
}

json_t *p2p_base64_json(struct p2p_slice bytes)
{
    char *text = malloc(P2P_BASE64_BYTES(bytes.len));
    if (text == NULL) {
        return NULL;
    }
    p2p_base64_encode(text, bytes.data, bytes.len);
    json_t *json = json_string(text);
    free(text);
    return json;
}

const char *p2p_record_level(const struct p2p_node *node, const struct p2p_record_id *id)
{
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(node->engine, id->feed);
    bool own = id->feed == p2p_engine_own_feed(node->engine);
    if (id->feed == P2P_CHARTER_FEED) {
        return "witnessed"; /* the roots cosigned it before it was taken */
    }
    if (witnessing != NULL && witnessing->quorum_size > id->index) {
        return "witnessed";
    }
    return !own || p2p_engine_mirrored(node->engine) > id->index ? "mirrored" : "local";
}

bool p2p_call_appends(struct p2p_call *call, struct p2p_node *node)
{
    if (p2p_engine_own_feed(node->engine) == 0) {
        p2p_call_error(call, 503, "not-admitted", "have the roots admit join.json",
                       "the charter held here does not name this member yet");
        return false;
    }
    if (p2p_engine_read_only(node->engine) != P2P_READ_ONLY_NONE) {
        p2p_call_err(call, P2P_RDONLY, p2p_read_only_word(p2p_engine_read_only(node->engine)));
        return false;
    }
    return p2p_call_level(call);
}

void p2p_call_append(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_append *records, size_t count)
{
    call->job = p2p_call_take(call, sizeof(*call->job));
    call->job->type = P2P_JOB_APPEND;
    call->job->owner = call;
    call->job->append.records = records;
    call->job->append.count = count;
    p2p_work_job(node, call->job);
}

void p2p_call_appended(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_job *job = call->job;
    if (job->result.err != P2P_OK) {
        p2p_call_err(call, job->result.err, job->result.reason);
        call->work.wait_level = P2P_LEVEL_LOCAL;
        return;
    }
    call->work.wait_size =
        job->result.first.index + (job->type == P2P_JOB_APPEND ? job->append.count : 1);
    p2p_call_reply(call,
                   json_pack("{s:o, s:o, s:s}", "id", p2p_id_json(ledger, &job->result.first),
                             "time", p2p_time_json(node->now.wall_ms), "level", "local"));
}
