#include "api_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct api_world world;

/* A member alone has no witnesses: it is complete at once, and says allow. */
static int setup(void **state)
{
    (void)state;
    api_world_make(&world, "beanr", "beanr");
    return 0;
}

static int setup_two(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee,commission", "beanr");
    return 0;
}

static int setup_observer(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,commission", "commission");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

static json_t *check(const char *subject, const char *purpose)
{
    json_t *reply =
        api_post(&world, "/v1/gates/main/checks",
                 json_pack("{s:[s], s:s}", "subject", subject, "purpose", purpose), 200);
    CHECK(strncmp(text_of(reply, "decision"), "beanr/1:", 8) == 0);
    CHECK(json_object_get(reply, "spooled") == NULL);
    return reply;
}

/* The answer, with its exit code; code: a reason that must be there, or NULL for none. */
static bool answers(const char *subject, const char *purpose, const char *answer,
                    const char *code)
{
    json_t *reply = check(subject, purpose);
    json_t *reasons = json_object_get(reply, "reasons");
    struct p2p_api_reply whole = {.status = 200, .json = reply};
    int exit = p2p_api_exit_code(&whole);
    bool is = strcmp(text_of(reply, "answer"), answer) == 0 &&
              exit == (strcmp(answer, "allow") == 0    ? 0
                       : strcmp(answer, "refuse") == 0 ? 1
                                                       : 3) &&
              (code == NULL ? json_array_size(reasons) == 0
                            : find_row(reasons, "code", code) != NULL);
    if (!is) {
        char *text = json_dumps(reply, 0);
        print_error("%s for %s: %s\n", subject, purpose, text);
        free(text);
    }
    json_decref(reply);
    return is;
}

static void ban(const char *subject, const char *more, char id[64])
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"subject\":\"%s\",\"ground\":\"local\",\"reference\":"
             "\"BEANR-7\""
             "%s}",
             subject, more);
    json_t *body = json_loads(text, 0, NULL);
    CHECK(body != NULL);
    json_t *reply = api_post(&world, "/v1/bans", body, 200);
    snprintf(id, 64, "%s", text_of(reply, "id"));
    json_decref(reply);
}

static void act(const char *verb, const char *id)
{
    char path[64];
    snprintf(path, sizeof(path), "/v1/bans/%s", verb);
    json_decref(api_post(
        &world, path, json_pack("{s:s, s:s, s:s}", "as", "beanr-pso", "id", id, "reason", "r"),
        200));
}

/* ---- answers ---- */

/* Broken: a gate would let in who is banned, or stop who is not. */
static void a_gate_follows_the_ban(void **state)
{
    char id[64];
    (void)state;
    CHECK(answers("imo:9179842", "call", "allow", NULL));
    ban("imo:9179842", "", id);
    json_t *reply = check("imo:9179842", "call");
    json_t *reason = find_row(json_object_get(reply, "reasons"), "code", "banned");
    CHECK(strcmp(text_of(reply, "answer"), "refuse") == 0);
    CHECK(strcmp(text_of(reason, "record"), id) == 0);
    CHECK(strstr(text_of(reason, "text"), "BEANR-7") != NULL);
    CHECK(strstr(text_of(reason, "text"), "beanr-pso") != NULL);
    CHECK(number_of(reply, "knowledge_total") == 0);
    json_decref(reply);
    CHECK(answers("imo:9074729", "call", "allow", NULL));
    act("suspend", id);
    CHECK(answers("imo:9179842", "call", "allow", "suspended"));
    act("resume", id);
    CHECK(answers("imo:9179842", "call", "refuse", "banned"));
    act("lift", id);
    CHECK(answers("imo:9179842", "call", "allow", NULL));
}

/* Broken: a ban for one purpose would be one for all, or for none. */
static void purposes_follow_effects(void **state)
{
    char id[64];
    (void)state;
    ban("card:alfapass:1234567", "", id); /* enter, by default */
    CHECK(answers("card:alfapass:1234567", "enter", "refuse", "banned"));
    CHECK(answers("card:alfapass:1234567", "work", "refuse", "banned"));
    CHECK(answers("card:alfapass:1234567", "call", "allow", NULL));
    ban("card:alfapass:7654321", ",\"effect\":\"work\"", id);
    CHECK(answers("card:alfapass:7654321", "work", "refuse", "banned"));
    CHECK(answers("card:alfapass:7654321", "enter", "allow", NULL));
    ban("imo:9179842", "", id); /* call, by default */
    CHECK(answers("imo:9179842", "enter", "allow", NULL));
    CHECK(answers("imo:9179842", "call", "refuse", "banned"));
}

/* Broken: a ban would hold before its time or after it. */
static void a_ban_holds_in_its_window(void **state)
{
    char id[64];
    (void)state;
    ban("imo:9179842", ",\"from\":\"2100-01-01\"", id);
    CHECK(answers("imo:9179842", "call", "allow", NULL));
    ban("imo:9074729", ",\"from\":\"2000-01-01\",\"until\":\"2001-01-01\"", id);
    CHECK(answers("imo:9074729", "call", "allow", NULL));
    ban("imo:9074729", ",\"from\":\"2000-01-01\",\"until\":\"2100-01-01\"", id);
    CHECK(answers("imo:9074729", "call", "refuse", "banned"));
}

/* Broken: a slip of the pen would be a clean answer. */
static void a_wrong_check_digit_is_only_possible(void **state)
{
    char id[64];
    (void)state;
    CHECK(answers("imo:9179843", "call", "possible", "bad-identifier"));
    ban("imo:9179843", "", id);
    CHECK(answers("imo:9179843", "call", "refuse", "banned"));
}

/* Broken: a telephone, which anybody may hold, would stop a person for good. */
static void a_weak_identifier_is_only_possible(void **state)
{
    char id[64];
    (void)state;
    ban("phone:32470123456", "", id);
    CHECK(answers("phone:32470123456", "enter", "possible", "partial-match"));
    CHECK(answers("phone:32470123457", "enter", "allow", NULL));
}

/* Broken: one harmless subject would carry a banned one through. */
static void the_strongest_subject_decides(void **state)
{
    char id[64];
    (void)state;
    ban("card:alfapass:1234567", "", id);
    json_t *reply =
        api_post(&world, "/v1/gates/north-2/checks",
                 json_pack("{s:[s, s, s], s:s}", "subject", "imo:9074729",
                           "card:alfapass:1234567", "imo:9179843", "purpose", "enter"),
                 200);
    CHECK(strcmp(text_of(reply, "answer"), "refuse") == 0);
    CHECK(find_row(json_object_get(reply, "reasons"), "code", "bad-identifier") != NULL);
    json_decref(reply);
}

/* Broken: a ban of one port would stop somebody at another, or the place would not count. */
static void a_ban_holds_where_its_scope_says(void **state)
{
    char id[64];
    (void)state;
    ban("imo:9179842", ",\"scope\":\"BEZEE\"", id);
    json_t *reply = check("imo:9179842", "call");
    CHECK(find_row(json_object_get(reply, "reasons"), "code", "banned") == NULL);
    CHECK(strcmp(text_of(reply, "answer"), "refer") == 0); /* it has met no witness yet */
    CHECK(find_row(json_object_get(reply, "reasons"), "code", "incomplete") != NULL);
    CHECK(number_of(reply, "knowledge_total") == 2);
    CHECK(json_array_size(json_object_get(reply, "knowledge")) == 2);
    CHECK(json_is_null(json_object_get(
        find_row(json_object_get(reply, "knowledge"), "feed", "bezee/1"), "age_s")));
    json_decref(reply);
    ban("imo:9179842", ",\"scope\":[\"BEANR\",\"BEZEE\"]", id);
    CHECK(answers("imo:9179842", "call", "refuse", "banned"));
}

/* ---- what a gate does not answer ---- */

/* Broken: a question nobody could read would get an answer, or take the node down. */
static void bad_questions_get_no_answer(void **state)
{
    static const struct {
        const char *path;
        const char *body;
        int status;
        const char *code;
    } rows[] = {
        {"/v1/gates/main/checks", "{\"subject\":\"imo:9179842\"}", 400, "bad-purpose"},
        {"/v1/gates/main/checks", "{\"subject\":\"imo:9179842\",\"purpose\":\"leave\"}", 400,
         "bad-purpose"},
        {"/v1/gates/main/checks", "{\"subject\":\"imo:9179842\",\"purpose\":1}", 400,
         "bad-request"},
        {"/v1/gates/main/checks", "{\"purpose\":\"enter\"}", 400, "bad-subject"},
        {"/v1/gates/main/checks", "{\"subject\":[],\"purpose\":\"enter\"}", 400, "bad-subject"},
        {"/v1/gates/main/checks", "{\"subject\":[1],\"purpose\":\"enter\"}", 400,
         "bad-subject"},
        {"/v1/gates/main/checks", "{\"subject\":\"imo\",\"purpose\":\"enter\"}", 400,
         "bad-subject"},
        {"/v1/gates/Main/checks", "{\"subject\":\"imo:9179842\",\"purpose\":\"enter\"}", 400,
         "bad-gate"},
        {"/v1/gates//checks", "{\"subject\":\"imo:9179842\",\"purpose\":\"enter\"}", 404,
         "no-such-route"},
        {"/v1/gates/abcdefghijklmnopqrstuvwxyz0123456/checks",
         "{\"subject\":\"imo:9179842\",\"purpose\":\"enter\"}", 400, "bad-gate"},
        {"/v1/gates/..%2f..%2fetc/checks", "{}", 404, "no-such-route"},
        {"/v1/gates/main", "{}", 404, "no-such-route"},
        {"/v1/gates/log", "{}", 405, "no-such-method"},
        {"/v1/gates/main/checks/more", "{}", 404, "no-such-route"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *reply =
            api_post(&world, rows[i].path, json_loads(rows[i].body, 0, NULL), rows[i].status);
        if (strcmp(text_of(reply, "code"), rows[i].code) != 0) {
            print_error("%s %s: %s\n", rows[i].path, rows[i].body, text_of(reply, "code"));
        }
        CHECK(strcmp(text_of(reply, "code"), rows[i].code) == 0);
        CHECK(json_object_get(reply, "answer") == NULL);
        json_decref(reply);
    }
    json_decref(api_call(&world, "POST", "/v1/gates/main/checks", NULL, NULL, 400));
    json_decref(api_get(&world, "/v1/gates/main/checks", 405));
    json_t *list = json_array();
    for (int i = 0; i < 200000; i++) {
        json_array_append_new(list, json_integer(i));
    }
    json_decref(api_post(&world, "/v1/gates/main/checks",
                         json_pack("{s:o, s:s}", "subject", list, "purpose", "enter"), 400));
    list = json_array();
    for (int i = 0; i < 17; i++) {
        json_array_append_new(list, json_string("imo:9179842"));
    }
    json_decref(api_post(&world, "/v1/gates/main/checks",
                         json_pack("{s:o, s:s}", "subject", list, "purpose", "enter"), 400));
    CHECK(answers("imo:9179842", "call", "allow", NULL));
}

/* Broken: who only observes would decide who may enter. */
static void an_observer_has_no_gates(void **state)
{
    (void)state;
    json_t *reply =
        api_post(&world, "/v1/gates/main/checks",
                 json_pack("{s:s, s:s}", "subject", "imo:9179842", "purpose", "call"), 403);
    struct p2p_api_reply whole = {.status = 403, .json = reply};
    CHECK(strcmp(text_of(reply, "code"), "no-gates") == 0);
    CHECK(p2p_api_exit_code(&whole) == 1);
    json_decref(reply);
    json_decref(api_post(&world, "/v1/bans",
                         json_pack("{s:s, s:s, s:s}", "subject", "imo:9179842", "ground",
                                   "local", "reference", "A"),
                         403)); /* no issuer here */
}

/* ---- the log ---- */

/* Broken: what a gate decided could not be found again, or a page would repeat or lose it. */
static void the_log_holds_every_decision_once(void **state)
{
    char id[64];
    char query[256] = "";
    size_t count = 0;
    (void)state;
    ban("card:alfapass:1234567", "", id);
    for (int i = 0; i < 30; i++) {
        CHECK(answers("card:alfapass:1234567", "enter", "refuse", "banned"));
    }
    json_t *reply =
        api_post(&world, "/v1/gates/log/checks", /* a gate may be called so */
                 json_pack("{s:s, s:s}", "subject", "imo:9074729", "purpose", "call"), 200);
    char last[96];
    snprintf(last, sizeof(last), "%s", text_of(reply, "decision"));
    json_decref(reply);
    for (;;) {
        reply = api_call(&world, "GET", "/v1/gates/log", query, NULL, 200);
        json_t *rows = json_object_get(reply, "decisions");
        count += json_array_size(rows);
        json_t *row = find_row(rows, "id", last);
        if (row != NULL) {
            CHECK(strcmp(text_of(row, "answer"), "allow") == 0);
            CHECK(strcmp(text_of(row, "gate"), "log") == 0);
            CHECK(strcmp(text_of(row, "purpose"), "call") == 0);
            CHECK(strlen(text_of(row, "time")) >= 20);
            CHECK(json_array_size(json_object_get(row, "reasons")) == 0);
        }
        bool more = json_is_string(json_object_get(reply, "next"));
        snprintf(query, sizeof(query), "after=%s", text_of(reply, "next"));
        json_decref(reply);
        if (!more) {
            break;
        }
    }
    CHECK(count == 31);
    snprintf(query, sizeof(query), "after=%s", last); /* nothing came after it */
    *strchr(query, '#') = '\0';
    reply = api_call(&world, "GET", "/v1/gates/log", query, NULL, 200);
    CHECK(json_array_size(json_object_get(reply, "decisions")) == 0);
    json_decref(reply);
    reply = api_call(&world, "GET", "/v1/gates/log", "since=2100-01-01", NULL, 200);
    CHECK(json_array_size(json_object_get(reply, "decisions")) == 0);
    json_decref(reply);
    reply =
        api_call(&world, "GET", "/v1/gates/log", "since=2000-01-01T00%3A00%3A00Z", NULL, 200);
    CHECK(json_array_size(json_object_get(reply, "decisions")) == 31);
    json_decref(reply);
    json_decref(api_call(&world, "GET", "/v1/gates/log", "since=yesterday", NULL, 400));
    json_decref(api_call(&world, "GET", "/v1/gates/log", "after=7", NULL, 400));
    json_decref(api_call(&world, "GET", "/v1/gates/log", "after=charter/1:0", NULL, 400));
}

/* Broken: a person's identifier would stand in the log of a gate. */
static void the_log_names_nobody(void **state)
{
    (void)state;
    CHECK(answers("card:alfapass:1234567", "enter", "allow", NULL));
    json_t *reply = api_get(&world, "/v1/gates/log", 200);
    char *text = json_dumps(reply, 0);
    CHECK(strstr(text, "1234567") == NULL);
    free(text);
    json_decref(reply);
}

int main(void)
{
#define GATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_gate_follows_the_ban),
        GATE_TEST(purposes_follow_effects),
        GATE_TEST(a_ban_holds_in_its_window),
        GATE_TEST(a_wrong_check_digit_is_only_possible),
        GATE_TEST(a_weak_identifier_is_only_possible),
        GATE_TEST(the_strongest_subject_decides),
        cmocka_unit_test_setup_teardown(a_ban_holds_where_its_scope_says, setup_two, teardown),
        GATE_TEST(bad_questions_get_no_answer),
        cmocka_unit_test_setup_teardown(an_observer_has_no_gates, setup_observer, teardown),
        GATE_TEST(the_log_holds_every_decision_once),
        GATE_TEST(the_log_names_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
