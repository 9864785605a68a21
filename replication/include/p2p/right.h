/* Release rights: who may collect a container, and what is still in the way.
 *
 * A carrier issues a right that names a custody token; it passes from party to party, each
 * accepting or declining; its holder names driver and truck; the token's holder releases to
 * them with `use`. A right's id is that of its `right-issue`. All its records stand in the
 * token's circle and cite the issue; one request may cite several and is one for each of them.
 *
 * One table (P2P_RIGHT_ACTION_MAP) says who does what in which state and what follows. From it
 * come the transitions of the fold, the refusals of the gate and of the writer, "who may do
 * what now" (p2p_right_may), WIRE.md and README. Two sorts of action:
 *
 *     what forbids   block, a light leaving green, revoke by the first issuer, cancel:
 *                    acts as soon as the record is here, ruled or not
 *     what allows    accept, transfer, assign, unblock, a light turning green, ...:
 *                    acts when the token's holder has taken it in a `ruled` record of its own,
 *                    written as the holder at that epoch (p2p_custody_held_by), once
 *
 * So what allows has one order, that of the rulings in the holders' tenures, and two parties
 * who ask for opposite things at opposite ends of the country get one answer. A request that
 * the table does not allow where its ruling takes it has no effect, nor has one whose author
 * did not know by what it last came to somebody, or was accepted: what was asked too early is
 * not taken later. What forbids wins over anything that did not know of
 * it: a light that left green stays so until a ruled green by an author who knew; a block until
 * a ruled `right-unblock` that cites it, by an issuer of the member whose issuer blocked: who
 * is bribed at one port opens nothing that another closed.
 *
 * A `use` that released the token on a right makes it USED, whatever else is known of it; what
 * spoke against it is told. A grant counts for a right when its scope is `*` or the facility
 * where the token was opened, and any scope does for issuers of a member that holds the token
 * or held it.
 *
 * An override is asked for by one issuer (`override`) and seconded by another (`approve`, which
 * cites it), both in the feed of the present holder, since it became that. It overrules the
 * slot, the truck and stale knowledge, those lights that were not green as its seconder knew,
 * and blocks, if both issuers are granted `override-block` and every block in force was known
 * to the seconder; never custody, a release or a ban. It stands until the token is released or
 * passes on.
 *
 * View `rights`, keyed by the issue, in its circle. EXPIRED is asked for with a time, never
 * stored. Source: DESIGN 6, replication/WIRE.md section 20. */
#ifndef P2P_RIGHT_H
#define P2P_RIGHT_H

#include <p2p/custody.h>

/* Parties one after the other; a transfer beyond is refused. */
#define P2P_RIGHT_CHAIN_MAX 16u
/* Told, the first by id: of blocks more are as good as these, of requests more follow when
 * these are ruled. */
#define P2P_RIGHT_BLOCKS_MAX  16u
#define P2P_RIGHT_UNRULED_MAX 16u
/* Told, and folded, the first; with more the right is blocked, `too-long`. */
#define P2P_RIGHT_UNSURE_MAX  16u
#define P2P_RIGHT_RULINGS_MAX 512u
/* Rights in one request, and requests in one ruling; more are a bad citation. */
#define P2P_RIGHT_CITES_MAX 256u
/* Bytes of what an issue says; more are a bad payload. */
#define P2P_RIGHT_BL_BYTES_MAX        35u
#define P2P_RIGHT_REFERENCE_BYTES_MAX 35u
#define P2P_RIGHT_TERMINAL_BYTES_MAX  35u
#define P2P_RIGHT_REASON_BYTES_MAX    500u
#define P2P_RIGHT_DEFAULT_DAYS        60u

/* X(NAME, word): capitals as people write them. BLOCKED and EXPIRED stand over PENDING, ACTIVE
 * and RETURNED. */
#define P2P_RIGHT_STATE_MAP(X)                                                                 \
    X(PENDING, "PENDING")   /* given to a party that has not accepted */                       \
    X(ACTIVE, "ACTIVE")     /* a party holds it */                                             \
    X(RETURNED, "RETURNED") /* it lies with who issued it */                                   \
    X(REVOKED, "REVOKED")   /* by who issued it, or by the giver before it was accepted */     \
    X(BLOCKED, "BLOCKED")                                                                      \
    X(USED, "USED")         /* the container was released on it */                             \
    X(FINISHED, "FINISHED") /* and its gate-out is confirmed */                                \
    X(CANCELLED, "CANCELLED")                                                                  \
    X(EXPIRED, "EXPIRED")                                                                      \
    X(NO_EFFECT, "NO-EFFECT") /* the issue itself has none */

enum p2p_right_state {
#define P2P_RIGHT_STATE_ENUM(name, word) P2P_RIGHT_##name,
    P2P_RIGHT_STATE_MAP(P2P_RIGHT_STATE_ENUM)
#undef P2P_RIGHT_STATE_ENUM
        P2P_RIGHT_STATE_COUNT
};
const char *p2p_right_state_word(enum p2p_right_state state);
bool p2p_right_state_named(struct p2p_slice word, enum p2p_right_state *out);

/* Who acts, as the table names him. */
enum p2p_right_role {
    P2P_ROLE_FIRST,   /* the party that issued it */
    P2P_ROLE_PENDING, /* the party it is given to and that has not accepted */
    P2P_ROLE_HOLDER,  /* the party that holds it */
    P2P_ROLE_GIVER,   /* the party that gave it to the pending one */
    P2P_ROLE_GRANTED, /* whoever has the grant, party or not */
    P2P_ROLE_NODE     /* the node that holds custody */
};
const char *p2p_right_role_word(enum p2p_right_role role);

#define P2P_IN(state) (1u << P2P_RIGHT_##state)
#define P2P_IN_LIVE   (P2P_IN(PENDING) | P2P_IN(ACTIVE) | P2P_IN(RETURNED))

/* X(NAME, kind word, role, grant or "", from states (under BLOCKED: the state below it), to
 * state (COUNT: stays), ruled, sentence). A light's ruling and grant depend on its value: see
 * lights. */
#define P2P_RIGHT_ACTION_MAP(X)                                                                \
    X(ACCEPT, "right-accept", PENDING, "accept", P2P_IN(PENDING), ACTIVE, true,                \
      "takes the right")                                                                       \
    X(DECLINE, "right-decline", PENDING, "accept", P2P_IN(PENDING), STATE_COUNT, true,         \
      "gives it back to its giver")                                                            \
    X(TRANSFER, "right-transfer", HOLDER, "transfer", P2P_IN(ACTIVE), PENDING, true,           \
      "passes it on")                                                                          \
    X(REISSUE, "right-transfer", FIRST, "issue", P2P_IN(RETURNED), PENDING, true,              \
      "gives a returned right to another party")                                               \
    X(RETURN, "right-return", HOLDER, "accept", P2P_IN(ACTIVE), STATE_COUNT, true,             \
      "gives it back to who gave it")                                                          \
    X(TAKE_BACK, "right-revoke", GIVER, "transfer", P2P_IN(PENDING), STATE_COUNT, true,        \
      "takes it back before it is accepted")                                                   \
    X(REVOKE, "right-revoke", FIRST, "issue", P2P_IN_LIVE, REVOKED, false, "ends it at once")  \
    X(CANCEL, "right-cancel", FIRST, "issue", P2P_IN_LIVE, CANCELLED, false,                   \
      "ends it at once: the shipment is off")                                                  \
    X(ASSIGN, "right-assign", HOLDER, "assign", P2P_IN(ACTIVE), STATE_COUNT, true,             \
      "names driver, truck and slot")                                                          \
    X(UNASSIGN, "right-unassign", HOLDER, "assign", P2P_IN(ACTIVE), STATE_COUNT, true,         \
      "takes driver, truck and slot away")                                                     \
    X(BLOCK, "right-block", GRANTED, "block", P2P_IN_LIVE, STATE_COUNT, false,                 \
      "forbids its use")                                                                       \
    X(UNBLOCK, "right-unblock", GRANTED, "block", P2P_IN_LIVE, STATE_COUNT, true,              \
      "ends a block by the same member")                                                       \
    X(LIGHT, "right-light", GRANTED, "", P2P_IN_LIVE, STATE_COUNT, true,                       \
      "sets a light; away from green acts unruled")                                            \
    X(USE, "use", NODE, "", P2P_IN(ACTIVE), USED, false, "releases the container")             \
    X(GATE_OUT, "right-gate-out", GRANTED, "terminal-light", P2P_IN(USED), FINISHED, false,    \
      "confirms that the container left")                                                      \
    X(OVERRIDE, "override", GRANTED, "override", P2P_IN(ACTIVE), STATE_COUNT, false,           \
      "asks to overrule what speaks against its use")                                          \
    X(APPROVE, "approve", GRANTED, "approve", P2P_IN(ACTIVE), STATE_COUNT, false,              \
      "seconds an override by another issuer")

enum p2p_right_action {
#define P2P_RIGHT_ACTION_ENUM(name, ...) P2P_RIGHT_DO_##name,
    P2P_RIGHT_ACTION_MAP(P2P_RIGHT_ACTION_ENUM)
#undef P2P_RIGHT_ACTION_ENUM
        P2P_RIGHT_ACTION_COUNT
};
struct p2p_right_rule {
    const char *kind; /* word of the record kind */
    enum p2p_right_role role;
    const char *grant; /* "": another than this table's */
    unsigned from;
    enum p2p_right_state to; /* P2P_RIGHT_STATE_COUNT: see the action */
    bool ruled;
    const char *text;
};
const struct p2p_right_rule *p2p_right_rule(enum p2p_right_action action);

/* X(NAME, word, grant, values: the first is green, the second how it begins). As a record of
 * kind `right-light` says it: {light, value}. */
#define P2P_LIGHT_MAP(X)                                                                       \
    X(COMMERCIAL, "commercial", "commercial-light", "ok", "unknown", "nok", "blocked",         \
      "expired")                                                                               \
    X(CUSTOMS, "customs", "customs-light", "released", "notreleased", "selectedforscan",       \
      "transhipment", "documentarycontrol")                                                    \
    X(DISCHARGE, "discharge", "discharge-light", "discharged", "expected", NULL, NULL, NULL)   \
    X(TERMINAL, "terminal", "terminal-light", "released", "unknown", "hold", NULL, NULL)

#define P2P_LIGHT_VALUES_MAX 5u
enum p2p_light {
#define P2P_LIGHT_ENUM(name, ...) P2P_LIGHT_##name,
    P2P_LIGHT_MAP(P2P_LIGHT_ENUM)
#undef P2P_LIGHT_ENUM
        P2P_LIGHT_COUNT
};
const char *p2p_light_word(enum p2p_light light);
const char *p2p_light_grant(enum p2p_light light);
const char *p2p_light_value(enum p2p_light light, unsigned value); /* NULL: no such one */
bool p2p_light_named(struct p2p_slice word, enum p2p_light *out);
bool p2p_light_value_named(enum p2p_light light, struct p2p_slice word, unsigned *out);

/* X(NAME, word): by which means the container leaves. */
#define P2P_MEANS_MAP(X)                                                                       \
    X(TRUCK, "truck")                                                                          \
    X(BARGE, "barge")                                                                          \
    X(RAIL, "rail")

/* One party of the chain. */
struct p2p_right_link {
    uint32_t party;          /* issuer */
    struct p2p_record_id by; /* the issue, transfer, ... that gave it to him */
};

/* An approved override that stands. */
struct p2p_right_override {
    struct p2p_record_id by;       /* the `override`; feed 0: none stands */
    struct p2p_record_id seconded; /* the `approve`, which a `use` by it cites */
    unsigned lights;               /* 1 << enum p2p_light: those it overrules */
    bool blocks;                   /* it overrules all blocks in force */
};

/* A view value taken apart; slices borrow from it. */
struct p2p_right {
    struct p2p_record_id id;
    uint32_t circle;
    struct p2p_record_id token;
    uint32_t first;             /* issuer */
    struct p2p_slice container; /* as the issue says; the token's decides */
    struct p2p_slice bl;
    struct p2p_slice reference; /* release reference; may be empty */
    struct p2p_slice terminal;  /* code; may be empty */
    struct p2p_slice means;     /* word of P2P_MEANS_MAP */
    struct p2p_slice facility;  /* where the token was opened; empty: that is not here */
    uint32_t custodian; /* feed that holds the token, or offered it; 0: that is not here */
    uint64_t expires_ms;
    enum p2p_why why;
    enum p2p_right_state below;                       /* state without blocks and time */
    struct p2p_right_link chain[P2P_RIGHT_CHAIN_MAX]; /* the first issuer first; of PENDING the
                                                         last is who has not accepted */
    size_t chain_count;
    struct p2p_slice driver; /* packed subject; empty: none assigned */
    struct p2p_slice truck;
    struct p2p_slice company;
    uint64_t slot_from_ms; /* 0: none */
    uint64_t slot_until_ms;
    struct p2p_record_id assigned_by;
    unsigned lights[P2P_LIGHT_COUNT];                  /* values */
    struct p2p_record_id light_by[P2P_LIGHT_COUNT];    /* feed 0: as it began */
    struct p2p_record_id blocks[P2P_RIGHT_BLOCKS_MAX]; /* in force */
    size_t block_count;
    struct p2p_record_id unruled[P2P_RIGHT_UNRULED_MAX]; /* requests not taken yet that the
                                                            table allows now */
    size_t unruled_count;
    /* What would forbid, and lacks effect only for `unknown-issuer` or `no-grant`: the first of
     * each feed. If that feed's `seen` names more of the charter than is held
     * (p2p_known_ahead), who answers cannot be sure. */
    struct p2p_record_id unsure[P2P_RIGHT_UNSURE_MAX];
    size_t unsure_count;
    bool too_long; /* more was asked or said of it than is folded: it is blocked */
    struct p2p_right_override override;
    struct p2p_record_id used_by; /* the `use`; feed 0: none */
    /* It was used although it was not ACTIVE by its rulings, or revoked or cancelled as the
     * author of the `use` knew. */
    bool unfit;
    struct p2p_record_id ended_by; /* the `right-revoke` or `right-cancel` that ended it */
    struct p2p_record_id finished_by;
};

/* A value of the view; out borrows from it. P2P_CORRUPT when the fold did not write it. */
P2P_MUST_CHECK enum p2p_err p2p_right_decode(struct p2p_right *out,
                                             const struct p2p_record_id *id, uint32_t circle,
                                             struct p2p_slice value);
/* P2P_NOTFOUND when no right begins there in this circle. Borrows from the store. */
P2P_MUST_CHECK enum p2p_err p2p_right_get(const struct p2p_kv *kv, uint32_t circle,
                                          const struct p2p_record_id *id,
                                          struct p2p_right *out);
/* Walks all rights of a circle in order of id, from `after` (exclusive) or from the first. */
P2P_MUST_CHECK enum p2p_err p2p_right_next(const struct p2p_kv *kv, uint32_t circle,
                                           const struct p2p_record_id *after, bool begin,
                                           struct p2p_right *out);
/* Walks the rights that name one token likewise; and those in whose chain a party stands. */
P2P_MUST_CHECK enum p2p_err p2p_right_next_on(const struct p2p_kv *kv, uint32_t circle,
                                              const struct p2p_record_id *token,
                                              const struct p2p_record_id *after, bool begin,
                                              struct p2p_record_id *out);
P2P_MUST_CHECK enum p2p_err p2p_right_next_of(const struct p2p_kv *kv, uint32_t circle,
                                              uint32_t party, const struct p2p_record_id *after,
                                              bool begin, struct p2p_record_id *out);
/* Marks the rights that name a token: what they follow from changed. */
P2P_MUST_CHECK enum p2p_err p2p_right_mark_on(struct p2p_ledger *ledger, uint32_t circle,
                                              const struct p2p_record_id *token);
/* As people are told: BLOCKED over EXPIRED over what is below. */
enum p2p_right_state p2p_right_state_at(const struct p2p_right *right, uint64_t now_ms);
/* The party that holds it, that it is pending at, or that gave it; 0: none. */
uint32_t p2p_right_holder(const struct p2p_right *right);
uint32_t p2p_right_pending(const struct p2p_right *right);
uint32_t p2p_right_giver(const struct p2p_right *right);

/* Whether an issuer may take this action now, by table and charter: with the grants that the
 * charter gives him in his member's newest feed. For LIGHT: some light; issuer 0 for USE. */
bool p2p_right_may(const struct p2p_charter *charter, const struct p2p_right *right,
                   uint32_t issuer, enum p2p_right_action action);

/* The same of one light. */
bool p2p_right_may_set(const struct p2p_charter *charter, const struct p2p_right *right,
                       uint32_t issuer, enum p2p_light light);
/* Whether two issuers are of one member: only these end each other's blocks. */
bool p2p_right_same_member(const struct p2p_charter *charter, uint32_t a, uint32_t b);

/* What an author gives for an issue; strings borrowed. */
struct p2p_right_draft {
    const char *container; /* normal form */
    const char *bl;
    const char *reference; /* or NULL */
    const char *terminal;  /* or NULL */
    const char *means;     /* NULL: truck */
    uint32_t to;           /* issuer */
    uint64_t expires_ms;
};
P2P_MUST_CHECK enum p2p_err p2p_right_issue_pack(struct p2p_pack *pack,
                                                 const struct p2p_right_draft *draft);
/* What an issue says, as of the right that it begins, PENDING at whom it names; slices borrow
 * from the payload. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_right_issue_read(struct p2p_right *out,
                                                 struct p2p_slice payload);
/* What a request says; those that are NULL or 0 are left out. */
struct p2p_right_request {
    const char *container; /* override: normal form */
    const char *reason;
    uint32_t to;
    const struct p2p_subject *driver;
    const struct p2p_subject *truck;
    const struct p2p_subject *company;
    uint64_t slot_from_ms;
    uint64_t slot_until_ms;
    const char *light;
    const char *value;
};
P2P_MUST_CHECK enum p2p_err p2p_right_request_pack(struct p2p_pack *pack,
                                                   const struct p2p_right_request *request,
                                                   const struct p2p_circle_key *key,
                                                   uint32_t epoch);

#endif
