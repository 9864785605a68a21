/* What an amend, suspend, resume or lift acts on: ids in a request become cites of a record. */
#include "call.h"

static bool may_cite(const struct p2p_kind *kind, uint32_t cited)
{
    bool may = false;
    for (size_t i = 0; i < sizeof(kind->cites) / sizeof(kind->cites[0]); i++) {
        may = may || (kind->cites[i] != 0 && kind->cites[i] == cited);
    }
    return may;
}

struct cited {
    struct p2p_record_id *ids; /* P2P_CITES_MAX of them */
    size_t count;
    uint32_t circle;
};

/* A resume names suspends; a person names the ban: all that suspends it now. */
static bool add_suspends(struct p2p_call *call, struct p2p_node *node, struct cited *cited,
                         const struct p2p_record_id *id, const char *text)
{
    struct p2p_ban ban;
    struct p2p_unpack in;
    if (p2p_ban_get(node->kv, cited->circle, id, &ban) != P2P_OK || ban.suspended.len == 0) {
        p2p_call_error(call, 403, "not-suspended", "see port2port ban show",
                       "%s is not suspended", text);
        return false;
    }
    p2p_unpack_init(&in, ban.suspended);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && cited->count < P2P_CITES_MAX; i++) {
        struct p2p_record_id *suspend = &cited->ids[cited->count++];
        p2p_unpack_array(&in);
        suspend->feed = p2p_unpack_u32(&in);
        suspend->index = p2p_unpack_uint(&in);
    }
    return true;
}

/* Whether a ban is not over yet: of one that was lifted or amended already, an amend by its old
 * id would be a second ban beside what stands now, and another lift or suspend do nothing. */
static bool is_live(struct p2p_call *call, struct p2p_node *node, const struct cited *cited,
                    const struct p2p_record_id *id, const char *text)
{
    char by[P2P_ID_TEXT_BYTES];
    struct p2p_record_id lift = {0, 0};
    struct p2p_ban ban;
    struct p2p_unpack in;
    if (p2p_ban_get(node->kv, cited->circle, id, &ban) != P2P_OK) {
        return true; /* said where its value is needed */
    }
    if (p2p_ban_state_at(&ban, node->now.wall_ms) != P2P_BAN_LIFTED) {
        return true;
    }
    p2p_unpack_init(&in, ban.lifted);
    if (p2p_unpack_array(&in) > 0 && p2p_unpack_array(&in) == 2) {
        lift.feed = p2p_unpack_u32(&in);
        lift.index = p2p_unpack_uint(&in);
    }
    p2p_id_text(p2p_engine_ledger(node->engine), &lift, by);
    p2p_call_error(call, 403, "lifted", "if that is an amend, name it instead",
                   "%s was lifted or amended already, by %s", text, by);
    return false;
}

/* One record by its id: in the circle of those before it, and of a kind to which this can be
 * done. What could have no effect would look as if it had. */
static bool add_cite(struct p2p_call *call, struct p2p_node *node, const struct p2p_kind *kind,
                     struct cited *cited, const char *text)
{
    struct p2p_record_id id;
    struct p2p_entry entry;
    if (!p2p_call_record(node, text, &id, &entry)) {
        p2p_call_error(call, 404, "not-found", "see port2port ban list",
                       "there is no record %s here", text);
        return false;
    }
    if (cited->count > 0 && entry.record.circle != cited->circle) {
        p2p_call_error(call, 400, "two-circles", "name them in separate commands",
                       "%s stands in another circle than those before it", text);
        return false;
    }
    cited->circle = entry.record.circle;
    bool is_ban =
        entry.record.kind == P2P_KIND_BAN_IMPOSE || entry.record.kind == P2P_KIND_BAN_AMEND;
    if (kind->number == P2P_KIND_BAN_RESUME && is_ban) {
        return add_suspends(call, node, cited, &id, text);
    }
    if (!may_cite(kind, entry.record.kind)) {
        p2p_call_error(call, 400, "wrong-kind", "see port2port ban list", "%s is no ban", text);
        return false;
    }
    if (is_ban && !is_live(call, node, cited, &id, text)) {
        return false;
    }
    cited->ids[cited->count++] = id;
    return true;
}

bool p2p_ban_read_cites(struct p2p_call *call, struct p2p_node *node,
                        const struct p2p_kind *kind, struct p2p_append *out)
{
    const char *const *texts;
    int n = p2p_call_texts(call, "id", &texts, P2P_CITES_MAX);
    struct cited cited = {.ids = p2p_call_take(call, P2P_CITES_MAX * sizeof(*cited.ids))};
    if (n == 0) {
        p2p_call_error(call, 400, "no-id", "see port2port ban list",
                       "the id of a record is needed");
    }
    for (int i = 0; i < n; i++) {
        if (cited.count == P2P_CITES_MAX || !add_cite(call, node, kind, &cited, texts[i])) {
            if (!call->work.done) {
                p2p_call_error(call, 400, "too-many", "name them in separate commands",
                               "these are more than %u records", P2P_CITES_MAX);
            }
            return false;
        }
    }
    out->circle = cited.circle;
    out->cites = cited.ids;
    out->cite_count = cited.count;
    return n > 0;
}
