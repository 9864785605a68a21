/* Rights: the routes, and what they show. */
#include "list.h"
#include "override_json.h"
#include "verb.h"

#include <stdlib.h>
#include <string.h>

struct asked {
    uint32_t party; /* issuer, or 0 */
    bool has_state;
    enum p2p_right_state state;
    bool all;
    /* of one container: its tokens in a circle, one after the other */
    const char *container;
};

/* ---- one right ---- */

static json_t *right_json(struct p2p_node *node, const struct p2p_right *right)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(node->engine);
    struct p2p_custody custody;
    bool known = p2p_custody_get(node->kv, right->circle, &right->token, &custody) == P2P_OK;
    json_t *json = p2p_right_words(ledger, right, known ? &custody : NULL, node->now.wall_ms);
    size_t i;
    json_t *asked;
    json_array_foreach(json_object_get(json, "asked"), i, asked)
    {
        /* How long ago the one who rules was heard of. */
        uint64_t age_ms =
            known ? p2p_engine_age_ms(node->engine, custody.holder, &node->now) : UINT64_MAX;
        json_object_set_new(asked, "behind_s",
                            age_ms == UINT64_MAX ? json_null()
                                                 : json_integer((json_int_t)(age_ms / 1000)));
    }
    json_t *override = known ? p2p_override_of_right(node, right, &custody) : json_null();
    if (json_is_null(
            json_object_get(override, "approved"))) { /* it waits for a second officer */
        json_array_append_new(json_object_get(json, "may"),
                              json_pack("{s:s, s:s, s:O}", "do", "gate approve", "grant",
                                        p2p_right_rule(P2P_RIGHT_DO_APPROVE)->grant, "of",
                                        json_object_get(override, "asked")));
    }
    json_object_set_new(json, "override", override);
    return json;
}

static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_right right;
    if (p2p_call_right(call, node, call->rest, &right)) {
        p2p_call_reply(call, right_json(node, &right));
    }
}

/* ---- lists ---- */

static enum p2p_err next_of_all(const struct p2p_list *list, uint32_t circle,
                                const struct p2p_record_id *after, bool begin,
                                struct p2p_record_id *out)
{
    struct p2p_right right;
    enum p2p_err err = p2p_right_next(list->node->kv, circle, after, begin, &right);
    if (err == P2P_OK) {
        *out = right.id;
    }
    return err;
}

static enum p2p_err next_of_party(const struct p2p_list *list, uint32_t circle,
                                  const struct p2p_record_id *after, bool begin,
                                  struct p2p_record_id *out)
{
    const struct asked *asked = list->context;
    return p2p_right_next_of(list->node->kv, circle, asked->party, after, begin, out);
}

/* The smallest right behind *after of any token of the container. */
static enum p2p_err next_of_container(const struct p2p_list *list, uint32_t circle,
                                      const struct p2p_record_id *after, bool begin,
                                      struct p2p_record_id *out)
{
    const struct asked *asked = list->context;
    const struct p2p_kv *kv = list->node->kv;
    struct p2p_record_id token = {0, 0};
    struct p2p_record_id behind = *after;
    bool first = true;
    bool found = false;
    enum p2p_err err;
    while ((err = p2p_custody_next_of(kv, circle, p2p_slice_text(asked->container), &token,
                                      first, &token)) == P2P_OK) {
        struct p2p_record_id id;
        first = false;
        err = p2p_right_next_on(kv, circle, &token, &behind, begin, &id);
        if (err != P2P_OK && err != P2P_NOTFOUND) {
            return err;
        }
        if (err == P2P_OK && (!found || p2p_record_id_compare(&id, out) < 0)) {
            *out = id;
            found = true;
        }
    }
    return err == P2P_NOTFOUND && found ? P2P_OK : err;
}

static bool is_live(enum p2p_right_state state)
{
    return state == P2P_RIGHT_PENDING || state == P2P_RIGHT_ACTIVE ||
           state == P2P_RIGHT_RETURNED || state == P2P_RIGHT_BLOCKED;
}

/* As p2p_right_next_of lists it. */
static bool has_party(const struct p2p_right *right, uint32_t party)
{
    for (size_t i = 0; i < right->chain_count; i++) {
        if (right->chain[i].party == party) {
            return true;
        }
    }
    return false;
}

static enum p2p_err row(struct p2p_list *list, uint32_t circle, const struct p2p_record_id *id,
                        json_t **out, size_t *bytes)
{
    const struct asked *asked = list->context;
    struct p2p_right right;
    enum p2p_err err = p2p_right_get(list->node->kv, circle, id, &right);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    enum p2p_right_state state = p2p_right_state_at(&right, list->node->now.wall_ms);
    if (asked->container != NULL && asked->party != 0 && !has_party(&right, asked->party)) {
        return P2P_OK;
    }
    if (asked->has_state ? state == asked->state : asked->all || is_live(state)) {
        *out = right_json(list->node, &right);
        *bytes = 2048 + right.chain_count * 128;
    }
    return P2P_OK;
}

static bool read_asked(struct p2p_call *call, struct p2p_node *node, struct asked *asked)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const char *container = p2p_call_param(call, "container");
    const char *party = p2p_call_param(call, "party");
    const char *state = p2p_call_param(call, "state");
    asked->all = p2p_call_param(call, "all") != NULL;
    if (container != NULL && !p2p_call_container(call, container, &asked->container)) {
        return false;
    }
    if (party != NULL) {
        const struct p2p_issuer *issuer =
            p2p_charter_issuer_named(charter, p2p_slice_text(party));
        if (issuer == NULL) {
            p2p_call_error(call, 400, "unknown-party", "see port2port charter show",
                           "the charter names no party %.64s", party);
            return false;
        }
        asked->party = issuer->number;
    }
    asked->has_state = state != NULL;
    if (state != NULL && !p2p_right_state_named(p2p_slice_text(state), &asked->state)) {
        p2p_call_error(call, 400, "bad-state", "for example ACTIVE or BLOCKED",
                       "%.32s is no state of a right", state);
        return false;
    }
    return true;
}

static void start_list(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_list *list = p2p_call_take(call, sizeof(*list));
    struct asked asked = {.party = 0};
    if (!read_asked(call, node, &asked)) {
        return;
    }
    list->name = "rights";
    list->next = asked.container != NULL ? next_of_container
                 : asked.party != 0      ? next_of_party
                                         : next_of_all;
    list->row = row;
    list->context = &asked;
    p2p_list_everywhere(list, node);
    p2p_list_reply(call, list);
}

const struct p2p_route p2p_right_routes[] = {
    P2P_VERB_ROUTE("/v1/rights", "RightIssue", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/accept", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/decline", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/transfer", "RightTransfer", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/return", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/revoke", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/cancel", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/assign", "RightAssign", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/unassign", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/block", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/unblock", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/light", "RightLight", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/gate-out", "RightRequest", "400 404"),
    P2P_VERB_ROUTE("/v1/rights/override", "GateOverride", "400"),
    P2P_VERB_ROUTE("/v1/rights/approve", "RightRequest", "400 404"),
    {.method = "GET",
     .path = "/v1/rights",
     .start = start_list,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "RightList",
     .errors = "400"},
    {.method = "GET",
     .path = "/v1/rights/{id}",
     .start = start_show,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Right",
     .errors = "404"},
    {0},
};
