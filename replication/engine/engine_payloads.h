/* Payloads that are not here: which, asking for them, going on without. One of the headers of
 * engine_parts.h, which says what is in which file. Private to replication/. */
#ifndef P2P_ENGINE_PAYLOADS_H
#define P2P_ENGINE_PAYLOADS_H

#include "engine_state.h"

/* ---- engine_lack.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_lack_load(struct p2p_engine *engine);
/* After the charter changed: circles joined and left. Writes nothing. */
P2P_MUST_CHECK enum p2p_err p2p_lack_follow(struct p2p_engine *engine);
/* A record was taken, perhaps without a payload that this node may hold. */
P2P_MUST_CHECK enum p2p_err p2p_lack_arrived(struct p2p_engine *engine,
                                             const struct p2p_record_id *id,
                                             const struct p2p_arrival *arrival);
/* Whether it is known why a payload of that circle is not here: P2P_OK also when it need not
 * be. P2P_NOTFOUND: it should be here, or missing by a row. */
P2P_MUST_CHECK enum p2p_err p2p_lack_told(const struct p2p_engine *engine,
                                          const struct p2p_record_id *id, uint32_t circle);
/* Rows may be gone: counts those that are there. differs [out]: there were others. */
P2P_MUST_CHECK enum p2p_err p2p_lack_recount(struct p2p_engine *engine, bool *differs);
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

/* ---- engine_ungiven.c ---- */

/* A run of this feed ended before a payload that this node may hold. */
void p2p_ungiven_stopped(struct p2p_engine *engine, const struct p2p_peer *peer, uint32_t feed);
/* Whether its leaves are taken without payloads now. */
bool p2p_ungiven_takes(const struct p2p_engine *engine, uint32_t feed);
/* Feeds that have stood still for long enough are asked for without. */
P2P_MUST_CHECK enum p2p_err p2p_ungiven_due(struct p2p_engine *engine, uint64_t *wake_ms);

#endif
