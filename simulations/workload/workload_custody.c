#include "workload_custody.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define RECORD_CAP 49152u
#define HOPS_MAX   6u  /* machines that a work looks for somebody with something to do at */
#define TOKENS_MAX 24u /* of one container that are looked at; the oldest are over */

/* ---- plans ---- */

struct sim_chance *sim_plan_chance(const struct sim_plan *plan)
{
    return &plan->task->chance;
}

struct sim_box *sim_plan_box(const struct sim_plan *plan)
{
    return &plan->task->workload->yard.boxes[plan->box];
}

struct p2p_record_id sim_plan_place(const struct sim_plan *plan)
{
    uint32_t own = p2p_engine_own_feed(plan->node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(plan->node->engine), own);
    return (struct p2p_record_id){own, feed == NULL ? 0 : feed->edge.size};
}

void sim_plan_add(struct sim_plan *plan, const struct sim_move *move)
{
    if (plan->move_count < SIM_MOVES_MAX) {
        plan->moves[plan->move_count++] = *move;
    }
}

void sim_plan_pack(struct sim_plan *plan, struct p2p_pack *pack)
{
    p2p_pack_init(pack, sim_task_take(plan->task, RECORD_CAP), RECORD_CAP);
}

struct p2p_record_id *sim_plan_cites(struct sim_plan *plan, size_t count)
{
    return sim_task_take(plan->task, count * sizeof(struct p2p_record_id));
}

struct sim_memo *sim_plan_note(struct sim_plan *plan, uint32_t kind)
{
    struct sim_memo *memo = sim_task_take(plan->task, sizeof(*memo));
    *memo = (struct sim_memo){.box = plan->box, .kind = kind};
    plan->task->memo = memo;
    return memo;
}

/* ---- who does it ---- */

const struct sim_officer *sim_plan_officer(const struct sim_plan *plan, uint32_t issuer)
{
    const struct sim_member *member = plan->task->host->member;
    const struct p2p_issuer *known = p2p_charter_issuer(plan->charter, issuer);
    for (size_t i = 0; known != NULL && i < member->officer_count; i++) {
        if (strcmp(member->officers[i].name, known->name) == 0) {
            return &member->officers[i];
        }
    }
    return NULL;
}

uint32_t sim_plan_granted(const struct sim_plan *plan, const char *word, uint32_t not )
{
    const struct sim_member *member = plan->task->host->member;
    const struct p2p_record_id at = sim_plan_place(plan);
    bool wanted = plan->task->order.wrong != SIM_WRONG_NO_GRANT;
    uint64_t first = member->officer_count == 0
                         ? 0
                         : sim_chance_below(sim_plan_chance(plan), member->officer_count);
    for (size_t step = 0; step < member->officer_count; step++) {
        const struct sim_officer *officer =
            &member->officers[(first + step) % member->officer_count];
        const struct p2p_issuer *issuer =
            p2p_charter_issuer_named(plan->charter, p2p_slice_text(officer->name));
        if (issuer != NULL &&
            issuer->number !=
                not &&p2p_charter_granted(plan->charter, issuer->number, word,
                                          p2p_slice_text("*"), at.feed, at.index,
                                          p2p_charter_size(plan->charter)) == wanted) {
            return issuer->number;
        }
    }
    return 0;
}

/* ---- writing ---- */

static void spoil(struct sim_plan *plan, struct p2p_append *record,
                  const struct sim_officer **officer)
{
    const struct sim_officer *other = NULL;
    struct p2p_record_id *cites = sim_plan_cites(plan, record->cite_count);
    for (size_t i = 0; i < record->cite_count; i++) {
        cites[i] = record->cites[i];
    }
    switch (plan->task->order.wrong) {
    case SIM_WRONG_FOREIGN_ISSUER:
        other = sim_task_foreign_officer(plan->task);
        break;
    case SIM_WRONG_PAST_CUT:
        other = sim_task_revoked_officer(plan->task);
        break;
    case SIM_WRONG_UNKNOWN_ISSUER:
        record->issuer = p2p_charter_issuer_count(plan->charter) + 7;
        break;
    case SIM_WRONG_NO_CITE:
        record->cite_count = 0;
        break;
    case SIM_WRONG_MISSING_CITE:
        if (record->cite_count > 0) {
            cites[0].index += UINT64_C(1) << sim_chance_between(sim_plan_chance(plan), 20, 40);
        }
        break;
    case SIM_WRONG_CITE_KIND:
        if (record->cite_count > 0) {
            cites[0].index = 0; /* every feed begins with its address */
        }
        break;
    default:
        break;
    }
    record->cites = cites;
    const struct p2p_issuer *issuer =
        other == NULL ? NULL
                      : p2p_charter_issuer_named(plan->charter, p2p_slice_text(other->name));
    if (issuer != NULL) {
        *officer = other;
        record->issuer = issuer->number;
    }
}

/* What stands in the yard is looked at in the moment in which it is written down. */
static bool is_about_the_yard(uint32_t kind)
{
    return kind == P2P_KIND_CUSTODY_OPEN || kind == P2P_KIND_RECOUNT ||
           kind == P2P_KIND_CUSTODY_ACCEPT || kind == P2P_KIND_OVERRIDE;
}

void sim_plan_write(struct sim_plan *plan, const struct p2p_append *record, uint32_t issuer)
{
    struct p2p_append written = *record;
    const struct sim_officer *officer = sim_plan_officer(plan, issuer);
    if (officer == NULL) {
        plan->task->memo = NULL;
        sim_task_refuse(plan->task);
        return;
    }
    bool outside = sim_order_goes_outside(&plan->task->order);
    written.issuer = issuer;
    if (!outside || !is_about_the_yard(record->kind)) {
        spoil(plan, &written, &officer);
    }
    written.key = &officer->key;
    if (outside && !is_about_the_yard(record->kind)) {
        sim_task_prepare(plan->task, plan->node, &written, &officer->key);
    } else {
        sim_task_append(plan->task, plan->node, &written);
    }
}

/* ---- what can be done ---- */

static void look_at(struct sim_plan *plan, const struct p2p_custody *custody)
{
    bool has_right = false;
    if (!p2p_custody_is_over(custody->state) || custody->state == P2P_CUSTODY_RELEASED) {
        sim_right_moves(plan, custody, &has_right);
    }
    if (!p2p_custody_is_over(custody->state)) {
        sim_step_moves(plan, custody, has_right);
    }
}

/* All tokens of the box that the node shows, in the circles it is in. */
static void gather(struct sim_plan *plan)
{
    const struct p2p_gate_place *place = p2p_engine_place(plan->node->engine);
    struct p2p_slice container = p2p_slice_text(sim_plan_box(plan)->number);
    struct p2p_custody open_one = {.circle = 0};
    size_t open_count = 0;
    for (size_t i = 0; i < place->circle_count; i++) {
        struct p2p_record_id id = {0, 0};
        for (unsigned n = 0;
             n < TOKENS_MAX && p2p_custody_next_of(plan->node->kv, place->circles[i], container,
                                                   &id, n == 0, &id) == P2P_OK;
             n++) {
            struct p2p_custody custody;
            if (p2p_custody_get(plan->node->kv, place->circles[i], &id, &custody) != P2P_OK) {
                continue;
            }
            look_at(plan, &custody);
            if (!p2p_custody_is_over(custody.state)) {
                open_one = custody;
                open_count++;
            }
        }
    }
    sim_arrival_moves(plan, open_count, &open_one);
}

static const struct sim_move *draw(const struct sim_plan *plan)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < plan->move_count; i++) {
        sum += plan->moves[i].weight;
    }
    if (sum == 0) {
        return NULL;
    }
    uint64_t drawn = sim_chance_below(sim_plan_chance(plan), sum);
    size_t i = 0;
    while (drawn >= plan->moves[i].weight) {
        drawn -= plan->moves[i++].weight;
    }
    return &plan->moves[i];
}

/* Whether something waits for this machine's people, beside what they may do at any time. */
static bool is_due(const struct sim_plan *plan)
{
    uint32_t due =
        plan->task->order.wrong == SIM_WRONG_FEW_WITNESSES ? SIM_MOVE_ONLY : SIM_MOVE_DUE;
    for (size_t i = 0; i < plan->move_count; i++) {
        if (plan->moves[i].weight >= due) {
            return true;
        }
    }
    return false;
}

static void start(struct sim_task *task, struct p2p_node *node)
{
    struct sim_workload *workload = task->workload;
    uint32_t count = workload->yard.box_count;
    uint64_t first = count == 0 ? 0 : sim_chance_below(&task->chance, count);
    struct sim_plan *plan = sim_task_take(task, sizeof(*plan));
    const struct sim_move *move = NULL;
    *plan = (struct sim_plan){
        .task = task, .node = node, .charter = p2p_engine_ledger(node->engine)->charter};
    if (p2p_engine_own_feed(node->engine) == 0 || task->host->member->officer_count == 0) {
        sim_task_refuse(task);
        return;
    }
    for (uint32_t step = 0; step < count && move == NULL; step++) {
        plan->box = (uint32_t)((first + step) % count);
        plan->move_count = 0;
        gather(plan);
        move = is_due(plan) ? draw(plan) : NULL;
    }
    if (move == NULL && task->order.hops < HOPS_MAX) {
        task->passes_on = true;
        return;
    }
    move = move == NULL ? draw(plan) : move;
    if (move == NULL) {
        sim_task_refuse(task);
        return;
    }
    move->make(plan, move);
}

/* Somebody at another port has more to do. */
static void pass_on(struct sim_task *task)
{
    struct sim_order order = task->order;
    order.hops++;
    struct sim_host *host = sim_workload_host(task->workload, &task->chance, true);
    task->silent = true;
    sim_task_send(sim_task_new(task->workload, host, &sim_errand_custody, &order));
}

/* ---- what follows ---- */

static void stands(struct sim_task *task, const struct p2p_record_id *id)
{
    struct sim_workload *workload = task->workload;
    const struct sim_memo *memo = task->memo;
    struct sim_box *box = &workload->yard.boxes[memo->box];
    if (memo->kind == P2P_KIND_CUSTODY_OPEN) {
        const struct sim_opening opening = {.token = *id,
                                            .box = memo->box,
                                            .visit = box->visit,
                                            .member = task->host->member->index};
        sim_yard_opened(&workload->yard, &opening);
    } else if (memo->comes && box->stands) {
        box->port = task->host->member->index;
    }
}

static void finish(struct sim_task *task, struct p2p_node *node)
{
    if (task->collect != NULL) {
        sim_collect_finish(task, node);
    } else if (task->papers != NULL) {
        sim_task_prepared(task, node);
    } else if (task->memo != NULL && !task->refused && task->job_count > 0) {
        stands(task, &task->jobs[0]->result.first);
    }
}

static void waited(struct sim_task *task, struct p2p_node *node, bool reached)
{
    if (task->collect != NULL) {
        sim_collect_waited(task, node, reached);
    }
}

/* Somebody else looks at it and seconds it, at the same machine. */
static void second(struct sim_task *task)
{
    const struct sim_order order = {.type = SIM_ORDER_CUSTODY, .level = P2P_LEVEL_LOCAL};
    struct sim_task *next =
        sim_task_new(task->workload, task->host, &sim_errand_approve, &order);
    struct sim_memo *memo = sim_task_take(next, sizeof(*memo));
    *memo = *task->memo;
    memo->kind = 0;
    memo->override = task->jobs[0]->result.first;
    next->memo = memo;
    next->silent = true;
    sim_task_send(next);
}

static void end(struct sim_task *task)
{
    if (task->passes_on && !task->failed) {
        pass_on(task);
    } else if (task->collect != NULL) {
        sim_collect_end(task);
    } else if (task->papers != NULL) {
        sim_task_submit(task);
    } else if (task->memo != NULL && task->memo->kind == P2P_KIND_OVERRIDE && !task->failed &&
               !task->refused) {
        second(task);
    }
}

const struct sim_errand sim_errand_custody = {start, finish, end, waited};
