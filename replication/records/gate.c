#include <p2p/gate.h>

#include <p2p/kept.h>

#include <string.h>

const char *p2p_answer_word(enum p2p_answer answer)
{
    static const char *const words[] = {
#define ANSWER_WORD(name, word) [P2P_ANSWER_##name] = word,
        P2P_ANSWER_MAP(ANSWER_WORD)
#undef ANSWER_WORD
    };
    return words[answer];
}

static const struct {
    const char *word;
    enum p2p_answer at_least;
} codes[] = {
#define CODE_ROW(name, word, answer) [P2P_GATE_##name] = {word, P2P_ANSWER_##answer},
    P2P_GATE_CODE_MAP(CODE_ROW)
#undef CODE_ROW
};

const char *p2p_gate_code_word(enum p2p_gate_code code)
{
    return codes[code].word;
}

enum p2p_answer p2p_gate_code_answer(enum p2p_gate_code code)
{
    return codes[code].at_least;
}

bool p2p_gate_name_valid(struct p2p_slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') {
            return false;
        }
    }
    return name.len > 0 && name.len <= P2P_GATE_NAME_BYTES_MAX;
}

bool p2p_gate_purpose_valid(struct p2p_slice purpose)
{
    return p2p_slice_equal(purpose, p2p_slice_text("enter")) ||
           p2p_slice_equal(purpose, p2p_slice_text("work")) ||
           p2p_slice_equal(purpose, p2p_slice_text("call"));
}

void p2p_gate_add(struct p2p_gate_answer *answer, enum p2p_gate_code code, uint32_t circle,
                  const struct p2p_record_id *record)
{
    if (codes[code].at_least > answer->answer) {
        answer->answer = codes[code].at_least;
    }
    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct p2p_gate_reason *known = &answer->reasons[i];
        if (known->code == code && known->has_record == (record != NULL) &&
            (record == NULL || p2p_record_id_compare(&known->record, record) == 0)) {
            return; /* another subject of the same question met the same record */
        }
    }
    answer->reasons_total++;
    if (answer->reason_count < P2P_GATE_REASONS_MAX) {
        struct p2p_gate_reason *reason = &answer->reasons[answer->reason_count++];
        *reason = (struct p2p_gate_reason){.code = code, .circle = circle};
        if (record != NULL) {
            reason->has_record = true;
            reason->record = *record;
        }
    }
}

void p2p_gate_merge(struct p2p_gate_answer *answer, const struct p2p_gate_answer *more)
{
    for (size_t i = 0; i < more->reason_count; i++) {
        const struct p2p_gate_reason *reason = &more->reasons[i];
        p2p_gate_add(answer, reason->code, reason->circle,
                     reason->has_record ? &reason->record : NULL);
    }
    answer->reasons_total += more->reasons_total - more->reason_count;
    answer->answer = more->answer > answer->answer ? more->answer : answer->answer;
}

static uint64_t apart_ms(const struct p2p_gate_question *question)
{
    return question->own_ms > question->quorum_ms ? question->own_ms - question->quorum_ms
                                                  : question->quorum_ms - question->own_ms;
}

/* A prohibition is in force if either clock says so. Where only one does and they are further
 * apart than policy allows, nobody can tell: people decide. */
static void weigh_time(const struct p2p_ledger *ledger,
                       const struct p2p_gate_question *question, bool weak,
                       const struct p2p_ban *ban, struct p2p_gate_answer *answer)
{
    enum p2p_ban_state state = p2p_ban_state_at(ban, question->own_ms);
    bool own = state == P2P_BAN_IN_FORCE;
    bool quorum = question->quorum_ms == 0
                      ? own
                      : p2p_ban_state_at(ban, question->quorum_ms) == P2P_BAN_IN_FORCE;
    if (own != quorum &&
        apart_ms(question) > p2p_charter_policy(ledger->charter)->clock_skew_s * 1000ull) {
        p2p_gate_add(answer, P2P_GATE_CLOCK, ban->circle, &ban->id);
    } else if (own || quorum) {
        p2p_gate_add(answer, weak ? P2P_GATE_PARTIAL_MATCH : P2P_GATE_BANNED, ban->circle,
                     &ban->id);
    } else if (state == P2P_BAN_SUSPENDED) {
        p2p_gate_add(answer, P2P_GATE_SUSPENDED, ban->circle, &ban->id);
    }
}

/* A ban without effect only because its author knew more of the charter than we do. */
static enum p2p_err weigh_void(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                               const struct p2p_ban *ban, struct p2p_gate_answer *answer)
{
    bool ahead = false;
    if (ban->why != P2P_WHY_UNKNOWN_ISSUER && ban->why != P2P_WHY_NO_GRANT) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_known_ahead(ledger, kv, ban->id.feed, &ahead);
    if (err == P2P_OK && ahead) {
        p2p_gate_add(answer, P2P_GATE_INCOMPLETE, ban->circle, &ban->id);
    }
    return err;
}

static enum p2p_err weigh_ban(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                              const struct p2p_gate_question *question, bool weak,
                              const struct p2p_ban *ban, struct p2p_gate_answer *answer)
{
    if (!p2p_ban_has_effect(ban, p2p_slice_text(question->purpose)) ||
        !p2p_ban_covers(ban, p2p_slice_text(question->locode))) {
        return P2P_OK;
    }
    if (ban->why != P2P_WHY_NONE) {
        return weigh_void(ledger, kv, ban, answer);
    }
    weigh_time(ledger, question, weak, ban, answer);
    return P2P_OK;
}

/* Bans of a forked feed that no record carries yet: the stricter of view and kept ban. */
static enum p2p_err look_up_kept(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                 const struct p2p_gate_question *question, uint32_t circle,
                                 bool weak, const struct p2p_subject_key *key,
                                 struct p2p_gate_answer *answer)
{
    struct p2p_hash at = {.bytes = {0}};
    struct p2p_ban ban;
    bool begin = true;
    enum p2p_err err = question->none_kept ? P2P_NOTFOUND : P2P_OK;
    while (err == P2P_OK &&
           (err = p2p_kept_next_on(ledger, kv, circle, key, &at, begin, &ban)) == P2P_OK) {
        err = weigh_ban(ledger, kv, question, weak, &ban, answer);
        begin = false;
    }
    if (err == P2P_CORRUPT) { /* the disk spoiled it, and no record can mend it */
        p2p_gate_add(answer, P2P_GATE_INCOMPLETE, circle, NULL);
    }
    return err == P2P_NOTFOUND || err == P2P_CORRUPT ? P2P_OK : err;
}

/* ---- a question, step by step ---- */

void p2p_gate_begin(struct p2p_gate_answer *answer)
{
    answer->answer = P2P_ANSWER_ALLOW;
    answer->reason_count = 0;
    answer->reasons_total = 0;
}

void p2p_gate_bad_identifier(struct p2p_gate_answer *answer)
{
    p2p_gate_add(answer, P2P_GATE_BAD_IDENTIFIER, 0, NULL);
}

enum p2p_err p2p_gate_look_up(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                              const struct p2p_gate_question *question, uint32_t circle,
                              bool weak, const struct p2p_subject_key *key,
                              struct p2p_gate_answer *answer)
{
    struct p2p_record_id id = {0, 0};
    bool begin = true;
    for (;;) {
        struct p2p_ban ban;
        enum p2p_err err = p2p_ban_next_on(kv, circle, key, &id, begin, &id);
        if (err == P2P_NOTFOUND) {
            return look_up_kept(ledger, kv, question, circle, weak, key, answer);
        }
        if (err == P2P_OK) {
            err = p2p_ban_get(kv, circle, &id, &ban);
        }
        if (err == P2P_OK) {
            err = weigh_ban(ledger, kv, question, weak, &ban, answer);
        }
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
        }
        begin = false;
    }
}

void p2p_gate_end(const struct p2p_gate_state *state, struct p2p_gate_answer *answer)
{
    if ((state->incomplete || state->unseen) && answer->answer < P2P_ANSWER_REFER) {
        p2p_gate_add(answer, P2P_GATE_INCOMPLETE, state->incomplete_circle, NULL);
    }
    if (state->stale) {
        p2p_gate_add(answer, P2P_GATE_STALE, 0, NULL);
    }
    if (state->read_only) {
        p2p_gate_add(answer, P2P_GATE_READ_ONLY, 0, NULL);
    }
    if (state->read_only && state->collects && answer->answer < P2P_ANSWER_REFER) {
        answer->answer = P2P_ANSWER_REFER;
    }
}

/* ---- the node's question: identifiers, and the keys to look for them ---- */

static struct p2p_token compute_token(const struct p2p_gate_place *place,
                                      const struct p2p_gate_check *check, size_t subject,
                                      size_t key)
{
    const struct p2p_circle_secret *secret = &place->keys[key];
    return p2p_subject_token(&check->subjects[subject], &secret->key, secret->epoch);
}

void p2p_gate_tokens(const struct p2p_gate_place *place, const struct p2p_gate_check *check,
                     struct p2p_token *out)
{
    for (size_t i = 0; i < check->subject_count; i++) {
        for (size_t k = 0; k < place->key_count; k++) {
            struct p2p_token *token = &out[i * place->key_count + k];
            *token = check->subjects[i].type->clear ? (struct p2p_token){.bytes = {0}}
                                                    : compute_token(place, check, i, k);
        }
    }
}

struct p2p_token p2p_gate_token(const struct p2p_gate_place *place,
                                const struct p2p_gate_check *check, size_t subject, size_t key)
{
    return check->tokens != NULL ? check->tokens[subject * place->key_count + key]
                                 : compute_token(place, check, subject, key);
}

static enum p2p_err look_up_subject(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                    const struct p2p_gate_place *place,
                                    const struct p2p_gate_check *check,
                                    const struct p2p_gate_question *question, size_t n,
                                    struct p2p_gate_answer *answer)
{
    const struct p2p_subject *subject = &check->subjects[n];
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    if (subject->type->clear) {
        p2p_subject_key_clear(&key, subject->type->word, p2p_slice_text(subject->value));
        for (size_t i = 0; i < place->circle_count && err == P2P_OK; i++) {
            err = p2p_gate_look_up(ledger, kv, question, place->circles[i], subject->type->weak,
                                   &key, answer);
        }
        return err;
    }
    for (size_t i = 0; i < place->key_count && err == P2P_OK; i++) {
        const struct p2p_circle_secret *secret = &place->keys[i];
        struct p2p_token token = p2p_gate_token(place, check, n, i);
        p2p_subject_key_token(&key, subject->type->word, secret->epoch, &token);
        err = p2p_gate_look_up(ledger, kv, question, secret->circle, subject->type->weak, &key,
                               answer);
    }
    return err;
}

static bool has_token(const struct p2p_gate_check *check)
{
    for (size_t i = 0; i < check->subject_count; i++) {
        if (!check->subjects[i].type->clear) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_gate_present(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                              const struct p2p_gate_place *place,
                              const struct p2p_gate_check *check,
                              const struct p2p_gate_question *question,
                              struct p2p_gate_answer *answer)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < check->subject_count && err == P2P_OK; i++) {
        if (!check->subjects[i].check_ok) {
            p2p_gate_bad_identifier(answer);
        }
        err = look_up_subject(ledger, kv, place, check, question, i, answer);
    }
    return err;
}

struct p2p_gate_state p2p_gate_state_of(const struct p2p_gate_place *place,
                                        const struct p2p_gate_check *check)
{
    return (struct p2p_gate_state){
        .incomplete = check->incomplete,
        .incomplete_circle = check->incomplete_circle,
        .unseen = ((place->keys_missing > 0 || place->hidden.keys) && has_token(check)) ||
                  place->circles_left_out > 0 || place->hidden.circles,
        .stale = check->stale,
        .read_only = check->read_only,
    };
}

enum p2p_err p2p_gate_decide(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                             const struct p2p_gate_place *place,
                             const struct p2p_gate_check *check, struct p2p_gate_answer *answer)
{
    struct p2p_gate_question question = {.locode = place->locode,
                                         .purpose = check->purpose,
                                         .own_ms = check->own_ms,
                                         .quorum_ms = check->quorum_ms};
    const struct p2p_gate_state state = p2p_gate_state_of(place, check);
    p2p_gate_begin(answer);
    enum p2p_err err = p2p_kept_none(kv, &question.none_kept);
    if (err == P2P_OK) {
        err = p2p_gate_present(ledger, kv, place, check, &question, answer);
    }
    p2p_gate_end(&state, answer);
    return err;
}

void p2p_gate_stand(struct p2p_gate_place *place, const struct p2p_charter *charter,
                    const struct p2p_member *member)
{
    memcpy(place->locode, member->locode, sizeof(place->locode));
    place->circle_count = 0;
    place->circles_left_out = 0;
    for (uint32_t i = 0; i <= p2p_charter_circle_count(charter); i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, i);
        if (i != 0 && (circle == NULL || !p2p_circle_has(circle, member->number))) {
            continue;
        }
        if (place->circle_count < P2P_GATE_CIRCLES_MAX) {
            place->circles[place->circle_count++] = i;
        } else {
            place->circles_left_out++;
        }
    }
}

/* ---- a decision on the wire ---- */

static void pack_tokens(struct p2p_pack *pack, const struct p2p_gate_place *place,
                        const struct p2p_gate_check *check, size_t subject)
{
    p2p_pack_array(pack, (uint32_t)place->key_count);
    for (size_t i = 0; i < place->key_count; i++) {
        const struct p2p_circle_secret *secret = &place->keys[i];
        struct p2p_token token = p2p_gate_token(place, check, subject, i);
        p2p_pack_array(pack, 3);
        p2p_pack_uint(pack, secret->circle);
        p2p_pack_uint(pack, secret->epoch);
        p2p_pack_bin(pack, token.bytes, sizeof(token.bytes));
    }
}

static void pack_subjects(struct p2p_pack *pack, const struct p2p_gate_place *place,
                          const struct p2p_gate_check *check)
{
    p2p_pack_array(pack, (uint32_t)check->subject_count);
    for (size_t i = 0; i < check->subject_count; i++) {
        const struct p2p_subject *subject = &check->subjects[i];
        p2p_pack_array(pack, 3);
        p2p_pack_text(pack, subject->type->word);
        if (subject->type->clear) {
            p2p_pack_text(pack, subject->value);
        } else {
            pack_tokens(pack, place, check, i);
        }
        p2p_pack_bool(pack, subject->check_ok);
    }
}

static void pack_reasons(struct p2p_pack *pack, const struct p2p_gate_answer *answer)
{
    p2p_pack_array(pack, (uint32_t)answer->reason_count);
    for (size_t i = 0; i < answer->reason_count; i++) {
        const struct p2p_gate_reason *reason = &answer->reasons[i];
        p2p_pack_array(pack, reason->has_record ? 3 : 1);
        p2p_pack_text(pack, p2p_gate_code_word(reason->code));
        if (reason->has_record) {
            p2p_pack_uint(pack, reason->record.feed);
            p2p_pack_uint(pack, reason->record.index);
        }
    }
}

static size_t known_feeds(const struct p2p_ledger *ledger)
{
    size_t count = 0;
    for (size_t i = 0; i < ledger->feed_count; i++) {
        count += ledger->feeds[i]->edge.size > 0;
    }
    return count;
}

/* No `seen` says what was known while the node might not append. */
static void pack_known(struct p2p_pack *pack, const struct p2p_ledger *ledger, size_t count)
{
    p2p_pack_array(pack, (uint32_t)count);
    for (size_t i = 0; i < ledger->feed_count; i++) {
        if (ledger->feeds[i]->edge.size > 0) {
            p2p_pack_array(pack, 2);
            p2p_pack_uint(pack, i);
            p2p_pack_uint(pack, ledger->feeds[i]->edge.size);
        }
    }
}

static unsigned state_bits(const struct p2p_gate_check *check)
{
    unsigned bits = 0;
    bits |= check->incomplete ? P2P_GATE_STATE_INCOMPLETE : 0;
    bits |= check->stale ? P2P_GATE_STATE_STALE : 0;
    if (check->container[0] == '\0') {
        return bits;
    }
    bits |= check->ready == P2P_CUSTODY_WAITING ? P2P_GATE_STATE_WAITING : 0;
    bits |= check->ready == P2P_CUSTODY_LEASE_OVER ? P2P_GATE_STATE_LEASE_OVER : 0;
    bits |= check->repeated ? P2P_GATE_STATE_REPEATED : 0;
    return bits | (check->repeated && check->mirrored ? P2P_GATE_STATE_MIRRORED : 0);
}

void p2p_gate_pack(struct p2p_pack *pack, const struct p2p_gate_place *place,
                   const struct p2p_gate_check *check, const struct p2p_gate_answer *answer,
                   const struct p2p_ledger *late)
{
    size_t known = late == NULL ? 0 : known_feeds(late);
    bool told = known > 0 && known <= P2P_GATE_KNOWN_MAX;
    bool collects = check->container[0] != '\0';
    p2p_pack_map(pack, 7u + (check->quorum_ms != 0) + (late != NULL) + told + collects +
                           (collects && late == NULL) + (collects && check->released));
    p2p_pack_text(pack, "answer");
    p2p_pack_text(pack, p2p_answer_word(answer->answer));
    if (collects) {
        p2p_pack_text(pack, "container");
        p2p_pack_text(pack, check->container);
    }
    p2p_pack_text(pack, "gate");
    p2p_pack_text(pack, check->gate);
    if (collects && late == NULL) {
        p2p_pack_text(pack, "held");
        p2p_pack_uint(pack, check->held);
    }
    if (told) {
        p2p_pack_text(pack, "known");
        pack_known(pack, late, known);
    }
    if (late != NULL) {
        p2p_pack_text(pack, "late");
        p2p_pack_bool(pack, true);
    }
    p2p_pack_text(pack, "purpose");
    p2p_pack_text(pack, check->purpose);
    if (check->quorum_ms != 0) {
        p2p_pack_text(pack, "quorum_time");
        p2p_pack_uint(pack, check->quorum_ms);
    }
    p2p_pack_text(pack, "reasons");
    pack_reasons(pack, answer);
    p2p_pack_text(pack, "state");
    p2p_pack_uint(pack, state_bits(check));
    p2p_pack_text(pack, "subjects");
    pack_subjects(pack, place, check);
    p2p_pack_text(pack, "time");
    p2p_pack_uint(pack, check->own_ms);
    if (collects && check->released) {
        p2p_pack_text(pack, "use");
        p2p_pack_uint(pack, check->use);
    }
}
