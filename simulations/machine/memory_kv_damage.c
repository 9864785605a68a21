#include "memory_kv_state.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <string.h>

/* Coming upon rows that cannot be read */

enum p2p_err memory_kv_refuse(struct memory_kv *memory, enum p2p_table table,
                              const struct kv_row *row)
{
    if (memory->unread_count < MEMORY_KV_UNREAD_MAX) {
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

enum p2p_err memory_kv_find(struct memory_kv *memory, enum p2p_table table,
                            struct p2p_slice key, struct kv_place *place, bool *found)
{
    const struct kv_map *map = &memory->tables[table].map;
    struct kv_place before;
    *found = kv_map_find(map, key, place);
    before = *place;
    bool lost =
        is_lost(map, *place) && (*found || (step_before(map, &before) && is_lost(map, before)));
    return lost ? memory_kv_refuse(memory, table, row_at(map, *place)) : P2P_OK;
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
            memory_kv_take_away(memory, unread->table, place);
            continue;
        }
        struct kv_row *old = *kv_map_at(map, place);
        *kv_map_at(map, place) = kv_row_new(kv_row_key(old), kv_row_value(old));
        memory_kv_push_undo(memory, (struct undo){unread->table, false, old});
        place.slot++;
    }
    *(torn ? &out->emptied : &out->mended) += 1;
    out->table = unread->table;
}

void memory_kv_mend(struct memory_kv *memory, struct p2p_kv_mended *out)
{
    while (memory->unread_count > 0) {
        mend(memory, &memory->unread[--memory->unread_count], out);
    }
}

/* Damage done by hand */

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
