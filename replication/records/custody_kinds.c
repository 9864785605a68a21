/* The kinds of custody: open, offer, accept, refuse, withdraw, use, gate-in, recount. */
#include "custody_fold.h"
#include "kinds.h"

#include <p2p/forked.h>
#include <p2p/grant.h>
#include <p2p/right.h>

#include <string.h>

/* ---- contents ---- */

static bool read_rests(struct p2p_slice raw)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    uint32_t count = raw.len == 0 ? 1 : p2p_unpack_array(&in);
    if (count == 0 || count > P2P_CUSTODY_RESTS_MAX) {
        return false;
    }
    for (uint32_t i = 0; raw.len > 0 && i < count; i++) {
        struct p2p_slice note = p2p_unpack_bin(&in);
        if (p2p_unpack_failed(&in) || note.len == 0 || note.len > P2P_CUSTODY_NOTE_BYTES) {
            return false;
        }
    }
    return raw.len == 0 || p2p_unpack_done(&in);
}

static bool seals_fit(struct p2p_slice raw)
{
    struct p2p_unpack in;
    struct p2p_record_id last = {0, 0};
    p2p_unpack_init(&in, raw);
    uint32_t count = raw.len == 0 ? 1 : p2p_unpack_array(&in);
    if (count == 0 || count > P2P_CUSTODY_SEALS_MAX) {
        return false;
    }
    for (uint32_t i = 0; raw.len > 0 && i < count; i++) {
        bool pair = p2p_unpack_array(&in) == 2;
        struct p2p_record_id id = {.feed = p2p_unpack_u32(&in)};
        id.index = p2p_unpack_uint(&in);
        if (!pair || p2p_unpack_failed(&in) ||
            (i > 0 && p2p_record_id_compare(&last, &id) >= 0)) {
            return false;
        }
        last = id;
    }
    return raw.len == 0 || p2p_unpack_done(&in);
}

size_t p2p_custody_read_seals(struct p2p_slice raw,
                              struct p2p_record_id out[P2P_CUSTODY_SEALS_MAX])
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, raw);
    uint32_t count = raw.len == 0 ? 0 : p2p_unpack_array(&in);
    uint32_t i = 0;
    for (; i < count && i < P2P_CUSTODY_SEALS_MAX; i++) {
        p2p_unpack_array(&in);
        out[i].feed = p2p_unpack_u32(&in);
        out[i].index = p2p_unpack_uint(&in);
    }
    return i;
}

bool p2p_custody_read_content(struct custody_content *out, struct p2p_slice content)
{
    enum { EPOCH, FOUND, RESTS, SEALS, TO, COUNT };
    static const char *const names[COUNT] = {"epoch", "found", "rests", "seals", "to"};
    struct p2p_slice values[COUNT];
    struct p2p_unpack in;
    struct custody_content read = {.epoch = 0};
    if (!p2p_unpack_fields(content, names, values, COUNT) || values[EPOCH].len == 0) {
        return false;
    }
    p2p_unpack_init(&in, values[EPOCH]);
    read.epoch = p2p_unpack_uint(&in);
    bool shape = p2p_unpack_done(&in);
    if (values[TO].len > 0) {
        p2p_unpack_init(&in, values[TO]);
        read.to = p2p_unpack_u32(&in);
        shape = shape && p2p_unpack_done(&in);
    }
    if (values[FOUND].len > 0) {
        p2p_unpack_init(&in, values[FOUND]);
        struct p2p_slice found = p2p_unpack_str(&in);
        read.gone = p2p_slice_equal(found, p2p_slice_text("gone"));
        shape = shape && (read.gone || p2p_slice_equal(found, p2p_slice_text("held")));
    }
    read.rests = values[RESTS];
    read.seals = values[SEALS];
    if (!shape || !read_rests(read.rests) || !seals_fit(read.seals)) {
        return false;
    }
    *out = read;
    return true;
}

bool p2p_custody_read_payload(struct p2p_custody *out, struct p2p_slice payload)
{
    enum { CALL, CONTAINER, FACILITY, COUNT };
    static const char *const names[COUNT] = {"call", "container", "facility"};
    struct p2p_slice values[COUNT];
    if (!p2p_unpack_fields(payload, names, values, COUNT)) {
        return false;
    }
    struct p2p_slice container = p2p_raw_str(values[CONTAINER]);
    struct p2p_slice facility = p2p_raw_str(values[FACILITY]);
    if (container.len == 0 || container.len > P2P_CONTAINER_BYTES_MAX || facility.len == 0 ||
        facility.len > P2P_FACILITY_BYTES_MAX) {
        return false;
    }
    out->call = p2p_raw_str(values[CALL]);
    out->container = container;
    out->facility = facility;
    return true;
}

static enum p2p_err judge_step(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                               enum p2p_why *why)
{
    struct custody_content content;
    (void)ledger;
    if (!p2p_custody_read_content(&content, entry->record.content) || content.epoch == 0) {
        *why = P2P_WHY_BAD_PAYLOAD;
    }
    return P2P_OK;
}

static enum p2p_err judge_payload(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                  enum p2p_why *why)
{
    struct p2p_custody custody = {.circle = 0};
    (void)ledger;
    if (entry->payload.len > 0 && !p2p_custody_read_payload(&custody, entry->payload)) {
        *why = P2P_WHY_BAD_PAYLOAD;
    }
    return P2P_OK;
}

/* ---- grants ---- */

/* A cut point freezes what custody did above it and takes nothing back, so where one is all
 * that speaks against a record, its issuer's grants are those he had but for it. */
static bool granted(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                    enum p2p_grant_word word, struct p2p_slice scope)
{
    uint64_t known = 0;
    uint64_t surely = 0;
    const struct p2p_charter *charter = ledger->charter;
    const struct p2p_record_id *id = &entry->id;
    uint32_t issuer = entry->record.issuer;
    if (p2p_known_size(ledger, id->feed, id->index, P2P_CHARTER_FEED, &known) != P2P_OK ||
        p2p_known_surely(ledger, id->feed, id->index, P2P_CHARTER_FEED, &surely) != P2P_OK) {
        return false;
    }
    bool cut = p2p_charter_cut(charter, issuer, id->feed, id->index, known) == P2P_CUT_PAST;
    return cut ? p2p_charter_granted_but_cut(charter, issuer, p2p_grant_name(word), scope,
                                             id->feed, surely)
               : p2p_charter_granted(charter, issuer, p2p_grant_name(word), scope, id->feed,
                                     id->index, surely);
}

/* Of the facility that its payload names. Without the payload nobody can tell, and nobody
 * outside its circle acts on it. */
static bool granted_here(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_custody custody = {.circle = 0};
    return entry->payload.len == 0 ||
           (p2p_custody_read_payload(&custody, entry->payload) &&
            granted(ledger, entry, P2P_GRANT_CUSTODY, custody.facility));
}

/* For whichever facility. */
static bool granted_anywhere(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                             enum p2p_grant_word word)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, entry->record.issuer);
    for (size_t i = 0; issuer != NULL && i < issuer->grant_count; i++) {
        if (strcmp(issuer->grants[i].name, p2p_grant_name(word)) == 0 &&
            granted(ledger, entry, word, p2p_slice_text(issuer->grants[i].scope))) {
            return true;
        }
    }
    return false;
}

static bool granted_custody(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    return granted_anywhere(ledger, entry, P2P_GRANT_CUSTODY);
}

static bool granted_recount(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    return granted_anywhere(ledger, entry, P2P_GRANT_RECOUNT);
}

/* ---- which keys a record touches ---- */

/* Its own token, and all others of that container. Taken back, its value goes too, and that it
 * waits: nothing folds it any more. */
static enum p2p_err open_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_custody custody = {.circle = 0};
    uint32_t circle = entry->record.circle;
    enum p2p_err err =
        p2p_touch_add(ledger, P2P_VIEW_CUSTODY, p2p_id_key(key, &entry->id), &entry->id);
    if (err == P2P_OK) {
        err = p2p_custody_row_holder(ledger, entry->id.feed, circle, &entry->id);
    }
    if (err == P2P_OK) {
        err = p2p_view_mark(ledger, P2P_VIEW_CUSTODY, p2p_id_key(key, &entry->id));
    }
    if (err == P2P_OK) {
        err = p2p_right_mark_on(ledger, circle, &entry->id);
    }
    if (err == P2P_OK && ledger->undoing) {
        err = p2p_view_put(ledger, P2P_VIEW_CUSTODY, circle, p2p_id_key(key, &entry->id),
                           p2p_slice_of(NULL, 0));
    }
    if (err == P2P_OK && ledger->undoing) {
        err = p2p_custody_row_waits(ledger, circle, &entry->id, false);
    }
    if (err != P2P_OK || entry->payload.len == 0 ||
        !p2p_custody_read_payload(&custody, entry->payload)) {
        return err;
    }
    err = p2p_custody_row_container(ledger, circle, custody.container, &entry->id);
    return err == P2P_OK ? p2p_custody_mark_open(ledger, circle, custody.container, &entry->id)
                         : err;
}

/* What a recount names is told when it is found to say another thing. */
static enum p2p_err seal_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                              const struct p2p_record_id *token)
{
    struct p2p_record_id seals[P2P_CUSTODY_SEALS_MAX];
    struct custody_content content;
    enum p2p_err err = P2P_OK;
    if (entry->record.kind != P2P_KIND_RECOUNT || entry->record.body_type != P2P_BODY_PUBLIC ||
        !p2p_custody_read_content(&content, entry->record.content)) {
        return P2P_OK;
    }
    size_t count = p2p_custody_read_seals(content.seals, seals);
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        err = p2p_custody_row_seal(ledger, &seals[i], &entry->id, entry->record.circle, token);
    }
    return err;
}

/* The tokens among what it cites: which those are, the fold finds. What had no effect when it
 * arrived has none now, unless it was weighed again. */
static enum p2p_err step_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_err err =
        entry->record.issuer == 0 ? P2P_OK : p2p_judge_arrived(ledger, &entry->id, &why);
    bool marks = why == P2P_WHY_NONE || ledger->reweighing;
    if (err == P2P_OK && entry->record.body_type == P2P_BODY_PUBLIC) {
        err = p2p_forked_carried(ledger, entry);
    }
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        uint8_t key[P2P_ID_KEY_BYTES];
        err = p2p_touch_add(ledger, P2P_VIEW_CUSTODY, p2p_id_key(key, &cite), &entry->id);
        if (err == P2P_OK) {
            err = p2p_custody_row_holder(ledger, entry->id.feed, entry->record.circle, &cite);
        }
        if (err == P2P_OK) {
            err = seal_keys(ledger, entry, &cite);
        }
        p2p_custody_lets_go(ledger, entry, &cite);
        if (err == P2P_OK && marks) {
            err = p2p_custody_mark_by(ledger, entry->record.circle, &cite, &entry->id);
        }
    }
    return err;
}

/* ---- the rows ---- */

static const struct p2p_field open_fields[] = {
    {"call", P2P_FIELD_TEXT, P2P_CUSTODY_CALL_BYTES_MAX, false, P2P_TLP_AMBER},
    {"container", P2P_FIELD_TEXT, P2P_CONTAINER_BYTES_MAX, true, P2P_TLP_AMBER},
    {"facility", P2P_FIELD_TEXT, P2P_FACILITY_BYTES_MAX, true, P2P_TLP_AMBER},
};
static const struct p2p_field gate_in_fields[] = {
    {"container", P2P_FIELD_TEXT, P2P_CONTAINER_BYTES_MAX, true, P2P_TLP_AMBER},
    {"facility", P2P_FIELD_TEXT, P2P_FACILITY_BYTES_MAX, true, P2P_TLP_AMBER},
};
static const struct p2p_field offer_fields[] = {
    {"epoch", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"rests", P2P_FIELD_ANY, 0, false, P2P_TLP_CLEAR},
    {"to", P2P_FIELD_UINT, P2P_MEMBERS_MAX, true, P2P_TLP_CLEAR},
};
static const struct p2p_field answer_fields[] = {
    {"epoch", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"rests", P2P_FIELD_ANY, 0, true, P2P_TLP_CLEAR},
};
static const struct p2p_field act_fields[] = {
    {"epoch", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"rests", P2P_FIELD_ANY, 0, false, P2P_TLP_CLEAR},
};
static const struct p2p_field recount_fields[] = {
    {"epoch", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"found", P2P_FIELD_TEXT, 4, true, P2P_TLP_CLEAR},
    {"rests", P2P_FIELD_ANY, 0, false, P2P_TLP_CLEAR},
    {"seals", P2P_FIELD_ANY, 0, false, P2P_TLP_CLEAR},
};

const struct p2p_kind p2p_kind_custody_open = {
    .number = P2P_KIND_CUSTODY_OPEN,
    .word = "custody-open",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(open_fields),
    .granted = granted_here,
    .judge = judge_payload,
    .keys = open_keys,
};

const struct p2p_kind p2p_kind_custody_offer = {
    .number = P2P_KIND_CUSTODY_OFFER,
    .word = "custody-offer",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(offer_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN},
    .cites_required = true,
    .granted = granted_custody,
    .judge = judge_step,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_custody_accept = {
    .number = P2P_KIND_CUSTODY_ACCEPT,
    .word = "custody-accept",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(answer_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN, P2P_KIND_CUSTODY_OFFER},
    .cites_required = true,
    .granted = granted_custody,
    .judge = judge_step,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_custody_refuse = {
    .number = P2P_KIND_CUSTODY_REFUSE,
    .word = "custody-refuse",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(answer_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN, P2P_KIND_CUSTODY_OFFER},
    .cites_required = true,
    .granted = granted_custody,
    .judge = judge_step,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_custody_withdraw = {
    .number = P2P_KIND_CUSTODY_WITHDRAW,
    .word = "custody-withdraw",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(act_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN},
    .cites_required = true,
    .granted = granted_custody,
    .judge = judge_step,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_use = {
    .number = P2P_KIND_USE,
    .word = "use",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(act_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN, P2P_KIND_RIGHT_ISSUE, P2P_KIND_APPROVE},
    .cites_required = true,
    .judge = judge_step,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_custody_gate_in = {
    .number = P2P_KIND_CUSTODY_GATE_IN,
    .word = "custody-gate-in",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(gate_in_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN},
    .cites_required = true,
    .granted = granted_here,
    .judge = judge_payload,
    .keys = step_keys,
};

const struct p2p_kind p2p_kind_recount = {
    .number = P2P_KIND_RECOUNT,
    .word = "recount",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(recount_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN, P2P_KIND_RECOUNT},
    .cites_required = true,
    .granted = granted_recount,
    .judge = judge_step,
    .keys = step_keys,
};
