/* An explained decision as text, and as a page. */
#include "explained.h"

#include "print.h"

#include <string.h>

#define WIDTH 100u

/* ---- text ---- */

static enum p2p_cli_colour colour_of(const json_t *facts)
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

void p2p_cli_print_explained(const struct p2p_cli_style *style, const json_t *facts)
{
    const json_t *step = NULL;
    size_t i = 0;
    p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(facts, "decision"));
    fputs("  ", style->out);
    p2p_cli_paint(style, colour_of(facts), p2p_cli_text(facts, "decided"));
    fputs(": ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(facts, "text"));
    fputc('\n', style->out);
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        const json_t *line = NULL;
        size_t n = 0;
        fprintf(style->out, "\n%zu. ", i + 1);
        p2p_cli_paint(style, P2P_CLI_BOLD, p2p_cli_text(step, "title"));
        fputc('\n', style->out);
        json_array_foreach(json_object_get(step, "text"), n, line)
        {
            put_paragraph(style->out, json_string_value(line));
        }
        if (json_object_get(step, "table") != NULL) {
            put_table(style, json_object_get(step, "table"));
        }
    }
}

/* ---- a page ---- */

/* Text of records is others' word: nothing in it may become markup. */
static void put_html(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
            break;
        }
    }
}

static void put_element(FILE *out, const char *element, const char *text)
{
    fprintf(out, "<%s>", element);
    put_html(out, text);
    fprintf(out, "</%s>\n", element);
}

static void put_html_row(FILE *out, const char *element, const json_t *cells)
{
    const json_t *cell = NULL;
    size_t i = 0;
    fputs("<tr>", out);
    json_array_foreach(cells, i, cell)
    {
        put_element(out, element, json_string_value(cell));
    }
    fputs("</tr>\n", out);
}

static void put_html_table(FILE *out, const json_t *from)
{
    const json_t *row = NULL;
    size_t i = 0;
    fputs("<table>\n<thead>", out);
    put_html_row(out, "th", json_object_get(from, "heads"));
    fputs("</thead>\n<tbody>\n", out);
    json_array_foreach(json_object_get(from, "rows"), i, row)
    {
        put_html_row(out, "td", row);
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_step(FILE *out, const json_t *step, size_t number)
{
    const json_t *line = NULL;
    size_t i = 0;
    fprintf(out, "<section>\n<h2>%zu. ", number);
    put_html(out, p2p_cli_text(step, "title"));
    fputs("</h2>\n", out);
    json_array_foreach(json_object_get(step, "text"), i, line)
    {
        put_element(out, "p", json_string_value(line));
    }
    if (json_object_get(step, "table") != NULL) {
        put_html_table(out, json_object_get(step, "table"));
    }
    fputs("</section>\n", out);
}

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    "@page { size: A4; margin: 22mm 20mm; }\n"
    "body { font: 11pt/1.45 Georgia, 'Liberation Serif', serif; color: #111; background: #fff;"
    " max-width: 170mm; margin: 12mm auto; padding: 0 5mm; }\n"
    "h1 { font-size: 17pt; margin: 0 0 2mm; overflow-wrap: anywhere; }\n"
    "h2 { font-size: 12.5pt; margin: 7mm 0 1.5mm; break-after: avoid; }\n"
    "p { margin: 0 0 1.5mm; overflow-wrap: anywhere; }\n"
    ".verdict { border: 0.5mm solid #111; padding: 3mm 4mm; margin: 4mm 0 2mm; }\n"
    ".wrong { border-width: 1mm; }\n"
    "table { border-collapse: collapse; width: 100%; font-size: 9.5pt; margin: 2mm 0; }\n"
    "th, td { border-bottom: 0.2mm solid #888; padding: 1mm 2mm; text-align: left;"
    " vertical-align: top; overflow-wrap: anywhere; }\n"
    "thead { display: table-header-group; }\n"
    "tr { break-inside: avoid; }\n"
    "footer { margin-top: 8mm; border-top: 0.2mm solid #888; padding-top: 2mm;"
    " font-size: 8pt; color: #333; overflow-wrap: anywhere; break-inside: avoid; }\n"
    "@media print { body { margin: 0; padding: 0; max-width: none; } }\n"
    "</style>\n<title>";

void p2p_cli_page_explained(FILE *out, const json_t *facts)
{
    const json_t *inputs = json_object_get(facts, "inputs");
    const json_t *step = NULL;
    size_t i = 0;
    bool wrong = colour_of(facts) == P2P_CLI_BAD;
    fputs(head, out);
    put_html(out, p2p_cli_text(facts, "decision"));
    fputs("</title>\n</head>\n<body>\n<h1>Decision ", out);
    put_html(out, p2p_cli_text(facts, "decision"));
    fprintf(out, "</h1>\n<p class=\"verdict%s\"><strong>", wrong ? " wrong" : "");
    put_html(out, p2p_cli_text(facts, "decided"));
    fputs("</strong>: ", out);
    put_html(out, p2p_cli_text(facts, "text"));
    fputs(".</p>\n", out);
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        put_step(out, step, i + 1);
    }
    fputs("<footer>\n<p>Federation ", out);
    put_html(out, p2p_cli_text(inputs, "federation"));
    fputs(", ", out);
    put_html(out, p2p_cli_text(inputs, "federation_id"));
    fputs("<br>Archive, SHA-256 of its manifest: ", out);
    put_html(out, p2p_cli_text(inputs, "archive"));
    fputs("<br>Trust file, SHA-256: ", out);
    put_html(out, p2p_cli_text(inputs, "trust"));
    fputs("</p>\n<p>Made by port2port " P2P_VERSION
          " from the archive alone. The same archive and trust file give the same page."
          "</p>\n</footer>\n</body>\n</html>\n",
          out);
}
