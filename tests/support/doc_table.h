/* Tables of a document against what the code says, row by row.
 *
 * A table stands between "<!-- NAME -->" and "<!-- /NAME -->". Each of its rows must begin with
 * the cells that the code gives, in the code's order; what follows in a row is prose. With
 * P2P_WIRE_PRINT set, the beginnings are printed. */
#ifndef DOC_TABLE_H
#define DOC_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define DOC_SOURCES P2P_TEST_DATA "/../.."

enum { DOC_BYTES_MAX = 1 << 20 };

struct doc_table {
    const char *name;
    const char *at; /* the next row */
    const char *end;
};

/* A whole file as a string, of at most cap - 1 bytes; their number. CHECKs that it can be read.
 */
size_t doc_read(const char *path, char *out, size_t cap);
/* Behind the end of the line. */
const char *doc_line_end(const char *at);
/* Stands at the first row: behind the marker, the heads and the line under them. document,
 * name: borrowed while the table is. */
void doc_table_begin(struct doc_table *table, const char *document, const char *name);
void doc_expect_row(struct doc_table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* CHECKs that there is no row more. */
void doc_table_finish(const struct doc_table *table);

#endif
