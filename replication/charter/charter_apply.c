/* The rules of the charter, op by op. Everything here works on a copy of the fold that is
 * thrown away when a rule says no, so handlers may stop halfway. Admissions come first in every
 * entry, then the witnesses they name, then the other ops in their order: names may be used
 * before they are admitted. */
#include "charter_state.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define POLICY_LEASE_S_MIN 60u
#define POLICY_LEASE_S_MAX (30u * 86400u)
#define POLICY_SPAN_S_MAX  86400u

enum p2p_err p2p_fold_key_add(struct charter_fold *fold, const uint8_t key[P2P_PUBLIC_BYTES],
                              enum p2p_key_purpose purpose, enum p2p_err admissible,
                              const char *whose, char *reason)
{
    if (admissible != P2P_OK) {
        p2p_reason(reason, "the %s key of %s is not an admissible public key",
                   p2p_key_purpose_word(purpose), whose);
        return P2P_BADKEY;
    }
    enum p2p_err err = p2p_fold_name_add(fold, NAME_KEY, p2p_slice_of(key, P2P_PUBLIC_BYTES),
                                         (uint32_t)purpose);
    if (err == P2P_LOCKED) {
        p2p_reason(reason, "the %s key of %s is in use already: every key has one purpose",
                   p2p_key_purpose_word(purpose), whose);
        return P2P_BADKEY;
    }
    return err;
}

enum p2p_err p2p_fold_named_add(struct charter_fold *fold, enum name_space space,
                                const char *name, uint32_t number, char *reason)
{
    if (!p2p_name_valid(p2p_slice_text(name))) {
        p2p_reason(reason, "a name has 1 to %u of a-z, 0-9 and '-', and is not 'charter'",
                   P2P_NAME_BYTES_MAX);
        return P2P_REFUSED;
    }
    enum p2p_err err = p2p_fold_name_add(fold, space, p2p_slice_text(name), number);
    if (err == P2P_LOCKED) {
        p2p_reason(reason, "the name %s is in use already", name);
        return P2P_REFUSED;
    }
    return err;
}

enum p2p_err p2p_fold_too_many(const char *what, char *reason)
{
    p2p_reason(reason, "the charter holds no more %s", what);
    return P2P_REFUSED;
}

/* --- found and rotate -------------------------------------------------------------------- */

/* A root may stay through a rotation, so a root's key may be known as a root's. */
static enum p2p_err root_key_add(struct charter_fold *fold, const struct p2p_root_public *key,
                                 char *reason)
{
    struct p2p_slice bytes = p2p_slice_of(key->bytes, P2P_PUBLIC_BYTES);
    if (p2p_fold_name(fold, NAME_KEY, bytes) == P2P_KEY_ROOT) {
        return P2P_OK;
    }
    return p2p_fold_key_add(fold, key->bytes, P2P_KEY_ROOT, p2p_root_public_check(key),
                            "the federation", reason);
}

static bool root_repeated(const struct p2p_root_public *roots, uint32_t i)
{
    for (uint32_t j = 0; j < i; j++) {
        if (memcmp(roots[i].bytes, roots[j].bytes, P2P_PUBLIC_BYTES) == 0) {
            return true;
        }
    }
    return false;
}

enum p2p_err p2p_fold_root_set(struct charter_fold *fold, uint64_t from,
                               const struct p2p_root_public *roots, uint32_t count,
                               uint32_t threshold, char *reason)
{
    if (count == 0 || count > P2P_ROOTS_MAX) {
        p2p_reason(reason, "a federation has 1 to %u roots", P2P_ROOTS_MAX);
        return P2P_REFUSED;
    }
    if (threshold > count || threshold <= count / 2) {
        p2p_reason(reason, "the threshold %u of %u roots is not above half of them", threshold,
                   count);
        return P2P_REFUSED;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (root_repeated(roots, i)) {
            p2p_reason(reason, "a root key is named twice and would be counted twice");
            return P2P_REFUSED;
        }
        enum p2p_err err = root_key_add(fold, &roots[i], reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    struct root_set *set = p2p_rows_add(fold->alloc, &fold->root_sets, sizeof(*set));
    if (!set) {
        return P2P_NOMEM;
    }
    set->from = from;
    set->count = count;
    set->threshold = threshold;
    memcpy(set->roots, roots, count * sizeof(*roots));
    return P2P_OK;
}

enum p2p_err p2p_fold_found(struct charter_fold *fold, const struct p2p_op_found *op,
                            char *reason)
{
    p2p_assert(fold->feeds.count == 0);
    if (!p2p_federation_valid(p2p_slice_text(op->federation))) {
        p2p_reason(reason, "a federation's name has 1 to %u of a-z, 0-9, '.' and '-'",
                   P2P_FEDERATION_BYTES_MAX);
        return P2P_REFUSED;
    }
    enum p2p_err err =
        p2p_fold_key_add(fold, op->log_key.bytes, P2P_KEY_CHARTER,
                         p2p_charter_public_check(&op->log_key), "the federation", reason);
    if (err == P2P_OK) {
        err = p2p_fold_root_set(fold, 0, op->roots, op->root_count, op->threshold, reason);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_feed_info *feed = p2p_rows_add(fold->alloc, &fold->feeds, sizeof(*feed));
    if (!feed) {
        return P2P_NOMEM;
    }
    snprintf(fold->federation, sizeof(fold->federation), "%s", op->federation);
    fold->log_key = op->log_key;
    feed->generation = 1;
    memcpy(feed->key.bytes, op->log_key.bytes, P2P_PUBLIC_BYTES);
    snprintf(feed->origin, sizeof(feed->origin), "%s/charter/1", op->federation);
    return P2P_OK;
}

/* --- admit ------------------------------------------------------------------------------- */

static enum p2p_err member_keys_add(struct charter_fold *fold, const struct p2p_op_admit *op,
                                    char *reason)
{
    const struct {
        const uint8_t *key;
        enum p2p_key_purpose purpose;
        enum p2p_err admissible;
    } keys[] = {
        {op->feed_key.bytes, P2P_KEY_FEED, p2p_feed_public_check(&op->feed_key)},
        {op->witness_key.bytes, P2P_KEY_WITNESS, p2p_witness_public_check(&op->witness_key)},
        {op->transport_key.bytes, P2P_KEY_TRANSPORT,
         p2p_transport_public_check(&op->transport_key)},
        {op->sealing_key.bytes, P2P_KEY_SEALING, p2p_sealing_public_check(&op->sealing_key)},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        enum p2p_err err = p2p_fold_key_add(fold, keys[i].key, keys[i].purpose,
                                            keys[i].admissible, op->member, reason);
        if (err != P2P_OK) {
            return err;
        }
    }
    return P2P_OK;
}

static enum p2p_err admit(struct charter_fold *fold, const struct fold_place *place,
                          const struct p2p_op_admit *op)
{
    uint32_t number = (uint32_t)fold->members.count + 1, feed = 0;
    if (number > P2P_MEMBERS_MAX || fold->feeds.count >= P2P_FEEDS_MAX) {
        return p2p_fold_too_many("members", place->reason);
    }
    if (!p2p_locode_valid(p2p_slice_text(op->locode))) {
        p2p_reason(place->reason, "%s is not a UN/LOCODE, as BEANR is one", op->locode);
        return P2P_REFUSED;
    }
    enum p2p_err err = p2p_fold_named_add(fold, NAME_MEMBER, op->member, number, place->reason);
    if (err == P2P_OK) {
        err = member_keys_add(fold, op, place->reason);
    }
    if (err == P2P_OK) {
        struct p2p_slice key = p2p_slice_of(op->transport_key.bytes, P2P_PUBLIC_BYTES);
        err = p2p_fold_name_add(fold, NAME_TRANSPORT, key, number);
    }
    if (err == P2P_OK) {
        const struct fold_feed add = {.member = number,
                                      .name = op->member,
                                      .generation = 1,
                                      .key = &op->feed_key,
                                      .entry = place->index};
        err = p2p_fold_feed_add(fold, &add, &feed);
    }
    if (err == P2P_OK) {
        err = p2p_fold_witness_key(fold, p2p_witness_number(number, 1), &op->witness_key);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_member *member = p2p_rows_add(fold->alloc, &fold->members, sizeof(*member));
    if (!member) {
        return P2P_NOMEM;
    }
    member->number = number;
    snprintf(member->name, sizeof(member->name), "%s", op->member);
    snprintf(member->locode, sizeof(member->locode), "%s", op->locode);
    member->role = op->role;
    member->witness_key = op->witness_key;
    member->witness_generation = 1;
    member->transport_key = op->transport_key;
    member->sealing_key = op->sealing_key;
    member->feed = feed;
    return P2P_OK;
}

/* --- policy ------------------------------------------------------------------------------ */

static enum p2p_err policy(struct charter_fold *fold, const struct p2p_policy *op, char *reason)
{
    if (op->lease_s < POLICY_LEASE_S_MIN || op->lease_s > POLICY_LEASE_S_MAX) {
        p2p_reason(reason, "a lease lasts %u to %u seconds", POLICY_LEASE_S_MIN,
                   POLICY_LEASE_S_MAX);
        return P2P_REFUSED;
    }
    if (op->heartbeat_s == 0 || op->heartbeat_s > POLICY_SPAN_S_MAX || op->clock_skew_s == 0 ||
        op->clock_skew_s > POLICY_SPAN_S_MAX || op->fresh_cosignature_s < op->heartbeat_s ||
        op->fresh_cosignature_s > POLICY_SPAN_S_MAX) {
        p2p_reason(reason,
                   "heartbeat, freshness and clock skew last 1 to %u seconds, and "
                   "freshness no less than a heartbeat",
                   POLICY_SPAN_S_MAX);
        return P2P_REFUSED;
    }
    fold->policy = *op;
    return P2P_OK;
}

/* --- a whole version --------------------------------------------------------------------- */

static enum p2p_err order_validate(const struct p2p_version *version,
                                   const struct charter_fold *fold, uint64_t index,
                                   char *reason)
{
    bool settles = version->ops[0].type == P2P_OP_SETTLE;
    uint32_t rotations = 0;
    if ((index == 0) != (version->ops[0].type == P2P_OP_FOUND)) {
        p2p_reason(reason, "entry 0, and no other, founds the federation in its first op");
        return P2P_REFUSED;
    }
    for (size_t i = 1; i < version->op_count; i++) {
        if (version->ops[i].type == P2P_OP_FOUND || version->ops[i].type == P2P_OP_SETTLE) {
            p2p_reason(reason, "'%s' stands first in its entry, once",
                       p2p_op_word(version->ops[i].type));
            return P2P_REFUSED;
        }
        rotations += version->ops[i].type == P2P_OP_ROTATE;
    }
    rotations += version->ops[0].type == P2P_OP_ROTATE;
    if (rotations > 1 || (rotations == 1 && (settles || index == 0))) {
        p2p_reason(reason,
                   "roots rotate once in an entry, not in the first and not in a settle");
        return P2P_REFUSED;
    }
    if (!settles && index > 0 && version->term != fold->term) {
        p2p_reason(reason, "the entry carries term %llu, the charter is in term %llu",
                   (unsigned long long)version->term, (unsigned long long)fold->term);
        return P2P_REFUSED;
    }
    return P2P_OK;
}

/* found, settle and admissions, which the other ops of the entry may refer to. */
static enum p2p_err apply_early(struct charter_fold *fold, const struct fold_place *place,
                                const struct p2p_version *version,
                                const struct p2p_charter_op *op)
{
    switch (op->type) {
    case P2P_OP_FOUND:
        fold->term = version->term;
        return p2p_fold_found(fold, &op->found, place->reason);
    case P2P_OP_SETTLE:
        return p2p_fold_settle(fold, place, &op->settle, version->term);
    case P2P_OP_ADMIT:
        return admit(fold, place, &op->admit);
    case P2P_OP_GRANT:
    case P2P_OP_CIRCLE:
    case P2P_OP_WITNESS:
    case P2P_OP_POLICY:
    case P2P_OP_REVOKE:
    case P2P_OP_ROTATE:
    case P2P_OP_GENERATION:
    case P2P_OP_REASSIGN:
    case P2P_OP_SETTLE_OPENS:
        return P2P_OK;
    }
    return P2P_MALFORMED;
}

/* The witnesses that an admission names, when all of the entry are members. */
static enum p2p_err admit_witnesses(struct charter_fold *fold, const struct fold_place *place,
                                    const struct p2p_op_admit *op)
{
    uint32_t member = p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(op->member));
    return p2p_fold_feed_witnesses(fold, p2p_fold_member(fold, member)->feed, op->witnesses,
                                   op->witness_count, place->reason);
}

static enum p2p_err apply_late(struct charter_fold *fold, const struct fold_place *place,
                               const struct p2p_charter_op *op)
{
    switch (op->type) {
    case P2P_OP_GRANT:
        return p2p_fold_grant(fold, place, &op->grant);
    case P2P_OP_CIRCLE:
        return p2p_fold_circle_op(fold, place, &op->circle);
    case P2P_OP_WITNESS:
        return p2p_fold_witness(fold, place, &op->witness);
    case P2P_OP_POLICY:
        return policy(fold, &op->policy, place->reason);
    case P2P_OP_REVOKE:
        return p2p_fold_revoke(fold, place, &op->revoke);
    case P2P_OP_ROTATE:
        return p2p_fold_root_set(fold, place->index + 1, op->rotate.roots,
                                 op->rotate.root_count, op->rotate.threshold, place->reason);
    case P2P_OP_GENERATION:
        return p2p_fold_generation(fold, place, &op->generation);
    case P2P_OP_REASSIGN:
        return p2p_fold_reassign(fold, place, &op->reassign);
    case P2P_OP_SETTLE_OPENS:
        return p2p_fold_settle_opens(fold, place, &op->settle_opens);
    case P2P_OP_FOUND:
    case P2P_OP_SETTLE:
    case P2P_OP_ADMIT:
        return P2P_OK;
    }
    return P2P_MALFORMED;
}

enum p2p_err p2p_fold_apply(struct charter_fold *fold, const struct fold_place *place,
                            const struct p2p_version *version)
{
    p2p_assert(fold->size == place->index && place->index < P2P_VERSIONS_MAX);
    enum p2p_err err = order_validate(version, fold, place->index, place->reason);
    for (size_t i = 0; err == P2P_OK && i < version->op_count; i++) {
        err = apply_early(fold, place, version, &version->ops[i]);
    }
    for (size_t i = 0; err == P2P_OK && i < version->op_count; i++) {
        if (version->ops[i].type == P2P_OP_ADMIT) {
            err = admit_witnesses(fold, place, &version->ops[i].admit);
        }
    }
    for (size_t i = 0; err == P2P_OK && i < version->op_count; i++) {
        err = apply_late(fold, place, &version->ops[i]);
    }
    fold->size++;
    return err;
}

enum p2p_err p2p_fold_replay(struct charter_fold *fold, const struct charter_branch *held,
                             uint64_t to)
{
    struct p2p_arena arena;
    enum p2p_err err = P2P_OK;
    p2p_arena_init(&arena, fold->alloc, P2P_VERSION_ARENA_BYTES_MAX);
    while (err == P2P_OK && fold->size < to) {
        struct p2p_version version;
        struct fold_place place = {.held = held, .index = fold->size};
        struct p2p_slice leaf = p2p_entry_leaf(held->entries[fold->size]);
        p2p_arena_reset(&arena);
        if (fold->size == 0) {
            fold->federation_id = p2p_sha256(leaf);
        }
        err = p2p_version_decode(&version, leaf, &arena);
        if (err == P2P_OK) {
            err = p2p_fold_apply(fold, &place, &version);
        }
    }
    p2p_arena_deinit(&arena);
    p2p_assert(err == P2P_OK || err == P2P_NOMEM); /* it was verified when it was taken */
    return err;
}
