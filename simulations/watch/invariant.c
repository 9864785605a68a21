#include "watch.h"

#include <p2p/assert.h>

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES_MAX (256u << 20)
#define CLOCK_OFF_MS      60000 /* more than any drawn skew */

const char *sim_invariant_word(enum sim_invariant invariant)
{
    static const char *const words[] = {
#define INVARIANT_WORD(name, word, text) [SIM_INVARIANT_##name] = word,
        SIM_INVARIANT_MAP(INVARIANT_WORD)
#undef INVARIANT_WORD
    };
    return words[invariant];
}

void sim_violate(struct sim *sim, enum sim_invariant invariant, const char *format, ...)
{
    va_list arguments;
    if (sim->violation.found) {
        return;
    }
    sim->violation.found = true;
    sim->violation.invariant = invariant;
    sim->violation.at_us = sim->schedule.now_us;
    va_start(arguments, format);
    vsnprintf(sim->violation.text, sizeof(sim->violation.text), format, arguments);
    va_end(arguments);
    sim_story_tell(&sim->story, sim->schedule.now_us, "watcher", "%s: %s",
                   sim_invariant_word(invariant), sim->violation.text);
}

/* ---- what the watcher knows ---- */

const struct p2p_charter *watch_charter(const struct sim_watcher *watcher)
{
    return watcher->sim->federation.charter;
}

/* The array with room for index, zeroed where it is new. */
static void *reach(void *items, size_t *count, size_t index, size_t bytes)
{
    if (index < *count) {
        return items;
    }
    size_t grown = index + 8;
    char *room = realloc(items, grown * bytes);
    p2p_assert(room != NULL);
    memset(room + *count * bytes, 0, (grown - *count) * bytes);
    *count = grown;
    return room;
}

struct watch_feed *watch_feed_of(struct sim_watcher *watcher, uint32_t number)
{
    p2p_assert(number < P2P_FEEDS_MAX && number < watcher->feed_count);
    return &watcher->feeds[number];
}

struct watch_left *watch_left_of(struct watch_machine *machine, uint32_t feed)
{
    machine->left = reach(machine->left, &machine->left_count, feed, sizeof(*machine->left));
    return &machine->left[feed];
}

const char *watch_feed_name(const struct sim_watcher *watcher, uint32_t number)
{
    const struct p2p_charter *charter = watch_charter(watcher);
    const struct p2p_feed_info *info = p2p_charter_feed(charter, number);
    size_t prefix = strlen(p2p_charter_federation(charter)) + 1;
    if (number == P2P_CHARTER_FEED) {
        return "charter/1";
    }
    return info == NULL ? "a feed without a name" : info->origin + prefix;
}

bool watch_is_honest_member(const struct sim_watcher *watcher, uint32_t member)
{
    return member >= watcher->excused_count || !watcher->excused[member];
}

bool watch_is_honest_feed(const struct sim_watcher *watcher, uint32_t number)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), number);
    return info != NULL && watch_is_honest_member(watcher, info->member);
}

void watch_excuse(struct sim_watcher *watcher, uint32_t member)
{
    watcher->excused =
        reach(watcher->excused, &watcher->excused_count, member, sizeof(*watcher->excused));
    watcher->excused[member] = true;
}

struct sim_watcher *sim_watcher_new(struct sim *sim)
{
    struct sim_watcher *watcher = calloc(1, sizeof(*watcher));
    p2p_assert(watcher != NULL);
    watcher->sim = sim;
    p2p_arena_init(&watcher->arena, p2p_alloc_default(), SCRATCH_BYTES_MAX);
    watch_look(watcher);
    return watcher;
}

static void free_feed(struct watch_feed *feed)
{
    for (size_t i = 0; i < WATCH_BRANCHES_MAX; i++) {
        watch_log_deinit(&feed->branches[i]);
    }
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        free(feed->cosigners[i].all);
    }
    for (size_t i = 0; i < feed->claims_count; i++) {
        free(feed->claims[i].all);
    }
    free(feed->cosigners);
    free(feed->claims);
    free(feed->numbers);
}

void sim_watcher_free(struct sim_watcher *watcher)
{
    if (watcher == NULL) {
        return;
    }
    for (size_t i = 0; i < watcher->feed_count; i++) {
        free_feed(&watcher->feeds[i]);
    }
    for (size_t i = 0; i < watcher->machine_count; i++) {
        free(watcher->machines[i].left);
        free(watcher->machines[i].verdicts);
        free(watcher->machines[i].missing);
        free(watcher->machines[i].released);
    }
    for (size_t i = 0; i < watcher->ban_count; i++) {
        free(watcher->bans[i].cites);
        free(watcher->bans[i].payload);
    }
    free(watcher->feeds);
    free(watcher->machines);
    free(watcher->excused);
    free(watcher->expected);
    free(watcher->bans);
    free(watcher->memberships);
    for (size_t i = 0; i < watcher->said_count; i++) {
        free(watcher->said[i].cites);
    }
    free(watcher->said);
    free(watcher->releases);
    free(watcher->held);
    p2p_arena_deinit(&watcher->arena);
    free(watcher);
}

/* Who two heads of the charter hide at present is named again by their settle. */
static void excuse_expected(struct sim_watcher *watcher)
{
    for (size_t i = 0; i < watcher->expected_count; i++) {
        const struct p2p_member *named =
            !watcher->expected[i]
                ? NULL
                : p2p_charter_member_named(
                      watch_charter(watcher),
                      p2p_slice_text(watcher->sim->federation.members[i].name));
        if (named != NULL) {
            watch_excuse(watcher, named->number);
        }
    }
}

static void count_witnesses(const struct sim_watcher *watcher, struct watch_feed *feed)
{
    const struct p2p_feed_info *info = p2p_charter_feed(watch_charter(watcher), feed->number);
    if (info != NULL && (!feed->counted || info->witness_count < feed->fewest)) {
        feed->counted = true;
        feed->fewest = info->witness_count;
    }
}

void watch_look(struct sim_watcher *watcher)
{
    excuse_expected(watcher);
    uint32_t feeds = p2p_charter_feed_count(watch_charter(watcher));
    watcher->feeds =
        reach(watcher->feeds, &watcher->feed_count, feeds, sizeof(struct watch_feed));
    for (uint32_t i = 0; i < watcher->feed_count; i++) {
        watcher->feeds[i].number = i;
        count_witnesses(watcher, &watcher->feeds[i]);
    }
    const struct sim_federation *federation = &watcher->sim->federation;
    struct watch_log *charter = &watcher->feeds[P2P_CHARTER_FEED].branches[0];
    while (charter->edge.size < federation->entry_count) {
        const struct sim_entry *entry = &federation->entries[charter->edge.size];
        struct p2p_hash leaf = p2p_leaf_hash(p2p_slice_of(entry->leaf, entry->leaf_len));
        watch_log_append(charter, &leaf);
    }
    watcher->feeds[P2P_CHARTER_FEED].branch_count = 1;
    watch_follow_charter(watcher);
}

/* ---- machines ---- */

/* The machine, its disk looked at; end with leave. */
static struct watch_machine *visit(struct sim_watcher *watcher, const struct sim_host *host)
{
    watch_look(watcher);
    watcher->machines = reach(watcher->machines, &watcher->machine_count, host->number,
                              sizeof(*watcher->machines));
    struct watch_machine *machine = &watcher->machines[host->number];
    const struct p2p_member *member =
        p2p_charter_member_named(watch_charter(watcher), p2p_slice_text(host->member->name));
    machine->number = host->number;
    machine->name = host->name;
    machine->member = member == NULL ? 0 : member->number;
    machine->honest = host->conduct == SIM_HONEST;
    machine->kinds_unknown = host->kinds_unknown;
    if (!machine->honest && machine->member != 0) {
        watch_excuse(watcher, machine->member);
    }
    machine->clock_wrong = machine->clock_wrong || host->clock.frozen_at_ms != 0 ||
                           host->clock.wall_offset_ms > CLOCK_OFF_MS ||
                           host->clock.wall_offset_ms < -CLOCK_OFF_MS;
    machine->kv = sim_disk_look(host->disk);
    return machine;
}

static void leave(struct watch_machine *machine, const struct sim_host *host)
{
    machine->kv = NULL;
    sim_disk_look_end(host->disk);
}

void watch_frame(struct sim_watcher *watcher, struct watch_machine *machine,
                 const struct p2p_frame *frame)
{
    struct p2p_run run;
    struct p2p_cosign_body cosign;
    struct p2p_ack ack;
    struct p2p_entry_body entry;
    struct p2p_lease_ask ask;
    struct p2p_lease_answer answer;
    enum p2p_err err = P2P_OK;
    switch (frame->type) {
    case P2P_FRAME_RUN:
        err = p2p_run_read(&run, frame->body);
        if (err == P2P_OK) {
            watch_run(watcher, machine, &run);
        }
        break;
    case P2P_FRAME_COSIGN:
        err = p2p_cosign_read(&cosign, frame->body);
        if (err == P2P_OK) {
            watch_cosign(watcher, machine, &cosign);
        }
        break;
    case P2P_FRAME_ACK:
        err = p2p_ack_read(&ack, frame->body);
        if (err == P2P_OK) {
            watch_ack(watcher, machine, &ack);
        }
        break;
    case P2P_FRAME_ENTRY:
        err = p2p_entry_read(&entry, frame->body);
        if (err == P2P_OK) {
            watch_entry(watcher, machine, &entry);
        }
        break;
    case P2P_FRAME_LEASE_ASK:
        err = p2p_lease_ask_read(&ask, frame->body);
        if (err == P2P_OK) {
            watch_lease_asked(watcher, machine, &ask);
        }
        break;
    case P2P_FRAME_LEASE_ANSWER:
        err = p2p_lease_answer_read(&answer, frame->body);
        if (err == P2P_OK) {
            watch_lease_answered(watcher, machine, &answer);
        }
        break;
    case P2P_FRAME_FORK:
        watch_fork_proof(watcher, machine, frame->body);
        break;
    default: /* says nothing that is signed */
        break;
    }
    if (err != P2P_OK) {
        sim_violate(watcher->sim, SIM_INVARIANT_VERIFIED_ONLY, "%s sent a malformed %s frame",
                    machine->name, p2p_frame_word(frame->type));
    }
}

static void look_at_heap(struct sim_watcher *watcher, const struct watch_machine *machine,
                         const struct sim_host *host)
{
    if (host->node.engine == NULL || host->node.engine_lost) {
        return;
    }
    const struct p2p_ledger *ledger = p2p_engine_ledger(host->node.engine);
    struct watch_kept kept = {.bytes = host->heap.bytes,
                              .feeds = ledger->feed_count,
                              .circles = p2p_charter_circle_count(ledger->charter) + 1u,
                              .entries = p2p_charter_size(ledger->charter) +
                                         p2p_charter_rival_size(ledger->charter)};
    for (uint32_t i = 1; i < ledger->feed_count; i++) {
        const struct p2p_feed_info *info = p2p_charter_feed(ledger->charter, i);
        kept.cosigners += info == NULL ? 0 : info->witness_count + 1u; /* and one before */
    }
    watch_heap(watcher, machine, &kept);
}

void sim_watcher_actions(struct sim_watcher *watcher, struct sim_host *host,
                         const struct p2p_actions *actions)
{
    struct p2p_frame_split split;
    if (actions->send_count == 0 && !actions->own_head_changed) {
        return;
    }
    struct watch_machine *machine = visit(watcher, host);
    if (machine->honest && actions->own_head_changed) {
        watch_wrote(watcher, machine, p2p_engine_own_feed(host->node.engine));
    }
    machine->actions = actions;
    p2p_frame_split_init(&split, p2p_alloc_default());
    for (size_t i = 0; machine->honest && i < actions->send_count; i++) {
        struct p2p_slice bytes = actions->sends[i].bytes;
        struct p2p_frame frame;
        enum p2p_err err = P2P_OK;
        while (p2p_frame_split_next(&split, &bytes, &frame, &err)) {
            watch_frame(watcher, machine, &frame);
        }
    }
    if (machine->honest) {
        watch_bounds(watcher, machine, actions);
        look_at_heap(watcher, machine, host);
    }
    machine->actions = NULL;
    p2p_frame_split_deinit(&split);
    leave(machine, host);
}

void sim_watcher_started(struct sim_watcher *watcher, struct sim_host *host)
{
    struct watch_machine *machine = visit(watcher, host);
    machine->round_count = 0; /* what was answered before is forgotten */
    if (machine->honest) {
        uint32_t own = p2p_engine_own_feed(host->node.engine);
        bool appends = p2p_engine_read_only(host->node.engine) == P2P_READ_ONLY_NONE;
        watch_restarted(watcher, machine, appends ? own : 0);
        watch_own_feed(watcher, machine, own);
    }
    leave(machine, host);
}

void sim_watcher_went_back(struct sim_watcher *watcher, struct sim_host *host)
{
    struct watch_machine *machine = visit(watcher, host);
    struct p2p_copy_point copy;
    bool copied = sim_disk_copied(host->disk, &copy);
    if (machine->honest && copied) { /* without a copy it knows that it went back */
        watch_went_back(watcher, machine, copy.commit);
    }
    leave(machine, host);
}

void sim_watcher_decided(struct sim_watcher *watcher, struct sim_host *host,
                         const struct p2p_job *check)
{
    if (check->result.err != P2P_OK || host->conduct != SIM_HONEST ||
        sim_disk_is_dead(host->disk)) { /* the power failed before anybody got the answer */
        return;
    }
    struct watch_machine *machine = visit(watcher, host);
    uint32_t feed = check->result.spooled ? p2p_engine_own_feed(host->node.engine)
                                          : check->result.first.feed;
    uint64_t at = check->result.spooled ? WATCH_SPOOLED : check->result.first.index;
    if (feed != 0) {
        watch_decision(watcher, machine, feed, at, &check->check, check->result.answer.answer);
    }
    leave(machine, host);
}

/* ---- gates ---- */

static uint64_t quorum_of(const void *context, uint32_t feed)
{
    const struct p2p_witnessing *witnessing = p2p_engine_witnessing(context, feed);
    return witnessing == NULL ? 0 : witnessing->quorum_size;
}

static struct watch_gate gate_of(const struct sim_host *host)
{
    const struct p2p_engine *engine = host->node.engine;
    const struct p2p_gate_place *place = p2p_engine_place(engine);
    const struct p2p_now now = {.mono_ms = sim_host_mono_ms(host)};
    const struct p2p_charter *charter = p2p_engine_ledger(engine)->charter;
    struct p2p_copy_point copy = {.size = 0};
    bool copied = sim_disk_copied(host->disk, &copy);
    return (struct watch_gate){
        .feed = p2p_engine_own_feed(engine),
        .copied = copied ? copy.size : 0,
        .ready = p2p_engine_custody(engine, &now, NULL) == P2P_CUSTODY_READY,
        .hides = p2p_charter_rival_size(charter) > 0,
        .voided = p2p_charter_may_void(charter, p2p_charter_size(charter)),
        .circles = place->circles,
        .circle_count = place->circle_count,
        .quorum = quorum_of,
        .context = engine};
}

/* Looked at as it left: what stands on the disk does not change until the next batch. */
void sim_watcher_left(struct sim_watcher *watcher, struct sim_host *host,
                      const struct p2p_job *collect)
{
    struct watch_machine *machine = visit(watcher, host);
    const struct watch_gate gate = gate_of(host);
    watch_left(watcher, machine, &gate, collect);
    leave(machine, host);
}

void sim_watcher_scan(struct sim_watcher *watcher)
{
    const struct sim *sim = watcher->sim;
    watcher->scans++;
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        struct sim_host *host = sim->hosts[i];
        if (host->up && host->conduct == SIM_HONEST && !host->node.engine_lost) {
            struct watch_machine *machine = visit(watcher, host);
            if (!machine->may_be_hurt) {
                const struct watch_gate gate = gate_of(host);
                watch_custody(watcher, machine, &gate);
            }
            leave(machine, host);
        }
    }
}

/* ---- what is to be expected ---- */

void sim_watcher_expect_restore(struct sim_watcher *watcher, struct sim_host *host)
{
    struct watch_machine *machine = visit(watcher, host);
    machine->may_lose = true;
    machine->lost_once = true;
    watch_forget_released(machine);
    leave(machine, host);
}

void sim_watcher_expect_damage(struct sim_watcher *watcher, struct sim_host *host)
{
    struct watch_machine *machine = visit(watcher, host);
    if (!machine->may_be_hurt) {
        machine->hurt_us = watcher->sim->schedule.now_us;
    }
    machine->may_be_hurt = true;
    watch_walk_anew(machine);
    watch_forget_released(machine);
    leave(machine, host);
}

void sim_watcher_expect_fork(struct sim_watcher *watcher, uint32_t member)
{
    watcher->expected =
        reach(watcher->expected, &watcher->expected_count, member, sizeof(*watcher->expected));
    watcher->expected[member] = true;
    excuse_expected(watcher);
}

/* ---- settling ---- */

/* Machines that have nothing more to wait for. */
static bool is_settled(struct sim_watcher *watcher, struct watch_machine *machine,
                       const struct sim_host *host)
{
    if (!machine->honest || host->leaves) {
        return false;
    }
    if (!host->up || host->node.engine == NULL || host->node.engine_lost) {
        if (machine->may_be_hurt) {
            return false; /* it found the damage, and refuses */
        }
        sim_violate(watcher->sim, SIM_INVARIANT_ALIVE, "%s does not run, and nothing is wrong",
                    machine->name);
        return false;
    }
    if (host->batches == machine->batches) {
        sim_violate(watcher->sim, SIM_INVARIANT_ALIVE, "%s has run no batch in all this time",
                    machine->name);
    }
    machine->batches = host->batches;
    machine->appends = p2p_engine_read_only(host->node.engine) == P2P_READ_ONLY_NONE;
    return machine->member != 0;
}

static bool at_end(const struct sim_watcher *watcher)
{
    const struct sim *sim = watcher->sim;
    return sim->options.length_us < sim->schedule.now_us + 5 * SIM_SECOND;
}

/* Seldom while the run goes on: each replay is as long as all that came before it. */
static void replay_one(struct sim_watcher *watcher, const struct watch_summary *all,
                       size_t count)
{
    const struct watch_summary *chosen = &all[watcher->settles % count];
    if (!chosen->machine->may_be_hurt &&
        (at_end(watcher) || chosen->records > 2 * watcher->replayed)) {
        watcher->replayed = chosen->records;
        watch_replay(watcher, chosen->machine);
        watch_again(watcher, chosen->machine);
    }
}

void watch_settle(struct sim_watcher *watcher, struct watch_machine *const *machines,
                  size_t machine_count)
{
    struct watch_summary *all = calloc(machine_count + 1, sizeof(*all));
    size_t count = 0;
    p2p_assert(all != NULL);
    for (size_t i = 0; i < machine_count; i++) {
        if (watch_disk(watcher, machines[i], &all[count])) {
            watch_settle_authority(watcher, machines[i]);
            watch_rests(watcher, machines[i]);
            if (count == 0) { /* all that are complete hold the same */
                watch_settle_numbers(watcher, machines[i]);
            }
            count++;
        }
    }
    watch_settle_forks(watcher, all, count);
    watch_settle_payloads(watcher, all, count);
    watch_compare(watcher, all, count);
    watch_settle_custody(watcher);
    if (count > 0) {
        replay_one(watcher, all, count);
    }
    for (size_t i = 0; i < count; i++) {
        watch_summary_deinit(&all[i]);
    }
    free(all);
    watcher->settles++;
}

void sim_watcher_settle(struct sim_watcher *watcher)
{
    const struct sim *sim = watcher->sim;
    struct watch_machine **machines = calloc(sim->host_count + 1, sizeof(*machines));
    size_t count = 0;
    p2p_assert(machines != NULL);
    watcher->machines = reach(watcher->machines, &watcher->machine_count, sim->host_count,
                              sizeof(*watcher->machines)); /* it moves no more */
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        struct watch_machine *machine = visit(watcher, sim->hosts[i]);
        if (is_settled(watcher, machine, sim->hosts[i])) {
            machines[count++] = machine;
        } else {
            leave(machine, sim->hosts[i]);
        }
    }
    watch_settle(watcher, machines, count);
    for (size_t i = 0; i < count; i++) {
        leave(machines[i], sim->hosts[machines[i]->number]);
        machines[i]->may_lose = false;
    }
    free(machines);
}
