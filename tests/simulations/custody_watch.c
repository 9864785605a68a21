#include "check.h"

#include "custody_watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name(struct p2p_subject *subject, const char *text)
{
    CHECK_OK(p2p_subject_parse(subject, p2p_slice_text(text)));
}

static void stand_in_the_yard(struct custody_watch *c)
{
    struct sim_yard *yard = &c->workload.yard;
    sim_yard_init(yard, 1, 2);
    snprintf(yard->boxes[0].number, sizeof(yard->boxes[0].number), CUSTODY_BOX);
    sim_yard_arrive(yard, 0, 0);
    struct sim_trip *trip = &yard->boxes[0].trips[yard->boxes[0].trip_count++];
    trip->has_truck = true;
    name(&trip->driver, WATCHED_DRIVER);
    name(&trip->truck, WATCHED_TRUCK);
    sim_yard_opened(yard, &(struct sim_opening){.token = c->token, .box = 0, .visit = 1});
}

void custody_watch_init(struct custody_watch *c)
{
    *c = (struct custody_watch){
        .ready = true, .copied = UINT64_MAX, .quorum = UINT64_MAX, .answers = 3};
    watch_world_init(&c->w);
    custody_world_init(&c->w.world);
    c->w.sim.workload = &c->workload;
    c->w.watcher->machine_count = 2; /* of which it looks among for who asked */
    c->w.watcher->machines = calloc(2, sizeof(struct watch_machine));
    CHECK(c->w.watcher->machines != NULL);
    watched_init(&c->m1, &c->w.world, 1);
    watched_init(&c->m2, &c->w.world, 2);
    watched_init(&c->m3, &c->w.world, 3);
    ledger_world_seen(&c->w.world, 3); /* who hears of nothing that comes now */
    c->token = custody_world_open(&c->w.world, 1, CUSTODY_BOX);
    c->right = right_world_issue(&c->w.world, 1, c->token, PARTY_OF(1));
    custody_watch_lights(c);
    stand_in_the_yard(c);
    c->check = (struct p2p_gate_check){.gate = "lane-1",
                                       .purpose = "enter",
                                       .subject_count = 2,
                                       .own_ms = LEDGER_WORLD_TIME_MS};
    snprintf(c->check.container, sizeof(c->check.container), CUSTODY_BOX);
    name(&c->check.subjects[0], WATCHED_DRIVER);
    name(&c->check.subjects[1], WATCHED_TRUCK);
}

void custody_watch_deinit(struct custody_watch *c)
{
    sim_yard_deinit(&c->workload.yard);
    watched_deinit(&c->m1);
    watched_deinit(&c->m2);
    watched_deinit(&c->m3);
    watch_world_deinit(&c->w);
}

struct p2p_record_id custody_watch_light(struct custody_watch *c, enum p2p_light light,
                                         unsigned value)
{
    return right_world_act(
        &c->w.world, 2,
        &(struct right_act){
            .kind = P2P_KIND_RIGHT_LIGHT, .right = c->right, .light = light, .value = value});
}

struct p2p_record_id custody_watch_use(struct custody_watch *c, uint64_t epoch)
{
    struct p2p_record_id use = right_world_use(&c->w.world, 1, c->token, c->right, epoch);
    ledger_world_write(&c->w.world, 1, (struct p2p_draft){.kind = P2P_KIND_DECISIONS}, 0);
    return use;
}

static uint64_t quorum_of(const void *context, uint32_t feed)
{
    const struct custody_watch *c = context;
    (void)feed;
    return c->quorum;
}

static struct watch_gate gate_of(const struct custody_watch *c, const struct watched *watched)
{
    static const uint32_t circles[] = {CIRCLE_ALL};
    return (struct watch_gate){.feed = watched->machine.member,
                               .copied = c->copied,
                               .ready = c->ready,
                               .hides = c->hides,
                               .voided = c->voided,
                               .circles = circles,
                               .circle_count = 1,
                               .quorum = quorum_of,
                               .context = c};
}

void custody_watch_lights(struct custody_watch *c)
{
    for (unsigned light = 0; light < P2P_LIGHT_COUNT; light++) {
        custody_watch_light(c, (enum p2p_light)light, 0);
    }
}

void custody_watch_ask(struct custody_watch *c)
{
    struct sim_watcher *watcher = c->w.watcher;
    const struct p2p_lease_ask ask = {.feed = 1, .nonce = {{(uint8_t)++c->rounds}}};
    const struct p2p_lease_answer answer = {.nonce = ask.nonce};
    struct watch_machine *machine = &watcher->machines[1];
    watch_lease_asked(watcher, machine, &ask);
    for (uint32_t i = 0; i < c->answers; i++) {
        const struct watch_machine witness = {.member = 2 + i};
        watch_lease_answered(watcher, &witness, &answer);
    }
    memcpy(c->m1.machine.rounds, machine->rounds, sizeof(machine->rounds));
    c->m1.machine.round_count = machine->round_count;
}

void custody_watch_left(struct custody_watch *c, const struct p2p_record_id *use)
{
    struct p2p_job job = {.check = c->check};
    const struct watch_gate gate = gate_of(c, &c->m1);
    job.check.released = true;
    job.check.use = use->index;
    job.result.first = (struct p2p_record_id){use->feed, use->index + 1};
    watched_take_all(&c->m1);
    watched_open(&c->w, &c->m1);
    if (c->rounds == 0) {
        custody_watch_ask(c);
    }
    watch_left(c->w.watcher, &c->m1.machine, &gate, &job);
    watched_close(&c->m1);
}

void custody_watch_scan(struct custody_watch *c, struct watched *const *all, size_t count)
{
    c->w.watcher->scans++;
    for (size_t i = 0; i < count; i++) {
        const struct watch_gate gate = gate_of(c, all[i]);
        watched_open(&c->w, all[i]);
        watch_custody(c->w.watcher, &all[i]->machine, &gate);
        watched_close(all[i]);
    }
}

void custody_watch_lies(struct custody_watch *c, uint32_t member)
{
    watch_excuse(c->w.watcher, member);
}
