/* Where a closed generation ends: sealing.
 *
 * Entry e of the charter grants the next generation of a member and closes the feed F. A
 * witness that holds e cosigns nothing of F any more and says in its next `seen` how much of F
 * it holds:
 *
 *     open --(charter: closed by e)--> closing --(a quorum has `seen` e)--> closed at its end
 *
 * Promises:
 *   1. The end is a function of charter and `seen` records alone, whatever the order in which
 *      they came: of each witness the first `seen` that names more than e entries counts, with
 *      what its author knew of F there; the k smallest of these sizes are the quorum, and the
 *      largest of them is the end.
 *   2. It is at or above every size of F that was quorum-cosigned and may be rested on: an
 *      honest witness of that quorum is among the k, and had not cosigned more than it named.
 *   3. Once F has an end it never rises by what comes later: one more `seen` lowers the k-th
 *      smallest size or leaves it. (It rises again only with W of a forked feed.) So neither a
 *      witness that comes late nor one that lies holds a generation open.
 *
 * Where the witnesses changed, unheard perhaps by its owner and by those before them, any set
 * S0, S1, ... that held before e may be the one that cosigned last. So each of them has an end,
 * and the largest counts; but from Sj on alone where F itself named, at i, a charter under
 * which Sj holds: what rests on F behind i rests on those (records/custody_rests.c), and the
 * end is not below i + 1. The smallest of the ends that there are for each j is the end: every
 * one of them is at or above what may be rested on, and no later `seen` raises one.
 *
 * A set of nobody has no end. W of a forked feed is below no end: what was rescued from the
 * branches is judged as if it stood there. */
#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/custody.h>

#include <stdlib.h>
#include <string.h>

static int compare_sizes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* What the feed of a witness named of the closed one when it first named the closing entry: its
 * own generation's, since the next one may have lost what this one cosigned. P2P_NOTFOUND: it
 * named no such thing. */
static enum p2p_err sealed_by(const struct p2p_ledger *ledger, uint32_t witness,
                              const struct p2p_feed_info *closed, uint64_t *size)
{
    enum p2p_err err = P2P_NOTFOUND;
    for (uint32_t by = 1; by < ledger->feed_count; by++) {
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, by);
        uint64_t at = 0;
        if (info == NULL || info->member != p2p_witness_member(witness) ||
            info->generation != p2p_witness_generation(witness)) {
            continue;
        }
        err = p2p_known_first(ledger, by, P2P_CHARTER_FEED, (uint64_t)closed->closed, &at);
        return err == P2P_OK ? p2p_known_size(ledger, by, at + 1, closed->number, size) : err;
    }
    return err;
}

/* The end by one set of witnesses; P2P_FEED_GOES_ON before a quorum of it has seen the entry.
 */
static enum p2p_err end_by(const struct p2p_ledger *ledger, const struct p2p_feed_info *closed,
                           const struct p2p_witness_set *set, uint64_t *end)
{
    uint64_t sizes[P2P_WITNESSES_MAX];
    uint32_t seen = 0;
    uint32_t quorum = p2p_witness_quorum(set->count);
    for (uint32_t i = 0; i < set->count; i++) {
        enum p2p_err err = sealed_by(ledger, set->witnesses[i], closed, &sizes[seen]);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        seen += err == P2P_OK;
    }
    *end = P2P_FEED_GOES_ON;
    if (set->count > 0 && seen >= quorum) {
        qsort(sizes, seen, sizeof(sizes[0]), compare_sizes);
        *end = sizes[quorum - 1];
    }
    return P2P_OK;
}

/* Where a feed first named that a set of its witnesses holds. P2P_NOTFOUND: it did not, or by a
 * charter that is not held. */
static enum p2p_err named_at(const struct p2p_ledger *ledger, uint32_t feed,
                             const struct p2p_witness_set *set, uint64_t *at)
{
    uint64_t surely = 0;
    enum p2p_err err = p2p_known_first(ledger, feed, P2P_CHARTER_FEED, set->from, at);
    if (err == P2P_OK) {
        err = p2p_known_surely(ledger, feed, *at + 1, P2P_CHARTER_FEED, &surely);
    }
    return err == P2P_OK && surely <= set->from ? P2P_NOTFOUND : err;
}

/* One Sj at which the sets that count may begin. */
struct begin {
    uint64_t above; /* the end is not below this: behind where the feed named the set */
    uint64_t end;   /* the largest by a set from there on */
};
#define BEGINS_MAX 32u /* S0 and the newest ones; of each the end is a sound one */

static uint64_t end_from(const struct begin *begin)
{
    return begin->end > begin->above ? begin->end : begin->above;
}

static enum p2p_err end_of_sets(const struct p2p_ledger *ledger,
                                const struct p2p_feed_info *closed, uint64_t *end)
{
    struct p2p_witness_walk walk = {.begun = false};
    struct p2p_witness_set set;
    struct begin begins[BEGINS_MAX];
    size_t count = 0;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK &&
           p2p_charter_next_set(ledger->charter, closed->number, &walk, &set) &&
           set.from < closed->closed) {
        uint64_t by = 0;
        uint64_t at = 0;
        bool first = count == 0;
        err = first ? P2P_OK : named_at(ledger, closed->number, &set, &at);
        if (err == P2P_OK) {
            if (count == BEGINS_MAX) {
                memmove(&begins[1], &begins[2], (BEGINS_MAX - 2) * sizeof(begins[0]));
                count--;
            }
            begins[count++] = (struct begin){.above = first ? 0 : at + 1};
        }
        if (err == P2P_OK || err == P2P_NOTFOUND) {
            err = end_by(ledger, closed, &set, &by);
        }
        for (size_t i = 0; i < count; i++) {
            begins[i].end = by > begins[i].end ? by : begins[i].end;
        }
    }
    *end = P2P_FEED_GOES_ON;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        *end = end_from(&begins[i]) < *end ? end_from(&begins[i]) : *end;
    }
    return err;
}

static enum p2p_err end_of(const struct p2p_ledger *ledger, const struct p2p_feed *feed,
                           uint64_t *end)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed->number);
    *end = P2P_FEED_GOES_ON;
    if (info == NULL || info->closed == 0) {
        return P2P_OK;
    }
    enum p2p_err err = end_of_sets(ledger, info, end);
    if (feed->ends_at != P2P_FEED_GOES_ON && feed->ends_at > *end) {
        *end = feed->ends_at;
    }
    return err;
}

enum p2p_err p2p_closed_load(struct p2p_ledger *ledger)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        err = end_of(ledger, ledger->feeds[i], &ledger->feeds[i]->closed_at);
    }
    return err;
}

/* Marks may be folded while they are made, so all ends are known before the first of them. */
enum p2p_err p2p_closed_again(struct p2p_ledger *ledger)
{
    enum p2p_err err = P2P_OK;
    ledger->closings_stale = false;
    for (size_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        struct p2p_feed *feed = ledger->feeds[i];
        uint64_t end = P2P_FEED_GOES_ON;
        err = end_of(ledger, feed, &end);
        feed->closed_from = end < feed->closed_at ? end : feed->closed_at;
        feed->closed_from = end == feed->closed_at ? P2P_FEED_GOES_ON : feed->closed_from;
        feed->closes_anew = end != feed->closed_at;
        feed->closed_at = err == P2P_OK ? end : feed->closed_at;
    }
    for (uint32_t i = 1; i < ledger->feed_count && err == P2P_OK; i++) {
        uint64_t from = ledger->feeds[i]->closed_from;
        if (from < ledger->feeds[i]->edge.size) {
            err = p2p_known_mark_from(ledger, i, from);
        }
        if (err == P2P_OK && ledger->feeds[i]->closes_anew) {
            ledger->feeds[i]->closes_anew = false;
            err = p2p_custody_mark_feed(ledger, i); /* what it held at its end passes on */
        }
    }
    return err == P2P_OK ? p2p_custody_mark_reassigned(ledger) : err;
}
