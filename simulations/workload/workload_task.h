/* One work on its way: given to a machine's writer, followed to its end. Private to
 * workload*.c.
 *
 *     send --> start (in a batch: draws what to ask, gives jobs)
 *          --> finish (the batch is durable) --> done (the reply left) --> freed
 *     A machine that fails on the way: counted as failed, and freed. */
#ifndef SIM_WORKLOAD_TASK_H
#define SIM_WORKLOAD_TASK_H

#include "sim.h"
#include "workload_order.h"
#include "yard.h"

#include <p2p/ban.h>

struct sim_task;
struct sim_memo;
struct sim_collect;

struct sim_errand {
    /* As p2p_work: gives jobs with sim_task_job, or calls sim_task_refuse. */
    void (*start)(struct sim_task *task, struct p2p_node *node);
    void (*finish)(struct sim_task *task, struct p2p_node *node); /* NULL: nothing to do */
    /* The task has ended, well or not; may send others. NULL: nothing to do. */
    void (*end)(struct sim_task *task);
    /* The level that finish asked for is reached, or not in time. NULL: nothing to do. */
    void (*waited)(struct sim_task *task, struct p2p_node *node, bool reached);
};

#define SIM_TASK_JOBS_MAX 16u

struct sim_task {
    struct p2p_work work;
    struct sim_workload *workload;
    struct sim_host *host;
    const struct sim_errand *errand;
    struct sim_order order;
    struct sim_chance chance;
    struct p2p_arena arena; /* what its jobs point to */
    struct p2p_job *jobs[SIM_TASK_JOBS_MAX];
    size_t job_count;
    bool refused;                   /* by the node, or nobody could do it */
    bool failed;                    /* no reply came */
    bool silent;                    /* a part of another work: not counted */
    bool passes_on;                 /* somebody else is to do it */
    struct sim_task_signed *papers; /* of a record signed outside; owned */
    struct sim_task_entry *entry;   /* of a change of the charter; in the arena */
    struct sim_memo *memo;          /* of what is done about a container; in the arena */
    struct sim_collect *collect;    /* of a question at a lane; in the arena */
};

#define SIM_RECENT_MAX 32u

struct sim_recent {
    struct p2p_record_id id;
    uint32_t kind;
    uint32_t circle;
};

struct sim_workload {
    struct sim *sim;
    struct sim_workload_options options;
    struct sim_chance pace, orders;
    struct sim_zipf zipf;
    struct sim_yard yard;
    uint64_t end_us, rest_us;
    uint64_t tasks;                           /* ever made */
    struct sim_recent recent[SIM_RECENT_MAX]; /* a ring of what was appended last */
    uint64_t recent_count;
    uint64_t charter_given; /* entries that some node has taken */
    bool charter_gives;     /* somebody is on the way with the next ones */
    uint64_t *ill_us;       /* by member index: when its machine was found so; 0: it is not */
    struct sim_workload_count count;
};

/* A task for one machine; freed at its end. */
struct sim_task *sim_task_new(struct sim_workload *workload, struct sim_host *host,
                              const struct sim_errand *errand, const struct sim_order *order);
/* Hands it to its machine. */
void sim_task_send(struct sim_task *task);
/* Memory that lives as long as the task, zeroed. */
void *sim_task_take(struct sim_task *task, size_t bytes);
struct p2p_slice sim_task_copy(struct sim_task *task, struct p2p_slice bytes);
/* One zeroed job more, to be filled and given. */
struct p2p_job *sim_task_job(struct sim_task *task, enum p2p_job_type type);
void sim_task_give(struct p2p_node *node, struct p2p_job *job);
void sim_task_refuse(struct sim_task *task);
/* One record to append, by an officer of the machine's member or by the node itself. */
void sim_task_append(struct sim_task *task, struct p2p_node *node,
                     const struct p2p_append *record);

/* ---- whom to ask ---- */

/* A machine that is up, of a member, drawn; issuers: of one that has some. NULL when there is
 * none. */
struct sim_host *sim_workload_host(const struct sim_workload *workload,
                                   struct sim_chance *chance, bool issuers);
/* The circle of a record: mostly everybody's; 0 when the member is in none. */
uint32_t sim_task_circle(struct sim_task *task, const struct p2p_node *node);
/* One of the officers of the machine's member that the node knows; NULL when there is none. */
const struct sim_officer *sim_task_officer(struct sim_task *task, const struct p2p_node *node,
                                           uint32_t *number);

/* An officer of another member than the machine's; one of its own whose grants were cut. NULL
 * when there is none. */
const struct sim_officer *sim_task_foreign_officer(struct sim_task *task);
const struct sim_officer *sim_task_revoked_officer(const struct sim_task *task);

/* ---- errands ---- */

extern const struct sim_errand sim_errand_custody;
extern const struct sim_errand sim_errand_open;
extern const struct sim_errand sim_errand_collect;
extern const struct sim_errand sim_errand_check;
extern const struct sim_errand sim_errand_ban;
extern const struct sim_errand sim_errand_kind;
extern const struct sim_errand sim_errand_charter;

/* The record is prepared at the node, signed by its issuer somewhere else, and submitted; with
 * what the order says is wrong. */
void sim_task_prepare(struct sim_task *task, struct p2p_node *node,
                      const struct p2p_append *record, const struct p2p_issuer_secret *key);
void sim_task_prepared(struct sim_task *task, struct p2p_node *node);
void sim_task_submit(struct sim_task *task);

/* Makes sure that what the roots sealed comes to some node. */
void sim_workload_give_charter(struct sim_workload *workload);

/* To be asked now and then: what they gave may lie where nobody hears of it. */
void sim_workload_charter_left(struct sim_workload *workload);

/* ---- workload_renew.c ---- */

/* Looks for members whose machines may not append, from now until the run's end. */
void sim_workload_watch_over(struct sim_workload *workload);

/* A change of the charter, as the roots draft it. */
struct sim_change_draft {
    struct sim_workload *workload;
    struct sim_chance *chance;
    enum sim_change change;
    uint32_t member;       /* index: whose officer is cut, if one is */
    struct p2p_slice note; /* a quorum-cosigned checkpoint of that member's feed; empty: none */
    const struct p2p_op_reassign *reassign; /* what there is to reassign, or NULL */
    struct sim_draft draft;
    struct sim_officer officer; /* of `member`: granted or cut; no name: nobody is */
};
/* False: there is nothing to change. */
bool sim_change_draw(struct sim_change_draft *change);
/* Once the draft is sealed: what follows for the officers. */
void sim_change_follow(struct sim_change_draft *change);

/* Remembers what was appended, for others to cite. */
void sim_workload_remember(struct sim_workload *workload, const struct p2p_record_id *id,
                           uint32_t kind, uint32_t circle);

/* ---- subjects ---- */

/* The rank-th of all subjects of this run: ships, cards, documents, companies, plates, people.
 */
void sim_subject_of(const struct sim_workload *workload, size_t rank, struct p2p_subject *out);
void sim_subject_draw(const struct sim_workload *workload, struct sim_chance *chance,
                      struct p2p_subject *out);
/* The same with a check digit that does not fit; one that has none stays as it is. */
void sim_subject_mistype(struct p2p_subject *subject);

/* Draws the content of a record of this kind, each field by its type; wrong: not as the kind
 * wants it. key: for subjects that stand as tokens. */
void sim_kind_fill(struct p2p_pack *pack, const struct p2p_kind *kind,
                   const struct sim_workload *workload, struct sim_chance *chance,
                   uint64_t now_ms, const struct p2p_circle_secret *key, bool wrong);

#endif
