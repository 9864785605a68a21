#include "charter_json.h"

#include <p2p/text.h>

#include <stdio.h>
#include <string.h>

#define CUTS_SHOWN_MAX 256u

static json_t *vkey_json(const char *name, enum p2p_note_type type,
                         const uint8_t key[P2P_PUBLIC_BYTES])
{
    char text[P2P_VKEY_BYTES_MAX];
    struct p2p_vkey vkey;
    p2p_vkey_init(&vkey, p2p_slice_text(name), type, key);
    p2p_vkey_format(&vkey, text);
    return json_string(text);
}

static json_t *key_json(const uint8_t key[P2P_PUBLIC_BYTES])
{
    return p2p_base64_json(p2p_slice_of(key, P2P_PUBLIC_BYTES));
}

static const char *member_name(const struct p2p_charter *charter, uint32_t number)
{
    const struct p2p_member *member = p2p_charter_member(charter, number);
    return member != NULL ? member->name : "?";
}

/* Of members, or of those whose witness keys they are. */
static json_t *names_json(const struct p2p_charter *charter, const uint32_t *numbers,
                          size_t count)
{
    json_t *names = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(
            names, json_string(member_name(charter, p2p_witness_member(numbers[i]))));
    }
    return names;
}

/* `beanr/1` of an origin. */
static const char *feed_name(const struct p2p_charter *charter,
                             const struct p2p_feed_info *feed)
{
    return feed == NULL ? "" : feed->origin + strlen(p2p_charter_federation(charter)) + 1;
}

/* ---- members ---- */

static json_t *member_json(const struct p2p_charter *charter, const struct p2p_member *member)
{
    const struct p2p_feed_info *feed = p2p_charter_feed(charter, member->feed);
    char witness[P2P_WITNESS_NAME_BYTES_MAX + 1];
    p2p_witness_name(witness, p2p_charter_federation(charter), member->name,
                     member->witness_generation);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", member->name, "role",
        p2p_role_word(member->role), "locode", member->locode, "feed", feed_name(charter, feed),
        "feed_vkey",
        feed != NULL ? vkey_json(feed->origin, P2P_NOTE_ED25519, feed->key.bytes) : json_null(),
        "witness_vkey", vkey_json(witness, P2P_NOTE_COSIGNATURE, member->witness_key.bytes),
        "transport_key", key_json(member->transport_key.bytes), "sealing_key",
        key_json(member->sealing_key.bytes), "witnesses",
        feed != NULL ? names_json(charter, feed->witnesses, feed->witness_count)
                     : json_array());
}

static json_t *members_json(const struct p2p_charter *charter)
{
    json_t *members = json_array();
    for (uint32_t i = 1; i <= p2p_charter_member_count(charter); i++) {
        const struct p2p_member *member = p2p_charter_member(charter, i);
        if (member != NULL) {
            json_array_append_new(members, member_json(charter, member));
        }
    }
    return members;
}

/* ---- issuers ---- */

/* The grants that hold for what comes next in the feed of its member; since: the version that
 * gave them. */
static json_t *grants_json(const struct p2p_charter *charter, const struct p2p_issuer *issuer)
{
    const struct p2p_member *member = p2p_charter_member(charter, issuer->member);
    json_t *grants = json_array();
    for (size_t i = 0; member != NULL && i < issuer->grant_count; i++) {
        const struct p2p_grant *grant = &issuer->grants[i];
        /* Known up to its own entry: an earlier grant of the same words does not stand for it,
         * and one that a cut has ended since does not count. */
        if (p2p_charter_granted(charter, issuer->number, grant->name,
                                p2p_slice_text(grant->scope), member->feed, INT64_MAX,
                                (uint64_t)grant->entry + 1)) {
            json_array_append_new(grants, json_pack("{s:s, s:s, s:I}", "name", grant->name,
                                                    "scope", grant->scope, "since",
                                                    (json_int_t)grant->entry + 1));
        }
    }
    return grants;
}

static json_t *cuts_json(const struct p2p_charter *charter, const struct p2p_issuer *issuer)
{
    struct p2p_charter_cut_point cuts[CUTS_SHOWN_MAX];
    size_t count = p2p_charter_cuts(charter, issuer->number, cuts, CUTS_SHOWN_MAX);
    json_t *list = json_array();
    for (size_t i = 0; i < count && i < CUTS_SHOWN_MAX; i++) {
        const struct p2p_feed_info *feed = p2p_charter_feed(charter, cuts[i].feed);
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I}", "feed", feed_name(charter, feed),
                                        "index", (json_int_t)cuts[i].index, "version",
                                        (json_int_t)cuts[i].entry + 1));
    }
    return list;
}

static json_t *issuers_json(const struct p2p_charter *charter)
{
    json_t *issuers = json_array();
    for (uint32_t i = 1; i <= p2p_charter_issuer_count(charter); i++) {
        const struct p2p_issuer *issuer = p2p_charter_issuer(charter, i);
        if (issuer != NULL) {
            json_array_append_new(issuers,
                                  json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", issuer->name,
                                            "member", member_name(charter, issuer->member),
                                            "key", key_json(issuer->key.bytes), "grants",
                                            grants_json(charter, issuer), "cut",
                                            cuts_json(charter, issuer)));
        }
    }
    return issuers;
}

/* ---- circles, roots, policy ---- */

static json_t *circles_json(const struct p2p_charter *charter)
{
    json_t *circles = json_array();
    for (uint32_t i = 1; i <= p2p_charter_circle_count(charter); i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, i);
        if (circle == NULL) {
            continue;
        }
        json_t *epochs = json_array();
        for (size_t e = 0; e < circle->epoch_count; e++) {
            json_array_append_new(epochs, json_integer(circle->epochs[e].epoch));
        }
        json_array_append_new(
            circles, json_pack("{s:s, s:o, s:o}", "name", circle->name, "members",
                               names_json(charter, circle->members, circle->member_count),
                               "epochs", epochs));
    }
    return circles;
}

static json_t *roots_json(const struct p2p_charter *charter)
{
    const struct p2p_root_public *roots = p2p_charter_roots(charter);
    json_t *list = json_array();
    for (uint32_t i = 0; i < p2p_charter_root_count(charter); i++) {
        char name[P2P_ROOT_NAME_BYTES_MAX + 1];
        p2p_root_name(name, p2p_charter_federation(charter), &roots[i]);
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "name", name, "vkey",
                                        vkey_json(name, P2P_NOTE_COSIGNATURE, roots[i].bytes)));
    }
    return list;
}

static json_t *policy_json(const struct p2p_policy *policy)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "lease_s", (json_int_t)policy->lease_s,
                     "heartbeat_s", (json_int_t)policy->heartbeat_s, "fresh_cosignature_s",
                     (json_int_t)policy->fresh_cosignature_s, "clock_skew_s",
                     (json_int_t)policy->clock_skew_s);
}

static json_t *rival_json(const struct p2p_charter *charter)
{
    uint64_t index;
    struct p2p_slice leaf;
    struct p2p_slice note;
    if (p2p_charter_rival(charter, &index, &leaf, &note) != P2P_OK) {
        return json_null();
    }
    return json_pack("{s:I, s:I}", "index", (json_int_t)index, "size",
                     (json_int_t)p2p_charter_rival_size(charter));
}

json_t *p2p_charter_json(const struct p2p_charter *charter)
{
    struct p2p_hash id = p2p_charter_federation_id(charter);
    struct p2p_hash root = p2p_charter_root(charter);
    char origin[P2P_ORIGIN_BYTES_MAX + 1];
    snprintf(origin, sizeof(origin), "%s/charter/1", p2p_charter_federation(charter));
    return json_pack("{s:s, s:o, s:I, s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}",
                     "federation", p2p_charter_federation(charter), "federation_id",
                     p2p_hex_json(&id), "version", (json_int_t)p2p_charter_size(charter),
                     "root", p2p_base64_json(p2p_slice_of(root.bytes, P2P_HASH_BYTES)), "vkey",
                     vkey_json(origin, P2P_NOTE_ED25519, p2p_charter_log_key(charter)->bytes),
                     "roots", roots_json(charter), "threshold",
                     (json_int_t)p2p_charter_threshold(charter), "members",
                     members_json(charter), "issuers", issuers_json(charter), "circles",
                     circles_json(charter), "policy", policy_json(p2p_charter_policy(charter)),
                     "rival", rival_json(charter));
}
