/* invariant.c and watch_bound.c: every frame that leaves is looked at, by its type. */
#include "check.h"

#include "watch_world.h"

#include <stdlib.h>

enum { SIZE = 3 };

static struct watch_world w;
static struct watched m1, m2;

static int setup(void **state)
{
    (void)state;
    watch_world_init(&w);
    for (int i = 0; i < SIZE; i++) {
        ledger_world_note(&w.world, 1);
    }
    watched_init(&m1, &w.world, 1);
    watched_init(&m2, &w.world, 2);
    watched_take(&m1, 1, SIZE);
    watched_take(&m2, 1, SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m1);
    watched_deinit(&m2);
    watch_world_deinit(&w);
    return 0;
}

/* The frame that stands in out leaves the machine. */
static void leaves(struct watched *from, const struct p2p_writer *out)
{
    struct p2p_slice bytes = p2p_writer_slice(out);
    const struct p2p_frame frame = {.type = bytes.data[P2P_FRAME_HEADER_BYTES - 1],
                                    .body = p2p_slice_of(bytes.data + P2P_FRAME_HEADER_BYTES,
                                                         bytes.len - P2P_FRAME_HEADER_BYTES)};
    watched_open(&w, from);
    watch_frame(w.watcher, &from->machine, &frame);
    watched_close(from);
}

static void each_invariant_has_a_word_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < SIM_INVARIANT_COUNT; a++) {
        CHECK(strlen(sim_invariant_word((enum sim_invariant)a)) > 0);
        for (int b = 0; b < a; b++) {
            CHECK(strcmp(sim_invariant_word((enum sim_invariant)a),
                         sim_invariant_word((enum sim_invariant)b)) != 0);
        }
    }
}

static void first_violation_counts(void **state)
{
    (void)state;
    sim_violate(&w.sim, SIM_INVARIANT_CLOSED, "number %d", 1);
    sim_violate(&w.sim, SIM_INVARIANT_ALIVE, "number %d", 2);
    CHECK(strcmp(w.sim.violation.text, "number 1") == 0);
    watch_world_found(&w, SIM_INVARIANT_CLOSED);
}

static void frames_reach_who_looks_at_them(void **state)
{
    static uint8_t room[4096];
    static uint8_t leaf[] = {0x90};
    struct p2p_writer out;
    const struct p2p_ack ack = {.feed = 1, .size = SIZE + 1};
    const struct p2p_entry_body entry = {
        .index = 7, .leaf = p2p_slice_of(leaf, sizeof(leaf)), .note = p2p_slice_text("a note")};
    struct p2p_cosign_body cosign = watch_world_cosign(&w.world, 2, 1, SIZE, 1);
    struct p2p_tree_head head = watch_world_head(&w.world, 1, SIZE);
    (void)state;

    p2p_writer_init(&out, room, sizeof(room));
    p2p_ack_write(&out, &ack);
    leaves(&m2, &out);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);

    p2p_writer_init(&out, room, sizeof(room));
    p2p_entry_write(&out, &entry);
    leaves(&m2, &out);
    watch_world_found(&w, SIM_INVARIANT_CHARTER_ORDER);

    cosign.cosignature.signature.bytes[0] ^= 1;
    p2p_writer_init(&out, room, sizeof(room));
    p2p_cosign_write(&out, &cosign);
    leaves(&m2, &out);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);

    head.signature.bytes[0] ^= 1;
    p2p_writer_init(&out, room, sizeof(room));
    p2p_frame_end(&out, p2p_run_begin_write(&out, 1, SIZE, 0, &head));
    leaves(&m2, &out);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);

    p2p_writer_init(&out, room, sizeof(room));
    p2p_fork_write(&out, p2p_slice_of(leaf, sizeof(leaf)));
    leaves(&m2, &out);
    watch_world_found(&w, SIM_INVARIANT_FORK_REAL);
}

static void malformed_frame_is_found(void **state)
{
    static uint8_t room[256];
    struct p2p_writer out;
    (void)state;
    for (unsigned type = P2P_FRAME_RUN; type <= P2P_FRAME_ACK; type++) {
        p2p_writer_init(&out, room, sizeof(room));
        size_t begin = p2p_frame_begin(&out, (enum p2p_frame_type)type);
        p2p_writer_u8(&out, 1);
        p2p_frame_end(&out, begin);
        leaves(&m1, &out);
        watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
    }
}

static void too_much_for_one_link_is_found(void **state)
{
    enum { PIECE = 1 << 20, PIECES = 6 };
    uint8_t *piece = calloc(1, PIECE);
    struct p2p_send sends[PIECES];
    CHECK(piece != NULL);
    (void)state;
    for (unsigned i = 0; i < PIECES; i++) {
        sends[i] = (struct p2p_send){.link = 1 + i % 2, .bytes = p2p_slice_of(piece, PIECE)};
    }
    const struct p2p_actions actions = {.sends = sends, .send_count = PIECES};
    watch_bounds(w.watcher, &m1.machine, &actions); /* 3 MiB each */
    watch_world_nothing(&w);
    for (unsigned i = 0; i < PIECES; i++) {
        sends[i].link = 1;
    }
    watch_bounds(w.watcher, &m1.machine, &actions);
    watch_world_found(&w, SIM_INVARIANT_BOUNDED);
    free(piece);
}

static void engine_that_grows_is_found(void **state)
{
    struct watch_kept kept = {
        .bytes = 2300000, .feeds = 8, .circles = 10, .entries = 8, .cosigners = 56};
    (void)state;
    watch_heap(w.watcher, &m1.machine, &kept);
    watch_world_nothing(&w);
    kept.bytes = 4 << 20;
    watch_heap(w.watcher, &m1.machine, &kept);
    watch_world_found(&w, SIM_INVARIANT_BOUNDED);
    kept.feeds = 300; /* more feeds may take more */
    watch_heap(w.watcher, &m1.machine, &kept);
    watch_world_nothing(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(each_invariant_has_a_word_of_its_own), T(first_violation_counts),
        T(frames_reach_who_looks_at_them),       T(malformed_frame_is_found),
        T(too_much_for_one_link_is_found),       T(engine_that_grows_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
