/* The inside of custody's fold. Private to records/custody*.c.
 *
 *   custody_kinds.c  the rows of the table of kinds, and which keys a record touches
 *   custody_mark.c   which tokens are folded again when something else changed
 *   custody_rests.c  signed notes that a step carries
 *   custody_rescued.c  releases that a forked feed lost
 *   custody_step.c   one record about a token, and those of one feed
 *   custody_take.c   what the charter's reassigning makes of it
 *   custody_settle.c what the charter's settling of opens does
 *   custody_trace.c  one token, from step to step
 *   custody_seal.c   at which size of a feed a reassigned token is judged, and by whose word
 *   custody_bar.c    what a witness cosigns no more, having sealed
 *   custody_stand.c  the same with the open's own verdict, and gates
 *   custody_opens.c  a token beside the other opens of its container
 *   custody_view.c   the value that is written
 *   custody.c        the value as others read it, and contents as authors pack them */
#ifndef P2P_CUSTODY_FOLD_H
#define P2P_CUSTODY_FOLD_H

#include "ledger/views.h"

#include <p2p/custody.h>

/* The content of a public step, taken apart; slices borrow from it. */
struct custody_content {
    uint64_t epoch;
    uint32_t to;            /* offer: member */
    bool gone;              /* recount */
    struct p2p_slice rests; /* encoded array of notes, or empty */
    struct p2p_slice seals; /* encoded array of [feed, index], or empty */
};
/* False when it is not of the form that its kind wants. */
bool p2p_custody_read_content(struct custody_content *out, struct p2p_slice content);
/* The ids in content.seals; returns how many. */
size_t p2p_custody_read_seals(struct p2p_slice raw,
                              struct p2p_record_id out[P2P_CUSTODY_SEALS_MAX]);
/* The payload of an open or gate-in: sets container, facility and, of an open, call. */
bool p2p_custody_read_payload(struct p2p_custody *out, struct p2p_slice payload);

/* One token while it is folded. */
struct custody_trace {
    struct p2p_ledger *ledger;
    struct p2p_custody *token;
    const struct p2p_record_id *known_at; /* only what was surely known at this record is looked
                                             at; NULL: all that is held */
    uint32_t limit_feed; /* this feed is looked at below `limit` alone; 0: none */
    uint64_t limit;
    bool alone; /* what the charter settles is not looked at */
    bool waits; /* a note was looked at that may be good under another charter version */
    /* Of the last two recounts that thawed it the first, of each tenure; feed 0: none. */
    struct p2p_record_id thaws[P2P_CUSTODY_TENURES_MAX];
    bool rescued;                /* it is released by a carried release alone, */
    struct p2p_hash released_by; /* of this leaf */
    bool used_before;            /* who held it before released it on a branch that was lost */
    size_t answers; /* to the offer at hand, in the feed at hand, that were looked at */
    bool blocked; /* by a step whose author names more of the charter than is held: what it is,
                     and what follows behind it, nobody can say yet */
};
/* Finds what became of the token that an open created, other opens aside: all of *token but its
 * rivals. An open without effect of its own gets a `why`. Slices borrow from the entry. */
P2P_MUST_CHECK enum p2p_err p2p_custody_stand(struct custody_trace *trace,
                                              const struct p2p_entry *entry);
/* Whether the open of the token has effect beside the earlier ones of its container, and which
 * others freeze it: sets state, frozen and rivals. After p2p_custody_stand. */
P2P_MUST_CHECK enum p2p_err p2p_custody_beside(struct custody_trace *trace);

/* Goes through what was written about a token whose open has effect. */
P2P_MUST_CHECK enum p2p_err p2p_custody_trace(struct custody_trace *trace);
/* Where a feed ends for the trace: its records from there on are no steps. */
P2P_MUST_CHECK enum p2p_err p2p_custody_end(const struct custody_trace *trace, uint32_t feed,
                                            uint64_t *end);
/* A release at or above the end of the generation that held the token at (feed, from, epoch);
 * false where there is none. */
P2P_MUST_CHECK enum p2p_err p2p_custody_used_beyond(struct custody_trace *trace, bool *used);

/* Whether one of the notes in `rests` is a checkpoint of a feed above an index that a quorum
 * cosigned: as p2p_custody_rests_on. */
P2P_MUST_CHECK enum p2p_err p2p_custody_rests_any(struct custody_trace *trace, uint32_t feed,
                                                  uint64_t index, uint64_t known,
                                                  struct p2p_slice rests, bool *found);

/* ---- custody_seal.c ---- */

/* Whether these first `seen` records that name an entry of the charter, each of a witness of a
 * feed, are a quorum of each set of its witnesses that may still have decided without it, and
 * the largest size of the feed that they name. sealed [out]: false also where that may become
 * another verdict, or whoever names them at `at` did not surely know them. Once true it stays
 * so. */
P2P_MUST_CHECK enum p2p_err p2p_custody_sealed(const struct p2p_ledger *ledger, uint32_t feed,
                                               uint64_t entry, const struct p2p_record_id *at,
                                               const struct p2p_record_id *seals, size_t count,
                                               uint64_t *size, bool *sealed);
/* All seals of these feeds that are held, that each of them is a quorum's or who is missing;
 * waited: only those. */
P2P_MUST_CHECK enum p2p_err p2p_seals_gather(const struct p2p_ledger *ledger,
                                             const uint32_t *feeds, size_t feed_count,
                                             uint64_t entry, const struct p2p_waited *waited,
                                             struct p2p_sealing *out);

/* ---- custody_bar.c ---- */

/* A step about a token arrived, or goes: where an entry of the charter moved that token, its
 * feed is one of ledger->let_go. */
void p2p_custody_lets_go(struct p2p_ledger *ledger, const struct p2p_entry *entry,
                         const struct p2p_record_id *token);

/* ---- custody_mark.c ---- */

/* A token in that circle, because of the record `by` about it, and those others of its
 * container that may rest on that. by NULL: anything may have changed. */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_by(struct p2p_ledger *ledger, uint32_t circle,
                                                const struct p2p_record_id *token,
                                                const struct p2p_record_id *by);
/* The same of an open that comes, or that is looked at again. */
P2P_MUST_CHECK enum p2p_err p2p_custody_mark_open(struct p2p_ledger *ledger, uint32_t circle,
                                                  struct p2p_slice container,
                                                  const struct p2p_record_id *token);
/* INDEX_HOLDER: a feed wrote something about a token; while records are taken back, the row
 * goes with the last one that did. */
P2P_MUST_CHECK enum p2p_err p2p_custody_row_holder(struct p2p_ledger *ledger, uint32_t feed,
                                                   uint32_t circle,
                                                   const struct p2p_record_id *token);
P2P_MUST_CHECK enum p2p_err p2p_custody_row_container(struct p2p_ledger *ledger,
                                                      uint32_t circle,
                                                      struct p2p_slice container,
                                                      const struct p2p_record_id *token);
/* INDEX_SEAL: the record `by` about a token names that `seen` record. */
P2P_MUST_CHECK enum p2p_err p2p_custody_row_seal(struct p2p_ledger *ledger,
                                                 const struct p2p_record_id *seal,
                                                 const struct p2p_record_id *by,
                                                 uint32_t circle,
                                                 const struct p2p_record_id *token);
/* INDEX_RESTS_BAD: whether a token is folded again when the charter changes. */
P2P_MUST_CHECK enum p2p_err p2p_custody_row_waits(struct p2p_ledger *ledger, uint32_t circle,
                                                  const struct p2p_record_id *token,
                                                  bool waits);

#endif
