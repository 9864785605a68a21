/* Release rights with many of them and many bans loaded: what they take on the disk, how fast
 * they are listed, passed on and collected; and a bulk release to seven nodes.
 *
 * 1,000,000 of them are loaded with --full only: eight signed requests for each one take their
 * time. */
#include "rights.h"

#include "figure.h"
#include "right_pages.h"

#include <ftw.h>
#include <stdio.h>

enum {
    LIVE = 20000,
    LIVE_BANS = 10000,
    QUICK_LIVE = 1000,
    FULL_LIVE = 1000000,
    FULL_BANS = 100000,
    TRANSFERS = 200,
    QUICK_TRANSFERS = 20,
    COLLECTS = 5000,
    PAGES = 200,
    OPEN_FILES = 16
};

static char part[96];

/* ---- the disk ---- */

static double disk_bytes;

static int add_file(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)path;
    (void)walk;
    disk_bytes += type == FTW_F ? (double)stat->st_blocks * 512 : 0;
    return 0;
}

/* Blocks that a node's directory takes; 0 when it cannot be walked. */
static double disk_of(const struct fleet_node *node)
{
    disk_bytes = 0;
    return nftw(node->dir, add_file, OPEN_FILES, FTW_PHYS) == 0 ? disk_bytes : 0;
}

static void note_disk(double bytes, size_t live)
{
    const struct figure each = {
        .part = part, .name = "disk, per live right, lights and driver", .unit = "B"};
    const struct figure million = {.part = part,
                                   .name = live == FULL_LIVE
                                               ? "disk, 1,000,000 live rights"
                                               : "disk, 1,000,000 live rights, extrapolated",
                                   .unit = "GB",
                                   .aim_type = AIM_AT_MOST,
                                   .aim = 1.5,
                                   .unmet = "each one is eight signed records, and what the "
                                            "node rules of them"};
    figure_add(&each, bytes / (double)live);
    figure_add(&million, bytes / (double)live * 1e6 / 1e9);
}

static void note_issued(double bytes, size_t live)
{
    const struct figure each = {
        .part = part, .name = "disk, per right and its custody, just issued", .unit = "B"};
    figure_add(&each, bytes / (double)live);
}

/* ---- loading ---- */

/* Live, and with nothing in their way but the barrier. */
static bool make(struct right_set *set)
{
    const struct fleet_node *node = &set->fleet->a;
    double before = disk_of(node);
    double begin = bench_now_s();
    bench_say("rights: %zu of them are being made: custody, issue", set->count);
    if (!right_set_open(set) || !right_set_issue(set, "beanr-haulier", NULL)) {
        return false;
    }
    note_issued(disk_of(node) - before, set->count);
    bench_say("rights: accepted, all lights, driver and truck");
    if (!right_set_accept(set, node, "beanr-haulier") || !right_set_lights(set) ||
        !right_set_assign(set)) {
        return false;
    }
    bench_say("rights: made, %.0f/s", (double)set->count / (bench_now_s() - begin));
    note_disk(disk_of(node) - before, set->count);
    return true;
}

static bool load(struct fleet *fleet, struct right_set *set, size_t bans)
{
    bench_say("rights: %zu bans are being signed", bans);
    json_t *said = fleet_child(fleet, "bans", &fleet->a, bans);
    bool good = said != NULL && fleet_start_all(fleet) && make(set);
    json_decref(said);
    return good;
}

/* ---- lists ---- */

static bool list(const struct fleet_node *node, size_t pages)
{
    static const struct {
        const char *path, *array, *name;
    } lists[] = {
        {"/v1/rights?party=beanr-haulier&limit=100", "rights",
         "GET /v1/rights?party&limit=100, p95 of its pages"},
        {"/v1/bans?limit=100", "bans", "GET /v1/bans?limit=100, p95 of its pages"},
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        const struct figure p95 = {.part = part,
                                   .name = lists[i].name,
                                   .unit = "ms",
                                   .aim_type = AIM_AT_MOST,
                                   .aim = 100};
        size_t rows;
        double ms;
        if (!pages_read(node, lists[i].path, lists[i].array, pages, &rows, &ms)) {
            return false;
        }
        figure_add(&p95, ms);
    }
    return true;
}

/* ---- all of it ---- */

/* collects_only: the rest is passed over. */
static bool with_many(const struct bench *bench, unsigned rounds, bool collects_only)
{
    struct fleet fleet;
    struct right_set set = {0};
    size_t live = bench->quick ? QUICK_LIVE : bench->full ? FULL_LIVE : LIVE;
    size_t bans = bench->quick ? QUICK_LIVE : bench->full ? FULL_BANS : LIVE_BANS;
    size_t transfers = bench->quick ? QUICK_TRANSFERS : TRANSFERS;
    size_t collects = bench->quick ? QUICK_LIVE : COLLECTS;
    snprintf(part, sizeof(part), "rights: %zu live and %zu bans loaded", live, bans);
    bool good = fleet_open(&fleet, bench, "rights") && right_set_init(&set, &fleet, 0, live) &&
                load(&fleet, &set, bans);
    unsigned others = collects_only ? 0 : rounds;
    for (unsigned i = 0; i < others && good; i++) {
        bench_say("rights: lists, round %u of %u", i + 1, others);
        good = list(&fleet.a, PAGES);
    }
    for (unsigned i = 0; i < others && good; i++) {
        bench_say("rights: transfers from port to port, round %u of %u", i + 1, others);
        good = bench_transfer(&fleet, live + i * transfers, transfers, part);
    }
    for (unsigned i = 0; i < rounds && good; i++) {
        bench_say("rights: collects, round %u of %u", i + 1, rounds);
        good = bench_limit_commit(bench) && bench_collect(&set, i * collects, collects, part);
    }
    right_set_deinit(&set);
    fleet_close(&fleet);
    return good;
}

static unsigned rounds_of(const struct bench *bench)
{
    return bench->quick ? 1 : 3;
}

bool bench_rights(const struct bench *bench)
{
    return with_many(bench, rounds_of(bench), false) && bench_bulk(bench);
}

bool bench_collects(const struct bench *bench)
{
    return with_many(bench, rounds_of(bench), true);
}
