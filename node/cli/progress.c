#include "progress.h"

#include "session.h"
#include "style.h"

#include <string.h>
#include <unistd.h>

#define BAR_WIDTH    24u
#define BETWEEN_MS   100u
#define ETA_AFTER_MS 1000u

void p2p_cli_progress_init(struct p2p_cli_progress *progress, FILE *out, const char *what,
                           uint64_t total)
{
    *progress = (struct p2p_cli_progress){
        .out = isatty(fileno(out)) ? out : NULL,
        .what = what,
        .unit = "lines",
        .total = total,
        .begun_ms = p2p_cli_now_ms(),
    };
}

void p2p_cli_progress_show(struct p2p_cli_progress *progress, uint64_t done, uint64_t count)
{
    uint64_t now = progress->out != NULL ? p2p_cli_now_ms() : 0;
    if (progress->out == NULL || now < progress->shown_ms + BETWEEN_MS) {
        return;
    }
    progress->shown_ms = now;
    char number[P2P_CLI_SPAN_BYTES], span[P2P_CLI_SPAN_BYTES];
    fprintf(progress->out, "\r\033[K%s  ", progress->what);
    if (progress->total > 0) {
        double part = done < progress->total ? (double)done / (double)progress->total : 1;
        char bar[BAR_WIDTH + 1];
        memset(bar, ' ', BAR_WIDTH);
        memset(bar, '#', (size_t)(part * BAR_WIDTH));
        bar[BAR_WIDTH] = '\0';
        fprintf(progress->out, "[%s] %3.0f%%  ", bar, part * 100);
        uint64_t passed = now - progress->begun_ms;
        if (passed >= ETA_AFTER_MS && part > 0) {
            double left = (double)passed / 1000 * (1 - part) / part;
            fprintf(progress->out, "%s left  ", p2p_cli_span(span, left < 1.5 ? 2 : left));
        }
    }
    fprintf(progress->out, "%s %s", p2p_cli_count(number, count), progress->unit);
    fflush(progress->out);
}

void p2p_cli_progress_clear(struct p2p_cli_progress *progress)
{
    if (progress->out != NULL && progress->shown_ms != 0) {
        fputs("\r\033[K", progress->out);
        fflush(progress->out);
    }
}

void p2p_cli_stages_show(void *context, const char *stage, uint64_t done, uint64_t of)
{
    struct p2p_cli_stages *stages = context;
    if (stages->stage == NULL || strcmp(stages->stage, stage) != 0) {
        p2p_cli_progress_clear(&stages->progress);
        p2p_cli_progress_init(&stages->progress, stages->out, stage, of);
        stages->progress.unit = "";
        stages->stage = stage;
    }
    p2p_cli_progress_show(&stages->progress, done, done);
}
