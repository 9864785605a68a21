/* A gate's decision: pure function of what the ledger holds, the question, and two clocks.
 *
 * The node's writer evaluates each recorded decision inside its transaction, the audit
 * evaluates the same function over what the feed shows the gate knew. Fail closed: whatever
 * cannot be decided is `refer`, never `allow`. Reasons carry a code and the record behind it;
 * the strongest code decides.
 *
 * Two clocks: the node's own, and quorum time. A prohibition is in force if either says so;
 * where they are further apart than the charter's policy allows and the answer depends on it:
 * `refer`. */
#ifndef P2P_GATE_H
#define P2P_GATE_H

#include <p2p/ban.h>
#include <p2p/custody.h>
#include <p2p/lease.h>
#include <p2p/ledger.h>

/* X(NAME, word), in order of strength. */
#define P2P_ANSWER_MAP(X)                                                                      \
    X(ALLOW, "allow")                                                                          \
    X(POSSIBLE, "possible")                                                                    \
    X(REFER, "refer")                                                                          \
    X(REFUSE, "refuse")

enum p2p_answer {
#define P2P_ANSWER_ENUM(name, word) P2P_ANSWER_##name,
    P2P_ANSWER_MAP(P2P_ANSWER_ENUM)
#undef P2P_ANSWER_ENUM
};
const char *p2p_answer_word(enum p2p_answer answer);

/* X(NAME, word, what it makes the answer at least). ALLOW: told only. */
#define P2P_GATE_CODE_MAP(X)                                                                   \
    X(BANNED, "banned", REFUSE)                                                                \
    X(PARTIAL_MATCH, "partial-match", POSSIBLE)                                                \
    X(SUSPENDED, "suspended", ALLOW)                                                           \
    X(BAD_IDENTIFIER, "bad-identifier", POSSIBLE)                                              \
    X(STALE, "stale-knowledge", REFER)                                                         \
    X(CLOCK, "clock", REFER)                                                                   \
    X(INCOMPLETE, "incomplete", REFER)                                                         \
    X(READ_ONLY, "read-only", ALLOW) /* REFER in a collect */                                  \
    /* of a collect: see collect.h */                                                          \
    X(NO_RIGHT, "no-right", REFUSE)                                                            \
    X(NOT_ACCEPTED, "not-accepted", REFUSE)                                                    \
    X(WRONG_DRIVER, "wrong-driver", REFUSE)                                                    \
    X(WRONG_TRUCK, "wrong-truck", REFUSE)                                                      \
    X(OUTSIDE_SLOT, "outside-slot", REFUSE)                                                    \
    X(LIGHT_COMMERCIAL, "light-commercial", REFUSE)                                            \
    X(LIGHT_CUSTOMS, "light-customs", REFUSE)                                                  \
    X(LIGHT_DISCHARGE, "light-discharge", REFUSE)                                              \
    X(LIGHT_TERMINAL, "light-terminal", REFUSE)                                                \
    X(BLOCKED, "blocked", REFUSE)                                                              \
    X(EXPIRED, "expired", REFUSE)                                                              \
    X(USED, "used", REFUSE)                                                                    \
    X(CUSTODY_ELSEWHERE, "custody-elsewhere", REFUSE)                                          \
    X(UNRULED, "unruled", REFUSE)                                                              \
    X(CUSTODY_FROZEN, "custody-frozen", REFER)                                                 \
    X(CUSTODY_WAITING, "custody-waiting", REFER)                                               \
    X(LEASE_OVER, "lease-over", REFER)                                                         \
    X(NOT_MIRRORED, "not-mirrored", REFER)

enum p2p_gate_code {
#define P2P_GATE_CODE_ENUM(name, word, answer) P2P_GATE_##name,
    P2P_GATE_CODE_MAP(P2P_GATE_CODE_ENUM)
#undef P2P_GATE_CODE_ENUM
        P2P_GATE_CODE_COUNT
};
const char *p2p_gate_code_word(enum p2p_gate_code code);
/* What it makes the answer at least. */
enum p2p_answer p2p_gate_code_answer(enum p2p_gate_code code);

#define P2P_GATE_REASONS_MAX    64u /* more are counted, not listed */
#define P2P_GATE_NAME_BYTES_MAX 32u
#define P2P_GATE_CIRCLES_MAX    256u
#define P2P_GATE_KEYS_MAX       256u
#define P2P_GATE_KNOWN_MAX      512u

/* The circle keys a node holds, every epoch that may still have a ban in force. */
struct p2p_circle_secret {
    uint32_t circle;
    uint32_t epoch;
    struct p2p_circle_key key;
};

/* Where the gate stands: its member, the circles it may look into (circle 0, which is
 * everybody's, is the first), their keys. */
struct p2p_gate_place {
    char locode[6];
    uint32_t circles[P2P_GATE_CIRCLES_MAX];
    size_t circle_count;
    size_t circles_left_out; /* beyond P2P_GATE_CIRCLES_MAX: what it allows is `refer` */
    struct p2p_circle_secret keys[P2P_GATE_KEYS_MAX];
    size_t key_count;
    size_t keys_missing; /* epochs of its circles whose key is not among them */
    struct p2p_charter_hidden
        hidden; /* by two heads of the charter: what it allows is `refer` */
};

struct p2p_gate_check {
    char gate[P2P_GATE_NAME_BYTES_MAX + 1];
    char purpose[8]; /* enter, work, call */
    struct p2p_subject subjects[P2P_SUBJECTS_MAX];
    size_t subject_count;
    char container[P2P_CONTAINER_BYTES_MAX + 1]; /* a collect, of this one in its normal form;
                                                    empty: a check */
    /* That of subject i under key k of the place stands at i * key_count + k; NULL: they are
     * computed each time. Of a subject in clear it is nothing. p2p_gate_tokens. */
    const struct p2p_token *tokens;
    /* What the engine knows of itself when it asks. */
    uint64_t own_ms;            /* POSIX ms by the node's clock */
    uint64_t quorum_ms;         /* POSIX ms by quorum time; 0: too few fresh cosignatures */
    bool incomplete;            /* not complete in its circles yet */
    uint32_t incomplete_circle; /* the first of those; 0: everybody's, or the start-up rule */
    bool stale;                 /* policy stale_after_s is exceeded */
    bool read_only;             /* it may not append */
    /* likewise, of a collect */
    enum p2p_custody_ready ready;
    bool repeated; /* what was asked was released before, */
    bool mirrored; /* and somebody else holds that by now */
    bool released; /* it is, now or before, by: */
    uint64_t use;  /* index of the `use` in the own feed */
    uint64_t held; /* size of the own feed when it was evaluated */
};

struct p2p_gate_reason {
    enum p2p_gate_code code;
    bool has_record;
    uint32_t circle; /* of the record */
    struct p2p_record_id record;
};

struct p2p_gate_answer {
    enum p2p_answer answer;
    struct p2p_gate_reason reasons[P2P_GATE_REASONS_MAX];
    size_t reason_count;
    size_t reasons_total;
};

/* One question step by step, for who has subject keys and no identifiers: begin, for each
 * subject its keys in order, end. p2p_gate_decide is made of these. Strings are borrowed. */
struct p2p_gate_question {
    const char *locode;
    const char *purpose;
    uint64_t own_ms;
    uint64_t quorum_ms; /* 0: none */
    bool none_kept;     /* p2p_kept_none, found where the bans are looked up */
};
/* What a node says of itself; it makes an answer stricter, or is told only. */
struct p2p_gate_state {
    bool incomplete;
    uint32_t incomplete_circle; /* for the reason; 0: none */
    bool unseen; /* a key is missing or hidden under which a subject might stand, or a circle
                    left out or hidden */
    bool stale;
    bool read_only;
    bool collects; /* then who may not append lets nothing out */
};
void p2p_gate_begin(struct p2p_gate_answer *answer);
/* A subject whose check digit is wrong. */
void p2p_gate_bad_identifier(struct p2p_gate_answer *answer);
/* What the bans on one subject key in one circle say. P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_gate_look_up(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                             const struct p2p_gate_question *question,
                                             uint32_t circle, bool weak,
                                             const struct p2p_subject_key *key,
                                             struct p2p_gate_answer *answer);
void p2p_gate_end(const struct p2p_gate_state *state, struct p2p_gate_answer *answer);
/* One more reason. record: NULL for none; circle: of the record. */
void p2p_gate_add(struct p2p_gate_answer *answer, enum p2p_gate_code code, uint32_t circle,
                  const struct p2p_record_id *record);
/* All reasons of another answer. */
void p2p_gate_merge(struct p2p_gate_answer *answer, const struct p2p_gate_answer *more);
/* Everybody whom a node's check presents. */
P2P_MUST_CHECK enum p2p_err p2p_gate_present(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                             const struct p2p_gate_place *place,
                                             const struct p2p_gate_check *check,
                                             const struct p2p_gate_question *question,
                                             struct p2p_gate_answer *answer);
/* Fills what check->tokens points to; out: check->subject_count * place->key_count. */
void p2p_gate_tokens(const struct p2p_gate_place *place, const struct p2p_gate_check *check,
                     struct p2p_token *out);
/* The token of a subject of a check under a key of the place. */
struct p2p_token p2p_gate_token(const struct p2p_gate_place *place,
                                const struct p2p_gate_check *check, size_t subject, size_t key);
/* What a node's check says of the node. */
struct p2p_gate_state p2p_gate_state_of(const struct p2p_gate_place *place,
                                        const struct p2p_gate_check *check);
/* Sets locode and circles of a place as the charter has them for a member; leaves the keys. */
void p2p_gate_stand(struct p2p_gate_place *place, const struct p2p_charter *charter,
                    const struct p2p_member *member);

/* Decides. Errors of the store are errors, never an answer. */
P2P_MUST_CHECK enum p2p_err p2p_gate_decide(struct p2p_ledger *ledger, const struct p2p_kv *kv,
                                            const struct p2p_gate_place *place,
                                            const struct p2p_gate_check *check,
                                            struct p2p_gate_answer *answer);
/* X(NAME, bit, what it says): the node's own words in `state` of a decision; from the third on
 * of a collect alone. */
#define P2P_GATE_STATE_MAP(X)                                                                  \
    X(INCOMPLETE, 0, "not complete in a circle")                                               \
    X(STALE, 1, "stale by policy")                                                             \
    X(WAITING, 2, "custody waits for witnesses, the copy, or what it rests on")                \
    X(LEASE_OVER, 3, "the lease is over")                                                      \
    X(REPEATED, 4, "the same was asked before, and released by `use`")                         \
    X(MIRRORED, 5, "and that is held elsewhere")

enum p2p_gate_state_bit {
#define P2P_GATE_STATE_ENUM(name, bit, text) P2P_GATE_STATE_##name = 1 << (bit),
    P2P_GATE_STATE_MAP(P2P_GATE_STATE_ENUM)
#undef P2P_GATE_STATE_ENUM
};

/* Packs one decision as it stands in a `decisions` payload; identifiers as tokens. late: it
 * cannot be appended now; the ledger as it is held, of which the sizes of at most
 * P2P_GATE_KNOWN_MAX feeds go with it (of more, none). NULL: it is appended in this commit,
 * whose `seen` says what was known. */
void p2p_gate_pack(struct p2p_pack *pack, const struct p2p_gate_place *place,
                   const struct p2p_gate_check *check, const struct p2p_gate_answer *answer,
                   const struct p2p_ledger *late);
bool p2p_gate_name_valid(struct p2p_slice name);
bool p2p_gate_purpose_valid(struct p2p_slice purpose);

#endif
