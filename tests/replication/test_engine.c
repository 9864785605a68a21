#include "check.h"

#include "network.h"

#define SHIP  "imo:9179842"
#define OTHER "imo:9074729"

static struct network net;

static int setup(void **state)
{
    (void)state;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    network_deinit(&net);
    return 0;
}

static void start(uint32_t nodes, uint32_t witnesses, uint64_t seed)
{
    const struct network_options options = {
        .nodes = nodes, .witnesses = witnesses, .seed = seed};
    network_init(&net, &options);
    network_connect_all(&net);
    network_run(&net);
}

/* A ban signed in Antwerp is enforced at every gate. */
static void test_ban_is_refused_at_the_other_gate(void **state)
{
    (void)state;
    start(2, 0, 1);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_ALLOW);
    network_ban(&net, 1, "all", SHIP);
    network_run(&net);
    CHECK(network_check(&net, 2, SHIP) == P2P_ANSWER_REFUSE);
    CHECK(network_check(&net, 2, OTHER) == P2P_ANSWER_ALLOW);
    network_run(&net);
    network_agree(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ban_is_refused_at_the_other_gate, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
