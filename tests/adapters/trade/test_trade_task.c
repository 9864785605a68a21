/* What waits: orders before their ship, retried, cancelled, and answered late. */
#include "check.h"
#include "trade_world.h"

static const struct double_row NO_TOKEN[] = {
    {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"}, {0}};
static const struct double_row NO_TOKEN_NO_RIGHT[] = {
    {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"},
    {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
    {0}};

static void an_order_before_the_ship_waits(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    world->rows = NO_TOKEN;
    trade_world_take(world, ONE, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    CHECK(world->tally.refused == 0 && trade_world_answers(world) == 1);
    trade_world_reopen(world);
    trade_world_retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    world->rows = NULL;
    trade_world_retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:3;") == 0);
    trade_world_retry(world);
    CHECK(world->calls[0] == '\0' && trade_world_answers(world) == 1);
    trade_world_free(world);
}

static void what_waited_in_vain_is_answered_late(void **state)
{
    (void)state;
    static const struct double_row REFUSED[] = {
        {"right issue", NULL, P2P_TRADE_REFUSED, "no-grant"}, {0}};
    struct trade_world *world = trade_world_new();
    world->rows = NO_TOKEN;
    trade_world_take(world, ONE, "a");
    world->rows = REFUSED;
    trade_world_retry(world);
    CHECK(world->tally.refused == 1 && trade_world_answers(world) == 2);
    trade_world_retry(world);
    CHECK(world->calls[0] == '\0' && trade_world_answers(world) == 2);
    trade_world_free(world);

    world = trade_world_new(); /* and what waits longer than anything should */
    world->rows = NO_TOKEN;
    trade_world_take(world, ONE, "a");
    world->trade.now_ms += 61ull * 86400000u;
    trade_world_retry(world);
    CHECK(world->tally.refused == 1 && trade_world_answers(world) == 2);
    trade_world_free(world);
}

static void what_waits_is_cancelled_by_not_being_done(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    world->rows = NO_TOKEN_NO_RIGHT;
    trade_world_take(world, TWO, "a");
    trade_world_take(world,
                     LINE_A_SENDS("REF2") CANCEL("1", "BL1", "CSQU3054383") "UNZ+1+REF2'", "b");
    CHECK(world->tally.refused == 0);
    trade_world_retry(world);
    CHECK(strcmp(world->calls, "right issue HBMU2699702;") == 0);
    /* Another bill of lading is another order. */
    trade_world_take(world,
                     LINE_A_SENDS("REF3") CANCEL("1", "BL9", "HBMU2699702") "UNZ+1+REF3'", "c");
    CHECK(world->tally.refused == 1);
    trade_world_retry(world);
    CHECK(strcmp(world->calls, "right issue HBMU2699702;") == 0);
    trade_world_free(world);
}

/* Broken: what waits in an interchange that is not yet answered would be done by itself, and
 * once more when its interchange is gone on with. */
static void what_waits_in_an_undecided_interchange_has_one_effect(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    world->rows = NO_TOKEN;
    world->countdown = 1;
    trade_world_take(world, TWO, "a");
    CHECK(world->tally.undecided && trade_world_tasks(world) == 2);
    world->rows = NULL; /* meanwhile the ship came, and the node is back */
    world->countdown = -1;
    trade_world_reopen(world);
    trade_world_retry(world);
    CHECK(world->calls[0] == '\0');
    trade_world_take(world, TWO, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:2;"
                               "right issue HBMU2699702;right light beanr/1:4;") == 0);
    CHECK(world->tally.refused == 0 && trade_world_answers(world) == 1);
    trade_world_retry(world);
    CHECK(world->calls[0] == '\0' && trade_world_tasks(world) == 0);
    trade_world_free(world);
}

/* Broken: what was cancelled while it waited would come back when its interchange is gone on
 * with, and be done. */
static void what_was_cancelled_in_an_undecided_interchange_stays_so(void **state)
{
    (void)state;
    static const char TEXT[] =
        LINE_A ORDER_1 CANCEL("2", "BL1", "CSQU3054383") ORDER_3 "UNZ+3+REF1'";
    static const struct double_row ABSENT[] = {
        {"right issue", "CSQU3054383", P2P_TRADE_ABSENT, "no-token"},
        {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
        {0}};
    for (int undecided = 0; undecided < 2; undecided++) {
        struct trade_world *world = trade_world_new();
        world->rows = ABSENT;
        world->countdown = undecided ? 2 : -1;
        trade_world_take(world, TEXT, "a");
        CHECK(world->tally.undecided == (undecided == 1));
        world->rows = NULL;
        world->countdown = -1;
        trade_world_reopen(world);
        trade_world_take(world, TEXT, "a");
        CHECK(strstr(world->calls, "CSQU3054383") == NULL);
        CHECK(world->carried == 4 && world->tally.refused == 0 &&
              trade_world_answers(world) == 1);
        trade_world_retry(world);
        CHECK(world->calls[0] == '\0' && trade_world_tasks(world) == 0 &&
              trade_world_answers(world) == 1);
        trade_world_free(world);
    }
}

/* Broken: a cancellation would take out what waits on another bill of lading, where that came
 * as a replacement. */
static void another_replacement_is_not_cancelled(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    world->rows = NO_TOKEN_NO_RIGHT;
    trade_world_take(
        world,
        LINE_A "UNH+1+COREOR:D:95B:UN'BGM+129+D+5'RFF+BM:BL1'NAD+FW+FWD-1'EQD+CN+CSQU3054383'"
               "UNT+6+1'UNZ+1+REF1'",
        "a");
    CHECK(trade_world_tasks(world) == 1);
    trade_world_take(world,
                     LINE_A_SENDS("REF2") CANCEL("1", "BL9", "CSQU3054383") "UNZ+1+REF2'", "b");
    CHECK(world->tally.refused == 1);
    trade_world_retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    trade_world_take(world,
                     LINE_A_SENDS("REF3") CANCEL("1", "BL1", "CSQU3054383") "UNZ+1+REF3'", "c");
    CHECK(world->tally.refused == 0 && trade_world_tasks(world) == 0);
    trade_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_before_the_ship_waits),
        cmocka_unit_test(what_waited_in_vain_is_answered_late),
        cmocka_unit_test(what_waits_is_cancelled_by_not_being_done),
        cmocka_unit_test(what_waits_in_an_undecided_interchange_has_one_effect),
        cmocka_unit_test(what_was_cancelled_in_an_undecided_interchange_stays_so),
        cmocka_unit_test(another_replacement_is_not_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
