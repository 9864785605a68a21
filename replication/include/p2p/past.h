/* The past: the state as somebody knew it, of the same ledger and by the same folds.
 *
 * "What was known then" and "what was true then, as we know now" are two questions. The first
 * one is asked here: a horizon is how much of each feed, the charter included, was known: of a
 * gate at a record, F[0..i) and the prefixes that its `seen` records name (DESIGN 4, "what a
 * node knew"). A past is the ledger seen up to a horizon: rows about records beyond it are not
 * there, claims about more than it are open again, the charter answers as of its size in it,
 * and view values are folded anew from what is left when they are asked for. So node, simulator
 * and audit judge a decision by one function: p2p_gate_decide over a past.
 *
 * Reads nothing but the ledger's rows, writes nothing, allocates from one arena with a named
 * cap. One thread at a time for each past; several pasts may read one kv that nobody writes. */
#ifndef P2P_PAST_H
#define P2P_PAST_H

#include <p2p/gate.h>
#include <p2p/ledger.h>

#define P2P_PAST_ARENA_BYTES ((size_t)32 << 20)

/* sizes[n] of feed n; feeds beyond count: 0. Borrowed by a past for its life. */
struct p2p_horizon {
    uint64_t *sizes;
    size_t count;
};

/* What `by` knew at its index `at`: everything of its own before it, of each other feed the
 * largest prefix named by a `seen` before it that is not false. out->count feeds are filled. */
P2P_MUST_CHECK enum p2p_err p2p_horizon_known(const struct p2p_ledger *ledger, uint32_t by,
                                              uint64_t at, struct p2p_horizon *out);

struct p2p_past;

P2P_MUST_CHECK enum p2p_err p2p_past_new(struct p2p_past **out, const struct p2p_alloc *alloc,
                                         const struct p2p_ledger *ledger,
                                         const struct p2p_kv *kv);
void p2p_past_free(struct p2p_past *past); /* accepts NULL */
/* Moves to another horizon; what was folded before is forgotten where it may have changed. */
P2P_MUST_CHECK enum p2p_err p2p_past_set(struct p2p_past *past,
                                         const struct p2p_horizon *horizon);
/* The ledger and the rows as of the horizon, for p2p_gate_decide, p2p_ban_get and walks. */
struct p2p_ledger *p2p_past_ledger(struct p2p_past *past);
const struct p2p_kv *p2p_past_kv(struct p2p_past *past);

#endif
