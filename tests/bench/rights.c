/* Release rights with many of them and many bans loaded: what they take on the disk, how fast
 * they are listed, passed on and collected; and a bulk release to seven nodes.
 *
 * A live right here has come as far as the barrier: custody of its container is open, it was
 * issued, accepted by the haulier, all four lights are green, and driver and truck are named.
 * Custody, issue and driver are a signed record for each container; what was said of all alike
 * is one for 64 of them (right_bulk.c). A few are made with eight requests each over the socket
 * besides, for what that takes. 1,000,000 are loaded with --full only. */
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
    ALONE = 2000, /* made by eight requests each */
    QUICK_ALONE = 100,
    WAIT_S = 3600,
    SETTLED_S = 3, /* nothing more is ruled for so long */
    TOLD_S = 10,
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
        .part = part, .name = "disk, per live right, lights by the ship", .unit = "B"};
    const struct figure million = {.part = part,
                                   .name = live == FULL_LIVE
                                               ? "disk, 1,000,000 live rights"
                                               : "disk, 1,000,000 live rights, extrapolated",
                                   .unit = "GB",
                                   .aim_type = AIM_AT_MOST,
                                   .aim = 1.5,
                                   .unmet = "each one is three signed records, a part of five, "
                                            "and what the node rules of them"};
    figure_add(&each, bytes / (double)live);
    figure_add(&million, bytes / (double)live * 1e6 / 1e9);
}

static void note_each(const char *name, double bytes, size_t count)
{
    const struct figure each = {.part = part, .name = name, .unit = "B"};
    figure_add(&each, bytes / (double)count);
}

/* ---- loading ---- */

/* Runs a child on the stopped first node; number [out]: of what it says under a name. */
static bool child(struct fleet *fleet, const char *what, size_t count, const char *name,
                  double *number)
{
    json_t *said = fleet_child(fleet, what, &fleet->a, count);
    if (name != NULL) {
        *number = json_number_value(json_object_get(said, name));
    }
    json_decref(said);
    return said != NULL;
}

/* Says every TOLD_S how far a feed has come. */
static void tell_progress(const char *what, double size, double *told_s)
{
    if (bench_now_s() - *told_s >= TOLD_S) {
        bench_say("rights: %s, %.0f records", what, size);
        *told_s = bench_now_s();
    }
}

/* The second node fetches all that the first was loaded with. */
static bool catch_up(struct fleet *fleet)
{
    const struct figure rate = {
        .part = part, .name = "catch-up of the second node with them", .unit = "/s"};
    double begin = bench_now_s();
    double told_s = begin;
    double now_s = begin;
    bool good = fleet_start(fleet, &fleet->b) && fleet_start(fleet, &fleet->a);
    double first = fleet_size(&fleet->b, "beanr/1");
    double whole = fleet_size(&fleet->a, "beanr/1");
    double size = first;
    begin = bench_now_s();
    while (good && size < whole && now_s - begin < WAIT_S) {
        bench_pause_ms(200);
        size = fleet_size(&fleet->b, "beanr/1");
        now_s = bench_now_s();
        tell_progress("the other node holds", size, &told_s);
    }
    if (!good || size < whole) {
        return bench_fail("the other node has %.0f of %.0f records", size, whole);
    }
    if (size > first) {
        figure_add(&rate, (size - first) / (now_s - begin));
    }
    return true;
}

/* Until the first node rules nothing more, and the second has all of it. One record rules up to
 * 256 requests. */
static bool wait_ruled(const struct fleet *fleet)
{
    double size = 0;
    double begin_s = bench_now_s();
    double since_s = begin_s;
    double told_s = begin_s;
    double when_s;
    while (bench_now_s() - since_s < SETTLED_S && bench_now_s() - begin_s < WAIT_S) {
        double now = fleet_size(&fleet->a, "beanr/1");
        since_s = now == size ? since_s : bench_now_s();
        size = now;
        tell_progress("being ruled", size, &told_s);
        bench_pause_ms(200);
    }
    return fleet_wait_size(&fleet->b, "beanr/1", size, WAIT_S, &when_s);
}

/* Whether the last right was ruled. */
static bool is_ruled(const struct fleet *fleet, double last)
{
    struct client client = {.fd = -1};
    char id[RIGHT_ID_BYTES];
    snprintf(id, sizeof(id), "beanr/1:%.0f", last);
    bool good = client_open(&client, fleet->a.socket) &&
                right_wait(&client, id, "ACTIVE", "beanr-haulier", WAIT_S);
    client_close(&client);
    return good;
}

/* Live, and with nothing in their way but the barrier. bytes [out]: what they take. */
static bool make(struct fleet *fleet, size_t live, double *bytes)
{
    double before = disk_of(&fleet->a);
    double begin = bench_now_s();
    double last = 0;
    bench_say("rights: %zu of them are being made: custody, issue", live);
    if (!child(fleet, "issue", live, NULL, NULL)) {
        return false;
    }
    note_each("disk, per right and its custody, just issued", disk_of(&fleet->a) - before,
              live);
    bench_say("rights: accepted, all lights, driver and truck");
    if (!child(fleet, "pass", live, "last", &last)) {
        return false;
    }
    bench_say("rights: sent to the other node");
    /* A start asks the witness at once, and it has all now: else the next round is waited for.
     */
    if (!catch_up(fleet) || !fleet_stop(&fleet->a) || !fleet_stop(&fleet->b)) {
        return false;
    }
    bench_say("rights: ruled");
    if (!fleet_start_all(fleet) || !wait_ruled(fleet) || !is_ruled(fleet, last) ||
        !wait_ruled(fleet)) {
        return false;
    }
    bench_say("rights: made, %.0f/s", (double)live / (bench_now_s() - begin));
    *bytes = disk_of(&fleet->a) - before;
    note_disk(*bytes, live);
    return true;
}

/* Each step of each one a request over the socket, with a signature of its own. */
static bool make_alone(const struct fleet *fleet, uint64_t first, size_t count)
{
    struct right_set set = {0};
    double before = disk_of(&fleet->a);
    bench_say("rights: %zu more, each step a request of its own", count);
    bool good = right_set_init(&set, fleet, first, count) && right_set_open(&set) &&
                right_set_issue(&set, "beanr-haulier", NULL) &&
                right_set_accept(&set, &fleet->a, "beanr-haulier") && right_set_lights(&set) &&
                right_set_assign(&set);
    if (good) {
        note_each("disk, per live right, every step signed on its own",
                  disk_of(&fleet->a) - before, count);
    }
    right_set_deinit(&set);
    return good;
}

/* ---- what stays for another run ---- */

/* How many rights and bans, and what the rights take, which a copy does not say: it has holes
 * where there were zeros. Written when all is kept. */
static void loaded_path(char out[BENCH_PATH_BYTES], const struct bench *bench)
{
    snprintf(out, BENCH_PATH_BYTES, "%.4000s/rights/loaded.json", bench->dir);
}

static bool is_loaded(const struct bench *bench, size_t live, size_t bans, double *bytes)
{
    char path[BENCH_PATH_BYTES];
    loaded_path(path, bench);
    json_t *loaded = json_load_file(path, 0, NULL);
    bool same = json_integer_value(json_object_get(loaded, "rights")) == (json_int_t)live &&
                json_integer_value(json_object_get(loaded, "bans")) == (json_int_t)bans;
    *bytes = json_number_value(json_object_get(loaded, "bytes"));
    json_decref(loaded);
    return same;
}

static bool keep(struct fleet *fleet, size_t live, size_t bans, double bytes)
{
    char path[BENCH_PATH_BYTES];
    loaded_path(path, fleet->bench);
    bench_say("rights: kept for another run");
    if (!fleet_stop(&fleet->a) || !fleet_stop(&fleet->b) || !fleet_keep(fleet, &fleet->a) ||
        !fleet_keep(fleet, &fleet->b)) {
        return false;
    }
    json_t *loaded = json_pack("{s:I, s:I, s:f}", "rights", (json_int_t)live, "bans",
                               (json_int_t)bans, "bytes", bytes);
    bool good = loaded != NULL && json_dump_file(loaded, path, 0) == 0;
    json_decref(loaded);
    fleet->stays = good;
    return (good || bench_fail("%s cannot be written", path)) && fleet_start_all(fleet);
}

/* The nodes come together once before, so that the circle's key is there, and the spool. */
static bool load(struct fleet *fleet, size_t live, size_t bans)
{
    double bytes;
    bench_say("rights: %zu bans are being signed", bans);
    if (!fleet_open(fleet, fleet->bench, "rights") || !child(fleet, "bans", bans, NULL, NULL)) {
        return false;
    }
    fleet->patience_s = WAIT_S;
    if (!fleet_start_all(fleet) || !fleet_stop(&fleet->a) || !fleet_stop(&fleet->b)) {
        return false;
    }
    return make(fleet, live, &bytes) && (!fleet->bench->keep || keep(fleet, live, bans, bytes));
}

static bool load_or_reopen(struct fleet *fleet, size_t live, size_t bans)
{
    const struct bench *bench = fleet->bench;
    double bytes;
    if (!bench->keep || !is_loaded(bench, live, bans, &bytes)) {
        return load(fleet, live, bans);
    }
    bench_say("rights: %zu of them stayed from another run", live);
    note_disk(bytes, live);
    bool good = fleet_reopen(fleet, bench, "rights");
    fleet->patience_s = WAIT_S;
    return good && fleet_start_all(fleet);
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
    struct fleet fleet = {.bench = bench};
    struct right_set set = {0};
    size_t live = bench->quick ? QUICK_LIVE : bench->full ? FULL_LIVE : LIVE;
    size_t bans = bench->quick ? QUICK_LIVE : bench->full ? FULL_BANS : LIVE_BANS;
    size_t transfers = bench->quick ? QUICK_TRANSFERS : TRANSFERS;
    size_t alone = collects_only ? 0 : bench->quick ? QUICK_ALONE : ALONE;
    size_t collects = bench->quick ? QUICK_LIVE : COLLECTS;
    snprintf(part, sizeof(part), "rights: %zu live and %zu bans loaded", live, bans);
    bool good = right_set_init(&set, &fleet, 0, live) && load_or_reopen(&fleet, live, bans) &&
                (alone == 0 || make_alone(&fleet, live, alone));
    unsigned others = collects_only ? 0 : rounds;
    for (unsigned i = 0; i < others && good; i++) {
        bench_say("rights: lists, round %u of %u", i + 1, others);
        good = list(&fleet.a, PAGES);
    }
    for (unsigned i = 0; i < others && good; i++) {
        bench_say("rights: transfers from port to port, round %u of %u", i + 1, others);
        good = bench_transfer(&fleet, live + alone + i * transfers, transfers, part);
    }
    for (unsigned i = 0; i < others && good; i++) {
        bench_say("rights: a bulk release, round %u of %u", i + 1, others);
        good = bench_bulk_loaded(
            &fleet, live + alone + others * transfers + (uint64_t)i * BULK_RIGHTS, part);
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
