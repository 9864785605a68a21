/* Levels as people see them; appending. */
#include "call.h"

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        p2p_call_job_err(call, job);
        call->work.wait_level = P2P_LEVEL_LOCAL;
        return;
    }
    call->work.wait_size =
        job->result.first.index + (job->type == P2P_JOB_APPEND ? job->append.count : 1);
    p2p_call_reply(
        call,
        p2p_call_flagged(call, json_pack("{s:o, s:o, s:s}", "id",
                                         p2p_id_json(ledger, &job->result.first), "time",
                                         p2p_time_json(node->now.wall_ms), "level", "local")));
}

json_t *p2p_stands_json(const struct p2p_node *node, const struct p2p_record_id *id)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_entry entry;
    bool held = p2p_ledger_entry(ledger, id, &entry) == P2P_OK;
    return json_pack("{s:o, s:o, s:s, s:b}", "id", p2p_id_json(ledger, id), "time",
                     held ? p2p_time_json(entry.record.time_ms) : json_null(), "level",
                     p2p_record_level(node, id), "already", true);
}

void p2p_call_stands(struct p2p_call *call, struct p2p_node *node,
                     const struct p2p_record_id *id)
{
    bool own = id->feed == p2p_engine_own_feed(node->engine);
    if (own) {
        call->work.wait_size = id->index + 1;
    } else {
        call->work.wait_level = P2P_LEVEL_LOCAL; /* another feed's has come this far */
    }
    p2p_call_reply(call, p2p_call_flagged(call, p2p_stands_json(node, id)));
}
