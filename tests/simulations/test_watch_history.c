#include "check.h"

#include "watch_world.h"

enum { SIZE = 5, FULL = 8 }; /* a perfect tree: its edge is one hash */

static struct watch_world w;
static struct watched m1, m2;

/* Feed 1 has five records, and another fifth one in the other world. */
static int setup(void **state)
{
    (void)state;
    watch_world_init_forked(&w, SIZE);
    watched_init(&m1, &w.world, 1);
    watched_init(&m2, &w.world, 2);
    watched_take(&m1, 1, SIZE);
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

static void tree_gives_the_root_of_every_size(void **state)
{
    struct watch_log log = {0};
    struct p2p_edge edge;
    struct p2p_hash roots[70], root;
    (void)state;
    p2p_edge_init(&edge);
    for (uint64_t i = 0; i < 70; i++) {
        struct p2p_hash leaf = p2p_leaf_hash(p2p_slice_of(&i, sizeof(i)));
        roots[i] = p2p_edge_root(&edge);
        p2p_edge_append(&edge, &leaf, NULL);
        watch_log_append(&log, &leaf);
    }
    for (uint64_t i = 0; i < 70; i++) {
        CHECK(watch_log_root(&log, i, &root));
        CHECK(p2p_hash_equal(&root, &roots[i]));
    }
    CHECK(!watch_log_root(&log, 71, &root));
    watch_log_deinit(&log);
}

/* Without this, who held a second entry of the charter in the place of the one that closes a
 * feed would be accused for what it cosigned there. */
static void another_entry_in_its_place_is_not_that_entry(void **state)
{
    (void)state;
    watched_open(&w, &m1);
    CHECK(watch_holds_entry(w.watcher, &m1.machine, 0));
    CHECK(!watch_holds_entry(w.watcher, &m1.machine, w.world.entry_count));
    w.entries[0].leaf_len--; /* the roots know of another */
    CHECK(!watch_holds_entry(w.watcher, &m1.machine, 0));
    w.entries[0].leaf_len++;
    watched_close(&m1);
}

static void what_a_machine_holds_may_leave_in_any_pieces(void **state)
{
    (void)state;
    watched_take(&m2, 1, SIZE);
    watched_run(&w, &m1, &w.world, 1, 0, 3);
    watched_run(&w, &m2, &w.world, 1, 2, SIZE);
    watched_run(&w, &m1, &w.world, 1, SIZE, SIZE);
    watch_world_nothing(&w);
}

static void owner_that_shows_what_it_does_not_store_is_found(void **state)
{
    (void)state;
    ledger_world_note(&w.world, 1);
    watched_run(&w, &m1, &w.world, 1, 0, SIZE + 1);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void second_history_of_an_honest_feed_is_found(void **state)
{
    struct watched other;
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watched_init(&other, &w.other, 2);
    watched_take(&other, 1, SIZE);
    watched_run(&w, &other, &w.other, 1, 0, SIZE);
    watch_world_found(&w, SIM_INVARIANT_ONE_HISTORY);
    watched_deinit(&other);
}

static void second_history_of_an_excused_feed_is_not_its_fault(void **state)
{
    struct watched other;
    (void)state;
    watch_excuse(w.watcher, 1);
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watched_init(&other, &w.other, 2);
    watched_take(&other, 1, SIZE);
    watched_run(&w, &other, &w.other, 1, 0, SIZE);
    watch_world_nothing(&w);
    watched_deinit(&other);
}

static void head_without_signature_is_found(void **state)
{
    (void)state;
    struct p2p_run run = watch_world_run(&w.world, 1, 0, SIZE);
    run.head.signature.bytes[7] ^= 1;
    watched_open(&w, &m1);
    watch_run(w.watcher, &m1.machine, &run);
    watched_close(&m1);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

static void relay_of_records_that_are_not_of_the_head_is_found(void **state)
{
    (void)state;
    watched_take(&m2, 1, SIZE);
    struct p2p_run run = watch_world_run(&w.other, 1, 0, SIZE);
    run.head = watch_world_head(&w.world, 1, SIZE);
    watched_open(&w, &m2);
    watch_run(w.watcher, &m2.machine, &run);
    watched_close(&m2);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

static void relay_of_what_is_not_stored_is_found(void **state)
{
    (void)state;
    watched_take(&m2, 1, SIZE - 1);
    watched_run(&w, &m2, &w.world, 1, 0, SIZE);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

/* A leaf's bytes change, the hashes that the store keeps do not. So few leaves stand at the end
 * of their feed's state row. */
static void change_a_leaf(struct watched *watched)
{
    static uint8_t copy[P2P_PACK_BYTES_MAX + 4096];
    const struct p2p_slice key = p2p_slice_of("\0\0\0\1", 4);
    struct p2p_slice value;
    const struct p2p_kv *kv = memory_kv_begin(watched->node.store);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_FEED, key, &value));
    CHECK(value.len <= sizeof(copy));
    size_t len = value.len;
    memcpy(copy, value.data, len);
    copy[len - 3] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, key, p2p_slice_of(copy, len)));
    CHECK_OK(memory_kv_commit(watched->node.store));
}

static void root_that_is_not_of_the_stored_bytes_is_found(void **state)
{
    (void)state;
    change_a_leaf(&m1);
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watch_world_found(&w, SIM_INVARIANT_ROOT_RECOMPUTED);
}

static void damage_that_was_done_is_not_blamed(void **state)
{
    (void)state;
    change_a_leaf(&m1);
    m1.machine.may_be_hurt = true;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watch_world_nothing(&w);
}

/* A bit of the hash that the store keeps of leaf SIZE - 1 changes, the leaf does not. */
static void change_a_hash(struct watched *watched)
{
    static uint8_t copy[P2P_PACK_BYTES_MAX + 4096];
    const struct p2p_slice key = p2p_slice_of("\0\0\0\1", 4);
    const struct p2p_record_id id = {1, SIZE - 1};
    const struct written *written = ledger_world_record(&w.world, &id);
    struct p2p_slice value;
    size_t at = 0;
    const struct p2p_kv *kv = memory_kv_begin(watched->node.store);
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_FEED, key, &value));
    CHECK(value.len <= sizeof(copy));
    memcpy(copy, value.data, value.len);
    while (at + P2P_HASH_BYTES <= value.len &&
           memcmp(copy + at, written->leaf_hash.bytes, P2P_HASH_BYTES) != 0) {
        at++;
    }
    CHECK(at + P2P_HASH_BYTES <= value.len);
    copy[at] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, key, p2p_slice_of(copy, value.len)));
    CHECK_OK(memory_kv_commit(watched->node.store));
}

/* What it keeps of its hashes leads elsewhere, and its records are those that were shown. */
static void damaged_hash_makes_no_second_history(void **state)
{
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    while (ledger_world_size(&w.world, 1) < FULL) {
        ledger_world_note(&w.world, 1);
    }
    watched_take(&m1, 1, FULL);
    change_a_hash(&m1);
    m1.machine.may_be_hurt = true;
    watched_run(&w, &m1, &w.world, 1, SIZE, FULL);
    watch_world_nothing(&w);
    CHECK(watch_feed_of(w.watcher, 1)->branch_count == 1);
}

static void second_history_of_a_damaged_machine_is_found(void **state)
{
    struct watched other;
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watched_init(&other, &w.other, 2);
    watched_take(&other, 1, SIZE);
    ledger_world_note(&w.other, 1);
    watched_take(&other, 1, SIZE + 1);
    other.machine.may_be_hurt = true;
    watched_run(&w, &other, &w.other, 1, SIZE, SIZE + 1);
    watch_world_found(&w, SIM_INVARIANT_ONE_HISTORY);
    watched_deinit(&other);
}

/* Its disk lied: what it had as released since then, it need not know after a start. */
static void what_a_lying_disk_lost_of_releases_is_not_held_against_it(void **state)
{
    (void)state;
    m1.machine.released =
        watch_room(NULL, 0, &m1.machine.released_cap, sizeof(*m1.machine.released));
    m1.machine.released[0] = (struct watch_released){.token = {1, 0}};
    m1.machine.released_count = 1;
    watched_restart(&w, &m1, 1);
    CHECK(m1.machine.released_count == 1);
    m1.machine.may_lose = true;
    watched_restart(&w, &m1, 1);
    CHECK(m1.machine.released_count == 0);
}

static void acknowledge(struct watched *watched, uint32_t feed, uint64_t size)
{
    const struct p2p_ack ack = {.feed = feed, .size = size};
    watched_open(&w, watched);
    watch_ack(w.watcher, &watched->machine, &ack);
    watched_close(watched);
}

static void acknowledgement_of_what_is_not_stored_is_found(void **state)
{
    (void)state;
    watched_take(&m2, 1, 3);
    acknowledge(&m2, 1, 3);
    watch_world_nothing(&w);
    acknowledge(&m2, 1, 4);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

/* The machine's disk becomes one that holds feed 1 up to a size. */
static void go_back(struct watched *watched, uint64_t size)
{
    uint32_t member = watched->machine.member;
    ledger_node_deinit(&watched->node);
    ledger_node_init(&watched->node, &w.world, member);
    watched_take(watched, 1, size);
}

static void restart_without_its_own_head_is_found(void **state)
{
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    watched_restart(&w, &m1, 1);
    watch_world_nothing(&w);
    go_back(&m1, SIZE - 1);
    watched_restart(&w, &m1, 0);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void restart_without_what_was_acknowledged_is_found(void **state)
{
    (void)state;
    watched_take(&m2, 1, SIZE);
    acknowledge(&m2, 1, SIZE);
    go_back(&m2, SIZE - 1);
    watched_restart(&w, &m2, 2);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void restart_without_what_was_cosigned_is_found(void **state)
{
    const struct p2p_cosign_body body = watch_world_cosign(&w.world, 2, 1, 3, 100);
    (void)state;
    watched_take(&m2, 1, SIZE);
    watched_cosign(&w, &m2, &body);
    watched_restart(&w, &m2, 2); /* it holds the records, but not that it cosigned them */
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void loss_that_was_to_be_expected_must_not_be_silent(void **state)
{
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    go_back(&m1, SIZE - 1);
    m1.machine.may_lose = true;
    watched_restart(&w, &m1, 0);
    watch_world_nothing(&w);
    watched_restart(&w, &m1, 1);
    watch_world_found(&w, SIM_INVARIANT_NO_SILENT_RESTORE);
}

/* It holds more than it showed; a hash of what it showed is not what it was. */
static void hurt_hash_is_no_restore(void **state)
{
    enum { FIRST_HASH = 2 + 3 * 8 + 2 * P2P_HASH_BYTES + P2P_SIGNATURE_BYTES };
    static const uint8_t key[4] = {0, 0, 0, 1};
    static uint8_t row[8192];
    struct p2p_slice value;
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE - 2);
    const struct p2p_kv *kv = memory_kv_begin(m1.node.store);
    const struct p2p_slice of_feed = p2p_slice_of(key, sizeof(key));
    CHECK_OK(p2p_kv_get(kv, P2P_TABLE_FEED, of_feed, &value));
    CHECK(value.len > FIRST_HASH && value.len <= sizeof(row));
    memcpy(row, value.data, value.len);
    row[FIRST_HASH] ^= 1;
    CHECK_OK(p2p_kv_put(kv, P2P_TABLE_FEED, of_feed, p2p_slice_of(row, value.len)));
    CHECK_OK(memory_kv_commit(m1.node.store));
    watched_restart(&w, &m1, 1);
    watch_world_found(&w,
                      SIM_INVARIANT_REPRODUCIBLE); /* where nothing is known to have hurt it */
    m1.machine.lost = false;
    m1.machine.may_be_hurt = true;
    watched_restart(&w, &m1, 1);
    watch_world_nothing(&w);
    go_back(&m1, SIZE - 3);
    watched_restart(&w, &m1, 1);
    watch_world_found(&w, SIM_INVARIANT_NO_SILENT_RESTORE);
}

/* The power failed before anything of its next generation left it, and the disk kept that. */
static void who_began_the_next_generation_lost_nothing_of_it(void **state)
{
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    go_back(&m1, SIZE - 1);
    m1.machine.may_lose = true;
    watched_restart(&w, &m1, 0);
    uint32_t next = ledger_world_generation(&w.world, 1, 20);
    watched_restart(&w, &m1, next); /* it holds nothing of that one */
    watch_world_found(&w, SIM_INVARIANT_NO_SILENT_RESTORE);
    ledger_world_note(&w.world, next);
    watched_take(&m1, next, 1);
    watched_restart(&w, &m1, next);
    watch_world_nothing(&w);
    go_back(&m1, SIZE - 1); /* it showed nothing of that one */
    watched_restart(&w, &m1, 0);
    watch_world_nothing(&w);
}

static void signature_of_a_machine_that_lost_is_found_until_it_fetched_back(void **state)
{
    const struct p2p_cosign_body beat = watch_world_cosign(&w.world, 1, 1, SIZE - 1, 100);
    const struct p2p_cosign_body again = watch_world_cosign(&w.world, 1, 1, SIZE, 200);
    (void)state;
    watched_run(&w, &m1, &w.world, 1, 0, SIZE);
    go_back(&m1, SIZE - 1);
    m1.machine.may_lose = true;
    watched_restart(&w, &m1, 0);
    watched_cosign(&w, &m1, &beat);
    watch_world_found(&w, SIM_INVARIANT_NO_SILENT_RESTORE);
    watched_take(&m1, 1, SIZE);
    watched_cosign(&w, &m1, &again);
    watch_world_nothing(&w);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(tree_gives_the_root_of_every_size),
        T(another_entry_in_its_place_is_not_that_entry),
        T(what_a_machine_holds_may_leave_in_any_pieces),
        T(owner_that_shows_what_it_does_not_store_is_found),
        T(second_history_of_an_honest_feed_is_found),
        T(second_history_of_an_excused_feed_is_not_its_fault),
        T(head_without_signature_is_found),
        T(relay_of_records_that_are_not_of_the_head_is_found),
        T(relay_of_what_is_not_stored_is_found),
        T(root_that_is_not_of_the_stored_bytes_is_found),
        T(damage_that_was_done_is_not_blamed),
        T(damaged_hash_makes_no_second_history),
        T(second_history_of_a_damaged_machine_is_found),
        T(what_a_lying_disk_lost_of_releases_is_not_held_against_it),
        T(acknowledgement_of_what_is_not_stored_is_found),
        T(restart_without_its_own_head_is_found),
        T(restart_without_what_was_acknowledged_is_found),
        T(restart_without_what_was_cosigned_is_found),
        T(loss_that_was_to_be_expected_must_not_be_silent),
        T(hurt_hash_is_no_restore),
        T(who_began_the_next_generation_lost_nothing_of_it),
        T(signature_of_a_machine_that_lost_is_found_until_it_fetched_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
