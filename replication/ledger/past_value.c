/* Values of views as of a horizon: folded when asked for, kept while they stand. */
#include "past_state.h"

#include <p2p/assert.h>

#include <string.h>

enum { SLOTS_MIN = 256 };

/* ---- what a fold rests on ---- */

void p2p_past_rest(struct p2p_past *past, uint32_t feed, uint64_t index)
{
    struct past_rests *rests = past->rests;
    if (rests == NULL || rests->lost) {
        return;
    }
    for (size_t i = 0; i < rests->count; i++) {
        if (rests->at[i].feed == feed) {
            rests->at[i].index = index < rests->at[i].index ? index : rests->at[i].index;
            return;
        }
    }
    if (rests->count == rests->cap) {
        size_t cap = rests->cap == 0 ? 16 : 2 * rests->cap;
        void *grown = p2p_alloc_resize(past->alloc, rests->at, cap, sizeof(*rests->at));
        if (grown == NULL) {
            rests->lost = true;
            return;
        }
        rests->at = grown;
        rests->cap = cap;
    }
    rests->at[rests->count++] = (struct past_rest){feed, index};
}

bool p2p_past_rests_hold(const struct p2p_past *past, const struct past_rest *rests,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (p2p_past_size(past, rests[i].feed) > rests[i].index) {
            return false;
        }
    }
    return true;
}

/* ---- kept values ---- */

/* FNV-1a: where a key is looked for; nothing is ever walked in this order. */
static size_t place_of(const struct past_values *values, const uint8_t *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < PAST_KEY_BYTES; i++) {
        hash = (hash ^ key[i]) * UINT64_C(0x100000001b3);
    }
    return (size_t)(hash ^ hash >> 32) & (values->slot_count - 1);
}

/* Its slot, or the empty one where it would stand. */
static struct past_value **slot_of(const struct past_values *values, const uint8_t *key)
{
    size_t at = place_of(values, key);
    while (values->slots[at] != NULL &&
           memcmp(values->slots[at]->key, key, PAST_KEY_BYTES) != 0) {
        at = (at + 1) & (values->slot_count - 1);
    }
    return &values->slots[at];
}

void p2p_past_values_clear(struct p2p_past *past)
{
    struct past_values *values = &past->values;
    if (values->slots != NULL) {
        memset(values->slots, 0, values->slot_count * sizeof(*values->slots));
    }
    values->used = 0;
    p2p_arena_reset(&values->arena);
}

/* Room for one more in a table that is at most half full. */
static enum p2p_err make_room(struct p2p_past *past)
{
    struct past_values *values = &past->values;
    struct past_values grown = *values;
    if (2 * (values->used + 1) <= values->slot_count) {
        return P2P_OK;
    }
    grown.slot_count = values->slot_count == 0 ? SLOTS_MIN : 2 * values->slot_count;
    grown.slots = p2p_alloc_zeroed(past->alloc, grown.slot_count, sizeof(*grown.slots));
    if (grown.slots == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < values->slot_count; i++) {
        if (values->slots[i] != NULL) {
            *slot_of(&grown, values->slots[i]->key) = values->slots[i];
        }
    }
    p2p_alloc_free(past->alloc, values->slots);
    *values = grown;
    return P2P_OK;
}

static struct past_value *make(struct p2p_past *past, const struct past_rests *rests)
{
    struct past_value *made = p2p_arena_take(
        &past->values.arena, sizeof(*made) + rests->count * sizeof(rests->at[0]));
    struct p2p_slice value = {0};
    if (made != NULL && past->folded.len > 0) {
        value = p2p_arena_copy(&past->values.arena, past->folded);
        made = value.data == NULL ? NULL : made;
    }
    if (made != NULL) {
        *made = (struct past_value){
            .epoch = past->epoch, .value = value, .rest_count = rests->count};
        if (rests->count > 0) {
            memcpy(made->rests, rests->at, rests->count * sizeof(rests->at[0]));
        }
    }
    return made;
}

/* Keeps what was folded; at the cap everything that was kept is forgotten first. */
static enum p2p_err keep(struct p2p_past *past, const uint8_t *key,
                         const struct past_rests *rests, struct p2p_slice *value)
{
    struct past_value *made = make(past, rests);
    if (made == NULL) {
        p2p_past_values_clear(past);
        made = make(past, rests);
    }
    enum p2p_err err = made == NULL ? P2P_NOMEM : make_room(past);
    if (err != P2P_OK) {
        return err;
    }
    memcpy(made->key, key, PAST_KEY_BYTES);
    made->epoch -= rests->lost; /* never looked at again */
    struct past_value **slot = slot_of(&past->values, key);
    past->values.used += *slot == NULL;
    *slot = made;
    *value = made->value;
    return P2P_OK;
}

/* ---- folding ---- */

static enum p2p_err fold(struct p2p_past *past, const uint8_t *row)
{
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_arena *work = &past->work[past->depth++];
    memcpy(key, row + 5, sizeof(key));
    p2p_arena_reset(work);
    past->ledger.arena = work;
    past->folded = (struct p2p_slice){0};
    past->folding = true;
    past->folding_view = (enum p2p_view_number)row[0];
    enum p2p_err err =
        p2p_view_fold(&past->ledger, past->folding_view, p2p_slice_of(key, sizeof(key)));
    past->depth--;
    return err;
}

/* Folds one value, perhaps inside the fold of another, which goes on afterwards. */
static enum p2p_err fold_inside(struct p2p_past *past, const uint8_t *row,
                                struct p2p_slice *value)
{
    struct past_rests *rests = &past->value_rests[past->depth];
    struct past_rests *outer_rests = past->rests;
    struct p2p_arena *outer_arena = past->ledger.arena;
    enum p2p_view_number outer_view = past->folding_view;
    struct p2p_slice outer_folded = past->folded;
    bool outer_folding = past->folding;
    rests->count = 0;
    rests->lost = false;
    past->rests = rests;
    enum p2p_err err = fold(past, row);
    past->folding = outer_folding;
    past->folding_view = outer_view;
    past->rests = outer_rests;
    past->ledger.arena = outer_arena;
    if (err == P2P_OK) {
        err = keep(past, row, rests, value);
    }
    past->folded = outer_folded;
    return err;
}

/* What rests on a value rests on all that it rests on. */
static void rest_on(struct p2p_past *past, const struct past_rest *rests, size_t count)
{
    for (size_t i = 0; i < count && past->rests != NULL; i++) {
        p2p_past_rest(past, rests[i].feed, rests[i].index);
    }
}

enum p2p_err p2p_past_value(struct p2p_past *past, struct p2p_slice key,
                            struct p2p_slice *value)
{
    uint8_t row[PAST_KEY_BYTES];
    p2p_assert(key.len == sizeof(row) && past->depth < PAST_DEPTH_MAX);
    memcpy(row, key.data, sizeof(row));
    const struct past_value *kept =
        past->values.slot_count > 0 ? *slot_of(&past->values, row) : NULL;
    if (kept != NULL && kept->epoch == past->epoch &&
        p2p_past_rests_hold(past, kept->rests, kept->rest_count)) {
        rest_on(past, kept->rests, kept->rest_count);
        *value = kept->value;
        return kept->value.len > 0 ? P2P_OK : P2P_NOTFOUND;
    }
    const struct past_rests *rests = &past->value_rests[past->depth];
    enum p2p_err err = fold_inside(past, row, value);
    if (err == P2P_OK) {
        rest_on(past, rests->at, rests->count);
    }
    if (err == P2P_OK && past->rests != NULL) {
        past->rests->lost = past->rests->lost || rests->lost;
    }
    return err == P2P_OK && value->len == 0 ? P2P_NOTFOUND : err;
}
