/* Custody as gates, rights and lists read it, and as authors pack it. */
#include "custody_fold.h"

#include <string.h>

const char *p2p_custody_state_word(enum p2p_custody_state state)
{
    static const char *const words[] = {
#define STATE_WORD(name, word, over) [P2P_CUSTODY_##name] = word,
        P2P_CUSTODY_STATE_MAP(STATE_WORD)
#undef STATE_WORD
    };
    return words[state];
}

bool p2p_custody_is_over(enum p2p_custody_state state)
{
    static const bool overs[] = {
#define STATE_OVER(name, word, over) [P2P_CUSTODY_##name] = (over),
        P2P_CUSTODY_STATE_MAP(STATE_OVER)
#undef STATE_OVER
    };
    return overs[state];
}

const char *p2p_frozen_word(enum p2p_frozen one)
{
    switch (one) {
#define FROZEN_WORD(name, bit, word, text)                                                     \
    case P2P_FROZEN_##name:                                                                    \
        return word;
        P2P_FROZEN_MAP(FROZEN_WORD)
#undef FROZEN_WORD
    }
    return "?";
}

const char *p2p_frozen_end(enum p2p_frozen one)
{
    switch (one) {
#define FROZEN_END(name, bit, word, text)                                                      \
    case P2P_FROZEN_##name:                                                                    \
        return "what thaws it is " text;
        P2P_FROZEN_MAP(FROZEN_END)
#undef FROZEN_END
    }
    return "see port2port custody show";
}

/* ---- the value ---- */

static bool read_id(struct p2p_unpack *in, struct p2p_record_id *id)
{
    bool pair = p2p_unpack_array(in) == 2;
    id->feed = p2p_unpack_u32(in);
    id->index = p2p_unpack_uint(in);
    return pair && !p2p_unpack_failed(in);
}

static bool state_named(struct p2p_slice word, enum p2p_custody_state *out)
{
    for (int state = P2P_CUSTODY_HELD; state <= P2P_CUSTODY_NO_EFFECT; state++) {
        if (p2p_slice_equal(
                p2p_slice_text(p2p_custody_state_word((enum p2p_custody_state)state)), word)) {
            *out = (enum p2p_custody_state)state;
            return true;
        }
    }
    return false;
}

static bool read_rivals(struct p2p_custody *out, struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    uint32_t count = raw.len == 0 ? 0 : p2p_unpack_array(&in);
    if (count > P2P_CUSTODY_RIVALS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_id(&in, &out->rivals[i])) {
            return false;
        }
    }
    out->rival_count = count;
    return true;
}

static bool read_tenures(struct p2p_custody *out, struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    uint32_t count = p2p_unpack_array(&in);
    if (count > P2P_CUSTODY_TENURES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_tenure *tenure = &out->tenures[i];
        uint32_t parts = p2p_unpack_array(&in);
        tenure->feed = p2p_unpack_u32(&in);
        tenure->epoch = p2p_unpack_uint(&in);
        tenure->from = p2p_unpack_uint(&in);
        tenure->to = parts % 2 == 0 ? p2p_unpack_uint(&in) : UINT64_MAX;
        if (parts > 4) {
            tenure->rests_feed = p2p_unpack_u32(&in);
            tenure->rests_index = p2p_unpack_uint(&in);
        }
        if (parts < 3 || parts > 6 || p2p_unpack_failed(&in)) {
            return false;
        }
    }
    out->tenure_count = count;
    return p2p_unpack_done(&in);
}

enum p2p_err p2p_custody_decode(struct p2p_custody *out, const struct p2p_record_id *id,
                                uint32_t circle, struct p2p_slice value)
{
    enum {
        CALL,
        CONTAINER,
        EPOCH,
        FACILITY,
        FROZEN,
        HOLDER,
        OPENED_BY,
        RESTS,
        RIVALS,
        STATE,
        STEP,
        TENURES,
        TO,
        WHY,
        COUNT
    };
    static const char *const names[COUNT] = {
        "call",  "container", "epoch", "facility", "frozen",  "holder", "opened_by",
        "rests", "rivals",    "state", "step",     "tenures", "to",     "why"};
    struct p2p_slice values[COUNT];
    struct p2p_unpack in;
    struct p2p_custody custody = {.id = *id, .circle = circle};
    struct p2p_record_id rests = {0, 0};
    if (p2p_wire_check(value) != P2P_OK || !p2p_unpack_fields(value, names, values, COUNT) ||
        !state_named(p2p_raw_str(values[STATE]), &custody.state) ||
        !read_rivals(&custody, values[RIVALS]) || !read_tenures(&custody, values[TENURES])) {
        return P2P_CORRUPT;
    }
    p2p_unpack_init(&in, values[STEP]);
    if (!read_id(&in, &custody.step)) {
        return P2P_CORRUPT;
    }
    p2p_unpack_init(&in, values[RESTS]);
    if (values[RESTS].len > 0 && !read_id(&in, &rests)) {
        return P2P_CORRUPT;
    }
    custody.rests_feed = rests.feed;
    custody.rests_index = rests.index;
    custody.call = p2p_raw_str(values[CALL]);
    custody.container = p2p_raw_str(values[CONTAINER]);
    custody.facility = p2p_raw_str(values[FACILITY]);
    custody.epoch = p2p_raw_uint(values[EPOCH]);
    custody.frozen = (unsigned)p2p_raw_uint(values[FROZEN]);
    custody.holder = (uint32_t)p2p_raw_uint(values[HOLDER]);
    custody.opened_by = (uint32_t)p2p_raw_uint(values[OPENED_BY]);
    custody.to = (uint32_t)p2p_raw_uint(values[TO]);
    if (values[WHY].len > 0 && !p2p_why_named(p2p_raw_str(values[WHY]), &custody.why)) {
        custody.why = P2P_WHY_BAD_PAYLOAD;
    }
    if (custody.container.len > P2P_CONTAINER_BYTES_MAX) {
        return P2P_CORRUPT;
    }
    *out = custody;
    return P2P_OK;
}

enum p2p_err p2p_custody_get(const struct p2p_kv *kv, uint32_t circle,
                             const struct p2p_record_id *id, struct p2p_custody *out)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_slice value;
    enum p2p_err err = p2p_view_get(kv, P2P_VIEW_CUSTODY, circle, p2p_id_key(key, id), &value);
    return err == P2P_OK ? p2p_custody_decode(out, id, circle, value) : err;
}

enum p2p_err p2p_custody_next(const struct p2p_kv *kv, uint32_t circle,
                              const struct p2p_record_id *after, bool begin,
                              struct p2p_custody *out)
{
    struct p2p_slice value;
    struct p2p_record_id id;
    enum p2p_err err = p2p_view_next(kv, P2P_VIEW_CUSTODY, circle, after, begin, &id, &value);
    return err == P2P_OK ? p2p_custody_decode(out, &id, circle, value) : err;
}

bool p2p_custody_held_by(const struct p2p_custody *custody, uint32_t feed, uint64_t index,
                         uint64_t epoch)
{
    for (size_t i = 0; i < custody->tenure_count; i++) {
        const struct p2p_tenure *tenure = &custody->tenures[i];
        if (tenure->feed == feed && tenure->epoch == epoch && tenure->from < index &&
            index < tenure->to) {
            return true;
        }
    }
    return false;
}

/* ---- packing ---- */

static void pack_place(struct p2p_pack *pack, struct p2p_slice container,
                       struct p2p_slice facility)
{
    p2p_pack_text(pack, "container");
    p2p_pack_str(pack, container);
    p2p_pack_text(pack, "facility");
    p2p_pack_str(pack, facility);
}

static bool place_fits(struct p2p_slice container, struct p2p_slice facility)
{
    return container.len > 0 && container.len <= P2P_CONTAINER_BYTES_MAX && facility.len > 0 &&
           facility.len <= P2P_FACILITY_BYTES_MAX;
}

enum p2p_err p2p_custody_open_pack(struct p2p_pack *pack, struct p2p_slice container,
                                   struct p2p_slice call, struct p2p_slice facility)
{
    if (!place_fits(container, facility) || call.len > P2P_CUSTODY_CALL_BYTES_MAX) {
        return P2P_TOOLARGE;
    }
    p2p_pack_map(pack, 2u + (call.len > 0));
    if (call.len > 0) {
        p2p_pack_text(pack, "call");
        p2p_pack_str(pack, call);
    }
    pack_place(pack, container, facility);
    return p2p_pack_failed(pack) ? P2P_TOOLARGE : P2P_OK;
}

enum p2p_err p2p_custody_gate_in_pack(struct p2p_pack *pack, struct p2p_slice container,
                                      struct p2p_slice facility)
{
    if (!place_fits(container, facility)) {
        return P2P_TOOLARGE;
    }
    p2p_pack_map(pack, 2);
    pack_place(pack, container, facility);
    return p2p_pack_failed(pack) ? P2P_TOOLARGE : P2P_OK;
}

enum p2p_err p2p_custody_step_pack(struct p2p_pack *pack, const struct p2p_custody_step *step)
{
    if (step->rests_count > P2P_CUSTODY_RESTS_MAX || step->seal_count > P2P_CUSTODY_SEALS_MAX) {
        return P2P_TOOLARGE;
    }
    p2p_pack_map(pack, 1u + (step->found != NULL) + (step->rests_count > 0) +
                           (step->seal_count > 0) + (step->to != 0));
    p2p_pack_text(pack, "epoch");
    p2p_pack_uint(pack, step->epoch);
    if (step->found != NULL) {
        p2p_pack_text(pack, "found");
        p2p_pack_text(pack, step->found);
    }
    if (step->rests_count > 0) {
        p2p_pack_text(pack, "rests");
        p2p_pack_array(pack, (uint32_t)step->rests_count);
    }
    for (size_t i = 0; i < step->rests_count; i++) {
        p2p_pack_bin(pack, step->rests[i].data, step->rests[i].len);
    }
    if (step->seal_count > 0) {
        p2p_pack_text(pack, "seals");
        p2p_pack_array(pack, (uint32_t)step->seal_count);
    }
    for (size_t i = 0; i < step->seal_count; i++) {
        p2p_pack_array(pack, 2);
        p2p_pack_uint(pack, step->seals[i].feed);
        p2p_pack_uint(pack, step->seals[i].index);
    }
    if (step->to != 0) {
        p2p_pack_text(pack, "to");
        p2p_pack_uint(pack, step->to);
    }
    return p2p_pack_failed(pack) ? P2P_TOOLARGE : P2P_OK;
}
