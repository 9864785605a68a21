/* A decision computed once more, and compared. */
#include "decided_claim.h"

#include <p2p/collect.h>
#include <p2p/kind.h>

#include <string.h>

const char *p2p_decided_word(enum p2p_decided decided)
{
    static const char *const words[] = {
#define DECIDED_WORD(name, word, text) [P2P_DECIDED_##name] = word,
        P2P_DECIDED_MAP(DECIDED_WORD)
#undef DECIDED_WORD
    };
    return words[decided];
}

const char *p2p_decided_text(enum p2p_decided decided)
{
    static const char *const texts[] = {
#define DECIDED_TEXT(name, word, text) [P2P_DECIDED_##name] = text,
        P2P_DECIDED_MAP(DECIDED_TEXT)
#undef DECIDED_TEXT
    };
    return texts[decided];
}

/* How many keys a gate that stands there had to hold, up to P2P_GATE_KEYS_MAX and beyond. */
static size_t keys_due(const struct p2p_charter *charter, const struct p2p_gate_place *place)
{
    size_t count = 0;
    for (size_t i = 0; i < place->circle_count; i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, place->circles[i]);
        count += circle == NULL ? 0 : circle->epoch_count; /* circle 0 has no key */
    }
    return count;
}

/* Whether a token stands under a key that the charter as of then names for one of the circles.
 */
static bool is_due(const struct p2p_charter *charter, const struct p2p_gate_place *place,
                   const struct p2p_decision_token *token)
{
    for (size_t i = 0; i < place->circle_count; i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, place->circles[i]);
        if (circle != NULL && place->circles[i] == token->circle) {
            return token->epoch >= 1 && token->epoch <= circle->epoch_count;
        }
    }
    return false;
}

struct asking {
    struct p2p_ledger *ledger;
    const struct p2p_kv *kv;
    const struct p2p_gate_place *place;
    const struct p2p_gate_question *question;
    struct p2p_gate_answer *answer;
    bool tokens;       /* some subject stands as tokens, */
    bool keys_missing; /* and not under every key there was */
};

static enum p2p_err ask_clear(struct asking *asking, const struct p2p_subject_type *type,
                              const struct p2p_decision_subject *subject)
{
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    p2p_subject_key_clear(&key, type->word, subject->value);
    for (size_t i = 0; i < asking->place->circle_count && err == P2P_OK; i++) {
        err = p2p_gate_look_up(asking->ledger, asking->kv, asking->question,
                               asking->place->circles[i], type->weak, &key, asking->answer);
    }
    return err;
}

/* A token under a key that the gate could not have looks for nothing. */
static enum p2p_err ask_tokens(struct asking *asking, const struct p2p_subject_type *type,
                               const struct p2p_decision_subject *subject)
{
    const struct p2p_charter *charter = asking->ledger->charter;
    struct p2p_unpack tokens = subject->tokens;
    size_t held = 0;
    enum p2p_err err = P2P_OK;
    for (uint32_t i = 0; i < subject->token_count && err == P2P_OK; i++) {
        struct p2p_decision_token token;
        struct p2p_subject_key key;
        p2p_decision_token_next(&tokens, &token);
        if (!is_due(charter, asking->place, &token)) {
            continue;
        }
        held++;
        p2p_subject_key_token(&key, type->word, token.epoch, &token.token);
        err = p2p_gate_look_up(asking->ledger, asking->kv, asking->question, token.circle,
                               type->weak, &key, asking->answer);
    }
    asking->tokens = true;
    asking->keys_missing = asking->keys_missing || held < keys_due(charter, asking->place);
    return err;
}

static bool has_reason(const struct p2p_gate_reason *reasons, size_t count,
                       const struct p2p_gate_reason *wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (reasons[i].code == wanted->code && reasons[i].has_record == wanted->has_record &&
            (!wanted->has_record ||
             p2p_record_id_compare(&reasons[i].record, &wanted->record) == 0)) {
            return true;
        }
    }
    return false;
}

/* ---- a collect ---- */

static bool same_key(const struct p2p_subject_key *a, const struct p2p_subject_key *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

static enum p2p_presents decision_has(const void *context, const struct p2p_subject_type *type,
                                      uint32_t circle, uint32_t epoch,
                                      const struct p2p_subject_key *key)
{
    const struct p2p_decision *decision = context;
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    enum p2p_presents presents = P2P_PRESENTS_NO;
    p2p_decision_subjects_begin(&walk, decision);
    while (p2p_decision_subjects_next(&walk, &subject)) {
        struct p2p_subject_key own;
        bool known = type->clear;
        if (p2p_subject_type_named(subject.type) != type) {
            continue;
        }
        if (type->clear) {
            p2p_subject_key_clear(&own, type->word, subject.value);
        }
        for (uint32_t i = 0; i < subject.token_count && !known; i++) {
            struct p2p_decision_token token;
            p2p_decision_token_next(&subject.tokens, &token);
            if (token.circle == circle && token.epoch == epoch) {
                p2p_subject_key_token(&own, type->word, epoch, &token.token);
                known = true;
            }
        }
        if (known && same_key(&own, key)) {
            return P2P_PRESENTS_YES;
        }
        presents = known ? presents : P2P_PRESENTS_UNKNOWN;
    }
    return presents;
}

/* feed: the gate's own, as it was then. */
static enum p2p_err ask_collect(const struct asking *asking, uint32_t feed,
                                const struct p2p_decision *decision,
                                struct p2p_collect_token *token,
                                struct p2p_collect_found *found, bool *stale)
{
    const struct p2p_presented presented = {.context = decision, .has = decision_has};
    const struct p2p_collect_question question = {.gate = asking->question,
                                                  .place = asking->place,
                                                  .feed = feed,
                                                  .container = decision->container,
                                                  .presented = &presented,
                                                  .ready = decision->ready,
                                                  .stale = decision->stale,
                                                  .repeated = decision->repeated,
                                                  .use = {feed, decision->use},
                                                  .mirrored = decision->mirrored};
    enum p2p_err err = p2p_collect_find(asking->kv, &question, token);
    return err == P2P_OK ? p2p_collect_weigh(asking->ledger, asking->kv, &question, token,
                                             asking->answer, found, stale)
                         : err;
}

static struct p2p_decided_collect collect_of(const struct p2p_collect_token *token,
                                             const struct p2p_collect_found *found)
{
    return token->found ? (struct p2p_decided_collect){.circle = token->custody.circle,
                                                       .token = token->custody.id,
                                                       .other = token->other,
                                                       .right = found->right,
                                                       .seconded = found->seconded}
                        : (struct p2p_decided_collect){.circle = 0};
}

/* Whether the record at (feed, index) of the whole ledger is of one of two kinds. */
static enum p2p_err is_of(struct p2p_past *past, uint32_t feed, uint64_t index, uint32_t kind,
                          uint32_t or_kind, struct p2p_record *record, bool *is)
{
    const struct p2p_feed *held = p2p_ledger_feed(p2p_past_whole(past), feed);
    struct p2p_slice leaf;
    enum p2p_err err =
        held == NULL ? P2P_NOTFOUND : p2p_feed_leaf(held, p2p_past_under(past), index, &leaf);
    *is = err == P2P_OK && p2p_record_decode(record, leaf) == P2P_OK && record->issuer == 0 &&
          (record->kind == kind || record->kind == or_kind);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Nothing that the gate wrote itself lies between what it says it knew and its record, but what
 * the same commit released and decided; and what it allowed, that `use` released. */
static enum p2p_err is_whole(struct p2p_past *past, const struct p2p_decision_place *at,
                             const struct p2p_decision *decision,
                             const struct p2p_collect_token *token,
                             const struct p2p_collect_found *found, bool *whole)
{
    struct p2p_record record;
    struct p2p_cites walk;
    struct p2p_record_id cites[2] = {{0, 0}, {0, 0}};
    enum p2p_err err = P2P_OK;
    uint64_t from =
        decision->late ? at->index : decision->held; /* late: it says what it knew */
    *whole = true;
    for (uint64_t i = from; i < at->index && err == P2P_OK && *whole; i++) {
        err = is_of(past, at->feed, i, P2P_KIND_USE, P2P_KIND_DECISIONS, &record, whole);
    }
    if (decision->late || err != P2P_OK || !*whole || decision->answer != P2P_ANSWER_ALLOW) {
        *whole = *whole && (!decision->late || decision->answer != P2P_ANSWER_ALLOW);
        return err;
    }
    const struct p2p_record_id use = {at->feed, decision->use};
    if (!decision->released || decision->repeated) {
        *whole = decision->released && token->found &&
                 token->custody.state == P2P_CUSTODY_RELEASED &&
                 p2p_record_id_compare(&token->custody.step, &use) == 0;
        return P2P_OK;
    }
    *whole = decision->use >= decision->held && decision->use < at->index;
    if (*whole) {
        err = is_of(past, at->feed, decision->use, P2P_KIND_USE, P2P_KIND_USE, &record, whole);
    }
    if (err != P2P_OK || !*whole) {
        return err;
    }
    p2p_cites_begin(&walk, &record);
    for (unsigned i = 0; i < 2 && p2p_cites_next(&walk, &cites[i]); i++) {
    }
    *whole = token->found && p2p_record_id_compare(&cites[0], &token->custody.id) == 0 &&
             p2p_record_id_compare(&cites[1], &found->right) == 0;
    return P2P_OK;
}

/* What a gate that knew of two heads surely knew that they hide: what the entries name at which
 * they part. Of those above each gate knows others, and of a branch that was ended nothing is
 * here: that is the gate's own word. */
static enum p2p_err surely_hidden(struct p2p_past *past, uint32_t member,
                                  struct p2p_charter_hidden *out)
{
    const struct p2p_charter *charter = p2p_past_ledger(past)->charter;
    const struct p2p_charter *whole = p2p_past_whole(past)->charter;
    uint64_t split = p2p_charter_good_size(charter);
    bool both = p2p_charter_rival_size(whole) > 0 && p2p_charter_good_size(whole) == split;
    return p2p_charter_hides(both ? whole : charter, member, split + 1, out);
}

/* The gate's function over the past, by its own words about itself. */
static enum p2p_err ask(struct p2p_past *past, const struct p2p_decision_place *at,
                        const struct p2p_decision *decision, struct p2p_gate_place *place,
                        struct p2p_decided_again *out)
{
    static const struct p2p_gate_reason incomplete = {.code = P2P_GATE_INCOMPLETE};
    static const struct p2p_gate_reason read_only = {.code = P2P_GATE_READ_ONLY};
    struct p2p_ledger *ledger = p2p_past_ledger(past);
    /* What waited in a spool stands in a generation that was not granted when it was decided.
     */
    const struct p2p_feed_info *info =
        p2p_charter_feed(p2p_past_whole(past)->charter, at->feed);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(ledger->charter, info->member);
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    enum p2p_err err = P2P_OK;
    place->locode[0] = '\0'; /* its keys are no business of whoever asks again */
    place->circle_count = 0;
    place->circles_left_out = 0;
    place->hidden = (struct p2p_charter_hidden){0};
    if (member != NULL) {
        p2p_gate_stand(place, ledger->charter, member);
    }
    if (out->two_heads && member != NULL) {
        err = surely_hidden(past, member->number, &place->hidden);
    }
    const struct p2p_gate_question question = {.locode = place->locode,
                                               .purpose = decision->purpose,
                                               .own_ms = decision->own_ms,
                                               .quorum_ms = decision->quorum_ms};
    struct asking asking = {.ledger = ledger,
                            .kv = p2p_past_kv(past),
                            .place = place,
                            .question = &question,
                            .answer = &out->should};
    p2p_gate_begin(&out->should);
    p2p_decision_subjects_begin(&walk, decision);
    while (err == P2P_OK && p2p_decision_subjects_next(&walk, &subject)) {
        const struct p2p_subject_type *type = p2p_subject_type_named(subject.type);
        if (!subject.check_ok) {
            p2p_gate_bad_identifier(&out->should);
        }
        err = type->clear ? ask_clear(&asking, type, &subject)
                          : ask_tokens(&asking, type, &subject);
    }
    asking.keys_missing = asking.keys_missing || place->hidden.keys;
    bool says_hidden =
        out->two_heads && has_reason(decision->reasons, decision->reason_count, &incomplete);
    bool stale = decision->stale;
    bool collects = decision->container.len > 0;
    out->whole = true;
    out->collect = (struct p2p_decided_collect){.circle = 0};
    if (err == P2P_OK && collects) {
        struct p2p_collect_token token;
        struct p2p_collect_found found;
        uint32_t own = decision->late && member != NULL ? member->feed : at->feed;
        err = ask_collect(&asking, own, decision, &token, &found, &stale);
        if (err == P2P_OK) {
            out->collect = collect_of(&token, &found);
            err = is_whole(past, at, decision, &token, &found, &out->whole);
        }
    }
    const struct p2p_gate_state state = {
        .incomplete = decision->incomplete,
        .unseen = (asking.tokens && asking.keys_missing) || place->circles_left_out > 0 ||
                  place->hidden.circles || says_hidden,
        .stale = stale,
        .read_only =
            decision->late && has_reason(decision->reasons, decision->reason_count, &read_only),
        .collects = collects,
    };
    p2p_gate_end(&state, &out->should);
    out->keys_missing = asking.tokens && asking.keys_missing;
    return err;
}

/* ---- compared ---- */

static bool same_reasons(const struct p2p_decision *decision,
                         const struct p2p_gate_answer *should)
{
    bool same = decision->reason_count == should->reason_count;
    for (size_t i = 0; i < should->reason_count && same; i++) {
        same = has_reason(should->reasons, should->reason_count, &decision->reasons[i]) &&
               has_reason(decision->reasons, decision->reason_count, &should->reasons[i]);
    }
    return same;
}

/* Whether what follows rests on the node's own word. */
static bool rests_on_claims(const struct p2p_gate_answer *should)
{
    for (size_t i = 0; i < should->reason_count; i++) {
        const struct p2p_gate_reason *reason = &should->reasons[i];
        if (reason->code == P2P_GATE_STALE || reason->code == P2P_GATE_CUSTODY_WAITING ||
            reason->code == P2P_GATE_LEASE_OVER || reason->code == P2P_GATE_NOT_MIRRORED ||
            (reason->code == P2P_GATE_INCOMPLETE && !reason->has_record)) {
            return true;
        }
    }
    return false;
}

/* Everything the gate said follows, or is its own to say; and it said everything that follows,
 * unless it was not complete. claimed [out]: it took such a word of its own. */
static enum p2p_err follows(struct p2p_past *past, const struct p2p_gate_place *place,
                            const struct p2p_decision *decision,
                            const struct p2p_gate_answer *should, bool *all, bool *claimed)
{
    enum p2p_err err = P2P_OK;
    *all = true;
    *claimed = false;
    for (size_t i = 0; i < decision->reason_count && err == P2P_OK && *all; i++) {
        const struct p2p_gate_reason *given = &decision->reasons[i];
        if (!has_reason(should->reasons, should->reason_count, given)) {
            err = p2p_decided_may_claim(past, place, decision, given, all);
            *claimed = true;
        }
    }
    for (size_t i = 0; i < should->reason_count && *all; i++) {
        if (!has_reason(decision->reasons, decision->reason_count, &should->reasons[i])) {
            *all = decision->incomplete;
            *claimed = true;
        }
    }
    return err;
}

/* The answer that the reasons given make, whatever the answer given. */
static enum p2p_answer answer_of(const struct p2p_decision *decision)
{
    enum p2p_answer answer = P2P_ANSWER_ALLOW;
    for (size_t i = 0; i < decision->reason_count; i++) {
        enum p2p_gate_code code = decision->reasons[i].code;
        enum p2p_answer least = code == P2P_GATE_READ_ONLY && decision->container.len > 0
                                    ? P2P_ANSWER_REFER
                                    : p2p_gate_code_answer(code);
        answer = least > answer ? least : answer;
    }
    return answer;
}

static bool any_withheld(const struct p2p_decision_place *at,
                         const struct p2p_gate_place *place)
{
    for (size_t i = 0; i < place->circle_count && at->withheld != NULL; i++) {
        if (place->circles[i] < at->withheld_count && at->withheld[place->circles[i]]) {
            return true;
        }
    }
    return false;
}

/* Some reasons were counted and not listed: then the answer is what can be compared. */
static bool is_cut_off(const struct p2p_gate_answer *should)
{
    return should->reasons_total > should->reason_count;
}

static enum p2p_err compare(struct p2p_past *past, const struct p2p_decision_place *at,
                            const struct p2p_gate_place *place,
                            const struct p2p_decision *decision,
                            struct p2p_decided_again *again)
{
    const struct p2p_gate_answer *should = &again->should;
    bool all = false;
    bool claimed = false;
    bool withheld = any_withheld(at, place);
    bool lacks = p2p_past_lacks(past);
    if (!again->whole && !lacks && !withheld) {
        again->decided = P2P_DECIDED_OTHER_ANSWER;
        return P2P_OK;
    }
    if (decision->answer == should->answer && same_reasons(decision, should)) {
        again->decided = rests_on_claims(should) ? P2P_DECIDED_CLAIMED : P2P_DECIDED_RIGHT;
        return P2P_OK;
    }
    enum p2p_err err = follows(past, place, decision, should, &all, &claimed);
    if (err == P2P_OK && all && claimed && !is_cut_off(should) &&
        answer_of(decision) == decision->answer && decision->answer >= P2P_ANSWER_REFER) {
        again->decided = P2P_DECIDED_CLAIMED;
    } else if (lacks || (withheld &&
                         (should->answer <= decision->answer || decision->container.len > 0))) {
        /* Without some payloads only bans are missing here, so what follows is the least; of a
         * collect also what allows. */
        again->decided = P2P_DECIDED_UNCHECKABLE;
    } else {
        again->decided = decision->answer == should->answer ? P2P_DECIDED_OTHER_REASONS
                                                            : P2P_DECIDED_OTHER_ANSWER;
    }
    return err;
}

/* By one reading of what the gate knew. */
static enum p2p_err decide_by(struct p2p_past *past, const struct p2p_horizon *horizon,
                              const struct p2p_decision_place *place,
                              const struct p2p_decision *decision,
                              struct p2p_decided_again *out)
{
    struct p2p_gate_place stands;
    enum p2p_err err = p2p_past_set(past, horizon);
    if (err == P2P_OK) {
        err = ask(past, place, decision, &stands, out);
    }
    return err == P2P_OK ? compare(past, place, &stands, decision, out) : err;
}

/* The gate may have known of two heads of the charter, and it may have taken back what lies
 * beyond the end of a forked feed, or not yet: no record says which. */
enum p2p_err p2p_decision_again(struct p2p_past *past, const struct p2p_horizon *horizon,
                                const struct p2p_decision_place *place,
                                const struct p2p_decision *decision,
                                struct p2p_decided_again *out)
{
    uint64_t split = 0;
    bool right = false;
    *out = (struct p2p_decided_again){.two_heads = false};
    enum p2p_err err = decide_by(past, horizon, place, decision, out);
    bool parted = err == P2P_OK && horizon->count > 0 && p2p_past_parted(past, &split);
    bool beyond = err == P2P_OK && p2p_past_beyond(past);
    right = err != P2P_OK || out->decided <= P2P_DECIDED_CLAIMED || (!parted && !beyond);
    for (unsigned reading = 1; reading < 4 && !right; reading++) {
        struct p2p_decided_again other = {.two_heads = (reading & 1) != 0,
                                          .taken_back = (reading & 2) != 0};
        struct p2p_horizon moved = *horizon;
        moved.good_size = other.two_heads ? split : horizon->good_size;
        moved.taken_back = other.taken_back;
        if ((other.two_heads && !parted) || (other.taken_back && !beyond)) {
            continue;
        }
        err = decide_by(past, &moved, place, decision, &other);
        right = err != P2P_OK || other.decided <= P2P_DECIDED_CLAIMED;
        *out = err == P2P_OK && right ? other : *out;
    }
    return right || (!parted && !beyond) ? err : p2p_past_set(past, horizon);
}
