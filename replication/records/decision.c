/* Decisions as they stand in a record: taken apart, and computed once more. */
#include <p2p/decision.h>

#include <p2p/assert.h>

#include <string.h>

enum { TOKEN_BYTES = sizeof(((struct p2p_token *)0)->bytes) };

/* ---- taken apart ---- */

static bool named_answer(struct p2p_slice word, enum p2p_answer *out)
{
    for (int i = P2P_ANSWER_ALLOW; i <= P2P_ANSWER_REFUSE; i++) {
        if (p2p_slice_equal(word, p2p_slice_text(p2p_answer_word((enum p2p_answer)i)))) {
            *out = (enum p2p_answer)i;
            return true;
        }
    }
    return false;
}

static bool named_code(struct p2p_slice word, enum p2p_gate_code *out)
{
    for (int i = 0; i <= P2P_GATE_READ_ONLY; i++) {
        if (p2p_slice_equal(word, p2p_slice_text(p2p_gate_code_word((enum p2p_gate_code)i)))) {
            *out = (enum p2p_gate_code)i;
            return true;
        }
    }
    return false;
}

static bool parse_reasons(struct p2p_decision *decision, struct p2p_slice bytes)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, bytes);
    uint32_t count = p2p_unpack_array(&in);
    if (count > P2P_GATE_REASONS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_gate_reason *reason = &decision->reasons[i];
        uint32_t parts = p2p_unpack_array(&in);
        *reason = (struct p2p_gate_reason){.has_record = parts == 3};
        if ((parts != 1 && parts != 3) || !named_code(p2p_unpack_str(&in), &reason->code)) {
            return false;
        }
        if (reason->has_record) {
            reason->record.feed = p2p_unpack_u32(&in);
            reason->record.index = p2p_unpack_uint(&in);
        }
    }
    decision->reason_count = count;
    return p2p_unpack_done(&in);
}

static bool parse_tokens(struct p2p_unpack *in)
{
    uint32_t count = p2p_unpack_array(in);
    if (count > P2P_GATE_KEYS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint8_t token[TOKEN_BYTES];
        if (p2p_unpack_array(in) != 3) {
            return false;
        }
        p2p_unpack_u32(in);
        p2p_unpack_u32(in);
        p2p_unpack_fixed(in, token, sizeof(token));
    }
    return !p2p_unpack_failed(in);
}

static bool parse_subjects(struct p2p_decision *decision, struct p2p_slice bytes)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, bytes);
    uint32_t count = p2p_unpack_array(&in);
    if (count == 0 || count > P2P_SUBJECTS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (p2p_unpack_array(&in) != 3) {
            return false;
        }
        const struct p2p_subject_type *type = p2p_subject_type_named(p2p_unpack_str(&in));
        if (type == NULL || (p2p_unpack_type(&in) == P2P_WIRE_STR) != type->clear) {
            return false;
        }
        if (type->clear) {
            struct p2p_slice value = p2p_unpack_str(&in);
            if (value.len == 0 || value.len >= P2P_SUBJECT_BYTES_MAX) {
                return false;
            }
        } else if (!parse_tokens(&in)) {
            return false;
        }
        p2p_unpack_bool(&in);
    }
    decision->subjects = bytes;
    decision->subject_count = count;
    return p2p_unpack_done(&in);
}

/* [[feed, size], ...], feeds ascending and sizes above 0. */
static bool parse_known(struct p2p_decision *decision, struct p2p_slice bytes)
{
    struct p2p_unpack in;
    uint64_t least = 0;
    p2p_unpack_init(&in, bytes);
    uint32_t count = p2p_unpack_array(&in);
    if (count == 0 || count > P2P_GATE_KNOWN_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool pair = p2p_unpack_array(&in) == 2;
        uint32_t feed = p2p_unpack_u32(&in);
        if (!pair || feed < least || p2p_unpack_uint(&in) == 0) {
            return false;
        }
        least = (uint64_t)feed + 1;
    }
    decision->has_known = true;
    decision->known = bytes;
    return p2p_unpack_done(&in);
}

static bool read_uint(struct p2p_slice bytes, uint64_t *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, bytes);
    *out = p2p_unpack_uint(&in);
    return p2p_unpack_done(&in);
}

static bool read_str(struct p2p_slice bytes, struct p2p_slice *out)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, bytes);
    *out = p2p_unpack_str(&in);
    return p2p_unpack_done(&in);
}

static bool read_true(struct p2p_slice bytes)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, bytes);
    return p2p_unpack_bool(&in) && p2p_unpack_done(&in);
}

/* Whether the map has no other keys than those that were found. */
static bool only_these(struct p2p_slice map, const struct p2p_slice *values, size_t count)
{
    struct p2p_unpack in;
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += values[i].len > 0;
    }
    p2p_unpack_init(&in, map);
    return p2p_unpack_map(&in) == found;
}

enum p2p_err p2p_decision_parse(struct p2p_decision *out, struct p2p_slice packed)
{
    enum { ANSWER, GATE, KNOWN, LATE, PURPOSE, QUORUM, REASONS, STATE, SUBJECTS, TIME, COUNT };
    static const char *const keys[COUNT] = {"answer",   "gate",        "known",   "late",
                                            "purpose",  "quorum_time", "reasons", "state",
                                            "subjects", "time"};
    struct p2p_slice values[COUNT];
    struct p2p_slice word = {0};
    struct p2p_slice purpose = {0};
    struct p2p_decision decision = {.late = false};
    uint64_t state = 0;
    if (!p2p_unpack_fields(packed, keys, values, COUNT) || !only_these(packed, values, COUNT) ||
        values[ANSWER].len == 0 || !read_str(values[ANSWER], &word) ||
        !named_answer(word, &decision.answer) || values[GATE].len == 0 ||
        !read_str(values[GATE], &decision.gate) || !p2p_gate_name_valid(decision.gate) ||
        values[PURPOSE].len == 0 || !read_str(values[PURPOSE], &purpose) ||
        !p2p_gate_purpose_valid(purpose) || values[REASONS].len == 0 ||
        !parse_reasons(&decision, values[REASONS]) || values[STATE].len == 0 ||
        !read_uint(values[STATE], &state) || state > 3 || values[SUBJECTS].len == 0 ||
        !parse_subjects(&decision, values[SUBJECTS]) || values[TIME].len == 0 ||
        !read_uint(values[TIME], &decision.own_ms)) {
        return P2P_MALFORMED;
    }
    decision.late = values[LATE].len > 0;
    if ((decision.late && !read_true(values[LATE])) ||
        (values[KNOWN].len > 0 && (!decision.late || !parse_known(&decision, values[KNOWN]))) ||
        (values[QUORUM].len > 0 &&
         (!read_uint(values[QUORUM], &decision.quorum_ms) || decision.quorum_ms == 0))) {
        return P2P_MALFORMED;
    }
    memcpy(decision.purpose, purpose.data, purpose.len); /* of three words, all shorter */
    decision.incomplete = (state & 1) != 0;
    decision.stale = (state & 2) != 0;
    *out = decision;
    return P2P_OK;
}

void p2p_decisions_begin(struct p2p_decisions_walk *walk, struct p2p_slice payload)
{
    struct p2p_unpack in;
    *walk = (struct p2p_decisions_walk){.failed = true};
    if (p2p_wire_check(payload) == P2P_OK && p2p_unpack_find(payload, "decisions", &in)) {
        walk->in = in;
        walk->left = p2p_unpack_array(&walk->in);
        walk->failed = p2p_unpack_failed(&walk->in);
    }
}

enum p2p_err p2p_decisions_next(struct p2p_decisions_walk *walk, struct p2p_slice *packed)
{
    if (walk->failed) {
        return P2P_MALFORMED;
    }
    if (walk->left == 0) {
        return P2P_NOTFOUND;
    }
    struct p2p_slice found = p2p_unpack_raw(&walk->in);
    walk->left--;
    walk->failed = p2p_unpack_failed(&walk->in);
    if (walk->failed) {
        return P2P_MALFORMED;
    }
    *packed = found;
    return P2P_OK;
}

void p2p_decision_subjects_begin(struct p2p_decision_subjects *walk,
                                 const struct p2p_decision *decision)
{
    p2p_unpack_init(&walk->in, decision->subjects);
    walk->left = p2p_unpack_array(&walk->in);
}

bool p2p_decision_subjects_next(struct p2p_decision_subjects *walk,
                                struct p2p_decision_subject *out)
{
    if (walk->left == 0) {
        return false;
    }
    walk->left--;
    *out = (struct p2p_decision_subject){.check_ok = false};
    p2p_unpack_array(&walk->in);
    out->type = p2p_unpack_str(&walk->in);
    if (p2p_unpack_type(&walk->in) == P2P_WIRE_STR) {
        out->value = p2p_unpack_str(&walk->in);
    } else {
        p2p_unpack_init(&out->tokens, p2p_unpack_raw(&walk->in));
        out->token_count = p2p_unpack_array(&out->tokens);
    }
    out->check_ok = p2p_unpack_bool(&walk->in);
    p2p_assert(!p2p_unpack_failed(&walk->in));
    return true;
}

void p2p_decision_token_next(struct p2p_unpack *tokens, struct p2p_decision_token *out)
{
    p2p_unpack_array(tokens);
    out->circle = p2p_unpack_u32(tokens);
    out->epoch = p2p_unpack_u32(tokens);
    p2p_unpack_fixed(tokens, out->token.bytes, sizeof(out->token.bytes));
    p2p_assert(!p2p_unpack_failed(tokens));
}

/* ---- what was known ---- */

enum p2p_err p2p_decision_known(const struct p2p_decision *decision, const struct p2p_kv *kv,
                                uint32_t feed, uint64_t index, struct p2p_horizon *out)
{
    struct p2p_unpack in;
    if (!decision->late) {
        return p2p_horizon_known(kv, feed, index, out);
    }
    if (!decision->has_known) {
        return P2P_NOTFOUND;
    }
    memset(out->sizes, 0, out->count * sizeof(out->sizes[0]));
    out->good_size = 0;
    out->refuted = false;
    p2p_unpack_init(&in, decision->known);
    for (uint32_t left = p2p_unpack_array(&in); left > 0; left--) {
        p2p_unpack_array(&in);
        uint32_t of = p2p_unpack_u32(&in);
        uint64_t size = p2p_unpack_uint(&in);
        if (of == feed && size > index) {
            return P2P_MALFORMED;
        }
        if (of < out->count) {
            out->sizes[of] = size;
        } else {
            return P2P_MALFORMED; /* of a feed that no charter here names */
        }
    }
    return P2P_OK;
}

/* ---- once more ---- */

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

/* The gate's function over the past, by its own words about itself. */
static enum p2p_err ask(struct p2p_past *past, const struct p2p_decision_place *at,
                        const struct p2p_decision *decision, struct p2p_gate_place *place,
                        struct p2p_decided_again *out)
{
    static const struct p2p_gate_reason read_only = {.code = P2P_GATE_READ_ONLY};
    struct p2p_ledger *ledger = p2p_past_ledger(past);
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, at->feed);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(ledger->charter, info->member);
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    enum p2p_err err = P2P_OK;
    place->locode[0] = '\0'; /* its keys are no business of whoever asks again */
    place->circle_count = 0;
    place->circles_left_out = 0;
    if (member != NULL) {
        p2p_gate_stand(place, ledger->charter, member);
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
    const struct p2p_gate_state state = {
        .incomplete = decision->incomplete,
        .unseen = (asking.tokens && asking.keys_missing) || place->circles_left_out > 0,
        .stale = decision->stale,
        .read_only =
            decision->late && has_reason(decision->reasons, decision->reason_count, &read_only),
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
        if (reason->code == P2P_GATE_STALE ||
            (reason->code == P2P_GATE_INCOMPLETE && !reason->has_record)) {
            return true;
        }
    }
    return false;
}

/* Whether a reason the gate gave may be one that only it could know: that it was not complete,
 * or, while it might not append, a ban of a forked feed that it kept aside. */
static bool may_claim(struct p2p_past *past, const struct p2p_decision *decision,
                      const struct p2p_gate_reason *reason)
{
    if (reason->code == P2P_GATE_INCOMPLETE && !reason->has_record) {
        return decision->incomplete;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_past_ledger(past), reason->record.feed);
    return decision->late && reason->has_record && feed != NULL &&
           feed->ends_at != P2P_FEED_GOES_ON;
}

/* Everything the gate said follows, or is its own to say; and it said everything that follows,
 * unless it was not complete. claimed [out]: it took such a word of its own. */
static bool follows(struct p2p_past *past, const struct p2p_decision *decision,
                    const struct p2p_gate_answer *should, bool *claimed)
{
    *claimed = false;
    for (size_t i = 0; i < decision->reason_count; i++) {
        const struct p2p_gate_reason *given = &decision->reasons[i];
        bool own = !has_reason(should->reasons, should->reason_count, given);
        if (own && !may_claim(past, decision, given)) {
            return false;
        }
        *claimed = *claimed || own;
    }
    for (size_t i = 0; i < should->reason_count; i++) {
        if (!has_reason(decision->reasons, decision->reason_count, &should->reasons[i])) {
            if (!decision->incomplete) {
                return false;
            }
            *claimed = true;
        }
    }
    return true;
}

/* The answer that the reasons given make, whatever the answer given. */
static enum p2p_answer answer_of(const struct p2p_decision *decision)
{
    enum p2p_answer answer = P2P_ANSWER_ALLOW;
    for (size_t i = 0; i < decision->reason_count; i++) {
        enum p2p_answer least = p2p_gate_code_answer(decision->reasons[i].code);
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

static enum p2p_decided compare(struct p2p_past *past, const struct p2p_decision_place *at,
                                const struct p2p_gate_place *place,
                                const struct p2p_decision *decision,
                                const struct p2p_gate_answer *should)
{
    bool claimed = false;
    bool withheld = any_withheld(at, place);
    bool lacks = p2p_past_lacks(past);
    if (decision->answer == should->answer && same_reasons(decision, should)) {
        return rests_on_claims(should) ? P2P_DECIDED_CLAIMED : P2P_DECIDED_RIGHT;
    }
    if (follows(past, decision, should, &claimed) && claimed && !is_cut_off(should) &&
        answer_of(decision) == decision->answer && decision->answer >= P2P_ANSWER_REFER) {
        return P2P_DECIDED_CLAIMED;
    }
    /* Without some payloads only bans are missing here, so what follows is the least. */
    if (lacks || (withheld && should->answer <= decision->answer)) {
        return P2P_DECIDED_UNCHECKABLE;
    }
    return decision->answer == should->answer ? P2P_DECIDED_OTHER_REASONS
                                              : P2P_DECIDED_OTHER_ANSWER;
}

enum p2p_err p2p_decision_again(struct p2p_past *past, const struct p2p_horizon *horizon,
                                const struct p2p_decision_place *place,
                                const struct p2p_decision *decision,
                                struct p2p_decided_again *out)
{
    struct p2p_gate_place stands;
    struct p2p_horizon moved = *horizon;
    uint64_t split = 0;
    out->two_heads = false;
    enum p2p_err err = p2p_past_set(past, horizon);
    if (err == P2P_OK) {
        err = ask(past, place, decision, &stands, out);
    }
    if (err != P2P_OK) {
        return err;
    }
    out->decided = compare(past, place, &stands, decision, &out->should);
    if (out->decided <= P2P_DECIDED_CLAIMED || horizon->count == 0 ||
        !p2p_past_parted(past, &split)) {
        return P2P_OK;
    }
    struct p2p_decided_again other = {.two_heads = true};
    moved.good_size = split;
    err = p2p_past_set(past, &moved);
    if (err == P2P_OK) {
        err = ask(past, place, decision, &stands, &other);
    }
    if (err != P2P_OK) {
        return err;
    }
    other.decided = compare(past, place, &stands, decision, &other.should);
    if (other.decided <= P2P_DECIDED_CLAIMED) {
        *out = other;
        return P2P_OK;
    }
    return p2p_past_set(past, horizon);
}
