/* Interchanges taken from files, by an intake whose node is a double: what it was asked, in
 * what order, and the answers that it wrote. */
#ifndef TRADE_WORLD_H
#define TRADE_WORLD_H

#include "adapters/trade/late.h"
#include "temp_dir.h"

#define TRADE_WORLD_NOW_MS 1795334400000u /* 2026-11-22T08:00:00Z */

/* What the double says of a verb. */
struct double_row {
    const char *verb;
    const char *container; /* NULL: any */
    enum p2p_trade_outcome outcome;
    const char *code;
};

struct trade_world {
    struct temp_dir dir;
    char answers[TEMP_PATH_BYTES];
    struct p2p_agreement agreement;
    struct p2p_trade trade;
    struct p2p_trade_tally tally;  /* of the last take or retry */
    const struct double_row *rows; /* ends with one without a verb; NULL: all is done */
    long countdown;                /* at 0 the node is out of reach; -1: never */
    bool remembers;                /* a step that comes again is answered as the first time */
    unsigned carried;              /* steps, in all */
    char calls[4096];              /* "VERB CONTAINER-OR-ID;" of the last take or retry */
    json_t *keys;                  /* those of steps that were done */
};

/* With an agreement in which LINE-A sends COREOR, TERM-B COARRI and CODECO, and FWD-1 is
 * beanr-forwarder. */
struct trade_world *trade_world_new(void);
void trade_world_free(struct trade_world *world);
/* The journal closed and read again, as after a restart. */
void trade_world_reopen(struct trade_world *world);

/* An interchange, or more, as text; the same delivery is the same file. */
void trade_world_take(struct trade_world *world, const char *text, const char *delivery);
/* What waits is tried once more. */
void trade_world_retry(struct trade_world *world);

/* How many answers stand in the folder. */
unsigned trade_world_answers(const struct trade_world *world);
/* The only one whose name has this part: at most bytes - 1 of it, with a 0 behind. */
void trade_world_answer(const struct trade_world *world, const char *part, char *text,
                        size_t bytes);
/* It says this from its first UNH on, line ends aside, and is an interchange without a fault.
 */
void trade_world_check_answer(const struct trade_world *world, const char *part,
                              const char *expected);
/* How many tasks stand in the journal. */
size_t trade_world_tasks(const struct trade_world *world);

/* Parts of interchanges. */
#define LINE_A_SENDS(reference) "UNB+UNOA:2+LINE-A+PORT2PORT+261122:0815+" reference "'"
#define LINE_A                  LINE_A_SENDS("REF1")
#define ORDER(n, box)                                                                          \
    "UNH+" n "+COREOR:D:95B:UN:SMDG20'BGM+129+DOC" n "+9'RFF+BM:BL" n                          \
    "'NAD+FW+FWD-1'EQD+CN+" box "'UNT+6+" n "'"
#define CANCEL(n, bl, box)                                                                     \
    "UNH+" n "+COREOR:D:95B:UN'BGM+129+D+1'RFF+BM:" bl "'EQD+CN+" box "'UNT+5+" n "'"
/* One of the line's, by the number and function of its document, for one container. */
#define SAYS(interchange, document, function, bl)                                              \
    LINE_A_SENDS(interchange)                                                                  \
    "UNH+1+COREOR:D:95B:UN'BGM+129+" document "+" function "'RFF+BM:" bl                       \
    "'NAD+FW+FWD-1'EQD+CN+CSQU3054383'UNT+6+1'UNZ+1+" interchange "'"
#define ORDER_1 ORDER("1", "CSQU3054383")
#define ORDER_2 ORDER("2", "HBMU2699702")
#define ORDER_3 ORDER("3", "HBMU2699702")
#define ONE     LINE_A ORDER_1 "UNZ+1+REF1'"
#define TWO     LINE_A ORDER_1 ORDER_2 "UNZ+2+REF1'"

#endif
