/* The charter verbs: what people ask for, as ops of one change.
 *
 * Each function checks its words against the charter as it stands, and packs ops;
 * p2p_draft_complete (enough root keys at hand) or p2p_draft_make, _sign and _finish (roots in
 * different cities) make a version of them. No words are parsed and nothing is printed here:
 * the command line maps options to these structs, fetches the charter and notes it needs, and
 * appends what comes out. Several verbs may fill one change. Messages are one sentence that
 * says what to do. Any thread. */
#ifndef P2P_VERBS_H
#define P2P_VERBS_H

#include <p2p/change.h>
#include <p2p/member_init.h>

struct p2p_verb {
    const struct p2p_charter *charter;
    struct p2p_change *change;
    char *message;
    size_t message_cap;
    /* What is done as asked and is likely a mistake, one sentence; untouched where there is
     * none. NULL: nobody is to be told. */
    char *note;
    size_t note_cap;
};

/* Admits the sender of a join.json, with a circle of its own, whose key it drew, and into
 * `circles`, whose members give it their keys. No witnesses named: the first 15 members.
 * P2P_MISMATCH: the join is for another federation. */
struct p2p_verb_admit {
    const char *join; /* path of join.json */
    const char *const *witnesses;
    size_t witness_count;
    const char *const *circles;
    size_t circle_count;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_admit(struct p2p_verb *verb,
                                           const struct p2p_verb_admit *options);

/* key: base64 of an issuer's public key, or the path of its key file (nothing is unlocked);
 * NULL for an issuer the charter knows. grants: "word" or "word:scope". */
struct p2p_verb_grant {
    const char *issuer;
    const char *member; /* NULL for a known issuer */
    const char *key;
    const char *const *grants;
    size_t grant_count;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_grant(struct p2p_verb *verb,
                                           const struct p2p_verb_grant *options);

/* A new circle of `add`; or members who join a known one; or leave it. key: what `key circle`
 * printed at the member that drew it, for a new circle, for a leave, and for a new epoch; NULL:
 * the circle keeps its keys. */
struct p2p_verb_circle {
    const char *circle;
    const char *const *add;
    size_t add_count;
    const char *const *remove;
    size_t remove_count;
    const char *key;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_circle(struct p2p_verb *verb,
                                            const struct p2p_verb_circle *options);

/* feed: "beanr/1", or "beanr" for its newest. */
struct p2p_verb_witness {
    const char *feed;
    const char *add;
    const char *remove;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_witness(struct p2p_verb *verb,
                                             const struct p2p_verb_witness *options);

/* Closes the feed of the member that sent this file (p2p_renewal_write) and grants it the
 * generation it asks for. No witnesses named: those of the feed that is closed. P2P_MISMATCH:
 * it asks another federation, or for another generation than the next. */
struct p2p_verb_generation {
    const char *renewal; /* path of its file */
    const char *const *witnesses;
    size_t witness_count;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_generation(struct p2p_verb *verb,
                                                const struct p2p_verb_generation *options);

/* A member is to hold a custody token, by the record that opened it, at that epoch: one more
 * than its holder has. */
struct p2p_verb_reassign {
    const char *feed; /* beanr/1 */
    uint64_t index;
    uint64_t epoch;
    const char *member;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_reassign(struct p2p_verb *verb,
                                              const struct p2p_verb_reassign *options);

/* Of several opens of one container one is kept. */
P2P_MUST_CHECK enum p2p_err p2p_verb_settle_opens(struct p2p_verb *verb,
                                                  const struct p2p_op_settle_opens *op);

/* Zeros stay as they are. */
P2P_MUST_CHECK enum p2p_err p2p_verb_policy(struct p2p_verb *verb,
                                            const struct p2p_policy *changes);

/* note: the newest quorum-cosigned checkpoint of the feed. at: the first record past the cut;
 * NULL: all that the note covers stays. feed NULL: the issuer's member's newest. */
struct p2p_verb_revoke {
    const char *issuer;
    const char *feed;
    const uint64_t *at;
    const uint64_t *keep; /* in any order */
    size_t keep_count;
    struct p2p_slice note;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_revoke(struct p2p_verb *verb,
                                            const struct p2p_verb_revoke *options);

/* roots: paths of the key files of all roots from then on; nothing is unlocked. */
struct p2p_verb_rotate {
    const char *const *roots;
    size_t root_count;
    uint32_t threshold;
};
P2P_MUST_CHECK enum p2p_err p2p_verb_rotate(struct p2p_verb *verb,
                                            const struct p2p_verb_rotate *options);

/* Ends the two heads of the charter in favour of the held branch; alone in its change. term
 * [out]: what the entry must carry. P2P_NOTFOUND: there is one head. */
P2P_MUST_CHECK enum p2p_err p2p_verb_settle(struct p2p_verb *verb, uint64_t *term);

/* The public half of a key file of that purpose. P2P_BADKEY for another purpose. */
P2P_MUST_CHECK enum p2p_err p2p_key_file_public(const char *path, enum p2p_key_purpose purpose,
                                                uint8_t out[P2P_PUBLIC_BYTES], char *message,
                                                size_t message_cap);

#endif
