/* The facts of a collect: the container's token and the rights on it as the gate knew them, and
 * the records that made them so. */
#include "explained_parts.h"

#define RULINGS_TOLD_MAX 4u /* of one request */

static json_t *record_or_null(const struct telling *telling, const struct p2p_record_id *id)
{
    json_t *json = id->feed == 0 ? NULL : explained_record_json(telling, id);
    return json != NULL ? json : json_null();
}

/* ---- what a record says ---- */

static void set_text(json_t *json, const char *name, struct p2p_slice text)
{
    if (text.len > 0) {
        json_object_set_new(json, name, p2p_slice_json(text));
    }
}

/* Whom a right, or a token, is given to. */
static void set_to(const struct telling *telling, json_t *json, uint32_t kind, uint64_t to)
{
    const struct p2p_ledger *ledger = telling->audited->ledger;
    if (to == 0 || to > UINT32_MAX) {
        return;
    }
    json_object_set_new(json, "to",
                        kind == P2P_KIND_CUSTODY_OFFER
                            ? json_string(p2p_member_name(ledger, (uint32_t)to))
                            : p2p_issuer_json(ledger, (uint32_t)to));
}

/* What it says in words; whom it names stands in the right. */
static json_t *says_json(const struct telling *telling, const struct p2p_entry *entry)
{
    enum { FACILITY, FOUND, LIGHT, REASON, TO, VALUE, COUNT };
    static const char *const keys[COUNT] = {"facility", "found", "light",
                                            "reason",   "to",    "value"};
    struct p2p_slice values[COUNT];
    struct p2p_slice map =
        entry->record.body_type == P2P_BODY_PUBLIC ? entry->record.content : entry->payload;
    json_t *json = json_object();
    if (map.len == 0 || !p2p_unpack_fields(map, keys, values, COUNT)) {
        return json;
    }
    static const unsigned texts[] = {FACILITY, FOUND, LIGHT, REASON, VALUE};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        set_text(json, keys[texts[i]], p2p_raw_str(values[texts[i]]));
    }
    set_to(telling, json, entry->record.kind, p2p_raw_uint(values[TO]));
    return json;
}

/* The `ruled` records that name a request, of those the gate knew. */
static enum p2p_err rulings_json(const struct telling *telling, const struct p2p_record_id *id,
                                 json_t *list)
{
    struct p2p_ledger *ledger = telling->audited->ledger;
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, P2P_VIEW_RIGHTS, p2p_id_key(key, id));
    while (err == P2P_OK && json_array_size(list) < RULINGS_TOLD_MAX) {
        struct p2p_entry entry;
        err = p2p_touch_next(&walk, telling->audited->kv, &by);
        if (err == P2P_OK && explained_was_known(telling, &by)) {
            err = p2p_ledger_entry(ledger, &by, &entry);
            if (err == P2P_OK && entry.record.kind == P2P_KIND_RULED) {
                json_array_append_new(list, p2p_id_json(ledger, &by));
            }
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Why it had no effect, as the gate knew. */
static enum p2p_err judge_then(const struct telling *telling, const struct p2p_record_id *id,
                               enum p2p_why *why)
{
    struct p2p_ledger *then = p2p_past_ledger(telling->audited->past);
    struct p2p_arena *outer = then->arena;
    struct p2p_entry entry;
    then->arena = telling->audited->ledger->arena;
    enum p2p_err err = p2p_ledger_entry(then, id, &entry);
    if (err == P2P_OK) {
        err = p2p_judge(then, &entry, why);
    }
    then->arena = outer;
    return err;
}

/* ---- the records that name a token or a right ---- */

static enum p2p_err act_json(const struct telling *telling, const struct p2p_record_id *by,
                             json_t **out)
{
    struct p2p_entry entry;
    enum p2p_why why = P2P_WHY_NONE;
    enum p2p_err err = p2p_ledger_entry(telling->audited->ledger, by, &entry);
    json_t *json = err == P2P_OK ? explained_record_json(telling, by) : NULL;
    json_t *ruled = json_array();
    if (err == P2P_OK && json == NULL) {
        err = P2P_NOMEM;
    }
    if (err == P2P_OK) {
        json_object_set_new(json, "says", says_json(telling, &entry));
        err = rulings_json(telling, by, ruled);
    }
    if (err == P2P_OK && explained_was_known(telling, by)) {
        err = judge_then(telling, by, &why);
    }
    if (err != P2P_OK) {
        json_decref(json);
        json_decref(ruled);
        return err;
    }
    json_object_set_new(json, "ruled", ruled);
    json_object_set_new(json, "why",
                        why == P2P_WHY_NONE ? json_null() : json_string(p2p_why_word(why)));
    *out = json;
    return P2P_OK;
}

/* The release that this very decision made, which it could not know before. */
static bool is_own(const struct telling *telling, const struct p2p_record_id *by)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    return parsed->released && by->feed == telling->decision->id.feed &&
           by->index == parsed->use;
}

static enum p2p_err add_act(struct telling *telling, const struct p2p_record_id *id,
                            const struct p2p_record_id *by, json_t *known, size_t *left_out)
{
    json_t *act = NULL;
    json_t *list = explained_was_known(telling, by) ? known : telling->unknown;
    if (list == telling->unknown && is_own(telling, by)) {
        return P2P_OK;
    }
    if (json_array_size(list) >= P2P_CLI_EXPLAINED_RECORDS_MAX) {
        (*left_out)++;
        return P2P_OK;
    }
    enum p2p_err err = act_json(telling, by, &act);
    if (err != P2P_OK) {
        return err;
    }
    if (list == telling->unknown) { /* it may act on two rights, or on right and token */
        json_object_set_new(act, "acts_on", p2p_id_json(telling->audited->ledger, id));
        explained_add_unknown(telling, by, act);
    } else {
        json_array_append_new(list, act);
    }
    return P2P_OK;
}

/* Sets `records`, by id, and how many more there are. */
static enum p2p_err add_acts(struct telling *telling, enum p2p_view_number view,
                             const struct p2p_record_id *id, json_t *about)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    json_t *known = json_array();
    size_t left_out = 0;
    enum p2p_err err = P2P_OK;
    p2p_touch_begin(&walk, view, p2p_id_key(key, id));
    while (err == P2P_OK) {
        err = p2p_touch_next(&walk, telling->audited->kv, &by);
        if (err == P2P_OK) {
            err = add_act(telling, id, &by, known, &left_out);
        }
        p2p_arena_reset(&telling->arena);
    }
    json_object_set_new(about, "records", known);
    json_object_set_new(about, "records_left_out", json_integer((json_int_t)left_out));
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- the token ---- */

static enum p2p_err token_json(struct telling *telling, struct p2p_custody *custody,
                               json_t **out)
{
    const struct p2p_decided_collect *about = &telling->again->collect;
    enum p2p_err err = p2p_custody_get(p2p_past_kv(telling->audited->past), about->circle,
                                       &about->token, custody);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err; /* it was weighed */
    }
    json_t *json = p2p_custody_words(telling->audited->ledger, custody);
    if (json == NULL) {
        return P2P_NOMEM;
    }
    custody->container = custody->call = custody->facility = (struct p2p_slice){0};
    if (custody->tenure_count > 0) {
        const struct p2p_tenure *last = &custody->tenures[custody->tenure_count - 1];
        const struct p2p_record_id since = {last->feed, last->from};
        json_object_set_new(json, "held_since", record_or_null(telling, &since));
    }
    json_object_set_new(json, "last_step", record_or_null(telling, &custody->step));
    err = add_acts(telling, P2P_VIEW_CUSTODY, &about->token, json);
    if (err != P2P_OK) {
        json_decref(json);
        return err;
    }
    *out = json;
    return P2P_OK;
}

/* ---- a right ---- */

static json_t *light_json(const struct telling *telling, const struct p2p_right *right,
                          enum p2p_light light)
{
    const char *value = p2p_light_value(light, right->lights[light]);
    return json_pack("{s:s, s:s, s:b, s:o, s:b}", "light", p2p_light_word(light), "value",
                     value != NULL ? value : "?", "green", right->lights[light] == 0, "set",
                     record_or_null(telling, &right->light_by[light]), "overruled",
                     (right->override.lights & 1u << light) != 0);
}

/* With what its author gave as the reason. */
static json_t *reasoned_json(const struct telling *telling, const struct p2p_record_id *id)
{
    struct p2p_entry entry;
    json_t *json = record_or_null(telling, id);
    if (json_is_object(json) &&
        p2p_ledger_entry(telling->audited->ledger, id, &entry) == P2P_OK) {
        json_object_set_new(json, "says", says_json(telling, &entry));
    }
    return json;
}

static json_t *override_json(const struct telling *telling, const struct p2p_right *right)
{
    const struct p2p_right_override *override = &right->override;
    if (override->by.feed == 0) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o}", "asked", reasoned_json(telling, &override->by),
                     "approved", reasoned_json(telling, &override->seconded), "overrules",
                     p2p_overrules_words(override));
}

static json_t *chain_json(const struct telling *telling, const struct p2p_right *right)
{
    json_t *list = json_array();
    for (size_t i = 0; i < right->chain_count; i++) {
        bool waits = right->below == P2P_RIGHT_PENDING && i + 1 == right->chain_count;
        json_array_append_new(
            list,
            json_pack("{s:o, s:o, s:b}", "party",
                      p2p_issuer_json(telling->audited->ledger, right->chain[i].party), "given",
                      record_or_null(telling, &right->chain[i].by), "accepted", !waits));
    }
    return list;
}

static json_t *list_json(const struct telling *telling, const struct p2p_record_id *ids,
                         size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, reasoned_json(telling, &ids[i]));
    }
    return list;
}

/* One right as the gate knew it. */
static json_t *right_json(const struct telling *telling, const struct p2p_custody *custody,
                          const struct p2p_right *right)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    const struct p2p_decided_collect *about = &telling->again->collect;
    json_t *lights = json_array();
    json_t *json = json_pack(
        "{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "right",
        p2p_right_words(p2p_past_ledger(telling->audited->past), right, custody,
                        parsed->own_ms),
        "weighed", p2p_record_id_compare(&about->right, &right->id) == 0, "chain",
        chain_json(telling, right), "assigned", record_or_null(telling, &right->assigned_by),
        "lights", lights, "blocks", list_json(telling, right->blocks, right->block_count),
        "unruled", list_json(telling, right->unruled, right->unruled_count), "override",
        override_json(telling, right), "ended", record_or_null(telling, &right->ended_by));
    for (unsigned i = 0; json != NULL && i < P2P_LIGHT_COUNT; i++) {
        json_array_append_new(lights, light_json(telling, right, (enum p2p_light)i));
    }
    return json;
}

/* Rights on the token that the gate had not heard of. */
static enum p2p_err add_unknown_rights(struct telling *telling)
{
    const struct p2p_decided_collect *about = &telling->again->collect;
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    for (bool begin = true; err == P2P_OK; begin = false) {
        size_t left_out = 0;
        err = p2p_right_next_on(telling->audited->kv, about->circle, &about->token, &id, begin,
                                &id);
        if (err == P2P_OK && !explained_was_known(telling, &id)) {
            err = add_act(telling, &about->token, &id, NULL, &left_out);
        }
        p2p_arena_reset(&telling->arena);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Fills a list with the rights on the token, the one that was weighed first, and keeps that
 * one. */
static enum p2p_err rights_json(struct telling *telling, const struct p2p_custody *custody,
                                json_t *list, size_t *left_out, struct p2p_right *weighed)
{
    const struct p2p_decided_collect *about = &telling->again->collect;
    const struct p2p_kv *then = p2p_past_kv(telling->audited->past);
    struct p2p_record_id id = {0, 0};
    enum p2p_err err = P2P_OK;
    for (bool begin = true; err == P2P_OK; begin = false) {
        struct p2p_right right;
        json_t *json = NULL;
        err = p2p_right_next_on(then, about->circle, &about->token, &id, begin, &id);
        enum p2p_err got =
            err == P2P_OK ? p2p_right_get(then, about->circle, &id, &right) : err;
        if (err == P2P_OK && got == P2P_NOTFOUND) { /* its payload is not here */
            continue;
        }
        bool counts = got == P2P_OK && p2p_record_id_compare(&id, &about->right) == 0;
        err = got;
        if (err == P2P_OK && !counts && json_array_size(list) >= P2P_CLI_EXPLAINED_RIGHTS_MAX) {
            (*left_out)++;
            continue;
        }
        if (err == P2P_OK) {
            json = right_json(telling, custody, &right);
            err = json == NULL ? P2P_NOMEM : add_acts(telling, P2P_VIEW_RIGHTS, &id, json);
        }
        if (err != P2P_OK) {
            json_decref(json);
        } else if (counts) {
            *weighed = right;
            json_array_insert_new(list, 0, json);
        } else {
            json_array_append_new(list, json);
        }
        p2p_arena_reset(&telling->arena);
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- all of it ---- */

static json_t *own_words(const struct telling *telling)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    const struct p2p_record_id use = {telling->decision->id.feed, parsed->use};
    return json_pack("{s:s, s:b, s:b, s:b, s:o}", "custody",
                     p2p_custody_ready_word(parsed->ready), "stale", parsed->stale,
                     "asked_before", parsed->repeated, "mirrored", parsed->mirrored, "released",
                     parsed->released ? p2p_id_json(telling->audited->ledger, &use)
                                      : json_null());
}

enum p2p_err explained_collect(struct telling *telling, json_t **collect)
{
    const struct p2p_decided_collect *about = &telling->again->collect;
    struct p2p_custody custody = {.circle = 0};
    struct p2p_right right = {.circle = 0};
    json_t *token = NULL;
    json_t *rights = json_array();
    size_t left_out = 0;
    enum p2p_err err = P2P_OK;
    if (about->token.feed != 0) {
        err = token_json(telling, &custody, &token);
        if (err == P2P_OK) {
            err = rights_json(telling, &custody, rights, &left_out, &right);
        }
        if (err == P2P_OK) {
            err = add_unknown_rights(telling);
        }
    }
    if (err != P2P_OK) {
        json_decref(token);
        json_decref(rights);
        return err;
    }
    *collect = json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "token",
                         token != NULL ? token : json_null(), "also_open",
                         record_or_null(telling, &about->other), "says", own_words(telling),
                         "rights", rights, "rights_left_out", (json_int_t)left_out, "weighed",
                         explained_weigh(telling, token != NULL ? &custody : NULL,
                                         right.id.feed != 0 ? &right : NULL));
    return *collect == NULL ? P2P_NOMEM : P2P_OK;
}
