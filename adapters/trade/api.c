#include "api.h"

#include "json_text.h"
#include "task.h"

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a verb is asked for. What it is done to, or needs, is looked for first: that changes
 * nothing, and what waits is looked for often. */
struct route {
    const char *verb;
    const char *path;
    const char *list; /* where it is found; NULL: nowhere */
    const char *rows; /* the list's member in the answer */
    const char *id;   /* which member of a row names it in the request; NULL: it need only be */
    const char *states; /* in one of these, where the step says none */
    bool all;           /* it is done to each that fits, not to the only one */
};

#define OPEN "held|offered"

#define LIST_PAGES_MAX 64u /* of 100 rows, of one container */

static const struct route ROUTES[] = {
    {"right issue", "/v1/rights", "/v1/custody", "custody", NULL, OPEN, false},
    {"right cancel", "/v1/rights/cancel", "/v1/rights", "rights", "id", NULL, true},
    {"right light", "/v1/rights/light", "/v1/rights", "rights", "id", NULL, false},
    {"right assign", "/v1/rights/assign", "/v1/rights", "rights", "id", NULL, false},
    {"right unassign", "/v1/rights/unassign", "/v1/rights", "rights", "id", NULL, true},
    {"right gate-out", "/v1/rights/gate-out", "/v1/rights", "rights", "id", NULL, false},
    {"custody open", "/v1/custody", NULL, NULL, NULL, NULL, false},
    {"custody gate-in", "/v1/custody/gate-in", "/v1/custody", "custody", NULL, OPEN, false},
    {"custody withdraw", "/v1/custody/withdraw", "/v1/custody", "custody", "token", OPEN,
     false},
};

static const struct route *find_route(const char *verb)
{
    for (size_t i = 0; i < sizeof ROUTES / sizeof ROUTES[0]; i++) {
        if (strcmp(ROUTES[i].verb, verb) == 0) {
            return &ROUTES[i];
        }
    }
    return NULL;
}

/* ---- results ---- */

/* Text of a node, cut to what an answer has room for: printable ASCII, as EDIFACT has it. */
static void copy_text(char *out, size_t cap, const char *text)
{
    size_t len = 0;
    for (; *text != '\0' && len + 1 < cap; text++) {
        out[len++] = *text >= 0x20 && *text <= 0x7e ? *text : '.';
    }
    out[len] = '\0';
}

static void set(struct p2p_trade_result *out, enum p2p_trade_outcome outcome, const char *code,
                const char *text)
{
    *out = (struct p2p_trade_result){.outcome = outcome};
    copy_text(out->code, sizeof out->code, code);
    copy_text(out->text, sizeof out->text, text);
}

static void set_unreachable(struct p2p_trade_result *out, const struct p2p_trade_api *api)
{
    char text[P2P_TRADE_REASON_BYTES];
    snprintf(text, sizeof text, "the node gave no answer: %s", p2p_trade_http_why(api->http));
    set(out, P2P_TRADE_UNREACHABLE, "unreachable", text);
}

/* What a status and a document mean. 403 and 422 are a definite no, as are requests that the
 * node does not understand (ours to repair); 404 is something that is not there; everything
 * else may be otherwise the next time. */
static void from_reply(struct p2p_trade_result *out, long status, const json_t *reply)
{
    enum p2p_trade_outcome outcome = P2P_TRADE_UNREACHABLE;
    const char *code = p2p_json_text(reply, "code");
    if (status == 200) {
        outcome = P2P_TRADE_DONE;
    } else if (status == 404 && strcmp(code, "no-such-route") != 0) {
        outcome = P2P_TRADE_ABSENT;
    } else if (status == 400 || status == 403 || status == 413 || status == 422) {
        outcome = P2P_TRADE_REFUSED;
    }
    set(out, outcome, code, p2p_json_text(reply, "text"));
    if (outcome == P2P_TRADE_DONE) {
        copy_text(out->id, sizeof out->id, p2p_json_text(reply, "id"));
    }
}

/* ---- finding what a step is done to ---- */

static bool in_states(const char *states, const char *state)
{
    size_t len = strlen(state);
    for (const char *at = states; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncasecmp(at, state, len) == 0 && (at[len] == '|' || at[len] == '\0')) {
            return true;
        }
    }
    return false;
}

/* What `where` says and the row says too has to be the same. */
static bool row_fits(const json_t *row, const json_t *step, const char *states)
{
    const char *key;
    json_t *value;
    if (states[0] != '\0' && !in_states(states, p2p_json_text(row, "state"))) {
        return false;
    }
    json_object_foreach(json_object_get(step, "where"), key, value)
    {
        const json_t *own = json_object_get(row, key);
        if (json_is_string(own) && strcmp(key, "container") != 0 &&
            strcmp(json_string_value(own), json_string_value(value)) != 0) {
            return false; /* the container it was found by, in the node's normal form */
        }
    }
    return true;
}

/* One page of what there is on a container, from `after` on ("": the first); NULL with a
 * result.
 */
static json_t *ask_page(struct p2p_trade_api *api, const struct route *route,
                        const char *container, const char *after, struct p2p_trade_result *out)
{
    char *escaped = p2p_trade_http_escape(api->http, container);
    char *escaped_after = p2p_trade_http_escape(api->http, after);
    char query[512];
    long status = 0;
    json_t *reply = NULL;
    snprintf(query, sizeof query, "all=1&container=%s%s%s", escaped != NULL ? escaped : "",
             after[0] != '\0' ? "&after=" : "", escaped_after != NULL ? escaped_after : "");
    free(escaped);
    free(escaped_after);
    if (!p2p_trade_http_ask(api->http, "GET", route->list, query, NULL, NULL, &status,
                            &reply)) {
        set_unreachable(out, api);
        return NULL;
    }
    if (status != 200) {
        from_reply(out, status, reply);
        json_decref(reply);
        return NULL;
    }
    return reply;
}

/* The rows of all pages: of a container with a long history the first page has only the oldest.
 * NULL with a result. */
static json_t *ask_list(struct p2p_trade_api *api, const struct route *route,
                        const char *container, struct p2p_trade_result *out)
{
    json_t *rows = json_array();
    char after[P2P_TRADE_ID_BYTES] = "";
    for (unsigned page = 0; page < LIST_PAGES_MAX; page++) {
        json_t *reply = ask_page(api, route, container, after, out);
        if (reply == NULL) {
            json_decref(rows);
            return NULL;
        }
        json_array_extend(rows, json_object_get(reply, route->rows));
        copy_text(after, sizeof after, p2p_json_text(reply, "next"));
        json_decref(reply);
        if (after[0] == '\0') {
            return rows;
        }
    }
    json_decref(rows);
    set(out, P2P_TRADE_REFUSED, "too-many", "the node knows too much of this container");
    return NULL;
}

/* Who of a right would do what is asked: its issuer cancels it, its party says who drives. */
static const char *actor_of(const struct route *route, const json_t *row)
{
    return strcmp(route->verb, "right cancel") == 0 ? p2p_json_text(row, "issuer")
           : strcmp(route->verb, "right assign") == 0 ||
                   strcmp(route->verb, "right unassign") == 0
               ? p2p_json_text(row, "party")
               : "";
}

/* Rows that fit; those of ours alone, if some of them are. */
static json_t *fitting(const struct p2p_trade_api *api, const struct route *route,
                       const json_t *rows, const json_t *step)
{
    const char *states = p2p_json_text(step, "states");
    json_t *fit = json_array();
    json_t *ours = json_array();
    size_t i;
    json_t *row;
    if (states[0] == '\0' && route->states != NULL) {
        states = route->states;
    }
    json_array_foreach(rows, i, row)
    {
        if (row_fits(row, step, states)) {
            json_array_append(fit, row);
            if (api->as != NULL && strcmp(actor_of(route, row), api->as) == 0) {
                json_array_append(ours, row);
            }
        }
    }
    bool some = json_array_size(ours) > 0;
    json_decref(some ? fit : ours);
    return some ? ours : fit;
}

/* What the message would have to say so that one is left. */
static void set_ambiguous(struct p2p_trade_result *out, const struct route *route,
                          const json_t *step)
{
    const json_t *where = json_object_get(step, "where");
    if (strcmp(route->rows, "custody") == 0) {
        set(out, P2P_TRADE_REFUSED, "ambiguous",
            "this container is in custody more than once; the terminals that opened it settle "
            "first which one stands");
    } else if (json_object_get(where, "bl") == NULL) {
        set(out, P2P_TRADE_REFUSED, "ambiguous",
            "several rights on this container fit; name its bill of lading (RFF+BM)");
    } else if (json_object_get(where, "reference") == NULL) {
        set(out, P2P_TRADE_REFUSED, "ambiguous",
            "several rights on this bill of lading fit; name the release reference (RFF+RE)");
    } else {
        set(out, P2P_TRADE_REFUSED, "ambiguous",
            "several rights fit all that is named; their issuer cancels all but one");
    }
}

/* The ids of what a step is done to: none where it need only be there, one, or all that fit.
 * NULL with a result. */
static json_t *find(struct p2p_trade_api *api, const struct route *route, const json_t *step,
                    struct p2p_trade_result *out)
{
    const json_t *where = json_object_get(step, "where");
    const json_t *names = where != NULL ? where : json_object_get(step, "body");
    size_t i;
    json_t *row;
    json_t *rows = ask_list(api, route, p2p_json_text(names, "container"), out);
    if (rows == NULL) {
        return NULL;
    }
    json_t *fit = fitting(api, route, rows, step);
    json_t *ids = json_array();
    size_t count = json_array_size(fit);
    json_array_foreach(fit, i, row)
    {
        if (route->id != NULL) {
            json_array_append(ids, json_object_get(row, route->id));
        }
    }
    json_decref(fit);
    json_decref(rows);
    if (count == 0) {
        set(out, P2P_TRADE_ABSENT, "nothing-there",
            strcmp(route->rows, "rights") == 0
                ? "no right on this container is in a state in which this could be done"
                : "nobody has this container in custody");
    } else if (count > 1 && route->id != NULL && !route->all) {
        set_ambiguous(out, route, step);
    } else {
        return ids;
    }
    json_decref(ids);
    return NULL;
}

/* ---- asking ---- */

/* Signs what was prepared; the signed record, or NULL with a result. */
static json_t *sign(const struct p2p_trade_api *api, const json_t *prepared,
                    struct p2p_trade_result *out)
{
    struct p2p_slice text = {(const uint8_t *)p2p_json_text(prepared, "bytes"),
                             strlen(p2p_json_text(prepared, "bytes"))};
    struct p2p_slice leaf_text = {(const uint8_t *)p2p_json_text(prepared, "leaf"),
                                  strlen(p2p_json_text(prepared, "leaf"))};
    struct p2p_signature signature;
    char encoded[P2P_BASE64_BYTES(P2P_SIGNATURE_BYTES)];
    size_t len = 0;
    size_t leaf_len = 0;
    json_t *record = NULL;
    uint8_t *bytes = malloc(text.len + 1);
    uint8_t *leaf = malloc(leaf_text.len + 1);
    enum p2p_err err = bytes == NULL || leaf == NULL ? P2P_NOMEM : P2P_OK;
    if (err == P2P_OK) {
        err = p2p_base64_decode(bytes, text.len, &len, text);
    }
    if (err == P2P_OK) {
        err = p2p_base64_decode(leaf, leaf_text.len, &leaf_len, leaf_text);
    }
    if (err == P2P_OK) {
        struct p2p_slice signed_bytes = {bytes, len};
        struct p2p_slice signed_leaf = {leaf, leaf_len};
        err = p2p_trade_sign(api->signer, signed_bytes, signed_leaf, &signature);
    }
    if (err == P2P_OK) {
        p2p_base64_encode(encoded, signature.bytes, sizeof signature.bytes);
        record =
            json_pack("{s:O, s:O, s:s}", "leaf", json_object_get(prepared, "leaf"), "payload",
                      json_object_get(prepared, "payload"), "signature", encoded);
    }
    if (record == NULL) {
        set(out, P2P_TRADE_UNREACHABLE, "bad-prepare",
            "what the node prepared to be signed is not a record");
    }
    free(bytes);
    free(leaf);
    return record;
}

/* Refusals by which a node says, of a request that was sent before, that it was done. */
static bool says_done(const char *code)
{
    static const char *const CODES[] = {"wrong-state", "not-held", "in-custody"};
    bool done = false;
    for (size_t i = 0; i < sizeof CODES / sizeof CODES[0]; i++) {
        done = done || strcmp(code, CODES[i]) == 0;
    }
    return done;
}

/* Sends a request that stands in the journal, which forgets it once it is answered; one that is
 * done, once that stands there too (settle): else a crash in between would have it asked anew.
 * again: it was sent before, perhaps in vain. */
static void post(struct p2p_trade_api *api, const json_t *asked, bool again, const char *key,
                 struct p2p_trade_result *out)
{
    long status = 0;
    json_t *reply = NULL;
    if (!p2p_trade_http_ask(api->http, "POST", p2p_json_text(asked, "path"), NULL,
                            json_object_get(asked, "body"), key, &status, &reply)) {
        set_unreachable(out, api);
        return;
    }
    from_reply(out, status, reply);
    json_decref(reply);
    bool answered = out->outcome != P2P_TRADE_UNREACHABLE;
    bool refused = out->outcome == P2P_TRADE_REFUSED;
    if (refused && strcmp(out->code, "overtaken") == 0) {
        set(out, P2P_TRADE_UNREACHABLE, "overtaken",
            "another record of this issuer came first; it is prepared again");
    } else if (refused && again && says_done(out->code)) {
        set(out, P2P_TRADE_DONE, "", ""); /* it is as it was asked to be: the first one came */
    }
    if (answered && out->outcome != P2P_TRADE_DONE &&
        p2p_journal_put(api->journal, P2P_JOURNAL_ASKED, key, NULL) != P2P_OK) {
        set(out, P2P_TRADE_UNREACHABLE, "journal", "the journal cannot be written");
    }
}

/* Has the node prepare the record and signs it; the body of its submit, or NULL with a result:
 * also when there is nothing to sign, since what would be issued lives. */
static json_t *prepare(struct p2p_trade_api *api, const char *path, const json_t *body,
                       struct p2p_trade_result *out)
{
    long status = 0;
    json_t *reply = NULL;
    json_t *record = NULL;
    json_t *request = json_pack("{s:s, s:O}", "path", path, "request", body);
    if (request == NULL || !p2p_trade_http_ask(api->http, "POST", "/v1/prepare", NULL, request,
                                               NULL, &status, &reply)) {
        set_unreachable(out, api);
    } else {
        from_reply(out, status, reply);
        bool stands = json_is_true(json_object_get(reply, "already"));
        record = out->outcome == P2P_TRADE_DONE && !stands ? sign(api, reply, out) : NULL;
    }
    json_decref(request);
    json_decref(reply);
    return record;
}

/* What is sent stands in the journal first: sent again after a crash it is the same bytes under
 * the same key. */
static void ask(struct p2p_trade_api *api, const char *path, json_t *body, const char *key,
                struct p2p_trade_result *out)
{
    bool outside = api->signer != NULL;
    json_t *sent = outside ? prepare(api, path, body, out) : json_incref(body);
    if (sent == NULL) {
        return;
    }
    json_t *asked =
        json_pack("{s:s, s:o}", "path", outside ? "/v1/submit" : path, "body", sent);
    if (asked == NULL ||
        p2p_journal_put(api->journal, P2P_JOURNAL_ASKED, key, json_incref(asked)) != P2P_OK ||
        p2p_journal_sync(api->journal) != P2P_OK) {
        set(out, P2P_TRADE_UNREACHABLE, "journal", "the journal cannot be written");
    } else {
        post(api, asked, false, key, out);
    }
    json_decref(asked);
}

/* What was asked for under a key, and under those of each where there were several, is not
 * asked again. */
static enum p2p_err forget(struct p2p_trade_api *api, const char *key)
{
    const json_t *asked = p2p_journal_get(api->journal, P2P_JOURNAL_ASKED, key);
    size_t count = json_array_size(json_object_get(asked, "ids"));
    enum p2p_err err = P2P_OK;
    for (size_t i = 0; i < count && err == P2P_OK; i++) {
        char own[P2P_TRADE_KEY_BYTES];
        p2p_task_key(own, key, i);
        err = p2p_journal_put(api->journal, P2P_JOURNAL_ASKED, own, NULL);
    }
    return err == P2P_OK ? p2p_journal_put(api->journal, P2P_JOURNAL_ASKED, key, NULL) : err;
}

/* Asks for it of one, or once more; id: "" where none is named. */
static void carry_one(struct p2p_trade_api *api, const struct route *route, const json_t *step,
                      const char *id, const char *key, struct p2p_trade_result *out)
{
    json_t *asked = json_incref(p2p_journal_get(api->journal, P2P_JOURNAL_ASKED, key));
    if (asked != NULL) {
        post(api, asked, true, key, out);
        json_decref(asked);
        return;
    }
    json_t *body = json_copy(json_object_get(step, "body"));
    int failed = body == NULL;
    if (!failed && id[0] != '\0') {
        failed |= json_object_set_new(body, "id", json_string(id));
    }
    if (!failed && api->as != NULL) {
        failed |= json_object_set_new(body, "as", json_string(api->as));
    }
    if (failed) {
        set(out, P2P_TRADE_UNREACHABLE, "no-memory", "out of memory");
    } else {
        ask(api, route->path, body, key, out);
    }
    json_decref(body);
}

/* Of each in turn, under a key of its own. Which they are stands in the journal first: looked
 * for again after a crash, those that are done would not be found. One that is refused stops no
 * other; the last refusal is told. ids: taken. */
static void carry_all(struct p2p_trade_api *api, const struct route *route, const json_t *step,
                      json_t *ids, const char *key, struct p2p_trade_result *out)
{
    struct p2p_trade_result refused = {.outcome = P2P_TRADE_DONE};
    size_t i;
    json_t *id;
    json_t *plan = json_pack("{s:o}", "ids", ids);
    if (plan == NULL ||
        p2p_journal_put(api->journal, P2P_JOURNAL_ASKED, key, json_incref(plan)) != P2P_OK) {
        set(out, P2P_TRADE_UNREACHABLE, "journal", "the journal cannot be written");
        json_decref(plan);
        return;
    }
    json_array_foreach(ids, i, id)
    {
        char own[P2P_TRADE_KEY_BYTES];
        p2p_task_key(own, key, i);
        carry_one(api, route, step, json_string_value(id), own, out);
        if (out->outcome == P2P_TRADE_UNREACHABLE) {
            break; /* the plan stays */
        }
        if (out->outcome != P2P_TRADE_DONE) {
            refused = *out;
        }
    }
    if (out->outcome != P2P_TRADE_UNREACHABLE && refused.outcome != P2P_TRADE_DONE) {
        *out = refused;
        if (forget(api, key) != P2P_OK) {
            set(out, P2P_TRADE_UNREACHABLE, "journal", "the journal cannot be written");
        }
    }
    json_decref(plan);
}

static void carry(void *context, const json_t *step, const char *issued, const char *key,
                  struct p2p_trade_result *out)
{
    struct p2p_trade_api *api = context;
    const struct route *route = find_route(p2p_json_text(step, "verb"));
    const json_t *asked = p2p_journal_get(api->journal, P2P_JOURNAL_ASKED, key);
    json_t *ids = json_incref(json_object_get(asked, "ids"));
    if (route == NULL) {
        set(out, P2P_TRADE_REFUSED, "not-read", "nothing is asked by this verb");
        return;
    }
    if (asked == NULL && !json_is_true(json_object_get(step, "issued")) &&
        route->list != NULL) {
        ids = find(api, route, step, out);
        if (ids == NULL) {
            return;
        }
    }
    if (json_array_size(ids) > 1) {
        carry_all(api, route, step, ids, key, out);
        return;
    }
    const char *id = json_is_true(json_object_get(step, "issued"))
                         ? issued
                         : json_string_value(json_array_get(ids, 0));
    carry_one(api, route, step, id != NULL ? id : "", key, out);
    json_decref(ids);
}

static enum p2p_err settle(void *context, const char *key)
{
    return forget(context, key);
}

struct p2p_trade_carrier p2p_trade_api_carrier(struct p2p_trade_api *api)
{
    return (struct p2p_trade_carrier){.carry = carry, .settle = settle, .context = api};
}
