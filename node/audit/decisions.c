/* Every decision whose payload is here, once more: from what its feed shows that its gate knew,
 * by the gate's own function; and its time against those of the cosignatures around it. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/decision.h>

#include <string.h>

struct again {
    struct p2p_audit *audit;
    const struct p2p_kv *kv;
    struct p2p_past *past;
    struct p2p_horizon horizon;
    bool *withheld; /* by circle number */
    size_t circles;
    uint8_t payload[P2P_PAYLOAD_BYTES_MAX];
    const struct audit_log *log;
    uint64_t index;
    struct audit_span span; /* of the record at index, once it was asked for */
    size_t claim;           /* of the log, how many are below the index, and */
    bool knows;             /* whether they are what the horizon follows from */
    uint64_t checked, unchecked;
};

static void check_time(struct again *again, const struct p2p_decision *decision, uint32_t n)
{
    uint32_t skew_s = p2p_charter_policy(again->audit->charter)->clock_skew_s;
    uint64_t time_s = decision->own_ms / 1000;
    const struct audit_span *span = &again->span;
    audit_span_of(again->audit, again->log->number, again->index, &again->span);
    bool early = !decision->late && time_s + skew_s < span->from_s;
    bool late = span->until_s != UINT64_MAX && time_s > span->until_s + skew_s;
    if (early || late) {
        p2p_findings_tell(again->audit->findings, P2P_FINDING_DECISION_TIME, again->log->name,
                          again->index, "#%u says %llu, and was written %s %llu", n,
                          (unsigned long long)time_s, early ? "after" : "before",
                          (unsigned long long)(early ? span->from_s : span->until_s));
    }
    p2p_findings_count(again->audit->findings, P2P_CHECK_TIMES, 1);
}

static void tell(struct again *again, const struct p2p_decision *decision, uint32_t n,
                 const struct p2p_decided_again *found)
{
    switch (found->decided) {
    case P2P_DECIDED_RIGHT:
    case P2P_DECIDED_CLAIMED:
        again->checked++;
        return;
    case P2P_DECIDED_OTHER_REASONS:
    case P2P_DECIDED_OTHER_ANSWER:
        again->checked++;
        p2p_findings_tell(
            again->audit->findings, P2P_FINDING_DECISION_DIFFERS, again->log->name,
            again->index, "#%u answered %s, it had to be %s: %s", n,
            p2p_answer_word(decision->answer), p2p_answer_word(found->should.answer),
            p2p_decided_text(found->decided));
        return;
    case P2P_DECIDED_UNCHECKABLE:
        again->unchecked++;
        return;
    }
}

/* What its gate knew: as at the check before but for its own records, as long as no `seen`
 * stands between. A late one, and a collect, say for themselves. */
static enum p2p_err know(struct again *again, const struct p2p_decision *decision)
{
    const struct audit_log *log = again->log;
    size_t claim = again->claim;
    while (claim < log->claim_count && log->claims[claim].index < again->index) {
        claim++;
    }
    bool plain = !decision->late && decision->container.len == 0;
    bool knows = again->knows && plain && claim == again->claim;
    again->claim = claim;
    if (knows) {
        again->horizon.sizes[log->number] = again->index;
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_decision_known(decision, again->kv, log->number, again->index, &again->horizon);
    again->knows = err == P2P_OK && plain;
    return err;
}

static enum p2p_err decide_again(struct again *again, struct p2p_slice packed, uint32_t n)
{
    struct p2p_decision decision;
    struct p2p_decided_again found;
    const struct p2p_decision_place place = {.feed = again->log->number,
                                             .index = again->index,
                                             .withheld = again->withheld,
                                             .withheld_count = again->circles};
    enum p2p_err err = p2p_decision_parse(&decision, packed);
    if (err == P2P_MALFORMED) {
        p2p_findings_tell(again->audit->findings, P2P_FINDING_DECISION_MALFORMED,
                          again->log->name, again->index, "#%u is no decision", n);
        return P2P_OK;
    }
    if (err == P2P_OK) {
        check_time(again, &decision, n);
        err = know(again, &decision);
    }
    if (err == P2P_NOTFOUND || err == P2P_MALFORMED) {
        again->unchecked++; /* late, and it does not say, or not what can be, what it knew */
        return P2P_OK;
    }
    if (err == P2P_OK) {
        err = p2p_decision_again(again->past, &again->horizon, &place, &decision, &found);
    }
    if (err == P2P_OK) {
        tell(again, &decision, n, &found);
    }
    return err;
}

static enum p2p_err do_record(struct again *again)
{
    struct p2p_slice salted;
    struct p2p_slice packed;
    struct p2p_decisions_walk walk;
    uint32_t n = 0;
    enum p2p_err err =
        audit_index_payload(again->audit->index, again->log->number, again->index, &salted);
    if (err == P2P_NOTFOUND) {
        again->unchecked++;
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    /* Reading the past may put others in its place. */
    size_t len = salted.len - P2P_SALT_BYTES;
    memcpy(again->payload, salted.data + P2P_SALT_BYTES, len);
    p2p_decisions_begin(&walk, p2p_slice_of(again->payload, len));
    err = p2p_decisions_next(&walk, &packed);
    while (err == P2P_OK) {
        err = decide_again(again, packed, n++);
        if (err == P2P_OK) {
            err = p2p_decisions_next(&walk, &packed);
        }
    }
    if (err == P2P_MALFORMED) {
        p2p_findings_tell(again->audit->findings, P2P_FINDING_DECISION_MALFORMED,
                          again->log->name, again->index, "it is no list of decisions");
        return P2P_OK;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err do_feed(struct again *again)
{
    const struct p2p_feed *held = p2p_ledger_feed(&again->audit->ledger, again->log->number);
    uint64_t size = held == NULL ? 0 : held->edge.size;
    enum p2p_err err = P2P_OK;
    again->checked = 0;
    again->unchecked = 0;
    again->claim = 0;
    again->knows = false;
    for (again->index = 0; again->index < size && err == P2P_OK; again->index++) {
        if ((again->log->flags[again->index] & AUDIT_DECISIONS) != 0) {
            err = do_record(again);
            audit_progress(again->audit, "deciding again", again->index, size);
        }
        if (again->index % AUDIT_RELAX_STEPS == 0) {
            audit_index_relax(again->audit->index);
        }
    }
    p2p_findings_count(again->audit->findings, P2P_CHECK_DECISIONS, again->checked);
    if (again->unchecked > 0) {
        p2p_findings_tell(
            again->audit->findings, P2P_FINDING_NOT_CHECKABLE, again->log->name,
            P2P_FINDING_NOWHERE,
            "%llu decision%s, or record%s of such, cannot be checked by what is here",
            (unsigned long long)again->unchecked, again->unchecked == 1 ? "" : "s",
            again->unchecked == 1 ? "" : "s");
    }
    return err;
}

static enum p2p_err do_all(struct again *again)
{
    struct p2p_audit *audit = again->audit;
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < again->circles; i++) {
        again->withheld[i] = !audit_complete_in(audit, i);
    }
    for (uint32_t i = 1; i < audit->chosen_count && err == P2P_OK; i++) {
        again->log = audit->chosen[i];
        err = again->log == NULL ? P2P_OK : do_feed(again);
    }
    return err;
}

enum p2p_err audit_decisions(struct p2p_audit *audit)
{
    const struct p2p_alloc *alloc = audit->alloc;
    enum p2p_err err = P2P_NOMEM;
    struct again *again = p2p_alloc_zeroed(alloc, 1, sizeof(*again));
    if (again == NULL) {
        return P2P_NOMEM;
    }
    again->audit = audit;
    again->kv = audit_index_kv(audit->index);
    again->circles = p2p_charter_circle_count(audit->charter) + 1;
    again->withheld = p2p_alloc_zeroed(alloc, again->circles, sizeof(bool));
    again->horizon.count = audit->chosen_count;
    again->horizon.sizes = p2p_alloc_zeroed(alloc, audit->chosen_count, sizeof(uint64_t));
    if (again->withheld != NULL && again->horizon.sizes != NULL) {
        err = p2p_past_new(&again->past, alloc, &audit->ledger, again->kv);
    }
    if (err == P2P_OK) {
        p2p_past_settled(again->past, audit->settled);
        err = do_all(again);
    }
    p2p_past_free(again->past);
    p2p_alloc_free(alloc, again->horizon.sizes);
    p2p_alloc_free(alloc, again->withheld);
    p2p_alloc_free(alloc, again);
    return err;
}
