/* An explained decision as text. */
#include "explained.h"

#include "print.h"

#include <string.h>

#define WIDTH 100u

enum p2p_cli_colour p2p_cli_explained_colour(const json_t *facts)
{
    const char *decided = p2p_cli_text(facts, "decided");
    return strcmp(decided, "right") == 0 || strcmp(decided, "claimed") == 0 ? P2P_CLI_GOOD
           : strcmp(decided, "uncheckable") == 0                            ? P2P_CLI_DOUBT
                                                                            : P2P_CLI_BAD;
}

/* Words broken at the width, each line indented. */
static void put_paragraph(FILE *out, const char *text)
{
    size_t column = 0;
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        if (column > 0 && column + 1 + len > WIDTH) {
            fputc('\n', out);
            column = 0;
        }
        fputs(column == 0 ? "   " : " ", out);
        p2p_cli_put_clean(out, text, len);
        column += len + 1;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void put_table(const struct p2p_cli_style *style, const json_t *from)
{
    const char *heads[P2P_CLI_COLUMNS_MAX + 1] = {NULL};
    struct p2p_cli_table table;
    const json_t *names = json_object_get(from, "heads");
    const json_t *row = NULL;
    size_t i = 0;
    for (size_t n = 0; n < json_array_size(names) && n < P2P_CLI_COLUMNS_MAX; n++) {
        heads[n] = json_string_value(json_array_get(names, n));
    }
    p2p_cli_table_init(&table, heads);
    json_array_foreach(json_object_get(from, "rows"), i, row)
    {
        for (size_t n = 0; n < table.columns; n++) {
            p2p_cli_cell_add(&table, json_string_value(json_array_get(row, n)), P2P_CLI_PLAIN);
        }
    }
    fputc('\n', style->out);
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

static void put_sentences(FILE *out, const json_t *from)
{
    const json_t *line = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(from, "text"), i, line)
    {
        put_paragraph(out, json_string_value(line));
    }
}

void p2p_cli_print_explained(const struct p2p_cli_style *style, const json_t *facts)
{
    const char *caveat = p2p_cli_explained_caveat(facts);
    const json_t *step = NULL;
    size_t i = 0;
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(facts, "decision"));
    fputs("  ", style->out);
    p2p_cli_paint(style, p2p_cli_explained_colour(facts), p2p_cli_text(facts, "decided"));
    fputs(": ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(facts, "text"));
    fputc('\n', style->out);
    if (caveat != NULL) {
        p2p_cli_paint(style, P2P_CLI_BAD, caveat);
        fputc('\n', style->out);
    }
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        const json_t *part = NULL;
        size_t n = 0;
        fprintf(style->out, "\n%zu. ", i + 1);
        p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(step, "title"));
        fputc('\n', style->out);
        put_sentences(style->out, step);
        json_array_foreach(json_object_get(step, "parts"), n, part)
        {
            fputs("   ", style->out);
            p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(part, "title"));
            fputc('\n', style->out);
            put_sentences(style->out, part);
        }
        if (json_object_get(step, "table") != NULL) {
            put_table(style, json_object_get(step, "table"));
        }
    }
}
