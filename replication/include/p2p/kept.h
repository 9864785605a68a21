/* Bans that went with a branch of a forked feed while this node might not append: kept aside.
 *
 * A node that takes a fork carries the bans that go on in records of its own (rescued.h). One
 * that may not append takes the fork all the same, and keeps each ban that no record carries in
 * rows beside the ledger: in no view, no digest, no frontier. Its gate answers by the stricter
 * of view and kept ban, which acts as it stood, whatever lifts come. A row goes when a record
 * carries the ban or its feed holds it again; when the node may append, its own record does.
 *
 * INDEX: P2P_INDEX_KEPT, leaf hash -> format 1, payload of a `rescued` record;
 * P2P_INDEX_KEPT_ON, circle u32, subject key, leaf hash -> nothing. */
#ifndef P2P_KEPT_H
#define P2P_KEPT_H

#include <p2p/ban.h>
#include <p2p/rescued.h>

/* At this many a fork is not taken: the node holds what it held, and refers. */
#define P2P_KEPT_MAX 1024u

/* Keeps one; what is kept already stays. */
P2P_MUST_CHECK enum p2p_err p2p_kept_put(struct p2p_ledger *ledger,
                                         const struct p2p_rescued *rescued, bool *fresh);
P2P_MUST_CHECK enum p2p_err p2p_kept_count(const struct p2p_kv *kv, size_t *count);
/* Whether none is kept on any subject, as nearly always. What the disk spoiled is some. */
P2P_MUST_CHECK enum p2p_err p2p_kept_none(const struct p2p_kv *kv, bool *none);
/* Its rows by subject, wherever they are missing. rescued outlives writes. */
P2P_MUST_CHECK enum p2p_err p2p_kept_mend(const struct p2p_ledger *ledger,
                                          const struct p2p_rescued *rescued);
P2P_MUST_CHECK enum p2p_err p2p_kept_drop(struct p2p_ledger *ledger,
                                          const struct p2p_rescued *rescued);
/* The first, or (after not NULL) the one after that hash; out borrows from the store.
 * P2P_NOTFOUND at the end; P2P_CORRUPT: the disk spoiled it, and of out only the hash counts.
 */
P2P_MUST_CHECK enum p2p_err p2p_kept_next(const struct p2p_ledger *ledger,
                                          const struct p2p_kv *kv, const struct p2p_hash *after,
                                          struct p2p_rescued *out);
/* Walks those on one subject key in one circle likewise, as bans under the id they had. */
P2P_MUST_CHECK enum p2p_err p2p_kept_next_on(const struct p2p_ledger *ledger,
                                             const struct p2p_kv *kv, uint32_t circle,
                                             const struct p2p_subject_key *subject,
                                             struct p2p_hash *at, bool begin,
                                             struct p2p_ban *out);

#endif
