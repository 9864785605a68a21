/* Custody: the routes, and what they show. */
#include "custody_verbs.h"
#include "list.h"

#include <stdlib.h>
#include <string.h>

struct asked {
    const char *container; /* normal form, or NULL */
    uint32_t holder;       /* member, or 0 */
    bool all;
};

static enum p2p_err next_of_all(const struct p2p_list *list, uint32_t circle,
                                const struct p2p_record_id *after, bool begin,
                                struct p2p_record_id *out)
{
    struct p2p_custody custody;
    enum p2p_err err = p2p_custody_next(list->node->kv, circle, after, begin, &custody);
    if (err == P2P_OK) {
        *out = custody.id;
    }
    return err;
}

static enum p2p_err next_of_container(const struct p2p_list *list, uint32_t circle,
                                      const struct p2p_record_id *after, bool begin,
                                      struct p2p_record_id *out)
{
    const struct asked *asked = list->context;
    return p2p_custody_next_of(list->node->kv, circle, p2p_slice_text(asked->container), after,
                               begin, out);
}

static enum p2p_err row(struct p2p_list *list, uint32_t circle, const struct p2p_record_id *id,
                        json_t **out, size_t *bytes)
{
    const struct asked *asked = list->context;
    const struct p2p_ledger *ledger = p2p_engine_ledger(list->node->engine);
    struct p2p_custody custody;
    enum p2p_err err = p2p_custody_get(list->node->kv, circle, id, &custody);
    if (err != P2P_OK) {
        return err == P2P_NOTFOUND ? P2P_CORRUPT : err;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, custody.holder);
    bool told = asked->all || asked->container != NULL || !p2p_custody_is_over(custody.state);
    if (told && (asked->holder == 0 || (info != NULL && info->member == asked->holder))) {
        *out = p2p_custody_json(list->node, &custody);
        *bytes = 512 + custody.tenure_count * 128;
    }
    return P2P_OK;
}

static void start_list(struct p2p_call *call, struct p2p_node *node)
{
    const char *container = p2p_call_param(call, "container");
    const char *holder = p2p_call_param(call, "holder");
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct p2p_list *list = p2p_call_take(call, sizeof(*list));
    struct asked asked = {.all = p2p_call_param(call, "all") != NULL};
    if (container != NULL && !p2p_call_container(call, container, &asked.container)) {
        return;
    }
    if (holder != NULL) {
        const struct p2p_member *member =
            p2p_charter_member_named(charter, p2p_slice_text(holder));
        if (member == NULL) {
            p2p_call_error(call, 400, "bad-member", "see port2port charter show",
                           "the charter names no member %.64s", holder);
            return;
        }
        asked.holder = member->number;
    }
    list->name = "custody";
    list->next = container != NULL ? next_of_container : next_of_all;
    list->row = row;
    list->context = &asked;
    p2p_list_everywhere(list, node);
    p2p_list_reply(call, list);
}

static bool any(const struct p2p_node *node, const struct p2p_custody *custody)
{
    (void)node;
    (void)custody;
    return true;
}

/* By its token, or by the container: the token that is open, or else the last there was. */
static void start_show(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    struct p2p_custody custody;
    const char *container;
    size_t count;
    enum p2p_err err = P2P_NOTFOUND;
    if (strchr(call->rest, ':') != NULL) {
        if (p2p_call_record(node, call->rest, &id, &entry)) {
            err = p2p_custody_get(node->kv, entry.record.circle, &id, &custody);
        }
    } else {
        if (!p2p_call_container(call, call->rest, &container)) {
            return;
        }
        err = p2p_custody_find(node, container, p2p_custody_is_open, &custody, &count);
        if (err == P2P_NOTFOUND) {
            err = p2p_custody_find(node, container, any, &custody, &count);
        }
    }
    if (err == P2P_NOTFOUND) {
        p2p_call_error(call, 404, "not-found", "see port2port custody list --all",
                       "nobody has had %.128s in custody, as far as is known here", call->rest);
    } else if (err != P2P_OK) {
        p2p_call_err(call, err, "the custody in the store cannot be read");
    } else {
        p2p_call_reply(call, p2p_custody_json(node, &custody));
    }
}

const struct p2p_route p2p_custody_routes[] = {
    P2P_VERB_ROUTE("/v1/custody", "CustodyOpen", "400"),
    P2P_VERB_ROUTE("/v1/custody/withdraw", "CustodyWithdraw", "400 404"),
    P2P_VERB_ROUTE("/v1/custody/offer", "CustodyOffer", "400 404"),
    P2P_VERB_ROUTE("/v1/custody/accept", "CustodyAnswer", "400 404"),
    P2P_VERB_ROUTE("/v1/custody/refuse", "CustodyAnswer", "400 404"),
    P2P_VERB_ROUTE("/v1/custody/gate-in", "CustodyGateIn", "400 404"),
    P2P_VERB_ROUTE("/v1/custody/recount", "CustodyRecount", "400 404"),
    {.method = "GET",
     .path = "/v1/custody",
     .start = start_list,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "CustodyList",
     .errors = "400"},
    {.method = "GET",
     .path = "/v1/custody/{id}",
     .start = start_show,
     .who = P2P_WHO_READER,
     .rate = P2P_RATE_READ,
     .reply = "Custody",
     .errors = "400 404"},
    {0},
};
