/* Issuers: what they are granted, and where that ends. */
#include "charter_state.h"

#include <stdio.h>
#include <string.h>

/* --- grant ------------------------------------------------------------------------------- */

static bool word_valid(const char *word)
{
    size_t len = strlen(word);
    return len >= 1 && len <= P2P_GRANT_BYTES_MAX &&
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static bool scope_valid(const char *scope)
{
    size_t len = strlen(scope);
    return strcmp(scope, "*") == 0 ||
           (len >= 1 && strspn(scope, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                      "0123456789-._") == len);
}

static enum p2p_err grants_validate(const struct p2p_op_grant *op, char *reason)
{
    for (size_t i = 0; i < op->grant_count; i++) {
        const struct p2p_grant *grant = &op->grants[i];
        if (!word_valid(grant->name) || !scope_valid(grant->scope)) {
            p2p_reason(reason, "a grant to %s has no valid name or scope", op->issuer);
            return P2P_REFUSED;
        }
        for (size_t j = 0; j < i; j++) {
            if (strcmp(grant->name, op->grants[j].name) == 0 &&
                strcmp(grant->scope, op->grants[j].scope) == 0) {
                p2p_reason(reason, "%s is granted %s twice", op->issuer, grant->name);
                return P2P_REFUSED;
            }
        }
    }
    return P2P_OK;
}

static enum p2p_err issuer_add(struct charter_fold *fold, const struct fold_place *place,
                               const struct p2p_op_grant *op, uint32_t member, uint32_t *number)
{
    uint32_t n = (uint32_t)fold->issuers.count + 1;
    if (n > P2P_ISSUERS_MAX) {
        return p2p_fold_too_many("issuers", place->reason);
    }
    enum p2p_err err = p2p_fold_named_add(fold, NAME_ISSUER, op->issuer, n, place->reason);
    if (err == P2P_OK) {
        err = p2p_fold_key_add(fold, op->key.bytes, P2P_KEY_ISSUER,
                               p2p_issuer_public_check(&op->key), op->issuer, place->reason);
    }
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_issuer *issuer = p2p_rows_add(fold->alloc, &fold->issuers, sizeof(*issuer));
    if (!issuer) {
        return P2P_NOMEM;
    }
    issuer->number = n;
    snprintf(issuer->name, sizeof(issuer->name), "%s", op->issuer);
    issuer->member = member;
    issuer->key = op->key;
    issuer->entry = (uint32_t)place->index;
    *number = n;
    return P2P_OK;
}

static enum p2p_err issuer_is(const struct p2p_issuer *issuer, const struct p2p_op_grant *op,
                              uint32_t member, char *reason)
{
    if (issuer->member != member) {
        p2p_reason(reason, "%s belongs to another member's feeds", op->issuer);
        return P2P_REFUSED;
    }
    if (memcmp(issuer->key.bytes, op->key.bytes, P2P_PUBLIC_BYTES) != 0) {
        p2p_reason(reason, "%s is known under another key: a new key is a new issuer",
                   op->issuer);
        return P2P_BADKEY;
    }
    return P2P_OK;
}

static bool cut_in(const struct charter_fold *fold, uint32_t issuer, uint64_t entry)
{
    const struct cut_row *cuts = fold->cuts.at;
    for (size_t i = fold->cuts.count; i > 0 && cuts[i - 1].entry == entry; i--) {
        if (cuts[i - 1].issuer == issuer) {
            return true;
        }
    }
    return false;
}

static enum p2p_err grants_append(struct charter_fold *fold, struct p2p_issuer *issuer,
                                  const struct p2p_op_grant *op, uint64_t entry, char *reason)
{
    size_t count = issuer->grant_count + op->grant_count;
    if (count > P2P_GRANTS_HELD_MAX) {
        return p2p_fold_too_many("grants to one issuer", reason);
    }
    if (op->grant_count == 0) {
        return P2P_OK;
    }
    struct p2p_grant *grants = p2p_arena_take(&fold->arena, count * sizeof(*grants));
    if (!grants) {
        return P2P_NOMEM;
    }
    if (issuer->grant_count > 0) {
        memcpy(grants, issuer->grants, issuer->grant_count * sizeof(*grants));
    }
    for (size_t i = 0; i < op->grant_count; i++) {
        grants[issuer->grant_count + i] = op->grants[i];
        grants[issuer->grant_count + i].entry = (uint32_t)entry;
    }
    issuer->grants = grants;
    issuer->grant_count = count;
    return P2P_OK;
}

enum p2p_err p2p_fold_grant(struct charter_fold *fold, const struct fold_place *place,
                            const struct p2p_op_grant *op)
{
    char *reason = place->reason;
    const struct p2p_member *member =
        p2p_fold_member(fold, p2p_fold_name(fold, NAME_MEMBER, p2p_slice_text(op->member)));
    if (!member) {
        p2p_reason(reason, "%s, whose issuer %s would be, is not a member", op->member,
                   op->issuer);
        return P2P_UNKNOWN;
    }
    if (member->role == P2P_ROLE_OBSERVER) {
        p2p_reason(reason, "%s is an observer and has no issuers", op->member);
        return P2P_REFUSED;
    }
    uint32_t number = p2p_fold_name(fold, NAME_ISSUER, p2p_slice_text(op->issuer));
    enum p2p_err err = grants_validate(op, reason);
    if (err == P2P_OK) {
        err = number ? issuer_is(p2p_fold_issuer(fold, number), op, member->number, reason)
                     : issuer_add(fold, place, op, member->number, &number);
    }
    if (err != P2P_OK) {
        return err;
    }
    if (cut_in(fold, number, place->index)) {
        p2p_reason(reason, "%s is revoked in this entry: grant anew in a later one",
                   op->issuer);
        return P2P_REFUSED;
    }
    err = grants_append(fold, p2p_fold_issuer(fold, number), op, place->index, reason);
    return err == P2P_OK ? p2p_fold_touch(fold, place->index, number) : err;
}

/* --- revoke ------------------------------------------------------------------------------ */

static enum p2p_err keep_validate(const struct p2p_op_revoke *op, uint64_t size, char *reason)
{
    for (size_t i = 0; i < op->keep_count; i++) {
        bool rises = i == 0 || op->keep[i] > op->keep[i - 1];
        if (!rises || op->keep[i] < op->index || op->keep[i] >= size) {
            p2p_reason(reason,
                       "what stays in force past the cut of %s is not an ascending list "
                       "of records from the cut to its checkpoint",
                       op->issuer);
            return P2P_REFUSED;
        }
    }
    return P2P_OK;
}

static bool granted_in(const struct p2p_issuer *issuer, uint64_t entry)
{
    return issuer->grant_count > 0 && issuer->grants[issuer->grant_count - 1].entry == entry;
}

static enum p2p_err cut_add(struct charter_fold *fold, uint32_t issuer, uint32_t feed,
                            uint64_t entry, const struct p2p_op_revoke *op)
{
    struct p2p_slice bytes = p2p_slice_of(op->keep, op->keep_count * sizeof(*op->keep));
    struct p2p_slice keep =
        op->keep_count > 0 ? p2p_arena_copy(&fold->arena, bytes) : p2p_slice_of(NULL, 0);
    if (op->keep_count > 0 && !keep.data) {
        return P2P_NOMEM;
    }
    struct cut_row *cut = p2p_rows_add(fold->alloc, &fold->cuts, sizeof(*cut));
    if (!cut) {
        return P2P_NOMEM;
    }
    cut->issuer = issuer;
    cut->feed = feed;
    cut->index = op->index;
    cut->entry = entry;
    cut->keep = (const uint64_t *)(const void *)keep.data; /* the arena aligns for any type */
    cut->keep_count = op->keep_count;
    return p2p_fold_touch(fold, entry, issuer);
}

enum p2p_err p2p_fold_revoke(struct charter_fold *fold, const struct fold_place *place,
                             const struct p2p_op_revoke *op)
{
    struct p2p_checkpoint checkpoint;
    uint32_t number = p2p_fold_name(fold, NAME_ISSUER, p2p_slice_text(op->issuer));
    uint32_t feed = p2p_fold_name(fold, NAME_FEED, p2p_slice_text(op->feed));
    if (number == 0 || feed == 0) {
        p2p_reason(place->reason, "there is no issuer %s or no feed %s", op->issuer, op->feed);
        return P2P_UNKNOWN;
    }
    const struct p2p_issuer *issuer = p2p_fold_issuer(fold, number);
    if (p2p_fold_feed(fold, feed)->member != issuer->member) {
        p2p_reason(place->reason, "%s is not valid in %s", op->issuer, op->feed);
        return P2P_REFUSED;
    }
    if (granted_in(issuer, place->index)) {
        p2p_reason(place->reason, "%s is granted something in this entry: revoke in another",
                   op->issuer);
        return P2P_REFUSED;
    }
    enum p2p_err err =
        p2p_fold_quorum_note(fold, place->sigs, feed, op->note, &checkpoint, place->reason);
    if (err != P2P_OK) {
        return err;
    }
    if (checkpoint.size < op->index) {
        p2p_reason(place->reason, "the checkpoint of %s is smaller than the cut", op->feed);
        return P2P_REFUSED;
    }
    err = keep_validate(op, checkpoint.size, place->reason);
    return err == P2P_OK ? cut_add(fold, number, feed, place->index, op) : err;
}
