/* The watcher beside a federation in which one container stands in a yard: m1 opened it, a
 * party may collect it, and each test lets it out rightly or wrongly.
 *
 * Everybody believes what his ledger says; what a gate says of itself (its lease, its copy, its
 * quorums) is the test's. */
#ifndef CUSTODY_WATCH_H
#define CUSTODY_WATCH_H

#include "right_world.h"
#include "watch_world.h"

#include "workload/workload_task.h"

#define WATCHED_DRIVER "nrn:85073003328"
#define WATCHED_TRUCK  "plate:BE:1ABC234"

struct custody_watch {
    struct watch_world w;
    struct sim_workload workload; /* its yard only */
    struct watched m1, m2, m3;
    struct p2p_record_id token, right;
    struct p2p_gate_check check; /* the question at the lane: driver and truck as named */
    uint64_t copied;             /* records in the copy of whoever is asked */
    bool ready;                  /* by his lease */
    bool hides;                  /* the charter has two heads there */
    bool voided;                 /* or had, and one was settled on */
    uint64_t quorum;             /* that he holds of every feed */
    uint32_t rounds;             /* it asked */
    uint32_t answers;            /* witnesses of m1 that answered the round it asked last */
};

/* The container stands at m1, opened, a right on it for m1's party with green lights, driver
 * and truck named; all its witnesses have answered it. */
void custody_watch_init(struct custody_watch *c);
void custody_watch_deinit(struct custody_watch *c);
/* One light of the right, by m2's party, who has `seen` everything. */
struct p2p_record_id custody_watch_light(struct custody_watch *c, enum p2p_light light,
                                         unsigned value);
/* All of them green. */
void custody_watch_lights(struct custody_watch *c);
/* A `use` of the token and the right in m1's feed, and a decision behind it. */
struct p2p_record_id custody_watch_use(struct custody_watch *c, uint64_t epoch);
/* m1 asks for a lease, now, and c->answers of its witnesses answer. */
void custody_watch_ask(struct custody_watch *c);
/* m1's gate lets it out by that record: its disk holds everything written. */
void custody_watch_left(struct custody_watch *c, const struct p2p_record_id *use);
/* One moment, in which these say what they could release. */
void custody_watch_scan(struct custody_watch *c, struct watched *const *all, size_t count);
/* The member lies. */
void custody_watch_lies(struct custody_watch *c, uint32_t member);

#endif
