/* A transfer that one port asks for and another rules: a forwarder at bezee passes a right on
 * whose container beanr holds. One at a time, while nothing else happens. */
#include "figure.h"
#include "rights.h"

#include <stdio.h>
#include <stdlib.h>

enum { PAUSE_MS = 5, WAIT_S = 30 };

struct times {
    double *ruled_ms;
    double *back_ms;
};

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

/* From the first byte of the request until the port that rules shows it ruled, and until the
 * one that asked does. */
static bool one(struct client *asker, struct client *ruler, const char *id, double *ruled_ms,
                double *back_ms)
{
    char body[256];
    int len =
        snprintf(body, sizeof(body),
                 "{\"as\":\"bezee-forwarder\",\"id\":\"%s\",\"to\":\"beanr-haulier\"}", id);
    if (!right_wait(asker, id, "ACTIVE", "bezee-forwarder", WAIT_S)) {
        return false;
    }
    bench_pause_ms(PAUSE_MS);
    double begin = bench_now_s();
    if (!client_call(asker, "POST", "/v1/rights/transfer", body, (size_t)len) ||
        asker->status != 200) {
        return bench_fail("a transfer was answered %u: %.200s", asker->status, asker->body);
    }
    if (!right_wait(ruler, id, "PENDING", "beanr-haulier", WAIT_S)) {
        return false;
    }
    *ruled_ms = (bench_now_s() - begin) * 1e3;
    if (!right_wait(asker, id, "PENDING", "beanr-haulier", WAIT_S)) {
        return false;
    }
    *back_ms = (bench_now_s() - begin) * 1e3;
    return true;
}

static bool measure(const struct fleet *fleet, const struct right_set *set, struct times *times)
{
    struct client asker = {.fd = -1};
    struct client ruler = {.fd = -1};
    bool good = client_open(&asker, fleet->b.socket) && client_open(&ruler, fleet->a.socket);
    for (size_t i = 0; i < set->count && good; i++) {
        char id[RIGHT_ID_BYTES];
        right_id(set, i, id);
        good = one(&asker, &ruler, id, &times->ruled_ms[i], &times->back_ms[i]);
    }
    client_close(&asker);
    client_close(&ruler);
    return good;
}

/* They stand at the other port, and it has accepted them. */
static bool prepare(const struct fleet *fleet, struct right_set *set)
{
    struct client at_b = {.fd = -1};
    char id[RIGHT_ID_BYTES];
    bool good = right_set_open(set) && right_set_issue(set, "bezee-forwarder", NULL) &&
                client_open(&at_b, fleet->b.socket);
    for (size_t i = 0; i < set->count && good; i++) {
        right_id(set, i, id);
        good = right_wait(&at_b, id, "PENDING", "bezee-forwarder", WAIT_S);
    }
    client_close(&at_b);
    return good && right_set_accept(set, &fleet->b, "bezee-forwarder");
}

bool bench_transfer(const struct fleet *fleet, uint64_t first, size_t count, const char *part)
{
    const struct figure ruled_p50 = {
        .part = part, .name = "transfer asked, ruled at another port, p50", .unit = "ms"};
    const struct figure ruled_p99 = {.part = part,
                                     .name = "transfer asked, ruled at another port, p99",
                                     .unit = "ms",
                                     .aim_type = AIM_AT_MOST,
                                     .aim = 100};
    const struct figure back_p99 = {.part = part,
                                    .name = "and shown as ruled where it was asked, p99",
                                    .unit = "ms",
                                    .aim_type = AIM_AT_MOST,
                                    .aim = 100};
    struct right_set set = {0};
    struct times times = {.ruled_ms = calloc(count, sizeof(double)),
                          .back_ms = calloc(count, sizeof(double))};
    bool good = times.ruled_ms != NULL && times.back_ms != NULL &&
                right_set_init(&set, fleet, first, count) && prepare(fleet, &set) &&
                measure(fleet, &set, &times);
    if (good) {
        qsort(times.ruled_ms, count, sizeof(double), ascending);
        qsort(times.back_ms, count, sizeof(double), ascending);
        figure_add(&ruled_p50, times.ruled_ms[count / 2]);
        figure_add(&ruled_p99, times.ruled_ms[count * 99 / 100]);
        figure_add(&back_p99, times.back_ms[count * 99 / 100]);
    }
    right_set_deinit(&set);
    free(times.ruled_ms);
    free(times.back_ms);
    return good;
}
