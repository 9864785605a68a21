/* CODECO, the gate-in and gate-out report: a terminal says what came and went by land.
 *
 * A container that comes in (BGM 34) ends whatever custody of it was left open elsewhere; one
 * that went out (36) is the confirmation that the right it was released on is finished. What
 * was moved inside the terminal or changed its status (35) asks for nothing. */
#include "message.h"
#include "places.h"

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
    {"facility", "EQD/LOC", "165", P2P_TRADE_FACILITY, 3, 1},
    {"facility", "TDT/LOC", "165", P2P_TRADE_FACILITY, 3, 1},
    {"facility", "BGM", NULL, P2P_TRADE_FACILITY, 0, 0},
    {0},
};

static const struct p2p_trade_skip SKIPS[] = {{0}};

static const struct p2p_trade_action ACTIONS[] = {
    {.documents = "34",
     .functions = "9",
     .verb = "custody gate-in",
     .body = "container facility",
     .optional = true}, /* mostly nothing was left open */
    {.documents = "36",
     .functions = "9",
     .verb = "right gate-out",
     .body = "",
     .where = "container bl?",
     .states = "USED"},
    {.documents = "35", .functions = "*"},
    {0},
};

const struct p2p_trade_map p2p_trade_codeco = {"CODECO", PLACES, SOURCES, SKIPS, ACTIONS};
