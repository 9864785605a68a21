/* Records whose issuer signs outside the node: prepared in one batch, signed by somebody who
 * takes his time, and submitted; or something else is submitted, or not in that order. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define SIGNING_US_MAX (20 * SIM_SECOND)

/* What the issuer holds between the two. Owned by the schedule, then by the second task. */
struct sim_task_signed {
    struct p2p_issuer_secret key;
    struct sim_workload *workload;
    uint32_t host; /* its number */
    struct sim_order order;
    struct {
        uint8_t *leaf;
        size_t leaf_len;
        uint8_t *salted;
        size_t salted_len;
    } records[2]; /* in the order in which they are submitted */
    size_t record_count;
};

static void papers_free(void *data)
{
    struct sim_task_signed *papers = data;
    for (size_t i = 0; papers != NULL && i < papers->record_count; i++) {
        free(papers->records[i].leaf);
        free(papers->records[i].salted);
    }
    free(papers);
}

/* ---- prepare ---- */

void sim_task_prepare(struct sim_task *task, struct p2p_node *node,
                      const struct p2p_append *record, const struct p2p_issuer_secret *key)
{
    struct sim_task_signed *papers = calloc(1, sizeof(*papers));
    p2p_assert(papers != NULL);
    papers->key = *key;
    papers->workload = task->workload;
    papers->host = task->host->number;
    papers->order = task->order;
    task->papers = papers;
    for (int n = 0; n < (task->order.wrong == SIM_WRONG_OLD_SEQ ? 2 : 1); n++) {
        struct p2p_job *job = sim_task_job(task, P2P_JOB_PREPARE);
        job->prepare = *record;
        sim_task_give(node, job);
    }
}

static uint8_t *copy(struct p2p_slice bytes)
{
    uint8_t *out = malloc(bytes.len + 1);
    p2p_assert(out != NULL);
    if (bytes.len > 0) {
        memcpy(out, bytes.data, bytes.len);
    }
    return out;
}

static void sign(struct sim_task_signed *papers, const char *origin, const struct p2p_job *job)
{
    const struct p2p_sigs *sigs = papers->workload->sim->federation.sigs;
    struct p2p_signature signature;
    struct p2p_pack pack;
    struct p2p_slice leaf = job->result.leaf;
    struct p2p_slice head = p2p_slice_of(leaf.data, leaf.len - 1); /* without the nil */
    size_t cap = leaf.len + P2P_SIGNATURE_BYTES + 4;
    uint8_t *message = malloc(P2P_SIGNED_BYTES_MAX);
    uint8_t *signed_leaf = malloc(cap);
    p2p_assert(message != NULL && signed_leaf != NULL);
    size_t len = p2p_record_signed_bytes(message, head, p2p_slice_text(origin));
    sigs->sign(sigs->context, papers->key.seed, papers->key.public_key.bytes,
               p2p_slice_of(message, len), &signature);
    if (papers->order.wrong == SIM_WRONG_BAD_SIGNATURE) {
        signature.bytes[7] ^= 0x10;
    }
    p2p_pack_init(&pack, signed_leaf, cap);
    enum p2p_err err = p2p_record_attach(head, &signature, &pack);
    p2p_assert(err == P2P_OK);
    size_t at = papers->record_count++;
    papers->records[at].leaf = signed_leaf;
    papers->records[at].leaf_len = p2p_pack_slice(&pack).len;
    papers->records[at].salted = copy(job->result.salted);
    papers->records[at].salted_len = job->result.salted.len;
    free(message);
}

/* What is changed after it was signed. */
static void spoil(struct sim_task_signed *papers, struct sim_chance *chance)
{
    if (papers->order.wrong == SIM_WRONG_COMMITMENT && papers->records[0].salted_len > 0) {
        papers->records[0].salted[sim_chance_below(chance, papers->records[0].salted_len)] ^= 1;
    } else if (papers->order.wrong == SIM_WRONG_NOT_CANONICAL) {
        papers->records[0].leaf[1] = 0xcc; /* version 1 in two bytes, the kind gone */
    }
}

void sim_task_prepared(struct sim_task *task, struct p2p_node *node)
{
    struct sim_task_signed *papers = task->papers;
    if (papers == NULL || task->refused) {
        return;
    }
    const struct p2p_feed_info *info = p2p_charter_feed(
        p2p_engine_ledger(node->engine)->charter, p2p_engine_own_feed(node->engine));
    for (size_t i = task->job_count; i > 0; i--) { /* the later number first */
        sign(papers, info->origin, task->jobs[i - 1]);
    }
    if (papers->order.wrong == SIM_WRONG_REPEATED_SEQ) {
        papers->records[1] = papers->records[0];
        papers->records[1].leaf =
            copy(p2p_slice_of(papers->records[0].leaf, papers->records[0].leaf_len));
        papers->records[1].salted =
            copy(p2p_slice_of(papers->records[0].salted, papers->records[0].salted_len));
        papers->record_count = 2;
    }
    spoil(papers, &task->chance);
}

/* ---- submit ---- */

static void start(struct sim_task *task, struct p2p_node *node)
{
    const struct sim_task_signed *papers = task->papers;
    for (size_t i = 0; i < papers->record_count; i++) {
        struct p2p_job *job = sim_task_job(task, P2P_JOB_SUBMIT);
        job->submit.leaf = p2p_slice_of(papers->records[i].leaf, papers->records[i].leaf_len);
        job->submit.salted =
            p2p_slice_of(papers->records[i].salted, papers->records[i].salted_len);
        sim_task_give(node, job);
    }
}

static void end(struct sim_task *task)
{
    papers_free(task->papers);
}

static const struct sim_errand submit = {start, NULL, end, NULL};

static void submit_now(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_task_signed *papers = data;
    (void)subject;
    struct sim_task *task =
        sim_task_new(papers->workload, sim->hosts[papers->host], &submit, &papers->order);
    task->papers = papers;
    sim_task_send(task);
}

void sim_task_submit(struct sim_task *task)
{
    struct sim_task_signed *papers = task->papers;
    if (papers == NULL) {
        return;
    }
    if (task->failed || papers->record_count == 0) {
        papers_free(papers);
        return;
    }
    struct sim_schedule *schedule = &task->workload->sim->schedule;
    task->silent = true; /* the second half counts */
    sim_schedule_at(schedule,
                    schedule->now_us + sim_chance_below(&task->chance, SIGNING_US_MAX),
                    submit_now, 0, papers, papers_free);
}
