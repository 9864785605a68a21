/* The rows a feed is kept in, and its tail. Private to the feed's five files.
 *
 *   feed.c         the state row; heads
 *   feed_append.c  leaves and hashes in: the tail, packs, groups
 *   feed_read.c    leaves and hashes out
 *   feed_mend.c    what a disk spoiled, put right
 *   feed_cut.c     back to a smaller size
 *
 * The tail is what fills no row of its own yet: the leaves after the last pack, and the hashes
 * after the last full group of level 0. It stands in the state row, which changes with each
 * commit anyway: an append writes one place, not three. */
#ifndef P2P_FEED_ROWS_H
#define P2P_FEED_ROWS_H

#include <p2p/feed.h>

enum {
    FEED_FORMAT = 1,       /* of packs, groups and heads */
    FEED_STATE_FORMAT = 2, /* of the state row */
    FEED_LEVELS_APART = 8, /* levels whose hashes are stored */
    FEED_PACK_HEADER_BYTES = 3,
    FEED_RECORD_KEY_BYTES = 12,
    FEED_HASH_KEY_BYTES = 13
};

/* In a batch that appends. States:
 *
 *     none --append--> buffered --flush, set_head--> clean --append--> buffered
 *      ^                                               |
 *      +------------------ end_batch ------------------+
 *
 * buffered: newer than the state row; clean: both are equal; none: only the store knows it. */
struct p2p_feed_tail {
    uint8_t pack[P2P_PACK_BYTES_MAX]; /* leaves from the feed's packed_size on, as a pack */
    size_t pack_len;
    uint16_t count;
    uint8_t group[1 + P2P_GROUP_HASHES * P2P_HASH_BYTES]; /* as a row: format, hashes */
    size_t group_count;
    bool dirty;
};

/* The feed has this tail until its batch ends, which whoever ends it is told by `touched`. */
void p2p_feed_take_tail(struct p2p_feed *feed, struct p2p_feed_tail *tail);

struct p2p_slice p2p_feed_record_key(uint8_t out[FEED_RECORD_KEY_BYTES], uint32_t feed,
                                     uint64_t last);
struct p2p_slice p2p_feed_hash_key(uint8_t out[FEED_HASH_KEY_BYTES], uint32_t feed,
                                   unsigned level, uint64_t group);

/* The state row, taken apart; slices borrowed from it. */
struct p2p_feed_state_row {
    enum p2p_feed_state state;
    uint64_t kept_size;
    uint64_t since_kept_bytes;
    struct p2p_edge edge;
    struct p2p_signature signature;
    struct p2p_slice hashes; /* of the tail: edge.size % P2P_GROUP_HASHES of them */
    uint16_t count;          /* of the tail's leaves, */
    struct p2p_slice leaves; /* each its length u16 and its bytes */
};
/* P2P_NOTFOUND: there is none, the feed is empty. P2P_CORRUPT, or the seam's error. The leaves
 * are not counted here. */
P2P_MUST_CHECK enum p2p_err p2p_feed_state_get(struct p2p_feed_state_row *row, uint32_t feed,
                                               const struct p2p_kv *kv);
P2P_MUST_CHECK enum p2p_err p2p_feed_state_put(struct p2p_feed *feed, const struct p2p_kv *kv);

/* The next leaf of a pack or tail. P2P_CORRUPT at its end, or when it is cut. */
P2P_MUST_CHECK enum p2p_err p2p_feed_pack_next(struct p2p_reader *leaves,
                                               struct p2p_slice *leaf);
/* Past count leaves; false where there are fewer. */
bool p2p_feed_pack_pass(struct p2p_reader *leaves, uint64_t count);
/* Whether these are count leaves and nothing after the last. A wrong count would otherwise
 * shift every leaf to its neighbour's index. */
P2P_MUST_CHECK enum p2p_err p2p_feed_pack_check(struct p2p_slice leaves, uint16_t count);
/* The same in one pass, for who wants the leaf after the first `skip`: leaves is read up to it.
 */
P2P_MUST_CHECK enum p2p_err p2p_feed_pack_skip(struct p2p_reader *leaves, uint16_t count,
                                               uint64_t skip);
/* A pack's row: its leaves from index `from` on, or all of them when it begins above that, and
 * where they stand. P2P_NOTFOUND: another feed's. P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_feed_pack_open(struct p2p_slice key, struct p2p_slice value,
                                               uint32_t feed, uint64_t from,
                                               struct p2p_reader *leaves, uint64_t *first,
                                               uint64_t *end);
/* A stored hash, of a level that is stored. P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_feed_hash_get(const struct p2p_feed_hashes *source,
                                              unsigned level, uint64_t index,
                                              struct p2p_hash *out);
/* What it should be by the stored level below; level: a stored one above 0. P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_feed_hash_below(const struct p2p_feed_hashes *source,
                                                unsigned level, uint64_t index,
                                                struct p2p_hash *out);

#endif
