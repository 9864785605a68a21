/* An ordered map of rows in memory, in memcmp order of their keys: what memory_kv.c keeps a
 * table in.
 *
 * A row is never changed once it stands in a map: a write puts another one in its place. So
 * copies of a map share their rows, which are counted. Aborts the process without memory. Not
 * thread-safe. */
#ifndef KV_MAP_H
#define KV_MAP_H

#include <p2p/base.h>

#define KV_BLOCK_ROWS_MAX 128u

struct kv_row {
    size_t key_len;
    size_t value_len;
    uint32_t holders;
    bool loaned;  /* memory_kv.c: lent out since the last write */
    bool spoiled; /* its value was changed behind the back of who wrote it */
    uint8_t lost; /* memory_kv.c: stands where nothing can be read */
    uint8_t bytes[];
};

/* The first 16 bytes of a key as a number, zeros behind a shorter one: where two differ, their
 * keys are in the same order, and mostly no row need be looked at. */
struct kv_head {
    uint64_t high;
    uint64_t low;
};

struct kv_block {
    size_t count; /* never 0 in a map */
    struct kv_head heads[KV_BLOCK_ROWS_MAX];
    struct kv_row *rows[KV_BLOCK_ROWS_MAX];
};

struct kv_map {
    struct kv_block **blocks;
    struct kv_head *lasts; /* of each block's last key: the search for a block stays in them */
    size_t block_count;
    size_t block_cap;
    size_t row_count;
};

struct kv_place {
    size_t block;
    size_t slot;
};

/* Copies key and value; held once. */
struct kv_row *kv_row_new(struct p2p_slice key, struct p2p_slice value);
struct kv_row *kv_row_hold(struct kv_row *row);
/* The last one overwrites and frees it: a stale slice reads nonsense even without the address
 * sanitizer. Accepts NULL. */
void kv_row_drop(struct kv_row *row);
struct p2p_slice kv_row_key(const struct kv_row *row);
struct p2p_slice kv_row_value(const struct kv_row *row);

void kv_map_deinit(struct kv_map *map); /* accepts a zeroed one, and leaves one */
/* to: zeroed. Holds the rows of `from` too. */
void kv_map_copy(struct kv_map *to, const struct kv_map *from);

/* The first place at or above key; true when it holds exactly key. */
bool kv_map_find(const struct kv_map *map, struct p2p_slice key, struct kv_place *place);
/* The row at a place that holds one; the map's own pointer, to put another row of that key
 * there. */
struct kv_row **kv_map_at(const struct kv_map *map, struct kv_place place);
/* A place behind the end of a block means the first of the next one; false when there is none.
 */
bool kv_map_settle(const struct kv_map *map, struct kv_place *place);
/* At the place that find gave for its key. Takes the caller's hold. */
void kv_map_insert(struct kv_map *map, struct kv_place place, struct kv_row *row);
/* Gives the map's hold to the caller. */
struct kv_row *kv_map_remove(struct kv_map *map, struct kv_place place);

#endif
