/* One ban: from the first byte of the request at one node to the first refusal at the other,
 * which is asked again and again. */
#include "bench.h"
#include "client.h"
#include "figure.h"
#include "fleet.h"
#include "limit_commit.h"
#include "loader.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1000, QUICK_SAMPLES = 100, PAUSE_MS = 5 };

static bool finish(struct client *client)
{
    while (client->waiting) {
        struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 10000) <= 0 || !client_pump(client)) {
            return false;
        }
    }
    return client->status == 200;
}

/* Milliseconds; below 0 when something failed. */
static double one_ban(struct client *at_a, struct client *at_b, uint64_t n)
{
    char ban[512];
    char check[256];
    char subject[16];
    bench_subject(subject, n);
    int ban_len = snprintf(ban, sizeof(ban),
                           "{\"as\":\"beanr-pso\",\"subject\":[\"%s\"],\"ground\":\"local\","
                           "\"reference\":\"harbour master's decision 2026/17\"}",
                           subject);
    int check_len =
        snprintf(check, sizeof(check), "{\"subject\":[\"%s\"],\"purpose\":\"call\"}", subject);
    if (!client_ask(at_a, "POST", "/v1/bans", ban, (size_t)ban_len)) {
        return -1;
    }
    for (;;) {
        if (!client_call(at_b, "POST", "/v1/gates/main/checks", check, (size_t)check_len) ||
            at_b->status != 200 || bench_now_s() > at_a->begun_s + 10) {
            bench_fail("a check was answered %u: %.200s", at_b->status, at_b->body);
            return -1;
        }
        if (strstr(at_b->body, "\"answer\":\"refuse\"") != NULL) {
            break;
        }
    }
    double ms = (bench_now_s() - at_a->begun_s) * 1e3;
    return finish(at_a) ? ms : (bench_fail("the ban was answered %.200s", at_a->body), -1);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Milliseconds of one commit of LMDB alone, while nothing else is asked; below 0: failed. */
static double one_commit(struct commits *commits)
{
    double begin_s = bench_now_s();
    return commits_once(commits, 1) ? (bench_now_s() - begin_s) * 1e3 : -1;
}

static void note(double *times, size_t count, const struct figure *p50,
                 const struct figure *p99)
{
    qsort(times, count, sizeof(times[0]), ascending);
    figure_add(p50, times[count / 2]);
    figure_add(p99, times[count * 99 / 100]);
}

/* One ban and, once all is quiet again, one bare commit, in turn. */
static bool measure(const struct fleet *fleet, size_t count, uint64_t first)
{
    static const char unmet[] = "three commits follow one another on one disk, the ban's, its "
                                "mirror's and a check's: see the disk's own";
    static const struct figure p50 = {.part = "one ban from node to node",
                                      .name = "first byte of POST to first refusal, p50",
                                      .unit = "ms",
                                      .aim_type = AIM_AT_MOST,
                                      .aim = 2,
                                      .unmet = unmet};
    static const struct figure p99 = {.part = "one ban from node to node",
                                      .name = "first byte of POST to first refusal, p99",
                                      .unit = "ms",
                                      .aim_type = AIM_AT_MOST,
                                      .aim = 7,
                                      .unmet = unmet};
    static const struct figure disk_p50 = {.part = "one ban from node to node",
                                           .name = "LMDB synced commit alone, between, p50",
                                           .unit = "ms"};
    static const struct figure disk_p99 = {.part = "one ban from node to node",
                                           .name = "LMDB synced commit alone, between, p99",
                                           .unit = "ms"};
    static double times[SAMPLES];
    static double disk_times[SAMPLES];
    struct commits commits;
    struct client at_a = {.fd = -1};
    struct client at_b = {.fd = -1};
    bool good = commits_open(&commits, fleet->dir) && client_open(&at_a, fleet->a.socket) &&
                client_open(&at_b, fleet->b.socket);
    for (size_t i = 0; i < count && good; i++) {
        times[i] = one_ban(&at_a, &at_b, first + i);
        good = times[i] >= 0;
        bench_pause_ms(PAUSE_MS);
        disk_times[i] = good ? one_commit(&commits) : -1;
        good = good && disk_times[i] >= 0;
    }
    commits_close(&commits);
    client_close(&at_a);
    client_close(&at_b);
    if (good) {
        note(times, count, &p50, &p99);
        note(disk_times, count, &disk_p50, &disk_p99);
    }
    return good;
}

bool bench_latency(const struct bench *bench)
{
    struct fleet fleet;
    unsigned rounds = bench->quick ? 1 : 3;
    size_t count = bench->quick ? QUICK_SAMPLES : SAMPLES;
    bool good = fleet_open(&fleet, bench, "latency") && fleet_start(&fleet, &fleet.b) &&
                fleet_start(&fleet, &fleet.a) && fleet_wait_connected(&fleet);
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("one ban at a time, round %u of %u", i + 1, rounds);
        good = measure(&fleet, count, i * count);
    }
    fleet_close(&fleet);
    return good;
}
