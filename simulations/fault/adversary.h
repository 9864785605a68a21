/* Adversaries: at most f members that lie, each in one of the ways below for some time.
 *
 * A liar runs a real node as everybody does; what it does beside that is done here, with keys
 * it has: its own, and in one case a feed key it stole. */
#ifndef SIM_ADVERSARY_H
#define SIM_ADVERSARY_H

#include <p2p/base.h>

struct sim;
struct sim_host;

/* X(NAME, word, what it does). */
#define SIM_LIE_MAP(X)                                                                         \
    X(EQUIVOCATE, "equivocate", "shows two histories of its feed to different peers")          \
    X(TINY_FORK, "tiny-fork", "signs a short other history with a feed key it stole")          \
    X(WITHHOLD_RECORDS, "withhold-records", "keeps records back from some peers")              \
    X(WITHHOLD_PAYLOADS, "withhold-payloads", "sends leaves without their payloads")           \
    X(BACKDATE, "backdate", "dates its records and cosignatures back")                         \
    X(COPY_FORWARD, "copy-forward", "appends old signed records again")                        \
    X(UNDERSTATE, "understate", "claims to have seen less than it cosigned")                   \
    X(STALE, "stale", "sends old checkpoints and frontiers")                                   \
    X(OVERSIZE, "oversize", "sends notes and frames beyond every bound")                       \
    X(ENDLESS, "endless", "sends frontiers and wants without end")                             \
    X(GARBAGE, "garbage", "sends bytes that mean nothing")                                     \
    X(COSIGN_BOTH, "cosign-both", "cosigns both branches of a fork")                           \
    X(ALTER, "alter", "changes records of others on their way")
enum sim_lie {
#define SIM_LIE_ENUM(name, word, text) SIM_LIE_##name,
    SIM_LIE_MAP(SIM_LIE_ENUM)
#undef SIM_LIE_ENUM
        SIM_LIE_COUNT
};

/* The system promises every invariant for honest nodes with at most f liars among the witnesses
 * of any feed, f = floor((n - 1) / 3), and any number of liars elsewhere. */
struct sim_adversary_options {
    uint32_t liars;       /* at most; drawn down to what f allows */
    uint64_t lie_mean_us; /* between lies of one liar */
    uint32_t lies;        /* bit per enum sim_lie */
};

struct sim_adversary;
/* options: borrowed. */
struct sim_adversary *sim_adversary_new(struct sim *sim,
                                        const struct sim_adversary_options *options);
void sim_adversary_free(struct sim_adversary *adversary);
void sim_adversary_start(struct sim_adversary *adversary, uint64_t end_us);

/* What a liar's engine sends to one other: what goes out stands in `out`, which has room for
 * frame.len; returns how much, 0 for nothing. */
size_t sim_adversary_meddle(struct sim_adversary *adversary, const struct sim_host *from,
                            const struct sim_host *to, struct p2p_slice frame, uint8_t *out);

#endif
