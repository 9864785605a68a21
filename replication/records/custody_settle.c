/* A token that the charter settles away, since another open of its container is kept.
 *
 * Its holder stops as soon as it knows the entry, for good, unless a later entry keeps it. It
 * is withdrawn by two recounts of the one that is kept, which found that `held` where it stands
 * and name the seals: `seen` records of a quorum of this holder's witnesses, by which this
 * holder's feed is judged at one size, as of a reassigned token (custody_take.c). Was anything
 * decided there below that size, it is not, nor where somebody whom the charter named instead
 * of that holder before took it over, or may have; and a release by this holder releases it all
 * the same.
 *
 * One that is kept of another container settles nothing, and freezes the token all the same:
 * witnesses that are not in the circle see leaves alone and cosign nothing behind an offer of
 * it (custody_bar.c), and a fork may give the kept one another payload. So who makes the entry
 * is told beforehand, by a node that holds both. */
#include "custody_step.h"

#include <p2p/charter_op.h>

enum { ROWS_MAX = P2P_CUSTODY_ENTRIES_MAX };

static bool same(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

/* The entries below `known` that settle the token away, the first few: none after them keeps it
 * (p2p_fold_settle_opens). */
static size_t find_rows(const struct custody_trace *trace, uint64_t known,
                        struct p2p_settled_open rows[ROWS_MAX])
{
    size_t all = 0;
    size_t count = 0;
    const struct p2p_settled_open *at = p2p_charter_settled_opens(trace->ledger->charter, &all);
    for (size_t i = 0; i < all; i++) {
        if (at[i].entry >= known) {
            break;
        }
        if (same(&at[i].token, &trace->token->id) && count < ROWS_MAX) {
            rows[count++] = at[i];
        }
    }
    return count;
}

/* Whether the seals that a recount of the kept one names let an entry act. */
static enum p2p_err acts(struct custody_trace *trace, const struct standing *at, uint64_t entry,
                         const struct step *step, struct taking *out)
{
    bool sealed = false;
    bool decided = false;
    enum p2p_err err = p2p_custody_sealed(trace->ledger, at->feed, entry, &step->id,
                                          step->seals, step->seal_count, &out->size, &sealed);
    if (err == P2P_OK && sealed) {
        err = p2p_custody_decided_below(trace, at, out->size, &decided);
    }
    if (err == P2P_OK && sealed && !decided) {
        err = p2p_custody_others_named(trace, at, entry, step, &sealed, &decided);
    }
    out->taken = err == P2P_OK && sealed && !decided;
    return err;
}

/* The first two recounts in one holding of the kept token by which an entry acts. */
static enum p2p_err look_in(struct custody_trace *trace, const struct standing *at,
                            uint64_t entry, struct custody_trace *kept,
                            const struct p2p_tenure *tenure, struct taking *out)
{
    struct step_pairs pairs;
    uint64_t limit = 0;
    enum p2p_err err = p2p_custody_end(kept, tenure->feed, &limit);
    limit = tenure->to < limit ? tenure->to : limit;
    p2p_step_pairs(&pairs, &kept->token->id, tenure->feed, tenure->from, tenure->epoch);
    while (err == P2P_OK && !out->taken) {
        err = p2p_step_next_pair(kept, &pairs, limit, &out->by);
        if (err == P2P_OK && !out->by.gone) {
            err = acts(trace, at, entry, &out->by, out);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* The same in all of them; of another container nothing is settled. */
static enum p2p_err look_at_kept(struct custody_trace *trace, const struct standing *at,
                                 const struct p2p_settled_open *row, struct taking *out)
{
    struct p2p_custody token;
    struct custody_trace kept = {
        .ledger = trace->ledger, .token = &token, .known_at = trace->known_at, .alone = true};
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    bool fits = false;
    p2p_scratch_begin(&scratch, trace->ledger);
    enum p2p_err err = p2p_ledger_entry(trace->ledger, &row->keep, &entry);
    if (err == P2P_OK) {
        err = p2p_custody_stand(&kept, &entry);
        fits = err == P2P_OK && token.why == P2P_WHY_NONE &&
               token.circle == trace->token->circle &&
               p2p_slice_equal(token.container, trace->token->container);
    }
    p2p_scratch_end(&scratch, trace->ledger);
    token.call = token.container = token.facility = (struct p2p_slice){0};
    trace->waits = trace->waits || kept.waits;
    for (size_t i = 0; fits && i < token.tenure_count && err == P2P_OK && !out->taken; i++) {
        err = look_in(trace, at, row->entry, &kept, &token.tenures[i], out);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_settling(struct custody_trace *trace, const struct standing *at,
                                  struct taking *out)
{
    struct p2p_settled_open rows[ROWS_MAX];
    uint64_t known = UINT64_MAX;
    size_t all = 0;
    enum p2p_err err = P2P_OK;
    *out = (struct taking){.stopped = false};
    p2p_charter_settled_opens(trace->ledger->charter, &all);
    if (all == 0 || trace->alone) {
        return P2P_OK;
    }
    if (trace->known_at != NULL) {
        err = p2p_known_surely(trace->ledger, trace->known_at->feed, trace->known_at->index,
                               P2P_CHARTER_FEED, &known);
    }
    size_t count = err == P2P_OK ? find_rows(trace, known, rows) : 0;
    out->stopped = count > 0;
    trace->waits = trace->waits || count > 0; /* what was seen of an entry changes */
    for (size_t i = 0; i < count && err == P2P_OK && !out->taken; i++) {
        if (p2p_custody_is_about(trace->ledger, at->feed, rows[i].entry)) {
            err = look_at_kept(trace, at, &rows[i], out);
        }
    }
    return err;
}

/* ---- who has to seal it ---- */

enum p2p_err p2p_custody_gather_settled(const struct p2p_ledger *ledger,
                                        const struct p2p_custody *keep,
                                        const struct p2p_waited *waited,
                                        struct p2p_sealing *out)
{
    uint32_t feeds[P2P_SETTLE_OPENS_MAX * (1 + P2P_CUSTODY_ENTRIES_MAX)];
    uint64_t entry = 0;
    size_t feed_count = 0;
    size_t goes_count = 0;
    size_t all = 0;
    const struct p2p_settled_open *at = p2p_charter_settled_opens(ledger->charter, &all);
    for (size_t i = all; i > 0 && goes_count < P2P_SETTLE_OPENS_MAX; i--) {
        struct p2p_custody goes;
        if (!same(&at[i - 1].keep, &keep->id) || (feed_count > 0 && at[i - 1].entry != entry)) {
            continue;
        }
        enum p2p_err err = p2p_custody_get(ledger->kv, keep->circle, &at[i - 1].token, &goes);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        if (err == P2P_OK && !p2p_custody_is_over(goes.state)) {
            entry = at[i - 1].entry;
            if (!p2p_custody_is_about(ledger, goes.holder, entry)) {
                *out = (struct p2p_sealing){.unended = goes.holder};
                return P2P_OK;
            }
            feeds[feed_count++] = goes.holder;
            feed_count += p2p_custody_named_feeds(ledger, &goes, entry, feeds + feed_count);
            goes_count++;
        }
    }
    return feed_count == 0 ? P2P_NOTFOUND
                           : p2p_seals_gather(ledger, feeds, feed_count, entry, waited, out);
}
