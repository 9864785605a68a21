#include "workload_task.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define TASK_BYTES_MAX     ((size_t)4 << 20)
#define EVERYBODY_PERMILLE 800u /* of records: in everybody's circle */

/* ---- tasks ---- */

void *sim_task_take(struct sim_task *task, size_t bytes)
{
    void *piece = p2p_arena_take(&task->arena, bytes + 1);
    p2p_assert(piece != NULL);
    memset(piece, 0, bytes + 1);
    return piece;
}

struct p2p_slice sim_task_copy(struct sim_task *task, struct p2p_slice bytes)
{
    uint8_t *copy = sim_task_take(task, bytes.len);
    if (bytes.len > 0) {
        memcpy(copy, bytes.data, bytes.len);
    }
    return p2p_slice_of(copy, bytes.len);
}

struct p2p_job *sim_task_job(struct sim_task *task, enum p2p_job_type type)
{
    p2p_assert(task->job_count < SIM_TASK_JOBS_MAX);
    struct p2p_job *job = sim_task_take(task, sizeof(*job));
    job->type = type;
    task->jobs[task->job_count++] = job;
    return job;
}

void sim_task_give(struct p2p_node *node, struct p2p_job *job)
{
    p2p_work_job(node, job);
}

void sim_task_refuse(struct sim_task *task)
{
    task->refused = true;
}

void sim_task_append(struct sim_task *task, struct p2p_node *node,
                     const struct p2p_append *record)
{
    struct p2p_job *job = sim_task_job(task, P2P_JOB_APPEND);
    struct p2p_append *kept = sim_task_take(task, sizeof(*kept));
    *kept = *record;
    job->append.records = kept;
    job->append.count = 1;
    sim_task_give(node, job);
}

static void start(struct p2p_work *work, struct p2p_node *node)
{
    struct sim_task *task = work->context;
    task->job_count = 0;
    task->errand->start(task, node);
    work->done = task->job_count == 0;
}

/* What was appended, and the size whose level is waited for. */
static void note_appended(struct sim_task *task, const struct p2p_node *node)
{
    const struct p2p_feed *own =
        p2p_ledger_feed(p2p_engine_ledger(node->engine), p2p_engine_own_feed(node->engine));
    bool appended = false;
    for (size_t i = 0; i < task->job_count; i++) {
        const struct p2p_job *job = task->jobs[i];
        if (job->result.err != P2P_OK) {
            task->refused = true;
        } else if (job->type == P2P_JOB_APPEND) {
            const struct p2p_append *record = job->append.records;
            sim_workload_remember(task->workload, &job->result.first, record->kind,
                                  record->circle);
            appended = true;
        } else if (job->type == P2P_JOB_SUBMIT || job->type == P2P_JOB_CHECK) {
            appended = !job->result.spooled;
        }
    }
    if (appended && own != NULL) {
        task->work.wait_level = task->order.level;
        task->work.wait_size = own->edge.size;
    }
}

static void finish(struct p2p_work *work, struct p2p_node *node)
{
    struct sim_task *task = work->context;
    note_appended(task, node);
    if (task->errand->finish != NULL) {
        task->errand->finish(task, node);
    }
}

static void fail(struct p2p_work *work, struct p2p_node *node, enum p2p_err err)
{
    struct sim_task *task = work->context;
    (void)node;
    (void)err;
    task->failed = true;
}

static void waited(struct p2p_work *work, struct p2p_node *node, bool reached)
{
    struct sim_task *task = work->context;
    if (task->errand->waited != NULL) {
        task->errand->waited(task, node, reached);
    }
}

static void end(struct sim_task *task)
{
    struct sim_workload_count *count = &task->workload->count;
    if (task->errand->end != NULL) {
        task->errand->end(task);
    }
    if (!task->silent) {
        count->failed += task->failed;
        count->refused += !task->failed && task->refused;
        count->done += !task->failed && !task->refused;
    }
    p2p_arena_deinit(&task->arena);
    free(task);
}

static void release(struct p2p_work *work)
{
    end(work->context);
}

struct sim_task *sim_task_new(struct sim_workload *workload, struct sim_host *host,
                              const struct sim_errand *errand, const struct sim_order *order)
{
    struct sim_task *task = calloc(1, sizeof(*task));
    p2p_assert(task != NULL);
    task->workload = workload;
    task->host = host;
    task->errand = errand;
    task->order = *order;
    task->chance = sim_chance_of(workload->sim->options.seed, "task", workload->tasks++);
    p2p_arena_init(&task->arena, p2p_alloc_default(), TASK_BYTES_MAX);
    task->work = (struct p2p_work){.start = start,
                                   .finish = finish,
                                   .fail = fail,
                                   .waited = waited,
                                   .release = release,
                                   .context = task};
    return task;
}

void sim_task_send(struct sim_task *task)
{
    if (task->host == NULL || !sim_host_work(task->host, &task->work)) {
        task->failed = true;
        end(task);
    }
}

/* ---- whom to ask ---- */

struct sim_host *sim_workload_host(const struct sim_workload *workload,
                                   struct sim_chance *chance, bool issuers)
{
    const struct sim *sim = workload->sim;
    if (sim->host_count == 0) {
        return NULL;
    }
    uint64_t first = sim_chance_below(chance, sim->host_count);
    for (uint32_t step = 0; step < sim->host_count; step++) {
        struct sim_host *host = sim->hosts[(first + step) % sim->host_count + 1];
        if (host != NULL && host->up && !host->leaves && host->member->admitted &&
            (!issuers || host->member->officer_count > 0)) {
            return host;
        }
    }
    return NULL;
}

uint32_t sim_task_circle(struct sim_task *task, const struct p2p_node *node)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    uint32_t member = p2p_engine_member(node->engine);
    uint32_t count = p2p_charter_circle_count(charter);
    const struct p2p_circle *all = p2p_charter_circle_named(charter, p2p_slice_text("all"));
    if (all != NULL && p2p_circle_has(all, member) &&
        sim_chance_permille(&task->chance, EVERYBODY_PERMILLE)) {
        return all->number;
    }
    uint64_t first = count == 0 ? 0 : sim_chance_below(&task->chance, count);
    for (uint32_t step = 0; step < count; step++) {
        const struct p2p_circle *circle =
            p2p_charter_circle(charter, (uint32_t)((first + step) % count) + 1);
        if (p2p_circle_has(circle, member)) {
            return circle->number;
        }
    }
    return 0;
}

const struct sim_officer *sim_task_officer(struct sim_task *task, const struct p2p_node *node,
                                           uint32_t *number)
{
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct sim_member *member = task->host->member;
    if (member->officer_count == 0) {
        return NULL;
    }
    const struct sim_officer *officer =
        &member->officers[sim_chance_below(&task->chance, member->officer_count)];
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(charter, p2p_slice_text(officer->name));
    if (issuer == NULL) {
        return NULL;
    }
    *number = issuer->number;
    return officer;
}

const struct sim_officer *sim_task_foreign_officer(struct sim_task *task)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    uint64_t first = sim_chance_below(&task->chance, federation->member_count);
    for (uint32_t step = 0; step < federation->member_count; step++) {
        const struct sim_member *member =
            &federation->members[(first + step) % federation->member_count + 1];
        if (member->index != task->host->member->index && member->officer_count > 0) {
            return &member->officers[sim_chance_below(&task->chance, member->officer_count)];
        }
    }
    return NULL;
}

const struct sim_officer *sim_task_revoked_officer(const struct sim_task *task)
{
    const struct sim_member *member = task->host->member;
    for (size_t i = 0; i < member->officer_count; i++) {
        if (member->officers[i].revoked) {
            return &member->officers[i];
        }
    }
    return NULL;
}

void sim_workload_remember(struct sim_workload *workload, const struct p2p_record_id *id,
                           uint32_t kind, uint32_t circle)
{
    workload->recent[workload->recent_count++ % SIM_RECENT_MAX] =
        (struct sim_recent){.id = *id, .kind = kind, .circle = circle};
}

/* ---- pace ---- */

static const struct sim_errand *errand_of(enum sim_order_type type)
{
    switch (type) {
    case SIM_ORDER_DECISION:
        return &sim_errand_check;
    case SIM_ORDER_BAN:
        return &sim_errand_ban;
    case SIM_ORDER_OTHER:
        return &sim_errand_kind;
    case SIM_ORDER_CHARTER:
        return &sim_errand_charter;
    case SIM_ORDER_CUSTODY:
        return &sim_errand_custody;
    }
    return NULL;
}

static void count_order(struct sim_workload_count *count, const struct sim_order *order)
{
    count->asked++;
    count->decisions += order->type == SIM_ORDER_DECISION;
    count->bans += order->type == SIM_ORDER_BAN;
    count->lifts += order->type == SIM_ORDER_BAN && order->kind->number == P2P_KIND_BAN_LIFT;
    count->other += order->type == SIM_ORDER_OTHER;
    count->charter += order->type == SIM_ORDER_CHARTER;
    count->custody += order->type == SIM_ORDER_CUSTODY;
    count->wrong += order->wrong != SIM_WRONG_NONE;
}

static void ask(struct sim_workload *workload)
{
    struct sim_order order;
    sim_order_draw(&order, &workload->options, &workload->orders);
    bool people = order.type == SIM_ORDER_DECISION || order.type == SIM_ORDER_BAN ||
                  order.type == SIM_ORDER_CUSTODY;
    struct sim_host *host = sim_workload_host(workload, &workload->orders, people);
    count_order(&workload->count, &order);
    sim_task_send(sim_task_new(workload, host, errand_of(order.type), &order));
}

static void happen(struct sim *sim, uint64_t subject, void *data)
{
    (void)subject;
    (void)data;
    if (sim->schedule.now_us >= sim->workload->rest_us) {
        ask(sim->workload);
    }
}

static uint64_t bursts_until(const struct sim_workload *workload, uint64_t end_us)
{
    const struct sim_workload_options *options = &workload->options;
    return options->burst_records == 0 || options->burst_every_us == 0
               ? 0
               : end_us / options->burst_every_us;
}

static void go_on(struct sim *sim, uint64_t mean_us, void *data)
{
    struct sim_workload *workload = sim->workload;
    uint64_t next = sim->schedule.now_us + sim_chance_gap(&workload->pace, mean_us);
    (void)data;
    happen(sim, 0, NULL);
    if (next < workload->end_us) {
        sim_schedule_at(&sim->schedule, next, go_on, mean_us, NULL, NULL);
    }
}

static void burst(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_workload *workload = sim->workload;
    uint64_t now = sim->schedule.now_us;
    (void)subject;
    (void)data;
    for (uint32_t i = 0; i < workload->options.burst_records; i++) {
        uint64_t later = sim_chance_below(&workload->pace, workload->options.burst_us + 1);
        sim_schedule_at(&sim->schedule, now + later, happen, 0, NULL, NULL);
    }
}

void sim_workload_start(struct sim_workload *workload, uint64_t end_us)
{
    struct sim_schedule *schedule = &workload->sim->schedule;
    uint64_t every = workload->options.burst_every_us;
    uint64_t bursts = bursts_until(workload, end_us);
    uint64_t in_bursts = bursts * workload->options.burst_records;
    workload->end_us = end_us;
    sim_workload_watch_over(workload);
    for (uint64_t i = 1; i <= bursts; i++) { /* each in the middle of its span */
        sim_schedule_at(schedule, i * every - every / 2, burst, 0, NULL, NULL);
    }
    if (workload->options.records > in_bursts) {
        uint64_t mean = end_us / (workload->options.records - in_bursts);
        sim_schedule_at(schedule, sim_chance_gap(&workload->pace, mean), go_on, mean, NULL,
                        NULL);
    }
}

void sim_workload_rest(struct sim_workload *workload, uint64_t until_us)
{
    workload->rest_us = until_us;
}

struct sim_workload *sim_workload_new(struct sim *sim,
                                      const struct sim_workload_options *options)
{
    struct sim_workload *workload = calloc(1, sizeof(*workload));
    p2p_assert(workload != NULL);
    workload->sim = sim;
    workload->options = *options;
    workload->pace = sim_chance_of(sim->options.seed, "pace", 0);
    workload->orders = sim_chance_of(sim->options.seed, "orders", 0);
    sim_zipf_init(&workload->zipf, options->subjects);
    sim_yard_init(&workload->yard, sim->options.seed, options->boxes);
    workload->charter_given = sim->federation.entry_count;
    return workload;
}

void sim_workload_free(struct sim_workload *workload)
{
    if (workload != NULL) {
        sim_zipf_deinit(&workload->zipf);
        sim_yard_deinit(&workload->yard);
        free(workload->ill_us);
        free(workload);
    }
}

const struct sim_yard *sim_workload_yard(const struct sim_workload *workload)
{
    return &workload->yard;
}

struct sim_workload_count sim_workload_count(const struct sim_workload *workload)
{
    return workload->count;
}
