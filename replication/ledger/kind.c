#include <p2p/kind.h>

#include <p2p/ledger.h>

#include "records/kinds.h"

#include <string.h>

/* The rows, in order of number; each stands in the file of its noun under records/. */
static const struct p2p_kind *const kinds[] = {
    &p2p_kind_charter,
    &p2p_kind_address,
    &p2p_kind_seen,
    &p2p_kind_note,
    &p2p_kind_fork,
    &p2p_kind_circle_key,
    &p2p_kind_circle_key_bad,
    &p2p_kind_state,
    &p2p_kind_rescued,
    &p2p_kind_ban_impose,
    &p2p_kind_ban_amend,
    &p2p_kind_ban_suspend,
    &p2p_kind_ban_resume,
    &p2p_kind_ban_lift,
    &p2p_kind_decisions,
    &p2p_kind_custody_open,
    &p2p_kind_custody_offer,
    &p2p_kind_custody_accept,
    &p2p_kind_custody_refuse,
    &p2p_kind_custody_withdraw,
    &p2p_kind_use,
    &p2p_kind_custody_gate_in,
    &p2p_kind_recount,
    &p2p_kind_ruled,
    &p2p_kind_right_issue,
    &p2p_kind_right_accept,
    &p2p_kind_right_decline,
    &p2p_kind_right_transfer,
    &p2p_kind_right_return,
    &p2p_kind_right_revoke,
    &p2p_kind_right_cancel,
    &p2p_kind_right_assign,
    &p2p_kind_right_unassign,
    &p2p_kind_right_block,
    &p2p_kind_right_unblock,
    &p2p_kind_right_light,
    &p2p_kind_right_gate_out,
    &p2p_kind_override,
    &p2p_kind_approve,
};

const struct p2p_kind *const *p2p_kinds(size_t *count)
{
    *count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}

const struct p2p_kind *p2p_kind_find(uint32_t number)
{
    size_t low = 0;
    size_t high = sizeof(kinds) / sizeof(kinds[0]);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (kinds[middle]->number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < sizeof(kinds) / sizeof(kinds[0]) && kinds[low]->number == number;
    return found ? kinds[low] : NULL;
}

const struct p2p_kind *p2p_kind_named(struct p2p_slice word)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (p2p_slice_equal(p2p_slice_text(kinds[i]->word), word)) {
            return kinds[i];
        }
    }
    return NULL;
}

/* ---- validation against a row's fields ---- */

static enum p2p_err check_texts(struct p2p_unpack *in, uint32_t max)
{
    struct p2p_slice last = {0};
    uint32_t count = p2p_unpack_array(in);
    if (p2p_unpack_failed(in) || count == 0) {
        return P2P_MALFORMED;
    }
    if (max != 0 && count > max) {
        return P2P_TOOLARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_slice text = p2p_unpack_str(in);
        if (p2p_unpack_failed(in) || (i > 0 && p2p_slice_compare(last, text) >= 0)) {
            return P2P_MALFORMED;
        }
        last = text;
    }
    return P2P_OK;
}

static enum p2p_err check_subjects(struct p2p_unpack *in, uint32_t max)
{
    struct p2p_subject_key key;
    uint32_t count = p2p_unpack_array(in);
    if (p2p_unpack_failed(in) || count == 0) {
        return P2P_MALFORMED;
    }
    if (count > max) {
        return P2P_TOOLARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!p2p_subject_unpack(in, &key)) {
            return P2P_MALFORMED;
        }
    }
    return P2P_OK;
}

static enum p2p_err check_bounded(struct p2p_slice bytes, const struct p2p_unpack *in,
                                  uint32_t max)
{
    if (p2p_unpack_failed(in)) {
        return P2P_MALFORMED;
    }
    return max != 0 && bytes.len > max ? P2P_TOOLARGE : P2P_OK;
}

static enum p2p_err check_field(const struct p2p_field *field, struct p2p_unpack *in)
{
    struct p2p_slice bytes;
    uint64_t number;
    switch (field->type) {
    case P2P_FIELD_UINT:
    case P2P_FIELD_TIME:
        number = p2p_unpack_uint(in);
        if (p2p_unpack_failed(in)) {
            return P2P_MALFORMED;
        }
        return field->max != 0 && number > field->max ? P2P_TOOLARGE : P2P_OK;
    case P2P_FIELD_TEXT:
        bytes = p2p_unpack_str(in);
        return check_bounded(bytes, in, field->max);
    case P2P_FIELD_BYTES:
        bytes = p2p_unpack_bin(in);
        return check_bounded(bytes, in, field->max);
    case P2P_FIELD_TEXTS:
        return check_texts(in, field->max);
    case P2P_FIELD_SUBJECTS:
        return check_subjects(in, field->max);
    case P2P_FIELD_ANY:
        p2p_unpack_raw(in);
        return p2p_unpack_failed(in) ? P2P_MALFORMED : P2P_OK;
    }
    return P2P_MALFORMED;
}

/* Both the map's keys and the row's fields ascend, so one walk over both decides. */
enum p2p_err p2p_kind_validate(const struct p2p_kind *kind, struct p2p_slice content)
{
    struct p2p_unpack in;
    size_t field = 0;
    p2p_unpack_init(&in, content);
    uint32_t pairs = p2p_unpack_map(&in);
    for (uint32_t i = 0; i < pairs && !p2p_unpack_failed(&in); i++) {
        struct p2p_slice name = p2p_unpack_str(&in);
        while (field < kind->field_count &&
               !p2p_slice_equal(p2p_slice_text(kind->fields[field].name), name)) {
            if (kind->fields[field].required) {
                return P2P_MALFORMED;
            }
            field++;
        }
        if (field == kind->field_count) {
            return P2P_MALFORMED;
        }
        enum p2p_err err = check_field(&kind->fields[field], &in);
        if (err != P2P_OK) {
            return err;
        }
        field++;
    }
    for (; field < kind->field_count; field++) {
        if (kind->fields[field].required) {
            return P2P_MALFORMED;
        }
    }
    return p2p_unpack_done(&in) ? P2P_OK : P2P_MALFORMED;
}
