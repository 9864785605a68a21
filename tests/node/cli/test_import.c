/* ban import: what of a file reaches the node, in which pieces, and what is told of the rest.
 */
#include <check.h>

#include "double.h"

#include <p2p/key.h>

#include <stdlib.h>
#include <unistd.h>

static char file_name[64];

/* The node of these tests imposes every row, but refuses references "bad" and flags "odd". It
 * knows what it imposed before. */
static char imposed[64][64];
static size_t imposed_count;

static bool stands(const char *subject, const char *reference)
{
    for (size_t i = 0; i < imposed_count; i++) {
        char key[64];
        snprintf(key, sizeof key, "%.30s %.30s", subject, reference);
        if (strcmp(imposed[i], key) == 0) {
            return true;
        }
    }
    return false;
}

static void import_answer(const struct p2p_api_request *request, size_t n,
                          struct p2p_api_reply *reply)
{
    (void)n;
    size_t index = 0, lines = 0, done = 0, already = 0, refused = 0;
    json_t *row = NULL, *errors = json_array();
    bool dry = json_is_true(json_object_get(request->body, "dry_run"));
    json_array_foreach(json_object_get(request->body, "rows"), index, row)
    {
        const char *subject = json_string_value(json_object_get(row, "subject"));
        const char *reference = json_string_value(json_object_get(row, "reference"));
        json_t *line = json_object_get(row, "line");
        lines++;
        if (strcmp(reference, "bad") == 0) {
            refused++;
            json_array_append_new(errors, json_pack("{s:O,s:s}", "line", line, "text", "no"));
        } else if (stands(subject, reference)) {
            already++;
        } else {
            done++;
            if (strcmp(reference, "odd") == 0) {
                json_array_append_new(errors,
                                      json_pack("{s:O,s:s}", "line", line, "text", "odd"));
            }
            if (!dry && imposed_count < 64) {
                snprintf(imposed[imposed_count++], 64, "%.30s %.30s", subject, reference);
            }
        }
    }
    *reply = (struct p2p_api_reply){
        .status = 200,
        .json = json_pack("{s:i,s:i,s:i,s:i,s:o}", "lines", (int)lines, "imposed", (int)done,
                          "already", (int)already, "refused", (int)refused, "errors", errors),
    };
}

static int reset(void **state)
{
    (void)state;
    double_reset();
    imposed_count = 0;
    double_node.answer = import_answer;
    return p2p_crypto_init() == P2P_OK ? 0 : -1;
}

static int import(const char *text, size_t len, const char *options)
{
    char line[512];
    FILE *file = fopen(file_name, "w");
    CHECK(fwrite(text, 1, len, file) == len && fclose(file) == 0);
    snprintf(
        line, sizeof line,
        "--json ban import %s --subject-type imo --subject-column imo --reference-column basis "
        "--ground eu-regulation %s",
        file_name, options);
    return double_run(line);
}

#define IMPORT(text, options) import("" text, sizeof(text) - 1, options)

static void check_report(const char *expected)
{
    json_t *json = json_loads(expected, 0, NULL), *got = json_loads(double_out, 0, NULL);
    if (!json_equal(json, got)) {
        print_error("told %s, not %s\n", double_out, expected);
    }
    CHECK(json != NULL && json_equal(json, got));
    json_decref(json);
    json_decref(got);
}

static void every_line_becomes_a_row_with_its_number(void **state)
{
    (void)state;
    CHECK(
        IMPORT(
            "\xef\xbb\xbfimo,name,basis,on\r\n9179842,\"An\r\ngara\",\"Art. 3\",2024-06-25\r\n"
            "\r\n8517839,Maria, Art. 4 ,\r\n",
            "--from-column on --as beanr-pso") == 0);
    check_report("{\"lines\":2,\"imposed\":2,\"already\":0,\"refused\":0,\"errors\":["
                 "{\"line\":4,\"text\":\"it is empty and was passed over\"}]}");
    json_t *body = json_loads(
        "{\"as\":\"beanr-pso\",\"ground\":\"eu-regulation\",\"dry_run\":false,\"rows\":["
        "{\"line\":2,\"subject\":\"imo:9179842\",\"reference\":\"Art. "
        "3\",\"from\":\"2024-06-25\"},"
        "{\"line\":5,\"subject\":\"imo:8517839\",\"reference\":\"Art. 4\"}]}",
        0, NULL);
    CHECK(double_node.call_count == 1 && json_equal(body, double_node.calls[0].body));
    CHECK(strcmp(double_node.calls[0].path, "/v1/bans/import") == 0);
    json_decref(body);
}

static void bad_lines_are_refused_and_named_and_the_rest_goes_on(void **state)
{
    (void)state;
    CHECK(IMPORT("imo,basis\n1,bad\n2,ok,3\n3,\"x\"y\n4,\xff\n5,odd\n,ok\n6,ok\n", "") == 1);
    check_report("{\"lines\":7,\"imposed\":2,\"already\":0,\"refused\":5,\"errors\":["
                 "{\"line\":2,\"text\":\"no\"},"
                 "{\"line\":3,\"text\":\"it has 3 columns, the first line has 2\"},"
                 "{\"line\":4,\"text\":\"something follows the closing quote of a field\"},"
                 "{\"line\":5,\"text\":\"column basis is not UTF-8\"},"
                 "{\"line\":6,\"text\":\"odd\"},"
                 "{\"line\":7,\"text\":\"column imo is empty\"}]}");
}

static void what_stands_already_is_skipped_here_and_in_the_file(void **state)
{
    (void)state;
    CHECK(IMPORT("imo,basis\n1,a\n1,a\n1,b\n", "") == 0);
    check_report("{\"lines\":3,\"imposed\":2,\"already\":1,\"refused\":0,\"errors\":[]}");
    CHECK(IMPORT("imo,basis\n1,a\n1,a\n1,b\n2,c\n", "") == 0);
    check_report("{\"lines\":4,\"imposed\":1,\"already\":3,\"refused\":0,\"errors\":[]}");
    /* With --dry-run the node cannot know of the line before. */
    CHECK(IMPORT("imo,basis\n7,a\n7,a\n", "--dry-run") == 0);
    check_report("{\"lines\":2,\"imposed\":1,\"already\":1,\"refused\":0,\"errors\":[]}");
    CHECK(imposed_count == 3);
}

static void all_or_nothing_checks_everything_first(void **state)
{
    (void)state;
    CHECK(IMPORT("imo,basis\n1,a\n2,bad\n", "--all-or-nothing") == 1);
    check_report("{\"lines\":2,\"imposed\":0,\"already\":0,\"refused\":1,\"errors\":["
                 "{\"line\":3,\"text\":\"no\"}]}");
    CHECK(imposed_count == 0 && double_node.call_count == 1);
    CHECK(IMPORT("imo,basis\n1,a\n2,odd\n2,odd\n", "--all-or-nothing") == 0);
    check_report("{\"lines\":3,\"imposed\":2,\"already\":1,\"refused\":0,\"errors\":["
                 "{\"line\":3,\"text\":\"odd\"}]}");
    CHECK(imposed_count == 2 && double_node.call_count == 3);
}

static void a_file_without_the_column_is_a_usage_error(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *told;
    } files[] = {
        {"imo,legal\n1,a\n", "has no column \"basis\"; it has imo, legal"},
        {"", "is empty"},
        {"\n", "is empty"},
        {"imo,basis,imo\n", "has two columns \"imo\""},
        {"imo,\"basis\n", "cannot be read: a quote that opens a field is never closed"},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        CHECK(import(files[i].text, strlen(files[i].text), "") == 2);
        if (strstr(double_err, files[i].told) == NULL) {
            print_error("%s", double_err);
        }
        CHECK(strstr(double_err, files[i].told) != NULL);
        CHECK(strstr(double_out, "\"error\":{\"code\":\"usage\"") != NULL);
    }
    CHECK(double_node.call_count == 0);
    CHECK(double_run("ban import /nonexistent.csv --subject-type imo --subject-column a "
                     "--reference-column b --ground local") == 3);
}

static void breaks_off(const struct p2p_api_request *request, size_t n,
                       struct p2p_api_reply *reply)
{
    if (n == 0) {
        import_answer(request, n, reply);
    } else {
        *reply = (struct p2p_api_reply){
            .status = 503,
            .json = json_pack("{s:s,s:s,s:s}", "code", "disk-full", "text", "the disk is full",
                              "hint", "make room"),
        };
    }
}

/* A thousand and one lines go in three requests; when the second fails, the report still is one
 * document, and says what was done. */
static void chunks_are_bounded_and_a_break_is_told_whole(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *memory = open_memstream(&text, &len);
    fputs("imo,basis\n", memory);
    for (int i = 0; i < 1001; i++) {
        fprintf(memory, "%d,ok\n", 9000000 + i);
    }
    fclose(memory);
    CHECK(import(text, len, "") == 0);
    CHECK(double_node.call_count == 3);
    CHECK(json_array_size(json_object_get(double_node.calls[0].body, "rows")) == 500);
    CHECK(json_array_size(json_object_get(double_node.calls[2].body, "rows")) == 1);
    double_reset();
    imposed_count = 0;
    double_node.answer = breaks_off;
    CHECK(import(text, len, "") == 3);
    check_report(
        "{\"lines\":1000,\"imposed\":500,\"already\":0,\"refused\":0,\"errors\":[],"
        "\"error\":{\"code\":\"disk-full\",\"text\":\"the disk is full\",\"hint\":\"make "
        "room\"}}");
    CHECK(strstr(double_err, "port2port: the disk is full; make room\n") != NULL);
    CHECK(strstr(double_err, "run the same command again") != NULL);
    free(text);
}

/* The list that this project exists for: every line of it is read. */
static void the_real_list_is_read_whole(void **state)
{
    (void)state;
    CHECK(double_run("--json ban import " P2P_TEST_DATA
                     "/eu-port-access-bans.csv --subject-type "
                     "imo --subject-column imo --reference-column legal_basis --from-column "
                     "listed_on --ground eu-regulation --dry-run") == 0);
    check_report("{\"lines\":633,\"imposed\":633,\"already\":0,\"refused\":0,\"errors\":[]}");
    CHECK(double_node.call_count == 2);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_line_becomes_a_row_with_its_number),
        TEST(bad_lines_are_refused_and_named_and_the_rest_goes_on),
        TEST(what_stands_already_is_skipped_here_and_in_the_file),
        TEST(all_or_nothing_checks_everything_first),
        TEST(a_file_without_the_column_is_a_usage_error),
        TEST(chunks_are_bounded_and_a_break_is_told_whole),
        TEST(the_real_list_is_read_whole),
    };
    snprintf(file_name, sizeof file_name, "/tmp/port2port-import-%d.csv", (int)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(file_name);
    double_reset();
    return failed;
}
