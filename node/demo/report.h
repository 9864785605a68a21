/* report.json: what the story claimed, one object per claim in its order.
 *
 *     [{"claim": "...", "ok": true, "ms": 1234, "evidence": "..."}, ...]
 *
 * The file is replaced as a whole after every claim, so that a story that breaks off leaves
 * what it had. The ms of the claims add up to the story: each runs from the end of the one
 * before. */
#ifndef P2P_DEMO_REPORT_H
#define P2P_DEMO_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct p2p_demo_report {
    const char *path; /* borrowed */
    json_t *claims;
    uint64_t ended_ms; /* of the last claim */
};

/* begun_ms: monotonic, when the story begins. The report of an earlier run goes. */
void p2p_demo_report_init(struct p2p_demo_report *report, const char *path, uint64_t begun_ms);
void p2p_demo_report_deinit(struct p2p_demo_report *report);
/* Adds a claim that ended at now_ms and writes the file; *ms is the claim's time. False when it
 * cannot be written; errno says why. */
bool p2p_demo_report_add(struct p2p_demo_report *report, const char *claim, bool ok,
                         const char *evidence, uint64_t now_ms, uint64_t *ms);

#endif
