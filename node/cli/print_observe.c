/* What an observer looks at first: how far bans got, what is kept from it, who tells two
 * stories. */
#include "print.h"

#include <inttypes.h>
#include <string.h>

#define LINE_BYTES 512u

static void time_taken(char *out, size_t cap, uint64_t ms)
{
    if (ms < 100) {
        snprintf(out, cap, "%" PRIu64 " ms", ms);
    } else {
        snprintf(out, cap, "%.1f s", (double)ms / 1000.0);
    }
}

const char *p2p_cli_spread_text(char *out, size_t cap, const json_t *row)
{
    char span[32], lacking[LINE_BYTES / 2];
    const char *slowest = p2p_cli_text(row, "slowest");
    uint64_t had = p2p_cli_number(row, "had");
    uint64_t of = p2p_cli_number(row, "of");
    if (had == of) {
        time_taken(span, sizeof span, p2p_cli_number(row, "ms"));
        snprintf(out, cap, "%s, %" PRIu64 " of %" PRIu64 " in %s%s%s",
                 p2p_cli_text(row, "what"), had, of, span,
                 slowest[0] != '\0' ? ", slowest " : "", slowest);
    } else {
        snprintf(out, cap, "%s, %" PRIu64 " of %" PRIu64 ", not known of %s",
                 p2p_cli_text(row, "what"), had, of,
                 p2p_cli_list(lacking, sizeof lacking, row, "lacking"));
    }
    return out;
}

void p2p_cli_print_spread(const struct p2p_cli_style *style, const json_t *rows)
{
    size_t index = 0;
    const json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        char text[LINE_BYTES];
        p2p_cli_field(style, index == 0 ? "everywhere" : "",
                      p2p_cli_spread_text(text, sizeof text, row));
    }
}

/* Feeds in this state, or in the other, as "a, b", or "none". */
static void print_state(const struct p2p_cli_style *style, const json_t *feeds,
                        const char *state, const char *other)
{
    char text[LINE_BYTES] = "none";
    size_t len = 0;
    size_t index = 0;
    const json_t *feed = NULL;
    json_array_foreach(feeds, index, feed)
    {
        const char *is = p2p_cli_text(feed, "state");
        if ((strcmp(is, state) == 0 || strcmp(is, other) == 0) && len < sizeof text) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", len > 0 ? ", " : "",
                                    p2p_cli_text(feed, "feed"));
        }
    }
    p2p_cli_field(style, state, text);
}

static void print_withheld(const struct p2p_cli_style *style, const json_t *withheld)
{
    char text[LINE_BYTES] = "nothing";
    size_t len = 0;
    size_t index = 0;
    const json_t *circle = NULL;
    json_array_foreach(json_object_get(withheld, "circles"), index, circle)
    {
        if (len < sizeof text) {
            len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %" PRIu64,
                                    len > 0 ? ", " : "", p2p_cli_text(circle, "circle"),
                                    p2p_cli_number(circle, "payloads"));
        }
    }
    if (json_is_false(json_object_get(withheld, "counted")) && len < sizeof text) {
        snprintf(text + len, sizeof text - len, " (still counting)");
    }
    p2p_cli_field(style, "withheld", text);
}

void p2p_cli_print_observed(const struct p2p_cli_style *style, const json_t *status)
{
    const json_t *feeds = json_object_get(status, "feeds");
    const json_t *everywhere = json_object_get(status, "everywhere");
    const json_t *newest = json_object_get(everywhere, "newest");
    char text[LINE_BYTES];
    print_state(style, feeds, "forked",
                "quarantined"); /* which is forked, and not settled here */
    print_state(style, feeds, "quarantined", "");
    print_withheld(style, json_object_get(status, "withheld"));
    const json_t *overrides = json_object_get(status, "overrides");
    const json_t *last = json_array_get(json_object_get(overrides, "newest"), 0);
    if (last == NULL) {
        snprintf(text, sizeof text, "none since the start");
    } else {
        char spread[LINE_BYTES / 2];
        snprintf(text, sizeof text, "%" PRIu64 " approved since the start; %.64s: %.200s",
                 p2p_cli_number(overrides, "approved"), p2p_cli_text(last, "id"),
                 p2p_cli_spread_text(spread, sizeof spread, last));
    }
    p2p_cli_field(style, "overrides", text);
    snprintf(text, sizeof text, "%" PRIu64 " everywhere, %" PRIu64 " not yet",
             p2p_cli_number(everywhere, "done"), p2p_cli_number(everywhere, "open"));
    p2p_cli_field(style, "bans, lifts", text);
    if (json_array_size(newest) == 0) {
        return;
    }
    static const char *const heads[] = {"BAN OR LIFT", "TAKEN HERE", "WHO HAS IT", NULL};
    struct p2p_cli_table table;
    size_t index = 0;
    const json_t *row = NULL;
    fputc('\n', style->out);
    p2p_cli_table_init(&table, heads);
    json_array_foreach(newest, index, row)
    {
        char when[P2P_CLI_WHEN_BYTES];
        bool done = p2p_cli_number(row, "had") == p2p_cli_number(row, "of");
        p2p_cli_cell_add(&table, p2p_cli_text(row, "id"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(when, row, "time"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_spread_text(text, sizeof text, row),
                         done ? P2P_CLI_GOOD : P2P_CLI_DOUBT);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}
