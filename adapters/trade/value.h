/* Values in segments, and how they are said in requests.
 *
 * EDIFACT says dates as digits with a format code, parties and places as codes, a truck as a
 * number plate beside a nationality; the API wants RFC 3339 in UTC, names of issuers and
 * facilities, and subjects (`plate:BE:1ABC234`). A value that cannot be said so is an error
 * with a code and a sentence, in the value's place: it refuses a request only if the request
 * needs it. Times without a zone are in the process's own (TZ). Pure but for the memory of
 * JSON. */
#ifndef P2P_TRADE_VALUE_H
#define P2P_TRADE_VALUE_H

#include "agreement.h"
#include "edifact.h"

#include <jansson.h>

#define P2P_TRADE_TEXT_BYTES_MAX 70u

/* How a value is read. */
enum p2p_trade_sort {
    P2P_TRADE_TEXT,
    P2P_TRADE_PARTY,    /* a code that the agreement knows as an issuer */
    P2P_TRADE_FACILITY, /* a code that it knows as a facility; element 0: its own default */
    P2P_TRADE_TIME,     /* DTM: a date or time */
    P2P_TRADE_UNTIL,    /* DTM: likewise; a date is over at the midnight behind it */
    P2P_TRADE_SLOT,     /* DTM: a period, as T..T */
    P2P_TRADE_CALL,     /* TDT: the ship and its voyage */
    P2P_TRADE_MEANS,    /* TDT: truck, barge or rail */
    P2P_TRADE_TRUCK,    /* TDT of a road transport: plate:CC:NUMBER */
    P2P_TRADE_CARD,     /* card:TYPE:NUMBER */
};

/* The value of a sort in a segment: a JSON string; {"code","text"} when there is one that
 * cannot be said; NULL when there is none. element and component: of TEXT, PARTY, FACILITY and
 * CARD. The caller owns it. */
json_t *p2p_trade_value(enum p2p_trade_sort sort, const struct p2p_edi_segment *segment,
                        unsigned element, unsigned component,
                        const struct p2p_agreement *agreement);
bool p2p_trade_value_bad(const json_t *value);

#endif
