#include "print.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static enum p2p_cli_colour answer_colour(const char *answer)
{
    if (strcmp(answer, "allow") == 0) {
        return P2P_CLI_GOOD;
    }
    return strcmp(answer, "refuse") == 0 ? P2P_CLI_BAD : P2P_CLI_DOUBT;
}

/* What a human has to do with the answers that are no yes and no no. */
static const char *answer_advice(const char *answer)
{
    if (strcmp(answer, "refer") == 0) {
        return "a human must decide";
    }
    return strcmp(answer, "possible") == 0 ? "perhaps: look at the papers" : "";
}

static void print_reason(const struct p2p_cli_style *style, const json_t *reason)
{
    const char *text = p2p_cli_text(reason, "text");
    const char *record = p2p_cli_text(reason, "record");
    p2p_cli_put(style->out, p2p_cli_text(reason, "code"));
    if (text[0] != '\0') {
        fputs(": ", style->out);
        p2p_cli_put(style->out, text);
    }
    if (record[0] != '\0') {
        fputs(" (", style->out);
        p2p_cli_put(style->out, record);
        fputc(')', style->out);
    }
    fputc('\n', style->out);
}

/* Seconds; a feed that was never heard is older than any. */
static double age_of(const json_t *feed)
{
    const json_t *age = json_object_get(feed, "age_s");
    return json_is_number(age) ? json_number_value(age) : HUGE_VAL;
}

/* How old what the gate knows is: the oldest feed decides. */
static void print_knowledge(const struct p2p_cli_style *style, const json_t *answer)
{
    const json_t *known = json_object_get(answer, "knowledge");
    const json_t *oldest = NULL, *feed = NULL;
    size_t index = 0;
    json_array_foreach(known, index, feed)
    {
        if (oldest == NULL || age_of(feed) > age_of(oldest)) {
            oldest = feed;
        }
    }
    if (oldest == NULL) {
        return;
    }
    uint64_t total = p2p_cli_number(answer, "knowledge_total");
    char span[P2P_CLI_SPAN_BYTES], count[P2P_CLI_SPAN_BYTES];
    const json_t *age = json_object_get(oldest, "age_s");
    fprintf(style->out, "knows %s %s; ",
            p2p_cli_count(count, total > 0 ? total : json_array_size(known)),
            total == 1 ? "feed" : "feeds");
    if (!json_is_number(age)) {
        p2p_cli_put(style->out, p2p_cli_text(oldest, "feed"));
        fputs(" was never heard\n", style->out);
        return;
    }
    bool now = json_number_value(age) < 1.5;
    fprintf(style->out, now ? "all heard from just %s" : "the oldest was heard %s ago (",
            p2p_cli_span(span, json_number_value(age)));
    if (!now) {
        p2p_cli_put(style->out, p2p_cli_text(oldest, "feed"));
        fputc(')', style->out);
    }
    fputc('\n', style->out);
}

/* Who lets it out has to see that it was not for want of anything against it. */
static void print_override(const struct p2p_cli_style *style, int indent,
                           const json_t *override)
{
    if (!json_is_object(override)) {
        return;
    }
    fprintf(style->out, "%*soverruled by two officers: asked for in ", indent, "");
    p2p_cli_put(style->out, p2p_cli_text(override, "asked"));
    fputs(", approved in ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(override, "approved"));
    fputc('\n', style->out);
}

void p2p_cli_print_gate(const struct p2p_cli_style *style, const json_t *answer)
{
    static const size_t indent = 10;
    char word[16];
    snprintf(word, sizeof word, "%s", p2p_cli_text(answer, "answer"));
    enum p2p_cli_colour colour = answer_colour(word);
    const char *advice = answer_advice(word);
    for (size_t i = 0; word[i] != '\0'; i++) {
        word[i] = (char)toupper((unsigned char)word[i]);
    }
    p2p_cli_paint(style, colour, word);
    const json_t *reasons = json_object_get(answer, "reasons"), *reason = NULL;
    size_t index = 0;
    int gap = strlen(word) + 2 < indent ? (int)(indent - strlen(word)) : 2;
    if (advice[0] != '\0') {
        fprintf(style->out, "%*s%s\n", gap, "", advice);
        gap = (int)indent;
    } else if (json_array_size(reasons) == 0) {
        fputc('\n', style->out);
    }
    json_array_foreach(reasons, index, reason)
    {
        fprintf(style->out, "%*s", gap, "");
        print_reason(style, reason);
        gap = (int)indent;
    }
    print_override(style, (int)indent, json_object_get(answer, "override"));
    fprintf(style->out, "%*s", (int)indent, "");
    const char *decision = p2p_cli_text(answer, "decision");
    const char *spooled = p2p_cli_text(answer, "spooled");
    if (decision[0] != '\0') {
        fputs("decision ", style->out);
        p2p_cli_put(style->out, decision);
        fputs("; ", style->out);
    } else if (spooled[0] != '\0') {
        fputs("decision kept as ", style->out);
        p2p_cli_put(style->out, spooled);
        fputs(" until this node may append again; ", style->out);
    }
    print_knowledge(style, answer);
    if (json_array_size(json_object_get(answer, "knowledge")) == 0) {
        fputs("nothing known of any feed\n", style->out);
    }
}

void p2p_cli_print_decisions(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"TIME",     "GATE",   "ANSWER", "WHO OR WHAT",
                                        "DECISION", "REASON", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        char when[P2P_CLI_WHEN_BYTES], subjects[256];
        const char *answer = p2p_cli_text(row, "answer");
        const json_t *first = json_array_get(json_object_get(row, "reasons"), 0);
        const json_t *subject = json_object_get(
            row, json_object_get(row, "subjects") != NULL ? "subjects" : "subject");
        p2p_cli_list(subjects, sizeof subjects, row,
                     subject == json_object_get(row, "subjects") ? "subjects" : "subject");
        const char *what = subjects[0] != '\0' ? subjects : p2p_cli_text(row, "container");
        const char *id = p2p_cli_text(row, "decision");
        p2p_cli_cell_add(&table, p2p_cli_when(when, row, "time"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(row, "gate"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, answer, answer_colour(answer));
        p2p_cli_cell_add(&table, what, P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, id[0] != '\0' ? id : p2p_cli_text(row, "id"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table,
                         json_is_string(first) ? json_string_value(first)
                                               : p2p_cli_text(first, "code"),
                         P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}
