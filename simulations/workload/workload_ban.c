/* Bans, with sense: officers impose what they may on subjects that many are interested in, and
 * lift, amend, suspend and resume what their node knows. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdio.h>
#include <string.h>

#define SUBJECTS_MAX 3u
#define LOOK_MAX     12u /* bans looked at before another is imposed instead */
#define FAR_PERMILLE 700u
#define BY_SUBJECT   500u /* permille of lifts that begin with a subject */
#define PAYLOAD_CAP  8192u
#define LARGE_CAP    (P2P_PAYLOAD_BYTES_MAX + 512u)
#define DAY_MS       UINT64_C(86400000)
#define HOUR_MS      UINT64_C(3600000)

/* What a record is made of before it is packed. */
struct plan {
    struct sim_task *task;
    struct p2p_node *node;
    const struct p2p_charter *charter;
    struct p2p_append record;
    const struct sim_officer *officer;
    struct p2p_circle_secret key;
    struct p2p_record_id cite;
};

static struct sim_chance *chance_of(const struct plan *plan)
{
    return &plan->task->chance;
}

static uint64_t known_charter(const struct plan *plan)
{
    return p2p_charter_size(plan->charter);
}

static struct p2p_record_id next_place(const struct plan *plan)
{
    uint32_t own = p2p_engine_own_feed(plan->node->engine);
    const struct p2p_feed *feed = p2p_ledger_feed(p2p_engine_ledger(plan->node->engine), own);
    return (struct p2p_record_id){own, feed == NULL ? 0 : feed->edge.size};
}

static bool take_officer(struct plan *plan, const struct sim_officer *officer)
{
    const struct p2p_issuer *issuer =
        p2p_charter_issuer_named(plan->charter, p2p_slice_text(officer->name));
    if (issuer == NULL) {
        return false;
    }
    plan->officer = officer;
    plan->record.issuer = issuer->number;
    plan->record.key = &officer->key;
    return true;
}

/* ---- what there is to act on ---- */

static bool is_lifted(const struct p2p_ban *ban)
{
    return ban->lifted.len > 0;
}

/* An officer of this member who may change that ban, or wrongly one who may not, beginning with
 * a drawn one. */
static bool find_officer(struct plan *plan, const struct p2p_ban *ban)
{
    const struct sim_member *member = plan->task->host->member;
    const struct p2p_record_id at = next_place(plan);
    bool may = plan->task->order.wrong != SIM_WRONG_NO_GRANT;
    uint64_t first = sim_chance_below(chance_of(plan), member->officer_count);
    for (size_t step = 0; step < member->officer_count; step++) {
        const struct sim_officer *officer =
            &member->officers[(first + step) % member->officer_count];
        if (take_officer(plan, officer) &&
            p2p_ban_may_lift(plan->charter, plan->record.issuer, ban, &at,
                             known_charter(plan)) == may) {
            return true;
        }
    }
    return false;
}

/* The suspend that a resume would end. */
static bool first_suspend(const struct p2p_ban *ban, struct p2p_record_id *out)
{
    struct p2p_unpack in;
    if (ban->suspended.len == 0) {
        return false;
    }
    p2p_unpack_init(&in, ban->suspended);
    if (p2p_unpack_array(&in) == 0 || p2p_unpack_array(&in) != 2) {
        return false;
    }
    out->feed = p2p_unpack_u32(&in);
    out->index = p2p_unpack_uint(&in);
    return !p2p_unpack_failed(&in);
}

static bool suits(struct plan *plan, const struct p2p_ban *ban)
{
    plan->cite = ban->id;
    return !is_lifted(ban) && find_officer(plan, ban) &&
           (plan->record.kind != P2P_KIND_BAN_RESUME || first_suspend(ban, &plan->cite));
}

/* The bans on a drawn subject: so several officers come upon one ban at the same time. */
static bool find_by_subject(struct plan *plan)
{
    struct p2p_subject subject;
    struct p2p_subject_key key;
    struct p2p_record_id id;
    struct p2p_ban ban;
    sim_subject_draw(plan->task->workload, chance_of(plan), &subject);
    if (subject.type->clear) {
        p2p_subject_key_clear(&key, subject.type->word, p2p_slice_text(subject.value));
    } else {
        struct p2p_token token = p2p_subject_token(&subject, &plan->key.key, plan->key.epoch);
        p2p_subject_key_token(&key, subject.type->word, plan->key.epoch, &token);
    }
    for (unsigned looked = 0; looked < LOOK_MAX; looked++) {
        if (p2p_ban_next_on(plan->node->kv, plan->record.circle, &key, &id, looked == 0, &id) !=
            P2P_OK) {
            return false;
        }
        if (p2p_ban_get(plan->node->kv, plan->record.circle, &id, &ban) == P2P_OK &&
            suits(plan, &ban)) {
            return true;
        }
    }
    return false;
}

static bool find_anywhere(struct plan *plan)
{
    const struct p2p_ledger *ledger = p2p_engine_ledger(plan->node->engine);
    struct p2p_ban ban;
    if (ledger->feed_count < 2) {
        return false;
    }
    uint32_t feed = 1 + (uint32_t)sim_chance_below(chance_of(plan), ledger->feed_count - 1);
    uint64_t size = p2p_ledger_feed(ledger, feed)->edge.size;
    struct p2p_record_id after = {feed, sim_chance_below(chance_of(plan), size + 1)};
    for (unsigned looked = 0; looked < LOOK_MAX; looked++) {
        if (p2p_ban_next(plan->node->kv, plan->record.circle, &after, false, &ban) != P2P_OK) {
            return false;
        }
        if (suits(plan, &ban)) {
            return true;
        }
        after = ban.id;
    }
    return false;
}

static bool find_ban(struct plan *plan)
{
    bool by_subject = sim_chance_permille(chance_of(plan), BY_SUBJECT);
    return by_subject ? find_by_subject(plan) || find_anywhere(plan)
                      : find_anywhere(plan) || find_by_subject(plan);
}

/* ---- contents ---- */

static void draw_times(struct plan *plan, struct p2p_ban_draft *draft)
{
    uint64_t now_ms = plan->node->now.wall_ms;
    struct sim_chance *chance = chance_of(plan);
    if (sim_chance_permille(chance, FAR_PERMILLE)) {
        draft->until_ms = sim_chance_permille(chance, 500) ? 0 : now_ms + 365 * DAY_MS;
        return;
    }
    if (sim_chance_permille(chance, 500)) {
        draft->from_ms = now_ms + sim_chance_below(chance, 2 * HOUR_MS);
    }
    draft->until_ms = (draft->from_ms != 0 ? draft->from_ms : now_ms) + 60000 +
                      sim_chance_below(chance, 6 * HOUR_MS);
}

/* The grounds of a grant's word: ban-court. */
static enum p2p_ground ground_of(const char *grant)
{
    enum p2p_ground ground = P2P_GROUND_COURT;
    bool known = p2p_ground_named(p2p_slice_text(grant + strlen("ban-")), &ground);
    p2p_assert(known);
    return ground;
}

/* What this officer may impose; or, wrongly, what he may not. */
static void pack_imposition(struct plan *plan, struct p2p_pack *pack)
{
    static const char *const effects[] = {"enter", "work", "call"};
    struct sim_chance *chance = chance_of(plan);
    struct p2p_subject subjects[SUBJECTS_MAX];
    char reference[64];
    const char *scope = plan->task->host->member->locode;
    struct p2p_ban_draft draft = {.subjects = subjects,
                                  .ground = ground_of(plan->officer->grant),
                                  .reference = reference};
    draft.subject_count =
        sim_chance_permille(chance, 800) ? 1 : sim_chance_between(chance, 1, SUBJECTS_MAX);
    for (size_t i = 0; i < draft.subject_count; i++) {
        sim_subject_draw(plan->task->workload, chance, &subjects[i]);
    }
    if (plan->task->order.wrong == SIM_WRONG_NO_GRANT) {
        draft.ground =
            draft.ground == P2P_GROUND_COURT ? P2P_GROUND_EU_REGULATION : P2P_GROUND_COURT;
    }
    if (scope[0] != '\0' &&
        (draft.ground == P2P_GROUND_LOCAL || sim_chance_permille(chance, 200))) {
        draft.scope = &scope;
        draft.scope_count = 1;
    }
    if (sim_chance_permille(chance, 300)) {
        draft.effects = &effects[sim_chance_below(chance, 3)];
        draft.effect_count = 1;
    }
    if (sim_chance_permille(chance, 300)) {
        draft.reason = "found with 12 kg in a locker \xe2\x80\x94 second time";
    }
    snprintf(reference, sizeof(reference), "%s/%llu", plan->officer->name,
             (unsigned long long)sim_chance_below(chance, 100000));
    draw_times(plan, &draft);
    enum p2p_err err = p2p_ban_pack(pack, &draft, &plan->key.key, plan->key.epoch);
    p2p_assert(err == P2P_OK);
}

static void pack_reason(struct plan *plan, struct p2p_pack *pack)
{
    static const char *const reasons[] = {"served", "appeal", "wrong person", "ordered so"};
    p2p_pack_map(pack, 1);
    p2p_pack_text(pack, "reason");
    p2p_pack_text(pack, reasons[sim_chance_below(chance_of(plan), 4)]);
}

/* More than a record may have, and all of it well-formed. */
static struct p2p_slice large_payload(struct sim_task *task)
{
    struct p2p_pack pack;
    uint8_t *text = sim_task_take(task, P2P_PAYLOAD_BYTES_MAX);
    memset(text, 'x', P2P_PAYLOAD_BYTES_MAX);
    p2p_pack_init(&pack, sim_task_take(task, LARGE_CAP), LARGE_CAP);
    p2p_pack_map(&pack, 1);
    p2p_pack_text(&pack, "reason");
    p2p_pack_str(&pack, p2p_slice_of(text, P2P_PAYLOAD_BYTES_MAX));
    p2p_assert(!p2p_pack_failed(&pack));
    return p2p_pack_slice(&pack);
}

static void pack_payload(struct plan *plan)
{
    struct p2p_pack pack;
    enum sim_wrong wrong = plan->task->order.wrong;
    p2p_pack_init(&pack, sim_task_take(plan->task, PAYLOAD_CAP), PAYLOAD_CAP);
    if (wrong == SIM_WRONG_CONTENT) {
        sim_kind_fill(&pack, p2p_kind_find(plan->record.kind), plan->task->workload,
                      chance_of(plan), plan->node->now.wall_ms, &plan->key, true);
    } else if (plan->record.kind == P2P_KIND_BAN_IMPOSE ||
               plan->record.kind == P2P_KIND_BAN_AMEND) {
        pack_imposition(plan, &pack);
    } else {
        pack_reason(plan, &pack);
    }
    plan->record.payload =
        wrong == SIM_WRONG_TOO_LARGE ? large_payload(plan->task) : p2p_pack_slice(&pack);
}

/* ---- what is wrong with it ---- */

static uint32_t foreign_circle(const struct plan *plan)
{
    for (uint32_t i = 1; i <= p2p_charter_circle_count(plan->charter); i++) {
        if (!p2p_circle_has(p2p_charter_circle(plan->charter, i),
                            p2p_engine_member(plan->node->engine))) {
            return i;
        }
    }
    return p2p_charter_circle_count(plan->charter) + 1;
}

/* A ban in another circle of this member; where there is none, one that does not exist. */
static struct p2p_record_id cite_elsewhere(struct plan *plan)
{
    uint32_t member = p2p_engine_member(plan->node->engine);
    for (uint32_t i = 1; i <= p2p_charter_circle_count(plan->charter); i++) {
        struct p2p_ban ban;
        if (i != plan->record.circle &&
            p2p_circle_has(p2p_charter_circle(plan->charter, i), member) &&
            p2p_ban_next(plan->node->kv, i, NULL, true, &ban) == P2P_OK) {
            return ban.id;
        }
    }
    return (struct p2p_record_id){plan->cite.feed, UINT32_MAX};
}

static void spoil_plan(struct plan *plan)
{
    const struct sim_officer *officer = NULL;
    switch (plan->task->order.wrong) {
    case SIM_WRONG_FOREIGN_ISSUER:
        officer = sim_task_foreign_officer(plan->task);
        break;
    case SIM_WRONG_PAST_CUT:
        officer = sim_task_revoked_officer(plan->task);
        break;
    case SIM_WRONG_UNKNOWN_ISSUER:
        plan->record.issuer = p2p_charter_issuer_count(plan->charter) + 7;
        break;
    case SIM_WRONG_FOREIGN_CIRCLE:
        plan->record.circle = foreign_circle(plan);
        break;
    case SIM_WRONG_NO_CITE:
        plan->record.cite_count = 0;
        break;
    case SIM_WRONG_MISSING_CITE:
        plan->cite.index += UINT64_C(1) << sim_chance_between(chance_of(plan), 20, 40);
        break;
    case SIM_WRONG_CITE_KIND:
        plan->cite.index = 0; /* every feed begins with its address */
        break;
    case SIM_WRONG_CITE_CIRCLE:
        plan->cite = cite_elsewhere(plan);
        break;
    default:
        break;
    }
    if (officer != NULL) {
        take_officer(plan, officer);
    }
}

/* Needs no ban to go wrong. */
static bool cites_wrongly(const struct sim_order *order)
{
    switch (order->wrong) {
    case SIM_WRONG_NO_CITE:
    case SIM_WRONG_MISSING_CITE:
    case SIM_WRONG_CITE_KIND:
    case SIM_WRONG_CITE_CIRCLE:
        return true;
    default:
        return false;
    }
}

/* ---- the errand ---- */

static bool take_any_officer(struct plan *plan)
{
    const struct sim_member *member = plan->task->host->member;
    uint64_t first = sim_chance_below(chance_of(plan), member->officer_count);
    for (size_t step = 0; step < member->officer_count; step++) {
        const struct sim_officer *officer =
            &member->officers[(first + step) % member->officer_count];
        if (!officer->revoked && take_officer(plan, officer)) {
            return true;
        }
    }
    return false;
}

static void start(struct sim_task *task, struct p2p_node *node)
{
    struct plan plan = {
        .task = task,
        .node = node,
        .charter = p2p_engine_ledger(node->engine)->charter,
        .record = {.kind = task->order.kind->number, .circle = sim_task_circle(task, node)}};
    if (plan.record.circle == 0 || task->host->member->officer_count == 0 ||
        p2p_engine_circle_key(node->engine, plan.record.circle, &plan.key) != P2P_OK) {
        sim_task_refuse(task);
        return;
    }
    if (task->order.wrong == SIM_WRONG_PAST_CUT && sim_task_revoked_officer(task) == NULL) {
        task->order.wrong = SIM_WRONG_NO_GRANT; /* nobody's grants were cut here yet */
    }
    bool acts = plan.record.kind != P2P_KIND_BAN_IMPOSE;
    bool found = acts && find_ban(&plan);
    if (acts && !found && !cites_wrongly(&task->order)) {
        plan.record.kind = P2P_KIND_BAN_IMPOSE; /* nothing to act on */
        acts = false;
    }
    if (!found) {
        plan.cite = (struct p2p_record_id){next_place(&plan).feed, 0};
    }
    if (!found && !take_any_officer(&plan)) {
        sim_task_refuse(task);
        return;
    }
    plan.record.cite_count = acts ? 1 : 0;
    spoil_plan(&plan);
    pack_payload(&plan);
    if (plan.record.cite_count > 0) {
        struct p2p_slice cite =
            sim_task_copy(task, p2p_slice_of(&plan.cite, sizeof(plan.cite)));
        plan.record.cites = (const struct p2p_record_id *)(const void *)cite.data;
    }
    if (sim_order_goes_outside(&task->order)) {
        sim_task_prepare(task, node, &plan.record, &plan.officer->key);
    } else {
        sim_task_append(task, node, &plan.record);
    }
}

const struct sim_errand sim_errand_ban = {start, sim_task_prepared, sim_task_submit, NULL};
