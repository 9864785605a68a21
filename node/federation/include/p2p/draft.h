/* A version of the charter on its way: a leaf and the checkpoint it would make, gathering
 * cosignatures.
 *
 *     make   the change becomes a leaf; the log key signs the checkpoint     (where charter.key
 * is) sign   one root looks at it, remembers it, cosigns                     (in each root's
 * city) finish enough roots: the entry is verified as every node will          (anywhere)
 *
 * As a file: {"federation", "federation_id", "index", "record": base64, "checkpoint": note}. A
 * root cosigns one root hash for each size, ever: it writes (federation, size, root) to
 * `<rootkey>.signed`, synced, before the signature exists, and refuses another hash for that
 * size. Every step verifies the leaf against the charter it is given. */
#ifndef P2P_DRAFT_H
#define P2P_DRAFT_H

#include <p2p/ceremony.h>

struct p2p_charter_draft {
    uint64_t index;
    uint8_t *leaf;
    size_t leaf_len;
    char *note; /* P2P_NOTE_BYTES_MAX */
    size_t note_len;
};

/* charter: as it stands; of size 0 for entry 0. P2P_REFUSED and others of p2p_charter_try
 * (message is its sentence), P2P_TOOLARGE, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err
p2p_draft_make(struct p2p_charter_draft *draft, const struct p2p_charter *charter,
               const struct p2p_change *change, uint64_t term, uint64_t now_ms,
               const struct p2p_charter_secret *log, char *message, size_t message_cap);
void p2p_draft_deinit(struct p2p_charter_draft *draft); /* accepts a zeroed object */

/* Adds the cosignature of the root in file root_key; adding it twice changes nothing.
 * P2P_REFUSED (it is not, or no longer, a root of this federation; it cosigned another root
 * hash for this size; or the leaf breaks a rule), P2P_BADSIG (the log did not sign the draft),
 * errors of p2p_keydir_load, P2P_IO. */
P2P_MUST_CHECK enum p2p_err p2p_draft_sign(struct p2p_charter_draft *draft,
                                           const struct p2p_charter *charter,
                                           const char *root_key, struct p2p_slice passphrase,
                                           uint64_t now_ms, char *message, size_t message_cap);
/* Applies the draft to the charter, which then holds the finished entry. P2P_QUORUM: more roots
 * are needed, message says how many it has. */
P2P_MUST_CHECK enum p2p_err p2p_draft_finish(const struct p2p_charter_draft *draft,
                                             struct p2p_charter *charter, char *message,
                                             size_t message_cap);

/* P2P_NOTFOUND, P2P_MALFORMED, P2P_MISMATCH (of another federation than the charter; not asked
 * when it is empty), P2P_TOOLARGE, P2P_IO, P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_draft_read(struct p2p_charter_draft *draft, const char *path,
                                           const struct p2p_charter *charter, char *message,
                                           size_t message_cap);
P2P_MUST_CHECK enum p2p_err p2p_draft_write(const struct p2p_charter_draft *draft,
                                            const struct p2p_charter *charter, const char *path,
                                            char *message, size_t message_cap);

/* The whole way where enough root keys are at hand: makes, signs with each file in root_keys,
 * and finishes into charter. When those are too few: P2P_QUORUM, and draft holds what there is,
 * to be written and sent round; with whole_only none of them signs and there is no draft. The
 * log key and circle keys lie beside root_keys[0]. */
struct p2p_signing {
    const char *const *root_keys;
    size_t root_key_count;
    bool whole_only;
    struct p2p_slice passphrase;
    uint64_t now_ms;
};
P2P_MUST_CHECK enum p2p_err p2p_draft_complete(struct p2p_charter_draft *draft,
                                               struct p2p_charter *charter,
                                               const struct p2p_change *change, uint64_t term,
                                               const struct p2p_signing *signing, char *message,
                                               size_t message_cap);

#endif
