/* What the people of terminals, carriers and forwarders, customs and gates do about containers:
 * one work is one sensible next thing that somebody at one machine does about one container,
 * drawn from all that its node shows can be done now. Private to workload_custody.c,
 * workload_step.c, workload_right.c and workload_collect.c. */
#ifndef SIM_WORKLOAD_CUSTODY_H
#define SIM_WORKLOAD_CUSTODY_H

#include "workload_task.h"

#include <p2p/grant.h>
#include <p2p/right.h>

#define SIM_MOVES_MAX 160u /* more are not drawn from */
#define SIM_MOVE_DUE  10u  /* weight of what somebody waits for */
#define SIM_MOVE_ONLY 400u /* of what shows what the order says is wrong */

struct sim_plan;

/* One thing that could be done. */
struct sim_move {
    uint32_t weight;
    /* Gives jobs, or calls sim_task_refuse. */
    void (*make)(struct sim_plan *plan, const struct sim_move *move);
    uint32_t kind; /* of the record */
    uint32_t circle;
    struct p2p_record_id token;
    struct p2p_record_id right; /* feed 0: it is about none */
    uint32_t issuer;            /* who does it; 0: whoever is granted it */
    unsigned detail;            /* a light */
};

struct sim_plan {
    struct sim_task *task;
    struct p2p_node *node;
    const struct p2p_charter *charter;
    uint32_t box; /* that it is about */
    struct sim_move moves[SIM_MOVES_MAX];
    size_t move_count;
};

/* What a task has to do when its record stands. */
struct sim_memo {
    uint32_t box;
    uint32_t kind;                 /* of what was written; 0: nothing to do */
    bool comes;                    /* the container is in this yard then */
    uint32_t circle, issuer;       /* its author */
    struct p2p_record_id right;    /* OVERRIDE: to be seconded */
    struct p2p_record_id override; /* APPROVE: what it seconds */
};

/* A question at a lane. */
struct sim_collect {
    struct p2p_gate_check check;
    bool held_back; /* allowed, and not answered so */
};

struct sim_chance *sim_plan_chance(const struct sim_plan *plan);
struct sim_box *sim_plan_box(const struct sim_plan *plan);
/* Where the member's next record comes to stand. */
struct p2p_record_id sim_plan_place(const struct sim_plan *plan);
void sim_plan_add(struct sim_plan *plan, const struct sim_move *move);
/* The officer with that number, of this member; NULL. */
const struct sim_officer *sim_plan_officer(const struct sim_plan *plan, uint32_t issuer);
/* One of this member who is granted that word here, but `not` (0: anybody); or, where the order
 * wants it so, one who is not. 0 when there is none. */
uint32_t sim_plan_granted(const struct sim_plan *plan, const char *word, uint32_t not );
/* Writes a record by that officer, here or signed outside, with what the order says is wrong.
 * cites, content and payload live as long as the task. */
void sim_plan_write(struct sim_plan *plan, const struct p2p_append *record, uint32_t issuer);
/* A pack with room for a record; lives as long as the task. */
void sim_plan_pack(struct sim_plan *plan, struct p2p_pack *pack);
struct p2p_record_id *sim_plan_cites(struct sim_plan *plan, size_t count);
/* Notes what follows once the record stands. */
struct sim_memo *sim_plan_note(struct sim_plan *plan, uint32_t kind);

/* ---- workload_step.c: custody ---- */

/* What can be done about a container that has these tokens in the node's views: about one of
 * them, or, after them, about coming and opening. open_count: of those that are not over. */
void sim_step_moves(struct sim_plan *plan, const struct p2p_custody *custody, bool has_right);
void sim_arrival_moves(struct sim_plan *plan, size_t open_count,
                       const struct p2p_custody *open_one);

/* ---- workload_right.c ---- */

/* *has_right [out]: one stands that is not ended. */
void sim_right_moves(struct sim_plan *plan, const struct p2p_custody *custody, bool *has_right);
extern const struct sim_errand sim_errand_approve;

/* ---- workload_collect.c ---- */

void sim_collect_moves(struct sim_plan *plan, const struct p2p_custody *custody,
                       const struct p2p_right *right);
/* What follows of an errand that asked at a lane. */
void sim_collect_finish(struct sim_task *task, struct p2p_node *node);
void sim_collect_waited(struct sim_task *task, struct p2p_node *node, bool reached);
void sim_collect_end(struct sim_task *task);

#endif
