/* A block: a run of rows in the order of their keys, each key without what it has in common
 * with the one before. What stands in one row of LMDB for a table that is packed (packed.h).
 *
 * format u8 (2), then rows: twice the length shared with the key before, plus 1 where length of
 * the rest and length of the value follow (each number base 128, low seven bits first, 0x80:
 * more follows; else key and value are as long as those before), rest, value. The first row
 * shares nothing; a block has at least one. Then marks: offsets u16 of some of the rows,
 * ascending, and how many u16. A marked row says its lengths, and shares no more with the one
 * before than with the first, so that a search may begin at it. Pure: bytes in, bytes out.
 * Private to node/store. */
#ifndef P2P_STORE_BLOCK_H
#define P2P_STORE_BLOCK_H

#include <p2p/kv.h>

/* Fills a page with LMDB's header of 16 and the sum of 8 (held.h); one row may have more. */
#define BLOCK_BYTES_MAX 4072u
/* What a row adds to a block at most, besides the bytes of its key and value. */
#define BLOCK_ROW_OVERHEAD 17u
/* How many times longer a block becomes at most when it is marked (block_mark), and how many
 * bytes more. */
#define BLOCK_MARK_TIMES 2u
#define BLOCK_MARK_MORE  P2P_KV_KEY_BYTES_MAX

/* Where one reads in a block. */
struct block_walk {
    struct p2p_slice rows; /* format and rows; borrowed */
    const uint8_t *marks;
    size_t mark_count;
    size_t at, end; /* the row last read stands in these bytes */
    size_t shared;  /* of its key with the one before */
    uint8_t key[P2P_KV_KEY_BYTES_MAX];
    size_t key_len;
    struct p2p_slice value; /* in the block */
};

enum block_found { BLOCK_ROW, BLOCK_END, BLOCK_BAD };

/* Before the first row. BLOCK_BAD: no block, or of another format. */
enum block_found block_begin(struct block_walk *walk, struct p2p_slice block);
/* The next row; at BLOCK_END at and end are the end of the rows. */
enum block_found block_next(struct block_walk *walk);

/* Where a key stands in a block, or would stand. */
struct block_place {
    struct block_walk walk; /* at the first row that is not below the key, or at the end */
    enum block_found found;
    bool equal;
    size_t shared;             /* of the key with the row before that place, */
    size_t key_len, value_len; /* and how long that one's are; 0: there is none */
    size_t scanned;            /* rows from the mark before up to there */
};

/* place->found: BLOCK_ROW, BLOCK_END or BLOCK_BAD. */
void block_find(struct block_place *place, struct p2p_slice block, struct p2p_slice key);

/* The block with the row put at its place, that of block_find of the same key, or no block at
 * all (a zeroed place with found BLOCK_END). Returns 0 when a row behind it is none. out: room
 * for the block, 2 * BLOCK_ROW_OVERHEAD + key.len + value.len + P2P_KV_KEY_BYTES_MAX; overlaps
 * nothing. row_at, row_end [out]: where the row then stands. unmarked [out]: too few rows have
 * marks now. */
size_t block_put(uint8_t *out, const struct block_place *place, struct p2p_slice key,
                 struct p2p_slice value, size_t *row_at, size_t *row_end, bool *unmarked);
/* The block without the row at its place, which was found equal. Returns 0 when nothing is
 * left, or the rest is bad (*bad). */
size_t block_del(uint8_t *out, const struct block_place *place, bool *unmarked, bool *bad);

/* The rows before the one at which the walk stands, and those from it on, as blocks; the second
 * has no marks. out: room for the block and P2P_KV_KEY_BYTES_MAX + BLOCK_ROW_OVERHEAD. */
size_t block_head(uint8_t *out, const struct block_walk *walk);
size_t block_tail(uint8_t *out, const struct block_walk *walk);
/* Whether any rows of a block are marked. */
bool block_is_marked(struct p2p_slice block);
/* Two blocks as one without marks, all keys of the second above those of the first. Returns 0
 * when one of them is none. out: room for both. */
size_t block_join(uint8_t *out, struct p2p_slice first, struct p2p_slice second);
/* The same rows, marked anew. out: BLOCK_MARK_TIMES * block.len + BLOCK_MARK_MORE. Returns 0
 * when it is no block. */
size_t block_mark(uint8_t *out, struct p2p_slice block);

#endif
