/* Payloads of a circle that a member joins later: asked for, opened, folded as if they came
 * now; until all are here its gate lets nobody through. */
#include "check.h"

#include "network_fixture.h"

#define SHIP "imo:9179842"

/* Entry for all: circle `name` is of members first to last now. */
static void regroup(const char *name, uint32_t first, uint32_t last, uint32_t epochs)
{
    static struct world_draft draft;
    world_draft(&draft);
    network_circle(&draft, name, first, last, epochs);
    network_give(&net, 1, network_entry(&net, &draft));
}

/* A ban stands in a circle before a member joins it: its gate enforces it once it has the
 * payload, and lets nobody through before. */
static void test_joins_later(void **state)
{
    (void)state;
    network_start(3, 3, 1);
    network_ban(&net, 1, "police", SHIP);
    network_advance(&net, 3000);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_ALLOW); /* not its business */
    regroup("police", 1, 3, 1);
    network_advance(&net, 1000);
    CHECK(network_check(&net, 3, SHIP) == P2P_ANSWER_REFUSE);
    network_advance(&net, 1000);
    network_agree(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_joins_later, network_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
