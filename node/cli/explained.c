/* The facts about one decision. */
#include "explained_parts.h"

#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

#define ARENA_BYTES ((size_t)16 << 20)

/* ---- small facts ---- */

static json_t *time_or_null(uint64_t ms)
{
    return ms == 0 ? json_null() : p2p_time_json(ms);
}

json_t *explained_reasons(const struct p2p_cli_audited *audited,
                          const struct p2p_gate_reason *reasons, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            list,
            json_pack("{s:s, s:o}", "code", p2p_gate_code_word(reasons[i].code), "record",
                      reasons[i].has_record ? p2p_id_json(audited->ledger, &reasons[i].record)
                                            : json_null()));
    }
    return list;
}

static json_t *answer_json(const struct telling *telling, enum p2p_answer answer,
                           const struct p2p_gate_reason *reasons, size_t count)
{
    return json_pack("{s:s, s:o}", "answer", p2p_answer_word(answer), "reasons",
                     explained_reasons(telling->audited, reasons, count));
}

static json_t *written_json(const struct telling *telling)
{
    uint64_t from_s = 0;
    uint64_t until_s = 0;
    const struct p2p_record_id *id = &telling->decision->id;
    p2p_audit_span(telling->audited->audit, id, &from_s, &until_s);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:b}", "record", p2p_id_json(telling->audited->ledger, id),
        "time", p2p_time_json(telling->decision->time_ms), "after", time_or_null(from_s * 1000),
        "before", until_s == UINT64_MAX ? json_null() : p2p_time_json(until_s * 1000), "late",
        telling->decision->parsed.late);
}

static json_t *gate_json(const struct telling *telling)
{
    const struct p2p_ledger *then = p2p_past_ledger(telling->audited->past);
    const struct p2p_feed_info *info =
        p2p_charter_feed(then->charter, telling->decision->id.feed);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(then->charter, info->member);
    json_t *circles = json_array();
    for (size_t i = 0; i < telling->place.circle_count; i++) {
        json_array_append_new(circles,
                              json_string(p2p_circle_name(then, telling->place.circles[i])));
    }
    return json_pack("{s:s, s:o, s:s, s:o}", "member", member == NULL ? "" : member->name,
                     "name", p2p_slice_json(telling->decision->parsed.gate), "locode",
                     telling->place.locode, "circles", circles);
}

static json_t *token_json(const struct p2p_cli_audited *audited, const char *type,
                          const struct p2p_decision_token *token)
{
    char text[P2P_SUBJECT_BYTES_MAX];
    char hex[P2P_HEX_BYTES(8)];
    p2p_hex_encode(hex, token->token.bytes, 8);
    snprintf(text, sizeof text, "%s" P2P_CLI_TOKEN_MARK "%s/%u:%s", type,
             p2p_circle_name(audited->ledger, token->circle), token->epoch, hex);
    return json_string(text);
}

static json_t *presented_json(const struct p2p_cli_audited *audited,
                              const struct p2p_decision_subject *subject)
{
    const char *type = p2p_subject_type_named(subject->type)->word;
    struct p2p_unpack tokens = subject->tokens;
    char text[2 * P2P_SUBJECT_BYTES_MAX];
    json_t *list = json_array();
    if (subject->value.len > 0) {
        snprintf(text, sizeof text, "%s:%.*s", type, (int)subject->value.len,
                 (const char *)subject->value.data);
        json_array_append_new(list, json_string(text));
    }
    for (uint32_t i = 0; i < subject->token_count; i++) {
        struct p2p_decision_token token;
        p2p_decision_token_next(&tokens, &token);
        json_array_append_new(list, token_json(audited, type, &token));
    }
    return list;
}

json_t *explained_presented(const struct p2p_cli_audited *audited,
                            const struct p2p_decision *decision, bool *checks)
{
    struct p2p_decision_subjects walk;
    struct p2p_decision_subject subject;
    json_t *presented = json_array();
    *checks = true;
    p2p_decision_subjects_begin(&walk, decision);
    while (p2p_decision_subjects_next(&walk, &subject)) {
        *checks = *checks && subject.check_ok;
        json_array_append_new(presented, presented_json(audited, &subject));
    }
    return presented;
}

static json_t *question_json(const struct telling *telling)
{
    const struct p2p_decision *decision = &telling->decision->parsed;
    bool checks = true;
    json_t *presented = explained_presented(telling->audited, decision, &checks);
    json_t *subjects = json_array(); /* all in one list */
    json_t *each = NULL;
    size_t i = 0;
    json_array_foreach(presented, i, each)
    {
        json_array_extend(subjects, each);
    }
    json_t *json = json_pack("{s:s, s:o, s:o, s:b, s:o, s:o}", "purpose", decision->purpose,
                             "subjects", subjects, "presented", presented, "check_digits",
                             checks, "time", p2p_time_json(decision->own_ms), "quorum_time",
                             time_or_null(decision->quorum_ms));
    if (decision->container.len > 0) {
        json_object_set_new(json, "container", p2p_slice_json(decision->container));
    }
    return json;
}

/* ---- what the gate knew ---- */

static uint64_t time_of(const struct telling *telling, const struct p2p_record_id *id)
{
    struct p2p_slice leaf;
    struct p2p_record record;
    const struct p2p_feed *feed = p2p_ledger_feed(telling->audited->ledger, id->feed);
    bool read = feed != NULL &&
                p2p_feed_leaf(feed, telling->audited->kv, id->index, &leaf) == P2P_OK &&
                p2p_record_decode(&record, leaf) == P2P_OK;
    return read ? record.time_ms : 0;
}

static json_t *feed_json(const struct telling *telling, uint32_t number)
{
    const struct p2p_ledger *full = telling->audited->ledger;
    const struct p2p_feed *feed =
        p2p_ledger_feed(p2p_past_ledger(telling->audited->past), number);
    uint64_t size = feed == NULL ? 0 : feed->edge.size;
    const struct p2p_record_id newest = {number, size - 1};
    uint64_t time_ms = size == 0 ? 0 : time_of(telling, &newest);
    uint64_t at_ms = telling->decision->parsed.own_ms;
    json_t *json =
        json_pack("{s:o, s:I, s:I, s:o}", "feed", p2p_slice_json(p2p_feed_name(full, number)),
                  "size", (json_int_t)size, "of", (json_int_t)full->feeds[number]->edge.size,
                  "newest", time_or_null(time_ms));
    if (json != NULL && time_ms != 0) {
        json_object_set_new(
            json, "newest_age_s",
            json_integer((json_int_t)(at_ms > time_ms ? (at_ms - time_ms) / 1000 : 0)));
    }
    return json;
}

static json_t *knew_json(const struct telling *telling)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    json_t *feeds = json_array();
    for (uint32_t i = 0; i < telling->audited->ledger->feed_count; i++) {
        json_array_append_new(feeds, feed_json(telling, i));
    }
    return json_pack("{s:s, s:b, s:o, s:{s:b, s:b, s:b}}", "by",
                     parsed->late ? "what the decision names" : "the gate's `seen` records",
                     "all_here", !p2p_past_lacks(telling->audited->past), "feeds", feeds,
                     "says", "incomplete", parsed->incomplete, "stale", parsed->stale,
                     "keys_missing", telling->again->keys_missing);
}

/* ---- one record ---- */

bool explained_was_known(const struct telling *telling, const struct p2p_record_id *id)
{
    const struct p2p_feed *feed =
        p2p_ledger_feed(p2p_past_ledger(telling->audited->past), id->feed);
    return feed != NULL && id->index < feed->edge.size;
}

json_t *explained_record_json(const struct telling *telling, const struct p2p_record_id *id)
{
    struct p2p_ledger *full = telling->audited->ledger;
    struct p2p_entry entry;
    if (p2p_ledger_entry(full, id, &entry) != P2P_OK) {
        return NULL;
    }
    const struct p2p_kind *kind = p2p_kind_find(entry.record.kind);
    const struct p2p_issuer *issuer = p2p_charter_issuer(full->charter, entry.record.issuer);
    return json_pack("{s:o, s:s, s:s, s:o}", "record", p2p_id_json(full, id), "kind",
                     kind == NULL ? "?" : kind->word, "by",
                     issuer != NULL ? issuer->name : "the node itself", "time",
                     p2p_time_json(entry.record.time_ms));
}

void explained_add_unknown(struct telling *telling, const struct p2p_record_id *id,
                           json_t *json)
{
    const struct p2p_cli_decision *decision = telling->decision;
    json_t *each = NULL;
    size_t i = 0;
    json_array_foreach(telling->unknown, i, each)
    {
        if (strcmp(p2p_cli_text(each, "record"), p2p_cli_text(json, "record")) == 0) {
            json_object_update_missing(each, json);
            json_decref(json);
            return;
        }
    }
    bool afterwards = id->feed == decision->id.feed
                          ? id->index > decision->id.index
                          : time_of(telling, id) > decision->parsed.own_ms;
    json_object_set_new(json, "afterwards", json_boolean(afterwards));
    json_array_append_new(telling->unknown, json);
}

/* ---- all of it ---- */

static void stand(struct telling *telling)
{
    const struct p2p_ledger *then = p2p_past_ledger(telling->audited->past);
    const struct p2p_feed_info *info =
        p2p_charter_feed(then->charter, telling->decision->id.feed);
    const struct p2p_member *member =
        info == NULL ? NULL : p2p_charter_member(then->charter, info->member);
    if (member != NULL) {
        p2p_gate_stand(&telling->place, then->charter, member);
    }
}

/* The same question over everything that is known now. */
static enum p2p_err add_now(struct telling *telling, const struct p2p_decision_place *place,
                            json_t *facts)
{
    struct p2p_decided_again now;
    struct p2p_cli_audited *audited = telling->audited;
    for (uint32_t i = 0; i < audited->horizon.count; i++) {
        audited->horizon.sizes[i] = audited->ledger->feeds[i]->edge.size;
    }
    audited->horizon.good_size = 0;
    audited->horizon.refuted = false;
    audited->horizon.taken_back = false;
    enum p2p_err err = p2p_decision_again(audited->past, &audited->horizon, place,
                                          &telling->decision->parsed, &now);
    if (err == P2P_OK) {
        json_object_set_new(facts, "now",
                            answer_json(telling, now.should.answer, now.should.reasons,
                                        now.should.reason_count));
    }
    return err;
}

static json_t *inputs_json(const struct telling *telling)
{
    struct p2p_audit_summary summary;
    p2p_audit_summary(telling->audited->audit, &summary);
    struct p2p_hash hash = p2p_audit_archive_hash(telling->audited->audit, 0);
    return json_pack("{s:s, s:o, s:o, s:o, s:s}", "federation", summary.federation,
                     "federation_id", p2p_hex_json(&summary.federation_id), "archive",
                     p2p_hex_json(&hash), "trust", p2p_hex_json(&summary.trust_hash), "verdict",
                     p2p_cli_verdict_word(telling->audited->findings));
}

static json_t *facts_json(struct telling *telling)
{
    const struct p2p_decision *parsed = &telling->decision->parsed;
    const struct p2p_decided_again *again = telling->again;
    char id[P2P_ID_TEXT_BYTES];
    char name[P2P_ID_TEXT_BYTES + 16];
    p2p_id_text(telling->audited->ledger, &telling->decision->id, id);
    snprintf(name, sizeof name, "%s#%u", id, telling->decision->n);
    return json_pack(
        "{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:O, s:O, s:o, s:o, s:o}", "decision",
        name, "decided", p2p_decided_word(again->decided), "text",
        p2p_decided_text(again->decided), "two_heads", again->two_heads, "taken_back",
        again->taken_back, "written", written_json(telling), "gate", gate_json(telling),
        "question", question_json(telling), "knew", knew_json(telling), "found", telling->found,
        "unknown", telling->unknown, "answered",
        answer_json(telling, parsed->answer, parsed->reasons, parsed->reason_count), "should",
        answer_json(telling, again->should.answer, again->should.reasons,
                    again->should.reason_count),
        "inputs", inputs_json(telling));
}

static enum p2p_err tell(struct telling *telling, struct p2p_decided_again *again,
                         bool *withheld, json_t **facts)
{
    struct p2p_cli_audited *audited = telling->audited;
    const struct p2p_cli_decision *decision = telling->decision;
    const size_t circles = (size_t)p2p_charter_circle_count(audited->ledger->charter) + 1;
    const struct p2p_decision_place place = {.feed = decision->id.feed,
                                             .index = decision->id.index,
                                             .withheld = withheld,
                                             .withheld_count = circles};
    json_t *collect = NULL;
    for (uint32_t i = 1; i < circles; i++) {
        withheld[i] = p2p_audit_withholds(audited->audit, i);
    }
    enum p2p_err err = p2p_decision_known(&decision->parsed, audited->kv, decision->id.feed,
                                          decision->id.index, &audited->horizon);
    if (err == P2P_OK) {
        err = p2p_decision_again(audited->past, &audited->horizon, &place, &decision->parsed,
                                 again);
    }
    if (err == P2P_OK) {
        stand(telling);
        err = explained_bans(telling);
    }
    if (err == P2P_OK && decision->parsed.container.len > 0) {
        err = explained_collect(telling, &collect);
    }
    json_t *made = err == P2P_OK ? facts_json(telling) : NULL;
    if (err == P2P_OK) {
        err = made == NULL ? P2P_NOMEM : add_now(telling, &place, made);
    }
    if (err != P2P_OK) {
        json_decref(collect);
        json_decref(made);
        return err;
    }
    if (collect != NULL) {
        json_object_set_new(made, "collect", collect);
    }
    json_object_set_new(made, "steps", p2p_cli_explain_steps(made));
    *facts = made;
    return P2P_OK;
}

enum p2p_err p2p_cli_explain(struct p2p_cli_audited *audited,
                             const struct p2p_cli_decision *decision,
                             struct p2p_decided_again *again, json_t **facts)
{
    struct telling telling = {.audited = audited,
                              .decision = decision,
                              .again = again,
                              .found = json_array(),
                              .unknown = json_array()};
    size_t circles = (size_t)p2p_charter_circle_count(audited->ledger->charter) + 1;
    bool *withheld = calloc(circles, sizeof(*withheld));
    enum p2p_err err = P2P_NOMEM;
    p2p_arena_init(&telling.arena, p2p_alloc_default(), ARENA_BYTES);
    p2p_ledger_begin(audited->ledger, audited->kv, &telling.arena);
    if (withheld != NULL && telling.found != NULL && telling.unknown != NULL) {
        err = tell(&telling, again, withheld, facts);
    }
    audited->ledger->arena = NULL;
    p2p_arena_deinit(&telling.arena);
    json_decref(telling.found);
    json_decref(telling.unknown);
    free(withheld);
    return err;
}
