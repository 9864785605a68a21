/* Charter operations: what one version changes. The content of a charter record is
 * {"ops": [op, ...], "term": n}; an op is a map with "op" naming it. One encoder per op for the tools that
 * write versions, one decoder for the fold; both follow the table in charter_op.c and WIRE.md. */
#ifndef P2P_CHARTER_OP_H
#define P2P_CHARTER_OP_H

#include <p2p/charter.h>

/* X(NAME, word): order is the registry's. generation and reassign are reserved words. */
#define P2P_CHARTER_OP_MAP(X)                                                                 \
    X(FOUND, "found")     /* federation, log key, roots, threshold */                         \
    X(ADMIT, "admit")     /* member with its keys; creates feed member/1 with its witnesses */ \
    X(GRANT, "grant")     /* issuer (new, or known by the same key) and grants */             \
    X(CIRCLE, "circle")   /* members, epoch, key hash, boxes */                               \
    X(WITNESS, "witness") /* one witness more, one less, or one for another */                \
    X(POLICY, "policy")                                                                       \
    X(REVOKE, "revoke")   /* cut points of one issuer, with quorum-cosigned checkpoints */    \
    X(ROTATE, "rotate")   /* new roots and threshold */                                       \
    X(SETTLE, "settle")   /* both heads, a higher term */

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
    const char *const *members;
    size_t member_count;
    /* For every epoch that members need: hash, and one box per member in the order of members
     * (P2P_CIRCLE_KEY_BYTES + P2P_BOX_OVERHEAD_BYTES each). A known epoch keeps its hash. */
    const struct p2p_circle_epoch *epochs;
    const uint8_t *boxes; /* epoch_count * member_count boxes */
    size_t epoch_count;
};

struct p2p_op_witness {
    const char *feed;   /* beanr/1 */
    const char *add;    /* NULL or a member */
    const char *remove; /* NULL or a member */
};

struct p2p_op_revoke {
    const char *issuer;
    const char *feed;   /* beanr/1 */
    uint64_t index;     /* the first index past the cut */
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

struct p2p_op_settle {
    struct p2p_slice heads[2]; /* both notes */
    struct p2p_slice rival_entries; /* encoded array of the leaves of the branch that ends */
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

/* Encodes a whole charter leaf around packed ops: ops is the concatenation of count op maps. */
P2P_MUST_CHECK enum p2p_err p2p_charter_leaf(struct p2p_slice ops, uint32_t count, uint64_t term,
                                             uint64_t time_ms, struct p2p_pack *out);

#endif
