#include "packed.h"

#include "held.h"

#include <p2p/assert.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* With less in it than this after a removal, a block joins a neighbour if both have no more
     * than that together. */
    SPARSE_BYTES = BLOCK_BYTES_MAX / 4,
    JOINED_BYTES_MAX = BLOCK_BYTES_MAX * 3 / 4,
    /* With more in it than it may have, a block shares with a neighbour if both have no more
     * than this together; else it is parted. */
    SHARED_BYTES_MAX = BLOCK_BYTES_MAX * 15 / 8,
    /* The same where rows are put here and there, one behind the other; and how full the second
     * of both may then be. */
    SWEPT_BYTES_MAX = BLOCK_BYTES_MAX * 31 / 16,
    SECOND_BYTES_MAX = BLOCK_BYTES_MAX * 15 / 16,
    /* What the marks of so many rows take; without them a search looks at every row. */
    MARKED_ROWS = 16,
    MARK_BYTES = 14,
    /* A block has room for marks that it lacks. */
    UNMARKED_BYTES_MAX = BLOCK_BYTES_MAX * 63 / 64
};

bool packed_is(enum p2p_table table)
{
    return table == P2P_TABLE_PAYLOAD || table == P2P_TABLE_ISSUER ||
           table == P2P_TABLE_TOUCH || table == P2P_TABLE_INDEX || table == P2P_TABLE_VIEW;
}

/* ---- finding ---- */

/* The block in which a key stands or would: the last whose key is not above it, or the first of
 * the table when none is (before [out]). The cursor then stands there. MDB_NOTFOUND: there is
 * none. */
static int find_block(MDB_cursor *cursor, struct p2p_slice key, MDB_val *name, MDB_val *block,
                      bool *before)
{
    MDB_val from = txn_val(key);
    *before = false;
    *name = from;
    int rc = mdb_cursor_get(cursor, name, block, MDB_SET_RANGE);
    if (rc == 0 && name->mv_size == from.mv_size &&
        memcmp(name->mv_data, from.mv_data, from.mv_size) == 0) {
        return 0;
    }
    if (rc != 0 && rc != MDB_NOTFOUND) {
        return rc;
    }
    rc = mdb_cursor_get(cursor, name, block, rc == 0 ? MDB_PREV : MDB_LAST);
    if (rc == MDB_NOTFOUND) {
        *before = true;
        rc = mdb_cursor_get(cursor, name, block, MDB_FIRST);
    }
    return rc;
}

/* A key's place in a table. */
struct place {
    MDB_val name;           /* of the block */
    struct p2p_slice block; /* empty: the table is */
    bool before;            /* the key is below that name */
    struct block_place in;
};

/* Behind the last row of a block the next one is looked at as well: if its key in LMDB were
 * spoiled, the key that is looked for could stand there. */
static int find_place(struct p2p_txn *txn, enum p2p_table table, MDB_cursor *cursor,
                      struct p2p_slice key, struct place *place)
{
    MDB_val row;
    int rc = find_block(cursor, key, &place->name, &row, &place->before);
    if (rc == 0) {
        rc = held_block(txn, table, place->name, row, &place->block);
    }
    if (rc != 0) {
        return rc;
    }
    block_find(&place->in, place->block, key);
    if (place->in.found == BLOCK_END) {
        struct p2p_slice next;
        MDB_val name;
        rc = mdb_cursor_get(cursor, &name, &row, MDB_NEXT);
        rc = rc == 0 ? held_block(txn, table, name, row, &next) : rc;
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    return place->in.found == BLOCK_BAD ? MDB_CORRUPTED : 0;
}

int packed_get(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
               struct p2p_slice *row)
{
    struct place place;
    int rc = 0;
    if (txn->gets[table] == NULL) {
        rc = mdb_cursor_open(txn->mdb, txn->store->dbi[table], &txn->gets[table]);
    }
    rc = rc == 0 ? find_place(txn, table, txn->gets[table], key, &place) : rc;
    if (rc == 0 && !place.in.equal) {
        rc = MDB_NOTFOUND;
    }
    if (rc == 0) {
        *row = place.in.walk.value;
    }
    return rc;
}

/* What stands at the walk, or in the next block when this one has ended. */
static int give(struct p2p_txn *txn, enum p2p_table table, enum block_found at,
                struct p2p_slice *found, struct p2p_slice *row)
{
    struct block_walk *walk = &txn->walks[table];
    if (at == BLOCK_END) {
        MDB_val name;
        MDB_val held;
        struct p2p_slice block;
        int rc = mdb_cursor_get(txn->cursors[table], &name, &held, MDB_NEXT);
        rc = rc == 0 ? held_block(txn, table, name, held, &block) : rc;
        if (rc != 0) {
            return rc;
        }
        at = block_begin(walk, block);
        at = at == BLOCK_ROW ? block_next(walk) : at;
    }
    if (at != BLOCK_ROW) {
        return MDB_CORRUPTED;
    }
    *found = p2p_slice_of(walk->key, walk->key_len);
    *row = walk->value;
    txn->walked[table] = txn->writes;
    return 0;
}

int packed_seek(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
                struct p2p_slice *found, struct p2p_slice *row)
{
    struct block_place place;
    MDB_val name;
    MDB_val held;
    struct p2p_slice block;
    MDB_cursor *cursor;
    bool before;
    int rc = txn_cursor(txn, table, &cursor);
    if (rc == 0) {
        rc = key.len == 0 ? mdb_cursor_get(cursor, &name, &held, MDB_FIRST)
                          : find_block(cursor, key, &name, &held, &before);
    }
    rc = rc == 0 ? held_block(txn, table, name, held, &block) : rc;
    if (rc != 0) {
        return rc;
    }
    block_find(&place, block, key);
    txn->walks[table] = place.walk;
    return give(txn, table, place.found, found, row);
}

/* After a write to another table the block may lie elsewhere: LMDB keeps in place the pages in
 * which a cursor stands, but a block with pages of its own is written out, and its memory given
 * back, when a transaction has changed more than LMDB keeps (512 MiB). */
static int walk_again(struct p2p_txn *txn, enum p2p_table table)
{
    struct block_walk *walk = &txn->walks[table];
    MDB_val name;
    MDB_val held;
    struct p2p_slice block;
    int rc = mdb_cursor_get(txn->cursors[table], &name, &held, MDB_GET_CURRENT);
    rc = rc == 0 ? held_block(txn, table, name, held, &block) : rc;
    if (rc == 0 && block.data != walk->rows.data) {
        walk->marks = block.data + (walk->marks - walk->rows.data);
        walk->rows.data = block.data;
    }
    return rc;
}

int packed_next(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice *found,
                struct p2p_slice *row)
{
    int rc = txn->walked[table] == txn->writes ? 0 : walk_again(txn, table);
    return rc != 0 ? rc : give(txn, table, block_next(&txn->walks[table]), found, row);
}

/* ---- where rows are added one behind the other ---- */

/* packed_runs_end of the block before this one. Moves the cursor. */
static size_t last_added_before(struct p2p_txn *txn, enum p2p_table table,
                                struct p2p_slice name)
{
    MDB_cursor *cursor = txn->cursors[table];
    struct p2p_slice block;
    MDB_val at = txn_val(name);
    MDB_val held;
    size_t count;
    if (mdb_cursor_get(cursor, &at, &held, MDB_SET) != 0 ||
        mdb_cursor_get(cursor, &at, &held, MDB_PREV) != 0 ||
        held_block(txn, table, at, held, &block) != 0) {
        return 0;
    }
    return packed_runs_end(&txn->store->runs[table], block, block.len, &count);
}

/* Where a row was put that made a block too long. */
struct put_at {
    size_t at, end; /* both 0: anywhere */
    bool run;       /* rows are added one behind the other there */
    /* Not 0: rows are put there here and there, one behind the other, so that blocks become
     * longer: of the last so many bytes, so many are new. And how full a block of such rows may
     * be with room for its marks. */
    size_t swept, grown, full;
};

/* What goes on where a row was put into a block, which it made too long. before_len: how long
 * that was. */
static void look_around(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
                        struct p2p_slice block, size_t before_len, bool equal,
                        struct put_at *row)
{
    struct block_walk walk;
    size_t count;
    size_t since = packed_runs_end(&txn->store->runs[table], block, row->at, &count);
    bool last = block_begin(&walk, block) == BLOCK_ROW && row->end == walk.rows.len;
    row->run = !equal && (last || (since > 0 && since == row->at));
    if (!row->run && block.len > before_len &&
        (since > 0 || last_added_before(txn, table, name) > 0)) {
        row->grown = block.len - before_len;
        row->swept = row->end - since > row->grown ? row->end - since : row->grown + 1;
        size_t rows = BLOCK_BYTES_MAX * (count + 1) / row->end; /* in a full one */
        size_t marks = rows / MARKED_ROWS * MARK_BYTES;
        row->full =
            BLOCK_BYTES_MAX - (marks < BLOCK_BYTES_MAX / 8 ? marks : BLOCK_BYTES_MAX / 8);
    }
}

/* ---- writing ---- */

/* Blocks are written in three parts of one buffer: what a block becomes, what is parted from it
 * or joined to it, and what is marked. */
enum part { NEW, OTHER, MARKED, PART_COUNT };

static uint8_t *part(const struct p2p_txn *txn, enum part part)
{
    return txn->edit + txn->edit_cap / PART_COUNT * part;
}

/* For blocks of so many bytes, and marks. */
static int make_room(struct p2p_txn *txn, size_t len)
{
    size_t cap = PART_COUNT * (BLOCK_MARK_TIMES * len + BLOCK_MARK_MORE);
    if (cap > txn->edit_cap) {
        uint8_t *more = realloc(txn->edit, cap);
        if (more == NULL) {
            return ENOMEM;
        }
        txn->edit = more;
        txn->edit_cap = cap;
    }
    return 0;
}

/* Marked, if it has no marks and they do not make it too long. */
static int write_block(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
                       struct p2p_slice block)
{
    if (!block_is_marked(block)) {
        size_t len = block_mark(part(txn, MARKED), block);
        if (len == 0) {
            return MDB_CORRUPTED;
        }
        if (len <= BLOCK_BYTES_MAX) {
            block = p2p_slice_of(part(txn, MARKED), len);
        }
    }
    return held_put(txn, table, name, block);
}

/* How much of a swept block, of len bytes, its first part takes: so much that it is full once
 * the sweep has passed, and no less than leaves room in the second. */
static size_t swept_part(const struct put_at *row, size_t len)
{
    size_t left = row->end < row->full ? row->full - row->end : 0;
    size_t part = row->end + left * (row->swept - row->grown) / row->swept;
    size_t least = len > SECOND_BYTES_MAX ? len - SECOND_BYTES_MAX : 0;
    part = part > least ? part : least;
    return part < row->full ? part : row->full;
}

/* Where such a block is parted: at the new row's end or begin in a run, else as near to the
 * middle as can be. The walk stands at the row that begins the second part. False: it has one
 * row, or is none. */
static bool part_at(struct block_walk *walk, struct p2p_slice block, const struct put_at *row)
{
    enum block_found found = block_begin(walk, block);
    if (found != BLOCK_ROW) {
        return false;
    }
    size_t len = walk->rows.len;
    size_t wish = len / 2 < BLOCK_BYTES_MAX ? len / 2 : BLOCK_BYTES_MAX;
    if (row->swept > 0) {
        wish = swept_part(row, len);
    } else if (row->run) {
        wish = row->end <= BLOCK_BYTES_MAX && row->end < len ? row->end : row->at;
    }
    found = block_next(walk); /* the first stays */
    do {
        found = found == BLOCK_ROW ? block_next(walk) : found;
    } while (found == BLOCK_ROW && walk->end <= wish);
    return found == BLOCK_ROW;
}

/* Writes the new block, of len bytes: under its name, and what is too much under names of its
 * own. */
static int write_parts(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
                       size_t len, struct put_at row)
{
    uint8_t own[P2P_KV_KEY_BYTES_MAX];
    int rc = 0;
    while (rc == 0) {
        struct block_walk walk;
        struct p2p_slice block = p2p_slice_of(part(txn, NEW), len);
        if (len <= BLOCK_BYTES_MAX || !part_at(&walk, block, &row)) {
            return write_block(txn, table, name, block);
        }
        size_t head_len = block_head(part(txn, OTHER), &walk);
        rc = write_block(txn, table, name, p2p_slice_of(part(txn, OTHER), head_len));
        len = block_tail(part(txn, OTHER), &walk);
        memcpy(own, walk.key, walk.key_len);
        name = p2p_slice_of(own, walk.key_len);
        memcpy(part(txn, NEW), part(txn, OTHER), len);
        row = (struct put_at){.at = 0};
    }
    return rc;
}

/* The new block shares its rows with the one before it or after it, or takes all of them, where
 * both have no more than `most` bytes. MDB_NOTFOUND: there is none such. */
static int share(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name, size_t len,
                 size_t most, MDB_cursor_op to, const struct put_at *row)
{
    uint8_t own[P2P_KV_KEY_BYTES_MAX];
    MDB_cursor *cursor = txn->cursors[table];
    MDB_val other;
    MDB_val held;
    struct p2p_slice block;
    MDB_val at = txn_val(name);
    int rc = mdb_cursor_get(cursor, &at, &held, MDB_SET);
    if (rc == 0) {
        rc = mdb_cursor_get(cursor, &other, &held, to);
    }
    if (rc == 0) {
        rc = len + held.mv_size > most ? MDB_NOTFOUND
                                       : held_block(txn, table, other, held, &block);
    }
    if (rc != 0) {
        return rc;
    }
    struct p2p_slice mine = p2p_slice_of(part(txn, NEW), len);
    struct p2p_slice left = to == MDB_PREV ? txn_slice(other) : name;
    at = txn_val(to == MDB_PREV ? name : txn_slice(other)); /* the right one gets another */
    struct put_at parted = {.at = 0}; /* anywhere, or where the sweep is */
    if (row->swept > 0) {
        size_t moved = to == MDB_PREV ? block.len : 0;
        parted = *row;
        parted.at += moved;
        parted.end += moved;
    }
    len = to == MDB_PREV ? block_join(part(txn, OTHER), block, mine)
                         : block_join(part(txn, OTHER), mine, block);
    if (len == 0) {
        return MDB_CORRUPTED;
    }
    memcpy(own, left.data, left.len);
    memcpy(part(txn, NEW), part(txn, OTHER), len);
    rc = mdb_cursor_get(cursor, &at, &held, MDB_SET);
    if (rc == 0) {
        rc = mdb_cursor_del(cursor, 0);
    }
    return rc == 0 ? write_parts(txn, table, p2p_slice_of(own, left.len), len, parted) : rc;
}

/* The new block, of len bytes; it may be too long, or have little in it. unmarked: it has fewer
 * marks than it should. */
static int write_new(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice name,
                     size_t len, struct put_at row, bool unmarked)
{
    struct p2p_slice block = p2p_slice_of(part(txn, NEW), len);
    bool sparse = len < SPARSE_BYTES && row.end == 0;
    bool swept = row.swept > 0;
    if (sparse || (len > BLOCK_BYTES_MAX && !row.run)) {
        size_t most = sparse ? JOINED_BYTES_MAX : swept ? SWEPT_BYTES_MAX : SHARED_BYTES_MAX;
        int rc = share(txn, table, name, len, most, MDB_PREV, &row);
        if (rc == MDB_NOTFOUND) {
            rc = share(txn, table, name, len, most, MDB_NEXT, &row);
        }
        if (rc != MDB_NOTFOUND) {
            return rc;
        }
    }
    if (len > BLOCK_BYTES_MAX) {
        return write_parts(txn, table, name, len, row);
    }
    unmarked = unmarked && len <= UNMARKED_BYTES_MAX;
    size_t marked = unmarked ? block_mark(part(txn, MARKED), block) : 0;
    if (marked > 0 && marked <= BLOCK_BYTES_MAX) {
        block = p2p_slice_of(part(txn, MARKED), marked);
    }
    return held_put(txn, table, name, block);
}

int packed_put(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key,
               struct p2p_slice value)
{
    struct place place;
    struct packed_runs *runs = &txn->store->runs[table];
    uint8_t own[P2P_KV_KEY_BYTES_MAX];
    bool unmarked;
    struct put_at row = {.at = 0};
    size_t before_len;
    MDB_cursor *cursor;
    int rc = txn_cursor(txn, table, &cursor);
    rc = rc == 0 ? find_place(txn, table, cursor, key, &place) : rc;
    if (rc == MDB_NOTFOUND) { /* the table is empty */
        place = (struct place){.name = txn_val(key), .in = {.found = BLOCK_END}};
    } else if (rc != 0) {
        return rc;
    }
    rc = make_room(txn, place.block.len + key.len + value.len + SHARED_BYTES_MAX +
                            P2P_KV_KEY_BYTES_MAX + 2 * BLOCK_ROW_OVERHEAD);
    if (rc != 0) {
        return rc;
    }
    before_len = place.block.len;
    size_t len = block_put(part(txn, NEW), &place.in, key, value, &row.at, &row.end, &unmarked);
    if (len == 0) {
        return MDB_CORRUPTED;
    }
    if (place.before) { /* no block may begin below its name */
        rc = mdb_cursor_del(cursor, 0);
        place.name = txn_val(key);
        row.run = len > BLOCK_BYTES_MAX; /* and so has no neighbour now */
    }
    size_t own_len = place.name.mv_size;
    memcpy(own, place.name.mv_data, own_len);
    if (len > BLOCK_BYTES_MAX && rc == 0 && !row.run) {
        look_around(txn, table, p2p_slice_of(own, own_len), p2p_slice_of(part(txn, NEW), len),
                    before_len, place.in.equal, &row);
    }
    packed_runs_add(runs, key);
    return rc == 0 ? write_new(txn, table, p2p_slice_of(own, own_len), len, row, unmarked) : rc;
}

int packed_del(struct p2p_txn *txn, enum p2p_table table, struct p2p_slice key)
{
    struct place place;
    uint8_t own[P2P_KV_KEY_BYTES_MAX];
    bool unmarked;
    bool bad;
    MDB_cursor *cursor;
    int rc = txn_cursor(txn, table, &cursor);
    rc = rc == 0 ? find_place(txn, table, cursor, key, &place) : rc;
    if (rc != 0) {
        return rc;
    }
    if (!place.in.equal) {
        return MDB_NOTFOUND;
    }
    rc = make_room(txn, place.block.len + SHARED_BYTES_MAX + P2P_KV_KEY_BYTES_MAX +
                            2 * BLOCK_ROW_OVERHEAD);
    if (rc != 0) {
        return rc;
    }
    size_t len = block_del(part(txn, NEW), &place.in, &unmarked, &bad);
    if (len == 0) {
        return bad ? MDB_CORRUPTED : mdb_cursor_del(cursor, 0);
    }
    size_t own_len = place.name.mv_size;
    memcpy(own, place.name.mv_data, own_len);
    return write_new(txn, table, p2p_slice_of(own, own_len), len, (struct put_at){.at = 0},
                     unmarked);
}
