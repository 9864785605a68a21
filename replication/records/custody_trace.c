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
 * it carries. Cut points and the freezing of the token do not take away from it: they freeze.
 * Nothing here asks when anything came. A `use` that stands at or above the end of a closed
 * generation that held the token releases it all the same: RELEASED is final, and where a
 * generation ends may be found to be lower. */
#include "custody_fold.h"

#include <p2p/assert.h>

#include <string.h>

enum { CITES_LOOKED_AT = 8 };

/* One record about the token that has effect, but for notes, epoch and place. */
struct step {
    struct p2p_record_id id;
    uint32_t kind;
    uint32_t issuer;
    uint64_t epoch;
    uint32_t to;
    bool gone;
    bool was_cut;
    struct p2p_record_id cites[CITES_LOOKED_AT]; /* but for the token itself */
    size_t cite_count;
};

/* A feed as the holder: what it writes above `from` decides. */
struct standing {
    uint32_t feed;
    uint64_t from;
    uint64_t epoch;
    uint32_t rests_feed; /* 0: its steps rest on nothing */
    uint64_t rests_index;
    bool begins; /* a tenure begins here; not so where a recount is waited for */
};

static bool same_id(const struct p2p_record_id *a, const struct p2p_record_id *b)
{
    return p2p_record_id_compare(a, b) == 0;
}

/* ---- one record ---- */

static bool is_step(uint32_t kind)
{
    return kind >= P2P_KIND_CUSTODY_OFFER && kind <= P2P_KIND_RECOUNT &&
           kind != P2P_KIND_CUSTODY_GATE_IN;
}

/* Takes apart what cites the token. False when it is no step, of another circle, or does not
 * cite it. */
static bool read_step(struct step *out, const struct p2p_custody *token,
                      const struct p2p_entry *entry, struct custody_content *content)
{
    struct p2p_cites walk;
    struct p2p_record_id cite;
    bool cites = false;
    if (!is_step(entry->record.kind) || entry->record.circle != token->circle ||
        entry->record.body_type != P2P_BODY_PUBLIC ||
        !p2p_custody_read_content(content, entry->record.content)) {
        return false;
    }
    *out = (struct step){.id = entry->id,
                         .kind = entry->record.kind,
                         .issuer = entry->record.issuer,
                         .epoch = content->epoch,
                         .to = content->to,
                         .gone = content->gone};
    p2p_cites_begin(&walk, &entry->record);
    while (p2p_cites_next(&walk, &cite)) {
        if (same_id(&cite, &token->id)) {
            cites = true;
        } else if (out->cite_count < CITES_LOOKED_AT) {
            out->cites[out->cite_count++] = cite;
        }
    }
    return cites;
}

static bool cites(const struct step *step, const struct p2p_record_id *id)
{
    for (size_t i = 0; i < step->cite_count; i++) {
        if (same_id(&step->cites[i], id)) {
            return true;
        }
    }
    return false;
}

/* What a record has to say and to rest on before it is judged: the rest costs more. */
struct wanted {
    uint64_t epoch;                      /* of an offer one less than it names */
    uint32_t rests_feed;                 /* 0: on nothing */
    uint64_t rests_index;                /* a recount rests on nothing */
    const struct p2p_record_id *answers; /* an accept or refuse of this offer, or NULL: a step
                                            of who holds */
};

static bool fits(const struct step *step, const struct wanted *wanted)
{
    if (wanted->answers != NULL) {
        return (step->kind == P2P_KIND_CUSTODY_ACCEPT ||
                step->kind == P2P_KIND_CUSTODY_REFUSE) &&
               step->epoch == wanted->epoch && cites(step, wanted->answers);
    }
    if (step->kind == P2P_KIND_CUSTODY_OFFER) {
        return step->epoch > 0 && step->epoch - 1 == wanted->epoch;
    }
    return (step->kind == P2P_KIND_USE || step->kind == P2P_KIND_CUSTODY_WITHDRAW ||
            step->kind == P2P_KIND_RECOUNT) &&
           step->epoch == wanted->epoch;
}

/* Whether the record at id is a step that is wanted. Takes nothing lasting from the arena. */
static enum p2p_err look(struct custody_trace *trace, const struct p2p_record_id *id,
                         const struct wanted *wanted, struct step *out, bool *counts)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct custody_content content;
    struct step step;
    enum p2p_why why = P2P_WHY_NONE;
    bool rests = true;
    *counts = false;
    p2p_scratch_begin(&scratch, trace->ledger);
    enum p2p_err err = p2p_ledger_entry(trace->ledger, id, &entry);
    bool fit = err == P2P_OK && read_step(&step, trace->token, &entry, &content) &&
               fits(&step, wanted);
    if (fit) {
        err = p2p_judge_step(trace->ledger, &entry, &why, &step.was_cut);
    }
    fit = fit && err == P2P_OK && why == P2P_WHY_NONE;
    if (fit && wanted->rests_feed != 0 && step.kind != P2P_KIND_RECOUNT) {
        err = p2p_custody_rests_any(trace, wanted->rests_feed, wanted->rests_index,
                                    content.rests, &rests);
    }
    p2p_scratch_end(&scratch, trace->ledger);
    if (err == P2P_OK && fit && rests) {
        *out = step;
        *counts = true;
    }
    return err;
}

/* ---- the records of one feed ---- */

/* What a feed wrote about the token from an index on, and below another one. */
static void walk_begin(struct p2p_touch_walk *walk, const struct p2p_record_id *token,
                       uint32_t feed, uint64_t from)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    p2p_touch_begin(walk, P2P_VIEW_CUSTODY, p2p_id_key(key, token));
    walk->begun = true;
    walk->last = from > 0 ? (struct p2p_record_id){feed, from - 1}
                          : (struct p2p_record_id){feed - 1, UINT64_MAX - 1};
}

/* The next one that is wanted. P2P_NOTFOUND. */
static enum p2p_err next_step(struct custody_trace *trace, struct p2p_touch_walk *walk,
                              uint32_t feed, uint64_t limit, const struct wanted *wanted,
                              struct step *step)
{
    struct p2p_record_id id;
    bool counts = false;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && !counts) {
        err = p2p_touch_next(walk, trace->ledger->kv, &id);
        if (err == P2P_OK && (id.feed != feed || id.index >= limit)) {
            return P2P_NOTFOUND;
        }
        if (err == P2P_OK) {
            err = look(trace, &id, wanted, step, &counts);
        }
    }
    return err;
}

enum p2p_err p2p_custody_end(const struct custody_trace *trace, uint32_t number, uint64_t *end)
{
    const struct p2p_ledger *ledger = trace->ledger;
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, number);
    *end = 0;
    if (feed == NULL) {
        return P2P_OK;
    }
    if (trace->known_at != NULL) {
        return p2p_known_surely(ledger, trace->known_at->feed, trace->known_at->index, number,
                                end);
    }
    *end = feed->closed_at < feed->ends_at ? feed->closed_at : feed->ends_at;
    return P2P_OK;
}

/* ---- recounts ---- */

/* Whether a recount is the second of two: another issuer found the same in the same feed, at
 * that epoch, above `from`. */
static enum p2p_err is_second(struct custody_trace *trace, const struct standing *at,
                              const struct wanted *wanted, struct step *second, bool *paired)
{
    enum p2p_err err = P2P_OK;
    *paired = false;
    for (size_t i = 0; i < second->cite_count && err == P2P_OK && !*paired; i++) {
        struct step first;
        const struct p2p_record_id *id = &second->cites[i];
        if (id->feed != at->feed || id->index <= at->from || id->index >= second->id.index) {
            continue;
        }
        err = look(trace, id, wanted, &first, paired);
        *paired = *paired && first.kind == P2P_KIND_RECOUNT && first.gone == second->gone &&
                  first.issuer != second->issuer;
        second->was_cut = second->was_cut || (*paired && first.was_cut);
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

/* Two found the container there: whatever froze the token but for rivals is over. */
static void thaw(struct p2p_custody *token, struct standing *at, const struct step *step)
{
    token->frozen &= P2P_FROZEN_RIVAL | P2P_FROZEN_TOO_LONG;
    take(token, step);
    if (!at->begins) {
        at->begins = true;
        at->from = step->id.index;
        begin_tenure(token, at);
    }
}

/* The first step of the holder that decides; recounts that thaw are taken on the way.
 * P2P_NOTFOUND: nothing is decided. */
static enum p2p_err decide(struct custody_trace *trace, struct standing *at, struct step *step)
{
    struct p2p_touch_walk walk;
    const struct wanted wanted = {
        .epoch = at->epoch, .rests_feed = at->rests_feed, .rests_index = at->rests_index};
    const struct p2p_feed_info *own = p2p_charter_feed(trace->ledger->charter, at->feed);
    uint64_t limit = 0;
    enum p2p_err err = p2p_custody_end(trace, at->feed, &limit);
    walk_begin(&walk, &trace->token->id, at->feed, at->from + 1);
    while (err == P2P_OK) {
        bool paired = false;
        err = next_step(trace, &walk, at->feed, limit, &wanted, step);
        if (err != P2P_OK) {
            break;
        }
        if (step->kind == P2P_KIND_CUSTODY_OFFER && own != NULL && step->to == own->member) {
            continue; /* to itself */
        }
        if (step->kind != P2P_KIND_RECOUNT) {
            return P2P_OK;
        }
        err = is_second(trace, at, &wanted, step, &paired);
        if (err == P2P_OK && paired && step->gone) {
            return P2P_OK;
        }
        if (err == P2P_OK && paired) {
            thaw(trace->token, at, step);
        }
    }
    return err;
}

/* A release at or above the end of the feed that held the token at its end. P2P_NOTFOUND. */
static enum p2p_err used_beyond(struct custody_trace *trace, const struct standing *at,
                                struct step *step)
{
    struct p2p_touch_walk walk;
    const struct wanted wanted = {
        .epoch = at->epoch, .rests_feed = at->rests_feed, .rests_index = at->rests_index};
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, at->feed);
    bool all = trace->known_at == NULL && feed != NULL;
    uint64_t limit = all ? feed->closed_at : P2P_FEED_GOES_ON;
    enum p2p_err err = limit == P2P_FEED_GOES_ON ? P2P_NOTFOUND : P2P_OK;
    walk_begin(&walk, &trace->token->id, at->feed, limit > at->from ? limit : at->from + 1);
    while (err == P2P_OK) {
        err = next_step(trace, &walk, at->feed, UINT64_MAX, &wanted, step);
        if (err == P2P_OK && step->kind == P2P_KIND_USE) {
            return P2P_OK;
        }
    }
    return err;
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
    for (uint32_t i = 1; i < trace->ledger->feed_count && err == P2P_NOTFOUND; i++) {
        struct p2p_touch_walk walk;
        const struct p2p_feed_info *info = p2p_charter_feed(charter, i);
        if (info != NULL && info->member != 0 && info->member == offer->to) {
            uint64_t limit = 0;
            err = p2p_custody_end(trace, i, &limit);
            walk_begin(&walk, &trace->token->id, i, 0);
            err = err == P2P_OK ? next_step(trace, &walk, i, limit, &wanted, out) : err;
        }
    }
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

/* Nothing is decided where the token stands: it stays there, or passes to the next generation.
 */
static enum p2p_err stay(struct custody_trace *trace, struct standing *at, bool *ends)
{
    struct p2p_custody *token = trace->token;
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, at->feed);
    struct step step;
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
    if (err != P2P_NOTFOUND) {
        return err;
    }
    if (next != 0) {
        *ends = false;
        token->frozen |= P2P_FROZEN_GENERATION;
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
    for (unsigned i = 0; err == P2P_OK && !ends; i++) {
        struct step step;
        bool last = i == P2P_CUSTODY_TENURES_MAX;
        if (at.begins && !last) {
            begin_tenure(token, &at);
        }
        at.begins = at.begins || last; /* no tenure begins any more */
        err = decide(trace, &at, &step);
        if (last) {
            ends = true;
            token->frozen |= P2P_FROZEN_TOO_LONG;
        }
        if (last && (err == P2P_NOTFOUND || step.kind == P2P_KIND_CUSTODY_OFFER)) {
            err = err == P2P_NOTFOUND ? P2P_OK : err;
        } else if (err == P2P_OK) {
            err = advance(trace, &at, &step, &ends);
        } else if (err == P2P_NOTFOUND) {
            err = stay(trace, &at, &ends);
        }
    }
    token->holder = at.feed;
    token->epoch = at.epoch;
    token->rests_feed = at.rests_feed;
    token->rests_index = at.rests_index;
    return err;
}
