/* What the parts of the doctor share: a visit to this node, and the lines it leaves behind.
 * Private to node/api; the writer's thread.
 *
 *   doctor.c        who it is, what it holds; the order of all checks
 *   custody_barred.c  which feeds are cosigned no further
 *   custody_frozen.c  what the charter settled away here
 *   doctor_gate_in.c  what another port's gate-in ended here
 *   doctor_disk.c   what lies on disk, and whether more may come
 *   doctor_peers.c  the others: who is reached, what of theirs was refused */
#ifndef P2P_DOCTOR_H
#define P2P_DOCTOR_H

#include "status.h"

#define P2P_DOCTOR_NAMED_MAX 16u /* feeds, issuers, circles in lines of their own */

struct p2p_visit {
    struct p2p_call *call;
    struct p2p_node *node;
    const struct p2p_ledger *ledger;
    json_t *checks;
};

/* Adds a line: a sentence (printf), and what to do about it where it is not ok (may be NULL).
 */
void p2p_doctor_note(struct p2p_visit *visit, const char *name, bool ok, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

void p2p_doctor_disk(
    struct p2p_visit *visit); /* store, disk, damage, appends, witness, copy, spool */
void p2p_doctor_barred(
    struct p2p_visit *visit); /* cosigned, cosigns: only where one is barred */
void p2p_doctor_settled(struct p2p_visit *visit);  /* settled: only where something is */
void p2p_doctor_gate_ins(struct p2p_visit *visit); /* gate-ins: only where there were any */
void p2p_doctor_peers(struct p2p_visit *visit);    /* peers, witnesses, frames, connections */

#endif
