/* Bans as documents. */
#include <p2p/words.h>

#include <string.h>

static json_t *texts_json(struct p2p_slice texts)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, texts);
    uint32_t count = texts.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, p2p_slice_json(p2p_unpack_str(&in)));
    }
    return list;
}

static json_t *ids_json(const struct p2p_ledger *ledger, struct p2p_slice ids)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, ids);
    uint32_t count = ids.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_record_id id;
        p2p_unpack_array(&in);
        id.feed = p2p_unpack_u32(&in);
        id.index = p2p_unpack_uint(&in);
        json_array_append_new(list, p2p_id_json(ledger, &id));
    }
    return list;
}

static json_t *subjects_json(const struct p2p_ledger *ledger, const struct p2p_ban *ban)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, ban->subjects);
    uint32_t count = ban->subjects.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        if (p2p_subject_print(&in, p2p_circle_name(ledger, ban->circle), text, sizeof(text))) {
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

json_t *p2p_bad_identifiers_json(struct p2p_slice subjects)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, subjects);
    uint32_t count = subjects.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        struct p2p_subject subject;
        if (p2p_subject_print(&in, "", text, sizeof(text)) &&
            p2p_subject_parse(&subject, p2p_slice_text(text)) == P2P_OK &&
            subject.type->clear && !subject.check_ok) {
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

bool p2p_ban_is_on(const struct p2p_ledger *ledger, const struct p2p_ban *ban,
                   const char *subject)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, ban->subjects);
    uint32_t count = ban->subjects.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        if (p2p_subject_print(&in, p2p_circle_name(ledger, ban->circle), text, sizeof(text)) &&
            strcmp(text, subject) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *time_or_null(uint64_t ms)
{
    return ms == 0 ? json_null() : p2p_time_json(ms);
}

json_t *p2p_ban_words(const struct p2p_ledger *ledger, const struct p2p_ban *ban,
                      uint64_t now_ms, const char *level)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, ban->issuer);
    enum p2p_ban_state state = p2p_ban_state_at(ban, now_ms);
    bool no_effect = state == P2P_BAN_NO_EFFECT;
    bool told = ban->subjects.len > 0; /* else its payload is none of its kind */
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:o}",
        "id", p2p_id_json(ledger, &ban->id), "subjects", subjects_json(ledger, ban), "ground",
        told ? json_string(p2p_ground_word(ban->ground)) : json_null(), "reference",
        p2p_slice_json(ban->reference), "effects", texts_json(ban->effects), "scope",
        texts_json(ban->scope), "from", time_or_null(ban->from_ms), "until",
        time_or_null(ban->until_ms), "reason",
        ban->reason.len > 0 ? p2p_slice_json(ban->reason) : json_null(), "issuer",
        issuer != NULL ? json_string(issuer->name) : json_integer(ban->issuer), "state",
        p2p_ban_state_word(state), "why",
        no_effect ? json_string(p2p_why_word(ban->why)) : json_null(), "lifted_by",
        ids_json(ledger, ban->lifted), "suspended_by", ids_json(ledger, ban->suspended),
        "circle", p2p_circle_name(ledger, ban->circle), "bad_identifiers",
        p2p_bad_identifiers_json(ban->subjects));
    if (json != NULL && level != NULL) {
        json_object_set_new(json, "level", json_string(level));
    }
    return json;
}
