/* The charter: who is who and who may do what, as a feed of its own that proves itself.
 *
 * Origin `<federation>/charter/1`, feed number 0. Each version is one record (kind `charter`,
 * issuer 0, circle 0) and one checkpoint of exactly that size, signed by the charter's log key
 * and cosigned by k of n distinct root keys, k > n/2, as they were before that entry (a
 * rotation needs the old and the new threshold). The record's content is {"ops": [op, ...],
 * "term": n}; the ops are described in replication/WIRE.md and in the table of charter_op.c.
 * Federation id = SHA-256 of entry 0.
 *
 * struct p2p_charter is the fold of the entries taken so far: plain memory, no I/O. Numbers of
 * members, feeds, issuers and circles are given in order of appearance from 1 and never reused;
 * feed 0 is the charter itself, circle 0 everybody, issuer 0 the node. "What held then" is
 * asked with the charter size known at a record: a grant given by entry e holds from a known
 * size above e.
 *
 * Two heads: a validly cosigned entry that contradicts a held one takes authority back to the
 * last version before them (p2p_charter_rival tells). From then on every lookup answers as of
 * that good version, numbers given above it answer NULL, both branches may still be extended by
 * what their roots had signed, and a settle entry that contains both heads ends this: the
 * branch it stands on is the charter again, grants of either branch above the split are void,
 * cut points of either hold. A charter that held the branch which ended takes over the other
 * one by itself.
 *
 * Entries are immutable and shared by clones; all else in a clone is its own. */
#ifndef P2P_CHARTER_H
#define P2P_CHARTER_H

#include <p2p/alloc.h>
#include <p2p/checkpoint.h>
#include <p2p/grant.h>
#include <p2p/record.h>
#include <p2p/token.h>
#include <p2p/tree.h>

#define P2P_NAME_BYTES_MAX       32u /* members, circles: [a-z0-9-] */
#define P2P_FEDERATION_BYTES_MAX 128u
#define P2P_MEMBERS_MAX          4096u
#define P2P_FEEDS_MAX            16384u
#define P2P_ISSUERS_MAX          65536u
#define P2P_CIRCLES_MAX          4096u
#define P2P_ROOTS_MAX            15u
#define P2P_GRANTS_MAX           64u   /* per issuer and entry */
#define P2P_GRANTS_HELD_MAX      4096u /* per issuer, over all entries */
#define P2P_VERSIONS_MAX         ((uint64_t)1 << 24)
#define P2P_CHARTER_FEED         0u
#define P2P_CHARTER_KIND         1u /* the kind registry's row "charter" */
/* `<federation>/root/<8 hex digits>` */
#define P2P_ROOT_NAME_BYTES_MAX (P2P_FEDERATION_BYTES_MAX + 6u + 8u)
/* `<federation>/<member>/w<n>` */
#define P2P_WITNESS_NAME_BYTES_MAX                                                             \
    (P2P_FEDERATION_BYTES_MAX + 1u + P2P_NAME_BYTES_MAX + 2u + 10u)

enum p2p_role {
    P2P_ROLE_PORT,
    P2P_ROLE_OBSERVER,
    P2P_ROLE_POLICE,
    P2P_ROLE_CUSTOMS,
    P2P_ROLE_TERMINAL
};
const char *p2p_role_word(enum p2p_role role);
/* P2P_NOTFOUND for any other word. */
P2P_MUST_CHECK enum p2p_err p2p_role_of(enum p2p_role *role, struct p2p_slice word);

/* [a-z0-9-]{1,32}, not "charter": members, issuers, circles. */
bool p2p_name_valid(struct p2p_slice name);
/* [a-z0-9.-]{1,128}. */
bool p2p_federation_valid(struct p2p_slice name);
/* Empty, or two letters and three letters or digits, upper case. */
bool p2p_locode_valid(struct p2p_slice locode);
/* The key name of a root: `<federation>/root/<hex of the first 4 bytes of its public key>`,
 * terminated; returns its length. Of a witness: `<federation>/<member>/w<generation>`. */
size_t p2p_root_name(char out[P2P_ROOT_NAME_BYTES_MAX + 1], const char *federation,
                     const struct p2p_root_public *key);
size_t p2p_witness_name(char out[P2P_WITNESS_NAME_BYTES_MAX + 1], const char *federation,
                        const char *member, uint32_t generation);

struct p2p_member {
    uint32_t number;
    char name[P2P_NAME_BYTES_MAX + 1]; /* beanr */
    char locode[6];                    /* BEANR, or empty */
    enum p2p_role role;
    struct p2p_witness_public witness_key; /* the newest, named <federation>/<member>/w<n> */
    uint32_t witness_generation;           /* n */
    struct p2p_transport_public transport_key;
    struct p2p_sealing_public sealing_key;
    uint32_t feed; /* the newest generation's feed number */
};

struct p2p_feed_info {
    uint32_t number;
    uint32_t member; /* 0 for the charter */
    uint32_t generation;
    char origin[P2P_ORIGIN_BYTES_MAX + 1]; /* <federation>/<member>/<generation> */
    struct p2p_feed_public key;
    uint32_t witnesses[P2P_WITNESSES_MAX]; /* witness numbers, never the owner's */
    uint32_t witness_count;
    uint32_t former_witnesses[P2P_WITNESSES_MAX]; /* the set before the last change */
    uint32_t former_count;                        /* 0: it never changed, or there were none */
    uint32_t entry;                               /* the charter entry that created it */
    uint32_t closed; /* the entry that granted the generation after it; 0: it is open */
};

/* A witness is a member's witness key: its number is the member's, and 65,536 more for each key
 * that the member had before. So who got a new key after an old backup is another witness than
 * it was, and what the old key cosigned counts for the old key alone. */
#define P2P_WITNESS_GENERATION_STEP 65536u
_Static_assert(P2P_MEMBERS_MAX < P2P_WITNESS_GENERATION_STEP, "members fit below the step");
static inline uint32_t p2p_witness_number(uint32_t member, uint32_t generation)
{
    return (generation - 1) * P2P_WITNESS_GENERATION_STEP + member;
}
static inline uint32_t p2p_witness_member(uint32_t witness)
{
    return witness % P2P_WITNESS_GENERATION_STEP;
}
static inline uint32_t p2p_witness_generation(uint32_t witness)
{
    return witness / P2P_WITNESS_GENERATION_STEP + 1;
}

/* Whose cosignatures of one feed can count at one time: its witnesses, and the one that the
 * last change removed. */
#define P2P_COSIGNERS_MAX (P2P_WITNESSES_MAX + 1u)

/* f = max(0, floor((n-1)/3)); k = floor((n+f)/2)+1; 0 of 0 means never witnessed. */
uint32_t p2p_witness_faults(uint32_t witness_count);
uint32_t p2p_witness_quorum(uint32_t witness_count);
/* n-k+1+f: of so many answers at least one is by an honest witness of any quorum there was, so
 * that together they know what a quorum ever held. 0 of 0: nobody has to be asked. */
uint32_t p2p_witness_answers(uint32_t witness_count);

struct p2p_grant {
    char name[P2P_GRANT_BYTES_MAX +
              1]; /* "ban-court"; words of grant.h, others have no effect */
    char scope[P2P_NAME_BYTES_MAX + 1]; /* "*", or a locode or facility */
    uint32_t entry;                     /* given by this charter entry */
};

struct p2p_issuer {
    uint32_t number;
    char name[P2P_NAME_BYTES_MAX + 1];
    uint32_t member; /* valid in this member's feeds only */
    struct p2p_issuer_public key;
    uint32_t entry; /* first named by this entry */
    const struct p2p_grant *grants;
    size_t grant_count;
};

struct p2p_circle_epoch {
    uint32_t epoch; /* from 1 */
    struct p2p_hash key_hash;
};

struct p2p_circle {
    uint32_t number;
    char name[P2P_NAME_BYTES_MAX + 1];
    const uint32_t *members; /* ascending member numbers */
    size_t member_count;
    const struct p2p_circle_epoch *epochs;
    size_t epoch_count;
};

struct p2p_policy {
    uint32_t lease_s;             /* default 259200 (72 h) */
    uint32_t heartbeat_s;         /* default 60 */
    uint32_t fresh_cosignature_s; /* default 900 */
    uint32_t clock_skew_s;        /* default 300 */
};

struct p2p_charter;

/* An empty charter that accepts any entry 0 (federation_id NULL) or only the one with that id.
 * alloc is borrowed and outlives the charter and its clones; clones on other threads need a
 * heap that is thread-safe, as p2p_alloc_default is. */
P2P_MUST_CHECK enum p2p_err p2p_charter_new(struct p2p_charter **out,
                                            const struct p2p_alloc *alloc,
                                            const struct p2p_hash *federation_id);
void p2p_charter_free(struct p2p_charter *charter); /* accepts NULL */
/* An independent copy, for readers on other threads. */
P2P_MUST_CHECK enum p2p_err p2p_charter_clone(struct p2p_charter **out,
                                              const struct p2p_charter *charter);

/* The charter as somebody knew it who held the first `size` entries of the held branch, with
 * authority at good_size <= size (the same, or where two heads part for who knew of both).
 * *past [in, out]: NULL, or what this gave before, which is moved: cheaply to a larger size,
 * anew to a smaller one. NULL after P2P_NOMEM. Release with p2p_charter_free. */
P2P_MUST_CHECK enum p2p_err p2p_charter_as_of(struct p2p_charter **past,
                                              const struct p2p_charter *charter, uint64_t size,
                                              uint64_t good_size);
/* Whether who held `size` entries may have known of two heads, by what is known here: the
 * lowest index at which they part, below size. */
bool p2p_charter_parted(const struct p2p_charter *charter, uint64_t size, uint64_t *split);
/* Whether a settle ended a branch that has this leaf as entry `index`, or may have it behind
 * what the settle told of it. split [out]: where that branch parted. */
bool p2p_charter_ended(const struct p2p_charter *charter, uint64_t index, struct p2p_slice leaf,
                       uint64_t *split);
/* Whether who held `size` entries may have had a grant that a settle voided: one ended a branch
 * that parted below them. */
bool p2p_charter_may_void(const struct p2p_charter *charter, uint64_t size);
/* Whether there are two heads, and an entry of either branch from where they part on creates a
 * feed: nobody looks up what stands in it until the heads are settled. */
bool p2p_charter_hides_feeds(const struct p2p_charter *charter);

/* Verifies entry `index` and its checkpoint note completely and applies it. reason gets one
 * sentence on error (may be NULL). All or nothing: on any error but P2P_FORKED the charter is
 * unchanged.
 *
 * P2P_OK        applied; or held already with this leaf, and the note is good too. When there
 * are two heads: the held branch grew, authority did not (p2p_charter_good_size tells).
 * P2P_FORKED    valid, cosigned, and contradicts the held entry: kept as the rival branch when
 * it is the first to do so or continues the one kept; authority is at the split from now on.
 * P2P_GAP       index beyond the size, and no continuation of the rival either
 * P2P_MISMATCH  the note's root is not that of the entries held and this one; or entry 0 is of
 * another federation P2P_QUORUM    fewer distinct roots (witnesses, in a note inside) than
 * needed P2P_BADSIG    the log key, or a root named in the note, did not sign this P2P_REFUSED
 * an op breaks a rule of the charter, or the entry belongs to a branch that was settled
 * P2P_UNKNOWN   an op names what the charter does not hold
 * P2P_BADKEY    an inadmissible key, or one that is in use already
 * P2P_MALFORMED, P2P_TRUNCATED, P2P_TOOLARGE, P2P_NOMEM */
#define P2P_REASON_BYTES 200u
P2P_MUST_CHECK enum p2p_err p2p_charter_apply(struct p2p_charter *charter,
                                              const struct p2p_sigs *sigs, uint64_t index,
                                              struct p2p_slice leaf, struct p2p_slice note,
                                              char reason[P2P_REASON_BYTES]);
/* What p2p_charter_apply would say to this leaf at index = size, whatever its note: for the
 * tools that draft versions. Notes inside ops are verified, the leaf's own signatures are not.
 */
P2P_MUST_CHECK enum p2p_err p2p_charter_try(const struct p2p_charter *charter,
                                            const struct p2p_sigs *sigs, struct p2p_slice leaf,
                                            char reason[P2P_REASON_BYTES]);

/* Of the held branch: what is stored, sent and shown. */
uint64_t p2p_charter_size(const struct p2p_charter *charter);
struct p2p_hash p2p_charter_root(const struct p2p_charter *charter);
/* The version authority stands at: the size, or the split while there are two heads. */
uint64_t p2p_charter_good_size(const struct p2p_charter *charter);
/* The term the next entry must carry (a settle: a higher one). */
uint64_t p2p_charter_term(const struct p2p_charter *charter);
/* The root of the first `size` entries of the held branch; P2P_USAGE above its size. */
P2P_MUST_CHECK enum p2p_err p2p_charter_root_at(const struct p2p_charter *charter,
                                                uint64_t size, struct p2p_hash *root);
/* The root there would be with this leaf as the next entry of the held branch. */
struct p2p_hash p2p_charter_root_with(const struct p2p_charter *charter, struct p2p_slice leaf);
/* Entry `index` of the held branch and the note it came with, borrowed until the next apply or
 * free; P2P_NOTFOUND at or above the size. */
P2P_MUST_CHECK enum p2p_err p2p_charter_entry(const struct p2p_charter *charter, uint64_t index,
                                              struct p2p_slice *leaf, struct p2p_slice *note);
const char *p2p_charter_federation(const struct p2p_charter *charter); /* its name */
struct p2p_hash p2p_charter_federation_id(const struct p2p_charter *charter);
const struct p2p_charter_public *p2p_charter_log_key(const struct p2p_charter *charter);
uint32_t p2p_charter_root_count(const struct p2p_charter *charter);
uint32_t p2p_charter_threshold(const struct p2p_charter *charter);
const struct p2p_root_public *p2p_charter_roots(const struct p2p_charter *charter);
const struct p2p_policy *p2p_charter_policy(const struct p2p_charter *charter);
/* The index at which two heads part, and the rival's entry there with its note; P2P_NOTFOUND
 * when there is one head. */
P2P_MUST_CHECK enum p2p_err p2p_charter_rival(const struct p2p_charter *charter,
                                              uint64_t *index, struct p2p_slice *leaf,
                                              struct p2p_slice *note);
/* Entry `index` of the rival branch; its size, 0 when there is none. */
P2P_MUST_CHECK enum p2p_err p2p_charter_rival_entry(const struct p2p_charter *charter,
                                                    uint64_t index, struct p2p_slice *leaf,
                                                    struct p2p_slice *note);
uint64_t p2p_charter_rival_size(const struct p2p_charter *charter);
/* What entries without authority named for a member, by which somebody may be banned. */
struct p2p_charter_hidden {
    bool keys;    /* an epoch of a circle that it is in */
    bool circles; /* that it joins a circle, or is a member at all */
};
/* Looks at the entries of both branches from the good version on, those below index `end`:
 * nothing is hidden while there is one head. A number that names nobody by the good version is
 * a member who may be named above. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_charter_hides(const struct p2p_charter *charter,
                                              uint32_t member, uint64_t end,
                                              struct p2p_charter_hidden *out);

/* Whether an entry of the held branch below index `end` that two heads hide closes this feed,
 * names another holder of any token, or cannot be read: a witness that has said that it holds
 * such an entry cosigns no more of the feed, since a settle may make it hold again. */
bool p2p_charter_hides_end(const struct p2p_charter *charter, uint32_t feed, uint64_t end);
/* Whether one that is held and that two heads hide grants the owner of this feed the next
 * generation: what it wrote here would be beyond the end, should that entry hold again. */
bool p2p_charter_hides_generation(const struct p2p_charter *charter, uint32_t feed);

/* Lookups; NULL when there is no such thing. Pointers live until the next apply or free. */
uint32_t p2p_charter_member_count(const struct p2p_charter *charter);
uint32_t p2p_charter_feed_count(const struct p2p_charter *charter); /* the charter included */
uint32_t p2p_charter_issuer_count(const struct p2p_charter *charter);
uint32_t
p2p_charter_circle_count(const struct p2p_charter *charter); /* circle 0 not included */
const struct p2p_member *p2p_charter_member(const struct p2p_charter *charter, uint32_t number);
const struct p2p_member *p2p_charter_member_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
/* Whether a member has it: BEANR. */
bool p2p_charter_has_locode(const struct p2p_charter *charter, struct p2p_slice locode);
const struct p2p_feed_info *p2p_charter_feed(const struct p2p_charter *charter,
                                             uint32_t number);
/* By `beanr/1` or `charter/1`. */
const struct p2p_feed_info *p2p_charter_feed_named(const struct p2p_charter *charter,
                                                   struct p2p_slice name);
const struct p2p_issuer *p2p_charter_issuer(const struct p2p_charter *charter, uint32_t number);
const struct p2p_issuer *p2p_charter_issuer_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
const struct p2p_circle *p2p_charter_circle(const struct p2p_charter *charter, uint32_t number);
const struct p2p_circle *p2p_charter_circle_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
/* Any key the federation uses or ever used, of whatever purpose. */
bool p2p_charter_has_key(const struct p2p_charter *charter,
                         const uint8_t key[P2P_PUBLIC_BYTES]);
bool p2p_circle_has(const struct p2p_circle *circle, uint32_t member);

/* The key of a witness, an old one too; NULL when the charter names none of that number. */
const struct p2p_witness_public *p2p_charter_witness_key(const struct p2p_charter *charter,
                                                         uint32_t witness);
/* The number of a member's present witness key; 0 when there is no such member. */
uint32_t p2p_charter_witness_of(const struct p2p_charter *charter, uint32_t member);
/* The witnesses of a feed as they were at a charter size; returns how many, 0 also when the
 * feed did not exist then. */
uint32_t p2p_charter_witnesses_at(const struct p2p_charter *charter, uint32_t feed,
                                  uint64_t charter_size, uint32_t out[P2P_WITNESSES_MAX]);
/* Whether cosignatures by these witnesses (count of them, in any order, repeats and strangers
 * count nothing) over one checkpoint of a feed make it *quorum-cosigned*: the one rule for
 * node, audit and charter. A member's new witness key is a change of every feed it witnesses:
 * one for another.
 *
 * The feed has had witness sets S0 (named by the entry that created it), S1, ..., each
 * differing from the one before it by one witness more, one less, or one for another. With k(S)
 * the quorum of a set's size, the cosigners make a quorum when
 *
 *     they hold k(S0) of S0, or for some j > 0 both k(Sj-1) of Sj-1 and k(Sj) of Sj,
 *
 * where a set of nobody is no Sj, and as Sj-1 asks for nothing: so a checkpoint needs the
 * present set and the one before it, from the change on until the next one, and what was
 * quorum-cosigned once is so under every later charter version.
 *
 * Why both: two quorums of one set share more than f witnesses, hence an honest one, which
 * never signs two histories; a quorum of a set and one of its successor may share only f. As it
 * is, what two sets that follow each other make quorum-cosigned shares a set. That is not so
 * across two changes: let the feed be witnessed after one change before the next is made. Two
 * changes at once are for the case that a quorum of the old set is gone for good; they rest on
 * the roots' word alone. */
bool p2p_charter_quorum(const struct p2p_charter *charter, uint32_t feed,
                        const uint32_t *cosigners, size_t count);
/* One set of a feed's witnesses: it held at charter sizes above `from`, the entry that made it,
 * up to `until`, the entry that replaced it; UINT64_MAX: it holds still. Borrowed until the
 * next apply or free. */
struct p2p_witness_set {
    const uint32_t *witnesses;
    uint32_t count;
    uint64_t from;
    uint64_t until;
};
/* Walks S0, S1, ... A walk begins zeroed. False: there are no more. */
struct p2p_witness_walk {
    size_t row;
    uint64_t until;
    bool begun;
    bool ended;
};
bool p2p_charter_next_set(const struct p2p_charter *charter, uint32_t feed,
                          struct p2p_witness_walk *walk, struct p2p_witness_set *set);
/* p2p_charter_quorum by sets alone that held at some charter size in [from, to]: what counts
 * for custody, where an old quorum that never heard that it was replaced must not decide any
 * more (custody_rests.c). A set of nobody, which only S0 can be, asks for no cosigner where it
 * is the one that held at `to`, and else is none. */
bool p2p_charter_quorum_between(const struct p2p_charter *charter, uint32_t feed,
                                const uint32_t *cosigners, size_t count, uint64_t from,
                                uint64_t to);
/* Place of a member among the feed's present witnesses, or -1. */
int p2p_witness_place(const struct p2p_feed_info *feed, uint32_t member);
/* Whether a cosignature by this witness can count for checkpoints to come: it is a witness, or
 * was one until the last change. Both go on cosigning. */
bool p2p_feed_cosigner(const struct p2p_feed_info *feed, uint32_t witness);
/* Verifies a quorum-cosigned checkpoint note of a feed: origin, log signature by the feed key,
 * and cosignatures that make a quorum (p2p_charter_quorum; a feed that has no witnesses and
 * never had any: the log's signature alone). A line by a member that is or ever was the feed's
 * witness counts, and refuses the note when it is bad. checkpoint borrows from note.
 * P2P_UNKNOWN (no such feed), P2P_MALFORMED, P2P_TOOLARGE, P2P_MISMATCH (another origin),
 * P2P_BADSIG, P2P_QUORUM. */
P2P_MUST_CHECK enum p2p_err p2p_charter_quorum_note(const struct p2p_charter *charter,
                                                    const struct p2p_sigs *sigs, uint32_t feed,
                                                    struct p2p_slice note,
                                                    struct p2p_checkpoint *checkpoint);

/* The same, where a line that does not verify counts for nothing and refuses nothing: so what
 * is a quorum-cosigned checkpoint under one charter version is one under all later ones. size:
 * the checkpoint's. */
P2P_MUST_CHECK enum p2p_err p2p_charter_cosigned(const struct p2p_charter *charter,
                                                 const struct p2p_sigs *sigs, uint32_t feed,
                                                 struct p2p_slice note, uint64_t *size);

/* Whose cosignatures a note carries that verify, of all that are or ever were the feed's
 * witnesses, whether they make a quorum or not; the log's signature has to be good. */
struct p2p_cosigners {
    uint64_t size; /* the checkpoint's */
    uint32_t witnesses[P2P_NOTE_SIGNATURES_MAX];
    size_t count;
};
P2P_MUST_CHECK enum p2p_err p2p_charter_cosigners(const struct p2p_charter *charter,
                                                  const struct p2p_sigs *sigs, uint32_t feed,
                                                  struct p2p_slice note,
                                                  struct p2p_cosigners *out);

/* Authority at a place. */
enum p2p_cut { P2P_CUT_NONE, P2P_CUT_PAST };
/* Whether a cut point known to this charter voids what `issuer` signed at (feed, index): the
 * cut is in this feed at or below index, or in an earlier generation of it. Ids listed as kept
 * in the revoking entry are not voided; a grant made by a later entry than the cut holds again
 * from its own first `seen` at or above the cut (known_size: the charter size known at the
 * record). */
enum p2p_cut p2p_charter_cut(const struct p2p_charter *charter, uint32_t issuer, uint32_t feed,
                             uint64_t index, uint64_t known_size);
/* The cut points of one issuer, in order of entry: fills out (at most cap of them), returns how
 * many there are. */
struct p2p_charter_cut_point {
    uint32_t feed;
    uint64_t index; /* the first past the cut */
    uint64_t entry;
};
size_t p2p_charter_cuts(const struct p2p_charter *charter, uint32_t issuer,
                        struct p2p_charter_cut_point *out, size_t cap);
/* True when issuer holds grant `name` for `scope` at (feed, index) with that charter size
 * known. A grant with scope "*" covers every scope; scope "*" asked needs a grant of "*". */
bool p2p_charter_granted(const struct p2p_charter *charter, uint32_t issuer, const char *name,
                         struct p2p_slice scope, uint32_t feed, uint64_t index,
                         uint64_t known_size);
/* The same as if no cut point had ended any grant. */
bool p2p_charter_granted_but_cut(const struct p2p_charter *charter, uint32_t issuer,
                                 const char *name, struct p2p_slice scope, uint32_t feed,
                                 uint64_t known_size);
/* An entry that says who is to hold a custody token (by its open) at an epoch. */
struct p2p_reassign {
    struct p2p_record_id token;
    uint64_t epoch;
    uint32_t member;
    uint64_t entry;
};
/* Those about one token, in order of entry: fills out (at most cap of them), returns how many
 * there are. All of them, count [out], live until the next apply or free. */
size_t p2p_charter_reassigns(const struct p2p_charter *charter,
                             const struct p2p_record_id *token, struct p2p_reassign *out,
                             size_t cap);
const struct p2p_reassign *p2p_charter_all_reassigns(const struct p2p_charter *charter,
                                                     size_t *count);
/* An entry that settles a custody token (by its open) away, since another open of its container
 * is kept. All of them in order of entry, as above. */
struct p2p_settled_open {
    struct p2p_record_id token;
    struct p2p_record_id keep;
    uint64_t entry;
};
const struct p2p_settled_open *p2p_charter_settled_opens(const struct p2p_charter *charter,
                                                         size_t *count);

/* Issuers whose keys, grants or cuts entry `index` changed: fills out (ascending, at most cap
 * of them), returns how many there are. A settle touches all that lost a grant or got a cut by
 * it. When a rival appears, what every entry from the split on had touched has changed: ask
 * before applying. */
size_t p2p_charter_touched(const struct p2p_charter *charter, uint64_t index, uint32_t *out,
                           size_t cap);

#endif
