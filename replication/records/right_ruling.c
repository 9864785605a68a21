/* What allows: requests in the order in which the token's holders ruled them.
 *
 * A ruling counts when its author held the token there, at the epoch that it names, and when it
 * carries the checkpoint that this time as the holder rests on. A request is taken by the first
 * ruling of it, and never again. */
#include "ledger/once.h"
#include "right_parts.h"

#include <string.h>

/* ---- gathering ---- */

/* The tenure in which the record at id stands, whatever epoch it names; the number of tenures
 * when it stands in none. */
static size_t tenure_of(const struct p2p_custody *custody, const struct p2p_record_id *id)
{
    size_t i = 0;
    while (i < custody->tenure_count &&
           (custody->tenures[i].feed != id->feed || id->index <= custody->tenures[i].from ||
            id->index >= custody->tenures[i].to)) {
        i++;
    }
    return i;
}

/* Whether one of the notes it carries is what a tenure's records rest on. */
static enum p2p_err rests_on(struct p2p_ledger *ledger, const struct p2p_tenure *tenure,
                             const struct p2p_record_id *by, struct p2p_slice content,
                             bool *rests)
{
    struct p2p_unpack in;
    uint64_t known = 0;
    *rests = tenure->rests_feed == 0;
    if (*rests || !p2p_unpack_find(content, "rests", &in)) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_known_surely(ledger, by->feed, by->index, P2P_CHARTER_FEED, &known);
    uint32_t count = p2p_unpack_array(&in);
    for (uint32_t i = 0; i < count && err == P2P_OK && !*rests; i++) {
        struct p2p_slice note = p2p_unpack_bin(&in);
        if (p2p_unpack_failed(&in)) {
            return P2P_OK;
        }
        err = p2p_custody_rests_on(ledger, tenure->rests_feed, tenure->rests_index, known, note,
                                   rests);
    }
    return err;
}

/* Whether the record at id rules the request, and in which place. */
static enum p2p_err weigh_ruling(struct p2p_right_fold *fold, const struct p2p_record_id *id,
                                 struct p2p_right_ask *ask, bool *counts)
{
    const struct p2p_custody *custody = &fold->custody;
    struct p2p_entry entry;
    struct p2p_unpack in;
    enum p2p_why why = P2P_WHY_NONE;
    size_t tenure = tenure_of(custody, id);
    *counts = false;
    if (tenure == custody->tenure_count) {
        return P2P_OK; /* anybody may write one; who held nothing costs no more than this */
    }
    enum p2p_err err = p2p_once_entry(fold->ledger, id, &entry);
    if (err != P2P_OK || entry.record.kind != P2P_KIND_RULED ||
        entry.record.circle != fold->right.circle) {
        return err;
    }
    err = p2p_judge_once(fold->ledger, &entry, NULL, &why);
    if (err != P2P_OK || why != P2P_WHY_NONE ||
        !p2p_unpack_find(entry.record.content, "epoch", &in) ||
        p2p_unpack_uint(&in) != custody->tenures[tenure].epoch || p2p_unpack_failed(&in)) {
        return err;
    }
    ask->tenure = tenure;
    ask->index = id->index;
    ask->cite = p2p_cites_before(&entry.record, &ask->id);
    return rests_on(fold->ledger, &custody->tenures[tenure], id, entry.record.content, counts);
}

static int compare_place(const struct p2p_right_ask *a, const struct p2p_right_ask *b)
{
    if (a->tenure != b->tenure) {
        return a->tenure < b->tenure ? -1 : 1;
    }
    if (a->index != b->index) {
        return a->index < b->index ? -1 : 1;
    }
    return a->cite < b->cite ? -1 : a->cite > b->cite;
}

/* The first ruling of a request, if there is one. */
static enum p2p_err find_ruling(struct p2p_right_fold *fold, struct p2p_right_ask *ask,
                                bool *found)
{
    uint8_t bytes[P2P_ID_KEY_BYTES];
    struct p2p_scratch scratch;
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    enum p2p_err err = P2P_OK;
    *found = false;
    if (!fold->has_custody) {
        return P2P_OK;
    }
    p2p_touch_begin_still(&walk, P2P_VIEW_RIGHTS, p2p_id_key(bytes, &ask->id));
    p2p_scratch_begin(&scratch, fold->ledger);
    while (err == P2P_OK) {
        struct p2p_right_ask ruled = *ask;
        bool counts = false;
        err = p2p_touch_next(&walk, fold->ledger->kv, &by);
        if (err == P2P_OK) {
            err = weigh_ruling(fold, &by, &ruled, &counts);
        }
        if (err == P2P_OK && counts && (!*found || compare_place(&ruled, ask) < 0)) {
            *found = true;
            *ask = ruled;
        }
        p2p_scratch_reset(&scratch);
    }
    p2p_scratch_end(&scratch, fold->ledger);
    return err == P2P_NOTFOUND ? P2P_OK : err;
}

/* Room for one more. */
static enum p2p_err make_room(struct p2p_right_fold *fold)
{
    if (fold->ruled_count < fold->ruled_cap) {
        return P2P_OK;
    }
    size_t cap = fold->ruled_cap == 0 ? 16 : 2 * fold->ruled_cap;
    cap = cap > P2P_RIGHT_RULINGS_MAX ? P2P_RIGHT_RULINGS_MAX : cap;
    struct p2p_right_ask *grown = p2p_arena_take(fold->arena, cap * sizeof(*grown));
    if (grown == NULL) {
        return P2P_NOMEM;
    }
    if (fold->ruled_count > 0) {
        memcpy(grown, fold->ruled, fold->ruled_count * sizeof(*grown));
    }
    fold->ruled = grown;
    fold->ruled_cap = cap;
    return P2P_OK;
}

/* Keeps them in order; of more than fit, the first. */
static enum p2p_err insert(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    if (fold->ruled_count == P2P_RIGHT_RULINGS_MAX) {
        fold->right.too_long = true;
        if (compare_place(ask, &fold->ruled[fold->ruled_count - 1]) > 0) {
            return P2P_OK;
        }
        fold->ruled_count--;
    }
    enum p2p_err err = make_room(fold);
    if (err != P2P_OK) {
        return err;
    }
    size_t at = fold->ruled_count++;
    while (at > 0 && compare_place(&fold->ruled[at - 1], ask) > 0) {
        fold->ruled[at] = fold->ruled[at - 1];
        at--;
    }
    fold->ruled[at] = *ask;
    return P2P_OK;
}

static bool keep_one(struct p2p_arena *arena, struct p2p_slice *subject)
{
    if (subject->len == 0) {
        return true;
    }
    *subject = p2p_arena_copy(arena, *subject);
    return subject->data != NULL;
}

/* Whom the record that is looked at names, longer than that. */
static enum p2p_err keep_names(struct p2p_right_fold *fold, struct p2p_right_ask *ask)
{
    struct p2p_right_said *names = p2p_arena_take(fold->arena, sizeof(*names));
    if (names == NULL) {
        return P2P_NOMEM;
    }
    *names = (struct p2p_right_said){.driver = fold->said.driver,
                                     .truck = fold->said.truck,
                                     .company = fold->said.company,
                                     .slot_from_ms = fold->said.slot_from_ms,
                                     .slot_until_ms = fold->said.slot_until_ms};
    bool kept = keep_one(fold->arena, &names->driver) && keep_one(fold->arena, &names->truck) &&
                keep_one(fold->arena, &names->company);
    ask->names = names;
    return kept ? P2P_OK : P2P_NOMEM;
}

/* A revoke or cancel by the first issuer; of several a cancel, of those the first by id. */
static void gather_end(struct p2p_right_fold *fold, const struct p2p_right_ask *ask)
{
    bool cancels = (ask->actions & 1u << P2P_RIGHT_DO_CANCEL) != 0;
    bool revokes = (ask->actions & 1u << P2P_RIGHT_DO_REVOKE) != 0;
    if (!cancels && !revokes) {
        p2p_right_unsure(fold, &ask->id); /* his grant is for another place, as known here */
    } else if (fold->right.ended_by.feed == 0 || (cancels && !fold->cancelled)) {
        fold->right.ended_by = ask->id;
        fold->cancelled = cancels;
    }
}

enum p2p_err p2p_right_gather(struct p2p_right_fold *fold)
{
    const struct p2p_record *record = &fold->entry.record;
    struct p2p_right_ask ask = p2p_right_ask_of(fold);
    bool found = false;
    switch (record->kind) {
    case P2P_KIND_RIGHT_REVOKE:
    case P2P_KIND_RIGHT_CANCEL:
        if (record->issuer == fold->right.first) {
            gather_end(fold, &ask);
            return P2P_OK;
        }
        break;
    case P2P_KIND_RIGHT_LIGHT:
        if (fold->said.value == 0) {
            break;
        }
        fold->unruled = true;
        return P2P_OK;
    case P2P_KIND_RIGHT_BLOCK:
    case P2P_KIND_RIGHT_GATE_OUT:
    case P2P_KIND_OVERRIDE:
    case P2P_KIND_APPROVE:
        fold->unruled = true;
        return P2P_OK;
    default:
        break;
    }
    enum p2p_err err = find_ruling(fold, &ask, &found);
    if (err == P2P_OK && found && record->kind == P2P_KIND_RIGHT_ASSIGN) {
        err = keep_names(fold, &ask);
    }
    if (err == P2P_OK && found) {
        return insert(fold, &ask);
    }
    fold->unruled = true;
    return err;
}

/* ---- acting ---- */

enum p2p_err p2p_right_allowed(const struct p2p_right_fold *fold,
                               const struct p2p_right_ask *ask, enum p2p_right_action *action)
{
    const struct p2p_right *right = &fold->right;
    bool knew = false;
    *action = P2P_RIGHT_ACTION_COUNT;
    for (unsigned i = 0; i < P2P_RIGHT_ACTION_COUNT; i++) {
        const struct p2p_right_rule *rule = p2p_right_rule((enum p2p_right_action)i);
        if ((ask->actions & 1u << i) != 0 && rule->ruled &&
            p2p_right_fits(right, ask->issuer, (enum p2p_right_action)i)) {
            *action = (enum p2p_right_action)i;
        }
    }
    bool passes = *action == P2P_RIGHT_DO_TRANSFER || *action == P2P_RIGHT_DO_REISSUE;
    if (passes && (ask->to == 0 || right->chain_count == P2P_RIGHT_CHAIN_MAX)) {
        *action = P2P_RIGHT_ACTION_COUNT;
    }
    if (*action == P2P_RIGHT_ACTION_COUNT ||
        p2p_right_rule(*action)->role == P2P_ROLE_GRANTED) {
        return P2P_OK;
    }
    enum p2p_err err = p2p_right_knew(fold->ledger, &ask->id, &fold->moved, &knew);
    if (err == P2P_OK && !knew) {
        *action = P2P_RIGHT_ACTION_COUNT;
    }
    return err;
}

/* Back to who gave it, who has to name a driver anew. */
static void give_back(struct p2p_right *right)
{
    right->chain_count--;
    right->below = right->chain_count == 1 ? P2P_RIGHT_RETURNED : P2P_RIGHT_ACTIVE;
    right->assigned_by = (struct p2p_record_id){0, 0};
}

static void act(struct p2p_right_fold *fold, const struct p2p_right_ask *ask,
                enum p2p_right_action action)
{
    struct p2p_right *right = &fold->right;
    switch (action) {
    case P2P_RIGHT_DO_ACCEPT:
        right->below = P2P_RIGHT_ACTIVE;
        fold->moved = ask->id;
        break;
    case P2P_RIGHT_DO_TRANSFER:
    case P2P_RIGHT_DO_REISSUE:
        right->chain[right->chain_count++] =
            (struct p2p_right_link){.party = ask->to, .by = ask->id};
        right->below = P2P_RIGHT_PENDING;
        right->assigned_by = (struct p2p_record_id){0, 0};
        fold->moved = ask->id;
        break;
    case P2P_RIGHT_DO_DECLINE:
    case P2P_RIGHT_DO_RETURN:
    case P2P_RIGHT_DO_TAKE_BACK:
        give_back(right);
        fold->moved = ask->id;
        break;
    case P2P_RIGHT_DO_ASSIGN:
        right->assigned_by = ask->id;
        break;
    case P2P_RIGHT_DO_UNASSIGN:
        right->assigned_by = (struct p2p_record_id){0, 0};
        break;
    case P2P_RIGHT_DO_UNBLOCK: /* looked for by what they undo: right_forbid.c */
    case P2P_RIGHT_DO_LIGHT:
    case P2P_RIGHT_DO_REVOKE: /* unruled */
    case P2P_RIGHT_DO_CANCEL:
    case P2P_RIGHT_DO_BLOCK:
    case P2P_RIGHT_DO_USE:
    case P2P_RIGHT_DO_GATE_OUT:
    case P2P_RIGHT_DO_OVERRIDE:
    case P2P_RIGHT_DO_APPROVE:
    case P2P_RIGHT_ACTION_COUNT:
        break;
    }
}

enum p2p_err p2p_right_rule_all(struct p2p_right_fold *fold)
{
    enum p2p_err err = P2P_OK;
    fold->moved = fold->right.id;
    for (size_t i = 0; i < fold->ruled_count && err == P2P_OK; i++) {
        struct p2p_right_ask *ask = &fold->ruled[i];
        enum p2p_right_action action = P2P_RIGHT_ACTION_COUNT;
        err = p2p_right_allowed(fold, ask, &action);
        ask->acted = action != P2P_RIGHT_ACTION_COUNT;
        if (err == P2P_OK) {
            act(fold, ask, action);
        }
    }
    return err;
}
