/* node/api/openapi.yaml at the hands of a script.
 *
 *   openapi FILE list                                    a line for each operation:
 *                                                        METHOD PATH WHO RATE STATUS...
 *   openapi FILE check METHOD PATH STATUS TYPE BODY      whether the document has that answer:
 *                                                        its type, and the bytes in file BODY
 *
 * Exit 0; 1 with a sentence on stderr. */
#include "openapi.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "-";
}

static void list(const json_t *document)
{
    const char *path, *method, *status;
    json_t *methods, *operation, *response;
    json_object_foreach(json_object_get(document, "paths"), path, methods)
    {
        json_object_foreach(methods, method, operation)
        {
            for (const char *at = method; *at != '\0'; at++) {
                putchar(toupper((unsigned char)*at));
            }
            printf(" %s %s %s", path, text_at(operation, "x-who"),
                   text_at(operation, "x-rate"));
            json_object_foreach(json_object_get(operation, "responses"), status, response)
            {
                if (strcmp(status, "default") != 0) {
                    printf(" %s", status);
                }
            }
            putchar('\n');
        }
    }
}

/* type: as in the answer, with its parameters; "" for none. */
static bool check(const json_t *document, const json_t *response, const char *type,
                  const char *file, char *why, size_t why_cap)
{
    char name[128];
    json_error_t error;
    const json_t *content = json_object_get(response, "content");
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(type, ";"), type);
    if (name[0] == '\0') {
        snprintf(why, why_cap, "the document says there is a body");
        return content == NULL;
    }
    const json_t *media = json_object_get(content, name);
    if (media == NULL) {
        snprintf(why, why_cap, "the document says nothing of type %s", name);
        return false;
    }
    const json_t *schema = json_object_get(media, "schema");
    if (strstr(name, "json") == NULL || strcmp(name, "application/x-ndjson") == 0) {
        return schema != NULL;
    }
    json_t *value = json_load_file(file, 0, &error);
    if (value == NULL) {
        snprintf(why, why_cap, "the body is no JSON: %s", error.text);
        return false;
    }
    bool valid = openapi_valid(document, schema, value, why, why_cap);
    json_decref(value);
    return valid;
}

int main(int argc, char **argv)
{
    char why[1024] = "";
    json_t *document = argc >= 3 ? openapi_load(argv[1]) : NULL;
    int exit = 1;
    if (document != NULL && argc == 3 && strcmp(argv[2], "list") == 0) {
        list(document);
        exit = 0;
    } else if (document != NULL && argc == 8 && strcmp(argv[2], "check") == 0) {
        const json_t *operation = openapi_operation(document, argv[3], argv[4]);
        const json_t *response = openapi_response(document, operation, atoi(argv[5]));
        if (response == NULL) {
            fprintf(stderr, "%s %s has no answer %s\n", argv[3], argv[4], argv[5]);
        } else if (!check(document, response, argv[6], argv[7], why, sizeof(why))) {
            fprintf(stderr, "%s %s %s: %s\n", argv[3], argv[4], argv[5], why);
        } else {
            exit = 0;
        }
    } else {
        fprintf(stderr, "openapi FILE list | check METHOD PATH STATUS TYPE BODY\n");
    }
    json_decref(document);
    return exit;
}
