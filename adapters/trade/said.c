#include "said.h"

#include "json_text.h"
#include "task.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ORIGINAL "9"
#define CANCELS  "1"
#define REPLACES "5"

const char *p2p_said_bl(const json_t *task)
{
    const json_t *steps = json_object_get(task, "steps");
    const char *bl = "";
    for (size_t i = 0; bl[0] == '\0' && i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        bl = p2p_json_text(json_object_get(step, "body"), "bl");
        if (bl[0] == '\0') {
            bl = p2p_json_text(json_object_get(step, "where"), "bl");
        }
    }
    return bl;
}

/* What a task says, and where it is kept. */
struct saying {
    char place[P2P_TRADE_KEY_BYTES]; /* key in the map */
    char doc[64];
    const char *function;
    char content[P2P_TRADE_KEY_BYTES];
    const char *bl;
    bool assigns; /* the last one counts: each replaces the one before */
};

/* False: a message that cannot be known again. */
static bool read_saying(const json_t *entry, struct saying *out)
{
    const json_t *task = json_object_get(entry, "task");
    const json_t *origin = json_object_get(entry, "origin");
    const json_t *steps = json_object_get(task, "steps");
    const struct p2p_slice parts[] = {p2p_slice_text(p2p_json_text(origin, "sender")),
                                      p2p_slice_text(p2p_json_text(origin, "type")),
                                      p2p_slice_text(p2p_json_text(task, "container"))};
    out->function = p2p_json_text(origin, "function");
    if (p2p_json_text(origin, "document")[0] == '\0' || out->function[0] == '\0') {
        return false;
    }
    char *text = json_dumps(steps, JSON_COMPACT | JSON_SORT_KEYS);
    if (text == NULL) {
        return false;
    }
    const struct p2p_slice content = p2p_slice_text(text);
    p2p_trade_key(out->content, &content, 1);
    free(text);
    p2p_trade_key(out->place, parts, 3);
    snprintf(out->doc, sizeof out->doc, "%s %s", p2p_json_text(origin, "name"),
             p2p_json_text(origin, "document"));
    out->bl = p2p_said_bl(task);
    out->assigns = strcmp(p2p_json_text(json_array_get(steps, 0), "verb"), "right assign") == 0;
    return true;
}

static bool is_same(const json_t *item, const struct saying *saying)
{
    return strcmp(p2p_json_text(item, "doc"), saying->doc) == 0 &&
           strcmp(p2p_json_text(item, "function"), saying->function) == 0;
}

static bool is(const json_t *item, const char *key)
{
    return json_is_true(json_object_get(item, key));
}

/* For the same bill of lading, as far as both name one. */
static bool fits(const struct saying *saying, const json_t *item)
{
    const char *bl = p2p_json_text(item, "bl");
    return bl[0] == '\0' || saying->bl[0] == '\0' || strcmp(bl, saying->bl) == 0;
}

/* Whether what a message says, done later than another, ends what that one said. */
static bool reverses(const struct saying *later, const json_t *item)
{
    bool cancels = strcmp(later->function, CANCELS) == 0;
    return fits(later, item) &&
           (cancels != (strcmp(p2p_json_text(item, "function"), CANCELS) == 0) ||
            strcmp(later->function, REPLACES) == 0 || later->assigns);
}

/* What was said in that place, to be changed and put back; NULL: no memory. */
static json_t *copy_said(const struct p2p_journal *journal, const struct saying *saying)
{
    const json_t *old = p2p_journal_get(journal, P2P_JOURNAL_SAID, saying->place);
    return old == NULL ? json_array() : json_deep_copy(json_object_get(old, "said"));
}

/* said: taken. Taken out first, so that the journal forgets by when something was said last. */
static enum p2p_err put_said(struct p2p_journal *journal, const struct saying *saying,
                             uint64_t now_ms, json_t *said)
{
    json_t *value = json_array_size(said) == 0
                        ? NULL
                        : json_pack("{s:I, s:O}", "t", (json_int_t)now_ms, "said", said);
    enum p2p_err err = p2p_journal_put(journal, P2P_JOURNAL_SAID, saying->place, NULL);
    if (err == P2P_OK && json_array_size(said) > 0) {
        err = value == NULL ? P2P_NOMEM
                            : p2p_journal_put(journal, P2P_JOURNAL_SAID, saying->place, value);
    } else {
        json_decref(value);
    }
    json_decref(said);
    return err;
}

static enum p2p_err begin(struct p2p_journal *journal, const char *key,
                          const struct saying *saying, uint64_t now_ms)
{
    json_t *said = copy_said(journal, saying);
    json_t *item =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "doc", saying->doc, "function", saying->function,
                  "content", saying->content, "bl", saying->bl, "task", key);
    if (said == NULL || item == NULL || json_array_append_new(said, item) != 0) {
        json_decref(said);
        return P2P_NOMEM;
    }
    if (json_array_size(said) > P2P_SAID_MAX) {
        json_array_remove(said, 0);
    }
    return put_said(journal, saying, now_ms, said);
}

/* Begun by a task that is there no more, so never done: as if it had not been said. */
static bool is_idle(const struct p2p_journal *journal, const json_t *item)
{
    return !is(item, "done") && !is(item, "over") &&
           p2p_journal_get(journal, P2P_JOURNAL_TASKS, p2p_json_text(item, "task")) == NULL;
}

/* What one item, of another task, means for one that says this; NEW: nothing. */
static enum p2p_said judge(const struct p2p_journal *journal, const json_t *item,
                           const struct saying *saying)
{
    bool equal = strcmp(p2p_json_text(item, "content"), saying->content) == 0;
    if (!is_same(item, saying) || is_idle(journal, item)) {
        return P2P_SAID_NEW;
    }
    if (!equal) {
        return strcmp(saying->function, ORIGINAL) == 0 && !is(item, "over") &&
                       fits(saying, item)
                   ? P2P_SAID_OTHERWISE
                   : P2P_SAID_NEW;
    }
    return is(item, "over")   ? P2P_SAID_REVERSED
           : is(item, "done") ? P2P_SAID_DONE
                              : P2P_SAID_WAITS;
}

enum p2p_err p2p_said_look(struct p2p_journal *journal, const char *key, const json_t *entry,
                           uint64_t now_ms, enum p2p_said *out, const json_t **ids)
{
    struct saying saying;
    size_t i;
    json_t *item;
    *out = P2P_SAID_NEW;
    *ids = NULL;
    if (!read_saying(entry, &saying)) {
        return P2P_OK;
    }
    const json_t *place = p2p_journal_get(journal, P2P_JOURNAL_SAID, saying.place);
    json_array_foreach(json_object_get(place, "said"), i, item)
    {
        if (strcmp(p2p_json_text(item, "task"), key) == 0) {
            *out = P2P_SAID_NEW;
            return P2P_OK; /* its own: it goes on */
        }
        enum p2p_said said = judge(journal, item, &saying);
        if (said != P2P_SAID_NEW) { /* the latest counts */
            *out = said;
            *ids = said == P2P_SAID_DONE ? json_object_get(item, "ids") : NULL;
        }
    }
    return *out == P2P_SAID_NEW ? begin(journal, key, &saying, now_ms) : P2P_OK;
}

enum p2p_err p2p_said_end(struct p2p_journal *journal, const char *key, const json_t *entry,
                          uint64_t now_ms, bool done)
{
    struct saying saying;
    int failed = 0;
    if (!read_saying(entry, &saying)) {
        return P2P_OK;
    }
    json_t *said = copy_said(journal, &saying);
    for (size_t i = json_array_size(said); i-- > 0;) {
        json_t *item = json_array_get(said, i);
        bool own = strcmp(p2p_json_text(item, "task"), key) == 0;
        if (own && !done) {
            failed |= json_array_remove(said, i);
        } else if (own) {
            failed |= json_object_set_new(item, "done", json_true());
            failed |= json_object_set(item, "ids", json_object_get(entry, "ids"));
        } else if (done && reverses(&saying, item)) {
            failed |= json_object_set_new(item, "over", json_true());
        }
    }
    if (said == NULL || failed) {
        json_decref(said);
        return P2P_NOMEM;
    }
    return put_said(journal, &saying, now_ms, said);
}
