#include <p2p/collect.h>

#include <p2p/kind.h>
#include <p2p/planted.h>

#include <string.h>

/* ---- the token ---- */

/* What released the token is the release that the same question made before. */
static bool is_repeated(const struct p2p_collect_question *question,
                        const struct p2p_custody *custody)
{
    return question->repeated && custody->state == P2P_CUSTODY_RELEASED &&
           p2p_record_id_compare(&custody->step, &question->use) == 0;
}

/* Larger counts more: whoever stands in the yard now goes before a release of an earlier visit.
 */
static unsigned rank_of(const struct p2p_collect_question *question,
                        const struct p2p_custody *custody)
{
    if (!p2p_custody_is_over(custody->state)) {
        return custody->holder == question->feed ? 5 : 4;
    }
    if (custody->state == P2P_CUSTODY_RELEASED) {
        return is_repeated(question, custody) ? 3 : 2;
    }
    return 1;
}

enum p2p_err p2p_collect_find(const struct p2p_kv *kv,
                              const struct p2p_collect_question *question,
                              struct p2p_collect_token *out)
{
    const struct p2p_gate_place *place = question->place;
    unsigned best = 0;
    uint32_t circle = 0;
    struct p2p_record_id chosen = {0, 0};
    size_t opens = 0;
    bool there = false; /* out->custody is of that one, and nothing else was read since */
    *out = (struct p2p_collect_token){.found = false};
    for (size_t i = 0; i < place->circle_count; i++) {
        struct p2p_record_id id = {0, 0};
        for (bool begin = true;; begin = false) {
            struct p2p_custody custody;
            enum p2p_err err = p2p_custody_next_of(kv, place->circles[i], question->container,
                                                   &id, begin, &id);
            if (err == P2P_NOTFOUND) {
                break;
            }
            opens++;
            if (err == P2P_OK) {
                err = p2p_custody_get(kv, place->circles[i], &id, &custody);
            }
            if (err == P2P_NOTFOUND) { /* its payload is not here, or not read yet */
                continue;
            }
            if (err != P2P_OK) {
                return err;
            }
            unsigned rank = rank_of(question, &custody);
            bool open = !p2p_custody_is_over(custody.state);
            if (open && best >= 4) {
                out->other = rank > best ? chosen : id;
            }
            there = rank > best || (rank == best && rank < 3);
            if (there) {
                best = rank;
                chosen = id;
                circle = place->circles[i];
                out->custody = custody;
            }
        }
    }
    out->found = best > 0;
    out->alone = opens == 1;
    return out->found && !there ? p2p_custody_get(kv, circle, &chosen, &out->custody) : P2P_OK;
}

/* ---- time: what is allowed must be so by both clocks ---- */

static void weigh_window(const struct p2p_ledger *ledger, const struct p2p_gate_question *gate,
                         uint64_t from_ms, uint64_t until_ms, enum p2p_gate_code code,
                         uint32_t circle, const struct p2p_record_id *record,
                         struct p2p_gate_answer *answer)
{
    uint64_t quorum_ms = gate->quorum_ms == 0 ? gate->own_ms : gate->quorum_ms;
    bool own = gate->own_ms >= from_ms && gate->own_ms < until_ms;
    bool quorum = quorum_ms >= from_ms && quorum_ms < until_ms;
    uint64_t apart_ms =
        gate->own_ms > quorum_ms ? gate->own_ms - quorum_ms : quorum_ms - gate->own_ms;
    if (own && quorum) {
        return;
    }
    bool unsure =
        own != quorum && apart_ms > p2p_charter_policy(ledger->charter)->clock_skew_s * 1000ull;
    p2p_gate_add(answer, unsure ? P2P_GATE_CLOCK : code, circle, record);
}

/* ---- who the right names ---- */

/* A packed subject: its key, type and epoch (0: in clear). */
static bool read_subject(struct p2p_slice packed, const struct p2p_subject_type **type,
                         uint32_t *epoch, struct p2p_subject_key *key)
{
    struct p2p_unpack in;
    p2p_unpack_init(&in, packed);
    p2p_unpack_array(&in);
    *type = p2p_subject_type_named(p2p_unpack_str(&in));
    *epoch = 0;
    if (*type != NULL && !(*type)->clear) {
        p2p_unpack_array(&in);
        *epoch = p2p_unpack_u32(&in);
    }
    bool reads = *type != NULL && !p2p_unpack_failed(&in);
    p2p_unpack_init(&in, packed);
    return reads && p2p_subject_unpack(&in, key);
}

struct weighing {
    struct p2p_ledger *ledger;
    const struct p2p_kv *kv;
    const struct p2p_collect_question *question;
    const struct p2p_right *right;
    struct p2p_gate_answer *answer;
    const struct p2p_right_override *override; /* NULL: none stands */
};

static void against(struct weighing *w, enum p2p_gate_code code,
                    const struct p2p_record_id *record)
{
    p2p_gate_add(w->answer, code, w->right->circle, record);
}

/* Bans on whom the right names, whoever is presented. */
static enum p2p_err look_up_named(struct weighing *w, const struct p2p_subject_type *type,
                                  const struct p2p_subject_key *key)
{
    const struct p2p_gate_place *place = w->question->place;
    enum p2p_err err = P2P_OK;
    if (!type->clear) {
        return p2p_gate_look_up(w->ledger, w->kv, w->question->gate, w->right->circle,
                                type->weak, key, w->answer);
    }
    for (size_t i = 0; i < place->circle_count && err == P2P_OK; i++) {
        err = p2p_gate_look_up(w->ledger, w->kv, w->question->gate, place->circles[i],
                               type->weak, key, w->answer);
    }
    return err;
}

/* Bans on the container itself: in whichever circle, whatever its right says. */
static enum p2p_err weigh_container(struct weighing *w)
{
    const struct p2p_subject_type *type = p2p_subject_type_named(p2p_slice_text("container"));
    struct p2p_subject_key key;
    p2p_subject_key_clear(&key, type->word, w->question->container);
    return look_up_named(w, type, &key);
}

/* One of driver, truck, company. code: when it is not presented; READ_ONLY: it need not be. */
static enum p2p_err weigh_named(struct weighing *w, struct p2p_slice packed,
                                enum p2p_gate_code code)
{
    const struct p2p_presented *presented = w->question->presented;
    const struct p2p_subject_type *type;
    struct p2p_subject_key key;
    uint32_t epoch;
    if (packed.len == 0) {
        return P2P_OK;
    }
    if (!read_subject(packed, &type, &epoch, &key)) {
        return P2P_CORRUPT;
    }
    enum p2p_err err = look_up_named(w, type, &key);
    bool needed =
        code == P2P_GATE_WRONG_DRIVER || (code == P2P_GATE_WRONG_TRUCK && w->override == NULL);
    if (err == P2P_OK && needed) {
        switch (presented->has(presented->context, type, w->right->circle, epoch, &key)) {
        case P2P_PRESENTS_YES:
            break;
        case P2P_PRESENTS_NO:
            if (!P2P_PLANT(ANY_DRIVER)) {
                against(w, code, &w->right->assigned_by);
            }
            break;
        case P2P_PRESENTS_UNKNOWN:
            against(w, P2P_GATE_INCOMPLETE, &w->right->assigned_by);
            break;
        }
    }
    return err;
}

/* ---- the right ---- */

static const enum p2p_gate_code light_codes[P2P_LIGHT_COUNT] = {
    [P2P_LIGHT_COMMERCIAL] = P2P_GATE_LIGHT_COMMERCIAL,
    [P2P_LIGHT_CUSTOMS] = P2P_GATE_LIGHT_CUSTOMS,
    [P2P_LIGHT_DISCHARGE] = P2P_GATE_LIGHT_DISCHARGE,
    [P2P_LIGHT_TERMINAL] = P2P_GATE_LIGHT_TERMINAL,
};

static void weigh_lights(struct weighing *w)
{
    const struct p2p_right *right = w->right;
    unsigned overruled = w->override == NULL ? 0 : w->override->lights;
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        if (right->lights[i] != 0 && (overruled & 1u << i) == 0 && !P2P_PLANT(LIGHT_IGNORED)) {
            against(w, light_codes[i],
                    right->light_by[i].feed != 0 ? &right->light_by[i] : &right->id);
        }
    }
}

static void weigh_blocks(struct weighing *w)
{
    const struct p2p_right *right = w->right;
    if (right->too_long) {
        against(w, P2P_GATE_BLOCKED, &right->id);
    }
    for (size_t i = 0; i < right->block_count; i++) {
        if ((w->override == NULL || !w->override->blocks) && !P2P_PLANT(BLOCK_IGNORED)) {
            against(w, P2P_GATE_BLOCKED, &right->blocks[i]);
        }
    }
}

/* What is asked and not ruled yet: a transfer, return or revoke by who holds or gave it shows
 * that somebody else is to collect. */
static enum p2p_err weigh_unruled(struct weighing *w)
{
    enum p2p_err err = P2P_OK;
    if (w->right->unruled_count == P2P_RIGHT_UNRULED_MAX) {
        against(w, P2P_GATE_UNRULED, &w->right->unruled[0]); /* more may wait than are told */
    }
    for (size_t i = 0; i < w->right->unruled_count && err == P2P_OK; i++) {
        struct p2p_entry entry;
        err = p2p_ledger_entry(w->ledger, &w->right->unruled[i], &entry);
        if (err == P2P_OK && (entry.record.kind == P2P_KIND_RIGHT_TRANSFER ||
                              entry.record.kind == P2P_KIND_RIGHT_RETURN ||
                              entry.record.kind == P2P_KIND_RIGHT_REVOKE)) {
            against(w, P2P_GATE_UNRULED, &w->right->unruled[i]);
        }
    }
    return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
}

/* What would forbid and lacks effect only because its author knew more of the charter. */
static enum p2p_err weigh_unsure(struct weighing *w)
{
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < w->right->unsure_count && err == P2P_OK; i++) {
        bool ahead = false;
        err = p2p_known_ahead(w->ledger, w->kv, w->right->unsure[i].feed, &ahead);
        if (err == P2P_OK && ahead) {
            against(w, P2P_GATE_INCOMPLETE, &w->right->unsure[i]);
        }
    }
    return err;
}

static enum p2p_err weigh_assigned(struct weighing *w)
{
    const struct p2p_right *right = w->right;
    enum p2p_err err = weigh_named(w, right->driver, P2P_GATE_WRONG_DRIVER);
    if (err == P2P_OK) {
        err = weigh_named(w, right->truck, P2P_GATE_WRONG_TRUCK);
    }
    if (err == P2P_OK) {
        err = weigh_named(w, right->company, P2P_GATE_READ_ONLY);
    }
    if (err == P2P_OK && right->slot_until_ms != 0 && w->override == NULL &&
        !P2P_PLANT(ANY_TIME)) {
        weigh_window(w->ledger, w->question->gate, right->slot_from_ms, right->slot_until_ms,
                     P2P_GATE_OUTSIDE_SLOT, right->circle, &right->assigned_by, w->answer);
    }
    return err;
}

/* Everything that speaks against a right that is not ended. */
static enum p2p_err weigh_right(struct weighing *w)
{
    const struct p2p_right *right = w->right;
    enum p2p_err err = P2P_OK;
    if (right->below != P2P_RIGHT_ACTIVE || right->assigned_by.feed == 0) {
        against(w, P2P_GATE_NOT_ACCEPTED, &right->chain[right->chain_count - 1].by);
    } else {
        err = weigh_assigned(w);
    }
    weigh_window(w->ledger, w->question->gate, 0, right->expires_ms, P2P_GATE_EXPIRED,
                 right->circle, &right->id, w->answer);
    weigh_lights(w);
    weigh_blocks(w);
    if (err == P2P_OK) {
        err = weigh_unruled(w);
    }
    return err == P2P_OK ? weigh_unsure(w) : err;
}

/* Whom the right names, out of the store: what is looked up next may take its place there. */
struct named {
    uint8_t driver[P2P_SUBJECT_KEY_BYTES_MAX];
    uint8_t truck[P2P_SUBJECT_KEY_BYTES_MAX];
    uint8_t company[P2P_SUBJECT_KEY_BYTES_MAX];
};

static bool keep_one(struct p2p_slice *slice, uint8_t out[P2P_SUBJECT_KEY_BYTES_MAX])
{
    if (slice->len > P2P_SUBJECT_KEY_BYTES_MAX) {
        return false;
    }
    if (slice->len > 0) {
        memcpy(out, slice->data, slice->len);
    }
    *slice = p2p_slice_of(out, slice->len);
    return true;
}

static bool keep(struct p2p_right *right, struct named *named)
{
    return keep_one(&right->driver, named->driver) && keep_one(&right->truck, named->truck) &&
           keep_one(&right->company, named->company);
}

static bool is_live(const struct p2p_right *right)
{
    return ((1u << right->below) & P2P_IN_LIVE) != 0 && right->chain_count > 0;
}

/* The rights that name the token: the one with the least against it; of none that is not ended,
 * what became of the last. */
static enum p2p_err weigh_rights(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                 const struct p2p_collect_question *question,
                                 const struct p2p_custody *custody,
                                 struct p2p_gate_answer *answer,
                                 struct p2p_collect_found *found, bool *stale)
{
    struct p2p_gate_answer best = {.answer = P2P_ANSWER_REFUSE};
    struct p2p_gate_answer one;
    struct p2p_record_id id = {0, 0};
    struct p2p_record_id ended = {0, 0};
    bool used = false;
    for (bool begin = true;; begin = false) {
        struct p2p_right right;
        enum p2p_err err =
            p2p_right_next_on(kv, custody->circle, &custody->id, &id, begin, &id);
        if (err == P2P_NOTFOUND) {
            break;
        }
        if (err == P2P_OK) {
            err = p2p_right_get(kv, custody->circle, &id, &right);
        }
        if (err == P2P_NOTFOUND) {
            continue;
        }
        if (err != P2P_OK) {
            return err;
        }
        if (!is_live(&right)) {
            used = used || right.used_by.feed != 0;
            ended = right.used_by.feed != 0             ? right.used_by
                    : !used && right.ended_by.feed != 0 ? right.ended_by
                                                        : ended;
            continue;
        }
        struct named named;
        if (!keep(&right, &named)) {
            return P2P_CORRUPT;
        }
        struct weighing w = {.ledger = ledger,
                             .kv = kv,
                             .question = question,
                             .right = &right,
                             .answer = &one,
                             .override = right.override.by.feed != 0 ? &right.override : NULL};
        p2p_gate_begin(&one);
        err = weigh_right(&w);
        if (err != P2P_OK) {
            return err;
        }
        if (found->right.feed == 0 || one.answer < best.answer) {
            best = one;
            found->right = id;
            found->seconded = right.override.seconded;
            *stale = question->stale && w.override == NULL;
        }
    }
    if (found->right.feed == 0) {
        p2p_gate_add(answer, used ? P2P_GATE_USED : P2P_GATE_NO_RIGHT, custody->circle,
                     ended.feed != 0 ? &ended : NULL);
        return P2P_OK;
    }
    p2p_gate_merge(answer, &best);
    return P2P_OK;
}

/* ---- the whole ---- */

static void weigh_ready(const struct p2p_collect_question *question,
                        struct p2p_gate_answer *answer)
{
    switch (question->ready) {
    case P2P_CUSTODY_READY:
        break;
    case P2P_CUSTODY_WAITING:
        p2p_gate_add(answer, P2P_GATE_CUSTODY_WAITING, 0, NULL);
        break;
    case P2P_CUSTODY_LEASE_OVER:
        p2p_gate_add(answer, P2P_GATE_LEASE_OVER, 0, NULL);
        break;
    }
}

/* Whether a record speaks against a release since: its author did not surely know it, or it
 * would have been weighed then. */
static enum p2p_err is_since(const struct weighing *w, const struct p2p_record_id *record,
                             bool *since)
{
    const struct p2p_record_id *use = &w->right->used_by;
    uint64_t known = 0;
    enum p2p_err err = p2p_known_surely(w->ledger, use->feed, use->index, record->feed, &known);
    *since = err == P2P_OK && record->feed != 0 && record->index >= known;
    return err;
}

/* What forbids and came since the release, of the right that it was on. */
static enum p2p_err weigh_since(struct weighing *w)
{
    const struct p2p_right *right = w->right;
    bool since = false;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < right->block_count && err == P2P_OK; i++) {
        err = is_since(w, &right->blocks[i], &since);
        if (err == P2P_OK && since) {
            against(w, P2P_GATE_BLOCKED, &right->blocks[i]);
        }
    }
    for (unsigned i = 0; i < P2P_LIGHT_COUNT && err == P2P_OK; i++) {
        err = is_since(w, &right->light_by[i], &since);
        if (err == P2P_OK && since && right->lights[i] != 0) {
            against(w, light_codes[i], &right->light_by[i]);
        }
    }
    if (err == P2P_OK) {
        err = is_since(w, &right->ended_by, &since);
    }
    if (err == P2P_OK && since) {
        against(w, P2P_GATE_NO_RIGHT, &right->ended_by);
    }
    if (right->too_long) {
        against(w, P2P_GATE_BLOCKED, &right->id);
    }
    return err == P2P_OK ? weigh_unsure(w) : err;
}

/* A release that was not answered yet. The container leaves on the answer, not on the `use`: by
 * now somebody else may have taken it over, or forbidden it. */
static enum p2p_err weigh_repeated(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                   const struct p2p_collect_question *question,
                                   const struct p2p_custody *custody,
                                   struct p2p_gate_answer *answer)
{
    const uint32_t circle = custody->circle;
    const struct p2p_record_id token = custody->id;
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    weigh_ready(question, answer);
    if (custody->frozen != 0) {
        p2p_gate_add(answer, P2P_GATE_CUSTODY_FROZEN, circle, &token);
    }
    if (!question->mirrored) {
        p2p_gate_add(answer, P2P_GATE_NOT_MIRRORED, circle, &question->use);
    }
    for (bool begin = true; err == P2P_OK; begin = false) {
        struct p2p_right right;
        err = p2p_right_next_on(kv, circle, &token, &id, begin, &id);
        enum p2p_err got =
            err == P2P_OK ? p2p_right_get(kv, circle, &id, &right) : P2P_NOTFOUND;
        if (got == P2P_OK && p2p_record_id_compare(&right.used_by, &question->use) == 0) {
            struct weighing w = {.ledger = ledger,
                                 .kv = kv,
                                 .question = question,
                                 .right = &right,
                                 .answer = answer};
            got = weigh_since(&w);
        }
        err = err == P2P_OK && got != P2P_NOTFOUND ? got : err;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

enum p2p_err p2p_collect_weigh(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                               const struct p2p_collect_question *question,
                               const struct p2p_collect_token *token,
                               struct p2p_gate_answer *answer, struct p2p_collect_found *found,
                               bool *stale)
{
    const struct p2p_custody *custody = &token->custody;
    struct weighing box = {.ledger = ledger, .kv = kv, .question = question, .answer = answer};
    *found = (struct p2p_collect_found){.right = {0, 0}};
    *stale = question->stale;
    enum p2p_err err = weigh_container(&box);
    if (err != P2P_OK) {
        return err;
    }
    if (!token->found) {
        p2p_gate_add(answer, P2P_GATE_NO_RIGHT, 0, NULL);
        return P2P_OK;
    }
    if (custody->state == P2P_CUSTODY_RELEASED) {
        if (is_repeated(question, custody)) {
            return weigh_repeated(ledger, kv, question, custody, answer);
        }
        p2p_gate_add(answer, P2P_GATE_USED, custody->circle, &custody->step);
        return P2P_OK;
    }
    if (p2p_custody_is_over(custody->state)) { /* named: who closed, withdrew or recounted it */
        p2p_gate_add(answer, P2P_GATE_NO_RIGHT, custody->circle, &custody->step);
        return P2P_OK;
    }
    if (custody->state != P2P_CUSTODY_HELD || custody->holder != question->feed) {
        p2p_gate_add(answer, P2P_GATE_CUSTODY_ELSEWHERE, custody->circle, &custody->step);
    } else {
        weigh_ready(question, answer);
    }
    if (custody->frozen != 0 && !P2P_PLANT(FROZEN_IGNORED)) {
        p2p_gate_add(answer, P2P_GATE_CUSTODY_FROZEN, custody->circle, &custody->id);
    }
    if (token->other.feed != 0 && !P2P_PLANT(FROZEN_IGNORED)) {
        p2p_gate_add(answer, P2P_GATE_CUSTODY_FROZEN, 0, &token->other);
    }
    return weigh_rights(ledger, kv, question, custody, answer, found, stale);
}
