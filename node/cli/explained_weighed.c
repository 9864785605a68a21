/* What spoke for a release and against it: every rule that was asked, with the record behind
 * it. What speaks against it is what the gate's own function answered over the past; a rule
 * that it asked and did not tell is held, or overruled. */
#include "explained_parts.h"

#include <string.h>

/* When a rule is asked: of every collect, with a token that is not over, one that stands here,
 * a right that was weighed, one that names who collects, a release that is asked for again. */
enum asked {
    ASKED_EVER = 1,
    ASKED_TOKEN = 2,
    ASKED_HERE = 4,
    ASKED_RIGHT = 8,
    ASKED_NAMED = 16,
    ASKED_AGAIN = 32
};

/* In the order in which a gate goes about it. asked 0: it is told when it speaks against. */
static const struct rule {
    enum p2p_gate_code code;
    unsigned asked;
    bool own_word; /* of the node */
    const char *what;
    const char *text;
} rules[] = {
    {P2P_GATE_USED, ASKED_TOKEN, false, "not released before", "a container is released once"},
    {P2P_GATE_CUSTODY_ELSEWHERE, ASKED_TOKEN, false, "custody of the container",
     "only who holds its token releases it"},
    {P2P_GATE_CUSTODY_FROZEN, ASKED_TOKEN | ASKED_AGAIN, false, "the token is in order",
     "a frozen token, or one of two, is not released"},
    {P2P_GATE_CUSTODY_WAITING, ASKED_HERE | ASKED_AGAIN, true, "the node may act as its holder",
     "without witnesses and copy nothing is released"},
    {P2P_GATE_LEASE_OVER, ASKED_HERE | ASKED_AGAIN, true, "the lease",
     "who was cut off too long releases nothing"},
    {P2P_GATE_NOT_MIRRORED, ASKED_AGAIN, true, "another member holds the release",
     "at level mirrored, before it is answered"},
    {P2P_GATE_NO_RIGHT, ASKED_TOKEN, false, "a right to collect",
     "a right that names the token has to stand"},
    {P2P_GATE_NOT_ACCEPTED, ASKED_RIGHT, false, "accepted, and names who collects",
     "its holder took it and named a driver"},
    {P2P_GATE_WRONG_DRIVER, ASKED_NAMED, false, "the driver",
     "the driver named has to be presented"},
    {P2P_GATE_WRONG_TRUCK, ASKED_NAMED, false, "the truck",
     "the truck named has to be presented"},
    {P2P_GATE_OUTSIDE_SLOT, ASKED_NAMED, false, "the slot", "within it, by both clocks"},
    {P2P_GATE_EXPIRED, ASKED_RIGHT, false, "the right's time",
     "before it ends, by both clocks"},
    {P2P_GATE_LIGHT_COMMERCIAL, ASKED_RIGHT, false, "light commercial", "every light is green"},
    {P2P_GATE_LIGHT_CUSTOMS, ASKED_RIGHT, false, "light customs", "every light is green"},
    {P2P_GATE_LIGHT_DISCHARGE, ASKED_RIGHT, false, "light discharge", "every light is green"},
    {P2P_GATE_LIGHT_TERMINAL, ASKED_RIGHT, false, "light terminal", "every light is green"},
    {P2P_GATE_BLOCKED, ASKED_RIGHT, false, "blocks", "no block is in force"},
    {P2P_GATE_UNRULED, ASKED_RIGHT, false, "asked and not ruled",
     "nobody asked to take it elsewhere"},
    {P2P_GATE_BANNED, ASKED_EVER, false, "bans",
     "nobody presented or named, nor the box, is banned"},
    {P2P_GATE_STALE, ASKED_EVER, true, "how fresh its knowledge was",
     "who heard too little for too long refers"},
    {P2P_GATE_PARTIAL_MATCH, 0, false, "a ban that may be meant",
     "what matches identifies nobody alone"},
    {P2P_GATE_SUSPENDED, 0, false, "a suspended ban", "it is told and forbids nothing"},
    {P2P_GATE_BAD_IDENTIFIER, 0, false, "a check digit", "a wrong one may hide a ban"},
    {P2P_GATE_CLOCK, 0, false, "the clocks", "too far apart: people decide"},
    {P2P_GATE_INCOMPLETE, 0, true, "what it could not see", "who may not know all refers"},
    {P2P_GATE_READ_ONLY, 0, true, "whether it may append", "who may not lets nothing out"},
};

struct weighing {
    const struct telling *telling;
    const struct p2p_custody *custody; /* NULL: no token */
    const struct p2p_right *right;     /* NULL: none was weighed */
    json_t *rows;
};

static bool speaks(const struct weighing *w, enum p2p_gate_code code,
                   const struct p2p_record_id *record)
{
    const struct p2p_gate_answer *should = &w->telling->again->should;
    for (size_t i = 0; i < should->reason_count; i++) {
        const struct p2p_gate_reason *reason = &should->reasons[i];
        if (reason->code == code &&
            (record == NULL ||
             (reason->has_record && p2p_record_id_compare(&reason->record, record) == 0))) {
            return true;
        }
    }
    return false;
}

static unsigned asked_of(const struct weighing *w)
{
    unsigned asked = ASKED_EVER;
    if (w->custody != NULL && !p2p_custody_is_over(w->custody->state)) {
        asked |= ASKED_TOKEN;
        asked |= speaks(w, P2P_GATE_CUSTODY_ELSEWHERE, NULL) ? 0u : (unsigned)ASKED_HERE;
    } else if (w->custody != NULL && w->telling->decision->parsed.repeated &&
               !speaks(w, P2P_GATE_USED, NULL)) {
        asked |= ASKED_AGAIN;
    }
    if (w->right != NULL) {
        asked |= ASKED_RIGHT;
        asked |= speaks(w, P2P_GATE_NOT_ACCEPTED, NULL) ? 0u : (unsigned)ASKED_NAMED;
    }
    return asked;
}

static void add_row(const struct weighing *w, const struct rule *rule, const char *stands,
                    const struct p2p_record_id *record)
{
    enum p2p_answer least =
        rule->code == P2P_GATE_READ_ONLY ? P2P_ANSWER_REFER : p2p_gate_code_answer(rule->code);
    json_array_append_new(
        w->rows, json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:b}", "stands", stands, "what",
                           rule->what, "code", p2p_gate_code_word(rule->code), "at_least",
                           p2p_answer_word(least), "record",
                           record->feed == 0 ? json_null()
                                             : p2p_id_json(w->telling->audited->ledger, record),
                           "rule", rule->text, "own_word", rule->own_word));
}

static int light_of(enum p2p_gate_code code)
{
    switch (code) {
    case P2P_GATE_LIGHT_COMMERCIAL:
        return P2P_LIGHT_COMMERCIAL;
    case P2P_GATE_LIGHT_CUSTOMS:
        return P2P_LIGHT_CUSTOMS;
    case P2P_GATE_LIGHT_DISCHARGE:
        return P2P_LIGHT_DISCHARGE;
    case P2P_GATE_LIGHT_TERMINAL:
        return P2P_LIGHT_TERMINAL;
    default:
        return -1;
    }
}

/* Whether what a right names was presented, too. */
static bool is_presented(const struct weighing *w, struct p2p_slice packed)
{
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    struct p2p_subject_key named;
    struct p2p_subject_key key;
    struct p2p_unpack in;
    p2p_unpack_init(&in, packed);
    if (!p2p_subject_unpack(&in, &named)) {
        return false;
    }
    p2p_decision_subjects_begin(&walk, &w->telling->decision->parsed);
    while (p2p_decision_subjects_next(&walk, &subject)) {
        const char *type = p2p_subject_type_named(subject.type)->word;
        struct p2p_unpack tokens = subject.tokens;
        p2p_subject_key_clear(&key, type, subject.value);
        bool same = subject.value.len > 0 && key.len == named.len &&
                    memcmp(key.bytes, named.bytes, key.len) == 0;
        for (uint32_t i = 0; i < subject.token_count && !same; i++) {
            struct p2p_decision_token token;
            p2p_decision_token_next(&tokens, &token);
            p2p_subject_key_token(&key, type, token.epoch, &token.token);
            same = token.circle == w->right->circle && key.len == named.len &&
                   memcmp(key.bytes, named.bytes, key.len) == 0;
        }
        if (same) {
            return true;
        }
    }
    return false;
}

static bool is_in_slot(const struct weighing *w)
{
    const struct p2p_decision *parsed = &w->telling->decision->parsed;
    const struct p2p_right *right = w->right;
    return parsed->own_ms >= right->slot_from_ms && parsed->own_ms < right->slot_until_ms &&
           (parsed->quorum_ms == 0 || (parsed->quorum_ms >= right->slot_from_ms &&
                                       parsed->quorum_ms < right->slot_until_ms));
}

/* Whether an override is why it does not speak against it. */
static bool is_overruled(const struct weighing *w, enum p2p_gate_code code)
{
    const struct p2p_right *right = w->right;
    int light = light_of(code);
    if (right == NULL || right->override.by.feed == 0) {
        return false;
    }
    return code == P2P_GATE_STALE     ? w->telling->decision->parsed.stale
           : code == P2P_GATE_BLOCKED ? right->block_count > 0
           : code == P2P_GATE_WRONG_TRUCK
               ? right->truck.len > 0 && !is_presented(w, right->truck)
           : code == P2P_GATE_OUTSIDE_SLOT ? right->slot_until_ms != 0 && !is_in_slot(w)
           : light >= 0                    ? right->lights[light] != 0
                                           : false;
}

/* The record that speaks for it; feed 0: it is that nothing stands there. */
static struct p2p_record_id record_for(const struct weighing *w, enum p2p_gate_code code)
{
    static const struct p2p_record_id none = {0, 0};
    const struct p2p_custody *custody = w->custody;
    const struct p2p_right *right = w->right;
    int light = light_of(code);
    if (code == P2P_GATE_CUSTODY_ELSEWHERE && custody != NULL && custody->tenure_count > 0) {
        const struct p2p_tenure *last = &custody->tenures[custody->tenure_count - 1];
        return (struct p2p_record_id){last->feed, last->from};
    }
    if (right == NULL) {
        return none;
    }
    switch (code) {
    case P2P_GATE_NO_RIGHT:
    case P2P_GATE_EXPIRED:
        return right->id;
    case P2P_GATE_NOT_ACCEPTED:
    case P2P_GATE_WRONG_DRIVER:
        return right->assigned_by;
    case P2P_GATE_WRONG_TRUCK:
        return right->truck.len > 0 ? right->assigned_by : none;
    case P2P_GATE_OUTSIDE_SLOT:
        return right->slot_until_ms != 0 ? right->assigned_by : none;
    default:
        return light >= 0 ? right->light_by[light] : none;
    }
}

/* What does not speak against it: because it is so, or is overruled, or cannot be told. */
static void weigh_for(const struct weighing *w, const struct rule *rule)
{
    const struct p2p_gate_answer *should = &w->telling->again->should;
    struct p2p_record_id record = record_for(w, rule->code);
    bool unsure = should->reasons_total > should->reason_count ||
                  (record.feed != 0 && (speaks(w, P2P_GATE_CLOCK, &record) ||
                                        speaks(w, P2P_GATE_INCOMPLETE, &record)));
    if (is_overruled(w, rule->code)) {
        add_row(w, rule, "overruled", &w->right->override.seconded);
    } else {
        add_row(w, rule, unsure ? "unsure" : "for", &record);
    }
}

static void weigh_against(const struct weighing *w, const struct rule *rule)
{
    static const struct p2p_record_id none = {0, 0};
    const struct p2p_gate_answer *should = &w->telling->again->should;
    for (size_t i = 0; i < should->reason_count; i++) {
        const struct p2p_gate_reason *reason = &should->reasons[i];
        if (reason->code == rule->code) {
            add_row(w, rule, rule->code == P2P_GATE_SUSPENDED ? "told" : "against",
                    reason->has_record ? &reason->record : &none);
        }
    }
}

json_t *explained_weigh(const struct telling *telling, const struct p2p_custody *custody,
                        const struct p2p_right *right)
{
    const struct weighing w = {
        .telling = telling, .custody = custody, .right = right, .rows = json_array()};
    unsigned asked = asked_of(&w);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (speaks(&w, rules[i].code, NULL)) {
            weigh_against(&w, &rules[i]);
        } else if ((rules[i].asked & asked) != 0) {
            weigh_for(&w, &rules[i]);
        }
    }
    return w.rows;
}
