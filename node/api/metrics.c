/* GET /metrics: Prometheus text, as `promtool check metrics` wants it. Counters begin at 0 with
 * each start of the node, except commits, which the store keeps. */
#include "metrics.h"
#include "status.h"

#include <p2p/refusal.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- writing ---- */

void p2p_metric_family(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP port2port_%s %s\n# TYPE port2port_%s %s\n", name, help, name, type);
}

void p2p_metric_plain(FILE *out, const char *name, const char *type, const char *help,
                      uint64_t value)
{
    p2p_metric_family(out, name, type, help);
    fprintf(out, "port2port_%s %llu\n", name, (unsigned long long)value);
}

static void sample(FILE *out, const char *name, const char *label, struct p2p_slice word,
                   uint64_t value)
{
    fprintf(out, "port2port_%s{%s=\"%.*s\"} %llu\n", name, label, (int)word.len,
            (const char *)word.data, (unsigned long long)value);
}

void p2p_metric_sample(FILE *out, const char *name, const char *label, const char *word,
                       uint64_t value)
{
    sample(out, name, label, p2p_slice_text(word), value);
}

/* ---- feeds ---- */

static void write_feeds(FILE *out, struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_feed_view *views = p2p_feed_views(call, node, &count);
    p2p_metric_family(out, "feed_records", "gauge", "Records held of a feed.");
    for (size_t i = 0; i < count; i++) {
        sample(out, "feed_records", "feed", views[i].name, views[i].size);
    }
    p2p_metric_family(out, "feed_witnessed_records", "gauge",
                      "Records of a feed inside its largest quorum-cosigned checkpoint.");
    for (size_t i = 0; i < count; i++) {
        sample(out, "feed_witnessed_records", "feed", views[i].name, views[i].witnessed);
    }
    p2p_metric_family(out, "feed_lag_records", "gauge",
                      "Records of a feed that peers have named and that are not held here.");
    for (size_t i = 0; i < count; i++) {
        sample(out, "feed_lag_records", "feed", views[i].name, views[i].lag);
    }
    p2p_metric_family(out, "feed_age_seconds", "gauge",
                      "Time since the owner of a feed was last heard of; absent when never.");
    for (size_t i = 0; i < count; i++) {
        if (views[i].age_ms != UINT64_MAX) {
            fprintf(out, "port2port_feed_age_seconds{feed=\"%.*s\"} %.3f\n",
                    (int)views[i].name.len, (const char *)views[i].name.data,
                    (double)views[i].age_ms / 1000.0);
        }
    }
    p2p_metric_family(out, "feed_state", "gauge", "1 for the state a feed is in.");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "port2port_feed_state{feed=\"%.*s\",state=\"%s\"} 1\n",
                (int)views[i].name.len, (const char *)views[i].name.data, views[i].state);
    }
}

/* ---- peers ---- */

static void write_peers(FILE *out, struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    uint64_t tallies[P2P_PEER_COUNT] = {0};
    const struct p2p_peer_view *peers = p2p_peer_views(call, node, &count);
    for (size_t i = 0; i < count; i++) {
        tallies[peers[i].state]++;
    }
    p2p_metric_family(out, "peers", "gauge",
                      "Other members, by the state of the session with them.");
    for (unsigned i = 0; i < P2P_PEER_COUNT; i++) {
        p2p_metric_sample(out, "peers", "state", p2p_peer_word((enum p2p_peer_word)i),
                          tallies[i]);
    }
    p2p_metric_family(out, "peer_connected", "gauge",
                      "1 while there is a session with this member.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "peer_connected", "member", peers[i].name,
                          peers[i].state == P2P_PEER_CONNECTED);
    }
    p2p_metric_family(out, "peer_behind_records", "gauge",
                      "Records that this member has named and that are not held here.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "peer_behind_records", "member", peers[i].name, peers[i].behind);
    }
    p2p_metric_family(
        out, "peer_withheld_payloads", "gauge",
        "Payloads that this member was asked for in this session and did not give.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "peer_withheld_payloads", "member", peers[i].name,
                          peers[i].withheld);
    }
    p2p_metric_family(out, "peer_received_bytes_total", "counter",
                      "Bytes that came from this member.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "peer_received_bytes_total", "member", peers[i].name,
                          peers[i].bytes_in);
    }
    p2p_metric_family(out, "peer_sent_bytes_total", "counter",
                      "Bytes that went to this member.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "peer_sent_bytes_total", "member", peers[i].name,
                          peers[i].bytes_out);
    }
}

/* ---- what was refused, what happened ---- */

static void write_refusals(FILE *out, const struct p2p_node *node)
{
    p2p_metric_family(out, "peer_refusals_total", "counter",
                      "What peers sent and this node did not take, by reason.");
    for (int i = 1; i < P2P_ERR_COUNT; i++) {
        enum p2p_err err = (enum p2p_err) - i;
        p2p_metric_sample(out, "peer_refusals_total", "reason", p2p_err_name(err),
                          p2p_engine_refused(node->engine, err));
    }
    p2p_metric_plain(out, "malformed_frames_total", "counter",
                     "Frames of peers that could not be cut out of their stream.",
                     node->refused_frames);
    p2p_metric_family(out, "connection_refusals_total", "counter",
                      "Connections and requests that were turned away, by reason.");
    for (unsigned i = 0; i < P2P_REFUSAL_COUNT && i < P2P_REFUSALS_COUNT; i++) {
        p2p_metric_sample(out, "connection_refusals_total", "reason",
                          p2p_refusal_name((enum p2p_refusal)i), node->refusals[i]);
    }
    p2p_metric_plain(out, "api_turned_away_total", "counter",
                     "Requests from outside by somebody who may not ask that.",
                     node->turned_away);
    p2p_metric_family(out, "api_limited_total", "counter",
                      "Requests from outside above the rate of one caller, by sort.");
    for (unsigned i = P2P_RATE_FREE + 1; i < P2P_RATE_COUNT; i++) {
        p2p_metric_sample(out, "api_limited_total", "rate", p2p_rate_word((enum p2p_rate)i),
                          node->limited[i]);
    }
}

static void write_events(FILE *out, const struct p2p_node *node)
{
    p2p_metric_family(out, "events_total", "counter", "What happened in the engine, by type.");
    for (unsigned i = 0; i < P2P_TRACE_COUNT; i++) {
        enum p2p_trace_type type = (enum p2p_trace_type)i;
        p2p_metric_sample(out, "events_total", "type", p2p_trace_word(type),
                          p2p_engine_traced(node->engine, type));
    }
    p2p_metric_family(out, "gate_decisions_total", "counter",
                      "Recorded decisions of gates, by answer.");
    static const char *const answers[] = {
#define ANSWER_WORD(name, word) [P2P_ANSWER_##name] = word,
        P2P_ANSWER_MAP(ANSWER_WORD)
#undef ANSWER_WORD
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        p2p_metric_sample(out, "gate_decisions_total", "answer", answers[i],
                          node->decisions[i]);
    }
    p2p_metric_plain(out, "commits_total", "counter",
                     "Commits that a signature rests on, over the life of the store.",
                     p2p_engine_commit_number(node->engine));
}

/* ---- the node itself ---- */

static void write_read_only(FILE *out, const struct p2p_node *node)
{
    enum p2p_read_only now = p2p_engine_read_only(node->engine);
    p2p_metric_family(out, "read_only", "gauge",
                      "1 for the reason why nothing is appended, else 0.");
    for (unsigned i = P2P_READ_ONLY_NONE + 1; i <= P2P_READ_ONLY_CLOSED; i++) {
        p2p_metric_sample(out, "read_only", "reason", p2p_read_only_word((enum p2p_read_only)i),
                          now == (enum p2p_read_only)i);
    }
}

static void write_store(FILE *out, struct p2p_node *node)
{
    struct p2p_store_stat stat;
    p2p_metric_plain(out, "store_records", "gauge",
                     "Records held, of all feeds and the charter.",
                     p2p_records_held(p2p_engine_ledger(node->engine)));
    if (p2p_store_stat(node->store, &stat) == P2P_OK) {
        p2p_metric_plain(out, "store_used_bytes", "gauge", "Size of the store's data.",
                         stat.used_bytes);
        p2p_metric_plain(out, "store_map_bytes", "gauge", "Size that the store may grow to.",
                         stat.map_bytes);
        p2p_metric_plain(out, "disk_free_bytes", "gauge", "Free room on the store's disk.",
                         stat.disk_free_bytes);
    }
    p2p_metric_plain(out, "spool_entries", "gauge", "Decisions that wait to be appended.",
                     p2p_spool_count(node->spool));
    p2p_metric_plain(out, "spool_bytes", "gauge", "Bytes of the spool in use.",
                     p2p_spool_bytes(node->spool));
    p2p_metric_plain(out, "spool_reserved_bytes", "gauge",
                     "Bytes of disk that the spool may use; 0: none.",
                     p2p_spool_reserved(node->spool) ? node->config.spool_bytes : 0);
    p2p_metric_plain(out, "mirrored_records", "gauge",
                     "Records of the own feed that a peer has acknowledged as durable.",
                     p2p_engine_mirrored(node->engine));
}

static void write_damage(FILE *out, const struct p2p_node *node)
{
    const struct p2p_damage *damage = p2p_engine_damage(node->engine);
    p2p_metric_plain(out, "damaged", "gauge",
                     "1 while damage of the store is known and not repaired.",
                     damage->is_known);
    p2p_metric_plain(out, "scrubbed_bytes_total", "counter",
                     "Bytes of records and payloads read again and compared.",
                     damage->scrubbed_bytes);
    p2p_metric_plain(out, "scrub_passes_total", "counter",
                     "How often everything stored was compared.", damage->passes);
    p2p_metric_plain(out, "damage_found_total", "counter", "Damaged places found in the store.",
                     damage->count_found);
    const struct p2p_divergence *found = p2p_engine_divergence(node->engine);
    p2p_metric_plain(out, "states_compared_total", "counter",
                     "Digests of other members that were compared at an equal frontier.",
                     found->compared);
    p2p_metric_plain(out, "states_diverged", "gauge",
                     "1 while another member has other digests from the same records.",
                     found->is_known);
    p2p_metric_plain(out, "damage_repaired_total", "counter", "Damaged places repaired.",
                     damage->count_repaired);
}

static void write_clock(FILE *out, const struct p2p_node *node)
{
    uint64_t quorum_ms = p2p_engine_quorum_ms(node->engine, &node->now);
    p2p_metric_family(out, "clock_offset_seconds", "gauge",
                      "Own clock minus quorum time; absent without enough fresh cosignatures.");
    if (quorum_ms != 0) {
        fprintf(out, "port2port_clock_offset_seconds %.3f\n",
                ((double)node->now.wall_ms - (double)quorum_ms) / 1000.0);
    }
    p2p_metric_family(out, "start_time_seconds", "gauge", "When the node started, POSIX time.");
    fprintf(out, "port2port_start_time_seconds %.3f\n", (double)node->started_wall_ms / 1000.0);
    uint64_t up_ms = node->now.wall_ms > node->started_wall_ms
                         ? node->now.wall_ms - node->started_wall_ms
                         : 0;
    p2p_metric_family(out, "uptime_seconds", "gauge", "Time since the node started.");
    fprintf(out, "port2port_uptime_seconds %.3f\n", (double)up_ms / 1000.0);
}

static void write_node(FILE *out, struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    p2p_metric_family(out, "build_info", "gauge", "1, with the version as a label.");
    p2p_metric_sample(out, "build_info", "version", P2P_VERSION, 1);
    p2p_metric_family(out, "node_info", "gauge", "1, with the member as a label.");
    p2p_metric_sample(out, "node_info", "member", node->config.member, 1);
    write_read_only(out, node);
    p2p_metric_plain(
        out, "complete", "gauge",
        "1 once the node has reached what its witnesses hold; before, gates refer.",
        p2p_engine_complete(node->engine));
    uint64_t lease_ms;
    bool releases =
        p2p_engine_custody(node->engine, &node->now, &lease_ms) == P2P_CUSTODY_READY;
    p2p_metric_plain(out, "custody_ready", "gauge",
                     "1 while its witnesses let the node release containers.", releases);
    p2p_metric_plain(out, "lease_seconds", "gauge",
                     "How long it may release without hearing them again; 0 when it may not.",
                     lease_ms / 1000);
    p2p_metric_plain(
        out, "circle_keys_missing", "gauge",
        "Keys of the member's circles that are not here; while there are any, gates refer "
        "what they would allow under a token.",
        p2p_engine_missing_keys(node->engine, NULL, 0));
    p2p_metric_plain(out, "alarm", "gauge",
                     "1 while there is a reason for concern; see doctor.",
                     p2p_alarm_text(call, node) != NULL);
    p2p_metric_plain(out, "charter_versions", "gauge", "Versions of the charter held.",
                     p2p_charter_size(charter));
    p2p_metric_plain(out, "charter_rival_versions", "gauge",
                     "Versions of a second head of the charter; 0 when there is one.",
                     p2p_charter_rival_size(charter));
    p2p_metric_plain(out, "issuer_keys_unlocked", "gauge", "Keys of issuers held in memory.",
                     node->unlocked_count);
    write_store(out, node);
    write_damage(out, node);
    write_clock(out, node);
}

static void write_circles(FILE *out, struct p2p_call *call, struct p2p_node *node)
{
    size_t count;
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_circle_state *views = p2p_circle_views(call, node, &count);
    p2p_metric_family(
        out, "circle_complete", "gauge",
        "1 while every payload of a circle that can be had is here; else gates refer.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "circle_complete", "circle",
                          p2p_circle_name(ledger, views[i].circle), views[i].complete);
    }
    p2p_metric_family(out, "circle_missing_payloads", "gauge",
                      "Payloads of records held that are not here and asked for.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "circle_missing_payloads", "circle",
                          p2p_circle_name(ledger, views[i].circle), views[i].missing);
    }
    p2p_metric_family(out, "circle_lost_payloads", "gauge",
                      "Payloads that only this node ever held and that it lost.");
    for (size_t i = 0; i < count; i++) {
        p2p_metric_sample(out, "circle_lost_payloads", "circle",
                          p2p_circle_name(ledger, views[i].circle), views[i].lost);
    }
}

void p2p_metrics_start(struct p2p_call *call, struct p2p_node *node)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        p2p_call_error(call, 503, "no-memory", NULL, "there was no memory for the answer");
        return;
    }
    write_node(out, call, node);
    write_feeds(out, call, node);
    write_peers(out, call, node);
    write_circles(out, call, node);
    p2p_metrics_observe(out, node);
    write_refusals(out, node);
    write_events(out, node);
    bool whole = ferror(out) == 0;
    whole = fclose(out) == 0 && whole;
    p2p_call_reply_text(call, whole ? text : NULL);
    if (!whole) {
        free(text);
    }
}
