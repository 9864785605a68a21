#include "check.h"

#include "watch_world.h"

enum { SIZE = 5, TIME_S = 1700000000 };

static struct watch_world w;
static struct watched m2, m3, other;

/* Feed 1 has five records and, in the other world, another fifth one, which `other` holds. */
static int setup(void **state)
{
    (void)state;
    watch_world_init_forked(&w, SIZE);
    watched_init(&m2, &w.world, 2);
    watched_init(&m3, &w.world, 3);
    watched_init(&other, &w.other, 4);
    watched_take(&m2, 1, SIZE);
    watched_take(&m3, 1, SIZE);
    watched_take(&other, 1, SIZE);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    watched_deinit(&m2);
    watched_deinit(&m3);
    watched_deinit(&other);
    watch_world_deinit(&w);
    return 0;
}

static void cosigns(struct watched *by, const struct ledger_world *world, uint64_t size,
                    uint64_t time_s)
{
    const struct p2p_cosign_body body =
        watch_world_cosign(world, by->machine.member, 1, size, time_s);
    watched_cosign(&w, by, &body);
}

static void passes_on(struct watched *through, uint32_t witness, uint64_t size, uint64_t time_s)
{
    const struct p2p_cosign_body body = watch_world_cosign(&w.world, witness, 1, size, time_s);
    watched_cosign(&w, through, &body);
}

static void sizes_that_rise_are_as_they_should_be(void **state)
{
    (void)state;
    cosigns(&m2, &w.world, 2, TIME_S);
    cosigns(&m2, &w.world, 3, TIME_S);
    cosigns(&m2, &w.world, 5, TIME_S + 7);
    passes_on(&m3, 2, 3, TIME_S);     /* an old one comes by again */
    passes_on(&m3, 2, 3, TIME_S + 5); /* one that nobody saw when it was made */
    watch_world_nothing(&w);
}

static void smaller_size_at_a_later_time_is_found(void **state)
{
    (void)state;
    cosigns(&m2, &w.world, 5, TIME_S);
    cosigns(&m2, &w.world, 4, TIME_S + 1);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void larger_size_at_an_earlier_time_is_found_through_another(void **state)
{
    (void)state;
    cosigns(&m2, &w.world, 3, TIME_S);
    passes_on(&m3, 2, 5, TIME_S - 1);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void liar_may_say_anything(void **state)
{
    (void)state;
    watch_excuse(w.watcher, 2);
    passes_on(&m3, 2, 5, TIME_S);
    passes_on(&m3, 2, 4, TIME_S + 1);
    watch_world_nothing(&w);
}

/* The commit number that stands beside feed 2, which the machine writes in. */
static void commit_at(struct watched *watched, uint8_t number)
{
    static const uint8_t key[5] = {0, 0, 0, 2, 'c'};
    const uint8_t value[8] = {0, 0, 0, 0, 0, 0, 0, number};
    ledger_node_begin(&watched->node);
    CHECK_OK(p2p_kv_put(watched->node.kv, P2P_TABLE_FEED, p2p_slice_of(key, sizeof(key)),
                        p2p_slice_of(value, sizeof(value))));
    ledger_node_end(&watched->node);
}

/* Its disk lied, and the power fails; the copy stands at that number then. */
static void goes_back(struct watched *watched, uint64_t after_us, uint64_t copy_commit)
{
    w.sim.schedule.now_us += after_us;
    watched_open(&w, watched);
    watch_went_back(w.watcher, &watched->machine, copy_commit);
    watched_close(watched);
    watched->machine.may_lose = true;
    watched_restart(&w, watched, 0);
}

static void what_a_lying_disk_took_of_the_last_second_may_be_cosigned_anew(void **state)
{
    (void)state;
    commit_at(&m2, 7);
    cosigns(&m2, &w.world, 3, TIME_S);
    w.sim.schedule.now_us += 2 * SIM_SECOND;
    cosigns(&m2, &w.world, 5, TIME_S + 2);
    goes_back(&m2, SIM_SECOND / 2, 7);
    cosigns(&m2, &w.world, 4, TIME_S + 3);
    watch_world_nothing(&w);
    cosigns(&m2, &w.world, 2, TIME_S + 4); /* what was before that second stands */
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void longer_ago_it_must_know(void **state)
{
    (void)state;
    commit_at(&m2, 7);
    cosigns(&m2, &w.world, 5, TIME_S);
    goes_back(&m2, 2 * SIM_SECOND, 7);
    cosigns(&m2, &w.world, 4, TIME_S + 3);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void who_is_told_by_its_copy_must_not_cosign_anew(void **state)
{
    (void)state;
    commit_at(&m2, 7);
    cosigns(&m2, &w.world, 5, TIME_S);
    goes_back(&m2, SIM_SECOND / 2, 8);
    cosigns(&m2, &w.world, 4, TIME_S + 3);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void two_roots_for_one_size_are_found(void **state)
{
    const struct p2p_cosign_body one = watch_world_cosign(&w.world, 2, 1, SIZE, TIME_S);
    const struct p2p_cosign_body two = watch_world_cosign(&w.other, 2, 1, SIZE, TIME_S);
    (void)state;
    watched_cosign(&w, &m3, &one);
    watched_cosign(&w, &m3, &two);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
}

static void cosignature_over_what_is_not_stored_is_found(void **state)
{
    (void)state;
    cosigns(&m2, &w.other, SIZE, TIME_S);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void witness_that_changes_branch_is_found(void **state)
{
    struct watched branch;
    (void)state;
    watch_excuse(w.watcher, 1);
    cosigns(&m2, &w.world, SIZE, TIME_S);
    /* The same machine, its disk now with the other branch, one record longer. */
    ledger_world_note(&w.other, 1);
    watched_init(&branch, &w.other, 2);
    watched_take(&branch, 1, SIZE + 1);
    branch.machine.left = m2.machine.left;
    branch.machine.left_count = m2.machine.left_count;
    cosigns(&branch, &w.other, SIZE + 1, TIME_S + 1);
    watch_world_found(&w, SIM_INVARIANT_WITNESS_MONOTONE);
    m2.machine.left = branch.machine.left;
    branch.machine.left = NULL;
    watched_deinit(&branch);
}

static void cosignature_that_nobody_made_is_found(void **state)
{
    struct p2p_cosign_body body = watch_world_cosign(&w.world, 2, 1, SIZE, TIME_S);
    (void)state;
    body.cosignature.time_s++;
    watched_cosign(&w, &m3, &body);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
    body = watch_world_cosign(&w.world, 2, 1, SIZE, TIME_S);
    body.feed = 99;
    watched_cosign(&w, &m3, &body);
    watch_world_found(&w, SIM_INVARIANT_VERIFIED_ONLY);
}

static void two_quorums_are_found(void **state)
{
    const struct p2p_cosign_body of_4 = watch_world_cosign(&w.other, 4, 1, SIZE, TIME_S);
    const struct p2p_cosign_body of_3 = watch_world_cosign(&w.other, 3, 1, SIZE, TIME_S);
    (void)state;
    watch_excuse(w.watcher, 1); /* the owner lies, its witnesses do not */
    watched_run(&w, &m2, &w.world, 1, 0, SIZE);
    cosigns(&m2, &w.world, SIZE, TIME_S);
    cosigns(&m3, &w.world, SIZE, TIME_S); /* two of three: a quorum */
    watched_run(&w, &other, &w.other, 1, 0, SIZE);
    watched_cosign(&w, &other, &of_4);
    watch_world_nothing(&w);
    watched_cosign(&w, &other, &of_3);
    CHECK(w.sim.violation.found); /* witness 3 said two things, and there are two quorums */
    w.sim.violation = (struct sim_violation){0};
    watch_quorums(w.watcher, watch_feed_of(w.watcher, 1));
    watch_world_found(&w, SIM_INVARIANT_ONE_QUORUM);
    struct watch_feed *feed = watch_feed_of(w.watcher, 1);
    for (size_t i = 0; i < feed->cosigner_count; i++) { /* who forgot is a witness that lies */
        feed->cosigners[i].forgot = p2p_witness_member(feed->cosigners[i].witness) == 3;
    }
    watch_quorums(w.watcher, feed);
    watch_world_nothing(&w);
    for (size_t i = 0; i < feed->cosigner_count; i++) {
        feed->cosigners[i].forgot = false;
    }
    watch_excuse(w.watcher, 3); /* more liars than f: nothing is promised */
    watch_quorums(w.watcher, watch_feed_of(w.watcher, 1));
    watch_world_nothing(&w);
}

/* ---- fork proofs ---- */

static void pass_proof(struct watched *through, struct p2p_slice bytes)
{
    watched_open(&w, through);
    watch_fork_proof(w.watcher, &through->machine, bytes);
    watched_close(through);
}

static struct p2p_slice proof_of(const struct ledger_world *a, const struct ledger_world *b)
{
    static uint8_t bytes[P2P_FORK_BYTES_MAX];
    static char origin[] = WORLD_FEDERATION "/m1/1";
    struct p2p_fork_proof proof = {
        .origin = p2p_slice_text(origin),
        .heads = {watch_world_head(a, 1, SIZE), watch_world_head(b, 1, SIZE)}};
    proof.other_root = proof.heads[1].root;
    return p2p_slice_of(bytes, p2p_fork_encode(&proof, bytes));
}

static void real_proof_against_a_liar_is_as_it_should_be(void **state)
{
    (void)state;
    watch_excuse(w.watcher, 1);
    pass_proof(&m2, proof_of(&w.world, &w.other));
    watch_world_nothing(&w);
}

static void real_proof_against_an_honest_feed_is_found(void **state)
{
    (void)state;
    pass_proof(&m2, proof_of(&w.world, &w.other));
    watch_world_found(&w, SIM_INVARIANT_NO_FRAMING);
}

static void false_proof_is_found(void **state)
{
    (void)state;
    watch_excuse(w.watcher, 1);
    pass_proof(&m2, proof_of(&w.world, &w.world));
    watch_world_found(&w, SIM_INVARIANT_FORK_REAL);
    pass_proof(&m2, p2p_slice_text("nonsense"));
    watch_world_found(&w, SIM_INVARIANT_FORK_REAL);
}

static void set_forked(struct watched *watched)
{
    ledger_node_begin(&watched->node);
    CHECK_OK(p2p_feed_set_state(p2p_ledger_feed(&watched->node.ledger, 1), watched->node.kv,
                                P2P_FEED_FORKED));
    ledger_node_end(&watched->node);
}

static void fork_that_one_does_not_know_of_is_found(void **state)
{
    struct watched *all[] = {&m2, &m3};
    (void)state;
    watch_excuse(w.watcher, 1);
    watched_settle(&w, all, 2);
    watch_world_nothing(&w);
    pass_proof(&m2, proof_of(&w.world, &w.other));
    set_forked(&m2);
    watched_settle(&w, all, 2);
    watch_world_found(&w, SIM_INVARIANT_FORK_KNOWN);
    set_forked(&m3);
    watched_settle(&w, all, 2);
    watch_world_nothing(&w);
}

static void fork_without_any_proof_is_found(void **state)
{
    struct watched *all[] = {&m2, &m3};
    (void)state;
    watch_excuse(w.watcher, 1);
    set_forked(&m2);
    set_forked(&m3);
    watched_settle(&w, all, 2);
    watch_world_found(&w, SIM_INVARIANT_FORK_REAL);
}

static void histories_side_by_side_without_a_fork_are_found(void **state)
{
    struct watched *all[] = {&m2, &other};
    (void)state;
    watch_excuse(w.watcher, 1);
    watched_settle(&w, all, 2);
    watch_world_found(&w, SIM_INVARIANT_FORK_KNOWN);
}

/* The machine stores a quorum of its branch. */
static void store_quorum(struct watched *watched)
{
    const struct p2p_tree_head head = watch_world_head(watched->node.world, 1, SIZE);
    const struct p2p_cosigned quorum = {.size = SIZE,
                                        .root = head.root,
                                        .log = head.signature,
                                        .has_log = true,
                                        .count = 2,
                                        .witnesses = {2, 3}};
    ledger_node_begin(&watched->node);
    CHECK_OK(p2p_quorum_store(&quorum, watched->node.kv, 1));
    ledger_node_end(&watched->node);
}

static void quorum_that_a_tiny_fork_took_away_is_found(void **state)
{
    struct watched tiny;
    struct watched *all[] = {&m2, &tiny};
    (void)state;
    watch_excuse(w.watcher, 1);
    store_quorum(&m2);
    watched_init(&tiny, &w.other, 4); /* it holds the fork, and nothing of the feed's branch */
    watched_take(&tiny, 1, SIZE);
    pass_proof(&m2, proof_of(&w.world, &w.other));
    set_forked(&m2);
    set_forked(&tiny);
    watched_settle(&w, all, 2);
    watch_world_found(&w, SIM_INVARIANT_TINY_FORK);
    watched_deinit(&tiny);
}

/* No record says where it ends, and who could say it may not write one. */
static void fork_that_nobody_may_tell_of_stays_as_it_is(void **state)
{
    struct watched tiny;
    struct watched *all[] = {&m2, &tiny};
    (void)state;
    watch_excuse(w.watcher, 1);
    store_quorum(&m2);
    watched_init(&tiny, &w.other, 4);
    watched_take(&tiny, 1, SIZE);
    pass_proof(&m2, proof_of(&w.world, &w.other));
    set_forked(&m2);
    set_forked(&tiny);
    m2.machine.appends = false;
    tiny.machine.appends = false;
    watched_settle(&w, all, 2);
    watch_world_nothing(&w);
    watched_deinit(&tiny);
}

/* The machine's view says that feed 1 ends at that size of a world. */
static void end_at(struct watched *watched, const struct ledger_world *world, uint64_t size)
{
    uint8_t bytes[128];
    struct p2p_pack pack;
    const struct p2p_tree_head head = watch_world_head(world, 1, size);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    p2p_pack_map(&pack, 2);
    p2p_pack_text(&pack, "root");
    p2p_pack_bin(&pack, head.root.bytes, P2P_HASH_BYTES);
    p2p_pack_text(&pack, "size");
    p2p_pack_uint(&pack, size);
    ledger_node_begin(&watched->node);
    CHECK_OK(p2p_view_put(&watched->node.ledger, P2P_VIEW_FORKS, 0,
                          p2p_slice_text(watch_feed_name(w.watcher, 1)),
                          p2p_pack_slice(&pack)));
    ledger_node_end(&watched->node);
}

/* What a machine acknowledged of a forked feed may be gone only above W. */
static void what_lies_below_w_stays(void **state)
{
    (void)state;
    watch_excuse(w.watcher, 1);
    watched_run(&w, &m2, &w.world, 1, 0, SIZE);
    watched_run(&w, &other, &w.other, 1, 0, SIZE);
    watch_world_nothing(&w);
    const struct watch_point acked = {SIZE, watch_world_head(&w.world, 1, SIZE).root};
    set_forked(&other);
    watch_left_of(&other.machine, 1)->acked = acked;
    end_at(&other, &w.world, SIZE - 1);
    watched_restart(&w, &other, 0);
    watch_world_nothing(&w);
    watch_left_of(&other.machine, 1)->acked = acked;
    end_at(&other, &w.world, SIZE);
    watched_restart(&w, &other, 0);
    watch_world_found(&w, SIM_INVARIANT_REPRODUCIBLE);
}

static void two_quorums_on_two_disks_are_found(void **state)
{
    struct watched *all[] = {&m2, &other};
    (void)state;
    watch_excuse(w.watcher, 1);
    pass_proof(&m2, proof_of(&w.world, &w.other));
    set_forked(&m2);
    set_forked(&other);
    store_quorum(&m2);
    watched_settle(&w, all, 1);
    watch_world_nothing(&w);
    store_quorum(&other);
    watched_settle(&w, all + 1, 1);
    watch_world_found(&w, SIM_INVARIANT_ONE_QUORUM);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(sizes_that_rise_are_as_they_should_be),
        T(smaller_size_at_a_later_time_is_found),
        T(larger_size_at_an_earlier_time_is_found_through_another),
        T(liar_may_say_anything),
        T(what_a_lying_disk_took_of_the_last_second_may_be_cosigned_anew),
        T(longer_ago_it_must_know),
        T(who_is_told_by_its_copy_must_not_cosign_anew),
        T(two_roots_for_one_size_are_found),
        T(cosignature_over_what_is_not_stored_is_found),
        T(witness_that_changes_branch_is_found),
        T(cosignature_that_nobody_made_is_found),
        T(two_quorums_are_found),
        T(real_proof_against_a_liar_is_as_it_should_be),
        T(real_proof_against_an_honest_feed_is_found),
        T(false_proof_is_found),
        T(fork_that_one_does_not_know_of_is_found),
        T(fork_without_any_proof_is_found),
        T(histories_side_by_side_without_a_fork_are_found),
        T(quorum_that_a_tiny_fork_took_away_is_found),
        T(fork_that_nobody_may_tell_of_stays_as_it_is),
        T(what_lies_below_w_stays),
        T(two_quorums_on_two_disks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
