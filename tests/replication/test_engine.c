#include "check.h"

#include "network_fixture.h"

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

/* A ban signed in Antwerp is enforced at every gate. */
static void test_ban_is_refused_at_the_other_gate(void **state)
{
    (void)state;
    network_start(2, 0, 1);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_ALLOW);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_ALLOW);
    network_run(&net);
    network_agree(&net);
}

/* Else nobody would ever learn where a member listens whom its own operator told of its
 * admission: `seen` would stand where the address is due. */
static void test_feed_begins_with_the_address_however_the_charter_came(void **state)
{
    (void)state;
    static struct world_draft draft;
    const struct network_options options = {.nodes = 2, .members = 1, .seed = 2};
    struct p2p_slice leaf;
    struct p2p_record record;
    network_init(&net, &options);
    network_advance(&net, 120000); /* a `seen` is due as soon as there is anything to name */
    world_draft(&draft);
    network_admit(&draft, 2, 0);
    size_t entry = network_entry(&net, &draft);
    network_give(&net, 2, entry);
    uint32_t feed = network_feed(&net, 2);
    const struct p2p_kv *kv = memory_kv_begin(net.nodes[2].kv);
    const struct p2p_ledger *ledger = p2p_engine_ledger(net.nodes[2].engine);
    CHECK(feed != 0);
    CHECK_OK(p2p_feed_leaf(p2p_ledger_feed(ledger, feed), kv, 0, &leaf));
    CHECK_OK(p2p_record_decode(&record, leaf));
    CHECK(record.kind == P2P_KIND_ADDRESS);
    memory_kv_abort(net.nodes[2].kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_ban_is_refused_at_the_other_gate, network_stop),
        cmocka_unit_test_teardown(test_feed_begins_with_the_address_however_the_charter_came,
                                  network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
