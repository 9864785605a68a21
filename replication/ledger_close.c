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
 *   2. It is at or above every size of F that was quorum-cosigned: an honest witness of that
 *      quorum is among the k, and had not cosigned more than it named.
 *   3. Once F has an end it never rises by what comes later: one more `seen` lowers the k-th
 *      smallest size or leaves it. (It rises again only with W of a forked feed.) So neither a
 *      witness that comes late nor one that lies holds a generation open.
 *
 * Of a feed whose witnesses changed, a quorum of the present set and one of the set before it
 * have seen e. One without witnesses has no end. W of a forked feed is below no end: what was
 * rescued from the branches is judged as if it stood there. */
#include <p2p/ledger.h>

#include <p2p/assert.h>
#include <p2p/custody.h>

#include <stdlib.h>

static int compare_sizes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* What one member named of the feed when it first named the closing entry; of several feeds of
 * its own the smallest. P2P_NOTFOUND: it named no such thing. */
static enum p2p_err sealed_by(const struct p2p_ledger *ledger, uint32_t member,
                              const struct p2p_feed_info *closed, uint64_t *size)
{
    bool found = false;
    for (uint32_t by = 1; by < ledger->feed_count; by++) {
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, by);
        uint64_t at = 0;
        uint64_t named = 0;
        if (info == NULL || info->member != member) {
            continue;
        }
        enum p2p_err err =
            p2p_known_first(ledger, by, P2P_CHARTER_FEED, (uint64_t)closed->closed, &at);
        if (err == P2P_NOTFOUND) {
            continue;
        }
        if (err == P2P_OK) {
            err = p2p_known_size(ledger, by, at + 1, closed->number, &named);
        }
        if (err != P2P_OK) {
            return err;
        }
        *size = !found || named < *size ? named : *size;
        found = true;
    }
    return found ? P2P_OK : P2P_NOTFOUND;
}

/* The end by one set of witnesses; P2P_FEED_GOES_ON before a quorum of it has seen the entry.
 */
static enum p2p_err end_by(const struct p2p_ledger *ledger, const struct p2p_feed_info *closed,
                           const uint32_t *witnesses, uint32_t count, uint64_t *end)
{
    uint64_t sizes[P2P_WITNESSES_MAX];
    uint32_t seen = 0;
    uint32_t quorum = p2p_witness_quorum(count);
    for (uint32_t i = 0; i < count; i++) {
        enum p2p_err err =
            sealed_by(ledger, p2p_witness_member(witnesses[i]), closed, &sizes[seen]);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        seen += err == P2P_OK;
    }
    *end = P2P_FEED_GOES_ON;
    if (count > 0 && seen >= quorum) {
        qsort(sizes, seen, sizeof(sizes[0]), compare_sizes);
        *end = sizes[quorum - 1];
    }
    return P2P_OK;
}

static enum p2p_err end_of(const struct p2p_ledger *ledger, const struct p2p_feed *feed,
                           uint64_t *end)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed->number);
    uint64_t before = 0;
    *end = P2P_FEED_GOES_ON;
    if (info == NULL || info->closed == 0) {
        return P2P_OK;
    }
    enum p2p_err err = end_by(ledger, info, info->witnesses, info->witness_count, end);
    if (err == P2P_OK && info->former_count > 0) {
        err = end_by(ledger, info, info->former_witnesses, info->former_count, &before);
    }
    *end = before > *end ? before : *end;
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
