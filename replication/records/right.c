/* What an issue and what requests say: as authors draft it, and as folds read it. */
#include "right_parts.h"

#include <p2p/assert.h>

#include <string.h>

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
    out.bl = p2p_raw_str(values[BL]);
    out.container = p2p_raw_str(values[CONTAINER]);
    out.expires_ms = p2p_raw_uint(values[EXPIRES]);
    out.means = p2p_raw_str(values[MEANS]);
    out.reference = p2p_raw_str(values[REFERENCE]);
    out.terminal = p2p_raw_str(values[TERMINAL]);
    uint64_t to = p2p_raw_uint(values[TO]);
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

bool p2p_right_is_subject(struct p2p_slice raw)
{
    struct p2p_subject_key key;
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    return raw.len == 0 || (p2p_subject_unpack(&in, &key) && p2p_unpack_done(&in));
}

/* The same, of one of these types: a right that names a company for its driver names nobody. */
static bool is_one_of(struct p2p_slice raw, const char *const *types)
{
    struct p2p_unpack in;
    if (raw.len == 0) {
        return true;
    }
    p2p_unpack_init(&in, raw);
    p2p_unpack_array(&in);
    struct p2p_slice type = p2p_unpack_str(&in);
    while (*types != NULL && !p2p_slice_equal(type, p2p_slice_text(*types))) {
        types++;
    }
    return *types != NULL && p2p_right_is_subject(raw);
}

enum p2p_err p2p_right_read_request(struct p2p_right_said *out, struct p2p_slice payload)
{
    enum { COMPANY, CONTAINER, DRIVER, LIGHT, SLOT, TO, TRUCK, VALUE, COUNT };
    static const char *const keys[COUNT] = {"company", "container", "driver", "light",
                                            "slot",    "to",        "truck",  "value"};
    static const char *const persons[] = {"card", "nrn", "doc", NULL};
    static const char *const plates[] = {"plate", NULL};
    static const char *const companies[] = {"vat", NULL};
    struct p2p_slice values[COUNT];
    struct p2p_right_said said = {0};
    struct p2p_unpack in;
    if (!p2p_unpack_fields(payload, keys, values, COUNT) ||
        !is_one_of(values[COMPANY], companies) || !is_one_of(values[DRIVER], persons) ||
        !is_one_of(values[TRUCK], plates)) {
        return P2P_MALFORMED;
    }
    said.container = p2p_raw_str(values[CONTAINER]);
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
        uint64_t to = p2p_raw_uint(values[TO]);
        if (to == 0 || to > P2P_ISSUERS_MAX) {
            return P2P_MALFORMED;
        }
        said.to = (uint32_t)to;
    }
    if (values[LIGHT].len > 0) {
        said.lights = true;
        if (!p2p_light_named(p2p_raw_str(values[LIGHT]), &said.light) ||
            !p2p_light_value_named(said.light, p2p_raw_str(values[VALUE]), &said.value)) {
            return P2P_MALFORMED;
        }
    }
    *out = said;
    return P2P_OK;
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

enum p2p_err p2p_right_issue_read(struct p2p_right *out, struct p2p_slice payload)
{
    struct p2p_right read = {.below = P2P_RIGHT_PENDING};
    enum p2p_err err = p2p_right_read_content(&read, payload);
    if (err == P2P_OK) {
        *out = read;
    }
    return err;
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
