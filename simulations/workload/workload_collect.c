/* Collects: a truck stands at a lane, and the gate asks. Now and then two lanes ask at once, or
 * the same is asked again, or at another port; or it is another driver than the one named. */
#include "workload_custody.h"

#include <p2p/assert.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIRROR_WAIT_MS 2000u
#define AGAIN_US_MAX   (6 * SIM_SECOND)
#define ONE_IN_THE_WAY 40u /* weight: a driver comes early, or hopes */

/* ---- who comes ---- */

static const struct sim_trip *trip_of(const struct sim_box *box, const struct p2p_right *right)
{
    for (size_t i = 0; i < SIM_TRIPS_MAX; i++) {
        const struct sim_trip *trip = &box->trips[i];
        if (trip->packed_len > 0 &&
            p2p_slice_equal(p2p_slice_of(trip->packed, trip->packed_len), right->driver)) {
            return trip;
        }
    }
    return NULL;
}

static void present(struct p2p_gate_check *check, const struct p2p_subject *subject)
{
    check->subjects[check->subject_count++] = *subject;
}

static void draw_card(struct sim_plan *plan, struct p2p_gate_check *check)
{
    sim_subject_draw(plan->task->workload, sim_plan_chance(plan),
                     &check->subjects[check->subject_count++]);
}

static void draw_gate(struct sim_chance *chance, struct p2p_gate_check *check)
{
    static const char *const lanes[] = {"lane-1", "lane-2", "lane-3", "lane-4"};
    snprintf(check->gate, sizeof(check->gate), "%s", lanes[sim_chance_below(chance, 4)]);
}

static void fill_check(struct sim_plan *plan, const struct p2p_right *right,
                       struct p2p_gate_check *check)
{
    const struct sim_trip *trip = trip_of(sim_plan_box(plan), right);
    bool other_driver = plan->task->order.wrong != SIM_WRONG_NONE;
    bool other_truck = plan->task->order.wrong == SIM_WRONG_TRUCK;
    draw_gate(sim_plan_chance(plan), check);
    snprintf(check->purpose, sizeof(check->purpose), "enter");
    snprintf(check->container, sizeof(check->container), "%s", sim_plan_box(plan)->number);
    if (trip == NULL || (other_driver && !other_truck)) {
        draw_card(plan, check);
    } else {
        present(check, &trip->driver);
    }
    if (trip != NULL && trip->has_truck && !other_truck) {
        present(check, &trip->truck);
    } else if (other_truck) {
        draw_card(plan, check);
    }
    if (trip != NULL && trip->has_company && sim_chance_permille(sim_plan_chance(plan), 500)) {
        present(check, &trip->company);
    }
}

/* ---- one question ---- */

static void ask(struct sim_task *task, struct p2p_node *node)
{
    struct p2p_job *job = sim_task_job(task, P2P_JOB_COLLECT);
    job->check = task->collect->check;
    sim_task_give(node, job);
}

/* As the route of the API does: an allow waits until somebody else holds the release, and never
 * leaves on a copy that cannot be written. */
void sim_collect_finish(struct sim_task *task, struct p2p_node *node)
{
    const struct p2p_job *job = task->jobs[0];
    if (job->result.err != P2P_OK) {
        return;
    }
    bool allowed = job->result.answer.answer == P2P_ANSWER_ALLOW;
    bool released = allowed && job->result.release.feed != 0;
    task->workload->count.turned_away += !allowed;
    if (task->workload->sim->watcher != NULL) {
        sim_watcher_decided(task->workload->sim->watcher, task->host, job);
    }
    if (released && node->copy_failed) {
        task->collect->held_back = true;
    } else if (released && node->config.release_level == P2P_RELEASE_MIRRORED) {
        task->collect->held_back = true; /* until waited says otherwise */
        task->work.wait_level = P2P_LEVEL_MIRRORED;
        task->work.wait_size = job->result.release.index + 1;
        task->work.wait_ms = MIRROR_WAIT_MS;
    }
}

void sim_collect_waited(struct sim_task *task, struct p2p_node *node, bool reached)
{
    task->collect->held_back =
        !reached || node->engine_lost ||
        !p2p_engine_release_take(node->engine, &task->jobs[0]->result.release);
}

/* The barrier opens: if the container stands there, it leaves. */
void sim_collect_end(struct sim_task *task)
{
    const struct p2p_job *job = task->job_count > 0 ? task->jobs[0] : NULL;
    struct sim *sim = task->workload->sim;
    if (job == NULL || task->failed || task->collect->held_back || job->result.err != P2P_OK ||
        job->result.answer.answer != P2P_ANSWER_ALLOW) {
        return;
    }
    task->workload->count.released++;
    sim_story_tell(&sim->story, sim->schedule.now_us, task->host->name, "lets out %s by %llu",
                   job->check.container, (unsigned long long)job->check.use);
    if (sim->watcher != NULL) {
        sim_watcher_left(sim->watcher, task->host, job);
        sim_watcher_scan(sim->watcher); /* somebody else, at the same moment? */
    }
    sim_yard_leave(&task->workload->yard, job->check.container, task->host->member->index);
}

const struct sim_errand sim_errand_collect = {ask, sim_collect_finish, sim_collect_end,
                                              sim_collect_waited};

/* ---- and again ---- */

struct later {
    uint32_t host;
    struct p2p_gate_check check;
};

static void ask_later(struct sim *sim, uint64_t subject, void *data)
{
    struct later *later = data;
    const struct sim_order order = {.type = SIM_ORDER_CUSTODY, .level = P2P_LEVEL_LOCAL};
    struct sim_task *task =
        sim_task_new(sim->workload, sim->hosts[later->host], &sim_errand_collect, &order);
    (void)subject;
    task->collect = sim_task_take(task, sizeof(*task->collect));
    task->collect->check = later->check;
    task->silent = true;
    free(later);
    sim_task_send(task);
}

static void again(struct sim_plan *plan, uint32_t host, bool other_lane, uint64_t after_us)
{
    struct sim_schedule *schedule = &plan->task->workload->sim->schedule;
    struct later *later = calloc(1, sizeof(*later));
    p2p_assert(later != NULL);
    later->host = host;
    later->check = plan->task->collect->check;
    if (other_lane) {
        draw_gate(sim_plan_chance(plan), &later->check);
    }
    sim_schedule_at(schedule, schedule->now_us + after_us, ask_later, 0, later, free);
}

static void make_collect(struct sim_plan *plan, const struct sim_move *move)
{
    struct sim_task *task = plan->task;
    struct sim_chance *chance = sim_plan_chance(plan);
    struct p2p_right right;
    if (p2p_right_get(plan->node->kv, move->circle, &move->right, &right) != P2P_OK) {
        sim_task_refuse(task);
        return;
    }
    task->collect = sim_task_take(task, sizeof(*task->collect));
    fill_check(plan, &right, &task->collect->check);
    ask(task, plan->node);
    uint32_t host = task->host->number;
    if (sim_chance_permille(chance, 250)) { /* two lanes */
        again(plan, host, true, sim_chance_below(chance, 5) * SIM_MS);
    }
    if (sim_chance_permille(chance, 250)) { /* the same once more */
        again(plan, host, false, sim_chance_below(chance, AGAIN_US_MAX));
    }
    if (sim_chance_permille(chance, 150)) { /* at another port */
        struct sim_host *other = sim_workload_host(task->workload, chance, true);
        again(plan, other != NULL ? other->number : host, false,
              sim_chance_below(chance, AGAIN_US_MAX));
    }
}

/* ---- moves ---- */

/* How many things are in the way of a container that a party may collect; as many as can be
 * when nobody may. */
static unsigned count_obstacles(const struct sim_plan *plan, const struct p2p_custody *custody,
                                const struct p2p_right *right)
{
    struct p2p_engine *engine = plan->node->engine;
    uint64_t now_ms = plan->node->now.wall_ms;
    unsigned count = custody->frozen != 0;
    if (custody->state != P2P_CUSTODY_HELD || custody->holder != p2p_engine_own_feed(engine) ||
        right->driver.len == 0) {
        return UINT_MAX;
    }
    count += p2p_engine_custody(engine, &plan->node->now, NULL) != P2P_CUSTODY_READY;
    count += right->below != P2P_RIGHT_ACTIVE;
    count += right->slot_until_ms != 0 && right->override.by.feed == 0 &&
             (now_ms < right->slot_from_ms || now_ms >= right->slot_until_ms);
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        count += right->lights[i] != 0 && (right->override.lights >> i & 1) == 0;
    }
    return count + (right->block_count > 0 && !right->override.blocks);
}

void sim_collect_moves(struct sim_plan *plan, const struct p2p_custody *custody,
                       const struct p2p_right *right)
{
    bool wrong = plan->task->order.wrong == SIM_WRONG_DRIVER ||
                 plan->task->order.wrong == SIM_WRONG_TRUCK;
    unsigned obstacles = count_obstacles(plan, custody, right);
    const struct sim_move move = {.weight = wrong            ? 300
                                            : obstacles == 0 ? 80
                                            : obstacles == 1 ? ONE_IN_THE_WAY
                                                             : 2,
                                  .make = make_collect,
                                  .circle = custody->circle,
                                  .token = custody->id,
                                  .right = right->id};
    sim_plan_add(plan, &move);
}
