#include "api_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct api_world world;

static int setup(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee,commission", "beanr");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

/* ---- asking ---- */

static json_t *body_of(const char *text)
{
    json_error_t error;
    json_t *body = json_loads(text, 0, &error);
    if (body == NULL) {
        print_error("%s: %s\n", text, error.text);
    }
    CHECK(body != NULL);
    return body;
}

/* Posts and checks the code of the error; code NULL: it succeeds. */
static json_t *post(const char *path, const char *text, int status, const char *code)
{
    json_t *reply = api_post(&world, path, body_of(text), status);
    if (code != NULL && strcmp(text_of(reply, "code"), code) != 0) {
        print_error("%s %s: %s (%s)\n", path, text, text_of(reply, "code"),
                    text_of(reply, "text"));
        CHECK(strcmp(text_of(reply, "code"), code) == 0);
    }
    return reply;
}

static void refused(const char *path, const char *text, int status, const char *code)
{
    json_t *reply = post(path, text, status, code);
    CHECK(*text_of(reply, "text") != '\0');
    json_decref(reply);
}

/* Does something to one ban as beanr-pso; its id goes to out, which may be NULL. */
static void act(const char *verb, const char *id, const char *more, char out[64])
{
    char path[64];
    char text[512];
    snprintf(path, sizeof(path), "/v1/bans/%s", verb);
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":[\"%s\"],\"reason\":\"r\"%s}",
             id, more);
    json_t *reply = post(path, text, 200, NULL);
    if (out != NULL) {
        snprintf(out, 64, "%s", text_of(reply, "id"));
    }
    json_decref(reply);
}

static json_t *show(const char *id)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/bans/%s", id);
    return api_get(&world, path, 200);
}

static bool state_is(const char *id, const char *state)
{
    json_t *ban = show(id);
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

static size_t listed(const char *query)
{
    json_t *reply = api_call(&world, "GET", "/v1/bans", query, NULL, 200);
    size_t count = json_array_size(json_object_get(reply, "bans"));
    json_decref(reply);
    return count;
}

/* ---- the life of a ban ---- */

/* Broken: a verb would not do what it says, or say that it did. */
static void a_ban_is_suspended_resumed_and_lifted(void **state)
{
    char id[64], suspend[64], second[64], lift[64];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", id);
    CHECK(state_is(id, "in-force"));
    act("suspend", id, "", suspend);
    CHECK(state_is(id, "suspended"));
    json_t *ban = show(id);
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
    ban = show(id);
    CHECK(strcmp(nth(ban, "lifted_by", 0), lift) == 0);
    CHECK(json_is_null(json_object_get(ban, "why")));
    json_decref(ban);
    CHECK(listed(NULL) == 0);
    CHECK(listed("all=true") == 1);
}

/* Broken: a record without effect would be appended, and look as if it had done something. */
static void what_cannot_be_acted_on_is_refused(void **state)
{
    char id[64], suspend[64], police[64], text[512];
    (void)state;
    impose(&world, "beanr-pso", "imo:9179842", id);
    act("suspend", id, "", suspend);
    json_decref(
        post("/v1/records", "{\"kind\":\"note\",\"fields\":{\"text\":\"x\"}}", 200, NULL));
    json_t *reply =
        post("/v1/bans",
             "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
             "\"reference\":\"P\",\"circle\":\"police\"}",
             200, NULL);
    snprintf(police, sizeof(police), "%s", text_of(reply, "id"));
    json_decref(reply);
    json_t *before = api_call(&world, "GET", "/v1/records", "limit=1000", NULL, 200);

    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\"}",
             suspend);
    refused("/v1/bans/lift", text, 400, "wrong-kind");
    refused("/v1/bans/amend", text, 400, "wrong-kind");
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"],\"reason\":\"r\"}", id, police);
    refused("/v1/bans/lift", text, 400, "two-circles");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\"}",
             police);
    refused("/v1/bans/resume", text, 403, "not-suspended");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":\"beanr/1:0\",\"reason\":\"r\"}",
            400, "wrong-kind");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":\"beanr/1:999\",\"reason\":\"r\"}",
            404, "not-found");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":\"nobody\",\"reason\":\"r\"}", 404,
            "not-found");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":[],\"reason\":\"r\"}", 400, "no-id");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"reason\":\"r\"}", 400, "no-id");
    refused("/v1/bans/lift", "{\"as\":\"beanr-pso\",\"id\":[7],\"reason\":\"r\"}", 400,
            "bad-request");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-pso\",\"id\":\"%s\"}", id);
    refused("/v1/bans/lift", text, 400, "bad-reason");
    snprintf(text, sizeof(text), "{\"as\":\"beanr-carrier\",\"id\":\"%s\",\"reason\":\"r\"}",
             id);
    refused("/v1/bans/lift", text, 403, "no-grant");

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
    json_t *reply = post("/v1/bans",
                         "{\"as\":\"beanr-pso\",\"subject\":[\"card:alfapass:1234567\","
                         "\"imo:9179842\"],\"ground\":\"administrative\",\"reference\":\"A\","
                         "\"effect\":[\"work\",\"call\"],\"scope\":\"BEANR,BEZEE\",\"from\":"
                         "\"2026-01-01\",\"until\":\"2040-01-01\",\"reason\":\"first\"}",
                         200, NULL);
    snprintf(id, sizeof(id), "%s", text_of(reply, "id"));
    json_decref(reply);
    act("amend", id, ",\"until\":\"2041-01-01\"", amended);
    CHECK(state_is(id, "lifted"));
    json_t *old = show(id);
    json_t *ban = show(amended);
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
    CHECK(listed("subject=card:alfapass:1234567") == 1);
    CHECK(listed("subject=card:alfapass:1234567&all=true") == 2);
    act("amend", amended, ",\"subject\":\"imo:9074729\",\"effect\":\"call\"", id);
    ban = show(id);
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
    refused("/v1/bans/amend", text, 400, "different-bans");
    CHECK(state_is(one, "in-force") && state_is(other, "in-force"));
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":[\"%s\",\"%s\"],\"reason\":\"r\",\"until\":"
             "\"2041-01-01\"}",
             one, again);
    json_decref(post("/v1/bans/amend", text, 200, NULL));
    CHECK(state_is(one, "lifted") && state_is(again, "lifted"));
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"id\":\"%s\",\"reason\":\"r\",\"until\":\"2020-01-01\","
             "\"from\":\"2021-01-01\"}",
             other);
    refused("/v1/bans/amend", text, 400, "bad-time");
}

/* ---- who signs, for whom ---- */

/* Broken: somebody would sign for another member or beyond what was granted. */
static void an_issuer_is_chosen_or_named(void **state)
{
    (void)state;
    json_t *reply = post(
        "/v1/bans", "{\"subject\":\"imo:9179842\",\"ground\":\"court\",\"reference\":\"A\"}",
        200, NULL); /* one here may */
    json_t *ban = show(text_of(reply, "id"));
    CHECK(strcmp(text_of(ban, "issuer"), "beanr-court") == 0);
    json_decref(ban);
    json_decref(reply);
    reply = post("/v1/bans",
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
        refused("/v1/bans", text, 403, rows[i].code);
    }
    CHECK(listed("all=true") == 1);
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
        json_t *reply = post("/v1/bans", text, 200, NULL);
        json_t *ban = show(text_of(reply, "id"));
        CHECK(strcmp(text_of(ban, "circle"), circles[i]) == 0);
        json_decref(ban);
        json_decref(reply);
    }
    refused("/v1/bans",
            "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
            "\"reference\":\"A\",\"circle\":\"bezee\"}",
            400, "unknown-circle");
    CHECK(listed("subject=imo:9179842") == 3);
}

/* ---- what a request may not say ---- */

static void impose_refused(const char *more, int status, const char *code)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
             "\"reference\":\"A\",%s}",
             more);
    refused("/v1/bans", text, status, code);
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
    refused("/v1/bans", "{}", 400, "bad-ground");
    json_decref(api_call(&world, "POST", "/v1/bans", NULL, NULL, 400));
    refused("/v1/bans/pardon", "{}", 404, "no-such-route");
    json_decref(api_call(&world, "DELETE", "/v1/bans", NULL, NULL, 404));
    CHECK(listed("all=true") == 0);
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
            json_t *ban = show(text_of(reply, "id"));
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

/* ---- lists ---- */

static void import_plates(unsigned from, unsigned count, int status)
{
    json_t *rows = json_array();
    for (unsigned i = from; i < from + count; i++) {
        char subject[32];
        snprintf(subject, sizeof(subject), "plate:BE:%06u", i);
        json_array_append_new(rows, json_pack("{s:i, s:s, s:s}", "line", (int)i, "subject",
                                              subject, "reference", "R"));
    }
    json_t *reply = api_post(
        &world, "/v1/bans/import",
        json_pack("{s:s, s:s, s:o}", "as", "beanr-pso", "ground", "local", "rows", rows),
        status);
    if (status == 200) {
        CHECK(number_of(reply, "imposed") == count);
    }
    json_decref(reply);
}

/* Follows `next` to the end; CHECKs that no ban comes twice. */
static size_t walk(const char *query, size_t page)
{
    char full[512];
    snprintf(full, sizeof(full), "limit=%zu&%s", page, query);
    json_t *seen = json_object();
    size_t pages = 0;
    for (;;) {
        size_t i;
        json_t *ban;
        json_t *reply = api_call(&world, "GET", "/v1/bans", full, NULL, 200);
        CHECK(json_array_size(json_object_get(reply, "bans")) <= page);
        json_array_foreach(json_object_get(reply, "bans"), i, ban)
        {
            CHECK(json_object_get(seen, text_of(ban, "id")) == NULL);
            json_object_set_new(seen, text_of(ban, "id"), json_true());
        }
        bool more = json_is_string(json_object_get(reply, "next"));
        snprintf(full, sizeof(full), "limit=%zu&%s&after=%s", page, query,
                 text_of(reply, "next"));
        json_decref(reply);
        CHECK(++pages < 2000);
        if (!more) {
            break;
        }
    }
    size_t count = json_object_size(seen);
    json_decref(seen);
    return count;
}

/* Broken: a list would lose bans, repeat them, or stop without saying that there are more. */
static void pages_hold_every_ban_once(void **state)
{
    char id[64];
    (void)state;
    import_plates(0, 512, 200);
    import_plates(512, 512, 200);
    import_plates(1024, 40, 200);
    json_decref(post("/v1/bans",
                     "{\"as\":\"beanr-pso\",\"subject\":\"imo:9179842\",\"ground\":\"local\","
                     "\"reference\":\"A\",\"circle\":\"police\"}",
                     200, NULL));
    CHECK(walk("", 1000) == 1065);
    CHECK(walk("", 97) == 1065);
    CHECK(listed("limit=0") == 1 && listed("limit=99999") == 1000 && listed("limit=x") == 1);
    CHECK(listed(NULL) == 100);
    for (int i = 0; i < 25; i++) {
        impose(&world, "beanr-pso", "card:alfapass:7654321", id);
        impose(&world, "beanr-pso", "imo:9179842", id);
    }
    CHECK(walk("subject=card:alfapass:7654321", 10) == 25);
    CHECK(walk("subject=imo:9179842", 10) == 26); /* both circles */
    CHECK(walk("subject=imo%3A9074729", 10) == 0);
    static const char *const bad[] = {"after=x", "after=99/beanr/1:5", "after=/beanr/1:5",
                                      "after=0/nobody", "after=-1/beanr/1:5"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        json_t *reply = api_call(&world, "GET", "/v1/bans", bad[i], NULL, 400);
        CHECK(strcmp(text_of(reply, "code"), "bad-after") == 0);
        json_decref(reply);
    }
}

/* ---- import ---- */

/* Broken: a row would be imposed twice, be lost, or take the others with it. */
static void rows_are_imposed_already_there_or_refused(void **state)
{
    static const char rows[] =
        "{\"as\":\"beanr-pso\",\"ground\":\"local\",%s\"rows\":["
        "{\"line\":2,\"subject\":\"imo:9179842\",\"reference\":\"A\"},"
        "{\"line\":3,\"subject\":\"imo:9179842\",\"reference\":\"A\"}," /* again */
        "{\"line\":4,\"subject\":\"imo:9179842\",\"reference\":\"B\"}," /* another decision */
        "{\"line\":5,\"subject\":\"imo:9179843\",\"reference\":\"A\"}," /* check digit */
        "{\"line\":6,\"subject\":\"card:alfapass:1234567\",\"reference\":\"A\"},"
        "{\"line\":7,\"subject\":\"imo:9179842\",\"reference\":\"A\",\"from\":\"2030-01-01\"},"
        "{\"line\":8,\"subject\":\"what\",\"reference\":\"A\"},"
        "{\"line\":9,\"subject\":\"imo:9179842\"},"
        "{\"line\":10,\"subject\":\"imo:9179842\",\"reference\":\"A\",\"until\":\"1.1.30\"},"
        "{\"line\":11,\"subject\":\"imo:9179842\",\"reference\":\"A\",\"until\":20300101},"
        "{\"line\":12,\"subject\":[\"imo:9179842\",\"imo:9074729\"],\"reference\":\"A\"},"
        "{\"line\":\"x\",\"subject\":5,\"reference\":\"A\"},"
        "7,"
        "{\"line\":14,\"subject\":\"imo:9179842\",\"reference\":\"C\",\"from\":\"2031-01-01\","
        "\"until\":\"2030-01-01\"}]}";
    char text[2048];
    (void)state;
    snprintf(text, sizeof(text), rows, "\"dry_run\":true,");
    json_t *reply = post("/v1/bans/import", text, 200, NULL);
    CHECK(number_of(reply, "imposed") == 5 && listed("all=true") == 0);
    json_decref(reply);
    for (int pass = 0; pass < 2; pass++) {
        snprintf(text, sizeof(text), rows, "");
        reply = post("/v1/bans/import", text, 200, NULL);
        CHECK(number_of(reply, "lines") == 14);
        CHECK(number_of(reply, "imposed") == (pass == 0 ? 5 : 0));
        CHECK(number_of(reply, "already") == (pass == 0 ? 1 : 6));
        CHECK(number_of(reply, "refused") == 8);
        json_t *errors = json_object_get(reply, "errors");
        CHECK(json_array_size(errors) == (pass == 0 ? 9u : 8u));
        for (size_t i = 0; i < json_array_size(errors); i++) {
            CHECK(*text_of(json_array_get(errors, i), "text") != '\0');
        }
        struct p2p_api_reply whole = {.status = 200, .json = reply};
        CHECK(p2p_api_exit_code(&whole) == 1);
        json_decref(reply);
        CHECK(listed("all=true") == 5);
    }
    /* Another issuer's word is another ban. */
    reply =
        post("/v1/bans/import",
             "{\"as\":\"beanr-pso2\",\"ground\":\"local\",\"rows\":[{\"line\":2,\"subject\":"
             "\"imo:9179842\",\"reference\":\"A\"}]}",
             200, NULL);
    CHECK(number_of(reply, "imposed") == 1);
    json_decref(reply);
}

/* Broken: an import would impose what was only to be checked, or by somebody who may not. */
static void imports_that_are_not_well_put_impose_nothing(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *code;
    } cases[] = {
        {"{}", 400, "bad-ground"},
        {"{\"ground\":\"whim\",\"rows\":[{}]}", 400, "bad-ground"},
        {"{\"ground\":\"local\"}", 400, "bad-rows"},
        {"{\"ground\":\"local\",\"rows\":[]}", 400, "bad-rows"},
        {"{\"ground\":\"local\",\"rows\":{\"a\":1}}", 400, "bad-rows"},
        {"{\"ground\":\"local\",\"rows\":3}", 400, "bad-rows"},
        {"{\"as\":\"beanr-pso\",\"ground\":\"local\",\"dry_run\":\"true\",\"rows\":[{"
         "\"subject\":"
         "\"imo:9179842\",\"reference\":\"A\"}]}",
         400, "bad-request"},
        {"{\"as\":\"beanr-pso\",\"ground\":\"court\",\"rows\":[{\"subject\":\"imo:9179842\","
         "\"reference\":\"A\"}]}",
         403, "no-grant"},
        {"{\"as\":\"bezee-pso\",\"ground\":\"local\",\"rows\":[{\"subject\":\"imo:9179842\","
         "\"reference\":\"A\"}]}",
         403, "unknown-issuer"},
        {"{\"ground\":\"local\",\"rows\":[{\"subject\":\"imo:9179842\",\"reference\":\"A\"}]}",
         400, "several-issuers"},
        {"{\"as\":\"beanr-pso\",\"ground\":\"local\",\"circle\":\"x\",\"rows\":[{\"subject\":"
         "\"imo:9179842\",\"reference\":\"A\"}]}",
         400, "unknown-circle"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        refused("/v1/bans/import", cases[i].text, cases[i].status, cases[i].code);
    }
    import_plates(0, 513, 400);
    CHECK(listed("all=true") == 0);
    p2p_engine_set_read_only(world.node->engine, P2P_READ_ONLY_RESTORED);
    import_plates(0, 1, 503);
    refused("/v1/bans", "{}", 503, "read-only");
}

/* Broken: an import could not be waited for, though every verb that appends can. */
static void an_import_waits_for_a_level(void **state)
{
    (void)state;
    refused("/v1/bans/import",
            "{\"as\":\"beanr-pso\",\"ground\":\"local\",\"level\":\"witnessed\",\"rows\":[{"
            "\"subject\":\"imo:9179842\",\"reference\":\"A\"}]}",
            503, "level-not-reached");
    CHECK(listed(NULL) == 1);
    json_t *reply = post("/v1/bans/import",
                         "{\"as\":\"beanr-pso\",\"ground\":\"local\",\"level\":\"witnessed\","
                         "\"rows\":[{\"subject\":\"imo:9179842\",\"reference\":\"A\"}]}",
                         200, NULL); /* nothing new, nothing to wait for */
    CHECK(number_of(reply, "already") == 1);
    json_decref(reply);
}

int main(void)
{
#define BAN_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        BAN_TEST(a_ban_is_suspended_resumed_and_lifted),
        BAN_TEST(what_cannot_be_acted_on_is_refused),
        BAN_TEST(an_amend_keeps_what_it_does_not_name),
        BAN_TEST(an_amend_of_several_must_not_free_anybody),
        BAN_TEST(an_issuer_is_chosen_or_named),
        BAN_TEST(a_ban_stands_in_the_circle_that_was_named),
        BAN_TEST(a_ban_that_is_not_well_put_is_refused),
        BAN_TEST(a_time_is_a_time_of_the_calendar),
        BAN_TEST(huge_requests_end_nothing_but_themselves),
        BAN_TEST(an_error_quotes_bytes_that_are_no_text),
        BAN_TEST(pages_hold_every_ban_once),
        BAN_TEST(rows_are_imposed_already_there_or_refused),
        BAN_TEST(imports_that_are_not_well_put_impose_nothing),
        BAN_TEST(an_import_waits_for_a_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
