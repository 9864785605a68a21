/* Many bans in one request: each row by itself, none twice, and none by who may not. */
#include "ban_calls.h"

#include <stdio.h>
#include <string.h>

static struct api_world world;

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
    json_t *reply = post(&world, "/v1/bans/import", text, 200, NULL);
    CHECK(number_of(reply, "imposed") == 5 && listed(&world, "all=true") == 0);
    json_decref(reply);
    for (int pass = 0; pass < 2; pass++) {
        snprintf(text, sizeof(text), rows, "");
        reply = post(&world, "/v1/bans/import", text, 200, NULL);
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
        CHECK(listed(&world, "all=true") == 5);
    }
    /* Another issuer's word is another ban. */
    reply =
        post(&world, "/v1/bans/import",
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
        refused(&world, "/v1/bans/import", cases[i].text, cases[i].status, cases[i].code);
    }
    import_plates(&world, 0, 513, 400);
    CHECK(listed(&world, "all=true") == 0);
    p2p_engine_set_read_only(world.node->engine, P2P_READ_ONLY_RESTORED);
    import_plates(&world, 0, 1, 503);
    refused(&world, "/v1/bans", "{}", 503, "read-only");
}

/* Broken: an import could not be waited for, though every verb that appends can. */
static void an_import_waits_for_a_level(void **state)
{
    (void)state;
    refused(&world, "/v1/bans/import",
            "{\"as\":\"beanr-pso\",\"ground\":\"local\",\"level\":\"witnessed\",\"rows\":[{"
            "\"subject\":\"imo:9179842\",\"reference\":\"A\"}]}",
            503, "level-not-reached");
    CHECK(listed(&world, NULL) == 1);
    json_t *reply = post(&world, "/v1/bans/import",
                         "{\"as\":\"beanr-pso\",\"ground\":\"local\",\"level\":\"witnessed\","
                         "\"rows\":[{\"subject\":\"imo:9179842\",\"reference\":\"A\"}]}",
                         200, NULL); /* nothing new, nothing to wait for */
    CHECK(number_of(reply, "already") == 1);
    json_decref(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BAN_TEST(rows_are_imposed_already_there_or_refused, &world),
        BAN_TEST(imports_that_are_not_well_put_impose_nothing, &world),
        BAN_TEST(an_import_waits_for_a_level, &world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
