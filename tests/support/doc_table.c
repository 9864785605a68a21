#include "check.h"

#include "doc_table.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROW_BYTES_MAX = 512 };

size_t doc_read(const char *path, char *out, size_t cap)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_error("%s cannot be read\n", path);
        CHECK(false);
        return 0;
    }
    size_t len = fread(out, 1, cap - 1, file);
    CHECK(len < cap - 1);
    out[len] = '\0';
    fclose(file);
    return len;
}

const char *doc_line_end(const char *at)
{
    const char *end = strchr(at, '\n');
    return end != NULL ? end + 1 : at + strlen(at);
}

void doc_table_begin(struct doc_table *table, const char *document, const char *name)
{
    char marker[64];
    char closing[64];
    snprintf(marker, sizeof(marker), "<!-- %s -->\n", name);
    snprintf(closing, sizeof(closing), "<!-- /%s -->", name);
    table->name = name;
    if (getenv("P2P_WIRE_PRINT") != NULL) {
        printf("%s", marker);
        return;
    }
    const char *begin = strstr(document, marker);
    table->end = strstr(document, closing);
    if (begin == NULL || table->end == NULL) {
        print_error("the table %s is missing\n", name);
        CHECK(false);
    }
    table->at = doc_line_end(doc_line_end(begin + strlen(marker)));
}

void doc_expect_row(struct doc_table *table, const char *format, ...)
{
    char row[ROW_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(row, sizeof(row), format, args);
    va_end(args);
    CHECK(len > 0 && (size_t)len < sizeof(row));
    if (getenv("P2P_WIRE_PRINT") != NULL) {
        printf("%s\n", row);
        return;
    }
    if (table->at >= table->end || strncmp(table->at, row, (size_t)len) != 0) {
        print_error("the table %s should go on with \"%s\", not with \"%.*s\"\n", table->name,
                    row, (int)(doc_line_end(table->at) - table->at), table->at);
        CHECK(false);
    }
    table->at = doc_line_end(table->at);
}

void doc_table_finish(const struct doc_table *table)
{
    if (getenv("P2P_WIRE_PRINT") == NULL && table->at != table->end) {
        print_error("the table %s has a row more than the code: %.80s\n", table->name,
                    table->at);
        CHECK(false);
    }
}
