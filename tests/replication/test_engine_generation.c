/* A member whose node was restored or forked goes on in the next generation, and nobody else
 * does in its place. */
#include "check.h"

#include "network_fixture.h"
#include "network_twin.h"

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"
#define THIRD "imo:9176187"

enum { SPARE = 20, RESTORED = 1 };

static enum p2p_read_only read_only(uint32_t node)
{
    return p2p_engine_read_only(net.nodes[node].engine);
}

/* The charter grants m1 the next generation, with the keys of a number that is no member's; the
 * entry is given to node 2, if that is to happen now. */
static size_t grant(uint32_t keys, bool now)
{
    static const char *const witnesses[] = {"m2", "m3", "m4"};
    struct world_draft draft;
    struct world_member spare;
    world_draft(&draft);
    world_member(&spare, keys);
    const struct p2p_op_generation op = {.member = "m1",
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key,
                                         .witnesses = witnesses,
                                         .witness_count = 3};
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    size_t index = network_entry(&net, &draft);
    if (now) {
        network_give(&net, 2, index);
        network_advance(&net, 3000);
    }
    return index;
}

static void give_keys_as(uint32_t node, uint32_t keys, bool used)
{
    struct world_member spare;
    world_member(&spare, keys);
    const struct p2p_generation_keys made = {
        .feed = spare.feed, .witness = spare.witness, .used = used};
    const struct p2p_event event = {.type = P2P_EVENT_GENERATION_KEYS,
                                    .generation_keys = &made};
    CHECK_OK(network_batch(&net, node, &event, 1));
}

static void give_keys(uint32_t node, uint32_t keys)
{
    give_keys_as(node, keys, false);
}

/* The roots sign another entry in place of the newest one; it is given to node 2. */
static void contradict(struct charter_world *before)
{
    static struct world_entry rival;
    struct world_draft draft;
    world_draft(&draft);
    world_grant(&draft, "other", 211, "m2", "ban-court", "*");
    world_seal(before, &draft, (1u << WORLD_ROOTS) - 1, &rival);
    CHECK_ERR(network_give_entry(&net, 2, &rival), P2P_FORKED);
    network_advance(&net, 3000);
}

/* Node 1's copy is gone: it appends no more. */
static void restore_without_copy(void)
{
    network_kill(&net, RESTORED);
    net.nodes[RESTORED].options.copy_lost = true;
    CHECK_OK(network_open(&net, RESTORED));
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(RESTORED) == P2P_READ_ONLY_RESTORED);
}

static uint64_t quorum(uint32_t node, uint32_t feed)
{
    return p2p_engine_witnessing(net.nodes[node].engine, feed)->quorum_size;
}

/* It would stay read-only for ever, or its gate would go on without what it records. */
static void a_restored_node_goes_on_in_the_next_generation(void **state)
{
    (void)state;
    network_start(4, 4, 1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    restore_without_copy();
    uint64_t old_size = network_size(&net, 2, 1);
    grant(SPARE, true);
    CHECK(p2p_engine_wants_keys(net.nodes[1].engine) == 2);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    give_keys(1, SPARE);
    network_advance(&net, 3000);
    uint32_t feed = network_feed(&net, 1);
    CHECK(feed == 5 && read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(p2p_engine_wants_keys(net.nodes[1].engine) == 0);
    CHECK(network_size(&net, 2, feed) > 0);
    struct p2p_record_id id = network_ban(&net, 1, "all", OTHER);
    CHECK(id.feed == feed);
    network_advance(&net, 3000);
    network_agree(&net);
    CHECK(network_check(&net, 3, OTHER) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE); /* below the end */
    CHECK(quorum(2, feed) == network_size(&net, 1, feed));
    for (uint32_t i = 1; i <= 4; i++) {
        const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[i].engine);
        CHECK(p2p_ledger_feed(ledger, 1)->closed_at == old_size);
    }
    /* A restart is one again, and the new witness key cosigns. */
    network_restart(&net, 1);
    give_keys(1, SPARE);
    network_connect_all(&net);
    network_ban(&net, 2, "all", THIRD);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    const struct p2p_candidate *newest =
        &p2p_engine_witnessing(net.nodes[2].engine, 2)->candidates[0];
    bool anew = false;
    for (uint32_t i = 0; i < newest->count; i++) {
        anew = anew || newest->cosigners[i].witness == p2p_witness_number(1, 2);
    }
    CHECK(anew && quorum(2, 2) == network_size(&net, 2, 2));
}

/* It lost everything, its copy too, and what it had shown of the generation nobody here has:
 * but its keys were used, so it does not begin that once more. */
static void what_used_keys_wrote_is_not_begun_again(void **state)
{
    (void)state;
    network_start(4, 4, 31);
    network_advance(&net, 2000);
    restore_without_copy();
    grant(SPARE, true);
    give_keys_as(1, SPARE, true);
    network_advance(&net, 5000);
    uint32_t feed = network_feed(&net, 1);
    CHECK(feed == 5 && read_only(1) == P2P_READ_ONLY_RESTORED);
    CHECK(network_size(&net, 1, feed) == 0 && network_size(&net, 2, feed) == 0);
    grant(SPARE + 1, true); /* the next one it may begin */
    give_keys(1, SPARE + 1);
    network_advance(&net, 5000);
    CHECK(network_feed(&net, 1) == 6 && read_only(1) == P2P_READ_ONLY_NONE);
    network_restart(&net, 1); /* who holds what they wrote goes on with them */
    give_keys_as(1, SPARE + 1, true);
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 3000);
    network_agree(&net);
}

/* The node of the old generation would write in a feed that is closed. */
static void a_healthy_node_stops_where_its_feed_is_closed(void **state)
{
    (void)state;
    network_start(4, 4, 2);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    uint64_t size = network_size(&net, 1, 1);
    grant(SPARE, true);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    CHECK_ERR(network_notes(&net, 1, 1), P2P_RDONLY);
    network_advance(&net, 70000);
    CHECK(network_size(&net, 2, 1) == size);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE); /* it answers all the same */
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 1000);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    give_keys(1, SPARE + 1); /* not those */
    network_advance(&net, 1000);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
}

/* Two copies of one directory, or a backup of before the first record, would fork the new feed.
 */
static void what_was_begun_is_not_begun_again(void **state)
{
    (void)state;
    network_start(4, 4, 3);
    restore_without_copy();
    network_cut(&net, 1, 2);
    network_cut(&net, 1, 3);
    network_cut(&net, 1, 4);
    size_t index = grant(SPARE, true);
    network_give(&net, 1, index);
    give_keys(1, SPARE);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED); /* nobody says that nothing is there */
    struct network_moment backup = network_moment(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 3000);
    uint32_t feed = network_feed(&net, 1);
    uint64_t size = network_size(&net, 2, feed);
    net.nodes[1].options.copy_generation = 1; /* the copy comes from the backup, too */
    net.nodes[1].options.copy_size = 0;
    net.nodes[1].options.copy_commit = 0;
    network_put_back(&net, 1, &backup);
    give_keys(1, SPARE);
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
    CHECK(network_size(&net, 1, feed) == size && network_size(&net, 2, feed) == size);
    CHECK(p2p_engine_traced(net.nodes[2].engine, P2P_TRACE_FORK) == 0);
    /* The generation after it ends this. */
    grant(SPARE + 1, true);
    give_keys(1, SPARE + 1);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE && network_feed(&net, 1) == feed + 1);
}

/* Who lost everything after it had shown the new feed to lines that carried nothing would begin
 * it a second time: its witnesses never heard of it. */
static void nothing_is_begun_over_dead_lines(void **state)
{
    (void)state;
    network_start(4, 4, 12);
    restore_without_copy();
    size_t index = grant(SPARE, false);
    network_give(&net, 1, index); /* its links stand, and nothing comes over them */
    give_keys(1, SPARE);
    network_tick(&net, 1);
    uint32_t feed = network_feed(&net, 1);
    CHECK(feed == 5 && p2p_engine_wants_keys(net.nodes[1].engine) == 0);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED && network_size(&net, 1, feed) == 0);
    network_advance(&net, 3000); /* they named the charter that grants it */
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(network_size(&net, 2, feed) > 0);
    network_agree(&net);
}

/* A machine that was lost began anew, and so did its count of commits; the backup that is put
 * back is of before, and counted further. What the witness key signed since is lost all the
 * same.
 */
static void a_backup_that_counted_further_cosigns_nothing(void **state)
{
    (void)state;
    network_start(4, 4, 6);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 3000);
    struct network_moment backup = network_moment(&net, 1);
    restore_without_copy();
    grant(SPARE, true);
    give_keys(1, SPARE);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_ban(&net, 2, "all", SHIP);
    network_advance(&net, 3000);
    net.nodes[1].options.copy_commit = 1;
    CHECK(net.nodes[1].options.copy_generation == 2 && !net.nodes[1].options.copy_lost);
    network_put_back(&net, 1, &backup);
    network_connect_all(&net);
    network_advance(&net, 3000);
    give_keys(1, SPARE);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(p2p_engine_commit_number(net.nodes[1].engine) > 1);
    CHECK(p2p_engine_traced(net.nodes[1].engine, P2P_TRACE_COSIGNED) == 0);
    network_agree(&net);
}

/* What it alone held of its closed feed is lost with its disk; it would wait for that before it
 * takes the rest back, and its frontier would never be that of the others. */
static void a_closed_feed_comes_back_without_what_it_alone_held(void **state)
{
    (void)state;
    network_start(4, 4, 8);
    struct network_moment backup = network_moment(&net, 1);
    network_ban(&net, 1, "m1", OTHER);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 3000);
    uint64_t size = network_size(&net, 2, 1);
    network_kill(&net, 1);
    grant(SPARE, true);
    network_put_back(&net, 1, &backup);
    network_connect_all(&net);
    network_advance(&net, 1000);
    give_keys(1, SPARE);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE && network_feed(&net, 1) == 5);
    CHECK(network_size(&net, 1, 1) == size && network_size(&net, 2, 1) == size);
    CHECK(p2p_engine_traced(net.nodes[1].engine, P2P_TRACE_LOST) == 1);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 70000); /* the `seen` of those who hold it again */
    network_agree(&net);
}

/* What a quorum cosigned and only a restored node knows of would be given up by it for a
 * smaller W, and gone when its next generation may tell of it. */
static void what_a_restored_node_knows_of_a_fork_is_told_later(void **state)
{
    (void)state;
    enum { FORKED = 4 };
    struct world_draft draft;
    struct world_member spare;
    network_start(4, 4, 10);
    while (network_size(&net, FORKED, FORKED) < 5) {
        CHECK_OK(network_notes(&net, FORKED, 1));
    }
    network_advance(&net, 3000);
    uint64_t common = network_size(&net, FORKED, FORKED);
    struct network_moment before = network_moment(&net, FORKED);
    network_cut_off(&net, 3);
    CHECK_OK(network_notes(&net, FORKED, 2));
    network_advance(&net, 2000);
    CHECK(quorum(1, FORKED) == common + 2 && quorum(3, FORKED) == common);
    network_kill(&net, 2);
    network_kill(&net, FORKED);
    network_kill(&net, 1);
    net.nodes[1].options.copy_lost = true;
    CHECK_OK(network_open(&net, 1));
    network_start_over(&net, FORKED, &before);
    network_connect(&net, 3, FORKED); /* 3 is shown another history */
    CHECK_OK(network_notes(&net, FORKED, 1));
    network_advance(&net, 1000);
    network_kill(&net, FORKED);
    network_connect(&net, 1, 3);
    network_advance(&net, 10000);
    CHECK(read_only(1) == P2P_READ_ONLY_RESTORED);
    CHECK(network_size(&net, 3, FORKED) == common);
    CHECK(network_size(&net, 1, FORKED) == common + 2);
    world_draft(&draft);
    world_member(&spare, SPARE);
    const struct p2p_op_generation op = {.member = "m1",
                                         .feed_key = spare.feed.public_key,
                                         .witness_key = spare.witness.public_key};
    p2p_op_generation_pack(&draft.ops, &op);
    world_op(&draft);
    network_give(&net, 3, network_entry(&net, &draft));
    network_advance(&net, 3000);
    give_keys(1, SPARE);
    network_advance(&net, 20000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(network_size(&net, 1, FORKED) == common + 2);
    CHECK(network_size(&net, 3, FORKED) == common + 2);
}

/* Where a forked feed ends only a record of a later generation tells; two heads hide that
 * generation, and who starts then does not know of its feed. Without this no batch of his could
 * be committed any more, nor the settle be taken. */
static void two_heads_hide_who_told_where_a_feed_ends(void **state)
{
    (void)state;
    enum { FORKED = 4, BY = 5 };
    network_start(4, 4, 12);
    network_advance(&net, 2000);
    restore_without_copy();
    struct charter_world before = net.world;
    grant(SPARE, true);
    give_keys(1, SPARE);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE && network_feed(&net, 1) == BY);
    for (uint32_t i = 2; i <= 3; i++) { /* who may write nothing tells nothing */
        network_kill(&net, i);
        net.nodes[i].options.copy_lost = true;
        CHECK_OK(network_open(&net, i));
    }
    network_connect_all(&net);
    network_advance(&net, 3000);
    struct network_moment common = network_moment(&net, FORKED);
    network_cut_off(&net, 3);
    CHECK_OK(network_notes(&net, FORKED, 2));
    network_advance(&net, 2000);
    network_kill(&net, FORKED);
    network_start_over(&net, FORKED, &common);
    network_connect(&net, 3, FORKED); /* 3 is shown another history */
    net.mono_ms += 7;
    net.wall_ms += 7;
    CHECK_OK(network_notes(&net, FORKED, 2));
    network_advance(&net, 1000);
    network_kill(&net, FORKED);
    network_connect(&net, 1, 3);
    network_connect(&net, 2, 3);
    network_advance(&net, 10000);
    CHECK(network_feed_state(&net, 2, FORKED) == P2P_FEED_FORKED);
    struct p2p_forked end = network_forked(&net, 2, FORKED);
    CHECK(end.size > 0 && end.by.feed == BY);
    contradict(&before);
    CHECK(p2p_charter_rival_size(p2p_engine_ledger(net.nodes[2].engine)->charter) > 0);
    network_restart(&net, 2);
    network_connect_all(&net);
    network_advance(&net, 20000);
    CHECK(network_size(&net, 2, FORKED) == end.size);
}

/* Two charter heads hide the generation it writes in; it would take up the one before, which
 * may be ahead of what it holds of it. */
static void two_heads_do_not_open_the_generation_before(void **state)
{
    (void)state;
    network_start(4, 4, 9);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    restore_without_copy();
    struct charter_world before = net.world;
    grant(SPARE, true);
    give_keys(1, SPARE);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE && network_feed(&net, 1) == 5);
    uint64_t size = network_size(&net, 2, 1);
    network_restart(&net, 1); /* with the keys of the first generation */
    network_connect_all(&net);
    contradict(&before);
    CHECK(p2p_charter_rival_size(p2p_engine_ledger(net.nodes[1].engine)->charter) > 0);
    CHECK(network_feed(&net, 1) == 1 && read_only(1) == P2P_READ_ONLY_CLOSED);
    CHECK_ERR(network_notes(&net, 1, 1), P2P_RDONLY);
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) != P2P_READ_ONLY_NONE);
    CHECK(network_size(&net, 1, 1) == size && network_size(&net, 2, 1) == size);
}

/* Witnesses said how much they hold of a feed that an entry closed; while two heads hide that
 * entry, more of it would get a quorum, and a settle would leave it beyond the end. */
static void two_heads_do_not_make_witnesses_of_a_closed_feed(void **state)
{
    (void)state;
    network_start(4, 4, 9);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    for (uint32_t i = 2; i <= 4; i++) {
        network_cut(&net, 1, i);
    }
    struct charter_world before = net.world;
    grant(SPARE, true);
    uint64_t size = quorum(2, 1);
    CHECK(size == network_size(&net, 2, 1) && size > 0);
    contradict(&before);
    CHECK_OK(network_notes(&net, 1, 3)); /* it has not heard of either */
    network_connect_all(&net);
    network_advance(&net, 120000);
    for (uint32_t i = 1; i <= 4; i++) {
        CHECK(p2p_charter_rival_size(p2p_engine_ledger(net.nodes[i].engine)->charter) > 0);
        CHECK(network_size(&net, i, 1) > size && quorum(i, 1) == size);
        CHECK(quorum(i, 3) > 0 && quorum(i, 3) == network_size(&net, i, 3)); /* others go on */
    }
}

/* A feed that an entry closed is not open again because a second head hides that entry: settled
 * on, all that was written meanwhile would be beyond the end. */
static void two_heads_do_not_open_a_closed_feed(void **state)
{
    (void)state;
    network_start(4, 4, 9);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    struct charter_world before = net.world;
    grant(SPARE, true);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    contradict(&before);
    CHECK(p2p_charter_rival_size(p2p_engine_ledger(net.nodes[1].engine)->charter) > 0);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    CHECK_ERR(network_notes(&net, 1, 1), P2P_RDONLY);
    network_restart(&net, 1);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    CHECK_OK(network_notes(&net, 2, 1)); /* whom no entry is about goes on */
}

/* Power lost between the first commit and the first copy would ask for another generation. */
static void begun_and_killed_before_the_copy(void **state)
{
    (void)state;
    network_start(4, 4, 4);
    restore_without_copy();
    grant(SPARE, true);
    struct p2p_engine_options before = net.nodes[1].options;
    before.copy_lost = false;
    before.copy_generation = 1;
    before.copy_size = 1000; /* the copy of the generation before was ahead */
    before.copy_commit = 1000;
    give_keys(1, SPARE);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_kill(&net, 1);
    net.nodes[1].options = before;
    CHECK_OK(network_open(&net, 1));
    give_keys(1, SPARE);
    network_connect_all(&net);
    network_advance(&net, 3000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    CHECK(p2p_engine_commit_number(net.nodes[1].engine) > 1000);
    network_agree(&net);
}

/* Node 1's feed forks and it goes on in the next generation; returns what it was in between. */
static struct network_moment fork_and_go_on(void)
{
    network_start(4, 4, 5);
    struct network_moment backup = network_moment(&net, 1);
    network_ban(&net, 1, "all", SHIP);
    network_advance(&net, 2000);
    net.nodes[1].options = backup.options; /* with its copy: it writes a second history */
    memset(net.nodes[1].watch.size, 0, sizeof(net.nodes[1].watch.size));
    network_put_back(&net, 1, &backup);
    CHECK_OK(network_notes(&net, 1, 3));
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_FORKED);
    struct network_moment forked = network_moment(&net, 1);
    grant(SPARE, true);
    give_keys(1, SPARE);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_NONE && network_feed(&net, 1) == 5);
    network_ban(&net, 1, "all", OTHER);
    network_advance(&net, 5000);
    network_agree(&net);
    return forked;
}

/* The two heads of one key would go on contradicting each other. */
static void a_forked_member_goes_on_in_the_next_generation(void **state)
{
    (void)state;
    struct network_moment forked = fork_and_go_on();
    network_moment_deinit(&forked);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 1, SHIP) == P2P_ANSWER_REFUSE);
}

/* A member whose feed forked goes on in the next generation; a backup from before, put back
 * with the copy of now, would begin it a second time. */
static void a_backup_of_a_forked_feed_begins_nothing(void **state)
{
    (void)state;
    struct network_moment forked = fork_and_go_on();
    network_put_back(&net, 1, &forked);
    CHECK(read_only(1) != P2P_READ_ONLY_NONE && !p2p_engine_complete(net.nodes[1].engine));
    network_connect_all(&net);
    network_advance(&net, 5000);
    CHECK(read_only(1) == P2P_READ_ONLY_CLOSED);
    give_keys(1, SPARE);
    network_advance(&net, 5000);
    CHECK(network_size(&net, 1, 5) == network_size(&net, 2, 5)); /* fetched back, one history */
    CHECK(read_only(1) == P2P_READ_ONLY_NONE);
    network_ban(&net, 1, "all", THIRD);
    network_advance(&net, 5000);
    network_agree(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_restored_node_goes_on_in_the_next_generation, network_stop),
        cmocka_unit_test_teardown(what_used_keys_wrote_is_not_begun_again, network_stop),
        cmocka_unit_test_teardown(a_healthy_node_stops_where_its_feed_is_closed, network_stop),
        cmocka_unit_test_teardown(what_was_begun_is_not_begun_again, network_stop),
        cmocka_unit_test_teardown(nothing_is_begun_over_dead_lines, network_stop),
        cmocka_unit_test_teardown(a_backup_that_counted_further_cosigns_nothing, network_stop),
        cmocka_unit_test_teardown(a_closed_feed_comes_back_without_what_it_alone_held,
                                  network_stop),
        cmocka_unit_test_teardown(what_a_restored_node_knows_of_a_fork_is_told_later,
                                  network_stop),
        cmocka_unit_test_teardown(two_heads_hide_who_told_where_a_feed_ends, network_stop),
        cmocka_unit_test_teardown(two_heads_do_not_open_the_generation_before, network_stop),
        cmocka_unit_test_teardown(two_heads_do_not_make_witnesses_of_a_closed_feed,
                                  network_stop),
        cmocka_unit_test_teardown(two_heads_do_not_open_a_closed_feed, network_stop),
        cmocka_unit_test_teardown(begun_and_killed_before_the_copy, network_stop),
        cmocka_unit_test_teardown(a_forked_member_goes_on_in_the_next_generation, network_stop),
        cmocka_unit_test_teardown(a_backup_of_a_forked_feed_begins_nothing, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
