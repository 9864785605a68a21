/* What a batch did, told to watchers and to the log. */
#include "writer_parts.h"

#include <stdio.h>

static void log_trace(struct p2p_node *node, const struct p2p_event_entry *entry)
{
    const struct p2p_trace *trace = &entry->trace;
    enum p2p_log_level level = P2P_LOG_DEBUG;
    switch (trace->type) {
    case P2P_TRACE_FORK:
    case P2P_TRACE_DAMAGED:
    case P2P_TRACE_DIVERGED:
    case P2P_TRACE_CHARTER_RIVAL:
    case P2P_TRACE_REUSED:
        level = P2P_LOG_ERROR;
        break;
    case P2P_TRACE_REFUSED:
    case P2P_TRACE_GAP:
    case P2P_TRACE_LOST:
    case P2P_TRACE_WITHHELD:
    case P2P_TRACE_CIRCLE:
    case P2P_TRACE_READ_ONLY:
    case P2P_TRACE_CLOCK:
    case P2P_TRACE_FORK_TAKEN:
    case P2P_TRACE_KEPT:
        level = P2P_LOG_WARN;
        break;
    case P2P_TRACE_CHARTER:
    case P2P_TRACE_SESSION:
    case P2P_TRACE_COMPLETE:
    case P2P_TRACE_CIRCLE_KEY:
    case P2P_TRACE_REPAIRED:
        level = P2P_LOG_INFO;
        break;
    case P2P_TRACE_APPENDED:
    case P2P_TRACE_RECEIVED:
    case P2P_TRACE_TAKEN:
    case P2P_TRACE_PAYLOADS:
    case P2P_TRACE_COSIGNED:
    case P2P_TRACE_WITNESSED:
    case P2P_TRACE_MIRRORED:
    case P2P_TRACE_EVERYWHERE:
    case P2P_TRACE_COUNT:
        break;
    }
    if (!p2p_log_enabled(node->log, level)) {
        return;
    }
    const struct p2p_log_field fields[] = {
        p2p_log_text("feed", entry->feed), p2p_log_text("member", entry->member),
        p2p_log_uint("at", trace->at),     p2p_log_uint("value", trace->value),
        p2p_log_err(trace->err),
    };
    size_t count = sizeof(fields) / sizeof(fields[0]) - (trace->err == P2P_OK ? 1 : 0);
    p2p_log_write(node->log, level, p2p_trace_word(trace->type), fields, count);
}

void p2p_tell(struct p2p_node *node, const struct p2p_actions *actions)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    for (size_t i = 0; i < actions->trace_count; i++) {
        const struct p2p_trace *trace = &actions->traces[i];
        struct p2p_event_entry entry = {.time_ms = node->now.wall_ms, .trace = *trace};
        struct p2p_slice feed = p2p_feed_name(ledger, trace->feed);
        const struct p2p_member *member = p2p_charter_member(ledger->charter, trace->member);
        const struct p2p_kind *kind = NULL;
        if (trace->type == P2P_TRACE_APPENDED || trace->type == P2P_TRACE_TAKEN) {
            kind = p2p_kind_find((uint32_t)trace->value);
        }
        if (trace->type == P2P_TRACE_TAKEN) {
            entry.what = p2p_spread_word((uint32_t)trace->value);
        }
        if (trace->type == P2P_TRACE_EVERYWHERE) {
            kind = p2p_kind_find((uint32_t)(trace->value >> 48));
            entry.what = p2p_spread_word((uint32_t)(trace->value >> 48));
            entry.had = (uint32_t)(trace->value >> 32) & UINT16_MAX;
            entry.trace.value &= UINT32_MAX; /* ms */
        }
        snprintf(entry.feed, sizeof(entry.feed), "%.*s", (int)feed.len,
                 (const char *)feed.data);
        snprintf(entry.member, sizeof(entry.member), "%s", member != NULL ? member->name : "");
        snprintf(entry.kind, sizeof(entry.kind), "%s", kind != NULL ? kind->word : "");
        p2p_events_add(node->events, &entry);
        if (node->log != NULL) {
            log_trace(node, &entry);
        }
    }
}
