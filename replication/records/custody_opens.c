/* A token beside the other opens of its container.
 *
 *     earlier     its author surely knew it: it had to be over there, or this open has no
 * effect concurrent  neither author surely knew the other: each freezes the other until it is
 *                 withdrawn
 *     later       its author knew this one: nothing to this one
 *
 * One that only a carried release ended (custody_rescued.c) is over once two counted the
 * container anew; one that was withdrawn, but released on a lost branch, goes on freezing.
 *
 * What an author surely knew is what its node held, so it judges its own open before it writes
 * it exactly as everybody judges it afterwards; what it knew of only through others' word is
 * concurrent, which freezes both. An earlier open is looked at with every feed as it was known,
 * and counts whether it has effect beside others or not: only a dishonest node writes one that
 * has none, and who opens after it must see it withdrawn, or closed by a gate-in. Of each feed
 * the newest few are looked at, as each of them had to find the older ones over. */
#include "custody_step.h"

#include <string.h>

/* The other opens of the container, by feed and index, as the token's author knew them. */
struct others {
    struct custody_trace *trace;
    struct p2p_record_id at; /* the last one */
    bool begun;
    uint32_t feed;  /* of which `known` speaks */
    uint64_t known; /* of that feed */
};

/* The next one. earlier [out]: the token's author knew it. P2P_NOTFOUND. */
static enum p2p_err next_other(struct others *others, bool *earlier)
{
    const struct p2p_ledger *ledger = others->trace->ledger;
    const struct p2p_custody *token = others->trace->token;
    enum p2p_err err = P2P_OK;
    do {
        err = p2p_custody_next_of(ledger->kv, token->circle, token->container, &others->at,
                                  !others->begun, &others->at);
        others->begun = true;
    } while (err == P2P_OK && p2p_record_id_compare(&others->at, &token->id) == 0);
    if (err == P2P_OK && others->at.feed != others->feed) {
        others->feed = others->at.feed;
        err = p2p_known_surely(ledger, token->id.feed, token->id.index, others->feed,
                               &others->known);
    }
    *earlier = err == P2P_OK && others->at.index < others->known;
    return err;
}

/* What became of another open: as of all that is held, or of what was known at a record. of
 * [out]: how it was traced, into out. */
static enum p2p_err look_at(struct custody_trace *trace, const struct p2p_record_id *id,
                            const struct p2p_record_id *known_at, struct p2p_custody *out,
                            struct custody_trace *of)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    *of = (struct custody_trace){.ledger = trace->ledger, .token = out, .known_at = known_at};
    p2p_scratch_begin(&scratch, trace->ledger);
    enum p2p_err err = p2p_ledger_entry(trace->ledger, id, &entry);
    if (err == P2P_OK) {
        err = p2p_custody_stand(of, &entry);
    }
    p2p_scratch_end(&scratch, trace->ledger);
    out->call = out->container = out->facility = (struct p2p_slice){0};
    trace->waits = trace->waits || of->waits;
    return err;
}

/* ---- earlier ones ---- */

/* The newest known opens of one feed. */
struct newest {
    struct p2p_record_id ids[P2P_CUSTODY_BEFORE_MAX];
    size_t count;
};

static void keep_newest(struct newest *newest, const struct p2p_record_id *id)
{
    if (newest->count == P2P_CUSTODY_BEFORE_MAX) {
        memmove(&newest->ids[0], &newest->ids[1],
                (P2P_CUSTODY_BEFORE_MAX - 1) * sizeof(newest->ids[0]));
        newest->count--;
    }
    newest->ids[newest->count++] = *id;
}

static enum p2p_err all_over(struct custody_trace *trace, const struct newest *newest,
                             bool *over)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < newest->count && err == P2P_OK && *over; i++) {
        struct p2p_custody other;
        struct custody_trace of;
        err = look_at(trace, &newest->ids[i], &trace->token->id, &other, &of);
        *over = err != P2P_OK || p2p_custody_is_over(other.state);
        if (err == P2P_OK && of.rescued) {
            err =
                p2p_custody_recounted(&of, trace->token->id.feed, trace->token->id.index, over);
        }
    }
    return err;
}

/* Whether every earlier open was over where the token's was written. alone [out]: there is no
 * other open at all. */
static enum p2p_err has_effect(struct custody_trace *trace, bool *over, bool *alone)
{
    struct others others = {.trace = trace};
    struct newest newest = {.count = 0};
    bool earlier = false;
    enum p2p_err err = P2P_OK;
    *over = true;
    *alone = true;
    while (err == P2P_OK && *over) {
        uint32_t feed = others.feed;
        err = next_other(&others, &earlier);
        *alone = *alone && err != P2P_OK;
        if (err == P2P_OK && others.feed != feed) {
            err = all_over(trace, &newest, over);
            newest.count = 0;
        }
        if (err == P2P_OK && earlier) {
            keep_newest(&newest, &others.at);
        }
    }
    return err == P2P_NOTFOUND ? all_over(trace, &newest, over) : err;
}

/* ---- concurrent ones ---- */

/* Another open that the token's author did not know. rival: it freezes the token. later: its
 * author knew the token, as do those of the same feed behind it. */
static enum p2p_err weigh(struct custody_trace *trace, const struct p2p_record_id *id,
                          bool *rival, bool *later)
{
    struct p2p_custody other;
    struct custody_trace of_other;
    const struct p2p_custody *token = trace->token;
    uint64_t known = 0;
    bool alone = false;
    *rival = false;
    enum p2p_err err =
        p2p_known_surely(trace->ledger, id->feed, id->index, token->id.feed, &known);
    *later = err == P2P_OK && token->id.index < known;
    if (err != P2P_OK || *later) {
        return err;
    }
    err = look_at(trace, id, NULL, &other, &of_other);
    bool withdrawn = other.state == P2P_CUSTODY_WITHDRAWN && !of_other.used_before;
    if (err != P2P_OK || other.why != P2P_WHY_NONE || withdrawn) {
        return err;
    }
    other.container = token->container;
    err = has_effect(&of_other, rival, &alone);
    trace->waits = trace->waits || of_other.waits;
    return err;
}

static enum p2p_err find_rivals(struct custody_trace *trace)
{
    struct others others = {.trace = trace};
    struct p2p_custody *token = trace->token;
    uint32_t passed = 0; /* the rest of this feed is later */
    size_t looked = 0;
    bool earlier = false;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && looked <= P2P_CUSTODY_RIVALS_MAX) {
        bool rival = false;
        bool later = false;
        err = next_other(&others, &earlier);
        if (err != P2P_OK || earlier || others.at.feed == token->id.feed ||
            others.at.feed == passed) {
            continue;
        }
        if (++looked > P2P_CUSTODY_RIVALS_MAX) {
            token->frozen |= P2P_FROZEN_TOO_LONG;
            return P2P_OK;
        }
        err = weigh(trace, &others.at, &rival, &later);
        passed = later ? others.at.feed : passed;
        if (err == P2P_OK && rival) {
            token->frozen |= P2P_FROZEN_RIVAL;
            token->rivals[token->rival_count++] = others.at;
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_custody_beside(struct custody_trace *trace)
{
    bool over = false;
    bool alone = false;
    enum p2p_err err = has_effect(trace, &over, &alone);
    if (err == P2P_OK && !over) {
        trace->token->state = P2P_CUSTODY_NO_EFFECT;
        return P2P_OK;
    }
    return err == P2P_OK && !alone ? find_rivals(trace) : err;
}
