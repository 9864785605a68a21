/* The metrics of what an observer looks for. */
#include "../core/withheld.h"
#include "metrics.h"

static void write_spread(FILE *out, const struct p2p_node *node)
{
    const struct p2p_spread *spread = p2p_engine_spread(node->engine);
    static const char *const labels[P2P_SPREAD_BUCKETS] = {
#define SPREAD_LABEL(bound, label) label,
        P2P_SPREAD_BUCKET_MAP(SPREAD_LABEL)
#undef SPREAD_LABEL
    };
    uint64_t within = 0;
    p2p_metric_family(out, "ban_everywhere_seconds", "histogram",
                      "From taking a ban or lift here until every other member was known to "
                      "hold it.");
    for (unsigned i = 0; i < P2P_SPREAD_BUCKETS; i++) {
        within += spread->buckets[i];
        p2p_metric_sample(out, "ban_everywhere_seconds_bucket", "le", labels[i], within);
    }
    p2p_metric_sample(out, "ban_everywhere_seconds_bucket", "le", "+Inf", spread->done);
    fprintf(out, "port2port_ban_everywhere_seconds_sum %.3f\n",
            (double)spread->done_ms / 1000.0);
    fprintf(out, "port2port_ban_everywhere_seconds_count %llu\n",
            (unsigned long long)spread->done);
    p2p_metric_plain(out, "bans_not_everywhere", "gauge",
                     "Bans and lifts of this start that some member is not known to hold.",
                     spread->open);
    p2p_metric_plain(
        out, "overrides_total", "counter",
        "Overrides of gates that a second officer approved, taken since the start.",
        spread->overrides);
    p2p_metric_plain(out, "bans_not_followed_total", "counter",
                     "Bans and lifts that were not, or not to the end, followed to every "
                     "member.",
                     spread->dropped + spread->missed);
}

static void write_withheld(FILE *out, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_withheld *withheld = p2p_node_withheld(node, P2P_WITHHELD_LEAVES);
    if (withheld == NULL) {
        return;
    }
    p2p_metric_family(out, "circle_withheld_payloads", "gauge",
                      "Payloads of circles that this member is not in, by circle; only their "
                      "leaves are here.");
    for (uint32_t i = 1; i < withheld->circle_count; i++) {
        if (withheld->counts[i] > 0) {
            p2p_metric_sample(out, "circle_withheld_payloads", "circle",
                              p2p_circle_name(ledger, i), withheld->counts[i]);
        }
    }
    p2p_metric_plain(out, "withheld_counted", "gauge",
                     "1 once every leaf held was looked at for the counts of withheld "
                     "payloads.",
                     withheld->whole);
}

void p2p_metrics_observe(FILE *out, struct p2p_node *node)
{
    write_spread(out, node);
    write_withheld(out, node);
}
