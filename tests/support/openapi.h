/* An OpenAPI 3.1 document as a test reads it: YAML turned into JSON by libyaml, its operations,
 * and whether a value is what a schema says.
 *
 * Of JSON Schema 2020-12 it knows what node/api/openapi.yaml uses, and takes any other keyword
 * for a mistake: $ref, type, const, enum, pattern-free strings, minimum, properties, required,
 * additionalProperties, items, oneOf. Texts such as description mean nothing. */
#ifndef TEST_OPENAPI_H
#define TEST_OPENAPI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL with a message on stderr. The caller decrefs. */
json_t *openapi_load(const char *path);
/* Follows $ref as often as there is one; NULL when it leads nowhere. Borrowed. */
const json_t *openapi_follow(const json_t *document, const json_t *value);
/* The operation of a template and a method in capitals; NULL when there is none. Borrowed. */
const json_t *openapi_operation(const json_t *document, const char *method, const char *path);
/* Its response for a status, or `default`; NULL when there is neither. Borrowed. */
const json_t *openapi_response(const json_t *document, const json_t *operation, int status);
/* Whether a value is what a schema says; when not, why says where and what. */
bool openapi_valid(const json_t *document, const json_t *schema, const json_t *value, char *why,
                   size_t why_cap);

#endif
