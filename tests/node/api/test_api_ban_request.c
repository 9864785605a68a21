/* What a request about bans may not say, and that it harms nobody else. */
#include "ban_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct api_world world;

static void impose_refused(const char *more, int status, const char *code)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
             "\"reference\":\"A\",%s}",
             more);
    refused(&world, "/v1/bans", text, status, code);
}

/* Broken: something that was misunderstood would become a ban, and be in force as nobody meant.
 */
static void a_ban_that_is_not_well_put_is_refused(void **state)
{
    static const struct {
        const char *more;
        const char *code;
    } rows[] = {
        {"\"subject\":[]", "bad-subject"},
        {"\"subject\":7", "bad-subject"},
        {"\"subject\":[\"imo:9179842\",null]", "bad-subject"},
        {"\"subject\":{\"imo\":1}", "bad-subject"},
        {"\"subject\":\"9179842\"", "bad-subject"},
        {"\"subject\":\"ship:9179842\"", "bad-subject"},
        {"\"subject\":\"imo:\"", "bad-subject"},
        {"\"ground\":\"whim\"", "bad-ground"},
        {"\"ground\":null", "bad-ground"},
        {"\"ground\":4", "bad-request"},
        {"\"reference\":null", "bad-reference"},
        {"\"reference\":5", "bad-request"},
        {"\"reason\":[\"x\"]", "bad-request"},
        {"\"as\":4", "bad-request"},
        {"\"circle\":1", "bad-request"},
        {"\"circle\":\"\"", "unknown-circle"},
        {"\"level\":1", "bad-request"},
        {"\"level\":\"everywhere\"", "bad-level"},
        {"\"effect\":\"leave\"", "bad-effect"},
        {"\"effect\":[1]", "bad-request"},
        {"\"effect\":[\"enter\",\"work\",\"call\",\"enter\"]", "too-many"},
        {"\"scope\":\"BEXXX\"", "bad-scope"},
        {"\"scope\":\"BEANR,\"", "bad-scope"},
        {"\"scope\":\"\"", "bad-scope"},
        {"\"scope\":\"beanr\"", "bad-scope"},
        {"\"scope\":3", "bad-request"},
        {"\"until\":1900000000000", "bad-request"},
        {"\"from\":true", "bad-request"},
        {"\"from\":\"2030-01-01\",\"until\":\"2029-01-01\"", "bad-time"},
        {"\"from\":\"2030-01-01\",\"until\":\"2030-01-01\"", "bad-time"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        impose_refused(rows[i].more, 400, rows[i].code);
    }
    refused(&world, "/v1/bans", "{}", 400, "bad-ground");
    json_decref(api_call(&world, "POST", "/v1/bans", NULL, NULL, 400));
    refused(&world, "/v1/bans/pardon", "{}", 405, "no-such-method");
    json_decref(api_call(&world, "DELETE", "/v1/bans", NULL, NULL, 405));
    CHECK(listed(&world, "all=true") == 0);
}

/* Broken: 30 February would be 2 March, and a ban end on a day that no court named. */
static void a_time_is_a_time_of_the_calendar(void **state)
{
    static const struct {
        const char *text;
        const char *is; /* NULL: none */
    } rows[] = {
        {"2040-02-29", "2040-02-29T00:00:00Z"},
        {"2040-01-02T03:04:05Z", "2040-01-02T03:04:05Z"},
        {"2040-01-02T03:04:05.678Z", "2040-01-02T03:04:05.678Z"},
        {"2040-01-02T03:04:05.6789Z", "2040-01-02T03:04:05.678Z"},
        {"2041-02-29", NULL},
        {"2040-02-30", NULL},
        {"2040-13-01", NULL},
        {"2040-00-01", NULL},
        {"2040-01-00", NULL},
        {"2040-1-1", NULL},
        {" 2040-01-01", NULL},
        {"2040-01-01 ", NULL},
        {"2040-01-01T00:00:00", NULL},
        {"2040-01-01T00:00:00+01:00", NULL},
        {"2040-01-01T24:00:00Z", NULL},
        {"2040-01-01T00:60:00Z", NULL},
        {"2040-01-01T00:00:00.Z", NULL},
        {"2040-01-01T00:00:00.5e9Z", NULL},
        {"1969-12-31", NULL},
        {"soon", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text),
                 "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                 "\"reference\":\"A\",\"until\":\"%s\"}",
                 rows[i].text);
        json_t *reply =
            api_post(&world, "/v1/bans", body_of(text), rows[i].is != NULL ? 200 : 400);
        if (rows[i].is != NULL) {
            json_t *ban = show_ban(&world, text_of(reply, "id"));
            CHECK(strcmp(text_of(ban, "until"), rows[i].is) == 0);
            json_decref(ban);
        } else {
            CHECK(strcmp(text_of(reply, "code"), "bad-time") == 0);
        }
        json_decref(reply);
    }
}

static json_t *many(size_t count, const char *item)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(item));
    }
    return list;
}

static json_t *imposition(void)
{
    return body_of("{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                   "\"reference\":\"A\"}");
}

static json_t *filled(size_t len)
{
    char *text = malloc(len + 1);
    CHECK(text != NULL);
    memset(text, 'A', len);
    text[len] = '\0';
    json_t *json = json_string(text);
    free(text);
    return json;
}

/* Broken: one request could end the node for everybody. */
static void huge_requests_end_nothing_but_themselves(void **state)
{
    static const char *const lists[] = {"subject", "effect", "scope"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        json_t *body = imposition();
        json_object_set_new(body, lists[i], many(200000, "imo:9179842"));
        json_decref(api_post(&world, "/v1/bans", body, 400));
    }
    json_t *lift = imposition();
    json_object_set_new(lift, "id", many(200000, "beanr/1:1"));
    json_decref(api_post(&world, "/v1/bans/lift", lift, 400));
    json_t *body = imposition();
    json_object_set_new(body, "scope", filled(900000));
    json_t *rows = json_array();
    for (int i = 0; i < 512; i++) {
        json_array_append_new(rows, json_pack("{s:i, s:s, s:s}", "line", i, "subject",
                                              "imo:9179842", "reference", "A"));
    }
    json_object_set_new(body, "rows", rows);
    json_t *reply = api_post(&world, "/v1/bans/import", body, 200);
    CHECK(number_of(reply, "refused") == 512);
    json_decref(reply);
    body = imposition();
    json_object_set_new(body, "reference", filled(501));
    json_decref(api_post(&world, "/v1/bans", body, 400));
    body = imposition();
    json_object_set_new(body, "reason", filled(2001));
    json_decref(api_post(&world, "/v1/bans", body, 400));
    body = imposition();
    json_object_set_new(body, "subject", many(17, "imo:9179842"));
    json_decref(api_post(&world, "/v1/bans", body, 400));
    body = imposition();
    json_object_set_new(body, "reference", filled(500));
    json_object_set_new(body, "reason", filled(2000));
    json_object_set_new(body, "subject", many(16, "card:alfapass:1234567"));
    json_decref(api_post(&world, "/v1/bans", body, 200));
}

/* Broken: an error would come without its document, or carry what is no text into it. */
static void an_error_quotes_bytes_that_are_no_text(void **state)
{
    (void)state;
    json_t *reply = api_get(&world, "/v1/bans/%ff%fe%C3", 404);
    CHECK(strcmp(text_of(reply, "code"), "not-found") == 0);
    CHECK(strstr(text_of(reply, "text"), "???") != NULL);
    json_decref(reply);
    reply = api_call(&world, "GET", "/v1/bans", "subject=%e2%82", NULL, 400);
    CHECK(strcmp(text_of(reply, "code"), "bad-subject") == 0);
    json_decref(reply);
    char path[1400] = "/v1/bans/";
    for (size_t len = strlen(path); len + 3 < sizeof(path); len += 2) {
        memcpy(path + len, "\xc3\xa9", 3); /* cut within a character */
    }
    reply = api_get(&world, path, 404);
    CHECK(strlen(text_of(reply, "text")) > 900);
    json_decref(reply);
    json_decref(api_get(&world, "/v1/bans/%", 404));
    json_decref(api_get(&world, "/v1/bans/%4", 404));
    json_decref(api_get(&world, "/v1/bans/%00", 404));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAN_TEST(a_ban_that_is_not_well_put_is_refused, &world),
        BAN_TEST(a_time_is_a_time_of_the_calendar, &world),
        BAN_TEST(huge_requests_end_nothing_but_themselves, &world),
        BAN_TEST(an_error_quotes_bytes_that_are_no_text, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
