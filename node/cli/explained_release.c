/* What a collect was about, told step by step: the container's token, the rights on it, and
 * what spoke for the release and against it. */
#include "explained_parts.h"

#include "print.h"

#include <string.h>

#define WHO_BYTES 1024u

/* "record beanr/1:7 (right-light by beanr-customs at 2026-11-22 05:38:06)" */
static const char *record_text(char out[WHO_BYTES], const json_t *record)
{
    char at[P2P_CLI_WHEN_BYTES];
    snprintf(out, WHO_BYTES, "record %.320s (%.64s by %.200s at %s)",
             p2p_cli_text(record, "record"), p2p_cli_text(record, "kind"),
             p2p_cli_text(record, "by"), p2p_cli_moment(at, record, "time"));
    return out;
}

/* What a record says, in a few words. */
static const char *says_text(char out[WHO_BYTES], const json_t *record)
{
    static const struct {
        const char *name;
        const char *before;
    } parts[] = {{"to", "to "},       {"light", ""}, {"value", ""},
                 {"facility", "at "}, {"found", ""}, {"reason", "reason: "}};
    const json_t *says = json_object_get(record, "says");
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        const char *text = p2p_cli_text(says, parts[i].name);
        if (text[0] != '\0' && len < WHO_BYTES) {
            len += (size_t)snprintf(out + len, WHO_BYTES - len, "%s%s%s", len > 0 ? " " : "",
                                    parts[i].before, text);
        }
    }
    return out;
}

/* "beanr/1:9", "beanr/1:9, beanr/1:12", or why it has no effect. */
static const char *effect_text(char out[WHO_BYTES], const json_t *record)
{
    const char *why = p2p_cli_text(record, "why");
    if (why[0] != '\0') {
        snprintf(out, WHO_BYTES, "no effect: %.64s", why);
        return out;
    }
    return p2p_cli_list(out, WHO_BYTES, record, "ruled");
}

static void tell_records(json_t *step, const json_t *about, bool ruled)
{
    static const char *const heads[] = {"RECORD", "WHAT", "SAYS", "BY", "TIME", NULL};
    static const char *const ruled_heads[] = {"RECORD", "WHAT",     "SAYS", "BY",
                                              "TIME",   "RULED IN", NULL};
    const json_t *record = NULL;
    size_t i = 0;
    uint64_t left_out = p2p_cli_number(about, "records_left_out");
    if (left_out > 0) {
        explained_say(step, "%llu more records name it than are told.",
                      (unsigned long long)left_out);
    }
    if (json_array_size(json_object_get(about, "records")) == 0) {
        return;
    }
    json_t *rows = explained_table(step, ruled ? ruled_heads : heads);
    json_array_foreach(json_object_get(about, "records"), i, record)
    {
        char at[P2P_CLI_WHEN_BYTES], says[WHO_BYTES], effect[WHO_BYTES];
        json_t *row = json_pack("[s, s, s, s, s]", p2p_cli_text(record, "record"),
                                p2p_cli_text(record, "kind"), says_text(says, record),
                                p2p_cli_text(record, "by"), p2p_cli_moment(at, record, "time"));
        if (ruled) {
            json_array_append_new(row, json_string(effect_text(effect, record)));
        }
        json_array_append_new(rows, row);
    }
}

/* ---- the token ---- */

static void say_own_words(json_t *step, const json_t *says)
{
    const char *custody = p2p_cli_text(says, "custody");
    explained_say(
        step, "The node's own word, which nobody else can check: %s.",
        strcmp(custody, "ready") == 0     ? "it might act for what it holds, its lease ran"
        : strcmp(custody, "waiting") == 0 ? "it waited for witnesses, its copy, or what it "
                                            "rests on"
                                          : "its lease was over");
    if (json_is_true(json_object_get(says, "asked_before"))) {
        explained_say(step,
                      "The same was asked before, and released by record %s, which was%s held "
                      "by another member; what is looked at is what came since.",
                      p2p_cli_text(says, "released"),
                      json_is_true(json_object_get(says, "mirrored")) ? "" : " not yet");
    } else if (json_is_string(json_object_get(says, "released"))) {
        explained_say(step, "Upon this answer it was released, by record %s.",
                      p2p_cli_text(says, "released"));
    }
}

static void say_token(json_t *step, const json_t *token)
{
    char record[WHO_BYTES], frozen[WHO_BYTES];
    const char *to = p2p_cli_text(token, "to");
    explained_say(step, "Token %s of %s, call %s, opened at %s by %s: %s%s%s.",
                  p2p_cli_text(token, "token"), p2p_cli_text(token, "container"),
                  p2p_cli_text(token, "call"), p2p_cli_text(token, "facility"),
                  p2p_cli_text(token, "opened_by"), p2p_cli_text(token, "state"),
                  to[0] != '\0' ? " to " : "", to);
    if (json_is_object(json_object_get(token, "held_since"))) {
        explained_say(step, "%s has it, at epoch %llu, since %s.",
                      p2p_cli_text(token, "holder"),
                      (unsigned long long)p2p_cli_number(token, "epoch"),
                      record_text(record, json_object_get(token, "held_since")));
    }
    if (json_is_object(json_object_get(token, "last_step"))) {
        explained_say(step, "The last step that counted is %s.",
                      record_text(record, json_object_get(token, "last_step")));
    }
    if (p2p_cli_list(frozen, sizeof frozen, token, "frozen")[0] != '\0') {
        explained_say(step, "It is frozen: %s.", frozen);
    }
}

static json_t *tell_token(const json_t *collect)
{
    char record[WHO_BYTES];
    const json_t *token = json_object_get(collect, "token");
    const json_t *other = json_object_get(collect, "also_open");
    json_t *step = explained_begin("Who had custody of the container");
    if (json_is_object(token)) {
        say_token(step, token);
    } else {
        explained_say(step, "No token of it stood among the records it knew.");
    }
    if (json_is_object(other)) {
        explained_say(step, "One more token of it is open: %s.", record_text(record, other));
    }
    say_own_words(step, json_object_get(collect, "says"));
    tell_records(step, token, false);
    return step;
}

/* ---- a right ---- */

static void say_issue(json_t *step, const json_t *right)
{
    char until[P2P_CLI_WHEN_BYTES];
    const char *reference = p2p_cli_text(right, "reference");
    explained_say(step, "Issued by %s for %s, bill of lading %s%s%s; until %s, to leave by %s.",
                  p2p_cli_text(right, "issuer"), p2p_cli_text(right, "container"),
                  p2p_cli_text(right, "bl"), reference[0] != '\0' ? ", reference " : "",
                  reference, p2p_cli_when(until, right, "expires"),
                  p2p_cli_text(right, "means"));
    if (p2p_cli_text(right, "why")[0] != '\0') {
        explained_say(step, "The issue has no effect: %s.", p2p_cli_text(right, "why"));
    }
}

static void say_chain(json_t *step, const json_t *chain)
{
    char record[WHO_BYTES];
    const json_t *link = NULL;
    size_t i = 0;
    json_array_foreach(chain, i, link)
    {
        if (i == 0) {
            continue; /* who issued it */
        }
        explained_say(step, "Given to %s by %s: %s.", p2p_cli_text(link, "party"),
                      record_text(record, json_object_get(link, "given")),
                      json_is_true(json_object_get(link, "accepted")) ? "accepted"
                                                                      : "not accepted");
    }
}

static void say_assigned(json_t *step, const json_t *facts, const json_t *right)
{
    char record[WHO_BYTES], from[P2P_CLI_WHEN_BYTES], until[P2P_CLI_WHEN_BYTES];
    const char *truck = p2p_cli_text(right, "truck");
    const char *company = p2p_cli_text(right, "company");
    const json_t *slot = json_object_get(right, "slot");
    if (!json_is_object(json_object_get(facts, "assigned"))) {
        explained_say(step, "It names no driver.");
        return;
    }
    explained_say(step, "Driver %s, truck %s%s%s: named by %s.", p2p_cli_text(right, "driver"),
                  truck[0] != '\0' ? truck : "any", company[0] != '\0' ? ", company " : "",
                  company, record_text(record, json_object_get(facts, "assigned")));
    if (json_is_array(slot)) {
        json_t *ends = json_pack("{s:O, s:O}", "from", json_array_get(slot, 0), "until",
                                 json_array_get(slot, 1));
        explained_say(step, "Slot: from %s until %s.", p2p_cli_when(from, ends, "from"),
                      p2p_cli_when(until, ends, "until"));
        json_decref(ends);
    } else {
        explained_say(step, "It names no slot.");
    }
}

static void say_lights(json_t *step, const json_t *lights)
{
    char record[WHO_BYTES];
    const json_t *light = NULL;
    size_t i = 0;
    json_array_foreach(lights, i, light)
    {
        const json_t *set = json_object_get(light, "set");
        explained_say(step, "Light %s: %s, %s%s%s%s.", p2p_cli_text(light, "light"),
                      p2p_cli_text(light, "value"),
                      json_is_true(json_object_get(light, "green")) ? "green" : "not green",
                      json_is_true(json_object_get(light, "overruled")) ? ", overruled" : "",
                      json_is_object(set) ? ", by " : ", as it began",
                      json_is_object(set) ? record_text(record, set) : "");
    }
}

static void say_each(json_t *step, const char *what, const json_t *records)
{
    char record[WHO_BYTES], says[WHO_BYTES];
    const json_t *each = NULL;
    size_t i = 0;
    json_array_foreach(records, i, each)
    {
        says_text(says, each);
        explained_say(step, "%s: %s%s%s.", what, record_text(record, each),
                      says[0] != '\0' ? ", " : "", says);
    }
}

static void say_override(json_t *step, const json_t *override)
{
    char asked[WHO_BYTES], approved[WHO_BYTES], list[WHO_BYTES], says[WHO_BYTES];
    const json_t *request = json_object_get(override, "asked");
    if (!json_is_object(override)) {
        return;
    }
    explained_say(step, "An override stands: asked for in %s, %s; approved in %s.",
                  record_text(asked, request), says_text(says, request),
                  record_text(approved, json_object_get(override, "approved")));
    explained_say(step, "It overrules: %s. It never overrules custody, a release or a ban.",
                  p2p_cli_list(list, sizeof list, override, "overrules"));
}

static json_t *tell_right(const json_t *facts)
{
    char title[P2P_CLI_SENTENCE_BYTES];
    const json_t *right = json_object_get(facts, "right");
    snprintf(title, sizeof title, "Right %.320s: %.32s", p2p_cli_text(right, "id"),
             p2p_cli_text(right, "state"));
    json_t *step = explained_begin(title);
    say_issue(step, right);
    say_chain(step, json_object_get(facts, "chain"));
    say_assigned(step, facts, right);
    say_lights(step, json_object_get(facts, "lights"));
    say_each(step, "Block in force", json_object_get(facts, "blocks"));
    if (json_array_size(json_object_get(facts, "blocks")) == 0) {
        explained_say(step, "No block is in force.");
    }
    say_each(step, "Asked and not ruled", json_object_get(facts, "unruled"));
    say_override(step, json_object_get(facts, "override"));
    if (json_is_object(json_object_get(facts, "ended"))) {
        char record[WHO_BYTES];
        explained_say(step, "It was ended by %s.",
                      record_text(record, json_object_get(facts, "ended")));
    }
    if (p2p_cli_text(right, "used_by")[0] != '\0') {
        explained_say(step, "The container was released on it by record %s.",
                      p2p_cli_text(right, "used_by"));
    }
    if (json_is_true(json_object_get(facts, "weighed"))) {
        explained_say(step, "This right was weighed: of all on the token it has the least "
                            "against it.");
    } else if (p2p_cli_text(right, "used_by")[0] == '\0') {
        explained_say(step, "It was not what decided.");
    }
    tell_records(step, facts, true);
    return step;
}

/* ---- what was weighed ---- */

static json_t *tell_weighed(const json_t *collect)
{
    static const char *const heads[] = {"STANDS", "WHAT", "RECORD", "RULE", "OTHERWISE", NULL};
    const json_t *weighed = NULL;
    size_t i = 0;
    json_t *step = explained_begin("What spoke for the release, and against it");
    explained_say(step, "In the order of a gate; what an override overrules does not count "
                        "against it. * is the node's own word.");
    json_t *rows = explained_table(step, heads);
    json_array_foreach(json_object_get(collect, "weighed"), i, weighed)
    {
        char what[WHO_BYTES];
        snprintf(what, sizeof what, "%.200s%s", p2p_cli_text(weighed, "what"),
                 json_is_true(json_object_get(weighed, "own_word")) ? " *" : "");
        json_array_append_new(
            rows,
            json_pack("[s, s, s, s, s++]", p2p_cli_text(weighed, "stands"), what,
                      p2p_cli_text(weighed, "record"), p2p_cli_text(weighed, "rule"),
                      p2p_cli_text(weighed, "at_least"), ": ", p2p_cli_text(weighed, "code")));
    }
    return step;
}

void explained_release(json_t *steps, const json_t *collect)
{
    const json_t *right = NULL;
    size_t i = 0;
    uint64_t left_out = p2p_cli_number(collect, "rights_left_out");
    json_array_append_new(steps, tell_token(collect));
    json_array_foreach(json_object_get(collect, "rights"), i, right)
    {
        json_array_append_new(steps, tell_right(right));
    }
    if (i == 0 || left_out > 0) {
        json_t *step = explained_begin("Rights to collect it");
        if (i == 0) {
            explained_say(step, "No right that names such a token stood among the records it "
                                "knew.");
        } else {
            explained_say(step, "%llu more rights name the token, and are not told.",
                          (unsigned long long)left_out);
        }
        json_array_append_new(steps, step);
    }
    json_array_append_new(steps, tell_weighed(collect));
}
