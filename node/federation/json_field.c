#include "json_field.h"

#include <p2p/bytes.h>
#include <p2p/file.h>
#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *json_field_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

bool json_field_uint(const json_t *object, const char *key, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return false;
    }
    *out = (uint64_t)json_integer_value(value);
    return true;
}

bool json_field_fixed(const json_t *object, const char *key, void *out, size_t n)
{
    const char *text = json_field_text(object, key);
    size_t len = 0;
    return text && p2p_base64_measure(&len, p2p_slice_text(text)) == P2P_OK && len == n &&
           p2p_base64_decode(out, n, &len, p2p_slice_text(text)) == P2P_OK;
}

enum p2p_err json_field_bytes(const json_t *object, const char *key, size_t max, uint8_t **out,
                              size_t *len)
{
    const char *text = json_field_text(object, key);
    size_t n = 0;
    if (!text || p2p_base64_measure(&n, p2p_slice_text(text)) != P2P_OK || n > max) {
        return P2P_MALFORMED;
    }
    uint8_t *bytes = malloc(n + 1);
    if (!bytes) {
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_base64_decode(bytes, n, len, p2p_slice_text(text));
    if (err != P2P_OK) {
        free(bytes);
        return err;
    }
    *out = bytes;
    return P2P_OK;
}

bool json_field_set_text(json_t *object, const char *key, const char *text)
{
    return json_object_set_new(object, key, json_string(text)) == 0;
}

bool json_field_set_slice(json_t *object, const char *key, struct p2p_slice text)
{
    const char *data = text.len == 0 ? "" : (const char *)text.data; /* NULL is no text */
    return json_object_set_new(object, key, json_stringn(data, text.len)) == 0;
}

bool json_field_set_bytes(json_t *object, const char *key, struct p2p_slice bytes)
{
    char *text = malloc(P2P_BASE64_BYTES(bytes.len));
    if (!text) {
        return false;
    }
    p2p_base64_encode(text, bytes.data, bytes.len);
    bool good = json_field_set_text(object, key, text);
    free(text);
    return good;
}

bool json_field_copy(const json_t *object, const char *key, char *out, size_t cap)
{
    const char *text = json_field_text(object, key);
    return text && (size_t)snprintf(out, cap, "%s", text) < cap;
}

enum p2p_err json_field_write(json_t *object, bool filled, const char *path, char *message,
                              size_t message_cap)
{
    char *text = object && filled ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    if (!text) {
        snprintf(message, message_cap, "no memory to write %s", path);
        return P2P_NOMEM;
    }
    enum p2p_err err = p2p_file_write(path, p2p_slice_text(text), 0644, P2P_FILE_REPLACE,
                                      message, message_cap);
    free(text);
    return err;
}
