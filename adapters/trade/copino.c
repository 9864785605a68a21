/* COPINO, the container pre-notification: a haulier says who comes for which container.
 *
 * Driver, truck and slot are assigned to the right that the haulier holds on the container; 1
 * takes them away. The standard has no place for a driver's card: the parties agree on a
 * contact CTA+DR+NUMBER of the haulier, or a party NAD+DR+NUMBER. Only numbers are taken, never
 * a name. The slot is a DTM+132 with a period (format 719). Containers that are brought (8249
 * says export) ask for nothing. */
#include "message.h"
#include "places.h"

#define LIVE "ACTIVE|BLOCKED"

static const struct p2p_trade_place PLACES[] = {
    P2P_TRADE_PLACES_HEAD(true),
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
    {"driver", "EQD/NAD/CTA", "DR", P2P_TRADE_CARD, 2, 1},
    {"driver", "EQD/NAD", "DR", P2P_TRADE_CARD, 2, 1},
    {"driver", "NAD/CTA", "DR", P2P_TRADE_CARD, 2, 1},
    {"driver", "NAD", "DR", P2P_TRADE_CARD, 2, 1},
    {"truck", "EQD/TDT", "1", P2P_TRADE_TRUCK, 0, 0},
    {"truck", "TDT", "1", P2P_TRADE_TRUCK, 0, 0},
    {"slot", "EQD/DTM", "132", P2P_TRADE_SLOT, 0, 0},
    {"slot", "TDT/LOC/DTM", "132", P2P_TRADE_SLOT, 0, 0},
    {"slot", "TDT/DTM", "132", P2P_TRADE_SLOT, 0, 0},
    {"slot", "DTM", "132", P2P_TRADE_SLOT, 0, 0},
    {0},
};

static const struct p2p_trade_skip SKIPS[] = {{5, "2"}, {0}}; /* 8249: export */

static const struct p2p_trade_action ACTIONS[] = {
    {.documents = "*",
     .functions = "5|9",
     .verb = "right assign",
     .body = "driver truck? slot?",
     .where = "container bl? reference?",
     .states = LIVE},
    {.documents = "*",
     .functions = "1",
     .verb = "right unassign",
     .body = "",
     .where = "container bl? reference?",
     .states = LIVE},
    {0},
};

const struct p2p_trade_map p2p_trade_copino = {"COPINO", PLACES, SOURCES, SKIPS, ACTIONS};
