/* The command line itself: what it takes, where options may stand, how it helps after a slip,
 * what request a verb becomes. */
#include <check.h>

#include "double.h"
#include "node/cli/command.h"

#include <stdlib.h>
#include <unistd.h>

static int reset(void **state)
{
    (void)state;
    double_reset();
    unsetenv("PORT2PORT_DIR");
    unsetenv("PORT2PORT_PASSPHRASE_FILE");
    return 0;
}

static void answer_with(const char *const *replies, size_t count)
{
    double_node.replies = replies;
    double_node.reply_count = count;
}

static const char *const DONE[] = {
    "{\"id\":\"beanr/1:17\",\"time\":\"2026-11-21T22:40:19Z\",\"level\":\"local\"}"};

static void check_body(size_t n, const char *path, const char *expected)
{
    json_t *json = json_loads(expected, 0, NULL);
    CHECK(json != NULL);
    CHECK(n < double_node.call_count);
    if (!json_equal(json, double_node.calls[n].body)) {
        char *got = json_dumps(double_node.calls[n].body, JSON_COMPACT);
        print_error("asked %s, not %s\n", got, expected);
        free(got);
    }
    CHECK(json_equal(json, double_node.calls[n].body));
    CHECK(strcmp(double_node.calls[n].path, path) == 0);
    CHECK(strcmp(double_node.calls[n].method, "POST") == 0);
    json_decref(json);
}

static bool has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        print_error("\"%s\" is not in:\n%s\n", part, text);
        return false;
    }
    return true;
}

/* Every row is whole, and no name stands twice among the options of a command. */
static void the_table_is_sound(void **state)
{
    (void)state;
    for (size_t n = 0; p2p_cli_nouns[n] != NULL; n++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[n];
        CHECK(p2p_cli_noun_find(noun->name) == noun);
        for (const struct p2p_cli_command *c = noun->commands; c != NULL && !p2p_cli_is_end(c);
             c++) {
            CHECK(p2p_cli_command_find(noun, c->verb) == c);
            CHECK((c->run != NULL) == ((c->rules & P2P_CLI_HIDDEN) == 0));
            size_t count = 0;
            for (const struct p2p_cli_option *o = c->options; o != NULL && o->name != NULL;
                 o++, count++) {
                CHECK(o->help != NULL);
                CHECK((o->value == NULL) == (o->type == P2P_CLI_FLAG));
                for (const struct p2p_cli_option *p = c->options; p != o; p++) {
                    CHECK(strcmp(p->name, o->name) != 0);
                }
                for (const struct p2p_cli_option *p = p2p_cli_globals; p->name != NULL; p++) {
                    CHECK(strcmp(p->name, o->name) != 0);
                }
            }
            CHECK(count < 24);
        }
    }
}

static void a_verb_becomes_a_request(void **state)
{
    (void)state;
    answer_with(DONE, 1);
    CHECK(
        double_run("ban impose --subject imo:9179842 --subject plate:BE:1ABC234 --ground local "
                   "--reference 'Art. 3' --effect call --effect enter --from 2026-03-01 "
                   "--as beanr-pso --level mirrored") == 0);
    check_body(0, "/v1/bans",
               "{\"as\":\"beanr-pso\",\"subject\":[\"imo:9179842\",\"plate:BE:1ABC234\"],"
               "\"ground\":\"local\",\"reference\":\"Art. 3\",\"effect\":[\"call\",\"enter\"],"
               "\"from\":\"2026-03-01\",\"level\":\"mirrored\"}");
    CHECK(strcmp(double_out, "beanr/1:17  ban imposed, local\n") == 0);
    CHECK(double_node.opened == 1 && double_node.closed == 1);
    CHECK(double_run("ban lift beanr/1:17 beanr/1:18 --reason over") == 0);
    check_body(1, "/v1/bans/lift",
               "{\"id\":[\"beanr/1:17\",\"beanr/1:18\"],\"reason\":\"over\"}");
    CHECK(double_run("gate check --subject imo:9179842 --purpose call --gate north") == 0);
    check_body(2, "/v1/gates/north/checks",
               "{\"subject\":[\"imo:9179842\"],\"purpose\":\"call\"}");
    CHECK(double_run("record add note --field a=1 --field b=x=y --field a=2") == 0);
    check_body(3, "/v1/records",
               "{\"kind\":\"note\",\"fields\":{\"a\":[\"1\",\"2\"],\"b\":\"x=y\"}}");
    CHECK(double_run("ban list --subject 'imo:9 1&2' --all") == 0 ||
          double_node.call_count == 5);
    CHECK(strcmp(double_node.calls[4].query, "subject=imo:9%201%262&all=1&limit=500") == 0);
    CHECK(double_run("record show 'beanr/1:17#3'") == 0);
    CHECK(strcmp(double_node.calls[5].path, "/v1/records/beanr/1:17%233") == 0);
}

static void global_options_stand_anywhere(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "--json --as x -C . ban lift a --reason r", "ban --json --as=x -C . lift a --reason r",
        "ban lift --json a --as x --reason r -C.",  "-C . ban lift --reason r --as x -- a",
        "ban lift a --reason r --json --as x",
    };
    answer_with(DONE, 1);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        CHECK(double_run(lines[i]) == 0);
        check_body(i, "/v1/bans/lift", "{\"as\":\"x\",\"id\":[\"a\"],\"reason\":\"r\"}");
    }
    CHECK(double_out[0] == '{' && double_out[strlen(double_out) - 1] == '\n');
}

static void a_slip_is_told_with_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        const char *told;
    } slips[] = {
        {"", "port2port needs a command"},
        {"bam list", "there is no command \"bam\"; did you mean ban?"},
        {"ban lsit", "ban has no verb \"lsit\"; did you mean list?"},
        {"ban", "ban needs a verb"},
        {"ban impse --subject x", "did you mean impose?"},
        {"ban list --subjct x", "ban list takes no option --subjct; did you mean --subject?"},
        {"ban list --subj x", "did you mean --subject?"},
        {"ban list -x", "ban list takes no option -x"},
        {"ban list --subject", "--subject needs a value"},
        {"ban list --all=1", "takes no value"},
        {"ban list --subject a --subject b", "--subject stands there twice"},
        {"ban list extra", "ban list takes no argument \"extra\""},
        {"ban show", "ban show needs ID"},
        {"ban lift a", "ban lift needs --reason"},
        {"ban impose --subject a --reference b --ground lokal", "it is one of court|"},
        {"wait nothing", "it is one of ready|"},
        {"wait ready --timeout soon", "write it as 90s, 5m, 8h or 2d"},
        {"wait record", "write wait digest HEX or wait record ID"},
        {"watch --after x", "--after needs a number"},
        {"incident list", "incident is not part of this version of port2port"},
        {"gate collect --container C", "gate collect needs --subject"},
        {"record add note --field x", "write it as --field NAME=VALUE"},
        {"peers pause", "name members, or --all"},
        {"help nothing", "there is no command \"nothing\""},
        {"help level", "there is no command \"level\""},
    };
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++) {
        int exit = double_run(slips[i].line);
        if (exit != 2) {
            print_error("%s: exit %d\n", slips[i].line, exit);
        }
        CHECK(exit == 2);
        CHECK(has(double_err, slips[i].told));
        CHECK(double_out[0] == '\0');
        /* One sentence, one line. */
        CHECK(strchr(double_err, '\n') == double_err + strlen(double_err) - 1);
    }
    CHECK(double_node.opened == 0);
    CHECK(double_run("ban lsit --json") == 2);
    CHECK(strcmp(double_out, "{\"error\":{\"code\":\"usage\",\"text\":\"ban has no verb "
                             "\\\"lsit\\\"\",\"hint\":\"did you mean list?\"}}\n") == 0);
}

static void a_problem_is_one_sentence_and_an_exit_code(void **state)
{
    (void)state;
    static const char *const problem[] = {
        "{\"code\":\"no-grant\",\"text\":\"beanr-court may not do this.\",\"hint\":\"ask\"}"};
    static const int codes[][2] = {{400, 2}, {403, 1}, {404, 3}, {503, 3}, {422, 4}};
    answer_with(problem, 1);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        double_node.status = codes[i][0];
        CHECK(double_run("--json ban show beanr/1:17") == codes[i][1]);
        CHECK(strcmp(double_err, "port2port: beanr-court may not do this; ask\n") == 0);
        CHECK(strcmp(double_out,
                     "{\"error\":{\"code\":\"no-grant\",\"text\":\"beanr-court may not do "
                     "this.\",\"hint\":\"ask\"}}\n") == 0);
    }
    double_node.open_err = P2P_CORRUPT;
    double_node.open_message = "the store is damaged";
    CHECK(double_run("status") == 4);
    CHECK(strcmp(double_err, "port2port: the store is damaged\n") == 0);
    CHECK(double_run("-C /nonexistent/node status") == 3);
    CHECK(has(double_err, "there is no directory /nonexistent/node"));
}

/* An answer of the gate is a reply like any other; only its exit code speaks. */
static void a_gate_answers_with_its_exit_code(void **state)
{
    (void)state;
    static const char *const answers[][2] = {
        {"{\"answer\":\"allow\"}", "\0"},
        {"{\"answer\":\"refuse\"}", "\1"},
        {"{\"answer\":\"refer\"}", "\3"},
        {"{\"answer\":\"possible\"}", "\3"},
    };
    for (size_t i = 0; i < 4; i++) {
        answer_with(&answers[i][0], 1);
        CHECK(double_run("gate check --subject imo:1 --purpose call --json") ==
              answers[i][1][0]);
        CHECK(double_err[0] == '\0');
    }
}

static void lists_follow_their_pages(void **state)
{
    (void)state;
    static const char *const pages[] = {
        "{\"bans\":[{\"id\":\"a\"},{\"id\":\"b\"}],\"next\":\"b\"}",
        "{\"bans\":[{\"id\":\"c\"}],\"next\":null}",
    };
    answer_with(pages, 2);
    CHECK(double_run("--json ban list") == 0);
    CHECK(strcmp(double_out, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n") == 0);
    CHECK(double_node.call_count == 2);
    CHECK(strcmp(double_node.calls[1].query, "limit=500&after=b") == 0);
    CHECK(double_node.opened == 1);
    static const char *const empty[] = {"{\"bans\":[],\"next\":null}"};
    answer_with(empty, 1);
    CHECK(double_run("--json ban list") == 0);
    CHECK(double_out[0] == '\0' && double_err[0] == '\0');
    CHECK(double_run("ban list") == 0);
    CHECK(double_out[0] == '\0' && strcmp(double_err, "no bans\n") == 0);
    /* A server that gives the same next again and again must not keep us for ever. */
    static const char *const stuck[] = {"{\"bans\":[{\"id\":\"a\"}],\"next\":\"a\"}"};
    answer_with(stuck, 1);
    CHECK(double_run("--json ban list") == 0);
}

static void prepare_keeps_the_bytes_and_appends_nothing(void **state)
{
    (void)state;
    static const char *const prepared[] = {"{\"bytes\":\"AAEC\"}", "{\"id\":\"beanr/1:9\"}"};
    char file[] = "/tmp/port2port-prepare-XXXXXX";
    int fd = mkstemp(file);
    CHECK(fd >= 0);
    close(fd);
    unlink(file);
    char line[256];
    answer_with(prepared, 2);
    snprintf(line, sizeof line, "ban lift a --reason r --as x --prepare %s", file);
    CHECK(double_run(line) == 0);
    check_body(0, "/v1/prepare",
               "{\"path\":\"/v1/bans/lift\",\"request\":{\"as\":\"x\",\"id\":[\"a\"],"
               "\"reason\":\"r\"}}");
    CHECK(double_run(line) == 2); /* what is there may be signed already */
    CHECK(double_node.call_count == 1);
    snprintf(line, sizeof line, "submit %s --level witnessed", file);
    CHECK(double_run(line) == 0);
    check_body(1, "/v1/submit", "{\"bytes\":\"AAEC\",\"level\":\"witnessed\"}");
    FILE *raw = fopen(file, "w");
    fputs("\x99\x01", raw);
    fclose(raw);
    snprintf(line, sizeof line, "submit %s", file);
    CHECK(double_run(line) == 0);
    check_body(2, "/v1/submit", "{\"record\":\"mQE=\"}");
    unlink(file);
}

static void help_lists_what_works_and_only_that(void **state)
{
    (void)state;
    CHECK(double_run("--help") == 0);
    for (size_t n = 0; p2p_cli_nouns[n] != NULL; n++) {
        char line[64];
        snprintf(line, sizeof line, "\n  %s ", p2p_cli_nouns[n]->name);
        CHECK((strstr(double_out, line) != NULL) == (p2p_cli_nouns[n]->commands != NULL));
    }
    CHECK(double_run("gate --help") == 0);
    CHECK(has(double_out, "  check ") && has(double_out, "  collect "));
    CHECK(double_run("ban impose --help") == 0);
    CHECK(has(double_out, "usage: port2port ban impose --subject S ..."));
    CHECK(has(double_out, "--level LEVEL") && has(double_out, "--prepare FILE"));
    CHECK(has(double_out, "court|magistrate|administrative|local|eu-regulation"));
    char *help = strdup(double_out);
    CHECK(double_run("help ban impose") == 0);
    CHECK(strcmp(help, double_out) == 0);
    free(help);
    CHECK(double_run("serve --help") == 0);
    CHECK(has(double_out, "SIGTERM"));
    CHECK(double_run("help") == 0 && double_run("help ban") == 0);
    CHECK(double_run("version") == 0 && strncmp(double_out, "port2port ", 10) == 0);
    CHECK(double_run("--version") == 0 && strncmp(double_out, "port2port ", 10) == 0);
}

/* No line of help is wider than a terminal of 100 columns. */
static void help_fits_the_screen(void **state)
{
    (void)state;
    for (size_t n = 0; p2p_cli_nouns[n] != NULL; n++) {
        const struct p2p_cli_noun *noun = p2p_cli_nouns[n];
        for (const struct p2p_cli_command *c = noun->commands; c != NULL && !p2p_cli_is_end(c);
             c++) {
            char line[128];
            snprintf(line, sizeof line, "%s %s --help", noun->name,
                     c->verb != NULL ? c->verb : "");
            if (c->rules & P2P_CLI_HIDDEN) {
                continue;
            }
            CHECK(double_run(line) == 0);
            for (const char *at = double_out; *at != '\0';) {
                size_t len = strcspn(at, "\n");
                CHECK(len <= 100);
                at += len + (at[len] == '\n');
            }
        }
    }
}

static void man_page_and_completion_come_from_the_table(void **state)
{
    (void)state;
    CHECK(double_run("help --man") == 0);
    CHECK(strncmp(double_out, ".TH PORT2PORT 1", 15) == 0);
    CHECK(has(double_out, ".SS \"ban impose\"") && has(double_out, "\\fB\\-\\-subject\\fR"));
    CHECK(has(double_out, ".SS \"custody open\"") &&
          strstr(double_out, "incident report") == NULL);
    CHECK(double_run("completion bash") == 0);
    CHECK(has(double_out, "complete ") && has(double_out, "'ban:impose') words='"));
    CHECK(has(double_out, "'ban:impose:--ground') words='court magistrate "));
    CHECK(double_run("completion fish") == 2);
}

static void durations_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds;
    } good[] = {{"0", 0}, {"30", 30}, {"90s", 90}, {"5m", 300}, {"8h", 28800}, {"2d", 172800}};
    static const char *const bad[] = {
        "", "s", "-1", "1.5h", "8 h", "1w", "36501d", "99999999999h", "9223372036854775808"};
    uint64_t seconds = 7;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CHECK_OK(p2p_cli_duration(&seconds, good[i].text));
        CHECK(seconds == good[i].seconds);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_ERR(p2p_cli_duration(&seconds, bad[i]), P2P_USAGE);
    }
    CHECK(seconds == 172800);
}

#define TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_table_is_sound),
        TEST(a_verb_becomes_a_request),
        TEST(global_options_stand_anywhere),
        TEST(a_slip_is_told_with_what_was_meant),
        TEST(a_problem_is_one_sentence_and_an_exit_code),
        TEST(a_gate_answers_with_its_exit_code),
        TEST(lists_follow_their_pages),
        TEST(prepare_keeps_the_bytes_and_appends_nothing),
        TEST(help_lists_what_works_and_only_that),
        TEST(help_fits_the_screen),
        TEST(man_page_and_completion_come_from_the_table),
        TEST(durations_are_read_strictly),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    double_reset();
    return failed;
}
