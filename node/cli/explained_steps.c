/* The facts about a decision, told in the order in which a gate goes about it. */
#include "explained_parts.h"

#include "print.h"

#include <stdarg.h>
#include <string.h>

#define LINE_BYTES EXPLAINED_LINE_BYTES

/* ---- one step ---- */

json_t *explained_begin(const char *title)
{
    return json_pack("{s:s, s:[]}", "title", title, "text");
}

void explained_say(json_t *step, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    json_array_append_new(json_object_get(step, "text"), json_string(line));
}

json_t *explained_table(json_t *step, const char *const *heads)
{
    json_t *rows = json_array();
    json_t *names = json_array();
    for (; *heads != NULL; heads++) {
        json_array_append_new(names, json_string(*heads));
    }
    json_object_set_new(step, "table", json_pack("{s:o, s:O}", "heads", names, "rows", rows));
    json_decref(rows);
    return rows;
}

static const char *when(char out[P2P_CLI_WHEN_BYTES], const json_t *object, const char *name)
{
    return p2p_cli_when(out, object, name);
}

static const char *moment(char out[P2P_CLI_WHEN_BYTES], const json_t *object, const char *name)
{
    return p2p_cli_moment(out, object, name);
}

/* ---- who, what ---- */

static json_t *who(const json_t *facts)
{
    char at[P2P_CLI_WHEN_BYTES], other[P2P_CLI_WHEN_BYTES];
    const json_t *written = json_object_get(facts, "written");
    const json_t *gate = json_object_get(facts, "gate");
    json_t *step = explained_begin("Who decided, and when");
    explained_say(step, "Gate %s of %s answered at %s, by its own clock. All times are UTC.",
                  p2p_cli_text(gate, "name"), p2p_cli_text(gate, "member"),
                  moment(at, json_object_get(facts, "question"), "time"));
    if (json_is_string(json_object_get(json_object_get(facts, "question"), "quorum_time"))) {
        explained_say(step, "By quorum time, which its witnesses' clocks make, it was %s.",
                      moment(at, json_object_get(facts, "question"), "quorum_time"));
    }
    explained_say(step, "The answer stands in record %s, which says %s.",
                  p2p_cli_text(written, "record"), moment(at, written, "time"));
    if (json_is_string(json_object_get(written, "before"))) {
        explained_say(step, "Others cosigned it by %s%s%s.", moment(at, written, "before"),
                      json_is_string(json_object_get(written, "after"))
                          ? ", and what stands before it by "
                          : "",
                      moment(other, written, "after"));
    }
    if (json_is_true(json_object_get(written, "late"))) {
        explained_say(step, "It could not be recorded when it was given, and was added later.");
    }
    return step;
}

/* "imo:9332810", or "card (national/1:65096a4e03ec40be, begne/1:ddd880b180aa4959)" of one whose
 * number nobody reads there. */
static size_t put_presented(char *out, size_t cap, const json_t *tokens)
{
    const json_t *each = NULL;
    size_t i = 0;
    size_t len = 0;
    json_array_foreach(tokens, i, each)
    {
        const char *text = json_string_value(each);
        const char *token = strstr(text, P2P_CLI_TOKEN_MARK);
        int word = token == NULL ? 0 : (int)(token - text);
        const char *rest = token == NULL ? text : token + strlen(P2P_CLI_TOKEN_MARK);
        if (len < cap) {
            len += (size_t)snprintf(out + len, cap - len, "%.*s%s%s", i == 0 ? word : 0, text,
                                    i > 0           ? ", "
                                    : token != NULL ? " ("
                                                    : "",
                                    rest);
        }
        if (token != NULL && i + 1 == json_array_size(tokens) && len < cap) {
            len += (size_t)snprintf(out + len, cap - len, ")");
        }
    }
    return len < cap ? len : cap;
}

static const char *presented(const json_t *question, char out[LINE_BYTES])
{
    const json_t *each = NULL;
    size_t i = 0;
    size_t len = 0;
    out[0] = '\0';
    json_array_foreach(json_object_get(question, "presented"), i, each)
    {
        if (i > 0 && len < LINE_BYTES) {
            len += (size_t)snprintf(out + len, LINE_BYTES - len, ", ");
        }
        if (len < LINE_BYTES) {
            len += put_presented(out + len, LINE_BYTES - len, each);
        }
    }
    return out;
}

const char *p2p_cli_explained_question(const json_t *facts, char out[P2P_CLI_QUESTION_BYTES])
{
    char list[LINE_BYTES];
    const json_t *question = json_object_get(facts, "question");
    const json_t *gate = json_object_get(facts, "gate");
    const char *purpose = p2p_cli_text(question, "purpose");
    const char *locode = p2p_cli_text(gate, "locode");
    const char *container = p2p_cli_text(question, "container");
    snprintf(out, P2P_CLI_QUESTION_BYTES, "May %s %s%.40s at %s?", presented(question, list),
             container[0] != '\0'                                           ? "collect "
             : strcmp(purpose, "call") == 0 || strcmp(purpose, "work") == 0 ? purpose
                                                                            : "enter",
             container, locode[0] != '\0' ? locode : p2p_cli_text(gate, "member"));
    return out;
}

static json_t *asked(const json_t *facts)
{
    char list[LINE_BYTES];
    const json_t *question = json_object_get(facts, "question");
    const json_t *gate = json_object_get(facts, "gate");
    json_t *step = explained_begin("What was asked");
    explained_say(step, "%s", p2p_cli_explained_question(facts, list));
    if (strstr(list, " (") != NULL) {
        explained_say(step, "The tokens in one pair of brackets stand for one number, one for "
                            "each circle in which it is looked up; only who has a circle's key "
                            "can tell the number.");
    }
    if (!json_is_true(json_object_get(question, "check_digits"))) {
        explained_say(step, "A check digit is wrong: the answer is at least `possible`.");
    }
    explained_say(step,
                  "The gate looks into the circles its member is in (* is everybody's): %s.",
                  p2p_cli_list(list, sizeof list, gate, "circles"));
    return step;
}

/* ---- what was known ---- */

static json_t *known(const json_t *facts)
{
    static const char *const heads[] = {
        "FEED", "RECORDS KNOWN", "THERE ARE NOW", "NEWEST KNOWN RECORD", "ITS AGE", NULL};
    const json_t *knew = json_object_get(facts, "knew");
    const json_t *says = json_object_get(knew, "says");
    const json_t *feed = NULL;
    size_t i = 0;
    json_t *step = explained_begin("What the gate knew");
    bool late = json_is_true(json_object_get(json_object_get(facts, "written"), "late"));
    explained_say(step, "By %s it knew this much of each feed; nothing beyond it counts.",
                  late ? "what the decision names"
                       : "the gate's own records of what it had seen");
    if (!json_is_true(json_object_get(knew, "all_here"))) {
        explained_say(step, "It knew more than this archive holds.");
    }
    if (json_is_true(json_object_get(says, "incomplete"))) {
        explained_say(step, "It said of itself that it was not complete in its circles.");
    }
    if (json_is_true(json_object_get(says, "stale"))) {
        explained_say(step, "It said of itself that it had heard too little for too long.");
    }
    if (json_is_true(json_object_get(says, "keys_missing"))) {
        explained_say(step, "It lacked a key under which a person might have been banned.");
    }
    json_t *rows = explained_table(step, heads);
    json_array_foreach(json_object_get(knew, "feeds"), i, feed)
    {
        char size[P2P_CLI_SPAN_BYTES], of[P2P_CLI_SPAN_BYTES], age[P2P_CLI_SPAN_BYTES] = "";
        char at[P2P_CLI_WHEN_BYTES];
        if (json_is_integer(json_object_get(feed, "newest_age_s"))) {
            p2p_cli_span(age, (double)p2p_cli_number(feed, "newest_age_s"));
        }
        json_array_append_new(rows, json_pack("[s, s, s, s, s]", p2p_cli_text(feed, "feed"),
                                              p2p_cli_count(size, p2p_cli_number(feed, "size")),
                                              p2p_cli_count(of, p2p_cli_number(feed, "of")),
                                              moment(at, feed, "newest"),
                                              strcmp(age, "now") == 0 ? "0 s" : age));
    }
    return step;
}

/* ---- what was found ---- */

static const char *conclusion(const json_t *found)
{
    const char *code = p2p_cli_text(found, "counts_as");
    const char *state = p2p_cli_text(json_object_get(found, "ban"), "state");
    if (strcmp(code, "banned") == 0) {
        return "It is in force: the answer is refuse.";
    }
    if (strcmp(code, "partial-match") == 0) {
        return "It is in force, but what matches identifies nobody alone: at least possible.";
    }
    if (strcmp(code, "clock") == 0) {
        return "It is in force by one clock only, and they are too far apart: people decide.";
    }
    if (strcmp(code, "suspended") == 0) {
        return "It is suspended, which is told and forbids nothing.";
    }
    if (strcmp(code, "incomplete") == 0) {
        return "Its author knew more of the charter than the gate: at least refer.";
    }
    if (!json_is_true(json_object_get(found, "forbids_it"))) {
        return "It forbids something else, and does not count.";
    }
    if (!json_is_true(json_object_get(found, "covers_it"))) {
        return "It does not cover this port, and does not count.";
    }
    return strcmp(state, "lifted") == 0      ? "It was lifted, and does not count."
           : strcmp(state, "expired") == 0   ? "It had ended, and does not count."
           : strcmp(state, "future") == 0    ? "It had not begun, and does not count."
           : strcmp(state, "no-effect") == 0 ? "It has no effect, and does not count."
                                             : "It does not count.";
}

/* One ban, as a part of the step. */
static json_t *tell_ban(const json_t *found)
{
    char title[P2P_CLI_SENTENCE_BYTES], list[LINE_BYTES], at[P2P_CLI_WHEN_BYTES],
        until[P2P_CLI_WHEN_BYTES];
    const json_t *ban = json_object_get(found, "ban");
    const json_t *act = NULL;
    size_t i = 0;
    snprintf(title, sizeof title, "Ban %s", p2p_cli_text(ban, "id"));
    json_t *step = explained_begin(title);
    explained_say(step, "On %s: imposed by %s at %s; ground %s; %s.",
                  p2p_cli_list(list, sizeof list, ban, "subjects"), p2p_cli_text(ban, "issuer"),
                  moment(at, json_object_get(found, "imposed"), "time"),
                  p2p_cli_text(ban, "ground"), p2p_cli_text(ban, "reference"));
    p2p_cli_list(list, sizeof list, ban, "scope");
    explained_say(
        step, "It covers %s; from %s until %s.", strcmp(list, "*") == 0 ? "every port" : list,
        json_is_string(json_object_get(ban, "from")) ? when(at, ban, "from") : "its imposition",
        json_is_string(json_object_get(ban, "until")) ? when(until, ban, "until")
                                                      : "it is lifted");
    json_array_foreach(json_object_get(found, "acts"), i, act)
    {
        explained_say(step, "Record %s acts on it: %s by %s at %s.",
                      p2p_cli_text(act, "record"), p2p_cli_text(act, "kind"),
                      p2p_cli_text(act, "by"), moment(at, act, "time"));
    }
    if (json_is_string(json_object_get(ban, "why"))) {
        explained_say(step, "It has no effect: %s.", p2p_cli_text(ban, "why"));
    }
    explained_say(step, "%s", conclusion(found));
    return step;
}

static json_t *found(const json_t *facts)
{
    const json_t *each = NULL;
    size_t i = 0;
    json_t *step = explained_begin(
        json_object_get(facts, "collect") == NULL ? "What it found" : "Which bans it found");
    json_t *parts = json_array();
    json_array_foreach(json_object_get(facts, "found"), i, each)
    {
        json_array_append_new(parts, tell_ban(each));
    }
    json_object_set_new(step, "parts", parts);
    if (i == 0) {
        explained_say(step, "No ban on any of these stood among the records it knew.");
    }
    return step;
}

/* Records of which it knew nothing: those from before the answer, or those from after it. */
static size_t say_unknown(json_t *step, const json_t *facts, bool afterwards)
{
    char at[P2P_CLI_WHEN_BYTES];
    const json_t *each = NULL;
    size_t i = 0;
    size_t count = 0;
    json_array_foreach(json_object_get(facts, "unknown"), i, each)
    {
        const char *on = p2p_cli_text(each, "acts_on");
        if (json_is_true(json_object_get(each, "afterwards")) == afterwards) {
            count++;
            explained_say(
                step, "Record %s: %s by %s at %s%s%s. %s", p2p_cli_text(each, "record"),
                p2p_cli_text(each, "kind"), p2p_cli_text(each, "by"), moment(at, each, "time"),
                on[0] != '\0' ? ", on " : "", on,
                afterwards ? "It was written after the answer." : "The gate had not seen it.");
        }
    }
    return count;
}

/* Before and after are by the clocks of the authors, but in the gate's own feed. */
static json_t *unknown(const json_t *facts)
{
    json_t *step = explained_begin("What it did not know");
    size_t before = say_unknown(step, facts, false);
    if (json_array_size(json_object_get(facts, "unknown")) == 0) {
        explained_say(step, "No other record of this archive is about these.");
    } else if (before == 0) {
        explained_say(step, "Of what had been written by then, by its authors' clocks, nothing "
                            "that is in this archive.");
    }
    say_unknown(step, facts, true);
    return step;
}

/* ---- the rule, the answer ---- */

static void say_answer(json_t *step, const char *what, const json_t *answer)
{
    char line[LINE_BYTES];
    const json_t *reason = NULL;
    size_t i = 0;
    size_t len =
        (size_t)snprintf(line, sizeof line, "%s %s", what, p2p_cli_text(answer, "answer"));
    json_array_foreach(json_object_get(answer, "reasons"), i, reason)
    {
        const char *record = p2p_cli_text(reason, "record");
        if (len < sizeof line) {
            len += (size_t)snprintf(line + len, sizeof line - len, "%s%s%s%s",
                                    i == 0 ? ": " : ", ", p2p_cli_text(reason, "code"),
                                    record[0] != '\0' ? " by " : "", record);
        }
    }
    explained_say(step, "%s.", line);
}

/* What would have spoken against it, had two officers not overruled it. */
static void say_overruled(json_t *step, const json_t *collect)
{
    char list[LINE_BYTES] = "";
    const char *record = "";
    const json_t *weighed = NULL;
    size_t i = 0;
    size_t len = 0;
    json_array_foreach(json_object_get(collect, "weighed"), i, weighed)
    {
        if (strcmp(p2p_cli_text(weighed, "stands"), "overruled") == 0 && len < sizeof list) {
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len > 0 ? ", " : "",
                                    p2p_cli_text(weighed, "code"));
            record = p2p_cli_text(weighed, "record");
        }
    }
    if (len > 0) {
        explained_say(step,
                      "Not counted, because two officers overruled it (approved in %s): %s.",
                      record, list);
    }
}

static json_t *answered(const json_t *facts)
{
    json_t *step = explained_begin("What the answer had to be");
    explained_say(
        step, "The strongest reason decides: refuse, then refer, then possible, else allow.");
    say_answer(step, "From what the gate knew it had to be", json_object_get(facts, "should"));
    say_answer(step, "It was", json_object_get(facts, "answered"));
    say_overruled(step, json_object_get(facts, "collect"));
    if (json_is_true(json_object_get(facts, "two_heads"))) {
        explained_say(step, "It follows for a gate that knew of two heads of the charter.");
    }
    if (json_is_true(json_object_get(facts, "taken_back"))) {
        explained_say(step, "It follows for a gate that held nothing of a forked feed beyond "
                            "where that ended by what it knew.");
    }
    return step;
}

static json_t *verdict(const json_t *facts)
{
    const char *caveat = p2p_cli_explained_caveat(facts);
    json_t *step = explained_begin("The verdict");
    explained_say(step, "%s: %s.", p2p_cli_text(facts, "decided"), p2p_cli_text(facts, "text"));
    say_answer(step,
               "With everything that is known now, later lifts too, the same question gives",
               json_object_get(facts, "now"));
    if (caveat != NULL) {
        explained_say(step, "%s", caveat);
    }
    return step;
}

const char *p2p_cli_explained_caveat(const json_t *facts)
{
    const char *verdict = p2p_cli_text(json_object_get(facts, "inputs"), "verdict");
    return strcmp(verdict, "sound") == 0 ? NULL
           : strcmp(verdict, "findings") == 0
               ? "The archive verifies, but is not in order: see what audit verify finds."
               : "The archive does not verify, and what is told here rests on what is left of "
                 "it: "
                 "see what audit verify finds.";
}

json_t *p2p_cli_explain_steps(const json_t *facts)
{
    const json_t *collect = json_object_get(facts, "collect");
    json_t *steps = json_array();
    json_array_append_new(steps, who(facts));
    json_array_append_new(steps, asked(facts));
    json_array_append_new(steps, known(facts));
    if (collect != NULL) {
        explained_release(steps, collect);
    }
    json_array_append_new(steps, found(facts));
    json_array_append_new(steps, unknown(facts));
    json_array_append_new(steps, answered(facts));
    json_array_append_new(steps, verdict(facts));
    return steps;
}
