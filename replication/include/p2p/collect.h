/* A collect: may this container leave here, now, with who stands at the gate?
 *
 * A check (gate.h) of everybody presented, and besides: custody of the container, the right
 * that names its token, who that right names, its lights and blocks, and whether this node may
 * release. All that speaks against it is told, each with the record behind it. Pure, like a
 * check: the node's writer evaluates it inside its transaction, the audit over what the gate
 * knew.
 *
 *     p2p_collect_find     which token and what became of it
 *     p2p_collect_weigh    everything else, into the answer; which right would be used
 *
 * Of several rights on one token the one with the least against it counts, of equal ones the
 * first by id. What an approved override of the token's holder overrules does not speak against
 * it: slot, truck, staleness, the lights and blocks it names; never a ban, custody, a release.
 * Permissions (a right's time, a slot) hold when both clocks say so; where only one does and
 * they are further apart than the charter's policy allows: `clock`.
 *
 * At `mirrored` a release that nobody holds yet is told as `not-mirrored`; the same question
 * again (container, subjects, gate) is that release, and is answered allow once: while this
 * node may release, nothing froze the token since, and no later visit of the container was
 * opened. Source: DESIGN 6 and 7, replication/WIRE.md section 13. */
#ifndef P2P_COLLECT_H
#define P2P_COLLECT_H

#include <p2p/gate.h>
#include <p2p/right.h>

enum p2p_presents {
    P2P_PRESENTS_NO,
    P2P_PRESENTS_YES,
    P2P_PRESENTS_UNKNOWN /* it stands under a key that is not here */
};

/* Who stands at the gate, as the caller has them: in clear, or as tokens. */
struct p2p_presented {
    const void *context;
    /* Whether a subject of that type is presented that has this key, as it stands in a record
     * of that circle (clear: epoch 0). */
    enum p2p_presents (*has)(const void *context, const struct p2p_subject_type *type,
                             uint32_t circle, uint32_t epoch,
                             const struct p2p_subject_key *key);
};

struct p2p_collect_question {
    const struct p2p_gate_question *gate;
    const struct p2p_gate_place *place;
    uint32_t feed; /* of the gate's node */
    struct p2p_slice container;
    const struct p2p_presented *presented;
    enum p2p_custody_ready ready;
    bool stale;    /* the node says that it is; an override may overrule it */
    bool repeated; /* the same as was asked before, when this record released: */
    struct p2p_record_id use;
    bool mirrored; /* that record is */
};

/* The token of a container as a gate sees it. */
struct p2p_collect_token {
    bool found;                 /* one that is not over, or one that is */
    struct p2p_custody custody; /* borrows from the store until the next call */
    struct p2p_record_id other; /* one more that is not over; feed 0: none */
    bool alone;                 /* no other open names that container in any of the circles */
};

/* What an allowed release rests on. */
struct p2p_collect_found {
    struct p2p_record_id right;    /* feed 0: none fits */
    struct p2p_record_id seconded; /* the approve it rests on; feed 0: none */
};

/* The token that counts: one held here, else one that is not over, else the one that `use`
 * released or the last by id. Looks in the place's circles. P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_collect_find(const struct p2p_kv *kv,
                                             const struct p2p_collect_question *question,
                                             struct p2p_collect_token *out);
/* Adds to the answer what speaks against it. *stale [out]: whether staleness still speaks
 * against it. P2P_CORRUPT, P2P_NOMEM, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_collect_weigh(struct p2p_ledger *ledger,
                                              const struct p2p_kv *kv,
                                              const struct p2p_collect_question *question,
                                              const struct p2p_collect_token *token,
                                              struct p2p_gate_answer *answer,
                                              struct p2p_collect_found *found, bool *stale);

/* The node's question as a whole: everybody presented, and the above. The check names a
 * container; its state and clocks are filled in. token was found by p2p_collect_find. */
P2P_MUST_CHECK enum p2p_err
p2p_collect_decide(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                   const struct p2p_gate_place *place, uint32_t feed,
                   const struct p2p_gate_check *check, const struct p2p_collect_token *token,
                   struct p2p_gate_answer *answer, struct p2p_collect_found *found);
/* The token for the node's question. */
P2P_MUST_CHECK enum p2p_err
p2p_collect_find_for(const struct p2p_kv *kv, const struct p2p_gate_place *place, uint32_t feed,
                     const struct p2p_gate_check *check, struct p2p_collect_token *out);
/* What makes two questions the same: container, gate and subjects, in any order. */
struct p2p_hash p2p_collect_same(const struct p2p_gate_check *check);

#endif
