/* The ban kinds: impose, amend (lift and impose in one), suspend, resume, lift. */
#include "kinds.h"
#include "ledger/views.h"

#include <p2p/assert.h>
#include <p2p/ban.h>
#include <p2p/planted.h>

#include <string.h>

/* ---- grounds and grants ---- */

static const struct {
    const char *word;
    const char *grant;
    unsigned rank;
} grounds[P2P_GROUND_COUNT] = {
#define GROUND_ROW(name, word, rank) [P2P_GROUND_##name] = {word, "ban-" word, rank},
    P2P_GROUND_MAP(GROUND_ROW)
#undef GROUND_ROW
};

const char *p2p_ground_word(enum p2p_ground ground)
{
    return grounds[ground].word;
}

bool p2p_ground_named(struct p2p_slice word, enum p2p_ground *out)
{
    for (unsigned i = 0; i < P2P_GROUND_COUNT; i++) {
        if (p2p_slice_equal(p2p_slice_text(grounds[i].word), word)) {
            *out = (enum p2p_ground)i;
            return true;
        }
    }
    return false;
}

static bool granted_ground(const struct p2p_charter *charter, uint32_t issuer,
                           enum p2p_ground ground, struct p2p_slice scope,
                           const struct p2p_record_id *at, uint64_t known_charter)
{
    return p2p_charter_granted(charter, issuer, grounds[ground].grant, scope, at->feed,
                               at->index, known_charter);
}

/* The same ground, or any of a higher rank. */
static bool granted_above(const struct p2p_charter *charter, uint32_t issuer,
                          enum p2p_ground ground, struct p2p_slice scope,
                          const struct p2p_record_id *at, uint64_t known_charter)
{
    for (unsigned i = 0; i < P2P_GROUND_COUNT; i++) {
        bool outranks = grounds[ground].rank > 0 && grounds[i].rank > grounds[ground].rank;
        if ((i == (unsigned)ground || outranks) &&
            granted_ground(charter, issuer, (enum p2p_ground)i, scope, at, known_charter)) {
            return true;
        }
    }
    return false;
}

bool p2p_ban_may_impose(const struct p2p_charter *charter, uint32_t issuer,
                        enum p2p_ground ground, const char *const *scope, size_t scope_count,
                        const struct p2p_record_id *at, uint64_t known_charter)
{
    for (size_t i = 0; i < scope_count; i++) {
        if (!granted_ground(charter, issuer, ground, p2p_slice_text(scope[i]), at,
                            known_charter)) {
            return false;
        }
    }
    return scope_count > 0 ||
           granted_ground(charter, issuer, ground, p2p_slice_text("*"), at, known_charter);
}

bool p2p_ban_may_lift(const struct p2p_charter *charter, uint32_t issuer,
                      const struct p2p_ban *ban, const struct p2p_record_id *at,
                      uint64_t known_charter)
{
    struct p2p_unpack in;
    if (P2P_PLANT(LIFT_ANYTHING)) {
        return true;
    }
    p2p_unpack_init(&in, ban->scope);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_slice scope = p2p_unpack_str(&in);
        if (p2p_unpack_failed(&in) ||
            !granted_above(charter, issuer, ban->ground, scope, at, known_charter)) {
            return false;
        }
    }
    return count > 0;
}

enum p2p_err p2p_ban_known_charter(const struct p2p_ledger *ledger,
                                   const struct p2p_entry *entry, uint64_t *known)
{
    const struct p2p_record_id *id = &entry->id;
    return entry->record.kind == P2P_KIND_BAN_RESUME
               ? p2p_known_size(ledger, id->feed, id->index, P2P_CHARTER_FEED, known)
               : p2p_known_surely(ledger, id->feed, id->index, P2P_CHARTER_FEED, known);
}

/* An imposition needs its ground's grant for every place it covers. Without the payload nobody
 * can tell, and nobody outside its circle acts on it. */
static bool impose_granted(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_unpack in;
    enum p2p_ground ground;
    uint64_t known = 0;
    if (entry->payload.len == 0) {
        return true;
    }
    if (!p2p_unpack_find(entry->payload, "ground", &in) ||
        !p2p_ground_named(p2p_unpack_str(&in), &ground) ||
        !p2p_unpack_find(entry->payload, "scope", &in) ||
        p2p_ban_known_charter(ledger, entry, &known) != P2P_OK) {
        return false;
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_slice scope = p2p_unpack_str(&in);
        if (p2p_unpack_failed(&in) || !granted_ground(ledger->charter, entry->record.issuer,
                                                      ground, scope, &entry->id, known)) {
            return false;
        }
    }
    return count > 0;
}

/* A lift, suspend or resume needs some ban grant to be heard at all; which bans it reaches is
 * decided ban by ban in the fold. */
static bool lift_granted(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    uint64_t known = 0;
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, entry->record.issuer);
    if (issuer == NULL || p2p_ban_known_charter(ledger, entry, &known) != P2P_OK) {
        return false;
    }
    for (size_t i = 0; i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        if (strncmp(grant->name, "ban-", 4) == 0 &&
            p2p_charter_granted(ledger->charter, issuer->number, grant->name,
                                p2p_slice_text(grant->scope), entry->id.feed, entry->id.index,
                                known)) {
            return true;
        }
    }
    return false;
}

/* ---- which keys a record touches ---- */

static enum p2p_err subject_row(struct p2p_ledger *ledger, uint32_t circle,
                                const struct p2p_subject_key *subject,
                                const struct p2p_record_id *id, bool there)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    uint8_t row[1 + 4 + P2P_SUBJECT_KEY_BYTES_MAX + P2P_ID_KEY_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, row, sizeof(row));
    p2p_writer_u8(&out, P2P_INDEX_SUBJECT);
    p2p_writer_u32(&out, circle);
    p2p_writer_bytes(&out, subject->bytes, subject->len);
    p2p_id_key(key, id);
    p2p_writer_bytes(&out, key, sizeof(key));
    if (there) {
        return p2p_kv_put(ledger->kv, P2P_TABLE_INDEX, p2p_writer_slice(&out),
                          p2p_slice_of("", 0));
    }
    enum p2p_err err = p2p_kv_del(ledger->kv, P2P_TABLE_INDEX, p2p_writer_slice(&out));
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_ban_row(struct p2p_ledger *ledger, uint32_t circle, struct p2p_slice payload,
                         const struct p2p_record_id *id, bool there)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_unpack in;
    enum p2p_err err = P2P_OK;
    if (!there) {
        err = p2p_view_put(ledger, P2P_VIEW_BANS, circle, p2p_id_key(key, id),
                           p2p_slice_of(NULL, 0));
    }
    if (payload.len == 0 || !p2p_unpack_find(payload, "subjects", &in)) {
        return err;
    }
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK; i++) {
        struct p2p_subject_key subject;
        if (!p2p_subject_unpack(&in, &subject)) {
            return P2P_OK; /* bad-payload: the judge says so */
        }
        err = subject_row(ledger, circle, &subject, id, there);
    }
    return err;
}

/* The record is itself an imposition: its own key, and a row per subject to find it by. */
static enum p2p_err touch_own(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    enum p2p_err err = p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(key, &entry->id));
    return err == P2P_OK ? p2p_ban_row(ledger, entry->record.circle, entry->payload, &entry->id,
                                       !ledger->undoing)
                         : err;
}

/* The record acts on what it cites. A resume cites suspends, so a suspend that is touched or
 * arrives passes the mark on to the impositions it names. One that had no effect when it
 * arrived has none now, unless it was weighed again. */
static enum p2p_err touch_cited(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_why why = P2P_WHY_NONE;
    if (entry->record.issuer == 0) {
        return P2P_OK; /* no node lifts a ban by itself, under any charter */
    }
    enum p2p_err err = p2p_judge_arrived(ledger, &entry->id, &why);
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        uint8_t bytes[P2P_ID_KEY_BYTES];
        struct p2p_slice key = p2p_id_key(bytes, &cite);
        err = p2p_touch_add(ledger, P2P_VIEW_BANS, key, &entry->id);
        if (err == P2P_OK && (why == P2P_WHY_NONE || ledger->reweighing)) {
            err = p2p_view_mark(ledger, P2P_VIEW_BANS, key);
        }
    }
    return err;
}

/* Marks the impositions named by a suspend that stands at a cited place and is held here. */
static enum p2p_err mark_suspended(struct p2p_ledger *ledger,
                                   const struct p2p_record_id *suspend)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    if (ledger->marks_of != NULL) {
        return P2P_OK; /* a resume begins no imposition */
    }
    p2p_scratch_begin(&scratch, ledger); /* one resume may name 1,024 large records */
    enum p2p_err err = p2p_ledger_entry(ledger, suspend, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_BAN_SUSPEND) {
        p2p_cites_begin(&walk, &entry.record);
        while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
            uint8_t bytes[P2P_ID_KEY_BYTES];
            err = p2p_view_mark(ledger, P2P_VIEW_BANS, p2p_id_key(bytes, &cite));
        }
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err; /* it marks them itself when it comes */
}

static enum p2p_err amend_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    enum p2p_err err = touch_own(ledger, entry);
    return err == P2P_OK ? touch_cited(ledger, entry) : err;
}

static enum p2p_err resume_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_err err = touch_cited(ledger, entry);
    if (err == P2P_OK) {
        err = p2p_judge_arrived(ledger, &entry->id, &why);
    }
    if (err != P2P_OK || entry->record.issuer == 0 ||
        (why != P2P_WHY_NONE && !ledger->reweighing)) {
        return err;
    }
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        err = mark_suspended(ledger, &cite);
    }
    return err;
}

/* ---- the rows ---- */

static const struct p2p_field impose_fields[] = {
    {"effects", P2P_FIELD_TEXTS, P2P_BAN_EFFECTS_MAX, true, P2P_TLP_AMBER},
    {"from", P2P_FIELD_TIME, 0, false, P2P_TLP_AMBER},
    {"ground", P2P_FIELD_TEXT, 32, true, P2P_TLP_AMBER},
    {"reason", P2P_FIELD_TEXT, 2000, false, P2P_TLP_AMBER},
    {"reference", P2P_FIELD_TEXT, 500, true, P2P_TLP_AMBER},
    {"scope", P2P_FIELD_TEXTS, P2P_BAN_SCOPES_MAX, true, P2P_TLP_AMBER},
    {"subjects", P2P_FIELD_SUBJECTS, P2P_SUBJECTS_MAX, true, P2P_TLP_RED},
    {"until", P2P_FIELD_TIME, 0, false, P2P_TLP_AMBER},
};

static const struct p2p_field lift_fields[] = {
    {"reason", P2P_FIELD_TEXT, 2000, true, P2P_TLP_AMBER},
};

const struct p2p_kind p2p_kind_ban_impose = {
    .number = P2P_KIND_BAN_IMPOSE,
    .word = "ban-impose",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(impose_fields),
    .granted = impose_granted,
    .keys = touch_own,
};

const struct p2p_kind p2p_kind_ban_amend = {
    .number = P2P_KIND_BAN_AMEND,
    .word = "ban-amend",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(impose_fields),
    .cites = {P2P_KIND_BAN_IMPOSE, P2P_KIND_BAN_AMEND, P2P_KIND_RESCUED},
    .cites_required = true,
    .granted = impose_granted,
    .keys = amend_keys,
};

const struct p2p_kind p2p_kind_ban_suspend = {
    .number = P2P_KIND_BAN_SUSPEND,
    .word = "ban-suspend",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(lift_fields),
    .cites = {P2P_KIND_BAN_IMPOSE, P2P_KIND_BAN_AMEND, P2P_KIND_RESCUED},
    .cites_required = true,
    .granted = lift_granted,
    .keys = touch_cited,
};

const struct p2p_kind p2p_kind_ban_resume = {
    .number = P2P_KIND_BAN_RESUME,
    .word = "ban-resume",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(lift_fields),
    .cites = {P2P_KIND_BAN_SUSPEND},
    .cites_required = true,
    .granted = lift_granted,
    .keys = resume_keys,
};

const struct p2p_kind p2p_kind_ban_lift = {
    .number = P2P_KIND_BAN_LIFT,
    .word = "ban-lift",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(lift_fields),
    .cites = {P2P_KIND_BAN_IMPOSE, P2P_KIND_BAN_AMEND, P2P_KIND_RESCUED},
    .cites_required = true,
    .granted = lift_granted,
    .keys = touch_cited,
};
