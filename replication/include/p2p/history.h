/* What stays of cosignatures and heartbeats once newer ones came: for audits.
 *
 * Kept are, of each feed,
 *
 *   - at most one quorum-cosigned head a minute (P2P_HISTORY_EVERY_MS of this node's clock),
 * with all cosignatures that came for it: the newest one when the minute is over, so that the
 *     last before a pause is always among them. With them an audit brackets the times of
 *     records, and finds who held what when.
 *   - of heartbeats the first and the latest of each stretch, where a stretch ends when the
 * next one is more than P2P_STRETCH_GAP_S later by its own times: so the first, the latest, and
 *     both ends of every silence. A stretch begins at most once a minute.
 *
 * So a feed takes at most two rows a minute, and one that is idle none. Rows are written with
 * commits that are due anyway; others hold the same. Each row carries a checksum: what a disk
 * spoiled is left out, and is nobody's fault but the disk's.
 *
 *     HISTORY  feed u32, 'q', size u64                    -> sum 8, a quorum as in FEED 'q'
 *              feed u32, 'h', complement of its first time u64 -> sum 8, format 1, two beats */
#ifndef P2P_HISTORY_H
#define P2P_HISTORY_H

#include <p2p/checkpoint.h>
#include <p2p/frame.h>
#include <p2p/kv.h>

#define P2P_HISTORY_EVERY_MS 60000u
#define P2P_STRETCH_GAP_S    180u

struct p2p_cosigned;
struct p2p_feed;
struct p2p_witnessing;

/* One heartbeat: the owner's cosignature of a head that it signed. */
struct p2p_beat {
    struct p2p_tree_head head;
    uint32_t witness; /* whose key, as in p2p_cosigned */
    struct p2p_cosignature cosignature;
};

/* Heartbeats none of which is more than P2P_STRETCH_GAP_S later than the one before it. */
struct p2p_stretch {
    struct p2p_beat first; /* time_s 0: there is none */
    struct p2p_beat latest;
};

/* What is kept and not yet written; part of struct p2p_witnessing. */
struct p2p_history {
    uint64_t kept_size;         /* of the newest quorum kept, */
    uint32_t kept_count;        /* its cosignatures, */
    uint64_t kept_mono_ms;      /* and when; 0: not since the start */
    struct p2p_stretch stretch; /* the newest */
    bool stretch_dirty;
    uint64_t stretch_mono_ms; /* when it began; 0: before the start */
};

/* What of the history counts for what comes: the newest stretch, and whether the quorum of this
 * size is kept. P2P_OK also when there is none, or it is damaged; else the seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_history_load(struct p2p_history *history,
                                             const struct p2p_kv *kv, uint32_t feed,
                                             uint64_t quorum_size);
/* Takes a verified heartbeat; over a size the feed holds, its root is the held one. One over
 * a head whose signature by the feed is not at hand is passed over. The seam's error. */
P2P_MUST_CHECK enum p2p_err
p2p_history_beat(struct p2p_witnessing *witnessing, const struct p2p_feed *feed,
                 const struct p2p_kv *kv, const struct p2p_cosign_body *body, uint64_t mono_ms);
/* Writes the newest stretch. */
P2P_MUST_CHECK enum p2p_err p2p_history_store_stretch(struct p2p_history *history,
                                                      const struct p2p_kv *kv, uint32_t feed);
/* Writes what is due, into a commit that is due anyway. The seam's error. */
P2P_MUST_CHECK enum p2p_err p2p_history_store(struct p2p_witnessing *witnessing,
                                              const struct p2p_kv *kv,
                                              const struct p2p_feed *feed, uint64_t mono_ms);

/* The smallest kept quorum of at least this size; damaged rows are passed over. P2P_NOTFOUND.
 */
P2P_MUST_CHECK enum p2p_err p2p_history_quorum_from(const struct p2p_kv *kv, uint32_t feed,
                                                    uint64_t size, struct p2p_cosigned *out);
/* The latest stretch that began at or before this time; damaged rows are passed over.
 * P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_history_stretch_to(const struct p2p_kv *kv, uint32_t feed,
                                                   uint64_t time_s, struct p2p_stretch *out);

#endif
