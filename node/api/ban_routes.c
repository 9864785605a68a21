/* Bans: who may do what, and the routes. */
#include "observe.h"
#include "verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- appending verbs ---- */

#define READ(what)                                                                             \
    static bool read_##what(struct p2p_call *call, struct p2p_node *node,                      \
                            struct p2p_append *out)                                            \
    {                                                                                          \
        return p2p_ban_read_request(call, node, #what, out);                                   \
    }
READ(impose)
READ(amend)
READ(suspend)
READ(resume)
READ(lift)
#undef READ

const struct p2p_verb p2p_ban_verbs[] = {
    {"/v1/bans", read_impose, "impose this ban"},
    {"/v1/bans/amend", read_amend, "change these bans"},
    {"/v1/bans/suspend", read_suspend, "change these bans"},
    {"/v1/bans/resume", read_resume, "change these bans"},
    {"/v1/bans/lift", read_lift, "change these bans"},
    {NULL, NULL, NULL},
};

/* ---- showing ---- */

static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    struct p2p_ban ban;
    if (!p2p_call_record(node, call->rest, &id, &entry)) {
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
    json_t *json = p2p_ban_json(node, &ban);
    json_object_set_new(json, "everywhere", p2p_ban_spread_json(node, &ban));
    p2p_call_reply(call, json);
}

const struct p2p_route p2p_ban_routes[] = {
    P2P_VERB_ROUTE("/v1/bans", "BanImpose", "400"),
    P2P_VERB_ROUTE("/v1/bans/amend", "BanAmend", "400 404"),
    P2P_VERB_ROUTE("/v1/bans/suspend", "BanChange", "400 404"),
    P2P_VERB_ROUTE("/v1/bans/resume", "BanChange", "400 404"),
    P2P_VERB_ROUTE("/v1/bans/lift", "BanChange", "400 404"),
    {.method = "POST",
     .path = "/v1/bans/import",
     .start = p2p_ban_import_start,
     .finish = p2p_ban_import_finish,
     .who = P2P_WHO_OPERATOR,
     .rate = P2P_RATE_WRITE,
     .request = "BanImport",
     .reply = "Imported",
     .errors = "400",
     .durable = true},
    {.method = "GET",
     .path = "/v1/bans",
     .start = p2p_ban_list_start,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "BanList",
     .errors = "400"},
    {.method = "GET",
     .path = "/v1/bans/{id}",
     .start = start_show,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "BanShown",
     .errors = "404"},
    {0},
};
