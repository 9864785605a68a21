/* The facts about bans: on everybody presented and, of a collect, on the container and on whom
 * the right names; what acted on them, and what the gate did not know. */
#include "explained_parts.h"

#include <string.h>

/* Records that cite the ban: those that were known, and those that were not. */
static enum p2p_err add_acts(struct telling *telling, const struct p2p_ban *ban, json_t *acts)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, P2P_VIEW_BANS, p2p_id_key(key, &ban->id));
    while (err == P2P_OK) {
        err = p2p_touch_next(&walk, telling->audited->kv, &by);
        json_t *act = err == P2P_OK ? explained_record_json(telling, &by) : NULL;
        if (act != NULL) {
            json_object_set_new(act, "acts_on",
                                p2p_id_json(telling->audited->ledger, &ban->id));
            if (explained_was_known(telling, &by)) {
                json_array_append_new(acts, act);
            } else {
                explained_add_unknown(telling, &by, act);
            }
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static const char *code_of(const struct telling *telling, const struct p2p_record_id *id)
{
    const struct p2p_gate_answer *should = &telling->again->should;
    for (size_t i = 0; i < should->reason_count; i++) {
        if (should->reasons[i].has_record &&
            p2p_record_id_compare(&should->reasons[i].record, id) == 0) {
            return p2p_gate_code_word(should->reasons[i].code);
        }
    }
    return NULL;
}

static enum p2p_err add_ban(struct telling *telling, const struct p2p_ban *ban)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    const char *code = code_of(telling, &ban->id);
    json_t *acts = json_array();
    json_t *json = json_pack(
        "{s:o, s:o, s:o, s:b, s:b, s:o}", "ban",
        p2p_ban_words(p2p_past_ledger(telling->audited->past), ban, parsed->own_ms, NULL),
        "imposed", explained_record_json(telling, &ban->id), "acts", acts, "forbids_it",
        p2p_ban_has_effect(ban, p2p_slice_text(parsed->purpose)), "covers_it",
        p2p_ban_covers(ban, p2p_slice_text(telling->place.locode)), "counts_as",
        code == NULL ? json_null() : json_string(code));
    if (json == NULL) {
        return P2P_NOMEM;
    }
    if (parsed->quorum_ms != 0) {
        json_object_set_new(
            json, "state_by_quorum_time",
            json_string(p2p_ban_state_word(p2p_ban_state_at(ban, parsed->quorum_ms))));
    }
    json_array_append_new(telling->found, json);
    return add_acts(telling, ban, acts);
}

/* Whether it stands in the list already: several subjects may lead to one ban. */
static bool is_found(const struct telling *telling, const struct p2p_record_id *id)
{
    char text[P2P_ID_TEXT_BYTES];
    size_t i = 0;
    const json_t *each = NULL;
    p2p_id_text(telling->audited->ledger, id, text);
    json_array_foreach(telling->found, i, each)
    {
        if (strcmp(p2p_cli_text(json_object_get(each, "ban"), "id"), text) == 0) {
            return true;
        }
    }
    return false;
}

static enum p2p_err add_key(struct telling *telling, uint32_t circle,
                            const struct p2p_subject_key *key)
{
    const struct p2p_kv *then = p2p_past_kv(telling->audited->past);
    struct p2p_record_id id = {0, 0};
    struct p2p_ban ban;
    enum p2p_err err = p2p_ban_next_on(then, circle, key, &id, true, &id);
    for (; err == P2P_OK; err = p2p_ban_next_on(then, circle, key, &id, false, &id)) {
        err = p2p_ban_get(then, circle, &id, &ban);
        if (err == P2P_OK && !is_found(telling, &id)) {
            err = add_ban(telling, &ban);
        }
        if (err != P2P_OK) {
            return err;
        }
    }
    err = err == P2P_NOTFOUND ? P2P_OK : err;
    for (bool begin = true; err == P2P_OK; begin = false) {
        err = p2p_ban_next_on(telling->audited->kv, circle, key, &id, begin, &id);
        json_t *json = err == P2P_OK && !explained_was_known(telling, &id)
                           ? explained_record_json(telling, &id)
                           : NULL;
        if (json != NULL) {
            explained_add_unknown(telling, &id, json);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err add_subject(struct telling *telling,
                                const struct p2p_decision_subject *subject)
{
    const char *type = p2p_subject_type_named(subject->type)->word;
    struct p2p_unpack tokens = subject->tokens;
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    if (subject->value.len > 0) {
        p2p_subject_key_clear(&key, type, subject->value);
        for (size_t i = 0; i < telling->place.circle_count && err == P2P_OK; i++) {
            err = add_key(telling, telling->place.circles[i], &key);
        }
        return err;
    }
    for (uint32_t i = 0; i < subject->token_count && err == P2P_OK; i++) {
        struct p2p_decision_token token;
        p2p_decision_token_next(&tokens, &token);
        p2p_subject_key_token(&key, type, token.epoch, &token.token);
        err = add_key(telling, token.circle, &key);
    }
    return err;
}

static enum p2p_err look_up(struct telling *telling)
{
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    enum p2p_err err = P2P_OK;
    p2p_decision_subjects_begin(&walk, &telling->decision->parsed);
    while (err == P2P_OK && p2p_decision_subjects_next(&walk, &subject)) {
        err = add_subject(telling, &subject);
        p2p_arena_reset(&telling->arena);
    }
    return err;
}

/* Bans on the container, in whichever circle. */
static enum p2p_err add_container(struct telling *telling)
{
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    p2p_subject_key_clear(&key, "container", telling->decision->parsed.container);
    for (size_t i = 0; i < telling->place.circle_count && err == P2P_OK; i++) {
        err = add_key(telling, telling->place.circles[i], &key);
    }
    return err;
}

/* Bans on whom a right names, who may be nobody that was presented. */
static enum p2p_err add_named(struct telling *telling)
{
    const struct p2p_kv *then = p2p_past_kv(telling->audited->past);
    const struct p2p_gate_answer *should = &telling->again->should;
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < should->reason_count && err == P2P_OK; i++) {
        const struct p2p_gate_reason *reason = &should->reasons[i];
        struct p2p_ban ban;
        enum p2p_err got = reason->has_record && !is_found(telling, &reason->record)
                               ? p2p_ban_get(then, reason->circle, &reason->record, &ban)
                               : P2P_NOTFOUND;
        err = got == P2P_NOTFOUND ? P2P_OK : got == P2P_OK ? add_ban(telling, &ban) : got;
        p2p_arena_reset(&telling->arena);
    }
    return err;
}

enum p2p_err explained_bans(struct telling *telling)
{
    enum p2p_err err = look_up(telling);
    if (err == P2P_OK && telling->decision->parsed.container.len > 0) {
        err = add_container(telling);
        err = err == P2P_OK ? add_named(telling) : err;
    }
    return err;
}
