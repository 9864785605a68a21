/* Decisions as they stand in a record, and whether they follow from what their gate knew.
 *
 * A `decisions` payload is a list of packed decisions (gate.h packs them; WIRE.md section 13).
 * p2p_decision_parse takes one apart; p2p_decision_again computes it once more, by the gate's
 * own function over the past (past.h) of what the gate's feed shows it knew, and compares.
 *
 * A collect (collect.h) stands in the same list. It knew of its own feed what it names
 * (`held`); from there to its record nothing may stand but what the same commit released and
 * decided. What it allowed, the `use` that it names must have released, on the right that fits.
 *
 * Checkable: the answer, every reason and the record behind it, from the subjects as they stand
 * there, the times and the gate's place by the charter as of then. Not checkable, and taken as
 * the node says: that it was not complete in a circle, stale, without some key, or might not
 * append; that two heads of the charter hid something from it; bans it kept aside while it
 * might not; of a collect, that custody waits, the lease is over, and whether a release was
 * mirrored. These make an answer stricter (not complete: also `refer` for a ban it had no
 * payload of), never an allow. A collect of a gate that was not complete may also stand on
 * records that do not decide it once the payload is here: each has to be real, and about that
 * container (records/decided_claim.h). That a token is the one of the person who stood there
 * only a holder of the circle's key can tell.
 *
 * No record says when a gate took back what a forked feed has beyond its end, nor whether it
 * knew of two heads of the charter: a decision is right if it follows by one of these. */
#ifndef P2P_DECISION_H
#define P2P_DECISION_H

#include <p2p/past.h>

struct p2p_decision {
    enum p2p_answer answer;
    struct p2p_slice gate;
    char purpose[8];
    uint64_t own_ms;
    uint64_t quorum_ms; /* 0: none */
    bool incomplete;
    bool stale;
    bool late;                 /* appended later than answered */
    bool has_known;            /* late, and names what was known */
    struct p2p_slice known;    /* encoded [[feed, size], ...] */
    struct p2p_slice subjects; /* encoded */
    uint32_t subject_count;
    /* Of a collect: */
    struct p2p_slice container; /* empty: a check */
    enum p2p_custody_ready ready;
    bool repeated;
    bool mirrored;
    bool released; /* by the `use` at that index of the gate's feed */
    uint64_t use;
    uint64_t held; /* of the gate's feed when it was evaluated; 0: late */
    struct p2p_gate_reason reasons[P2P_GATE_REASONS_MAX]; /* circle: always 0 */
    size_t reason_count;
};

/* Takes one packed decision of a checked payload apart, borrowing from it. P2P_MALFORMED: not
 * as p2p_gate_pack writes it. */
P2P_MUST_CHECK enum p2p_err p2p_decision_parse(struct p2p_decision *out,
                                               struct p2p_slice packed);

/* One by one through the content of a `decisions` record: P2P_NOTFOUND at the end,
 * P2P_MALFORMED when it is no list of decisions. */
struct p2p_decisions_walk {
    struct p2p_unpack in;
    uint32_t left;
    bool failed;
};
void p2p_decisions_begin(struct p2p_decisions_walk *walk, struct p2p_slice payload);
P2P_MUST_CHECK enum p2p_err p2p_decisions_next(struct p2p_decisions_walk *walk,
                                               struct p2p_slice *packed);

/* One subject: its type, value in clear or the list of tokens, check_ok. */
struct p2p_decision_subject {
    struct p2p_slice type;
    struct p2p_slice value; /* in clear; empty: tokens */
    uint32_t token_count;
    struct p2p_unpack tokens; /* stands at the first */
    bool check_ok;
};
struct p2p_decision_subjects {
    struct p2p_unpack in;
    uint32_t left;
};
void p2p_decision_subjects_begin(struct p2p_decision_subjects *walk,
                                 const struct p2p_decision *decision);
/* False at the end. The decision was parsed, so each is whole. */
bool p2p_decision_subjects_next(struct p2p_decision_subjects *walk,
                                struct p2p_decision_subject *out);
/* [circle, epoch, token]. */
struct p2p_decision_token {
    uint32_t circle;
    uint32_t epoch;
    struct p2p_token token;
};
void p2p_decision_token_next(struct p2p_unpack *tokens, struct p2p_decision_token *out);

/* What the gate knew when it decided: by its feed's `seen` before the record at (feed, index),
 * or, late, by what the decision names; of its own feed a collect knew what it says, since what
 * it released itself comes after that. Fills out->sizes[out->count]. P2P_NOTFOUND: a late one
 * that names nothing. P2P_MALFORMED: it names more of its own feed than stands before it. */
P2P_MUST_CHECK enum p2p_err p2p_decision_known(const struct p2p_decision *decision,
                                               const struct p2p_kv *kv, uint32_t feed,
                                               uint64_t index, struct p2p_horizon *out);

/* X(NAME, word, sentence). */
#define P2P_DECIDED_MAP(X)                                                                     \
    X(RIGHT, "right", "the answer follows from what the gate knew")                            \
    X(CLAIMED, "claimed", "the answer follows, with what only the node itself could know")     \
    X(OTHER_REASONS, "other-reasons", "the answer follows, but from other records")            \
    X(OTHER_ANSWER, "other-answer", "from what the gate knew another answer follows")          \
    X(UNCHECKABLE, "uncheckable", "what the gate knew is not all here")

enum p2p_decided {
#define P2P_DECIDED_ENUM(name, word, text) P2P_DECIDED_##name,
    P2P_DECIDED_MAP(P2P_DECIDED_ENUM)
#undef P2P_DECIDED_ENUM
};
const char *p2p_decided_word(enum p2p_decided decided);
const char *p2p_decided_text(enum p2p_decided decided);

struct p2p_decision_place {
    uint32_t feed;  /* of the record that holds it */
    uint64_t index; /* of that record */
    /* By circle number: payloads of that circle are missing here, so bans may be unseen. NULL:
     * none are. */
    const bool *withheld;
    size_t withheld_count;
};

/* What a collect was about, as the gate knew it. feed 0: none. */
struct p2p_decided_collect {
    uint32_t circle; /* of all of them */
    struct p2p_record_id token;
    struct p2p_record_id other;    /* one more of the container that is not over */
    struct p2p_record_id right;    /* that was weighed: the one with the least against it */
    struct p2p_record_id seconded; /* the approve of the override that stands on it */
};

struct p2p_decided_again {
    enum p2p_decided decided;
    struct p2p_gate_answer should; /* from what is here, the node's own claims taken */
    bool two_heads;                /* it follows for who knew of two heads of the charter, */
    bool taken_back;               /* or for who had cut a forked feed where it ended then */
    bool keys_missing;             /* by the charter as of then it lacked keys, or knew of
                                      some that two heads hide */
    bool whole; /* of a collect: what it knew, and what it released, is as it says */
    struct p2p_decided_collect collect;
};

/* Computes it once more. Moves the past to the horizon given, and leaves it there. P2P_NOMEM,
 * P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_decision_again(struct p2p_past *past,
                                               const struct p2p_horizon *horizon,
                                               const struct p2p_decision_place *place,
                                               const struct p2p_decision *decision,
                                               struct p2p_decided_again *out);

#endif
