#include "charter_state.h"

#include <p2p/assert.h>

#include <string.h>

/* --- rows -------------------------------------------------------------------------------- */

void *p2p_rows_add(const struct p2p_alloc *alloc, struct rows *rows, size_t each)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap + rows->cap / 4 + 8; /* many rows in each of many nodes */
        void *at = p2p_alloc_resize(alloc, rows->at, cap, each);
        if (!at) {
            return NULL;
        }
        rows->at = at;
        rows->cap = cap;
    }
    uint8_t *item = (uint8_t *)rows->at + rows->count * each;
    memset(item, 0, each);
    rows->count++;
    return item;
}

static bool rows_copy(const struct p2p_alloc *alloc, struct rows *out, const struct rows *rows,
                      size_t each)
{
    *out = (struct rows){0};
    if (rows->count == 0) {
        return true;
    }
    out->at = p2p_alloc_resize(alloc, NULL, rows->count, each);
    if (!out->at) {
        return false;
    }
    memcpy(out->at, rows->at, rows->count * each);
    out->count = rows->count;
    out->cap = rows->count;
    return true;
}

static void rows_free(const struct p2p_alloc *alloc, struct rows *rows)
{
    p2p_alloc_free(alloc, rows->at);
    *rows = (struct rows){0};
}

/* --- the fold ---------------------------------------------------------------------------- */

/* X(field, type): every kind of row, for clone and deinit. */
#define FOLD_ROWS(X)                                                                           \
    X(root_sets, struct root_set)                                                              \
    X(members, struct p2p_member)                                                              \
    X(feeds, struct p2p_feed_info)                                                             \
    X(issuers, struct p2p_issuer)                                                              \
    X(circles, struct p2p_circle)                                                              \
    X(cuts, struct cut_row)                                                                    \
    X(reassigns, struct p2p_reassign)                                                          \
    X(settled_opens, struct p2p_settled_open)                                                  \
    X(touches, struct touch_row)                                                               \
    X(witness_changes, struct witness_row)                                                     \
    X(witness_keys, struct witness_key_row)                                                    \
    X(ended, struct ended_row)                                                                 \
    X(names, struct name_row)

void p2p_fold_init(struct charter_fold *fold, const struct p2p_alloc *alloc)
{
    *fold = (struct charter_fold){
        .alloc = alloc,
        .policy = {.lease_s = 259200,
                   .heartbeat_s = 60,
                   .fresh_cosignature_s = 900,
                   .clock_skew_s = 300},
    };
    p2p_arena_init(&fold->arena, alloc, P2P_FOLD_BYTES_MAX);
}

void p2p_fold_deinit(struct charter_fold *fold)
{
    if (!fold->alloc) {
        return;
    }
#define ROWS_FREE(field, type) rows_free(fold->alloc, &fold->field);
    FOLD_ROWS(ROWS_FREE)
#undef ROWS_FREE
    p2p_arena_deinit(&fold->arena);
    *fold = (struct charter_fold){0};
}

/* A copy in this fold's arena of what lies in another's; NULL of nothing. */
static const void *adopt(struct charter_fold *fold, const void *at, size_t count, size_t each,
                         bool *good)
{
    if (count == 0 || !*good) {
        return NULL;
    }
    struct p2p_slice copy = p2p_arena_copy(&fold->arena, p2p_slice_of(at, count * each));
    *good = copy.data != NULL;
    return copy.data;
}

static bool adopt_all(struct charter_fold *fold)
{
    bool good = true;
    for (size_t i = 0; i < fold->issuers.count; i++) {
        struct p2p_issuer *row = (struct p2p_issuer *)fold->issuers.at + i;
        row->grants = adopt(fold, row->grants, row->grant_count, sizeof(*row->grants), &good);
    }
    for (size_t i = 0; i < fold->circles.count; i++) {
        struct p2p_circle *row = (struct p2p_circle *)fold->circles.at + i;
        row->members = adopt(fold, row->members, row->member_count, sizeof(uint32_t), &good);
        row->epochs = adopt(fold, row->epochs, row->epoch_count, sizeof(*row->epochs), &good);
    }
    for (size_t i = 0; i < fold->cuts.count; i++) {
        struct cut_row *row = (struct cut_row *)fold->cuts.at + i;
        row->keep = adopt(fold, row->keep, row->keep_count, sizeof(*row->keep), &good);
    }
    for (size_t i = 0; i < fold->ended.count; i++) {
        struct ended_row *row = (struct ended_row *)fold->ended.at + i;
        row->hashes = adopt(fold, row->hashes, row->count, sizeof(*row->hashes), &good);
    }
    return good;
}

enum p2p_err p2p_fold_clone(struct charter_fold *out, const struct charter_fold *fold)
{
    struct charter_fold copy = *fold;
    bool good = true;
    p2p_arena_init(&copy.arena, fold->alloc, P2P_FOLD_BYTES_MAX);
#define ROWS_COPY(field, type)                                                                 \
    good = rows_copy(fold->alloc, &copy.field, &fold->field, sizeof(type)) && good;
    FOLD_ROWS(ROWS_COPY)
#undef ROWS_COPY
    if (!good || !adopt_all(&copy)) {
        p2p_fold_deinit(&copy);
        return P2P_NOMEM;
    }
    *out = copy;
    return P2P_OK;
}

/* --- names and keys ---------------------------------------------------------------------- */

static int name_compare(const struct name_row *row, enum name_space space,
                        struct p2p_slice name)
{
    if (row->space != space) {
        return row->space < space ? -1 : 1;
    }
    return p2p_slice_compare(p2p_slice_of(row->bytes, row->len), name);
}

/* The position of the first row at or above the name. */
static size_t name_place(const struct charter_fold *fold, enum name_space space,
                         struct p2p_slice name)
{
    size_t low = 0, high = fold->names.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct name_row *row = (const struct name_row *)fold->names.at + middle;
        if (name_compare(row, space, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t p2p_fold_name(const struct charter_fold *fold, enum name_space space,
                       struct p2p_slice name)
{
    size_t at = name_place(fold, space, name);
    if (at == fold->names.count) {
        return 0;
    }
    const struct name_row *row = (const struct name_row *)fold->names.at + at;
    return name_compare(row, space, name) == 0 ? row->number : 0;
}

enum p2p_err p2p_fold_name_add(struct charter_fold *fold, enum name_space space,
                               struct p2p_slice name, uint32_t number)
{
    p2p_assert(name.len > 0 && name.len <= NAME_BYTES_MAX);
    p2p_assert(number != 0);
    if (p2p_fold_name(fold, space, name) != 0) {
        return P2P_LOCKED;
    }
    size_t at = name_place(fold, space, name);
    if (!p2p_rows_add(fold->alloc, &fold->names, sizeof(struct name_row))) {
        return P2P_NOMEM;
    }
    struct name_row *rows = fold->names.at;
    memmove(rows + at + 1, rows + at, (fold->names.count - 1 - at) * sizeof(*rows));
    rows[at] =
        (struct name_row){.space = (uint8_t)space, .len = (uint8_t)name.len, .number = number};
    memcpy(rows[at].bytes, name.data, name.len);
    return P2P_OK;
}

static bool touch_after(const struct touch_row *row, uint64_t entry, uint32_t issuer)
{
    return row->entry > entry || (row->entry == entry && row->issuer > issuer);
}

enum p2p_err p2p_fold_touch(struct charter_fold *fold, uint64_t entry, uint32_t issuer)
{
    struct touch_row *rows = fold->touches.at;
    size_t at = fold->touches.count;
    while (at > 0 && touch_after(&rows[at - 1], entry, issuer)) {
        at--;
    }
    if (at > 0 && rows[at - 1].entry == entry && rows[at - 1].issuer == issuer) {
        return P2P_OK;
    }
    if (!p2p_rows_add(fold->alloc, &fold->touches, sizeof(*rows))) {
        return P2P_NOMEM;
    }
    rows = fold->touches.at;
    memmove(rows + at + 1, rows + at, (fold->touches.count - 1 - at) * sizeof(*rows));
    rows[at] = (struct touch_row){.entry = entry, .issuer = issuer};
    return P2P_OK;
}

/* --- branches ---------------------------------------------------------------------------- */

struct p2p_slice p2p_entry_leaf(const struct charter_entry *entry)
{
    return p2p_slice_of(entry->bytes, entry->leaf_len);
}

struct p2p_slice p2p_entry_note(const struct charter_entry *entry)
{
    return p2p_slice_of(entry->bytes + entry->leaf_len, entry->note_len);
}

static void entry_release(struct charter_entry *entry, const struct p2p_alloc *alloc)
{
    if (atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) == 1) {
        p2p_alloc_free(alloc, entry);
    }
}

enum p2p_err p2p_branch_push(struct charter_branch *branch, const struct p2p_alloc *alloc,
                             struct p2p_slice leaf, struct p2p_slice note)
{
    if (branch->count == branch->cap) {
        size_t cap = branch->cap ? branch->cap * 2 : 8;
        void *entries = p2p_alloc_resize(alloc, branch->entries, cap, sizeof(*branch->entries));
        if (!entries) {
            return P2P_NOMEM;
        }
        branch->entries = entries;
        branch->cap = cap;
    }
    struct charter_entry *entry =
        p2p_alloc_resize(alloc, NULL, 1, sizeof(*entry) + leaf.len + note.len);
    if (!entry) {
        return P2P_NOMEM;
    }
    atomic_init(&entry->references, 1);
    entry->hash = p2p_leaf_hash(leaf);
    entry->leaf_len = leaf.len;
    entry->note_len = note.len;
    memcpy(entry->bytes, leaf.data, leaf.len);
    memcpy(entry->bytes + leaf.len, note.data, note.len);
    branch->entries[branch->count++] = entry;
    p2p_edge_append(&branch->edge, &entry->hash, NULL);
    return P2P_OK;
}

void p2p_branch_deinit(struct charter_branch *branch, const struct p2p_alloc *alloc)
{
    for (size_t i = 0; i < branch->count; i++) {
        entry_release(branch->entries[i], alloc);
    }
    p2p_alloc_free(alloc, branch->entries);
    *branch = (struct charter_branch){0};
}

enum p2p_err p2p_branch_clone(struct charter_branch *out, const struct charter_branch *branch,
                              const struct p2p_alloc *alloc)
{
    struct charter_branch copy = *branch;
    copy.entries = NULL;
    copy.cap = branch->count;
    if (branch->count > 0) {
        copy.entries = p2p_alloc_resize(alloc, NULL, branch->count, sizeof(*copy.entries));
        if (!copy.entries) {
            return P2P_NOMEM;
        }
    }
    for (size_t i = 0; i < branch->count; i++) {
        copy.entries[i] = branch->entries[i];
        atomic_fetch_add_explicit(&copy.entries[i]->references, 1, memory_order_relaxed);
    }
    *out = copy;
    return P2P_OK;
}

void p2p_branch_edge_at(const struct charter_branch *held, uint64_t size, struct p2p_edge *out)
{
    p2p_assert(held->first == 0 && size <= held->count);
    if (size == held->count) {
        *out = held->edge;
        return;
    }
    p2p_edge_init(out);
    for (uint64_t i = 0; i < size; i++) {
        p2p_edge_append(out, &held->entries[i]->hash, NULL);
    }
}
