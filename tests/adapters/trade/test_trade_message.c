#include "check.h"

#include "adapters/trade/message.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>

static const char AGREEMENT[] =
    "{\"me\":\"PORT2PORT\",\"parties\":{\"FWD-1\":\"beanr-forwarder\",\"HAUL-1\":\"beanr-"
    "haulier\"},"
    "\"facilities\":{\"K1742\":\"beanr-f1\"},\"country\":\"BE\",\"card\":\"alfapass\","
    "\"zone\":\"Europe/Brussels\"}";

/* Reads the one message of UNB, UNH and body, with the counts that belong to them. */
struct read {
    struct p2p_edi_interchange *in;
    struct p2p_agreement agreement;
    struct p2p_trade_reading reading;
    bool mapped;
};

static struct read read_as(const char *agreement, const char *type, const char *body)
{
    struct read read = {0};
    struct p2p_edi_fault where;
    char problem[200];
    char *text = NULL;
    size_t used = 0;
    unsigned segments = 2;
    for (const char *at = body; *at != '\0'; at++) {
        segments += *at == '\'';
    }
    CHECK(asprintf(&text,
                   "UNB+UNOA:2+SENDER+PORT2PORT+261122:0815+R1'UNH+M1+%s'%sUNT+%u+M1'UNZ+1+R1'",
                   type, body, segments) > 0);
    CHECK_OK(p2p_agreement_read(&read.agreement, p2p_slice_text(agreement), problem,
                                sizeof problem));
    p2p_agreement_use_zone(&read.agreement);
    CHECK_OK(p2p_edi_parse(&read.in, p2p_slice_text(text), &used, &where));
    CHECK(p2p_edi_sound(read.in, &read.in->messages[0]));
    const struct p2p_trade_map *map = p2p_trade_map_find(&read.in->messages[0], &where);
    read.mapped = map != NULL;
    if (map != NULL) {
        CHECK_OK(p2p_trade_read(&read.reading, map, &read.agreement, read.in,
                                &read.in->messages[0]));
    }
    free(text); /* what was read borrows nothing from it any more */
    return read;
}

static void done(struct read *read)
{
    p2p_trade_reading_deinit(&read->reading);
    p2p_agreement_deinit(&read->agreement);
    p2p_edi_free(read->in);
}

static void check_json(const json_t *got, const char *expected)
{
    json_error_t error;
    json_t *want = json_loads(expected, 0, &error);
    if (want == NULL) {
        print_error("%s\n", error.text);
    }
    CHECK(want != NULL);
    if (!json_equal(got, want)) {
        char *text = json_dumps(got, JSON_SORT_KEYS);
        print_error("it is %s\n", text);
        free(text);
    }
    CHECK(json_equal(got, want));
    json_decref(want);
}

static void asks(const char *type, const char *body, const char *tasks)
{
    struct read read = read_as(AGREEMENT, type, body);
    CHECK(read.mapped && read.in->messages[0].fault_count == 0);
    check_json(read.reading.refusals, "[]");
    check_json(read.reading.tasks, tasks);
    done(&read);
}

static void refuses(const char *type, const char *body, const char *code, size_t tasks)
{
    struct read read = read_as(AGREEMENT, type, body);
    CHECK(read.mapped && read.in->messages[0].fault_count == 0);
    CHECK(json_array_size(read.reading.refusals) == 1);
    const json_t *refusal = json_array_get(read.reading.refusals, 0);
    const char *got = json_string_value(json_object_get(refusal, "code"));
    if (strcmp(got, code) != 0) {
        print_error("refused as %s, not %s\n", got, code);
    }
    CHECK(strcmp(got, code) == 0);
    CHECK(json_array_size(read.reading.tasks) == tasks);
    done(&read);
}

static void faults(const char *type, const char *body, enum p2p_edi_code code, const char *tag,
                   uint32_t segment)
{
    struct read read = read_as(AGREEMENT, type, body);
    CHECK(read.mapped && read.in->messages[0].fault_count == 1);
    const struct p2p_edi_fault *fault = &read.in->messages[0].faults[0];
    CHECK(fault->code == code && strcmp(fault->tag, tag) == 0 && fault->segment == segment);
    CHECK(json_array_size(read.reading.tasks) == 0);
    CHECK(json_array_size(read.reading.refusals) == 0 && read.reading.refusal_count == 0);
    done(&read);
}

#define COREOR "COREOR:D:95B:UN:SMDG20"
#define ORDER                                                                                  \
    "RFF+BM:BL4711'RFF+RE:REL-9'TDT+20+123W+1++LINE:172:20+++9999999:146::SOME SHIP'"          \
    "LOC+11+BEANR:139:6+K1742:TER:ZZZ'NAD+CA+LINE:160:20'NAD+FW+FWD-1:160:ZZZ'"
#define BOX "EQD+CN+CSQU3054383+22G1:102:5++3+5'"

static void a_release_order_issues_a_right(void **state)
{
    (void)state;
    asks(COREOR, "BGM+129+DOC1+9'" ORDER BOX "CNT+16:1'",
         "[{\"container\":\"CSQU3054383\",\"segment\":9,\"steps\":["
         "{\"verb\":\"right issue\",\"waits\":true,\"body\":{\"container\":\"CSQU3054383\","
         "\"bl\":\"BL4711\",\"to\":\"beanr-forwarder\",\"reference\":\"REL-9\",\"terminal\":"
         "\"K1742\"}},"
         "{\"verb\":\"right "
         "light\",\"issued\":true,\"body\":{\"light\":\"commercial\",\"value\":\"ok\"}}]}]");
}

static void what_a_container_says_goes_before_what_the_message_says(void **state)
{
    (void)state;
    asks(
        "COREOR:D:00B:UN:SMDG21",
        "BGM+129+DOC1+9'DTM+137:202611220815:203'RFF+BM:BL4711'NAD+FW+FWD-1'" BOX
        "RFF+BM:BL4712'DTM+36:20261231:102'TDT+1++8'NAD+FW+HAUL-1'EQD+CN+HBMU2699702'RFF+RE:X'",
        "[{\"container\":\"CSQU3054383\",\"segment\":6,\"steps\":["
        "{\"verb\":\"right issue\",\"waits\":true,\"body\":{\"container\":\"CSQU3054383\","
        "\"bl\":\"BL4712\",\"to\":\"beanr-haulier\",\"means\":\"barge\",\"reference\":\"DOC1\","
        "\"expires\":\"2026-12-31T23:00:00Z\"}},"
        "{\"verb\":\"right "
        "light\",\"issued\":true,\"body\":{\"light\":\"commercial\",\"value\":\"ok\"}}]},"
        "{\"container\":\"HBMU2699702\",\"segment\":11,\"steps\":["
        "{\"verb\":\"right issue\",\"waits\":true,\"body\":{\"container\":\"HBMU2699702\","
        "\"bl\":\"BL4711\",\"to\":\"beanr-forwarder\",\"reference\":\"X\"}},"
        "{\"verb\":\"right "
        "light\",\"issued\":true,\"body\":{\"light\":\"commercial\",\"value\":\"ok\"}}]}]");
}

static void a_release_order_is_cancelled_and_replaced(void **state)
{
    (void)state;
    asks(COREOR, "BGM+129+DOC1+1'RFF+BM:BL4711'" BOX,
         "[{\"container\":\"CSQU3054383\",\"segment\":4,\"steps\":[{\"verb\":\"right "
         "cancel\",\"body\":{},"
         "\"where\":{\"container\":\"CSQU3054383\",\"bl\":\"BL4711\"},"
         "\"states\":\"PENDING|ACTIVE|RETURNED|BLOCKED\"}]}]");
    asks(COREOR, "BGM+129++5'RFF+BM:BL4711'NAD+CN+FWD-1'" BOX,
         "[{\"container\":\"CSQU3054383\",\"segment\":5,\"steps\":[{\"verb\":\"right "
         "cancel\",\"body\":{},"
         "\"where\":{\"container\":\"CSQU3054383\",\"bl\":\"BL4711\"},"
         "\"states\":\"PENDING|ACTIVE|RETURNED|BLOCKED\",\"optional\":true},"
         "{\"verb\":\"right issue\",\"waits\":true,\"body\":{\"container\":\"CSQU3054383\","
         "\"bl\":\"BL4711\",\"to\":\"beanr-forwarder\"}},"
         "{\"verb\":\"right "
         "light\",\"issued\":true,\"body\":{\"light\":\"commercial\",\"value\":\"ok\"}}]}]");
}

#define COARRI "COARRI:D:95B:UN:SMDG16"
#define SHIP                                                                                   \
    "TDT+20+123W+1++LINE:172:20+++9999999:146::SOME SHIP'LOC+11+BEANR:139:6+K1742:TER:ZZZ'"

static void a_discharge_opens_custody(void **state)
{
    (void)state;
    const char *tasks =
        "[{\"container\":\"CSQU3054383\",\"segment\":5,\"steps\":["
        "{\"verb\":\"custody open\",\"body\":{\"container\":\"CSQU3054383\","
        "\"call\":\"9999999/123W\",\"facility\":\"beanr-f1\"}},"
        "{\"verb\":\"right "
        "light\",\"waits\":true,\"optional\":true,\"where\":{\"container\":\"CSQU3054383\"},"
        "\"states\":\"PENDING|ACTIVE|RETURNED|BLOCKED\","
        "\"body\":{\"light\":\"discharge\",\"value\":\"discharged\"}}]}]";
    asks(COARRI, "BGM+44+DOC1+9'" SHIP BOX "EQD+CN+HBMU2699702+22G1:102:5++3+4'CNT+16:2'",
         tasks);
    asks(COARRI, "BGM+98++9'" SHIP BOX, tasks);
    asks(COARRI, "BGM+98'" SHIP BOX, tasks);
}

static void a_discharge_is_taken_back(void **state)
{
    (void)state;
    asks(COARRI, "BGM+44+DOC2+1'" BOX,
         "[{\"container\":\"CSQU3054383\",\"segment\":3,\"steps\":[{\"verb\":\"custody "
         "withdraw\","
         "\"where\":{\"container\":\"CSQU3054383\"},\"states\":\"held\",\"body\":{}}]}]");
}

static void a_report_of_loading_asks_for_nothing(void **state)
{
    (void)state;
    asks(COARRI, "BGM+46+DOC1+9'" SHIP BOX, "[]");
    asks("COARRI:D:00B:UN", "BGM+270+DOC1+9'" SHIP BOX, "[]");
}

static void gates(void **state)
{
    (void)state;
    asks("CODECO:D:95B:UN:ITG14",
         "BGM+34+DOC1+9'TDT+20+017N+1'NAD+MS+TERM'" BOX
         "RFF+BN:BOOK1'DTM+7:202611220956:203'LOC+165+BEANR:139:6+K1742:TER:ZZZ'"
         "MEA+AAE+G+KGM:17624'SEL+881055+SH'FTX+AAA+++GOODS'TDT+1++3++HAUL-1:172+++1ABC234:146'"
         "CNT+16:1'",
         "[{\"container\":\"CSQU3054383\",\"segment\":5,\"steps\":[{\"verb\":\"custody "
         "gate-in\",\"optional\":true,"
         "\"body\":{\"container\":\"CSQU3054383\",\"facility\":\"beanr-f1\"}}]}]");
    asks(
        "CODECO:D:00B:UN:SMDG21", "BGM+36++9'" BOX "RFF+BM:BL4711'",
        "[{\"container\":\"CSQU3054383\",\"segment\":3,\"steps\":[{\"verb\":\"right gate-out\","
        "\"where\":{\"container\":\"CSQU3054383\",\"bl\":\"BL4711\"},\"states\":\"USED\","
        "\"body\":{}}]}]");
    asks("CODECO:D:00B:UN", "BGM+35++9'" BOX, "[]");
    refuses("CODECO:D:00B:UN", "BGM+36++1'" BOX, "not-read", 0);
}

static void a_haulier_announces_driver_truck_and_slot(void **state)
{
    (void)state;
    asks("COPINO:D:95B:UN:ITG13",
         "BGM+661+DOC1+9'TDT+1+T1+3+31+HAUL-1:172+++1-ABC-234:146:ZZZ::NL'"
         "LOC+88+BEANR:139:6+K1742:TER:ZZZ'DTM+132:202607010800-202607010900:719'"
         "NAD+CA+HAUL-1:172'CTA+DR+7305518264:SOMEBODY'" BOX "RFF+RE:REL-9'"
         "EQD+CN+HBMU2699702++++5'EQD+CN+MSCU1000070+22G1++2+5'EQD+CH+TRAILER1'",
         "[{\"container\":\"CSQU3054383\",\"segment\":8,\"steps\":[{\"verb\":\"right assign\","
         "\"where\":{\"container\":\"CSQU3054383\",\"reference\":\"REL-9\"},"
         "\"states\":\"ACTIVE|BLOCKED\",\"body\":{\"driver\":\"card:alfapass:7305518264\","
         "\"truck\":\"plate:NL:1ABC234\",\"slot\":\"2026-07-01T06:00:00Z..2026-07-01T07:00:"
         "00Z\"}}]},"
         "{\"container\":\"HBMU2699702\",\"segment\":10,\"steps\":[{\"verb\":\"right assign\","
         "\"where\":{\"container\":\"HBMU2699702\"},"
         "\"states\":\"ACTIVE|BLOCKED\",\"body\":{\"driver\":\"card:alfapass:7305518264\","
         "\"truck\":\"plate:NL:1ABC234\",\"slot\":\"2026-07-01T06:00:00Z..2026-07-01T07:00:"
         "00Z\"}}]}]");
    asks(
        "COPINO:D:00B:UN", "BGM+661++1'TDT+1++3'" BOX,
        "[{\"container\":\"CSQU3054383\",\"segment\":4,\"steps\":[{\"verb\":\"right unassign\","
        "\"where\":{\"container\":\"CSQU3054383\"},\"states\":\"ACTIVE|BLOCKED\",\"body\":{}}]}"
        "]");
    refuses("COPINO:D:00B:UN", "BGM+661++9'TDT+1++3+++++1ABC234'" BOX, "missing-driver", 0);
    refuses("COPINO:D:00B:UN", "BGM+661++9'TDT+1++3'DTM+132:2026:719'NAD+DR+1'" BOX, "bad-time",
            0);
    refuses("COPINO:D:00B:UN",
            "BGM+661++9'TDT+1++3'DTM+132:202607010900-202607010800:719'NAD+DR+1'" BOX,
            "bad-time", 0);
}

static void what_is_refused(void **state)
{
    (void)state;
    refuses(COREOR, "BGM+129+DOC1+9'NAD+FW+FWD-1'" BOX, "missing-bl", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'" BOX, "missing-to", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+NOBODY'" BOX, "unknown-party", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+FWD-1'EQD+CN'", "missing-container", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+FWD-1'" BOX "DTM+36:20261331:102'",
            "bad-time", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+FWD-1'" BOX "DTM+36:20260230:102'",
            "bad-time", 0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+FWD-1'" BOX "DTM+36:soon:102'", "bad-time",
            0);
    refuses(COREOR, "BGM+129+DOC1+9'RFF+BM:B'NAD+FW+FWD-1'" BOX "DTM+36:20261231:999'",
            "bad-time", 0);
    refuses(COREOR, "BGM+129+DOC1+4'" ORDER BOX, "not-read", 0);
    refuses(COREOR, "BGM+129+DOC1+9'" ORDER BOX "CNT+16:2'", "wrong-total", 0);
    refuses(COARRI, "BGM+44++9'TDT+20+V'LOC+11+BEANR+ELSEWHERE'" BOX, "unknown-facility", 0);
    refuses(COARRI, "BGM+44++9'TDT+20+V'" BOX, "missing-facility", 0);
    /* One that is refused does not stop the next. */
    refuses(COREOR, "BGM+129+DOC1+9'NAD+FW+FWD-1'" BOX "EQD+CN+HBMU2699702'RFF+BM:B'",
            "missing-bl", 1);
}

static void what_stands_in_the_wrong_place(void **state)
{
    (void)state;
    faults(COREOR, BOX, P2P_EDI_MISSING, "BGM", 3);
    faults(COREOR, "BGM+129'", P2P_EDI_MISSING, "EQD", 3);
    faults(COREOR, "BGM+129'BGM+129'" BOX, P2P_EDI_REPEATED, "BGM", 3);
    faults(COREOR, "BGM+129'LOC+11+BEANR'" BOX, P2P_EDI_NOT_HERE, "LOC", 3);
    faults(COREOR, "BGM+129'XYZ+1'" BOX, P2P_EDI_NOT_HERE, "XYZ", 3);
    faults("COPINO:D:95B:UN", "BGM+661'" BOX, P2P_EDI_MISSING, "TDT", 4);
}

static void goods_and_their_dangers_are_passed_over(void **state)
{
    (void)state;
    asks("COREOR:D:00B:UN",
         "BGM+129+D+1'RFF+BM:B'NAD+MS+X'GID+1'NAD+FW+NOBODY'RFF+BM:OTHER'SGP+CSQU3054383+1'"
         "MEA+AAE+G+KGM:1'DGS+IMD+3+1263'FTX+AAD+++PAINT'" BOX
         "DGS+IMD+3+1263'FTX+AAD+++PAINT'MEA+AAE+AAF+KGM:1'CTA+HG+:DESK'COM+1:TE'FTX+AAI+++X'",
         "[{\"container\":\"CSQU3054383\",\"segment\":12,\"steps\":[{\"verb\":\"right cancel\","
         "\"body\":{},\"where\":{\"container\":\"CSQU3054383\",\"bl\":\"B\"},"
         "\"states\":\"PENDING|ACTIVE|RETURNED|BLOCKED\"}]}]");
}

static void what_is_no_message_of_ours(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        uint16_t component;
    } ROWS[] = {{"IFTMIN:D:95B:UN", 1},
                {"COREOR:S:95B:UN", 2},
                {"COREOR:D:23A:UN", 3},
                {"COREOR:D:95B:XX", 4}};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct read read = read_as("", ROWS[i].type, "BGM+1'");
        struct p2p_edi_fault fault;
        CHECK(!read.mapped && p2p_trade_map_find(&read.in->messages[0], &fault) == NULL);
        CHECK(fault.code == P2P_EDI_VALUE_HERE && fault.element == 2);
        CHECK(fault.component == ROWS[i].component);
        done(&read);
    }
}

static void agreements(void **state)
{
    (void)state;
    static const char *const BAD[] = {"[]",
                                      "{",
                                      "{\"sender\":{}}",
                                      "{\"me\":1}",
                                      "{\"senders\":{\"A\":\"COREOR\"}}",
                                      "{\"senders\":{\"A\":[1]}}",
                                      "{\"parties\":{\"A\":[]}}",
                                      "{\"me\":\"a\",\"me\":\"b\"}",
                                      "{\"zone\":\"Europe/Brusels\"}",
                                      "{\"zone\":\"../../../etc/passwd\"}",
                                      "{\"zone\":\"\"}"};
    struct p2p_agreement agreement;
    char problem[200];
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        problem[0] = '\0';
        CHECK_ERR(
            p2p_agreement_read(&agreement, p2p_slice_text(BAD[i]), problem, sizeof problem),
            P2P_USAGE);
        CHECK(problem[0] != '\0');
    }
    CHECK_OK(p2p_agreement_read(
        &agreement, p2p_slice_text("{\"senders\":{\"A\":[\"COREOR\",\"COARRI\"],\"B\":[]}}"),
        problem, sizeof problem));
    CHECK(p2p_agreement_knows_sender(&agreement, "A"));
    CHECK(!p2p_agreement_knows_sender(&agreement, "C"));
    CHECK(p2p_agreement_allows(&agreement, "A", "COARRI"));
    CHECK(!p2p_agreement_allows(&agreement, "A", "CODECO"));
    CHECK(!p2p_agreement_allows(&agreement, "B", "COARRI"));
    p2p_agreement_deinit(&agreement);
    CHECK_OK(p2p_agreement_read(&agreement,
                                p2p_slice_text("{\"zone\":\"CET-1CEST,M3.5.0,M10.5.0/3\"}"),
                                problem, sizeof problem));
    p2p_agreement_deinit(&agreement);
    CHECK_OK(p2p_agreement_read(&agreement, (struct p2p_slice){0}, problem, sizeof problem));
    CHECK(p2p_agreement_knows_sender(&agreement, "C"));
    CHECK(p2p_agreement_allows(&agreement, "C", "CODECO"));
    p2p_agreement_deinit(&agreement);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_order_issues_a_right),
        cmocka_unit_test(what_a_container_says_goes_before_what_the_message_says),
        cmocka_unit_test(a_release_order_is_cancelled_and_replaced),
        cmocka_unit_test(a_discharge_opens_custody),
        cmocka_unit_test(a_discharge_is_taken_back),
        cmocka_unit_test(a_report_of_loading_asks_for_nothing),
        cmocka_unit_test(gates),
        cmocka_unit_test(a_haulier_announces_driver_truck_and_slot),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(what_stands_in_the_wrong_place),
        cmocka_unit_test(goods_and_their_dangers_are_passed_over),
        cmocka_unit_test(what_is_no_message_of_ours),
        cmocka_unit_test(agreements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
