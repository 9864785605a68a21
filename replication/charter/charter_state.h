/* The inside of a charter. Private to charter*.c.
 *
 * A charter is two branches of entries (the held one, and a rival when there are two heads) and
 * one fold: what the entries up to the good version amount to. Entries are immutable, counted
 * by references and shared by clones; a fold is rows of plain structs, copied whole. An entry
 * is applied to a copy of the fold, which replaces the old one only when everything in the
 * entry held, so that apply is all or nothing.
 *
 * Promises:
 *   1. fold.size == held.count while there is no rival, else rival.first.
 *   2. The fold is a function of held[0..fold.size) alone: replaying them gives the same rows.
 *   3. Every entry of both branches was verified against the roots of the version before it.
 *   4. Numbers are positions: members[n-1] has number n, and so for feeds (feeds[n]), issuers,
 * circles.
 *   5. `names` is sorted, and holds every name and every key the fold holds or ever held. */
#ifndef P2P_CHARTER_STATE_H
#define P2P_CHARTER_STATE_H

#include <p2p/charter.h>
#include <p2p/charter_op.h>

#include <stdatomic.h>

/* Memory of one fold's variable parts (grants, members, keep lists). */
#define P2P_FOLD_BYTES_MAX ((size_t)256 << 20)

struct charter_entry {
    atomic_uint references;
    struct p2p_hash hash; /* leaf hash */
    size_t leaf_len;
    size_t note_len;
    uint8_t bytes[]; /* leaf, then note */
};

struct charter_branch {
    struct charter_entry **entries; /* entries[i] has index first + i */
    uint64_t first;                 /* 0 for the held branch */
    size_t count;
    size_t cap;
    struct p2p_edge edge; /* after the last entry */
};

/* A growing array of equal structs; items are zeroed when they are added. */
struct rows {
    void *at;
    size_t count;
    size_t cap;
};

struct root_set {
    uint64_t from; /* in force for entries at or above this index (set by entry from - 1) */
    uint32_t count;
    uint32_t threshold;
    struct p2p_root_public roots[P2P_ROOTS_MAX];
};

struct cut_row {
    uint32_t issuer;
    uint32_t feed;
    uint64_t index;
    uint64_t entry;
    const uint64_t *keep; /* ascending */
    size_t keep_count;
};

/* An entry changed something about an issuer; ascending by (entry, issuer). */
struct touch_row {
    uint64_t entry;
    uint32_t issuer;
};

/* Witnesses of a feed until `entry` changed them. */
struct witness_row {
    uint32_t feed;
    uint64_t entry;
    uint32_t count;
    uint32_t witnesses[P2P_WITNESSES_MAX];
};

/* A witness key that a member has, or had. */
struct witness_key_row {
    uint32_t witness; /* its number */
    struct p2p_witness_public key;
};

/* A branch that a settle ended: the hashes of its entries from the split on. */
struct ended_row {
    uint64_t split;
    uint64_t entry; /* the settle */
    const struct p2p_hash *hashes;
    size_t count;
};

enum name_space {
    NAME_MEMBER = 1,
    NAME_FEED,
    NAME_ISSUER,
    NAME_CIRCLE,
    NAME_TRANSPORT,
    NAME_KEY
};
#define NAME_BYTES_MAX 48u
_Static_assert(P2P_NAME_BYTES_MAX + 1 + 10 <= NAME_BYTES_MAX, "a feed's short name fits");
_Static_assert(P2P_PUBLIC_BYTES <= NAME_BYTES_MAX, "a key fits");

struct name_row {
    uint8_t space;
    uint8_t len;
    uint8_t bytes[NAME_BYTES_MAX];
    uint32_t number; /* NAME_KEY: its purpose */
};

struct charter_fold {
    const struct p2p_alloc *alloc;
    struct p2p_arena arena; /* everything the rows point to */
    uint64_t size;
    uint64_t term;
    char federation[P2P_FEDERATION_BYTES_MAX + 1];
    struct p2p_hash federation_id;
    struct p2p_charter_public log_key;
    struct p2p_policy policy;
    struct rows root_sets;       /* struct root_set */
    struct rows members;         /* struct p2p_member */
    struct rows feeds;           /* struct p2p_feed_info; [0] is the charter */
    struct rows issuers;         /* struct p2p_issuer */
    struct rows circles;         /* struct p2p_circle */
    struct rows cuts;            /* struct cut_row */
    struct rows reassigns;       /* struct p2p_reassign, in order of entry */
    struct rows settled_opens;   /* struct p2p_settled_open, in order of entry */
    struct rows touches;         /* struct touch_row */
    struct rows witness_changes; /* struct witness_row */
    struct rows witness_keys;    /* struct witness_key_row */
    struct rows ended;           /* struct ended_row */
    struct rows names;           /* struct name_row, sorted */
};

struct p2p_charter {
    const struct p2p_alloc *alloc;
    bool pinned;
    struct p2p_hash federation_id; /* when pinned */
    struct charter_branch held;
    struct charter_branch rival; /* count 0: one head */
    struct charter_fold fold;
};

/* --- charter_state.c --------------------------------------------------------------------- */

void p2p_fold_init(struct charter_fold *fold, const struct p2p_alloc *alloc);
void p2p_fold_deinit(struct charter_fold *fold);
P2P_MUST_CHECK enum p2p_err p2p_fold_clone(struct charter_fold *out,
                                           const struct charter_fold *fold);

/* A new zeroed item at the end, or NULL. Moves the others. */
void *p2p_rows_add(const struct p2p_alloc *alloc, struct rows *rows, size_t each);

/* P2P_BADKEY or P2P_REFUSED style decisions are the caller's: P2P_LOCKED means taken. */
P2P_MUST_CHECK enum p2p_err p2p_fold_name_add(struct charter_fold *fold, enum name_space space,
                                              struct p2p_slice name, uint32_t number);
/* 0 when there is none (numbers start at 1; feed 0 and purpose 0 are never entered). */
uint32_t p2p_fold_name(const struct charter_fold *fold, enum name_space space,
                       struct p2p_slice name);
P2P_MUST_CHECK enum p2p_err p2p_fold_touch(struct charter_fold *fold, uint64_t entry,
                                           uint32_t issuer);

P2P_MUST_CHECK enum p2p_err p2p_branch_push(struct charter_branch *branch,
                                            const struct p2p_alloc *alloc,
                                            struct p2p_slice leaf, struct p2p_slice note);
void p2p_branch_deinit(struct charter_branch *branch, const struct p2p_alloc *alloc);
P2P_MUST_CHECK enum p2p_err p2p_branch_clone(struct charter_branch *out,
                                             const struct charter_branch *branch,
                                             const struct p2p_alloc *alloc);
struct p2p_slice p2p_entry_leaf(const struct charter_entry *entry);
struct p2p_slice p2p_entry_note(const struct charter_entry *entry);
/* The edge of the first `size` held entries. */
void p2p_branch_edge_at(const struct charter_branch *held, uint64_t size, struct p2p_edge *out);

static inline struct p2p_member *p2p_fold_member(const struct charter_fold *fold,
                                                 uint32_t number)
{
    bool there = number >= 1 && number <= fold->members.count;
    return there ? (struct p2p_member *)fold->members.at + (number - 1) : NULL;
}

static inline struct p2p_feed_info *p2p_fold_feed(const struct charter_fold *fold,
                                                  uint32_t number)
{
    return number < fold->feeds.count ? (struct p2p_feed_info *)fold->feeds.at + number : NULL;
}

static inline struct p2p_issuer *p2p_fold_issuer(const struct charter_fold *fold,
                                                 uint32_t number)
{
    bool there = number >= 1 && number <= fold->issuers.count;
    return there ? (struct p2p_issuer *)fold->issuers.at + (number - 1) : NULL;
}

static inline struct p2p_circle *p2p_fold_circle(const struct charter_fold *fold,
                                                 uint32_t number)
{
    bool there = number >= 1 && number <= fold->circles.count;
    return there ? (struct p2p_circle *)fold->circles.at + (number - 1) : NULL;
}

/* --- charter_note.c ---------------------------------------------------------------------- */

void p2p_reason(char reason[P2P_REASON_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The roots that signed entry `index`: those in force before it. */
const struct root_set *p2p_fold_roots_at(const struct charter_fold *fold, uint64_t index);
/* A charter checkpoint: origin, size, log signature, and cosignatures of at least `need` roots
 * of set `by`. also (may be NULL) must reach its own threshold as well. */
struct charter_signers {
    const struct root_set *by;
    uint32_t need;
    const struct root_set *also;
};
P2P_MUST_CHECK enum p2p_err p2p_charter_note_parse(struct p2p_note *note,
                                                   struct p2p_checkpoint *checkpoint,
                                                   const struct charter_fold *fold,
                                                   struct p2p_slice bytes,
                                                   char reason[P2P_REASON_BYTES]);
P2P_MUST_CHECK enum p2p_err p2p_charter_note_verify(const struct p2p_note *note,
                                                    const struct charter_fold *fold,
                                                    const struct p2p_sigs *sigs,
                                                    const struct charter_signers *signers,
                                                    char reason[P2P_REASON_BYTES]);
P2P_MUST_CHECK enum p2p_err p2p_fold_quorum_note(const struct charter_fold *fold,
                                                 const struct p2p_sigs *sigs, uint32_t feed,
                                                 struct p2p_slice note,
                                                 struct p2p_checkpoint *checkpoint,
                                                 char reason[P2P_REASON_BYTES]);

/* --- charter_apply.c --------------------------------------------------------------------- */

/* Where an entry stands: sigs NULL is a replay of what was verified before, which skips
 * signatures of notes inside ops. held has at least `index` entries. */
struct fold_place {
    const struct p2p_sigs *sigs;
    const struct charter_branch *held;
    uint64_t index;
    char *reason; /* P2P_REASON_BYTES, or NULL */
};
/* Applies the ops of one version; on error the fold is half changed: only on a copy. */
P2P_MUST_CHECK enum p2p_err p2p_fold_apply(struct charter_fold *fold,
                                           const struct fold_place *place,
                                           const struct p2p_version *version);
/* Replays held[fold->size..to) into the fold. */
P2P_MUST_CHECK enum p2p_err p2p_fold_replay(struct charter_fold *fold,
                                            const struct charter_branch *held, uint64_t to);
/* Only entry 0 needs it before its note can be verified: federation, log key and roots. */
P2P_MUST_CHECK enum p2p_err p2p_fold_found(struct charter_fold *fold,
                                           const struct p2p_op_found *op, char *reason);
P2P_MUST_CHECK enum p2p_err p2p_fold_root_set(struct charter_fold *fold, uint64_t from,
                                              const struct p2p_root_public *roots,
                                              uint32_t count, uint32_t threshold, char *reason);

/* Enters a key that is checked (admissible) and not in use. P2P_BADKEY. */
P2P_MUST_CHECK enum p2p_err p2p_fold_key_add(struct charter_fold *fold,
                                             const uint8_t key[P2P_PUBLIC_BYTES],
                                             enum p2p_key_purpose purpose,
                                             enum p2p_err admissible, const char *whose,
                                             char *reason);
/* Enters a name that is one and not in use. P2P_REFUSED. */
P2P_MUST_CHECK enum p2p_err p2p_fold_named_add(struct charter_fold *fold, enum name_space space,
                                               const char *name, uint32_t number, char *reason);
/* P2P_REFUSED, with the sentence. */
P2P_MUST_CHECK enum p2p_err p2p_fold_too_many(const char *what, char *reason);

/* --- charter_witness.c ------------------------------------------------------------------- */

/* p2p_charter_quorum of a fold that is not the charter's yet. */
bool p2p_fold_quorum(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                     const uint32_t *cosigners, size_t count);
/* Whether any set of the feed's witnesses, also one that was replaced, has this witness. */
bool p2p_fold_was_witness(const struct charter_fold *fold, const struct p2p_feed_info *feed,
                          uint32_t witness);
/* The witnesses that the entry which creates a feed names. */
P2P_MUST_CHECK enum p2p_err p2p_fold_feed_witnesses(struct charter_fold *fold, uint32_t feed,
                                                    const char *const *names, uint32_t count,
                                                    char *reason);
/* NULL: it has none. */
const struct p2p_witness_public *p2p_fold_key_of(const struct charter_fold *fold,
                                                 uint32_t witness);
/* Notes the key of a witness. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_fold_witness_key(struct charter_fold *fold, uint32_t witness,
                                                 const struct p2p_witness_public *key);
/* A member's witness key is another one from this entry on: in every feed that is open and
 * that it witnesses. */
P2P_MUST_CHECK enum p2p_err p2p_fold_witness_anew(struct charter_fold *fold,
                                                  const struct fold_place *place,
                                                  uint32_t before, uint32_t witness);
P2P_MUST_CHECK enum p2p_err p2p_fold_witness(struct charter_fold *fold,
                                             const struct fold_place *place,
                                             const struct p2p_op_witness *op);

/* --- charter_generation.c ---------------------------------------------------------------- */

/* The feed that a new member or generation begins with; number [out]. */
struct fold_feed {
    uint32_t member;
    const char *name; /* the member's */
    uint32_t generation;
    const struct p2p_feed_public *key;
    uint64_t entry;
};
P2P_MUST_CHECK enum p2p_err p2p_fold_feed_add(struct charter_fold *fold,
                                              const struct fold_feed *add, uint32_t *number);
P2P_MUST_CHECK enum p2p_err p2p_fold_generation(struct charter_fold *fold,
                                                const struct fold_place *place,
                                                const struct p2p_op_generation *op);

/* --- charter_issuer.c -------------------------------------------------------------------- */

P2P_MUST_CHECK enum p2p_err p2p_fold_grant(struct charter_fold *fold,
                                           const struct fold_place *place,
                                           const struct p2p_op_grant *op);
P2P_MUST_CHECK enum p2p_err p2p_fold_revoke(struct charter_fold *fold,
                                            const struct fold_place *place,
                                            const struct p2p_op_revoke *op);

/* --- charter_reassign.c ------------------------------------------------------------------ */

P2P_MUST_CHECK enum p2p_err p2p_fold_reassign(struct charter_fold *fold,
                                              const struct fold_place *place,
                                              const struct p2p_op_reassign *op);

P2P_MUST_CHECK enum p2p_err p2p_fold_settle_opens(struct charter_fold *fold,
                                                  const struct fold_place *place,
                                                  const struct p2p_op_settle_opens *op);

/* --- charter_circle.c -------------------------------------------------------------------- */

P2P_MUST_CHECK enum p2p_err p2p_fold_circle_op(struct charter_fold *fold,
                                               const struct fold_place *place,
                                               const struct p2p_op_circle *op);

/* --- charter_settle.c -------------------------------------------------------------------- */

P2P_MUST_CHECK enum p2p_err p2p_fold_settle(struct charter_fold *fold,
                                            const struct fold_place *place,
                                            const struct p2p_op_settle *op, uint64_t term);
/* The index at which a settle's branches part. */
uint64_t p2p_settle_split(const struct p2p_op_settle *op, const struct p2p_checkpoint *ended);
/* How many roots a settle at this root set needs: one more than the threshold, or all. */
uint32_t p2p_settle_need(const struct root_set *set);

#endif
