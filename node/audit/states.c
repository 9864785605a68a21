/* State commitments: the digests that a member wrote down, beside those of the replay.
 *
 * Where the replay stops at the frontier of one, its own ledger is compared. One that stands
 * beside an earlier one is met by no way through the records; when all are replayed, the past
 * at its frontier is compared instead: bans, custody and whatever else is a view, and the
 * leaves, if its author had the whole charter. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/past.h>

#include <stdio.h>
#include <string.h>

#define APART_MAX 256u /* compared; more are told */

static void tell(const struct p2p_audit *audit, const struct p2p_record_id *id,
                 enum p2p_finding_code code, const char *text)
{
    p2p_findings_tell(audit->findings, code, audit->chosen[id->feed]->name, id->index, "%s",
                      text);
}

/* ---- one of them ---- */

static bool read_digest(struct p2p_slice value, struct p2p_hash *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, value);
    p2p_unpack_fixed(&in, out->bytes, P2P_HASH_BYTES);
    return p2p_unpack_done(&in);
}

/* One entry of `views`: [view, circle, digest]. */
static enum p2p_err compare_view(struct p2p_audit *audit, const struct p2p_record_id *id,
                                 const struct audit_standing *at, struct p2p_unpack *in)
{
    struct p2p_hash theirs, ours;
    bool shape = p2p_unpack_array(in) == 3;
    uint32_t number = p2p_unpack_u32(in);
    uint32_t circle = p2p_unpack_u32(in);
    enum p2p_view_number view = P2P_VIEW_BANS;
    p2p_unpack_fixed(in, theirs.bytes, P2P_HASH_BYTES);
    if (p2p_unpack_failed(in) || !shape || !p2p_view_numbered(number, &view) ||
        !audit_complete_in(audit, circle)) {
        return P2P_OK;
    }
    enum p2p_err err = at->past == NULL
                           ? p2p_view_digest(at->ledger, at->kv, view, circle, &ours)
                           : p2p_past_digest(at->past, view, circle, &ours);
    if (err == P2P_OK && !p2p_hash_equal(&ours, &theirs)) {
        char text[P2P_FINDING_TEXT_BYTES];
        snprintf(text, sizeof text, "its digest of %s in circle %u is not what replay gives",
                 p2p_view_word(view), circle);
        tell(audit, id, P2P_FINDING_STATE_DIFFERS, text);
    }
    return err;
}

static enum p2p_err compare_leaves(struct p2p_audit *audit, const struct p2p_record_id *id,
                                   const struct audit_standing *at,
                                   const struct p2p_hash *frontier,
                                   const struct p2p_hash *theirs)
{
    struct p2p_hash ours = *theirs;
    enum p2p_err err = P2P_OK;
    if (at->past == NULL) {
        ours = p2p_leaves_digest_of(at->ledger, frontier);
    } else {
        err = p2p_past_leaves(at->past, &ours);
    }
    if (err == P2P_NOTFOUND) {
        tell(audit, id, P2P_FINDING_STATE_APART,
             "its digest of the leaves was not compared: its author had less of the charter");
        return P2P_OK;
    }
    if (err == P2P_OK && !p2p_hash_equal(&ours, theirs)) {
        tell(audit, id, P2P_FINDING_STATE_DIFFERS,
             "its digest of the leaves and their verdicts is not what replay gives");
    }
    return err;
}

static enum p2p_err compare_content(struct p2p_audit *audit, const struct p2p_record_id *id,
                                    const struct audit_standing *at, struct p2p_slice content)
{
    enum { FRONTIER, LEAVES, VIEWS, COUNT };
    static const char *const keys[COUNT] = {"frontier", "leaves", "views"};
    struct p2p_slice values[COUNT];
    struct p2p_hash frontier, leaves, ours;
    struct p2p_unpack in;
    if (!p2p_unpack_fields(content, keys, values, COUNT) || values[VIEWS].len == 0 ||
        !read_digest(values[FRONTIER], &frontier) || !read_digest(values[LEAVES], &leaves)) {
        return P2P_OK; /* blocks.c said that it is not of the form */
    }
    enum p2p_err err = p2p_frontier_digest(at->ledger, &ours);
    if (err != P2P_OK) {
        return err;
    }
    if (!p2p_hash_equal(&ours, &frontier)) {
        tell(audit, id, P2P_FINDING_STATE_FRONTIER,
             "the frontier it names is not what its author had seen");
        return P2P_OK;
    }
    err = compare_leaves(audit, id, at, &frontier, &leaves);
    p2p_unpack_init(&in, values[VIEWS]);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK && !p2p_unpack_failed(&in); i++) {
        err = compare_view(audit, id, at, &in);
    }
    return err;
}

enum p2p_err audit_state_compare(struct p2p_audit *audit, const struct p2p_record_id *id,
                                 const struct audit_standing *at)
{
    const struct p2p_kv *kv = audit_index_kv(audit->index);
    struct p2p_slice pack;
    struct p2p_slice found;
    struct p2p_record record;
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t content[P2P_RECORD_BYTES_MAX];
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_RECORD, p2p_id_key(key, id), &found, &pack);
    if (err == P2P_OK) {
        err = p2p_record_peek(&record, p2p_slice_of(pack.data + AUDIT_PACK_HEADER_BYTES,
                                                    pack.len - AUDIT_PACK_HEADER_BYTES));
    }
    p2p_findings_count(audit->findings, P2P_CHECK_STATES, 1);
    if (err != P2P_OK || record.content.len == 0) {
        return err; /* scan.c takes public ones alone for state commitments */
    }
    memcpy(content, record.content.data, record.content.len); /* folds read other bundles */
    return compare_content(audit, id, at, p2p_slice_of(content, record.content.len));
}

/* ---- those beside others ---- */

enum p2p_err audit_state_apart(struct p2p_audit *audit, const struct p2p_record_id *id,
                               const uint64_t *sizes)
{
    if (audit->apart_count == APART_MAX) {
        tell(audit, id, P2P_FINDING_STATE_APART,
             "it stands beside other state commitments: its digests were not compared");
        return P2P_OK;
    }
    enum p2p_err err = audit_grow(audit->alloc, (void **)&audit->apart, audit->apart_count,
                                  &audit->apart_cap, sizeof(*audit->apart));
    uint64_t *copy = err == P2P_OK
                         ? p2p_alloc_zeroed(audit->alloc, audit->chosen_count, sizeof(*copy))
                         : NULL;
    if (copy == NULL) {
        return P2P_NOMEM;
    }
    memcpy(copy, sizes, audit->chosen_count * sizeof(*copy));
    audit->apart[audit->apart_count++] = (struct audit_apart){.id = *id, .sizes = copy};
    return P2P_OK;
}

static enum p2p_err look_back(struct p2p_audit *audit, struct p2p_past *past,
                              const struct audit_apart *apart)
{
    const struct p2p_horizon horizon = {.sizes = apart->sizes, .count = audit->chosen_count};
    const struct audit_standing at = {
        .ledger = p2p_past_ledger(past), .kv = p2p_past_kv(past), .past = past};
    enum p2p_err err = p2p_past_set(past, &horizon);
    if (err == P2P_OK && p2p_past_lacks(past)) {
        tell(audit, &apart->id, P2P_FINDING_STATE_APART,
             "its author had seen more than is here: its digests were not compared");
        return P2P_OK;
    }
    if (err == P2P_OK) {
        err = p2p_past_edges(past);
    }
    return err == P2P_OK ? audit_state_compare(audit, &apart->id, &at) : err;
}

enum p2p_err audit_states(struct p2p_audit *audit)
{
    struct p2p_past *past = NULL;
    enum p2p_err err = P2P_OK;
    if (audit->apart_count > 0) {
        err = p2p_past_new(&past, audit->alloc, &audit->ledger, audit_index_kv(audit->index));
    }
    if (err == P2P_OK && past != NULL) {
        p2p_past_settled(past, audit->settled);
    }
    for (size_t i = 0; i < audit->apart_count && err == P2P_OK; i++) {
        err = look_back(audit, past, &audit->apart[i]);
        audit_progress(audit, "comparing states", i, audit->apart_count);
        audit_index_relax(audit->index);
    }
    p2p_past_free(past);
    audit_states_forget(audit);
    return err;
}

void audit_states_forget(struct p2p_audit *audit)
{
    for (size_t i = 0; i < audit->apart_count; i++) {
        p2p_alloc_free(audit->alloc, audit->apart[i].sizes);
    }
    p2p_alloc_free(audit->alloc, audit->apart);
    audit->apart = NULL;
    audit->apart_count = 0;
    audit->apart_cap = 0;
}
