#include "print.h"

#include <string.h>

#define LIST_BYTES 512u

static enum p2p_cli_colour state_colour(const char *state)
{
    if (strcmp(state, "in-force") == 0) {
        return P2P_CLI_BAD;
    }
    return strcmp(state, "suspended") == 0 || strcmp(state, "future") == 0 ? P2P_CLI_DOUBT
                                                                           : P2P_CLI_DIM;
}

/* The states as people say them. */
static const char *state_words(const char *state)
{
    static const char *const words[][2] = {
        {"in-force", "in force"},
        {"future", "not yet"},
        {"no-effect", "no effect"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(state, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return state;
}

/* Why a record has no effect, in a few words. */
static const char *why_words(const char *why)
{
    static const char *const words[][2] = {
        {"unknown-issuer", "its issuer is not in the charter"},
        {"no-grant", "its issuer may not do this"},
        {"bad-signature", "its signature does not verify"},
        {"repeated-seq", "its number was used before"},
        {"past-cut-point", "its issuer had been revoked"},
        {"forked-range", "its feed had been forked"},
        {"bad-citation", "it names a record it may not act on"},
        {"bad-payload", "its content cannot be read"},
        {"unknown-kind", "this version does not know its kind"},
        {"erased", "it was erased"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(why, words[i][0]) == 0) {
            return words[i][1];
        }
    }
    return why;
}

const char *p2p_cli_when(char out[P2P_CLI_WHEN_BYTES], const json_t *object, const char *name)
{
    const char *text = p2p_cli_text(object, name);
    size_t len = strlen(text);
    if (len < 20 || text[10] != 'T') {
        snprintf(out, P2P_CLI_WHEN_BYTES, "%.*s", (int)(P2P_CLI_WHEN_BYTES - 1), text);
    } else if (strncmp(text + 10, "T00:00:00", 9) == 0 && strspn(text + 19, ".0") + 20 == len) {
        snprintf(out, P2P_CLI_WHEN_BYTES, "%.10s", text);
    } else {
        snprintf(out, P2P_CLI_WHEN_BYTES, "%.10s %.8s", text, text + 11);
    }
    return out;
}

const char *p2p_cli_moment(char out[P2P_CLI_WHEN_BYTES], const json_t *object, const char *name)
{
    const char *text = p2p_cli_text(object, name);
    size_t len = strlen(text);
    if (len < 20 || text[10] != 'T' || text[len - 1] != 'Z') {
        return p2p_cli_when(out, object, name);
    }
    snprintf(out, P2P_CLI_WHEN_BYTES, "%.10s %.*s", text, (int)(len - 12), text + 11);
    return out;
}

void p2p_cli_field(const struct p2p_cli_style *style, const char *name, const char *value)
{
    if (value[0] == '\0') {
        return;
    }
    char label[48];
    snprintf(label, sizeof label, "%-13s ", name);
    p2p_cli_paint(style, P2P_CLI_DIM, label);
    p2p_cli_put(style->out, value);
    fputc('\n', style->out);
}

void p2p_cli_print_bans(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"ID",   "STATE", "GROUND",    "WHO OR WHAT",
                                        "FROM", "UNTIL", "REFERENCE", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *ban = NULL;
    json_array_foreach(rows, index, ban)
    {
        char subjects[LIST_BYTES], from[P2P_CLI_WHEN_BYTES], until[P2P_CLI_WHEN_BYTES];
        const char *state = p2p_cli_text(ban, "state");
        p2p_cli_cell_add(&table, p2p_cli_text(ban, "id"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, state_words(state), state_colour(state));
        p2p_cli_cell_add(&table, p2p_cli_text(ban, "ground"), P2P_CLI_PLAIN);
        p2p_cli_list(subjects, sizeof subjects - sizeof P2P_CLI_BAD_CHECK, ban, "subjects");
        bool wrong = json_array_size(json_object_get(ban, "bad_identifiers")) > 0;
        strcat(subjects, wrong ? P2P_CLI_BAD_CHECK : "");
        p2p_cli_cell_add(&table, subjects, wrong ? P2P_CLI_DOUBT : P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(from, ban, "from"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(until, ban, "until"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(ban, "reference"), P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

void p2p_cli_print_ban(const struct p2p_cli_style *style, const json_t *ban)
{
    char text[LIST_BYTES], when[P2P_CLI_WHEN_BYTES];
    const char *state = p2p_cli_text(ban, "state");
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(ban, "id"));
    fputs("  ", style->out);
    p2p_cli_paint(style, state_colour(state), state_words(state));
    const char *why = p2p_cli_text(ban, "why");
    if (why[0] != '\0') {
        fputs(": ", style->out);
        p2p_cli_put(style->out, why_words(why));
    }
    fputc('\n', style->out);
    p2p_cli_field(style, "who or what", p2p_cli_list(text, sizeof text, ban, "subjects"));
    p2p_cli_field(style, "check digit",
                  p2p_cli_list(text, sizeof text - 32, ban, "bad_identifiers")[0] != '\0'
                      ? strcat(text, " wrong: compare the document")
                      : "");
    p2p_cli_field(style, "may not", p2p_cli_list(text, sizeof text, ban, "effects"));
    p2p_cli_list(text, sizeof text, ban, "scope");
    p2p_cli_field(style, "where", strcmp(text, "*") == 0 ? "every port" : text);
    p2p_cli_field(style, "from", p2p_cli_when(when, ban, "from"));
    p2p_cli_when(when, ban, "until");
    p2p_cli_field(style, "until", when[0] != '\0' ? when : "lifted");
    p2p_cli_field(style, "ground", p2p_cli_text(ban, "ground"));
    p2p_cli_field(style, "reference", p2p_cli_text(ban, "reference"));
    p2p_cli_field(style, "reason", p2p_cli_text(ban, "reason"));
    p2p_cli_field(style, "imposed by", p2p_cli_text(ban, "issuer"));
    p2p_cli_field(style, "lifted by", p2p_cli_list(text, sizeof text, ban, "lifted_by"));
    p2p_cli_field(style, "suspended by", p2p_cli_list(text, sizeof text, ban, "suspended_by"));
    p2p_cli_field(style, "held", p2p_cli_text(ban, "level"));
    p2p_cli_print_spread(style, json_object_get(ban, "everywhere"));
}
