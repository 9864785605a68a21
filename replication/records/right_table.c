/* The one table of rights: who does what in which state, the words of states, roles, lights and
 * means, and what is asked of it. */
#include "right_parts.h"

#include <p2p/charter.h>

#include <string.h>

/* ---- words ---- */

const char *p2p_right_state_word(enum p2p_right_state state)
{
    static const char *const words[] = {
#define STATE_WORD(name, word) [P2P_RIGHT_##name] = word,
        P2P_RIGHT_STATE_MAP(STATE_WORD)
#undef STATE_WORD
    };
    return state < P2P_RIGHT_STATE_COUNT ? words[state] : "?";
}

bool p2p_right_state_named(struct p2p_slice word, enum p2p_right_state *out)
{
    for (unsigned i = 0; i < P2P_RIGHT_STATE_COUNT; i++) {
        if (p2p_slice_equal(p2p_slice_text(p2p_right_state_word((enum p2p_right_state)i)),
                            word)) {
            *out = (enum p2p_right_state)i;
            return true;
        }
    }
    return false;
}

const char *p2p_right_role_word(enum p2p_right_role role)
{
    switch (role) {
    case P2P_ROLE_FIRST:
        return "first issuer";
    case P2P_ROLE_PENDING:
        return "pending party";
    case P2P_ROLE_HOLDER:
        return "holder";
    case P2P_ROLE_GIVER:
        return "giver";
    case P2P_ROLE_GRANTED:
        return "anybody granted";
    case P2P_ROLE_NODE:
        return "node with custody";
    }
    return "?";
}

/* ---- actions ---- */

static const struct p2p_right_rule rules[] = {
#define ACTION_RULE(name, kind_word, who, grant_word, states, next, is_ruled, sentence)        \
    [P2P_RIGHT_DO_##name] = {.kind = (kind_word),                                              \
                             .role = P2P_ROLE_##who,                                           \
                             .grant = (grant_word),                                            \
                             .from = (states),                                                 \
                             .to = P2P_RIGHT_##next,                                           \
                             .ruled = (is_ruled),                                              \
                             .text = (sentence)},
    P2P_RIGHT_ACTION_MAP(ACTION_RULE)
#undef ACTION_RULE
};

const struct p2p_right_rule *p2p_right_rule(enum p2p_right_action action)
{
    return &rules[action];
}

/* ---- lights and means ---- */

static const struct {
    const char *word;
    const char *grant;
    const char *values[P2P_LIGHT_VALUES_MAX];
} lights[] = {
#define LIGHT_ROW(name, word, grant, ...) [P2P_LIGHT_##name] = {word, grant, {__VA_ARGS__}},
    P2P_LIGHT_MAP(LIGHT_ROW)
#undef LIGHT_ROW
};

const char *p2p_light_word(enum p2p_light light)
{
    return lights[light].word;
}

const char *p2p_light_grant(enum p2p_light light)
{
    return lights[light].grant;
}

const char *p2p_light_value(enum p2p_light light, unsigned value)
{
    return value < P2P_LIGHT_VALUES_MAX ? lights[light].values[value] : NULL;
}

bool p2p_light_named(struct p2p_slice word, enum p2p_light *out)
{
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        if (p2p_slice_equal(p2p_slice_text(lights[i].word), word)) {
            *out = (enum p2p_light)i;
            return true;
        }
    }
    return false;
}

bool p2p_light_value_named(enum p2p_light light, struct p2p_slice word, unsigned *out)
{
    for (unsigned i = 0; i < P2P_LIGHT_VALUES_MAX && lights[light].values[i] != NULL; i++) {
        if (p2p_slice_equal(p2p_slice_text(lights[light].values[i]), word)) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool p2p_means_named(struct p2p_slice word)
{
    static const char *const words[] = {
#define MEANS_WORD(name, word) word,
        P2P_MEANS_MAP(MEANS_WORD)
#undef MEANS_WORD
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (p2p_slice_equal(p2p_slice_text(words[i]), word)) {
            return true;
        }
    }
    return false;
}

/* ---- a right by the table ---- */

static bool is_live(enum p2p_right_state state)
{
    return (P2P_IN_LIVE & 1u << state) != 0;
}

enum p2p_right_state p2p_right_state_at(const struct p2p_right *right, uint64_t now_ms)
{
    if (right->why != P2P_WHY_NONE) {
        return P2P_RIGHT_NO_EFFECT;
    }
    if (is_live(right->below) && (right->block_count > 0 || right->too_long)) {
        return P2P_RIGHT_BLOCKED;
    }
    return is_live(right->below) && now_ms >= right->expires_ms ? P2P_RIGHT_EXPIRED
                                                                : right->below;
}

uint32_t p2p_right_holder(const struct p2p_right *right)
{
    bool held = right->below == P2P_RIGHT_ACTIVE || right->below == P2P_RIGHT_USED ||
                right->below == P2P_RIGHT_FINISHED;
    return held && right->chain_count > 1 ? right->chain[right->chain_count - 1].party : 0;
}

uint32_t p2p_right_pending(const struct p2p_right *right)
{
    return right->below == P2P_RIGHT_PENDING && right->chain_count > 0
               ? right->chain[right->chain_count - 1].party
               : 0;
}

uint32_t p2p_right_giver(const struct p2p_right *right)
{
    bool given = right->below == P2P_RIGHT_PENDING || right->below == P2P_RIGHT_ACTIVE;
    return given && right->chain_count > 1 ? right->chain[right->chain_count - 2].party : 0;
}

bool p2p_right_fits(const struct p2p_right *right, uint32_t issuer,
                    enum p2p_right_action action)
{
    const struct p2p_right_rule *rule = &rules[action];
    if (right->why != P2P_WHY_NONE || (rule->from & 1u << right->below) == 0) {
        return false;
    }
    switch (rule->role) {
    case P2P_ROLE_FIRST:
        return issuer == right->first;
    case P2P_ROLE_PENDING:
        return issuer == p2p_right_pending(right);
    case P2P_ROLE_HOLDER:
        return issuer == p2p_right_holder(right);
    case P2P_ROLE_GIVER: /* what the first issuer takes back has ended */
        return issuer == p2p_right_giver(right) && issuer != right->first;
    case P2P_ROLE_GRANTED:
        return issuer != 0;
    case P2P_ROLE_NODE:
        return issuer == 0;
    }
    return false;
}

/* Whether the charter grants him a word now, for this right. */
static bool granted_now(const struct p2p_charter *charter, const struct p2p_right *right,
                        uint32_t issuer_number, const char *word)
{
    const struct p2p_issuer *issuer = p2p_charter_issuer(charter, issuer_number);
    const struct p2p_member *member =
        issuer == NULL ? NULL : p2p_charter_member(charter, issuer->member);
    const struct p2p_feed_info *custodian =
        right->custodian == 0 ? NULL : p2p_charter_feed(charter, right->custodian);
    if (member == NULL) {
        return false;
    }
    bool holds = custodian != NULL && custodian->member == issuer->member;
    for (size_t i = 0; i < issuer->grant_count; i++) {
        struct p2p_slice scope = p2p_slice_text(issuer->grants[i].scope);
        bool counts = holds || p2p_slice_equal(scope, p2p_slice_text("*")) ||
                      p2p_slice_equal(scope, right->facility);
        if (counts && strcmp(issuer->grants[i].name, word) == 0 &&
            p2p_charter_granted(charter, issuer_number, word, scope, member->feed,
                                UINT64_MAX - 1, p2p_charter_size(charter))) {
            return true;
        }
    }
    return false;
}

bool p2p_right_same_member(const struct p2p_charter *charter, uint32_t a, uint32_t b)
{
    const struct p2p_issuer *first = p2p_charter_issuer(charter, a);
    const struct p2p_issuer *second = p2p_charter_issuer(charter, b);
    return first != NULL && second != NULL && first->member == second->member;
}

bool p2p_right_may_set(const struct p2p_charter *charter, const struct p2p_right *right,
                       uint32_t issuer, enum p2p_light light)
{
    return p2p_right_fits(right, issuer, P2P_RIGHT_DO_LIGHT) &&
           granted_now(charter, right, issuer, lights[light].grant);
}

bool p2p_right_may(const struct p2p_charter *charter, const struct p2p_right *right,
                   uint32_t issuer, enum p2p_right_action action)
{
    if (!p2p_right_fits(right, issuer, action) ||
        (action == P2P_RIGHT_DO_UNBLOCK && right->block_count == 0) ||
        (action == P2P_RIGHT_DO_TRANSFER && right->chain_count == P2P_RIGHT_CHAIN_MAX)) {
        return false;
    }
    if (action == P2P_RIGHT_DO_USE) {
        return true;
    }
    if (action == P2P_RIGHT_DO_LIGHT) {
        for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
            if (p2p_right_may_set(charter, right, issuer, (enum p2p_light)i)) {
                return true;
            }
        }
        return false;
    }
    return granted_now(charter, right, issuer, rules[action].grant) ||
           (action == P2P_RIGHT_DO_GATE_OUT &&
            granted_now(charter, right, issuer, p2p_grant_name(P2P_GRANT_CUSTODY)));
}
