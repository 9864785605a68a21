#include "kv_map.h"

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

/* Rows */

struct p2p_slice kv_row_key(const struct kv_row *row)
{
    return p2p_slice_of(row->bytes, row->key_len);
}

struct p2p_slice kv_row_value(const struct kv_row *row)
{
    return p2p_slice_of(row->bytes + row->key_len, row->value_len);
}

struct kv_row *kv_row_new(struct p2p_slice key, struct p2p_slice value)
{
    struct kv_row *row = need(malloc(sizeof(*row) + key.len + value.len + 1));

    row->key_len = key.len;
    row->value_len = value.len;
    row->holders = 1;
    row->loaned = false;
    row->spoiled = false;
    row->lost = 0;
    if (key.len > 0) {
        memcpy(row->bytes, key.data, key.len);
    }
    if (value.len > 0) {
        memcpy(row->bytes + key.len, value.data, value.len);
    }
    return row;
}

struct kv_row *kv_row_hold(struct kv_row *row)
{
    row->holders++;
    return row;
}

void kv_row_drop(struct kv_row *row)
{
    if (row != NULL && --row->holders == 0) {
        memset(row->bytes, DEAD_BYTE, row->key_len + row->value_len);
        free(row);
    }
}

/* Looking */

static uint64_t number_of(const uint8_t bytes[8])
{
    uint64_t number = 0;
    for (size_t i = 0; i < 8; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

static struct kv_head head_of(struct p2p_slice key)
{
    uint8_t first[16] = {0};
    if (key.len > 0) {
        memcpy(first, key.data, key.len < sizeof(first) ? key.len : sizeof(first));
    }
    return (struct kv_head){.high = number_of(first), .low = number_of(first + 8)};
}

static int order(const struct kv_head *a, const struct kv_head *b)
{
    if (a->high != b->high) {
        return a->high < b->high ? -1 : 1;
    }
    return a->low == b->low ? 0 : a->low < b->low ? -1 : 1;
}

static int compare(const struct kv_block *block, size_t slot, const struct kv_head *head,
                   struct p2p_slice key)
{
    int order_of_heads = order(&block->heads[slot], head);
    return order_of_heads != 0 ? order_of_heads
                               : p2p_slice_compare(kv_row_key(block->rows[slot]), key);
}

/* Whether all keys of a block are below this one. */
static bool is_below(const struct kv_map *map, size_t at, const struct kv_head *head,
                     struct p2p_slice key)
{
    const struct kv_block *block = map->blocks[at];
    int order_of_heads = order(&map->lasts[at], head);
    return order_of_heads < 0 ||
           (order_of_heads == 0 && compare(block, block->count - 1, head, key) < 0);
}

bool kv_map_find(const struct kv_map *map, struct p2p_slice key, struct kv_place *place)
{
    const struct kv_head head = head_of(key);
    size_t low = 0;
    size_t high = map->block_count;

    while (low < high) { /* the first block whose last key is not below `key` */
        size_t mid = low + (high - low) / 2;
        if (is_below(map, mid, &head, key)) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    place->block = low;
    place->slot = 0;
    if (low == map->block_count) {
        return false;
    }
    const struct kv_block *block = map->blocks[low];
    size_t first = 0;
    size_t end = block->count;
    while (first < end) {
        size_t mid = first + (end - first) / 2;
        if (compare(block, mid, &head, key) < 0) {
            first = mid + 1;
        } else {
            end = mid;
        }
    }
    place->slot = first;
    return compare(block, first, &head, key) == 0;
}

struct kv_row **kv_map_at(const struct kv_map *map, struct kv_place place)
{
    return &map->blocks[place.block]->rows[place.slot];
}

bool kv_map_settle(const struct kv_map *map, struct kv_place *place)
{
    if (place->block < map->block_count && place->slot == map->blocks[place->block]->count) {
        *place = (struct kv_place){place->block + 1, 0};
    }
    return place->block < map->block_count;
}

/* Changing */

static void note_last(struct kv_map *map, size_t at)
{
    const struct kv_block *block = map->blocks[at];
    map->lasts[at] = block->heads[block->count - 1];
}

/* Its last key is noted by whoever fills it. */
static void insert_block(struct kv_map *map, size_t at, struct kv_block *block)
{
    if (map->block_count == map->block_cap) {
        map->block_cap = map->block_cap == 0 ? 8 : map->block_cap * 2;
        map->blocks = need(realloc(map->blocks, map->block_cap * sizeof(*map->blocks)));
        map->lasts = need(realloc(map->lasts, map->block_cap * sizeof(*map->lasts)));
    }
    size_t behind = map->block_count - at;
    memmove(map->blocks + at + 1, map->blocks + at, behind * sizeof(*map->blocks));
    memmove(map->lasts + at + 1, map->lasts + at, behind * sizeof(*map->lasts));
    map->blocks[at] = block;
    map->block_count++;
}

void kv_map_insert(struct kv_map *map, struct kv_place place, struct kv_row *row)
{
    if (place.block == map->block_count && place.block > 0) {
        place.block--; /* past the end: behind the last of the last block */
        place.slot = map->blocks[place.block]->count;
    }
    if (map->block_count == 0) {
        insert_block(map, 0, need(calloc(1, sizeof(struct kv_block))));
    }
    struct kv_block *block = map->blocks[place.block];
    if (block->count == KV_BLOCK_ROWS_MAX) {
        size_t keep = place.slot == block->count ? block->count - 1 : block->count / 2;
        struct kv_block *right = need(calloc(1, sizeof(*right)));
        right->count = block->count - keep;
        memcpy(right->rows, block->rows + keep, right->count * sizeof(struct kv_row *));
        memcpy(right->heads, block->heads + keep, right->count * sizeof(struct kv_head));
        block->count = keep;
        insert_block(map, place.block + 1, right);
        note_last(map, place.block);
        note_last(map, place.block + 1);
        if (place.slot > keep) {
            block = right;
            place.block++;
            place.slot -= keep;
        }
    }
    memmove(block->rows + place.slot + 1, block->rows + place.slot,
            (block->count - place.slot) * sizeof(struct kv_row *));
    memmove(block->heads + place.slot + 1, block->heads + place.slot,
            (block->count - place.slot) * sizeof(struct kv_head));
    block->rows[place.slot] = row;
    block->heads[place.slot] = head_of(kv_row_key(row));
    block->count++;
    note_last(map, place.block);
    map->row_count++;
}

struct kv_row *kv_map_remove(struct kv_map *map, struct kv_place place)
{
    struct kv_block *block = map->blocks[place.block];
    struct kv_row *row = block->rows[place.slot];

    memmove(block->rows + place.slot, block->rows + place.slot + 1,
            (block->count - place.slot - 1) * sizeof(struct kv_row *));
    memmove(block->heads + place.slot, block->heads + place.slot + 1,
            (block->count - place.slot - 1) * sizeof(struct kv_head));
    block->count--;
    map->row_count--;
    if (block->count == 0) {
        size_t behind = map->block_count - place.block - 1;
        free(block);
        memmove(map->blocks + place.block, map->blocks + place.block + 1,
                behind * sizeof(*map->blocks));
        memmove(map->lasts + place.block, map->lasts + place.block + 1,
                behind * sizeof(*map->lasts));
        map->block_count--;
    } else {
        note_last(map, place.block);
    }
    return row;
}

/* Whole maps */

void kv_map_copy(struct kv_map *to, const struct kv_map *from)
{
    for (size_t b = 0; b < from->block_count; b++) {
        struct kv_block *block = need(malloc(sizeof(*block)));
        *block = *from->blocks[b];
        for (size_t r = 0; r < block->count; r++) {
            kv_row_hold(block->rows[r]);
        }
        insert_block(to, b, block);
        note_last(to, b);
    }
    to->row_count = from->row_count;
}

void kv_map_deinit(struct kv_map *map)
{
    for (size_t b = 0; b < map->block_count; b++) {
        for (size_t r = 0; r < map->blocks[b]->count; r++) {
            kv_row_drop(map->blocks[b]->rows[r]);
        }
        free(map->blocks[b]);
    }
    free(map->blocks);
    free(map->lasts);
    *map = (struct kv_map){0};
}
