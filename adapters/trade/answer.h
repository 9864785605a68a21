/* The answers to an interchange: CONTRL on its syntax, APERAK on what was refused of it.
 *
 * CONTRL (D:3:UN, ISO 9735-4 in the form that goes with syntax version 3) rejects the
 * interchange (UCI 4 with the code), or acknowledges it (UCI 7) and rejects each message (UCM)
 * or group (UCF) that is not in order, with its segments and elements (UCS, UCD). Positions
 * count as the standard does: UNH is segment 1, a segment's tag its element 1.
 *
 * APERAK has one message for each message that had to be refused, wholly or for some of its
 * containers: BGM 313, not accepted, the document's number in RFF+ACW, and per refusal an ERC
 * with the code (letters and digits, the first eight, in capitals), an FTX with the whole code
 * and the sentence, and the container in RFF+EQ. It is of the directory of the message that it
 * answers.
 *
 * Pure: the time comes in. */
#ifndef P2P_TRADE_ANSWER_H
#define P2P_TRADE_ANSWER_H

#include "edi_writer.h"
#include "edifact.h"

#include <jansson.h>

/* One interchange that we send. */
struct p2p_trade_letter {
    struct p2p_edi_party from;
    struct p2p_edi_party to;
    char reference[15];
    uint64_t now_ms;
};

/* Bytes that are always enough. */
size_t p2p_trade_contrl_room(const struct p2p_edi_interchange *interchange);
void p2p_trade_contrl(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter,
                      const struct p2p_edi_interchange *interchange);

/* items: an array of {"interchange","message","release","document","refusals":[{"code","text",
 * "container"}]}, texts all. */
size_t p2p_trade_aperak_room(const json_t *items);
void p2p_trade_aperak(struct p2p_edi_writer *writer, const struct p2p_trade_letter *letter,
                      const json_t *items);

#endif
