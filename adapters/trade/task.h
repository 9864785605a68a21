/* Tasks: lists of steps that are carried out one after the other, and kept until they are over.
 *
 * In the journal (map `tasks`, by the task's key) a task stands from before its first step
 * until it is over, with what was done of it:
 *
 *     {"task":{...} as message.h has it, "next":1, "issued":"beanr/1:17", "ids":[...],
 *      "origin":{"key","sender","qualifier","me","my_qualifier","interchange","message",
 *                "type","release","document"}, "since":ms, "waits":true}
 *
 * and when it is over, until it is taken out by who answers for it, "over":"done" or "refused"
 * with "code" and "text". "waited" stays on once it has waited: its end is answered late.
 *
 *        .------------- a step is done; there are more -----.
 *        v                                                  |
 *     running --carry--> DONE ------------------------------+--> over: done
 *        |               REFUSED ------------------------------> over: refused
 *        |               ABSENT, optional: as DONE; the step waits: --> waiting; else over:
 * refused |               UNREACHABLE --------------------------> undecided: running, next time
 *     waiting --tried again--> running;  after P2P_TRADE_WAIT_DAYS as if it did not wait
 *
 * A cancellation takes the waiting tasks of that sender for the same container (and bill of
 * lading) out, or marks them as over while their interchange is not answered: what has not
 * begun is cancelled by not being done. Main thread. */
#ifndef P2P_TRADE_TASK_H
#define P2P_TRADE_TASK_H

#include "carrier.h"
#include "journal.h"

#define P2P_TRADE_WAIT_DAYS 60u

enum p2p_trade_end {
    P2P_TRADE_OVER,      /* all of it is done */
    P2P_TRADE_NO,        /* a step was refused; steps before it stand */
    P2P_TRADE_WAITS,     /* for something that is not there yet */
    P2P_TRADE_UNDECIDED, /* the node could not be asked */
};

/* Puts a new task into the journal. task: borrowed, and shared. origin: likewise. */
P2P_MUST_CHECK enum p2p_err p2p_task_begin(struct p2p_journal *journal, const char *key,
                                           json_t *task, json_t *origin, uint64_t now_ms);
/* Carries out what is left of a task in the journal; for one that is over, says how it ended.
 * The ids of what was done are added to ids (an array, or NULL). result: of the last step.
 * P2P_NOTFOUND; errors of the journal. */
P2P_MUST_CHECK enum p2p_err p2p_task_run(struct p2p_journal *journal, const char *key,
                                         const struct p2p_trade_carrier *carrier,
                                         uint64_t now_ms, json_t *ids, enum p2p_trade_end *end,
                                         struct p2p_trade_result *result);
/* Whether an entry of the map waits for something that is not there yet. */
bool p2p_task_waits(const json_t *entry);
/* Whether its interchange was answered, or is forgotten. Until then the interchange itself goes
 * on with its tasks, and needs them all. */
bool p2p_task_answered(const struct p2p_journal *journal, const json_t *entry);
/* Key of a task from that of its message and its segment, and of a step from that of its task.
 */
void p2p_task_key(char out[P2P_TRADE_KEY_BYTES], const char *message_key, size_t index);
/* The first 32 hex digits of SHA-256 over texts, each with its length before it. */
void p2p_trade_key(char out[P2P_TRADE_KEY_BYTES], const struct p2p_slice *parts, size_t count);

#endif
