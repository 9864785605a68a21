/* What this node says of the feeds of others, and they of its own: cosignatures, leases, seals,
 * quorums. One of the headers of engine_parts.h, which says what is in which file. Private to
 * replication/. */
#ifndef P2P_ENGINE_COSIGN_H
#define P2P_ENGINE_COSIGN_H

#include "engine_state.h"

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

/* ---- engine_seal.c ---- */

/* Whether a feed is cosigned no more at that size, since it let a token go that the charter had
 * moved: custody.h, p2p_custody_barred. */
P2P_MUST_CHECK enum p2p_err p2p_seal_forbids(struct p2p_engine *engine, uint32_t feed,
                                             uint64_t size, bool *forbidden);

/* ---- engine_quorum.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_witness_store_due(struct p2p_engine *engine, uint64_t *wake_ms);
/* The cosignatures of the newest quorum, for a peer that knows a smaller one. */
P2P_MUST_CHECK enum p2p_err p2p_witness_send_quorum(struct p2p_engine *engine,
                                                    struct p2p_peer *peer, uint32_t feed);
/* Something new of a feed was heard, and its cosignatures are expected. Where they do not come,
 * another peer is asked for them, less often each time; for all such feeds at one time. */
void p2p_witness_expect(struct p2p_engine *engine, uint32_t feed);
P2P_MUST_CHECK enum p2p_err p2p_witness_ask_due(struct p2p_engine *engine, uint64_t *wake_ms);
/* The newest heartbeat of a feed; of each feed, to a peer that just came. */
P2P_MUST_CHECK enum p2p_err p2p_witness_send_heartbeat(struct p2p_engine *engine,
                                                       struct p2p_peer *peer, uint32_t feed);
P2P_MUST_CHECK enum p2p_err p2p_witness_send_heartbeats(struct p2p_engine *engine,
                                                        struct p2p_peer *peer);

#endif
