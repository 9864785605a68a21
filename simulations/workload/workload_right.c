/* Rights: what carriers, forwarders, hauliers, customs and police ask for, by the one table
 * that says who may do what now. */
#include "workload_custody.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define RIGHTS_MAX       6u   /* on one token that are looked at */
#define POPULAR_PERMILLE 200u /* of drivers and trucks: those that are banned most */
#define SUBJECT_TRIES    200u
#define SOON_PERMILLE    60u /* of issues: expire within minutes */
#define MINUTE_MS        UINT64_C(60000)
#define SLOT_PERMILLE    200u
#define HOUR_MS          UINT64_C(3600000)

/* X(action, weight while there is a driver, weight while there is none). */
static const struct {
    enum p2p_right_action action;
    uint32_t named, nobody;
} weights[] = {
    {P2P_RIGHT_DO_ACCEPT, 40, 40},  {P2P_RIGHT_DO_DECLINE, 3, 3},
    {P2P_RIGHT_DO_TRANSFER, 2, 8},  {P2P_RIGHT_DO_REISSUE, 30, 30},
    {P2P_RIGHT_DO_RETURN, 1, 2},    {P2P_RIGHT_DO_TAKE_BACK, 1, 1},
    {P2P_RIGHT_DO_REVOKE, 1, 1},    {P2P_RIGHT_DO_CANCEL, 1, 1},
    {P2P_RIGHT_DO_ASSIGN, 4, 60},   {P2P_RIGHT_DO_UNASSIGN, 1, 0},
    {P2P_RIGHT_DO_BLOCK, 3, 0},     {P2P_RIGHT_DO_UNBLOCK, 12, 12},
    {P2P_RIGHT_DO_GATE_OUT, 20, 2}, {P2P_RIGHT_DO_OVERRIDE, 3, 0},
};
enum { WEIGHT_COUNT = sizeof(weights) / sizeof(weights[0]) };

/* ---- whom a party names ---- */

static bool is_of(const struct p2p_subject *subject, const char *const *types)
{
    while (*types != NULL && strcmp(*types, subject->type->word) != 0) {
        types++;
    }
    return *types != NULL;
}

static bool draw_subject(struct sim_plan *plan, const char *const *types,
                         struct p2p_subject *out)
{
    const struct sim_workload *workload = plan->task->workload;
    bool popular = sim_chance_permille(sim_plan_chance(plan), POPULAR_PERMILLE);
    for (unsigned i = 0; i < SUBJECT_TRIES; i++) {
        size_t rank = popular
                          ? sim_zipf_draw(&workload->zipf, sim_plan_chance(plan))
                          : sim_chance_below(sim_plan_chance(plan), workload->options.subjects);
        sim_subject_of(workload, rank, out);
        if (is_of(out, types)) {
            return true;
        }
    }
    return false;
}

/* An hour from now, or minutes that are soon over, or not yet there. */
static void draw_slot(struct sim_plan *plan, struct sim_trip *trip)
{
    struct sim_chance *chance = sim_plan_chance(plan);
    uint64_t length_ms = sim_chance_permille(chance, 500) ? HOUR_MS : MINUTE_MS;
    trip->from_ms = plan->node->now.wall_ms;
    trip->from_ms += sim_chance_permille(chance, 300) ? 2 * MINUTE_MS : 0;
    trip->until_ms = trip->from_ms + length_ms;
}

/* Driver, and mostly truck and company, who will come to the gate. */
static bool draw_trip(struct sim_plan *plan, const struct p2p_circle_secret *key,
                      struct p2p_right_request *request)
{
    static const char *const persons[] = {"card", "nrn", "doc", NULL};
    static const char *const plates[] = {"plate", NULL};
    static const char *const companies[] = {"vat", NULL};
    struct sim_box *box = sim_plan_box(plan);
    struct sim_trip *trip = &box->trips[box->trip_count % SIM_TRIPS_MAX];
    struct p2p_pack pack;
    if (!draw_subject(plan, persons, &trip->driver)) {
        return false;
    }
    box->trip_count++;
    trip->has_truck = sim_chance_permille(sim_plan_chance(plan), 700) &&
                      draw_subject(plan, plates, &trip->truck);
    trip->has_company = sim_chance_permille(sim_plan_chance(plan), 300) &&
                        draw_subject(plan, companies, &trip->company);
    p2p_pack_init(&pack, trip->packed, sizeof(trip->packed));
    p2p_subject_pack(&pack, &trip->driver, &key->key, key->epoch);
    trip->packed_len = p2p_pack_slice(&pack).len;
    request->driver = &trip->driver;
    request->truck = trip->has_truck ? &trip->truck : NULL;
    request->company = trip->has_company ? &trip->company : NULL;
    trip->from_ms = 0;
    trip->until_ms = 0;
    if (sim_chance_permille(sim_plan_chance(plan), SLOT_PERMILLE)) {
        draw_slot(plan, trip);
        request->slot_from_ms = trip->from_ms;
        request->slot_until_ms = trip->until_ms;
    }
    return true;
}

/* Any officer of any port may be a party. */
static uint32_t draw_party(struct sim_plan *plan)
{
    uint32_t count = p2p_charter_issuer_count(plan->charter);
    return count == 0 ? 0 : 1 + (uint32_t)sim_chance_below(sim_plan_chance(plan), count);
}

/* ---- writing ---- */

/* The issue, and of an unblock all blocks there are. */
static void cite(struct sim_plan *plan, const struct p2p_right *right, uint32_t kind,
                 struct p2p_append *record)
{
    size_t blocks = kind == P2P_KIND_RIGHT_UNBLOCK ? right->block_count : 0;
    struct p2p_record_id *cites = sim_plan_cites(plan, 1 + blocks);
    cites[record->cite_count++] = right->id;
    for (size_t i = 0; i < blocks; i++) {
        cites[record->cite_count++] = right->blocks[i];
    }
    record->cites = cites;
}

static void make_request(struct sim_plan *plan, const struct sim_move *move)
{
    struct p2p_append record = {.kind = move->kind, .circle = move->circle};
    struct p2p_right_request request = {.reason = "as told"};
    struct p2p_circle_secret key;
    struct p2p_right right;
    struct p2p_pack pack;
    if (p2p_right_get(plan->node->kv, move->circle, &move->right, &right) != P2P_OK ||
        p2p_engine_circle_key(plan->node->engine, move->circle, &key) != P2P_OK) {
        sim_task_refuse(plan->task);
        return;
    }
    cite(plan, &right, move->kind, &record);
    switch (move->kind) {
    case P2P_KIND_RIGHT_TRANSFER:
        request.to = draw_party(plan);
        break;
    case P2P_KIND_RIGHT_ASSIGN:
        request.reason = NULL; /* it says none */
        if (!draw_trip(plan, &key, &request)) {
            sim_task_refuse(plan->task);
            return;
        }
        break;
    case P2P_KIND_OVERRIDE:
        request.container = sim_plan_box(plan)->number;
        break;
    default:
        break;
    }
    sim_plan_pack(plan, &pack);
    enum p2p_err err = p2p_right_request_pack(&pack, &request, &key.key, key.epoch);
    p2p_assert(err == P2P_OK);
    record.payload = p2p_pack_slice(&pack);
    if (move->kind == P2P_KIND_OVERRIDE) {
        struct sim_memo *memo = sim_plan_note(plan, move->kind);
        memo->right = move->right;
        memo->circle = move->circle;
        memo->issuer = move->issuer;
    }
    sim_plan_write(plan, &record, move->issuer);
}

/* Whoever sets lights sets all that are his at once, or turns one of them away from green. */
static void make_lights(struct sim_plan *plan, const struct sim_move *move)
{
    struct p2p_circle_secret key;
    struct p2p_right right;
    bool away = move->detail < P2P_LIGHT_COUNT;
    if (p2p_right_get(plan->node->kv, move->circle, &move->right, &right) != P2P_OK ||
        p2p_engine_circle_key(plan->node->engine, move->circle, &key) != P2P_OK) {
        sim_task_refuse(plan->task);
        return;
    }
    for (unsigned light = 0; light < P2P_LIGHT_COUNT; light++) {
        struct p2p_append record = {.kind = move->kind, .circle = move->circle};
        const struct p2p_right_request request = {
            .light = p2p_light_word((enum p2p_light)light),
            .value = p2p_light_value((enum p2p_light)light, away ? 1 : 0)};
        uint32_t issuer = sim_plan_granted(plan, p2p_light_grant((enum p2p_light)light), 0);
        struct p2p_pack pack;
        if (issuer == 0 || (away ? light != move->detail : right.lights[light] == 0) ||
            plan->task->papers != NULL) {
            continue;
        }
        cite(plan, &right, move->kind, &record);
        sim_plan_pack(plan, &pack);
        enum p2p_err err = p2p_right_request_pack(&pack, &request, &key.key, key.epoch);
        p2p_assert(err == P2P_OK);
        record.payload = p2p_pack_slice(&pack);
        sim_plan_write(plan, &record, issuer);
    }
    if (plan->task->job_count == 0) {
        sim_task_refuse(plan->task);
    }
}

static void make_issue(struct sim_plan *plan, const struct sim_move *move)
{
    struct p2p_append record = {.kind = move->kind, .circle = move->circle, .cite_count = 1};
    struct p2p_record_id *cites = sim_plan_cites(plan, 1);
    uint64_t now_ms = plan->node->now.wall_ms;
    bool soon = sim_chance_permille(sim_plan_chance(plan), SOON_PERMILLE);
    const struct p2p_right_draft draft = {
        .container = sim_plan_box(plan)->number,
        .bl = "MEDU1234567",
        .reference = "R-1",
        .to = draw_party(plan),
        .expires_ms = now_ms + (soon ? 5 * MINUTE_MS : P2P_RIGHT_DEFAULT_DAYS * 24 * HOUR_MS)};
    struct p2p_pack pack;
    cites[0] = move->token;
    record.cites = cites;
    sim_plan_pack(plan, &pack);
    enum p2p_err err = p2p_right_issue_pack(&pack, &draft);
    p2p_assert(err == P2P_OK);
    record.payload = p2p_pack_slice(&pack);
    sim_plan_write(plan, &record, sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_ISSUE), 0));
}

/* ---- the second of an override ---- */

static void start_approve(struct sim_task *task, struct p2p_node *node)
{
    const struct sim_memo *memo = task->memo;
    struct sim_plan *plan = sim_task_take(task, sizeof(*plan));
    struct p2p_append record = {
        .kind = P2P_KIND_APPROVE, .circle = memo->circle, .cite_count = 2};
    const struct p2p_right_request request = {.reason = "seen"};
    struct p2p_circle_secret key;
    struct p2p_pack pack;
    *plan = (struct sim_plan){.task = task,
                              .node = node,
                              .charter = p2p_engine_ledger(node->engine)->charter,
                              .box = memo->box};
    uint32_t issuer = sim_plan_granted(plan, p2p_grant_name(P2P_GRANT_APPROVE), memo->issuer);
    if (issuer == 0 || p2p_engine_circle_key(node->engine, memo->circle, &key) != P2P_OK) {
        sim_task_refuse(task);
        return;
    }
    struct p2p_record_id *cites = sim_plan_cites(plan, 2);
    cites[0] = memo->right;
    cites[1] = memo->override;
    record.cites = cites;
    sim_plan_pack(plan, &pack);
    enum p2p_err err = p2p_right_request_pack(&pack, &request, &key.key, key.epoch);
    p2p_assert(err == P2P_OK);
    record.payload = p2p_pack_slice(&pack);
    sim_plan_write(plan, &record, issuer);
}

const struct sim_errand sim_errand_approve = {start_approve, NULL, NULL, NULL};

/* ---- moves ---- */

static bool is_ended(const struct p2p_right *right)
{
    return right->below != P2P_RIGHT_PENDING && right->below != P2P_RIGHT_ACTIVE &&
           right->below != P2P_RIGHT_RETURNED;
}

static struct sim_move move_of(const struct p2p_custody *custody, const struct p2p_right *right,
                               uint32_t kind)
{
    return (struct sim_move){.make = make_request,
                             .kind = kind,
                             .circle = custody->circle,
                             .token = custody->id,
                             .right = right->id};
}

static void light_moves(struct sim_plan *plan, const struct p2p_custody *custody,
                        const struct p2p_right *right)
{
    struct sim_move move = move_of(custody, right, P2P_KIND_RIGHT_LIGHT);
    unsigned lacks = 0;
    for (unsigned i = 0; i < P2P_LIGHT_COUNT; i++) {
        lacks += right->lights[i] != 0;
    }
    move.make = make_lights;
    move.detail = lacks > 0
                      ? P2P_LIGHT_COUNT
                      : (unsigned)sim_chance_below(sim_plan_chance(plan), P2P_LIGHT_COUNT);
    move.weight = is_ended(right) || right->unruled_count > 0 ? 0
                  : lacks > 1                                 ? 40
                  : lacks == 1                                ? 12
                                                              : 3;
    sim_plan_add(plan, &move);
}

/* By the table; or, wrongly, whatever anybody is granted. */
static void table_moves(struct sim_plan *plan, const struct p2p_custody *custody,
                        const struct p2p_right *right)
{
    const struct sim_member *member = plan->task->host->member;
    bool wrong = plan->task->order.wrong == SIM_WRONG_NOT_HOLDER;
    for (size_t n = 0; n < member->officer_count; n++) {
        const struct p2p_issuer *issuer =
            p2p_charter_issuer_named(plan->charter, p2p_slice_text(member->officers[n].name));
        for (size_t i = 0; issuer != NULL && i < WEIGHT_COUNT; i++) {
            const struct p2p_right_rule *rule = p2p_right_rule(weights[i].action);
            uint32_t weight = right->driver.len > 0 ? weights[i].named : weights[i].nobody;
            if (!wrong &&
                !p2p_right_may(plan->charter, right, issuer->number, weights[i].action)) {
                continue;
            }
            struct sim_move move =
                move_of(custody, right, p2p_kind_named(p2p_slice_text(rule->kind))->number);
            move.weight = wrong ? 1 : weight;
            move.issuer = issuer->number;
            sim_plan_add(plan, &move);
        }
    }
}

void sim_right_moves(struct sim_plan *plan, const struct p2p_custody *custody, bool *has_right)
{
    struct p2p_record_id id;
    *has_right = false;
    for (unsigned n = 0;
         n < RIGHTS_MAX && p2p_right_next_on(plan->node->kv, custody->circle, &custody->id, &id,
                                             n == 0, &id) == P2P_OK;
         n++) {
        struct p2p_right *right = sim_task_take(plan->task, sizeof(*right));
        if (p2p_right_get(plan->node->kv, custody->circle, &id, right) != P2P_OK) {
            continue;
        }
        *has_right = *has_right || !is_ended(right);
        table_moves(plan, custody, right);
        light_moves(plan, custody, right);
        sim_collect_moves(plan, custody, right);
    }
    if (!p2p_custody_is_over(custody->state)) {
        const struct sim_move move = {.weight = *has_right ? 1 : 30,
                                      .make = make_issue,
                                      .kind = P2P_KIND_RIGHT_ISSUE,
                                      .circle = custody->circle,
                                      .token = custody->id};
        sim_plan_add(plan, &move);
    }
}
