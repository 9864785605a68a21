/* The inside of rights. Private to the files records/right*.c:
 *
 *   right_table.c   the table, and what is asked of it
 *   right.c         what an issue and what requests say
 *   right_value.c   a right's value, put together and taken apart; walks
 *   right_kinds.c   the rows of the kinds, who may write them, what they touch
 *   right_view.c    the fold: issue, token, value
 *   right_ruling.c  what allows, in the order of its rulings
 *   right_forbid.c  what acts unruled: blocks, lights, overrides, the gate-out
 */
#ifndef P2P_RIGHT_PARTS_H
#define P2P_RIGHT_PARTS_H

#include <p2p/right.h>

#include "ledger/views.h"

/* ---- right_table.c ---- */

/* Whether the table lets an issuer do this in the state that right->below, chain and first say,
 * whatever he is granted. */
bool p2p_right_fits(const struct p2p_right *right, uint32_t issuer,
                    enum p2p_right_action action);
bool p2p_means_named(struct p2p_slice word);

/* ---- right.c ---- */

/* Encoded bytes are a packed subject, or none. */
bool p2p_right_is_subject(struct p2p_slice raw);

/* Fills what a payload of right-issue says, and the first two links of the chain.
 * P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_right_read_content(struct p2p_right *right,
                                                   struct p2p_slice payload);
/* What the payload of a request says; zeros for what it does not. */
struct p2p_right_said {
    uint32_t to;
    struct p2p_slice container; /* override */
    struct p2p_slice driver;    /* packed subjects */
    struct p2p_slice truck;
    struct p2p_slice company;
    uint64_t slot_from_ms;
    uint64_t slot_until_ms;
    bool lights; /* it says a light and its value */
    enum p2p_light light;
    unsigned value;
};
/* P2P_MALFORMED when something that is said is not of its form. */
P2P_MUST_CHECK enum p2p_err p2p_right_read_request(struct p2p_right_said *out,
                                                   struct p2p_slice payload);

/* ---- right_value.c ---- */

/* The value of a right. content: the payload, or empty. P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_right_encode(struct p2p_pack *pack,
                                             const struct p2p_right *right,
                                             struct p2p_slice content);
/* A bound of what p2p_right_encode writes besides content, driver, truck, company, facility. */
#define P2P_RIGHT_VALUE_BYTES 2048u

/* ---- right_kinds.c ---- */

/* Whether the issuer of a record holds a word, at its place. custody: of the right's token, by
 * which scopes count; NULL: any scope does. */
bool p2p_right_granted(const struct p2p_ledger *ledger, const struct p2p_entry *entry,
                       const char *word, const struct p2p_custody *custody);
/* The actions of the table that a record of this kind may be, 1 << enum p2p_right_action. */
unsigned p2p_right_actions(uint32_t kind);
/* Whether a record of this kind, saying that, forbids something. Without its payload a light
 * may. */
bool p2p_right_forbids(uint32_t kind, const struct p2p_right_said *said);

/* ---- right_view.c ---- */

/* What one record asks, and where it was ruled. */
struct p2p_right_ask {
    struct p2p_record_id id;
    unsigned actions; /* 1 << enum p2p_right_action: its kind, and its issuer's grants */
    uint32_t issuer;
    uint32_t to;
    bool lights;
    enum p2p_light light;
    unsigned value;
    const struct p2p_right_said *names; /* whom it names, in the fold's arena; NULL: nobody */
    size_t tenure; /* its ruling: in which tenure, where, and the how manieth citation there */
    uint64_t index;
    uint32_t cite;
    bool acted; /* the table allowed it there */
};

struct p2p_right_fold {
    struct p2p_ledger *ledger;
    struct p2p_arena *arena; /* of the whole fold; the ledger's is that of one record */
    struct p2p_right right;  /* as far as it is folded */
    struct p2p_custody custody;
    bool has_custody;
    struct p2p_right_ask *ruled; /* ascending by (tenure, index, cite) */
    size_t ruled_count, ruled_cap;
    /* By what the right last came to another party, or was taken: who acts on it has to know.
     */
    struct p2p_record_id moved;
    bool cancelled; /* right.ended_by is a cancel */
    bool unruled;   /* something else was asked or said, which is looked at when these acted */
    struct p2p_record_id id; /* of the record that is looked at */
    struct p2p_entry entry;  /* and itself; of a carried block that, where it is judged */
    struct p2p_right_said said;
    bool carried;
    struct p2p_hash carried_hash; /* of its leaf */
    /* of lights: the one that left green, uncovered */
    struct p2p_record_id away[P2P_LIGHT_COUNT];
    unsigned away_value[P2P_LIGHT_COUNT];
};

/* Loads a record that touches the right; acts [out]: it has effect, is of the right's circle
 * and a kind of the table. What would forbid and lacks a grant alone is noted as unsure. Lives
 * in the ledger's arena. */
P2P_MUST_CHECK enum p2p_err p2p_right_look(struct p2p_right_fold *fold,
                                           const struct p2p_record_id *id, bool *acts);
/* What would forbid is not known to be granted. */
void p2p_right_unsure(struct p2p_right_fold *fold, const struct p2p_record_id *id);
/* Whether the author of a record surely knew another one there. */
P2P_MUST_CHECK enum p2p_err p2p_right_knew(const struct p2p_ledger *ledger,
                                           const struct p2p_record_id *author,
                                           const struct p2p_record_id *of, bool *knew);
/* What the record that is looked at asks, by its issuer's grants. */
struct p2p_right_ask p2p_right_ask_of(const struct p2p_right_fold *fold);

/* ---- right_ruling.c ---- */

/* Takes a record that was looked at: what allows, with its first ruling; what ends the right.
 * The rest is left for later. */
P2P_MUST_CHECK enum p2p_err p2p_right_gather(struct p2p_right_fold *fold);
/* Acts on what was ruled, in its order. */
P2P_MUST_CHECK enum p2p_err p2p_right_rule_all(struct p2p_right_fold *fold);
/* The action that the table allows this to be now; P2P_RIGHT_ACTION_COUNT: none. */
P2P_MUST_CHECK enum p2p_err p2p_right_allowed(const struct p2p_right_fold *fold,
                                              const struct p2p_right_ask *ask,
                                              enum p2p_right_action *action);

/* ---- right_forbid.c ---- */

/* Takes a record that was looked at a second time: everything but what was ruled. */
P2P_MUST_CHECK enum p2p_err p2p_right_take(struct p2p_right_fold *fold);
/* What the lights say, and what an override overrules, after all records were taken. */
P2P_MUST_CHECK enum p2p_err p2p_right_settle(struct p2p_right_fold *fold);

#endif
