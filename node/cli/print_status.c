#include "print.h"

#include <inttypes.h>
#include <string.h>

/* Digests are compared by eye from their beginning. */
#define DIGEST_SHOWN 16

static void print_feeds(const struct p2p_cli_style *style, const json_t *feeds)
{
    static const char *const heads[] = {"FEED",  "SIZE>", "WITNESSED>", "LAG>",
                                        "HEARD", "STATE", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *feed = NULL;
    json_array_foreach(feeds, index, feed)
    {
        char number[P2P_CLI_SPAN_BYTES], span[P2P_CLI_SPAN_BYTES];
        const json_t *heard = json_object_get(feed, "heard_s");
        const char *state = p2p_cli_text(feed, "state");
        uint64_t lag = p2p_cli_number(feed, "lag");
        p2p_cli_cell_add(&table, p2p_cli_text(feed, "feed"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_count(number, p2p_cli_number(feed, "size")),
                         P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_count(number, p2p_cli_number(feed, "witnessed")),
                         P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, lag > 0 ? p2p_cli_count(number, lag) : "0",
                         lag > 0 ? P2P_CLI_DOUBT : P2P_CLI_PLAIN);
        p2p_cli_span(span, json_number_value(heard));
        char ago[P2P_CLI_SPAN_BYTES + 8];
        snprintf(ago, sizeof ago, "%s%s", span, strcmp(span, "now") == 0 ? "" : " ago");
        p2p_cli_cell_add(&table, json_is_number(heard) ? ago : "never", P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, state,
                         strcmp(state, "ok") == 0       ? P2P_CLI_GOOD
                         : strcmp(state, "behind") == 0 ? P2P_CLI_DOUBT
                                                        : P2P_CLI_BAD);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

const char *p2p_cli_peer_state(char *out, size_t cap, const json_t *peer)
{
    const char *state = p2p_cli_text(peer, "state");
    const char *reason = p2p_cli_text(peer, "reason");
    uint64_t behind = p2p_cli_number(peer, "behind");
    char when[P2P_CLI_WHEN_BYTES];
    if (strcmp(state, "connected") == 0) {
        uint64_t withheld = p2p_cli_number(peer, "withheld_payloads");
        int len = behind > 0 ? snprintf(out, cap, "behind %" PRIu64, behind)
                             : snprintf(out, cap, "up to date");
        if (withheld > 0 && len > 0 && (size_t)len < cap) {
            snprintf(out + len, cap - (size_t)len, ", did not give %" PRIu64 " payloads",
                     withheld);
        }
    } else if (strcmp(state, "refused") == 0) {
        snprintf(out, cap, "refused: %s", reason[0] != '\0' ? reason : "no reason given");
    } else if (strcmp(state, "offline") == 0) {
        p2p_cli_when(when, peer, "since");
        snprintf(out, cap, "offline%s%s%s%s%s", when[0] != '\0' ? " since " : "", when,
                 reason[0] != '\0' ? " (" : "", reason, reason[0] != '\0' ? ")" : "");
    } else {
        snprintf(out, cap, "%s", state);
    }
    return out;
}

void p2p_cli_print_peers(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"PEER", "STATE", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *peer = NULL;
    json_array_foreach(rows, index, peer)
    {
        char text[256];
        const char *state = p2p_cli_text(peer, "state");
        bool connected = strcmp(state, "connected") == 0;
        p2p_cli_cell_add(&table, p2p_cli_text(peer, "member"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_peer_state(text, sizeof text, peer),
                         connected && p2p_cli_number(peer, "behind") == 0 ? P2P_CLI_GOOD
                         : strcmp(state, "refused") == 0                  ? P2P_CLI_BAD
                                                                          : P2P_CLI_DOUBT);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

static const char *read_only_words(const char *code)
{
    static const char *const words[][2] = {
        {"restored",
         "it was restored from a backup; if it does not catch up with its copy, run "
         "port2port key generation and have the roots grant that"},
        {"sync-failed", "the disk failed to sync; restart the node"},
        {"map-full", "the store's map is full; raise map_size in config.yaml"},
        {"disk-full", "the disk is full; make room"},
        {"forked", "its feed is forked; run port2port key generation and have the roots grant "
                   "that"},
        {"damaged", "its store is damaged; it repairs what it can from its peers"},
        {"closed",
         "its generation is closed; the charter grants a newer one, whose keys do not "
         "lie here or which is not begun yet"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(code, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return code;
}

static void print_missing_keys(const struct p2p_cli_style *style, const json_t *keys)
{
    size_t index = 0;
    const json_t *key = NULL;
    json_array_foreach(keys, index, key)
    {
        char span[P2P_CLI_SPAN_BYTES];
        fputs("the key of circle ", style->out);
        p2p_cli_put(style->out, p2p_cli_text(key, "circle"));
        fprintf(style->out, ", epoch %" PRIu64 ", has not come for %s; see port2port doctor\n",
                p2p_cli_number(key, "epoch"),
                p2p_cli_span(span, (double)p2p_cli_number(key, "missing_s")));
    }
}

static void print_circles(const struct p2p_cli_style *style, const json_t *circles)
{
    size_t index = 0;
    const json_t *circle = NULL;
    json_array_foreach(circles, index, circle)
    {
        uint64_t missing = p2p_cli_number(circle, "payloads_missing");
        uint64_t lost = p2p_cli_number(circle, "payloads_lost");
        const char *name = p2p_cli_text(circle, "circle");
        if (json_is_false(json_object_get(circle, "complete"))) {
            fputs("circle ", style->out);
            p2p_cli_put(style->out, name);
            fprintf(style->out, " is not complete: %" PRIu64 " payloads are not here yet\n",
                    missing);
        }
        if (lost > 0) {
            fputs("circle ", style->out);
            p2p_cli_put(style->out, name);
            fprintf(style->out, ": %" PRIu64 " payloads are lost; see port2port doctor\n",
                    lost);
        }
    }
}

static void print_head(const struct p2p_cli_style *style, const json_t *status)
{
    char text[128], span[P2P_CLI_SPAN_BYTES], size[P2P_CLI_SPAN_BYTES];
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(status, "member"));
    fputs(", ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(status, "role"));
    fputs(" of ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(status, "federation"));
    fprintf(style->out, ", generation %" PRIu64 "\n", p2p_cli_number(status, "generation"));
    const char *read_only = p2p_cli_text(status, "read_only");
    if (read_only[0] != '\0') {
        p2p_cli_paint(style, P2P_CLI_BAD, "appends nothing");
        fputs(": ", style->out);
        p2p_cli_put(style->out, read_only_words(read_only));
        fputc('\n', style->out);
    }
    p2p_cli_field(style, "alarm", p2p_cli_text(status, "alarm"));
    if (json_is_false(json_object_get(status, "complete"))) {
        fputs("has not yet heard all there is; until then gates refer what they would allow\n",
              style->out);
    }
    print_circles(style, json_object_get(status, "circles"));
    print_missing_keys(style, json_object_get(status, "circle_keys_missing"));
    const json_t *charter = json_object_get(status, "charter");
    uint64_t versions = p2p_cli_number(charter, "size");
    snprintf(text, sizeof text, "%" PRIu64 " version%s", versions, versions == 1 ? "" : "s");
    p2p_cli_field(style, "charter", text);
    const char *custody = p2p_cli_text(status, "custody");
    uint64_t lease = p2p_cli_number(status, "lease_s");
    snprintf(text, sizeof text, "%s%s%s%s", custody, lease > 0 ? " (lease for another " : "",
             lease > 0 ? p2p_cli_span(span, (double)lease) : "", lease > 0 ? ")" : "");
    p2p_cli_field(style, "custody",
                  strcmp(custody, "waiting-for-witnesses") == 0
                      ? "nothing is released until its witnesses have answered"
                  : strcmp(custody, "lease-over") == 0
                      ? "nothing is released: its witnesses were not heard for a whole lease"
                      : text);
    const json_t *store = json_object_get(status, "store");
    snprintf(text, sizeof text, "%s records, %s",
             p2p_cli_count(span, p2p_cli_number(store, "records")),
             p2p_cli_size(size, p2p_cli_number(store, "bytes")));
    p2p_cli_field(style, "store", text);
    snprintf(text, sizeof text, "%.*s", DIGEST_SHOWN, p2p_cli_text(status, "leaves_digest"));
    p2p_cli_field(style, "leaves", text);
}

/* For comparing with other nodes by eye. */
static void print_digests(const struct p2p_cli_style *style, const json_t *digests)
{
    struct p2p_cli_table table;
    static const char *const heads[] = {"VIEW", "DIGEST", NULL};
    const char *name = NULL;
    json_t *digest = NULL;
    if (json_object_size(digests) == 0) {
        return;
    }
    fputc('\n', style->out);
    p2p_cli_table_init(&table, heads);
    json_object_foreach((json_t *)digests, name, digest)
    {
        char text[2 * DIGEST_SHOWN];
        const char *hex = json_string_value(digest);
        snprintf(text, sizeof text, "%.*s", DIGEST_SHOWN, hex != NULL ? hex : "");
        p2p_cli_cell_add(&table, name, P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, text, P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

void p2p_cli_print_status(const struct p2p_cli_style *style, const json_t *status)
{
    print_head(style, status);
    if (strcmp(p2p_cli_text(status, "role"), "observer") == 0) {
        fputc('\n', style->out);
        p2p_cli_print_observed(style, status);
    }
    const json_t *feeds = json_object_get(status, "feeds");
    if (json_array_size(feeds) > 0) {
        fputc('\n', style->out);
        print_feeds(style, feeds);
    }
    const json_t *peers = json_object_get(status, "peers");
    if (json_array_size(peers) > 0) {
        fputc('\n', style->out);
        p2p_cli_print_peers(style, peers);
    }
    print_digests(style, json_object_get(status, "digests"));
}

void p2p_cli_print_doctor(const struct p2p_cli_style *style, const json_t *report)
{
    size_t index = 0, bad = 0;
    const json_t *check = NULL;
    const json_t *checks = json_object_get(report, "checks");
    json_array_foreach(checks, index, check)
    {
        bool good = json_is_true(json_object_get(check, "ok"));
        const char *hint = p2p_cli_text(check, "hint");
        bad += !good;
        p2p_cli_paint(style, good ? P2P_CLI_GOOD : P2P_CLI_BAD, good ? "ok" : "no");
        char name[32];
        snprintf(name, sizeof name, "  %-14s", p2p_cli_text(check, "name"));
        p2p_cli_put(style->out, name);
        fputs("  ", style->out);
        p2p_cli_put(style->out, p2p_cli_text(check, "text"));
        fputc('\n', style->out);
        if (!good && hint[0] != '\0') {
            fprintf(style->out, "%*s", 20, "");
            p2p_cli_put(style->out, hint);
            fputc('\n', style->out);
        }
    }
    if (bad == 0) {
        fputs("nothing to mend\n", style->out);
    } else {
        fprintf(style->out, "%zu of %zu to mend\n", bad, json_array_size(checks));
    }
}
