/* Decisions as they stand in a record, taken apart; and what was known when they were made. */
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
    for (int i = 0; i < P2P_GATE_CODE_COUNT; i++) {
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

enum {
    ANSWER,
    CONTAINER,
    GATE,
    HELD,
    KNOWN,
    LATE,
    PURPOSE,
    QUORUM,
    REASONS,
    STATE,
    SUBJECTS,
    TIME,
    USE,
    KEY_COUNT
};

/* What only a collect says. */
static bool parse_collect(struct p2p_decision *decision, const struct p2p_slice *values,
                          uint64_t state)
{
    const unsigned unready = P2P_GATE_STATE_WAITING | P2P_GATE_STATE_LEASE_OVER;
    decision->ready = (state & P2P_GATE_STATE_WAITING) != 0      ? P2P_CUSTODY_WAITING
                      : (state & P2P_GATE_STATE_LEASE_OVER) != 0 ? P2P_CUSTODY_LEASE_OVER
                                                                 : P2P_CUSTODY_READY;
    decision->repeated = (state & P2P_GATE_STATE_REPEATED) != 0;
    decision->mirrored = (state & P2P_GATE_STATE_MIRRORED) != 0;
    decision->released = values[USE].len > 0;
    if (values[CONTAINER].len == 0) {
        return values[HELD].len == 0 && values[USE].len == 0 &&
               state <= (P2P_GATE_STATE_INCOMPLETE | P2P_GATE_STATE_STALE);
    }
    return read_str(values[CONTAINER], &decision->container) && decision->container.len > 0 &&
           decision->container.len <= P2P_CONTAINER_BYTES_MAX && (state & unready) != unready &&
           state < 2 * P2P_GATE_STATE_MIRRORED && (values[HELD].len > 0) == !decision->late &&
           (decision->late || read_uint(values[HELD], &decision->held)) &&
           (!decision->released || read_uint(values[USE], &decision->use)) &&
           (!decision->repeated || decision->released) &&
           (!decision->mirrored || decision->repeated);
}

enum p2p_err p2p_decision_parse(struct p2p_decision *out, struct p2p_slice packed)
{
    static const char *const keys[KEY_COUNT] = {
        "answer",      "container", "gate",  "held",     "known", "late", "purpose",
        "quorum_time", "reasons",   "state", "subjects", "time",  "use"};
    struct p2p_slice values[KEY_COUNT];
    struct p2p_slice word = {0};
    struct p2p_slice purpose = {0};
    struct p2p_decision decision = {.late = false};
    uint64_t state = 0;
    if (!p2p_unpack_fields(packed, keys, values, KEY_COUNT) ||
        !only_these(packed, values, KEY_COUNT) || values[ANSWER].len == 0 ||
        !read_str(values[ANSWER], &word) || !named_answer(word, &decision.answer) ||
        values[GATE].len == 0 || !read_str(values[GATE], &decision.gate) ||
        !p2p_gate_name_valid(decision.gate) || values[PURPOSE].len == 0 ||
        !read_str(values[PURPOSE], &purpose) || !p2p_gate_purpose_valid(purpose) ||
        values[REASONS].len == 0 || !parse_reasons(&decision, values[REASONS]) ||
        values[STATE].len == 0 || !read_uint(values[STATE], &state) ||
        values[SUBJECTS].len == 0 || !parse_subjects(&decision, values[SUBJECTS]) ||
        values[TIME].len == 0 || !read_uint(values[TIME], &decision.own_ms)) {
        return P2P_MALFORMED;
    }
    decision.late = values[LATE].len > 0;
    if ((decision.late && !read_true(values[LATE])) ||
        (values[KNOWN].len > 0 && (!decision.late || !parse_known(&decision, values[KNOWN]))) ||
        (values[QUORUM].len > 0 &&
         (!read_uint(values[QUORUM], &decision.quorum_ms) || decision.quorum_ms == 0)) ||
        !parse_collect(&decision, values, state)) {
        return P2P_MALFORMED;
    }
    memcpy(decision.purpose, purpose.data, purpose.len); /* of three words, all shorter */
    decision.incomplete = (state & P2P_GATE_STATE_INCOMPLETE) != 0;
    decision.stale = (state & P2P_GATE_STATE_STALE) != 0;
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
        if (decision->held > index) {
            return P2P_MALFORMED;
        }
        enum p2p_err err = p2p_horizon_known(kv, feed, index, out);
        if (err == P2P_OK && decision->container.len > 0 && feed < out->count) {
            out->sizes[feed] = decision->held;
        }
        return err;
    }
    if (!decision->has_known) {
        return P2P_NOTFOUND;
    }
    memset(out->sizes, 0, out->count * sizeof(out->sizes[0]));
    out->good_size = 0;
    out->refuted = false;
    out->taken_back = false;
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
