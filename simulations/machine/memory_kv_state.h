/* What a memory_kv is made of, for its parts: transactions and lending in memory_kv.c, rows
 * that cannot be read and damage done by hand in memory_kv_damage.c. */
#ifndef MEMORY_KV_STATE_H
#define MEMORY_KV_STATE_H

#include "kv_map.h"
#include "memory_kv.h"

#define MEMORY_KV_UNREAD_MAX 16u

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
    struct unread unread[MEMORY_KV_UNREAD_MAX];
    size_t unread_count;
};

static inline size_t row_bytes(const struct kv_row *row)
{
    return row->key_len + row->value_len;
}

/* What is about to change, so that an abort can undo it; takes the row's reference. */
void memory_kv_push_undo(struct memory_kv *memory, struct undo undo);
/* Removes a row, undoably. */
void memory_kv_take_away(struct memory_kv *memory, enum p2p_table table, struct kv_place place);

/* Remembers, for the next mending, that somebody came upon a row that cannot be read, and
 * returns P2P_CORRUPT. */
enum p2p_err memory_kv_refuse(struct memory_kv *memory, enum p2p_table table,
                              const struct kv_row *row);
/* Finds a key's place; P2P_CORRUPT when it is among rows that cannot be read. */
enum p2p_err memory_kv_find(struct memory_kv *memory, enum p2p_table table,
                            struct p2p_slice key, struct kv_place *place, bool *found);
/* Gives back, or takes away when they are torn, all the rows around those that somebody came
 * upon. */
void memory_kv_mend(struct memory_kv *memory, struct p2p_kv_mended *out);

#endif
