/* Durable appends: one at a time and in batches through the library, and by 64 writers over the
 * socket. */
#include "bench.h"
#include "client.h"
#include "figure.h"
#include "fleet.h"
#include "loader.h"

#include <string.h>

enum { WRITERS = 64 };

static size_t make_note(void *context, uint64_t n, char *out)
{
    (void)context;
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"kind\":\"note\",\"fields\":{\"text\":\"%-200llu\"}}",
                            (unsigned long long)n);
}

static size_t make_ban(void *context, uint64_t n, char *out)
{
    char subject[16];
    (void)context;
    bench_subject(subject, n);
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"as\":\"beanr-pso\",\"subject\":[\"%s\"],\"ground\":\"local\","
                            "\"reference\":\"harbour master's decision 2026/17\"}",
                            subject);
}

static double rate_of(json_t *said)
{
    double seconds = json_real_value(json_object_get(said, "seconds"));
    double records = (double)json_integer_value(json_object_get(said, "records"));
    json_decref(said);
    return seconds > 0 ? records / seconds : 0;
}

static bool in_library(struct fleet *fleet, bool quick)
{
    static const struct figure one = {
        .part = "durable appends",
        .name = "library, one at a time",
        .unit = "/s",
        .limit = "LMDB synced commit, 1 put",
        .ratio_aim = 0.75,
        .unmet = "a commit signs a head and reads its records back, "
                 "the bare one does not: that shows where a sync is fast"};
    static const struct figure batched = {.part = "durable appends",
                                          .name = "library, in batches",
                                          .unit = "/s",
                                          .aim_type = AIM_AT_LEAST,
                                          .aim = 150000,
                                          .limit = "leaf and interior, 1 thread"};
    json_t *said = fleet_child(fleet, "one", &fleet->a, quick ? 200 : 3000);
    double ratio = json_real_value(json_object_get(said, "ratio"));
    if (said == NULL || ratio <= 0) {
        json_decref(said);
        return false;
    }
    double rate = rate_of(said);
    figure_add_paired(&one, rate, rate / ratio);
    said = fleet_child(fleet, "notes", &fleet->a, quick ? 50000 : 300000);
    if (said == NULL) {
        return false;
    }
    figure_add(&batched, rate_of(said));
    return true;
}

static bool over_socket(struct fleet *fleet, bool by_issuer, uint64_t *next)
{
    static const struct figure notes = {.part = "durable appends",
                                        .name = "socket, 64 writers, by the node",
                                        .unit = "/s",
                                        .aim_type = AIM_AT_LEAST,
                                        .aim = 20000};
    static const struct figure notes_p99 = {.part = "durable appends",
                                            .name = "socket, 64 writers, by the node, p99",
                                            .unit = "ms",
                                            .aim_type = AIM_AT_MOST,
                                            .aim = 50};
    static const struct figure bans = {.part = "durable appends",
                                       .name = "socket, 64 writers, signed by an issuer",
                                       .unit = "/s",
                                       .aim_type = AIM_AT_LEAST,
                                       .aim = 10000};
    static const struct figure bans_p99 = {.part = "durable appends",
                                           .name = "socket, 64 writers, signed, p99",
                                           .unit = "ms",
                                           .aim_type = AIM_AT_MOST,
                                           .aim = 50};
    struct load_result result;
    const struct load load = {.socket_path = fleet->a.socket,
                              .path = by_issuer ? "/v1/bans" : "/v1/records",
                              .connections = WRITERS,
                              .seconds = fleet->bench->quick ? 1 : 5,
                              .make = by_issuer ? make_ban : make_note,
                              .first = *next};
    if (!load_run(&load, &result)) {
        return false;
    }
    *next += result.answered + result.refused;
    if (result.answered == 0 || result.refused > 0) {
        return bench_fail("%s: %llu of the requests were refused, the last with %s", load.path,
                          (unsigned long long)result.refused, result.refusal);
    }
    figure_add(by_issuer ? &bans : &notes, result.rate);
    figure_add(by_issuer ? &bans_p99 : &notes_p99, result.p99_ms);
    return true;
}

bool bench_appends(const struct bench *bench)
{
    struct fleet fleet;
    unsigned rounds = bench->quick ? 1 : 3;
    uint64_t next = 0;
    bool good = fleet_open(&fleet, bench, "appends");
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("durable appends in the library, round %u of %u", i + 1, rounds);
        good = in_library(&fleet, bench->quick);
    }
    good = good && fleet_start(&fleet, &fleet.a);
    for (unsigned i = 0; i < 2 * rounds && good; i++) {
        bench_say("durable appends over the socket, round %u of %u", i + 1, 2 * rounds);
        good = over_socket(&fleet, i >= rounds, &next);
    }
    fleet_close(&fleet);
    return good;
}
