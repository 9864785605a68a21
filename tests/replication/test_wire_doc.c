/* replication/WIRE.md and STORE.md against the code: their tables are the code's, row by row
 * (doc_table.h). */
#include "check.h"

#include "doc_table.h"

#include <p2p/charter_op.h>
#include <p2p/frame.h>
#include <p2p/gate.h>
#include <p2p/grant.h>
#include <p2p/kind.h>
#include <p2p/ledger.h>
#include <p2p/right.h>
#include <p2p/subject.h>

#include <stdio.h>
#include <stdlib.h>

static char wire[DOC_BYTES_MAX];
static char store[DOC_BYTES_MAX];

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
    struct doc_table table;
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    doc_table_begin(&table, wire, "kinds");
    for (size_t i = 0; i < count; i++) {
        char cites[256];
        cite_words(kinds[i], cites, sizeof(cites));
        doc_expect_row(&table, "| %u | `%s` | %s | %s | %s |", kinds[i]->number, kinds[i]->word,
                       author_words(kinds[i]->authors), body_word(kinds[i]->body), cites);
    }
    doc_table_finish(&table);
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
    struct doc_table table;
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    doc_table_begin(&table, wire, "fields");
    for (size_t i = 0; i < count; i++) {
        for (size_t f = 0; f < kinds[i]->field_count; f++) {
            const struct p2p_field *field = &kinds[i]->fields[f];
            char bound[32];
            bound_words(field, bound, sizeof(bound));
            doc_expect_row(&table, "| `%s` | `%s` | %s | %s | %s | %s |", kinds[i]->word,
                           field->name, types[field->type], bound,
                           field->required ? "yes" : "no", tlps[field->tlp]);
        }
    }
    doc_table_finish(&table);
}

/* ---- lists that are X-macros ---- */

static void the_table_of_frames(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "frames");
#define FRAME_ROW(name, number, word) doc_expect_row(&table, "| %d | `%s` |", number, word);
    P2P_FRAME_MAP(FRAME_ROW)
#undef FRAME_ROW
    doc_table_finish(&table);
}

static void the_table_of_verdicts(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "verdicts");
    for (int why = P2P_WHY_NONE + 1; why <= P2P_WHY_ERASED; why++) {
        doc_expect_row(&table, "| %d | `%s` |", why, p2p_why_word((enum p2p_why)why));
    }
    doc_table_finish(&table);
}

static void the_table_of_charter_ops(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "ops");
#define OP_ROW(name, word) doc_expect_row(&table, "| `%s` |", word);
    P2P_CHARTER_OP_MAP(OP_ROW)
#undef OP_ROW
    doc_table_finish(&table);
}

static void the_table_of_grants(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "grants");
    for (int word = 0; word < P2P_GRANT_COUNT; word++) {
        doc_expect_row(&table, "| `%s` | %s |", p2p_grant_name((enum p2p_grant_word)word),
                       p2p_grant_text((enum p2p_grant_word)word));
    }
    doc_table_finish(&table);
}

static void the_tables_of_grounds_answers_and_codes(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "grounds");
#define GROUND_ROW(name, word, rank) doc_expect_row(&table, "| `%s` | %d |", word, rank);
    P2P_GROUND_MAP(GROUND_ROW)
#undef GROUND_ROW
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "answers");
#define ANSWER_ROW(name, word) doc_expect_row(&table, "| `%s` |", word);
    P2P_ANSWER_MAP(ANSWER_ROW)
#undef ANSWER_ROW
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "codes");
#define CODE_ROW(name, word, answer)                                                           \
    doc_expect_row(&table, "| `%s` | `%s` |", word, p2p_answer_word(P2P_ANSWER_##answer));
    P2P_GATE_CODE_MAP(CODE_ROW)
#undef CODE_ROW
    doc_table_finish(&table);
}

static void the_table_of_subjects(void **state)
{
    (void)state;
    struct doc_table table;
    size_t count;
    const struct p2p_subject_type *types = p2p_subject_types(&count);
    doc_table_begin(&table, wire, "subjects");
    for (size_t i = 0; i < count; i++) {
        doc_expect_row(&table, "| `%s` | %s | %s | `%s` |", types[i].word,
                       types[i].clear ? "clear" : "token", types[i].weak ? "yes" : "no",
                       types[i].effect);
    }
    doc_table_finish(&table);
}

static void the_tables_of_roles_purposes_views_and_errors(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, wire, "roles");
    for (int role = P2P_ROLE_PORT; role <= P2P_ROLE_TERMINAL; role++) {
        doc_expect_row(&table, "| `%s` |", p2p_role_word((enum p2p_role)role));
    }
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "purposes");
#define KEY_ROW(name, word, id) doc_expect_row(&table, "| %d | %s |", id, word);
    P2P_KEY_PURPOSE_MAP(KEY_ROW)
#undef KEY_ROW
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "views");
#define VIEW_ROW(name, number, word) doc_expect_row(&table, "| %d | `%s` |", number, word);
    P2P_VIEW_MAP(VIEW_ROW)
#undef VIEW_ROW
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "errors");
    for (int err = 1; err < P2P_ERR_COUNT; err++) {
        doc_expect_row(&table, "| %d | `%s` | %s |", err, p2p_err_name((enum p2p_err) - err),
                       p2p_err_text((enum p2p_err) - err));
    }
    doc_table_finish(&table);
}

static void the_tables_of_the_store(void **state)
{
    (void)state;
    struct doc_table table;
    doc_table_begin(&table, store, "tables");
#define TABLE_ROW(name, word, text) doc_expect_row(&table, "| `%s` |", word);
    P2P_TABLE_MAP(TABLE_ROW)
#undef TABLE_ROW
    doc_table_finish(&table);
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
    struct doc_table table;
    doc_table_begin(&table, wire, "right-states");
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        doc_expect_row(&table, "| `%s` |", p2p_right_state_word((enum p2p_right_state)i));
    }
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "right-lights");
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        char values[128];
        size_t at = 0;
        enum p2p_light light = (enum p2p_light)i;
        for (unsigned v = 0; p2p_light_value(light, v) != NULL; v++) {
            at += (size_t)snprintf(values + at, sizeof(values) - at, "%s`%s`",
                                   v > 0 ? ", " : "", p2p_light_value(light, v));
        }
        doc_expect_row(&table, "| `%s` | `%s` | %s |", p2p_light_word(light),
                       p2p_light_grant(light), values);
    }
    doc_table_finish(&table);
    doc_table_begin(&table, wire, "right-actions");
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        char from[64];
        char grant[48] = "";
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        state_words(rule->from, from, sizeof(from));
        if (rule->grant[0] != '\0') {
            snprintf(grant, sizeof(grant), "`%s` ", rule->grant);
        }
        doc_expect_row(&table, "| `%s` | %s | %s| %s | %s | %s | %s", rule->kind,
                       p2p_right_role_word(rule->role), grant, from,
                       rule->to == P2P_RIGHT_STATE_COUNT ? "-" : p2p_right_state_word(rule->to),
                       rule->ruled ? "yes" : "no", rule->text);
    }
    doc_table_finish(&table);
}

static int read_documents(void **state)
{
    (void)state;
    doc_read(DOC_SOURCES "/replication/WIRE.md", wire, sizeof(wire));
    doc_read(DOC_SOURCES "/replication/STORE.md", store, sizeof(store));
    return 0;
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
    };
    if (p2p_crypto_init() != P2P_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, read_documents, NULL);
}
