/* COREOR, the container release order: a line or its agent releases containers to a forwarder.
 *
 * Each container is a right to the forwarder (NAD+FW), or to the consignee (NAD+CN) where none
 * is named, and the commercial light on it is green: who sends the order releases. Function 1
 * cancels what was issued on the same bill of lading, 5 replaces it. A release order often
 * comes before the ship; the right can only be issued once the terminal has the container in
 * its custody, and waits until then. */
#include "message.h"
#include "places.h"

#define LIVE "PENDING|ACTIVE|RETURNED|BLOCKED"

static const struct p2p_trade_place PLACES[] = {
    P2P_TRADE_PLACES_HEAD(false),
    P2P_TRADE_PLACES_GOODS,
    P2P_TRADE_PLACES_EQUIPMENT,
    P2P_TRADE_PLACES_END,
};

static const struct p2p_trade_source SOURCES[] = {
    {"container", "EQD", NULL, P2P_TRADE_TEXT, 2, 1},
    {"bl", "EQD/RFF", "BM", P2P_TRADE_TEXT, 1, 2},
    {"bl", "RFF", "BM", P2P_TRADE_TEXT, 1, 2},
    {"reference", "EQD/RFF", "RE", P2P_TRADE_TEXT, 1, 2},
    {"reference", "RFF", "RE", P2P_TRADE_TEXT, 1, 2},
    {"reference", "BGM", NULL, P2P_TRADE_TEXT, 2, 1},
    {"to", "EQD/NAD", "FW", P2P_TRADE_PARTY, 2, 1},
    {"to", "NAD", "FW", P2P_TRADE_PARTY, 2, 1},
    {"to", "EQD/NAD", "CN", P2P_TRADE_PARTY, 2, 1},
    {"to", "NAD", "CN", P2P_TRADE_PARTY, 2, 1},
    {"terminal", "EQD/LOC", "11", P2P_TRADE_TEXT, 3, 1},
    {"terminal", "TDT/LOC", "11", P2P_TRADE_TEXT, 3, 1},
    {"terminal", "NAD", "TR", P2P_TRADE_TEXT, 2, 1},
    {"means", "EQD/TDT", "30", P2P_TRADE_MEANS, 0, 0},
    {"means", "EQD/TDT", "1", P2P_TRADE_MEANS, 0, 0},
    {"means", "TDT", "30", P2P_TRADE_MEANS, 0, 0},
    {"means", "TDT", "1", P2P_TRADE_MEANS, 0, 0},
    {"expires", "EQD/DTM", "36", P2P_TRADE_UNTIL, 0, 0},
    {"expires", "RFF/DTM", "36", P2P_TRADE_UNTIL, 0, 0},
    {"expires", "DTM", "36", P2P_TRADE_UNTIL, 0, 0},
    {0},
};

static const struct p2p_trade_skip SKIPS[] = {{0}};

static const struct p2p_trade_action ACTIONS[] = {
    {.documents = "*",
     .functions = "1",
     .verb = "right cancel",
     .body = "",
     .where = "container bl",
     .states = LIVE},
    {.documents = "*",
     .functions = "5",
     .verb = "right cancel",
     .body = "",
     .where = "container bl",
     .states = LIVE,
     .optional = true},
    {.documents = "*",
     .functions = "5|9",
     .verb = "right issue",
     .body = "container bl to reference? terminal? means? expires?",
     .waits = true},
    {.documents = "*",
     .functions = "5|9",
     .verb = "right light",
     .body = "light=commercial value=ok",
     .issued = true},
    {0},
};

const struct p2p_trade_map p2p_trade_coreor = {"COREOR", PLACES, SOURCES, SKIPS, ACTIONS};
