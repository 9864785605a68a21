/* Custody in whole engines passes from port to port, by offers and by the charter, and stays
 * what it was where lines are cut, leases run and feeds fork. */
#include "check.h"
#include "network_twin.h"
#include "quay.h"

/* A barge takes a box from one port to the other: only who holds it releases it, and carries
 * the checkpoint that shows it. */
static void test_who_took_it_over_releases(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(4, 4, 9);
    struct p2p_record_id right = quay_ready(BOX, &token);
    network_advance(&net, 2000);
    struct p2p_record_id offer = quay_step(1, P2P_KIND_CUSTODY_OFFER, token, NULL, 2, 2, 0);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_CUSTODY_ELSEWHERE));
    network_advance(&net, 2000);
    quay_step(2, P2P_KIND_CUSTODY_ACCEPT, token, &offer, 2, 0, 1);
    CHECK(quay_custody(2, token).holder == 2);
    CHECK(quay_referred(2, BOX, DRIVER,
                        P2P_GATE_CUSTODY_WAITING)); /* nobody has cosigned the accept */
    const struct p2p_right_request hold = {.light = "terminal", .value = "hold"};
    quay_ask(2, P2P_KIND_RIGHT_LIGHT, right, NULL, &hold);
    network_advance(&net, 2000);
    quay_light(2, right, P2P_LIGHT_TERMINAL, 0); /* ruled there, with the checkpoint */
    network_run(&net);
    CHECK(quay_refused(1, BOX, DRIVER, P2P_GATE_CUSTODY_ELSEWHERE));
    CHECK(quay_allowed(2, BOX, DRIVER));
    network_advance(&net, 2000);
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_RELEASED);
    network_agree(&net);
    CHECK(quay_audit(1) == 2 && quay_audit(2) == 2);
}

/* A port that cannot know whether it gave a token away does not pass it on. */
static void test_nothing_passes_on_before_the_witnesses_answer(void **state)
{
    struct p2p_record_id id;
    (void)state;
    quay_start(3, 3, 11);
    struct p2p_record_id token = quay_open(1, BOX);
    network_kill(&net, 1);
    CHECK_OK(network_open(&net, 1));
    CHECK_ERR(quay_try_step(1, P2P_KIND_CUSTODY_OFFER, token, NULL, 2, 2, 0, &id), P2P_BUSY);
    network_connect_all(&net);
    network_run(&net);
    CHECK_OK(quay_try_step(1, P2P_KIND_CUSTODY_OFFER, token, NULL, 2, 2, 0, &id));
    CHECK(quay_custody(1, token).state == P2P_CUSTODY_OFFERED);
}

/* The charter gives two tokens of a lost port to another one; a lease of two minutes. */
static void reassign(struct p2p_record_id token, struct p2p_record_id other)
{
    static struct world_draft draft;
    const struct p2p_record_id tokens[] = {token, other};
    quay_draft_lease(&draft);
    for (size_t i = 0; i < 2; i++) {
        const struct p2p_op_reassign op = {
            .feed = "m1/1", .index = tokens[i].index, .epoch = 2, .member = "m2"};
        p2p_op_reassign_pack(&draft.ops, &op);
        world_op(&draft);
    }
    network_give(&net, 3, network_entry(&net, &draft));
}

/* The seals that are known at a node. */
static size_t seals_at(uint32_t node, uint64_t entry, struct p2p_record_id *seals)
{
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
    struct p2p_ledger *ledger = p2p_engine_ledger_mut(net.nodes[node].engine);
    struct p2p_arena arena;
    size_t count = 0;
    p2p_arena_init(&arena, p2p_alloc_default(), 1u << 20);
    p2p_ledger_begin(ledger, kv, &arena);
    for (uint32_t feed = 2; feed <= 4; feed++) {
        uint64_t at = 0;
        if (p2p_known_first(ledger, feed, P2P_CHARTER_FEED, entry, &at) == P2P_OK) {
            seals[count++] = (struct p2p_record_id){feed, at};
        }
    }
    p2p_arena_deinit(&arena);
    memory_kv_abort(net.nodes[node].kv);
    return count;
}

static enum p2p_err recount(uint64_t epoch, bool second, struct p2p_record_id token,
                            const struct p2p_record_id *first, struct p2p_record_id *id)
{
    uint8_t bytes[512];
    struct p2p_pack pack;
    struct p2p_record_id seals[4];
    const struct p2p_custody_step what = {.epoch = epoch,
                                          .found = "held",
                                          .seals = seals,
                                          .seal_count =
                                              seals_at(2, net.entry_count - 1, seals)};
    CHECK(what.seal_count >= 2);
    p2p_pack_init(&pack, bytes, sizeof(bytes));
    CHECK_OK(p2p_custody_step_pack(&pack, &what));
    const struct quay_record record = {.kind = P2P_KIND_RECOUNT,
                                       .node = 2,
                                       .second = second,
                                       .cites = {token, first != NULL ? *first : token},
                                       .cite_count = first != NULL ? 2 : 1,
                                       .content = p2p_pack_slice(&pack)};
    return quay_try(&record, id);
}

/* Until the lease of who was replaced has ended two ports could release; a restart cannot tell
 * how long it has run. Of all that its witnesses sealed at once it is one wait: a yard of
 * thousands would never be over. */
static void test_who_takes_over_waits(void **state)
{
    struct p2p_record_id first;
    struct p2p_record_id second;
    (void)state;
    quay_start(4, 4, 12);
    struct p2p_record_id token = quay_open(1, BOX);
    network_advance(&net, 2000);
    struct p2p_record_id other = quay_open(1, "MSCU1000070");
    network_advance(&net, 2000);
    network_kill(&net, 1);
    reassign(token, other);
    network_advance(&net, 130000); /* the others say that they hold the entry */
    CHECK(quay_custody(2, token).frozen != 0);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY);
    network_advance(&net, 100000);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY);
    network_kill(&net, 2);
    CHECK_OK(network_open(&net, 2));
    network_connect_all(&net);
    network_advance(&net, 60000);
    CHECK_ERR(recount(2, false, token, NULL, &first), P2P_BUSY); /* it begins again */
    network_advance(&net, 133000);
    CHECK_OK(recount(2, false, token, NULL, &first));
    CHECK_OK(recount(2, true, token, &first, &second));
    struct p2p_custody custody = quay_custody(2, token);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 2 && custody.epoch == 2);
    CHECK(custody.frozen == 0);
    CHECK_OK(recount(2, false, other, NULL, &first));
    CHECK_OK(recount(2, true, other, &first, &second));
    custody = quay_custody(2, other);
    CHECK(custody.state == P2P_CUSTODY_HELD && custody.holder == 2 && custody.frozen == 0);
}

/* How much of a feed a quorum has cosigned, as a node holds it. */
static uint64_t witnessed_at(uint32_t node, uint32_t feed)
{
    return p2p_engine_witnessing(net.nodes[node].engine, feed)->quorum_size;
}

/* A port that released while it was cut off, as its lease allows, and was replaced meanwhile,
 * got no cosignature any more, for ever. One that offered what is another's by then gets none:
 * whoever knows of nothing else could accept it. */
static void test_who_was_replaced_unheard_goes_on_unless_it_offered(void **state)
{
    struct p2p_record_id token;
    (void)state;
    quay_start(4, 4, 62);
    quay_ready(BOX, &token);
    struct p2p_record_id other = quay_open(1, "MSCU1000070");
    network_advance(&net, 3000);
    network_cut_off(&net, 1);
    reassign(token, other);
    network_advance(&net, 65000); /* the others say that they hold the entry */
    CHECK(quay_allowed(1, BOX, DRIVER));
    struct p2p_record_id use = quay_last.result.release;
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) > use.index);
    struct p2p_record_id offer = quay_step(1, P2P_KIND_CUSTODY_OFFER, other, NULL, 2, 2, 0);
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) > use.index && witnessed_at(2, 1) <= offer.index);
    quay_open(1, "HBMU2699702");
    network_advance(&net, 5000);
    CHECK(witnessed_at(2, 1) <= offer.index);
}

/* Two ports that each opened a container could neither release it, or both. */
static void test_the_roots_keep_one_open(void **state)
{
    static struct world_draft draft;
    struct p2p_record_id first;
    struct p2p_record_id second;
    (void)state;
    quay_start(4, 4, 61);
    network_cut_all(&net);
    struct p2p_record_id goes = quay_open(1, BOX);
    struct p2p_record_id kept = quay_open(2, BOX);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(quay_custody(2, kept).frozen == P2P_FROZEN_RIVAL);
    CHECK(quay_custody(1, goes).frozen == P2P_FROZEN_RIVAL);
    network_kill(&net, 1);
    const struct p2p_op_open other = {.feed = "m1/1", .index = goes.index};
    const struct p2p_op_settle_opens op = {
        .keep = {.feed = "m2/1", .index = kept.index}, .others = &other, .other_count = 1};
    quay_draft_lease(&draft);
    p2p_op_settle_opens_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 3, network_entry(&net, &draft));
    network_advance(&net, 130000);
    CHECK_ERR(recount(1, false, kept, NULL, &first), P2P_BUSY);
    network_advance(&net, 133000);
    CHECK_OK(recount(1, false, kept, NULL, &first));
    CHECK(quay_custody(2, kept).frozen == P2P_FROZEN_RIVAL);
    CHECK_OK(recount(1, true, kept, &first, &second));
    CHECK(quay_custody(2, goes).state == P2P_CUSTODY_WITHDRAWN);
    CHECK(quay_custody(2, kept).state == P2P_CUSTODY_HELD && quay_custody(2, kept).frozen == 0);
    CHECK_OK(network_open(&net, 1));
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(quay_custody(1, goes).state == P2P_CUSTODY_WITHDRAWN);
}

/* A withdrawal that only two have heard of goes with the disk of who wrote it, or is none any
 * more where its feed is sealed; the other open of the container would have been released. */
static void test_a_withdrawal_counts_once_it_is_witnessed(void **state)
{
    struct p2p_record_id kept;
    (void)state;
    quay_start(4, 4, 63);
    network_cut_all(&net);
    struct p2p_record_id goes = quay_open(2, BOX);
    quay_ready(BOX, &kept);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(quay_collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW &&
          quay_because(P2P_GATE_CUSTODY_FROZEN));
    for (uint32_t other = 3; other <= 4; other++) { /* nobody but the two hears of it */
        network_cut(&net, 1, other);
        network_cut(&net, 2, other);
    }
    quay_step(2, P2P_KIND_CUSTODY_WITHDRAW, goes, NULL, 1, 0, 0);
    network_advance(&net, 2000);
    CHECK(quay_custody(1, goes).state == P2P_CUSTODY_WITHDRAWN);
    CHECK(quay_custody(1, kept).frozen == 0);
    CHECK(quay_collect(1, BOX, DRIVER) != P2P_ANSWER_ALLOW &&
          quay_because(P2P_GATE_CUSTODY_WAITING));
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(quay_allowed(1, BOX, DRIVER));
    CHECK(quay_audit(1) == 3);
}

/* A port that is started over from before a release, or writes another history, could release
 * the same container again: whoever heard of the first release carries it on. */
static void test_a_release_outlives_its_branch(void **state)
{
    struct p2p_record_id token;
    struct p2p_record record;
    struct p2p_slice leaf;
    (void)state;
    quay_start(4, 4, 60);
    quay_ready(BOX, &token);
    network_advance(&net, 65000);
    struct network_moment before = network_moment(&net, 1);
    network_cut_all(&net);
    network_connect(&net, 1, 2);
    network_run(&net);
    CHECK(quay_allowed(1, BOX, DRIVER));
    struct p2p_record_id use = quay_last.result.release;
    network_run(&net);
    CHECK(quay_custody(2, token).state == P2P_CUSTODY_RELEASED);
    network_start_over(&net, 1, &before);
    network_connect(&net, 1, 3);
    network_run(&net);
    CHECK_OK(network_notes(&net, 1, 1));
    network_run(&net);
    network_kill(&net, 1);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    network_connect(&net, 3, 4);
    network_advance(&net, 8000);
    network_agree(&net);
    for (uint32_t node = 2; node <= 4; node++) {
        struct p2p_custody custody = quay_custody(node, token);
        CHECK(custody.state == P2P_CUSTODY_RELEASED && custody.frozen == P2P_FROZEN_FORKED);
        CHECK(custody.step.feed == network_feed(&net, 2));
        CHECK(network_size(&net, node, use.feed) <= use.index);
        const struct p2p_kv *kv = memory_kv_begin(net.nodes[node].kv);
        const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[node].engine);
        CHECK_OK(p2p_feed_leaf(p2p_ledger_feed(ledger, custody.step.feed), kv,
                               custody.step.index, &leaf));
        CHECK_OK(p2p_record_decode(&record, leaf));
        CHECK(record.kind == P2P_KIND_RESCUED);
        memory_kv_abort(net.nodes[node].kv);
    }
}

/* A node in whose feed a request stood that a fork takes wrote rulings of it without end, until
 * the feed was cut: nobody knows what stands above that end, so it went on waiting. */
static void test_what_a_fork_takes_is_ruled_once_at_most(void **state)
{
    (void)state;
    quay_start(4, 4, 64);
    struct p2p_record_id token = quay_open(1, BOX);
    struct p2p_record_id right = quay_issue(1, token, BOX, "p2");
    network_advance(&net, 65000);
    struct network_moment before = network_moment(&net, 2);
    network_cut_off(&net, 1);
    network_cut_off(&net, 2);
    network_restart(&net, 1); /* it rules nothing before its witnesses answer */
    network_connect(&net, 1, 2);
    network_advance(&net, 500);
    struct p2p_record_id asked = quay_ask(2, P2P_KIND_RIGHT_ACCEPT, right, NULL, &quay_nothing);
    network_advance(&net, 500);
    CHECK(quay_right(1, right).unruled_count == 1);
    network_start_over(&net, 2, &before);
    network_connect(&net, 2, 3);
    network_connect(&net, 2, 4);
    network_run(&net);
    CHECK_OK(network_notes(&net, 2, 1));
    network_advance(&net, 500);
    network_kill(&net, 2);
    uint64_t size = network_size(&net, 1, 1);
    network_connect(&net, 1, 3);
    network_connect(&net, 1, 4);
    network_advance(&net, 1500); /* it knows of the fork, and waits before it cuts */
    struct p2p_forked forked = network_forked(&net, 1, 2);
    CHECK(forked.size > 0 && forked.size <= asked.index);
    CHECK(network_size(&net, 1, 2) > asked.index);
    CHECK(network_size(&net, 1, 1) - size < 12);
    network_advance(&net, 8000);
    CHECK(network_size(&net, 1, 2) == forked.size);
    CHECK(network_size(&net, 1, 1) - size < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_who_took_it_over_releases, network_stop),
        cmocka_unit_test_teardown(test_nothing_passes_on_before_the_witnesses_answer,
                                  network_stop),
        cmocka_unit_test_teardown(test_who_takes_over_waits, network_stop),
        cmocka_unit_test_teardown(test_who_was_replaced_unheard_goes_on_unless_it_offered,
                                  network_stop),
        cmocka_unit_test_teardown(test_the_roots_keep_one_open, network_stop),
        cmocka_unit_test_teardown(test_a_withdrawal_counts_once_it_is_witnessed, network_stop),
        cmocka_unit_test_teardown(test_a_release_outlives_its_branch, network_stop),
        cmocka_unit_test_teardown(test_what_a_fork_takes_is_ruled_once_at_most, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
