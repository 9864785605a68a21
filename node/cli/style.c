#include "style.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CELLS_MAX 1000000u

struct p2p_cli_cell {
    char *text;
    size_t width;
    enum p2p_cli_colour colour;
};

struct p2p_cli_style p2p_cli_style_of(FILE *out)
{
    const char *none = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool colour = isatty(fileno(out)) && (none == NULL || none[0] == '\0') && term != NULL &&
                  strcmp(term, "dumb") != 0;
    return (struct p2p_cli_style){.out = out, .colour = colour};
}

/* Prints what is fit to be shown and returns its width; out NULL only measures. */
static size_t show(FILE *out, const char *text, size_t len)
{
    size_t width = 0;
    struct p2p_slice left = p2p_slice_of(text, len);
    while (left.len > 0) {
        uint32_t code = 0;
        size_t n = p2p_utf8_next(left, &code);
        /* C0, DEL and C1 steer terminals; U+202A to 202E and 2066 to 2069 reorder a line. */
        bool bad = n == 0 || code < 0x20 || (code >= 0x7f && code < 0xa0) ||
                   (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
        n = n == 0 ? 1 : n;
        if (out != NULL) {
            fwrite(bad ? "?" : (const char *)left.data, 1, bad ? 1 : n, out);
        }
        left.data += n;
        left.len -= n;
        width++;
    }
    return width;
}

void p2p_cli_put_clean(FILE *out, const char *text, size_t len)
{
    show(out, text, len);
}

void p2p_cli_put(FILE *out, const char *text)
{
    if (text != NULL) {
        show(out, text, strlen(text));
    }
}

static const char *code_of(enum p2p_cli_colour colour)
{
    switch (colour) {
    case P2P_CLI_PLAIN:
        return "";
    case P2P_CLI_BOLD:
        return "\033[1m";
    case P2P_CLI_DIM:
        return "\033[2m";
    case P2P_CLI_GOOD:
        return "\033[1;32m";
    case P2P_CLI_BAD:
        return "\033[1;31m";
    case P2P_CLI_DOUBT:
        return "\033[1;33m";
    }
    return "";
}

void p2p_cli_paint(const struct p2p_cli_style *style, enum p2p_cli_colour colour,
                   const char *text)
{
    bool paint = style->colour && colour != P2P_CLI_PLAIN;
    fputs(paint ? code_of(colour) : "", style->out);
    p2p_cli_put(style->out, text);
    fputs(paint ? "\033[0m" : "", style->out);
}

void p2p_cli_put_json(FILE *out, const json_t *json)
{
    const size_t flags = JSON_COMPACT | JSON_ENCODE_ANY;
    char line[4096]; /* in one piece: json_dumpf writes every word by itself */
    if (json == NULL) {
        return;
    }
    size_t len = json_dumpb(json, line, sizeof line, flags);
    if (len > 0 && len <= sizeof line) {
        fwrite(line, 1, len, out);
    } else {
        json_dumpf(json, out, flags);
    }
    fputc('\n', out);
}

const char *p2p_cli_span(char out[P2P_CLI_SPAN_BYTES], double seconds)
{
    if (seconds < 1.5) {
        snprintf(out, P2P_CLI_SPAN_BYTES, "now");
    } else if (seconds < 120) {
        snprintf(out, P2P_CLI_SPAN_BYTES, "%.0f s", seconds);
    } else if (seconds < 7200) {
        snprintf(out, P2P_CLI_SPAN_BYTES, "%.0f min", seconds / 60);
    } else if (seconds < 172800) {
        snprintf(out, P2P_CLI_SPAN_BYTES, "%.0f h", seconds / 3600);
    } else {
        snprintf(out, P2P_CLI_SPAN_BYTES, "%.0f days", seconds / 86400);
    }
    return out;
}

const char *p2p_cli_count(char out[P2P_CLI_SPAN_BYTES], uint64_t n)
{
    char digits[P2P_DECIMAL_BYTES];
    size_t len = p2p_decimal_encode(digits, n), at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            out[at++] = ',';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *p2p_cli_size(char out[P2P_CLI_SPAN_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    if (bytes < 1024) {
        snprintf(out, P2P_CLI_SPAN_BYTES, "%" PRIu64 " B", bytes);
        return out;
    }
    double n = (double)bytes / 1024;
    size_t unit = 0;
    while (n >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        n /= 1024;
        unit++;
    }
    snprintf(out, P2P_CLI_SPAN_BYTES, "%.1f %s", n, units[unit]);
    return out;
}

const char *p2p_cli_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

uint64_t p2p_cli_number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_real(value) && json_real_value(value) > 0) {
        return (uint64_t)json_real_value(value);
    }
    json_int_t n = json_integer_value(value);
    return n > 0 ? (uint64_t)n : 0;
}

const char *p2p_cli_list(char *out, size_t cap, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    size_t index = 0, at = 0;
    json_t *item = NULL;
    snprintf(out, cap, "%s", json_is_string(value) ? json_string_value(value) : "");
    json_array_foreach(value, index, item)
    {
        const char *text = json_string_value(item);
        int n =
            snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "", text != NULL ? text : "?");
        if (n < 0 || (size_t)n >= cap - at) {
            break;
        }
        at += (size_t)n;
    }
    return out;
}

void p2p_cli_table_init(struct p2p_cli_table *table, const char *const *heads)
{
    *table = (struct p2p_cli_table){0};
    while (heads[table->columns] != NULL) {
        p2p_assert(table->columns < P2P_CLI_COLUMNS_MAX);
        table->columns++;
    }
    for (size_t i = 0; i < table->columns; i++) {
        char head[32];
        size_t len = strlen(heads[i]);
        table->numbers[i] = len > 0 && heads[i][len - 1] == '>';
        snprintf(head, sizeof head, "%.*s", (int)(len - table->numbers[i]), heads[i]);
        p2p_cli_cell_add(table, head, P2P_CLI_BOLD);
    }
}

void p2p_cli_table_deinit(struct p2p_cli_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        free(table->cells[i].text);
    }
    free(table->cells);
    *table = (struct p2p_cli_table){0};
}

void p2p_cli_cell_add(struct p2p_cli_table *table, const char *text, enum p2p_cli_colour colour)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 64 : table->capacity * 2;
        struct p2p_cli_cell *cells =
            capacity > CELLS_MAX ? NULL
                                 : realloc(table->cells, capacity * sizeof *table->cells);
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    char *copy = strdup(text != NULL ? text : "");
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    struct p2p_cli_cell *cell = &table->cells[table->count];
    size_t column = table->count++ % table->columns;
    *cell = (struct p2p_cli_cell){copy, show(NULL, copy, strlen(copy)), colour};
    if (cell->width > table->widths[column]) {
        table->widths[column] = cell->width;
    }
}

void p2p_cli_table_print(const struct p2p_cli_table *table, const struct p2p_cli_style *style)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct p2p_cli_cell *cell = &table->cells[i];
        size_t column = i % table->columns;
        bool last = column + 1 == table->columns;
        int gap = (int)(table->widths[column] - cell->width);
        if (table->numbers[column]) {
            fprintf(style->out, "%*s", gap, "");
            gap = 0;
        }
        p2p_cli_paint(style, cell->colour, cell->text);
        if (last) {
            fputc('\n', style->out);
        } else {
            fprintf(style->out, "%*s", gap + 2, "");
        }
    }
    if (table->failed) {
        fputs("... and more than fits into memory\n", style->out);
    }
}
