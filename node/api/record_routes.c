/* Records of every kind: show, list, add. */
#include "record_json.h"

#include <p2p/text.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    LIST_LOOK_MAX = 200000,   /* leaves looked at by one call */
    LIST_BYTES_MAX = 4 << 20, /* of records in one answer */
    CONTENT_CAP = 60 * 1024,  /* above every bound of a field */
    KINDS_TEXT_BYTES = 32 * 16,
};

static const char *kind_list(struct p2p_call *call)
{
    size_t count;
    const struct p2p_kind *const *kinds = p2p_kinds(&count);
    char *text = p2p_call_take(call, KINDS_TEXT_BYTES);
    size_t len = (size_t)snprintf(text, KINDS_TEXT_BYTES, "kinds are");
    for (size_t i = 0; i < count && len < KINDS_TEXT_BYTES; i++) {
        len += (size_t)snprintf(text + len, KINDS_TEXT_BYTES - len, "%s %s", i > 0 ? "," : "",
                                kinds[i]->word);
    }
    return text;
}

static const struct p2p_kind *read_kind(struct p2p_call *call, const char *word)
{
    const struct p2p_kind *kind = word != NULL ? p2p_kind_named(p2p_slice_text(word)) : NULL;
    if (kind == NULL) {
        p2p_call_error(call, 400, "unknown-kind", kind_list(call), "%s is no kind of record",
                       word != NULL ? word : "(nothing)");
    }
    return kind;
}

/* ---- show ---- */

/* The text after '#' counts decisions of one record. */
static void pick_decision(struct p2p_call *call, const char *hash, json_t *record)
{
    uint64_t n;
    json_t *decisions = json_object_get(json_object_get(record, "content"), "decisions");
    json_t *decision = p2p_decimal_decode(&n, p2p_slice_text(hash + 1)) == P2P_OK
                           ? json_array_get(decisions, n)
                           : NULL;
    if (decision == NULL) {
        json_decref(record);
        p2p_call_error(call, 404, "not-found", "see port2port gate log",
                       "there is no decision %s here", call->rest);
        return;
    }
    json_object_set(record, "decision", decision);
    p2p_call_reply(call, record);
}

static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    const char *hash = strchr(call->rest, '#');
    struct p2p_record_id id;
    json_t *record;
    if (strchr(call->rest, ':') == NULL) {
        p2p_call_error(call, 400, "bad-id", "an id is written as beanr/1:17",
                       "%s is no id of a record", call->rest);
        return;
    }
    enum p2p_err err = p2p_id_parse(p2p_engine_ledger(node->engine), call->rest, &id)
                           ? p2p_record_json(node, &id, &record)
                           : P2P_NOTFOUND;
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "not-found", "see port2port record list",
                       "there is no record %s here", call->rest);
    } else if (err != P2P_OK) {
        p2p_call_err(call, err, "the record in the store cannot be read");
    } else if (hash != NULL) {
        pick_decision(call, hash, record);
    } else {
        p2p_call_reply(call, record);
    }
}

/* ---- list ---- */

struct listing {
    const struct p2p_kind *kind;
    size_t limit;
    size_t looked;
    struct p2p_record_id *ids;
    size_t count;
    struct p2p_record_id last; /* looked at */
    bool more;
};

/* Collects ids of one feed from an index on; rendering comes after, since it moves the store's
 * cursors. */
static enum p2p_err list_feed(struct p2p_node *node, struct listing *listing, uint32_t number,
                              uint64_t from)
{
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(node->engine), number);
    struct p2p_feed_walk walk;
    struct p2p_slice leaf;
    enum p2p_err err;
    p2p_feed_walk_begin(&walk, feed, node->kv, from);
    while ((err = p2p_feed_walk_next(&walk, &leaf)) == P2P_OK) {
        struct p2p_record record;
        listing->last = (struct p2p_record_id){number, walk.index - 1};
        listing->looked++;
        err = p2p_record_peek(&record, leaf);
        if (err != P2P_OK) {
            return err;
        }
        if (listing->kind == NULL || record.kind == listing->kind->number) {
            listing->ids[listing->count++] = listing->last;
        }
        if (listing->count == listing->limit || listing->looked == LIST_LOOK_MAX) {
            listing->more = true;
            return P2P_OK;
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err render_list(struct p2p_node *node, struct listing *listing, json_t *list)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(node->engine);
    size_t bytes = 0;
    for (size_t i = 0; i < listing->count; i++) {
        struct p2p_entry entry;
        json_t *record;
        enum p2p_err err = p2p_ledger_entry(ledger, &listing->ids[i], &entry);
        if (err == P2P_OK) {
            bytes += entry.record.leaf.len + entry.payload.len;
            err = p2p_record_json(node, &listing->ids[i], &record);
        }
        if (err != P2P_OK) {
            return err;
        }
        json_array_append_new(list, record);
        if (bytes >= LIST_BYTES_MAX) {
            listing->last = listing->ids[i];
            listing->more = listing->more || i + 1 < listing->count;
            break;
        }
    }
    return P2P_OK;
}

static void start_list(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const char *kind = p2p_call_param(call, "kind");
    const char *after = p2p_call_param(call, "after");
    struct p2p_record_id from = {0, 0};
    struct listing listing = {0};
    enum p2p_err err = P2P_OK;
    if (!p2p_call_limit(call, LIST_DEFAULT, LIST_MAX, &listing.limit)) {
        return;
    }
    if (kind != NULL && (listing.kind = read_kind(call, kind)) == NULL) {
        return;
    }
    if (after != NULL && !p2p_id_parse(ledger, after, &from)) {
        p2p_call_error(call, 400, "bad-id", "an id is written as beanr/1:17",
                       "%s is no id of a record", after);
        return;
    }
    from.index += after != NULL;
    listing.ids = p2p_call_take(call, listing.limit * sizeof(*listing.ids));
    for (uint32_t f = from.feed; f < ledger->feed_count && !listing.more && err == P2P_OK;
         f++) {
        err = list_feed(node, &listing, f, f == from.feed ? from.index : 0);
    }
    call->looked = listing.looked;
    json_t *list = json_array();
    if (err == P2P_OK) {
        err = render_list(node, &listing, list);
    }
    if (err != P2P_OK) {
        json_decref(list);
        p2p_call_err(call, err, "the records in the store cannot be read");
        return;
    }
    p2p_call_reply(call,
                   json_pack("{s:o, s:o}", "records", list, "next",
                             listing.more ? p2p_id_json(ledger, &listing.last) : json_null()));
}

/* ---- add ---- */

/* Which verb writes a kind that `record add` does not; NULL: none is known. */
static const char *verb_of(const struct p2p_kind *kind)
{
    switch (kind->number) {
    case P2P_KIND_CHARTER:
        return "use port2port charter, with the root keys";
    case P2P_KIND_ADDRESS:
    case P2P_KIND_SEEN:
    case P2P_KIND_FORK:
    case P2P_KIND_STATE:
    case P2P_KIND_RULED:
        return "the node writes it by itself when it is due";
    case P2P_KIND_DECISIONS:
        return "use port2port gate check";
    case P2P_KIND_USE:
        return "use port2port gate collect";
    case P2P_KIND_BAN_IMPOSE:
        return "use port2port ban impose";
    case P2P_KIND_BAN_AMEND:
        return "use port2port ban amend";
    case P2P_KIND_BAN_SUSPEND:
        return "use port2port ban suspend";
    case P2P_KIND_BAN_RESUME:
        return "use port2port ban resume";
    case P2P_KIND_BAN_LIFT:
        return "use port2port ban lift";
    default:
        return NULL;
    }
}

/* The node itself may write it, and its fields are what a command line can say. */
static bool may_add(struct p2p_call *call, const struct p2p_kind *kind)
{
    const char *verb = verb_of(kind);
    bool plain = (kind->authors & P2P_BY_NODE) != 0;
    for (size_t i = 0; i < kind->field_count; i++) {
        enum p2p_field_type type = kind->fields[i].type;
        plain = plain &&
                (type == P2P_FIELD_TEXT || type == P2P_FIELD_UINT || type == P2P_FIELD_TIME);
    }
    if (verb != NULL || !plain) {
        p2p_call_error(call, 400, "wrong-verb",
                       verb != NULL ? verb : "there is a verb for it: see port2port help",
                       "a record of kind %s is not added by hand", kind->word);
        return false;
    }
    if (p2p_call_text(call, "as") != NULL) {
        p2p_call_error(call, 400, "bad-request", "leave --as out",
                       "a %s is the node's own and no issuer signs it", kind->word);
        return false;
    }
    if (kind->body == P2P_BODY_PUBLIC && p2p_call_text(call, "circle") != NULL) {
        p2p_call_error(call, 400, "bad-request", "leave --circle out",
                       "what a %s says stands in the leaf, for everybody", kind->word);
        return false;
    }
    return true;
}

static bool read_number(const struct p2p_field *field, const json_t *value, uint64_t *out)
{
    const char *text = json_string_value(value);
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (text == NULL) {
        return false;
    }
    return field->type == P2P_FIELD_TIME
               ? p2p_time_parse(text, out)
               : p2p_decimal_decode(out, p2p_slice_text(text)) == P2P_OK;
}

static bool pack_field(struct p2p_call *call, struct p2p_pack *pack,
                       const struct p2p_field *field, const json_t *value)
{
    uint64_t number = 0;
    if (field->type == P2P_FIELD_TEXT && json_is_string(value)) {
        p2p_pack_text(pack, field->name);
        p2p_pack_str(pack, p2p_slice_of(json_string_value(value), json_string_length(value)));
        return true;
    }
    if (field->type != P2P_FIELD_TEXT && read_number(field, value, &number)) {
        p2p_pack_text(pack, field->name);
        p2p_pack_uint(pack, number);
        return true;
    }
    p2p_call_error(call, 400, "bad-field", "give it once, as --field NAME=VALUE",
                   "the field %s is no %s", field->name,
                   field->type == P2P_FIELD_TEXT   ? "text"
                   : field->type == P2P_FIELD_TIME ? "time"
                                                   : "number");
    return false;
}

static bool pack_fields(struct p2p_call *call, const struct p2p_kind *kind,
                        struct p2p_pack *pack)
{
    json_t *fields = json_object_get(call->body, "fields");
    size_t used = 0;
    for (size_t i = 0; i < kind->field_count; i++) {
        bool given = json_object_get(fields, kind->fields[i].name) != NULL;
        used += given;
        if (!given && kind->fields[i].required) {
            p2p_call_error(call, 400, "bad-field", "give it as --field NAME=VALUE",
                           "a %s needs the field %s", kind->word, kind->fields[i].name);
            return false;
        }
    }
    if (used < json_object_size(fields)) {
        p2p_call_error(call, 400, "bad-field", NULL, "a %s has no such field", kind->word);
        return false;
    }
    p2p_pack_map(pack, (uint32_t)used);
    for (size_t i = 0; i < kind->field_count; i++) {
        const json_t *value = json_object_get(fields, kind->fields[i].name);
        if (value != NULL && !pack_field(call, pack, &kind->fields[i], value)) {
            return false;
        }
    }
    return true;
}

static bool pack_content(struct p2p_call *call, const struct p2p_kind *kind,
                         struct p2p_slice *content)
{
    struct p2p_pack pack;
    p2p_pack_init(&pack, p2p_call_take(call, CONTENT_CAP), CONTENT_CAP);
    if (!pack_fields(call, kind, &pack)) {
        return false;
    }
    *content = p2p_pack_slice(&pack);
    enum p2p_err err =
        p2p_pack_failed(&pack) ? P2P_TOOLARGE : p2p_kind_validate(kind, *content);
    if (err != P2P_OK) {
        p2p_call_error(call, 400, "bad-field", NULL, "the fields of this %s do not fit: %s",
                       kind->word, p2p_err_text(err));
        return false;
    }
    return true;
}

static void start_add(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_kind *kind = read_kind(call, p2p_call_text(call, "kind"));
    struct p2p_append *append = p2p_call_take(call, sizeof(*append));
    struct p2p_slice content;
    if (kind == NULL || !may_add(call, kind) || !p2p_call_appends(call, node) ||
        !pack_content(call, kind, &content)) {
        return;
    }
    append->kind = kind->number;
    if (kind->body == P2P_BODY_PUBLIC) {
        append->content = content;
    } else {
        const struct p2p_circle *circle = p2p_call_circle(call, node);
        if (circle == NULL) {
            return;
        }
        append->circle = circle->number;
        append->payload = content;
    }
    p2p_call_append(call, node, append, 1);
}

const struct p2p_route p2p_record_routes[] = {
    {.method = "GET",
     .path = "/v1/records",
     .start = start_list,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "RecordList",
     .errors = "400"},
    {.method = "POST",
     .path = "/v1/records",
     .start = start_add,
     .finish = p2p_call_appended,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_WRITE,
     .request = "RecordAdd",
     .reply = "Appended",
     .errors = "400",
     .durable = true},
    {.method = "GET",
     .path = "/v1/records/{id}",
     .start = start_show,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Record",
     .errors = "400 404"},
    {.method = "POST",
     .path = "/v1/prepare",
     .start = p2p_prepare_start,
     .finish = p2p_prepare_finish,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_WRITE,
     .request = "Prepare",
     .reply = "Prepared",
     .errors = "400"},
    {.method = "POST",
     .path = "/v1/submit",
     .start = p2p_submit_start,
     .finish = p2p_call_appended,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_WRITE,
     .request = "Submit",
     .reply = "Appended",
     .errors = "400 422",
     .durable = true},
    {0},
};
