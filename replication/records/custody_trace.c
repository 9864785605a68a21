/* One token, from step to step.
 *
 *     standing at (feed, from, epoch) --first step of that feed above `from` that counts-->
 *         use        RELEASED
 *         withdraw   WITHDRAWN
 *         recount    GONE, or thawed and standing there
 *         offer      OFFERED --first answer in the feeds of who it is offered to-->
 *             accept     standing at (that feed, the accept, epoch + 1)
 *             refuse     standing at (feed, the offer, epoch + 2)
 *     none of these below the end of a closed generation: standing at (the next one, 0, epoch),
 *     frozen until a recount there
 *
 * What makes a record count: its kind's form and grants, the circle, the epoch, and the notes
 * it carries. All of that follows from the charter as the record's author named it; where that
 * is more than is held, nothing is decided by the record or behind it until it is held, so that
 * no two who hold the same of a feed find another step of it to be the first. Cut points and
 * the freezing of the token do not take away from it: they freeze. Nothing here asks when
 * anything came. A `use` that stands at or above the end of a closed generation that held the
 * token releases it all the same: RELEASED is final, and where a generation ends may be found
 * to be lower. What a forked feed lost of it: custody_rescued.c. */
#include "custody_step.h"

#include <p2p/planted.h>

#include <p2p/assert.h>

enum p2p_err p2p_custody_end(const struct custody_trace *trace, uint32_t number, uint64_t *end)
{
    const struct p2p_ledger *ledger = trace->ledger;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, number);
    *end = 0;
    if (feed == NULL) {
        return P2P_OK;
    }
    enum p2p_err err = P2P_OK;
    if (trace->known_at != NULL) {
        err = p2p_known_surely(ledger, trace->known_at->feed, trace->known_at->index, number,
                               end);
    } else {
        *end = feed->closed_at < feed->ends_at ? feed->closed_at : feed->ends_at;
    }
    if (trace->limit_feed == number && trace->limit < *end) {
        *end = trace->limit;
    }
    return err;
}

/* ---- from step to step ---- */

static struct p2p_tenure *last_tenure(struct p2p_custody *token)
{
    p2p_assert(token->tenure_count > 0);
    return &token->tenures[token->tenure_count - 1];
}

static void begin_tenure(struct p2p_custody *token, const struct standing *at)
{
    p2p_assert(token->tenure_count < P2P_CUSTODY_TENURES_MAX);
    token->tenures[token->tenure_count++] = (struct p2p_tenure){.feed = at->feed,
                                                                .epoch = at->epoch,
                                                                .from = at->from,
                                                                .to = UINT64_MAX,
                                                                .rests_feed = at->rests_feed,
                                                                .rests_index = at->rests_index};
}

/* A step that counts at `at`: what it says of the token. */
static void take(struct p2p_custody *token, const struct step *step)
{
    token->step = step->id;
    token->frozen |= step->was_cut ? P2P_FROZEN_CUT : 0u;
}

static void end_tenure(struct p2p_custody *token, const struct standing *at, uint64_t to)
{
    struct p2p_tenure *last = last_tenure(token);
    if (at->begins && last->to == UINT64_MAX) {
        last->to = to;
    }
}

/* Two found the container there: whatever froze the token but for rivals, and an entry that
 * reassigns it, is over. */
static void thaw(struct custody_trace *trace, struct standing *at, const struct step *step)
{
    struct p2p_custody *token = trace->token;
    token->frozen &=
        P2P_FROZEN_RIVAL | P2P_FROZEN_TOO_LONG | P2P_FROZEN_REASSIGNED | P2P_FROZEN_SETTLED;
    take(token, step);
    if (!at->begins) {
        at->begins = true;
        at->from = step->id.index;
        begin_tenure(token, at);
    }
    trace->thaws[token->tenure_count - 1] = step->first;
}

enum p2p_err p2p_custody_decide(struct custody_trace *trace, struct standing *at,
                                struct step *step)
{
    struct p2p_touch_walk walk;
    const struct wanted wanted = {
        .epoch = at->epoch, .rests_feed = at->rests_feed, .rests_index = at->rests_index};
    const struct p2p_feed_info *own = p2p_charter_feed(trace->ledger->charter, at->feed);
    uint64_t limit = 0;
    enum p2p_err err = p2p_custody_end(trace, at->feed, &limit);
    p2p_step_walk(&walk, &trace->token->id, at->feed, at->from + 1);
    while (err == P2P_OK) {
        bool paired = false;
        err = p2p_step_next(trace, &walk, at->feed, limit, &wanted, step);
        if (err != P2P_OK) {
            break;
        }
        if (step->kind == P2P_KIND_CUSTODY_OFFER && own != NULL && step->to == own->member) {
            continue; /* to itself */
        }
        if (step->kind != P2P_KIND_RECOUNT) {
            return P2P_OK;
        }
        err = p2p_step_is_second(trace, at->feed, at->from, &wanted, step, &paired);
        if (err == P2P_OK && paired && step->gone) {
            return P2P_OK;
        }
        if (err == P2P_OK && paired) {
            thaw(trace, at, step);
        }
    }
    return err;
}

/* A release by who stood there, from index `limit` on. P2P_NOTFOUND. */
static enum p2p_err used_from(struct custody_trace *trace, const struct standing *at,
                              uint64_t limit, struct step *step)
{
    struct p2p_touch_walk walk;
    const struct wanted wanted = {.epoch = at->epoch,
                                  .rests_feed = at->rests_feed,
                                  .rests_index = at->rests_index,
                                  .release = true};
    uint64_t end = UINT64_MAX;
    enum p2p_err err = P2P_OK;
    if (trace->known_at != NULL) {
        err = p2p_custody_end(trace, at->feed, &end);
    }
    p2p_step_walk(&walk, &trace->token->id, at->feed, limit > at->from ? limit : at->from + 1);
    return err == P2P_OK ? p2p_step_next(trace, &walk, at->feed, end, &wanted, step) : err;
}

/* The same at or above the end of its generation. P2P_NOTFOUND. */
static enum p2p_err used_beyond(struct custody_trace *trace, const struct standing *at,
                                struct step *step)
{
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, at->feed);
    if (feed == NULL || trace->known_at != NULL || feed->closed_at == P2P_FEED_GOES_ON) {
        return P2P_NOTFOUND;
    }
    return used_from(trace, at, feed->closed_at, step);
}

/* The first answer to an offer, in the feeds of the member it is to. P2P_NOTFOUND. */
static enum p2p_err answer(struct custody_trace *trace, const struct step *offer,
                           struct step *out)
{
    const struct p2p_charter *charter = trace->ledger->charter;
    const struct wanted wanted = {.epoch = offer->epoch,
                                  .rests_feed = offer->id.feed,
                                  .rests_index = offer->id.index,
                                  .answers = &offer->id};
    enum p2p_err err = P2P_NOTFOUND;
    for (uint32_t i = 1;
         i < trace->ledger->feed_count && err == P2P_NOTFOUND && !trace->blocked; i++) {
        struct p2p_touch_walk walk;
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info != NULL && info->member != 0 && info->member == offer->to) {
            uint64_t limit = 0;
            trace->answers = 0;
            err = p2p_custody_end(trace, i, &limit);
            p2p_step_walk(&walk, &trace->token->id, i, 0);
            err = err == P2P_OK ? p2p_step_next(trace, &walk, i, limit, &wanted, out) : err;
        }
    }
    trace->answers = 0;
    return err;
}

/* The feed of the generation after a closed one; 0 while it has no end. */
static uint32_t passes_to(const struct custody_trace *trace, uint32_t number)
{
    const struct p2p_charter *charter = trace->ledger->charter;
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, number);
    const struct p2p_feed_info *info = p2p_charter_feed(charter, number);
    if (feed == NULL || info == NULL || feed->closed_at == P2P_FEED_GOES_ON) {
        return 0;
    }
    for (uint32_t i = number + 1; i < trace->ledger->feed_count; i++) {
        const struct p2p_feed_info *next = p2p_charter_feed(charter, i);
        uint64_t known = 0;
        if (next != NULL && next->member == info->member &&
            next->generation == info->generation + 1) {
            bool there = trace->known_at == NULL ||
                         (p2p_custody_end(trace, i, &known) == P2P_OK && known > 0);
            return there ? i : 0;
        }
    }
    return 0;
}

/* A release that only other records carry is all that there is of it. */
static void take_rescued(struct custody_trace *trace, const struct step *use,
                         const struct p2p_hash *leaf)
{
    struct p2p_custody *token = trace->token;
    token->state = P2P_CUSTODY_RELEASED;
    token->frozen |= P2P_FROZEN_FORKED;
    take(token, use);
    trace->rescued = true;
    trace->released_by = *leaf;
}

/* Nothing is decided where the token stands: it stays there, or passes to the next generation.
 */
static enum p2p_err stay(struct custody_trace *trace, struct standing *at,
                         const struct taking *named, bool *ends)
{
    struct p2p_custody *token = trace->token;
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, at->feed);
    struct step step;
    struct p2p_hash leaf;
    enum p2p_err err = used_beyond(trace, at, &step);
    uint32_t next = passes_to(trace, at->feed);
    if (feed != NULL && feed->ends_at != P2P_FEED_GOES_ON) {
        token->frozen |= P2P_FROZEN_FORKED;
    }
    *ends = true;
    if (err == P2P_OK) {
        token->state = P2P_CUSTODY_RELEASED;
        token->frozen |= P2P_FROZEN_GENERATION;
        take(token, &step);
        return P2P_OK;
    }
    if (err == P2P_NOTFOUND) {
        err = p2p_custody_rescued(trace, at, &step, &leaf);
        if (err == P2P_OK) {
            take_rescued(trace, &step, &leaf);
            return P2P_OK;
        }
    }
    if (err != P2P_NOTFOUND) {
        return err;
    }
    if (named->used && named->rescued) {
        take_rescued(trace, &named->by, &named->leaf);
        return P2P_OK;
    }
    if (named->used) { /* final, whatever became of what it was taken over by */
        token->state = P2P_CUSTODY_RELEASED;
        take(token, &named->by);
        return P2P_OK;
    }
    if (next != 0 && !trace->blocked) {
        *ends = false;
        token->frozen |= P2P_PLANT(RECOUNT_FORGOTTEN) ? 0u : (unsigned)P2P_FROZEN_GENERATION;
        end_tenure(token, at, feed->closed_at);
        *at = (struct standing){.feed = next, .epoch = at->epoch};
    }
    return P2P_OK;
}

/* A decision of the holder. */
static enum p2p_err advance(struct custody_trace *trace, struct standing *at,
                            const struct step *step, bool *ends)
{
    struct p2p_custody *token = trace->token;
    struct step reply;
    take(token, step);
    *ends = true;
    if (step->kind == P2P_KIND_USE) {
        token->state = P2P_CUSTODY_RELEASED;
    } else if (step->kind == P2P_KIND_CUSTODY_WITHDRAW) {
        token->state = P2P_CUSTODY_WITHDRAWN;
    } else if (step->kind == P2P_KIND_RECOUNT) {
        token->state = P2P_CUSTODY_GONE;
    }
    end_tenure(token, at, step->id.index);
    if (step->kind != P2P_KIND_CUSTODY_OFFER) {
        return P2P_OK;
    }
    enum p2p_err err = answer(trace, step, &reply);
    if (err == P2P_NOTFOUND) {
        token->state = P2P_CUSTODY_OFFERED;
        token->to = step->to;
        return P2P_OK;
    }
    if (err != P2P_OK) {
        return err;
    }
    take(token, &reply);
    *ends = false;
    if (reply.kind == P2P_KIND_CUSTODY_ACCEPT) {
        token->frozen &= ~(unsigned)P2P_FROZEN_REASSIGNED; /* whom that named is another */
        *at = (struct standing){
            .feed = reply.id.feed, .from = reply.id.index, .epoch = step->epoch};
    } else {
        at->from = step->id.index;
        at->epoch = step->epoch + 1;
    }
    at->rests_feed = reply.id.feed;
    at->rests_index = reply.id.index;
    at->begins = true;
    return P2P_OK;
}

/* A release by who stands there, wherever in its feed, or that other records carry: that is
 * final, whenever it comes and whatever an entry made of the token. found [out]. */
static enum p2p_err release_all_the_same(struct custody_trace *trace, const struct standing *at,
                                         bool *found)
{
    struct p2p_custody *token = trace->token;
    struct step use;
    struct p2p_hash leaf;
    enum p2p_err err = used_from(trace, at, 0, &use);
    *found = true;
    if (err == P2P_OK) {
        token->state = P2P_CUSTODY_RELEASED;
        take(token, &use);
        end_tenure(token, at, use.id.index);
        return P2P_OK;
    }
    if (err == P2P_NOTFOUND) {
        err = p2p_custody_rescued(trace, at, &use, &leaf);
    }
    if (err == P2P_OK) {
        take_rescued(trace, &use, &leaf);
        return P2P_OK;
    }
    *found = false;
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Whom the charter named has taken the token over, unless its holder released it. */
static enum p2p_err pass_on(struct custody_trace *trace, struct standing *at,
                            const struct taking *taking, bool *ends)
{
    struct p2p_custody *token = trace->token;
    bool released = false;
    enum p2p_err err = release_all_the_same(trace, at, &released);
    *ends = true;
    if (err != P2P_OK || released || trace->blocked) {
        return err;
    }
    end_tenure(token, at, taking->size);
    *at = (struct standing){.feed = taking->by.id.feed,
                            .from = taking->by.id.index,
                            .epoch = taking->by.epoch,
                            .begins = true};
    if (taking->used && taking->rescued) {
        take_rescued(trace, &taking->by, &taking->leaf);
        return P2P_OK;
    }
    if (taking->used) {
        token->state = P2P_CUSTODY_RELEASED;
        take(token, &taking->by);
        return P2P_OK;
    }
    token->frozen &= P2P_FROZEN_RIVAL | P2P_FROZEN_TOO_LONG | P2P_FROZEN_SETTLED;
    take(token, &taking->by);
    if (token->tenure_count < P2P_CUSTODY_TENURES_MAX) { /* the one that begins now */
        trace->thaws[token->tenure_count] = taking->by.first;
    }
    *ends = taking->by.gone;
    token->state = *ends ? P2P_CUSTODY_GONE : token->state;
    return P2P_OK;
}

/* The charter keeps another open of the container, unless this one's holder released it. */
static enum p2p_err settle(struct custody_trace *trace, const struct standing *at,
                           const struct taking *taking)
{
    struct p2p_custody *token = trace->token;
    bool released = false;
    enum p2p_err err = release_all_the_same(trace, at, &released);
    if (err != P2P_OK || released || trace->blocked) {
        return err;
    }
    token->state = P2P_CUSTODY_WITHDRAWN;
    take(token, &taking->by);
    end_tenure(token, at, taking->size);
    return P2P_OK;
}

/* From one standing to the next, or to the end. */
static enum p2p_err go_on(struct custody_trace *trace, struct standing *at, bool *ends)
{
    struct step step;
    struct taking taking;
    struct taking named;
    enum p2p_err err = p2p_custody_taking(trace, at, &taking);
    named = taking;
    if (err == P2P_OK && taking.stopped) {
        trace->token->frozen |= P2P_FROZEN_REASSIGNED;
    }
    if (err == P2P_OK && trace->blocked) {
        *ends = true;
        return P2P_OK;
    }
    if (err != P2P_OK || taking.taken) {
        return err == P2P_OK ? pass_on(trace, at, &taking, ends) : err;
    }
    err = p2p_custody_settling(trace, at, &taking);
    if (err == P2P_OK && taking.stopped) {
        trace->token->frozen |= P2P_FROZEN_SETTLED;
    }
    if (err != P2P_OK || taking.taken) {
        *ends = true;
        return err == P2P_OK ? settle(trace, at, &taking) : err;
    }
    err = p2p_custody_decide(trace, at, &step);
    if (err == P2P_OK) {
        return advance(trace, at, &step, ends);
    }
    return err == P2P_NOTFOUND ? stay(trace, at, &named, ends) : err;
}

/* It passed on too often: nothing but its end is looked for. */
static enum p2p_err go_no_further(struct custody_trace *trace, struct standing *at)
{
    struct step step;
    struct p2p_hash leaf;
    bool ends = true;
    at->begins = true; /* no tenure begins any more */
    trace->token->frozen |= P2P_FROZEN_TOO_LONG;
    enum p2p_err err = p2p_custody_decide(trace, at, &step);
    if (err == P2P_OK && step.kind != P2P_KIND_CUSTODY_OFFER) {
        return advance(trace, at, &step, &ends);
    }
    if (err == P2P_NOTFOUND) {
        err = p2p_custody_rescued(trace, at, &step, &leaf);
        if (err == P2P_OK) {
            take_rescued(trace, &step, &leaf);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_used_beyond(struct custody_trace *trace, bool *used)
{
    const struct standing at = {
        .feed = trace->token->id.feed, .from = trace->token->id.index, .epoch = 1};
    struct step step;
    enum p2p_err err = used_beyond(trace, &at, &step);
    *used = err == P2P_OK;
    if (*used) {
        take(trace->token, &step);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_trace(struct custody_trace *trace)
{
    struct p2p_custody *token = trace->token;
    struct standing at = {
        .feed = token->id.feed, .from = token->id.index, .epoch = 1, .begins = true};
    enum p2p_err err = P2P_OK;
    bool ends = false;
    token->state = P2P_CUSTODY_HELD;
    token->step = token->id;
    for (unsigned i = 0; err == P2P_OK && !ends && i < P2P_CUSTODY_TENURES_MAX; i++) {
        if (at.begins) {
            begin_tenure(token, &at);
        }
        err = go_on(trace, &at, &ends);
    }
    if (err == P2P_OK && !ends) {
        err = go_no_further(trace, &at);
    }
    if (err == P2P_OK && trace->known_at == NULL) {
        err = p2p_custody_rescued_before(trace);
        token->frozen |= trace->used_before ? P2P_FROZEN_FORKED : 0u;
    }
    token->holder = at.feed;
    token->epoch = at.epoch;
    token->rests_feed = at.rests_feed;
    token->rests_index = at.rests_index;
    return err;
}
