#include "check.h"

#include "adapters/trade/edi_writer.h"
#include "adapters/trade/edifact.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <stdlib.h>

#define UNB     "UNB+UNOA:2+AGENT-A+TERMINAL-B+261122:0815+REF1'"
#define UNH     "UNH+M1+COREOR:D:95B:UN:SMDG20'"
#define MESSAGE UNH "BGM+129+DOC1+9'EQD+CN+CSQU3054383'UNT+4+M1'"
#define WHOLE   UNB MESSAGE "UNZ+1+REF1'"

static struct p2p_edi_interchange *parse(const char *text, size_t *used)
{
    struct p2p_edi_interchange *out = NULL;
    struct p2p_edi_fault where;
    size_t ignored = 0;
    CHECK_OK(p2p_edi_parse(&out, p2p_slice_text(text), used != NULL ? used : &ignored, &where));
    return out;
}

static bool is(struct p2p_slice text, const char *expected)
{
    return p2p_slice_equal(text, p2p_slice_text(expected));
}

static void what_an_interchange_says(void **state)
{
    (void)state;
    size_t used = 0;
    const char *text =
        "\r\n "
        "UNB+UNOA:2+AGENT-A:ZZ:DESK+TERMINAL-B:14+20261122:0815+REF1++COREOR++1++1'\r\n" MESSAGE
        "\r\nUNZ+1+REF1'\r\n";
    struct p2p_edi_interchange *in = parse(text, &used);
    CHECK(used == strlen(text));
    CHECK(in->fault.code == P2P_EDI_GOOD);
    CHECK(strcmp(in->syntax, "UNOA") == 0 && strcmp(in->syntax_version, "2") == 0);
    CHECK(strcmp(in->sender.id, "AGENT-A") == 0 && strcmp(in->sender.qualifier, "ZZ") == 0);
    CHECK(strcmp(in->sender.internal, "DESK") == 0);
    CHECK(strcmp(in->recipient.id, "TERMINAL-B") == 0);
    CHECK(strcmp(in->recipient.qualifier, "14") == 0);
    CHECK(strcmp(in->date, "20261122") == 0 && strcmp(in->time, "0815") == 0);
    CHECK(strcmp(in->reference, "REF1") == 0 && strcmp(in->application, "COREOR") == 0);
    CHECK(in->asks_answer && in->is_test);
    CHECK(in->message_count == 1);
    const struct p2p_edi_message *message = &in->messages[0];
    CHECK(p2p_edi_sound(in, message));
    CHECK(strcmp(message->reference, "M1") == 0 && strcmp(message->type, "COREOR") == 0);
    CHECK(strcmp(message->version, "D") == 0 && strcmp(message->release, "95B") == 0);
    CHECK(strcmp(message->agency, "UN") == 0 && strcmp(message->association, "SMDG20") == 0);
    CHECK(message->segments == 4);

    struct p2p_edi_reader reader;
    struct p2p_edi_segment segment;
    static const char *const TAGS[] = {"UNH", "BGM", "EQD", "UNT"};
    p2p_edi_open(&reader, in, message);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(p2p_edi_next(&reader, &segment));
        CHECK(p2p_edi_is(&segment, TAGS[i]) && segment.number == i + 1);
    }
    CHECK(!p2p_edi_next(&reader, &segment));
    p2p_edi_free(in);
}

/* Reads the second segment of the first message. */
static void second(const char *text, struct p2p_edi_segment *segment)
{
    struct p2p_edi_reader reader;
    struct p2p_edi_interchange *in = parse(text, NULL);
    CHECK(in->message_count > 0);
    p2p_edi_open(&reader, in, &in->messages[0]);
    CHECK(p2p_edi_next(&reader, segment) && p2p_edi_next(&reader, segment));
    p2p_edi_free(in);
}

static void elements_components_and_released_characters(void **state)
{
    (void)state;
    struct p2p_edi_segment segment;
    second(UNB UNH "FTX+AAI++A:::D+it?'s 5?+3?: ?"
                   "?'UNT+3+M1'UNZ+1+REF1'",
           &segment);
    CHECK(p2p_edi_is(&segment, "FTX") && segment.fault.code == P2P_EDI_GOOD);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "AAI"));
    CHECK(p2p_edi_text(&segment, 2, 1).len == 0);
    CHECK(is(p2p_edi_text(&segment, 3, 1), "A") && is(p2p_edi_text(&segment, 3, 4), "D"));
    CHECK(p2p_edi_text(&segment, 3, 2).len == 0 && p2p_edi_text(&segment, 3, 5).len == 0);
    CHECK(is(p2p_edi_text(&segment, 4, 1), "it's 5+3: ?"));
    CHECK(segment.elements == 4 && p2p_edi_text(&segment, 5, 1).len == 0);
}

static void line_ends_are_no_data(void **state)
{
    (void)state;
    struct p2p_edi_segment segment;
    second(UNB "\n" UNH "\r\nFTX+AAI++\r\nTWO WO\nRDS'\nUNT+3+M1'\nUNZ+1+REF1'\n", &segment);
    CHECK(is(p2p_edi_text(&segment, 3, 1), "TWO WORDS"));
}

static void the_service_string_names_other_characters(void **state)
{
    (void)state;
    struct p2p_edi_segment segment;
    second("UNA|^.! ~UNB^UNOA|2^A^B^261122|0815^R~UNH^M^COREOR|D|95B|UN~FTX^x|y!^!!^it's "
           "+:?~UNT^3^M~UNZ^1^R~",
           &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "x") && is(p2p_edi_text(&segment, 1, 2), "y^!"));
    CHECK(is(p2p_edi_text(&segment, 2, 1), "it's +:?"));
    /* A space says that nothing is released. */
    second(
        "UNA:+.  'UNB+UNOA:2+A+B+261122:0815+R'UNH+M+COREOR:D:95B:UN'FTX+x?+y'UNT+3+M'UNZ+1+R'",
        &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "x?") && is(p2p_edi_text(&segment, 2, 1), "y"));
}

static void separators_of_level_b_that_do_not_print(void **state)
{
    (void)state;
    struct p2p_edi_segment segment;
    second("UNB\x1dUNOB\x1f"
           "1\x1d"
           "A\x1d"
           "B\x1d"
           "261122\x1f"
           "0815\x1dR\x1c"
           "UNH\x1dM\x1d"
           "COREOR\x1f"
           "D\x1f"
           "95B\x1fUN\x1c"
           "FTX\x1d"
           "it's 5+3\x1c"
           "UNT\x1d"
           "3\x1dM\x1c"
           "UNZ\x1d"
           "1\x1dR\x1c",
           &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "it's 5+3"));
}

static void repetitions_are_of_version_4(void **state)
{
    (void)state;
    struct p2p_edi_segment segment;
    second(
        "UNB+UNOC:4+A+B+20261122:0815+R'UNH+M+COREOR:D:95B:UN'FTX+a:b*c:d+e'UNT+3+M'UNZ+1+R'",
        &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "a") && is(p2p_edi_text(&segment, 1, 2), "b"));
    CHECK(is(p2p_edi_text(&segment, 2, 1), "e"));
    CHECK(segment.count == 5 && segment.values[2].repetition == 2);
    second(UNB UNH "FTX+a*b'UNT+3+M1'UNZ+1+REF1'", &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "a*b"));
    second("UNA:+.?#'UNB+UNOC:4+A+B+20261122:0815+R'UNH+M+COREOR:D:95B:UN'FTX+a#b*'UNT+3+M'UNZ+"
           "1+R'",
           &segment);
    CHECK(is(p2p_edi_text(&segment, 1, 1), "a") && segment.values[1].repetition == 2);
}

/* ---- faults ---- */

struct expected {
    const char *what;
    const char *text;
    enum p2p_edi_code envelope; /* of the interchange */
    const char *envelope_tag;
    enum p2p_edi_code code; /* the first of the first message */
    const char *tag;
    uint32_t segment;
    uint16_t element;
    uint16_t component;
};

static const struct expected EXPECTED[] = {
    {"UNT counts too many", UNB UNH "BGM+129'UNT+4+M1'UNZ+1+REF1'", 0, "", P2P_EDI_COUNT, "UNT",
     3, 1, 0},
    {"UNT counts too few", UNB UNH "BGM+129'UNT+2+M1'UNZ+1+REF1'", 0, "", P2P_EDI_COUNT, "UNT",
     3, 1, 0},
    {"UNT counts in letters", UNB UNH "UNT+two+M1'UNZ+1+REF1'", 0, "", P2P_EDI_COUNT, "UNT", 2,
     1, 0},
    {"UNT counts nothing", UNB UNH "UNT++M1'UNZ+1+REF1'", 0, "", P2P_EDI_MISSING, "UNT", 2, 1,
     0},
    {"leading zeros are no fault", UNB UNH "UNT+000002+M1'UNZ+01+REF1'", 0, "", 0, "", 0, 0, 0},
    {"UNT names another message", UNB UNH "UNT+2+M2'UNZ+1+REF1'", 0, "", P2P_EDI_REFERENCE,
     "UNT", 2, 2, 0},
    {"UNT is missing before UNZ", UNB UNH "BGM+129'UNZ+1+REF1'", 0, "", P2P_EDI_MISSING, "UNT",
     3, 0, 0},
    {"UNT is missing before UNH", UNB UNH "BGM+129'UNH+M2+COREOR:D:95B:UN'UNT+2+M2'UNZ+2+REF1'",
     0, "", P2P_EDI_MISSING, "UNT", 3, 0, 0},
    {"UNZ counts wrong", UNB MESSAGE "UNZ+2+REF1'", P2P_EDI_COUNT, "UNZ", 0, "", 0, 0, 0},
    {"UNZ names another interchange", UNB MESSAGE "UNZ+1+REF2'", P2P_EDI_REFERENCE, "UNZ", 0,
     "", 0, 0, 0},
    {"UNZ is missing", UNB MESSAGE, P2P_EDI_MISSING, "UNZ", 0, "", 0, 0, 0},
    {"UNZ is cut off", UNB MESSAGE "UNZ+1+REF1", P2P_EDI_MISSING, "UNZ", 0, "", 0, 0, 0},
    {"the next interchange comes before UNZ", UNB MESSAGE WHOLE, P2P_EDI_MISSING, "UNZ", 0, "",
     0, 0, 0},
    {"no message", UNB "UNZ+0+REF1'", P2P_EDI_EMPTY, "UNZ", 0, "", 0, 0, 0},
    {"a segment before UNH", UNB "BGM+1'" MESSAGE "UNZ+1+REF1'", P2P_EDI_OUTSIDE, "BGM", 0, "",
     0, 0, 0},
    {"a second UNT", UNB MESSAGE "UNT+4+M1'UNZ+1+REF1'", P2P_EDI_OUTSIDE, "UNT", 0, "", 0, 0,
     0},
    {"no recipient", "UNB+UNOA:2+A++261122:0815+R'" MESSAGE "UNZ+1+R'", P2P_EDI_MISSING, "UNB",
     0, "", 0, 0, 0},
    {"an unknown version", "UNB+UNOA:9+A+B+261122:0815+R'" MESSAGE "UNZ+1+R'",
     P2P_EDI_SYNTAX_VERSION, "UNB", 0, "", 0, 0, 0},
    {"an unknown level", "UNB+IATB:1+A+B+261122:0815+R'" MESSAGE "UNZ+1+R'",
     P2P_EDI_SYNTAX_VERSION, "UNB", 0, "", 0, 0, 0},
    {"a reference that is too long",
     "UNB+UNOA:2+A+B+261122:0815+123456789012345'" MESSAGE "UNZ+1+123456789012345'",
     P2P_EDI_TOO_LONG, "UNB", 0, "", 0, 0, 0},
    {"UNH without a type", UNB "UNH+M1'UNT+2+M1'UNZ+1+REF1'", 0, "", P2P_EDI_MISSING, "UNH", 1,
     2, 1},
    {"UNH with a long reference",
     UNB "UNH+123456789012345+COREOR:D:95B:UN'UNT+2+123456789012345'UNZ+1+REF1'", 0, "",
     P2P_EDI_TOO_LONG, "UNH", 1, 1, 1},
    {"a tag in small letters", UNB UNH "bgm+129'UNT+3+M1'UNZ+1+REF1'", 0, "", P2P_EDI_NOT_HERE,
     "", 2, 0, 0},
    {"a tag of two letters", UNB UNH "BG+129'UNT+3+M1'UNZ+1+REF1'", 0, "", P2P_EDI_NOT_HERE, "",
     2, 0, 0},
    {"a tag with nesting", UNB UNH "BGM:1+129'UNT+3+M1'UNZ+1+REF1'", 0, "", P2P_EDI_NESTING,
     "BGM", 2, 0, 0},
    {"a control character", UNB UNH "FTX+AAI+\x07'UNT+3+M1'UNZ+1+REF1'", 0, "",
     P2P_EDI_CHARACTER, "FTX", 2, 2, 1},
    {"no letter of level A", UNB UNH "FTX+AAI++:caf\xc3\xa9'UNT+3+M1'UNZ+1+REF1'", 0, "",
     P2P_EDI_CHARACTER, "FTX", 2, 3, 2},
    {"a letter of level C",
     "UNB+UNOC:3+A+B+261122:0815+REF1'" UNH "FTX+AAI++caf\xe9'UNT+3+M1'UNZ+1+REF1'", 0, "", 0,
     "", 0, 0, 0},
};

static void each_fault_is_told_with_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof EXPECTED / sizeof EXPECTED[0]; i++) {
        const struct expected *row = &EXPECTED[i];
        struct p2p_edi_interchange *in = parse(row->text, NULL);
        bool good =
            in->fault.code == row->envelope && strcmp(in->fault.tag, row->envelope_tag) == 0;
        if (row->code != 0) {
            const struct p2p_edi_fault *fault = &in->messages[0].faults[0];
            good = good && in->messages[0].fault_count > 0 && fault->code == row->code &&
                   strcmp(fault->tag, row->tag) == 0 && fault->segment == row->segment &&
                   fault->element == row->element && fault->component == row->component;
        } else if (in->message_count > 0) {
            good = good && in->messages[0].fault_count == 0;
        }
        if (!good) {
            print_error("%s: %d %s\n", row->what, (int)in->fault.code, in->fault.tag);
        }
        CHECK(good);
        if (in->message_count > 0) {
            CHECK(p2p_edi_sound(in, &in->messages[0]) ==
                  (row->envelope == 0 && row->code == 0));
        }
        p2p_edi_free(in);
    }
}

static void one_refused_message_does_not_touch_the_next(void **state)
{
    (void)state;
    struct p2p_edi_interchange *in = parse(
        UNB UNH "BGM+129'UNT+9+M1'UNH+M2+COREOR:D:95B:UN'BGM+129'UNT+3+M2'UNZ+2+REF1'", NULL);
    CHECK(in->message_count == 2);
    CHECK(!p2p_edi_sound(in, &in->messages[0]) && p2p_edi_sound(in, &in->messages[1]));
    p2p_edi_free(in);
}

static void a_reference_twice_is_a_duplicate(void **state)
{
    (void)state;
    struct p2p_edi_interchange *in =
        parse(UNB MESSAGE "UNH+M0+COREOR:D:95B:UN'UNT+2+M0'" MESSAGE "UNZ+3+REF1'", NULL);
    CHECK(p2p_edi_sound(in, &in->messages[0]) && p2p_edi_sound(in, &in->messages[1]));
    CHECK(in->messages[2].faults[0].code == P2P_EDI_DUPLICATE);
    p2p_edi_free(in);
}

#define UNG "UNG+COREOR+A+B+261122:0815+G1+UN+D:95B'"

static void groups(void **state)
{
    (void)state;
    struct p2p_edi_interchange *in =
        parse(UNB UNG MESSAGE "UNE+1+G1'UNG+COREOR+A+B+261122:0815+G2+UN+D:95B'UNH+M2+COREOR:D:"
                              "95B:UN'UNT+2+M2'UNE+7+G2'UNZ+2+REF1'",
              NULL);
    CHECK(in->fault.code == P2P_EDI_GOOD && in->group_count == 2);
    CHECK(strcmp(in->groups[0].reference, "G1") == 0);
    CHECK(strcmp(in->groups[0].sender.id, "A") == 0);
    CHECK(p2p_edi_sound(in, &in->messages[0]));
    CHECK(in->groups[1].fault.code == P2P_EDI_COUNT && !p2p_edi_sound(in, &in->messages[1]));
    p2p_edi_free(in);

    in = parse(UNB UNG MESSAGE "UNE+1+G9'UNZ+1+REF1'", NULL);
    CHECK(in->groups[0].fault.code == P2P_EDI_REFERENCE);
    p2p_edi_free(in);
    in = parse(UNB UNG MESSAGE "UNZ+1+REF1'", NULL);
    CHECK(in->groups[0].fault.code == P2P_EDI_MISSING);
    CHECK(strcmp(in->groups[0].fault.tag, "UNE") == 0);
    p2p_edi_free(in);
    in = parse(UNB MESSAGE UNG "UNE+0+G1'UNZ+1+REF1'", NULL);
    CHECK(in->fault.code == P2P_EDI_GOOD || in->fault.code == P2P_EDI_MIXED);
    CHECK(in->groups[0].fault.code == P2P_EDI_MIXED || in->fault.code == P2P_EDI_MIXED);
    p2p_edi_free(in);
    in = parse(UNB UNG "UNE+0+G1'" MESSAGE "UNZ+1+REF1'", NULL);
    CHECK(in->fault.code == P2P_EDI_MIXED);
    p2p_edi_free(in);
}

static void several_interchanges_follow_one_another(void **state)
{
    (void)state;
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    struct p2p_slice left = p2p_slice_text(WHOLE "\r\nUNA:+.? '\r\n" WHOLE "\n");
    size_t used = 0;
    int count = 0;
    while (p2p_edi_parse(&in, left, &used, &where) == P2P_OK) {
        CHECK(in->fault.code == P2P_EDI_GOOD && in->message_count == 1);
        left = p2p_slice_of(left.data + used, left.len - used);
        p2p_edi_free(in);
        count++;
    }
    CHECK(count == 2 && left.len == 0);
    /* One that was cut off ends where the next one begins. */
    left = p2p_slice_text(UNB MESSAGE "UNA:+.? '" WHOLE);
    CHECK_OK(p2p_edi_parse(&in, left, &used, &where));
    CHECK(in->fault.code == P2P_EDI_MISSING && used == strlen(UNB MESSAGE));
    p2p_edi_free(in);
}

static void what_cannot_be_answered(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum p2p_err err;
        enum p2p_edi_code code;
    } ROWS[] = {
        {"", P2P_NOTFOUND, 0},
        {" \r\n", P2P_NOTFOUND, 0},
        {"ISA*00*", P2P_MALFORMED, P2P_EDI_MISSING},
        {"<xml/>", P2P_MALFORMED, P2P_EDI_MISSING},
        {MESSAGE, P2P_MALFORMED, P2P_EDI_MISSING},
        {"UNA::.? '" UNB, P2P_MALFORMED, P2P_EDI_SERVICE_CHARACTER},
        {"UNAA+.? '" UNB, P2P_MALFORMED, P2P_EDI_SERVICE_CHARACTER},
        {"UNA:+.?  " UNB, P2P_MALFORMED, P2P_EDI_SERVICE_CHARACTER},
        {"UNB+UNOA:2++B+261122:0815+R'", P2P_MALFORMED, P2P_EDI_MISSING},
        {"UNB+UNOA:2+A+B+261122:0815'", P2P_MALFORMED, P2P_EDI_MISSING},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct p2p_edi_interchange *in = NULL;
        struct p2p_edi_fault where = {0};
        size_t used = 0;
        CHECK_ERR(p2p_edi_parse(&in, p2p_slice_text(ROWS[i].text), &used, &where), ROWS[i].err);
        CHECK(where.code == ROWS[i].code && in == NULL);
    }
}

/* Every prefix parses, without UNZ as a fault, and no byte that is another makes it crash. */
static void truncations_and_flipped_bits(void **state)
{
    (void)state;
    char text[] = WHOLE;
    size_t len = sizeof text - 1;
    for (size_t n = 0; n < len; n++) {
        struct p2p_edi_interchange *in = NULL;
        struct p2p_edi_fault where;
        size_t used = 0;
        char *exact = malloc(n + 1); /* so that one byte too far is seen */
        memcpy(exact, text, n);
        enum p2p_err err = p2p_edi_parse(&in, p2p_slice_of(exact, n), &used, &where);
        CHECK(err == P2P_OK ? in->fault.code != P2P_EDI_GOOD
                            : err == P2P_NOTFOUND || err == P2P_MALFORMED);
        p2p_edi_free(err == P2P_OK ? in : NULL);
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * len; bit++) {
        struct p2p_edi_interchange *in = NULL;
        struct p2p_edi_fault where;
        size_t used = 0;
        text[bit / 8] ^= (char)(1u << (bit % 8));
        if (p2p_edi_parse(&in, p2p_slice_of(text, len), &used, &where) == P2P_OK) {
            CHECK(used <= len);
            p2p_edi_free(in);
        }
        text[bit / 8] ^= (char)(1u << (bit % 8));
    }
}

static void bounds(void **state)
{
    (void)state;
    size_t cap = P2P_EDI_INTERCHANGE_BYTES_MAX + 64;
    char *text = malloc(cap);
    struct p2p_edi_interchange *in = NULL;
    struct p2p_edi_fault where;
    size_t used = 0;

    /* An element of 8 KiB is too long; what follows it is read. */
    int n = snprintf(text, cap, "%sFTX+", UNB UNH);
    memset(text + n, 'x', P2P_EDI_SEGMENT_BYTES_MAX);
    strcpy(text + n + P2P_EDI_SEGMENT_BYTES_MAX, "'BGM+1'UNT+4+M1'UNZ+1+REF1'");
    in = parse(text, NULL);
    CHECK(in->messages[0].fault_count == 1 &&
          in->messages[0].faults[0].code == P2P_EDI_TOO_LONG);
    p2p_edi_free(in);

    /* A hundred elements. */
    n = snprintf(text, cap, "%sFTX", UNB UNH);
    memset(text + n, '+', P2P_EDI_ELEMENTS_MAX + 1);
    strcpy(text + n + P2P_EDI_ELEMENTS_MAX + 1, "'UNT+3+M1'UNZ+1+REF1'");
    in = parse(text, NULL);
    CHECK(in->messages[0].faults[0].code == P2P_EDI_CONSTITUENTS);
    p2p_edi_free(in);

    /* One message more than are read. */
    n = snprintf(text, cap, "%s", UNB);
    for (unsigned i = 0; i <= P2P_EDI_MESSAGES_MAX; i++) {
        n += snprintf(text + n, cap - (size_t)n, "UNH+%u+COREOR:D:95B:UN'UNT+2+%u'", i, i);
    }
    snprintf(text + n, cap - (size_t)n, "UNZ+%u+REF1'", P2P_EDI_MESSAGES_MAX + 1);
    in = parse(text, NULL);
    CHECK(in->fault.code == P2P_EDI_UNSPECIFIED && in->message_count == P2P_EDI_MESSAGES_MAX);
    p2p_edi_free(in);

    /* An interchange that does not end within the bound. */
    n = snprintf(text, cap, "%s", UNB UNH);
    memset(text + n, ' ', cap - (size_t)n);
    CHECK_ERR(p2p_edi_parse(&in, p2p_slice_of(text, cap), &used, &where), P2P_TOOLARGE);
    free(text);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    uint8_t bytes[512];
    struct p2p_edi_writer writer;
    struct p2p_edi_segment segment;
    p2p_edi_writer_init(&writer, bytes, sizeof bytes);
    p2p_edi_begin(&writer, "UNB");
    p2p_edi_element(&writer, "UNOB");
    p2p_edi_component(&writer, "3");
    p2p_edi_element(&writer, "A+B");
    p2p_edi_element(&writer, "C:D");
    p2p_edi_component(&writer, NULL);
    p2p_edi_component(&writer, "x");
    p2p_edi_element(&writer, "261122");
    p2p_edi_component(&writer, "0815");
    p2p_edi_element(&writer, "R");
    p2p_edi_element(&writer, "");
    p2p_edi_end(&writer);
    p2p_edi_begin(&writer, "UNH");
    p2p_edi_number(&writer, 1);
    p2p_edi_element(&writer, "CONTRL");
    p2p_edi_component(&writer, "D");
    p2p_edi_component(&writer, "3");
    p2p_edi_component(&writer, "UN");
    p2p_edi_end(&writer);
    p2p_edi_begin(&writer, "FTX");
    p2p_edi_element(&writer, NULL);
    p2p_edi_element(&writer, "it's ?\n");
    p2p_edi_end(&writer);
    p2p_edi_begin(&writer, "UNT");
    p2p_edi_number(&writer, writer.segments);
    p2p_edi_number(&writer, 1);
    p2p_edi_end(&writer);
    p2p_edi_begin(&writer, "UNZ");
    p2p_edi_number(&writer, 1);
    p2p_edi_element(&writer, "R");
    p2p_edi_end(&writer);
    CHECK(!writer.failed);
    bytes[writer.len] = '\0';
    CHECK(strcmp((char *)bytes,
                 "UNB+UNOB:3+A?+B+C?:D::x+261122:0815+R'\n"
                 "UNH+1+CONTRL:D:3:UN'\nFTX++it?'s ??.'\nUNT+3+1'\nUNZ+1+R'\n") == 0);
    struct p2p_edi_interchange *in = parse((char *)bytes, NULL);
    CHECK(p2p_edi_sound(in, &in->messages[0]));
    CHECK(strcmp(in->sender.id, "A+B") == 0 && strcmp(in->recipient.internal, "x") == 0);
    p2p_edi_free(in);
    second((char *)bytes, &segment);
    CHECK(is(p2p_edi_text(&segment, 2, 1), "it's ?."));

    for (size_t cap = 0; cap < 10; cap++) {
        p2p_edi_writer_init(&writer, bytes, cap);
        p2p_edi_begin(&writer, "UNB");
        p2p_edi_element(&writer, "A'B");
        p2p_edi_end(&writer);
        CHECK(writer.failed && writer.len <= cap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_an_interchange_says),
        cmocka_unit_test(elements_components_and_released_characters),
        cmocka_unit_test(line_ends_are_no_data),
        cmocka_unit_test(the_service_string_names_other_characters),
        cmocka_unit_test(separators_of_level_b_that_do_not_print),
        cmocka_unit_test(repetitions_are_of_version_4),
        cmocka_unit_test(each_fault_is_told_with_its_place),
        cmocka_unit_test(one_refused_message_does_not_touch_the_next),
        cmocka_unit_test(a_reference_twice_is_a_duplicate),
        cmocka_unit_test(groups),
        cmocka_unit_test(several_interchanges_follow_one_another),
        cmocka_unit_test(what_cannot_be_answered),
        cmocka_unit_test(truncations_and_flipped_bits),
        cmocka_unit_test(bounds),
        cmocka_unit_test(what_is_written_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
