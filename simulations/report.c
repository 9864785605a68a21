#include "report.h"

#include <p2p/frame.h>

#include <inttypes.h>

static uint64_t records_held(const struct sim *sim)
{
    uint64_t most = 0;
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        const struct sim_host *host = sim->hosts[i];
        uint64_t records = 0;
        if (!host->up || host->node.engine == NULL) {
            continue;
        }
        const struct p2p_ledger *ledger = p2p_engine_ledger(host->node.engine);
        for (size_t f = 0; f < ledger->feed_count; f++) {
            records += ledger->feeds[f]->edge.size;
        }
        most = records > most ? records : most;
    }
    return most;
}

void sim_report_make(struct sim_report *report, const struct sim *sim)
{
    *report = (struct sim_report){.seed = sim->options.seed,
                                  .violation = sim->violation,
                                  .simulated_us = sim->schedule.now_us,
                                  .digest = {sim->story.digest[0], sim->story.digest[1]},
                                  .records = records_held(sim),
                                  .network = sim_network_count(sim->network),
                                  .workload = sim_workload_count(sim->workload)};
    for (uint32_t i = 1; i <= sim->host_count; i++) {
        report->batches += sim->hosts[i]->batches;
        report->crashes += sim->hosts[i]->crashes;
    }
}

void sim_report_print(const struct sim_report *report, const struct sim_options *options,
                      FILE *out)
{
    const struct sim_workload_count *work = &report->workload;
    fprintf(out, "seed %" PRIu64 ": %" PRIu32 " nodes, %.2f simulated hours\n", report->seed,
            options->nodes, (double)report->simulated_us / (double)SIM_HOUR);
    fprintf(out,
            "  asked        %" PRIu64 " works: %" PRIu64 " done, %" PRIu64 " refused, %" PRIu64
            " lost with a machine; %" PRIu64 " were wrong on purpose\n",
            work->asked, work->done, work->refused, work->failed, work->wrong);
    fprintf(
        out,
        "  of them      %" PRIu64 " decisions, %" PRIu64 " bans and %" PRIu64 " lifts, %" PRIu64
        " others, %" PRIu64 " charter versions, %" PRIu64 " about containers\n",
        work->decisions, work->bans, work->lifts, work->other, work->charter, work->custody);
    fprintf(out, "  turned away  %" PRIu64 " times; %" PRIu64 " containers let out\n",
            work->turned_away, work->released);
    fprintf(out,
            "  held         %" PRIu64 " records; %" PRIu64 " commits, %" PRIu64 " crashes\n",
            report->records, report->batches, report->crashes);
    fprintf(out,
            "  sent         %" PRIu64 " frames, %" PRIu64 " bytes; %" PRIu64
            " streams, %" PRIu64 " broke\n",
            report->network.frames, report->network.bytes, report->network.streams,
            report->network.resets);
    for (uint8_t type = 1; type < SIM_FRAME_TYPES; type++) {
        if (report->network.by_type[type] > 0) {
            fprintf(out, "    %-11s%" PRIu64 "\n", p2p_frame_word(type),
                    report->network.by_type[type]);
        }
    }
    fprintf(out, "  digest       %016" PRIx64 "%016" PRIx64 "\n", report->digest[0],
            report->digest[1]);
    if (report->violation.found) {
        fprintf(out, "VIOLATED %s: %s\n", sim_invariant_word(report->violation.invariant),
                report->violation.text);
    } else {
        fprintf(out, "every invariant held\n");
    }
}

static void json_text(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            fprintf(out, "\\%c", *text);
        } else if ((unsigned char)*text < 0x20) {
            fprintf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        } else {
            fputc(*text, out);
        }
    }
    fputc('"', out);
}

void sim_report_json(const struct sim_report *report, const struct sim_options *options,
                     FILE *out)
{
    const struct sim_workload_count *work = &report->workload;
    fprintf(out,
            "{\"seed\": %" PRIu64 ", \"nodes\": %" PRIu32 ", \"simulated_s\": %" PRIu64
            ", \"digest\": \"%016" PRIx64 "%016" PRIx64 "\", \"records\": %" PRIu64
            ", \"batches\": %" PRIu64 ", \"crashes\": %" PRIu64,
            report->seed, options->nodes, report->simulated_us / SIM_SECOND, report->digest[0],
            report->digest[1], report->records, report->batches, report->crashes);
    fprintf(out,
            ", \"network\": {\"frames\": %" PRIu64 ", \"bytes\": %" PRIu64
            ", \"runs\": %" PRIu64 ", \"records\": %" PRIu64 ", \"streams\": %" PRIu64
            ", \"resets\": %" PRIu64 "}",
            report->network.frames, report->network.bytes, report->network.runs,
            report->network.records, report->network.streams, report->network.resets);
    fprintf(out,
            ", \"work\": {\"asked\": %" PRIu64 ", \"done\": %" PRIu64 ", \"refused\": %" PRIu64
            ", \"failed\": %" PRIu64 ", \"decisions\": %" PRIu64 ", \"bans\": %" PRIu64
            ", \"lifts\": %" PRIu64 ", \"other\": %" PRIu64 ", \"charter\": %" PRIu64
            ", \"custody\": %" PRIu64 ", \"turned_away\": %" PRIu64 ", \"released\": %" PRIu64
            ", \"wrong\": %" PRIu64 "}",
            work->asked, work->done, work->refused, work->failed, work->decisions, work->bans,
            work->lifts, work->other, work->charter, work->custody, work->turned_away,
            work->released, work->wrong);
    if (report->violation.found) {
        fprintf(out, ", \"violation\": {\"invariant\": \"%s\", \"at_s\": %.3f, \"text\": ",
                sim_invariant_word(report->violation.invariant),
                (double)report->violation.at_us / (double)SIM_SECOND);
        json_text(report->violation.text, out);
        fputc('}', out);
    } else {
        fprintf(out, ", \"violation\": null");
    }
    fprintf(out, "}\n");
}
