#include "sim.h"

#include <p2p/assert.h>
#include <p2p/clock.h>
#include <p2p/event.h>

#include <stdlib.h>
#include <string.h>

#define MONO_BEGIN_MS  UINT64_C(1000000) /* when a simulated machine was switched on */
#define READ_BATCH_US  50u               /* a batch that commits nothing */
#define START_MS       20u               /* from the start of the process to its first batch */
#define FRAME_COPY_MAX (4u << 20)

uint64_t sim_host_mono_ms(const struct sim_host *host)
{
    return MONO_BEGIN_MS + host->sim->schedule.now_us / SIM_MS;
}

/* ---- twins: this machine's clock, and who watches its events ---- */

void p2p_node_now(const struct p2p_node *node, struct p2p_now *now)
{
    struct sim_host *host = node->daemon;
    uint64_t true_ms = sim_now_ms(host->sim);
    uint64_t wall_ms = (uint64_t)((int64_t)true_ms + host->clock.wall_offset_ms);
    now->mono_ms = sim_host_mono_ms(host);
    now->wall_ms = host->clock.frozen_at_ms != 0 ? host->clock.frozen_at_ms : wall_ms;
    sim_chance_fill(&host->clock.entropy, now->seed, sizeof(now->seed));
}

struct p2p_events {
    struct sim_host *host;
};

void p2p_events_add(struct p2p_events *events, const struct p2p_event_entry *entry)
{
    struct sim *sim = events->host->sim;
    sim_story_trace(&sim->story, sim->schedule.now_us, events->host->name, entry);
}

/* ---- a machine ---- */

void sim_host_make_copy(struct sim_host *host)
{
    struct p2p_copy_point point = {.generation = host->generation};
    snprintf(point.feed, sizeof(point.feed), "%s/%s", host->sim->federation.name,
             host->member->name);
    point.root = p2p_sha256(p2p_slice_of(NULL, 0));
    sim_disk_make_copy(host->disk, &point);
}

/* Amending and suspending came later than imposing and lifting: who does not know the former
 * holds what is imposed for longer, and lets nobody in for it. */
static uint64_t kinds_unknown(const struct sim *sim, uint32_t member)
{
    struct sim_chance chance = sim_chance_of(sim->options.seed, "version", member);
    return sim_chance_permille(&chance, sim->options.fault.old_version_permille)
               ? UINT64_C(1) << P2P_KIND_BAN_AMEND | UINT64_C(1) << P2P_KIND_BAN_SUSPEND |
                     UINT64_C(1) << P2P_KIND_BAN_RESUME
               : 0;
}

struct sim_host *sim_host_new(struct sim *sim, uint32_t number, const struct sim_member *member)
{
    struct sim_host *host = calloc(1, sizeof(*host));
    p2p_assert(host != NULL);
    host->sim = sim;
    host->number = number;
    host->member = member;
    host->generation = member->generation;
    sim_heap_init(&host->heap);
    host->kinds_unknown = kinds_unknown(sim, member->index);
    if (number == member->index) {
        snprintf(host->name, sizeof(host->name), "%s", member->name);
    } else {
        snprintf(host->name, sizeof(host->name), "%.32s+", member->name);
    }
    host->events = calloc(1, sizeof(*host->events));
    p2p_assert(host->events != NULL);
    host->events->host = host;
    host->disk = sim_disk_new(&sim->options.disk, sim->options.seed, number);
    sim_host_make_copy(host);
    host->clock.entropy = sim_chance_of(sim->options.seed, "entropy", number);
    host->inbox_end = &host->inbox;
    host->works_end = &host->works;
    p2p_batch_init(&host->batch);
    return host;
}

void sim_host_free(struct sim_host *host)
{
    p2p_assert(!host->up);
    p2p_batch_deinit(&host->batch);
    sim_disk_free(host->disk);
    free(host->pins);
    free(host->events);
    free(host);
}

bool sim_host_is_sound(const struct sim_host *host)
{
    return host->up && host->conduct == SIM_HONEST && !host->node.engine_lost &&
           p2p_engine_own_feed(host->node.engine) != 0 &&
           p2p_engine_read_only(host->node.engine) == P2P_READ_ONLY_NONE;
}

/* ---- batches ---- */

static void release_works(struct sim_host *host, struct p2p_work *works, bool fail)
{
    while (works != NULL) {
        struct p2p_work *work = works;
        works = work->next;
        if (fail) {
            work->fail(work, &host->node, P2P_BUSY);
        }
        work->release(work);
    }
}

static void run_batch(struct sim *sim, uint64_t subject, void *data);

/* A scheduled event belongs to one life of its machine. */
static uint64_t subject_of(const struct sim_host *host)
{
    return host->life << 16 | host->number;
}

static struct sim_host *host_of(const struct sim *sim, uint64_t subject)
{
    struct sim_host *host = sim->hosts[subject & 0xffff];
    return host != NULL && host->up && host->life == subject >> 16 ? host : NULL;
}

static void poke_at(struct sim_host *host, uint64_t at_us)
{
    if (host->up && !host->batch_runs && (!host->batch_due || at_us < host->wake_us)) {
        host->batch_due = true;
        host->wake_us = at_us;
        sim_schedule_at(&host->sim->schedule, at_us, run_batch, subject_of(host), NULL, NULL);
    }
}

static void poke(struct sim_host *host)
{
    poke_at(host, host->sim->schedule.now_us);
}

static void carry_out(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = host_of(sim, subject);
    (void)data;
    if (host == NULL) {
        return; /* it failed first: nothing of this ever left */
    }
    struct p2p_batch *batch = &host->batch;
    const struct p2p_actions *actions = &batch->actions;
    struct p2p_work *works = batch->works;
    batch->works = NULL;
    host->batch_runs = false;
    if (sim->watcher != NULL) {
        sim_watcher_actions(sim->watcher, host, actions);
    }
    if (sim->observe != NULL) {
        sim->observe(sim, host, actions);
    }
    if (batch->wanted_changed) {
        host->wanted = batch->wanted;
    }
    if (batch->pins != NULL && actions->charter_changed) { /* all addresses are `nowhere` */
        free(host->pins);
        host->pins = batch->pins;
        host->pin_count = batch->pin_count;
        batch->pins = NULL;
        sim_network_pins_changed(sim->network, host);
    } else if (batch->wanted_changed) {
        sim_network_wanted_changed(sim->network, host);
    }
    for (size_t i = 0; i < actions->send_count; i++) {
        sim_network_send(sim->network, host, actions->sends[i].link, actions->sends[i].bytes);
    }
    for (size_t i = 0; i < actions->close_count; i++) {
        sim_network_close(sim->network, host, actions->closes[i].link);
    }
    if (batch->failed) { /* without an engine it is dialled again as after any broken line */
        sim_network_down(sim->network, host);
        if (!host->node.engine_lost) {
            sim_network_up(sim->network, host);
        }
    }
    uint64_t wake_ms = actions->wake_mono_ms;
    uint64_t now_ms = MONO_BEGIN_MS + sim->schedule.now_us / SIM_MS;
    p2p_batch_clear(batch);
    release_works(host, works, false);
    if (host->inbox != NULL || host->works != NULL) {
        poke(host);
    } else if (wake_ms != UINT64_MAX) {
        poke_at(host, wake_ms <= now_ms ? sim->schedule.now_us + SIM_MS
                                        : (wake_ms - MONO_BEGIN_MS) * SIM_MS);
    }
}

static void run_batch(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = host_of(sim, subject);
    (void)data;
    if (host == NULL || host->batch_runs || !host->batch_due ||
        sim->schedule.now_us < host->wake_us) {
        return;
    }
    uint64_t effects = sim_disk_effects(host->disk);
    host->batch_due = false;
    host->batch.inputs = host->inbox;
    host->batch.works = host->works;
    host->inbox = NULL;
    host->inbox_end = &host->inbox;
    host->works = NULL;
    host->works_end = &host->works;
    host->batch_runs = true;
    host->batches++;
    p2p_writer_run(&host->node, &host->batch);
    if (sim_disk_is_dead(host->disk)) {
        uint64_t down = sim_chance_between(&host->clock.entropy, SIM_SECOND, 30 * SIM_SECOND);
        sim_host_kill(host, true, down);
        return;
    }
    uint64_t length = READ_BATCH_US;
    if (sim_disk_effects(host->disk) != effects) {
        uint64_t commit = sim->options.disk.commit_us;
        length = commit / 2 + sim_chance_below(&host->clock.entropy, commit + 1);
    }
    sim_schedule_at(&sim->schedule, sim->schedule.now_us + length, carry_out, subject_of(host),
                    NULL, NULL);
}

/* ---- what arrives ---- */

static void arrive(struct sim_host *host, struct p2p_input input, struct p2p_slice body)
{
    struct p2p_input *kept = calloc(1, sizeof(*kept));
    p2p_assert(kept != NULL && body.len <= FRAME_COPY_MAX);
    *kept = input;
    if (body.len > 0) {
        kept->bytes = malloc(body.len);
        p2p_assert(kept->bytes != NULL);
        memcpy(kept->bytes, body.data, body.len);
        kept->frame.body = p2p_slice_of(kept->bytes, body.len);
    }
    kept->next = NULL;
    *host->inbox_end = kept;
    host->inbox_end = &kept->next;
    poke(host);
}

void sim_host_link_up(struct sim_host *host, uint64_t link, uint32_t member)
{
    arrive(host, (struct p2p_input){.type = P2P_EVENT_LINK_UP, .link = link, .member = member},
           p2p_slice_of(NULL, 0));
}

void sim_host_link_down(struct sim_host *host, uint64_t link)
{
    arrive(host, (struct p2p_input){.type = P2P_EVENT_LINK_DOWN, .link = link},
           p2p_slice_of(NULL, 0));
}

void sim_host_writable(struct sim_host *host, uint64_t link)
{
    arrive(host, (struct p2p_input){.type = P2P_EVENT_WRITABLE, .link = link},
           p2p_slice_of(NULL, 0));
}

void sim_host_frame(struct sim_host *host, uint64_t link, uint8_t type, struct p2p_slice body)
{
    arrive(host,
           (struct p2p_input){
               .type = P2P_EVENT_FRAME, .link = link, .frame = {.type = type, .body = {0}}},
           body);
}

bool sim_host_work(struct sim_host *host, struct p2p_work *work)
{
    if (!host->up) {
        return false;
    }
    work->next = NULL;
    *host->works_end = work;
    host->works_end = &work->next;
    poke(host);
    return true;
}

/* ---- starting and failing ---- */

/* Each epoch of a circle is drawn by the member with the lowest number that is in it when a
 * machine looks; the others wait to be given it. */
static enum p2p_err drawn_key(struct p2p_node *node, const struct p2p_hash *hash,
                              struct p2p_circle_key *out, char message[P2P_MESSAGE_BYTES])
{
    const struct sim_host *host = node->daemon;
    const struct p2p_charter *charter = p2p_engine_ledger(node->engine)->charter;
    (void)message;
    for (uint32_t i = 1; i <= p2p_charter_circle_count(charter); i++) {
        const struct p2p_circle *circle = p2p_charter_circle(charter, i);
        bool drawer = circle != NULL && circle->member_count > 0 &&
                      circle->members[0] == p2p_engine_member(node->engine);
        for (size_t e = 0; drawer && e < circle->epoch_count; e++) {
            if (p2p_hash_equal(&circle->epochs[e].key_hash, hash)) {
                *out = sim_federation_circle_key(&host->sim->federation, circle->name,
                                                 circle->epochs[e].epoch);
                return P2P_OK;
            }
        }
    }
    return P2P_NOTFOUND;
}

/* Keys of every generation lie at the member's own machine, not at a copy of it. */
static enum p2p_err generation_keys(struct p2p_node *node, uint32_t generation,
                                    struct p2p_generation_keys *out,
                                    char message[P2P_MESSAGE_BYTES])
{
    const struct sim_host *host = node->daemon;
    struct sim_member member = *host->member;
    (void)message;
    if (host->number != member.index) {
        return P2P_NOTFOUND;
    }
    sim_member_keys(&host->sim->federation, &member, generation);
    out->feed = member.feed_key;
    out->witness = member.witness_key;
    out->used = generation <= host->used_generation;
    return P2P_OK;
}

/* What lies beside the keys stays when a machine is lost, as they do. */
static enum p2p_err mark_used(struct p2p_node *node, uint32_t generation,
                              char message[P2P_MESSAGE_BYTES])
{
    struct sim_host *host = node->daemon;
    (void)message;
    if (sim_disk_is_dead(host->disk)) {
        return P2P_IO;
    }
    host->used_generation =
        generation > host->used_generation ? generation : host->used_generation;
    return P2P_OK;
}

static enum p2p_err make_copy(struct p2p_node *node, const struct p2p_copy_point *point)
{
    struct sim_host *host = node->daemon;
    struct p2p_copy_point read;
    if (sim_disk_is_dead(host->disk)) {
        return P2P_IO;
    }
    sim_disk_make_copy(host->disk, point);
    return sim_disk_copy(host->disk, &read, &node->copy) == P2P_COPY_OK ? P2P_OK : P2P_IO;
}

static void fill_node(struct sim_host *host)
{
    struct p2p_node *node = &host->node;
    const struct sim_member *member = host->member;
    static char nowhere[] = "192.0.2.1:7400"; /* RFC 5737: lines are the simulator's business */
    static char nobody[] = "";
    *node = (struct p2p_node){0};
    snprintf(node->dir, sizeof(node->dir), "%s", host->name);
    node->config = (struct p2p_config){
        .federation = host->sim->federation.name,
        .member = (char *)member->name,
        .role = member->role,
        .locode = (char *)member->locode,
        .listen_peers = nowhere,
        .listen_people = nowhere,
        .dial_from = nobody,
        .copy = host->name,
        .commit_records_max = P2P_COMMIT_RECORDS_MAX,
        .release_level = member->index % 3 == 0 ? P2P_RELEASE_LOCAL : P2P_RELEASE_MIRRORED};
    node->feed_key = member->feed_key;
    node->witness_key = member->witness_key;
    node->transport_key = member->transport_key;
    node->sealing_key = member->sealing_key;
    node->daemon = host;
    node->events = host->events;
    node->sigs = host->sim->sigs;
    node->serving = true;
    node->full_mesh_max = host->sim->options.full_mesh_max;
    node->engine_alloc = &host->heap.alloc;
    node->kinds_unknown = host->kinds_unknown;
    node->federation_id = host->sim->federation.id;
    node->drawn_key = drawn_key;
    node->generation_keys = generation_keys;
    node->mark_used = mark_used;
    node->make_copy = make_copy;
}

static enum p2p_err read_pins(struct sim_host *host)
{
    free(host->pins);
    host->pins = NULL;
    host->pin_count = 0;
    return p2p_writer_first_pins(&host->node, &host->pins, &host->pin_count);
}

/* Nothing of a process survives it but what its disk holds. */
static void empty(struct sim_host *host)
{
    struct p2p_node *node = &host->node;
    node->engine_lost = true; /* what it believes is in doubt */
    if (node->engine != NULL) {
        release_works(host, p2p_writer_give_up(node), false);
    }
    release_works(host, host->batch.works, true);
    release_works(host, host->works, true);
    host->batch.works = NULL;
    host->works = NULL;
    host->works_end = &host->works;
    struct p2p_input **end = &host->batch.inputs;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = host->inbox; /* freed with the batch */
    host->inbox = NULL;
    host->inbox_end = &host->inbox;
    p2p_engine_close(node->engine);
    node->engine = NULL;
    p2p_batch_clear(&host->batch);
    host->batch_runs = false;
    host->batch_due = false;
    p2p_spool_close(node->spool);
    p2p_copy_close(node->copy);
    node->spool = NULL;
    node->copy = NULL;
}

bool sim_host_start(struct sim_host *host)
{
    struct sim *sim = host->sim;
    struct p2p_node *node = &host->node;
    p2p_assert(!host->up);
    sim_disk_revive(host->disk);
    host->life++;
    fill_node(host);
    p2p_node_now(node, &node->now);
    node->started_wall_ms = node->now.wall_ms;
    node->boot = host->life;
    node->store = sim_disk_store(host->disk);
    node->spool = sim_disk_spool(host->disk, node->boot);
    node->copy_state = sim_disk_copy(host->disk, &node->copy_point, &node->copy);
    enum p2p_err err = p2p_node_open_engine(node);
    if (err == P2P_OK) {
        err = read_pins(host);
    }
    host->damaged = err != P2P_OK;
    if (err != P2P_OK) {
        sim_story_tell(&sim->story, sim->schedule.now_us, host->name, "cannot start: %s",
                       p2p_err_name(err));
        sim_disk_kill(host->disk);
        empty(host);
        return false;
    }
    host->up = true;
    host->wanted = *p2p_engine_wanted(node->engine);
    enum p2p_read_only read_only = p2p_engine_read_only(node->engine);
    sim_story_tell(&sim->story, sim->schedule.now_us, host->name, "started%s%s",
                   read_only == P2P_READ_ONLY_NONE ? "" : ", ", p2p_read_only_word(read_only));
    if (sim->watcher != NULL) {
        sim_watcher_started(sim->watcher, host);
    }
    sim_network_up(sim->network, host);
    poke_at(host, sim->schedule.now_us + START_MS * SIM_MS);
    return true;
}

static void start_again(struct sim *sim, uint64_t subject, void *data)
{
    struct sim_host *host = sim->hosts[subject & 0xffff];
    (void)data;
    if (host != NULL && !host->up && host->life == subject >> 16 && !host->leaves) {
        sim_host_start(host);
    }
}

void sim_host_kill(struct sim_host *host, bool power, uint64_t down_us)
{
    struct sim *sim = host->sim;
    p2p_assert(host->up);
    host->up = false;
    host->crashes++;
    sim_story_tell(&sim->story, sim->schedule.now_us, host->name,
                   power ? "the power failed" : "the process was killed");
    sim_network_down(sim->network, host);
    if (power) {
        sim_disk_fail_power(host->disk);
    } else {
        sim_disk_kill(host->disk);
    }
    if (sim->watcher != NULL && sim_disk_went_back(host->disk)) {
        sim_watcher_went_back(sim->watcher, host);
    }
    empty(host);
    if (down_us != UINT64_MAX) {
        sim_schedule_at(&sim->schedule, sim->schedule.now_us + down_us, start_again,
                        subject_of(host), NULL, NULL);
    }
}
