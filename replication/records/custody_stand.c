/* What became of the token that an open created, other opens of its container aside: the
 * verdict on the open, its steps, and gates through which the container came in again. */
#include "custody_fold.h"

/* Whether the record at id says that the container of a token came in through a gate. */
static enum p2p_err came_in(struct custody_trace *trace, const struct p2p_record_id *id,
                            bool *in)
{
    struct p2p_scratch scratch;
    struct p2p_entry entry;
    struct p2p_custody said = {.circle = 0};
    const struct p2p_custody *token = trace->token;
    enum p2p_why why = P2P_WHY_NONE;
    bool was_cut = false;
    uint64_t end = 0;
    *in = false;
    enum p2p_err err = p2p_custody_end(trace, id->feed, &end);
    if (err != P2P_OK || id->index >= end) {
        return err;
    }
    p2p_scratch_begin(&scratch, trace->ledger);
    err = p2p_ledger_entry(trace->ledger, id, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_CUSTODY_GATE_IN &&
        entry.record.circle == token->circle && entry.payload.len > 0 &&
        p2p_custody_read_payload(&said, entry.payload) &&
        p2p_slice_equal(said.container, token->container)) {
        err = p2p_judge_step(trace->ledger, &entry, &why, &was_cut);
        *in = err == P2P_OK && why == P2P_WHY_NONE;
    }
    p2p_scratch_end(&scratch, trace->ledger);
    return err;
}

/* A token that is not over is closed by the first gate-in of its container that cites it. */
static enum p2p_err close_by_gate(struct custody_trace *trace)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_custody *token = trace->token;
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    bool in = false;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &token->id));
    while (err == P2P_OK && !in) {
        err = p2p_touch_next(&walk, trace->ledger->kv, &id);
        if (err == P2P_OK) {
            err = came_in(trace, &id, &in);
        }
    }
    if (err == P2P_OK && in) {
        token->state = P2P_CUSTODY_CLOSED;
        token->step = id;
        token->to = 0;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* An open at or above the end of its generation has no effect, but for a release. */
static enum p2p_err stand_beyond(struct custody_trace *trace)
{
    struct p2p_custody *token = trace->token;
    bool used = false;
    enum p2p_err err = p2p_custody_used_beyond(trace, &used);
    if (err == P2P_OK && used) {
        token->state = P2P_CUSTODY_RELEASED;
        token->frozen |= P2P_FROZEN_GENERATION;
    } else {
        token->why = P2P_WHY_PAST_CUT;
    }
    return err;
}

enum p2p_err p2p_custody_stand(struct custody_trace *trace, const struct p2p_entry *entry)
{
    struct p2p_custody *token = trace->token;
    const struct p2p_feed *feed = p2p_ledger_feed(trace->ledger, entry->id.feed);
    bool was_cut = false;
    *token = (struct p2p_custody){.id = entry->id,
                                  .circle = entry->record.circle,
                                  .opened_by = entry->record.issuer,
                                  .holder = entry->id.feed,
                                  .epoch = 1,
                                  .step = entry->id,
                                  .state = P2P_CUSTODY_NO_EFFECT};
    bool readable =
        entry->record.kind == P2P_KIND_CUSTODY_OPEN &&
        p2p_kind_validate(p2p_kind_find(P2P_KIND_CUSTODY_OPEN), entry->payload) == P2P_OK &&
        p2p_custody_read_payload(token, entry->payload);
    enum p2p_err err = p2p_judge_step(trace->ledger, entry, &token->why, &was_cut);
    if (err == P2P_OK && !readable && token->why == P2P_WHY_NONE) {
        /* Its payload was damaged and is asked for again: meanwhile the circle is not complete
         * here, and it is folded anew when it comes. */
        token->why = P2P_WHY_BAD_PAYLOAD;
    }
    if (err != P2P_OK || token->why != P2P_WHY_NONE) {
        return err;
    }
    token->frozen = was_cut ? P2P_FROZEN_CUT : 0u;
    if (trace->known_at == NULL && entry->id.index >= feed->closed_at) {
        return stand_beyond(trace);
    }
    err = p2p_custody_trace(trace);
    return err == P2P_OK && !p2p_custody_is_over(token->state) ? close_by_gate(trace) : err;
}
