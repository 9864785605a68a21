/* The syntax of EDIFACT: bytes to interchanges, messages and segments.
 *
 * What ISO 9735 says of versions 1 to 4, syntax levels A and B and the ISO 8859 levels: the
 * service string advice UNA, release characters, composites, repetitions (version 4), and the
 * envelopes UNB/UNZ, UNG/UNE, UNH/UNT with their counts and references. It knows no message:
 * what may stand where in a COREOR is the business of message.h. Faults carry the codes of data
 * element 0085, with which CONTRL answers.
 *
 * Parsing goes over the whole interchange first, so that nobody acts on a message before the
 * counts are known to be right; then p2p_edi_open and p2p_edi_next go through one message.
 * Nothing a sender writes is more than a fault: a fault in a message refuses that message, one
 * in a group all of the group, one in UNA, UNB or UNZ all of the interchange.
 *
 * Kinder than the standard in three things that real traffic has: line ends are passed over
 * wherever they stand, case is not looked at in level A, and an empty element may stand before
 * a terminator.
 *
 * Pure: no I/O, no clock. Memory is bounded by the constants below. One thread per object. */
#ifndef P2P_TRADE_EDIFACT_H
#define P2P_TRADE_EDIFACT_H

#include <p2p/base.h>

#define P2P_EDI_INTERCHANGE_BYTES_MAX (16u << 20)
#define P2P_EDI_MESSAGES_MAX          10000u
#define P2P_EDI_GROUPS_MAX            1000u
#define P2P_EDI_FAULTS_MAX            8u    /* kept of one message; later ones are counted */
#define P2P_EDI_SEGMENT_BYTES_MAX     8192u /* of text, without separators */
#define P2P_EDI_VALUES_MAX            256u  /* that are not empty, in one segment */
#define P2P_EDI_ELEMENTS_MAX          99u
#define P2P_EDI_COMPONENTS_MAX        99u
#define P2P_EDI_REPETITIONS_MAX       99u

/* X(name, 0085 code, sentence). Source: UN/EDIFACT service code list, data element 0085. */
#define P2P_EDI_CODE_MAP(X)                                                                    \
    X(SYNTAX_VERSION, 2, "this syntax version or level is not read here")                      \
    X(RECIPIENT, 7, "the interchange is addressed to somebody else")                           \
    X(INVALID_VALUE, 12, "the value is not one this element can have")                         \
    X(MISSING, 13, "something mandatory is missing")                                           \
    X(VALUE_HERE, 14, "this value is not read in this position")                               \
    X(NOT_HERE, 15, "a segment that is not read in this position")                             \
    X(CONSTITUENTS, 16, "more elements or components than are read")                           \
    X(NO_AGREEMENT, 17, "no agreement allows this message from this sender")                   \
    X(UNSPECIFIED, 18, "an error without a code of its own")                                   \
    X(SERVICE_CHARACTER, 20, "a character that cannot be a service character")                 \
    X(CHARACTER, 21, "a character that the syntax level does not have")                        \
    X(SENDER, 23, "the sender is not known here")                                              \
    X(TEST, 25, "tests are not taken here")                                                    \
    X(DUPLICATE, 26, "it was received before")                                                 \
    X(REFERENCE, 28, "the references at head and end differ")                                  \
    X(COUNT, 29, "the count at the end is not what was received")                              \
    X(MIXED, 30, "messages inside and outside of groups are mixed")                            \
    X(EMPTY, 32, "an interchange or a group without a message")                                \
    X(OUTSIDE, 33, "a segment outside of a message")                                           \
    X(NESTING, 34, "a tag with a nesting indicator")                                           \
    X(REPEATED, 35, "the segment is repeated too often")                                       \
    X(CHARACTER_TYPE, 37, "letters where digits belong")                                       \
    X(TOO_LONG, 39, "a data element is too long")                                              \
    X(TOO_SHORT, 40, "a data element is too short")

enum p2p_edi_code {
    P2P_EDI_GOOD = 0,
#define P2P_EDI_CODE_ENUM(name, code, text) P2P_EDI_##name = (code),
    P2P_EDI_CODE_MAP(P2P_EDI_CODE_ENUM)
#undef P2P_EDI_CODE_ENUM
};
/* The sentence of the map, "" for P2P_EDI_GOOD; static storage. */
const char *p2p_edi_code_text(enum p2p_edi_code code);

/* The service characters; 0: not in use. */
struct p2p_edi_characters {
    uint8_t component;
    uint8_t element;
    uint8_t release;
    uint8_t repetition; /* version 4 */
    uint8_t terminator;
};

/* Where and what. */
struct p2p_edi_fault {
    enum p2p_edi_code code;
    char tag[4];        /* the segment; "" when it has no readable tag */
    uint32_t segment;   /* its number in the message, UNH is 1; 0 outside of messages */
    uint16_t element;   /* from 1; 0: the segment as a whole */
    uint16_t component; /* from 1; 0: the element as a whole */
    size_t at;          /* the byte of the interchange with which the segment begins */
};

/* ---- segments ---- */

struct p2p_edi_value {
    uint16_t element; /* from 1 */
    uint16_t repetition;
    uint16_t component; /* from 1 */
    uint16_t begin;     /* in text */
    uint16_t len;
};

struct p2p_edi_segment {
    char tag[4];
    uint32_t number;   /* in its message, UNH is 1; in the interchange outside of one */
    size_t at;         /* the byte of the interchange with which it begins */
    uint16_t elements; /* the number of the last one that is not empty */
    size_t count;      /* of values that are not empty */
    struct p2p_edi_fault fault; /* code P2P_EDI_GOOD unless the segment cannot be read */
    struct p2p_edi_value values[P2P_EDI_VALUES_MAX];
    uint8_t text[P2P_EDI_SEGMENT_BYTES_MAX];
};

/* The text of a component, first repetition, borrowed from the segment; empty when absent. */
struct p2p_slice p2p_edi_text(const struct p2p_edi_segment *segment, unsigned element,
                              unsigned component);
/* The same as a C string of printable ASCII. False: it was longer than cap - 1 and is cut, or
 * has other characters, which are full stops now. */
bool p2p_edi_copy(char *out, size_t cap, const struct p2p_edi_segment *segment,
                  unsigned element, unsigned component);
bool p2p_edi_is(const struct p2p_edi_segment *segment, const char *tag);

struct p2p_edi_reader {
    struct p2p_slice bytes; /* borrowed */
    struct p2p_edi_characters characters;
    bool eighth_bit; /* whether bytes from 0x80 are characters of the level */
    size_t at;
    size_t origin; /* where bytes begin in the interchange */
    uint32_t number;
};

/* The next segment; false at the end. One that cannot be read has its fault set, and reading
 * goes on behind it. */
bool p2p_edi_next(struct p2p_edi_reader *reader, struct p2p_edi_segment *segment);

/* ---- interchanges ---- */

struct p2p_edi_party {
    char id[36];
    char qualifier[5];
    char internal[15];
};

struct p2p_edi_group {
    char reference[15];
    struct p2p_edi_party sender;
    struct p2p_edi_party recipient;
    uint32_t messages;
    struct p2p_edi_fault fault; /* code P2P_EDI_GOOD: the group is in order */
};

struct p2p_edi_message {
    char reference[15];  /* 0062 */
    char type[7];        /* 0065, "COREOR" */
    char version[4];     /* 0052, "D" */
    char release[4];     /* 0054, "95B" */
    char agency[4];      /* 0051, "UN" */
    char association[7]; /* 0057, "SMDG20"; may be empty */
    uint32_t group;      /* index of its group, when the interchange has groups */
    uint32_t segments;   /* UNH and UNT included */
    size_t begin;        /* bytes of the interchange, UNH to UNT */
    size_t end;
    uint32_t fault_count; /* all; at most P2P_EDI_FAULTS_MAX are kept */
    struct p2p_edi_fault faults[P2P_EDI_FAULTS_MAX];
};

struct p2p_edi_interchange {
    struct p2p_slice bytes; /* borrowed; begins at UNA or UNB */
    struct p2p_edi_characters characters;
    char syntax[5]; /* 0001, "UNOA" */
    char syntax_version[2];
    struct p2p_edi_party sender;
    struct p2p_edi_party recipient;
    char date[9];
    char time[5];
    char reference[15];         /* 0020 */
    char application[15];       /* 0026 */
    bool asks_answer;           /* 0031 */
    bool is_test;               /* 0035 */
    struct p2p_edi_fault fault; /* code P2P_EDI_GOOD: the envelope is in order */
    struct p2p_edi_group *groups;
    size_t group_count;
    struct p2p_edi_message *messages;
    size_t message_count;
    size_t message_room;
};

/* One interchange from the front of bytes (line ends and spaces before it are passed over).
 *
 * bytes   borrowed until p2p_edi_free; at most P2P_EDI_INTERCHANGE_BYTES_MAX are one
 * interchange used    [out] bytes read, those of line ends behind it included; more than that
 * is the next one where   [out] on P2P_MALFORMED: what is wrong and where
 *
 * Errors: P2P_NOTFOUND (nothing but line ends and spaces), P2P_MALFORMED (no UNA and UNB from
 * which to know whom to answer), P2P_TOOLARGE, P2P_NOMEM. Anything else that is wrong is in the
 * faults. Source: ISO 9735:1988 and ISO 9735-1:2002. */
P2P_MUST_CHECK enum p2p_err p2p_edi_parse(struct p2p_edi_interchange **out,
                                          struct p2p_slice bytes, size_t *used,
                                          struct p2p_edi_fault *where);
void p2p_edi_free(struct p2p_edi_interchange *interchange); /* accepts NULL */

/* Whether the interchange, the message's group and the message are free of faults. */
bool p2p_edi_sound(const struct p2p_edi_interchange *interchange,
                   const struct p2p_edi_message *message);
/* Goes through the segments of a message, UNH and UNT included. */
void p2p_edi_open(struct p2p_edi_reader *reader, const struct p2p_edi_interchange *interchange,
                  const struct p2p_edi_message *message);
/* Adds a fault to a message, found by who knows what messages mean. */
void p2p_edi_fault_add(struct p2p_edi_message *message, struct p2p_edi_fault fault);

#endif
