/* The parts of the writer, one file each. Private to node/core; the writer's thread.
 *
 *   writer.c    batches: gather, run the engine, commit, hand out or undo
 *   ahead.c     issuers' signatures, verified while the engine does other work
 *   late.c      decisions from the spool into the feed
 *   drawn.c     circle keys that were drawn here, to the engine
 *   renewed.c   the keys of a later generation, to the engine
 *   own_copy.c  the checkpoint copy, written before anything leaves
 *   tell.c      traces to watchers and to the log
 *   waiting.c   work that waits for a level
 *   pins.c      who may connect */
#ifndef P2P_WRITER_PARTS_H
#define P2P_WRITER_PARTS_H

#include "node_state.h"

/* ---- ahead.c ---- */

/* Announces to the helpers what the frames of this batch will ask for; end before the batch's
 * arena or frames go. */
void p2p_ahead_start(struct p2p_node *node, const struct p2p_batch *batch,
                     struct p2p_arena *arena);
void p2p_ahead_end(struct p2p_node *node);

/* ---- late.c ---- */

/* In a batch: gives the engine a record of what waits, when the node may append. What is wrong
 * with the spool is an alarm and no error: new work goes on. */
P2P_MUST_CHECK enum p2p_err p2p_late_start(struct p2p_node *node, struct p2p_arena *arena);
/* Before the commit: notes what was taken, if it was. */
P2P_MUST_CHECK enum p2p_err p2p_late_appended(struct p2p_node *node);
/* After the commit: clears the spool once all of it stands in the feed. */
void p2p_late_finish(struct p2p_node *node);
/* The batch was undone. */
void p2p_late_undo(struct p2p_node *node);

/* ---- drawn.c ---- */

/* In a batch: hands the engine each key it misses that was drawn here. Looks when the
 * charter or the engine is new, else every 10 s. A file that cannot be opened is told in
 * drawn_alarm and is no error. */
P2P_MUST_CHECK enum p2p_err p2p_drawn_give(struct p2p_node *node);

/* ---- renewed.c ---- */

/* In a batch: hands the engine the keys of the newest generation that the charter grants this
 * member, when they lie here. Looks as often as drawn.c; renewed_alarm likewise. */
P2P_MUST_CHECK enum p2p_err p2p_renewed_give(struct p2p_node *node);

/* Behind a commit, before anything leaves: keys of a later generation that wrote something are
 * marked as used, so that they begin nothing over a store and a copy that were lost. A failure
 * is an alarm, and tried again as often. */
void p2p_renewed_mark(struct p2p_node *node);

/* ---- own_copy.c ---- */

#define P2P_COPY_SYNC_EVERY_MS 1000u /* at most so long a signature stands there unsynced */

/* Writes the copy when something was signed; syncs it at once when own records leave or a
 * number to be signed elsewhere, else within a second. A failure stops custody, and is an alarm
 * until it works again. */
void p2p_own_copy_write(struct p2p_node *node, const struct p2p_actions *actions);

/* ---- tell.c ---- */

void p2p_tell(struct p2p_node *node, const struct p2p_actions *actions);

/* ---- waiting.c ---- */

void p2p_work_push(struct p2p_work **list, struct p2p_work *work);
/* Keeps work until its level is reached or its time is over; out: when no more may wait. */
void p2p_waiting_add(struct p2p_node *node, struct p2p_work *work, struct p2p_work **out);
/* Work whose level is reached, or whose time is over, goes out with this batch. */
void p2p_waiting_settle(struct p2p_node *node, struct p2p_work **out);

#endif
