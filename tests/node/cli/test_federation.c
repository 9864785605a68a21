/* Founding a federation, joining it, changing its charter with roots at hand and roots far
 * away: the verbs against real files, without a node. */
#include <check.h>

#include "double.h"

#include <p2p/key.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[] = "/tmp/port2port-federation-XXXXXX";

static int run(const char *words, int expected)
{
    char line[2048];
    size_t used = 0;
    /* @ stands for the directory of this test. */
    for (; *words != '\0' && used + sizeof root < sizeof line; words++) {
        if (*words == '@') {
            used += (size_t)snprintf(line + used, sizeof line - used, "%s", root);
        } else {
            line[used++] = *words;
        }
    }
    line[used] = '\0';
    int exit = double_run(line);
    if (exit != expected) {
        print_error("%s: exit %d: %s%s", line, exit, double_out, double_err);
    }
    CHECK(exit == expected);
    return exit;
}

static bool there(const char *path)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", root, path);
    return access(full, F_OK) == 0;
}

static void a_sandbox_is_made_in_an_empty_directory_only(void **state)
{
    (void)state;
    run("--json federation sandbox @/sandbox --members beanr,bezee,commission", 0);
    json_t *json = json_loads(double_out, 0, NULL);
    CHECK(strcmp(json_string_value(json_object_get(json, "federation")), "sandbox.example") ==
          0);
    CHECK(strlen(json_string_value(json_object_get(json, "federation_id"))) == 64);
    CHECK(json_array_size(json_object_get(json, "members")) == 3);
    json_decref(json);
    CHECK(double_node.stores == 3);
    CHECK(there("sandbox/trust") && there("sandbox/federation.json"));
    CHECK(there("sandbox/roots/root-3.key") && there("sandbox/copies/beanr"));
    CHECK(there("sandbox/beanr/config.yaml") &&
          there("sandbox/beanr/keys/issuers/beanr-pso.key"));
    CHECK(!there("sandbox/commission/keys/issuers/commission-pso.key"));
    run("federation sandbox @/sandbox", 2);
    run("federation sandbox @/other --tcp-port 70000", 2);
    run("federation sandbox @/other --members 'Not,Names'", 2);
    CHECK(!there("other"));
    run("federation status @/sandbox", 3);
    CHECK(strstr(double_out, "not running") != NULL);
    run("--json federation status @/sandbox", 3);
    CHECK(strstr(double_out, "{\"member\":\"beanr\",\"ready\":false}\n") != NULL);
    run("federation down @/sandbox", 0);
    CHECK(strstr(double_out, "beanr was not running\n") != NULL);
    run("federation down @/sandbox nobody", 3);
    run("federation up @/nothing", 3);
}

/* Where it serves, and as whom: the line that scripts wait for. */
static void serve_says_when_it_is_ready(void **state)
{
    (void)state;
    static const char *const status[] = {"{\"read_only\":null}"};
    double_node.replies = status;
    double_node.reply_count = 1;
    char expected[512];
    run("-C @/sandbox/bezee serve", 0);
    snprintf(expected, sizeof expected,
             "ready bezee peers 127.77.0.2:7400 people 127.77.0.2:7401 socket "
             "%s/sandbox/bezee/node.sock\n",
             root);
    CHECK(strcmp(double_out, expected) == 0);
    run("-C @/sandbox/bezee serve --json", 0);
    json_t *line = json_loads(double_out, 0, NULL);
    CHECK(strcmp(json_string_value(json_object_get(line, "event")), "ready") == 0);
    CHECK(json_integer_value(json_object_get(line, "pid")) == getpid());
    CHECK(json_is_null(json_object_get(line, "read_only")));
    CHECK(json_object_size(line) == 7);
    json_decref(line);
    double_node.open_err = P2P_LOCKED;
    double_node.open_message = "pid 4711 serves here already";
    run("-C @/sandbox/bezee serve", 3);
    CHECK(strcmp(double_err, "port2port: pid 4711 serves here already\n") == 0);
    double_reset();
}

static void roots_at_hand_change_the_charter_in_one_go(void **state)
{
    (void)state;
    run("federation new ports.example --roots 3 --threshold 2 --out @/new", 0);
    CHECK(there("new/federation.json") && there("new/trust") && there("new/roots/root-1.key"));
    run("federation new ports.example --roots 3 --threshold 4 --out @/new2", 2);
    run("--json -C @/beanr init --federation @/new/federation.json --name beanr --locode BEANR",
        0);
    CHECK(there("beanr/join.json") && there("beanr/config.yaml"));
    run("-C @/beanr init --federation @/new/federation.json --name beanr", 2);
    run("--json charter admit @/beanr/join.json --federation @/new/federation.json --root-key "
        "@/new/roots/root-1.key --root-key @/new/roots/root-2.key",
        0);
    CHECK(strstr(double_out, "\"version\":2,\"added\":1") != NULL);
    /* One root is too few: refused, and nothing changes. */
    run("charter policy --lease 24h --federation @/new/federation.json --root-key "
        "@/new/roots/root-1.key",
        1);
    run("charter policy --lease 24h --federation @/new/federation.json", 2);
    run("charter policy --lease 0 --federation @/new/federation.json --root-key "
        "@/new/roots/root-1.key --root-key @/new/roots/root-3.key",
        2);
}

/* Otherwise no officer of a federation that is no sandbox could ever sign anything. */
static void an_officers_key_is_made_and_granted_something(void **state)
{
    (void)state;
    run("--json -C @/beanr key new beanr-pso", 0);
    CHECK(there("beanr/keys/issuers/beanr-pso.key"));
    json_t *made = json_loads(double_out, 0, NULL);
    CHECK(strcmp(json_string_value(json_object_get(made, "issuer")), "beanr-pso") == 0);
    CHECK(strlen(json_string_value(json_object_get(made, "public_key"))) == 44);
    run("-C @/beanr key new beanr-pso", 2);
    CHECK(strstr(double_err, "exists already") != NULL);
    run("-C @/beanr key new BEANR", 2);
    run("-C @/nothing key new beanr-pso", 3);
    char line[512];
    snprintf(line, sizeof line,
             "charter grant beanr-pso --member beanr --key %s --grant ban-local --federation "
             "@/new/federation.json --root-key @/new/roots/root-2.key --root-key "
             "@/new/roots/root-3.key",
             json_string_value(json_object_get(made, "public_key")));
    run(line, 0);
    json_decref(made);
}

static void roots_far_away_sign_a_draft(void **state)
{
    (void)state;
    char line[512];
    run("-C @/beanr key circle POLICE", 2);
    run("-C @/beanr --json key circle police", 0);
    json_t *drawn = json_loads(double_out, 0, NULL);
    CHECK(strcmp(json_string_value(json_object_get(drawn, "circle")), "police") == 0);
    snprintf(line, sizeof line,
             "charter draft circle police --add beanr --key %s --out @/draft.json --federation "
             "@/new/federation.json --ceremony @/new/roots",
             json_string_value(json_object_get(drawn, "key")));
    json_decref(drawn);
    run("charter draft circle police --add beanr --out @/draft.json --federation "
        "@/new/federation.json --ceremony @/new/roots",
        2); /* a new circle has a key */
    CHECK(!there("draft.json"));
    run(line, 0);
    CHECK(there("draft.json"));
    run("charter append @/draft.json --federation @/new/federation.json", 1);
    run("charter sign @/draft.json --root-key @/new/roots/root-2.key --federation "
        "@/new/federation.json",
        0);
    run("charter append @/draft.json --federation @/new/federation.json", 1);
    run("charter sign @/draft.json --root-key @/new/roots/root-3.key --federation "
        "@/new/federation.json",
        0);
    run("--json charter append @/draft.json --federation @/new/federation.json", 0);
    CHECK(strstr(double_out, "\"version\":4,\"added\":1") != NULL);
    run("charter draft", 2);
    CHECK(strstr(double_err, "charter draft needs another verb behind it") != NULL);
    run("charter draft show --out x", 2);
    run("charter draft policy --lease 1h --federation @/new/federation.json", 2);
    CHECK(strstr(double_err, "needs --out") != NULL);
}

/* The node gives its charter as federation.json has it, and takes the entries it lacks. */
static json_t *held;

static void node_answer(const struct p2p_api_request *request, size_t n,
                        struct p2p_api_reply *reply)
{
    (void)n;
    *reply = (struct p2p_api_reply){
        .status = 200,
        .json = strcmp(request->method, "GET") == 0 ? json_deep_copy(held) : json_object(),
    };
}

static void fetch_hands_a_newer_charter_to_the_node(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/new/federation.json", root);
    json_t *whole = json_load_file(path, 0, NULL);
    held = json_deep_copy(whole);
    CHECK(json_array_size(json_object_get(held, "entries")) == 4);
    json_array_remove(json_object_get(held, "entries"), 3);
    double_reset();
    double_node.answer = node_answer;
    run("--json charter fetch @/new/federation.json", 0);
    CHECK(strstr(double_out, "\"version\":4,\"added\":1") != NULL);
    CHECK(double_node.call_count == 2);
    CHECK(strcmp(double_node.calls[1].path, "/v1/charter") == 0);
    CHECK(json_equal(json_object_get(double_node.calls[1].body, "entries"),
                     json_object_get(whole, "entries")));
    /* Another federation's charter is refused before the node hears of it. */
    run("charter fetch @/sandbox/federation.json", 4);
    CHECK(double_node.call_count == 3);
    json_decref(whole);
    json_decref(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sandbox_is_made_in_an_empty_directory_only),
        cmocka_unit_test(serve_says_when_it_is_ready),
        cmocka_unit_test(roots_at_hand_change_the_charter_in_one_go),
        cmocka_unit_test(an_officers_key_is_made_and_granted_something),
        cmocka_unit_test(roots_far_away_sign_a_draft),
        cmocka_unit_test(fetch_hands_a_newer_charter_to_the_node),
    };
    char command[128];
    if (p2p_crypto_init() != P2P_OK || mkdtemp(root) == NULL) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    double_reset();
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) == 0 ? failed : 1;
}
