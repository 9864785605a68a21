/* The table of record kinds: one row each, from which names, checks, WIRE.md's table, `record
 * add` and the generators of tests come.
 *
 * A row says who may write the kind, where its content stands (in the leaf for everybody, or in
 * a payload for the record's circle), which fields it has, which kinds it may cite, which
 * grants it needs, and which view keys it touches. Unknown kinds are kept and have no effect.
 */
#ifndef P2P_KIND_H
#define P2P_KIND_H

#include <p2p/record.h>

/* X(NAME, number, word). Numbers are for ever. */
#define P2P_KIND_MAP(X)                                                                        \
    X(CHARTER, 1, "charter")                                                                   \
    X(ADDRESS, 2, "address")                                                                   \
    X(SEEN, 3, "seen")                                                                         \
    X(NOTE, 4, "note")                                                                         \
    X(FORK, 5, "fork")                                                                         \
    X(CIRCLE_KEY, 6, "circle-key")                                                             \
    X(CIRCLE_KEY_BAD, 7, "circle-key-bad")                                                     \
    X(STATE, 8, "state")                                                                       \
    X(RESCUED, 9, "rescued")                                                                   \
    X(BAN_IMPOSE, 16, "ban-impose")                                                            \
    X(BAN_AMEND, 17, "ban-amend")                                                              \
    X(BAN_SUSPEND, 18, "ban-suspend")                                                          \
    X(BAN_RESUME, 19, "ban-resume")                                                            \
    X(BAN_LIFT, 20, "ban-lift")                                                                \
    X(DECISIONS, 32, "decisions")                                                              \
    X(CUSTODY_OPEN, 48, "custody-open")                                                        \
    X(CUSTODY_OFFER, 49, "custody-offer")                                                      \
    X(CUSTODY_ACCEPT, 50, "custody-accept")                                                    \
    X(CUSTODY_REFUSE, 51, "custody-refuse")                                                    \
    X(CUSTODY_WITHDRAW, 52, "custody-withdraw")                                                \
    X(USE, 53, "use")                                                                          \
    X(CUSTODY_GATE_IN, 54, "custody-gate-in")                                                  \
    X(RECOUNT, 55, "recount")                                                                  \
    X(RULED, 56, "ruled")                                                                      \
    X(RIGHT_ISSUE, 64, "right-issue")                                                          \
    X(RIGHT_ACCEPT, 65, "right-accept")                                                        \
    X(RIGHT_DECLINE, 66, "right-decline")                                                      \
    X(RIGHT_TRANSFER, 67, "right-transfer")                                                    \
    X(RIGHT_RETURN, 68, "right-return")                                                        \
    X(RIGHT_REVOKE, 69, "right-revoke")                                                        \
    X(RIGHT_CANCEL, 70, "right-cancel")                                                        \
    X(RIGHT_ASSIGN, 71, "right-assign")                                                        \
    X(RIGHT_UNASSIGN, 72, "right-unassign")                                                    \
    X(RIGHT_BLOCK, 73, "right-block")                                                          \
    X(RIGHT_UNBLOCK, 74, "right-unblock")                                                      \
    X(RIGHT_LIGHT, 75, "right-light")                                                          \
    X(RIGHT_GATE_OUT, 76, "right-gate-out")                                                    \
    X(OVERRIDE, 77, "override")                                                                \
    X(APPROVE, 78, "approve")

enum p2p_kind_number {
#define P2P_KIND_ENUM(name, number, word) P2P_KIND_##name = (number),
    P2P_KIND_MAP(P2P_KIND_ENUM)
#undef P2P_KIND_ENUM
};

/* X(NAME, word on the command line and in WIRE.md): why a record has no effect. */
#define P2P_WHY_MAP(X)                                                                         \
    X(NONE, "")                                                                                \
    X(UNKNOWN_ISSUER, "unknown-issuer")                                                        \
    X(NO_GRANT, "no-grant")                                                                    \
    X(BAD_SIGNATURE, "bad-signature")                                                          \
    X(REPEATED_SEQ, "repeated-seq")                                                            \
    X(PAST_CUT, "past-cut-point")                                                              \
    X(FORKED, "forked-range")                                                                  \
    X(BAD_CITATION, "bad-citation")                                                            \
    X(BAD_PAYLOAD, "bad-payload")                                                              \
    X(UNKNOWN_KIND, "unknown-kind")                                                            \
    X(ERASED, "erased")

enum p2p_why {
#define P2P_WHY_ENUM(name, word) P2P_WHY_##name,
    P2P_WHY_MAP(P2P_WHY_ENUM)
#undef P2P_WHY_ENUM
};
const char *p2p_why_word(enum p2p_why why);
/* The verdict of that word; false when there is none. */
bool p2p_why_named(struct p2p_slice word, enum p2p_why *out);

enum p2p_field_type {
    P2P_FIELD_UINT,
    P2P_FIELD_TEXT,
    P2P_FIELD_BYTES,
    P2P_FIELD_TIME,     /* POSIX ms */
    P2P_FIELD_TEXTS,    /* array of distinct strings, ascending */
    P2P_FIELD_SUBJECTS, /* array of subjects, see subject.h */
    P2P_FIELD_ANY,      /* checked by the kind's own reader */
};

/* Traffic Light Protocol 2.0 (FIRST): how far a field may be shown. */
enum p2p_tlp { P2P_TLP_CLEAR, P2P_TLP_GREEN, P2P_TLP_AMBER, P2P_TLP_RED };

struct p2p_field {
    const char *name; /* fields of a row ascend by name */
    enum p2p_field_type type;
    uint32_t max; /* bytes of a text, entries of an array, greatest number; 0: no bound but the
                     record's */
    bool required;
    enum p2p_tlp tlp;
};

struct p2p_entry;
struct p2p_ledger;

enum p2p_author { P2P_BY_NODE = 1, P2P_BY_ISSUER = 2, P2P_BY_CHARTER = 4 };

struct p2p_kind {
    uint32_t number;
    const char *word;
    unsigned authors; /* enum p2p_author, combined */
    enum p2p_body body;
    const struct p2p_field *fields;
    size_t field_count;
    uint32_t cites[12]; /* kinds it may cite; 0 ends */
    bool cites_required;
    /* Whether its issuer holds what this record needs, at its place; NULL: nothing is needed.
     */
    bool (*granted)(struct p2p_ledger *ledger, const struct p2p_entry *entry);
    /* What only the kind itself can judge of content in the kind's form (whether a proof
     * proves); sets why, which is none, when something is wrong. NULL: nothing more. */
    enum p2p_err (*judge)(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                          enum p2p_why *why);
    /* Marks the view keys this record touches; NULL: it touches none. */
    enum p2p_err (*keys)(struct p2p_ledger *ledger, const struct p2p_entry *entry);
};

/* NULL for an unknown kind. */
const struct p2p_kind *p2p_kind_find(uint32_t number);
const struct p2p_kind *p2p_kind_named(struct p2p_slice word);
const struct p2p_kind *const *p2p_kinds(size_t *count);

/* Whether content (an encoded, canonical map) has exactly the row's fields: required ones
 * present, none unknown, each of its type and within its bound. P2P_MALFORMED, P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_kind_validate(const struct p2p_kind *kind,
                                              struct p2p_slice content);

#endif
