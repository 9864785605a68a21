/* The past: the state as somebody knew it, of the same ledger and by the same folds.
 *
 * "What was known then" and "what was true then, as we know now" are two questions. The first
 * one is asked here: a horizon is how much of each feed, the charter included, was known: of a
 * gate at a record, F[0..i) and the prefixes that its `seen` records name (DESIGN 4, "what a
 * node knew"). A past is the ledger seen up to a horizon: rows about records beyond it are not
 * there, claims about more than it are open again, the charter answers as of its size in it,
 * feeds end where they were known to end, and view values are folded anew from what is left
 * when they are asked for. So node, simulator and audit judge a decision by one function:
 * p2p_gate_decide over a past. A past is byte for byte what a fresh ledger would hold that took
 * exactly the records below the horizon; tests hold one against the other.
 *
 *     set(horizon)   charter as of its size; feeds clipped; ends of forked feeds and rescued
 *                    bans folded anew where what they rest on came in
 *     read           rows filtered; a value of `bans` or `custody` folded when asked for, and
 *                    kept until a record that it would rest on enters the horizon
 *
 * Moving forward is cheap, which is how an audit goes through a feed; moving back is possible
 * and folds anew. What is kept has a cap; at the cap all is forgotten and folded again.
 *
 * Its rows are for p2p_gate_decide, p2p_ban_*, p2p_custody_* and walks over one view in one
 * circle. In TOUCH,
 * INDEX and SEEN a seek stays within what it asked for (a touched key; a subject in a circle;
 * claims of one feed about another). A view's value is borrowed until the next one is asked
 * for. META, and the rows of numbers used twice, are those of the whole ledger; what a node
 * keeps aside (kept.h) is in no past.
 *
 * Writes nothing. The ledger is between batches and does not change while a past of it lives;
 * kv is a transaction over its rows. One thread at a time for each past; several pasts may read
 * one ledger. */
#ifndef P2P_PAST_H
#define P2P_PAST_H

#include <p2p/gate.h>
#include <p2p/ledger.h>
#include <p2p/settled.h>

#define P2P_PAST_BYTES_MAX ((size_t)32 << 20) /* of values that are kept */

/* sizes[n] of feed n, feed 0 the charter's; feeds beyond count: 0. More than is held counts as
 * what is held (p2p_past_lacks). good_size: at which version authority stood, for who knew of
 * two heads of the charter; 0: at sizes[0]. refuted: of some feed another history was named
 * than the one held here. taken_back: of forked feeds nothing beyond where they ended then was
 * held any more, as of who had cut them, though it had been named. */
struct p2p_horizon {
    uint64_t *sizes;
    size_t count;
    uint64_t good_size;
    bool refuted;
    bool taken_back;
};

/* What `by` knew at its index `at`: everything of its own before it, of each other feed the
 * largest prefix named by a `seen` before it that is not false; refuted when its newest word
 * about a feed is. Fills out->sizes[out->count], the caller's, and the rest of out. */
P2P_MUST_CHECK enum p2p_err p2p_horizon_known(const struct p2p_kv *kv, uint32_t by, uint64_t at,
                                              struct p2p_horizon *out);

struct p2p_past;

/* Nothing is known at first. ledger and kv are borrowed until the past is freed. P2P_NOMEM, or
 * the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_past_new(struct p2p_past **out, const struct p2p_alloc *alloc,
                                         const struct p2p_ledger *ledger,
                                         const struct p2p_kv *kv);
void p2p_past_free(struct p2p_past *past); /* accepts NULL */
/* Values that stood at a horizon already are read and not folded, from the next set on, where
 * the charter is the whole one and no feed ends: settled is of this very ledger, complete up to
 * its last batch, and borrowed until the past is freed. */
void p2p_past_settled(struct p2p_past *past, const struct p2p_settled *settled);
/* Moves to another horizon, borrowed for the call. On error the past knows something between
 * the two; set it again. P2P_NOMEM, P2P_CORRUPT, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_past_set(struct p2p_past *past,
                                         const struct p2p_horizon *horizon);
/* Whether the horizon names more of a feed than the ledger holds, another history of it, or a
 * feed that the charter as of then does not name: then less is seen here than was known. */
bool p2p_past_lacks(const struct p2p_past *past);
/* Whether who knew so much of the charter may have known of two heads, and where they part. */
bool p2p_past_parted(const struct p2p_past *past, uint64_t *split);
/* Whether some forked feed ends below what is seen of it. */
bool p2p_past_beyond(const struct p2p_past *past);
/* The ledger and the rows as of the horizon. The edges of its feeds have their sizes alone,
 * until they are filled by p2p_past_edges, which the frontier digest needs. */
struct p2p_ledger *p2p_past_ledger(struct p2p_past *past);
const struct p2p_kv *p2p_past_kv(struct p2p_past *past);
/* The ledger that it is the past of. */
const struct p2p_ledger *p2p_past_whole(const struct p2p_past *past);
/* Its rows. */
const struct p2p_kv *p2p_past_under(const struct p2p_past *past);
P2P_MUST_CHECK enum p2p_err p2p_past_edges(struct p2p_past *past);
/* The digest of the leaves and their verdicts, once the edges are filled. P2P_NOTFOUND under a
 * charter that is not the whole one: verdicts were others then. */
P2P_MUST_CHECK enum p2p_err p2p_past_leaves(struct p2p_past *past, struct p2p_hash *out);
/* The digest of one view in one circle as of the horizon, by a walk over its rows. */
P2P_MUST_CHECK enum p2p_err p2p_past_digest(struct p2p_past *past, enum p2p_view_number view,
                                            uint32_t circle, struct p2p_hash *out);

#endif
