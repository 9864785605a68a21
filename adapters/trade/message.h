/* What trade messages ask for: a message's segments become tasks, by tables.
 *
 * A map (one per message type: coreor.c, coarri.c, codeco.c, copino.c) says which segments a
 * message has and where (`places`), where the values of a request stand (`sources`), and what
 * is asked of the node (`actions`). This file holds no knowledge of any message; the maps hold
 * no code.
 *
 * A segment's place is a path: "BGM", "NAD/CTA" (a CTA that belongs to the NAD before it),
 * "EQD/TDT/LOC". A segment belongs to the nearest one before it below which the map has it, as
 * the groups of D.95B and D.00B have it; their order besides is not looked at, since it differs
 * between the two and in real traffic. From EQD on a message speaks of one container, until the
 * next EQD: each is one task, and a task is a list of steps that are carried out in order.
 *
 *     task  {"container":"CSQU3054383","segment":7,"steps":[step, ...]}
 *     step  {"verb":"right issue","body":{...}}        to be carried out as it is
 *           {"verb":"right cancel","where":{"container":...,"bl":...},"states":"PENDING|...",
 *            "body":{...}}                              on the right that is found so
 *           {"verb":"right light","issued":true,"body":{...}}   on the one issued before
 *           and "waits":true (nothing is there yet on which to act: try again later) or
 *           "optional":true (nothing there: nothing to do)
 *
 * Request keys are those of the command line, with _ for -. Pure but for the memory of JSON. */
#ifndef P2P_TRADE_MESSAGE_H
#define P2P_TRADE_MESSAGE_H

#include "value.h"

#define P2P_TRADE_CONTAINERS_MAX 9999u /* in one message: the EQD group's own bound */
#define P2P_TRADE_SOURCES_MAX    32u
#define P2P_TRADE_PLACES_MAX     96u
#define P2P_TRADE_REFUSALS_MAX   100u /* told of one message; more are counted */

struct p2p_trade_place {
    const char *path;
    uint16_t max; /* below one segment of the path above */
    bool required;
};

/* A source of a field; of several for one field the first in the table that is there counts. */
struct p2p_trade_source {
    const char *field;
    const char *path;
    const char *qualifier; /* what element 1 says, "BM"; NULL: any */
    enum p2p_trade_sort sort;
    uint8_t element; /* of TEXT, PARTY, FACILITY and CARD */
    uint8_t component;
};

/* Containers of which a message says this in EQD are left out. */
struct p2p_trade_skip {
    uint8_t element;
    const char *value;
};

struct p2p_trade_action {
    const char *documents; /* BGM 1001: "44|98" */
    const char *functions; /* BGM 1225: "9|5" */
    const char *verb;      /* NULL: such a message is read, and asks for nothing */
    const char *body;      /* "container bl to reference? light=commercial": fields, those with
                              ? may be absent, and constants */
    const char *where;     /* likewise, how what it is done to is found; NULL: none is needed */
    const char *states;    /* that right is in one of these; NULL: in any */
    bool issued;           /* it is done to the right that an earlier step issued */
    bool waits;
    bool optional;
};

struct p2p_trade_map {
    const char *type;
    const struct p2p_trade_place *places; /* each table ends with an empty row */
    const struct p2p_trade_source *sources;
    const struct p2p_trade_skip *skips;
    const struct p2p_trade_action *actions;
};

extern const struct p2p_trade_map p2p_trade_coreor;
extern const struct p2p_trade_map p2p_trade_coarri;
extern const struct p2p_trade_map p2p_trade_codeco;
extern const struct p2p_trade_map p2p_trade_copino;
/* All of them; ends with NULL. */
extern const struct p2p_trade_map *const p2p_trade_maps[];

/* The map for what UNH says: D.95B or D.00B of the UN. Otherwise NULL and where the fault is.
 */
const struct p2p_trade_map *p2p_trade_map_find(const struct p2p_edi_message *message,
                                               struct p2p_edi_fault *fault);

/* What a message asked for. */
struct p2p_trade_reading {
    char document[36]; /* BGM 1004: its number */
    char name[4];      /* BGM 1001: which document it is */
    char function[4];  /* BGM 1225 */
    json_t *tasks;     /* array */
    json_t *refusals; /* array of {"code","text","container","segment"}: what the message itself
                         makes impossible */
    uint32_t refusal_count; /* all, those included that refusals has no room for */
    uint32_t containers;
    uint32_t skipped;
    bool refused; /* as a whole: none of its tasks is to be carried out */
};

/* Reads a message that is sound; structural faults go into it (then tasks and
 * refusals are empty).
 * P2P_NOMEM. */
P2P_MUST_CHECK enum p2p_err p2p_trade_read(struct p2p_trade_reading *out,
                                           const struct p2p_trade_map *map,
                                           const struct p2p_agreement *agreement,
                                           const struct p2p_edi_interchange *interchange,
                                           struct p2p_edi_message *message);
void p2p_trade_reading_deinit(struct p2p_trade_reading *reading); /* accepts a zeroed one */

#endif
