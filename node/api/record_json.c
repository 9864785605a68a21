#include "record_json.h"

#include <string.h>

/* ---- values ---- */

/* Recursion ends: what was let in nests at most P2P_WIRE_DEPTH_MAX deep. */
static json_t *value_json(struct p2p_unpack *in)
{
    struct p2p_slice bytes;
    json_t *json;
    uint32_t count;
    switch (p2p_unpack_type(in)) {
    case P2P_WIRE_NIL:
        p2p_unpack_nil(in);
        return json_null();
    case P2P_WIRE_BOOL:
        return json_boolean(p2p_unpack_bool(in));
    case P2P_WIRE_UINT:
        return json_integer((json_int_t)p2p_unpack_uint(in));
    case P2P_WIRE_INT:
        return json_integer((json_int_t)p2p_unpack_int(in));
    case P2P_WIRE_STR:
        return p2p_slice_json(p2p_unpack_str(in));
    case P2P_WIRE_BIN:
        return p2p_base64_json(p2p_unpack_bin(in));
    case P2P_WIRE_ARRAY:
        json = json_array();
        count = p2p_unpack_array(in);
        for (uint32_t i = 0; i < count && !p2p_unpack_failed(in); i++) {
            json_array_append_new(json, value_json(in));
        }
        return json;
    case P2P_WIRE_MAP:
        json = json_object();
        count = p2p_unpack_map(in);
        for (uint32_t i = 0; i < count && !p2p_unpack_failed(in); i++) {
            bytes = p2p_unpack_str(in);
            json_t *value = value_json(in);
            json_object_setn_new(json, (const char *)bytes.data, bytes.len, value);
        }
        return json;
    case P2P_WIRE_END:
        break;
    }
    return json_null();
}

json_t *p2p_wire_json(struct p2p_slice value)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, value);
    return value_json(&in);
}

static json_t *subjects_json(struct p2p_slice value, const char *circle)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, value);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        if (!p2p_subject_print(&in, circle, text, sizeof(text))) {
            json_decref(list);
            return p2p_wire_json(value);
        }
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *field_json(const struct p2p_field *field, struct p2p_slice value,
                          const char *circle)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, value);
    if (field != NULL && field->type == P2P_FIELD_TIME &&
        p2p_unpack_type(&in) == P2P_WIRE_UINT) {
        return p2p_time_json(p2p_unpack_uint(&in));
    }
    if (field != NULL && field->type == P2P_FIELD_SUBJECTS &&
        p2p_unpack_type(&in) == P2P_WIRE_ARRAY) {
        return subjects_json(value, circle);
    }
    return p2p_wire_json(value);
}

static const struct p2p_field *find_field(const struct p2p_kind *kind, struct p2p_slice name)
{
    for (size_t i = 0; kind != NULL && i < kind->field_count; i++) {
        if (p2p_slice_equal(p2p_slice_text(kind->fields[i].name), name)) {
            return &kind->fields[i];
        }
    }
    return NULL;
}

json_t *p2p_content_json(const struct p2p_kind *kind, struct p2p_slice content,
                         const char *circle)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, content);
    if (p2p_unpack_type(&in) != P2P_WIRE_MAP) {
        return p2p_wire_json(content); /* without effect, but shown */
    }
    json_t *json = json_object();
    uint32_t count = p2p_unpack_map(&in);
    for (uint32_t i = 0; i < count && !p2p_unpack_failed(&in); i++) {
        struct p2p_slice name = p2p_unpack_str(&in);
        struct p2p_slice value = p2p_unpack_raw(&in);
        json_object_setn_new(json, (const char *)name.data, name.len,
                             field_json(find_field(kind, name), value, circle));
    }
    return json;
}

/* ---- a record ---- */

static json_t *cites_json(const struct p2p_ledger *ledger, const struct p2p_record *record)
{
    json_t *list = json_array();
    struct p2p_cites walk;
    struct p2p_record_id cite;
    p2p_cites_begin(&walk, record);
    while (p2p_cites_next(&walk, &cite)) {
        json_array_append_new(list, p2p_id_json(ledger, &cite));
    }
    return list;
}

static json_t *kind_json(const struct p2p_kind *kind, uint32_t number)
{
    return kind != NULL ? json_string(kind->word) : json_sprintf("unknown-%u", number);
}

static json_t *issuer_json(const struct p2p_ledger *ledger, uint32_t number)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, number);
    if (number == 0) {
        return json_null();
    }
    return issuer != NULL ? json_string(issuer->name) : json_sprintf("unknown-%u", number);
}

static json_t *body_json(const struct p2p_entry *entry, const struct p2p_kind *kind,
                         const char *circle)
{
    switch (entry->record.body_type) {
    case P2P_BODY_NONE:
        break;
    case P2P_BODY_PUBLIC:
        return p2p_content_json(kind, entry->record.content, circle);
    case P2P_BODY_COMMITMENT:
        if (entry->payload.len > 0) {
            return p2p_content_json(kind, entry->payload, circle);
        }
        break;
    }
    return json_null();
}

enum p2p_err p2p_record_json(struct p2p_node *node, const struct p2p_record_id *id,
                             json_t **out)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_err err = p2p_ledger_entry(ledger, id, &entry);
    if (err == P2P_OK) {
        err = p2p_judge(ledger, &entry, &why);
    }
    if (err != P2P_OK) {
        return err;
    }
    const struct p2p_record *record = &entry.record;
    const struct p2p_kind *kind = p2p_kind_find(record->kind);
    const char *circle = p2p_circle_name(ledger, record->circle);
    struct p2p_hash hash = p2p_leaf_hash(record->leaf);
    bool withheld = record->body_type == P2P_BODY_COMMITMENT && entry.payload.len == 0;
    *out = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b, s:o, s:o, s:s, s:b}", "id",
        p2p_id_json(ledger, id), "kind", kind_json(kind, record->kind), "time",
        p2p_time_json(record->time_ms), "circle",
        *circle != '\0' ? json_string(circle) : json_null(), "issuer",
        issuer_json(ledger, record->issuer), "issuer_seq", (json_int_t)record->issuer_seq,
        "cites", cites_json(ledger, record), "content", body_json(&entry, kind, circle),
        "withheld", withheld, "leaf_hash", p2p_hex_json(&hash), "why",
        why != P2P_WHY_NONE ? json_string(p2p_why_word(why)) : json_null(), "level",
        p2p_record_level(node, id), "signature", record->signature != NULL);
    return *out != NULL ? P2P_OK : P2P_NOMEM;
}
