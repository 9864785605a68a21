#include "print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Any value on one line: texts bare, the rest as JSON. */
static void put_value(FILE *out, const json_t *value)
{
    if (json_is_string(value)) {
        p2p_cli_put(out, json_string_value(value));
        return;
    }
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    p2p_cli_put(out, text);
    /* jansson allocated it with malloc. */
    free(text);
}

void p2p_cli_print_records(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"ID", "TIME", "KIND", "ISSUER", "LEVEL", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *record = NULL;
    json_array_foreach(rows, index, record)
    {
        char when[P2P_CLI_WHEN_BYTES];
        p2p_cli_cell_add(&table, p2p_cli_text(record, "id"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(when, record, "time"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(record, "kind"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(record, "issuer"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(record, "level"), P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

void p2p_cli_print_record(const struct p2p_cli_style *style, const json_t *record)
{
    const char *name = NULL;
    const json_t *value = NULL;
    json_object_foreach((json_t *)record, name, value)
    {
        if (json_is_null(value)) {
            continue;
        }
        bool nested = json_is_object(value) && json_object_size(value) > 0;
        char label[48];
        snprintf(label, sizeof label, "%-13s ", name);
        p2p_cli_paint(style, P2P_CLI_DIM, label);
        if (!nested) {
            put_value(style->out, value);
        }
        fputc('\n', style->out);
        const char *field = NULL;
        const json_t *inner = NULL;
        if (nested) {
            json_object_foreach((json_t *)value, field, inner)
            {
                snprintf(label, sizeof label, "  %-11s ", field);
                p2p_cli_put(style->out, label);
                put_value(style->out, inner);
                fputc('\n', style->out);
            }
        }
    }
}

/* A ban or a lift that every other member is known to hold by now. */
static void print_everywhere(const struct p2p_cli_style *style, const json_t *event)
{
    char text[256];
    p2p_cli_paint(style, P2P_CLI_BOLD, "everywhere");
    fputs("  ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(event, "id"));
    fputs("  ", style->out);
    p2p_cli_put(style->out, p2p_cli_spread_text(text, sizeof text, event));
    fputc('\n', style->out);
}

/* How a feed stands. */
static void print_feed_news(const struct p2p_cli_style *style, const json_t *event)
{
    char span[P2P_CLI_SPAN_BYTES];
    const json_t *heard = json_object_get(event, "heard_s");
    const char *state = p2p_cli_text(event, "state");
    p2p_cli_paint(style, P2P_CLI_BOLD, "feed");
    fputs("  ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(event, "feed"));
    fputs("  ", style->out);
    p2p_cli_paint(style,
                  strcmp(state, "ok") == 0       ? P2P_CLI_GOOD
                  : strcmp(state, "behind") == 0 ? P2P_CLI_DOUBT
                                                 : P2P_CLI_BAD,
                  state);
    p2p_cli_span(span, json_number_value(heard));
    fprintf(style->out,
            ", %" PRIu64 " records, %" PRIu64 " witnessed, lag %" PRIu64 ", heard %s%s\n",
            p2p_cli_number(event, "size"), p2p_cli_number(event, "witnessed"),
            p2p_cli_number(event, "lag"), json_is_number(heard) ? span : "never",
            !json_is_number(heard) || strcmp(span, "now") == 0 ? "" : " ago");
}

/* How many payloads of a circle are kept from this member. */
static void print_withheld_news(const struct p2p_cli_style *style, const json_t *event)
{
    p2p_cli_paint(style, P2P_CLI_BOLD, "withheld");
    fputs("  ", style->out);
    p2p_cli_put(style->out, p2p_cli_text(event, "circle"));
    fprintf(style->out, " %" PRIu64 "\n", p2p_cli_number(event, "payloads"));
}

void p2p_cli_print_event(const struct p2p_cli_style *style, const json_t *event)
{
    /* What stands at the head of the line; all else follows as name=value. */
    static const char *const heads[] = {"time", "kind", "event", "id"};
    char when[P2P_CLI_WHEN_BYTES];
    if (strcmp(p2p_cli_text(event, "event"), "everywhere") == 0) {
        print_everywhere(style, event);
        return;
    }
    if (strcmp(p2p_cli_text(event, "event"), "feed") == 0) {
        print_feed_news(style, event);
        return;
    }
    if (strcmp(p2p_cli_text(event, "event"), "withheld") == 0) {
        print_withheld_news(style, event);
        return;
    }
    p2p_cli_paint(style, P2P_CLI_DIM, p2p_cli_when(when, event, "time"));
    const char *kind = p2p_cli_text(event, "kind");
    fputs(when[0] != '\0' ? "  " : "", style->out);
    p2p_cli_paint(style, P2P_CLI_BOLD, kind[0] != '\0' ? kind : p2p_cli_text(event, "event"));
    const char *id = p2p_cli_text(event, "id");
    if (id[0] != '\0') {
        fputs("  ", style->out);
        p2p_cli_put(style->out, id);
    }
    const char *name = NULL;
    const json_t *value = NULL;
    json_object_foreach((json_t *)event, name, value)
    {
        bool said = json_is_null(value);
        for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
            said = said || strcmp(name, heads[i]) == 0;
        }
        if (!said) {
            fputs("  ", style->out);
            p2p_cli_put(style->out, name);
            fputc('=', style->out);
            put_value(style->out, value);
        }
    }
    fputc('\n', style->out);
}

static void print_members(const struct p2p_cli_style *style, const json_t *members)
{
    static const char *const heads[] = {"MEMBER", "ROLE", "FEED", "WITNESSES", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *member = NULL;
    json_array_foreach(members, index, member)
    {
        char witnesses[512];
        p2p_cli_cell_add(&table, p2p_cli_text(member, "name"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(member, "role"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(member, "feed"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_list(witnesses, sizeof witnesses, member, "witnesses"),
                         P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

/* A grant is a text, or an object with a kind or name and a scope. */
static void grants_of(char *out, size_t cap, const json_t *issuer)
{
    size_t index = 0, at = 0;
    const json_t *grant = NULL;
    out[0] = '\0';
    json_array_foreach(json_object_get(issuer, "grants"), index, grant)
    {
        const char *name = json_string_value(grant);
        const char *scope = p2p_cli_text(grant, "scope");
        if (name == NULL) {
            name =
                p2p_cli_text(grant, json_object_get(grant, "name") != NULL ? "name" : "kind");
        }
        bool everywhere = scope[0] == '\0' || strcmp(scope, "*") == 0;
        int n = snprintf(out + at, cap - at, "%s%s%s%s", at > 0 ? ", " : "", name,
                         everywhere ? "" : " at ", everywhere ? "" : scope);
        if (n < 0 || (size_t)n >= cap - at) {
            return;
        }
        at += (size_t)n;
    }
}

static void print_issuers(const struct p2p_cli_style *style, const json_t *issuers)
{
    static const char *const heads[] = {"ISSUER", "MEMBER", "MAY", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *issuer = NULL;
    json_array_foreach(issuers, index, issuer)
    {
        char grants[1024];
        grants_of(grants, sizeof grants, issuer);
        p2p_cli_cell_add(&table, p2p_cli_text(issuer, "name"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_text(issuer, "member"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, grants, P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

void p2p_cli_print_charter(const struct p2p_cli_style *style, const json_t *charter)
{
    char number[P2P_CLI_SPAN_BYTES];
    p2p_cli_field(style, "federation", p2p_cli_text(charter, "federation"));
    p2p_cli_field(style, "id", p2p_cli_text(charter, "federation_id"));
    p2p_cli_field(style, "version", p2p_cli_count(number, p2p_cli_number(charter, "version")));
    const json_t *members = json_object_get(charter, "members");
    if (json_array_size(members) > 0) {
        fputc('\n', style->out);
        print_members(style, members);
    }
    const json_t *issuers = json_object_get(charter, "issuers");
    if (json_array_size(issuers) > 0) {
        fputc('\n', style->out);
        print_issuers(style, issuers);
    }
    const json_t *circles = json_object_get(charter, "circles"), *circle = NULL;
    size_t index = 0;
    json_array_foreach(circles, index, circle)
    {
        char text[512];
        fputs(index == 0 ? "\n" : "", style->out);
        fputs("circle ", style->out);
        p2p_cli_put(style->out, p2p_cli_text(circle, "name"));
        p2p_cli_list(text, sizeof text, circle, "members");
        fputs(text[0] != '\0' ? ": " : "", style->out);
        p2p_cli_put(style->out, text);
        fputc('\n', style->out);
    }
}

void p2p_cli_print_charter_log(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"VERSION>", "TIME", "WHAT", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *row = NULL;
    json_array_foreach(rows, index, row)
    {
        char when[P2P_CLI_WHEN_BYTES], number[P2P_CLI_SPAN_BYTES], text[512];
        const char *what = p2p_cli_text(row, "text");
        const char *list = json_object_get(row, "ops") != NULL ? "ops" : "what";
        p2p_cli_count(number, p2p_cli_number(row, "version"));
        p2p_cli_cell_add(&table, number, P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_when(when, row, "time"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table,
                         what[0] != '\0' ? what : p2p_cli_list(text, sizeof text, row, list),
                         P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

void p2p_cli_print_keys(const struct p2p_cli_style *style, const json_t *rows)
{
    static const char *const heads[] = {"ISSUER", "STATE", NULL};
    struct p2p_cli_table table;
    p2p_cli_table_init(&table, heads);
    size_t index = 0;
    const json_t *key = NULL;
    json_array_foreach(rows, index, key)
    {
        char text[96], span[P2P_CLI_SPAN_BYTES];
        bool unlocked = json_is_true(json_object_get(key, "unlocked"));
        uint64_t left = p2p_cli_number(key, "for_s");
        snprintf(text, sizeof text, "%s%s%s", unlocked ? "unlocked" : "locked",
                 unlocked && left > 0 ? ", for another " : "",
                 unlocked && left > 0 ? p2p_cli_span(span, (double)left) : "");
        p2p_cli_cell_add(&table, p2p_cli_text(key, "issuer"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, text, unlocked ? P2P_CLI_GOOD : P2P_CLI_PLAIN);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}
