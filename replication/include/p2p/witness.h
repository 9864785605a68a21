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

#include <p2p/charter.h>
#include <p2p/feed.h>
#include <p2p/history.h>

struct p2p_cosigned {
    uint64_t size;
    struct p2p_hash root;
    struct p2p_signature log; /* the feed's own signature over it, when has_log */
    bool has_log;
    uint32_t count;
    uint32_t witnesses[P2P_COSIGNERS_MAX]; /* whose the cosignatures are */
    struct p2p_cosignature cosignatures[P2P_COSIGNERS_MAX];
};

/* As a row: format 1, size u64, root 32, signature of the feed 64, count u8, then count times:
 * witness u32, time u64, signature 64. */
#define P2P_COSIGNED_BYTES_MAX                                                                 \
    (1u + 8u + P2P_HASH_BYTES + P2P_SIGNATURE_BYTES + 1u +                                     \
     P2P_COSIGNERS_MAX * (4u + 8u + P2P_SIGNATURE_BYTES))
/* Returns the length. */
size_t p2p_cosigned_encode(const struct p2p_cosigned *cosigned,
                           uint8_t bytes[P2P_COSIGNED_BYTES_MAX]);
/* P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_cosigned_decode(struct p2p_cosigned *out,
                                                struct p2p_slice bytes);

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

/* Checkpoints whose cosignatures are kept. One faulty witness that cosigns each new head takes
 * two places at most from those that the others agree on: the largest, and the one with the
 * fewest cosigners. */
#define P2P_CANDIDATES_MAX 4u

struct p2p_witnessing {
    struct p2p_cosigned candidates[P2P_CANDIDATES_MAX]; /* larger size first */
    struct p2p_cosigned_ahead ahead[P2P_COSIGNERS_MAX];
    struct p2p_holding holdings[P2P_COSIGNERS_MAX]; /* since the engine was opened */
    bool holdings_grew;   /* the engine's: takes it back when it has looked */
    uint64_t quorum_size; /* 0: none yet */
    struct p2p_hash quorum_root;
    bool quorum_dirty; /* candidates hold a quorum that is not stored yet */
    struct p2p_marked_head marked[P2P_MARKED_HEADS];
    unsigned marked_at;
    uint64_t marked_mono_ms; /* when marked[marked_at] was begun */
    /* this node as a witness */
    uint64_t cosigned_size;
    uint64_t cosigned_time_s;
    uint64_t cosigned_mono_ms;
    bool own_damaged; /* these could not be read: both are 0 */
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

/* What the disk spoiled of what this node cosigned is told by own_damaged. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_load(struct p2p_witnessing *witnessing,
                                                const struct p2p_kv *kv, uint32_t feed);
/* What was loaded, against the signatures that it holds: a quorum that the disk spoiled is
 * forgotten, peers have it. Returns whether it was sound. */
bool p2p_witnessing_check(struct p2p_witnessing *witnessing, const struct p2p_charter *charter,
                          uint32_t feed, const struct p2p_sigs *sigs);
/* A signed head extended the feed that had size `before`. */
void p2p_witnessing_mark(struct p2p_witnessing *witnessing, uint64_t before,
                         const struct p2p_tree_head *head, uint64_t mono_ms);
/* The head to cosign next: a marked one above what was cosigned, or the newest. */
const struct p2p_tree_head *p2p_witnessing_choose(const struct p2p_witnessing *witnessing,
                                                  const struct p2p_feed *feed);
/* Whether a cosignature for this size would tell anything new. */
bool p2p_witnessing_wants(const struct p2p_witnessing *witnessing,
                          const struct p2p_feed_info *info, uint32_t witness, uint64_t size,
                          const struct p2p_hash *root, const struct p2p_feed *feed);
/* Takes a wanted cosignature that was verified over (size, root), and the feed's own signature
 * if that is its newest head or a marked one. For a size that is held, root is the held one. */
void p2p_witnessing_add(struct p2p_witnessing *witnessing, const struct p2p_feed_info *info,
                        uint32_t witness, uint64_t size, const struct p2p_hash *root,
                        const struct p2p_cosignature *cosignature, const struct p2p_feed *feed);
/* Records from `size` on were taken back: who held them holds another history. */
void p2p_witnessing_cut(struct p2p_witnessing *witnessing, uint64_t size);
/* Takes what waited for records that are held now, then looks whether a candidate has a quorum
 * larger than the one known. Flush first. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_settle(struct p2p_witnessing *witnessing,
                                                  const struct p2p_charter *charter,
                                                  const struct p2p_feed *feed,
                                                  const struct p2p_kv *kv, bool *found);
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
/* The stored quorum with its cosignatures. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_quorum_load(struct p2p_cosigned *out, const struct p2p_kv *kv,
                                            uint32_t feed);
/* A head and its cosignatures as a signed note, with lines in their order; returns its length
 * in *len. P2P_UNKNOWN (no such feed), P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_cosigned_note(const struct p2p_charter *charter, uint32_t feed,
                                              const struct p2p_cosigned *cosigned, char *out,
                                              size_t cap, size_t *len);
/* The stored quorum-cosigned checkpoint of a feed as a signed note; returns its length in *len.
 */
P2P_MUST_CHECK enum p2p_err p2p_quorum_note(const struct p2p_charter *charter,
                                            const struct p2p_kv *kv, uint32_t feed, char *out,
                                            size_t cap, size_t *len);
/* The same of the newest quorum there is, which may not be stored yet: of quorum_size, unless
 * the feed's own signature over that is not at hand. */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_note(const struct p2p_witnessing *witnessing,
                                                const struct p2p_charter *charter,
                                                const struct p2p_feed *feed,
                                                const struct p2p_kv *kv, char *out, size_t cap,
                                                size_t *len);
/* The same with no more cosignatures than a quorum takes: for receipts, which have to be short.
 */
P2P_MUST_CHECK enum p2p_err p2p_witnessing_short_note(const struct p2p_witnessing *witnessing,
                                                      const struct p2p_charter *charter,
                                                      const struct p2p_feed *feed,
                                                      const struct p2p_kv *kv, char *out,
                                                      size_t cap, size_t *len);

#endif
