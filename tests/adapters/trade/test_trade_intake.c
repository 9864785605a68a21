/* What comes in is done once and answered: by CONTRL for its form, by APERAK for the rest. */
#include "check.h"
#include "disk_fault.h"
#include "trade_world.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_is_right_is_done_and_acknowledged(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, TWO, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:1;"
                               "right issue HBMU2699702;right light beanr/1:3;") == 0);
    CHECK(world->tally.interchanges == 1 && world->tally.messages == 2);
    CHECK(world->tally.refused == 0 && trade_world_answers(world) == 1);
    trade_world_check_answer(world, ".contrl.edi",
                             "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UNT+3+1'");
    CHECK(json_object_size(p2p_journal_all(world->trade.journal, P2P_JOURNAL_TASKS)) == 0);
    trade_world_free(world);
}

static void an_interchange_that_comes_again_has_one_effect(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, TWO, "a");
    trade_world_take(world, TWO,
                     "a"); /* the same delivery: a crash came before it was put away */
    CHECK(world->carried == 4 && trade_world_answers(world) == 1 &&
          world->tally.duplicates == 0);
    trade_world_reopen(world);
    trade_world_take(world, TWO, "b");
    CHECK(world->carried == 4 && world->tally.duplicates == 1);
    CHECK(trade_world_answers(world) == 2);
    trade_world_check_answer(
        world, ".duplicate-",
        "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+4+26+UNB+6'UNT+3+1'");
    trade_world_free(world);
}

static void twice_in_one_delivery_is_twice(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, ONE ONE, "a");
    CHECK(world->carried == 2 && world->tally.interchanges == 1 &&
          world->tally.duplicates == 1);
    CHECK(trade_world_answers(world) == 2);
    trade_world_free(world);
}

static void a_wrong_count_in_unt_refuses_that_message(void **state)
{
    static const char TEXT[] =
        LINE_A "UNH+1+COREOR:D:95B:UN'BGM+129+D+9'RFF+BM:B'NAD+FW+FWD-1'EQD+CN+CSQU3054383'"
               "UNT+7+1'" ORDER_2
               "UNH+3+COREOR:D:95B:UN'XYZ+1'FTX+\x01'BGM+129'EQD+CN+A'UNT+6+3'UNZ+3+REF1'";
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, TEXT, "a");
    CHECK(strcmp(world->calls, "right issue HBMU2699702;right light beanr/1:1;") == 0);
    CHECK(world->tally.refused == 2 && trade_world_answers(world) == 1);
    trade_world_check_answer(
        world, ".contrl.edi",
        "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'"
        "UCM+1+COREOR:D:95B:UN+4+29+UNT+2'UCM+3+COREOR:D:95B:UN+4'UCS+3'UCD+21+2:1'UNT+7+1'");
    trade_world_free(world);
}

static void what_has_no_place_is_told_by_segment(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(
        world, LINE_A "UNH+3+COREOR:D:95B:UN'XYZ+1'BGM+129'EQD+CN+A'UNT+5+3'UNZ+1+REF1'", "a");
    trade_world_check_answer(world, ".contrl.edi",
                             "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'"
                             "UCM+3+COREOR:D:95B:UN+4'UCS+2+15'UNT+5+1'");
    CHECK(world->carried == 0);
    trade_world_free(world);
}

static void a_wrong_count_in_unz_refuses_all_and_leaves_the_reference_free(void **state)
{
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, LINE_A ORDER_1 "UNZ+2+REF1'", "a");
    CHECK(world->carried == 0 && world->tally.refused == 1);
    trade_world_check_answer(
        world, ".contrl.edi",
        "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+4+29+UNZ+2'UNT+3+1'");
    trade_world_take(world, ONE, "b");
    CHECK(world->carried == 2 && world->tally.duplicates == 0 && world->tally.refused == 0);
    trade_world_free(world);
}

static void whom_we_do_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *contrl;
    } ROWS[] = {
        {"UNB+UNOA:2+OTHER+PORT2PORT+261122:0815+REF1'" ORDER("1", "A") "UNZ+1+REF1'",
         "UNH+1+CONTRL:D:3:UN'UCI+REF1+OTHER+PORT2PORT+4+23+UNB+3'UNT+3+1'"},
        {"UNB+UNOA:2+LINE-A+SOMEBODY+261122:0815+REF1'" ORDER("1", "A") "UNZ+1+REF1'",
         "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+SOMEBODY+4+7+UNB+4'UNT+3+1'"},
        {"UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF1++++++1'" ORDER("1", "A") "UNZ+1+REF1'",
         "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+4+25+UNB+12'UNT+3+1'"},
        {"UNB+UNOA:2+TERM-B+PORT2PORT+261122:0815+REF1'" ORDER("1", "A") "UNZ+1+REF1'",
         "UNH+1+CONTRL:D:3:UN'UCI+REF1+TERM-B+PORT2PORT+7'UCM+1+COREOR:D:95B:UN:SMDG20+4+17+"
         "UNH+3:1'UNT+4+1'"},
        {LINE_A "UNH+1+IFTMIN:D:95B:UN'UNT+2+1'UNZ+1+REF1'",
         "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UCM+1+IFTMIN:D:95B:UN+4+14+UNH+3:1'"
         "UNT+4+1'"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct trade_world *world = trade_world_new();
        trade_world_take(world, ROWS[i].text, "a");
        CHECK(world->carried == 0 && world->tally.refused == 1);
        trade_world_check_answer(world, ".contrl.edi", ROWS[i].contrl);
        trade_world_free(world);
    }
}

static void groups_are_answered_as_groups(void **state)
{
    /* G1 is sound, G2 has not two messages, and the one of G3 not nine segments. */
    static const char GROUPS[] =
        LINE_A "UNG+COREOR+X:ZZ+Y+261122:0815+G1+UN+D:95B'" ORDER_1 "UNE+1+G1'"
               "UNG+COREOR+X+Y+261122:0815+G2+UN+D:95B'" ORDER_2 "UNE+2+G2'"
               "UNG+COREOR+X+Y+261122:0815+G3+UN+D:95B'UNH+3+COREOR:D:95B:UN'UNT+9+3'UNE+1+G3'"
               "UNZ+3+REF1'";
    (void)state;
    struct trade_world *world = trade_world_new();
    trade_world_take(world, GROUPS, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:1;") == 0);
    trade_world_check_answer(
        world, ".contrl.edi",
        "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UCF+G2+X+Y+4+29+UNE+2'"
        "UCF+G3+X+Y+7'UCM+3+COREOR:D:95B:UN+4+29+UNT+2'UNT+6+1'");
    trade_world_free(world);
}

static void a_refused_container_is_told_by_aperak(void **state)
{
    static const char TEXT[] = LINE_A ORDER_1
        "UNH+2+COREOR:D:00B:UN'BGM+129+DOC2+9'NAD+FW+FWD-1'EQD+CN+HBMU2699702'RFF+BM:B2'"
        "EQD+CN+MSCU1000070'UNT+7+2'UNZ+2+REF1'";
    (void)state;
    static const struct double_row ROWS[] = {
        {"right issue", "CSQU3054383", P2P_TRADE_REFUSED, "no-grant"}, {0}};
    struct trade_world *world = trade_world_new();
    world->rows = ROWS;
    trade_world_take(world, TEXT, "a");
    CHECK(strcmp(world->calls,
                 "right issue CSQU3054383;right issue HBMU2699702;right light beanr/1:2;") ==
          0);
    CHECK(world->tally.refused == 2 && trade_world_answers(world) == 2);
    trade_world_check_answer(world, ".contrl.edi",
                             "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UNT+3+1'");
    /* The reference of the answer stands in it twice. */
    static const char BEGINNING[] = "UNB+UNOB:3+PORT2PORT+LINE-A+261122:0800+";
    char sent[4096];
    char expected[1024];
    trade_world_answer(world, "aperak", sent, sizeof sent);
    CHECK(strncmp(sent, BEGINNING, strlen(BEGINNING)) == 0);
    const char *reference = sent + strlen(BEGINNING);
    snprintf(
        expected, sizeof expected,
        "UNH+1+APERAK:D:95B:UN'BGM+313+%.14s-1+27'DTM+137:202611220800:203'RFF+ACW:DOC1'"
        "RFF+AGO:REF1/1'ERC+NOGRANT::ZZZ'FTX+AAO+++no-grant:it?'s a \"no\" of the node ?+ of "
        "its rules'RFF+EQ:CSQU3054383'UNT+9+1'"
        "UNH+2+APERAK:D:00B:UN'BGM+313+%.14s-2+27'DTM+137:202611220800:203'RFF+ACW:DOC2'"
        "RFF+AGO:REF1/2'ERC+MISSINGB::ZZZ'FTX+AAO+++missing-bl:the message does not name its "
        "bl'RFF+EQ:MSCU1000070'UNT+9+2'",
        reference, reference);
    trade_world_check_answer(world, ".aperak.edi", expected);
    trade_world_free(world);
}

/* The node goes away at each step in turn, the process crashes, and takes the delivery again.
 */
static void out_of_reach_at_every_step(void **state)
{
    (void)state;
    for (long at = 0; at < 4; at++) {
        struct trade_world *world = trade_world_new();
        world->countdown = at;
        trade_world_take(world, TWO, "a");
        CHECK(world->tally.undecided && world->carried == at &&
              trade_world_answers(world) == 0);
        trade_world_reopen(world);
        trade_world_take(world, TWO, "a");
        CHECK(world->tally.undecided && world->carried == at &&
              trade_world_answers(world) == 0);
        world->countdown = -1;
        trade_world_take(world, TWO, "a");
        CHECK(!world->tally.undecided && world->carried == 4 &&
              trade_world_answers(world) == 1);
        CHECK(world->tally.messages == 2);
        trade_world_free(world);
    }
}

/* While the node is out of reach the agreement learns a party: what was done stays what it was.
 */
static void gone_on_with_under_another_agreement(void **state)
{
    (void)state;
    static const char TEXT[] = LINE_A
        "UNH+1+COREOR:D:95B:UN'BGM+129+D+9'RFF+BM:B'EQD+CN+CSQU3054383'NAD+FW+LATER'"
        "EQD+CN+HBMU2699702'NAD+FW+FWD-1'EQD+CN+MSCU1000070'NAD+FW+FWD-1'UNT+10+1'UNZ+1+REF1'";
    struct trade_world *world = trade_world_new();
    world->countdown = 3;
    trade_world_take(world, TEXT, "a");
    CHECK(world->tally.undecided && world->carried == 3);
    json_object_set_new(json_object_get(world->agreement.json, "parties"), "LATER",
                        json_string("beanr-haulier"));
    world->countdown = -1;
    trade_world_take(world, TEXT, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:4;"
                               "right light beanr/1:3;") == 0);
    CHECK(world->carried == 6 && world->tally.refused == 0);
    trade_world_free(world);
}

/* What a disk that fails at its n-th call leaves is gone on with, once it works again. */
static void each_disk_call_may_fail(void **state)
{
    (void)state;
    static const enum disk_fault_kind KINDS[] = {DISK_FAULT_EIO, DISK_FAULT_SHORT,
                                                 DISK_FAULT_FULL, DISK_FAULT_CRASH};
    static const struct double_row ROWS[] = {
        {"right issue", "HBMU2699702", P2P_TRADE_REFUSED, "no-grant"}, {0}};
    for (size_t k = 0; k < sizeof KINDS / sizeof KINDS[0]; k++) {
        bool failed = true;
        for (long at = 0; failed; at++) {
            struct trade_world *world = trade_world_new();
            enum p2p_err err = P2P_IO;
            world->rows = ROWS;
            world->remembers = true;
            pid_t child = KINDS[k] == DISK_FAULT_CRASH ? fork() : 0;
            if (child == 0) {
                disk_fault_arm(KINDS[k], at, true);
                err =
                    p2p_trade_take(&world->trade, p2p_slice_text(TWO), "a", "a", &world->tally);
                disk_fault_disarm();
            }
            if (KINDS[k] == DISK_FAULT_CRASH && child == 0) {
                _exit(0);
            } else if (child > 0) {
                int status = 0;
                CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
                failed = WEXITSTATUS(status) == DISK_FAULT_EXIT;
            } else {
                failed = err != P2P_OK;
                CHECK(!failed || err == P2P_IO || err == P2P_FULL);
            }
            trade_world_reopen(world);
            trade_world_take(world, TWO, "a");
            CHECK(child > 0 || json_object_size(world->keys) == 2); /* the child had its own */
            CHECK(trade_world_answers(world) == 2);
            trade_world_take(world, TWO, "b");
            CHECK(world->tally.duplicates == 1 && trade_world_answers(world) == 3);
            trade_world_free(world);
        }
    }
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "\n", "hello", ONE "hello", "UNA++.? '" ONE};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct trade_world *world = trade_world_new();
        trade_world_take(world, TEXTS[i], "a");
        CHECK(world->tally.unreadable == 1);
        CHECK(trade_world_answers(world) == (i == 3 ? 1 : 0));
        trade_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_is_done_and_acknowledged),
        cmocka_unit_test(an_interchange_that_comes_again_has_one_effect),
        cmocka_unit_test(twice_in_one_delivery_is_twice),
        cmocka_unit_test(a_wrong_count_in_unt_refuses_that_message),
        cmocka_unit_test(what_has_no_place_is_told_by_segment),
        cmocka_unit_test(a_wrong_count_in_unz_refuses_all_and_leaves_the_reference_free),
        cmocka_unit_test(whom_we_do_not_know),
        cmocka_unit_test(groups_are_answered_as_groups),
        cmocka_unit_test(a_refused_container_is_told_by_aperak),
        cmocka_unit_test(out_of_reach_at_every_step),
        cmocka_unit_test(gone_on_with_under_another_agreement),
        cmocka_unit_test(each_disk_call_may_fail),
        cmocka_unit_test(what_cannot_be_read_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
