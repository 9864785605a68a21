#include "edifact.h"

#include <p2p/assert.h>
#include <p2p/bytes.h>
#include <p2p/text.h>

#include <string.h>

_Static_assert(P2P_EDI_SEGMENT_BYTES_MAX <= UINT16_MAX, "begin and len of a value");

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

bool p2p_edi_is_space(uint8_t c)
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
    while (reader->at < reader->bytes.len && p2p_edi_is_space(data[reader->at])) {
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
