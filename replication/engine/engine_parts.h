/* The parts of the engine, one file each, and what each offers the others: here, or in the
 * header that is named. Private to replication/.
 *
 *   engine.c                begin, step, finish; the order of a batch
 *   engine_open.c           open and close: what the store holds, against the copy
 *   engine_batch.c          what a batch gathers for its caller
 *   engine_follow.c         following the charter
 *   engine_generation.c     generations: the own one, and those that the charter closed
 *   engine_append.c         own records: the leaf, its number, `seen`, the head
 *   engine_circle.c         circle keys: taking them from boxes, giving them to members
 *   engine_job.c            what this node wants done
 *   engine_decide.c         decisions
 *   engine_collect.c        releases, decided and written
 *   engine_ruling.c         what is asked of rights, taken as it comes
 *   engine_view.c           looking at it
 * engine_sync.h
 *   engine_session.c        hello, frontier, digest, answers to wants: who has what
 *   engine_want.c           asking for what feeds lack
 *   engine_startup.c        the start-up rule: when this node is complete
 *   engine_receive.c        runs and charter entries from peers
 *   engine_send.c           frames out: pushes, runs
 *   engine_relay.c          who gets at once what was received, and who is only told of it
 *   engine_graft.c          who is asked to bring a feed that nobody brings
 *   engine_overlay.c        which links are wanted
 *   engine_spread.c         bans and lifts, followed to every member
 * engine_payloads.h
 *   engine_lack.c           payloads that are not here: which, how many in each circle
 *   engine_fetch.c          asking peers for them, answering who asks
 *   engine_ungiven.c        payloads that nobody gives: going on without
 * engine_cosign.h
 *   engine_witness.c        cosignatures, heartbeats, acknowledgements, made and taken
 *   engine_lease.c          until when this node may release: asking, and answering
 *   engine_seal.c           what was said for good of a feed whose tokens go to another
 *   engine_quorum.c         quorums, stored and passed on; quorum time
 * engine_fork.h
 *   engine_fork.c           two histories: finding, proving, quarantine
 *   engine_fork_common.c    two histories with a quorum each: what both have
 *   engine_fork_told.c      two histories: what records of this node tell
 *   engine_rescue.c         bans above W, carried on or kept aside
 *   engine_resolve.c        two histories: taking the one that W is on
 * engine_mend.h
 *   engine_scrub.c          reading again what is stored: leaves, and what is looked at when
 *   engine_scrub_derived.c  what follows from records, computed once more
 *   engine_damage.c         damage that is known, and what is told of it
 *   engine_repair.c         damaged records, fetched again
 *   engine_states.c         state commitments, written and compared */
#ifndef P2P_ENGINE_PARTS_H
#define P2P_ENGINE_PARTS_H

#include "engine_cosign.h"
#include "engine_fork.h"
#include "engine_mend.h"
#include "engine_payloads.h"
#include "engine_state.h"
#include "engine_sync.h"

/* ---- engine.c, engine_open.c ---- */

/* What a job adds to a commit, about. */
#define P2P_JOB_BYTES_MAX (16u * 1024u * 1024u)
size_t p2p_job_bytes(const struct p2p_job *job);
/* False while the store takes no writes: the batch runs on a transaction that only reads. */
bool p2p_engine_stores(const struct p2p_engine *engine);
struct p2p_peer *p2p_engine_peer(struct p2p_engine *engine, uint64_t link);
/* The peer's row for a feed, or NULL when the charter does not name the feed. */
struct p2p_peer_feed *p2p_peer_feed(struct p2p_engine *engine, struct p2p_peer *peer,
                                    uint32_t feed);
/* The own feed; NULL while the charter does not name this member. */
struct p2p_feed *p2p_engine_own(const struct p2p_engine *engine);
/* Whether the own feed is taken from peers that have more of it: after a restored backup, and
 * also when nothing here but their knowledge shows that one was restored. */
bool p2p_engine_fetches_back(const struct p2p_engine *engine);
/* An old backup was put back: what the witness key of now cosigned since is not known here.
 * Kept in the store. */
P2P_MUST_CHECK enum p2p_err p2p_engine_lose_witness(struct p2p_engine *engine);
/* One more commit; and that the start-up rule was met, so that no later start asks for it. */
P2P_MUST_CHECK enum p2p_err p2p_engine_count_commit(struct p2p_engine *engine);
P2P_MUST_CHECK enum p2p_err p2p_engine_store_complete(struct p2p_engine *engine);
/* The first record of a generation of the own feed is written here. Kept in the store. */
P2P_MUST_CHECK enum p2p_err p2p_engine_store_begun(struct p2p_engine *engine,
                                                   uint64_t generation);
/* Whether this circle is of that member alone. */
bool p2p_engine_alone(const struct p2p_engine *engine, uint32_t circle, uint32_t member);
/* What our own `seen` records name, from the store. */
P2P_MUST_CHECK enum p2p_err p2p_engine_load_seen(struct p2p_engine *engine);

/* ---- engine_batch.c ---- */

void p2p_engine_trace(struct p2p_engine *engine, struct p2p_trace trace);
void p2p_engine_refuse(struct p2p_engine *engine, uint32_t member, uint32_t feed, uint64_t at,
                       enum p2p_err err);
void p2p_engine_close_link(struct p2p_engine *engine, struct p2p_peer *peer, enum p2p_err err,
                           const char *text);
P2P_MUST_CHECK enum p2p_err p2p_engine_send(struct p2p_engine *engine, struct p2p_peer *peer,
                                            struct p2p_slice frames);
/* A grown list in the batch's arena. */
void *p2p_batch_room(struct p2p_engine *engine, void *items, size_t count, size_t *cap,
                     size_t bytes);
/* 32 fresh bytes from the batch's seed. */
void p2p_engine_random(struct p2p_engine *engine, uint8_t out[32]);
void p2p_wake_at(uint64_t *wake_ms, uint64_t at_ms);

/* ---- engine_follow.c ---- */

/* After the charter grew: own numbers, circles and keys, rows for new feeds. */
P2P_MUST_CHECK enum p2p_err p2p_engine_follow_charter(struct p2p_engine *engine);

/* ---- engine_generation.c ---- */

/* Whether the own feed may be appended to, by its generation: see engine_generation.c. */
P2P_MUST_CHECK enum p2p_err p2p_generation_follow(struct p2p_engine *engine);
/* Keys of a generation; others than the one that is wanted are passed over. */
P2P_MUST_CHECK enum p2p_err p2p_generation_take(struct p2p_engine *engine,
                                                const struct p2p_generation_keys *keys);
/* A witness of a generation that was closed says at once how much of it it holds. */
P2P_MUST_CHECK enum p2p_err p2p_generation_seal(struct p2p_engine *engine);

/* ---- engine_append.c ---- */

/* A packer over cap bytes of the batch's arena. P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_engine_pack(struct p2p_engine *engine, size_t cap,
                                            struct p2p_pack *pack);
/* The highest number of an issuer that was used or given out here; 0: none. */
P2P_MUST_CHECK enum p2p_err p2p_append_given(struct p2p_engine *engine, uint32_t issuer,
                                             uint64_t *seq);
/* The parts of p2p_append_own, for records that are signed elsewhere: the next number of an
 * issuer, keeping it from being given again, the leaf's head with salt and payload, the leaf,
 * and its place in the feed. */
P2P_MUST_CHECK enum p2p_err p2p_append_number(struct p2p_engine *engine, uint32_t issuer,
                                              uint64_t *seq);
P2P_MUST_CHECK enum p2p_err p2p_append_reserve(struct p2p_engine *engine, uint32_t issuer,
                                               uint64_t seq);
/* After the own feed was fetched back: an issuer's next number is P2P_NUMBERS_SKIPPED above
 * what is known, so that none is given again that was prepared and not appended. Gaps are
 * legal. */
#define P2P_NUMBERS_SKIPPED (UINT64_C(1) << 20)
P2P_MUST_CHECK enum p2p_err p2p_append_skip_numbers(struct p2p_engine *engine);
P2P_MUST_CHECK enum p2p_err p2p_append_encode(struct p2p_engine *engine,
                                              const struct p2p_append *append,
                                              uint64_t issuer_seq, struct p2p_slice *head,
                                              struct p2p_slice *salted);
P2P_MUST_CHECK enum p2p_err p2p_append_finish(struct p2p_engine *engine, struct p2p_slice head,
                                              const struct p2p_signature *signature,
                                              struct p2p_slice *leaf);
P2P_MUST_CHECK enum p2p_err p2p_append_leaf(struct p2p_engine *engine, struct p2p_slice leaf,
                                            struct p2p_slice salted,
                                            enum p2p_signature_verdict signature,
                                            struct p2p_record_id *id);
/* Without a decision or an issuer's record: at most one `seen` a minute, and not for `seen`
 * alone. */
P2P_MUST_CHECK enum p2p_err p2p_append_idle_seen(struct p2p_engine *engine);
P2P_MUST_CHECK enum p2p_err p2p_append_own(struct p2p_engine *engine,
                                           const struct p2p_append *append,
                                           struct p2p_record_id *id);
P2P_MUST_CHECK enum p2p_err p2p_append_seen(struct p2p_engine *engine);
P2P_MUST_CHECK enum p2p_err p2p_append_head(struct p2p_engine *engine);

/* ---- engine_circle.c ---- */

/* After the charter grew, and at a start: the epochs of our circles, and every key that a box
 * held here opens to. */
P2P_MUST_CHECK enum p2p_err p2p_circle_follow(struct p2p_engine *engine);
/* A key that was drawn here; of no circle and epoch of ours: ignored. */
P2P_MUST_CHECK enum p2p_err p2p_circle_take(struct p2p_engine *engine,
                                            const struct p2p_circle_key *key);
/* Opens boxes that came, says which gave nothing, and gives keys to members that have none, as
 * records of this batch. */
P2P_MUST_CHECK enum p2p_err p2p_circle_due(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_job.c ---- */

void p2p_job_fail(struct p2p_job *job, enum p2p_err err, const char *reason);
/* Takes the charter versions among the jobs: first, so that `seen` names them, all that follows
 * is judged by them, and a member they admit begins its feed with its address. */
P2P_MUST_CHECK enum p2p_err p2p_job_charters(struct p2p_engine *engine);
P2P_MUST_CHECK enum p2p_err p2p_job_all(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_decide.c ---- */

/* Decides the checks among the jobs, after everything else of the batch stands. */
P2P_MUST_CHECK enum p2p_err p2p_append_decisions(struct p2p_engine *engine);

/* ---- engine_collect.c ---- */

/* Decides a collect and, where it is allowed, releases; fills the check and the answer. */
P2P_MUST_CHECK enum p2p_err p2p_collect_job(struct p2p_engine *engine, struct p2p_job *job,
                                            bool recorded);
/* What may forbid a release that waits for its allow arrived: whoever waits for that is to ask
 * again. */
void p2p_collect_arrived(struct p2p_engine *engine, const struct p2p_record *record);
/* Looks whether what waits for its allow was opened anew in this batch: its container stands
 * there for another visit, and who waits is to ask again. P2P_NOMEM, or the seam's. */
P2P_MUST_CHECK enum p2p_err p2p_collect_follow(struct p2p_engine *engine);
/* The checkpoint that a record rests on which must carry one of that feed above that index, in
 * the batch's arena. there [out]: it is here, or none is needed (feed 0). */
P2P_MUST_CHECK enum p2p_err p2p_engine_rests(struct p2p_engine *engine, uint32_t feed,
                                             uint64_t index, struct p2p_slice *note,
                                             bool *there);
/* The content of a `use` or `ruled`. note: empty for none. */
P2P_MUST_CHECK enum p2p_err p2p_engine_pack_act(struct p2p_engine *engine, uint64_t epoch,
                                                struct p2p_slice note,
                                                struct p2p_slice *content);

/* ---- engine_ruling.c ---- */

/* A record has taken its place, or its payload came. */
void p2p_ruling_arrived(struct p2p_engine *engine, const struct p2p_record_id *id,
                        const struct p2p_record *record);
/* All rights are looked at. */
void p2p_ruling_anew(struct p2p_engine *engine);
/* Takes what is asked and may be taken now. */
P2P_MUST_CHECK enum p2p_err p2p_ruling_due(struct p2p_engine *engine, uint64_t *wake_ms);

#endif
