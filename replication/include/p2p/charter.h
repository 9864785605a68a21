/* The charter: who is who and who may do what, as a feed of its own that proves itself.
 *
 * Origin `<federation>/charter/1`, feed number 0. Each version is one record (kind `charter`, issuer
 * 0, circle 0) and one checkpoint of exactly that size, signed by the charter's log key and cosigned
 * by k of n distinct root keys, k > n/2, as they were before that entry (a rotation needs the old and
 * the new threshold). The record's content is {"ops": [op, ...], "term": n}; the ops are described in
 * replication/WIRE.md and in the table of charter_op.c. Federation id = SHA-256 of entry 0.
 *
 * struct p2p_charter is the fold of the entries taken so far: plain memory, no I/O. Numbers of
 * members, feeds, issuers and circles are given in order of appearance from 1 and never reused; feed 0
 * is the charter itself, circle 0 everybody, issuer 0 the node. "What held then" is asked with the
 * charter size known at a record: a grant given by entry e holds from a known size above e.
 *
 * Two heads: a validly cosigned entry that contradicts a held one stops authority at the last version
 * before them (p2p_charter_rival tells), until a settle entry that contains both heads. */
#ifndef P2P_CHARTER_H
#define P2P_CHARTER_H

#include <p2p/alloc.h>
#include <p2p/checkpoint.h>
#include <p2p/record.h>
#include <p2p/seal.h>
#include <p2p/token.h>
#include <p2p/tree.h>

#define P2P_NAME_BYTES_MAX 32u      /* members, circles: [a-z0-9-] */
#define P2P_FEDERATION_BYTES_MAX 128u
#define P2P_MEMBERS_MAX 4096u
#define P2P_FEEDS_MAX 16384u
#define P2P_ISSUERS_MAX 65536u
#define P2P_CIRCLES_MAX 4096u
#define P2P_ROOTS_MAX 15u
#define P2P_GRANTS_MAX 64u          /* per issuer and entry */
#define P2P_CHARTER_FEED 0u

enum p2p_role { P2P_ROLE_PORT, P2P_ROLE_OBSERVER, P2P_ROLE_POLICE, P2P_ROLE_CUSTOMS, P2P_ROLE_TERMINAL };
const char *p2p_role_word(enum p2p_role role);

struct p2p_member {
    uint32_t number;
    char name[P2P_NAME_BYTES_MAX + 1];   /* beanr */
    char locode[6];                      /* BEANR, or empty */
    enum p2p_role role;
    struct p2p_witness_public witness_key; /* named <federation>/<member>/w<n> */
    uint32_t witness_generation;
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
    uint32_t witnesses[P2P_WITNESSES_MAX]; /* member numbers, never the owner */
    uint32_t witness_count;
    uint32_t entry; /* the charter entry that created it */
};

/* f = max(0, floor((n-1)/3)); k = floor((n+f)/2)+1; 0 of 0 means never witnessed. */
uint32_t p2p_witness_faults(uint32_t witness_count);
uint32_t p2p_witness_quorum(uint32_t witness_count);

struct p2p_grant {
    char name[32];   /* e.g. "ban-court", "level"; the words are those of kind.h */
    char scope[P2P_NAME_BYTES_MAX + 1]; /* "*", or what the grant's kind scopes by */
    uint32_t entry;  /* given by this charter entry */
};

struct p2p_issuer {
    uint32_t number;
    char name[P2P_NAME_BYTES_MAX + 1];
    uint32_t member;      /* valid in this member's feeds only */
    struct p2p_issuer_public key;
    uint32_t entry;       /* first named by this entry */
    const struct p2p_grant *grants;
    size_t grant_count;
};

struct p2p_circle_epoch {
    uint32_t epoch;             /* from 1 */
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
    uint32_t lease_s;         /* default 259200 (72 h) */
    uint32_t heartbeat_s;     /* default 60 */
    uint32_t fresh_cosignature_s; /* default 900 */
    uint32_t clock_skew_s;    /* default 300 */
};

struct p2p_charter;

/* An empty charter that accepts any entry 0 (federation_id NULL) or only the one with that id. */
P2P_MUST_CHECK enum p2p_err p2p_charter_new(struct p2p_charter **out, const struct p2p_alloc *alloc,
                                            const struct p2p_hash *federation_id);
void p2p_charter_free(struct p2p_charter *charter); /* accepts NULL */
/* An independent copy, for readers on other threads. */
P2P_MUST_CHECK enum p2p_err p2p_charter_clone(struct p2p_charter **out,
                                              const struct p2p_charter *charter);

/* Verifies entry `index` and its checkpoint note completely and applies it. reason gets one sentence
 * on error (may be NULL). P2P_OK also for an entry that is held already, byte for byte.
 * P2P_GAP (index beyond the size), P2P_FORKED (valid, cosigned, and contradicts the held entry: kept as
 * the rival), P2P_QUORUM, P2P_BADSIG, P2P_MISMATCH, P2P_MALFORMED, P2P_BADKEY, P2P_UNKNOWN,
 * P2P_REFUSED (an op breaks a rule of the charter), P2P_NOMEM; the charter is unchanged. */
#define P2P_REASON_BYTES 200u
P2P_MUST_CHECK enum p2p_err p2p_charter_apply(struct p2p_charter *charter,
                                              const struct p2p_sigs *sigs, uint64_t index,
                                              struct p2p_slice leaf, struct p2p_slice note,
                                              char reason[P2P_REASON_BYTES]);

uint64_t p2p_charter_size(const struct p2p_charter *charter);
struct p2p_hash p2p_charter_root(const struct p2p_charter *charter);
const char *p2p_charter_federation(const struct p2p_charter *charter); /* its name */
struct p2p_hash p2p_charter_federation_id(const struct p2p_charter *charter);
const struct p2p_charter_public *p2p_charter_log_key(const struct p2p_charter *charter);
uint32_t p2p_charter_root_count(const struct p2p_charter *charter);
uint32_t p2p_charter_threshold(const struct p2p_charter *charter);
const struct p2p_root_public *p2p_charter_roots(const struct p2p_charter *charter);
const struct p2p_policy *p2p_charter_policy(const struct p2p_charter *charter);
/* The index at which two heads part, and the rival's note; P2P_NOTFOUND when there is one head. */
P2P_MUST_CHECK enum p2p_err p2p_charter_rival(const struct p2p_charter *charter, uint64_t *index,
                                              struct p2p_slice *leaf, struct p2p_slice *note);

/* Lookups; NULL when there is no such thing. Pointers live until the next apply or free. */
uint32_t p2p_charter_member_count(const struct p2p_charter *charter);
uint32_t p2p_charter_feed_count(const struct p2p_charter *charter); /* the charter included */
uint32_t p2p_charter_issuer_count(const struct p2p_charter *charter);
uint32_t p2p_charter_circle_count(const struct p2p_charter *charter); /* circle 0 not included */
const struct p2p_member *p2p_charter_member(const struct p2p_charter *charter, uint32_t number);
const struct p2p_member *p2p_charter_member_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
const struct p2p_member *p2p_charter_member_by_transport(const struct p2p_charter *charter,
                                                         const struct p2p_transport_public *key);
const struct p2p_feed_info *p2p_charter_feed(const struct p2p_charter *charter, uint32_t number);
/* By `beanr/1` or `charter/1`. */
const struct p2p_feed_info *p2p_charter_feed_named(const struct p2p_charter *charter,
                                                   struct p2p_slice name);
const struct p2p_issuer *p2p_charter_issuer(const struct p2p_charter *charter, uint32_t number);
const struct p2p_issuer *p2p_charter_issuer_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
const struct p2p_circle *p2p_charter_circle(const struct p2p_charter *charter, uint32_t number);
const struct p2p_circle *p2p_charter_circle_named(const struct p2p_charter *charter,
                                                  struct p2p_slice name);
bool p2p_circle_has(const struct p2p_circle *circle, uint32_t member);
/* The box that holds this circle key epoch for one member; P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_charter_circle_box(const struct p2p_charter *charter,
                                                   uint32_t circle, uint32_t epoch, uint32_t member,
                                                   struct p2p_slice *box);

/* Authority at a place. */
enum p2p_cut { P2P_CUT_NONE, P2P_CUT_PAST };
/* Whether a cut point known to this charter voids what `issuer` signed at (feed, index); ids listed as
 * kept in the revoking entry are not voided; a grant made by a later entry than the cut holds again
 * from its own first `seen` at or above the cut (known_size: the charter size known at the record). */
enum p2p_cut p2p_charter_cut(const struct p2p_charter *charter, uint32_t issuer, uint32_t feed,
                             uint64_t index, uint64_t known_size);
/* True when issuer holds grant `name` for `scope` at (feed, index) with that charter size known. A
 * grant with scope "*" covers every scope; scope "*" asked needs a grant of "*". */
bool p2p_charter_granted(const struct p2p_charter *charter, uint32_t issuer, const char *name,
                         struct p2p_slice scope, uint32_t feed, uint64_t index, uint64_t known_size);
/* Issuers whose keys, grants or cuts entry `index` changed: fills out (ascending), returns how many. */
size_t p2p_charter_touched(const struct p2p_charter *charter, uint64_t index, uint32_t *out,
                           size_t cap);

#endif
