/* The life of a ban, and who may speak of it. */
#include "ban_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct api_world world;

/* ---- the life of a ban ---- */

/* Does something to one ban as beanr-pso; its id goes to out, which may be NULL. */
static void act(const char *verb, const char *id, const char *more, char out[64])
{
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/v1/bans/%s", verb);
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":[\"%s\"],\"reason\":\"r\"%s}",
             id, more);
    json_t *reply = post(&world, path, text, 200, NULL);
    if (out != NULL) {
        snprintf(out, 64, "%s", text_of(reply, "id"));
    }
    json_decref(reply);
}

static bool state_is(const char *id, const char *state)
{
    json_t *ban = show_ban(&world, id);
    bool is = strcmp(text_of(ban, "state"), state) == 0;
    if (!is) {
        print_error("%s is %s, not %s\n", id, text_of(ban, "state"), state);
    }
    json_decref(ban);
    return is;
}

static const char *nth(const json_t *object, const char *key, size_t i)
{
    const char *text = json_string_value(json_array_get(json_object_get(object, key), i));
    return text != NULL ? text : "";
}

/* Broken: a verb would not do what it says, or say that it did. */
static void a_ban_is_suspended_resumed_and_lifted(void **state)
{
    char id[64], suspend[64], second[64], lift[64];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", id);
    CHECK(state_is(id, "in-force"));
    act("suspend", id, "", suspend);
    CHECK(state_is(id, "suspended"));
    json_t *ban = show_ban(&world, id);
    CHECK(strcmp(nth(ban, "suspended_by", 0), suspend) == 0);
    json_decref(ban);
    act("resume", suspend, "", NULL);
    CHECK(state_is(id, "in-force"));
    act("suspend", id, "", suspend);
    act("suspend", id, "", second);
    act("resume", id, "", NULL); /* the ban named: both are resumed */
    CHECK(state_is(id, "in-force"));
    act("lift", id, "", lift);
    CHECK(state_is(id, "lifted"));
    ban = show_ban(&world, id);
    CHECK(strcmp(nth(ban, "lifted_by", 0), lift) == 0);
    CHECK(json_is_null(json_object_get(ban, "why")));
    json_decref(ban);
    CHECK(listed(&world, NULL) == 0);
    CHECK(listed(&world, "all=true") == 1);
}

/* Broken: an officer who amends by an old id would leave two bans in force, and one who lifts
 * twice believe that the second lift did something. */
static void what_is_lifted_or_amended_is_not_acted_on_again(void **state)
{
    static const char *const verbs[] = {"amend", "suspend", "lift"};
    char id[64], amended[64], lift[64], path[64], text[256];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", id);
    act("amend", id, ",\"reference\":\"second\"", amended);
    act("lift", amended, "", lift);
    const char *const over[] = {id, amended}, *const by[] = {amended, lift};
    for (size_t i = 0; i < 2; i++) {
        for (size_t v = 0; v < sizeof(verbs) / sizeof(verbs[0]); v++) {
            snprintf(path, sizeof(path), "/v1/bans/%s", verbs[v]);
            snprintf(text, sizeof(text),
                     "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\"}", over[i]);
            json_t *problem = post(&world, path, text, 403, NULL);
            CHECK(strcmp(text_of(problem, "code"), "lifted") == 0);
            CHECK(strstr(text_of(problem, "text"), by[i]) != NULL);
            json_decref(problem);
        }
    }
    CHECK(listed(&world, "all=true") == 2);
}

/* Broken: a record without effect would be appended, and look as if it had done something. */
static void what_cannot_be_acted_on_is_refused(void **state)
{
    char id[64], suspend[64], police[64], text[512];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", id);
    act("suspend", id, "", suspend);
    json_decref(post(&world, "/v1/records", "{\"kind\":\"note\",\"fields\":{\"text\":\"x\"}}",
                     200, NULL));
    json_t *reply =
        post(&world, "/v1/bans",
             "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
             "\"reference\":\"P\",\"circle\":\"police\"}",
             200, NULL);
    snprintf(police, sizeof(police), "%s", text_of(reply, "id"));
    json_decref(reply);
    json_t *before = api_call(&world, "GET", "/v1/records", "limit=1000", NULL, 200);

    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\"}",
             suspend);
    refused(&world, "/v1/bans/lift", text, 400, "wrong-kind");
    refused(&world, "/v1/bans/amend", text, 400, "wrong-kind");
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"],\"reason\":\"r\"}", id, police);
    refused(&world, "/v1/bans/lift", text, 400, "two-circles");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\"}",
             police);
    refused(&world, "/v1/bans/resume", text, 403, "not-suspended");
    refused(&world, "/v1/bans/lift",
            "{\"as\":\"beanr-pso\",\"id\":\"beanr/1:0\",\"reason\":\"r\"}", 400, "wrong-kind");
    refused(&world, "/v1/bans/lift",
            "{\"as\":\"beanr-pso\",\"id\":\"beanr/1:999\",\"reason\":\"r\"}", 404, "not-found");
    refused(&world, "/v1/bans/lift",
            "{\"as\":\"beanr-pso\",\"id\":\"nobody\",\"reason\":\"r\"}", 404, "not-found");
    refused(&world, "/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":[],\"reason\":\"r\"}", 400,
            "no-id");
    refused(&world, "/v1/bans/lift", "{\"as\":\"beanr-pso\",\"reason\":\"r\"}", 400, "no-id");
    refused(&world, "/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":[7],\"reason\":\"r\"}", 400,
            "bad-request");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\"}", id);
    refused(&world, "/v1/bans/lift", text, 400, "bad-reason");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-carrier\",\"id\":\"%s\",\"reason\":\"r\"}",
             id);
    refused(&world, "/v1/bans/lift", text, 403, "no-grant");

    json_t *after = api_call(&world, "GET", "/v1/records", "limit=1000", NULL, 200);
    CHECK(json_array_size(json_object_get(before, "records")) ==
          json_array_size(json_object_get(after, "records")));
    json_decref(before);
    json_decref(after);
    CHECK(state_is(id, "suspended") && state_is(police, "in-force"));
}

/* Broken: an amend would lose whom the ban is on, or what it does not speak of. */
static void an_amend_keeps_what_it_does_not_name(void **state)
{
    char id[64], amended[64];
    (void)state;
    json_t *reply = post(&world, "/v1/bans",
                         "{\"as\":\"beanr-pso\",\"subject\":[\"card:alfapass:1234567\","
                         "\"imo:9179842\"],\"ground\":\"administrative\",\"reference\":\"A\","
                         "\"effect\":[\"work\",\"call\"],\"scope\":\"BEANR,BEZEE\",\"from\":"
                         "\"2026-01-01\",\"until\":\"2040-01-01\",\"reason\":\"first\"}",
                         200, NULL);
    snprintf(id, sizeof(id), "%s", text_of(reply, "id"));
    json_decref(reply);
    act("amend", id, ",\"until\":\"2041-01-01\"", amended);
    CHECK(state_is(id, "lifted"));
    json_t *old = show_ban(&world, id);
    json_t *ban = show_ban(&world, amended);
    static const char *const same[] = {"subjects", "ground", "reference",
                                       "effects",  "scope",  "from"};
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        CHECK(json_equal(json_object_get(old, same[i]), json_object_get(ban, same[i])));
    }
    CHECK(strcmp(text_of(ban, "until"), "2041-01-01T00:00:00Z") == 0);
    CHECK(strcmp(text_of(ban, "reason"), "r") == 0);
    CHECK(strncmp(nth(ban, "subjects", 0), "card:token:national/1:", 22) == 0);
    json_decref(old);
    json_decref(ban);
    /* The plain identifier finds it, though nobody typed it again. */
    CHECK(listed(&world, "subject=card:alfapass:1234567") == 1);
    CHECK(listed(&world, "subject=card:alfapass:1234567&all=true") == 2);
    act("amend", amended, ",\"subject\":\"imo:9074729\",\"effect\":\"call\"", id);
    ban = show_ban(&world, id);
    CHECK(json_array_size(json_object_get(ban, "subjects")) == 1);
    CHECK(strcmp(nth(ban, "subjects", 0), "imo:9074729") == 0);
    CHECK(strcmp(nth(ban, "effects", 0), "call") == 0);
    CHECK(strcmp(nth(ban, "scope", 1), "BEZEE") == 0);
    json_decref(ban);
}

/* Broken: amending two bans at once would free whoever only the second was on. */
static void an_amend_of_several_must_not_free_anybody(void **state)
{
    char one[64], other[64], again[64], text[512];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", one);
    impose(&world, "beanr-pso", "imo:9074729", other);
    impose(&world, "beanr-pso", "imo:9179842", again);
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"],\"reason\":\"r\",\"until\":"
             "\"2041-01-01\"}",
             one, other);
    refused(&world, "/v1/bans/amend", text, 400, "different-bans");
    CHECK(state_is(one, "in-force") && state_is(other, "in-force"));
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"],\"reason\":\"r\",\"until\":"
             "\"2041-01-01\"}",
             one, again);
    json_decref(post(&world, "/v1/bans/amend", text, 200, NULL));
    CHECK(state_is(one, "lifted") && state_is(again, "lifted"));
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\",\"until\":\"2020-01-01\","
             "\"from\":\"2021-01-01\"}",
             other);
    refused(&world, "/v1/bans/amend", text, 400, "bad-time");
}

/* Broken: by an empty word an amend would end a ban that has no end, with that of another one.
 */
static void an_amend_of_several_says_something(void **state)
{
    static const char *const empty[] = {"\"until\":null", "\"until\":\"\"", "\"effect\":[]",
                                        "\"scope\":[]"};
    char ids[2][64], text[512];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(text, sizeof(text),
                 "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                 "\"reference\":\"A\",\"from\":\"2026-01-01\"%s}",
                 i == 0 ? ",\"until\":\"2041-01-01\",\"effect\":\"call\",\"scope\":\"BEANR\""
                        : ",\"effect\":\"enter\"");
        json_t *reply = post(&world, "/v1/bans", text, 200, NULL);
        snprintf(ids[i], sizeof(ids[i]), "%s", text_of(reply, "id"));
        json_decref(reply);
    }
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        /* All other words in which they differ are said. */
        snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"]%s%s%s,%s}",
                 ids[0], ids[1], i < 2 ? "" : ",\"until\":\"2050-01-01\"",
                 i == 2 ? "" : ",\"effect\":\"enter\"", i == 3 ? "" : ",\"scope\":\"*\"",
                 empty[i]);
        refused(&world, "/v1/bans/amend", text, 400, "different-bans");
        CHECK(state_is(ids[0], "in-force") && state_is(ids[1], "in-force"));
    }
}

/* Broken: of so many bans that the first one's value is read over, an amend would say what
 * another one said, or be refused. */
static void an_amend_of_many_says_what_the_first_said(void **state)
{
    enum { BANS = 270, REASON = 1990, TEXT = BANS * 80 + 4096 };
    static char ids[BANS][64];
    char reason[REASON + 1];
    char *text = malloc(TEXT);
    (void)state;
    CHECK(text != NULL);
    for (unsigned i = 0; i < BANS; i++) {
        memset(reason, 'a' + (int)(i % 26), REASON);
        reason[REASON - i % 17] = '\0'; /* no two begin at one place */
        snprintf(text, TEXT,
                 "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                 "\"reference\":\"R-%03u\",\"scope\":\"BEANR,BEZEE\",\"from\":\"2026-01-01\","
                 "\"reason\":\"%s\"}",
                 i, reason);
        json_t *reply = post(&world, "/v1/bans", text, 200, NULL);
        snprintf(ids[i], sizeof(ids[i]), "%s", text_of(reply, "id"));
        json_decref(reply);
    }
    size_t len = (size_t)snprintf(text, TEXT,
                                  "{\"as\":\"beanr-pso\",\"reason\":\"r\",\"until\":"
                                  "\"2041-01-01\",\"id\":[\"%s\"",
                                  ids[0]);
    for (unsigned i = 1; i < BANS; i++) {
        len += (size_t)snprintf(text + len, TEXT - len, ",\"%s\"", ids[i]);
    }
    snprintf(text + len, TEXT - len, "]}");
    json_t *reply = post(&world, "/v1/bans/amend", text, 200, NULL);
    json_t *ban = show_ban(&world, text_of(reply, "id"));
    CHECK(strcmp(text_of(ban, "reference"), "R-000") == 0);
    CHECK(strcmp(nth(ban, "subjects", 0), "imo:9179842") == 0);
    CHECK(strcmp(nth(ban, "scope", 1), "BEZEE") == 0);
    json_decref(ban);
    json_decref(reply);
    free(text);
}

/* ---- who signs, for whom ---- */

/* Broken: somebody would sign for another member or beyond what was granted. */
static void an_issuer_is_chosen_or_named(void **state)
{
    (void)state;
    json_t *reply =
        post(&world, "/v1/bans",
             "{\"subject\":\"imo:9179842\",\"ground\":\"court\",\"reference\":\"A\"}", 200,
             NULL); /* one here may */
    json_t *ban = show_ban(&world, text_of(reply, "id"));
    CHECK(strcmp(text_of(ban, "issuer"), "beanr-court") == 0);
    json_decref(ban);
    json_decref(reply);
    reply = post(&world, "/v1/bans",
                 "{\"subject\":\"imo:9179842\",\"ground\":\"local\",\"reference\":\"A\"}", 400,
                 "several-issuers");
    CHECK(strstr(text_of(reply, "text"), "beanr-pso") != NULL);
    CHECK(strstr(text_of(reply, "text"), "beanr-court") != NULL);
    json_decref(reply);
    static const struct {
        const char *as;
        const char *ground;
        const char *code;
    } rows[] = {
        {"bezee-pso", "local", "unknown-issuer"}, {"nobody", "local", "unknown-issuer"},
        {"../feed", "local", "unknown-issuer"},   {"", "local", "unknown-issuer"},
        {"beanr-pso", "court", "no-grant"},       {"beanr-carrier", "local", "no-grant"},
        {"beanr-police", "local", "no-grant"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"as\":\"%s\",\"subject\":\"imo:9179842\",\"ground\":\"%s\",\"reference\":"
                 "\"A\"}",
                 rows[i].as, rows[i].ground);
        refused(&world, "/v1/bans", text, 403, rows[i].code);
    }
    CHECK(listed(&world, "all=true") == 1);
}

/* Broken: what goes to one circle would be told in another. */
static void a_ban_stands_in_the_circle_that_was_named(void **state)
{
    static const char *const circles[] = {"national", "police", "beanr"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                 "\"reference\":\"A\",\"circle\":\"%s\"}",
                 circles[i]);
        json_t *reply = post(&world, "/v1/bans", text, 200, NULL);
        json_t *ban = show_ban(&world, text_of(reply, "id"));
        CHECK(strcmp(text_of(ban, "circle"), circles[i]) == 0);
        json_decref(ban);
        json_decref(reply);
    }
    refused(&world, "/v1/bans",
            "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
            "\"reference\":\"A\",\"circle\":\"bezee\"}",
            400, "unknown-circle");
    CHECK(listed(&world, "subject=imo:9179842") == 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAN_TEST(a_ban_is_suspended_resumed_and_lifted, &world),
        BAN_TEST(what_is_lifted_or_amended_is_not_acted_on_again, &world),
        BAN_TEST(what_cannot_be_acted_on_is_refused, &world),
        BAN_TEST(an_amend_keeps_what_it_does_not_name, &world),
        BAN_TEST(an_amend_of_several_must_not_free_anybody, &world),
        BAN_TEST(an_amend_of_several_says_something, &world),
        BAN_TEST(an_amend_of_many_says_what_the_first_said, &world),
        BAN_TEST(an_issuer_is_chosen_or_named, &world),
        BAN_TEST(a_ban_stands_in_the_circle_that_was_named, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
