/* Puts right what a disk spoiled of a feed. Private to replication/.
 *
 * Whoever calls knows what belongs there: leaves that lead to a signed head. Nothing here
 * changes what a feed is, only what is stored of it; its size, edge and head stay. No leaves
 * may have been appended in this batch that are not flushed. */
#ifndef P2P_FEED_MEND_H
#define P2P_FEED_MEND_H

#include <p2p/feed.h>

/* Stores the count leaves from index first on anew, all of them held; leaves: borrowed, from
 * anywhere but the store. What else stands in their rows stays, as far as it can be read; if
 * not, what cannot be read is gone and P2P_CORRUPT to read, except in the state row, where it
 * is P2P_CORRUPT here and nothing has changed. P2P_NOMEM, or the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_feed_mend_leaves(struct p2p_feed *feed, const struct p2p_kv *kv,
                                                 struct p2p_arena *arena, uint64_t first,
                                                 const struct p2p_slice *leaves, size_t count);
/* Compares each stored hash of a subtree that ends in (from, to] with the leaves, which lead to
 * a signed head, and stores it anew where it differs. mended [out]: how many did. */
P2P_MUST_CHECK enum p2p_err p2p_feed_mend_hashes(struct p2p_feed *feed, const struct p2p_kv *kv,
                                                 struct p2p_arena *arena, uint64_t from,
                                                 uint64_t to, size_t *mended);
/* Keeps another head below the newest; or, without one, drops the one kept at that size. */
P2P_MUST_CHECK enum p2p_err p2p_feed_mend_head(struct p2p_feed *feed, const struct p2p_kv *kv,
                                               uint64_t size, const struct p2p_tree_head *head);

#endif
