/* The kinds of rights: the issue, what is asked of it, and the rulings of who holds its token.
 */
#include "kinds.h"
#include "right_parts.h"

#include <p2p/forked.h>

#include <string.h>

/* ---- which actions, which grants ---- */

unsigned p2p_right_actions(uint32_t kind)
{
    const struct p2p_kind *row = p2p_kind_find(kind);
    unsigned actions = 0;
    for (unsigned i = 0; row != NULL && i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        actions |= strcmp(rule->kind, row->word) == 0 ? 1u << i : 0;
    }
    return actions;
}

bool p2p_right_forbids(uint32_t kind, const struct p2p_right_said *said)
{
    return kind == P2P_KIND_RIGHT_BLOCK || kind == P2P_KIND_RIGHT_REVOKE ||
           kind == P2P_KIND_RIGHT_CANCEL ||
           (kind == P2P_KIND_RIGHT_LIGHT && (!said->lights || said->value != 0));
}

/* Whether the issuer's member holds the token, or held it. */
static bool had_custody(const struct p2p_charter *charter, const struct p2p_issuer *issuer,
                        const struct p2p_custody *custody)
{
    for (size_t i = 0; i < custody->tenure_count; i++) {
        const struct p2p_feed_info *feed = p2p_charter_feed(charter, custody->tenures[i].feed);
        if (feed != NULL && feed->member == issuer->member) {
            return true;
        }
    }
    return false;
}

bool p2p_right_granted(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                       const char *word, const struct p2p_custody *custody)
{
    const struct p2p_charter *charter = ledger->charter;
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, entry->record.issuer);
    uint64_t known = 0;
    if (issuer == NULL || p2p_known_surely(ledger, entry->id.feed, entry->id.index,
                                           P2P_CHARTER_FEED, &known) != P2P_OK) {
        return false;
    }
    bool any = custody == NULL || had_custody(charter, issuer, custody);
    for (size_t i = 0; i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        struct p2p_slice scope = p2p_slice_text(grant->scope);
        bool counts = any || p2p_slice_equal(scope, p2p_slice_text("*")) ||
                      p2p_slice_equal(scope, custody->facility);
        if (counts && strcmp(grant->name, word) == 0 &&
            p2p_charter_granted(charter, issuer->number, word, scope, entry->id.feed,
                                entry->id.index, known)) {
            return true;
        }
    }
    return false;
}

/* To be heard at all, the word of some action of the kind, of any scope; the fold looks at the
 * one that it is. Without the payload nobody can tell of which light a record is, and nobody
 * outside its circle acts on it. */
static bool request_granted(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_right_said said;
    unsigned actions = p2p_right_actions(entry->record.kind);
    if (entry->record.kind == P2P_KIND_RIGHT_LIGHT) {
        return entry->payload.len == 0 ||
               (p2p_right_read_request(&said, entry->payload) == P2P_OK && said.lights &&
                p2p_right_granted(ledger, entry, p2p_light_grant(said.light), NULL));
    }
    if (entry->record.kind == P2P_KIND_RIGHT_GATE_OUT &&
        p2p_right_granted(ledger, entry, p2p_grant_name(P2P_GRANT_CUSTODY), NULL)) {
        return true;
    }
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        if ((actions & 1u << i) != 0 && p2p_right_granted(ledger, entry, rule->grant, NULL)) {
            return true;
        }
    }
    return false;
}

static bool issue_granted(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    return p2p_right_granted(ledger, entry, p2p_grant_name(P2P_GRANT_ISSUE), NULL);
}

/* ---- what only the kinds can judge ---- */

static enum p2p_err issue_judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                enum p2p_why *why)
{
    struct p2p_right right = {.id = entry->id};
    (void)ledger;
    if (entry->payload.len > 0 && p2p_right_read_content(&right, entry->payload) != P2P_OK) {
        *why = P2P_WHY_BAD_PAYLOAD;
    } else if (entry->record.cite_count > 1) {
        *why = P2P_WHY_BAD_CITATION; /* a right names one token */
    }
    return P2P_OK;
}

static enum p2p_err request_judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                  enum p2p_why *why)
{
    struct p2p_right_said said;
    (void)ledger;
    if (entry->payload.len > 0 && p2p_right_read_request(&said, entry->payload) != P2P_OK) {
        *why = P2P_WHY_BAD_PAYLOAD;
    } else if (entry->record.cite_count > P2P_RIGHT_CITES_MAX) {
        *why = P2P_WHY_BAD_CITATION;
    }
    return P2P_OK;
}

static enum p2p_err ruled_judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                enum p2p_why *why)
{
    struct p2p_unpack in;
    (void)ledger;
    if (p2p_unpack_find(entry->record.content, "rests", &in)) {
        uint32_t count = p2p_unpack_array(&in);
        bool good = count > 0 && count <= P2P_CUSTODY_RESTS_MAX;
        for (uint32_t i = 0; i < count && good; i++) {
            struct p2p_slice note = p2p_unpack_bin(&in);
            good = note.len > 0 && note.len <= P2P_CUSTODY_NOTE_BYTES;
        }
        if (!good || p2p_unpack_failed(&in)) {
            *why = P2P_WHY_BAD_PAYLOAD;
        }
    }
    if (*why == P2P_WHY_NONE && entry->record.cite_count > P2P_RIGHT_CITES_MAX) {
        *why = P2P_WHY_BAD_CITATION;
    }
    return P2P_OK;
}

/* ---- which keys a record touches ---- */

static enum p2p_err mark(struct p2p_ledger *ledger, const struct p2p_record_id *id)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    return p2p_view_mark(ledger, P2P_VIEW_RIGHTS, p2p_id_key(key, id));
}

/* INDEX_PARTY_RIGHT: circle u32, issuer u32, right id, id of the record that names him ->
 * nothing. */
static enum p2p_err party_row(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                              const struct p2p_record_id *right, uint32_t party)
{
    uint8_t row[1 + 4 + 4 + 2 * P2P_ID_KEY_BYTES];
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, row, sizeof(row));
    p2p_writer_u8(&out, P2P_INDEX_PARTY_RIGHT);
    p2p_writer_u32(&out, entry->record.circle);
    p2p_writer_u32(&out, party);
    p2p_id_key(key, right);
    p2p_writer_bytes(&out, key, sizeof(key));
    p2p_id_key(key, &entry->id);
    p2p_writer_bytes(&out, key, sizeof(key));
    return p2p_index_put(ledger, p2p_writer_slice(&out));
}

/* INDEX_TOKEN_RIGHT: circle u32, token id, right id -> nothing. */
enum { TOKEN_ROW_BYTES = 1 + 4 + 2 * P2P_ID_KEY_BYTES };

static struct p2p_slice token_key(uint8_t row[TOKEN_ROW_BYTES], uint32_t circle,
                                  const struct p2p_record_id *token,
                                  const struct p2p_record_id *right)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_writer out;
    p2p_writer_init(&out, row, TOKEN_ROW_BYTES);
    p2p_writer_u8(&out, P2P_INDEX_TOKEN_RIGHT);
    p2p_writer_u32(&out, circle);
    p2p_id_key(key, token);
    p2p_writer_bytes(&out, key, sizeof(key));
    p2p_id_key(key, right);
    p2p_writer_bytes(&out, key, sizeof(key));
    return p2p_writer_slice(&out);
}

static enum p2p_err issue_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_cites walk;
    struct p2p_record_id token;
    struct p2p_right right = {.id = entry->id, .first = entry->record.issuer};
    enum p2p_err err = mark(ledger, &entry->id);
    if (err == P2P_OK && ledger->undoing) {
        err = p2p_view_put(ledger, P2P_VIEW_RIGHTS, entry->record.circle,
                           p2p_id_key(bytes, &entry->id), p2p_slice_of(NULL, 0));
    }
    p2p_cites_begin(&walk, &entry->record);
    if (err == P2P_OK && p2p_cites_next(&walk, &token)) {
        uint8_t row[TOKEN_ROW_BYTES];
        err = p2p_index_put(ledger, token_key(row, entry->record.circle, &token, &entry->id));
        if (err == P2P_OK) {
            err = p2p_touch_add(ledger, P2P_VIEW_RIGHTS, p2p_id_key(bytes, &token), &entry->id);
        }
    }
    if (err != P2P_OK || entry->payload.len == 0 ||
        p2p_right_read_content(&right, entry->payload) != P2P_OK) {
        return err;
    }
    for (size_t i = 0; i < right.chain_count && err == P2P_OK; i++) {
        err = party_row(ledger, entry, &entry->id, right.chain[i].party);
    }
    return err;
}

/* Whether a record without effect by what was found when it arrived changes what a right tells:
 * the first of its feed that would forbid, by an issuer nobody here knows yet. */
static enum p2p_err is_doubt(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                             const struct p2p_record_id *right_id, bool *doubt)
{
    struct p2p_right right;
    struct p2p_right_said said = {0};
    *doubt = p2p_right_forbids(entry->record.kind, &said);
    if (!*doubt) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_right_get(ledger->kv, entry->record.circle, right_id, &right);
    for (size_t i = 0; err == P2P_OK && i < right.unsure_count; i++) {
        *doubt = *doubt && right.unsure[i].feed != entry->id.feed;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The record acts on what it cites. One that had no effect when it arrived has none now, unless
 * it was weighed again. */
static enum p2p_err request_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    struct p2p_right_said said = {0};
    enum p2p_why why = P2P_WHY_NONE;
    if (entry->record.issuer == 0 || entry->record.cite_count > P2P_RIGHT_CITES_MAX) {
        return P2P_OK; /* without effect, under any charter */
    }
    bool names = entry->payload.len > 0 &&
                 p2p_right_read_request(&said, entry->payload) == P2P_OK && said.to != 0;
    enum p2p_err err = p2p_judge_arrived(ledger, &entry->id, &why);
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        uint8_t bytes[P2P_ID_KEY_BYTES];
        bool marks = why == P2P_WHY_NONE || ledger->reweighing || ledger->undoing;
        err = p2p_touch_add(ledger, P2P_VIEW_RIGHTS, p2p_id_key(bytes, &cite), &entry->id);
        if (err == P2P_OK && names) {
            err = party_row(ledger, entry, &cite, said.to);
        }
        if (err == P2P_OK && !marks && why == P2P_WHY_UNKNOWN_ISSUER) {
            err = is_doubt(ledger, entry, &cite, &marks);
        }
        if (err == P2P_OK && marks) {
            err = mark(ledger, &cite);
        }
    }
    return err;
}

/* Marks the rights that a request which is held here names. */
static enum p2p_err mark_asked(struct p2p_ledger *ledger, const struct p2p_record_id *request)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    if (ledger->marks_of != NULL) {
        return P2P_OK; /* a ruling begins no right */
    }
    p2p_scratch_begin(&scratch, ledger); /* one ruling may name many large records */
    enum p2p_err err = p2p_ledger_entry(ledger, request, &entry);
    if (err == P2P_OK && p2p_right_actions(entry.record.kind) != 0 &&
        entry.record.cite_count <= P2P_RIGHT_CITES_MAX) {
        p2p_cites_begin(&walk, &entry.record);
        while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
            err = mark(ledger, &cite);
        }
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err; /* it marks them itself when it comes */
}

static enum p2p_err ruled_keys(struct p2p_ledger *ledger, const struct p2p_entry *entry)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    struct p2p_record_id last = {0, 0};
    enum p2p_err err = entry->record.body_type == P2P_BODY_PUBLIC
                           ? p2p_forked_carried(ledger, entry) /* whatever it rules */
                           : P2P_OK;
    if (err != P2P_OK || entry->record.issuer != 0 ||
        entry->record.cite_count > P2P_RIGHT_CITES_MAX) {
        return err;
    }
    p2p_cites_begin(&walk, &entry->record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        uint8_t bytes[P2P_ID_KEY_BYTES];
        if (p2p_record_id_compare(&cite, &last) == 0) {
            continue; /* marks may be many, and the same again */
        }
        last = cite;
        err = p2p_touch_add(ledger, P2P_VIEW_RIGHTS, p2p_id_key(bytes, &cite), &entry->id);
        if (err == P2P_OK) {
            err = mark_asked(ledger, &cite);
        }
    }
    return err;
}

enum p2p_err p2p_right_mark_on(struct p2p_ledger *ledger, uint32_t circle,
                               const struct p2p_record_id *token)
{
    uint8_t row[TOKEN_ROW_BYTES];
    struct p2p_record_id right = {0, 0};
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK) {
        struct p2p_slice found;
        struct p2p_slice value;
        struct p2p_slice from = token_key(row, circle, token, &right);
        err = p2p_kv_seek(ledger->kv, P2P_TABLE_INDEX, from, &found, &value);
        if (err != P2P_OK || found.len != from.len ||
            memcmp(found.data, from.data, from.len - P2P_ID_KEY_BYTES) != 0) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        if (!p2p_id_from_key(
                p2p_slice_of(found.data + found.len - P2P_ID_KEY_BYTES, P2P_ID_KEY_BYTES),
                &right)) {
            return P2P_CORRUPT;
        }
        err = mark(ledger, &right);
        right.index++;
    }
    return err;
}

/* ---- the rows ---- */

static const struct p2p_field issue_fields[] = {
    {"bl", P2P_FIELD_TEXT, P2P_RIGHT_BL_BYTES_MAX, true, P2P_TLP_AMBER},
    {"container", P2P_FIELD_TEXT, P2P_CONTAINER_BYTES_MAX, true, P2P_TLP_AMBER},
    {"expires", P2P_FIELD_TIME, 0, true, P2P_TLP_AMBER},
    {"means", P2P_FIELD_TEXT, 8, true, P2P_TLP_AMBER},
    {"reference", P2P_FIELD_TEXT, P2P_RIGHT_REFERENCE_BYTES_MAX, false, P2P_TLP_AMBER},
    {"terminal", P2P_FIELD_TEXT, P2P_RIGHT_TERMINAL_BYTES_MAX, false, P2P_TLP_AMBER},
    {"to", P2P_FIELD_UINT, P2P_ISSUERS_MAX, true, P2P_TLP_AMBER},
};

static const struct p2p_field plain_fields[] = {
    {"reason", P2P_FIELD_TEXT, P2P_RIGHT_REASON_BYTES_MAX, false, P2P_TLP_AMBER},
};

static const struct p2p_field transfer_fields[] = {
    {"reason", P2P_FIELD_TEXT, P2P_RIGHT_REASON_BYTES_MAX, false, P2P_TLP_AMBER},
    {"to", P2P_FIELD_UINT, P2P_ISSUERS_MAX, true, P2P_TLP_AMBER},
};

static const struct p2p_field assign_fields[] = {
    {"company", P2P_FIELD_ANY, 0, false, P2P_TLP_AMBER},
    {"driver", P2P_FIELD_ANY, 0, true, P2P_TLP_RED},
    {"slot", P2P_FIELD_ANY, 0, false, P2P_TLP_AMBER},
    {"truck", P2P_FIELD_ANY, 0, false, P2P_TLP_RED},
};

static const struct p2p_field light_fields[] = {
    {"light", P2P_FIELD_TEXT, 16, true, P2P_TLP_AMBER},
    {"reason", P2P_FIELD_TEXT, P2P_RIGHT_REASON_BYTES_MAX, false, P2P_TLP_AMBER},
    {"value", P2P_FIELD_TEXT, 32, true, P2P_TLP_AMBER},
};

static const struct p2p_field override_fields[] = {
    {"container", P2P_FIELD_TEXT, P2P_CONTAINER_BYTES_MAX, true, P2P_TLP_AMBER},
    {"reason", P2P_FIELD_TEXT, P2P_RIGHT_REASON_BYTES_MAX, true, P2P_TLP_AMBER},
};

static const struct p2p_field ruled_fields[] = {
    {"epoch", P2P_FIELD_UINT, 0, true, P2P_TLP_CLEAR},
    {"rests", P2P_FIELD_ANY, 0, false, P2P_TLP_CLEAR},
};

const struct p2p_kind p2p_kind_ruled = {
    .number = P2P_KIND_RULED,
    .word = "ruled",
    .authors = P2P_BY_NODE,
    .body = P2P_BODY_PUBLIC,
    P2P_FIELDS(ruled_fields),
    .cites = {P2P_KIND_RIGHT_ACCEPT, P2P_KIND_RIGHT_DECLINE, P2P_KIND_RIGHT_TRANSFER,
              P2P_KIND_RIGHT_RETURN, P2P_KIND_RIGHT_REVOKE, P2P_KIND_RIGHT_ASSIGN,
              P2P_KIND_RIGHT_UNASSIGN, P2P_KIND_RIGHT_UNBLOCK, P2P_KIND_RIGHT_LIGHT},
    .cites_required = true,
    .judge = ruled_judge,
    .keys = ruled_keys,
};

const struct p2p_kind p2p_kind_right_issue = {
    .number = P2P_KIND_RIGHT_ISSUE,
    .word = "right-issue",
    .authors = P2P_BY_ISSUER,
    .body = P2P_BODY_COMMITMENT,
    P2P_FIELDS(issue_fields),
    .cites = {P2P_KIND_CUSTODY_OPEN},
    .cites_required = true,
    .granted = issue_granted,
    .judge = issue_judge,
    .keys = issue_keys,
};

/* What all that is asked of a right has in common. */
#define REQUEST(kind_number, kind_word, kind_fields)                                           \
    .number = (kind_number), .word = (kind_word), .authors = P2P_BY_ISSUER,                    \
    .body = P2P_BODY_COMMITMENT, P2P_FIELDS(kind_fields), .cites_required = true,              \
    .granted = request_granted, .judge = request_judge, .keys = request_keys

const struct p2p_kind p2p_kind_right_accept = {
    REQUEST(P2P_KIND_RIGHT_ACCEPT, "right-accept", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_decline = {
    REQUEST(P2P_KIND_RIGHT_DECLINE, "right-decline", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_transfer = {
    REQUEST(P2P_KIND_RIGHT_TRANSFER, "right-transfer", transfer_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_return = {
    REQUEST(P2P_KIND_RIGHT_RETURN, "right-return", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_revoke = {
    REQUEST(P2P_KIND_RIGHT_REVOKE, "right-revoke", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_cancel = {
    REQUEST(P2P_KIND_RIGHT_CANCEL, "right-cancel", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_assign = {
    REQUEST(P2P_KIND_RIGHT_ASSIGN, "right-assign", assign_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_unassign = {
    REQUEST(P2P_KIND_RIGHT_UNASSIGN, "right-unassign", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_block = {
    REQUEST(P2P_KIND_RIGHT_BLOCK, "right-block", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_unblock = {
    REQUEST(P2P_KIND_RIGHT_UNBLOCK, "right-unblock", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE, P2P_KIND_RIGHT_BLOCK, P2P_KIND_RESCUED},
};

const struct p2p_kind p2p_kind_right_light = {
    REQUEST(P2P_KIND_RIGHT_LIGHT, "right-light", light_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_right_gate_out = {
    REQUEST(P2P_KIND_RIGHT_GATE_OUT, "right-gate-out", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_override = {
    REQUEST(P2P_KIND_OVERRIDE, "override", override_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE},
};

const struct p2p_kind p2p_kind_approve = {
    REQUEST(P2P_KIND_APPROVE, "approve", plain_fields),
    .cites = {P2P_KIND_RIGHT_ISSUE, P2P_KIND_OVERRIDE},
};
