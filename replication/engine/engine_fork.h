/* Two histories of one feed: found, proven, told, settled. One of the headers of
 * engine_parts.h, which says what is in which file. Private to replication/. */
#ifndef P2P_ENGINE_FORK_H
#define P2P_ENGINE_FORK_H

#include "engine_state.h"

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

/* ---- engine_rescue.c ---- */

/* The bans at or above `from` that no other record carries are carried, or kept aside. full
 * [out]: no more can be kept. */
P2P_MUST_CHECK enum p2p_err p2p_rescue(struct p2p_engine *engine, uint32_t feed, uint64_t from,
                                       bool *full);
/* Counts what is kept aside, at a start, and when rows may be gone. */
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
P2P_MUST_CHECK enum p2p_err p2p_fork_expect(struct p2p_engine *engine, struct p2p_peer *peer,
                                            struct p2p_run *run);
/* A run of a forked feed did not lead to its head. */
void p2p_fork_astray(struct p2p_engine *engine, struct p2p_peer *peer, uint32_t feed);

#endif
