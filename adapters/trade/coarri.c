/* COARRI, the discharge and loading report: a terminal says what came off a ship.
 *
 * Each full container that was discharged (BGM 44, or 98 as ITIGG has it) stands in the
 * terminal's custody from now on, and the discharge light of the right on it is green; where
 * no right is issued yet, the light waits for it, and is dropped when none comes. Function 1
 * takes a discharge back: the custody is withdrawn. Reports of loading (46, 270) are read and
 * ask for nothing, nor do empty containers: nobody releases those on a right. */
#include "message.h"
#include "places.h"

#define LIVE "PENDING|ACTIVE|RETURNED|BLOCKED"

static const struct p2p_trade_place PLACES[] = {
    P2P_TRADE_PLACES_HEAD(false),
    P2P_TRADE_PLACES_EQUIPMENT,
    P2P_TRADE_PLACES_END,
};

static const struct p2p_trade_source SOURCES[] = {
    {"container", "EQD", NULL, P2P_TRADE_TEXT, 2, 1},
    {"call", "TDT", "20", P2P_TRADE_CALL, 0, 0},
    {"facility", "EQD/LOC", "11", P2P_TRADE_FACILITY, 3, 1},
    {"facility", "TDT/LOC", "11", P2P_TRADE_FACILITY, 3, 1},
    {"facility", "BGM", NULL, P2P_TRADE_FACILITY, 0, 0},
    {0},
};

static const struct p2p_trade_skip SKIPS[] = {{6, "4"}, {0}}; /* 8169: empty */

static const struct p2p_trade_action ACTIONS[] = {
    {.documents = "44|98",
     .functions = "9",
     .verb = "custody open",
     .body = "container call facility"},
    {.documents = "44|98",
     .functions = "9",
     .verb = "right light",
     .body = "light=discharge value=discharged",
     .where = "container",
     .states = LIVE,
     .waits = true,
     .optional = true}, /* a container in transit never gets a right */
    {.documents = "44|98",
     .functions = "1",
     .verb = "custody withdraw",
     .body = "",
     .where = "container",
     .states = "held"},
    {.documents = "46|270", .functions = "*"},
    {0},
};

const struct p2p_trade_map p2p_trade_coarri = {"COARRI", PLACES, SOURCES, SKIPS, ACTIONS};
