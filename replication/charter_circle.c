/* Circles: who holds which epoch of which key. The charter has the key's hash and one box for
 * each member and epoch; a newcomer gets every epoch, a new epoch goes to everyone who remains.
 */
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
    uint32_t *named; /* the op's members, as numbers, in its order */
    uint32_t *members;
    size_t member_count;
    struct p2p_circle_epoch *epochs;
    size_t epoch_count;
    struct box_row *boxes;
    size_t box_count;
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

static int box_compare(const void *a, const void *b)
{
    const struct box_row *x = a, *y = b;
    if (x->member != y->member) {
        return x->member < y->member ? -1 : 1;
    }
    return x->epoch < y->epoch ? -1 : x->epoch > y->epoch;
}

bool p2p_circle_has(const struct p2p_circle *circle, uint32_t member)
{
    return circle->member_count > 0 && bsearch(&member, circle->members, circle->member_count,
                                               sizeof(member), number_compare) != NULL;
}

static const struct box_row *box_find(const struct circle_row *row, uint32_t member,
                                      uint32_t epoch)
{
    struct box_row wanted = {.member = member, .epoch = epoch};
    return row->box_count == 0
               ? NULL
               : bsearch(&wanted, row->boxes, row->box_count, sizeof(wanted), box_compare);
}

enum p2p_err p2p_charter_circle_box(const struct p2p_charter *charter, uint32_t circle,
                                    uint32_t epoch, uint32_t member, struct p2p_slice *box)
{
    const struct circle_row *row = p2p_fold_circle(&charter->fold, circle);
    const struct box_row *found = row ? box_find(row, member, epoch) : NULL;
    if (!found) {
        return P2P_NOTFOUND;
    }
    *box = p2p_slice_of(found->box, sizeof(found->box));
    return P2P_OK;
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

/* Members before, less those removed, plus those named; sets draft->named as well. */
static enum p2p_err members_draft(struct draft *draft, const struct p2p_circle *before)
{
    const struct p2p_op_circle *op = draft->op;
    size_t cap = before->member_count + op->member_count;
    draft->named =
        p2p_arena_take(&draft->fold->arena, (op->member_count + 1) * sizeof(uint32_t));
    draft->members = p2p_arena_take(&draft->fold->arena, (cap + 1) * sizeof(uint32_t));
    uint32_t *removed =
        p2p_arena_take(&draft->fold->arena, (op->remove_count + 1) * sizeof(uint32_t));
    if (!draft->named || !draft->members || !removed) {
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
        enum p2p_err err = resolve(draft, op->members[i], &draft->named[i]);
        if (err != P2P_OK) {
            return err;
        }
        if (p2p_circle_has(&leaving, draft->named[i])) {
            return refuse(draft, "a member leaves it and gets its key");
        }
        if (!p2p_circle_has(before, draft->named[i])) {
            draft->members[draft->member_count++] = draft->named[i];
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

/* Boxes held, with those of the op in place of any for the same member and epoch. */
static enum p2p_err boxes_draft(struct draft *draft, const struct circle_row *before)
{
    const struct p2p_op_circle *op = draft->op;
    size_t cap = before->box_count + op->member_count * op->epoch_count;
    draft->boxes = p2p_arena_take(&draft->fold->arena, (cap + 1) * sizeof(*draft->boxes));
    if (!draft->boxes) {
        return P2P_NOMEM;
    }
    if (before->box_count > 0) {
        memcpy(draft->boxes, before->boxes, before->box_count * sizeof(*draft->boxes));
    }
    draft->box_count = before->box_count;
    for (size_t e = 0; e < op->epoch_count; e++) {
        for (size_t m = 0; m < op->member_count; m++) {
            const struct box_row *held = box_find(before, draft->named[m], op->epochs[e].epoch);
            struct box_row *row =
                held ? &draft->boxes[held - before->boxes] : &draft->boxes[draft->box_count++];
            row->member = draft->named[m];
            row->epoch = op->epochs[e].epoch;
            memcpy(row->box, op->boxes + (e * op->member_count + m) * P2P_BOX_BYTES,
                   P2P_BOX_BYTES);
        }
    }
    qsort(draft->boxes, draft->box_count, sizeof(*draft->boxes), box_compare);
    return P2P_OK;
}

/* A newcomer needs every epoch, and everyone a new one. */
static enum p2p_err boxes_suffice(const struct draft *draft, const struct circle_row *row,
                                  const struct circle_row *before)
{
    for (size_t m = 0; m < row->pub.member_count; m++) {
        bool stayed = p2p_circle_has(&before->pub, row->pub.members[m]);
        uint32_t first = stayed ? (uint32_t)before->pub.epoch_count + 1 : 1;
        for (uint32_t e = first; e <= row->pub.epoch_count; e++) {
            if (!box_find(row, row->pub.members[m], e)) {
                return refuse(draft,
                              "a new member gets every epoch, and every member a new one");
            }
        }
    }
    return P2P_OK;
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
    struct circle_row *row = p2p_rows_add(fold->alloc, &fold->circles, sizeof(*row));
    if (!row) {
        return P2P_NOMEM;
    }
    row->pub.number = n;
    snprintf(row->pub.name, sizeof(row->pub.name), "%s", name);
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
    struct circle_row *row = p2p_fold_circle(fold, number);
    const struct circle_row before = *row;
    err = members_draft(&draft, &before.pub);
    if (err == P2P_OK) {
        err = epochs_draft(&draft, &before.pub);
    }
    if (err == P2P_OK) {
        err = boxes_draft(&draft, &before);
    }
    if (err != P2P_OK) {
        return err;
    }
    row->pub.members = draft.members;
    row->pub.member_count = draft.member_count;
    row->pub.epochs = draft.epochs;
    row->pub.epoch_count = draft.epoch_count;
    row->boxes = draft.boxes;
    row->box_count = draft.box_count;
    return boxes_suffice(&draft, row, &before);
}
