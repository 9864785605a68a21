/* Views as the ledger folds them: one row each. Private to replication/. */
#ifndef P2P_VIEWS_H
#define P2P_VIEWS_H

#include <p2p/ledger.h>

struct p2p_view {
    /* Recomputes one key from the records that touch it and writes its value with p2p_view_put.
     */
    enum p2p_err (*fold)(struct p2p_ledger *ledger, struct p2p_slice key);
};

extern const struct p2p_view p2p_view_bans;    /* records/ban_view.c */
extern const struct p2p_view p2p_view_forks;   /* records/forked.c */
extern const struct p2p_view p2p_view_custody; /* records/custody_view.c */
extern const struct p2p_view p2p_view_rights;  /* records/right_view.c */

/* records/forked.c: `beanr/1`, of an origin of this federation; empty for any other. */
struct p2p_slice p2p_fork_name(const struct p2p_charter *charter, struct p2p_slice origin);
/* records/forked_rests.c: raises W of a feed that is proven to be forked, by its name, to what
 * steps of custody carry. */
struct p2p_forked;
P2P_MUST_CHECK enum p2p_err p2p_forked_by_rests(struct p2p_ledger *ledger,
                                                struct p2p_slice name,
                                                struct p2p_forked *forked);
/* The note that carries W, in such a record: forked->by. P2P_NOTFOUND. Lives in the ledger's
 * arena. */
P2P_MUST_CHECK enum p2p_err p2p_forked_carried_note(struct p2p_ledger *ledger,
                                                    struct p2p_slice of,
                                                    const struct p2p_forked *forked,
                                                    struct p2p_slice *out);

/* An arena of its own for one record's work, so that a batch does not grow with the number of
 * records a fold, a cut or a false `seen` looks at. Between begin and end the ledger's arena is
 * this one; reset forgets what one round took. */
#define P2P_SCRATCH_BYTES_MAX ((size_t)1 << 20)
struct p2p_scratch {
    struct p2p_arena arena;
    struct p2p_arena *outer;
};
void p2p_scratch_begin(struct p2p_scratch *scratch, struct p2p_ledger *ledger);
void p2p_scratch_reset(struct p2p_scratch *scratch);
void p2p_scratch_end(struct p2p_scratch *scratch, struct p2p_ledger *ledger);

/* Marks what the record at id touches, if it is of a kind that touches anything. */
P2P_MUST_CHECK enum p2p_err p2p_ledger_touch_again(struct p2p_ledger *ledger,
                                                   const struct p2p_record_id *id);
/* p2p_judge, asked again and again about the same few records during one fold. arrived: what
 * p2p_judge_arrived found of it; NULL: that is looked up. */
P2P_MUST_CHECK enum p2p_err p2p_judge_once(struct p2p_ledger *ledger,
                                           const struct p2p_entry *entry,
                                           const enum p2p_why *arrived, enum p2p_why *why);

/* judge_cites.c: forgets whose citations were found to fit. Called where leaves change
 * (ledger_cut.c, engine_repair.c, engine_damage.c), with p2p_once_forget. */
void p2p_judge_forget(struct p2p_ledger *ledger);
/* The same of what feed `by` wrote above an index: it claims something else there now. */
void p2p_judge_forget_above(struct p2p_ledger *ledger, uint32_t by, uint64_t index);

/* A walk over all rows of one view in one circle, to compare them with the set hash that is
 * kept: some rows a batch, while the view goes on changing. What changes behind the walk is
 * added to its sum by p2p_view_put, through ledger->walk. */
struct p2p_view_walk {
    enum p2p_view_number view;
    uint32_t circle;
    uint8_t last[P2P_VIEW_KEY_BYTES_MAX]; /* keys up to this one are in the sum */
    size_t last_len;
    bool begun;
    struct p2p_lthash sum;
};
void p2p_view_walk_begin(struct p2p_view_walk *walk, enum p2p_view_number view,
                         uint32_t circle);
/* Up to *rows more; *rows [out]: how many were left over, more than 0 at the end. At the end
 * differs [out] says whether the set hash was another one; it is then that of the rows. */
P2P_MUST_CHECK enum p2p_err p2p_view_walk_step(struct p2p_ledger *ledger,
                                               struct p2p_view_walk *walk, size_t *rows,
                                               bool *differs);

/* judge.c, number.c: while ledger->comparing, writes what should stand in ISSUER and INDEX for
 * a signed record that is held. deep: its signature is looked at again, too. */
P2P_MUST_CHECK enum p2p_err p2p_judge_compare(struct p2p_ledger *ledger,
                                              const struct p2p_entry *entry, bool deep);
P2P_MUST_CHECK enum p2p_err p2p_number_compare(struct p2p_ledger *ledger,
                                               const struct p2p_record_id *id,
                                               const struct p2p_record *record, bool first,
                                               bool *repeated);
/* Compares the set hash of the verdicts with the rows; it is then that of the rows. */
P2P_MUST_CHECK enum p2p_err p2p_judge_compare_set(struct p2p_ledger *ledger, bool *differs);

/* known_compare.c: the same of what a `seen` record names (p2p_known_apply). deep: whether a
 * claim that stands as true is true is computed again, too. */
P2P_MUST_CHECK enum p2p_err p2p_known_compare(struct p2p_ledger *ledger, uint32_t by,
                                              uint64_t index, struct p2p_slice content,
                                              bool deep);

/* number.c: the value of the row that says where a number was first used. */
#define P2P_NUMBER_VALUE_BYTES 9u
struct p2p_slice p2p_number_value(uint8_t out[P2P_NUMBER_VALUE_BYTES], uint64_t index);

/* number.c: takes the number of a validly signed record into account. repeated [out]: it is not
 * above that of every earlier one. Different records under one number are remembered: reuse.h.
 */
P2P_MUST_CHECK enum p2p_err p2p_number_take(struct p2p_ledger *ledger,
                                            const struct p2p_record_id *id,
                                            const struct p2p_record *record, bool *repeated);
/* judge.c: what was found of a signed record when it arrived; none for others. */
P2P_MUST_CHECK enum p2p_err p2p_judge_arrived(const struct p2p_ledger *ledger,
                                              const struct p2p_record_id *id,
                                              enum p2p_why *why);
/* judge.c: p2p_judge as if everything it cites could be cited. */
P2P_MUST_CHECK enum p2p_err p2p_judge_but_cites(struct p2p_ledger *ledger,
                                                const struct p2p_entry *entry,
                                                enum p2p_why *why);
/* judge.c: the same for a step of custody, which no cut point and no end of its generation
 * takes back: was_cut says whether a cut point lies at or below it, ends are its caller's. */
P2P_MUST_CHECK enum p2p_err p2p_judge_step(struct p2p_ledger *ledger,
                                           const struct p2p_entry *entry, enum p2p_why *why,
                                           bool *was_cut);
/* judge_cites.c: *why becomes P2P_WHY_BAD_CITATION when a record of that kind cites what it may
 * not. */
P2P_MUST_CHECK enum p2p_err p2p_judge_cites(struct p2p_ledger *ledger,
                                            const struct p2p_entry *entry,
                                            const struct p2p_kind *kind, enum p2p_why *why);
/* Where verdicts on a record are remembered, before the remainder: spread by multiplication,
 * since records about the same things stand at like distances. */
uint64_t p2p_judge_spread(const struct p2p_record_id *id);
/* Whether a record is of a kind and circle that the other may cite. */
bool p2p_judge_cite_fits(const struct p2p_record *citing, const struct p2p_record *cited);
/* judge.c: the record at id is judged again when the charter says something of this issuer. */
P2P_MUST_CHECK enum p2p_err p2p_index_issuer(struct p2p_ledger *ledger, uint32_t issuer,
                                             const struct p2p_record_id *id);
/* judge.c: the first of this issuer's records at or after *id, by feed and place, into *id.
 * P2P_NOTFOUND past the last, P2P_CORRUPT, those of p2p_kv_seek. */
P2P_MUST_CHECK enum p2p_err p2p_index_issuer_from(const struct p2p_kv *kv, uint32_t issuer,
                                                  struct p2p_record_id *id);
/* records/ban_kinds.c: how much of the charter counts as known at a record about bans. A grant
 * begins with a claim that is true: until then an imposition makes gates refer, and a lift
 * waits. For a resume, which only forbids, an open claim does. */
P2P_MUST_CHECK enum p2p_err p2p_ban_known_charter(const struct p2p_ledger *ledger,
                                                  const struct p2p_entry *entry,
                                                  uint64_t *known);
/* records/ban_kinds.c: the rows by which the subjects of a ban at id are found; without them
 * its value goes too. */
P2P_MUST_CHECK enum p2p_err p2p_ban_row(struct p2p_ledger *ledger, uint32_t circle,
                                        struct p2p_slice payload,
                                        const struct p2p_record_id *id, bool there);
/* Forgets the number of a record that is taken back, the last of its feed. */
P2P_MUST_CHECK enum p2p_err p2p_number_undo(struct p2p_ledger *ledger,
                                            const struct p2p_record_id *id,
                                            const struct p2p_record *record);
/* known.c: a row of SEEN as it would stand in a past (past.h) that knows `then` records of the
 * feed it is about. settled_by [out]: the size of that feed from which on the claim is true or
 * false, though it was open then; 0: no such thing. */
#define P2P_CLAIM_BYTES (2u + 8u + 8u + P2P_HASH_BYTES)
P2P_MUST_CHECK enum p2p_err p2p_known_then(const struct p2p_ledger *past,
                                           const struct p2p_ledger *full,
                                           const struct p2p_kv *under, struct p2p_slice key,
                                           struct p2p_slice value, uint64_t then,
                                           uint8_t out[P2P_CLAIM_BYTES], uint64_t *settled_by);
/* records/address.c: the newest address of a feed is looked for again. */
P2P_MUST_CHECK enum p2p_err p2p_address_anew(struct p2p_ledger *ledger, uint32_t feed);
/* Forgets all numbers of an issuer, in every feed: they may be another key's. */
P2P_MUST_CHECK enum p2p_err p2p_number_forget(struct p2p_ledger *ledger, uint32_t issuer);

/* view.c: one row as an element of its view's set hash, in the arena. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_view_element(struct p2p_arena *arena, struct p2p_slice key,
                                             struct p2p_slice value, struct p2p_slice *element);
/* view.c: recomputes one key now, whether it is marked or not. */
P2P_MUST_CHECK enum p2p_err p2p_view_fold(struct p2p_ledger *ledger, enum p2p_view_number view,
                                          struct p2p_slice key);

/* Marks that will not be folded: what they follow from cannot be read. */
void p2p_view_forget_marks(struct p2p_ledger *ledger);
/* Writes the set hashes that changed; part of p2p_ledger_finish. */
P2P_MUST_CHECK enum p2p_err p2p_view_store_digests(struct p2p_ledger *ledger);

#endif
