/* A right's value: as the fold writes it, and as gates and lists read it; and walks over
 * rights.
 */
#include "right_parts.h"

#include <p2p/assert.h>

#include <string.h>

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
    out->facility = p2p_raw_str(values[FACILITY]);
    out->custodian = (uint32_t)p2p_raw_uint(values[CUSTODIAN]);
    return read_flag(values[TOO_LONG], &out->too_long) &&
           read_flag(values[UNFIT], &out->unfit) && read_chain(values[CHAIN], out) &&
           read_lights(values[LIGHTS], out) &&
           read_override(values[OVERRIDE], &out->override) &&
           p2p_right_is_subject(out->company) && p2p_right_is_subject(out->driver) &&
           p2p_right_is_subject(out->truck);
}

enum p2p_err p2p_right_decode(struct p2p_right *out, const struct p2p_record_id *id,
                              uint32_t circle, struct p2p_slice value)
{
    struct p2p_slice values[VALUE_KEYS];
    struct p2p_right right = {.id = *id, .circle = circle};
    if (p2p_wire_check(value) != P2P_OK ||
        !p2p_unpack_fields(value, value_keys, values, VALUE_KEYS) || values[FIRST].len == 0 ||
        !p2p_right_state_named(p2p_raw_str(values[STATE]), &right.below) ||
        (values[WHY].len > 0 && !p2p_why_named(p2p_raw_str(values[WHY]), &right.why))) {
        return P2P_CORRUPT;
    }
    right.first = (uint32_t)p2p_raw_uint(values[FIRST]);
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
    struct p2p_slice value;
    struct p2p_record_id id;
    enum p2p_err err = p2p_view_next(kv, P2P_VIEW_RIGHTS, circle, after, begin, &id, &value);
    return err == P2P_OK ? p2p_right_decode(out, &id, circle, value) : err;
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
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    struct p2p_record_id id = walk_from(after, begin);
    p2p_writer_init(&writer, prefix, sizeof(prefix));
    p2p_writer_u8(&writer, P2P_INDEX_TOKEN_RIGHT);
    p2p_writer_u32(&writer, circle);
    p2p_writer_u32(&writer, token->feed);
    p2p_writer_u64(&writer, token->index);
    for (;;) {
        enum p2p_err err = next_row(kv, p2p_writer_slice(&writer), 0, id, &id);
        if (err == P2P_OK) {
            err = p2p_view_get(kv, P2P_VIEW_RIGHTS, circle, p2p_id_key(key, &id), &value);
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
