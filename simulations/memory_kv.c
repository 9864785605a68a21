#include "memory_kv.h"

#include "kv_map.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

#define DEAD_BYTE  0xdd
#define UNREAD_MAX 16u

enum cursor_state { CURSOR_LOST, CURSOR_AT, CURSOR_END };

struct table {
    struct kv_map map;
    struct kv_place cursor;
    enum cursor_state cursor_state;
};

/* One step back: put `row` in place of what stands under its key, or remove that. */
struct undo {
    enum p2p_table table;
    bool added;
    struct kv_row *row; /* the replaced or removed one; for an addition a copy of the key */
};

struct loan {
    enum p2p_table table;
    struct kv_row *row;
};

/* A copy that was handed out, and dies before the row does. */
struct given {
    uint8_t *bytes;
    size_t len;
};

/* A key that was found: in one of two places, the other dead. */
struct given_key {
    uint8_t bytes[2][P2P_KV_KEY_BYTES_MAX];
    unsigned at;
    size_t len;
};

/* What kv_row.lost says. */
enum { LOST_NOT, LOST_FOR_NOW, LOST_TORN };

/* Rows that could not be read: one of those that stand together. */
struct unread {
    enum p2p_table table;
    size_t key_len;
    uint8_t key[P2P_KV_KEY_BYTES_MAX];
};

struct memory_kv {
    struct p2p_kv kv;
    struct table tables[P2P_TABLE_COUNT];
    size_t bytes;
    bool lenient;
    bool open;
    struct undo *undo;
    size_t undo_count;
    size_t undo_cap;
    struct loan loans[MEMORY_KV_LOANS_MAX];
    size_t loan_count;
    struct given_key keys[P2P_TABLE_COUNT]; /* last found in each table, when strict */
    struct given values[P2P_TABLE_COUNT];   /* of PAYLOAD and VIEW, likewise */
    struct unread unread[UNREAD_MAX];
    size_t unread_count;
};

static void *need(void *memory)
{
    p2p_assert(memory != NULL);
    return memory;
}

static size_t row_bytes(const struct kv_row *row)
{
    return row->key_len + row->value_len;
}

/* Lending */

/* Moves everything that was lent out, so that what the caller kept is dead from here on. */
static void recall_loans(struct memory_kv *memory)
{
    for (size_t i = 0; i < memory->loan_count; i++) {
        struct kv_row *old = memory->loans[i].row;
        struct kv_map *map = &memory->tables[memory->loans[i].table].map;
        struct kv_place place;
        bool found = kv_map_find(map, kv_row_key(old), &place);
        p2p_assert(found);
        p2p_assert(*kv_map_at(map, place) == old);
        struct kv_row *moved = kv_row_new(kv_row_key(old), kv_row_value(old));
        moved->spoiled = old->spoiled;
        moved->lost = old->lost;
        *kv_map_at(map, place) = moved;
        old->loaned = false;
        kv_row_drop(old);
    }
    memory->loan_count = 0;
}

static void lend(struct memory_kv *memory, enum p2p_table table, struct kv_row *row)
{
    if (!memory->lenient && !row->loaned && memory->loan_count < MEMORY_KV_LOANS_MAX) {
        row->loaned = true;
        memory->loans[memory->loan_count++] = (struct loan){table, row};
    }
}

static void drop(struct given *given)
{
    if (given->bytes != NULL) {
        memset(given->bytes, DEAD_BYTE, given->len);
        free(given->bytes);
        given->bytes = NULL;
    }
}

static struct p2p_slice give_copy(struct given *given, struct p2p_slice bytes)
{
    drop(given);
    given->bytes = need(malloc(bytes.len + 1));
    given->len = bytes.len;
    if (bytes.len > 0) {
        memcpy(given->bytes, bytes.data, bytes.len);
    }
    return p2p_slice_of(given->bytes, bytes.len);
}

static void drop_key(struct given_key *given)
{
    memset(given->bytes[given->at], DEAD_BYTE, given->len);
    given->len = 0;
}

static struct p2p_slice give_key(struct given_key *given, struct p2p_slice key)
{
    drop_key(given);
    given->at ^= 1u;
    given->len = key.len;
    memcpy(given->bytes[given->at], key.data, key.len);
    return p2p_slice_of(given->bytes[given->at], key.len);
}

static enum p2p_err hand_out(struct memory_kv *memory, enum p2p_table table, struct kv_row *row,
                             struct p2p_slice *value)
{
    lend(memory, table, row);
    *value = kv_row_value(row);
    if (table == P2P_TABLE_PAYLOAD && row->spoiled) {
        return P2P_CORRUPT;
    }
    if ((table == P2P_TABLE_PAYLOAD || table == P2P_TABLE_VIEW) && !memory->lenient) {
        *value = give_copy(&memory->values[table], *value);
    }
    return P2P_OK;
}

/* What cannot be read */

static enum p2p_err refuse(struct memory_kv *memory, enum p2p_table table,
                           const struct kv_row *row)
{
    if (memory->unread_count < UNREAD_MAX) {
        struct unread *unread = &memory->unread[memory->unread_count++];
        unread->table = table;
        unread->key_len = row->key_len;
        memcpy(unread->key, kv_row_key(row).data, row->key_len);
    }
    return P2P_CORRUPT;
}

static struct kv_row *row_at(const struct kv_map *map, struct kv_place place)
{
    return kv_map_settle(map, &place) ? *kv_map_at(map, place) : NULL;
}

/* False at the first row. */
static bool step_before(const struct kv_map *map, struct kv_place *place)
{
    if (place->slot == 0 && place->block == 0) {
        return false;
    }
    if (place->slot > 0) {
        place->slot--;
    } else {
        place->block--;
        place->slot = map->blocks[place->block]->count - 1;
    }
    return true;
}

static bool is_lost(const struct kv_map *map, struct kv_place place)
{
    const struct kv_row *row = row_at(map, place);
    return row != NULL && row->lost != LOST_NOT;
}

/* Finds a key's place; P2P_CORRUPT when it is among rows that cannot be read. */
static enum p2p_err find(struct memory_kv *memory, enum p2p_table table, struct p2p_slice key,
                         struct kv_place *place, bool *found)
{
    const struct kv_map *map = &memory->tables[table].map;
    struct kv_place before;
    *found = kv_map_find(map, key, place);
    before = *place;
    bool lost =
        is_lost(map, *place) && (*found || (step_before(map, &before) && is_lost(map, before)));
    return lost ? refuse(memory, table, row_at(map, *place)) : P2P_OK;
}

/* The seam */

static struct table *enter(struct memory_kv *memory, enum p2p_table table)
{
    p2p_assert(memory->open);
    p2p_assert(table < P2P_TABLE_COUNT);
    drop(&memory->values[table]);
    return &memory->tables[table];
}

static struct table *enter_write(struct memory_kv *memory, enum p2p_table table)
{
    struct table *in = enter(memory, table);

    recall_loans(memory);
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        drop_key(&memory->keys[t]);
    }
    drop(&memory->values[P2P_TABLE_VIEW]);
    in->cursor_state = CURSOR_LOST;
    return in;
}

static void push_undo(struct memory_kv *memory, struct undo undo)
{
    if (memory->undo_count == memory->undo_cap) {
        memory->undo_cap = memory->undo_cap == 0 ? 64 : memory->undo_cap * 2;
        memory->undo = need(realloc(memory->undo, memory->undo_cap * sizeof(*memory->undo)));
    }
    memory->undo[memory->undo_count++] = undo;
}

static enum p2p_err kv_get(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice *value)
{
    struct memory_kv *memory = context;
    struct table *in = enter(memory, table);
    struct kv_place place;
    bool found;

    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    enum p2p_err err = find(memory, table, key, &place, &found);
    if (err != P2P_OK || !found) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    return hand_out(memory, table, *kv_map_at(&in->map, place), value);
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct memory_kv *memory = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX]; /* a borrowed key may be written to, a value not */
    struct kv_place place;
    bool found;

    p2p_assert(key.len > 0);
    p2p_assert(key.len <= sizeof(key_copy));
    p2p_assert(table != P2P_TABLE_PAYLOAD || key.len == 12);
    memcpy(key_copy, key.data, key.len);
    key.data = key_copy;
    struct table *in = enter_write(memory, table);
    enum p2p_err err = find(memory, table, key, &place, &found);
    if (err != P2P_OK) {
        return err;
    }
    struct kv_row *row = kv_row_new(key, value);
    memory->bytes += row_bytes(row);
    if (found) {
        struct kv_row *old = *kv_map_at(&in->map, place);
        memory->bytes -= row_bytes(old);
        *kv_map_at(&in->map, place) = row;
        push_undo(memory, (struct undo){table, false, old});
    } else {
        kv_map_insert(&in->map, place, row);
        push_undo(memory,
                  (struct undo){table, true, kv_row_new(key, (struct p2p_slice){NULL, 0})});
    }
    return P2P_OK;
}

static void take_away(struct memory_kv *memory, enum p2p_table table, struct kv_place place)
{
    struct kv_row *old = kv_map_remove(&memory->tables[table].map, place);
    memory->bytes -= row_bytes(old);
    push_undo(memory, (struct undo){table, false, old});
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct memory_kv *memory = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX];
    struct kv_place place;
    bool found;

    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    p2p_assert(key.len <= sizeof(key_copy));
    memcpy(key_copy, key.data, key.len);
    key.data = key_copy;
    enter_write(memory, table);
    enum p2p_err err = find(memory, table, key, &place, &found);
    if (err != P2P_OK || !found) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    take_away(memory, table, place);
    return P2P_OK;
}

static enum p2p_err give_cursor(struct memory_kv *memory, enum p2p_table table,
                                struct p2p_slice *found, struct p2p_slice *value)
{
    struct table *in = &memory->tables[table];

    if (!kv_map_settle(&in->map, &in->cursor)) {
        in->cursor_state = CURSOR_END;
        return P2P_NOTFOUND;
    }
    in->cursor_state = CURSOR_AT;
    struct kv_row *row = *kv_map_at(&in->map, in->cursor);
    if (row->lost != LOST_NOT) {
        return refuse(memory, table, row);
    }
    *found = kv_row_key(row);
    if (!memory->lenient) {
        *found = give_key(&memory->keys[table], *found);
    }
    return hand_out(memory, table, row, value);
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct memory_kv *memory = context;
    struct table *in = enter(memory, table);

    if (key.len == 0) {
        in->cursor = (struct kv_place){0, 0};
    } else {
        kv_map_find(&in->map, key, &in->cursor);
    }
    return give_cursor(memory, table, found, value);
}

static enum p2p_err kv_next(void *context, enum p2p_table table, struct p2p_slice *found,
                            struct p2p_slice *value)
{
    struct memory_kv *memory = context;
    struct table *in = enter(memory, table);

    p2p_assert(in->cursor_state != CURSOR_LOST); /* no seek, or a write since */
    if (in->cursor_state == CURSOR_END) {
        return P2P_NOTFOUND;
    }
    in->cursor.slot++;
    return give_cursor(memory, table, found, value);
}

static enum p2p_err kv_sweep(void *context, enum p2p_table table, size_t bytes,
                             struct p2p_kv_place *at)
{
    struct memory_kv *memory = context;
    const struct kv_map *map = &memory->tables[table].map;
    struct kv_place place = {0, 0};
    bool lost_before = false;

    if (at->key_len > 0) {
        kv_map_find(map, p2p_slice_of(at->key, at->key_len), &place);
    }
    at->ended = true;
    for (size_t seen = 0; kv_map_settle(map, &place); place.slot++) {
        const struct kv_row *row = *kv_map_at(map, place);
        if (seen >= bytes) {
            at->ended = false;
            at->key_len = row->key_len;
            memcpy(at->key, kv_row_key(row).data, row->key_len);
            break;
        }
        seen += row_bytes(row);
        if (row->lost != LOST_NOT && !lost_before) {
            refuse(memory, table, row);
        }
        lost_before = row->lost != LOST_NOT;
    }
    return P2P_OK;
}

/* All the rows that cannot be read around one of them: as they were, or gone. */
static void mend(struct memory_kv *memory, const struct unread *unread,
                 struct p2p_kv_mended *out)
{
    struct kv_map *map = &memory->tables[unread->table].map;
    struct kv_place place;
    struct kv_place before;
    bool found = kv_map_find(map, p2p_slice_of(unread->key, unread->key_len), &place);
    if (!found || !is_lost(map, place)) {
        return; /* met more than once */
    }
    for (before = place; step_before(map, &before) && is_lost(map, before);) {
        place = before;
    }
    bool torn = row_at(map, place)->lost == LOST_TORN;
    while (is_lost(map, place)) {
        kv_map_settle(map, &place);
        if (torn) {
            take_away(memory, unread->table, place);
            continue;
        }
        struct kv_row *old = *kv_map_at(map, place);
        *kv_map_at(map, place) = kv_row_new(kv_row_key(old), kv_row_value(old));
        push_undo(memory, (struct undo){unread->table, false, old});
        place.slot++;
    }
    *(torn ? &out->emptied : &out->mended) += 1;
    out->table = unread->table;
}

static enum p2p_err kv_mend(void *context, struct p2p_kv_mended *out)
{
    struct memory_kv *memory = context;

    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        enter_write(memory, (enum p2p_table)t);
    }
    while (memory->unread_count > 0) {
        mend(memory, &memory->unread[--memory->unread_count], out);
    }
    return P2P_OK;
}

/* Life cycle */

struct memory_kv *memory_kv_new(void)
{
    struct memory_kv *memory = need(calloc(1, sizeof(*memory)));

    memory->kv =
        (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, kv_sweep, kv_mend, memory};
    return memory;
}

struct memory_kv *memory_kv_new_lenient(void)
{
    struct memory_kv *memory = memory_kv_new();

    memory->lenient = true;
    return memory;
}

void memory_kv_free(struct memory_kv *memory)
{
    if (memory == NULL) {
        return;
    }
    if (memory->open) {
        memory_kv_abort(memory);
    }
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        kv_map_deinit(&memory->tables[t].map);
    }
    free(memory->undo);
    free(memory);
}

/* Transactions */

const struct p2p_kv *memory_kv_kv(struct memory_kv *memory)
{
    return &memory->kv;
}

bool memory_kv_is_open(const struct memory_kv *memory)
{
    return memory->open;
}

bool memory_kv_has_written(const struct memory_kv *memory)
{
    return memory->undo_count > 0;
}

const struct p2p_kv *memory_kv_begin(struct memory_kv *memory)
{
    p2p_assert(!memory->open);
    memory->open = true;
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        memory->tables[t].cursor_state = CURSOR_LOST;
    }
    return &memory->kv;
}

static void end(struct memory_kv *memory)
{
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        drop_key(&memory->keys[t]);
        drop(&memory->values[t]);
    }
    for (size_t i = 0; i < memory->undo_count; i++) {
        kv_row_drop(memory->undo[i].row);
    }
    memory->undo_count = 0;
    memory->open = false;
}

enum p2p_err memory_kv_commit(struct memory_kv *memory)
{
    p2p_assert(memory->open);
    recall_loans(memory);
    end(memory);
    return P2P_OK;
}

static void step_back(struct memory_kv *memory, const struct undo *undo)
{
    struct kv_map *map = &memory->tables[undo->table].map;
    struct kv_place place;
    bool found = kv_map_find(map, kv_row_key(undo->row), &place);

    if (undo->added) {
        p2p_assert(found);
        struct kv_row *gone = kv_map_remove(map, place);
        memory->bytes -= row_bytes(gone);
        kv_row_drop(gone);
        return;
    }
    struct kv_row *row = kv_row_hold(undo->row);
    memory->bytes += row_bytes(row);
    if (found) {
        memory->bytes -= row_bytes(*kv_map_at(map, place));
        kv_row_drop(*kv_map_at(map, place));
        *kv_map_at(map, place) = row;
    } else {
        kv_map_insert(map, place, row);
    }
}

void memory_kv_abort(struct memory_kv *memory)
{
    p2p_assert(memory->open);
    recall_loans(memory);
    for (size_t i = memory->undo_count; i-- > 0;) {
        step_back(memory, &memory->undo[i]);
    }
    end(memory);
}

/* Whole maps */

size_t memory_kv_count(const struct memory_kv *memory, enum p2p_table table)
{
    return memory->tables[table].map.row_count;
}

size_t memory_kv_bytes(const struct memory_kv *memory)
{
    return memory->bytes;
}

struct memory_kv *memory_kv_clone(const struct memory_kv *memory)
{
    struct memory_kv *clone = memory->lenient ? memory_kv_new_lenient() : memory_kv_new();

    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        kv_map_copy(&clone->tables[t].map, &memory->tables[t].map);
    }
    clone->bytes = memory->bytes;
    for (size_t i = memory->undo_count; i-- > 0;) {
        step_back(clone, &memory->undo[i]);
    }
    return clone;
}

bool memory_kv_equal(const struct memory_kv *a, const struct memory_kv *b)
{
    p2p_assert(!a->open);
    p2p_assert(!b->open);
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        const struct kv_map *map_a = &a->tables[t].map;
        const struct kv_map *map_b = &b->tables[t].map;
        struct kv_place at_a = {0, 0};
        struct kv_place at_b = {0, 0};
        if (map_a->row_count != map_b->row_count) {
            return false;
        }
        while (kv_map_settle(map_a, &at_a) && kv_map_settle(map_b, &at_b)) {
            const struct kv_row *from_a = *kv_map_at(map_a, at_a);
            const struct kv_row *from_b = *kv_map_at(map_b, at_b);
            if (!p2p_slice_equal(kv_row_key(from_a), kv_row_key(from_b)) ||
                !p2p_slice_equal(kv_row_value(from_a), kv_row_value(from_b))) {
                return false;
            }
            at_a.slot++;
            at_b.slot++;
        }
    }
    return true;
}

/* Damage */

size_t memory_kv_value_count(const struct memory_kv *memory, enum p2p_table table)
{
    const struct kv_map *map = &memory->tables[table].map;
    size_t count = 0;

    for (struct kv_place at = {0, 0}; kv_map_settle(map, &at); at.slot++) {
        count += (*kv_map_at(map, at))->value_len > 0;
    }
    return count;
}

void memory_kv_spoil(struct memory_kv *memory, enum p2p_table table, size_t n,
                     void (*spoil)(void *context, uint8_t *value, size_t len), void *context)
{
    const struct kv_map *map = &memory->tables[table].map;
    struct kv_place at = {0, 0};

    p2p_assert(!memory->open);
    for (;; at.slot++) {
        bool there = kv_map_settle(map, &at);
        p2p_assert(there);
        if ((*kv_map_at(map, at))->value_len > 0 && n-- == 0) {
            break;
        }
    }
    struct kv_row *old = *kv_map_at(map, at);
    struct kv_row *row = kv_row_new(kv_row_key(old), kv_row_value(old));
    spoil(context, row->bytes + row->key_len, row->value_len);
    row->spoiled = true;
    *kv_map_at(map, at) = row;
    kv_row_drop(old);
}

void memory_kv_spoil_rows(struct memory_kv *memory, enum p2p_table table, size_t n,
                          size_t count, bool torn)
{
    const struct kv_map *map = &memory->tables[table].map;
    struct kv_place at = {0, 0};

    p2p_assert(!memory->open);
    for (; kv_map_settle(map, &at) && count > 0; at.slot++) {
        if (n > 0) {
            n--;
            continue;
        }
        struct kv_row *old = *kv_map_at(map, at);
        struct kv_row *row = kv_row_new(kv_row_key(old), kv_row_value(old));
        row->lost = torn ? LOST_TORN : LOST_FOR_NOW;
        *kv_map_at(map, at) = row;
        kv_row_drop(old);
        count--;
    }
}

bool memory_kv_spoiled(const struct memory_kv *memory)
{
    return memory->unread_count > 0;
}
