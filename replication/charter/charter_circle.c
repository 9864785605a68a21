/* Circles: who is in them, and the hash of each epoch's key. The keys themselves travel from
 * member to member, sealed, in records (circle_key.h): a newcomer gets every epoch, a new epoch
 * goes to everyone who remains. No root ever sees one. */
#include "charter_state.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an op makes of a circle, in the fold's arena. */
struct draft {
    struct charter_fold *fold;
    const struct fold_place *place;
    const struct p2p_op_circle *op;
    uint32_t *members;
    size_t member_count;
    struct p2p_circle_epoch *epochs;
    size_t epoch_count;
};

static enum p2p_err refuse(const struct draft *draft, const char *sentence)
{
    p2p_reason(draft->place->reason, "circle %s: %s", draft->op->circle, sentence);
    return P2P_REFUSED;
}

static int number_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

bool p2p_circle_has(const struct p2p_circle *circle, uint32_t member)
{
    return circle->member_count > 0 && bsearch(&member, circle->members, circle->member_count,
                                               sizeof(member), number_compare) != NULL;
}

static enum p2p_err resolve(const struct draft *draft, const char *name, uint32_t *number)
{
    *number = p2p_fold_name(draft->fold, NAME_MEMBER, p2p_slice_text(name));
    if (*number == 0) {
        p2p_reason(draft->place->reason, "circle %s: %s is not a member of the federation",
                   draft->op->circle, name);
        return P2P_UNKNOWN;
    }
    return P2P_OK;
}

static bool repeated(const uint32_t *sorted, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sorted[i] == sorted[i - 1]) {
            return true;
        }
    }
    return false;
}

/* Members before, less those removed, plus those named. */
static enum p2p_err members_draft(struct draft *draft, const struct p2p_circle *before)
{
    const struct p2p_op_circle *op = draft->op;
    size_t cap = before->member_count + op->member_count;
    draft->members = p2p_arena_take(&draft->fold->arena, (cap + 1) * sizeof(uint32_t));
    uint32_t *removed =
        p2p_arena_take(&draft->fold->arena, (op->remove_count + 1) * sizeof(uint32_t));
    if (!draft->members || !removed) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < op->remove_count; i++) {
        enum p2p_err err = resolve(draft, op->remove[i], &removed[i]);
        if (err != P2P_OK) {
            return err;
        }
        if (!p2p_circle_has(before, removed[i])) {
            return refuse(draft, "who leaves it is not in it");
        }
    }
    qsort(removed, op->remove_count, sizeof(uint32_t), number_compare);
    if (repeated(removed, op->remove_count)) {
        return refuse(draft, "a member leaves it twice");
    }
    struct p2p_circle leaving = {.members = removed, .member_count = op->remove_count};
    for (size_t i = 0; i < before->member_count; i++) {
        if (!p2p_circle_has(&leaving, before->members[i])) {
            draft->members[draft->member_count++] = before->members[i];
        }
    }
    for (size_t i = 0; i < op->member_count; i++) {
        uint32_t named = 0;
        enum p2p_err err = resolve(draft, op->members[i], &named);
        if (err != P2P_OK) {
            return err;
        }
        if (p2p_circle_has(&leaving, named)) {
            return refuse(draft, "a member leaves it and joins it");
        }
        if (!p2p_circle_has(before, named)) {
            draft->members[draft->member_count++] = named;
        }
    }
    qsort(draft->members, draft->member_count, sizeof(uint32_t), number_compare);
    if (repeated(draft->members, draft->member_count)) {
        return refuse(draft, "a member is named twice");
    }
    return draft->member_count == 0 ? refuse(draft, "it would have no members") : P2P_OK;
}

static bool hash_known(const struct draft *draft, const struct p2p_hash *hash)
{
    for (size_t i = 0; i < draft->epoch_count; i++) {
        if (p2p_hash_equal(&draft->epochs[i].key_hash, hash)) {
            return true;
        }
    }
    return false;
}

static enum p2p_err epochs_draft(struct draft *draft, const struct p2p_circle *before)
{
    const struct p2p_op_circle *op = draft->op;
    size_t cap = before->epoch_count + op->epoch_count;
    draft->epochs = p2p_arena_take(&draft->fold->arena, (cap + 1) * sizeof(*draft->epochs));
    if (!draft->epochs) {
        return P2P_NOMEM;
    }
    if (before->epoch_count > 0) {
        memcpy(draft->epochs, before->epochs, before->epoch_count * sizeof(*draft->epochs));
    }
    draft->epoch_count = before->epoch_count;
    for (size_t i = 0; i < op->epoch_count; i++) {
        const struct p2p_circle_epoch *epoch = &op->epochs[i];
        if (epoch->epoch == 0 || (i > 0 && epoch->epoch <= op->epochs[i - 1].epoch)) {
            return refuse(draft, "epochs are numbered from 1 and ascend");
        }
        if (epoch->epoch <= before->epoch_count) {
            const struct p2p_hash *known = &before->epochs[epoch->epoch - 1].key_hash;
            if (!p2p_hash_equal(known, &epoch->key_hash)) {
                return refuse(draft, "a known epoch keeps its key");
            }
            continue;
        }
        if (epoch->epoch != draft->epoch_count + 1 || hash_known(draft, &epoch->key_hash)) {
            return refuse(draft, "a new epoch is the next number and has a key of its own");
        }
        if (draft->epoch_count == P2P_CIRCLE_EPOCHS_MAX) {
            return refuse(draft, "it has no more epochs to give");
        }
        draft->epochs[draft->epoch_count++] = *epoch;
    }
    if (op->remove_count > 0 && draft->epoch_count == before->epoch_count) {
        return refuse(draft, "who leaves it leaves at a new epoch");
    }
    return draft->epoch_count == 0 ? refuse(draft, "it would have no key") : P2P_OK;
}

static enum p2p_err circle_new(struct charter_fold *fold, const struct fold_place *place,
                               const char *name, uint32_t *number)
{
    uint32_t n = (uint32_t)fold->circles.count + 1;
    if (n > P2P_CIRCLES_MAX || !p2p_name_valid(p2p_slice_text(name))) {
        p2p_reason(place->reason,
                   "a circle's name has 1 to %u of a-z, 0-9 and '-', is not "
                   "'charter', and there are at most %u",
                   P2P_NAME_BYTES_MAX, P2P_CIRCLES_MAX);
        return P2P_REFUSED;
    }
    struct p2p_circle *row = p2p_rows_add(fold->alloc, &fold->circles, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    row->number = n;
    snprintf(row->name, sizeof(row->name), "%s", name);
    *number = n;
    return p2p_fold_name_add(fold, NAME_CIRCLE, p2p_slice_text(name), n);
}

enum p2p_err p2p_fold_circle_op(struct charter_fold *fold, const struct fold_place *place,
                                const struct p2p_op_circle *op)
{
    struct draft draft = {.fold = fold, .place = place, .op = op};
    uint32_t number = p2p_fold_name(fold, NAME_CIRCLE, p2p_slice_text(op->circle));
    enum p2p_err err = number ? P2P_OK : circle_new(fold, place, op->circle, &number);
    if (err != P2P_OK) {
        return err;
    }
    struct p2p_circle *row = p2p_fold_circle(fold, number);
    const struct p2p_circle before = *row;
    err = members_draft(&draft, &before);
    if (err == P2P_OK) {
        err = epochs_draft(&draft, &before);
    }
    if (err != P2P_OK) {
        return err;
    }
    row->members = draft.members;
    row->member_count = draft.member_count;
    row->epochs = draft.epochs;
    row->epoch_count = draft.epoch_count;
    return P2P_OK;
}
