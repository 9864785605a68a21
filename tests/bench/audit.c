/* An audit of a long history: integrity alone, with the replay, with issuers' signatures; the
 * memory it takes; and how long two questions about a date take. */
#include "bench.h"
#include "figure.h"
#include "fleet.h"
#include "history.h"

#include <stdio.h>
#include <time.h>

enum { RECORDS = 1000000, QUICK_RECORDS = 50000, FULL_RECORDS = 10000000 };

static const char part[] = "audit, 60 % decisions, 30 % bans and lifts";

struct run {
    double seconds, records, signatures, rss_kb;
};

static bool verify(const struct fleet *fleet, size_t how, struct run *run)
{
    json_t *said = fleet_child(fleet, "verify", &fleet->a, how);
    *run = (struct run){json_number_value(json_object_get(said, "seconds")),
                        json_number_value(json_object_get(said, "records")),
                        json_number_value(json_object_get(said, "signatures")),
                        json_number_value(json_object_get(said, "rss_kb"))};
    bool sound = json_integer_value(json_object_get(said, "findings")) == 0;
    json_decref(said);
    return run->seconds > 0 && (sound || bench_fail("the audit found what is not there"));
}

static void note(double limit, const struct run *integrity, const struct run *replay,
                 const struct run *signatures)
{
    static const struct figure rate = {.part = part,
                                       .name = "integrity alone, 2 threads",
                                       .unit = "/s",
                                       .aim_type = AIM_AT_LEAST,
                                       .aim = 250000};
    static const struct figure full = {.part = part,
                                       .name = "with full replay",
                                       .unit = "/s",
                                       .aim_type = AIM_AT_LEAST,
                                       .aim = 100000};
    static const struct figure verified = {.part = part,
                                           .name = "issuers' signatures, of the time they add",
                                           .unit = "/s",
                                           .limit = "verify, 2 threads",
                                           .ratio_aim = 0.8};
    static const struct figure rss = {.part = part,
                                      .name = "memory at most (VmHWM)",
                                      .unit = "MB",
                                      .aim_type = AIM_AT_MOST,
                                      .aim = 300};
    figure_add(&rate, integrity->records / integrity->seconds);
    figure_add(&full, replay->records / replay->seconds);
    double added_s = signatures->seconds - replay->seconds;
    if (added_s > 0) {
        figure_add_paired(&verified, (signatures->signatures - replay->signatures) / added_s,
                          limit);
    }
    figure_add(&rss, signatures->rss_kb / 1000);
}

/* All that an audit does, on one thread and on as many as there are cores: two, for the aim. */
static bool scale(const struct fleet *fleet, const struct run *all)
{
    static const struct figure times = {.part = part,
                                        .name = "all of it, 2 threads to 1",
                                        .unit = "times",
                                        .limit = "verify, 2 threads to 1",
                                        .ratio_aim = 0.8};
    struct run alone;
    double limit = bench_limit_scaling(fleet->bench);
    if (!verify(fleet, 3, &alone)) {
        return false;
    }
    figure_add_paired(&times, alone.seconds / all->seconds, limit);
    return true;
}

/* What was true when so many records had been written. */
static bool replay(const struct fleet *fleet, uint64_t records, double *seconds)
{
    char archive[BENCH_PATH_BYTES], trust[BENCH_PATH_BYTES], when[32];
    time_t at = (time_t)(bench_history_ms(records) / 1000);
    struct tm parts;
    snprintf(archive, sizeof archive, "%.4000s.archive", fleet->a.dir);
    snprintf(trust, sizeof trust, "%.4000s/trust", fleet->dir);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &parts));
    const char *argv[] = {NULL,  "audit", "replay", archive,  "--trust",
                          trust, "--at",  when,     "--json", NULL};
    return fleet_run(fleet, argv, seconds);
}

/* The first question makes the index, whatever an audit before it left; the second has it. */
static bool ask_twice(const struct fleet *fleet, uint64_t records)
{
    static const struct figure first = {.part = part,
                                        .name = "state at a date, the first question",
                                        .unit = "s",
                                        .aim_type = AIM_AT_MOST,
                                        .aim = 15};
    static const struct figure second = {.part = part,
                                         .name = "at another date, the second question",
                                         .unit = "s",
                                         .aim_type = AIM_AT_MOST,
                                         .aim = 1};
    double seconds[2];
    bool good =
        replay(fleet, records / 2, &seconds[0]) && replay(fleet, records / 4 * 3, &seconds[1]);
    if (good) {
        figure_add(&first, seconds[0]);
        figure_add(&second, seconds[1]);
    }
    return good;
}

static bool measure(const struct fleet *fleet, uint64_t records)
{
    struct run integrity, with_replay, signatures;
    double limit = bench_limit_verify(fleet->bench);
    bool good = verify(fleet, 0, &integrity) && verify(fleet, 1, &with_replay) &&
                verify(fleet, 2, &signatures);
    if (good) {
        note(limit, &integrity, &with_replay, &signatures);
    }
    return good && scale(fleet, &signatures) && ask_twice(fleet, records);
}

/* Of ten times as many the memory alone. */
static bool measure_full(const struct fleet *fleet)
{
    static const struct figure rss = {.part = part,
                                      .name = "memory at most, 10,000,000 records",
                                      .unit = "MB",
                                      .aim_type = AIM_AT_MOST,
                                      .aim = 400};
    struct run run;
    bool good = verify(fleet, 2, &run);
    if (good) {
        figure_add(&rss, run.rss_kb / 1000);
    }
    return good;
}

bool bench_audit(const struct bench *bench)
{
    struct fleet fleet;
    size_t records = bench->quick ? QUICK_RECORDS : bench->full ? FULL_RECORDS : RECORDS;
    bool good = fleet_open(&fleet, bench, "audit");
    if (good) {
        bench_say("audit: making a history");
        json_t *made = fleet_child(&fleet, "history", &fleet.a, records);
        good = made != NULL;
        json_decref(made);
    }
    for (unsigned i = 0; good && i < (bench->quick || bench->full ? 1u : 3u); i++) {
        bench_say("audit: round %u", i + 1);
        good = bench->full ? measure_full(&fleet) : measure(&fleet, records);
    }
    fleet_close(&fleet);
    return good;
}
