#include "check.h"

#include "watch_world.h"

#include <stdio.h>
#include <stdlib.h>

void watch_world_init(struct watch_world *w)
{
    *w = (struct watch_world){0};
    CHECK_OK(p2p_crypto_init());
    ledger_world_init(&w->world);
    ledger_world_init(&w->other);
    sim_story_init(&w->sim.story);
    sim_schedule_init(&w->sim.schedule);
    w->sim.federation.sigs = &w->world.sigs;
    w->sim.federation.charter = w->world.charter;
    w->sim.federation.entries = w->entries;
    w->sim.options.length_us = 1;
    w->watcher = sim_watcher_new(&w->sim);
    watch_world_look(w);
}

void watch_world_init_forked(struct watch_world *w, uint64_t size)
{
    watch_world_init(w);
    for (uint64_t i = 1; i < size; i++) {
        ledger_world_note(&w->world, 1);
        ledger_world_note(&w->other, 1);
    }
    ledger_world_note(&w->world, 1);
    ledger_world_seen(&w->other, 1);
}

void watch_world_deinit(struct watch_world *w)
{
    sim_watcher_free(w->watcher);
    sim_story_deinit(&w->sim.story);
    sim_schedule_deinit(&w->sim.schedule);
    ledger_world_deinit(&w->world);
    ledger_world_deinit(&w->other);
}

void watch_world_look(struct watch_world *w)
{
    struct sim_federation *federation = &w->sim.federation;
    for (size_t i = 0; i < w->world.entry_count; i++) {
        w->entries[i] = (struct sim_entry){.leaf = w->world.entries[i].leaf,
                                           .leaf_len = w->world.entries[i].leaf_len};
    }
    federation->entry_count = w->world.entry_count;
    watch_look(w->watcher);
}

/* ---- machines ---- */

void watched_init(struct watched *watched, const struct ledger_world *world, uint32_t member)
{
    *watched = (struct watched){0};
    ledger_node_init(&watched->node, world, member);
    snprintf(watched->name, sizeof(watched->name), "m%u", member);
    watched->machine = (struct watch_machine){.number = member,
                                              .name = watched->name,
                                              .member = member,
                                              .honest = true,
                                              .appends = true};
}

void watched_deinit(struct watched *watched)
{
    free(watched->machine.left);
    free(watched->machine.verdicts);
    free(watched->machine.missing);
    free(watched->machine.released);
    ledger_node_deinit(&watched->node);
}

void watched_take(struct watched *watched, uint32_t feed, uint64_t size)
{
    struct ledger_node *node = &watched->node;
    const struct p2p_tree_head head = watch_world_head(node->world, feed, size);
    ledger_node_begin(node);
    ledger_node_charter(node, node->world->entry_count);
    ledger_node_take(node, feed, size);
    CHECK_OK(p2p_feed_set_head(p2p_ledger_feed(&node->ledger, feed), node->kv, &head,
                               p2p_slice_of(NULL, 0)));
    ledger_node_end(node);
}

void watched_take_all(struct watched *watched)
{
    for (uint32_t feed = 1; feed <= LEDGER_WORLD_MEMBERS; feed++) {
        if (ledger_world_size(watched->node.world, feed) > 0) {
            watched_take(watched, feed, ledger_world_size(watched->node.world, feed));
        }
    }
}

void watched_open(struct watch_world *w, struct watched *watched)
{
    watch_world_look(w);
    watched->machine.kv = memory_kv_begin(watched->node.store);
}

void watched_close(struct watched *watched)
{
    memory_kv_abort(watched->node.store);
    watched->machine.kv = NULL;
}

/* ---- frames ---- */

struct p2p_tree_head watch_world_head(const struct ledger_world *world, uint32_t feed,
                                      uint64_t size)
{
    char origin[64];
    struct world_member owner;
    struct p2p_tree_head head = {.size = size, .root = ledger_world_root(world, feed, size)};
    world_member(&owner, feed);
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/%s/1", owner.name);
    const struct p2p_checkpoint checkpoint = {p2p_slice_text(origin), size, head.root};
    p2p_checkpoint_sign_feed(&checkpoint, p2p_sigs_ed25519(), &owner.feed, &head.signature);
    return head;
}

struct p2p_run watch_world_run(const struct ledger_world *world, uint32_t feed, uint64_t first,
                               uint64_t size)
{
    static uint8_t bytes[1 << 16];
    const struct p2p_tree_head head = watch_world_head(world, feed, size);
    struct p2p_writer out;
    struct p2p_run run;
    p2p_writer_init(&out, bytes, sizeof(bytes));
    size_t begin = p2p_run_begin_write(&out, feed, first, (uint32_t)(size - first), &head);
    for (uint64_t i = first; i < size; i++) {
        const struct p2p_record_id id = {feed, i};
        const struct written *written = ledger_world_record(world, &id);
        p2p_run_record_write(&out, written->leaf, written->salted);
    }
    p2p_frame_end(&out, begin);
    struct p2p_slice frame = p2p_writer_slice(&out);
    CHECK_OK(p2p_run_read(&run, p2p_slice_of(frame.data + P2P_FRAME_HEADER_BYTES,
                                             frame.len - P2P_FRAME_HEADER_BYTES)));
    return run;
}

struct p2p_cosign_body watch_world_cosign(const struct ledger_world *world, uint32_t witness,
                                          uint32_t feed, uint64_t size, uint64_t time_s)
{
    char origin[64];
    struct world_member owner, by;
    struct p2p_cosign_body body = {.feed = feed,
                                   .size = size,
                                   .root = ledger_world_root(world, feed, size),
                                   .witness = witness};
    world_member(&owner, feed);
    world_member(&by, witness);
    snprintf(origin, sizeof(origin), WORLD_FEDERATION "/%s/1", owner.name);
    const struct p2p_checkpoint checkpoint = {p2p_slice_text(origin), size, body.root};
    p2p_cosign_witness(&checkpoint, p2p_sigs_ed25519(), &by.witness, time_s, &body.cosignature);
    return body;
}

void watched_run(struct watch_world *w, struct watched *watched,
                 const struct ledger_world *world, uint32_t feed, uint64_t first, uint64_t size)
{
    const struct p2p_run run = watch_world_run(world, feed, first, size);
    watched_open(w, watched);
    watch_run(w->watcher, &watched->machine, &run);
    watched_close(watched);
}

void watched_cosign(struct watch_world *w, struct watched *watched,
                    const struct p2p_cosign_body *body)
{
    watched_open(w, watched);
    watch_cosign(w->watcher, &watched->machine, body);
    watched_close(watched);
}

void watched_restart(struct watch_world *w, struct watched *watched, uint32_t appends)
{
    watched_open(w, watched);
    watch_restarted(w->watcher, &watched->machine, appends);
    watched_close(watched);
}

void watched_settle(struct watch_world *w, struct watched **all, size_t count)
{
    struct watch_machine *machines[LEDGER_WORLD_MEMBERS];
    CHECK(count <= LEDGER_WORLD_MEMBERS);
    for (size_t i = 0; i < count; i++) {
        watched_open(w, all[i]);
        machines[i] = &all[i]->machine;
    }
    watch_settle(w->watcher, machines, count);
    for (size_t i = 0; i < count; i++) {
        watched_close(all[i]);
    }
}

/* ---- verdicts ---- */

void watch_world_nothing(struct watch_world *w)
{
    if (w->sim.violation.found) {
        print_error("%s: %s\n", sim_invariant_word(w->sim.violation.invariant),
                    w->sim.violation.text);
    }
    CHECK(!w->sim.violation.found);
}

void watch_world_found(struct watch_world *w, enum sim_invariant invariant)
{
    CHECK(w->sim.violation.found);
    if (w->sim.violation.invariant != invariant) {
        print_error("%s: %s\n", sim_invariant_word(w->sim.violation.invariant),
                    w->sim.violation.text);
    }
    CHECK(w->sim.violation.invariant == invariant);
    CHECK(w->sim.violation.text[0] != '\0');
    w->sim.violation = (struct sim_violation){0};
}
