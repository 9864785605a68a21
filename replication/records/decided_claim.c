/* Reasons of a gate that only it could know; and those that it gave without a payload that came
 * later, each held against the record that it names. */
#include "decided_claim.h"

#include <p2p/kind.h>
#include <p2p/rescued.h>
#include <p2p/right.h>

/* ---- which records stand behind which reason ---- */

enum {
    OF_BANS = 1,
    OF_TOKENS = 2,
    OF_RIGHTS = 4,
};

static unsigned kind_is_of(uint32_t kind)
{
    switch (kind) {
    case P2P_KIND_BAN_IMPOSE:
    case P2P_KIND_BAN_AMEND:
        return OF_BANS;
    case P2P_KIND_RESCUED: /* a ban, a block or a release */
        return OF_BANS | OF_TOKENS | OF_RIGHTS;
    case P2P_KIND_CUSTODY_OPEN:
    case P2P_KIND_CUSTODY_OFFER:
    case P2P_KIND_CUSTODY_ACCEPT:
    case P2P_KIND_CUSTODY_REFUSE:
    case P2P_KIND_CUSTODY_WITHDRAW:
    case P2P_KIND_CUSTODY_GATE_IN:
    case P2P_KIND_RECOUNT:
    case P2P_KIND_USE:
        return OF_TOKENS;
    default:
        return kind >= P2P_KIND_RIGHT_ISSUE && kind <= P2P_KIND_APPROVE ? OF_RIGHTS : 0;
    }
}

static unsigned code_is_of(enum p2p_gate_code code)
{
    switch (code) {
    case P2P_GATE_BANNED:
    case P2P_GATE_PARTIAL_MATCH:
    case P2P_GATE_SUSPENDED:
        return OF_BANS;
    case P2P_GATE_CLOCK:
        return OF_BANS | OF_RIGHTS;
    case P2P_GATE_NO_RIGHT: /* the token is over, or the last right on it ended */
    case P2P_GATE_USED:
        return OF_TOKENS | OF_RIGHTS;
    case P2P_GATE_CUSTODY_ELSEWHERE:
    case P2P_GATE_CUSTODY_FROZEN:
    case P2P_GATE_NOT_MIRRORED:
        return OF_TOKENS;
    case P2P_GATE_NOT_ACCEPTED:
    case P2P_GATE_WRONG_DRIVER:
    case P2P_GATE_WRONG_TRUCK:
    case P2P_GATE_OUTSIDE_SLOT:
    case P2P_GATE_LIGHT_COMMERCIAL:
    case P2P_GATE_LIGHT_CUSTOMS:
    case P2P_GATE_LIGHT_DISCHARGE:
    case P2P_GATE_LIGHT_TERMINAL:
    case P2P_GATE_BLOCKED:
    case P2P_GATE_EXPIRED:
    case P2P_GATE_UNRULED:
        return OF_RIGHTS;
    case P2P_GATE_BAD_IDENTIFIER:
    case P2P_GATE_STALE:
    case P2P_GATE_INCOMPLETE: /* it makes nothing stricter than its own word does */
    case P2P_GATE_READ_ONLY:
    case P2P_GATE_CUSTODY_WAITING:
    case P2P_GATE_LEASE_OVER:
    case P2P_GATE_CODE_COUNT:
        break;
    }
    return 0;
}

/* ---- what a record is about ---- */

/* The first records that one cites, out of the arena that folding takes anew. */
enum { CITES_LOOKED_AT = 16 };
struct cited {
    struct p2p_record_id ids[CITES_LOOKED_AT];
    size_t count;
};

static void copy_cites(const struct p2p_record *record, struct cited *out)
{
    struct p2p_cites walk;
    out->count = 0;
    p2p_cites_begin(&walk, record);
    while (out->count < CITES_LOOKED_AT && p2p_cites_next(&walk, &out->ids[out->count])) {
        out->count++;
    }
}

static enum p2p_err is_token_of(struct p2p_past *past, uint32_t circle,
                                const struct p2p_record_id *id, struct p2p_slice container,
                                bool *is)
{
    struct p2p_custody custody;
    enum p2p_err err = p2p_custody_get(p2p_past_kv(past), circle, id, &custody);
    *is = err == P2P_OK && p2p_slice_equal(custody.container, container);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err is_right_of(struct p2p_past *past, uint32_t circle,
                                const struct p2p_record_id *id, struct p2p_slice container,
                                bool *is)
{
    struct p2p_right right;
    enum p2p_err err = p2p_right_get(p2p_past_kv(past), circle, id, &right);
    *is = false;
    if (err == P2P_OK) {
        const struct p2p_record_id token = right.token;
        err = is_token_of(past, circle, &token, container, is);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether the record is an open of that container, cites one, or cites a right on one. */
static enum p2p_err is_about(struct p2p_past *past, const struct p2p_record_id *id,
                             const struct p2p_record *record, struct p2p_slice container,
                             bool *about)
{
    const uint32_t circle = record->circle;
    const bool opens = record->kind == P2P_KIND_CUSTODY_OPEN;
    const bool asks =
        kind_is_of(record->kind) == OF_RIGHTS && record->kind != P2P_KIND_RIGHT_ISSUE;
    struct cited cited = {.ids = {*id}, .count = 1};
    enum p2p_err err = P2P_OK;
    if (!opens) {
        copy_cites(record, &cited);
    }
    *about = false;
    for (size_t i = 0; i < cited.count && err == P2P_OK && !*about; i++) {
        err = asks ? is_right_of(past, circle, &cited.ids[i], container, about)
                   : is_token_of(past, circle, &cited.ids[i], container, about);
    }
    return err;
}

static bool looks_into(const struct p2p_gate_place *place, uint32_t circle)
{
    for (size_t i = 0; i < place->circle_count; i++) {
        if (place->circles[i] == circle) {
            return true;
        }
    }
    return false;
}

/* Whether the record behind a reason was there for the gate, and says such a thing. */
static enum p2p_err is_real(struct p2p_past *past, const struct p2p_gate_place *place,
                            const struct p2p_decision *decision,
                            const struct p2p_gate_reason *reason, bool *real)
{
    struct p2p_ledger *ledger = p2p_past_ledger(past);
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, reason->record.feed);
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    *real = false;
    if (feed == NULL || reason->record.index >= feed->edge.size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_ledger_entry(ledger, &reason->record, &entry);
    if (err != P2P_OK || (kind_is_of(entry.record.kind) & code_is_of(reason->code)) == 0 ||
        !looks_into(place, entry.record.circle)) {
        return err == P2P_NOTFOUND ? P2P_OK : err;
    }
    err = p2p_judge(ledger, &entry, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE) {
        return err;
    }
    struct p2p_rescued rescued = {.record = entry.record};
    if (entry.record.kind == P2P_KIND_RESCUED &&
        !p2p_rescued_carries(ledger, &entry, &rescued)) {
        return P2P_OK;
    }
    unsigned what = kind_is_of(rescued.record.kind);
    *real = (what & code_is_of(reason->code) & OF_BANS) != 0; /* of whom the right named then */
    return *real || (what & code_is_of(reason->code)) == 0
               ? P2P_OK
               : is_about(past, &reason->record, &rescued.record, decision->container, real);
}

enum p2p_err p2p_decided_may_claim(struct p2p_past *past, const struct p2p_gate_place *place,
                                   const struct p2p_decision *decision,
                                   const struct p2p_gate_reason *reason, bool *may)
{
    const bool collects = decision->container.len > 0;
    if (!reason->has_record) {
        *may = decision->incomplete && (reason->code == P2P_GATE_INCOMPLETE ||
                                        (collects && reason->code == P2P_GATE_NO_RIGHT));
        return P2P_OK;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_past_ledger(past), reason->record.feed);
    *may = decision->late && feed != NULL && feed->ends_at != P2P_FEED_GOES_ON;
    return *may || !collects || !decision->incomplete
               ? P2P_OK
               : is_real(past, place, decision, reason, may);
}
