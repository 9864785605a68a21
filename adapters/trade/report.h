/* What is told of the work: one line per event, for people or as JSON.
 *
 *     {"event":"message","file","sender","interchange","message","type","document",
 *      "result":"done|refused|waiting|nothing|syntax","containers","done","refused","waiting",
 *      "ids":[...],"refusals":[{"code","text","container","segment"}]}
 *     {"event":"interchange","file","sender","interchange",
 *      "result":"acknowledged|rejected|duplicate|undecided","code","segment","text",
 *      "answers":[file, ...]}
 *     {"event":"late","sender","interchange","message","container","result":"done|refused",
 *      "code","text"}      what had waited
 *     {"event":"file","file","result":"unreadable","at","text"}
 */
#ifndef P2P_TRADE_REPORT_H
#define P2P_TRADE_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct p2p_trade_report {
    FILE *out; /* NULL: nothing is told */
    bool json;
};

void p2p_trade_tell(const struct p2p_trade_report *report, json_t *event); /* taken */

#endif
