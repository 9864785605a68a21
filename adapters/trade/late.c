#include "late.h"

#include "json_text.h"
#include "reply.h"
#include "task.h"

#include <stdio.h>

/* A task that waited is over, or refused: answered now, told, and known no more. */
static enum p2p_err end_late(struct p2p_trade *trade, const char *key, const json_t *entry,
                             enum p2p_trade_end end, const struct p2p_trade_result *result,
                             struct p2p_trade_tally *tally)
{
    const json_t *origin = json_object_get(entry, "origin");
    const json_t *task = json_object_get(entry, "task");
    json_t *names = json_array();
    enum p2p_err err = p2p_journal_sync(trade->journal);
    if (err == P2P_OK && end == P2P_TRADE_NO) {
        char kind[64];
        json_t *items = json_pack("[o]", json_copy((json_t *)origin));
        json_object_set_new(json_array_get(items, 0), "refusals",
                            json_pack("[o]", p2p_trade_refusal(task, result)));
        snprintf(kind, sizeof kind, "late-%.8s.aperak.edi", key);
        err = p2p_trade_send_aperak(trade, items, kind, names);
        json_decref(items);
        tally->refused++;
    }
    if (err == P2P_OK) {
        err = p2p_journal_put(trade->journal, P2P_JOURNAL_TASKS, key, NULL);
    }
    if (err == P2P_OK) {
        p2p_trade_tell(&trade->report,
                       json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:O}", "event",
                                 "late", "sender", p2p_json_text(origin, "sender"),
                                 "interchange", p2p_json_text(origin, "interchange"), "message",
                                 p2p_json_text(origin, "message"), "container",
                                 p2p_json_text(task, "container"), "result",
                                 end == P2P_TRADE_OVER ? "done" : "refused", "code",
                                 result->code, "text", result->text, "answers", names));
    }
    json_decref(names);
    return err;
}

/* Whether an entry is to be looked at: it waits, or it was over when a crash came. Those of an
 * interchange that is not answered are left to that: done here and taken out, they would be
 * done once more when it is gone on with. */
static bool is_left(const struct p2p_trade *trade, const json_t *entry)
{
    return (p2p_task_waits(entry) || json_object_get(entry, "over") != NULL) &&
           p2p_task_answered(trade->journal, entry);
}

/* The keys of the next max entries that are left, behind those of the last time. */
static json_t *next_left(struct p2p_trade *trade, size_t max)
{
    json_t *keys = json_array();
    const char *key;
    json_t *entry;
    size_t at = 0;
    json_object_foreach((json_t *)p2p_journal_all(trade->journal, P2P_JOURNAL_TASKS), key,
                        entry)
    {
        if (at++ >= trade->retried && json_array_size(keys) < max) {
            trade->retried = at;
            if (is_left(trade, entry)) {
                json_array_append_new(keys, json_string(key));
            }
        }
    }
    if (trade->retried >= at) {
        trade->retried = 0;
    }
    return keys;
}

enum p2p_err p2p_trade_retry(struct p2p_trade *trade, size_t max, struct p2p_trade_tally *tally)
{
    json_t *keys = next_left(trade, max);
    size_t i;
    json_t *each;
    enum p2p_err err = P2P_OK;
    json_array_foreach(keys, i, each)
    {
        const char *key = json_string_value(each);
        enum p2p_trade_end end = P2P_TRADE_OVER;
        struct p2p_trade_result result;
        /* One that was tried before may have cancelled this one. */
        json_t *entry = json_incref(p2p_journal_get(trade->journal, P2P_JOURNAL_TASKS, key));
        if (entry == NULL) {
            continue;
        }
        err = p2p_task_run(trade->journal, key, &trade->carrier, trade->now_ms, NULL, &end,
                           &result);
        if (err == P2P_OK && (end == P2P_TRADE_OVER || end == P2P_TRADE_NO)) {
            err = json_is_true(json_object_get(entry, "waited"))
                      ? end_late(trade, key, entry, end, &result, tally)
                      : p2p_journal_put(trade->journal, P2P_JOURNAL_TASKS, key, NULL);
        }
        json_decref(entry);
        if (err != P2P_OK || end == P2P_TRADE_UNDECIDED) {
            break;
        }
    }
    json_decref(keys);
    return err == P2P_OK ? p2p_journal_sync(trade->journal) : err;
}
