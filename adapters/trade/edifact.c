#include "edifact.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <stdlib.h>
#include <string.h>

_Static_assert(P2P_EDI_SEGMENT_BYTES_MAX <= UINT16_MAX, "begin and len of a value");

#define UNA_BYTES 9u
#define NEW_ROOM  16u

const char *p2p_edi_code_text(enum p2p_edi_code code)
{
    switch (code) {
    case P2P_EDI_GOOD:
        return "";
#define CODE_TEXT(name, number, text)                                                          \
    case P2P_EDI_##name:                                                                       \
        return text;
        P2P_EDI_CODE_MAP(CODE_TEXT)
#undef CODE_TEXT
    }
    return "";
}

/* ---- segments ---- */

struct p2p_slice p2p_edi_text(const struct p2p_edi_segment *segment, unsigned element,
                              unsigned component)
{
    for (size_t i = 0; i < segment->count; i++) {
        const struct p2p_edi_value *value = &segment->values[i];
        if (value->element == element && value->component == component &&
            value->repetition == 1) {
            return p2p_slice_of(segment->text + value->begin, value->len);
        }
    }
    return (struct p2p_slice){0};
}

bool p2p_edi_copy(char *out, size_t cap, const struct p2p_edi_segment *segment,
                  unsigned element, unsigned component)
{
    struct p2p_slice text = p2p_edi_text(segment, element, component);
    size_t len = text.len < cap ? text.len : cap - 1;
    bool good = text.len < cap;
    for (size_t i = 0; i < len; i++) {
        bool prints = text.data[i] >= 0x20 && text.data[i] <= 0x7e;
        out[i] = prints ? (char)text.data[i] : '.';
        good = good && prints;
    }
    out[len] = '\0';
    return good;
}

bool p2p_edi_is(const struct p2p_edi_segment *segment, const char *tag)
{
    return strcmp(segment->tag, tag) == 0;
}

static bool is_break(uint8_t c)
{
    return c == '\r' || c == '\n';
}

static bool is_space(uint8_t c)
{
    return is_break(c) || c == ' ' || c == '\t';
}

/* What is being read of a segment. Element 0 is the tag. */
struct cursor {
    struct p2p_edi_segment *segment;
    uint16_t element;
    uint16_t repetition;
    uint16_t component;
    uint16_t begin;
    uint16_t len;
};

/* Keeps the first fault of a segment. */
static void bad(struct cursor *cursor, enum p2p_edi_code code)
{
    struct p2p_edi_fault *fault = &cursor->segment->fault;
    if (fault->code == P2P_EDI_GOOD) {
        fault->code = code;
        fault->element = cursor->element;
        fault->component = cursor->element > 0 ? cursor->component : 0;
    }
}

static void put(struct cursor *cursor, uint8_t c)
{
    if (cursor->begin + cursor->len == P2P_EDI_SEGMENT_BYTES_MAX) {
        bad(cursor, P2P_EDI_TOO_LONG);
        return;
    }
    cursor->segment->text[cursor->begin + cursor->len++] = c;
}

static void end_value(struct cursor *cursor)
{
    struct p2p_edi_segment *segment = cursor->segment;
    if (cursor->element == 0) {
        const uint8_t *tag = segment->text + cursor->begin;
        bool good = cursor->len == 3;
        for (size_t i = 0; good && i < 3; i++) {
            good = (tag[i] >= 'A' && tag[i] <= 'Z') || (tag[i] >= '0' && tag[i] <= '9');
        }
        if (cursor->component > 1) {
            bad(cursor, P2P_EDI_NESTING);
        } else if (good) {
            memcpy(segment->tag, tag, 3);
        } else {
            bad(cursor, P2P_EDI_NOT_HERE);
        }
    } else if (cursor->len > 0) {
        if (segment->count == P2P_EDI_VALUES_MAX) {
            bad(cursor, P2P_EDI_CONSTITUENTS);
        } else {
            segment->elements = cursor->element;
            segment->values[segment->count++] =
                (struct p2p_edi_value){cursor->element, cursor->repetition, cursor->component,
                                       cursor->begin, cursor->len};
        }
    }
    cursor->begin = (uint16_t)(cursor->begin + cursor->len);
    cursor->len = 0;
}

/* Goes on to the next element, repetition or component; each has its bound. */
static void advance(struct cursor *cursor, uint16_t *count, unsigned max)
{
    if (*count == max) {
        bad(cursor, P2P_EDI_CONSTITUENTS);
        return;
    }
    (*count)++;
}

bool p2p_edi_next(struct p2p_edi_reader *reader, struct p2p_edi_segment *segment)
{
    const uint8_t *data = reader->bytes.data;
    const struct p2p_edi_characters *characters = &reader->characters;
    while (reader->at < reader->bytes.len && is_space(data[reader->at])) {
        reader->at++;
    }
    if (reader->at == reader->bytes.len) {
        return false;
    }
    memset(segment->tag, 0, sizeof segment->tag);
    segment->number = ++reader->number;
    segment->at = reader->origin + reader->at;
    segment->elements = 0;
    segment->count = 0;
    segment->fault = (struct p2p_edi_fault){0};
    struct cursor cursor = {.segment = segment, .repetition = 1, .component = 1};
    bool ended = false;
    while (!ended && reader->at < reader->bytes.len) {
        uint8_t c = data[reader->at++];
        bool released = c == characters->release && c != 0;
        if (released) {
            if (reader->at == reader->bytes.len) {
                break;
            }
            c = data[reader->at++];
        }
        if (!released && c == characters->terminator) {
            end_value(&cursor);
            ended = true;
        } else if (!released && c == characters->element) {
            end_value(&cursor);
            advance(&cursor, &cursor.element, P2P_EDI_ELEMENTS_MAX);
            cursor.repetition = 1;
            cursor.component = 1;
        } else if (!released && c == characters->component) {
            end_value(&cursor);
            advance(&cursor, &cursor.component, P2P_EDI_COMPONENTS_MAX);
        } else if (!released && c == characters->repetition && c != 0) {
            end_value(&cursor);
            advance(&cursor, &cursor.repetition, P2P_EDI_REPETITIONS_MAX);
            cursor.component = 1;
        } else if (is_break(c)) {
            continue;
        } else if (c < 0x20 || c == 0x7f || (c > 0x7f && !reader->eighth_bit)) {
            bad(&cursor, P2P_EDI_CHARACTER);
        } else {
            put(&cursor, c);
        }
    }
    if (!ended) { /* the bytes end inside of it */
        end_value(&cursor);
        bad(&cursor, P2P_EDI_MISSING);
    }
    if (segment->fault.code != P2P_EDI_GOOD) {
        memcpy(segment->fault.tag, segment->tag, sizeof segment->tag);
        segment->fault.segment = segment->number;
        segment->fault.at = segment->at;
    }
    return true;
}

/* ---- the envelope ---- */

struct parser {
    struct p2p_edi_interchange *interchange;
    struct p2p_edi_reader reader;
    struct p2p_edi_segment segment;
    struct p2p_edi_message *message; /* open, or NULL */
    struct p2p_edi_group *group;     /* open, or NULL */
    bool ended;                      /* UNZ was read */
};

static struct p2p_edi_fault fault_at(const struct p2p_edi_segment *segment,
                                     enum p2p_edi_code code, uint16_t element,
                                     uint16_t component)
{
    struct p2p_edi_fault fault = {.code = code,
                                  .segment = segment->number,
                                  .element = element,
                                  .component = component,
                                  .at = segment->at};
    memcpy(fault.tag, segment->tag, sizeof fault.tag);
    return fault;
}

/* The first fault of an envelope is the one that is told. */
static void keep_first(struct p2p_edi_fault *kept, struct p2p_edi_fault fault)
{
    if (kept->code == P2P_EDI_GOOD && fault.code != P2P_EDI_GOOD) {
        *kept = fault;
        kept->segment = 0;
    }
}

void p2p_edi_fault_add(struct p2p_edi_message *message, struct p2p_edi_fault fault)
{
    if (message->fault_count < P2P_EDI_FAULTS_MAX) {
        message->faults[message->fault_count] = fault;
    }
    if (message->fault_count < UINT32_MAX) {
        message->fault_count++;
    }
}

/* A fault of the segment at hand, in what it is the head or end of. */
static void parser_fault(struct parser *parser, enum p2p_edi_code code, unsigned element,
                         unsigned component)
{
    struct p2p_edi_fault fault =
        fault_at(&parser->segment, code, (uint16_t)element, (uint16_t)component);
    if (parser->message != NULL) {
        p2p_edi_fault_add(parser->message, fault);
    } else if (parser->group != NULL) {
        keep_first(&parser->group->fault, fault);
    } else {
        keep_first(&parser->interchange->fault, fault);
    }
}

/* Copies a component as text. */
static void take(struct parser *parser, char *out, size_t cap, unsigned element,
                 unsigned component, bool mandatory)
{
    size_t len = p2p_edi_text(&parser->segment, element, component).len;
    if (!p2p_edi_copy(out, cap, &parser->segment, element, component)) {
        parser_fault(parser, len >= cap ? P2P_EDI_TOO_LONG : P2P_EDI_CHARACTER, element,
                     component);
    } else if (mandatory && len == 0) {
        parser_fault(parser, P2P_EDI_MISSING, element, component);
    }
}

/* A group need not name its parties. */
static void take_party(struct parser *parser, struct p2p_edi_party *party, unsigned element,
                       bool mandatory)
{
    take(parser, party->id, sizeof party->id, element, 1, mandatory);
    take(parser, party->qualifier, sizeof party->qualifier, element, 2, false);
    take(parser, party->internal, sizeof party->internal, element, 3, false);
}

/* Leading zeros are usual. */
static bool count_is(struct p2p_slice text, uint64_t count)
{
    uint64_t value = 0;
    while (text.len > 1 && text.data[0] == '0') {
        text = p2p_slice_of(text.data + 1, text.len - 1);
    }
    return p2p_decimal_decode(&value, text) == P2P_OK && value == count;
}

static bool text_is(struct p2p_slice text, const char *other)
{
    return p2p_slice_equal(text, p2p_slice_text(other));
}

/* The count and reference at the end of a message, group or interchange. */
static void check_end(struct parser *parser, uint64_t count, const char *reference)
{
    struct p2p_slice told = p2p_edi_text(&parser->segment, 1, 1);
    struct p2p_slice again = p2p_edi_text(&parser->segment, 2, 1);
    if (!count_is(told, count)) {
        parser_fault(parser, told.len == 0 ? P2P_EDI_MISSING : P2P_EDI_COUNT, 1, 0);
    }
    if (!text_is(again, reference)) {
        parser_fault(parser, again.len == 0 ? P2P_EDI_MISSING : P2P_EDI_REFERENCE, 2, 0);
    }
}

/* A head came, or the end, where the end of the present message or group is missing. */
static void close_message(struct parser *parser)
{
    if (parser->message != NULL) {
        struct p2p_edi_fault fault = {.code = P2P_EDI_MISSING,
                                      .tag = "UNT",
                                      .segment = parser->message->segments + 1,
                                      .at = parser->segment.at};
        parser->message->end = parser->segment.at;
        p2p_edi_fault_add(parser->message, fault);
        parser->message = NULL;
    }
}

static void close_group(struct parser *parser)
{
    close_message(parser);
    if (parser->group != NULL) {
        keep_first(&parser->group->fault, (struct p2p_edi_fault){.code = P2P_EDI_MISSING,
                                                                 .tag = "UNE",
                                                                 .at = parser->segment.at});
        parser->group = NULL;
    }
}

static enum p2p_err read_unh(struct parser *parser)
{
    struct p2p_edi_interchange *interchange = parser->interchange;
    close_message(parser);
    if (interchange->group_count > 0 && parser->group == NULL) {
        parser_fault(parser, P2P_EDI_MIXED, 0, 0);
    }
    if (interchange->message_count == P2P_EDI_MESSAGES_MAX) {
        keep_first(&interchange->fault, fault_at(&parser->segment, P2P_EDI_UNSPECIFIED, 0, 0));
        return P2P_OK;
    }
    if (interchange->message_count == interchange->message_room) {
        size_t room = interchange->message_room == 0 ? NEW_ROOM : 2 * interchange->message_room;
        struct p2p_edi_message *grown =
            realloc(interchange->messages, room * sizeof *interchange->messages);
        if (grown == NULL) {
            return P2P_NOMEM;
        }
        interchange->messages = grown;
        interchange->message_room = room;
    }
    struct p2p_edi_message *message = &interchange->messages[interchange->message_count++];
    memset(message, 0, sizeof *message);
    message->begin = parser->segment.at;
    message->segments = 1;
    parser->message = message;
    parser->segment.number = 1;
    parser->segment.fault.segment = 1;
    if (parser->group != NULL) {
        message->group = (uint32_t)(interchange->group_count - 1);
        parser->group->messages++;
    }
    take(parser, message->reference, sizeof message->reference, 1, 1, true);
    take(parser, message->type, sizeof message->type, 2, 1, true);
    take(parser, message->version, sizeof message->version, 2, 2, true);
    take(parser, message->release, sizeof message->release, 2, 3, true);
    take(parser, message->agency, sizeof message->agency, 2, 4, true);
    take(parser, message->association, sizeof message->association, 2, 5, false);
    return P2P_OK;
}

static void read_unt(struct parser *parser)
{
    struct p2p_edi_message *message = parser->message;
    if (message == NULL) {
        parser_fault(parser, P2P_EDI_OUTSIDE, 0, 0);
        return;
    }
    parser->segment.number = ++message->segments;
    parser->segment.fault.segment = message->segments;
    if (parser->segment.fault.code != P2P_EDI_GOOD) {
        p2p_edi_fault_add(message, parser->segment.fault);
    }
    check_end(parser, message->segments, message->reference);
    message->end = parser->reader.origin + parser->reader.at;
    parser->message = NULL;
}

static enum p2p_err read_ung(struct parser *parser)
{
    struct p2p_edi_interchange *interchange = parser->interchange;
    close_group(parser);
    if (interchange->group_count == 0 && interchange->message_count > 0) {
        parser_fault(parser, P2P_EDI_MIXED, 0, 0);
    }
    if (interchange->group_count == P2P_EDI_GROUPS_MAX) {
        parser_fault(parser, P2P_EDI_UNSPECIFIED, 0, 0);
        return P2P_OK;
    }
    if (interchange->groups == NULL) {
        interchange->groups = calloc(P2P_EDI_GROUPS_MAX, sizeof *interchange->groups);
        if (interchange->groups == NULL) {
            return P2P_NOMEM;
        }
    }
    parser->group = &interchange->groups[interchange->group_count++];
    take_party(parser, &parser->group->sender, 2, false);
    take_party(parser, &parser->group->recipient, 3, false);
    take(parser, parser->group->reference, sizeof parser->group->reference, 5, 1, true);
    return P2P_OK;
}

static void read_une(struct parser *parser)
{
    close_message(parser);
    if (parser->group == NULL) {
        parser_fault(parser, P2P_EDI_OUTSIDE, 0, 0);
        return;
    }
    check_end(parser, parser->group->messages, parser->group->reference);
    if (parser->group->messages == 0) {
        parser_fault(parser, P2P_EDI_EMPTY, 0, 0);
    }
    parser->group = NULL;
}

static void read_unz(struct parser *parser)
{
    struct p2p_edi_interchange *interchange = parser->interchange;
    close_group(parser);
    check_end(parser,
              interchange->group_count > 0 ? interchange->group_count
                                           : interchange->message_count,
              interchange->reference);
    if (interchange->message_count == 0) {
        parser_fault(parser, P2P_EDI_EMPTY, 0, 0);
    }
    parser->ended = true;
}

static enum p2p_err read_segment(struct parser *parser)
{
    const struct p2p_edi_segment *segment = &parser->segment;
    enum p2p_err err = P2P_OK;
    if (p2p_edi_is(segment, "UNH")) {
        err = read_unh(parser);
    } else if (p2p_edi_is(segment, "UNT")) {
        read_unt(parser);
        return P2P_OK;
    } else if (p2p_edi_is(segment, "UNG")) {
        err = read_ung(parser);
    } else if (p2p_edi_is(segment, "UNE")) {
        read_une(parser);
    } else if (p2p_edi_is(segment, "UNZ")) {
        read_unz(parser);
    } else if (parser->message == NULL) {
        parser_fault(parser, P2P_EDI_OUTSIDE, 0, 0);
    } else {
        parser->segment.number = ++parser->message->segments;
        parser->segment.fault.segment = parser->segment.number;
    }
    if (err == P2P_OK && segment->fault.code != P2P_EDI_GOOD) {
        parser_fault(parser, segment->fault.code, segment->fault.element,
                     segment->fault.component);
    }
    return err;
}

/* The same reference twice in one interchange would make two messages one in every answer. */
static int by_reference(const void *a, const void *b)
{
    const struct p2p_edi_message *x = *(struct p2p_edi_message *const *)a;
    const struct p2p_edi_message *y = *(struct p2p_edi_message *const *)b;
    int order = strcmp(x->reference, y->reference);
    return order != 0 ? order : (x < y ? -1 : x > y);
}

static enum p2p_err find_twins(struct p2p_edi_interchange *interchange)
{
    size_t count = interchange->message_count;
    struct p2p_edi_message **sorted = calloc(count + 1, sizeof(struct p2p_edi_message *));
    if (sorted == NULL) {
        return P2P_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = &interchange->messages[i];
    }
    qsort(sorted, count, sizeof(struct p2p_edi_message *), by_reference);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i]->reference, sorted[i - 1]->reference) == 0) {
            p2p_edi_fault_add(sorted[i], (struct p2p_edi_fault){.code = P2P_EDI_DUPLICATE,
                                                                .tag = "UNH",
                                                                .segment = 1,
                                                                .element = 1,
                                                                .at = sorted[i]->begin});
        }
    }
    free(sorted);
    return P2P_OK;
}

/* ---- its beginning ---- */

static bool is_letter_or_digit(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* UNA, six characters: component, element, decimal mark, release, repetition, terminator. A
 * space means that there is none. */
static bool read_una(struct p2p_edi_characters *out, const uint8_t *una)
{
    const uint8_t used[] = {una[3], una[4], una[6], una[7], una[8]};
    for (size_t i = 0; i < sizeof used; i++) {
        bool may_lack = i == 2 || i == 3;
        if (used[i] == ' ' && may_lack) {
            continue;
        }
        if (used[i] <= ' ' || used[i] > 0x7e || is_letter_or_digit(used[i])) {
            /* Level B's own separators are control characters. */
            if (used[i] < 0x1c || used[i] > 0x1f) {
                return false;
            }
        }
        for (size_t j = 0; j < i; j++) {
            if (used[i] == used[j]) {
                return false;
            }
        }
    }
    *out = (struct p2p_edi_characters){.component = una[3],
                                       .element = una[4],
                                       .release = una[6] == ' ' ? 0 : una[6],
                                       .repetition = una[7] == ' ' ? 0 : una[7],
                                       .terminator = una[8]};
    return true;
}

/* What stands without UNA: level A's characters, or level B's separators, which do not print.
 */
static struct p2p_edi_characters default_characters(const uint8_t *unb, size_t len)
{
    if (len > 3 && unb[3] == 0x1d) {
        return (struct p2p_edi_characters){
            .component = 0x1f, .element = 0x1d, .terminator = 0x1c};
    }
    return (struct p2p_edi_characters){
        .component = ':', .element = '+', .release = '?', .terminator = '\''};
}

static bool is_level(const char *syntax)
{
    static const char LEVELS[] = "ABCDEFGHIJKY";
    return strlen(syntax) == 4 && memcmp(syntax, "UNO", 3) == 0 &&
           strchr(LEVELS, syntax[3]) != NULL;
}

static void read_unb(struct parser *parser, bool has_una)
{
    struct p2p_edi_interchange *interchange = parser->interchange;
    char flag[2];
    if (parser->segment.fault.code != P2P_EDI_GOOD) {
        parser_fault(parser, parser->segment.fault.code, parser->segment.fault.element,
                     parser->segment.fault.component);
    }
    take(parser, interchange->syntax, sizeof interchange->syntax, 1, 1, true);
    take(parser, interchange->syntax_version, sizeof interchange->syntax_version, 1, 2, true);
    take_party(parser, &interchange->sender, 2, true);
    take_party(parser, &interchange->recipient, 3, true);
    take(parser, interchange->date, sizeof interchange->date, 4, 1, true);
    take(parser, interchange->time, sizeof interchange->time, 4, 2, true);
    take(parser, interchange->reference, sizeof interchange->reference, 5, 1, true);
    take(parser, interchange->application, sizeof interchange->application, 7, 1, false);
    take(parser, flag, sizeof flag, 9, 1, false);
    interchange->asks_answer = flag[0] == '1';
    interchange->is_test = p2p_edi_text(&parser->segment, 11, 1).len > 0;
    char version = interchange->syntax_version[0];
    if (version != '\0' && (version < '1' || version > '4')) {
        parser_fault(parser, P2P_EDI_SYNTAX_VERSION, 1, 2);
    }
    if (interchange->syntax[0] != '\0' && !is_level(interchange->syntax)) {
        parser_fault(parser, P2P_EDI_SYNTAX_VERSION, 1, 1);
    }
    parser->reader.eighth_bit = interchange->syntax[0] != '\0' && interchange->syntax[3] > 'B';
    /* Before version 4 the place is reserved, and without UNA version 4 has the asterisk. */
    if (version != '4') {
        parser->reader.characters.repetition = 0;
    } else if (!has_una) {
        parser->reader.characters.repetition = '*';
    }
    interchange->characters = parser->reader.characters;
}

static enum p2p_err begin(struct parser *parser, struct p2p_slice bytes,
                          struct p2p_edi_fault *where)
{
    bool has_una = bytes.len >= UNA_BYTES && memcmp(bytes.data, "UNA", 3) == 0;
    size_t unb = has_una ? UNA_BYTES : 0;
    struct p2p_edi_reader *reader = &parser->reader;
    *reader = (struct p2p_edi_reader){.bytes = bytes, .at = unb, .eighth_bit = true};
    if (has_una && !read_una(&reader->characters, bytes.data)) {
        *where = (struct p2p_edi_fault){.code = P2P_EDI_SERVICE_CHARACTER, .tag = "UNA"};
        return P2P_MALFORMED;
    }
    if (!has_una) {
        reader->characters = default_characters(bytes.data, bytes.len);
    }
    reader->characters.repetition = 0; /* no version is known before UNB is read */
    if (!p2p_edi_next(reader, &parser->segment) || !p2p_edi_is(&parser->segment, "UNB")) {
        *where = fault_at(&parser->segment, P2P_EDI_MISSING, 0, 0);
        memcpy(where->tag, "UNB", sizeof where->tag);
        return P2P_MALFORMED;
    }
    if (has_una && bytes.data[7] != ' ') {
        reader->characters.repetition = bytes.data[7];
    }
    read_unb(parser, has_una);
    if (parser->interchange->sender.id[0] == '\0' ||
        parser->interchange->reference[0] == '\0') {
        *where = parser->interchange->fault;
        return P2P_MALFORMED;
    }
    return P2P_OK;
}

enum p2p_err p2p_edi_parse(struct p2p_edi_interchange **out, struct p2p_slice bytes,
                           size_t *used, struct p2p_edi_fault *where)
{
    size_t skipped = 0;
    while (skipped < bytes.len && is_space(bytes.data[skipped])) {
        skipped++;
    }
    if (skipped == bytes.len) {
        return P2P_NOTFOUND;
    }
    size_t len = bytes.len - skipped;
    bool cut = len > P2P_EDI_INTERCHANGE_BYTES_MAX;
    struct parser *parser = calloc(1, sizeof *parser);
    struct p2p_edi_interchange *interchange = calloc(1, sizeof *interchange);
    enum p2p_err err = P2P_NOMEM;
    if (parser == NULL || interchange == NULL) {
        goto out;
    }
    interchange->bytes =
        p2p_slice_of(bytes.data + skipped, cut ? P2P_EDI_INTERCHANGE_BYTES_MAX : len);
    parser->interchange = interchange;
    err = begin(parser, interchange->bytes, where);
    while (err == P2P_OK && !parser->ended && p2p_edi_next(&parser->reader, &parser->segment)) {
        if (p2p_edi_is(&parser->segment, "UNA") || p2p_edi_is(&parser->segment, "UNB")) {
            parser->reader.at = parser->segment.at; /* the next one began: UNZ is missing */
            break;
        }
        err = read_segment(parser);
    }
    if (err != P2P_OK) {
        goto out;
    }
    if (!parser->ended && cut) {
        err = P2P_TOOLARGE;
        goto out;
    }
    if (!parser->ended) {
        parser->segment.at = parser->reader.at;
        close_group(parser);
        keep_first(&interchange->fault, (struct p2p_edi_fault){.code = P2P_EDI_MISSING,
                                                               .tag = "UNZ",
                                                               .at = parser->reader.at});
    }
    err = find_twins(interchange);
    if (err != P2P_OK) {
        goto out;
    }
    size_t at = parser->reader.at;
    size_t end = at;
    while (at < len && is_space(interchange->bytes.data[at])) {
        at++;
    }
    *used = skipped + at;
    interchange->bytes = p2p_slice_of(interchange->bytes.data, end);
    *out = interchange;
    interchange = NULL;
out:
    p2p_edi_free(interchange);
    free(parser);
    return err;
}

void p2p_edi_free(struct p2p_edi_interchange *interchange)
{
    if (interchange != NULL) {
        free(interchange->groups);
        free(interchange->messages);
        free(interchange);
    }
}

bool p2p_edi_sound(const struct p2p_edi_interchange *interchange,
                   const struct p2p_edi_message *message)
{
    return interchange->fault.code == P2P_EDI_GOOD && message->fault_count == 0 &&
           (interchange->group_count == 0 ||
            interchange->groups[message->group].fault.code == P2P_EDI_GOOD);
}

void p2p_edi_open(struct p2p_edi_reader *reader, const struct p2p_edi_interchange *interchange,
                  const struct p2p_edi_message *message)
{
    p2p_assert(message->begin <= message->end);
    p2p_assert(message->end <= interchange->bytes.len);
    *reader = (struct p2p_edi_reader){
        .bytes = p2p_slice_of(interchange->bytes.data + message->begin,
                              message->end - message->begin),
        .characters = interchange->characters,
        .eighth_bit = interchange->syntax[0] != '\0' && interchange->syntax[3] > 'B',
        .origin = message->begin,
    };
}
