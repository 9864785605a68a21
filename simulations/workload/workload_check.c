/* Decisions: what gates ask. */
#include "workload_task.h"

#include <stdio.h>
#include <string.h>

#define SUBJECTS_MAX          3u
#define OTHER_EFFECT_PERMILLE 100u

static void start(struct sim_task *task, struct p2p_node *node)
{
    static const char *const gates[] = {"main", "quay-9", "rail", "truck-2"};
    static const char *const purposes[] = {"enter", "work", "call"};
    struct sim_chance *chance = &task->chance;
    if (p2p_engine_member(node->engine) == 0) {
        sim_task_refuse(task); /* the charter held here does not name it (yet) */
        return;
    }
    struct p2p_job *job = sim_task_job(task, P2P_JOB_CHECK);
    struct p2p_gate_check *check = &job->check;
    snprintf(check->gate, sizeof(check->gate), "%s", gates[sim_chance_below(chance, 4)]);
    check->subject_count =
        sim_chance_permille(chance, 700) ? 1 : sim_chance_between(chance, 1, SUBJECTS_MAX);
    for (size_t i = 0; i < check->subject_count; i++) {
        sim_subject_draw(task->workload, chance, &check->subjects[i]);
    }
    if (task->order.wrong == SIM_WRONG_IDENTIFIER) {
        sim_subject_mistype(&check->subjects[0]);
    }
    const char *usual = check->subjects[0].type->effect;
    snprintf(check->purpose, sizeof(check->purpose), "%s",
             sim_chance_permille(chance, OTHER_EFFECT_PERMILLE)
                 ? purposes[sim_chance_below(chance, 3)]
                 : usual);
    sim_task_give(node, job);
}

static void finish(struct sim_task *task, struct p2p_node *node)
{
    const struct p2p_job *job = task->jobs[0];
    (void)node;
    if (job->result.err == P2P_OK) {
        task->workload->count.turned_away += job->result.answer.answer == P2P_ANSWER_REFUSE;
        sim_watcher_decided(task->workload->sim->watcher, task->host, job);
    }
}

const struct sim_errand sim_errand_check = {start, finish, NULL, NULL};
