/* The work of a run: what people and gates ask of the nodes.
 *
 * Kinds of records come from the table of kinds (p2p_kinds): whatever may be written by a node
 * or an issuer is generated from its row, fields drawn by their types, so that a new kind is in
 * the next run by itself. Bans are drawn with sense on top of that: subjects by Zipf, several
 * officers a port, a lift names bans that exist. What is done about containers follows from
 * where each is and what the node shows (workload_custody.h). One in ten of everything is wrong
 * on purpose. */
#ifndef SIM_WORKLOAD_H
#define SIM_WORKLOAD_H

#include "chance.h"

struct sim;

/* What is asked, how much of it, and what of it is wrong (enum sim_wrong, workload_order.h).
 * The system promises, whatever a mistake is mixed with and however much comes at once:
 *
 *     malformed, or not signed, numbered     refused at the door, and nothing is appended; so
 *     or committed to as it has to be        is an entry of the charter with too few roots, or
 *                                            at a place or of a term that is not its own
 *     signed by who may not, or about        refused, or appended and without effect, for the
 *     what is not there                      same reason everywhere; it holds nothing back
 *     a second head of the charter           authority stays at the last version agreed on,
 *                                            until the roots settle it
 *     another driver or truck, an old        no container leaves by it
 *     epoch, a step without its quorum
 *     a container opened at two ports        one of them holds it, or it is frozen until
 *                                            people settle it
 *     more at once than a queue takes        refused, never acknowledged
 *
 * It does not promise to find what only people could know: a check digit that does not fit is
 * told, and the paper is looked up all the same. */
struct sim_workload_options {
    uint64_t records;   /* about so many in the whole run */
    uint32_t decisions; /* permille of works: 550 */
    uint32_t bans;      /* 270: one in four a lift, one in ten an amend */
    uint32_t other;     /* 50: every other kind there is */
    uint32_t custody;   /* 50: containers, rights, collects; in short runs 250 */
    uint32_t charter;   /* 50: grants, revocations, rotations, circles, witnesses, members */
    uint32_t wrong;     /* permille of everything: 100 */
    uint32_t rivals;    /* permille of charter works: two heads for a while, then a settle */
    uint64_t renew_after_us; /* a member that may not append is granted its next generation */
    uint32_t subjects;       /* 10,000, Zipf(1.1) */
    uint32_t boxes;          /* containers that come and go */
    uint32_t lease_s;        /* of custody; 0: as every charter begins */
    uint32_t custody_every;  /* each seed that this divides is about containers most of all */
    bool passing_on;         /* and they go on to other ports more often */
    uint32_t burst_records;  /* 500 within burst_us, every burst_every_us; 0: never */
    uint64_t burst_every_us, burst_us;
};

struct sim_workload;
struct sim_workload *sim_workload_new(struct sim *sim,
                                      const struct sim_workload_options *options);
void sim_workload_free(struct sim_workload *workload);
/* Stands the first works in the schedule, until end_us. */
void sim_workload_start(struct sim_workload *workload, uint64_t end_us);

/* Nothing new is asked before until_us, so that everybody can come to one frontier; what should
 * have been asked in between is left out. */
void sim_workload_rest(struct sim_workload *workload, uint64_t until_us);

struct sim_workload_count {
    uint64_t asked, done, refused, failed; /* works */
    uint64_t decisions, bans, lifts, other, charter, custody, wrong;
    uint64_t turned_away; /* checks answered with refuse, collects not with allow */
    uint64_t released;    /* containers let out by an answer that left */
};
struct sim_yard;
const struct sim_yard *sim_workload_yard(const struct sim_workload *workload);
struct sim_workload_count sim_workload_count(const struct sim_workload *workload);

#endif
