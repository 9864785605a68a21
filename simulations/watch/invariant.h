/* What must hold in every run, whatever fails and whoever lies. Names as in `./dev sim` output.
 *
 * The watcher sees what leaves each machine (heads, cosignatures, acknowledgements, fork
 * proofs), each decision with its answer, and may look at every disk; nodes know nothing of it.
 */
#ifndef SIM_INVARIANT_H
#define SIM_INVARIANT_H

#include <p2p/base.h>
#include <p2p/engine.h>

struct sim;
struct sim_host;

/* X(NAME, word, what it says). */
#define SIM_INVARIANT_MAP(X)                                                                   \
    X(ONE_HISTORY, "one-history", "no two inconsistent checkpoints signed by an honest feed")  \
    X(REPRODUCIBLE, "reproducible",                                                            \
      "nothing signed, acknowledged or cosigned that a restart cannot reproduce")              \
    X(ROOT_RECOMPUTED, "root-recomputed",                                                      \
      "the root at every published size is that of the stored bytes")                          \
    X(WITNESS_MONOTONE, "witness-monotone", "a witness's size per origin never decreases")     \
    X(VERIFIED_ONLY, "verified-only", "nothing unverified reaches state or peers")             \
    X(NO_SILENT_RESTORE, "no-silent-restore", "no honest feed is restored silently")           \
    X(SAME_VIEWS, "same-views", "equal frontiers give byte-identical views and digests")       \
    X(REPLAY, "replay", "replay from records equals what was kept up to date")                 \
    X(CONVERGED, "converged", "60 s after healing all honest nodes are at one frontier")       \
    X(NOT_BLOCKED, "not-blocked", "a record without effect never blocks its successors")       \
    X(FORK_REAL, "fork-real", "a fork proof is accepted if and only if it is real")            \
    X(NO_FRAMING, "no-framing", "an honest feed is never proven forked")                       \
    X(FORK_KNOWN, "fork-known",                                                                \
      "a fork that reached two connected honest nodes is known to all")                        \
    X(ONE_QUORUM, "one-quorum", "no two inconsistent checkpoints both gain a quorum")          \
    X(TINY_FORK, "tiny-fork", "a tiny fork takes no effect away below W")                      \
    X(BOUNDED, "bounded", "per peer at most 4 MiB, per feed 4 KiB and its queue")              \
    X(CUT_POINT, "cut-point", "no effect past a cut point, none lost before it")               \
    X(CHARTER_ORDER, "charter-order", "charter versions are totally ordered under thresholds") \
    X(SETTLED, "settled", "a late old record never changes settled authority")                 \
    X(DENY_WINS, "deny-wins", "concurrent imposition and lift leaves the ban")                 \
    X(NEVER_ALLOWED, "never-allowed",                                                          \
      "once a ban is in a gate's known past no decision there allows the subject")             \
    X(CLOSED, "closed", "a closed generation stays closed")                                    \
    X(TIMELESS, "timeless", "no fold changes when clocks are shifted, frozen or reversed")     \
    X(DAMAGE_FOUND, "damage-found",                                                            \
      "damage is detected, refused or repaired, never signed over")                            \
    X(ONE_RELEASE, "one-release",                                                              \
      "a container leaves once a visit: two lanes, cut off, asked again, restored")            \
    X(ONE_HOLDER, "one-holder",                                                                \
      "at any moment one honest port at most could release it, at rising epochs")              \
    X(RELEASED_STANDS, "released-stands", "what is released stays released in every view")     \
    X(RELEASE_KEPT, "release-kept",                                                            \
      "a release is recorded, synced and copied before it is answered")                        \
    X(RELEASE_FITS, "release-fits", "only for driver, truck and time that somebody named")     \
    X(FORBIDDEN, "forbidden",                                                                  \
      "no release over a block, light, revoke or second open that the gate knew")              \
    X(LEASED, "leased", "no release but for a lease after a quorum of witnesses was asked")    \
    X(RESTS, "rests", "no step of custody counts that rests on fewer than a quorum")           \
    X(SECOND_ACCEPT, "second-accept", "two holders by a lie are proof of it")                  \
    X(ALIVE, "alive", "a machine that may run does run, and its batches end")
enum sim_invariant {
#define SIM_INVARIANT_ENUM(name, word, text) SIM_INVARIANT_##name,
    SIM_INVARIANT_MAP(SIM_INVARIANT_ENUM)
#undef SIM_INVARIANT_ENUM
        SIM_INVARIANT_COUNT
};
const char *sim_invariant_word(enum sim_invariant invariant);

struct sim_watcher;
struct sim_watcher *sim_watcher_new(struct sim *sim);
void sim_watcher_free(struct sim_watcher *watcher);

/* Called by host.c: a batch is durable and its actions are about to be carried out. */
void sim_watcher_actions(struct sim_watcher *watcher, struct sim_host *host,
                         const struct p2p_actions *actions);
/* Called by host.c: the machine starts again over what its disk holds. */
void sim_watcher_started(struct sim_watcher *watcher, struct sim_host *host);
/* Called by host.c: the power failed under a disk that lied. */
void sim_watcher_went_back(struct sim_watcher *watcher, struct sim_host *host);
/* Called by workload.c: a gate decided. */
void sim_watcher_decided(struct sim_watcher *watcher, struct sim_host *host,
                         const struct p2p_job *check);
/* Called by workload_collect.c: a gate's allow left, and a container with it, before the yard
 * knows. */
void sim_watcher_left(struct sim_watcher *watcher, struct sim_host *host,
                      const struct p2p_job *collect);
/* Looks at who could release what, at this moment. */
void sim_watcher_scan(struct sim_watcher *watcher);
/* Called where faults and lies are made: what is legitimate to happen from now on. */
void sim_watcher_expect_restore(struct sim_watcher *watcher, struct sim_host *host);
void sim_watcher_expect_fork(struct sim_watcher *watcher, uint32_t member);
void sim_watcher_expect_damage(struct sim_watcher *watcher, struct sim_host *host);
/* Everything healed at least 60 s ago: convergence, digests, replay, roots of all stored feeds.
 */
void sim_watcher_settle(struct sim_watcher *watcher);

#endif
