/* node/api/openapi.yaml against the table of routes, both ways: what the document says is what
 * the node answers. That each response is real is tests/process/openapi.sh's. */
#include "check.h"
#include "openapi.h"

#include "call.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *document;

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The schema's name behind the only content of a body or response; "" for none or another type.
 */
static const char *json_schema(const json_t *body)
{
    const json_t *content = json_object_get(openapi_follow(document, body), "content");
    const char *ref = text_at(
        json_object_get(json_object_get(content, "application/json"), "schema"), "$ref");
    return ref[0] != '\0' ? strrchr(ref, '/') + 1 : "";
}

static void check_operation(const struct p2p_route *route)
{
    const json_t *operation = openapi_operation(document, route->method, route->path);
    if (operation == NULL) {
        print_error("%s %s is not in openapi.yaml\n", route->method, route->path);
    }
    CHECK(operation != NULL);
    if (strcmp(text_at(operation, "x-who"), p2p_who_word(route->who)) != 0 ||
        strcmp(text_at(operation, "x-rate"), p2p_rate_word(route->rate)) != 0 ||
        strcmp(json_schema(json_object_get(operation, "requestBody")),
               route->request != NULL ? route->request : "") != 0 ||
        strcmp(json_schema(openapi_response(document, operation, 200)),
               route->reply != NULL ? route->reply : "") != 0) {
        print_error("%s %s: who, rate, request or reply\n", route->method, route->path);
        CHECK(false);
    }
    for (int status = 200; status < 500; status++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", status);
        bool said = json_object_get(json_object_get(operation, "responses"), name) != NULL;
        if (said != p2p_route_answers(route, status)) {
            print_error("%s %s: %d %s\n", route->method, route->path, status,
                        said ? "is never answered" : "is not told");
            CHECK(false);
        }
    }
    CHECK(json_object_get(json_object_get(operation, "responses"), "default") != NULL);
}

/* Broken: somebody who reads the document would not find a route, or another than there is. */
static void each_route_stands_in_the_document(void **state)
{
    (void)state;
    for (size_t t = 0; t < p2p_route_table_count; t++) {
        for (const struct p2p_route *route = p2p_route_tables[t]; route->method != NULL;
             route++) {
            check_operation(route);
        }
    }
}

static bool is_route(const char *method, const char *path)
{
    for (size_t t = 0; t < p2p_route_table_count; t++) {
        for (const struct p2p_route *route = p2p_route_tables[t]; route->method != NULL;
             route++) {
            if (strcasecmp(route->method, method) == 0 && strcmp(route->path, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* The parameter in a path is declared, and no other is. */
static void check_parameters(const char *path, const json_t *operation)
{
    const char *open = strchr(path, '{');
    bool found = false;
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(operation, "parameters"), i, value)
    {
        const json_t *parameter = openapi_follow(document, value);
        const char *name = text_at(parameter, "name");
        CHECK(name[0] != '\0' && json_object_get(parameter, "schema") != NULL);
        if (strcmp(text_at(parameter, "in"), "path") == 0) {
            CHECK(open != NULL && strncmp(open + 1, name, strlen(name)) == 0 &&
                  open[1 + strlen(name)] == '}');
            CHECK(json_is_true(json_object_get(parameter, "required")));
            found = true;
        }
    }
    CHECK(found == (open != NULL));
}

/* Broken: the document would promise what is not there, or be no OpenAPI to a generator. */
static void each_operation_is_a_route(void **state)
{
    const char *path, *method;
    json_t *methods, *operation;
    json_t *ids = json_object();
    (void)state;
    CHECK(strcmp(text_at(document, "openapi"), "3.1.0") == 0);
    json_object_foreach(json_object_get(document, "paths"), path, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            const char *id = text_at(operation, "operationId");
            if (!is_route(method, path)) {
                print_error("%s %s is no route\n", method, path);
                CHECK(false);
            }
            CHECK(id[0] != '\0' && json_object_get(ids, id) == NULL);
            CHECK(text_at(operation, "summary")[0] != '\0');
            json_object_set_new(ids, id, json_true());
            check_parameters(path, operation);
        }
    }
    json_decref(ids);
}

/* Counts which parts are referred to; each reference leads somewhere. */
static void walk_refs(const json_t *value, json_t *used)
{
    const char *key, *ref = json_string_value(json_object_get(value, "$ref"));
    json_t *member;
    size_t i;
    if (ref != NULL) {
        if (openapi_follow(document, value) == NULL) {
            print_error("%s leads nowhere\n", ref);
            CHECK(false);
        }
        json_object_set_new(used, ref, json_true());
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        walk_refs(member, used);
    }
    json_array_foreach((json_t *)(uintptr_t)value, i, member)
    {
        walk_refs(member, used);
    }
}

/* Broken: a schema would be there that nothing is checked against, or be missing. */
static void references_lead_somewhere_and_all_parts_are_used(void **state)
{
    const char *sort, *name;
    json_t *parts, *part, *used = json_object();
    (void)state;
    walk_refs(document, used);
    json_object_foreach(json_object_get(document, "components"), sort, parts)
    {
        json_object_foreach(parts, name, part)
        {
            char ref[256];
            snprintf(ref, sizeof(ref), "#/components/%s/%s", sort, name);
            if (strcmp(sort, "securitySchemes") != 0 && json_object_get(used, ref) == NULL) {
                print_error("%s is used nowhere\n", ref);
                CHECK(false);
            }
        }
    }
    json_decref(used);
}

static bool fits(const char *schema, const char *value)
{
    char why[512];
    json_t *a = json_loads(schema, JSON_DECODE_ANY, NULL);
    json_t *b = json_loads(value, JSON_DECODE_ANY, NULL);
    CHECK(a != NULL && b != NULL);
    bool valid = openapi_valid(document, a, b, why, sizeof(why));
    json_decref(a);
    json_decref(b);
    return valid;
}

/* Broken: the check of replies would let through what the schema does not say. */
static void the_check_of_values_finds_what_is_wrong(void **state)
{
    (void)state;
    CHECK(fits("{\"type\":\"integer\"}", "1") && !fits("{\"type\":\"integer\"}", "\"1\""));
    CHECK(fits("{\"type\":[\"string\",\"null\"]}", "null"));
    CHECK(!fits("{\"type\":[\"string\",\"null\"]}", "1"));
    CHECK(fits("{\"enum\":[\"a\",\"b\"]}", "\"b\"") && !fits("{\"enum\":[\"a\"]}", "\"b\""));
    CHECK(fits("{\"const\":1}", "1") && !fits("{\"const\":1}", "2"));
    CHECK(fits("{\"minimum\":1}", "1") && !fits("{\"minimum\":1}", "0"));
    CHECK(!fits("{\"type\":\"object\",\"required\":[\"a\"]}", "{}"));
    CHECK(!fits("{\"type\":\"object\",\"properties\":{}}", "{\"a\":1}"));
    CHECK(fits("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":\"\"}"));
    CHECK(!fits("{\"additionalProperties\":{\"type\":\"string\"}}", "{\"a\":1}"));
    CHECK(!fits("{\"items\":{\"type\":\"string\"}}", "[\"a\",1]"));
    CHECK(fits("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "null"));
    CHECK(!fits("{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"null\"}]}", "1"));
    CHECK(!fits("{\"pattern\":\"x\"}", "\"x\"")); /* not known here: not passed over */
    CHECK(!fits("{\"$ref\":\"#/components/schemas/None\"}", "1"));
}

static int setup(void **state)
{
    (void)state;
    document = openapi_load(P2P_TEST_DATA "/../../node/api/openapi.yaml");
    return document != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(document);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_route_stands_in_the_document),
        cmocka_unit_test(each_operation_is_a_route),
        cmocka_unit_test(references_lead_somewhere_and_all_parts_are_used),
        cmocka_unit_test(the_check_of_values_finds_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
