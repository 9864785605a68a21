/* Rights as requests: none is issued twice, however it is asked for. */
#include "ban_calls.h"

#include <p2p/right.h>

#include <stdio.h>
#include <string.h>

static struct api_world world;

#define BOX "\"container\":\"CSQU3054383\""
#define BL  ",\"bl\":\"BL77\",\"to\":\"beanr-forwarder\""

static json_t *issue(const char *more, int status, const char *code)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"as\":\"beanr-carrier\"," BOX "%s}", more);
    return post(&world, "/v1/rights", text, status, code);
}

/* Its id in out; already: whether it is told to live. */
static void issued(const char *more, bool already, char out[64])
{
    json_t *reply = issue(more, 200, NULL);
    CHECK(json_is_true(json_object_get(reply, "already")) == already);
    snprintf(out, 64, "%s", text_of(reply, "id"));
    json_decref(reply);
}

static size_t live_rights(void)
{
    json_t *list = api_call(&world, "GET", "/v1/rights", NULL, NULL, 200);
    size_t count = json_array_size(json_object_get(list, "rights"));
    json_decref(list);
    return count;
}

static void act(const char *who, const char *verb, const char *id)
{
    char path[64];
    char text[256];
    snprintf(path, sizeof(path), "/v1/rights/%s", verb);
    snprintf(text, sizeof(text), "{\"as\":\"beanr-%s\",\"id\":\"%s\"}", who, id);
    json_decref(post(&world, path, text, 200, NULL));
}

static int setup(void **state)
{
    (void)state;
    api_world_make(&world, "beanr,bezee", "beanr");
    json_decref(post(&world, "/v1/custody",
                     "{\"as\":\"beanr-terminal\"," BOX
                     ",\"call\":\"PTP EXPRESS 1\",\"facility\":\"beanr-f1\"}",
                     200, NULL));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    api_world_free(&world);
    return 0;
}

/* Broken: a release order that comes a second time is a second right, and the line that takes
 * one back leaves the other. */
static void a_right_that_lives_is_not_issued_twice(void **state)
{
    (void)state;
    char id[64];
    char again[64];
    issued(BL, false, id);
    issued(BL, true, again);
    CHECK(strcmp(id, again) == 0);
    act("police", "block", id); /* blocked it lives all the same */
    issued(BL ",\"level\":\"local\"", true, again);
    CHECK(strcmp(id, again) == 0);
    act("forwarder", "accept", id);
    issued(BL, true, again);
    CHECK(strcmp(id, again) == 0 && live_rights() == 1);
}

/* Broken: what is meant to be a second right would be none, or what was cancelled could never
 * be released again. */
static void another_order_is_another_right(void **state)
{
    (void)state;
    char id[64];
    char other[64];
    issued(BL, false, id);
    issued(",\"bl\":\"BL78\",\"to\":\"beanr-forwarder\"", false, other);
    issued(BL ",\"reference\":\"R1\"", false, other);
    issued(",\"bl\":\"BL77\",\"to\":\"beanr-haulier\"", false, other);
    CHECK(live_rights() == 4);
    act("carrier", "cancel", id);
    issued(BL, false, other);
    CHECK(strcmp(id, other) != 0);
}

/* Broken: a shorter time would be answered as done, while the longer one holds. */
static void other_terms_are_told_not_passed_over(void **state)
{
    (void)state;
    static const char *const others[] = {",\"expires\":\"2031-01-01\"",
                                         ",\"terminal\":\"K1742\"", ",\"means\":\"barge\""};
    char id[64];
    issued(BL ",\"expires\":\"2030-01-01\",\"terminal\":\"K869\"", false, id);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char text[256];
        snprintf(text, sizeof(text), "%s%s", BL, others[i]);
        json_t *problem = issue(text, 403, "issued-otherwise");
        CHECK(strstr(text_of(problem, "text"), id) != NULL);
        json_decref(problem);
    }
    issued(BL ",\"expires\":\"2030-01-01\",\"means\":\"truck\"", true, id);
    CHECK(live_rights() == 1);
}

/* Broken: a party whose key lies elsewhere, or that issues many at once, would issue twice. */
static void nor_by_prepare_nor_in_bulk(void **state)
{
    (void)state;
    static const char asked[] = "{\"as\":\"beanr-carrier\"," BOX BL "}";
    char id[64];
    char text[512];
    snprintf(text, sizeof(text), "{\"path\":\"/v1/rights\",\"request\":%s}", asked);
    json_t *prepared = post(&world, "/v1/prepare", text, 200, NULL);
    CHECK(*text_of(prepared, "bytes") != '\0');
    json_decref(prepared);
    issued(BL, false, id);
    json_t *reply = post(&world, "/v1/prepare", text, 200, NULL);
    CHECK(json_is_true(json_object_get(reply, "already")) &&
          strcmp(text_of(reply, "id"), id) == 0 && *text_of(reply, "bytes") == '\0');
    json_decref(reply);
    snprintf(text, sizeof(text), "{\"path\":\"/v1/rights\",\"requests\":[%s]}", asked);
    reply = post(&world, "/v1/bulk", text, 200, NULL);
    CHECK(number_of(reply, "appended") == 0);
    CHECK(json_array_size(json_object_get(reply, "refused")) == 0);
    CHECK(json_array_size(json_object_get(reply, "already")) == 1);
    json_t *ids = json_object_get(reply, "ids");
    CHECK(strcmp(json_string_value(json_array_get(ids, 0)), id) == 0);
    json_decref(reply);
    reply = post(&world, "/v1/bulk/prepare", text, 200, NULL);
    json_t *one = json_array_get(json_object_get(reply, "prepared"), 0);
    CHECK(strcmp(text_of(one, "id"), id) == 0);
    json_decref(reply);
    CHECK(live_rights() == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_right_that_lives_is_not_issued_twice, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_order_is_another_right, setup, teardown),
        cmocka_unit_test_setup_teardown(other_terms_are_told_not_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(nor_by_prepare_nor_in_bulk, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
