/* Custody: what terminals write of containers that stand in their yards, or that others offer
 * them. */
#include "workload_custody.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define TWICE_PERMILLE  60u /* of arrivals: another port believes that it came there */
#define NOTE_HEAD_LINES 5u  /* origin, size, root, an empty one, the first signature */
#define SEALS_MAX       P2P_CUSTODY_SEALS_MAX
#define ONLY_WITHDRAWN  (P2P_FROZEN_RIVAL | P2P_FROZEN_TOO_LONG)

static uint32_t own_feed(const struct sim_plan *plan)
{
    return p2p_engine_own_feed(plan->node->engine);
}

static uint32_t own_index(const struct sim_plan *plan)
{
    return plan->task->host->member->index;
}

static bool read_token(const struct sim_plan *plan, const struct sim_move *move,
                       struct p2p_custody *out)
{
    return p2p_custody_get(plan->node->kv, move->circle, &move->token, out) == P2P_OK;
}

/* ---- opening ---- */

static void write_open(struct sim_plan *plan, uint32_t kind, const struct sim_move *move)
{
    struct p2p_append record = {.kind = kind, .circle = move->circle};
    const struct p2p_slice container = p2p_slice_text(sim_plan_box(plan)->number);
    char facility[P2P_FACILITY_BYTES_MAX + 1];
    struct p2p_pack pack;
    enum p2p_err err;
    snprintf(facility, sizeof(facility), "%.24s-f1", plan->task->host->member->name);
    sim_plan_pack(plan, &pack);
    if (kind == P2P_KIND_CUSTODY_OPEN) {
        record.circle = sim_task_circle(plan->task, plan->node);
        err = p2p_custody_open_pack(&pack, container, p2p_slice_text("MSC-4711"),
                                    p2p_slice_text(facility));
    } else {
        struct p2p_record_id *cites = sim_plan_cites(plan, 1);
        cites[0] = move->token;
        record.cites = cites;
        record.cite_count = 1;
        err = p2p_custody_gate_in_pack(&pack, container, p2p_slice_text(facility));
    }
    p2p_assert(err == P2P_OK);
    record.payload = p2p_pack_slice(&pack);
    if (record.circle == 0) {
        sim_task_refuse(plan->task); /* it is in none */
        return;
    }
    sim_plan_note(plan, kind == P2P_KIND_CUSTODY_OPEN ? kind : 0);
    sim_plan_write(plan, &record, sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_CUSTODY), 0));
}

static void make_open(struct sim_plan *plan, const struct sim_move *move)
{
    write_open(plan, move->kind, move);
}

/* The same container at another port at the same time, by mistake. */
static void open_elsewhere(struct sim_plan *plan)
{
    const struct sim_order order = {.type = SIM_ORDER_CUSTODY, .level = P2P_LEVEL_LOCAL};
    struct sim_workload *workload = plan->task->workload;
    struct sim_host *host = sim_workload_host(workload, sim_plan_chance(plan), true);
    if (host == NULL || host->member->index == own_index(plan)) {
        return;
    }
    struct sim_task *task = sim_task_new(workload, host, &sim_errand_open, &order);
    struct sim_memo *memo = sim_task_take(task, sizeof(*memo));
    memo->box = plan->box;
    task->memo = memo;
    task->silent = true;
    sim_task_send(task);
}

static void make_arrival(struct sim_plan *plan, const struct sim_move *move)
{
    sim_yard_arrive(&plan->task->workload->yard, plan->box, own_index(plan));
    make_open(plan, move);
    if (sim_chance_permille(sim_plan_chance(plan), TWICE_PERMILLE)) {
        open_elsewhere(plan);
    }
}

void sim_arrival_moves(struct sim_plan *plan, size_t open_count,
                       const struct p2p_custody *open_one)
{
    const struct sim_box *box = sim_plan_box(plan);
    const struct sim_opening *opening =
        sim_yard_opening(&plan->task->workload->yard, &open_one->id);
    bool here = box->stands && box->port == own_index(plan);
    bool twice = plan->task->order.wrong == SIM_WRONG_TWICE;
    struct sim_move move = {.weight = 10, .make = make_arrival, .kind = P2P_KIND_CUSTODY_OPEN};
    if (open_count > 0) { /* papers of an earlier visit */
        move.kind = P2P_KIND_CUSTODY_GATE_IN;
        move.token = open_one->id;
        move.circle = open_one->circle;
    }
    if (box->stands) {
        bool earlier = opening != NULL && opening->visit != box->visit;
        move.make = make_open;
        move.weight = twice ? 50 : here && (open_count == 0 || earlier) ? 40 : 0;
    }
    sim_plan_add(plan, &move);
}

/* ---- what a step rests on ---- */

/* The newest quorum-cosigned checkpoint of a feed; false: none above that index is known. */
static bool rest_on(struct sim_plan *plan, uint32_t feed, uint64_t index,
                    struct p2p_slice *note)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(plan->node->engine);
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(plan->node->engine, feed);
    char *text = sim_task_take(plan->task, P2P_CUSTODY_NOTE_BYTES);
    size_t len = 0;
    if (witnessing == NULL || witnessing->quorum_size <= index ||
        p2p_witnessing_note(witnessing, ledger->charter, p2p_ledger_feed(ledger, feed),
                            plan->node->kv, text, P2P_CUSTODY_NOTE_BYTES, &len) != P2P_OK) {
        return false;
    }
    *note = p2p_slice_of(text, len);
    return true;
}

/* The same note with the signature of the feed alone. */
static struct p2p_slice leave_witnesses_out(struct p2p_slice note)
{
    size_t at = 0;
    for (unsigned lines = 0; at < note.len && lines < NOTE_HEAD_LINES; at++) {
        lines += note.data[at] == '\n';
    }
    return p2p_slice_of(note.data, at);
}

/* comes: the container is in this yard once that stands: the barge has arrived, or who holds it
 * keeps the yard in which it was found. */
static void write_step(struct sim_plan *plan, const struct sim_move *move,
                       struct p2p_custody_step *step, const struct p2p_record_id *second,
                       uint32_t issuer, bool comes)
{
    struct p2p_append record = {.kind = move->kind, .circle = move->circle};
    struct p2p_record_id *cites = sim_plan_cites(plan, 2);
    struct p2p_slice notes[1];
    struct p2p_pack pack;
    cites[record.cite_count++] = move->token;
    if (second != NULL) {
        cites[record.cite_count++] = *second;
    }
    record.cites = cites;
    if (plan->task->order.wrong == SIM_WRONG_EPOCH) {
        step->epoch += sim_chance_permille(sim_plan_chance(plan), 500) ? 1 : UINT64_MAX;
    } else if (plan->task->order.wrong == SIM_WRONG_NO_RESTS) {
        step->rests_count = 0;
    } else if (plan->task->order.wrong == SIM_WRONG_FEW_WITNESSES && step->rests_count > 0) {
        notes[0] = leave_witnesses_out(step->rests[0]);
        step->rests = notes;
    }
    sim_plan_pack(plan, &pack);
    enum p2p_err err = p2p_custody_step_pack(&pack, step);
    p2p_assert(err == P2P_OK);
    record.content = p2p_pack_slice(&pack);
    sim_plan_note(plan, move->kind)->comes = comes;
    sim_plan_write(plan, &record, issuer);
}

/* A step of the holder's; or, wrongly, of somebody else. */
static void make_held(struct sim_plan *plan, const struct sim_move *move)
{
    struct p2p_custody custody;
    struct p2p_slice note;
    struct p2p_custody_step step = {.rests = &note};
    if (!read_token(plan, move, &custody) ||
        (custody.rests_feed != 0 &&
         !rest_on(plan, custody.rests_feed, custody.rests_index, &note))) {
        sim_task_refuse(plan->task);
        return;
    }
    step.rests_count = custody.rests_feed != 0 ? 1 : 0;
    step.epoch = custody.epoch + (move->kind == P2P_KIND_CUSTODY_OFFER);
    if (move->kind == P2P_KIND_CUSTODY_OFFER) {
        uint32_t members = p2p_charter_member_count(plan->charter);
        step.to = 1 + (uint32_t)sim_chance_below(sim_plan_chance(plan), members);
        if (step.to == p2p_engine_member(plan->node->engine)) {
            step.to = step.to % members + 1;
        }
    }
    write_step(plan, move, &step, NULL,
               sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_CUSTODY), 0), false);
}

static void make_answer(struct sim_plan *plan, const struct sim_move *move)
{
    struct p2p_custody custody;
    struct p2p_slice note;
    struct p2p_custody_step step = {.rests = &note, .rests_count = 1};
    if (!read_token(plan, move, &custody) ||
        !rest_on(plan, custody.step.feed, custody.step.index, &note)) {
        sim_task_refuse(plan->task);
        return;
    }
    step.epoch = custody.epoch + 1;
    write_step(plan, move, &step, &custody.step,
               sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_CUSTODY), 0),
               move->kind == P2P_KIND_CUSTODY_ACCEPT);
}

/* ---- recounts ---- */

/* A recount of the same token here that waits for its second. */
static bool first_recount(const struct sim_plan *plan, const struct p2p_custody *custody,
                          struct p2p_record_id *first, uint32_t *issuer)
{
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(plan->node->engine);
    uint8_t key[P2P_ID_KEY_BYTES];
    struct p2p_touch_walk walk;
    struct p2p_record_id by;
    bool found = false;
    p2p_touch_begin(&walk, P2P_VIEW_CUSTODY, p2p_id_key(key, &custody->id));
    while (p2p_touch_next(&walk, plan->node->kv, &by) == P2P_OK) {
        struct p2p_entry entry;
        if (by.feed == own_feed(plan) && p2p_ledger_entry(ledger, &by, &entry) == P2P_OK &&
            entry.record.kind == P2P_KIND_RECOUNT && entry.record.cite_count == 1 &&
            (by.feed != custody->step.feed || by.index > custody->step.index)) {
            *first = by;
            *issuer = entry.record.issuer;
            found = true;
        }
    }
    return found;
}

/* The newest entry that gives the token to this member while it stands elsewhere, or NULL. */
static const struct p2p_reassign *given_here(const struct sim_plan *plan,
                                             const struct p2p_custody *custody)
{
    size_t count = 0;
    const struct p2p_reassign *found = NULL;
    const struct p2p_reassign *rows = p2p_charter_all_reassigns(plan->charter, &count);
    for (size_t i = 0; i < count; i++) {
        if (p2p_record_id_compare(&rows[i].token, &custody->id) == 0 &&
            rows[i].epoch == custody->epoch + 1) {
            found = &rows[i];
        }
    }
    return found != NULL && found->member == p2p_engine_member(plan->node->engine) &&
                   custody->holder != own_feed(plan)
               ? found
               : NULL;
}

/* The first `seen` of the entry in the feeds of the old holder's witnesses. After the wait
 * those that were waited for, if they are enough. */
static size_t gather_seals(const struct sim_plan *plan, const struct p2p_custody *custody,
                           const struct p2p_reassign *given, struct p2p_record_id *seals)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(plan->node->engine);
    const struct p2p_feed_info *held = p2p_charter_feed(plan->charter, custody->holder);
    struct p2p_record_id waited[SEALS_MAX];
    size_t waited_count = 0;
    size_t count = 0;
    for (uint32_t i = 1; held != NULL && i < p2p_charter_feed_count(plan->charter); i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(plan->charter, i);
        uint64_t at;
        if (info != NULL && info->closed == 0 && count < SEALS_MAX &&
            p2p_feed_cosigner(held, p2p_charter_witness_of(plan->charter, info->member)) &&
            p2p_known_first(ledger, i, P2P_CHARTER_FEED, given->entry, &at) == P2P_OK) {
            seals[count] = (struct p2p_record_id){i, at};
            if (p2p_engine_waited(plan->node->engine, &plan->node->now, &seals[count])) {
                waited[waited_count++] = seals[count];
            }
            count++;
        }
    }
    if (held != NULL && held->former_count == 0 && waited_count > 0 &&
        waited_count >= p2p_witness_quorum(held->witness_count)) {
        memcpy(seals, waited, waited_count * sizeof(*seals));
        return waited_count;
    }
    return count;
}

/* He looks, and says what he sees. */
static void make_recount(struct sim_plan *plan, const struct sim_move *move)
{
    struct sim_yard *yard = &plan->task->workload->yard;
    struct p2p_custody custody;
    struct p2p_record_id seals[SEALS_MAX];
    struct p2p_record_id first;
    struct p2p_custody_step step = {.seals = seals};
    uint32_t first_by = 0;
    if (!read_token(plan, move, &custody)) {
        sim_task_refuse(plan->task);
        return;
    }
    const struct p2p_reassign *given = given_here(plan, &custody);
    const struct sim_opening *opening = sim_yard_opening(yard, &move->token);
    bool held = opening != NULL ? sim_yard_stands(yard, opening) : sim_plan_box(plan)->stands;
    bool second = first_recount(plan, &custody, &first, &first_by);
    step.found = held ? "held" : "gone";
    step.epoch = given != NULL ? given->epoch : custody.epoch;
    step.seal_count = given != NULL ? gather_seals(plan, &custody, given, seals) : 0;
    write_step(plan, move, &step, second ? &first : NULL,
               sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_RECOUNT), first_by), held);
}

/* ---- moves ---- */

static void add(struct sim_plan *plan, const struct p2p_custody *custody, uint32_t kind,
                uint32_t weight,
                void (*make)(struct sim_plan *plan, const struct sim_move *move))
{
    const struct sim_move move = {.weight = weight,
                                  .make = make,
                                  .kind = kind,
                                  .circle = custody->circle,
                                  .token = custody->id};
    sim_plan_add(plan, &move);
}

/* Containers go on from port to port more than into yards. */
static bool passes_on(const struct sim_plan *plan)
{
    return plan->task->workload->options.passing_on;
}

void sim_step_moves(struct sim_plan *plan, const struct p2p_custody *custody, bool has_right)
{
    bool mine = custody->holder == own_feed(plan);
    bool held = custody->state == P2P_CUSTODY_HELD;
    bool wrong = plan->task->order.wrong == SIM_WRONG_NOT_HOLDER;
    if (given_here(plan, custody) != NULL) {
        add(plan, custody, P2P_KIND_RECOUNT, 30, make_recount);
    }
    if (mine && custody->frozen != 0) {
        bool apart = (custody->frozen & ~(unsigned)ONLY_WITHDRAWN) == 0;
        if (held && apart) {
            add(plan, custody, P2P_KIND_CUSTODY_WITHDRAW, 6, make_held);
        } else {
            add(plan, custody, P2P_KIND_RECOUNT, 30, make_recount);
        }
    }
    if (held && ((mine && custody->frozen == 0) || wrong)) {
        add(plan, custody, P2P_KIND_CUSTODY_OFFER,
            passes_on(plan) ? 25
            : has_right     ? 3
                            : 8,
            make_held);
        add(plan, custody, P2P_KIND_CUSTODY_WITHDRAW, 1, make_held);
    }
    if (custody->state == P2P_CUSTODY_OFFERED &&
        (custody->to == p2p_engine_member(plan->node->engine) || wrong)) {
        bool few = plan->task->order.wrong == SIM_WRONG_FEW_WITNESSES;
        add(plan, custody, P2P_KIND_CUSTODY_ACCEPT,
            custody->frozen != 0 && !wrong ? 0
            : few                          ? SIM_MOVE_ONLY
                                           : 40,
            make_answer);
        add(plan, custody, P2P_KIND_CUSTODY_REFUSE, 12, make_answer);
    }
}

/* ---- the errand of a port where it never came ---- */

static void start_open(struct sim_task *task, struct p2p_node *node)
{
    struct sim_plan *plan = sim_task_take(task, sizeof(*plan));
    const struct sim_move move = {.kind = P2P_KIND_CUSTODY_OPEN};
    *plan = (struct sim_plan){.task = task,
                              .node = node,
                              .charter = p2p_engine_ledger(node->engine)->charter,
                              .box = task->memo->box};
    if (p2p_engine_own_feed(node->engine) == 0) {
        sim_task_refuse(task);
        return;
    }
    make_open(plan, &move);
}

static void finish_open(struct sim_task *task, struct p2p_node *node)
{
    sim_errand_custody.finish(task, node);
}

const struct sim_errand sim_errand_open = {start_open, finish_open, NULL, NULL};
