#include "answer.h"

#include "json_text.h"

#include <p2p/assert.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define ACKNOWLEDGED "7" /* 0083 */
#define REJECTED     "4"

#define ENVELOPE_ROOM 1024u
#define MESSAGE_ROOM  512u
#define FAULT_ROOM    96u
#define GROUP_ROOM    512u
#define REFUSAL_ROOM  1024u

#define TEXT_BYTES 70u /* of a component of FTX, D.95B */
#define TEXT_PARTS 4u  /* besides the one with the code */

/* ---- the envelope ---- */

static void write_party(struct p2p_edi_writer *writer, const struct p2p_edi_party *party)
{
    p2p_edi_element(writer, party->id);
    p2p_edi_component(writer, party->qualifier);
    p2p_edi_component(writer, party->internal);
}

static void utc(const struct p2p_trade_letter *letter, struct tm *tm)
{
    time_t now = (time_t)(letter->now_ms / 1000);
    gmtime_r(&now, tm);
}

static void begin_letter(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter)
{
    struct tm tm;
    char date[16];
    char hours[16];
    utc(letter, &tm);
    strftime(date, sizeof date, "%y%m%d", &tm);
    strftime(hours, sizeof hours, "%H%M", &tm);
    p2p_edi_begin(writer, "UNB");
    p2p_edi_element(writer, "UNOB");
    p2p_edi_component(writer, "3");
    write_party(writer, &letter->from);
    write_party(writer, &letter->to);
    p2p_edi_element(writer, date);
    p2p_edi_component(writer, hours);
    p2p_edi_element(writer, letter->reference);
    p2p_edi_end(writer);
}

static void begin_message(struct p2p_edi_writer *writer, uint64_t reference, const char *type,
                          const char *version, const char *release)
{
    p2p_edi_begin(writer, "UNH");
    p2p_edi_number(writer, reference);
    p2p_edi_element(writer, type);
    p2p_edi_component(writer, version);
    p2p_edi_component(writer, release);
    p2p_edi_component(writer, "UN");
    p2p_edi_end(writer);
}

static void end_message(struct p2p_edi_writer *writer, uint64_t reference)
{
    p2p_edi_begin(writer, "UNT");
    p2p_edi_number(writer, writer->segments);
    p2p_edi_number(writer, reference);
    p2p_edi_end(writer);
}

static void end_letter(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter,
                       uint64_t messages)
{
    p2p_edi_begin(writer, "UNZ");
    p2p_edi_number(writer, messages);
    p2p_edi_element(writer, letter->reference);
    p2p_edi_end(writer);
}

/* ---- CONTRL ---- */

static bool is_service(const char *tag)
{
    return tag[0] == 'U' && tag[1] == 'N' && tag[2] != '\0' &&
           strchr("ABGEHTZ", tag[2]) != NULL;
}

/* S011: the element counts from the tag, which is 1. */
static void write_place(struct p2p_edi_writer *writer, const struct p2p_edi_fault *fault)
{
    if (fault->element > 0) {
        p2p_edi_number(writer, fault->element + 1u);
        if (fault->component > 0) {
            char text[8];
            snprintf(text, sizeof text, "%u", (unsigned)fault->component);
            p2p_edi_component(writer, text);
        }
    }
}

/* 0083, and of what is rejected for itself 0085, 0013 and S011. */
static void write_action(struct p2p_edi_writer *writer, bool rejected,
                         const struct p2p_edi_fault *fault)
{
    p2p_edi_element(writer, rejected ? REJECTED : ACKNOWLEDGED);
    if (fault != NULL && fault->code != P2P_EDI_GOOD) {
        p2p_edi_number(writer, fault->code);
        p2p_edi_element(writer, is_service(fault->tag) ? fault->tag : NULL);
        if (is_service(fault->tag)) {
            write_place(writer, fault);
        }
    }
}

static void write_ucs(struct p2p_edi_writer *writer, const struct p2p_edi_fault *fault)
{
    p2p_edi_begin(writer, "UCS");
    p2p_edi_number(writer, fault->segment);
    if (fault->element == 0) {
        p2p_edi_number(writer, fault->code);
    }
    p2p_edi_end(writer);
    if (fault->element > 0) {
        p2p_edi_begin(writer, "UCD");
        p2p_edi_number(writer, fault->code);
        write_place(writer, fault);
        p2p_edi_end(writer);
    }
}

static void write_ucm(struct p2p_edi_writer *writer, const struct p2p_edi_message *message)
{
    const struct p2p_edi_fault *own = NULL; /* in UNH or UNT: UCM has room for one */
    uint32_t kept =
        message->fault_count < P2P_EDI_FAULTS_MAX ? message->fault_count : P2P_EDI_FAULTS_MAX;
    for (uint32_t i = 0; i < kept && own == NULL; i++) {
        own = is_service(message->faults[i].tag) ? &message->faults[i] : NULL;
    }
    p2p_edi_begin(writer, "UCM");
    p2p_edi_element(writer, message->reference);
    p2p_edi_element(writer, message->type);
    p2p_edi_component(writer, message->version);
    p2p_edi_component(writer, message->release);
    p2p_edi_component(writer, message->agency);
    p2p_edi_component(writer, message->association);
    write_action(writer, true, own);
    p2p_edi_end(writer);
    for (uint32_t i = 0; i < kept; i++) {
        if (!is_service(message->faults[i].tag)) {
            write_ucs(writer, &message->faults[i]);
        }
    }
}

static void write_groups(struct p2p_edi_writer *writer,
                         const struct p2p_edi_interchange *interchange)
{
    size_t next = 0;
    for (size_t i = 0; i < interchange->group_count; i++) {
        const struct p2p_edi_group *group = &interchange->groups[i];
        bool rejected = group->fault.code != P2P_EDI_GOOD;
        bool told = false;
        for (; next < interchange->message_count && interchange->messages[next].group == i;
             next++) {
            bool bad = interchange->messages[next].fault_count > 0;
            if ((rejected || bad) && !told) {
                told = true;
                p2p_edi_begin(writer, "UCF");
                p2p_edi_element(writer, group->reference);
                write_party(writer, &group->sender);
                write_party(writer, &group->recipient);
                write_action(writer, rejected, &group->fault);
                p2p_edi_end(writer);
            }
            if (bad && !rejected) {
                write_ucm(writer, &interchange->messages[next]);
            }
        }
    }
}

size_t p2p_trade_contrl_room(const struct p2p_edi_interchange *interchange)
{
    size_t room = ENVELOPE_ROOM + interchange->group_count * GROUP_ROOM;
    for (size_t i = 0; i < interchange->message_count; i++) {
        if (interchange->messages[i].fault_count > 0) {
            room += MESSAGE_ROOM + P2P_EDI_FAULTS_MAX * FAULT_ROOM;
        }
    }
    return room;
}

void p2p_trade_contrl(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter,
                      const struct p2p_edi_interchange *interchange)
{
    bool rejected = interchange->fault.code != P2P_EDI_GOOD;
    begin_letter(writer, letter);
    begin_message(writer, 1, "CONTRL", "D", "3");
    p2p_edi_begin(writer, "UCI");
    p2p_edi_element(writer, interchange->reference);
    write_party(writer, &interchange->sender);
    write_party(writer, &interchange->recipient);
    write_action(writer, rejected, &interchange->fault);
    p2p_edi_end(writer);
    if (!rejected && interchange->group_count > 0) {
        write_groups(writer, interchange);
    } else if (!rejected) {
        for (size_t i = 0; i < interchange->message_count; i++) {
            if (interchange->messages[i].fault_count > 0) {
                write_ucm(writer, &interchange->messages[i]);
            }
        }
    }
    end_message(writer, 1);
    end_letter(writer, letter, 1);
    p2p_assert(!writer->failed);
}

/* ---- APERAK ---- */

/* 9321 has eight characters. */
static void write_erc(struct p2p_edi_writer *writer, const char *code)
{
    char short_code[9];
    size_t len = 0;
    for (const char *at = code; *at != '\0' && len < sizeof short_code - 1; at++) {
        if (isalnum((unsigned char)*at)) {
            short_code[len++] = (char)toupper((unsigned char)*at);
        }
    }
    short_code[len] = '\0';
    p2p_edi_begin(writer, "ERC");
    p2p_edi_element(writer, short_code);
    p2p_edi_component(writer, NULL);
    p2p_edi_component(writer, "ZZZ");
    p2p_edi_end(writer);
}

static void write_ftx(struct p2p_edi_writer *writer, const char *code, const char *text)
{
    char part[TEXT_BYTES + 1];
    size_t left = strlen(text);
    p2p_edi_begin(writer, "FTX");
    p2p_edi_element(writer, "AAO");
    p2p_edi_element(writer, NULL);
    p2p_edi_element(writer, NULL);
    snprintf(part, sizeof part, "%s", code);
    p2p_edi_element(writer, part);
    for (unsigned i = 0; i < TEXT_PARTS && left > 0; i++) {
        size_t len = left < TEXT_BYTES ? left : TEXT_BYTES;
        while (len < left && len > TEXT_BYTES / 2 && text[len] != ' ') {
            len--; /* between words */
        }
        if (len < left && text[len] != ' ') {
            len = TEXT_BYTES;
        }
        memcpy(part, text, len);
        part[len] = '\0';
        p2p_edi_component(writer, part);
        text += len;
        left -= len;
        while (left > 0 && *text == ' ') {
            text++;
            left--;
        }
    }
    p2p_edi_end(writer);
}

static void write_rff(struct p2p_edi_writer *writer, const char *qualifier, const char *text)
{
    if (text[0] != '\0') {
        p2p_edi_begin(writer, "RFF");
        p2p_edi_element(writer, qualifier);
        p2p_edi_component(writer, text);
        p2p_edi_end(writer);
    }
}

static void write_refusals(struct p2p_edi_writer *writer, const json_t *refusals)
{
    size_t i;
    json_t *refusal;
    json_array_foreach(refusals, i, refusal)
    {
        write_erc(writer, p2p_json_text(refusal, "code"));
        write_ftx(writer, p2p_json_text(refusal, "code"), p2p_json_text(refusal, "text"));
        write_rff(writer, "EQ", p2p_json_text(refusal, "container"));
    }
}

size_t p2p_trade_aperak_room(const json_t *items)
{
    size_t room = ENVELOPE_ROOM;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *refusals = json_object_get(json_array_get(items, i), "refusals");
        room += MESSAGE_ROOM + REFUSAL_ROOM * json_array_size(refusals);
    }
    return room;
}

void p2p_trade_aperak(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter,
                      const json_t *items)
{
    size_t i;
    json_t *item;
    struct tm tm;
    char now[16];
    utc(letter, &tm);
    strftime(now, sizeof now, "%Y%m%d%H%M", &tm);
    begin_letter(writer, letter);
    json_array_foreach(items, i, item)
    {
        char own[32];
        char sent[36];
        snprintf(own, sizeof own, "%.14s-%zu", letter->reference, i + 1);
        snprintf(sent, sizeof sent, "%.14s/%.14s", p2p_json_text(item, "interchange"),
                 p2p_json_text(item, "message"));
        begin_message(writer, i + 1, "APERAK", "D", p2p_json_text(item, "release"));
        p2p_edi_begin(writer, "BGM");
        p2p_edi_element(writer, "313"); /* application error message */
        p2p_edi_element(writer, own);
        p2p_edi_element(writer, "27"); /* not accepted */
        p2p_edi_end(writer);
        p2p_edi_begin(writer, "DTM");
        p2p_edi_element(writer, "137");
        p2p_edi_component(writer, now);
        p2p_edi_component(writer, "203");
        p2p_edi_end(writer);
        write_rff(writer, "ACW", p2p_json_text(item, "document")); /* the previous message */
        write_rff(writer, "AGO", sent); /* the sender's reference to the original message */
        write_refusals(writer, json_object_get(item, "refusals"));
        end_message(writer, i + 1);
    }
    end_letter(writer, letter, json_array_size(items));
    p2p_assert(!writer->failed);
}
