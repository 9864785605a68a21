/* audit replay: the state as of a record or a time, by the archive alone.
 *
 * Two questions. "What was true then, as we know now": the records that had been written by
 * then, whoever had heard of them, under the charter as it is known now, so that a cut point
 * found later counts (--at). "What was known then": what the author of a record had seen when
 * he wrote it, under the charter as he knew it, as his gate answered by it (--as-known-by). */
#include "audited.h"
#include "error.h"
#include "explained.h"
#include "nouns.h"
#include "print.h"

#include <stdlib.h>
#include <string.h>

struct replaying {
    struct p2p_cli_audited audited;
    const struct p2p_cli_call *call;
    struct p2p_record_id record; /* of --as-known-by, or of --at */
    bool has_record;
    bool known;                              /* the second question */
    uint64_t now_ms;                         /* at which windows are looked at */
    char subject[2 * P2P_SUBJECT_BYTES_MAX]; /* whose bans are told; "": everybody's */
    size_t listed;
};

/* ---- what is asked ---- */

/* The subject in the form in which bans print it. Persons, cards and plates stand in an archive
 * as tokens, and who has no key of the circle cannot tell whether a number is one of them. */
static int read_subject(struct replaying *replaying)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    struct p2p_subject subject;
    const char *asked = p2p_cli_value(replaying->call, "subject", NULL);
    if (asked == NULL || strstr(asked, P2P_CLI_TOKEN_MARK) != NULL) {
        snprintf(replaying->subject, sizeof(replaying->subject), "%s",
                 asked == NULL ? "" : asked);
        return P2P_CLI_YES;
    }
    if (p2p_subject_parse(&subject, p2p_slice_text(asked)) != P2P_OK) {
        snprintf(text, sizeof text, "%.200s is no subject", asked);
        return p2p_cli_fail(replaying->call, P2P_CLI_USAGE, "usage", text,
                            "write it as imo:9179842, or a token as audit replay prints it");
    }
    if (!subject.type->clear) {
        snprintf(
            text, sizeof text,
            "whether %.200s is banned cannot be told by an archive, in which a %s is a token",
            asked, subject.type->word);
        return p2p_cli_fail(
            replaying->call, P2P_CLI_UNDECIDED, "token", text,
            "name the token: a member of the circle sees it in port2port ban list "
            "--subject");
    }
    snprintf(replaying->subject, sizeof(replaying->subject), "%s:%s", subject.type->word,
             subject.value);
    return P2P_CLI_YES;
}

static int no_such(const struct p2p_cli_call *call, const char *what)
{
    char text[P2P_CLI_SENTENCE_BYTES];
    snprintf(text, sizeof text, "%s is no record of this archive, and no time", what);
    return p2p_cli_fail(call, P2P_CLI_UNDECIDED, "not-found", text,
                        "give an id as beanr/1:17, or a time as 2026-11-22T06:00:00Z");
}

static bool find_record(struct replaying *replaying, const char *text)
{
    struct p2p_ledger *ledger = replaying->audited.ledger;
    if (!p2p_id_parse(ledger, text, &replaying->record)) {
        return false;
    }
    const struct p2p_feed *feed = p2p_ledger_feed(ledger, replaying->record.feed);
    replaying->has_record = feed != NULL && replaying->record.index < feed->edge.size;
    return replaying->has_record;
}

static uint64_t time_of(struct replaying *replaying, const struct p2p_record_id *id)
{
    struct p2p_slice leaf;
    struct p2p_record record;
    const struct p2p_feed *feed = p2p_ledger_feed(replaying->audited.ledger, id->feed);
    if (p2p_feed_leaf(feed, replaying->audited.kv, id->index, &leaf) != P2P_OK ||
        p2p_record_decode(&record, leaf) != P2P_OK) {
        return 0;
    }
    return record.time_ms;
}

/* What was known: everything its author had seen, and his own feed below it. What was true:
 * everything that had been written by its time, of which he may have known nothing. */
static enum p2p_err horizon_of_record(struct replaying *replaying)
{
    struct p2p_horizon *horizon = &replaying->audited.horizon;
    const struct p2p_record_id *id = &replaying->record;
    if (replaying->known) {
        return p2p_horizon_known(replaying->audited.kv, id->feed, id->index, horizon);
    }
    enum p2p_err err = p2p_audit_at(replaying->audited.audit, replaying->now_ms, horizon);
    for (uint32_t of = 1; of < horizon->count && err == P2P_OK; of++) {
        uint64_t seen = 0; /* whatever the clocks say */
        bool refuted = false;
        err = p2p_known_size_in(replaying->audited.kv, id->feed, id->index + 1, of, &seen,
                                &refuted);
        horizon->sizes[of] = seen > horizon->sizes[of] ? seen : horizon->sizes[of];
    }
    horizon->sizes[id->feed] = id->index + 1;
    return err;
}

static enum p2p_err horizon_of_all(struct replaying *replaying)
{
    struct p2p_horizon *horizon = &replaying->audited.horizon;
    replaying->now_ms = UINT64_MAX / 2;
    enum p2p_err err = p2p_audit_at(replaying->audited.audit, replaying->now_ms, horizon);
    replaying->now_ms = 0;
    for (uint32_t i = 1; i < horizon->count; i++) {
        const struct p2p_record_id last = {i, horizon->sizes[i] - 1};
        uint64_t time_ms = horizon->sizes[i] > 0 ? time_of(replaying, &last) : 0;
        replaying->now_ms = time_ms > replaying->now_ms ? time_ms : replaying->now_ms;
    }
    return err;
}

/* What a gate knew at a decision: a late one says so itself. */
static int horizon_of_decision(struct replaying *replaying, const char *text)
{
    struct p2p_cli_decision decision;
    int exit = p2p_cli_decision_find(&replaying->audited, text, &decision);
    if (exit != P2P_CLI_YES) {
        return exit;
    }
    replaying->record = decision.id;
    replaying->has_record = true;
    replaying->now_ms = decision.parsed.own_ms;
    enum p2p_err err =
        p2p_decision_known(&decision.parsed, replaying->audited.kv, decision.id.feed,
                           decision.id.index, &replaying->audited.horizon);
    free(decision.payload);
    return err == P2P_OK ? P2P_CLI_YES
           : err == P2P_NOTFOUND || err == P2P_MALFORMED
               ? p2p_cli_fail(replaying->call, P2P_CLI_UNDECIDED, "uncheckable",
                              "the decision was recorded late and does not say what was known",
                              "ask with --at for what was true then")
               : p2p_cli_fail_err(replaying->call, err, NULL);
}

static int move_past(struct replaying *replaying, enum p2p_err err)
{
    if (err == P2P_OK) {
        err = p2p_past_set(replaying->audited.past, &replaying->audited.horizon);
    }
    return err == P2P_OK ? P2P_CLI_YES : p2p_cli_fail_err(replaying->call, err, NULL);
}

static int set_horizon(struct replaying *replaying)
{
    const char *at = p2p_cli_value(replaying->call, "at", NULL);
    const char *by = p2p_cli_value(replaying->call, "as-known-by", NULL);
    bool is_time = at != NULL && p2p_time_parse(at, &replaying->now_ms);
    enum p2p_err err;
    replaying->known = by != NULL;
    if (by != NULL && at != NULL && !is_time) {
        return p2p_cli_fail(replaying->call, P2P_CLI_USAGE, "usage",
                            "with --as-known-by, --at is a time", NULL);
    }
    if (by != NULL && strchr(by, '#') != NULL) {
        uint64_t asked_ms = replaying->now_ms;
        int exit = horizon_of_decision(replaying, by);
        replaying->now_ms = is_time ? asked_ms : replaying->now_ms;
        return exit == P2P_CLI_YES ? move_past(replaying, P2P_OK) : exit;
    }
    if (by != NULL && !find_record(replaying, by)) {
        return no_such(replaying->call, by);
    }
    if (by == NULL && at != NULL && !is_time && !find_record(replaying, at)) {
        return no_such(replaying->call, at);
    }
    if (replaying->has_record) {
        replaying->now_ms =
            is_time ? replaying->now_ms : time_of(replaying, &replaying->record);
        err = horizon_of_record(replaying);
    } else if (is_time) {
        err = p2p_audit_at(replaying->audited.audit, replaying->now_ms,
                           &replaying->audited.horizon);
    } else {
        err = horizon_of_all(replaying);
    }
    return move_past(replaying, err);
}

/* ---- what it was ---- */

static json_t *feeds_json(const struct replaying *replaying)
{
    const struct p2p_cli_audited *audited = &replaying->audited;
    const struct p2p_ledger *then = p2p_past_ledger(audited->past);
    json_t *feeds = json_array();
    for (uint32_t i = 0; i < audited->ledger->feed_count; i++) {
        struct p2p_slice name = p2p_feed_name(audited->ledger, i);
        const struct p2p_feed *feed = p2p_ledger_feed(then, i);
        json_array_append_new(feeds,
                              json_pack("{s:o, s:I, s:I}", "feed", p2p_slice_json(name), "size",
                                        (json_int_t)(feed == NULL ? 0 : feed->edge.size), "of",
                                        (json_int_t)audited->ledger->feeds[i]->edge.size));
    }
    return feeds;
}

static enum p2p_err add_digest(const struct replaying *replaying, json_t *digests,
                               enum p2p_view_number view, uint32_t circle, const char *name)
{
    struct p2p_hash hash;
    enum p2p_err err = p2p_past_digest(replaying->audited.past, view, circle, &hash);
    if (err == P2P_OK) {
        json_object_set_new(digests, name, p2p_hex_json(&hash));
    }
    return err;
}

/* Only of circles whose payloads are all here a digest says anything. */
static enum p2p_err digests_json(const struct replaying *replaying, json_t *out)
{
    struct p2p_ledger *then = p2p_past_ledger(replaying->audited.past);
    uint32_t circles = p2p_charter_circle_count(then->charter);
    struct p2p_hash hash;
    json_t *digests = json_object();
    json_t *hidden = json_array();
    enum p2p_err err = P2P_OK;
    size_t count = 0;
    const enum p2p_view_number *views = p2p_views_in_circles(&count);
    for (uint32_t i = 1; i <= circles; i++) {
        bool withheld = p2p_audit_withholds(replaying->audited.audit, i);
        if (withheld) {
            json_array_append_new(hidden, json_string(p2p_circle_name(then, i)));
        }
        for (size_t v = 0; v < count && err == P2P_OK && !withheld; v++) {
            char name[16 + P2P_NAME_BYTES_MAX];
            snprintf(name, sizeof name, "%s/%s", p2p_view_word(views[v]),
                     p2p_circle_name(then, i));
            err = add_digest(replaying, digests, views[v], i, name);
        }
    }
    if (err == P2P_OK) {
        err = add_digest(replaying, digests, P2P_VIEW_FORKS, 0, "forks");
    }
    if (err == P2P_OK) {
        err = p2p_past_edges(replaying->audited.past);
    }
    if (err == P2P_OK) {
        err = p2p_frontier_digest(then, &hash);
    }
    if (err == P2P_OK) {
        json_object_set_new(out, "frontier_digest", p2p_hex_json(&hash));
    }
    json_object_set_new(out, "digests", digests);
    json_object_set_new(out, "withheld", hidden);
    return err;
}

static json_t *state_json(const struct replaying *replaying)
{
    const struct p2p_ledger *then = p2p_past_ledger(replaying->audited.past);
    const struct p2p_charter *charter = then->charter;
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:b, s:s, s:{s:I, s:I, s:I, s:I, s:I}, s:o}", "question",
        replaying->known ? "what was known then" : "what was true then, as is known now", "at",
        p2p_time_json(replaying->now_ms), "record",
        replaying->has_record ? p2p_id_json(replaying->audited.ledger, &replaying->record)
                              : json_null(),
        "archive", p2p_cli_verdict_word(replaying->audited.findings), "complete",
        !p2p_past_lacks(replaying->audited.past), "federation",
        p2p_charter_federation(replaying->audited.ledger->charter), "charter", "size",
        (json_int_t)p2p_charter_size(charter), "of",
        (json_int_t)p2p_charter_size(replaying->audited.ledger->charter), "members",
        (json_int_t)p2p_charter_member_count(charter), "issuers",
        (json_int_t)p2p_charter_issuer_count(charter), "circles",
        (json_int_t)p2p_charter_circle_count(charter), "feeds", feeds_json(replaying));
}

/* ---- bans ---- */

static bool is_wanted(const struct replaying *replaying, const struct p2p_ban *ban)
{
    if (replaying->subject[0] != '\0') {
        return p2p_ban_is_on(p2p_past_ledger(replaying->audited.past), ban, replaying->subject);
    }
    switch (p2p_ban_state_at(ban, replaying->now_ms)) {
    case P2P_BAN_IN_FORCE:
    case P2P_BAN_SUSPENDED:
    case P2P_BAN_FUTURE:
        return true;
    case P2P_BAN_EXPIRED:
    case P2P_BAN_LIFTED:
    case P2P_BAN_NO_EFFECT:
        break;
    }
    return p2p_cli_flag(replaying->call, "all");
}

/* One ban: a line of its own, or a row of the table. */
static void put_ban(struct replaying *replaying, json_t *rows, const struct p2p_ban *ban)
{
    struct p2p_ledger *then = p2p_past_ledger(replaying->audited.past);
    json_t *json = p2p_ban_words(then, ban, replaying->now_ms, NULL);
    if (json != NULL) {
        replaying->listed++;
    }
    if (replaying->call->json) {
        p2p_cli_put_json(replaying->call->out, json);
        json_decref(json);
    } else {
        json_array_append_new(rows, json);
    }
}

static enum p2p_err put_bans(struct replaying *replaying, json_t *rows)
{
    const struct p2p_kv *kv = p2p_past_kv(replaying->audited.past);
    const struct p2p_charter *charter = p2p_past_ledger(replaying->audited.past)->charter;
    enum p2p_err err = P2P_NOTFOUND;
    for (uint32_t i = 0; i <= p2p_charter_circle_count(charter) && err == P2P_NOTFOUND; i++) {
        struct p2p_ban ban;
        err = p2p_ban_next(kv, i, NULL, true, &ban);
        while (err == P2P_OK) {
            const struct p2p_record_id id = ban.id;
            if (is_wanted(replaying, &ban)) {
                put_ban(replaying, rows, &ban);
            }
            err = p2p_ban_next(kv, i, &id, false, &ban);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* ---- for people ---- */

static void print_state(const struct p2p_cli_style *style, const json_t *state)
{
    static const char *const heads[] = {"FEED", "RECORDS>", "OF>", NULL};
    struct p2p_cli_table table;
    char when[P2P_CLI_WHEN_BYTES], text[P2P_CLI_SENTENCE_BYTES];
    const json_t *charter = json_object_get(state, "charter");
    size_t i = 0;
    const json_t *feed = NULL;
    p2p_cli_field(style, "question", p2p_cli_text(state, "question"));
    p2p_cli_field(style, "record", p2p_cli_text(state, "record"));
    p2p_cli_field(style, "time", p2p_cli_moment(when, state, "at"));
    snprintf(text, sizeof text, "%s: %s", p2p_cli_text(state, "federation"),
             p2p_cli_text(state, "archive"));
    p2p_cli_field(style, "archive", text);
    if (!json_is_true(json_object_get(state, "complete"))) {
        p2p_cli_field(style, "", "more was known than the archive holds");
    }
    snprintf(text, sizeof text, "version %llu of %llu",
             (unsigned long long)p2p_cli_number(charter, "size"),
             (unsigned long long)p2p_cli_number(charter, "of"));
    p2p_cli_field(style, "charter", text);
    if (p2p_cli_list(text, sizeof text, state, "withheld")[0] != '\0') {
        char circles[P2P_CLI_SENTENCE_BYTES + 64];
        snprintf(circles, sizeof circles, "what stands in the circles %s is not all here",
                 text);
        p2p_cli_field(style, "withheld", circles);
    }
    fputc('\n', style->out);
    p2p_cli_table_init(&table, heads);
    json_array_foreach(json_object_get(state, "feeds"), i, feed)
    {
        char count[P2P_CLI_SPAN_BYTES];
        p2p_cli_cell_add(&table, p2p_cli_text(feed, "feed"), P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_count(count, p2p_cli_number(feed, "size")),
                         P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, p2p_cli_count(count, p2p_cli_number(feed, "of")), P2P_CLI_DIM);
    }
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
    fputc('\n', style->out);
}

/* For comparing with what a node says of itself. */
static void print_digests(const struct p2p_cli_style *style, const json_t *state)
{
    static const char *const heads[] = {"DIGEST OF", "SHA-256", NULL};
    struct p2p_cli_table table;
    const char *name = NULL;
    json_t *digest = NULL;
    p2p_cli_table_init(&table, heads);
    p2p_cli_cell_add(&table, "frontier", P2P_CLI_PLAIN);
    p2p_cli_cell_add(&table, p2p_cli_text(state, "frontier_digest"), P2P_CLI_DIM);
    json_object_foreach(json_object_get(state, "digests"), name, digest)
    {
        p2p_cli_cell_add(&table, name, P2P_CLI_PLAIN);
        p2p_cli_cell_add(&table, json_string_value(digest), P2P_CLI_DIM);
    }
    fputc('\n', style->out);
    p2p_cli_table_print(&table, style);
    p2p_cli_table_deinit(&table);
}

static int put_all(struct replaying *replaying)
{
    const struct p2p_cli_style style = p2p_cli_style_of(replaying->call->out);
    json_t *rows = json_array();
    json_t *state = state_json(replaying);
    enum p2p_err err =
        state == NULL || rows == NULL ? P2P_NOMEM : digests_json(replaying, state);
    if (err == P2P_OK && replaying->call->json) {
        p2p_cli_put_json(replaying->call->out, state);
    } else if (err == P2P_OK) {
        print_state(&style, state);
    }
    if (err == P2P_OK) {
        err = put_bans(replaying, rows);
    }
    if (err == P2P_OK && !replaying->call->json) {
        if (replaying->listed == 0) {
            fputs("no bans\n", replaying->call->out);
        } else {
            p2p_cli_print_bans(&style, rows);
        }
        print_digests(&style, state);
    }
    json_decref(rows);
    json_decref(state);
    if (err != P2P_OK || p2p_audit_damaged(replaying->audited.audit) != NULL) {
        return p2p_cli_audited_fail(&replaying->audited, err);
    }
    return p2p_cli_audited_exit(&replaying->audited);
}

int p2p_cli_replay_run(struct p2p_cli_call *call)
{
    struct replaying replaying = {.call = call};
    int exit = read_subject(&replaying);
    if (exit == P2P_CLI_YES) {
        exit = p2p_cli_audited_init(&replaying.audited, call);
    }
    if (exit == P2P_CLI_YES) {
        exit = set_horizon(&replaying);
    }
    if (exit == P2P_CLI_YES) {
        exit = put_all(&replaying);
    }
    p2p_cli_audited_deinit(&replaying.audited);
    return exit;
}
