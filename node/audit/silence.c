/* Of each member, when it gave no sign of life: by its heartbeats and whatever else it
 * cosigned, at the times by its own clock.
 *
 * An archive keeps of heartbeats the first and the last of each stretch in which none came more
 * than three minutes after the one before it (ARCHIVE.md). Between two stretches its exporter
 * heard nothing; another one may have, and a cosignature on another feed is a sign of life,
 * too. What no archive here covers is told: how often, how long in all, and the longest.
 *
 *     this archive   |--stretch--|      gap      |--stretch--|
 *     another one      |--stretch----|
 *     cosignatures            .          .            .
 *     silence                        |---|---|                   each if it is long enough */
#include "parts.h"

#include <p2p/bytes.h>
#include <p2p/history.h>

#include <stdlib.h>

#define LAST_S 600u /* since the last sign of life: told from here on */

struct interval {
    uint64_t from_s;
    uint64_t to_s;
};

/* One member. */
struct member {
    const struct p2p_audit *audit;
    uint32_t number;
    struct audit_signing *beats; /* by archive, feed and time */
    size_t beat_count;
    struct interval *alive; /* stretches, and moments */
    size_t alive_count;
    struct interval *gaps; /* between stretches of one archive */
    size_t gap_count;
};

/* ---- what there is ---- */

static int compare_beats(const void *left, const void *right)
{
    const struct audit_signing *a = left;
    const struct audit_signing *b = right;
    if (a->archive != b->archive) {
        return a->archive < b->archive ? -1 : 1;
    }
    if (a->feed != b->feed) {
        return a->feed < b->feed ? -1 : 1;
    }
    if (a->time_s != b->time_s) {
        return a->time_s < b->time_s ? -1 : 1;
    }
    return (int)b->beat - (int)a->beat; /* one ends before another begins */
}

static int compare_intervals(const void *left, const void *right)
{
    const struct interval *a = left;
    const struct interval *b = right;
    if (a->from_s != b->from_s) {
        return a->from_s < b->from_s ? -1 : 1;
    }
    return a->to_s < b->to_s ? -1 : a->to_s > b->to_s;
}

static void gather(struct member *member)
{
    const struct p2p_audit *audit = member->audit;
    member->beat_count = 0;
    member->alive_count = 0;
    member->gap_count = 0;
    for (size_t i = 0; i < audit->signing_count; i++) {
        const struct audit_signing *at = &audit->signings[i];
        if (p2p_witness_member(audit->keys[at->key].witness) != member->number) {
            continue;
        }
        if (at->beat == AUDIT_NO_BEAT) {
            member->alive[member->alive_count++] = (struct interval){at->time_s, at->time_s};
        } else {
            member->beats[member->beat_count++] = *at;
        }
    }
    if (member->beat_count > 0) {
        qsort(member->beats, member->beat_count, sizeof(*member->beats), compare_beats);
    }
}

/* Stretches from what begins and what ends one, and the gaps between them. */
static void stretch(struct member *member)
{
    for (size_t i = 0; i < member->beat_count; i++) {
        const struct audit_signing *beat = &member->beats[i];
        const struct audit_signing *before = i == 0 ? NULL : &member->beats[i - 1];
        bool follows =
            before != NULL && before->archive == beat->archive && before->feed == beat->feed;
        struct interval *last = &member->alive[member->alive_count - (follows ? 1 : 0)];
        if (follows && beat->beat == AUDIT_ENDS && before->beat == AUDIT_BEGINS) {
            last->to_s = beat->time_s;
            continue;
        }
        if (follows) {
            member->gaps[member->gap_count++] = (struct interval){last->to_s, beat->time_s};
        }
        member->alive[member->alive_count++] = (struct interval){beat->time_s, beat->time_s};
    }
    if (member->alive_count > 0) {
        qsort(member->alive, member->alive_count, sizeof(*member->alive), compare_intervals);
    }
    if (member->gap_count > 0) {
        qsort(member->gaps, member->gap_count, sizeof(*member->gaps), compare_intervals);
    }
}

/* ---- what there is not ---- */

struct silence {
    uint64_t count;
    uint64_t total_s;
    struct interval longest;
};

static void add_silence(struct silence *silence, uint64_t from_s, uint64_t to_s)
{
    if (to_s - from_s <= P2P_STRETCH_GAP_S) {
        return;
    }
    silence->count++;
    silence->total_s += to_s - from_s;
    if (to_s - from_s > silence->longest.to_s - silence->longest.from_s) {
        silence->longest = (struct interval){from_s, to_s};
    }
}

/* Holes in what is covered, as far as some archive says that it heard nothing there. */
static struct silence find_silence(const struct member *member)
{
    struct silence silence = {0};
    uint64_t covered_to_s = member->alive_count == 0 ? 0 : member->alive[0].to_s;
    uint64_t gaps_to_s = 0; /* of those that began at or before covered_to_s */
    size_t gap = 0;
    for (size_t i = 1; i < member->alive_count; i++) {
        const struct interval *alive = &member->alive[i];
        while (gap < member->gap_count && member->gaps[gap].from_s <= covered_to_s) {
            uint64_t to_s = member->gaps[gap++].to_s;
            gaps_to_s = to_s > gaps_to_s ? to_s : gaps_to_s;
        }
        if (alive->from_s > covered_to_s && gaps_to_s >= alive->from_s) {
            add_silence(&silence, covered_to_s, alive->from_s);
        }
        covered_to_s = alive->to_s > covered_to_s ? alive->to_s : covered_to_s;
    }
    return silence;
}

static uint64_t last_sign(const struct member *member)
{
    uint64_t last_s = 0;
    for (size_t i = 0; i < member->alive_count; i++) {
        last_s = member->alive[i].to_s > last_s ? member->alive[i].to_s : last_s;
    }
    return last_s;
}

static void tell(const struct member *member, const char *name, uint64_t newest_s)
{
    struct p2p_findings *findings = member->audit->findings;
    p2p_findings_count(findings, P2P_CHECK_SILENCE, 1);
    if (member->alive_count == 0) {
        p2p_findings_tell(findings, P2P_FINDING_NEVER_HEARD, name, P2P_FINDING_NOWHERE,
                          "no cosignature or heartbeat of it is here");
        return;
    }
    struct silence silence = find_silence(member);
    uint64_t last_s = last_sign(member);
    if (silence.count > 0) {
        p2p_findings_tell(
            findings, P2P_FINDING_SILENT, name, P2P_FINDING_NOWHERE,
            "%llu times for more than %u s, %llu s in all; the longest %llu s, from %llu on",
            (unsigned long long)silence.count, P2P_STRETCH_GAP_S,
            (unsigned long long)silence.total_s,
            (unsigned long long)(silence.longest.to_s - silence.longest.from_s),
            (unsigned long long)silence.longest.from_s);
    }
    if (newest_s - last_s > LAST_S) {
        p2p_findings_tell(findings, P2P_FINDING_LAST_HEARD, name, P2P_FINDING_NOWHERE,
                          "last heard of at %llu, %llu s before the newest cosignature",
                          (unsigned long long)last_s, (unsigned long long)(newest_s - last_s));
    }
}

enum p2p_err audit_silence(struct p2p_audit *audit)
{
    const struct p2p_alloc *alloc = audit->alloc;
    struct member member = {.audit = audit};
    uint64_t newest_s = 0;
    const size_t cap = audit->signing_count + 1;
    member.beats = p2p_alloc_zeroed(alloc, cap, sizeof(*member.beats));
    member.alive = p2p_alloc_zeroed(alloc, cap, sizeof(*member.alive));
    member.gaps = p2p_alloc_zeroed(alloc, cap, sizeof(*member.gaps));
    bool good = member.beats != NULL && member.alive != NULL && member.gaps != NULL;
    for (size_t i = 0; i < audit->signing_count; i++) {
        newest_s = audit->signings[i].time_s > newest_s ? audit->signings[i].time_s : newest_s;
    }
    for (uint32_t i = 1; good && i <= p2p_charter_member_count(audit->charter); i++) {
        const struct p2p_member *named = p2p_charter_member(audit->charter, i);
        if (named != NULL) {
            member.number = i;
            gather(&member);
            stretch(&member);
            tell(&member, named->name, newest_s);
        }
    }
    p2p_alloc_free(alloc, member.gaps);
    p2p_alloc_free(alloc, member.alive);
    p2p_alloc_free(alloc, member.beats);
    return good ? P2P_OK : P2P_NOMEM;
}
