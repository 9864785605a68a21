/* Reading requests: strings, levels, who signs, which circle. */
#include "call.h"

#include <p2p/assert.h>
#include <p2p/text.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *p2p_call_take(struct p2p_call *call, size_t bytes)
{
    void *taken = p2p_arena_take(&call->arena, bytes == 0 ? 1 : bytes);
    p2p_assert(taken != NULL); /* bodies are bounded well below the arena's cap */
    memset(taken, 0, bytes);
    return taken;
}

bool p2p_call_typed(struct p2p_call *call, json_t *body)
{
    static const char *const texts[] = {
        "as",      "bl",       "call",  "circle", "company", "container", "driver",
        "expires", "facility", "found", "from",   "ground",  "issuer",    "kind",
        "level",   "light",    "means", "path",   "purpose", "reason",    "reference",
        "slot",    "terminal", "to",    "token",  "truck",   "until",     "value"};
    static const char *const never_empty[] = {
        "bl", "call", "container", "facility", "light", "reference", "to", "token", "value"};
    static const char *const flags[] = {"all", "dry_run"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const json_t *value = json_object_get(body, texts[i]);
        if (value != NULL && !json_is_null(value) && !json_is_string(value)) {
            p2p_call_error(call, 400, "bad-request", NULL, "%s must be text", texts[i]);
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(never_empty) / sizeof(never_empty[0]); i++) {
        const char *text = json_string_value(json_object_get(body, never_empty[i]));
        if (text != NULL && *text == '\0') {
            p2p_call_error(call, 400, "bad-request", NULL, "--%s is empty", never_empty[i]);
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const json_t *value = json_object_get(body, flags[i]);
        if (value != NULL && !json_is_null(value) && !json_is_boolean(value)) {
            p2p_call_error(call, 400, "bad-request", NULL, "%s must be true or false",
                           flags[i]);
            return false;
        }
    }
    return true;
}

const char *p2p_call_text(const struct p2p_call *call, const char *key)
{
    return json_string_value(json_object_get(call->body, key));
}

bool p2p_call_keys(struct p2p_call *call, const char *const *known)
{
    const char *key;
    json_t *value;
    json_object_foreach(call->body, key, value)
    {
        size_t i = 0;
        while (known[i] != NULL && strcmp(known[i], key) != 0) {
            i++;
        }
        if (known[i] == NULL) {
            p2p_call_error(call, 400, "unknown-key", "see port2port help",
                           "%.64s is not something this request can say", key);
            return false;
        }
    }
    return true;
}

int p2p_call_texts(struct p2p_call *call, const char *key, const char *const **out, size_t max)
{
    json_t *value = json_object_get(call->body, key);
    size_t count = json_is_array(value) ? json_array_size(value) : value != NULL;
    if (count > max) {
        p2p_call_error(call, 400, "too-many", NULL, "at most %zu of %s are taken at once", max,
                       key);
        return -1;
    }
    const char **texts = p2p_call_take(call, (count + 1) * sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        if (texts[i] == NULL) {
            p2p_call_error(call, 400, "bad-request", NULL, "%s must be text", key);
            return -1;
        }
    }
    *out = texts;
    return (int)count;
}

bool p2p_call_bytes(struct p2p_call *call, const char *key, struct p2p_slice *out)
{
    const char *text = p2p_call_text(call, key);
    size_t len = 0;
    if (text == NULL) {
        p2p_call_error(call, 400, "bad-request", NULL, "%s is needed, in base64", key);
        return false;
    }
    enum p2p_err err = p2p_base64_measure(&len, p2p_slice_text(text));
    uint8_t *bytes = p2p_call_take(call, len);
    if (err == P2P_OK) {
        err = p2p_base64_decode(bytes, len, &len, p2p_slice_text(text));
    }
    if (err != P2P_OK) {
        p2p_call_error(call, 422, "malformed", NULL, "%s is not base64 (RFC 4648, padded)",
                       key);
        return false;
    }
    *out = p2p_slice_of(bytes, len);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

void p2p_percent_decode(char *text)
{
    char *out = text;
    for (const char *at = text; *at != '\0'; at++) {
        int high = *at == '%' ? hex_digit(at[1]) : -1;
        int low = high >= 0 ? hex_digit(at[2]) : -1;
        if (low >= 0 && high * 16 + low != 0) {
            *out++ = (char)(high * 16 + low);
            at += 2;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
}

const char *p2p_call_param(struct p2p_call *call, const char *name)
{
    size_t name_len = strlen(name);
    for (const char *at = call->query; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (len > name_len && strncmp(at, name, name_len) == 0 && at[name_len] == '=') {
            char *out = p2p_call_take(call, len - name_len);
            for (size_t i = 0; i + name_len + 1 < len; i++) {
                char c = at[i + name_len + 1];
                out[i] = c == '+' ? ' ' : c; /* HTML's form encoding */
            }
            p2p_percent_decode(out);
            return out;
        }
        at += len;
        at += *at == '&';
    }
    return NULL;
}

bool p2p_call_number(struct p2p_call *call, const char *name, uint64_t least,
                     uint64_t otherwise, uint64_t *out)
{
    const char *text = p2p_call_param(call, name);
    uint64_t n = otherwise;
    if (text != NULL && (p2p_decimal_decode(&n, p2p_slice_text(text)) != P2P_OK || n < least)) {
        p2p_call_error(call, 400, "bad-number", NULL,
                       "%s is to be a whole number from %" PRIu64 " on, not %.64s", name, least,
                       text[0] != '\0' ? text : "nothing");
        json_object_set_new(call->reply.json, "parameter", json_string(name));
        return false;
    }
    *out = n;
    return true;
}

bool p2p_call_limit(struct p2p_call *call, size_t otherwise, size_t most, size_t *out)
{
    uint64_t n;
    if (!p2p_call_number(call, "limit", 1, otherwise, &n)) {
        return false;
    }
    *out = n > most ? most : (size_t)n;
    return true;
}

bool p2p_call_record(const struct p2p_node *node, const char *text, struct p2p_record_id *id,
                     struct p2p_entry *entry)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    return text != NULL && p2p_id_parse(ledger, text, id) &&
           p2p_ledger_entry(ledger, id, entry) == P2P_OK;
}

bool p2p_call_level(struct p2p_call *call)
{
    const char *level = p2p_call_text(call, "level");
    if (level == NULL || strcmp(level, "local") == 0) {
        return true;
    }
    if (strcmp(level, "mirrored") == 0) {
        call->work.wait_level = P2P_LEVEL_MIRRORED;
    } else if (strcmp(level, "witnessed") == 0) {
        call->work.wait_level = P2P_LEVEL_WITNESSED;
    } else {
        p2p_call_error(call, 400, "bad-level", "use local, mirrored or witnessed",
                       "%s is no level", level);
        return false;
    }
    return true;
}

static bool own_issuer(const struct p2p_node *node, const struct p2p_issuer *issuer)
{
    return issuer != NULL && issuer->member == p2p_engine_member(node->engine);
}

static bool holds(const struct p2p_issuer *issuer, const struct p2p_issuer_secret *key)
{
    return memcmp(key->public_key.bytes, issuer->key.bytes, P2P_PUBLIC_BYTES) == 0;
}

static const struct p2p_issuer *with_key(struct p2p_call *call, struct p2p_node *node,
                                         const struct p2p_issuer *issuer,
                                         const struct p2p_issuer_secret **key)
{
    enum p2p_err err = p2p_node_issuer_key(node, issuer->name, key);
    if (err == P2P_OK && !holds(issuer, *key)) {
        /* The file may have been replaced since it was opened. */
        p2p_node_lock(node, issuer->name);
        err = p2p_node_issuer_key(node, issuer->name, key);
    }
    if (err == P2P_OK && !holds(issuer, *key)) {
        p2p_call_error(call, 422, "bad-key", "admit the new key with charter grant",
                       "the key file of %s is not the key that the charter names",
                       issuer->name);
        return NULL;
    }
    if (err == P2P_OK) {
        return issuer;
    }
    if (err == P2P_LOCKED) {
        p2p_call_error(call, 503, "locked", "run port2port key unlock, or --passphrase-file",
                       "the key of %s is locked", issuer->name);
        json_object_set_new(call->reply.json, "issuer", json_string(issuer->name));
        json_object_set_new(call->reply.json, "issuer", json_string(issuer->name));
    } else if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 503, "no-key", "sign outside with --prepare and submit",
                       "the key of %s is not on this node", issuer->name);
    } else {
        p2p_call_err(call, err, p2p_err_text(err));
    }
    return NULL;
}

static const struct p2p_issuer *only_candidate(struct p2p_call *call, struct p2p_node *node,
                                               p2p_may may, void *context, const char *what)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_issuer *found = NULL;
    char list[512] = "";
    size_t count = 0;
    for (uint32_t i = 1; i <= p2p_charter_issuer_count(charter); i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, i);
        const struct p2p_issuer_secret *key;
        if (!own_issuer(node, issuer) || !may(issuer, context) ||
            p2p_node_issuer_key(node, issuer->name, &key) == P2P_NOTFOUND) {
            continue;
        }
        found = issuer;
        count++;
        size_t len = strlen(list);
        snprintf(list + len, sizeof(list) - len, "%s%s", len > 0 ? ", " : "", issuer->name);
    }
    if (count == 0) {
        p2p_call_error(call, 403, "no-grant", "name an issuer with --as",
                       "no issuer of this node may %s", what);
        return NULL;
    }
    if (count > 1) {
        p2p_call_error(call, 400, "several-issuers", "name one with --as",
                       "several issuers here may %s: %s", what, list);
        return NULL;
    }
    return found;
}

bool p2p_call_as_own(struct p2p_call *call, const struct p2p_node *node)
{
    const char *name = p2p_call_as(call);
    if (name == NULL ||
        own_issuer(node, p2p_charter_issuer_named(p2p_engine_ledger(node->engine)->charter,
                                                  p2p_slice_text(name)))) {
        return true;
    }
    p2p_call_error(call, 403, "unknown-issuer", "see port2port key list",
                   "%s is no issuer of this node", name);
    return false;
}

const struct p2p_issuer *p2p_call_issuer(struct p2p_call *call, struct p2p_node *node,
                                         p2p_may may, void *context, const char *what,
                                         const struct p2p_issuer_secret **key)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *name = p2p_call_as(call);
    const struct p2p_issuer *issuer;
    if (!p2p_call_as_own(call, node)) {
        return NULL;
    }
    if (name == NULL) {
        issuer = only_candidate(call, node, may, context, what);
    } else {
        issuer = p2p_charter_issuer_named(charter, p2p_slice_text(name));
        if (!may(issuer, context)) {
            p2p_call_error(call, 403, "no-grant", "see port2port charter show", "%s may not %s",
                           name, what);
            return NULL;
        }
    }
    if (issuer == NULL || key == NULL) {
        return issuer;
    }
    return with_key(call, node, issuer, key);
}

const struct p2p_circle *p2p_call_circle(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *name = p2p_call_text(call, "circle");
    if (name == NULL) {
        name = "national";
    }
    const struct p2p_circle *circle = p2p_charter_circle_named(charter, p2p_slice_text(name));
    if (circle == NULL || !p2p_circle_has(circle, p2p_engine_member(node->engine))) {
        p2p_call_error(call, 400, "unknown-circle", "see port2port charter show",
                       "this node is in no circle %s", name);
        return NULL;
    }
    return circle;
}
