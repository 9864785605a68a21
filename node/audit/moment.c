/* Where the feeds stood at a time, between which times a record was written, and of which
 * circles everything is here. */
#include "parts.h"

/* The first record of a feed that says a later time; its size when none does. Seconds are at
 * hand, the rest is read where it decides. */
static enum p2p_err size_at(const struct p2p_audit *audit, uint32_t feed, uint64_t time_ms,
                            uint64_t *size)
{
    const struct p2p_feed *held = p2p_ledger_feed(&audit->ledger, feed);
    const struct audit_log *log = feed < audit->chosen_count ? audit->chosen[feed] : NULL;
    *size = held == NULL ? 0 : held->edge.size;
    for (uint64_t i = 0; feed != P2P_CHARTER_FEED && log != NULL && i < *size; i++) {
        struct p2p_slice leaf;
        struct p2p_record record;
        if (log->times_s[i] < time_ms / 1000) {
            continue;
        }
        if (log->times_s[i] == time_ms / 1000) {
            enum p2p_err err = p2p_feed_leaf(held, audit_index_kv(audit->index), i, &leaf);
            if (err == P2P_OK && p2p_record_peek(&record, leaf) != P2P_OK) {
                err = P2P_CORRUPT;
            }
            if (err != P2P_OK) {
                return err;
            }
            if (record.time_ms <= time_ms) {
                continue;
            }
        }
        *size = i;
    }
    return P2P_OK;
}

enum p2p_err p2p_audit_at(const struct p2p_audit *audit, uint64_t time_ms,
                          struct p2p_horizon *out)
{
    enum p2p_err err = audit->has_ledger ? P2P_OK : P2P_NOTFOUND;
    out->good_size = 0;
    out->refuted = false;
    for (size_t feed = 0; feed < out->count && err == P2P_OK; feed++) {
        err = size_at(audit, (uint32_t)feed, time_ms, &out->sizes[feed]);
    }
    return err;
}

void p2p_audit_span(const struct p2p_audit *audit, const struct p2p_record_id *id,
                    uint64_t *from_s, uint64_t *until_s)
{
    struct audit_span span = {0};
    audit_span_of(audit, id->feed, id->index, &span);
    *from_s = span.from_s;
    *until_s = span.until_s;
}

/* Whether an archive has all of the records that are replayed. */
static bool has_all(const struct p2p_audit *audit, size_t archive)
{
    for (size_t i = 1; i < audit->chosen_count; i++) {
        const struct audit_log *chosen = audit->chosen[i];
        const struct audit_log *log =
            chosen == NULL ? NULL : audit_log_find(audit, archive, p2p_slice_text(chosen->dir));
        if (chosen != NULL && (log == NULL || log->head.size < chosen->head.size ||
                               (log != chosen && log->differs))) {
            return false;
        }
    }
    return true;
}

/* One that is said to be erased is as absent as any other: no record of this version erases
 * (WIRE.md), so that nothing but the exporter's word stands behind that. */
bool audit_complete_in(const struct p2p_audit *audit, uint32_t circle)
{
    if (circle == 0) {
        return true;
    }
    for (size_t i = 0; i < audit->options.dir_count; i++) {
        const struct p2p_archive *archive = audit->archives[i];
        bool lacks = audit->options.dir_count > 1 && !has_all(audit, i);
        for (size_t j = 0; j < p2p_archive_range_count(archive) && !lacks; j++) {
            lacks = p2p_archive_range(archive, j)->circle == circle;
        }
        if (!lacks) {
            return true;
        }
    }
    return false;
}

bool p2p_audit_withholds(const struct p2p_audit *audit, uint32_t circle)
{
    return !audit_complete_in(audit, circle);
}
