/* What is stored, read again: damage found, told and repaired; states compared. One of the
 * headers of engine_parts.h, which says what is in which file. Private to replication/. */
#ifndef P2P_ENGINE_MEND_H
#define P2P_ENGINE_MEND_H

#include "engine_state.h"

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

/* A feed was cut back: the pass goes on at its first record, if it was there. */
void p2p_scrub_cut(struct p2p_engine *engine, uint32_t feed);

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
/* Rows are gone, of whatever table: passes begin, and end only when nothing is put again. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_emptied(struct p2p_engine *engine);
/* At a start: whether the last one knew of damage that was not mended (engine->scrub.noted). */
P2P_MUST_CHECK enum p2p_err p2p_scrub_recall(struct p2p_engine *engine);
/* Perhaps no damage is known any more: then everything goes on. */
P2P_MUST_CHECK enum p2p_err p2p_scrub_settle(struct p2p_engine *engine);
/* While true the engine only repairs itself. */
bool p2p_engine_damaged(const struct p2p_engine *engine);

/* ---- engine_repair.c ---- */

P2P_MUST_CHECK enum p2p_err p2p_repair_ask(struct p2p_engine *engine, uint64_t *wake_ms);
/* A peer has not what was asked of that feed. */
void p2p_repair_refused(struct p2p_engine *engine, uint32_t feed);
/* A run of a feed that has a hole. */
P2P_MUST_CHECK enum p2p_err p2p_repair_run(struct p2p_engine *engine, struct p2p_peer *peer,
                                           const struct p2p_run *run);

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

#endif
