/* An explained decision as a page that prints on A4. */
#include "explained.h"

#include "print.h"

#include <string.h>

#define DIGITS        "0123456789"
#define ID_BYTES_KEPT 24u /* in one line of a table */

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

/* A record's id, which is not broken; what others wrote may be as long as it likes. */
static bool is_id(const char *text)
{
    const char *slash = strchr(text, '/');
    size_t index = slash == NULL ? 0 : 1 + strspn(slash + 1, DIGITS);
    return slash != NULL && index > 1 && slash[index] == ':' &&
           strspn(slash + index + 1, DIGITS) > 0 &&
           slash[index + 1 + strspn(slash + index + 1, DIGITS)] == '\0' &&
           strlen(text) <= ID_BYTES_KEPT;
}

static void put_html_row(FILE *out, const char *element, const json_t *cells)
{
    const json_t *cell = NULL;
    size_t i = 0;
    fputs("<tr>", out);
    json_array_foreach(cells, i, cell)
    {
        const char *text = json_string_value(cell);
        if (is_id(text)) {
            fputs("<td class=\"id\">", out);
            put_html(out, text);
            fputs("</td>\n", out);
        } else {
            put_element(out, element, text);
        }
    }
    fputs("</tr>\n", out);
}

static void put_html_table(FILE *out, const json_t *from)
{
    const json_t *row = NULL;
    size_t i = 0;
    fputs("<table class=\"rows\">\n<thead>", out);
    put_html_row(out, "th", json_object_get(from, "heads"));
    fputs("</thead>\n<tbody>\n", out);
    json_array_foreach(json_object_get(from, "rows"), i, row)
    {
        put_html_row(out, "td", row);
    }
    fputs("</tbody>\n</table>\n", out);
}

static void put_sentences(FILE *out, const json_t *from)
{
    const json_t *line = NULL;
    size_t i = 0;
    json_array_foreach(json_object_get(from, "text"), i, line)
    {
        put_element(out, "p", json_string_value(line));
    }
}

static void put_step(FILE *out, const json_t *step, size_t number)
{
    const json_t *part = NULL;
    size_t i = 0;
    fprintf(out, "<section>\n<h2>%zu. ", number);
    put_html(out, p2p_cli_text(step, "title"));
    fputs("</h2>\n", out);
    put_sentences(out, step);
    json_array_foreach(json_object_get(step, "parts"), i, part)
    {
        fputs("<div class=\"part\">\n", out);
        put_element(out, "h3", p2p_cli_text(part, "title"));
        put_sentences(out, part);
        fputs("</div>\n", out);
    }
    if (json_object_get(step, "table") != NULL) {
        put_html_table(out, json_object_get(step, "table"));
    }
    fputs("</section>\n", out);
}

/* The sheet is a table because browsers repeat a table's head on each page that they print. */
static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    "@page { size: A4; margin: 14mm 20mm 18mm;"
    " @bottom-right { content: counter(page) \" of \" counter(pages); font: 8pt serif; } }\n"
    "body { font: 11pt/1.45 Georgia, 'Liberation Serif', 'DejaVu Serif', serif; color: #000;"
    " background: #fff; max-width: 170mm; margin: 8mm auto; padding: 0 5mm; }\n"
    ".sheet { border-collapse: collapse; width: 100%; table-layout: fixed; }\n"
    ".sheet > * > tr > * { padding: 0; text-align: left; font-weight: normal; }\n"
    ".running { border-bottom: 0.2mm solid #000; font-size: 8pt; margin-bottom: 6mm;"
    " padding-bottom: 1mm; overflow-wrap: anywhere; }\n"
    "h1 { font-size: 17pt; margin: 0 0 2mm; overflow-wrap: anywhere; }\n"
    "h2 { font-size: 12.5pt; margin: 7mm 0 1.5mm; break-after: avoid; }\n"
    "h3 { font-size: 11pt; margin: 3mm 0 1mm; break-after: avoid; }\n"
    "p { margin: 0 0 1.5mm; overflow-wrap: anywhere; orphans: 3; widows: 3; }\n"
    ".part { break-inside: avoid; }\n"
    ".verdict { border: 0.5mm solid #000; padding: 3mm 4mm; margin: 4mm 0 2mm;"
    " break-inside: avoid; }\n"
    ".verdict p { margin: 0; }\n"
    ".wrong { border-width: 1mm; }\n"
    ".rows { border-collapse: collapse; width: 100%; font-size: 9.5pt; margin: 2mm 0; }\n"
    ".rows th, .rows td { border-bottom: 0.2mm solid #000; padding: 1mm 2mm; text-align: left;"
    " vertical-align: top; overflow-wrap: anywhere; }\n"
    ".rows th { overflow-wrap: normal; }\n"
    ".rows td:first-child, .id { white-space: nowrap; }\n"
    "dl { font-size: 9.5pt; margin: 0; }\n"
    "dt { float: left; clear: left; width: 22mm; font-weight: bold; }\n"
    "dd { margin: 0 0 0.8mm 22mm; }\n"
    "thead { display: table-header-group; }\n"
    ".rows tr { break-inside: avoid; }\n"
    "footer { margin-top: 8mm; border-top: 0.2mm solid #000; padding-top: 2mm;"
    " font-size: 8pt; overflow-wrap: anywhere; break-inside: avoid; }\n"
    "@media print { body { margin: 0; padding: 0; max-width: none; } }\n"
    "</style>\n<title>";

/* What stands on every sheet. */
static void put_running(FILE *out, const json_t *facts)
{
    const json_t *inputs = json_object_get(facts, "inputs");
    fputs("<table class=\"sheet\">\n<thead><tr><th>\n<div class=\"running\">Decision ", out);
    put_html(out, p2p_cli_text(facts, "decision"));
    fputs(", federation ", out);
    put_html(out, p2p_cli_text(inputs, "federation"));
    fputs("<br>", out);
    put_html(out, p2p_cli_text(inputs, "federation_id"));
    fputs("</div>\n</th></tr></thead>\n<tbody><tr><td>\n", out);
}

/* Question, answer and verdict, before anything else. */
static void put_summary(FILE *out, const json_t *facts)
{
    char when[P2P_CLI_WHEN_BYTES], question[P2P_CLI_QUESTION_BYTES];
    const json_t *gate = json_object_get(facts, "gate");
    const char *caveat = p2p_cli_explained_caveat(facts);
    bool wrong = caveat != NULL || p2p_cli_explained_colour(facts) == P2P_CLI_BAD;
    fputs("<h1>Decision ", out);
    put_html(out, p2p_cli_text(facts, "decision"));
    fprintf(out, "</h1>\n<div class=\"verdict%s\">\n<p>", wrong ? " wrong" : "");
    put_html(out, p2p_cli_explained_question(facts, question));
    fputs(" Gate ", out);
    put_html(out, p2p_cli_text(gate, "name"));
    fputs(" of ", out);
    put_html(out, p2p_cli_text(gate, "member"));
    fputs(", ", out);
    put_html(out, p2p_cli_moment(when, json_object_get(facts, "question"), "time"));
    fputs(" UTC: <strong>", out);
    put_html(out, p2p_cli_text(json_object_get(facts, "answered"), "answer"));
    fputs("</strong>.</p>\n<p>Computed again from the records: <strong>", out);
    put_html(out, p2p_cli_text(facts, "decided"));
    fputs("</strong>, ", out);
    put_html(out, p2p_cli_text(facts, "text"));
    fputs(".</p>\n", out);
    if (caveat != NULL) {
        fputs("<p><strong>", out);
        put_html(out, caveat);
        fputs("</strong></p>\n", out);
    }
    fputs("</div>\n", out);
}

/* For who reads this once and has read nothing else. */
static void put_words(FILE *out, bool collect)
{
    static const struct {
        const char *word;
        const char *meaning;
        bool of_collects;
    } words[] = {
        {"Feed",
         "the log of one member, as beanr/1; its records are numbered from 0, and none can "
         "be changed or taken out without that being seen",
         false},
        {"Record",
         "one entry of a feed, signed by who wrote it: beanr/1:17 is number 17 in feed "
         "beanr/1, and beanr/1:17#0 the first decision in it",
         false},
        {"Cosigned", "other members signed that the feed stood so, and when", false},
        {"Circle", "the members who can read a record's content; others hold only its hash",
         false},
        {"Token",
         "stands for the number of a person, card, document or plate, which only who has "
         "the circle's key can tell",
         false},
        {"Refer", "no answer of the gate: people decide", false},
        {"Custody",
         "the one port that alone can release a container; the record that opened it is "
         "its token",
         true},
        {"Right", "who may collect a container, from whom, with which driver", true},
        {"Ruled", "a request took effect because the port that has custody said so", true},
        {"Override",
         "two officers together let lights, slot, truck or age of knowledge not count", true},
    };
    fputs("<section>\n<h2>Words</h2>\n<dl>\n", out);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (collect || !words[i].of_collects) {
            fprintf(out, "<dt>%s</dt><dd>%s</dd>\n", words[i].word, words[i].meaning);
        }
    }
    fputs("</dl>\n</section>\n", out);
}

static void put_inputs(FILE *out, const json_t *inputs)
{
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
          "</p>\n</footer>\n",
          out);
}

void p2p_cli_page_explained(FILE *out, const json_t *facts)
{
    const json_t *step = NULL;
    size_t i = 0;
    fputs(head, out);
    put_html(out, p2p_cli_text(facts, "decision"));
    fputs("</title>\n</head>\n<body>\n", out);
    put_running(out, facts);
    put_summary(out, facts);
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        put_step(out, step, i + 1);
    }
    put_words(out, json_object_get(facts, "collect") != NULL);
    put_inputs(out, json_object_get(facts, "inputs"));
    fputs("</td></tr></tbody>\n</table>\n</body>\n</html>\n", out);
}
