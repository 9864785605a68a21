/* Next generations: the roots hear that a member's machine may not append, or lost its witness
 * key, and some time later grant the member the generation after its newest. Its keys lie at
 * that machine already (host.c). Whoever was admitted meanwhile fetches the charter. */
#include "workload_task.h"

#include <p2p/assert.h>

#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_US (30 * SIM_SECOND)
#define ROOTS         "roots"

static bool is_ill(const struct sim_host *host)
{
    if (host == NULL || !host->up || host->leaves || host->conduct != SIM_HONEST ||
        host->node.engine_lost || p2p_engine_own_feed(host->node.engine) == 0) {
        return false;
    }
    enum p2p_read_only why = p2p_engine_read_only(host->node.engine);
    return why == P2P_READ_ONLY_RESTORED || why == P2P_READ_ONLY_FORKED ||
           (why == P2P_READ_ONLY_NONE && p2p_engine_witness_lost(host->node.engine));
}

/* It was admitted after its machine was set up, and nobody speaks to it as long as the charter
 * it holds does not name it. */
static bool is_new(const struct sim_host *host)
{
    return host != NULL && host->up && host->member->admitted && !host->node.engine_lost &&
           p2p_engine_member(host->node.engine) == 0;
}

/* The roots know the charter, and that is where the member's newest feed stands. */
static void renew(struct sim_workload *workload, uint32_t index)
{
    struct sim *sim = workload->sim;
    struct sim_federation *federation = &sim->federation;
    const struct p2p_charter *charter = federation->charter;
    struct sim_member *member = &federation->members[index];
    const struct p2p_member *known =
        p2p_charter_member_named(charter, p2p_slice_text(member->name));
    const struct p2p_feed_info *feed =
        known == NULL ? NULL : p2p_charter_feed(charter, known->feed);
    const char *witnesses[P2P_WITNESSES_MAX];
    char reason[P2P_REASON_BYTES] = "";
    struct sim_draft draft;
    uint64_t at = 0;
    if (feed == NULL || p2p_charter_rival_size(charter) > 0) {
        return; /* nothing is granted until they are settled */
    }
    struct sim_member next = *member;
    sim_member_keys(federation, &next, feed->generation + 1);
    for (uint32_t i = 0; i < feed->witness_count; i++) {
        uint32_t number = p2p_witness_member(feed->witnesses[i]);
        witnesses[i] = p2p_charter_member(charter, number)->name;
    }
    const struct p2p_charter_op op = {.type = P2P_OP_GENERATION,
                                      .generation = {.member = member->name,
                                                     .feed_key = next.feed_key.public_key,
                                                     .witness_key = next.witness_key.public_key,
                                                     .witnesses = witnesses,
                                                     .witness_count = feed->witness_count}};
    sim_draft_init(&draft);
    sim_draft_op(&draft, &op);
    enum p2p_err err = sim_federation_seal(federation, &draft, sim_now_ms(sim), &at, reason);
    sim_story_tell(&sim->story, sim->schedule.now_us, ROOTS,
                   "generation %u of %s as entry %llu: %s %s", (unsigned)next.generation,
                   member->name, (unsigned long long)at, p2p_err_name(err), reason);
    sim_draft_deinit(&draft);
    if (err == P2P_OK) {
        *member = next;
        sim_workload_give_charter(workload);
    }
}

static void look(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_workload *workload = sim->workload;
    uint64_t now = sim->schedule.now_us;
    (void)subject;
    (void)data;
    for (uint32_t i = 1; i <= sim->federation.member_count && i < SIM_HOSTS_MAX; i++) {
        if (is_new(sim->hosts[i])) { /* `charter fetch`, from a node that has been given it */
            sim_lay_charter(sim, sim->hosts[i], workload->charter_given);
        }
        if (!is_ill(sim->hosts[i])) {
            workload->ill_us[i] = 0;
        } else if (workload->ill_us[i] == 0) {
            workload->ill_us[i] = now;
        } else if (now - workload->ill_us[i] >= workload->options.renew_after_us &&
                   now >= workload->rest_us) {
            workload->ill_us[i] = 0;
            renew(workload, i);
        }
    }
    sim_workload_charter_left(workload);
    if (now + LOOK_EVERY_US < workload->end_us) {
        sim_schedule_at(&sim->schedule, now + LOOK_EVERY_US, look, 0, NULL, NULL);
    }
}

void sim_workload_watch_over(struct sim_workload *workload)
{
    struct sim *sim = workload->sim;
    if (workload->options.renew_after_us == 0) {
        return;
    }
    workload->ill_us = calloc(sim->federation.member_count + 1, sizeof(*workload->ill_us));
    p2p_assert(workload->ill_us != NULL);
    sim_schedule_at(&sim->schedule, sim->schedule.now_us + LOOK_EVERY_US, look, 0, NULL, NULL);
}
