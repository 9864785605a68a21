/* Who and what: the charter's words and lookups. */
#include "charter_state.h"

#include <p2p/assert.h>

#include <string.h>

static const char *const role_words[] = {"port", "observer", "police", "customs", "terminal"};
_Static_assert(P2P_ROLE_TERMINAL + 1 == sizeof(role_words) / sizeof(role_words[0]),
               "a word for each role");

const char *p2p_role_word(enum p2p_role role)
{
    return role_words[role];
}

enum p2p_err p2p_role_of(enum p2p_role *role, struct p2p_slice word)
{
    for (size_t i = 0; i < sizeof(role_words) / sizeof(role_words[0]); i++) {
        if (p2p_slice_equal(word, p2p_slice_text(role_words[i]))) {
            *role = (enum p2p_role)i;
            return P2P_OK;
        }
    }
    return P2P_NOTFOUND;
}

static bool is_lower_or_digit(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool p2p_name_valid(struct p2p_slice name)
{
    if (name.len == 0 || name.len > P2P_NAME_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_lower_or_digit(name.data[i]) && name.data[i] != '-') {
            return false;
        }
    }
    return !p2p_slice_equal(name, p2p_slice_text("charter"));
}

bool p2p_federation_valid(struct p2p_slice name)
{
    if (name.len == 0 || name.len > P2P_FEDERATION_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        if (!is_lower_or_digit(c) && c != '-' && c != '.') {
            return false;
        }
    }
    return true;
}

bool p2p_locode_valid(struct p2p_slice locode)
{
    if (locode.len == 0) {
        return true;
    }
    if (locode.len != 5) {
        return false;
    }
    for (size_t i = 0; i < locode.len; i++) {
        uint8_t c = locode.data[i];
        bool letter = c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
        if (!letter && !(digit && i >= 2)) {
            return false;
        }
    }
    return true;
}

const char *p2p_charter_federation(const struct p2p_charter *charter)
{
    return charter->fold.federation;
}

struct p2p_hash p2p_charter_federation_id(const struct p2p_charter *charter)
{
    return charter->held.count > 0 ? charter->fold.federation_id : charter->federation_id;
}

const struct p2p_charter_public *p2p_charter_log_key(const struct p2p_charter *charter)
{
    return &charter->fold.log_key;
}

/* The roots in force now: none before entry 0. */
static const struct root_set *roots_now(const struct p2p_charter *charter)
{
    static const struct root_set none;
    const struct root_set *set = p2p_fold_roots_at(&charter->fold, charter->fold.size);
    return set ? set : &none;
}

uint32_t p2p_charter_root_count(const struct p2p_charter *charter)
{
    return roots_now(charter)->count;
}

uint32_t p2p_charter_threshold(const struct p2p_charter *charter)
{
    return roots_now(charter)->threshold;
}

const struct p2p_root_public *p2p_charter_roots(const struct p2p_charter *charter)
{
    return roots_now(charter)->roots;
}

const struct p2p_policy *p2p_charter_policy(const struct p2p_charter *charter)
{
    return &charter->fold.policy;
}

uint64_t p2p_charter_term(const struct p2p_charter *charter)
{
    return charter->fold.term;
}

uint32_t p2p_charter_member_count(const struct p2p_charter *charter)
{
    return (uint32_t)charter->fold.members.count;
}

uint32_t p2p_charter_feed_count(const struct p2p_charter *charter)
{
    return (uint32_t)charter->fold.feeds.count;
}

uint32_t p2p_charter_issuer_count(const struct p2p_charter *charter)
{
    return (uint32_t)charter->fold.issuers.count;
}

uint32_t p2p_charter_circle_count(const struct p2p_charter *charter)
{
    return (uint32_t)charter->fold.circles.count;
}

const struct p2p_member *p2p_charter_member(const struct p2p_charter *charter, uint32_t number)
{
    return p2p_fold_member(&charter->fold, number);
}

/* No name or key is longer; a longer slice names nothing. */
static uint32_t named(const struct p2p_charter *charter, enum name_space space,
                      struct p2p_slice name)
{
    bool fits = name.len > 0 && name.len <= NAME_BYTES_MAX;
    return fits ? p2p_fold_name(&charter->fold, space, name) : 0;
}

const struct p2p_member *p2p_charter_member_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name)
{
    return p2p_fold_member(&charter->fold, named(charter, NAME_MEMBER, name));
}

bool p2p_charter_has_locode(const struct p2p_charter *charter, struct p2p_slice locode)
{
    for (uint32_t i = 1; i <= p2p_charter_member_count(charter); i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member != NULL && member->locode[0] != '\0' &&
            p2p_slice_equal(p2p_slice_text(member->locode), locode)) {
            return true;
        }
    }
    return false;
}

const struct p2p_feed_info *p2p_charter_feed(const struct p2p_charter *charter, uint32_t number)
{
    return p2p_fold_feed(&charter->fold, number);
}

const struct p2p_feed_info *p2p_charter_feed_named(const struct p2p_charter *charter,
                                                   struct p2p_slice name)
{
    if (p2p_slice_equal(name, p2p_slice_text("charter/1"))) {
        return p2p_fold_feed(&charter->fold, P2P_CHARTER_FEED);
    }
    uint32_t number = named(charter, NAME_FEED, name);
    return number ? p2p_fold_feed(&charter->fold, number) : NULL;
}

const struct p2p_issuer *p2p_charter_issuer(const struct p2p_charter *charter, uint32_t number)
{
    return p2p_fold_issuer(&charter->fold, number);
}

const struct p2p_issuer *p2p_charter_issuer_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name)
{
    return p2p_fold_issuer(&charter->fold, named(charter, NAME_ISSUER, name));
}

const struct p2p_circle *p2p_charter_circle(const struct p2p_charter *charter, uint32_t number)
{
    return p2p_fold_circle(&charter->fold, number);
}

const struct p2p_circle *p2p_charter_circle_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name)
{
    return p2p_charter_circle(charter, named(charter, NAME_CIRCLE, name));
}

bool p2p_charter_has_key(const struct p2p_charter *charter, const uint8_t key[P2P_PUBLIC_BYTES])
{
    return named(charter, NAME_KEY, p2p_slice_of(key, P2P_PUBLIC_BYTES)) != 0;
}
