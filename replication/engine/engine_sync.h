/* Who has what, and how it gets about: greeting, asking, sending, passing on. One of the
 * headers of engine_parts.h, which says what is in which file. Private to replication/. */
#ifndef P2P_ENGINE_SYNC_H
#define P2P_ENGINE_SYNC_H

#include "engine_state.h"

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
/* A heartbeat or cosignature that was news here goes on to who gets at once what comes of the
 * feed `along`, its signer's: by p2p_relay_pass_on, after the batch's runs. */
P2P_MUST_CHECK enum p2p_err p2p_relay_cosign(struct p2p_engine *engine,
                                             const struct p2p_peer *from, uint32_t along,
                                             const struct p2p_cosign_body *body);
P2P_MUST_CHECK enum p2p_err p2p_relay_pass_on(struct p2p_engine *engine);
/* A peer was greeted. */
P2P_MUST_CHECK enum p2p_err p2p_relay_meet(struct p2p_engine *engine, struct p2p_peer *peer);
P2P_MUST_CHECK enum p2p_err p2p_relay_receive_prune(struct p2p_engine *engine,
                                                    struct p2p_peer *peer,
                                                    struct p2p_slice body);
/* Tells a peer what it seems to lack and is not being sent, where that is due; when those whose
 * turn it is were told, p2p_relay_announced. */
P2P_MUST_CHECK enum p2p_err p2p_relay_announce(struct p2p_engine *engine,
                                               struct p2p_peer *peer);
void p2p_relay_announced(struct p2p_engine *engine, uint64_t *wake_ms);

/* ---- engine_graft.c ---- */

/* Something new of a feed was heard; its parent is gone. */
void p2p_graft_heard(struct p2p_engine *engine, uint32_t feed);
void p2p_graft_parent_gone(struct p2p_engine *engine, struct p2p_feed_extra *extra);
/* A link that was told to stop brought a record first all the same: a heartbeat took another
 * way than the record, or one record than the next. It shall go on. */
P2P_MUST_CHECK enum p2p_err p2p_graft_go_on(struct p2p_engine *engine, struct p2p_peer *from,
                                            uint32_t feed);
/* Feeds whose parent is gone, or that were silent for 1.5 heartbeat intervals, and whose owner
 * has no link here: others are asked, which makes their links eager; less often the longer a
 * feed stays silent. */
P2P_MUST_CHECK enum p2p_err p2p_graft_due(struct p2p_engine *engine, uint64_t *wake_ms);
P2P_MUST_CHECK enum p2p_err p2p_graft_receive(struct p2p_engine *engine, struct p2p_peer *peer,
                                              struct p2p_slice body);

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

#endif
