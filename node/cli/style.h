/* Text for people: clean, aligned, coloured only where somebody looks.
 *
 * What a reply holds was written by others; control characters in it could move the cursor or
 * forge a line, so every text goes through p2p_cli_put. A table keeps its cells until it is
 * printed; it owns copies. Widths count code points. */
#ifndef P2P_CLI_STYLE_H
#define P2P_CLI_STYLE_H

#include <p2p/base.h>

#include <jansson.h>
#include <stdio.h>

struct p2p_cli_style {
    FILE *out;
    bool colour;
};

enum p2p_cli_colour {
    P2P_CLI_PLAIN,
    P2P_CLI_BOLD,
    P2P_CLI_DIM,
    P2P_CLI_GOOD,
    P2P_CLI_BAD,
    P2P_CLI_DOUBT,
};

/* Colours when out is a terminal, TERM is not dumb and NO_COLOR is not set. */
struct p2p_cli_style p2p_cli_style_of(FILE *out);

/* Text with control characters shown as "?". NULL prints nothing. */
void p2p_cli_put(FILE *out, const char *text);
void p2p_cli_put_clean(FILE *out, const char *text, size_t len);
void p2p_cli_paint(const struct p2p_cli_style *style, enum p2p_cli_colour colour,
                   const char *text);
/* One line of compact JSON. NULL (no memory, text that is no UTF-8) prints nothing. */
void p2p_cli_put_json(FILE *out, const json_t *json);

#define P2P_CLI_SPAN_BYTES 48u
/* "now", "12 s", "5 min", "3 h", "8 days". */
const char *p2p_cli_span(char out[P2P_CLI_SPAN_BYTES], double seconds);
/* "1,234,567" */
const char *p2p_cli_count(char out[P2P_CLI_SPAN_BYTES], uint64_t n);
/* "2.3 MiB" */
const char *p2p_cli_size(char out[P2P_CLI_SPAN_BYTES], uint64_t bytes);

/* Members of a reply: "" and 0 when absent or of another type. */
const char *p2p_cli_text(const json_t *object, const char *name);
uint64_t p2p_cli_number(const json_t *object, const char *name);
/* An array of texts as "a, b"; or the text itself. Cut at the end of out. */
const char *p2p_cli_list(char *out, size_t cap, const json_t *object, const char *name);

#define P2P_CLI_COLUMNS_MAX 12u
struct p2p_cli_cell;
struct p2p_cli_table {
    size_t columns;
    size_t widths[P2P_CLI_COLUMNS_MAX];
    bool numbers[P2P_CLI_COLUMNS_MAX]; /* aligned to the right */
    struct p2p_cli_cell *cells;
    size_t count;
    size_t capacity;
    bool failed; /* no memory: printing leaves the rest out and says so */
};

/* heads: "FEED", "SIZE>" (numbers), ...; ends with NULL. */
void p2p_cli_table_init(struct p2p_cli_table *table, const char *const *heads);
void p2p_cli_table_deinit(struct p2p_cli_table *table);
void p2p_cli_cell_add(struct p2p_cli_table *table, const char *text,
                      enum p2p_cli_colour colour);
void p2p_cli_table_print(const struct p2p_cli_table *table, const struct p2p_cli_style *style);

#endif
