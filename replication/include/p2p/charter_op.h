/* Charter operations: what one version changes. The content of a charter record is
 * {"ops": [op, ...], "term": n}; an op is a map with "op" naming it. One encoder per op for the
 * tools that write versions, one decoder for the fold: both speak the structs below and follow
 * the table in charter_op.c. Encoders borrow; what the decoder gives lives in the caller's
 * arena and in the leaf. Here is shape only; the rules of the charter are the fold's. */
#ifndef P2P_CHARTER_OP_H
#define P2P_CHARTER_OP_H

#include <p2p/charter.h>

/* X(NAME, word): order is the registry's. */
#define P2P_CHARTER_OP_MAP(X)                                                                  \
    X(FOUND, "found")     /* federation, log key, roots, threshold */                          \
    X(ADMIT, "admit")     /* member with its keys; creates feed member/1 with its witnesses */ \
    X(GRANT, "grant")     /* issuer (new, or known by the same key) and grants */              \
    X(CIRCLE, "circle")   /* members, and the hash of each epoch's key */                      \
    X(WITNESS, "witness") /* one witness more, one less, or one for another */                 \
    X(POLICY, "policy")                                                                        \
    X(REVOKE, "revoke") /* cut points of one issuer, with quorum-cosigned checkpoints */       \
    X(ROTATE, "rotate") /* new roots and threshold */                                          \
    X(SETTLE, "settle") /* both heads, a higher term */                                        \
    X(GENERATION, "generation") /* closes a member's feed, grants the next with new keys */    \
    X(REASSIGN, "reassign")     /* another member is to hold a custody token */                \
    X(SETTLE_OPENS, "settle-opens") /* of several opens of one container one is kept */

#define P2P_CHARTER_OPS_MAX   1024u /* per entry */
#define P2P_CIRCLE_EPOCHS_MAX 1024u
#define P2P_SETTLE_OPENS_MAX  32u /* tokens that one op settles away */

enum p2p_op {
#define P2P_OP_ENUM(name, word) P2P_OP_##name,
    P2P_CHARTER_OP_MAP(P2P_OP_ENUM)
#undef P2P_OP_ENUM
};
const char *p2p_op_word(enum p2p_op op);
/* The operation that the word names. P2P_NOTFOUND: none of ours, op is untouched. */
P2P_MUST_CHECK enum p2p_err p2p_op_of(enum p2p_op *op, struct p2p_slice word);

struct p2p_op_found {
    const char *federation;
    struct p2p_charter_public log_key;
    const struct p2p_root_public *roots;
    uint32_t root_count;
    uint32_t threshold;
};

struct p2p_op_admit {
    const char *member;
    const char *locode; /* "" for none */
    enum p2p_role role;
    struct p2p_feed_public feed_key;
    struct p2p_witness_public witness_key;
    struct p2p_transport_public transport_key;
    struct p2p_sealing_public sealing_key;
    const char *const *witnesses; /* member names; may be admitted later in the same entry */
    uint32_t witness_count;
};

struct p2p_op_grant {
    const char *issuer;
    const char *member;
    struct p2p_issuer_public key;
    const struct p2p_grant *grants; /* name and scope */
    size_t grant_count;
};

struct p2p_op_circle {
    const char *circle;
    /* Who joins it; naming who is in it already says nothing. */
    const char *const *members;
    size_t member_count;
    /* Epochs ascending, each with the hash of its key. A known epoch keeps its hash, a new one
     * is the next number. Keys travel in records of kind circle-key (circle_key.h). */
    const struct p2p_circle_epoch *epochs;
    size_t epoch_count;
    /* Who leaves the circle with this entry; needs a new epoch. */
    const char *const *remove;
    size_t remove_count;
};

struct p2p_op_witness {
    const char *feed;   /* beanr/1 */
    const char *add;    /* NULL or a member */
    const char *remove; /* NULL or a member */
};

struct p2p_op_revoke {
    const char *issuer;
    const char *feed;     /* beanr/1 */
    uint64_t index;       /* the first index past the cut */
    const uint64_t *keep; /* indexes at or above it that stay in force, ascending */
    size_t keep_count;
    /* The quorum-cosigned checkpoint of that feed, of at least that size, as a signed note. */
    struct p2p_slice note;
};

struct p2p_op_rotate {
    const struct p2p_root_public *roots;
    uint32_t root_count;
    uint32_t threshold;
};

/* Closes the newest feed of a member and grants the next generation. Both keys are new ones, so
 * that nobody who holds the old ones writes in it, and what the old witness key cosigned is
 * told from what the new one does. */
struct p2p_op_generation {
    const char *member;
    struct p2p_feed_public feed_key;
    struct p2p_witness_public witness_key;
    const char *const *witnesses; /* of the new feed: member names */
    uint32_t witness_count;
};

/* The member is to hold a custody token at that epoch, one more than its holder has: custody.h.
 */
struct p2p_op_reassign {
    const char *feed; /* beanr/1: where it was opened */
    uint64_t index;
    uint64_t epoch;
    const char *member;
};

/* Of opens of one container that freeze each other one is kept, the others go: custody.h. */
struct p2p_op_open {
    const char *feed; /* beanr/1: where it was opened */
    uint64_t index;
};
struct p2p_op_settle_opens {
    struct p2p_op_open keep;
    const struct p2p_op_open *others;
    uint32_t other_count;
};

/* Stands first in its entry, on the branch that goes on. */
struct p2p_op_settle {
    struct p2p_slice
        heads[2]; /* notes: [0] of the size this entry has as its index, [1] of the other */
    struct p2p_slice
        rival_entries; /* encoded array of bin: the leaves of the branch that ends */
};

/* Each packs one op map. */
void p2p_op_found_pack(struct p2p_pack *pack, const struct p2p_op_found *op);
void p2p_op_admit_pack(struct p2p_pack *pack, const struct p2p_op_admit *op);
void p2p_op_grant_pack(struct p2p_pack *pack, const struct p2p_op_grant *op);
void p2p_op_circle_pack(struct p2p_pack *pack, const struct p2p_op_circle *op);
void p2p_op_witness_pack(struct p2p_pack *pack, const struct p2p_op_witness *op);
void p2p_op_policy_pack(struct p2p_pack *pack, const struct p2p_policy *op);
void p2p_op_revoke_pack(struct p2p_pack *pack, const struct p2p_op_revoke *op);
void p2p_op_rotate_pack(struct p2p_pack *pack, const struct p2p_op_rotate *op);
void p2p_op_settle_pack(struct p2p_pack *pack, const struct p2p_op_settle *op);
void p2p_op_generation_pack(struct p2p_pack *pack, const struct p2p_op_generation *op);
void p2p_op_reassign_pack(struct p2p_pack *pack, const struct p2p_op_reassign *op);
void p2p_op_settle_opens_pack(struct p2p_pack *pack, const struct p2p_op_settle_opens *op);

/* Encodes a whole charter leaf around packed ops: ops is the concatenation of count op maps. */
P2P_MUST_CHECK enum p2p_err p2p_charter_leaf(struct p2p_slice ops, uint32_t count,
                                             uint64_t term, uint64_t time_ms,
                                             struct p2p_pack *out);

struct p2p_charter_op {
    enum p2p_op type;
    union {
        struct p2p_op_found found;
        struct p2p_op_admit admit;
        struct p2p_op_grant grant;
        struct p2p_op_circle circle;
        struct p2p_op_witness witness;
        struct p2p_policy policy;
        struct p2p_op_revoke revoke;
        struct p2p_op_rotate rotate;
        struct p2p_op_settle settle;
        struct p2p_op_generation generation;
        struct p2p_op_reassign reassign;
        struct p2p_op_settle_opens settle_opens;
    };
};

/* Packs whichever it is. */
void p2p_charter_op_pack(struct p2p_pack *pack, const struct p2p_charter_op *op);

struct p2p_version {
    uint64_t time_ms;
    uint64_t term;
    const struct p2p_charter_op *ops; /* in the arena */
    size_t op_count;                  /* 1 to P2P_CHARTER_OPS_MAX */
};

/* Memory that always suffices for one leaf. */
#define P2P_VERSION_ARENA_BYTES_MAX ((size_t)8 << 20)
/* Decodes a charter leaf: a public record of kind charter by the node itself, its term and
 * every op. Strings become zero-terminated copies; notes and rival entries are borrowed from
 * leaf. P2P_MALFORMED, P2P_TRUNCATED, P2P_TOOLARGE, P2P_NOMEM, P2P_REFUSED (an op this version
 * of the program does not know). */
P2P_MUST_CHECK enum p2p_err p2p_version_decode(struct p2p_version *version,
                                               struct p2p_slice leaf, struct p2p_arena *arena);

#endif
