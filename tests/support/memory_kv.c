#include "memory_kv.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>

#include <stdlib.h>
#include <string.h>

#define BLOCK_ENTRIES_MAX 128u
#define DEAD_BYTE         0xdd

/* Key and value in one piece, never changed in place: a write makes a new one. */
struct entry {
    size_t key_len;
    size_t value_len;
    bool loaned;
    uint8_t bytes[];
};

struct block {
    size_t count; /* never 0 */
    struct entry *entries[BLOCK_ENTRIES_MAX];
};

struct place {
    size_t block;
    size_t slot;
};

enum cursor_state { CURSOR_LOST, CURSOR_AT, CURSOR_END };

struct table {
    struct block **blocks;
    size_t block_count;
    size_t block_cap;
    size_t entry_count;
    struct place cursor;
    enum cursor_state cursor_state;
};

/* One step back: put `old` in place of what stands under its key, or remove `added`'s key. */
struct undo {
    enum p2p_table table;
    bool added;
    struct entry *entry; /* the replaced or removed one; for an addition a copy of the key */
};

struct loan {
    enum p2p_table table;
    struct entry *entry;
};

struct memory_kv {
    struct p2p_kv kv;
    struct table tables[P2P_TABLE_COUNT];
    size_t bytes;
    bool open;
    struct undo *undo;
    size_t undo_count;
    size_t undo_cap;
    struct loan loans[MEMORY_KV_LOANS_MAX];
    size_t loan_count;
    uint8_t *payload; /* the PAYLOAD value last handed out */
    size_t payload_len;
};

static void *need(void *memory)
{
    p2p_assert(memory != NULL);
    return memory;
}

static struct p2p_slice entry_key(const struct entry *entry)
{
    return p2p_slice_of(entry->bytes, entry->key_len);
}

static struct p2p_slice entry_value(const struct entry *entry)
{
    return p2p_slice_of(entry->bytes + entry->key_len, entry->value_len);
}

static struct entry *entry_new(struct p2p_slice key, struct p2p_slice value)
{
    struct entry *entry = need(malloc(sizeof(*entry) + key.len + value.len + 1));

    entry->key_len = key.len;
    entry->value_len = value.len;
    entry->loaned = false;
    if (key.len > 0) {
        memcpy(entry->bytes, key.data, key.len);
    }
    if (value.len > 0) {
        memcpy(entry->bytes + key.len, value.data, value.len);
    }
    return entry;
}

/* Overwritten first: without the address sanitizer a stale slice at least reads nonsense. */
static void entry_free(struct entry *entry)
{
    if (entry != NULL) {
        memset(entry->bytes, DEAD_BYTE, entry->key_len + entry->value_len);
        free(entry);
    }
}

/* The first place at or above key; true when it holds exactly key. */
static bool table_find(const struct table *table, struct p2p_slice key, struct place *place)
{
    size_t low = 0;
    size_t high = table->block_count;

    while (low < high) { /* the first block whose last key is not below `key` */
        size_t mid = low + (high - low) / 2;
        const struct block *block = table->blocks[mid];
        if (p2p_slice_compare(entry_key(block->entries[block->count - 1]), key) < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    place->block = low;
    place->slot = 0;
    if (low == table->block_count) {
        return false;
    }
    const struct block *block = table->blocks[low];
    size_t first = 0;
    size_t end = block->count;
    while (first < end) {
        size_t mid = first + (end - first) / 2;
        if (p2p_slice_compare(entry_key(block->entries[mid]), key) < 0) {
            first = mid + 1;
        } else {
            end = mid;
        }
    }
    place->slot = first;
    return p2p_slice_compare(entry_key(block->entries[first]), key) == 0;
}

static struct entry **table_at(const struct table *table, struct place place)
{
    return &table->blocks[place.block]->entries[place.slot];
}

static void table_insert_block(struct table *table, size_t at, struct block *block)
{
    if (table->block_count == table->block_cap) {
        table->block_cap = table->block_cap == 0 ? 8 : table->block_cap * 2;
        table->blocks = need(realloc(table->blocks, table->block_cap * sizeof(*table->blocks)));
    }
    memmove(table->blocks + at + 1, table->blocks + at,
            (table->block_count - at) * sizeof(*table->blocks));
    table->blocks[at] = block;
    table->block_count++;
}

static void table_insert(struct table *table, struct place place, struct entry *entry)
{
    if (place.block == table->block_count && place.block > 0) {
        place.block--; /* past the end: behind the last of the last block */
        place.slot = table->blocks[place.block]->count;
    }
    if (table->block_count == 0) {
        table_insert_block(table, 0, need(calloc(1, sizeof(struct block))));
    }
    struct block *block = table->blocks[place.block];
    if (block->count == BLOCK_ENTRIES_MAX) {
        size_t keep = place.slot == block->count ? block->count - 1 : block->count / 2;
        struct block *right = need(calloc(1, sizeof(*right)));
        right->count = block->count - keep;
        memcpy(right->entries, block->entries + keep, right->count * sizeof(struct entry *));
        block->count = keep;
        table_insert_block(table, place.block + 1, right);
        if (place.slot > keep) {
            block = right;
            place.slot -= keep;
        }
    }
    memmove(block->entries + place.slot + 1, block->entries + place.slot,
            (block->count - place.slot) * sizeof(struct entry *));
    block->entries[place.slot] = entry;
    block->count++;
    table->entry_count++;
}

static struct entry *table_remove(struct table *table, struct place place)
{
    struct block *block = table->blocks[place.block];
    struct entry *entry = block->entries[place.slot];

    memmove(block->entries + place.slot, block->entries + place.slot + 1,
            (block->count - place.slot - 1) * sizeof(struct entry *));
    block->count--;
    table->entry_count--;
    if (block->count == 0) {
        free(block);
        memmove(table->blocks + place.block, table->blocks + place.block + 1,
                (table->block_count - place.block - 1) * sizeof(*table->blocks));
        table->block_count--;
    }
    return entry;
}

static size_t entry_bytes(const struct entry *entry)
{
    return entry->key_len + entry->value_len;
}

/* Moves everything that was lent out, so that what the caller kept is dead from here on. */
static void recall_loans(struct memory_kv *memory)
{
    for (size_t i = 0; i < memory->loan_count; i++) {
        struct entry *old = memory->loans[i].entry;
        struct table *table = &memory->tables[memory->loans[i].table];
        struct place place;
        bool found = table_find(table, entry_key(old), &place);
        p2p_assert(found);
        p2p_assert(*table_at(table, place) == old);
        *table_at(table, place) = entry_new(entry_key(old), entry_value(old));
        entry_free(old);
    }
    memory->loan_count = 0;
}

static void lend(struct memory_kv *memory, enum p2p_table table, struct entry *entry)
{
    if (!entry->loaned && memory->loan_count < MEMORY_KV_LOANS_MAX) {
        entry->loaned = true;
        memory->loans[memory->loan_count++] = (struct loan){table, entry};
    }
}

static void drop_payload(struct memory_kv *memory, enum p2p_table table)
{
    if (table == P2P_TABLE_PAYLOAD && memory->payload != NULL) {
        memset(memory->payload, DEAD_BYTE, memory->payload_len);
        free(memory->payload);
        memory->payload = NULL;
    }
}

static struct p2p_slice hand_out(struct memory_kv *memory, enum p2p_table table,
                                 struct entry *entry)
{
    lend(memory, table, entry);
    if (table != P2P_TABLE_PAYLOAD) {
        return entry_value(entry);
    }
    struct p2p_slice value = entry_value(entry);
    memory->payload = need(malloc(value.len + 1));
    memory->payload_len = value.len;
    memcpy(memory->payload, value.data, value.len);
    return p2p_slice_of(memory->payload, value.len);
}

static struct table *enter(struct memory_kv *memory, enum p2p_table table)
{
    p2p_assert(memory->open);
    p2p_assert(table < P2P_TABLE_COUNT);
    drop_payload(memory, table);
    return &memory->tables[table];
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
    struct place place;

    if (key.len == 0 || !table_find(in, key, &place)) {
        return P2P_NOTFOUND;
    }
    *value = hand_out(memory, table, *table_at(in, place));
    return P2P_OK;
}

static enum p2p_err kv_put(void *context, enum p2p_table table, struct p2p_slice key,
                           struct p2p_slice value)
{
    struct memory_kv *memory = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX]; /* a borrowed key may be written to, a value not */
    struct place place;

    p2p_assert(table != P2P_TABLE_PAYLOAD || key.len == 12);
    memcpy(key_copy, key.data, key.len);
    key.data = key_copy;
    struct table *in = enter(memory, table);
    recall_loans(memory);
    in->cursor_state = CURSOR_LOST;
    struct entry *entry = entry_new(key, value);
    memory->bytes += entry_bytes(entry);
    if (table_find(in, key, &place)) {
        struct entry *old = *table_at(in, place);
        memory->bytes -= entry_bytes(old);
        *table_at(in, place) = entry;
        push_undo(memory, (struct undo){table, false, old});
    } else {
        table_insert(in, place, entry);
        push_undo(memory,
                  (struct undo){table, true, entry_new(key, (struct p2p_slice){NULL, 0})});
    }
    return P2P_OK;
}

static enum p2p_err kv_del(void *context, enum p2p_table table, struct p2p_slice key)
{
    struct memory_kv *memory = context;
    uint8_t key_copy[P2P_KV_KEY_BYTES_MAX];
    struct place place;

    if (key.len == 0) {
        return P2P_NOTFOUND;
    }
    memcpy(key_copy, key.data, key.len);
    key.data = key_copy;
    struct table *in = enter(memory, table);
    recall_loans(memory);
    in->cursor_state = CURSOR_LOST;
    if (!table_find(in, key, &place)) {
        return P2P_NOTFOUND;
    }
    struct entry *old = table_remove(in, place);
    memory->bytes -= entry_bytes(old);
    push_undo(memory, (struct undo){table, false, old});
    return P2P_OK;
}

static enum p2p_err give_cursor(struct memory_kv *memory, enum p2p_table table,
                                struct p2p_slice *found, struct p2p_slice *value)
{
    struct table *in = &memory->tables[table];

    if (in->cursor.block < in->block_count &&
        in->cursor.slot == in->blocks[in->cursor.block]->count) {
        in->cursor = (struct place){in->cursor.block + 1, 0};
    }
    if (in->cursor.block >= in->block_count) {
        in->cursor_state = CURSOR_END;
        return P2P_NOTFOUND;
    }
    in->cursor_state = CURSOR_AT;
    struct entry *entry = *table_at(in, in->cursor);
    *found = entry_key(entry);
    *value = hand_out(memory, table, entry);
    return P2P_OK;
}

static enum p2p_err kv_seek(void *context, enum p2p_table table, struct p2p_slice key,
                            struct p2p_slice *found, struct p2p_slice *value)
{
    struct memory_kv *memory = context;
    struct table *in = enter(memory, table);

    if (key.len == 0) {
        in->cursor = (struct place){0, 0};
    } else {
        table_find(in, key, &in->cursor);
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

struct memory_kv *memory_kv_new(void)
{
    struct memory_kv *memory = need(calloc(1, sizeof(*memory)));

    memory->kv = (struct p2p_kv){kv_get, kv_put, kv_del, kv_seek, kv_next, memory};
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
        struct table *table = &memory->tables[t];
        for (size_t b = 0; b < table->block_count; b++) {
            for (size_t e = 0; e < table->blocks[b]->count; e++) {
                entry_free(table->blocks[b]->entries[e]);
            }
            free(table->blocks[b]);
        }
        free(table->blocks);
    }
    free(memory->undo);
    free(memory);
}

const struct p2p_kv *memory_kv_kv(struct memory_kv *memory)
{
    return &memory->kv;
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
    drop_payload(memory, P2P_TABLE_PAYLOAD);
    recall_loans(memory);
    memory->undo_count = 0;
    memory->open = false;
}

enum p2p_err memory_kv_commit(struct memory_kv *memory)
{
    p2p_assert(memory->open);
    for (size_t i = 0; i < memory->undo_count; i++) {
        entry_free(memory->undo[i].entry);
    }
    end(memory);
    return P2P_OK;
}

void memory_kv_abort(struct memory_kv *memory)
{
    p2p_assert(memory->open);
    recall_loans(memory);
    for (size_t i = memory->undo_count; i-- > 0;) {
        struct undo *undo = &memory->undo[i];
        struct table *table = &memory->tables[undo->table];
        struct place place;
        bool found = table_find(table, entry_key(undo->entry), &place);
        if (undo->added) {
            p2p_assert(found);
            struct entry *gone = table_remove(table, place);
            memory->bytes -= entry_bytes(gone);
            entry_free(gone);
            entry_free(undo->entry);
            continue;
        }
        memory->bytes += entry_bytes(undo->entry);
        if (found) {
            memory->bytes -= entry_bytes(*table_at(table, place));
            entry_free(*table_at(table, place));
            *table_at(table, place) = undo->entry;
        } else {
            table_insert(table, place, undo->entry);
        }
    }
    end(memory);
}

size_t memory_kv_count(const struct memory_kv *memory, enum p2p_table table)
{
    return memory->tables[table].entry_count;
}

size_t memory_kv_bytes(const struct memory_kv *memory)
{
    return memory->bytes;
}

struct memory_kv *memory_kv_clone(const struct memory_kv *memory)
{
    p2p_assert(!memory->open);
    struct memory_kv *clone = memory_kv_new();

    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        const struct table *from = &memory->tables[t];
        struct table *to = &clone->tables[t];
        for (size_t b = 0; b < from->block_count; b++) {
            struct block *block = need(calloc(1, sizeof(*block)));
            for (size_t e = 0; e < from->blocks[b]->count; e++) {
                const struct entry *entry = from->blocks[b]->entries[e];
                block->entries[e] = entry_new(entry_key(entry), entry_value(entry));
            }
            block->count = from->blocks[b]->count;
            table_insert_block(to, b, block);
        }
        to->entry_count = from->entry_count;
    }
    clone->bytes = memory->bytes;
    return clone;
}

static bool table_step(const struct table *table, struct place *place)
{
    if (place->block < table->block_count &&
        place->slot == table->blocks[place->block]->count) {
        *place = (struct place){place->block + 1, 0};
    }
    return place->block < table->block_count;
}

bool memory_kv_equal(const struct memory_kv *a, const struct memory_kv *b)
{
    for (int t = 0; t < P2P_TABLE_COUNT; t++) {
        struct place at_a = {0, 0};
        struct place at_b = {0, 0};
        if (a->tables[t].entry_count != b->tables[t].entry_count) {
            return false;
        }
        while (table_step(&a->tables[t], &at_a) && table_step(&b->tables[t], &at_b)) {
            const struct entry *from_a = *table_at(&a->tables[t], at_a);
            const struct entry *from_b = *table_at(&b->tables[t], at_b);
            if (!p2p_slice_equal(entry_key(from_a), entry_key(from_b)) ||
                !p2p_slice_equal(entry_value(from_a), entry_value(from_b))) {
                return false;
            }
            at_a.slot++;
            at_b.slot++;
        }
    }
    return true;
}
