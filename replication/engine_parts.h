/* The parts of the engine, one file each, and what each offers the others. Private to
 * replication/.
 *
 *   engine.c                begin, step, finish; the order of a batch
 *   engine_open.c           open and close: what the store holds, against the copy
 *   engine_batch.c          what a batch gathers for its caller
 *   engine_follow.c         following the charter
 *   engine_generation.c     generations: the own one, and those that the charter closed
 *   engine_session.c        hello, frontier, digest, answers to wants: who has what
 *   engine_want.c           asking for what feeds lack
 *   engine_startup.c        the start-up rule: when this node is complete
 *   engine_receive.c        runs and charter entries from peers
 *   engine_send.c           frames out: pushes, runs
 *   engine_relay.c          who gets at once what was received, and who is only told of it
 *   engine_lack.c           payloads that are not here: which, how many in each circle
 *   engine_fetch.c          asking peers for them, answering who asks
 *   engine_append.c         own records: the leaf, its number, `seen`, the head
 *   engine_circle.c         circle keys: taking them from boxes, giving them to members
 *   engine_job.c            what this node wants done
 *   engine_decide.c         decisions
 *   engine_collect.c        releases, decided and written
 *   engine_ruling.c         what is asked of rights, taken as it comes
 *   engine_witness.c        cosignatures, heartbeats, acknowledgements, made and taken
 *   engine_lease.c          until when this node may release: asking, and answering
 *   engine_quorum.c         quorums, stored and passed on; quorum time
 *   engine_fork.c           two histories: finding, proving, quarantine
 *   engine_fork_told.c      two histories: what records of this node tell
 *   engine_fork_common.c    two histories with a quorum each: what both have
 *   engine_scrub.c          reading again what is stored: leaves, and what is looked at when
 *   engine_scrub_derived.c  what follows from records, computed once more
 *   engine_damage.c         damage that is known, and what is told of it
 *   engine_states.c         state commitments, written and compared
 *   engine_repair.c         damaged records, fetched again
 *   engine_overlay.c        which links are wanted
 *   engine_resolve.c        two histories: taking the one that W is on
 *   engine_spread.c         bans and lifts, followed to every member
 *   engine_view.c           looking at it */
#ifndef P2P_ENGINE_PARTS_H
#define P2P_ENGINE_PARTS_H

#include "engine_state.h"

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

/* ---- engine_session.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_session_greet(struct p2p_engine *engine, struct p2p_peer *peer);
P2P_MUST_CHECK enum p2p_err p2p_session_frame(struct p2p_engine *engine, struct p2p_peer *peer,
                                              const struct p2p_frame *frame);
P2P_MUST_CHECK enum p2p_err p2p_session_tick(struct p2p_engine *engine, uint64_t *wake_ms);
/* Whether the peer is of the member that writes the feed. */
bool p2p_session_owns(const struct p2p_engine *engine, const struct p2p_peer *peer,
                      uint32_t feed);
/* The link to the owner of a feed, 0 without one. */
uint64_t p2p_session_owner_link(const struct p2p_engine *engine, uint32_t feed);
void p2p_session_note_size(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed,
                           uint64_t size);
struct p2p_frontier_entry p2p_session_entry(struct p2p_engine *engine, uint32_t feed);
/* A new charter version may name feeds that were skipped before: everybody compares again. */
P2P_MUST_CHECK enum p2p_err p2p_session_resync(struct p2p_engine *engine);

/* ---- engine_spread.c ---- */

/* A record has taken its place at the end of its feed. */
void p2p_spread_arrived(struct p2p_engine *engine, const struct p2p_record_id *id,
                        const struct p2p_record *record);
/* A member has acknowledged so much of our own feed. */
void p2p_spread_acknowledged(struct p2p_engine *engine, uint32_t feed, uint32_t member,
                             uint64_t size);
/* A forked feed was cut back. */
void p2p_spread_taken_back(struct p2p_engine *engine, uint32_t feed, uint64_t size);
/* Looks who holds what, and tells of what is everywhere. */
P2P_MUST_CHECK enum p2p_err p2p_spread_due(struct p2p_engine *engine);

/* ---- engine_want.c ---- */

/* Asks this peer for what the feed lacks, unless another was asked and still has time. */
P2P_MUST_CHECK enum p2p_err p2p_session_want(struct p2p_engine *engine, struct p2p_peer *peer,
                                             uint32_t feed);
/* It sent nothing beyond what is held: if it was asked and names no more, others may be. */
void p2p_session_answered(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed);
/* A peer has more of a feed: asks it, or gives time to who pushes the feed anyway. */
P2P_MUST_CHECK enum p2p_err p2p_session_lack(struct p2p_engine *engine, struct p2p_peer *peer,
                                             uint32_t feed);
P2P_MUST_CHECK enum p2p_err p2p_session_retry_wants(struct p2p_engine *engine,
                                                    uint64_t *wake_ms);

/* ---- engine_startup.c ---- */

/* Notes what a peer's hello named that is not reached yet, if it is an own witness. */
void p2p_session_follow_witness(struct p2p_engine *engine, const struct p2p_peer *peer);
void p2p_session_check_complete(struct p2p_engine *engine);

/* ---- engine_receive.c ---- */

/* Reads the records of a run from the edge on, with the interior hashes they complete, and
 * verifies the signature of its head; whether they lead to its root is for the caller to see.
 * edge [in, out]: within the run; arrivals: room for run->count; at [out]: the record that an
 * error is about. */
P2P_MUST_CHECK enum p2p_err p2p_receive_check(struct p2p_engine *engine,
                                              const struct p2p_feed_info *info,
                                              const struct p2p_run *run, struct p2p_edge *edge,
                                              struct p2p_arrival *arrivals,
                                              struct p2p_hash *interior, uint64_t *at);
P2P_MUST_CHECK enum p2p_err p2p_receive_run(struct p2p_engine *engine, struct p2p_peer *peer,
                                            struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_receive_entry(struct p2p_engine *engine, struct p2p_peer *peer,
                                              struct p2p_slice body);
/* After a run, and when enough witnesses have said how much there is: does this end the search
 * for the own feed (see compare_copy in engine_open.c)? */
P2P_MUST_CHECK enum p2p_err p2p_receive_restored(struct p2p_engine *engine);
/* An entry from a peer or, member 0, from this node's own people: applied, followed, told.
 * Errors are those of p2p_ledger_apply_charter. */
P2P_MUST_CHECK enum p2p_err p2p_receive_charter(struct p2p_engine *engine, uint32_t member,
                                                const struct p2p_entry_body *entry,
                                                char reason[P2P_REASON_BYTES]);

/* ---- engine_lack.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_lack_load(struct p2p_engine *engine);
/* After the charter changed: circles joined and left. Writes nothing. */
P2P_MUST_CHECK enum p2p_err p2p_lack_follow(struct p2p_engine *engine);
/* A record was taken, perhaps without a payload that this node may hold. */
P2P_MUST_CHECK enum p2p_err p2p_lack_arrived(struct p2p_engine *engine,
                                             const struct p2p_record_id *id,
                                             const struct p2p_arrival *arrival);
/* The stored payload of this record is damaged or gone: forgets what is stored, and has it
 * asked for again. Views keep what they say until the record is folded again, with the payload;
 * meanwhile its circle is not complete here. P2P_NOTFOUND: there is no such record, or none
 * whose payload this node may hold. */
P2P_MUST_CHECK enum p2p_err p2p_lack_again(struct p2p_engine *engine,
                                           const struct p2p_record_id *id);
/* P2P_NOTFOUND: the payload is here, or none of ours. */
P2P_MUST_CHECK enum p2p_err p2p_lack_get(const struct p2p_engine *engine,
                                         const struct p2p_record_id *id, struct p2p_lack *out);
/* The first lack of from's feed at or above from, or (begin false) the one after the last
 * found; P2P_NOTFOUND at the feed's end. A write to INDEX ends the walk. */
P2P_MUST_CHECK enum p2p_err p2p_lack_walk(const struct p2p_engine *engine,
                                          const struct p2p_record_id *from, bool begin,
                                          struct p2p_lack *out);
/* It is no lack any more. */
P2P_MUST_CHECK enum p2p_err p2p_lack_end(struct p2p_engine *engine,
                                         const struct p2p_lack *lack);
/* Looks at more leaves if circles were joined or left; stores the counts. */
P2P_MUST_CHECK enum p2p_err p2p_lack_finish(struct p2p_engine *engine, uint64_t *wake_ms);
/* Whether a leaf of this feed was taken without a payload that nobody gave. */
/* engine_seal.c: whether this node said of a reassigned token's feed that it holds less than so
 * much, in which its old holder went on. */
P2P_MUST_CHECK enum p2p_err p2p_seal_forbids(struct p2p_engine *engine, uint32_t feed,
                                             uint64_t size, bool *forbidden);
P2P_MUST_CHECK enum p2p_err p2p_lack_ungiven(const struct p2p_engine *engine, uint32_t feed,
                                             bool *ungiven);
bool p2p_lack_complete(const struct p2p_engine *engine, uint32_t circle);
/* Whether a payload is missing here that can be asked for. */
bool p2p_lack_any(const struct p2p_engine *engine);

/* ---- engine_fetch.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_fetch_receive_ask(struct p2p_engine *engine,
                                                  struct p2p_peer *peer, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_fetch_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                                              struct p2p_slice body);
/* Asks whoever is to be asked now. */
P2P_MUST_CHECK enum p2p_err p2p_fetch_due(struct p2p_engine *engine, uint64_t *wake_ms);
/* More is missing of this feed: everybody gets another turn, at once. */
void p2p_fetch_anew(struct p2p_fetch *fetch);
/* A peer has come that nobody asked yet; a peer goes. */
void p2p_fetch_meet(struct p2p_engine *engine);
void p2p_fetch_drop(struct p2p_engine *engine, const struct p2p_peer *peer);

/* ---- engine_send.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_send_due(struct p2p_engine *engine, uint64_t *wake_ms);
/* The peer of this row is sent what it lacks of the feed, from p2p_send_due on. */
void p2p_send_to(struct p2p_engine *engine, struct p2p_peer_feed *row, uint32_t feed);
P2P_MUST_CHECK enum p2p_err p2p_send_to_all(struct p2p_engine *engine, struct p2p_slice frames,
                                            uint64_t except_link);

/* Says that a feed does not go on to this peer, at which record and why. */
P2P_MUST_CHECK enum p2p_err p2p_send_gap(struct p2p_engine *engine, struct p2p_peer *peer,
                                         uint32_t feed, uint64_t at, enum p2p_err why);
/* Answers a want at or above what is held: the newest head, with no records. */
P2P_MUST_CHECK enum p2p_err p2p_send_head(struct p2p_engine *engine, struct p2p_peer *peer,
                                          uint32_t feed);

/* ---- engine_relay.c ---- */

/* A run was taken that goes on from `held`, asked for or pushed: marks who gets it at once.
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_relay_run(struct p2p_engine *engine, struct p2p_peer *from,
                                          const struct p2p_run *run, uint64_t held, bool asked);
/* A run brought nothing that was not held: one of the links that brought it is pruned. */
P2P_MUST_CHECK enum p2p_err p2p_relay_twice(struct p2p_engine *engine, struct p2p_peer *peer,
                                            const struct p2p_run *run);
/* A run or a heartbeat brought news; asked: as an answer to a want. */
void p2p_relay_news(struct p2p_engine *engine, const struct p2p_peer *from, uint32_t feed,
                    bool asked);
/* A heartbeat that is not newer: the same, if it is the one that came over another link. */
P2P_MUST_CHECK enum p2p_err p2p_relay_heartbeat_twice(struct p2p_engine *engine,
                                                      struct p2p_peer *peer,
                                                      const struct p2p_cosign_body *body);
/* Passes on a heartbeat or cosignature that was news here to who gets at once what comes of the
 * feed `along`, its signer's. */
P2P_MUST_CHECK enum p2p_err p2p_relay_cosign(struct p2p_engine *engine,
                                             const struct p2p_peer *from, uint32_t along,
                                             const struct p2p_cosign_body *body);
/* Something new of a feed was heard; who brought it is gone. */
void p2p_relay_heard(struct p2p_engine *engine, uint32_t feed);
/* A peer was greeted. */
P2P_MUST_CHECK enum p2p_err p2p_relay_meet(struct p2p_engine *engine, struct p2p_peer *peer);
P2P_MUST_CHECK enum p2p_err p2p_relay_receive_graft(struct p2p_engine *engine,
                                                    struct p2p_peer *peer,
                                                    struct p2p_slice body);
void p2p_relay_parent_gone(struct p2p_engine *engine, struct p2p_feed_extra *extra);
/* Feeds whose parent is gone, that were silent for 1.5 heartbeat intervals, or whose
 * cosignatures do not come, and whose owner has no link here: another peer is asked, which
 * makes its link eager. At most one at a time for each feed, less often the longer it stays
 * silent. */
P2P_MUST_CHECK enum p2p_err p2p_relay_graft(struct p2p_engine *engine, uint64_t *wake_ms);
P2P_MUST_CHECK enum p2p_err p2p_relay_receive_prune(struct p2p_engine *engine,
                                                    struct p2p_peer *peer,
                                                    struct p2p_slice body);
/* Tells a peer what it seems to lack and is not being sent, where that is due; when those whose
 * turn it is were told, p2p_relay_announced. */
P2P_MUST_CHECK enum p2p_err p2p_relay_announce(struct p2p_engine *engine,
                                               struct p2p_peer *peer);
void p2p_relay_announced(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_overlay.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_overlay_receive(struct p2p_engine *engine,
                                                struct p2p_peer *peer, struct p2p_slice body);
/* How long a node that writes nothing else waits between its `seen`: in a large federation they
 * name many feeds and go to many nodes. */
uint64_t p2p_overlay_seen_every_ms(const struct p2p_engine *engine);
void p2p_overlay_link_gone(struct p2p_engine *engine, const struct p2p_peer *peer);
/* Last of a batch: looks for neighbours, settles which links are wanted, closes those that are
 * no longer. */
P2P_MUST_CHECK enum p2p_err p2p_overlay_due(struct p2p_engine *engine, uint64_t *wake_ms);

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

/* ---- engine_witness.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_witness_receive(struct p2p_engine *engine,
                                                struct p2p_peer *peer, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_witness_receive_ack(struct p2p_engine *engine,
                                                    struct p2p_peer *peer,
                                                    struct p2p_slice body);
/* Cosigns the newest head of another's feed once more, for who asked; to everybody it goes when
 * it is larger than before. P2P_REFUSED: this node does not cosign that feed at present. */
P2P_MUST_CHECK enum p2p_err p2p_witness_again(struct p2p_engine *engine, uint32_t feed,
                                              struct p2p_cosign_body *out);
P2P_MUST_CHECK enum p2p_err p2p_witness_cosign_due(struct p2p_engine *engine,
                                                   uint64_t *wake_ms);
P2P_MUST_CHECK enum p2p_err p2p_witness_heartbeat(struct p2p_engine *engine, uint64_t *wake_ms);
/* What an acknowledgement signs: use "ack" and the feed's origin, size u64, root. */
#define P2P_ACK_MESSAGE_BYTES_MAX (P2P_PREFIX_BYTES_MAX + 8u + P2P_HASH_BYTES)
size_t p2p_ack_message(uint8_t out[P2P_ACK_MESSAGE_BYTES_MAX], const char *origin,
                       uint64_t size, const struct p2p_hash *root);
#ifdef P2P_PLANTED
/* A mistake: see p2p/planted.h. */
P2P_MUST_CHECK enum p2p_err p2p_witness_cosign_unchecked(struct p2p_engine *engine,
                                                         uint32_t feed,
                                                         const struct p2p_tree_head *head);
#endif
void p2p_witness_heard(struct p2p_engine *engine, uint32_t feed);

/* ---- engine_collect.c ---- */

/* Decides a collect and, where it is allowed, releases; fills the check and the answer. */
P2P_MUST_CHECK enum p2p_err p2p_collect_job(struct p2p_engine *engine, struct p2p_job *job,
                                            bool recorded);
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

/* ---- engine_lease.c ---- */

/* Whether 1.1 leases have passed, in this start, since each seal that a recount rests on (its
 * content names them) was here and was named first, for this token or another; else left_ms
 * [out] of them. True for one that rests on none. */
bool p2p_takeover_waited(struct p2p_engine *engine, struct p2p_slice content,
                         uint64_t *left_ms);
/* Asks the witnesses when it is time to. */
P2P_MUST_CHECK enum p2p_err p2p_lease_due(struct p2p_engine *engine, uint64_t *wake_ms);
P2P_MUST_CHECK enum p2p_err p2p_lease_receive_ask(struct p2p_engine *engine,
                                                  struct p2p_peer *peer, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err p2p_lease_receive_answer(struct p2p_engine *engine,
                                                     struct p2p_peer *peer,
                                                     struct p2p_slice body);

/* ---- engine_quorum.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_witness_store_due(struct p2p_engine *engine, uint64_t *wake_ms);
/* The cosignatures of the newest quorum, for a peer that knows a smaller one. */
P2P_MUST_CHECK enum p2p_err p2p_witness_send_quorum(struct p2p_engine *engine,
                                                    struct p2p_peer *peer, uint32_t feed);
/* The newest heartbeat of a feed; of each feed, to a peer that just came. */
P2P_MUST_CHECK enum p2p_err p2p_witness_send_heartbeat(struct p2p_engine *engine,
                                                       struct p2p_peer *peer, uint32_t feed);
P2P_MUST_CHECK enum p2p_err p2p_witness_send_heartbeats(struct p2p_engine *engine,
                                                        struct p2p_peer *peer);

/* ---- engine_fork.c ---- */

/* A peer's frontier names another root for a size held here: asks for its signed head. */
P2P_MUST_CHECK enum p2p_err p2p_fork_ask_head(struct p2p_engine *engine, struct p2p_peer *peer,
                                              uint32_t feed, uint64_t from);
/* A peer's charter is another branch: asks for its entries from the split on. */
P2P_MUST_CHECK enum p2p_err p2p_fork_ask_branch(struct p2p_engine *engine,
                                                struct p2p_peer *peer);
/* The other branch, to a peer that just came: the frontier does not tell of it. */
P2P_MUST_CHECK enum p2p_err p2p_fork_send_rival(struct p2p_engine *engine,
                                                struct p2p_peer *peer);
P2P_MUST_CHECK enum p2p_err p2p_fork_spread_rival(struct p2p_engine *engine,
                                                  const struct p2p_entry_body *entry);
/* A head that this feed signed, no larger than what is held and with another root; member: from
 * whom. Flush first. */
P2P_MUST_CHECK enum p2p_err p2p_fork_contradicted(struct p2p_engine *engine, uint32_t member,
                                                  uint32_t feed,
                                                  const struct p2p_tree_head *head);
P2P_MUST_CHECK enum p2p_err p2p_fork_check_head(struct p2p_engine *engine,
                                                struct p2p_peer *peer, uint32_t feed,
                                                const struct p2p_tree_head *head);
P2P_MUST_CHECK enum p2p_err p2p_fork_ask(struct p2p_engine *engine, struct p2p_peer *peer,
                                         uint32_t feed, const struct p2p_tree_head *head);
P2P_MUST_CHECK enum p2p_err
p2p_fork_receive_prove(struct p2p_engine *engine, struct p2p_peer *peer, struct p2p_slice body);
P2P_MUST_CHECK enum p2p_err
p2p_fork_receive_proof(struct p2p_engine *engine, struct p2p_peer *peer, struct p2p_slice body);
/* Feeds of which records prove a fork are forked here too. */
P2P_MUST_CHECK enum p2p_err p2p_fork_follow(struct p2p_engine *engine);
/* A proof in a frame. */
P2P_MUST_CHECK enum p2p_err p2p_fork_receive(struct p2p_engine *engine, uint32_t member,
                                             struct p2p_slice bytes);

/* ---- engine_fork_common.c ---- */

/* Before records of the branch of our own quorum-cosigned checkpoint go: that checkpoint, and
 * heads below it, are kept until the other branch is held. */
P2P_MUST_CHECK enum p2p_err p2p_fork_common_keep(struct p2p_engine *engine, uint32_t feed);
/* The other branch is held: a record tells of both, if one was kept. */
P2P_MUST_CHECK enum p2p_err p2p_fork_common_tell(struct p2p_engine *engine, uint32_t feed);

/* ---- engine_fork_told.c ---- */

/* A proof found in this batch: to be appended with it, or kept until this node may. */
P2P_MUST_CHECK enum p2p_err p2p_fork_keep(struct p2p_engine *engine, uint32_t feed,
                                          struct p2p_slice proof);
/* The record that first proves a fork goes with what is cut of a feed down to size: its proof
 * is kept, and told again unless another record proves it too. */
P2P_MUST_CHECK enum p2p_err p2p_fork_keep_told(struct p2p_engine *engine, uint32_t cut,
                                               uint64_t size);
/* Proofs that were found while nothing might be appended, to a peer that just came. */
P2P_MUST_CHECK enum p2p_err p2p_fork_send_kept(struct p2p_engine *engine,
                                               struct p2p_peer *peer);
/* The proof in the `fork` record at id, in the batch's arena. P2P_CORRUPT: it is none. */
P2P_MUST_CHECK enum p2p_err p2p_fork_proof_in(struct p2p_engine *engine,
                                              const struct p2p_record_id *id,
                                              struct p2p_slice *proof);
/* The largest quorum-cosigned checkpoint of a feed held here, as a note in the batch's arena;
 * size 0: none. */
P2P_MUST_CHECK enum p2p_err p2p_fork_held_note(struct p2p_engine *engine, uint32_t feed,
                                               struct p2p_slice *note, uint64_t *size);
/* Our own `fork` records for what this batch found, and for quorum-cosigned checkpoints of
 * forked feeds that are larger than those in anybody's records. */
P2P_MUST_CHECK enum p2p_err p2p_fork_append(struct p2p_engine *engine);

/* ---- engine_scrub.c ---- */

/* The payload that a held record should have: whether it is there and opens its leaf, or need
 * not be. bytes [in, out]: its length is added. P2P_CORRUPT. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_payload(const struct p2p_engine *engine,
                                              const struct p2p_record_id *id,
                                              struct p2p_slice leaf, size_t *bytes);

/* Where the last start was in its pass. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_open(struct p2p_engine *engine);
/* A little of the pass, when it is due. Before anything is appended or signed in the batch. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_step(struct p2p_engine *engine, uint64_t *wake_ms);
/* A pass over everything begins, as soon as it may; deep: with signatures. */
void p2p_scrub_anew(struct p2p_engine *engine, bool deep);

/* ---- engine_scrub_derived.c ---- */

/* Goes on with what follows from the records of the stretch, as far as the budget (in records,
 * [in, out]) allows; what differs is mended. Damage elsewhere that is in the way is counted. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_derived(struct p2p_engine *engine, size_t *budget);
/* A part of the set hashes, for the rest of the budget; ended [out, also on error]: it was the
 * last part. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_sets(struct p2p_engine *engine, size_t *budget,
                                           bool *ended);

/* ---- engine_damage.c ---- */

/* Something was found damaged; told is the newest. */
void p2p_scrub_found(struct p2p_engine *engine, enum p2p_table table, uint32_t feed,
                     uint64_t index);
/* Something that was found damaged is not any more. */
void p2p_scrub_mended(struct p2p_engine *engine, enum p2p_table table, uint32_t feed,
                      uint64_t index);
/* Damage is known from here on, where, or only that there is some. */
void p2p_scrub_damage(struct p2p_engine *engine);
void p2p_scrub_suspect(struct p2p_engine *engine);
/* At a start: whether the last one knew of damage that was not mended (engine->scrub.noted). */
P2P_MUST_CHECK enum p2p_err p2p_scrub_recall(struct p2p_engine *engine);
/* Perhaps no damage is known any more: then everything goes on. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_settle(struct p2p_engine *engine);
/* While true the engine only repairs itself. */
bool p2p_engine_damaged(const struct p2p_engine *engine);

/* ---- engine_states.c ---- */

/* Writes a state commitment when one is due: last of a commit's records. */
P2P_MUST_CHECK enum p2p_err p2p_state_due(struct p2p_engine *engine);
/* A record arrived; last: of its run. */
void p2p_state_note(struct p2p_engine *engine, const struct p2p_arrival *arrival,
                    uint64_t index, bool last);
/* Compares those that can be compared now, after everything was folded. */
P2P_MUST_CHECK enum p2p_err p2p_state_compare(struct p2p_engine *engine);
/* Everything was computed anew; mended: something here was another. */
void p2p_state_checked(struct p2p_engine *engine, bool mended);

/* ---- engine_repair.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_repair_ask(struct p2p_engine *engine, uint64_t *wake_ms);
/* A peer has not what was asked of that feed. */
void p2p_repair_refused(struct p2p_engine *engine, uint32_t feed);
/* A run of a feed that has a hole. */
P2P_MUST_CHECK enum p2p_err p2p_repair_run(struct p2p_engine *engine, struct p2p_peer *peer,
                                           const struct p2p_run *run);

/* ---- engine_ungiven.c ---- */

/* A run of this feed ended before a payload that this node may hold. */
void p2p_ungiven_stopped(struct p2p_engine *engine, const struct p2p_peer *peer, uint32_t feed);
/* Whether its leaves are taken without payloads now. */
bool p2p_ungiven_takes(const struct p2p_engine *engine, uint32_t feed);
/* Feeds that have stood still for long enough are asked for without. */
P2P_MUST_CHECK enum p2p_err p2p_ungiven_due(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_rescue.c ---- */

/* The bans at or above `from` that no other record carries are carried, or kept aside. full
 * [out]: no more can be kept. */
P2P_MUST_CHECK enum p2p_err p2p_rescue(struct p2p_engine *engine, uint32_t feed, uint64_t from,
                                       bool *full);
/* Counts what is kept aside, at a start. */
P2P_MUST_CHECK enum p2p_err p2p_rescue_open(struct p2p_engine *engine);
/* What is kept aside and need not be any more goes; what may be carried by now is. */
P2P_MUST_CHECK enum p2p_err p2p_rescue_settle(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_resolve.c ---- */

/* Whether this feed is forked and not yet what W says it is. */
bool p2p_fork_open(const struct p2p_engine *engine, uint32_t feed);
/* Whether more of this feed is taken from peers. */
bool p2p_feed_takes(const struct p2p_engine *engine, uint32_t feed);
/* Cuts forked feeds to W, and rescues what is lost by it, as far as this batch may. */
P2P_MUST_CHECK enum p2p_err p2p_fork_resolve(struct p2p_engine *engine, uint64_t *wake_ms);
/* Counts forks_short anew. */
P2P_MUST_CHECK enum p2p_err p2p_fork_count(struct p2p_engine *engine);
/* A run of a forked feed: shortened so that it leads to W at most. P2P_FORKED: not wanted. */
P2P_MUST_CHECK enum p2p_err p2p_fork_expect(struct p2p_engine *engine,
                                            const struct p2p_peer *peer, struct p2p_run *run);
/* A run of a forked feed did not lead to its head. */
void p2p_fork_astray(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed);

#endif
