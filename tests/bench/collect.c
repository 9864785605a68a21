/* Collects over the socket: each container once, by the driver whom its right names, recorded
 * and synced, and only then answered.
 *
 * They are collected in the order in which they were issued, so that those of one batch rest on
 * the same requests and rulings, which are read once (once.c) and of which it is remembered
 * that their citations fit (judge_cites.c). In any other order a collect takes more. */
#include "figure.h"
#include "rights.h"

#include <string.h>

enum { SECONDS_MAX = 600 };

static bool is_allowed(void *context, uint64_t n, const char *body)
{
    (void)context;
    (void)n;
    return strstr(body, "\"answer\":\"allow\"") != NULL;
}

bool bench_collect(struct right_set *set, size_t from, size_t count, const char *part)
{
    const struct figure rate = {
        .part = part,
        .name = "gate collect, recorded, 64 connections",
        .unit = "/s",
        .aim_type = AIM_AT_LEAST,
        .aim = 5000,
        .limit = "LMDB synced commit, 1 put",
        .limit_scale = RIGHT_CONNECTIONS,
        .unmet = "each release folds its right anew: six requests and the rulings that "
                 "took them, with up to 64 each here"};
    const struct figure p99 = {.part = part,
                               .name = "gate collect, p99",
                               .unit = "ms",
                               .aim_type = AIM_AT_MOST,
                               .aim = 30};
    const struct figure cpu = {
        .part = part, .name = "CPU of the node for a collect", .unit = "us"};
    struct load_result result;
    const struct load load = {.socket_path = set->fleet->a.socket,
                              .path = "/v1/gates/main/collects",
                              .connections = RIGHT_CONNECTIONS,
                              .seconds = SECONDS_MAX,
                              .count = count,
                              .make = right_collect_body,
                              .answered = is_allowed,
                              .context = set,
                              .first = from};
    double cpu_s = fleet_cpu_s(&set->fleet->a);
    if (!load_run(&load, &result)) {
        return false;
    }
    cpu_s = fleet_cpu_s(&set->fleet->a) - cpu_s;
    if (result.answered == 0 || result.refused > 0) {
        return bench_fail("%llu containers did not leave, the last: %s",
                          (unsigned long long)result.refused, result.refusal);
    }
    figure_add(&rate, result.rate);
    figure_add(&p99, result.p99_ms);
    figure_add(&cpu, cpu_s / (double)result.answered * 1e6);
    return true;
}
