#include "value.h"

#include <p2p/bytes.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Where values stand in TDT (details of transport), D.95B and D.00B. */
#define TDT_VOYAGE    2u
#define TDT_MODE      3u
#define TDT_TRANSPORT 8u /* C222: 8213 number, 1131, 3055, 8212 name, 8453 nationality */

static json_t *bad(const char *code, const char *text, const char *value)
{
    return json_pack("{s:s, s:o}", "code", code, "text",
                     json_sprintf("%s: %.*s", text, (int)P2P_TRADE_TEXT_BYTES_MAX, value));
}

bool p2p_trade_value_bad(const json_t *value)
{
    return json_is_object(value);
}

/* Copies a component; *out is "" when there is none. False: it is longer than anything that is
 * asked for, or has characters that no code, number or name in a request has. */
static bool copy(char out[P2P_TRADE_TEXT_BYTES_MAX + 1], const struct p2p_edi_segment *segment,
                 unsigned element, unsigned component)
{
    if (!p2p_edi_copy(out, P2P_TRADE_TEXT_BYTES_MAX + 1, segment, element, component)) {
        return false;
    }
    for (size_t len = strlen(out); len > 0 && out[len - 1] == ' '; len--) {
        out[len - 1] = '\0'; /* fields of fixed width are padded */
    }
    return true;
}

/* ---- times ---- */

/* n digits at *text, which moves on; -1 when they are not there. */
static int digits(const char **text, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (**text < '0' || **text > '9') {
            return -1;
        }
        value = 10 * value + (*(*text)++ - '0');
    }
    return value;
}

/* How a format of 2379 is written. */
struct format {
    const char *code;
    int year; /* digits */
    bool hours;
    bool seconds;
    bool period;
};

static const struct format FORMATS[] = {
    {"101", 2, false, false, false}, {"102", 4, false, false, false},
    {"201", 2, true, false, false},  {"203", 4, true, false, false},
    {"204", 4, true, true, false},   {"718", 4, false, false, true},
    {"719", 4, true, false, true},
};

static const struct format *find_format(const char *code)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++) {
        if (strcmp(code, FORMATS[i].code) == 0) {
            return &FORMATS[i];
        }
    }
    return NULL;
}

/* Reads one time at *text, which moves on; a date begins at midnight, or with `over` at the
 * midnight after it. */
static bool read_time(const char **text, const struct format *format, bool over, time_t *out)
{
    int year = digits(text, format->year);
    int month = digits(text, 2);
    int day = digits(text, 2);
    int hour = format->hours ? digits(text, 2) : 0;
    int minute = format->hours ? digits(text, 2) : 0;
    int second = format->seconds ? digits(text, 2) : 0;
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 24 ||
        minute < 0 || minute > 59 || second < 0 || second > 59) {
        return false;
    }
    struct tm tm = {.tm_year = format->year == 2 ? year + 100 : year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second,
                    .tm_isdst = -1};
    struct tm check = tm;
    check.tm_hour = 12; /* the day exists: mktime would go on to the next month */
    check.tm_isdst = -1;
    if (mktime(&check) == (time_t)-1 || check.tm_mday != day || check.tm_mon != month - 1) {
        return false;
    }
    if (over && !format->hours) {
        tm.tm_mday++;
    }
    *out = mktime(&tm);
    return *out != (time_t)-1;
}

static void say_time(char out[21], time_t at)
{
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(out, 21, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* DTM: C507 is 2005 qualifier, 2380 value, 2379 format. */
static json_t *value_time(const struct p2p_edi_segment *segment, bool over, bool period)
{
    char text[P2P_TRADE_TEXT_BYTES_MAX + 1];
    char code[P2P_TRADE_TEXT_BYTES_MAX + 1];
    if (!copy(text, segment, 1, 2) || !copy(code, segment, 1, 3)) {
        return bad("bad-time", "a time with characters that none has", "");
    }
    if (text[0] == '\0') {
        return NULL;
    }
    const struct format *format = find_format(code[0] != '\0' ? code : "102");
    if (format == NULL || format->period != period) {
        return bad("bad-time",
                   period ? "not a period (formats 718, 719)"
                          : "not a time of the formats 101, 102, 201, 203 or 204",
                   text);
    }
    const char *at = text;
    time_t from = 0;
    time_t until = 0;
    char begin[21];
    char end[21];
    bool good = read_time(&at, format, over && !period, &from);
    if (good && period) {
        good = *at++ == '-' && read_time(&at, format, true, &until) && until > from;
    }
    if (!good || *at != '\0') {
        return bad("bad-time", "not a time", text);
    }
    say_time(begin, from);
    if (!period) {
        return json_string(begin);
    }
    say_time(end, until);
    return json_sprintf("%s..%s", begin, end);
}

/* ---- transports ---- */

/* The ship and its voyage, as text for people: who calls it how differs from port to port. */
static json_t *value_call(const struct p2p_edi_segment *segment)
{
    char ship[P2P_TRADE_TEXT_BYTES_MAX + 1];
    char name[P2P_TRADE_TEXT_BYTES_MAX + 1];
    char voyage[P2P_TRADE_TEXT_BYTES_MAX + 1];
    if (!copy(ship, segment, TDT_TRANSPORT, 1) || !copy(name, segment, TDT_TRANSPORT, 4) ||
        !copy(voyage, segment, TDT_VOYAGE, 1)) {
        return bad("bad-call", "a call with characters that none has", "");
    }
    const char *who = ship[0] != '\0' ? ship : name;
    if (who[0] == '\0' && voyage[0] == '\0') {
        return NULL;
    }
    return json_sprintf("%s%s%s", who, who[0] != '\0' && voyage[0] != '\0' ? "/" : "", voyage);
}

/* UN/ECE recommendation 19: 2 rail, 3 road, 8 inland water; ITIGG also says 31 and the like in
 * the means (C228), which says no more. */
static json_t *value_means(const struct p2p_edi_segment *segment)
{
    static const struct {
        const char *mode;
        const char *word;
    } ROWS[] = {{"2", "rail"}, {"3", "truck"}, {"8", "barge"}};
    struct p2p_slice mode = p2p_edi_text(segment, TDT_MODE, 1);
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        if (p2p_slice_equal(mode, p2p_slice_text(ROWS[i].mode))) {
            return json_string(ROWS[i].word);
        }
    }
    return NULL;
}

static json_t *value_truck(const struct p2p_edi_segment *segment,
                           const struct p2p_agreement *agreement)
{
    char number[P2P_TRADE_TEXT_BYTES_MAX + 1];
    char country[P2P_TRADE_TEXT_BYTES_MAX + 1];
    char plain[P2P_TRADE_TEXT_BYTES_MAX + 1];
    size_t len = 0;
    if (!copy(number, segment, TDT_TRANSPORT, 1) || !copy(country, segment, TDT_TRANSPORT, 5)) {
        return bad("bad-truck", "a number plate with characters that none has", "");
    }
    struct p2p_slice mode = p2p_edi_text(segment, TDT_MODE, 1);
    if (number[0] == '\0' || (mode.len > 0 && !p2p_slice_equal(mode, p2p_slice_text("3")))) {
        return NULL;
    }
    for (const char *at = number; *at != '\0'; at++) { /* 1-ABC-234 and 1 ABC 234 are one */
        if (*at != '-' && *at != ' ' && *at != '.') {
            plain[len++] = *at;
        }
    }
    plain[len] = '\0';
    return json_sprintf("plate:%s:%s", country[0] != '\0' ? country : agreement->country,
                        plain);
}

json_t *p2p_trade_value(enum p2p_trade_sort sort, const struct p2p_edi_segment *segment,
                        unsigned element, unsigned component,
                        const struct p2p_agreement *agreement)
{
    char text[P2P_TRADE_TEXT_BYTES_MAX + 1];
    const char *name = NULL;
    switch (sort) {
    case P2P_TRADE_TIME:
        return value_time(segment, false, false);
    case P2P_TRADE_UNTIL:
        return value_time(segment, true, false);
    case P2P_TRADE_SLOT:
        return value_time(segment, false, true);
    case P2P_TRADE_CALL:
        return value_call(segment);
    case P2P_TRADE_MEANS:
        return value_means(segment);
    case P2P_TRADE_TRUCK:
        return value_truck(segment, agreement);
    case P2P_TRADE_TEXT:
    case P2P_TRADE_PARTY:
    case P2P_TRADE_FACILITY:
    case P2P_TRADE_CARD:
        break;
    }
    if (sort == P2P_TRADE_FACILITY && element == 0) {
        return agreement->facility[0] != '\0' ? json_string(agreement->facility) : NULL;
    }
    if (!copy(text, segment, element, component)) {
        return bad("bad-value", "too long, or with characters that no code has", segment->tag);
    }
    if (text[0] == '\0') {
        return NULL;
    }
    if (sort == P2P_TRADE_CARD) {
        return json_sprintf("card:%s:%s", agreement->card, text);
    }
    if (sort == P2P_TRADE_TEXT) {
        return json_string(text);
    }
    name = sort == P2P_TRADE_PARTY ? p2p_agreement_party(agreement, text)
                                   : p2p_agreement_facility(agreement, text);
    if (name == NULL) {
        return sort == P2P_TRADE_PARTY
                   ? bad("unknown-party", "the agreement knows no party with this code", text)
                   : bad("unknown-facility", "the agreement knows no facility with this code",
                         text);
    }
    return json_string(name);
}
