#include "report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void p2p_demo_report_init(struct p2p_demo_report *report, const char *path, uint64_t begun_ms)
{
    *report =
        (struct p2p_demo_report){.path = path, .claims = json_array(), .ended_ms = begun_ms};
    unlink(path);
}

void p2p_demo_report_deinit(struct p2p_demo_report *report)
{
    json_decref(report->claims);
    report->claims = NULL;
}

static bool write_file(const struct p2p_demo_report *report)
{
    char *next = NULL;
    if (asprintf(&next, "%s.next", report->path) < 0) {
        errno = ENOMEM;
        return false;
    }
    errno = 0;
    bool written = json_dump_file(report->claims, next, JSON_INDENT(2)) == 0 &&
                   rename(next, report->path) == 0;
    free(next);
    return written;
}

bool p2p_demo_report_add(struct p2p_demo_report *report, const char *claim, bool ok,
                         const char *evidence, uint64_t now_ms, uint64_t *ms)
{
    *ms = now_ms - report->ended_ms;
    report->ended_ms = now_ms;
    json_array_append_new(report->claims,
                          json_pack("{s:s, s:b, s:I, s:s}", "claim", claim, "ok", (int)ok, "ms",
                                    (json_int_t)*ms, "evidence", evidence));
    return write_file(report);
}
