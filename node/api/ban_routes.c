/* Bans: impose, amend, suspend, resume, lift; import; list and show. */
#include "call.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_DEFAULT = 100, LIST_MAX = 1000, LIST_LOOK_MAX = 200000 };

/* ---- who may ---- */

static struct p2p_record_id next_place(const struct p2p_node *node)
{
    uint32_t own = p2p_engine_own_feed(node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(node->engine), own);
    /* At least one `seen` may come before it; authority only grows stricter with the index. */
    return (struct p2p_record_id){own, feed->edge.size};
}

/* For the ground and every scope that a packed imposition names. */
static bool may_impose(struct p2p_call *call, struct p2p_node *node,
                       const struct p2p_append *append, const struct p2p_issuer *issuer)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_record_id at = next_place(node);
    struct p2p_ban ban;
    struct p2p_unpack in;
    if (p2p_ban_read_content(&ban, append->payload) != P2P_OK) {
        return false;
    }
    p2p_unpack_init(&in, ban.scope);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_slice text = p2p_unpack_str(&in);
        char *scope = p2p_call_take(call, text.len + 1);
        const char *const scopes[] = {scope};
        memcpy(scope, text.data, text.len);
        if (!p2p_ban_may_impose(charter, issuer->number, ban.ground, scopes, 1, &at,
                                p2p_charter_size(charter))) {
            return false;
        }
    }
    return count > 0;
}

/* Reads the ban behind a cited record: itself, or the first one that a cited suspend names. */
static enum p2p_err cited_ban(struct p2p_node *node, uint32_t circle,
                              const struct p2p_record_id *cite, struct p2p_ban *ban)
{
    struct p2p_entry entry;
    struct p2p_cites walk;
    struct p2p_record_id target = *cite;
    enum p2p_err err = p2p_ledger_entry(p2p_engine_ledger_mut(node->engine), cite, &entry);
    if (err == P2P_OK && entry.record.kind == P2P_KIND_BAN_SUSPEND) {
        p2p_cites_begin(&walk, &entry.record);
        if (!p2p_cites_next(&walk, &target)) {
            return P2P_NOTFOUND;
        }
    }
    return err == P2P_OK ? p2p_ban_get(node->kv, circle, &target, ban) : err;
}

static bool may_lift(struct p2p_node *node, const struct p2p_append *append,
                     const struct p2p_issuer *issuer)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_record_id at = next_place(node);
    for (size_t i = 0; i < append->cite_count; i++) {
        struct p2p_ban ban;
        if (cited_ban(node, append->circle, &append->cites[i], &ban) != P2P_OK ||
            !p2p_ban_may_lift(charter, issuer->number, &ban, &at, p2p_charter_size(charter))) {
            return false;
        }
    }
    return append->cite_count > 0;
}

bool p2p_ban_may(struct p2p_call *call, struct p2p_node *node, const struct p2p_append *append,
                 const struct p2p_issuer *issuer)
{
    switch (append->kind) {
    case P2P_KIND_BAN_IMPOSE:
        return may_impose(call, node, append, issuer);
    case P2P_KIND_BAN_AMEND: /* lifts and imposes in one */
        return may_lift(node, append, issuer) && may_impose(call, node, append, issuer);
    case P2P_KIND_BAN_SUSPEND:
    case P2P_KIND_BAN_RESUME:
    case P2P_KIND_BAN_LIFT:
        return may_lift(node, append, issuer);
    default:
        return false;
    }
}

struct signer {
    struct p2p_call *call;
    struct p2p_node *node;
    const struct p2p_append *append;
};

static bool may_sign(const struct p2p_issuer *issuer, void *context)
{
    const struct signer *asked = context;
    return p2p_ban_may(asked->call, asked->node, asked->append, issuer);
}

const struct p2p_issuer *p2p_ban_signer(struct p2p_call *call, struct p2p_node *node,
                                        const struct p2p_append *append,
                                        const struct p2p_issuer_secret **key)
{
    struct signer asked = {call, node, append};
    return p2p_call_issuer(
        call, node, may_sign, &asked,
        append->kind == P2P_KIND_BAN_IMPOSE ? "impose this ban" : "change these bans", key);
}

/* ---- appending verbs ---- */

static void start_verb(struct p2p_call *call, struct p2p_node *node, const char *what)
{
    struct p2p_append *append = p2p_call_take(call, sizeof(*append));
    if (!p2p_call_appends(call, node) || !p2p_ban_read_request(call, node, what, append)) {
        return;
    }
    const struct p2p_issuer *issuer = p2p_ban_signer(call, node, append, &append->key);
    if (issuer == NULL) {
        return;
    }
    append->issuer = issuer->number;
    p2p_call_append(call, node, append, 1);
}

static void start_impose(struct p2p_call *call, struct p2p_node *node)
{
    start_verb(call, node, "impose");
}

static void start_amend(struct p2p_call *call, struct p2p_node *node)
{
    start_verb(call, node, "amend");
}

static void start_suspend(struct p2p_call *call, struct p2p_node *node)
{
    start_verb(call, node, "suspend");
}

static void start_resume(struct p2p_call *call, struct p2p_node *node)
{
    start_verb(call, node, "resume");
}

static void start_lift(struct p2p_call *call, struct p2p_node *node)
{
    start_verb(call, node, "lift");
}

/* ---- showing ---- */

static json_t *texts_json(struct p2p_slice texts)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, texts);
    uint32_t count = texts.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        json_array_append_new(list, p2p_slice_json(p2p_unpack_str(&in)));
    }
    return list;
}

static json_t *ids_json(const struct p2p_ledger *ledger, struct p2p_slice ids)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, ids);
    uint32_t count = ids.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        struct p2p_record_id id;
        p2p_unpack_array(&in);
        id.feed = p2p_unpack_u32(&in);
        id.index = p2p_unpack_uint(&in);
        json_array_append_new(list, p2p_id_json(ledger, &id));
    }
    return list;
}

static json_t *subjects_json(const struct p2p_ledger *ledger, const struct p2p_ban *ban)
{
    json_t *list = json_array();
    struct p2p_unpack in;
    p2p_unpack_init(&in, ban->subjects);
    uint32_t count = ban->subjects.len == 0 ? 0 : p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count; i++) {
        char text[P2P_SUBJECT_BYTES_MAX + 64];
        if (p2p_subject_print(&in, p2p_circle_name(ledger, ban->circle), text, sizeof(text))) {
            json_array_append_new(list, json_string(text));
        }
    }
    return list;
}

static json_t *time_or_null(uint64_t ms)
{
    return ms == 0 ? json_null() : p2p_time_json(ms);
}

static json_t *ban_json(struct p2p_node *node, const struct p2p_ban *ban)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_issuer *issuer = p2p_charter_issuer(ledger->charter, ban->issuer);
    enum p2p_ban_state state = p2p_ban_state_at(ban, node->now.wall_ms);
    bool no_effect = state == P2P_BAN_NO_EFFECT;
    return json_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:s}",
        "id", p2p_id_json(ledger, &ban->id), "subjects", subjects_json(ledger, ban), "ground",
        p2p_ground_word(ban->ground), "reference", p2p_slice_json(ban->reference), "effects",
        texts_json(ban->effects), "scope", texts_json(ban->scope), "from",
        time_or_null(ban->from_ms), "until", time_or_null(ban->until_ms), "reason",
        ban->reason.len > 0 ? p2p_slice_json(ban->reason) : json_null(), "issuer",
        issuer != NULL ? json_string(issuer->name) : json_integer(ban->issuer), "state",
        p2p_ban_state_word(state), "why",
        no_effect ? json_string(p2p_why_word(ban->why)) : json_null(), "lifted_by",
        ids_json(ledger, ban->lifted), "suspended_by", ids_json(ledger, ban->suspended),
        "circle", p2p_circle_name(ledger, ban->circle), "level",
        p2p_record_level(node, &ban->id));
}

static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    struct p2p_record_id id;
    struct p2p_entry entry;
    struct p2p_ban ban;
    if (!p2p_id_parse(ledger, call->rest, &id) ||
        p2p_ledger_entry(ledger, &id, &entry) != P2P_OK) {
        p2p_call_error(call, 404, "not-found", "see port2port ban list",
                       "there is no record %s here", call->rest);
        return;
    }
    enum p2p_err err = p2p_ban_get(node->kv, entry.record.circle, &id, &ban);
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "not-found", "see port2port record show",
                       "%s is no ban, or its payload is not for this node", call->rest);
        return;
    }
    if (err != P2P_OK) {
        p2p_call_err(call, err, "the ban in the store cannot be read");
        return;
    }
    p2p_call_reply(call, ban_json(node, &ban));
}

struct listing {
    json_t *bans;
    size_t limit;
    size_t looked;
    bool all;
    bool has_last;
    struct p2p_record_id last;
};

static bool list_one(struct p2p_node *node, struct listing *listing, const struct p2p_ban *ban)
{
    enum p2p_ban_state state = p2p_ban_state_at(ban, node->now.wall_ms);
    bool live =
        state == P2P_BAN_IN_FORCE || state == P2P_BAN_FUTURE || state == P2P_BAN_SUSPENDED;
    listing->last = ban->id;
    listing->has_last = true;
    listing->looked++;
    if (live || listing->all) {
        json_array_append_new(listing->bans, ban_json(node, ban));
    }
    return json_array_size(listing->bans) < listing->limit && listing->looked < LIST_LOOK_MAX;
}

static enum p2p_err list_circle(struct p2p_node *node, struct listing *listing, uint32_t circle,
                                const struct p2p_record_id *after, bool begin, bool *more)
{
    struct p2p_record_id at = begin ? (struct p2p_record_id){0, 0} : *after;
    for (;;) {
        struct p2p_ban ban;
        enum p2p_err err = p2p_ban_next(node->kv, circle, &at, begin, &ban);
        if (err != P2P_OK) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        at = ban.id;
        begin = false;
        if (!list_one(node, listing, &ban)) {
            *more = true;
            return P2P_OK;
        }
    }
}

static enum p2p_err list_key(struct p2p_node *node, struct listing *listing, uint32_t circle,
                             const struct p2p_subject_key *key)
{
    struct p2p_record_id id = {0, 0};
    bool begin = true;
    for (;;) {
        struct p2p_ban ban;
        enum p2p_err err = p2p_ban_next_on(node->kv, circle, key, &id, begin, &id);
        if (err == P2P_OK) {
            err = p2p_ban_get(node->kv, circle, &id, &ban);
        }
        if (err != P2P_OK || !list_one(node, listing, &ban)) {
            return err == P2P_NOTFOUND ? P2P_OK : err;
        }
        begin = false;
    }
}

static enum p2p_err list_subject(struct p2p_node *node, struct listing *listing,
                                 const struct p2p_subject *subject)
{
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    struct p2p_subject_key key;
    enum p2p_err err = P2P_OK;
    if (subject->type->clear) {
        p2p_subject_key_clear(&key, subject->type->word, p2p_slice_text(subject->value));
        for (size_t i = 0; i < place->circle_count && err == P2P_OK; i++) {
            err = list_key(node, listing, place->circles[i], &key);
        }
        return err;
    }
    for (size_t i = 0; i < place->key_count && err == P2P_OK; i++) {
        const struct p2p_circle_secret *secret = &place->keys[i];
        struct p2p_token token = p2p_subject_token(subject, &secret->key, secret->epoch);
        p2p_subject_key_token(&key, subject->type->word, secret->epoch, &token);
        err = list_key(node, listing, secret->circle, &key);
    }
    return err;
}

/* Bans of all circles, circle by circle, each in order of id; `next` is <circle>/<id>. */
static enum p2p_err list_all(struct p2p_call *call, struct p2p_node *node,
                             struct listing *listing, const char *after, json_t **next)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    struct p2p_record_id from = {0, 0};
    size_t first = 0;
    bool begin = true;
    if (after != NULL) {
        const char *slash = strchr(after, '/');
        unsigned long circle = strtoul(after, NULL, 10);
        if (slash == NULL || !p2p_id_parse(ledger, slash + 1, &from)) {
            return P2P_USAGE;
        }
        while (first < place->circle_count && place->circles[first] != circle) {
            first++;
        }
        begin = false;
    }
    for (size_t i = first; i < place->circle_count; i++) {
        bool more = false;
        enum p2p_err err = list_circle(node, listing, place->circles[i], &from, begin, &more);
        if (err != P2P_OK) {
            return err;
        }
        if (more && listing->has_last) {
            char text[P2P_ID_TEXT_BYTES];
            p2p_id_text(ledger, &listing->last, text);
            *next = json_sprintf("%u/%s", place->circles[i], text);
            return P2P_OK;
        }
        begin = true;
    }
    (void)call;
    return P2P_OK;
}

static void start_list(struct p2p_call *call, struct p2p_node *node)
{
    const char *subject_text = p2p_call_param(call, "subject");
    const char *limit = p2p_call_param(call, "limit");
    json_t *next = NULL;
    struct listing listing = {.bans = json_array(), .limit = LIST_DEFAULT};
    struct p2p_subject subject;
    enum p2p_err err = P2P_OK;
    listing.all = p2p_call_param(call, "all") != NULL;
    if (limit != NULL) {
        unsigned long n = strtoul(limit, NULL, 10);
        listing.limit = n < 1 ? 1 : n > LIST_MAX ? LIST_MAX : n;
    }
    if (subject_text != NULL) {
        err = p2p_subject_parse(&subject, p2p_slice_text(subject_text));
        if (err == P2P_OK) {
            listing.limit = LIST_MAX;
            err = list_subject(node, &listing, &subject);
        } else {
            err = P2P_USAGE;
        }
    } else {
        err = list_all(call, node, &listing, p2p_call_param(call, "after"), &next);
    }
    if (err != P2P_OK) {
        json_decref(listing.bans);
        p2p_call_err(call, err,
                     err == P2P_USAGE ? "write the subject as type:value, e.g. imo:9179842"
                                      : "the bans in the store cannot be read");
        return;
    }
    p2p_call_reply(call, json_pack("{s:o, s:o}", "bans", listing.bans, "next",
                                   next != NULL ? next : json_null()));
}

const struct p2p_route p2p_ban_routes[] = {
    {"POST", "/v1/bans", start_impose, p2p_call_appended},
    {"POST", "/v1/bans/amend", start_amend, p2p_call_appended},
    {"POST", "/v1/bans/suspend", start_suspend, p2p_call_appended},
    {"POST", "/v1/bans/resume", start_resume, p2p_call_appended},
    {"POST", "/v1/bans/lift", start_lift, p2p_call_appended},
    {"POST", "/v1/bans/import", p2p_ban_import_start, p2p_ban_import_finish},
    {"GET", "/v1/bans", start_list, NULL},
    {"GET", "/v1/bans/", start_show, NULL},
    {NULL, NULL, NULL, NULL},
};
