/* Custody and rights as people read them. */
#include "print.h"

#include <string.h>

#define LIST_BYTES 512u

static enum p2p_cli_colour custody_colour(const json_t *custody)
{
    const char *state = p2p_cli_text(custody, "state");
    if (json_array_size(json_object_get(custody, "frozen")) > 0) {
        return P2P_CLI_DOUBT;
    }
    return strcmp(state, "held") == 0      ? P2P_CLI_GOOD
           : strcmp(state, "offered") == 0 ? P2P_CLI_DOUBT
                                           : P2P_CLI_DIM;
}

/* "held, frozen (cut, rival)", "offered to belgg" */
static const char *custody_state(char *out, size_t cap, const json_t *custody)
{
    char frozen[LIST_BYTES];
    const char *to = p2p_cli_text(custody, "to");
    p2p_cli_list(frozen, sizeof frozen, custody, "frozen");
    snprintf(out, cap, "%.64s%s%.64s%s%.200s%s", p2p_cli_text(custody, "state"),
             to[0] != '\0' ? " to " : "", to, frozen[0] != '\0' ? ", frozen (" : "", frozen,
             frozen[0] != '\0' ? ")" : "");
    return out;
}

/* A container's number, with a mark when its check digit is wrong. */
static const char *container_marked(char *out, size_t cap, const json_t *row)
{
    snprintf(out, cap, "%.64s%s", p2p_cli_text(row, "container"),
             json_is_false(json_object_get(row, "check_ok")) ? P2P_CLI_BAD_CHECK : "");
    return out;
}

void p2p_cli_print_custodies(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"TOKEN",    "CONTAINER", "STATE", "HOLDER",
                                        "FACILITY", "CALL",      NULL};
    struct p2p_cli_table table;
    size_t index = 0;
    const json_t *custody = NULL;
    p2p_cli_table_init(&table, heads);
    json_array_foreach(rows, index, custody)
    {
        char state[LIST_BYTES], container[LIST_BYTES];
        p2p_cli_cell_add(&table, p2p_cli_text(custody, "token"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, container_marked(container, sizeof container, custody),
                         P2P_CLI_BOLD);
        p2p_cli_cell_add(&table, custody_state(state, sizeof state, custody),
                         custody_colour(custody));
        p2p_cli_cell_add(&table, p2p_cli_text(custody, "holder"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(custody, "facility"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(custody, "call"), P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

static void print_tenures(const struct p2p_cli_style *style, const json_t *tenures)
{
    size_t index = 0;
    const json_t *tenure = NULL;
    json_array_foreach(tenures, index, tenure)
    {
        char line[LIST_BYTES];
        const char *to = p2p_cli_text(tenure, "to");
        snprintf(line, sizeof line, "%.64s from %.100s %s%.100s",
                 p2p_cli_text(tenure, "holder"), p2p_cli_text(tenure, "from"),
                 to[0] != '\0' ? "to " : "on", to);
        p2p_cli_field(style, index == 0 ? "held by" : "then by", line);
    }
}

/* To whom the charter gives it, and how far that has come. */
static void print_reassigned(const struct p2p_cli_style *style, const json_t *given)
{
    char line[LIST_BYTES], span[P2P_CLI_SPAN_BYTES];
    const json_t *wait = json_object_get(given, "wait_s");
    if (!json_is_object(given)) {
        return;
    }
    p2p_cli_span(span, json_number_value(wait));
    bool sealed = json_is_true(json_object_get(given, "sealed"));
    bool waits = json_number_value(wait) > 0;
    snprintf(line, sizeof line, "to %.64s by version %llu of the charter%s%s",
             p2p_cli_text(given, "to"), (unsigned long long)p2p_cli_number(given, "version"),
             !sealed                  ? ", not sealed by enough witnesses yet"
             : !json_is_integer(wait) ? ", sealed; counted there once its wait is over"
             : waits                  ? ", which may count it in "
                                      : ", which may count it now",
             waits ? span : "");
    p2p_cli_field(style, "reassigned", line);
}

static void print_settled(const struct p2p_cli_style *style, const json_t *settled)
{
    char line[LIST_BYTES];
    if (!json_is_object(settled)) {
        return;
    }
    snprintf(line, sizeof line, "version %llu of the charter keeps %.100s instead%s",
             (unsigned long long)p2p_cli_number(settled, "version"),
             p2p_cli_text(settled, "keep"),
             json_is_false(json_object_get(settled, "fits"))
                 ? ", which is of another container: withdraw this one, and open it anew"
                 : "");
    p2p_cli_field(style, "settled", line);
}

static void print_helps(const struct p2p_cli_style *style, const json_t *helps)
{
    size_t index = 0;
    const json_t *one = NULL;
    json_array_foreach(helps, index, one)
    {
        p2p_cli_field(style, index == 0 ? "frozen" : "", json_string_value(one));
    }
}

void p2p_cli_print_custody(const struct p2p_cli_style *style, const json_t *custody)
{
    char text[LIST_BYTES];
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(custody, "container"));
    fputs("  ", style->out);
    p2p_cli_paint(style, custody_colour(custody), custody_state(text, sizeof text, custody));
    fputc('\n', style->out);
    p2p_cli_field(style, "number",
                  json_is_false(json_object_get(custody, "check_ok"))
                      ? "its check digit is wrong: compare the box"
                      : "");
    p2p_cli_field(style, "token", p2p_cli_text(custody, "token"));
    p2p_cli_field(style, "holder", p2p_cli_text(custody, "holder"));
    snprintf(text, sizeof text, "%llu", (unsigned long long)p2p_cli_number(custody, "epoch"));
    p2p_cli_field(style, "epoch", text);
    p2p_cli_field(style, "facility", p2p_cli_text(custody, "facility"));
    p2p_cli_field(style, "call", p2p_cli_text(custody, "call"));
    p2p_cli_field(style, "opened by", p2p_cli_text(custody, "opened_by"));
    p2p_cli_field(style, "last step", p2p_cli_text(custody, "step"));
    p2p_cli_field(style, "also opened", p2p_cli_list(text, sizeof text, custody, "rivals"));
    print_reassigned(style, json_object_get(custody, "reassigned"));
    print_settled(style, json_object_get(custody, "settled"));
    print_helps(style, json_object_get(custody, "helps"));
    print_tenures(style, json_object_get(custody, "tenures"));
}

/* ---- rights ---- */

static enum p2p_cli_colour right_colour(const char *state)
{
    return strcmp(state, "ACTIVE") == 0                                      ? P2P_CLI_GOOD
           : strcmp(state, "BLOCKED") == 0                                   ? P2P_CLI_BAD
           : strcmp(state, "PENDING") == 0 || strcmp(state, "RETURNED") == 0 ? P2P_CLI_DOUBT
                                                                             : P2P_CLI_DIM;
}

/* The lights in a row of letters, capital when green: "Co cu DI te". */
static const char *lights_line(char out[16], const json_t *lights)
{
    static const struct {
        const char *name;
        const char *green;
        const char *on;
        const char *off;
    } rows[] = {
        {"commercial", "ok", "CO", "co"},
        {"customs", "released", "CU", "cu"},
        {"discharge", "discharged", "DI", "di"},
        {"terminal", "released", "TE", "te"},
    };
    out[0] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool green = strcmp(p2p_cli_text(lights, rows[i].name), rows[i].green) == 0;
        strcat(out, i > 0 ? " " : "");
        strcat(out, green ? rows[i].on : rows[i].off);
    }
    return out;
}

void p2p_cli_print_rights(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"ID",     "CONTAINER", "STATE",  "PARTY", "B/L",
                                        "LIGHTS", "DRIVER",    "HOLDER", "UNTIL", NULL};
    struct p2p_cli_table table;
    size_t index = 0;
    const json_t *right = NULL;
    p2p_cli_table_init(&table, heads);
    json_array_foreach(rows, index, right)
    {
        char lights[16], until[P2P_CLI_WHEN_BYTES], container[LIST_BYTES];
        const char *state = p2p_cli_text(right, "state");
        p2p_cli_cell_add(&table, p2p_cli_text(right, "id"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, container_marked(container, sizeof container, right),
                         P2P_CLI_BOLD);
        p2p_cli_cell_add(&table, state, right_colour(state));
        p2p_cli_cell_add(&table, p2p_cli_text(right, "party"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(right, "bl"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, lights_line(lights, json_object_get(right, "lights")),
                         P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(right, "driver"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(right, "holder"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(until, right, "expires"), P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

static void print_chain(const struct p2p_cli_style *style, const json_t *chain)
{
    size_t index = 0;
    const json_t *link = NULL;
    json_array_foreach(chain, index, link)
    {
        char line[LIST_BYTES];
        snprintf(line, sizeof line, "%.64s (%.100s)%s", p2p_cli_text(link, "party"),
                 p2p_cli_text(link, "by"),
                 json_is_false(json_object_get(link, "accepted")) ? ", not accepted yet" : "");
        p2p_cli_field(style, index == 0 ? "issued by" : "given to", line);
    }
}

static void print_asked(const struct p2p_cli_style *style, const json_t *asked)
{
    size_t index = 0;
    const json_t *one = NULL;
    json_array_foreach(asked, index, one)
    {
        char line[LIST_BYTES], behind[P2P_CLI_SPAN_BYTES];
        const json_t *age = json_object_get(one, "behind_s");
        bool lags = json_number_value(age) >= 1.5;
        snprintf(line, sizeof line, "%.100s, asked at %.64s, not yet ruled by %.64s%s%s%s",
                 p2p_cli_text(one, "id"), p2p_cli_text(one, "asked_at"),
                 p2p_cli_text(one, "ruled_by"), lags ? " (behind " : "",
                 lags ? p2p_cli_span(behind, json_number_value(age)) : "", lags ? ")" : "");
        p2p_cli_field(style, "asked", line);
    }
}

static void print_override(const struct p2p_cli_style *style, const json_t *override)
{
    char line[LIST_BYTES], list[LIST_BYTES];
    const char *approved = p2p_cli_text(override, "approved");
    if (!json_is_object(override)) {
        return;
    }
    snprintf(line, sizeof line, "%.100s by %.64s%s%.100s%s%.64s",
             p2p_cli_text(override, "asked"), p2p_cli_text(override, "by"),
             approved[0] != '\0' ? ", approved in " : ", not approved yet", approved,
             approved[0] != '\0' ? " by " : "", p2p_cli_text(override, "approved_by"));
    p2p_cli_field(style, "override", line);
    p2p_cli_field(style, "because", p2p_cli_text(override, "reason"));
    p2p_cli_field(style, "overruled", p2p_cli_list(list, sizeof list, override, "overrules"));
}

static void print_may(const struct p2p_cli_style *style, const json_t *may)
{
    size_t index = 0;
    const json_t *one = NULL;
    json_array_foreach(may, index, one)
    {
        char line[LIST_BYTES];
        const char *who = p2p_cli_text(one, "who");
        if (who[0] != '\0') {
            snprintf(line, sizeof line, "%.64s: %.64s", who, p2p_cli_text(one, "do"));
        } else {
            const char *of = p2p_cli_text(one, "of");
            snprintf(line, sizeof line, "who has the grant %.64s: %.64s%s%.64s",
                     p2p_cli_text(one, "grant"), p2p_cli_text(one, "do"),
                     of[0] != '\0' ? " " : "", of);
        }
        p2p_cli_field(style, index == 0 ? "may now" : "", line);
    }
}

void p2p_cli_print_right(const struct p2p_cli_style *style, const json_t *right)
{
    static const char *const names[] = {"commercial", "customs", "discharge", "terminal"};
    static const char *const greens[] = {"ok", "released", "discharged", "released"};
    char text[LIST_BYTES], when[P2P_CLI_WHEN_BYTES];
    const char *state = p2p_cli_text(right, "state");
    const json_t *lights = json_object_get(right, "lights");
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(right, "id"));
    fputs("  ", style->out);
    p2p_cli_paint(style, right_colour(state), state);
    fputs("  ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(right, "container"));
    fputc('\n', style->out);
    p2p_cli_field(style, "no effect", p2p_cli_text(right, "why"));
    p2p_cli_field(style, "number",
                  json_is_false(json_object_get(right, "check_ok"))
                      ? "its check digit is wrong: compare the box"
                      : "");
    p2p_cli_field(style, "party", p2p_cli_text(right, "party"));
    p2p_cli_field(style, "bill of lad.", p2p_cli_text(right, "bl"));
    p2p_cli_field(style, "reference", p2p_cli_text(right, "reference"));
    p2p_cli_field(style, "terminal", p2p_cli_text(right, "terminal"));
    p2p_cli_field(style, "leaves by", p2p_cli_text(right, "means"));
    p2p_cli_field(style, "until", p2p_cli_when(when, right, "expires"));
    p2p_cli_field(style, "driver", p2p_cli_text(right, "driver"));
    p2p_cli_field(style, "truck", p2p_cli_text(right, "truck"));
    p2p_cli_field(style, "company", p2p_cli_text(right, "company"));
    p2p_cli_field(style, "slot", p2p_cli_list(text, sizeof text, right, "slot"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = p2p_cli_text(lights, names[i]);
        snprintf(text, sizeof text, "%.64s%s", value,
                 strcmp(value, greens[i]) == 0 ? ", green" : "");
        p2p_cli_field(style, names[i], text);
    }
    p2p_cli_field(style, "blocked by", p2p_cli_list(text, sizeof text, right, "blocks"));
    print_chain(style, json_object_get(right, "chain"));
    print_asked(style, json_object_get(right, "asked"));
    snprintf(text, sizeof text, "%.64s, %.64s", p2p_cli_text(right, "holder"),
             p2p_cli_text(right, "custody"));
    p2p_cli_field(style, "custody", text);
    print_override(style, json_object_get(right, "override"));
    p2p_cli_field(style, "used by", p2p_cli_text(right, "used_by"));
    print_may(style, json_object_get(right, "may"));
}
