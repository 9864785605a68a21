/* What a pass of the scrubber costs, in calls of the store: so much for each record, however
 * many records act on the same rights and however many rights a record acts on. */
#include "check.h"
#include "quay.h"

#include <p2p/damage.h>

enum { RIGHTS = 12, FEW = 2, MANY = 10 };

static struct p2p_record_id rights[RIGHTS];

/* Somebody asks about every right, and one record rules all of it. */
static void ask_about_all(unsigned round)
{
    net.pipes[2][1].held = true;
    for (unsigned i = 0; i < RIGHTS; i++) {
        quay_light(2, rights[i], P2P_LIGHT_CUSTOMS, round % 2 == 0 ? 2 : 0);
    }
    net.pipes[2][1].held = false;
    network_advance(&net, 500);
}

static uint64_t records(void)
{
    uint64_t count = 0;
    for (uint32_t feed = 1; feed <= net.node_count; feed++) {
        count += network_size(&net, 1, feed);
    }
    return count;
}

/* Calls that one whole pass at node 1 makes. */
static long calls_of_a_pass(void)
{
    struct network_node *n = &net.nodes[1];
    const struct p2p_damage *damage = p2p_engine_damage(n->engine);
    uint64_t passes = damage->passes;
    while (damage->passes == passes) {
        network_advance(&net, 1000);
    }
    network_advance(&net, P2P_SCRUB_REST_MS - 5000);
    faulty_kv_init(&n->faulty, -1, P2P_IO);
    n->use_faulty = true;
    while (damage->passes == passes + 1) {
        network_advance(&net, 1000);
    }
    n->use_faulty = false;
    CHECK(damage->count_found == 0);
    return n->faulty.steps;
}

static long calls_a_record(unsigned rounds)
{
    quay_start(3, 3, 9);
    struct p2p_record_id token = quay_open(1, BOX);
    for (unsigned i = 0; i < RIGHTS; i++) {
        rights[i] = quay_issue(1, token, BOX, "p2");
    }
    network_advance(&net, 1000);
    for (unsigned round = 0; round < rounds; round++) {
        ask_about_all(round);
    }
    long calls = calls_of_a_pass();
    long each = calls / (long)records();
    print_message("%u rounds: %ld calls, %ld for each of %llu records\n", rounds, calls, each,
                  (unsigned long long)records());
    return each;
}

/* With every record folding what it acts on again, a node with a ship's rights did little else
 * for hours. */
static void test_records_about_the_same_rights(void **state)
{
    (void)state;
    long few = calls_a_record(FEW);
    network_stop(NULL);
    long many = calls_a_record(MANY);
    CHECK(few > 0 && many <= few + few / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_records_about_the_same_rights, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
