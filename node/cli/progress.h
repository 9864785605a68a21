/* One moving line on stderr: how far, how much, how long still. Nothing unless stderr is a
 * terminal.
 */
#ifndef P2P_CLI_PROGRESS_H
#define P2P_CLI_PROGRESS_H

#include <p2p/base.h>

#include <stdio.h>

struct p2p_cli_progress {
    FILE *out; /* NULL: silent */
    const char *what;
    const char *unit; /* of what is counted: "lines" */
    uint64_t total;   /* 0: unknown */
    uint64_t begun_ms;
    uint64_t shown_ms;
};

void p2p_cli_progress_init(struct p2p_cli_progress *progress, FILE *out, const char *what,
                           uint64_t total);
/* done of total, and count of whatever is counted. Draws at most ten times a second. */
void p2p_cli_progress_show(struct p2p_cli_progress *progress, uint64_t done, uint64_t count);
void p2p_cli_progress_clear(struct p2p_cli_progress *progress);

/* A line for each stage of a work in stages; begin zeroed but for `out`. Callbacks of
 * p2p_audit_options: context is the struct. */
struct p2p_cli_stages {
    FILE *out;
    struct p2p_cli_progress progress;
    const char *stage;
};
void p2p_cli_stages_show(void *context, const char *stage, uint64_t done, uint64_t of);

#endif
