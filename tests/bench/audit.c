/* An audit of a long history: integrity alone, with the replay, with issuers' signatures; and
 * the memory it takes. */
#include "bench.h"
#include "figure.h"
#include "fleet.h"

#include <stdio.h>

enum { RECORDS = 1000000, QUICK_RECORDS = 50000 };

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

bool bench_audit(const struct bench *bench)
{
    struct fleet fleet;
    struct run integrity, replay, signatures;
    bool good = fleet_open(&fleet, bench, "audit");
    if (good) {
        bench_say("audit: making a history");
        json_t *made =
            fleet_child(&fleet, "history", &fleet.a, bench->quick ? QUICK_RECORDS : RECORDS);
        good = made != NULL;
        json_decref(made);
    }
    for (unsigned i = 0; good && i < (bench->quick ? 1u : 3u); i++) {
        bench_say("audit: round %u", i + 1);
        double limit = bench_limit_verify(bench);
        good = verify(&fleet, 0, &integrity) && verify(&fleet, 1, &replay) &&
               verify(&fleet, 2, &signatures);
        if (good) {
            note(limit, &integrity, &replay, &signatures);
        }
    }
    fleet_close(&fleet);
    return good;
}
