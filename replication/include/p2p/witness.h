/* Witnessing one feed: the cosignatures held for its newest checkpoints, and the newest quorum.
 *
 * Cosignatures of two candidate checkpoints of what is held are kept, each witness counted once
 * and only while it may count (p2p_feed_cosigner). One that arrives before the records it is
 * about waits beside them, one for each witness, so that a lying witness takes no other's room.
 * Which cosigners make it quorum-cosigned says p2p_charter_quorum; the largest such one is
 * stored with them (FEED: feed u32, 'q'), since records that rest on a witnessed size carry it.
 * What this node itself cosigned is stored too (FEED: feed u32, 'w'): its size never decreases
 * and its time neither. The owner's own cosignature is a heartbeat and counts in no quorum.
 *
 * Under load heads come faster than anybody cosigns, and witnesses that each took the newest at
 * times of their own would never sign the same one. So each takes, of the heads since its last,
 * the one that passed a multiple of the largest power of two: the rarest is the same for all.
 * When nothing more comes that is the newest. */
#ifndef P2P_WITNESS_H
#define P2P_WITNESS_H

#include <p2p/cosigned.h>
#include <p2p/feed.h>
#include <p2p/history.h>

/* The newest cosignature of one witness for more than is held. */
struct p2p_cosigned_ahead {
    uint32_t witness; /* 0: none */
    uint64_t size;
    struct p2p_hash root;
    struct p2p_cosignature cosignature;
};

/* A head that passed by, and the largest power of two of which it passed a multiple. */
struct p2p_marked_head {
    struct p2p_tree_head head;
    unsigned level;
};

/* How long one of them is looked for, and how many are remembered. */
#define P2P_MARK_EVERY_MS 100u
#define P2P_MARKED_HEADS  8u

/* How much of the feed a witness is known to hold, by its cosignatures. */
struct p2p_holding {
    uint32_t witness; /* 0: none */
    uint64_t size;
    bool grew;     /* until it is looked at */
    uint64_t gone; /* the largest size of which its cosignature gave way to others */
};

/* One cosignature, and whose it is. */
struct p2p_cosigner {
    uint32_t witness;
    struct p2p_cosignature cosignature;
};

/* A checkpoint whose cosignatures are kept. */
struct p2p_candidate {
    uint64_t size;
    struct p2p_hash root;
    struct p2p_signature log; /* the feed's own signature over it, when has_log */
    bool has_log;
    uint32_t count; /* at most P2P_COSIGNERS_MAX */
    struct p2p_cosigner *cosigners;
};

/* How many of them there are at once. One faulty witness that cosigns each new head takes
 * two places at most from those that the others agree on: the largest, and the one with the
 * fewest cosigners. */
#define P2P_CANDIDATES_MAX 4u

/* A node has one for each feed, so what it gathers is allocated as it comes: for as many
 * cosigners as the feed has, and while there is something. */
struct p2p_witnessing {
    const struct p2p_alloc *alloc;
    struct p2p_candidate *candidates; /* larger size first; none below the quorum's */
    struct p2p_cosigned_ahead *ahead; /* one for each cosigner at most; NULL: nothing waits */
    struct p2p_holding *holdings;     /* since the engine was opened; likewise */
    uint8_t candidate_count, ahead_count, holding_count;
    bool holdings_grew;   /* the engine's: takes it back when it has looked */
    bool quorum_dirty;    /* candidates hold a quorum that is not stored yet */
    bool own_damaged;     /* what this node cosigned could not be read: size and time are 0 */
    uint64_t quorum_size; /* 0: none yet */
    struct p2p_hash quorum_root;
    struct p2p_marked_head
        *marked; /* P2P_MARKED_HEADS of them; NULL: the newest head has a quorum */
    unsigned marked_at;
    uint64_t marked_mono_ms; /* when marked[marked_at] was begun */
    /* this node as a witness */
    uint64_t cosigned_size;
    uint64_t cosigned_time_s;
    uint64_t cosigned_mono_ms;
    /* the owner's heartbeat */
    uint64_t heartbeat_time_s;
    uint64_t heartbeat_size;
    struct p2p_hash heartbeat_root;
    struct p2p_cosignature heartbeat;
    uint32_t heartbeat_witness; /* the owner's key it is by */
    uint64_t
        heard_mono_ms; /* when a head or heartbeat newer than before was received; 0: never */
    struct p2p_history history; /* what is kept of all this for audits */
};

/* alloc is borrowed until deinit. What the disk spoiled of what this node cosigned is told by
 * own_damaged. P2P_NOMEM, P2P_CORRUPT, or the seam's error, with nothing to deinit. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_load(struct p2p_witnessing *witnessing,
                                                const struct p2p_alloc *alloc,
                                                const struct p2p_kv *kv, uint32_t feed);
void p2p_witnessing_deinit(struct p2p_witnessing *witnessing); /* accepts a zeroed one */
/* What was loaded, against the signatures that it holds: a quorum that the disk spoiled is
 * forgotten, peers have it. Returns whether it was sound. */
bool p2p_witnessing_check(struct p2p_witnessing *witnessing, const struct p2p_charter *charter,
                          uint32_t feed, const struct p2p_sigs *sigs);
/* A signed head extended the feed that had size `before`. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_mark(struct p2p_witnessing *witnessing,
                                                uint64_t before,
                                                const struct p2p_tree_head *head,
                                                uint64_t mono_ms);
/* The head to cosign next: a marked one above what was cosigned, or the newest. */
const struct p2p_tree_head *p2p_witnessing_choose(const struct p2p_witnessing *witnessing,
                                                  const struct p2p_feed *feed);
/* Whether a cosignature for this size would tell anything new. */
bool p2p_witnessing_wants(const struct p2p_witnessing *witnessing,
                          const struct p2p_feed_info *info, uint32_t witness, uint64_t size,
                          const struct p2p_hash *root, const struct p2p_feed *feed);
/* Takes a wanted cosignature that was verified over (size, root), and the feed's own signature
 * if that is its newest head or a marked one. For a size that is held, root is the held one.
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err
p2p_witnessing_add(struct p2p_witnessing *witnessing, const struct p2p_feed_info *info,
                   uint32_t witness, uint64_t size, const struct p2p_hash *root,
                   const struct p2p_cosignature *cosignature, const struct p2p_feed *feed);
/* The largest size of which cosignatures are kept; 0: of none. */
uint64_t p2p_witnessing_newest(const struct p2p_witnessing *witnessing);
/* Records from `size` on were taken back: who held them holds another history. */
void p2p_witnessing_cut(struct p2p_witnessing *witnessing, uint64_t size);
/* Takes what waited for records that are held now, then looks whether a candidate has a quorum
 * larger than the one known. Flush first. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_settle(struct p2p_witnessing *witnessing,
                                                  const struct p2p_charter *charter,
                                                  const struct p2p_feed *feed,
                                                  const struct p2p_kv *kv, bool *found);
/* The newest head has a quorum, and this node has cosigned it if it may: nobody asks for one
 * that passed by before. */
void p2p_witnessing_rest(struct p2p_witnessing *witnessing);
/* The feed's own signature over this head, noted lately or that of a kept one. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_log(const struct p2p_witnessing *witnessing,
                                               const struct p2p_feed *feed,
                                               const struct p2p_kv *kv, uint64_t size,
                                               const struct p2p_hash *root,
                                               struct p2p_signature *out);
/* The newest quorum with all that was taken for it, stored or not; P2P_NOTFOUND: a newer one is
 * on its way, or the feed's own signature over it is not at hand. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_quorum(const struct p2p_witnessing *witnessing,
                                                  const struct p2p_feed *feed,
                                                  const struct p2p_kv *kv,
                                                  struct p2p_cosigned *out);
/* Writes the newest quorum when it changed. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_store(struct p2p_witnessing *witnessing,
                                                 const struct p2p_kv *kv,
                                                 const struct p2p_feed *feed);
/* Writes what this node is about to cosign. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_store_own(const struct p2p_witnessing *witnessing,
                                                     const struct p2p_kv *kv, uint32_t feed,
                                                     const struct p2p_hash *root);
/* The same of the newest quorum there is, which may not be stored yet: of quorum_size, unless
 * the feed's own signature over that is not at hand. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_note(const struct p2p_witnessing *witnessing,
                                                const struct p2p_charter *charter,
                                                const struct p2p_feed *feed,
                                                const struct p2p_kv *kv, char *out, size_t cap,
                                                size_t *len);
/* The same with no more cosignatures than a quorum takes of witnesses that held at charter size
 * `from` or later (all of them where that is none): for what has to be short. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_short_note(
    const struct p2p_witnessing *witnessing, const struct p2p_charter *charter, uint64_t from,
    const struct p2p_feed *feed, const struct p2p_kv *kv, char *out, size_t cap, size_t *len);

#endif
