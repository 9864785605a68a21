/* What cosignatures say about time: when records can have been written, and whether a member
 * had cosigned more of another feed than its `seen` records name.
 *
 * A record was there when others first cosigned a size above its index: that bounds its time
 * from above. It was not there when its own member's heartbeat still counted fewer records:
 * that bounds it from below. Cosignatures by others bound it from below only roughly, since
 * they may come late. Of others one more is asked than may lie, so that no f of them, and no
 * exporter that leaves out the honest ones, make a member's times look wrong; its own
 * heartbeats are its own word. */
#include "parts.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_S        86400u /* how long after a head others may come to cosign it */
#define OTHERS_MAX    (2 * P2P_WITNESSES_MAX) /* keys: witnesses change their keys, too */
#define LOOKED_AT_MAX 4096u /* cosignatures around a record; beyond, its span is wider */

/* Signings are sorted by feed, size, key, time: those of a feed, from a size on. */
static size_t first_at(const struct p2p_audit *audit, uint32_t feed, uint64_t size)
{
    size_t low = 0;
    size_t high = audit->signing_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct audit_signing *at = &audit->signings[middle];
        if (at->feed < feed || (at->feed == feed && at->size < size)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_own(const struct p2p_audit *audit, const struct audit_signing *signing)
{
    const struct p2p_feed_info *info = p2p_charter_feed(audit->charter, signing->feed);
    return info != NULL &&
           p2p_witness_member(audit->keys[signing->key].witness) == info->member;
}

static int by_value(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* How many of a feed's witnesses may lie. */
static size_t liars(const struct p2p_audit *audit, uint32_t feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(audit->charter, feed);
    return info == NULL || info->witness_count == 0 ? 0 : (info->witness_count - 1) / 3;
}

/* One time of each key that is not the owner's. */
struct others {
    uint32_t keys[OTHERS_MAX];
    uint64_t times[OTHERS_MAX];
    size_t count;
};

/* The first one counts: of an honest key, whose times never fall, it is the nearest. */
static void add_other(struct others *others, const struct audit_signing *signing)
{
    for (size_t i = 0; i < others->count; i++) {
        if (others->keys[i] == signing->key) {
            return;
        }
    }
    if (others->count < OTHERS_MAX) {
        others->keys[others->count] = signing->key;
        others->times[others->count++] = signing->time_s;
    }
}

/* The earliest time by which one honest witness surely had cosigned so much: that of the first
 * behind as many as may lie; UINT64_MAX: too few cosigned to tell. */
static uint64_t cosigned_by(const struct p2p_audit *audit, uint32_t feed, uint64_t size)
{
    struct others others = {.count = 0};
    const size_t needed = liars(audit, feed) + 1;
    const size_t begin = first_at(audit, feed, size);
    uint64_t at_size = 0;
    for (size_t i = begin; i < audit->signing_count && i - begin < LOOKED_AT_MAX; i++) {
        const struct audit_signing *at = &audit->signings[i];
        if (at->feed != feed || (others.count >= needed && at->size != at_size)) {
            break;
        }
        at_size = at->size;
        if (!is_own(audit, at)) {
            add_other(&others, at);
        }
    }
    if (others.count < needed) {
        return UINT64_MAX;
    }
    qsort(others.times, others.count, sizeof(*others.times), by_value);
    return others.times[needed - 1];
}

/* The last time at which its owner counted no more than size, or at which, roughly, one honest
 * witness surely did: a member whose own clock stands still is measured by those of others. */
static uint64_t before(const struct p2p_audit *audit, uint32_t feed, uint64_t size)
{
    struct others others = {.count = 0};
    const size_t needed = liars(audit, feed) + 1;
    const size_t begin = first_at(audit, feed, size + 1);
    uint64_t own_s = 0;
    for (size_t i = begin; i > 0 && begin - i < LOOKED_AT_MAX; i--) {
        const struct audit_signing *at = &audit->signings[i - 1];
        if (at->feed != feed || (others.count >= needed && own_s > 0)) {
            break;
        }
        if (!is_own(audit, at)) {
            add_other(&others, at);
        } else if (own_s == 0) {
            own_s = at->time_s;
        }
    }
    if (others.count < needed) {
        return own_s;
    }
    qsort(others.times, others.count, sizeof(*others.times), by_value);
    uint64_t others_s = others.times[others.count - needed];
    others_s = others_s > LATE_S ? others_s - LATE_S : 0;
    return others_s > own_s ? others_s : own_s;
}

/* The end of the stretch from `index` on in which the span is the same. */
static uint64_t stretch_end(const struct p2p_audit *audit, uint32_t feed, uint64_t index)
{
    size_t at = first_at(audit, feed, index + 1);
    return at < audit->signing_count && audit->signings[at].feed == feed
               ? audit->signings[at].size
               : UINT64_MAX;
}

void audit_span_of(const struct p2p_audit *audit, uint32_t feed, uint64_t index,
                   struct audit_span *out)
{
    if (out->feed == feed && index >= out->first && index < out->end) {
        return;
    }
    *out = (struct audit_span){.feed = feed,
                               .first = index,
                               .end = stretch_end(audit, feed, index),
                               .from_s = before(audit, feed, index),
                               .until_s = cosigned_by(audit, feed, index + 1)};
}

/* ---- records ---- */

static void check_times(struct p2p_audit *audit, const struct audit_log *log)
{
    uint32_t skew_s = p2p_charter_policy(audit->charter)->clock_skew_s;
    struct audit_span span = {0};
    for (uint64_t i = 0; i < log->head.size; i++) {
        audit_span_of(audit, log->number, i, &span);
        uint64_t time_s = log->times_s[i];
        bool early = (log->flags[i] & AUDIT_LATE) == 0 && time_s + skew_s < span.from_s;
        bool late = span.until_s != UINT64_MAX && time_s > span.until_s + skew_s;
        if ((early || late) && (log->flags[i] & AUDIT_MALFORMED) == 0) {
            p2p_findings_tell(audit->findings, P2P_FINDING_RECORD_TIME, log->name, i,
                              "it says %llu, and was written %s %llu",
                              (unsigned long long)time_s, early ? "after" : "before",
                              (unsigned long long)(early ? span.from_s : span.until_s));
        }
    }
    p2p_findings_count(audit->findings, P2P_CHECK_TIMES, log->head.size);
}

/* ---- understated `seen` ---- */

/* Of one key: what it signed of its own feed and of others. */
struct own_beat {
    uint64_t time_s;
    uint64_t size;
    uint32_t feed;
};

static int by_time(const void *left, const void *right)
{
    const struct own_beat *a = left;
    const struct own_beat *b = right;
    if (a->time_s != b->time_s) {
        return a->time_s < b->time_s ? -1 : 1;
    }
    return a->size < b->size ? -1 : a->size > b->size;
}

/* The first of the member's own heads signed after a time; NULL: none. */
static const struct own_beat *beat_after(const struct own_beat *beats, size_t count,
                                         uint64_t time_s)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (beats[middle].time_s <= time_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count ? &beats[low] : NULL;
}

/* The first record from `index` on whose commit a `seen` heads; the size when there is none. */
static uint64_t next_deciding(const struct audit_log *log, uint64_t index)
{
    while (index < log->head.size && (log->flags[index] & AUDIT_DECIDES) == 0) {
        index++;
    }
    return index;
}

/* It cosigned so much of a feed, then its own head, then wrote: it must have said so. */
static enum p2p_err check_seen(struct p2p_audit *audit, const struct audit_signing *signing,
                               const struct own_beat *beat)
{
    const struct audit_log *log = audit->chosen[beat->feed];
    const struct p2p_feed *held = p2p_ledger_feed(&audit->ledger, signing->feed);
    uint64_t known = 0;
    if (log == NULL || held == NULL || signing->size > held->ends_at) {
        return P2P_OK;
    }
    uint64_t at = next_deciding(log, beat->size);
    if (at >= log->head.size) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_known_size(&audit->ledger, beat->feed, at, signing->feed, &known);
    if (err == P2P_OK && known < signing->size) {
        p2p_findings_tell(audit->findings, P2P_FINDING_UNDERSTATED, log->name, at,
                          "%s had cosigned %llu records of %s by then, and says it saw %llu",
                          audit->keys[signing->key].name, (unsigned long long)signing->size,
                          p2p_charter_feed(audit->charter, signing->feed)->origin,
                          (unsigned long long)known);
    }
    return err;
}

static enum p2p_err check_key(struct p2p_audit *audit, uint32_t key, struct own_beat *beats)
{
    size_t count = 0;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < audit->signing_count; i++) {
        const struct audit_signing *at = &audit->signings[i];
        if (at->key == key && is_own(audit, at)) {
            beats[count++] = (struct own_beat){at->time_s, at->size, at->feed};
        }
    }
    if (count > 0) {
        qsort(beats, count, sizeof(*beats), by_time);
    }
    for (size_t i = 0; i < audit->signing_count && count > 0 && err == P2P_OK; i++) {
        const struct audit_signing *at = &audit->signings[i];
        const struct own_beat *beat =
            at->key == key && !is_own(audit, at) ? beat_after(beats, count, at->time_s) : NULL;
        if (beat != NULL) {
            err = check_seen(audit, at, beat);
            p2p_findings_count(audit->findings, P2P_CHECK_SEEN, 1);
        }
    }
    return err;
}

enum p2p_err audit_clocks(struct p2p_audit *audit)
{
    enum p2p_err err = P2P_OK;
    struct own_beat *beats =
        p2p_alloc_zeroed(audit->alloc, audit->signing_count + 1, sizeof(*beats));
    if (beats == NULL) {
        err = P2P_NOMEM;
    }
    for (uint32_t i = 0; i < audit->key_count && err == P2P_OK; i++) {
        if (audit->keys[i].witness != 0) {
            err = check_key(audit, i, beats);
        }
    }
    for (uint32_t i = 1; i < audit->chosen_count && err == P2P_OK; i++) {
        if (audit->chosen[i] != NULL) {
            check_times(audit, audit->chosen[i]);
        }
    }
    p2p_alloc_free(audit->alloc, beats);
    return err;
}
