/* A token that the charter gave to another member than the one that holds it.
 *
 * An entry `reassign` names a token, an epoch and a member. It is about who stands at the epoch
 * before: that holder stops as soon as it knows it, for good. The token is the named member's
 * when two of its issuers counted it there, at the epoch named, and name the seals: `seen`
 * records of a quorum of the holder's witnesses, by which the holder's feed is judged at one
 * size. Was anything decided there below that size (it was offered, released, withdrawn), the
 * entry has no effect. Of several entries for one epoch the last one that was acted on counts:
 * its recount also seals the feeds of who was named before, where no such recount may stand. */
#include "custody_step.h"

#include <p2p/planted.h>

/* ---- seals ---- */

/* The feed that was a member's newest when an entry was written. */
static uint32_t feed_then(const struct p2p_charter *charter, uint32_t member, uint64_t entry)
{
    uint32_t found = 0;
    for (uint32_t i = 1; i < p2p_charter_feed_count(charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        found = info->member == member && info->entry <= entry ? i : found;
    }
    return found;
}

enum p2p_err p2p_custody_decided_below(struct custody_trace *trace, const struct standing *at,
                                       uint64_t size, bool *decided)
{
    struct p2p_custody token = *trace->token;
    struct custody_trace judged = *trace;
    struct standing standing = *at;
    struct step step;
    judged.token = &token;
    judged.limit_feed = at->feed;
    judged.limit = size;
    enum p2p_err err = p2p_custody_decide(&judged, &standing, &step);
    *decided = err == P2P_OK || judged.blocked;
    trace->waits = trace->waits || judged.waits;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whether who was named before took the token over below its sealed size. */
static enum p2p_err taken_below(struct custody_trace *trace, uint32_t feed, uint64_t size,
                                uint64_t epoch, bool *taken)
{
    struct step_pairs pairs;
    struct step step;
    p2p_step_pairs(&pairs, &trace->token->id, feed, 0, epoch);
    enum p2p_err err = p2p_step_next_pair(trace, &pairs, size, &step);
    *taken = err == P2P_OK || trace->blocked;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The same of all its generations: the newest is sealed by the recount that is weighed, those
 * before it have ended. */
static enum p2p_err passed_over(struct custody_trace *trace, uint32_t member,
                                const struct p2p_reassign *row, const struct step *step,
                                bool *sealed, bool *stood)
{
    const struct p2p_charter *charter = trace->ledger->charter;
    uint32_t newest = feed_then(charter, member, row->entry);
    uint64_t named = 0;
    enum p2p_err err = p2p_custody_sealed(trace->ledger, newest, row->entry, &step->id,
                                          step->seals, step->seal_count, &named, sealed);
    for (uint32_t i = 1; i <= newest && err == P2P_OK && *sealed && !*stood; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info == NULL || info->member != member) {
            continue;
        }
        uint64_t size = named;
        err = i < newest ? p2p_custody_end(trace, i, &size) : P2P_OK;
        if (err == P2P_OK) {
            err = taken_below(trace, i, size, row->epoch, stood);
        }
    }
    return err;
}

enum p2p_err p2p_custody_others_named(struct custody_trace *trace, const struct standing *at,
                                      uint64_t entry, const struct step *step, bool *sealed,
                                      bool *stood)
{
    struct p2p_reassign rows[P2P_CUSTODY_ENTRIES_MAX];
    size_t count = p2p_charter_reassigns(trace->ledger->charter, &trace->token->id, rows,
                                         P2P_CUSTODY_ENTRIES_MAX);
    struct custody_trace judged = *trace;
    enum p2p_err err = P2P_OK;
    count = count < P2P_CUSTODY_ENTRIES_MAX ? count : P2P_CUSTODY_ENTRIES_MAX;
    *sealed = true;
    *stood = false;
    for (size_t i = 0; i < count && err == P2P_OK && *sealed && !*stood; i++) {
        const struct p2p_reassign row = {.epoch = at->epoch + 1, .entry = entry};
        if (rows[i].epoch == row.epoch && rows[i].entry < entry) {
            err = passed_over(&judged, rows[i].member, &row, step, sealed, stood);
        }
    }
    trace->waits = trace->waits || judged.waits;
    return err;
}

/* Whether the seals that a recount names let the entry at `rows[n]` act. */
static enum p2p_err acts(struct custody_trace *trace, const struct standing *at,
                         const struct p2p_reassign *rows, size_t n, const struct step *step,
                         struct taking *out)
{
    bool sealed = false;
    bool stood = false;
    out->taken = false;
    enum p2p_err err = p2p_custody_sealed(trace->ledger, at->feed, rows[n].entry, &step->id,
                                          step->seals, step->seal_count, &out->size, &sealed);
    if (err == P2P_OK && sealed) {
        err = p2p_custody_decided_below(trace, at, out->size, &stood);
    }
    for (size_t i = 0; i < n && err == P2P_OK && sealed && !stood; i++) {
        if (rows[i].member != rows[n].member) {
            err = passed_over(trace, rows[i].member, &rows[n], step, &sealed, &stood);
        }
    }
    out->taken = err == P2P_OK && sealed && !stood;
    return err;
}

/* A release in the feed of who was named before, behind two recounts of its own. */
static enum p2p_err find_use(struct custody_trace *trace, uint32_t feed, uint64_t epoch,
                             struct taking *out)
{
    const struct wanted wanted = {.epoch = epoch, .release = true};
    const struct standing at = {.feed = feed, .epoch = epoch};
    struct step_pairs pairs;
    struct p2p_hash leaf;
    struct step step;
    uint64_t end = 0;
    bool stood = false;
    enum p2p_err err = p2p_custody_end(trace, feed, &end);
    p2p_step_pairs(&pairs, &trace->token->id, feed, 0, epoch);
    if (err == P2P_OK) {
        err = p2p_step_next_pair(trace, &pairs, end, &step);
    }
    stood = err == P2P_OK;
    end =
        trace->known_at == NULL ? UINT64_MAX : end; /* where it ends may be found to be lower */
    if (err == P2P_OK) {
        err = p2p_step_next(trace, &pairs.walk, feed, end, &wanted, &step);
        out->used = err == P2P_OK;
    }
    if (err == P2P_NOTFOUND && stood) {
        err = p2p_custody_rescued(trace, &at, &step, &leaf);
        out->used = err == P2P_OK;
        out->rescued = err == P2P_OK;
        out->leaf = leaf;
    }
    if (out->used) {
        out->by = step;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The same in all generations that it had then. */
static enum p2p_err find_uses(struct custody_trace *trace, const struct p2p_reassign *named,
                              uint64_t entry, struct taking *out)
{
    const struct p2p_charter *charter = trace->ledger->charter;
    uint32_t newest = feed_then(charter, named->member, entry);
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i <= newest && err == P2P_OK && !out->used; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info != NULL && info->member == named->member) {
            err = find_use(trace, i, named->epoch, out);
        }
    }
    return err;
}

/* ---- the entries ---- */

bool p2p_custody_is_about(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry)
{
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, feed);
    return info != NULL && (info->closed == 0 || entry < info->closed);
}

enum p2p_err p2p_custody_gather(const struct p2p_ledger *ledger,
                                const struct p2p_custody *custody,
                                const struct p2p_reassign *given,
                                const struct p2p_waited *waited, struct p2p_sealing *out)
{
    struct p2p_reassign rows[P2P_CUSTODY_ENTRIES_MAX];
    uint32_t feeds[1 + P2P_CUSTODY_ENTRIES_MAX] = {custody->holder};
    size_t feed_count = 1;
    size_t count =
        p2p_charter_reassigns(ledger->charter, &custody->id, rows, P2P_CUSTODY_ENTRIES_MAX);
    if (!p2p_custody_is_about(ledger, custody->holder, given->entry)) {
        *out = (struct p2p_sealing){.unended = custody->holder};
        return P2P_OK;
    }
    for (size_t i = 0; i < count && i < P2P_CUSTODY_ENTRIES_MAX; i++) {
        if (rows[i].epoch == given->epoch && rows[i].entry < given->entry &&
            rows[i].member != given->member) {
            feeds[feed_count++] = feed_then(ledger->charter, rows[i].member, given->entry);
        }
    }
    return p2p_seals_gather(ledger, feeds, feed_count, given->entry, waited, out);
}

size_t p2p_custody_named_feeds(const struct p2p_ledger *ledger,
                               const struct p2p_custody *custody, uint64_t entry,
                               uint32_t feeds[P2P_CUSTODY_ENTRIES_MAX])
{
    struct p2p_reassign rows[P2P_CUSTODY_ENTRIES_MAX];
    size_t count =
        p2p_charter_reassigns(ledger->charter, &custody->id, rows, P2P_CUSTODY_ENTRIES_MAX);
    size_t found = 0;
    for (size_t i = 0; i < count && i < P2P_CUSTODY_ENTRIES_MAX; i++) {
        if (rows[i].epoch == custody->epoch + 1 && rows[i].entry < entry) {
            feeds[found++] = feed_then(ledger->charter, rows[i].member, entry);
        }
    }
    return found;
}

/* The first two recounts of the member that an entry names by which it acts. */
static enum p2p_err find_taking(struct custody_trace *trace, const struct standing *at,
                                const struct p2p_reassign *rows, size_t n, struct taking *out)
{
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 1; i < trace->ledger->feed_count && err == P2P_OK && !out->taken; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(trace->ledger->charter, i);
        struct step_pairs pairs;
        uint64_t limit = 0;
        if (info == NULL || info->member != rows[n].member) {
            continue;
        }
        err = p2p_custody_end(trace, i, &limit);
        p2p_step_pairs(&pairs, &trace->token->id, i, 0, rows[n].epoch);
        while (err == P2P_OK && !out->taken) {
            err = p2p_step_next_pair(trace, &pairs, limit, &out->by);
            if (err == P2P_OK) {
                err = acts(trace, at, rows, n, &out->by, out);
            }
        }
        err = err == P2P_NOTFOUND ? P2P_OK : err;
    }
    return err;
}

enum p2p_err p2p_custody_taking(struct custody_trace *trace, const struct standing *at,
                                struct taking *out)
{
    struct p2p_reassign rows[P2P_CUSTODY_ENTRIES_MAX];
    size_t count = p2p_charter_reassigns(trace->ledger->charter, &trace->token->id, rows,
                                         P2P_CUSTODY_ENTRIES_MAX);
    size_t kept = 0;
    uint64_t known = UINT64_MAX;
    enum p2p_err err = P2P_OK;
    out->stopped = false;
    out->taken = false;
    out->used = false;
    out->rescued = false;
    if (count == 0 || P2P_PLANT(REASSIGN_FORGOTTEN)) {
        return P2P_OK;
    }
    trace->waits = true; /* what was seen of an entry changes with the charter */
    count = count < P2P_CUSTODY_ENTRIES_MAX ? count : P2P_CUSTODY_ENTRIES_MAX;
    if (trace->known_at != NULL) {
        err = p2p_known_surely(trace->ledger, trace->known_at->feed, trace->known_at->index,
                               P2P_CHARTER_FEED, &known);
    }
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        if (rows[i].epoch == at->epoch + 1 && rows[i].entry < known) {
            rows[kept++] = rows[i];
        }
    }
    out->stopped = kept > 0;
    size_t n = kept;
    for (; n > 0 && err == P2P_OK && !out->taken && !trace->blocked; n--) {
        if (p2p_custody_is_about(trace->ledger, at->feed, rows[n - 1].entry)) {
            err = find_taking(trace, at, rows, n - 1, out);
        }
    }
    for (size_t i = 0; i < n && err == P2P_OK && out->taken && !out->used; i++) {
        if (rows[i].member != rows[n].member) {
            err = find_uses(trace, &rows[i], rows[n].entry, out);
        }
    }
    for (size_t i = 0; i < kept && err == P2P_OK && !out->taken && !out->used; i++) {
        if (!trace->blocked && p2p_custody_is_about(trace->ledger, at->feed, rows[i].entry)) {
            err = find_uses(trace, &rows[i], UINT64_MAX, out);
        }
    }
    return err;
}
