/* A right as gates and lists read it, and as authors draft what is asked of it. */
#include "right_parts.h"

#include <p2p/assert.h>

#include <string.h>

static uint64_t uint_of(struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 ? 0 : p2p_unpack_uint(&in);
}

static struct p2p_slice str_of(struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 ? (struct p2p_slice){0} : p2p_unpack_str(&in);
}

/* ---- what records say ---- */

static bool is_container(struct p2p_slice text)
{
    const struct p2p_subject_type *type = p2p_subject_type_named(p2p_slice_text("container"));
    char normal[P2P_SUBJECT_BYTES_MAX];
    return text.len > 0 && text.len <= P2P_CONTAINER_BYTES_MAX &&
           type->normalise(text, normal) && p2p_slice_equal(p2p_slice_text(normal), text);
}

enum p2p_err p2p_right_read_content(struct p2p_right *right, struct p2p_slice payload)
{
    enum { BL, CONTAINER, EXPIRES, MEANS, REFERENCE, TERMINAL, TO, COUNT };
    static const char *const keys[COUNT] = {"bl",        "container", "expires", "means",
                                            "reference", "terminal",  "to"};
    struct p2p_slice values[COUNT];
    struct p2p_right out = *right;
    if (!p2p_unpack_fields(payload, keys, values, COUNT)) {
        return P2P_MALFORMED;
    }
    out.bl = str_of(values[BL]);
    out.container = str_of(values[CONTAINER]);
    out.expires_ms = uint_of(values[EXPIRES]);
    out.means = str_of(values[MEANS]);
    out.reference = str_of(values[REFERENCE]);
    out.terminal = str_of(values[TERMINAL]);
    uint64_t to = uint_of(values[TO]);
    if (out.bl.len == 0 || out.bl.len > P2P_RIGHT_BL_BYTES_MAX ||
        !is_container(out.container) || out.expires_ms == 0 || !p2p_means_named(out.means) ||
        out.reference.len > P2P_RIGHT_REFERENCE_BYTES_MAX ||
        out.terminal.len > P2P_RIGHT_TERMINAL_BYTES_MAX || to == 0 || to > P2P_ISSUERS_MAX) {
        return P2P_MALFORMED;
    }
    out.chain[0] = (struct p2p_right_link){.party = out.first, .by = out.id};
    out.chain[1] = (struct p2p_right_link){.party = (uint32_t)to, .by = out.id};
    out.chain_count = 2;
    *right = out;
    return P2P_OK;
}

/* A packed subject of a known shape, or nothing. */
static bool is_subject(struct p2p_slice raw)
{
    struct p2p_subject_key key;
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 || (p2p_subject_unpack(&in, &key) && p2p_unpack_done(&in));
}

enum p2p_err p2p_right_read_request(struct p2p_right_said *out, struct p2p_slice payload)
{
    enum { COMPANY, DRIVER, LIGHT, SLOT, TO, TRUCK, VALUE, COUNT };
    static const char *const keys[COUNT] = {"company", "driver", "light", "slot",
                                            "to",      "truck",  "value"};
    struct p2p_slice values[COUNT];
    struct p2p_right_said said = {0};
    struct p2p_unpack in;
    if (!p2p_unpack_fields(payload, keys, values, COUNT) || !is_subject(values[COMPANY]) ||
        !is_subject(values[DRIVER]) || !is_subject(values[TRUCK])) {
        return P2P_MALFORMED;
    }
    said.company = values[COMPANY];
    said.driver = values[DRIVER];
    said.truck = values[TRUCK];
    if (values[SLOT].len > 0) {
        p2p_unpack_init(&in, values[SLOT]);
        bool pair = p2p_unpack_array(&in) == 2;
        said.slot_from_ms = p2p_unpack_uint(&in);
        said.slot_until_ms = p2p_unpack_uint(&in);
        if (!pair || !p2p_unpack_done(&in) || said.slot_from_ms == 0 ||
            said.slot_from_ms >= said.slot_until_ms) {
            return P2P_MALFORMED;
        }
    }
    if (values[TO].len > 0) {
        uint64_t to = uint_of(values[TO]);
        if (to == 0 || to > P2P_ISSUERS_MAX) {
            return P2P_MALFORMED;
        }
        said.to = (uint32_t)to;
    }
    if (values[LIGHT].len > 0) {
        said.lights = true;
        if (!p2p_light_named(str_of(values[LIGHT]), &said.light) ||
            !p2p_light_value_named(said.light, str_of(values[VALUE]), &said.value)) {
            return P2P_MALFORMED;
        }
    }
    *out = said;
    return P2P_OK;
}

/* ---- the value ---- */

static void pack_id(struct p2p_pack *pack, const struct p2p_record_id *id)
{
    p2p_pack_array(pack, 2);
    p2p_pack_uint(pack, id->feed);
    p2p_pack_uint(pack, id->index);
}

static void pack_one(struct p2p_pack *pack, const char *key, const struct p2p_record_id *id)
{
    if (id->feed != 0) {
        p2p_pack_text(pack, key);
        pack_id(pack, id);
    }
}

static void pack_many(struct p2p_pack *pack, const char *key, const struct p2p_record_id *ids,
                      size_t count)
{
    if (count > 0) {
        p2p_pack_text(pack, key);
        p2p_pack_array(pack, (uint32_t)count);
    }
    for (size_t i = 0; i < count; i++) {
        pack_id(pack, &ids[i]);
    }
}

static void pack_raw(struct p2p_pack *pack, const char *key, struct p2p_slice raw)
{
    if (raw.len > 0) {
        p2p_pack_text(pack, key);
        p2p_pack_raw(pack, raw);
    }
}

static void pack_flag(struct p2p_pack *pack, const char *key, bool flag)
{
    if (flag) {
        p2p_pack_text(pack, key);
        p2p_pack_bool(pack, true);
    }
}

static bool any_light(const struct p2p_right *right)
{
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        if (right->light_by[i].feed != 0) {
            return true;
        }
    }
    return false;
}

static void pack_chain(struct p2p_pack *pack, const struct p2p_right *right)
{
    if (right->chain_count == 0) {
        return;
    }
    p2p_pack_text(pack, "chain");
    p2p_pack_array(pack, (uint32_t)right->chain_count);
    for (size_t i = 0; i < right->chain_count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, right->chain[i].party);
        pack_id(pack, &right->chain[i].by);
    }
}

static void pack_lights(struct p2p_pack *pack, const struct p2p_right *right)
{
    if (!any_light(right)) {
        return;
    }
    p2p_pack_text(pack, "lights");
    p2p_pack_array(pack, P2P_LIGHT_COUNT);
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, right->lights[i]);
        pack_id(pack, &right->light_by[i]);
    }
}

static void pack_override(struct p2p_pack *pack, const struct p2p_right_override *override)
{
    if (override->by.feed == 0) {
        return;
    }
    p2p_pack_text(pack, "override");
    p2p_pack_array(pack, 4);
    pack_id(pack, &override->by);
    pack_id(pack, &override->seconded);
    p2p_pack_uint(pack, override->lights);
    p2p_pack_bool(pack, override->blocks);
}

static uint32_t pairs_of(const struct p2p_right *right, struct p2p_slice content)
{
    return 2u + (right->assigned_by.feed != 0) + (right->block_count > 0) +
           (right->chain_count > 0) + (right->company.len > 0) + (content.len > 0) +
           (right->custodian != 0) + (right->driver.len > 0) + (right->ended_by.feed != 0) +
           (right->facility.len > 0) + (right->finished_by.feed != 0) + any_light(right) +
           (right->override.by.feed != 0) + (right->slot_from_ms != 0) +
           (right->token.feed != 0) + right->too_long + (right->truck.len > 0) + right->unfit +
           (right->unruled_count > 0) + (right->unsure_count > 0) + (right->used_by.feed != 0) +
           (right->why != P2P_WHY_NONE);
}

enum p2p_err p2p_right_encode(struct p2p_pack *pack, const struct p2p_right *right,
                              struct p2p_slice content)
{
    p2p_pack_map(pack, pairs_of(right, content));
    pack_one(pack, "assigned", &right->assigned_by);
    pack_many(pack, "blocks", right->blocks, right->block_count);
    pack_chain(pack, right);
    pack_raw(pack, "company", right->company);
    pack_raw(pack, "content", content);
    if (right->custodian != 0) {
        p2p_pack_text(pack, "custodian");
        p2p_pack_uint(pack, right->custodian);
    }
    pack_raw(pack, "driver", right->driver);
    pack_one(pack, "ended", &right->ended_by);
    if (right->facility.len > 0) {
        p2p_pack_text(pack, "facility");
        p2p_pack_str(pack, right->facility);
    }
    pack_one(pack, "finished", &right->finished_by);
    p2p_pack_text(pack, "first");
    p2p_pack_uint(pack, right->first);
    pack_lights(pack, right);
    pack_override(pack, &right->override);
    if (right->slot_from_ms != 0) {
        p2p_pack_text(pack, "slot");
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, right->slot_from_ms);
        p2p_pack_uint(pack, right->slot_until_ms);
    }
    p2p_pack_text(pack, "state");
    p2p_pack_text(pack, p2p_right_state_word(right->below));
    pack_one(pack, "token", &right->token);
    pack_flag(pack, "too-long", right->too_long);
    pack_raw(pack, "truck", right->truck);
    pack_flag(pack, "unfit", right->unfit);
    pack_many(pack, "unruled", right->unruled, right->unruled_count);
    pack_many(pack, "unsure", right->unsure, right->unsure_count);
    pack_one(pack, "used", &right->used_by);
    if (right->why != P2P_WHY_NONE) {
        p2p_pack_text(pack, "why");
        p2p_pack_text(pack, p2p_why_word(right->why));
    }
    return p2p_pack_failed(pack) ? P2P_TOOLARGE : P2P_OK;
}

/* ---- the value taken apart ---- */

enum {
    ASSIGNED,
    BLOCKS,
    CHAIN,
    COMPANY,
    CONTENT,
    CUSTODIAN,
    DRIVER,
    ENDED,
    FACILITY,
    FINISHED,
    FIRST,
    LIGHTS,
    OVERRIDE,
    SLOT,
    STATE,
    TOKEN,
    TOO_LONG,
    TRUCK,
    UNFIT,
    UNRULED,
    UNSURE,
    USED,
    WHY,
    VALUE_KEYS
};
static const char *const value_keys[VALUE_KEYS] = {
    "assigned", "blocks",   "chain", "company", "content",  "custodian", "driver", "ended",
    "facility", "finished", "first", "lights",  "override", "slot",      "state",  "token",
    "too-long", "truck",    "unfit", "unruled", "unsure",   "used",      "why"};

static void read_id(struct p2p_unpack *in, struct p2p_record_id *out, bool *good)
{
    *good = *good && p2p_unpack_array(in) == 2;
    out->feed = p2p_unpack_u32(in);
    out->index = p2p_unpack_uint(in);
}

static bool read_one(struct p2p_slice raw, struct p2p_record_id *out)
{
    struct p2p_unpack in;
    bool good = true;
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    read_id(&in, out, &good);
    return good && p2p_unpack_done(&in);
}

static bool read_many(struct p2p_slice raw, struct p2p_record_id *out, size_t cap,
                      size_t *count)
{
    struct p2p_unpack in;
    bool good = true;
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    uint32_t left = p2p_unpack_array(&in);
    if (left > cap) {
        return false;
    }
    for (*count = 0; *count < left && good; (*count)++) {
        read_id(&in, &out[*count], &good);
    }
    return good && p2p_unpack_done(&in);
}

static bool read_chain(struct p2p_slice raw, struct p2p_right *out)
{
    struct p2p_unpack in;
    bool good = true;
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    uint32_t count = p2p_unpack_array(&in);
    if (count > P2P_RIGHT_CHAIN_MAX) {
        return false;
    }
    out->chain_count = count;
    for (uint32_t i = 0; i < count && good; i++) {
        good = p2p_unpack_array(&in) == 2;
        out->chain[i].party = p2p_unpack_u32(&in);
        read_id(&in, &out->chain[i].by, &good);
    }
    return good && p2p_unpack_done(&in);
}

static bool read_lights(struct p2p_slice raw, struct p2p_right *out)
{
    struct p2p_unpack in;
    bool good = true;
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        out->lights[i] = 1;
    }
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    good = p2p_unpack_array(&in) == P2P_LIGHT_COUNT;
    for (unsigned i = 0; i < P2P_LIGHT_COUNT && good; i++) {
        good = p2p_unpack_array(&in) == 2;
        out->lights[i] = p2p_unpack_u32(&in);
        read_id(&in, &out->light_by[i], &good);
        good = good && p2p_light_value((enum p2p_light)i, out->lights[i]) != NULL;
    }
    return good && p2p_unpack_done(&in);
}

static bool read_override(struct p2p_slice raw, struct p2p_right_override *out)
{
    struct p2p_unpack in;
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    bool good = p2p_unpack_array(&in) == 4;
    read_id(&in, &out->by, &good);
    read_id(&in, &out->seconded, &good);
    out->lights = p2p_unpack_u32(&in);
    out->blocks = p2p_unpack_bool(&in);
    return good && p2p_unpack_done(&in);
}

static bool read_flag(struct p2p_slice raw, bool *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    *out = raw.len > 0 && p2p_unpack_bool(&in);
    return raw.len == 0 || (*out && p2p_unpack_done(&in));
}

static bool why_named(struct p2p_slice word, enum p2p_why *out)
{
    for (int why = P2P_WHY_NONE + 1; why <= P2P_WHY_ERASED; why++) {
        if (p2p_slice_equal(p2p_slice_text(p2p_why_word((enum p2p_why)why)), word)) {
            *out = (enum p2p_why)why;
            return true;
        }
    }
    return false;
}

static bool read_ids(const struct p2p_slice *values, struct p2p_right *out)
{
    return read_one(values[ASSIGNED], &out->assigned_by) &&
           read_one(values[ENDED], &out->ended_by) &&
           read_one(values[FINISHED], &out->finished_by) &&
           read_one(values[TOKEN], &out->token) && read_one(values[USED], &out->used_by) &&
           read_many(values[BLOCKS], out->blocks, P2P_RIGHT_BLOCKS_MAX, &out->block_count) &&
           read_many(values[UNRULED], out->unruled, P2P_RIGHT_UNRULED_MAX,
                     &out->unruled_count) &&
           read_many(values[UNSURE], out->unsure, P2P_RIGHT_UNSURE_MAX, &out->unsure_count);
}

/* What the fold adds to what the issue says. */
static bool read_folded(const struct p2p_slice *values, struct p2p_right *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, values[SLOT]);
    if (values[SLOT].len > 0) {
        bool pair = p2p_unpack_array(&in) == 2;
        out->slot_from_ms = p2p_unpack_uint(&in);
        out->slot_until_ms = p2p_unpack_uint(&in);
        if (!pair || !p2p_unpack_done(&in)) {
            return false;
        }
    }
    out->company = values[COMPANY];
    out->driver = values[DRIVER];
    out->truck = values[TRUCK];
    out->facility = str_of(values[FACILITY]);
    out->custodian = (uint32_t)uint_of(values[CUSTODIAN]);
    return read_flag(values[TOO_LONG], &out->too_long) &&
           read_flag(values[UNFIT], &out->unfit) && read_chain(values[CHAIN], out) &&
           read_lights(values[LIGHTS], out) &&
           read_override(values[OVERRIDE], &out->override) && is_subject(out->company) &&
           is_subject(out->driver) && is_subject(out->truck);
}

enum p2p_err p2p_right_decode(struct p2p_right *out, const struct p2p_record_id *id,
                              uint32_t circle, struct p2p_slice value)
{
    struct p2p_slice values[VALUE_KEYS];
    struct p2p_right right = {.id = *id, .circle = circle};
    if (p2p_wire_check(value) != P2P_OK ||
        !p2p_unpack_fields(value, value_keys, values, VALUE_KEYS) || values[FIRST].len == 0 ||
        !p2p_right_state_named(str_of(values[STATE]), &right.below) ||
        (values[WHY].len > 0 && !why_named(str_of(values[WHY]), &right.why))) {
        return P2P_CORRUPT;
    }
    right.first = (uint32_t)uint_of(values[FIRST]);
    if (values[CONTENT].len > 0) {
        if (p2p_right_read_content(&right, values[CONTENT]) != P2P_OK) {
            return P2P_CORRUPT;
        }
    } else if (right.why == P2P_WHY_NONE) {
        return P2P_CORRUPT; /* only an issue without effect may say what nobody can read */
    }
    right.chain_count = 0;
    if (!read_ids(values, &right) || !read_folded(values, &right)) {
        return P2P_CORRUPT;
    }
    *out = right;
    return P2P_OK;
}

enum p2p_err p2p_right_get(const struct p2p_kv *kv, uint32_t circle,
                           const struct p2p_record_id *id, struct p2p_right *out)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_view_get(kv, P2P_VIEW_RIGHTS, circle, p2p_id_key(key, id), &value);
    return err == P2P_OK ? p2p_right_decode(out, id, circle, value) : err;
}

/* ---- walks ---- */

static struct p2p_record_id walk_from(const struct p2p_record_id *after, bool begin)
{
    return begin ? (struct p2p_record_id){0, 0}
                 : (struct p2p_record_id){after->feed, after->index + 1};
}

enum p2p_err p2p_right_next(const struct p2p_kv *kv, uint32_t circle,
                            const struct p2p_record_id *after, bool begin,
                            struct p2p_right *out)
{
    uint8_t row[5 + P2P_VIEW_KEY_BYTES_MAX];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice found;
    struct p2p_slice value;
    struct p2p_record_id id = walk_from(after, begin);
    size_t len = p2p_view_row_key(row, P2P_VIEW_RIGHTS, circle, p2p_id_key(key, &id));
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_VIEW, p2p_slice_of(row, len), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != len || memcmp(found.data, row, 5) != 0) {
        return P2P_NOTFOUND;
    }
    if (!p2p_id_from_key(p2p_slice_of(found.data + 5, P2P_ID_KEY_BYTES), &id)) {
        return P2P_CORRUPT;
    }
    return p2p_right_decode(out, &id, circle, value);
}

/* The first row of INDEX at or above prefix and an id; out: that id. tail: bytes behind it. */
static enum p2p_err next_row(const struct p2p_kv *kv, struct p2p_slice prefix, size_t tail,
                             struct p2p_record_id from, struct p2p_record_id *out)
{
    uint8_t row[1 + 4 + 4 + 3 * P2P_ID_KEY_BYTES] = {0};
    struct p2p_slice found;
    struct p2p_slice value;
    size_t len = prefix.len + P2P_ID_KEY_BYTES;
    p2p_assert(len + tail <= sizeof(row));
    memcpy(row, prefix.data, prefix.len);
    p2p_id_key(row + prefix.len, &from);
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_INDEX, p2p_slice_of(row, len), &found, &value);
    if (err != P2P_OK) {
        return err;
    }
    if (found.len != len + tail || memcmp(found.data, row, prefix.len) != 0) {
        return P2P_NOTFOUND;
    }
    return p2p_id_from_key(p2p_slice_of(found.data + prefix.len, P2P_ID_KEY_BYTES), out)
               ? P2P_OK
               : P2P_CORRUPT;
}

enum p2p_err p2p_right_next_on(const struct p2p_kv *kv, uint32_t circle,
                               const struct p2p_record_id *token,
                               const struct p2p_record_id *after, bool begin,
                               struct p2p_record_id *out)
{
    uint8_t prefix[1 + 4 + P2P_ID_KEY_BYTES];
    struct p2p_writer writer;
    struct p2p_right right;
    struct p2p_record_id id = walk_from(after, begin);
    p2p_writer_init(&writer, prefix, sizeof(prefix));
    p2p_writer_u8(&writer, P2P_INDEX_TOKEN_RIGHT);
    p2p_writer_u32(&writer, circle);
    p2p_writer_u32(&writer, token->feed);
    p2p_writer_u64(&writer, token->index);
    for (;;) {
        enum p2p_err err = next_row(kv, p2p_writer_slice(&writer), 0, id, &id);
        if (err == P2P_OK) {
            err = p2p_right_get(kv, circle, &id, &right);
        } else {
            return err;
        }
        if (err != P2P_NOTFOUND) {
            *out = id;
            return err;
        }
        id.index++; /* nobody here may read it, or it was not there then */
    }
}

static bool is_party(const struct p2p_right *right, uint32_t party)
{
    for (size_t i = 0; i < right->chain_count; i++) {
        if (right->chain[i].party == party) {
            return true;
        }
    }
    return right->first == party;
}

enum p2p_err p2p_right_next_of(const struct p2p_kv *kv, uint32_t circle, uint32_t party,
                               const struct p2p_record_id *after, bool begin,
                               struct p2p_record_id *out)
{
    uint8_t prefix[1 + 4 + 4];
    struct p2p_writer writer;
    struct p2p_right right;
    struct p2p_record_id id = walk_from(after, begin);
    p2p_writer_init(&writer, prefix, sizeof(prefix));
    p2p_writer_u8(&writer, P2P_INDEX_PARTY_RIGHT);
    p2p_writer_u32(&writer, circle);
    p2p_writer_u32(&writer, party);
    for (;;) {
        enum p2p_err err = next_row(kv, p2p_writer_slice(&writer), P2P_ID_KEY_BYTES, id, &id);
        if (err != P2P_OK) {
            return err;
        }
        err = p2p_right_get(kv, circle, &id, &right);
        if ((err == P2P_OK && is_party(&right, party)) ||
            (err != P2P_OK && err != P2P_NOTFOUND)) {
            *out = id;
            return err;
        }
        id.index++; /* the party was named, and is not in the chain */
    }
}

/* ---- drafting ---- */

static void pack_text(struct p2p_pack *pack, const char *key, const char *text)
{
    if (text != NULL) {
        p2p_pack_text(pack, key);
        p2p_pack_text(pack, text);
    }
}

enum p2p_err p2p_right_issue_pack(struct p2p_pack *pack, const struct p2p_right_draft *draft)
{
    struct p2p_right read = {.first = 1};
    p2p_pack_map(pack, 5u + (draft->reference != NULL) + (draft->terminal != NULL));
    pack_text(pack, "bl", draft->bl);
    pack_text(pack, "container", draft->container);
    p2p_pack_text(pack, "expires");
    p2p_pack_uint(pack, draft->expires_ms);
    pack_text(pack, "means", draft->means == NULL ? "truck" : draft->means);
    pack_text(pack, "reference", draft->reference);
    pack_text(pack, "terminal", draft->terminal);
    p2p_pack_text(pack, "to");
    p2p_pack_uint(pack, draft->to);
    if (p2p_pack_failed(pack)) {
        return P2P_TOOLARGE;
    }
    return p2p_right_read_content(&read, p2p_pack_slice(pack)) == P2P_OK ? P2P_OK : P2P_USAGE;
}

static void pack_subject(struct p2p_pack *pack, const char *key,
                         const struct p2p_subject *subject,
                         const struct p2p_circle_key *circle_key, uint32_t epoch)
{
    if (subject != NULL) {
        p2p_pack_text(pack, key);
        p2p_subject_pack(pack, subject, circle_key, epoch);
    }
}

enum p2p_err p2p_right_request_pack(struct p2p_pack *pack,
                                    const struct p2p_right_request *request,
                                    const struct p2p_circle_key *key, uint32_t epoch)
{
    struct p2p_right_said said;
    p2p_pack_map(pack, 0u + (request->company != NULL) + (request->container != NULL) +
                           (request->driver != NULL) + (request->light != NULL) +
                           (request->reason != NULL) + (request->slot_from_ms != 0) +
                           (request->to != 0) + (request->truck != NULL) +
                           (request->value != NULL));
    pack_subject(pack, "company", request->company, key, epoch);
    pack_text(pack, "container", request->container);
    pack_subject(pack, "driver", request->driver, key, epoch);
    pack_text(pack, "light", request->light);
    pack_text(pack, "reason", request->reason);
    if (request->slot_from_ms != 0) {
        p2p_pack_text(pack, "slot");
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, request->slot_from_ms);
        p2p_pack_uint(pack, request->slot_until_ms);
    }
    if (request->to != 0) {
        p2p_pack_text(pack, "to");
        p2p_pack_uint(pack, request->to);
    }
    pack_subject(pack, "truck", request->truck, key, epoch);
    pack_text(pack, "value", request->value);
    if (p2p_pack_failed(pack)) {
        return P2P_TOOLARGE;
    }
    return p2p_right_read_request(&said, p2p_pack_slice(pack)) == P2P_OK ? P2P_OK : P2P_USAGE;
}
