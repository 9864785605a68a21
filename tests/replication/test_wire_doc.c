/* replication/WIRE.md and STORE.md against the code: their tables are the code's, row by row.
 *
 * A table stands between "<!-- NAME -->" and "<!-- /NAME -->". Each of its rows must begin with
 * the cells that the code gives, in the code's order; what follows in a row is prose. With
 * P2P_WIRE_PRINT set, the beginnings are printed. */
#include "check.h"

#include <p2p/charter_op.h>
#include <p2p/frame.h>
#include <p2p/gate.h>
#include <p2p/grant.h>
#include <p2p/kind.h>
#include <p2p/ledger.h>
#include <p2p/right.h>
#include <p2p/subject.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define SOURCES P2P_TEST_DATA "/../.."

enum {
    FILE_BYTES_MAX = 1 << 20,
    ROW_BYTES_MAX = 512,
    USES_MAX = 32,
    HEADERS_BYTES_MAX = 1 << 20
};

static char wire[FILE_BYTES_MAX];
static char store[FILE_BYTES_MAX];

static size_t read_file(const char *path, char *out, size_t cap)
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

/* ---- tables ---- */

struct table {
    const char *name;
    const char *at; /* the next row */
    const char *end;
};

static const char *line_end(const char *at)
{
    const char *end = strchr(at, '\n');
    return end != NULL ? end + 1 : at + strlen(at);
}

/* Stands at the first row: behind the marker, the heads and the line under them. */
static void table_begin(struct table *table, const char *document, const char *name)
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
    table->at = line_end(line_end(begin + strlen(marker)));
}

static void expect_row(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void expect_row(struct table *table, const char *format, ...)
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
                    row, (int)(line_end(table->at) - table->at), table->at);
        CHECK(false);
    }
    table->at = line_end(table->at);
}

static void table_finish(const struct table *table)
{
    if (getenv("P2P_WIRE_PRINT") == NULL && table->at != table->end) {
        print_error("the table %s has a row more than the code: %.80s\n", table->name,
                    table->at);
        CHECK(false);
    }
}

/* ---- kinds ---- */

static const char *author_words(unsigned authors)
{
    switch (authors) {
    case P2P_BY_NODE:
        return "node";
    case P2P_BY_ISSUER:
        return "issuer";
    case P2P_BY_CHARTER:
        return "charter";
    default:
        CHECK(false); /* a row with two kinds of author needs a word here */
        return "";
    }
}

static const char *body_word(enum p2p_body body)
{
    static const char *const words[] = {
        [P2P_BODY_NONE] = "nil",
        [P2P_BODY_COMMITMENT] = "commitment",
        [P2P_BODY_PUBLIC] = "public",
    };
    return words[body];
}

static void cite_words(const struct p2p_kind *kind, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(kind->cites) / sizeof(kind->cites[0]); i++) {
        if (kind->cites[i] != 0) {
            at += (size_t)snprintf(out + at, cap - at, "%s`%s`", at > 0 ? ", " : "",
                                   p2p_kind_find(kind->cites[i])->word);
        }
    }
    if (at == 0) {
        snprintf(out, cap, "nothing");
    }
    CHECK((at > 0) == kind->cites_required); /* else the table needs another column */
}

static void the_table_of_kinds(void **state)
{
    (void)state;
    struct table table;
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    table_begin(&table, wire, "kinds");
    for (size_t i = 0; i < count; i++) {
        char cites[256];
        cite_words(kinds[i], cites, sizeof(cites));
        expect_row(&table, "| %u | `%s` | %s | %s | %s |", kinds[i]->number, kinds[i]->word,
                   author_words(kinds[i]->authors), body_word(kinds[i]->body), cites);
    }
    table_finish(&table);
    size_t named = 0;
#define KIND_COUNT(name, number, word) named++;
    P2P_KIND_MAP(KIND_COUNT)
#undef KIND_COUNT
    CHECK(named == count);
}

static void bound_words(const struct p2p_field *field, char *out, size_t cap)
{
    switch (field->type) {
    case P2P_FIELD_TEXT:
    case P2P_FIELD_BYTES:
        snprintf(out, cap, "%u bytes", field->max);
        break;
    case P2P_FIELD_TEXTS:
    case P2P_FIELD_SUBJECTS:
        snprintf(out, cap, "%u entries", field->max);
        break;
    case P2P_FIELD_UINT:
    case P2P_FIELD_TIME:
    case P2P_FIELD_ANY:
        snprintf(out, cap, "%u", field->max);
        break;
    }
    if (field->max == 0) {
        snprintf(out, cap, "-");
    }
}

static void the_table_of_fields(void **state)
{
    (void)state;
    static const char *const types[] = {
        [P2P_FIELD_UINT] = "uint",   [P2P_FIELD_TEXT] = "text",
        [P2P_FIELD_BYTES] = "bytes", [P2P_FIELD_TIME] = "time",
        [P2P_FIELD_TEXTS] = "texts", [P2P_FIELD_SUBJECTS] = "subjects",
        [P2P_FIELD_ANY] = "any",
    };
    static const char *const tlps[] = {"clear", "green", "amber", "red"};
    struct table table;
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    table_begin(&table, wire, "fields");
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0; f < kinds[i]->field_count; f++) {
            const struct p2p_field *field = &kinds[i]->fields[f];
            char bound[32];
            bound_words(field, bound, sizeof(bound));
            expect_row(&table, "| `%s` | `%s` | %s | %s | %s | %s |", kinds[i]->word,
                       field->name, types[field->type], bound, field->required ? "yes" : "no",
                       tlps[field->tlp]);
        }
    }
    table_finish(&table);
}

/* ---- lists that are X-macros ---- */

static void the_table_of_frames(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "frames");
#define FRAME_ROW(name, number, word) expect_row(&table, "| %d | `%s` |", number, word);
    P2P_FRAME_MAP(FRAME_ROW)
#undef FRAME_ROW
    table_finish(&table);
}

static void the_table_of_verdicts(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "verdicts");
    for (int why = P2P_WHY_NONE + 1; why <= P2P_WHY_ERASED; why++) {
        expect_row(&table, "| %d | `%s` |", why, p2p_why_word((enum p2p_why)why));
    }
    table_finish(&table);
}

static void the_table_of_charter_ops(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "ops");
#define OP_ROW(name, word) expect_row(&table, "| `%s` |", word);
    P2P_CHARTER_OP_MAP(OP_ROW)
#undef OP_ROW
    table_finish(&table);
}

static void the_table_of_grants(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "grants");
    for (int word = 0; word < P2P_GRANT_COUNT; word++) {
        expect_row(&table, "| `%s` | %s |", p2p_grant_name((enum p2p_grant_word)word),
                   p2p_grant_text((enum p2p_grant_word)word));
    }
    table_finish(&table);
}

static void the_tables_of_grounds_answers_and_codes(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "grounds");
#define GROUND_ROW(name, word, rank) expect_row(&table, "| `%s` | %d |", word, rank);
    P2P_GROUND_MAP(GROUND_ROW)
#undef GROUND_ROW
    table_finish(&table);
    table_begin(&table, wire, "answers");
#define ANSWER_ROW(name, word) expect_row(&table, "| `%s` |", word);
    P2P_ANSWER_MAP(ANSWER_ROW)
#undef ANSWER_ROW
    table_finish(&table);
    table_begin(&table, wire, "codes");
#define CODE_ROW(name, word, answer)                                                           \
    expect_row(&table, "| `%s` | `%s` |", word, p2p_answer_word(P2P_ANSWER_##answer));
    P2P_GATE_CODE_MAP(CODE_ROW)
#undef CODE_ROW
    table_finish(&table);
}

static void the_table_of_subjects(void **state)
{
    (void)state;
    struct table table;
    size_t count;
    const struct p2p_subject_type *types = p2p_subject_types(&count);
    table_begin(&table, wire, "subjects");
    for (size_t i = 0; i < count; i++) {
        expect_row(&table, "| `%s` | %s | %s | `%s` |", types[i].word,
                   types[i].clear ? "clear" : "token", types[i].weak ? "yes" : "no",
                   types[i].effect);
    }
    table_finish(&table);
}

static void the_tables_of_roles_purposes_views_and_errors(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "roles");
    for (int role = P2P_ROLE_PORT; role <= P2P_ROLE_TERMINAL; role++) {
        expect_row(&table, "| `%s` |", p2p_role_word((enum p2p_role)role));
    }
    table_finish(&table);
    table_begin(&table, wire, "purposes");
#define KEY_ROW(name, word, id) expect_row(&table, "| %d | %s |", id, word);
    P2P_KEY_PURPOSE_MAP(KEY_ROW)
#undef KEY_ROW
    table_finish(&table);
    table_begin(&table, wire, "views");
#define VIEW_ROW(name, number, word) expect_row(&table, "| %d | `%s` |", number, word);
    P2P_VIEW_MAP(VIEW_ROW)
#undef VIEW_ROW
    table_finish(&table);
    table_begin(&table, wire, "errors");
    for (int err = 1; err < P2P_ERR_COUNT; err++) {
        expect_row(&table, "| %d | `%s` | %s |", err, p2p_err_name((enum p2p_err) - err),
                   p2p_err_text((enum p2p_err) - err));
    }
    table_finish(&table);
}

static void the_tables_of_the_store(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, store, "tables");
#define TABLE_ROW(name, word, text) expect_row(&table, "| `%s` |", word);
    P2P_TABLE_MAP(TABLE_ROW)
#undef TABLE_ROW
    table_finish(&table);
}

/* ---- rights ---- */

/* "PENDING ACTIVE" */
static void state_words(unsigned states, char *out, size_t cap)
{
    size_t at = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        if ((states & 1u << i) != 0) {
            at += (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? " " : "",
                                   p2p_right_state_word((enum p2p_right_state)i));
        }
    }
}

static void the_tables_of_rights(void **state)
{
    (void)state;
    struct table table;
    table_begin(&table, wire, "right-states");
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        expect_row(&table, "| `%s` |", p2p_right_state_word((enum p2p_right_state)i));
    }
    table_finish(&table);
    table_begin(&table, wire, "right-lights");
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        char values[128];
        size_t at = 0;
        enum p2p_light light = (enum p2p_light)i;
        for (unsigned v = 0; p2p_light_value(light, v) != NULL; v++) {
            at += (size_t)snprintf(values + at, sizeof(values) - at, "%s`%s`",
                                   v > 0 ? ", " : "", p2p_light_value(light, v));
        }
        expect_row(&table, "| `%s` | `%s` | %s |", p2p_light_word(light),
                   p2p_light_grant(light), values);
    }
    table_finish(&table);
    table_begin(&table, wire, "right-actions");
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        char from[64];
        char grant[48] = "";
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        state_words(rule->from, from, sizeof(from));
        if (rule->grant[0] != '\0') {
            snprintf(grant, sizeof(grant), "`%s` ", rule->grant);
        }
        expect_row(&table, "| `%s` | %s | %s| %s | %s | %s | %s", rule->kind,
                   p2p_right_role_word(rule->role), grant, from,
                   rule->to == P2P_RIGHT_STATE_COUNT ? "-" : p2p_right_state_word(rule->to),
                   rule->ruled ? "yes" : "no", rule->text);
    }
    table_finish(&table);
}

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
    static char text[FILE_BYTES_MAX];
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
            read_file(path, text, sizeof(text));
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
    struct table table;
    uses_below(&uses, SOURCES "/crypto");
    uses_below(&uses, SOURCES "/replication");
    uses_below(&uses, SOURCES "/node");
    CHECK(uses.count > 0);
    qsort(uses.words, uses.count, sizeof(uses.words[0]), compare_words);
    table_begin(&table, wire, "uses");
    for (size_t i = 0; i < uses.count; i++) {
        expect_row(&table, "| `%s` |", uses.words[i]);
    }
    table_finish(&table);
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
        headers_len +=
            read_file(path, headers + headers_len, sizeof(headers) - headers_len - 1);
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

static bool defined(const char *name, uint64_t *out)
{
    size_t len = strlen(name);
    for (const char *at = headers; (at = strstr(at, "#define ")) != NULL; at++) {
        const char *begin = at + strlen("#define ");
        if (strncmp(begin, name, len) == 0 && begin[len] == ' ') {
            return product(begin + len, out);
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
    struct table table;
    size_t rows = 0;
    if (getenv("P2P_WIRE_PRINT") != NULL) {
        return;
    }
    add_headers(SOURCES "/crypto/include/p2p");
    add_headers(SOURCES "/replication/include/p2p");
    add_headers(SOURCES "/replication");
    add_headers(SOURCES "/node/transport/include/p2p");
    add_headers(SOURCES "/node/daemon");
    table_begin(&table, wire, "bounds");
    for (; table.at < table.end; table.at = line_end(table.at)) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_of_kinds),
        cmocka_unit_test(the_table_of_fields),
        cmocka_unit_test(the_table_of_frames),
        cmocka_unit_test(the_table_of_verdicts),
        cmocka_unit_test(the_table_of_charter_ops),
        cmocka_unit_test(the_table_of_grants),
        cmocka_unit_test(the_tables_of_grounds_answers_and_codes),
        cmocka_unit_test(the_table_of_subjects),
        cmocka_unit_test(the_tables_of_roles_purposes_views_and_errors),
        cmocka_unit_test(the_tables_of_the_store),
        cmocka_unit_test(the_tables_of_rights),
        cmocka_unit_test(the_table_of_uses),
        cmocka_unit_test(the_table_of_bounds),
    };
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    for (size_t i = 0; i < 2; i++) {
        const char *path =
            i == 0 ? SOURCES "/replication/WIRE.md" : SOURCES "/replication/STORE.md";
        FILE *file = fopen(path, "r");
        if (file == NULL) {
            print_error("%s cannot be read\n", path);
            return 1;
        }
        char *to = i == 0 ? wire : store;
        to[fread(to, 1, FILE_BYTES_MAX - 1, file)] = '\0';
        fclose(file);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
