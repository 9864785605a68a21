#include "openapi.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { DEPTH_MAX = 64, PATH_BYTES = 256 };

/* ---- YAML as JSON ---- */

/* A plain scalar is what YAML's core schema says; a quoted one is text. */
static json_t *scalar_json(const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    char *end;
    if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return json_string(text);
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return json_boolean(text[0] == 't');
    }
    if (strcmp(text, "null") == 0 || strcmp(text, "~") == 0 || text[0] == '\0') {
        return json_null();
    }
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (*end == '\0' && errno == 0 && (isdigit((unsigned char)text[0]) || text[0] == '-')) {
        return json_integer(number);
    }
    return json_string(text);
}

static json_t *node_json(yaml_document_t *document, int index, int depth)
{
    const yaml_node_t *node = yaml_document_get_node(document, index);
    if (node == NULL || depth > DEPTH_MAX) {
        return NULL;
    }
    if (node->type == YAML_SCALAR_NODE) {
        return scalar_json(node);
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        json_t *array = json_array();
        for (yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++) {
            json_array_append_new(array, node_json(document, *item, depth + 1));
        }
        return array;
    }
    json_t *object = json_object();
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const char *name = (const char *)key->data.scalar.value;
        if (json_object_get(object, name) != NULL) {
            fprintf(stderr, "line %zu: %s stands there twice\n", key->start_mark.line + 1,
                    name);
            json_decref(object);
            return NULL;
        }
        json_object_set_new(object, name, node_json(document, pair->value, depth + 1));
    }
    return object;
}

json_t *openapi_load(const char *path)
{
    yaml_parser_t parser;
    yaml_document_t document;
    json_t *json = NULL;
    FILE *file = fopen(path, "rb");
    if (file == NULL || !yaml_parser_initialize(&parser)) {
        fprintf(stderr, "%s cannot be read\n", path);
        return NULL;
    }
    yaml_parser_set_input_file(&parser, file);
    if (yaml_parser_load(&parser, &document)) {
        json = node_json(&document, 1, 0);
        yaml_document_delete(&document);
    } else {
        fprintf(stderr, "%s line %zu: %s\n", path, parser.problem_mark.line + 1,
                parser.problem);
    }
    yaml_parser_delete(&parser);
    fclose(file);
    return json;
}

/* ---- the document ---- */

const json_t *openapi_follow(const json_t *document, const json_t *value)
{
    for (int i = 0; i < DEPTH_MAX; i++) {
        const char *ref = json_string_value(json_object_get(value, "$ref"));
        if (ref == NULL) {
            return value;
        }
        char name[PATH_BYTES];
        if (strncmp(ref, "#/", 2) != 0) {
            return NULL;
        }
        value = document;
        for (const char *at = ref + 2; value != NULL && *at != '\0';) {
            size_t len = strcspn(at, "/");
            snprintf(name, sizeof(name), "%.*s", (int)len, at);
            value = json_object_get(value, name);
            at += len;
            at += *at == '/';
        }
        if (value == NULL) {
            return NULL;
        }
    }
    return NULL;
}

const json_t *openapi_operation(const json_t *document, const char *method, const char *path)
{
    char name[16];
    size_t i = 0;
    for (; method[i] != '\0' && i + 1 < sizeof(name); i++) {
        name[i] = (char)tolower((unsigned char)method[i]);
    }
    name[i] = '\0';
    return json_object_get(json_object_get(json_object_get(document, "paths"), path), name);
}

const json_t *openapi_response(const json_t *document, const json_t *operation, int status)
{
    char name[16];
    const json_t *responses = json_object_get(operation, "responses");
    snprintf(name, sizeof(name), "%d", status);
    const json_t *response = json_object_get(responses, name);
    if (response == NULL) {
        response = json_object_get(responses, "default");
    }
    return openapi_follow(document, response);
}

/* ---- values and schemas ---- */

struct visit {
    const json_t *document;
    char path[PATH_BYTES];
    char *why;
    size_t why_cap;
};

static bool wrong(const struct visit *visit, const char *what, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(visit->why, visit->why_cap, "%s: %s, but is %.200s",
             visit->path[0] != '\0' ? visit->path : "the whole", what,
             text != NULL ? text : "nothing");
    free(text);
    return false;
}

static bool is_type(const char *type, const json_t *value)
{
    return strcmp(type, "object") == 0    ? json_is_object(value)
           : strcmp(type, "array") == 0   ? json_is_array(value)
           : strcmp(type, "string") == 0  ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "number") == 0  ? json_is_number(value)
           : strcmp(type, "boolean") == 0 ? json_is_boolean(value)
           : strcmp(type, "null") == 0    ? json_is_null(value)
                                          : false;
}

/* `type` is a name or a list of names. */
static bool has_type(const json_t *type, const json_t *value)
{
    size_t i;
    json_t *one;
    if (json_is_string(type)) {
        return is_type(json_string_value(type), value);
    }
    json_array_foreach((json_t *)(uintptr_t)type, i, one)
    {
        if (is_type(json_string_value(one), value)) {
            return true;
        }
    }
    return false;
}

static bool is_one_of(const json_t *values, const json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)values, i, one)
    {
        if (json_equal(one, value)) {
            return true;
        }
    }
    return false;
}

static bool known_words(struct visit *visit, const json_t *schema)
{
    static const char *const known[] = {"$ref",
                                        "type",
                                        "const",
                                        "enum",
                                        "minimum",
                                        "properties",
                                        "required",
                                        "items",
                                        "oneOf",
                                        "title",
                                        "additionalProperties",
                                        "examples",
                                        "description",
                                        "format",
                                        "default"};
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)schema, key, value)
    {
        size_t i = 0;
        while (i < sizeof(known) / sizeof(known[0]) && strcmp(known[i], key) != 0) {
            i++;
        }
        if (i == sizeof(known) / sizeof(known[0])) {
            snprintf(visit->why, visit->why_cap,
                     "%s: the schema says %s, which means nothing "
                     "here",
                     visit->path, key);
            return false;
        }
    }
    return true;
}

static bool is_valid(struct visit *visit, const json_t *schema, const json_t *value);

/* At a member or element: the path is put back afterwards. */
static bool is_valid_at(struct visit *visit, const char *name, size_t index,
                        const json_t *schema, const json_t *value)
{
    size_t len = strlen(visit->path);
    if (name != NULL) {
        snprintf(visit->path + len, PATH_BYTES - len, ".%s", name);
    } else {
        snprintf(visit->path + len, PATH_BYTES - len, "[%zu]", index);
    }
    bool valid = is_valid(visit, schema, value);
    visit->path[len] = '\0';
    return valid;
}

static bool is_valid_object(struct visit *visit, const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, member)
    {
        if (json_object_get(value, json_string_value(member)) == NULL) {
            char what[PATH_BYTES];
            snprintf(what, sizeof(what), "%s is required", json_string_value(member));
            return wrong(visit, what, value);
        }
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const json_t *its = json_object_get(properties, key);
        its = its == NULL && json_is_object(others) ? others : its;
        if (its == NULL && (others == NULL || json_is_false(others))) {
            char what[PATH_BYTES];
            snprintf(what, sizeof(what), "%s is not in the schema", key);
            return wrong(visit, what, value);
        }
        if (its != NULL && !is_valid_at(visit, key, 0, its, member)) {
            return false;
        }
    }
    return true;
}

static bool is_valid_one_of(struct visit *visit, const json_t *schemas, const json_t *value)
{
    size_t i, fitting = 0;
    json_t *one;
    json_array_foreach((json_t *)(uintptr_t)schemas, i, one)
    {
        fitting += is_valid(visit, one, value);
    }
    return fitting == 1 || wrong(visit, "should fit one of its schemas", value);
}

/* An object without additionalProperties is taken to be whole: a key that the document does not
 * know is a mistake of the document. */
static bool is_valid(struct visit *visit, const json_t *schema, const json_t *value)
{
    schema = openapi_follow(visit->document, schema);
    if (schema == NULL) {
        return wrong(visit, "the schema leads nowhere", value);
    }
    if (!known_words(visit, schema)) {
        return false;
    }
    const json_t *type = json_object_get(schema, "type");
    const json_t *choices = json_object_get(schema, "enum");
    const json_t *constant = json_object_get(schema, "const");
    const json_t *minimum = json_object_get(schema, "minimum");
    const json_t *items = json_object_get(schema, "items");
    const json_t *one_of = json_object_get(schema, "oneOf");
    if (type != NULL && !has_type(type, value)) {
        char what[PATH_BYTES];
        char *text = json_dumps(type, JSON_ENCODE_ANY | JSON_COMPACT);
        snprintf(what, sizeof(what), "should be %s", text != NULL ? text : "?");
        free(text);
        return wrong(visit, what, value);
    }
    if (choices != NULL && !is_one_of(choices, value)) {
        return wrong(visit, "should be one of its enum", value);
    }
    if (constant != NULL && !json_equal(constant, value)) {
        return wrong(visit, "should be its const", value);
    }
    if (minimum != NULL && json_is_number(value) &&
        json_number_value(value) < json_number_value(minimum)) {
        return wrong(visit, "is below its minimum", value);
    }
    if (one_of != NULL && !is_valid_one_of(visit, one_of, value)) {
        return false;
    }
    if (json_is_object(value) && one_of == NULL && !is_valid_object(visit, schema, value)) {
        return false;
    }
    if (json_is_array(value) && items != NULL) {
        size_t i;
        json_t *element;
        json_array_foreach((json_t *)(uintptr_t)value, i, element)
        {
            if (!is_valid_at(visit, NULL, i, items, element)) {
                return false;
            }
        }
    }
    return true;
}

bool openapi_valid(const json_t *document, const json_t *schema, const json_t *value, char *why,
                   size_t why_cap)
{
    struct visit visit = {.document = document, .why = why, .why_cap = why_cap};
    why[0] = '\0';
    return is_valid(&visit, schema, value);
}
