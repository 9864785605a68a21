/* Many at once: one request, one reply, for up to P2P_CALL_RECORDS_MAX entries of one verb.
 *
 *     /v1/bulk          {"path","requests":[...]}  what the node signs: a record each
 *     /v1/bulk/prepare  {"path","requests":[...]}  the bytes to sign outside, for each
 *     /v1/bulk/submit   {"records":[...]}          records that were signed outside
 *
 * Each entry is what the single request would be, is judged as that would be against what
 * stands before the whole, and is a record of its own, so that whatever names it later names it
 * alone; a right that lives is not issued twice, its id is told. All of them are appended in
 * one commit, in their order. An entry that is refused stops no other; it is told with its
 * number. Two entries of one verb about the same thing would both be judged by what was before:
 * the second is refused. */
#include "right_verbs.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define APPENDS_BYTES_MAX (4u * 1024u * 1024u) /* of what the entries of one request say */
#define ABOUT_BYTES       (P2P_SUBJECT_BYTES_MAX + 64)

struct entry {
    struct p2p_job *job;     /* NULL: it was refused, or */
    bool stands;             /* as id: it was appended before, or */
    bool already;            /* the right that it would issue lives */
    struct p2p_record_id id; /* of what stands */
};

struct bulk {
    const struct p2p_verb *verb;
    json_t *asked;   /* of the call's body; borrowed */
    json_t *refused; /* by entry, null or why; call->kept */
    json_t *about;   /* names what earlier entries were about */
    struct entry *entries;
    size_t count;
    size_t bytes; /* said so far */
    size_t given; /* jobs */
};

/* ---- the whole ---- */

static struct bulk *begin(struct p2p_call *call, struct p2p_node *node, const char *key)
{
    json_t *asked = json_object_get(call->body, key);
    size_t count = json_array_size(asked);
    if (count == 0 || count > P2P_CALL_RECORDS_MAX) {
        p2p_call_error(call, 400, "bad-bulk", NULL, "%s is to be a list of 1 to %u", key,
                       P2P_CALL_RECORDS_MAX);
        return NULL;
    }
    if (!p2p_call_appends(call, node)) {
        return NULL;
    }
    struct bulk *bulk = p2p_call_take(call, sizeof(*bulk));
    bulk->asked = asked;
    bulk->count = count;
    bulk->entries = p2p_call_take(call, count * sizeof(*bulk->entries));
    bulk->refused = call->kept = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(bulk->refused, json_null());
    }
    call->state = bulk;
    return bulk;
}

/* What was said of an entry as an error of the whole call. */
static void refuse(struct p2p_call *call, json_t *refused, size_t number)
{
    json_t *problem = call->reply.json;
    json_array_set_new(
        refused, number,
        json_pack("{s:I, s:i, s:O, s:O, s:O*}", "entry", (json_int_t)number, "status",
                  call->reply.status, "code", json_object_get(problem, "code"), "text",
                  json_object_get(problem, "text"), "hint", json_object_get(problem, "hint")));
    p2p_api_reply_deinit(&call->reply);
    call->work.done = false;
}

/* What the reply says of them, in their order; refused: taken. */
static json_t *told(json_t *refused)
{
    json_t *list = json_array();
    size_t i;
    json_t *one;
    json_array_foreach(refused, i, one)
    {
        if (!json_is_null(one)) {
            json_array_append_new(list, json_deep_copy(one));
        }
    }
    json_decref(refused);
    return list;
}

static struct p2p_job *give(struct p2p_call *call, struct entry *entry, enum p2p_job_type type)
{
    entry->job = p2p_call_take(call, sizeof(*entry->job));
    entry->job->type = type;
    return entry->job;
}

/* Says of which entry the flags from the first on are; those of a refused one are dropped. */
static void number_flags(struct p2p_call *call, size_t first, size_t number, bool refused)
{
    while (refused && json_array_size(call->flags) > first) {
        json_array_remove(call->flags, json_array_size(call->flags) - 1);
    }
    for (size_t i = first; i < json_array_size(call->flags); i++) {
        json_object_set_new(json_array_get(call->flags, i), "entry",
                            json_integer((json_int_t)number));
    }
}

/* Reads each entry as the body of a request of its own, and gives the engine what it asks for,
 * in their order. */
static void read_all(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk,
                     bool (*read)(struct p2p_call *call, struct p2p_node *node,
                                  struct bulk *bulk, struct entry *entry))
{
    json_t *whole = call->body;
    for (size_t i = 0; i < bulk->count; i++) {
        size_t flags = json_array_size(call->flags);
        bool taken = false;
        call->body = json_array_get(bulk->asked, i);
        if (!json_is_object(call->body)) {
            p2p_call_error(call, 400, "bad-request", NULL, "an entry is an object");
            refuse(call, bulk->refused, i);
        } else if (!p2p_call_typed(call, call->body) ||
                   !read(call, node, bulk, &bulk->entries[i])) {
            refuse(call, bulk->refused, i);
        } else {
            taken = true;
            if (bulk->entries[i].job != NULL) {
                p2p_work_job(node, bulk->entries[i].job);
                bulk->given++;
            }
        }
        number_flags(call, flags, i, !taken);
    }
    call->body = whole;
}

/* ---- what a verb says ---- */

/* What an entry is about, and which light of it; false for nothing that another could be about.
 */
static bool name_about(struct p2p_call *call, const struct p2p_append *append,
                       char out[ABOUT_BYTES])
{
    const char *light = p2p_call_text(call, "light");
    const char *container = p2p_call_text(call, "container");
    if (append->cite_count > 0) {
        snprintf(out, ABOUT_BYTES, "%u:%llu %.32s", append->cites[0].feed,
                 (unsigned long long)append->cites[0].index, light != NULL ? light : "");
        return true;
    }
    if (container == NULL || !p2p_call_container(call, container, &container)) {
        return false; /* the verb has read it: it fits */
    }
    snprintf(out, ABOUT_BYTES, "%s", container);
    return true;
}

/* Whether no entry before it, of those that are taken, is about that. */
static bool is_first(struct p2p_call *call, const struct bulk *bulk, const char *about)
{
    if (json_object_get(bulk->about, about) == NULL) {
        return true;
    }
    p2p_call_error(call, 400, "repeated", "send it by itself, after this",
                   "another entry is about the same thing");
    return false;
}

/* Copies what was read in the scratch arena into the call's. */
static bool copy_append(struct p2p_call *call, struct bulk *bulk,
                        const struct p2p_append *append, struct p2p_append *out)
{
    size_t cites_bytes = append->cite_count * sizeof(*append->cites);
    struct p2p_record_id *cites;
    bulk->bytes += append->content.len + append->payload.len + cites_bytes;
    if (bulk->bytes > APPENDS_BYTES_MAX) {
        p2p_call_error(call, 400, "too-large", "send the rest in a request of its own",
                       "the entries before this one say as much as one request may");
        return false;
    }
    cites = p2p_call_take(call, cites_bytes);
    if (cites_bytes > 0) {
        memcpy(cites, append->cites, cites_bytes);
    }
    *out = *append;
    out->cites = cites;
    out->content = p2p_arena_copy(&call->arena, append->content);
    out->payload = p2p_arena_copy(&call->arena, append->payload);
    return true;
}

/* Reads, finds who signs, copies; outside: signed elsewhere, so no key here is needed. */
static bool read_verb(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk,
                      bool outside, struct p2p_append *out, struct entry *entry)
{
    struct p2p_arena whole = call->arena;
    struct p2p_append append = {0};
    const struct p2p_issuer *issuer = NULL;
    char about[ABOUT_BYTES] = "";
    if (json_object_get(call->body, "level") != NULL) {
        p2p_call_error(call, 400, "bad-request", NULL,
                       "the level is said once, beside the list");
        return false;
    }
    p2p_arena_init(&call->arena, p2p_alloc_default(), P2P_CALL_ARENA_BYTES);
    if (p2p_call_speaks(call) && p2p_call_as_own(call, node) &&
        (!outside || p2p_prepare_names(call)) && bulk->verb->read(call, node, &append) &&
        (!name_about(call, &append, about) || is_first(call, bulk, about))) {
        issuer = p2p_verb_signer(call, node, bulk->verb, &append, outside ? NULL : &append.key);
    }
    bool fits = issuer != NULL &&
                p2p_right_stands(call, node, &append, issuer, &entry->already, &entry->id);
    struct p2p_arena scratch = call->arena;
    call->arena = whole;
    entry->stands = fits && entry->already;
    fits = fits && (entry->stands || copy_append(call, bulk, &append, out));
    if (fits) {
        out->issuer = issuer->number;
        json_object_set_new(bulk->about, about, json_true());
    }
    p2p_arena_deinit(&scratch);
    return fits;
}

static bool read_append(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk,
                        struct entry *entry)
{
    struct p2p_append *append = p2p_call_take(call, sizeof(*append));
    if (!read_verb(call, node, bulk, false, append, entry)) {
        return false;
    }
    if (entry->stands) {
        return true;
    }
    p2p_right_given(call, node, append);
    struct p2p_job *job = give(call, entry, P2P_JOB_APPEND);
    job->append.records = append;
    job->append.count = 1;
    return true;
}

static bool read_prepare(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk,
                         struct entry *entry)
{
    struct p2p_append append = {0};
    if (!read_verb(call, node, bulk, true, &append, entry)) {
        return false;
    }
    if (entry->stands) {
        return true; /* there is nothing to sign */
    }
    give(call, entry, P2P_JOB_PREPARE)->prepare = append;
    return true;
}

/* The body of both, with the verb found; who signs is said once for all, or by each. */
static struct bulk *begin_verbs(struct p2p_call *call, struct p2p_node *node)
{
    static const char *const keys[] = {"as", "path", "requests", "level", NULL};
    const struct p2p_verb *verb = p2p_verb_find(p2p_call_text(call, "path"));
    json_t *as = json_object_get(call->body, "as");
    if (!p2p_call_keys(call, keys)) {
        return NULL;
    }
    if (verb == NULL) {
        p2p_call_error(call, 400, "bad-request", "name the path of what appends, as /v1/rights",
                       "this cannot be done to many at once");
        return NULL;
    }
    struct bulk *bulk = begin(call, node, "requests");
    for (size_t i = 0; bulk != NULL && as != NULL && i < bulk->count; i++) {
        json_t *entry = json_array_get(bulk->asked, i);
        if (json_is_object(entry) && json_object_get(entry, "as") == NULL) {
            json_object_set(entry, "as", as);
        }
    }
    if (bulk != NULL) {
        bulk->verb = verb;
        bulk->about = json_object();
    }
    return bulk;
}

/* ---- records appended ---- */

static void finish_appended(struct p2p_call *call, struct p2p_node *node)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    const struct bulk *bulk = call->state;
    json_t *ids = json_array();
    json_t *refused = json_copy(bulk->refused);
    json_t *already = json_array();
    uint32_t own = p2p_engine_own_feed(node->engine);
    size_t appended = 0;
    call->work.wait_size = 0;
    for (size_t i = 0; i < bulk->count; i++) {
        const struct entry *entry = &bulk->entries[i];
        bool failed = entry->job != NULL && entry->job->result.err != P2P_OK;
        if (failed) {
            p2p_call_job_err(call, entry->job);
            refuse(call, refused, i);
        }
        if (failed || (entry->job == NULL && !entry->stands)) {
            json_array_append_new(ids, json_null());
            continue;
        }
        struct p2p_record_id id = entry->stands ? entry->id : entry->job->result.first;
        json_array_append_new(ids, p2p_id_json(ledger, &id));
        if (id.feed == own && id.index >= call->work.wait_size) {
            call->work.wait_size = id.index + 1;
        }
        if (entry->already) {
            json_array_append_new(already, json_integer((json_int_t)i));
        } else {
            appended++;
        }
    }
    if (call->work.wait_size == 0) {
        call->work.wait_level = P2P_LEVEL_LOCAL; /* there is nothing to wait for */
    }
    p2p_call_reply(
        call,
        p2p_call_flagged(call, json_pack("{s:I, s:o, s:o, s:o, s:o, s:s}", "appended",
                                         (json_int_t)appended, "ids", ids, "already", already,
                                         "refused", told(refused), "time",
                                         p2p_time_json(node->now.wall_ms), "level", "local")));
}

/* Where no entry asks the engine for anything the reply is made at once. */
static void end_start(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk)
{
    json_decref(bulk->about);
    bulk->about = NULL;
    if (bulk->given == 0) {
        call->route->finish(call, node);
    }
}

static void start_bulk(struct p2p_call *call, struct p2p_node *node)
{
    struct bulk *bulk = begin_verbs(call, node);
    if (bulk != NULL) {
        read_all(call, node, bulk, read_append);
        end_start(call, node, bulk);
    }
}

static bool read_record(struct p2p_call *call, struct p2p_node *node, struct bulk *bulk,
                        struct entry *entry)
{
    struct p2p_job *job = p2p_call_take(call, sizeof(*job));
    (void)bulk;
    enum p2p_submitted what = P2P_SUBMITTED_NEW;
    if (!p2p_submit_read(call, node, job, &what, &entry->id)) {
        return false;
    }
    entry->stands = what != P2P_SUBMITTED_NEW;
    entry->already = what == P2P_SUBMITTED_SAID;
    entry->job = entry->stands ? NULL : job;
    return true;
}

static void start_submit(struct p2p_call *call, struct p2p_node *node)
{
    static const char *const keys[] = {"records", "level", NULL};
    struct bulk *bulk = p2p_call_keys(call, keys) ? begin(call, node, "records") : NULL;
    if (bulk != NULL) {
        read_all(call, node, bulk, read_record);
        end_start(call, node, bulk);
    }
}

/* ---- records prepared ---- */

static void finish_prepare(struct p2p_call *call, struct p2p_node *node)
{
    const struct bulk *bulk = call->state;
    json_t *prepared = json_array();
    json_t *refused = json_copy(bulk->refused);
    for (size_t i = 0; i < bulk->count; i++) {
        const struct entry *entry = &bulk->entries[i];
        json_t *one = entry->job != NULL ? p2p_prepared_json(call, node, entry->job)
                      : entry->stands    ? p2p_stands_json(node, &entry->id)
                                         : NULL;
        if (entry->job != NULL && one == NULL) {
            refuse(call, refused, i);
        }
        json_array_append_new(prepared, one != NULL ? one : json_null());
    }
    p2p_call_reply(call, p2p_call_flagged(call, json_pack("{s:o, s:o}", "prepared", prepared,
                                                          "refused", told(refused))));
}

static void start_prepare(struct p2p_call *call, struct p2p_node *node)
{
    struct bulk *bulk = begin_verbs(call, node);
    if (bulk != NULL) {
        call->work.wait_level = P2P_LEVEL_LOCAL; /* nothing is appended yet */
        read_all(call, node, bulk, read_prepare);
        end_start(call, node, bulk);
    }
}

const struct p2p_route p2p_bulk_routes[] = {
    {.method = "POST",
     .path = "/v1/bulk",
     .start = start_bulk,
     .finish = finish_appended,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_BULK,
     .request = "Bulk",
     .reply = "BulkAppended",
     .errors = "400",
     .durable = true},
    {.method = "POST",
     .path = "/v1/bulk/prepare",
     .start = start_prepare,
     .finish = finish_prepare,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_BULK,
     .request = "Bulk",
     .reply = "BulkPrepared",
     .errors = "400"},
    {.method = "POST",
     .path = "/v1/bulk/submit",
     .start = start_submit,
     .finish = finish_appended,
     .who = P2P_WHO_PARTY,
     .rate = P2P_RATE_BULK,
     .request = "BulkSubmit",
     .reply = "BulkAppended",
     .errors = "400",
     .durable = true},
    {0},
};
