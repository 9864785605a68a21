/* Checks with 100,000 bans loaded: decided in process, and recorded and synced over the socket
 * with 64 connections, by h2load where it is installed. */
#include "bench.h"
#include "client.h"
#include "figure.h"
#include "fleet.h"
#include "h2load.h"
#include "loader.h"

#include <stdio.h>
#include <unistd.h>

enum { CONNECTIONS = 64, BANS = 100000, QUICK_BANS = 5000 };

static const char path[] = "/v1/gates/main/checks";

static size_t make_check(void *context, uint64_t n, char *out)
{
    const size_t *listed = context;
    char subject[16];
    bench_subject(subject, n * 7919 % (2 * *listed)); /* every other one is listed */
    return (size_t)snprintf(out, CLIENT_REQUEST_BYTES,
                            "{\"subject\":[\"%s\"],\"purpose\":\"call\"}", subject);
}

static bool in_process(struct fleet *fleet, bool quick)
{
    static const struct figure decided = {.part = "gate checks, 100,000 bans",
                                          .name = "in process, not recorded, 1 thread",
                                          .unit = "/s",
                                          .aim_type = AIM_AT_LEAST,
                                          .aim = 500000};
    json_t *said = fleet_child(fleet, "decide", &fleet->a, quick ? 200000 : 2000000);
    double seconds = json_number_value(json_object_get(said, "seconds"));
    double records = json_number_value(json_object_get(said, "records"));
    json_decref(said);
    if (seconds <= 0) {
        return false;
    }
    figure_add(&decided, records / seconds);
    return true;
}

static void note(const struct load_result *result, bool by_h2load)
{
    static const struct figure rate = {.part = "gate checks, 100,000 bans",
                                       .name = "recorded, 64 connections, h2load",
                                       .unit = "/s",
                                       .aim_type = AIM_AT_LEAST,
                                       .aim = 15000};
    static const struct figure p99 = {.part = "gate checks, 100,000 bans",
                                      .name = "recorded, 64 connections, h2load, p99",
                                      .unit = "ms",
                                      .aim_type = AIM_AT_MOST,
                                      .aim = 20};
    static const struct figure own_rate = {.part = "gate checks, 100,000 bans",
                                           .name = "recorded, 64 connections, mixed subjects",
                                           .unit = "/s",
                                           .aim_type = AIM_AT_LEAST,
                                           .aim = 15000};
    static const struct figure own_p99 = {.part = "gate checks, 100,000 bans",
                                          .name = "recorded, mixed subjects, p99",
                                          .unit = "ms",
                                          .aim_type = AIM_AT_MOST,
                                          .aim = 20};
    figure_add(by_h2load ? &rate : &own_rate, result->rate);
    figure_add(by_h2load ? &p99 : &own_p99, result->p99_ms);
}

static bool over_socket(struct fleet *fleet, size_t listed, bool by_h2load)
{
    struct load_result result;
    const struct load load = {.socket_path = fleet->a.socket,
                              .path = path,
                              .connections = CONNECTIONS,
                              .seconds = fleet->bench->quick ? 1 : 5,
                              .make = make_check,
                              .context = &listed};
    bool ran = by_h2load ? h2load_run(&load, fleet->dir, &result) : load_run(&load, &result);
    if (!ran) {
        return false;
    }
    if (result.answered == 0 || result.refused > 0) {
        return bench_fail("%llu checks were not answered, the last: %s",
                          (unsigned long long)result.refused, result.refusal);
    }
    note(&result, by_h2load);
    return true;
}

bool bench_gate(const struct bench *bench)
{
    struct fleet fleet;
    size_t listed = bench->quick ? QUICK_BANS : BANS;
    unsigned rounds = bench->quick ? 1 : 3;
    bool has_h2load = h2load_there();
    bool good = fleet_open(&fleet, bench, "gate");
    if (good) {
        bench_say("gate: %zu bans are being signed", listed);
        json_t *said = fleet_child(&fleet, "bans", &fleet.a, listed);
        good = said != NULL;
        json_decref(said);
    }
    /* Once complete, for ever: the other node need not run while this one is measured. */
    good = good && fleet_start(&fleet, &fleet.b) && fleet_start(&fleet, &fleet.a) &&
           fleet_wait_connected(&fleet) && fleet_stop(&fleet.a) && fleet_stop(&fleet.b);
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("gate checks in process, round %u of %u", i + 1, rounds);
        good = in_process(&fleet, bench->quick);
    }
    good = good && fleet_start(&fleet, &fleet.a);
    if (!has_h2load) {
        bench_say("h2load is not installed (package nghttp2-client): its figures are left out");
    }
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("gate checks over the socket, round %u of %u", i + 1, rounds);
        good = over_socket(&fleet, listed, false) &&
               (!has_h2load || over_socket(&fleet, listed, true));
    }
    fleet_close(&fleet);
    return good;
}
