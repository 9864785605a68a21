/* What the replayed ledger says: verdicts on records, on `seen` records, forks and numbers that
 * were used twice, and decisions. */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/forked.h>
#include <p2p/reuse.h>

#include <string.h>

#define ARENA_BYTES ((size_t)64 << 20)

static const char *feed_name(const struct p2p_audit *audit, uint32_t feed)
{
    const struct audit_log *log = feed < audit->chosen_count ? audit->chosen[feed] : NULL;
    const struct p2p_feed_info *info = p2p_charter_feed(audit->charter, feed);
    if (log != NULL || info == NULL) {
        return log != NULL ? log->name : "?";
    }
    return info->origin + strlen(p2p_charter_federation(audit->charter)) + 1;
}

/* ---- records without effect ---- */

/* What a verdict is as a finding; P2P_FINDING_COUNT: it was told already, for what it is. */
static enum p2p_finding_code code_of(enum p2p_why why)
{
    switch (why) {
    case P2P_WHY_UNKNOWN_ISSUER:
        return P2P_FINDING_UNKNOWN_ISSUER;
    case P2P_WHY_NO_GRANT:
        return P2P_FINDING_NO_GRANT;
    case P2P_WHY_REPEATED_SEQ:
        return P2P_FINDING_REPEATED_SEQ;
    case P2P_WHY_PAST_CUT:
        return P2P_FINDING_PAST_CUT;
    case P2P_WHY_FORKED:
        return P2P_FINDING_FORKED_RANGE;
    case P2P_WHY_BAD_CITATION:
        return P2P_FINDING_BAD_CITATION;
    case P2P_WHY_NONE:
    case P2P_WHY_BAD_SIGNATURE: /* blocks.c: issuer-signature, bad-content, kind-unknown */
    case P2P_WHY_BAD_PAYLOAD:
    case P2P_WHY_UNKNOWN_KIND:
    case P2P_WHY_ERASED:
        return P2P_FINDING_COUNT;
    }
    return P2P_FINDING_COUNT;
}

static enum p2p_err judge_one(struct p2p_audit *audit, const struct p2p_record_id *id)
{
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_err err = p2p_ledger_entry(&audit->ledger, id, &entry);
    if (err == P2P_OK) {
        err = p2p_judge(&audit->ledger, &entry, &why);
    }
    enum p2p_finding_code code = code_of(why);
    if (err == P2P_OK && code != P2P_FINDING_COUNT) {
        const struct p2p_issuer *issuer =
            p2p_charter_issuer(audit->charter, entry.record.issuer);
        const struct p2p_kind *kind = p2p_kind_find(entry.record.kind);
        p2p_findings_tell(audit->findings, code, feed_name(audit, id->feed), id->index,
                          "a %s by %s: %s", kind == NULL ? "record" : kind->word,
                          issuer == NULL ? "nobody the charter names" : issuer->name,
                          p2p_finding_meaning(code));
    }
    return err;
}

static enum p2p_err judge_feed(struct p2p_audit *audit, uint32_t feed, struct p2p_arena *arena)
{
    const struct audit_log *log = audit->chosen[feed];
    const struct p2p_feed *held = p2p_ledger_feed(&audit->ledger, feed);
    uint64_t size = held == NULL ? 0 : held->edge.size;
    uint64_t judged = 0;
    enum p2p_err err = P2P_OK;
    for (uint64_t i = 0; i < size && err == P2P_OK; i++) {
        const struct p2p_record_id id = {feed, i};
        if ((log->flags[i] & AUDIT_JUDGED) != 0) {
            err = judge_one(audit, &id);
            p2p_arena_reset(arena);
            judged++;
        }
        if (i % AUDIT_RELAX_STEPS == 0) {
            audit_index_relax(audit->index);
            audit_progress(audit, "judging", i, size);
        }
    }
    p2p_findings_count(audit->findings, P2P_CHECK_ISSUERS, judged);
    return err;
}

/* ---- `seen` ---- */

/* Rows of one (by, of) stand together, the newest first: of what is not here the newest is
 * told, which names most. */
static void tell_claim(struct p2p_audit *audit, const struct p2p_known_row *row, bool forked,
                       bool first_open)
{
    const char *by = feed_name(audit, row->by);
    const char *of = feed_name(audit, row->of);
    if (row->is_false && forked) {
        p2p_findings_tell(audit->findings, P2P_FINDING_SEEN_FORKED, by, row->index,
                          "it names a root of the first %llu records of %s, which signed two "
                          "histories; it may have been shown the other one",
                          (unsigned long long)row->size, of);
    } else if (row->is_false) {
        p2p_findings_tell(audit->findings, P2P_FINDING_FALSE_SEEN, by, row->index,
                          "it names a root of the first %llu records of %s that they never had",
                          (unsigned long long)row->size, of);
    }
    if (row->highest > row->size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_SEEN_SHRINKS, by, row->index,
                          "it names %llu records of %s, and one before it %llu",
                          (unsigned long long)row->size, of, (unsigned long long)row->highest);
    }
    if (row->is_open && first_open) {
        const struct p2p_feed *held = p2p_ledger_feed(&audit->ledger, row->of);
        p2p_findings_tell(audit->findings, P2P_FINDING_OMITTED, of,
                          held == NULL ? 0 : held->edge.size,
                          "%s saw %llu records at its record %llu, %llu are here", by,
                          (unsigned long long)row->size, (unsigned long long)row->index,
                          (unsigned long long)(held == NULL ? 0 : held->edge.size));
    }
}

/* Whether the audit showed that the feed signed two histories, or a record that it took did. */
static enum p2p_err is_forked(const struct p2p_audit *audit, const struct p2p_kv *kv,
                              uint32_t feed, bool *out)
{
    struct p2p_forked forked;
    const struct audit_log *log = feed < audit->chosen_count ? audit->chosen[feed] : NULL;
    *out = log != NULL && log->forked;
    enum p2p_err err = *out ? P2P_NOTFOUND : p2p_forked_get(&audit->ledger, kv, feed, &forked);
    *out = *out || err == P2P_OK;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err look_at_claims(struct p2p_audit *audit, const struct p2p_kv *kv)
{
    struct p2p_slice key;
    struct p2p_slice value;
    struct p2p_known_row row;
    uint32_t open_by = UINT32_MAX;
    uint32_t open_of = UINT32_MAX;
    uint64_t count = 0;
    enum p2p_err err = p2p_kv_seek(kv, P2P_TABLE_SEEN, p2p_slice_of("", 0), &key, &value);
    while (err == P2P_OK) {
        err = p2p_known_row_read(&row, key, value);
        if (err != P2P_OK) {
            return err;
        }
        bool forked = false;
        err = row.is_false ? is_forked(audit, kv, row.of, &forked) : P2P_OK;
        if (err != P2P_OK) {
            return err;
        }
        tell_claim(audit, &row, forked, row.by != open_by || row.of != open_of);
        if (row.is_open) {
            open_by = row.by;
            open_of = row.of;
        }
        if (++count % AUDIT_RELAX_STEPS == 0) {
            audit_index_relax(audit->index);
        }
        err = p2p_kv_next(kv, P2P_TABLE_SEEN, &key, &value);
    }
    p2p_findings_count(audit->findings, P2P_CHECK_SEEN, count);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- two of one ---- */

static enum p2p_err look_at_forks(struct p2p_audit *audit, const struct p2p_kv *kv)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < audit->chosen_count && err == P2P_OK; i++) {
        struct p2p_forked forked;
        err = p2p_forked_get(&audit->ledger, kv, i, &forked);
        if (err == P2P_OK) {
            p2p_findings_tell(
                audit->findings, P2P_FINDING_FORKED, feed_name(audit, i), forked.size,
                "record %llu of %s proves that it has two histories; it ends at "
                "%llu%s",
                (unsigned long long)forked.proof.index, feed_name(audit, forked.proof.feed),
                (unsigned long long)forked.size,
                forked.split ? ", which both have: a quorum cosigned each of them" : "");
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    p2p_findings_count(audit->findings, P2P_CHECK_FORKS, audit->chosen_count - 1);
    return err;
}

static enum p2p_err look_at_numbers(struct p2p_audit *audit, const struct p2p_kv *kv)
{
    struct p2p_reused reused = {0};
    enum p2p_err err = p2p_reused_next(kv, &reused);
    while (err == P2P_OK) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(audit->charter, reused.issuer);
        p2p_findings_tell(
            audit->findings, P2P_FINDING_NUMBER_REUSED, feed_name(audit, reused.feed),
            reused.index[1], "%s signed another record under number %llu, at %llu",
            issuer == NULL ? "?" : issuer->name, (unsigned long long)reused.number,
            (unsigned long long)reused.index[0]);
        err = p2p_reused_next(kv, &reused);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err audit_after(struct p2p_audit *audit)
{
    struct p2p_arena arena;
    const struct p2p_kv *kv = audit_index_kv(audit->index);
    p2p_arena_init(&arena, audit->alloc, ARENA_BYTES);
    p2p_ledger_begin(&audit->ledger, kv, &arena);
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < audit->chosen_count && err == P2P_OK; i++) {
        if (audit->chosen[i] != NULL) {
            err = judge_feed(audit, i, &arena);
        }
    }
    if (err == P2P_OK) {
        err = look_at_claims(audit, kv);
    }
    if (err == P2P_OK) {
        err = look_at_forks(audit, kv);
    }
    if (err == P2P_OK) {
        err = look_at_numbers(audit, kv);
    }
    if (err == P2P_OK) {
        err = audit_clocks(audit);
    }
    if (err == P2P_OK) {
        err = audit_silence(audit);
    }
    p2p_arena_deinit(&arena);
    audit->ledger.arena = NULL;
    if (err == P2P_OK) {
        err = audit_custody(audit);
    }
    return err == P2P_OK ? audit_decisions(audit) : err;
}
