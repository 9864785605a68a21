/* Bans: an observed-remove set of impositions, the first view.
 *
 * An imposition (ban-impose, ban-amend) is active unless a lift or amend names it; a suspend
 * names impositions, a resume names suspends. Nobody lifts what he did not know, so an
 * imposition made at the same time as a lift stays: deny wins. Who may lift holds a grant for
 * the same ground or a higher rank (court > magistrate > administrative > local; eu-regulation
 * apart) covering the ban's scope.
 *
 * View value, keyed by the imposition's id in its circle, a canonical map:
 *   content: the imposition's payload, if it is one · issuer: number · lifted: [[feed, index],
 * ...] · suspended: [[feed, index], ...] · why: word; absent left out. INDEX_SUBJECT: circle
 * u32, subject key, imposition id -> nothing. */
#ifndef P2P_BAN_H
#define P2P_BAN_H

#include <p2p/ledger.h>

/* X(NAME, word, rank): a grant of ground g covers lifting any ground of at most its rank; rank
 * 0 covers only itself. */
#define P2P_GROUND_MAP(X)                                                                      \
    X(COURT, "court", 4)                                                                       \
    X(MAGISTRATE, "magistrate", 3)                                                             \
    X(ADMINISTRATIVE, "administrative", 2)                                                     \
    X(LOCAL, "local", 1)                                                                       \
    X(EU_REGULATION, "eu-regulation", 0)

enum p2p_ground {
#define P2P_GROUND_ENUM(name, word, rank) P2P_GROUND_##name,
    P2P_GROUND_MAP(P2P_GROUND_ENUM)
#undef P2P_GROUND_ENUM
        P2P_GROUND_COUNT
};
const char *p2p_ground_word(enum p2p_ground ground);
bool p2p_ground_named(struct p2p_slice word, enum p2p_ground *out);

#define P2P_BAN_EFFECTS_MAX 3u /* enter, work, call */
#define P2P_BAN_SCOPES_MAX  64u

enum p2p_ban_state {
    P2P_BAN_IN_FORCE,
    P2P_BAN_FUTURE,
    P2P_BAN_EXPIRED,
    P2P_BAN_SUSPENDED,
    P2P_BAN_LIFTED,
    P2P_BAN_NO_EFFECT,
};
const char *p2p_ban_state_word(enum p2p_ban_state state);

/* A view value taken apart; slices borrow from it. */
struct p2p_ban {
    struct p2p_record_id id;
    uint32_t circle;
    uint32_t issuer;
    enum p2p_ground ground;
    struct p2p_slice subjects; /* encoded arrays */
    struct p2p_slice effects;
    struct p2p_slice scope;
    struct p2p_slice reference; /* text */
    struct p2p_slice reason;    /* text, may be empty */
    uint64_t from_ms;           /* 0: at once */
    uint64_t until_ms;          /* 0: no end */
    struct p2p_slice lifted;    /* encoded array of [feed, index], may be empty */
    struct p2p_slice suspended;
    enum p2p_why why;
};

/* P2P_CORRUPT when value is not one that the fold wrote. */
P2P_MUST_CHECK enum p2p_err p2p_ban_decode(struct p2p_ban *out, const struct p2p_record_id *id,
                                           uint32_t circle, struct p2p_slice value);
/* Fills what a payload of ban-impose or ban-amend says. P2P_MALFORMED. */
P2P_MUST_CHECK enum p2p_err p2p_ban_read_content(struct p2p_ban *ban, struct p2p_slice payload);
/* P2P_NOTFOUND when no imposition stands there in this circle. value is borrowed from the
 * store. */
P2P_MUST_CHECK enum p2p_err p2p_ban_get(const struct p2p_kv *kv, uint32_t circle,
                                        const struct p2p_record_id *id, struct p2p_ban *out);
enum p2p_ban_state p2p_ban_state_at(const struct p2p_ban *ban, uint64_t now_ms);
/* Whether it has that effect (enter includes work), and covers that locode. */
bool p2p_ban_has_effect(const struct p2p_ban *ban, struct p2p_slice purpose);
bool p2p_ban_covers(const struct p2p_ban *ban, struct p2p_slice locode);

/* Walks all bans of a circle in order of id, from `after` (exclusive) or from the first. */
P2P_MUST_CHECK enum p2p_err p2p_ban_next(const struct p2p_kv *kv, uint32_t circle,
                                         const struct p2p_record_id *after, bool begin,
                                         struct p2p_ban *out);
/* Walks the bans on one subject key in one circle likewise. */
P2P_MUST_CHECK enum p2p_err p2p_ban_next_on(const struct p2p_kv *kv, uint32_t circle,
                                            const struct p2p_subject_key *subject,
                                            const struct p2p_record_id *after, bool begin,
                                            struct p2p_record_id *out);

/* What an author gives for an imposition; everything borrowed. */
struct p2p_ban_draft {
    const struct p2p_subject *subjects;
    size_t subject_count;
    struct p2p_slice packed_subjects; /* an encoded array instead, when subject_count is 0 */
    enum p2p_ground ground;
    const char *reference;
    const char *reason; /* NULL for none */
    const char *const *effects;
    size_t effect_count; /* 0: the default of the first subject's type; needed when subjects are
                            packed */
    const char *const *scope;
    size_t scope_count; /* 0: "*" */
    uint64_t from_ms;
    uint64_t until_ms;
};

/* Packs the payload of ban-impose or ban-amend, tokens under the circle's key. P2P_TOOLARGE. */
P2P_MUST_CHECK enum p2p_err p2p_ban_pack(struct p2p_pack *pack,
                                         const struct p2p_ban_draft *draft,
                                         const struct p2p_circle_key *key, uint32_t epoch);
/* Whether an issuer holds, with the charter as held, what imposing this ground and scope needs.
 */
bool p2p_ban_may_impose(const struct p2p_charter *charter, uint32_t issuer,
                        enum p2p_ground ground, const char *const *scope, size_t scope_count,
                        const struct p2p_record_id *at, uint64_t known_charter);
/* Whether an issuer may lift, suspend or resume this ban. */
bool p2p_ban_may_lift(const struct p2p_charter *charter, uint32_t issuer,
                      const struct p2p_ban *ban, const struct p2p_record_id *at,
                      uint64_t known_charter);

#endif
