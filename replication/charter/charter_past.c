/* The charter as somebody knew it who held less of it. */
#include "charter_state.h"

#include <p2p/assert.h>

/* Whether what stands in `past` is the beginning of the held branch: since it was made, a
 * settle may have put another branch there. */
static bool begins(const struct p2p_charter *past, const struct p2p_charter *charter)
{
    const struct charter_branch *held = &past->held;
    return held->count == 0 ||
           (held->count <= charter->held.count &&
            held->entries[held->count - 1] == charter->held.entries[held->count - 1]);
}

/* Entries are shared and counted. */
static enum p2p_err take_entries(struct p2p_charter *past, const struct p2p_charter *charter,
                                 uint64_t size)
{
    struct charter_branch *held = &past->held;
    if (held->cap < size) {
        size_t cap = size > 2 * held->cap ? size : 2 * held->cap;
        void *grown = p2p_alloc_resize(past->alloc, held->entries, cap, sizeof(*held->entries));
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        held->entries = grown;
        held->cap = cap;
    }
    while (held->count < size) {
        struct charter_entry *entry = charter->held.entries[held->count];
        atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
        held->entries[held->count++] = entry;
        p2p_edge_append(&held->edge, &entry->hash, NULL);
    }
    return P2P_OK;
}

static enum p2p_err build(struct p2p_charter **out, const struct p2p_charter *charter)
{
    const struct p2p_hash id = p2p_charter_federation_id(charter);
    return p2p_charter_new(out, charter->alloc, &id);
}

enum p2p_err p2p_charter_as_of(struct p2p_charter **past, const struct p2p_charter *charter,
                               uint64_t size, uint64_t good_size)
{
    struct p2p_charter *moved = *past;
    p2p_assert(good_size <= size && size <= charter->held.count);
    if (moved != NULL &&
        (moved->held.count > size || moved->fold.size > good_size || !begins(moved, charter))) {
        p2p_charter_free(moved);
        *past = NULL;
        moved = NULL;
    }
    enum p2p_err err = moved == NULL ? build(&moved, charter) : P2P_OK;
    if (err != P2P_OK) {
        return err;
    }
    *past = moved;
    err = take_entries(moved, charter, size);
    if (err == P2P_OK) {
        err = p2p_fold_replay(&moved->fold, &moved->held, good_size);
    }
    if (err != P2P_OK) { /* the fold may be half way */
        p2p_charter_free(moved);
        *past = NULL;
    }
    return err;
}

bool p2p_charter_parted(const struct p2p_charter *charter, uint64_t size, uint64_t *split)
{
    const struct ended_row *rows = charter->fold.ended.at;
    bool found = charter->rival.count > 0 && charter->rival.first < size;
    uint64_t lowest = found ? charter->rival.first : size;
    for (size_t i = 0; i < charter->fold.ended.count; i++) {
        if (rows[i].split < lowest && size <= rows[i].entry) {
            lowest = rows[i].split;
            found = true;
        }
    }
    if (found) {
        *split = lowest;
    }
    return found;
}

bool p2p_charter_may_void(const struct p2p_charter *charter, uint64_t size)
{
    const struct ended_row *rows = charter->fold.ended.at;
    for (size_t i = 0; i < charter->fold.ended.count; i++) {
        if (rows[i].split < size) {
            return true;
        }
    }
    return false;
}

bool p2p_charter_ended(const struct p2p_charter *charter, uint64_t index, struct p2p_slice leaf,
                       uint64_t *split)
{
    const struct ended_row *rows = charter->fold.ended.at;
    const struct p2p_hash hash = p2p_leaf_hash(leaf);
    for (size_t i = 0; i < charter->fold.ended.count; i++) {
        const struct ended_row *row = &rows[i];
        uint64_t behind = row->split + row->count;
        if (index == behind || (index >= row->split && index < behind &&
                                p2p_hash_equal(&row->hashes[index - row->split], &hash))) {
            *split = row->split;
            return true;
        }
    }
    return false;
}
