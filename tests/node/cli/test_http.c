/* The way to a serving node: HTTP/2 over its socket, whatever the length of its directory's
 * name; and the way round it when nobody serves. */
#include <check.h>

#include "double.h"
#include "node/cli/http.h"
#include "serving.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Longer than a socket's address can be. */
static char long_dir[512];

static int enter(void **state)
{
    (void)state;
    double_reset();
    unlink("node.sock");
    return 0;
}

static struct p2p_api_reply call(struct p2p_cli_http *http, const char *method,
                                 const char *path, json_t *body)
{
    struct p2p_api_request request = {.method = method, .path = path, .body = body};
    struct p2p_api_reply reply = {0};
    enum p2p_cli_http_result result = p2p_cli_http_call(http, &request, 10000, &reply);
    if (result != P2P_CLI_HTTP_DONE) {
        print_error("%s: %s\n", path, p2p_cli_http_why(http));
    }
    CHECK(result == P2P_CLI_HTTP_DONE);
    json_decref(body);
    return reply;
}

static void requests_go_over_a_socket_in_a_deep_directory(void **state)
{
    (void)state;
    CHECK(strlen(long_dir) > 200);
    struct serving *serving = serving_start();
    struct p2p_cli_http *http = NULL;
    CHECK(serving != NULL);
    CHECK_OK(p2p_cli_http_open(&http, long_dir));
    struct p2p_api_reply reply = call(http, "GET", "/v1/status", NULL);
    CHECK(reply.status == 200);
    CHECK(strcmp(json_string_value(json_object_get(reply.json, "member")), "served") == 0);
    p2p_api_reply_deinit(&reply);
    reply = call(http, "POST", "/v1/bans", json_pack("{s:s}", "reference", "\xc3\xa9"));
    json_t *expected = json_loads(
        "{\"path\":\"/v1/bans\",\"type\":\"application/json\",\"body\":{\"reference\":"
        "\"\xc3\xa9\"}}",
        0, NULL);
    CHECK(json_equal(expected, reply.json));
    json_decref(expected);
    p2p_api_reply_deinit(&reply);
    reply = call(http, "GET", "/nothing", NULL);
    CHECK(reply.status == 404);
    CHECK(strcmp(json_string_value(json_object_get(reply.json, "hint")), "look") == 0);
    p2p_api_reply_deinit(&reply);
    reply = call(http, "GET", "/metrics", NULL);
    CHECK(reply.status == 200 && strcmp(reply.text, "p2p_up 1\n") == 0);
    p2p_api_reply_deinit(&reply);
    reply = call(http, "GET", "/v1/big", NULL);
    CHECK(json_is_array(reply.json));
    p2p_api_reply_deinit(&reply);
    CHECK(p2p_cli_http_call(http,
                            &(struct p2p_api_request){.method = "GET", .path = "/v1/broken"},
                            10000, &reply) == P2P_CLI_HTTP_BROKEN);
    CHECK(strstr(p2p_cli_http_why(http), "no JSON") != NULL);
    p2p_cli_http_close(http);
    serving_stop(serving, false);
}

static void nobody_serving_is_told_from_a_broken_connection(void **state)
{
    (void)state;
    struct p2p_cli_http *http = NULL;
    struct p2p_api_reply reply = {0};
    struct p2p_api_request request = {.method = "GET", .path = "/v1/status"};
    CHECK_ERR(p2p_cli_http_open(&http, "/nonexistent/dir"), P2P_NOTFOUND);
    CHECK_OK(p2p_cli_http_open(&http, long_dir));
    CHECK(p2p_cli_http_call(http, &request, 1000, &reply) == P2P_CLI_HTTP_ABSENT);
    /* The socket file of a killed node: there, but nobody answers. */
    struct serving *serving = serving_start();
    CHECK(serving != NULL);
    serving_stop(serving, true);
    CHECK(access("node.sock", F_OK) == 0);
    CHECK(p2p_cli_http_call(http, &request, 1000, &reply) == P2P_CLI_HTTP_ABSENT);
    CHECK(reply.json == NULL);
    p2p_cli_http_close(http);
}

static void commands_prefer_the_serving_node_and_work_without(void **state)
{
    (void)state;
    static const char *const own[] = {"{\"member\":\"own\"}"};
    char line[700];
    double_node.replies = own;
    double_node.reply_count = 1;
    snprintf(line, sizeof line, "-C %s --json status", long_dir);
    struct serving *serving = serving_start();
    CHECK(double_run(line) == 0 && strstr(double_out, "served") != NULL);
    CHECK(serving_count(serving) == 1 && double_node.opened == 0);
    snprintf(line, sizeof line, "-C %s --json ban list --subject 'card:a b:1/2'", long_dir);
    CHECK(double_run(line) == 0);
    CHECK(strcmp(double_out, "{\"id\":\"q:subject=card:a%20b:1/2&limit=500\"}\n") == 0);
    snprintf(line, sizeof line, "-C %s wait digest aa", long_dir);
    CHECK(double_run(line) == 0);
    snprintf(line, sizeof line, "-C %s wait custody --json", long_dir);
    CHECK(double_run(line) == 0 && strstr(double_out, "\"ready\"") != NULL);
    snprintf(line, sizeof line, "-C %s wait digest bb --timeout 0", long_dir);
    CHECK(double_run(line) == 3 && strstr(double_err, "no digest is bb") != NULL);
    serving_stop(serving, true);
    snprintf(line, sizeof line, "-C %s --json status", long_dir);
    CHECK(double_run(line) == 0 && strstr(double_out, "own") != NULL);
    CHECK(double_node.opened == 1 && double_node.closed == 1);
    /* What only a serving node can do does not open the store. */
    snprintf(line, sizeof line, "-C %s wait ready --timeout 0", long_dir);
    CHECK(double_run(line) == 3 && strstr(double_err, "no node serves in") != NULL);
    snprintf(line, sizeof line, "-C %s peers pause --all", long_dir);
    CHECK(double_run(line) == 3);
    snprintf(line, sizeof line, "-C %s watch", long_dir);
    CHECK(double_run(line) == 3 && strstr(double_err, "no node serves in") != NULL);
    CHECK(double_node.opened == 1);
}

struct lines {
    unsigned count, stop_after;
    char text[128];
};

static bool on_line(void *context, const char *line, size_t len)
{
    struct lines *lines = context;
    size_t used = strlen(lines->text);
    snprintf(lines->text + used, sizeof lines->text - used, "%.*s|", (int)len, line);
    return ++lines->count != lines->stop_after;
}

static void a_stream_comes_line_by_line_however_it_is_cut(void **state)
{
    (void)state;
    struct serving *serving = serving_start();
    struct p2p_cli_http *http = NULL;
    struct p2p_api_reply reply = {0};
    struct p2p_api_request request = {.method = "GET", .path = "/v1/events"};
    struct lines lines = {0};
    CHECK_OK(p2p_cli_http_open(&http, long_dir));
    /* What is no whole line at the end is no line. */
    CHECK(p2p_cli_http_stream(http, &request, on_line, &lines, &reply) == P2P_CLI_HTTP_BROKEN);
    CHECK(strcmp(lines.text, "{\"n\":1}|{\"n\":2,\"kind\":\"ban\"}|{\"n\":3}|") == 0);
    lines = (struct lines){.stop_after = 2};
    CHECK(p2p_cli_http_stream(http, &request, on_line, &lines, &reply) == P2P_CLI_HTTP_DONE);
    CHECK(lines.count == 2 && reply.status == 0);
    request.path = "/nothing";
    CHECK(p2p_cli_http_stream(http, &request, on_line, &lines, &reply) == P2P_CLI_HTTP_DONE);
    CHECK(reply.status == 404 && lines.count == 2);
    p2p_api_reply_deinit(&reply);
    p2p_cli_http_close(http);
    serving_stop(serving, false);
}

#define TEST(name) cmocka_unit_test_setup(name, enter)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_go_over_a_socket_in_a_deep_directory),
        TEST(nobody_serving_is_told_from_a_broken_connection),
        TEST(commands_prefer_the_serving_node_and_work_without),
        TEST(a_stream_comes_line_by_line_however_it_is_cut),
    };
    char root[] = "/tmp/port2port-http-XXXXXX", command[600];
    if (mkdtemp(root) == NULL) {
        return 1;
    }
    snprintf(long_dir, sizeof long_dir, "%s/%0100d/%0100d", root, 1, 2);
    snprintf(command, sizeof command, "mkdir -p %s", long_dir);
    if (system(command) != 0 || chdir(long_dir) != 0) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    double_reset();
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) == 0 ? failed : 1;
}
