/* A feed as a node holds it: leaves, hashes, the right edge, signed heads.
 *
 * A feed is an append-only C2SP transparency log. This noun stores leaves and hashes through
 * the kv seam and answers for any part of them; what a record means is none of its business.
 * What fills no row of its own yet, the newest leaves and their hashes, is the feed's tail: it
 * stands in the state row, and within a batch that appends in a buffer (from the batch's
 * arena), which reads here see. In memory a feed keeps its edge, newest head and state.
 *
 * Store layout, integers big-endian, every value begins with a format byte (STORE.md):
 *
 *     RECORD      feed u32, last index u64 -> count u16, (length u16, leaf)*: four pages
 *     HASH        feed u32, level u8 (0, 8, 16, ...), group u64 -> 127 hashes: one page
 *     FEED        feed u32 -> state, tail (other rows are the engine's and witness.h's)
 *     CHECKPOINT  feed u32, size u64 -> root, signature (the charter: the note)
 *
 * Levels between the stored ones are recomputed from at most 128 hashes.
 *
 * Promises: what is appended is what is read back, at its own index; a row that is cut, grown,
 * gone or miscounted is P2P_CORRUPT, while a changed byte inside a leaf is found by who hashes
 * it again (the scrubber); the edge in memory is that of the stored leaves after each flush;
 * heads are kept at most P2P_KEEP_RECORDS records or P2P_KEEP_BYTES bytes plus one run apart,
 * and before a run that would make it more than a run may hold, so that what came in runs can
 * be sent in runs. */
#ifndef P2P_FEED_H
#define P2P_FEED_H

#include <p2p/alloc.h>
#include <p2p/checkpoint.h>
#include <p2p/kv.h>
#include <p2p/record.h>
#include <p2p/tree.h>

#define P2P_PACK_BYTES_MAX 16368u /* four pages less LMDB's page header */
#define P2P_GROUP_HASHES   127u
#define P2P_KEEP_RECORDS   512u
#define P2P_KEEP_BYTES     (256u * 1024u)
/* What one run between two heads may hold at most. */
#define P2P_RUN_RECORDS_MAX 2048u
#define P2P_RUN_BYTES_MAX   (1024u * 1024u)

#define P2P_FEED_GOES_ON UINT64_MAX

struct p2p_feed_set;
struct p2p_lately; /* hashes between stored levels and places in packs, of reads before */

enum p2p_feed_state { P2P_FEED_OK, P2P_FEED_QUARANTINED, P2P_FEED_FORKED };

/* The root of the first `size` leaves. */
struct p2p_feed_root {
    uint64_t size;
    struct p2p_hash root;
};

struct p2p_feed {
    /* What each batch asks of every feed, on one line of the cache with the edge's size. */
    uint32_t number;
    enum p2p_feed_state state;
    struct p2p_feed_tail *tail; /* this batch's buffer, or NULL */
    /* Interior hashes that the next leaves complete, in order, from an edge that was extended
     * by them and compared with a signed root; NULL: appending computes them. The caller's, who
     * sets it before the first of those leaves and takes it back after the last. */
    const struct p2p_hash *known;
    uint64_t settled_size; /* the ledger's: see p2p_ledger_fold */
    uint64_t ends_at;      /* the ledger's: W of a forked feed, or P2P_FEED_GOES_ON */
    uint64_t closed_at;    /* the ledger's: a closed generation's end, or P2P_FEED_GOES_ON, */
    bool ends_anew;        /* the ledger's: since what rests on it was looked at */
    bool closes_anew;      /* the ledger's: closed_at is another one since then */
    struct p2p_edge edge;
    struct p2p_tree_head head; /* newest signed head; head.size == edge.size between batches */
    uint64_t kept_size;        /* size of the newest head in CHECKPOINT */
    uint64_t since_kept_bytes;
    uint64_t packed_size; /* leaves in RECORD; the rest stand in the state row */
    uint64_t
        closed_from; /* the ledger's: from where on records are marked since closed_at moved */
    uint64_t
        doubted_from;    /* the ledger's: its own claims from here to below there are others */
    uint64_t doubted_to; /* now, while known_settle.c looks; none when both are equal */
    uint64_t hidden;     /* the past's: records that are held beyond the edge; past.h */
    /* Of all feeds of a ledger, whose it is; NULL: nothing is kept. */
    struct p2p_lately *lately;
    struct p2p_feed_set *touched; /* likewise: this feed is added when it gets a tail */
    /* Roots that the caller recomputed from the leaves, by rising size: p2p_feed_root_at looks
     * here first, since each of the others costs it some hundred hashes. His; NULL: none. */
    const struct p2p_feed_root *roots;
    size_t root_count;
};

/* The empty feed of that number; p2p_feed_load reads what the store has of it. */
void p2p_feed_init(struct p2p_feed *feed, uint32_t number);
/* Reads the state row; a feed without one is empty. P2P_CORRUPT, or the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_feed_load(struct p2p_feed *feed, const struct p2p_kv *kv);

/* Appends one leaf whose hash the caller computed. extra_bytes: payload bytes that travel with
 * it, counted towards the bound of a run. P2P_NOMEM (arena), or the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_feed_append(struct p2p_feed *feed, const struct p2p_kv *kv,
                                            struct p2p_arena *arena, struct p2p_slice leaf,
                                            const struct p2p_hash *leaf_hash,
                                            size_t extra_bytes);
/* Writes what is buffered, so that hashes of it can be read. */
P2P_MUST_CHECK enum p2p_err p2p_feed_flush(struct p2p_feed *feed, const struct p2p_kv *kv);
/* Sets the head for the present edge, whose root it has to name, keeps it in CHECKPOINT when
 * due, flushes and writes the state row. note: for the charter the whole signed note, else
 * empty. */
P2P_MUST_CHECK enum p2p_err p2p_feed_set_head(struct p2p_feed *feed, const struct p2p_kv *kv,
                                              const struct p2p_tree_head *head,
                                              struct p2p_slice note);
/* Keeps the present head if count more records of so many bytes would otherwise stand too far
 * from the last one kept. Call before they are appended. */
P2P_MUST_CHECK enum p2p_err p2p_feed_keep_for(struct p2p_feed *feed, const struct p2p_kv *kv,
                                              uint64_t count, size_t bytes);
P2P_MUST_CHECK enum p2p_err p2p_feed_set_state(struct p2p_feed *feed, const struct p2p_kv *kv,
                                               enum p2p_feed_state state);
/* Cuts the feed back to a head that its first leaves lead to (size 0: to nothing): what a
 * forked feed held beyond it is as if it had never been held. Flushes first; arena is the
 * batch's, where the new tail lies. P2P_USAGE when the leaves lead elsewhere, with nothing
 * changed; P2P_NOMEM, P2P_CORRUPT, or the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_feed_cut(struct p2p_feed *feed, const struct p2p_kv *kv,
                                         struct p2p_arena *arena,
                                         const struct p2p_tree_head *head);
/* The largest kept head below size. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_feed_head_before(const struct p2p_feed *feed,
                                                 const struct p2p_kv *kv, uint64_t size,
                                                 struct p2p_tree_head *head);
/* Forgets the buffer, which the batch's arena owns; call after flush, before the arena is
 * reset. */
void p2p_feed_end_batch(struct p2p_feed *feed);

/* The leaf at index, borrowed from store or buffer. P2P_NOTFOUND at or past the size. */
P2P_MUST_CHECK enum p2p_err p2p_feed_leaf(const struct p2p_feed *feed, const struct p2p_kv *kv,
                                          uint64_t index, struct p2p_slice *leaf);

/* Walks leaves from an index upward; cheap per step. Any write to the store ends its validity.
 */
struct p2p_feed_walk {
    const struct p2p_feed *feed;
    const struct p2p_kv *kv;
    uint64_t index; /* of the leaf next returns */
    struct p2p_reader pack;
    uint64_t pack_end; /* index after the last leaf of the open pack; 0: none open */
};
void p2p_feed_walk_begin(struct p2p_feed_walk *walk, const struct p2p_feed *feed,
                         const struct p2p_kv *kv, uint64_t index);
P2P_MUST_CHECK enum p2p_err p2p_feed_walk_next(struct p2p_feed_walk *walk,
                                               struct p2p_slice *leaf);
/* The leaf at index, from where the walk goes on: cheap where that lies ahead in the open pack,
 * else what p2p_feed_leaf costs. */
P2P_MUST_CHECK enum p2p_err p2p_feed_walk_to(struct p2p_feed_walk *walk, uint64_t index,
                                             struct p2p_slice *leaf);

/* The smallest signed head at or above size: a kept one, or the newest. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_feed_head_from(const struct p2p_feed *feed,
                                               const struct p2p_kv *kv, uint64_t size,
                                               struct p2p_tree_head *head);
/* The size of that head, whatever its row says besides. */
P2P_MUST_CHECK enum p2p_err p2p_feed_kept_from(const struct p2p_feed *feed,
                                               const struct p2p_kv *kv, uint64_t size,
                                               uint64_t *found);
/* The charter's note for exactly this size, borrowed. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_feed_note(const struct p2p_kv *kv, uint32_t feed, uint64_t size,
                                          struct p2p_slice *note);
/* Fills a reader of stored subtree hashes for proofs; source must outlive it. Flush first. */
struct p2p_feed_hashes {
    uint32_t feed;
    const struct p2p_kv *kv;
};
struct p2p_tree_reader p2p_feed_tree(struct p2p_feed_hashes *source);
/* The root of all leaves: that of the head, unless some came since. */
struct p2p_hash p2p_feed_root_held(const struct p2p_feed *feed);
/* The root of the first `size` leaves. P2P_GAP when fewer are held. */
P2P_MUST_CHECK enum p2p_err p2p_feed_root_at(const struct p2p_feed *feed,
                                             const struct p2p_kv *kv, uint64_t size,
                                             struct p2p_hash *root);

#endif
