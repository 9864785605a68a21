#include "memory_kv_state.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

#define DEAD_BYTE 0xdd

static void *need(void *memory)
{
    p2p_assert(memory != NULL);
    return memory;
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

void memory_kv_push_undo(struct memory_kv *memory, struct undo undo)
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
    enum p2p_err err = memory_kv_find(memory, table, key, &place, &found);
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
    enum p2p_err err = memory_kv_find(memory, table, key, &place, &found);
    if (err != P2P_OK) {
        return err;
    }
    struct kv_row *row = kv_row_new(key, value);
    memory->bytes += row_bytes(row);
    if (found) {
        struct kv_row *old = *kv_map_at(&in->map, place);
        memory->bytes -= row_bytes(old);
        *kv_map_at(&in->map, place) = row;
        memory_kv_push_undo(memory, (struct undo){table, false, old});
    } else {
        kv_map_insert(&in->map, place, row);
        memory_kv_push_undo(
            memory, (struct undo){table, true, kv_row_new(key, (struct p2p_slice){NULL, 0})});
    }
    return P2P_OK;
}

void memory_kv_take_away(struct memory_kv *memory, enum p2p_table table, struct kv_place place)
{
    struct kv_row *old = kv_map_remove(&memory->tables[table].map, place);
    memory->bytes -= row_bytes(old);
    memory_kv_push_undo(memory, (struct undo){table, false, old});
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
    enum p2p_err err = memory_kv_find(memory, table, key, &place, &found);
    if (err != P2P_OK || !found) {
        return err == P2P_OK ? P2P_NOTFOUND : err;
    }
    memory_kv_take_away(memory, table, place);
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
        return memory_kv_refuse(memory, table, row);
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
            memory_kv_refuse(memory, table, row);
        }
        lost_before = row->lost != LOST_NOT;
    }
    return P2P_OK;
}

static enum p2p_err kv_mend(void *context, struct p2p_kv_mended *out)
{
    struct memory_kv *memory = context;

    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        enter_write(memory, (enum p2p_table)t);
    }
    memory_kv_mend(memory, out);
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
