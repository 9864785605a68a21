/* One record about a token, and the records of one feed about it. */
#include "custody_step.h"

#include <p2p/rescued.h>

#include <string.h>

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
    out->seal_count = p2p_custody_read_seals(content->seals, out->seals);
    p2p_cites_begin(&walk, &entry->record);
    while (p2p_cites_next(&walk, &cite)) {
        if (same_id(&cite, &token->id)) {
            cites = true;
        } else if (out->cite_count < CUSTODY_CITES_LOOKED_AT) {
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

static bool fits(const struct step *step, const struct wanted *wanted)
{
    if (wanted->answers != NULL) {
        return (step->kind == P2P_KIND_CUSTODY_ACCEPT ||
                step->kind == P2P_KIND_CUSTODY_REFUSE) &&
               step->epoch == wanted->epoch && cites(step, wanted->answers);
    }
    if (wanted->release && step->kind != P2P_KIND_USE) {
        return false;
    }
    if (step->kind == P2P_KIND_CUSTODY_OFFER) {
        return step->epoch > 0 && step->epoch - 1 == wanted->epoch;
    }
    return (step->kind == P2P_KIND_USE || step->kind == P2P_KIND_CUSTODY_WITHDRAW ||
            step->kind == P2P_KIND_RECOUNT) &&
           step->epoch == wanted->epoch;
}

/* What the author of a record surely knew of the charter there; *settled: he names no more than
 * is held here, so that who may sign what, and which witnesses count, is known for good. */
static enum p2p_err look_up(const struct custody_trace *trace, const struct p2p_record_id *id,
                            uint64_t *known, bool *settled)
{
    uint64_t named = 0;
    enum p2p_err err =
        p2p_known_surely(trace->ledger, id->feed, id->index, P2P_CHARTER_FEED, known);
    if (err == P2P_OK) {
        err = p2p_known_size(trace->ledger, id->feed, id->index, P2P_CHARTER_FEED, &named);
    }
    *settled = named == *known;
    return err;
}

enum p2p_err p2p_step_look_carried(struct custody_trace *trace, const struct p2p_record_id *id,
                                   const struct wanted *wanted, uint32_t feed, struct step *out,
                                   struct p2p_hash *leaf, bool *counts)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_rescued rescued;
    struct custody_content content;
    struct step step;
    enum p2p_why why = P2P_WHY_NONE;
    bool was_cut = false;
    bool rests = true;
    *counts = false;
    p2p_scratch_begin(&scratch, trace->ledger);
    enum p2p_err err = p2p_ledger_entry(trace->ledger, id, &entry);
    bool fit = err == P2P_OK && p2p_rescued_carries(trace->ledger, &entry, &rescued) &&
               rescued.record.kind == P2P_KIND_USE && rescued.feed == feed;
    if (fit) {
        const struct p2p_entry lost = {.id = *id, .record = rescued.record};
        fit = read_step(&step, trace->token, &lost, &content) && fits(&step, wanted);
    }
    if (fit) { /* wherever it stands: a release is final */
        err = p2p_judge_step(trace->ledger, &entry, &why, &was_cut);
    }
    fit = fit && err == P2P_OK && why == P2P_WHY_NONE;
    if (fit && wanted->rests_feed != 0) {
        err = p2p_custody_rests_any(trace, wanted->rests_feed, wanted->rests_index,
                                    p2p_charter_size(trace->ledger->charter), content.rests,
                                    &rests);
    }
    p2p_scratch_end(&scratch, trace->ledger);
    if (err == P2P_OK && fit && rests) {
        *out = step;
        *leaf = rescued.hash;
        *counts = true;
    }
    return err;
}

enum p2p_err p2p_step_look(struct custody_trace *trace, const struct p2p_record_id *id,
                           const struct wanted *wanted, struct step *out, bool *counts)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct custody_content content;
    struct step step;
    enum p2p_why why = P2P_WHY_NONE;
    bool rests = true;
    bool settled = true;
    uint64_t known = 0;
    *counts = false;
    p2p_scratch_begin(&scratch, trace->ledger);
    enum p2p_err err = p2p_ledger_entry(trace->ledger, id, &entry);
    bool fit = err == P2P_OK && read_step(&step, trace->token, &entry, &content) &&
               fits(&step, wanted);
    trace->answers += fit && wanted->answers != NULL;
    fit = fit && trace->answers <= P2P_CUSTODY_ANSWERS_MAX;
    bool asks = fit && wanted->rests_feed != 0 && step.kind != P2P_KIND_RECOUNT;
    if (fit) {
        err = look_up(trace, id, &known, &settled);
    }
    if (fit && err == P2P_OK && !settled && (asks || step.issuer != 0)) {
        trace->blocked = true;
        fit = false;
    }
    if (fit && err == P2P_OK) {
        err = p2p_judge_step(trace->ledger, &entry, &why, &step.was_cut);
    }
    fit = fit && err == P2P_OK && why == P2P_WHY_NONE;
    if (fit && asks) {
        err = p2p_custody_rests_any(trace, wanted->rests_feed, wanted->rests_index, known,
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

void p2p_step_walk(struct p2p_touch_walk *walk, const struct p2p_record_id *token,
                   uint32_t feed, uint64_t from)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    p2p_touch_begin(walk, P2P_VIEW_CUSTODY, p2p_id_key(key, token));
    walk->begun = true;
    walk->last = from > 0 ? (struct p2p_record_id){feed, from - 1}
                          : (struct p2p_record_id){feed - 1, UINT64_MAX - 1};
}

enum p2p_err p2p_step_next(struct custody_trace *trace, struct p2p_touch_walk *walk,
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
            err = p2p_step_look(trace, &id, wanted, step, &counts);
        }
        if (err == P2P_OK && (trace->blocked || trace->answers > P2P_CUSTODY_ANSWERS_MAX)) {
            return P2P_NOTFOUND;
        }
    }
    return err;
}

static bool gives_or_recounts(uint32_t kind)
{
    return kind == P2P_KIND_CUSTODY_OFFER || kind == P2P_KIND_CUSTODY_WITHDRAW ||
           kind == P2P_KIND_USE || kind == P2P_KIND_RECOUNT;
}

/* Whether a record of the holder would have decided at the epoch at which it holds the token,
 * by a grant that a settle may have voided. Of two recounts the second decides, and to go on
 * standing there is no step away. */
static enum p2p_err was_voided(struct p2p_ledger *ledger, const struct p2p_custody *custody,
                               const struct p2p_entry *entry, bool *voided)
{
    const struct wanted wanted = {.epoch = custody->epoch};
    struct custody_content content;
    struct step step;
    uint64_t known = 0;
    *voided = false;
    if (!read_step(&step, custody, entry, &content) || step.kind == P2P_KIND_RECOUNT ||
        !fits(&step, &wanted)) {
        return P2P_OK;
    }
    enum p2p_err err =
        p2p_known_size(ledger, entry->id.feed, entry->id.index, P2P_CHARTER_FEED, &known);
    *voided = err == P2P_OK && p2p_charter_may_void(ledger->charter, known);
    return err;
}

enum p2p_err p2p_custody_undecided(struct p2p_ledger *ledger, const struct p2p_custody *custody,
                                   bool *undecided)
{
    struct p2p_touch_walk walk;
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    bool hides = p2p_charter_rival_size(ledger->charter) > 0;
    *undecided = false;
    if (custody->tenure_count == 0 ||
        (!hides && !p2p_charter_may_void(ledger->charter, p2p_charter_size(ledger->charter)))) {
        return P2P_OK;
    }
    p2p_step_walk(&walk, &custody->id, custody->holder,
                  custody->tenures[custody->tenure_count - 1].from + 1);
    p2p_scratch_begin(&scratch, ledger);
    while (err == P2P_OK && !*undecided) {
        err = p2p_touch_next(&walk, ledger->kv, &id);
        if (err == P2P_OK && id.feed != custody->holder) {
            err = P2P_NOTFOUND;
        }
        if (err == P2P_OK) {
            err = p2p_ledger_entry(ledger, &id, &entry);
        }
        if (err == P2P_OK && hides) {
            *undecided = gives_or_recounts(entry.record.kind);
        } else if (err == P2P_OK) {
            err = was_voided(ledger, custody, &entry, undecided);
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- recounts ---- */

enum p2p_err p2p_step_is_second(struct custody_trace *trace, uint32_t feed, uint64_t from,
                                const struct wanted *wanted, struct step *second, bool *paired)
{
    enum p2p_err err = P2P_OK;
    *paired = false;
    for (size_t i = 0; i < second->cite_count && err == P2P_OK && !*paired; i++) {
        struct step first;
        const struct p2p_record_id *id = &second->cites[i];
        if (id->feed != feed || id->index <= from || id->index >= second->id.index) {
            continue;
        }
        err = p2p_step_look(trace, id, wanted, &first, paired);
        *paired = *paired && first.kind == P2P_KIND_RECOUNT && first.gone == second->gone &&
                  first.issuer != second->issuer;
        second->first = *paired ? *id : second->first;
        second->was_cut = second->was_cut || (*paired && first.was_cut);
    }
    return err;
}

void p2p_step_pairs(struct step_pairs *pairs, const struct p2p_record_id *token, uint32_t feed,
                    uint64_t from, uint64_t epoch)
{
    pairs->feed = feed;
    pairs->epoch = epoch;
    pairs->issuer_count = 0;
    p2p_step_walk(&pairs->walk, token, feed, from);
}

/* Whether so few by its issuer came before that one more is looked at. Each has as many of his
 * own, so nobody hides what others write. */
static bool is_looked_at(struct step_pairs *pairs, uint32_t issuer)
{
    size_t i = 0;
    while (i < pairs->issuer_count && pairs->issuers[i] != issuer) {
        i++;
    }
    if (i == P2P_CUSTODY_COUNTERS_MAX) {
        return false;
    }
    if (i == pairs->issuer_count) {
        pairs->issuers[i] = issuer;
        pairs->counts[i] = 0;
        pairs->issuer_count++;
    }
    return pairs->counts[i] < P2P_CUSTODY_RECOUNTS_MAX && ++pairs->counts[i] > 0;
}

enum p2p_err p2p_step_next_pair(struct custody_trace *trace, struct step_pairs *pairs,
                                uint64_t limit, struct step *out)
{
    const struct wanted wanted = {.epoch = pairs->epoch};
    bool paired = false;
    enum p2p_err err = P2P_OK;
    while (err == P2P_OK && !paired) {
        err = p2p_step_next(trace, &pairs->walk, pairs->feed, limit, &wanted, out);
        if (err == P2P_OK && out->kind == P2P_KIND_RECOUNT && out->cite_count > 0 &&
            is_looked_at(pairs, out->issuer)) {
            err = p2p_step_is_second(trace, pairs->feed, 0, &wanted, out, &paired);
        }
    }
    return err;
}
