/* The same said again, in another interchange. */
#include "check.h"
#include "trade_world.h"

#include "adapters/trade/said.h"

#include <stdio.h>

#define ISSUED "right issue CSQU3054383;right light "

static bool calls(const struct trade_world *world, const char *begin)
{
    return begin[0] == '\0' ? world->calls[0] == '\0'
                            : strncmp(world->calls, begin, strlen(begin)) == 0;
}

/* The only APERAK gives that code, by its first eight letters. */
static bool refused_as(const struct trade_world *world, const char *code)
{
    char text[4096];
    trade_world_answer(world, ".aperak.edi", text, sizeof text);
    return strstr(text, code) != NULL;
}

/* Broken: what a sender's computer sends a second time, under another interchange reference, is
 * released a second time. */
static void a_message_is_known_beyond_its_interchange(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, SAYS("REFA", "RO-77", "9", "BL77"), "a");
    CHECK(calls(world, ISSUED));
    trade_world_reopen(world);
    trade_world_take(world, SAYS("REFB", "RO-77", "9", "BL77"), "b");
    CHECK(calls(world, "") && world->tally.refused == 0 && trade_world_answers(world) == 2);
    trade_world_take(world, SAYS("REFC", "RO-78", "9", "BL77"), "c"); /* another order */
    CHECK(calls(world, ISSUED));
    trade_world_free(world);
}

/* Broken: what was refused could never be sent again. */
static void what_was_refused_may_come_again(void **state)
{
    (void)state;
    static const struct double_row REFUSED[] = {
        {"right issue", NULL, P2P_TRADE_REFUSED, "no-grant"}, {0}};
    struct trade_world *world = trade_world_new();
    world->rows = REFUSED;
    trade_world_take(world, SAYS("REFA", "RO-77", "9", "BL77"), "a");
    CHECK(world->tally.refused == 1);
    world->rows = NULL;
    trade_world_take(world, SAYS("REFB", "RO-77", "9", "BL77"), "b");
    CHECK(calls(world, ISSUED) && world->tally.refused == 0);
    trade_world_free(world);
}

/* Broken: an order that is sent again after it was cancelled would release what the line took
 * back, or be acknowledged as if it did. */
static void what_was_taken_back_stays_so(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, SAYS("REFA", "RO-77", "9", "BL77"), "a");
    trade_world_take(world, SAYS("REFB", "RO-77", "1", "BL77"), "b");
    CHECK(calls(world, "right cancel CSQU3054383;"));
    trade_world_take(world, SAYS("REFC", "RO-77", "1", "BL77"), "c");
    CHECK(calls(world, "") && world->tally.refused == 0);
    trade_world_take(world, SAYS("REFD", "RO-77", "9", "BL77"), "d");
    CHECK(calls(world, "") && world->tally.refused == 1);
    CHECK(refused_as(world, "REVERSED"));
    trade_world_take(world, SAYS("REFE", "RO-78", "9", "BL77"), "e");
    CHECK(calls(world, ISSUED));
    /* and an old cancellation that comes once more does not take the new order back */
    trade_world_take(world, SAYS("REFF", "RO-77", "1", "BL77"), "f");
    CHECK(calls(world, "") && world->tally.refused == 1);
    trade_world_take(world, SAYS("REFG", "RO-79", "1", "BL77"), "g");
    CHECK(calls(world, "right cancel CSQU3054383;"));
    trade_world_free(world);
}

/* Broken: a number that says something else is passed over, or a second right beside the
 * first. */
static void another_content_needs_function_5(void **state)
{
    (void)state;
    static const char OTHER[] =
        LINE_A_SENDS("REFB") "UNH+1+COREOR:D:95B:UN'BGM+129+RO-77+9'RFF+BM:BL77'RFF+RE:X'"
                             "NAD+FW+FWD-1'EQD+CN+CSQU3054383'UNT+7+1'UNZ+1+REFB'";
    static const char REPLACED[] =
        LINE_A_SENDS("REFC") "UNH+1+COREOR:D:95B:UN'BGM+129+RO-77+5'RFF+BM:BL77'RFF+RE:X'"
                             "NAD+FW+FWD-1'EQD+CN+CSQU3054383'UNT+7+1'UNZ+1+REFC'";
    struct trade_world *world = trade_world_new();
    trade_world_take(world, SAYS("REFA", "RO-77", "9", "BL77"), "a");
    trade_world_take(world, OTHER, "b");
    CHECK(calls(world, "") && world->tally.refused == 1 && refused_as(world, "SAIDOTHE"));
    trade_world_take(world, REPLACED, "c");
    CHECK(calls(world, "right cancel CSQU3054383;" ISSUED) && world->tally.refused == 0);
    trade_world_take(world, SAYS("REFD", "RO-77", "9", "BL77"), "d"); /* it was replaced */
    CHECK(calls(world, "") && world->tally.refused == 1);
    /* the same number for another bill of lading is another order */
    trade_world_take(world, SAYS("REFE", "RO-77", "9", "BL78"), "e");
    CHECK(calls(world, ISSUED));
    trade_world_free(world);
}

/* Broken: an order that waits, sent twice, would be two once the ship is there. */
static void what_waits_is_known_too(void **state)
{
    (void)state;
    static const struct double_row NO_TOKEN[] = {
        {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"},
        {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
        {0}};
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct trade_world *world = trade_world_new();
        world->rows = NO_TOKEN;
        trade_world_take(world, SAYS("REFA", "RO-77", "9", "BL77"), "a");
        CHECK(calls(world, "right issue CSQU3054383;"));
        trade_world_take(world, SAYS("REFB", "RO-77", "9", "BL77"), "b");
        CHECK(calls(world, "") && world->tally.refused == 0 && trade_world_tasks(world) == 2);
        if (cancelled) {
            trade_world_take(world, SAYS("REFC", "RO-77", "1", "BL77"), "c");
            CHECK(world->tally.refused == 0 && trade_world_tasks(world) == 0);
        }
        world->rows = NULL;
        trade_world_reopen(world);
        trade_world_retry(world);
        CHECK(calls(world, cancelled ? "" : ISSUED));
        trade_world_retry(world);
        CHECK(calls(world, "") && trade_world_tasks(world) == 0);
        trade_world_take(world, SAYS("REFD", "RO-77", "9", "BL77"), "d");
        CHECK(calls(world, "") && world->tally.refused == (unsigned)cancelled);
        trade_world_free(world);
    }
}

/* Broken: what is remembered of one container would grow without end. */
static void what_is_remembered_is_bounded(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    const char *key;
    json_t *value;
    for (unsigned i = 0; i < P2P_SAID_MAX + 8; i++) {
        char text[400];
        char delivery[16];
        snprintf(text, sizeof text,
                 LINE_A_SENDS("R%u") "UNH+1+COREOR:D:95B:UN'BGM+129+D%u+9'RFF+BM:BL%u'"
                                     "NAD+FW+FWD-1'EQD+CN+CSQU3054383'UNT+6+1'UNZ+1+R%u'",
                 i, i, i, i);
        snprintf(delivery, sizeof delivery, "%u", i);
        trade_world_take(world, text, delivery);
        CHECK(calls(world, ISSUED));
    }
    const json_t *all = p2p_journal_all(world->trade.journal, P2P_JOURNAL_SAID);
    CHECK(json_object_size(all) == 1);
    json_object_foreach((json_t *)all, key, value)
    {
        CHECK(json_array_size(json_object_get(value, "said")) == P2P_SAID_MAX);
    }
    world->trade.now_ms += ((uint64_t)P2P_JOURNAL_KEEP_DAYS + 1) * 86400000u;
    p2p_journal_close(world->trade.journal);
    CHECK_OK(p2p_journal_open(&world->trade.journal, world->dir.path, world->trade.now_ms));
    CHECK(json_object_size(p2p_journal_all(world->trade.journal, P2P_JOURNAL_SAID)) == 0);
    trade_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_known_beyond_its_interchange),
        cmocka_unit_test(what_was_refused_may_come_again),
        cmocka_unit_test(what_was_taken_back_stays_so),
        cmocka_unit_test(another_content_needs_function_5),
        cmocka_unit_test(what_waits_is_known_too),
        cmocka_unit_test(what_is_remembered_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
