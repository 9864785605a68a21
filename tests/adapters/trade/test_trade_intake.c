#include "check.h"

#include "adapters/trade/edifact.h"
#include "adapters/trade/intake.h"
#include "disk_fault.h"
#include "temp_dir.h"

#include <p2p/bytes.h>
#include <p2p/text.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOW_MS 1795334400000u /* 2026-11-22T08:00:00Z */

/* Stands where the node would: says what a row says, and keeps what it was asked. */
struct double_row {
    const char *verb;
    const char *container; /* NULL: any */
    enum p2p_trade_outcome outcome;
    const char *code;
};

struct world {
    struct temp_dir dir;
    char answers[TEMP_PATH_BYTES];
    struct p2p_agreement agreement;
    struct p2p_trade trade;
    struct p2p_trade_tally tally;
    const struct double_row *rows; /* ends with one without a verb */
    long countdown;                /* at 0 the node is out of reach; -1: never */
    bool remembers;                /* a step that comes again is answered as the first time */
    unsigned carried;
    char calls[4096];
    json_t *keys; /* those of steps that were done */
};

static const char AGREEMENT[] =
    "{\"me\":\"PORT2PORT\",\"senders\":{\"LINE-A\":[\"COREOR\"],\"TERM-B\":[\"COARRI\","
    "\"CODECO\"]},"
    "\"parties\":{\"FWD-1\":\"beanr-forwarder\"},\"facilities\":{\"K1742\":\"beanr-f1\"}}";

static void carry(void *context, const json_t *step, const char *issued, const char *key,
                  struct p2p_trade_result *out)
{
    struct world *world = context;
    const char *verb = json_string_value(json_object_get(step, "verb"));
    const json_t *holder = json_object_get(step, "where") != NULL
                               ? json_object_get(step, "where")
                               : json_object_get(step, "body");
    const char *container = json_string_value(json_object_get(holder, "container"));
    *out = (struct p2p_trade_result){.outcome = P2P_TRADE_DONE};
    if (world->countdown == 0) {
        out->outcome = P2P_TRADE_UNREACHABLE;
        snprintf(out->text, sizeof out->text, "nobody serves");
        return;
    }
    world->countdown -= world->countdown > 0;
    if (world->remembers && json_object_get(world->keys, key) != NULL) {
        snprintf(out->id, sizeof out->id, "%s",
                 json_string_value(json_object_get(world->keys, key)));
        return;
    }
    size_t len = strlen(world->calls);
    snprintf(world->calls + len, sizeof world->calls - len, "%s %s;", verb,
             container != NULL ? container : issued);
    world->carried++;
    for (const struct double_row *row = world->rows; row != NULL && row->verb != NULL; row++) {
        if (strcmp(row->verb, verb) == 0 &&
            (row->container == NULL ||
             (container != NULL && strcmp(row->container, container) == 0))) {
            out->outcome = row->outcome;
            snprintf(out->code, sizeof out->code, "%s", row->code != NULL ? row->code : "");
            snprintf(out->text, sizeof out->text, "it's a \"no\" of the node + of its rules");
            break;
        }
    }
    if (out->outcome == P2P_TRADE_DONE) {
        snprintf(out->id, sizeof out->id, "beanr/1:%u", world->carried);
        CHECK(json_object_get(world->keys, key) == NULL); /* nothing is done twice */
        json_object_set_new(world->keys, key, json_string(out->id));
    }
}

static void open_journal(struct world *world)
{
    CHECK_OK(p2p_journal_open(&world->trade.journal, world->dir.path, NOW_MS));
}

static struct world *world_new(void)
{
    struct world *world = calloc(1, sizeof *world);
    char problem[200];
    temp_dir_make(&world->dir);
    temp_path(&world->dir, "answers", world->answers);
    CHECK(mkdir(world->answers, 0700) == 0);
    CHECK_OK(p2p_agreement_read(&world->agreement, p2p_slice_text(AGREEMENT), problem,
                                sizeof problem));
    world->countdown = -1;
    world->keys = json_object();
    world->trade = (struct p2p_trade){.agreement = &world->agreement,
                                      .carrier = {.carry = carry, .context = world},
                                      .answers = world->answers,
                                      .now_ms = NOW_MS};
    open_journal(world);
    return world;
}

static void world_free(struct world *world)
{
    p2p_journal_close(world->trade.journal);
    p2p_agreement_deinit(&world->agreement);
    json_decref(world->keys);
    temp_dir_remove(&world->dir);
    free(world);
}

static void reopen(struct world *world)
{
    p2p_journal_close(world->trade.journal);
    world->trade.journal = NULL;
    open_journal(world);
}

static void take(struct world *world, const char *text, const char *delivery)
{
    world->tally = (struct p2p_trade_tally){0};
    world->calls[0] = '\0';
    CHECK_OK(
        p2p_trade_take(&world->trade, p2p_slice_text(text), delivery, delivery, &world->tally));
}

static void retry(struct world *world)
{
    world->tally = (struct p2p_trade_tally){0};
    world->calls[0] = '\0';
    CHECK_OK(p2p_trade_retry(&world->trade, 1000, &world->tally));
}

static unsigned answers(const struct world *world)
{
    unsigned count = 0;
    DIR *dir = opendir(world->answers);
    for (struct dirent *each; (each = readdir(dir)) != NULL;) {
        CHECK(strstr(each->d_name, ".tmp") == NULL);
        count += each->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

/* The only answer whose name has this part, from UNH on, without line ends. */
static void check_answer(const struct world *world, const char *part, const char *expected)
{
    char path[2 * TEMP_PATH_BYTES] = "";
    char text[4096];
    char flat[4096];
    size_t len = 0;
    DIR *dir = opendir(world->answers);
    for (struct dirent *each; (each = readdir(dir)) != NULL;) {
        if (strstr(each->d_name, part) != NULL) {
            CHECK(path[0] == '\0');
            snprintf(path, sizeof path, "%s/%s", world->answers, each->d_name);
        }
    }
    closedir(dir);
    CHECK(path[0] != '\0');
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    len = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[len] = '\0';
    char *from = strstr(text, "UNH");
    char *until = strstr(text, "\nUNZ+");
    CHECK(from != NULL && until != NULL);
    len = 0;
    for (char *at = from; at < until; at++) {
        if (*at != '\n') {
            flat[len++] = *at;
        }
    }
    flat[len] = '\0';
    if (strcmp(flat, expected) != 0) {
        print_error("%s is %s\n", part, flat);
    }
    CHECK(strcmp(flat, expected) == 0);

    /* What we send is an interchange without a fault, from us to the sender. */
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;
    CHECK_OK(p2p_edi_parse(&in, p2p_slice_text(text), &used, &where));
    CHECK(in->fault.code == P2P_EDI_GOOD && strcmp(in->sender.id, "PORT2PORT") == 0);
    for (size_t i = 0; i < in->message_count; i++) {
        CHECK(p2p_edi_sound(in, &in->messages[i]));
    }
    p2p_edi_free(in);
}

#define LINE_A "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF1'"
#define ORDER(n, box)                                                                          \
    "UNH+" n "+COREOR:D:95B:UN:SMDG20'BGM+129+DOC" n "+9'RFF+BM:BL" n                          \
    "'NAD+FW+FWD-1'EQD+CN+" box "'UNT+6+" n "'"
#define ONE LINE_A ORDER("1", "CSQU3054383") "UNZ+1+REF1'"
#define TWO LINE_A ORDER("1", "CSQU3054383") ORDER("2", "HBMU2699702") "UNZ+2+REF1'"

static void what_is_right_is_done_and_acknowledged(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world, TWO, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:1;"
                               "right issue HBMU2699702;right light beanr/1:3;") == 0);
    CHECK(world->tally.interchanges == 1 && world->tally.messages == 2);
    CHECK(world->tally.refused == 0 && answers(world) == 1);
    check_answer(world, ".contrl.edi",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UNT+3+1'");
    CHECK(json_object_size(p2p_journal_all(world->trade.journal, P2P_JOURNAL_TASKS)) == 0);
    world_free(world);
}

static void an_interchange_that_comes_again_has_one_effect(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world, TWO, "a");
    take(world, TWO, "a"); /* the same delivery: a crash came before it was put away */
    CHECK(world->carried == 4 && answers(world) == 1 && world->tally.duplicates == 0);
    reopen(world);
    take(world, TWO, "b");
    CHECK(world->carried == 4 && world->tally.duplicates == 1);
    CHECK(answers(world) == 2);
    check_answer(world, ".duplicate-",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+4+26+UNB+6'UNT+3+1'");
    world_free(world);
}

static void twice_in_one_delivery_is_twice(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world, ONE ONE, "a");
    CHECK(world->carried == 2 && world->tally.interchanges == 1 &&
          world->tally.duplicates == 1);
    CHECK(answers(world) == 2);
    world_free(world);
}

static void a_wrong_count_in_unt_refuses_that_message(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world,
         LINE_A "UNH+1+COREOR:D:95B:UN'BGM+129+D+9'RFF+BM:B'NAD+FW+FWD-1'EQD+CN+CSQU3054383'"
                "UNT+7+1'" ORDER("2", "HBMU2699702") "UNH+3+COREOR:D:95B:UN'XYZ+1'FTX+\x01'BGM+"
                                                     "129'EQD+CN+A'UNT+6+3'UNZ+3+REF1'",
         "a");
    CHECK(strcmp(world->calls, "right issue HBMU2699702;right light beanr/1:1;") == 0);
    CHECK(world->tally.refused == 2 && answers(world) == 1);
    check_answer(
        world, ".contrl.edi",
        "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'"
        "UCM+1+COREOR:D:95B:UN+4+29+UNT+2'UCM+3+COREOR:D:95B:UN+4'UCS+3'UCD+21+2:1'UNT+7+1'");
    world_free(world);
}

static void what_has_no_place_is_told_by_segment(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world, LINE_A "UNH+3+COREOR:D:95B:UN'XYZ+1'BGM+129'EQD+CN+A'UNT+5+3'UNZ+1+REF1'", "a");
    check_answer(world, ".contrl.edi",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'"
                 "UCM+3+COREOR:D:95B:UN+4'UCS+2+15'UNT+5+1'");
    CHECK(world->carried == 0);
    world_free(world);
}

static void a_wrong_count_in_unz_refuses_all_and_leaves_the_reference_free(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world, LINE_A ORDER("1", "CSQU3054383") "UNZ+2+REF1'", "a");
    CHECK(world->carried == 0 && world->tally.refused == 1);
    check_answer(world, ".contrl.edi",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+4+29+UNZ+2'UNT+3+1'");
    take(world, ONE, "b");
    CHECK(world->carried == 2 && world->tally.duplicates == 0 && world->tally.refused == 0);
    world_free(world);
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
        struct world *world = world_new();
        take(world, ROWS[i].text, "a");
        CHECK(world->carried == 0 && world->tally.refused == 1);
        check_answer(world, ".contrl.edi", ROWS[i].contrl);
        world_free(world);
    }
}

static void groups_are_answered_as_groups(void **state)
{
    (void)state;
    struct world *world = world_new();
    take(world,
         LINE_A "UNG+COREOR+X:ZZ+Y+261122:0815+G1+UN+D:95B'" ORDER(
             "1", "CSQU3054383") "UNE+1+G1'UNG+"
                                 "COREOR+X+Y+"
                                 "261122:0815+G2+"
                                 "UN+D:"
                                 "95B'" ORDER("2", "HBMU269970"
                                                   "2") "UNE+2+"
                                                        "G2'"
                                                        "UNG+"
                                                        "COREOR"
                                                        "+X+Y+"
                                                        "261122"
                                                        ":0815+"
                                                        "G3+UN+"
                                                        "D:95B'"
                                                        "UNH+3+"
                                                        "COREOR"
                                                        ":D:"
                                                        "95B:"
                                                        "UN'"
                                                        "UNT+9+"
                                                        "3'UNE+"
                                                        "1+G3'"
                                                        "UNZ+3+"
                                                        "REF1'",
         "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:1;") == 0);
    check_answer(world, ".contrl.edi",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UCF+G2+X+Y+4+29+UNE+2'"
                 "UCF+G3+X+Y+7'UCM+3+COREOR:D:95B:UN+4+29+UNT+2'UNT+6+1'");
    world_free(world);
}

static void a_refused_container_is_told_by_aperak(void **state)
{
    (void)state;
    static const struct double_row ROWS[] = {
        {"right issue", "CSQU3054383", P2P_TRADE_REFUSED, "no-grant"}, {0}};
    struct world *world = world_new();
    world->rows = ROWS;
    take(world,
         LINE_A ORDER("1",
                      "CSQU3054383") "UNH+2+COREOR:D:00B:UN'BGM+129+DOC2+9'NAD+FW+FWD-1'EQD+CN+"
                                     "HBMU2699702'RFF+BM:B2'EQD+CN+MSCU1000070'UNT+7+2'"
                                     "UNZ+2+REF1'",
         "a");
    CHECK(strcmp(world->calls,
                 "right issue CSQU3054383;right issue HBMU2699702;right light beanr/1:2;") ==
          0);
    CHECK(world->tally.refused == 2 && answers(world) == 2);
    check_answer(world, ".contrl.edi",
                 "UNH+1+CONTRL:D:3:UN'UCI+REF1+LINE-A+PORT2PORT+7'UNT+3+1'");
    char text[1024];
    snprintf(text, sizeof text, "%s",
             "UNH+1+APERAK:D:95B:UN'BGM+313+@-1+27'DTM+137:202611220800:203'RFF+ACW:DOC1'RFF+"
             "AGO:REF1/1'"
             "ERC+NOGRANT::ZZZ'FTX+AAO+++no-grant:it?'s a \"no\" of the node ?+ of its "
             "rules'RFF+EQ:CSQU3054383'UNT+9+1'"
             "UNH+2+APERAK:D:00B:UN'BGM+313+@-2+27'DTM+137:202611220800:203'RFF+ACW:DOC2'RFF+"
             "AGO:REF1/2'"
             "ERC+MISSINGB::ZZZ'FTX+AAO+++missing-bl:the message does not name its "
             "bl'RFF+EQ:MSCU1000070'UNT+9+2'");
    /* The reference of the answer stands in it twice. */
    char *expected = NULL;
    char reference[15] = "";
    DIR *dir = opendir(world->answers);
    for (struct dirent *each; (each = readdir(dir)) != NULL;) {
        if (strstr(each->d_name, "aperak") != NULL) {
            char path[2 * TEMP_PATH_BYTES];
            char line[400];
            snprintf(path, sizeof path, "%s/%s", world->answers, each->d_name);
            FILE *file = fopen(path, "r");
            CHECK(fgets(line, sizeof line, file) != NULL);
            fclose(file);
            CHECK(strncmp(line, "UNB+UNOB:3+PORT2PORT+LINE-A+261122:0800+", 40) == 0);
            memcpy(reference, line + 40, 14);
        }
    }
    closedir(dir);
    char *first = strchr(text, '@');
    char *second = strchr(first + 1, '@');
    *first = *second = '\0';
    CHECK(asprintf(&expected, "%s%s%s%s%s", text, reference, first + 1, reference, second + 1) >
          0);
    check_answer(world, ".aperak.edi", expected);
    free(expected);
    world_free(world);
}

/* The node goes away at each step in turn, the process crashes, and takes the delivery again.
 */
static void out_of_reach_at_every_step(void **state)
{
    (void)state;
    for (long at = 0; at < 4; at++) {
        struct world *world = world_new();
        world->countdown = at;
        take(world, TWO, "a");
        CHECK(world->tally.undecided && world->carried == at && answers(world) == 0);
        reopen(world);
        take(world, TWO, "a");
        CHECK(world->tally.undecided && world->carried == at && answers(world) == 0);
        world->countdown = -1;
        take(world, TWO, "a");
        CHECK(!world->tally.undecided && world->carried == 4 && answers(world) == 1);
        CHECK(world->tally.messages == 2);
        world_free(world);
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
    struct world *world = world_new();
    world->countdown = 3;
    take(world, TEXT, "a");
    CHECK(world->tally.undecided && world->carried == 3);
    json_object_set_new(json_object_get(world->agreement.json, "parties"), "LATER",
                        json_string("beanr-haulier"));
    world->countdown = -1;
    take(world, TEXT, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:4;"
                               "right light beanr/1:3;") == 0);
    CHECK(world->carried == 6 && world->tally.refused == 0);
    world_free(world);
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
            struct world *world = world_new();
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
            reopen(world);
            take(world, TWO, "a");
            CHECK(child > 0 || json_object_size(world->keys) == 2); /* the child had its own */
            CHECK(answers(world) == 2);
            take(world, TWO, "b");
            CHECK(world->tally.duplicates == 1 && answers(world) == 3);
            world_free(world);
        }
    }
}

static const struct double_row NO_TOKEN[] = {
    {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"}, {0}};

static void an_order_before_the_ship_waits(void **state)
{
    (void)state;
    struct world *world = world_new();
    world->rows = NO_TOKEN;
    take(world, ONE, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    CHECK(world->tally.refused == 0 && answers(world) == 1);
    reopen(world);
    retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    world->rows = NULL;
    retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:3;") == 0);
    retry(world);
    CHECK(world->calls[0] == '\0' && answers(world) == 1);
    world_free(world);
}

static void what_waited_in_vain_is_answered_late(void **state)
{
    (void)state;
    static const struct double_row REFUSED[] = {
        {"right issue", NULL, P2P_TRADE_REFUSED, "no-grant"}, {0}};
    struct world *world = world_new();
    world->rows = NO_TOKEN;
    take(world, ONE, "a");
    world->rows = REFUSED;
    retry(world);
    CHECK(world->tally.refused == 1 && answers(world) == 2);
    retry(world);
    CHECK(world->calls[0] == '\0' && answers(world) == 2);
    world_free(world);

    world = world_new(); /* and what waits longer than anything should */
    world->rows = NO_TOKEN;
    take(world, ONE, "a");
    world->trade.now_ms += 61ull * 86400000u;
    retry(world);
    CHECK(world->tally.refused == 1 && answers(world) == 2);
    world_free(world);
}

static void what_waits_is_cancelled_by_not_being_done(void **state)
{
    (void)state;
    static const struct double_row ABSENT[] = {
        {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"},
        {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
        {0}};
    struct world *world = world_new();
    world->rows = ABSENT;
    take(world, TWO, "a");
    take(world,
         "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF2'"
         "UNH+1+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:BL1'EQD+CN+CSQU3054383'UNT+5+1'UNZ+1+REF2'",
         "b");
    CHECK(world->tally.refused == 0);
    retry(world);
    CHECK(strcmp(world->calls, "right issue HBMU2699702;") == 0);
    /* Another bill of lading is another order. */
    take(world,
         "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF3'"
         "UNH+1+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:BL9'EQD+CN+HBMU2699702'UNT+5+1'UNZ+1+REF3'",
         "c");
    CHECK(world->tally.refused == 1);
    retry(world);
    CHECK(strcmp(world->calls, "right issue HBMU2699702;") == 0);
    world_free(world);
}

static size_t tasks(const struct world *world)
{
    return json_object_size(p2p_journal_all(world->trade.journal, P2P_JOURNAL_TASKS));
}

/* Broken: what waits in an interchange that is not yet answered would be done by itself, and
 * once more when its interchange is gone on with. */
static void what_waits_in_an_undecided_interchange_has_one_effect(void **state)
{
    (void)state;
    struct world *world = world_new();
    world->rows = NO_TOKEN;
    world->countdown = 1;
    take(world, TWO, "a");
    CHECK(world->tally.undecided && tasks(world) == 2);
    world->rows = NULL; /* meanwhile the ship came, and the node is back */
    world->countdown = -1;
    reopen(world);
    retry(world);
    CHECK(world->calls[0] == '\0');
    take(world, TWO, "a");
    CHECK(strcmp(world->calls, "right issue CSQU3054383;right light beanr/1:2;"
                               "right issue HBMU2699702;right light beanr/1:4;") == 0);
    CHECK(world->tally.refused == 0 && answers(world) == 1);
    retry(world);
    CHECK(world->calls[0] == '\0' && tasks(world) == 0);
    world_free(world);
}

/* Broken: what was cancelled while it waited would come back when its interchange is gone on
 * with, and be done. */
static void what_was_cancelled_in_an_undecided_interchange_stays_so(void **state)
{
    (void)state;
    static const char TEXT[] = LINE_A ORDER(
        "1", "CSQU3054383") "UNH+2+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:BL1'EQD+CN+CSQU3054383'"
                            "UNT+5+2'" ORDER("3", "HBMU2699702") "UNZ+3+REF1'";
    static const struct double_row ABSENT[] = {
        {"right issue", "CSQU3054383", P2P_TRADE_ABSENT, "no-token"},
        {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
        {0}};
    for (int undecided = 0; undecided < 2; undecided++) {
        struct world *world = world_new();
        world->rows = ABSENT;
        world->countdown = undecided ? 2 : -1;
        take(world, TEXT, "a");
        CHECK(world->tally.undecided == (undecided == 1));
        world->rows = NULL;
        world->countdown = -1;
        reopen(world);
        take(world, TEXT, "a");
        CHECK(strstr(world->calls, "CSQU3054383") == NULL);
        CHECK(world->carried == 4 && world->tally.refused == 0 && answers(world) == 1);
        retry(world);
        CHECK(world->calls[0] == '\0' && tasks(world) == 0 && answers(world) == 1);
        world_free(world);
    }
}

/* Broken: a cancellation would take out what waits on another bill of lading, where that came
 * as a replacement. */
static void another_replacement_is_not_cancelled(void **state)
{
    (void)state;
    static const struct double_row ABSENT[] = {
        {"right issue", NULL, P2P_TRADE_ABSENT, "no-token"},
        {"right cancel", NULL, P2P_TRADE_ABSENT, "no-right"},
        {0}};
    struct world *world = world_new();
    world->rows = ABSENT;
    take(world,
         LINE_A "UNH+1+COREOR:D:95B:UN'BGM+129+D+5'RFF+BM:BL1'NAD+FW+FWD-1'EQD+CN+CSQU3054383'"
                "UNT+6+1'UNZ+1+REF1'",
         "a");
    CHECK(tasks(world) == 1);
    take(world,
         "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF2'"
         "UNH+1+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:BL9'EQD+CN+CSQU3054383'UNT+5+1'UNZ+1+REF2'",
         "b");
    CHECK(world->tally.refused == 1);
    retry(world);
    CHECK(strcmp(world->calls, "right issue CSQU3054383;") == 0);
    take(world,
         "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+REF3'"
         "UNH+1+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:BL1'EQD+CN+CSQU3054383'UNT+5+1'UNZ+1+REF3'",
         "c");
    CHECK(world->tally.refused == 0 && tasks(world) == 0);
    world_free(world);
}

static void what_cannot_be_read_is_told(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"", "\n", "hello", ONE "hello", "UNA++.? '" ONE};
    for (size_t i = 0; i < sizeof TEXTS / sizeof TEXTS[0]; i++) {
        struct world *world = world_new();
        take(world, TEXTS[i], "a");
        CHECK(world->tally.unreadable == 1);
        CHECK(answers(world) == (i == 3 ? 1 : 0));
        world_free(world);
    }
}

static void a_journal_survives_what_a_crash_leaves(void **state)
{
    (void)state;
    struct world *world = world_new();
    char path[TEMP_PATH_BYTES];
    take(world, TWO, "a");
    temp_path(&world->dir, "journal", path);
    FILE *file = fopen(path, "a");
    fputs("{\"m\":\"i\",\"k\":\"torn", file);
    fclose(file);
    struct p2p_journal *other = NULL;
    CHECK_ERR(p2p_journal_open(&other, world->dir.path, NOW_MS), P2P_LOCKED);
    reopen(world);
    take(world, TWO, "b");
    CHECK(world->tally.duplicates == 1);
    reopen(world);
    take(world, TWO, "c");
    CHECK(world->tally.duplicates == 1);

    p2p_journal_close(world->trade.journal);
    world->trade.journal = NULL;
    file = fopen(path, "r+"); /* damage in the middle is not passed over */
    fputs("XXXX", file);
    fclose(file);
    CHECK_ERR(p2p_journal_open(&world->trade.journal, world->dir.path, NOW_MS), P2P_CORRUPT);
    world_free(world);
}

static void a_journal_forgets_and_is_written_anew(void **state)
{
    (void)state;
    struct world *world = world_new();
    char path[TEMP_PATH_BYTES];
    struct stat before;
    struct stat after;
    take(world, TWO, "a");
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(
            p2p_journal_put(world->trade.journal, P2P_JOURNAL_ASKED, "k", json_integer(i)));
    }
    temp_path(&world->dir, "journal", path);
    CHECK(stat(path, &before) == 0);
    CHECK_OK(p2p_journal_sync(world->trade.journal)); /* also while it is in use */
    CHECK(stat(path, &after) == 0 && after.st_size < before.st_size / 10);
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(
            p2p_journal_put(world->trade.journal, P2P_JOURNAL_ASKED, "k", json_integer(i)));
    }
    CHECK(stat(path, &before) == 0);
    reopen(world);
    CHECK(stat(path, &after) == 0 && after.st_size < before.st_size / 10);
    CHECK(json_integer_value(p2p_journal_get(world->trade.journal, P2P_JOURNAL_ASKED, "k")) ==
          2999);
    take(world, TWO, "b");
    CHECK(world->tally.duplicates == 1);
    p2p_journal_close(world->trade.journal);
    CHECK_OK(
        p2p_journal_open(&world->trade.journal, world->dir.path, NOW_MS + 500ull * 86400000u));
    json_object_clear(world->keys); /* the same steps have the same keys */
    take(world, TWO, "c");
    CHECK(world->tally.duplicates == 0);
    world_free(world);
}

static void a_journal_is_bounded(void **state)
{
    (void)state;
    struct p2p_journal *journal = NULL;
    json_t *done = json_pack("{s:b}", "done", 1);
    json_t *open = json_pack("{s:b}", "done", 0);
    char key[16];
    CHECK_OK(p2p_journal_open(&journal, NULL, NOW_MS));
    for (unsigned i = 0; i < P2P_JOURNAL_ENTRIES_MAX; i++) {
        snprintf(key, sizeof key, "%u", i);
        CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_INTERCHANGES, key,
                                 json_incref(i == 1 ? open : done)));
    }
    CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "t", json_incref(done)));
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_INTERCHANGES, "0") == NULL);
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_INTERCHANGES, "1") != NULL);
    CHECK(p2p_journal_get(journal, P2P_JOURNAL_TASKS, "t") != NULL);
    /* The oldest is not done now: what is known of it is not given up. */
    CHECK_ERR(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "u", json_incref(done)), P2P_FULL);
    CHECK_OK(p2p_journal_put(journal, P2P_JOURNAL_TASKS, "t", json_incref(open)));
    p2p_journal_close(journal);
    json_decref(done);
    json_decref(open);
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
        cmocka_unit_test(an_order_before_the_ship_waits),
        cmocka_unit_test(what_waited_in_vain_is_answered_late),
        cmocka_unit_test(what_waits_is_cancelled_by_not_being_done),
        cmocka_unit_test(what_waits_in_an_undecided_interchange_has_one_effect),
        cmocka_unit_test(what_was_cancelled_in_an_undecided_interchange_stays_so),
        cmocka_unit_test(another_replacement_is_not_cancelled),
        cmocka_unit_test(what_cannot_be_read_is_told),
        cmocka_unit_test(a_journal_survives_what_a_crash_leaves),
        cmocka_unit_test(a_journal_forgets_and_is_written_anew),
        cmocka_unit_test(a_journal_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
