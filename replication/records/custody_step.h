/* One record about a token, and the records of one feed about it. Private to custody_step.c,
 * custody_trace.c and custody_take.c. */
#ifndef P2P_CUSTODY_STEP_H
#define P2P_CUSTODY_STEP_H

#include "custody_fold.h"

#define CUSTODY_CITES_LOOKED_AT 8u

/* One record about the token that has effect, but for notes, epoch and place. */
struct step {
    struct p2p_record_id id;
    uint32_t kind;
    uint32_t issuer;
    uint64_t epoch;
    uint32_t to;
    bool gone;
    bool was_cut;
    struct p2p_record_id cites[CUSTODY_CITES_LOOKED_AT]; /* but for the token itself */
    size_t cite_count;
    struct p2p_record_id first; /* recount: of the two, once it is known to be the second */
    struct p2p_record_id seals[P2P_CUSTODY_SEALS_MAX]; /* recount */
    size_t seal_count;
};

/* A feed as the holder: what it writes above `from` decides. */
struct standing {
    uint32_t feed;
    uint64_t from;
    uint64_t epoch;
    uint32_t rests_feed; /* 0: its steps rest on nothing */
    uint64_t rests_index;
    bool begins; /* a tenure begins here; not so where a recount is waited for */
};

/* What a record has to say and to rest on before it is judged: the rest costs more. */
struct wanted {
    uint64_t epoch;                      /* of an offer one less than it names */
    uint32_t rests_feed;                 /* 0: on nothing */
    uint64_t rests_index;                /* a recount rests on nothing */
    const struct p2p_record_id *answers; /* an accept or refuse of this offer, or NULL: a step
                                            of who holds */
    bool release;                        /* a `use` alone: no other step stands in its way */
};

/* Whether the record at id is a step that is wanted; where that cannot be said yet it does not,
 * and the trace is blocked. Takes nothing lasting from the arena. */
P2P_MUST_CHECK enum p2p_err p2p_step_look(struct custody_trace *trace,
                                          const struct p2p_record_id *id,
                                          const struct wanted *wanted, struct step *out,
                                          bool *counts);
/* The same of a release that the record at id carries; its own id stands for it. carried [out]:
 * what it carries, wanted or not. */
P2P_MUST_CHECK enum p2p_err p2p_step_look_carried(struct custody_trace *trace,
                                                  const struct p2p_record_id *id,
                                                  const struct wanted *wanted, uint32_t feed,
                                                  struct step *out, struct p2p_hash *leaf,
                                                  bool *counts);
/* What a feed wrote about the token from an index on. */
void p2p_step_walk(struct p2p_touch_walk *walk, const struct p2p_record_id *token,
                   uint32_t feed, uint64_t from);
/* The next one that is wanted, below index `limit`. P2P_NOTFOUND, also where the trace is
 * blocked before one. */
P2P_MUST_CHECK enum p2p_err p2p_step_next(struct custody_trace *trace,
                                          struct p2p_touch_walk *walk, uint32_t feed,
                                          uint64_t limit, const struct wanted *wanted,
                                          struct step *step);
/* Whether a recount is the second of two: another issuer found the same in the same feed, at
 * that epoch, above `from`. */
P2P_MUST_CHECK enum p2p_err p2p_step_is_second(struct custody_trace *trace, uint32_t feed,
                                               uint64_t from, const struct wanted *wanted,
                                               struct step *second, bool *paired);

/* custody_trace.c: the first step of the holder that decides; recounts that thaw are taken on
 * the way. P2P_NOTFOUND: nothing is decided. */
P2P_MUST_CHECK enum p2p_err p2p_custody_decide(struct custody_trace *trace, struct standing *at,
                                               struct step *step);

/* A feed's recounts of a token at an epoch that are the second of two, from an index on. */
struct step_pairs {
    struct p2p_touch_walk walk;
    uint32_t feed;
    uint64_t epoch;
    uint32_t issuers[P2P_CUSTODY_COUNTERS_MAX]; /* who wrote such as cite others, */
    unsigned counts[P2P_CUSTODY_COUNTERS_MAX];  /* how many of each were looked at */
    size_t issuer_count;
};
void p2p_step_pairs(struct step_pairs *pairs, const struct p2p_record_id *token, uint32_t feed,
                    uint64_t from, uint64_t epoch);
/* The next one, below index `limit`; of each issuer the first few are looked at. P2P_NOTFOUND.
 */
P2P_MUST_CHECK enum p2p_err p2p_step_next_pair(struct custody_trace *trace,
                                               struct step_pairs *pairs, uint64_t limit,
                                               struct step *out);

/* custody_rescued.c: the first carried release by who stands there. P2P_NOTFOUND. */
P2P_MUST_CHECK enum p2p_err p2p_custody_rescued(struct custody_trace *trace,
                                                const struct standing *at, struct step *use,
                                                struct p2p_hash *leaf);
/* Sets trace->used_before. After the tenures are known. */
P2P_MUST_CHECK enum p2p_err p2p_custody_rescued_before(struct custody_trace *trace);
/* Whether the author of a record surely knew a carrier of that release there. */
P2P_MUST_CHECK enum p2p_err p2p_custody_knew_rescued(struct custody_trace *trace,
                                                     const struct p2p_record_id *author,
                                                     const struct p2p_hash *leaf, bool *knew);

/* Whether two who knew of the carried release that ended a token counted its container in a
 * feed, below an index. */
P2P_MUST_CHECK enum p2p_err p2p_custody_recounted(struct custody_trace *trace, uint32_t feed,
                                                  uint64_t below, bool *counted);

/* What entries of the charter that reassign the token make of a standing. */
struct taking {
    bool stopped; /* some entry names it: its holder acts no more */
    bool taken;   /* two recounts of who is named, sealed, took it over */
    bool used;    /* who was named before released it, not knowing better; where nobody took it
                     over: any who was named, by seals that a fork may have taken back */
    bool rescued; /* and other records carry that release, of this leaf */
    struct p2p_hash leaf;
    struct step by; /* the second of them */
    uint64_t size;  /* of the holder's feed at which that was judged */
};
/* Whether the holder decided anything below that size of its feed. */
P2P_MUST_CHECK enum p2p_err p2p_custody_decided_below(struct custody_trace *trace,
                                                      const struct standing *at, uint64_t size,
                                                      bool *decided);
/* custody_settle.c: the same of entries that keep another open: stopped, taken, by and size are
 * set, where the second of two counted the one that is kept. */
P2P_MUST_CHECK enum p2p_err p2p_custody_settling(struct custody_trace *trace,
                                                 const struct standing *at, struct taking *out);
/* custody_take.c */
/* Whether an entry is about who stands in that feed: one that knew of a later generation is
 * about that, which may have decided meanwhile. */
bool p2p_custody_is_about(const struct p2p_ledger *ledger, uint32_t feed, uint64_t entry);
/* Whether the seals that a recount names are those of all whom entries before this one named
 * to follow a standing, and whether one of these took the token over below. */
P2P_MUST_CHECK enum p2p_err p2p_custody_others_named(struct custody_trace *trace,
                                                     const struct standing *at, uint64_t entry,
                                                     const struct step *step, bool *sealed,
                                                     bool *stood);
/* The feeds that have to be sealed for that; returns how many. */
size_t p2p_custody_named_feeds(const struct p2p_ledger *ledger,
                               const struct p2p_custody *custody, uint64_t entry,
                               uint32_t feeds[P2P_CUSTODY_ENTRIES_MAX]);
P2P_MUST_CHECK enum p2p_err p2p_custody_taking(struct custody_trace *trace,
                                               const struct standing *at, struct taking *out);

#endif
