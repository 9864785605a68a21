/* What acts unruled: blocks, lights that leave green, overrides, the gate-out; and what was
 * asked and not ruled. */
#include "right_parts.h"

#include <p2p/rescued.h>

static bool may_be(const struct p2p_right_ask *ask, enum p2p_right_action action)
{
    return (ask->actions & 1u << action) != 0;
}

/* The request at id, if it was ruled and the table allowed it; NULL. */
static const struct p2p_right_ask *acted(const struct p2p_right_fold *fold,
                                         const struct p2p_record_id *id)
{
    for (size_t i = 0; i < fold->ruled_count; i++) {
        if (fold->ruled[i].acted && p2p_record_id_compare(&fold->ruled[i].id, id) == 0) {
            return &fold->ruled[i];
        }
    }
    return NULL;
}

/* ---- blocks ---- */

/* Whether a ruled unblock cites the block of that issuer: one by the same member, whose author
 * surely knew it. */
static enum p2p_err is_unblocked(const struct p2p_right_fold *fold,
                                 const struct p2p_record_id *block, uint32_t issuer,
                                 bool *unblocked)
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    *unblocked = false;
    p2p_touch_begin(&walk, P2P_VIEW_RIGHTS, p2p_id_key(bytes, block));
    while (err == P2P_OK && !*unblocked) {
        err = p2p_touch_next(&walk, fold->ledger->kv, &by);
        const struct p2p_right_ask *ask = err == P2P_OK ? acted(fold, &by) : NULL;
        if (ask != NULL && may_be(ask, P2P_RIGHT_DO_UNBLOCK) &&
            p2p_right_same_member(fold->ledger->charter, ask->issuer, issuer)) {
            err = p2p_right_knew(fold->ledger, &by, block, unblocked);
        }
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* A block that several carry is one: it stands under the first of them that has effect, and
 * citing one cites all. passed [out]: another stands for it. */
static enum p2p_err look_at_carriers(struct p2p_right_fold *fold, uint32_t issuer, bool *passed,
                                     bool *unblocked)
{
    struct p2p_touch_walk walk;
    struct p2p_record_id id;
    enum p2p_err err = P2P_OK;
    p2p_rescued_carriers(&walk, &fold->carried_hash);
    while (err == P2P_OK && !*passed && !*unblocked &&
           (err = p2p_touch_next(&walk, fold->ledger->kv, &id)) == P2P_OK) {
        struct p2p_entry entry;
        enum p2p_why why = P2P_WHY_NONE;
        err = is_unblocked(fold, &id, issuer, unblocked);
        if (err != P2P_OK || p2p_record_id_compare(&id, &fold->id) >= 0) {
            continue;
        }
        err = p2p_ledger_entry(fold->ledger, &id, &entry);
        if (err == P2P_OK) {
            err = p2p_judge_once(fold->ledger, &entry, NULL, &why);
        }
        *passed = err == P2P_OK && why == P2P_WHY_NONE;
    }
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

static enum p2p_err take_block(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    struct p2p_right *right = &fold->right;
    bool unblocked = false;
    bool passed = false;
    if (!may_be(ask, P2P_RIGHT_DO_BLOCK)) {
        p2p_right_unsure(fold, &ask->id);
        return P2P_OK;
    }
    if (right->block_count == P2P_RIGHT_BLOCKS_MAX) {
        return P2P_OK;
    }
    enum p2p_err err = fold->carried ? look_at_carriers(fold, ask->issuer, &passed, &unblocked)
                                     : is_unblocked(fold, &ask->id, ask->issuer, &unblocked);
    if (err == P2P_OK && !unblocked && !passed) {
        right->blocks[right->block_count++] = ask->id;
    }
    return err;
}

/* ---- lights ---- */

/* A light left green. It stays so until a ruled green by an author who knew; of several the one
 * counts that none of the others knew, and of those that knew nothing of each other the later
 * by id. */
static enum p2p_err take_away(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    struct p2p_record_id *away = &fold->away[ask->light];
    bool knew = false;
    enum p2p_err err = P2P_OK;
    if (!may_be(ask, P2P_RIGHT_DO_LIGHT)) {
        p2p_right_unsure(fold, &ask->id);
        return P2P_OK;
    }
    for (size_t i = 0; i < fold->ruled_count && err == P2P_OK && !knew; i++) {
        const struct p2p_right_ask *green = &fold->ruled[i];
        if (green->acted && green->lights && green->light == ask->light) {
            err = p2p_right_knew(fold->ledger, &green->id, &ask->id, &knew);
        }
    }
    if (err == P2P_OK && !knew && away->feed != 0) {
        err = p2p_right_knew(fold->ledger, away, &ask->id, &knew);
    }
    if (err == P2P_OK && !knew) {
        *away = ask->id;
        fold->away_value[ask->light] = ask->value;
    }
    return err;
}

static void settle_lights(struct p2p_right_fold *fold)
{
    struct p2p_right *right = &fold->right;
    for (size_t i = 0; i < fold->ruled_count; i++) {
        const struct p2p_right_ask *green = &fold->ruled[i];
        if (green->acted && green->lights) {
            right->lights[green->light] = 0;
            right->light_by[green->light] = green->id;
        }
    }
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        if (fold->away[i].feed != 0) {
            right->lights[i] = fold->away_value[i];
            right->light_by[i] = fold->away[i];
        }
    }
}

/* ---- overrides ---- */

/* Whether a place lies in the time that the present holder has the token. */
static bool is_now(const struct p2p_right_fold *fold, const struct p2p_record_id *id)
{
    const struct p2p_custody *custody = &fold->custody;
    if (!fold->has_custody || custody->tenure_count == 0) {
        return false;
    }
    const struct p2p_tenure *now = &custody->tenures[custody->tenure_count - 1];
    return id->feed == now->feed && id->index > now->from && id->index < now->to;
}

/* The record at id is an `override` of this right and its container by another issuer, in the
 * same time of the same holder. */
static enum p2p_err weigh_override(struct p2p_right_fold *fold, const struct p2p_record_id *id,
                                   uint32_t seconder, bool *good, bool *blocks)
{
    const struct p2p_record_id seconding_id = fold->id;
    struct p2p_entry seconding = fold->entry;
    struct p2p_right_said said = fold->said;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    bool acts = false;
    bool names = false;
    *good = false;
    if (!is_now(fold, id)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_right_look(fold, id, &acts);
    if (err == P2P_OK && acts && fold->entry.record.kind == P2P_KIND_OVERRIDE) {
        struct p2p_right_ask ask = p2p_right_ask_of(fold);
        p2p_cites_begin(&walk, &fold->entry.record);
        while (p2p_cites_next(&walk, &cite)) {
            names = names || p2p_record_id_compare(&cite, &fold->right.id) == 0;
        }
        bool same = p2p_slice_equal(fold->said.container, fold->right.container);
        *good = names && same && may_be(&ask, P2P_RIGHT_DO_OVERRIDE) && ask.issuer != seconder;
        *blocks = *good &&
                  p2p_right_granted(fold->ledger, &fold->entry,
                                    p2p_grant_name(P2P_GRANT_OVERRIDE_BLOCK), &fold->custody);
    }
    fold->id = seconding_id;
    fold->entry = seconding;
    fold->said = said;
    return err;
}

/* The last one that stands counts. */
static enum p2p_err take_approve(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    struct p2p_right_override *override = &fold->right.override;
    struct p2p_cites walk;
    struct p2p_record_id cite;
    enum p2p_err err = P2P_OK;
    if (!may_be(ask, P2P_RIGHT_DO_APPROVE) || !is_now(fold, &ask->id)) {
        return P2P_OK;
    }
    bool may = p2p_right_granted(fold->ledger, &fold->entry,
                                 p2p_grant_name(P2P_GRANT_OVERRIDE_BLOCK), &fold->custody);
    p2p_cites_begin(&walk, &fold->entry.record);
    while (err == P2P_OK && p2p_cites_next(&walk, &cite)) {
        bool good = false;
        bool blocks = false;
        err = weigh_override(fold, &cite, ask->issuer, &good, &blocks);
        if (err == P2P_OK && good) {
            *override = (struct p2p_right_override){
                .by = cite, .seconded = ask->id, .blocks = blocks && may};
        }
    }
    return err;
}

/* What it overrules: what its seconder knew of. */
static enum p2p_err settle_override(struct p2p_right_fold *fold)
{
    struct p2p_right *right = &fold->right;
    struct p2p_right_override *override = &right->override;
    enum p2p_err err = P2P_OK;
    if (override->by.feed == 0) {
        return P2P_OK;
    }
    if (right->below != P2P_RIGHT_ACTIVE) {
        *override = (struct p2p_right_override){.lights = 0};
        return P2P_OK;
    }
    for (unsigned i = 0; i < P2P_LIGHT_COUNT && err == P2P_OK; i++) {
        bool knew = right->light_by[i].feed == 0;
        if (right->lights[i] != 0 && !knew) {
            err = p2p_right_knew(fold->ledger, &override->seconded, &right->light_by[i], &knew);
        }
        override->lights |= right->lights[i] != 0 && knew ? 1u << i : 0;
    }
    /* More blocks than are told: nobody knows of which. */
    override->blocks = override->blocks && right->block_count < P2P_RIGHT_BLOCKS_MAX;
    for (size_t i = 0; i < right->block_count && err == P2P_OK && override->blocks; i++) {
        err = p2p_right_knew(fold->ledger, &override->seconded, &right->blocks[i],
                             &override->blocks);
    }
    return err;
}

/* ---- the gate-out, and what waits ---- */

static enum p2p_err take_gate_out(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    struct p2p_right *right = &fold->right;
    bool knew = false;
    if (!may_be(ask, P2P_RIGHT_DO_GATE_OUT) || right->below != P2P_RIGHT_USED) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_right_knew(fold->ledger, &ask->id, &right->used_by, &knew);
    if (err == P2P_OK && knew) {
        right->finished_by = ask->id;
        right->below = P2P_RIGHT_FINISHED;
    }
    return err;
}

static enum p2p_err take_waiting(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    struct p2p_right *right = &fold->right;
    enum p2p_right_action action;
    if (right->unruled_count == P2P_RIGHT_UNRULED_MAX) {
        return P2P_OK;
    }
    for (size_t i = 0; i < fold->ruled_count; i++) {
        if (p2p_record_id_compare(&fold->ruled[i].id, &ask->id) == 0) {
            return P2P_OK;
        }
    }
    enum p2p_err err = p2p_right_allowed(fold, ask, &action);
    if (err == P2P_OK && action != P2P_RIGHT_ACTION_COUNT) {
        right->unruled[right->unruled_count++] = ask->id;
    }
    return err;
}

enum p2p_err p2p_right_take(struct p2p_right_fold *fold)
{
    struct p2p_right_ask ask = p2p_right_ask_of(fold);
    switch (fold->entry.record.kind) {
    case P2P_KIND_RIGHT_BLOCK:
        return take_block(fold, &ask);
    case P2P_KIND_RIGHT_LIGHT:
        return ask.value != 0 ? take_away(fold, &ask) : take_waiting(fold, &ask);
    case P2P_KIND_RIGHT_GATE_OUT:
        return take_gate_out(fold, &ask);
    case P2P_KIND_APPROVE:
        return take_approve(fold, &ask);
    default:
        return take_waiting(fold, &ask);
    }
}

enum p2p_err p2p_right_settle(struct p2p_right_fold *fold)
{
    settle_lights(fold);
    return settle_override(fold);
}
