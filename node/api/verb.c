#include "right_verbs.h"

#include <string.h>

static const struct p2p_verb *const tables[] = {p2p_ban_verbs, p2p_custody_verbs,
                                                p2p_right_verbs};

const struct p2p_verb *p2p_verb_find(const char *path)
{
    for (size_t t = 0; path != NULL && t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct p2p_verb *verb = tables[t]; verb->path != NULL; verb++) {
            if (strcmp(verb->path, path) == 0) {
                return verb;
            }
        }
    }
    return NULL;
}

bool p2p_verb_granted_somewhere(struct p2p_node *node, const struct p2p_issuer *issuer,
                                const char *grant)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t own = p2p_engine_own_feed(node->engine);
    uint64_t at = p2p_ledger_feed(p2p_engine_ledger(node->engine), own)->edge.size;
    for (size_t i = 0; i < issuer->grant_count; i++) {
        if (strcmp(issuer->grants[i].name, grant) == 0 &&
            p2p_charter_granted(charter, issuer->number, grant,
                                p2p_slice_text(issuer->grants[i].scope), own, at,
                                p2p_charter_size(charter))) {
            return true;
        }
    }
    return false;
}

bool p2p_verb_may(struct p2p_call *call, struct p2p_node *node, const struct p2p_append *append,
                  const struct p2p_issuer *issuer)
{
    switch (append->kind) {
    case P2P_KIND_BAN_IMPOSE:
    case P2P_KIND_BAN_AMEND:
    case P2P_KIND_BAN_SUSPEND:
    case P2P_KIND_BAN_RESUME:
    case P2P_KIND_BAN_LIFT:
        return p2p_ban_may(call, node, append, issuer);
    case P2P_KIND_CUSTODY_OPEN:
    case P2P_KIND_CUSTODY_OFFER:
    case P2P_KIND_CUSTODY_ACCEPT:
    case P2P_KIND_CUSTODY_REFUSE:
    case P2P_KIND_CUSTODY_WITHDRAW:
    case P2P_KIND_CUSTODY_GATE_IN:
    case P2P_KIND_RECOUNT:
        return p2p_custody_may(node, append, issuer);
    default:
        return append->kind >= P2P_KIND_RIGHT_ISSUE && append->kind <= P2P_KIND_APPROVE &&
               p2p_right_may_append(node, append, issuer);
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
    return p2p_verb_may(asked->call, asked->node, asked->append, issuer);
}

const struct p2p_issuer *p2p_verb_signer(struct p2p_call *call, struct p2p_node *node,
                                         const struct p2p_verb *verb,
                                         const struct p2p_append *append,
                                         const struct p2p_issuer_secret **key)
{
    struct signer asked = {call, node, append};
    return p2p_call_issuer(call, node, may_sign, &asked, verb->may, key);
}

struct p2p_append *p2p_verb_read(struct p2p_call *call, struct p2p_node *node,
                                 const struct p2p_verb *verb, bool outside)
{
    struct p2p_append *append = p2p_call_take(call, sizeof(*append));
    struct p2p_record_id id;
    bool stands;
    if (!p2p_call_appends(call, node) || !p2p_call_as_own(call, node) ||
        !verb->read(call, node, append)) {
        return NULL;
    }
    if (outside) {
        call->work.wait_level = P2P_LEVEL_LOCAL; /* nothing is appended yet */
    }
    const struct p2p_issuer *issuer =
        p2p_verb_signer(call, node, verb, append, outside ? NULL : &append->key);
    if (issuer == NULL) {
        return NULL;
    }
    append->issuer = issuer->number;
    if (!p2p_right_stands(call, node, append, issuer, &stands, &id)) {
        return NULL;
    }
    if (stands) {
        p2p_call_stands(call, node, &id);
        return NULL;
    }
    return append;
}

void p2p_verb_start(struct p2p_call *call, struct p2p_node *node)
{
    struct p2p_append *append = p2p_verb_read(call, node, p2p_verb_find(call->path), false);
    if (append != NULL) {
        p2p_right_given(call, node, append);
        p2p_call_append(call, node, append, 1);
    }
}
