/* What replication/WIRE.md says of the sources as text: each use that separates what is signed
 * or hashed, and each bound by the name and number of its macro. */
#include "check.h"

#include "doc_table.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { USES_MAX = 32, HEADERS_BYTES_MAX = 1 << 20 };

static char wire[DOC_BYTES_MAX];

/* ---- uses: every text that separates what is signed or hashed ---- */

struct uses {
    char words[USES_MAX][48];
    size_t count;
};

static void add_use(struct uses *uses, const char *word, size_t len)
{
    for (size_t i = 0; i < uses->count; i++) {
        if (strlen(uses->words[i]) == len && memcmp(uses->words[i], word, len) == 0) {
            return;
        }
    }
    CHECK(uses->count < USES_MAX && len < sizeof(uses->words[0]));
    memcpy(uses->words[uses->count], word, len);
    uses->words[uses->count++][len] = '\0';
}

static void uses_in(struct uses *uses, const char *text)
{
    for (const char *at = text; (at = strstr(at, "p2p_use_prefix(")) != NULL; at++) {
        const char *quote = strchr(at, '"');
        const char *semicolon = strchr(at, ';');
        if (quote != NULL && quote < semicolon) {
            add_use(uses, quote + 1, strcspn(quote + 1, "\""));
        }
    }
    for (const char *at = text; (at = strstr(at, "[] = \"port2port/v1/")) != NULL; at++) {
        const char *word = strstr(at, "/v1/") + 4;
        add_use(uses, word, strcspn(word, "\""));
    }
}

/* Every C source below a directory. */
static void uses_below(struct uses *uses, const char *dir)
{
    static char text[DOC_BYTES_MAX];
    char path[1024];
    struct stat info;
    DIR *entries = opendir(dir);
    CHECK(entries != NULL);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        size_t len = strlen(entry->d_name);
        int n = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        CHECK(n > 0 && (size_t)n < sizeof(path));
        if (entry->d_name[0] == '.' || stat(path, &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            uses_below(uses, path);
        } else if (len > 2 && strcmp(entry->d_name + len - 2, ".c") == 0) {
            doc_read(path, text, sizeof(text));
            uses_in(uses, text);
        }
    }
    closedir(entries);
}

static int compare_words(const void *left, const void *right)
{
    return strcmp(left, right);
}

static void the_table_of_uses(void **state)
{
    (void)state;
    struct uses uses = {.count = 0};
    struct doc_table table;
    uses_below(&uses, DOC_SOURCES "/crypto");
    uses_below(&uses, DOC_SOURCES "/replication");
    uses_below(&uses, DOC_SOURCES "/node");
    CHECK(uses.count > 0);
    qsort(uses.words, uses.count, sizeof(uses.words[0]), compare_words);
    doc_table_begin(&table, wire, "uses");
    for (size_t i = 0; i < uses.count; i++) {
        doc_expect_row(&table, "| `%s` |", uses.words[i]);
    }
    doc_table_finish(&table);
}

/* ---- bounds: each row names a macro, which a header defines as this number ---- */

static char headers[HEADERS_BYTES_MAX];
static size_t headers_len;

static void add_headers(const char *dir)
{
    char path[1024];
    DIR *entries = opendir(dir);
    CHECK(entries != NULL);
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 3 || strcmp(entry->d_name + len - 2, ".h") != 0) {
            continue;
        }
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        headers_len += doc_read(path, headers + headers_len, sizeof(headers) - headers_len - 1);
    }
    closedir(entries);
}

/* A product of numbers, as most bounds are written. */
static bool product(const char *at, uint64_t *out)
{
    uint64_t value = 1;
    bool any = false;
    for (; *at != '\n' && strncmp(at, "/*", 2) != 0; at++) {
        if (*at >= '0' && *at <= '9') {
            char *end;
            value *= strtoull(at, &end, 10);
            any = true;
            at = end - 1;
        } else if (strncmp(at, "\\\n", 2) == 0) {
            at++; /* the definition goes on */
        } else if (strchr(" ()*u", *at) == NULL) {
            return false;
        }
    }
    *out = value;
    return any;
}

/* Line by line, and without strchr: checked strictly, each call would look at all that follows.
 */
static bool defined(const char *name, uint64_t *out)
{
    size_t len = strlen(name);
    const char *at = headers;
    while (*at != '\0') {
        const char *begin = at + strlen("#define ");
        if (strncmp(at, "#define ", strlen("#define ")) == 0 &&
            strncmp(begin, name, len) == 0 && begin[len] == ' ') {
            return product(begin + len, out);
        }
        while (*at != '\0' && *at++ != '\n') {
        }
    }
    return false;
}

/* "60,000" */
static uint64_t read_number(const char *at)
{
    uint64_t value = 0;
    for (; (*at >= '0' && *at <= '9') || *at == ','; at++) {
        value = *at == ',' ? value : value * 10 + (uint64_t)(*at - '0');
    }
    return value;
}

static void the_table_of_bounds(void **state)
{
    (void)state;
    struct doc_table table;
    size_t rows = 0;
    if (getenv("P2P_WIRE_PRINT") != NULL) {
        return;
    }
    add_headers(DOC_SOURCES "/crypto/include/p2p");
    add_headers(DOC_SOURCES "/replication/include/p2p");
    static const char *const folders[] = {"wire",   "feed",   "charter",
                                          "ledger", "engine", "records"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        char dir[1024];
        snprintf(dir, sizeof(dir), "%s/replication/%s", DOC_SOURCES, folders[i]);
        add_headers(dir);
    }
    add_headers(DOC_SOURCES "/node/transport/include/p2p");
    add_headers(DOC_SOURCES "/node/daemon");
    doc_table_begin(&table, wire, "bounds");
    for (; table.at < table.end; table.at = doc_line_end(table.at)) {
        char name[64];
        uint64_t value = 0;
        CHECK(strncmp(table.at, "| `", 3) == 0);
        size_t len = strcspn(table.at + 3, "`");
        CHECK(len < sizeof(name));
        memcpy(name, table.at + 3, len);
        name[len] = '\0';
        const char *number = strchr(table.at + 3 + len, '|');
        CHECK(number != NULL);
        if (!defined(name, &value) || read_number(number + 2) != value) {
            print_error("the table of bounds: %s is %llu in the code\n", name,
                        (unsigned long long)value);
            CHECK(false);
        }
        rows++;
    }
    CHECK(rows > 0);
}

static int read_document(void **state)
{
    (void)state;
    doc_read(DOC_SOURCES "/replication/WIRE.md", wire, sizeof(wire));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_uses),
        cmocka_unit_test(the_table_of_bounds),
    };
    return cmocka_run_group_tests(tests, read_document, NULL);
}
