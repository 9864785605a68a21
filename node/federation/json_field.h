/* Fields of the JSON files in this module: text and base64 bytes. Private. */
#ifndef JSON_FIELD_H
#define JSON_FIELD_H

#include <p2p/base.h>

#include <jansson.h>

/* NULL and false when the field is missing or of another type. */
const char *json_field_text(const json_t *object, const char *key);
bool json_field_uint(const json_t *object, const char *key, uint64_t *out);
/* Exactly n bytes. */
bool json_field_fixed(const json_t *object, const char *key, void *out, size_t n);
/* Any number of bytes up to max, allocated; the caller frees *out. P2P_MALFORMED, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err json_field_bytes(const json_t *object, const char *key, size_t max,
                                             uint8_t **out, size_t *len);
/* All false without memory. */
bool json_field_set_text(json_t *object, const char *key, const char *text);
bool json_field_set_slice(json_t *object, const char *key, struct p2p_slice text);
bool json_field_set_bytes(json_t *object, const char *key, struct p2p_slice bytes);

/* The text of a field, terminated, when it fits into cap bytes. */
bool json_field_copy(const json_t *object, const char *key, char *out, size_t cap);
/* Writes an object, which it takes, to a file; filled false, or NULL: there was no memory. */
P2P_MUST_CHECK enum p2p_err json_field_write(json_t *object, bool filled, const char *path,
                                             char *message, size_t message_cap);

#endif
