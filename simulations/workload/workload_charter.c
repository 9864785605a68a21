/* Changes of the charter on their way: the roots ask a node for what they need, draft and seal,
 * and give the entry to one node; and entries that are wrong, which no node may take.
 *
 *     ask a node --> draft, seal --> give --(its machine fails)--> give to another one
 *                        \--> a rival to it, to another node; some time later a settle */
#include "workload_task.h"

#include <p2p/assert.h>
#include <p2p/custody.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_US      (5 * SIM_SECOND)
#define SETTLE_US_MIN (20 * SIM_SECOND)
#define SETTLE_US_MAX (45 * SIM_SECOND) /* before the watcher looks, as for everything */
#define ROOTS         "roots"
#define LAST_OPENED   12u /* tokens: one of the last may be reassigned */

/* What the roots learn from the node they ask. */
struct sim_task_entry {
    uint32_t member; /* index: whose feed the note is of */
    char note[P2P_NOTE_BYTES_MAX];
    size_t note_len;
    char feed[P2P_ORIGIN_BYTES_MAX + 1]; /* that opened the token to be reassigned */
    struct p2p_op_reassign reassign;     /* member NULL: there is none */
};

static bool two_heads(const struct sim_federation *federation)
{
    uint64_t index;
    struct p2p_slice leaf;
    struct p2p_slice note;
    return p2p_charter_rival(federation->charter, &index, &leaf, &note) == P2P_OK;
}

/* ---- giving ---- */

static void give_later(struct sim_workload *workload, uint64_t after_us);

/* How much of what the roots hold this node holds too. */
static uint64_t common_size(const struct p2p_charter *mine, const struct p2p_charter *theirs)
{
    uint64_t size = p2p_charter_size(theirs);
    struct p2p_hash a;
    struct p2p_hash b;
    if (size > p2p_charter_size(mine)) {
        size = p2p_charter_size(mine);
    }
    while (size > 0 &&
           (p2p_charter_root_at(mine, size, &a) != P2P_OK ||
            p2p_charter_root_at(theirs, size, &b) != P2P_OK || !p2p_hash_equal(&a, &b))) {
        size--;
    }
    return size;
}

static void fill_entry(struct p2p_job *job, uint64_t index, const struct sim_entry *entry)
{
    job->charter.index = index;
    job->charter.leaf = p2p_slice_of(entry->leaf, entry->leaf_len);
    job->charter.note = p2p_slice_of(entry->note, entry->note_len);
}

static void give_start(struct sim_task *task, struct p2p_node *node)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    uint64_t at = common_size(federation->charter, p2p_engine_ledger(node->engine)->charter);
    for (; at < federation->entry_count && task->job_count < SIM_TASK_JOBS_MAX; at++) {
        struct p2p_job *job = sim_task_job(task, P2P_JOB_CHARTER);
        fill_entry(job, at, &federation->entries[at]);
        sim_task_give(node, job);
    }
}

static void give_finish(struct sim_task *task, struct p2p_node *node)
{
    uint64_t held = common_size(task->workload->sim->federation.charter,
                                p2p_engine_ledger(node->engine)->charter);
    if (held > task->workload->charter_given) {
        task->workload->charter_given = held;
    }
}

static void give_end(struct sim_task *task)
{
    struct sim_workload *workload = task->workload;
    workload->charter_gives = false;
    if (task->job_count == 0 && !task->failed) { /* others told it already */
        workload->charter_given = workload->sim->federation.entry_count;
    }
    if (workload->charter_given < workload->sim->federation.entry_count) {
        give_later(workload, task->failed ? AGAIN_US : SIM_MS);
    }
}

static const struct sim_errand give = {give_start, give_finish, give_end, NULL};

static bool is_running(const struct sim_host *host)
{
    return host != NULL && host->up && !host->node.engine_lost;
}

/* Whether the charter as that machine holds it names this member: one that was admitted beside
 * a second entry is named by nobody who has both, until they are settled. */
static bool is_named_at(const struct sim_host *host, const struct sim_host *other)
{
    return is_running(other) &&
           p2p_charter_member_named(p2p_engine_ledger(other->node.engine)->charter,
                                    p2p_slice_text(host->member->name)) != NULL;
}

/* Nobody knows it, or it runs twice and one of the two goes with all it heard: nobody would
 * hear of an entry that it alone is given. */
static bool is_unheard(const struct sim *sim, const struct sim_host *host)
{
    bool known = false;
    if (!is_running(host)) {
        return false; /* the errand tells that */
    }
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        known = known || (sim->hosts[i] != host && is_named_at(host, sim->hosts[i]));
    }
    return p2p_engine_member(host->node.engine) == 0 || !known || host->conduct != SIM_HONEST;
}

static void give_now(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_workload *workload = sim->workload;
    const struct sim_order order = {.type = SIM_ORDER_CHARTER, .level = P2P_LEVEL_LOCAL};
    (void)subject;
    (void)data;
    struct sim_host *host = sim_workload_host(workload, &workload->orders, false);
    if (is_unheard(sim, host)) {
        workload->charter_gives = false;
        give_later(workload, AGAIN_US);
        return;
    }
    struct sim_task *task = sim_task_new(workload, host, &give, &order);
    task->silent = true;
    sim_task_send(task);
}

static void give_later(struct sim_workload *workload, uint64_t after_us)
{
    struct sim_schedule *schedule = &workload->sim->schedule;
    if (!workload->charter_gives) {
        workload->charter_gives = true;
        sim_schedule_at(schedule, schedule->now_us + after_us, give_now, 0, NULL, NULL);
    }
}

void sim_workload_give_charter(struct sim_workload *workload)
{
    give_later(workload, SIM_MS);
}

/* Whoever was given an entry may have become a stranger to the others since: they learnt of a
 * second entry beside the one that admits it, or an old backup took from them what named it. So
 * the roots give it to somebody else when all that run and hold it are strangers. */
void sim_workload_charter_left(struct sim_workload *workload)
{
    const struct sim *sim = workload->sim;
    uint64_t heard = 0;
    uint64_t unheard = 0;
    for (uint32_t i = 1; i <= sim->options.nodes; i++) {
        const struct sim_host *host = sim->hosts[i];
        if (!is_running(host)) {
            continue;
        }
        uint64_t *most = is_unheard(sim, host) ? &unheard : &heard;
        uint64_t held =
            common_size(sim->federation.charter, p2p_engine_ledger(host->node.engine)->charter);
        *most = held > *most ? held : *most;
    }
    if (heard > 0 && heard < unheard && heard < workload->charter_given) {
        workload->charter_given = heard;
        give_later(workload, SIM_MS);
    }
}

/* ---- wrong entries ---- */

/* The lease as it is: see workload_change.c. */
static void policy_draft(const struct sim_federation *federation, struct sim_draft *draft,
                         struct sim_chance *chance)
{
    const struct p2p_charter_op op = {
        .type = P2P_OP_POLICY,
        .policy = {.lease_s = p2p_charter_policy(federation->charter)->lease_s,
                   .heartbeat_s = (uint32_t)sim_chance_between(chance, 50, 70),
                   .fresh_cosignature_s = 900,
                   .clock_skew_s = 300}};
    sim_draft_init(draft);
    sim_draft_op(draft, &op);
}

static void entry_job(struct sim_task *task, struct p2p_node *node, uint64_t index,
                      const struct sim_entry *entry)
{
    struct p2p_job *job = sim_task_job(task, P2P_JOB_CHARTER);
    job->charter.index = index;
    job->charter.leaf = sim_task_copy(task, p2p_slice_of(entry->leaf, entry->leaf_len));
    job->charter.note = sim_task_copy(task, p2p_slice_of(entry->note, entry->note_len));
    sim_task_give(node, job);
}

static void forge_start(struct sim_task *task, struct p2p_node *node)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    struct sim_sealing how = sim_sealing_due(federation, sim_now_ms(task->workload->sim));
    struct sim_entry entry;
    struct sim_draft draft;
    uint64_t index = how.index;
    switch (task->order.wrong) {
    case SIM_WRONG_FEW_ROOTS:
        how.roots &= how.roots - 1;
        break;
    case SIM_WRONG_ROOT_TWICE:
        how.roots &= how.roots - 1;
        how.twice = true;
        break;
    case SIM_WRONG_WRONG_TERM:
        how.term += sim_chance_between(&task->chance, 1, 3);
        break;
    default:
        index = sim_chance_permille(&task->chance, 500)
                    ? how.index - 1
                    : how.index + sim_chance_between(&task->chance, 1, 5);
        break;
    }
    policy_draft(federation, &draft, &task->chance);
    enum p2p_err err = sim_federation_sign(federation, &draft, &how, &entry);
    p2p_assert(err == P2P_OK);
    entry_job(task, node, index, &entry);
    sim_entry_deinit(&entry);
    sim_draft_deinit(&draft);
}

/* ---- two heads, and their end ---- */

static void settle_now(struct sim *sim, uint64_t subject, void *data)
{
    char reason[P2P_REASON_BYTES] = "";
    uint64_t index = 0;
    (void)subject;
    (void)data;
    enum p2p_err err = sim_federation_settle(&sim->federation, sim_now_ms(sim), &index, reason);
    sim_story_tell(&sim->story, sim->schedule.now_us, ROOTS, "settle as entry %llu: %s %s",
                   (unsigned long long)index, p2p_err_name(err), reason);
    sim_workload_give_charter(sim->workload);
}

/* A second entry at the place of the last one, given to some node. Beside a rotation or a
 * settle these roots can put none. */
static void rival_start(struct sim_task *task, struct p2p_node *node)
{
    struct sim *sim = task->workload->sim;
    struct sim_federation *federation = &sim->federation;
    struct sim_sealing how = sim_sealing_due(federation, sim_now_ms(sim));
    struct sim_entry entry;
    struct sim_draft draft;
    how.index--;
    policy_draft(federation, &draft, &task->chance);
    enum p2p_err err = sim_federation_sign(federation, &draft, &how, &entry);
    p2p_assert(err == P2P_OK);
    if (sim_federation_take(federation, how.index, &entry, NULL) == P2P_FORKED) {
        entry_job(task, node, how.index, &entry);
        sim_story_tell(&sim->story, sim->schedule.now_us, ROOTS, "a second entry %llu",
                       (unsigned long long)how.index);
        uint64_t later = sim_chance_between(&task->chance, SETTLE_US_MIN, SETTLE_US_MAX);
        sim_schedule_at(&sim->schedule, sim->schedule.now_us + later, settle_now, 0, NULL,
                        NULL);
    } else {
        sim_task_refuse(task);
    }
    sim_entry_deinit(&entry);
    sim_draft_deinit(&draft);
}

/* ---- the errand ---- */

/* What the roots need to know for a cut point: a checkpoint with its quorum. */
static void ask(struct sim_task *task, const struct p2p_node *node)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    struct sim_task_entry *entry = task->entry;
    entry->member = 1 + (uint32_t)sim_chance_below(&task->chance, federation->member_count);
    const struct p2p_member *member = p2p_charter_member_named(
        charter, p2p_slice_text(federation->members[entry->member].name));
    if (member == NULL || p2p_quorum_note(charter, node->kv, member->feed, entry->note,
                                          sizeof(entry->note), &entry->note_len) != P2P_OK) {
        entry->note_len = 0;
    }
}

/* A token that this node shows, of what came last, and who is to hold it instead. */
static void ask_token(struct sim_task *task, const struct p2p_node *node)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    const struct sim_yard *yard = &task->workload->yard;
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    const struct p2p_gate_place *place = p2p_engine_place(node->engine);
    struct sim_task_entry *entry = task->entry;
    uint64_t drawn = sim_chance_below(&task->chance, LAST_OPENED);
    if (drawn >= yard->opening_count) {
        return;
    }
    const struct p2p_record_id *token = &yard->openings[yard->opening_count - drawn - 1].token;
    const struct p2p_feed_info *info = p2p_charter_feed(charter, token->feed);
    const struct sim_member *to =
        &federation->members[1 + sim_chance_below(&task->chance, federation->member_count)];
    for (size_t i = 0; i < place->circle_count && info != NULL && to->admitted; i++) {
        struct p2p_custody custody;
        if (p2p_custody_get(node->kv, place->circles[i], token, &custody) == P2P_OK &&
            !p2p_custody_is_over(custody.state)) {
            snprintf(entry->feed, sizeof(entry->feed), "%s",
                     info->origin + strlen(federation->name) + 1);
            entry->reassign = (struct p2p_op_reassign){.feed = entry->feed,
                                                       .index = token->index,
                                                       .epoch = custody.epoch + 1,
                                                       .member = to->name};
        }
    }
}

static void start(struct sim_task *task, struct p2p_node *node)
{
    const struct sim_federation *federation = &task->workload->sim->federation;
    if (two_heads(federation) || p2p_engine_member(node->engine) == 0) {
        sim_task_refuse(task); /* nothing is granted until they are settled, nor by strangers */
        return;
    }
    switch (task->order.wrong) {
    case SIM_WRONG_NONE:
        task->entry = sim_task_take(task, sizeof(*task->entry));
        if (task->order.change == SIM_CHANGE_REVOKE) {
            ask(task, node);
        } else if (task->order.change == SIM_CHANGE_REASSIGN) {
            ask_token(task, node);
        }
        break;
    case SIM_WRONG_RIVAL:
        if (task->workload->charter_given == federation->entry_count &&
            federation->entry_count > 1 &&
            task->host->member->index <=
                task->workload->sim->options.nodes - task->workload->sim->options.joiners) {
            rival_start(task, node);
        } else {
            sim_task_refuse(task);
        }
        break;
    default:
        forge_start(task, node);
        break;
    }
}

static void seal(struct sim_task *task)
{
    struct sim_workload *workload = task->workload;
    struct sim *sim = workload->sim;
    char reason[P2P_REASON_BYTES] = "";
    uint64_t index = 0;
    struct sim_change_draft change = {
        .workload = workload,
        .chance = &task->chance,
        .change = task->order.change,
        .member = task->entry->note_len > 0 ? task->entry->member : 0,
        .note = p2p_slice_of(task->entry->note, task->entry->note_len),
        .reassign = task->entry->reassign.member != NULL ? &task->entry->reassign : NULL};
    enum p2p_err err = P2P_NOTFOUND;
    sim_draft_init(&change.draft);
    if (sim_change_draw(&change)) {
        err = sim_federation_seal(&sim->federation, &change.draft, sim_now_ms(sim), &index,
                                  reason);
        sim_story_tell(&sim->story, sim->schedule.now_us, ROOTS, "%s as entry %llu: %s%s%s",
                       sim_change_word(change.change), (unsigned long long)index,
                       p2p_err_name(err), reason[0] != '\0' ? ", " : "", reason);
    }
    if (err == P2P_OK) {
        sim_change_follow(&change);
        sim_workload_give_charter(workload);
    } else {
        task->refused = true;
    }
    sim_draft_deinit(&change.draft);
}

static void end(struct sim_task *task)
{
    if (task->entry == NULL || task->failed || task->refused) {
        return;
    }
    if (two_heads(&task->workload->sim->federation)) {
        task->refused = true;
    } else {
        seal(task);
    }
}

const struct sim_errand sim_errand_charter = {start, NULL, end, NULL};
