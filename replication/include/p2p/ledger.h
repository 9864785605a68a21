/* The ledger: all feeds a node holds, the charter folded from feed 0, and what follows from
 * them.
 *
 * Append and receive meet here: p2p_ledger_apply takes one leaf (with its payload) that its
 * caller has verified against a signed head, or is about to sign, and does everything a record
 * causes short of folding: leaf and hash, payload, issuer number, `seen`, charter entry, marks
 * on view keys. At the end of a batch p2p_ledger_finish recomputes each marked key once.
 * Everything below is derived from records alone, in any order of arrival, so a late record, a
 * new grant or a cut is the same operation.
 *
 * The ledger reads no clock and does no I/O: it works in the transaction given at begin.
 * Between batches it only keeps feeds' edges and heads, the charter and the views' set hashes;
 * after an aborted transaction it must be closed and opened again. One thread at a time. */
#ifndef P2P_LEDGER_H
#define P2P_LEDGER_H

#include <p2p/alloc.h>
#include <p2p/charter.h>
#include <p2p/feed.h>
#include <p2p/feed_set.h>
#include <p2p/kind.h>
#include <p2p/kv.h>
#include <p2p/lthash.h>
#include <p2p/record.h>
#include <p2p/sigs.h>
#include <p2p/subject.h>

/* Views: X(NAME, number, word). */
#define P2P_VIEW_MAP(X)                                                                        \
    X(BANS, 1, "bans")                                                                         \
    X(FORKS, 2, "forks")     /* in circle 0 alone */                                           \
    X(CUSTODY, 3, "custody") /* custody.h */                                                   \
    X(RIGHTS, 4, "rights")   /* right.h */
enum p2p_view_number {
#define P2P_VIEW_ENUM(name, number, word) P2P_VIEW_##name = (number),
    P2P_VIEW_MAP(P2P_VIEW_ENUM)
#undef P2P_VIEW_ENUM
};

const char *p2p_view_word(enum p2p_view_number view);
/* The view of that number; false when there is none. */
bool p2p_view_numbered(uint64_t number, enum p2p_view_number *view);
/* Those that stand in every circle, ascending: all but `forks`. */
const enum p2p_view_number *p2p_views_in_circles(size_t *count);

/* What stands in INDEX, by its first byte. */
enum p2p_index {
    P2P_INDEX_SUBJECT = 1,
    P2P_INDEX_ISSUER = 2,
    P2P_INDEX_CLAIM = 3,
    P2P_INDEX_BOX = 4,          /* circle_key.h */
    P2P_INDEX_BOX_BAD = 5,      /* circle_key.h */
    P2P_INDEX_LACK = 6,         /* engine_lack.c */
    P2P_INDEX_KEPT = 7,         /* kept.h */
    P2P_INDEX_KEPT_ON = 8,      /* kept.h */
    P2P_INDEX_CONTAINER = 9,    /* custody.h: circle u32, container, token id */
    P2P_INDEX_HOLDER = 10,      /* custody.h: feed u32, circle u32, token id */
    P2P_INDEX_TOKEN_RIGHT = 11, /* right.h: circle u32, token id, right id */
    P2P_INDEX_PARTY_RIGHT = 12, /* right.h: circle u32, issuer u32, right id, record id */
    P2P_INDEX_RESTS_BAD = 13,   /* custody.h: circle u32, token id */
    P2P_INDEX_SEAL = 14, /* custody.h: seal id, id of who names it, circle u32, token id */
};

#define P2P_VIEW_KEY_BYTES_MAX 64u
#define P2P_MARKS_MAX          16384u /* held at one time; at this many they are folded */
#define P2P_JUDGED_MAX         128u   /* verdicts remembered while marks are folded */
#define P2P_CITED_MAX          256u   /* rulings remembered whose citations fit; older go */

/* One record as the folds see it. */
struct p2p_entry {
    struct p2p_record_id id;
    struct p2p_record record;
    struct p2p_slice payload; /* opened content of a private kind; empty when not held */
};

/* A verdict that holds as long as no record and no charter entry comes. */
struct p2p_judged {
    bool known;
    struct p2p_record_id id;
    enum p2p_why why;
};

/* Records that were read in this batch and are looked at again: once.h. */
#define P2P_ONCE_MAX 64u
struct p2p_once {
    const struct p2p_entry *kept[P2P_ONCE_MAX]; /* NULL: nothing; in the arena */
    struct p2p_arena arena;
};

/* What was found of one signed note lately: records/custody_rests.c. */
struct p2p_rested {
    bool known;
    uint32_t feed;
    uint64_t charter_size;
    uint64_t good_size;
    uint64_t from; /* charter sizes at which the witnesses asked for held */
    uint64_t to;
    struct p2p_hash note;
    uint64_t size; /* that of the checkpoint they cosigned; 0: they did not */
};
#define P2P_RESTED_MAX 64u

/* An issuer used a number twice in a feed: the second record stands at index. See reuse.h. */
struct p2p_reuse_found {
    uint32_t feed;
    uint32_t issuer;
    uint64_t index;
};
#define P2P_REUSED_TOLD_MAX 16u /* in one batch; all of them are stored */

struct p2p_ledger {
    const struct p2p_alloc *alloc;
    const struct p2p_sigs *sigs;
    uint64_t kinds_unknown; /* set before the first batch: see p2p_ledger_kind */
    struct p2p_charter *charter;
    struct p2p_feed **feeds; /* by number; [0] is the charter's */
    size_t feed_count;
    struct p2p_feed_set touched;     /* grew, were cut or end elsewhere since the last finish */
    struct p2p_feed_set doubted;     /* with claims that are others now: known_settle.c */
    struct p2p_feed_set let_go;      /* with steps about a token whose holder the charter moved,
                                        until engine_seal.c looked */
    struct p2p_lately *lately;       /* of all of them: what was read before */
    struct p2p_lthash verdict_set;   /* of all verdicts other than none */
    struct p2p_view_digest *digests; /* per (view, circle) */
    size_t digest_count;
    bool charter_changed;  /* in this batch */
    bool forks_stale;      /* by the charter, since forks were folded */
    bool forks_changed;    /* what the view `forks` holds, perhaps, in this batch */
    bool closings_stale;   /* where closed generations end, perhaps, since that was looked at */
    bool verdicts_changed; /* since the set was stored */
    /* Rows are derived once more to be compared with what is stored (compare_kv.h): the set
     * hashes are those of what should stand there, and stay as they are. */
    bool comparing;
    /* While what follows from this record is derived once more: of what it marks only the key
     * that it begins is, since each other one is folded when the record that begins it comes.
     * NULL: all. */
    const struct p2p_record_id *marks_of;
    struct p2p_view_walk *walk; /* of a view's rows, over several batches, or NULL */
    struct p2p_folded *folded;  /* forks that need not be folded again now, or NULL: folded.h */
    bool undoing;               /* rows are deleted where they would be put: ledger_cut.c */
    bool reweighing;            /* what had effect may have none any more: judge.c */
    /* Told of each record that a verdict would look at if it were here; NULL: nobody asks. */
    void (*on_absent)(void *context, const struct p2p_record_id *id);
    void *absent_context;
    struct p2p_settled *settled; /* told of each value that is folded: settled.h; or NULL */
    /* the batch */
    struct p2p_reuse_found reused[P2P_REUSED_TOLD_MAX];
    size_t reused_count;
    const struct p2p_kv *kv;
    struct p2p_arena *arena;
    struct p2p_mark *marks;
    size_t mark_count;
    size_t mark_cap;
    /* The newest records that were applied together, as they arrived: folding asks for them at
     * once, and need not read and unseal them again. The caller of p2p_ledger_apply sets it,
     * with what stays until the batch ends; p2p_ledger_finish forgets it. */
    struct {
        const struct p2p_arrival *arrivals; /* of one feed, the first with index `first` */
        size_t count;
        uint64_t first;
    } newest;
    struct p2p_once once;
    struct p2p_judged judged[P2P_JUDGED_MAX]; /* while folding: one lift may name 1,024 bans */
    /* `ruled` records all of whose citations are held and fit, each in its place, and looked at
     * lately; feed 0: none. See judge_cites.c. */
    struct p2p_record_id cited[P2P_CITED_MAX];
    bool cites_remembered;                    /* any of these stands there */
    struct p2p_rested rested[P2P_RESTED_MAX]; /* by the hash of the note */
};

/* Loads everything from the store. federation_id as in p2p_charter_new. P2P_CORRUPT, or the
 * seam's. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_open(struct p2p_ledger *ledger,
                                            const struct p2p_alloc *alloc,
                                            const struct p2p_sigs *sigs,
                                            const struct p2p_kv *kv,
                                            const struct p2p_hash *federation_id);
void p2p_ledger_close(struct p2p_ledger *ledger); /* accepts a zeroed object */

/* A batch begins in this transaction with this arena, both the caller's. */
void p2p_ledger_begin(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                      struct p2p_arena *arena);
/* Settles what was said about records that came since, and recomputes what is marked so far;
 * may be called several times in a batch. Takes no lasting memory from the arena. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_fold(struct p2p_ledger *ledger);
/* Folds, flushes, stores digests; then the arena may be reset. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_finish(struct p2p_ledger *ledger);

/* NULL for a number the charter does not name. */
struct p2p_feed *p2p_ledger_feed(const struct p2p_ledger *ledger, uint32_t number);

/* The row by which this ledger judges and folds records of a kind; NULL for an unknown one:
 * such a record is kept and has no effect. kinds_unknown takes rows out of the table as an
 * older version lacks them: bit n, below 64, stands for number n; 0, in every node that runs,
 * takes none. A store is to be opened with the same ones for as long as it exists: what follows
 * from records is not derived anew. */
const struct p2p_kind *p2p_ledger_kind(const struct p2p_ledger *ledger, uint32_t number);

/* What the signature of a record was found to be, before it is applied. */
enum p2p_signature_verdict {
    P2P_SIGNATURE_NONE,
    P2P_SIGNATURE_GOOD,
    P2P_SIGNATURE_BAD,
    P2P_SIGNATURE_UNKNOWN_ISSUER
};

/* One verified leaf takes its place at the end of its feed.
 * salted: salt and payload, or empty when the node is not entitled; opened before by the
 * caller. Charter entries come through p2p_ledger_apply_charter instead. */
struct p2p_arrival {
    uint32_t feed;
    struct p2p_record record;
    struct p2p_hash leaf_hash;
    struct p2p_slice salted;
    enum p2p_signature_verdict signature;
};
P2P_MUST_CHECK enum p2p_err p2p_ledger_apply(struct p2p_ledger *ledger,
                                             const struct p2p_arrival *arrival);
/* The payload of a record that was taken without it has come, and opens its commitment: stores
 * it, and marks what the record touches as if it had come now. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_take_payload(struct p2p_ledger *ledger,
                                                    const struct p2p_record_id *id,
                                                    struct p2p_slice salted);
/* Takes the records of a forked feed back beyond a head that its first records lead to:
 * ledger_cut.c. Errors are those of p2p_feed_cut. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_cut(struct p2p_ledger *ledger, uint32_t feed,
                                           const struct p2p_tree_head *head);
/* Verifies and applies a charter entry; errors are those of p2p_charter_apply. P2P_FORKED: a
 * rival that is kept and stored, so the batch goes on. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_apply_charter(struct p2p_ledger *ledger, uint64_t index,
                                                     struct p2p_slice leaf,
                                                     struct p2p_slice note,
                                                     char reason[P2P_REASON_BYTES]);

/* Verifies the issuers' signatures of count arrivals at once through the signature seam. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_verify(struct p2p_ledger *ledger,
                                              struct p2p_arrival *arrivals, size_t count);

/* Loads one record and, when held, its payload. Both live in the batch's arena. P2P_NOTFOUND.
 */
P2P_MUST_CHECK enum p2p_err p2p_ledger_entry(struct p2p_ledger *ledger,
                                             const struct p2p_record_id *id,
                                             struct p2p_entry *out);
/* The same if it is of that kind; of any other no payload is opened. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_entry_of_kind(struct p2p_ledger *ledger,
                                                     const struct p2p_record_id *id,
                                                     uint32_t kind, struct p2p_entry *out);
/* The same of a leaf that was read already, which the entry then borrows. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_entry_of(struct p2p_ledger *ledger,
                                                const struct p2p_record_id *id,
                                                struct p2p_slice leaf, struct p2p_entry *out);
/* The stored salt and payload of one record, borrowed. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_salted(const struct p2p_ledger *ledger,
                                              const struct p2p_record_id *id,
                                              struct p2p_slice *salted);

/* ---- known.c: lookup of the past ---- */

/* The size of feed `of` that feed `by` knew at its index `at`: the largest that its `seen`
 * records before `at` name, or `at` itself for its own feed. An entry that is not a prefix of
 * what is held names nothing; one about more than is held, which may never be refuted, counts
 * until that much is here. For what makes an answer stricter, or asks for more. */
P2P_MUST_CHECK enum p2p_err p2p_known_size(const struct p2p_ledger *ledger, uint32_t by,
                                           uint64_t at, uint32_t of, uint64_t *size);
/* The same without claims about more than is held. For what allows, or takes a ban away. */
P2P_MUST_CHECK enum p2p_err p2p_known_surely(const struct p2p_ledger *ledger, uint32_t by,
                                             uint64_t at, uint32_t of, uint64_t *size);
/* The largest size of feed `of` that any `seen` of feed `by` below index `at` names, true or
 * not. Nothing that comes later changes it, so whoever is bound by what he said is bound by
 * this. */
P2P_MUST_CHECK enum p2p_err p2p_known_named(const struct p2p_ledger *ledger, uint32_t by,
                                            uint64_t at, uint32_t of, uint64_t *size);
/* p2p_known_size in any rows: those of a ledger that is not in a batch. refuted [out]: the
 * newest claim is false; so `by` lied, or held another history of a feed that has two. */
P2P_MUST_CHECK enum p2p_err p2p_known_size_in(const struct p2p_kv *kv, uint32_t by, uint64_t at,
                                              uint32_t of, uint64_t *size, bool *refuted);
/* Stores what a `seen` record at (by, index) names: nothing when its content is not as the kind
 * wants it, with feeds ascending. */
P2P_MUST_CHECK enum p2p_err p2p_known_apply(struct p2p_ledger *ledger, uint32_t by,
                                            uint64_t index, struct p2p_slice content);
/* Feed `of` has grown: claims about it that could not be checked before are checked, and what
 * rests on them is marked. */
P2P_MUST_CHECK enum p2p_err p2p_known_settle(struct p2p_ledger *ledger, uint32_t of);
/* Feed `of` is another one now, the charter's other branch: all claims about it are looked at
 * again. What rests on them the caller marks. */
P2P_MUST_CHECK enum p2p_err p2p_known_anew(struct p2p_ledger *ledger, uint32_t of);
/* The same, and what rests on claims about a feed that changed is marked. */
P2P_MUST_CHECK enum p2p_err p2p_known_again(struct p2p_ledger *ledger, uint32_t of);
/* Forgets what the `seen` record at (by, index) named. */
P2P_MUST_CHECK enum p2p_err p2p_known_undo(struct p2p_ledger *ledger, uint32_t by,
                                           uint64_t index, struct p2p_slice content);
/* Whether that feed's `seen` names more of the charter than is held here. */
P2P_MUST_CHECK enum p2p_err p2p_known_ahead(const struct p2p_ledger *ledger,
                                            const struct p2p_kv *kv, uint32_t by, bool *ahead);

/* A row of SEEN, taken apart: what the `seen` record at (by, index) says of feed `of`, and what
 * was found of it. highest: the largest size that an earlier one said. P2P_CORRUPT. */
struct p2p_known_row {
    uint32_t by;
    uint32_t of;
    uint64_t index;
    uint64_t size;
    uint64_t highest;
    bool is_open; /* about more than is held */
    bool is_false;
};
P2P_MUST_CHECK enum p2p_err p2p_known_row_read(struct p2p_known_row *out, struct p2p_slice key,
                                               struct p2p_slice value);

/* The first record of feed `by` that names more than `size` of feed `of`. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_known_first(const struct p2p_ledger *ledger, uint32_t by,
                                            uint32_t of, uint64_t size, uint64_t *index);
/* Everything feed `by` wrote from index on is marked, as if it had come now. */
P2P_MUST_CHECK enum p2p_err p2p_known_mark_from(struct p2p_ledger *ledger, uint32_t by,
                                                uint64_t index);

/* ---- ledger_close.c: where closed generations end ---- */

/* Sets p2p_feed.closed_at of all feeds, at start. */
P2P_MUST_CHECK enum p2p_err p2p_closed_load(struct p2p_ledger *ledger);
/* Looks again where closed generations end, and marks the records that lose or regain effect.
 */
P2P_MUST_CHECK enum p2p_err p2p_closed_again(struct p2p_ledger *ledger);

/* ---- judge.c: one function for all kinds ---- */

/* Whether and why a record has no effect, from its leaf, payload and the charter in the
 * frontier. */
P2P_MUST_CHECK enum p2p_err p2p_judge(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                                      enum p2p_why *why);
/* The same without what was found when it arrived (signature and number), for a record that is
 * judged as if it stood at entry->id. cites: whether what it cites counts. */
P2P_MUST_CHECK enum p2p_err p2p_judge_content(struct p2p_ledger *ledger,
                                              const struct p2p_entry *entry, bool cites,
                                              enum p2p_why *why);
/* Takes the issuer's number into account for a new leaf and stores a verdict other than none.
 */
P2P_MUST_CHECK enum p2p_err
p2p_judge_arrival(struct p2p_ledger *ledger, const struct p2p_arrival *arrival, uint64_t index);
/* Forgets what was found of the last record of its issuer in its feed, and its number. */
P2P_MUST_CHECK enum p2p_err p2p_judge_undo(struct p2p_ledger *ledger,
                                           const struct p2p_entry *entry);
/* Judges again what a new charter version may change, and marks what it touches. */
P2P_MUST_CHECK enum p2p_err p2p_judge_charter(struct p2p_ledger *ledger, uint64_t entry_index);
/* The same for everything one issuer signed. anew: his number may stand for another key now, so
 * signatures and numbers are looked at again too. */
P2P_MUST_CHECK enum p2p_err p2p_judge_issuer(struct p2p_ledger *ledger, uint32_t issuer,
                                             bool anew);
/* The highest number this issuer validly used in this feed; 0 for none. */
P2P_MUST_CHECK enum p2p_err p2p_issuer_seq(const struct p2p_ledger *ledger, uint32_t feed,
                                           uint32_t issuer, uint64_t *seq);
/* Where the first validly signed record with a number stands. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_number_find(const struct p2p_ledger *ledger, uint32_t feed,
                                            uint32_t issuer, uint64_t number, uint64_t *index);

/* ---- view.c: marks, folds, digests ---- */

/* This key is folded at the end of the batch, or sooner where P2P_MARKS_MAX wait. key: copied,
 * at most P2P_VIEW_KEY_BYTES_MAX. P2P_NOMEM, or a fold's error. */
P2P_MUST_CHECK enum p2p_err p2p_view_mark(struct p2p_ledger *ledger, enum p2p_view_number view,
                                          struct p2p_slice key);
/* Replaces one value (empty: removes it) and keeps the digest of (view, circle). */
P2P_MUST_CHECK enum p2p_err p2p_view_put(struct p2p_ledger *ledger, enum p2p_view_number view,
                                         uint32_t circle, struct p2p_slice key,
                                         struct p2p_slice value);
P2P_MUST_CHECK enum p2p_err p2p_view_get(const struct p2p_kv *kv, enum p2p_view_number view,
                                         uint32_t circle, struct p2p_slice key,
                                         struct p2p_slice *value);
/* The first value of a view in a circle whose key is a record's id above `after`, or the first
 * of all: to walk them in order. P2P_NOTFOUND at the end; P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_view_next(const struct p2p_kv *kv, enum p2p_view_number view,
                                          uint32_t circle, const struct p2p_record_id *after,
                                          bool begin, struct p2p_record_id *id,
                                          struct p2p_slice *value);
/* The key of a VIEW row, for walks: writes at most 5 + P2P_VIEW_KEY_BYTES_MAX bytes. */
size_t p2p_view_row_key(uint8_t *out, enum p2p_view_number view, uint32_t circle,
                        struct p2p_slice key);
/* The set hash of one view in one circle as it is stored: between batches that of its rows. */
P2P_MUST_CHECK enum p2p_err p2p_view_set(const struct p2p_kv *kv, enum p2p_view_number view,
                                         uint32_t circle, struct p2p_lthash *out);
/* Digest of one view in one circle; of the empty set when nothing stands in it. */
P2P_MUST_CHECK enum p2p_err p2p_view_digest(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                            enum p2p_view_number view, uint32_t circle,
                                            struct p2p_hash *out);
/* ---- touch.c ---- */

/* Puts an INDEX row with an empty value; while records are taken back, deletes it. */
P2P_MUST_CHECK enum p2p_err p2p_index_put(struct p2p_ledger *ledger, struct p2p_slice key);
/* TOUCH rows: which records act on a key. */
P2P_MUST_CHECK enum p2p_err p2p_touch_add(struct p2p_ledger *ledger, enum p2p_view_number view,
                                          struct p2p_slice key, const struct p2p_record_id *by);
#define P2P_TOUCH_AHEAD_MAX 8u
struct p2p_touch_walk {
    uint8_t prefix[1 + P2P_VIEW_KEY_BYTES_MAX];
    size_t prefix_len;
    struct p2p_record_id last;
    bool begun;
    bool looks_ahead; /* at so many rows at a time: */
    bool ended;       /* there is none behind them */
    unsigned ahead_at, ahead_count;
    struct p2p_record_id ahead[P2P_TOUCH_AHEAD_MAX];
};
void p2p_touch_begin(struct p2p_touch_walk *walk, enum p2p_view_number view,
                     struct p2p_slice key);
/* The same for a walk to the end while no row of TOUCH comes or goes, as in folds. */
void p2p_touch_begin_still(struct p2p_touch_walk *walk, enum p2p_view_number view,
                           struct p2p_slice key);
/* P2P_NOTFOUND at the end. Safe while other tables are written. */
P2P_MUST_CHECK enum p2p_err p2p_touch_next(struct p2p_touch_walk *walk, const struct p2p_kv *kv,
                                           struct p2p_record_id *by);

/* Records cited before they were here: what their citers act on is marked, for those of feed
 * `of` from index `from` on. */
P2P_MUST_CHECK enum p2p_err p2p_touch_settle(struct p2p_ledger *ledger, uint32_t of,
                                             uint64_t from);

/* ---- frontier.c ---- */

/* SHA-256 over `<feed> <size> <root base64>\n`, charter included, sorted by bytes of feed. */
P2P_MUST_CHECK enum p2p_err p2p_frontier_digest(const struct p2p_ledger *ledger,
                                                struct p2p_hash *out);
/* SHA256("port2port/v1/leaves" NUL || frontier digest || digest of the verdicts). */
P2P_MUST_CHECK enum p2p_err p2p_leaves_digest(const struct p2p_ledger *ledger,
                                              struct p2p_hash *out);
/* The same as if the feed of that number had another size and root. */
P2P_MUST_CHECK enum p2p_err p2p_frontier_digest_at(const struct p2p_ledger *ledger,
                                                   uint32_t feed, uint64_t size,
                                                   const struct p2p_hash *root,
                                                   struct p2p_hash *out);
struct p2p_hash p2p_leaves_digest_of(const struct p2p_ledger *ledger,
                                     const struct p2p_hash *frontier);
/* `beanr/1`: a feed's name on screen, from its origin. */
struct p2p_slice p2p_feed_name(const struct p2p_ledger *ledger, uint32_t feed);

/* Record ids as keys: 12 bytes, in order. */
#define P2P_ID_KEY_BYTES 12u
struct p2p_slice p2p_id_key(uint8_t out[P2P_ID_KEY_BYTES], const struct p2p_record_id *id);
bool p2p_id_from_key(struct p2p_slice key, struct p2p_record_id *id);

#endif
