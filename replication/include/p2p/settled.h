/* Since when values have stood: which bans a ledger folded last, and after which records.
 *
 * While a ledger takes records it may tell of each value that it folds, and between batches how
 * much of each feed it has taken. From then on a value that was folded before a point, and
 * never after it, is the same at every horizon from that point on: what would have changed it
 * on another way there would have marked it on this one. So a past (past.h) need not fold it
 * again, and a question about a time costs what changed since.
 *
 *     epoch 1 ... end: sizes | epoch 2 ... end: sizes | ...      ends rise, feed by feed
 *     each value: the epoch in which it was folded last
 *
 * Two bytes for each record and a list of sizes for each epoch. Does no I/O; one thread. */
#ifndef P2P_SETTLED_H
#define P2P_SETTLED_H

#include <p2p/alloc.h>
#include <p2p/ledger.h>

#define P2P_EPOCHS_MAX 65534u /* beyond them the last one does not end */

struct p2p_settled;

/* Over feeds 0 to feed_count - 1. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_settled_new(struct p2p_settled **out,
                                            const struct p2p_alloc *alloc, size_t feed_count);
void p2p_settled_free(struct p2p_settled *settled); /* accepts NULL */
/* The value of a key was folded now; views other than `bans` are not followed. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_settled_folded(struct p2p_settled *settled,
                                               enum p2p_view_number view, struct p2p_slice key);
/* Between batches: everything is folded, and sizes[feed_count] of the feeds are taken; none
 * shrinks. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_settled_end(struct p2p_settled *settled, const uint64_t *sizes);
/* The last epoch that ended at or below these sizes; 0: none. Feeds beyond count have size 0.
 */
uint32_t p2p_settled_before(const struct p2p_settled *settled, const uint64_t *sizes,
                            size_t count);
/* Whether the value of a ban was folded last in an epoch up to that one. */
bool p2p_settled_stands(const struct p2p_settled *settled, const struct p2p_record_id *id,
                        uint32_t epoch);

/* As bytes, for who keeps it beside the ledger's rows on this machine: sizes to be read back
 * with _decode, which takes back only what fits feed_count. */
size_t p2p_settled_bytes(const struct p2p_settled *settled);
void p2p_settled_encode(const struct p2p_settled *settled, uint8_t *out);
/* P2P_CORRUPT, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_settled_decode(struct p2p_settled **out,
                                               const struct p2p_alloc *alloc, size_t feed_count,
                                               struct p2p_slice bytes);

#endif
